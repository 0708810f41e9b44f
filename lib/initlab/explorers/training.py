"""Training on MNIST, live: curves that grow while the kernel has time for other cells."""

import functools
import json
import threading
import time
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np

from initlab import initializers as init
from initlab._engine.checks import known_name
from initlab.datasets import load_mnist
from initlab.experiments import MNIST_SIZES, REMEDIES
from initlab.explorers import captions
from initlab.explorers.explorer import (
    ACTIVATIONS,
    Explorer,
    dropdown,
    known_activation,
    row,
    whole,
)
from initlab.training import evaluate, train

STARTS = {
    "std 0.01": init.normal(0.01),
    "LeCun": init.lecun_normal(),
    "Xavier": init.xavier_normal(),
    "4 x Xavier": init.xavier_normal(gain=4),
    "He": init.he_normal(),
    "2 x He": init.variance_scaling(8, "fan_in", "normal"),
    "std 1": init.normal(1.0),
    "std 10": init.normal(10.0),
}
RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 1.0)
# The colours of the starts in the whole series; where one is taken, the curve gets another.
_COLORS = {
    "std 0.01": "purple",
    "LeCun": "sky",
    "Xavier": "blue",
    "4 x Xavier": "orange",
    "He": "green",
    "2 x He": "red",
    "std 1": "orange",
    "std 10": "red",
}
_SMOOTH = 20


@dataclass(frozen=True)
class TrainingSettings:
    """What a training depends on.

    Attributes
    ----------
    start : str
        A key of ``STARTS``.
    activation : str
    depth : int
        Hidden layers of 100 neurons, 1 to 30.
    rate : float
        The learning rate, one of ``RATES``.
    steps : int
        10 to 3000.
    seed : int
        0 to 9999. Weights and minibatches are those of ``experiments.mnist_race``.
    remedy : str
        A key of ``experiments.REMEDIES``: how the network is built, and with what it is trained.
    """

    start: str = "He"
    activation: str = "relu"
    depth: int = 4
    rate: float = 0.01
    steps: int = 500
    seed: int = 0
    remedy: str = "none"

    def __post_init__(self):
        """Refuse what the controls can't show."""
        known_name("start", self.start, STARTS)
        known_name("remedy", self.remedy, REMEDIES)
        object.__setattr__(self, "activation", known_activation("activation", self.activation))
        if self.rate not in RATES:
            raise ValueError(f"rate={self.rate!r}: choose from {', '.join(map(str, RATES))}")
        limits = {"depth": (1, 30), "steps": (10, 3000), "seed": (0, 9999)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ValueError(f"{name}={value!r} must be a whole number from {low} to {high}")

    def __str__(self):
        """Return the name of the curve."""
        layers = f"{self.depth} hidden layer{'s' if self.depth > 1 else ''}"
        remedy = "" if self.remedy == "none" else f", {self.remedy}"
        return f"{self.start}, {self.activation}, {layers}, rate {self.rate:g}{remedy}"


def training_curve(settings, dataset, callback=None):
    """Train the network that the settings describe.

    Parameters
    ----------
    settings : TrainingSettings
    dataset : Dataset
        Of MNIST's shape.
    callback : callable, optional
        As for ``training.train``.

    Returns
    -------
    (History, MLP)
        The same settings give the same curve.
    """
    remedy = REMEDIES[settings.remedy]
    network = remedy.network(
        [MNIST_SIZES[0], *[100] * settings.depth, MNIST_SIZES[-1]],
        activation=settings.activation,
        weight_init=STARTS[settings.start],
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


@functools.cache
def _mnist():
    return load_mnist()


class _Run:
    """One training, in a thread of its own."""

    def __init__(self, settings, dataset, publish):
        self.settings = settings
        self.losses = np.full(settings.steps, np.nan)
        self.done, self.diverged_at, self.accuracy, self.failure = 0, None, None, None
        self.running, self.stopped = True, threading.Event()
        self._dataset, self._publish, self._published = dataset, publish, 0.0
        self.thread = threading.Thread(target=self._train, daemon=True)

    def _train(self):
        try:
            history, network = training_curve(self.settings, self._dataset(), self._callback)
            self.diverged_at = history.diverged_at
            if self.done == self.settings.steps or self.diverged_at is not None:
                data = self._dataset()
                self.accuracy = evaluate(network, data.x_test, data.y_test).accuracy
        except (OSError, TypeError, ValueError) as error:  # examples that are missing, or misfit
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
        return self.stopped.is_set()

    def curve(self):
        """Return the loss so far, each value the mean of the last ``_SMOOTH`` steps."""
        # Each window is added up anew: a running sum never forgets a loss of 1e20.
        padded = np.concatenate([np.zeros(_SMOOTH), self.losses[: self.done]])
        sums = np.lib.stride_tricks.sliding_window_view(padded, _SMOOTH)[1:].sum(axis=1)
        taken = np.minimum(np.arange(1, len(sums) + 1), _SMOOTH)
        return (sums / taken).astype(np.float32)

    def loss(self):
        """Return the mean loss of the last steps: at most 50."""
        if not self.done:
            return np.nan
        return float(self.losses[max(0, self.done - 50) : self.done].mean())

    def caption(self):
        """Say what is to be seen."""
        where = f"{self.settings}: step {self.done} of {self.settings.steps}"
        if self.failure is not None:
            return f"{self.settings}: no training. {self.failure}"
        if self.diverged_at is not None:
            at = f"step {self.diverged_at}"
            return f"{self.settings}: the loss overflowed at {at}, and the training ended there."
        if not self.done:
            return f"{self.settings}: it begins." if self.running else f"{self.settings}: stopped."
        loss = self.loss()
        seen = "no better than guessing" if loss > 2.25 else "it learns"
        if loss > 2.5:
            seen = "more than guessing costs"
        text = f"{where}, loss {captions.number(loss)}: {seen}"
        if self.accuracy is not None:
            text += f". Of the test images {percent_of(self.accuracy)} are right"
        return text + ("." if self.running or self.accuracy is not None else " (stopped).")


def percent_of(share):
    """Return a share of the test images, to a tenth of a percent."""
    return f"{100 * share:.1f} %"


@dataclass(frozen=True)
class TrainingReading:
    """How far a training has come.

    Attributes
    ----------
    steps : int
        Done so far.
    loss : float
        The mean of the last 50 steps (fewer at the beginning); NaN before the first.
    test_accuracy : float
        A share; NaN while the training runs, or if it was stopped.
    diverged_at : int or None
        The step, from 0, at which the loss overflowed.
    caption : str
    """

    steps: int
    loss: float
    test_accuracy: float
    diverged_at: int | None
    caption: str

    def __str__(self):
        """Return the caption."""
        return self.caption


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
        Begin, end early; keep the curve for comparison, and drop those that were kept.
    picture : Picture

    Raises
    ------
    TypeError, ValueError
        If one of the arguments is not what is said here.
    """

    def __init__(self, dataset=None, **settings):
        chosen = TrainingSettings(**settings)
        self._dataset = _mnist if dataset is None else lambda: dataset
        self._turn, self._closed = threading.Lock(), False
        self._run, self._kept = None, []
        controls = {
            "start": dropdown("start", STARTS, chosen.start),
            "activation": dropdown("activation", ACTIVATIONS, chosen.activation),
            "depth": whole("hidden", chosen.depth, 1, 30),
            "rate": dropdown("rate", RATES, chosen.rate),
            "steps": whole("steps", chosen.steps, 10, 3000),
            "seed": widgets.BoundedIntText(description="seed", value=chosen.seed, min=0, max=9999),
            "remedy": dropdown("remedy", REMEDIES, chosen.remedy),
        }
        buttons = [
            self._button("train", "train this network", self.train),
            self._button("stop", "end the training here", self.stop),
            self._button("keep", "keep this curve for comparison", self.keep),
            self._button("forget", "drop the curves that were kept", self.forget),
        ]
        self.train_button, self.stop_button, self.keep_button, self.forget_button = buttons
        super().__init__(controls, [])
        self.children = [
            row(*controls.values(), *buttons, self.reset_button),
            self.picture,
            self.state_text,
        ]
        self._changed(None)

    def _button(self, name, tooltip, act):
        button = widgets.Button(description=name, tooltip=tooltip)
        button.on_click(lambda _: act())
        return button

    @property
    def settings(self):
        """What the controls say: a TrainingSettings."""
        return TrainingSettings(**{name: box.value for name, box in self._controls.items()})

    def train(self):
        """Begin a training with what the controls say now; one that runs is stopped first."""
        with self._turn:  # a button and a cell may call at the same time
            self.stop()
            with self._lock:
                if self._closed:
                    raise RuntimeError("this explorer is closed; make a new one")
                self._run = run = _Run(self.settings, self._dataset, lambda: self._publish(run))
                run.thread.start()

    def stop(self):
        """End the training at once, and return when it has ended."""
        with self._lock:
            run = self._run
        if run is not None:
            run.stopped.set()
            run.thread.join()

    def wait(self):
        """Return when the training has ended."""
        with self._lock:
            run = self._run
        if run is not None:
            run.thread.join()

    def keep(self):
        """Keep the present curve; the next training is drawn beside it."""
        with self._lock:
            if self._run is not None and self._run.done and self._run not in self._kept:
                self._kept = [*self._kept, self._run][-5:]
        self._publish(self._run)

    def forget(self):
        """Drop the curves that were kept."""
        with self._lock:
            self._kept = []
        self._publish(self._run)

    def reading(self):
        """Return how far the training has come: a TrainingReading."""
        run = self._run
        if run is None:
            return TrainingReading(0, np.nan, np.nan, None, self._caption(None))
        accuracy = np.nan if run.accuracy is None else run.accuracy
        return TrainingReading(run.done, run.loss(), accuracy, run.diverged_at, run.caption())

    def _caption(self, run):
        return f"{self.settings}: press train." if run is None else run.caption()

    def _look(self, *, moved):
        self._publish(self._run)

    def _publish(self, run):
        with self._lock:
            if run is not self._run or self.picture.comm is None:
                return
            runs = [*self._kept, *([run] if run is not None and run not in self._kept else [])]
            self.picture.table = _packed(runs, self._caption(run), self.settings)

    def close(self):
        """Close the widget and all its parts, and end the training."""
        if hasattr(self, "_run"):
            with self._turn:
                self._closed = True
                self.stop()
        super().close()


def _packed(runs, caption, settings):
    """Return curves in the form of ``tables.pack``, one part a curve."""
    parts, pieces, offset = [], [], 0
    free = list(dict.fromkeys(_COLORS.values()))
    for run in runs:
        color = _COLORS[run.settings.start]
        color = free.pop(free.index(color) if color in free else 0)
        curve = run.curve()
        data = curve.astype("<f4").tobytes()
        pieces.append(data.ljust(-(-len(data) // 8) * 8, b"\0"))
        parts.append(
            {
                "name": str(run.settings),
                "color": color,
                "dashed": run.settings.activation == "sigmoid",
                "steps": run.settings.steps,
                "diverged_at": run.diverged_at,
                "arrays": {"loss": ["float32", [len(curve)], offset]},
            }
        )
        offset += len(pieces[-1])
    head = {
        "kind": "curves",
        "parts": parts,
        "caption": caption,
        "std": STARTS[settings.start].std((100, 100)),
        "steps": max([run.settings.steps for run in runs], default=settings.steps),
        "chance": float(np.log(10)),
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    text = text.ljust(-(-(len(text) + 4) // 8) * 8 - 4)
    return len(text).to_bytes(4, "little") + text + b"".join(pieces)
