"""Every exercise as it stands in its notebook: the stub is no answer, the solution is one."""

import ast
import json
import re
from pathlib import Path

import pytest

from initlab import classroom

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def cells_of(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"])) for cell in cells]


def exercises():
    """Yield notebook, stub with its check, and the text that follows it."""
    for path in NOTEBOOKS:
        cells = cells_of(path)
        for index, (kind, source) in enumerate(cells):
            if kind == "code" and re.search(r"^check_\w+\(", source, re.MULTILINE):
                yield pytest.param(path, source, cells[index + 1], id=f"{path.stem[:2]}-{index}")


def names_imported_in(path):
    """Run a notebook's imports alone: an exercise must need no other cell."""
    found = {}
    for kind, source in cells_of(path):
        if kind == "code":
            for node in ast.parse(source).body:
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    exec(ast.unparse(node), found)
    return found


def answer_to(source, names):
    """Run a cell; return the value of its last line, which is the check's answer."""
    *body, last = ast.parse(source).body
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@pytest.mark.parametrize(("path", "stub", "following"), list(exercises()))
def test_the_stub_is_missing_and_the_solution_is_correct(path, stub, following):
    names = names_imported_in(path)
    assert answer_to(stub, names).state == "still missing"

    kind, text = following
    assert kind == "markdown"
    assert text.startswith("<details><summary>Solution</summary>\n\n```python\n")
    solution, *_ = re.findall(r"```python\n(.*?)```.*?</details>", text, re.DOTALL)
    check = stub.strip().splitlines()[-1]
    assert answer_to(f"{solution}\n{check}", names).state == "correct"


def test_every_check_is_used_once():
    used = [
        name for param in exercises() for name in re.findall(r"^check_\w+", param.values[1], re.M)
    ]
    assert sorted(used) == sorted(name for name in classroom.__all__ if "check_" in name)
