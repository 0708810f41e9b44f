"""Learning, one small step after another.

The loop is the textbook one: take a minibatch, forward, loss, backward, step. ``train_together``
runs it for many networks side by side, stacking those that share an architecture.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from initlab._engine import checks
from initlab._engine.parallel import as_completed, one_blas_thread
from initlab._engine.progress import Report, reporting
from initlab._engine.stacks import make_stacks, step_cost
from initlab._engine.types import FloatArray, Floats, IntArray, Rng
from initlab.datasets import Batches, Dataset, minibatches, skip_minibatches
from initlab.losses import Loss, mean_squared_error, softmax_cross_entropy
from initlab.network import MLP, check_mlp
from initlab.optimizers import Optimizer, check_optimizer


@dataclass(frozen=True, eq=False)
class History:
    """The record of a training run.

    Attributes
    ----------
    loss : array, shape (steps,) or (steps, K) for a stack of K
        The loss before each update, on the minibatch of that update. NaN for steps not taken.
        (No loss is recorded after the last update; use ``evaluate``.)
    diverged_at : int or None, or a list of K of them for a stack
        The step, counted from 0, at which the loss was no longer finite; None if it stayed finite.
        Neither that step's update nor any later one was made.
    gradient_rms : array or None
        If requested, the root mean square of dL/dW of every Dense layer before each update, shape
        (steps, layers) or (steps, layers, K). NaN for steps not taken.
    """

    loss: FloatArray
    diverged_at: int | list[int | None] | None
    gradient_rms: FloatArray | None = None

    def final_loss(self, last: int = 100) -> Floats:
        """Return the mean loss over the last steps: a float, or shape (K,) for a stack.

        It is not finite if the run diverged.
        """
        with checks.overflow_allowed():
            return self.loss[-checks.whole_number("last", last) :].mean(axis=0)

    def smoothed(self, window: int = 50) -> FloatArray:
        """Return the running mean of the loss over the last ``window`` steps.

        The mean is taken over fewer steps at the beginning. The result is float64 and has the shape
        of ``loss``.
        """
        window = checks.whole_number("window", window)
        ends = range(1, len(self.loss) + 1)
        with checks.overflow_allowed():
            return np.array([self.loss[max(0, end - window) : end].mean(axis=0) for end in ends])

    def of(self, k: int) -> History:
        """Return the history of network ``k`` of a stack, counted from 0."""
        if not isinstance(self.diverged_at, list):
            raise ValueError("this is the history of a single network, not of a stack")
        sizes = None if self.gradient_rms is None else self.gradient_rms[:, :, k].copy()
        return History(self.loss[:, k].copy(), self.diverged_at[k], sizes)

    def __repr__(self) -> str:
        """Return the number of steps, and where the loss stopped being finite."""
        steps = np.atleast_1d(np.array(self.diverged_at, dtype=object))
        diverged = f", diverged_at={self.diverged_at}" if any(s is not None for s in steps) else ""
        return f"History({len(self.loss)} steps{diverged})"


class StopTraining(Exception):
    """Raise this in a callback to end the training run."""


class Evaluation(NamedTuple):
    """The performance of a network on examples: floats, or arrays of shape (K,) for a stack."""

    loss: Floats
    accuracy: Floats


def train(
    network: MLP,
    dataset: Dataset,
    *,
    optimizer: Optimizer,
    steps: int,
    batch_size: int,
    rng: Rng,
    loss: Loss = softmax_cross_entropy,
    record_gradients: bool = False,
    progress: bool = False,
    callback: Callable[[int, Any], object] | None = None,
) -> History:
    """Train a network, or a stack of them, in place, and return a record of the run.

    A loss that is not finite raises no error; the history says at which step it occurred.

    Parameters
    ----------
    network : MLP
        Its parameters are changed in place.
    dataset : Dataset
        Or anything with ``x_train``, shape (examples, features), and ``y_train``. Each minibatch is
        cast to the network's precision.
    optimizer : Optimizer
        A copy of it is used, so that one optimizer can serve many training runs.
    steps, batch_size : int
    rng : numpy.random.Generator
        Shuffles the examples; see ``datasets.minibatches``.
    loss : Loss
        ``softmax_cross_entropy`` or ``mean_squared_error``.
    record_gradients : bool
        Whether to record ``gradient_rms`` in the history.
    progress : bool
        Whether to show a progress bar.
    callback : callable, optional
        Called as ``callback(step, loss)`` after each step, counted from 0. It may raise
        ``StopTraining`` to end the run, and the history, there.

    Returns
    -------
    History

    Examples
    --------
    >>> from initlab import SGD, load_mnist
    >>> from initlab.initializers import he_normal
    >>> rng = np.random.default_rng(0)
    >>> network = MLP([784, 30, 10], activation="relu", weight_init=he_normal(), rng=rng)
    >>> history = train(
    ...     network, load_mnist(), optimizer=SGD(0.1), steps=100, batch_size=64, rng=rng
    ... )
    >>> history, bool(history.final_loss(last=10) < history.loss[0])
    (History(100 steps), True)
    """
    check_mlp("network", network)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback={callback!r} must be a function of a step and a loss")
    x, y = check_training(network.sizes, dataset, optimizer, loss)
    batches = minibatches(x, y, batch_size=batch_size, steps=steps, rng=rng)
    with reporting(progress, steps, "training") as report:
        return _run_steps(
            network, batches, optimizer, steps, loss, record_gradients, report, callback
        )


def _run_steps(
    network: MLP,
    batches: Batches,
    optimizer: Optimizer,
    steps: int,
    loss: Loss,
    record_gradients: bool,
    report: Report,
    callback: Callable[[int, Any], object] | None = None,
) -> History:
    """Run the training loop: forward, loss, backward, step. All arguments are already checked."""
    optimizer = optimizer.reset_copy()
    losses: Any = np.full((steps, *network.stack_shape), np.nan)
    gradient_rms: Any = np.full((steps, len(network.dense), *network.stack_shape), np.nan)
    parameters, divergence = network.parameters(), _Divergence(network)
    # Matrices of a hundred rows gain nothing from several BLAS threads, and lose much when the
    # cores are busy.
    try:
        with checks.overflow_allowed(), one_blas_thread():
            for step, (x, y) in enumerate(batches):
                losses[step], grad = loss(network.forward(x), y)
                if divergence.is_complete(step, losses[step]):
                    break
                network.backward(grad, input_grad=False)
                if record_gradients:
                    gradient_rms[step] = [_rms(layer.weight_grad) for layer in network.dense]
                optimizer.step(parameters, network.gradients())
                report(1)
                if callback is not None:
                    callback(step, losses[step])
    except StopTraining:
        losses, gradient_rms = losses[: step + 1], gradient_rms[: step + 1]
    finally:
        divergence.restore()
    for index, step in divergence.steps.items():
        losses[step + 1 :, *index] = np.nan
        gradient_rms[step:, :, *index] = np.nan
    diverged_at: Any = divergence.steps.get(())
    if network.stack_shape:
        diverged_at = [divergence.steps.get((k,)) for k in range(network.stack_shape[0])]
    return History(losses, diverged_at, gradient_rms if record_gradients else None)


class _Divergence:
    """Watches the losses of a stack, and keeps each network as it was when its loss overflowed.

    In a stack, a network that has diverged is computed along with the others until the end.
    """

    def __init__(self, network: MLP):
        self.state = network.state()
        self.steps: dict[tuple[int, ...], int] = {}  # the index in the stack: when it diverged
        self._kept: dict[tuple[int, ...], list[FloatArray]] = {}

    def is_complete(self, step: int, losses: Any) -> bool:
        """Note which losses are not finite; return whether all networks have diverged."""
        for index in map(tuple, np.argwhere(~np.isfinite(losses))):
            if index not in self.steps:
                self.steps[index] = step
                self._kept[index] = [array[index].copy() for array in self.state]
        return len(self.steps) == losses.size

    def restore(self) -> None:
        """Give each diverged network the state back that it had when it diverged."""
        for index, kept in self._kept.items():
            for array, was in zip(self.state, kept, strict=True):
                array[index] = was


def _rms(array: FloatArray) -> Any:
    return np.sqrt(np.square(array, dtype=np.float64).mean(axis=(-2, -1)))


def train_together(
    networks: dict[Any, MLP] | Sequence[MLP],
    dataset: Dataset,
    *,
    optimizer: Optimizer,
    steps: int,
    batch_size: int,
    rng: Rng | None = None,
    rngs: dict[Any, Rng] | Sequence[Rng] | None = None,
    loss: Loss = softmax_cross_entropy,
    record_gradients: bool = False,
    progress: bool = False,
) -> Any:
    """Train several networks in place, side by side, on all cores.

    The results are those of training each network alone with a generator of the same seed, for any
    number of workers. If an error is raised, nothing has been changed.

    Parameters
    ----------
    networks : dict or list of MLP
        Networks with the same architecture are trained as stacks, and the stacks side by side.
    dataset, optimizer, steps, batch_size, loss, record_gradients, progress
        As for ``train``.
    rng : numpy.random.Generator
        Shuffles the examples; all networks see the same minibatches.
    rngs : dict or list of numpy.random.Generator
        Instead of ``rng``, one generator per network, under the same keys or in the same order.
        Networks that share a generator see the same minibatches.

    Returns
    -------
    dict or list of History
        One per network, under the same keys or in the same order as ``networks``.

    Notes
    -----
    joblib distributes the stacks among threads of this process, each with one BLAS thread.
    ``joblib.parallel_config`` changes that: ``n_jobs=1`` uses one core, ``backend="loky"``
    processes, ``backend="dask"`` a cluster. Peak extra memory is three times the parameters plus
    the activations; momentum adds the size of the parameters once, Adam about three times.
    """
    keyed = _keyed("networks", networks)
    members, generators = list(keyed.values()), _one_each(keyed, rng, rngs)
    _check_members(members)
    for network in members:
        x, y = check_training(network.sizes, dataset, optimizer, loss)
    # Only to check the arguments.
    minibatches(x, y, batch_size=batch_size, steps=steps, rng=generators[0])

    settings = {"steps": steps, "batch_size": batch_size, "loss": loss}
    settings["record_gradients"] = record_gradients
    histories: list[Any] = [None] * len(members)
    with reporting(progress, 1, "training") as report:
        optimizers = [optimizer] * len(members)
        stacks = train_stacks(members, (x, y), generators, optimizers, settings, _state, report)
        with contextlib.closing(stacks):
            done = list(stacks)
    # The networks and generators are changed only now, when nothing can go wrong any more.
    for stack in done:
        for k, place in enumerate(stack.places):
            for array, result in zip(members[place].state(), stack.finished, strict=True):
                array[...] = result[k]
            histories[place] = stack.history.of(k)
    taken: dict[Rng, int] = {}  # a shared generator advances as in the longest of its runs
    for each, history in zip(generators, histories, strict=True):
        own = steps if history.diverged_at is None else history.diverged_at + 1
        taken[each] = max(own, taken.get(each, 0))
    for each, own in taken.items():
        skip_minibatches(len(x), batch_size=batch_size, steps=own, rng=each)
    return dict(zip(keyed, histories, strict=True)) if isinstance(networks, dict) else histories


def _keyed(name: str, values: Any) -> dict[Any, Any]:
    """Return a dict unchanged, and a list as a dict keyed by index."""
    if not isinstance(values, (dict, list, tuple)):
        raise TypeError(f"{name}={values!r} must be a dict or a list")
    return values if isinstance(values, dict) else dict(enumerate(values))


def _one_each(keyed: dict[Any, Any], rng: Any, rngs: Any) -> list[Rng]:
    """Return one generator per network, in the order of the networks."""
    if (rng is None) == (rngs is None):
        raise TypeError("train_together needs either rng or rngs, and not both")
    if rngs is None:
        return [checks.generator(rng)] * len(keyed)
    found = _keyed("rngs", rngs)
    if found.keys() != keyed.keys():
        raise ValueError(f"rngs has entries {list(found)}, but networks has {list(keyed)}")
    return [checks.generator(found[key]) for key in keyed]


def _check_members(members: list[Any]) -> None:
    if not members:
        raise ValueError("networks is empty: there is nothing to train")
    if len({id(network) for network in members}) < len(members):
        raise ValueError("networks: the same network is there twice; train a .copy() of it")
    for network in members:
        if check_mlp("network", network).stack_shape:
            raise ValueError(f"{network!r} is a stack already; hand over its .unstack()")


class TrainedStack(NamedTuple):
    """Networks that were trained as one stack of K.

    ``places`` holds their indices, and ``finished`` is the return value of ``finish``.
    """

    places: list[int]
    history: History
    finished: Any


def train_stacks(
    members: list[MLP],
    arrays: tuple[Any, ...],
    rngs: list[Rng],
    optimizers: list[Optimizer],
    settings: dict[str, Any],
    finish: Callable[..., Any],
    report: Report,
) -> Generator[TrainedStack, None, None]:
    """Train networks on all workers, and yield stacks as they are completed.

    The arguments are neither checked nor changed.

    Parameters
    ----------
    members, rngs, optimizers : list
        One entry per network. Networks with the same optimizer and architecture are stacked.
    arrays : tuple of array
        x_train and y_train, followed by whatever else ``finish`` needs.
    settings : dict
        steps, batch_size, loss, record_gradients
    finish : callable
        Called in the worker as ``finish(stack, *arrays)``; pickled for workers in other processes.
    report : callable
        Called with the fraction of the work done since its last call.
    """
    groups: dict[Any, list[int]] = {}
    for place, (network, optimizer) in enumerate(zip(members, optimizers, strict=True)):
        groups.setdefault((network.architecture, id(optimizer)), []).append(place)
    costs = [step_cost(network.sizes) for network in members]
    stacks = make_stacks(groups.values(), costs.__getitem__)
    tasks = [
        _Task(
            networks=[members[place].view() for place in places],
            rngs=[rngs[place] for place in places],
            optimizer=optimizers[places[0]],
            share=sum(costs[place] for place in places) / sum(costs),
        )
        for places in stacks
    ]
    shared = settings, finish, *arrays
    for number, trained in as_completed(_train_stack, tasks, shared, report=report):
        yield TrainedStack(stacks[number], *trained)


class _Task(NamedTuple):
    """What a worker needs to train one stack, and its share of the whole work."""

    networks: list[MLP]
    rngs: list[Rng]
    optimizer: Optimizer
    share: float


def _state(stack: MLP, *arrays: Any) -> list[FloatArray]:
    return stack.state()


def _train_stack(
    task: _Task, report: Report, settings: dict[str, Any], finish: Callable[..., Any], *arrays: Any
) -> tuple[History, Any]:
    """Train networks as one stack; runs in a worker, possibly in another process."""
    stack, (x, y) = MLP.stack(task.networks), arrays[:2]
    steps, batch_size = settings["steps"], settings["batch_size"]
    loss, record_gradients = settings["loss"], settings["record_gradients"]
    rngs = copy.deepcopy(task.rngs)  # in one call, so that shared generators stay shared
    batches = _batches_of_stack(x, y, rngs, batch_size=batch_size, steps=steps)

    def report_steps(done: float) -> None:
        report(done * task.share / steps)

    history = _run_steps(
        stack, batches, task.optimizer, steps, loss, record_gradients, report_steps
    )
    taken = np.isfinite(history.loss).any(axis=1).sum()
    report_steps(float(steps - taken))  # steps skipped because all had diverged
    return history, finish(stack, *arrays)


def _batches_of_stack(x: Any, y: Any, rngs: list[Rng], *, batch_size: int, steps: int) -> Batches:
    """Yield minibatches for a stack, shapes (K, batch_size, features) and (K, batch_size, ...).

    If all networks share one generator, they share each batch, and the first axis is omitted.
    """
    streams = {rng: minibatches(x, y, batch_size=batch_size, steps=steps, rng=rng) for rng in rngs}
    if len(streams) == 1:
        yield from streams[rngs[0]]
        return
    for batches in zip(*streams.values(), strict=True):
        batch_of = dict(zip(streams, batches, strict=True))
        x_each, y_each = zip(*(batch_of[rng] for rng in rngs), strict=True)
        yield np.stack(x_each), np.stack(y_each)


def evaluate(network: MLP, x: FloatArray, y: IntArray, *, batch_size: int = 1000) -> Evaluation:
    """Return the loss and accuracy of a classifier, or of a stack of them, on the given examples.

    Parameters
    ----------
    network : MLP
        Not changed. Any ``BatchNorm`` uses its running averages.
    x : array of float, shape (examples, features)
    y : array of int, shape (examples,)
    batch_size : int
        The number of examples processed at a time; affects the result only by rounding.

    Returns
    -------
    Evaluation
        The mean cross-entropy in nats, and the fraction of examples whose largest logit is the
        correct one. An example with a NaN logit counts as wrong.
    """
    batch_size = checks.whole_number("batch_size", batch_size)
    sizes = check_mlp("network", network).sizes
    x, y = _fitting(sizes, x, y, softmax_cross_entropy, "x", "y")
    checks.check_finite("x", x)
    view = network.for_inference()
    loss: Any = np.float64(0)
    correct: Any = np.float64(0)
    for start in range(0, len(x), batch_size):
        part = slice(start, start + batch_size)
        with checks.overflow_allowed():  # if the network diverged, its loss shows it
            logits = view.forward(x[part])
            mean = softmax_cross_entropy(logits, y[part])[0]
            loss = loss + np.asarray(mean, np.float64) * len(y[part])
        right = (logits.argmax(axis=-1) == y[part]) & ~np.isnan(logits).any(axis=-1)
        correct = correct + right.sum(axis=-1)
    return Evaluation(loss / len(x), correct / len(x))


def check_training(
    sizes: Sequence[int], dataset: Any, optimizer: Any, loss: Any
) -> tuple[FloatArray, Any]:
    """Check the arguments of a training run, and return x_train and y_train."""
    check_optimizer(optimizer)
    if not callable(loss):
        raise TypeError(f"loss={loss!r} must be a loss function, e.g. softmax_cross_entropy")
    return check_examples(sizes, dataset, "train", loss)


def check_examples(
    sizes: Sequence[int], dataset: Any, part: str, loss: Loss = softmax_cross_entropy
) -> tuple[FloatArray, Any]:
    """Check that the examples fit a network of these sizes, and return x and y.

    All examples are checked in advance, so that a bad label can't stop a training run halfway.
    (A ``Dataset`` has already checked its own for finite values.)

    Parameters
    ----------
    sizes : list of int
        From inputs to outputs.
    dataset : Dataset
        Or anything with the same attributes.
    part : {"train", "test"}
    loss : Loss
        For ``softmax_cross_entropy``, the targets must be class numbers of shape (examples,).
    """
    for name in (f"x_{part}", f"y_{part}"):
        if not hasattr(dataset, name):
            kind = type(dataset).__name__
            raise TypeError(f"dataset, of type {kind}, has no {name}; it must be a Dataset")
    x, y = getattr(dataset, f"x_{part}"), getattr(dataset, f"y_{part}")
    x, y = _fitting(sizes, x, y, loss, f"dataset.x_{part}", f"dataset.y_{part}")
    if not isinstance(dataset, Dataset):
        checks.check_finite(f"dataset.x_{part}", x)
    return x, y


def _fitting(
    sizes: Sequence[int], x: Any, y: Any, loss: Loss, x_name: str, y_name: str
) -> tuple[FloatArray, Any]:
    x, y, inputs = checks.float_array(x_name, x), np.asarray(y), sizes[0]
    if x.ndim != 2 or len(x) == 0 or x.shape[1] != inputs:
        raise ValueError(f"{x_name} has shape {x.shape}; expected (examples, {inputs})")
    if y.shape[:1] != (len(x),):
        raise ValueError(f"{y_name} has shape {y.shape}, but {x_name} has shape {x.shape}")
    if loss is mean_squared_error and checks.float_array(y_name, y).shape != (len(x), sizes[-1]):
        raise ValueError(f"{y_name} has shape {y.shape}; expected ({len(x)}, {sizes[-1]})")
    if loss is softmax_cross_entropy:
        checks.integer_labels(y_name, y, num_classes=sizes[-1])
        if y.ndim != 1:
            raise ValueError(f"{y_name} has shape {y.shape}; for one-hot rows, take their argmax")
    return x, y
