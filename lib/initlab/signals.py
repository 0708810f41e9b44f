"""What flows through a network, measured at every layer.

Activations flow forward, gradients backward. A histogram of all numbers of a layer hides
much: whether the spread comes from the inputs or from the neurons, whether a small gradient is
small everywhere or zero nearly everywhere. So each layer is measured in several ways.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, takewhile
from typing import Any

import numpy as np

from initlab._engine.checks import float_array, generator, known_name, overflow_allowed
from initlab._engine.types import FloatArray, Floats
from initlab.activations import ActivationFunction, identity
from initlab.layers import Activation, Dense, Residual
from initlab.network import MLP, check_mlp
from initlab.normalization import Normalize

MEASUREMENTS = (
    "pooled_std",
    "across_input_std",
    "saturated_fraction",
    "dead_fraction",
    "gradient_rms",
    "gradient_median",
)


@dataclass(frozen=True, eq=False)
class LayerSignals:
    """What was seen in one layer.

    Every number below is a float for one network and an array of shape (K,) for a stack of K.
    Numbers that overflow come out as ``inf`` or ``nan``.

    Attributes
    ----------
    number : int
        1 for the first layer.
    activation : ActivationFunction
    z, h : array, shape (..., inputs, units)
        Before and after the activation function. z is what that function is handed: after
        normalization, and after what a residual branch adds.
    gradient : array, shape (..., inputs, units)
        dL/dz. (Where a residual branch begins or ends behind a layer: all of it, what goes through
        the next branch and what goes past it; and there it is the gradient before the next
        normalization.)
    """

    number: int
    activation: ActivationFunction
    z: FloatArray
    h: FloatArray
    gradient: FloatArray

    @cached_property
    def pooled_std(self) -> Any:
        """The standard deviation of all activations of the layer: what a histogram shows."""
        with overflow_allowed():
            return self.h.std(axis=(-2, -1), dtype=np.float64)

    @cached_property
    def across_input_std(self) -> Any:
        """How far one and the same unit moves when the input changes.

        The root, over the units, of the mean variance across inputs. pooled_std**2 is the sum of
        across_input_std**2 and the variance of the units' means: a layer whose units all sit at
        different heights but never move has a wide histogram and cannot tell inputs apart.
        """
        with overflow_allowed():
            return np.sqrt(self.h.var(axis=-2, dtype=np.float64).mean(axis=-1))

    @cached_property
    def saturated_fraction(self) -> Any:
        """The share of activations within 1 % of an end of the function's range.

        For sigmoid: below 0.01 or above 0.99. 0 for functions without two ends, such as ReLU.
        """
        if self.activation.saturation is None:
            return self._share(np.zeros(self.z.shape[:-2]))
        return self._share((np.abs(self.z) > self.activation.saturation).mean(axis=(-2, -1)))

    @cached_property
    def dead_fraction(self) -> Any:
        """The share of units whose slope is exactly 0 for every input: no gradient passes them."""
        with overflow_allowed():
            flat = self.activation.derivative(self.z) == 0
        return self._share(flat.all(axis=-2).mean(axis=-1))

    def _share(self, share: Any) -> Any:
        # A share of NaNs is NaN.
        return np.where(np.isnan(self.z).any(axis=(-2, -1)), np.nan, share)[()]

    @cached_property
    def gradient_rms(self) -> Any:
        """The root mean square of dL/dz: what a few large gradients dominate."""
        with overflow_allowed():
            return np.sqrt(np.square(self.gradient, dtype=np.float64).mean(axis=(-2, -1)))

    @cached_property
    def gradient_median(self) -> Any:
        """The median of the absolute value of dL/dz: what a typical unit gets."""
        with overflow_allowed():
            return np.median(np.abs(self.gradient), axis=(-2, -1)).astype(np.float64)

    def __str__(self) -> str:
        """Return one line of numbers."""
        return (
            f"layer {self.number}   std {_shown(self.pooled_std, '.3g')}"
            f"   across inputs {_shown(self.across_input_std, '.2g')}"
            f"   saturated {_shown(100 * self.saturated_fraction, '.1f')} %"
            f"   dead {_shown(100 * self.dead_fraction, '.1f')} %"
            f"   gradient rms {_shown(self.gradient_rms, '.2g')}"
            f"   median {_shown(self.gradient_median, '.2g')}"
        )


@dataclass(frozen=True, eq=False)
class Signals:
    """What flows through a network.

    Attributes
    ----------
    layers : tuple of LayerSignals
        From the first to the last; ``layers[4]`` is layer 5. There is one for each Dense layer with
        the activation that follows it. The outputs of a classifier are the last.
    """

    layers: tuple[LayerSignals, ...]

    def each(self, name: str) -> FloatArray:
        """Return one measurement of all layers as an array, shape (layers,) or (layers, K).

        Parameters
        ----------
        name : str
            One of ``MEASUREMENTS``.
        """
        known_name("name", name, MEASUREMENTS)
        return np.array([getattr(layer, name) for layer in self.layers])

    def __str__(self) -> str:
        """Return a line of numbers for each layer."""
        return "\n".join(str(layer) for layer in self.layers)


def measure_signals(
    network: MLP,
    x: FloatArray,
    *,
    rng: np.random.Generator | None = None,
    output_gradient: FloatArray | None = None,
) -> Signals:
    """Send inputs forward and a gradient backward through a network, and note what passes.

    The network is left as it was: its gradients and what its layers remember don't change. A
    ``BatchNorm`` in it uses the statistics of ``x``.

    Parameters
    ----------
    network : MLP
        Or a stack of them.
    x : array of float, shape (..., inputs, features)
    rng : numpy.random.Generator, optional
        Draws the gradient at the output, standard normal, the same for each network of a stack.
    output_gradient : array of float, shape (..., inputs, outputs), optional
        The caller's own gradient at the output, instead.

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
        if isinstance(layer, (Dense, Activation)):  # the others would only take memory
            outputs[layer] = y

    y = view.forward(x, note_output)
    if output_gradient is None:
        output_gradient = generator(rng).standard_normal(y.shape[-2:])
    gradient = float_array("output_gradient", output_gradient, dtype=y.dtype)
    if gradient.shape not in (y.shape, y.shape[-2:]):
        raise ValueError(
            f"output_gradient of shape {gradient.shape} doesn't fit outputs of shape {y.shape}"
        )
    gradients = _gradients_at_dense_layers(view, np.broadcast_to(gradient, y.shape))

    measured: list[LayerSignals] = []
    leaves = view.flat_layers
    for index, layer in enumerate(leaves):
        if isinstance(layer, Dense):
            # The next activation before the next Dense layer, if there is one.
            following = takewhile(lambda leaf: not isinstance(leaf, Dense), leaves[index + 1 :])
            bend = next((leaf for leaf in following if isinstance(leaf, Activation)), None)
            measured.append(
                LayerSignals(
                    number=len(measured) + 1,
                    activation=bend.function if bend else identity,
                    z=bend.z if bend else outputs[layer],
                    h=outputs[bend or layer],
                    gradient=gradients[layer],
                )
            )
    return Signals(tuple(measured))


def _gradients_at_dense_layers(network: MLP, gradient: FloatArray) -> dict[Dense, FloatArray]:
    """Return dL/dz of each Dense layer: behind its normalization, if it has one."""
    normalized = {
        after: layer
        for row in _rows(network.layers)
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
            # ReLU's slope at NaN comes out as 0: that would look like a vanished gradient.
            return np.where(np.isnan(layer.z), np.nan, grad_x)
        return None

    network.backward(gradient, note_gradient)
    return found


def _rows(layers: list[Any]) -> Iterator[list[Any]]:
    yield layers
    for layer in layers:
        if isinstance(layer, Residual):
            yield from _rows(layer.layers)


def jacobian(network: MLP, x: FloatArray) -> FloatArray:
    """Return how each output of a network answers to each input: J_oi = d output_o / d x_i.

    Its singular values are the factors by which the network stretches small differences between
    inputs on their way forward, and gradients on their way back. If all are near 1 one speaks of
    dynamical isometry.

    Parameters
    ----------
    network : MLP
        Or a stack of them. Not changed. A ``BatchNorm`` in it uses its running averages, for there
        is no batch.
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
    x = float_array("x", x)
    if x.shape != (network.sizes[0],):
        raise ValueError(f"x has shape {x.shape}; expected one input, ({network.sizes[0]},)")
    view, outputs = network.for_inference(), network.sizes[-1]
    # One copy of the input for each output; back through copy o goes the gradient of output o.
    view.forward(np.tile(x, (outputs, 1)))
    gradient = np.broadcast_to(np.eye(outputs), (*network.stack_shape, outputs, outputs))
    return view.backward(gradient)


def _shown(value: Floats, form: str) -> str:
    return " / ".join(format(float(number), form) for number in np.atleast_1d(value))
