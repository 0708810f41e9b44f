import gc
import math
import threading
import tracemalloc
from itertools import pairwise
from types import SimpleNamespace

import joblib
import numpy as np
import pytest

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


def settings(seed=3, **changed):
    base = {
        "optimizer": SGD(0.1),
        "steps": 12,
        "batch_size": 16,
        "rng": np.random.default_rng(seed),
    }
    return base | changed


def contents(*networks):
    return [array.tobytes() for net in networks for array in net.parameters()]


def assert_close(network, other, within=1e-12):
    for a, b in zip(network.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(a, b, rtol=within, atol=within)


# -------------------------------------------------------------- the published algorithm, by hand


def published(weights, biases, batches, learning_rate):
    """Affine, ReLU, ..., affine, softmax with cross-entropy; plain gradient descent."""
    losses = []
    for x, t in batches:
        h, masks, inputs = x, [], []
        for k, (w, b) in enumerate(zip(weights, biases, strict=True)):
            inputs.append(h)
            h = np.dot(h, w) + b
            if k < len(weights) - 1:
                masks.append(h <= 0)
                h = np.where(masks[-1], 0, h)
        h = h - h.max(axis=1).reshape(-1, 1)
        y = np.exp(h) / np.exp(h).sum(axis=1).reshape(-1, 1)
        losses.append(-np.log(y[np.arange(len(t)), t]).sum() / len(t))
        d = y.copy()
        d[np.arange(len(t)), t] -= 1
        d = d / len(t)
        for k in reversed(range(len(weights))):
            dw, db, below = np.dot(inputs[k].T, d), d.sum(axis=0), np.dot(d, weights[k].T)
            weights[k] = weights[k] - learning_rate * dw
            biases[k] = biases[k] - learning_rate * db
            if k > 0:
                below[masks[k - 1]] = 0
            d = below
    return np.array(losses)


def test_training_on_mnist_is_the_published_algorithm(mnist):
    net = MLP(
        [784, 100, 100, 100, 100, 10],
        activation=relu,
        weight_init=init.he_normal(),
        rng=np.random.default_rng(0),
    )
    weights = [layer.weight.copy() for layer in net.dense]
    biases = [layer.bias[0].copy() for layer in net.dense]
    order = np.random.default_rng(1).permutation(60000)
    rows = [order[128 * k : 128 * (k + 1)] for k in range(200)]
    batches = ((mnist.x_train[row].astype(np.float64), mnist.y_train[row]) for row in rows)
    expected = published(weights, biases, batches, 0.01)

    history = train(
        net, mnist, optimizer=SGD(0.01), steps=200, batch_size=128, rng=np.random.default_rng(1)
    )
    np.testing.assert_allclose(history.loss, expected, rtol=0, atol=1e-9)
    for layer, w, b in zip(net.dense, weights, biases, strict=True):
        np.testing.assert_allclose(layer.weight, w, rtol=0, atol=1e-9)
        np.testing.assert_allclose(layer.bias[0], b, rtol=0, atol=1e-9)
    assert expected[-20:].mean() < 1.2 < 2.0 < expected[0]  # and it did learn


# --------------------------------------------------------------------------------- one network


def test_a_step_is_forward_loss_backward_step_on_the_next_minibatch():
    data, by_hand, net = examples(), network(), network()
    history = train(net, data, **settings(steps=5))
    batches = minibatches(
        data.x_train, data.y_train, batch_size=16, steps=5, rng=np.random.default_rng(3)
    )
    for step, (x, y) in enumerate(batches):
        loss, gradient = softmax_cross_entropy(by_hand.forward(x), y)
        assert history.loss[step] == loss
        by_hand.backward(gradient)
        for parameter, slope in zip(by_hand.parameters(), by_hand.gradients(), strict=True):
            parameter -= 0.1 * slope
    assert contents(net) == contents(by_hand)
    assert history.loss.shape == (5,)
    assert history.diverged_at is None


def test_parameters_are_changed_in_place():
    net = network()
    arrays = net.parameters()
    train(net, examples(), **settings())
    assert all(a is b for a, b in zip(net.parameters(), arrays, strict=True))


def test_training_learns_to_tell_clouds_apart():
    net, data = network(), examples()
    history = train(net, data, **settings(steps=200))
    assert history.final_loss(20) < 0.1 * history.loss[0]
    assert evaluate(net, data.x_test, data.y_test).accuracy > 0.95


@pytest.mark.parametrize("optimizer", [SGD(0.05), SGD(0.05, 0.9), Adam(0.02)], ids=repr)
def test_training_fits_a_regression_target(optimizer):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((80, 4))
    data = SimpleNamespace(x_train=x, y_train=np.stack([np.sin(x[:, 0]), x[:, 1] * 0.3], axis=1))
    net = network(sizes=(4, 20, 2))
    history = train(net, data, **settings(optimizer=optimizer, steps=300, loss=mean_squared_error))
    assert history.final_loss(20) < 0.2 * history.loss[0]
    found = np.mean((net.forward(x) - data.y_train) ** 2)
    assert found == pytest.approx(history.final_loss(20), rel=0.5)


def test_same_seed_same_bits_and_another_seed_other_minibatches():
    runs = []
    for seed in (3, 3, 4):
        net = network(dtype=np.float32)
        runs.append((train(net, examples(), **settings(seed)).loss.tobytes(), contents(net)))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.parametrize("make", [lambda: SGD(0.1, 0.9), lambda: Adam(0.01)])
def test_the_optimizer_handed_over_is_copied_and_starts_anew(make):
    optimizer = make()
    before = vars(optimizer).copy()
    first = train(network(), examples(), **settings(optimizer=optimizer)).loss
    assert vars(optimizer) == before
    again = train(network(), examples(), **settings(optimizer=optimizer)).loss
    assert first.tobytes() == again.tobytes()
    train_together([network(), network(1)], examples(), **settings(optimizer=optimizer))
    assert vars(optimizer) == before


@pytest.mark.parametrize("optimizer", [SGD(0.1, 0.9), Adam(0.01)], ids=repr)
def test_an_optimizer_in_use_elsewhere_is_not_disturbed(optimizer):
    elsewhere = network()
    optimizer.step(elsewhere.parameters(), [np.ones_like(p) for p in elsewhere.parameters()])
    state = [a for value in vars(optimizer).values() if isinstance(value, list) for a in value]
    before = [array.tobytes() for array in state]
    assert before
    train(network(), examples(), **settings(optimizer=optimizer))
    assert [array.tobytes() for array in state] == before


def test_single_precision_stays_single_and_follows_double():
    single, double = network(dtype=np.float32), network()
    histories = [train(net, examples(), **settings()) for net in (single, double)]
    np.testing.assert_allclose(histories[0].loss, histories[1].loss, rtol=1e-4)
    assert {array.dtype for array in single.parameters()} == {np.dtype(np.float32)}


def test_the_callback_hears_of_each_step_and_its_loss():
    seen = []
    call = settings(callback=lambda step, loss: seen.append((step, float(loss))))
    history = train(network(), examples(), **call)
    assert seen == list(enumerate(history.loss))


def test_a_callback_ends_a_training_by_raising_and_not_by_what_it_returns():
    def stop(step, loss):
        if step == 4:
            raise training.StopTraining

    told, stopped, short = network(), network(), network()
    whole = train(told, examples(), **settings(callback=lambda step, loss: True))
    assert len(whole.loss) == 12
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


def test_inputs_and_answers_are_only_read():
    data = examples()
    before = data.x_train.tobytes(), data.y_train.tobytes()
    train(network(), data, **settings())
    train_together([network(), network(1)], data, **settings())
    evaluate(network(), data.x_train, data.y_train)
    assert (data.x_train.tobytes(), data.y_train.tobytes()) == before


# -------------------------------------------------------------------------------- many networks

OPTIMIZERS = [SGD(0.1), SGD(0.1, 0.9), Adam(0.02)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_stack_trains_like_its_networks_alone(optimizer):
    alone = [network(seed) for seed in (1, 2, 3)]
    stack = MLP.stack(alone)
    found = train(stack, examples(), **settings(optimizer=optimizer))
    assert found.loss.shape == (12, 3)
    assert found.diverged_at == [None, None, None]
    for k, (net, trained) in enumerate(zip(alone, stack.unstack(), strict=True)):
        own = train(net, examples(), **settings(optimizer=optimizer))
        np.testing.assert_allclose(found.loss[:, k], own.loss, rtol=1e-12)
        assert_close(trained, net)


def mixed():
    return {
        "small": network(1),
        "relu": network(2, activation="relu"),
        "wide": network(3, sizes=(4, 9, 5, 3)),
        "large": network(4, std=1.2),
        "relu again": network(5, activation="relu"),
    }


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_training_together_is_training_alone(optimizer):
    together, alone = mixed(), mixed()
    rng = np.random.default_rng(3)
    found = train_together(together, examples(), **settings(rng=rng, optimizer=optimizer))
    assert list(found) == list(together)
    for name, net in alone.items():
        own_rng = np.random.default_rng(3)
        own = train(net, examples(), **settings(rng=own_rng, optimizer=optimizer))
        assert isinstance(found[name], History)
        assert found[name].loss.shape == (12,)
        assert found[name].diverged_at is None
        np.testing.assert_allclose(found[name].loss, own.loss, rtol=1e-12)
        assert_close(together[name], net)
        assert rng.bit_generator.state == own_rng.bit_generator.state
    assert len({history.loss.tobytes() for history in found.values()}) == 5


def test_training_together_uses_the_loss_it_is_told():
    data = SimpleNamespace(x_train=X, y_train=np.sin(X[:, :3]))
    call = {"loss": mean_squared_error}
    together, alone = ([network(1), network(2, activation="relu")] for _ in range(2))
    found = train_together(together, data, **settings(**call))
    for k, net in enumerate(alone):
        own = train(net, data, **settings(**call))
        np.testing.assert_allclose(found[k].loss, own.loss, rtol=1e-12)
        assert_close(together[k], net)


def test_a_list_gives_a_list_in_its_order():
    named, listed = mixed(), list(mixed().values())
    by_name = train_together(named, examples(), **settings())
    in_order = train_together(listed, examples(), **settings())
    assert isinstance(in_order, list)
    for history, expected in zip(in_order, by_name.values(), strict=True):
        np.testing.assert_array_equal(history.loss, expected.loss)
    assert contents(*listed) == contents(*named.values())


def test_one_network_may_train_together_with_none():
    found = train_together([network()], examples(), **settings())
    own = network()
    np.testing.assert_allclose(found[0].loss, train(own, examples(), **settings()).loss, rtol=1e-12)


def test_the_networks_arrays_are_changed_in_place_and_their_histories_are_their_own():
    nets = [network(1), network(2)]
    arrays = [net.parameters() for net in nets]
    histories = train_together(nets, examples(), **settings())
    for net, before in zip(nets, arrays, strict=True):
        assert all(a is b for a, b in zip(net.parameters(), before, strict=True))
    kept = histories[1].loss.copy()
    histories[0].loss[:] = 0
    np.testing.assert_array_equal(histories[1].loss, kept)


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


def crowd(count=40):
    """More than fit into one stack, and two architectures in turn."""
    return [network(seed, activation="relu" if seed % 3 == 0 else "tanh") for seed in range(count)]


@pytest.fixture(scope="module")
def crowd_alone():
    """Each trained alone: histories, networks and the generator afterwards."""
    nets, rng = crowd(), np.random.default_rng(3)
    histories = [train(net, examples(), **settings()) for net in nets]
    train(network(), examples(), **settings(rng=rng))
    return histories, nets, rng.bit_generator.state


@pytest.mark.parametrize(
    "workers",
    [{}, {"n_jobs": 1}, {"n_jobs": 3}, {"backend": "loky", "n_jobs": 2}],
    ids=["default", "one", "three", "processes"],
)
def test_results_depend_neither_on_the_workers_nor_on_the_grouping(workers, crowd_alone):
    histories, alone, state = crowd_alone
    nets, rng = crowd(), np.random.default_rng(3)
    with joblib.parallel_config(**workers):
        found = train_together(nets, examples(), **settings(rng=rng, record_gradients=True))
    for history, own, net, other in zip(found, histories, nets, alone, strict=True):
        np.testing.assert_allclose(history.loss, own.loss, rtol=1e-12, atol=1e-12)
        assert history.gradient_rms.shape == (12, 3)
        assert_close(net, other)
    assert rng.bit_generator.state == state


class Watched(SGD):
    """Tells which threads take its steps, and may be made to fail or to wait."""

    threads, before = set(), None

    def reset_copy(self):
        return type(self)(self.learning_rate)

    def step(self, parameters, gradients):
        Watched.threads.add(threading.get_ident())
        if self.before is not None:
            self.before()
        super().step(parameters, gradients)


class Failing(SGD):
    """Fails at its third step."""

    taken = 0

    def reset_copy(self):
        return Failing(self.learning_rate)

    def step(self, parameters, gradients):
        self.taken += 1
        if self.taken == 3:
            raise KeyError("enough")
        super().step(parameters, gradients)


def test_workers_are_as_many_as_joblib_is_told(monkeypatch):
    def threads_of(nets, **config):
        monkeypatch.setattr(Watched, "threads", set())
        with joblib.parallel_config(**config):
            train_together(nets, examples(), **settings(optimizer=Watched(0.1)))
        return Watched.threads

    assert len(threads_of(crowd(8), n_jobs=1)) == 1
    # Two stacks that wait for each other at each step: only two workers get through.
    both_are_in = threading.Barrier(2)
    monkeypatch.setattr(Watched, "before", lambda self: both_are_in.wait(60))
    assert len(threads_of([network(1), network(2)], n_jobs=2)) == 2


@pytest.mark.parametrize("where", [{}, {"backend": "loky", "n_jobs": 2}], ids=["threads", "others"])
def test_an_error_on_the_way_changes_nothing(where):
    nets, rng = crowd(20), np.random.default_rng(3)
    before, state = contents(*nets), rng.bit_generator.state
    with joblib.parallel_config(**where), pytest.raises(KeyError, match="enough"):
        train_together(nets, examples(), **settings(rng=rng, optimizer=Failing(0.1)))
    assert contents(*nets) == before
    assert rng.bit_generator.state == state


def test_the_generator_moves_on_as_by_the_longest_training_whoever_diverges():
    nets = [diverging(), *(network(seed, dtype=np.float32) for seed in (1, 2)), diverging(3)]
    rng, own_rng = np.random.default_rng(3), np.random.default_rng(3)
    call = {"steps": 30, "optimizer": SGD(0.1)}
    found = train_together(nets, examples(), **settings(rng=rng, **call))
    train(network(1, dtype=np.float32), examples(), **settings(rng=own_rng, **call))
    assert [history.diverged_at is None for history in found] == [False, True, True, False]
    assert rng.bit_generator.state == own_rng.bit_generator.state


def test_a_bar_is_shown_where_it_is_asked_for_and_one_for_all(capsys):
    train_together(mixed(), examples(), **settings())
    train_together(mixed(), examples(), **settings(progress=False))
    assert capsys.readouterr() == ("", "")
    train_together(mixed(), examples(), **settings(progress=True))
    shown = capsys.readouterr()
    assert "training" in shown.out
    assert "left" in shown.out
    assert shown.err == ""


@pytest.mark.parametrize(
    ("sizes", "crew"),
    [([1], 2), ([3], 2), ([15], 2), ([40, 7], 2), ([5] * 20, 2), ([100], 3), ([33, 1, 2], 4)],
    ids=str,
)
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
    if len(groups) == 1 and sizes[0] >= crew:
        # No worker has more networks to train than another, but for the ones that are left over.
        shares = [0] * crew
        for stack in sorted(stacks, key=len, reverse=True):
            shares[shares.index(min(shares))] += len(stack)
        assert max(shares) - min(shares) <= -(-len(stacks) // crew)


def test_many_small_groups_are_not_cut_up():
    with joblib.parallel_config(n_jobs=2):
        stacks = make_stacks(
            [[4 * k + i for i in range(4)] for k in range(8)], cost=lambda place: 1
        )
    assert sorted(stacks) == [[4 * k + i for i in range(4)] for k in range(8)]


def test_the_cost_of_a_step_counts_weights_and_neurons():
    assert step_cost([3, 5]) == 5 * (3 + 40)
    assert step_cost([784, 100, 10]) == 100 * 824 + 10 * 140


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


@pytest.mark.parametrize("std", [3.0, 10.0])
@pytest.mark.parametrize("optimizer", [SGD(0.1), SGD(0.1, 0.9)], ids=repr)
def test_a_training_that_diverges_stops_and_says_where(optimizer, std):
    net = diverging(std=std)
    history = train(net, examples(), **settings(steps=20, optimizer=optimizer))
    at = history.diverged_at
    assert isinstance(at, int)
    assert 0 < at < 19
    assert np.all(np.isfinite(history.loss[:at]))
    assert not np.isfinite(history.loss[at])
    assert np.all(np.isnan(history.loss[at + 1 :]))
    assert history.loss.shape == (20,)
    stopped = diverging(std=std)
    train(stopped, examples(), **settings(steps=at, optimizer=optimizer))
    assert contents(net) == contents(stopped)
    assert f"diverged_at={at}" in repr(history)


def test_a_loss_that_is_not_finite_at_once_leaves_the_network_untouched():
    net = network()
    net.dense[0].weight[0, 0] = np.nan
    before, seen = contents(net), []
    call = settings(callback=lambda step, loss: seen.append(step))
    history = train(net, examples(), **call)
    assert history.diverged_at == 0
    assert np.all(np.isnan(history.loss))
    assert contents(net) == before
    assert seen == []


def test_in_a_stack_the_others_go_on_and_the_diverged_stay_as_they_were():
    stds = [0.3, 10.0, 3.0, 0.5]
    stack = MLP.stack([diverging(k, std) for k, std in enumerate(stds)])
    history = train(stack, examples(), **settings(steps=20))
    at = history.diverged_at
    assert [step is None for step in at] == [True, False, False, True]
    assert at[1] != at[2]
    for k, net in enumerate(stack.unstack()):
        own = diverging(k, stds[k])
        alone = train(own, examples(), **settings(steps=20))
        assert alone.diverged_at == at[k]
        np.testing.assert_allclose(history.loss[:, k], alone.loss, rtol=1e-4)
        for a, b in zip(net.parameters(), own.parameters(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert np.all(np.isfinite(history.loss[:, [0, 3]]))


def test_a_loss_that_overflows_once_counts_as_divergence_even_if_the_next_step_would_mend_it():
    # One weight, one bias, target 0: with this rate the first step leads to 0 from anywhere.
    def line(weight):
        net = MLP(
            [1, 1],
            activation="identity",
            weight_init=init.constant(weight),
            rng=np.random.default_rng(0),
            dtype=np.float32,
        )
        return net

    ones = np.ones((8, 1))
    data = SimpleNamespace(x_train=ones, y_train=0 * ones)
    stack = MLP.stack([line(1e20), line(1.0)])
    call = {"optimizer": SGD(0.25), "steps": 4, "batch_size": 8, "loss": mean_squared_error}
    history = train(stack, data, rng=np.random.default_rng(0), **call)
    assert history.diverged_at == [0, None]
    np.testing.assert_array_equal(history.loss[:, 0], [np.inf, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(history.loss[:, 1], [1, 0, 0, 0], atol=1e-12)
    assert [float(array[0].item()) for array in stack.parameters()] == [np.float32(1e20), 0]
    assert [float(array[1].item()) for array in stack.parameters()] == [0.5, -0.5]


def test_one_that_diverges_changes_nothing_for_its_neighbours():
    def run(middle_std):
        nets = [diverging(0, 0.3), diverging(1, middle_std), diverging(2, 0.5)]
        return nets, train_together(nets, examples(), **settings(steps=20))

    nets, found = run(10.0)
    calm, expected = run(0.4)
    assert found[1].diverged_at is not None
    assert expected[1].diverged_at is None
    for k in (0, 2):
        assert found[k].diverged_at is None
        assert found[k].loss.tobytes() == expected[k].loss.tobytes()
        assert contents(nets[k]) == contents(calm[k])
    assert np.isnan(found[1].loss[-1])
    assert all(np.all(np.isfinite(array)) for array in nets[1].parameters())


def test_a_stack_of_which_all_diverge_stops():
    seen = []
    stack = MLP.stack([diverging(k, 10.0) for k in range(3)])
    call = settings(steps=50, callback=lambda step, loss: seen.append(step))
    history = train(stack, examples(), **call)
    assert len(seen) == max(history.diverged_at) < 49
    assert np.all(np.isnan(history.loss[-1]))


# ---------------------------------------------------------------------- the size of gradients


def rms_by_hand(net, batches, learning_rate):
    """The RMS of dL/dW of a network with tanh, step by step and layer by layer."""
    weights = [layer.weight.copy() for layer in net.dense]
    biases = [layer.bias.copy() for layer in net.dense]
    rows = []
    for x, labels in batches:
        inputs = [x]
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            inputs.append(np.tanh(inputs[-1] @ w + b))
        d = np.exp(inputs[-1] @ weights[-1] + biases[-1])
        d /= d.sum(axis=1, keepdims=True)
        d[np.arange(len(labels)), labels] -= 1
        d /= len(labels)
        row = []
        for k in reversed(range(len(weights))):
            slope = inputs[k].T @ d
            row.append(math.sqrt(sum(value**2 for value in slope.ravel()) / slope.size))
            below = (d @ weights[k].T) * (1 - inputs[k] ** 2)
            weights[k] = weights[k] - learning_rate * slope
            biases[k] = biases[k] - learning_rate * d.sum(axis=0, keepdims=True)
            d = below
        rows.append(row[::-1])
    return np.array(rows)


def test_the_noted_gradients_are_those_of_the_update_they_precede():
    data = examples()
    history = train(network(), data, **settings(steps=5, record_gradients=True))
    batches = minibatches(
        data.x_train, data.y_train, batch_size=16, steps=5, rng=np.random.default_rng(3)
    )
    expected = rms_by_hand(network(), batches, 0.1)
    assert history.gradient_rms.shape == (5, 3)
    np.testing.assert_allclose(history.gradient_rms, expected, rtol=1e-10)


def test_gradients_are_noted_only_when_asked_for():
    assert History(np.ones(3), None).gradient_rms is None
    assert train(network(), examples(), **settings()).gradient_rms is None
    for history in train_together(mixed(), examples(), **settings()).values():
        assert history.gradient_rms is None


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_noting_gradients_changes_nothing_else(optimizer):
    quiet, noted = network(dtype=np.float32), network(dtype=np.float32)
    expected = train(quiet, examples(), **settings(optimizer=optimizer))
    found = train(noted, examples(), **settings(optimizer=optimizer, record_gradients=True))
    assert found.loss.tobytes() == expected.loss.tobytes()
    assert contents(noted) == contents(quiet)
    quiet, noted = mixed(), mixed()
    expected = train_together(quiet, examples(), **settings(optimizer=optimizer))
    found = train_together(
        noted, examples(), **settings(optimizer=optimizer, record_gradients=True)
    )
    for name, history in found.items():
        assert history.loss.tobytes() == expected[name].loss.tobytes()
    assert contents(*noted.values()) == contents(*quiet.values())


def test_a_stack_notes_the_gradients_of_each_of_its_networks():
    alone = [network(seed) for seed in (1, 2, 3, 4)]
    found = train(MLP.stack(alone), examples(), **settings(record_gradients=True)).gradient_rms
    assert found.shape == (12, 3, 4)
    for k, net in enumerate(alone):
        own = train(net, examples(), **settings(record_gradients=True)).gradient_rms
        np.testing.assert_allclose(found[:, :, k], own, rtol=1e-10)


def test_training_together_notes_what_training_alone_notes():
    together = mixed() | {"deep": network(6, sizes=(4, 5, 5, 5, 3))}
    alone = mixed() | {"deep": network(6, sizes=(4, 5, 5, 5, 3))}
    found = train_together(together, examples(), **settings(record_gradients=True))
    for name, net in alone.items():
        own = train(net, examples(), **settings(record_gradients=True))
        assert found[name].gradient_rms.shape == (12, len(net.dense))
        np.testing.assert_allclose(found[name].gradient_rms, own.gradient_rms, rtol=1e-10)


def test_the_gradients_noted_of_several_networks_are_their_own():
    histories = train_together(
        [network(1), network(2)], examples(), **settings(record_gradients=True)
    )
    kept = histories[1].gradient_rms.copy()
    histories[0].gradient_rms[:] = 0
    np.testing.assert_array_equal(histories[1].gradient_rms, kept)
    assert all(history.gradient_rms.flags.owndata for history in histories)


def test_no_gradients_are_noted_for_steps_not_taken():
    history = train(diverging(), examples(), **settings(steps=20, record_gradients=True))
    at = history.diverged_at
    assert 0 < at < 19
    assert history.gradient_rms.shape == (20, 5)
    assert np.all(np.isfinite(history.gradient_rms[:at]))
    assert np.all(history.gradient_rms[:at] > 0)
    assert np.all(np.isnan(history.gradient_rms[at:]))


def test_in_a_stack_gradients_are_noted_until_each_diverges():
    stds = [0.3, 10.0, 3.0, 0.5]
    nets = [diverging(k, std) for k, std in enumerate(stds)]
    stack = MLP.stack(nets)
    history = train(stack, examples(), **settings(steps=20, record_gradients=True))
    assert [step is None for step in history.diverged_at] == [True, False, False, True]
    assert history.diverged_at[1] != history.diverged_at[2]
    together = train_together(nets, examples(), **settings(steps=20, record_gradients=True))
    for k, std in enumerate(stds):
        own = train(diverging(k, std), examples(), **settings(steps=20, record_gradients=True))
        until = own.diverged_at if own.diverged_at is not None else 20
        for found in (history.gradient_rms[:, :, k], together[k].gradient_rms):
            np.testing.assert_allclose(found[:until], own.gradient_rms[:until], rtol=0.01)
            assert np.all(np.isnan(found[until:]))


def test_after_divergence_no_gradient_is_noted_even_if_it_is_finite():
    # One weight, one bias, target 0: the loss of the first overflows, its gradient doesn't.
    nets = [
        MLP(
            [1, 1],
            activation="identity",
            weight_init=init.constant(weight),
            rng=np.random.default_rng(0),
            dtype=np.float32,
        )
        for weight in (1e20, 1.0)
    ]
    ones = np.ones((8, 1))
    data = SimpleNamespace(x_train=ones, y_train=0 * ones)
    call = settings(steps=4, batch_size=8, loss=mean_squared_error, record_gradients=True)
    history = train(MLP.stack(nets), data, **call)
    assert history.diverged_at == [0, None]
    assert np.all(np.isnan(history.gradient_rms[:, 0, 0]))
    # Each step of 0.1 leaves 0.6 of what is to be corrected.
    np.testing.assert_allclose(history.gradient_rms[:, 0, 1], 2 * 0.6 ** np.arange(4), rtol=1e-6)


def test_a_network_that_starts_diverged_has_no_gradients():
    net = network()
    net.dense[0].weight[0, 0] = np.nan
    history = train(net, examples(), **settings(record_gradients=True))
    assert history.gradient_rms.shape == (12, 3)
    assert np.all(np.isnan(history.gradient_rms))


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_gradients_whose_squares_no_single_precision_holds_are_noted_all_the_same(size):
    # One weight, x = 1, target 0: dL/dW is twice the weight.
    net = MLP(
        [1, 1],
        activation="identity",
        weight_init=init.constant(size),
        rng=np.random.default_rng(0),
        dtype=np.float32,
    )
    ones = np.ones((8, 1), np.float32)

    def plain(outputs, targets):
        return np.zeros(outputs.shape[:-2]), 2 * outputs / len(targets)

    history = train(
        net,
        SimpleNamespace(x_train=ones, y_train=0 * ones),
        **settings(steps=1, batch_size=8, loss=plain, record_gradients=True),
    )
    np.testing.assert_allclose(history.gradient_rms, [[2 * size]], rtol=1e-5)


# --------------------------------------------------------------------------- what is refused

X = examples().x_train
Y = examples().y_train


def with_one(value):
    x = X.copy()
    x[5, 2] = value
    return x


WRONG = [
    ({"y": np.where(np.arange(60) == 59, 7, Y)}, ValueError, "y_train holds 7, but 3 classes go"),
    ({"y": np.where(np.arange(60) == 59, -1, Y)}, ValueError, "y_train holds -1, .*from 0 to 2"),
    ({"y": Y.astype(float)}, TypeError, "y_train has dtype float64, .*integer class numbers"),
    ({"y": np.eye(3, dtype=int)[Y]}, ValueError, r"y_train has shape \(60, 3\); expected \(60,\)"),
    (
        {"y": Y[:-1]},
        ValueError,
        r"y_train has shape \(59,\), but dataset.x_train has shape \(60, 4",
    ),
    (
        {"x": X[:, :3]},
        ValueError,
        r"x_train has shape \(60, 3\), but sizes \[4, .* take \(examples, 4\)",
    ),
    ({"x": X[np.newaxis]}, ValueError, r"x_train has shape \(1, 60, 4\)"),
    ({"x": X[:0], "y": Y[:0]}, ValueError, r"x_train has shape \(0, 4\)"),
    ({"x": with_one(np.nan)}, ValueError, "x_train holds NaN or infinite values"),
    ({"x": with_one(np.inf)}, ValueError, "x_train holds NaN or infinite values"),
    ({"x": (X * 255).astype(np.uint8)}, TypeError, r"x_train has dtype uint8.*astype\(np\.float32"),
    ({"batch_size": 61}, ValueError, "batch_size=61 is larger than the data: .* 60 examples"),
    ({"batch_size": 0}, ValueError, "batch_size=0 must be a whole number of at least 1"),
    ({"steps": 0}, ValueError, "steps=0 must be a whole number of at least 1"),
    ({"steps": 2.5}, TypeError, r"steps=2\.5 must be a whole number"),
    ({"optimizer": 0.01}, TypeError, r"optimizer=0\.01 must be an optimizer, e\.g\. SGD"),
    ({"optimizer": SGD}, TypeError, r"optimizer=.*SGD.* must be an optimizer, e\.g\. SGD"),
    ({"rng": 0}, TypeError, r"rng=0 must be a numpy\.random\.Generator"),
    ({"loss": "cross-entropy"}, TypeError, "loss='cross-entropy' must be a loss function"),
    ({"loss": mean_squared_error}, TypeError, "has dtype int64, but floats are needed"),
    ({"loss": mean_squared_error, "y": np.ones((60, 2))}, ValueError, r"shape \(\d+, 2\)"),
]


def wrong_call(wrong):
    data = SimpleNamespace(x_train=wrong.get("x", X), y_train=wrong.get("y", Y))
    rest = {name: value for name, value in wrong.items() if name not in "xy"}
    return data, settings(**rest)


@pytest.mark.parametrize(("wrong", "error", "message"), WRONG)
def test_train_refuses_by_name_and_changes_nothing(wrong, error, message):
    net = network()
    before = contents(net)
    data, call = wrong_call(wrong)
    with pytest.raises(error, match=message):
        train(net, data, **call)
    assert contents(net) == before


@pytest.mark.parametrize(("wrong", "error", "message"), WRONG)
def test_train_together_refuses_by_name_and_changes_nothing(wrong, error, message):
    nets = [network(1), network(2), network(3, activation="relu")]
    before = contents(*nets)
    data, call = wrong_call(wrong)
    with pytest.raises(error, match=message):
        train_together(nets, data, **call)
    assert contents(*nets) == before


def test_train_together_looks_at_all_networks_before_it_trains_one():
    fits, misfit = network(1), network(2, sizes=(5, 3))
    before = contents(fits)
    with pytest.raises(ValueError, match=r"x_train has shape \(60, 4\), but sizes \[5, 3"):
        train_together([fits, misfit], examples(), **settings())
    assert contents(fits) == before


def test_train_together_looks_at_all_regression_targets_before_it_trains_one():
    fits, misfit = network(1, sizes=(4, 2)), network(2, sizes=(4, 3))
    before = contents(fits)
    data = SimpleNamespace(x_train=X, y_train=X[:, :2])
    with pytest.raises(ValueError, match="shape"):
        train_together([fits, misfit], data, **settings(loss=mean_squared_error))
    assert contents(fits) == before


def test_the_same_network_twice_a_stack_and_nothing_are_refused():
    net, stack = network(), MLP.stack([network(), network(1)])
    before = contents(net, stack)
    with pytest.raises(ValueError, match=r"the same network is there twice; train a \.copy\(\)"):
        train_together([net, network(1), net], examples(), **settings())
    with pytest.raises(ValueError, match=r"2 x MLP.* is a stack already; hand over its \.unstack"):
        train_together([net, stack], examples(), **settings())
    with pytest.raises(ValueError, match="networks is empty: there is nothing to train"):
        train_together([], examples(), **settings())
    with pytest.raises(ValueError, match="networks is empty: there is nothing to train"):
        train_together({}, examples(), **settings())
    assert contents(net, stack) == before


def test_what_is_no_network_and_no_dataset_is_refused():
    with pytest.raises(TypeError, match="network='MLP' must be an MLP"):
        train("MLP", examples(), **settings())
    with pytest.raises(TypeError, match=r"networks=MLP.* must be a dict or a list"):
        train_together(network(), examples(), **settings())
    with pytest.raises(TypeError, match="network=3 must be an MLP"):
        train_together([network(), 3], examples(), **settings())
    with pytest.raises(
        TypeError, match=r"dataset, of type \w+, has no y_train; it must be a Dataset"
    ):
        train(network(), SimpleNamespace(x_train=X), **settings())
    with pytest.raises(TypeError, match="dataset, of type int, has no x_train; it must"):
        train(network(), 5, **settings())


# ------------------------------------------------------------------------------------- history


@pytest.mark.parametrize("shape", [(37,), (37, 3)])
@pytest.mark.parametrize("window", [1, 5, 36, 37, 200])
def test_smoothed_is_the_mean_over_the_last_window(shape, window):
    loss = np.random.default_rng(0).uniform(0.1, 3, shape)
    before = loss.tobytes()
    found = History(loss, None).smoothed(window)
    expected = [loss[max(0, k - window + 1) : k + 1].mean(axis=0) for k in range(37)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert loss.tobytes() == before


def test_smoothed_averages_fifty_and_final_a_hundred_unless_told_otherwise():
    history = History(np.arange(300.0), None)
    assert history.smoothed()[-1] == pytest.approx(np.arange(250, 300).mean())
    assert history.final_loss() == pytest.approx(np.arange(200, 300).mean())


@pytest.mark.parametrize("last", [1, 10, 37, 100])
def test_final_loss_is_the_mean_over_the_last_steps(last):
    loss = np.random.default_rng(0).uniform(0.1, 3, (37, 2))
    np.testing.assert_allclose(History(loss, None).final_loss(last), loss[-last:].mean(axis=0))
    assert np.ndim(History(loss[:, 0], None).final_loss(last)) == 0


def test_a_diverged_history_is_smooth_before_and_nan_after():
    loss = np.array([1.0, 2.0, 3.0, np.inf, np.nan, np.nan])
    history = History(loss, 3)
    np.testing.assert_allclose(history.smoothed(2)[:3], [1, 1.5, 2.5])
    assert not np.any(np.isfinite(history.smoothed(2)[3:]))
    assert np.isnan(history.final_loss(2))


def test_a_huge_first_loss_does_not_swallow_the_later_ones():
    loss = np.array([1e20] + [2.0] * 99)
    np.testing.assert_allclose(History(loss, None).smoothed(10)[10:], 2.0, rtol=1e-9)


def test_history_in_print():
    assert repr(History(np.ones(7), None)) == "History(7 steps)"
    assert repr(History(np.ones(7), 3)) == "History(7 steps, diverged_at=3)"
    assert repr(History(np.ones((7, 2)), [None, 3])) == "History(7 steps, diverged_at=[None, 3])"
    assert repr(History(np.ones((7, 2)), [None, None])) == "History(7 steps)"


@pytest.mark.parametrize("method", ["smoothed", "final_loss"])
def test_windows_are_whole_numbers_of_at_least_one(method):
    history = History(np.ones(7), None)
    with pytest.raises(ValueError, match="=0 must be a whole number of at least 1"):
        getattr(history, method)(0)
    with pytest.raises(TypeError, match=r"=2\.0 must be a whole number"):
        getattr(history, method)(2.0)


# ------------------------------------------------------------------------------------ evaluate


@pytest.mark.parametrize("batch_size", [1, 7, 60, 1000])
def test_evaluate_is_the_mean_over_all_examples(batch_size):
    net = network()
    losses, right = [], 0
    for x, label in zip(X, Y, strict=True):
        logits = [float(value) for value in net.copy().forward(x[np.newaxis])[0]]
        total = math.log(sum(math.exp(value) for value in logits))
        losses.append(total - logits[label])
        right += max(range(3), key=logits.__getitem__) == label
    found = evaluate(net, X, Y, batch_size=batch_size)
    assert found.loss == pytest.approx(sum(losses) / 60, rel=1e-12)
    assert found.accuracy == right / 60
    assert 0 < right < 60
    assert np.ndim(found.loss) == np.ndim(found.accuracy) == 0


def test_evaluate_of_a_stack_is_that_of_its_networks():
    alone = [network(seed) for seed in (1, 2, 3)]
    found = evaluate(MLP.stack(alone), X, Y, batch_size=7)
    assert found.loss.shape == found.accuracy.shape == (3,)
    for k, net in enumerate(alone):
        own = evaluate(net, X, Y)
        assert found.loss[k] == pytest.approx(own.loss, rel=1e-12)
        assert found.accuracy[k] == own.accuracy


def test_evaluate_of_a_stack_of_one_has_its_axis_and_of_a_network_none():
    data = examples()
    one = evaluate(MLP.stack([network()]), data.x_train, data.y_train)
    assert one.loss.shape == one.accuracy.shape == (1,)
    alone = evaluate(network(), data.x_train, data.y_train)
    assert isinstance(alone.loss, float)
    assert isinstance(alone.accuracy, float)
    assert alone == (one.loss[0], one.accuracy[0])


def test_evaluate_leaves_the_network_as_it_was():
    net = network()
    net.backward(net.forward(X))
    gradients, remembered = net.gradients(), net.layers[0].x
    before = contents(net)
    evaluate(net, X[:5], Y[:5])
    assert contents(net) == before
    assert net.layers[0].x is remembered
    assert all(a is b for a, b in zip(net.gradients(), gradients, strict=True))


def test_evaluate_in_single_precision_does_not_depend_on_the_batch_size():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20000, 4)), rng.integers(3, size=20000)
    net = network(dtype=np.float32)
    found = [evaluate(net, x, y, batch_size=size).loss for size in (1, 20000)]
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def test_a_network_that_diverged_can_be_evaluated():
    net = diverging()
    assert train(net, examples(), **settings(steps=20)).diverged_at is not None
    found = evaluate(net, X, Y)
    assert not np.isfinite(found.loss)
    assert 0 <= found.accuracy <= 1


@pytest.mark.parametrize(
    ("x", "y", "batch_size", "error", "message"),
    [
        (X, Y, 0, ValueError, "batch_size=0 must be a whole number of at least 1"),
        (X, Y + 1, 9, ValueError, "y holds 3, but 3 classes go from 0 to 2"),
        (X, Y[:-1], 9, ValueError, r"y has shape \(59,\), but x has shape \(60, 4\)"),
        (
            X[:, 1:],
            Y,
            9,
            ValueError,
            r"x has shape \(60, 3\), but sizes \[4, .* take \(examples, 4\)",
        ),
        (X.astype(int), Y, 9, TypeError, "x has dtype int64"),
        (X, Y.astype(float), 9, TypeError, "y has dtype float64"),
        (X[:0], Y[:0], 9, ValueError, r"x has shape \(0, 4\)"),
    ],
)
def test_evaluate_refuses_by_name(x, y, batch_size, error, message):
    with pytest.raises(error, match=message):
        evaluate(network(), x, y, batch_size=batch_size)


def test_an_answer_that_is_not_a_number_is_wrong():
    net = network()
    net.dense[-1].bias[...] = np.nan
    data = examples()
    assert evaluate(net, data.x_test, data.y_test).accuracy == 0
    assert np.isnan(evaluate(net, data.x_test, data.y_test).loss)


def test_training_computes_no_gradient_that_nobody_needs(monkeypatch):
    asked = []
    plain = Dense.backward

    def noting(self, grad, *, input_grad=True):
        asked.append((self.weight.shape, input_grad))
        return plain(self, grad, input_grad=input_grad)

    monkeypatch.setattr(Dense, "backward", noting)
    x = np.random.default_rng(0).standard_normal((20, 4))
    data = Dataset(x, np.arange(20) % 3, x, np.arange(20) % 3)
    rng = np.random.default_rng(1)
    network = MLP([4, 5, 3], activation=relu, weight_init=init.he_normal(), rng=rng)
    train(network, data, optimizer=SGD(0.1), steps=1, batch_size=5, rng=rng)
    assert asked == [((5, 3), True), ((4, 5), False)]


# ------------------------------------------------------------------ normalization and branches

DEEP = (4, 5, 5, 5, 5, 3)
ROOMS = {
    "batch norm": {"normalization": BatchNorm},
    "layer norm": {"normalization": LayerNorm},
    "residual": {"residual_block_size": 2},
    "residual, batch norm": {"residual_block_size": 2, "normalization": BatchNorm},
}


def built(room, seed=0, **changed):
    return network(seed, **{"sizes": DEEP} | ROOMS[room] | changed)


def everything(*networks):
    return [array.tobytes() for net in networks for array in net.state()]


def assert_all_close(network, other, within=1e-10):
    for a, b in zip(network.state(), other.state(), strict=True):
        np.testing.assert_allclose(a, b, rtol=within, atol=within)


@pytest.mark.parametrize("room", ROOMS)
def test_a_step_of_any_architecture_is_forward_loss_backward_step(room):
    data, by_hand, net = examples(), built(room), built(room)
    arrays = net.state()
    history = train(net, data, **settings(steps=5))
    assert all(a is b for a, b in zip(net.state(), arrays, strict=True))
    batches = minibatches(
        data.x_train, data.y_train, batch_size=16, steps=5, rng=np.random.default_rng(3)
    )
    for step, (x, y) in enumerate(batches):
        loss, gradient = softmax_cross_entropy(by_hand.forward(x), y)
        assert history.loss[step] == loss
        by_hand.backward(gradient)
        for parameter, slope in zip(by_hand.parameters(), by_hand.gradients(), strict=True):
            parameter -= 0.1 * slope
    assert everything(net) == everything(by_hand)
    start = built(room).state()
    for old, new in zip(start, net.state(), strict=True):
        # A shift that a normalization takes out again is not learned; all else is.
        assert (old != new).any() or "norm" in room


def test_the_running_averages_are_those_of_the_batches_that_were_trained_on():
    data, net = examples(), network(sizes=(4, 5, 3), normalization=BatchNorm)
    means, variances, still = np.zeros(5), np.ones(5), net.copy()
    train(net, data, **settings(steps=4, optimizer=SGD(0)))  # so that the weights don't move
    for x, _ in minibatches(
        data.x_train, data.y_train, batch_size=16, steps=4, rng=np.random.default_rng(3)
    ):
        z = x @ still.dense[0].weight + still.dense[0].bias
        means = 0.9 * means + 0.1 * z.mean(axis=0)
        variances = 0.9 * variances + 0.1 * z.var(axis=0, ddof=1)
    np.testing.assert_allclose(net.layers[1].running_mean, [means], rtol=1e-12)
    np.testing.assert_allclose(net.layers[1].running_variance, [variances], rtol=1e-12)


@pytest.mark.parametrize("optimizer", [SGD(0.1), WarmUp(Adam(0.02), 5)], ids=repr)
@pytest.mark.parametrize(
    "workers",
    [{"n_jobs": 1}, {"n_jobs": 2}, {"backend": "loky", "n_jobs": 2}],
    ids=["one", "two", "processes"],
)
def test_training_any_architecture_together_is_training_it_alone(optimizer, workers):
    def all_of_them():
        return [built(room, seed) for seed in range(3) for room in ROOMS] + [network(9, DEEP)]

    together, alone = all_of_them(), all_of_them()
    arrays = [net.state() for net in together]
    with joblib.parallel_config(**workers):
        found = train_together(together, examples(), **settings(optimizer=optimizer))
    for net, own, history, held in zip(together, alone, found, arrays, strict=True):
        expected = train(own, examples(), **settings(optimizer=optimizer))
        np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-10)
        assert_all_close(net, own, 1e-8)
        assert all(a is b for a, b in zip(net.state(), held, strict=True))


def test_an_error_on_the_way_changes_no_running_averages():
    nets = [built("batch norm", seed) for seed in range(2)]
    before = everything(*nets)
    with pytest.raises(KeyError, match="enough"):
        train_together(nets, examples(), **settings(optimizer=Failing(0.1)))
    assert everything(*nets) == before


class Exploding(SGD):
    """Makes the outputs of some networks of a stack infinite, each after one step."""

    def __init__(self, at):
        super().__init__(0.1)
        self.at, self.steps_taken = at, 0

    def reset_copy(self):
        return Exploding(self.at)

    def step(self, parameters, gradients):
        super().step(parameters, gradients)
        for index, step in self.at.items():
            if step == self.steps_taken:
                parameters[-1][index] = np.inf  # the biases of the outputs
        self.steps_taken += 1


@pytest.mark.parametrize("room", ROOMS)
def test_who_diverges_in_a_stack_gets_back_parameters_and_averages_of_that_step(room):
    stack = MLP.stack([built(room, seed) for seed in range(4)])
    history = train(stack, examples(), **settings(optimizer=Exploding({1: 4, 3: 7})))
    assert history.diverged_at == [None, 5, None, 8]
    for k, (net, steps) in enumerate(zip(stack.unstack(), [12, 5, 12, 8], strict=True)):
        own = built(room, k)
        optimizer = Exploding({...: {1: 4, 3: 7}.get(k, 99)})
        train(own, examples(), **settings(steps=steps, optimizer=optimizer))
        assert_all_close(net, own, 1e-8)
        averages = net.state()[len(net.parameters()) :]
        assert all(np.isfinite(array).all() for array in averages)


@pytest.mark.parametrize("room", ROOMS)
def test_a_network_alone_that_diverges_gets_back_its_arrays(room):
    net, stopped = built(room), built(room)
    history = train(net, examples(), **settings(optimizer=Exploding({...: 4})))
    assert history.diverged_at == 5
    train(stopped, examples(), **settings(optimizer=Exploding({...: 4}), steps=5))
    assert everything(net) == everything(stopped)


@pytest.mark.parametrize("room", ROOMS)
def test_gradients_are_noted_of_the_dense_layers_of_any_architecture(room):
    net = built(room)
    history = train(net, examples(), **settings(record_gradients=True, optimizer=SGD(0)))
    assert history.gradient_rms.shape == (12, 5)
    data = examples()
    x, y = next(
        minibatches(
            data.x_train, data.y_train, batch_size=16, steps=1, rng=np.random.default_rng(3)
        )
    )
    net.backward(softmax_cross_entropy(net.forward(x), y)[1])
    expected = [math.sqrt(np.mean(layer.weight_grad**2)) for layer in net.dense]
    np.testing.assert_allclose(history.gradient_rms[0], expected, rtol=1e-12)


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("stacked", [False, True])
def test_what_evaluate_finds_depends_on_no_batch_and_leaves_no_trace(room, stacked):
    net, data = built(room), examples()
    net = MLP.stack([net, built(room, 1)]) if stacked else net
    train(net, data, **settings())
    before = everything(net), [id(value) for la in net.flat_layers for value in vars(la).values()]
    found = [evaluate(net, data.x_train, data.y_train, batch_size=k) for k in (1, 7, 60, 1000)]
    after = everything(net), [id(value) for la in net.flat_layers for value in vars(la).values()]
    assert after == before
    for other in found[:-1]:
        np.testing.assert_allclose(other.loss, found[-1].loss, rtol=1e-10)
        np.testing.assert_array_equal(other.accuracy, found[-1].accuracy)
    logits = net.for_inference().forward(data.x_train)
    np.testing.assert_allclose(found[0].loss, softmax_cross_entropy(logits, data.y_train)[0])


def test_a_normalized_network_learns_though_its_start_is_far_off():
    for std in (1e-3, 30.0):
        net, data = network(sizes=(4, 8, 8, 3), normalization=BatchNorm, std=std), examples()
        train(net, data, **settings(steps=200, optimizer=WarmUp(Adam(0.02), 10)))
        assert evaluate(net, data.x_test, data.y_test).accuracy > 0.9


# ------------------------------------------------------------------- a generator for each network


@pytest.mark.parametrize("workers", [{"n_jobs": 1}, {"backend": "loky", "n_jobs": 2}], ids=str)
@pytest.mark.parametrize("named", [True, False])
def test_networks_with_generators_of_their_own_are_trained_as_alone(workers, named):
    seeds = [5, 2, 5, 7]
    rngs = {seed: np.random.default_rng([seed, 1]) for seed in seeds}
    nets, alone = [network(k) for k in range(4)], [network(k) for k in range(4)]
    keyed = {f"net {k}": net for k, net in enumerate(nets)}
    given = [rngs[seed] for seed in seeds]
    call = settings()
    del call["rng"]
    with joblib.parallel_config(**workers):
        if named:  # in another order: the keys count
            given = {f"net {k}": rng for k, rng in reversed(list(enumerate(given)))}
            found = list(train_together(keyed, examples(), rngs=given, **call).values())
        else:
            found = train_together(nets, examples(), rngs=given, **call)
    for k, seed in enumerate(seeds):
        own = np.random.default_rng([seed, 1])
        expected = train(alone[k], examples(), **call, rng=own)
        np.testing.assert_allclose(found[k].loss, expected.loss, rtol=1e-12)
        assert_close(nets[k], alone[k])
        assert rngs[seed].bit_generator.state == own.bit_generator.state


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_each_generator_moves_on_as_by_a_training_alone_whoever_diverges(n_jobs):
    nets = [diverging(), network(1, dtype=np.float32)]
    rngs, own = ([np.random.default_rng(k) for k in (3, 4)] for _ in range(2))
    call = settings(steps=30)
    del call["rng"]
    with joblib.parallel_config(n_jobs=n_jobs):
        first, second = train_together(nets, examples(), rngs=rngs, **call)
    assert (first.diverged_at is None, second.diverged_at) == (False, None)
    for net, rng in zip([diverging(), network(1, dtype=np.float32)], own, strict=True):
        train(net, examples(), **call, rng=rng)
    for rng, expected in zip(rngs, own, strict=True):
        assert rng.bit_generator.state == expected.bit_generator.state


def test_equal_generators_share_one_batch(monkeypatch):
    shapes, forward = [], MLP.forward

    def watched(self, x, *observe):
        shapes.append(np.shape(x))
        return forward(self, x, *observe)

    monkeypatch.setattr(MLP, "forward", watched)
    nets, rng = [network(1), network(2)], np.random.default_rng(0)
    call = settings(steps=1)
    del call["rng"]
    with joblib.parallel_config(n_jobs=1):
        train_together(nets, examples(), rngs=[rng, rng], **call)
        train_together(nets, examples(), rngs=rng.spawn(2), **call)
    assert shapes == [(16, 4), (2, 16, 4)]


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({}, TypeError, "needs either rng or rngs"),
        ({"rng": np.random.default_rng(0), "rngs": []}, TypeError, "needs either rng or rngs"),
        ({"rngs": [np.random.default_rng(0)]}, ValueError, r"rngs has entries \[0\], but networks"),
        ({"rngs": {"a": 1, "b": 2}}, ValueError, r"rngs has entries \['a', 'b'\], but networks"),
        (
            {"rngs": np.random.default_rng(0)},
            TypeError,
            "rngs=Generator.* must be a dict",
        ),
        ({"rngs": [np.random.default_rng(0), 1]}, TypeError, r"rng=1 must be a numpy\.random"),
    ],
)
def test_generators_that_dont_fit_are_refused(wrong, error, message):
    nets, call = [network(1), network(2)], settings()
    before = contents(*nets)
    del call["rng"]
    with pytest.raises(error, match=message):
        train_together(nets, examples(), **call, **wrong)
    assert contents(*nets) == before


def test_a_history_of_a_stack_is_those_of_its_networks():
    history = training.History(
        np.array([[1.0, 2.0], [3.0, np.nan]]), [None, 1], np.arange(8.0).reshape(2, 2, 2)
    )
    first, second = history.of(0), history.of(1)
    assert first.loss.tolist() == [1.0, 3.0]
    assert (first.diverged_at, second.diverged_at) == (None, 1)
    assert second.gradient_rms.tolist() == [[1.0, 3.0], [5.0, 7.0]]
    assert training.History(np.ones((2, 1)), [None]).of(0).gradient_rms is None
    with pytest.raises(ValueError, match="of a single network"):
        first.of(0)
