"""The network learns its starting point, one layer at a time.

Around 2006 deep sigmoid networks were thought too hard to train from random weights. So each layer
first learned, without any labels, to describe the output of the layer below, as a restricted
Boltzmann machine or an autoencoder. The weights found in this way were the start of the training.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from initlab._engine import checks
from initlab._engine.parallel import one_blas_thread
from initlab._engine.progress import reporting
from initlab._engine.types import DTypeLike, FloatArray, Rng
from initlab.activations import sigmoid
from initlab.datasets import minibatches
from initlab.initializers import Initializer, normal, xavier_normal
from initlab.layers import Activation, Dense, run_forward
from initlab.losses import mean_squared_error
from initlab.network import MLP, check_mlp
from initlab.optimizers import SGD, Adam, Optimizer, check_optimizer
from initlab.training import StopTraining


class RBM:
    """A restricted Boltzmann machine: two layers of binary units that explain each other.

    Every visible unit is connected to every hidden unit by a weight, used in both directions.

    Parameters
    ----------
    visible, hidden : int
        The number of units of each kind.
    rng : numpy.random.Generator
        Draws the weights.
    weight_init : initializer, optional
        By default ``normal(0.01)``, as in Hinton (2010), "A practical guide to training restricted
        Boltzmann machines", section 8. The biases start at zero.
    dtype : np.float32 or np.float64

    Attributes
    ----------
    weight : array, shape (visible, hidden)
    visible_bias : array, shape (1, visible)
    hidden_bias : array, shape (1, hidden)
    """

    def __init__(
        self,
        visible: int,
        hidden: int,
        *,
        rng: Rng,
        weight_init: Initializer | None = None,
        dtype: DTypeLike = np.float64,
    ):
        dense = Dense(
            checks.whole_number("visible", visible),
            checks.whole_number("hidden", hidden),
            weight_init=normal(0.01) if weight_init is None else weight_init,
            rng=rng,
            dtype=dtype,
        )
        self.weight, self.hidden_bias = dense.weight, dense.bias
        self.visible_bias = np.zeros((1, visible), dtype)

    def hidden_probabilities(self, v: FloatArray) -> FloatArray:
        """Return the probability that each hidden unit is on, given the visible units.

        Parameters
        ----------
        v : array of float, shape (batch, visible)
            From 0 to 1.

        Returns
        -------
        array, shape (batch, hidden)
            The output of a Dense layer with this weight and bias, followed by sigmoid.
        """
        v = checks.float_array("v", v, dtype=self.weight.dtype)
        with checks.overflow_allowed():
            return sigmoid(v @ self.weight + self.hidden_bias)

    def visible_probabilities(self, h: FloatArray) -> FloatArray:
        """Return the probability that each visible unit is on, given the hidden units.

        Parameters
        ----------
        h : array of float, shape (batch, hidden)

        Returns
        -------
        array, shape (batch, visible)
        """
        h = checks.float_array("h", h, dtype=self.weight.dtype)
        with checks.overflow_allowed():
            return sigmoid(h @ self.weight.T + self.visible_bias)

    def gradients(self, v: FloatArray, *, rng: Rng) -> tuple[float, list[FloatArray]]:
        """Return the reconstruction error and the gradients of contrastive divergence (CD-1).

        The hidden units see the data and are sampled; the visible units are reconstructed from the
        sample (the "dream"); then the hidden units see the dream. A weight should grow if its two
        units are on together in the data, and shrink if they are on together in the dream.

        Parameters
        ----------
        v : array of float, shape (batch, visible)
        rng : numpy.random.Generator
            Samples the hidden units.

        Returns
        -------
        error : float
            The mean squared difference between data and reconstruction.
        gradients : list of array, of the shapes of ``parameters()``
            For descent: the dream's correlations minus the data's, as means over the batch.

        Notes
        -----
        Source: Hinton (2002), "Training products of experts by minimizing contrastive divergence";
        sampled and averaged as recommended by Hinton (2010), section 3.
        """
        v = _units("v", v, self.weight.shape[0], self.weight.dtype)
        awake = self.hidden_probabilities(v)
        decided = (checks.generator(rng).random(awake.shape) < awake).astype(v.dtype)
        dream_v = self.visible_probabilities(decided)
        dream_h = self.hidden_probabilities(dream_v)
        with checks.overflow_allowed():
            weight_grad = (dream_v.T @ dream_h - v.T @ awake) / len(v)
        visible_grad = (dream_v - v).mean(axis=0, keepdims=True)
        hidden_grad = (dream_h - awake).mean(axis=0, keepdims=True)
        return float(np.square(dream_v - v).mean()), [weight_grad, visible_grad, hidden_grad]

    def parameters(self) -> list[FloatArray]:
        """Return the arrays themselves, not copies: weight, visible_bias, hidden_bias."""
        return [self.weight, self.visible_bias, self.hidden_bias]

    def encoder(self) -> tuple[FloatArray, FloatArray]:
        """Return the weight and bias that map the visible units to the hidden ones."""
        return self.weight, self.hidden_bias

    def __repr__(self) -> str:
        """Return the numbers of units."""
        visible, hidden = self.weight.shape
        return f"RBM({visible} - {hidden})"


class Autoencoder:
    """A network with one hidden layer that learns to reproduce its input.

    Parameters
    ----------
    visible, hidden : int
        The number of features, and of the hidden units from which they are reconstructed.
    rng : numpy.random.Generator
        Draws the weights.
    weight_init : initializer, optional
        By default ``xavier_normal()``. (So this start needs a start of its own.)
    dtype : np.float32 or np.float64

    Attributes
    ----------
    network : MLP
        From visible to hidden to visible units, with sigmoid after both layers.

    Notes
    -----
    Source: Bengio, Lamblin, Popovici, Larochelle (2007), "Greedy layer-wise training of deep
    networks", section 4, but with the squared error.
    """

    def __init__(
        self,
        visible: int,
        hidden: int,
        *,
        rng: Rng,
        weight_init: Initializer | None = None,
        dtype: DTypeLike = np.float64,
    ):
        shape = checks.whole_number("visible", visible), checks.whole_number("hidden", hidden)
        self.network = MLP(
            [*shape, visible],
            activation=sigmoid,
            output_activation=sigmoid,
            weight_init=xavier_normal() if weight_init is None else weight_init,
            rng=rng,
            dtype=dtype,
        )

    def gradients(self, v: FloatArray, *, rng: Rng | None = None) -> tuple[float, list[FloatArray]]:
        """Return the reconstruction error and its gradients, by backpropagation.

        Parameters
        ----------
        v : array of float, shape (batch, visible)
            From 0 to 1.
        rng : numpy.random.Generator, optional
            Ignored, since nothing is random here.

        Returns
        -------
        error : float
            The mean squared difference between data and reconstruction.
        gradients : list of array, of the shapes of ``parameters()``
        """
        v = _units("v", v, self.network.sizes[0], self.network.dtype)
        error, grad = mean_squared_error(self.network.forward(v), v)
        self.network.backward(grad, input_grad=False)
        return float(error), self.network.gradients()

    def parameters(self) -> list[FloatArray]:
        """Return the arrays themselves: weight and bias of the hidden, then of the output layer."""
        return self.network.parameters()

    def encoder(self) -> tuple[FloatArray, FloatArray]:
        """Return the weight and bias of the hidden layer."""
        return self.network.dense[0].weight, self.network.dense[0].bias

    def __repr__(self) -> str:
        """Return the numbers of units."""
        visible, hidden, _ = self.network.sizes
        return f"Autoencoder({visible} - {hidden} - {visible})"


# The learner of each method, and its default optimizer.
METHODS: dict[str, tuple[Any, Optimizer]] = {
    "rbm": (RBM, SGD(0.1, momentum=0.5)),
    "autoencoder": (Autoencoder, Adam(0.002)),
}


def pretrain(
    network: MLP,
    x: FloatArray,
    *,
    method: str = "rbm",
    steps: int = 1000,
    batch_size: int = 128,
    optimizer: Optimizer | None = None,
    weight_init: Initializer | None = None,
    rng: Rng,
    progress: bool = False,
    callback: Callable[[int, float], object] | None = None,
) -> FloatArray:
    """Give each hidden layer a start that it learned itself, from the bottom up, without labels.

    Layer 1 learns to describe the data, layer 2 to describe the output of layer 1, and so on. This
    is greedy: once learned, a layer is not changed again. The output layer keeps its weights.

    Parameters
    ----------
    network : MLP
        With sigmoid after its hidden layers. Their weights and biases are changed in place.
    x : array of float, shape (examples, features)
        From 0 to 1.
    method : {"rbm", "autoencoder"}
    steps, batch_size : int
        For each layer.
    optimizer : Optimizer, optional
        By default ``SGD(0.1, momentum=0.5)`` for RBMs and ``Adam(0.002)`` for autoencoders. Each
        layer gets a copy.
    weight_init : Initializer, optional
        The start of each learner; by default, the learner's own default.
    rng : numpy.random.Generator
        Each layer draws from its own child of ``rng``, so that the first layers of a deep network
        learn the same as those of a shallower one, given an equal generator.
    progress : bool
        Whether to show a progress bar.
    callback : callable, optional
        Called as ``callback(step, error)`` after each step, counted from 0 over all layers. If it
        raises ``training.StopTraining``, pretraining ends there; layers already completed keep what
        they learned.

    Returns
    -------
    array, shape (hidden layers, steps)
        The reconstruction error before each update, on the minibatch of that update. If the error
        or the weights become non-finite, that layer and those above keep their original weights,
        and the rest of the array is NaN.

    Notes
    -----
    Sources: Hinton, Salakhutdinov (2006), "Reducing the dimensionality of data with neural
    networks"; Bengio, Lamblin, Popovici, Larochelle (2007), "Greedy layer-wise training of deep
    networks".
    """
    learner_class, usual = METHODS[checks.known_name("method", method, METHODS)]
    hidden = _sigmoid_layers(network)
    x = _units("x", x, network.sizes[0], network.dtype)
    fresh: Optimizer = check_optimizer(usual if optimizer is None else optimizer)
    errors = np.full((len(hidden), checks.whole_number("steps", steps)), np.nan)
    children = checks.generator(rng).spawn(len(hidden))
    learners = [
        learner_class(*dense.weight.shape, rng=child, weight_init=weight_init, dtype=network.dtype)
        for dense, child in zip(hidden, children, strict=True)
    ]
    bar = reporting(progress, errors.size, "pretraining")
    with bar as report, checks.overflow_allowed(), one_blas_thread():
        for depth, (dense, learner) in enumerate(zip(hidden, learners, strict=True)):
            step_maker, child = fresh.reset_copy(), children[depth]
            below = network.view().layers[: 2 * depth]
            batches = minibatches(x, x, batch_size=batch_size, steps=steps, rng=child)
            for step, (v, _) in enumerate(batches):
                v = run_forward(below, v)
                if not np.isfinite(v).all():
                    return errors  # the weights are finite, but their sums overflow
                errors[depth, step], gradients = learner.gradients(v, rng=child)
                if not np.isfinite(errors[depth, step]):
                    return errors
                step_maker.step(learner.parameters(), gradients)
                report(1)
                try:
                    if callback is not None:
                        callback(depth * steps + step, float(errors[depth, step]))
                except StopTraining:
                    return errors
            learned = learner.encoder()
            if not all(np.isfinite(array).all() for array in learned):
                return errors  # the very last update overflowed
            for mine, found in zip((dense.weight, dense.bias), learned, strict=True):
                mine[...] = found
    return errors


def _sigmoid_layers(network: MLP) -> list[Dense]:
    if check_mlp("network", network).stack_shape:
        raise ValueError(f"{network!r} is a stack; pretrain each network of its .unstack()")
    if network.activation is not sigmoid:
        raise ValueError(f"{network!r}: pretraining needs sigmoid, for units from 0 to 1")
    if not all(isinstance(layer, (Dense, Activation)) for layer in network.layers):
        raise ValueError(f"{network!r}: pretraining needs Dense layers with sigmoid, and no others")
    if len(network.dense) < 2:
        raise ValueError(f"{network!r} has no hidden layer to pretrain")
    return network.dense[:-1]


def _units(name: str, value: Any, count: int, dtype: Any) -> FloatArray:
    value = checks.float_array(name, value, dtype=dtype, min_dimensions=2)
    if value.ndim != 2 or value.shape[1] != count or len(value) == 0:
        raise ValueError(f"{name} has shape {value.shape}; expected (examples, {count})")
    low, high = value.min(), value.max()
    if not (low >= 0 and high <= 1):
        raise ValueError(f"{name} goes from {low:g} to {high:g}; expected numbers from 0 to 1")
    return value
