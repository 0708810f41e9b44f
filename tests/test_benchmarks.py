"""The benchmark of trainings measures what it says. What a clock says is not tested."""

import contextlib
import importlib.util
import io
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from initlab import MLP, SGD, softmax_cross_entropy, train
from initlab import initializers as init

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "trainings.py"


@pytest.fixture(scope="module")
def trainings():
    spec = importlib.util.spec_from_file_location("trainings", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def task(trainings, mnist):
    return trainings.make_task([trainings.drawn(init.he_normal(), seed=0)], mnist, steps=3)


def run(trainings, picture):
    """Return what the program returned, what it printed, and the picture."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        agreed = trainings.main(["--quick", "--picture", str(picture)])
    return agreed, printed.getvalue(), picture.read_bytes()


@pytest.fixture(scope="module")
def quick(trainings, tmp_path_factory):
    return run(trainings, tmp_path_factory.mktemp("quick") / "picture.png")


@pytest.fixture
def few(trainings, monkeypatch):
    """Leave out what these tests don't look at."""
    monkeypatch.setattr(trainings, "COUNTS", (1, 2))
    monkeypatch.setattr(trainings, "import_seconds", lambda: 0.1)


def keep(trainings, monkeypatch, *names):
    entrants = {name: trainings.contenders()[name] for name in names}
    monkeypatch.setattr(trainings, "contenders", lambda: entrants)


# -------------------------------------------------------------------------------------- the program


def test_everybody_is_in_both_tables_and_did_equal_work(quick, trainings):
    agreed, printed, _ = quick
    assert agreed is True
    assert "DIFFERENT" not in printed
    fifteen, three = printed.split("networks together")[0].split("three networks")
    for table in (fifteen, three):
        lines = table.splitlines()
        for name, contender in trainings.contenders().items():
            there = importlib.util.find_spec(contender.module) is not None
            number = r"\d+\.\d{3} \(\d+\.\d{3} - \d+\.\d{3}\)"
            line = number if there else f"skipped: {contender.module} is not installed"
            pattern = rf"{name}(, stacked|, single|, \d threads?)? +{line}.*"
            assert sum(re.fullmatch(pattern, found) is not None for found in lines) == 1, name


def test_every_aim_is_beside_its_number(quick):
    _, printed, _ = quick
    aims = re.findall(r"aim: (.+), (?:met|missed)$", printed, re.MULTILINE)
    always = ["at most 1.25"] * 2 + ["at least 1.7", "at least 8", "at least 6.5"]
    always += ["falls or stays level (within 10 %)", *["at most 3"] * 4, "below 0.15"]
    for aim in always:
        aims.remove(aim)
    there = [m for m in ("sklearn", "torch") if importlib.util.find_spec(m) is not None]
    assert sorted(aims) == ["at least 2.5"] * len(there) + ["at least 3"] * len(there)


def test_costs_memory_and_import_are_printed(quick):
    rest = quick[1].split("networks together")[1]
    costs, memory, imports = rest.split("\n\n")
    assert [int(n) for n in re.findall(r"^ +(\d+) ", costs, re.MULTILINE)] == [
        2**power for power in range(8)
    ]
    assert [int(n) for n in re.findall(r"^ +(\d+) ", memory, re.MULTILINE)] == [1, 8, 32, 128]
    assert re.match(r"seconds to import initlab, after numpy: \d", imports)


def test_the_picture_is_a_png_and_lies_beside_the_script_by_default(quick, trainings):
    assert quick[2].startswith(b"\x89PNG")
    assert len(quick[2]) > 10_000
    assert trainings.parsed([]).picture == SCRIPT.with_name("trainings.png")


def test_libraries_that_are_not_installed_are_named(trainings, few, monkeypatch, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda m: None if m in ("torch", "sklearn") else find(m)
    )
    names = "initlab", "scikit-learn", "PyTorch", "PyTorch, two at a time"
    keep(trainings, monkeypatch, *names)
    agreed, printed, _ = run(trainings, tmp_path / "picture.png")
    assert agreed is True
    assert len(re.findall(r"^scikit-learn +skipped: sklearn is not installed$", printed, re.M)) == 2
    assert len(re.findall(r"^PyTorch.* skipped: torch is not installed$", printed, re.M)) == 4


def test_who_does_something_else_is_caught(trainings, few, monkeypatch, tmp_path):
    monkeypatch.setattr(trainings.Article, "learning_rate", 0.02)
    keep(trainings, monkeypatch, "initlab", "article in float32")
    agreed, printed, _ = run(trainings, tmp_path / "picture.png")
    assert agreed is False
    for way in ("1 thread", "2 threads"):
        assert f"DIFFERENT WORK: article in float32 {way}: has losses that are" in printed


@pytest.mark.parametrize("option", ["--rounds", "--epochs"])
def test_no_rounds_or_epochs_are_refused(trainings, option, capsys):
    with pytest.raises(SystemExit):
        trainings.parsed([option, "0"])
    assert "at least one round and one epoch are needed" in capsys.readouterr().err


# -------------------------------------------------------------------------------------- equal work


def losses(*rows):
    return np.array(rows, dtype=float)


@pytest.mark.parametrize(
    ("name", "found", "dtypes", "words"),
    [
        ("PyTorch", losses([4, 3, 2, 1]), {"float32"}, None),
        ("PyTorch", losses([4, 3, 2, 1.0005]), {"float32"}, None),
        ("PyTorch", losses([4, 3, 2, 1.01]), {"float32"}, "0.25% off in the mean, at most 1.00%"),
        ("PyTorch", losses([4, 3, np.nan, 1]), {"float32"}, "has losses"),
        ("PyTorch", losses([4, 3, 2]), {"float32"}, "told 3 losses instead of 4"),
        ("PyTorch", losses([4, 3, 2, 1]), {"float64"}, "in float64 instead of float32"),
        ("article as published", losses([4, 3, 2, 1]), {"float64"}, None),
        ("article as published", losses([4, 3, 2, 1]), {"float32"}, "in float32 instead of"),
        ("scikit-learn", losses([3.6, 1.53]), {"float32"}, None),
        ("scikit-learn", losses([3.5, 1.6]), {"float32"}, "at most 6.67%"),
        ("scikit-learn", losses([3.5]), {"float32"}, "told 1 losses instead of 2"),
        ("bare products", None, set(), None),
    ],
)
def test_what_counts_as_equal_work(trainings, name, found, dtypes, words):
    contender = trainings.contenders()[name]
    said = trainings.difference(contender, found, dtypes, losses([4, 3, 2, 1]), epochs=2)
    assert said is None if words is None else words in said


def test_late_losses_may_drift_apart_by_rounding_but_not_all_of_them(trainings):
    contender = trainings.contenders()["PyTorch"]
    ours = np.ones((1, 400))
    drifted = ours + 0.009 * (np.arange(400) >= 100)
    assert trainings.difference(contender, drifted, {"float32"}, ours, 1) is None
    drifted = ours + 0.02 * (np.arange(400) >= 100)
    assert trainings.difference(contender, drifted, {"float32"}, ours, 1) is not None


def test_every_step_takes_the_images_that_train_together_takes(trainings, mnist, task):
    taken = np.concatenate(task.chosen)
    assert sorted(taken) == list(range(3 * 128))  # one epoch: each image once
    _, (ours,), _ = trainings.initlab(task, cores=1)
    network = task.networks[0].copy()
    for loss, chosen in zip(ours, task.chosen, strict=True):
        batch = trainings.Dataset(
            mnist.x_train[chosen], mnist.y_train[chosen], mnist.x_test, mnist.y_test
        )
        rng = np.random.default_rng(0)
        history = train(network, batch, optimizer=SGD(0.01), steps=1, batch_size=128, rng=rng)
        np.testing.assert_allclose(loss, history.loss[0], rtol=1e-5)


def test_the_networks_stay_at_their_start(trainings, task):
    before = [array.copy() for array in task.networks[0].parameters()]
    for contender in trainings.contenders().values():
        if importlib.util.find_spec(contender.module) is not None:
            for way in contender.ways.values():
                way(task)
    for was, array in zip(before, task.networks[0].parameters(), strict=True):
        np.testing.assert_array_equal(was, array)


def test_a_step_of_the_article_is_one_of_ours(trainings, mnist):
    rng = np.random.default_rng(0)
    start = init.he_normal()
    network = MLP([784, 30, 20, 10], activation="relu", weight_init=start, rng=rng)
    program = trainings.Article(network, "float64")
    x, y = mnist.x_train[:128], mnist.y_train[:128]
    loss, weights, biases = program.gradient(x, y)

    expected, grad = softmax_cross_entropy(network.forward(x), y)
    network.backward(grad)
    np.testing.assert_allclose(loss, expected, rtol=1e-4)  # the article adds 1e-7 in the logarithm
    for layer, weight, bias in zip(network.dense, weights, biases, strict=True):
        np.testing.assert_allclose(weight, layer.weight_grad, rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(bias, layer.bias_grad[0], rtol=1e-6, atol=1e-12)

    assert program.step(x, y) == loss
    SGD(0.01).step(network.parameters(), network.gradients())
    for layer, weight, bias in zip(network.dense, program.weights, program.biases, strict=True):
        np.testing.assert_allclose(weight, layer.weight, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(bias, layer.bias[0], rtol=1e-9, atol=1e-12)
    # What it reports is the loss after the step, on the same images.
    after, _ = softmax_cross_entropy(network.forward(x), y)
    np.testing.assert_allclose(program.reported, after, rtol=1e-4)
    assert program.reported < loss


@pytest.mark.parametrize("stacked", [False, True])
def test_the_bare_products_are_those_of_a_step(trainings, mnist, monkeypatch, stacked):
    networks = [trainings.drawn(init.he_normal(), seed) for seed in range(3)]
    task = trainings.make_task(networks, mnist, steps=1)
    matmul, done = np.matmul, []

    def noted(left, right, out):
        done.extend([(*left.shape[-2:], right.shape[-1])] * max(1, out[..., 0, 0].size))
        return matmul(left, right, out=out)

    monkeypatch.setattr(np, "matmul", noted)
    trainings.bare(task, stacked)
    pairs = list(pairwise(trainings.MNIST_SIZES))
    forward = [(128, fan_in, fan_out) for fan_in, fan_out in pairs]
    to_weights = [(fan_in, 128, fan_out) for fan_in, fan_out in pairs]
    input_grad = [(128, fan_out, fan_in) for fan_in, fan_out in pairs[1:]]
    assert sorted(done) == sorted(3 * (forward + to_weights + input_grad))


# ------------------------------------------------------------------------------------- the numbers


def test_ratios_are_formed_in_each_round_and_the_quickest_way_is_quoted(trainings, task, capsys):
    entrants = trainings.contenders()
    seconds = {
        "initlab": {"": [1.0, 2.0, 1.0]},
        "bare products": {"stacked": [0.5, 1.0, 0.5], "single": [0.8, 1.0, 0.8]},
        "PyTorch": {"1 thread": [9.0, 9.0, 9.0], "2 threads": [2.0, 8.0, 3.5]},
    }
    rows = trainings.print_table(task, entrants, seconds, which=0)
    assert list(rows) == ["initlab", "bare products, stacked", "PyTorch, 2 threads"]
    assert rows["initlab"] == pytest.approx([1000 / 3, 2000 / 3, 1000 / 3])  # three steps
    _, products, torch = capsys.readouterr().out.splitlines()
    assert products.endswith("ours/its 2.00 (2.00 - 2.00)      aim: at most 1.25, missed")
    assert torch.endswith("its/ours 3.50 (2.00 - 4.00)      aim: at least 3, met")


@pytest.fixture
def race(trainings, task):
    """Return a function: the turns and the seconds of contenders whose runs take what is told."""

    def race(rounds, **takes):
        order = []

        def way(name):
            def measured(task):
                order.append((name, len(task.chosen)))
                return takes[name], losses([1] * len(task.chosen)), {"float32"}

            return measured

        entrants = {
            "initlab": trainings.Contender({"": way("initlab")}),
            "other": trainings.Contender({"a": way("a"), "b": way("b")}),
        }
        seconds, different = trainings.compare(task, entrants, rounds)
        assert different == []
        assert [name for name, steps in order if steps == 1] == ["initlab", "a", "b"]  # warming up
        return "".join(name[0] for name, steps in order if steps > 1), seconds

    return race


def test_all_are_measured_once_a_round_and_each_begins_another(race):
    turns, seconds = race(3, initlab=1.0, a=2.0, b=3.0)
    assert turns == "iababibia"
    assert seconds == {"initlab": {"": [1.0] * 3}, "other": {"a": [2.0] * 3, "b": [3.0] * 3}}


def test_a_way_that_takes_twice_as_long_is_not_tried_again_or_quoted(race, trainings, task, capsys):
    turns, seconds = race(3, initlab=1.0, a=8.0, b=4.0)
    assert turns == "iabibbi"
    assert seconds["other"] == {"a": [8.0], "b": [4.0] * 3}
    entrants = {"initlab": trainings.Contender({}), "other": trainings.Contender({})}
    assert list(trainings.print_table(task, entrants, seconds, 0)) == ["initlab", "other, b"]
    assert "its/ours 4.00" in capsys.readouterr().out


def test_costs_that_rise_are_named(trainings, capsys):
    trainings.print_more({1: [1.0], 2: [0.8], 4: [0.85]}, {1: 2.5}, [0.1])
    assert "within 10 %), met" in capsys.readouterr().out
    trainings.print_more({1: [1.0], 2: [0.8], 4: [0.9]}, {1: 3.5}, [0.2])
    assert re.findall(r"(met|missed)$", capsys.readouterr().out, re.M) == ["missed"] * 3
