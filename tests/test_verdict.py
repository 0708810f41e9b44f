"""The last notebook of part one: a vote on all claims, and their replication."""

import numpy as np
import pytest

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
    return [row.children for row in one._form().children]


def test_the_sheet_shows_each_claim_of_the_article_with_three_answers():
    rows = rows_of(Sheet())
    assert len(rows) == len(ARTICLES)
    for number, (sentence, buttons) in zip(ARTICLES, rows, strict=True):
        assert f"<b>{number}</b> " in sentence.value
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
    assert "\n 5 false     With std 0" in repr(again)
    assert "\n 6 ?         Neurons" in repr(again)
    assert again.right({1: "half true", 5: "holds", 6: "holds"}) == (1, 2)


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        ({15: "holds"}, "15 must be the number of a claim: 1 to 14"),
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
