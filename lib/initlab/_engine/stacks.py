"""Which networks to train as one stack, so that all workers are busy until the end."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np

from initlab._engine.parallel import workers

# Networks in a stack: with fewer the time goes into Python, with more their arrays leave the cache.
LARGEST_STACK = 16


def step_cost(sizes: Sequence[int]) -> int:
    """Return what a training step costs a network of these sizes, in no particular unit.

    Products weight by weight; and the rest is, for each neuron, worth about 40 weights (measured).
    """
    return sum(neurons * (fan_in + 40) for fan_in, neurons in pairwise(sizes))


def make_stacks(groups: Iterable[Sequence[int]], cost: Callable[[int], float]) -> list[list[int]]:
    """Return stacks of networks that keep all workers busy, the most expensive stack first.

    Parameters
    ----------
    groups : iterable of list of int
        Networks that can be stacked, each by its number.
    cost : callable
        Of such a number: what that network costs, in any unit.
    """
    groups, crew = list(groups), workers()
    # Where there are few groups each is shared out among all workers: so none is idle at the end.
    least = crew if len(groups) < 4 * crew else 1
    stacks = []
    for group in groups:
        parts = max(-(-len(group) // LARGEST_STACK), least)
        # As many for each worker as for the others, where there are several for each.
        parts = -(-parts // least) * least
        stacks += [
            [int(place) for place in part] for part in np.array_split(group, parts) if len(part)
        ]
    return sorted(stacks, key=lambda stack: -sum(map(cost, stack)))
