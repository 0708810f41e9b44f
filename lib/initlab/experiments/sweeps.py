"""Sweeps: one network for every point of a grid, trained side by side, and one table of results.

An experiment on starts is never a single network; it is five schemes times ten seeds times six
depths. ``sweep`` trains them as stacks on all cores. Given a file, it saves finished rows there,
and if interrupted it resumes from there.
"""

import functools
import itertools
import math
import zlib
from contextlib import closing, nullcontext
from dataclasses import dataclass

import numpy as np

from initlab import activations
from initlab import initializers as init
from initlab._engine.checks import (
    finite_number,
    float_dtype,
    known_name,
    overflow_allowed,
    whole_number,
)
from initlab._engine.progress import check_progress, reporting
from initlab.activations import ActivationFunction, relu
from initlab.datasets import minibatches
from initlab.experiments.results import (
    Table,
    checked_path,
    only_writer,
    read_rows,
    write_rows,
    written,
)
from initlab.layers import checked_initializer
from initlab.losses import softmax_cross_entropy
from initlab.network import MLP
from initlab.optimizers import SGD
from initlab.training import check_examples, check_training, evaluate, train_stacks

# The values of axes that are not given: the article's network, four hidden layers of a hundred.
AXIS_DEFAULTS = {
    "network": MLP,
    "initializer": init.he_normal(),
    "activation": relu,
    "depth": 4,
    "width": 100,
    "learning_rate": 0.01,
    "seed": 0,
}
AXES = (*AXIS_DEFAULTS, "std", "optimizer")

# The columns of a table and of its file. The settings identify a row ...
ASKED = {
    "network": str,
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
    "eval_size": int,
    "dataset": str,
    "checksum": str,
}
# ... and these are the results.
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


@dataclass(frozen=True)
class _Run:
    """A network to be trained: what a worker needs to build it, and the settings in its row."""

    network: object
    initializer: object
    activation: ActivationFunction
    sizes: tuple
    optimizer: object
    learning_rate: float
    seed: int
    asked: dict

    def build(self, bias_init, dtype):
        """Return the untrained network."""
        return self.network(
            list(self.sizes),
            activation=self.activation,
            weight_init=self.initializer,
            bias_init=bias_init,
            rng=np.random.default_rng([self.seed, 0]),
            dtype=dtype,
        )


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

        An axis that is not given has its value in ``AXIS_DEFAULTS``.
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
        A CSV file for finished rows. Rows already in it, from an earlier sweep that was interrupted
        or smaller, are not trained again. Only one sweep at a time can use a file.
    on_results : callable, optional
        Called with each list of rows that are finished together, as they arrive.
    progress : bool
        Whether to show a progress bar with the remaining time.

    Returns
    -------
    Table
        In the order of the grid, with the last axis varying fastest. The columns are the axes
        (always including "std", the standard deviation of the hidden layers' weights), the other
        settings, and

        - first_loss: the loss in the first step. final_loss: the mean over the last 20 steps.
        - diverged_at: the step, counted from 0, at which the loss was no longer finite; -1 if it
          stayed finite.
        - train_loss, train_accuracy, test_loss, test_accuracy: after the last step.

    Notes
    -----
    joblib determines where the networks are trained; see ``train_together``. The results depend
    neither on that nor on the rest of the grid.
    """
    if not all(hasattr(dataset, name) for name in ("x_test", "y_test", "num_classes")):
        raise TypeError(f"dataset, of type {type(dataset).__name__}, must be a Dataset")
    check_progress(progress)
    if on_results is not None and not callable(on_results):
        raise TypeError(f"on_results={on_results!r} must be a function of a list of rows")
    most = max(len(dataset.x_train), len(dataset.x_test))
    settings = {
        "steps": whole_number("steps", steps),
        "batch_size": whole_number("batch_size", batch_size),
        "eval_size": min(whole_number("eval_size", eval_size), most),
        "dtype": float_dtype(dtype).name,
        "dataset": _name_and_checksum(dataset),
    }
    bias_init = init.zeros() if bias_init is None else bias_init
    ends = [dataset.x_train.shape[1], dataset.num_classes]
    runs = _runs(axes, ends, optimizer, bias_init, settings, where)
    for made, rate in {(run.optimizer, run.learning_rate) for run in runs}:
        check_training(runs[0].sizes, dataset, made(rate), softmax_cross_entropy)
    x, y = np.asarray(dataset.x_train), np.asarray(dataset.y_train)
    # Only to check the arguments.
    minibatches(x, y, batch_size=batch_size, steps=steps, rng=np.random.default_rng(0))

    path = None if file is None else checked_path(file)
    with nullcontext() if path is None else only_writer(path):
        rows = {} if path is None else {_key(row): row for row in _opened(path)}
        todo = [run for run in runs if _key(run.asked) not in rows]
        rngs = {run.seed: np.random.default_rng([run.seed, 1]) for run in todo}
        optimizers = {}
        for run in todo:
            kind = run.optimizer, run.learning_rate
            optimizers.setdefault(kind, run.optimizer(run.learning_rate))
        words = f"training {len(todo)} of {len(runs)} networks"
        with reporting(progress and bool(todo), 1, words) as report:
            stacks = train_stacks(
                [run.build(bias_init, settings["dtype"]) for run in todo],
                (x, y, *check_examples(runs[0].sizes, dataset, "test")),
                rngs=[rngs[run.seed] for run in todo],
                optimizers=[optimizers[run.optimizer, run.learning_rate] for run in todo],
                settings={
                    "steps": steps,
                    "batch_size": batch_size,
                    "loss": softmax_cross_entropy,
                    "record_gradients": False,
                },
                finish=functools.partial(_judged, eval_size=settings["eval_size"]),
                report=report,
            )
            with closing(stacks):
                for stack in stacks:
                    new = [
                        todo[place].asked | found
                        for place, found in zip(stack.places, _found(stack), strict=True)
                    ]
                    rows |= {_key(row): row for row in new}
                    if path is not None:
                        write_rows(path, rows.values(), COLUMNS)
                    if on_results is not None:
                        on_results(new)
    return Table.of([rows[_key(run.asked)] for run in runs], COLUMNS)


def _runs(axes, ends, optimizer, bias_init, settings, where):
    """Return a run for each point of the grid, in order."""
    if not isinstance(axes, dict):
        raise TypeError(f"axes={axes!r} must be a dict of names and values, e.g. {{'depth': 4}}")
    for name in axes:
        known_name("axis", name, AXES)
    if "std" in axes and "initializer" in axes:
        raise ValueError(
            "axes: std is that of Gaussian weights, so there is no initializer beside it; put "
            "normal(std) among the initializers"
        )
    checked_initializer("bias_init", bias_init)
    if where is not None and not callable(where):
        raise TypeError(f"where={where!r} must be a function of a dict of axes to values")
    lists = {name: _AXES[name](f"axes[{name!r}]", value) for name, value in axes.items()}
    names = [("initializer", name) for name, _ in lists.get("initializer", [])]
    names += [("activation", repr(function)) for function in lists.get("activation", [])]
    runs, seen, sums = [], set(), {}
    for point in itertools.product(*lists.values()):
        if where is not None and not where(_named(lists, point)):
            continue
        at = AXIS_DEFAULTS | {
            "initializer": (repr(AXIS_DEFAULTS["initializer"]), AXIS_DEFAULTS["initializer"])
        }
        at |= {"network": ("MLP", MLP), "optimizer": (None, optimizer)}
        at |= dict(zip(lists, point, strict=True))
        label, recipe = at.pop("std", None) or at["initializer"]
        width, function, rate = at["width"], at["activation"], at["learning_rate"]
        network_name, network = at["network"]
        optimizer_name, its_optimizer = at["optimizer"]
        optimizer_settings = _settings_of(_made(its_optimizer, rate))
        asked = settings | {
            "network": network_name,
            "initializer": label,
            "std": float(recipe.std((width, width))) if hasattr(recipe, "std") else math.nan,
            "activation": repr(function),
            "optimizer": optimizer_name or optimizer_settings,
            "bias": _name(bias_init),
        }
        made_of = id(network), id(recipe), function, width
        if made_of not in sums:
            shapes = (ends[0], width), (width, width), (width, ends[1])
            sums[made_of] = _samples(label, recipe, bias_init, function, shapes)
            if network is not MLP:
                sizes = [ends[0], width, width, width, ends[1]]
                sums[made_of] += _built(network_name, network, sizes, function, recipe, bias_init)
        texts = sums[made_of] + ([optimizer_settings] if optimizer_name else [])
        asked["checksum"] = f"{zlib.crc32(' '.join(texts).encode()):08x}"
        asked |= {name: at[name] for name in ("depth", "width", "learning_rate", "seed")}
        asked = {name: asked[name] for name in ASKED}
        sizes = ends[0], *[width] * at["depth"], ends[1]
        runs.append(_Run(network, recipe, function, sizes, its_optimizer, rate, at["seed"], asked))
        if _key(asked) in seen:
            twice = {name: asked[name] for name in lists}
            raise ValueError(f"axes: a point is there twice, {twice}")
        seen.add(_key(asked))
    if not runs:
        raise ValueError("where: it leaves no point of the grid")
    for axis, name in names:
        if names.count((axis, name)) > 1:
            raise ValueError(f"axes: two are called {name}; give initializers names, in a dict")
    return runs


def _named(axes, point):
    """Return a point as a dict of axes to values, or to names for values that have one."""
    named = {}
    for axis, value in zip(axes, point, strict=True):
        if axis == "std":
            named[axis] = value[1].std((1, 1))
        elif isinstance(value, tuple):
            named[axis] = value[0]
        else:
            named[axis] = repr(value) if isinstance(value, ActivationFunction) else value
    return named


def _values(name, value):
    """Return the values of an axis as a list; a single value becomes a list of one."""
    if isinstance(value, dict):
        raise TypeError(f"{name}={value!r} must be a list; only initializers have names")
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (str, ActivationFunction)) or not np.iterable(value):
        value = [value]
    value = list(value)
    if not value:
        raise ValueError(f"{name} must hold at least one value")
    return value


def _initializers(name, value):
    named = value.items() if isinstance(value, dict) else [(None, v) for v in _values(name, value)]
    found = []
    for label, recipe in named:
        checked_initializer(name, recipe)
        if label is None and not isinstance(recipe, init.Scheme):
            raise TypeError(f"{name} holds {recipe!r}: give it a name, {{'name': {recipe!r}}}")
        if label is not None and (not isinstance(label, str) or not label.isprintable()):
            raise TypeError(f"{name}: {label!r} is no name; expected a text of one line")
        found.append((repr(recipe) if label is None else label, recipe))
    if not found:
        raise ValueError(f"{name} must hold at least one value")
    return found


def _makers(expected, alone):
    """Return a function that checks an axis of named factories."""

    def checked(name, value):
        if value is alone:
            value = {alone.__name__: alone}
        if not isinstance(value, dict) or not value:
            raise TypeError(f"{name}={value!r} must be a dict of names and {expected}")
        for label, make in value.items():
            if not isinstance(label, str) or not label or not label.isprintable():
                raise TypeError(f"{name}: {label!r} is no name; expected a text of one line")
            if not callable(make):
                raise TypeError(f"{name}[{label!r}]={make!r} must be {expected}")
        return list(value.items())

    return checked


def _stds(name, value):
    recipes = [init.normal(std) for std in _numbers(name, value)]
    return [(repr(recipe), recipe) for recipe in recipes]


def _numbers(name, value):
    # + 0.0 turns -0.0 into 0.0.
    values = _values(name, value)
    return [finite_number(f"each of {name}", number, at_least=0) + 0.0 for number in values]


def _whole_numbers(at_least):
    def checked(name, value):
        found = []
        for number in _values(name, value):
            found.append(whole_number(f"each of {name}", number, at_least=at_least))
            if found[-1] >= 2**63:
                raise ValueError(f"each of {name}={number!r} must be a number below 2**63")
        return found

    return checked


_AXES = {
    "network": _makers("what makes a network, such as MLP", MLP),
    "optimizer": _makers("what makes one from a learning rate, such as SGD", SGD),
    "initializer": _initializers,
    "std": _stds,
    "activation": lambda name, value: [activations.get(each) for each in _values(name, value)],
    "depth": _whole_numbers(1),
    "width": _whole_numbers(1),
    "learning_rate": _numbers,
    "seed": _whole_numbers(0),
}


def _made(optimizer, learning_rate):
    if not callable(optimizer):
        raise TypeError(
            f"optimizer={optimizer!r} must be what makes one from a learning rate, e.g. SGD; "
            "the rate is an axis"
        )
    made = optimizer(learning_rate)
    if not hasattr(made, "reset_copy"):
        raise TypeError(f"optimizer: it makes {made!r}; expected an optimizer, as SGD makes")
    return made


def _settings_of(optimizer):
    """Return the kind and settings of an optimizer with all digits, except its learning rate."""
    shown = []
    for name, value in vars(optimizer).items():
        if hasattr(value, "reset_copy"):  # an optimizer inside another, as in WarmUp
            shown.append(f"{name}={_settings_of(value)}")
        elif isinstance(value, (int, float, str)) and name != "learning_rate":
            shown.append(f"{name}={value!r}")
    shown = ", ".join(shown)
    return f"{type(optimizer).__qualname__}({shown})"


def _name(recipe):
    """Return a name for an initializer that is the same in every process."""
    if isinstance(recipe, init.Scheme):
        return repr(recipe)
    return getattr(recipe, "__qualname__", type(recipe).__qualname__)


def _samples(label, recipe, bias_init, function, shapes):
    """Return samples of what a network is made of, as strings, since names can be reused.

    They have eight digits, so that they are the same on other machines.
    """
    samples = []
    for fan_in, fan_out in shapes:
        for name, its, shape in (
            (f"initializer {label}", recipe, (fan_in, fan_out)),
            ("bias_init", bias_init, (1, fan_out)),
        ):
            weights = np.asarray(its(np.random.default_rng(0), shape, dtype=np.float64))
            if weights.shape != shape:
                raise ValueError(f"{name} returned shape {weights.shape} instead of {shape}")
            samples += _samples_of(weights)
    samples += function(np.linspace(-3, 3, 13)).tolist()
    return [f"{sample:.8g}" for sample in samples]


def _samples_of(array):
    with overflow_allowed():
        return [array.flat[0], array.flat[-1], array.mean(), array.std()]


def _built(name, make, sizes, function, recipe, bias_init):
    """Return a description, as strings, of the network that ``make`` builds for these sizes."""
    settings = {"activation": function, "weight_init": recipe, "bias_init": bias_init}
    network = make(list(sizes), **settings, rng=np.random.default_rng(0), dtype=np.float64)
    if not isinstance(network, MLP) or network.stack_shape or network.sizes != sizes:
        raise ValueError(
            f"network {name} made {network!r} of sizes {sizes}; expected an MLP of them"
        )
    samples = [sample for array in network.state() for sample in _samples_of(array)]
    # (The shapes and settings of the layers are in their reprs.)
    return [repr(network.layers), *(f"{sample:.8g}" for sample in samples)]


def _name_and_checksum(dataset):
    """Return a string that distinguishes this dataset from others of the same name."""
    checksum = 0
    for name in ("x_train", "y_train", "x_test", "y_test"):
        checksum = zlib.crc32(np.ascontiguousarray(getattr(dataset, name)), checksum)
    return f"{getattr(dataset, 'name', 'data')} {checksum:08x}"


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
        "final_loss": [history.of(k).final_loss(LAST_STEPS) for k in range(len(stack.places))],
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


def _key(row):
    """Return what identifies a row: its settings, as written to a file."""
    return tuple(written(row[name]) for name in ASKED)


def _opened(path):
    """Return the rows of a file, which is created if it is missing or empty."""
    if not path.exists() or path.stat().st_size == 0:
        write_rows(path, [], COLUMNS)  # if this fails, better now than after an hour
    return read_rows(path, COLUMNS)


def read_sweep(file):
    """Return all rows in the file of a sweep, whichever grids they come from.

    Parameters
    ----------
    file : path-like

    Returns
    -------
    Table

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it was not written by ``sweep``, or a line is damaged.
    """
    return Table.of(read_rows(checked_path(file), COLUMNS), COLUMNS)
