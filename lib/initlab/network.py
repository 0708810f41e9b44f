"""Part five of the story: layers in a row are a network.

A multi-layer perceptron alternates ``Dense`` and ``Activation``. Forward runs through the row,
backward runs through it in reverse; that is all of backpropagation that is not in the layers. If
asked for, there is normalization before each activation, and the hidden layers lie in branches.
"""

import copy
from itertools import pairwise

import numpy as np

from initlab import activations
from initlab._engine.checks import float_dtype, generator, overflow_allowed, whole_number
from initlab.layers import Activation, Dense, Residual
from initlab.normalization import BatchNorm, Normalize


def checked_sizes(sizes):
    """Return ``sizes`` as a list of at least two whole numbers of at least 1."""
    if not isinstance(sizes, (list, tuple)):
        raise TypeError(f"sizes={sizes!r}: expected a list, e.g. [784, 100, 10]")
    if len(sizes) < 2:
        raise ValueError(f"sizes={sizes!r}: expected at least inputs and outputs")
    return [whole_number(f"sizes[{i}]", size) for i, size in enumerate(sizes)]


class MLP:
    """A multi-layer perceptron.

    Parameters
    ----------
    sizes : list of int
        Inputs, hidden layers, outputs: ``[784, 100, 100, 100, 100, 10]`` has five Dense layers.
    activation : ActivationFunction or str
        Follows every Dense layer but the last.
    weight_init : initializer
        For all weights. Each layer draws from a child of ``rng``, so that another width in one
        layer leaves the draws of the others alone.
    rng : numpy.random.Generator
    bias_init : initializer, optional
        For all biases, of shape (1, neurons); zeros by default.
    output_activation : ActivationFunction or str
        Follows the last Dense layer; by default none does.
    normalization : BatchNorm or LayerNorm (the class), optional
        Stands between each hidden Dense layer and its activation. Anything will do that makes a
        layer when it is called with a number of features and ``dtype``.
    residual_block_size : int, optional
        The hidden layers behind the first are gathered in branches of so many; the last branch
        takes what is left. A branch begins with an activation and ends with a Dense layer, whose
        output is added to what entered the branch. The hidden layers must be equally wide.
    dtype : np.float32 or np.float64
        The precision of the parameters and of everything computed with them.

    Attributes
    ----------
    layers : list of Dense, Activation, BatchNorm, LayerNorm and Residual
    dense : list of Dense
        With ``.weight``, ``.bias``, ``.weight_grad``, ``.bias_grad``; those in branches, too.

    Raises
    ------
    TypeError, ValueError
        If one of the arguments is not what is said here.

    Notes
    -----
    Source of the algorithm: Rumelhart, Hinton, Williams (1986), "Learning representations by
    back-propagating errors".
    """

    def __init__(
        self,
        sizes,
        *,
        activation,
        weight_init,
        rng,
        bias_init=None,
        output_activation=activations.identity,
        normalization=None,
        residual_block_size=None,
        dtype=np.float64,
    ):
        self.sizes = checked_sizes(sizes)
        self.activation = activations.get(activation)
        self.output_activation = activations.get(output_activation)
        self.dtype = float_dtype(dtype)
        if normalization is not None:
            checked_normalization(normalization)
        if residual_block_size is not None:
            size = whole_number("residual_block_size", residual_block_size)
            if len(set(self.sizes[1:-1])) > 1:
                raise ValueError(
                    f"sizes={self.sizes}: what is added to a branch's input must be as wide, so "
                    "with residual branches all hidden layers need the same width"
                )
        pairs = list(pairwise(self.sizes))
        dense = [
            Dense(*pair, weight_init=weight_init, bias_init=bias_init, rng=child, dtype=self.dtype)
            for pair, child in zip(pairs, generator(rng).spawn(len(pairs)), strict=True)
        ]
        # Behind the first Dense layer follow units of (normalization,) activation and Dense layer.
        units = []
        for width, layer in zip(self.sizes[1:], dense[1:], strict=False):
            norm = [] if normalization is None else [normalization(width, dtype=self.dtype)]
            units.append([*norm, Activation(self.activation), layer])
        hidden, last = units[:-1], units[-1:]
        starts = [] if residual_block_size is None else range(0, len(hidden), size)
        blocks = [Residual(_row(hidden[start : start + size])) for start in starts]
        self.layers = [dense[0], *(blocks or _row(hidden)), *_row(last)]
        if self.output_activation is not activations.identity:
            self.layers.append(Activation(self.output_activation))

    @property
    def dense(self):
        """The Dense layers, in order."""
        return [layer for layer in self.flat_layers if isinstance(layer, Dense)]

    @property
    def flat_layers(self):
        """All layers in the order in which a signal meets them, branches spread out."""
        return list(_leaves(self.layers))

    @property
    def stack_shape(self):
        """The leading axes: () for one network, (K,) for a stack of K."""
        return self.dense[0].weight.shape[:-2]

    def forward(self, x):
        """Return the outputs (for a classifier: the logits).

        Parameters
        ----------
        x : array of float, shape (..., batch, inputs)
            Without leading axes it serves every network of a stack.

        Returns
        -------
        array, shape (..., batch, outputs)

        Raises
        ------
        TypeError, ValueError
            If ``x`` does not hold floats, or the shapes don't fit.
        """
        with overflow_allowed():
            for layer in self.layers:
                x = layer.forward(x)
        return x

    def backward(self, grad, *, input_grad=True):
        """Return dL/dx, given dL/d(outputs), and fill the gradients of every Dense layer.

        Parameters
        ----------
        grad : array of float, shape (..., batch, outputs)
        input_grad : bool
            Training needs no dL/dx, and saves the time with False.

        Returns
        -------
        array, shape (..., batch, inputs), or None if not wanted

        Raises
        ------
        RuntimeError
            If ``forward`` was not called before.
        TypeError, ValueError
            If ``grad`` does not hold floats, or its shape is not that of the outputs.
        """
        with overflow_allowed():
            first, *others = self.layers
            for layer in reversed(others):
                grad = layer.backward(grad)
            # The first layer is a Dense, and can leave out the gradient at the inputs.
            return first.backward(grad) if input_grad else first.backward(grad, input_grad=False)

    def parameters(self):
        """Return the arrays that are learned, [weight, bias, weight, bias, ...] in order.

        Returns
        -------
        list of array
            Of Dense layers of shapes (..., fan_in, fan_out) and (..., 1, fan_out), scale and shift
            of normalizations of shape (..., 1, features).
        """
        return [getattr(layer, name) for layer, name in self._learned()]

    def gradients(self):
        """Return the gradients of the last ``backward``, in the order of ``parameters()``.

        Returns
        -------
        list of array, of the shapes of ``parameters()``; None where ``backward`` never ran
        """
        return [getattr(layer, f"{name}_grad") for layer, name in self._learned()]

    def state(self):
        """Return all that a training changes: ``parameters()``, then running averages.

        Returns
        -------
        list of array
            The arrays themselves. Running averages, of shape (..., 1, features), are there where
            there is a ``BatchNorm``.
        """
        return self.parameters() + [getattr(layer, name) for layer, name in self._averaged()]

    def _learned(self):
        leaves = self.flat_layers
        return [(leaf, name) for leaf in leaves for name in getattr(leaf, "PARAMETERS", ())]

    def _averaged(self):
        leaves = self.flat_layers
        return [(leaf, name) for leaf in leaves for name in getattr(leaf, "AVERAGES", ())]

    def copy(self):
        """Return a network of its own with equal parameters, and nothing remembered yet."""
        return self._with([array.copy() for array in self.state()])

    def view(self):
        """Return a network that shares this one's parameters, but remembers on its own.

        What runs through the probe leaves no trace in the network: its gradients, what its layers
        remember and its running averages stay as they are. Measuring a network in the midst of
        training needs this.
        """
        averages = [getattr(layer, name).copy() for layer, name in self._averaged()]
        return self._with(self.parameters() + averages)

    def for_inference(self):
        """Return a probe in which each ``BatchNorm`` uses its running averages, not the batch.

        What it says of an example depends on no other one. Without ``BatchNorm`` it is a probe like
        any other.
        """
        other = self.view()
        for layer in other.flat_layers:
            if isinstance(layer, BatchNorm):
                layer.inference = True
        return other

    def _with(self, arrays):
        other = copy.copy(self)
        other.layers = [_without_memory(layer) for layer in self.layers]
        slots = other._learned() + other._averaged()
        for (layer, name), array in zip(slots, arrays, strict=True):
            setattr(layer, name, array)
        return other

    @property
    def architecture(self):
        """All that networks must share to be stacked: sizes, layers and precision."""
        functions = self.activation, self.output_activation
        return tuple(self.sizes), *functions, self.dtype, *map(repr, self.layers)

    @classmethod
    def stack(cls, networks):
        """Return K networks of one architecture as one network with a leading axis of length K.

        Parameters
        ----------
        networks : list of MLP
            They are copied, not changed.

        Raises
        ------
        ValueError
            If there are none, or their architectures differ, or one is a stack itself.
        """
        if isinstance(networks, MLP):
            raise TypeError(f"networks={networks!r}: expected a list of them")
        networks = list(networks)
        if not networks:
            raise ValueError("networks=[]: there is nothing to stack")
        for network in networks:
            if not isinstance(network, MLP):
                raise TypeError(f"networks holds {network!r}: expected an MLP")
            if network.stack_shape:
                raise ValueError(f"{network!r} is a stack already; stack its .unstack()")
            if network.architecture != networks[0].architecture:
                raise ValueError(
                    f"{network!r} cannot be stacked with {networks[0]!r}: "
                    "sizes, layers and precision must be equal"
                )
        rows = zip(*(network.state() for network in networks), strict=True)
        return networks[0]._with([np.stack(row) for row in rows])

    def unstack(self):
        """Return the K networks of a stack, each with a copy of its parameters.

        Raises
        ------
        ValueError
            If this is a single network.
        """
        if not self.stack_shape:
            raise ValueError(f"{self!r} is a single network, not a stack")
        return [
            self._with([array[k].copy() for array in self.state()])
            for k in range(self.stack_shape[0])
        ]

    def __repr__(self):
        """Return what the network is."""
        leaves, blocks = self.flat_layers, [la for la in self.layers if isinstance(la, Residual)]
        kinds = {type(leaf).__name__: None for leaf in leaves if isinstance(leaf, Normalize)}
        extra = "".join(f", {kind}" for kind in kinds)
        extra += f", {len(blocks)} residual branches" if blocks else ""
        sizes = "-".join(str(size) for size in self.sizes)
        stack = f"{self.stack_shape[0]} x " if self.stack_shape else ""
        last = self.output_activation
        last = "" if last is activations.identity else f", output {last!r}"
        return f"{stack}MLP({sizes}, {self.activation!r}{last}{extra}, {self.dtype})"


def checked_normalization(normalization):
    """Refuse what makes no layer, such as a layer or a name."""
    if not callable(normalization):
        raise TypeError(
            f"normalization={normalization!r}: expected BatchNorm or LayerNorm, or None"
        )


def _row(units):
    return [layer for unit in units for layer in unit]


def _leaves(layers):
    for layer in layers:
        if isinstance(layer, Residual):
            yield from _leaves(layer.layers)
        else:
            yield layer


def _without_memory(layer):
    layer = copy.copy(layer)
    if isinstance(layer, Residual):
        layer.layers = [_without_memory(inner) for inner in layer.layers]
    layer.clear_cache()
    return layer
