"""What is in the pages: texts, figures with their words, bets, and no address outside."""

import html
import json
import re

import pages
import pytest
import tables
from conftest import ROOT, notebook_of

from initlab.classroom import Prediction, prediction

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
        assert "of_check" not in page
        folded = [
            cell
            for cell in notebook_of(name)["cells"]
            if cell["cell_type"] == "code"
            and pages.is_folded(cell)
            and "check" not in cell["metadata"].get("tags", [])
        ]
        assert page.count("tag_hide-input") == len(folded)


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


def test_each_bet_is_on_its_page_with_the_answer_that_was_measured(site, names, monkeypatch):
    for name in names:
        notebook = notebook_of(name)
        bets = told(site, name, "bet-place")
        source = "\n".join("".join(cell["source"]) for cell in notebook["cells"])
        assert len(bets) == len(re.findall(r"^\w+ = Prediction\(", source, re.M))
        for bet in bets:
            monkeypatch.setattr(prediction, "_SLIPS", {})
            asked = Prediction(bet["question"], dict(bet["choices"]) or None, unit=bet["unit"])
            right = bet["answer"]
            spread = {} if bet["choices"] else {"spread": (bet["low"], bet["high"])}
            asked.reveal(right, **spread)  # an answer that the bet itself takes
            if bet["choices"]:
                assert bet["said"] == f"Measured ({right}): {dict(bet['choices'])[right]}"
            else:
                assert bet["low"] <= right <= bet["high"]
            assert f"tag_until-{bet['id']}" in page_of(site, name)


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
