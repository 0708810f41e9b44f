"""The last notebook of part one: a vote on all claims, and their replication."""

import html
from types import SimpleNamespace

import numpy as np
import pytest

from initlab import plotting
from initlab.classroom import ledger, sheet
from initlab.classroom.replication import replicate
from initlab.classroom.sheet import ANSWERS, Sheet
from initlab.experiments import five_layers
from initlab.initializers import normal

ARTICLES = [number for number in ledger.CLAIMS if number not in ledger.OURS]


@pytest.fixture(autouse=True)
def no_votes(monkeypatch):
    monkeypatch.setattr(sheet, "_VOTES", {})


def rows_of(one):
    _style, *rows = one._form().children
    return [row.children for row in rows]


def test_the_sheet_shows_each_claim_of_the_article_with_three_answers():
    rows = rows_of(Sheet())
    assert len(rows) == len(ARTICLES)
    for number, (sentence, buttons) in zip(ARTICLES, rows, strict=True):
        assert f"<b>{number}</b> " in sentence.value
        for part in ledger.CLAIMS[number].parts_in_words():
            assert html.escape(part) in sentence.value
        assert buttons.options == ANSWERS
        assert buttons.value is None


def test_a_click_is_a_vote_and_outlives_the_cell():
    one = Sheet()
    rows = rows_of(one)
    rows[4][1].value = "false"
    one.mark({1: "half true"})
    assert rows[0][1].value == "half true"
    again = Sheet()
    assert again.votes == dict.fromkeys(ARTICLES) | {1: "half true", 5: "false"}
    assert rows_of(again)[4][1].value == "false"
    assert f"\n 5 false     {ledger.CLAIMS[5].text}" in repr(again)
    assert f"\n 6 ?         {ledger.CLAIMS[6].text}" in repr(again)


def test_votes_stand_beside_the_verdicts_known_so_far():
    one = Sheet()
    one.mark({1: "half true", 5: "false", 6: "holds"})
    judged = [
        SimpleNamespace(number=1, verdict="half true", margins=[1]),
        SimpleNamespace(number=5, verdict="holds", margins=[2]),
    ]
    lines = one.lines(judged)
    assert [(number, text) for number, text, *_ in lines] == [
        (number, ledger.CLAIMS[number].text) for number in ARTICLES
    ]
    assert {line[0]: line[2:] for line in lines if any(line[2:])} == {
        1: ("half true", "half true", [1]),
        5: ("false", "holds", [2]),
        6: ("holds", None, None),
    }
    assert one.right(judged) == (1, 3)


def test_the_board_has_a_colour_for_each_verdict_and_the_sheet_for_each_but_the_lottery():
    parts = [[[True]], [[False]], [[True], [False]], [[True, False]]]
    verdicts = [ledger.verdict(np.array(part)) for part in parts]
    assert set(plotting.VERDICTS) == set(verdicts)
    assert set(ANSWERS) < set(verdicts)


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        ({ledger.OURS[0]: "holds"}, f"{ledger.OURS[0]} must .* a claim: 1 to {ARTICLES[-1]}"),
        ({2: "maybe"}, "claim 2: 'maybe'"),
    ],
)
def test_what_is_no_vote_is_refused_and_nothing_is_marked(votes, message):
    with pytest.raises(ValueError, match=message):
        Sheet().mark({1: "holds"} | votes)
    assert set(Sheet().votes.values()) == {None}


def test_the_untrained_claims_come_first_each_with_all_its_seeds(few_digits):
    rows = replicate(few_digits, many=[5, 6], few=[7])
    found = [next(rows) for _ in range(2)]
    assert [row.number for row in found] == [1, 2]
    assert [row.verdict for row in found] == ["half true", "holds"]
    runs = [five_layers(normal(10.0), seed=seed) for seed in (5, 6)]
    by_hand = np.array([run.each("saturated_fraction") for run in runs])
    assert found[1].measured == ledger.claim_2(by_hand).measured
