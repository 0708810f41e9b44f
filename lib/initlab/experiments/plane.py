"""Order and chaos: one draw of weights and biases, scaled to any sigma_w and sigma_b.

Weights have variance sigma_w**2 / fan_in, biases have variance sigma_b**2. In the plane of the two,
the line where chi is 1 separates order, where inputs become alike and gradients vanish, from chaos,
where inputs are scrambled and gradients explode.

Sources: Poole et al. (2016), "Exponential expressivity in deep neural networks through transient
chaos"; Schoenholz et al. (2017), "Deep information propagation".
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from initlab import activations, theory
from initlab import initializers as init
from initlab._engine.checks import finite_number, overflow_allowed, whole_number
from initlab.activations import tanh
from initlab.experiments._checks import checked_seeds
from initlab.experiments.sweeps import as_array, converted, sweep
from initlab.network import MLP

# The mean of x x' for the two inputs of a pair; the mean of x**2 is 1.
INPUT_CORRELATION = 0.6
_PAIRS = 3
_COLUMNS, _ROWS = 41, 31


@dataclass(frozen=True, eq=False)
class PlaneDiagram:
    """Theory's predictions over the whole plane of an activation function.

    Attributes
    ----------
    sigma_w : array, shape (columns,)
        From 0 in equal steps, except that the value nearest to the critical sigma_w at sigma_b = 0,
        if that exists, is replaced by it.
    sigma_b : array, shape (rows,)
        From 0 in equal steps.
    critical_sigma_w : array, shape (rows,)
        The sigma_w at which chi is 1; NaN if there is none.
    q, chi, depth_scale : array, shape (rows, columns)
        As in ``theory.PhaseDiagram``.
    line : array, shape (points, 2)
        sigma_w and sigma_b along the critical line, more closely spaced than the rows.
    """

    sigma_w: np.ndarray
    sigma_b: np.ndarray
    critical_sigma_w: np.ndarray
    q: np.ndarray
    chi: np.ndarray
    depth_scale: np.ndarray
    line: np.ndarray


@functools.cache
def plane_diagram(activation):
    """Return theory's predictions for an activation function, up to the limits in its ``plane``.

    Parameters
    ----------
    activation : ActivationFunction or str

    Returns
    -------
    PlaneDiagram
        Cached; its arrays are read-only.
    """
    most_w, most_b = activations.get(activation).plane
    # Rounded, so that the 0.3 on a slider is exactly 0.3.
    sigma_w = np.linspace(0, most_w, _COLUMNS).round(6)
    sigma_b = np.linspace(0, most_b, _ROWS).round(6)
    # The line is flat near sigma_b = 0, so more points are needed there.
    fine = np.union1d(sigma_b, sigma_b[1] * np.array([0.03, 0.1, 0.2, 0.35, 0.5, 0.75, 1.5]))
    line = np.sqrt(theory.critical_line(activation, fine**2)).round(10)
    if np.isfinite(line[0]):
        sigma_w[np.abs(sigma_w - line[0]).argmin()] = line[0]
    found = theory.phase_diagram(activation, sigma_w**2, sigma_b[:, np.newaxis] ** 2)
    arrays = (
        sigma_w,
        sigma_b,
        line[np.searchsorted(fine, sigma_b)],
        found.q,
        found.chi,
        found.depth_scale,
        np.stack([line, fine], axis=1),
    )
    for array in arrays:
        array.flags.writeable = False
    return PlaneDiagram(*arrays)


class PhasePlane:
    """Pairs of inputs, and one draw of a network that can be measured at any sigma_w and sigma_b.

    Parameters
    ----------
    activation : ActivationFunction or str
        Follows every layer, including the last.
    depth, width : int
        The number of layers, and of neurons in each (also the number of input features, at least
        2).
    seed : int
        Each seed gives one draw; networks at different points differ only in scale.

    Attributes
    ----------
    inputs : array, shape (inputs, width)
        Consecutive pairs. The mean of x**2 is 1 in each input, and the mean of x x' is
        ``INPUT_CORRELATION`` in each pair, the values that theory starts from.
    output_gradient : array, shape (inputs, width)
        Standard normal.
    network : MLP
        With sigma_w = sigma_b = 1.
    """

    def __init__(self, *, activation="tanh", depth=20, width=200, seed=0):
        self.activation = activations.get(activation)
        seed = whole_number("seed", seed, at_least=0)
        input_rng, weight_rng, gradient_rng = np.random.default_rng(seed).spawn(3)
        width = whole_number("width", width, at_least=2)
        self.network = MLP(
            [width] * (whole_number("depth", depth) + 1),
            activation=self.activation,
            output_activation=self.activation,
            weight_init=init.lecun_normal(),
            bias_init=init.normal(1.0),
            rng=weight_rng,
        )
        # Two orthogonal inputs, the second of which is then tilted towards the first.
        first, second = _at_right_angles(input_rng.standard_normal((2, _PAIRS, width)))
        leaning = INPUT_CORRELATION * first + math.sqrt(1 - INPUT_CORRELATION**2) * second
        self.inputs = np.stack([first, leaning], axis=1).reshape(2 * _PAIRS, width)
        self.output_gradient = gradient_rng.standard_normal(self.inputs.shape)

    def measure(self, points):
        """Measure networks at several points of the plane, and compute theory's predictions.

        Parameters
        ----------
        points : sequence of (sigma_w, sigma_b)
            At least 0.

        Returns
        -------
        dict of str to array, shape (points, layers)
            q: the mean of z**2. correlation: the mean of z z' for a pair, divided by the root of
            the product of their q, averaged over the pairs; NaN where z is 0. gradient_rms: the
            root mean square of dL/dz, with ``output_gradient`` at the last layer's output. Also
            predicted_q, predicted_correlation and predicted_gradient_rms; see
            ``theory.layer_by_layer``. Values that overflow are infinite or NaN.
        """
        sigma_w, sigma_b = (
            np.array([finite_number(name, point[side], at_least=0) for point in points])
            for side, name in enumerate(("sigma_w", "sigma_b"))
        )
        with overflow_allowed():
            variances = sigma_w[np.newaxis] ** 2, sigma_b[np.newaxis] ** 2
            q, correlation, slopes = self._forward(sigma_w, sigma_b)
            gradient = self._backward(sigma_w, slopes)
        depth = len(self.network.dense)
        known = theory.layer_by_layer(
            self.activation, depth, *variances, input_shared=INPUT_CORRELATION
        )
        return {
            "q": q,
            "predicted_q": known.q.T,
            "correlation": correlation,
            "predicted_correlation": known.correlation.T,
            "gradient_rms": gradient,
            "predicted_gradient_rms": known.gradient_rms.T,
        }

    def _forward(self, sigma_w, sigma_b):
        # All points go through a layer's weights in one product; the sigmas are applied afterwards.
        sigma_w, sigma_b = (sigma[:, np.newaxis, np.newaxis] for sigma in (sigma_w, sigma_b))
        h, rows = np.broadcast_to(self.inputs, (len(sigma_w), *self.inputs.shape)), []
        slopes = []
        for layer in self.network.dense:
            z = _rows_times(h, layer.weight)
            z *= sigma_w
            z += sigma_b * layer.bias
            rows.append(_sizes(z))
            slopes.append(self.activation.derivative(z))
            h = self.activation(z)
        q, correlation = np.array(rows).transpose(1, 2, 0)
        return q, correlation, slopes

    def _backward(self, sigma_w, slopes):
        gradient, found = np.broadcast_to(self.output_gradient, slopes[-1].shape), []
        for layer, slope in zip(reversed(self.network.dense), reversed(slopes), strict=True):
            gradient = gradient * slope
            found.append(np.sqrt((gradient * gradient).mean(axis=(1, 2))))
            gradient = _rows_times(gradient, layer.weight.T)
            gradient *= sigma_w[:, np.newaxis, np.newaxis]
        return np.array(found[::-1]).T


def _at_right_angles(pair):
    # Both with mean square 1, and with mean product 0.
    first, second = pair
    first = first / np.sqrt((first * first).mean(axis=-1, keepdims=True))
    second = second - (first * second).mean(axis=-1, keepdims=True) * first
    return first, second / np.sqrt((second * second).mean(axis=-1, keepdims=True))


def _rows_times(h, weight):
    return (h.reshape(-1, h.shape[-1]) @ weight).reshape(h.shape)


def _sizes(z):
    squares = (z * z).mean(axis=-1)
    products = (z[:, ::2] * z[:, 1::2]).mean(axis=-1)
    roots = np.sqrt(squares)
    return squares.mean(axis=-1), (products / roots[:, ::2] / roots[:, 1::2]).mean(axis=-1)


def at_points(points, seeds, **settings):
    """Measure networks at named points of the plane, with several seeds.

    Parameters
    ----------
    points : dict of str to (sigma_w, sigma_b)
    seeds : iterable of int
    **settings
        As for ``PhasePlane``: activation, depth, width.

    Returns
    -------
    dict of str to dict of str to array
        For each point, the measurements of ``PhasePlane.measure``, of shape (seeds, layers), and
        its predictions, of shape (layers,).
    """
    if not isinstance(points, dict) or not points:
        raise TypeError(f"points={points!r} must be a dict of at least one")
    runs = [
        PhasePlane(seed=seed, **settings).measure(list(points.values()))
        for seed in checked_seeds(seeds)
    ]
    return {
        name: {
            quantity: runs[0][quantity][place]
            if quantity.startswith("predicted_")
            else np.array([run[quantity][place] for run in runs])
            for quantity in runs[0]
        }
        for place, name in enumerate(points)
    }


def trainability(
    dataset,
    sigma_w2,
    depths,
    *,
    sigma_b2=0.05,
    activation=tanh,
    width=50,
    learning_rate=0.02,
    steps=200,
    batch_size=64,
    seed=0,
    eval_size=1000,
    on_results=None,
):
    """Train a network for each sigma_w2 and depth, and return the accuracies on training images.

    Parameters
    ----------
    dataset : Dataset
    sigma_w2 : list of float
        fan_in times the variance of a weight.
    depths : list of int
        Numbers of hidden layers.
    sigma_b2 : float
        The variance of a bias.
    activation : ActivationFunction or str
    width, learning_rate, steps, batch_size, seed, eval_size
        As for ``sweeps.sweep``, with plain gradient descent.
    on_results : callable, optional
        Called with the array so far, at the beginning and whenever entries are added; NaN marks
        networks not trained yet.

    Returns
    -------
    array, shape (depths, sigma_w2)
        From 0 to 1.

    Notes
    -----
    Source: Schoenholz et al. (2017), figure 5.
    """
    sigma_w2, depths = list(sigma_w2), list(depths)
    sigma_b2 = finite_number("sigma_b2", sigma_b2, at_least=0)
    if len(set(sigma_w2)) < len(sigma_w2):
        raise ValueError(f"sigma_w2={sigma_w2!r} must be distinct")
    recipes = {repr(value): init.variance_scaling(value, "fan_in", "normal") for value in sigma_w2}

    def accuracies(table):
        return as_array(table, "train_accuracy", depth=depths, initializer=recipes)

    table = sweep(
        {
            "initializer": recipes,
            "depth": depths,
            "activation": activation,
            "width": whole_number("width", width),
            "learning_rate": finite_number("learning_rate", learning_rate, at_least=0),
            "seed": whole_number("seed", seed, at_least=0),
        },
        dataset,
        steps=steps,
        batch_size=batch_size,
        bias_init=init.normal(math.sqrt(sigma_b2)),
        eval_size=eval_size,
        on_results=converted(on_results, accuracies),
    )
    return accuracies(table)
