"""The positions of sliders.

For the std: 0, then 121 values from 0.01 to 10, including the marked starts. For sigma_w and
sigma_b: the columns and rows of the plane of an activation function.
"""

import math
import threading
from numbers import Real

from ipywidgets import Layout, SelectionSlider
from traitlets import validate

from initlab.experiments.plane import plane_diagram
from initlab.initializers import STARTS

_GRID = (0.0, *(float(f"{10 ** (-2 + step / 40):.4g}") for step in range(121)))


def named_stds(width):
    """Return a dict of the std of each marked start, for square layers of this width.

    "std 0.01" is called "0.01" here.
    """
    return {
        name.removeprefix("std "): start.initializer.std((width, width))
        for name, start in STARTS.items()
        if start.marked
    }


def std_positions(width):
    """Return the stds of all positions of the slider, in increasing order.

    Parameters
    ----------
    width : int
        The stds of the marked starts for this width replace the grid points nearest to them.

    Returns
    -------
    dict of str to float
        The slider's labels, and the stds.
    """
    names = {std: [] for std in _GRID}
    for name, std in named_stds(width).items():
        if std not in names:
            nearest = min(names, key=lambda place: abs(_log(place) - _log(std)))
            if not names[nearest]:
                del names[nearest]
        names.setdefault(std, []).append(name)
    return {_label(std, names[std]): std for std in sorted(names)}


def _label(std, names):
    said = f"{std:.4g}"
    names = [name for name in names if name != said]
    return f"{said} ({', '.join(names)})" if names else said


def _log(std):
    # 0 has no place on a log axis; here it is as far below 0.01 as 0.04 is above.
    return math.log(max(std, 0.0025))


class PositionSlider(SelectionSlider):
    """A selection slider that accepts any number and snaps to the nearest position.

    Parameters
    ----------
    name : str
        Its name in error messages.
    range_value
        Determines the slider's positions; can be changed with ``set_range``.
    value : float or str
        Any number within the range, or the name of one.
    description : str, optional
        The label beside the slider; by default ``name``.
    """

    # Options, index and value are updated one after another, and no other thread may interfere. An
    # explorer puts its own lock here: its sliders call it, and it calls them.
    turn = threading.RLock()
    _has_names = True

    def __init__(self, name, range_value, value, description=None):
        self.name, self._range_value = name, range_value
        options, look = list(self.places(range_value).items()), Layout(width="100%")
        super().__init__(options=options, description=description or name, layout=look)
        if isinstance(value, str):
            value = self.from_text(value, range_value)
        self.index = self._nearest([place for _, place in options], value)

    def __setattr__(self, name, value):
        """Set an attribute; the selection is updated as a whole."""
        with self.turn:
            super().__setattr__(name, value)

    def set_state(self, sync_data):
        """Apply an update from the page; the selection is updated as a whole."""
        with self.turn:
            super().set_state(sync_data)

    @validate("value")
    def _validate_value(self, proposal):
        places = [place for _, place in self.options]
        return places[self._nearest(places, proposal.value)]

    def from_text(self, text, range_value):
        """Return the number given by a text, which is a number or a name in the range.

        Spaces may be written as underscores, and "std 0.01" may be written for "0.01".
        """
        names = self.names(range_value)
        name = text.replace("_", " ").removeprefix("std ")
        try:
            number = names[name] if name in names else float(name)
        except ValueError:
            number = math.nan
        return self._within([*self.places(range_value).values()], number, text)

    def set_range(self, range_value):
        """Switch to the positions of another range, keeping the name or, roughly, the number."""
        with self.turn, self.hold_sync():
            places = self.places(range_value)
            numbers, named = list(places.values()), self.names(self._range_value).items()
            own = [name for name, number in named if number == self.value and self._has_names]
            wanted = self.names(range_value)[own[0]] if own else self.value
            index = self._nearest(numbers, min(wanted, numbers[-1]))
            self._range_value = range_value
            self._offer(places.items(), index)

    def leave_out_names(self):
        """From now on show and keep numbers alone, without the names of those that have one."""
        with self.turn, self.hold_sync():
            self._has_names = False
            self._offer(self.options, self.index)

    def _offer(self, places, index):
        plain = [(label.partition(" (")[0], place) for label, place in places]
        self.options = list(places) if self._has_names else plain
        self.index = index

    def _nearest(self, places, wanted):
        if isinstance(wanted, bool) or not isinstance(wanted, Real):
            raise TypeError(f"{self.name}={wanted!r} must be a number from 0 to {places[-1]:g}")
        self._within(places, wanted, repr(wanted))
        return min(range(len(places)), key=lambda index: self.distance(places[index], wanted))

    def _within(self, places, number, said):
        if not 0 <= number <= places[-1]:
            names = "".join(f", or {name}" for name in self.names(self._range_value))
            wanted = f"a number from 0 to {places[-1]:g}{names}"
            raise ValueError(f"{self.name}={said} must be {wanted}")
        return number

    def places(self, range_value):
        """Return the positions as a dict of label to number."""
        raise NotImplementedError

    def names(self, range_value):
        """Return the named numbers as a dict of name to number."""
        return {}

    def distance(self, place, wanted):
        """Return the distance of a position from a number."""
        return abs(place - wanted)


class StdSlider(PositionSlider):
    """The slider for the std; its range is determined by the width of the layers."""

    def places(self, width):
        """Return the stds of all positions as a dict of label to std."""
        return std_positions(width)

    def names(self, width):
        """Return the std of each marked start."""
        return named_stds(width)

    def distance(self, place, wanted):
        """Return the distance between two stds on a log axis."""
        return abs(_log(place) - _log(wanted))


class PlaneSlider(PositionSlider):
    """The slider for sigma_w or sigma_b; its range is a side of the plane of an activation."""

    def places(self, activation):
        """Return the columns or rows of the plane as a dict of label to number."""
        side = getattr(plane_diagram(activation), self.name)
        return {f"{place:.4g}": place for place in side.tolist()}
