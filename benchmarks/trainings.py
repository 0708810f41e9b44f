"""How quickly initlab trains: beside bare matrix products, PyTorch, scikit-learn, the article.

Run: python benchmarks/trainings.py, on a quiet machine; it takes about five minutes. (--quick: only
to see that it works.) All train the same networks on the same images, in turns, on two cores. Where
a loss differs from initlab's, the program says so and exits with 1. A library that isn't installed
is named as skipped.
"""

import argparse
import importlib.util
import statistics
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import joblib
import matplotlib.style
import numpy as np
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

from initlab import MLP, SGD, Dataset, load_mnist, plotting, train_together
from initlab.datasets import minibatches
from initlab.experiments import AS_CODED, MNIST_SIZES

BATCH, RATE, CORES = 128, 0.01, 2
STEPS = 117  # 14,976 images, so that nobody has a smaller batch at the end
STYLE = Path(plotting.__file__).with_name("initlab.mplstyle")
PICTURE = Path(__file__).with_suffix(".png")


class Task:
    """What all have to do: networks at their start, the data, and the images of each step."""

    def __init__(self, mnist, seeds, steps):
        self.networks = [
            MLP(
                MNIST_SIZES,
                activation="relu",
                weight_init=start,
                rng=np.random.default_rng(seed),
                dtype=np.float32,
            )
            for seed in range(seeds)
            for start, _ in AS_CODED.values()
        ]
        self.x, self.y = (np.array(a[: steps * BATCH]) for a in (mnist.x_train, mnist.y_train))
        self.data = Dataset(self.x, self.y, mnist.x_test, mnist.y_test)
        numbers, rng = np.arange(len(self.x)), np.random.default_rng(1)
        batches = minibatches(numbers, numbers, batch_size=BATCH, steps=steps, rng=rng)
        self.chosen = [chosen for chosen, _ in batches]

    @property
    def steps(self):
        """The number of steps, of all networks together."""
        return len(self.networks) * len(self.chosen)


# Each contender prepares itself and returns a function to be timed, which returns the losses, shape
# (networks, steps): those before each update. (None: it has none. One column: their mean.)


def initlab(task, cores):
    """Train all networks with initlab."""
    networks = [network.copy() for network in task.networks]

    def run():
        with joblib.parallel_config(n_jobs=cores):
            histories = train_together(
                networks,
                task.data,
                optimizer=SGD(RATE),
                steps=len(task.chosen),
                batch_size=BATCH,
                rng=np.random.default_rng(1),  # chooses the images that the task names
            )
        return [history.loss for history in histories]

    return run


def bare_products(task, cores):
    """Do the matrix products alone, on a stack of networks for each core."""
    x = task.x[task.chosen[0]]
    groups = [[layer.weight for layer in network.dense] for network in task.networks]
    groups = [groups[core::cores] for core in range(cores)]
    stacks = [[np.stack(w) for w in zip(*group, strict=True)] for group in groups]

    def products(weights):
        shapes = [(len(weight), BATCH, weight.shape[-1]) for weight in weights]
        signals = [x, *(np.zeros(shape, np.float32) for shape in shapes)]
        deltas = [np.full(shape, 1 / BATCH, np.float32) for shape in shapes]
        gradients = [np.zeros_like(weight) for weight in weights]
        for _ in task.chosen:
            for i, weight in enumerate(weights):
                np.matmul(signals[i], weight, out=signals[i + 1])
            for i in reversed(range(len(weights))):
                np.matmul(np.swapaxes(signals[i], -1, -2), deltas[i], out=gradients[i])
                if i > 0:
                    np.matmul(deltas[i], np.swapaxes(weights[i], -1, -2), out=deltas[i - 1])

    def run():
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cores) as pool:
            list(pool.map(products, stacks))

    return run


def pytorch_batch(task, threads):
    """Train all networks as one batch with PyTorch."""
    import torch

    layers = range(len(MNIST_SIZES) - 1)
    weights, biases = (
        [torch.from_numpy(np.stack([getattr(n.dense[i], name) for n in task.networks]))
         .requires_grad_() for i in layers]
        for name in ("weight", "bias")
    )  # fmt: skip
    optimizer = torch.optim.SGD([*weights, *biases], lr=RATE, foreach=True)
    x, y = torch.from_numpy(task.x), torch.from_numpy(task.y).long()
    count = len(task.networks)

    def run():
        torch.set_num_threads(threads)
        losses = []
        for chosen in map(torch.from_numpy, task.chosen):
            optimizer.zero_grad()
            h = x[chosen].expand(count, -1, -1)
            for i in layers:
                h = torch.baddbmm(biases[i], h.relu() if i else h, weights[i])
            each = torch.nn.functional.cross_entropy(
                h.transpose(1, 2), y[chosen].expand(count, -1), reduction="none"
            ).mean(dim=1)
            each.sum().backward()
            optimizer.step()
            losses.append(each.detach().numpy())
        return np.transpose(losses)

    return run


def pytorch(network, task, threads):
    """Train one network with PyTorch."""
    import torch

    layers = []
    for dense in network.dense:
        layers += [torch.nn.Linear(*dense.weight.shape), torch.nn.ReLU()]
        with torch.no_grad():
            layers[-2].weight.copy_(torch.from_numpy(dense.weight.T))
            layers[-2].bias.copy_(torch.from_numpy(dense.bias[0]))
    model, loss_of = torch.nn.Sequential(*layers[:-1]), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    x, y = torch.from_numpy(task.x), torch.from_numpy(task.y).long()

    def run():
        torch.set_num_threads(threads)  # of the thread that says so
        losses = []
        for chosen in map(torch.from_numpy, task.chosen):
            optimizer.zero_grad()
            loss = loss_of(model(x[chosen]), y[chosen])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    return run


def scikit_learn(network, task, threads):
    """Train one network with scikit-learn, which shuffles the images in its own way."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        network.sizes[1:-1],
        solver="sgd",
        alpha=0.0,
        momentum=0.0,
        nesterovs_momentum=False,  # without momentum it changes nothing, but takes time
        batch_size=BATCH,
        learning_rate_init=1e-30,
        max_iter=1,
        warm_start=True,
        random_state=0,
    )
    model.partial_fit(task.x[:BATCH], task.y[:BATCH], classes=np.arange(network.sizes[-1]))
    model.coefs_ = [layer.weight.copy() for layer in network.dense]
    model.intercepts_ = [layer.bias[0].copy() for layer in network.dense]
    model.set_params(learning_rate_init=RATE)

    def run():
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Stochastic Optimizer")  # would train for longer
            model.fit(task.x, task.y)
        return model.loss_curve_[-1:]

    return run


def article(network, task, threads):
    """Train one network as the article's program does, in float64, with all that it computes."""
    weights = [layer.weight.astype(np.float64) for layer in network.dense]
    biases = [layer.bias[0].astype(np.float64) for layer in network.dense]
    decay = 0.0  # of the weights; it is 0, but computed

    def forward(x, labels):
        inputs, loss = [], 0.0
        for weight, bias in zip(weights, biases, strict=True):
            if inputs:  # ReLU, before every layer but the first
                mask, x = x <= 0, x.copy()
                x[mask] = 0
            inputs.append(x)
            x = np.dot(x, weight) + bias
            loss += 0.5 * decay * np.sum(weight**2)
        e = np.exp(x - x.max(axis=1, keepdims=True))
        softmax = e / e.sum(axis=1, keepdims=True)
        surprise = -np.log(softmax[np.arange(len(labels)), labels] + 1e-7)
        return inputs, softmax, loss + surprise.mean()

    def run():
        losses = []
        for chosen in task.chosen:
            x, labels = task.x[chosen], task.y[chosen]
            inputs, delta, loss = forward(x, labels)
            losses.append(loss)
            delta[np.arange(len(labels)), labels] -= 1
            delta /= len(labels)
            gradients = []
            for i in reversed(range(len(weights))):
                gradients.append((np.dot(inputs[i].T, delta) + decay * weights[i], delta.sum(0)))
                delta = np.dot(delta, weights[i].T)  # at the images, too, where nobody needs it
                delta[inputs[i] <= 0] = 0
            for i, (weight, bias) in enumerate(reversed(gradients)):
                weights[i] -= RATE * weight
                biases[i] -= RATE * bias
            forward(x, labels)  # what the program reports is the loss after the step
        return losses

    return run


def one_by_one(prepare, task, threads, at_a_time=1):
    """Train network after network, or two at a time."""
    runs = [prepare(network, task, threads) for network in task.networks]

    def run():
        with threadpool_limits(threads, user_api="blas"), ThreadPoolExecutor(at_a_time) as pool:
            return list(pool.map(lambda each: each(), runs))

    return run


# By name: the library it needs, and the ways to do the task, of which the quickest is quoted.
CONTENDERS = {
    "initlab": ("numpy", [partial(initlab, cores=CORES)]),
    "bare matrix products": ("numpy", [partial(bare_products, cores=CORES)]),
    "PyTorch, all as one batch": (
        "torch",
        [partial(pytorch_batch, threads=n) for n in (1, CORES)],
    ),
    "PyTorch, one by one": (
        "torch",
        [partial(one_by_one, pytorch, threads=n) for n in (1, CORES)],
    ),
    "PyTorch, two at a time": ("torch", [partial(one_by_one, pytorch, threads=1, at_a_time=2)]),
    "scikit-learn": ("sklearn", [partial(one_by_one, scikit_learn, threads=n) for n in (1, CORES)]),
    "the article's program": (
        "numpy",
        [partial(one_by_one, article, threads=n) for n in (1, CORES)],
    ),
}


def difference(losses, ours):
    """Return how far losses are from initlab's if the work was another one, or None."""
    if losses is None:
        return None
    losses, ours = np.array(losses), np.array(ours)
    if losses.shape[1] == 1:  # of images in another order
        off, allowed = np.abs(losses[:, 0] / ours.mean(axis=1) - 1), 0.05
    else:  # what rounding makes of a loss grows from step to step
        off, allowed = np.abs(losses / ours - 1), 0.01
    return None if off.mean() <= allowed else f"losses {off.mean():.2%} off"


def compare(task, contenders, rounds):
    """Return by name the seconds of each round, in the quickest way, and what was different."""
    seconds = {(name, way): [] for name, (_, ways) in contenders.items() for way in ways}
    losses = {}
    for number in range(rounds + 1):  # the first one to warm up
        turns = list(seconds)
        for name, way in turns[number % len(turns) :] + turns[: number % len(turns)]:
            run = way(task)
            begin = time.perf_counter()
            losses[name] = run()
            seconds[name, way].append(time.perf_counter() - begin)
    best = {}
    for (name, _), times in seconds.items():
        best[name] = min(best.get(name, times[1:]), times[1:], key=statistics.median)
    told = {name: difference(losses[name], losses["initlab"]) for name in best}
    return best, [f"{name}: {words}" for name, words in told.items() if words]


def spread(values):
    """Return the median, and in brackets the least and the most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} - {max(values):.2f})"


def draw(milliseconds, title, path):
    """Save a picture of who takes how long."""
    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(12, 6))
        ax = figure.subplots()
        for place, (name, times) in enumerate(milliseconds.items()):
            middle = statistics.median(times)
            color = plotting.BLUE if name == "initlab" else plotting.ORANGE
            around = [[middle - min(times)], [max(times) - middle]]
            ax.barh(place, middle, color=color, xerr=around, capsize=6)
            ax.text(max(times), place, f"  {middle:.2f}", va="center")
        ax.set_yticks(range(len(milliseconds)), list(milliseconds))
        ax.invert_yaxis()
        ax.set_xmargin(0.12)
        ax.grid(visible=False, axis="y")
        ax.set_xlabel("milliseconds per network and step")
        ax.set_title(title)
        figure.savefig(path)


def main(arguments=None):
    """Print the table and save the picture; return whether all did equal work."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often all are measured")
    parser.add_argument("--seeds", type=int, default=5, help="three networks for each")
    parser.add_argument("--quick", action="store_true", help="few steps, to see that it works")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where to save it")
    options = parser.parse_args(arguments)
    rounds, steps = (1, 2) if options.quick else (options.rounds, STEPS)
    task = Task(load_mnist(), options.seeds, steps)
    found = {name: importlib.util.find_spec(module) for name, (module, _) in CONTENDERS.items()}
    contenders = {name: entry for name, entry in CONTENDERS.items() if found[name]}
    seconds, different = compare(task, contenders, rounds)
    title = f"{len(task.networks)} networks on {CORES} cores"
    print(f"{title}: median (least - most) of {rounds} rounds")
    print(f"{'milliseconds per network and step':48}times initlab's")
    milliseconds = {
        name: [1000 * taken / task.steps for taken in times] for name, times in seconds.items()
    }
    for name, times in milliseconds.items():
        ratios = [its / ours for its, ours in zip(times, milliseconds["initlab"], strict=True)]
        print(f"{name:26}{spread(times):22}{spread(ratios)}")
    missing = [f"{name}: skipped, not installed" for name in CONTENDERS if not found[name]]
    for line in missing + [f"DIFFERENT WORK: {words}" for words in different]:
        print(line)
    draw(milliseconds, title, options.picture)
    return not different


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
