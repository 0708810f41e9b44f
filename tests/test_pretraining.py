import copy
import math
import pickle
from itertools import product

import numpy as np
import pytest

from initlab import initializers as init
from initlab.activations import sigmoid
from initlab.network import MLP
from initlab.normalization import BatchNorm
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
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shown", [np.float32, np.float64])
def test_a_learner_stays_in_its_precision_and_only_reads_what_it_is_shown(
    learner_class, dtype, shown
):
    learner, v = learner_class(6, 4, rng=np.random.default_rng(0), dtype=dtype), GREYS.astype(shown)
    v.flags.writeable = False
    before = contents(learner.parameters())
    error, gradients = learner.gradients(v, rng=np.random.default_rng(0))
    assert type(error) is float
    assert contents(learner.parameters()) == before
    for parameter, gradient in zip(learner.parameters(), gradients, strict=True):
        assert parameter.dtype == gradient.dtype == dtype
        assert parameter.shape == gradient.shape
        assert not np.shares_memory(parameter, gradient)


@each_learner
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"visible": 0}, ValueError, "visible=0 must be a whole number of at least 1"),
        ({"hidden": 2.0}, TypeError, "hidden=2.0 must be a whole number"),
        ({"rng": 0}, TypeError, "rng=0 must be a numpy.random.Generator"),
        ({"dtype": int}, TypeError, "dtype=.* must be np.float32"),
        ({"weight_init": init.normal}, TypeError, "weight_init=normal: call it first"),
    ],
)
def test_a_learner_is_not_made_from_what_is_none(learner_class, wrong, error, message):
    call = {"visible": 6, "hidden": 4, "rng": np.random.default_rng(0)} | wrong
    with pytest.raises(error, match=message):
        learner_class(call.pop("visible"), call.pop("hidden"), **call)


WRONG_DATA = [
    (GREYS[:, 1:], ValueError, r" has shape \(40, 5\); expected \(examples, 6\)"),
    (GREYS[:0], ValueError, r" has shape \(0, 6\); expected \(examples, 6\)"),
    (GREYS[None], ValueError, r" has shape \(1, 40, 6\); expected \(examples, 6\)"),
    (GREYS[0], ValueError, r" has shape \(6,\), but needs at least 2 dimensions"),
    (GREYS - 0.5, ValueError, r" goes from -0.\d+ to 0.\d+; expected numbers from 0 to 1"),
    (GREYS + 0.5, ValueError, r" goes from 0.\d+ to 1.\d+; expected numbers from 0 to 1"),
    (GREYS * np.nan, ValueError, " goes from nan to nan; expected numbers from 0 to 1"),
    (PATTERNS.astype(np.uint8), TypeError, " has dtype uint8, .* / 255 for pixels"),
]


@pytest.mark.parametrize(("v", "error", "message"), WRONG_DATA)
@pytest.mark.parametrize("door", [RBM, Autoencoder, pretrain])
def test_only_numbers_from_0_to_1_of_the_right_width_are_looked_at(door, v, error, message):
    rng = np.random.default_rng(0)
    if door is pretrain:
        with pytest.raises(error, match="x" + message):
            pretrain(network(), v, **settings())
    else:
        with pytest.raises(error, match="v" + message):
            door(6, 4, rng=rng).gradients(v, rng=rng)


# --------------------------------------------------------------------------------------- RBM


def test_a_machine_starts_with_small_weights_and_no_biases_or_as_it_is_told():
    for told, recipe in [(None, init.normal(0.01)), (init.uniform(2), init.uniform(2))]:
        rbm = RBM(30, 20, rng=np.random.default_rng(3), weight_init=told)
        np.testing.assert_array_equal(rbm.weight, recipe(np.random.default_rng(3), (30, 20)))
        np.testing.assert_array_equal(rbm.visible_bias, np.zeros((1, 30)))
        np.testing.assert_array_equal(rbm.hidden_bias, np.zeros((1, 20)))
    assert repr(rbm) == "RBM(30 - 20)"
    with pytest.raises(TypeError, match=r"rng=0 must be a numpy.random.Generator"):
        rbm.gradients(np.ones((2, 30)), rng=0)


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


def log_likelihood(rbm, v):
    """The mean log probability of the rows, which are states; by enumeration."""
    all_v, _, log_weight = log_weights(rbm)
    log_all = np.log(np.exp(log_weight).sum())
    rows = [np.flatnonzero((all_v == row).all(axis=1)).item() for row in v]
    return np.log(np.exp(log_weight[rows]).sum(axis=1)).mean() - log_all


def test_training_makes_the_data_likely_and_the_reconstruction_good():
    rng, optimizer = np.random.default_rng(0), SGD(0.1, momentum=0.5)
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
@pytest.mark.parametrize("hidden", [1, 3])
def test_the_first_layers_learn_the_same_in_a_deeper_network_and_the_last_layer_stays(
    method, hidden
):
    deep, short = network((6, *[5] * 5, 3)), network((6, *[5] * hidden, 2), seed=1)
    start, arrays = contents(short.parameters()), short.parameters()
    errors = [pretrain(net, GREYS, method=method, **settings()) for net in (deep, short)]
    assert errors[1].shape == (hidden, 7)
    assert errors[1].dtype == np.float64
    assert errors[0][:hidden].tobytes() == errors[1].tobytes()
    assert contents(deep.parameters()[: 2 * hidden]) == contents(short.parameters()[:-2])
    assert contents(short.parameters()[-2:]) == start[-2:]
    assert all(a is b for a, b in zip(short.parameters(), arrays, strict=True))


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


@each_method
def test_what_is_not_said_is_the_machine_and_a_thousand_steps_of_128_examples(method):
    usual = {"rbm": SGD(0.1, momentum=0.5), "autoencoder": Adam(0.002)}[method]
    x, runs = np.random.default_rng(0).random((128, 2)), []
    said = {} if method == "rbm" else {"method": method}
    for told in (said, {"method": method, "steps": 1000, "batch_size": 128, "optimizer": usual}):
        runs.append(pretrain(network((2, 1, 2)), x, rng=np.random.default_rng(0), **told))
    assert runs[0].shape == (1, 1000)
    np.testing.assert_array_equal(*runs)
    with pytest.raises(ValueError, match="batch_size=128 is larger than the data"):
        pretrain(network((2, 1, 2)), x[1:], rng=np.random.default_rng(0))


@pytest.mark.parametrize("optimizer", [SGD(0.1, 0.9), Adam(0.01)], ids=repr)
def test_an_optimizer_in_use_elsewhere_is_not_disturbed(optimizer):
    optimizer.step([np.ones((2, 2))], [np.ones((2, 2))])
    before = pickle.dumps(optimizer)
    pretrain(network(), GREYS, **settings(optimizer=optimizer))
    assert pickle.dumps(optimizer) == before


@each_method
def test_what_the_network_remembers_is_left_alone(method):
    net = network()
    net.backward(net.forward(GREYS))
    noted = [
        (layer, name, value, copy.deepcopy(value))
        for layer in net.layers
        for name, value in vars(layer).items()
        if name not in ("weight", "bias")
    ]
    pretrain(net, GREYS, method=method, **settings())
    for layer, name, value, before in noted:
        assert getattr(layer, name) is value
        np.testing.assert_equal(value, before)


@each_method
def test_single_precision_stays_single_and_follows_double(method):
    single, double = network(dtype=np.float32), network()
    errors = [pretrain(net, GREYS, method=method, **settings()) for net in (single, double)]
    assert {array.dtype for array in single.parameters()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(*errors, rtol=1e-3)
    for one, other in zip(single.parameters(), double.parameters(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


@each_method
def test_each_learner_starts_from_a_copy_of_what_its_initializer_returns(method):
    def recipe(rng, shape, dtype):
        return returned.setdefault(shape, np.full(shape, 0.25, dtype))

    returned, net = {}, network()
    pretrain(net, GREYS, method=method, **settings(weight_init=recipe, optimizer=SGD(0)))
    for dense in net.dense[:-1]:
        assert np.all(dense.weight == 0.25)
        assert np.all(dense.bias == 0)
    pretrain(net, GREYS, method=method, **settings(weight_init=recipe))
    assert all(np.all(array == 0.25) for array in returned.values())
    assert {(6, 5), (5, 4)} <= set(returned)


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


def all_of(value):
    def spoil(parameters):
        for array in parameters:
            array[...] = value

    return spoil


def one_of(value, shape):
    """Spoil one number of the bias of this shape: (1, 4) is the hidden one of layer 1."""

    def spoil(parameters):
        (bias,) = (array for array in parameters if array.shape == shape)
        bias[0, 1] = value

    return spoil


@each_method
@pytest.mark.parametrize(
    ("layer", "step", "spoil"),
    [
        *((layer, step, all_of(np.nan)) for layer in (0, 1, 2) for step in (0, 6)),
        (1, 3, one_of(np.nan, (1, 5))),  # the weights are numbers still, the error is none
        *((1, step, all_of(np.inf)) for step in (0, 6)),
        *((1, step, one_of(-np.inf, (1, 4))) for step in (3, 6)),
    ],
)
def test_where_a_number_is_not_finite_the_layers_from_there_on_stay_as_they_were(
    method, layer, step, spoil
):
    net, errors, start, calm, steps = spoiled(method, layer, step, spoil)
    assert contents(net.parameters()) == calm[: 2 * layer] + start[2 * layer :]
    flat = errors.ravel()
    assert np.all(np.isfinite(flat[: 7 * layer + step + 1]))
    assert np.all(np.isnan(errors[layer + 1 :]))
    assert steps == np.isfinite(flat).sum()


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


@pytest.mark.parametrize("rate", [1e37, 3e38])
def test_an_absurd_learning_rate_gives_no_warning_and_no_infinite_weights(rate):
    for steps in (1, 2, 6):
        net = network((30, 20, 10, 3), dtype=np.float32)
        x = np.random.default_rng(1).random((60, 30))
        errors = pretrain(net, x, **settings(steps=steps, optimizer=SGD(rate)))
        assert np.all([np.isfinite(array).all() for array in net.parameters()])
        assert np.isfinite(errors[0, 0])


# ---------------------------------------------------------------------------- what is refused


WRONG = [
    ({"method": "rmb"}, ValueError, "method='rmb': no such method; did you mean 'rbm'?"),
    ({"method": RBM}, TypeError, "method=.* must be one of the names rbm, autoencoder"),
    ({"optimizer": SGD}, TypeError, r"optimizer=.*SGD.* must be an optimizer, e.g. SGD\(0.01\)"),
    ({"steps": 0}, ValueError, "steps=0 must be a whole number of at least 1"),
    ({"batch_size": 41}, ValueError, "batch_size=41 is larger than the data: there are 40"),
    ({"rng": 3}, TypeError, "rng=3 must be a numpy.random.Generator"),
    ({"progress": 1}, TypeError, "progress=1 must be True, for a bar, or False"),
    (
        {"weight_init": lambda rng, shape, dtype: np.zeros((6, 5), dtype)},
        ValueError,
        r"returned shape \(6, 5\) instead of \(5, ",
    ),
]


@each_method
@pytest.mark.parametrize(("wrong", "error", "message"), WRONG, ids=[w[2] for w in WRONG])
def test_a_wrong_argument_is_refused_before_anything_changes(method, wrong, error, message):
    net, seen = network(), []
    before = contents(net.parameters())
    call = settings(method=method, callback=lambda *step: seen.append(step)) | wrong
    with pytest.raises(error, match=message):
        pretrain(net, GREYS, **call)
    assert contents(net.parameters()) == before
    assert seen == []


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: MLP.stack([network()] * 2), ValueError, "is a stack; pretrain each .*unstack()"),
        (lambda: network(activation="tanh"), ValueError, "MLP.*tanh.*pretraining needs sigmoid"),
        (lambda: network(sizes=[6, 3]), ValueError, "has no hidden layer to pretrain"),
        (lambda: network(normalization=BatchNorm), ValueError, "needs Dense layers with sigmoid"),
        (
            lambda: network((6, 5, 5, 3), residual_block_size=1),
            ValueError,
            "needs Dense layers with sigmoid, and no others",
        ),
        (lambda: [6, 5, 3], TypeError, r"network=\[6, 5, 3\] must be an MLP"),
    ],
)
def test_a_network_that_cannot_be_pretrained_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        pretrain(make(), GREYS, **settings())


@pytest.mark.parametrize("reason", [StopTraining, KeyboardInterrupt])
def test_a_callback_may_end_the_pretraining_and_an_interruption_leaves_whole_layers(reason):
    def stop(step, error):
        if step == 9:
            raise reason

    net, calm = network(output_activation="sigmoid"), network()
    start = contents(net.parameters())
    if reason is StopTraining:
        errors = pretrain(net, GREYS, **settings(callback=stop))
        assert np.isfinite(errors.ravel()[:10]).all()
        assert np.isnan(errors.ravel()[10:]).all()
    else:
        with pytest.raises(KeyboardInterrupt):
            pretrain(net, GREYS, **settings(callback=stop))
    pretrain(calm, GREYS, **settings())
    assert contents(net.parameters()) == contents(calm.parameters())[:2] + start[2:]
