"""Order and chaos: a point in a plane, and the behaviour of a network there."""

import functools
from dataclasses import asdict, dataclass

import numpy as np

from initlab.activations import ACTIVATIONS
from initlab.experiments.plane import PhasePlane, plane_diagram
from initlab.explorers import captions
from initlab.explorers.explorer import ScrubbingExplorer, controls_of, row
from initlab.explorers.positions import PlaneSlider
from initlab.explorers.settings import Settings, choice, whole
from initlab.explorers.tables import logs


@dataclass(frozen=True)
class PhaseSettings(Settings):
    """What signals depend on, apart from the point in the plane; measured in float64.

    Positions are numbered row by row: the one with sigma_w number i and sigma_b number j is i plus
    j times the number of columns.

    Attributes
    ----------
    activation : str
        A name of ``activations.ACTIVATIONS``.
    depth, width, seed : int
        As for ``experiments.PhasePlane``: 1 to 50, 10 to 500, 0 to 9999.
    """

    activation: str = choice("tanh", ACTIVATIONS)
    depth: int = whole(20, 1, 50)
    width: int = whole(200, 10, 500)
    seed: int = whole(0, 0, 9999)

    picture, caption = "phase", captions.phase
    line = staticmethod(captions.phase_line)

    @property
    def together(self):
        """The number of points to measure at a time, about as many as take a tenth of a second.

        They share the weights, so that measuring several points together is much cheaper.
        """
        return int(np.clip(64 * (200**2 * 20) / (self.width**2 * self.depth), 16, 64))

    def places(self):
        """Return theory's predictions for each point of the plane."""
        return _places(self.activation)

    def distances(self, positions, position):
        """Return the squared distances of positions from one of them, in columns and rows."""
        columns = len(plane_diagram(self.activation).sigma_w)
        (rows, across), (row, column) = np.divmod(positions, columns), divmod(position, columns)
        return (across - column) ** 2 + (rows - row) ** 2

    def open(self):
        """Draw the network, and return a function that measures it at given places."""
        drawn = PhasePlane(**asdict(self))
        return lambda places: drawn.measure([(one["sigma_w"], one["sigma_b"]) for one in places])

    def words(self, places):
        """Return the texts that the page shows, and the critical line."""
        found = plane_diagram(self.activation)
        return {
            "name": self.activation,
            "depth": self.depth,
            "sigma_w": found.sigma_w.tolist(),
            "sigma_b": found.sigma_b.tolist(),
            "line": found.line[np.isfinite(found.line).all(axis=1)].tolist(),
        }

    def shown(self, arrays):
        """Return the arrays that the page draws; chi is known before anything is measured."""
        sizes = {name: array for name, array in arrays.items() if "correlation" not in name}
        likeness = {name: arrays[name].astype(np.float32) for name in arrays if name not in sizes}
        chi = plane_diagram(self.activation).chi.astype(np.float32)
        return {"chi": chi, **logs(sizes), **likeness}


@functools.cache  # the same for all networks
def _places(activation):
    found = plane_diagram(activation)
    sigma_b, sigma_w = np.meshgrid(found.sigma_b, found.sigma_w, indexing="ij")
    arrays = {
        "sigma_w": sigma_w,
        "sigma_b": sigma_b,
        "fixed_q": found.q,
        "chi": found.chi,
        "depth_scale": found.depth_scale,
        "critical_sigma_w": np.broadcast_to(found.critical_sigma_w[:, np.newaxis], sigma_w.shape),
    }
    values = zip(*(array.ravel().tolist() for array in arrays.values()), strict=True)
    return [dict(zip(arrays, place, strict=True)) for place in values]


class PhaseExplorer(ScrubbingExplorer):
    """The plane of sigma_w and sigma_b with its critical line, and a network at any of its points.

    Click in the plane or use the arrow keys to choose a point.

    ``reading()`` has theory's chi (below 1 in order, above 1 in chaos), ``depth_scale`` in layers
    (``inf`` if there is none), ``fixed_q`` and ``critical_sigma_w`` (NaN if there is none), and,
    with shape (layers,), the results of ``experiments.PhasePlane.measure``.

    Parameters
    ----------
    sigma_w, sigma_b : float
        From 0 to the end of the plane; see the activation's ``plane``. The sliders snap to their
        nearest positions.
    activation, depth, width, seed
        As for ``PhaseSettings``.

    Attributes
    ----------
    sigma_w, sigma_b, activation, depth, width, seed : ipywidgets controls
    """

    _kind = PhaseSettings
    _range_control = "activation"

    def __init__(self, sigma_w=1.5, sigma_b=0.5, **settings):
        chosen = PhaseSettings(**settings)
        sliders = {
            "sigma_w": PlaneSlider("sigma_w", chosen.activation, sigma_w),
            "sigma_b": PlaneSlider("sigma_b", chosen.activation, sigma_b),
        }
        controls = controls_of(chosen)
        super().__init__(sliders | controls)
        self._arrange(
            row(*sliders.values(), name="slider"), row(*controls.values(), self.reset_button)
        )

    def _draw(self, plotting, figure, reading):
        figure.set_figheight(5)
        left, right = figure.subplots(1, 2)
        plotting.phase_plane(left, plane_diagram(self.settings.activation))
        left.plot(reading.sigma_w, reading.sigma_b, "o", color=plotting.ORANGE, markersize=16)
        known = reading.predicted_correlation
        plotting.against_layer(right, reading.correlation[np.newaxis], theory=known, log=False)
        right.set(ylabel="correlation of two inputs", ylim=(-0.05, 1.05))
        right.locator_params("x", nbins=10)  # 50 layers are too many to number

    def _positions(self):
        return [self.sigma_b.index * len(self.sigma_w.options) + self.sigma_w.index]
