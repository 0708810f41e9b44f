import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from initlab.classroom import ledger
from initlab.classroom.ledger import CLAIMS, OURS, LedgerTable, Row, verdict, with_spread
from initlab.experiments import Symmetry

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
HOLDS, FALSE, HALF, DEPENDS = "holds", "false", "half true", "depends on the draw"


def seeds(*values):
    return np.array(values, dtype=float)


def symmetry(rank, difference, loss):
    """Two looks: at the start, with numbers that no claim may use, and at the end."""
    return Symmetry(
        np.array([0, 300]),
        np.array([[0.7, value] for value in difference]),
        np.array([[9, value] for value in rank]),
        np.array([[99.0, value] for value in loss]),
    )


# ------------------------------------------------------------------------------------ the verdict


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ([[True]], HOLDS),
        ([[False]], FALSE),
        ([[True], [False]], HALF),
        ([[True, True], [True, True]], HOLDS),
        ([[False, False], [False, False]], FALSE),
        ([[True, True], [False, False], [True, True]], HALF),
        ([[True, False]], DEPENDS),
        ([[True, True, True, False]], DEPENDS),
        ([[True, True], [True, False]], DEPENDS),
        ([[False, False], [True, False]], DEPENDS),
        ([[True, True], [False, False], [False, True]], DEPENDS),
        # Seen with one seed or the other, but not both with both: no part always was.
        ([[True, False], [False, True]], DEPENDS),
        ([[True], [False, False, False]], HALF),
    ],
)
def test_the_verdict_follows_from_what_was_seen(parts, word):
    assert verdict(parts) == word
    assert verdict([np.array(part) for part in parts]) == word


def test_the_verdict_on_any_two_parts_and_three_seeds():
    outcomes = [list(part) for part in product([True, False], repeat=3)]
    words = set()
    for first, second in product(outcomes, repeat=2):
        if all(first + second):
            expected = HOLDS
        elif not any(first + second):
            expected = FALSE
        elif len(set(first)) == len(set(second)) == 1:
            expected = HALF
        else:
            expected = DEPENDS
        assert verdict([first, second]) == verdict([second, first]) == expected
        words.add(expected)
    assert words == {HOLDS, FALSE, HALF, DEPENDS}


@pytest.mark.parametrize("parts", [[], [[]], [[True], []], [np.empty(0, bool)], [[], [False]]])
def test_there_is_no_verdict_without_anything_to_judge_by(parts):
    with pytest.raises(ValueError, match=r"^parts=\[.* must hold at least one.* one seed"):
        verdict(parts)


@pytest.mark.parametrize(
    ("values", "form", "text"),
    [
        ([0.3, 0.1, 0.2], ".1f", "0.2 (0.1 to 0.3)"),
        ([1, 2, 4, 8], ".1f", "3.0 (1.0 to 8.0)"),
        ([0.5], ".1%", "50.0%"),
        ([0.3001, 0.3002, 0.3004], ".3f", "0.300"),
        ([0.30, 0.30, 0.34], ".2f", "0.30 (0.30 to 0.34)"),
        ([0.95, 0.945], ".0%", "95% (94% to 95%)"),
    ],
)
def test_a_spread_is_the_median_and_from_the_least_to_the_greatest(values, form, text):
    assert with_spread(values, form) == text
    assert with_spread(np.array(values), form) == text


def test_a_spread_has_three_decimals_unless_told_otherwise():
    assert with_spread([2.30249, 2.3]) == "2.301 (2.300 to 2.302)"


# ---------------------------------------------------------------------------- a row, and the table


def test_a_row_in_print():
    row = Row(3, "All is well.", HOLDS, "one part", "0.5 (0.4 to 0.6)", "02_weights_of_zero")
    assert str(row) == (
        "Claim 3: All is well.\nMeasured: 0.5 (0.4 to 0.6)\nVerdict: holds (one part)"
    )


def rows():
    return [
        Row(12, "Beta.", FALSE, "one part", "9", "06_mnist"),
        Row(2, "Gamma.", HALF, "seen: 1 of 2 parts", "8", "01_weights_too_large"),
        Row(7, "Alpha.", DEPENDS, "seen: 1 of 3 parts", "7", "04_xavier"),
    ]


def test_the_table_has_a_line_for_each_row_in_order_and_links_to_the_notebook():
    given = rows()
    table = LedgerTable(given)
    assert table._repr_markdown_().split("\n") == [
        "| | claim | verdict | measured or read | notebook |",
        "|---|---|---|---|---|",
        "| 2 | Gamma. | **half true** | 8 | [01](01_weights_too_large.ipynb) |",
        "| 7 | Alpha. | **depends on the draw** | 7 | [04](04_xavier.ipynb) |",
        "| 12 | Beta. | **false** | 9 | [06](06_mnist.ipynb) |",
    ]
    assert repr(table) == " 2 half true\n 7 depends on the draw\n12 false"
    assert [row.number for row in table.rows] == [2, 7, 12]
    assert given == rows()


def cells(line):
    # A bar after a backslash belongs to the text.
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_a_bar_in_what_was_measured_does_not_break_the_table():
    row = Row(1, "Small.", HOLDS, "one part", "|f'| at most 0.25", "04_xavier")
    lines = LedgerTable([row])._repr_markdown_()
    assert cells(lines.split("\n")[-1]) == [
        "1",
        "Small.",
        "**holds**",
        r"\|f'\| at most 0.25",
        "[04](04_xavier.ipynb)",
    ]


def test_an_empty_table_is_its_head():
    assert len(LedgerTable([])._repr_markdown_().split("\n")) == 2


# ------------------------------------------------------------------------------------- the claims


def test_claims_are_numbered_in_order_differ_and_name_a_notebook_that_is_there():
    assert list(CLAIMS) == list(range(1, len(CLAIMS) + 1))
    assert len({claim.text for claim in CLAIMS.values()}) == len(CLAIMS)
    for claim in CLAIMS.values():
        assert (NOTEBOOKS / f"{claim.notebook}.ipynb").is_file()
        assert re.fullmatch(r"[^|\n]+\.", claim.text)


def test_the_series_own_claims_are_marked_and_the_others_are_those_that_notebook_09_bets_on():
    assert all(text.startswith("(ours) ") is ours for text, _, ours in CLAIMS.values())
    assert tuple(number for number, claim in CLAIMS.items() if claim.ours) == OURS
    verdict = (NOTEBOOKS / "09_the_verdict.ipynb").read_text(encoding="utf-8")
    assert f"of the article's {len(CLAIMS) - len(OURS)} claims" in verdict


def test_a_claim_is_entered_where_its_judge_stands(monkeypatch):
    monkeypatch.setattr(ledger, "CLAIMS", {})

    @ledger.claim(99, "Snow is white.", "00_start_here", ours=True)
    def claim_99(white, *, deep):
        """Judge by two seeds."""
        return [white, deep], "seen from here"

    assert ledger.CLAIMS == {99: ("(ours) Snow is white.", "00_start_here", True)}
    assert claim_99.__name__ == "claim_99"
    assert claim_99.__doc__ == "Judge by two seeds."
    row = claim_99([True, True], deep=[False, False])
    assert row == Row(
        99,
        "(ours) Snow is white.",
        HALF,
        "seen: 1 of 2 parts",
        "seen from here",
        "00_start_here",
    )


# For each claim: measurements like those of the notebooks, the verdict, and some of the numbers.
FOUND = {
    1: (
        [np.array([[0.96, 0.95], [0.95, 0.93]])],
        HOLDS,
        ["94.8% (94.0% to 95.5%)", "94.0% (93.0% to 95.0%)"],
    ),
    2: (
        [
            np.array([[7.4, 0.1], [5.4, 0.1], [9.0, 0.1]]),
            np.array([[1e-20, 2e-18], [1e-29, 1e-19], [0, 0]]),
            np.array([[0.29, 0.1], [0.2, 0.1], [0.2, 0.1]]),
        ],
        HALF,
        ["2e-18", "layer 1 over layer 2: x 74 (54 to 90)", "at most 29%"],
    ),
    3: ([np.full((3, 2, 4, 5), 0.5)], HOLDS, ["0.5: 0"]),
    4: ([np.array([[0, 0, 0.25], [0, 0, 0.27]])], FALSE, ["1 to 2: 0;", "3: 0.26 (0.25 to 0.27)"]),
    5: (
        [
            symmetry([1, 1, 1], [0, 1e-9, 1e-10], [1.77, 1.78, 1.8]),
            symmetry([30, 30, 28], [0.5, 0.5, 0.4], [0.41, 0.42, 0.43]),
        ],
        HOLDS,
        ["1 of equal", "28 of different", "1.78 (1.77 to 1.80)", "0.42 (0.41 to 0.43)"],
    ),
    6: (
        [
            np.array([[1.0, 0.49, 0.44]] * 2),
            np.array([[10.0, 6.5, 6.3]] * 2),
            np.array([[0.7, 0.5, 0.45], [0.7, 0.5, 0.49]]),
        ],
        HALF,
        ["10.0 in layer 1", "6.3 in layer 3", "saturated there: 47% (45% to 49%)"],
    ),
    7: (
        [
            np.array([[0.21, 0.12], [0.21, 0.14]]),
            np.array([[0.2, 0.0006], [0.2, 0.0008]]),
            seeds(2.301, 2.303),
        ],
        HALF,
        [
            "layer 2",
            "0.13 (0.12 to 0.14)",
            "0.00070 (0.00060 to 0.00080)",
            "2.302 (2.301 to 2.303)",
        ],
    ),
    8: ([seeds(0.385, 0.407), seeds(2.301, 2.303)], HALF, ["0.396 (0.385", "2.302 (2.301"]),
    9: ([[0.0476, 0.1], [0.0357, 0.1]], FALSE, ["0.048 or 0.036, 0.100 or 0.100"]),
    10: ([seeds(0.305, 0.324), seeds(2.299, 2.302)], FALSE, ["0.315 (0.305", "(2.299 to 2.302)"]),
    11: ([(784, 100, 100, 100, 100, 10)], HALF, ["(read) 5 layers, of 100, 100, 100, 100, 10"]),
    12: (
        [seeds(0.22, 0.23), seeds(0.30, 0.32), seeds(2.29, 2.31), seeds(2.300, 2.302)],
        HALF,
        ["He 0.225 (", "0.01 2.301 (", "coded 0.310 (", "labelled 2.300 ("],
    ),
    13: (
        [{"wider": seeds(0.8, 0.9), "faster": seeds(0.34, 0.34), "tanh": seeds(2.3, 2.3)}],
        HOLDS,
        ["wider: 0.85 (0.80 to 0.90)", "faster: 0.34", "tanh: 2.30"],
    ),
    14: (
        [
            seeds(2.30, 2.31),
            seeds(2.29, 2.30),
            seeds(0.67, 0.69),
            seeds(0.82, 0.86),
            seeds(0.01, 0.02),
            seeds(0.3, 0.5),
        ],
        HOLDS,
        [
            "without 2.30",
            "steps 2.29",
            "RBMs 0.68 (0.67",
            "autoencoders 0.84 (0.82",
            "0.01 (0.01 to 0.02) without",
            "0.4 (0.3 to 0.5) with RBMs",
        ],
    ),
    15: (
        [{5: seeds(0.5, 0.6), 20: seeds(2.3, 2.3)}, {5: seeds(0.4, 0.5), 20: seeds(0.5, 0.7)}],
        HOLDS,
        ["5 layers: Xavier 0.55", "He 0.45", "20 layers: Xavier 2.30", "He 0.60 (0.50 to 0.70)"],
    ),
    16: (
        [1.7606, seeds(0.32, 0.41), seeds(0.88, 0.89), seeds(0.1, 0.1)],
        HOLDS,
        ["1.761", "there 88% (88% to 89%)", "below 36% (32% to 41%)", "above 10%"],
    ),
    17: (
        [{"PyTorch": 0.408}, {"Keras": 0.707, "JAX": 0.71}],
        HOLDS,
        ["(Xavier: 0.71): PyTorch 0.41; (read) Keras 0.71; (read) JAX 0.71"],
    ),
    18: (
        [
            {"small": seeds(2.3, 2.3), "He": seeds(1.4, 1.6), "large": seeds(np.nan, np.nan)},
            {"small": seeds(0.4, 0.5), "He": seeds(0.4, 0.5), "large": seeds(0.8, 0.9)},
        ],
        HOLDS,
        ["of 3 starts learned: without 0.5 (0 to 1); with it 3"],
    ),
}


def judge(number, *measurements):
    return getattr(ledger, f"claim_{number}")(*measurements).verdict


def test_every_claim_has_one_function_of_its_number():
    functions = {name for name in vars(ledger) if name.startswith("claim_")}
    assert functions == {f"claim_{number}" for number in CLAIMS}
    assert set(FOUND) == set(CLAIMS)


@pytest.mark.parametrize("number", FOUND)
def test_what_the_notebooks_find_and_how_it_is_told(number):
    measurements, word, numbers = FOUND[number]
    row = getattr(ledger, f"claim_{number}")(*measurements)
    assert (row.number, row.verdict) == (number, word)
    assert (row.claim, row.notebook) == (CLAIMS[number].text, CLAIMS[number].notebook)
    for text in numbers:
        assert text in row.measured
    assert "\n" not in row.measured
    assert len(cells(LedgerTable([row])._repr_markdown_().split("\n")[-1])) == 5


def test_a_row_tells_how_many_parts_were_seen_with_every_seed():
    def seen(*tanh_and_sigmoid):
        return ledger.claim_8(*(seeds(*losses) for losses in tanh_and_sigmoid)).seen

    assert seen([0.4, 0.4], [0.4, 0.4]) == "seen: 2 of 2 parts"
    assert seen([0.4, 0.4], [2.3, 2.3]) == "seen: 1 of 2 parts"
    assert seen([0.4, 0.4], [0.4, 2.3]) == "seen: 1 of 2 parts"
    assert seen([0.4, 2.3], [0.4, 2.3]) == "seen: 0 of 2 parts"
    assert ledger.claim_1(np.array([[0.95]])).seen == "one part"
    assert ledger.claim_1(np.array([[0.15]])).seen == "one part"


@pytest.mark.parametrize("number", FOUND)
def test_what_was_seen_goes_with_the_verdict(number):
    row = getattr(ledger, f"claim_{number}")(*FOUND[number][0])
    if row.seen != "one part":
        seen, parts = map(int, re.fullmatch(r"seen: (\d) of (\d) parts", row.seen).groups())
        assert parts > 1
        assert row.verdict == {0: FALSE, parts: HOLDS}.get(seen, HALF)


# -------------------------------------------- each rule, at its thresholds and when a seed dissents
# Where a claim has several parts, the other parts are given as seen.


@pytest.mark.parametrize(
    ("saturated", "word"),
    [
        ([[0.91, 0.99], [0.901, 0.95]], HOLDS),
        ([[0.99, 0.9], [0.89, 0.99]], FALSE),
        ([[0.95, 0.95], [0.89, 0.99]], DEPENDS),
        ([[0.95]], HOLDS),
    ],
)
def test_claim_1_every_layer_is_saturated(saturated, word):
    assert judge(1, np.array(saturated)) == word


GROWS, SHRINKS = [[2.0, 3.0, 1.0]] * 2, [[0.49, 3.0, 1.0]] * 2
TINY, LARGE = [[1e-20, 9e-11, 0]] * 2, [[1e-20, 1e-9, 0]] * 2
STUCK, MOVED = [[0.1, 0.51, 0.2]] * 2, [[0.5, 0.4, 0.3]] * 2


@pytest.mark.parametrize(
    ("rms", "median", "always", "word"),
    [
        (SHRINKS, TINY, STUCK, HOLDS),
        (GROWS, LARGE, MOVED, FALSE),
        (GROWS, TINY, STUCK, HALF),
        (SHRINKS, LARGE, STUCK, HALF),
        (SHRINKS, TINY, MOVED, HALF),
        ([[0.5, 3.0, 1.0]] * 2, LARGE, MOVED, FALSE),
        ([GROWS[0], SHRINKS[0]], TINY, STUCK, DEPENDS),
        (SHRINKS, [TINY[0], LARGE[0]], STUCK, DEPENDS),
        (SHRINKS, TINY, [STUCK[0], MOVED[0]], DEPENDS),
    ],
)
def test_claim_2_the_gradient_vanishes_and_no_input_moves_the_neurons(rms, median, always, word):
    assert judge(2, np.array(rms), np.array(median), np.array(always)) == word


def test_claim_3_not_one_activation_is_off_one_half():
    h = np.full((3, 2, 4, 5), 0.5)
    assert judge(3, h) == HOLDS
    h[1, 1, 3, 4] = np.nextafter(0.5, 1)
    assert judge(3, h) == DEPENDS
    assert judge(3, h[1:2]) == FALSE
    row = ledger.claim_3(np.full((2, 7), 0.25))
    assert row.verdict == FALSE
    assert row.measured.endswith("0.5: 0.25")


@pytest.mark.parametrize(
    ("rms", "word"),
    [
        ([[0, 0, 0.25], [0, 0, 0.25]], FALSE),
        ([[0.126, 0, 0.25], [0.6, 0.1, 0.5]], HOLDS),
        ([[0.125, 0.2, 0.25], [1e-9, 0.3, 0.25]], FALSE),
        ([[0, 0, 0.25], [0.2, 0.2, 0.25]], DEPENDS),
    ],
)
def test_claim_4_more_than_half_of_the_gradient_arrives_in_layer_1(rms, word):
    assert judge(4, np.array(rms)) == word


@pytest.mark.parametrize(
    ("rank", "difference", "equal_loss", "word"),
    [
        ([1, 1], [9e-7, 0], [1.01, 1.2], HOLDS),
        ([2, 3], [0, 0], [0.99, 0.9], FALSE),
        ([1, 1], [1e-6, 1e-5], [0.9, 0.9], FALSE),
        ([1, 1], [0, 0], [0.99, 0.9], HALF),
        ([2, 2], [0, 0], [1.2, 1.2], HALF),
        ([1, 2], [0, 0], [1.2, 1.2], DEPENDS),
        ([1, 1], [0, 1e-3], [1.2, 1.2], DEPENDS),
        ([1, 1], [0, 0], [1.2, 0.9], DEPENDS),
    ],
)
def test_claim_5_equal_neurons_stay_equal_and_learn_less(rank, difference, equal_loss, word):
    different = symmetry([30, 30], [0.5, 0.5], [0.5, 0.5])
    assert judge(5, symmetry(rank, difference, equal_loss), different) == word


WIDER, NARROWER = [[1, 0.4, 0.5]] * 2, [[1, 5, 0.5]] * 2
GROWING, FALLING = [[2.0, 3.0, 3.1]] * 2, [[2.0, 3.0, 2.9]] * 2
FULL, HALF_FULL = [[0, 0, 0.91]] * 2, [[0.99, 0.99, 0.9]] * 2


@pytest.mark.parametrize(
    ("std_input", "std_z", "saturated", "word"),
    [
        (WIDER, GROWING, FULL, HOLDS),
        (NARROWER, FALLING, HALF_FULL, FALSE),
        (NARROWER, GROWING, FULL, HALF),
        (WIDER, FALLING, FULL, HALF),
        (WIDER, GROWING, HALF_FULL, HALF),
        (GROWING, GROWING, FULL, HALF),  # as wide as before is not wider
        (WIDER, [[3.0, 3.0, 4.0]] * 2, FULL, HALF),
        (WIDER, [[3.0, 2.0, 4.0]] * 2, FULL, HALF),
        ([WIDER[0], NARROWER[0]], GROWING, FULL, DEPENDS),
        (WIDER, [GROWING[0], FALLING[0]], FULL, DEPENDS),
        (WIDER, GROWING, [FULL[0], HALF_FULL[0]], DEPENDS),
    ],
)
def test_claim_6_every_layer_widens_more_and_more_up_to_saturation(
    std_input, std_z, saturated, word
):
    assert judge(6, np.array(std_input), np.array(std_z), np.array(saturated)) == word


@pytest.mark.parametrize(
    ("pooled", "loss", "word"),
    [
        ([[0.2, 0.051]] * 2, [1.49, 0.3], HOLDS),
        ([[0.2, 0.05]] * 2, [1.5, 2.3], FALSE),
        ([[0.2, 0.06]] * 2, [2.3, 2.3], HALF),
        ([[0.04, 0.2]] * 2, [0.5, 0.5], HALF),
        ([[0.2, 0.06]] * 2, [2.3, 0.9], DEPENDS),
        ([[0.2, 0.06], [0.2, 0.04]], [2.3, 2.3], DEPENDS),
        # A moderate spread is not at both ends either.
        ([[0.49, 0.49]] * 2, [0.5, 0.5], HALF),
        ([[0.49, 0.49]] * 2, [2.3, 2.3], FALSE),
        ([[0.28, 0.289]] * 2, [0.5, 0.5], HOLDS),
        ([[0.2, 0.29]] * 2, [2.3, 2.3], FALSE),
        ([[0.3, 0.2]] * 2, [0.5, 0.5], HALF),
        ([[0.2, 0.28], [0.2, 0.3]], [0.5, 0.5], DEPENDS),
    ],
)
def test_claim_7_a_moderate_spread_and_learning(pooled, loss, word):
    # What is across inputs is told, but not judged.
    assert judge(7, np.array(pooled), np.full((2, 2), 0.3), seeds(*loss)) == word
    assert judge(7, np.array(pooled), np.full((2, 2), 1e-4), seeds(*loss)) == word


@pytest.mark.parametrize(
    ("tanh", "sigmoid", "word"),
    [
        ([1.49, 0.3], [1.49, 0.9], HOLDS),
        ([1.5, 2.3], [1.5, 2.3], FALSE),
        ([0.4, 0.4], [2.3, 2.3], HALF),
        ([2.3, 2.3], [0.4, 0.4], HALF),
        ([0.4, 1.6], [2.3, 2.3], DEPENDS),
        ([0.4, 0.4], [2.3, 0.9], DEPENDS),
        ([0.4, 0.4], [2.3, np.nan], HALF),
    ],
)
def test_claim_8_both_symmetric_functions_learn(tanh, sigmoid, word):
    assert judge(8, seeds(*tanh), seeds(*sigmoid)) == word


@pytest.mark.parametrize(
    ("printed", "coded", "word"),
    [
        ([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], HOLDS),
        ([0.1, 0.1 + 0.2], [0.1, 0.3], HOLDS),
        ([0.1, 0.2, 0.3], [0.1, 0.2, 0.301], FALSE),
    ],
)
def test_claim_9_both_formulas_agree_in_every_layer(printed, coded, word):
    assert judge(9, printed, coded) == word
    assert judge(9, np.array(printed), np.array(coded)) == word


@pytest.mark.parametrize(
    ("relu", "sigmoid", "word"),
    [
        ([1.5, 2.3], [1.49, 0.5], HOLDS),
        ([1.49, 0.3], [1.5, 2.3], FALSE),
        ([0.3, 2.3], [2.3, 0.9], DEPENDS),
        ([0.3, 0.3], [np.nan, 2.3], FALSE),
        ([np.nan, 2.3], [0.3, 0.3], HOLDS),
    ],
)
def test_claim_10_the_network_that_learns_is_in_the_figure(relu, sigmoid, word):
    assert judge(10, seeds(*relu), seeds(*sigmoid)) == word
    assert judge(10, relu, sigmoid) == word


@pytest.mark.parametrize(
    ("relu", "sigmoid"),
    [
        ([0.3, 0.3], [0.3, 0.3]),
        ([2.3, 2.3], [2.3, 2.3]),
        ([0.3, 0.3], [2.3, 1.49]),
        ([0.3, 1.5], [2.3, 2.3]),
        ([0.3, np.nan], [2.3, 2.3]),
    ],
)
def test_claim_10_is_not_judged_by_a_figure_that_tells_nothing(relu, sigmoid):
    said = r"(?s)^relu_loss=.*sigmoid_loss=.* must be losses of which one is below 1\.5"
    with pytest.raises(ValueError, match=said):
        judge(10, seeds(*relu), seeds(*sigmoid))


@pytest.mark.parametrize(
    ("sizes", "word"),
    [
        ((784, 100, 100, 100, 100, 100), HOLDS),
        ([784, 100, 100, 100, 100, 10], HALF),
        ([784, 100, 100, 100], HALF),
        ([784, 50, 100, 100, 100, 100], HALF),
        ([784, 50, 10], FALSE),
        ([100, 100, 100, 100, 10], FALSE),
    ],
)
def test_claim_11_five_layers_all_of_a_hundred(sizes, word):
    assert judge(11, sizes) == word


@pytest.mark.parametrize(
    ("he", "relu", "sigmoid", "small", "word"),
    [
        ([0.2, 0.3], [0.3, 0.4], [1.0, 2.249], [2.3, 2.3], HOLDS),
        ([0.2, 0.3], [0.3, 0.4], [2.251, 2.35], [2.3, 2.3], HALF),
        ([0.4, 0.4], [0.3, 0.4], [2.26, 2.35], [2.3, 2.3], FALSE),
        ([0.2, 0.2], [2.4, 2.3], [2.26, 2.35], [2.3, 2.3], FALSE),
        ([0.4, 0.4], [0.3, 0.3], [1.0, 1.0], [2.3, 2.3], HALF),
        ([0.2, 0.2], [2.4, 2.4], [1.0, 1.0], [2.3, 2.3], HALF),
        # The order as labelled is He, Xavier, std 0.01: Xavier mustn't be first.
        ([0.2, 0.2], [0.3, 0.3], [0.1, 0.2], [2.3, 2.3], HALF),
        ([0.2, 0.2], [0.3, 0.3], [2.3, 1.9], [2.3, 2.3], DEPENDS),
        ([0.2, 0.4], [0.3, 0.3], [2.3, 2.3], [2.3, 2.3], DEPENDS),
        ([0.2, 0.2], [0.3, 2.4], [2.3, 2.3], [2.3, 2.3], DEPENDS),
    ],
)
def test_claim_12_the_order_of_the_race_as_coded_and_as_labelled(he, relu, sigmoid, small, word):
    assert judge(12, seeds(*he), seeds(*relu), seeds(*sigmoid), seeds(*small)) == word


@pytest.mark.parametrize(
    ("losses", "word"),
    [
        ({"a": [1.49, 0.3], "b": [0.1, 1.2]}, HOLDS),
        ({"a": [1.5, 2.3], "b": [2.3, 2.3]}, FALSE),
        ({"a": [2.3, 2.3], "b": [0.1, 1.2]}, HOLDS),
        ({"a": [2.3, 0.4], "b": [0.1, 1.2]}, HOLDS),
        ({"a": [2.3, 0.4], "b": [0.1, 2.3]}, HOLDS),  # one or the other
        ({"a": [2.3, 0.4], "b": [2.3, 2.3]}, DEPENDS),
        ({"a": [2.3, 0.4], "b": [1.5, 0.3]}, DEPENDS),
        ({"a": [np.nan, 0.4]}, DEPENDS),
        # With another activation it is another network.
        ({"a": [0.3, 0.3], "Xavier, tanh": [2.3, 2.3]}, HOLDS),
        ({"a": [2.3, 2.3], "Xavier, tanh": [0.3, 0.3]}, FALSE),
        ({"a": [2.3, 2.3], "Tanh": [0.3, 0.3]}, FALSE),
    ],
)
def test_claim_13_some_rescue_learns(losses, word):
    row = ledger.claim_13({name: seeds(*values) for name, values in losses.items()})
    assert row.verdict == word
    assert all(f"{name}: " in row.measured for name in losses)  # whether it counts or not


@pytest.mark.parametrize("losses", [{}, {"Xavier, tanh": seeds(0.3, 0.3)}], ids=["none", "tanh"])
def test_claim_13_needs_a_network_with_sigmoid(losses):
    with pytest.raises(ValueError, match=r"^losses=.* must have at least one network with sigmoid"):
        judge(13, losses)


NEEDED, NOT_NEEDED, LEARNS, FAILS = [1.51, 2.3], [1.5, 0.3], [1.49, 0.7], [1.5, 2.3]
# Where a thousandth of the gradient reaches layer 1 without pretraining:
FAR, NEAR = [0.0051, 0.4], [0.005, 0.001]


@pytest.mark.parametrize(
    ("without", "longer", "rbm", "autoencoder", "reach", "word"),
    [
        (NEEDED, NEEDED, LEARNS, LEARNS, FAR, HOLDS),
        (NOT_NEEDED, NOT_NEEDED, FAILS, FAILS, NEAR, FALSE),
        (NOT_NEEDED, NEEDED, LEARNS, LEARNS, FAR, HALF),
        (NEEDED, NOT_NEEDED, LEARNS, LEARNS, FAR, HALF),
        (NEEDED, NEEDED, FAILS, LEARNS, FAR, HALF),
        (NEEDED, NEEDED, LEARNS, FAILS, FAR, HALF),
        (NEEDED, NEEDED, LEARNS, LEARNS, NEAR, HALF),
        ([2.3, 1.4], NEEDED, LEARNS, LEARNS, FAR, DEPENDS),
        (NEEDED, [0.4, 2.3], LEARNS, LEARNS, FAR, DEPENDS),
        (NEEDED, NEEDED, [0.4, 1.6], LEARNS, FAR, DEPENDS),
        (NEEDED, NEEDED, LEARNS, [1.6, 0.4], FAR, DEPENDS),
        (NEEDED, NEEDED, LEARNS, LEARNS, [0.1, 0.004], DEPENDS),
    ],
)
def test_claim_14_pretraining_is_needed_and_helps(without, longer, rbm, autoencoder, reach, word):
    losses = (seeds(*values) for values in (without, longer, rbm, autoencoder))
    assert judge(14, *losses, seeds(0.001, 0.001), seeds(*reach)) == word


@pytest.mark.parametrize(
    ("gap", "middle_gap", "deep_gap", "word"),
    [
        ([0.01, 0.5], [0.1, 0.1], [1.02, 1.6], HOLDS),
        ([0.5, 0.5], [0.1, 0.1], [0.01, 0.1], HOLDS),  # at every depth, but not the deeper the more
        ([0, -0.1], [0.1, 0.1], [0.99, 0.8], FALSE),
        ([0.1, 0.1], [0.1, 0.1], [-1, 0], FALSE),
        ([0.1, 0.1], [-0.1, -0.1], [1.5, 1.5], FALSE),
        ([0.1, 0.1], [np.nan, np.nan], [1.5, 1.5], FALSE),
        ([0.1, -0.1], [0.1, 0.1], [1.5, 1.5], DEPENDS),
        ([0.1, 0.1], [-9, 9], [1.5, 1.5], DEPENDS),
        ([0.1, 0.1], [0.1, 0.1], [1.5, 0], DEPENDS),
        ([0.1, -0.1], [0.1, 0.1], [-1.5, 1.5], FALSE),  # at some depth with each seed
    ],
)
def test_claim_15_he_is_ahead_at_every_depth(gap, middle_gap, deep_gap, word):
    he = {depth: seeds(0.5, 0.6) for depth in (20, 5, 10)}
    gaps = {20: seeds(*deep_gap), 5: seeds(*gap), 10: seeds(*middle_gap)}
    xavier = {depth: he[depth] + gaps[depth] for depth in (10, 5, 20)}
    assert judge(15, xavier, he) == word


@pytest.mark.parametrize(
    ("below", "at", "above", "word"),
    [
        ([0.3, 0.6], [0.51, 0.81], [0.3, 0.6], HOLDS),
        ([0.4, 0.4], [0.5, 0.5], [0.4, 0.4], FALSE),
        ([0.1, 0.1], [0.4, 0.4], [0.1, 0.1], HALF),
        ([0.7, 0.8], [0.89, 0.9], [0.1, 0.1], HALF),
        ([0.1, 0.1], [0.89, 0.9], [0.7, 0.8], HALF),
        ([0.1, 0.1], [0.9, 0.45], [0.1, 0.1], DEPENDS),
        ([0.1, 0.8], [0.9, 0.9], [0.1, 0.1], DEPENDS),
        ([0.1, 0.1], [0.9, 0.9], [0.8, 0.1], DEPENDS),
    ],
)
def test_claim_16_deep_networks_train_on_the_line_and_not_off_it(below, at, above, word):
    assert judge(16, 1.76, seeds(*below), seeds(*at), seeds(*above)) == word


@pytest.mark.parametrize(
    ("ratios", "word"),
    [
        ({"a": 1.0, "b": 0.7071}, FALSE),
        ({"a": 0.96, "b": 1.04, "c": 0.68, "d": 0.735}, FALSE),
        ({"a": 1.0, "b": 0.408}, HOLDS),
        ({"a": 1.0, "b": 0.94}, HOLDS),
        ({"a": 1.06}, HOLDS),
        ({"a": 0.66}, HOLDS),
        ({"a": 0.75}, HOLDS),
    ],
)
def test_claim_17_some_library_draws_neither_hes_std_nor_xaviers(ratios, word):
    assert judge(17, ratios, {}) == judge(17, {}, ratios) == word
    for name in ratios:  # by whichever way it is known
        others = {other: ratio for other, ratio in ratios.items() if other != name}
        assert judge(17, others, {name: ratios[name]}) == word


def test_claim_17_tells_what_was_only_read():
    row = ledger.claim_17({"a": 0.5, "b": 1}, {"c": 0.7})
    assert row.measured.endswith(": a 0.50; b 1.00; (read) c 0.70")
    assert ledger.claim_17({}, {"c": 0.7}).measured.endswith(": (read) c 0.70")
    assert "(read)" not in ledger.claim_17({"a": 0.5}, {}).measured


def test_claim_17_needs_a_library():
    with pytest.raises(ValueError, match=r"^measured and read are empty; one must hold"):
        judge(17, {}, {})


@pytest.mark.parametrize(
    ("without", "remedied", "word"),
    [
        ([2.3, 2.3, 0.4], [1.4, 0.4, 0.3], "holds"),
        ([2.3, np.nan, 0.4], [0.5, 0.4, 0.3], "holds"),
        ([2.3, 1.2, 0.4], [0.5, 0.4, 0.3], "half true"),  # most learn without it
        ([2.3, 2.3, 0.4], [1.6, 0.4, 0.3], "half true"),  # one doesn't learn with it
        ([2.3, 2.3, 0.4], [np.nan, 0.4, 0.3], "half true"),
        ([1.2, 2.3, 0.4], [1.6, 0.4, 0.3], "false"),
        ([2.3, 2.3, 0.4, 0.4], [0.4] * 4, "half true"),  # half of them are not most
    ],
)
def test_claim_18_a_remedy_lets_all_starts_learn(without, remedied, word):
    losses = [
        {name: np.full(3, loss) for name, loss in zip("abcd", row, strict=False)}
        for row in (without, remedied)
    ]
    assert ledger.claim_18(*losses).verdict == word


def test_claim_18_counts_the_starts_seed_by_seed():
    without = {"a": [2.3, 0.4, 2.3], "b": [2.3, 2.3, 2.3], "c": [0.4, 2.3, 2.3]}
    row = ledger.claim_18(without, {name: [0.4, 0.4, 2.3] for name in "abc"})
    assert row.measured == "of 3 starts learned: without 1 (0 to 1); with it 3 (0 to 3)"
    assert row.verdict == "depends on the draw"
