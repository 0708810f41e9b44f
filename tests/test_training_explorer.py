"""The explorer that trains, without a browser."""

import itertools
import json
import re
import threading
from pathlib import Path

import numpy as np
import pytest

from initlab import Dataset, experiments, explorers, train
from initlab.explorers import TrainingExplorer, TrainingSettings, training_curve
from initlab.initializers import STARTS
from initlab.training import History


@pytest.fixture
def explorer(few_digits):
    explorer = TrainingExplorer(few_digits, steps=10, depth=2)
    yield explorer
    explorer.close()


@pytest.fixture
def endless(monkeypatch):
    """Let every training stand still at step 5, until it is stopped."""

    def standing(settings, dataset, callback):
        def told(step, loss):
            for _ in itertools.repeat(0) if step == 5 else range(1):
                callback(step, loss)

        return training_curve(settings, dataset, told)

    monkeypatch.setattr("initlab.explorers.training.training_curve", standing)


def trained(explorer, state=""):
    """Let a training run to its end, and return the reading."""
    explorer.state = state
    explorer.train_button.click()
    explorer.wait()
    return explorer.reading()


def drawn(explorer):
    """Return the head of what the page gets, and the curves in it."""
    table = explorer.picture.table
    length = int.from_bytes(table[:4], "little")
    head = json.loads(table[4 : 4 + length])
    curves = []
    for part in head["parts"]:
        kind, (size,), offset = part["arrays"]["loss"]
        assert kind == "float32"
        curves.append(np.frombuffer(table, "<f4", size, 4 + length + offset))
    return head, curves


def colors(explorer):
    return [part["color"] for part in drawn(explorer)[0]["parts"]]


@pytest.mark.parametrize("depth", [1, 3])  # Fixup once stumbled over a single hidden layer
@pytest.mark.parametrize("name", experiments.REMEDIES)
def test_a_remedy_builds_the_network_and_makes_the_optimizer(few_digits, name, depth):
    start = {"start": "Xavier", "activation": "tanh", "seed": 1}
    settings = TrainingSettings(depth=depth, rate=0.03, steps=10, remedy=name, **start)
    history, network = training_curve(settings, few_digits)
    remedy, recipe = experiments.REMEDIES[name], STARTS["Xavier"].initializer
    weight_rng, rng = (np.random.default_rng([1, which]) for which in (0, 1))
    drawn = {"weight_init": recipe, "rng": weight_rng, "dtype": np.float32}
    own = remedy.network([784, *[100] * depth, 10], activation="tanh", **drawn)
    told = {"optimizer": remedy.optimizer(0.03), "steps": 10, "batch_size": 128, "rng": rng}
    expected = train(own, few_digits, **told)
    np.testing.assert_array_equal(history.loss, expected.loss)
    assert network.architecture == own.architecture
    assert (name in str(settings)) == (name != "none")


def test_mnist_is_that_of_load_mnist_and_no_copy_of_the_explorer(few_digits, monkeypatch):
    other = Dataset(
        few_digits.x_train[::-1], few_digits.y_train, few_digits.x_test, few_digits.y_test
    )
    for dataset in (few_digits, other):
        monkeypatch.setattr("initlab.explorers.training.load_mnist", lambda data=dataset: data)
        explorer = TrainingExplorer(steps=10)
        expected = training_curve(explorer.settings, dataset)[0].loss.mean()
        assert trained(explorer).loss == pytest.approx(expected)
        explorer.close()


def test_page_and_still_get_the_smoothed_curve_of_the_training(few_digits, explorer, still):
    (ax,) = still(explorer)
    (guessing,) = ax.lines
    assert guessing.get_ydata() == pytest.approx([2.302585] * 2)
    reading = trained(explorer, "steps=60")
    history, network = training_curve(explorer.settings, few_digits)
    head, [curve] = drawn(explorer)
    assert head["caption"] == str(reading) == reading.caption
    assert head["steps"] == len(curve) == reading.steps == 60
    assert head["chance"] == pytest.approx(2.302585)
    expected = [history.loss[max(0, end - 20) : end].mean() for end in range(1, 61)]
    np.testing.assert_allclose(curve, expected, rtol=1e-5)
    (ax,) = still(explorer)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), expected, rtol=1e-5)
    assert (*ax.get_xlim(), *ax.get_ylim()) == (0, 60, 0, 3)
    assert reading.loss == pytest.approx(history.loss[-50:].mean(), rel=1e-6)
    right = network.forward(few_digits.x_test).argmax(axis=1) == few_digits.y_test
    assert reading.test_accuracy == right.mean()
    assert f"{100 * right.mean():.1f} %" in reading.caption


def test_a_huge_loss_is_forgotten_when_it_has_left_the_window(explorer, monkeypatch):
    losses = np.array([1e30, 1e15] + [2.3] * 38)

    def told(settings, dataset, callback):
        return training_curve(settings, dataset, lambda step, _: callback(step, losses[step]))

    monkeypatch.setattr("initlab.explorers.training.training_curve", told)
    trained(explorer, "steps=40")
    _, [curve] = drawn(explorer)
    np.testing.assert_allclose(curve, History(losses, None).smoothed(20), rtol=1e-5)


def test_overflow_is_said_and_the_page_learns_where(explorer, still):
    reading = trained(explorer, "start=std_10 depth=30")
    assert reading.diverged_at == 0
    assert "the loss overflowed at step 0" in reading.caption
    head, [curve] = drawn(explorer)
    assert head["parts"][0]["diverged_at"] == 0
    assert len(curve) == 0
    curve, _ = still(explorer)[0].lines
    assert len(curve.get_ydata()) == 0


def test_the_caption_judges_by_the_loss(explorer):
    assert explorer.reading().caption == f"{explorer.settings}: press train."
    for state, words in {
        "start=Xavier activation=sigmoid": "no better than guessing",
        "start=He activation=relu steps=200 rate=0.1": "it learns",
        "start=std_1 steps=10 rate=0.001": "more than guessing costs",
    }.items():
        assert words in trained(explorer, state).caption


def test_examples_that_do_not_fit_are_named_in_the_caption(few_digits):
    short = Dataset(
        few_digits.x_train[:50], few_digits.y_train[:50], few_digits.x_test, few_digits.y_test
    )
    explorer = TrainingExplorer(short)
    assert "no training. batch_size=128 is larger than the data" in trained(explorer).caption
    explorer.close()


def test_every_start_has_its_std_in_the_picture_and_its_colour_in_the_page(explorer):
    for name, start in STARTS.items():
        explorer.start.value = name
        assert drawn(explorer)[0]["std"] == start.initializer.std((100, 100))
    room = Path(explorers.__file__).parent
    look, script = (room.joinpath(n).read_text("utf-8") for n in ("explorers.css", "canvas.js"))
    known = set(re.findall(r"--initlab-(\w+): #", look))
    known |= set(re.findall(r"this\.color\.(\w+) = this\.ink", script))
    assert {start.color for start in STARTS.values()} <= known


@pytest.mark.usefixtures("endless")
def test_stop_ends_it_early_and_keep_keeps_the_curve(explorer, monkeypatch):
    explorer.train_button.click()
    while explorer.reading().steps < 6:
        assert "stopped" not in explorer.reading().caption
    explorer.stop_button.click()
    stopped = explorer.reading()
    assert stopped.steps == 6
    assert stopped.caption.endswith("(stopped).")
    assert np.isnan(stopped.test_accuracy)
    explorer.keep_button.click()
    explorer.keep_button.click()  # once is enough
    monkeypatch.undo()
    trained(explorer, "steps=10 start=LeCun activation=sigmoid depth=1")
    head, curves = drawn(explorer)
    assert [len(curve) for curve in curves] == [6, 10]
    assert [part["name"].split(",")[0] for part in head["parts"]] == ["He", "LeCun"]
    assert [part["dashed"] for part in head["parts"]] == [False, True]
    assert colors(explorer) == [STARTS["He"].color, STARTS["LeCun"].color]
    explorer.forget_button.click()
    assert len(drawn(explorer)[1]) == 1


def test_at_most_five_curves_are_kept_and_all_have_colours_of_their_own(explorer):
    for _ in range(7):
        trained(explorer)
        explorer.keep()
    trained(explorer)
    assert colors(explorer)[0] == STARTS["He"].color
    assert len(set(colors(explorer))) == len(colors(explorer)) == 6
    explorer.forget()
    for start in ("2_x_He", "std_10", "He"):  # std 10 has to give way, and only it
        trained(explorer, f"start={start}")
        explorer.keep()
    found = colors(explorer)
    assert (found[0], found[2]) == (STARTS["2 x He"].color, STARTS["He"].color)
    assert len(set(found)) == 3


@pytest.mark.usefixtures("endless")
def test_several_calls_at_once_leave_one_training_and_closing_ends_it(explorer):
    before = set(threading.enumerate())
    explorer.train()
    (first,) = set(threading.enumerate()) - before
    callers = [threading.Thread(target=explorer.train) for _ in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not first.is_alive()
    assert len(set(threading.enumerate()) - before) == 1
    explorer.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(RuntimeError, match="closed"):
        explorer.train()
