"""Do first weights have the distribution their name promises?

Every distribution is held against its formula twice: by a Kolmogorov-Smirnov test, which sees the
whole shape, and by mean and variance, with a tolerance of five standard errors. The formulas are
written out here a second time, from the papers, in terms of fan_in and fan_out.
"""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from initlab import initializers as init

FAN_IN, FAN_OUT = 300, 120
SHAPE = (FAN_IN, FAN_OUT)


def gauss(variance):
    return stats.norm(scale=math.sqrt(variance))


def flat(limit):
    return stats.uniform(-limit, 2 * limit)


def cut_gauss(variance):
    """Return the Gaussian cut at two sigma whose variance, after the cut, is the given one."""
    return stats.truncnorm(-2, 2, scale=math.sqrt(variance) / stats.truncnorm(-2, 2).std())


FANS = {"fan_in": FAN_IN, "fan_out": FAN_OUT, "fan_avg": (FAN_IN + FAN_OUT) / 2}
OF_VARIANCE = {
    "normal": gauss,
    "uniform": lambda variance: flat(math.sqrt(3 * variance)),
    "truncated_normal": cut_gauss,
}

# Each recipe and the distribution that its paper, or its docstring, gives it.
DISTRIBUTIONS = [
    (init.normal(0.01), gauss(0.01**2)),
    (init.normal(2), gauss(2**2)),
    (init.uniform(0.01), flat(math.sqrt(3) * 0.01)),
    (init.truncated_normal(0.01), cut_gauss(0.01**2)),
    # Glorot and Bengio (2010), equations 12 and 16.
    (init.xavier_normal(), gauss(2 / (FAN_IN + FAN_OUT))),
    (init.xavier_normal(gain=4), gauss(16 * 2 / (FAN_IN + FAN_OUT))),
    (init.xavier_uniform(), flat(math.sqrt(6 / (FAN_IN + FAN_OUT)))),
    (init.xavier_uniform(gain=0.5), flat(0.5 * math.sqrt(6 / (FAN_IN + FAN_OUT)))),
    # He et al. (2015), equations 10 (forward), 14 (backward) and 15 (with a slope).
    (init.he_normal(), gauss(2 / FAN_IN)),
    (init.he_normal(slope=0.5), gauss(2 / (1.25 * FAN_IN))),
    (init.he_normal(mode="fan_out"), gauss(2 / FAN_OUT)),
    (init.he_normal(mode="fan_avg"), gauss(4 / (FAN_IN + FAN_OUT))),
    (init.he_uniform(), flat(math.sqrt(6 / FAN_IN))),
    (init.he_uniform(slope=0.5), flat(math.sqrt(6 / (1.25 * FAN_IN)))),
    (init.he_uniform(mode="fan_out"), flat(math.sqrt(6 / FAN_OUT))),
    # LeCun et al. (1998), equation 16.
    (init.lecun_normal(), gauss(1 / FAN_IN)),
    (init.lecun_uniform(), flat(math.sqrt(3 / FAN_IN))),
    *(
        (init.variance_scaling(3, mode, name), OF_VARIANCE[name](3 / FANS[mode]))
        for mode, name in product(FANS, OF_VARIANCE)
    ),
]
CONSTANTS = [init.zeros(), init.constant(0.1), init.constant(-3)]
ALL = [recipe for recipe, _ in DISTRIBUTIONS] + CONSTANTS
ALL += [init.orthogonal(), init.orthogonal(gain=1.5)]

each_recipe = pytest.mark.parametrize("recipe", ALL, ids=repr)


def drawn(recipe, shape=SHAPE, *, seed=0, dtype=np.float64):
    return recipe(np.random.default_rng(seed), shape, dtype=dtype)


# -------------------------------------------------------------------------------- distributions


def assert_agree(weights, distribution):
    """Compare the whole shape (Kolmogorov-Smirnov), and mean and variance."""
    assert stats.kstest(weights.ravel(), distribution.cdf).pvalue > 1e-3
    # The sampling errors of mean and variance of n independent draws.
    variance, excess_kurtosis = distribution.var(), float(distribution.stats("k"))
    error_of_mean = math.sqrt(variance / weights.size)
    error_of_variance = variance * math.sqrt((excess_kurtosis + 2) / weights.size)
    assert abs(weights.mean() - distribution.mean()) < 5 * error_of_mean
    assert abs(weights.var() - variance) < 5 * error_of_variance


@pytest.mark.parametrize(
    ("recipe", "promised"), DISTRIBUTIONS, ids=[repr(recipe) for recipe, _ in DISTRIBUTIONS]
)
def test_the_weights_have_the_promised_distribution_and_std_is_its_formula(recipe, promised):
    assert_agree(drawn(recipe), promised)
    assert recipe.std(SHAPE) == pytest.approx(promised.std(), rel=1e-12)


@pytest.mark.parametrize("distribution", OF_VARIANCE)
def test_leading_axes_hold_independent_draws_of_one_matrix(distribution):
    recipe, shape = init.variance_scaling(1, "fan_in", distribution), (3, 2, 40, 300)
    weights = drawn(recipe, shape)
    assert weights.shape == shape
    assert recipe.std(shape) == recipe.std(shape[-2:])
    assert np.unique(weights).size == weights.size
    matrices = weights.reshape(6, -1)
    for matrix in matrices:
        assert_agree(matrix, OF_VARIANCE[distribution](1 / 40))
    correlations = np.corrcoef(matrices)[np.triu_indices(6, k=1)]
    assert np.abs(correlations).max() < 5 / math.sqrt(matrices.shape[1])


def test_a_truncated_normal_has_no_weight_beyond_two_sigma_of_the_uncut_one():
    weights = drawn(init.truncated_normal(0.01))
    limit = 2 * 0.01 / stats.truncnorm(-2, 2).std()
    assert 0.999 * limit < np.abs(weights).max() <= limit * (1 + 1e-14)


def test_constant_weights_are_constant_and_a_spread_of_zero_is_allowed():
    for recipe, value in ((init.zeros(), 0), (init.constant(0.1), 0.1), (init.constant(-3), -3)):
        assert (drawn(recipe, (2, 3, 4)) == np.full((2, 3, 4), value)).all()
        assert recipe.std((3, 4)) == 0
    for recipe in (init.normal(0), init.uniform(0), init.variance_scaling(0), init.orthogonal(0)):
        assert not drawn(recipe, (3, 4)).any()


# ------------------------------------------------------------------------- seeds and precision


@each_recipe
def test_a_seed_means_the_same_weights_in_both_precisions_and_another_seed_means_others(recipe):
    exact = recipe(np.random.default_rng(3), (2, 5, 4))
    assert (exact.dtype, exact.shape) == (np.float64, (2, 5, 4))
    assert exact.flags.writeable
    single = drawn(recipe, (2, 5, 4), seed=3, dtype=np.float32)
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, exact.astype(np.float32))
    assert drawn(recipe, (2, 5, 4), seed=3).tobytes() == exact.tobytes()
    if recipe not in CONSTANTS:
        assert (drawn(recipe, (2, 5, 4), seed=6) != exact).all()


@pytest.mark.parametrize(
    ("one", "other"),
    [
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
    if one == init.normal(0.01):
        expected = 0.01 * np.random.default_rng(3).standard_normal((7, 4))
        np.testing.assert_array_equal(drawn(one, (7, 4), seed=3), expected)


# ---------------------------------------------------------------------------------- orthogonal


@pytest.mark.parametrize("gain", [1.0, 2.5])
@pytest.mark.parametrize("shape", [(9, 4), (4, 9), (6, 6), (1, 5), (2, 3, 4, 9)], ids=str)
def test_the_shorter_of_rows_and_columns_are_orthogonal(shape, gain):
    weights = drawn(init.orthogonal(gain), shape)
    transposed = np.swapaxes(weights, -1, -2)
    fan_in, fan_out = shape[-2:]
    products = transposed @ weights if fan_in >= fan_out else weights @ transposed
    expected = np.broadcast_to(gain**2 * np.eye(min(fan_in, fan_out)), products.shape)
    np.testing.assert_allclose(products, expected, atol=1e-13 * gain**2)
    root_mean_square = math.sqrt((weights**2).mean())
    assert init.orthogonal(gain).std(shape) == pytest.approx(root_mean_square, rel=1e-12)


@pytest.mark.parametrize("shape", [(5000, 3, 3), (5000, 5, 2), (5000, 2, 5)], ids=str)
def test_directions_are_uniform(shape):
    # The square of a coordinate of a uniform direction in n dimensions is Beta(1/2, (n - 1)/2),
    # and its sign is a coin. A QR decomposition without its signs corrected fails at once.
    weights = drawn(init.orthogonal(), shape)
    for row, column in np.ndindex(shape[1:]):
        entry = weights[:, row, column]
        assert_agree(entry**2, stats.beta(0.5, (max(shape[1:]) - 1) / 2))
        assert abs(np.sign(entry).mean()) < 5 / math.sqrt(5000)
    if shape[1] == shape[2]:  # half of the rotations are reflections
        assert abs(np.linalg.det(weights).mean()) < 5 / math.sqrt(5000)


# ------------------------------------------------------------------------------ names and reprs


CALLS = ["zeros()", "xavier_uniform(gain=1.66667)", "he_normal()", "he_normal(mode='fan_out')"]


@pytest.mark.parametrize("call", [*CALLS, "lecun_normal()", "orthogonal()"])
def test_what_is_left_at_its_default_is_not_printed(call):
    assert repr(eval(call, vars(init))) == call


@each_recipe
def test_a_recipe_prints_as_the_call_that_makes_it(recipe):
    assert eval(repr(recipe), vars(init)) == recipe
    assert repr(eval(repr(recipe), vars(init))) == repr(recipe)


def test_the_same_call_is_the_same_recipe_and_the_same_key_and_another_is_another():
    assert repr(init.constant(0)) == repr(init.zeros())
    assert init.he_normal() == init.kaiming_normal(slope=0)
    assert init.he_uniform() == init.kaiming_uniform()
    assert init.xavier_normal() == init.glorot_normal()
    assert init.xavier_uniform(3) == init.variance_scaling(9, "fan_avg", "uniform")
    assert init.glorot_uniform(3) == init.xavier_uniform(3)
    assert init.normal(1) == init.normal(1.0)
    assert init.lecun_normal() == init.variance_scaling(1, "fan_in", "normal")
    assert hash(init.he_normal()) == hash(init.variance_scaling(2, "fan_in", "normal"))
    assert len(set(ALL)) == len(ALL)
    assert init.normal(0.1) != 0.1


# ---------------------------------------------------------------------------------- error paths


def test_weights_too_large_for_their_precision_are_refused_without_a_warning():
    recipe = init.normal(1e39)
    assert np.isfinite(drawn(recipe)).all()
    with pytest.raises(ValueError, match=r"normal\(std=1e\+39\) draws .* too large for float32"):
        drawn(recipe, dtype=np.float32)
    for recipe in (init.normal(1e308), init.truncated_normal(1.7e308)):
        with pytest.raises(ValueError, match="draws weights too large for float64"):
            drawn(recipe)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: init.normal(-1), ValueError, "std=-1 must be a finite number of at least 0"),
        (lambda: init.uniform(math.inf), ValueError, "std=inf must be a finite number"),
        (lambda: init.truncated_normal(math.nan), ValueError, r"std=nan must be a finite"),
        (lambda: init.constant(math.nan), ValueError, "value=nan"),
        (lambda: init.variance_scaling(-2), ValueError, "scale=-2 must be a finite number of at"),
        (lambda: init.variance_scaling(1, "fanin"), ValueError, "did you mean 'fan_in'"),
        (lambda: init.variance_scaling(1, "fan_in", "Uniform"), ValueError, "mean 'uniform'"),
        (lambda: init.xavier_normal(-1), ValueError, "gain=-1 must be"),
        (lambda: init.normal(10**400), ValueError, "std=10+ must be a finite number"),
        (lambda: init.xavier_uniform(1e200), ValueError, r"gain=1e\+200 must be a finite number"),
        (lambda: init.he_normal(slope=1e200), ValueError, r"slope=1e\+200 must be a finite number"),
        (lambda: init.he_uniform(slope=-1e200), ValueError, r"slope=-1e\+200 must be a finite"),
        (lambda: init.he_uniform(mode="fan_aut"), ValueError, "mode='fan_aut'.*'fan_out'"),
        (lambda: init.orthogonal(-1), ValueError, "gain=-1 must be"),
    ],
)
def test_a_wrong_setting_is_refused_at_the_call(make, error, message):
    with pytest.raises(error, match=message):
        make()


# One of each kind: what they check of a call, they check for all of their kind.
@pytest.mark.parametrize(
    "recipe", [init.normal(1), init.he_normal(), init.zeros(), init.orthogonal()], ids=repr
)
def test_what_nothing_can_be_drawn_from_is_refused(recipe):
    for shape, error, message in (
        ((5,), ValueError, r"shape=\(5,\) must be a tuple \(\.\.\., fan_in"),
        (5, ValueError, "shape=5 must be a tuple"),
        ((5, 0), ValueError, "axis of shape=0 must be a whole number of at least 1"),
        ((5.0, 2), TypeError, r"axis of shape=5\.0 must be a whole number"),
    ):
        for door in (lambda shape: recipe(np.random.default_rng(0), shape), recipe.std):
            with pytest.raises(error, match=message):
                door(shape)
    with pytest.raises(TypeError, match=r"rng=<class .*default_rng\(0\)"):
        recipe(np.random.RandomState, (5, 3))
    for dtype in (np.float16, None):
        with pytest.raises(TypeError, match=r"dtype=.*np\.float32 .*np\.float64"):
            recipe(np.random.default_rng(0), (5, 3), dtype=dtype)
