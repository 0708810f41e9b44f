"""How wrong is the answer, and which way is better?

A loss takes the network's outputs and the right answers and returns two things: how wrong the
outputs are, and the gradient with which backpropagation starts.
"""

from typing import Any, Protocol

import numpy as np

from initlab._engine import checks
from initlab._engine.types import FloatArray, Floats, IntArray


class Loss(Protocol):
    """The function that training minimizes: ``loss(outputs, targets)``.

    ``outputs`` has shape (..., batch, outputs). It returns the loss, a mean over the batch of shape
    (...), and the loss's gradient with respect to ``outputs``, of the same shape as ``outputs``.
    """

    def __call__(self, outputs: FloatArray, targets: Any, /) -> tuple[Floats, FloatArray]:
        """Return the loss and its gradient."""
        ...


def softmax_cross_entropy(logits: FloatArray, labels: IntArray) -> tuple[Floats, FloatArray]:
    """Return the mean cross-entropy of softmax(logits), and its gradient.

    Parameters
    ----------
    logits : array of float, shape (..., batch, classes)
    labels : array of int, shape (batch,) or (..., batch)
        The correct class of each row, 0 to classes - 1. A single set of labels is shared by all
        networks of a stack.

    Returns
    -------
    loss : float or array, shape (...,)
        The mean over the batch, in nats; ln(classes) for a uniform prediction.
    gradient : array, shape (..., batch, classes)
        d loss / d logits = (softmax(logits) - one-hot(labels)) / batch.

    Notes
    -----
    Source: Bridle (1990), "Probabilistic interpretation of feedforward classification network
    outputs". The largest logit is subtracted first, which keeps exp finite and leaves the result
    unchanged.

    Examples
    --------
    >>> loss, gradient = softmax_cross_entropy(np.zeros((1, 4)), np.array([2]))
    >>> round(float(loss), 4)  # ln(4): a uniform prediction
    1.3863
    >>> gradient
    array([[ 0.25,  0.25, -0.75,  0.25]])
    """
    logits = checks.float_array("logits", logits, min_dimensions=2)
    batch, classes = logits.shape[-2:]
    labels = checks.integer_labels("labels", labels, num_classes=classes)
    if labels.shape not in ((batch,), logits.shape[:-1]) or batch == 0:
        raise ValueError(
            f"labels of shape {labels.shape} don't fit logits of shape {logits.shape}: "
            f"expected one label a row, shape ({batch},), and at least one row; "
            "for one-hot rows, take their argmax(axis=-1) first"
        )
    with checks.overflow_allowed():  # a gap too large for a float becomes -inf, and exp(-inf) = 0
        shifted = logits - logits.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=-1, keepdims=True)

    one_hot = labels[..., np.newaxis] == np.arange(classes)
    surprise = np.log(sums[..., 0]) - np.where(one_hot, shifted, 0).sum(axis=-1)
    with np.errstate(over="ignore"):
        loss = surprise.mean(axis=-1)
    return loss, (exponentials / sums - one_hot) / batch


def mean_squared_error(outputs: FloatArray, targets: FloatArray) -> tuple[Floats, FloatArray]:
    """Return the mean squared error, and its gradient.

    Parameters
    ----------
    outputs : array of float, shape (..., batch, features)
    targets : array of float, shape (batch, features) or (..., batch, features)
        A single set of targets is shared by all networks of a stack.

    Returns
    -------
    loss : float or array, shape (...,)
        The mean over batch and features of (outputs - targets)**2.
    gradient : array, shape (..., batch, features)
        d loss / d outputs = 2 (outputs - targets) / (batch * features).

    Notes
    -----
    Source: Rumelhart, Hinton, Williams (1986), "Learning representations by back-propagating
    errors", equation 3, but as a mean rather than half the sum.
    """
    outputs = checks.float_array("outputs", outputs, min_dimensions=2)
    targets = checks.float_array("targets", targets, dtype=outputs.dtype)
    if targets.shape not in (outputs.shape[-2:], outputs.shape) or 0 in outputs.shape:
        raise ValueError(
            f"targets of shape {targets.shape} don't fit outputs of shape {outputs.shape}"
        )
    count = outputs.shape[-2] * outputs.shape[-1]
    with np.errstate(over="ignore"):  # the square of a very large error overflows to inf
        error = outputs - targets
        return (error * error).mean(axis=(-2, -1)), 2 * error / count
