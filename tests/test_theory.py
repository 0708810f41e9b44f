import doctest
import itertools
import math

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.optimize import brentq

from initlab import initializers as init
from initlab import theory
from initlab.activations import ACTIVATIONS, erf, identity, relu, softsign, tanh
from initlab.datasets import gaussian_inputs
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
    "selu": (
        lambda z: 1.0507009873554805 * (z if z > 0 else 1.6732632423543772 * math.expm1(z)),
        lambda z: 1.0507009873554805 * (1 if z > 0 else 1.6732632423543772 * math.exp(z)),
    ),
    "gelu": (
        lambda z: z * math.erfc(-z / math.sqrt(2)) / 2,
        lambda z: (
            math.erfc(-z / math.sqrt(2)) / 2 + z * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        ),
    ),
}
EVERYTHING = (
    *("q", "mean_square", "pooled_std", "across_input_std"),
    *("correlation", "saturated_fraction", "gradient_rms"),
)


def mean_by_quad(g):
    """Return E[g(z)], z ~ N(0, 1), from pieces narrow enough for a kink or a step at 0."""
    edges = [-10, -2, -0.3, 0, 0.3, 2, 10]
    pieces = itertools.pairwise(edges)
    within = {"epsabs": 1e-13, "epsrel": 1e-11, "limit": 200}
    parts = [quad(lambda z: g(z) * math.exp(-z * z / 2), *ends, **within)[0] for ends in pieces]
    return sum(parts) / math.sqrt(2 * math.pi)


def mean_of_pair_by_quad(g, q, correlation):
    """Return E[g(z) g(z')], quadrant by quadrant: kinks and steps lie at the borders."""
    root, rest = math.sqrt(q), 1 - correlation**2

    def integrand(y, x):
        exponent = -(x * x - 2 * correlation * x * y + y * y) / (2 * rest)
        return g(root * x) * g(root * y) * math.exp(exponent) / (2 * math.pi * math.sqrt(rest))

    ends = [(0, 8.5), (-8.5, 0)]
    return sum(
        dblquad(integrand, *x, *y, epsabs=1e-10, epsrel=1e-9)[0]
        for x, y in itertools.product(ends, ends)
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


@pytest.mark.parametrize("q", [0.01, 0.7, 3.0, 50.0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_variance_map_and_chi_are_the_integrals_of_poole_equations_3_and_6(name, q):
    f = FUNCTIONS[name][0]
    expected = 1.7 * mean_by_quad(lambda z: f(math.sqrt(q) * z) ** 2) + 0.3
    assert theory.variance_map(q, name, 1.7, 0.3) == pytest.approx(expected, rel=1e-9)
    # The variance of the biases counts for chi through q alone.
    for sigma_b2 in (0.0, 0.3):
        found = theory.chi(name, 1.7, sigma_b2, q=q)
        assert found == pytest.approx(chi_by_quad(name, 1.7, q), rel=1e-8)


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
    assert theory.variance_map(q, name, 0.45, 0.3) == pytest.approx(q, rel=1e-12)


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
        ("sigmoid", 0.0, 0.0, 0.0),
        ("sigmoid", 0.0, 0.25, 0.25),
    ],
)
def test_signals_explode_die_out_or_stay(activation, sigma_w2, sigma_b2, expected):
    found = theory.fixed_point(activation, sigma_w2, sigma_b2)
    assert found == pytest.approx(expected, rel=1e-9, abs=0)


def test_tanh_just_above_one_has_a_small_fixed_point():
    # E[tanh(sqrt(q) z)**2] = q - 2 q**2 + ..., so q* is about (sigma_w2 - 1) / 2.
    assert theory.fixed_point("tanh", 1.001) == pytest.approx(0.0005, rel=0.01)


def test_gaussian_mean_knows_the_moments():
    assert theory.gaussian_mean(np.ones_like) == pytest.approx(1, rel=1e-12)
    assert theory.gaussian_mean(lambda z: z, 9.0) == pytest.approx(0, abs=1e-14)
    assert theory.gaussian_mean(lambda z: z**4, 9.0) == pytest.approx(3 * 81, rel=1e-11)
    # E[cos(sqrt(q) z)] = exp(-q / 2)
    assert theory.gaussian_mean(np.cos, 2.0) == pytest.approx(math.exp(-1), rel=1e-11)
    # Steep at 0: E|tanh(1e5 z)| is 1 but for the middle, where it loses log(2) / 1e5 on each side.
    loss = 2 * math.log(2) / 1e5 / math.sqrt(2 * math.pi)
    found = theory.gaussian_mean(lambda z: 1 - np.abs(np.tanh(z)), 1e10)
    assert found == pytest.approx(loss, rel=1e-6)


# --------------------------------------------------------------------------- order and chaos


@pytest.mark.parametrize(
    ("activation", "sigma_b2", "expected"),
    [
        ("tanh", 0.0, 1.0),
        ("erf", 0.0, math.pi / 4),  # the slope of erf at 0 is 2 / sqrt(pi)
        ("relu", 0.3, 2.0),
        ("leaky_relu", 0.0, 2 / 1.0001),
        ("softsign", 0.0, 1.0),  # it bends at 0 itself
    ],
)
def test_critical_line(activation, sigma_b2, expected):
    assert theory.critical_line(activation, sigma_b2) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    ("activation", "sigma_b2"),
    [("tanh", 0.05), ("sigmoid", 0.0), ("sigmoid", 1.0), ("relu", 0.0), ("gelu", 1.0)],
)
def test_chi_is_below_one_before_the_critical_line_and_above_one_behind(activation, sigma_b2):
    critical = theory.critical_line(activation, sigma_b2)
    assert theory.chi(activation, critical, sigma_b2) == pytest.approx(1, abs=1e-9)
    assert theory.chi(activation, 0.99 * critical, sigma_b2) < 1 - 1e-4
    assert theory.chi(activation, 1.01 * critical, sigma_b2) > 1 + 1e-4


def test_a_line_that_is_jumped_over_or_never_met_is_an_error_for_one_and_nan_among_many():
    flat = type(relu)(
        "flat", np.zeros_like, lambda z: np.full_like(z, 1e-9), span=(-1.0, 1.0), gain=1.0
    )
    for activation, name in [(flat, "flat"), ("gelu", "gelu"), ("silu", "silu")]:
        with pytest.raises(ValueError, match=f"activation='{name}' has no critical line at .*0.01"):
            theory.critical_line(activation, 0.01)
    assert theory.chi("gelu", 1.99) < 0.6 < 1 < theory.chi("gelu", 2.01)
    found = theory.critical_line("gelu", [0.01, 1.0])
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(theory.critical_line("gelu", 1.0), rel=1e-12)


# ---------------------------------------------------------------------- likeness of two inputs


@pytest.mark.parametrize("c", [-1.0, -0.5, 0.0, 0.3, 0.9, 0.999, 1 - 1e-9, 1.0])
@pytest.mark.parametrize("q", [0.5, 40.0, 1e30])
def test_the_correlation_map_of_relu_is_the_arc_cosine_kernel(c, q):
    # E[relu(z) relu(z')], divided by q / 2: Cho, Saul (2009).
    kernel = (math.sin(math.acos(c)) + (math.pi - math.acos(c)) * c) / math.pi
    within = 1e-9 if q < 1e3 else 1e-6
    assert theory.correlation_map(c, relu, 2.0, q=q) == pytest.approx(kernel, abs=within)
    with_bias = (1.5 * q / 2 * kernel + 0.2) / (1.5 * q / 2 + 0.2)
    found = theory.correlation_map(c, relu, 1.5, 0.2, q=q)
    assert found == pytest.approx(with_bias, abs=within)


@pytest.mark.parametrize("c", [0.6, 0.99, -0.3, -1.0])
@pytest.mark.parametrize(("q", "within"), [(0.01, 1e-11), (1.0, 1e-10), (60.0, 1e-9), (1e4, 2e-6)])
@pytest.mark.parametrize(("sigma_w2", "sigma_b2"), [(1.0, 0.0), (2.5, 0.05)])
def test_the_maps_of_erf_are_those_of_williams(c, q, within, sigma_w2, sigma_b2):
    # Williams (1997), equation 11, for two inputs of variance q and covariance c q.
    square, product = (2 / np.pi * np.arcsin(2 * k * q / (1 + 2 * q)) for k in (1.0, c))
    variance = sigma_w2 * square + sigma_b2
    assert theory.variance_map(q, "erf", sigma_w2, sigma_b2) == pytest.approx(variance, rel=2e-8)
    found = theory.correlation_map(c, "erf", sigma_w2, sigma_b2, q=q)
    assert found == pytest.approx((sigma_w2 * product + sigma_b2) / variance, abs=within)
    slope = 4 / np.pi / np.sqrt(1 + 4 * q)
    found = theory.chi("erf", sigma_w2, sigma_b2, q=q)
    assert found == pytest.approx(sigma_w2 * slope, rel=1e-10 if q < 100 else 2e-5)


@pytest.mark.parametrize("c", [-0.6, 0.2, 0.95])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_correlation_map_is_the_double_integral_of_poole_equation_5(name, c):
    q, sigma_w2, sigma_b2 = 1.4, 1.8, 0.1
    f = FUNCTIONS[name][0]
    covariance = mean_of_pair_by_quad(f, q, c)
    size = mean_by_quad(lambda z: f(math.sqrt(q) * z) ** 2)
    expected = (sigma_w2 * covariance + sigma_b2) / (sigma_w2 * size + sigma_b2)
    found = theory.correlation_map(c, name, sigma_w2, sigma_b2, q=q)
    assert found == pytest.approx(expected, abs=2e-9)


def test_the_correlation_map_uses_the_fixed_point_if_not_told_a_q():
    q = theory.fixed_point("tanh", 1.8, 0.1)
    told = theory.correlation_map(0.4, "tanh", 1.8, 0.1, q=q)
    assert theory.correlation_map(0.4, "tanh", 1.8, 0.1) == told
    assert theory.correlation_map(0.4, "tanh", 1.8, 0.1, q=5 * q) != pytest.approx(told, rel=1e-3)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_equal_inputs_stay_equal_and_near_ones_part_by_chi(name):
    q = 2.0
    assert theory.correlation_map(1.0, name, 1.3, 0.1, q=q) == 1
    step, variance = 1e-12, theory.variance_map(q, name, 1.3, 0.1)
    step = 1 - (1 - step)  # what a float makes of it
    slope = (1 - theory.correlation_map(1 - step, name, 1.3, 0.1, q=q)) / step * variance / q
    assert slope == pytest.approx(theory.chi(name, 1.3, 0.1, q=q), rel=1e-3)


def test_correlations_end_at_one_in_order_and_below_in_chaos():
    assert theory.correlation_fixed_point("tanh", 1.5, 0.05) == 1.0
    assert theory.correlation_fixed_point("sigmoid", 1.0) == 1.0
    for sigma_w2 in (1.0, 2.0, 3.0):  # also where ReLU's signals explode, and chi is above 1
        assert theory.correlation_fixed_point("relu", sigma_w2, 0.3) == 1.0
    assert theory.correlation_fixed_point("tanh", 0.0) == 1.0
    assert theory.correlation_fixed_point("tanh", 3.0) == 0.0  # odd function, no bias


@pytest.mark.parametrize(
    ("name", "sigma_w2"), [("tanh", 3.0), ("softsign", 5.0), ("selu", 1.5), ("sigmoid", 200.0)]
)
def test_depth_scale_is_the_slope_of_the_map_at_its_fixed_point(name, sigma_w2):
    # By integrals that share nothing with the library; kinks included.
    sigma_b2 = 0.1
    f, slope = FUNCTIONS[name]
    q = fixed_point_by_quad(name, sigma_w2, sigma_b2)

    def growth(c):
        return (sigma_w2 * mean_of_pair_by_quad(f, q, c) + sigma_b2) / q - c

    end = brentq(growth, 0.0, 0.98, xtol=1e-9)
    assert theory.correlation_fixed_point(name, sigma_w2, sigma_b2) == pytest.approx(end, abs=1e-7)
    rate = sigma_w2 * mean_of_pair_by_quad(slope, q, end)
    found = theory.depth_scale(name, sigma_w2, sigma_b2)
    assert found == pytest.approx(-1 / math.log(rate), rel=1e-6)


def test_depth_scale_is_infinite_on_the_critical_line_and_falls_away_on_both_sides():
    expected = -1 / math.log(chi_by_quad("tanh", 1.3, fixed_point_by_quad("tanh", 1.3, 0.05)))
    assert theory.depth_scale("tanh", 1.3, 0.05) == pytest.approx(expected, rel=1e-6)
    assert theory.depth_scale("relu", 1.0) == pytest.approx(1 / math.log(2), rel=1e-9)
    assert theory.depth_scale("relu", 2.0) == math.inf
    assert theory.depth_scale("relu", 3.0) == math.inf
    assert theory.depth_scale("identity", 1.0) == math.inf
    critical = theory.critical_line("tanh", 0.05)
    assert theory.depth_scale("tanh", critical, 0.05) > 1e8
    # Close to the line, the depth scale goes with the distance from it.
    for side in (-1, 1):
        near = [theory.depth_scale("tanh", critical + side * step, 0.05) for step in (1e-5, 2e-5)]
        assert near[0] / near[1] == pytest.approx(2, rel=1e-3)
    assert theory.depth_scale("tanh", 0.0) == 0.0


@pytest.mark.parametrize("sigma_w2", [2.0, 100.0, 3e4, 1e8])
def test_depth_scale_of_erf_has_a_closed_form_even_where_erf_is_nearly_a_step(sigma_w2):
    # Without biases, correlations end at 0, where the slope of Williams' map is this.
    q = theory.fixed_point("erf", sigma_w2)
    rate = sigma_w2 * 4 / math.pi / (1 + 2 * q)
    assert theory.depth_scale("erf", sigma_w2) == pytest.approx(-1 / math.log(rate), rel=1e-5)


# ------------------------------------------------------------------------ one and many networks


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_arrays_have_what_scalars_have_one_by_one(name):
    most_w, most_b = ACTIVATIONS[name].plane
    w2 = np.linspace(0, most_w, 9) ** 2
    b2 = np.array([[0.0], [most_b / 10], [most_b]]) ** 2
    calls = [
        lambda w2, b2: theory.variance_map(0.7, name, w2, b2),
        lambda w2, b2: theory.fixed_point(name, w2, b2),
        lambda w2, b2: theory.chi(name, w2, b2),
        lambda w2, b2: theory.chi(name, w2, b2, q=1.5),
        lambda w2, b2: theory.correlation_map(0.4, name, w2 + 0.1, b2),
        lambda w2, b2: theory.correlation_fixed_point(name, w2, b2),
        lambda w2, b2: theory.depth_scale(name, w2, b2),
        lambda w2, b2: theory.phase_diagram(name, w2, b2).q,
    ]
    for call in calls:
        many = np.broadcast_to(call(w2, b2), (3, 9))
        for i, j in itertools.product(range(3), range(9)):
            one = call(float(w2[j]), float(b2[i, 0]))
            assert type(one) is float
            assert one == pytest.approx(many[i, j], rel=1e-9, abs=1e-9)


def test_q_and_correlation_may_be_arrays_too_larger_than_a_block():
    q = np.linspace(0, 30, 102).reshape(2, 51)
    for function in (
        lambda q: theory.variance_map(q, "tanh", 1.3, 0.2),
        lambda q: theory.chi("tanh", 1.3, 0.2, q=q),
        lambda q: theory.gaussian_mean(np.cos, q),
        lambda q: theory.correlation_map(0.2, "tanh", 1.3, 0.2, q=q),
        lambda q: theory.correlation_map(q / 30, "tanh", 1.3, 0.2, q=1.7),
    ):
        found = function(q)
        assert found.shape == q.shape
        expected = [[function(value) for value in row] for row in q]
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)


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
    names = ("pooled_std", "across_input_std", "saturated_fraction", "gradient_rms")
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
        q = [np.mean(np.square(layer.z, dtype=np.float64)) for layer in signals.layers]
        measured.append([q, *map(signals.each, names)])
    expected = theory.layer_by_layer(activation, depth, sigma_w2, sigma_b2, input_q=input_q)
    for name, found in zip(("q", *names), np.mean(measured, axis=0), strict=True):
        # 150 inputs, not infinitely many.
        share = math.sqrt(1 - 1 / 150) if name == "across_input_std" else 1
        np.testing.assert_allclose(found, share * getattr(expected, name), rtol=within, atol=0.001)


def test_each_layer_may_have_variances_of_its_own():
    one = theory.layer_by_layer("tanh", 3, 1.2, 0.3)
    own = theory.layer_by_layer("tanh", 3, (0.8, 1.2, 2.5), [0.3, 0.1, 0.2], input_q=2.0)
    for same in ([1.2], [1.2, 1.2, 1.2], np.full(3, 1.2)):
        again = theory.layer_by_layer("tanh", 3, same, 0.3)
        for name in EVERYTHING:
            np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
    q = [0.8 * 2.0 + 0.3]
    q.append(theory.variance_map(q[-1], "tanh", 1.2, 0.1))
    q.append(theory.variance_map(q[-1], "tanh", 2.5, 0.2))
    np.testing.assert_allclose(own.q, q, rtol=1e-13)
    np.testing.assert_allclose(own.mean_square, theory.variance_map(own.q, "tanh", 1.0), rtol=1e-13)
    # The last gradient is the slope, and each layer above multiplies by its chi.
    slopes = theory.chi("tanh", 1.0, q=own.q)
    squares = [
        1.2 * 2.5 * slopes[0] * slopes[1] * slopes[2],
        2.5 * slopes[1] * slopes[2],
        slopes[2],
    ]
    np.testing.assert_allclose(own.gradient_rms**2, squares, rtol=1e-12)


def test_many_networks_stand_behind_the_axis_of_the_layers():
    w2, b2 = np.array([0.8, 1.2, 2.5]), np.array([[0.0], [0.3]])
    many = theory.layer_by_layer("selu", 4, w2[np.newaxis], b2[np.newaxis], input_shared=0.6)
    for i, j in itertools.product(range(2), range(3)):
        one = theory.layer_by_layer("selu", 4, w2[j], b2[i, 0], input_shared=0.6)
        for name in EVERYTHING:
            assert getattr(many, name).shape == (4, 2, 3)
            np.testing.assert_allclose(
                getattr(many, name)[:, i, j], getattr(one, name), rtol=1e-12, atol=1e-15
            )
    each = theory.layer_by_layer("selu", 2, [[0.8, 1.2], [1.5, 2.0]])
    one = theory.layer_by_layer("selu", 2, [1.2, 2.0])
    np.testing.assert_allclose(each.q[:, 1], one.q, rtol=1e-13)


@pytest.mark.parametrize("name", ["tanh", "relu", "sigmoid", "selu"])
def test_the_correlation_of_two_inputs_follows_the_correlation_map(name):
    found = theory.layer_by_layer(name, 5, 1.4, 0.3, input_q=2.0, input_shared=-0.5)
    c = (1.4 * -0.5 + 0.3) / (1.4 * 2.0 + 0.3)
    for layer in range(5):
        assert found.correlation[layer] == pytest.approx(c, abs=1e-11)
        # The variance across inputs is half the mean of (h - h')**2; the bias cancels.
        alike = theory.correlation_map(c, name, 1.0, q=found.q[layer])
        across = found.mean_square[layer] * (1 - alike)
        assert found.across_input_std[layer] ** 2 == pytest.approx(across, rel=1e-9)
        c = theory.correlation_map(c, name, 1.4, 0.3, q=found.q[layer])
    equal = theory.layer_by_layer(name, 3, 1.2, 0.3, input_q=2.0, input_shared=2.0)
    np.testing.assert_array_equal(equal.across_input_std, 0)


def test_inputs_without_likeness_make_all_the_spread_there_is():
    found = theory.layer_by_layer("sigmoid", 1, 3.0)
    np.testing.assert_allclose(found.across_input_std, found.pooled_std, rtol=1e-11)


@pytest.mark.parametrize(
    ("q", "within"),
    [(0.01, 1e-9), (1.0, 1e-9), (60.0, 3e-9), (300.0, 1e-7), (1e4, 2e-6), (1e6, 2e-5)],
)
@pytest.mark.parametrize("d", [1e-12, 1e-9, 1e-6, 1e-3, 0.1, 1.0, 1.9])
def test_what_tells_inputs_apart_is_precise_down_to_nothing(d, q, within):
    d = 1 - (1 - d)  # what a float makes of it
    across = [
        theory.layer_by_layer(f, 1, q, input_shared=1 - d).across_input_std[0] ** 2
        for f in (relu, erf)
    ]
    # ReLU: (q / 2) (1 - the arc-cosine kernel), written so that nothing cancels.
    angle = 2 * math.asin(math.sqrt(d / 2))
    rest = angle * (1 - d) - math.sin(angle) if angle > 0.01 else -(angle**3) / 3
    assert across[0] == pytest.approx(q / 2 * (d + rest / math.pi), rel=within)
    # erf: Williams' arcsine at correlation 1 less that at 1 - d.
    one = 2 * q / (1 + 2 * q)
    other = one * (1 - d)
    sine = one**2 * d * (2 - d) / (one * math.sqrt(1 - other**2) + other * math.sqrt(1 - one**2))
    angle = math.asin(sine) if d < 0.5 else math.asin(one) - math.asin(other)
    assert across[1] == pytest.approx(2 / math.pi * angle, rel=within)


def test_layer_by_layer_resolves_how_little_tells_inputs_apart():
    # Each layer multiplies the variance across inputs by chi, also where it is very small.
    across = theory.layer_by_layer("sigmoid", 60, 0.01).across_input_std
    rate = math.sqrt(theory.chi("sigmoid", 0.01))
    np.testing.assert_allclose(across[3:] / across[2:-1], rate, rtol=1e-6)


def test_no_weights_no_signal():
    expected = theory.layer_by_layer("sigmoid", 3, 0.0)
    for name in ("q", "pooled_std", "across_input_std", "saturated_fraction"):
        np.testing.assert_array_equal(getattr(expected, name), [0, 0, 0])
    np.testing.assert_allclose(expected.gradient_rms, [0, 0, 0.25], rtol=1e-12)


# -------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: theory.variance_map(1.0, "tanh", -1), ValueError, "sigma_w2=-1 must .*at least 0"),
        (lambda: theory.variance_map(1.0, "tanh", 1, -1), ValueError, "sigma_b2=-1 must"),
        (lambda: theory.variance_map(1.0, "thanh", 1), ValueError, "'thanh'.*did you mean 'tanh'"),
        (lambda: theory.variance_map([1.0, np.nan], "tanh", 1), ValueError, "nan.* must.*finite"),
        (lambda: theory.fixed_point("tanh", math.inf), ValueError, "sigma_w2=inf must be .*finite"),
        (lambda: theory.fixed_point("tanh", "2"), TypeError, "sigma_w2='2' must be real numbers"),
        (lambda: theory.chi("tanh", [1.0, -1.0]), ValueError, "sigma_w2=.*-1"),
        (lambda: theory.chi("tanh", 1, q=-1.0), ValueError, r"q=-1\.0 must.*at least 0"),
        (lambda: theory.critical_line("tanh", -0.1), ValueError, r"sigma_b2=-0\.1"),
        (lambda: theory.correlation_map(1.2, "tanh", 1), ValueError, r"correlation=1\.2 must .*1"),
        (lambda: theory.correlation_map([0, -1.2], "tanh", 1), ValueError, r"correlation=.*-1\.2"),
        (lambda: theory.correlation_map(np.nan, "tanh", 1), ValueError, "correlation=nan"),
        (lambda: theory.phase_diagram("tanh", 1, -1), ValueError, "sigma_b2=-1"),
        (lambda: theory.layer_by_layer("tanh", 0, 1), ValueError, "depth=0 must be .*at least 1"),
        (lambda: theory.layer_by_layer("tanh", 2.0, 1), TypeError, r"depth=2\.0 must be a whole"),
        (lambda: theory.layer_by_layer("tanh", 2, 1, input_q=-1), ValueError, "input_q=-1"),
        (
            lambda: theory.layer_by_layer("tanh", 2, 1, input_q=1, input_shared=-1.5),
            *(ValueError, r"input_shared=-1\.5 must be at most input_q=1 in size"),
        ),
        (lambda: theory.layer_by_layer("tanh", 2, [1, 1, 1]), ValueError, "sigma_w2=.* each of 2"),
    ],
)
def test_wrong_arguments_are_named_with_value_and_remedy(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_signal_that_overflows_is_an_error_for_one_network_and_nan_among_many():
    with pytest.raises(ValueError, match="the signal overflows in layer 54 of 200"):
        theory.layer_by_layer("relu", 200, 1e4)
    assert np.all(np.isfinite(theory.layer_by_layer("relu", 40, 1e4).gradient_rms))
    many = theory.layer_by_layer("relu", 60, [[1e4, 2.0]])
    for name in ("q", "mean_square", "correlation", "across_input_std", "pooled_std"):
        found = getattr(many, name)
        assert np.isfinite(found[:53, 0]).all(), name
        assert np.isnan(found[53:, 0]).all(), name
        assert np.isfinite(found[:, 1]).all(), name
    assert np.isnan(many.gradient_rms[:, 0]).all()
    assert np.isfinite(many.gradient_rms[:, 1]).all()
    for call in (
        lambda w2: theory.variance_map(1e150, "relu", w2),
        lambda w2: theory.correlation_map(0.5, "relu", w2, q=1e150),
    ):
        with pytest.raises(ValueError, match="overflows"):
            call(1e60)
        assert np.isnan(call([1.0, 1e60])).tolist() == [False, True]
    assert theory.fixed_point("relu", 1e308) == math.inf


def test_inputs_that_all_become_zero_have_no_correlation():
    with pytest.raises(ValueError, match=r"sigma_w2=0, sigma_b2=0\.0: z is always 0 there"):
        theory.correlation_map(0.5, "tanh", 0)
    assert np.isnan(theory.correlation_map(0.5, "tanh", [0.0, 1.5])).tolist() == [True, False]


def test_the_examples_of_the_docstrings_are_right():
    assert doctest.testmod(theory).failed == 0


def test_the_first_axis_is_that_of_the_layers_whatever_the_biases_shape():
    each = [1.0, 2.0, 3.0]
    alone = theory.layer_by_layer("tanh", 3, each, 0.5)
    several = theory.layer_by_layer("tanh", 3, np.array(each), np.array([[0.5, 1.0]]))
    assert several.q.shape == (3, 2)
    np.testing.assert_allclose(several.q[:, 0], alone.q)
    both = theory.layer_by_layer("tanh", 3, np.array(each), np.full((3, 2), 0.5))
    np.testing.assert_allclose(both.q[:, 1], alone.q)


def test_numbers_in_single_precision_are_not_computed_in_it():
    q, w2 = np.float32(0.3), np.float32(1.7)
    assert theory.variance_map(q, "tanh", w2) == theory.variance_map(float(q), "tanh", float(w2))
    assert theory.chi("tanh", w2, q=q) == theory.chi("tanh", float(w2), q=float(q))


def test_a_map_stays_within_the_correlations_and_small_signals_keep_their_spread():
    assert theory.correlation_map(-1.0, "tanh", 1.0, q=1.0) >= -1
    known = theory.layer_by_layer("sigmoid", 1, 1e-14)  # sigmoid has slope 1/4 at 0
    np.testing.assert_allclose(known.pooled_std, 1e-7 / 4, rtol=1e-6)
    assert (known.across_input_std <= known.pooled_std * (1 + 1e-9)).all()
