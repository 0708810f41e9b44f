"""The article's fourteen claims, measured anew from draws that no notebook has used."""

from itertools import pairwise

import numpy as np

from initlab import initializers as init
from initlab.activations import relu, sigmoid, tanh
from initlab.classroom import ledger
from initlab.experiments import (
    MNIST_SIZES,
    break_symmetry,
    five_layers,
    mnist_race,
    over_seeds,
    pretrained_starts,
)
from initlab.network import MLP
from initlab.optimizers import SGD
from initlab.signals import measure_signals
from initlab.training import train_together

XAVIER, SIGMOID = init.xavier_normal(), "Xavier, sigmoid"


def replicate(dataset, *, many=range(1000, 1010), few=range(1000, 1003)):
    """Yield the ``ledger.Row`` of each claim of the article, in order, as soon as it is known.

    Parameters
    ----------
    dataset : Dataset
        MNIST.
    many, few : iterable of int
        Seeds, for measurements without training and for trainings.

    Notes
    -----
    Where a notebook trains for longer, its losses are lower; the lines that they are judged by are
    the same.
    """
    many, few = list(many), list(few)
    yield from _untrained(dataset, many, few)
    yield _equal_neurons(dataset, few)
    yield from _raced(dataset, many, few)
    yield _pretrained(dataset, few)


def _untrained(dataset, many, few):
    ones = [five_layers(init.normal(1.0), seed=seed) for seed in many]
    yield ledger.claim_1(
        np.array([[1.0] + [layer.pooled_std for layer in run.layers[:4]] for run in ones]),
        np.array([[layer.z.std() for layer in run.layers] for run in ones]),
        np.array([run.each("saturated_fraction") for run in ones]),
    )
    large, zero = (over_seeds(init.normal(std), many) for std in (10.0, 0.0))
    yield ledger.claim_2(large["saturated_fraction"])
    moved = _moved(dataset, few)
    yield ledger.claim_3(large["gradient_rms"], large["gradient_median"], moved)
    halves = [five_layers(init.zeros(), seed=seed) for seed in many]
    yield ledger.claim_4(np.array([[layer.h for layer in run.layers] for run in halves]))
    yield ledger.claim_5(zero["gradient_rms"])


def _moved(dataset, seeds):
    # How far 300 steps of 0.5 move each hidden layer of digit readers with std 10.
    networks = [
        MLP(
            MNIST_SIZES,
            activation=sigmoid,
            weight_init=init.normal(10.0),
            rng=np.random.default_rng(seed),
            dtype=np.float32,
        )
        for seed in seeds
    ]
    before = [[layer.weight.copy() for layer in network.dense[:-1]] for network in networks]
    settings = {"optimizer": SGD(0.5), "steps": 300, "batch_size": 128}
    train_together(networks, dataset, rng=np.random.default_rng(seeds[0]), **settings)
    return np.array(
        [
            [
                np.sqrt(np.mean((layer.weight - old) ** 2) / np.mean(old**2))
                for layer, old in zip(network.dense[:-1], olds, strict=True)
            ]
            for network, olds in zip(networks, before, strict=True)
        ]
    )


def _equal_neurons(dataset, seeds):
    settings = {"seeds": seeds, "steps": 400, "every": 400}
    equal, single, different = (
        break_symmetry(std, dataset, hidden=hidden, **settings)
        for std, hidden in [(0, 30), (0, 1), (0.01, 30)]
    )
    return ledger.claim_6(equal, single, different)


def _raced(dataset, many, few):
    contestants = {
        "std 0.01": (init.normal(0.01), relu),
        "LeCun, ReLU": (init.lecun_normal(), relu),
        "He": (init.he_normal(), relu),
        SIGMOID: (XAVIER, sigmoid),
        "Xavier, tanh": (XAVIER, tanh),
    }
    race = mnist_race(contestants, dataset, seeds=few, steps=1000)
    loss = {name: race.final_losses(name) for name in contestants}
    seen = over_seeds(XAVIER, many)
    yield ledger.claim_7(seen["pooled_std"], seen["across_input_std"], loss[SIGMOID])
    yield ledger.claim_8(loss["Xavier, tanh"], loss[SIGMOID])
    yield _deep(dataset, few)
    pairs = list(pairwise(MNIST_SIZES))
    formulas = [[one.std(pair) for pair in pairs] for one in (XAVIER, init.lecun_normal())]
    yield ledger.claim_10(*formulas)
    yield ledger.claim_11(loss["LeCun, ReLU"], loss[SIGMOID])
    yield ledger.claim_12(MNIST_SIZES)
    yield ledger.claim_13(loss["He"], loss["LeCun, ReLU"], loss[SIGMOID], loss["std 0.01"])


def _deep(dataset, seeds):
    starts = {"Xavier": (XAVIER, relu), "He": (init.he_normal(), relu)}
    losses = {name: {} for name in starts}
    for depth in (5, 20):
        sizes = [dataset.x_train.shape[1], *[100] * depth, dataset.num_classes]
        settings = {"sizes": sizes, "steps": 300, "batch_size": 64}
        race = mnist_race(starts, dataset, seeds=seeds, **settings)
        for name in starts:
            losses[name][depth] = race.final_losses(name, last=50)
    return ledger.claim_9(*losses.values())


def _pretrained(dataset, seeds):
    starts = pretrained_starts(dataset, seeds=seeds)
    how = {"seeds": seeds, "optimizer": SGD(0.5)}
    race = mnist_race(starts, dataset, steps=800, **how)
    longer = mnist_race({"none": starts["none"]}, dataset, steps=800 + 8 * 300, **how)
    reach = {}  # how much of a gradient reaches layer 1, before the training
    for name in ("none", "RBM"):
        x, rms = dataset.x_test[:1000], []
        for network in starts[name]:
            signals = measure_signals(network, x, rng=np.random.default_rng(0))
            rms.append(signals.each("gradient_rms"))
        reach[name] = np.array(rms)[:, 0] / np.array(rms)[:, 7]
    return ledger.claim_14(
        race.final_losses("none", last=50),
        longer.final_losses("none", last=50),
        race.final_losses("RBM", last=50),
        race.final_losses("autoencoder", last=50),
        reach["none"],
        reach["RBM"],
    )
