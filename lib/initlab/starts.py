"""Starts that use more than the shape of a matrix: the data, or the whole network.

An initializer draws each matrix on its own. ``lsuv`` (a data-dependent initialization) sends data
through the network and rescales each layer according to its outputs; ``fixup`` counts the residual
branches and starts them at zero. Both change the network in place and return it; if an error is
raised, the network is unchanged.
"""

from typing import Any

import numpy as np

from initlab._engine import checks
from initlab._engine.types import FloatArray
from initlab.layers import Dense, Residual
from initlab.network import MLP, check_mlp


def lsuv(network: MLP, x: FloatArray, *, tolerance: float = 0.01, rounds: int = 10) -> MLP:
    """Scale the weights of each layer so that z has variance 1 on the given data.

    Layer-sequential unit variance: from the first layer to the last, each weight matrix is divided
    by the std of the layer's outputs, over all examples and neurons, until that std is 1. Without
    biases, one division is enough. The original method draws the weights with ``orthogonal()``;
    here any network will do.

    Parameters
    ----------
    network : MLP
        Or a stack, in which each network gets its own factors.
    x : array of float, shape (..., examples, features)
        A batch of the training data; a few hundred examples are enough.
    tolerance : float
        The largest accepted deviation of a variance from 1; above 0.
    rounds : int
        The maximum number of corrections per layer.

    Returns
    -------
    MLP
        ``network`` itself.

    Raises
    ------
    ValueError
        If the outputs of a layer are all equal, so that no factor gives them variance 1; or if
        ``rounds`` corrections are not enough, for example because the variance of the biases alone
        exceeds 1.

    Notes
    -----
    Source: Mishkin, Matas (2016), "All you need is a good init", algorithm 1.
    """
    check_mlp("network", network)
    x = checks.float_array("x", x, dtype=network.dtype, min_dimensions=2)
    if x.shape[-2] == 0:
        raise ValueError(f"x has shape {x.shape}; expected at least one example")
    tolerance = checks.finite_number("tolerance", tolerance, above=0)
    rounds = checks.whole_number("rounds", rounds)
    scaled = network.copy()
    numbers = {layer: number for number, layer in enumerate(scaled.dense, start=1)}

    def to_unit_variance(layer: Any, x: FloatArray, z: FloatArray) -> FloatArray | None:
        if not isinstance(layer, Dense):
            return None
        where = f"the outputs of layer {numbers[layer]}"
        for corrections in range(rounds + 1):
            variance = z.var(axis=(-2, -1), keepdims=True, dtype=np.float64)
            if not ((variance > 0) & np.isfinite(variance)).all():
                found = "all the same" if (variance == 0).any() else "not finite"
                raise ValueError(f"{where} are {found}: no factor helps")
            far = np.abs(variance - 1)
            if (far <= tolerance).all():
                break
            if corrections == rounds:
                raise ValueError(
                    f"{where} have variance {variance.flat[far.argmax()]:.4g} after {rounds} "
                    "rounds: take more rounds, or smaller biases"
                )
            layer.weight /= np.sqrt(variance).astype(layer.weight.dtype)
            z = layer.forward(x)
        return z

    scaled.forward(x, to_unit_variance)
    for array, result in zip(network.parameters(), scaled.parameters(), strict=True):
        array[...] = result
    return network


def fixup(network: MLP) -> MLP:
    """Make each residual branch, and the network's output, start at zero.

    Let there be L branches of m Dense layers each. The weights and biases of the last Dense layer
    of each branch, and of the network, become 0. The other weights in branches are multiplied by
    L**(-1 / (2m - 2)), so that one step changes the network's function by an amount independent of
    L. (The scalar multipliers and biases added in the source are omitted.) Apply it only once, to a
    freshly drawn network: a second call multiplies again.

    Parameters
    ----------
    network : MLP
        Built with ``residual_block_size``; or a stack. With one hidden layer there is no branch,
        and only the output layer becomes 0.

    Returns
    -------
    MLP
        ``network`` itself.

    Notes
    -----
    Source: Zhang, Dauphin, Ma (2019), "Fixup initialization: residual learning without
    normalization", section 3, rules 1 and 2.
    """
    if check_mlp("network", network).residual_block_size is None:
        raise ValueError(f"{network!r} has no branches; build it with residual_block_size=2")
    branches = [layer for layer in network.layers if isinstance(layer, Residual)]
    for branch in branches:
        *others, last = [layer for layer in branch.layers if isinstance(layer, Dense)]
        for layer in others:
            layer.weight *= len(branches) ** (-1 / (2 * len(others)))
        _silence(last)
    _silence(network.dense[-1])
    return network


def _silence(dense: Dense) -> None:
    dense.weight[...] = dense.bias[...] = 0
