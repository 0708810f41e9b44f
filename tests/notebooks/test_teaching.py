"""The notes for teachers: what they say of the notebooks can be read off the notebooks."""

import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
TEXT = (FOLDER / "TEACHING.md").read_text(encoding="utf-8")
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# Heading, file and body of the section of each notebook.
SECTIONS = re.findall(r"^## \[(.+?)\]\((.+?)\): (.+?)$(.*?)(?=^## |\Z)", TEXT, re.M | re.S)


def text_of(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def test_each_notebook_has_its_section():
    assert [name for _, name, _, _ in SECTIONS] == [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize(("title", "name", "minutes", "body"), SECTIONS, ids=lambda x: x[:12])
def test_title_and_minutes_are_those_of_the_notebook(title, name, minutes, body):
    first, *_ = text_of(FOLDER / name).split("\n## ")
    number, heading = re.match(r"# (\d\d) - (.+)", first).groups()
    assert title == f"{number} {heading}"
    assert name.startswith(f"{number}_")
    in_class, *without = map(int, re.findall(r"\d+", minutes))
    opening = re.search(r"(\d+) minutes in class(?:, or (\d+) without)?", first)
    assert [in_class, *without] == [int(value) for value in opening.groups() if value]


def test_the_routes_take_as_long_as_their_notebooks():
    takes = {name[:2]: int(re.match(r"\d+", minutes)[0]) for _, name, minutes, _ in SECTIONS}
    routes = re.findall(r"\| ((?:\d\d, )+\d\d|00 to 10, all in order): (\d+) minutes", TEXT)
    assert len(routes) == 4
    for route, minutes in routes:
        stops = takes if "all" in route else route.split(", ")
        assert sum(takes[stop] for stop in stops) == int(minutes), route


@pytest.mark.parametrize(("title", "name", "minutes", "body"), SECTIONS, ids=lambda x: x[:12])
def test_the_minutes_go_by_the_headings_of_the_notebook(title, name, minutes, body):
    headings = re.findall(r"^#+ (.+)$", text_of(FOLDER / name), re.M)
    for places in re.findall(r"^\| \d+ \| (.+?) \|", body, re.M):
        for place in re.findall(r"\*(.+?)\*", places):
            assert place in headings, place


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT))
def test_links_lead_somewhere(target):
    assert (FOLDER / target).exists()
