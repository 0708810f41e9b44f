import copy
import math
from itertools import product

import numpy as np
import pytest

from initlab import initializers as init
from initlab.activations import sigmoid
from initlab.layers import Activation, Dense
from initlab.network import MLP
from initlab.normalization import BatchNorm, LayerNorm
from initlab.optimizers import SGD, Adam
from initlab.pretraining import METHODS, RBM, Autoencoder, pretrain
from initlab.training import StopTraining

PATTERNS = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], dtype=np.float64)
GREYS = np.random.default_rng(5).uniform(0.1, 0.9, (40, 6))


def machine(visible=6, hidden=4, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    rbm = RBM(visible, hidden, rng=rng, weight_init=init.normal(1), dtype=dtype)
    rbm.visible_bias[...] = rng.standard_normal((1, visible))
    rbm.hidden_bias[...] = rng.standard_normal((1, hidden))
    return rbm


def network(sizes=(6, 5, 4, 3), *, activation="sigmoid", dtype=np.float64, seed=0, **settings):
    return MLP(
        list(sizes),
        activation=activation,
        weight_init=init.normal(1),
        bias_init=init.normal(1),
        rng=np.random.default_rng(seed),
        dtype=dtype,
        **settings,
    )


def settings(seed=3, **changed):
    return {"steps": 7, "batch_size": 16, "rng": np.random.default_rng(seed)} | changed


def contents(arrays):
    return [array.tobytes() for array in arrays]


def logistic(z):
    return 1 / (1 + math.exp(-z))


each_method = pytest.mark.parametrize("method", METHODS)
each_learner = pytest.mark.parametrize("learner_class", [RBM, Autoencoder])

# --------------------------------------------------------------- both learners, on their own


@each_learner
def test_a_learner_stays_in_its_precision_whatever_it_is_shown(learner_class):
    for dtype, shown in product([np.float32, np.float64], repeat=2):
        learner = learner_class(6, 4, rng=np.random.default_rng(0), dtype=dtype)
        error, gradients = learner.gradients(GREYS.astype(shown), rng=np.random.default_rng(0))
        assert type(error) is float
        assert {array.dtype for array in learner.parameters() + gradients} == {np.dtype(dtype)}


@each_learner
def test_a_learner_only_reads_what_it_is_shown_and_does_not_change_by_itself(learner_class):
    learner, v = learner_class(6, 4, rng=np.random.default_rng(0)), GREYS.copy()
    v.flags.writeable = False
    before = contents(learner.parameters())
    _, gradients = learner.gradients(v, rng=np.random.default_rng(0))
    assert v.tobytes() == GREYS.tobytes()
    assert contents(learner.parameters()) == before
    for parameter, gradient in zip(learner.parameters(), gradients, strict=True):
        assert parameter.shape == gradient.shape
        assert not np.shares_memory(parameter, gradient)


@each_learner
def test_the_arrays_handed_out_are_the_learners_own(learner_class):
    learner = learner_class(6, 4, rng=np.random.default_rng(0))
    weight, bias = learner.encoder()
    assert weight.shape == (6, 4)
    assert bias.shape == (1, 4)
    assert sum(array is weight or array is bias for array in learner.parameters()) == 2
    before, _ = learner.gradients(GREYS, rng=np.random.default_rng(0))
    for array in learner.parameters():
        array += 0.5
    assert learner.gradients(GREYS, rng=np.random.default_rng(0))[0] != before


@each_learner
def test_a_learner_takes_a_copy_of_what_its_initializer_returns(learner_class):
    def kept(rng, shape, dtype):
        return returned.setdefault(shape, np.ones(shape, dtype))

    returned = {}
    learner = learner_class(6, 4, rng=np.random.default_rng(0), weight_init=kept)
    assert learner.encoder()[0].tobytes() == returned[6, 4].tobytes()
    assert not np.shares_memory(learner.encoder()[0], returned[6, 4])


@each_learner
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"visible": 0}, ValueError, "visible=0 must be a whole number of at least 1"),
        ({"hidden": 2.0}, TypeError, "hidden=2.0 must be a whole number"),
        ({"rng": 0}, TypeError, "rng=0 must be a numpy.random.Generator"),
        ({"dtype": int}, TypeError, "dtype=.* must be np.float32"),
        ({"weight_init": 0.1}, TypeError, "weight_init=0.1 must be an initializer"),
        ({"weight_init": init.normal}, TypeError, "weight_init=normal: call it first"),
        (
            {"weight_init": lambda rng, shape, dtype: np.ones((2, 2))},
            ValueError,
            r"weight_init=.* returned shape \(2, 2\) instead of \(6, 4\)",
        ),
    ],
)
def test_a_learner_is_not_made_from_what_is_none(learner_class, wrong, error, message):
    call = {"visible": 6, "hidden": 4, "rng": np.random.default_rng(0)} | wrong
    with pytest.raises(error, match=message):
        learner_class(call.pop("visible"), call.pop("hidden"), **call)


@each_learner
@pytest.mark.parametrize(
    ("v", "error", "message"),
    [
        (GREYS[:, 1:], ValueError, r"v has shape \(40, 5\); expected \(examples, 6\)"),
        (GREYS[:0], ValueError, r"v has shape \(0, 6\); expected \(examples, 6\)"),
        (GREYS[None], ValueError, r"v has shape \(1, 40, 6\); expected \(examples, 6\)"),
        (GREYS[0], ValueError, r"v has shape \(6,\), but needs at least 2 dimensions"),
        (GREYS - 0.5, ValueError, r"v goes from -0.\d+ to 0.\d+; expected numbers from 0 to 1"),
        (GREYS + 0.5, ValueError, r"v goes from 0.\d+ to 1.\d+; expected numbers from 0 to 1"),
        (GREYS * np.nan, ValueError, "v goes from nan to nan; expected numbers from 0 to 1"),
        (PATTERNS.astype(int), TypeError, "v has dtype int64, but floats are needed"),
    ],
)
def test_a_learner_looks_at_numbers_from_0_to_1_of_its_width(learner_class, v, error, message):
    learner = learner_class(6, 4, rng=np.random.default_rng(0))
    with pytest.raises(error, match=message):
        learner.gradients(v, rng=np.random.default_rng(0))


# --------------------------------------------------------------------------------------- RBM


def test_a_machine_starts_with_small_weights_and_no_biases():
    rbm = RBM(300, 200, rng=np.random.default_rng(0))
    expected = init.normal(0.01)(np.random.default_rng(0), (300, 200))
    np.testing.assert_array_equal(rbm.weight, expected)
    assert rbm.weight.std() == pytest.approx(0.01, rel=0.02)
    assert rbm.visible_bias.shape == (1, 300)
    assert rbm.hidden_bias.shape == (1, 200)
    assert not np.any(rbm.visible_bias)
    assert not np.any(rbm.hidden_bias)
    assert repr(rbm) == "RBM(300 - 200)"


def test_a_machine_starts_as_it_is_told():
    recipe = init.uniform(2)
    rbm = RBM(6, 4, rng=np.random.default_rng(3), weight_init=recipe)
    np.testing.assert_array_equal(rbm.weight, recipe(np.random.default_rng(3), (6, 4)))


def test_parameters_are_weight_visible_bias_and_hidden_bias():
    rbm = machine()
    expected = [rbm.weight, rbm.visible_bias, rbm.hidden_bias]
    assert all(a is b for a, b in zip(rbm.parameters(), expected, strict=True))
    assert rbm.encoder()[0] is rbm.weight
    assert rbm.encoder()[1] is rbm.hidden_bias


def seen_by_hidden(rbm, v):
    """Unit by unit: how likely each hidden unit is on, for one example."""
    visible, hidden = rbm.weight.shape
    return [
        logistic(rbm.hidden_bias[0, j] + sum(v[i] * rbm.weight[i, j] for i in range(visible)))
        for j in range(hidden)
    ]


def rebuilt(rbm, h):
    """Unit by unit: how likely each visible unit is on, for one state of the hidden ones."""
    visible, hidden = rbm.weight.shape
    return [
        logistic(rbm.visible_bias[0, i] + sum(h[j] * rbm.weight[i, j] for j in range(hidden)))
        for i in range(visible)
    ]


def test_probabilities_are_those_of_the_formula_unit_by_unit():
    rbm = machine()
    h = np.random.default_rng(1).random((10, 4))
    hidden, visible = rbm.hidden_probabilities(GREYS), rbm.visible_probabilities(h)
    np.testing.assert_allclose(hidden, [seen_by_hidden(rbm, row) for row in GREYS], rtol=1e-12)
    np.testing.assert_allclose(visible, [rebuilt(rbm, row) for row in h], rtol=1e-12)


def log_weights(rbm):
    """Log of the unnormalised probability of every joint state: rows are v, columns are h."""
    all_v = np.array(list(product([0.0, 1.0], repeat=rbm.weight.shape[0])))
    all_h = np.array(list(product([0.0, 1.0], repeat=rbm.weight.shape[1])))
    biases = all_v @ rbm.visible_bias.T + (all_h @ rbm.hidden_bias.T).T
    return all_v, all_h, all_v @ rbm.weight @ all_h.T + biases


def test_probabilities_are_the_conditionals_of_one_joint_distribution():
    rbm = machine()
    all_v, all_h, log_weight = log_weights(rbm)
    joint = np.exp(log_weight)
    given_v = joint / joint.sum(axis=1, keepdims=True)
    given_h = joint / joint.sum(axis=0, keepdims=True)
    np.testing.assert_allclose(rbm.hidden_probabilities(all_v), given_v @ all_h, rtol=1e-12)
    np.testing.assert_allclose(rbm.visible_probabilities(all_h), given_h.T @ all_v, rtol=1e-12)


def test_hidden_probabilities_are_a_dense_layer_and_a_sigmoid():
    rbm = machine()
    dense = Dense(6, 4, weight_init=init.zeros(), rng=np.random.default_rng(0))
    dense.weight, dense.bias = rbm.encoder()
    expected = Activation(sigmoid).forward(dense.forward(GREYS))
    np.testing.assert_array_equal(rbm.hidden_probabilities(GREYS), expected)


def after_decision(rbm, v, decided):
    """What one example teaches, once its hidden units have decided; unit by unit."""
    visible, hidden = rbm.weight.shape
    awake, dream_v = seen_by_hidden(rbm, v), rebuilt(rbm, decided)
    dream_h = seen_by_hidden(rbm, dream_v)
    weight = np.empty((visible, hidden))
    for i, j in np.ndindex(visible, hidden):
        weight[i, j] = dream_v[i] * dream_h[j] - v[i] * awake[j]
    visible_bias = [[dream_v[i] - v[i] for i in range(visible)]]
    hidden_bias = [[dream_h[j] - awake[j] for j in range(hidden)]]
    error = sum((dream_v[i] - v[i]) ** 2 for i in range(visible)) / visible
    return error, weight, np.array(visible_bias), np.array(hidden_bias)


def cd1(rbm, v, rng):
    """One round of contrastive divergence, example by example."""
    dice = rng.random((len(v), rbm.weight.shape[1]))
    lessons = []
    for row, throws in zip(v, dice, strict=True):
        awake = seen_by_hidden(rbm, row)
        decided = [1.0 if throw < p else 0.0 for throw, p in zip(throws, awake, strict=True)]
        lessons.append(after_decision(rbm, row, decided))
    error, *gradients = (sum(parts) / len(v) for parts in zip(*lessons, strict=True))
    return error, gradients


@pytest.mark.parametrize("v", [GREYS, PATTERNS, GREYS[:1]], ids=["greys", "patterns", "one"])
def test_contrastive_divergence_is_that_of_the_book_unit_by_unit(v):
    rbm = machine()
    error, gradients = rbm.gradients(v, rng=np.random.default_rng(8))
    expected_error, expected = cd1(rbm, v, np.random.default_rng(8))
    assert error == pytest.approx(expected_error, rel=1e-12)
    for gradient, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, other, rtol=1e-10, atol=1e-14)


def test_the_mean_over_many_draws_is_the_expectation_over_all_decisions():
    rbm, v = machine(3, 2), np.array([[1.0, 0.0, 1.0], [0.0, 0.3, 1.0]])
    expected = [0, 0, 0, 0]
    for row in v:
        awake = seen_by_hidden(rbm, row)
        for decided in product([0.0, 1.0], repeat=2):
            chance = math.prod(
                p if on else 1 - p for p, on in zip(awake, decided, strict=True)
            ) / len(v)
            lesson = after_decision(rbm, row, decided)
            expected = [e + chance * part for e, part in zip(expected, lesson, strict=True)]
    rng = np.random.default_rng(0)
    many = np.repeat(v, 500, axis=0)
    found = []
    for _ in range(200):
        error, gradients = rbm.gradients(many, rng=rng)
        found.append(np.concatenate([[error], *(array.ravel() for array in gradients)]))
    expected = np.concatenate([np.ravel(part) for part in expected])
    uncertainty = np.std(found, axis=0) / math.sqrt(200)
    assert np.all(uncertainty < 1e-3)
    assert np.all(np.abs(np.mean(found, axis=0) - expected) < 4 * uncertainty)


def test_without_a_generator_nothing_is_decided():
    with pytest.raises(TypeError, match=r"rng=0 must be a numpy.random.Generator"):
        machine().gradients(GREYS, rng=0)


def test_the_same_draws_give_the_same_gradients_and_others_give_others():
    rbm = machine()
    runs = [
        contents(rbm.gradients(GREYS, rng=np.random.default_rng(seed))[1]) for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_a_machine_that_fits_its_data_has_nothing_to_learn():
    rbm = machine()
    rbm.weight[...] = 0
    v = np.repeat(rbm.visible_probabilities(np.zeros((1, 4))), 10, axis=0)
    error, gradients = rbm.gradients(v, rng=np.random.default_rng(0))
    assert error == pytest.approx(0, abs=1e-30)
    for gradient in gradients:
        np.testing.assert_allclose(gradient, 0, atol=1e-15)


@pytest.mark.parametrize("sign", [1, -1])
def test_units_that_go_together_are_tied_with_one_sign_and_others_with_opposite_ones(sign):
    rbm = RBM(2, 1, rng=np.random.default_rng(0), weight_init=init.constant(0.5))
    rbm.weight[1] *= sign
    # Biases with which all three units are undecided on average.
    rbm.visible_bias[...] = [[-0.25, -0.25 * sign]]
    rbm.hidden_bias[...] = -0.25 * (1 + sign)
    first = np.arange(2000) % 2.0
    v = np.stack([first, first if sign == 1 else 1 - first], axis=1)
    _, (weight, _, _) = rbm.gradients(v, rng=np.random.default_rng(0))
    assert weight[0, 0] < -0.03
    assert sign * weight[1, 0] < -0.03


def test_a_unit_that_is_often_on_gets_a_bias_that_turns_it_on():
    rbm = RBM(6, 4, rng=np.random.default_rng(0))
    v = np.tile([0.0, 0.1, 0.4, 0.6, 0.9, 1.0], (20, 1))
    _, (_, visible_bias, _) = rbm.gradients(v, rng=np.random.default_rng(0))
    np.testing.assert_allclose(visible_bias, 0.5 - v[:1], atol=0.02)


def log_likelihood(rbm, v):
    """The mean log probability of the rows, which are states; by enumeration."""
    all_v, _, log_weight = log_weights(rbm)
    log_all = np.log(np.exp(log_weight).sum())
    rows = [np.flatnonzero((all_v == row).all(axis=1)).item() for row in v]
    return np.log(np.exp(log_weight[rows]).sum(axis=1)).mean() - log_all


@pytest.mark.parametrize("optimizer", [SGD(0.3), SGD(0.1, momentum=0.5), Adam(0.02)], ids=repr)
def test_training_makes_the_data_likely_and_the_reconstruction_good(optimizer):
    rng = np.random.default_rng(0)
    rbm, v = RBM(6, 3, rng=rng), np.repeat(PATTERNS, 10, axis=0)
    likelihoods, errors = [log_likelihood(rbm, PATTERNS)], []
    for step in range(400):
        error, gradients = rbm.gradients(v, rng=rng)
        optimizer.step(rbm.parameters(), gradients)
        errors.append(error)
        if step % 200 == 199:
            likelihoods.append(log_likelihood(rbm, PATTERNS))
    assert likelihoods[0] == pytest.approx(-6 * math.log(2), abs=0.01)
    assert likelihoods[0] < likelihoods[1] - 1
    assert likelihoods[1] < likelihoods[2] < -math.log(2)
    assert errors[0] == pytest.approx(0.25, abs=0.01)
    assert np.mean(errors[-20:]) < 0.05


# ------------------------------------------------------------------------------- autoencoder


def test_an_autoencoder_starts_as_xavier_says_or_as_it_is_told():
    for told, recipe in [(None, init.xavier_normal()), (init.normal(2), init.normal(2))]:
        auto = Autoencoder(6, 4, rng=np.random.default_rng(0), weight_init=told)
        for dense, child in zip(auto.network.dense, np.random.default_rng(0).spawn(2), strict=True):
            np.testing.assert_array_equal(dense.weight, recipe(child, dense.weight.shape))
            assert not np.any(dense.bias)
    assert repr(auto) == "Autoencoder(6 - 4 - 6)"


def test_an_autoencoder_is_two_layers_with_sigmoids_and_its_encoder_the_first():
    auto = Autoencoder(6, 4, rng=np.random.default_rng(0))
    weight, bias, back, back_bias = auto.parameters()
    assert auto.encoder()[0] is weight is auto.network.dense[0].weight
    assert auto.encoder()[1] is bias is auto.network.dense[0].bias
    for array in auto.parameters():
        array += 0.3
    expected = sigmoid(sigmoid(GREYS @ weight + bias) @ back + back_bias)
    np.testing.assert_allclose(auto.network.forward(GREYS), expected, rtol=1e-12)


def test_the_gradients_of_an_autoencoder_are_the_numerical_ones(numerical_gradient):
    auto = Autoencoder(6, 4, rng=np.random.default_rng(0), weight_init=init.normal(1))
    for array in (auto.network.dense[0].bias, auto.network.dense[1].bias):
        array[...] = np.random.default_rng(1).standard_normal(array.shape)
    start = [array.copy() for array in auto.parameters()]

    def error(position, array):
        weight, bias, back, back_bias = [*start[:position], array, *start[position + 1 :]]
        hidden = 1 / (1 + np.exp(-GREYS @ weight - bias))
        return np.mean((1 / (1 + np.exp(-hidden @ back - back_bias)) - GREYS) ** 2)

    found, gradients = auto.gradients(GREYS)
    assert found == pytest.approx(error(0, start[0]), rel=1e-12)
    for position, gradient in enumerate(gradients):
        expected = numerical_gradient(lambda array, p=position: error(p, array), start[position])
        np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9)


def test_an_autoencoder_leaves_nothing_to_chance():
    auto, rng = Autoencoder(6, 4, rng=np.random.default_rng(0)), np.random.default_rng(1)
    state = copy.deepcopy(rng.bit_generator.state)
    error, gradients = auto.gradients(GREYS, rng=rng)
    assert rng.bit_generator.state == state
    again, same = auto.gradients(GREYS)
    assert again == error
    assert contents(same) == contents(gradients)


def test_an_autoencoder_learns_to_give_back_what_it_is_given():
    auto, optimizer = Autoencoder(6, 2, rng=np.random.default_rng(0)), Adam(0.05)
    errors = []
    for _ in range(200):
        error, gradients = auto.gradients(PATTERNS)
        optimizer.step(auto.parameters(), gradients)
        errors.append(error)
    assert errors[0] > 0.2
    assert errors[-1] < 0.01
    np.testing.assert_allclose(auto.network.forward(PATTERNS), PATTERNS, atol=0.2)


# ----------------------------------------------------------------------- pretraining, by hand


def pretrained_by_hand(net, x, seed, steps, batch_size):
    """RBMs one above the other, with momentum; returns weights, biases and errors."""
    sizes = net.sizes[:-1]
    weights, biases, errors = [], [], []
    children = np.random.default_rng(seed).spawn(len(sizes) - 1)
    for size, width, child in zip(sizes, sizes[1:], children, strict=False):
        rbm = RBM(size, width, rng=child)
        velocities = [0.0, 0.0, 0.0]
        waiting, row = [], []
        for _ in range(steps):
            if len(waiting) < batch_size:
                waiting += list(child.permutation(len(x)))
            chosen, waiting = waiting[:batch_size], waiting[batch_size:]
            v = x[chosen]
            for weight, bias in zip(weights, biases, strict=True):
                v = np.array([[logistic(z) for z in line] for line in v @ weight + bias])
            error, gradients = cd1(rbm, v, child)
            row.append(error)
            velocities = [0.5 * old + new for old, new in zip(velocities, gradients, strict=True)]
            rbm.weight = rbm.weight - 0.1 * velocities[0]
            rbm.visible_bias = rbm.visible_bias - 0.1 * velocities[1]
            rbm.hidden_bias = rbm.hidden_bias - 0.1 * velocities[2]
        weights.append(rbm.weight)
        biases.append(rbm.hidden_bias)
        errors.append(row)
    return weights, biases, errors


def test_pretraining_stacks_machines_each_shown_what_the_layers_below_say():
    net = network()
    weights, biases, expected = pretrained_by_hand(net, GREYS, 3, 7, 16)
    errors = pretrain(net, GREYS, **settings())
    np.testing.assert_allclose(errors, expected, rtol=1e-10)
    for dense, weight, bias in zip(net.dense, weights, biases, strict=False):
        np.testing.assert_allclose(dense.weight, weight, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(dense.bias, bias, rtol=1e-10, atol=1e-14)


def test_pretraining_with_autoencoders_keeps_their_first_halves():
    net = network()
    errors = pretrain(net, GREYS, method="autoencoder", **settings())
    v = GREYS
    children = np.random.default_rng(3).spawn(2)
    for dense, child, row in zip(net.dense, children, errors, strict=False):
        auto, optimizer = Autoencoder(*dense.weight.shape, rng=child), Adam(0.002)
        order = np.concatenate([child.permutation(40) for _ in range(4)])
        # 40 examples give two batches of 16; the eight left over begin the next.
        for step, found in enumerate(row):
            error, gradients = auto.gradients(v[order[16 * step : 16 * (step + 1)]])
            optimizer.step(auto.parameters(), gradients)
            assert found == pytest.approx(error, rel=1e-10)
        np.testing.assert_allclose(dense.weight, auto.parameters()[0], rtol=1e-10)
        np.testing.assert_allclose(dense.bias, auto.parameters()[1], rtol=1e-10, atol=1e-14)
        v = sigmoid(v @ auto.parameters()[0] + auto.parameters()[1])


# -------------------------------------------------------------------------------- pretraining


@each_method
def test_the_first_layers_learn_the_same_in_a_deeper_network(method):
    deep, shallow = network((6, *[5] * 8, 3)), network((6, *[5] * 4, 2), seed=1)
    errors = [pretrain(net, GREYS, method=method, **settings()) for net in (deep, shallow)]
    assert errors[0].shape == (8, 7)
    assert errors[1].shape == (4, 7)
    assert errors[0][:4].tobytes() == errors[1].tobytes()
    for one, other in zip(deep.dense, shallow.dense[:4], strict=False):
        assert one.weight.tobytes() == other.weight.tobytes()
        assert one.bias.tobytes() == other.bias.tobytes()


@each_method
@pytest.mark.parametrize("hidden", [1, 2, 3])
def test_every_hidden_layer_is_changed_in_place_and_the_output_layer_not(method, hidden):
    net, start = network((6, *[5] * hidden, 3)), network((6, *[5] * hidden, 3))
    arrays = net.parameters()
    errors = pretrain(net, GREYS, method=method, **settings())
    assert errors.shape == (hidden, 7)
    assert errors.dtype == np.float64
    assert np.all(np.isfinite(errors))
    assert np.all(errors > 0)
    assert all(a is b for a, b in zip(net.parameters(), arrays, strict=True))
    for one, other in zip(net.dense[:-1], start.dense, strict=False):
        assert not np.any(one.weight == other.weight)
        assert not np.any(one.bias == other.bias)
    assert contents(net.parameters()[-2:]) == contents(start.parameters()[-2:])


@each_method
def test_no_layer_changes_before_its_turn_or_after_it(method):
    net, seen, errors = network((6, 5, 4, 5, 3)), [], []
    before = contents(net.parameters())

    def look(step, error):
        assert step == len(seen)
        seen.append(contents(net.parameters()))
        errors.append(error)

    found = pretrain(net, GREYS, method=method, **settings(callback=look))
    assert errors == found.ravel().tolist()
    after = contents(net.parameters())
    assert len(seen) == 3 * 7
    for count, found in enumerate(seen):
        learned = 2 * (count // 7)  # weight and bias of each layer that is done
        assert found == after[:learned] + before[learned:]


@each_method
def test_same_seed_same_bits_and_another_seed_others(method):
    runs = []
    for seed in (3, 3, 4):
        net = network(dtype=np.float32)
        errors = pretrain(net, GREYS, method=method, **settings(seed))
        runs.append((errors.tobytes(), contents(net.parameters())))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@each_method
def test_the_generator_gives_children_and_draws_nothing_itself(method):
    rng = np.random.default_rng(3)
    state = copy.deepcopy(rng.bit_generator.state)
    first, second = network(), network()
    pretrain(first, GREYS, method=method, **settings(rng=rng))
    assert rng.bit_generator.state == state
    assert rng.bit_generator.seed_seq.n_children_spawned == 2
    pretrain(second, GREYS, method=method, **settings(rng=rng))
    for one, other in zip(first.dense[:-1], second.dense, strict=False):
        assert not np.any(one.weight == other.weight)


@pytest.mark.parametrize(
    ("method", "usual"), [("rbm", SGD(0.1, momentum=0.5)), ("autoencoder", Adam(0.002))]
)
def test_the_usual_optimizer_is_the_one_documented(method, usual):
    runs = []
    for chosen in ({}, {}, {"optimizer": usual}, {"optimizer": SGD(0.2)}):
        net = network()
        pretrain(net, GREYS, method=method, **settings(**chosen))
        runs.append(contents(net.parameters()))
    assert runs[0] == runs[1] == runs[2]
    assert runs[0] != runs[3]


def test_the_usual_method_is_the_machine():
    one, other = network(), network()
    pretrain(one, GREYS, **settings())
    pretrain(other, GREYS, method="rbm", **settings())
    assert contents(one.parameters()) == contents(other.parameters())
    pretrain(other, GREYS, method="autoencoder", **settings())
    assert contents(one.parameters()) != contents(other.parameters())


def test_the_usual_length_is_a_thousand_steps_of_128_examples():
    x = np.random.default_rng(0).random((128, 2))
    errors = [
        pretrain(network((2, 1, 2)), x, rng=np.random.default_rng(0), **told)
        for told in ({}, {"steps": 1000, "batch_size": 128})
    ]
    assert errors[0].shape == (1, 1000)
    np.testing.assert_array_equal(*errors)
    with pytest.raises(ValueError, match="batch_size=128 is larger than the data"):
        pretrain(network((2, 1, 2)), x[1:], rng=np.random.default_rng(0))


@pytest.mark.parametrize("optimizer", [SGD(0.1, 0.9), Adam(0.01)], ids=repr)
def test_an_optimizer_in_use_elsewhere_is_not_disturbed(optimizer):
    elsewhere = [np.ones((2, 2))]
    optimizer.step(elsewhere, elsewhere)
    state = [array for kept in vars(optimizer).values() if isinstance(kept, list) for array in kept]
    before = vars(optimizer).copy(), contents(state)
    assert state
    pretrain(network(), GREYS, **settings(optimizer=optimizer))
    assert (vars(optimizer), contents(state)) == before


@each_method
def test_the_start_of_each_learner_can_be_chosen(method):
    net, drawn = network(), []

    def recipe(rng, shape, dtype):
        drawn.append((shape, dtype))
        return np.full(shape, 0.25, dtype)

    pretrain(net, GREYS, method=method, **settings(weight_init=recipe, optimizer=SGD(0)))
    assert [shape for shape, _ in drawn if shape in [(6, 5), (5, 4)]] == [(6, 5), (5, 4)]
    for dense in net.dense[:-1]:
        assert np.all(dense.weight == 0.25)
        assert np.all(dense.bias == 0)


@each_method
def test_what_the_network_remembers_is_left_alone(method):
    net = network()
    net.backward(net.forward(GREYS))
    learned = {"weight", "bias"}
    noted = [
        (layer, name, value, copy.deepcopy(value))
        for layer in net.layers
        for name, value in vars(layer).items()
        if name not in learned
    ]
    pretrain(net, GREYS, method=method, **settings())
    for layer, name, value, before in noted:
        assert getattr(layer, name) is value
        np.testing.assert_equal(value, before)
    assert all(gradient is not None for gradient in net.gradients())


@each_method
def test_a_network_that_remembers_nothing_goes_on_remembering_nothing(method):
    net = network()
    pretrain(net, GREYS, method=method, **settings())
    assert net.gradients() == [None] * 6
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        net.backward(np.ones((40, 3)))


@each_method
def test_single_precision_stays_single_and_follows_double(method):
    single, double = network(dtype=np.float32), network()
    errors = [pretrain(net, GREYS, method=method, **settings()) for net in (single, double)]
    assert {array.dtype for array in single.parameters()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(*errors, rtol=1e-3)
    for one, other in zip(single.parameters(), double.parameters(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


@each_method
def test_the_data_are_only_read(method):
    x = GREYS.copy()
    x.flags.writeable = False
    pretrain(network(), x, method=method, **settings())
    assert x.tobytes() == GREYS.tobytes()


def test_a_network_with_a_sigmoid_at_its_end_is_pretrained_like_one_without():
    plain = network()
    last = MLP(
        plain.sizes,
        activation=sigmoid,
        output_activation=sigmoid,
        weight_init=init.normal(1),
        rng=np.random.default_rng(0),
    )
    errors = [pretrain(net, GREYS, **settings()) for net in (plain, last)]
    np.testing.assert_array_equal(*errors)
    assert contents(plain.parameters()[:4]) == contents(last.parameters()[:4])


@each_method
def test_each_layer_learns_to_describe_what_is_below(method):
    net, x = network((6, 5, 4, 3)), np.repeat(PATTERNS, 20, axis=0)
    optimizer = {"rbm": SGD(0.3, momentum=0.5), "autoencoder": Adam(0.05)}[method]
    errors = pretrain(net, x, method=method, **settings(steps=300, optimizer=optimizer))
    assert np.all(errors[:, -20:].mean(axis=1) < 0.3 * errors[:, 0])
    h = net.view().layers[1].forward(net.view().layers[0].forward(PATTERNS))
    assert np.abs(h[0] - h[1]).max() > 0.5


@pytest.mark.parametrize(("method", "optimizer"), [("rbm", None), ("autoencoder", Adam(0.02))])
def test_a_pretrained_deep_network_notices_which_digit_it_sees(mnist, method, optimizer):
    def across_inputs(net):
        h = mnist.x_test[:500]
        for layer in net.view().layers[:-1]:
            h = layer.forward(h)
        return h.std(axis=0).mean()

    net = MLP(
        [784, 40, 40, 40, 10],
        activation=sigmoid,
        weight_init=init.xavier_normal(),
        rng=np.random.default_rng(0),
        dtype=np.float32,
    )
    before = across_inputs(net)
    call = settings(steps=200, batch_size=50, method=method, optimizer=optimizer)
    pretrain(net, mnist.x_train[:2000], **call)
    assert across_inputs(net) > 3 * before


# --------------------------------------------------------------------------------- divergence


class Spoiler:
    """Descends, but at one step of one layer writes something else into the parameters."""

    def __init__(self, layer, step, spoil):
        self.at, self.spoil = (layer, step), spoil
        self.layer = -1

    def reset_copy(self):
        self.layer += 1
        self.taken = 0
        return self

    def step(self, parameters, gradients):
        SGD(0.1).step(parameters, gradients)
        if (self.layer, self.taken) == self.at:
            self.spoil(parameters)
        self.taken += 1


def not_numbers(parameters):
    for array in parameters:
        array[...] = np.nan


def infinite(parameters):
    for array in parameters:
        array[...] = np.inf


def one_bias_infinite(parameters):
    (hidden_bias,) = (array for array in parameters if array.shape == (1, 4))
    hidden_bias[0, 1] = -np.inf


def too_large_to_be_added_up(parameters):
    for array in parameters:
        array[...] = np.finfo(array.dtype).max * (-1.0) ** np.arange(len(array))[:, None]


def spoiled(method, layer, step, spoil, sizes=(6, 5, 4, 3, 3), dtype=np.float64, x=GREYS):
    net, calm = network(sizes, dtype=dtype), network(sizes, dtype=dtype)
    start, steps = contents(net.parameters()), []
    call = {"method": method, "steps": 7, "batch_size": 16}
    errors = pretrain(
        net,
        x,
        optimizer=Spoiler(layer, step, spoil),
        callback=lambda step, error: steps.append(step),
        rng=np.random.default_rng(3),
        **call,
    )
    pretrain(calm, x, optimizer=SGD(0.1), rng=np.random.default_rng(3), **call)
    return net, errors, start, contents(calm.parameters()), len(steps)


@each_method
@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("step", [0, 3, 6])
def test_where_an_error_is_not_a_number_the_layers_from_there_on_stay_as_they_were(
    method, layer, step
):
    net, errors, start, calm, steps = spoiled(method, layer, step, not_numbers)
    expected = calm[: 2 * layer] + start[2 * layer :]
    assert contents(net.parameters()) == expected
    assert expected != start or layer == 0
    flat = errors.ravel()
    assert np.all(np.isfinite(flat[: 7 * layer + step + 1]))
    assert np.all(np.isnan(flat[7 * layer + step + 1 :]))
    assert steps == 7 * layer + step + 1


@each_method
@pytest.mark.parametrize("spoil", [infinite, one_bias_infinite])
@pytest.mark.parametrize("step", [0, 3, 6])
def test_weights_that_are_infinite_never_reach_the_network(method, spoil, step):
    net, errors, start, calm, _ = spoiled(method, 1, step, spoil)
    assert contents(net.parameters()) == calm[:2] + start[2:]
    assert np.all(np.isfinite(errors[0]))
    assert np.all(np.isfinite(errors[1, : step + 1]))
    assert np.all(np.isnan(errors[2]))


def one_visible_bias_not_a_number(parameters):
    (visible_bias,) = (array for array in parameters if array.shape == (1, 5))
    visible_bias[0, 1] = np.nan


@each_method
def test_a_layer_whose_error_is_not_a_number_is_dropped_though_its_weights_still_are(method):
    net, errors, start, calm, steps = spoiled(method, 1, 3, one_visible_bias_not_a_number)
    assert contents(net.parameters()) == calm[:2] + start[2:]
    assert np.all(np.isfinite(errors.ravel()[: 7 + 4]))
    assert np.all(np.isnan(errors.ravel()[7 + 4 :]))
    assert steps == 7 + 4


@each_method
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_finite_weights_too_large_to_be_added_up_end_it_without_a_complaint(method, dtype):
    x = np.ones((20, 300))
    net, errors, start, _, _ = spoiled(
        method, 0, 6, too_large_to_be_added_up, (300, 8, 4, 3), dtype, x
    )
    assert np.all(np.isfinite(errors[0]))
    assert np.all([np.isfinite(array).all() for array in net.parameters()])
    # Whether the sums overflow depends on the order in which the machine adds.
    if np.any(np.isnan(errors[1])):
        assert contents(net.parameters())[2:] == start[2:]


@pytest.mark.parametrize("steps", [1, 2, 3, 6])
@pytest.mark.parametrize("rate", [1e37, 1e38, 3e38])
def test_an_absurd_learning_rate_gives_no_warning_and_no_infinite_weights(rate, steps):
    net = network((30, 20, 10, 3), dtype=np.float32)
    x = np.random.default_rng(1).random((60, 30))
    errors = pretrain(net, x, **settings(steps=steps, optimizer=SGD(rate)))
    assert np.all([np.isfinite(array).all() for array in net.parameters()])
    assert np.isfinite(errors[0, 0])


# ---------------------------------------------------------------------------- what is refused


def with_one(value):
    x = GREYS.copy()
    x[5, 2] = value
    return x


def fits_the_first_layer_only(rng, shape, dtype):
    return np.zeros((6, 5), dtype)


WRONG = [
    ({"x": with_one(1.01)}, ValueError, "x goes from 0.* to 1.01; expected numbers from 0 to 1"),
    ({"x": with_one(-0.01)}, ValueError, "x goes from -0.01 to 0.*; expected numbers from 0 to 1"),
    ({"x": with_one(np.nan)}, ValueError, "x goes from nan to nan; expected numbers from 0 to 1"),
    ({"x": with_one(np.inf)}, ValueError, "x goes from 0.* to inf; expected numbers from 0 to 1"),
    ({"x": GREYS[:, 1:]}, ValueError, r"x has shape \(40, 5\); expected \(examples, 6\)"),
    ({"x": GREYS[None]}, ValueError, r"x has shape \(1, 40, 6\); expected \(examples, 6\)"),
    ({"x": GREYS[:0]}, ValueError, r"x has shape \(0, 6\); expected \(examples, 6\)"),
    ({"x": GREYS[0]}, ValueError, r"x has shape \(6,\), but needs at least 2 dimensions"),
    ({"x": np.ones((40, 6), int)}, TypeError, "x has dtype int64, but floats are needed"),
    ({"x": np.ones((40, 6), np.uint8)}, TypeError, "x has dtype uint8, .* / 255 for pixels"),
    ({"method": "rmb"}, ValueError, "method='rmb': no such method; did you mean 'rbm'?"),
    ({"method": "xyz"}, ValueError, "method='xyz': no such method; choose from rbm, autoencoder"),
    ({"method": RBM}, TypeError, "method=.* must be one of the names rbm, autoencoder"),
    ({"optimizer": SGD}, TypeError, r"optimizer=.*SGD.* must be an optimizer, e.g. SGD\(0.01\)"),
    ({"optimizer": 0.1}, TypeError, r"optimizer=0.1 must be an optimizer, e.g. SGD\(0.01\)"),
    ({"steps": 0}, ValueError, "steps=0 must be a whole number of at least 1"),
    ({"steps": 7.0}, TypeError, "steps=7.0 must be a whole number"),
    ({"batch_size": 41}, ValueError, "batch_size=41 is larger than the data: there are 40"),
    ({"batch_size": 0}, ValueError, "batch_size=0 must be a whole number of at least 1"),
    ({"rng": 3}, TypeError, "rng=3 must be a numpy.random.Generator"),
    ({"weight_init": init.normal}, TypeError, "weight_init=normal: call it first"),
    (
        {"weight_init": fits_the_first_layer_only},
        ValueError,
        r"returned shape \(6, 5\) instead of \(5, ",
    ),
]


@each_method
@pytest.mark.parametrize(("wrong", "error", "message"), WRONG, ids=[w[2] for w in WRONG])
def test_a_wrong_argument_is_refused_before_anything_changes(method, wrong, error, message):
    net, seen = network(), []
    before = contents(net.parameters())
    call = settings(x=GREYS, method=method, callback=lambda *step: seen.append(step)) | wrong
    with pytest.raises(error, match=message):
        pretrain(net, call.pop("x"), **call)
    assert contents(net.parameters()) == before
    assert seen == []


OTHER_LAYERS = [
    lambda: network((6, 5, 3), normalization=BatchNorm),
    lambda: network((6, 5, 3), normalization=LayerNorm),
    lambda: network((6, 5, 3), normalization=LayerNorm, output_activation="sigmoid"),
    lambda: network(normalization=BatchNorm),
    lambda: network((6, 5, 5, 3), residual_block_size=1),
    lambda: network((6, 5, 5, 5, 3), residual_block_size=2, normalization=LayerNorm),
]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLP.stack([network(), network()]), "is a stack; pretrain each .*unstack()"),
        (lambda: network(activation="tanh"), "MLP.*tanh.*pretraining needs sigmoid"),
        *((make, "needs Dense layers with sigmoid, and no others") for make in OTHER_LAYERS),
    ],
    ids=["stack", "tanh", *range(len(OTHER_LAYERS))],
)
def test_a_network_that_cannot_be_pretrained_is_refused_and_stays_as_it_was(make, message):
    net = make()
    before = contents(net.parameters())
    with pytest.raises(ValueError, match=message):
        pretrain(net, GREYS, **settings())
    assert contents(net.parameters()) == before


@pytest.mark.parametrize("wrong", [None, [6, 5, 3], MLP, "sigmoid"], ids=repr)
def test_what_is_no_network_is_refused(wrong):
    with pytest.raises(TypeError, match=r"network=.* must be an MLP"):
        pretrain(wrong, GREYS, **settings())


def test_an_interruption_leaves_whole_layers():
    def stop(step, error):
        if step == 9:
            raise KeyboardInterrupt

    net, calm = network(), network()
    start = contents(net.parameters())
    with pytest.raises(KeyboardInterrupt):
        pretrain(net, GREYS, **settings(callback=stop))
    pretrain(calm, GREYS, **settings())
    assert contents(net.parameters()) == contents(calm.parameters())[:2] + start[2:]


def test_a_callback_may_end_the_pretraining():
    def stop(step, error):
        if step == 9:
            raise StopTraining

    net, calm = network(), network()
    start = contents(net.parameters())
    errors = pretrain(net, GREYS, **settings(callback=stop))
    assert np.isfinite(errors.ravel()[:10]).all()
    assert np.isnan(errors.ravel()[10:]).all()
    pretrain(calm, GREYS, **settings())
    assert contents(net.parameters()) == contents(calm.parameters())[:2] + start[2:]
