"""How large signals are on their way forward, and gradients on their way back."""

from dataclasses import asdict, dataclass

import numpy as np

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

# Gradients of all layers are in memory at once.
_LIMITS = LIMITS | {"inputs": (10, 500)}


@dataclass(frozen=True)
class SignalSettings:
    """What the sizes depend on, but for the std.

    Attributes
    ----------
    activation : str
    initializer : {"normal", "uniform", "truncated_normal", "orthogonal"}
    depth, width, inputs, seed : int
        As for ``experiments.five_layers``.
    """

    activation: str = "tanh"
    initializer: str = "normal"
    depth: int = 10
    width: int = 100
    inputs: int = 100
    seed: int = 0

    def open(self):
        """Draw, and return a function that measures at a std."""
        drawn = ScaledNetwork(**asdict(self), dtype=np.float64)

        def measure(std):
            measured = {name: values[0] for name, values in drawn.sizes([std]).items()}
            return measured | drawn.predicted_sizes(std)

        return measure

    def words(self):
        """Return what the picture writes at its axes."""
        return {"name": self.activation}


def signal_table(settings):
    """Return the table of all positions, computed anew: same settings, same bytes.

    Parameters
    ----------
    settings : SignalSettings

    Returns
    -------
    Table
        Of float64 networks, so that even the smallest gradient has a size.
    """
    return complete(Table(settings, captions.signals))


@dataclass(frozen=True, eq=False)
class SignalReading:
    """The numbers of the picture.

    Attributes
    ----------
    std : float
    forward_rms, forward_median : array, shape (layers,)
        Of the size of the activations.
    gradient_rms, gradient_median : array, shape (layers,)
        Of the size of dL/dz, for a standard normal gradient at the last layer's output.
    predicted_forward_rms, predicted_gradient_rms : array, shape (layers,)
        By mean-field theory; NaN where it overflows.
    caption : str
    """

    std: float
    forward_rms: np.ndarray
    forward_median: np.ndarray
    gradient_rms: np.ndarray
    gradient_median: np.ndarray
    predicted_forward_rms: np.ndarray
    predicted_gradient_rms: np.ndarray
    caption: str

    def __str__(self):
        """Return a line of numbers for each layer."""
        sizes = zip(
            self.forward_rms,
            self.forward_median,
            self.gradient_rms,
            self.gradient_median,
            strict=True,
        )
        return "\n".join(
            f"layer {number}   activations: RMS {one:.2e}, median {two:.2e}"
            f"   gradients: RMS {three:.2e}, median {four:.2e}"
            for number, (one, two, three, four) in enumerate(sizes, start=1)
        )


class SignalExplorer(ScrubbingExplorer):
    """Sizes of activations and gradients in every layer, on a log axis, with theory as a line.

    Parameters
    ----------
    std : float or str
        From 0 to 10, or "Xavier" or "He". The slider goes to the nearest of its positions.
    activation : ActivationFunction or str
    initializer : {"normal", "uniform", "truncated_normal", "orthogonal"}
    depth, width, inputs, seed : int
        1 to 30, 10 to 500, 10 to 500, 0 to 9999.

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

    def __init__(self, std="Xavier", **settings):
        chosen = checked_settings(SignalSettings(**settings), **_LIMITS)
        slider = std_slider(chosen.width, std)
        sizes = network_controls(chosen, _LIMITS)
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
        """What the controls say, but for the std: a SignalSettings."""
        names = SignalSettings.__dataclass_fields__
        return SignalSettings(**{name: self._controls[name].value for name in names})

    def _wanted_tables(self):
        return [remembered(self.settings, captions.signals)]

    def _packed(self, tables):
        return pack("signals", tables)

    def reading(self):
        """Return the numbers at the current position of the slider: a SignalReading."""
        with self._lock:
            table, position = self._tables[0], self.std.index
            found = table.row(position)
            names = [name for name in SignalReading.__dataclass_fields__ if name in found]
            return SignalReading(
                std=table.stds[position],
                caption=table.captions[position],
                **{name: found[name] for name in names},
            )
