"""What makes a notebook a lesson: a bet before the measurement, and exercises after it.

``prediction`` keeps the bets, ``progress`` shows how long something takes, ``answers`` compares an
answer with the right one and with the likely wrong ones, ``exercises`` holds one check for each
exercise of the series.
"""

from initlab._engine.progress import progress_bar
from initlab.classroom.checks import Answer, Check
from initlab.classroom.exercises import (
    check_accuracy,
    check_backward_through_layer,
    check_batch_norm_chi,
    check_cd1_gradient,
    check_chance_of_oversight,
    check_chi,
    check_dead_share,
    check_depth_scale,
    check_fixup_factor,
    check_gradient_of_loss,
    check_he_normal,
    check_layer_weights,
    check_leaky_gain,
    check_on_the_diagonal,
    check_one_neuron,
    check_pca_reconstruction,
    check_pytorch_std,
    check_saturated_share,
    check_spread,
    check_std_for_sums,
    check_std_that_keeps_gradients,
    check_unsaturated_share,
    check_warm_up,
    check_xavier_std,
    check_xavier_uniform,
)
from initlab.classroom.prediction import Prediction

__all__ = [
    "Answer",
    "Check",
    "Prediction",
    "check_accuracy",
    "check_backward_through_layer",
    "check_batch_norm_chi",
    "check_cd1_gradient",
    "check_chance_of_oversight",
    "check_chi",
    "check_dead_share",
    "check_depth_scale",
    "check_fixup_factor",
    "check_gradient_of_loss",
    "check_he_normal",
    "check_layer_weights",
    "check_leaky_gain",
    "check_on_the_diagonal",
    "check_one_neuron",
    "check_pca_reconstruction",
    "check_pytorch_std",
    "check_saturated_share",
    "check_spread",
    "check_std_for_sums",
    "check_std_that_keeps_gradients",
    "check_unsaturated_share",
    "check_warm_up",
    "check_xavier_std",
    "check_xavier_uniform",
    "progress_bar",
]
