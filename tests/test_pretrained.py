"""Starts that were learned: each is what pretraining alone gives it."""

import contextlib
import inspect

import numpy as np
import pytest

from initlab import initializers as init
from initlab.datasets import Dataset
from initlab.experiments import pretrained, pretrained_starts
from initlab.network import MLP
from initlab.pretraining import pretrain

SEEDS = [6, 2]
SMALL = {"seeds": SEEDS, "depth": 3, "steps": 4, "width": 8, "batch_size": 32}


@pytest.fixture(scope="module")
def starts(few_digits):
    """What is found with ``SMALL``. Tests only read it."""
    return pretrained_starts(few_digits, **SMALL)


def fresh(seed):
    return MLP(
        [784, 8, 8, 8, 10],
        activation="sigmoid",
        weight_init=init.xavier_normal(),
        rng=np.random.default_rng([seed, 0]),
        dtype=np.float32,
    )


@pytest.mark.parametrize("name", ["none", "RBM", "autoencoder"])
def test_each_start_is_what_pretraining_makes_of_xaviers(starts, few_digits, name):
    assert list(starts) == ["none", "RBM", "autoencoder"]
    for start, seed in zip(starts[name], SEEDS, strict=True):
        own = fresh(seed)
        if name != "none":
            settings = {"steps": 4, "batch_size": 32, "rng": np.random.default_rng([seed, 2])}
            pretrain(own, few_digits.x_train, method=name.lower(), **settings)
        assert (start.sizes, start.dtype) == (own.sizes, np.float32)
        for its, mine in zip(start.parameters(), own.parameters(), strict=True):
            assert its.tobytes() == mine.tobytes()


def test_one_seed_alone_finds_what_it_finds_among_others(starts, few_digits):
    alone = pretrained_starts(few_digits, **SMALL | {"seeds": iter([2])})
    for name, (network,) in alone.items():
        for its, mine in zip(network.parameters(), starts[name][1].parameters(), strict=True):
            assert its.tobytes() == mine.tobytes()


def test_starts_by_default_are_those_of_the_notebook():
    defaults = {
        name: one.default for name, one in inspect.signature(pretrained_starts).parameters.items()
    }
    shown = {"depth": 8, "steps": 300, "width": 100, "batch_size": 128}
    assert defaults | shown == defaults


def test_a_bar_is_shown_where_it_is_asked_for(few_digits, capsys):
    pretrained_starts(few_digits, **SMALL)
    assert capsys.readouterr() == ("", "")
    pretrained_starts(few_digits, **SMALL, progress=True)
    shown = capsys.readouterr()
    assert "pretraining" in shown.out
    assert shown.err == ""


def test_the_bar_is_full_at_its_end(few_digits, monkeypatch):
    bars = []

    @contextlib.contextmanager
    def reporting(progress, total, words):
        done = []
        yield done.append
        bars.append((total, sum(done)))

    monkeypatch.setattr(pretrained, "reporting", reporting)
    pretrained_starts(few_digits, **SMALL)
    ((total, done),) = bars
    assert total == done > 0


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"seeds": []}, ValueError, "seeds must not be empty"),
        ({"depth": 0}, ValueError, "depth=0 must be a whole number of at least 1"),
        ({"steps": 0.5}, TypeError, r"^steps=0\.5 must be a whole"),
        ({"width": 0}, ValueError, "width=0 must be a whole number of at least 1"),
        ({"batch_size": 301}, ValueError, "batch_size=301 is larger than the data"),
    ],
)
@pytest.mark.usefixtures("no_step")
def test_what_cannot_be_run_is_refused_by_name_before_any_step(few_digits, wrong, error, message):
    with pytest.raises(error, match=message):
        pretrained_starts(few_digits, **SMALL | {"seeds": [0]} | wrong)


@pytest.mark.usefixtures("no_step")
def test_a_mistake_in_the_data_does_not_cost_the_pretraining(few_digits):
    x, y = few_digits.x_train, few_digits.y_train
    with pytest.raises(ValueError, match="expected numbers from 0 to 1"):
        pretrained_starts(Dataset(2 * x, y, x, y), **SMALL)
    with pytest.raises(ValueError, match=r"dataset\.x_test has shape \(0, 784\)"):
        pretrained_starts(Dataset(x, y, x[:0], y[:0]), **SMALL)
