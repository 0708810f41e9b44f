"""Arrays that are shared and must not be changed."""

from typing import Any

import numpy as np

_ADVICE = "this array belongs to a Dataset, which is read-only and shared; change a .copy() of it"


class ReadOnlyArray(np.ndarray[Any, np.dtype[Any]]):
    """An array that raises an error with advice when it is written to.

    Copies of it, and the results of ufuncs, are ordinary arrays.
    """

    def __setitem__(self, key: Any, value: Any) -> None:
        """Raise an error unless this is a copy."""
        _refuse(self)
        super().__setitem__(key, value)

    def __setattr__(self, name: str, value: Any) -> None:
        """Raise an error if the shape is changed in place."""
        if name == "shape":
            _refuse(self)
        super().__setattr__(name, value)

    def __getitem__(self, key: Any) -> Any:
        """Return a view as a read-only array, and a copy as an ordinary array."""
        return _plain_copy(super().__getitem__(key))

    def copy(self, order: Any = "C") -> Any:
        """Return an ordinary array."""
        return _plain(self).copy(order)

    def astype(self, *args: Any, **kwargs: Any) -> Any:
        """Return an ordinary array, unless it is this one."""
        return _plain_copy(super().astype(*args, **kwargs))

    def __repr__(self) -> str:
        """Look like an ordinary array."""
        return repr(_plain(self))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        """Compute with ordinary arrays; raise an error for results written here (``x += 1``)."""
        for target in (*settings.get("out", ()), *(inputs[:1] if method == "at" else ())):
            _refuse(target)
        settings = {name: _plain(value) for name, value in settings.items()}
        return getattr(ufunc, method)(*map(_plain, inputs), **settings)


def _refuse(array: Any) -> None:
    if isinstance(array, ReadOnlyArray) and not array.flags.writeable:
        raise ValueError(_ADVICE)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return value.view(np.ndarray) if isinstance(value, ReadOnlyArray) else value


def _plain_copy(value: Any) -> Any:
    return _plain(value) if isinstance(value, np.ndarray) and value.flags.writeable else value


def read_only(array: np.ndarray[Any, Any]) -> ReadOnlyArray:
    """Return a view of an array through which it can't be written to."""
    view = np.asarray(array).view(ReadOnlyArray)
    view.flags.writeable = False
    return view
