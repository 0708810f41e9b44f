"""What it costs to add something: a contributor edits one file, and finds it everywhere.

In a copy of the package a few lines are added to that one file. What the copy offers is then asked
of the copy itself: its dropdowns, its sliders, its theory, its colours.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import initlab

PACKAGE = Path(initlab.__file__).parent

ACTIVATION = (
    "activations.py",
    """softplus = ActivationFunction(
    "softplus",
    lambda z: np.logaddexp(z, 0).astype(z.dtype),
    _sigmoid,
    span=(0.0, 4.0),
    gain=1.0418668,
)

""",
    "ACTIVATIONS = {\n",
    ("softsign, erf,", "softsign, softplus, erf,"),
)
INITIALIZER = (
    "initializers.py",
    '''
def _standard_laplace(rng: Rng, shape: Shape) -> FloatArray:
    return rng.laplace(scale=math.sqrt(1 / 2), size=shape)


_UNIT_DRAWS["laplace"] = _standard_laplace


def he_laplace() -> Scheme:
    """Weights with heavier tails than a bell curve, and twice He's variance."""
    return _VarianceScaling(4, "fan_in", "laplace", "he_laplace()")


''',
    "DISTRIBUTIONS: dict[str, Scheme] = {\n",
    (
        '    "orthogonal": orthogonal(),',
        '    "orthogonal": orthogonal(),\n    "laplace": he_laplace(),',
    ),
    (
        '    "He": Start(',
        '    "heavy He": Start(he_laplace(), "sky", marked=True),\n    "He": Start(',
    ),
)

# Walks through whatever the copy offers, and prints what it found as JSON.
WALK = """
import inspect, json, sys
import ipywidgets
import numpy as np
from initlab import MLP, Dataset, activations, experiments, explorers, initializers, plotting
from initlab import sweep, theory

like, new = sys.argv[1:]
rng = np.random.default_rng(0)
x, y = rng.random((200, 784), dtype=np.float32), rng.integers(10, size=200)
data = Dataset(x, y, x, y)
kinds = [kind for kind in vars(explorers).values()
         if inspect.isclass(kind) and issubclass(kind, ipywidgets.VBox)]
found = {"without": [], "captions": {}, "marks": {}}
for kind in kinds:
    explorer = kind(data) if "dataset" in inspect.signature(kind).parameters else kind()
    for name, control in explorer._controls.items():
        options = getattr(control, "options", ())
        options = [option[0] if isinstance(option, tuple) else option for option in options]
        if like in options:
            if new not in options:
                found["without"].append(f"{kind.__name__}.{name}")
                continue
            control.value = new
            if hasattr(explorer, "train"):
                explorer.train()
            explorer.wait()
            found["captions"][f"{kind.__name__}.{name}"] = explorer.reading().caption
    if hasattr(explorer, "named"):
        found["marks"][kind.__name__] = list(explorer.named)
    if hasattr(explorer, "train"):
        found["colors"] = [part for part in explorer.picture.table[4:2000].decode(errors="replace")
                           .split('"') if part in plotting.COLORS]
    explorer.close()
if new in activations.ACTIVATIONS:
    known = theory.layer_by_layer(new, 5, 2.0)
    found["theory"] = [float(known.q[-1]), float(theory.chi(new, 2.0, q=1.0))]
    found["plane"] = bool(np.isfinite(experiments.plane_diagram(new).sigma_w).all())
    found["gain"] = activations.get(new).gain
    table = sweep({"activation": [new, like], "depth": 1, "width": 5}, data, steps=2, batch_size=20)
    found["sweep"] = list(map(str, table["activation"]))
if new in initializers.STARTS:
    start = initializers.STARTS[new]
    found["color"] = [plotting.color_of(new), plotting.color_of(start.initializer)]
    found["known"] = plotting.COLORS[start.color]
print(json.dumps(found))
"""


def walk(folder, recipe, *names):
    """Follow a recipe in a copy of the package, and return what the copy says of ``names``."""
    shutil.copytree(PACKAGE, folder / "initlab", ignore=shutil.ignore_patterns("__pycache__"))
    file, lines, before, *changes = recipe
    path = folder / "initlab" / file
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    text = text.replace(before, lines + before)
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-c", WALK, *names],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(folder)},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_an_activation_added_to_one_file_is_everywhere(tmp_path):
    found = walk(tmp_path, ACTIVATION, "tanh", "softplus")
    assert found["without"] == []
    assert len(found["captions"]) >= 5, found["captions"]
    assert all(found["captions"].values())
    assert found["theory"][0] > 0
    assert 0 < found["theory"][1] < 2
    assert found["plane"]
    assert found["gain"] == pytest.approx(1.0418668)
    assert found["sweep"] == ["softplus", "tanh"]


@pytest.mark.parametrize("names", [("uniform", "laplace"), ("Xavier", "heavy He")])
def test_an_initializer_added_to_one_file_is_everywhere(tmp_path, names):
    found = walk(tmp_path, INITIALIZER, *names)
    assert found["without"] == []
    assert found["captions"]
    assert all(found["captions"].values())
    for marks in found["marks"].values():
        assert "heavy He" in marks
    if names[1] == "heavy He":
        assert found["colors"] == ["sky"]
        assert found["color"] == [found["known"]] * 2
