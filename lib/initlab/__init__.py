"""initlab: how to start a neural network, from scratch and measured.

"The article" mentioned in the modules is "The method of initializing weight parameters in a neural
network is summarized with implementation" (2020); its program is at
https://github.com/Fumio-eisan/Weight_20200502.

The core, in the order in which to read it; each module imports only from those before it:
``initializers``, ``activations``, ``losses``, ``layers``, ``normalization``, ``network``,
``gradient_check``, ``optimizers``, ``datasets``, ``training``, ``signals``, ``theory``, ``starts``,
``pretraining``.

The core is meant to be read, the rest to be used: ``experiments`` (one function per figure),
``plotting``, ``classroom`` (bets, exercises, the ledger of claims), ``explorers`` (the sliders),
``workbook`` (the student's own copies of the notebooks), and, underneath it all, ``_engine``
(argument checks, parallel work).
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
