"""initlab: how to start a neural network, from scratch and measured.

"The article" that the modules speak of is "The method of initializing weight parameters in a neural
network is summarized with implementation" (2020); its program is at
https://github.com/Fumio-eisan/Weight_20200502.

The rooms, from the ground floor up: ``initializers``, ``activations``, ``losses``, ``datasets``;
``layers``, ``blocks``, ``optimizers``, ``results``; ``network``, ``theory``;
``signals``, ``training``, ``gradient_check``, ``pretraining``, ``starts``; ``sweeps``,
``experiments``, ``ledger``; ``plotting``, ``classroom``; ``explorers``.
"""

from initlab.datasets import Dataset, gaussian_inputs, load_idx, load_mnist, load_openml
from initlab.experiments.sweeps import sweep
from initlab.gradient_check import check_gradients
from initlab.layers import Activation, Dense, Residual
from initlab.losses import mean_squared_error, softmax_cross_entropy
from initlab.network import MLP
from initlab.normalization import BatchNorm, LayerNorm
from initlab.optimizers import SGD, Adam, WarmUp
from initlab.signals import jacobian, measure_signals
from initlab.starts import fixup, lsuv
from initlab.training import History, evaluate, train, train_together

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "SGD",
    "Activation",
    "Adam",
    "BatchNorm",
    "Dataset",
    "Dense",
    "History",
    "LayerNorm",
    "Residual",
    "WarmUp",
    "check_gradients",
    "evaluate",
    "fixup",
    "gaussian_inputs",
    "jacobian",
    "load_idx",
    "load_mnist",
    "load_openml",
    "lsuv",
    "mean_squared_error",
    "measure_signals",
    "softmax_cross_entropy",
    "sweep",
    "train",
    "train_together",
]
