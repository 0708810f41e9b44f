"""Two starts side by side, from the same draw: same weights, only the scale differs."""

from dataclasses import dataclass

import ipywidgets as widgets

from initlab.explorers import captions
from initlab.explorers.activation import (
    ActivationReading,
    ActivationSettings,
    activation_reading,
)
from initlab.explorers.explorer import (
    ACTIVATIONS,
    INITIALIZERS,
    LIMITS,
    ScrubbingExplorer,
    checked_settings,
    dropdown,
    network_controls,
    row,
    std_slider,
)
from initlab.explorers.tables import pack, remembered

_SIDE = ("std", "activation", "initializer")


@dataclass(frozen=True, eq=False)
class CompareReading:
    """The numbers of both sides.

    Attributes
    ----------
    a, b : ActivationReading
    caption : str
    """

    a: ActivationReading
    b: ActivationReading
    caption: str

    def __str__(self):
        """Return a line of numbers for each layer of both."""
        return f"A, std {self.a.std:.4g}\n{self.a}\nB, std {self.b.std:.4g}\n{self.b}"


class CompareExplorer(ScrubbingExplorer):
    """Histograms of two configurations, layer above layer, from the same draw.

    Parameters
    ----------
    std, std_b : float or str
        Of A and of B: from 0 to 10, or "Xavier" or "He".
    activation, activation_b : ActivationFunction or str
        B's is A's, if not given.
    initializer, initializer_b : {"normal", "uniform", "truncated_normal", "orthogonal"}
    depth, width, inputs, seed : int
        Of both.

    Attributes
    ----------
    std, activation, initializer, std_b, activation_b, initializer_b : ipywidgets controls
    depth, width, inputs, seed : ipywidgets controls
    lock, difference : ipywidgets.ToggleButton
        Whether the page moves both sliders together, keeping the ratio of the two stds, and whether
        B minus A is drawn, bin by bin.
    swap_button : ipywidgets.Button
    picture : Picture

    Raises
    ------
    TypeError, ValueError
        If one of the arguments is not what is said here.
    """

    def __init__(
        self, std="Xavier", std_b=1.0, *, activation_b=None, initializer_b=None, **settings
    ):
        a = checked_settings(ActivationSettings(**settings), **LIMITS)
        other = {"activation": activation_b, "initializer": initializer_b}
        other = {name: value for name, value in other.items() if value is not None}
        b = checked_settings(ActivationSettings(**vars(a) | other), **LIMITS)
        sliders = [std_slider(a.width, std, "A: std"), std_slider(a.width, std_b, "B: std")]
        controls = {
            "std": sliders[0],
            "activation": dropdown("activation", ACTIVATIONS, a.activation),
            "initializer": dropdown("weights", INITIALIZERS, a.initializer),
            "std_b": sliders[1],
            "activation_b": dropdown("activation", ACTIVATIONS, b.activation),
            "initializer_b": dropdown("weights", INITIALIZERS, b.initializer),
            **network_controls(a, LIMITS),
            "difference": widgets.ToggleButton(
                description="difference", tooltip="draw B minus A, bin by bin"
            ),
            "lock": widgets.ToggleButton(
                description="lock", tooltip="move both sliders, keep the ratio of the stds"
            ),
        }
        self.swap_button = widgets.Button(description="swap A and B")
        super().__init__(controls, [], {sliders[0]: "position", sliders[1]: "position_b"})
        self.swap_button.on_click(lambda _: self.swap())
        self._links += [
            widgets.jslink((self.lock, "value"), (self.picture, "locked")),
            widgets.jslink((self.difference, "value"), (self.picture, "difference")),
        ]
        shared = [controls[name] for name in ("depth", "width", "inputs", "seed")]
        self.children = [
            row(sliders[0], row(self.activation, self.initializer), name="slider"),
            row(sliders[1], row(self.activation_b, self.initializer_b), name="slider"),
            row(*shared, self.swap_button, self.lock, self.difference, self.reset_button),
            self.picture,
            self.state_text,
        ]

    def swap(self):
        """Exchange A and B."""
        a = {name: self._controls[name].value for name in _SIDE}
        b = {name: self._controls[f"{name}_b"].value for name in _SIDE}
        with self._unlocked(), self._in_one_go():
            for name in _SIDE:
                self._controls[name].value = b[name]
                self._controls[f"{name}_b"].value = a[name]

    @property
    def settings(self):
        """What the controls say of A and of B, but for the stds: two ActivationSettings."""
        shared = {name: self._controls[name].value for name in LIMITS}
        return tuple(
            ActivationSettings(
                activation=self._controls[f"activation{side}"].value,
                initializer=self._controls[f"initializer{side}"].value,
                **shared,
            )
            for side in ("", "_b")
        )

    def _wanted_tables(self):
        return [remembered(settings, captions.activations) for settings in self.settings]

    def _packed(self, tables):
        return pack("activations", tables)

    def reading(self):
        """Return the numbers at the current positions of the sliders: a CompareReading."""
        with self._lock:
            a, b = (
                activation_reading(table, position)
                for table, position in zip(self._tables, self._hands(), strict=True)
            )
        return CompareReading(a, b, f"A: {a.caption} B: {b.caption}")
