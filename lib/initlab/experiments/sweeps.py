"""Sweeps: one network for every point of a grid, trained side by side, and one table of results.

An experiment on starts is never a single network; it is five schemes times ten seeds times six
depths. ``sweep`` trains them as stacks on all cores. Given a file, it appends finished rows to it,
and if interrupted it resumes from there.
"""

import contextlib
import csv
import functools
import io
import itertools
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from initlab import activations
from initlab import initializers as init
from initlab._engine import checks
from initlab._engine.fingerprint import fingerprint
from initlab._engine.progress import reporting
from initlab.activations import ActivationFunction, relu
from initlab.datasets import Dataset, minibatches
from initlab.layers import checked_initializer
from initlab.losses import softmax_cross_entropy
from initlab.network import MLP
from initlab.optimizers import SGD
from initlab.training import check_examples, check_training, evaluate, train_stacks


class Axis(NamedTuple):
    """An axis of the grid: its usual value, the type of its column, and what checks a value."""

    usual: object
    kind: type
    check: object


def _maker(what, name, value):
    if not callable(value):
        raise TypeError(f"{name}={value!r} must make {what}")
    return value


def _seed(name, value):
    seed = checks.whole_number(name, value, at_least=0)
    if seed >= 2**63:
        raise ValueError(f"{name}={value!r} must be a whole number below 2**63")
    return seed


_makes_network = functools.partial(_maker, "a network, as MLP does")
_makes_optimizer = functools.partial(_maker, "an optimizer from a learning rate, as SGD does")
_at_least_0 = functools.partial(checks.finite_number, at_least=0)

# The usual values are those of the article's network, four hidden layers of a hundred.
AXES = {
    "network": Axis(MLP, str, _makes_network),
    "initializer": Axis(init.he_normal(), str, checked_initializer),
    "std": Axis(None, float, _at_least_0),  # only instead of an initializer
    "activation": Axis(relu, str, lambda name, value: activations.get(value)),
    "depth": Axis(4, int, checks.whole_number),
    "width": Axis(100, int, checks.whole_number),
    "optimizer": Axis(SGD, str, _makes_optimizer),
    "learning_rate": Axis(0.01, float, _at_least_0),
    "seed": Axis(0, int, _seed),
}

# The columns of a table and of its file: what was asked for, what was found, and a fingerprint of
# everything that has no name in the row.
ASKED = {name: axis.kind for name, axis in AXES.items()}
FOUND = {"first_loss": float, "final_loss": float, "diverged_at": int}
FOUND |= {"train_loss": float, "train_accuracy": float, "test_loss": float, "test_accuracy": float}
COLUMNS = ASKED | FOUND | {"fingerprint": str}
LAST_STEPS = 20


def sweep(
    axes,
    dataset,
    *,
    steps,
    batch_size=128,
    optimizer=SGD,
    bias_init=None,
    dtype=np.float32,
    eval_size=10_000,
    where=None,
    file=None,
    on_results=None,
    progress=False,
):
    """Train a network for every point of a grid, and return a table with one row per network.

    Parameters
    ----------
    axes : dict of str to list
        The values on each axis; a single value needs no list. The axes are:

        - "network": ``MLP``, or a dict of names to functions that build a network and are called
          like ``MLP``, with sizes, ``activation``, ``weight_init``, ``bias_init``, ``rng`` and
          ``dtype``, e.g. ``{"batch norm": functools.partial(MLP, normalization=BatchNorm)}``.
        - "initializer": initializers for all weights, or a dict of names to initializers.
        - "std": instead of "initializer", standard deviations of Gaussian weights.
        - "activation": functions or their names.
        - "depth": the number of hidden layers. "width": the number of neurons in each.
        - "optimizer": instead of the argument ``optimizer``, a dict of names to its values.
        - "learning_rate"
        - "seed": for weights and minibatches. All networks with the same seed start from the same
          draw up to its scale, and see the same minibatches.

        An axis that is not given has its value in ``AXES``.
    dataset : Dataset
    steps, batch_size : int
    optimizer : callable
        Makes an optimizer from a learning rate: ``SGD``, ``Adam``, or e.g.
        ``functools.partial(SGD, momentum=0.9)``. Ignored if "optimizer" is an axis.
    bias_init : initializer, optional
        For all biases; zeros by default.
    dtype : np.float32 or np.float64
    eval_size : int
        The trained networks are evaluated on the first ``eval_size`` training examples and the
        first ``eval_size`` test examples.
    where : callable, optional
        For incomplete grids. Called with each point, a dict of axes to values (or to their names,
        if they have names); points for which it returns False are left out.
    file : path-like, optional
        A CSV file to which finished rows are appended. Rows already in it, from an earlier sweep
        that was interrupted or smaller, are not trained again. Only one sweep at a time can use a
        file. (``pandas.read_csv`` reads it; in older versions of pandas, it is exact only with
        ``float_precision="round_trip"``.)
    on_results : callable, optional
        Called with the table so far: at the beginning, and whenever rows are added.
    progress : bool
        Whether to show a progress bar with the remaining time.

    Returns
    -------
    pandas.DataFrame
        In the order of the grid, with the last axis varying fastest. The columns are the axes
        (always including "std", the standard deviation of the hidden layers' weights), and

        - first_loss: the loss in the first step. final_loss: the mean over the last 20 steps.
        - diverged_at: the step, counted from 0, at which the loss was no longer finite; -1 if it
          stayed finite.
        - train_loss, train_accuracy, test_loss, test_accuracy: after the last step.
        - fingerprint: differs for rows that differ in anything else: the data, the steps, the batch
          size, the biases, the precision, or what is behind a name.

    Notes
    -----
    joblib determines where the networks are trained; see ``train_together``. The results depend
    neither on that nor on the rest of the grid.
    """
    if not isinstance(dataset, Dataset):
        raise TypeError(f"dataset, of type {type(dataset).__name__}, must be a Dataset")
    for name, function in {"where": where, "on_results": on_results}.items():
        if function is not None and not callable(function):
            raise TypeError(f"{name}={function!r} must be a function")
    bias_init = init.zeros() if bias_init is None else bias_init
    most = max(len(dataset.x_train), len(dataset.x_test))
    settings = {
        "steps": checks.whole_number("steps", steps),
        "batch_size": checks.whole_number("batch_size", batch_size),
        "eval_size": min(checks.whole_number("eval_size", eval_size), most),
        "dtype": checks.float_dtype(dtype).name,
        "bias_init": checked_initializer("bias_init", bias_init),
    }
    points = _points(axes, optimizer, where)
    optimizers = {
        point.optimizer: point.values["optimizer"](point.values["learning_rate"])
        for point in points
    }
    ends = dataset.x_train.shape[1], dataset.num_classes
    loss = softmax_cross_entropy
    for made in optimizers.values():
        x, y = check_training(ends, dataset, made, loss)
    # Only to check the arguments.
    minibatches(x, y, batch_size=batch_size, steps=steps, rng=np.random.default_rng(0))
    arrays = x, y, *check_examples(ends, dataset, "test")
    loop = {"steps": steps, "batch_size": batch_size, "loss": loss, "record_gradients": False}
    for point in points:
        behind = sorted(point.values.items()), optimizers[point.optimizer], settings
        point.row["fingerprint"] = fingerprint(*behind, dataset.fingerprint)

    with _saved(file) as (rows, save):

        def table():
            return _frame([rows[key] for point in points if (key := _key(point.row)) in rows])

        todo = [point for point in points if _key(point.row) not in rows]
        seeds = [point.values["seed"] for point in todo]
        rngs = {seed: np.random.default_rng([seed, 1]) for seed in seeds}
        words = f"training {len(todo)} of {len(points)} networks"
        if on_results is not None:
            on_results(table())
        with reporting(progress if todo else False, 1, words) as report:
            stacks = train_stacks(
                [point.network(ends, bias_init, settings["dtype"]) for point in todo],
                arrays,
                rngs=[rngs[seed] for seed in seeds],
                optimizers=[optimizers[point.optimizer] for point in todo],
                settings=loop,
                finish=functools.partial(_judged, eval_size=settings["eval_size"]),
                report=report,
            )
            with contextlib.closing(stacks):
                for stack in stacks:
                    new = [
                        todo[place].row | found
                        for place, found in zip(stack.places, _found(stack), strict=True)
                    ]
                    rows |= {_key(row): row for row in new}
                    save(new)
                    if on_results is not None:
                        on_results(table())
        return table()


# ------------------------------------------------------------------------------------ the grid


class _Point(NamedTuple):
    """A point of the grid: on each axis a value, and in its row what the value is called."""

    values: dict
    row: dict

    @property
    def optimizer(self):
        """What identifies the optimizer."""
        return self.row["optimizer"], self.row["learning_rate"]

    def network(self, ends, bias_init, dtype):
        """Return the untrained network."""
        at = self.values
        sizes = [ends[0], *[at["width"]] * at["depth"], ends[1]]
        network = at["network"](
            list(sizes),
            activation=at["activation"],
            weight_init=at["initializer"],
            bias_init=bias_init,
            rng=np.random.default_rng([at["seed"], 0]),
            dtype=dtype,
        )
        if not isinstance(network, MLP) or network.stack_shape or network.sizes != sizes:
            raise ValueError(f"network {self.row['network']} made {network!r}, not an MLP {sizes}")
        return network


def _points(axes, optimizer, where):
    """Return the points of the grid, in order."""
    if not isinstance(axes, dict):
        raise TypeError(f"axes={axes!r} must be a dict of names and values, e.g. {{'depth': 4}}")
    for axis in axes:
        checks.known_name("axis", axis, AXES)
    if "std" in axes and "initializer" in axes:
        raise ValueError("axes: std or initializer, not both; normal(std) is an initializer too")
    lists = {axis: _labelled(axis, values, f"axes[{axis!r}]") for axis, values in axes.items()}
    usual = {axis: [one.usual] for axis, one in AXES.items() if axis != "std"}
    usual["optimizer"] = [optimizer]
    lists |= {axis: _labelled(axis, usual[axis], axis) for axis in usual if axis not in axes}
    points = []
    for labels in itertools.product(*lists.values()):
        row = dict(zip(lists, labels, strict=True))
        if where is not None and not where({axis: row[axis] for axis in axes}):
            continue
        values = {axis: lists[axis][label] for axis, label in row.items()}
        if "std" in row:
            values["initializer"] = init.normal(values.pop("std"))
            row["initializer"] = repr(values["initializer"])
        elif isinstance(values["initializer"], init.Scheme):
            row["std"] = values["initializer"].std((values["width"], values["width"]))
        else:
            row["std"] = math.nan
        points.append(_Point(values, row))
    if not points:
        raise ValueError("where: it leaves no point of the grid")
    return points


def _labelled(axis, values, name):
    """Return the values of an axis, checked, as a dict of labels to values."""
    check = AXES[axis].check
    if isinstance(values, dict):
        if axis not in ("network", "initializer", "optimizer"):
            raise TypeError(f"{name}={values!r} must be a list, without names")
        for label in values:
            if not isinstance(label, str) or not label.isprintable():
                raise TypeError(f"{name}: {label!r} must be a name, a text of one line")
        pairs = [(label, check(name, value)) for label, value in values.items()]
    else:
        alone = isinstance(values, str) or not np.iterable(values)
        checked = [check(name, value) for value in ([values] if alone else values)]
        pairs = [(_label(value), value) for value in checked]
    if not pairs:
        raise ValueError(f"{name} must hold at least one value")
    labels = [label for label, _ in pairs]
    for label in labels:
        if labels.count(label) > 1:
            raise ValueError(f"{name}: two are called {label!r}; if they differ, name them apart")
    return dict(pairs)


def _label(value):
    """Return what the table calls a value that has no name."""
    if isinstance(value, (ActivationFunction, init.Scheme)):
        return repr(value)
    if not callable(value):
        return value
    made_by = getattr(value, "func", value)  # of a functools.partial
    return getattr(made_by, "__name__", type(value).__name__)


# --------------------------------------------------------------------------------- the results


def _judged(stack, x_train, y_train, x_test, y_test, *, eval_size):
    """Evaluate a trained stack; done in the worker, as it takes as long as many steps."""
    # With batches of 200 a stack fits in the cache; with 1000 it takes a third longer.
    return [
        evaluate(stack, x[:eval_size], y[:eval_size], batch_size=200)
        for x, y in ((x_train, y_train), (x_test, y_test))
    ]


def _found(stack):
    """Return the results of each network of a trained stack, as dicts."""
    history, (train, test) = stack.history, stack.finished
    found = {
        "first_loss": history.loss[0],
        "final_loss": history.final_loss(LAST_STEPS),
        "diverged_at": [-1 if step is None else step for step in history.diverged_at],
        "train_loss": train.loss,
        "train_accuracy": train.accuracy,
        "test_loss": test.loss,
        "test_accuracy": test.accuracy,
    }
    return [
        {name: kind(found[name][k]) for name, kind in FOUND.items()}
        for k in range(len(stack.places))
    ]


# ------------------------------------------------------------------------------- rows in a file


def _key(row):
    """Return what identifies a row. (The std follows from the initializer, and may be NaN.)"""
    return tuple(row[name] for name in (*ASKED, "fingerprint") if name != "std")


def _frame(rows):
    import pandas as pd  # slow to import, and only sweeps need it

    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def converted(on_results, convert):
    """Return what a sweep may call, so that ``on_results`` is handed ``convert(table)``."""
    if on_results is None:
        return None
    if not callable(on_results):
        raise TypeError(f"on_results={on_results!r} must be a function")
    return lambda table: on_results(convert(table))


def as_array(table, column, **axes):
    """Return a column of a table as an array with one axis per keyword; NaN where no row is.

    Parameters
    ----------
    table : pandas.DataFrame
    column : str
    **axes : iterable
        The values on each axis, by the name of their column.
    """
    import pandas as pd

    lists = [list(values) for values in axes.values()]
    places = pd.MultiIndex.from_product(lists, names=axes)
    return table.set_index([*axes])[column].reindex(places).to_numpy().reshape([*map(len, lists)])


@contextlib.contextmanager
def _saved(file):
    """Lock a file of rows; yield a dict of those in it, and a function that appends some."""
    if file is None:
        yield {}, lambda rows: None
        return
    from filelock import FileLock, Timeout

    path = Path(file).expanduser().resolve()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"file={str(file)!r}: there is no folder {path.parent}; make it")
    if path.is_dir():
        raise IsADirectoryError(f"file={str(file)!r} is a folder; name a file in it")

    def save(rows):
        with path.open("a", encoding="utf-8", newline="") as opened:
            csv.DictWriter(opened, COLUMNS, lineterminator="\n").writerows(rows)

    try:
        with FileLock(f"{path}.lock", timeout=0):
            yield {_key(row): row for row in _read(path)}, save
    except Timeout:
        raise BlockingIOError(f"file={str(path)!r}: another sweep is writing it") from None


def _read(path):
    """Return the rows of a file; a last line that was cut off is removed from it."""
    head = (",".join(COLUMNS) + "\n").encode()
    data = path.read_bytes() if path.exists() else b""
    whole = data[: data.rfind(b"\n") + 1]
    text = whole or (head if head.startswith(data) else data)
    try:
        # (Excel adds a byte order mark.)
        first, *lines = csv.reader(io.StringIO(text.decode("utf-8-sig"), newline=""))
        if first != list(COLUMNS):
            raise ValueError("other columns")
        rows = [
            {name: kind(part) for (name, kind), part in zip(COLUMNS.items(), line, strict=True)}
            for line in lines
            if line
        ]
    except (ValueError, csv.Error) as error:
        raise ValueError(
            f"file={str(path)!r} isn't a file of a sweep, or is damaged ({error}); name another"
        ) from error
    with path.open("ab") as opened:  # if this fails, better now than after an hour
        opened.truncate(len(whole))
        opened.write(b"" if whole else head)
    return rows
