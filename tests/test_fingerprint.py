import functools
import itertools
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from initlab import initializers as init
from initlab._engine.fingerprint import fingerprint
from initlab.activations import ActivationFunction, leaky_relu_with
from initlab.network import MLP
from initlab.normalization import BatchNorm
from initlab.optimizers import SGD, Adam, WarmUp

FACTOR = 2


def made(rate, kind=SGD, names=("a", "b"), **settings):
    """Return a function that makes an optimizer; every difference is inside of it."""

    def make(learning_rate):
        return kind(rate * learning_rate * FACTOR) if "a" in {"a", "b"} else names

    return make


class Own:
    """Everything that a class can hold."""

    limit = 3

    def __init__(self, value=0):
        self.value, self.again = value, {"values": [value, (value,)]}

    @property
    def twice(self):
        return 2 * self.value

    @classmethod
    def usual(cls):
        return cls(1)

    @staticmethod
    def plain():
        return [Own(n) for n in range(3)]

    @functools.cached_property
    def thrice(self):
        return sum(self.value for _ in range(3))


def other(**changed):
    """Return a class like ``Own``, with some of its parts changed."""
    return type("Own", (), dict(vars(Own)) | changed)


def with_attribute(scale):
    def function(x):
        return function.scale * x

    function.scale = scale
    return function


def curve(slope):
    return ActivationFunction("mine", lambda z: z * slope, np.ones_like, span=(0, 1), gain=1.0)


def holding(**contents):
    """Return a module of the user's own."""
    module = types.ModuleType("own")
    vars(module).update(contents)
    return module


# No two of them are alike. Each function makes its value anew.
DIFFERENT = [
    lambda: 1,
    lambda: 1.0,
    lambda: {"a": 1, "b": 2},
    lambda: {"b": 2, "a": 1},
    lambda: np.arange(3.0),
    lambda: np.arange(3.0).reshape(3, 1),
    lambda: np.random.default_rng(0),
    lambda: SGD(0.1),
    lambda: SGD(0.1 + 1e-16),
    lambda: WarmUp(SGD(0.1), 3),
    lambda: WarmUp(SGD(0.1), 4),
    lambda: SGD,
    lambda: functools.partial(SGD, momentum=0.5),
    lambda: functools.partial(SGD, momentum=0.6),
    lambda: MLP,
    lambda: functools.partial(MLP, normalization=BatchNorm),
    lambda: leaky_relu_with(0.1),
    lambda: leaky_relu_with(0.2),
    lambda: curve(1.0),
    lambda: curve(2.0),
    lambda: init.normal(0.1),
    lambda: init.normal(0.2),
    lambda: np.tanh,
    lambda: made(1),
    lambda: made(2),
    lambda: made(1, kind=Adam),
    lambda: made(1, names=("a",)),
    lambda: lambda x: x + 1,
    lambda: lambda x: x + 2,
    lambda: lambda x, y=1: x + 1,
    lambda: lambda x, y=2: x + 1,
    lambda: lambda x, *, y=2: x + 1,
    lambda: lambda x, *, y=3: x + 1,
    lambda: lambda x: x + FACTOR,
    lambda: lambda *x: x + FACTOR,
    lambda: functools.cache(lambda x: x + 1),
    lambda: functools.cache(lambda x: x + 2),
    lambda: with_attribute(1),
    lambda: with_attribute(2),
    lambda: lambda x: [n + 1 for n in x],
    lambda: lambda x: [n + 2 for n in x],
    lambda: Own,
    lambda: Own(),
    lambda: Own(1),
    lambda: Own(1).usual,
    lambda: other(limit=4),
    lambda: other(twice=property(lambda self: 3 * self.value)),
    lambda: other(twice=property(lambda self: 4 * self.value)),
    lambda: other(__call__=lambda self: 3),
    lambda: other(__call__=lambda self: 4),
    lambda: holding(factor=3),
    lambda: holding(factor=4),
    lambda: other(plain=staticmethod(lambda: 3)),
    lambda: other(usual=classmethod(lambda cls: cls(2))),
    lambda: other(__init__=lambda self, value=1: None),
]


def test_what_differs_in_anything_is_told_apart_and_equals_are_not():
    found = [fingerprint(make()) for make in DIFFERENT]
    for (i, one), (j, two) in itertools.combinations(enumerate(found), 2):
        assert one != two, (i, j)
    assert found == [fingerprint(make()) for make in DIFFERENT]
    assert fingerprint(1, 2) != fingerprint(2, 1)


def test_a_variable_that_a_function_uses_counts(monkeypatch):
    module = types.ModuleType("helper")
    module.FACTOR = 2
    through = [made, made(1), functools.cache(made), lambda: module.FACTOR]
    before = [fingerprint(each) for each in through]
    module.FACTOR = 3
    monkeypatch.setitem(globals(), "FACTOR", 3)
    for each, was in zip(through, before, strict=True):
        assert fingerprint(each) != was


def test_the_next_session_finds_the_same():
    here = Path(__file__).parent
    program = (
        f"import sys; sys.path.insert(0, {str(here)!r}); from test_fingerprint import *; "
        "print(*[fingerprint(make()) for make in DIFFERENT])"
    )
    expected = [fingerprint(make()) for make in DIFFERENT]
    for seed in ("1", "2"):  # in which order a set of strings comes depends on it
        settings = {"env": os.environ | {"PYTHONHASHSEED": seed}, "text": True}
        found = subprocess.check_output([sys.executable, "-c", program], **settings)
        assert found.split() == expected


def test_what_cannot_be_read_is_refused(tmp_path):
    endless = []
    endless.append(endless)
    with (tmp_path / "file").open("w") as opened:
        for value in (lambda: opened, endless):
            with pytest.raises(TypeError, match=r"contents of .* can't be read"):
                fingerprint(value)
