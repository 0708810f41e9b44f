"""Part one of the story: where do the first weights come from?

An initializer is a small value. It is called with a generator and a shape and returns weights;
asked for ``std(shape)`` it says how wide they are spread, and printed it says its name. Nearly
every scheme that has a name is one formula,

    variance = scale / fan,      fan = fan_in, fan_out or their mean,

with another ``scale`` and another ``fan``: that formula is ``variance_scaling``.
"""

import math
from abc import ABC, abstractmethod

import numpy as np

from initlab._checks import finite_number, float_dtype, generator, known_name, whole_number

# ------------------------------------------------------------------------------ what all share


class Initializer(ABC):
    """A recipe for first weights: ``recipe(rng, shape, dtype=np.float64)`` draws them.

    ``shape`` is ``(..., fan_in, fan_out)``: the last two axes are one weight matrix, and leading
    axes hold independent draws of it. The draw is made in float64 and rounded to ``dtype``, so that
    one seed means the same weights in both precisions. Two recipes of the same distribution called
    with the same seed differ by a factor only.
    """

    @abstractmethod
    def _draw(self, rng, shape):
        """Return float64 weights of this shape."""

    @abstractmethod
    def std(self, shape):
        """Return the standard deviation of one weight of a matrix of this shape, as a formula.

        Raises
        ------
        TypeError, ValueError
            If ``shape`` is not a tuple of at least two whole numbers of at least 1.
        """

    @abstractmethod
    def __repr__(self):
        """Return the call that makes this recipe."""

    def __call__(self, rng, shape, dtype=np.float64):
        """Draw weights.

        Parameters
        ----------
        rng : numpy.random.Generator
        shape : tuple of int
            ``(..., fan_in, fan_out)``
        dtype : np.float32 or np.float64

        Returns
        -------
        array of ``dtype``, of the shape asked for

        Raises
        ------
        TypeError, ValueError
            If one of the arguments is not what is said here.
        """
        dtype = float_dtype(dtype)
        drawn = self._draw(generator(rng), checked_shape(shape))
        if np.abs(drawn).max() > np.finfo(dtype).max:
            raise ValueError(f"{self!r} draws weights too large for {dtype}")
        return drawn.astype(dtype, copy=False)

    def _recipe(self):
        return {key: value for key, value in vars(self).items() if key != "name"}

    def __eq__(self, other):
        """Two recipes are equal when they draw the same, whatever they are called."""
        return type(self) is type(other) and self._recipe() == other._recipe()

    def __hash__(self):
        """Equal recipes have equal hashes, so they can be the keys of a table of results."""
        return hash((type(self), *self._recipe().values()))


def checked_shape(shape):
    """Return ``shape`` as a tuple ``(..., fan_in, fan_out)`` of whole numbers of at least 1."""
    if not isinstance(shape, (tuple, list)):
        raise TypeError(f"shape={shape!r}: expected a tuple (..., fan_in, fan_out)")
    if len(shape) < 2:
        raise ValueError(f"shape={shape!r}: expected at least two axes, (..., fan_in, fan_out)")
    return tuple(whole_number("each axis of shape", size) for size in shape)


def _call(name, **arguments):
    """Return how the call would be written, leaving out what is left at its default (None)."""
    shown = (
        f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={value!r}"
        for key, value in arguments.items()
        if value is not None
    )
    return f"{name}({', '.join(shown)})"


# ------------------------------------------------------------------------- three distributions

# A standard normal cut off at +-2 keeps 0.7737 of its variance; dividing by the root restores it.
TRUNCATED_NORMAL_STD = 0.87962566103423978


def _standard_truncated_normal(rng, shape):
    values = rng.standard_normal(shape)
    while (outside := np.abs(values) > 2).any():
        values[outside] = rng.standard_normal(np.count_nonzero(outside))
    return values / TRUNCATED_NORMAL_STD


def _standard_uniform(rng, shape):
    return rng.uniform(-math.sqrt(3), math.sqrt(3), shape)  # U(-a, a) has variance a**2 / 3


# Each draws with mean 0 and variance 1; an initializer multiplies by the std it wants.
_UNIT_DRAWS = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "uniform": _standard_uniform,
    "truncated_normal": _standard_truncated_normal,
}


class _FixedSpread(Initializer):
    """The same standard deviation whatever the shape of the matrix."""

    def __init__(self, distribution, std):
        self.distribution = distribution
        self.fixed_std = finite_number("std", std, at_least=0)

    def _draw(self, rng, shape):
        return self.fixed_std * _UNIT_DRAWS[self.distribution](rng, shape)

    def std(self, shape):
        checked_shape(shape)
        return self.fixed_std

    def __repr__(self):
        return _call(self.distribution, std=self.fixed_std)


def normal(std):
    """Gaussian weights N(0, std**2): what the article starts from.

    Parameters
    ----------
    std : float
        The standard deviation (not the variance), at least 0.

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If ``std`` is negative or not finite.
    """
    return _FixedSpread("normal", std)


def uniform(std):
    """Uniform weights of the given standard deviation: U(-sqrt(3) std, sqrt(3) std).

    Parameters
    ----------
    std : float
        The standard deviation (not the limit), at least 0: ``uniform(s)`` and ``normal(s)`` have
        the same variance.

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If ``std`` is negative or not finite.
    """
    return _FixedSpread("uniform", std)


def truncated_normal(std):
    """Gaussian weights without outliers: cut off at two sigma, then widened to the given std.

    Parameters
    ----------
    std : float
        The standard deviation of what is drawn, at least 0. (Cutting alone would leave 0.88 of it;
        many libraries forget to correct this.)

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If ``std`` is negative or not finite.
    """
    return _FixedSpread("truncated_normal", std)


class _Constant(Initializer):
    def __init__(self, value):
        self.value = finite_number("value", value)

    def _draw(self, rng, shape):
        return np.full(shape, self.value)

    def std(self, shape):
        checked_shape(shape)
        return 0.0

    def __repr__(self):
        return "zeros()" if self.value == 0 else _call("constant", value=self.value)


def constant(value):
    """Every weight the same. Layers that start like this stay as wide as one neuron.

    Parameters
    ----------
    value : float
        Finite.

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If ``value`` is not finite.
    """
    return _Constant(value)


def zeros():
    """Every weight zero: right for biases, and the end of learning for weights.

    Returns
    -------
    Initializer
    """
    return _Constant(0.0)


# -------------------------------------------------------------------------- the general formula

_FANS = {
    "fan_in": lambda fan_in, fan_out: fan_in,
    "fan_out": lambda fan_in, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
}


class _VarianceScaling(Initializer):
    def __init__(self, scale, mode, distribution, name=None):
        self.scale = finite_number("scale", scale, at_least=0)
        self.mode = known_name("mode", mode, _FANS)
        self.distribution = known_name("distribution", distribution, _UNIT_DRAWS)
        self.name = name

    def std(self, shape):
        fan_in, fan_out = checked_shape(shape)[-2:]
        return math.sqrt(self.scale / _FANS[self.mode](fan_in, fan_out))

    def _draw(self, rng, shape):
        return self.std(shape) * _UNIT_DRAWS[self.distribution](rng, shape)

    def __repr__(self):
        return self.name or (
            f"variance_scaling({self.scale:.6g}, {self.mode!r}, {self.distribution!r})"
        )


def variance_scaling(scale, mode="fan_in", distribution="normal"):
    """Weights of mean 0 and variance ``scale / fan``.

    Parameters
    ----------
    scale : float
        At least 0.
    mode : {"fan_in", "fan_out", "fan_avg"}
        Which fan: the number of inputs of a neuron, of its outputs, or the mean of the two.
    distribution : {"normal", "uniform", "truncated_normal"}
        The shape of the distribution. All three have exactly the variance asked for.

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If ``scale`` is negative or not finite, or a name is unknown.

    Notes
    -----
    The variance of a sum of ``fan_in`` independent products grows with ``fan_in``; dividing by it
    keeps the signal's size. Source of the idea: LeCun, Bottou, Orr, Mueller (1998), "Efficient
    BackProp", equation 16.
    """
    return _VarianceScaling(scale, mode, distribution)


def xavier_normal(gain=1.0):
    """Gaussian weights of variance gain**2 * 2 / (fan_in + fan_out); also called Glorot normal.

    Parameters
    ----------
    gain : float
        At least 0. ``xavier_normal(gain=4)`` is the classical repair for sigmoid.

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If ``gain`` is negative or not finite.

    Notes
    -----
    Source: Glorot, Bengio (2010), "Understanding the difficulty of training deep feedforward neural
    networks", equation 12. What the article's program calls Xavier is ``lecun_normal``.
    """
    return _xavier(gain, "normal")


def xavier_uniform(gain=1.0):
    """Uniform weights U(-a, a) with a = gain * sqrt(6 / (fan_in + fan_out)); Glorot uniform.

    Parameters
    ----------
    gain : float
        At least 0.

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If ``gain`` is negative or not finite.

    Notes
    -----
    Source: Glorot, Bengio (2010), "Understanding the difficulty of training deep feedforward neural
    networks", equation 16.
    """
    return _xavier(gain, "uniform")


def _xavier(gain, distribution):
    gain = finite_number("gain", gain, at_least=0)
    if not math.isfinite(gain * gain):
        raise ValueError(f"gain={gain!r}: its square, the variance's factor, is not finite")
    name = _call(f"xavier_{distribution}", gain=None if gain == 1 else gain)
    return _VarianceScaling(gain * gain, "fan_avg", distribution, name)


def he_normal(slope=0.0, mode="fan_in"):
    """Gaussian weights of variance 2 / ((1 + slope**2) fan_in), made for ReLU; Kaiming normal.

    Parameters
    ----------
    slope : float
        The negative-side slope of the activation: 0 for ReLU, 0.01 for ``leaky_relu``.
    mode : {"fan_in", "fan_out", "fan_avg"}
        ``fan_in`` keeps the signal's size forward, ``fan_out`` the gradient's backward.

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If ``slope`` is not finite, or there is no such mode.

    Notes
    -----
    Source: He, Zhang, Ren, Sun (2015), "Delving deep into rectifiers", equations 10, 14 and 15.
    """
    return _he(slope, mode, "normal")


def he_uniform(slope=0.0, mode="fan_in"):
    """Uniform weights U(-a, a) with a = sqrt(6 / ((1 + slope**2) fan_in)); Kaiming uniform.

    Parameters
    ----------
    slope : float
        The negative-side slope of the activation: 0 for ReLU, 0.01 for ``leaky_relu``.
    mode : {"fan_in", "fan_out", "fan_avg"}
        ``fan_in`` keeps the signal's size forward, ``fan_out`` the gradient's backward.

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If ``slope`` is not finite, or there is no such mode.

    Notes
    -----
    Source: He, Zhang, Ren, Sun (2015), "Delving deep into rectifiers", equations 10, 14 and 15.
    """
    return _he(slope, mode, "uniform")


def _he(slope, mode, distribution):
    slope = finite_number("slope", slope)
    mode = known_name("mode", mode, _FANS)
    name = _call(
        f"he_{distribution}",
        slope=None if slope == 0 else slope,
        mode=None if mode == "fan_in" else mode,
    )
    return _VarianceScaling(2 / (1 + slope * slope), mode, distribution, name)


def lecun_normal():
    """Gaussian weights of variance 1 / fan_in: what the article's program calls "Xavier".

    Returns
    -------
    Initializer

    Notes
    -----
    Source: LeCun, Bottou, Orr, Mueller (1998), "Efficient BackProp", equation 16.
    """
    return _VarianceScaling(1, "fan_in", "normal", "lecun_normal()")


def lecun_uniform():
    """Uniform weights U(-a, a) with a = sqrt(3 / fan_in).

    Returns
    -------
    Initializer

    Notes
    -----
    Source: LeCun, Bottou, Orr, Mueller (1998), "Efficient BackProp", equation 16.
    """
    return _VarianceScaling(1, "fan_in", "uniform", "lecun_uniform()")


# The field uses first and last names of the same people.
glorot_normal, glorot_uniform = xavier_normal, xavier_uniform
kaiming_normal, kaiming_uniform = he_normal, he_uniform


class _Orthogonal(Initializer):
    def __init__(self, gain):
        self.gain = finite_number("gain", gain, at_least=0)

    def _draw(self, rng, shape):
        *stack, fan_in, fan_out = shape
        tall = (*stack, max(fan_in, fan_out), min(fan_in, fan_out))
        q, r = np.linalg.qr(rng.standard_normal(tall))
        # QR leaves the signs open; fixing them makes the draw uniform over all rotations.
        q = q * np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1.0, 1.0)[..., np.newaxis, :]
        return self.gain * (q if fan_in >= fan_out else np.swapaxes(q, -1, -2))

    def std(self, shape):
        return self.gain / math.sqrt(max(checked_shape(shape)[-2:]))

    def __repr__(self):
        return _call("orthogonal", gain=None if self.gain == 1 else self.gain)


def orthogonal(gain=1.0):
    """Rotations: a matrix with all singular values equal to ``gain``.

    Parameters
    ----------
    gain : float
        At least 0.

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If ``gain`` is negative or not finite.

    Notes
    -----
    Of a matrix that is not square, the shorter of rows and columns are orthogonal. Source: Saxe,
    McClelland, Ganguli (2013), "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks"; the correction of signs: Mezzadri (2007), "How to generate random
    matrices from the classical compact groups", section 5.
    """
    return _Orthogonal(gain)


# ------------------------------------------------------------------------------ the gain table

# 1 / sqrt(E[f(z)**2]) for z ~ N(0, 1) is the gain that keeps the size of a standard normal signal.
# ReLU, softsign, erf, GELU and SiLU stand here with that value; identity, sigmoid, tanh and SELU
# with the conventional one that PyTorch's calculate_gain also uses.
GAINS = {
    "identity": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "softsign": 2.3375334,
    "erf": 1.4671670,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
    "gelu": 1.5335304,
    "silu": 1.6765325,
}


def calculate_gain(activation, slope=0.01):
    """Return the factor by which the std of the weights makes up for an activation function.

    Parameters
    ----------
    activation : str or ActivationFunction
        A key of ``GAINS``, "leaky_relu", or an activation of such a name.
    slope : float
        The negative-side slope, for "leaky_relu" only: its gain is sqrt(2 / (1 + slope**2)). An
        ``ActivationFunction`` brings its own.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For an unknown name, with the nearest known one.

    Notes
    -----
    Source of the formula for rectifiers: He et al. (2015), equation 15.
    """
    slope = getattr(activation, "slope", slope)
    activation = getattr(activation, "name", activation)
    if known_name("activation", activation, [*GAINS, "leaky_relu"]) == "leaky_relu":
        slope = finite_number("slope", slope)
        return math.sqrt(2 / (1 + slope * slope))
    return GAINS[activation]
