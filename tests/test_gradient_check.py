import numpy as np
import pytest

from initlab import initializers as init
from initlab.activations import ActivationFunction, _sigmoid, sigmoid
from initlab.gradient_check import GradientCheck, check_gradients
from initlab.layers import Activation, Dense, Residual, run_backward
from initlab.losses import mean_squared_error, softmax_cross_entropy
from initlab.network import MLP
from initlab.normalization import BatchNorm, LayerNorm

BATCH = 5
LABELS = np.array([0, 2, 1, 1, 2])


def network(
    seed=0, sizes=(4, 4, 4, 3), *, activation="tanh", std=0.8, dtype=np.float64, **settings
):
    return MLP(
        list(sizes),
        activation=activation,
        weight_init=init.normal(std),
        bias_init=init.normal(0.3),
        rng=np.random.default_rng(seed),
        dtype=dtype,
        **settings,
    )


def normal(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


def checked(net=None):
    return check_gradients(network() if net is None else net, normal(BATCH, 4), LABELS)


# -------------------------------------------------------------------------------------- right


@pytest.mark.parametrize("loss", [softmax_cross_entropy, mean_squared_error])
@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("activation", ["identity", "sigmoid", "tanh", "softsign", "gelu", "silu"])
def test_right_networks_pass(activation, stacked, loss):
    net = network(activation=activation)
    if stacked:
        net = MLP.stack([net, network(1, activation=activation)])
    answers = LABELS if loss is softmax_cross_entropy else normal(BATCH, 3, seed=3)
    found = check_gradients(net, normal(BATCH, 4), answers, loss=loss)
    assert found, str(found)
    assert 0 <= found.error <= 1e-6
    assert found.analytical == pytest.approx(found.numerical, rel=1e-4, abs=1e-7)
    parameters = 2 * (16 + 4) + 12 + 3
    assert found.entries == parameters * (2 if stacked else 1) + BATCH * 4


def test_a_stack_with_inputs_of_its_own_passes():
    stack = MLP.stack([network(), network(1)])
    found = check_gradients(stack, normal(2, BATCH, 4), LABELS)
    assert found, str(found)
    assert found.entries == 2 * (2 * 20 + 15) + 2 * BATCH * 4


def test_a_network_with_very_small_gradients_passes():
    net = MLP(
        [4] * 6,
        activation="sigmoid",
        weight_init=init.normal(0.001),
        rng=np.random.default_rng(0),
    )
    assert check_gradients(net, normal(BATCH, 4), LABELS)


def test_network_and_inputs_are_left_as_they_were():
    net, x = network(), normal(BATCH, 4)
    before = [array.tobytes() for array in (*net.parameters(), x)]
    for array in (*net.parameters(), x):
        array.flags.writeable = False
    check_gradients(net, x, LABELS)
    assert [array.tobytes() for array in (*net.parameters(), x)] == before
    assert net.gradients() == [None] * 6
    with pytest.raises(RuntimeError):
        net.backward(normal(BATCH, 3))


# ------------------------------------------------------------------------------------- broken


def broken(monkeypatch, change, *, layer):
    """Let ``change(dense, grad, grad_x)`` tamper with one Dense layer's backward."""
    right = Dense.backward

    def backward(self, grad):
        grad_x = right(self, grad)
        return change(self, grad, grad_x) if self.place == layer else grad_x

    monkeypatch.setattr(Dense, "backward", backward)
    net = network()
    for place, dense in enumerate(net.dense, start=1):
        dense.place = place  # copies of the network's layers keep it
    return net


def transposed(dense, grad, grad_x):
    dense.weight_grad = dense.weight_grad.T.copy()
    return grad_x


def doubled(dense, grad, grad_x):
    dense.weight_grad = 2 * dense.weight_grad
    return grad_x


def summed(dense, grad, grad_x):
    dense.weight_grad = BATCH * dense.weight_grad
    return grad_x


def entry_lost(dense, grad, grad_x):
    dense.weight_grad[2, 1] = 0
    return grad_x


def entry_not_a_number(dense, grad, grad_x):
    dense.weight_grad[2, 1] = np.nan
    return grad_x


def bias_mean(dense, grad, grad_x):
    dense.bias_grad = grad.mean(axis=0, keepdims=True)
    return grad_x


def bias_entry_negative(dense, grad, grad_x):
    dense.bias_grad[0, 1] *= -1
    return grad_x


def input_by_untransposed_weight(dense, grad, grad_x):
    return grad @ dense.weight


def slightly_wrong(dense, grad, grad_x):
    dense.weight_grad = 1.00001 * dense.weight_grad
    return grad_x


@pytest.mark.parametrize(
    ("change", "layer", "place"),
    [
        (transposed, 1, "layer 1, weight["),
        (transposed, 2, "layer 2, weight["),
        (doubled, 1, "layer 1, weight["),
        (doubled, 2, "layer 2, weight["),
        (doubled, 3, "layer 3, weight["),
        (slightly_wrong, 2, "layer 2, weight["),
        (summed, 3, "layer 3, weight["),
        (entry_lost, 1, "layer 1, weight[2, 1]"),
        (entry_lost, 2, "layer 2, weight[2, 1]"),
        (entry_lost, 3, "layer 3, weight[2, 1]"),
        (entry_not_a_number, 1, "layer 1, weight[2, 1]"),
        (entry_not_a_number, 3, "layer 3, weight[2, 1]"),
        (bias_mean, 2, "layer 2, bias[0, "),
        (bias_entry_negative, 3, "layer 3, bias[0, 1]"),
        (input_by_untransposed_weight, 1, "input["),
    ],
)
def test_a_broken_layer_is_caught_and_named(monkeypatch, change, layer, place):
    found = checked(broken(monkeypatch, change, layer=layer))
    assert not found
    assert not found.ok
    assert found.place.startswith(place)
    assert not found.error <= 1e-6
    assert "they differ; most at " + found.place in str(found)


def test_a_wrong_way_down_shows_below_the_broken_layer_and_not_above(monkeypatch):
    found = checked(broken(monkeypatch, input_by_untransposed_weight, layer=2))
    assert not found
    assert found.place.startswith(("input[", "layer 1, "))


def test_the_values_at_the_named_place_are_told(monkeypatch):
    right = network()
    right.backward(softmax_cross_entropy(right.forward(normal(BATCH, 4)), LABELS)[1])
    gradient = right.dense[1].weight_grad
    found = checked(broken(monkeypatch, entry_lost, layer=2))
    assert found.analytical == 0
    assert found.numerical == pytest.approx(gradient[2, 1], rel=1e-6)
    expected = abs(gradient[2, 1]) / abs(gradient).max()
    assert found.error == pytest.approx(expected, rel=1e-2)


def test_a_slope_taken_at_h_instead_of_z_is_caught_below_the_activation(monkeypatch):
    def backward(self, grad):
        return grad * self.function.derivative(self.function(self.z))

    monkeypatch.setattr(Activation, "backward", backward)
    found = checked(network(activation=sigmoid))
    assert not found
    assert found.place.startswith(("input[", "layer 1, ", "layer 2, "))


def test_a_wrong_derivative_is_caught():
    wrong = ActivationFunction(
        "wrong", _sigmoid, lambda z: np.full_like(z, 0.25), span=(0, 1), gain=1
    )
    found = checked(network(activation=wrong))
    assert not found
    assert not found.place.startswith("layer 3")


def test_a_loss_with_a_wrong_gradient_is_caught():
    def no_mean(outputs, labels):
        loss, gradient = softmax_cross_entropy(outputs, labels)
        return loss, gradient * BATCH

    assert not check_gradients(network(), normal(BATCH, 4), LABELS, loss=no_mean)


# ---------------------------------------------------------------- normalization and branches


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
def test_normalization_and_averages_are_left_as_they_were(kind):
    net = network(sizes=(4, 4, 4, 4, 3), normalization=kind, residual_block_size=2)
    net.forward(normal(BATCH, 4))
    net.backward(normal(BATCH, 3))
    before = [array.tobytes() for array in (*net.state(), *net.gradients())]
    for array in net.state():
        array.flags.writeable = False
    assert checked(net)
    assert [array.tobytes() for array in (*net.state(), *net.gradients())] == before


@pytest.mark.parametrize("name", ["scale", "shift"])
@pytest.mark.parametrize("layer", [1, 2, 3])
@pytest.mark.parametrize("residual", [None, 2])
def test_a_wrong_gradient_of_a_normalization_is_named_by_its_dense_layer(
    monkeypatch, name, layer, residual
):
    right = LayerNorm.backward

    def backward(self, grad):
        grad_x = right(self, grad)
        if self.place == layer:
            setattr(self, f"{name}_grad", 2 * getattr(self, f"{name}_grad"))
        return grad_x

    monkeypatch.setattr(LayerNorm, "backward", backward)
    net = network(sizes=(4, 4, 4, 4, 3), normalization=LayerNorm, residual_block_size=residual)
    norms = [leaf for leaf in net.flat_layers if isinstance(leaf, LayerNorm)]
    for place, norm in enumerate(norms, start=1):
        norm.place = place
    found = checked(net)
    assert not found
    assert found.place.startswith(f"layer {layer}, {name}[0, ")


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
def test_a_normalization_that_takes_mean_and_std_for_constants_is_caught(monkeypatch, kind):
    monkeypatch.setattr(kind, "_input_grad", lambda self, grad: grad / self.std)
    found = checked(network(normalization=kind))
    assert not found
    # What lies behind the way down of the last normalization is right.
    assert not found.place.startswith(("layer 3", "layer 2, scale", "layer 2, shift"))


def test_gradients_that_have_vanished_are_not_called_right():
    found = checked(network(sizes=(4, *[8] * 6, 3), std=0.01))
    assert found
    assert found.unjudged[:3] == ("input", "layer 1, weight", "layer 1, bias")
    assert "too small to judge: input, layer 1, weight" in str(found)


def test_differences_that_are_nothing_but_rounding_prove_nothing():
    found = check_gradients(network(), normal(BATCH, 4), LABELS, step=1e-16)
    assert not found
    assert str(found).startswith("nothing could be judged; too small")


def test_a_forgotten_direct_way_is_caught(monkeypatch):
    def backward(self, grad, observe):
        return run_backward(self.layers, grad, observe)

    monkeypatch.setattr(Residual, "backward", backward)
    found = checked(network(sizes=(4, 4, 4, 4, 3), residual_block_size=2))
    assert not found
    assert found.place.startswith(("input[", "layer 1, "))


# --------------------------------------------------------------------------- print and refusal


def test_the_finding_in_print():
    fine = GradientCheck(True, "layer 2, weight[3, 4]", 0.25, 0.2500001, 4e-8, 79)
    assert str(fine) == (
        "79 gradients compared, all agree; the largest difference is at layer 2, weight[3, 4]: "
        "backward says 0.25, differences say 0.25"
    )
    bad = GradientCheck(False, "input[0, 1]", 0.5, 0.25, 0.7, 79)
    assert str(bad) == (
        "79 gradients compared, they differ; most at input[0, 1]: "
        "backward says 0.5, differences say 0.25"
    )
    assert (bool(fine), bool(bad)) == (True, False)


def test_the_tolerance_decides():
    net, x = network(), normal(BATCH, 4)
    error = check_gradients(net, x, LABELS, step=1e-2).error
    assert error > 1e-6  # differences this wide are not the slope
    assert not check_gradients(net, x, LABELS, step=1e-2)
    assert check_gradients(net, x, LABELS, step=1e-2, tolerance=10 * error)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"step": 0}, ValueError, "step=0 must be a finite number above 0"),
        ({"step": "small"}, TypeError, "step='small' must be a real number"),
        ({"tolerance": -1.0}, ValueError, r"tolerance=-1\.0 must be a finite number above 0"),
    ],
)
def test_wrong_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        check_gradients(network(), normal(BATCH, 4), LABELS, **settings)


def test_what_is_no_network_and_no_array_of_floats_is_refused():
    with pytest.raises(TypeError, match="network='MLP' must be an MLP"):
        check_gradients("MLP", normal(BATCH, 4), LABELS)
    with pytest.raises(TypeError, match="x has dtype int"):
        check_gradients(network(), np.ones((BATCH, 4), dtype=int), LABELS)


def test_single_precision_is_refused_with_the_remedy():
    with pytest.raises(TypeError, match=r"dtype float32.*build it with dtype=np\.float64"):
        checked(network(dtype=np.float32))
