"""Is every activation the function its name promises, and its derivative the slope of it?

The formulas are written out a second time here, another way where there is one: by scipy's expit
and erf instead of exp and ndtr.
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
    "leaky_relu": (
        lambda z: np.fmax(z, 0.01 * z),
        lambda z: 0.01 + 0.99 * np.heaviside(z, 0),
    ),
    "selu": (
        lambda z: SCALE * (np.fmax(z, 0) + np.fmin(0, ALPHA * (np.exp(z) - 1))),
        lambda z: SCALE * np.where(z > 0, 1, ALPHA * np.exp(z)),
    ),
    "gelu": (lambda z: z * normal_cdf(z), lambda z: normal_cdf(z) + z * density(z)),
    "silu": (
        lambda z: z * expit(z),
        lambda z: expit(z) * (1 + z * expit(-z)),
    ),
}
KINKED = ("relu", "leaky_relu", "selu")

each_activation = pytest.mark.parametrize("f", ACTIVATIONS.values(), ids=repr)
each_precision = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# No clock, and the same examples every time.
steadily = settings(deadline=None, derandomize=True, max_examples=60)


def test_every_activation_has_an_oracle():
    assert set(ORACLES) == set(ACTIVATIONS)


# ------------------------------------------------------------------------------------- formulas


@each_activation
def test_values_and_slopes_follow_the_formula_in_double_precision(f):
    z = np.linspace(-12, 12, 481).reshape(13, 37)
    value, slope = ORACLES[f.name]
    np.testing.assert_allclose(f(z), value(z), rtol=1e-13, atol=2e-15)
    np.testing.assert_allclose(f.derivative(z), slope(z), rtol=1e-13, atol=2e-15)


@each_activation
def test_values_and_slopes_follow_the_formula_in_single_precision(f):
    z = np.linspace(-12, 12, 481, dtype=np.float32)
    value, slope = ORACLES[f.name]
    exact = z.astype(np.float64)
    np.testing.assert_allclose(f(z), value(exact), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(f.derivative(z), slope(exact), rtol=1e-6, atol=1e-6)


@each_activation
@steadily
@given(z=st.floats(1e-3, 20), sign=st.sampled_from([-1, 1]))
def test_the_derivative_is_the_slope_of_the_function(f, z, sign):
    z, h = sign * z, 1e-5  # at least 1e-3 from the kink at 0, and h is smaller
    difference = (f(z + h) - f(z - h)) / (2 * h)
    assert f.derivative(z) == pytest.approx(difference, rel=1e-8, abs=1e-9)


@each_activation
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_the_slope_at_zero_is_the_slope_from_the_left(f, zero):
    h = 1e-7
    assert f.derivative(zero) == pytest.approx((f(0.0) - f(-h)) / h, abs=1e-6)
    assert f(zero) == (0.5 if f.name == "sigmoid" else 0)


@pytest.mark.parametrize("name", KINKED)
def test_at_a_kink_the_slopes_differ(name):
    f = ACTIVATIONS[name]
    assert f.derivative(1e-300) - f.derivative(0.0) == pytest.approx(
        {"relu": 1, "leaky_relu": 0.99, "selu": SCALE - SCALE * ALPHA}[name]
    )


@pytest.mark.parametrize("z", [-30.0, -100.0, -700.0])
def test_small_sigmoids_keep_their_digits(z):
    assert activations.sigmoid(z) == pytest.approx(math.exp(z), rel=1e-12, abs=0)
    assert activations.silu(z) == pytest.approx(z * math.exp(z), rel=1e-12, abs=0)


@pytest.mark.parametrize("z", [-20.0, 20.0, -350.0, 350.0])
def test_the_slope_of_a_saturated_tanh_keeps_its_digits(z):
    # 1 - f(z)**2 would be exactly 0 at 20.
    expected = 4 * math.exp(-2 * abs(z))
    assert activations.tanh.derivative(z) == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize("z", [-40.0, 40.0, -700.0, 700.0])
def test_the_slope_of_a_saturated_sigmoid_keeps_its_digits(z):
    # f(z) (1 - f(z)) would be exactly 0 at 40.
    assert activations.sigmoid.derivative(z) == pytest.approx(math.exp(-abs(z)), rel=1e-12, abs=0)


@pytest.mark.parametrize("z", [1e-9, -1e-9, 1e-300])
def test_small_numbers_pass_an_odd_activation_with_all_their_digits(z):
    for f in (activations.tanh, activations.softsign):
        assert f(z) == pytest.approx(z, rel=1e-8, abs=0)
    expected = SCALE * z * (1 if z > 0 else ALPHA)
    assert activations.selu(z) == pytest.approx(expected, rel=1e-8, abs=0)


def test_selu_keeps_mean_zero_and_variance_one():
    def moment(power):
        def integrand(z):
            return float(activations.selu(z)) ** power * float(density(z))

        parts = [(-12, -4), (-4, 0), (0, 4), (4, 12)]
        return sum(integrate.quad(integrand, *part, epsabs=1e-13)[0] for part in parts)

    assert moment(1) == pytest.approx(0, abs=1e-12)
    assert moment(2) == pytest.approx(1, abs=1e-12)


# ----------------------------------------------------------------------------------- large input

# f and f' far to the left and far to the right, as functions of z.
LIMITS = {
    "identity": ((lambda z: z, 1), (lambda z: z, 1)),
    "sigmoid": ((lambda z: 0, 0), (lambda z: 1, 0)),
    "tanh": ((lambda z: -1, 0), (lambda z: 1, 0)),
    "softsign": ((lambda z: -1, 0), (lambda z: 1, 0)),
    "erf": ((lambda z: -1, 0), (lambda z: 1, 0)),
    "relu": ((lambda z: 0, 0), (lambda z: z, 1)),
    "leaky_relu": ((lambda z: 0.01 * z, 0.01), (lambda z: z, 1)),
    "selu": ((lambda z: -SCALE * ALPHA, 0), (lambda z: SCALE * z, SCALE)),
    "gelu": ((lambda z: 0, 0), (lambda z: z, 1)),
    "silu": ((lambda z: 0, 0), (lambda z: z, 1)),
}


@each_activation
@pytest.mark.parametrize(
    ("dtype", "size"),
    [(np.float32, 1e10), (np.float32, 3e38), (np.float64, 1e10), (np.float64, 1e308)],
)
def test_far_from_zero_there_is_the_limit_and_no_warning(f, dtype, size):
    z = np.array([-size, size], dtype=dtype)
    (low, low_slope), (high, high_slope) = LIMITS[f.name]
    expected = [low(-size), high(size)]
    tolerance = 1e-6 if dtype == np.float32 else 1e-9
    np.testing.assert_allclose(f(z), expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(f.derivative(z), [low_slope, high_slope], rtol=1e-6, atol=tolerance)


@each_activation
@each_precision
def test_the_smallest_numbers_are_as_good_as_zero(f, dtype):
    info = np.finfo(dtype)
    z = np.array([info.smallest_subnormal, info.tiny], dtype=dtype)
    z = np.concatenate([-z, z])
    np.testing.assert_allclose(f(z), f(0.0), atol=1e-30)
    expected = np.where(z > 0, f.derivative(1e-30), f.derivative(-1e-30))
    np.testing.assert_allclose(f.derivative(z), expected, rtol=1e-6)


@each_activation
@each_precision
@steadily
@given(size=st.floats(-44, 308), sign=st.sampled_from([-1, 1]))
def test_any_finite_number_gives_a_finite_number_and_no_warning(f, dtype, size, sign):
    largest = 38 if dtype == np.float32 else 307  # selu multiplies by 1.05
    z = np.array([sign * 10 ** min(size, largest)], dtype=dtype)
    assert np.isfinite(f(z)).all()
    assert np.isfinite(f.derivative(z)).all()


@steadily
@given(z=st.floats(allow_nan=False, allow_infinity=False))
def test_a_sigmoid_lies_between_its_ends_and_mirrors(z):
    value = activations.sigmoid(z)
    assert 0 <= value <= 1
    assert value + activations.sigmoid(-z) == pytest.approx(1, rel=1e-15)


# ------------------------------------------------------------------------------------ saturation


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("sigmoid", 0, 1), ("tanh", -1, 1), ("softsign", -1, 1), ("erf", -1, 1)],
)
def test_saturation_is_where_one_percent_of_the_range_is_left(name, low, high):
    f = ACTIVATIONS[name]
    assert f(1e9) == pytest.approx(high, abs=1e-8)
    assert f(-1e9) == pytest.approx(low, abs=1e-8)
    assert high - f(f.saturation) == pytest.approx(0.01 * (high - low), rel=1e-12)
    assert f(-f.saturation) - low == pytest.approx(0.01 * (high - low), rel=1e-12)


def test_a_function_without_two_ends_does_not_saturate():
    without = {name for name, f in ACTIVATIONS.items() if f.saturation is None}
    assert without == {"identity", "relu", "leaky_relu", "selu", "gelu", "silu"}


# ------------------------------------------------------------------------- what goes in, comes out


@each_activation
@each_precision
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (0, 3), (1,)], ids=str)
def test_shape_and_precision_are_kept(f, dtype, shape):
    z = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    for result in (f(z), f.derivative(z)):
        assert result.shape == shape
        assert result.dtype == dtype


@each_activation
@each_precision
def test_an_array_of_no_dimensions_is_one_number(f, dtype):
    for z in (np.array(0.5, dtype=dtype), dtype(0.5)):
        for result, whole in ((f(z), f(np.array([0.5]))), (f.derivative(z), f.derivative([0.5]))):
            assert np.shape(result) == ()
            assert float(result) == pytest.approx(whole[0], rel=1e-6)


@each_activation
@each_precision
def test_the_argument_is_not_changed_and_not_handed_back(f, dtype):
    z = np.random.default_rng(0).standard_normal((4, 3)).astype(dtype)
    before = z.tobytes()
    z.flags.writeable = False
    for result in (f(z), f.derivative(z)):
        assert not np.shares_memory(result, z)
        assert result.flags.writeable
    assert z.tobytes() == before


@each_activation
def test_a_view_gives_what_its_copy_gives(f):
    z = np.random.default_rng(0).standard_normal((6, 8))
    view = z[::2, ::-3].T
    assert (f(view) == f(view.copy())).all()
    assert (f.derivative(view) == f.derivative(view.copy())).all()


@each_activation
@pytest.mark.parametrize("z", [0, 1, -2, 0.5])
def test_a_number_typed_at_the_keyboard_is_welcome(f, z):
    assert f(z) == f(np.array([z], dtype=float))[0]
    assert f.derivative(z) == f.derivative(np.array([z], dtype=float))[0]


@each_activation
@pytest.mark.parametrize(
    ("z", "dtype"),
    [
        (np.arange(3), r"int\d+"),
        (np.arange(3, dtype=np.uint8), "uint8"),
        ([1, 2], r"int\d+"),
        (True, "bool"),
        (np.zeros(3, np.float16), "float16"),
        (np.array([1j]), "complex128"),
        (np.array(["1"]), "<U1"),
    ],
    ids=str,
)
def test_what_is_not_a_float_is_refused_with_the_remedy(f, z, dtype):
    message = rf"z has dtype {dtype}, but floats are needed.*z\.astype\(np\.float32\)"
    with pytest.raises(TypeError, match=message):
        f(z)
    with pytest.raises(TypeError, match=message):
        f.derivative(z)


# ----------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("name", ORACLES)
def test_an_activation_is_found_by_its_name_and_prints_it(name):
    f = activations.get(name)
    assert f is ACTIVATIONS[name]
    assert f is getattr(activations, name)
    assert f.name == repr(f) == name
    assert activations.get(f) is f


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("relux", "relu"),
        ("ReLU", "relu"),
        ("Sigmoid", "sigmoid"),
        ("than", "tanh"),
        ("leaky", "leaky_relu"),
        ("sillu", "silu"),
    ],
)
def test_an_unknown_name_gets_the_nearest_known_one(typed, meant):
    with pytest.raises(ValueError, match=f"activation='{typed}': no such .*did you mean '{meant}'"):
        activations.get(typed)


def test_a_name_near_none_gets_the_whole_list():
    with pytest.raises(ValueError, match="choose from " + ", ".join(ACTIVATIONS)):
        activations.get("xyz")


@pytest.mark.parametrize("thing", [None, 3, np.tanh, ["relu"]], ids=str)
def test_what_is_no_name_is_refused(thing):
    with pytest.raises(TypeError, match=r"activation=.* must be one of the names identity, sig"):
        activations.get(thing)


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


def test_only_the_leaky_relu_has_a_slope():
    assert {f.name: f.slope for f in ACTIVATIONS.values() if f.slope} == {"leaky_relu": 0.01}


def test_one_slope_is_one_value():
    assert leaky_relu_with(0.01) is activations.leaky_relu
    assert leaky_relu_with(0.25) is leaky_relu_with(0.25)
    assert leaky_relu_with(0.25) != leaky_relu_with(0.5)


def test_one_slope_is_one_value_however_it_is_passed():
    assert leaky_relu_with(slope=0.01) is activations.leaky_relu
    assert leaky_relu_with(np.float64(0.25)) is leaky_relu_with(0.25)
    assert leaky_relu_with(1) is leaky_relu_with(1.0)


def test_another_slope_is_printed():
    assert repr(leaky_relu_with(0.01)) == "leaky_relu"
    assert repr(leaky_relu_with(0.25)) == "leaky_relu(0.25)"
    assert leaky_relu_with(0.25).name == "leaky_relu"


@pytest.mark.parametrize("f", [*ACTIVATIONS.values(), leaky_relu_with(0.25)], ids=repr)
def test_an_activation_comes_back_from_another_process_as_itself(f):
    assert pickle.loads(pickle.dumps(f)) is f


@pytest.mark.parametrize(
    ("slope", "error"),
    [
        (math.nan, ValueError),
        (math.inf, ValueError),
        (1e7, ValueError),
        (-1e7, ValueError),
        ("0.1", TypeError),
        (True, TypeError),
        ([0.1], TypeError),
    ],
)
def test_a_slope_that_is_no_finite_number_is_refused(slope, error):
    with pytest.raises(error, match="must be a") as caught:
        leaky_relu_with(slope)
    assert str(caught.value).startswith(f"slope={slope!r} must be ")


# ------------------------------------------------------------------------------------- the gain

CONVENTIONAL = {  # what torch.nn.init.calculate_gain documents ("linear" is the identity here)
    "identity": 1,
    "sigmoid": 1,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
    "selu": 3 / 4,
}


@pytest.mark.parametrize("f", ACTIVATIONS.values(), ids=repr)
def test_a_gain_is_conventional_or_keeps_the_size_of_a_standard_normal_signal(f):
    if f.name in CONVENTIONAL:
        assert f.gain == pytest.approx(CONVENTIONAL[f.name], rel=1e-15)
        return

    def integrand(z):
        return float(f(z)) ** 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    mean_square = sum(
        integrate.quad(integrand, low, low + 6, epsabs=1e-13)[0] for low in (-12, -6, 0, 6)
    )
    assert f.gain == pytest.approx(1 / math.sqrt(mean_square), rel=5e-8)


@pytest.mark.parametrize("slope", [0, 0.2, 1, -0.5])
def test_the_gain_of_a_leaky_relu_depends_on_its_slope(slope):
    expected = math.sqrt(2 / (1 + slope**2))
    assert leaky_relu_with(slope).gain == pytest.approx(expected, rel=1e-15)
    he = initializers.he_normal(slope).std((50, 7))
    assert he == pytest.approx(expected / math.sqrt(50), rel=1e-14)


# ----------------------------------------------------------------------------------- far outside


@pytest.mark.parametrize("f", ACTIVATIONS.values(), ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_at_infinity_a_function_and_its_slope_have_their_limits(f, dtype):
    ends = np.array([-np.inf, np.inf], dtype)
    near = np.array([-1e6, 1e6], dtype)
    assert not np.isnan(f(ends)).any()
    np.testing.assert_allclose(f.derivative(ends), f.derivative(near), atol=1e-5)
    bounded = np.abs(f(near)) < 100
    np.testing.assert_allclose(f(ends)[bounded], f(near)[bounded], atol=1e-5)


@pytest.mark.parametrize("f", ACTIVATIONS.values(), ids=repr)
def test_a_scalar_in_is_a_scalar_out(f):
    assert isinstance(f(0.5), float)
    assert isinstance(f.derivative(0.5), float)
