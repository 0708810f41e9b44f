"""Part four of the story: the two kinds of layer, and how a gradient passes through each.

``forward`` remembers what ``backward`` will need. ``backward`` is handed dL/d(output) and returns
dL/d(input); on the way a layer notes the gradients of its own parameters. Neither changes its
argument.

Shapes: data ``(..., batch, features)``, weights ``(..., fan_in, fan_out)``. One network has no
leading axis. A stack of K networks has one of length K, and the code is the same.
"""

import numpy as np

from initlab import activations
from initlab._engine.checks import (
    fitting_gradient,
    float_array,
    float_dtype,
    generator,
    whole_number,
)
from initlab.initializers import zeros


class Dense:
    """A fully connected layer, z = x W + b.

    Parameters
    ----------
    fan_in, fan_out : int
        The number of inputs and of neurons.
    weight_init, bias_init : initializer
        Called with (rng, shape, dtype=dtype); see ``initlab.initializers``.
    rng : numpy.random.Generator
    dtype : np.float32 or np.float64

    Attributes
    ----------
    weight, weight_grad : array, shape (..., fan_in, fan_out)
    bias, bias_grad : array, shape (..., 1, fan_out)
        The gradients are None before the first ``backward``.

    Raises
    ------
    TypeError, ValueError
        If one of the arguments is not what is said here, or an initializer returns another shape.

    Notes
    -----
    Source: Rumelhart, Hinton, Williams (1986), "Learning representations by back-propagating
    errors", equations 1, 6 and 7.
    """

    PARAMETERS = ("weight", "bias")

    def __init__(self, fan_in, fan_out, *, weight_init, bias_init=None, rng, dtype=np.float64):
        shape = whole_number("fan_in", fan_in), whole_number("fan_out", fan_out)
        dtype, rng = float_dtype(dtype), generator(rng)
        bias_init = zeros() if bias_init is None else bias_init
        self.weight = _drawn("weight_init", weight_init, rng, shape, dtype)
        self.bias = _drawn("bias_init", bias_init, rng, (1, fan_out), dtype)
        self.clear_cache()

    def clear_cache(self):
        """Drop what ``forward`` and ``backward`` noted."""
        self.x = self.output_shape = self.weight_grad = self.bias_grad = None

    def forward(self, x):
        """Return z = x W + b.

        Parameters
        ----------
        x : array of float, shape (..., batch, fan_in)
            Without leading axes it serves every network of a stack. It is cast to the precision of
            the weights.

        Returns
        -------
        array, shape (..., batch, fan_out)

        Raises
        ------
        TypeError
            If ``x`` does not hold floats.
        ValueError
            If the shapes don't fit.
        """
        x = float_array("x", x, dtype=self.weight.dtype, min_dimensions=2)
        *stack, fan_in, _ = self.weight.shape
        if x.shape[-1] != fan_in or x.shape[:-2] not in ((), tuple(stack)):
            raise ValueError(
                f"x of shape {x.shape} doesn't fit weights of shape {self.weight.shape}: "
                f"expected {_shape_words([*stack, 'batch', fan_in])}"
                + (f" or (batch, {fan_in})" if stack else "")
            )
        z = x @ self.weight
        z += self.bias  # in place: a second array of this size would cost more than the sum
        self.x, self.output_shape = x, z.shape
        return z

    def backward(self, grad, *, input_grad=True):
        """Return dL/dx, and note dL/dW and dL/db.

        z_bj = sum_i x_bi W_ij + b_j, so with G = dL/dz the chain rule gives

            dL/dW_ij = sum_b x_bi G_bj      W_ij meets every row b of the batch:   x^T G
            dL/db_j  = sum_b G_bj           and so does b_j:                       column sums
            dL/dx_bi = sum_j G_bj W_ij      x_bi feeds every neuron j:             G W^T

        Parameters
        ----------
        grad : array of float, shape (..., batch, fan_out)
            dL/dz. If L is a mean over the batch, its 1/batch is in here already.
        input_grad : bool
            False where nobody needs dL/dx, as below the first layer: in a network on MNIST that
            product is nearly a quarter of all.

        Returns
        -------
        array, shape (..., batch, fan_in), or None if not wanted

        Raises
        ------
        RuntimeError
            If ``forward`` was not called before.
        TypeError, ValueError
            If ``grad`` does not hold floats, or its shape is not that of the output.
        """
        grad = fitting_gradient(grad, self.output_shape, self.weight.dtype)
        self.weight_grad = None  # the memory of the last one serves this one
        self.weight_grad = np.swapaxes(self.x, -1, -2) @ grad
        # Column sums, as a product with a row of ones: twice as fast as grad.sum(axis=-2).
        self.bias_grad = np.ones((1, grad.shape[-2]), grad.dtype) @ grad
        return grad @ np.swapaxes(self.weight, -1, -2) if input_grad else None

    def __repr__(self):
        """Return the layer's shape."""
        fan_in, fan_out = self.weight.shape[-2:]
        return f"Dense({fan_in} -> {fan_out})"


class Activation:
    """An activation function, applied to each number on its own: h = f(z).

    Parameters
    ----------
    function : ActivationFunction or str
        E.g. ``initlab.activations.relu``, or its name.
    """

    def __init__(self, function):
        self.function = activations.get(function)
        self.clear_cache()

    def clear_cache(self):
        """Drop what ``forward`` noted."""
        self.z = None

    def forward(self, z):
        """Return f(z): shape (..., batch, features) in and out.

        Raises
        ------
        TypeError
            If ``z`` does not hold floats.
        """
        self.z = float_array("z", z)
        return self.function(self.z)

    def backward(self, grad):
        """Return dL/dz, given dL/dh: h_bj depends on z_bj alone, so dL/dz = dL/dh f'(z).

        Returns
        -------
        array, shape (..., batch, features)

        Raises
        ------
        RuntimeError
            If ``forward`` was not called before.
        TypeError, ValueError
            If ``grad`` does not hold floats, or its shape is not that of the output.
        """
        shape, dtype = (None, None) if self.z is None else (self.z.shape, self.z.dtype)
        grad = fitting_gradient(grad, shape, dtype)
        return grad * self.function.derivative(self.z)

    def __repr__(self):
        """Return the function's name."""
        return f"Activation({self.function!r})"


class Residual:
    """A branch beside the direct way: y = x + f(x), where f is a row of layers.

    Parameters
    ----------
    layers : list
        Of layers; what leaves the last has the shape of what enters the first.

    Raises
    ------
    TypeError, ValueError
        If it is no list of layers, or there are none.

    Notes
    -----
    Source: He, Zhang, Ren, Sun (2016), "Identity mappings in deep residual networks", equations 3
    and 5.
    """

    def __init__(self, layers):
        if not isinstance(layers, (list, tuple)):
            raise TypeError(f"layers={layers!r}: expected a list of layers")
        self.layers = list(layers)
        if not self.layers:
            raise ValueError("layers=[]: a branch needs at least one layer")
        for layer in self.layers:
            if isinstance(layer, type) or not hasattr(layer, "backward"):
                raise TypeError(f"layers holds {layer!r}: expected a layer, such as Dense")

    def clear_cache(self):
        """Drop what ``forward`` and ``backward`` noted in the branch."""
        for layer in self.layers:
            layer.clear_cache()

    def forward(self, x):
        """Return x + f(x): shape (..., batch, features) in and out, in the precision of f(x).

        Raises
        ------
        TypeError, ValueError
            If ``x`` is not what the branch takes, or the branch changes its shape.
        """
        x = float_array("x", x, min_dimensions=2)
        branch = x
        for layer in self.layers:
            branch = layer.forward(branch)
        if branch.shape[-1] != x.shape[-1]:
            raise ValueError(
                f"a branch made {branch.shape[-1]} features of {x.shape[-1]}: what is added to its "
                "input must be as wide"
            )
        return x.astype(branch.dtype, copy=False) + branch

    def backward(self, grad):
        """Return dL/dx = dL/dy + f'(x)^T dL/dy: one copy goes straight on, one through the branch.

        Raises
        ------
        RuntimeError
            If ``forward`` was not called before.
        TypeError, ValueError
            If ``grad`` does not hold floats, or its shape is not that of the output.
        """
        branch = grad
        for layer in reversed(self.layers):
            branch = layer.backward(branch)
        return float_array("grad", grad, dtype=branch.dtype) + branch

    def __repr__(self):
        """Return what is in the branch."""
        return f"Residual({', '.join(map(repr, self.layers))})"


def checked_recipe(argument, recipe):
    """Refuse what can't be called for weights, or has to be called first."""
    if not callable(recipe) or isinstance(recipe, type):
        raise TypeError(f"{argument}={recipe!r}: expected an initializer, e.g. he_normal()")
    if getattr(recipe, "__module__", None) == zeros.__module__ and hasattr(recipe, "__name__"):
        raise TypeError(f"{argument}={recipe.__name__}: call it first, {recipe.__name__}(...)")


def _drawn(argument, recipe, rng, shape, dtype):
    checked_recipe(argument, recipe)
    drawn = np.array(recipe(rng, shape, dtype=dtype), dtype=dtype)  # a copy: training changes it
    if drawn.shape != shape:
        raise ValueError(f"{argument}={recipe!r} returned shape {drawn.shape} instead of {shape}")
    return drawn


def _shape_words(sizes):
    return f"({', '.join(str(size) for size in sizes)})"
