"""What flows through a network, measured at every layer.

Activations flow forward, gradients backward. A histogram of all the values in a layer hides a lot:
whether the spread comes from the inputs or from the neurons, and whether a small gradient is small
everywhere or zero almost everywhere. So each layer is measured in several ways.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, takewhile
from typing import Any

import numpy as np

from initlab._engine import checks
from initlab._engine.types import FloatArray, Floats, Rng
from initlab.activations import ActivationFunction, identity
from initlab.layers import Activation, Dense, Residual
from initlab.network import MLP, check_mlp
from initlab.normalization import Normalize


@dataclass(frozen=True, eq=False)
class LayerSignals:
    """The signals in one layer.

    Every measurement is a float for a single network and an array of shape (K,) for a stack of K.
    Values that overflow are ``inf`` or ``nan``.

    Attributes
    ----------
    number : int
        1 for the first layer.
    activation : ActivationFunction
    z, h : array, shape (..., inputs, units)
        The values before and after the activation function. z is the argument of that function,
        after any normalization and after the sum with a residual branch.
    gradient : array, shape (..., inputs, units)
        dL/dz. (Where a residual branch begins or ends after a layer, this is the whole gradient,
        through the next branch and past it, taken before the next normalization.)
    """

    number: int
    activation: ActivationFunction
    z: FloatArray
    h: FloatArray
    gradient: FloatArray

    @cached_property
    def pooled_std(self) -> Any:
        """The standard deviation of all activations of the layer: the width of a histogram."""
        with checks.overflow_allowed():
            return self.h.std(axis=(-2, -1), dtype=np.float64)

    @cached_property
    def across_input_std(self) -> Any:
        """How far a single unit moves when the input changes.

        The root of the mean, over the units, of the variance across inputs. pooled_std**2 is the
        sum of across_input_std**2 and the variance of the units' means: a layer whose units sit at
        different heights but never move has a wide histogram, yet cannot tell inputs apart.
        """
        with checks.overflow_allowed():
            return np.sqrt(self.h.var(axis=-2, dtype=np.float64).mean(axis=-1))

    @cached_property
    def saturated_fraction(self) -> Any:
        """The fraction of activations within 1 % of the function's range of one of its bounds.

        For sigmoid, those below 0.01 or above 0.99. It is 0 for functions that are not bounded on
        both sides, such as ReLU.
        """
        if self.activation.saturation is None:
            return self._share(np.zeros(self.z.shape[:-2]))
        return self._share((np.abs(self.z) > self.activation.saturation).mean(axis=(-2, -1)))

    @cached_property
    def dead_fraction(self) -> Any:
        """The fraction of units whose slope is exactly 0 for every input: they pass no gradient."""
        with checks.overflow_allowed():
            flat = self.activation.derivative(self.z) == 0
        return self._share(flat.all(axis=-2).mean(axis=-1))

    def _share(self, share: Any) -> Any:
        # If any z is NaN, so is the fraction.
        return np.where(np.isnan(self.z).any(axis=(-2, -1)), np.nan, share)[()]

    @cached_property
    def gradient_rms(self) -> Any:
        """The root mean square of dL/dz, which a few large gradients can dominate."""
        with checks.overflow_allowed():
            return np.sqrt(np.square(self.gradient, dtype=np.float64).mean(axis=(-2, -1)))

    @cached_property
    def gradient_median(self) -> Any:
        """The median of the absolute value of dL/dz: the gradient of a typical unit."""
        with checks.overflow_allowed():
            return np.median(np.abs(self.gradient), axis=(-2, -1)).astype(np.float64)

    def __str__(self) -> str:
        """Return the measurements on one line."""
        return (
            f"layer {self.number}   std {_shown(self.pooled_std, '.3g')}"
            f"   across inputs {_shown(self.across_input_std, '.2g')}"
            f"   saturated {_shown(100 * self.saturated_fraction, '.1f')} %"
            f"   dead {_shown(100 * self.dead_fraction, '.1f')} %"
            f"   gradient rms {_shown(self.gradient_rms, '.2g')}"
            f"   median {_shown(self.gradient_median, '.2g')}"
        )


MEASUREMENTS = tuple(
    name for name, part in vars(LayerSignals).items() if isinstance(part, cached_property)
)


@dataclass(frozen=True, eq=False)
class Signals:
    """The signals in all layers of a network.

    Attributes
    ----------
    layers : tuple of LayerSignals
        From first to last; ``layers[4]`` is layer 5. There is one per Dense layer, together with
        the activation that follows it. For a classifier, the last one holds the outputs.
    """

    layers: tuple[LayerSignals, ...]

    def each(self, name: str) -> FloatArray:
        """Return one measurement in all layers as an array, shape (layers,) or (layers, K).

        Parameters
        ----------
        name : str
            One of ``MEASUREMENTS``.
        """
        checks.known_name("name", name, MEASUREMENTS)
        return np.array([getattr(layer, name) for layer in self.layers])

    def __str__(self) -> str:
        """Return one line of measurements per layer."""
        return "\n".join(str(layer) for layer in self.layers)


def measure_signals(
    network: MLP,
    x: FloatArray,
    *,
    rng: Rng | None = None,
    output_gradient: FloatArray | None = None,
) -> Signals:
    """Send inputs forward and a gradient backward through a network, and record both.

    The network, its gradients and the values stored in its layers don't change. Any ``BatchNorm``
    uses the statistics of ``x``.

    Parameters
    ----------
    network : MLP
        Or a stack of them.
    x : array of float, shape (..., inputs, features)
    rng : numpy.random.Generator, optional
        Draws a standard normal gradient at the output, the same for each network of a stack.
    output_gradient : array of float, shape (..., inputs, outputs), optional
        A gradient at the output to use instead of a random one.

    Returns
    -------
    Signals

    Examples
    --------
    >>> from initlab.initializers import normal
    >>> rng = np.random.default_rng(0)
    >>> network = MLP([100] * 6, activation="tanh", weight_init=normal(0.05), rng=rng)
    >>> signals = measure_signals(network, rng.standard_normal((1000, 100)), rng=rng)
    >>> signals.each("pooled_std").round(3)
    array([0.416, 0.2  , 0.099, 0.049, 0.025])
    """
    if (rng is None) == (output_gradient is None):
        raise TypeError("measure_signals needs either rng or output_gradient, and not both")
    check_mlp("network", network)
    if np.ndim(x) >= 2 and np.shape(x)[-2] == 0:
        raise ValueError(f"x has shape {np.shape(x)}; expected at least one input")
    view = network.view()
    outputs: dict[Any, FloatArray] = {}

    def note_output(layer: Any, x: FloatArray, y: FloatArray) -> None:
        if isinstance(layer, (Dense, Activation)):  # storing the others would only cost memory
            outputs[layer] = y

    y = view.forward(x, note_output)
    if output_gradient is None:
        output_gradient = checks.generator(rng).standard_normal(y.shape[-2:])
    gradient = checks.float_array("output_gradient", output_gradient, dtype=y.dtype)
    if gradient.shape not in (y.shape, y.shape[-2:]):
        raise ValueError(f"output_gradient {gradient.shape} doesn't fit outputs {y.shape}")
    gradients = _gradients_at_dense_layers(view, np.broadcast_to(gradient, y.shape))

    measured: list[LayerSignals] = []
    leaves = view.flat_layers
    for index, layer in enumerate(leaves):
        if isinstance(layer, Dense):
            # The activation between this Dense layer and the next, if there is one.
            following = takewhile(lambda leaf: not isinstance(leaf, Dense), leaves[index + 1 :])
            bend = next((leaf for leaf in following if isinstance(leaf, Activation)), None)
            function, z = (bend.function, bend.z) if bend else (identity, outputs[layer])
            h, gradient = outputs[bend or layer], gradients[layer]
            measured.append(LayerSignals(len(measured) + 1, function, z, h, gradient))
    return Signals(tuple(measured))


def _gradients_at_dense_layers(network: MLP, gradient: FloatArray) -> dict[Dense, FloatArray]:
    """Return dL/dz of each Dense layer, taken after its normalization if it has one."""
    branches = [layer.layers for layer in network.layers if isinstance(layer, Residual)]
    normalized = {
        after: layer
        for row in [network.layers, *branches]
        for layer, after in pairwise(row)
        if isinstance(layer, Dense) and isinstance(after, Normalize)
    }
    found: dict[Dense, FloatArray] = {}

    def note_gradient(layer: Any, grad: FloatArray, grad_x: FloatArray) -> FloatArray | None:
        if layer in normalized:
            found[normalized[layer]] = grad
        elif isinstance(layer, Dense):
            found.setdefault(layer, grad)
        elif isinstance(layer, Activation) and np.isnan(layer.z).any():
            # ReLU's slope at NaN evaluates to 0, which would look like a vanished gradient.
            return np.where(np.isnan(layer.z), np.nan, grad_x)
        return None

    network.backward(gradient, note_gradient)
    return found


def jacobian(network: MLP, x: FloatArray) -> FloatArray:
    """Return how each output of a network responds to each input: J_oi = d output_o / d x_i.

    Its singular values are the factors by which the network stretches small differences between
    inputs on the way forward, and gradients on the way back. If all are close to 1, this is called
    dynamical isometry.

    Parameters
    ----------
    network : MLP
        Or a stack of them. Not changed. Any ``BatchNorm`` uses its running averages, since there is
        no batch.
    x : array of float, shape (features,)
        One input.

    Returns
    -------
    array, shape (..., outputs, features)

    Notes
    -----
    Source: Saxe, McClelland, Ganguli (2013), "Exact solutions to the nonlinear dynamics of learning
    in deep linear neural networks", section 3.
    """
    check_mlp("network", network)
    x = checks.float_array("x", x)
    if x.shape != (network.sizes[0],):
        raise ValueError(f"x has shape {x.shape}; expected one input, ({network.sizes[0]},)")
    view, outputs = network.for_inference(), network.sizes[-1]
    # One copy of the input per output; the gradient of output o is sent back through copy o.
    view.forward(np.tile(x, (outputs, 1)))
    gradient = np.broadcast_to(np.eye(outputs), (*network.stack_shape, outputs, outputs))
    return view.backward(gradient)


def _shown(value: Floats, form: str) -> str:
    return " / ".join(format(float(number), form) for number in np.atleast_1d(value))
