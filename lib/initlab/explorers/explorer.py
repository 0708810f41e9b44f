"""What all explorers share: controls that are remembered in one string, a picture, a caption."""

import contextlib
import threading
from dataclasses import fields, replace
from numbers import Integral

import ipywidgets as widgets

from initlab import activations
from initlab._engine.checks import known_name
from initlab.explorers.picture import Picture
from initlab.explorers.positions import PositionSlider, StdSlider, named_stds, nearest_std
from initlab.explorers.tables import Filler
from initlab.initializers import DISTRIBUTIONS

_WIDE = widgets.Layout(width="100%")
# The explorers of a cell, by the cell: a re-run closes those that it replaces.
_IN_CELL = {}


def _running_cell():
    """Return which cell of a notebook runs and its how-manieth run it is, or None."""
    try:
        from IPython import get_ipython

        shell = get_ipython()
        parent = shell.get_parent()
        cell = parent.get("metadata", {}).get("cellId")
        return (cell, parent["header"]["msg_id"]) if cell else None
    except (ImportError, AttributeError, KeyError):
        return None


def _close_those_replaced(explorer):
    running = _running_cell()
    if running is None:
        return
    cell, run = running
    before, others = _IN_CELL.get(cell, (run, []))
    if before != run:
        for other in others:
            other.close()
        others = []
    _IN_CELL[cell] = run, [*others, explorer]


class Explorer(widgets.VBox):
    """Controls, a picture and its caption, and the state of it all as one string.

    Attributes
    ----------
    picture : Picture
    state_text : ipywidgets.Text
        Shows the state; what is pasted into it is shown.
    reset_button : ipywidgets.Button
    """

    # The control on which it depends where the sliders can stand.
    _ruler = "width"

    def __init__(self, controls, rows, picture=None):
        self._lock = threading.RLock()
        self._quiet, self._writing = False, None
        self.picture = picture or Picture(layout=_WIDE)
        self._controls = controls
        for name, control in controls.items():
            setattr(self, name, control)
            if isinstance(control, PositionSlider):
                control.turn = self._lock
            control.add_class(f"initlab-{name.replace('_', '-')}")
        self.reset_button = widgets.Button(description="reset", tooltip="back to how it began")
        self.state_text = widgets.Text(
            description="state",
            tooltip="copy it, or paste another one and press Enter",
            continuous_update=False,
            layout=widgets.Layout(width="100%"),
        )
        super().__init__([*rows, self.picture, self.state_text], layout=_WIDE)
        self.add_class("initlab-explorer")
        self._first_state = self.state
        self.reset_button.on_click(lambda _: self.reset())
        self.state_text.observe(self._pasted, "value")
        for control in controls.values():
            control.observe(self._changed, "value")
        _close_those_replaced(self)

    # ------------------------------------------------------------------------------- the state

    @property
    def state(self):
        """All that is set, as one short string.

        Set it to show exactly the same as elsewhere. A ValueError names the part that is wrong;
        nothing has been changed then.
        """
        return " ".join(
            f"{name}={_as_text(control.value)}" for name, control in self._controls.items()
        )

    @state.setter
    def state(self, text):
        """Set all that the text names."""
        wanted = self._parsed(text)
        with self._unlocked(wanted.pop("lock", None)), self._in_one_go():
            for name, value in wanted.items():
                self._controls[name].value = value
                if name == self._ruler:
                    self._fit()

    def _parsed(self, text):
        if not isinstance(text, str):
            raise TypeError(f"state={text!r} must be a text such as {self.state!r}")
        wanted = {}
        for part in text.split():
            name, equals, value = part.partition("=")
            if not equals or name not in self._controls:
                known = ", ".join(self._controls)
                raise ValueError(f"state: {part!r} is not known here; known are {known}")
            wanted[name] = value
        # The ruling control first: it says where the sliders can stand.
        checked = {}
        for name in sorted(wanted, key=lambda name: name != self._ruler):
            rule = checked.get(self._ruler) or self._rule()
            checked[name] = _checked(name, self._controls[name], wanted[name], rule)
        return checked

    @contextlib.contextmanager
    def _unlocked(self, then=None):
        """Let sliders that the page moves together go, and hold them again (or not) at the end."""
        lock = self._controls.get("lock")
        if lock is None:
            yield
            return
        was, lock.value = lock.value, False
        try:
            yield
        finally:
            lock.value = was if then is None else then

    def reset(self):
        """Set everything back to how it was at the beginning."""
        self.state = self._first_state

    def _pasted(self, change):
        if self._writing == threading.get_ident():  # our own line, no paste
            return
        if change["new"] == self.state:
            self.picture.message = ""
            return
        try:
            self.state = change["new"]
            self.picture.message = ""
        except ValueError as error:
            self.picture.message = str(error)

    @contextlib.contextmanager
    def _in_one_go(self):
        """Change several controls, and look once at the end."""
        with self._lock:
            outer, self._quiet = self._quiet, True
            try:
                yield
            finally:
                self._quiet = outer
        if not outer:
            self._changed(None)

    # ---------------------------------------------------------------------------- what changes

    def _changed(self, change):
        with self._lock:
            if self._quiet:
                return
            self.picture.message = ""
            owner = None if change is None else change["owner"]
            if owner is not None and owner is self._controls.get(self._ruler):
                with self._in_one_go_quietly(), self._unlocked():
                    self._fit()
            # The picture comes last: who sees it sees all the rest.
            was, self._writing = self._writing, threading.get_ident()
            try:
                self.state_text.value = self.state
            finally:
                self._writing = was
            self._look(moved=isinstance(owner, PositionSlider))

    @contextlib.contextmanager
    def _in_one_go_quietly(self):
        outer, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = outer

    def _rule(self):
        return self._controls[self._ruler].value if self._ruler in self._controls else None

    def _fit(self):
        """Let the sliders stand where they can for what the ruling control says."""
        for control in self._controls.values():
            if isinstance(control, StdSlider):
                control.set_width(self.width.value)

    def _look(self, *, moved):
        """Show what the controls say; ``moved`` if no more than such a slider has moved."""
        raise NotImplementedError

    def close(self):
        """Close the widget and all its parts."""
        if hasattr(self, "_controls"):  # not so where an argument was wrong
            self._quiet = True
            for widget in [*self._all(self), self.picture]:
                for part in (widget.layout, getattr(widget, "style", None)):
                    if isinstance(part, widgets.Widget) and part is not _WIDE:
                        part.close()
                widget.close()
        super().close()

    def __repr__(self):
        """Return the kind and the state: what is kept of it where no kernel runs."""
        return f"{type(self).__name__}({self.state!r})"

    def _all(self, box):
        for child in box.children:
            if isinstance(child, widgets.Box):
                yield from self._all(child)
            yield child


class ScrubbingExplorer(Explorer):
    """An explorer with a table for all positions of its std sliders."""

    def __init__(self, controls, rows, links):
        self._filler = Filler(self._hands, self._publish)
        self._tables = []
        super().__init__(controls, rows)
        self._links = [
            widgets.jslink((slider, "index"), (self.picture, name))
            for slider, name in links.items()
        ]
        self._sliders = list(links)
        for slider, name in links.items():
            setattr(self.picture, name, slider.index)
            self.picture.positions = len(slider.options)
        self._changed(None)

    def _hands(self):
        return [slider.index for slider in self._sliders]

    def _look(self, *, moved):
        if moved and self._tables:
            # The page has drawn already. A table in the making goes on with what is near.
            return
        self._tables = self._wanted_tables()
        for table, position in zip(self._tables, self._hands(), strict=True):
            table.fill(position)
        self._publish(self._tables)
        self._filler.fill(self._tables)

    def _wanted_tables(self):
        raise NotImplementedError

    def _packed(self, tables):
        raise NotImplementedError

    def _publish(self, tables):
        with self._lock:
            if tables is self._tables and self.picture.comm is not None:
                self.picture.table = self._packed(tables)

    def wait(self):
        """Return when every position of the slider is computed; dragging needs no waiting."""
        self._filler.wait()

    def close(self):
        """Close the widget and all its parts, and stop computing."""
        if hasattr(self, "_links"):
            self._filler.fill([])
            for link in self._links:
                link.close()
        super().close()


# ------------------------------------------------------------------------------------- controls


def std_slider(width, std, description="std"):
    """Return the slider of the std, and a box with it and a button for each named std."""
    slider = StdSlider(width, description=description, layout=widgets.Layout(width="100%"))
    if isinstance(std, str):
        std = named_stds(width)[known_name("std", std, named_stds(width))]
    slider.value = nearest_std([value for _, value in slider.options], std)
    return slider


def named_buttons(slider, width):
    """Return a button for each named std, which moves the slider there."""
    buttons = {}
    for name in named_stds(10):
        button = widgets.Button(description=name, tooltip=f"std {name}")
        button.on_click(
            lambda _, name=name: setattr(slider, "value", named_stds(width.value)[name])
        )
        buttons[name] = button
    return buttons


def dropdown(description, options, value):
    """Return a dropdown of these names."""
    return widgets.Dropdown(description=description, options=list(options), value=value)


def whole(description, value, low, high):
    """Return a slider for whole numbers, which speaks when it is let go."""
    return widgets.IntSlider(
        description=description, value=value, min=low, max=high, continuous_update=False
    )


def network_controls(settings, limits):
    """Return the controls for the size of the network and the draw."""
    controls = {
        name: whole(name, getattr(settings, name), *limits[name])
        for name in ("depth", "width", "inputs")
    }
    low, high = limits["seed"]
    seed = widgets.BoundedIntText(description="seed", value=settings.seed, min=low, max=high)
    return controls | {"seed": seed}


ACTIVATIONS = list(activations.ACTIVATIONS)
INITIALIZERS = list(DISTRIBUTIONS)


def row(*children, name="row"):
    """Return widgets side by side; they wrap where the window is narrow."""
    box = widgets.Box(list(children))
    box.add_class(f"initlab-{name}")
    return box


# --------------------------------------------------------------------------------------- checks


def checked_settings(settings, **limits):
    """Return settings with checked values.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown or a number lies outside of its control's range.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name.startswith("activation"):
            settings = replace(settings, **{field.name: known_activation(field.name, value)})
        elif field.name.startswith("initializer"):
            if value not in DISTRIBUTIONS:
                raise ValueError(f"{field.name}={value!r}: choose from {', '.join(DISTRIBUTIONS)}")
        else:
            low, high = limits[field.name]
            whole = isinstance(value, Integral) and not isinstance(value, bool)
            if not whole or not low <= value <= high:
                raise ValueError(
                    f"{field.name}={value!r} must be a whole number from {low} to {high}"
                )
            settings = replace(settings, **{field.name: int(value)})
    return settings


def known_activation(name, value):
    """Return the name of an activation function that the dropdown knows."""
    function = activations.get(value)
    if activations.ACTIVATIONS.get(function.name) != function:
        raise ValueError(f"{name}={value!r}: choose from {', '.join(ACTIVATIONS)}")
    return function.name


LIMITS = {"depth": (1, 30), "width": (10, 500), "inputs": (10, 2000), "seed": (0, 9999)}


def _as_text(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace(" ", "_")


def _checked(name, control, text, rule):
    """Return what a control is to be set to, from its text and what the ruling control says."""
    if isinstance(control, widgets.ToggleButton):
        if text not in ("True", "False"):
            raise ValueError(f"{name}={text} must be True or False")
        return text == "True"
    if isinstance(control, PositionSlider):
        return control.from_text(name, text, rule)
    if isinstance(control, widgets.Dropdown):
        chosen = [value for value in control.options if _as_text(value) == text]
        if not chosen:
            raise ValueError(
                f"{name}={text}: choose from {', '.join(map(_as_text, control.options))}"
            )
        return chosen[0]
    if not text.isdecimal() or not control.min <= int(text) <= control.max:
        raise ValueError(
            f"{name}={text} must be a whole number from {control.min} to {control.max}"
        )
    return int(text)
