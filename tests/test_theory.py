import itertools
import math

import numpy as np
import pytest
from scipy.integrate import dblquad, quad

from initlab import initializers as init
from initlab import theory
from initlab.activations import ACTIVATIONS, identity, relu, sigmoid, softsign, tanh
from initlab.datasets import gaussian_inputs
from initlab.experiments import five_layers
from initlab.network import MLP
from initlab.signals import measure_signals

# Functions and slopes written out again, for numbers.
FUNCTIONS = {
    "sigmoid": (
        lambda z: 0.5 + 0.5 * math.tanh(z / 2),
        lambda z: math.exp(-abs(z)) / (1 + math.exp(-abs(z))) ** 2,
    ),
    "tanh": (math.tanh, lambda z: 1 - math.tanh(z) ** 2),
    "softsign": (lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2),
    "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
    "gelu": (
        lambda z: z * math.erfc(-z / math.sqrt(2)) / 2,
        lambda z: (
            math.erfc(-z / math.sqrt(2)) / 2 + z * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        ),
    ),
}
QS = (0.01, 0.7, 3.0, 50.0)


def density(z):
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def mean_by_quad(g):
    """Return E[g(z)], z ~ N(0, 1), from pieces narrow enough for a kink or a step at 0."""
    edges = [-10, -2, -0.3, 0, 0.3, 2, 10]
    pieces = itertools.pairwise(edges)
    return sum(
        quad(lambda z: g(z) * density(z), a, b, epsabs=1e-13, epsrel=1e-11, limit=200)[0]
        for a, b in pieces
    )


def fixed_point_by_quad(name, sigma_w2, sigma_b2):
    f, q = FUNCTIONS[name][0], 1.0
    for _ in range(500):
        before = q
        q = sigma_w2 * mean_by_quad(lambda z, q=q: f(math.sqrt(q) * z) ** 2) + sigma_b2
        if abs(q - before) < 1e-12 * q:
            break
    return q


def chi_by_quad(name, sigma_w2, q):
    slope = FUNCTIONS[name][1]
    return sigma_w2 * mean_by_quad(lambda z: slope(math.sqrt(q) * z) ** 2)


# ------------------------------------------------------------------------ size of the signal


@pytest.mark.parametrize("q", QS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_variance_map_is_the_integral_of_poole_equation_3(name, q):
    f = FUNCTIONS[name][0]
    expected = 1.7 * mean_by_quad(lambda z: f(math.sqrt(q) * z) ** 2) + 0.3
    assert theory.variance_map(q, name, 1.7, 0.3) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("q", QS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_chi_is_the_integral_of_the_squared_slope(name, q):
    expected = chi_by_quad(name, 1.7, q)
    # The variance of the biases counts through q alone.
    for sigma_b2 in (0.0, 0.3):
        assert theory.chi(name, 1.7, sigma_b2, q=q) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    ("name", "sigma_w2", "sigma_b2"),
    [
        ("tanh", 1.5, 0.05),
        ("tanh", 3.0, 0.0),
        ("sigmoid", 1.0, 0.0),
        ("sigmoid", 1e4, 0.2),
        ("softsign", 4.0, 0.1),
        ("relu", 1.2, 0.3),
        ("gelu", 1.0, 0.5),
    ],
)
def test_fixed_point_and_chi_there_agree_with_iterated_integrals(name, sigma_w2, sigma_b2):
    q = fixed_point_by_quad(name, sigma_w2, sigma_b2)
    assert theory.fixed_point(name, sigma_w2, sigma_b2) == pytest.approx(q, rel=1e-7)
    expected = chi_by_quad(name, sigma_w2, q)
    assert theory.chi(name, sigma_w2, sigma_b2) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_variance_map_leaves_its_fixed_point_where_it_is(name):
    q = theory.fixed_point(name, 0.45, 0.3)
    assert 0 < q < math.inf
    assert theory.variance_map(q, name, 0.45, 0.3) == pytest.approx(q, rel=1e-10)


@pytest.mark.parametrize(
    ("activation", "sigma_w2", "sigma_b2", "expected"),
    [
        (relu, 2.0, 0.0, 1.0),  # He: every q stays
        (relu, 2.1, 0.0, math.inf),
        (relu, 1.9, 0.0, 0.0),
        (relu, 2.0, 0.1, math.inf),
        (relu, 1.0, 0.3, 0.6),  # q = q / 2 + 0.3
        (identity, 1.0, 0.0, 1.0),
        (identity, 0.5, 0.2, 0.4),
        (identity, 1.5, 0.0, math.inf),
        (tanh, 0.9, 0.0, 0.0),
        (tanh, 1.0, 0.0, 0.0),
        (softsign, 0.5, 0.0, 0.0),
        (sigmoid, 0.0, 0.0, 0.0),
        (sigmoid, 0.0, 0.25, 0.25),
    ],
)
def test_signals_explode_die_out_or_stay(activation, sigma_w2, sigma_b2, expected):
    found = theory.fixed_point(activation, sigma_w2, sigma_b2)
    assert found == pytest.approx(expected, rel=1e-9, abs=0)


def test_tanh_just_above_one_has_a_small_fixed_point():
    # E[tanh(sqrt(q) z)**2] = q - 2 q**2 + ..., so q* is about (sigma_w2 - 1) / 2.
    assert theory.fixed_point("tanh", 1.001) == pytest.approx(0.0005, rel=0.01)


@pytest.mark.parametrize("sigma_w2", [0.3, 1.0, 2.0, 5.0])
def test_relu_has_closed_forms(sigma_w2):
    q = np.array([1e-3, 1.0, 40.0])
    np.testing.assert_allclose(theory.variance_map(q, relu, sigma_w2), sigma_w2 * q / 2, rtol=1e-12)
    with_bias = theory.variance_map(q, relu, sigma_w2, 0.7)
    np.testing.assert_allclose(with_bias, sigma_w2 * q / 2 + 0.7, rtol=1e-12)
    np.testing.assert_allclose(theory.chi(relu, sigma_w2, q=q), sigma_w2 / 2, rtol=1e-12)
    assert theory.chi(relu, sigma_w2) == pytest.approx(sigma_w2 / 2, rel=1e-12)


def test_arrays_of_q_keep_their_shape_and_equal_single_values():
    q = np.array([[0.1, 1.0, 2.0], [5.0, 0.0, 30.0]])
    for function in (
        lambda q: theory.variance_map(q, "tanh", 1.3, 0.2),
        lambda q: theory.chi("tanh", 1.3, 0.2, q=q),
        lambda q: theory.gaussian_mean(np.cos, q),
    ):
        found = function(q)
        assert found.shape == q.shape
        expected = [[float(function(value)) for value in row] for row in q]
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)


def test_gaussian_mean_knows_the_moments():
    assert theory.gaussian_mean(np.ones_like) == pytest.approx(1, rel=1e-12)
    assert theory.gaussian_mean(lambda z: z, 9.0) == pytest.approx(0, abs=1e-14)
    assert theory.gaussian_mean(np.square, 9.0) == pytest.approx(9, rel=1e-11)
    assert theory.gaussian_mean(lambda z: z**4, 9.0) == pytest.approx(3 * 81, rel=1e-11)
    # E[cos(sqrt(q) z)] = exp(-q / 2)
    assert theory.gaussian_mean(np.cos, 2.0) == pytest.approx(math.exp(-1), rel=1e-11)


# --------------------------------------------------------------------------- order and chaos


@pytest.mark.parametrize(
    ("activation", "sigma_b2", "expected", "within"),
    [
        ("tanh", 0.05, 1.76, 0.01),
        ("tanh", 0.0, 1.0, 1e-5),
        ("relu", 0.0, 2.0, 1e-6),
        ("relu", 0.3, 2.0, 1e-6),
        ("identity", 0.0, 1.0, 1e-6),
        ("leaky_relu", 0.0, 2 / 1.0001, 1e-6),
        ("softsign", 0.0, 1.0, 1e-4),
        ("sigmoid", 0.0, 103.0076, 0.001),
    ],
)
def test_critical_line(activation, sigma_b2, expected, within):
    assert theory.critical_line(activation, sigma_b2) == pytest.approx(expected, abs=within)


def test_sigmoid_without_bias_is_critical_at_sigma_w_of_about_ten():
    sigma_w = math.sqrt(theory.critical_line("sigmoid"))
    assert sigma_w == pytest.approx(10.13, abs=0.05)
    # Where exactly, is said by integrals that share nothing with the library.
    below, above = (
        chi_by_quad("sigmoid", s * s, fixed_point_by_quad("sigmoid", s * s, 0.0)) - 1
        for s in (10.149, 10.1495)
    )
    assert below < 0 < above
    assert 10.149 < sigma_w < 10.1495


@pytest.mark.parametrize(
    ("activation", "sigma_b2"),
    [("tanh", 0.05), ("tanh", 0.3), ("sigmoid", 0.0), ("sigmoid", 1.0), ("relu", 0.0)],
)
def test_chi_is_below_one_on_one_side_of_the_critical_line_and_above_on_the_other(
    activation, sigma_b2
):
    critical = theory.critical_line(activation, sigma_b2)
    assert theory.chi(activation, critical, sigma_b2) == pytest.approx(1, abs=1e-6)
    assert theory.chi(activation, 0.9 * critical, sigma_b2) < 1 - 1e-3
    assert theory.chi(activation, 1.1 * critical, sigma_b2) > 1 + 1e-3


def test_xavier_flattens_sigmoid_and_std_10_does_not():
    # The sizes at width 100: LeCun and Xavier give sigma_w2 = 1, std 10 gives 10,000.
    assert theory.chi("sigmoid", 1.0) == pytest.approx(0.0557, abs=5e-5)
    assert math.sqrt(theory.chi("sigmoid", 1.0)) == pytest.approx(0.236, abs=5e-4)
    assert theory.chi("sigmoid", 1e4) > 5


# ---------------------------------------------------------------------- likeness of two inputs


@pytest.mark.parametrize("c", [-1.0, -0.5, 0.0, 0.3, 0.9, 0.999, 1.0])
@pytest.mark.parametrize("q", [0.5, 4.0])
def test_the_correlation_map_of_relu_is_the_arc_cosine_kernel(c, q):
    # Cho, Saul (2009): E[relu(u) relu(v)] = q / (2 pi) (sin a + (pi - a) cos a), cos a = c.
    angle = math.acos(c)
    kernel = (math.sin(angle) + (math.pi - angle) * c) / math.pi
    assert theory.correlation_map(c, relu, 2.0, q=q) == pytest.approx(kernel, abs=2e-4)
    with_bias = (1.5 * q / 2 * kernel + 0.2) / (1.5 * q / 2 + 0.2)
    found = theory.correlation_map(c, relu, 1.5, 0.2, q=q)
    assert found == pytest.approx(with_bias, abs=2e-4)


@pytest.mark.parametrize("c", [-0.6, 0.2, 0.95])
def test_the_correlation_map_is_the_double_integral_of_poole_equation_5(c):
    q, sigma_w2, sigma_b2 = 1.4, 1.8, 0.1
    root, rest = math.sqrt(q), math.sqrt(1 - c * c)

    def integrand(z0, z1):
        pair = math.tanh(root * z1) * math.tanh(root * (c * z1 + rest * z0))
        return pair * density(z0) * density(z1)

    covariance = dblquad(integrand, -7, 7, -7, 7, epsabs=1e-8, epsrel=1e-8)[0]
    size = mean_by_quad(lambda z: math.tanh(root * z) ** 2)
    expected = (sigma_w2 * covariance + sigma_b2) / (sigma_w2 * size + sigma_b2)
    found = theory.correlation_map(c, "tanh", sigma_w2, sigma_b2, q=q)
    assert found == pytest.approx(expected, abs=1e-7)


def test_the_correlation_map_uses_the_fixed_point_if_not_told_a_q():
    q = theory.fixed_point("tanh", 1.8, 0.1)
    told = theory.correlation_map(0.4, "tanh", 1.8, 0.1, q=q)
    assert theory.correlation_map(0.4, "tanh", 1.8, 0.1) == told
    assert theory.correlation_map(0.4, "tanh", 1.8, 0.1, q=5 * q) != pytest.approx(told, rel=1e-3)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_equal_inputs_stay_equal(name):
    assert theory.correlation_map(1.0, name, 1.3, 0.1, q=2.0) == pytest.approx(1, abs=1e-12)


def test_the_slope_of_the_correlation_map_at_one_is_chi():
    q = theory.fixed_point("tanh", 2.5, 0.05)
    step = 1e-4
    slope = (1 - theory.correlation_map(1 - step, "tanh", 2.5, 0.05, q=q)) / step
    assert slope == pytest.approx(theory.chi("tanh", 2.5, 0.05), rel=1e-3)


def test_correlations_end_at_one_in_order_and_below_in_chaos():
    assert theory.correlation_fixed_point("tanh", 1.5, 0.05) == 1.0
    assert theory.correlation_fixed_point("sigmoid", 1.0) == 1.0
    assert theory.correlation_fixed_point("relu", 2.0) == 1.0
    assert theory.correlation_fixed_point("tanh", 3.0) == 0.0  # odd function, no bias
    c = theory.correlation_fixed_point("tanh", 3.0, 0.05)
    assert 0.01 < c < 0.9
    q = theory.fixed_point("tanh", 3.0, 0.05)
    assert theory.correlation_map(c, "tanh", 3.0, 0.05, q=q) == pytest.approx(c, abs=1e-9)
    iterated = 0.95
    for _ in range(200):
        iterated = theory.correlation_map(iterated, "tanh", 3.0, 0.05, q=q)
    assert iterated == pytest.approx(c, abs=1e-6)


def test_depth_scale_of_the_ordered_phase_is_one_over_the_log_of_chi():
    expected = -1 / math.log(chi_by_quad("tanh", 1.3, fixed_point_by_quad("tanh", 1.3, 0.05)))
    assert theory.depth_scale("tanh", 1.3, 0.05) == pytest.approx(expected, rel=1e-6)
    assert theory.depth_scale("relu", 1.0) == pytest.approx(1 / math.log(2), rel=1e-9)


@pytest.mark.parametrize("sigma_w2", [1.3, 2.5, 4.0])
def test_depth_scale_is_how_fast_correlations_reach_their_fixed_point(sigma_w2):
    q = theory.fixed_point("tanh", sigma_w2, 0.05)
    end = theory.correlation_fixed_point("tanh", sigma_w2, 0.05)
    c, distances = 0.5 * end + 0.1, []
    for _ in range(60):
        c = theory.correlation_map(c, "tanh", sigma_w2, 0.05, q=q)
        distances.append(abs(c - end))
    assert distances[0] > distances[-1]
    last = max(k for k, distance in enumerate(distances) if distance > 1e-7)
    rate = distances[last] / distances[last - 1]
    expected = -1 / math.log(rate)
    assert theory.depth_scale("tanh", sigma_w2, 0.05) == pytest.approx(expected, rel=0.01)


def test_depth_scale_is_infinite_on_the_critical_line_and_falls_away_on_both_sides():
    assert theory.depth_scale("relu", 2.0) == math.inf
    assert theory.depth_scale("identity", 1.0) == math.inf
    critical = theory.critical_line("tanh", 0.05)
    near, far = (
        [theory.depth_scale("tanh", factor * critical, 0.05) for factor in factors]
        for factors in ((0.98, 1.02), (0.5, 2.5))
    )
    assert min(near) > 25 > 9 > max(far)
    assert theory.depth_scale("tanh", 0.0) == 0.0


# ---------------------------------------------------------------------------- layer by layer


@pytest.mark.parametrize(
    ("activation", "sigma_w2", "sigma_b2", "within"),
    [
        ("tanh", 1.6, 0.1, 0.03),
        ("sigmoid", 200.0, 0.5, 0.03),
        ("relu", 2.0, 0.0, 0.08),  # without biases its size is left to chance the most
        ("gelu", 1.5, 0.3, 0.03),
    ],
)
def test_layer_by_layer_is_what_wide_networks_do(activation, sigma_w2, sigma_b2, within):
    width, depth, input_q = 1000, 4, 0.6
    measured = []
    for seed in range(3):
        weights, inputs, gradient = np.random.default_rng(seed).spawn(3)
        net = MLP(
            [width] * (depth + 1),
            activation=activation,
            output_activation=activation,
            weight_init=init.normal(math.sqrt(sigma_w2 / width)),
            bias_init=init.normal(math.sqrt(sigma_b2)),
            rng=weights,
            dtype=np.float32,
        )
        x = gaussian_inputs(150, width, rng=inputs) * math.sqrt(input_q)
        signals = measure_signals(net, x, rng=gradient)
        names = ("pooled_std", "across_input_std", "saturated_fraction", "gradient_rms")
        row = [signals.each(name) for name in names]
        row.append([np.mean(np.square(layer.z, dtype=np.float64)) for layer in signals.layers])
        measured.append(row)
    expected = theory.layer_by_layer(activation, depth, sigma_w2, sigma_b2, input_q=input_q)
    across = expected.across_input_std * math.sqrt(1 - 1 / 150)  # 150 inputs, not infinitely many
    right = (
        expected.pooled_std,
        across,
        expected.saturated_fraction,
        expected.gradient_rms,
        expected.q,
    )
    for found, theirs in zip(np.mean(measured, axis=0), right, strict=True):
        assert theirs.shape == (depth,)
        np.testing.assert_allclose(found, theirs, rtol=within, atol=0.001)


def test_layer_by_layer_knows_what_std_10_does_to_sigmoid():
    expected = theory.layer_by_layer("sigmoid", 5, 100 * 10.0**2)
    np.testing.assert_allclose(expected.saturated_fraction, 0.95, atol=0.015)
    np.testing.assert_allclose(expected.gradient_rms, [2.2, 0.83, 0.28, 0.09, 0.030], rtol=0.08)
    runs = [five_layers(init.normal(10), seed=seed, inputs=300) for seed in range(8)]
    for name in ("saturated_fraction", "gradient_rms", "pooled_std", "across_input_std"):
        found = np.array([run.each(name) for run in runs])
        value = getattr(expected, name)
        if name == "across_input_std":
            value = value * math.sqrt(1 - 1 / 300)  # 300 inputs, not infinitely many
        assert np.all(np.abs(found.mean(axis=0) - value) < 2 * found.std(axis=0)), name


def test_layer_by_layer_knows_that_xavier_makes_sigmoid_forget():
    expected = theory.layer_by_layer("sigmoid", 5, 1.0)
    np.testing.assert_allclose(expected.pooled_std, [0.21, 0.13, 0.12, 0.12, 0.12], atol=0.005)
    across = [0.21, 0.049, 0.0115, 0.0027, 0.0006]
    np.testing.assert_allclose(expected.across_input_std, across, rtol=0.08)


def test_layer_by_layer_knows_that_std_001_kills_the_gradient_of_sigmoid():
    expected = theory.layer_by_layer("sigmoid", 5, 100 * 0.01**2)
    np.testing.assert_allclose(expected.gradient_rms, [1e-7, 4e-6, 1.6e-4, 6.2e-3, 0.25], rtol=0.1)


def test_the_first_layer_has_inputs_without_likeness_and_then_follows_the_variance_map():
    expected = theory.layer_by_layer("tanh", 3, 1.2, 0.3, input_q=2.0)
    q = [1.2 * 2.0 + 0.3]
    for _ in range(2):
        q.append(float(theory.variance_map(q[-1], "tanh", 1.2, 0.3)))
    np.testing.assert_allclose(expected.q, q, rtol=1e-13)
    zero_bias = theory.layer_by_layer("tanh", 1, 1.2)
    np.testing.assert_allclose(zero_bias.across_input_std, zero_bias.pooled_std, rtol=1e-12)
    assert np.all(expected.across_input_std < expected.pooled_std)


def test_each_layer_may_have_a_size_of_its_own():
    one = theory.layer_by_layer("tanh", 3, 1.2, 0.3)
    same = theory.layer_by_layer("tanh", 3, [1.2, 1.2, 1.2], 0.3)
    own = theory.layer_by_layer("tanh", 3, (0.8, 1.2, 2.5), 0.3)
    for name in ("q", "pooled_std", "across_input_std", "saturated_fraction", "gradient_rms"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    q = [0.8 + 0.3]
    for sigma_w2 in (1.2, 2.5):
        q.append(float(theory.variance_map(q[-1], "tanh", sigma_w2, 0.3)))
    np.testing.assert_allclose(own.q, q, rtol=1e-13)
    slopes = [float(theory.chi("tanh", 1.0, q=value)) for value in own.q]
    squares = [
        1.2 * 2.5 * slopes[0] * slopes[1] * slopes[2],
        2.5 * slopes[1] * slopes[2],
        slopes[2],
    ]
    np.testing.assert_allclose(own.gradient_rms**2, squares, rtol=1e-12)


def test_inputs_that_have_much_in_common_are_told_apart_less():
    q, c = 1.2 * 2.0 + 0.3, (1.2 * 1.5 + 0.3) / (1.2 * 2.0 + 0.3)
    first = theory.layer_by_layer("tanh", 1, 1.2, 0.3, input_q=2.0, input_shared=1.5)
    # The map's own scale: the next layer's correlation without biases is alike / square.
    alike = theory.correlation_map(c, "tanh", 1.0, 0.0, q=q)
    square = mean_by_quad(lambda z: math.tanh(math.sqrt(q) * z) ** 2)
    across = math.sqrt(square * (1 - alike))
    assert first.across_input_std[0] == pytest.approx(across, rel=1e-9)
    equal = theory.layer_by_layer("tanh", 3, 1.2, 0.3, input_q=2.0, input_shared=2.0)
    np.testing.assert_allclose(equal.across_input_std, 0, atol=1e-7)


def test_the_last_gradient_is_the_slope_and_each_layer_above_multiplies_by_chi():
    expected = theory.layer_by_layer("tanh", 3, 1.2, 0.3)
    slopes = [float(theory.chi("tanh", 1.0, q=q)) for q in expected.q]
    squares = [1.2**2 * slopes[0] * slopes[1] * slopes[2], 1.2 * slopes[1] * slopes[2], slopes[2]]
    np.testing.assert_allclose(expected.gradient_rms**2, squares, rtol=1e-12)


def test_layer_by_layer_resolves_how_little_tells_inputs_apart():
    # Each layer multiplies the variance across inputs by chi, also where it is very small.
    across = theory.layer_by_layer("sigmoid", 8, 0.01).across_input_std
    rate = math.sqrt(theory.chi("sigmoid", 0.01))
    np.testing.assert_allclose(across[1:] / across[:-1], rate, rtol=0.01)


def test_what_tells_inputs_apart_shrinks_without_a_jump():
    # For small differences the variance across inputs is proportional to that of z.
    differences = np.geomspace(1e-5, 1e-2, 40)
    found = [
        theory.layer_by_layer("tanh", 1, 1.2, input_shared=1 - d).across_input_std[0] ** 2 / d
        for d in differences
    ]
    curve = np.polyfit(differences, found, 2)
    np.testing.assert_allclose(found, np.polyval(curve, differences), rtol=1e-6)
    assert curve[-1] == pytest.approx(float(theory.chi("tanh", 1.2, q=1.2)), rel=1e-5)


def test_no_weights_no_signal():
    expected = theory.layer_by_layer("sigmoid", 3, 0.0)
    for name, value in [("q", 0), ("pooled_std", 0), ("across_input_std", 0)]:
        np.testing.assert_array_equal(getattr(expected, name), [value] * 3)
    np.testing.assert_array_equal(expected.saturated_fraction, [0, 0, 0])
    np.testing.assert_allclose(expected.gradient_rms, [0, 0, 0.25], rtol=1e-12)


# -------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: theory.variance_map(1.0, "tanh", -1), ValueError, "sigma_w2=-1: .*at least 0"),
        (lambda: theory.variance_map(1.0, "tanh", 1, -1), ValueError, "sigma_b2=-1: .*at least 0"),
        (lambda: theory.variance_map(1.0, "thanh", 1), ValueError, "'thanh'.*did you mean 'tanh'"),
        (lambda: theory.fixed_point("tanh", math.inf), ValueError, "sigma_w2=inf: .*finite"),
        (
            lambda: theory.fixed_point("tanh", "2"),
            TypeError,
            "sigma_w2='2' must be a real number",
        ),
        (lambda: theory.chi("tanh", math.nan), ValueError, "sigma_w2=nan"),
        (lambda: theory.critical_line("tanh", -0.1), ValueError, r"sigma_b2=-0\.1"),
        (
            lambda: theory.correlation_map(1.2, "tanh", 1),
            ValueError,
            r"correlation=1\.2: .*-1 to 1",
        ),
        (lambda: theory.correlation_map(-1.2, "tanh", 1), ValueError, r"correlation=-1\.2"),
        (lambda: theory.correlation_map(0, "tanh", 1, q=0), ValueError, "q=0: .*above 0"),
        (lambda: theory.correlation_fixed_point("tanh", -1), ValueError, "sigma_w2=-1"),
        (lambda: theory.depth_scale("tanh", -1), ValueError, "sigma_w2=-1"),
        (lambda: theory.layer_by_layer("tanh", 0, 1), ValueError, "depth=0: .*at least 1"),
        (lambda: theory.layer_by_layer("tanh", 2.0, 1), TypeError, r"depth=2\.0 must be a whole"),
        (lambda: theory.layer_by_layer("tanh", 2, 1, input_q=-1), ValueError, "input_q=-1"),
        (
            lambda: theory.layer_by_layer("tanh", 2, 1, input_q=1, input_shared=-1.5),
            ValueError,
            r"input_shared=-1\.5 must be at most input_q=1 in size",
        ),
        (
            lambda: theory.layer_by_layer("tanh", 2, [1.0, 1.0, 1.0]),
            ValueError,
            r"sigma_w2=\[1\.0, 1\.0, 1\.0\] must be one number, or one for each of 2",
        ),
        (lambda: theory.layer_by_layer("tanh", 2, [1.0, -1.0]), ValueError, r"sigma_w2=-1\.0"),
        (lambda: theory.variance_map(-1.0, "tanh", 1), ValueError, r"q=-1\.0: .*at least 0"),
        (lambda: theory.variance_map(math.inf, "tanh", 1), ValueError, "q=inf must be finite"),
        (
            lambda: theory.variance_map(np.array([1.0, np.nan]), "tanh", 1),
            ValueError,
            "nan.* must be finite",
        ),
        (lambda: theory.chi("tanh", 1, q=-1.0), ValueError, r"q=-1\.0: .*at least 0"),
    ],
)
def test_wrong_arguments_are_named_with_value_and_remedy(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_an_activation_that_is_never_chaotic_has_no_critical_line():
    flat = type(relu)("flat", np.zeros_like, lambda z: np.full_like(z, 1e-9))
    with pytest.raises(
        ValueError, match=r"activation='flat' has no critical line at sigma_b2=0\.5"
    ):
        theory.critical_line(flat, 0.5)


@pytest.mark.parametrize("activation", ["gelu", "silu"])
def test_where_chi_jumps_over_one_there_is_no_critical_line(activation):
    with pytest.raises(ValueError, match=r"no critical line at .*chi jumps over 1 at sigma_w2=2"):
        theory.critical_line(activation)
    assert theory.chi(activation, 1.99) < 0.6
    assert theory.chi(activation, 2.01) > 1


def test_a_signal_that_overflows_is_told_and_no_warning():
    with pytest.raises(ValueError, match=r"the signal overflows in layer \d+ of 200"):
        theory.layer_by_layer("relu", 200, 1e4)
    assert np.all(np.isfinite(theory.layer_by_layer("relu", 40, 1e4).gradient_rms))


def test_inputs_that_all_become_zero_have_no_correlation():
    with pytest.raises(ValueError, match="sigma_w2=0, sigma_b2=0: z is always 0 there"):
        theory.correlation_map(0.5, "tanh", 0.0)


def test_a_network_without_weights_and_biases_has_no_warning_in_store():
    assert theory.chi("tanh", 0.0) == 0.0
    assert theory.correlation_fixed_point("tanh", 0.0) == 1.0


# ------------------------------------------------------------------------------ closed forms


@pytest.mark.parametrize("q", [0.01, 0.3, 1.0, 7.0])
@pytest.mark.parametrize(("sigma_w2", "sigma_b2"), [(1.0, 0.0), (2.5, 0.05), (4.0, 1.0)])
def test_the_maps_of_erf_are_those_of_williams(q, sigma_w2, sigma_b2):
    # Williams (1997), equation 11, for two inputs of variance q and covariance c q.
    for c in (1.0, 0.6, -0.3):
        mean = 2 / np.pi * np.arcsin(2 * c * q / (1 + 2 * q))
        if c == 1.0:
            found = theory.variance_map(q, "erf", sigma_w2, sigma_b2)
            assert found == pytest.approx(sigma_w2 * mean + sigma_b2, rel=1e-12)
        else:
            ratio = theory.correlation_map(c, "erf", sigma_w2, sigma_b2, q=q)
            whole = theory.variance_map(q, "erf", sigma_w2, sigma_b2)
            assert ratio == pytest.approx((sigma_w2 * mean + sigma_b2) / whole, abs=1e-5)
    slope = 4 / np.pi / np.sqrt(1 + 4 * q)
    assert theory.chi("erf", sigma_w2, sigma_b2, q=q) == pytest.approx(sigma_w2 * slope, rel=1e-12)


@pytest.mark.parametrize("sigma_w", [0.1, 1.0, 5.0, 10.15, 40.0])
def test_a_sigmoid_network_without_biases_is_a_tanh_network_on_the_diagonal(sigma_w):
    sigmoid_q = theory.fixed_point("sigmoid", sigma_w**2)
    tanh_q = theory.fixed_point("tanh", sigma_w**2 / 16, sigma_w**2 / 16)
    assert tanh_q == pytest.approx(sigmoid_q / 4, rel=1e-6)  # u = z / 2
    here = theory.chi("sigmoid", sigma_w**2)
    there = theory.chi("tanh", sigma_w**2 / 16, sigma_w**2 / 16)
    assert there == pytest.approx(here, rel=1e-6)
