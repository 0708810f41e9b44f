"""What libraries really draw a layer's weights from, against ``experiments.LIBRARY_DEFAULTS``.

Run: python benchmarks/framework_defaults.py
Libraries that are not installed are named as skipped. Exits with 1 if a default is not what the
table says.
"""

import importlib
import importlib.util
import math
import sys

import numpy as np

from initlab.experiments import LIBRARY_DEFAULTS, scikit_learn_start

FANS = (300, 200)


def scikit_learn(activation):
    """Return what MLPClassifier draws for its first layer."""
    return scikit_learn_start([*FANS, 10], activation=activation, seed=0).dense[0].weight


def pytorch():
    """Return what nn.Linear draws, turned to (fan_in, fan_out)."""
    import torch

    torch.manual_seed(0)
    return torch.nn.Linear(*FANS).weight.detach().numpy().T


def keras():
    """Return what Dense draws."""
    import keras

    keras.utils.set_random_seed(0)
    layer = keras.layers.Dense(FANS[1])
    layer.build((None, FANS[0]))
    return np.asarray(layer.get_weights()[0])


PEERS = {
    "scikit-learn, relu or tanh": ("sklearn", lambda: scikit_learn("relu")),
    "scikit-learn, logistic": ("sklearn", lambda: scikit_learn("sigmoid")),
    "PyTorch": ("torch", pytorch),
    "Keras": ("keras", keras),
}


def main():
    """Print a line for each library; return whether all draw what the table says."""
    agree = True
    for name, (module, draw) in PEERS.items():
        if importlib.util.find_spec(module) is None:
            print(f"{name:27} skipped: {module} is not installed")
            continue
        weight, std = draw(), LIBRARY_DEFAULTS[name].std(FANS)
        bound = math.sqrt(3) * std  # all of them are uniform
        fits = abs(weight.std() / std - 1) < 0.02 and 0.99 < np.abs(weight).max() / bound < 1.00001
        agree = agree and fits
        version = importlib.import_module(module).__version__
        print(
            f"{name:27} {version}: std {weight.std():.5f}, table {std:.5f};"
            f" largest {np.abs(weight).max():.5f}, bound {bound:.5f}:"
            f" {'as in the table' if fits else 'DIFFERENT'}"
        )
    return agree


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
