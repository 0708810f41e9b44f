"""The README says what is so."""

import re
from pathlib import Path

from initlab import experiments
from initlab import initializers as init

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_link_and_picture_leads_somewhere():
    targets = re.findall(r"\]\((?!https?://)([^)#]+)\)", README)
    assert "notebooks/five_histograms.png" in targets
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


def test_the_number_under_the_picture_is_measured():
    quoted = float(re.search(r"moves by\s+(0\.\d+)", README)[1])
    measured = experiments.five_layers(init.xavier_normal(), seed=0).layers[4].across_input_std
    assert abs(quoted - measured) < 0.000005
    assert experiments.five_layers(init.normal(10.0), seed=0).layers[4].across_input_std > 0.1


def test_fits_on_a_screen():
    # (But for the table of notebooks, which may grow.)
    assert len([line for line in README.splitlines() if not line.startswith("|")]) <= 46
