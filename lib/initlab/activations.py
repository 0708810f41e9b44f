"""The nonlinearity between two layers.

Linear layers stacked on one another amount to a single linear layer. Depth only pays off because of
the function between them, and on the way back the gradient is multiplied by the slope of that
function. Each activation here is an object: call it to get f(z), call its ``derivative(z)`` to get
the slope, print it to see its name.

Sources: sigmoid, Rumelhart, Hinton, Williams (1986), "Learning representations by
back-propagating errors", equation 2; tanh, LeCun, Bottou, Orr, Mueller (1998), "Efficient
BackProp", section 4.4; softsign, Bergstra et al. (2009), "Quadratic polynomials learn better image
features"; erf, Williams (1997), "Computing with infinite networks"; ReLU, Nair, Hinton (2010),
"Rectified linear units improve restricted Boltzmann machines"; leaky ReLU, Maas, Hannun, Ng (2013),
"Rectifier nonlinearities improve neural network acoustic models"; SELU, Klambauer et al. (2017),
"Self-normalizing neural networks", equation 2; GELU (the exact form), Hendrycks, Gimpel (2016),
"Gaussian error linear units"; SiLU or swish, Elfwing, Uchibe, Doya (2018), "Sigmoid-weighted linear
units".
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from initlab._engine import checks
from initlab._engine.types import FloatArray


@dataclass(frozen=True)
class ActivationFunction:
    """An activation function and everything that depends on it.

    ``relu(z)`` returns f(z) and ``relu.derivative(z)`` returns f'(z), elementwise. Both take an
    array of floats of any shape and return a new array of the same shape and precision.

    Attributes
    ----------
    name : str
        The name that ``get`` accepts.
    span : (float, float)
        The left and right ends of a histogram of f(z). For bounded functions this is their range;
        for the others some values may lie outside it.
    gain : float
        The factor on the std of the weights that compensates for the function. For most functions
        it is 1 / sqrt(E[f(z)**2]) with z ~ N(0, 1), which preserves the size of a standard normal
        signal; sigmoid, tanh and SELU have the conventional value of PyTorch's ``calculate_gain``.
    saturation : float or None
        For functions bounded on both sides, the size of z beyond which f(z) is within 1 % of its
        range of one of its bounds (sigmoid: below 0.01 or above 0.99); None for the others.
    plane : (float, float)
        The largest sigma_w and sigma_b shown in the plane of order and chaos.
    slope : float
        For ``leaky_relu``, the slope on the negative side; 0 otherwise.

    Examples
    --------
    >>> relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    >>> relu.derivative(np.array([-1.0, 2.0]))
    array([0., 1.])
    >>> relu, round(relu.gain, 3), relu.span
    (relu, 1.414, (0.0, 4.0))
    """

    name: str
    function: Callable[[Any], Any] = field(repr=False)
    slope_function: Callable[[Any], Any] = field(repr=False)
    span: tuple[float, float] = field(kw_only=True)
    gain: float = field(kw_only=True)
    saturation: float | None = field(default=None, kw_only=True)
    plane: tuple[float, float] = field(default=(4.0, 3.0), kw_only=True)
    slope: float = field(default=0.0, kw_only=True)

    def __call__(self, z: FloatArray | float) -> Any:
        """Return f(z), elementwise."""
        return self.function(_as_floats(z))[()]

    def derivative(self, z: FloatArray | float) -> Any:
        """Return f'(z), elementwise; at a kink (ReLU at 0), the slope from the left."""
        return self.slope_function(_as_floats(z))[()]

    def __repr__(self) -> str:
        """Return the name, as shown in legends and captions."""
        if ACTIVATIONS.get(self.name, self) == self:
            return self.name
        short = f"{self.slope:g}"
        return f"{self.name}({short if float(short) == self.slope else repr(self.slope)})"

    def __reduce__(self) -> Any:
        """Pickle by name, since lambdas can't be pickled."""
        if ACTIVATIONS.get(self.name) is self:
            return get, (self.name,)
        if self.name == "leaky_relu":
            return leaky_relu_with, (self.slope,)
        return super().__reduce__()


def _as_floats(z: Any) -> Any:
    if isinstance(z, (int, float)) and not isinstance(z, bool):
        return np.float64(z)  # so that sigmoid(0) works at the prompt
    return checks.float_array("z", z)


def _finite(z: Any) -> Any:
    # Replace infinite z with the largest finite float: 0 times that is 0 rather than NaN.
    return np.clip(z, np.finfo(z.dtype).min, np.finfo(z.dtype).max)


def _decay(z: Any) -> Any:
    # exp(-|z|) never overflows, and gives both tails of the sigmoid to full precision.
    return np.exp(-np.abs(z))


def _sigmoid(z: Any) -> Any:
    # 1 / (1 + exp(-z)) for z >= 0, exp(z) / (1 + exp(z)) otherwise: no exponent is ever positive.
    decay = _decay(z)
    return np.maximum(decay, z >= 0) / (1 + decay)


def _tanh_slope(z: Any) -> Any:
    decay = _decay(z)
    return (2 * decay / (1 + decay**2)) ** 2  # 1 - f(z)**2, but exact where f(z) rounds to 1


def _sigmoid_slope(z: Any) -> Any:
    decay = _decay(z)
    return decay / (1 + decay) ** 2  # f(z) (1 - f(z)), but exact where f(z) rounds to 1


def _normal_density(z: Any) -> Any:
    with np.errstate(over="ignore"):  # where z * z overflows, the density is 0
        return np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _normal_cdf(z: Any) -> Any:
    from scipy.special import ndtr  # SciPy is slow to import, and only gelu needs ndtr

    return ndtr(z)


def _erf(z: Any) -> Any:
    from scipy.special import erf as error_function

    return error_function(z)


def _erf_slope(z: Any) -> Any:
    with np.errstate(over="ignore"):
        return 2 / math.sqrt(math.pi) * np.exp(-z * z)


# With these two constants a SELU layer preserves mean 0 and variance 1 (Klambauer et al., 2017).
_SELU_SCALE = 1.0507009873554805
_SELU_ALPHA = 1.6732632423543772


def _selu(z: Any) -> Any:
    with np.errstate(over="ignore"):  # 1.05 times the largest float overflows
        return _SELU_SCALE * np.where(z > 0, z, _SELU_ALPHA * np.expm1(np.minimum(z, 0)))


def _selu_slope(z: Any) -> Any:
    steep = _SELU_SCALE * _SELU_ALPHA * np.exp(np.minimum(z, 0))
    return np.where(z > 0, z.dtype.type(_SELU_SCALE), steep)


def leaky_relu_with(slope: float) -> ActivationFunction:
    """Return the leaky ReLU with the given slope: f(z) = z for z > 0, slope * z otherwise.

    Parameters
    ----------
    slope : float
        From -1e6 to 1e6. ``leaky_relu`` has slope 0.01.

    Notes
    -----
    Source: Maas, Hannun, Ng (2013), "Rectifier nonlinearities improve neural network acoustic
    models". The gain, sqrt(2 / (1 + slope**2)), is from He et al. (2015), equation 15.
    """
    return _leaky_relu(checks.finite_number("slope", slope, at_least=-1e6, at_most=1e6))


@functools.cache  # one object per slope, so that equal networks compare equal
def _leaky_relu(slope: float) -> ActivationFunction:
    return ActivationFunction(
        "leaky_relu",
        lambda z: np.where(z > 0, z, slope * np.minimum(z, 0)),
        lambda z: np.where(z > 0, z.dtype.type(1), z.dtype.type(slope)),
        span=(-1.0, 4.0),
        gain=math.sqrt(2 / (1 + slope * slope)),
        slope=slope,
    )


identity = ActivationFunction(
    "identity", lambda z: z.copy(), np.ones_like, span=(-4.0, 4.0), gain=1.0
)

sigmoid = ActivationFunction(
    "sigmoid",
    _sigmoid,
    _sigmoid_slope,
    span=(0.0, 1.0),
    gain=1.0,
    saturation=math.log(99),
    plane=(16.0, 7.5),
)

tanh = ActivationFunction(
    "tanh", np.tanh, _tanh_slope, span=(-1.0, 1.0), gain=5 / 3, saturation=math.atanh(0.98)
)

softsign = ActivationFunction(
    "softsign",
    lambda z: _finite(z) / (1 + np.abs(_finite(z))),
    lambda z: (1 / (1 + np.abs(z))) ** 2,
    span=(-1.0, 1.0),
    gain=2.3375334,
    saturation=49.0,
)

# Much like tanh, but the means in ``theory`` have closed forms: for z ~ N(0, q), E[erf(z)**2] is
# (2/pi) asin(2q / (1 + 2q)); Williams (1997), "Computing with infinite networks", equation 11.
erf = ActivationFunction(
    "erf",
    _erf,
    _erf_slope,
    span=(-1.0, 1.0),
    gain=1.4671670,
    saturation=1.6449763571331870,  # erfinv(0.98)
)

relu = ActivationFunction(
    "relu",
    lambda z: np.maximum(z, 0),
    lambda z: (z > 0).astype(z.dtype),
    span=(0.0, 4.0),
    gain=math.sqrt(2),
)

leaky_relu = leaky_relu_with(0.01)

selu = ActivationFunction("selu", _selu, _selu_slope, span=(-2.0, 4.0), gain=3 / 4)

# The exact form: z times the normal CDF.
gelu = ActivationFunction(
    "gelu",
    lambda z: np.maximum(z, np.finfo(z.dtype).min) * _normal_cdf(z),
    lambda z: _normal_cdf(z) + _finite(z) * _normal_density(z),
    span=(-1.0, 4.0),
    gain=1.5335304,
)

# Also called swish.
silu = ActivationFunction(
    "silu",
    lambda z: np.maximum(z, np.finfo(z.dtype).min) * _sigmoid(z),
    lambda z: _sigmoid(z) + _finite(z) * _sigmoid_slope(z),
    span=(-1.0, 4.0),
    gain=1.6765325,
)

# Used by every menu and every argument that accepts a name.
ACTIVATIONS = {
    f.name: f for f in (identity, sigmoid, tanh, softsign, erf, relu, leaky_relu, selu, gelu, silu)
}


def get(activation: ActivationFunction | str) -> ActivationFunction:
    """Return the activation with this name; an ``ActivationFunction`` is returned unchanged."""
    if isinstance(activation, ActivationFunction):
        return activation
    return ACTIVATIONS[checks.known_name("activation", activation, ACTIVATIONS)]
