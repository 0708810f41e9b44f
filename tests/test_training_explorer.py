"""The explorer that trains, without a browser."""

import json
import re
import threading
from pathlib import Path

import numpy as np
import pytest

from initlab import MLP, SGD, Dataset, experiments, explorers, train
from initlab import initializers as init
from initlab.explorers import TrainingExplorer, TrainingSettings, training_curve
from initlab.explorers.training import RATES
from initlab.initializers import STARTS
from initlab.training import History, StopTraining


@pytest.fixture(scope="module")
def few(mnist):
    return Dataset(mnist.x_train[:500], mnist.y_train[:500], mnist.x_test[:200], mnist.y_test[:200])


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


def test_a_curve_is_that_of_the_race(few):
    settings = TrainingSettings(start="Xavier", activation="tanh", steps=12, seed=3)
    history, _ = training_curve(settings, few)
    race = experiments.mnist_race(
        {"tanh": (init.xavier_normal(), "tanh")}, few, seeds=[3], steps=12
    )
    np.testing.assert_array_equal(history.loss, race.histories["tanh"][0].loss)


@pytest.mark.parametrize("name", experiments.REMEDIES)
def test_a_remedy_builds_the_network_and_makes_the_optimizer(few, name):
    settings = TrainingSettings(depth=3, rate=0.03, steps=10, seed=1, remedy=name)
    history, network = training_curve(settings, few)
    remedy = experiments.REMEDIES[name]
    own = remedy.network(
        [784, 100, 100, 100, 10],
        activation="relu",
        weight_init=init.he_normal(),
        rng=np.random.default_rng([1, 0]),
        dtype=np.float32,
    )
    expected = train(
        own,
        few,
        optimizer=remedy.optimizer(0.03),
        steps=10,
        batch_size=128,
        rng=np.random.default_rng([1, 1]),
    )
    np.testing.assert_array_equal(history.loss, expected.loss)
    assert network.architecture == own.architecture
    assert (name in str(settings)) == (name != "none")


def test_a_remedy_is_part_of_the_state():
    explorer = TrainingExplorer(remedy="residual, Fixup")
    assert explorer.state.endswith("remedy=residual,_Fixup")
    explorer.state = "remedy=batch_norm"
    assert explorer.settings.remedy == "batch norm"
    explorer.close()
    with pytest.raises(ValueError, match="did you mean 'momentum'"):
        TrainingSettings(remedy="momentun")


def test_the_page_gets_the_smoothed_curve_of_the_training(few):
    explorer = TrainingExplorer(few, steps=40)
    explorer.train()
    explorer.wait()
    history, network = training_curve(explorer.settings, few)
    head, [curve] = drawn(explorer)
    assert head["caption"] == explorer.reading().caption
    assert head["steps"] == len(curve) == 40
    expected = [history.loss[max(0, end - 20) : end].mean() for end in range(1, 41)]
    np.testing.assert_allclose(curve, expected, rtol=1e-5)
    reading = explorer.reading()
    assert reading.loss == pytest.approx(history.loss.mean(), rel=1e-6)
    right = network.forward(few.x_test).argmax(axis=1) == few.y_test
    assert reading.test_accuracy == right.mean()
    assert f"{100 * right.mean():.1f} %" in reading.caption
    explorer.close()


def test_stop_ends_it_early_and_keep_keeps_the_curve(few):
    explorer = TrainingExplorer(few, steps=3000, depth=10)
    explorer.train()
    while explorer.reading().steps < 3:
        pass
    explorer.stop_button.click()
    stopped = explorer.reading()
    assert 3 <= stopped.steps < 3000
    assert "(stopped)" in stopped.caption
    assert np.isnan(stopped.test_accuracy)
    explorer.keep_button.click()
    explorer.state = "steps=10 start=LeCun activation=sigmoid depth=1"
    explorer.train_button.click()
    explorer.wait()
    head, curves = drawn(explorer)
    assert [len(curve) for curve in curves] == [stopped.steps, 10]
    assert [part["name"].split(",")[0] for part in head["parts"]] == ["He", "LeCun"]
    assert [part["dashed"] for part in head["parts"]] == [False, True]
    assert [part["color"] for part in head["parts"]] == ["green", "sky"]
    explorer.forget_button.click()
    assert len(drawn(explorer)[1]) == 1
    explorer.close()


def test_a_new_training_ends_the_one_that_runs_and_closing_ends_it_too(few):
    before = set(threading.enumerate())
    explorer = TrainingExplorer(few, steps=3000, depth=20)
    explorer.train()
    (first,) = set(threading.enumerate()) - before
    explorer.train()
    assert not first.is_alive()
    (second,) = set(threading.enumerate()) - before
    explorer.close()
    assert not second.is_alive()


def test_overflow_is_said(few):
    explorer = TrainingExplorer(few, start="std 10", depth=30, steps=10)
    explorer.train()
    explorer.wait()
    reading = explorer.reading()
    assert reading.diverged_at == 0
    assert "the loss overflowed at step 0" in reading.caption
    explorer.close()


@pytest.mark.parametrize("start", ["std 0.01", "Xavier", "std 10"])
@pytest.mark.parametrize("activation", ["identity", "leaky_relu", "silu"])
@pytest.mark.parametrize("depth", [1, 15, 30])
def test_controls_at_their_extremes(few, start, activation, depth):
    for rate in (min(RATES), 0.03, max(RATES)):
        explorer = TrainingExplorer(
            few, start=start, activation=activation, depth=depth, rate=rate, steps=10, seed=9999
        )
        explorer.train()
        explorer.wait()
        reading = explorer.reading()
        assert reading.steps == 10 or reading.diverged_at is not None
        assert reading.caption.startswith(str(explorer.settings))
        explorer.close()


def test_state_names_starts_with_spaces_too(few):
    explorer, other = TrainingExplorer(few, start="4 x Xavier"), TrainingExplorer(few)
    other.state = explorer.state
    assert other.settings == explorer.settings
    other.reset()
    assert other.settings == TrainingSettings()
    for widget in (explorer, other):
        widget.close()


def test_the_caption_judges_by_the_loss(few):
    explorer = TrainingExplorer(few, start="Xavier", activation="sigmoid", steps=20)
    assert explorer.reading().caption.endswith("press train.")
    explorer.train()
    explorer.wait()
    assert "no better than guessing" in explorer.reading().caption
    explorer.state = "start=He activation=relu steps=300 rate=0.1"
    explorer.train()
    explorer.wait()
    assert "it learns" in explorer.reading().caption
    explorer.close()


@pytest.mark.parametrize(
    "wrong", [{"start": "Hé"}, {"depth": 31}, {"rate": 0.02}, {"steps": 5}, {"seed": -1}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainingExplorer(**wrong)


def test_every_start_has_its_std_in_the_picture(few):
    explorer = TrainingExplorer(few)
    for name, start in STARTS.items():
        explorer.start.value = name
        assert drawn(explorer)[0]["std"] == start.initializer.std((100, 100))
    explorer.close()


def test_the_page_knows_the_colour_of_every_start():
    room = Path(explorers.__file__).parent
    look, script = room.joinpath("explorers.css"), room.joinpath("canvas.js")
    known = set(re.findall(r"--initlab-(\w+): #", look.read_text(encoding="utf-8")))
    known |= set(re.findall(r"this\.color\.(\w+) = this\.ink", script.read_text(encoding="utf-8")))
    assert {start.color for start in STARTS.values()} <= known


def test_callback_sees_each_loss_and_can_end_a_training(few):
    def network():
        rng = np.random.default_rng(0)
        return MLP([784, 20, 10], activation="relu", weight_init=init.he_normal(), rng=rng)

    def run(net, callback):
        rng = np.random.default_rng(1)
        settings = {"optimizer": SGD(0.1), "steps": 8, "batch_size": 32, "rng": rng}
        return train(net, few, callback=callback, **settings)

    seen = []
    plain, watched, ended = network(), network(), network()
    history = run(plain, None)
    again = run(watched, lambda step, loss: seen.append((step, float(loss))))
    np.testing.assert_array_equal(again.loss, history.loss)
    assert seen == list(enumerate(history.loss))

    def stop(step, loss):
        if step == 4:
            raise StopTraining

    short = run(ended, stop)
    np.testing.assert_array_equal(short.loss, history.loss[:5])
    assert short.diverged_at is None
    assert not np.array_equal(ended.dense[0].weight, plain.dense[0].weight)
    with pytest.raises(TypeError, match="callback"):
        run(network(), 3)


def test_six_curves_have_six_colours(few):
    explorer = TrainingExplorer(few, steps=10)
    for _ in range(8):
        explorer.train()
        explorer.wait()
        explorer.keep()
    explorer.train()
    explorer.wait()
    colors = [part["color"] for part in drawn(explorer)[0]["parts"]]
    assert colors[0] == "green"
    assert len(set(colors)) == len(colors) == 6
    explorer.close()


def test_a_start_keeps_its_colour_even_when_another_one_had_to_give_way(few):
    explorer = TrainingExplorer(few, steps=10)
    for start in ("2 x He", "std 10", "He"):
        explorer.start.value = start
        explorer.train()
        explorer.wait()
        explorer.keep()
    colors = [part["color"] for part in drawn(explorer)[0]["parts"]]
    assert (colors[0], colors[2]) == (STARTS["2 x He"].color, STARTS["He"].color)
    assert len(set(colors)) == 3
    explorer.close()


def test_mnist_is_that_of_load_mnist_and_no_copy_of_the_explorer(few, mnist, monkeypatch):
    other = Dataset(few.x_train[::-1], few.y_train, few.x_test, few.y_test)
    losses = []
    for dataset in (few, other):
        monkeypatch.setattr(
            "initlab.explorers.training.load_mnist", lambda dataset=dataset: dataset
        )
        explorer = TrainingExplorer(steps=10)
        explorer.train()
        explorer.wait()
        losses.append(explorer.reading().loss)
        explorer.close()
    expected = [
        training_curve(TrainingSettings(steps=10), data)[0].loss.mean() for data in (few, other)
    ]
    np.testing.assert_allclose(losses, expected)


@pytest.mark.parametrize("remedy", experiments.REMEDIES)
def test_each_remedy_trains_a_network_with_one_hidden_layer(few, remedy):
    explorer = TrainingExplorer(few, depth=1, steps=10, remedy=remedy)
    explorer.train()
    explorer.wait()
    assert explorer.reading().steps == 10, explorer.reading().caption
    explorer.close()


def test_a_huge_loss_is_forgotten_when_it_has_left_the_window(few, monkeypatch):
    losses = np.array([1e30, 1e15] + [2.3] * 38)

    def told(settings, dataset, callback):
        for step, loss in enumerate(losses):
            callback(step, loss)
        return History(losses, None), network

    network = training_curve(TrainingSettings(steps=10), few)[1]
    monkeypatch.setattr("initlab.explorers.training.training_curve", told)
    explorer = TrainingExplorer(few, steps=40)
    explorer.train()
    explorer.wait()
    _, [curve] = drawn(explorer)
    np.testing.assert_allclose(curve, History(losses, None).smoothed(20), rtol=1e-5)
    assert curve[-1] == pytest.approx(2.3)
    explorer.close()


def test_several_calls_at_once_leave_one_training_and_closing_ends_it(few):
    explorer = TrainingExplorer(few, steps=3000, depth=20)
    before = set(threading.enumerate())
    callers = [threading.Thread(target=explorer.train) for _ in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(set(threading.enumerate()) - before) == 1
    explorer.close()
    assert set(threading.enumerate()) <= before
    with pytest.raises(RuntimeError, match="closed"):
        explorer.train()


def test_examples_that_do_not_fit_are_named_in_the_caption(few):
    short = Dataset(few.x_train[:50], few.y_train[:50], few.x_test, few.y_test)
    explorer = TrainingExplorer(short)
    explorer.train()
    explorer.wait()
    assert "no training. batch_size=128 is larger than the data" in explorer.reading().caption
    explorer.close()


def test_the_page_learns_where_the_loss_overflowed(few):
    explorer = TrainingExplorer(few, start="std 10", depth=30, steps=10)
    explorer.train()
    explorer.wait()
    head, [curve] = drawn(explorer)
    assert head["parts"][0]["diverged_at"] == 0
    assert len(curve) == 0
    explorer.close()
