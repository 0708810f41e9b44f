"""Five layers of a hundred neurons, and Gaussian inputs: what the start does to signals."""

import numpy as np

from initlab import initializers as init
from initlab._engine.checks import whole_number
from initlab.activations import sigmoid
from initlab.datasets import gaussian_inputs
from initlab.experiments._checks import checked_seeds
from initlab.network import MLP
from initlab.signals import MEASUREMENTS, measure_signals


def five_layers(
    weight_init,
    *,
    activation=sigmoid,
    seed=0,
    depth=5,
    width=100,
    inputs=1000,
    dtype=np.float64,
):
    """The article's first experiment: Gaussian inputs through five layers of a hundred neurons.

    Parameters
    ----------
    weight_init : initializer
    activation : ActivationFunction or str
        Follows every layer, the last one too.
    seed : int
        Of inputs, weights and gradient. Two calls with the same seed and another std see the same
        inputs, and weights that differ by a factor only.
    depth, width, inputs : int
        Layers, neurons in each (and features of an input), and how many inputs.
    dtype : np.float32 or np.float64

    Returns
    -------
    Signals
        With a standard normal gradient at the last layer's output.
    """
    seed = whole_number("seed", seed, at_least=0)
    input_rng, weight_rng, gradient_rng = np.random.default_rng(seed).spawn(3)
    network = MLP(
        [width] * (whole_number("depth", depth) + 1),
        activation=activation,
        output_activation=activation,
        weight_init=weight_init,
        rng=weight_rng,
        dtype=dtype,
    )
    x = gaussian_inputs(inputs, width, rng=input_rng, dtype=dtype)
    return measure_signals(network, x, rng=gradient_rng)


def over_seeds(weight_init, seeds, **settings):
    """Repeat ``five_layers`` over seeds.

    Parameters
    ----------
    weight_init : initializer
    seeds : iterable of int
    **settings
        As for ``five_layers``.

    Returns
    -------
    dict of str to array, shape (seeds, layers)
        Each of ``MEASUREMENTS``.
    """
    seeds = checked_seeds(seeds)
    runs = [five_layers(weight_init, seed=seed, **settings) for seed in seeds]
    return {name: np.array([run.each(name) for run in runs]) for name in MEASUREMENTS}


def over_stds(stds, seeds, **settings):
    """Repeat ``over_seeds`` for Gaussian weights of several standard deviations.

    Parameters
    ----------
    stds : list of float
    seeds : iterable of int
    **settings
        As for ``five_layers``.

    Returns
    -------
    dict of str to array, shape (stds, seeds, layers)
        Each of ``MEASUREMENTS``.
    """
    if np.ndim(stds) != 1 or len(stds) == 0:
        raise ValueError(f"stds={stds!r} must be a list of at least one")
    seeds = checked_seeds(seeds)
    runs = [over_seeds(init.normal(std), seeds, **settings) for std in stds]
    return {name: np.stack([run[name] for run in runs]) for name in MEASUREMENTS}
