"""Grouping networks into stacks, so that all workers are busy until the end."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np

from initlab._engine.parallel import workers

# Smaller stacks spend their time in Python, and the arrays of larger ones don't fit in the cache.
LARGEST_STACK = 16


def step_cost(sizes: Sequence[int]) -> int:
    """Return the cost of a training step for a network of these sizes, in arbitrary units.

    One unit per weight for the products; everything else costs about 40 units per neuron
    (measured).
    """
    return sum(neurons * (fan_in + 40) for fan_in, neurons in pairwise(sizes))


def make_stacks(groups: Iterable[Sequence[int]], cost: Callable[[int], float]) -> list[list[int]]:
    """Return stacks of networks that keep all workers busy, the most expensive stack first.

    Parameters
    ----------
    groups : iterable of list of int
        The indices of networks that can be stacked, one list per group.
    cost : callable
        Maps the index of a network to its cost, in any unit.
    """
    groups, crew = list(groups), workers()
    # If there are few groups, each is split among all workers, so that none is idle at the end.
    least = crew if len(groups) < 4 * crew else 1
    stacks = []
    for group in groups:
        parts = max(-(-len(group) // LARGEST_STACK), least)
        # Round up to a multiple, so that every worker gets the same number of stacks.
        parts = -(-parts // least) * least
        stacks += [
            [int(place) for place in part] for part in np.array_split(group, parts) if len(part)
        ]
    return sorted(stacks, key=lambda stack: -sum(map(cost, stack)))
