"""The check that every experiment applies to its seeds."""

import numpy as np

from initlab._engine.checks import whole_number


def checked_seeds(seeds):
    """Return ``seeds`` as a nonempty list of distinct nonnegative integers."""
    if isinstance(seeds, (str, bytes)) or not np.iterable(seeds):
        raise TypeError(f"seeds={seeds!r} must be whole numbers, e.g. range(5)")
    seeds = [whole_number("each of seeds", seed, at_least=0) for seed in seeds]
    if not seeds:
        raise ValueError("seeds must not be empty")
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds={seeds!r} must be distinct")
    return seeds
