"""Sweeps: one network for every point of a grid, trained side by side, and one table of results.

An experiment on starts is never one network: it is five schemes by ten seeds by six depths.
``sweep`` trains them as stacks on all cores, keeps what is finished in a file if it is given one,
and goes on from there if it was stopped.
"""

import csv
import io
import itertools
import math
import os
import zlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from initlab import activations
from initlab import initializers as init
from initlab._checks import finite_number, float_dtype, known_name, whole_number
from initlab._parallel import as_finished
from initlab._progress import listener
from initlab.activations import ActivationFunction, relu
from initlab.datasets import minibatches
from initlab.losses import softmax_cross_entropy
from initlab.network import MLP
from initlab.optimizers import SGD
from initlab.training import check_training, descend, evaluate, share_out, step_cost

# What an axis that is not named stands at: the article's network, four hidden layers of a hundred.
DEFAULTS = {
    "initializer": init.he_normal(),
    "activation": relu,
    "depth": 4,
    "width": 100,
    "learning_rate": 0.01,
    "seed": 0,
}
AXES = (*DEFAULTS, "std")

# The columns of a table and of its file. What was asked for identifies a row ...
ASKED = {
    "initializer": str,
    "std": float,
    "activation": str,
    "depth": int,
    "width": int,
    "learning_rate": float,
    "seed": int,
    "steps": int,
    "batch_size": int,
    "optimizer": str,
    "bias": str,
    "dtype": str,
    "judged_on": int,
    "dataset": str,
    "drawn": str,
}
# ... and this is what was found.
FOUND = {
    "first_loss": float,
    "final_loss": float,
    "diverged_at": int,
    "train_loss": float,
    "train_accuracy": float,
    "test_loss": float,
    "test_accuracy": float,
}
COLUMNS = ASKED | FOUND
LAST_STEPS = 20


class Table(dict):
    """A table: the name of each column, and the column, an array with an entry for each network.

    ``table["test_accuracy"]`` is a column, ``table.rows()`` the rows, ``pandas.DataFrame(table)`` a
    data frame.
    """

    def rows(self):
        """Return the rows, a list of dicts of plain Python values."""
        columns = [column.tolist() for column in self.values()]
        return [dict(zip(self, row, strict=True)) for row in zip(*columns, strict=True)]

    def where(self, **values):
        """Return the rows in which the named columns have these values.

        Raises
        ------
        ValueError
            If there is no such column.
        """
        chosen = np.full(len(next(iter(self.values()))), True)
        for name, value in values.items():
            chosen &= self[known_name("column", name, self)] == value
        return Table({name: column[chosen] for name, column in self.items()})

    def grid(self, column, *axes):
        """Return a column as an array with an axis for each that is named, and one for the rest.

        Parameters
        ----------
        column : str
        *axes : str
            Columns, e.g. "initializer", "depth". Their values come in the order of the rows.

        Returns
        -------
        array, shape (values of the first axis, values of the second, ..., repeats)
            E.g. over seeds: ``table.grid("test_accuracy", "depth").mean(axis=-1)``.

        Raises
        ------
        ValueError
            If there is no such column, or the grid has holes.
        """
        for name in (column, *axes):
            known_name("column", name, self)
        entries = {}
        for row in self.rows():
            entries.setdefault(tuple(row[name] for name in axes), []).append(row[column])
        values = [list(dict.fromkeys(self[name].tolist())) for name in axes]
        points = list(itertools.product(*values))
        if len({len(entries.get(point, ())) for point in points}) != 1:
            raise ValueError(f"axes={axes!r}: not every combination of their values is there")
        shape = [len(kinds) for kinds in values]
        return np.array([entries[point] for point in points]).reshape(*shape, -1)

    def __repr__(self):
        """Return what varies and what was found, as text."""
        kinds = {name: len(set(column.tolist())) for name, column in self.items()}
        hidden = {"drawn"}
        if (
            len(set(zip(self["learning_rate"], self["optimizer"], strict=True)))
            == kinds["learning_rate"]
        ):
            hidden.add("optimizer")  # it says no more than the rate
        shown = [n for n in self if n in FOUND or (n not in hidden and kinds[n] > 1)]
        lines = [shown]
        for row in self.rows():
            cells = (row[name] for name in shown)
            lines.append([f"{c:.4g}" if isinstance(c, float) else str(c) for c in cells])
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        )


def table_of(rows):
    """Return rows, dicts that hold every column, as a ``Table``."""
    return Table(
        {name: np.array([row[name] for row in rows], kind) for name, kind in COLUMNS.items()}
    )


@dataclass(frozen=True)
class _Run:
    """A network to be trained: what a worker must know of it, and what its row says it is."""

    initializer: object
    activation: ActivationFunction
    sizes: tuple
    learning_rate: float
    seed: int
    asked: dict

    @property
    def stackable(self):
        """Networks for which this is equal can be one stack: they also see the same minibatches."""
        return self.activation, self.sizes, self.learning_rate, self.seed


def sweep(
    axes,
    dataset,
    *,
    steps,
    batch_size=128,
    optimizer=SGD,
    bias_init=None,
    dtype=np.float32,
    judged_on=10_000,
    file=None,
    after_rows=None,
    progress=True,
):
    """Train a network for every point of a grid, and return a table with a row for each.

    Parameters
    ----------
    axes : dict of str to list
        The values on each axis; one value alone may stand without a list. The names:

        - "initializer": of all weights. Recipes, or a dict of names to recipes.
        - "std": instead of "initializer", for Gaussian weights of this standard deviation.
        - "activation": functions or their names.
        - "depth": the number of hidden layers. "width": the neurons in each.
        - "learning_rate"
        - "seed": of weights and minibatches. All networks of one seed start from the same draw, but
          for its scale, and see the same minibatches.

        An axis that is not named stands at its entry in ``DEFAULTS``.
    dataset : Dataset
    steps, batch_size : int
    optimizer : callable
        Makes an optimizer from a learning rate: ``SGD``, ``Adam``, or e.g.
        ``functools.partial(SGD, momentum=0.9)``.
    bias_init : initializer, optional
        Of all biases; zeros by default.
    dtype : np.float32 or np.float64
    judged_on : int
        How many of the training examples, and of the test examples, the trained networks are judged
        on: the first ones.
    file : path-like, optional
        Where finished rows are kept, as CSV. If rows are there already, of an earlier sweep that
        was stopped or smaller, they are not trained again. For one sweep at a time.
    after_rows : callable, optional
        Called with each list of rows that were finished together, as they arrive.
    progress : bool or callable
        True shows a bar with the time left. A function is called with the share of the work that
        was done since its last call; all shares add up to 1.

    Returns
    -------
    Table
        In the order of the grid, the last axis fastest. Columns: the axes (the standard deviation
        also where it wasn't an axis: that of the hidden layers' weights), the other settings, and

        - first_loss: of the first step. final_loss: the mean over the last 20 steps.
        - diverged_at: the step, from 0, at which the loss was no longer finite; -1 if it was.
        - train_loss, train_accuracy, test_loss, test_accuracy: after the last step.

    Raises
    ------
    TypeError, ValueError
        If one of the arguments is not what is said here, before anything is trained.
    OSError
        If the file can't be read or written.

    Notes
    -----
    Where the networks are trained is joblib's to say; see ``train_together``. The results depend
    neither on that nor on what else is in the grid.
    """
    if not all(hasattr(dataset, name) for name in ("x_test", "y_test", "classes")):
        raise TypeError(f"dataset={dataset!r}: expected a Dataset")
    settings = {
        "steps": whole_number("steps", steps),
        "batch_size": whole_number("batch_size", batch_size),
        "judged_on": whole_number("judged_on", judged_on),
        "dtype": float_dtype(dtype).name,
        "dataset": _name_and_checksum(dataset),
    }
    bias_init = init.zeros() if bias_init is None else bias_init
    runs = _runs(axes, [dataset.x_train.shape[1], dataset.classes], optimizer, bias_init, settings)
    for run in {run.learning_rate: run for run in runs}.values():
        check_training(run.sizes, dataset, optimizer(run.learning_rate), softmax_cross_entropy)
    minibatches(
        dataset.x_train,
        dataset.y_train,
        batch_size=batch_size,
        steps=steps,
        rng=np.random.default_rng(0),
    )
    if after_rows is not None and not callable(after_rows):
        raise TypeError(f"after_rows={after_rows!r}: expected a function of a list of rows")

    rows = {} if file is None else {_key(row): row for row in _opened(file)}
    groups = {}
    for number, run in enumerate(runs):
        if _key(run.asked) not in rows:
            groups.setdefault(run.stackable, []).append(number)
    stacks = share_out(groups.values(), lambda number: step_cost(runs[number].sizes))
    work = sum(step_cost(runs[number].sizes) * steps for stack in stacks for number in stack)
    tasks = [
        ([runs[number] for number in stack], optimizer, bias_init, settings, work)
        for stack in stacks
    ]
    arrays = dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test
    missing = sum(map(len, stacks))
    shown = (progress or None) if missing else None
    with (
        listener(shown, 1, f"{missing} of {len(runs)} networks") as report,
        closing(as_finished(_train_and_judge, tasks, arrays, progress=report)) as finished,
    ):
        for task, found in finished:
            asked = [runs[number].asked for number in stacks[task]]
            new = [a | f for a, f in zip(asked, found, strict=True)]
            rows |= {_key(row): row for row in new}
            if file is not None:
                _add(file, new)
            if after_rows is not None:
                after_rows(new)
    return table_of([rows[_key(run.asked)] for run in runs])


def _runs(axes, ends, optimizer, bias_init, settings):
    """Return the grid's points, in its order."""
    if not isinstance(axes, dict) or not axes:
        raise TypeError(f"axes={axes!r}: expected a dict of names and values, e.g. {{'depth': 4}}")
    for name in axes:
        known_name("axis", name, AXES)
    if "std" in axes and "initializer" in axes:
        raise ValueError(
            "axes: std is that of Gaussian weights, so there is no initializer beside it; put "
            "normal(std) among the initializers"
        )
    drawn_bias = _first_drawn("bias_init", bias_init, (1, 2))
    lists = {name: _AXES[name](f"axes[{name!r}]", value) for name, value in axes.items()}
    points = [dict(zip(lists, point, strict=True)) for point in itertools.product(*lists.values())]
    runs, seen = [], {}
    for point in points:
        at = DEFAULTS | {"initializer": (repr(DEFAULTS["initializer"]), DEFAULTS["initializer"])}
        at |= point
        label, recipe = at.pop("std", None) or at["initializer"]
        hidden, rate = (at["width"], at["width"]), at["learning_rate"]
        drawn = _first_drawn(f"initializer {label}", recipe, hidden)
        asked = settings | {
            "initializer": label,
            "std": float(recipe.std(hidden)) if hasattr(recipe, "std") else math.nan,
            "activation": repr(at["activation"]),
            "optimizer": repr(_made(optimizer, rate)),
            "bias": repr(bias_init),
            # Names can be used again for something else: what is drawn tells.
            "drawn": f"{drawn:.10g} {drawn_bias:.10g}",
        }
        asked |= {name: at[name] for name in ("depth", "width", "learning_rate", "seed")}
        asked = {name: asked[name] for name in ASKED}
        sizes = ends[0], *[at["width"]] * at["depth"], ends[1]
        runs.append(_Run(recipe, at["activation"], sizes, rate, at["seed"], asked))
        if _key(asked) in seen:
            raise ValueError(f"axes: {point!r} is there twice")
        seen[_key(asked)] = point
    return runs


def _values(name, value):
    """Return an axis as a list; a value alone is an axis of one."""
    if isinstance(value, (str, ActivationFunction)) or not np.iterable(value):
        value = [value]
    value = list(value)
    if not value:
        raise ValueError(f"{name}: expected at least one value")
    return value


def _initializers(name, value):
    named = value.items() if isinstance(value, dict) else [(None, v) for v in _values(name, value)]
    found = []
    for label, recipe in named:
        if not callable(recipe) or isinstance(recipe, type):
            raise TypeError(f"{name} holds {recipe!r}: expected initializers, e.g. he_normal()")
        if label is None and not isinstance(recipe, init.Initializer):
            raise TypeError(f"{name} holds {recipe!r}: give it a name, {{'name': {recipe!r}}}")
        found.append((repr(recipe) if label is None else str(label), recipe))
    if not found:
        raise ValueError(f"{name}: expected at least one value")
    return found


def _stds(name, value):
    recipes = [
        init.normal(finite_number(f"each of {name}", std, at_least=0))
        for std in _values(name, value)
    ]
    return [(repr(recipe), recipe) for recipe in recipes]


def _whole_numbers(at_least):
    def checked(name, value):
        values = _values(name, value)
        return [whole_number(f"each of {name}", number, at_least=at_least) for number in values]

    return checked


_AXES = {
    "initializer": _initializers,
    "std": _stds,
    "activation": lambda name, value: [activations.get(each) for each in _values(name, value)],
    "depth": _whole_numbers(1),
    "width": _whole_numbers(1),
    "learning_rate": lambda name, value: [
        finite_number(f"each of {name}", rate, at_least=0) for rate in _values(name, value)
    ],
    "seed": _whole_numbers(0),
}


def _made(optimizer, learning_rate):
    if not callable(optimizer):
        raise TypeError(
            f"optimizer={optimizer!r}: expected what makes one from a learning rate, e.g. SGD; "
            "the rate is an axis"
        )
    return optimizer(learning_rate)


def _first_drawn(name, recipe, shape):
    if not callable(recipe):
        raise TypeError(f"{name}={recipe!r}: expected an initializer, e.g. normal(0.1)")
    return float(np.ravel(recipe(np.random.default_rng(0), shape, dtype=np.float64))[0])


def _name_and_checksum(dataset):
    """Return what tells this dataset from another one of the same name."""
    checksum = 0
    for name in ("x_train", "y_train", "x_test", "y_test"):
        checksum = zlib.crc32(np.ascontiguousarray(getattr(dataset, name)), checksum)
    return f"{getattr(dataset, 'name', 'data')} {checksum:08x}"


def _train_and_judge(task, x_train, y_train, x_test, y_test, report):
    """Train networks that can be stacked: a task for a worker, maybe in another process."""
    runs, optimizer, bias_init, settings, work = task
    first, steps, judged_on = runs[0], settings["steps"], settings["judged_on"]
    networks = [
        MLP(
            list(run.sizes),
            activation=run.activation,
            weight_init=run.initializer,
            bias_init=bias_init,
            rng=np.random.default_rng([run.seed, 0]),
            dtype=settings["dtype"],
        )
        for run in runs
    ]
    stack = MLP.stack(networks)
    batches = minibatches(
        x_train,
        y_train,
        batch_size=settings["batch_size"],
        steps=steps,
        rng=np.random.default_rng([first.seed, 1]),
    )
    share = len(runs) * step_cost(first.sizes) / work
    history = descend(
        stack,
        batches,
        optimizer(first.learning_rate),
        steps=steps,
        progress=lambda done: report(done * share),
    )
    taken = np.isfinite(history.loss).any(axis=1).sum()
    report(float(steps - taken) * share)  # of steps that nobody took, for all had diverged
    # A stack of batches of 200 fits into the cache; of 1000 it takes a third longer.
    train = evaluate(stack, x_train[:judged_on], y_train[:judged_on], batch_size=200)
    test = evaluate(stack, x_test[:judged_on], y_test[:judged_on], batch_size=200)
    found = {
        "first_loss": history.loss[0],
        "final_loss": history.final_loss(LAST_STEPS),
        "diverged_at": [-1 if step is None else step for step in history.diverged_at],
        "train_loss": train.loss,
        "train_accuracy": train.accuracy,
        "test_loss": test.loss,
        "test_accuracy": test.accuracy,
    }
    return [{name: kind(found[name][k]) for name, kind in FOUND.items()} for k in range(len(runs))]


# ------------------------------------------------------------------------------ the file of rows


def _key(row):
    """Return what identifies a row: what was asked for, as it stands in a file."""
    return tuple(_written(row[name]) for name in ASKED)


def _written(value):
    return repr(value) if isinstance(value, float) else str(value)


def read_sweep(file):
    """Return the rows that a sweep has kept in a file, of all grids that were trained into it.

    Parameters
    ----------
    file : path-like

    Returns
    -------
    Table

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it was not written by ``sweep``.
    """
    return table_of(_read(Path(file)))


def _opened(file):
    """Return the rows of a file, which is made if it isn't there."""
    path = Path(file)
    if not path.exists():
        _write(path, [])  # now rather than after an hour, should it not be possible
    return _read(path)


def _read(path):
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        if next(reader, None) != list(COLUMNS):
            raise ValueError(
                f"file={str(path)!r}: not a file of this version's sweeps; name another"
            )
        rows = []
        for cells in reader:
            try:
                kinds = zip(COLUMNS.items(), cells, strict=True)
                rows.append({name: kind(cell) for (name, kind), cell in kinds})
            except ValueError as error:
                raise ValueError(
                    f"file={str(path)!r}: line {reader.line_num} is damaged ({error}); remove it"
                ) from error
    return rows


def _add(file, new):
    """Add rows to the file: those that are not there."""
    rows = {_key(row): row for row in _read(Path(file))}
    _write(Path(file), [*rows.values(), *(row for row in new if _key(row) not in rows)])


def _write(path, rows):
    """Write a file as a whole or not at all, even if the machine stops in the midst of it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_written(row[name]) for name in COLUMNS] for row in rows)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
