"""Layers that repair the signal, whatever the weights, so that the start matters less.

Normalization restores the size of the signal in every layer. These layers are used like those in
``layers``, with the same shapes and errors.
"""

from typing import Any

import numpy as np

from initlab._engine import checks
from initlab._engine.types import DTypeLike, FloatArray


class Normalize:
    """Shift to mean 0, scale to variance 1, then apply a learned y = scale x^ + shift.

    The base class of ``BatchNorm`` and ``LayerNorm``, which define over which axis the mean and
    variance are taken.

    Parameters
    ----------
    features : int
        The number of features of the data, which have shape (..., batch, features).
    epsilon : float
        Added to the variance to keep the division finite; above 0. (PyTorch's ``eps``.)
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

    def __init__(self, features: int, *, epsilon: float = 1e-5, dtype: DTypeLike = np.float64):
        if self.AXIS is None:
            raise TypeError("Normalize is what BatchNorm and LayerNorm share; take one of them")
        dtype = checks.float_dtype(dtype)
        shape = 1, checks.whole_number("features", features)
        self.epsilon = checks.finite_number("epsilon", epsilon, above=0)
        self.scale: FloatArray = np.ones(shape, dtype)
        self.shift: FloatArray = np.zeros(shape, dtype)
        self.clear_cache()

    def clear_cache(self) -> None:
        """Discard what ``forward`` and ``backward`` stored."""
        self.normalized: Any = None
        self.std: Any = None
        self.output_shape: Any = None
        self.scale_grad: Any = None
        self.shift_grad: Any = None

    def forward(self, x: FloatArray) -> FloatArray:
        """Return scale (x - mean) / sqrt(variance + epsilon) + shift.

        Parameters
        ----------
        x : array of float, shape (..., batch, features)

        Returns
        -------
        array, shape (..., batch, features), in the precision of the parameters
        """
        x = checks.fitting_input(x, self.scale, self.scale.shape[-1])
        mean, variance = self._statistics(x)
        # Where the variance overflows, x / std would be 0, as if nothing had happened.
        self.std = np.sqrt(np.where(np.isinf(variance), np.nan, variance) + self.epsilon)
        self.normalized = (x - mean) / self.std
        y: FloatArray = self.scale * self.normalized + self.shift
        self.output_shape = y.shape
        return y

    def _statistics(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean = x.mean(axis=self.AXIS, keepdims=True)
        return mean, np.square(x - mean).mean(axis=self.AXIS, keepdims=True)

    def backward(self, grad: FloatArray) -> FloatArray:
        """Return dL/dx, and store the gradients of scale and shift.

        Let x^ = (x - mean) / std and G = dL/dx^ = scale dL/dy. Each x affects its own x^ directly,
        and every x^ normalized together with it through the mean and the std. Adding a constant to
        all of these x has no effect on x^, and neither does a common factor; so the components of G
        in these two directions, its mean and its projection onto x^, are removed:

            dL/dx = (G - mean(G) - x^ mean(G x^)) / std

        Parameters
        ----------
        grad : array of float, shape (..., batch, features)
            dL/dy.

        Returns
        -------
        array of the same shape
        """
        grad = checks.fitting_gradient(grad, self.output_shape, self.scale.dtype)
        self.scale_grad = (grad * self.normalized).sum(axis=-2, keepdims=True)
        self.shift_grad = grad.sum(axis=-2, keepdims=True)
        return self._input_grad(grad * self.scale)

    def _input_grad(self, grad: FloatArray) -> FloatArray:
        common = grad.mean(axis=self.AXIS, keepdims=True)
        along = (grad * self.normalized).mean(axis=self.AXIS, keepdims=True)
        return (grad - common - self.normalized * along) / self.std

    def __repr__(self) -> str:
        """Return the kind of layer and its settings."""
        epsilon = f", epsilon={self.epsilon!r}" if self.epsilon != 1e-5 else ""
        return f"{type(self).__name__}({self.scale.shape[-1]}{epsilon})"


class LayerNorm(Normalize):
    """Normalize over the features of each example, independently of the rest of the batch.

    The parameters and attributes are those of ``Normalize``.

    Notes
    -----
    Source: Ba, Kiros, Hinton (2016), "Layer normalization", equations 2 to 4.
    """

    AXIS = -1


class BatchNorm(Normalize):
    """Normalize each feature over the examples of the batch.

    The output for an example therefore depends on the batch it is in. To evaluate a trained
    network, ``MLP.for_inference`` uses averages over the training batches instead.

    Parameters
    ----------
    features, epsilon, dtype
        As for ``Normalize``.
    momentum : float
        The weight of each batch in the running averages, above 0 and at most 1. (As in PyTorch;
        Keras' momentum is 1 minus this one.)

    Attributes
    ----------
    running_mean, running_variance : array, shape (..., 1, features)
        Averages over the training batches; the variance is the unbiased one, as in algorithm 2 of
        the source. (PyTorch's ``running_mean`` and ``running_var``, except that PyTorch updates
        them in ``forward``; here ``backward`` does, so that measuring a network changes nothing.)
    inference : bool
        Whether these are used instead of the batch's own statistics; initially False.

    Notes
    -----
    Source: Ioffe, Szegedy (2015), "Batch normalization: accelerating deep network training by
    reducing internal covariate shift", algorithms 1 and 2. As in most libraries, the averages are
    updated during training; the paper computes them afterwards.
    """

    AXIS = -2
    AVERAGES = ("running_mean", "running_variance")

    def __init__(
        self,
        features: int,
        *,
        epsilon: float = 1e-5,
        momentum: float = 0.1,
        dtype: DTypeLike = np.float64,
    ):
        super().__init__(features, epsilon=epsilon, dtype=dtype)
        self.momentum = checks.finite_number("momentum", momentum, above=0, at_most=1)
        self.running_mean, self.running_variance = self.shift.copy(), self.scale.copy()
        self.inference = False

    def clear_cache(self) -> None:
        """Discard what ``forward`` and ``backward`` stored, except the running averages."""
        super().clear_cache()
        self.batch_mean: Any = None
        self.batch_variance: Any = None

    def _statistics(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        if self.inference:
            return self.running_mean, self.running_variance
        if x.shape[-2] == 0:
            raise ValueError(f"x has shape {x.shape}; expected at least one example")
        self.batch_mean, self.batch_variance = super()._statistics(x)
        return self.batch_mean, self.batch_variance

    def _input_grad(self, grad: FloatArray) -> FloatArray:
        if self.inference:
            return grad / self.std  # mean and std are constants: the examples don't interact
        count = grad.shape[-2]
        unbiased = self.batch_variance * (count / max(count - 1, 1))
        self.running_mean += self.momentum * (self.batch_mean - self.running_mean)
        self.running_variance += self.momentum * (unbiased - self.running_variance)
        return super()._input_grad(grad)

    def __repr__(self) -> str:
        """Return the kind of layer and its settings."""
        momentum = f", momentum={self.momentum!r}" if self.momentum != 0.1 else ""
        inference = ", inference" if self.inference else ""
        return f"{super().__repr__()[:-1]}{momentum}{inference})"
