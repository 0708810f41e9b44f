"""Sliders that keep up with the hand.

For each setting, the kernel computes once what a picture shows at every position of its slider
(``settings``, ``tables``). The page stores that table and draws from it (``picture`` and the
``.js`` files). The slider is linked to the picture in the page, so dragging doesn't involve the
kernel. A notebook also keeps a still picture and the state, for where no kernel is running
(``Explorer._repr_mimebundle_``, ``reopened``).
"""

from initlab.explorers.fold import FoldExplorer, FoldSettings
from initlab.explorers.phase import PhaseExplorer, PhaseSettings
from initlab.explorers.std import (
    ActivationExplorer,
    ActivationSettings,
    CompareExplorer,
    SignalExplorer,
    SignalSettings,
)
from initlab.explorers.tables import Reading, scrub_table
from initlab.explorers.training import (
    TrainingExplorer,
    TrainingSettings,
    recording,
    training_curve,
)
