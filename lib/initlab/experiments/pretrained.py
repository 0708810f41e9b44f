"""Starts that were learned: deep networks of sigmoids with and without pretraining."""

import numpy as np

from initlab import initializers as init
from initlab._engine.checks import whole_number
from initlab._engine.parallel import thread_map
from initlab._engine.progress import reporting
from initlab.activations import sigmoid
from initlab.experiments._checks import checked_seeds
from initlab.network import MLP
from initlab.pretraining import pretrain
from initlab.training import check_examples

METHODS = ("RBM", "autoencoder")


def pretrained_starts(
    dataset, *, seeds, depth=8, steps=300, width=100, batch_size=128, progress=False
):
    """Give networks of sigmoids three starts: Xavier's, and two that each layer has learned.

    Parameters
    ----------
    dataset : Dataset
        With features from 0 to 1. Its labels are not used, except to count the classes.
    seeds : iterable of int
    depth, width : int
        The number of hidden layers, and of neurons in each.
    steps, batch_size : int
        The steps of pretraining, for each layer.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    dict of str to list of MLP
        "none", "RBM" and "autoencoder", one network per seed. Those of one seed have the same
        output layer.
    """
    seeds = checked_seeds(seeds)
    depth, steps = whole_number("depth", depth), whole_number("steps", steps)
    sizes = [dataset.x_train.shape[1], *[whole_number("width", width)] * depth, dataset.num_classes]
    check_examples(sizes, dataset, "test")  # now, so that a mistake shows before the pretraining

    def fresh(seed):
        rng = np.random.default_rng([seed, 0])
        settings = {"weight_init": init.xavier_normal(), "rng": rng, "dtype": np.float32}
        return MLP(sizes, activation=sigmoid, **settings)

    def learn(key, report):
        name, seed = key
        network, rng = fresh(seed), np.random.default_rng([seed, 2])
        settings = {"method": name.lower(), "steps": steps, "batch_size": batch_size, "rng": rng}
        pretrain(network, dataset.x_train, callback=lambda step, error: report(1), **settings)
        return network

    keys = [(name, seed) for name in METHODS for seed in seeds]
    with reporting(progress, len(keys) * depth * steps, "pretraining") as report:
        learned = dict(zip(keys, thread_map(learn, keys, report=report), strict=True))
    starts = {"none": [fresh(seed) for seed in seeds]}
    return starts | {name: [learned[name, seed] for seed in seeds] for name in METHODS}
