"""What makes the start matter less: layers that repair a signal, and branches that can be skipped.

Normalization gives the signal its size back in every layer, whatever the weights were. A residual
branch leaves the signal as it is and adds a correction, so that even hundreds of layers begin as
nearly none. Both are used like the layers of ``layers``: ``forward`` remembers, ``backward``
derives; a stack of K networks has one more axis in front.
"""

import numpy as np

from initlab._engine.checks import (
    finite_number,
    fitting_gradient,
    float_array,
    float_dtype,
    whole_number,
)


class Normalize:
    """Mean 0 and variance 1, then a scale and a shift that are learned: y = scale x^ + shift.

    This is the formula; ``BatchNorm`` and ``LayerNorm`` say which numbers are taken together.

    Parameters
    ----------
    features : int
        Of the data that pass, (..., batch, features).
    epsilon : float
        Above 0, added to the variance: keeps the division finite.
    dtype : np.float32 or np.float64

    Attributes
    ----------
    scale, scale_grad : array, shape (..., 1, features)
        Begins as ones. The gradients are None before the first ``backward``.
    shift, shift_grad : array, shape (..., 1, features)
        Begins as zeros.

    Raises
    ------
    TypeError, ValueError
        If one of the arguments is not what is said here.
    """

    PARAMETERS = ("scale", "shift")
    AXIS = None  # the axis over which mean and variance are taken

    def __init__(self, features, *, epsilon=1e-5, dtype=np.float64):
        if self.AXIS is None:
            raise TypeError("Normalize is what BatchNorm and LayerNorm share; take one of them")
        dtype = float_dtype(dtype)
        shape = 1, whole_number("features", features)
        self.epsilon = finite_number("epsilon", epsilon, above=0)
        self.scale, self.shift = np.ones(shape, dtype), np.zeros(shape, dtype)
        self.clear_cache()

    def clear_cache(self):
        """Drop what ``forward`` and ``backward`` noted."""
        self.normalized = self.std = self.output_shape = None
        self.scale_grad = self.shift_grad = None

    def forward(self, x):
        """Return scale (x - mean) / sqrt(variance + epsilon) + shift.

        Parameters
        ----------
        x : array of float, shape (..., batch, features)
            Without leading axes it serves every network of a stack.

        Returns
        -------
        array, shape (..., batch, features), in the precision of the parameters

        Raises
        ------
        TypeError
            If ``x`` does not hold floats.
        ValueError
            If it has another number of features, or the leading axes of another stack; or if it
            holds no examples, where the mean over them is needed.
        """
        x = float_array("x", x, dtype=self.scale.dtype, min_dimensions=2)
        *stack, _, features = self.scale.shape
        if x.shape[-1] != features or x.shape[:-2] not in ((), tuple(stack)):
            of = f" of a stack of {stack[0]}" if stack else ""
            raise ValueError(f"x of shape {x.shape} doesn't fit: expected {features} features{of}")
        mean, variance = self._statistics(x)
        self.std = np.sqrt(variance + self.epsilon)
        self.normalized = (x - mean) / self.std
        y = self.scale * self.normalized + self.shift
        self.output_shape = y.shape
        return y

    def _statistics(self, x):
        mean = x.mean(axis=self.AXIS, keepdims=True)
        return mean, np.square(x - mean).mean(axis=self.AXIS, keepdims=True)

    def backward(self, grad):
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

        Raises
        ------
        RuntimeError
            If ``forward`` was not called before.
        TypeError, ValueError
            If ``grad`` does not hold floats, or its shape is not that of the output.
        """
        grad = fitting_gradient(grad, self.output_shape, self.scale.dtype)
        self.scale_grad = (grad * self.normalized).sum(axis=-2, keepdims=True)
        self.shift_grad = grad.sum(axis=-2, keepdims=True)
        return self._input_grad(grad * self.scale)

    def _input_grad(self, grad):
        common = grad.mean(axis=self.AXIS, keepdims=True)
        along = (grad * self.normalized).mean(axis=self.AXIS, keepdims=True)
        return (grad - common - self.normalized * along) / self.std

    def __repr__(self):
        """Return kind and settings."""
        epsilon = f", epsilon={self.epsilon!r}" if self.epsilon != 1e-5 else ""
        return f"{type(self).__name__}({self.scale.shape[-1]}{epsilon})"


class LayerNorm(Normalize):
    """Normalization over the features of each example: needs no other examples.

    Parameters, attributes and errors are those of ``Normalize``.

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
        Above 0 and at most 1: how much each batch counts in the running averages.

    Attributes
    ----------
    running_mean, running_variance : array, shape (..., 1, features)
        Averages over the batches that went forward and backward: each ``backward`` is a step of a
        training.
    inference : bool
        Whether these are used instead of the batch's own; False at the beginning.

    Raises
    ------
    TypeError, ValueError
        If one of the arguments is not what is said here.

    Notes
    -----
    Source: Ioffe, Szegedy (2015), "Batch normalization: accelerating deep network training by
    reducing internal covariate shift", algorithms 1 and 2. As in most libraries the averages are
    running ones; the paper takes them after the training.
    """

    AXIS = -2
    AVERAGES = ("running_mean", "running_variance")

    def __init__(self, features, *, epsilon=1e-5, momentum=0.1, dtype=np.float64):
        super().__init__(features, epsilon=epsilon, dtype=dtype)
        self.momentum = finite_number("momentum", momentum, above=0)
        if self.momentum > 1:
            raise ValueError(f"momentum={momentum!r}: expected a number above 0 and at most 1")
        self.running_mean, self.running_variance = self.shift.copy(), self.scale.copy()
        self.inference = False

    def clear_cache(self):
        """Drop what ``forward`` and ``backward`` noted; the running averages stay."""
        super().clear_cache()
        self.batch_mean = self.batch_variance = None

    def _statistics(self, x):
        if self.inference:
            return self.running_mean, self.running_variance
        if x.shape[-2] == 0:
            raise ValueError(f"x has shape {x.shape}; expected at least one example")
        self.batch_mean, self.batch_variance = super()._statistics(x)
        return self.batch_mean, self.batch_variance

    def _input_grad(self, grad):
        if self.inference:
            return grad / self.std  # mean and std are constants: no example meets another one
        self.running_mean += self.momentum * (self.batch_mean - self.running_mean)
        self.running_variance += self.momentum * (self.batch_variance - self.running_variance)
        return super()._input_grad(grad)

    def __repr__(self):
        """Return kind and settings."""
        momentum = f", momentum={self.momentum!r})" if self.momentum != 0.1 else ")"
        return super().__repr__()[:-1] + momentum
