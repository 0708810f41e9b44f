"""Order and chaos: a point in a plane, and what a network does there."""

from dataclasses import asdict, dataclass

import ipywidgets as widgets
import numpy as np

from initlab._engine.parallel import one_blas_thread
from initlab.activations import ACTIVATIONS
from initlab.experiments.plane import INPUT_CORRELATION, PhasePlane, plane_diagram
from initlab.explorers import captions
from initlab.explorers.explorer import (
    ScrubbingExplorer,
    checked_settings,
    dropdown,
    row,
    whole,
)
from initlab.explorers.positions import PlaneSlider
from initlab.explorers.tables import Table, complete, pack, remembered

_LIMITS = {"depth": (1, 50), "width": (10, 500), "seed": (0, 9999)}
_SIZES = ("q", "predicted_q", "gradient_rms", "predicted_gradient_rms")
_LIKENESS = ("correlation", "predicted_correlation")


@dataclass(frozen=True)
class PhaseSettings:
    """What the signals depend on, but for the point in the plane.

    Attributes
    ----------
    activation : {"tanh", "erf", "relu", "sigmoid"}
    depth, width, seed : int
        As for ``experiments.PhasePlane``.
    """

    activation: str = "tanh"
    depth: int = 20
    width: int = 200
    seed: int = 0

    def open(self):
        """Draw, and return a function that measures at several points of the plane."""
        return PhasePlane(**asdict(self)).measure

    def words(self):
        """Return what the picture writes at its axes."""
        return {"name": self.activation, "depth": self.depth, "begin": INPUT_CORRELATION}

    def together(self):
        """Return how many points to measure at once: about what a tenth of a second is enough for.

        The weights are shared, so that several points cost much less together.
        """
        return int(np.clip(64 * (200**2 * 20) / (self.width**2 * self.depth), 16, 64))


class PlaneTable(Table):
    """Everything that a picture shows, for every point of a plane.

    Positions are counted along the rows: that of sigma_w number i and sigma_b number j is i plus j
    times the number of columns.

    Parameters
    ----------
    settings : PhaseSettings
    describe : callable
        Called with settings, (sigma_w, sigma_b, q, chi, depth_scale) and what was measured
        there; returns the caption.

    Attributes
    ----------
    diagram : PlaneDiagram
        What theory says of the plane: it is there at once.
    """

    def __init__(self, settings, describe):
        self.settings, self.diagram = settings, plane_diagram(settings.activation)
        self._begin(self.diagram.chi.size, describe)

    def point(self, position):
        """Return sigma_w, sigma_b, and what theory says there of q, chi and depth scale."""
        j, i = divmod(position, len(self.diagram.sigma_w))
        found = self.diagram
        theory = (array[j, i] for array in (found.q, found.chi, found.depth_scale))
        return tuple(map(float, (found.sigma_w[i], found.sigma_b[j], *theory)))

    def fill(self, position):
        """Compute one position, unless it is there already."""
        with self._lock:
            if not self.ready[position]:
                self._fill([position])

    def fill_nearest(self, position):
        """Compute the positions nearest to this one that are not there yet, some at a time."""
        with self._lock:
            missing = np.flatnonzero(self.ready == 0)
            columns = len(self.diagram.sigma_w)
            (there, here), (j, i) = divmod(position, columns), np.divmod(missing, columns)
            nearest = np.argsort((i - here) ** 2 + (j - there) ** 2, kind="stable")
            if len(missing):
                self._fill(missing[nearest[: self.settings.together()]].tolist())

    def _fill(self, positions):
        measure = self._open()
        points = [self.point(position) for position in positions]
        with one_blas_thread():
            found = measure([point[:2] for point in points])
        for number, (position, point) in enumerate(zip(positions, points, strict=True)):
            row = {name: values[number] for name, values in found.items()}
            self._keep(position, row, point)

    def for_page(self):
        """Return what the page is told of it: words (for JSON) and arrays, two dicts.

        The logarithms of sizes, to base 10, in single precision: that is what is drawn.
        """
        found = self.diagram
        words = {
            "sigma_w": found.sigma_w.tolist(),
            "sigma_b": found.sigma_b.tolist(),
            "line": found.line[np.isfinite(found.line).all(axis=1)].tolist(),
            "captions": self.captions,
        }
        arrays = {"ready": self.ready, "chi": found.chi.astype(np.float32)}
        with np.errstate(divide="ignore"):
            for name in _SIZES:
                if name in self.arrays:
                    arrays[f"log_{name}"] = np.log10(self.arrays[name]).astype(np.float32)
        for name in _LIKENESS:
            if name in self.arrays:
                arrays[name] = self.arrays[name].astype(np.float32)
        return words | self.settings.words(), arrays


def phase_table(settings):
    """Return the table of all points, computed anew: same settings, same bytes.

    Parameters
    ----------
    settings : PhaseSettings

    Returns
    -------
    PlaneTable
        Of float64 networks, so that even the smallest gradient has a size.
    """
    return complete(PlaneTable(settings, captions.phase))


@dataclass(frozen=True, eq=False)
class PhaseReading:
    """The numbers of the picture.

    Attributes
    ----------
    sigma_w, sigma_b : float
        The roots of fan_in times the variance of a weight, and of the variance of a bias.
    chi : float
        Below 1 in order, above 1 in chaos; at the fixed point of the variance.
    depth_scale : float
        In layers; ``inf`` on the line, and for ReLU in chaos, where q has no fixed point.
    critical_sigma_w : float
        Where chi is 1 with this sigma_b; NaN if there is no such place.
    q, correlation, gradient_rms : array, shape (layers,)
        The mean of z**2, the correlation of two inputs' z, and the root mean square of dL/dz: see
        ``experiments.PhasePlane.measure``.
    predicted_q, predicted_correlation, predicted_gradient_rms : array, shape (layers,)
        The same by mean-field theory; NaN where it overflows.
    caption : str
    """

    sigma_w: float
    sigma_b: float
    chi: float
    depth_scale: float
    critical_sigma_w: float
    q: np.ndarray
    predicted_q: np.ndarray
    correlation: np.ndarray
    predicted_correlation: np.ndarray
    gradient_rms: np.ndarray
    predicted_gradient_rms: np.ndarray
    caption: str

    def __str__(self):
        """Return a line of numbers for each layer; theory's stand in brackets."""
        names = (
            *("q", "predicted_q", "correlation", "predicted_correlation"),
            *("gradient_rms", "predicted_gradient_rms"),
        )
        rows = zip(*(getattr(self, name) for name in names), strict=True)
        return "\n".join(
            f"layer {number}   q {found[0]:.2e} ({found[1]:.2e})"
            f"   correlation {found[2]:.3f} ({found[3]:.3f})"
            f"   gradient RMS {found[4]:.2e} ({found[5]:.2e})"
            for number, found in enumerate(rows, start=1)
        )


class PhaseExplorer(ScrubbingExplorer):
    """The plane of sigma_w and sigma_b with its critical line, and a network at any of its points.

    A click into the plane chooses a point, and so do the arrow keys.

    Parameters
    ----------
    sigma_w, sigma_b : float
        From 0 to 4 and to 3; for sigmoid from 0 to 16 and to 7.5. The sliders go to the nearest of
        their positions.
    activation : {"tanh", "erf", "relu", "sigmoid"}, or one of these functions
    depth, width, seed : int
        1 to 50, 10 to 500, 0 to 9999.

    Attributes
    ----------
    sigma_w, sigma_b, activation, depth, width, seed : ipywidgets controls
    picture : Picture

    Raises
    ------
    TypeError, ValueError
        If one of the arguments is not what is said here.
    """

    _ruler = "activation"

    def __init__(self, sigma_w=1.5, sigma_b=0.5, **settings):
        chosen = checked_settings(PhaseSettings(**settings), **_LIMITS)
        wide = widgets.Layout(width="100%")
        low, high = _LIMITS["seed"]
        controls = {
            "sigma_w": PlaneSlider(
                "sigma_w", chosen.activation, sigma_w, description="sigma_w", layout=wide
            ),
            "sigma_b": PlaneSlider(
                "sigma_b", chosen.activation, sigma_b, description="sigma_b", layout=wide
            ),
            "activation": dropdown("activation", ACTIVATIONS, chosen.activation),
            "depth": whole("depth", chosen.depth, *_LIMITS["depth"]),
            "width": whole("width", chosen.width, *_LIMITS["width"]),
            "seed": widgets.BoundedIntText(
                description="seed", value=chosen.seed, min=low, max=high
            ),
        }
        sliders = list(controls.values())[:2]
        super().__init__(controls, [], dict(zip(sliders, ("position", "position_b"), strict=True)))
        self.children = [
            row(*sliders, name="slider"),
            row(*list(controls.values())[2:], self.reset_button),
            self.picture,
            self.state_text,
        ]

    @property
    def settings(self):
        """What the controls say, but for the point: a PhaseSettings."""
        names = PhaseSettings.__dataclass_fields__
        return PhaseSettings(**{name: self._controls[name].value for name in names})

    def _fit(self):
        for slider in (self.sigma_w, self.sigma_b):
            slider.set_activation(self.activation.value)

    def _hands(self):
        return [self.sigma_b.index * len(self.sigma_w.options) + self.sigma_w.index]

    def _wanted_tables(self):
        return [remembered(self.settings, captions.phase, PlaneTable)]

    def _packed(self, tables):
        return pack("phase", tables)

    def reading(self):
        """Return the numbers at the current point: a PhaseReading."""
        with self._lock:
            table, (position,) = self._tables[0], self._hands()
            found = table.row(position)
            sigma_w, sigma_b, _, chi, depth_scale = table.point(position)
            return PhaseReading(
                sigma_w=sigma_w,
                sigma_b=sigma_b,
                chi=chi,
                depth_scale=depth_scale,
                critical_sigma_w=float(table.diagram.critical_sigma_w[self.sigma_b.index]),
                caption=table.captions[position],
                **found,
            )
