"""Short names for what signatures say often."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
# A single network gives a float where a stack of them gives an array.
Floats: TypeAlias = float | np.floating[Any] | FloatArray
Shape: TypeAlias = tuple[int, ...]

__all__ = ["DTypeLike", "FloatArray", "Floats", "IntArray", "Shape"]
