"""A short text that tells values apart, whatever they are called."""

import functools
import hashlib
import io
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any

_LIBRARIES = {*sys.stdlib_module_names, "initlab", "numpy", "scipy"} - {"__main__"}


def fingerprint(*values: Any) -> str:
    """Return 16 hexadecimal digits that are equal only for values with equal contents.

    Objects are told apart by their class and everything stored in them. Functions and classes that
    don't belong to a library are told apart by their code, default values, attributes, and the
    variables and modules they use, so that the same name can be given to another function in
    another session. (A stored set of strings is another one in each session.)

    Raises
    ------
    TypeError
        If a value has contents that can't be read, such as an open file.
    """
    contents = io.BytesIO()
    pickler = _Contents(contents, protocol=5)
    # Without references from one part to an equal part, which depend on how the values were made.
    pickler.fast = True
    try:
        pickler.dump(values)
    except Exception as error:  # whatever an object's own methods raise
        raise TypeError(f"the contents of {values!r} can't be read: {error}") from error
    return hashlib.sha256(contents.getvalue()).hexdigest()[:16]


class _Contents(pickle.Pickler):
    """Writes contents instead of names; the result is never loaded."""

    def __init__(self, *arguments: Any, **settings: Any):
        super().__init__(*arguments, **settings)
        self._seen: set[int] = set()

    def reducer_override(self, value: Any) -> Any:
        """Return what stands for a value: ``(function, contents)`` for pickle."""
        if isinstance(value, types.ModuleType):
            return str, (value.__name__, *self._once(value, _module))
        if isinstance(value, types.CodeType):
            constants = [
                sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant
                for constant in value.co_consts
            ]
            signature = value.co_flags, value.co_argcount, value.co_kwonlyargcount
            code = value.co_code, value.co_exceptiontable, value.co_names, constants
            return str, (*signature, *code)
        if isinstance(value, (types.FunctionType, type)) and not _is_of_a_library(value):
            parts = _function if isinstance(value, types.FunctionType) else _class
            return str, (value.__qualname__, *self._once(value, parts))
        if type(value) is _CACHED:
            return str, ("cached", value.__wrapped__)
        return NotImplemented

    def _once(self, value: Any, parts: Callable[[Any], tuple[Any, ...]]) -> tuple[Any, ...]:
        # What refers to itself has been written already.
        if id(value) in self._seen:
            return ()
        self._seen.add(id(value))
        return parts(value)


_CACHED = type(functools.cache(len))


def _is_of_a_library(value: Any) -> bool:
    return str(value.__module__).split(".")[0] in _LIBRARIES and "<" not in value.__qualname__


def _module(value: types.ModuleType) -> tuple[Any, ...]:
    file = getattr(value, "__file__", None) or ""
    if value.__name__.split(".")[0] in _LIBRARIES or "site-packages" in file:
        return ()
    return ({name: part for name, part in vars(value).items() if not name.startswith("__")},)


def _function(value: types.FunctionType) -> tuple[Any, ...]:
    used = {name: value.__globals__[name] for name in _names(value.__code__, value.__globals__)}
    enclosed = [cell.cell_contents for cell in value.__closure__ or ()]
    given = value.__defaults__, value.__kwdefaults__, vars(value)
    return value.__code__, *given, enclosed, used


def _names(code: types.CodeType, known: dict[str, Any]) -> list[str]:
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    names = [*code.co_names, *(name for each in inner for name in _names(each, known))]
    return [name for name in names if name in known]


def _class(value: type) -> tuple[Any, ...]:
    own = {name: _unwrapped(part) for name, part in vars(value).items() if name != "_abc_impl"}
    return value.__bases__, {
        name: part for name, part in own.items() if not name.startswith("__") or callable(part)
    }


def _unwrapped(part: Any) -> Any:
    if isinstance(part, (classmethod, staticmethod)):
        return part.__func__
    if isinstance(part, property):
        return part.fget, part.fset
    return part.func if isinstance(part, functools.cached_property) else part
