"""What makes the start matter less: one experiment with each remedy, from good and bad starts.

Thirty hidden layers with ReLU learn from only one start in five. What must be added so that they
learn from more?
"""

import functools
import time
from dataclasses import dataclass

import numpy as np

from initlab import initializers as init
from initlab._engine.checks import known_name, whole_number
from initlab.activations import relu
from initlab.experiments._checks import checked_seeds
from initlab.experiments.sweeps import as_array, converted, sweep
from initlab.initializers import STARTS
from initlab.network import MLP
from initlab.normalization import BatchNorm, LayerNorm
from initlab.optimizers import SGD, Adam, WarmUp
from initlab.starts import fixup
from initlab.training import train

# The experiment: hidden layers, neurons in each, images per batch, and steps.
DEPTH, WIDTH, BATCH_SIZE, STEPS = 30, 50, 64, 300


def fixup_network(sizes, **settings):
    """Return a network with residual branches of two layers, started by ``fixup``.

    Parameters
    ----------
    sizes, **settings
        As for ``MLP``.

    Returns
    -------
    MLP
    """
    return fixup(MLP(sizes, residual_block_size=2, **settings))


def slow_start(learning_rate):
    """Return SGD that warms up over the first 100 steps.

    Parameters
    ----------
    learning_rate : float

    Returns
    -------
    WarmUp
    """
    return WarmUp(SGD(learning_rate), steps=100)


@dataclass(frozen=True)
class Remedy:
    """One way to make the start matter less.

    Attributes
    ----------
    network : callable
        Builds the network, as ``MLP`` does.
    optimizer : callable
        Makes an optimizer from a learning rate, as ``SGD`` does.
    learning_rate : float
        Of 0.003, 0.01, 0.03, 0.1 and 0.3 (for Adam, a thirtieth of these), the one with the lowest
        mean loss over the five starts; found by ``benchmarks/remedy_rates.py``.
    """

    network: object
    optimizer: object
    learning_rate: float


# From the smallest weights to the largest.
FIVE_STARTS = {
    name: STARTS[name].initializer for name in ("std 0.01", "Xavier", "He", "2 x He", "std 1")
}
REMEDIES = {
    "none": Remedy(MLP, SGD, 0.01),
    "warm-up": Remedy(MLP, slow_start, 0.03),
    "momentum": Remedy(MLP, functools.partial(SGD, momentum=0.9), 0.003),
    "Adam": Remedy(MLP, Adam, 0.001),
    "layer norm": Remedy(functools.partial(MLP, normalization=LayerNorm), SGD, 0.01),
    "batch norm": Remedy(functools.partial(MLP, normalization=BatchNorm), SGD, 0.1),
    "residual": Remedy(functools.partial(MLP, residual_block_size=2), SGD, 0.1),
    "residual, Fixup": Remedy(fixup_network, SGD, 0.1),
}


@dataclass(frozen=True, eq=False)
class RemedyTable:
    """The results of each remedy from each start.

    Attributes
    ----------
    remedies, starts : list of str
    loss : array, shape (remedies, starts, seeds)
        The mean over the last 20 steps; NaN where the training run overflowed.
    accuracy : array, shape (remedies, starts, seeds)
        The accuracy on the test images after training; 0 where the training run overflowed, NaN
        where it isn't finished yet.
    """

    remedies: list
    starts: list
    loss: np.ndarray
    accuracy: np.ndarray

    def losses(self, remedy):
        """Return the losses of one remedy: dict of start to array, shape (seeds,)."""
        row = self.remedies.index(known_name("remedy", remedy, self.remedies))
        return dict(zip(self.starts, self.loss[row], strict=True))


def remedies_by_start(
    dataset,
    *,
    remedies=None,
    starts=None,
    seeds=range(3),
    depth=DEPTH,
    width=WIDTH,
    batch_size=BATCH_SIZE,
    steps=STEPS,
    eval_size=2000,
    on_results=None,
    progress=False,
):
    """Train deep ReLU networks with each remedy from each start, for the same number of steps.

    Parameters
    ----------
    dataset : Dataset
    remedies : dict of str to Remedy, optional
        By default ``REMEDIES``.
    starts : dict of str to initializer, optional
        By default ``FIVE_STARTS``.
    seeds : iterable of int
    depth, width, batch_size, steps, eval_size
        As for ``sweeps.sweep``.
    on_results : callable, optional
        Called with the table so far, at the beginning and whenever entries are added.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    RemedyTable
    """
    remedies = REMEDIES if remedies is None else remedies
    starts = FIVE_STARTS if starts is None else starts
    for name, value in {"remedies": remedies, "starts": starts}.items():
        if not isinstance(value, dict) or not value:
            raise TypeError(f"{name}={value!r} must be a dict of names to {name}")
    seeds = checked_seeds(seeds)

    def results(table):
        axes = {"network": remedies, "initializer": starts, "seed": seeds}
        found = (as_array(table, name, **axes) for name in ("final_loss", "test_accuracy"))
        return RemedyTable(list(remedies), list(starts), *found)

    # Network, optimizer and rate belong together: we want the diagonal of their grid.
    table = sweep(
        {
            "network": {name: remedy.network for name, remedy in remedies.items()},
            "optimizer": {name: remedy.optimizer for name, remedy in remedies.items()},
            "learning_rate": sorted({remedy.learning_rate for remedy in remedies.values()}),
            "initializer": starts,
            "seed": seeds,
            "depth": whole_number("depth", depth),
            "width": whole_number("width", width),
            "activation": relu,
        },
        dataset,
        steps=steps,
        batch_size=batch_size,
        eval_size=eval_size,
        where=lambda at: (
            at["network"] == at["optimizer"]
            and at["learning_rate"] == remedies[at["network"]].learning_rate
        ),
        on_results=converted(on_results, results),
        progress=progress,
    )
    return results(table)


def cost_of_remedies(dataset, *, remedies=None, rounds=5, steps=3, count=5):
    """Compare the cost of a training step with each remedy.

    Parameters
    ----------
    dataset : Dataset
    remedies : dict of str to Remedy, optional
        By default ``REMEDIES``.
    rounds : int
        How many times each remedy is timed, all in turn.
    steps : int
        The steps of each timed run.
    count : int
        The number of networks trained together as a stack.

    Returns
    -------
    dict of str to (int, array of shape (rounds,))
        The number of learned parameters of a network, and the seconds per step and network.
    """
    remedies = REMEDIES if remedies is None else remedies
    whole_number("rounds", rounds)
    sizes = [dataset.x_train.shape[1], *[WIDTH] * DEPTH, dataset.num_classes]
    settings = {"activation": relu, "weight_init": init.he_normal(), "dtype": np.float32}
    networks = {
        name: [
            remedy.network(sizes, bias_init=None, rng=np.random.default_rng(seed), **settings)
            for seed in range(whole_number("count", count))
        ]
        for name, remedy in remedies.items()
    }
    seconds = {name: [] for name in remedies}
    for _ in range(rounds):
        for name, remedy in remedies.items():
            stack = MLP.stack(networks[name])
            optimizer = remedy.optimizer(1e-6)  # so small that nothing can overflow
            begin = time.perf_counter()
            train(
                stack,
                dataset,
                optimizer=optimizer,
                steps=steps,
                batch_size=BATCH_SIZE,
                rng=np.random.default_rng(0),
            )
            seconds[name].append((time.perf_counter() - begin) / steps / count)
    learned = {name: sum(p.size for p in nets[0].parameters()) for name, nets in networks.items()}
    return {name: (learned[name], np.array(times)) for name, times in seconds.items()}
