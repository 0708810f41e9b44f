"""Do the starts that look at data, or at the whole network, leave it as their papers say?"""

import math

import numpy as np
import pytest

from initlab import fixup, lsuv
from initlab import initializers as init
from initlab.losses import mean_squared_error
from initlab.network import MLP
from initlab.normalization import BatchNorm, LayerNorm


def network(seed=0, sizes=(5, 8, 8, 8, 8, 3), *, std=0.4, bias=0.0, activation="relu", **settings):
    return MLP(
        list(sizes),
        activation=activation,
        weight_init=init.normal(std),
        bias_init=init.normal(bias),
        rng=np.random.default_rng(seed),
        **settings,
    )


def normal(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


def contents(net):
    return [array.tobytes() for array in net.state()]


X = 3 * normal(40, 5) + 1

ROOMS = {
    "plain": {},
    "sigmoid": {"activation": "sigmoid"},
    "batch norm": {"normalization": BatchNorm},
    "layer norm": {"normalization": LayerNorm},
    "residual of one": {"residual_block_size": 1},
    "residual, batch norm": {"residual_block_size": 2, "normalization": BatchNorm},
}
each_room = pytest.mark.parametrize("settings", ROOMS.values(), ids=ROOMS)


def variances(net, x):
    """Return the variance of what each Dense layer gives: of one number for each network."""
    net = net.copy()
    net.forward(x)
    return [
        (layer.x @ layer.weight + layer.bias).var(axis=(-2, -1), dtype=np.float64)
        for layer in net.dense
    ]


@each_room
def test_without_biases_every_layer_comes_to_variance_1_in_one_round(settings):
    nets = [network(std=std, **settings) for std in (0.01, 5.0)]
    for net in nets:
        assert lsuv(net, X, rounds=1) is net
        np.testing.assert_allclose(variances(net, X), 1, rtol=1e-9)
    for a, b in zip(nets[0].dense, nets[1].dense, strict=True):  # whatever the draw's scale
        np.testing.assert_allclose(a.weight, b.weight, rtol=1e-9)


@each_room
def test_with_biases_every_layer_comes_as_near_as_was_asked_for_by_scaling_weights_only(settings):
    net = network(bias=0.4, **settings)
    arrays, old = net.state(), [array.copy() for array in net.state()]
    assert np.abs(np.array(variances(net, X)) - 1).max() > 0.1
    lsuv(net, X)
    found = np.abs(np.array(variances(net, X)) - 1)
    assert found.max() <= 0.01 * (1 + 1e-9)
    lsuv(net, X, tolerance=1e-6, rounds=50)
    assert np.abs(np.array(variances(net, X)) - 1).max() <= 1e-6 * (1 + 1e-6)
    assert all(a is b for a, b in zip(net.state(), arrays, strict=True))
    weights = [id(layer.weight) for layer in net.dense]
    for array, before in zip(arrays, old, strict=True):
        if id(array) in weights:
            ratio = array / before
            assert ratio[0, 0] > 0
            np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-12)
        else:
            np.testing.assert_array_equal(array, before)


def test_a_variance_within_the_tolerance_is_left_alone():
    net = lsuv(network(), X)
    net.dense[1].weight *= math.sqrt(1.009)
    before = contents(net)
    assert contents(lsuv(net, X)) == before
    assert contents(lsuv(net, X, tolerance=0.005)) != before


@each_room
@pytest.mark.parametrize("shared", [True, False])
def test_in_a_stack_each_network_gets_factors_of_its_own(settings, shared):
    alone = [network(seed, std=std, **settings) for seed, std in enumerate((0.01, 0.4, 3.0))]
    for net in alone:
        for layer in net.dense:
            layer.bias[...] = 0.3 * normal(*layer.bias.shape)
    stack, x = MLP.stack(alone), X if shared else 3 * normal(3, 30, 5)
    lsuv(stack, x, tolerance=1e-9, rounds=60)
    np.testing.assert_allclose(variances(stack, x), 1, rtol=1e-8)
    for k, (net, own) in enumerate(zip(stack.unstack(), alone, strict=True)):
        lsuv(own, x if shared else x[k], tolerance=1e-9, rounds=60)
        for a, b in zip(net.dense, own.dense, strict=True):
            np.testing.assert_allclose(a.weight, b.weight, rtol=1e-6)


@pytest.mark.parametrize("std", [1e-30, 0.4, 1e30])
def test_single_precision_stays_single(std):
    net = network(std=std, dtype=np.float32)
    lsuv(net, X)
    assert {array.dtype for array in net.state()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(variances(net, X.astype(np.float32)), 1, rtol=1e-4)


def test_the_data_are_only_read_and_the_network_remembers_nothing_of_them():
    net, x = network(normalization=BatchNorm, residual_block_size=2), X.copy()
    net.forward(X[:7])
    net.backward(normal(7, 3))
    averages = [net.layers[1].layers[0].running_mean.copy(), net.dense[0].x]
    x.flags.writeable = False
    lsuv(net, x)
    np.testing.assert_array_equal(net.layers[1].layers[0].running_mean, averages[0])
    assert net.dense[0].x is averages[1]


@each_room
@pytest.mark.parametrize("number", [1, 3, 5])
def test_weights_of_zero_are_refused_by_the_number_of_their_layer(settings, number):
    net = network(std=0.2, **settings)
    net.dense[number - 1].weight[...] = 0
    for one in (net, MLP.stack([network(1, **settings), net])):
        before = contents(one)
        message = f"outputs of layer {number} are all the same: no factor"
        with pytest.raises(ValueError, match=message):
            lsuv(one, X)
        assert contents(one) == before


def test_biases_that_vary_too_much_are_refused_and_the_network_stays_as_it_was():
    net = network()
    net.dense[2].bias[...] = 4 * normal(1, 8)
    before = contents(net)
    with pytest.raises(ValueError, match=r"outputs of layer 3 have variance .* after 10 rounds"):
        lsuv(net, X)
    assert contents(net) == before
    net = network(bias=0.4)
    with pytest.raises(ValueError, match="after 1 rounds: take more rounds, or smaller biases"):
        lsuv(net, X, tolerance=1e-3, rounds=1)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"network": "MLP"}, TypeError, "network='MLP' must be an MLP"),
        ({"x": np.ones((3, 5), int)}, TypeError, "x has dtype int"),
        ({"x": np.ones((3, 4))}, ValueError, r"x of shape \(3, 4\) doesn't fit"),
        ({"x": X[:0]}, ValueError, "expected at least one example"),
        ({"x": np.full((4, 5), np.nan)}, ValueError, "outputs of layer 1 are not finite"),
        ({"network": network(std=1e300), "x": 1e20 * X}, ValueError, "layer 1 are not finite"),
        ({"x": np.ones(5)}, ValueError, r"x has shape \(5,\); expected"),
        ({"tolerance": 0}, ValueError, "tolerance=0 must be a finite number above 0"),
        ({"rounds": 0}, ValueError, "rounds=0 must be a whole number of at least 1"),
    ],
)
def test_what_lsuv_cannot_work_with_is_refused_by_name(change, error, message):
    call = {"network": network(), "x": X} | change
    with pytest.raises(error, match=message):
        lsuv(call.pop("network"), call.pop("x"), **call)


@pytest.mark.parametrize(
    ("residual", "factors"),
    [
        # L**(-1 / (2m - 2)) for the layers before the last of each of L branches of m layers.
        (2, [[3**-0.5, 0]] * 3),
        (3, [[2**-0.25] * 2 + [0]] * 2),
        (6, [[1] * 5 + [0]]),
        (1, [[0]] * 6),
        # The last branch takes what is left: two layers, or only one.
        (4, [[2 ** (-1 / 6)] * 3 + [0], [2**-0.5, 0]]),
        (5, [[2 ** (-1 / 8)] * 4 + [0], [0]]),
        # With one hidden layer there is no branch.
        (2, []),
    ],
)
@pytest.mark.parametrize("stacked", [False, True])
def test_fixup_scales_each_layer_of_a_branch_as_its_rule_says(residual, factors, stacked):
    hidden = [8] * (1 + sum(map(len, factors)))
    call = {"residual_block_size": residual, "normalization": LayerNorm, "dtype": np.float32}
    nets = [network(seed, (5, *hidden, 3), bias=0.3, **call) for seed in range(2)]
    net = MLP.stack(nets) if stacked else nets[0]
    before, arrays = net.copy(), net.state()
    assert fixup(net) is net
    assert all(a is b for a, b in zip(net.state(), arrays, strict=True))
    expected = [1.0, *(factor for branch in factors for factor in branch), 0.0]
    changed = set()
    for old, new, factor in zip(before.dense, net.dense, expected, strict=True):
        np.testing.assert_allclose(new.weight, factor * old.weight, rtol=1e-6)
        np.testing.assert_array_equal(new.bias, old.bias if factor else 0 * old.bias)
        changed |= {id(new.weight), id(new.bias)}
    for old, new in zip(before.state(), net.state(), strict=True):
        assert new.dtype == np.float32
        if id(new) not in changed:  # normalization stays as it is
            np.testing.assert_array_equal(new, old)
    assert not net.forward(X).any()


@pytest.mark.parametrize("residual", [1, 2, 3])
def test_what_begins_as_nothing_learns_from_the_second_step_on(residual):
    net = fixup(network(sizes=(5, *[8] * 7, 3), residual_block_size=residual, activation="tanh"))
    target = normal(40, 3, seed=4)
    seen = []
    for _ in range(3):
        loss, grad = mean_squared_error(net.forward(X), target)
        net.backward(grad)
        seen.append([bool(layer.weight_grad.any()) for layer in net.dense])
        for parameter, gradient in zip(net.parameters(), net.gradients(), strict=True):
            parameter -= 0.05 * gradient
    assert seen[0] == [False] * 7 + [True]  # behind outputs of 0 is no way back
    ends = [k % residual == 0 for k in range(1, 7)]
    assert seen[1] == [True, *ends, True]  # each branch by its last layer
    assert seen[2] == [True] * 8
    assert mean_squared_error(net.forward(X), target)[0] < loss


def test_what_was_built_without_branches_or_is_no_network_is_refused():
    for sizes in ((5, 8, 8, 8, 3), (5, 8, 3)):
        message = r"MLP\(5-8-.* has no branches; build it with re"
        with pytest.raises(ValueError, match=message):
            fixup(network(sizes=sizes))
    with pytest.raises(TypeError, match=r"network=\[\] must be an MLP"):
        fixup([])
