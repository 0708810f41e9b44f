"""Settings: what a picture depends on. Each field can be shown by a control."""

from dataclasses import dataclass, field, fields
from numbers import Integral

from initlab._engine.checks import known_name
from initlab.activations import ActivationFunction


def choice(default, options, label=None):
    """Return a field that holds one of several options: the items of a tuple or keys of a dict.

    The options are looked up when needed, so that a dict may still grow.
    """
    return field(default=default, metadata={"options": options, "label": label})


def whole(default, low, high, label=None):
    """Return a field that holds an integer from ``low`` to ``high``."""
    return field(default=default, metadata={"limits": (low, high), "label": label})


@dataclass(frozen=True)
class Settings:
    """What a picture depends on, apart from the positions of its sliders. Each value is checked.

    An activation may be given as an ``ActivationFunction``; its name is stored.
    """

    def __post_init__(self):
        """Raise an error for values that the controls can't show."""
        for one in fields(self):
            object.__setattr__(self, one.name, _checked(one, getattr(self, one.name)))


def _checked(one, value):
    if "limits" in one.metadata:
        low, high = one.metadata["limits"]
        if isinstance(value, bool) or not isinstance(value, Integral) or not low <= value <= high:
            raise ValueError(f"{one.name}={value!r} must be a whole number from {low} to {high}")
        return int(value)
    options = one.metadata["options"]
    if isinstance(value, ActivationFunction):
        value = repr(value)
    if isinstance(one.default, str):
        return known_name(one.name, value, options)
    if value not in options:
        raise ValueError(f"{one.name}={value!r} must be one of {', '.join(map(str, options))}")
    return value
