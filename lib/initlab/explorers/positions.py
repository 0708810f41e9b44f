"""Where sliders can stand.

That of the std: at 0, then in 121 steps from 0.01 to 10, Xavier and He among them. Those of sigma_w
and sigma_b: at the columns and rows of a plane.
"""

import math
import threading
from numbers import Real

from ipywidgets import SelectionSlider
from traitlets import validate

from initlab import initializers as init
from initlab.experiments.plane import plane_diagram

_GRID = tuple(float(f"{10 ** (-2 + step / 40):.4g}") for step in range(121))


def named_stds(width):
    """Return the named stds of square layers of this width, as a dict."""
    shape = (width, width)
    return {
        "0": 0.0,
        "0.01": 0.01,
        "Xavier": init.xavier_normal().std(shape),
        "He": init.he_normal().std(shape),
        "1": 1.0,
        "10": 10.0,
    }


def std_positions(width):
    """Return the stds of all positions of the slider, from the least to the greatest.

    Parameters
    ----------
    width : int
        Xavier's and He's stds for this width stand exactly where the grid comes nearest to them.

    Returns
    -------
    dict of str to float
        What the slider says there, and the std.
    """
    names = dict.fromkeys(_GRID, "")
    for name in ("Xavier", "He"):
        std = named_stds(width)[name]
        nearest = min(names, key=lambda grid: abs(math.log(grid / std)))
        names = {std if grid == nearest else grid: kept for grid, kept in names.items()}
        names[std] = f" ({name})"
    return {"0": 0.0} | {f"{std:.4g}{name}": std for std, name in names.items()}


class PositionSlider(SelectionSlider):
    """An ordinary selection slider, which takes any number and goes to the nearest position."""

    def __init__(self, **settings):
        # Options, index and value follow each other in steps that no other thread may cut in on.
        # An explorer puts its own lock here.
        self.turn = threading.RLock()
        super().__init__(**settings)

    def __setattr__(self, name, value):
        """Set an attribute; what is selected, in one go."""
        if name in ("options", "index", "value", "label"):
            with self.turn:
                super().__setattr__(name, value)
        else:
            super().__setattr__(name, value)

    def set_state(self, sync_data):
        """Take what the page says, in one go."""
        with self.turn:
            super().set_state(sync_data)

    @validate("value")
    def _validate_value(self, proposal):
        return self.nearest(proposal.value)

    def nearest(self, wanted):
        """Return the value of the position that is nearest to a number."""
        raise NotImplementedError


class StdSlider(PositionSlider):
    """The slider of the std."""

    def __init__(self, width, **settings):
        super().__init__(options=list(std_positions(width).items()), **settings)

    def nearest(self, wanted):
        """Return the std of the nearest position."""
        return nearest_std([std for _, std in self.options], wanted)

    @staticmethod
    def from_text(name, text, width):
        """Return the std that a text means, a number or a name."""
        try:
            value = float(text)
        except ValueError:
            value = named_stds(width).get(text, -1.0)
        if not 0 <= value <= 10:
            raise ValueError(f"{name}={text}: expected a number from 0 to 10")
        return value

    def set_width(self, width):
        """Move Xavier and He to where they are for this width, and stay at the same position."""
        with self.turn, self.hold_sync():
            index, named = self.index, named_stds(width)
            own = self.label.partition(" (")[2].rstrip(")")
            self.options = list(std_positions(width).items())
            self.index = index
            if own:  # the hand was on Xavier or He, and stays there
                self.value = named[own]


def nearest_std(stds, wanted):
    """Return the one of ``stds`` that is nearest to ``wanted`` on the slider.

    Raises
    ------
    TypeError, ValueError
        If ``wanted`` is no number from 0 to 10.
    """
    if isinstance(wanted, bool) or not isinstance(wanted, Real):
        raise TypeError(f"std={wanted!r}: expected a number from 0 to 10")
    if not 0 <= wanted <= _GRID[-1]:
        raise ValueError(f"std={wanted!r}: expected a number from 0 to 10")
    if wanted < _GRID[0] / 2:
        return 0.0
    return min(stds[1:], key=lambda std: abs(math.log(std / wanted)))


class PlaneSlider(PositionSlider):
    """The slider along one side of the plane of an activation function.

    Parameters
    ----------
    side : {"sigma_w", "sigma_b"}
    activation : str
        A name that ``activations.get`` knows.
    value : float
        Any number on this side.
    """

    def __init__(self, side, activation, value, **settings):
        self._side, self._places = side, _side_of_plane(side, activation)
        super().__init__(options=_with_labels(self._places), **settings)
        self.value = self.nearest(value)

    def nearest(self, wanted):
        """Return the value of the nearest position."""
        if isinstance(wanted, bool) or not isinstance(wanted, Real):
            raise TypeError(f"{self._side}={wanted!r}: expected a number")
        _in_plane(self._side, wanted, self._places[-1])
        return min(self._places, key=lambda place: abs(place - wanted))

    def from_text(self, name, text, activation):
        """Return the number that a text means in the plane of an activation function."""
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        _in_plane(name, value, _side_of_plane(self._side, activation)[-1])
        return value

    def set_activation(self, activation):
        """Take the positions in another plane, and stay as near as can be to where it was."""
        with self.turn, self.hold_sync():
            was, self._places = self.value, _side_of_plane(self._side, activation)
            index = self._places.index(self.nearest(min(was, self._places[-1])))
            self.options = _with_labels(self._places)
            self.index = index


def _side_of_plane(side, activation):
    return getattr(plane_diagram(activation), side).tolist()


def _with_labels(places):
    return [(f"{place:.4g}", place) for place in places]


def _in_plane(name, value, most):
    if not 0 <= value <= most:
        raise ValueError(f"{name}={value}: expected a number from 0 to {most:g}")
