"""Part eight of the story: learning, one small step after another.

The loop is the textbook's: take a minibatch, forward, loss, backward, step. ``train_together`` runs
it for many networks on the same minibatches, as a stack where they are of one architecture.
"""

import copy
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from initlab._engine.checks import (
    float_array,
    integer_labels,
    overflow_allowed,
    whole_number,
)
from initlab._engine.parallel import as_completed, one_blas_thread, workers
from initlab._engine.progress import check_progress, listener
from initlab.datasets import minibatches
from initlab.losses import softmax_cross_entropy
from initlab.network import MLP


@dataclass(frozen=True, eq=False)
class History:
    """What happened while a network was trained.

    Attributes
    ----------
    loss : array, shape (steps,) or (steps, K) for a stack of K
        Before each update, on the minibatch of that update. NaN for steps not taken.
    diverged_at : int or None, or a list of K of them for a stack
        The step, from 0, at which the loss was no longer finite. The network was left as it was
        then: that step's update was not made, nor any later one. (What the very last update did,
        no later loss has seen; ``evaluate`` tells.)
    gradient_rms : array or None
        If it was asked for: the root mean square of dL/dW of every Dense layer, shape
        (steps, layers) or (steps, layers, K), before each update. NaN for steps not taken.
    """

    loss: np.ndarray
    diverged_at: int | list | None
    gradient_rms: np.ndarray | None = None

    def final_loss(self, last=100):
        """Return the mean loss over the last steps: float, or shape (K,) for a stack.

        NaN if the run diverged.

        Raises
        ------
        TypeError, ValueError
            If ``last`` is not a whole number of at least 1.
        """
        return self.loss[-whole_number("last", last) :].mean(axis=0)

    def smoothed(self, window=50):
        """Return the loss averaged over the last ``window`` steps, fewer at the beginning.

        Returns
        -------
        array of float64, of the shape of ``loss``

        Raises
        ------
        TypeError, ValueError
            If ``window`` is not a whole number of at least 1.
        """
        window = whole_number("window", window)
        ends = range(1, len(self.loss) + 1)
        with overflow_allowed():
            return np.array([self.loss[max(0, end - window) : end].mean(axis=0) for end in ends])

    def of(self, k):
        """Return the history of one network of a stack, by its number from 0."""
        sizes = None if self.gradient_rms is None else self.gradient_rms[:, :, k].copy()
        return History(self.loss[:, k].copy(), self.diverged_at[k], sizes)

    def __repr__(self):
        """Return how many steps there were, and where the loss stopped being finite."""
        steps = np.atleast_1d(np.array(self.diverged_at, dtype=object))
        diverged = f", diverged_at={self.diverged_at}" if any(s is not None for s in steps) else ""
        return f"History({len(self.loss)} steps{diverged})"


class Evaluation(NamedTuple):
    """How a network does on examples: floats, or arrays of shape (K,) for a stack."""

    loss: float
    accuracy: float


def train(
    network,
    dataset,
    *,
    optimizer,
    steps,
    batch_size,
    rng,
    loss=softmax_cross_entropy,
    record_gradients=False,
    progress=None,
    callback=None,
):
    """Train a network, or a stack of them, and say how it went. The network is changed.

    Parameters
    ----------
    network : MLP
        Its parameters are changed in place.
    dataset : Dataset
        Anything with ``x_train``, shape (examples, features), and ``y_train``. Each minibatch is
        cast to the network's precision.
    optimizer : SGD or Adam
        A fresh copy of it is used, so that one can serve many trainings.
    steps, batch_size : int
    rng : numpy.random.Generator
        Shuffles the examples; see ``datasets.minibatches``.
    loss : callable
        ``softmax_cross_entropy`` or ``mean_squared_error``.
    record_gradients : bool
        Whether the history is to hold ``gradient_rms``.
    progress : callable, optional
        Called with the number 1 after each step, e.g. the ``update`` of a tqdm bar.
    callback : callable, optional
        Called after each step with its number, from 0, and its loss: to watch a training, or to
        stop it. If it returns True, the history ends there.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        If one of the arguments is not what is said here; nothing has been changed then. A loss
        that is not finite raises nothing: the history says at which step it happened.
    """
    _check(network, dataset, optimizer, loss, progress)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback={callback!r}: expected a function of a number and a loss")
    batches = minibatches(
        dataset.x_train, dataset.y_train, batch_size=batch_size, steps=steps, rng=rng
    )
    return descend(
        network,
        batches,
        optimizer,
        steps=steps,
        loss=loss,
        record_gradients=record_gradients,
        progress=progress,
        callback=callback,
    )


def descend(
    network,
    batches,
    optimizer,
    *,
    steps,
    loss=softmax_cross_entropy,
    record_gradients=False,
    progress=None,
    callback=None,
):
    """Forward, loss, backward, step, again and again: what ``train`` does, all being checked.

    Parameters
    ----------
    network, optimizer, steps, loss, record_gradients, progress, callback
        As for ``train``.
    batches : iterable of (x, y)
        ``steps`` of them.

    Returns
    -------
    History
    """
    optimizer = optimizer.reset_copy()
    losses = np.full((steps, *network.stack_shape), np.nan)
    gradient_rms = np.full((steps, len(network.dense), *network.stack_shape), np.nan)
    parameters, arrays = network.parameters(), network.state()
    diverged = {}  # which network of the stack: at which step, and its arrays at that time
    # Matrices of a hundred rows gain nothing from several BLAS threads, and lose much where the
    # cores are busy.
    with overflow_allowed(), one_blas_thread():
        for step, (x, y) in enumerate(batches):
            losses[step], grad = loss(network.forward(x), y)
            for index in np.argwhere(~np.isfinite(losses[step])):
                index = tuple(index)
                if index not in diverged:
                    diverged[index] = step, [array[index].copy() for array in arrays]
            if len(diverged) == losses[step].size:
                break
            network.backward(grad, input_grad=False)
            if record_gradients:
                gradient_rms[step] = [_rms(layer.weight_grad) for layer in network.dense]
            optimizer.step(parameters, network.gradients())
            if progress is not None:
                progress(1)
            if callback is not None and callback(step, losses[step]):
                losses, gradient_rms = losses[: step + 1], gradient_rms[: step + 1]
                break
    for index, (step, kept) in diverged.items():
        losses[(slice(step + 1, None), *index)] = np.nan
        gradient_rms[(slice(step, None), slice(None), *index)] = np.nan
        for array, was in zip(arrays, kept, strict=True):
            array[index] = was
    steps_of = {index: step for index, (step, _) in diverged.items()}
    diverged_at = steps_of.get(())
    if network.stack_shape:
        diverged_at = [steps_of.get((k,)) for k in range(network.stack_shape[0])]
    return History(losses, diverged_at, gradient_rms if record_gradients else None)


def _rms(array):
    return np.sqrt(np.square(array, dtype=np.float64).mean(axis=(-2, -1)))


def train_together(
    networks,
    dataset,
    *,
    optimizer,
    steps,
    batch_size,
    rng,
    loss=softmax_cross_entropy,
    record_gradients=False,
    progress=None,
):
    """Train several networks on the same minibatches, on all cores. The networks are changed.

    Training together gives what training each alone, with a generator of the same seed, gives: on
    any number of workers.

    Parameters
    ----------
    networks : dict or list of MLP
        Networks of one architecture are trained as stacks, and the stacks side by side.
    dataset, optimizer, steps, batch_size, rng, loss, record_gradients
        As for ``train``.
    progress : callable or bool, optional
        True shows a bar. A function is called with the number of networks that took a step, as
        they take it: in all, ``steps * len(networks)``. Workers in other processes report when a
        stack is done.

    Returns
    -------
    dict or list of History
        One for each network, under its key or in its place.

    Raises
    ------
    TypeError, ValueError
        If one of the arguments is not what is said here; nothing has been changed then.

    Notes
    -----
    joblib shares the stacks out among threads of this process, each with one BLAS thread.
    ``joblib.parallel_config`` changes that: ``n_jobs=1`` takes one core, ``backend="loky"``
    processes, ``backend="dask"`` a cluster. Beside the networks themselves, memory for three times
    their parameters is needed at most, and for the activations; momentum takes the parameters once
    more, Adam some three times more.
    """
    if isinstance(networks, MLP):
        raise TypeError(
            f"networks={networks!r}: expected a dict or list of them; one goes to train()"
        )
    named = hasattr(networks, "keys")
    members = list(networks.values() if named else networks)
    if not members:
        raise ValueError(f"networks={networks!r}: there is nothing to train")
    if len({id(network) for network in members}) < len(members):
        raise ValueError("networks: the same network is there twice; train a .copy() of it")
    groups = {}
    for place, network in enumerate(members):
        if not isinstance(network, MLP):
            raise TypeError(f"networks holds {network!r}: expected an MLP")
        if network.stack_shape:
            raise ValueError(f"{network!r} is a stack already; hand over its .unstack()")
        groups.setdefault(network.architecture, []).append(place)
    check_progress(progress, bar=True)
    for network in {(network.sizes[0], network.sizes[-1]): network for network in members}.values():
        check_training(network.sizes, dataset, optimizer, loss)
    x, y = dataset.x_train, dataset.y_train
    minibatches(x, y, batch_size=batch_size, steps=steps, rng=rng)  # refuses what doesn't fit

    stacks = make_stacks(groups.values(), lambda place: step_cost(members[place].sizes))
    settings = {"optimizer": optimizer, "steps": steps, "batch_size": batch_size}
    settings |= {"rng": rng, "loss": loss, "record_gradients": record_gradients}
    tasks = [([members[place].view() for place in places], settings) for places in stacks]
    with listener(progress, steps * len(members), "training") as report:
        trained = dict(as_completed(_train_stack, tasks, (x, y), progress=report))
    # Only now, when nothing can go wrong any more, are the networks changed.
    histories = [None] * len(members)
    for task, (arrays, history, _) in trained.items():
        for k, place in enumerate(stacks[task]):
            for array, result in zip(members[place].state(), arrays, strict=True):
                array[...] = result[k]
            histories[place] = history.of(k)
    # The caller's generator moves on as by one training: the longest, for some may have diverged.
    longest = max(trained.values(), key=lambda result: np.isfinite(result[1].loss).any(1).sum())
    rng.bit_generator.state = longest[2]
    return dict(zip(networks, histories, strict=True)) if named else histories


def _train_stack(task, x, y, report):
    """Train networks of one architecture: a task for a worker, maybe in another process."""
    networks, settings = task
    stack = MLP.stack(networks)
    # Every stack gets the minibatches that a training alone would get.
    rng = copy.deepcopy(settings["rng"])
    steps, batch_size = settings["steps"], settings["batch_size"]
    history = descend(
        stack,
        minibatches(x, y, batch_size=batch_size, steps=steps, rng=rng),
        settings["optimizer"],
        steps=steps,
        loss=settings["loss"],
        record_gradients=settings["record_gradients"],
        progress=lambda done: report(done * len(networks)),
    )
    return stack.state(), history, rng.bit_generator.state


def minibatches_by_seed(x, y, seeds, *, batch_size, steps):
    """Yield minibatches for a stack in which each network has a seed of its own.

    Parameters
    ----------
    x, y, batch_size, steps
        As for ``datasets.minibatches``.
    seeds : list of int
        One for each network of the stack. Those with equal seeds get the same minibatches: the ones
        of ``np.random.default_rng([seed, 1])``.

    Yields
    ------
    x_batch, y_batch : array, shapes (K, batch_size, features) and (K, batch_size, ...)
        Without the first axis if all seeds are equal: one batch then serves all.

    Raises
    ------
    ValueError
        As ``datasets.minibatches`` does, at once.
    """
    shuffled = {
        seed: minibatches(
            x, y, batch_size=batch_size, steps=steps, rng=np.random.default_rng([seed, 1])
        )
        for seed in seeds
    }
    if len(shuffled) == 1:
        return shuffled[seeds[0]]
    return _side_by_side(shuffled, seeds)


def _side_by_side(shuffled, seeds):
    for batches in zip(*shuffled.values(), strict=True):
        of = dict(zip(shuffled, batches, strict=True))
        yield tuple(np.stack([of[seed][part] for seed in seeds]) for part in (0, 1))


# Networks in a stack: with fewer the time goes into Python, with more their arrays leave the cache.
LARGEST_STACK = 16


def step_cost(sizes):
    """Return what a training step costs a network of these sizes, in no particular unit.

    Products weight by weight; and the rest is, for each neuron, worth about 40 weights (measured).
    """
    return sum(neurons * (fan_in + 40) for fan_in, neurons in pairwise(sizes))


def make_stacks(groups, cost):
    """Return stacks of networks that keep all workers busy, the most expensive stack first.

    Parameters
    ----------
    groups : iterable of list of int
        Networks that can be stacked, each by its number.
    cost : callable
        Of such a number: what that network costs, in any unit.

    Returns
    -------
    list of list of int
    """
    groups, crew = list(groups), workers()
    # Where there are few groups each is shared out among all workers: so none is idle at the end.
    least = crew if len(groups) < 4 * crew else 1
    stacks = []
    for group in groups:
        parts = max(-(-len(group) // LARGEST_STACK), least)
        # As many for each worker as for the others, where there are several for each.
        parts = -(-parts // least) * least
        stacks += [
            [int(place) for place in part] for part in np.array_split(group, parts) if len(part)
        ]
    return sorted(stacks, key=lambda stack: -sum(map(cost, stack)))


def evaluate(network, x, y, *, batch_size=1000):
    """Return loss and accuracy of a classifier, or of a stack of them, on these examples.

    Parameters
    ----------
    network : MLP
        Not changed. A ``BatchNorm`` in it uses its running averages.
    x : array of float, shape (examples, features)
    y : array of int, shape (examples,)
    batch_size : int
        How many examples are in memory at a time; it doesn't change the result.

    Returns
    -------
    Evaluation
        Mean cross-entropy in nats, and the share of examples whose largest logit is the right one.
        An answer that is not a number is wrong.

    Raises
    ------
    TypeError, ValueError
        If one of the arguments is not what is said here.
    """
    batch_size = whole_number("batch_size", batch_size)
    if not isinstance(network, MLP):
        raise TypeError(f"network={network!r}: expected an MLP")
    check_examples(network.sizes, "x", x, "y", y)
    probe = network.for_inference()
    loss = correct = np.float64(0)
    for start in range(0, len(x), batch_size):
        part = slice(start, start + batch_size)
        with overflow_allowed():  # a network that diverged: its loss says so
            logits = probe.forward(x[part])
            mean = softmax_cross_entropy(logits, y[part])[0]
            loss = loss + np.asarray(mean, np.float64) * len(y[part])
        right = (logits.argmax(axis=-1) == y[part]) & ~np.isnan(logits).any(axis=-1)
        correct = correct + right.sum(axis=-1)
    return Evaluation(loss / len(x), correct / len(x))


def _check(network, dataset, optimizer, loss, progress):
    if not isinstance(network, MLP):
        raise TypeError(f"network={network!r}: expected an MLP")
    check_progress(progress)
    check_training(network.sizes, dataset, optimizer, loss)


def check_training(sizes, dataset, optimizer, loss):
    """Refuse what a network of these sizes can't be trained with; see ``train``.

    Raises
    ------
    TypeError, ValueError
        Naming the argument.
    """
    if isinstance(optimizer, type) or not hasattr(optimizer, "reset_copy"):
        raise TypeError(f"optimizer={optimizer!r}: expected an optimizer, e.g. SGD(0.01)")
    for name in ("x_train", "y_train"):
        if not hasattr(dataset, name):
            kind = type(dataset).__name__
            raise TypeError(f"dataset, of type {kind}, has no {name}; expected a Dataset")
    if not callable(loss):
        raise TypeError(f"loss={loss!r}: expected a loss function, e.g. softmax_cross_entropy")
    check_examples(
        sizes, "dataset.x_train", dataset.x_train, "dataset.y_train", dataset.y_train, loss
    )


def check_examples(sizes, x_name, x, y_name, y, loss=softmax_cross_entropy):
    """Refuse examples that a network of these sizes can't be trained on or judged by.

    All of them, before anything is done: a bad label must not stop a training half-way.

    Parameters
    ----------
    sizes : list of int
        From inputs to outputs.
    x_name, y_name : str
        What the two are called where they come from.
    x : array of float, shape (examples, inputs)
    y : array, shape (examples, ...)
    loss : callable
        For ``softmax_cross_entropy``, ``y`` must hold class numbers.

    Raises
    ------
    TypeError, ValueError
        If they are not what is said here, or ``x`` is not finite.
    """
    inputs, outputs = sizes[0], sizes[-1]
    if not isinstance(x, np.ndarray) or not isinstance(y, np.ndarray):
        raise TypeError(f"{x_name} and {y_name} must be NumPy arrays; np.asarray makes them so")
    x = float_array(x_name, x)
    if x.ndim != 2 or len(x) == 0 or x.shape[1] != inputs:
        raise ValueError(
            f"{x_name} has shape {x.shape}, but sizes {sizes} take (examples, {inputs})"
        )
    if np.shape(y)[:1] != (len(x),):
        raise ValueError(f"{y_name} has shape {np.shape(y)}, but {x_name} has shape {x.shape}")
    if not (np.isfinite(x.min()) and np.isfinite(x.max())):
        raise ValueError(f"{x_name} holds NaN or infinite values; remove or replace them first")
    if loss is softmax_cross_entropy and integer_labels(y_name, y, classes=outputs).ndim != 1:
        raise ValueError(
            f"{y_name} has shape {np.shape(y)}; expected ({len(x)},); "
            "for one-hot rows, take their argmax(axis=-1) first"
        )
