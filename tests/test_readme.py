"""The README says what is so."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_link_and_picture_leads_somewhere():
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", README)
    assert "notebooks/hill_or_piles.png" in targets
    for target in targets:
        assert (ROOT / target).exists(), target


def test_every_notebook_is_in_the_table_in_order():
    rows = re.findall(r"^\| \[(\d\d) .+?\]\(notebooks/(.+?)\)", README, re.MULTILINE)
    names = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert rows == [(name[:2], name) for name in names]


def test_commands_are_targets_of_the_makefile():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    text = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    commands = set(re.findall(r"make (\w+)", text))
    assert {"lab", "lint", "test", "notebooks", "bench"} <= commands <= targets


def test_fits_on_a_screen():
    # (But for the table of notebooks, which may grow.)
    assert len([line for line in README.splitlines() if not line.startswith("|")]) <= 46
