"""The bell curve of z, folded by the activation: one neuron, before any layer is stacked."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from initlab import activations
from initlab.experiments.folding import equal_portions, folded_bell, is_flat
from initlab.explorers import captions
from initlab.explorers.positions import std_positions
from initlab.explorers.settings import Settings, choice, whole
from initlab.explorers.std import StdExplorer

# The axis of z, in steps that are finer than a pixel.
_Z = np.linspace(-12, 12, 2401)


@dataclass(frozen=True)
class FoldSettings(Settings):
    """What the picture depends on, apart from the std; nothing is drawn at random.

    Attributes
    ----------
    activation : str
        A name of ``activations.ACTIVATIONS``.
    width : int
        The number of inputs of the neuron, each of std 1, as in the first layer of a network of
        this width: 10 to 1000.
    """

    activation: str = choice("sigmoid", activations.ACTIVATIONS)
    width: int = whole(100, 10, 1000, label="inputs n")

    picture, caption, together = "fold", captions.fold, 20
    line = staticmethod(captions.fold_line)

    def places(self):
        """Return the label, the std and the std of z of each slider position."""
        return [
            {"label": label, "std": std, "std_z": math.sqrt(self.width) * std}
            for label, std in std_positions(self.width).items()
        ]

    def distances(self, positions, position):
        """Return the distances of positions from one of them."""
        return np.abs(positions - position)

    def open(self):
        """Return a function that calculates at given places, for a network of one layer."""

        def at(places):
            found = [vars(folded_bell(place["std_z"], self.activation)) for place in places]
            names = set(found[0]) - {"activation", "std_z"}
            return {name: np.array([[one[name]] for one in found]) for name in sorted(names)}

        return at

    def words(self, places):
        """Return the texts that the page shows, the curve, and the bell of std 1."""
        f, (cuts, middles) = activations.get(self.activation), equal_portions(20)
        steep = _Z[~is_flat(f, _Z)]
        stds_of_z = [place["std_z"] for place in places]
        return {
            "name": self.activation,
            "span": f.span,
            "inputs": self.width,
            "stds": [place["std"] for place in places],
            "std_z": stds_of_z,
            "beyond": [NormalDist(0, std or 1).cdf(-_Z[-1]) for std in stds_of_z],
            "curve": np.stack([_Z, f(_Z)], axis=1)[::10].tolist(),
            "steep": [steep[0], steep[-1]],
            "bell": _on_the_bell(np.linspace(-4, 4, 161)),
            "portions": _on_the_bell(middles),
            "cuts": cuts.clip(-9, 9).tolist(),
        }

    def shown(self, arrays):
        """Return the arrays that the page draws, in single precision."""
        return {name: array.astype(np.float32) for name, array in arrays.items() if name != "z"}


def _on_the_bell(places):
    return np.stack([places, np.exp(-(places**2) / 2)], axis=1).tolist()


class FoldExplorer(StdExplorer):
    """The bell curve of z, folded by the activation into a hill or into two piles.

    ``reading()`` has ``std_z`` and, with shape (1, ...) for the one layer, the numbers of
    ``experiments.FoldedBell``, such as ``saturated_fraction`` and the ``shares`` of the bars.

    Parameters
    ----------
    std : float or str
        As for ``ActivationExplorer``.
    activation, width
        As for ``FoldSettings``.

    Attributes
    ----------
    std, activation, width : ipywidgets controls
    named : dict of str to ipywidgets.Button
        Buttons that move the slider to a marked start.
    """

    _kind = FoldSettings

    def __init__(self, std=1.0, **settings):
        super().__init__(std, **settings)

    def _draw(self, plotting, figure, reading):
        figure.set_size_inches(9, 5.5)
        ax = figure.subplots()
        plotting.folded_bell(ax, folded_bell(reading.std_z, self.settings.activation))
