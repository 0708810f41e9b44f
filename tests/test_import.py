import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import initlab

ROOT = Path(initlab.__file__).parent
# The core in the order in which it is read, as the package itself says.
_, _, LIST = initlab.__doc__.partition("The core, in the order in which to read it")
CORE = re.findall(r"``(\w+)``", LIST.partition("\n\n")[0])
FOLDERS = ["_engine", "experiments", "plotting", "classroom", "explorers", "workbook"]


def may_import(room):
    """Return the rooms that a room may import from, beside itself."""
    if room in CORE:
        return {"_engine", *CORE[: CORE.index(room)]}
    return {
        "_engine": set(),
        "experiments": {"_engine", *CORE},
        "plotting": {"_engine", *CORE, "experiments"},
        "classroom": {"_engine", *CORE, "experiments"},
        "explorers": {"_engine", *CORE, "experiments", "plotting", "classroom"},
        "workbook": set(),
        "__init__": {*CORE, "experiments"},
    }[room]


SLOW = ["matplotlib", "ipywidgets", "IPython", "sklearn", "joblib", "scipy", "tqdm", "pandas"]
SLOW += ["filelock"]
FILES = sorted(ROOT.rglob("*.py"))


def module_of(path):
    """Return the room a file belongs to: its own name, or that of its folder."""
    return path.relative_to(ROOT).with_suffix("").parts[0]


def name_of(path):
    return str(path.relative_to(ROOT))


each_file = pytest.mark.parametrize("path", FILES, ids=name_of)


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(tree):
    """Yield the full name of all that a syntax tree imports, wherever it does so, and the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: write imports out, from initlab..."
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def imported_rooms(tree):
    """Return the rooms of the library that a syntax tree imports from."""
    for name, line in imports(tree):
        package, room, *_ = f"{name}.".split(".")
        if package == "initlab":
            yield room if room in (*CORE, *FOLDERS) else "__init__", line


def uses_of_global_randomness(tree):
    """Return what a syntax tree takes from a generator that nobody handed it."""
    names = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    used = [name for name in names if re.search(r"\.random\.(?!Generator$|default_rng$)\w+$", name)]
    return used + [name for name, _ in imports(tree) if re.match(r"random\b|numpy\.random\.", name)]


# What computes and neither draws nor teaches.
ROOMS = [*CORE, "_engine", "experiments"]


@pytest.mark.parametrize(
    ("names", "needed"),
    [
        ("initlab", set()),
        (", ".join(f"initlab.{room}" for room in [*ROOMS, "classroom"]), set()),
        ("initlab.explorers", {"ipywidgets", "IPython"}),
    ],
)
def test_imports_are_quick_nothing_slow_comes_with_them(names, needed):
    program = f"import json, sys, {names}; print(json.dumps(sorted(sys.modules)))"
    settings = {"env": os.environ | {"PYTHONPATH": str(ROOT.parent)}, "text": True}
    output = subprocess.check_output([sys.executable, "-c", program], **settings)
    loaded = {name.split(".")[0] for name in json.loads(output)}
    assert {"initlab", "numpy"} <= loaded
    assert loaded & set(SLOW) == needed


def test_all_names_what_is_imported():
    imported = [name.rpartition(".")[2] for name, _ in imports(tree_of(ROOT / "__init__.py"))]
    assert sorted(imported) == sorted(initlab.__all__)


def test_every_module_has_its_place():
    assert {module_of(path) for path in FILES} == {*CORE, *FOLDERS, "__init__"}


@each_file
def test_a_module_imports_only_what_it_may(path):
    room = module_of(path)
    wrong = [
        f"line {line}: {room} imports {other}"
        for other, line in imported_rooms(tree_of(path))
        if other not in may_import(room) and not (other == room and room in FOLDERS)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "rooms"),
    [
        ("import initlab.layers", ["layers"]),
        ("import initlab", ["__init__"]),
        ("from initlab import initializers as init, MLP", ["initializers", "__init__"]),
        ("from initlab.training import train", ["training"]),
        ("def f():\n    from initlab.theory import chi", ["theory"]),
        ("import numpy as np\nfrom pathlib import Path", []),
    ],
)
def test_imports_are_found_wherever_they_stand(source, rooms):
    assert [room for room, _ in imported_rooms(ast.parse(source))] == rooms


@each_file
def test_a_module_draws_only_from_the_generator_it_is_handed(path):
    assert uses_of_global_randomness(tree_of(path)) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("np.random.seed(0)", 1),
        ("x = numpy.random.standard_normal(3)", 1),
        ("import random", 1),
        ("from numpy.random import randn", 1),
        ("np.random.default_rng(0).standard_normal(3)", 0),
        ("isinstance(rng, np.random.Generator)", 0),
    ],
)
def test_global_randomness_is_found(source, count):
    assert len(uses_of_global_randomness(ast.parse(source))) == count


@pytest.mark.parametrize(
    "path",
    # The bar is shown only where a caller asks for it, and its room does nothing else.
    [path for path in FILES if module_of(path) in ROOMS and path.stem != "progress"],
    ids=name_of,
)
def test_rooms_that_compute_neither_print_nor_plot(path):
    tree = tree_of(path)
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [call.lineno for call in calls if getattr(call, "id", None) == "print"] == []
    loaded = {name.split(".")[0] for name, _ in imports(tree)}
    assert loaded.isdisjoint({"matplotlib", "ipywidgets", "IPython", "tqdm"})
