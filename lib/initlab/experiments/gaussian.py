"""Five layers of a hundred neurons, and Gaussian inputs: what the start does to signals.

``five_layers`` draws new weights for each std. ``ScaledNetwork`` draws once, with std 1, and
rescales, giving exactly the same networks in a fraction of the time; the sliders use it.
"""

import copy
import math

import numpy as np

from initlab import activations, theory
from initlab import initializers as init
from initlab._engine.checks import finite_number, known_name, overflow_allowed, whole_number
from initlab.activations import sigmoid
from initlab.datasets import gaussian_inputs
from initlab.experiments._checks import checked_seeds
from initlab.initializers import DISTRIBUTIONS
from initlab.network import MLP
from initlab.signals import MEASUREMENTS, measure_signals


def five_layers(
    weight_init, *, activation=sigmoid, seed=0, depth=5, width=100, inputs=1000, dtype=np.float64
):
    """Run the article's first experiment: Gaussian inputs, five layers of a hundred neurons.

    Parameters
    ----------
    weight_init : initializer
    activation : ActivationFunction or str
        Follows every layer, including the last.
    seed : int
        For inputs, weights and gradient. Two calls with the same seed but different stds use the
        same inputs, and weights that differ only by a factor.
    depth, width, inputs : int
        The number of layers, of neurons in each (and of input features), and of inputs.
    dtype : np.float32 or np.float64

    Returns
    -------
    Signals
        With a standard normal gradient at the last layer's output.
    """
    network, x, gradient_rng = _draw(weight_init, activation, seed, depth, width, inputs, dtype)
    return measure_signals(network, x, rng=gradient_rng)


def _draw(weight_init, activation, seed, depth, width, inputs, dtype):
    """Return a network, its inputs, and the generator of the gradient at its last layer."""
    seed = whole_number("seed", seed, at_least=0)
    input_rng, weight_rng, gradient_rng = np.random.default_rng(seed).spawn(3)
    network = MLP(
        [whole_number("width", width)] * (whole_number("depth", depth) + 1),
        activation=activation,
        output_activation=activation,
        weight_init=weight_init,
        rng=weight_rng,
        dtype=dtype,
    )
    return network, gaussian_inputs(inputs, width, rng=input_rng, dtype=dtype), gradient_rng


def over_seeds(weight_init, seeds, **settings):
    """Repeat ``five_layers`` over seeds.

    Parameters
    ----------
    weight_init : initializer
    seeds : iterable of int
    **settings
        As for ``five_layers``.

    Returns
    -------
    dict of str to array, shape (seeds, layers)
        One entry for each of ``MEASUREMENTS``.
    """
    seeds = checked_seeds(seeds)
    runs = [five_layers(weight_init, seed=seed, **settings) for seed in seeds]
    return {name: np.array([run.each(name) for run in runs]) for name in MEASUREMENTS}


def over_stds(stds, seeds, **settings):
    """Repeat ``over_seeds`` for Gaussian weights of several standard deviations.

    Parameters
    ----------
    stds : list of float
    seeds : iterable of int
    **settings
        As for ``five_layers``.

    Returns
    -------
    dict of str to array, shape (stds, seeds, layers)
        One entry for each of ``MEASUREMENTS``.
    """
    if np.ndim(stds) != 1 or len(stds) == 0:
        raise ValueError(f"stds={stds!r} must be a list of at least one")
    seeds = checked_seeds(seeds)
    runs = [over_seeds(init.normal(std), seeds, **settings) for std in stds]
    return {name: np.stack([run[name] for run in runs]) for name in MEASUREMENTS}


# Dead units are first sought with this many inputs; units alive there need no further check.
_FIRST = 16


class ScaledNetwork:
    """Inputs, and one draw of a network that can be measured at any std of the weights.

    Parameters
    ----------
    activation : ActivationFunction or str
        Follows every layer, including the last.
    initializer : str
        The distribution of the weights, one of ``initializers.DISTRIBUTIONS``.
    depth, width, inputs : int
        The number of layers, of neurons in each (and of input features), and of inputs.
    seed : int
        The draw is that of ``five_layers`` with this seed.
    dtype : np.float32 or np.float64

    Notes
    -----
    Not thread-safe: give each thread its own object.
    """

    def __init__(
        self,
        *,
        activation="sigmoid",
        initializer="normal",
        depth=5,
        width=100,
        inputs=1000,
        seed=0,
        dtype=np.float32,
    ):
        self.activation = activations.get(activation)
        scheme = DISTRIBUTIONS[known_name("initializer", initializer, DISTRIBUTIONS)]
        # Scaled first and rounded afterwards, as in an initializer: so float64 here.
        self._network, x, self._gradient_rng = _draw(
            scheme, self.activation, seed, depth, width, inputs, np.float64
        )
        for layer in self._network.dense:
            layer.weight /= scheme.std(layer.weight.shape)
        self.dtype = np.dtype(dtype)
        # Where a range ends at 0, its tail holds subnormal numbers: with them a product takes ten
        # times as long, and no picture can tell them from 0.
        ends_at_0 = self.activation.saturation is not None and 0 in self.activation.span
        self._least = np.finfo(self.dtype).tiny if ends_at_0 else None
        self._x = x.astype(self.dtype)
        # Buffers reused for each layer: allocating new ones would cost more than the arithmetic.
        self._z, self._place = np.empty_like(self._x), np.empty_like(self._x)
        self._centred = np.empty(self._x.shape)

    def forward(self, std):
        """Yield (z, h) of each layer, from the first to the last, for weights of this std.

        Parameters
        ----------
        std : float
            At least 0.

        Yields
        ------
        (array, array), shapes (inputs, width)
            z is overwritten by that of the next layer.
        """
        std = finite_number("std", std, at_least=0)
        h = self._x
        with overflow_allowed():
            for layer in self._network.dense:
                weight = (std * layer.weight).astype(self.dtype)
                np.matmul(h, weight, out=self._z)
                h = self.activation(self._z)
                if self._least and self._z.min() < math.log(self._least):
                    h *= h >= self._least
                yield self._z, h

    def activation_counts(self, std, bins=23):
        """Measure the data for a picture of all layers' activations.

        Parameters
        ----------
        std : float
        bins : int
            With an odd number, a spike at the middle of the span falls into a single bin.

        Returns
        -------
        dict of str to array, shape (layers,) or, for counts, (layers, bins)
            counts: the number of activations in each bin of the activation's ``span``, without
            exact zeros. zeros: the number of exact zeros, counted only for functions with f(0) = 0.
            below, above, not_numbers: the number of activations below the span, above it, and of
            NaNs. pooled_std, across_input_std, saturated_fraction and dead_fraction: as in
            ``signals.LayerSignals``.
        """
        layers = []
        with overflow_allowed():
            for z, h in self.forward(std):
                pooled, across = self._spreads(h)
                # A single NaN makes the spread NaN, and is seldom: only then it is looked for.
                doubtful = np.isnan(across)
                known = not (doubtful and np.isnan(z).any())
                shares = {
                    "pooled_std": pooled,
                    "across_input_std": across,
                    "saturated_fraction": self._saturated(z) if known else np.nan,
                    "dead_fraction": self._dead(z) if known else np.nan,
                }
                layers.append(self._histogram(h, bins, doubtful) | shares)
        return {name: np.array([layer[name] for layer in layers]) for name in layers[0]}

    def _histogram(self, h, bins, doubtful):
        low, high = self.activation.span
        # 0: below the span; 1 to bins: in it; bins + 1: above it. If the function is bounded on
        # both sides, its bounds are still inside.
        scale, place = bins / (high - low), self._place
        np.multiply(h, h.dtype.type(scale), out=place)
        np.add(place, h.dtype.type(1 - low * scale), out=place)
        bounded = self.activation.saturation is not None
        np.clip(place, 0, bins + (0.5 if bounded else 1.5), out=place)
        shown = place[~np.isnan(place)] if doubtful else place.ravel()
        found = np.bincount(shown.astype(np.intp), minlength=bins + 2)
        zeros = np.count_nonzero(h == 0) if self.activation(0.0) == 0 else 0
        found[1 + min(int(-low * scale), bins - 1)] -= zeros
        numbers = {
            "counts": found[1:-1],
            "zeros": zeros,
            "below": found[0],
            "above": found[-1],
            "not_numbers": place.size - shown.size,
        }
        return {name: np.asarray(number, dtype=np.uint32) for name, number in numbers.items()}

    def _spreads(self, h):
        # pooled_std and across_input_std, which share most of their computation.
        means = h.mean(axis=0, dtype=np.float64)
        np.subtract(h, means, out=self._centred)
        across = np.vdot(self._centred, self._centred) / h.size
        return np.sqrt(across + means.var()), np.sqrt(across)

    def _saturated(self, z):
        if self.activation.saturation is None:
            return 0.0
        return np.count_nonzero(np.abs(z) > self.activation.saturation) / z.size

    def _dead(self, z):
        still = np.flatnonzero((self.activation.derivative(z[:_FIRST]) == 0).all(axis=0))
        if len(still):
            still = still[(self.activation.derivative(z[:, still]) == 0).all(axis=0)]
        return len(still) / z.shape[1]

    def sizes(self, std):
        """Measure the RMS and median size of activations and gradients.

        Parameters
        ----------
        std : float

        Returns
        -------
        dict of str to array, shape (layers,)
            forward_rms and forward_median of |h|; gradient_rms and gradient_median of |dL/dz|, with
            a standard normal gradient at the last layer's output.
        """
        std, network = finite_number("std", std, at_least=0), self._network.view()
        for layer in network.dense:
            layer.weight = (std * layer.weight).astype(self.dtype)
            layer.bias = layer.bias.astype(self.dtype)
        # A copy of the generator each time, so that the gradient is the same for every std.
        signals = measure_signals(network, self._x, rng=copy.deepcopy(self._gradient_rng))
        with overflow_allowed():
            forward = [np.abs(layer.h, dtype=np.float64) for layer in signals.layers]
            return {
                "forward_rms": np.array([np.sqrt((h * h).mean()) for h in forward]),
                "forward_median": np.array([np.median(h) for h in forward]),
                "gradient_rms": signals.each("gradient_rms"),
                "gradient_median": signals.each("gradient_median"),
            }

    def predicted_sizes(self, std):
        """Return the RMS of activations and gradients predicted by mean-field theory.

        Parameters
        ----------
        std : float

        Returns
        -------
        dict of str to array, shape (layers,)
            predicted_forward_rms, predicted_gradient_rms; NaN where theory overflows.
        """
        std = finite_number("std", std, at_least=0)
        sigma_w2 = np.full((1, 1), self._network.sizes[0] * std**2)
        known = theory.layer_by_layer(self.activation, len(self._network.dense), sigma_w2)
        return {
            "predicted_forward_rms": np.sqrt(known.mean_square[:, 0]),
            "predicted_gradient_rms": known.gradient_rms[:, 0],
        }
