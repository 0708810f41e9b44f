"""The doorkeeper: what every public function asks of what it is handed.

Each check either returns the value in the form the caller wants or raises an error that names the
argument, the value and the remedy.
"""

import difflib
import math
import numbers

import numpy as np


def finite_number(name, value, *, above=None, at_least=None):
    """Return ``value`` as a Python float; it must be finite and within the stated bound."""
    # A Python float, never a NumPy scalar: np.float64 would promote float32 arrays to float64.
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}={value!r}: expected a real number")
    bound = ""
    if above is not None:
        bound = f" above {above}"
    elif at_least is not None:
        bound = f" of at least {at_least}"
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if (
        not math.isfinite(number)
        or (above is not None and number <= above)
        or (at_least is not None and number < at_least)
    ):
        raise ValueError(f"{name}={value!r}: expected a finite number{bound}")
    return number


def whole_number(name, value, *, at_least=1):
    """Return ``value`` as a Python int of at least ``at_least``."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}={value!r}: expected a whole number")
    if value < at_least:
        raise ValueError(f"{name}={value!r}: expected a whole number of at least {at_least}")
    return int(value)


def known_name(name, value, known):
    """Return ``value`` if it is one of the ``known`` names, else suggest the nearest."""
    known = list(known)
    if not isinstance(value, str):
        raise TypeError(f"{name}={value!r}: expected one of the names {', '.join(known)}")
    if value not in known:
        nearest = difflib.get_close_matches(value.lower(), known, n=1, cutoff=0.6)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"choose from {', '.join(known)}"
        raise ValueError(f"{name}={value!r}: no such {name}; {hint}")
    return value


def overflow_allowed():
    """Return a context in which numbers may become infinite without a warning.

    With a start that is bad enough numbers overflow. That is a finding and not an accident: who
    reads the results sees it there. (And the matrix product of macOS warns of what did not happen:
    numpy issue 28687.)
    """
    return np.errstate(divide="ignore", over="ignore", invalid="ignore")


def generator(value):
    """Return ``value`` if it is a ``numpy.random.Generator``."""
    if not isinstance(value, np.random.Generator):
        raise TypeError(
            f"rng={value!r}: expected a numpy.random.Generator, e.g. np.random.default_rng(0)"
        )
    return value


def float_dtype(value):
    """Return ``value`` as a NumPy dtype; it must be float32 or float64."""
    try:
        name = np.dtype(value).name if value is not None else None
    except TypeError:
        name = None
    if name not in ("float32", "float64"):
        raise TypeError(f"dtype={value!r}: expected np.float32 (to train) or np.float64 (to check)")
    return np.dtype(name)


def float_array(name, value, *, dtype=None, min_dimensions=0):
    """Return ``value`` as an array of floats, without a copy where none is needed.

    ``dtype`` None keeps the caller's precision. Integers are refused rather than converted: they
    are nearly always pixels or counts that someone forgot to scale.
    """
    array = np.asarray(value)
    # "f" and "d" are single and double. Asked for at each layer of each step, so asked for quickly:
    # dtype.name takes 25 times as long.
    if array.dtype.char not in "fd":
        pixels = " / 255 for pixels" if array.dtype == np.uint8 else ""
        raise TypeError(
            f"{name} has dtype {array.dtype}, but floats are needed; "
            f"convert it first, e.g. {name}.astype(np.float32){pixels}"
        )
    if array.ndim < min_dimensions:
        raise ValueError(
            f"{name} has shape {array.shape}, but needs at least {min_dimensions} dimensions, "
            "(..., rows, columns)"
        )
    return array if dtype is None else array.astype(dtype, copy=False)


def integer_labels(name, value, *, classes):
    """Return ``value`` as an integer array whose entries all lie in ``0 .. classes - 1``."""
    labels = np.asarray(value)
    if labels.dtype.kind not in "iu":
        raise TypeError(
            f"{name} has dtype {labels.dtype}, but integer class numbers are needed; "
            "for one-hot rows, take their argmax(axis=-1) first"
        )
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        wrong = labels[(labels < 0) | (labels >= classes)].flat[0]
        raise ValueError(f"{name} holds {wrong}, but {classes} classes go from 0 to {classes - 1}")
    return labels


def fitting_gradient(grad, output_shape, dtype):
    """Return ``grad`` as floats of ``dtype``; it must be of the shape of what came out forward."""
    if output_shape is None:
        raise RuntimeError("backward was called before forward: there is nothing to derive yet")
    grad = float_array("grad", grad, dtype=dtype)
    if grad.shape != output_shape:
        raise ValueError(
            f"grad of shape {grad.shape} doesn't fit the layer's output of shape {output_shape}"
        )
    return grad
