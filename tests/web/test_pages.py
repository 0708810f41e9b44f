"""What is in the pages: texts, figures with their words, bets, and no address outside."""

import html
import json
import re

import build
import pages
import pytest
import tables
from site_of_pages import ROOT, notebook_of

import initlab
from initlab.activations import ACTIVATIONS
from initlab.classroom import Prediction, prediction
from initlab.explorers import FoldSettings
from initlab.initializers import DISTRIBUTIONS

OUTSIDE = re.compile(r"""<(?:script|img|link|iframe|source)[^>]*\b(?:src|href)=["']?(\w+:)?//""")
PLACE = re.compile(
    r'<div class="initlab-(place|bet-place)".*?<script type="application/json">(.*?)</script>', re.S
)


def page_of(site, name):
    return (site / f"{name}.html").read_text("utf-8")


def told(site, name, kind):
    return [json.loads(data) for found, data in PLACE.findall(page_of(site, name)) if found == kind]


def figures_of(notebook):
    """Return the alternative text of each figure that is no explorer, and that of each explorer."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                yield output["metadata"].get("image/png", {}).get("alt", "")


def test_each_figure_has_the_words_of_its_notebook(site, names):
    for name in names:
        shown = re.findall(r'<img class="initlab-figure"[^>]* alt="([^"]*)"', page_of(site, name))
        assert [html.unescape(words) for words in shown] == list(figures_of(notebook_of(name)))
        for path in re.findall(r'<img class="initlab-figure" src="([^"]*)"', page_of(site, name)):
            assert (site / path).is_file()


def test_no_page_loads_anything_from_elsewhere(site):
    for path in site.glob("*.html"):
        assert not OUTSIDE.search(path.read_text("utf-8")), path.name
    for path in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(\w+:)?//", path.read_text("utf-8")), path


def test_check_cells_are_gone_and_folded_code_is_folded(site, names):
    for name in names:
        page = page_of(site, name)
        code = [cell for cell in notebook_of(name)["cells"] if cell["cell_type"] == "code"]
        shown = [cell for cell in code if "check" not in cell["metadata"].get("tags", [])]
        assert len(shown) < len(code) or name > "08"  # part two has no check cells yet
        assert len(re.findall(r'<div class="cell[ "]', page)) == len(shown)
        assert "of_check" not in page
        assert page.count("tag_hide-input") == sum(map(pages.is_folded, shown)) > 0


def test_formulas_are_set(site, names):
    for name in names:
        text = "".join("".join(cell["source"]) for cell in notebook_of(name)["cells"])
        page = page_of(site, name)
        assert ('class="katex"' in page) == ("$" in text)
        assert not re.search("<script[^>]*mathjax", page, re.IGNORECASE)
        assert "katex-error" not in page


def test_each_explorer_has_a_place_and_its_tables_have_been_shipped(site, names):
    for name in names:
        saved = pages.explorers_of(notebook_of(name))
        places = told(site, name, "place")
        assert [place["kind"] for place in places] == [one["kind"] for one in saved]
        for place, one in zip(places, saved, strict=True):
            first = tables.name_of(tables.read(one["kind"], one["state"])[1])
            assert first in place["tables"].values()
            assert (site / "tables" / f"{first}.js").is_file()


def test_each_bet_is_on_its_page_with_the_answer_that_was_measured(
    site, names, monkeypatch, capsys
):
    for name in names:
        notebook = notebook_of(name)
        bets = told(site, name, "bet-place")
        source = "\n".join("".join(cell["source"]) for cell in notebook["cells"])
        assert len(bets) == len(re.findall(r"^\w+ = Prediction\(", source, re.M))
        for bet in bets:
            monkeypatch.setattr(prediction, "_SLIPS", {})
            asked = Prediction(bet["question"], dict(bet["choices"]) or None, unit=bet["unit"])
            numbers = {"spread": (bet["low"], bet["high"])} if bet.get("spread") else {}
            asked.reveal(bet["answer"], **numbers)
            assert capsys.readouterr().out == f"{bet['said']}\n"  # as in the notebook
            assert f"tag_until-{bet['id']}" in page_of(site, name)


def test_a_bet_hides_its_measurement_and_the_figures_that_follow(site):
    # By hand, from the notebook: in the third the layers' stds, their picture and the numbers.
    hidden = re.findall(r"tag_until-([a-z-]+)", page_of(site, "00_start_here"))
    assert {name: hidden.count(name) for name in hidden} == {
        "first-bet": 1,
        "second-bet": 1,
        "third-bet": 3,
    }


def test_the_cover_tells_what_each_notebook_asks_and_pages_tell_nothing_of_jupyter(site, names):
    cover = page_of(site, "index")
    for name in names:
        begin = "".join(notebook_of(name)["cells"][0]["source"])
        (question,) = re.findall(r"^\*\*(.*)\*\*$", begin, re.M)
        assert html.escape(question, quote=False) in cover
        assert "In Jupyter, " not in page_of(site, name)


def test_a_folder_with_other_files_is_not_emptied(tmp_path, monkeypatch):
    (tmp_path / "manual.md").write_text("mine", "utf-8")
    monkeypatch.setattr("sys.argv", ["build.py", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="other files"):
        build.main()
    assert [path.name for path in tmp_path.iterdir()] == ["manual.md"]


@pytest.mark.parametrize(
    ("printed", "numbers"),
    [
        ("Measured: 6.29 (5.75 to 7.32)", (6.29, 5.75, 7.32)),
        ("Measured: 32,900 times (14,400 to 69,300)", (32900, 14400, 69300)),
        ("Measured: 850 steps", (850, 765, 935)),
        ("You bet: 9\nMeasured: 9 (8 to 10)\nYou knew it", (9, 8, 10)),
    ],
)
def test_a_measured_number_is_read_with_its_spread(printed, numbers):
    output = {"output_type": "stream", "text": [printed]}
    cell = {"source": ["one.reveal(3)"], "outputs": [output]}
    found = pages._measured(cell, {"name": "one", "choices": []}, ["one"])
    assert (found["answer"], found["low"], found["high"]) == pytest.approx(numbers)


def test_a_page_is_small_before_a_table_is_asked_for(site, names):
    for name in names:
        page = page_of(site, name)
        linked = re.findall(r'(?:src|href)="([^"?]+\.(?:js|css))', page)
        parts = [len(page.encode())] + [(site / path).stat().st_size for path in set(linked)]
        assert sum(parts) < 400_000, name


def test_the_notebooks_can_be_downloaded_without_checks_and_outputs(site, names):
    for name in names:
        assert f'href="notebooks/{name}.ipynb"' in page_of(site, name)
        cells = json.loads((site / "notebooks" / f"{name}.ipynb").read_text("utf-8"))["cells"]
        assert not any(cell.get("outputs") for cell in cells)
        assert not any("check" in cell["metadata"].get("tags", []) for cell in cells)


def test_links_between_pages_lead_somewhere(site, names):
    pattern = r'<a [^>]*href="([^"#:]+)(?:#([^"]*))?"'
    for path in site.glob("*.html"):
        for target, anchor in re.findall(pattern, path.read_text("utf-8")):
            stem = target.partition(".")[0]
            if (ROOT / "notebooks" / f"{stem}.ipynb").is_file() and stem not in names:
                continue  # not among the pages that were built
            assert (site / target).is_file(), f"{path.name}: {target}"
            if anchor and target.endswith(".html"):
                assert f'id="{anchor}"' in (site / target).read_text("utf-8"), (path.name, target)


def test_all_activations_and_initializers_are_offered_for_five_layers_of_a_hundred(site):
    (place,) = told(site, "index", "place")
    offered = {one["name"]: one["options"] for one in place["controls"]}
    assert offered == {"activation": list(ACTIVATIONS), "initializer": list(DISTRIBUTIONS)}
    assert len(place["tables"]) == len(ACTIVATIONS) * len(DISTRIBUTIONS)
    assert len(set(place["tables"].values())) == len(place["tables"])


def test_trainings_are_recorded_by_start_and_rate_from_several_seeds():
    (one,) = pages.explorers_of(notebook_of("05_mnist"))
    settings = pages.offered_by(**one)
    starts, rates, seeds = (
        {getattr(other, name) for other in settings} for name in ("start", "rate", "seed")
    )
    assert min(len(starts), len(rates), len(seeds)) >= 3
    assert len(settings) == len(starts) * len(rates) * len(seeds)
    assert settings[0] == tables.read(one["kind"], one["state"])[1]


def test_tables_are_made_once_until_a_source_changes(tmp_path):
    kept, wanted = tmp_path / "kept", [FoldSettings(), FoldSettings(width=10)]
    assert tables.write(tmp_path / "first", wanted, kept) == 2
    assert tables.write(tmp_path / "second", wanted[:1], kept) == 0
    assert len(list((tmp_path / "second").iterdir())) == 1
    (kept / "made_by.txt").write_text("an older source", "utf-8")
    assert tables.write(tmp_path / "third", wanted, kept) == 2
    name = f"{tables.name_of(wanted[0])}.js"
    first, third = ((tmp_path / folder / name).read_bytes() for folder in ("first", "third"))
    assert first == third


def test_the_version_of_tables_follows_their_sources_and_the_data(tmp_path, monkeypatch):
    library = tmp_path / "lib" / "initlab"
    for part in ("explorers/std.py", "classroom/score.py", "layers.py"):
        (library / part).parent.mkdir(parents=True, exist_ok=True)
        (library / part).write_text("1", "utf-8")
    data = tmp_path / "data" / "mnist.npz"
    data.parent.mkdir()
    data.write_text("1", "utf-8")
    monkeypatch.setattr(initlab, "__file__", str(library / "__init__.py"))
    version = tables.version.__wrapped__
    first = version()
    (library / "classroom" / "score.py").write_text("2", "utf-8")
    assert version() == first
    for path in (library / "explorers" / "std.py", library / "layers.py", data):
        path.write_text("2", "utf-8")
        assert version() != first
        path.write_text("1", "utf-8")
