"""Every layer's histogram, while the std of the weights is under the hand."""

from dataclasses import asdict, dataclass

import numpy as np

from initlab import activations
from initlab.experiments.gaussian import ScaledNetwork
from initlab.explorers import captions
from initlab.explorers.explorer import (
    ACTIVATIONS,
    INITIALIZERS,
    LIMITS,
    ScrubbingExplorer,
    checked_settings,
    dropdown,
    named_buttons,
    network_controls,
    row,
    std_slider,
)
from initlab.explorers.tables import Table, complete, pack, remembered


@dataclass(frozen=True)
class ActivationSettings:
    """What the histograms depend on, but for the std.

    Attributes
    ----------
    activation : str
    initializer : {"normal", "uniform", "truncated_normal", "orthogonal"}
    depth, width, inputs, seed : int
        As for ``experiments.five_layers``.
    """

    activation: str = "sigmoid"
    initializer: str = "normal"
    depth: int = 5
    width: int = 100
    inputs: int = 1000
    seed: int = 0

    def open(self):
        """Draw, and return a function that measures at a std."""
        drawn = ScaledNetwork(**asdict(self))

        def measure(std):
            found = dict(vars(drawn.activation_counts(std)))
            for name in ("saturated_fraction", "dead_fraction"):
                found[name] = found[name].astype(np.float32)
            return found

        return measure

    def words(self):
        """Return what the picture writes at its axes."""
        return {"name": self.activation, "span": activations.get(self.activation).span}


def activation_table(settings):
    """Return the table of all positions, computed anew: same settings, same bytes.

    Parameters
    ----------
    settings : ActivationSettings

    Returns
    -------
    Table
        Of float32 networks, the precision in which networks are trained.
    """
    return complete(Table(settings, captions.activations))


@dataclass(frozen=True, eq=False)
class ActivationReading:
    """The numbers under the histograms.

    Attributes
    ----------
    std : float
    pooled_std, across_input_std, saturated_fraction, dead_fraction : array, shape (layers,)
    caption : str
    """

    std: float
    pooled_std: np.ndarray
    across_input_std: np.ndarray
    saturated_fraction: np.ndarray
    dead_fraction: np.ndarray
    caption: str

    def __str__(self):
        """Return a line of numbers for each layer."""
        rows = zip(
            self.pooled_std,
            self.across_input_std,
            self.saturated_fraction,
            self.dead_fraction,
            strict=True,
        )
        return "\n".join(
            f"layer {number}   std {captions.number(pooled)}"
            f"   across inputs {captions.number(across)}"
            f"   saturated {captions.percent(saturated)}   dead {captions.percent(dead)}"
            for number, (pooled, across, saturated, dead) in enumerate(rows, start=1)
        )


def activation_reading(table, position):
    """Return the reading of one position of a table."""
    found = table.row(position)
    names = ("pooled_std", "across_input_std", "saturated_fraction", "dead_fraction")
    numbers = {name: found[name].astype(np.float64) for name in names}
    return ActivationReading(std=table.stds[position], caption=table.captions[position], **numbers)


class ActivationExplorer(ScrubbingExplorer):
    """Histograms of every layer's activations, for any std of the weights.

    Parameters
    ----------
    std : float or str
        From 0 to 10, or "Xavier" or "He". The slider goes to the nearest of its positions.
    activation : ActivationFunction or str
    initializer : {"normal", "uniform", "truncated_normal", "orthogonal"}
    depth, width, inputs, seed : int
        1 to 30, 10 to 500, 10 to 2000, 0 to 9999.

    Attributes
    ----------
    std, activation, initializer, depth, width, inputs, seed : ipywidgets controls
    named : dict of str to ipywidgets.Button
        They move the slider to a named std.
    picture : Picture

    Raises
    ------
    TypeError, ValueError
        If one of the arguments is not what is said here.
    """

    def __init__(self, std=1.0, **settings):
        chosen = checked_settings(ActivationSettings(**settings), **LIMITS)
        slider = std_slider(chosen.width, std)
        sizes = network_controls(chosen, LIMITS)
        self.named = named_buttons(slider, sizes["width"])
        controls = {
            "std": slider,
            "activation": dropdown("activation", ACTIVATIONS, chosen.activation),
            "initializer": dropdown("weights", INITIALIZERS, chosen.initializer),
            **sizes,
        }
        super().__init__(controls, [], {slider: "position"})
        self.children = [
            row(slider, row(*self.named.values(), name="names"), name="slider"),
            row(*list(controls.values())[1:], self.reset_button),
            self.picture,
            self.state_text,
        ]

    @property
    def settings(self):
        """What the controls say, but for the std: an ActivationSettings."""
        names = ActivationSettings.__dataclass_fields__
        return ActivationSettings(**{name: self._controls[name].value for name in names})

    def _wanted_tables(self):
        return [remembered(self.settings, captions.activations)]

    def _packed(self, tables):
        return pack("activations", tables)

    def reading(self):
        """Return the numbers at the current position of the slider: an ActivationReading."""
        with self._lock:
            return activation_reading(self._tables[0], self.std.index)
