"""The student's own copies: filled, updated, and never lost."""

import json
import os
import shutil

import pytest

from initlab import workbook
from initlab.classroom import score


def cell(source, kind="code", tags=(), **parts):
    made = {"cell_type": kind, "id": "a", "metadata": {"tags": list(tags)}, "source": source}
    if kind == "code":
        made |= {"outputs": [{"output_type": "stream"}], "execution_count": 3}
    return made | parts


def save(path, *cells):
    text = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    path.write_text(text, encoding="utf-8")


def sources(path):
    return ["".join(each["source"]) for each in json.loads(path.read_text("utf-8"))["cells"]]


def run(path):
    """Do to a copy what running it in JupyterLab does."""
    notebook = json.loads(path.read_text("utf-8"))
    for each in notebook["cells"]:
        if each["cell_type"] == "code":
            each |= {"outputs": [{"output_type": "stream"}], "execution_count": 1}
    notebook["cells"].append(cell("\n"))  # JupyterLab adds an empty cell at the end
    notebook["metadata"]["kernelspec"] = {"name": "python3"}
    path.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.fixture
def rooms(tmp_path):
    """Return a folder of originals and a workbook filled from it."""
    originals, folder = tmp_path / "notebooks", tmp_path / "work book"
    originals.mkdir()
    for name in ("00_a", "01_b"):
        save(
            originals / f"{name}.ipynb",
            cell("# Title", "markdown"),
            cell(["x = 1\n", "print(x)"]),
            cell("assert x == 1", tags=["check"]),
        )
    assert workbook.fill(folder, originals) == {}
    return originals, folder


def update(originals, text="# Better"):
    save(originals / "00_a.ipynb", cell(text, "markdown"), cell("x = 2"))


def shown(folder):
    """What JupyterLab lists."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_the_copies_have_no_outputs_and_no_checks_and_nothing_else_is_in_the_list(rooms):
    originals, folder = rooms
    assert shown(folder) == ["00_a.ipynb", "01_b.ipynb"]
    copy = json.loads((folder / "00_a.ipynb").read_text("utf-8"))
    assert [each["cell_type"] for each in copy["cells"]] == ["markdown", "code"]
    assert (copy["cells"][1]["outputs"], copy["cells"][1]["execution_count"]) == ([], None)
    assert len(sources(originals / "00_a.ipynb")) == 3


def test_what_was_changed_stays_and_the_new_version_comes_beside_it_once(rooms):
    originals, folder = rooms
    copy, new, page = (folder / name for name in ("00_a.ipynb", "00_a (new).ipynb", workbook._PAGE))
    save(copy, cell("# Mine", "markdown"))
    before = copy.read_bytes()
    assert workbook.fill(folder, originals) == {}  # the original is the same: nothing to offer
    update(originals)
    for _ in range(2):
        assert workbook.fill(folder, originals) == {"00_a.ipynb": new.name}
        assert sources(new) == ["# Better", "x = 2"]
        assert "`00_a.ipynb` is yours" in page.read_text("utf-8")
    run(new)
    update(originals, "# Best")
    assert workbook.fill(folder, originals) == {"00_a.ipynb": new.name}  # in place of the last
    assert copy.read_bytes() == before
    save(new, cell("# Mine, too", "markdown"))
    assert workbook.fill(folder, originals) == {}
    update(originals, "# Perfect")
    assert workbook.fill(folder, originals) == {"00_a.ipynb": "00_a (new 2).ipynb"}
    (folder / "00_a (new 2).ipynb").unlink()
    assert workbook.fill(folder, originals) == {}  # it was thrown away
    assert shown(folder) == [new.name, "00_a.ipynb", "01_b.ipynb"]
    assert sources(new) == ["# Mine, too"]
    copy.unlink()
    assert workbook.fill(folder, originals) == {}
    assert sources(copy) == ["# Perfect", "x = 2"]


def test_what_was_only_run_is_replaced_and_kept_aside(rooms):
    originals, folder = rooms
    copy = folder / "00_a.ipynb"
    for number, text in enumerate(("# Better", "# Best"), start=1):
        run(copy)
        ran = copy.read_bytes()
        assert workbook.fill(folder, originals) == {}
        assert copy.read_bytes() == ran  # there is no other version yet
        update(originals, text)
        assert workbook.fill(folder, originals) == {}
        assert sources(copy) == [text, "x = 2"]
        kept = list((folder / workbook._KEPT).iterdir())
        assert len(kept) == number
        assert ran in [path.read_bytes() for path in kept]


def test_a_notebook_that_left_the_series_goes_unless_it_was_changed(rooms):
    originals, folder = rooms
    save(folder / "01_b.ipynb", cell("mine"))
    shutil.rmtree(originals)
    originals.mkdir()
    save(originals / "02_c.ipynb", cell("new"))
    workbook.fill(folder, originals)
    assert shown(folder) == ["01_b.ipynb", "02_c.ipynb"]
    assert [path.name for path in (folder / workbook._KEPT).iterdir()] == ["00_a.ipynb"]


def test_the_score_of_the_bets_is_neither_handed_out_nor_taken_away(rooms):
    originals, folder = rooms
    (originals / score.FILE).write_text("{}", "utf-8")
    workbook.fill(folder, originals)
    assert not (folder / score.FILE).exists()
    (folder / score.FILE).write_text("mine", "utf-8")
    update(originals)
    workbook.fill(folder, originals)
    assert (folder / score.FILE).read_text("utf-8") == "mine"


@pytest.mark.parametrize("file", [workbook._RECORD, "00_a.ipynb"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"cells": [3]}', b"\xff\xfe"])
def test_what_is_damaged_is_taken_for_changed(rooms, file, content):
    originals, folder = rooms
    (folder / file).write_bytes(content)
    before = (folder / "00_a.ipynb").read_bytes()
    update(originals)
    assert workbook.fill(folder, originals) == {"00_a.ipynb": "00_a (new).ipynb"}
    assert (folder / "00_a.ipynb").read_bytes() == before


def test_a_full_disk_loses_nothing(rooms, monkeypatch, capsys):
    originals, folder = rooms
    run(folder / "00_a.ipynb")
    update(originals)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workbook, "ORIGINALS", originals)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(SystemExit, match=r"can't be filled.*No space left.*Nothing of yours"):
        workbook.main([str(folder)])
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_the_command_says_where_the_notebooks_are_and_what_is_new(rooms, monkeypatch, capsys):
    originals, folder = rooms
    monkeypatch.setattr(workbook, "ORIGINALS", originals)
    save(folder / "00_a.ipynb", cell("mine"))
    update(originals)
    workbook.main([str(folder)])
    said = capsys.readouterr().out
    assert "00_a.ipynb is yours, and was left alone" in said
    assert str(folder) in said
    file = folder / "a file"
    file.write_text("", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"a file.* can't be filled"):
        workbook.main([str(file)])
    monkeypatch.setattr(workbook, "ORIGINALS", folder / "none")
    with pytest.raises(SystemExit, match="get the whole checkout"):
        workbook.main([str(folder)])


def test_the_series_itself_can_be_handed_out(tmp_path):
    workbook.fill(tmp_path)
    names = [path.name for path in sorted(workbook.ORIGINALS.glob("*.ipynb"))]
    assert shown(tmp_path) == names != []
