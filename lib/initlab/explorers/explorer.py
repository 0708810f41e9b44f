"""The common base of all explorers: controls with their state in one string, picture, caption."""

import base64
import contextlib
import threading
from dataclasses import fields

import ipywidgets as widgets
from IPython import get_ipython

from initlab.explorers import captions
from initlab.explorers.picture import Picture
from initlab.explorers.positions import PositionSlider
from initlab.explorers.settings import Settings
from initlab.explorers.tables import Filler, pack, remembered

# For readers of notebooks that have no kernel: the kind and the state of an explorer.
STATE_MIME = "application/vnd.initlab.explorer+json"
# The explorers of each cell: rerunning a cell closes those that it replaces.
_IN_CELL = {}


class Explorer(widgets.VBox):
    """Controls, a picture with its caption, and the state of them all as one string.

    Invalid arguments raise a ValueError or TypeError that names the argument.

    Attributes
    ----------
    picture : Picture
    state_text : ipywidgets.Text
        Shows the state; paste another state to restore it.
    reset_button : ipywidgets.Button
    """

    # The settings, apart from the sliders of the picture.
    _kind = Settings
    # The control that determines the range of those sliders.
    _range_control = None
    # False before the controls exist, and after closing.
    _is_open = False
    # Other objects to be closed along with the explorer.
    _links = ()
    # The names of the controls that are shown; "" for all.
    _shown = ""

    def __init__(self, controls):
        # Held while controls, state and picture are being synchronized.
        self._lock = threading.RLock()
        self._is_suspended, self._controls = False, controls
        self.picture = Picture(layout={"width": "100%"})
        for name, control in controls.items():
            setattr(self, name, control)
            if isinstance(control, PositionSlider):
                control.turn = self._lock
            control.add_class(f"initlab-{name.replace('_', '-')}")
        self.reset_button = button("reset", "back to how it began", self.reset)
        self._written = self._first_state = self.state
        self.state_text = widgets.Text(
            description="state",
            tooltip="copy it, or paste another one and press Enter",
            continuous_update=False,
            layout=widgets.Layout(width="100%"),
        )
        super().__init__(layout={"width": "100%"})
        self.add_class("initlab-explorer")
        self.state_text.observe(self._pasted, "value")
        for control in controls.values():
            control.observe(self._changed, "value")
        self._is_open = True
        _close_those_replaced(self)

    def _arrange(self, *rows):
        """Place rows of controls above the picture, and show the current settings."""
        self.children = [*rows, self.picture, self.state_text]
        self._changed()

    @property
    def settings(self):
        """The current settings, apart from the sliders of the picture."""
        return self._chosen()

    def _chosen(self, side=""):
        """Return the settings; for a side such as "_b", from its own controls where they exist."""
        controls = self._controls
        return self._kind(
            **{
                name: controls.get(name + side, controls.get(name)).value
                for name in self._kind.__dataclass_fields__
            }
        )

    def only_the_slider(self, *others):
        """Leave out all that would have to be explained, for a first look; return the explorer.

        Hidden are the other controls but those named, the names of starts, and some numbers.
        """
        sliders = [one for one in self._controls.values() if isinstance(one, PositionSlider)]
        names = [name for name, one in self._controls.items() if one in sliders or name in others]
        self._shown = " ".join(names)
        shown = {self.picture, *sliders, *(self._controls[name] for name in others)}
        with self._suspended():
            for part in _parts(self):
                single = isinstance(part, widgets.DOMWidget) and not isinstance(part, widgets.Box)
                if single and part not in shown:
                    part.layout.display = "none"
            for slider in sliders:
                slider.leave_out_names()
            self.picture.simple = True
        return self

    # ------------------------------------------------------------------------------- the state

    @property
    def state(self):
        """All settings as one short string.

        Set it to restore exactly what was shown elsewhere. If a part is invalid, a ValueError names
        it and nothing is changed.
        """
        return " ".join(
            f"{name}={as_text(control.value)}" for name, control in self._controls.items()
        )

    @state.setter
    def state(self, text):
        """Set everything that the text names."""
        self._set(self._parsed(text))

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
        # The control that determines the sliders' range comes first.
        checked, range_value = {}, self._range_value()
        for name in sorted(wanted, key=lambda name: name != self._range_control):
            checked[name] = _read(name, self._controls[name], wanted[name], range_value)
            if name == self._range_control:
                range_value = checked[name]
        return checked

    def _set(self, values):
        """Set controls from a dict of name to value, the range control first, and refresh once."""
        with self._suspended():
            for name, value in values.items():
                self._controls[name].value = value
                if name == self._range_control:
                    self._update_ranges()

    def reset(self):
        """Restore the initial state."""
        self.state = self._first_state

    def _pasted(self, _):
        with self._lock:
            if self.state_text.value == self._written:  # written here, not pasted
                self.picture.message = ""
                return
        try:
            self.state = self.state_text.value
        except ValueError as error:
            self.picture.message = str(error)

    # ---------------------------------------------------------------------------- what changes

    @contextlib.contextmanager
    def _suspended(self):
        """Change several controls, and refresh once at the end."""
        with self._lock:
            outer, self._is_suspended = self._is_suspended, True
            try:
                yield
            finally:
                self._is_suspended = outer
            self._changed()

    def _changed(self, change=None):
        owner = None if change is None else change["owner"]
        with self._lock:
            if self._is_suspended:
                return
            if owner is not None and owner is self._controls.get(self._range_control):
                self._set({self._range_control: owner.value})
                return
            # The picture comes last, so that once it is visible everything else is up to date.
            self.picture.message = ""
            self._written = self.state
            self.state_text.value = self._written
            self._refresh(moved=isinstance(owner, PositionSlider))

    def _range_value(self):
        return self._controls[self._range_control].value if self._range_control else None

    def _update_ranges(self):
        """Update the positions of the sliders to the value of the range control."""
        for control in self._controls.values():
            if isinstance(control, PositionSlider):
                control.set_range(self._range_value())

    def _refresh(self, *, moved):
        """Show the current settings; ``moved`` if only a PositionSlider has moved."""
        raise NotImplementedError

    def _stop(self):
        """Stop any computation in progress."""

    def close(self):
        """Close the widget and all its parts, and stop any computation."""
        if self._is_open:
            self._is_open, self._is_suspended = False, True
            self._stop()
            for part in (*self._links, *_parts(self), self.layout):
                part.close()
        super().close()

    def __repr__(self):
        """Return the kind and the state, which remain readable when no kernel is running."""
        return f"{type(self).__name__}({self.state!r})"

    # ------------------------------------------------------------------- where no kernel is running

    def _repr_mimebundle_(self, **kwargs):
        """Return the view, and what a notebook shows without a kernel: data and their metadata."""
        # Loaded here, since nothing else in an explorer needs matplotlib.
        from initlab import plotting

        data, reading = super()._repr_mimebundle_(**kwargs), self.reading()
        caption = captions.first_look(reading.caption) if self.picture.simple else reading.caption
        with plotting.still(caption) as (figure, png):
            self._draw(plotting, figure, reading)
        data["image/png"] = base64.b64encode(png.getvalue()).decode()
        # Only strings: what is saved is compared exactly.
        kind = type(self).__name__
        data[STATE_MIME] = {"kind": kind, "state": self.state, "shown": self._shown}
        return data, {"image/png": {"alt": caption}}

    def _draw(self, plotting, figure, reading):
        """Draw the Reading on an empty figure with the functions of ``plotting``, quickly."""
        raise NotImplementedError


class ScrubbingExplorer(Explorer):
    """An explorer that sends the page a table for all positions of its sliders.

    ``reading()`` returns the numbers at the current position: a ``tables.Reading``.
    """

    _tables = ()

    def __init__(self, controls):
        super().__init__(controls)
        self._filler = Filler(self._positions, self._publish)
        self._sliders = [one for one in controls.values() if isinstance(one, PositionSlider)]
        for slider, name in zip(self._sliders, ("position", "position_b"), strict=False):
            self._link(slider, "index", name)
        self.picture.positions = len(self._sliders[0].options)

    def _link(self, control, trait, name):
        """Link a control to the picture in the page, without involving the kernel."""
        setattr(self.picture, name, getattr(control, trait))
        self._links += (widgets.jslink((control, trait), (self.picture, name)),)

    def _wanted(self):
        """Return the settings of each table."""
        return [self.settings]

    def _positions(self):
        """Return the current position of the slider in each table."""
        return [slider.index for slider in self._sliders]

    def _refresh(self, *, moved):
        if moved and self._tables:
            # The page has already redrawn. An incomplete table continues with nearby positions.
            return
        self._tables = [remembered(settings) for settings in self._wanted()]
        for table, position in zip(self._tables, self._positions(), strict=True):
            table.fill(position)
        self._publish(self._tables)
        self._filler.fill(self._tables)

    def _publish(self, tables):
        with self._lock:
            if tables is self._tables and self.picture.comm is not None:
                parts = [table.for_page() for table in tables]
                self.picture.table = pack(tables[0].settings.picture, parts)

    def _readings(self):
        with self._lock:
            hands = zip(self._tables, self._positions(), strict=True)
            return [table.reading(position) for table, position in hands]

    def reading(self):
        """Return the numbers at the current position: a Reading."""
        return self._readings()[0]

    def wait(self):
        """Wait until every position is computed; for dragging, this isn't necessary."""
        self._filler.wait()

    def _stop(self):
        self._filler.fill([])


# ------------------------------------------------------------------------------------- controls


def controls_of(settings, *names):
    """Return a dict with a control for each field of the settings, or for the named ones."""
    return {
        one.name: _control(one, getattr(settings, one.name))
        for one in fields(settings)
        if not names or one.name in names
    }


def _control(one, value):
    said = {"description": one.metadata["label"] or one.name, "value": value}
    if "options" in one.metadata:
        return widgets.Dropdown(options=list(one.metadata["options"]), **said)
    low, high = one.metadata["limits"]
    if one.name == "seed":
        return widgets.BoundedIntText(min=low, max=high, **said)
    # Its value changes only when it is released.
    return widgets.IntSlider(min=low, max=high, continuous_update=False, **said)


def button(description, tooltip, act):
    """Return a button that calls ``act`` when clicked."""
    made = widgets.Button(description=description, tooltip=tooltip)
    made.on_click(lambda _: act())
    return made


def toggle(description, tooltip):
    """Return a toggle button."""
    return widgets.ToggleButton(description=description, tooltip=tooltip)


def row(*children, name="row"):
    """Return widgets side by side; they wrap if the window is narrow."""
    box = widgets.Box(list(children))
    box.add_class(f"initlab-{name}")
    return box


def as_text(value):
    """Return a value as it stands in a state."""
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace(" ", "_")


def _read(name, control, text, range_value):
    """Return the value for a control, from its text and the value of the range control."""
    if isinstance(control, PositionSlider):
        return control.from_text(text, range_value)
    if isinstance(control, (widgets.ToggleButton, widgets.Dropdown)):
        options = getattr(control, "options", (False, True))
        known = {as_text(option): option for option in options}
        if text not in known:
            raise ValueError(f"{name}={text} must be one of {', '.join(known)}")
        return known[text]
    low, high = control.min, control.max
    if not text.isdecimal() or not low <= int(text) <= high:
        raise ValueError(f"{name}={text} must be a whole number from {low} to {high}")
    return int(text)


# -------------------------------------------------------------------------------- opening, closing


def _parts(box):
    """Return all widgets in a box, with their layouts and styles."""
    for child in box.children:
        if isinstance(child, widgets.Box):
            yield from _parts(child)
        looks = child.layout, getattr(child, "style", None)
        yield from (one for one in looks if isinstance(one, widgets.Widget))
        yield child


def _close_those_replaced(explorer):
    """Close the explorers created by earlier runs of the current cell."""
    try:
        parent = get_ipython().get_parent()
        cell, run = parent["metadata"]["cellId"], parent["header"]["msg_id"]
    except (AttributeError, KeyError):  # not in a notebook
        return
    before, others = _IN_CELL.get(cell, (run, []))
    if before != run:
        for other in others:
            other.close()
        others = []
    _IN_CELL[cell] = run, [*others, explorer]
