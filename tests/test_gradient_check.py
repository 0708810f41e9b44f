"""The gradient check passes what is right, and names the place of what is wrong."""

import numpy as np
import pytest

from initlab import initializers as init
from initlab.activations import ACTIVATIONS, sigmoid
from initlab.gradient_check import check_gradients
from initlab.layers import Activation, Dense, Residual, run_backward
from initlab.losses import mean_squared_error, softmax_cross_entropy
from initlab.network import MLP
from initlab.normalization import BatchNorm, LayerNorm

BATCH = 5
LABELS = np.array([0, 2, 1, 1, 2])


def network(seed=0, sizes=(4, 4, 4, 3), *, activation="tanh", std=0.8, **settings):
    return MLP(
        list(sizes),
        activation=activation,
        weight_init=init.normal(std),
        bias_init=init.normal(0.3),
        rng=np.random.default_rng(seed),
        **settings,
    )


def normal(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


def checked(net=None, **settings):
    net = network() if net is None else net
    return check_gradients(net, normal(BATCH, 4), LABELS, **settings)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_passes(activation):
    found = checked(network(activation=activation))
    assert found, str(found)
    assert f"all agree; the largest difference is at {found.place}: " in str(found)
    assert 0 <= found.error <= 1e-6
    assert found.analytical == pytest.approx(found.numerical, rel=1e-4, abs=1e-7)
    assert found.entries == 2 * (16 + 4) + 12 + 3 + BATCH * 4


@pytest.mark.parametrize("own_inputs", [False, True])
@pytest.mark.parametrize(
    ("loss", "answers"),
    [(softmax_cross_entropy, LABELS), (mean_squared_error, normal(BATCH, 3, seed=3))],
)
def test_stacks_pass_with_any_loss(loss, answers, own_inputs):
    stack = MLP.stack([network(), network(1)])
    x = normal(*[2] * own_inputs, BATCH, 4)
    found = check_gradients(stack, x, answers, loss=loss)
    assert found, str(found)
    assert found.entries == 2 * (2 * 20 + 15) + x.size


@pytest.mark.parametrize("kind", [None, BatchNorm, LayerNorm])
def test_network_and_inputs_are_left_as_they_were(kind):
    net, x = network(sizes=(4, 4, 4, 4, 3), normalization=kind, residual_block_size=2), normal(5, 4)
    net.forward(x)
    net.backward(normal(BATCH, 3))
    before = [array.tobytes() for array in (*net.state(), *net.gradients(), x)]
    for array in (*net.state(), x):
        array.flags.writeable = False
    assert check_gradients(net, x, LABELS)
    assert [array.tobytes() for array in (*net.state(), *net.gradients(), x)] == before
    fresh = network()
    assert checked(fresh)
    assert fresh.gradients() == [None] * 6


def broken(monkeypatch, kind, place, name, wrong, **settings):
    """Let the backward of one layer of a kind give a wrong gradient."""
    right = kind.backward

    def backward(self, grad):
        grad_x = right(self, grad)
        if self.place != place:
            return grad_x
        found = wrong(self, grad)
        if name == "input":
            return found
        setattr(self, f"{name}_grad", found)
        return grad_x

    monkeypatch.setattr(kind, "backward", backward)
    net = network(**settings)
    for number, layer in enumerate((la for la in net.flat_layers if isinstance(la, kind)), start=1):
        layer.place = number  # copies of the network's layers keep it
    return net


def entry(value):
    def wrong(dense, grad):
        dense.weight_grad[2, 1] = value
        return dense.weight_grad

    return wrong


@pytest.mark.parametrize(
    ("layer", "name", "wrong", "place"),
    [
        (2, "weight", lambda dense, grad: dense.weight_grad.T, "layer 2, weight["),
        (1, "weight", lambda dense, grad: 2 * dense.weight_grad, "layer 1, weight["),
        (3, "weight", lambda dense, grad: BATCH * dense.weight_grad, "layer 3, weight["),
        (2, "weight", lambda dense, grad: 1.00001 * dense.weight_grad, "layer 2, weight["),
        (1, "weight", entry(0), "layer 1, weight[2, 1]"),
        (3, "weight", entry(0), "layer 3, weight[2, 1]"),
        (2, "weight", entry(np.nan), "layer 2, weight[2, 1]"),
        (3, "bias", lambda dense, grad: dense.bias_grad * [1, -1, 1], "layer 3, bias[0, 1]"),
        (2, "bias", lambda dense, grad: dense.bias_grad / BATCH, "layer 2, bias[0, "),
        (1, "input", lambda dense, grad: grad @ dense.weight, "input["),
        (2, "input", lambda dense, grad: grad @ dense.weight, ("input[", "layer 1, ")),
    ],
)
def test_a_broken_layer_is_caught_and_named(monkeypatch, layer, name, wrong, place):
    found = checked(broken(monkeypatch, Dense, layer, name, wrong))
    assert not found
    assert not found.ok
    assert found.place.startswith(place)
    assert not found.error <= 1e-6
    assert "they differ; most at " + found.place in str(found)


def test_the_values_at_the_named_place_are_told(monkeypatch):
    right = network()
    right.backward(softmax_cross_entropy(right.forward(normal(BATCH, 4)), LABELS)[1])
    gradient = right.dense[1].weight_grad
    found = checked(broken(monkeypatch, Dense, 2, "weight", entry(0)))
    assert found.analytical == 0
    assert found.numerical == pytest.approx(gradient[2, 1], rel=1e-6)
    expected = abs(gradient[2, 1]) / abs(gradient).max()
    assert found.error == pytest.approx(expected, rel=1e-2)
    assert str(found) == (
        f"{found.entries} gradients compared, they differ; most at layer 2, weight[2, 1]: "
        f"backward says 0, differences say {found.numerical:.6g}"
    )


@pytest.mark.parametrize("name", ["scale", "shift"])
@pytest.mark.parametrize(("layer", "residual"), [(1, None), (3, None), (2, 2)])
def test_a_wrong_gradient_of_a_normalization_is_named_by_its_dense_layer(
    monkeypatch, name, layer, residual
):
    def twice(norm, grad):
        return 2 * getattr(norm, f"{name}_grad")

    settings = {"sizes": (4, 4, 4, 4, 3), "residual_block_size": residual}
    settings["normalization"] = LayerNorm
    found = checked(broken(monkeypatch, LayerNorm, layer, name, twice, **settings))
    assert not found
    assert found.place.startswith(f"layer {layer}, {name}[0, ")


def constants(self, grad):
    return grad / self.std


def no_direct_way(self, grad, observe):
    return run_backward(self.layers, grad, observe)


def slope_at_h(self, grad):
    return grad * self.function.derivative(self.function(self.z))


@pytest.mark.parametrize(
    ("kind", "name", "wrong", "settings"),
    [
        (BatchNorm, "_input_grad", constants, {"normalization": BatchNorm}),
        (LayerNorm, "_input_grad", constants, {"normalization": LayerNorm}),
        (Residual, "backward", no_direct_way, {"residual_block_size": 2, "sizes": (4,) * 4 + (3,)}),
        (Activation, "backward", slope_at_h, {"activation": sigmoid}),
    ],
)
def test_a_wrong_way_down_shows_below_it(monkeypatch, kind, name, wrong, settings):
    monkeypatch.setattr(kind, name, wrong)
    found = checked(network(**settings))
    assert not found
    assert not found.place.startswith(("layer 3", "layer 2, scale", "layer 2, shift"))


def test_a_loss_with_a_wrong_gradient_is_caught():
    def no_mean(outputs, labels):
        loss, gradient = softmax_cross_entropy(outputs, labels)
        return loss, gradient * BATCH

    assert not checked(loss=no_mean)


def test_small_gradients_are_judged_and_vanished_ones_are_not_called_right():
    assert checked(network(sizes=(4, 4, 4, 4, 4, 4), activation="sigmoid", std=0.001))
    found = checked(network(sizes=(4, *[8] * 6, 3), std=0.01))
    assert found
    assert found.unjudged[:3] == ("input", "layer 1, weight", "layer 1, bias")
    assert "too small to judge: input, layer 1, weight" in str(found)


def test_differences_that_are_nothing_but_rounding_prove_nothing():
    found = checked(step=1e-16)
    assert not found
    assert str(found).startswith("nothing could be judged; too small")


def test_the_tolerance_decides():
    error = checked(step=1e-2).error
    assert error > 1e-6  # differences this wide are not the slope
    assert not checked(step=1e-2)
    assert checked(step=1e-2, tolerance=1.01 * error)
    assert not checked(step=1e-2, tolerance=0.9 * error)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"network": "MLP"}, TypeError, "network='MLP' must be an MLP"),
        ({"network": network(dtype=np.float32)}, TypeError, r"float32.*with dtype=np\.float64"),
        ({"x": np.ones((BATCH, 4), dtype=int)}, TypeError, "x has dtype int"),
        ({"step": 0}, ValueError, "step=0 must be a finite number above 0"),
        ({"tolerance": "small"}, TypeError, "tolerance='small' must be a real number"),
    ],
)
def test_what_cannot_be_checked_is_refused_by_name(settings, error, message):
    with pytest.raises(error, match=message):
        check_gradients(**{"network": network(), "x": normal(BATCH, 4), "y": LABELS} | settings)
