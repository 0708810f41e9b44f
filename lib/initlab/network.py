"""Part five of the story: layers in a row are a network.

A multi-layer perceptron alternates ``Dense`` and ``Activation``. Forward runs through the row,
backward runs through it in reverse; that is all of backpropagation that is not in the layers.
"""

import copy
from itertools import pairwise

import numpy as np

from initlab import activations
from initlab._checks import float_dtype, generator, overflow_allowed, whole_number
from initlab.layers import Activation, Dense


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
    dtype : np.float32 or np.float64
        The precision of the parameters and of everything computed with them.

    Attributes
    ----------
    layers : list of Dense and Activation
    dense : list of Dense
        With ``.weight``, ``.bias``, ``.weight_grad``, ``.bias_grad``.

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
        dtype=np.float64,
    ):
        self.sizes = checked_sizes(sizes)
        self.activation = activations.get(activation)
        self.output_activation = activations.get(output_activation)
        self.dtype = float_dtype(dtype)
        self.layers = []
        pairs = list(pairwise(self.sizes))
        for (fan_in, fan_out), child in zip(pairs, generator(rng).spawn(len(pairs)), strict=True):
            dense = Dense(
                fan_in,
                fan_out,
                weight_init=weight_init,
                bias_init=bias_init,
                rng=child,
                dtype=self.dtype,
            )
            self.layers += [dense, Activation(self.activation)]
        self.layers.pop()
        if self.output_activation is not activations.identity:
            self.layers.append(Activation(self.output_activation))

    @property
    def dense(self):
        """The Dense layers, in order."""
        return [layer for layer in self.layers if isinstance(layer, Dense)]

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

    def backward(self, grad, *, to_inputs=True):
        """Return dL/dx, given dL/d(outputs), and fill the gradients of every Dense layer.

        Parameters
        ----------
        grad : array of float, shape (..., batch, outputs)
        to_inputs : bool
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
            return first.backward(grad) if to_inputs else first.backward(grad, to_inputs=False)

    def parameters(self):
        """Return the arrays themselves, [weight, bias, weight, bias, ...] from the first layer.

        Returns
        -------
        list of array, shapes (..., fan_in, fan_out) and (..., 1, fan_out) in turn
        """
        return [array for layer in self.dense for array in (layer.weight, layer.bias)]

    def gradients(self):
        """Return the gradients of the last ``backward``, in the order of ``parameters()``.

        Returns
        -------
        list of array, of the shapes of ``parameters()``; None where ``backward`` never ran
        """
        return [array for layer in self.dense for array in (layer.weight_grad, layer.bias_grad)]

    def copy(self):
        """Return a network of its own with equal parameters, and nothing remembered yet."""
        return self._with([(layer.weight.copy(), layer.bias.copy()) for layer in self.dense])

    def probe(self):
        """Return a network that shares this one's parameters, but remembers on its own.

        What runs through the probe leaves no trace in the network: its gradients and what its
        layers remember stay as they are. Measuring a network in the midst of training needs this.
        """
        return self._with([(layer.weight, layer.bias) for layer in self.dense])

    def _with(self, parameters):
        other = copy.copy(self)
        other.layers = [copy.copy(layer) for layer in self.layers]
        for layer in other.layers:
            layer.forget()
        for layer, (weight, bias) in zip(other.dense, parameters, strict=True):
            layer.weight, layer.bias = weight, bias
        return other

    @property
    def architecture(self):
        """All that networks must share to be stacked: sizes, activations and precision."""
        return tuple(self.sizes), self.activation, self.output_activation, self.dtype

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
                    "sizes, activations and precision must be equal"
                )
        layers = zip(*(network.dense for network in networks), strict=True)
        return networks[0]._with(
            [(np.stack([d.weight for d in row]), np.stack([d.bias for d in row])) for row in layers]
        )

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
            self._with([(layer.weight[k].copy(), layer.bias[k].copy()) for layer in self.dense])
            for k in range(self.stack_shape[0])
        ]

    def __repr__(self):
        """Return what the network is."""
        sizes = "-".join(str(size) for size in self.sizes)
        stack = f"{self.stack_shape[0]} x " if self.stack_shape else ""
        last = self.output_activation
        last = "" if last is activations.identity else f", output {last!r}"
        return f"{stack}MLP({sizes}, {self.activation!r}{last}, {self.dtype})"
