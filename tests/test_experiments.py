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
    RESCUES,
    Race,
    ScaledNetwork,
    across_inputs_before_training,
    five_layers,
    mnist_race,
    over_seeds,
    over_stds,
    rescue_race,
)
from initlab.network import MLP
from initlab.optimizers import SGD
from initlab.signals import MEASUREMENTS
from initlab.training import History, evaluate, train

SMALL = {"depth": 3, "width": 8, "inputs": 20}


@pytest.fixture(scope="module")
def few_digits(mnist):
    return Dataset(mnist.x_train[:300], mnist.y_train[:300], mnist.x_test[:200], mnist.y_test[:200])


# ------------------------------------------------------- five layers of a hundred neurons


def test_five_layers_is_the_articles_setting():
    signals = five_layers(init.normal(1))
    assert [layer.number for layer in signals.layers] == [1, 2, 3, 4, 5]
    for layer in signals.layers:
        assert layer.z.shape == layer.h.shape == layer.gradient.shape == (1000, 100)
        assert layer.activation is sigmoid
        np.testing.assert_array_equal(layer.h, sigmoid(layer.z))
    # Standard normal inputs meet weights of variance 1: a hundred times 1 * 1.
    assert signals.layers[0].z.var() == pytest.approx(100, rel=0.05)
    # The gradient is standard normal at the last layer's output, so f' times normal in z.
    last = signals.layers[-1]
    drawn = last.gradient / sigmoid.derivative(last.z)
    assert drawn.std() == pytest.approx(1, abs=0.02)


def test_the_settings_of_five_layers_are_heeded():
    signals = five_layers(init.normal(1), activation=tanh, dtype=np.float32, **SMALL)
    assert len(signals.layers) == 3
    assert {layer.z.shape for layer in signals.layers} == {(20, 8)}
    assert {layer.z.dtype for layer in signals.layers} == {np.dtype(np.float32)}
    assert {layer.activation for layer in signals.layers} == {tanh}
    assert five_layers(init.normal(1), activation="relu", **SMALL).layers[2].activation is relu


def test_same_seed_same_bits_and_another_seed_another_draw():
    one, same, other = (
        five_layers(init.normal(1), seed=seed, **SMALL).layers[-1] for seed in (4, 4, 5)
    )
    assert one.gradient.tobytes() == same.gradient.tobytes()
    assert one.z.tobytes() == same.z.tobytes()
    assert not np.any(one.z == other.z)
    assert not np.any(one.gradient == other.gradient)


def test_two_stds_of_one_seed_see_the_same_inputs_and_proportional_weights():
    one, other = (five_layers(init.normal(std), activation=identity, **SMALL) for std in (0.5, 2.0))
    for k, (a, b) in enumerate(zip(one.layers, other.layers, strict=True), start=1):
        np.testing.assert_allclose(4**k * a.z, b.z, rtol=1e-12)
    np.testing.assert_array_equal(one.layers[-1].gradient, other.layers[-1].gradient)


def test_inputs_weights_and_gradient_are_drawn_independently():
    drawn = []

    def unit_matrix(rng, shape, dtype):
        drawn.append(rng.standard_normal(shape))
        return np.eye(*shape, dtype=dtype)

    layer = five_layers(unit_matrix, activation=identity, depth=1, width=50, inputs=50).layers[0]
    parts = [layer.z.ravel(), layer.gradient.ravel(), drawn[0].ravel()]  # z is the inputs here
    for k in range(3):
        assert parts[k].mean() == pytest.approx(0, abs=0.08)
        assert parts[k].std() == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(np.corrcoef(parts), np.eye(3), atol=0.08)


def test_over_seeds_is_five_layers_again_and_again():
    found = over_seeds(init.normal(2), (3, 1, 4), **SMALL)
    assert tuple(found) == MEASUREMENTS
    for name, values in found.items():
        expected = [five_layers(init.normal(2), seed=s, **SMALL).each(name) for s in (3, 1, 4)]
        assert values.shape == (3, 3)
        np.testing.assert_array_equal(values, expected)


def test_against_std_is_over_seeds_for_each_std():
    found = over_stds([0.5, 2.0, 1.0, 8.0], iter([3, 1]), activation=tanh, **SMALL)
    assert tuple(found) == MEASUREMENTS
    for name, values in found.items():
        expected = [
            over_seeds(init.normal(std), [3, 1], activation=tanh, **SMALL)[name]
            for std in (0.5, 2.0, 1.0, 8.0)
        ]
        assert values.shape == (4, 2, 3)
        np.testing.assert_array_equal(values, expected)


def test_nothing_to_measure_is_refused():
    with pytest.raises(ValueError, match="seeds must not be empty"):
        over_seeds(init.normal(1), [])
    with pytest.raises(ValueError, match=r"stds=\[\] must be .*at least one"):
        over_stds([], [0])
    with pytest.raises(TypeError, match=r"seeds=5 must be whole numbers, e\.g\. range\(5\)"):
        over_seeds(init.normal(1), 5)
    with pytest.raises(ValueError, match="seeds=-1 must be a whole number of at least 0"):
        over_stds([1.0], [0, -1])
    with pytest.raises(ValueError, match="depth=0 must be a whole number of at least 1"):
        five_layers(init.normal(1), depth=0)


# ------------------------------------------------------------------------- the first figures


@pytest.mark.parametrize("seed", [0, 1])
def test_std_10_saturates_and_the_gradient_grows_downwards_while_its_median_vanishes(seed):
    signals = five_layers(init.normal(10), seed=seed)
    np.testing.assert_allclose(signals.each("saturated_fraction"), 0.95, atol=0.02)
    rms = signals.each("gradient_rms")
    assert np.all(rms[:-1] > 2 * rms[1:])
    np.testing.assert_allclose(rms, [2.2, 0.83, 0.28, 0.09, 0.030], rtol=0.5)
    assert np.all(signals.each("gradient_median") < 1e-15)


def test_std_0_puts_every_activation_at_one_half_and_only_the_last_layer_learns():
    layers = five_layers(init.normal(0)).layers
    for layer in layers:
        np.testing.assert_array_equal(layer.h, 0.5)
        assert layer.pooled_std == 0
    for layer in layers[:4]:
        np.testing.assert_array_equal(layer.gradient, 0)
    assert np.all(layers[4].gradient != 0)
    assert layers[4].gradient_rms == pytest.approx(0.25, rel=0.02)


def test_std_001_shrinks_the_gradient_of_sigmoid_forty_fold_a_layer():
    rms = five_layers(init.normal(0.01)).each("gradient_rms")
    np.testing.assert_allclose(rms[1:] / rms[:-1], 40, rtol=0.15)
    assert rms[-1] == pytest.approx(0.25, rel=0.02)


def test_xavier_has_a_wide_histogram_and_forgets_the_inputs():
    signals = five_layers(init.xavier_normal())
    np.testing.assert_allclose(signals.each("pooled_std"), [0.21, 0.13, 0.12, 0.12, 0.12], rtol=0.1)
    across = signals.each("across_input_std")
    np.testing.assert_allclose(across, [0.21, 0.049, 0.0115, 0.0027, 0.0006], rtol=0.15)


# ------------------------------------------------------------------------ the race on MNIST


def test_as_coded_every_network_uses_relu_and_xavier_is_one_over_root_fan_in():
    assert [activation for _, activation in AS_CODED.values()] == [relu] * 3
    assert list(AS_CODED) == ["std 0.01", "Xavier, ReLU", "He"]
    stds = [weight_init.std((784, 100)) for weight_init, _ in AS_CODED.values()]
    assert stds == pytest.approx([0.01, 1 / math.sqrt(784), math.sqrt(2 / 784)], rel=1e-15)


def test_as_labelled_xavier_is_for_sigmoid_and_by_the_printed_formula():
    assert [activation for _, activation in AS_LABELLED.values()] == [relu, sigmoid, relu]
    assert list(AS_LABELLED) == ["std 0.01", "Xavier, sigmoid", "He"]
    stds = [weight_init.std((784, 100)) for weight_init, _ in AS_LABELLED.values()]
    assert stds == pytest.approx([0.01, math.sqrt(2 / 884), math.sqrt(2 / 784)], rel=1e-15)


@pytest.mark.parametrize("contestants", [AS_CODED, AS_LABELLED])
def test_all_draw_gaussian_weights(contestants):
    shape = (50, 60)
    for weight_init, _ in contestants.values():
        drawn = weight_init(np.random.default_rng(0), shape) / weight_init.std(shape)
        expected = np.random.default_rng(0).standard_normal(shape)
        np.testing.assert_allclose(drawn, expected, rtol=1e-12)


def test_the_network_has_four_hidden_layers_of_a_hundred():
    assert tuple(MNIST_SIZES) == (784, 100, 100, 100, 100, 10)


def test_a_race_returns_histories_and_accuracies_by_name(few_digits):
    race = mnist_race(AS_LABELLED, few_digits, seeds=iter([0, 7]), steps=5, batch_size=32)
    assert list(race.histories) == list(race.test_accuracy) == list(AS_LABELLED)
    for name in AS_LABELLED:
        assert len(race.histories[name]) == 2
        assert all(isinstance(history, History) for history in race.histories[name])
        assert race.histories[name][0].loss.shape == (5,)
        assert race.test_accuracy[name].shape == (2,)
        assert np.all((race.test_accuracy[name] >= 0) & (race.test_accuracy[name] <= 1))
        assert race.histories[name][0].loss[0] != race.histories[name][1].loss[0]


def test_the_networks_of_a_race_are_those_that_were_trained(few_digits):
    race = mnist_race(AS_LABELLED, few_digits, seeds=[0, 7], steps=5, batch_size=32)
    assert list(race.networks) == list(AS_LABELLED)
    for name, (_, activation) in AS_LABELLED.items():
        assert len(race.networks[name]) == 2
        for net, accuracy in zip(race.networks[name], race.test_accuracy[name], strict=True):
            assert net.activation is activation
            assert evaluate(net, few_digits.x_test, few_digits.y_test).accuracy == accuracy
        first, second = race.networks[name]
        assert not np.any(first.dense[0].weight == second.dense[0].weight)


def test_a_race_is_training_alone_and_then_testing(few_digits):
    recorded = {}

    def keeping(name, recipe):
        def draw(rng, shape, dtype):
            recorded.setdefault(name, []).append(recipe(rng, shape, dtype=dtype))
            return recorded[name][-1].copy()

        return draw

    entered = {name: (keeping(name, recipe), f) for name, (recipe, f) in AS_LABELLED.items()}
    optimizer = SGD(0.05, 0.9)
    race = mnist_race(
        entered,
        few_digits,
        seeds=[3],
        steps=9,
        batch_size=64,
        optimizer=optimizer,
        sizes=(784, 12, 12, 10),
        dtype=np.float64,
    )
    assert optimizer.velocities is None
    for name, (_, activation) in AS_LABELLED.items():
        assert [w.shape for w in recorded[name]] == [(784, 12), (12, 12), (12, 10)]
        net = MLP(
            [784, 12, 12, 10],
            activation=activation,
            weight_init=init.zeros(),
            rng=np.random.default_rng(0),
        )
        for layer, weight in zip(net.dense, recorded[name], strict=True):
            layer.weight[...] = weight
        own = train(
            net,
            few_digits,
            optimizer=optimizer,
            steps=9,
            batch_size=64,
            rng=np.random.default_rng([3, 1]),
        )
        np.testing.assert_allclose(race.histories[name][0].loss, own.loss, rtol=1e-10)
        accuracy = evaluate(net, few_digits.x_test, few_digits.y_test).accuracy
        assert race.test_accuracy[name][0] == accuracy


def test_all_contestants_get_the_same_minibatches_and_another_seed_gets_others(few_digits):
    # Without weights only the output biases learn, and the loss says which labels came by.
    # The two activations make two architectures, trained one after the other.
    entered = {"a": (init.zeros(), relu), "b": (init.zeros(), identity), "c": (init.zeros(), relu)}
    race = mnist_race(entered, few_digits, seeds=[0, 1], steps=8, batch_size=16, optimizer=SGD(1.0))
    for k in range(2):
        losses = [race.histories[name][k].loss for name in entered]
        np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)
        np.testing.assert_allclose(losses[2], losses[0], rtol=1e-6)
    first, second = (history.loss for history in race.histories["a"])
    assert np.all(np.abs(first[1:] - second[1:]) > 1e-6)


def test_contestants_draw_the_same_weights_but_for_the_scale(few_digits):
    stds = {"one": 0.01, "ten": 0.1}
    drawn = {}

    def keeping(name):
        def draw(rng, shape, dtype):
            weight = init.normal(stds[name])(rng, shape, dtype=dtype)
            drawn.setdefault(name, []).append(weight)
            return weight.copy()

        return draw

    entered = {name: (keeping(name), relu) for name in stds}
    for seed in (0, 1):  # one after the other, for several would draw side by side
        mnist_race(entered, few_digits, seeds=[seed], steps=1, batch_size=16, dtype=np.float64)
    assert len(drawn["one"]) == 2 * 5
    for a, b in zip(drawn["one"], drawn["ten"], strict=True):
        np.testing.assert_allclose(10 * a, b, rtol=1e-12)
    assert not np.any(drawn["one"][0] == drawn["one"][5])


def test_by_default_a_race_is_run_as_published(few_digits):
    entered = {"He": AS_CODED["He"]}
    race = mnist_race(entered, few_digits, seeds=[0], steps=3)
    told = mnist_race(
        entered,
        few_digits,
        seeds=[0],
        steps=3,
        batch_size=128,
        optimizer=SGD(0.01),
        sizes=[784, 100, 100, 100, 100, 10],
        dtype=np.float32,
    )
    assert race.histories["He"][0].loss.tobytes() == told.histories["He"][0].loss.tobytes()


def test_he_learns_on_real_digits_and_std_001_does_not(few_digits):
    race = mnist_race(AS_CODED, few_digits, seeds=[0], steps=150, batch_size=64)
    assert race.final_losses("He", 10)[0] < 1.9 < race.final_losses("std 0.01", 10)[0]
    assert race.final_losses("std 0.01", 10)[0] == pytest.approx(math.log(10), abs=0.03)
    assert race.test_accuracy["He"][0] > 0.4


def test_a_contestant_that_diverges_does_not_stop_the_race(few_digits):
    entered = {"std 10": (init.normal(10), relu), "He": AS_CODED["He"]}
    race = mnist_race(entered, few_digits, seeds=[0], steps=5, batch_size=32)
    assert race.histories["std 10"][0].diverged_at is not None
    assert race.histories["He"][0].diverged_at is None
    assert 0 <= race.test_accuracy["std 10"][0] <= 1


@pytest.mark.parametrize(
    ("entered", "seeds", "error", "message"),
    [
        (AS_CODED, [], ValueError, "seeds must not be empty"),
        (AS_CODED, 3, TypeError, r"seeds=3 must be whole numbers, e\.g\. range\(5\)"),
        ({}, [0], TypeError, r"contestants=\{\} must be a dict of at least one"),
        (["He"], [0], TypeError, r"contestants=\['He'\] must be a dict"),
        ({"He": relu}, [0], TypeError, r"contestants\['He'\]=relu must be \(initializer, act"),
    ],
)
def test_a_race_without_seeds_or_contestants_is_refused(few_digits, entered, seeds, error, message):
    with pytest.raises(error, match=message):
        mnist_race(entered, few_digits, seeds=seeds, steps=1)
    with pytest.raises(error, match=message):
        across_inputs_before_training(entered, few_digits.x_test, seeds=seeds)


def test_how_far_units_move_before_training_is_measured_and_predicted(few_digits):
    x, sizes = few_digits.x_train, (784, 300, 200, 10)
    found = across_inputs_before_training(AS_LABELLED, x, seeds=iter(range(4)), sizes=sizes)
    assert list(found.measured) == list(found.predicted) == list(AS_LABELLED)
    for name, (weight_init, activation) in AS_LABELLED.items():
        measured, predicted = found.measured[name], found.predicted[name]
        assert measured.shape == (4, 2)
        assert predicted.shape == (2,)
        np.testing.assert_allclose(measured.mean(axis=0), predicted, rtol=0.1)
        h = x.astype(np.float64)
        net = MLP(
            list(sizes),
            activation=activation,
            weight_init=weight_init,
            rng=np.random.default_rng([2, 0]),
        )
        for k in range(2):
            h = activation(h @ net.dense[k].weight)
            across = math.sqrt(np.mean((h - h.mean(axis=0)) ** 2))
            assert measured[2, k] == pytest.approx(across, rel=1e-9)


def test_a_race_gives_its_curves_by_name():
    rng = np.random.default_rng(0)
    histories = {name: [History(rng.random(30), None) for _ in range(2)] for name in "ab"}
    race = Race(histories, {}, {})
    for name in "ab":
        expected = [history.smoothed(7) for history in histories[name]]
        np.testing.assert_array_equal(race.losses(name, 7), expected)
        expected = [history.loss[-4:].mean() for history in histories[name]]
        np.testing.assert_allclose(race.final_losses(name, 4), expected)
    assert race.losses("a").shape == (2, 30)
    assert race.final_losses("a").shape == (2,)


@pytest.mark.parametrize("curves", ["losses", "final_losses", "gradient_rms"])
def test_a_race_suggests_the_nearest_name_to_who_asks_for_an_unknown_one(curves):
    race = made_up_race("Xavier", "std 0.01")
    with pytest.raises(ValueError, match=r"^name='xavier': .*; did you mean 'Xavier'\?$"):
        getattr(race, curves)("xavier")
    with pytest.raises(ValueError, match=r"^name='He': .*; choose from Xavier, std 0\.01$"):
        getattr(race, curves)("He")
    with pytest.raises(TypeError, match=r"^name=3 must be one of the names Xavier, std 0\.01$"):
        getattr(race, curves)(3)


@pytest.mark.usefixtures("no_step")
def test_the_same_seed_twice_is_refused(few_digits):
    with pytest.raises(ValueError, match=r"seeds=\[0, 0\] must be distinct"):
        mnist_race(AS_CODED, few_digits, seeds=[0, 0], steps=3)


@pytest.mark.usefixtures("no_step")
def test_a_mistake_in_the_test_data_does_not_cost_the_race(mnist):
    wrong = Dataset(
        mnist.x_train[:200], mnist.y_train[:200], mnist.x_test[:9], mnist.y_test[:9] + 9
    )
    with pytest.raises(ValueError, match=r"dataset\.y_test holds 1\d, but 10 classes"):
        mnist_race(AS_CODED, wrong, seeds=[0], steps=3, batch_size=8)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.zeros((3, 784), dtype=np.uint8), TypeError, "x has dtype uint8.*255 for pixels"),
        (np.full((3, 784), np.nan), ValueError, "x holds NaN"),
        (np.zeros(784), ValueError, "at least 2 dimensions"),
    ],
)
def test_untrained_networks_are_shown_proper_inputs(x, error, message):
    with pytest.raises(error, match=message):
        across_inputs_before_training(AS_CODED, x, seeds=[0])


def test_what_untrained_networks_notice_is_what_theory_says(mnist):
    found = across_inputs_before_training(
        AS_CODED | AS_LABELLED, mnist.x_test[:200], seeds=range(6)
    )
    assert list(found.measured) == list(found.predicted) == [*AS_CODED, "Xavier, sigmoid"]
    for name, measured in found.measured.items():
        assert measured.shape == (6, 4)
        np.testing.assert_allclose(np.median(measured, axis=0), found.predicted[name], rtol=0.15)


def test_sizes_that_are_none_are_refused_by_name(few_digits):
    with pytest.raises(TypeError, match="sizes=5 must be a list"):
        mnist_race(AS_CODED, few_digits, seeds=[0], steps=1, sizes=5)
    with pytest.raises(TypeError, match="sizes=5 must be a list"):
        across_inputs_before_training(AS_CODED, few_digits.x_test, seeds=[0], sizes=5)
    with pytest.raises(ValueError, match="at least one hidden layer"):
        across_inputs_before_training(AS_CODED, few_digits.x_test, seeds=[0], sizes=[784, 10])


# ------------------------------------------------------------------- gradients, two races, rescues

NARROW = {"sizes": (784, 6, 5, 10), "batch_size": 16}


def test_a_race_notes_the_gradients_of_every_seed_step_and_layer(few_digits):
    race = mnist_race(
        AS_LABELLED, few_digits, seeds=[3, 5], steps=4, record_gradients=True, **NARROW
    )
    for name, (weight_init, activation) in AS_LABELLED.items():
        found = race.gradient_rms(name)
        assert found.shape == (2, 4, 3)
        for k, seed in enumerate((3, 5)):
            net = MLP(
                list(NARROW["sizes"]),
                activation=activation,
                weight_init=weight_init,
                rng=np.random.default_rng([seed, 0]),
                dtype=np.float32,
            )
            own = train(
                net,
                few_digits,
                optimizer=SGD(0.01),
                steps=4,
                batch_size=16,
                rng=np.random.default_rng([seed, 1]),
                record_gradients=True,
            )
            np.testing.assert_allclose(found[k], own.gradient_rms, rtol=1e-4)


def test_a_race_notes_gradients_only_when_asked_and_runs_the_same(few_digits):
    quiet, noted = (
        mnist_race(AS_LABELLED, few_digits, seeds=[0], steps=4, record_gradients=asked, **NARROW)
        for asked in (False, True)
    )
    default = mnist_race(AS_LABELLED, few_digits, seeds=[0], steps=4, **NARROW)
    for name in AS_LABELLED:
        assert quiet.histories[name][0].gradient_rms is None
        assert default.histories[name][0].gradient_rms is None
        with pytest.raises(ValueError, match="record_gradients=True"):
            default.gradient_rms(name)
        np.testing.assert_array_equal(quiet.losses(name), noted.losses(name))


def made_up_race(*names):
    return Race(
        {name: [History(np.full(3, len(name)), None)] for name in names},
        {name: np.array([len(name) / 10]) for name in names},
        {name: [f"network of {name}"] for name in names},
    )


def test_two_races_make_one_and_stay_as_they_were():
    one, other = made_up_race("He", "Xavier"), made_up_race("std 0.01")
    parts = [vars(race)[part] for race in (one, other) for part in vars(race)]
    before = [dict(part) for part in parts]
    both = one | other
    assert isinstance(both, Race)
    for part in ("histories", "test_accuracy", "networks"):
        merged = getattr(both, part)
        assert list(merged) == ["He", "Xavier", "std 0.01"]
        for name in ("He", "Xavier"):
            assert merged[name] is getattr(one, part)[name]
        assert merged["std 0.01"] is getattr(other, part)["std 0.01"]
        merged["new"] = None
    assert parts == before


@pytest.mark.parametrize("other", [3, None, {}], ids=repr)
def test_only_two_races_make_one(other):
    race = made_up_race("He")
    for attempt in (lambda: race | other, lambda: other | race):
        with pytest.raises(TypeError, match="unsupported operand"):
            attempt()


def test_of_two_runs_of_a_contestant_the_later_race_counts():
    one, other = made_up_race("He", "Xavier"), made_up_race("He")
    both = one | other
    for part in ("histories", "test_accuracy", "networks"):
        assert getattr(both, part)["He"] is getattr(other, part)["He"]
        assert getattr(both, part)["Xavier"] is getattr(one, part)["Xavier"]


def test_the_rescues_are_what_their_names_say():
    assert list(RESCUES) == [
        "4 x Xavier",
        "Xavier, tanh",
        "Xavier, rate 0.5",
        "4 x Xavier, rate 0.5",
    ]
    xavier = math.sqrt(2 / 884)
    for name, ((weight_init, activation), rate) in RESCUES.items():
        factor = 4 if name.startswith("4 x") else 1
        assert weight_init.std((784, 100)) == pytest.approx(factor * xavier, rel=1e-15)
        drawn = weight_init(np.random.default_rng(0), (784, 100))
        normal = np.random.default_rng(0).standard_normal((784, 100))
        np.testing.assert_allclose(drawn, factor * xavier * normal, rtol=1e-12)
        assert activation is (tanh if "tanh" in name else sigmoid)
        assert rate == (0.5 if "rate 0.5" in name else 0.01)


def test_each_rescue_runs_with_its_own_learning_rate(few_digits):
    settings = {"seeds": [2, 4], "steps": 6, "record_gradients": True, **NARROW}
    race = rescue_race(few_digits, **settings)
    assert list(race.histories) == list(race.networks) == list(RESCUES)
    for name, (entry, rate) in RESCUES.items():
        own = mnist_race({name: entry}, few_digits, optimizer=SGD(rate), **settings)
        np.testing.assert_allclose(race.losses(name), own.losses(name), rtol=1e-5)
        np.testing.assert_allclose(race.gradient_rms(name), own.gradient_rms(name), rtol=1e-3)
        assert race.losses(name).shape == (2, 6)
        np.testing.assert_array_equal(race.test_accuracy[name], own.test_accuracy[name])
        other = mnist_race({name: entry}, few_digits, optimizer=SGD(0.51 - rate), **settings)
        assert np.abs(race.losses(name) - other.losses(name)).max() > 1e-3


def test_rescues_take_the_settings_of_a_race_and_seeds_that_come_only_once(few_digits):
    race = rescue_race(
        few_digits,
        seeds=iter([0, 1]),
        steps=2,
        batch_size=300,
        sizes=[784, 7, 10],
        dtype=np.float64,
    )
    for name, ((weight_init, activation), _) in RESCUES.items():
        assert len(race.networks[name]) == 2
        for seed, net in enumerate(race.networks[name]):
            assert net.sizes == [784, 7, 10]
            assert net.dtype == np.float64
            start = MLP(
                [784, 7, 10],
                activation=activation,
                weight_init=weight_init,
                rng=np.random.default_rng([seed, 0]),
            )
            # A batch of all images: the first loss doesn't depend on their order.
            expected = evaluate(start, few_digits.x_train, few_digits.y_train).loss
            assert race.histories[name][seed].loss[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"seeds": []}, ValueError, "seeds must not be empty"),
        ({"seeds": 3}, TypeError, r"seeds=3 must be whole numbers, e\.g\. range\(5\)"),
        ({"steps": 0}, ValueError, "steps=0 must be a whole number of at least 1"),
        ({"sizes": 5}, TypeError, "sizes=5 must be a list"),
    ],
)
@pytest.mark.usefixtures("no_step")
def test_rescues_refuse_by_name_before_any_step(few_digits, wrong, error, message):
    with pytest.raises(error, match=message):
        rescue_race(few_digits, **{"seeds": [0], "steps": 2} | wrong)


# -------------------------------------------------------------------- one draw, many stds


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
