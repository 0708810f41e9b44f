"""What the pages ship of each explorer: one script for a setting, added when a reader asks for it.

A script calls ``initlabTable`` with its name, the labels of its sliders, and what the picture shows
(``explorers.tables.pack``), deflated, in base64. So it works from a folder on disk, where a page
may not read files. Scripts are kept from build to build.
"""

import base64
import functools
import hashlib
import json
import shutil
import zlib
from dataclasses import astuple, fields, replace
from pathlib import Path

import numpy as np
import scipy
from filelock import FileLock
from joblib import Parallel, delayed

import initlab
from initlab import explorers, load_mnist
from initlab.activations import ACTIVATIONS
from initlab.experiments import REMEDIES
from initlab.experiments.plane import plane_diagram
from initlab.explorers import PhaseSettings, TrainingSettings, recording, scrub_table
from initlab.explorers.explorer import as_text
from initlab.explorers.positions import named_stds
from initlab.explorers.tables import pack
from initlab.initializers import DISTRIBUTIONS, STARTS

RATES = (0.01, 0.1, 0.3, 1.0)
# A training's caption is shipped for so many moments of it.
MOMENTS = 50


def read(kind, state):
    """Return the values that a state names, and the settings among them.

    Parameters
    ----------
    kind : str
        The name of an explorer.
    state : str
        See ``explorers.explorer.Explorer.state``.

    Returns
    -------
    (dict of str to str, Settings)
        For two sides, the settings of the first; see ``other_side``.
    """
    values = dict(part.split("=") for part in state.split())
    return values, _settings(kind, values)


def other_side(kind, values):
    """Return the settings of the second side of a comparison."""
    own = {name.removesuffix("_b"): value for name, value in values.items() if name[-2:] == "_b"}
    return _settings(kind, values | own)


def _settings(kind, values):
    kind_of_settings, found = getattr(explorers, kind)._kind, {}
    for one in fields(kind_of_settings):
        text = values[one.name]
        if "limits" in one.metadata:
            found[one.name] = int(text)
        else:
            options = {as_text(option): option for option in one.metadata["options"]}
            found[one.name] = options[text]
    return kind_of_settings(**found)


def offered(kind, settings):
    """Return all settings that a place which begins with these can show: a list, these first."""
    found = [settings]
    if kind in ("ActivationExplorer", "CompareExplorer"):
        if settings.width == 100:
            found += [
                replace(settings, activation=activation, initializer=weights)
                for activation in ACTIVATIONS
                for weights in DISTRIBUTIONS
            ]
        else:
            found += [replace(settings, width=width) for width in (30, 40, 50, 100)]
    elif kind == "FoldExplorer":
        found += [
            replace(settings, activation=activation, width=width)
            for activation in ACTIVATIONS
            for width in (10, 100)
        ]
    elif kind == "SignalExplorer" and settings.depth > 5:
        found += [replace(settings, activation=name) for name in ("tanh", "sigmoid")]
    elif kind == "TrainingExplorer":
        # A shallow network by rates and seeds; a deep one by remedies, which part two is about.
        ways = [{"rate": rate, "seed": seed} for rate in RATES for seed in range(3)]
        if settings.depth > 10:
            ways = [{"remedy": remedy} for remedy in REMEDIES]
        found += [
            replace(settings, start=name, **way)
            for name, start in STARTS.items()
            if start.marked or name == settings.start
            for way in ways
        ]
    return list(dict.fromkeys(found))


def name_of(settings):
    """Return the name of the script of some settings."""
    words = [type(settings).__name__.removesuffix("Settings"), *map(as_text, astuple(settings))]
    return "-".join(words).lower().replace("/", "")


def _labels(settings):
    """Return for each slider its labels, and which of them have a name."""
    if isinstance(settings, PhaseSettings):
        found = plane_diagram(settings.activation)
        sides = {"sigma_w": found.sigma_w, "sigma_b": found.sigma_b}
        return [
            {"labels": [f"{place:.4g}" for place in side.tolist()], "names": {}}
            for side in sides.values()
        ]
    places = settings.places()
    stds = [place["std"] for place in places]
    names = {name: stds.index(std) for name, std in named_stds(settings.width).items()}
    return [{"labels": [place["label"] for place in places], "names": names}]


def script_of(settings):
    """Return the script for some settings, as text."""
    if isinstance(settings, TrainingSettings):
        words, packed = recording(settings, load_mnist(), MOMENTS)
        head = {"captions": words}
    else:
        table = scrub_table(settings)
        head = {"sliders": _labels(settings)}
        packed = pack(settings.picture, [table.for_page()])
    shown = base64.b64encode(zlib.compress(packed, 9)).decode()
    return (
        f"initlabTable({json.dumps(name_of(settings))},{json.dumps(head)},{json.dumps(shown)});\n"
    )


@functools.cache
def version():
    """Return a digest of all that a table can depend on."""
    versions = f"{np.__version__} {scipy.__version__}"
    digest = hashlib.sha256(f"{versions} {Path(__file__).read_text('utf-8')}".encode())
    root = Path(initlab.__file__).parent
    digest.update((root.parents[1] / "data" / "mnist.npz").read_bytes())
    for path in sorted(root.rglob("*.py")):
        if path.parent.name != "classroom" and path.name != "plotting.py":
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def write(folder, wanted, kept):
    """Write the scripts of some settings into a folder; return how many had to be made.

    Parameters
    ----------
    folder : Path
    wanted : iterable of Settings
    kept : Path
        Where scripts are kept from build to build. All go once one of their sources changes.
    """
    kept.mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True)
    with FileLock(kept / "lock"):  # two builds may share it
        made = _write_missing(kept, wanted)
        for settings in wanted:
            name = f"{name_of(settings)}.js"
            shutil.copyfile(kept / name, folder / name)
    return made


def _write_missing(folder, wanted):
    wanted = {f"{name_of(settings)}.js": settings for settings in wanted}
    made_by = folder / "made_by.txt"
    if not made_by.is_file() or made_by.read_text("utf-8") != version():
        for path in folder.glob("*.js"):
            path.unlink()
        made_by.write_text(version(), "utf-8")
    missing = [name for name in wanted if not (folder / name).is_file()]
    work = (delayed(_write)(folder / name, wanted[name]) for name in missing)
    Parallel(n_jobs=-1)(work)
    return len(missing)


def _write(path, settings):
    text = script_of(settings)
    path.with_suffix(".part").write_text(text, "utf-8")
    path.with_suffix(".part").replace(path)
