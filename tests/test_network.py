import functools
import re
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from initlab import initializers as init
from initlab.activations import ACTIVATIONS, leaky_relu_with, relu, sigmoid, tanh
from initlab.layers import Activation, Dense, Residual
from initlab.network import MLP
from initlab.normalization import BatchNorm, LayerNorm

SIZES = (4, 6, 5, 3)
DEEP = (4, 5, 5, 5, 5, 3)
KINDS = [None, BatchNorm, LayerNorm]
each_architecture = pytest.mark.parametrize(("kind", "residual"), [*product(KINDS, [None, 1, 2])])


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


def contents(*arrays):
    return [array.tobytes() for array in arrays]


# ------------------------------------------------------------------------------- one network


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


def test_numbers_that_overflow_are_infinite_and_no_warning():
    net = network(activation=relu, weight_init=init.normal(1e30), dtype=np.float32)
    out = net.forward(normal(7, 4))
    assert not np.all(np.isfinite(out))
    assert not np.all(np.isfinite(net.backward(np.ones((7, 3)))))


# ---------------------------------------------------------------------------------- the draw


def test_each_layer_draws_its_weights_and_then_its_biases_from_a_child_of_the_generator():
    for sizes, residual in ((SIZES, None), (DEEP, 2)):
        net = network(5, sizes, normalization=LayerNorm, residual_block_size=residual)
        children = np.random.default_rng(5).spawn(len(sizes) - 1)
        for layer, pair, child in zip(net.dense, pairwise(sizes), children, strict=True):
            np.testing.assert_array_equal(layer.weight, init.normal(0.7)(child, pair))
            np.testing.assert_array_equal(layer.bias, init.normal(0.3)(child, (1, pair[1])))


@each_architecture
def test_both_precisions_of_one_seed_agree_to_rounding_and_nothing_is_promoted(kind, residual):
    double, single = (
        network(sizes=DEEP, normalization=kind, residual_block_size=residual, dtype=dtype)
        for dtype in (np.float64, np.float32)
    )
    assert (double.dtype, single.dtype) == (np.dtype(np.float64), np.dtype(np.float32))
    for a, b in zip(double.parameters(), single.parameters(), strict=True):
        np.testing.assert_array_equal(a.astype(np.float32), b)
    x, g = normal(7, 4), normal(7, 3, seed=2)
    outputs, grad_x = single.forward(x), single.backward(g)
    assert outputs.dtype == grad_x.dtype == np.float32
    np.testing.assert_allclose(outputs, double.forward(x), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(grad_x, double.backward(g), rtol=1e-3, atol=1e-4)
    for a, b in zip(double.gradients(), single.gradients(), strict=True):
        assert b.dtype == np.float32
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-3)
    assert {array.dtype for array in single.state()} == {np.dtype(np.float32)}


def test_biases_are_zero_and_precision_is_double_by_default():
    net = MLP([3, 2], activation=relu, weight_init=init.normal(1), rng=np.random.default_rng(0))
    np.testing.assert_array_equal(net.dense[0].bias, [[0, 0]])
    assert net.dtype == np.float64


# -------------------------------------------------------------------------------- the stack


def test_what_cannot_be_stacked_or_unstacked_is_refused_by_name():
    stack = MLP.stack(network(seed) for seed in range(2))  # any iterable will do
    assert stack.stack_shape == (2,)
    with pytest.raises(ValueError, match=r"2 x MLP\(4-6-5-3.* is a stack already.*\.unstack\(\)"):
        MLP.stack([stack, stack])
    with pytest.raises(ValueError, match="there is nothing to stack"):
        MLP.stack([])
    with pytest.raises(TypeError, match="network='relu' must be an MLP"):
        MLP.stack([network(), "relu"])
    with pytest.raises(ValueError, match=r"MLP\(4-6-5-3, tanh, float64\) is a single network"):
        network().unstack()


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"sizes": (4, 6, 4, 3)}, "MLP(4-6-4-3, tanh, float64)"),
        ({"activation": relu}, "MLP(4-6-5-3, relu, float64)"),
        ({"activation": leaky_relu_with(0.2)}, "MLP(4-6-5-3, leaky_relu(0.2), float64)"),
        ({"dtype": np.float32}, "MLP(4-6-5-3, tanh, float32)"),
        ({"output_activation": sigmoid}, "MLP(4-6-5-3, tanh, output sigmoid, float64)"),
        ({"normalization": LayerNorm}, "MLP(4-6-5-3, tanh, LayerNorm, float64)"),
        (
            {"sizes": (4, 5, 5, 5, 5, 3), "normalization": BatchNorm, "residual_block_size": 2},
            "MLP(4-5-5-5-5-3, tanh, BatchNorm, 2 residual branches, float64)",
        ),
    ],
)
def test_a_network_says_what_it_is_and_is_not_stacked_with_another_kind(settings, shown):
    other = network(**settings)
    assert repr(other) == shown
    assert repr(MLP.stack([other] * 3)) == f"3 x {shown}"
    message = re.escape(f"{shown} cannot be stacked with MLP(4-6-5-3, tanh, float64)")
    with pytest.raises(ValueError, match=message):
        MLP.stack([network(), network(), other])


# -------------------------------------------------------------------------- shown and refused


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"sizes": [4]}, ValueError, r"sizes=\[4\] must hold at least inputs and outputs"),
        ({"sizes": 4}, TypeError, "sizes=4 must be a list"),
        ({"sizes": [4, 0, 3]}, ValueError, r"sizes\[1\]=0 must be a whole number of at least 1"),
        ({"activation": np.tanh}, TypeError, "activation=<ufunc 'tanh'> must be one of the name"),
        ({"output_activation": "sigmoyd"}, ValueError, "'sigmoyd'.*did you mean 'sigmoid'"),
        ({"dtype": None}, TypeError, r"dtype=None must be np\.float32"),
        ({"rng": 0}, TypeError, r"rng=0 must be a numpy\.random\.Generator"),
        ({"weight_init": init.he_normal}, TypeError, "call it first"),
        ({"bias_init": "zeros"}, TypeError, "bias_init='zeros' must be an initializer"),
        ({"residual_block_size": 0}, ValueError, "residual_block_size=0 must be a whole number of"),
        ({"residual_block_size": True}, TypeError, "residual_block_size=True must be a whole num"),
        (
            {"residual_block_size": 1},
            ValueError,
            r"\[4, 6, 5, 3\]: .*residual branches need one hidden width",
        ),
        ({"normalization": "batch"}, TypeError, "normalization='batch' must be BatchNorm or Lay"),
        ({"normalization": BatchNorm(5)}, TypeError, r"normalization=BatchNorm\(5\) must be Bat"),
    ],
)
def test_wrong_arguments_are_named_with_value_and_remedy(wrong, error, message):
    right = {"sizes": SIZES, "activation": relu, "weight_init": init.normal(1)}
    right["rng"] = np.random.default_rng(0)
    with pytest.raises(error, match=message):
        MLP(**(right | wrong))


# ------------------------------------------------------------------ normalization and branches


def shown(layers):
    """Return a row of layers as a word: d, n, a, and branches in brackets."""
    letters = {Dense: "d", Activation: "a", BatchNorm: "n", LayerNorm: "n"}
    return "".join(
        f"[{shown(la.layers)}]" if isinstance(la, Residual) else letters[type(la)] for la in layers
    )


@pytest.mark.parametrize(
    ("sizes", "kind", "residual", "expected"),
    [
        (DEEP, None, None, "dadadadad"),
        (DEEP, BatchNorm, None, "dnadnadnadnad"),
        (DEEP, None, 1, "d[ad][ad][ad]ad"),
        (DEEP, None, 2, "d[adad][ad]ad"),
        (DEEP, None, 9, "d[adadad]ad"),
        (DEEP, LayerNorm, 2, "d[nadnad][nad]nad"),
        ((4, 5, 3), BatchNorm, 2, "dnad"),
        ((4, 3), BatchNorm, 2, "d"),
    ],
)
def test_where_normalization_and_branches_stand(sizes, kind, residual, expected):
    settings = {"normalization": kind, "residual_block_size": residual}
    net = network(sizes=sizes, **settings)
    assert shown(net.layers) == expected
    assert shown(net.flat_layers) == expected.replace("[", "").replace("]", "")
    assert [layer.weight.shape for layer in net.dense] == list(pairwise(sizes))
    assert (net.sizes, net.stack_shape) == (list(sizes), ())
    output = network(sizes=sizes, output_activation="sigmoid", **settings)
    assert shown(output.layers) == expected + "a"
    np.testing.assert_allclose(
        output.forward(normal(7, 4)), sigmoid(net.forward(normal(7, 4))), rtol=1e-12
    )


def test_a_normalized_residual_network_is_the_formula_written_out():
    x = normal(7, 4)
    net = network(sizes=(4, 5, 5, 5, 3), normalization=LayerNorm, residual_block_size=2)
    w1, b1, _, _, w2, b2, _, _, w3, b3, scale, shift, w4, b4 = net.parameters()
    scale += normal(1, 5, seed=8)
    shift += normal(1, 5, seed=9)

    def hat(z):
        return (z - z.mean(axis=1)[:, None]) / np.sqrt(z.var(axis=1)[:, None] + 1e-5)

    h = x @ w1 + b1
    h = h + np.tanh(hat(np.tanh(hat(h)) @ w2 + b2)) @ w3 + b3
    expected = np.tanh(scale * hat(h) + shift) @ w4 + b4
    np.testing.assert_allclose(net.forward(x), expected, rtol=1e-12)
    wide = network(sizes=(4, 7, 5, 6, 3), normalization=LayerNorm)
    found = [layer.scale.shape for layer in wide.flat_layers if isinstance(layer, LayerNorm)]
    assert found == [(1, 7), (1, 5), (1, 6)]


@each_architecture
def test_parameters_gradients_and_averages_come_in_the_order_of_the_layers(kind, residual):
    net = network(sizes=DEEP, normalization=kind, residual_block_size=residual)
    x, grad = normal(7, 4), normal(7, 3, seed=2)
    for array in (x, grad, *net.parameters()):
        array.flags.writeable = False
    assert net.gradients() == [None] * len(net.parameters())
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        net.backward(grad)
    net.forward(x)
    assert net.backward(grad).shape == x.shape
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
        id(average)
        for layer in net.flat_layers
        if isinstance(layer, BatchNorm)
        for average in (layer.running_mean, layer.running_variance)
    ]
    assert len(averages) == (8 if kind is BatchNorm else 0)
    assert [id(array) for array in net.state()[len(expected) :]] == averages
    wanted = contents(*net.gradients())
    assert net.backward(grad, input_grad=False) is None
    assert contents(*net.gradients()) == wanted


def used(kind, residual, seed=0, sizes=DEEP, **settings):
    """A network that has averages of its own, and scales and shifts that are not the first ones."""
    net = network(seed, sizes=sizes, normalization=kind, residual_block_size=residual, **settings)
    for layer in net.flat_layers:
        if hasattr(layer, "scale"):
            layer.scale += normal(1, 5, seed=seed + 20) / 3
            layer.shift += normal(1, 5, seed=seed + 30) / 3
    for step in range(2):
        net.forward(normal(7, 4, seed=10 * seed + step))
        net.backward(normal(7, 3, seed=step))
    return net


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    kind=st.sampled_from(KINDS),
    residual=st.sampled_from([None, 1, 2, 3]),
    sizes=st.sampled_from([(4, 3), (4, 5, 3), DEEP]),
    activation=st.sampled_from([*ACTIVATIONS]),
    output=st.sampled_from(["identity", "tanh"]),
    count=st.integers(1, 3),
    shared=st.booleans(),
)
def test_a_stack_of_any_architecture_computes_what_its_members_compute_alone(
    kind, residual, sizes, activation, output, count, shared
):
    made = {"activation": activation, "output_activation": output, "sizes": sizes}
    alone = [used(kind, residual, seed, **made) for seed in range(count)]
    before = [contents(*net.state()) for net in alone]
    stack = MLP.stack(alone)
    assert (stack.stack_shape, stack.activation) == ((count,), ACTIVATIONS[activation])
    x, grad = normal(*(() if shared else (count,)), 7, 4, seed=6), normal(count, 7, 3, seed=7)
    outputs, grad_x = stack.forward(x), stack.backward(grad)
    assert [contents(*net.state()) for net in alone] == before  # the averages of the stack moved
    for k, (net, back) in enumerate(zip(alone, stack.unstack(), strict=True)):
        own = net.forward(x if shared else x[k])
        np.testing.assert_allclose(outputs[k], own, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(grad_x[k], net.backward(grad[k]), rtol=1e-7, atol=1e-10)
        for ours, own in zip(stack.gradients(), net.gradients(), strict=True):
            np.testing.assert_allclose(ours[k], own, rtol=1e-7, atol=1e-10)
        assert back.architecture == net.architecture
        for ours, own in zip(back.state(), net.state(), strict=True):  # running averages, too
            assert ours.shape == own.shape
            np.testing.assert_allclose(ours, own, rtol=1e-11, atol=1e-12)


@each_architecture
def test_stack_unstack_and_copy_keep_every_array_and_share_none(kind, residual):
    alone = [used(kind, residual, seed) for seed in (1, 2)]
    before = [contents(*net.state()) for net in alone]
    stack = MLP.stack(alone)
    back, copies = stack.unstack(), [net.copy() for net in alone]
    for net, again, other in zip(before, back, copies, strict=True):
        assert contents(*again.state()) == contents(*other.state()) == net
        pairs = zip(stack.state(), again.state(), strict=True)
        assert not any(np.shares_memory(one, other) for one, other in pairs)
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


@each_architecture
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


@each_architecture
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


def test_what_is_made_of_a_network_in_inference_is_in_inference():
    trained, x = used(BatchNorm, 2), normal(7, 4)
    net = trained.for_inference()
    with pytest.raises(ValueError, match="cannot be stacked"):
        MLP.stack([trained, net])
    expected = net.forward(x)
    before = contents(*net.state())
    for other in (net.copy(), net.view(), MLP.stack([net]).unstack()[0]):
        np.testing.assert_array_equal(other.forward(x), expected)
        other.backward(normal(7, 3))
        assert contents(*other.state()) == before


@pytest.mark.parametrize(
    "other",
    [
        {"normalization": LayerNorm},
        {"residual_block_size": 3},
        {"normalization": functools.partial(BatchNorm, momentum=0.10000001)},
        {"normalization": functools.partial(BatchNorm, epsilon=1.0000001e-5)},
        {"activation": leaky_relu_with(0.2 + 1e-9)},
    ],
    ids=str,
)
def test_networks_of_other_layers_are_not_stacked(other):
    mine = {"normalization": BatchNorm, "residual_block_size": 2, "sizes": DEEP}
    mine |= {"activation": leaky_relu_with(0.2)}
    nets = [network(**mine), network(**mine | other)]
    with pytest.raises(ValueError, match="sizes, layers and precision must be equal"):
        MLP.stack(nets)
    assert MLP.stack([nets[1], network(1, **mine | other)]).stack_shape == (2,)
