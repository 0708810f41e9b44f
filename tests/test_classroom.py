"""A bet is placed before it is settled, and a check has something useful to say of any answer."""

import re

import numpy as np
import pytest

from initlab.classroom import Prediction, prediction, progress_bar
from initlab.classroom.checks import Check, Feedback

CHOICES = {"a": "heads", "b": "tails"}


@pytest.fixture(autouse=True)
def fresh_kernel(monkeypatch):
    monkeypatch.setattr(prediction, "_SLIPS", {})


@pytest.fixture
def bet():
    return Prediction("Which side?", CHOICES)


@pytest.fixture
def number():
    return Prediction("How many are heads?", guess=50, unit="%")


@pytest.fixture
def last_line(capsys):
    return lambda: capsys.readouterr().out.splitlines()[-1]


def test_question_and_answers_are_shown(bet):
    assert repr(bet) == "Which side?\n  (a) heads\n  (b) tails"


def test_right_bet(bet, capsys):
    bet.commit("b")
    bet.reveal("b")
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["You bet (b): tails", "You bet (b): tails"]
    assert said[2] == "Measured (b): tails"
    assert said[3].startswith("You knew it")


def test_wrong_bet(bet, capsys):
    bet.commit("b")
    bet.reveal("a")
    said = capsys.readouterr().out
    assert "You bet (b): tails\nMeasured (a): heads\nNot what you expected" in said


def test_runs_unattended_with_a_guess_marked_as_such(bet, capsys):
    bet.commit()
    bet.reveal("a")
    said = capsys.readouterr().out
    assert "Default guess (a): heads" in said
    assert "Nobody bet" in said
    assert "You knew it" not in said


def test_a_second_bet_replaces_the_default(bet, capsys):
    bet.commit()
    bet.commit("b")
    bet.reveal("b")
    assert "You knew it" in capsys.readouterr().out


def test_no_looking_before_betting(bet, capsys):
    with pytest.raises(RuntimeError, match="no bet was placed"):
        bet.reveal("a")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("act", ["commit", "reveal"])
def test_unknown_letter_names_the_right_ones(bet, act):
    bet.commit("b")
    with pytest.raises(ValueError, match=r"'z'.*a, b"):
        getattr(bet, act)("z")
    assert bet.committed == "b"


def test_a_bet_needs_two_answers():
    with pytest.raises(ValueError, match="at least two answers"):
        Prediction("Which?", {"a": "this"})


# ---------------------------------------------------------------------------------- bets on numbers


def test_number_within_the_spread_is_right(number, capsys):
    number.commit(60)
    number.reveal(47, spread=(38, 61))
    assert capsys.readouterr().out.splitlines() == [
        "You bet: 60 %",
        "You bet: 60 %",
        "Measured: 47 % (38 to 61)",
        "You knew it: your bet lies within the spread. Can you say why?",
    ]


@pytest.mark.parametrize(("answer", "right"), [(38, True), (61, True), (37.9, False), (62, False)])
def test_ends_of_the_spread_belong_to_it(number, last_line, answer, right):
    number.commit(answer)
    number.reveal(47, spread=[38, 61])
    assert last_line().startswith("You knew it") is right


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("answer", "right"), [(45, True), (55, True), (44.9, False), (55.1, False)]
)
def test_without_a_spread_ten_percent_decide(number, last_line, answer, right, sign):
    number.commit(sign * answer)
    number.reveal(sign * 50)
    said = last_line()
    assert said.startswith("You knew it") is right
    assert "spread" not in said


def test_number_without_spread_is_shown_alone(number, capsys):
    number.commit(50)
    number.reveal(np.float32(0.12345))
    assert "Measured: 0.123 %\n" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "measured"), [(10, 40), (160, 40), (-10, -40), (-8, -2)])
def test_wrong_number_is_off_by_a_factor(number, last_line, answer, measured):
    number.commit(answer)
    number.reveal(measured)
    assert last_line() == (
        "Not what you expected: look closely at what comes next. You were off by a factor of 4."
    )


@pytest.mark.parametrize(
    ("answer", "measured", "factor"),
    [
        (60, 40, "1.5"),
        (40, 60, "1.5"),
        (15, 10, "1.5"),
        (1, 7500, "7,500"),
        (7499, 1, "7,500"),
        (123456, 1, "120,000"),
    ],
)
def test_factor_is_told_from_one_and_a_half_on_and_without_an_exponent(
    number, last_line, answer, measured, factor
):
    number.commit(answer)
    number.reveal(measured)
    assert last_line().endswith(f" You were off by a factor of {factor}.")


@pytest.mark.parametrize(("answer", "measured"), [(59, 40), (-40, -59), (45, 40), (40, 45)])
def test_who_is_nearly_right_is_told_no_factor(number, last_line, answer, measured):
    number.commit(answer)
    number.reveal(measured)
    assert last_line() == "Not what you expected: look closely at what comes next."


@pytest.mark.parametrize(("answer", "measured"), [(1e-300, 1e300), (1e300, 1e-300)])
def test_factor_beyond_all_numbers_is_left_out(number, last_line, answer, measured):
    number.commit(answer)
    number.reveal(measured)
    assert last_line() == "Not what you expected: look closely at what comes next."


@pytest.mark.parametrize(
    ("answer", "shown"),
    [(12345, "12,345"), (0.12345, "0.12345"), (1234567, "1,234,567"), (50, "50"), (-1.5, "-1.5")],
)
def test_a_bet_is_shown_as_it_was_typed(number, capsys, answer, shown):
    number.commit(answer)
    assert capsys.readouterr().out == f"You bet: {shown} %\n"


@pytest.mark.parametrize(("answer", "measured"), [(-10, 40), (10, -40), (0, 40), (10, 0)])
def test_no_factor_leads_to_zero_or_to_another_sign(number, last_line, answer, measured):
    number.commit(answer)
    number.reveal(measured)
    assert last_line() == "Not what you expected: look closely at what comes next."


def test_zero_is_right_if_zero_is_measured(number, last_line):
    number.commit(0)
    number.reveal(0)
    assert last_line() == "You knew it. Can you say why?"


def test_letters_are_off_by_no_factor(bet, last_line):
    bet.commit("a")
    bet.reveal("b")
    assert last_line() == "Not what you expected: look closely at what comes next."


def test_guess_stands_in_where_nobody_bets(number, capsys):
    number.commit()
    assert number.by_default
    assert number.committed == 50
    number.reveal(50)
    said = capsys.readouterr().out
    assert "Default guess: 50 %\n" in said
    assert said.endswith("Nobody bet this time. Next time, bet before you measure.\n")


def test_number_asked_for_is_shown_with_its_unit(number):
    assert repr(number) == "How many are heads? (a number, in %)"
    assert repr(Prediction("How often?", guess=1)) == "How often? (a number)"


def test_no_unit_leaves_no_space(capsys):
    Prediction("How often?", guess=1).commit(3)
    assert capsys.readouterr().out == "You bet: 3\n"


# ------------------------------------------------------------------------------ the kernel's memory


def test_bet_survives_its_cell_being_run_again(bet, number):
    bet.commit("b")
    number.commit(60)
    assert Prediction("Which side?", dict(CHOICES)).committed == "b"
    assert Prediction("How many are heads?", guess=50, unit="%").committed == 60


def test_other_guess_or_unit_is_still_the_same_bet(number):
    number.commit(60)
    assert Prediction("How many are heads?", guess=10, unit="times").committed == 60


def test_before_anything_is_committed_there_is_nothing(bet):
    assert bet.committed is None
    assert not bet.by_default


@pytest.mark.parametrize("choices", [{"a": "heads", "b": "edge"}, {"b": "tails", "a": "heads"}])
def test_changed_choices_make_a_new_bet(bet, choices):
    bet.commit("b")
    assert Prediction("Which side?", choices).committed is None


def test_another_question_is_another_bet(bet):
    bet.commit("b")
    assert Prediction("Which side now?", CHOICES).committed is None
    assert Prediction("Which side?", guess=1).committed is None


def test_choices_are_not_changed_from_outside():
    choices = dict(CHOICES)
    bet = Prediction("Which side?", choices)
    choices["c"] = "edge"
    assert bet.choices == CHOICES


def test_default_does_not_replace_a_bet(bet, capsys):
    bet.commit("b")
    bet.commit()
    assert bet.committed == "b"
    assert capsys.readouterr().out == "You bet (b): tails\n" * 2


def test_a_bet_of_zero_is_a_bet(number):
    number.commit(0)
    number.commit()
    assert number.committed == 0
    assert not number.by_default


def test_before_the_reveal_one_may_change_ones_mind(bet, last_line):
    bet.commit("a")
    bet.commit("b")
    bet.reveal("b")
    assert last_line().startswith("You knew it")


def test_after_the_reveal_a_bet_stands(bet, capsys):
    bet.commit("b")
    bet.reveal("a")
    capsys.readouterr()
    again = Prediction("Which side?", CHOICES)
    again.commit("a")
    assert again.committed == "b"
    assert capsys.readouterr().out == (
        "The answer is known by now: your bet stands.\nYou bet (b): tails\n"
    )


def test_the_same_bet_may_be_run_again_after_the_reveal(bet, capsys):
    bet.commit("b")
    bet.reveal("b")
    capsys.readouterr()
    bet.commit("b")
    bet.reveal("b")
    said = capsys.readouterr().out
    assert "stands" not in said
    assert "You knew it" in said


@pytest.mark.parametrize("answer", ["a", "b"])
def test_bet_after_a_default_was_revealed_does_not_count(bet, last_line, answer):
    bet.commit()
    bet.reveal("a")
    bet.commit(answer)
    assert bet.committed == answer
    for _ in range(2):  # to run the cell again does not make it earlier
        Prediction("Which side?", CHOICES).commit(answer)
        bet.reveal("a")
        assert last_line() == "A bet after the fact: it doesn't count."


def test_late_bet_stands_too(bet, capsys):
    bet.commit()
    bet.reveal("a")
    bet.commit("b")
    bet.commit("a")
    assert bet.committed == "b"
    assert "your bet stands" in capsys.readouterr().out


# --------------------------------------------------------------------------------- what bets refuse


@pytest.mark.parametrize(
    ("arguments", "named", "error", "said"),
    [
        (("Which?",), {}, ValueError, "either choices, or a guess at a number"),
        (("Which?", CHOICES), {"guess": 1}, ValueError, "either choices, or a guess at a number"),
        (("Which?", ["this", "that"]), {}, ValueError, r"choices=\['this', .* must be a dict"),
        (("How?",), {"guess": "many"}, TypeError, "guess='many' must be a real number"),
        (("How?",), {"guess": True}, TypeError, "guess=True must be a real number"),
        (("How?",), {"guess": float("nan")}, ValueError, "guess=nan must be a finite number"),
    ],
)
def test_question_that_is_none_is_refused(arguments, named, error, said):
    with pytest.raises(error, match=said):
        Prediction(*arguments, **named)


@pytest.mark.parametrize("act", ["commit", "reveal"])
@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ("b", TypeError, "='b' must be a real number"),
        (False, TypeError, "=False must be a real number"),
        (float("inf"), ValueError, "=inf must be a finite number"),
    ],
)
def test_what_is_no_number_is_refused(number, act, wrong, error, said):
    number.commit(60)
    argument = {"commit": "answer", "reveal": "measured"}[act]
    with pytest.raises(error, match=argument + said):
        getattr(number, act)(wrong)
    assert number.committed == 60


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("commit", "answer=2 must be one of the names a, b"),
        ("reveal", "measured=2 must be one of the names a, b"),
    ],
)
def test_number_is_no_letter(bet, act, said):
    bet.commit("b")
    with pytest.raises(TypeError, match=said):
        getattr(bet, act)(2)


@pytest.mark.parametrize(
    ("spread", "error", "said"),
    [
        (5, TypeError, r"spread=5 must be a pair \(least, greatest\)"),
        ((1, 50, 90), TypeError, r"spread=\(1, 50, 90\) must be a pair"),
        (("few", 90), TypeError, "spread='few' must be a real number"),
        ((1, float("inf")), ValueError, "spread=inf must be a finite number"),
        ((90, 1), ValueError, r"spread=\(90, 1\) must be \(least, greatest\) around 50"),
        ((51, 90), ValueError, "around 50"),
        ((1, 49), ValueError, "around 50"),
    ],
)
def test_spread_that_is_none_is_refused_and_nothing_given_away(number, capsys, spread, error, said):
    number.commit(60)
    capsys.readouterr()
    with pytest.raises(error, match=said):
        number.reveal(50, spread=spread)
    assert capsys.readouterr().out == ""
    number.commit(70)
    assert number.committed == 70


def test_letters_have_no_spread(bet):
    bet.commit("b")
    with pytest.raises(ValueError, match=r"spread=\(1, 2\): only numbers have one"):
        bet.reveal("b", spread=(1, 2))


# ------------------------------------------------------------------------------------ the corrector

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
    summary=lambda draw: [len(draw), np.std(draw), 1 + np.mean(draw)],
    tolerance=0.05,
)


def test_right_answer_is_praised():
    answer = DOUBLE(lambda x: x + x)
    assert answer.is_correct
    assert repr(answer) == "correct: two of them."


def test_answer_that_is_not_right_says_so():
    assert repr(Feedback("not yet", "try again")) == "not yet: try again"
    assert not Feedback("not yet", "try again").is_correct
    assert not Feedback("still missing", "try").is_correct


@pytest.mark.parametrize("check", [DOUBLE, ROWS, TEN, SPREAD])
def test_check_shows_its_task(check):
    assert repr(check) == f"Check({check.task!r})"


def not_written(*arguments):
    raise NotImplementedError


@pytest.mark.parametrize("check", [DOUBLE, ROWS, TEN, SPREAD])
@pytest.mark.parametrize(
    "stub",
    [None, ..., lambda *_: None, lambda *_: ..., not_written],
    ids=["None", "...", "returns None", "returns ...", "not written"],
)
def test_stub_is_still_missing(check, stub):
    assert repr(check(stub)) == f"still missing: {check.task}"


def test_answer_that_is_written_for_one_case_only_is_still_missing():
    assert DOUBLE(lambda x: 4.0 if x == 2 else None).state == "still missing"


def test_mistake_gets_its_hint():
    assert repr(DOUBLE(lambda x: x * x)) == "not yet: that is the square"
    assert DOUBLE(lambda x: 0.5 * x).message == "that is half of it"
    assert ROWS(lambda x, _: sum(x)).message == "that is the sum of each column"


def test_mistake_must_agree_in_all_cases():
    assert "which is too large" in DOUBLE(lambda x: abs(x) * 2).message
    assert DOUBLE(lambda x: x**2 if x > 0 else 0.0).message.startswith("for -3.0 your answer is 0")


def test_result_handed_over_instead_of_the_function():
    answer = DOUBLE(4.0)
    assert answer.state == "not yet"
    assert answer.message == "pass the function itself, without (). Return twice x."
    assert ROWS([3.0, 12.0]).message.startswith("pass the function itself")


def test_number_may_be_handed_over_plainly_or_by_a_function():
    assert TEN(10).is_correct
    assert TEN(np.float32(10.9)).is_correct
    assert TEN(lambda: 9.1).is_correct
    assert TEN(100.0).message == "that is a hundred"
    assert TEN(12).message == "your answer is 12, which is too large"
    assert TEN(8.9).message == "your answer is 8.9, which is too small"


def test_number_too_large_or_too_small_is_named_with_its_case():
    assert DOUBLE(lambda x: 2 * x + 1).message == ("for 2.0 your answer is 5, which is too large")
    assert DOUBLE(lambda x: 2 * x if x > 0 else -6.12345).message == (
        "for -3.0 your answer is -6.123, which is too small"
    )


def test_case_that_is_right_up_to_rounding_is_not_blamed():
    answer = DOUBLE(lambda x: 2.0000001 * x if x > 0 else 0.0)
    assert answer.message == "for -3.0 your answer is 0, which is too large"


def test_arrays_are_not_printed_with_a_wrong_number():
    check = Check(
        task="Add up.", cases=((np.ones(3),),), solve=lambda x: (x.sum(), {}), praise="all three."
    )
    assert check(np.mean).message == "that is not it. Try again: Add up."


def test_one_number_in_an_array_is_named_too():
    check = Check(
        task="Double.",
        cases=((2.0,),),
        solve=lambda x: (np.array([x, x])[:1], {}),
        praise="",
    )
    assert check(lambda x: [9.0]).message == "for 2.0 your answer is 9, which is too large"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: 1 / 0, "it stops with ZeroDivisionError: division by zero"),
        (lambda x: unknown, "it stops with NameError: name 'unknown' is not defined"),  # noqa: F821
        (lambda: 4.0, "it stops with TypeError: .* takes 0 positional arguments but 1 was given"),
        (
            lambda x, y: 4.0,
            "it stops with TypeError: .* missing 1 required positional argument: 'y'",
        ),
    ],
)
def test_function_that_stops_says_why(function, said):
    answer = DOUBLE(function)
    assert answer.state == "not yet"
    assert re.fullmatch(said, answer.message)


def add_in_place(x, _):
    x += 1
    return (x - 1).sum(axis=1)


def sort_in_place(x, order):
    order.sort(reverse=True)
    return x.sum(axis=1)


def only_sort(x, order):
    return order.sort(reverse=True)


@pytest.mark.parametrize("function", [add_in_place, sort_in_place, only_sort])
def test_changing_what_is_handed_over_is_told_even_if_the_result_is_right(function):
    for _ in range(2):
        answer = ROWS(function)
        assert answer.state == "not yet"
        assert answer.message.startswith("it changes its arguments in place")
    assert ROWS(lambda x, _: x.sum(axis=1)).is_correct


def test_wrong_shape_is_named_before_any_number():
    assert ROWS(lambda x, _: x.sum(axis=1, keepdims=True)).message == (
        "the result has shape (2, 1); expected shape (2,)"
    )
    assert DOUBLE(lambda x: [2 * x]).message == (
        "the result has shape (1,); expected a single number"
    )


def test_shape_of_a_summary_is_not_shown():
    check = Check(
        task="Sort.",
        cases=(([2.0, 1.0],),),
        solve=lambda x: (sorted(x), {}),
        praise="",
        summary=lambda values: values[:2],
    )
    assert check(lambda x: x[:1]).message == "that is not it. Try again: Sort."


def test_wrong_array_is_sent_back_to_the_task():
    said = "that is not it. Try again: Return the sum of each row."
    assert ROWS(lambda x, _: 7 * x.sum(axis=1)).message == said


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_infinite_or_undefined_results_are_not_right(value):
    for check in (DOUBLE, ROWS, TEN, SPREAD):
        results = [value, lambda x: value, lambda x, _: np.full(2, value)]
        answer = check(results[len(check.cases[0])])
        assert answer.state == "not yet"
        assert answer.message not in check.solve(*check.cases[0])[1]
    for check, result in ((DOUBLE, lambda x: value), (TEN, value)):
        assert check(result).message == f"the result holds NaN or infinite numbers. {check.task}"


def test_one_infinite_number_among_others_is_told_without_a_warning():
    for wrong in ([np.nan, 12.0], [3.0, -np.inf]):
        said = ROWS(lambda x, _, wrong=wrong: wrong).message
        assert said == "the result holds NaN or infinite numbers. Return the sum of each row."
    assert SPREAD(lambda rng, n: np.append(rng.normal(size=n - 1), np.inf)).message == (
        "the result holds NaN or infinite numbers. Draw ten thousand numbers."
    )


@pytest.mark.parametrize(
    "result", ["four", "4.0", ["4.0"], b"4", {"x": 4}, object, [[1], [2, 3]], 4j], ids=repr
)
def test_result_that_is_no_number_is_shown(result):
    assert DOUBLE(lambda x: result).message == f"the result is {result!r}. Return twice x."


@pytest.mark.parametrize(
    ("array", "shape"),
    [(np.array("4.0"), "()"), (np.array(["a", "b"]), "(2,)"), (np.full((2, 3), 1j), "(2, 3)")],
    ids=["text", "texts", "complex"],
)
def test_array_that_holds_no_numbers_is_told_by_its_shape(array, shape):
    said = DOUBLE(lambda x: array).message
    assert said == f"the result is an array of shape {shape}. Return twice x."


def test_long_result_is_shown_shortened():
    answer = DOUBLE(lambda x: "a" * 100)
    assert answer.message == f"the result is '{'a' * 56}.... Return twice x."
    assert DOUBLE(lambda x: "a" * 58).message.startswith(f"the result is '{'a' * 58}'. ")


def test_lists_and_single_precision_will_do():
    assert ROWS(lambda x, _: [float(sum(row)) for row in x]).is_correct
    assert ROWS(lambda x, _: tuple(x.astype(np.float32).sum(axis=1) * np.float32(1))).is_correct
    assert DOUBLE(lambda x: int(2 * x)).is_correct


def test_rounding_is_measured_by_the_largest_number():
    check = Check(task="", cases=((),), solve=lambda: ([1000.0, 0.0], {}), praise="", summary=list)
    assert check([1000.0, 0.0005]).is_correct
    assert not check([1000.0, 0.005]).is_correct


def test_tolerance_is_relative():
    assert DOUBLE(lambda x: 2.000001 * x).is_correct
    assert not DOUBLE(lambda x: 2.00001 * x).is_correct


def test_draw_is_compared_by_its_statistics():
    own = np.random.default_rng(5)
    assert SPREAD(lambda rng, n: [own.standard_normal() for _ in range(n)]).is_correct
    assert SPREAD(lambda rng, n: 3 * own.random(n)).message == "these are all positive"
    assert SPREAD(lambda rng, n: rng.normal(size=n // 2)).message.startswith("that is not it")


def test_check_draws_the_same_each_time():
    drawn = []
    for _ in range(2):
        assert SPREAD(lambda rng, n: drawn.append(rng.normal(size=n)) or drawn[-1]).is_correct
        assert not SPREAD(lambda rng, n: np.zeros(n)).is_correct
    np.testing.assert_array_equal(*drawn)


# ----------------------------------------------------------------------------------------- progress


def test_progress_bar_counts_on_stdout_and_leaves_no_line(capsys):
    with progress_bar(10, "counting") as progress:
        for _ in range(10):
            progress(1)
    streams = capsys.readouterr()
    assert "counting" in streams.out
    assert streams.out.endswith("\r")
    assert streams.err == ""
