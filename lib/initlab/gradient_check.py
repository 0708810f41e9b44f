"""How do you know that backpropagation is right? Measure the slope.

Nudge one parameter up a little, then down a little, and see how the loss changes: that is its
derivative, obtained slowly but without any formula. If it differs from what ``backward`` says, one
of the two is wrong, and this module tells you at which entry of which layer.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from initlab._engine.checks import finite_number, float_array
from initlab._engine.types import FloatArray
from initlab.layers import Dense
from initlab.losses import Loss, softmax_cross_entropy
from initlab.network import MLP, check_mlp


@dataclass(frozen=True)
class GradientCheck:
    """The result of a gradient check.

    Attributes
    ----------
    ok : bool
        Whether every entry agrees within the tolerance, and at least one array could be judged.
    place : str
        Where the two differ most, e.g. "layer 2, weight[3, 4]".
    analytical, numerical, error : float
        The two values at that place, and their difference relative to the largest gradient in the
        same array.
    entries : int
        The number of entries, in arrays judged and unjudged.
    unjudged : tuple of str
        Arrays whose gradients are smaller than the rounding error of the differences, for example
        because they have vanished. The check can say nothing about these.
    """

    ok: bool
    place: str
    analytical: float
    numerical: float
    error: float
    entries: int
    unjudged: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return ``ok``."""
        return self.ok

    def __str__(self) -> str:
        """Return the result in one sentence."""
        small = f"; too small to judge: {', '.join(self.unjudged)}" if self.unjudged else ""
        if self.place == "":
            return f"nothing could be judged{small}"
        verdict = "all agree; the largest difference is" if self.ok else "they differ; most"
        values = f"backward says {self.analytical:.6g}, differences say {self.numerical:.6g}"
        return f"{self.entries} gradients compared, {verdict} at {self.place}: {values}{small}"


def check_gradients(
    network: MLP,
    x: FloatArray,
    y: Any,
    *,
    loss: Loss = softmax_cross_entropy,
    step: float = 1e-5,
    tolerance: float = 1e-6,
) -> GradientCheck:
    """Compare every gradient of a network with central differences of its loss.

    Parameters
    ----------
    network : MLP
        Not changed. It must be float64, since in float32 the differences would be rounding noise,
        and should be small: each parameter costs two forward passes. No z should lie at a kink of
        the activation.
    x : array of float, shape (..., batch, inputs)
    y : array
        The targets that ``loss`` compares the outputs with.
    loss : callable
        ``(outputs, y) -> (loss, gradient)``.
    step : float
        How far each entry is moved in either direction.
    tolerance : float
        The largest error that passes.

    Returns
    -------
    GradientCheck
        Covers the parameters of every layer and the gradient with respect to ``x``.

    Notes
    -----
    (L(w + step) - L(w - step)) / (2 step) differs from the derivative by a term in step**2 and a
    rounding error of about 1e-16 / step; their sum is smallest for steps around 1e-5.

    Examples
    --------
    >>> from initlab.initializers import he_normal
    >>> rng = np.random.default_rng(0)
    >>> network = MLP([4, 5, 3], activation="tanh", weight_init=he_normal(), rng=rng)
    >>> check_gradients(network, rng.standard_normal((6, 4)), np.array([0, 1, 2, 0, 1, 2])).ok
    True
    """
    if check_mlp("network", network).dtype != np.float64:
        raise TypeError(f"network has dtype {network.dtype}; build it with dtype=np.float64")
    step = finite_number("step", step, above=0)
    tolerance = finite_number("tolerance", tolerance, above=0)
    network = network.copy()
    x = float_array("x", x).astype(np.float64)  # a copy, since its entries are moved below

    def total() -> float:
        return float(np.sum(loss(network.forward(x), y)[0]))

    grad_x = network.backward(loss(network.forward(x), y)[1])
    while grad_x.ndim > x.ndim:  # for inputs shared by a stack, sum over its networks
        grad_x = grad_x.sum(axis=0)
    arrays = [("input", x, grad_x), *_parameters(network)]

    # Differences are judged relative to the largest gradient of their array, so that a wrong factor
    # shows at any scale, as long as it exceeds the effect of rounding in the loss.
    noise = 4 * np.finfo(np.float64).eps * (1 + abs(total())) / step
    findings, unjudged = [], []
    for name, array, gradient in arrays:
        differences = _differences(total, array, step)
        largest = np.abs([gradient, differences]).max()
        if 0 < largest <= noise:
            unjudged.append(name)
            continue
        errors = np.abs(gradient - differences)
        errors /= np.abs(differences).max() + noise / tolerance
        most = np.unravel_index(np.argmax(errors), errors.shape)  # argmax finds a NaN first
        place = f"{name}[{', '.join(str(i) for i in most)}]"
        findings.append(
            (place, float(gradient[most]), float(differences[most]), float(errors[most]))
        )
    # A NaN gradient is the worst of all.
    nothing = ("", 0.0, 0.0, 0.0)
    worst = max(findings, key=lambda found: np.nan_to_num(found[-1], nan=np.inf), default=nothing)
    ok = bool(findings) and worst[-1] <= tolerance
    entries = sum(array.size for _, array, _ in arrays)
    return GradientCheck(ok, *worst, entries, tuple(unjudged))


def _parameters(network: MLP) -> Iterator[tuple[str, FloatArray, FloatArray]]:
    """Yield name, array and gradient of each parameter, from the first layer to the last."""
    number = 0
    for layer in network.flat_layers:
        number += isinstance(layer, Dense)  # a normalization shares the number of its Dense layer
        for name in getattr(layer, "PARAMETERS", ()):
            gradient = getattr(layer, f"{name}_grad")
            yield f"layer {number}, {name}", getattr(layer, name), gradient


def _differences(total: Callable[[], float], array: FloatArray, step: float) -> FloatArray:
    """Return how ``total()`` changes with each entry of the array, as central differences."""
    differences = np.empty_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + step
        up = total()
        array[index] = kept - step
        down = total()
        array[index] = kept
        differences[index] = (up - down) / (2 * step)
    return differences
