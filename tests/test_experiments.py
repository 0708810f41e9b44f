"""Five layers of a hundred neurons, and the race on MNIST: each against the same done by hand."""

import math

import numpy as np
import pytest

from initlab import initializers as init
from initlab.activations import identity, relu, sigmoid, tanh
from initlab.datasets import Dataset
from initlab.experiments import (
    AS_CODED,
    AS_LABELLED,
    MNIST_SIZES,
    Race,
    ScaledNetwork,
    across_inputs_before_training,
    five_layers,
    mnist_race,
    over_seeds,
    over_stds,
)
from initlab.network import MLP
from initlab.optimizers import SGD
from initlab.signals import MEASUREMENTS
from initlab.training import History, evaluate, train

SMALL = {"depth": 3, "width": 8, "inputs": 20}


def test_five_layers_is_the_articles_setting():
    signals = five_layers(init.normal(1))
    assert [layer.number for layer in signals.layers] == [1, 2, 3, 4, 5]
    for layer in signals.layers:
        assert layer.z.shape == layer.h.shape == layer.gradient.shape == (1000, 100)
        np.testing.assert_array_equal(layer.h, sigmoid(layer.z))
    # Standard normal inputs meet weights of variance 1: a hundred times 1 * 1.
    assert signals.layers[0].z.var() == pytest.approx(100, rel=0.05)
    # The gradient is standard normal at the last layer's output, so f' times normal in z.
    last = signals.layers[-1]
    assert (last.gradient / sigmoid.derivative(last.z)).std() == pytest.approx(1, abs=0.02)


def test_same_seed_same_bits_another_seed_another_draw_and_weights_proportional_to_the_std():
    one, same, other, wider = (
        five_layers(init.normal(std), activation=identity, seed=seed, **SMALL).layers
        for std, seed in ((0.5, 4), (0.5, 4), (0.5, 5), (2.0, 4))
    )
    for k, (a, b, c, d) in enumerate(zip(one, same, other, wider, strict=True), start=1):
        assert (a.z.shape, a.z.dtype, a.activation) == ((20, 8), np.float64, identity)
        assert (a.z.tobytes(), a.gradient.tobytes()) == (b.z.tobytes(), b.gradient.tobytes())
        assert not np.any(a.z == c.z)
        assert not np.any(a.gradient == c.gradient)
        np.testing.assert_allclose(4**k * a.z, d.z, rtol=1e-12)
    np.testing.assert_array_equal(one[-1].gradient, wider[-1].gradient)


def test_inputs_weights_and_gradient_are_drawn_independently():
    drawn = []

    def unit_matrix(rng, shape, dtype):
        drawn.append(rng.standard_normal(shape))
        return np.eye(*shape, dtype=dtype)

    layer = five_layers(unit_matrix, activation=identity, depth=1, width=50, inputs=50).layers[0]
    parts = [layer.z.ravel(), layer.gradient.ravel(), drawn[0].ravel()]  # z is the inputs here
    for part in parts:
        assert part.mean() == pytest.approx(0, abs=0.08)
        assert part.std() == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(np.corrcoef(parts), np.eye(3), atol=0.08)


def test_over_stds_and_over_seeds_are_five_layers_again_and_again():
    stds, seeds = [0.5, 2.0, 1.0], (3, 1)
    found = over_stds(stds, iter(seeds), activation=tanh, **SMALL)
    assert tuple(found) == MEASUREMENTS
    single = five_layers(init.normal(1), activation="tanh", dtype=np.float32, **SMALL).layers[0]
    assert (single.z.dtype, single.activation) == (np.float32, tanh)
    for k, std in enumerate(stds):
        rows = over_seeds(init.normal(std), iter(seeds), activation=tanh, **SMALL)
        runs = [
            five_layers(init.normal(std), seed=seed, activation=tanh, **SMALL) for seed in seeds
        ]
        for name, values in found.items():
            expected = [run.each(name) for run in runs]
            np.testing.assert_array_equal(values[k], expected)
            np.testing.assert_array_equal(rows[name], expected)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: over_seeds(init.normal(1), []), ValueError, "seeds must not be empty"),
        (lambda: over_seeds(init.normal(1), 5), TypeError, r"seeds=5 must be .*e\.g\. range\(5\)"),
        (lambda: over_stds([], [0]), ValueError, r"stds=\[\] must be .*at least one"),
        (lambda: over_stds([1.0], [0, -1]), ValueError, "seeds=-1 must be .* of at least 0"),
        (lambda: five_layers(init.normal(1), depth=0), ValueError, "depth=0 must be .* at least 1"),
        (lambda: five_layers(init.normal(1), width=0.5), TypeError, r"width=0\.5 must be a whole"),
    ],
)
def test_nothing_to_measure_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_std_10_saturates_and_the_gradient_grows_downwards_while_its_median_vanishes():
    signals = five_layers(init.normal(10))
    np.testing.assert_allclose(signals.each("saturated_fraction"), 0.95, atol=0.02)
    rms = signals.each("gradient_rms")
    np.testing.assert_allclose(rms, [2.2, 0.83, 0.28, 0.09, 0.030], rtol=0.5)
    assert np.all(signals.each("gradient_median") < 1e-15)


def test_std_001_shrinks_the_gradient_fortyfold_and_xavier_forgets_the_inputs():
    rms = five_layers(init.normal(0.01)).each("gradient_rms")
    np.testing.assert_allclose(rms[1:] / rms[:-1], 40, rtol=0.15)  # 4 * 0.01**-1 / sqrt(100)
    signals = five_layers(init.xavier_normal())
    np.testing.assert_allclose(signals.each("pooled_std"), [0.21, 0.13, 0.12, 0.12, 0.12], rtol=0.1)
    across = signals.each("across_input_std")
    np.testing.assert_allclose(across, [0.21, 0.049, 0.0115, 0.0027, 0.0006], rtol=0.15)


@pytest.mark.parametrize("name", init.DISTRIBUTIONS)
def test_a_scaled_network_has_weights_of_the_std_asked_for(name):
    drawn = ScaledNetwork(initializer=name, width=60, inputs=40, depth=3, dtype=np.float64)
    scheme = init.DISTRIBUTIONS[name]

    def of_std_2(rng, shape, dtype):
        return 2 * scheme(rng, shape, dtype) / scheme.std(shape)

    signals = five_layers(of_std_2, width=60, inputs=40, depth=3)
    for (z, h), layer in zip(drawn.forward(2.0), signals.layers, strict=True):
        np.testing.assert_allclose(z, layer.z, rtol=1e-9)
        np.testing.assert_allclose(h, layer.h, rtol=1e-9)
    first = next(iter(drawn.forward(2.0)))[0]
    assert first.std() == pytest.approx(2 * 60**0.5, rel=0.1)


# For each contestant its activation, and its std for a layer of these fans by the article.
PUBLISHED = {
    "std 0.01": (relu, lambda fan_in, fan_out: 0.01),
    "Xavier, ReLU": (relu, lambda fan_in, fan_out: 1 / math.sqrt(fan_in)),
    "Xavier, sigmoid": (sigmoid, lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out))),
    "He": (relu, lambda fan_in, fan_out: math.sqrt(2 / fan_in)),
}


def test_the_contestants_draw_gaussian_weights_by_the_articles_formulas():
    assert list(AS_CODED) == ["std 0.01", "Xavier, ReLU", "He"]
    assert list(AS_LABELLED) == ["std 0.01", "Xavier, sigmoid", "He"]
    assert MNIST_SIZES == (784, 100, 100, 100, 100, 10)
    for name, (weight_init, activation) in [*AS_CODED.items(), *AS_LABELLED.items()]:
        its_own, std = PUBLISHED["Xavier, sigmoid" if name == "Xavier" else name]
        assert activation is its_own
        for fans in ((784, 100), (100, 10)):
            normal = np.random.default_rng(0).standard_normal(fans)
            drawn = weight_init(np.random.default_rng(0), fans)
            np.testing.assert_allclose(drawn, std(*fans) * normal, rtol=1e-12)


def test_a_race_is_training_alone_and_then_testing(few_digits):
    sizes, settings = [784, 12, 12, 10], {"steps": 6, "batch_size": 64}
    optimizer, seeds = SGD(0.05, 0.9), (3, 5)
    named = {"seeds": iter(seeds), "optimizer": optimizer, "sizes": tuple(sizes)}
    race = mnist_race(AS_LABELLED, few_digits, dtype=np.float64, **named, **settings)
    assert optimizer.velocities is None
    assert list(race.histories) == list(race.test_accuracy) == list(race.networks)
    assert list(race.networks) == list(AS_LABELLED)
    for name, (weight_init, activation) in AS_LABELLED.items():
        assert len(race.histories[name]) == len(race.networks[name]) == 2
        for k, seed in enumerate(seeds):
            weight_rng, rng = (np.random.default_rng([seed, which]) for which in (0, 1))
            net = MLP(sizes, activation=activation, weight_init=weight_init, rng=weight_rng)
            own = train(net, few_digits, optimizer=optimizer, rng=rng, **settings)
            np.testing.assert_allclose(race.histories[name][k].loss, own.loss, rtol=1e-10)
            accuracy = evaluate(net, few_digits.x_test, few_digits.y_test).accuracy
            assert race.test_accuracy[name][k] == accuracy
            trained = race.networks[name][k].parameters()
            for mine, its in zip(net.parameters(), trained, strict=True):
                np.testing.assert_allclose(its, mine, rtol=1e-8, atol=1e-12)


def test_by_default_a_race_is_run_as_published_and_he_learns_and_std_001_does_not(few_digits):
    settings = {"seeds": [0], "steps": 120}
    told = {"batch_size": 128, "optimizer": SGD(0.01), "sizes": MNIST_SIZES, "dtype": np.float32}
    race = mnist_race(AS_CODED, few_digits, **settings)
    same = mnist_race(AS_CODED, few_digits, **settings, **told)
    assert race.losses("He").tobytes() == same.losses("He").tobytes()
    assert race.final_losses("He", 10)[0] < 2.0
    assert race.final_losses("std 0.01", 10)[0] == pytest.approx(math.log(10), abs=0.03)


def test_a_contestant_that_diverges_does_not_stop_the_race(few_digits):
    entered = {"std 10": (init.normal(10), relu), "He": AS_CODED["He"]}
    race = mnist_race(entered, few_digits, seeds=[0], steps=5, batch_size=32)
    assert race.histories["std 10"][0].diverged_at is not None
    assert race.histories["He"][0].diverged_at is None
    assert 0 <= race.test_accuracy["std 10"][0] <= 1


def test_networks_that_are_ready_run_as_copies_with_the_minibatches_of_their_seed(few_digits):
    settings = {"seeds": [4, 7], "steps": 3, "batch_size": 32}
    drawn = {"He": AS_CODED["He"]}
    ready = [mnist_start(AS_CODED["He"], seed) for seed in (4, 7)]
    before = [network.dense[0].weight.copy() for network in ready]
    own = mnist_race({"ready": ready}, few_digits, **settings)
    same = mnist_race(drawn, few_digits, **settings)
    for mine, its in zip(own.histories["ready"], same.histories["He"], strict=True):
        np.testing.assert_array_equal(mine.loss, its.loss)
    for network, weight in zip(ready, before, strict=True):
        np.testing.assert_array_equal(network.dense[0].weight, weight)


def mnist_start(entry, seed):
    weight_init, activation = entry
    settings = {"weight_init": weight_init, "rng": np.random.default_rng([seed, 0])}
    return MLP(MNIST_SIZES, activation=activation, dtype=np.float32, **settings)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"seeds": []}, ValueError, "seeds must not be empty"),
        ({"seeds": 3}, TypeError, r"seeds=3 must be whole numbers, e\.g\. range\(5\)"),
        ({"seeds": [0, 0]}, ValueError, r"seeds=\[0, 0\] must be distinct"),
        ({"contestants": {}}, TypeError, r"contestants=\{\} must be a dict of at least one"),
        ({"contestants": {"He": relu}}, TypeError, r"contestants\['He'\]=relu must be \(initializ"),
        ({"sizes": 5}, TypeError, "sizes=5 must be a list"),
    ],
)
@pytest.mark.usefixtures("no_step")
def test_what_is_no_race_is_refused_at_every_door(few_digits, wrong, error, message):
    call = {"contestants": AS_CODED, "seeds": [0]} | wrong
    with pytest.raises(error, match=message):
        mnist_race(dataset=few_digits, steps=1, **call)
    with pytest.raises(error, match=message):
        across_inputs_before_training(x=few_digits.x_test, **call)


@pytest.mark.usefixtures("no_step")
def test_networks_that_are_ready_must_be_one_per_seed(few_digits):
    with pytest.raises(TypeError, match=r"each of contestants\['a'\]=1 must be an MLP"):
        mnist_race({"a": [1]}, few_digits, seeds=[0], steps=1)
    with pytest.raises(ValueError, match=r"contestants\['a'\] must be 1 networks, .* not 0"):
        mnist_race({"a": []}, few_digits, seeds=[0], steps=1)


@pytest.mark.usefixtures("no_step")
def test_a_mistake_in_the_test_data_does_not_cost_the_race(few_digits):
    x, y = few_digits.x_train, few_digits.y_train
    with pytest.raises(ValueError, match=r"dataset\.y_test holds 1\d, but 10 classes"):
        mnist_race(AS_CODED, Dataset(x, y, x, y + 9), seeds=[0], steps=3, batch_size=8)


def made_up_race(*names):
    rng = np.random.default_rng(len(names))
    return Race(
        {name: [History(rng.random(130), None) for _ in range(2)] for name in names},
        {name: np.array([len(name) / 10]) for name in names},
        {name: [f"network of {name}"] for name in names},
    )


def test_a_race_gives_its_curves_by_name_and_suggests_the_nearest():
    race = made_up_race("Xavier", "std 0.01")
    for name, histories in race.histories.items():
        smoothed = [history.smoothed(7) for history in histories]
        np.testing.assert_array_equal(race.losses(name, 7), smoothed)
        for last, given in ((4, [4]), (100, [])):
            expected = [history.loss[-last:].mean() for history in histories]
            np.testing.assert_allclose(race.final_losses(name, *given), expected)
    for curves in (race.losses, race.final_losses):
        with pytest.raises(ValueError, match=r"^name='xavier': .*; did you mean 'Xavier'\?$"):
            curves("xavier")


def test_how_far_units_move_before_training_is_measured_and_predicted(few_digits):
    x, sizes = few_digits.x_train, [784, 300, 200, 10]
    contestants = AS_CODED | AS_LABELLED
    found = across_inputs_before_training(contestants, x, seeds=iter(range(4)), sizes=sizes)
    assert list(found.measured) == list(found.predicted) == list(contestants)
    for name, (weight_init, activation) in contestants.items():
        measured, predicted = found.measured[name], found.predicted[name]
        assert (measured.shape, predicted.shape) == ((4, 2), (2,))
        np.testing.assert_allclose(measured.mean(axis=0), predicted, rtol=0.1)
        h, rng = x.astype(np.float64), np.random.default_rng([2, 0])
        net = MLP(sizes, activation=activation, weight_init=weight_init, rng=rng)
        for k in range(2):
            h = activation(h @ net.dense[k].weight)
            across = math.sqrt(np.mean((h - h.mean(axis=0)) ** 2))
            assert measured[2, k] == pytest.approx(across, rel=1e-9)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"x": np.zeros((3, 784), dtype=np.uint8)}, TypeError, "x has dtype uint8.*255 for pixels"),
        ({"x": np.full((3, 784), np.nan)}, ValueError, "x holds NaN"),
        ({"x": np.zeros(784)}, ValueError, r"x has shape \(784,\)"),
        ({"sizes": [784, 10]}, ValueError, "at least one hidden layer"),
    ],
)
def test_untrained_networks_are_shown_proper_inputs(wrong, error, message):
    with pytest.raises(error, match=message):
        across_inputs_before_training(AS_CODED, **{"x": np.zeros((3, 784)), "seeds": [0]} | wrong)
