"""A slider for the std of the weights, with three different pictures.

They show the histograms of all layers, the sizes of activations and gradients, and the histograms
of two configurations side by side.
"""

import functools
from dataclasses import asdict, dataclass, replace
from types import SimpleNamespace

import numpy as np

from initlab import activations
from initlab.experiments.gaussian import ScaledNetwork
from initlab.explorers import captions
from initlab.explorers.explorer import ScrubbingExplorer, button, controls_of, row, toggle
from initlab.explorers.positions import StdSlider, named_stds, std_positions
from initlab.explorers.settings import Settings, choice, whole
from initlab.explorers.tables import Reading, logs
from initlab.initializers import DISTRIBUTIONS


@dataclass(frozen=True)
class StdSettings(Settings):
    """What a picture depends on, apart from the std.

    Attributes
    ----------
    activation : str
        A name of ``activations.ACTIVATIONS``.
    initializer : str
        A name of ``initializers.DISTRIBUTIONS``.
    depth, width, inputs, seed : int
        As for ``experiments.five_layers``: 1 to 30, 10 to 500, 10 to 2000, 0 to 9999.
    """

    activation: str = choice("sigmoid", activations.ACTIVATIONS)
    initializer: str = choice("normal", DISTRIBUTIONS, label="weights")
    depth: int = whole(5, 1, 30)
    width: int = whole(100, 10, 500)
    inputs: int = whole(1000, 10, 2000)
    seed: int = whole(0, 0, 9999)

    together = 1  # positions share only the draw

    def places(self):
        """Return the label and the std of each slider position."""
        return [{"label": label, "std": std} for label, std in std_positions(self.width).items()]

    def distances(self, positions, position):
        """Return the distances of positions from one of them."""
        return np.abs(positions - position)

    def open(self):
        """Draw the network, and return a function that measures it at given places."""
        drawn = ScaledNetwork(**asdict(self), dtype=self.dtype)

        def at(places):
            (place,) = places
            found = self.measure(drawn, place["std"])
            return {name: values[np.newaxis] for name, values in found.items()}

        return at

    def words(self, places):
        """Return the texts that the page shows."""
        return {
            "name": self.activation,
            "span": activations.get(self.activation).span,
            "depth": self.depth,
            "labels": [place["label"] for place in places],
            "stds": [place["std"] for place in places],
        }

    def shown(self, arrays):
        """Return the arrays that the page draws."""
        return arrays


@dataclass(frozen=True)
class ActivationSettings(StdSettings):
    """What histograms of activations depend on, apart from the std; measured in float32."""

    picture, dtype, caption = "activations", np.float32, captions.activations
    line = staticmethod(captions.activation_line)

    def measure(self, drawn, std):
        """Return the data for all histograms: a dict of arrays, shape (layers, ...)."""
        return drawn.activation_counts(std)

    def shown(self, arrays):
        """Return the arrays that the page draws, in single precision."""
        return {
            name: array.astype(np.float32) if array.dtype == np.float64 else array
            for name, array in arrays.items()
        }


@dataclass(frozen=True)
class SignalSettings(StdSettings):
    """What sizes of signals depend on, apart from the std; measured in float64.

    ``inputs`` is at most 500, since the gradients of all layers are in memory at once.
    """

    activation: str = choice("tanh", activations.ACTIVATIONS)
    depth: int = whole(10, 1, 30)
    inputs: int = whole(100, 10, 500)

    picture, dtype, caption = "signals", np.float64, captions.signals
    line = staticmethod(captions.signal_line)

    def measure(self, drawn, std):
        """Return measured and predicted sizes: a dict of arrays, shape (layers,)."""
        return drawn.sizes(std) | drawn.predicted_sizes(std)

    def shown(self, arrays):
        """Return the arrays that the page draws."""
        return logs(arrays)


class StdExplorer(ScrubbingExplorer):
    """A slider for the std with a button for each marked start, and a picture."""

    _range_control = "width"

    def __init__(self, std, **settings):
        chosen = self._kind(**settings)
        controls = {"std": StdSlider("std", chosen.width, std)} | controls_of(chosen)
        self.named = {
            name: button(name, f"std {name}", functools.partial(self._go_to, name))
            for name in named_stds(chosen.width)
        }
        super().__init__(controls)
        self._arrange(
            row(self.std, row(*self.named.values(), name="names"), name="slider"),
            row(*list(controls.values())[1:], self.reset_button),
        )

    def _go_to(self, name):
        self.std.value = named_stds(self.width.value)[name]


class ActivationExplorer(StdExplorer):
    """Histograms of every layer's activations, for any std of the weights.

    Parameters
    ----------
    std : float or str
        From 0 to 10, or a marked start: "Xavier", "He". The slider snaps to the nearest position.
    activation, initializer, depth, width, inputs, seed
        As for ``ActivationSettings``.

    Attributes
    ----------
    std, activation, initializer, depth, width, inputs, seed : ipywidgets controls
    named : dict of str to ipywidgets.Button
        Buttons that move the slider to a marked start.
    """

    _kind = ActivationSettings

    def __init__(self, std=1.0, **settings):
        super().__init__(std, **settings)

    def _draw(self, plotting, figure, reading):
        _draw_histograms(plotting, figure, [(self.settings, reading, plotting.BLUE)])


class SignalExplorer(StdExplorer):
    """Sizes of activations and gradients in every layer, on a log axis, with theory as a line.

    The attributes are those of ``ActivationExplorer``.

    Parameters
    ----------
    std : float or str
        As for ``ActivationExplorer``.
    activation, initializer, depth, width, inputs, seed
        As for ``SignalSettings``.
    """

    _kind = SignalSettings

    def __init__(self, std="Xavier", **settings):
        super().__init__(std, **settings)

    def _draw(self, plotting, figure, reading):
        ax = figure.subplots()
        for name, color in (("forward", plotting.BLUE), ("gradient", plotting.VERMILION)):
            sizes = [getattr(reading, f"{start}{name}_rms") for start in ("", "predicted_")]
            # A log axis has no place for 0 or for what overflows.
            measured, known = (np.where((s > 0) & (s < np.inf), s, np.nan) for s in sizes)
            look = {"color": color, "label": f"{name}, measured", "theory_label": f"{name}, theory"}
            plotting.against_layer(ax, measured[np.newaxis], theory=known, **look)
        low, high = ax.get_ylim()
        ax.set(ylabel="RMS", ylim=(min(low, 0.1), max(high, 10)))
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))


class CompareExplorer(ScrubbingExplorer):
    """Histograms of two configurations, layer above layer, from the same draw.

    ``reading()`` has the readings of both sides as ``a`` and ``b``.

    Parameters
    ----------
    std, std_b : float or str
        For A and for B, as for ``ActivationExplorer``.
    activation_b, initializer_b : optional
        For B; by default, the same as for A.
    activation, initializer, depth, width, inputs, seed
        The first two for A, the others for both; as for ``ActivationSettings``.

    Attributes
    ----------
    std, activation, initializer, std_b, activation_b, initializer_b : ipywidgets controls
    depth, width, inputs, seed : ipywidgets controls
    lock, difference : ipywidgets.ToggleButton
        Whether the page moves both sliders together, keeping the ratio of the two stds, and whether
        B minus A is drawn, bin by bin.
    swap_button : ipywidgets.Button
    """

    _kind = ActivationSettings
    _range_control = "width"

    def __init__(
        self, std="Xavier", std_b=1.0, *, activation_b=None, initializer_b=None, **settings
    ):
        a = ActivationSettings(**settings)
        given = {"activation": activation_b, "initializer": initializer_b}
        b = replace(a, **{name: value for name, value in given.items() if value is not None})
        own = ("activation", "initializer")
        controls = {
            "std": StdSlider("std", a.width, std, "A: std"),
            **controls_of(a, *own),
            "std_b": StdSlider("std_b", b.width, std_b, "B: std"),
            **{f"{name}_b": control for name, control in controls_of(b, *own).items()},
            **controls_of(a, "depth", "width", "inputs", "seed"),
            "difference": toggle("difference", "draw B minus A, bin by bin"),
            "lock": toggle("lock", "move both sliders, keep the ratio of the stds"),
        }
        self.swap_button = button("swap A and B", "A becomes B, and B becomes A", self.swap)
        super().__init__(controls)
        self._link(self.lock, "value", "locked")
        self._link(self.difference, "value", "difference")
        shared = self.depth, self.width, self.inputs, self.seed, self.swap_button
        self._arrange(
            row(self.std, row(self.activation, self.initializer), name="slider"),
            row(self.std_b, row(self.activation_b, self.initializer_b), name="slider"),
            row(*shared, self.lock, self.difference, self.reset_button),
        )

    @property
    def settings(self):
        """The settings of A and of B, apart from the stds: two ActivationSettings."""
        return self._chosen(), self._chosen("_b")

    def _wanted(self):
        return self.settings

    def _set(self, values):
        """Set controls; meanwhile, the page must not move the sliders together."""
        locked = values.get("lock", self.lock.value)
        with self._suspended():
            self.lock.value = False
            super()._set({name: value for name, value in values.items() if name != "lock"})
            self.lock.value = locked

    def swap(self):
        """Exchange A and B."""
        values = {}
        for name in ("std", "activation", "initializer"):
            values[name] = self._controls[f"{name}_b"].value
            values[f"{name}_b"] = self._controls[name].value
        self._set(values)

    def reading(self):
        """Return a Reading with the numbers of both sides, ``a`` and ``b``, and the caption."""
        a, b = self._readings()
        text = f"A, std {a.std:.4g}\n{a}\nB, std {b.std:.4g}\n{b}"
        return Reading(text, a=a, b=b, caption=f"A: {a.caption} B: {b.caption}")

    def _draw(self, plotting, figure, reading):
        sides = (reading.a, plotting.BLUE), (reading.b, plotting.GREEN)
        rows = [(settings, *side) for settings, side in zip(self.settings, sides, strict=True)]
        for name, axes in zip("AB", _draw_histograms(plotting, figure, rows), strict=True):
            axes[0].set_ylabel(f"{name}: share")


def _draw_histograms(plotting, figure, rows):
    """Draw and return a row of panels for each (settings, Reading, color); not of all layers."""
    depth = rows[0][0].depth
    drawn = np.linspace(0, depth - 1, min(depth, 6 // len(rows))).round().astype(int)
    figure.set_figheight(1 + 3 * len(rows))
    grid = figure.subplots(len(rows), len(drawn), squeeze=False, sharey="row")
    for axes, (settings, reading, color) in zip(grid, rows, strict=True):
        low, high = activations.get(settings.activation).span
        edges = np.linspace(low, high, reading.counts.shape[1] + 1)
        # An example for each count, enough in number for what can be seen.
        values = [*(edges[:-1] + edges[1:]) / 2, 0.0, low - 1, high + 1, np.nan]
        others = reading.zeros, reading.below, reading.above, reading.not_numbers
        counts = np.column_stack([reading.counts, *others])
        many = np.ceil(10000 * counts / counts[0].sum()).astype(int)
        layers = [SimpleNamespace(number=n + 1, h=np.repeat(values, many[n])) for n in drawn]
        bins = len(edges) - 1
        plotting.histograms(axes, layers, color=color, bins=bins, span=(low, high))
    return grid
