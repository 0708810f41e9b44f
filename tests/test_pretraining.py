import copy
import math
import pickle
from itertools import product

import numpy as np
import pytest

from initlab import initializers as init
from initlab.datasets import minibatches
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
    return 1 / (1 + np.exp(-z))


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
    ("sizes", "rng", "message"),
    [
        ((0, 4), np.random.default_rng(0), "visible=0 must be a whole number of at least 1"),
        ((6, 2.0), np.random.default_rng(0), "hidden=2.0 must be a whole number"),
        ((6, 4), 0, "rng=0 must be a numpy.random.Generator"),
    ],
)
def test_a_learner_is_not_made_from_what_is_none(learner_class, sizes, rng, message):
    with pytest.raises((TypeError, ValueError), match=message):
        learner_class(*sizes, rng=rng)


WRONG_DATA = [
    (GREYS[:, 1:], ValueError, r" has shape \(40, 5\); expected \(examples, 6\)"),
    (GREYS[:0], ValueError, r" has shape \(0, 6\); expected \(examples, 6\)"),
    (GREYS[None], ValueError, r" has shape \(1, 40, 6\); expected \(examples, 6\)"),
    (GREYS[0], ValueError, r" has shape \(6,\); expected"),
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


def cd1(rbm, v, rng):
    """One round of contrastive divergence, example by example."""
    dice, lessons = rng.random((len(v), rbm.weight.shape[1])), []
    for seen, throws in zip(v, dice, strict=True):
        awake = logistic(seen @ rbm.weight + rbm.hidden_bias[0])
        decided = np.where(throws < awake, 1.0, 0.0)
        dream_v = logistic(rbm.weight @ decided + rbm.visible_bias[0])
        dream_h = logistic(dream_v @ rbm.weight + rbm.hidden_bias[0])
        correlations = np.outer(dream_v, dream_h) - np.outer(seen, awake)
        error = ((dream_v - seen) ** 2).sum() / len(seen)
        lessons.append((error, correlations, [dream_v - seen], [dream_h - awake]))
    error, *gradients = (np.mean(parts, axis=0) for parts in zip(*lessons, strict=True))
    return error, gradients


@pytest.mark.parametrize("v", [GREYS, PATTERNS, GREYS[:1]], ids=["greys", "patterns", "one"])
def test_contrastive_divergence_is_that_of_the_book(v):
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
        rebuilt = logistic(logistic(GREYS @ weight + bias) @ back + back_bias)
        return np.mean((rebuilt - GREYS) ** 2)

    found, gradients = auto.gradients(GREYS)
    assert found == pytest.approx(error(0, start[0]), rel=1e-12)
    for position, gradient in enumerate(gradients):
        expected = numerical_gradient(lambda array, p=position: error(p, array), start[position])
        np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9)


# ----------------------------------------------------------------------- pretraining, by hand


@each_method
def test_pretraining_stacks_learners_each_shown_what_the_layers_below_say(method):
    net, below = network(), []
    errors = pretrain(net, GREYS, method=method, **settings())
    children = np.random.default_rng(3).spawn(2)
    for dense, row, child in zip(net.dense, errors, children, strict=False):
        if method == "rbm":
            learner, optimizer = RBM(*dense.weight.shape, rng=child), SGD(0.1, momentum=0.5)
        else:
            learner, optimizer = Autoencoder(*dense.weight.shape, rng=child), Adam(0.002)
        batches = minibatches(GREYS, GREYS, batch_size=16, steps=7, rng=child)
        for found, (v, _) in zip(row, batches, strict=True):
            for layer in below:
                v = logistic(v @ layer.weight + layer.bias)
            error, gradients = cd1(learner, v, child) if method == "rbm" else learner.gradients(v)
            optimizer.step(learner.parameters(), gradients)
            assert found == pytest.approx(error, rel=1e-10)
        learned = learner.parameters()
        bias = learned[2] if method == "rbm" else learned[1]
        np.testing.assert_allclose(dense.weight, learned[0], rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(dense.bias, bias, rtol=1e-10, atol=1e-14)
        below.append(dense)


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
def test_the_generator_draws_nothing_itself_and_gives_other_children_next_time(method):
    rng = np.random.default_rng(3)
    state, first, second = rng.bit_generator.state, network(), network()
    pretrain(first, GREYS, method=method, **settings(rng=rng))
    assert rng.bit_generator.state == state
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
    call = settings(method=method, optimizer=Spoiler(layer, step, spoil))
    errors = pretrain(net, x, callback=lambda step, error: steps.append(step), **call)
    pretrain(calm, x, **settings(method=method, optimizer=SGD(0.1)))
    return net, errors, start, contents(calm.parameters()), len(steps)


def put(value, shape=None):
    """Spoil everything, or one number of the bias of this shape: (1, 4) is the hidden one."""

    def spoil(parameters):
        for array in parameters:
            if shape is None:
                array[...] = value
            elif array.shape == shape:
                array[0, 1] = value

    return spoil


@each_method
@pytest.mark.parametrize(
    ("layer", "step", "spoil"),
    [
        *((layer, step, put(np.nan)) for layer in (0, 1, 2) for step in (0, 6)),
        (1, 3, put(np.nan, (1, 5))),  # the weights are numbers still, the error is none
        *((1, step, put(np.inf)) for step in (0, 6)),
        *((1, step, put(-np.inf, (1, 4))) for step in (3, 6)),
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


# ---------------------------------------------------------------------------- what is refused


WRONG = [
    ({"network": MLP.stack([network()] * 2)}, ValueError, "is a stack; pretrain each .*unstack()"),
    ({"network": network(activation="tanh")}, ValueError, "MLP.*tanh.*pretraining needs sigmoid"),
    ({"network": network([6, 3])}, ValueError, "has no hidden layer to pretrain"),
    ({"network": network(normalization=BatchNorm)}, ValueError, "needs Dense layers with sigmoid"),
    ({"network": network((6, 5, 5, 3), residual_block_size=1)}, ValueError, "needs Dense layers"),
    ({"network": [6, 5, 3]}, TypeError, r"network=\[6, 5, 3\] must be an MLP"),
    ({"method": "rmb"}, ValueError, "method='rmb': no such method; did you mean 'rbm'?"),
    ({"method": RBM}, TypeError, "method=.* must be one of the names rbm, autoencoder"),
    ({"optimizer": SGD}, TypeError, r"optimizer=.*SGD.* must be an optimizer, e.g. SGD\(0.01\)"),
    ({"steps": 0}, ValueError, "steps=0 must be a whole number of at least 1"),
    ({"batch_size": 41}, ValueError, "batch_size=41 is larger than the data, 40"),
    ({"rng": 3}, TypeError, "rng=3 must be a numpy.random.Generator"),
    ({"progress": 1}, TypeError, "progress=1 must be True, for a bar, or False"),
    (
        {"weight_init": lambda rng, shape, dtype: np.zeros((6, 5), dtype)},
        ValueError,
        r"returned shape \(6, 5\), not \(5, ",
    ),
]


@each_method
@pytest.mark.parametrize(("wrong", "error", "message"), WRONG)
def test_a_wrong_argument_is_refused_before_anything_changes(method, wrong, error, message):
    net, seen = network(), []
    before = contents(net.parameters())
    call = settings(method=method, callback=lambda *step: seen.append(step)) | wrong
    with pytest.raises(error, match=message):
        pretrain(call.pop("network", net), GREYS, **call)
    assert contents(net.parameters()) == before
    assert seen == []


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
