"""The race of starts that were learned: each contestant is what it is alone, by hand."""

import contextlib
import inspect

import numpy as np
import pytest

from initlab import initializers as init
from initlab.datasets import Dataset
from initlab.experiments import PretrainingRace, Race, pretrained, pretraining_race
from initlab.network import MLP
from initlab.optimizers import SGD
from initlab.pretraining import pretrain
from initlab.training import evaluate, train

SEEDS = [6, 2]
SMALL = {"seeds": SEEDS, "depths": (3, 1), "pretraining_steps": 4, "steps": 7}
SMALL |= {"width": 8, "batch_size": 32}
each_start = pytest.mark.parametrize("name", ["none", "RBM", "autoencoder"])


@pytest.fixture(scope="module")
def found(few_digits):
    """What is found with ``SMALL``. Tests only read it."""
    return pretraining_race(few_digits, **SMALL)


def fresh(depth, seed):
    return MLP(
        [784, *[8] * depth, 10],
        activation="sigmoid",
        weight_init=init.xavier_normal(),
        rng=np.random.default_rng([seed, 0]),
        dtype=np.float32,
    )


def learned(name, data, seed):
    """Return the deepest start, pretrained unless it is "none", and its reconstruction errors."""
    network, rng = fresh(3, seed), np.random.default_rng([seed, 2])
    if name == "none":
        return network, None
    settings = {"method": name.lower(), "steps": 4, "batch_size": 32}
    return network, pretrain(network, data.x_train, rng=rng, **settings)


def check_trained(race, name, k, network, data, steps):
    """Train a network by hand, and compare it with the one of a race."""
    rng = np.random.default_rng([SEEDS[k], 1])
    history = train(network, data, optimizer=SGD(0.01), steps=steps, batch_size=32, rng=rng)
    np.testing.assert_allclose(race.histories[name][k].loss, history.loss, rtol=1e-5)
    result = race.networks[name][k]
    assert result.sizes == network.sizes
    for its, mine in zip(result.parameters(), network.parameters(), strict=True):
        np.testing.assert_allclose(its, mine, rtol=1e-5, atol=1e-7)
    accuracy = evaluate(result, data.x_test, data.y_test).accuracy
    assert race.test_accuracy[name][k] == accuracy


def test_the_contestants_are_three_and_a_longer_one_for_the_shallowest(found):
    assert isinstance(found, PretrainingRace)
    assert list(found.races) == [1, 3]
    assert list(found.starts) == ["none", "RBM", "autoencoder"]
    assert list(found.errors) == ["RBM", "autoencoder"]
    for depth, race in found.races.items():
        assert isinstance(race, Race)
        names = ["none", "RBM", "autoencoder"] + ["none, longer"] * (depth == 1)
        assert list(race.histories) == list(race.test_accuracy) == list(race.networks) == names


@each_start
def test_starts_and_errors_are_those_of_pretraining_the_deepest(found, few_digits, name):
    for k, seed in enumerate(SEEDS):
        start, (own, errors) = found.starts[name][k], learned(name, few_digits, seed)
        assert (start.sizes, start.dtype) == ([784, 8, 8, 8, 10], np.float32)
        for its, mine in zip(start.parameters(), own.parameters(), strict=True):
            assert its.tobytes() == mine.tobytes()
        if errors is not None:
            np.testing.assert_array_equal(found.errors[name][k], errors)
    if name != "none":
        assert found.errors[name].shape == (2, 3, 4)


@each_start
@pytest.mark.parametrize("depth", [1, 3])
def test_each_is_trained_from_the_first_layers_of_its_start(found, few_digits, name, depth):
    for k, seed in enumerate(SEEDS):
        network, (deepest, _) = fresh(depth, seed), learned(name, few_digits, seed)
        for mine, its in zip(network.dense[:-1], deepest.dense, strict=False):
            mine.weight[...], mine.bias[...] = its.weight, its.bias
        check_trained(found.races[depth], name, k, network, few_digits, 7)


def test_without_pretraining_but_longer_has_all_its_steps(found, few_digits):
    for k, seed in enumerate(SEEDS):
        check_trained(found.races[1], "none, longer", k, fresh(1, seed), few_digits, 7 + 1 * 4)
    others = pretraining_race(few_digits, **SMALL | {"depths": [2, 4], "seeds": [0]})
    assert len(others.races[2].histories["none, longer"][0].loss) == 7 + 2 * 4
    assert "none, longer" not in others.races[4].histories


def test_one_seed_alone_finds_what_it_finds_among_others(found, few_digits):
    alone = pretraining_race(few_digits, **SMALL | {"seeds": iter([2])})
    for name in found.errors:
        np.testing.assert_array_equal(alone.errors[name][0], found.errors[name][1])
    for depth, race in found.races.items():
        for name, (first, second) in race.histories.items():
            np.testing.assert_array_equal(alone.races[depth].histories[name][0].loss, second.loss)
            assert not np.any(first.loss == second.loss)


def test_a_race_by_default_is_that_of_the_notebook():
    defaults = {
        name: one.default for name, one in inspect.signature(pretraining_race).parameters.items()
    }
    shown = {"depths": (4, 8), "pretraining_steps": 600, "steps": 2000, "width": 100}
    assert defaults | shown | {"batch_size": 128} == defaults


def test_bars_are_shown_where_they_are_asked_for(few_digits, capsys):
    pretraining_race(few_digits, **SMALL)
    assert capsys.readouterr() == ("", "")
    pretraining_race(few_digits, **SMALL, progress=True)
    shown = capsys.readouterr()
    assert "pretraining" in shown.out
    assert "training:" in shown.out
    assert shown.err == ""


def test_the_bar_of_pretraining_is_full_at_its_end(few_digits, monkeypatch):
    bars = []

    @contextlib.contextmanager
    def reporting(progress, total, words):
        done = []
        yield done.append
        bars.append((total, sum(done)))

    monkeypatch.setattr(pretrained, "reporting", reporting)
    pretraining_race(few_digits, **SMALL)
    ((total, done),) = bars
    assert total == done > 0


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"seeds": []}, ValueError, "seeds must not be empty"),
        ({"depths": 4}, TypeError, "depths=4 must be .*numbers of hidden layers"),
        ({"depths": ()}, TypeError, r"depths=\(\) must be"),
        ({"depths": (4, 0)}, ValueError, "depths=0 must be a whole number of at least 1"),
        ({"pretraining_steps": 0.5}, TypeError, r"pretraining_steps=0\.5 must be a whole"),
        ({"steps": 0}, ValueError, "^steps=0 must be a whole number of at least 1"),
        ({"width": 0}, ValueError, "width=0 must be a whole number of at least 1"),
        ({"batch_size": 301}, ValueError, "batch_size=301 is larger than the data"),
    ],
)
@pytest.mark.usefixtures("no_step")
def test_what_cannot_be_run_is_refused_by_name_before_any_step(few_digits, wrong, error, message):
    with pytest.raises(error, match=message):
        pretraining_race(few_digits, **SMALL | {"seeds": [0]} | wrong)


@pytest.mark.usefixtures("no_step")
def test_a_mistake_in_the_data_does_not_cost_the_race(few_digits):
    x, y = few_digits.x_train, few_digits.y_train
    with pytest.raises(ValueError, match="expected numbers from 0 to 1"):
        pretraining_race(Dataset(2 * x, y, x, y), **SMALL)
    with pytest.raises(ValueError, match=r"dataset\.x_test has shape \(0, 784\)"):
        pretraining_race(Dataset(x, y, x[:0], y[:0]), **SMALL)
