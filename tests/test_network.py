import functools
import re
from itertools import pairwise

import numpy as np
import pytest

from initlab import initializers as init
from initlab.activations import ACTIVATIONS, leaky_relu_with, relu, sigmoid, tanh
from initlab.gradient_check import check_gradients
from initlab.layers import Activation, Dense, Residual
from initlab.losses import mean_squared_error, softmax_cross_entropy
from initlab.network import MLP
from initlab.normalization import BatchNorm, LayerNorm

SIZES = (4, 6, 5, 3)


def network(seed=0, sizes=SIZES, *, activation=tanh, weight_init=None, **settings):
    """Weights and biases all of them drawn, so that none can be forgotten unseen."""
    return MLP(
        list(sizes),
        activation=activation,
        weight_init=init.normal(0.7) if weight_init is None else weight_init,
        bias_init=init.normal(0.3),
        rng=np.random.default_rng(seed),
        **settings,
    )


def normal(*shape, seed=1, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def loss_and_answers(name, batch, outputs, stack=()):
    if name == "cross-entropy":
        answers = np.random.default_rng(7).integers(outputs, size=(*stack, batch))
        return softmax_cross_entropy, answers
    return mean_squared_error, normal(*stack, batch, outputs, seed=7)


def contents(*arrays):
    return [array.tobytes() for array in arrays]


# ------------------------------------------------------------------------------- one network


def test_layers_alternate_and_no_activation_follows_the_last_dense_layer():
    net = network()
    assert [type(layer) for layer in net.layers] == [Dense, Activation, Dense, Activation, Dense]
    assert [layer.weight.shape for layer in net.dense] == [(4, 6), (6, 5), (5, 3)]
    assert [layer.bias.shape for layer in net.dense] == [(1, 6), (1, 5), (1, 3)]
    assert net.sizes == list(SIZES)
    assert net.stack_shape == ()


def test_an_output_activation_follows_the_last_dense_layer():
    net = network(output_activation="sigmoid")
    assert [type(layer) for layer in net.layers] == [Dense, Activation] * 3
    assert [net.layers[i].function for i in (1, 3, 5)] == [tanh, tanh, sigmoid]
    x = normal(7, 4)
    expected = sigmoid(network().forward(x))
    np.testing.assert_allclose(net.forward(x), expected, rtol=1e-13)


def test_forward_and_backward_are_the_chain_rule_written_out():
    net = network()
    x, g = normal(7, 4), normal(7, 3, seed=2)
    w1, b1, w2, b2, w3, b3 = net.parameters()
    h1 = np.tanh(x @ w1 + b1)
    h2 = np.tanh(h1 @ w2 + b2)
    np.testing.assert_allclose(net.forward(x), h2 @ w3 + b3, rtol=1e-13)

    g2 = np.einsum("bk,jk->bj", g, w3) * (1 - h2**2)
    g1 = np.einsum("bk,jk->bj", g2, w2) * (1 - h1**2)
    np.testing.assert_allclose(net.backward(g), np.einsum("bk,jk->bj", g1, w1), rtol=1e-12)
    expected = [
        np.einsum("bi,bj->ij", x, g1),
        g1.sum(0)[np.newaxis],
        np.einsum("bi,bj->ij", h1, g2),
        g2.sum(0)[np.newaxis],
        np.einsum("bi,bj->ij", h2, g),
        g.sum(0)[np.newaxis],
    ]
    for found, right in zip(net.gradients(), expected, strict=True):
        assert found.shape == right.shape
        np.testing.assert_allclose(found, right, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("loss_name", ["cross-entropy", "squared error"])
@pytest.mark.parametrize("activation", [*ACTIVATIONS, "leaky_relu_with"])
def test_every_gradient_is_a_slope_of_the_loss(activation, loss_name):
    f = leaky_relu_with(-0.4) if activation == "leaky_relu_with" else activation
    net = network(3, activation=f)
    x = normal(5, 4)
    loss, answers = loss_and_answers(loss_name, 5, 3)
    grad_x = net.backward(loss(net.forward(x), answers)[1])
    step = 1e-6
    arrays = [*net.parameters(), x]
    gradients = [*net.gradients(), grad_x]
    for array, gradient in zip(arrays, gradients, strict=True):
        slopes = np.zeros(array.shape)
        for index, kept in np.ndenumerate(array.copy()):
            sides = []
            for side in (kept + step, kept - step):
                array[index] = side
                sides.append(float(loss(net.forward(x), answers)[0]))
            array[index] = kept
            slopes[index] = (sides[0] - sides[1]) / (2 * step)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=2e-9)


@pytest.mark.parametrize("loss_name", ["cross-entropy", "squared error"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_check_gradients_agrees_with_backward(activation, loss_name):
    loss, answers = loss_and_answers(loss_name, 5, 3)
    found = check_gradients(network(3, activation=activation), normal(5, 4), answers, loss=loss)
    assert found.ok, str(found)


def test_parameters_and_gradients_come_in_one_order_and_are_the_arrays_themselves():
    net = network()
    net.backward(np.ones_like(net.forward(normal(7, 4))))
    for k, layer in enumerate(net.dense):
        assert net.parameters()[2 * k] is layer.weight
        assert net.parameters()[2 * k + 1] is layer.bias
        assert net.gradients()[2 * k] is layer.weight_grad
        assert net.gradients()[2 * k + 1] is layer.bias_grad
    assert len(net.parameters()) == len(net.gradients()) == 6


def test_gradients_are_none_before_the_first_backward():
    assert network().gradients() == [None] * 6


def test_a_second_backward_replaces_the_gradients():
    net, x, g = network(), normal(7, 4), normal(7, 3, seed=2)
    net.forward(x)
    net.backward(g)
    first = contents(*net.gradients())
    net.backward(g)
    assert contents(*net.gradients()) == first


def test_backward_before_forward_is_refused():
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        network().backward(normal(7, 3))


def test_forward_and_backward_change_neither_arguments_nor_parameters():
    net = network(activation=relu)
    x, g = normal(7, 4), normal(7, 3, seed=2)
    before = contents(x, g, *net.parameters())
    for array in (x, g, *net.parameters()):
        array.flags.writeable = False
    net.forward(x)
    net.backward(g)
    assert contents(x, g, *net.parameters()) == before


def test_numbers_that_overflow_are_infinite_and_no_warning():
    net = network(activation=relu, weight_init=init.normal(1e30), dtype=np.float32)
    out = net.forward(normal(7, 4))
    assert not np.all(np.isfinite(out))
    assert not np.all(np.isfinite(net.backward(np.ones((7, 3)))))


# ---------------------------------------------------------------------------------- the draw


def test_same_seed_same_bits_and_another_seed_other_weights():
    assert contents(*network(5).parameters()) == contents(*network(5).parameters())
    for one, other in zip(network(5).parameters(), network(6).parameters(), strict=True):
        assert not np.any(one == other)


def test_another_width_leaves_the_draws_of_the_other_layers_alone():
    one = network(sizes=(6, 5, 4, 3, 7, 2))
    other = network(sizes=(6, 5, 9, 3, 7, 2))
    for k in (0, 3, 4):
        a, b = one.dense[k], other.dense[k]
        assert contents(a.weight, a.bias) == contents(b.weight, b.bias)
    assert one.dense[1].weight.shape != other.dense[1].weight.shape


def test_more_layers_leave_the_draws_of_the_first_ones_alone():
    one, other = network(sizes=(4, 4, 4)), network(sizes=(4, 4, 4, 4, 4))
    assert contents(*one.parameters()) == contents(*other.parameters()[:4])


def test_layers_of_one_shape_draw_differently():
    first, second = network(sizes=(5, 5, 5)).dense
    assert not np.any(first.weight == second.weight)
    assert not np.any(first.bias == second.bias)


def test_networks_of_one_seed_differ_by_the_factor_between_their_stds():
    one = network(weight_init=init.normal(0.25))
    other = network(weight_init=init.normal(2.0))
    for a, b in zip(one.dense, other.dense, strict=True):
        np.testing.assert_array_equal(8 * a.weight, b.weight)
        np.testing.assert_array_equal(a.bias, b.bias)


def test_both_precisions_of_one_seed_agree_to_rounding():
    double, single = network(), network(dtype=np.float32)
    assert (double.dtype, single.dtype) == (np.dtype(np.float64), np.dtype(np.float32))
    for a, b in zip(double.parameters(), single.parameters(), strict=True):
        assert b.dtype == np.float32
        np.testing.assert_array_equal(a.astype(np.float32), b)
    x, g = normal(7, 4), normal(7, 3, seed=2)
    np.testing.assert_allclose(single.forward(x), double.forward(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(single.backward(g), double.backward(g), rtol=1e-4, atol=1e-5)
    for a, b in zip(double.gradients(), single.gradients(), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nothing_is_promoted_in_single_precision(activation):
    net = network(activation=activation, output_activation=activation, dtype=np.float32)
    out = net.forward(normal(7, 4))
    assert out.dtype == np.float32
    assert net.backward(out.astype(np.float64)).dtype == np.float32
    assert {array.dtype for array in net.gradients()} == {np.dtype(np.float32)}


def test_what_an_initializer_returns_stays_the_callers():
    mine = np.ones((4, 3))
    nets = [network(sizes=(4, 3), weight_init=lambda rng, shape, dtype: mine) for _ in range(2)]
    nets[0].dense[0].weight += 1
    np.testing.assert_array_equal(mine, 1)
    np.testing.assert_array_equal(nets[1].dense[0].weight, 1)


def test_biases_are_zero_by_default():
    net = MLP([3, 2], activation=relu, weight_init=init.normal(1), rng=np.random.default_rng(0))
    np.testing.assert_array_equal(net.dense[0].bias, [[0, 0]])
    assert net.dtype == np.float64


# -------------------------------------------------------------------------------- the stack


@pytest.mark.parametrize("shared", [True, False], ids=["shared inputs", "inputs of their own"])
@pytest.mark.parametrize("loss_name", ["cross-entropy", "squared error"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_stack_computes_what_its_networks_compute_alone(activation, loss_name, shared):
    alone = [network(seed, activation=activation) for seed in (1, 2, 3)]
    stack = MLP.stack(alone)
    assert stack.stack_shape == (3,)
    lead = () if shared else (3,)
    x = normal(*lead, 7, 4)
    loss, answers = loss_and_answers(loss_name, 7, 3, lead)
    outputs = stack.forward(x)
    losses, gradient = loss(outputs, answers)
    grad_x = stack.backward(gradient)
    assert outputs.shape == (3, 7, 3)
    assert grad_x.shape == (3, 7, 4)
    assert losses.shape == (3,)
    for k, net in enumerate(alone):
        own_x, own_answers = (x, answers) if shared else (x[k], answers[k])
        own_outputs = net.forward(own_x)
        own_loss, own_gradient = loss(own_outputs, own_answers)
        np.testing.assert_allclose(outputs[k], own_outputs, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(losses[k], own_loss, rtol=1e-12)
        own_grad_x = net.backward(own_gradient)
        np.testing.assert_allclose(grad_x[k], own_grad_x, rtol=1e-12, atol=1e-13)
        for ours, own in zip(stack.gradients(), net.gradients(), strict=True):
            np.testing.assert_allclose(ours[k], own, rtol=1e-12, atol=1e-13)


def test_stack_and_unstack_are_a_round_trip():
    alone = [network(seed) for seed in (1, 2, 3)]
    back = MLP.stack(alone).unstack()
    assert len(back) == 3
    for net, original in zip(back, alone, strict=True):
        assert net.stack_shape == ()
        assert net.architecture == original.architecture
        assert contents(*net.parameters()) == contents(*original.parameters())


def test_stack_and_unstack_copy():
    alone = [network(seed) for seed in (1, 2)]
    stack = MLP.stack(alone)
    back = stack.unstack()
    before = contents(*alone[0].parameters(), *alone[1].parameters())
    for array in stack.parameters():
        array[...] = 99.0
    assert contents(*alone[0].parameters(), *alone[1].parameters()) == before
    assert contents(*back[0].parameters(), *back[1].parameters()) == before
    for array in back[0].parameters():
        array[...] = -5.0
    for array in stack.parameters():
        np.testing.assert_array_equal(array, 99.0)


def test_stacking_remembers_nothing_and_leaves_the_networks_their_gradients():
    net = network()
    net.backward(net.forward(normal(7, 4)))
    before = net.gradients()
    stack = MLP.stack([net, network(1)])
    assert stack.gradients() == [None] * 6
    assert all(a is b for a, b in zip(net.gradients(), before, strict=True))
    stack.backward(stack.forward(normal(7, 4)))
    assert [single.gradients() for single in stack.unstack()] == [[None] * 6] * 2


@pytest.mark.parametrize(
    ("other", "shown"),
    [
        ({"sizes": (4, 6, 4, 3)}, "MLP(4-6-4-3, tanh, float64)"),
        ({"activation": relu}, "MLP(4-6-5-3, relu, float64)"),
        ({"dtype": np.float32}, "MLP(4-6-5-3, tanh, float32)"),
        ({"output_activation": sigmoid}, "MLP(4-6-5-3, tanh, output sigmoid, float64)"),
        ({"activation": leaky_relu_with(0.2)}, "MLP(4-6-5-3, leaky_relu(0.2), float64)"),
    ],
)
def test_networks_that_differ_are_not_stacked_and_both_are_named(other, shown):
    message = re.escape(f"{shown} cannot be stacked with MLP(4-6-5-3, tanh, float64)")
    with pytest.raises(ValueError, match=message):
        MLP.stack([network(), network(), network(**other)])


def test_leaky_slopes_that_differ_are_not_stacked():
    nets = [network(activation=leaky_relu_with(slope)) for slope in (0.1, 0.2)]
    with pytest.raises(ValueError, match="cannot be stacked"):
        MLP.stack(nets)
    same = [network(activation=leaky_relu_with(0.1)) for _ in range(2)]
    assert MLP.stack(same).stack_shape == (2,)


def test_a_stack_is_not_stacked_again_and_one_is_not_unstacked():
    stack = MLP.stack([network(), network(1)])
    with pytest.raises(ValueError, match=r"2 x MLP\(4-6-5-3.* is a stack already.*\.unstack\(\)"):
        MLP.stack([stack, stack])
    with pytest.raises(ValueError, match="there is nothing to stack"):
        MLP.stack([])
    with pytest.raises(ValueError, match=r"MLP\(4-6-5-3, tanh, float64\) is a single network"):
        network().unstack()


def test_only_networks_are_stacked():
    with pytest.raises(TypeError, match="network='relu' must be an MLP"):
        MLP.stack([network(), "relu"])


def test_networks_to_stack_may_come_from_a_generator():
    assert MLP.stack(network(seed) for seed in range(2)).stack_shape == (2,)


# ---------------------------------------------------------------------------- copy and probe


@pytest.mark.parametrize("stacked", [False, True])
def test_a_copy_is_independent_and_remembers_nothing(stacked):
    net = MLP.stack([network(), network(1)]) if stacked else network()
    net.backward(net.forward(normal(7, 4)))
    gradients, parameters = net.gradients(), net.parameters()
    before = contents(*gradients, *parameters)
    other = net.copy()
    assert contents(*other.parameters()) == contents(*parameters)
    assert other.gradients() == [None] * 6
    with pytest.raises(RuntimeError):
        other.backward(normal(7, 3))
    other.forward(normal(5, 4, seed=8))
    other.backward(np.ones((*net.stack_shape, 5, 3)))
    for array in other.parameters():
        array += 1.0
    assert all(a is b for a, b in zip(net.gradients(), gradients, strict=True))
    assert all(a is b for a, b in zip(net.parameters(), parameters, strict=True))
    assert contents(*gradients, *parameters) == before


def test_a_probe_shares_the_parameters_and_leaves_no_trace():
    net, x = network(), normal(7, 4)
    net.backward(net.forward(x))
    gradients, caches = net.gradients(), [vars(layer).copy() for layer in net.layers]
    before = contents(*gradients)
    probe = net.view()
    for a, b in zip(probe.parameters(), net.parameters(), strict=True):
        assert a is b
    assert probe.gradients() == [None] * 6
    probe.forward(normal(5, 4, seed=8))
    probe.backward(np.ones((5, 3)))
    assert all(a is b for a, b in zip(net.gradients(), gradients, strict=True))
    assert contents(*net.gradients()) == before
    for layer, cache in zip(net.layers, caches, strict=True):
        assert all(vars(layer)[name] is value for name, value in cache.items())
    net.parameters()[0][...] = 0.0
    np.testing.assert_array_equal(probe.forward(x), net.forward(x))


# -------------------------------------------------------------------------- shown and refused


def test_repr_says_what_the_network_is():
    assert repr(network(activation=relu)) == "MLP(4-6-5-3, relu, float64)"
    stack = MLP.stack([network(dtype=np.float32)] * 3)
    assert repr(stack) == "3 x MLP(4-6-5-3, tanh, float32)"


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"sizes": [4]}, ValueError, r"sizes=\[4\] must hold at least inputs and outputs"),
        ({"sizes": 4}, TypeError, "sizes=4 must be a list"),
        ({"sizes": [4, 0, 3]}, ValueError, r"sizes\[1\]=0 must be a whole number of at least 1"),
        ({"sizes": [4, 2.5, 3]}, TypeError, r"sizes\[1\]=2\.5 must be a whole number"),
        ({"sizes": [4, True]}, TypeError, r"sizes\[1\]=True must be a whole number"),
        ({"activation": "relux"}, ValueError, "activation='relux'.*did you mean 'relu'"),
        ({"activation": np.tanh}, TypeError, "activation=<ufunc 'tanh'> must be one of the name"),
        ({"output_activation": "sigmoyd"}, ValueError, "'sigmoyd'.*did you mean 'sigmoid'"),
        ({"dtype": np.float16}, TypeError, r"dtype=.*float16.* must be np\.float32"),
        ({"dtype": int}, TypeError, r"dtype=.*int.* must be np\.float32"),
        ({"dtype": None}, TypeError, r"dtype=None must be np\.float32"),
        ({"rng": 0}, TypeError, r"rng=0 must be a numpy\.random\.Generator"),
        ({"weight_init": 0.1}, TypeError, r"weight_init=0\.1 must be an initializer"),
        ({"weight_init": init.he_normal}, TypeError, "call it first"),
        ({"bias_init": "zeros"}, TypeError, "bias_init='zeros' must be an initializer"),
    ],
)
def test_wrong_arguments_are_named_with_value_and_remedy(wrong, error, message):
    right = {
        "sizes": [4, 3],
        "activation": relu,
        "weight_init": init.normal(1),
        "rng": np.random.default_rng(0),
    }
    with pytest.raises(error, match=message):
        MLP(**(right | wrong))


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.ones((7, 5)), ValueError, r"x of shape \(7, 5\) doesn't fit.*batch, 4\)"),
        (np.ones((2, 7, 4)), ValueError, r"x of shape \(2, 7, 4\) doesn't fit"),
        (np.ones(4), ValueError, r"x has shape \(4,\)"),
        (np.ones((7, 4), dtype=int), TypeError, r"x has dtype int\d+.*astype"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x, error, message):
    with pytest.raises(error, match=message):
        network().forward(x)


def test_inputs_of_another_stack_are_refused_by_name():
    stack = MLP.stack([network(), network(1)])
    with pytest.raises(ValueError, match=r"parameters of shape \(2, 4, 6\): expected .*batch, 4\)"):
        stack.forward(np.ones((3, 7, 4)))
    stack.forward(np.ones((7, 4)))
    with pytest.raises(ValueError, match=r"grad of shape \(7, 3\) doesn't fit.*\(2, 7, 3\)"):
        stack.backward(np.ones((7, 3)))


def test_the_way_back_may_end_at_the_first_layer():
    rng = np.random.default_rng(0)
    network = MLP([4, 5, 3], activation=tanh, weight_init=init.xavier_normal(), rng=rng)
    x, grad = rng.standard_normal((6, 4)), rng.standard_normal((6, 3))
    network.forward(x)
    assert network.backward(grad).shape == x.shape
    wanted = [gradient.copy() for gradient in network.gradients()]
    assert network.backward(grad, input_grad=False) is None
    for found, expected in zip(network.gradients(), wanted, strict=True):
        np.testing.assert_array_equal(found, expected)


# ------------------------------------------------------------------ normalization and branches

DEEP = (4, 5, 5, 5, 5, 3)
KINDS = {"none": None, "batch norm": BatchNorm, "layer norm": LayerNorm}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
each_residual = pytest.mark.parametrize("residual", [None, 1, 2])


def shown(layers):
    """Return a row of layers as a word: d, n, a, and branches in brackets."""
    letters = {Dense: "d", Activation: "a", BatchNorm: "n", LayerNorm: "n"}
    return "".join(
        f"[{shown(la.layers)}]" if isinstance(la, Residual) else letters[type(la)] for la in layers
    )


@pytest.mark.parametrize(
    ("sizes", "kind", "residual", "expected"),
    [
        (DEEP, BatchNorm, None, "dnadnadnadnad"),
        (DEEP, None, 1, "d[ad][ad][ad]ad"),
        (DEEP, None, 2, "d[adad][ad]ad"),
        (DEEP, None, 3, "d[adadad]ad"),
        (DEEP, None, 9, "d[adadad]ad"),
        (DEEP, LayerNorm, 2, "d[nadnad][nad]nad"),
        ((4, 5, 3), BatchNorm, None, "dnad"),
        ((4, 5, 3), BatchNorm, 2, "dnad"),
        ((4, 3), BatchNorm, 2, "d"),
    ],
)
def test_where_normalization_and_branches_stand(sizes, kind, residual, expected):
    net = network(sizes=sizes, normalization=kind, residual_block_size=residual)
    assert shown(net.layers) == expected
    assert shown(net.flat_layers) == expected.replace("[", "").replace("]", "")
    assert [layer.weight.shape for layer in net.dense] == list(pairwise(sizes))
    plain = network(sizes=sizes)
    for a, b in zip(net.dense, plain.dense, strict=True):
        assert contents(a.weight, a.bias) == contents(b.weight, b.bias)  # the draw is the same
    output = network(
        sizes=sizes, normalization=kind, residual_block_size=residual, output_activation="tanh"
    )
    assert shown(output.layers) == expected + "a"


def test_a_normalization_is_as_wide_as_the_layer_before_it():
    net = network(sizes=(4, 7, 5, 6, 3), normalization=LayerNorm)
    found = [layer.scale.shape for layer in net.flat_layers if isinstance(layer, LayerNorm)]
    assert found == [(1, 7), (1, 5), (1, 6)]


def test_a_normalized_residual_network_is_the_formula_written_out():
    net, x = (
        network(sizes=(4, 5, 5, 5, 3), normalization=LayerNorm, residual_block_size=2),
        normal(7, 4),
    )
    w1, b1, _, _, w2, b2, _, _, w3, b3, scale, shift, w4, b4 = net.parameters()
    scale += normal(1, 5, seed=8)
    shift += normal(1, 5, seed=9)

    def hat(z):
        return (z - z.mean(axis=1)[:, None]) / np.sqrt(z.var(axis=1)[:, None] + 1e-5)

    h = x @ w1 + b1
    h = h + np.tanh(hat(np.tanh(hat(h)) @ w2 + b2)) @ w3 + b3
    expected = np.tanh(scale * hat(h) + shift) @ w4 + b4
    np.testing.assert_allclose(net.forward(x), expected, rtol=1e-12)


@each_kind
@each_residual
def test_parameters_gradients_and_arrays_come_in_the_order_of_the_layers(kind, residual):
    net = network(sizes=DEEP, normalization=kind, residual_block_size=residual)
    net.backward(np.ones_like(net.forward(normal(7, 4))))
    names = {Dense: ("weight", "bias"), Activation: ()}
    expected = [
        (layer, name)
        for layer in net.flat_layers
        for name in names.get(type(layer), ("scale", "shift"))
    ]
    assert len(expected) == 10 + (0 if kind is None else 8)
    for k, (layer, name) in enumerate(expected):
        assert net.parameters()[k] is getattr(layer, name)
        assert net.state()[k] is getattr(layer, name)
        assert net.gradients()[k] is getattr(layer, f"{name}_grad")
        assert net.gradients()[k].shape == net.parameters()[k].shape
    averages = [
        average
        for layer in net.flat_layers
        if isinstance(layer, BatchNorm)
        for average in (layer.running_mean, layer.running_variance)
    ]
    assert len(averages) == (8 if kind is BatchNorm else 0)
    rest = net.state()[len(expected) :]
    assert len(rest) == len(averages)
    assert all(a is b for a, b in zip(rest, averages, strict=True))


def used(kind, residual, seed=0, **settings):
    """A network that has averages of its own, and scales and shifts that are not the first ones."""
    net = network(seed, sizes=DEEP, normalization=kind, residual_block_size=residual, **settings)
    for layer in net.flat_layers:
        if hasattr(layer, "scale"):
            layer.scale += normal(1, 5, seed=seed + 20) / 3
            layer.shift += normal(1, 5, seed=seed + 30) / 3
    for step in range(3):
        net.forward(normal(7, 4, seed=10 * seed + step))
        net.backward(normal(7, 3, seed=step))
    return net


@each_kind
@each_residual
@pytest.mark.parametrize("shared", [True, False], ids=["shared inputs", "inputs of their own"])
def test_a_stack_of_any_architecture_computes_what_its_members_compute_alone(
    kind, residual, shared
):
    alone = [used(kind, residual, seed) for seed in (1, 2, 3)]
    stack = MLP.stack(alone)
    assert stack.stack_shape == (3,)
    x, grad = normal(*(() if shared else (3,)), 7, 4, seed=6), normal(3, 7, 3, seed=7)
    outputs, grad_x = stack.forward(x), stack.backward(grad)
    for k, (net, back) in enumerate(zip(alone, stack.unstack(), strict=True)):
        np.testing.assert_allclose(outputs[k], net.forward(x if shared else x[k]), rtol=1e-11)
        np.testing.assert_allclose(grad_x[k], net.backward(grad[k]), rtol=1e-9, atol=1e-12)
        for ours, own in zip(stack.gradients(), net.gradients(), strict=True):
            np.testing.assert_allclose(ours[k], own, rtol=1e-9, atol=1e-12)
        for ours, own in zip(back.state(), net.state(), strict=True):  # running averages, too
            assert ours.shape == own.shape
            np.testing.assert_allclose(ours, own, rtol=1e-12, atol=1e-13)


@each_kind
@each_residual
def test_stack_unstack_and_copy_keep_every_array_and_share_none(kind, residual):
    alone = [used(kind, residual, seed) for seed in (1, 2)]
    before = [contents(*net.state()) for net in alone]
    stack = MLP.stack(alone)
    back, copies = stack.unstack(), [net.copy() for net in alone]
    for net, again, other in zip(before, back, copies, strict=True):
        assert contents(*again.state()) == contents(*other.state()) == net
    for net in (stack, *back, *copies):
        assert net.gradients() == [None] * len(net.parameters())
        with pytest.raises(RuntimeError):
            net.backward(normal(*net.stack_shape, 7, 3))
        net.forward(normal(7, 4))
        net.backward(normal(*net.stack_shape, 7, 3))
        for array in net.state():
            array += 1
    assert [contents(*net.state()) for net in alone] == before


def state(net):
    """Return everything that a network's layers hold: names, the very objects, and their bytes."""
    found = []
    for layer in net.flat_layers:
        for name, value in vars(layer).items():
            held = value.tobytes() if isinstance(value, np.ndarray) else value
            found.append((name, id(value), held))
    return found


@each_kind
@each_residual
@pytest.mark.parametrize("way", ["view", "for_inference"])
def test_a_probe_of_any_architecture_shares_parameters_and_leaves_no_trace(kind, residual, way):
    net = used(kind, residual)
    before = state(net)
    probe = getattr(net, way)()
    assert probe.gradients() == [None] * len(net.parameters())
    for a, b in zip(probe.parameters(), net.parameters(), strict=True):
        assert a is b
    probe.forward(normal(9, 4, seed=8) + 5)
    probe.backward(normal(9, 3))
    assert state(net) == before
    net.parameters()[0][...] = 0.0
    x = normal(7, 4)
    expected = net.forward(x) if way == "view" else net.for_inference().forward(x)
    np.testing.assert_array_equal(getattr(net, way)().forward(x), expected)


@each_residual
def test_running_averages_move_with_backward_and_not_with_forward(residual):
    net = used(BatchNorm, residual)
    averages = net.state()[len(net.parameters()) :]
    before = contents(*averages)
    net.forward(normal(7, 4, seed=8) + 5)
    assert contents(*averages) == before
    net.backward(normal(7, 3), input_grad=False)
    assert all(a != b for a, b in zip(contents(*averages), before, strict=True))
    assert all(a is b for a, b in zip(net.state()[len(net.parameters()) :], averages, strict=True))


@each_kind
@each_residual
@pytest.mark.parametrize("stacked", [False, True])
def test_in_inference_no_example_depends_on_another_one(kind, residual, stacked):
    net = used(kind, residual)
    net = MLP.stack([net, used(kind, residual, 1)]) if stacked else net
    x = normal(7, 4)
    together = net.for_inference().forward(x)
    for k in range(7):
        alone = net.for_inference().forward(x[k : k + 1])[..., 0, :]
        np.testing.assert_allclose(together[..., k, :], alone, rtol=1e-11, atol=1e-13)
    if kind is not BatchNorm:
        np.testing.assert_array_equal(together, net.forward(x))
    else:
        assert np.abs(together - net.forward(x)).max() > 0.01


def test_networks_in_inference_and_in_training_are_not_stacked():
    net = used(BatchNorm, 2)
    with pytest.raises(ValueError, match="cannot be stacked"):
        MLP.stack([net, net.for_inference()])


def test_what_is_made_of_a_network_in_inference_is_in_inference():
    net, x = used(BatchNorm, 2).for_inference(), normal(7, 4)
    expected = net.forward(x)
    before = contents(*net.state())
    for other in (net.copy(), net.view(), MLP.stack([net]).unstack()[0]):
        np.testing.assert_array_equal(other.forward(x), expected)
        other.backward(normal(7, 3))
        assert contents(*other.state()) == before


@each_kind
@each_residual
def test_in_single_precision_no_architecture_promotes(kind, residual):
    net = network(sizes=DEEP, normalization=kind, residual_block_size=residual, dtype=np.float32)
    out = net.forward(normal(7, 4))
    assert out.dtype == net.backward(out.astype(np.float64)).dtype == np.float32
    assert {a.dtype for a in (*net.state(), *net.gradients())} == {np.dtype(np.float32)}


@each_kind
@each_residual
def test_no_architecture_changes_its_arguments_or_parameters(kind, residual):
    net = network(sizes=DEEP, normalization=kind, residual_block_size=residual)
    x, g = normal(7, 4), normal(7, 3, seed=2)
    for array in (x, g, *net.parameters()):
        array.flags.writeable = False
    net.forward(x)
    net.backward(g)


@pytest.mark.parametrize(
    "other",
    [
        {"normalization": LayerNorm, "residual_block_size": 2},
        {"residual_block_size": 2},
        {"normalization": BatchNorm},
        {"normalization": BatchNorm, "residual_block_size": 1},
        {"normalization": BatchNorm, "residual_block_size": 3},
        {"normalization": functools.partial(BatchNorm, momentum=0.2), "residual_block_size": 2},
        {
            "normalization": functools.partial(BatchNorm, momentum=0.10000001),
            "residual_block_size": 2,
        },
        {
            "normalization": functools.partial(BatchNorm, epsilon=1.0000001e-5),
            "residual_block_size": 2,
        },
    ],
    ids=str,
)
def test_networks_of_other_layers_are_not_stacked(other):
    mine = {"normalization": BatchNorm, "residual_block_size": 2}
    nets = [network(sizes=DEEP, **settings) for settings in (mine, other)]
    assert nets[0].architecture != nets[1].architecture
    with pytest.raises(ValueError, match="sizes, layers and precision must be equal"):
        MLP.stack(nets)
    assert MLP.stack([nets[1], network(1, sizes=DEEP, **other)]).stack_shape == (2,)


def test_repr_says_what_is_between_the_dense_layers():
    assert repr(network(sizes=DEEP, normalization=BatchNorm, residual_block_size=2)) == (
        "MLP(4-5-5-5-5-3, tanh, BatchNorm, 2 residual branches, float64)"
    )
    assert repr(network(normalization=LayerNorm, output_activation="sigmoid")) == (
        "MLP(4-6-5-3, tanh, output sigmoid, LayerNorm, float64)"
    )


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (
            {"residual_block_size": 0},
            ValueError,
            "residual_block_size=0 must be a whole number of at least 1",
        ),
        (
            {"residual_block_size": 2.0},
            TypeError,
            "residual_block_size=2.0 must be a whole number",
        ),
        (
            {"residual_block_size": True},
            TypeError,
            "residual_block_size=True must be a whole number",
        ),
        (
            {"residual_block_size": 1, "sizes": (4, 6, 5, 3)},
            ValueError,
            r"sizes=\[4, 6, 5, 3\]: .*all hidden layers need the same width",
        ),
        ({"normalization": "batch"}, TypeError, "normalization='batch' must be BatchNorm or Lay"),
        ({"normalization": BatchNorm(5)}, TypeError, r"normalization=BatchNorm\(5\) must be Bat"),
    ],
)
def test_what_makes_no_normalization_and_no_branch_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        network(**({"sizes": DEEP} | wrong))


def test_inputs_of_another_stack_are_refused_by_every_architecture():
    for settings in ({"normalization": BatchNorm}, {"residual_block_size": 2}):
        stack = MLP.stack([network(k, sizes=DEEP, **settings) for k in range(2)])
        with pytest.raises(ValueError, match=r"shape \(2, 4, 5\): expected .*batch, 4\)"):
            stack.forward(np.ones((3, 7, 4)))
        stack.forward(np.ones((7, 4)))
        with pytest.raises(ValueError, match=r"grad of shape \(7, 3\) doesn't fit.*\(2, 7, 3\)"):
            stack.backward(np.ones((7, 3)))
