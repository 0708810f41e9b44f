"""Where do the first weights come from?

An initializer is a small object. It is called with a generator and a shape and returns weights;
asked for ``std(shape)`` it says how widely they are spread, and printed it says its name. Nearly
every scheme that has a name is one formula,

    variance = scale / fan,      fan = fan_in, fan_out or their mean,

with another ``scale`` and another ``fan``: that formula is ``variance_scaling``.

All functions here return a ``Scheme``. Standard deviations and gains are finite and non-negative.
Sources, by the names that the docstrings use:

LeCun (1998): LeCun, Bottou, Orr, Mueller, "Efficient BackProp".
Glorot (2010): Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
networks".
Saxe (2013): Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in
deep linear neural networks".
He (2015): He, Zhang, Ren, Sun, "Delving deep into rectifiers".
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from initlab._engine import checks
from initlab._engine.types import DTypeLike, FloatArray, Rng, Shape

# ------------------------------------------------------------------------------ what all share


class Initializer(Protocol):
    """What draws first weights: anything that can be called like this.

    ``shape`` is ``(..., fan_in, fan_out)``: the last two axes are one weight matrix, leading axes
    hold independent draws of it. What comes back has this shape and this dtype.
    """

    def __call__(self, rng: Rng, shape: Shape, dtype: DTypeLike = np.float64) -> FloatArray:
        """Draw weights."""
        ...


class Scheme(ABC):
    """An initializer with a formula for its std, and a name.

    The draw is made in float64 and rounded to ``dtype``, so that one seed means the same weights in
    both precisions. Two schemes of the same distribution called with the same seed differ by a
    factor only. Schemes of one kind with equal settings are equal, whatever they are called.
    """

    @abstractmethod
    def _draw(self, rng: Rng, shape: Shape) -> FloatArray:
        """Return float64 weights of this shape."""

    @abstractmethod
    def std(self, shape: Shape) -> float:
        """Return the standard deviation of one weight of a matrix of this shape, as a formula."""

    @abstractmethod
    def __repr__(self) -> str:
        """Return the call that makes this scheme."""

    def __call__(self, rng: Rng, shape: Shape, dtype: DTypeLike = np.float64) -> FloatArray:
        """Draw weights of this shape, ``(..., fan_in, fan_out)``, in this precision.

        Raises
        ------
        ValueError
            If the weights are too large for ``dtype``.
        """
        dtype = checks.float_dtype(dtype)
        with checks.overflow_allowed():
            drawn = self._draw(checks.generator(rng), checked_shape(shape))
        if np.abs(drawn).max() > np.finfo(dtype).max:
            raise ValueError(f"{self!r} draws weights too large for {dtype}")
        return drawn.astype(dtype, copy=False)


def checked_shape(shape: Shape) -> Shape:
    """Return ``shape`` as a tuple ``(..., fan_in, fan_out)`` of whole numbers of at least 1."""
    if not isinstance(shape, (tuple, list)) or len(shape) < 2:
        raise ValueError(f"shape={shape!r} must be a tuple (..., fan_in, fan_out)")
    return tuple(checks.whole_number("each axis of shape", size) for size in shape)


def _call(function: str, **arguments: Any) -> str:
    """Return how the call would be written, leaving out what is left at its default (None)."""
    shown = (
        f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={value!r}"
        for key, value in arguments.items()
        if value is not None
    )
    return f"{function}({', '.join(shown)})"


# ----------------------------------------------------------------------------- distributions

# A standard normal cut off at +-2 keeps 0.7737 of its variance; dividing by the root restores it.
TRUNCATED_NORMAL_STD = 0.87962566103423978


def _standard_truncated_normal(rng: Rng, shape: Shape) -> FloatArray:
    values = rng.standard_normal(shape)
    while (outside := np.abs(values) > 2).any():
        values[outside] = rng.standard_normal(np.count_nonzero(outside))
    return values / TRUNCATED_NORMAL_STD


# Each draws with mean 0 and variance 1; an initializer multiplies by the std it wants.
_UNIT_DRAWS: dict[str, Callable[[Rng, Shape], FloatArray]] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    # U(-a, a) has variance a**2 / 3.
    "uniform": lambda rng, shape: rng.uniform(-math.sqrt(3), math.sqrt(3), shape),
    "truncated_normal": _standard_truncated_normal,
}


@dataclass(frozen=True, repr=False)
class _FixedSpread(Scheme):
    """The same standard deviation whatever the shape of the matrix."""

    distribution: str
    fixed_std: float

    def _draw(self, rng: Rng, shape: Shape) -> FloatArray:
        return self.fixed_std * _UNIT_DRAWS[self.distribution](rng, shape)

    def std(self, shape: Shape) -> float:
        checked_shape(shape)
        return self.fixed_std

    def __repr__(self) -> str:
        return _call(self.distribution, std=self.fixed_std)


def normal(std: float) -> Scheme:
    """Gaussian weights N(0, std**2): what the article starts from."""
    return _FixedSpread("normal", checks.finite_number("std", std, at_least=0))


def uniform(std: float) -> Scheme:
    """Uniform weights of the given std: U(-limit, limit) with limit = sqrt(3) std.

    Most frameworks take the limit: their ``limit=0.05`` is ``uniform(0.05 / math.sqrt(3))`` here.
    So ``uniform(s)`` and ``normal(s)`` have the same variance.
    """
    return _FixedSpread("uniform", checks.finite_number("std", std, at_least=0))


def truncated_normal(std: float) -> Scheme:
    """Gaussian weights without outliers: cut off at two sigma, then widened to the given std.

    Cutting alone would leave 0.88 of the std; many libraries forget to correct this.
    """
    return _FixedSpread("truncated_normal", checks.finite_number("std", std, at_least=0))


@dataclass(frozen=True, repr=False)
class _Constant(Scheme):
    value: float

    def _draw(self, rng: Rng, shape: Shape) -> FloatArray:
        return np.full(shape, self.value)

    def std(self, shape: Shape) -> float:
        checked_shape(shape)
        return 0.0

    def __repr__(self) -> str:
        return "zeros()" if self.value == 0 else _call("constant", value=self.value)


def constant(value: float) -> Scheme:
    """Every weight the same. Layers that start like this stay equivalent to a single neuron."""
    return _Constant(checks.finite_number("value", value))


def zeros() -> Scheme:
    """Every weight zero: right for biases, and the end of learning for weights."""
    return _Constant(0.0)


# -------------------------------------------------------------------------- the general formula

_FANS: dict[str, Callable[[int, int], float]] = {
    "fan_in": lambda fan_in, fan_out: fan_in,
    "fan_out": lambda fan_in, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
}


@dataclass(frozen=True, repr=False)
class _VarianceScaling(Scheme):
    scale: float
    mode: str
    distribution: str
    name: str | None = field(default=None, compare=False)

    def std(self, shape: Shape) -> float:
        fan_in, fan_out = checked_shape(shape)[-2:]
        return math.sqrt(self.scale / _FANS[self.mode](fan_in, fan_out))

    def _draw(self, rng: Rng, shape: Shape) -> FloatArray:
        return self.std(shape) * _UNIT_DRAWS[self.distribution](rng, shape)

    def __repr__(self) -> str:
        return self.name or (
            f"variance_scaling({self.scale:.6g}, {self.mode!r}, {self.distribution!r})"
        )


def variance_scaling(scale: float, mode: str = "fan_in", distribution: str = "normal") -> Scheme:
    """Weights of mean 0 and variance ``scale / fan``.

    The variance of a sum of ``fan_in`` independent products grows with ``fan_in``; dividing by it
    keeps the signal's size. Source of the idea: LeCun (1998), equation 16.

    Parameters
    ----------
    scale : float
        At least 0.
    mode : {"fan_in", "fan_out", "fan_avg"}
        Which fan: the number of inputs of a neuron, of its outputs, or the mean of the two.
    distribution : {"normal", "uniform", "truncated_normal"}
        The shape of the distribution. Each has exactly the variance asked for.
    """
    return _VarianceScaling(
        checks.finite_number("scale", scale, at_least=0),
        checks.known_name("mode", mode, _FANS),
        checks.known_name("distribution", distribution, _UNIT_DRAWS),
    )


def xavier_normal(gain: float = 1.0) -> Scheme:
    """Gaussian weights of variance gain**2 * 2 / (fan_in + fan_out); also called Glorot normal.

    Source: Glorot (2010), equation 12. What the article's program calls Xavier is ``lecun_normal``.
    ``xavier_normal(gain=4)`` is the classical repair for sigmoid.
    """
    return _xavier(gain, "normal")


def xavier_uniform(gain: float = 1.0) -> Scheme:
    """Uniform weights U(-a, a) with a = gain * sqrt(6 / (fan_in + fan_out)); Glorot uniform.

    Source: Glorot (2010), equation 16.
    """
    return _xavier(gain, "uniform")


def _xavier(gain: float, distribution: str) -> Scheme:
    gain = checks.finite_number("gain", gain, at_least=0, at_most=1e100)
    name = _call(f"xavier_{distribution}", gain=None if gain == 1 else gain)
    return _VarianceScaling(gain * gain, "fan_avg", distribution, name)


def he_normal(slope: float = 0.0, mode: str = "fan_in") -> Scheme:
    """Gaussian weights of variance 2 / ((1 + slope**2) fan_in), made for ReLU; Kaiming normal.

    Source: He (2015), equations 10, 14 and 15.

    Parameters
    ----------
    slope : float
        The negative-side slope of the activation: 0 for ReLU, 0.01 for ``leaky_relu``.
    mode : {"fan_in", "fan_out", "fan_avg"}
        ``fan_in`` keeps the signal's size forward, ``fan_out`` the gradient's backward.

    Examples
    --------
    >>> weight = he_normal()(np.random.default_rng(0), (784, 100), dtype=np.float32)
    >>> weight.shape, weight.dtype
    ((784, 100), dtype('float32'))
    >>> round(float(weight.std()), 3), round(he_normal().std((784, 100)), 3)
    (0.051, 0.051)
    """
    return _he(slope, mode, "normal")


def he_uniform(slope: float = 0.0, mode: str = "fan_in") -> Scheme:
    """Uniform weights U(-a, a) with a = sqrt(6 / ((1 + slope**2) fan_in)); Kaiming uniform.

    Parameters and source are those of ``he_normal``.
    """
    return _he(slope, mode, "uniform")


def _he(slope: float, mode: str, distribution: str) -> Scheme:
    slope = checks.finite_number("slope", slope, at_least=-1e6, at_most=1e6)
    mode = checks.known_name("mode", mode, _FANS)
    told = None if mode == "fan_in" else mode
    name = _call(f"he_{distribution}", slope=slope or None, mode=told)
    return _VarianceScaling(2 / (1 + slope * slope), mode, distribution, name)


def lecun_normal() -> Scheme:
    """Gaussian weights of variance 1 / fan_in: what the article's program calls "Xavier".

    Source: LeCun (1998), equation 16.
    """
    return _VarianceScaling(1, "fan_in", "normal", "lecun_normal()")


def lecun_uniform() -> Scheme:
    """Uniform weights U(-a, a) with a = sqrt(3 / fan_in). Source: LeCun (1998), equation 16."""
    return _VarianceScaling(1, "fan_in", "uniform", "lecun_uniform()")


# The field uses first and last names of the same people.
glorot_normal, glorot_uniform = xavier_normal, xavier_uniform
kaiming_normal, kaiming_uniform = he_normal, he_uniform


@dataclass(frozen=True, repr=False)
class _Orthogonal(Scheme):
    gain: float

    def _draw(self, rng: Rng, shape: Shape) -> FloatArray:
        *stack, fan_in, fan_out = shape
        tall = (*stack, max(fan_in, fan_out), min(fan_in, fan_out))
        q, r = np.linalg.qr(rng.standard_normal(tall))
        # QR leaves the signs open; fixing them makes the draw uniform over all rotations.
        q = q * np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1.0, 1.0)[..., np.newaxis, :]
        return self.gain * (q if fan_in >= fan_out else np.swapaxes(q, -1, -2))

    def std(self, shape: Shape) -> float:
        return self.gain / math.sqrt(max(checked_shape(shape)[-2:]))

    def __repr__(self) -> str:
        return _call("orthogonal", gain=None if self.gain == 1 else self.gain)


def orthogonal(gain: float = 1.0) -> Scheme:
    """Rotations: a matrix with all singular values equal to ``gain``.

    Of a matrix that is not square, the shorter of rows and columns are orthogonal. Source: Saxe
    (2013); the correction of signs: Mezzadri (2007), "How to generate random matrices from the
    classical compact groups", section 5.
    """
    return _Orthogonal(checks.finite_number("gain", gain, at_least=0))


# -------------------------------------------------------------- where all others take them from

# The distributions that sliders of the std offer. A slider sets the std itself: of these schemes
# only the shape of the distribution counts.
DISTRIBUTIONS: dict[str, Scheme] = {
    "normal": normal(1.0),
    "uniform": uniform(1.0),
    "truncated_normal": truncated_normal(1.0),
    "orthogonal": orthogonal(),
}


class Start(NamedTuple):
    """A way to start that the series compares by name.

    ``color`` is that of its curves and bars: black, purple, sky, blue, orange, green or red.
    ``marked`` says whether sliders of the std have a button for it.
    """

    initializer: Scheme
    color: str
    marked: bool = False


# From the smallest weights to the largest.
STARTS: dict[str, Start] = {
    "std 0": Start(normal(0.0), "black", marked=True),
    "std 0.01": Start(normal(0.01), "purple", marked=True),
    "LeCun": Start(lecun_normal(), "sky"),
    "Xavier": Start(xavier_normal(), "blue", marked=True),
    "He": Start(he_normal(), "green", marked=True),
    "2 x He": Start(variance_scaling(8), "red"),
    "4 x Xavier": Start(xavier_normal(gain=4), "orange"),
    "std 1": Start(normal(1.0), "orange", marked=True),
    "std 10": Start(normal(10.0), "red", marked=True),
}
