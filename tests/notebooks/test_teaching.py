"""The notes for teachers: what they say of the notebooks can be read off the notebooks."""

import json
import re
from pathlib import Path

import pytest

from initlab.classroom.ledger import CLAIMS, OURS

FOLDER = Path(__file__).parents[2] / "notebooks"
TEXT = (FOLDER / "TEACHING.md").read_text(encoding="utf-8")
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# Heading, file and body of the section of each notebook.
SECTIONS = re.findall(r"^## \[(.+?)\]\((.+?)\): (.+?)$(.*?)(?=^## |\Z)", TEXT, re.M | re.S)


def text_of(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def outputs_of(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join(
        "".join(output["text"])
        for cell in cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream"
    )


def test_each_notebook_has_its_section():
    assert [name for _, name, _, _ in SECTIONS] == [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize(("title", "name", "minutes", "body"), SECTIONS, ids=lambda x: x[:12])
def test_title_and_minutes_are_those_of_the_notebook(title, name, minutes, body):
    first, *_ = text_of(FOLDER / name).split("\n## ")
    number, heading = re.match(r"# (\d\d) - (.+)", first).groups()
    assert title == f"{number} {heading}"
    in_class, *without = map(int, re.findall(r"\d+", minutes))
    opening = re.search(r"(\d+) minutes in class(?:, or (\d+) without)?", first)
    assert [in_class, *without] == [int(value) for value in opening.groups() if value]
    header, _, numbers = re.search(r"(?:^\|.+\|\n){3}", body, re.M).group().splitlines()
    parts = dict(
        zip(header.strip("| ").split(" | "), numbers.strip("| ").split(" | "), strict=True)
    )
    assert parts.pop("Exercises").startswith("+")
    assert sum(map(int, parts.values())) == in_class
    if without:
        assert in_class - int(parts["Explain"]) == without[0]


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT))
def test_links_lead_somewhere(target):
    assert (FOLDER / target).exists()


WORDS = {"hold": "holds", "holds": "holds", "half true": "half true", "false": "false"}
ANY_WORD = "|".join(WORDS)


def measured_in(name):
    body = next(body for _, file, _, body in SECTIONS if file == name)
    return " ".join(body.split("**Measured.**")[1].split())


def numbers_in(text):
    return list(map(int, re.findall(r"\d+", text)))


@pytest.mark.parametrize("path", NOTEBOOKS[:-1], ids=lambda path: path.stem)
def test_verdicts_are_those_that_the_notebook_found(path):
    found = re.findall(r"^Claim (\d+): .*\n.*\nVerdict: ([a-z ]+) \(", outputs_of(path), re.M)
    told = {}  # e.g. "Claims 3 and 5 hold, claim 4 is false."
    for sentence in re.findall(r"[Cc]laims? [^.]*\.", measured_in(path.name)):
        for numbers, word in re.findall(rf"([\d, and]+) (?:is |are |)({ANY_WORD})\b", sentence):
            told |= dict.fromkeys(numbers_in(numbers), WORDS[word])
    assert told == {int(number): word for number, word in found}
    assert set(told) == {number for number in CLAIMS if CLAIMS[number].notebook == path.stem}


def test_all_verdicts_are_those_of_the_last_notebook():
    cells = json.loads(NOTEBOOKS[-1].read_text(encoding="utf-8"))["cells"]
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    (table,) = ("".join(data["text/plain"]) for data in shown if "text/markdown" in data)
    found = {int(number): word for number, word in re.findall(r"(\d+) (.+)", table)}
    measured = measured_in(NOTEBOOKS[-1].name)
    told = {}  # "Of 14 claims 5 hold (1, 3, 5, 14, 15), ...; the four of our own (13, ...) hold."
    for count, word, numbers in re.findall(rf"(\d+) (?:are )?({ANY_WORD}) \(([\d, ]+)\)", measured):
        assert int(count) == len(numbers_in(numbers))
        told |= dict.fromkeys(numbers_in(numbers), WORDS[word])
    own, word = re.search(r"our own \(([\d, ]+)\) (\w+)", measured).groups()
    assert numbers_in(own) == list(OURS)
    assert told | dict.fromkeys(OURS, WORDS[word]) == found
    assert set(found) == set(CLAIMS)
