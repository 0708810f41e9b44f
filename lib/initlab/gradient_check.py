"""How do you know that backpropagation is right? Measure the slope.

Move one parameter a little up, then a little down, and see how the loss changes: that is its
derivative, slowly, without any formula. Where it differs from what ``backward`` says, one of the
two is wrong, and this module says at which entry of which layer.
"""

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
    """What the comparison found.

    Attributes
    ----------
    ok : bool
        Whether no entry differs by more than the tolerance, and at least one array was judged.
    place : str
        Where they differ most, e.g. "layer 2, weight[3, 4]".
    analytical, numerical, error : float
        Both values at that place, and their difference relative to the largest gradient of the
        same array.
    entries : int
        How many entries were compared.
    unjudged : tuple of str
        Arrays whose gradients are smaller than the rounding error of the differences, such as those
        that have vanished: about these the check can say nothing.
    """

    ok: bool
    place: str
    analytical: float
    numerical: float
    error: float
    entries: int
    unjudged: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether all is well."""
        return self.ok

    def __str__(self) -> str:
        """Return the finding in one sentence."""
        small = f"; too small to judge: {', '.join(self.unjudged)}" if self.unjudged else ""
        if self.place == "":
            return f"none of {self.entries} gradients could be judged{small}"
        verdict = "all agree; the largest difference is" if self.ok else "they differ; most"
        return (
            f"{self.entries} gradients compared, {verdict} at {self.place}: backward says "
            f"{self.analytical:.6g}, differences say {self.numerical:.6g}{small}"
        )


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
        In float64: in float32 differences would be rounding noise. A small one: each parameter
        costs two forward passes. Not changed. Its activation should have no kink where a z happens
        to lie.
    x : array of float, shape (..., batch, inputs)
    y : array
        What ``loss`` compares the outputs with.
    loss : callable
        ``(outputs, y) -> (loss, gradient)``.
    step : float
        How far each entry is moved up and down.
    tolerance : float
        The largest error that passes.

    Returns
    -------
    GradientCheck
        Of the parameters of every layer, and of the gradient with respect to ``x``.

    Notes
    -----
    (L(w + step) - L(w - step)) / (2 step) differs from the derivative by a term in step**2 and by
    rounding, 1e-16 / step: together least around 1e-5.

    Examples
    --------
    >>> from initlab.initializers import he_normal
    >>> rng = np.random.default_rng(0)
    >>> network = MLP([4, 5, 3], activation="tanh", weight_init=he_normal(), rng=rng)
    >>> check_gradients(network, rng.standard_normal((6, 4)), np.array([0, 1, 2, 0, 1, 2])).ok
    True
    """
    if check_mlp("network", network).dtype != np.float64:
        raise TypeError(
            f"network has dtype {network.dtype}, but differences need np.float64: "
            "build it with dtype=np.float64"
        )
    step = finite_number("step", step, above=0)
    tolerance = finite_number("tolerance", tolerance, above=0)
    network = network.copy()
    x = float_array("x", x).astype(np.float64)  # a copy, to be moved about

    def total() -> float:
        return float(np.sum(loss(network.forward(x), y)[0]))

    grad_x = network.backward(loss(network.forward(x), y)[1])
    while grad_x.ndim > x.ndim:  # inputs shared by a stack get the sum over its networks
        grad_x = grad_x.sum(axis=0)
    arrays = [("input", x, grad_x)]
    count = 0
    for layer in network.flat_layers:
        count += isinstance(layer, Dense)  # a normalization goes by the number of its Dense layer
        for name in getattr(layer, "PARAMETERS", ()):
            arrays.append(
                (f"layer {count}, {name}", getattr(layer, name), getattr(layer, f"{name}_grad"))
            )

    # Each difference is judged against the largest gradient of its array, so that a wrong factor
    # shows whatever the size; but nothing can below what rounding of the loss does to it.
    noise = 4 * np.finfo(np.float64).eps * (1 + abs(total())) / step
    findings, unjudged = [("", 0.0, 0.0, 0.0)], []
    for name, array, gradient in arrays:
        differences = np.empty_like(array)
        for index in np.ndindex(array.shape):
            kept = array[index]
            array[index] = kept + step
            up = total()
            array[index] = kept - step
            down = total()
            array[index] = kept
            differences[index] = (up - down) / (2 * step)
        largest = np.abs([gradient, differences]).max()
        if 0 < largest <= noise and gradient.any():
            unjudged.append(name)
            continue
        errors = np.abs(gradient - differences)
        errors /= np.abs(differences).max() + noise / tolerance
        most = np.unravel_index(np.argmax(errors), errors.shape)  # a NaN, if there is one
        place = f"{name}[{', '.join(str(i) for i in most)}]"
        findings.append(
            (place, float(gradient[most]), float(differences[most]), float(errors[most]))
        )
    # A gradient that is not a number is the worst of all.
    worst = max(findings[1:] or findings, key=lambda found: np.nan_to_num(found[-1], nan=np.inf))
    ok = len(findings) > 1 and worst[-1] <= tolerance
    entries = sum(array.size for _, array, _ in arrays)
    return GradientCheck(ok, *worst, entries, tuple(unjudged))
