"""Sliders that keep up with the hand.

For one setting the kernel computes what a picture shows at every position of its slider, once
(``settings``, ``tables``). The page keeps that table and draws from it (``picture`` and the ``.js``
files), and the slider is linked to the picture in the page: to drag it asks no kernel.
"""

from initlab.explorers.phase import PhaseExplorer, PhaseSettings
from initlab.explorers.std import (
    ActivationExplorer,
    ActivationSettings,
    CompareExplorer,
    SignalExplorer,
    SignalSettings,
)
from initlab.explorers.tables import Reading, scrub_table
from initlab.explorers.training import TrainingExplorer, TrainingSettings, training_curve

__all__ = [
    "ActivationExplorer",
    "ActivationSettings",
    "CompareExplorer",
    "PhaseExplorer",
    "PhaseSettings",
    "Reading",
    "SignalExplorer",
    "SignalSettings",
    "TrainingExplorer",
    "TrainingSettings",
    "scrub_table",
    "training_curve",
]
