"""Short names for types that are frequent in signatures."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
# A float for a single network, an array for a stack.
Floats: TypeAlias = float | np.floating[Any] | FloatArray
Shape: TypeAlias = tuple[int, ...]
Rng: TypeAlias = np.random.Generator

__all__ = ["DTypeLike", "FloatArray", "Floats", "IntArray", "Rng", "Shape"]
