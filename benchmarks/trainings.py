"""How quickly initlab trains: beside bare matrix products, the article's program, two libraries.

Run: python benchmarks/trainings.py, on a quiet machine; it takes about half an hour. (--quick:
only to see that it works.) All are measured in one run, in turns, on two cores. Their work must be
equal: where a loss differs from initlab's, the program says so and exits with 1. Libraries that
are not installed are named as skipped. An aim that is missed is no error.
"""

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import joblib
import matplotlib.style
import numpy as np
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from initlab import MLP, SGD, Dataset, load_mnist, plotting, train_together
from initlab import initializers as init
from initlab.datasets import minibatches
from initlab.experiments import AS_CODED, MNIST_SIZES

BATCH, RATE, CORES = 128, 0.01, 2
EPOCH = 117  # steps: 14,976 images, so that nobody has a smaller batch at the end
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
IMPORT = "import time, numpy; t = time.perf_counter(); import initlab; print(time.perf_counter()-t)"
STYLE = Path(plotting.__file__).with_name("initlab.mplstyle")
PICTURE = Path(__file__).with_suffix(".png")


@dataclass(frozen=True)
class Task:
    """What all have to do: networks at their start, and the images that each step takes."""

    networks: list
    data: Dataset
    chosen: list
    epochs: int


@dataclass(frozen=True)
class Contender:
    """Who is measured: ways to do a task, of which the quickest is quoted.

    A way returns the seconds, the losses (for each network of each step or epoch), the precisions.
    """

    ways: dict[str, Callable]
    aims: tuple = (None, None)  # for fifteen networks and for three: its time is that much of ours
    dtype: str = "float32"
    module: str = "numpy"  # has to be installed
    shuffles: bool = False  # the images in its own way; it tells means over an epoch
    bare: bool = False  # trains nothing, and our time is to be at most ``aims`` times this one's


def make_task(networks, data, steps, epochs=1):
    """Return the task to train networks for epochs of so many steps."""
    x, y = data.x_train[: steps * BATCH], data.y_train[: steps * BATCH]
    numbers, rng = np.arange(len(x)), np.random.default_rng(1)
    batches = minibatches(numbers, y, batch_size=BATCH, steps=steps * epochs, rng=rng)
    part = Dataset(x, y, data.x_test, data.y_test)
    return Task(networks, part, [chosen for chosen, _ in batches], epochs)


def drawn(weight_init, seed):
    """Return the article's network at its start."""
    rng = np.random.default_rng(seed)
    return MLP(MNIST_SIZES, activation="relu", weight_init=weight_init, rng=rng, dtype=np.float32)


def together(networks, data, steps, cores=CORES):
    """Train networks, which are changed; return the seconds and the losses."""
    rng = np.random.default_rng(1)  # chooses the images that the task names
    with joblib.parallel_config(n_jobs=cores):
        begin = time.perf_counter()
        histories = train_together(
            networks, data, optimizer=SGD(RATE), steps=steps, batch_size=BATCH, rng=rng
        )
        seconds = time.perf_counter() - begin
    return seconds, np.array([history.loss for history in histories])


def initlab(task, cores):
    """Do the task with initlab."""
    networks = [network.copy() for network in task.networks]
    seconds, losses = together(networks, task.data, len(task.chosen), cores)
    return seconds, losses, {str(array.dtype) for net in networks for array in net.parameters()}


def products(x, weights, steps):
    """Return a function that does the matrix products of a network or a stack, and nothing else."""
    stack = weights[0].shape[:-2]
    signals = [x] + [np.zeros((*stack, BATCH, w.shape[-1]), w.dtype) for w in weights]
    deltas = [np.full_like(signal, 1 / BATCH) for signal in signals[1:]]
    gradients = [np.zeros_like(weight) for weight in weights]

    def run():
        for _ in range(steps):
            for i, weight in enumerate(weights):
                np.matmul(signals[i], weight, out=signals[i + 1])
            for i in reversed(range(len(weights))):
                np.matmul(np.swapaxes(signals[i], -1, -2), deltas[i], out=gradients[i])
                if i > 0:
                    np.matmul(deltas[i], np.swapaxes(weights[i], -1, -2), out=deltas[i - 1])

    return run


def bare(task, stacked):
    """Do the task's matrix products: a stack for each core, or one network after another."""
    groups = [[layer.weight.copy() for layer in network.dense] for network in task.networks]
    if stacked:
        parts = [groups[core::CORES] for core in range(CORES)]
        groups = [[np.stack(w) for w in zip(*part, strict=True)] for part in parts if part]
    x = task.data.x_train[task.chosen[0]]
    runs = [products(x, weights, len(task.chosen)) for weights in groups]
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(CORES) as pool:
        begin = time.perf_counter()
        list(pool.map(lambda run: run(), runs))
        return time.perf_counter() - begin, None, set()


class Article:
    """The article's program, written out plainly, with everything that it computes."""

    learning_rate, weight_decay = RATE, 0.0

    def __init__(self, network, dtype):
        self.weights = [layer.weight.astype(dtype) for layer in network.dense]
        self.biases = [layer.bias[0].astype(dtype) for layer in network.dense]

    def loss(self, x, labels):
        """Return the cross-entropy and the weight decay, which is 0 but is computed."""
        self.inputs, self.masks, decay = [], [], 0.0
        for weight, bias in zip(self.weights, self.biases, strict=True):
            if self.inputs:  # ReLU, before every layer but the first
                mask = x <= 0
                x = x.copy()
                x[mask] = 0
                self.masks.append(mask)
            self.inputs.append(x)
            x = np.dot(x, weight) + bias
            decay += 0.5 * self.weight_decay * np.sum(weight**2)
        z = x.T - np.max(x.T, axis=0)
        self.softmax = (np.exp(z) / np.sum(np.exp(z), axis=0)).T
        right = self.softmax[np.arange(len(labels)), labels]
        return -np.sum(np.log(right + 1e-7)) / len(labels) + decay

    def gradient(self, x, labels):
        """Return the loss, and the gradients of the weights and of the biases."""
        loss, weights, biases = self.loss(x, labels), [], []
        delta = self.softmax.copy()
        delta[np.arange(len(labels)), labels] -= 1
        delta = delta / len(labels)
        for i in reversed(range(len(self.weights))):
            weights.insert(0, np.dot(self.inputs[i].T, delta) + self.weight_decay * self.weights[i])
            biases.insert(0, np.sum(delta, axis=0))
            delta = np.dot(delta, self.weights[i].T)  # at the inputs, too, where nobody needs it
            if i > 0:
                delta[self.masks[i - 1]] = 0
        return loss, weights, biases

    def step(self, x, labels):
        """Make a step; return the loss before it. What the article reports is the one after it."""
        loss, weights, biases = self.gradient(x, labels)
        gradients = weights + biases
        for array, gradient in zip(self.weights + self.biases, gradients, strict=True):
            array -= self.learning_rate * gradient
        self.reported = self.loss(x, labels)
        return loss


def article(network, task, threads, dtype="float32"):
    """Return a function that trains a network as the article does."""
    program, x, y = Article(network, dtype), task.data.x_train, task.data.y_train

    def training():
        losses = [program.step(x[chosen], y[chosen]) for chosen in task.chosen]
        return losses, program.weights + program.biases

    return training


def scikit_learn(network, task, threads):
    """Return a function that trains a network as scikit-learn does."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        network.sizes[1:-1],
        solver="sgd",
        alpha=0.0,
        momentum=0.0,
        nesterovs_momentum=False,  # without momentum it changes nothing, but takes time
        batch_size=BATCH,
        learning_rate_init=1e-30,
        max_iter=task.epochs,
        n_iter_no_change=task.epochs,
        warm_start=True,
        random_state=0,
    )
    x, y = task.data.x_train, task.data.y_train
    model.partial_fit(x[:BATCH], y[:BATCH], classes=np.arange(network.sizes[-1]))
    model.coefs_ = [layer.weight.copy() for layer in network.dense]
    model.intercepts_ = [layer.bias[0].copy() for layer in network.dense]
    model.set_params(learning_rate_init=RATE)

    def training():
        model.fit(x, y)
        return model.loss_curve_[-model.n_iter_ :], model.coefs_ + model.intercepts_

    return training


def pytorch(network, task, threads):
    """Return a function that trains a network as PyTorch does."""
    import torch

    layers = []
    for dense in network.dense:
        layers += [torch.nn.Linear(*dense.weight.shape), torch.nn.ReLU()]
        with torch.no_grad():
            layers[-2].weight.copy_(torch.from_numpy(dense.weight.T))
            layers[-2].bias.copy_(torch.from_numpy(dense.bias[0]))
    model, loss_of = torch.nn.Sequential(*layers[:-1]), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    x, y = torch.from_numpy(task.data.x_train), torch.from_numpy(task.data.y_train)
    batches = [torch.from_numpy(chosen) for chosen in task.chosen]

    def training():
        torch.set_num_threads(threads)  # of the thread that says so
        losses = []
        for chosen in batches:
            optimizer.zero_grad()
            loss = loss_of(model(x[chosen]), y[chosen])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses, model.parameters()

    return training


def peer(prepare, task, threads, at_a_time=1):
    """Do the task with a peer, network after network, each with so many threads."""
    trainings = [prepare(network, task, threads) for network in task.networks]
    with warnings.catch_warnings(), ThreadPoolExecutor(at_a_time) as pool:
        warnings.filterwarnings("ignore", "Stochastic Optimizer")  # would train for longer
        with threadpool_limits(threads, user_api="blas"):
            begin = time.perf_counter()
            trained = list(pool.map(lambda training: training(), trainings))
            seconds = time.perf_counter() - begin
    dtypes = {str(array.dtype).removeprefix("torch.") for _, arrays in trained for array in arrays}
    return seconds, np.array([losses for losses, _ in trained]), dtypes


def contenders():
    """Return who is measured, by name. Who is to be compared most closely comes next to initlab."""

    def both(prepare):
        ways = {"1 thread": 1, f"{CORES} threads": CORES}
        return {way: partial(peer, prepare, threads=threads) for way, threads in ways.items()}

    ways_of_bare = {"stacked": partial(bare, stacked=True), "single": partial(bare, stacked=False)}
    published = both(partial(article, dtype="float64"))
    in_pairs = {"": partial(peer, pytorch, threads=1, at_a_time=CORES)}
    return {
        "initlab": Contender({"": partial(initlab, cores=CORES)}),
        "bare products": Contender(ways_of_bare, (1.25, 1.25), bare=True),
        "initlab on one core": Contender({"": partial(initlab, cores=1)}, (1.7, None)),
        "article in float32": Contender(both(article)),
        "article as published": Contender(published, (8, 6.5), "float64"),
        "scikit-learn": Contender(both(scikit_learn), (3, 2.5), module="sklearn", shuffles=True),
        "PyTorch": Contender(both(pytorch), (3, 2.5), module="torch"),
        "PyTorch, two at a time": Contender(in_pairs, module="torch"),
    }


def difference(contender, losses, dtypes, ours, epochs):
    """Return what a contender did otherwise than initlab, whose losses are ours; or None."""
    if contender.bare:
        return None
    if dtypes != {contender.dtype}:
        return f"computed in {', '.join(sorted(dtypes))} instead of {contender.dtype}"
    if contender.shuffles:
        ours = ours.reshape(len(ours), epochs, -1).mean(axis=-1)
    if losses.shape != ours.shape:
        return f"told {losses.shape[-1]} losses instead of {ours.shape[-1]}"
    off = np.abs(losses / ours - 1)
    # What rounding makes of a loss: next to nothing at first, but it grows from step to step.
    first, all_in_all = (0.05, 0.05) if contender.shuffles else (0.001, 0.01)
    if off[:, :100].max() <= first and off.mean() <= all_in_all:
        return None
    return f"has losses that are {off.mean():.2%} off in the mean, at most {off.max():.2%}"


def compare(task, entrants, rounds):
    """Return seconds by contender and way, a list of a number each round, and all differences.

    A way that takes twice as long as another of the same contender is not tried again.
    """
    seconds = {name: {way: [] for way in entrant.ways} for name, entrant in entrants.items()}
    found = {}
    turns = [(name, way) for name in entrants for way in entrants[name].ways]
    for name, way in turns:  # the first time of anything is slower
        entrants[name].ways[way](make_task(task.networks[:2], task.data, 1))
    for number in range(rounds):
        first = number * len(turns) // rounds
        for name, way in turns[first:] + turns[:first]:
            taken, *found[name, way] = entrants[name].ways[way](task)
            seconds[name][way].append(taken)
        # Two threads on busy cores may take ten times as long as one. Once is enough then.
        quickest = {name: min(last[-1] for last in seconds[name].values()) for name in entrants}
        turns = [(name, way) for name, way in turns if seconds[name][way][-1] < 2 * quickest[name]]
    ours = found["initlab", ""][0]
    wrong = []
    for (name, way), (losses, dtypes) in found.items():
        words = difference(entrants[name], losses, dtypes, ours, task.epochs)
        wrong += [f"{name} {way}: {words}".replace(" :", ":")] if words else []
    return seconds, wrong


def cost_per_network(networks, data, rounds, steps):
    """Return the milliseconds a step for one of 1, 2, 4 ... networks, a list for each number."""
    times = {count: [] for count in COUNTS}
    for number in range(rounds):
        first = number * len(COUNTS) // rounds
        for count in COUNTS[first:] + COUNTS[:first]:
            copies = [network.copy() for network in networks[:count]]
            seconds, _ = together(copies, data, steps)
            times[count].append(1000 * seconds / count / steps)
    return times


def memory(networks, data):
    """Return the most bytes that training took, but for one batch, over those of the parameters."""
    copies = [network.copy() for network in networks]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        together(copies, data, steps=2)  # the second is as any other
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # One batch: the images, and what goes into and comes out of each layer of each network.
    batch = 4 * BATCH * (MNIST_SIZES[0] + 2 * len(copies) * sum(MNIST_SIZES[1:]))
    return (most - before - batch) / sum(a.nbytes for net in copies for a in net.parameters())


def import_seconds():
    """Return what ``import initlab`` takes in a fresh process that has imported NumPy."""
    command = [sys.executable, "-c", IMPORT]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def spread(values, digits=2):
    """Return the median, and in brackets the least and the most."""
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({least:.{digits}f} - {most:.{digits}f})"


def verdict(words, met):
    """Return an aim in words, and whether it was met."""
    return f"aim: {words}, {'met' if met else 'missed'}"


def print_table(task, entrants, seconds, which):
    """Print a line for each contender; return its milliseconds a step in every round."""
    steps, rows = len(task.networks) * len(task.chosen), {}
    for name, ways in seconds.items():
        kept = [way for way in ways if len(ways[way]) == len(seconds["initlab"][""])]
        way = min(kept, key=lambda way: statistics.median(ways[way]))
        label = f"{name}, {way}" if way else name
        rows[label] = [1000 * taken / steps for taken in ways[way]]
        line = f"{label:34}{spread(rows[label], 3):25}"
        rounds, aim = (
            zip(ways[way], seconds["initlab"][""], strict=True),
            entrants[name].aims[which],
        )
        if entrants[name].bare:
            ratios = [ours / its for its, ours in rounds]
            words = verdict(f"at most {aim}", statistics.median(ratios) <= aim)
            line += f"ours/its {spread(ratios):24}{words}"
        elif name != "initlab":
            ratios = [its / ours for its, ours in rounds]
            words = verdict(f"at least {aim}", statistics.median(ratios) >= aim) if aim else ""
            line += f"its/ours {spread(ratios):24}{words}"
        print(line.rstrip())
    return rows


def print_more(cost, beyond, imports):
    """Print the cost per network, the memory and the time of the import."""
    print("networks together: milliseconds for one network and step")
    middles = [statistics.median(times) for times in cost.values()]
    for count, times in cost.items():
        print(f"{count:8}   {spread(times, 3)}")
    level = all(now <= 1.1 * min(middles[: i + 1]) for i, now in enumerate(middles))
    print(verdict("falls or stays level (within 10 %)", level))
    print(
        "\nmost memory while training, without a batch of activations, over that of the parameters"
    )
    for count, times in beyond.items():
        print(f"{count:8}   {times:.2f}   {verdict('at most 3', times <= 3)}")
    met = verdict("below 0.15", statistics.median(imports) < 0.15)
    print(f"\nseconds to import initlab, after numpy: {spread(imports, 3)}   {met}")


def draw(rows, cost, path):
    """Save the picture: who takes how long, and what a network costs among others."""
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(15, 6.5))
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        for place, (label, times) in enumerate(rows.items()):
            middle = statistics.median(times)
            color = plotting.BLUE if label.startswith("initlab") else plotting.ORANGE
            around = [[middle - min(times)], [max(times) - middle]]
            left.barh(place, middle, color=color, xerr=around, capsize=6)
            left.text(max(times), place, f"  {middle:.2f}", va="center")
        left.set_yticks(range(len(rows)), list(rows))
        left.invert_yaxis()
        left.set_xmargin(0.12)
        left.grid(visible=False, axis="y")
        left.set_xlabel("milliseconds per network and step")
        left.set_title("fifteen networks on two cores")
        least, middles, most = (
            [of(times) for times in cost.values()] for of in (min, statistics.median, max)
        )
        right.fill_between(list(cost), least, most, color=plotting.SKY, alpha=0.5)
        right.plot(list(cost), middles, "o-", color=plotting.BLUE)
        right.set_xscale("log", base=2)
        right.set_xticks(list(cost), [str(count) for count in cost])
        right.set_ylim(bottom=0)
        right.set_xlabel("networks trained together")
        right.set_ylabel("milliseconds")
        right.set_title("initlab: per network and step")
        figure.savefig(path)


def parsed(arguments):
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often all are measured")
    parser.add_argument("--epochs", type=int, default=1, help=f"of {EPOCH} steps")
    parser.add_argument("--quick", action="store_true", help="few steps, to see that it works")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where to save it")
    options = parser.parse_args(arguments)
    if min(options.rounds, options.epochs) < 1:
        parser.error("at least one round and one epoch are needed")
    return options


def main(arguments=None):
    """Print the tables and save the picture; return whether all did equal work."""
    options = parsed(arguments)
    rounds, steps = (1, 2) if options.quick else (options.rounds, EPOCH)
    mnist, entrants, wrong = load_mnist(), contenders(), []
    there = {c.module: importlib.util.find_spec(c.module) for c in entrants.values()}
    missing = {name: c.module for name, c in entrants.items() if not there[c.module]}
    entrants = {name: entrant for name, entrant in entrants.items() if name not in missing}
    rows = []
    for which, (words, seeds) in enumerate({"fifteen": range(5), "three": range(1)}.items()):
        networks = [drawn(start, seed) for seed in seeds for start, _ in AS_CODED.values()]
        task = make_task(networks, mnist, steps, options.epochs)
        print(f"{words} networks, {len(task.chosen)} steps of {BATCH} images, {CORES} cores:")
        print(f"median (least - most) of {rounds} rounds; milliseconds per network and step")
        seconds, different = compare(task, entrants, rounds)
        rows.append(print_table(task, entrants, seconds, which))
        for name, module in missing.items():
            print(f"{name:34}skipped: {module} is not installed")
        print(*(f"DIFFERENT WORK: {words}" for words in different), "", sep="\n")
        wrong += different
    networks = [drawn(init.he_normal(), seed) for seed in range(max(COUNTS))]
    cost = cost_per_network(networks, task.data, rounds, 2 if options.quick else 60)
    beyond = {count: memory(networks[:count], mnist) for count in (1, 8, 32, 128)}
    print_more(cost, beyond, [import_seconds() for _ in range(rounds)])
    draw(rows[0], cost, options.picture)
    return not wrong


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
