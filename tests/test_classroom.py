"""A bet is placed before it is settled, and a check has something useful to say of any answer."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from initlab._engine.progress import progress_bar
from initlab.classroom import Prediction, ballot, prediction, score
from initlab.classroom.checks import Check

CHOICES = {"a": "heads", "b": "tails"}
WRONG = "Not what you expected: look closely at what comes next."
RIGHT, WITHIN = (
    f"You knew it{how}. Can you say why?" for how in ("", ": your bet lies within the spread")
)
STANDS, LATE = (
    f"The answer is known by now: {what}."
    for what in ("your bet stands", "a bet after the fact doesn't count")
)
AGAIN = "To change your mind, run this cell again."


@pytest.fixture(autouse=True)
def fresh_kernel(monkeypatch, tmp_path):
    monkeypatch.setattr(prediction, "_SLIPS", {})
    monkeypatch.setattr(score, "_MEMORY", score._Memory())
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bet():
    return Prediction("Which side?", CHOICES)


@pytest.fixture
def number():
    return Prediction("How many are heads?", unit="%")


@pytest.fixture
def said(capsys):
    """Return a function: the lines that were printed since it was last called."""
    return lambda: capsys.readouterr().out.splitlines()


def test_right_and_wrong_bet_on_a_letter(bet, said):
    assert repr(bet) == "Which side?\n  (a) heads\n  (b) tails"
    assert bet.committed is None
    bet.commit("b")
    bet.reveal("b")
    won = "Bets won so far: 1 of 1."
    assert said() == ["You bet (b): tails"] * 2 + ["Measured (b): tails", RIGHT, won]
    bet.reveal("a")
    assert said()[:3] == ["You bet (b): tails", "Measured (a): heads", WRONG]


@pytest.mark.parametrize(
    ("kind", "measured", "shown"),
    [("bet", "a", "Measured (a): heads"), ("number", 50, "Measured: 50 %")],
)
def test_where_nobody_bets_only_the_measurement_is_told(request, said, kind, measured, shown):
    one = request.getfixturevalue(kind)
    one.reveal(measured)
    assert one.committed is None
    for _ in range(2):  # to run the cells again does not make a bet earlier
        Prediction(one.question, one.choices, unit=one.unit).commit(measured)
        one.reveal(measured)
        assert said()[-2:] == [LATE, shown]
    assert one.committed is None
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "measured", "spread", "last"),
    [
        # The ends of a spread belong to it.
        (38, 47, (38, 61), WITHIN),
        (61, 47, [38, 61], WITHIN),
        (37.9, 47, (38, 61), WRONG),
        (62, 47, (38, 61), WRONG),
        # Without one, ten percent decide, of negative numbers too.
        (45, 50, None, RIGHT),
        (55.1, 50, None, WRONG),
        (-55, -50, None, RIGHT),
        (-44.9, -50, None, WRONG),
        (0, 0, None, RIGHT),
        # From one and a half on a factor is told, without an exponent.
        (59, 40, None, WRONG),
        (60, 40, None, f"{WRONG} You were off by a factor of 1.5."),
        (-8, -2, None, f"{WRONG} You were off by a factor of 4."),
        (1, 7499, None, f"{WRONG} You were off by a factor of 7,500."),
        # None leads to 0, to another sign, or beyond all numbers.
        (0, 40, None, WRONG),
        (10, 0, None, WRONG),
        (-10, 40, None, WRONG),
        (1e-300, 1e300, None, WRONG),
    ],
)
def test_bet_on_a_number(number, said, answer, measured, spread, last):
    number.commit(answer)
    number.reveal(measured, spread=spread)
    assert said()[-2] == last


def test_numbers_are_shown_as_they_were_typed_or_with_three_digits(number, said):
    for answer in (12345, 0.12345, 1234567, -1.5):
        number.commit(answer)
        assert said() == [f"You bet: {answer:,} %"]
    number.reveal(np.float32(0.12345), spread=(0.1, 32_909))
    assert said()[1] == "Measured: 0.123 % (0.1 to 32,900)"
    Prediction("How often?").commit(3)
    assert said() == ["You bet: 3"]
    assert repr(number) == "How many are heads? (a number, in %)"


def test_bet_survives_its_cell_being_run_again_and_another_one_is_another(bet, number):
    bet.commit("b")
    number.commit(60)
    choices = dict(CHOICES)
    again = Prediction("Which side?", choices)
    choices["c"] = "edge"
    assert (again.committed, again.choices) == ("b", CHOICES)
    assert Prediction("How many are heads?", unit="%").committed == 60
    for other in (
        Prediction("Which side now?", CHOICES),
        Prediction("Which side?", {"a": "heads", "b": "edge"}),
        Prediction("Which side?", {"b": "tails", "a": "heads"}),
        Prediction("Which side?"),
        Prediction("How many are heads?", unit="times"),
    ):
        assert other.committed is None


def test_before_the_reveal_one_may_change_ones_mind(number, said):
    for answer in (60, 0):
        number.commit(answer)
    assert number.committed == 0
    number.reveal(0)
    assert said()[-2] == RIGHT


def test_after_the_reveal_a_bet_stands(bet, said):
    bet.commit("b")
    bet.reveal("b")
    said()
    again = Prediction("Which side?", CHOICES)
    again.commit("a")
    assert said() == [STANDS, "You bet (b): tails"]
    again.commit("b")  # the cell run again
    again.reveal("b")
    assert said()[0] == "You bet (b): tails"
    assert again.committed == "b"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"choices": ["this", "that"]}, ValueError, r"choices=\['this', .* must be a dict"),
        ({"choices": {"a": "this"}}, ValueError, "at least two answers"),
        ({"choices": {"a": "this", "b": 2}}, TypeError, "must be a dict of letters to texts"),
        ({"unit": None}, TypeError, "unit=None must be a word or a sign"),
        ({"question": ""}, TypeError, "question='' must be a sentence"),
    ],
)
def test_question_that_is_none_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Prediction(**{"question": "Which?"} | arguments)


@pytest.mark.parametrize(("act", "argument"), [("commit", "answer"), ("reveal", "measured")])
def test_answer_that_is_none_is_refused_and_the_bet_stays(bet, number, act, argument):
    bet.commit("b")
    number.commit(60)
    with pytest.raises(ValueError, match=f"{argument}='z'.*a, b"):
        getattr(bet, act)("z")
    with pytest.raises(TypeError, match=f"{argument}=2 must be one of the names a, b"):
        getattr(bet, act)(2)
    with pytest.raises(ValueError, match=f"{argument}=inf must be a finite number"):
        getattr(number, act)(float("inf"))
    assert (bet.committed, number.committed) == ("b", 60)


@pytest.mark.parametrize(
    ("spread", "error", "message"),
    [
        (5, TypeError, r"spread=5 must be a pair \(least, greatest\)"),
        ((1, 50, 90), TypeError, r"spread=\(1, 50, 90\) must be a pair"),
        ((1, float("inf")), ValueError, "spread=inf must be a finite number"),
        ((51, 90), ValueError, "around 50"),
        ((1, 49), ValueError, "around 50"),
    ],
)
def test_spread_that_is_none_is_refused_and_nothing_given_away(
    bet, number, said, spread, error, message
):
    bet.commit("b")
    with pytest.raises(ValueError, match=r"spread=.*: only numbers have one"):
        bet.reveal("b", spread=spread)
    number.commit(60)
    said()
    with pytest.raises(error, match=message):
        number.reveal(50, spread=spread)
    assert said() == []
    number.commit(70)
    assert number.committed == 70


@pytest.fixture
def shown(monkeypatch):
    """Pretend to be a notebook; return a list of what its cells show: "new", or in their place."""
    log = []

    class Handle:
        def display(self, data, *, raw):
            log.append(("new", data))

        def update(self, data, *, raw):
            log.append(("in place", data))

    monkeypatch.setattr(ballot, "DisplayHandle", Handle)
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=None))
    return log


def show(one):
    """Show a bet as a cell that ends with it does; return its ballot."""
    one._ipython_display_()
    return one._slip.ballot


def click(form, **state):
    """Send what the page sends when its form is committed."""
    form.set_state(state | {"commits": form.commits + 1})


def text_of(one, *lines):
    return {"text/plain": "\n".join([repr(one), *lines])}


@pytest.mark.parametrize(
    ("kind", "none", "answers", "line"),
    [
        ("bet", [""], [("a", "a"), ("b", "b")], "You bet (b): tails"),
        (
            "number",
            ["", "many", "inf", "1,5"],
            [("7", 7), (" 1500.50 ", 1500.5)],
            "You bet: 1,500.5 %",
        ),
    ],
)
def test_a_bet_by_button_is_one_by_code_and_its_text_takes_the_place_of_the_form(
    request, said, shown, kind, none, answers, line
):
    one = request.getfixturevalue(kind)
    form = show(one)
    how, data = shown.pop()
    assert (how, data.pop("text/plain")) == ("new", repr(one))
    assert list(data) == ["application/vnd.jupyter.widget-view+json"]
    assert form.answer == ""
    for text in none:
        click(form, answer=text)
        assert form.message.startswith(("Choose an answer", "Type a number"))
    assert (one.committed, shown) == (None, [])
    for text, value in answers:
        show(one)
        assert form.settled == ""
        click(form, answer=text)
        assert one.committed == value
    assert shown[-1] == ("in place", text_of(one, line, AGAIN))
    assert form.settled == shown[-1][1]["text/plain"]
    again = show(Prediction(one.question, one.choices, unit=one.unit))
    assert again is form
    assert again.answer == answers[-1][0].strip().rstrip("0")
    assert again.message == line
    one.commit(value := answers[0][1])
    assert said() == one._bet()  # a click prints nothing
    one.reveal(value)
    assert shown[-1] == ("in place", text_of(one, *one._bet()))
    show(one)
    assert shown[-1] == ("new", text_of(one, *one._bet()))


def test_a_click_while_the_measurement_ran_is_too_late(bet, said, shown):
    form = show(bet)
    bet.reveal("a")
    assert shown[-1] == ("in place", text_of(bet))
    click(form, answer="a")
    assert shown[-1] == ("in place", text_of(bet, LATE))
    assert (bet.committed, said()) == (None, ["Measured (a): heads"])


def test_a_terminal_shows_the_question(bet, said, shown, monkeypatch):
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace())
    bet._ipython_display_()
    bet.commit("a")
    assert said() == [*repr(bet).splitlines(), "You bet (a): heads"]
    assert shown == []


DOUBLE = Check(
    task="Return twice x.",
    cases=((2.0,), (-3.0,)),
    solve=lambda x: (2 * x, {"that is the square": x**2, "that is half of it": x / 2}),
    praise="two of them.",
)
ROWS = Check(
    task="Return the sum of each row.",
    cases=((np.arange(6.0).reshape(2, 3), [1, 2]),),
    solve=lambda x, _: (x.sum(axis=1), {"that is the sum of each column": x.sum(axis=0)}),
    praise="one for each row.",
)
TEN = Check(
    task="Find ten.",
    cases=((),),
    solve=lambda: (10.0, {"that is a hundred": 100.0}),
    praise="all fingers.",
    tolerance=0.1,
)
SPREAD = Check(
    task="Draw ten thousand numbers.",
    cases=((np.random.default_rng(0), 10_000),),
    solve=lambda rng, n: (rng.normal(size=n), {"these are all positive": rng.uniform(0, 3, n)}),
    praise="widely spread.",
    summary=lambda draw: [np.std(draw), len(draw), 1 + np.mean(draw)],
    tolerance=0.05,
    first="the std",
)


def not_written(*arguments):
    raise NotImplementedError


@pytest.mark.parametrize("check", [DOUBLE, ROWS, TEN, SPREAD])
def test_stub_is_still_missing(check):
    assert repr(check) == f"Check({check.task!r})"
    for stub in (None, ..., lambda *_: None, lambda *_: ..., not_written):
        answer = check(stub)
        assert repr(answer) == f"still missing: {check.task}"
        assert not answer.is_correct
    assert DOUBLE(lambda x: 4.0 if x == 2 else None).state == "still missing"


@pytest.mark.parametrize(
    ("check", "answer", "message"),
    [
        # What is right is right whatever its type.
        (DOUBLE, lambda x: int(x + x), None),
        (DOUBLE, lambda x: 2.000001 * x, None),
        (ROWS, lambda x, _: [float(sum(row)) for row in x], None),
        (ROWS, lambda x, _: tuple(x.sum(axis=1).astype(np.float32)), None),
        (TEN, 10, None),
        (TEN, np.float32(10.9), None),
        (TEN, lambda: 9.1, None),
        (SPREAD, lambda rng, n: list(np.random.default_rng(5).normal(size=n)), None),
        # A mistake must agree in all cases.
        (DOUBLE, lambda x: x * x, "that is the square"),
        (DOUBLE, lambda x: 0.5 * x, "that is half of it"),
        (DOUBLE, lambda x: x**2 if x > 0 else 0.0, "for -3.0 your answer is 0, which is too large"),
        (ROWS, lambda x, _: sum(x), "that is the sum of each column"),
        (TEN, 100.0, "that is a hundred"),
        (SPREAD, lambda rng, n: 3 * np.random.default_rng(5).random(n), "these are all positive"),
        # A single number is named with its case, unless that is right up to rounding.
        (DOUBLE, lambda x: 2 * x + 1, "for 2.0 your answer is 5, which is too large"),
        (TEN, -6.12345, "your answer is -6.123, which is too small"),
        (DOUBLE, lambda x: max(2.0000001 * x, 0), "for -3.0 your answer is 0, which is too large"),
        (DOUBLE, lambda x: 2.00001 * x, "for 2.0 your answer is 4, which is too large"),
        (TEN, 12, "your answer is 12, which is too large"),
        (TEN, 8.9, "your answer is 8.9, which is too small"),
        # Of arrays, the shape is named first, and then what the first number of a summary is.
        (
            ROWS,
            lambda x, _: x,
            "the result is an array of shape (2, 3); expected an array of shape (2,)",
        ),
        (
            DOUBLE,
            lambda x: [2 * x],
            "the result is an array of shape (1,); expected a single number",
        ),
        (
            SPREAD,
            lambda rng, n: rng.normal(size=9),
            "the result is an array of shape (9,); expected an array of shape (10000,)",
        ),
        (SPREAD, lambda rng, n: 2 + np.zeros(n), "the std is 0; expected 0.998"),
        (ROWS, lambda x, _: 7 * x.sum(axis=1), f"that is not it. Try again: {ROWS.task}"),
        (SPREAD, lambda rng, n: rng.normal(2, size=n), f"that is not it. Try again: {SPREAD.task}"),
        # What isn't a function, or stops.
        (DOUBLE, 4.0, f"pass the function itself, without (). {DOUBLE.task}"),
        (ROWS, [3.0, 12.0], f"pass the function itself, without (). {ROWS.task}"),
        (DOUBLE, lambda x: [][0], "it stops with IndexError: list index out of range"),
        (ROWS, lambda x, _: x < 1 | x > 2, "each comparison needs parentheses: (h < 1) | (h > 2)"),
        (ROWS, lambda x, _: x < 1 or x, "for arrays write | and & instead of or and and"),
        (
            ROWS,
            lambda x, _: x * x.T,
            "these shapes don't fit: do these arrays belong together, or is it a product, @?",
        ),
        (
            ROWS,
            lambda x, _: x @ x,
            "these shapes don't fit; a @ b needs as many columns in a as rows in b",
        ),
    ],
)
def test_right_answer_is_praised_and_a_wrong_one_told_why(check, answer, message):
    expected = f"correct: {check.praise}" if message is None else f"not yet: {message}"
    assert repr(check(answer)) == repr(check(answer)) == expected


def test_array_of_arguments_is_not_printed_with_a_wrong_number():
    one = Check(task="Go.", cases=((np.ones(3),),), solve=lambda x: (x.sum(), {}), praise="")
    assert one(np.mean).message == "your answer is 1, which is too small"


def add_in_place(x, _):
    x += 1
    return (x - 1).sum(axis=1)


def sort_in_place(x, order):
    order.sort(reverse=True)
    return x.sum(axis=1)


@pytest.mark.parametrize(
    "function", [add_in_place, sort_in_place, lambda x, order: order.sort(reverse=True)]
)
def test_changing_what_is_handed_over_is_told_even_if_the_result_is_right_or_missing(function):
    for _ in range(2):
        answer = ROWS(function)
        assert answer.state == "not yet"
        assert answer.message.startswith("it changes its arguments in place")
    assert ROWS(lambda x, _: x.sum(axis=1)).is_correct


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_infinite_or_undefined_results_are_not_right(value):
    for check, answer in (
        (DOUBLE, lambda x: value),
        (TEN, value),
        (ROWS, lambda x, _: [3.0, value]),
        (SPREAD, lambda rng, n: np.append(rng.normal(size=n - 1), value)),
    ):
        assert check(answer).message == f"the result holds NaN or infinite numbers. {check.task}"


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        ("4.0", "'4.0'"),
        (["4.0"], "['4.0']"),
        ([[1], [2, 3]], "[[1], [2, 3]]"),
        (4j, "4j"),
        (object, "<class 'object'>"),
        (np.array(["a", "b"]), "an array of shape (2,)"),
        ("a" * 58, f"'{'a' * 58}'"),
        ("a" * 100, f"'{'a' * 56}..."),
    ],
)
def test_result_that_is_no_number_is_shown_if_need_be_shortened(result, shown):
    assert DOUBLE(lambda x: result).message == f"the result is {shown}. Return twice x."


def test_rounding_is_measured_by_the_largest_number():
    check = Check(task="", cases=((),), solve=lambda: ([1000.0, 0.0], {}), praise="", summary=list)
    assert check([1000.0, 0.0005]).is_correct
    assert not check([1000.0, 0.005]).is_correct


def test_check_draws_the_same_each_time():
    drawn = []
    for _ in range(2):
        assert SPREAD(lambda rng, n: drawn.append(rng.normal(size=n)) or drawn[-1]).is_correct
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize(("total", "step"), [(10, 1), (1, 0.11)])
def test_progress_bar_counts_on_stdout_and_leaves_no_line(capsys, monkeypatch, total, step):
    # Each look at the clock is a second later, so that each step is drawn.
    monkeypatch.setattr("tqdm.std.time", itertools.count().__next__)
    with progress_bar(total, "counting") as progress:
        for _ in range(9):
            progress(step)
        progress(step)  # fractions may add up to slightly more than 1
    streams = capsys.readouterr()
    assert "counting" in streams.out
    assert streams.out.endswith("\r")
    assert streams.err == ""
