"""The race on MNIST: the same network, trained from several starts."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from initlab import initializers as init
from initlab import theory
from initlab._engine.checks import check_finite, float_array, known_name
from initlab._engine.parallel import thread_map
from initlab.activations import relu, sigmoid
from initlab.experiments._checks import checked_seeds
from initlab.network import MLP, check_mlp, checked_sizes
from initlab.optimizers import SGD
from initlab.signals import measure_signals
from initlab.training import History, check_examples, evaluate, train_together

# Two versions of the article's comparison: the start and the activation of each contestant.
# First, what the published program runs. There the word "sigmoid" selects only a scale,
# 1 / sqrt(fan_in), not an activation: every network uses ReLU.
AS_CODED = {
    "std 0.01": (init.normal(0.01), relu),
    "Xavier, ReLU": (init.lecun_normal(), relu),
    "He": (init.he_normal(), relu),
}
# Second, what the article says it runs, with Xavier's formula as printed in the article.
AS_LABELLED = {
    "std 0.01": (init.normal(0.01), relu),
    "Xavier, sigmoid": (init.xavier_normal(), sigmoid),
    "He": (init.he_normal(), relu),
}
MNIST_SIZES = (784, 100, 100, 100, 100, 10)


@dataclass(frozen=True, eq=False)
class Race:
    """The results of a race, by contestant.

    Attributes
    ----------
    histories : dict of str to list of History
        One per seed.
    test_accuracy : dict of str to array, shape (seeds,)
        The accuracy on the test examples after the last step, from 0 to 1.
    networks : dict of str to list of MLP
        The networks after the last step, one per seed.
    """

    histories: dict[str, list[History]]
    test_accuracy: dict[str, np.ndarray]
    networks: dict[str, list[MLP]]

    def losses(self, name, window=50):
        """Return one contestant's smoothed loss curves, shape (seeds, steps)."""
        return np.array([history.smoothed(window) for history in self._of(name)])

    def final_losses(self, name, last=100):
        """Return one contestant's mean loss over the last steps, shape (seeds,)."""
        return np.array([history.final_loss(last) for history in self._of(name)])

    def _of(self, name):
        return self.histories[known_name("name", name, self.histories)]


def mnist_race(
    contestants,
    dataset,
    *,
    seeds,
    steps=2000,
    batch_size=128,
    optimizer=None,
    sizes=MNIST_SIZES,
    dtype=np.float32,
    progress=False,
):
    """Run the article's second experiment: the same network in a race from several starts.

    Parameters
    ----------
    contestants : dict of str to (initializer, activation), or to list of MLP
        E.g. ``AS_CODED`` or ``AS_LABELLED``. Or networks that are ready to start, one per seed:
        they are copied.
    dataset : Dataset
    seeds : iterable of int
        The race is repeated for each. Within a race, all contestants get the same minibatches, and
        the same draw of weights up to its scale.
    steps, batch_size : int
    optimizer : Optimizer, optional
        By default ``SGD(0.01)``, as in the article.
    sizes : list of int
        Of the networks that are not ready yet.
    dtype : np.float32 or np.float64
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Race
    """
    seeds = checked_seeds(seeds)
    contestants = _checked_contestants(contestants, networks=len(seeds))
    sizes = checked_sizes(sizes)
    # Checked now, so that a mistake in the test data doesn't show up only after the race.
    check_examples(sizes, dataset, "test")
    minibatch_rngs = {seed: np.random.default_rng([seed, 1]) for seed in seeds}
    networks = {
        (name, seed): contestant[k].copy()
        if isinstance(contestant, list)
        else _at_the_start(contestant, sizes, seed, dtype)
        for name, contestant in contestants.items()
        for k, seed in enumerate(seeds)
    }
    histories = train_together(
        networks,
        dataset,
        optimizer=SGD(0.01) if optimizer is None else optimizer,
        steps=steps,
        batch_size=batch_size,
        rngs={(name, seed): minibatch_rngs[seed] for name, seed in networks},
        progress=progress,
    )
    return _judged(networks, histories, dataset)


def _judged(networks, histories, dataset):
    # Both by (name, seed). The networks are evaluated on the test examples.

    def accuracy(network, report):
        return evaluate(network, dataset.x_test, dataset.y_test).accuracy

    accuracies = dict(zip(networks, thread_map(accuracy, networks.values()), strict=True))
    race = Race({}, {}, {})
    for name in dict.fromkeys(name for name, _ in networks):
        keys = [key for key in networks if key[0] == name]
        race.histories[name] = [histories[key] for key in keys]
        race.test_accuracy[name] = np.array([accuracies[key] for key in keys])
        race.networks[name] = [networks[key] for key in keys]
    return race


@dataclass(frozen=True, eq=False)
class AcrossInputs:
    """How far the units of each hidden layer move from input to input, by contestant.

    Attributes
    ----------
    measured : dict of str to array, shape (seeds, hidden layers)
        The std across inputs in untrained networks.
    predicted : dict of str to array, shape (hidden layers,)
        The same according to theory.
    """

    measured: dict[str, np.ndarray]
    predicted: dict[str, np.ndarray]


def across_inputs_before_training(contestants, x, *, seeds, sizes=MNIST_SIZES):
    """Measure, and predict, whether untrained networks notice which input they see.

    Parameters
    ----------
    contestants : dict of str to (initializer, activation)
        E.g. ``AS_CODED`` or ``AS_LABELLED``.
    x : array of float, shape (inputs, features)
    seeds : iterable of int
    sizes : list of int

    Returns
    -------
    AcrossInputs
        Theory uses only two properties of the inputs: the mean square of a feature, and the mean
        product of the same feature in two different inputs. Everything else is calculated.
    """
    x = float_array("x", x, dtype=np.float64, min_dimensions=2)
    check_finite("x", x)
    sizes = checked_sizes(sizes)
    if len(sizes) < 3:
        raise ValueError(f"sizes={sizes!r} must have at least one hidden layer")
    mean_square, mean_product = np.mean(x**2), np.mean(x.mean(axis=0) ** 2)
    hidden = len(sizes) - 2
    fans = list(pairwise(sizes))[:hidden]
    seeds, contestants = checked_seeds(seeds), _checked_contestants(contestants)
    measured, predicted = {}, {}
    for name, (weight_init, activation) in contestants.items():
        networks = [
            _at_the_start((weight_init, activation), sizes, seed, np.float64) for seed in seeds
        ]
        signals = [measure_signals(net, x, rng=np.random.default_rng(0)) for net in networks]
        measured[name] = np.array([found.each("across_input_std")[:hidden] for found in signals])
        sigma_w2 = [fan_in * weight_init.std((fan_in, fan_out)) ** 2 for fan_in, fan_out in fans]
        predicted[name] = theory.layer_by_layer(
            activation, hidden, sigma_w2, input_q=mean_square, input_shared=mean_product
        ).across_input_std
    return AcrossInputs(measured, predicted)


def _at_the_start(contestant, sizes, seed, dtype):
    # The race trains exactly the networks that are measured before it.
    weight_init, activation = contestant
    rng = np.random.default_rng([seed, 0])
    return MLP(sizes, activation=activation, weight_init=weight_init, rng=rng, dtype=dtype)


def _checked_contestants(contestants, *, networks=0):
    # With ``networks``, an entry may be a list of so many.
    if not isinstance(contestants, dict) or not contestants:
        raise TypeError(f"contestants={contestants!r} must be a dict of at least one")
    for name, entry in contestants.items():
        if networks and isinstance(entry, list):
            for network in entry:
                check_mlp(f"each of contestants[{name!r}]", network)
            if len(entry) != networks:
                raise ValueError(
                    f"contestants[{name!r}] must be {networks} networks, one per seed, not"
                    f" {len(entry)}"
                )
        elif not isinstance(entry, tuple) or len(entry) != 2:
            raise TypeError(f"contestants[{name!r}]={entry!r} must be (initializer, activation)")
    return contestants
