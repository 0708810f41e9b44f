"""Arrays that many share and nobody changes."""

from typing import Any

import numpy as np

_ADVICE = "this array belongs to a Dataset, which is read-only and shared; change a .copy() of it"


class ReadOnlyArray(np.ndarray[Any, np.dtype[Any]]):
    """An array that says what to do when someone writes into it.

    What is computed from it is an ordinary array.
    """

    def __setitem__(self, key: Any, value: Any) -> None:
        """Refuse, unless this is a copy."""
        if not self.flags.writeable:
            raise ValueError(_ADVICE)
        super().__setitem__(key, value)

    def __repr__(self) -> str:
        """Look like an ordinary array."""
        return repr(_plain(self))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        """Compute with ordinary arrays; refuse to write a result here, as ``x += 1`` would."""
        for out in settings.get("out", ()):
            if isinstance(out, ReadOnlyArray) and not out.flags.writeable:
                raise ValueError(_ADVICE)
        settings = {name: _plain(value) for name, value in settings.items()}
        return getattr(ufunc, method)(*map(_plain, inputs), **settings)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value.view(np.ndarray) if isinstance(value, ReadOnlyArray) else value


def read_only(array: np.ndarray[Any, Any]) -> ReadOnlyArray:
    """Return a view of an array that can't be written to."""
    view = np.asarray(array).view(ReadOnlyArray)
    view.flags.writeable = False
    return view
