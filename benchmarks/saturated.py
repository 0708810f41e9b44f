"""How much longer does a training take if the weights start at std 10 instead of 1?

    python benchmarks/saturated.py

Both make the same number of operations. But far out on the flat ends of a curve there are numbers
too small for a processor to multiply at full speed: ``Activation`` sets them to 0. Medians of five
rounds, least to greatest, in turns.
"""

import statistics
import time

import numpy as np

from initlab import MLP, SGD, load_mnist, train_together
from initlab.experiments import MNIST_SIZES
from initlab.initializers import normal

STEPS, NETWORKS, ROUNDS = 100, 6, 5


def seconds(activation, std, mnist):
    """Return how long a training takes."""
    how = {"activation": activation, "weight_init": normal(std), "dtype": np.float32}
    networks = [MLP(MNIST_SIZES, rng=np.random.default_rng(k), **how) for k in range(NETWORKS)]
    start, rng = time.perf_counter(), np.random.default_rng(0)
    settings = {"optimizer": SGD(0.5), "steps": STEPS, "batch_size": 128, "rng": rng}
    train_together(networks, mnist, **settings)
    return time.perf_counter() - start


def main():
    """Print the ratio for two curves."""
    mnist = load_mnist()
    for activation in ("sigmoid", "tanh"):
        seconds(activation, 1.0, mnist)  # to warm up
        ratios = [
            seconds(activation, 10.0, mnist) / seconds(activation, 1.0, mnist)
            for _ in range(ROUNDS)
        ]
        middle, least, most = statistics.median(ratios), min(ratios), max(ratios)
        print(f"{activation}: {middle:.1f} times as long ({least:.1f} to {most:.1f})")


if __name__ == "__main__":
    main()
