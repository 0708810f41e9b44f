"""What a very wide network will do, computed before a single weight is drawn.

In a wide layer, each z is a sum of many small independent terms. It is therefore Gaussian whatever
the distribution of the weights, and a single number per layer gives its size: q, the mean of z**2.
Mean-field theory follows q from layer to layer, along with the correlation of two inputs and the
size of the gradient.

Conventions shared by all functions:

- ``activation`` is an ``ActivationFunction`` or the name of one.
- ``sigma_w2`` is fan_in times the variance of a weight: fan_in * s**2 for weights of std s, which
  is 1 for LeCun's start and 2 for He's. ``sigma_b2`` is the variance of a bias. Values that are
  negative or not finite raise a ``ValueError``.
- Scalars give a Python float. Arrays are broadcast and give an array, one entry per network.
- If there is no answer, for instance because the critical line doesn't exist or the signal
  overflows (q exceeds 1e200), a ``ValueError`` is raised for a single network; in an array, the
  entry is NaN.

For q up to 60, means over one z have a relative error of 1e-10, and the variance across inputs one
of 2e-9, however small it is and even with kinks at 0. At q = 10,000, where a sigmoid is nearly a
step, the errors are 1e-5 and 1e-6.

Sources: Poole, Lahiri, Raghu, Sohl-Dickstein, Ganguli (2016), "Exponential expressivity in deep
neural networks through transient chaos"; Schoenholz, Gilmer, Ganguli, Sohl-Dickstein (2017), "Deep
information propagation".
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from initlab import activations
from initlab._engine.checks import finite_number, overflow_allowed, whole_number
from initlab._engine.types import FloatArray, Floats
from initlab.activations import ActivationFunction

ActivationLike = ActivationFunction | str
Function = Callable[[FloatArray], FloatArray]


def _at_least_zero(**values: Any) -> list[FloatArray]:
    # The values as float64 arrays of a common shape.
    for name, value in values.items():
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise TypeError(f"{name}={value!r} must be real numbers")
        if not (np.isfinite(array) & (array >= 0)).all():
            raise ValueError(f"{name}={value!r} must be finite and at least 0")
        values[name] = array.astype(np.float64)
    return list(np.broadcast_arrays(*values.values()))


def _answer(values: FloatArray, why_not: str = "the result is not a number") -> Floats:
    # The return value of a public function: a float for a single network, an array for several.
    if np.ndim(values) > 0:
        return values
    if np.isnan(values):
        raise ValueError(why_not)
    return float(values)


# ------------------------------------------------------------------------ means over a Gaussian


_legendre = functools.cache(np.polynomial.legendre.leggauss)


@functools.cache
def _gaussian_nodes() -> tuple[FloatArray, FloatArray]:
    # Panels that shrink towards 0 from both sides: that is where ReLU and its relatives have their
    # kinks, and where a sigmoid of a widely spread z is steep. Polynomials miss such places.
    edges = np.concatenate([[0], 10.0 ** np.arange(-6, 0), [0.5, 1, 2, 4, 9]])
    nodes, weights = _legendre(12)
    width = np.diff(edges)[:, np.newaxis]
    z = (edges[:-1, np.newaxis] + width * (nodes + 1) / 2).ravel()
    w = (width * weights / 2).ravel() * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return np.concatenate([-z[::-1], z]), np.concatenate([w[::-1], w])


def _mean(function: Function, q: FloatArray) -> FloatArray:
    z, weights = _gaussian_nodes()
    return _in_blocks(lambda q: function(np.sqrt(q)[..., np.newaxis] * z) @ weights, q)


def _in_blocks(compute: Callable[..., FloatArray], *arrays: FloatArray) -> FloatArray:
    # compute(*arrays), elementwise, in blocks so small that intermediate results fit in the cache.
    arrays = tuple(np.broadcast_arrays(*arrays))
    with overflow_allowed():
        if arrays[0].size <= 32:
            return compute(*arrays)
        split = (np.array_split(array.ravel(), array.size // 32 + 1) for array in arrays)
        found = [compute(*parts) for parts in zip(*split, strict=True)]
    return np.concatenate(found).reshape(arrays[0].shape)


def _mean_square(function: Function, q: FloatArray) -> FloatArray:
    return _mean(lambda z: function(z) ** 2, q)


def gaussian_mean(function: Function, q: Floats = 1.0) -> Floats:
    """Return E[function(sqrt(q) z)] over z ~ N(0, 1).

    Parameters
    ----------
    function : callable
        Applied elementwise to arrays. Kinks and steep places are handled accurately only at 0.
    q : float or array
        The variance, at least 0.

    Returns
    -------
    float or array, of the same shape as ``q``

    Examples
    --------
    >>> round(gaussian_mean(np.cos, q=2.0), 6)  # exp(-q / 2)
    0.367879
    """
    return _answer(_mean(function, *_at_least_zero(q=q)))


# -------------------------------------------------------------------- means over a pair of them


def _towards_zero(count: int, length: Floats, steepness: Floats) -> tuple[FloatArray, FloatArray]:
    # Nodes and weights on (0, length) for functions that change over a distance of 1 / steepness
    # at 0 and are smooth elsewhere: a Gauss-Legendre rule on (0, 2 length), transformed by a tanh.
    # Half of it is enough, since every function here is even about length, or 0 there. The weights
    # are scaled so that the rule is exact for constants.
    nodes, weights = (values[count:] for values in _legendre(2 * count))
    length = np.asarray(length)[..., np.newaxis]
    bend = np.arcsinh(np.asarray(steepness)[..., np.newaxis] * length) / 2 + 1e-4
    bent = np.tanh(bend * nodes)
    weights = weights * (1 - bent * bent)
    scale = length / weights.sum(axis=-1, keepdims=True)
    return length * (1 - bent / np.tanh(bend)), weights * scale


@functools.cache
def _radii(f: ActivationFunction) -> tuple[FloatArray, FloatArray]:
    # Radii of both signs, unless f(z) + f(-z) or f(z) - f(-z) is a constant, as for tanh: then one
    # sign is enough.
    r, weights = _towards_zero(23, 7.4, 1.6)
    weights = weights * r * np.exp(-r * r / 2) / (2 * math.pi)
    z = np.geomspace(1, 1e4, 5)[:, np.newaxis] * r
    if min(np.ptp(f(z) + f(-z)), np.ptp(f(z) - f(-z))) < 1e-14:
        return r, 2 * weights
    return np.concatenate([r, -r]), np.concatenate([weights, weights])


def _variance_across(f: ActivationFunction, q: FloatArray, distance: FloatArray) -> FloatArray:
    # Half the mean of (h - h')**2, where z and z' have variance q and correlation 1 - distance: the
    # variance of h across inputs. As a mean of differences, it stays accurate for tiny distances.
    # In polar coordinates, z and z' are r times the sines of two angles, and the correlation is the
    # cosine of the turn between them. All kinks and steep places lie where a sine is 0, so one arc
    # begins there and turns left (z and z' have the same sign), and one turns right (opposite
    # signs). The rest of the circle contributes the same, with z and z' exchanged.
    # A bounded function resembles a step, and the more so the larger q. The others resemble ReLU,
    # whose shape is the same at every size. All other constants here were found by trial.
    steepest = 100.0 if f.saturation is None else 1e8
    r, r_weights = _radii(f)

    def compute(q: FloatArray, distance: FloatArray) -> FloatArray:
        root = np.sqrt(q)[..., np.newaxis]
        turns = np.multiply.outer(2 * np.arcsin(np.sqrt(np.minimum(distance / 2, 1))), [1, -1])
        steepness = np.minimum(3 * root, steepest)
        angles, weights = _towards_zero(15, ([math.pi, 0] - turns) / 2, steepness)
        sizes = root[..., np.newaxis] * np.sin([angles, angles + turns[..., np.newaxis]])
        h, other = (f(np.multiply.outer(r, size)) for size in sizes)
        squares = np.einsum("r,r...->...", r_weights, (h - other) ** 2)
        return (squares * weights).sum(axis=(-2, -1))

    # The variance is proportional to tiny distances, but there h - h' is lost in rounding.
    across = _in_blocks(compute, q, np.maximum(distance, 1e-16))
    return across * np.minimum(distance / 1e-16, 1)


# --------------------------------------------------------------------------------------- roots


def _root(function: Function, low: Any, high: Any, within: float, ends: Any = None) -> FloatArray:
    # The place between ``low`` and ``high`` where a function changes from positive to negative; if
    # it doesn't, the end nearer to such a change. Found by regula falsi, where the value at an end
    # that is kept twice in a row is reduced (the Anderson-Björck method). ``ends`` holds the
    # function's values at both ends, if known.
    at_low, at_high = ends or (function(low), function(high))
    low, high = np.where(at_high >= 0, high, low), np.where(at_low <= 0, low, high)
    was_up = np.full(low.shape, np.nan)
    for _ in range(100):
        share = at_low / (at_low - at_high)
        middle = low + np.where(np.isfinite(share), share, 0.5) * (high - low)
        at_middle = function(middle)
        if ((np.abs(at_middle) < within) | (high - low < within)).all():
            break
        up = at_middle > 0
        kept = 1 - at_middle / np.where(up, at_low, at_high)
        again = np.where(up == was_up, np.where(kept > 0, kept, 0.5), 1.0)
        low, at_low = np.where(up, middle, low), np.where(up, at_middle, at_low * again)
        high, at_high = np.where(up, high, middle), np.where(up, at_high * again, at_middle)
        was_up = up
    return middle


# --------------------------------------------------------------------------- size of the signal


def variance_map(
    q: Floats, activation: ActivationLike, sigma_w2: Floats, sigma_b2: Floats = 0.0
) -> Floats:
    """Return the mean of z**2 in the next layer, given the mean in this one.

    Parameters
    ----------
    q : float or array
        The mean of z**2 in this layer, at least 0.
    activation, sigma_w2, sigma_b2

    Returns
    -------
    float or array
        sigma_w2 E[f(sqrt(q) z)**2] + sigma_b2

    Notes
    -----
    Source: Poole et al. (2016), equation 3.
    """
    f = activations.get(activation)
    q, w2, b2 = _at_least_zero(q=q, sigma_w2=sigma_w2, sigma_b2=sigma_b2)
    return _answer(_next_q(w2, _mean_square(f, q), b2), "the signal overflows")


def _next_q(w2: FloatArray, mean_square: Floats, b2: FloatArray) -> FloatArray:
    # The mean of z**2 behind signals with this mean square, NaN if it overflows.
    with overflow_allowed():
        q = w2 * mean_square + b2
    return np.where(q <= 1e200, q, np.nan)


def fixed_point(activation: ActivationLike, sigma_w2: Floats, sigma_b2: Floats = 0.0) -> Floats:
    """Return the q that ``variance_map`` converges to in a deep network.

    Parameters
    ----------
    activation, sigma_w2, sigma_b2

    Returns
    -------
    float or array
        The largest attracting fixed point; 0 if signals die out (or it is below 1e-12); ``inf`` if
        they explode (or it is above 1e12); 1 if every q is a fixed point (ReLU with He's
        sigma_w2 = 2). GELU and SiLU may have another, smaller one for smaller signals.

    Notes
    -----
    Source: Poole et al. (2016), section 2.

    Examples
    --------
    >>> round(fixed_point("tanh", sigma_w2=4.0, sigma_b2=0.05), 2)
    2.2
    """
    f = activations.get(activation)
    return _answer(_fixed_point(f, *_at_least_zero(sigma_w2=sigma_w2, sigma_b2=sigma_b2)))


@functools.cache
def _mean_squares(f: ActivationFunction) -> tuple[FloatArray, FloatArray]:
    # E[f**2] for q on a grid, from signals that die out to signals that explode.
    log_q = np.linspace(math.log(1e-12), math.log(1e12), 400)
    return log_q, _mean_square(f, np.exp(log_q))


def _fixed_point(f: ActivationFunction, w2: FloatArray, b2: FloatArray) -> FloatArray:
    def growth(log_q: FloatArray) -> FloatArray:
        q = np.exp(log_q)
        return (w2 * _mean_square(f, q) + b2) / q - 1

    log_q, means = _mean_squares(f)
    with overflow_allowed():
        rates = (np.multiply.outer(w2, means) + b2[..., np.newaxis]) / np.exp(log_q) - 1
        last = np.minimum(((rates > 0) * np.arange(len(log_q))).max(axis=-1), len(log_q) - 2)
        found = _root(growth, log_q[last], log_q[last + 1], within=1e-14)
    q = np.where(found > log_q[0], np.where(found < log_q[-1], np.exp(found), np.inf), 0.0)
    return np.where((np.abs(rates) < 1e-9).all(axis=-1), 1.0, q)


def _within_range(q: FloatArray) -> FloatArray:
    # What is said of q = 0 and q = inf is meant as a limit: a kink at 0 has no slope, and inf * 0
    # has no value.
    return np.clip(q, 1e-30, 1e12)


# ----------------------------------------------------------------------------- order and chaos


def chi(
    activation: ActivationLike, sigma_w2: Floats, sigma_b2: Floats = 0.0, *, q: Floats | None = None
) -> Floats:
    """Return the factor by which a layer multiplies the mean square of the gradient.

    On the way forward, the same factor multiplies the squared distance between two nearby inputs.
    Below 1 (order), differences and gradients die out; above 1 (chaos), both explode.

    Parameters
    ----------
    activation, sigma_w2, sigma_b2
    q : float or array, optional
        The mean of z**2 in the layer, at least 0; the fixed point by default.

    Returns
    -------
    float or array
        sigma_w2 E[f'(sqrt(q) z)**2]

    Notes
    -----
    Source: Poole et al. (2016), equation 6; Schoenholz et al. (2017), section 3.
    """
    f = activations.get(activation)
    w2, b2 = _at_least_zero(sigma_w2=sigma_w2, sigma_b2=sigma_b2)
    size = _within_range(_fixed_point(f, w2, b2)) if q is None else _at_least_zero(q=q)[0]
    with overflow_allowed():
        return _answer(w2 * _mean_square(f.derivative, size))


def critical_line(activation: ActivationLike, sigma_b2: Floats = 0.0) -> Floats:
    """Return the sigma_w2 at which chi is 1, the boundary between order and chaos.

    Parameters
    ----------
    activation, sigma_b2

    Returns
    -------
    float or array
        There is no answer if chi doesn't cross 1 for sigma_w2 between 0.001 and 100,000, or jumps
        across it, as for GELU and SiLU with sigma_b2 below about 0.13 and 0.42, whose signals go
        straight from staying small to exploding.

    Notes
    -----
    Source: Poole et al. (2016), section 2; Schoenholz et al. (2017), section 2.

    Examples
    --------
    >>> round(critical_line("tanh", sigma_b2=0.05), 2)
    1.76
    """
    f = activations.get(activation)
    (b2,) = _at_least_zero(sigma_b2=sigma_b2)

    def log_growth(log_q: FloatArray) -> FloatArray:
        # Where chi is 1, sigma_w2 is 1 / E[f'**2], and the next q is sigma_b2 + sigma_w2 E[f**2].
        q = np.exp(log_q)
        return np.log((b2 + _mean_square(f, q) / _mean_square(f.derivative, q)) / q)

    with overflow_allowed():
        q = np.exp(_root(log_growth, math.log(1e-30), math.log(1e12), within=1e-14))
        w2 = np.clip(1 / _mean_square(f.derivative, q), 1e-3, 1e5)
    # If signals don't settle at this q, chi jumps across 1.
    beside = [np.abs(chi(f, w2 * (1 + step), b2) - 1) for step in (-1e-5, 1e-5)]
    why_not = f"activation={f.name!r} has no critical line at {sigma_b2=}, where chi is never 1"
    return _answer(np.where(np.maximum(*beside) < 1e-2, w2, np.nan), why_not)


# --------------------------------------------------------------------- similarity of two inputs


def correlation_map(
    correlation: Floats,
    activation: ActivationLike,
    sigma_w2: Floats,
    sigma_b2: Floats = 0.0,
    *,
    q: Floats | None = None,
) -> Floats:
    """Return the correlation of z for two inputs in the next layer, given that in this one.

    Parameters
    ----------
    correlation : float or array
        From -1 to 1.
    activation, sigma_w2, sigma_b2
    q : float or array, optional
        The mean of z**2 for both inputs, at least 0; the fixed point by default.

    Returns
    -------
    float or array
        There is no answer if z is always 0.

    Notes
    -----
    Source: Poole et al. (2016), equation 5.
    """
    f = activations.get(activation)
    if not (np.abs(correlation) <= 1).all():
        raise ValueError(f"correlation={correlation!r} must be from -1 to 1")
    w2, b2 = _at_least_zero(sigma_w2=sigma_w2, sigma_b2=sigma_b2)
    size = _within_range(_fixed_point(f, w2, b2)) if q is None else _at_least_zero(q=q)[0]
    with overflow_allowed():
        across = w2 * _variance_across(f, size, 1 - np.asarray(correlation, np.float64))
        found: Any = np.clip(1 - across / _next_q(w2, _mean_square(f, size), b2), -1, 1)
    return _answer(found, f"{sigma_w2=}, {sigma_b2=}: z is always 0 there, or overflows")


def correlation_fixed_point(
    activation: ActivationLike, sigma_w2: Floats, sigma_b2: Floats = 0.0
) -> Floats:
    """Return the correlation that any two inputs approach in a deep network.

    It is 1 in the ordered phase (all inputs look alike) and less than 1 in the chaotic phase. Where
    signals explode, it is 1, as for ReLU and its relatives (but not for the identity).

    Where signals die out (q = 0), it is 1 as well, the limit for any sigma_b2 above 0. With none,
    differences die out together with the signals, and the correlation may stay as it is (tanh).

    Parameters
    ----------
    activation, sigma_w2, sigma_b2

    Returns
    -------
    float or array

    Notes
    -----
    Source: Poole et al. (2016), section 2.
    """
    return phase_diagram(activation, sigma_w2, sigma_b2).correlation


def depth_scale(activation: ActivationLike, sigma_w2: Floats, sigma_b2: Floats = 0.0) -> Floats:
    """Return the number of layers over which differences between inputs are lost or scrambled.

    The correlation of two inputs approaches its fixed point as exp(-layer / depth_scale). Where
    signals die out (q = 0), it is the squared distance between inputs that falls like this. A
    network several times deeper than this scale can hardly be trained.

    Parameters
    ----------
    activation, sigma_w2, sigma_b2

    Returns
    -------
    float or array
        In layers; ``inf`` on the critical line, and in chaos where q explodes.

    Notes
    -----
    Source: Schoenholz et al. (2017), section 3.
    """
    return phase_diagram(activation, sigma_w2, sigma_b2).depth_scale


@dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """The values of ``fixed_point``, ``chi``, ``correlation_fixed_point`` and ``depth_scale``."""

    q: Floats
    chi: Floats
    correlation: Floats
    depth_scale: Floats


def phase_diagram(
    activation: ActivationLike, sigma_w2: Floats, sigma_b2: Floats = 0.0
) -> PhaseDiagram:
    """Return everything that theory says about the deep layers.

    Parameters
    ----------
    activation, sigma_w2, sigma_b2

    Returns
    -------
    PhaseDiagram

    Notes
    -----
    Source: Poole et al. (2016), section 2; Schoenholz et al. (2017), section 3.
    """
    f = activations.get(activation)
    w2, b2 = _at_least_zero(sigma_w2=sigma_w2, sigma_b2=sigma_b2)
    point = _fixed_point(f, w2, b2)
    q = _within_range(point)
    with overflow_allowed():
        factor = w2 * _mean_square(f.derivative, q)
        distance, rate = np.zeros(w2.shape), np.array(factor)
        chaos = (factor > 1 + 1e-12) & np.isfinite(point)
        if chaos.any():
            chosen = [values[chaos] for values in (q, factor, w2, b2)]
            distance[chaos] = _in_blocks(functools.partial(_fixed_distance, f), *chosen)
            # At a fixed point, the slope of the map is the same on logarithmic axes.
            beside = np.multiply.outer(np.exp([-1e-4, 1e-4]), distance[chaos])
            less, more = np.log(_variance_across(f, q[chaos], beside))
            rate[chaos] = (more - less) / 2e-4
        layers = np.abs(1 / np.log(np.where(rate < 1 - 1e-12, np.maximum(rate, 0), 1)))
    return PhaseDiagram(*map(_answer, (point, factor, 1 - distance, layers)))


def _fixed_distance(f: ActivationFunction, *chaotic: FloatArray) -> FloatArray:
    # 1 - c for the fixed point c of the correlation map. A distance near 0 grows by the factor chi;
    # a distance of 1 means that the two z are independent.
    q, factor, w2, b2 = chaotic
    variance = _next_q(w2, _mean_square(f, q), b2)

    def growth(distance: FloatArray) -> FloatArray:
        found: Any = 1 - distance * variance / (w2 * _variance_across(f, q, distance))
        return found

    ends = 1 - 1 / factor, 1 - variance / (variance - b2 - w2 * _mean(f, q) ** 2)
    return _root(growth, 0.0, 1.0, 1e-10, ends)


# ------------------------------------------------------------------------------- layer by layer


@dataclass(frozen=True, eq=False)
class LayerTheory:
    """The predictions for each layer, named like the measurements in ``signals``.

    Each is an array of shape (depth, ...), from the first layer to the last.

    Attributes
    ----------
    activation : ActivationFunction
    sigma_w2 : array
    q : array
        The mean of z**2.
    mean_square : array
        The mean of h**2.
    input_distance : float
        Half the mean of (x - x')**2 over the features of two inputs.
    """

    activation: ActivationFunction
    sigma_w2: FloatArray
    q: FloatArray
    mean_square: FloatArray
    input_distance: float

    @functools.cached_property
    def pooled_std(self) -> FloatArray:
        """The standard deviation of all activations of the layer."""
        # As a mean of differences of independent h, which is accurate however small they are.
        return np.sqrt(_variance_across(self.activation, self.q, np.ones_like(self.q)))

    @functools.cached_property
    def saturated_fraction(self) -> FloatArray:
        """The fraction of activations within 1 % of the function's range of one of its bounds."""
        limit = math.inf if self.activation.saturation is None else self.activation.saturation
        with overflow_allowed():
            return np.vectorize(math.erfc, otypes=[float])(limit / np.sqrt(2 * self.q))

    @functools.cached_property
    def gradient_rms(self) -> FloatArray:
        """The RMS of dL/dz for a standard normal gradient at the last layer's output.

        All layers are assumed equally wide. If the last signal overflows, it is NaN in every layer.
        """
        # dL/dz of layer l is (dL/dz of layer l+1) W^T times f'(z). So its mean square gains a
        # factor E[f'**2] from the layer itself, and sigma_w2 from the layer above, if there is one.
        slopes = _mean_square(self.activation.derivative, self.q)
        gain = np.where(np.isnan(self.q), np.nan, slopes)
        gain[:-1] *= self.sigma_w2[1:]
        with overflow_allowed():
            return np.sqrt(np.cumprod(gain[::-1], axis=0)[::-1])

    @functools.cached_property
    def across_input_std(self) -> FloatArray:
        """How far a single unit moves when the input changes."""
        return np.sqrt(self._variances_across[1:])

    @functools.cached_property
    def correlation(self) -> FloatArray:
        """The mean of z z' for two inputs, divided by q; NaN where z is always 0."""
        with overflow_allowed():
            return 1 - self.sigma_w2 * self._variances_across[:-1] / self.q

    @functools.cached_property
    def _variances_across(self) -> FloatArray:
        # First the inputs', then each layer's. The weights act on differences; the bias cancels.
        found = [np.full(self.q.shape[1:], self.input_distance)]
        for sigma_w2, q in zip(self.sigma_w2, self.q, strict=True):
            distance = sigma_w2 * found[-1] / np.where(q > 0, q, 1)
            found.append(_variance_across(self.activation, q, distance))
        return np.array(found)


def layer_by_layer(
    activation: ActivationLike,
    depth: int,
    sigma_w2: Floats,
    sigma_b2: Floats = 0.0,
    *,
    input_q: float = 1.0,
    input_shared: float = 0.0,
) -> LayerTheory:
    """Follow signals forward and gradients backward, layer by layer.

    Parameters
    ----------
    activation
        Follows every layer, including the last.
    depth : int
    sigma_w2, sigma_b2 : float or array
        One number for all layers, or an array whose first axis has length ``depth``, or 1 if all
        layers share the same value. Further axes are for several networks.
    input_q, input_shared : float
        The mean of x**2 over the features of an input, and the mean of x x' over the features of
        two different inputs: 1 and 0 for independent standard normal inputs.

    Returns
    -------
    LayerTheory

    Notes
    -----
    Source: Poole et al. (2016), equations 3 and 5, for the forward pass; Schoenholz et al. (2017),
    section 4, for the backward pass.

    Examples
    --------
    >>> layer_by_layer("sigmoid", depth=3, sigma_w2=1.0).across_input_std.round(4)
    array([0.2083, 0.0489, 0.0115])
    """
    f, depth = activations.get(activation), whole_number("depth", depth)
    square = finite_number("input_q", input_q, at_least=0)
    distance = square - finite_number("input_shared", input_shared)
    if not 0 <= distance <= 2 * square:
        raise ValueError(f"input_shared={input_shared!r} must be at most {input_q=} in size")
    # The first axis of both is that of the layers; NumPy would align the last ones.
    w2, b2 = (np.atleast_1d(values) for values in (sigma_w2, sigma_b2))
    axes = max(w2.ndim, b2.ndim)
    w2, b2 = (v.reshape(len(v), *[1] * (axes - v.ndim), *v.shape[1:]) for v in (w2, b2))
    w2, b2 = _at_least_zero(sigma_w2=w2, sigma_b2=b2)
    if len(w2) not in (1, depth):
        raise ValueError(f"{sigma_w2=} must be one number, or one for each of {depth} layers")
    w2, b2 = (np.broadcast_to(values, (depth, *values.shape[1:])) for values in (w2, b2))
    q, squares = np.empty(w2.shape), np.empty(w2.shape)
    for layer in range(depth):
        q[layer] = _next_q(w2[layer], squares[layer - 1] if layer else square, b2[layer])
        squares[layer] = _mean_square(f, q[layer])
    if w2.ndim == 1 and np.isnan(q).any():
        number = np.isnan(q).argmax() + 1
        raise ValueError(f"the signal overflows in layer {number} of {depth}")
    return LayerTheory(f, w2, q, squares, distance)
