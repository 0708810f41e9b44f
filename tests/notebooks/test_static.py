"""What can be said of a notebook without running it."""

import ast
import json
import re
import symtable
from itertools import pairwise
from pathlib import Path

import pytest
from nbconvert import HTMLExporter

from initlab.classroom import ledger

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ALLOWED_TAGS = {"nbval-ignore-output", "check"}
EXPLORER = "application/vnd.initlab.explorer+json"
# Not yet in the form of the second edition; later this list is empty, and goes.
FIRST_EDITION = ["order_and_chaos", "remedies"]

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
second_edition = pytest.mark.parametrize(
    "path", [p for p in NOTEBOOKS if p.stem[3:] not in FIRST_EDITION], ids=lambda path: path.stem
)


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def cells(path, kind):
    return [cell for cell in load(path)["cells"] if cell["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def text_of(path):
    return "\n\n".join(source(cell) for cell in cells(path, "markdown"))


def is_check(cell):
    return "check" in cell["metadata"].get("tags", [])


def names_in(source):
    """Return the names that a cell binds at its top level, and all names that stand in it."""
    top = symtable.symtable(source, "cell", "exec")
    bound = {name.get_name() for name in top.get_symbols() if name.is_assigned()}
    tables = [top]
    for table in tables:
        tables += table.get_children()
    return bound, {name.get_name() for table in tables for name in table.get_symbols()}


def what_is_run(cell):
    """Return a cell's code without the bodies of functions, which say nothing by themselves."""
    body = ast.parse(source(cell)).body
    return "\n".join(ast.unparse(node) for node in body if not isinstance(node, ast.FunctionDef))


def code_of(path):
    return "\n".join(source(cell) for cell in cells(path, "code"))


def test_the_series_is_numbered_part_one_without_a_gap():
    numbers = [re.match(r"(\d\d)_", path.stem)[1] for path in NOTEBOOKS]
    assert numbers == sorted(set(numbers))
    assert numbers[:8] == [f"{n:02}" for n in range(8)]


@every_notebook
def test_is_executed_from_top_to_bottom(path):
    counts = [cell["execution_count"] for cell in cells(path, "code")]
    assert counts == list(range(1, len(counts) + 1))


@every_notebook
def test_every_cell_that_prints_or_draws_has_kept_its_output(path):
    for cell in cells(path, "code"):
        says = r"^\s*print\(|\.reveal\(|plt\.subplots|Prediction\("
        if re.search(says, what_is_run(cell), re.MULTILINE):
            assert cell["outputs"], source(cell)


@every_notebook
def test_every_figure_is_kept_as_a_picture(path):
    for cell in cells(path, "code"):
        if "plt.subplots" in what_is_run(cell):
            kinds = [kind for output in cell["outputs"] for kind in output.get("data", {})]
            assert "image/png" in kinds, source(cell)


@every_notebook
def test_no_output_is_an_error_or_on_stderr(path):
    for cell in cells(path, "code"):
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr"


@every_notebook
def test_no_timing_no_widget_state_and_small(path):
    assert path.stat().st_size < 1_000_000
    assert "widgets" not in load(path)["metadata"]
    for cell in load(path)["cells"]:
        assert set(cell["metadata"]) <= {"tags", "jupyter"}
        assert cell["metadata"].get("jupyter") in (None, {"source_hidden": True})


@every_notebook
def test_tags_are_known(path):
    tags = [tag for cell in load(path)["cells"] for tag in cell["metadata"].get("tags", [])]
    assert set(tags) <= ALLOWED_TAGS


@every_notebook
def test_bets_before_the_first_measurement(path):
    code = code_of(path)
    bets = re.findall(r"^(\w+) = Prediction\(", code, re.MULTILINE)
    assert bets
    for bet in bets:
        (shown,) = [m.start() for m in re.finditer(rf"^{bet}$", code, re.MULTILINE)]
        reveal = [m.start() for m in re.finditer(rf"\b{bet}\.reveal\(", code)]
        assert code.index(f"{bet} = Prediction(") < shown < min(reveal), bet
    # In what is published, nobody has bet: a bet is stored as its question.
    assert ".commit(" not in code
    for cell in cells(path, "code"):
        outputs = json.dumps(cell["outputs"])
        assert not re.search(r"You bet|You knew|[Nn]obody bet|Bets won", outputs)
        if "= Prediction(" in source(cell):
            assert [list(output["data"]) for output in cell["outputs"]] == [["text/plain"]]


@every_notebook
def test_a_check_is_folded_says_nothing_and_leaves_nothing_behind(path):
    # That it draws from no shared generator and changes no network is seen when it runs: outputs
    # are saved without the checks, and compared with a run that has them.
    code = cells(path, "code")
    for cell in filter(is_check, code):
        assert cell["metadata"]["jupyter"] == {"source_hidden": True}
        assert cell["outputs"] == []
        bound, _ = names_in(source(cell))
        for other in code:
            also_bound, read = names_in(source(other))
            own = also_bound if is_check(other) else set()
            assert other is cell or not bound & (read - own), source(cell)


@second_edition
def test_asserts_stand_in_checks_alone_and_each_check_has_one(path):
    for cell in cells(path, "code"):
        asserts = re.search(r"^\s*(assert\b|np\.testing\.)", source(cell), re.MULTILINE)
        assert bool(asserts) == is_check(cell), source(cell)


@second_edition
def test_every_picture_is_described_where_each_reader_gets_it(path):
    for cell in cells(path, "code"):
        assert "plt.show(" not in source(cell)
        for output, below in pairwise([*cell["outputs"], {}]):
            data = output.get("data", {})
            if "image/png" in data:
                words = output["metadata"]["image/png"]["alt"]
                assert len(words.split()) >= 5, words
                if EXPLORER not in data:
                    assert "".join(below["data"]["text/plain"]) == words


@every_notebook
def test_explorers_have_kept_a_picture_and_their_state(path):
    for cell in cells(path, "code"):
        shown = re.match(r"(\w*Explorer)\(|explorer$", source(cell).splitlines()[-1])
        if shown:
            (output,) = cell["outputs"]
            assert len(output["metadata"]["image/png"]["alt"].split()) >= 5
            assert shown[1] in (output["data"][EXPLORER]["kind"], None)
            assert len(output["data"][EXPLORER]["state"].split()) >= 3


def test_a_page_without_a_kernel_shows_every_picture():
    page, _ = HTMLExporter().from_filename(NOTEBOOKS[0])
    outputs = [output for cell in cells(NOTEBOOKS[0], "code") for output in cell["outputs"]]
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    assert len(re.findall(r"<img[^>]*data:image/png", page)) == pictures > 5
    assert "widget-view" not in page


@every_notebook
def test_what_is_folded_is_closed(path):
    text = text_of(path)
    assert text.count("<details>") == text.count("</details>") == text.count("<summary>")


@every_notebook
def test_stored_verdicts_are_of_the_present_claims(path):
    # Most stand in outputs that are not compared: an old text must not stay there.
    outputs = [output for cell in cells(path, "code") for output in cell["outputs"]]
    printed = "\n".join("".join(output.get("text", "")) for output in outputs)
    tables = ["".join(output.get("data", {}).get("text/markdown", "")) for output in outputs]
    claims = re.findall(r"^Claim (\d+): (.*)$", printed, re.MULTILINE)
    claims += re.findall(r"^\| (\d+) \| (.+?) \|", "\n".join(tables), re.MULTILINE)
    for number, text in claims:
        assert text == ledger.CLAIMS[int(number)].text
    verdicts = re.findall(r"^Verdict: (.*)$", printed, re.MULTILINE)
    assert verdicts or path.stem not in {claim.notebook for claim in ledger.CLAIMS.values()}
    assert {verdict.strip() for verdict in verdicts} <= {"holds", "false", "half true"}


@every_notebook
def test_cells_fit_on_a_projector(path):
    for cell in cells(path, "code"):
        lines = source(cell).splitlines()
        assert len(lines) <= 32, source(cell)
        assert max(map(len, lines)) <= 100, source(cell)


@every_notebook
@pytest.mark.parametrize(
    "forbidden",
    [
        r"^\s*[%!]",
        r"sys\.path",
        r"import \*",
        r"np\.random\.(?!default_rng|Generator)",
        r";$",  # hides a value from Jupyter, but not from the comparison of outputs
        r"@interact",
        r"warnings",
        r"urllib|requests|load_openml",
    ],
)
def test_code_keeps_the_house_rules(path, forbidden):
    assert not re.search(forbidden, code_of(path), re.MULTILINE)


@every_notebook
def test_links_between_notebooks_lead_somewhere(path):
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", text_of(path)):
        assert (path.parent / target).exists(), target


@every_notebook
def test_outputs_name_no_place_of_the_machine_they_ran_on(path):
    outputs = json.dumps([cell["outputs"] for cell in cells(path, "code")])
    without_pictures = re.sub(r'"image/png": "[^"]*"', "", outputs)
    assert not re.search(
        r"[A-Z]:\\\\|/(home|Users|tmp|root|mnt|work)/|0x[0-9a-f]{6}", without_pictures
    )


@every_notebook
def test_what_a_cell_prints_is_one_output(path):
    # A slow print splits in two, at another line each time: the file would differ at every run.
    for cell in cells(path, "code"):
        names = [output.get("name") for output in cell["outputs"]]
        assert all(a != b or a is None for a, b in pairwise(names)), source(cell)
