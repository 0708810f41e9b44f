"""The ledger: a verdict follows from what was seen, and each claim is judged by its own rule."""

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


def arrays(given):
    """Return lists as arrays, those in a dict too."""
    if isinstance(given, dict):
        return {name: arrays(values) for name, values in given.items()}
    return np.array(given, dtype=float) if isinstance(given, list) else given


def judge(number, *measurements, **named):
    judge = getattr(ledger, f"claim_{number}")
    return judge(*map(arrays, measurements), **arrays(named))


def test_the_verdict_on_one_or_two_parts_and_up_to_three_seeds():
    outcomes = [list(part) for n in (1, 2, 3) for part in product([True, False], repeat=n)]
    for first, second in product(outcomes, repeat=2):
        if all(first + second):
            expected = HOLDS
        elif not any(first + second):
            expected = FALSE
        elif len(set(first)) == len(set(second)) == 1:
            expected = HALF
        else:
            expected = DEPENDS
        assert verdict([first, second]) == verdict([second, np.array(first)]) == expected
        if first == second:
            assert verdict([first]) == expected


@pytest.mark.parametrize("parts", [[], [[True], []], [np.empty(0, bool)]])
def test_there_is_no_verdict_without_anything_to_judge_by(parts):
    with pytest.raises(ValueError, match=r"^parts=\[.* must hold at least one.* one seed"):
        verdict(parts)


@pytest.mark.parametrize(
    ("values", "form", "text"),
    [
        ([1, 2, 4, 8], [".1f"], "3.0 (1.0 to 8.0)"),
        (np.array([0.3, 0.1, 0.2]), [".1%"], "20.0% (10.0% to 30.0%)"),
        ([0.3001, 0.3002, 0.3004], [".3f"], "0.300"),
        ([2.30249, 2.3], [], "2.301 (2.300 to 2.302)"),
    ],
)
def test_a_spread_is_the_median_and_from_the_least_to_the_greatest(values, form, text):
    assert with_spread(values, *form) == text


def test_rows_in_print_and_as_a_table_in_order_with_links():
    rows = [
        Row(12, "Beta.", FALSE, {"b": 0.0}, "9", "05_mnist"),
        Row(2, "Gamma.", DEPENDS, {"a": 1, "c": 0.3}, "|f'| is 8", "01_weights_too_large"),
    ]
    table = LedgerTable(rows)
    assert table._repr_markdown_().split("\n")[1:] == [
        "|---|---|---|---|---|",
        f"| 2 | Gamma. | **{DEPENDS}** | \\|f'\\| is 8 | [01](01_weights_too_large.ipynb) |",
        "| 12 | Beta. | **false** | 9 | [05](05_mnist.ipynb) |",
    ]
    assert repr(table) == " 2 depends on the draw\n12 false"
    assert [row.number for row in rows] == [12, 2]
    assert str(rows[0]) == "Claim 12: Beta.\n  \u2717 b\nMeasured: 9\nVerdict: false"
    assert "\n  \u2713 a\n  ~ c (30% of seeds)\nMeasured" in str(rows[1])


def test_claims_are_numbered_in_order_and_name_a_notebook_that_is_there():
    assert list(CLAIMS) == list(range(1, len(CLAIMS) + 1))
    assert {name for name in vars(ledger) if name.startswith("claim_")} == {
        f"claim_{number}" for number in CLAIMS
    }
    met = [(claim.ours, claim.notebook) for claim in CLAIMS.values()]
    assert met == sorted(met)  # the article's as the reader meets them, then ours
    assert len({claim.text for claim in CLAIMS.values()}) == len(CLAIMS)
    for claim in CLAIMS.values():
        assert (NOTEBOOKS / f"{claim.notebook}.ipynb").is_file()
        assert re.fullmatch(r"[^|\n]+\.", claim.text)  # or it would break the table


def test_our_own_claims_come_after_the_articles():
    assert tuple(number for number, claim in CLAIMS.items() if claim.ours) == OURS
    assert list(CLAIMS) == list(range(1, len(CLAIMS) + 1))
    assert min(OURS) == len(CLAIMS) - len(OURS) + 1


def test_a_claim_is_entered_where_its_judge_stands(monkeypatch):
    monkeypatch.setattr(ledger, "CLAIMS", {})

    told = ["white", "over {LEFT_OVER:.0%} deep"]

    @ledger.claim(99, "Snow is white.", "00_start_here", parts=told, ours=True)
    def claim_99(white, *, deep):
        """Judge by two seeds."""
        return [white, deep], "seen from here"

    assert {99: ("(ours) Snow is white.", "00_start_here", tuple(told), True)} == ledger.CLAIMS
    assert (claim_99.__name__, claim_99.__doc__) == ("claim_99", "Judge by two seeds.")
    text, parts = "(ours) Snow is white.", {"white": 1.0, "over 50% deep": 0.0}
    row = claim_99([True, True], deep=[False, False])
    assert row == Row(99, text, HALF, parts, "seen from here", "00_start_here")
    np.testing.assert_array_equal(row.margins, [[np.inf] * 2, [-np.inf] * 2])
    one_too_many = ledger.claim(98, "One.", "00_start_here", parts=["one"])
    with pytest.raises(ValueError, match="zip"):
        one_too_many(lambda: ([[True], [True]], ""))()


def test_a_margin_is_in_doublings_and_its_sign_says_what_is_seen():
    numbers = np.array([6.0, 3, 1.5, 0])
    for compare, sign in [(ledger.above, 1), (ledger.below, -1)]:
        compared = compare(numbers, 3)
        np.testing.assert_allclose(compared.margin, sign * np.array([1, 0, -1, -np.inf]))
        np.testing.assert_array_equal(compared.seen, compared.margin > 0)
    beside_nothing = ledger.above(np.zeros(1), np.zeros(1))  # 0 of a gradient of 0
    assert not beside_nothing.seen[0]


def test_other_lines_judge_the_same_measurements_and_ours_stay():
    ours = {name: getattr(ledger, name) for name in ledger.LINES}
    row = ledger.claim_2(np.array([[0.95, 0.93]]))
    for line, known in [(0.92, HOLDS), (0.94, FALSE)]:
        (again,) = ledger.judged_again([row], SATURATED=line)
        assert (again.verdict, again.number, again.measured) == (known, 2, row.measured)
        assert f"over {line:.0%} of each layer" in str(again)
    with pytest.raises(ValueError, match="no such line; choose from LEARNED"):
        ledger.judged_again([row], SATURATE=0.5)
    moderate = ledger.claim_7(np.array([[0.12]]), np.array([[0.0006]]), np.array([2.3]))
    with pytest.raises(ValueError, match="not every std"):
        ledger.judged_again([moderate], MODERATE=(0.2, 0.3))
    assert {name: getattr(ledger, name) for name in ledger.LINES} == ours


# ------------------------------------------------------------ each rule, just above its thresholds
# For each claim that is judged seed by seed: what one seed measures where all its parts are seen,
# and for each part what is measured instead where it just isn't.

RULES = {
    1: (
        {"std_input": [1, 0.4, 0.5], "std_z": [2, 3, 3.1], "saturated": [0, 0, 0.91]},
        [{"std_input": [1, 5, 0.5]}, {"std_input": [2, 3, 3.1]}],  # as wide is not wider
        [{"std_z": [2, 3, 2.9]}, {"std_z": [3, 3, 4]}, {"std_z": [3, 2, 4]}],
        [{"saturated": [0.99, 0.99, 0.9]}],
    ),
    2: ({"saturated": [0.901, 0.99]}, [{"saturated": [0.99, 0.9]}]),
    3: (
        {"rms": [0.49, 3, 1], "median": [1e-20, 9e-11, 0], "moved": [0.001, 0.0099, 0]},
        [{"median": [0, 1e-10, 0]}],
        [{"rms": [0.5, 3, 1]}, {"rms": [2, 3, 1]}],
        [{"moved": [0.001, 0.01, 0]}],
    ),
    4: ({"activations": [[0.5, 0.5]]}, [{"activations": [[0.5, np.nextafter(0.5, 1)]]}]),
    5: ({"rms": [0.126, 0, 0.25]}, [{"rms": [0.125, 0.2, 0.25]}, {"rms": [0, 0, 0.25]}]),
    6: (
        {"rank": 1, "difference": 9e-7, "loss": 1.01, "alone": 1.1, "others": 0.5},
        [{"rank": 2}, {"difference": 1e-6}],
        [{"alone": 1.12}, {"alone": 0.9}],
        [{"others": 0.52}],
    ),
    7: (
        {"pooled": [0.289, 0.051], "across": [0.2, 1e-4], "sigmoid_loss": 1.49},
        [{"sigmoid_loss": 1.5}],
    ),
    8: (
        {"tanh_loss": 1.49, "sigmoid_loss": 1.49},
        [{"tanh_loss": 1.5}],
        [{"sigmoid_loss": 1.5}, {"sigmoid_loss": np.nan}],
    ),
    11: (
        {"relu_loss": 1.5, "sigmoid_loss": 1.49},
        [{"relu_loss": 1.49, "sigmoid_loss": 1.5}, {"relu_loss": 0.3, "sigmoid_loss": np.nan}],
    ),
    13: (
        {"he": 0.2, "xavier_relu": 0.3, "xavier_sigmoid": 2.249, "small": 2.3},
        [{"xavier_relu": 0.2}, {"xavier_relu": 2.3}],
        [{"xavier_sigmoid": 0.1}, {"xavier_sigmoid": 2.251}],
    ),
    14: (
        dict.fromkeys(("without", "longer"), 1.51)
        | dict.fromkeys(("rbm", "autoencoder"), 1.49)
        | {"reach_without": 0.001, "reach_rbm": 0.51},
        [{"without": 1.5}, {"longer": 1.5}],
        [{"rbm": 1.5}],
        [{"autoencoder": 1.5}],
        [{"reach_rbm": 0.49}],
    ),
    15: (
        {"critical": 1.76, "ordered": 0.3, "at": 0.51, "chaotic": 0.3},
        [{"at": 0.5, "ordered": 0.1, "chaotic": 0.1}],
        [{"ordered": 0.32}],
        [{"chaotic": 0.32}],
    ),
}


def symmetry(rank, difference, loss):
    """Two looks: at the start, with numbers that no claim may use, and at the end."""
    start = np.array([[9], [0.7], [99.0]])
    end = np.array([rank, difference, loss])
    both = np.stack([np.broadcast_to(start, end.shape), end], axis=-1)
    return Symmetry(np.array([0, 300]), both[1], both[0].astype(int), both[2])


def judged(number, *seeds):
    """Return the row of a claim for what each seed has measured."""
    found = {name: [seed[name] for seed in seeds] for name in seeds[0]}
    if number == 6:
        many, single = [30] * len(seeds), [1] * len(seeds)
        others = {"different": symmetry(many, [0.5] * len(seeds), found.pop("others"))}
        others["single"] = symmetry(single, [0] * len(seeds), found.pop("alone"))
        found = {"equal": symmetry(**found), **others}
    elif number == 15:
        found["critical"] = found["critical"][0]
    return judge(number, **found)


@pytest.mark.parametrize("number", RULES)
def test_each_part_is_seen_above_its_threshold_and_with_every_seed(number):
    seen, *parts = RULES[number]
    several = len(parts) > 1
    row = judged(number, seen, seen)
    assert (row.number, row.claim, row.notebook) == (number, *CLAIMS[number][:2])
    assert row.verdict == HOLDS
    assert [*row.parts.values()] == [1] * len(parts)
    nothing = dict(seen)
    for place, part in enumerate(parts):
        nothing |= part[0]
        for instead in part:
            row = judged(number, seen | instead, seen | instead)
            assert row.verdict == (HALF if several else FALSE)
            assert [*row.parts.values()] == [i != place for i in range(len(parts))]
            assert judged(number, seen, seen | instead).verdict == DEPENDS
    assert judged(number, nothing, nothing).verdict == FALSE


@pytest.mark.parametrize(
    ("number", "measurements", "word"),
    [
        # 9: He's loss is below Xavier's at every depth, not only at some of them.
        (9, ({20: [2.3, 2.3], 5: [0.6, 0.5]}, {5: [0.4, 0.4], 20: [0.5, 2.2]}), HOLDS),
        (9, ({20: [2.3, 2.3], 5: [0.4, 0.5]}, {5: [0.4, 0.6], 20: [0.5, 0.6]}), FALSE),
        (9, ({20: [2.3, 0.5], 5: [0.4, 0.6]}, {5: [0.5, 0.5], 20: [0.5, 0.6]}), FALSE),
        (9, ({20: [2.3, np.nan], 5: [0.6, 0.6]}, {5: [0.4, 0.4], 20: [0.5, 0.5]}), DEPENDS),
        # 10: Both formulas agree in every layer.
        (10, ([0.1, 0.1 + 0.2], np.array([0.1, 0.3])), HOLDS),
        (10, ([0.1, 0.2, 0.3], [0.1, 0.2, 0.301]), FALSE),
        # 12: Five layers, all of a hundred; the inputs are no layer.
        (12, ((784, 100, 100, 100, 100, 100),), HOLDS),
        (12, ([784, 100, 100, 100, 100, 10],), HALF),
        (12, ([784, 100, 100, 100],), HALF),
        (12, ([100, 100, 100, 100, 10],), FALSE),
        # 16: Without the remedy less than half of the starts learn, with it all.
        (16, ({"a": [2.3], "b": [np.nan], "c": [0.4]}, {"a": [1.49], "b": [1], "c": [1]}), HOLDS),
        (16, ({"a": [2.3], "b": [0.4]}, {"a": [0.5], "b": [0.5]}), HALF),
        (16, ({"a": [2.3], "b": [2.3]}, {"a": [1.5], "b": [0.5]}), HALF),
        (16, ({"a": [2.3], "b": [2.3]}, {"a": [np.nan], "b": [0.5]}), HALF),
        (16, ({"a": [1.2], "b": [2.3]}, {"a": [0.5], "b": [1.6]}), FALSE),
        (16, ({"a": [2.3, 0.4]}, {"a": [0.4, 0.4]}), DEPENDS),
    ],
)
def test_the_claims_that_are_judged_by_lists_and_dicts(number, measurements, word):
    assert judge(number, *measurements).verdict == word


@pytest.mark.parametrize(
    ("number", "measurements", "said"),
    [
        (9, ({}, {}), "claim 9: the dicts are empty; there is nothing to judge"),
        # A figure in which both learn, or neither, tells nothing.
        (11, ([0.3, 0.3], [2.3, 1.49]), r"relu_loss=.* is below 1\.5"),
        (11, ([0.3, np.nan], [2.3, 2.3]), r"relu_loss=.* is below 1\.5"),
    ],
)
def test_what_tells_nothing_is_not_judged(number, measurements, said):
    with pytest.raises(ValueError, match=f"(?s)^{said}"):
        judge(number, *measurements)


# ------------------------------------------------------------------------------- what was measured
# Measurements that all differ, and the numbers that the sentence must give to each of them.

TOLD = [
    (
        1,
        [[[1, 0.5]] * 2, [[10, 6.3], [10, 6.4]], [[0.7, 0.45], [0.7, 0.49]]],
        ["10.0 in layer 1", "6.3 (6.3 to 6.4) in layer 2", "saturated there: 47% (45% to 49%)"],
    ),
    (2, [[[0.96, 0.95], [0.95, 0.93]]], ["94.8% (94.0% to 95.5%)", "94.0% (93.0% to 95.0%)"]),
    (
        3,
        [[[7.4, 0.1], [5.4, 0.1], [9, 0.1]], [[1e-20, 2e-18], [0, 0]], [[0.29, 0.1]]],
        ["at most 2e-18", "layer 1 over layer 2: x 74 (54 to 90)", "10% to 29%"],
    ),
    (4, [[[0.5, 0.25]]], ["0.5: 0.25"]),
    (5, [[[0, 0.1, 0.25], [0, 0, 0.27]]], ["1 to 2: 0.1;", "layer 3: 0.26 (0.25 to 0.27)"]),
    (
        6,
        [
            symmetry([1, 2], [0, 0], [1.77, 1.79]),
            symmetry([1, 1], [0, 0], [1.82, 1.84]),
            symmetry([30, 28], [0.5, 0.4], [0.41, 0.43]),
        ],
        ["2 of equal", "28 of different", "loss 1.78 (1.77", "one 1.83 (1.82", "ones 0.42 (0.41"],
    ),
    (
        7,
        [[[0.21, 0.12], [0.21, 0.14]], [[0.2, 0.0006], [0.2, 0.0008]], [2.301, 2.303]],
        ["layer 2", "all activations 0.12 to 0.21", "0.00070 (0.00060 to", "loss 2.302 (2.301 to"],
    ),
    (8, [[0.385, 0.407], [2.301, 2.303]], ["tanh 0.396 (0.385", "sigmoid 2.302 (2.301"]),
    (
        9,
        [{5: [0.5, 0.6], 20: [2.3, 2.3]}, {5: [0.4, 0.5], 20: [0.5, 0.7]}],
        ["5 layers: Xavier 0.55 (0.50 to 0.60), He 0.45", "20 layers: Xavier 2.30, He 0.60"],
    ),
    (10, [[0.0476, 0.1], [0.0357, 0.1]], ["0.048 or 0.036, 0.100 or 0.100"]),
    (11, [[0.305, 0.324], [2.299, 2.302]], ["ReLU 0.315 (0.305", "sigmoid 2.300 (2.299"]),
    (12, [(784, 100, 50, 10)], ["3 layers, of 100, 50, 10"]),
    (
        13,
        [[0.22, 0.23], [0.30, 0.32], [2.29, 2.31], [2.300, 2.302]],
        ["He 0.225 (", "0.01 2.301 (", "coded 0.310 (", "labelled 2.300 ("],
    ),
    (
        14,
        [[2.30, 2.31], [2.28], [0.67, 0.69], [0.82, 0.86], [0.01, 0.02], [0.3, 0.5]],
        [
            "without 2.30 (",
            "steps 2.28; with RBMs 0.68 (",
            "autoencoders 0.84 (",
            "0.01 (0.01 to 0.02) without, 0.4 (0.3 to 0.5) with RBMs",
        ],
    ),
    (15, [1.7606, [0.32], [0.88], [0.1]], ["1.761", "there 88%", "below 32%", "above 10%"]),
    (
        16,
        [
            {"a": [2.3, 0.4, 2.3], "b": [2.3, 2.3, 2.3], "c": [0.4, 2.3, 2.3]},
            {name: [0.4, 0.4, 2.3] for name in "abc"},
        ],
        ["of 3 starts learned: without 1 (0 to 1); with it 3 (0 to 3)"],
    ),
]


@pytest.mark.parametrize("pooled", [[0.2, 0.05], [0.2, 0.29], [0.49, 0.2], [0.2, np.nan]])
def test_an_inference_is_not_judged_where_its_premise_was_not_seen(pooled):
    with pytest.raises(ValueError, match=r"0\.05 and 0\.29: the claim says nothing"):
        ledger.claim_7(np.array([[0.2, 0.1], pooled]), np.ones((2, 2)), [2.3, 2.3])


@pytest.mark.parametrize(("number", "measurements", "numbers"), TOLD)
def test_what_was_measured_is_told_of_what_it_was_measured_of(number, measurements, numbers):
    told = judge(number, *measurements).measured
    for text in numbers:
        assert text in told
    assert "\n" not in told
