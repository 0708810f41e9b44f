"""Sliders that keep up with the hand.

For one setting the kernel computes what a picture shows at every position of its std slider, once
(``tables``). The page keeps that table and draws from it (``picture`` and the ``.js`` files), and
the slider is linked to the picture in the page: to drag it asks no kernel.
"""

from initlab.explorers.activation import ActivationExplorer, ActivationSettings, activation_table
from initlab.explorers.compare import CompareExplorer
from initlab.explorers.phase import PhaseExplorer, PhaseSettings, phase_table
from initlab.explorers.signal import SignalExplorer, SignalSettings, signal_table
from initlab.explorers.training import TrainingExplorer, TrainingSettings, training_curve

__all__ = [
    "ActivationExplorer",
    "ActivationSettings",
    "CompareExplorer",
    "PhaseExplorer",
    "PhaseSettings",
    "SignalExplorer",
    "SignalSettings",
    "TrainingExplorer",
    "TrainingSettings",
    "activation_table",
    "phase_table",
    "signal_table",
    "training_curve",
]
