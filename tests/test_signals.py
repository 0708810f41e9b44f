import math
import statistics

import numpy as np
import pytest

from initlab import initializers as init
from initlab.activations import identity, relu, sigmoid, tanh
from initlab.layers import Activation, Dense, Residual
from initlab.network import MLP
from initlab.normalization import BatchNorm, LayerNorm, Normalize
from initlab.signals import MEASUREMENTS, LayerSignals, Signals, jacobian, measure_signals


def network(seed=0, sizes=(4, 6, 5, 3), *, activation=tanh, std=1.5, **settings):
    return MLP(
        list(sizes),
        activation=activation,
        weight_init=init.normal(std),
        bias_init=init.normal(0.5),
        rng=np.random.default_rng(seed),
        **settings,
    )


def normal(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


def layer(h, *, z=None, gradient=None, activation=identity, number=1):
    h = np.asarray(h, dtype=float)
    z = h if z is None else np.asarray(z, dtype=float)
    gradient = np.zeros_like(h) if gradient is None else np.asarray(gradient, dtype=float)
    return LayerSignals(number, activation, z, h, gradient)


def naively(name, seen):
    """Return one statistic without NumPy."""
    h, z, g = seen.h.tolist(), seen.z.tolist(), seen.gradient.tolist()
    everything = [value for row in h for value in row]
    if name == "pooled_std":
        return statistics.pstdev(everything)
    if name == "across_input_std":
        return math.sqrt(statistics.mean(map(statistics.pvariance, zip(*h, strict=True))))
    if name == "saturated_fraction":
        ends = {"sigmoid": (0.01, 0.99), "tanh": (-0.98, 0.98)}
        low, high = ends.get(seen.activation.name, (-math.inf, math.inf))
        return sum(not low <= value <= high for value in everything) / len(everything)
    if name == "dead_fraction":
        columns = zip(*z, strict=True) if seen.activation.name == "relu" else ()
        return sum(max(column) <= 0 for column in columns) / len(z[0])
    sizes = [abs(value) for row in g for value in row]
    if name == "gradient_rms":
        return math.sqrt(statistics.mean(size**2 for size in sizes))
    return statistics.median(sizes)


@pytest.mark.parametrize("activation", [sigmoid, tanh, relu, identity])
def test_every_statistic_is_what_a_loop_over_the_arrays_gives(activation):
    net = network(activation=activation, sizes=(4, 9, 7, 3), std=2.5)
    if activation is relu:
        net.dense[0].bias[0, :2] = -1e6  # these are dead
    signals = measure_signals(net, normal(11, 4), rng=np.random.default_rng(2))
    for name in MEASUREMENTS:
        found = signals.each(name)
        assert found.shape == (3,)
        expected = [naively(name, seen) for seen in signals.layers]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert [getattr(seen, name) for seen in signals.layers] == found.tolist()
    if activation is relu:
        assert signals.layers[0].dead_fraction >= 2 / 9
        assert signals.layers[-1].dead_fraction == 0
        assert np.all(signals.layers[0].gradient[:, :2] == 0)
    if activation in (sigmoid, tanh):
        assert 0 < signals.layers[0].saturated_fraction < 1


@pytest.mark.parametrize(
    ("activation", "h", "expected"),
    [
        (sigmoid, [0.0099, 0.0101, 0.5, 0.9899, 0.9901], 0.4),
        (tanh, [-0.981, -0.979, 0.0, 0.979, 0.981, 0.99], 0.5),
    ],
)
def test_saturated_means_within_one_percent_of_an_end_of_the_range(activation, h, expected):
    h = np.array(h)
    z = np.log(h / (1 - h)) if activation is sigmoid else np.arctanh(h)
    seen = layer(h[np.newaxis], z=z[np.newaxis], activation=activation)
    assert seen.saturated_fraction == expected


def test_a_unit_is_dead_if_it_is_flat_for_every_input():
    z = [[-1.0, -1.0, 2.0, 0.0], [-2.0, 3.0, 1.0, -1.0], [-0.1, -1.0, 5.0, -3.0]]
    seen = layer(np.maximum(z, 0), z=z, activation=relu)
    assert seen.dead_fraction == 0.5  # the first and the last
    assert layer(z, z=z, activation=tanh).dead_fraction == 0
    assert layer(np.tanh([[1e4, 1.0]]), z=[[1e4, 1.0]], activation=tanh).dead_fraction == 0.5


def test_the_drawn_gradient_is_standard_normal_and_the_callers_own_is_taken_as_it_is():
    net, x = network(), normal(7, 4)
    drawn = measure_signals(net, x, rng=np.random.default_rng(9)).layers[-1].gradient
    np.testing.assert_array_equal(drawn, np.random.default_rng(9).standard_normal((7, 3)))
    own = measure_signals(net, x, output_gradient=2 * drawn).layers
    np.testing.assert_array_equal(own[-1].gradient, 2 * drawn)


def test_a_stack_takes_inputs_and_gradients_of_its_own():
    alone = [network(seed) for seed in (1, 2)]
    x, g = normal(2, 7, 4), normal(2, 7, 3, seed=5)
    stack = measure_signals(MLP.stack(alone), x, output_gradient=g)
    for k, net in enumerate(alone):
        single = measure_signals(net, x[k], output_gradient=g[k])
        for ours, own in zip(stack.layers, single.layers, strict=True):
            np.testing.assert_allclose(ours.h[k], own.h, rtol=1e-12)
            np.testing.assert_allclose(ours.gradient[k], own.gradient, rtol=1e-11)


@pytest.mark.parametrize("residual", [None, 2])
def test_overflow_is_a_finding_and_does_not_look_like_dead_units_or_a_vanished_gradient(residual):
    net = network(
        sizes=[50] * 31,
        activation=relu,
        std=1e3 if residual else 20,
        dtype=np.float32,
        residual_block_size=residual,
    )
    signals = measure_signals(net, normal(20, 50), rng=np.random.default_rng(2))
    assert all(signals.each(name).shape == (30,) for name in MEASUREMENTS)
    assert np.isfinite(signals.layers[0].pooled_std)
    assert not np.isfinite(signals.layers[-1].pooled_std)
    assert not np.isfinite(signals.layers[-1].across_input_std)
    assert np.isnan(signals.layers[-2].z).any()
    for seen in signals.layers:
        assert not seen.dead_fraction > 0.9, seen.number
        assert not seen.gradient_rms < 1e-3, seen.number


def test_a_gradient_that_overflows_is_infinite_and_no_warning():
    net = network(sizes=[50] * 31, activation=identity, std=30, dtype=np.float32)
    signals = measure_signals(net, np.zeros((50, 50)), rng=np.random.default_rng(2))
    assert not np.isfinite(signals.layers[0].gradient_rms)
    assert not np.isfinite(signals.layers[0].gradient_median)
    assert 0.9 < signals.layers[-1].gradient_rms < 1.1


def test_large_single_precision_numbers_are_measured_without_overflow():
    gradient = np.full((2, 2), 1e30, dtype=np.float32)
    h = np.array([[1e30, -1e30]], dtype=np.float32)
    seen = LayerSignals(1, identity, h, h, gradient)
    assert seen.gradient_rms == pytest.approx(1e30, rel=1e-6)
    assert seen.pooled_std == pytest.approx(1e30, rel=1e-6)
    assert LayerSignals(1, identity, h.T, h.T, gradient).across_input_std == pytest.approx(1e30)


def test_the_layers_of_a_stack_are_printed_with_one_number_a_network():
    h = np.array([[[0.0], [2.0]], [[0.0], [4.0]]])
    seen = layer(h, z=[[[-1.0], [2.0]], [[-1.0], [-2.0]]], gradient=h, activation=relu, number=1)
    line = (
        "layer 1   std 1 / 2   across inputs 1 / 2   saturated 0.0 / 0.0 %   dead 0.0 / 100.0 %"
        "   gradient rms 1.4 / 2.8   median 1 / 2"
    )
    assert str(seen) == line
    assert str(Signals((seen, seen))) == f"{line}\n{line}"


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"rng": None}, TypeError, "either rng or output_gradient, and not both"),
        ({"output_gradient": np.ones((7, 3))}, TypeError, "either rng or output_gradient, and not"),
        ({"rng": 0}, TypeError, r"rng=0 must be a numpy\.random\.Generator"),
        ({"rng": None, "output_gradient": np.ones((1, 3))}, ValueError, r"\(1, 3\) doesn't fit ou"),
        ({"rng": None, "output_gradient": np.ones((7, 3), int)}, TypeError, "output_.* dtype int"),
        ({"x": np.ones((7, 5))}, ValueError, r"x of shape \(7, 5\) doesn't fit"),
        ({"x": np.ones((7, 4), int)}, TypeError, "x has dtype int"),
        ({"x": np.ones((0, 4))}, ValueError, r"x has shape \(0, 4\); expected at least one input"),
        ({"network": "MLP"}, TypeError, "network='MLP' must be an MLP"),
    ],
)
def test_wrong_arguments_are_named_with_value_and_remedy(wrong, error, message):
    call = {"network": network(), "x": normal(7, 4), "rng": np.random.default_rng(0)} | wrong
    with pytest.raises(error, match=message):
        measure_signals(**call)


def test_signals_have_the_precision_of_the_network():
    found = measure_signals(network(dtype=np.float32), normal(7, 4), rng=np.random.default_rng(0))
    for layer in found.layers:
        assert layer.z.dtype == layer.h.dtype == layer.gradient.dtype == np.float32


def test_only_measurements_can_be_asked_for_by_name():
    with pytest.raises(ValueError, match="name='number': no such name"):
        Signals(()).each("number")


KINDS = {"none": None, "batch norm": BatchNorm, "layer norm": LayerNorm}
architectures = pytest.mark.parametrize(
    ("kind", "residual"),
    [(kind, residual) for kind in KINDS.values() for residual in (None, 1, 2)],
    ids=[f"{kind}, {residual}" for kind in KINDS for residual in (None, 1, 2)],
)


def built(kind, residual, seed=0, **settings):
    """A network with drawn parameters, and averages of a few batches."""
    settings = {"normalization": kind, "residual_block_size": residual} | settings
    net = network(seed, (4, 5, 5, 5, 5, 3), std=0.8, **settings)
    rng = np.random.default_rng(seed + 50)
    for leaf in net.flat_layers:
        if isinstance(leaf, Normalize):
            leaf.scale += (0.3 * rng.standard_normal(leaf.scale.shape)).astype(net.dtype)
            leaf.shift += (0.3 * rng.standard_normal(leaf.shift.shape)).astype(net.dtype)
    for step in range(3):
        net.forward(normal(7, 4, seed=step))
        net.backward(normal(7, 3, seed=step))
    return net


def handed_on(layers, x, z, nudge=None):
    """Run forward; note what each activation is handed, and move it or an output by ``nudge``.

    ``nudge`` is (place, change): places are ("z", k) before activation k, and ("out", k) behind
    Dense layer k, or behind the sum where that layer ends a branch, both counted from 1.
    """

    def moved(value, kind, count):
        return value + nudge[1] if nudge and nudge[0] == (kind, count) else value

    for layer in layers:
        if isinstance(layer, Residual):
            branch = handed_on(layer.layers[:-1], x, z, nudge)
            z["dense"] = z.get("dense", 0) + 1
            x = moved(x + layer.layers[-1].forward(branch), "out", z["dense"])
            continue
        if isinstance(layer, Activation):
            count = z["count"] = z.get("count", 0) + 1
            x = moved(x, "z", count)
            z[count] = x
        x = layer.forward(x)
        if isinstance(layer, Dense):
            z["dense"] = z.get("dense", 0) + 1
            x = moved(x, "out", z["dense"])
    return x


@architectures
@pytest.mark.parametrize("output_activation", ["identity", "sigmoid"])
def test_z_is_what_the_activation_is_handed(kind, residual, output_activation):
    net, x, z = built(kind, residual, output_activation=output_activation), normal(7, 4), {}
    signals = measure_signals(net, x, rng=np.random.default_rng(2)).layers
    outputs = handed_on(net.copy().layers, x, z)
    assert [seen.number for seen in signals] == [1, 2, 3, 4, 5]
    names = [seen.activation.name for seen in signals]
    assert names == ["tanh"] * 4 + [output_activation]
    for k, seen in enumerate(signals[:4], start=1):
        np.testing.assert_allclose(seen.z, z[k], rtol=1e-12)
        np.testing.assert_allclose(seen.h, np.tanh(z[k]), rtol=1e-12)
    np.testing.assert_allclose(signals[-1].h, outputs, rtol=1e-12)
    if output_activation == "sigmoid":
        np.testing.assert_allclose(signals[-1].z, z[5], rtol=1e-12)
    # And that is not what leaves the Dense layer, where something lies between.
    dense = net.dense[0].weight, net.dense[0].bias
    assert np.allclose(signals[0].z, x @ dense[0] + dense[1]) == (kind is None)


@architectures
def test_in_every_architecture_the_gradient_is_that_by_differences(kind, residual):
    net, x, g = built(kind, residual), normal(6, 4), normal(6, 3, seed=5)
    signals = measure_signals(net, x, output_gradient=g).layers
    layers, step = net.copy().layers, 1e-5
    # Before the activation; but where a branch begins or ends behind the layer, at the sum.
    ends = set() if residual is None else {1, 4} | ({2, 3} if residual == 1 else {3})
    for k, seen in enumerate(signals, start=1):
        place = ("out", k) if k in ends or k == 5 else ("z", k)
        for index in [(0, 0), (2, 1), (5, seen.z.shape[1] - 1)]:
            move = np.zeros_like(seen.z)
            move[index] = step
            sides = [np.sum(handed_on(layers, x, {}, (place, sign * move)) * g) for sign in (1, -1)]
            slope = (sides[0] - sides[1]) / (2 * step)
            assert seen.gradient[index] == pytest.approx(slope, rel=1e-4, abs=1e-7), (k, index)


@architectures
def test_a_stack_of_every_architecture_is_measured_like_its_networks(kind, residual):
    alone, x = [built(kind, residual, seed) for seed in (1, 2)], normal(7, 4)
    signals = measure_signals(MLP.stack(alone), x, rng=np.random.default_rng(2))
    for k, net in enumerate(alone):
        single = measure_signals(net, x, rng=np.random.default_rng(2))
        for name in MEASUREMENTS:
            assert signals.each(name).shape == (5, 2)
            np.testing.assert_allclose(signals.each(name)[:, k], single.each(name), rtol=1e-9)
    point = normal(4)
    found = jacobian(MLP.stack(alone), point)
    assert found.shape == (2, 3, 4)
    for ours, net in zip(found, alone, strict=True):
        np.testing.assert_allclose(ours, jacobian(net, point), rtol=1e-10, atol=1e-13)


def everything(net):
    return [
        (name, id(value), value.tobytes() if isinstance(value, np.ndarray) else value)
        for leaf in net.flat_layers
        for name, value in vars(leaf).items()
    ]


@architectures
def test_measuring_leaves_no_trace_in_any_architecture(kind, residual):
    net, x, g = built(kind, residual), 3 + normal(9, 4), normal(9, 3)
    before = everything(net)
    for array in (x, g):
        array.flags.writeable = False
    measure_signals(net, x, output_gradient=g)
    jacobian(net, x[0])
    assert everything(net) == before


@architectures
@pytest.mark.parametrize("output_activation", ["identity", "softsign"])
def test_the_jacobian_is_that_by_differences(kind, residual, output_activation, numerical_gradient):
    net, x = built(kind, residual, output_activation=output_activation), normal(4)
    inference = net.for_inference()
    rows = [
        numerical_gradient(lambda x, o=o: inference.forward(x[np.newaxis])[0, o], x)
        for o in range(3)
    ]
    np.testing.assert_allclose(jacobian(net, x), rows, rtol=1e-6, atol=1e-8)


def test_the_jacobian_of_a_linear_network_is_the_product_of_its_matrices():
    net = network(activation="identity")
    w1, w2, w3 = (layer.weight for layer in net.dense)
    np.testing.assert_allclose(jacobian(net, normal(4)), (w1 @ w2 @ w3).T, rtol=1e-12)
    single = jacobian(network(activation="identity", dtype=np.float32), normal(4))
    assert single.dtype == np.float32


@pytest.mark.parametrize(
    ("net", "x", "error", "message"),
    [
        ("MLP", np.ones(4), TypeError, "network='MLP' must be an MLP"),
        (network(), np.ones(5), ValueError, r"x has shape \(5,\); expected one input, \(4,\)"),
        (network(), np.ones((1, 4)), ValueError, r"x has shape \(1, 4\); expected one input"),
        (network(), np.ones(4, int), TypeError, "x has dtype int"),
    ],
)
def test_a_jacobian_is_of_a_network_at_one_input(net, x, error, message):
    with pytest.raises(error, match=message):
        jacobian(net, x)
