"""Layers that repair a signal, whatever the weights were: the start matters less.

Normalization gives the signal its size back in every layer. The layers are used like those of
``layers``, with the same shapes and errors.
"""

from typing import Any

import numpy as np

from initlab._engine.checks import (
    finite_number,
    fitting_gradient,
    float_array,
    float_dtype,
    whole_number,
)
from initlab._engine.types import DTypeLike, FloatArray


class Normalize:
    """Mean 0 and variance 1, then a scale and a shift that are learned: y = scale x^ + shift.

    This is the formula; ``BatchNorm`` and ``LayerNorm`` say which numbers are taken together.

    Parameters
    ----------
    features : int
        Number of features of the data, (..., batch, features).
    epsilon : float
        Above 0, added to the variance: keeps the division finite. (PyTorch's ``eps``.)
    dtype : np.float32 or np.float64

    Attributes
    ----------
    scale, scale_grad : array, shape (..., 1, features)
        Initially ones. The gradients are None before the first ``backward``.
    shift, shift_grad : array, shape (..., 1, features)
        Initially zeros.
    """

    PARAMETERS = ("scale", "shift")
    AXIS: int | None = None  # the axis over which mean and variance are taken

    # None until there is something to remember.
    normalized: Any
    std: Any
    output_shape: Any
    scale_grad: Any
    shift_grad: Any

    def __init__(self, features: int, *, epsilon: float = 1e-5, dtype: DTypeLike = np.float64):
        if self.AXIS is None:
            raise TypeError("Normalize is what BatchNorm and LayerNorm share; take one of them")
        dtype = float_dtype(dtype)
        shape = 1, whole_number("features", features)
        self.epsilon = finite_number("epsilon", epsilon, above=0)
        self.scale: FloatArray = np.ones(shape, dtype)
        self.shift: FloatArray = np.zeros(shape, dtype)
        self.clear_cache()

    def clear_cache(self) -> None:
        """Drop what ``forward`` and ``backward`` noted."""
        self.normalized = self.std = self.output_shape = None
        self.scale_grad = self.shift_grad = None

    def forward(self, x: FloatArray) -> FloatArray:
        """Return scale (x - mean) / sqrt(variance + epsilon) + shift.

        Parameters
        ----------
        x : array of float, shape (..., batch, features)

        Returns
        -------
        array, shape (..., batch, features), in the precision of the parameters
        """
        x = float_array("x", x, dtype=self.scale.dtype, min_dimensions=2)
        *stack, _, features = self.scale.shape
        if x.shape[-1] != features or x.shape[:-2] not in ((), tuple(stack)):
            of = f" of a stack of {stack[0]}" if stack else ""
            raise ValueError(f"x of shape {x.shape} doesn't fit: expected {features} features{of}")
        mean, variance = self._statistics(x)
        self.std = np.sqrt(variance + self.epsilon)
        self.normalized = (x - mean) / self.std
        y: FloatArray = self.scale * self.normalized + self.shift
        self.output_shape = y.shape
        return y

    def _statistics(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean = x.mean(axis=self.AXIS, keepdims=True)
        return mean, np.square(x - mean).mean(axis=self.AXIS, keepdims=True)

    def backward(self, grad: FloatArray) -> FloatArray:
        """Return dL/dx, and note the gradients of scale and shift.

        Let x^ = (x - mean) / std and G = dL/dx^ = scale dL/dy. An x changes its own x^, and through
        mean and std those of all that were taken together with it. A shift common to all changes
        nothing, and neither does a common factor: so what G asks for in these two directions, its
        mean and its part along x^, is taken out of it.

            dL/dx = (G - mean(G) - x^ mean(G x^)) / std

        Parameters
        ----------
        grad : array of float, shape (..., batch, features)
            dL/dy.

        Returns
        -------
        array of that shape
        """
        grad = fitting_gradient(grad, self.output_shape, self.scale.dtype)
        self.scale_grad = (grad * self.normalized).sum(axis=-2, keepdims=True)
        self.shift_grad = grad.sum(axis=-2, keepdims=True)
        return self._input_grad(grad * self.scale)

    def _input_grad(self, grad: FloatArray) -> FloatArray:
        common = grad.mean(axis=self.AXIS, keepdims=True)
        along = (grad * self.normalized).mean(axis=self.AXIS, keepdims=True)
        return (grad - common - self.normalized * along) / self.std

    def __repr__(self) -> str:
        """Return kind and settings."""
        epsilon = f", epsilon={self.epsilon!r}" if self.epsilon != 1e-5 else ""
        return f"{type(self).__name__}({self.scale.shape[-1]}{epsilon})"


class LayerNorm(Normalize):
    """Normalization over the features of each example: needs no other examples.

    Parameters and attributes are those of ``Normalize``.

    Notes
    -----
    Source: Ba, Kiros, Hinton (2016), "Layer normalization", equations 2 to 4.
    """

    AXIS = -1


class BatchNorm(Normalize):
    """Normalization of each feature over the examples of the batch.

    What comes out for an example therefore depends on its batch. To judge a trained network,
    ``MLP.for_inference`` takes averages over the batches of the training in place of the batch.

    Parameters
    ----------
    features, epsilon, dtype
        As for ``Normalize``.
    momentum : float
        Above 0 and at most 1: how much each batch counts in the running averages. (PyTorch's;
        Keras' momentum is 1 minus this one.)

    Attributes
    ----------
    running_mean, running_variance : array, shape (..., 1, features)
        Averages over the batches of training. The variance is the unbiased one, as in algorithm 2
        of the source. (PyTorch's ``running_mean`` and ``running_var``; but there ``forward`` moves
        them, and here ``backward`` does, so that a look at a network changes nothing.)
    inference : bool
        Whether these are used instead of the batch's own; False at the beginning.

    Notes
    -----
    Source: Ioffe, Szegedy (2015), "Batch normalization: accelerating deep network training by
    reducing internal covariate shift", algorithms 1 and 2. As in most libraries the averages are
    running ones; the paper takes them after the training.
    """

    AXIS = -2
    AVERAGES = ("running_mean", "running_variance")

    batch_mean: Any
    batch_variance: Any

    def __init__(
        self,
        features: int,
        *,
        epsilon: float = 1e-5,
        momentum: float = 0.1,
        dtype: DTypeLike = np.float64,
    ):
        super().__init__(features, epsilon=epsilon, dtype=dtype)
        self.momentum = finite_number("momentum", momentum, above=0)
        if self.momentum > 1:
            raise ValueError(f"momentum={momentum!r} must be a number above 0 and at most 1")
        self.running_mean, self.running_variance = self.shift.copy(), self.scale.copy()
        self.inference = False

    def clear_cache(self) -> None:
        """Drop what ``forward`` and ``backward`` noted; the running averages stay."""
        super().clear_cache()
        self.batch_mean = self.batch_variance = None

    def _statistics(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        if self.inference:
            return self.running_mean, self.running_variance
        if x.shape[-2] == 0:
            raise ValueError(f"x has shape {x.shape}; expected at least one example")
        self.batch_mean, self.batch_variance = super()._statistics(x)
        return self.batch_mean, self.batch_variance

    def _input_grad(self, grad: FloatArray) -> FloatArray:
        if self.inference:
            return grad / self.std  # mean and std are constants: no example meets another one
        count = grad.shape[-2]
        unbiased = self.batch_variance * (count / max(count - 1, 1))
        self.running_mean += self.momentum * (self.batch_mean - self.running_mean)
        self.running_variance += self.momentum * (unbiased - self.running_variance)
        return super()._input_grad(grad)

    def __repr__(self) -> str:
        """Return kind and settings."""
        momentum = f", momentum={self.momentum!r}" if self.momentum != 0.1 else ""
        inference = ", inference" if self.inference else ""
        return f"{super().__repr__()[:-1]}{momentum}{inference})"
