"""How many faults do the tests find? Plant some, one at a time, and see which turn a test red.

    python benchmarks/faults.py --count 60 --seed 20261126

Each fault is one small change of the library: a sign, a factor, an axis, a precision, a seed, a
copy, a lock, a guard, a way to open a file. They are drawn over all these kinds and over all
modules. The tests (without notebooks and browser) run on a copy of the checkout, those of the
changed module first. What no test finds is printed: either one is missing, or the change makes no
difference.
"""

import argparse
import ast
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
SWAPPED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Lt: ast.GtE,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.GtE: ast.Lt,
}
LOCKS = ("lock", "turn", "one_blas_thread")
FILES = {"a": "w", "ab": "wb", "utf-8-sig": "ascii", "rb": "ab"}


def change(node):
    """Return (kind, the changed part, its new text) for a node, or None if it stays."""
    match node:
        case ast.BinOp(op=op) if type(op) in SWAPPED and not holds_text(node):
            return "formula", node, ast.BinOp(node.left, SWAPPED[type(op)](), node.right)
        case ast.Compare(ops=[op]) if type(op) in SWAPPED:
            return "formula", node, ast.Compare(node.left, [SWAPPED[type(op)]()], node.comparators)
        case ast.Constant(value=float() | int() as value) if value not in (0, 1):
            return (
                "factor",
                node,
                ast.Constant(value + 1 if isinstance(value, int) else 1.5 * value),
            )
        case ast.keyword(arg="axis"):
            return "axis", node.value, ast.parse("0" if "-1" in ast.unparse(node) else "-1").body[0]
        case ast.Attribute(attr="float64" | "float32"):
            other = {"float64": "float32", "float32": "float64"}[node.attr]
            return "precision", node, ast.Attribute(node.value, other)
        case ast.Call(func=ast.Attribute(attr="default_rng"), args=[_]):
            return "seed", node.args[0], ast.Constant(7)
        case ast.Call(func=ast.Attribute(attr="spawn"), args=[count]):
            same = f"[{ast.unparse(node.func.value)}] * {ast.unparse(count)}"
            return "seed", node, ast.parse(same).body[0]
        case ast.Call(func=ast.Attribute(value=value, attr="copy"), args=[]):
            return "copy", node, value
        case ast.Call(func=ast.Attribute(value=ast.Name(id="copy")), args=[value]):
            return "copy", node, value
        case ast.withitem(context_expr=lock) if any(name in ast.unparse(lock) for name in LOCKS):
            nothing = "__import__('contextlib').nullcontext()"
            return "thread", lock, ast.parse(nothing).body[0]
        case ast.Constant(value=str() as text) if text in FILES:
            return "file", node, ast.Constant(FILES[text])
        case ast.keyword(arg="allow_pickle" | "timeout"):
            return "file", node.value, ast.Constant(True)
        case ast.If(test=test, body=[ast.Raise()]):
            return "guard", test, ast.Constant(False)


def holds_text(node):
    """Return whether an operation is about text."""
    return any(isinstance(part, ast.JoinedStr) for part in ast.walk(node))


def drawn(count, seed):
    """Return the faults: kinds in turn, and each time a module that has places of this kind."""
    choice = random.Random(seed).choice
    found = {}
    for path in sorted((CHECKOUT / "lib").rglob("*.py")):
        name, lines = path.relative_to(CHECKOUT).as_posix(), path.read_text("utf-8").splitlines()
        for node in ast.walk(ast.parse("\n".join(lines))):
            kind, part, new = change(node) or (None, node, node)
            if kind and part.lineno == part.end_lineno:
                old = lines[part.lineno - 1]
                start, end = part.col_offset, part.end_col_offset
                changed = f"{old[:start]}{ast.unparse(new)}{old[end:]}"
                fault = {
                    "kind": kind,
                    "file": name,
                    "line": part.lineno,
                    "old": old,
                    "new": changed,
                }
                found.setdefault(kind, {}).setdefault(name, []).append(fault)
    faults = []
    for kind in itertools.cycle(sorted(found)):
        fault = choice(found[kind][choice(sorted(found[kind]))])
        if fault not in faults:  # of some kinds there are but a few
            faults.append(fault)
        if len(faults) == count:
            return faults


def planted(source, fault):
    """Return a module with the fault in it: in the line, of those that read so, nearest to its."""
    lines = source.splitlines(keepends=True)
    same = [i for i, line in enumerate(lines) if line.rstrip("\n") == fault["old"]]
    place = min(same, key=lambda i: abs(i + 1 - fault["line"]))
    lines[place] = fault["new"] + "\n"
    return "".join(lines)


def is_caught(fault, copy):
    """Plant a fault in a copy of the checkout, run the tests, and take it out again."""
    path = copy / fault["file"]
    before = path.read_text("utf-8")
    path.write_text(planted(before, fault), "utf-8")
    own = [str(file) for file in (copy / "tests").glob("test_*.py") if path.stem in file.stem]
    try:
        return bool(own and tests_fail(copy, own)) or tests_fail(copy, [])
    finally:
        path.write_text(before, "utf-8")


def tests_fail(copy, files):
    """Return whether some tests fail, or don't end within ten minutes; without files, all tests."""
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environment = os.environ | threads | {"PYTHONPATH": str(copy / "lib")}
    left_out = ["--ignore=tests/browser", "--ignore=tests/notebooks"]
    what = files or ["-n", "2", *left_out, "tests"]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *what]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=600, cwd=copy, env=environment)
    except subprocess.TimeoutExpired:
        return True
    return ended.returncode > 0


def main():
    """Draw the faults, plant them, and say which were not found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--faults", type=Path, help="plant those of this JSON file instead")
    parser.add_argument("--draw", action="store_true", help="only print them, as JSON")
    chosen = parser.parse_args()
    if chosen.faults:
        faults = json.loads(chosen.faults.read_text("utf-8"))
    else:
        faults = drawn(chosen.count, chosen.seed)
    if chosen.draw:
        print(json.dumps(faults, indent=1))
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(CHECKOUT, copy, ignore=shutil.ignore_patterns(".venv*", ".git", "build"))
        if tests_fail(copy, []):
            sys.exit("the tests fail without any fault")
        caught = 0
        for number, fault in enumerate(faults, start=1):
            found = is_caught(fault, copy)
            caught += found
            print(f"{number:3} {'caught' if found else 'MISSED'} {fault['kind']:9}", end=" ")
            print(f"{fault['file']}: {fault['old'].strip()} -> {fault['new'].strip()}", flush=True)
    print(f"{caught} of {len(faults)} turned a test red")


if __name__ == "__main__":
    main()
