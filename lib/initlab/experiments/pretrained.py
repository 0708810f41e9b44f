"""Starts that were learned: the same network with and without pretraining."""

from dataclasses import dataclass

import numpy as np

from initlab import initializers as init
from initlab._engine.checks import whole_number
from initlab._engine.parallel import thread_map
from initlab.activations import sigmoid
from initlab.experiments._checks import checked_seeds
from initlab.experiments.race import Race
from initlab.network import MLP
from initlab.optimizers import SGD
from initlab.pretraining import pretrain
from initlab.training import check_examples, evaluate, train, train_together

STARTS = ("none", "RBM", "autoencoder")


@dataclass(frozen=True, eq=False)
class PretrainingRace:
    """What pretraining changed.

    Attributes
    ----------
    races : dict of int to Race
        By the number of hidden layers. The contestants are "none", "RBM" and "autoencoder", and for
        the shallowest network "none, longer": without pretraining, but with its steps added.
    starts : dict of str to list of MLP
        The deepest networks as they were before the training with labels, one for each seed.
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
    progress=None,
):
    """Train deep sigmoid networks from Xavier's start and from two starts that were learned.

    After pretraining, all contestants get the same training: SGD(0.01), the same minibatches.

    Parameters
    ----------
    dataset : Dataset
        With features from 0 to 1.
    seeds : iterable of int
    depths : tuple of int
        Numbers of hidden layers. Pretraining is greedy, so the shallower networks take the first
        layers of the deepest one's.
    pretraining_steps, steps : int
        Of pretraining for each layer, and of training.
    width, batch_size : int
    progress : callable, optional
        Called with the number of steps done; ``pretraining_steps_in_all`` says how many there are.

    Returns
    -------
    PretrainingRace

    Raises
    ------
    TypeError, ValueError
        If one of the arguments is not what is said here.
    """
    if not isinstance(depths, (tuple, list)) or not depths:
        raise TypeError(
            f"depths={depths!r}: expected several numbers of hidden layers, e.g. (4, 8)"
        )
    depths = sorted({whole_number("each of depths", depth) for depth in depths})
    whole_number("pretraining_steps", pretraining_steps)
    whole_number("steps", steps)
    whole_number("width", width)
    # Now rather than after the race, which a mistake in the test data must not cost.
    ends = [dataset.x_train.shape[1], dataset.num_classes]
    check_examples(ends, "dataset.x_test", dataset.x_test, "dataset.y_test", dataset.y_test)
    together = {"steps": steps, "batch_size": batch_size, "optimizer": SGD(0.01)}

    def one_seed(seed, progress):
        def fresh(depth):
            return MLP(
                [dataset.x_train.shape[1], *[width] * depth, dataset.num_classes],
                activation=sigmoid,
                weight_init=init.xavier_normal(),
                rng=np.random.default_rng([seed, 0]),
                dtype=np.float32,
            )

        starts, errors = {"none": fresh(depths[-1])}, {}
        for name in STARTS[1:]:
            starts[name] = fresh(depths[-1])
            errors[name] = pretrain(
                starts[name],
                dataset.x_train,
                method=name.lower(),
                steps=pretraining_steps,
                batch_size=batch_size,
                rng=np.random.default_rng([seed, 2]),
                progress=progress,
            )
        found = {}
        for depth in depths:
            networks = {name: fresh(depth) for name in starts}
            for name, network in networks.items():
                _take_first_layers(network, starts[name])
            seen = train_together(
                networks,
                dataset,
                rng=np.random.default_rng([seed, 1]),
                progress=progress,
                **together,
            )
            if depth == depths[0]:
                longer = networks["none, longer"] = fresh(depth)
                seen["none, longer"] = train(
                    longer,
                    dataset,
                    rng=np.random.default_rng([seed, 1]),
                    progress=progress,
                    **together | {"steps": steps + depth * pretraining_steps},
                )
            found[depth] = networks, seen
        return starts, errors, found

    runs = thread_map(one_seed, checked_seeds(seeds), progress=progress)
    races = {}
    for depth in depths:
        networks = {name: [run[2][depth][0][name] for run in runs] for name in runs[0][2][depth][0]}
        races[depth] = Race(
            {name: [run[2][depth][1][name] for run in runs] for name in networks},
            {
                name: np.array([evaluate(n, dataset.x_test, dataset.y_test).accuracy for n in some])
                for name, some in networks.items()
            },
            networks,
        )
    return PretrainingRace(
        races,
        {name: [run[0][name] for run in runs] for name in STARTS},
        {name: np.array([run[1][name] for run in runs]) for name in STARTS[1:]},
    )


def pretraining_steps_in_all(seeds, depths=(4, 8), pretraining_steps=600, steps=2000):
    """Return how many steps ``pretraining_race`` reports to ``progress``."""
    depths = set(depths)
    each = 2 * max(depths) * pretraining_steps + 3 * len(depths) * steps
    return len(seeds) * (each + steps + min(depths) * pretraining_steps)


def _take_first_layers(network, deeper):
    # The output layer stays as it is.
    for mine, learned in zip(network.dense[:-1], deeper.dense, strict=False):
        mine.weight[...], mine.bias[...] = learned.weight, learned.bias
