"""What a very wide network will do, computed before a single weight is drawn.

In a wide layer each z is a sum of many small independent terms, so it is Gaussian whatever the
weights' distribution, and one number per layer says all about its size: q, the mean of z**2.
Mean-field theory follows q from layer to layer, and with it the correlation of two inputs and the
size of the gradient. Weights have variance sigma_w2 / fan_in, biases variance sigma_b2:

    std s at fan_in n:  sigma_w2 = n s**2        LeCun:  1        He:  2

Sources: Poole, Lahiri, Raghu, Sohl-Dickstein, Ganguli (2016), "Exponential expressivity in deep
neural networks through transient chaos"; Schoenholz, Gilmer, Ganguli, Sohl-Dickstein (2017), "Deep
information propagation".
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from initlab import activations
from initlab._engine.checks import finite_number, overflow_allowed, whole_number

# ------------------------------------------------------------------- the mean over a Gaussian


@functools.cache
def _gaussian_nodes():
    # Panels that shrink towards 0 from both sides: there the kinks of ReLU and its relatives lie,
    # and there a sigmoid of a widely spread z is steep. Polynomials don't see such places.
    edges = np.concatenate([[0], 10.0 ** np.arange(-6, 0), [0.5, 1, 2, 4, 9]])
    nodes, weights = np.polynomial.legendre.leggauss(12)
    width = np.diff(edges)[:, np.newaxis]
    z = (edges[:-1, np.newaxis] + width * (nodes + 1) / 2).ravel()
    w = (width * weights / 2).ravel() * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return np.concatenate([-z[::-1], z]), np.concatenate([w[::-1], w])


def gaussian_mean(function, q=1.0):
    """Return E[function(sqrt(q) z)] over z ~ N(0, 1).

    Parameters
    ----------
    function : callable
        Elementwise, on arrays. Kinks and steep places are met precisely if they lie at 0.
    q : float or array, at least 0

    Returns
    -------
    array of the shape of ``q``

    Raises
    ------
    ValueError
        If ``q`` is negative or not finite.
    """
    z, weights = _gaussian_nodes()
    q = np.asarray(q, dtype=np.float64)
    if not (np.isfinite(q) & (q >= 0)).all():
        raise ValueError(f"q={q} must be finite numbers of at least 0")
    with overflow_allowed():
        return function(np.sqrt(q)[..., np.newaxis] * z) @ weights


def _gaussian_mean_of_pair(function, q, correlation):
    # Good to about 1e-5 for smooth functions and ReLU, to about 4e-4 where f or f' jumps.
    # z2 = c z1 + sqrt(1 - c**2) z0 has correlation c with z1.
    z, weights = _gaussian_nodes()
    second = correlation * z[:, np.newaxis] + math.sqrt(max(0.0, 1 - correlation**2)) * z
    root = math.sqrt(q)
    return weights @ ((function(root * z)[:, np.newaxis] * function(root * second)) @ weights)


def _variance_across(function, q, distance):
    # Mean of h**2 minus mean of h h', where distance is the same for z. If both are nearly equal,
    # all digits would be lost; then we write z = a + b, z' = a - b and average (h - h')**2 / 2.
    if distance > 1e-3 * q:
        correlation = max(-1.0, 1 - distance / q)
        square = gaussian_mean(lambda z: function(z) ** 2, q)
        return square - _gaussian_mean_of_pair(function, q, correlation)
    z, weights = _gaussian_nodes()
    a = math.sqrt(max(0.0, q - distance / 2)) * z[:, np.newaxis]
    b = math.sqrt(distance / 2) * z
    return weights @ ((function(a + b) - function(a - b)) ** 2 @ weights) / 2


def _checked(activation, sigma_w2, sigma_b2):
    return (
        activations.get(activation),
        finite_number("sigma_w2", sigma_w2, at_least=0),
        finite_number("sigma_b2", sigma_b2, at_least=0),
    )


# --------------------------------------------------------------------------- size of the signal


def variance_map(q, activation, sigma_w2, sigma_b2=0.0):
    """Return the mean of z**2 in the next layer, given that in this one.

    Parameters
    ----------
    q : float or array
        The mean of z**2 in this layer, at least 0.
    activation : ActivationFunction or str
    sigma_w2, sigma_b2 : float
        fan_in times the variance of a weight, and the variance of a bias.

    Returns
    -------
    float or array of the shape of ``q``
        sigma_w2 E[f(sqrt(q) z)**2] + sigma_b2

    Raises
    ------
    ValueError
        For an unknown activation, or a variance or ``q`` that is negative or not finite.

    Notes
    -----
    Source: Poole et al. (2016), equation 3.
    """
    f, sigma_w2, sigma_b2 = _checked(activation, sigma_w2, sigma_b2)
    return sigma_w2 * gaussian_mean(lambda z: f(z) ** 2, q) + sigma_b2


def fixed_point(activation, sigma_w2, sigma_b2=0.0):
    """Return the q to which ``variance_map`` leads in a deep network.

    Parameters
    ----------
    activation : ActivationFunction or str
    sigma_w2, sigma_b2 : float
        fan_in times the variance of a weight, and the variance of a bias.

    Returns
    -------
    float
        The largest fixed point that attracts; 0 if signals die out; ``inf`` if they explode; 1 if
        every q stays where it is (ReLU with He's sigma_w2 = 2). GELU and SiLU may have a smaller
        one besides, for smaller signals.

    Raises
    ------
    ValueError
        For an unknown activation, or a variance that is negative or not finite.

    Notes
    -----
    Source: Poole et al. (2016), section 2.
    """
    f, sigma_w2, sigma_b2 = _checked(activation, sigma_w2, sigma_b2)

    def growth(log_q):
        q = np.exp(log_q)
        return variance_map(q, f, sigma_w2, sigma_b2) / q - 1

    log_q = np.linspace(math.log(1e-12), math.log(1e12), 400)
    rates = growth(log_q)
    if np.all(np.abs(rates) < 1e-9):
        return 1.0
    if rates[-1] > 0:
        return math.inf
    growing = np.flatnonzero(rates > 0)
    if len(growing) == 0:
        return 0.0
    last = growing[-1]
    from scipy.optimize import brentq  # scipy takes a while to import; most rooms do without it

    return math.exp(brentq(growth, log_q[last], log_q[last + 1], xtol=1e-14))


def _at_fixed_point(activation, sigma_w2, sigma_b2):
    # Slopes at q = 0 and q = inf are meant as limits: a kink at 0 has no slope, inf * 0 no value.
    return min(max(fixed_point(activation, sigma_w2, sigma_b2), 1e-30), 1e12)


# --------------------------------------------------------------------------- size of a gradient


def chi(activation, sigma_w2, sigma_b2=0.0, *, q=None):
    """Return the factor by which a layer multiplies the mean square of the gradient.

    The same factor multiplies the squared distance between two nearby inputs on the way forward.
    Below 1: order, differences and gradients die out. Above 1: chaos, both explode.

    Parameters
    ----------
    activation : ActivationFunction or str
    sigma_w2, sigma_b2 : float
        fan_in times the variance of a weight, and the variance of a bias.
    q : float or array, optional
        The mean of z**2 in the layer; by default the fixed point.

    Returns
    -------
    float or array of the shape of ``q``
        sigma_w2 E[f'(sqrt(q) z)**2]

    Raises
    ------
    ValueError
        For an unknown activation, or a variance or ``q`` that is negative or not finite.

    Notes
    -----
    Source: Poole et al. (2016), equation 6; Schoenholz et al. (2017), section 3.
    """
    f, sigma_w2, sigma_b2 = _checked(activation, sigma_w2, sigma_b2)
    q = _at_fixed_point(f, sigma_w2, sigma_b2) if q is None else q
    return sigma_w2 * gaussian_mean(lambda z: f.derivative(z) ** 2, q)


def critical_line(activation, sigma_b2=0.0):
    """Return the sigma_w2 at which chi is 1: the border between order and chaos.

    Parameters
    ----------
    activation : ActivationFunction or str
    sigma_b2 : float
        The variance of a bias.

    Returns
    -------
    float
        The std of a weight there is sqrt(sigma_w2 / fan_in).

    Raises
    ------
    ValueError
        If chi does not cross 1 for sigma_w2 between 0.001 and 100,000, or jumps over it, as that of
        GELU and SiLU does where their signals go from dying out to exploding.

    Notes
    -----
    Source: Poole et al. (2016), section 2; Schoenholz et al. (2017), section 2.
    """
    f, _, sigma_b2 = _checked(activation, 1.0, sigma_b2)
    from scipy.optimize import brentq

    def log_chi(log_sigma_w2):
        return math.log(chi(f, math.exp(log_sigma_w2), sigma_b2))

    low, high = math.log(1e-3), math.log(1e5)
    if not log_chi(low) < 0 < log_chi(high):
        raise ValueError(f"activation={f.name!r} has no critical line at sigma_b2={sigma_b2:g}")
    root = brentq(log_chi, low, high, xtol=1e-10, maxiter=1000)
    if log_chi(root - 1e-5) < -1e-2:
        raise ValueError(
            f"activation={f.name!r} has no critical line at sigma_b2={sigma_b2:g}: "
            f"chi jumps over 1 at sigma_w2={math.exp(root):.4g}"
        )
    return math.exp(root)


# -------------------------------------------------------------------- likeness of two inputs


def correlation_map(correlation, activation, sigma_w2, sigma_b2=0.0, *, q=None):
    """Return the correlation of two inputs' z in the next layer, given that in this one.

    Parameters
    ----------
    correlation : float
        From -1 to 1.
    activation : ActivationFunction or str
    sigma_w2, sigma_b2 : float
        fan_in times the variance of a weight, and the variance of a bias.
    q : float, optional
        The mean of z**2 of both inputs; by default the fixed point.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For an unknown activation, a variance that is negative or not finite, a correlation outside
        -1 to 1, or where z is always 0.

    Notes
    -----
    Source: Poole et al. (2016), equation 5.
    """
    f, sigma_w2, sigma_b2 = _checked(activation, sigma_w2, sigma_b2)
    correlation = finite_number("correlation", correlation, at_least=-1)
    if correlation > 1:
        raise ValueError(f"correlation={correlation!r} must be a number from -1 to 1")
    q = _at_fixed_point(f, sigma_w2, sigma_b2) if q is None else finite_number("q", q, above=0)
    covariance = sigma_w2 * _gaussian_mean_of_pair(f, q, correlation) + sigma_b2
    variance = variance_map(q, f, sigma_w2, sigma_b2)
    if variance == 0:
        raise ValueError(f"sigma_w2={sigma_w2:g}, sigma_b2={sigma_b2:g}: z is always 0 there")
    return float(covariance / variance)


def correlation_fixed_point(activation, sigma_w2, sigma_b2=0.0):
    """Return the correlation that any two inputs reach in a deep network.

    1 in the ordered phase (all inputs look alike), less than 1 in the chaotic one.

    Parameters
    ----------
    activation : ActivationFunction or str
    sigma_w2, sigma_b2 : float
        fan_in times the variance of a weight, and the variance of a bias.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For an unknown activation, or a variance that is negative or not finite.

    Notes
    -----
    Source: Poole et al. (2016), section 2.
    """
    f, sigma_w2, sigma_b2 = _checked(activation, sigma_w2, sigma_b2)
    q = _at_fixed_point(f, sigma_w2, sigma_b2)
    if chi(f, sigma_w2, sigma_b2, q=q) <= 1:
        return 1.0
    from scipy.optimize import brentq

    def drift(correlation):
        return correlation_map(correlation, f, sigma_w2, sigma_b2, q=q) - correlation

    below_one = 1 - 1e-6  # at 1 itself the drift is always 0
    if drift(below_one) >= 0:
        return 1.0
    if drift(0.0) <= 0:
        return 0.0
    return brentq(drift, 0.0, below_one, xtol=1e-12)


def depth_scale(activation, sigma_w2, sigma_b2=0.0):
    """Return over how many layers the network forgets, or scrambles, what distinguishes inputs.

    The distance of two inputs' correlation from its fixed point falls as exp(-layer / depth_scale).
    A network a few times deeper than that cannot be trained.

    Parameters
    ----------
    activation : ActivationFunction or str
    sigma_w2, sigma_b2 : float
        fan_in times the variance of a weight, and the variance of a bias.

    Returns
    -------
    float
        In layers; ``inf`` on the critical line.

    Raises
    ------
    ValueError
        For an unknown activation, or a variance that is negative or not finite.

    Notes
    -----
    Source: Schoenholz et al. (2017), section 3.
    """
    f, sigma_w2, sigma_b2 = _checked(activation, sigma_w2, sigma_b2)
    q = _at_fixed_point(f, sigma_w2, sigma_b2)
    rate = float(chi(f, sigma_w2, sigma_b2, q=q))
    if rate > 1:
        correlation = correlation_fixed_point(f, sigma_w2, sigma_b2)
        rate = sigma_w2 * _gaussian_mean_of_pair(f.derivative, q, correlation)
    if rate <= 0:
        return 0.0
    return math.inf if rate >= 1 - 1e-12 else -1 / math.log(rate)


# ------------------------------------------------------------------------- layer by layer


@dataclass(frozen=True)
class LayerTheory:
    """What theory says of each layer; the names are those of the measurements in ``signals``.

    Each attribute is an array of shape (depth,), from the first layer to the last.
    """

    q: np.ndarray
    pooled_std: np.ndarray
    across_input_std: np.ndarray
    saturated_fraction: np.ndarray
    gradient_rms: np.ndarray


def layer_by_layer(activation, depth, sigma_w2, sigma_b2=0.0, *, input_q=1.0, input_shared=0.0):
    """Follow signals forward and gradients backward, layer by layer.

    Parameters
    ----------
    activation : ActivationFunction or str
        Follows every layer, the last one too.
    depth : int
    sigma_w2 : float, or sequence of ``depth`` floats
        fan_in times the variance of a weight: one for all layers, or one for each.
    sigma_b2 : float
        The variance of a bias.
    input_q, input_shared : float
        The mean of x**2 over the features of an input, and the mean of x x' over the features of
        two different inputs: 1 and 0 for independent standard normal inputs.

    Returns
    -------
    LayerTheory
        ``gradient_rms`` is that of dL/dz for a unit Gaussian gradient at the last layer's output,
        where all layers have the same width.

    Raises
    ------
    ValueError
        For an unknown activation, variances that are negative, not finite or not one for each
        layer, or where the signal overflows.

    Notes
    -----
    Source: Poole et al. (2016), equations 3 and 5, for the way forward; Schoenholz et al. (2017),
    section 4, for the way back.
    """
    f, _, sigma_b2 = _checked(activation, 0.0, sigma_b2)
    depth = whole_number("depth", depth)
    each = np.atleast_1d(np.asarray(sigma_w2)).tolist()
    each = each * depth if len(each) == 1 else each
    if len(each) != depth:
        raise ValueError(f"sigma_w2={sigma_w2!r} must be one number, or one for each of {depth}")
    each = [finite_number("sigma_w2", value, at_least=0) for value in each]
    # square: mean of h**2 for one input. across: half the mean of (h - h')**2 for two inputs, which
    # is the variance across inputs.
    square = finite_number("input_q", input_q, at_least=0)
    across = square - finite_number("input_shared", input_shared)
    if not 0 <= across <= 2 * square:
        raise ValueError(
            f"input_shared={input_shared!r} must be at most input_q={input_q!r} in size"
        )
    rows = []
    for number, sigma_w2 in enumerate(each, start=1):
        # The same two for z: both inputs meet the same weights, and the bias cancels.
        q, distance = sigma_w2 * square + sigma_b2, sigma_w2 * across
        if not math.isfinite(q) or q > 1e200:
            raise ValueError(f"the signal overflows in layer {number} of {depth}: q={q:.3g}")
        mean, square = gaussian_mean(f, q), gaussian_mean(lambda z: f(z) ** 2, q)
        across = _variance_across(f, q, distance)
        beyond = (
            0.0 if f.saturation is None or q == 0 else math.erfc(f.saturation / math.sqrt(2 * q))
        )
        slope = gaussian_mean(lambda z: f.derivative(z) ** 2, q)
        rows.append((q, square - mean**2, across, beyond, slope))
    q, pooled, across, saturated, slope = np.array(rows).T
    # dL/dz of layer l is (dL/dz of layer l+1) W^T times f'(z): the mean square gains a factor
    # sigma_w2 E[f'**2] from each layer above, and the last one only its own E[f'**2].
    gain = np.append(each[1:] * slope[:-1], slope[-1])
    gradient = np.cumprod(gain[::-1])[::-1]
    return LayerTheory(
        q,
        np.sqrt(np.maximum(pooled, 0)),
        np.sqrt(np.maximum(across, 0)),
        saturated,
        np.sqrt(gradient),
    )


def rms_by_layer(activation, depth, sigma_w2, *, input_q=1.0):
    """Follow the size of a signal forward and that of a gradient back; quicker than all the rest.

    Parameters
    ----------
    activation : ActivationFunction or str
        Follows every layer, the last one too.
    depth : int
    sigma_w2 : float
        fan_in times the variance of a weight.
    input_q : float
        The mean of x**2 over the features of an input.

    Returns
    -------
    (array, array), shapes (depth,)
        The root mean square of the activations, and that of dL/dz for a unit Gaussian gradient at
        the last layer's output.

    Raises
    ------
    ValueError
        For an unknown activation, a variance that is negative or not finite, or where the signal
        overflows.

    Notes
    -----
    Source: Poole et al. (2016), equation 3; Schoenholz et al. (2017), section 4.
    """
    f, sigma_w2, _ = _checked(activation, sigma_w2, 0.0)
    square = finite_number("input_q", input_q, at_least=0)
    squares, slopes = [], []
    for number in range(1, whole_number("depth", depth) + 1):
        q = sigma_w2 * square
        if q > 1e200:
            raise ValueError(f"the signal overflows in layer {number} of {depth}: q={q:.3g}")
        square = float(gaussian_mean(lambda z: f(z) ** 2, q))
        squares.append(square)
        slopes.append(float(gaussian_mean(lambda z: f.derivative(z) ** 2, q)))
    gain = np.append(sigma_w2 * np.array(slopes[:-1]), slopes[-1])
    with overflow_allowed():
        gradient = np.cumprod(gain[::-1])[::-1]
    return np.sqrt(squares), np.sqrt(gradient)
