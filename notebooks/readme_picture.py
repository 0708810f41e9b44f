"""Draw the picture of the README: the activations of two networks before any training."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from initlab import MLP, load_mnist, measure_signals, plotting
from initlab import initializers as init
from initlab.experiments import MNIST_SIZES

STARTS = {0.1: plotting.BLUE, 1.0: plotting.ORANGE}


def draw():
    """Return the figure: a histogram of all activations for each start."""
    plotting.use_style()
    figure, axes = plt.subplots(1, len(STARTS), figsize=(13, 4.2), sharey=True)
    images = load_mnist().x_test[:1000]
    for ax, (std, color) in zip(axes, STARTS.items(), strict=True):
        rng = np.random.default_rng(0)
        network = MLP(MNIST_SIZES, activation="sigmoid", weight_init=init.normal(std), rng=rng)
        h = np.stack(
            [layer.h for layer in measure_signals(network, images, rng=rng).layers[:-1]]
        ).ravel()
        ax.hist(h, 20, range=(0, 1), weights=np.full(h.size, 1 / h.size), color=color)
        ax.set(title=f"weights with std {std:g}", xlabel="activation")
        ax.yaxis.set_major_formatter(plotting.PERCENT)
    axes[0].set_ylabel("share of activations")
    return figure


if __name__ == "__main__":
    # No version of matplotlib in the file: the same picture, the same bytes.
    draw().savefig(Path(__file__).with_name("hill_or_piles.png"), metadata={"Software": None})
