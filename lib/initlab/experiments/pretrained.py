"""Starts that were learned: the same network with and without pretraining."""

from dataclasses import dataclass

import numpy as np

from initlab import initializers as init
from initlab._engine.checks import whole_number
from initlab._engine.parallel import thread_map
from initlab._engine.progress import reporting
from initlab.activations import sigmoid
from initlab.experiments._checks import checked_seeds
from initlab.experiments.race import Race, judged_race
from initlab.network import MLP
from initlab.optimizers import SGD
from initlab.pretraining import pretrain
from initlab.training import check_examples, train_together

CONTESTANTS = ("none", "RBM", "autoencoder")


@dataclass(frozen=True, eq=False)
class PretrainingRace:
    """The effect of pretraining.

    Attributes
    ----------
    races : dict of int to Race
        One per number of hidden layers. The contestants are "none", "RBM" and "autoencoder", and
        for the shallowest network also "none, longer": no pretraining, but as many extra steps.
    starts : dict of str to list of MLP
        The deepest networks just before training with labels, one per seed.
    errors : dict of str to array, shape (seeds, hidden layers, steps)
        The reconstruction errors of the deepest network's layers.
    """

    races: dict[int, Race]
    starts: dict[str, list[MLP]]
    errors: dict[str, np.ndarray]


def pretraining_race(
    dataset,
    *,
    seeds,
    depths=(4, 8),
    pretraining_steps=600,
    steps=2000,
    width=100,
    batch_size=128,
    progress=False,
):
    """Train deep sigmoid networks from Xavier's start and from two starts that were learned.

    After pretraining, all contestants are trained alike: with SGD(0.01) and the same minibatches.

    Parameters
    ----------
    dataset : Dataset
        With features from 0 to 1.
    seeds : iterable of int
    depths : tuple of int
        Numbers of hidden layers. Pretraining is greedy, so the shallower networks take over the
        first layers of the deepest one.
    pretraining_steps, steps : int
        The steps of pretraining per layer, and of training.
    width, batch_size : int
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    PretrainingRace
    """
    if not isinstance(depths, (tuple, list)) or not depths:
        raise TypeError(f"depths={depths!r} must be numbers of hidden layers, e.g. (4, 8)")
    depths = sorted({whole_number("each of depths", depth) for depth in depths})
    whole_number("pretraining_steps", pretraining_steps)
    whole_number("steps", steps)
    whole_number("width", width)
    seeds, shallow, deepest = checked_seeds(seeds), depths[0], depths[-1]
    # Checked now, so that a mistake in the test data doesn't show up only after the race.
    check_examples([dataset.x_train.shape[1], dataset.num_classes], dataset, "test")

    def fresh(depth, seed):
        return MLP(
            [dataset.x_train.shape[1], *[width] * depth, dataset.num_classes],
            activation=sigmoid,
            weight_init=init.xavier_normal(),
            rng=np.random.default_rng([seed, 0]),
            dtype=np.float32,
        )

    def learn(key, report):
        name, seed = key
        return pretrain(
            starts[key],
            dataset.x_train,
            method=name.lower(),
            steps=pretraining_steps,
            batch_size=batch_size,
            rng=np.random.default_rng([seed, 2]),
            callback=lambda step, error: report(1),
        )

    def train_all(networks, steps):
        rngs = {seed: np.random.default_rng([seed, 1]) for seed in seeds}
        return train_together(
            networks,
            dataset,
            optimizer=SGD(0.01),
            steps=steps,
            batch_size=batch_size,
            rngs={key: rngs[key[-1]] for key in networks},
            progress=progress,
        )

    starts = {(name, seed): fresh(deepest, seed) for name in CONTESTANTS for seed in seeds}
    learning = [(name, seed) for name in CONTESTANTS[1:] for seed in seeds]
    with reporting(progress, len(learning) * deepest * pretraining_steps, "pretraining") as report:
        errors = dict(zip(learning, thread_map(learn, learning, report=report), strict=True))
    networks = {
        (depth, name, seed): _with_first_layers(fresh(depth, seed), starts[name, seed])
        for depth in depths
        for name, seed in starts
    }
    histories = train_all(networks, steps)
    longer = {(shallow, "none, longer", seed): fresh(shallow, seed) for seed in seeds}
    histories |= train_all(longer, steps + shallow * pretraining_steps)
    networks |= longer
    races = {
        depth: judged_race(
            {key[1:]: network for key, network in networks.items() if key[0] == depth},
            {key[1:]: history for key, history in histories.items() if key[0] == depth},
            dataset,
        )
        for depth in depths
    }
    return PretrainingRace(
        races,
        {name: [starts[name, seed] for seed in seeds] for name in CONTESTANTS},
        {name: np.array([errors[name, seed] for seed in seeds]) for name in CONTESTANTS[1:]},
    )


def _with_first_layers(network, deeper):
    # The output layer is left unchanged.
    for mine, learned in zip(network.dense[:-1], deeper.dense, strict=False):
        mine.weight[...], mine.bias[...] = learned.weight, learned.bias
    return network
