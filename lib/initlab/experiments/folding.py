"""The bell curve of a sum, folded by an activation: into a hill, or into two piles.

A neuron's sum z = x @ w of n inputs has a bell curve with n times the variance of a weight, if the
inputs have variance 1. Its activations f(z) are calculated here, without drawing a single number.
"""

import functools
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from initlab import activations
from initlab._engine.checks import finite_number, whole_number
from initlab.activations import sigmoid

# The bell is cut into so many equal portions, and each of them counts as its middle.
_FINE = 10_000


@dataclass(frozen=True)
class FoldedBell:
    """A bell curve of z, and the histogram of h = f(z).

    Attributes
    ----------
    activation : ActivationFunction
    std_z : float
    z, h : array, shape (portions,)
        The middle of each of the equal portions of the bell, and its activation.
    shares : array, shape (bars,)
        The shares of all activations in equal bins of the activation's ``span``.
    flat_shares : array, shape (bars,)
        The part of ``shares`` that comes from where the function is flat; see ``is_flat``.
    below, above : float
        The shares outside the span.
    saturated_fraction, zero_fraction : float
        The share of the bell where the function is flat: the first for functions bounded on both
        sides, the second for the others. The other one is 0.
    """

    activation: activations.ActivationFunction
    std_z: float
    z: np.ndarray
    h: np.ndarray
    shares: np.ndarray
    flat_shares: np.ndarray
    below: float
    above: float
    saturated_fraction: float
    zero_fraction: float


def folded_bell(std_z, activation=sigmoid, *, portions=20, bars=23):
    """Fold the bell curve of z with mean 0 and the given std through an activation.

    Parameters
    ----------
    std_z : float
        At least 0. For n inputs of std 1 and weights of std s it is sqrt(n) * s.
    activation : ActivationFunction or str
    portions : int
        The number of equal portions of the bell in ``z`` and ``h``.
    bars : int
        With an odd number, a spike at the middle of the span falls into a single bar.

    Returns
    -------
    FoldedBell
        The shares are right to 0.0002.
    """
    std_z, f = finite_number("std_z", std_z, at_least=0), activations.get(activation)
    few = std_z * equal_portions(whole_number("portions", portions))[1]
    z = std_z * equal_portions(_FINE)[1]
    h, flat, (low, high) = f(z), is_flat(f, z), f.span
    edges = np.linspace(low, high, whole_number("bars", bars) + 1)
    return FoldedBell(
        activation=f,
        std_z=std_z,
        z=few,
        h=f(few),
        shares=np.histogram(h, edges)[0] / _FINE,
        flat_shares=np.histogram(h[flat], edges)[0] / _FINE,
        below=np.mean(h < low),
        above=np.mean(h > high),
        saturated_fraction=0.0 if f.saturation is None else np.mean(flat),
        zero_fraction=np.mean(flat) if f.saturation is None else 0.0,
    )


def is_flat(f, z):
    """Return where a function has nothing left to give: an array of bool, the shape of z.

    A function bounded on both sides is flat beyond its ``saturation``; any other one where it is
    exactly 0 and so is its slope, as ReLU for negative z.
    """
    if f.saturation is None:
        return (f(z) == 0) & (f.derivative(z) == 0)
    return np.abs(z) > f.saturation


@functools.cache
def equal_portions(count):
    """Cut the bell curve with std 1 into portions of equal area, from left to right.

    Parameters
    ----------
    count : int

    Returns
    -------
    cuts, middles : array, shapes (count + 1,) and (count,)
        The first and the last cut are infinite.
    """
    bell, places = NormalDist(), np.arange(1, 2 * count) / (2 * count)
    found = np.array([-np.inf, *map(bell.inv_cdf, places.tolist()), np.inf])
    return found[::2], found[1::2]
