"""A bet is placed before it is settled, and a notebook runs when nobody bets."""

import pytest

from initlab.classroom import Prediction, prediction, progress_bar

CHOICES = {"a": "heads", "b": "tails"}


@pytest.fixture(autouse=True)
def fresh_kernel(monkeypatch):
    monkeypatch.setattr(prediction, "_SLIPS", {})


@pytest.fixture
def bet():
    return Prediction("Which side?", CHOICES)


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


def test_progress_bar_counts_on_stdout_and_leaves_no_line(capsys):
    with progress_bar(10, "counting") as progress:
        for _ in range(10):
            progress(1)
    streams = capsys.readouterr()
    assert "counting" in streams.out
    assert streams.out.endswith("\r")
    assert streams.err == ""
