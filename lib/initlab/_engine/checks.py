"""Argument checks for public functions.

Each check either returns the value in the form the caller needs, or raises an error that states the
argument, the value and the remedy.
"""

import difflib
import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from initlab._engine.types import FloatArray, IntArray, Shape


def finite_number(
    name: str,
    value: Any,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    below: float = math.inf,
    at_most: float = math.inf,
) -> float:
    """Return ``value`` as a Python float; it must be finite and within the stated bounds."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}={value!r} must be a real number")
    # Never a NumPy scalar, since np.float64 would promote float32 arrays to float64.
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not (above < number < below and at_least <= number <= at_most):
        bounds = {"above": above, "of at least": at_least, "below": below, "at most": at_most}
        stated = [f"{words} {bound}" for words, bound in bounds.items() if math.isfinite(bound)]
        must = f"must be a finite number {' and '.join(stated)}".rstrip()
        raise ValueError(f"{name}={value!r} {must}")
    return number


def whole_number(name: str, value: Any, *, at_least: int = 1) -> int:
    """Return ``value`` as a Python int of at least ``at_least``."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}={value!r} must be a whole number")
    if value < at_least:
        raise ValueError(f"{name}={value!r} must be a whole number of at least {at_least}")
    return int(value)


def known_name(name: str, value: Any, known: Iterable[str]) -> str:
    """Return ``value`` if it is one of the ``known`` names; otherwise suggest the closest."""
    names = list(known)
    if not isinstance(value, str):
        raise TypeError(f"{name}={value!r} must be one of the names {', '.join(names)}")
    if value not in names:
        nearest = difflib.get_close_matches(value.lower(), names, n=1, cutoff=0.6)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"choose from {', '.join(names)}"
        raise ValueError(f"{name}={value!r}: no such {name}; {hint}")
    return value


def overflow_allowed() -> np.errstate:
    """Return a context in which numbers may become infinite without a warning.

    With a bad enough start, numbers overflow. That is a finding rather than an accident, and it is
    visible in the results. (Besides, matrix products on macOS give spurious warnings: NumPy issue
    28687.)
    """
    return np.errstate(divide="ignore", over="ignore", invalid="ignore")


def generator(value: Any) -> np.random.Generator:
    """Return ``value`` if it is a ``numpy.random.Generator``."""
    if not isinstance(value, np.random.Generator):
        raise TypeError(f"rng={value!r} must be a numpy.random.Generator, as from default_rng(0)")
    return value


def float_dtype(value: Any) -> np.dtype[Any]:
    """Return ``value`` as a NumPy dtype; it must be float32 or float64."""
    if value is None or np.dtype(value) not in (np.float32, np.float64):
        raise TypeError(f"dtype={value!r} must be np.float32 (to train) or np.float64 (to check)")
    return np.dtype(value)


def float_array(name: str, value: Any, *, dtype: Any = None, min_dimensions: int = 0) -> FloatArray:
    """Return ``value`` as an array of floats, copying only if necessary.

    With ``dtype`` None the precision is kept. Integers are rejected rather than converted: they are
    nearly always pixels or counts that someone forgot to scale.
    """
    array = np.asarray(value)
    # "f" and "d" are single and double precision. This runs for each layer in each step, and
    # dtype.name would take 25 times as long.
    if array.dtype.char not in "fd":
        pixels = " / 255 for pixels" if array.dtype == np.uint8 else ""
        raise TypeError(
            f"{name} has dtype {array.dtype}, but floats are needed; "
            f"convert it first, e.g. {name}.astype(np.float32){pixels}"
        )
    if array.ndim < min_dimensions:
        raise ValueError(f"{name} has shape {array.shape}; expected (..., rows, columns)")
    return array if dtype is None else array.astype(dtype, copy=False)


def check_finite(name: str, array: FloatArray) -> None:
    """Raise an error if there are NaN or infinite values."""
    if array.size and not (np.isfinite(array.min()) and np.isfinite(array.max())):
        raise ValueError(f"{name} holds NaN or infinite values; remove or replace them first")


def integer_labels(name: str, value: Any, *, num_classes: int | None = None) -> IntArray:
    """Return ``value`` as an integer array whose entries all lie in ``0 .. num_classes - 1``."""
    labels = np.asarray(value)
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"{name} has dtype {labels.dtype}, but integer class numbers are needed; for one-hot "
            f"rows, take their argmax(axis=-1) first; for regression, {name}[:, np.newaxis]"
        )
    low, high = labels.min(initial=0), labels.max(initial=0)
    if low < 0 or (num_classes is not None and high >= num_classes):
        classes = "classes are numbered from 0"
        if num_classes is not None:
            classes = f"{num_classes} classes go from 0 to {num_classes - 1}"
        raise ValueError(f"{name} holds {low if low < 0 else high}, but {classes}")
    return labels


def fitting_input(x: Any, parameter: FloatArray, features: int) -> FloatArray:
    """Return ``x`` in the precision of a layer's parameter; it must have as many features.

    If the parameter is that of a stack, ``x`` may have the leading axes of the stack, or none.
    """
    x = float_array("x", x, dtype=parameter.dtype, min_dimensions=2)
    if x.shape[-1] != features or x.shape[:-2] not in ((), parameter.shape[:-2]):
        raise ValueError(
            f"x of shape {x.shape} doesn't fit parameters of shape {parameter.shape}: "
            f"expected (..., batch, {features})"
        )
    return x


def fitting_gradient(grad: Any, output_shape: Shape | None, dtype: Any) -> FloatArray:
    """Return ``grad`` as floats of ``dtype``; its shape must be that of ``forward``'s output."""
    if output_shape is None:
        raise RuntimeError("backward was called before forward; call forward first")
    grad = float_array("grad", grad, dtype=dtype)
    if grad.shape != output_shape:
        raise ValueError(f"grad of shape {grad.shape} doesn't fit outputs of shape {output_shape}")
    return grad
