"""Theory for a whole plane of networks at once: what ``theory`` says of one, for arrays of them.

To colour a plane of sigma_w and sigma_b, or to draw theory beside the measurements of a thousand
networks, the integrals over pairs of ``theory`` would take minutes. Here a function is taken apart
into Hermite polynomials, once for each size of signal; then the mean over a pair of any correlation
is a short sum (Mehler's formula).

Sources: Poole et al. (2016), "Exponential expressivity in deep neural networks through transient
chaos"; Schoenholz et al. (2017), "Deep information propagation"; Daniely, Frostig, Singer (2016),
"Toward deeper understanding of neural networks", section 4.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from initlab import activations
from initlab._engine.checks import finite_number, overflow_allowed, whole_number
from initlab.theory import gaussian_mean

# How many terms of the series below are kept.
_TERMS = 160


@functools.cache
def _hermite():
    # Nodes close enough for polynomials of high degree, with an edge at 0 for ReLU's kink; and for
    # each the weight, and weight times He_k(z) / sqrt(k!) for k = 0, 1, ...
    edges = np.concatenate([[0, 0.05, 0.15], np.arange(0.3, 9.3, 0.3)])
    nodes, weights = np.polynomial.legendre.leggauss(8)
    width = np.diff(edges)[:, np.newaxis]
    z = (edges[:-1, np.newaxis] + width * (nodes + 1) / 2).ravel()
    w = (width * weights / 2).ravel() * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    z, w = np.concatenate([-z[::-1], z]), np.concatenate([w[::-1], w])
    rows = [w, z * w]
    for k in range(1, _TERMS - 1):
        rows.append((z * rows[-1] - math.sqrt(k) * rows[-2]) / math.sqrt(k + 1))
    return z, w, np.array(rows).T


def _series(function, q):
    # The squares a_k**2 of f(sqrt(q) z) = sum of a_k He_k(z) / sqrt(k!), for an array of q, in the
    # last axis; what is left over is taken for the next term. Then (Mehler's formula) the mean of
    # f f' over a pair of correlation c is the sum of a_k**2 c**k.
    z, w, polynomials = _hermite()
    values = function(np.sqrt(q)[..., np.newaxis] * z)
    squares = (values @ polynomials) ** 2
    rest = np.maximum(values**2 @ w - squares.sum(axis=-1), 0)
    return np.concatenate([squares, rest[..., np.newaxis]], axis=-1)


def _mean_of_series(squares, correlation):
    mean = np.zeros(squares.shape[:-1])
    for k in reversed(range(squares.shape[-1])):
        mean = mean * correlation + squares[..., k]
    return mean


def _variances(activation, sigma_w2, sigma_b2):
    # As _checked, for arrays.
    found = {"sigma_w2": sigma_w2, "sigma_b2": sigma_b2}
    for name, value in found.items():
        found[name] = np.asarray(value, dtype=np.float64)
        if not (np.isfinite(found[name]) & (found[name] >= 0)).all():
            raise ValueError(f"{name}={value!r} must be finite numbers of at least 0")
    return activations.get(activation), *np.broadcast_arrays(*found.values())


def _halved(rises, low, high, times=45):
    # Where a function goes from positive (``rises`` is true) to negative, between two arrays.
    for _ in range(times):
        middle = (low + high) / 2
        up = rises(middle)
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    return (low + high) / 2


def _falling_root(function, low, high, times=12):
    # The same in fewer steps, for smooth functions: by chords, where an end that stays in its place
    # counts half from the second time on (the Illinois method).
    at_low, at_high = function(low), function(high)
    was_up = np.full(low.shape, np.nan)
    for _ in range(times):
        with overflow_allowed():
            share = at_low / (at_low - at_high)
        share = np.where(np.isfinite(share), np.clip(share, 0, 1), 0.5)
        middle = low + share * (high - low)
        at_middle = function(middle)
        up = at_middle > 0
        again = np.where(up == was_up, 0.5, 1.0)
        low, at_low = np.where(up, middle, low), np.where(up, at_middle, at_low * again)
        high, at_high = np.where(up, high, middle), np.where(up, at_high * again, at_middle)
        was_up = up
        if np.all(np.abs(at_middle) < 1e-14):
            break
    return middle


@functools.lru_cache(maxsize=16)
def _means_by_size(f):
    # E[f**2] for every q on a grid, from signals that die out to signals that explode.
    log_q = np.linspace(math.log(1e-12), math.log(1e12), 400)
    return log_q, gaussian_mean(lambda z: f(z) ** 2, np.exp(log_q))


def _fixed_points(f, sigma_w2, sigma_b2):
    # As fixed_point, for arrays.
    log_q, means = _means_by_size(f)
    growth = (np.multiply.outer(sigma_w2, means) + sigma_b2[..., np.newaxis]) / np.exp(log_q) - 1
    growing = growth > 0
    last = len(log_q) - 1 - growing[..., ::-1].argmax(axis=-1)
    last = np.minimum(np.where(growing.any(axis=-1), last, 0), len(log_q) - 2)

    def growth_at(middle):
        q = np.exp(middle)
        return (sigma_w2 * gaussian_mean(lambda z: f(z) ** 2, q) + sigma_b2) / q - 1

    q = np.exp(_falling_root(growth_at, log_q[last], log_q[last + 1]))
    q = np.where(growing.any(axis=-1), q, 0.0)
    q = np.where(growing[..., -1], np.inf, q)
    return np.where((np.abs(growth) < 1e-9).all(axis=-1), 1.0, q)


def _chis(f, sigma_w2, sigma_b2):
    point = _fixed_points(f, sigma_w2, sigma_b2)
    q = np.clip(point, 1e-30, 1e12)
    return point, q, sigma_w2 * gaussian_mean(lambda z: f.derivative(z) ** 2, q)


@dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """What theory says of the deep layers of many networks: arrays of one shape.

    Attributes
    ----------
    q : array
        ``fixed_point`` of each.
    chi : array
        ``chi`` there: below 1 order, above 1 chaos.
    correlation : array
        ``correlation_fixed_point``.
    depth_scale : array
        ``depth_scale``, in layers.
    """

    q: np.ndarray
    chi: np.ndarray
    correlation: np.ndarray
    depth_scale: np.ndarray


def phase_diagram(activation, sigma_w2, sigma_b2):
    """Return fixed point, chi, correlation and depth scale of many networks at once.

    Parameters
    ----------
    activation : ActivationFunction or str
    sigma_w2, sigma_b2 : float or array
        fan_in times the variance of a weight, and the variance of a bias; of shapes that go
        together.

    Returns
    -------
    PhaseDiagram
        What the functions of these names say of one network; ``correlation`` to about 1e-4,
        ``depth_scale`` to about 1 %.

    Raises
    ------
    ValueError
        For an unknown activation, or a variance that is negative or not finite.

    Notes
    -----
    Source: Poole et al. (2016), section 2; Schoenholz et al. (2017), section 3; for the means of
    pairs Daniely, Frostig, Singer (2016), "Toward deeper understanding of neural networks",
    section 4.
    """
    f, sigma_w2, sigma_b2 = _variances(activation, sigma_w2, sigma_b2)
    point, size, chis = _chis(f, sigma_w2, sigma_b2)
    correlation, rate = np.ones(chis.shape), np.array(chis)
    chaos = chis > 1 + 1e-12
    if chaos.any():
        w2, b2, q = sigma_w2[chaos], sigma_b2[chaos], size[chaos]
        squares = _series(f, q)
        variance = w2 * _mean_of_series(squares, 1.0) + b2

        def drift(c):
            return (w2 * _mean_of_series(squares, c) + b2) / variance - c

        below_one = 1 - 1e-6
        found = _halved(lambda c: drift(c) > 0, np.zeros(len(q)), np.full(len(q), below_one))
        found = np.where(drift(0.0) <= 0, 0.0, np.where(drift(below_one) >= 0, 1.0, found))
        correlation[chaos] = found
        rate[chaos] = w2 * _mean_of_series(_series(f.derivative, q), found)
    rate = np.where(rate >= 1 - 1e-12, 1.0, rate)
    with overflow_allowed():
        scale = np.where(rate > 0, np.abs(1 / np.log(rate)), 0.0)
    return PhaseDiagram(point, chis, correlation, scale)


def critical_lines(activation, sigma_b2):
    """Return the sigma_w2 at which chi is 1, for many sigma_b2 at once.

    Parameters
    ----------
    activation : ActivationFunction or str
    sigma_b2 : array
        The variance of a bias.

    Returns
    -------
    array of the shape of ``sigma_b2``
        NaN where ``critical_line`` raises an error.

    Raises
    ------
    ValueError
        For an unknown activation, or a variance that is negative or not finite.

    Notes
    -----
    Source: as for ``critical_line``.
    """
    f, _, sigma_b2 = _variances(activation, 0.0, sigma_b2)

    def chis(log_sigma_w2):
        return _chis(f, np.exp(log_sigma_w2), sigma_b2)[-1]

    low, high = (np.full(sigma_b2.shape, math.log(end)) for end in (1e-3, 1e5))
    crosses = (chis(low) < 1) & (chis(high) > 1)
    # Halved and nothing quicker, as chi may have kinks and jumps.
    root = _halved(lambda middle: chis(middle) < 1, low, high, times=52)
    return np.where(crosses & (chis(root - 1e-5) > math.exp(-1e-2)), np.exp(root), np.nan)


@dataclass(frozen=True, eq=False)
class PairTheory:
    """What theory says of each layer's signals, for two inputs.

    Each attribute is an array of shape (depth, ...), with the shape of the variances behind.

    Attributes
    ----------
    q : array
        The mean of z**2.
    correlation : array
        The mean of z z' of the two inputs, divided by q; NaN where z is always 0.
    gradient_rms : array
        That of dL/dz for a unit Gaussian gradient at the last layer's output.
    """

    q: np.ndarray
    correlation: np.ndarray
    gradient_rms: np.ndarray


def pair_by_layer(activation, depth, sigma_w2, sigma_b2=0.0, *, input_q=1.0, input_correlation=0.0):
    """Follow two inputs forward and the gradient backward, in many networks at once.

    Parameters
    ----------
    activation : ActivationFunction or str
        Follows every layer, the last one too.
    depth : int
    sigma_w2, sigma_b2 : float or array
        fan_in times the variance of a weight, and the variance of a bias; of shapes that go
        together.
    input_q, input_correlation : float
        The mean of x**2 over the features of both inputs, and the mean of x x' divided by it.

    Returns
    -------
    PairTheory
        NaN from the layer on in which q leaves the numbers up to 1e200; the gradient, which comes
        from the last layer, is NaN in all layers then. Correlations are good to about 1e-4.

    Raises
    ------
    TypeError, ValueError
        For an unknown activation, a depth that is no whole number, a variance or ``input_q`` that
        is negative or not finite, or a correlation outside -1 to 1.

    Notes
    -----
    Source: Poole et al. (2016), equations 3 and 5; Schoenholz et al. (2017), section 4; for the
    means of pairs Daniely, Frostig, Singer (2016), "Toward deeper understanding of neural
    networks", section 4.
    """
    f, sigma_w2, sigma_b2 = _variances(activation, sigma_w2, sigma_b2)
    square = finite_number("input_q", input_q, at_least=0)
    correlation = finite_number("input_correlation", input_correlation, at_least=-1)
    if correlation > 1:
        raise ValueError(f"input_correlation={correlation!r} must be a number from -1 to 1")
    product = square * correlation
    qs, correlations, slopes = [], [], []
    with overflow_allowed():
        for _ in range(whole_number("depth", depth)):
            q, covariance = sigma_w2 * square + sigma_b2, sigma_w2 * product + sigma_b2
            q = np.where(q <= 1e200, q, np.nan)
            likeness = np.clip(covariance / q, -1, 1)
            squares = _series(f, q)
            square = _mean_of_series(squares, 1.0)
            product = _mean_of_series(squares, likeness)
            z, w, _ = _hermite()
            slopes.append(f.derivative(np.sqrt(q)[..., np.newaxis] * z) ** 2 @ w)
            qs.append(q)
            correlations.append(likeness)
        # As in layer_by_layer.
        gain = np.array([*(sigma_w2 * slope for slope in slopes[:-1]), slopes[-1]])
        gradient = np.sqrt(np.cumprod(gain[::-1], axis=0)[::-1])
    gradient = np.where(np.isnan(qs[-1]), np.nan, gradient)
    return PairTheory(np.array(qs), np.array(correlations), gradient)
