"""A network is a sequence of layers.

A multi-layer perceptron alternates ``Dense`` and ``Activation``. ``forward`` runs through the
layers in order and ``backward`` in reverse; the rest of backpropagation is inside the layers.
Optionally, each activation is preceded by normalization, and the hidden layers form residual
branches.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise
from typing import Any

import numpy as np

from initlab import activations
from initlab._engine import checks
from initlab._engine.types import DTypeLike, FloatArray, Rng, Shape
from initlab.activations import ActivationFunction
from initlab.initializers import Initializer
from initlab.layers import Activation, Dense, Layer, Observer, Residual, run_backward, run_forward
from initlab.normalization import BatchNorm, Normalize


def checked_sizes(sizes: Sequence[int]) -> list[int]:
    """Return ``sizes`` as a list of at least two integers, each at least 1."""
    if not isinstance(sizes, (list, tuple)):
        raise TypeError(f"sizes={sizes!r} must be a list, e.g. [784, 100, 10]")
    if len(sizes) < 2:
        raise ValueError(f"sizes={sizes!r} must hold at least inputs and outputs")
    return [checks.whole_number(f"sizes[{i}]", size) for i, size in enumerate(sizes)]


class MLP:
    """A multi-layer perceptron.

    Parameters
    ----------
    sizes : list of int
        Inputs, hidden layers, outputs: ``[784, 100, 100, 100, 100, 10]`` has five Dense layers.
    activation : ActivationFunction or str
        Follows every Dense layer except the last.
    weight_init : Initializer
        For all weights. Each layer draws from its own child of ``rng``, so that the width of one
        layer doesn't affect the draws of the others.
    rng : numpy.random.Generator
    bias_init : Initializer, optional
        For all biases, of shape (1, neurons); zeros by default.
    output_activation : ActivationFunction or str
        Follows the last Dense layer; the identity by default.
    normalization : BatchNorm or LayerNorm (the class), optional
        Placed between each hidden Dense layer and its activation. Any callable that takes a number
        of features and ``dtype`` and returns a layer will do.
    residual_block_size : int, optional
        Hidden layers after the first are grouped into residual branches of this size; the last
        branch takes the remainder. A branch begins with an activation and ends with a Dense layer,
        whose output is added to the input of the branch. All hidden layers must be equally wide.
    dtype : np.float32 or np.float64
        The precision of the parameters and of everything computed with them.

    Attributes
    ----------
    layers : list of Dense, Activation, BatchNorm, LayerNorm and Residual
    dense : list of Dense
        With ``.weight``, ``.bias``, ``.weight_grad``, ``.bias_grad``. Includes those in branches.

    Notes
    -----
    Source of the algorithm: Rumelhart, Hinton, Williams (1986), "Learning representations by
    back-propagating errors".

    Examples
    --------
    >>> from initlab.initializers import he_normal
    >>> rng = np.random.default_rng(0)
    >>> network = MLP([784, 100, 10], activation="relu", weight_init=he_normal(), rng=rng)
    >>> network
    MLP(784-100-10, relu, float64)
    >>> network.forward(np.zeros((5, 784))).shape
    (5, 10)
    >>> network.backward(np.ones((5, 10))).shape, network.dense[0].weight_grad.shape
    ((5, 784), (784, 100))
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: ActivationFunction | str,
        weight_init: Initializer,
        rng: Rng,
        bias_init: Initializer | None = None,
        output_activation: ActivationFunction | str = activations.identity,
        normalization: Callable[..., Any] | None = None,
        residual_block_size: int | None = None,
        dtype: DTypeLike = np.float64,
    ):
        self.sizes = checked_sizes(sizes)
        self.activation = activations.get(activation)
        self.output_activation = activations.get(output_activation)
        self.dtype = checks.float_dtype(dtype)
        if normalization is not None and not callable(normalization):
            raise TypeError(f"normalization={normalization!r} must be BatchNorm or LayerNorm")
        if residual_block_size is not None:
            residual_block_size = checks.whole_number("residual_block_size", residual_block_size)
            if len(set(self.sizes[1:-1])) > 1:
                raise ValueError(f"sizes={self.sizes}: residual branches need one hidden width")
        self.residual_block_size = residual_block_size
        pairs = list(pairwise(self.sizes))
        dense = [
            Dense(*pair, weight_init=weight_init, bias_init=bias_init, rng=child, dtype=self.dtype)
            for pair, child in zip(pairs, checks.generator(rng).spawn(len(pairs)), strict=True)
        ]
        # The first Dense layer is followed by units of (normalization,) activation, Dense layer.
        units = []
        for width, layer in zip(self.sizes[1:], dense[1:], strict=False):
            norm = [] if normalization is None else [normalization(width, dtype=self.dtype)]
            units.append([*norm, Activation(self.activation), layer])
        hidden, last = units[:-1], units[-1:]
        self.layers: list[Layer] = [dense[0]]
        if residual_block_size is None:
            self.layers += chain(*hidden)
        else:
            starts = range(0, len(hidden), residual_block_size)
            blocks = [hidden[start : start + residual_block_size] for start in starts]
            self.layers += [Residual([*chain(*block)]) for block in blocks]
        self.layers += chain(*last)
        if self.output_activation is not activations.identity:
            self.layers.append(Activation(self.output_activation))

    @property
    def dense(self) -> list[Dense]:
        """The Dense layers, in order."""
        return [layer for layer in self.flat_layers if isinstance(layer, Dense)]

    @property
    def flat_layers(self) -> list[Layer]:
        """All layers in the order in which a signal passes them, residual branches flattened."""
        return list(_leaves(self.layers))

    @property
    def stack_shape(self) -> Shape:
        """The leading axes: () for one network, (K,) for a stack of K."""
        return self.dense[0].weight.shape[:-2]

    def forward(self, x: FloatArray, observe: Observer | None = None) -> FloatArray:
        """Return the outputs (for a classifier: the logits).

        Parameters
        ----------
        x : array of float, shape (..., batch, inputs)
            Without a leading axis it is shared by all networks of a stack.
        observe : callable, optional
            A hook, called as ``observe(layer, x, y)`` with each layer, its input and its output;
            the layers of a branch come before the branch itself. If it returns an array, that array
            replaces ``y``.

        Returns
        -------
        array, shape (..., batch, outputs)
        """
        with checks.overflow_allowed():
            return run_forward(self.layers, x, observe)

    def backward(
        self, grad: FloatArray, observe: Observer | None = None, *, input_grad: bool = True
    ) -> Any:
        """Return dL/dx, given dL/d(outputs), and store the gradients in each layer.

        Parameters
        ----------
        grad : array of float, shape (..., batch, outputs)
        observe : callable, optional
            Called as ``observe(layer, grad, grad_x)`` with each layer, the gradient at its output
            and the gradient at its input; otherwise as for ``forward``.
        input_grad : bool
            Whether to compute dL/dx. Training doesn't need it, and False saves time.

        Returns
        -------
        array, shape (..., batch, inputs), or None if ``input_grad`` is False
        """
        with checks.overflow_allowed():
            return run_backward(self.layers, grad, observe, input_grad=input_grad)

    def parameters(self) -> list[FloatArray]:
        """Return the learned arrays in order: [weight, bias, weight, bias, ...].

        Weights have shape (..., fan_in, fan_out) and biases (..., 1, fan_out). A normalization
        layer contributes scale and shift, each of shape (..., 1, features).
        """
        return [getattr(layer, name) for layer, name in self._slots("PARAMETERS")]

    def gradients(self) -> list[FloatArray]:
        """Return the gradients from the last ``backward``, in the order of ``parameters()``.

        Before the first ``backward``, the entries are None.
        """
        return [getattr(layer, f"{name}_grad") for layer, name in self._slots("PARAMETERS")]

    def state(self) -> list[FloatArray]:
        """Return everything that training changes: ``parameters()``, then the running averages.

        These are the arrays themselves, not copies. The averages are those of ``BatchNorm`` layers,
        of shape (..., 1, features). (PyTorch's ``state_dict`` holds the same.)
        """
        averages = [getattr(layer, name) for layer, name in self._slots("AVERAGES")]
        return self.parameters() + averages

    def _slots(self, kind: str) -> list[tuple[Layer, str]]:
        return [(leaf, name) for leaf in self.flat_layers for name in getattr(leaf, kind, ())]

    def copy(self) -> MLP:
        """Return an independent network with equal parameters and nothing stored yet."""
        return self._with([array.copy() for array in self.state()])

    def view(self) -> MLP:
        """Return a network that shares this one's parameters, but not its stored values.

        Running data through the view leaves this network's gradients, the values stored in its
        layers and its running averages untouched, so it can be measured in the middle of training.
        """
        averages = [getattr(layer, name).copy() for layer, name in self._slots("AVERAGES")]
        return self._with(self.parameters() + averages)

    def for_inference(self) -> MLP:
        """Return a view in which each ``BatchNorm`` uses its running averages, not the batch.

        The output for an example is then independent of the rest of the batch. Without
        ``BatchNorm`` this is an ordinary view. (Like PyTorch's ``eval()``, except that this network
        itself stays in training mode.)
        """
        other = self.view()
        for layer in other.flat_layers:
            if isinstance(layer, BatchNorm):
                layer.inference = True
        return other

    def _with(self, arrays: list[FloatArray]) -> MLP:
        other = copy.copy(self)
        other.layers = [_without_memory(layer) for layer in self.layers]
        slots = other._slots("PARAMETERS") + other._slots("AVERAGES")
        for (layer, name), array in zip(slots, arrays, strict=True):
            setattr(layer, name, array)
        return other

    @property
    def architecture(self) -> tuple[Any, ...]:
        """Everything that networks must share to be stacked: sizes, layers and precision."""
        functions = self.activation, self.output_activation
        return tuple(self.sizes), *functions, self.dtype, *map(repr, self.layers)

    @classmethod
    def stack(cls, networks: Iterable[MLP]) -> MLP:
        """Combine K networks of one architecture into one with a leading axis of length K.

        The networks must not be stacks themselves. They are copied, not changed.
        """
        networks = list(networks)
        if not networks:
            raise ValueError("networks is empty: there is nothing to stack")
        for network in networks:
            if check_mlp("network", network).stack_shape:
                raise ValueError(f"{network!r} is a stack already; stack its .unstack()")
            if network.architecture != networks[0].architecture:
                raise ValueError(
                    f"{network!r} cannot be stacked with {networks[0]!r}: "
                    "sizes, layers and precision must be equal"
                )
        rows = zip(*(network.state() for network in networks), strict=True)
        return networks[0]._with([np.stack(row) for row in rows])

    def unstack(self) -> list[MLP]:
        """Return the K networks of a stack, each with a copy of its parameters."""
        if not self.stack_shape:
            raise ValueError(f"{self!r} is a single network, not a stack")
        return [
            self._with([array[k].copy() for array in self.state()])
            for k in range(self.stack_shape[0])
        ]

    def __repr__(self) -> str:
        """Return a short description of the network."""
        leaves, blocks = self.flat_layers, [la for la in self.layers if isinstance(la, Residual)]
        kinds = {type(leaf).__name__: None for leaf in leaves if isinstance(leaf, Normalize)}
        extra = "".join(f", {kind}" for kind in kinds)
        extra += f", {len(blocks)} residual branches" if blocks else ""
        sizes = "-".join(str(size) for size in self.sizes)
        stack = f"{self.stack_shape[0]} x " if self.stack_shape else ""
        last = self.output_activation
        output = "" if last is activations.identity else f", output {last!r}"
        return f"{stack}MLP({sizes}, {self.activation!r}{output}{extra}, {self.dtype})"


def check_mlp(name: str, network: Any) -> MLP:
    """Return ``network`` if it is an MLP."""
    if not isinstance(network, MLP):
        raise TypeError(f"{name}={network!r} must be an MLP")
    return network


def _leaves(layers: list[Layer]) -> Iterator[Layer]:
    for layer in layers:
        if isinstance(layer, Residual):
            yield from _leaves(layer.layers)
        else:
            yield layer


def _without_memory(layer: Layer) -> Layer:
    layer = copy.copy(layer)
    if isinstance(layer, Residual):
        layer.layers = [_without_memory(inner) for inner in layer.layers]
    layer.clear_cache()
    return layer
