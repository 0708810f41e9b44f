"""The kinds of layer, and how a gradient passes through each.

``forward`` stores what ``backward`` will need. ``backward`` takes dL/d(output), stores the
gradients of the layer's own parameters and returns dL/d(input). Neither changes its argument.

Shapes: data ``(..., batch, features)``, weights ``(..., fan_in, fan_out)``. A single network has no
leading axis. A stack of K networks has one of length K and runs through the same code; data without
a leading axis are shared by all networks of a stack.

Errors: shape mismatches raise ValueError, non-float arrays raise TypeError, and calling
``backward`` before ``forward`` raises RuntimeError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from initlab import activations
from initlab._engine import checks
from initlab._engine.types import DTypeLike, FloatArray, Rng, Shape
from initlab.initializers import Initializer, zeros


class Layer(Protocol):
    """The building block of a network.

    A layer with parameters lists their names in ``PARAMETERS``; the gradient of ``weight`` is
    stored in ``weight_grad``, and so on.
    """

    def forward(self, x: FloatArray) -> FloatArray:
        """Return the outputs, and store what ``backward`` needs."""
        ...

    def backward(self, grad: FloatArray) -> FloatArray:
        """Return dL/dx, given dL/d(output), and store the gradients of the parameters."""
        ...

    def clear_cache(self) -> None:
        """Discard what ``forward`` and ``backward`` stored."""
        ...


# Called with a layer, its argument and its return value. If the observer returns anything but None,
# that replaces the layer's return value. The layers of a branch come before the branch itself.
Observer = Callable[[Any, FloatArray, FloatArray], Any]


class Dense:
    """A fully connected layer, z = x W + b.

    Parameters
    ----------
    fan_in, fan_out : int
        The number of inputs and of neurons.
    weight_init, bias_init : Initializer
        See ``initlab.initializers``. By default the biases are zero.
    rng : numpy.random.Generator
    dtype : np.float32 or np.float64

    Attributes
    ----------
    weight, weight_grad : array, shape (..., fan_in, fan_out)
    bias, bias_grad : array, shape (..., 1, fan_out)
        The gradients are None before the first ``backward``.

    Notes
    -----
    Source: Rumelhart, Hinton, Williams (1986), "Learning representations by back-propagating
    errors", equations 1, 6 and 7.
    """

    PARAMETERS = ("weight", "bias")

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        *,
        weight_init: Initializer,
        bias_init: Initializer | None = None,
        rng: Rng,
        dtype: DTypeLike = np.float64,
    ):
        shape = checks.whole_number("fan_in", fan_in), checks.whole_number("fan_out", fan_out)
        dtype, rng = checks.float_dtype(dtype), checks.generator(rng)
        bias_init = zeros() if bias_init is None else bias_init
        self.weight = _drawn("weight_init", weight_init, rng, shape, dtype)
        self.bias = _drawn("bias_init", bias_init, rng, (1, fan_out), dtype)
        self.clear_cache()

    def clear_cache(self) -> None:
        """Discard what ``forward`` and ``backward`` stored."""
        self.x: Any = None
        self.output_shape: Any = None
        self.weight_grad: Any = None
        self.bias_grad: Any = None

    def forward(self, x: FloatArray) -> FloatArray:
        """Return z = x W + b.

        Parameters
        ----------
        x : array of float, shape (..., batch, fan_in)
            Cast to the precision of the weights.

        Returns
        -------
        array, shape (..., batch, fan_out)
        """
        x = checks.fitting_input(x, self.weight, self.weight.shape[-2])
        z = x @ self.weight
        z += self.bias  # in place: a second array of this size would cost more than the sum
        self.x, self.output_shape = x, z.shape
        return z

    def backward(self, grad: FloatArray, *, input_grad: bool = True) -> Any:
        """Return dL/dx, and store dL/dW and dL/db.

        Since z_bj = sum_i x_bi W_ij + b_j, the chain rule gives, with G = dL/dz,

            dL/dW_ij = sum_b x_bi G_bj      W_ij acts on every row b of the batch:   x^T G
            dL/db_j  = sum_b G_bj           and so does b_j:                         column sums
            dL/dx_bi = sum_j G_bj W_ij      x_bi feeds every neuron j:               G W^T

        Parameters
        ----------
        grad : array of float, shape (..., batch, fan_out)
            dL/dz. If L is a mean over the batch, this already includes the factor 1/batch.
        input_grad : bool
            Whether to compute dL/dx. The first layer doesn't need it, and in a network for MNIST
            that product is nearly a quarter of the work.

        Returns
        -------
        array, shape (..., batch, fan_in), or None if ``input_grad`` is False
        """
        grad = checks.fitting_gradient(grad, self.output_shape, self.weight.dtype)
        self.weight_grad = None  # frees the old array, so that its memory can be reused
        self.weight_grad = np.swapaxes(self.x, -1, -2) @ grad
        # Column sums as a product with a row of ones: twice as fast as grad.sum(axis=-2).
        self.bias_grad = np.ones((1, grad.shape[-2]), grad.dtype) @ grad
        return grad @ np.swapaxes(self.weight, -1, -2) if input_grad else None

    def __repr__(self) -> str:
        """Return the layer's shape."""
        fan_in, fan_out = self.weight.shape[-2:]
        return f"Dense({fan_in} -> {fan_out})"


class Activation:
    """An activation function, applied elementwise: h = f(z).

    Parameters
    ----------
    function : ActivationFunction or str
        E.g. ``initlab.activations.relu``, or its name.

    Notes
    -----
    What is smaller than the smallest normal float (in float32 1.2e-38) is set to 0 if the function
    has flat ends. Far out on them many numbers are so small, and a processor multiplies such
    *denormal* numbers up to a hundred times more slowly.
    """

    def __init__(self, function: activations.ActivationFunction | str):
        self.function = activations.get(function)
        self.clear_cache()

    def clear_cache(self) -> None:
        """Discard what ``forward`` stored."""
        self.z: Any = None

    def forward(self, z: FloatArray) -> FloatArray:
        """Return f(z); argument and result have shape (..., batch, features)."""
        self.z = checks.float_array("z", z)
        return self._without_denormals(self.function(self.z))

    def backward(self, grad: FloatArray) -> FloatArray:
        """Return dL/dz, given dL/dh: h_bj depends only on z_bj, so dL/dz = dL/dh f'(z)."""
        shape, dtype = (None, None) if self.z is None else (self.z.shape, self.z.dtype)
        grad = checks.fitting_gradient(grad, shape, dtype)
        return self._without_denormals(grad * self.function.derivative(self.z))

    def _without_denormals(self, array: FloatArray) -> FloatArray:
        if self.function.saturation is not None:
            array *= np.abs(array) >= np.finfo(array.dtype).tiny
        return array

    def __repr__(self) -> str:
        """Return the function's name."""
        return f"Activation({self.function!r})"


class Residual:
    """A skip connection around a sequence of layers f: y = x + f(x).

    Parameters
    ----------
    layers : list of layers
        The output of the last must have the same shape as the input of the first.

    Notes
    -----
    Source: He, Zhang, Ren, Sun (2016), "Identity mappings in deep residual networks", equations 3
    and 5.
    """

    def __init__(self, layers: Sequence[Layer]):
        self.layers = list(layers)
        if not self.layers:
            raise ValueError("layers is empty; a branch needs at least one layer")
        for layer in self.layers:
            if isinstance(layer, type) or not hasattr(layer, "backward"):
                raise TypeError(f"layers holds {layer!r}; each must be a layer, such as Dense")

    def clear_cache(self) -> None:
        """Discard what ``forward`` and ``backward`` stored in the branch."""
        for layer in self.layers:
            layer.clear_cache()

    def forward(self, x: FloatArray, observe: Observer | None = None) -> FloatArray:
        """Return x + f(x), shape (..., batch, features) like x, in the precision of f(x)."""
        x = checks.float_array("x", x, min_dimensions=2)
        branch = run_forward(self.layers, x, observe)
        if branch.shape[-1] != x.shape[-1]:
            raise ValueError(f"a branch must keep {x.shape[-1]} features, not {branch.shape[-1]}")
        return x.astype(branch.dtype, copy=False) + branch

    def backward(self, grad: FloatArray, observe: Observer | None = None) -> FloatArray:
        """Return dL/dx = dL/dy + f'(x)^T dL/dy: past the branch, and through it."""
        branch = run_backward(self.layers, grad, observe)
        return checks.float_array("grad", grad, dtype=branch.dtype) + branch

    def __repr__(self) -> str:
        """Return the layers of the branch."""
        return f"Residual({', '.join(map(repr, self.layers))})"


def run_forward(
    layers: Sequence[Layer], x: FloatArray, observe: Observer | None = None
) -> FloatArray:
    """Run data forward through a sequence of layers."""
    for layer in layers:
        y = layer.forward(x, observe) if isinstance(layer, Residual) else layer.forward(x)
        x = _observed(observe, layer, x, y)
    return x


def run_backward(
    layers: Sequence[Layer],
    grad: FloatArray,
    observe: Observer | None = None,
    *,
    input_grad: bool = True,
) -> Any:
    """Run a gradient backward through a sequence of layers.

    With ``input_grad=False`` the first layer, if it is a ``Dense``, skips dL/dx.
    """
    for place, layer in reversed(list(enumerate(layers))):
        if isinstance(layer, Residual):
            grad_x = layer.backward(grad, observe)
        elif place == 0 and not input_grad and isinstance(layer, Dense):
            grad_x = layer.backward(grad, input_grad=False)
        else:
            grad_x = layer.backward(grad)
        grad = _observed(observe, layer, grad, grad_x)
    return grad


def _observed(observe: Observer | None, layer: Layer, given: Any, returned: Any) -> Any:
    replaced = None if observe is None else observe(layer, given, returned)
    return returned if replaced is None else replaced


def checked_initializer(argument: str, initializer: Any) -> Initializer:
    """Return ``initializer`` if it can be called to draw weights."""
    if not callable(initializer) or isinstance(initializer, type):
        raise TypeError(f"{argument}={initializer!r} must be an initializer, e.g. he_normal()")
    if getattr(initializer, "__module__", None) == zeros.__module__ and hasattr(
        initializer, "__name__"
    ):
        name = initializer.__name__
        raise TypeError(f"{argument}={name}: call it first, {name}(...)")
    return initializer


def _drawn(argument: str, initializer: Any, rng: Rng, shape: Shape, dtype: Any) -> FloatArray:
    drawn = checked_initializer(argument, initializer)(rng, shape, dtype=dtype)
    drawn = np.array(drawn, dtype=dtype)  # a copy: training changes it
    if drawn.shape != shape:
        raise ValueError(f"{argument}={initializer!r} returned shape {drawn.shape}, not {shape}")
    return drawn
