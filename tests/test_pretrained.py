import numpy as np
import pytest

from initlab import initializers as init
from initlab.datasets import Dataset
from initlab.experiments import (
    PretrainingRace,
    Race,
    pretraining_race,
)
from initlab.network import MLP
from initlab.optimizers import SGD
from initlab.pretraining import pretrain
from initlab.training import evaluate, train

SEEDS = [6, 2]
SMALL = {
    "seeds": SEEDS,
    "depths": (3, 1),
    "pretraining_steps": 4,
    "steps": 7,
    "width": 8,
    "batch_size": 32,
}


@pytest.fixture(scope="module")
def few_digits(mnist):
    return Dataset(mnist.x_train[:200], mnist.y_train[:200], mnist.x_test[:150], mnist.y_test[:150])


@pytest.fixture(scope="module")
def found(few_digits):
    """What is found with ``SMALL``. Tests only read it."""
    return pretraining_race(few_digits, **SMALL)


def fresh(depth, seed, width=8):
    return MLP(
        [784, *[width] * depth, 10],
        activation="sigmoid",
        weight_init=init.xavier_normal(),
        rng=np.random.default_rng([seed, 0]),
        dtype=np.float32,
    )


def learned(name, data, seed, depth=3, steps=4):
    """Return a start, pretrained unless it is "none", and its reconstruction errors."""
    network = fresh(depth, seed)
    if name == "none":
        return network, None
    errors = pretrain(
        network,
        data.x_train,
        method={"RBM": "rbm", "autoencoder": "autoencoder"}[name],
        steps=steps,
        batch_size=32,
        rng=np.random.default_rng([seed, 2]),
    )
    return network, errors


def trained(network, data, seed, steps=7):
    return train(
        network,
        data,
        optimizer=SGD(0.01),
        steps=steps,
        batch_size=32,
        rng=np.random.default_rng([seed, 1]),
    )


def contents(network):
    return [array.tobytes() for array in network.parameters()]


each_start = pytest.mark.parametrize("name", ["none", "RBM", "autoencoder"])


def test_the_contestants_are_three_and_a_longer_one_for_the_shallowest(found):
    assert isinstance(found, PretrainingRace)
    assert list(found.races) == [1, 3]
    assert list(found.starts) == ["none", "RBM", "autoencoder"]
    assert list(found.errors) == ["RBM", "autoencoder"]
    for depth, race in found.races.items():
        assert isinstance(race, Race)
        names = ["none", "RBM", "autoencoder"] + ["none, longer"] * (depth == 1)
        for part in (race.histories, race.test_accuracy, race.networks):
            assert list(part) == names
            assert {len(part[name]) for name in names} == {2}
        for networks in race.networks.values():
            assert [net.sizes for net in networks] == [[784, *[8] * depth, 10]] * 2


@each_start
def test_the_starts_are_as_they_were_before_the_training_with_labels(found, few_digits, name):
    for start, seed in zip(found.starts[name], SEEDS, strict=True):
        assert start.sizes == [784, 8, 8, 8, 10]
        assert start.dtype == np.float32
        assert contents(start) == contents(learned(name, few_digits, seed)[0])


@pytest.mark.parametrize("name", ["RBM", "autoencoder"])
def test_pretraining_changes_every_hidden_layer_and_leaves_the_output_layer(found, name):
    for start, plain in zip(found.starts[name], found.starts["none"], strict=True):
        for layer, other in zip(start.dense[:-1], plain.dense, strict=False):
            assert not np.any(layer.weight == other.weight)
            assert not np.any(layer.bias == other.bias)
        assert start.dense[-1].weight.tobytes() == plain.dense[-1].weight.tobytes()
        assert not start.dense[-1].bias.any()


@pytest.mark.parametrize("name", ["RBM", "autoencoder"])
def test_the_errors_are_those_of_pretraining_the_deepest_network(found, few_digits, name):
    assert found.errors[name].shape == (2, 3, 4)
    for errors, seed in zip(found.errors[name], SEEDS, strict=True):
        np.testing.assert_array_equal(errors, learned(name, few_digits, seed)[1])


@each_start
@pytest.mark.parametrize("depth", [1, 3])
def test_each_is_trained_from_the_first_layers_of_its_start(found, few_digits, name, depth):
    race = found.races[depth]
    for k, seed in enumerate(SEEDS):
        network = fresh(depth, seed)  # its output layer is kept
        for mine, start in zip(network.dense[:-1], found.starts[name][k].dense, strict=False):
            mine.weight[...], mine.bias[...] = start.weight, start.bias
        history = trained(network, few_digits, seed)
        np.testing.assert_allclose(race.histories[name][k].loss, history.loss, rtol=1e-5)
        result = race.networks[name][k]
        for layer, own in zip(result.dense, network.dense, strict=True):
            np.testing.assert_allclose(layer.weight, own.weight, rtol=1e-5, atol=1e-7)
            np.testing.assert_allclose(layer.bias, own.bias, rtol=1e-5, atol=1e-7)
        accuracy = evaluate(result, few_digits.x_test, few_digits.y_test).accuracy
        assert race.test_accuracy[name][k] == accuracy


def test_a_shallower_network_starts_as_if_it_had_been_pretrained_itself(few_digits):
    race = pretraining_race(few_digits, **SMALL | {"depths": [3, 2], "seeds": [6]}).races[2]
    for name in ("RBM", "autoencoder"):
        network, _ = learned(name, few_digits, 6, depth=2)
        history = trained(network, few_digits, 6)
        np.testing.assert_allclose(race.histories[name][0].loss, history.loss, rtol=1e-5)


def test_without_pretraining_but_longer_is_the_same_training_and_then_more(found, few_digits):
    race = found.races[1]
    for k, seed in enumerate(SEEDS):
        longer = race.histories["none, longer"][k].loss
        assert longer.shape == (7 + 1 * 4,)
        np.testing.assert_allclose(longer[:7], race.histories["none"][k].loss, rtol=1e-5)
        network = fresh(1, seed)
        np.testing.assert_allclose(longer, trained(network, few_digits, seed, 11).loss, rtol=1e-5)
        result = race.networks["none, longer"][k]
        np.testing.assert_allclose(
            result.dense[0].weight, network.dense[0].weight, rtol=1e-5, atol=1e-7
        )
        accuracy = evaluate(result, few_digits.x_test, few_digits.y_test).accuracy
        assert race.test_accuracy["none, longer"][k] == accuracy
    for name in ("none", "RBM", "autoencoder"):
        for depth in (1, 3):
            assert [len(h.loss) for h in found.races[depth].histories[name]] == [7, 7]


def test_the_steps_added_are_those_that_pretraining_of_all_layers_took(few_digits):
    found = pretraining_race(few_digits, **SMALL | {"depths": (8, 2), "seeds": [0]})
    assert list(found.races) == [2, 8]
    assert found.races[2].histories["none, longer"][0].loss.shape == (7 + 2 * 4,)
    assert list(found.races[8].histories) == ["none", "RBM", "autoencoder"]


def test_a_race_by_default_is_that_of_the_notebook():
    defaults = pretraining_race.__kwdefaults__
    shown = {name: defaults[name] for name in ("depths", "pretraining_steps", "steps")}
    assert shown == {"depths": (4, 8), "pretraining_steps": 600, "steps": 2000}
    assert (defaults["width"], defaults["batch_size"]) == (100, 128)


def test_bars_are_shown_where_they_are_asked_for(few_digits, capsys):
    pretraining_race(few_digits, **SMALL)
    assert capsys.readouterr() == ("", "")
    pretraining_race(few_digits, **SMALL, progress=True)
    shown = capsys.readouterr()
    assert "pretraining" in shown.out
    assert "training:" in shown.out
    assert shown.err == ""


def test_one_seed_alone_finds_what_it_finds_among_others(found, few_digits):
    alone = pretraining_race(few_digits, **SMALL | {"seeds": iter([2])})
    for name in found.starts:
        assert contents(alone.starts[name][0]) == contents(found.starts[name][1])
    for name in found.errors:
        np.testing.assert_array_equal(alone.errors[name][0], found.errors[name][1])
    for depth, race in found.races.items():
        for name in race.histories:
            np.testing.assert_array_equal(
                alone.races[depth].histories[name][0].loss, race.histories[name][1].loss
            )
            assert alone.races[depth].test_accuracy[name][0] == race.test_accuracy[name][1]


def test_seeds_differ_in_starts_and_in_minibatches(found):
    for starts in found.starts.values():
        assert not np.any(starts[0].dense[0].weight == starts[1].dense[0].weight)
    for race in found.races.values():
        for first, second in race.histories.values():
            assert not np.any(first.loss == second.loss)


def test_the_digits_are_only_read(mnist):
    x, y = mnist.x_train[:60].copy(), mnist.y_train[:60].copy()
    for array in (x, y):
        array.flags.writeable = False
    before = x.tobytes(), y.tobytes()
    pretraining_race(Dataset(x, y, x, y), **SMALL | {"seeds": [0], "depths": (1,)})
    assert (x.tobytes(), y.tobytes()) == before


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"seeds": []}, ValueError, "seeds must not be empty"),
        ({"seeds": 3}, TypeError, r"seeds=3 must be whole numbers, e\.g\. range\(5\)"),
        ({"seeds": [-1]}, ValueError, "seeds=-1 must be a whole number of at least 0"),
        ({"depths": 4}, TypeError, r"depths=4 must be a list of numbers .* e\.g\. \(4, 8\)"),
        ({"depths": ()}, TypeError, r"depths=\(\) must be a list"),
        ({"depths": "48"}, TypeError, "depths='48' must be a list"),
        ({"depths": (4, 0)}, ValueError, "depths=0 must be a whole number of at least 1"),
        ({"depths": (4.0,)}, TypeError, r"depths=4\.0 must be a whole number"),
        ({"pretraining_steps": 0}, ValueError, "pretraining_steps=0 must be .* of at least 1"),
        ({"pretraining_steps": 0.5}, TypeError, r"pretraining_steps=0\.5 must be a whole"),
        ({"steps": 0}, ValueError, "^steps=0 must be a whole number of at least 1"),
        ({"steps": 7.0}, TypeError, r"^steps=7\.0 must be a whole number"),
        ({"width": 0}, ValueError, "width=0 must be a whole number of at least 1"),
        ({"batch_size": 0}, ValueError, "batch_size=0 must be a whole number of at least 1"),
        ({"batch_size": 201}, ValueError, "batch_size=201 is larger than the data"),
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
