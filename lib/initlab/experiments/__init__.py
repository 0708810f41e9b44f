"""The experiments of the series, one function per figure.

Notebooks, sliders, benchmarks and tests all call these functions, so that a number means the same
thing everywhere. Each builds networks with the library, measures them, and returns plain results.

``folding``: the bell curve of one sum. ``gaussian``: signals in untrained networks. ``race``:
starts compared by training on MNIST. ``symmetry``: equal neurons. ``pretrained``: starts that were
learned. ``sklearn_mlp``: what scikit-learn does. ``plane``: order and chaos. ``remedies``: what
makes the start matter less. ``sweeps``: one network for every point of a grid.
"""

from initlab.experiments.folding import FoldedBell, folded_bell
from initlab.experiments.gaussian import ScaledNetwork, five_layers, over_seeds, over_stds
from initlab.experiments.plane import (
    INPUT_CORRELATION,
    PhasePlane,
    PlaneDiagram,
    at_points,
    plane_diagram,
    trainability,
)
from initlab.experiments.pretrained import pretrained_starts
from initlab.experiments.race import (
    AS_CODED,
    AS_LABELLED,
    MNIST_SIZES,
    AcrossInputs,
    Race,
    across_inputs_before_training,
    mnist_race,
)
from initlab.experiments.remedies import (
    FIVE_STARTS,
    REMEDIES,
    Remedy,
    RemedyTable,
    cost_of_remedies,
    remedies_by_start,
)
from initlab.experiments.sklearn_mlp import (
    LIBRARY_DEFAULTS,
    scikit_learn_start,
    train_scikit_learn,
)
from initlab.experiments.symmetry import Symmetry, break_symmetry
