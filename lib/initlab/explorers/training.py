"""Training on MNIST, live: curves that grow while the kernel stays free for other cells."""

import threading
import time
from dataclasses import dataclass

import numpy as np

from initlab.activations import ACTIVATIONS
from initlab.datasets import Dataset, load_mnist
from initlab.experiments import MNIST_SIZES, REMEDIES, Race
from initlab.explorers import captions
from initlab.explorers.explorer import Explorer, button, controls_of, row
from initlab.explorers.settings import Settings, choice, whole
from initlab.explorers.tables import Reading, pack
from initlab.initializers import STARTS
from initlab.training import History, StopTraining, evaluate, train

RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 1.0)
# The number of steps averaged in a curve, and in the loss shown as text.
_SMOOTH, _LAST = 20, 50
_MOST_KEPT = 5
_CHANCE = float(np.log(10))  # the loss of guessing


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """What a training run depends on.

    Attributes
    ----------
    start : str
        A name of ``initializers.STARTS``.
    activation : str
        A name of ``activations.ACTIVATIONS``.
    depth : int
        The number of hidden layers of 100 neurons, 1 to 30.
    rate : float
        The learning rate, one of ``RATES``.
    steps : int
        10 to 3000.
    seed : int
        0 to 9999. Weights and minibatches are those of ``experiments.mnist_race``.
    remedy : str
        A name of ``experiments.REMEDIES``, which sets the architecture and the optimizer.
    """

    start: str = choice("He", STARTS)
    activation: str = choice("relu", ACTIVATIONS)
    depth: int = whole(4, 1, 30, label="hidden")
    rate: float = choice(0.01, RATES)
    steps: int = whole(500, 10, 3000)
    seed: int = whole(0, 0, 9999)
    remedy: str = choice("none", REMEDIES)

    def __str__(self):
        """Return the name of the curve."""
        layers = f"{self.depth} hidden layer{'s' if self.depth > 1 else ''}"
        remedy = "" if self.remedy == "none" else f", {self.remedy}"
        return f"{self.start}, {self.activation}, {layers}, rate {self.rate:g}{remedy}"


def training_curve(settings, dataset, callback=None):
    """Train the network described by the settings; equal settings give equal curves.

    Parameters
    ----------
    settings : TrainingSettings
    dataset : Dataset
        With the shape of MNIST.
    callback : callable, optional
        As for ``training.train``.

    Returns
    -------
    (History, MLP)
    """
    remedy = REMEDIES[settings.remedy]
    network = remedy.network(
        [MNIST_SIZES[0], *[100] * settings.depth, MNIST_SIZES[-1]],
        activation=settings.activation,
        weight_init=STARTS[settings.start].initializer,
        rng=np.random.default_rng([settings.seed, 0]),
        dtype=np.float32,
    )
    history = train(
        network,
        dataset,
        optimizer=remedy.optimizer(settings.rate),
        steps=settings.steps,
        batch_size=128,
        rng=np.random.default_rng([settings.seed, 1]),
        callback=callback,
    )
    return history, network


class _Run:
    """One training run: its progress, and what is shown of it."""

    def __init__(self, settings, load, publish):
        self.settings = settings
        self.losses = np.full(settings.steps, np.nan)
        self.done, self.diverged_at, self.accuracy, self.failure = 0, None, np.nan, None
        self.running, self.stopped = True, threading.Event()
        self._load, self._publish, self._published = load, publish, 0.0
        self.thread = threading.Thread(target=self._train, daemon=True)

    def _train(self):
        try:
            examples = self._load()
            history, network = training_curve(self.settings, examples, self._callback)
            self.diverged_at = history.diverged_at
            if self.done == self.settings.steps or self.diverged_at is not None:
                self.accuracy = evaluate(network, examples.x_test, examples.y_test).accuracy
        except (OSError, TypeError, ValueError) as error:  # the data are missing or don't fit
            self.failure = str(error)
        finally:
            self.running = False
            self._publish()

    def _callback(self, step, loss):
        self.losses[step] = loss
        self.done = step + 1
        now = time.monotonic()
        if now - self._published > 0.1:
            self._published = now
            self._publish()
        if self.stopped.is_set():
            raise StopTraining

    def curve(self):
        """Return the loss so far in float32, each value the mean of the last ``_SMOOTH`` steps."""
        # Each window is summed separately: a running sum would never recover from a loss of 1e20.
        padded = np.concatenate([np.zeros(_SMOOTH), self.losses[: self.done]])
        sums = np.lib.stride_tricks.sliding_window_view(padded, _SMOOTH)[1:].sum(axis=1)
        taken = np.minimum(np.arange(1, len(sums) + 1), _SMOOTH)
        return (sums / taken).astype(np.float32)

    def loss(self):
        """Return the mean loss of the last steps; NaN before the first."""
        last = self.losses[max(0, self.done - _LAST) : self.done]
        return float(last.mean()) if self.done else np.nan

    def caption(self):
        """Describe what is shown."""
        if self.failure is not None:
            return f"{self.settings}: no training. {self.failure}"
        if self.diverged_at is not None:
            at = f"step {self.diverged_at}"
            return f"{self.settings}: the loss overflowed at {at}, and the training ended there."
        if not self.done:
            return f"{self.settings}: {'it begins' if self.running else 'stopped'}."
        where = f"{self.settings}: step {self.done} of {self.settings.steps}"
        text = f"{where}, {captions.training(self.loss())}"
        if not np.isnan(self.accuracy):
            return f"{text}. Of the test images {100 * self.accuracy:.1f} % are right."
        return text + ("." if self.running else " (stopped).")


def recording(settings, dataset, moments):
    """Train to the end, and return what can be shown of it where no kernel is running.

    Parameters
    ----------
    settings : TrainingSettings
    dataset : Dataset
    moments : int

    Returns
    -------
    (list of str, bytes)
        The captions of so many moments from the beginning on, and that of the end; the table of the
        whole curve.
    """
    run = _Run(settings, lambda: dataset, lambda: None)
    run._train()
    if run.failure is not None:
        raise ValueError(run.failure)
    table, last = pack("curves", _parts([run]), **_frame(settings, [run])), run.caption()
    words, end = [], run.done
    run.accuracy, run.diverged_at, run.running = np.nan, None, True
    for moment in range(moments):
        run.done = end * moment // moments
        words.append(run.caption())
    return [*words, last], table


class TrainingExplorer(Explorer):
    """Choose a start, and watch how a network learns from it.

    Parameters
    ----------
    dataset : Dataset, optional
        MNIST by default.
    start, activation, depth, rate, steps, seed, remedy
        As for ``TrainingSettings``.

    Attributes
    ----------
    start, activation, depth, rate, steps, seed, remedy : ipywidgets controls
    train_button, stop_button, keep_button, forget_button : ipywidgets.Button
        Start or stop training; keep the curve for comparison, or discard the kept curves.
    """

    _kind = TrainingSettings
    _run = None

    def __init__(self, dataset=None, **settings):
        if dataset is not None and not isinstance(dataset, Dataset):
            raise TypeError(f"dataset={dataset!r} must be a Dataset")
        controls = controls_of(TrainingSettings(**settings))
        self._load = load_mnist if dataset is None else lambda: dataset
        self._turn, self._kept = threading.Lock(), []
        self.train_button = button("train", "train this network", self.train)
        self.stop_button = button("stop", "end the training here", self.stop)
        self.keep_button = button("keep", "keep this curve for comparison", self.keep)
        self.forget_button = button("forget", "drop the curves that were kept", self.forget)
        super().__init__(controls)
        buttons = self.train_button, self.stop_button, self.keep_button, self.forget_button
        self._arrange(row(*controls.values(), *buttons, self.reset_button))

    def train(self):
        """Start a training run with the current settings, after stopping any current run."""
        with self._turn:  # a button and a cell may call this at the same time
            self.stop()
            if not self._is_open:
                raise RuntimeError("this explorer is closed; make a new one")
            with self._lock:  # what is published waits until the run is known here
                run = _Run(self.settings, self._load, self._publish)
                run.thread.start()
                self._run = run

    def stop(self):
        """Stop the training run, and wait until it has ended."""
        run = self._run
        if run is not None:
            run.stopped.set()
            run.thread.join()

    def wait(self):
        """Wait until the training run has ended."""
        if self._run is not None:
            self._run.thread.join()

    def keep(self):
        """Keep the current curve; the next training run is drawn beside it."""
        with self._lock:
            if self._run is not None and self._run.done and self._run not in self._kept:
                self._kept = [*self._kept, self._run][-_MOST_KEPT:]
        self._publish()

    def forget(self):
        """Discard the kept curves."""
        self._kept = []
        self._publish()

    def reading(self):
        """Return the progress of the training run as a Reading.

        It has ``steps``, the number done; ``loss``, the mean over the last 50 steps (NaN before the
        first); ``test_accuracy``, from 0 to 1 (NaN during the run, or if it was stopped);
        ``diverged_at``, the step at which the loss overflowed or None; and ``caption``.
        """
        run, caption = self._run or _Run(self.settings, None, None), self._caption()
        return Reading(
            caption,
            steps=run.done,
            loss=run.loss(),
            test_accuracy=run.accuracy,
            diverged_at=run.diverged_at,
            caption=caption,
        )

    def _caption(self):
        return self._run.caption() if self._run else f"{self.settings}: press train."

    def _draw(self, plotting, figure, reading):
        ax, runs = figure.subplots(), self._runs()
        for run in runs:
            history = History(run.losses[: run.done], run.diverged_at)
            plotting.loss_curves(ax, Race({str(run.settings): [history]}, {}, {}), window=_SMOOTH)
        plotting.loss_curves(ax, Race({}, {}, {}), window=_SMOOTH, chance=_CHANCE)
        steps = max([run.settings.steps for run in runs], default=self.settings.steps)
        ax.set(xlim=(0, steps), ylim=(0, 3))
        if runs:
            ax.legend(loc="lower left")

    def _refresh(self, *, moved):
        self._publish()

    def _runs(self):
        """Return the runs whose curves are shown, the current one last."""
        now = [self._run] if self._run and self._run not in self._kept else []
        return [*self._kept, *now]

    def _publish(self):
        with self._lock:
            if self.picture.comm is None:
                return
            runs = self._runs()
            frame = _frame(self.settings, runs)
            self.picture.table = pack("curves", _parts(runs), caption=self._caption(), **frame)

    def _stop(self):
        with self._turn:
            self.stop()


def _frame(chosen, runs):
    """Return what is drawn around the curves."""
    return {
        "std": STARTS[chosen.start].initializer.std((100, 100)),
        "steps": max([run.settings.steps for run in runs], default=chosen.steps),
        "chance": _CHANCE,
    }


def _parts(runs):
    """Return the texts and arrays of each curve; no two have the same color."""
    own = [STARTS[run.settings.start].color for run in runs]
    palette = dict.fromkeys(start.color for start in STARTS.values())
    spare = [color for color in palette if color not in own]
    colors, parts = [], []
    for run, color in zip(runs, own, strict=True):
        colors.append(spare.pop() if color in colors else color)
        words = {
            "name": str(run.settings),
            "color": colors[-1],
            "dashed": run.settings.activation == "sigmoid",
            "diverged_at": run.diverged_at,
        }
        parts.append((words, {"loss": run.curve()}))
    return parts
