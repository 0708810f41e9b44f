"""Equal neurons: do they ever become different?"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from initlab import initializers as init
from initlab._engine.checks import finite_number, overflow_allowed, whole_number
from initlab._engine.progress import reporting
from initlab.activations import sigmoid
from initlab.experiments._checks import checked_seeds
from initlab.layers import run_forward
from initlab.network import MLP
from initlab.optimizers import SGD
from initlab.training import evaluate, train_together


@dataclass(frozen=True, eq=False)
class Symmetry:
    """How a hidden layer of nearly equal neurons evolves.

    Attributes
    ----------
    steps : array of int, shape (looks,)
        The training steps completed before each measurement ("look").
    difference : array, shape (seeds, looks)
        How much the neurons differ: the RMS deviation of their weights from the mean neuron,
        divided by the RMS of all weights.
    rank : array of int, shape (seeds, looks)
        The number of directions spanned by the hidden activations of 1000 test images: the number
        of singular values above a thousandth of the largest; 0 if all activations are 0.
    loss : array, shape (seeds, looks)
        The loss on these images.
    """

    steps: np.ndarray
    difference: np.ndarray
    rank: np.ndarray
    loss: np.ndarray


def break_symmetry(
    perturbation,
    dataset,
    *,
    seeds,
    steps=300,
    every=25,
    hidden=30,
    weight=0.01,
    learning_rate=0.5,
    progress=False,
):
    """Train a hidden layer whose neurons start equal except for a small perturbation.

    Parameters
    ----------
    perturbation : float
        The std of the noise added to each weight of the hidden layer; 0 for exactly equal neurons.
    dataset : Dataset
    seeds : iterable of int
    steps, every : int
        The number of steps, and the interval between measurements; the last one follows the last
        step.
    hidden : int
        The number of neurons in the hidden layer, which is followed by sigmoid.
    weight : float
        The value of all weights before the perturbation; 0 is allowed.
    learning_rate : float
        For plain gradient descent with batch size 128.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Symmetry

    Raises
    ------
    ValueError
        If the numbers overflow in training: of such neurons there is nothing to say.
    """
    perturbation = finite_number("perturbation", perturbation, at_least=0)
    steps, every = whole_number("steps", steps), whole_number("every", every)
    hidden, weight = whole_number("hidden", hidden), finite_number("weight", weight)
    sizes = [dataset.x_train.shape[1], hidden, dataset.num_classes]
    x, y = dataset.x_test[:1000], dataset.y_test[:1000]
    looks = [*range(0, steps, every), steps]

    rngs = [np.random.default_rng(seed) for seed in checked_seeds(seeds)]
    networks = [
        MLP(sizes, activation=sigmoid, weight_init=init.constant(weight), rng=rng) for rng in rngs
    ]
    for network, rng in zip(networks, rngs, strict=True):
        network.dense[0].weight += init.normal(perturbation)(rng, tuple(sizes[:2]))
    found = [[_look(network, x, y) for network in networks]]
    with reporting(progress, steps, "training") as report:
        for before, now in pairwise(looks):
            train_together(
                networks,
                dataset,
                optimizer=SGD(learning_rate),
                steps=now - before,
                batch_size=128,
                rngs=rngs,
            )
            found.append([_look(network, x, y) for network in networks])
            if not np.isfinite(found[-1]).all():
                raise ValueError(f"{learning_rate=}: numbers overflow within {now} steps")
            report(now - before)
    difference, rank, loss = np.array(found).transpose(2, 1, 0)
    return Symmetry(np.array(looks), difference, rank.astype(int), loss)


def _look(network, x, y):
    loss = evaluate(network, x, y).loss
    weight = network.dense[0].weight
    with overflow_allowed():
        size = np.sqrt(np.square(weight).mean())
        away = weight - weight[:, :1]  # exactly 0 for equal neurons, unlike that from the mean
        apart = np.sqrt(np.square(away - away.mean(axis=1, keepdims=True)).mean())
        difference = apart / size if size else 0.0
        h = run_forward(network.view().layers[:2], x)
    rank = np.nan
    if np.isfinite(h).all():
        strengths = np.linalg.svd(h, compute_uv=False)
        rank = np.sum(strengths > 1e-3 * strengths[0])
    return difference, rank, loss
