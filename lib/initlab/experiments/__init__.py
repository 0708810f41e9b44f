"""The experiments of the series, one function a figure.

Notebooks, sliders, benchmarks and tests all call these, so that a number means the same everywhere.
Each builds networks out of the library, measures them, and returns plain results.

``gaussian``: signals in untrained networks. ``race``: starts compared in training on MNIST.
``symmetry``: equal neurons. ``pretrained``: starts that were learned. ``peers``: what scikit-learn
does.
"""

from initlab.experiments.gaussian import against_std, five_layers, over_seeds
from initlab.experiments.peers import DEFAULTS, scikit_learn_start, train_scikit_learn
from initlab.experiments.pretrained import (
    PretrainingRace,
    pretraining_race,
    pretraining_steps_in_all,
)
from initlab.experiments.race import (
    AS_CODED,
    AS_LABELLED,
    MNIST_SIZES,
    RESCUES,
    AcrossInputs,
    Race,
    across_inputs_before_training,
    mnist_race,
    rescue_race,
)
from initlab.experiments.rescaled import Rescaled
from initlab.experiments.symmetry import Symmetry, break_symmetry

__all__ = [
    "AS_CODED",
    "AS_LABELLED",
    "DEFAULTS",
    "MNIST_SIZES",
    "RESCUES",
    "AcrossInputs",
    "PretrainingRace",
    "Race",
    "Rescaled",
    "Symmetry",
    "across_inputs_before_training",
    "against_std",
    "break_symmetry",
    "five_layers",
    "mnist_race",
    "over_seeds",
    "pretraining_race",
    "pretraining_steps_in_all",
    "rescue_race",
    "scikit_learn_start",
    "train_scikit_learn",
]
