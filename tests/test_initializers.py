"""Do first weights have the distribution their name promises?

Every distribution is held against its formula twice: by a Kolmogorov-Smirnov test, which sees the
whole shape, and by mean and variance, with a tolerance of five standard errors. The formulas are
written out here a second time, from the papers, in terms of fan_in and fan_out.
"""

import math

import numpy as np
import pytest
from scipy import stats

from initlab import initializers as init

# Not square, so that fan_in cannot pass for fan_out.
FAN_IN, FAN_OUT = 600, 240
SHAPE = (FAN_IN, FAN_OUT)
DRAWN = FAN_IN * FAN_OUT


def gauss(variance):
    return stats.norm(scale=math.sqrt(variance))


def flat(limit):
    return stats.uniform(-limit, 2 * limit)


def cut_gauss(variance):
    """Return the Gaussian cut at two sigma whose variance, after the cut, is the given one."""
    return stats.truncnorm(-2, 2, scale=math.sqrt(variance) / stats.truncnorm(-2, 2).std())


# Each recipe and the distribution that its paper, or its docstring, gives it.
DISTRIBUTIONS = {
    init.normal(0.01): gauss(0.01**2),
    init.normal(2): gauss(2**2),
    init.uniform(0.01): flat(math.sqrt(3) * 0.01),
    init.truncated_normal(0.01): cut_gauss(0.01**2),
    init.variance_scaling(3, "fan_in", "normal"): gauss(3 / FAN_IN),
    init.variance_scaling(3, "fan_out", "normal"): gauss(3 / FAN_OUT),
    init.variance_scaling(3, "fan_avg", "normal"): gauss(6 / (FAN_IN + FAN_OUT)),
    init.variance_scaling(3, "fan_in", "uniform"): flat(math.sqrt(9 / FAN_IN)),
    init.variance_scaling(3, "fan_out", "uniform"): flat(math.sqrt(9 / FAN_OUT)),
    init.variance_scaling(3, "fan_avg", "uniform"): flat(math.sqrt(18 / (FAN_IN + FAN_OUT))),
    init.variance_scaling(3, "fan_in", "truncated_normal"): cut_gauss(3 / FAN_IN),
    init.variance_scaling(3, "fan_out", "truncated_normal"): cut_gauss(3 / FAN_OUT),
    init.variance_scaling(3, "fan_avg", "truncated_normal"): cut_gauss(6 / (FAN_IN + FAN_OUT)),
    # Glorot and Bengio (2010), equations 12 and 16.
    init.xavier_normal(): gauss(2 / (FAN_IN + FAN_OUT)),
    init.xavier_normal(gain=4): gauss(16 * 2 / (FAN_IN + FAN_OUT)),
    init.xavier_uniform(): flat(math.sqrt(6 / (FAN_IN + FAN_OUT))),
    init.xavier_uniform(gain=0.5): flat(0.5 * math.sqrt(6 / (FAN_IN + FAN_OUT))),
    # He et al. (2015), equations 10 (forward), 14 (backward) and 15 (with a slope).
    init.he_normal(): gauss(2 / FAN_IN),
    init.he_normal(slope=0.5): gauss(2 / (1.25 * FAN_IN)),
    init.he_normal(mode="fan_out"): gauss(2 / FAN_OUT),
    init.he_normal(mode="fan_avg"): gauss(4 / (FAN_IN + FAN_OUT)),
    init.he_uniform(): flat(math.sqrt(6 / FAN_IN)),
    init.he_uniform(slope=0.5): flat(math.sqrt(6 / (1.25 * FAN_IN))),
    init.he_uniform(mode="fan_out"): flat(math.sqrt(6 / FAN_OUT)),
    # LeCun et al. (1998), equation 16.
    init.lecun_normal(): gauss(1 / FAN_IN),
    init.lecun_uniform(): flat(math.sqrt(3 / FAN_IN)),
}
OTHERS = [
    init.orthogonal(),
    init.orthogonal(gain=1.5),
    init.zeros(),
    init.constant(0.1),
    init.constant(-3),
]
ALL = [*DISTRIBUTIONS, *OTHERS]

each_distribution = pytest.mark.parametrize(
    ("recipe", "promised"), DISTRIBUTIONS.items(), ids=[repr(recipe) for recipe in DISTRIBUTIONS]
)
each_recipe = pytest.mark.parametrize("recipe", ALL, ids=repr)


def drawn(recipe, shape=SHAPE, *, seed=0, dtype=np.float64):
    return recipe(np.random.default_rng(seed), shape, dtype=dtype)


def agreement(weights, distribution):
    """Return the p-value of the Kolmogorov-Smirnov test."""
    return stats.kstest(weights.ravel(), distribution.cdf).pvalue


# -------------------------------------------------------------------------------- distributions


@each_distribution
def test_the_weights_have_the_promised_distribution(recipe, promised):
    assert agreement(drawn(recipe), promised) > 1e-3


@each_distribution
def test_mean_and_variance_are_within_five_standard_errors(recipe, promised):
    weights = drawn(recipe)
    variance, excess_kurtosis = promised.var(), float(promised.stats("k"))
    # The sampling errors of mean and variance of n independent draws.
    error_of_mean = math.sqrt(variance / DRAWN)
    error_of_variance = variance * math.sqrt((excess_kurtosis + 2) / DRAWN)
    assert abs(weights.mean()) < 5 * error_of_mean
    assert abs(weights.var() - variance) < 5 * error_of_variance


@each_distribution
def test_std_is_the_formula(recipe, promised):
    assert recipe.std(SHAPE) == pytest.approx(promised.std(), rel=1e-12)


@pytest.mark.parametrize(
    ("recipe", "mistaken_for"),
    [
        (init.he_normal(), gauss(2 / (FAN_IN + FAN_OUT))),  # He for Xavier
        (init.he_normal(), gauss(1 / FAN_IN)),  # 1 for 2
        (init.he_normal(), gauss(2 / FAN_OUT)),  # fan_in for fan_out
        (init.he_normal(), gauss(4 / (FAN_IN + FAN_OUT))),  # fan_in for the mean of both
        (init.he_normal(), flat(math.sqrt(6 / FAN_IN))),  # the same variance, another shape
        (init.he_normal(), gauss((2 / FAN_IN) ** 2)),  # variance for standard deviation
        (init.he_normal(slope=0.5), gauss(2 / FAN_IN)),  # the slope forgotten
        (init.he_normal(slope=0.5), gauss(2 / (1.5 * FAN_IN))),  # the slope not squared
        (init.he_uniform(), flat(math.sqrt(6 / (FAN_IN + FAN_OUT)))),
        (init.he_uniform(), flat(math.sqrt(2 / FAN_IN))),  # std for limit
        (init.he_uniform(), gauss(2 / FAN_IN)),
        (init.xavier_normal(), gauss(1 / FAN_IN)),  # Xavier for LeCun
        (init.xavier_normal(), gauss(1 / (FAN_IN + FAN_OUT))),  # the sum for the mean
        (init.xavier_normal(gain=4), gauss(4 * 2 / (FAN_IN + FAN_OUT))),  # the gain not squared
        (init.xavier_uniform(), gauss(2 / (FAN_IN + FAN_OUT))),
        (init.lecun_normal(), gauss(2 / (FAN_IN + FAN_OUT))),
        (init.lecun_normal(), gauss(1 / FAN_OUT)),
        (init.lecun_uniform(), flat(math.sqrt(1 / FAN_IN))),
        (init.truncated_normal(0.01), gauss(0.01**2)),  # not cut
        (init.truncated_normal(0.01), stats.truncnorm(-2, 2, scale=0.01)),  # not widened again
        (init.normal(0.01), gauss(0.01)),
        (init.uniform(0.01), flat(0.01)),
    ],
)
def test_the_sample_is_large_enough_to_refuse_what_is_easily_confused(recipe, mistaken_for):
    assert agreement(drawn(recipe), mistaken_for) < 1e-9


@pytest.mark.parametrize("distribution", ["normal", "uniform", "truncated_normal"])
def test_leading_axes_hold_independent_draws_of_one_matrix(distribution):
    recipe = init.variance_scaling(1, "fan_in", distribution)
    shape = (3, 2, 40, 300)
    weights = drawn(recipe, shape)
    promised = {"normal": gauss, "truncated_normal": cut_gauss}.get(distribution)
    promised = promised(1 / 40) if promised else flat(math.sqrt(3 / 40))
    assert weights.shape == shape
    assert recipe.std(shape) == recipe.std(shape[-2:])
    assert np.unique(weights).size == weights.size
    matrices = weights.reshape(6, -1)
    for matrix in matrices:
        assert agreement(matrix, promised) > 1e-3
    correlations = np.corrcoef(matrices)[np.triu_indices(6, k=1)]
    assert np.abs(correlations).max() < 5 / math.sqrt(matrices.shape[1])


def test_a_truncated_normal_has_no_weight_beyond_two_sigma_of_the_uncut_one():
    weights = drawn(init.truncated_normal(0.01))
    limit = 2 * 0.01 / stats.truncnorm(-2, 2).std()
    assert 0.999 * limit < np.abs(weights).max() <= limit


def test_the_constant_of_the_truncated_normal_is_its_standard_deviation():
    assert stats.truncnorm(-2, 2).std() == pytest.approx(init.TRUNCATED_NORMAL_STD, rel=1e-14)


@pytest.mark.parametrize(("recipe", "value"), [(init.zeros(), 0), (init.constant(0.1), 0.1)])
def test_constant_weights_are_constant(recipe, value):
    assert (drawn(recipe, (2, 3, 4)) == np.full((2, 3, 4), value)).all()
    assert recipe.std((3, 4)) == 0


def test_a_spread_of_zero_is_allowed():
    for recipe in (init.normal(0), init.uniform(0), init.variance_scaling(0), init.orthogonal(0)):
        assert not drawn(recipe, (3, 4)).any()


def test_integer_fans_of_any_size_are_not_rounded():
    assert init.xavier_normal().std((2, 3)) == pytest.approx(math.sqrt(2 / 5))
    assert init.he_normal().std((3, 1)) == pytest.approx(math.sqrt(2 / 3))


# ------------------------------------------------------------------------- seeds and precision


@each_recipe
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_have_the_precision_and_shape_asked_for(recipe, dtype):
    weights = drawn(recipe, (2, 5, 3), dtype=dtype)
    assert weights.dtype == dtype
    assert weights.shape == (2, 5, 3)
    assert weights.flags.writeable


@each_recipe
def test_float64_is_what_comes_when_nothing_is_said(recipe):
    weights = recipe(np.random.default_rng(0), (5, 3))
    assert weights.dtype == np.float64


@each_recipe
def test_the_same_seed_draws_the_same_bits(recipe):
    assert drawn(recipe, (7, 4), seed=5).tobytes() == drawn(recipe, (7, 4), seed=5).tobytes()


@pytest.mark.parametrize("recipe", [*DISTRIBUTIONS, init.orthogonal()], ids=repr)
def test_another_seed_draws_other_weights(recipe):
    assert (drawn(recipe, (7, 4), seed=5) != drawn(recipe, (7, 4), seed=6)).all()


@each_recipe
def test_a_float32_draw_is_the_float64_draw_rounded(recipe):
    exact = drawn(recipe, (7, 4), seed=3)
    assert (drawn(recipe, (7, 4), seed=3, dtype=np.float32) == exact.astype(np.float32)).all()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (init.normal(0.01), init.normal(3)),
        (init.normal(0.01), init.he_normal()),
        (init.xavier_normal(), init.lecun_normal()),
        (init.uniform(0.01), init.xavier_uniform()),
        (init.he_uniform(mode="fan_out"), init.lecun_uniform()),
        (init.truncated_normal(0.1), init.variance_scaling(1, "fan_avg", "truncated_normal")),
        (init.orthogonal(), init.orthogonal(gain=3)),
    ],
)
def test_recipes_of_one_distribution_differ_by_a_factor_only(one, other):
    factor = other.std((7, 4)) / one.std((7, 4))
    np.testing.assert_allclose(
        drawn(other, (7, 4), seed=3), factor * drawn(one, (7, 4), seed=3), rtol=1e-13
    )


def test_a_normal_draw_is_the_std_times_the_generators_own_standard_normal():
    expected = 0.3 * np.random.default_rng(8).standard_normal((7, 4))
    assert (drawn(init.normal(0.3), (7, 4), seed=8) == expected).all()


# ---------------------------------------------------------------------------------- orthogonal


@pytest.mark.parametrize("gain", [1.0, 2.5])
@pytest.mark.parametrize(
    "shape", [(9, 4), (4, 9), (6, 6), (1, 5), (5, 1), (3, 9, 4), (2, 3, 4, 9)], ids=str
)
def test_the_shorter_of_rows_and_columns_are_orthogonal(shape, gain):
    weights = drawn(init.orthogonal(gain), shape)
    transposed = np.swapaxes(weights, -1, -2)
    fan_in, fan_out = shape[-2:]
    products = transposed @ weights if fan_in >= fan_out else weights @ transposed
    expected = np.broadcast_to(gain**2 * np.eye(min(fan_in, fan_out)), products.shape)
    np.testing.assert_allclose(products, expected, atol=1e-13 * gain**2)


@pytest.mark.parametrize("shape", [(9, 4), (4, 9), (6, 6)], ids=str)
def test_std_of_an_orthogonal_matrix_is_its_exact_root_mean_square(shape):
    # The squares of a matrix with k = min(shape) singular values g add up to k g**2.
    recipe = init.orthogonal(gain=2)
    root_mean_square = math.sqrt((drawn(recipe, shape) ** 2).mean())
    assert recipe.std(shape) == pytest.approx(root_mean_square, rel=1e-12)


def test_rotations_in_space_are_uniform():
    # A uniform direction in three dimensions has uniform coordinates (Archimedes); a QR
    # decomposition without its signs corrected fails at once.
    rotations = drawn(init.orthogonal(), (20_000, 3, 3))
    for row, column in np.ndindex(3, 3):
        assert agreement(rotations[:, row, column], stats.uniform(-1, 2)) > 1e-3
    traces = np.trace(rotations, axis1=-2, axis2=-1)
    assert abs(traces.mean()) < 5 / math.sqrt(20_000)  # over all rotations E tr = 0, E tr**2 = 1
    # Half of them are reflections.
    assert abs(np.linalg.det(rotations).mean()) < 5 / math.sqrt(20_000)


@pytest.mark.parametrize("shape", [(20_000, 5, 2), (20_000, 2, 5)], ids=str)
def test_directions_in_five_dimensions_are_uniform(shape):
    # The square of a coordinate of a uniform direction in n dimensions is Beta(1/2, (n - 1)/2),
    # and its sign is a coin.
    weights = drawn(init.orthogonal(), shape)
    for row, column in np.ndindex(shape[1:]):
        entry = weights[:, row, column]
        assert agreement(entry**2, stats.beta(0.5, 2)) > 1e-3
        assert abs(np.sign(entry).mean()) < 5 / math.sqrt(20_000)


# ------------------------------------------------------------------------------ names and reprs


def test_first_and_last_names_mean_the_same_objects():
    assert init.glorot_normal is init.xavier_normal
    assert init.glorot_uniform is init.xavier_uniform
    assert init.kaiming_normal is init.he_normal
    assert init.kaiming_uniform is init.he_uniform


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (init.normal(0.01), "normal(std=0.01)"),
        (init.normal(1), "normal(std=1)"),
        (init.uniform(0.5), "uniform(std=0.5)"),
        (init.truncated_normal(0.02), "truncated_normal(std=0.02)"),
        (init.zeros(), "zeros()"),
        (init.constant(0), "zeros()"),
        (init.constant(0.1), "constant(value=0.1)"),
        (init.variance_scaling(2), "variance_scaling(2, 'fan_in', 'normal')"),
        (
            init.variance_scaling(0.5, "fan_avg", "truncated_normal"),
            "variance_scaling(0.5, 'fan_avg', 'truncated_normal')",
        ),
        (init.xavier_normal(), "xavier_normal()"),
        (init.xavier_normal(4), "xavier_normal(gain=4)"),
        (init.xavier_uniform(5 / 3), "xavier_uniform(gain=1.66667)"),
        (init.he_normal(), "he_normal()"),
        (init.he_normal(0.01), "he_normal(slope=0.01)"),
        (init.he_normal(mode="fan_out"), "he_normal(mode='fan_out')"),
        (init.he_uniform(0.2, "fan_avg"), "he_uniform(slope=0.2, mode='fan_avg')"),
        (init.lecun_normal(), "lecun_normal()"),
        (init.lecun_uniform(), "lecun_uniform()"),
        (init.orthogonal(), "orthogonal()"),
        (init.orthogonal(1.5), "orthogonal(gain=1.5)"),
    ],
)
def test_a_recipe_prints_as_the_call_that_makes_it(recipe, expected):
    assert repr(recipe) == expected


@each_recipe
def test_what_is_printed_can_be_called_again(recipe):
    assert eval(repr(recipe), vars(init)) == recipe


def test_the_same_call_is_the_same_recipe_and_the_same_key():
    assert init.he_normal() == init.kaiming_normal(slope=0)
    assert init.normal(1) == init.normal(1.0)
    assert init.lecun_normal() == init.variance_scaling(1, "fan_in", "normal")
    assert init.xavier_uniform(3) == init.variance_scaling(9, "fan_avg", "uniform")
    assert hash(init.he_normal()) == hash(init.variance_scaling(2, "fan_in", "normal"))
    assert len({init.he_normal(), init.he_normal(), init.normal(1), init.normal(1.0)}) == 2


def test_another_call_is_another_recipe():
    assert len(set(ALL)) == len(ALL)
    assert init.normal(0.1) != init.uniform(0.1)
    assert init.normal(0.1) != 0.1


# ---------------------------------------------------------------------------------- error paths


def test_weights_too_large_for_single_precision_are_refused():
    recipe = init.normal(1e39)
    assert np.isfinite(drawn(recipe)).all()
    with pytest.raises(
        ValueError, match=r"normal\(std=1e\+39\) draws weights too large for float32"
    ):
        drawn(recipe, dtype=np.float32)


# One of each kind: what they check of a call, they check for all of their kind.
each_kind = pytest.mark.parametrize(
    "recipe", [init.normal(1), init.he_normal(), init.zeros(), init.orthogonal()], ids=repr
)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: init.normal(-1), ValueError, "std=-1 must be a finite number of at least 0"),
        (lambda: init.normal(math.nan), ValueError, "std=nan must be a finite number"),
        (lambda: init.uniform(math.inf), ValueError, "std=inf must be a finite number"),
        (lambda: init.truncated_normal(-0.1), ValueError, r"std=-0\.1"),
        (lambda: init.normal("0.1"), TypeError, "std='0.1' must be a real number"),
        (lambda: init.normal(True), TypeError, "std=True must be a real number"),
        (lambda: init.constant(math.nan), ValueError, "value=nan"),
        (lambda: init.constant(None), TypeError, "value=None"),
        (lambda: init.variance_scaling(-2), ValueError, "scale=-2 must be a finite number of at"),
        (lambda: init.variance_scaling(1, "fanin"), ValueError, "did you mean 'fan_in'"),
        (lambda: init.variance_scaling(1, "qqq"), ValueError, "fan_in, fan_out, fan_avg"),
        (lambda: init.variance_scaling(1, 3), TypeError, "mode=3"),
        (
            lambda: init.variance_scaling(1, "fan_in", "Unifrom"),
            ValueError,
            "distribution='Unifrom': no such distribution; did you mean 'uniform'",
        ),
        (lambda: init.xavier_normal(-1), ValueError, "gain=-1 must be"),
        (lambda: init.xavier_uniform(math.inf), ValueError, "gain=inf must be"),
        (lambda: init.he_normal(math.nan), ValueError, "slope=nan must be"),
        (lambda: init.he_normal("fan_out"), TypeError, "slope='fan_out' must be a real number"),
        (lambda: init.he_uniform(mode="fan_aut"), ValueError, "mode='fan_aut'.*'fan_out'"),
        (lambda: init.orthogonal(-1), ValueError, "gain=-1 must be"),
    ],
)
def test_a_wrong_setting_is_refused_at_the_call(make, error, message):
    with pytest.raises(error, match=message):
        make()


@each_kind
@pytest.mark.parametrize(
    ("shape", "error", "message"),
    [
        ((5,), ValueError, r"shape=\(5,\) must be a tuple \(\.\.\., fan_in"),
        ((), ValueError, "must be a tuple"),
        (5, ValueError, "shape=5 must be a tuple"),
        ((5, 0), ValueError, "axis of shape=0 must be a whole number of at least 1"),
        ((5, -2), ValueError, "axis of shape=-2"),
        ((5.0, 2), TypeError, r"axis of shape=5\.0 must be a whole number"),
        ((True, 2), TypeError, "axis of shape=True"),
    ],
    ids=str,
)
def test_a_shape_that_is_no_matrix_is_refused_by_draw_and_formula(recipe, shape, error, message):
    with pytest.raises(error, match=message):
        recipe(np.random.default_rng(0), shape)
    with pytest.raises(error, match=message):
        recipe.std(shape)


@each_kind
@pytest.mark.parametrize("rng", [0, None, np.random, np.random.RandomState], ids=str)
def test_only_a_generator_will_do(recipe, rng):
    with pytest.raises(TypeError, match=r"rng=.*default_rng\(0\)"):
        recipe(rng, (5, 3))


@each_kind
@pytest.mark.parametrize("dtype", [np.float16, np.int64, complex, None], ids=str)
def test_only_single_and_double_precision_will_do(recipe, dtype):
    with pytest.raises(TypeError, match=r"dtype=.*np\.float32 .*np\.float64"):
        recipe(np.random.default_rng(0), (5, 3), dtype=dtype)


@pytest.mark.parametrize("recipe", [init.normal(1e308), init.truncated_normal(1.7e308)], ids=repr)
def test_weights_that_overflow_are_refused_without_a_warning(recipe):
    with pytest.raises(ValueError, match="draws weights too large for float64"):
        recipe(np.random.default_rng(0), (100, 100))


def test_what_would_draw_only_zeros_or_overflow_is_refused():
    for recipe in (init.he_normal, init.he_uniform):
        with pytest.raises(ValueError, match=r"slope=1e\+200 must be a finite number"):
            recipe(slope=1e200)
    with pytest.raises(ValueError, match=r"gain=1e\+200 must be a finite number"):
        init.xavier_normal(1e200)
