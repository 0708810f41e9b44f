import gc
import math
import pickle
import threading
import tracemalloc
from itertools import pairwise
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from initlab import initializers as init
from initlab import training
from initlab._engine.stacks import LARGEST_STACK, make_stacks, step_cost
from initlab.activations import relu
from initlab.datasets import Dataset, minibatches
from initlab.layers import Dense
from initlab.losses import mean_squared_error, softmax_cross_entropy
from initlab.network import MLP
from initlab.normalization import BatchNorm, LayerNorm
from initlab.optimizers import SGD, Adam, WarmUp
from initlab.training import History, evaluate, train, train_stacks, train_together

# No clock, and the same examples every time.
steadily = hypothesis_settings(deadline=None, derandomize=True, max_examples=25)


def network(seed=0, sizes=(4, 6, 5, 3), *, activation="tanh", std=0.7, dtype=np.float64, **others):
    return MLP(
        list(sizes),
        activation=activation,
        weight_init=init.normal(std),
        bias_init=init.normal(0.1),
        rng=np.random.default_rng(seed),
        dtype=dtype,
        **others,
    )


def examples(count=60, features=4, classes=3, seed=1):
    """Gaussian clouds around three corners: easy to tell apart."""
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=count)
    x = rng.standard_normal((count, features)) * 0.5
    x[np.arange(count), y] += 2.0
    return Dataset(x, y, x[:20], y[:20])


DEEP = (4, 5, 5, 5, 5, 3)
ROOMS = {
    "plain": {},
    "batch norm": {"normalization": BatchNorm},
    "layer norm": {"normalization": LayerNorm},
    "residual": {"residual_block_size": 2},
    "residual, batch norm": {"residual_block_size": 2, "normalization": BatchNorm},
}
each_room = pytest.mark.parametrize("room", ROOMS)


def built(room, seed=0, **changed):
    return network(seed, **{"sizes": DEEP} | ROOMS[room] | changed)


def settings(seed=3, **changed):
    return {
        "optimizer": SGD(0.1),
        "steps": 12,
        "batch_size": 16,
        "rng": np.random.default_rng(seed),
    } | changed


def contents(*networks):
    return [array.tobytes() for net in networks for array in net.state()]


def assert_close(network, other, within=1e-9):
    for a, b in zip(network.state(), other.state(), strict=True):
        np.testing.assert_allclose(a, b, rtol=within, atol=within)


# -------------------------------------------------------------- the published algorithm, by hand


def published(weights, biases, batches, learning_rate):
    """Affine, ReLU, ..., affine, softmax with cross-entropy; plain gradient descent."""
    losses = []
    for x, t in batches:
        inputs = [x]
        for w, b in zip(weights, biases, strict=True):
            z = inputs[-1] @ w + b
            inputs.append(np.where(z > 0, z, 0))
        y = np.exp(z - z.max(axis=1, keepdims=True))
        y = y / y.sum(axis=1, keepdims=True)
        losses.append(-np.log(y[np.arange(len(t)), t]).sum() / len(t))
        d = (y - np.eye(10)[t]) / len(t)
        for k in reversed(range(len(weights))):
            dw, db = inputs[k].T @ d, d.sum(axis=0)
            d = np.where(inputs[k] > 0, d @ weights[k].T, 0)
            weights[k] = weights[k] - learning_rate * dw
            biases[k] = biases[k] - learning_rate * db
    return np.array(losses)


def test_training_on_mnist_is_the_published_algorithm(mnist):
    net = MLP(
        [784, 50, 50, 50, 10],
        activation=relu,
        weight_init=init.he_normal(),
        rng=np.random.default_rng(0),
    )
    weights = [layer.weight.copy() for layer in net.dense]
    biases = [layer.bias[0].copy() for layer in net.dense]
    order = np.random.default_rng(1).permutation(60000)
    rows = [order[64 * k : 64 * (k + 1)] for k in range(100)]
    batches = ((mnist.x_train[row].astype(np.float64), mnist.y_train[row]) for row in rows)
    expected = published(weights, biases, batches, 0.05)

    history = train(
        net, mnist, optimizer=SGD(0.05), steps=100, batch_size=64, rng=np.random.default_rng(1)
    )
    np.testing.assert_allclose(history.loss, expected, rtol=0, atol=1e-9)
    for layer, w, b in zip(net.dense, weights, biases, strict=True):
        np.testing.assert_allclose(layer.weight, w, rtol=0, atol=1e-9)
        np.testing.assert_allclose(layer.bias[0], b, rtol=0, atol=1e-9)
    assert expected[-20:].mean() < 1.2 < 2.0 < expected[0]  # and it did learn


# --------------------------------------------------------------------------------- one network


@each_room
@pytest.mark.parametrize("loss", [softmax_cross_entropy, mean_squared_error])
def test_a_step_is_forward_loss_backward_step_on_the_next_minibatch(room, loss):
    data, by_hand, net = examples(), built(room), built(room)
    if loss is mean_squared_error:
        data = SimpleNamespace(x_train=data.x_train, y_train=np.sin(data.x_train[:, :3]))
    arrays = net.state()
    history = train(net, data, **settings(steps=5, loss=loss, record_gradients=True))
    same = {"batch_size": 16, "steps": 5, "rng": np.random.default_rng(3)}
    for step, (x, y) in enumerate(minibatches(data.x_train, data.y_train, **same)):
        value, gradient = loss(by_hand.forward(x), y)
        assert history.loss[step] == value
        by_hand.backward(gradient)
        sizes = [math.sqrt(np.mean(layer.weight_grad**2)) for layer in by_hand.dense]
        np.testing.assert_allclose(history.gradient_rms[step], sizes, rtol=1e-12)
        for parameter, slope in zip(by_hand.parameters(), by_hand.gradients(), strict=True):
            parameter -= 0.1 * slope
    assert contents(net) == contents(by_hand)
    assert all(a is b for a, b in zip(net.state(), arrays, strict=True))
    assert (history.loss.shape, history.diverged_at) == ((5,), None)
    assert train(built(room), data, **settings(loss=loss)).gradient_rms is None


@pytest.mark.parametrize(
    ("kind", "std", "optimizer"),
    [
        (None, 0.7, SGD(0.1)),
        (BatchNorm, 1e-3, WarmUp(Adam(0.02), 10)),
        (BatchNorm, 30.0, WarmUp(Adam(0.02), 10)),
    ],
    ids=str,
)
def test_training_learns_to_tell_clouds_apart(kind, std, optimizer):
    net, data = network(sizes=(4, 8, 8, 3), normalization=kind, std=std), examples()
    history = train(net, data, **settings(steps=200, optimizer=optimizer))
    assert history.final_loss(20) < 0.15 * history.loss[0]
    assert evaluate(net, data.x_test, data.y_test).accuracy > 0.9


@pytest.mark.parametrize("used", [SGD(0.1, 0.9), Adam(0.01), WarmUp(SGD(0.1, 0.9), 4)], ids=repr)
@pytest.mark.parametrize("doing", [train, train_together])
def test_an_optimizer_in_use_elsewhere_is_not_disturbed_and_a_copy_starts_anew(used, doing):
    fresh, elsewhere = used.reset_copy(), network()
    used.step(elsewhere.parameters(), [np.ones_like(p) for p in elsewhere.parameters()])
    before = pickle.dumps(used)
    nets = [network(), network()]
    for net, optimizer in zip(nets, (used, fresh), strict=True):
        doing(
            net if doing is train else [net], examples(), **settings(steps=4, optimizer=optimizer)
        )
    assert pickle.dumps(used) == before
    assert contents(nets[0]) == contents(nets[1])


def test_single_precision_stays_single_and_follows_double():
    single, double = network(dtype=np.float32), network()
    histories = [train(net, examples(), **settings()) for net in (single, double)]
    np.testing.assert_allclose(histories[0].loss, histories[1].loss, rtol=1e-4)
    assert {array.dtype for array in single.parameters()} == {np.dtype(np.float32)}


def test_a_callback_hears_of_each_step_and_ends_a_training_only_by_raising():
    def stop(step, loss):
        seen.append((step, float(loss)))
        if step == 4 and stopping:
            raise training.StopTraining
        return True

    seen, stopping = [], False
    told, stopped, short = network(), network(), network()
    whole = train(told, examples(), **settings(callback=stop))
    assert seen == list(enumerate(whole.loss))
    assert len(seen) == 12
    stopping = True
    history = train(stopped, examples(), **settings(callback=stop, record_gradients=True))
    np.testing.assert_array_equal(history.loss, whole.loss[:5])
    assert history.gradient_rms.shape == (5, 3)
    train(short, examples(), **settings(steps=5))
    assert contents(stopped) == contents(short)


def test_an_interrupted_training_leaves_no_nan_in_those_that_diverged():
    def interrupt(step, loss):
        if step == 20:
            raise KeyboardInterrupt

    stack = MLP.stack([diverging(), diverging(1, std=0.3)])
    with pytest.raises(KeyboardInterrupt):
        train(stack, examples(), **settings(steps=30, callback=interrupt))
    assert all(np.isfinite(array).all() for array in stack.parameters())


# -------------------------------------------------------------------------------- many networks

OPTIMIZERS = [SGD(0.1), SGD(0.1, 0.9), Adam(0.02), WarmUp(SGD(0.1, 0.5), 5)]
RECIPES = st.tuples(
    st.sampled_from(list(ROOMS)),
    st.sampled_from(["tanh", "relu", "sigmoid"]),
    st.sampled_from([(4, 3), (4, 5, 3), (4, 5, 5, 5, 3)]),
    st.sampled_from([0.3, 0.7]),
)


@steadily
@given(
    recipes=st.lists(RECIPES, min_size=1, max_size=5),
    twins=st.integers(0, 3),  # more of the first kind, so that there are stacks
    optimizer=st.sampled_from(OPTIMIZERS),
    shared=st.lists(st.integers(0, 2), min_size=8, max_size=8),
    loss=st.sampled_from([softmax_cross_entropy, mean_squared_error]),
    named=st.booleans(),
    n_jobs=st.sampled_from([1, 2]),
)
def test_training_together_is_training_alone_whatever_the_networks(
    recipes, twins, optimizer, shared, loss, named, n_jobs
):
    def make():
        return [
            network(k, sizes, activation=activation, std=std, **ROOMS[room])
            for k, (room, activation, sizes, std) in enumerate(recipes + recipes[:1] * twins)
        ]

    together, alone, data = make(), make(), examples()
    if loss is mean_squared_error:
        data = SimpleNamespace(x_train=data.x_train, y_train=np.sin(data.x_train[:, :3]))
    call = settings(optimizer=optimizer, loss=loss, record_gradients=True, steps=7, rng=None)
    # Networks with the same number share a generator; if all do, it is handed over alone.
    numbers = shared[: len(together)]
    rngs = {number: np.random.default_rng([number, 1]) for number in numbers}
    keys = [f"net {k}" for k in range(len(together))] if named else range(len(together))
    nets = dict(zip(keys, together, strict=True))
    given_rngs = {key: rngs[number] for key, number in reversed([*zip(keys, numbers, strict=True)])}
    if not named:
        nets, given_rngs = together, [rngs[number] for number in numbers]
    who = {"rngs": given_rngs} if len(rngs) > 1 else {"rng": rngs[numbers[0]]}
    arrays = [net.state() for net in together]
    with joblib.parallel_config(n_jobs=n_jobs):
        found = train_together(nets, data, **call | who)
    assert list(found) == keys if named else isinstance(found, list)
    for key, net, own, number, held in zip(keys, together, alone, numbers, arrays, strict=True):
        rng = np.random.default_rng([number, 1])
        expected = train(own, data, **call | {"rng": rng})
        np.testing.assert_allclose(found[key].loss, expected.loss, rtol=1e-9)
        np.testing.assert_allclose(
            found[key].gradient_rms, expected.gradient_rms, rtol=1e-7, atol=1e-13
        )
        assert found[key].diverged_at is None
        assert_close(net, own, 1e-7)
        assert all(a is b for a, b in zip(net.state(), held, strict=True))
        assert rngs[number].bit_generator.state == rng.bit_generator.state


def test_shares_of_the_work_add_up_to_one_whoever_diverges():
    nets, data, shares = [network(1), network(2), diverging(3)], examples(), []
    stacks = train_stacks(
        nets,
        (data.x_train, data.y_train),
        rngs=[np.random.default_rng(3)] * 3,
        optimizers=[SGD(0.1)] * 3,
        settings={"steps": 30, "batch_size": 16, "loss": softmax_cross_entropy}
        | {"record_gradients": False},
        finish=lambda stack, *arrays: len(arrays),
        report=shares.append,
    )
    found = list(stacks)
    assert sorted(place for stack in found for place in stack.places) == [0, 1, 2]
    assert {stack.finished for stack in found} == {2}
    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= 0


def crowd():
    """More than fit into one stack, and all architectures in turn."""
    rooms = [*ROOMS] * 2
    return [built(room, seed) for seed, room in enumerate(rooms)] + [
        network(seed) for seed in range(LARGEST_STACK + 2)
    ]


@pytest.fixture(scope="module")
def crowd_alone():
    """Each trained alone: histories and networks."""
    nets = crowd()
    return [train(net, examples(), **settings()) for net in nets], nets


@pytest.mark.parametrize(
    "workers",
    [{}, {"n_jobs": 1}, {"n_jobs": 3}, {"backend": "loky", "n_jobs": 2}],
    ids=["default", "one", "three", "processes"],
)
def test_results_depend_neither_on_the_workers_nor_on_the_grouping(workers, crowd_alone):
    nets = crowd()
    with joblib.parallel_config(**workers):
        found = train_together(nets, examples(), **settings())
    for history, own, net, other in zip(found, crowd_alone[0], nets, crowd_alone[1], strict=True):
        np.testing.assert_allclose(history.loss, own.loss, rtol=1e-10)
        assert history.gradient_rms is None
        assert_close(net, other, 1e-8)


class Meeting(SGD):
    """Takes no step before another worker is about to take one."""

    both_are_in = threading.Barrier(2)

    def step(self, parameters, gradients):
        self.both_are_in.wait(60)
        super().step(parameters, gradients)


def test_stacks_are_trained_side_by_side():
    with joblib.parallel_config(n_jobs=2):
        train_together([network(1), network(2)], examples(), **settings(optimizer=Meeting(0.1)))


class Failing(SGD):
    """Fails at its third step."""

    taken = 0

    def step(self, parameters, gradients):
        self.taken += 1
        if self.taken == 3:
            raise KeyError("enough")
        super().step(parameters, gradients)


@pytest.mark.parametrize("where", [{}, {"backend": "loky", "n_jobs": 2}], ids=["threads", "others"])
def test_an_error_on_the_way_changes_nothing(where):
    nets, rng = [built("batch norm", seed) for seed in range(3)], np.random.default_rng(3)
    before, state = contents(*nets), rng.bit_generator.state
    with joblib.parallel_config(**where), pytest.raises(KeyError, match="enough"):
        train_together(nets, examples(), **settings(rng=rng, optimizer=Failing(0.1)))
    assert contents(*nets) == before
    assert rng.bit_generator.state == state


def test_a_bar_is_shown_where_it_is_asked_for_and_one_for_all(capsys):
    for doing, what in ((train_together, [network(1), built("residual")]), (train, network())):
        doing(what, examples(), **settings())
        assert capsys.readouterr() == ("", "")
        doing(what, examples(), **settings(progress=True))
        shown = capsys.readouterr()
        assert "training" in shown.out
        assert shown.err == ""
        with pytest.raises(TypeError, match="progress=1 must be True, for a bar, or False"):
            doing(what, examples(), **settings(progress=1))


@steadily
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=25), crew=st.integers(1, 4))
def test_stacks_hold_each_network_once_and_keep_all_workers_busy(sizes, crew):
    ends = np.cumsum([0, *sizes])
    groups = [list(range(a, b)) for a, b in pairwise(ends)]
    with joblib.parallel_config(n_jobs=crew):
        stacks = make_stacks(groups, cost=lambda place: 1 + place % 7)
    assert sorted(place for stack in stacks for place in stack) == list(range(ends[-1]))
    for stack in stacks:
        assert 1 <= len(stack) <= LARGEST_STACK
        assert sum(set(stack) <= set(group) for group in groups) == 1
    costs = [sum(1 + place % 7 for place in stack) for stack in stacks]
    assert costs == sorted(costs, reverse=True)
    for group in groups:
        parts = [len(stack) for stack in stacks if stack[0] in group]
        if len(groups) >= 4 * crew:  # enough for all: nothing is cut up without need
            assert len(parts) == -(-len(group) // LARGEST_STACK)
        elif len(group) >= crew:  # each worker gets as many parts as the others, of one size
            assert len(parts) % crew == 0 or len(parts) == len(group)
            assert max(parts) - min(parts) <= 1


def test_a_step_costs_more_the_more_weights_and_neurons_there_are():
    assert step_cost([7, 5, 3]) == step_cost([7, 5]) + step_cost([5, 3])
    assert step_cost([8, 5]) - step_cost([7, 5]) == 5  # a unit a weight
    one, other = (step_cost([7, width]) / width for width in (1, 50))
    assert one == other > 20  # and most of a narrow layer is what each neuron costs


def test_memory_is_linear_in_the_networks_and_at_most_three_times_the_parameters():
    data, sizes = examples(count=2000), (4, 300, 300, 3)

    def peak(count):
        nets = [network(seed, sizes=sizes, dtype=np.float32) for seed in range(count)]
        parameters = count * sum(array.nbytes for array in nets[0].parameters())
        activations = 2 * 16 * sum(sizes) * 4  # what goes in and what comes out of each layer
        gc.collect()
        tracemalloc.start()
        with joblib.parallel_config(n_jobs=2):
            train_together(nets, data, **settings(steps=3))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used, parameters, count * activations

    peak(2)  # what is imported on the way
    for count in (8, 32, 64):
        used, parameters, activations = peak(count)
        assert used <= 3 * parameters + activations + 300_000, count


# ---------------------------------------------------------------------------------- divergence


def diverging(seed=0, std=10.0):
    return network(seed, sizes=(4, 20, 20, 20, 20, 3), activation="relu", std=std, dtype=np.float32)


def test_a_loss_that_is_not_finite_at_once_leaves_the_network_untouched():
    net = network()
    net.dense[0].weight[0, 0] = np.nan
    before, seen = contents(net), []
    call = settings(callback=lambda step, loss: seen.append(step), record_gradients=True)
    history = train(net, examples(), **call)
    assert history.diverged_at == 0
    assert np.all(np.isnan(history.loss))
    assert np.all(np.isnan(history.gradient_rms))
    assert contents(net) == before
    assert seen == []


def test_a_stack_of_which_all_diverge_stops():
    seen = []
    stack = MLP.stack([diverging(k, 10.0) for k in range(3)])
    call = settings(steps=50, callback=lambda step, loss: seen.append(step))
    history = train(stack, examples(), **call)
    assert len(seen) == max(history.diverged_at) < 49
    assert np.all(np.isnan(history.loss[-1]))


# ---------------------------------------------------------------------- the size of gradients


def line(weight):
    """One weight and one bias."""
    return MLP(
        [1, 1],
        activation="identity",
        weight_init=init.constant(weight),
        rng=np.random.default_rng(0),
        dtype=np.float32,
    )


ZERO = SimpleNamespace(x_train=np.ones((8, 1)), y_train=np.zeros((8, 1)))


def test_a_loss_that_overflows_once_counts_as_divergence_even_if_the_next_step_would_mend_it():
    # x = 1, target 0: with this rate the first step leads to 0 from anywhere. The loss of the
    # first network overflows, its gradient doesn't.
    stack = MLP.stack([line(1e20), line(1.0)])
    call = settings(steps=4, batch_size=8, loss=mean_squared_error, record_gradients=True)
    history = train(stack, ZERO, **call | {"optimizer": SGD(0.25)})
    assert history.diverged_at == [0, None]
    np.testing.assert_array_equal(history.loss[:, 0], [np.inf, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(history.loss[:, 1], [1, 0, 0, 0], atol=1e-12)
    assert np.all(np.isnan(history.gradient_rms[:, 0, 0]))
    np.testing.assert_allclose(history.gradient_rms[:, 0, 1], [2, 0, 0, 0], atol=1e-12)
    assert [float(array[0].item()) for array in stack.parameters()] == [np.float32(1e20), 0]
    assert [float(array[1].item()) for array in stack.parameters()] == [0.5, -0.5]


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_gradients_whose_squares_no_single_precision_holds_are_noted_all_the_same(size):
    def plain(outputs, targets):
        return np.zeros(outputs.shape[:-2]), 2 * outputs / len(targets)

    call = settings(steps=1, batch_size=8, loss=plain, record_gradients=True)
    history = train(line(size), ZERO, **call)  # dL/dW is twice the weight
    np.testing.assert_allclose(history.gradient_rms, [[2 * size]], rtol=1e-5)


# --------------------------------------------------------------------------- what is refused

X, Y = examples().x_train, examples().y_train
BOTH, RNG = [network(), network(1)], np.random.default_rng(0)
ONE, STACK = BOTH[0], MLP.stack(BOTH)


def each(rngs):
    return {"rng": None, "rngs": rngs}


WRONG = [
    ({"y": np.where(np.arange(60) == 59, 7, Y)}, ValueError, "y_train holds 7, but 3 classes go"),
    ({"y": Y.astype(float)}, TypeError, "y_train has dtype float64, .*integer class numbers"),
    ({"y": np.eye(3, dtype=int)[Y]}, ValueError, r"y_train has shape \(60, 3\); .* argmax"),
    ({"y": Y[:-1]}, ValueError, r"y_train has shape \(59,\), but dataset.x_train has shape \(60"),
    ({"x": X[:, :3]}, ValueError, r"x_train has shape \(60, 3\); expected \(examples, 4"),
    ({"x": X[np.newaxis]}, ValueError, r"x_train has shape \(1, 60, 4\)"),
    ({"x": X[:0], "y": Y[:0]}, ValueError, r"x_train has shape \(0, 4\)"),
    ({"x": np.where(X > 2, np.nan, X)}, ValueError, "x_train holds NaN or infinite values"),
    ({"x": (X * 255).astype(np.uint8)}, TypeError, r"x_train has dtype uint8.*astype\(np\.float32"),
    ({"batch_size": 61}, ValueError, "batch_size=61 is larger than the data, 60 examples"),
    ({"steps": 0}, ValueError, "steps=0 must be a whole number of at least 1"),
    ({"optimizer": SGD}, TypeError, r"optimizer=.*SGD.* must be an optimizer, e\.g\. SGD"),
    ({"rng": 0}, TypeError, r"rng=0 must be a numpy\.random\.Generator"),
    ({"loss": "cross-entropy"}, TypeError, "loss='cross-entropy' must be a loss function"),
    ({"loss": mean_squared_error}, TypeError, "has dtype int64, but floats are needed"),
    ({"loss": mean_squared_error, "y": np.ones((60, 2))}, ValueError, r"shape \(\d+, 2\)"),
    ({"data": SimpleNamespace(x_train=X)}, TypeError, r"of type \w+, has no y_train; it must be"),
    ({"data": 5}, TypeError, "dataset, of type int, has no x_train; it must"),
]


@pytest.mark.parametrize(("wrong", "error", "message"), WRONG)
@pytest.mark.parametrize("door", [train, train_together])
@pytest.mark.usefixtures("no_step")
def test_what_does_not_fit_is_refused_by_name_before_a_step_is_taken(door, wrong, error, message):
    call = settings(**wrong)
    data = SimpleNamespace(x_train=call.pop("x", X), y_train=call.pop("y", Y))
    nets = [network(1), network(3, activation="relu")]
    with pytest.raises(error, match=message):
        door(nets if door is train_together else nets[0], call.pop("data", data), **call)


@pytest.mark.parametrize(
    ("door", "nets", "changed", "error", "message"),
    [
        (train, "MLP", {}, TypeError, "network='MLP' must be an MLP"),
        (train, ONE, {"callback": 3}, TypeError, "callback=3 must be a function of a step and a"),
        (train_together, ONE, {}, TypeError, r"networks=MLP.* must be a dict or a list"),
        (train_together, [ONE, 3], {}, TypeError, "network=3 must be an MLP"),
        (train_together, [], {}, ValueError, "networks is empty: there is nothing to train"),
        (train_together, {}, {}, ValueError, "networks is empty: there is nothing to train"),
        (train_together, [*BOTH, ONE], {}, ValueError, r"is there twice; train a \.copy\(\)"),
        (train_together, [STACK], {}, ValueError, r"2 x MLP.* already; hand over its \.unstack"),
        (
            train_together,
            [ONE, network(sizes=(5, 3))],
            {},
            ValueError,
            r"x_train .* expected \(examples, 5",
        ),
        (train_together, BOTH, {"rng": None}, TypeError, "needs either rng or rngs"),
        (train_together, BOTH, {"rngs": []}, TypeError, "needs either rng or rngs"),
        (train_together, BOTH, each(RNG), TypeError, "rngs=Generator.* must be a dict"),
        (train_together, BOTH, each([RNG, 1]), TypeError, r"rng=1 must be a numpy\.random"),
        (
            train_together,
            BOTH,
            each({"a": RNG, 1: RNG}),
            ValueError,
            r"rngs has entries \['a', 1\],",
        ),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
@pytest.mark.usefixtures("no_step")
def test_networks_and_generators_that_do_not_fit_are_refused(door, nets, changed, error, message):
    with pytest.raises(error, match=message):
        door(nets, examples(), **settings(**changed))


# ------------------------------------------------------------------------------------- history


@pytest.mark.parametrize("window", [1, 5, 136, 137, 200])
@pytest.mark.parametrize(
    "loss",
    [
        np.random.default_rng(0).uniform(0.1, 3, 137),
        np.random.default_rng(0).uniform(0.1, 3, (137, 3)),
        np.array([1e20] + [2.0] * 136),  # a huge one must not swallow the later ones
        np.array([*range(134), np.inf, np.nan, np.nan]),
    ],
    ids=["one", "a stack", "huge at first", "diverged"],
)
def test_means_are_those_over_the_last_steps(loss, window):
    history, before = History(loss, None), loss.tobytes()
    expected = [loss[max(0, k - window + 1) : k + 1].mean(axis=0) for k in range(137)]
    np.testing.assert_allclose(history.smoothed(window), expected, rtol=1e-12)
    assert history.smoothed(window).dtype == np.float64
    np.testing.assert_allclose(history.final_loss(window), expected[-1], rtol=1e-12)
    assert np.shape(history.final_loss(window)) == loss.shape[1:]
    np.testing.assert_array_equal(history.smoothed(), history.smoothed(50))
    np.testing.assert_array_equal(history.final_loss(), history.final_loss(100))
    assert loss.tobytes() == before
    for mean in (history.smoothed, history.final_loss):
        with pytest.raises(ValueError, match="=0 must be a whole number of at least 1"):
            mean(0)


def test_history_in_print():
    assert repr(History(np.ones(7), None)) == "History(7 steps)"
    assert repr(History(np.ones(7), 3)) == "History(7 steps, diverged_at=3)"
    assert repr(History(np.ones((7, 2)), [None, 3])) == "History(7 steps, diverged_at=[None, 3])"
    assert repr(History(np.ones((7, 2)), [None, None])) == "History(7 steps)"


# ------------------------------------------------------------------------------------ evaluate


def test_evaluate_in_single_precision_does_not_depend_on_the_batch_size():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((3000, 4)), rng.integers(3, size=3000)
    net = network(dtype=np.float32)
    found = [evaluate(net, x, y, batch_size=size).loss for size in (1, 3000)]
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_a_network_that_diverged_can_be_evaluated_and_what_is_not_a_number_is_wrong():
    net = diverging()
    assert train(net, examples(), **settings(steps=20)).diverged_at is not None
    assert not np.isfinite(evaluate(net, X, Y).loss)
    net.dense[-1].bias[...] = np.nan
    assert np.isnan(evaluate(net, X, Y).loss)
    assert evaluate(net, X, Y).accuracy == 0


@pytest.mark.parametrize(
    ("x", "y", "batch_size", "error", "message"),
    [
        (X, Y, 0, ValueError, "batch_size=0 must be a whole number of at least 1"),
        (X, Y + 1, 9, ValueError, "y holds 3, but 3 classes go from 0 to 2"),
        (X, Y[:-1], 9, ValueError, r"y has shape \(59,\), but x has shape \(60, 4\)"),
        (np.where(X > 2, np.nan, X), Y, 9, ValueError, "x holds NaN or infinite values"),
    ],
)
def test_evaluate_refuses_by_name(x, y, batch_size, error, message):
    with pytest.raises(error, match=message):
        evaluate(network(), x, y, batch_size=batch_size)


def test_training_computes_no_gradient_that_nobody_needs(monkeypatch):
    asked, plain = [], Dense.backward

    def noting(self, grad, *, input_grad=True):
        asked.append(input_grad)
        return plain(self, grad, input_grad=input_grad)

    monkeypatch.setattr(Dense, "backward", noting)
    train(network(), examples(), **settings(steps=1))
    assert asked == [True, True, False]


# ------------------------------------------------------------------ normalization and branches


class Exploding(SGD):
    """Makes the outputs of some networks of a stack infinite, each after one step."""

    def __init__(self, at):
        super().__init__(0.1)
        self.at, self.steps_taken = at, 0

    def step(self, parameters, gradients):
        super().step(parameters, gradients)
        for index, step in self.at.items():
            if step == self.steps_taken:
                parameters[-1][index] = np.inf  # the biases of the outputs
        self.steps_taken += 1


@each_room
def test_who_diverges_stays_as_it_was_and_the_others_go_on(room):
    call = {"record_gradients": True}
    stack, at = MLP.stack([built(room, seed) for seed in range(4)]), {1: 4, 3: 7}
    history = train(stack, examples(), **settings(optimizer=Exploding(at), **call))
    assert history.diverged_at == [None, 5, None, 8]
    for k, (net, steps) in enumerate(zip(stack.unstack(), [12, 5, 12, 8], strict=True)):
        call["optimizer"] = Exploding({...: at.get(k, 99)})
        alone, short = built(room, k), built(room, k)
        found = train(alone, examples(), **settings(**call))
        train(short, examples(), **settings(steps=steps, **call))
        assert found.diverged_at == history.diverged_at[k]
        for one in (found, history.of(k)):
            assert np.all(np.isfinite(one.loss[:steps]))
            assert np.all(np.isnan(one.loss[steps + 1 :]))
            assert np.all(np.isnan(one.gradient_rms[steps:]))
        np.testing.assert_allclose(history.of(k).loss, found.loss, rtol=1e-8)
        np.testing.assert_allclose(history.of(k).gradient_rms, found.gradient_rms, rtol=1e-7)
        assert contents(alone) == contents(short)
        assert_close(net, short, 1e-8)
        assert all(np.isfinite(array).all() for array in net.state()[len(net.parameters()) :])


@each_room
@pytest.mark.parametrize("stacked", [0, 1, 2])
def test_what_evaluate_finds_depends_on_no_batch_and_leaves_no_trace(room, stacked):
    net, data = built(room), examples()
    net = MLP.stack([net, built(room, 1)][:stacked]) if stacked else net
    train(net, data, **settings())
    before = contents(net), [id(value) for la in net.flat_layers for value in vars(la).values()]
    found = [evaluate(net, data.x_train, data.y_train, batch_size=k) for k in (1, 7, 1000)]
    after = contents(net), [id(value) for la in net.flat_layers for value in vars(la).values()]
    assert after == before
    logits = net.for_inference().forward(data.x_train)
    for other in found:
        np.testing.assert_allclose(other.loss, softmax_cross_entropy(logits, data.y_train)[0])
        right = (logits.argmax(axis=-1) == data.y_train).sum(axis=-1)
        np.testing.assert_array_equal(other.accuracy, right / 60)
        for value in other:
            assert np.shape(value) == ((stacked,) if stacked else ())
            assert stacked or isinstance(value, float)


# ------------------------------------------------------------------- a generator for each network


@pytest.mark.parametrize("shared", [True, False])
def test_each_generator_moves_on_as_by_the_longest_of_its_trainings_alone(shared):
    def make():
        return [diverging(), network(1, dtype=np.float32), diverging(3)]

    first, second = np.random.default_rng(3), np.random.default_rng(4)
    rngs = [first, first, second] if shared else [first, second, second]
    nets = make()
    whole = {"steps": 30, "batch_size": 60}  # the examples are shuffled before each step
    found = train_together(nets, examples(), **settings(**whole, rng=None, rngs=rngs))
    assert [history.diverged_at is None for history in found] == [False, True, False]
    longest = {}
    for net, other, rng, history in zip(make(), nets, rngs, found, strict=True):
        own = np.random.default_rng(3 if rng is first else 4)
        taken = 30 if history.diverged_at is None else history.diverged_at
        alone = train(net, examples(), **settings(**whole, rng=own))
        assert history.diverged_at == alone.diverged_at
        np.testing.assert_allclose(history.loss, alone.loss, rtol=1e-4)
        assert_close(other, net, 1e-4)
        if taken > longest.get(rng, (0, None))[0]:
            longest[rng] = taken, own.bit_generator.state
    for rng, (_, state) in longest.items():
        assert rng.bit_generator.state == state


def test_equal_generators_share_one_batch(monkeypatch):
    shapes, forward = [], MLP.forward

    def watched(self, x, *observe):
        shapes.append(np.shape(x))
        return forward(self, x, *observe)

    monkeypatch.setattr(MLP, "forward", watched)
    nets, rng = [network(1), network(2)], np.random.default_rng(0)
    with joblib.parallel_config(n_jobs=1):
        for rngs in ([rng, rng], rng.spawn(2)):
            train_together(nets, examples(), **settings(steps=1, rng=None, rngs=rngs))
    assert shapes == [(16, 4), (2, 16, 4)]


def test_a_history_of_a_stack_is_those_of_its_networks():
    history = History(
        np.array([[1.0, 2.0], [3.0, np.nan]]), [None, 1], np.arange(8.0).reshape(2, 2, 2)
    )
    first, second = history.of(0), history.of(1)
    assert first.loss.tolist() == [1.0, 3.0]
    for array in (first.loss, first.gradient_rms):
        assert array.flags.owndata  # a view would keep the whole stack alive
    assert (first.diverged_at, second.diverged_at) == (None, 1)
    assert second.gradient_rms.tolist() == [[1.0, 3.0], [5.0, 7.0]]
    assert History(np.ones((2, 1)), [None]).of(0).gradient_rms is None
    with pytest.raises(ValueError, match="of a single network"):
        first.of(0)
