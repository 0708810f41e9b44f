"""Is every activation the function its name promises, and its derivative the slope of it?

The formulas are written out a second time here, another way where there is one: by scipy's expit
and erf instead of exp and ndtr. Everything else is asked of the functions themselves: their slopes
by differences, their gains by integration, their ends where they end.
"""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import erf, expit

from initlab import activations, initializers
from initlab.activations import ACTIVATIONS, leaky_relu_with

# Klambauer et al. (2017), section 2 and the program that goes with it.
SCALE, ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def density(z):
    return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def normal_cdf(z):
    return (1 + erf(z / np.sqrt(2))) / 2


# Each function and its derivative.
ORACLES = {
    "identity": (lambda z: 1.0 * z, lambda z: 1.0 + 0 * z),
    "sigmoid": (expit, lambda z: expit(z) * expit(-z)),
    "tanh": (lambda z: 2 * expit(2 * z) - 1, lambda z: 4 * expit(2 * z) * expit(-2 * z)),
    "softsign": (
        lambda z: np.sign(z) * (1 - 1 / (1 + np.abs(z))),
        lambda z: 1 / (1 + np.abs(z)) ** 2,
    ),
    "erf": (
        lambda z: 2 * normal_cdf(np.sqrt(2) * z) - 1,
        lambda z: 2 * np.sqrt(2) * density(np.sqrt(2) * z),
    ),
    "relu": (lambda z: (z + np.abs(z)) / 2, lambda z: np.heaviside(z, 0)),
    "leaky_relu": (lambda z: np.fmax(z, 0.01 * z), lambda z: 0.01 + 0.99 * np.heaviside(z, 0)),
    "selu": (
        lambda z: SCALE * (np.fmax(z, 0) + np.fmin(0, ALPHA * (np.exp(z) - 1))),
        lambda z: SCALE * np.where(z > 0, 1, ALPHA * np.exp(z)),
    ),
    "gelu": (lambda z: z * normal_cdf(z), lambda z: normal_cdf(z) + z * density(z)),
    "silu": (lambda z: z * expit(z), lambda z: expit(z) * (1 + z * expit(-z))),
}

each_activation = pytest.mark.parametrize("f", ACTIVATIONS.values(), ids=repr)
each_precision = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# No clock, and the same examples every time.
steadily = settings(deadline=None, derandomize=True, max_examples=40)


# ------------------------------------------------------------------------------------- formulas


@each_activation
@each_precision
def test_values_and_slopes_follow_the_formula(f, dtype):
    z = np.linspace(-12, 12, 481, dtype=dtype).reshape(13, 37)
    before, within = z.tobytes(), {"rtol": 1e-13, "atol": 2e-15}
    if dtype == np.float32:
        within = {"rtol": 1e-6, "atol": 1e-6}
    z.flags.writeable = False
    for function, oracle in zip((f, f.derivative), ORACLES[f.name], strict=True):
        found = function(z)
        np.testing.assert_allclose(found, oracle(z.astype(np.float64)), **within)
        assert (found.shape, found.dtype) == (z.shape, dtype)
        assert found.flags.writeable
        assert not np.shares_memory(found, z)
        view = z[::2, ::-3].T  # not in the order of memory
        np.testing.assert_array_equal(function(view), function(view.copy()))
        assert function(z[:0]).shape == (0, 37)
    assert z.tobytes() == before


@each_activation
def test_the_slope_at_zero_is_the_slope_from_the_left(f):
    h = 1e-7
    for zero in (0.0, -0.0):
        assert f.derivative(zero) == pytest.approx((f(0.0) - f(-h)) / h, abs=1e-6)
        assert f(zero) == pytest.approx(ORACLES[f.name][0](np.zeros(1))[0], abs=1e-15)
    beyond = f.derivative(1e-300)  # where there is a kink, the next number is on its other side
    assert beyond == pytest.approx((f(h) - f(0.0)) / h, abs=1e-6)


@pytest.mark.parametrize("z", [-30.0, -350.0, -700.0, 30.0, 350.0])
def test_far_out_numbers_keep_their_digits(z):
    # f(z) (1 - f(z)) and 1 - f(z)**2 would be exactly 0.
    small = math.exp(-abs(z))
    exactly = {"rel": 1e-12, "abs": 0}
    assert activations.sigmoid.derivative(z) == pytest.approx(small, **exactly)
    assert activations.tanh.derivative(z) == pytest.approx(4 * small * small, **exactly)
    if z < 0:
        assert activations.sigmoid(z) == pytest.approx(small, **exactly)
        assert activations.silu(z) == pytest.approx(z * small, **exactly)


@pytest.mark.parametrize("z", [1e-9, -1e-9, 1e-300])
def test_small_numbers_pass_an_odd_activation_with_all_their_digits(z):
    for f in (activations.tanh, activations.softsign):
        assert f(z) == pytest.approx(z, rel=1e-8, abs=0)
    expected = SCALE * z * (1 if z > 0 else ALPHA)
    assert activations.selu(z) == pytest.approx(expected, rel=1e-8, abs=0)


# ---------------------------------------------------------------------- what the table says of them


def mean_of_normal(function):
    """Return E[function(z)] for a standard normal z, by integration."""

    def integrand(z):
        return float(function(z)) * float(density(z))

    return sum(integrate.quad(integrand, a, a + 6, epsabs=1e-13)[0] for a in (-12, -6, 0, 6))


CONVENTIONAL = {"sigmoid": 1, "tanh": 5 / 3, "selu": 3 / 4}  # as in torch.nn.init.calculate_gain


@pytest.mark.parametrize("f", [*ACTIVATIONS.values(), leaky_relu_with(-0.5)], ids=repr)
def test_a_gain_keeps_the_size_of_a_standard_normal_signal_or_is_conventional(f):
    if f.name in CONVENTIONAL:
        assert f.gain == pytest.approx(CONVENTIONAL[f.name], rel=1e-15)
    else:
        mean_square = mean_of_normal(lambda z: f(z) ** 2)
        assert f.gain == pytest.approx(1 / math.sqrt(mean_square), rel=5e-8)
    if f.name == "leaky_relu":
        he = initializers.he_normal(f.slope).std((50, 7))
        assert he == pytest.approx(f.gain / math.sqrt(50), rel=1e-14)


@each_activation
def test_span_and_saturation_are_where_the_function_ends(f):
    (low, high), z = f.span, np.linspace(-4, 4, 801)
    left, right = f(-1e9), f(1e9)
    if abs(left) < 100 > abs(right):  # bounded: the span is its range
        assert (left, right) == pytest.approx((low, high), abs=1e-8)
        assert high - f(f.saturation) == pytest.approx(0.01 * (high - low), rel=1e-12)
        assert f(-f.saturation) - low == pytest.approx(0.01 * (high - low), rel=1e-12)
    else:  # the span holds nearly all of a standard normal signal
        assert f.saturation is None
        inside = (low <= f(z)) & (f(z) <= high)
        assert mean_of_normal(lambda z: low <= f(z) <= high) > 0.99
        assert inside.mean() > 0.95
    assert min(f.plane) > 0


# ----------------------------------------------------------------------------------- large input


@each_activation
@each_precision
def test_at_infinity_a_function_and_its_slope_have_their_limits(f, dtype):
    largest = np.finfo(dtype).max
    ends = np.array([-np.inf, -largest, largest, np.inf], dtype)
    near = np.array([-1e6, -1e6, 1e6, 1e6], dtype)
    with np.errstate(over="ignore"):
        value, slope = (oracle(near.astype(np.float64)) for oracle in ORACLES[f.name])
    assert not np.isnan(f(ends)).any()
    np.testing.assert_allclose(f.derivative(ends), f.derivative(near), atol=1e-5)
    np.testing.assert_allclose(f.derivative(near), slope, atol=1e-5)
    bounded = np.abs(f(near)) < 100
    np.testing.assert_allclose(f(ends)[bounded], f(near)[bounded], atol=1e-5)
    np.testing.assert_allclose(f(near), value, rtol=1e-6, atol=1e-5)


@each_activation
@each_precision
@steadily
@given(size=st.floats(-44, 308), sign=st.sampled_from([-1, 1]))
def test_any_finite_number_gives_a_finite_number_and_no_warning(f, dtype, size, sign):
    largest = 38 if dtype == np.float32 else 307  # selu multiplies by 1.05
    z = np.array([sign * 10 ** min(size, largest)], dtype=dtype)
    assert np.isfinite(f(z)).all()
    assert np.isfinite(f.derivative(z)).all()
    if abs(z[0]) > 100:  # and it grows as a straight line, or no more
        np.testing.assert_allclose(f(z) / z, f(z[:1] / 2) / (z / 2), rtol=1e-5, atol=2e-2)


# ------------------------------------------------------------------------- what goes in, comes out


@each_activation
@pytest.mark.parametrize("z", [0, -2, 0.5, np.float32(0.5), np.array(0.5)], ids=repr)
def test_one_number_in_is_one_number_out(f, z):
    for function in (f, f.derivative):
        found = function(z)
        assert np.shape(found) == ()
        assert isinstance(found, np.floating)
        assert found == pytest.approx(function(np.array([z], dtype=float))[0], rel=1e-6)


@pytest.mark.parametrize(
    ("z", "dtype"),
    [(np.arange(3, dtype=np.uint8), "uint8"), ([1, 2], r"int\d+"), (True, "bool")],
    ids=str,
)
def test_what_is_not_a_float_is_refused_with_the_remedy(z, dtype):
    message = rf"z has dtype {dtype}, but floats are needed.*z\.astype\(np\.float32\)"
    for function in (activations.relu, activations.relu.derivative):
        with pytest.raises(TypeError, match=message):
            function(z)


# ----------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", ORACLES)
def test_an_activation_is_found_by_its_name_and_prints_it(name):
    f = activations.get(name)
    assert f is ACTIVATIONS[name] is getattr(activations, name) is activations.get(f)
    assert f.name == repr(f) == name
    assert ORACLES.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ("ReLU", ValueError, "activation='ReLU': no such .*did you mean 'relu'"),
        ("xyz", ValueError, "choose from " + ", ".join(ACTIVATIONS)),
        (np.tanh, TypeError, r"activation=<ufunc.* must be one of the names identity, "),
    ],
)
def test_what_is_no_name_of_an_activation_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        activations.get(wrong)


# ------------------------------------------------------------------------------- other slopes


@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0, -0.5])
@each_precision
def test_a_leaky_relu_has_the_slope_it_was_made_with(slope, dtype):
    f = leaky_relu_with(slope)
    z = np.array([-2, -1, 0, 1, 2], dtype=dtype)
    np.testing.assert_allclose(f(z), [-2 * slope, -slope, 0, 1, 2], rtol=1e-6)
    np.testing.assert_allclose(f.derivative(z), [slope, slope, slope, 1, 1], rtol=1e-6)
    assert f(z).dtype == f.derivative(z).dtype == dtype
    assert f.slope == slope
    assert repr(f) == f"leaky_relu({slope:g})"


def test_one_slope_is_one_value_however_it_is_passed():
    assert leaky_relu_with(slope=0.01) is activations.leaky_relu
    assert leaky_relu_with(np.float64(0.25)) is leaky_relu_with(0.25) != leaky_relu_with(0.5)
    assert leaky_relu_with(1) is leaky_relu_with(1.0)
    assert {f.name for f in ACTIVATIONS.values() if f.slope} == {"leaky_relu"}


@pytest.mark.parametrize("f", [*ACTIVATIONS.values(), leaky_relu_with(0.25)], ids=repr)
def test_an_activation_comes_back_from_another_process_as_itself(f):
    assert pickle.loads(pickle.dumps(f)) is f


@pytest.mark.parametrize(
    ("slope", "error"),
    [(math.nan, ValueError), (1e7, ValueError), (-1e7, ValueError), ("1", TypeError)],
)
def test_a_slope_that_is_no_finite_number_is_refused(slope, error):
    with pytest.raises(error, match="must be a") as caught:
        leaky_relu_with(slope)
    assert str(caught.value).startswith(f"slope={slope!r} must be ")
