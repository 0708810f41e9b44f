"""Is each remedy what its name says, and the table what each network does on its own?"""

import functools
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from initlab import initializers as init
from initlab.activations import relu
from initlab.datasets import Dataset
from initlab.experiments import FIVE_STARTS, REMEDIES, Remedy, cost_of_remedies, remedies_by_start
from initlab.experiments.remedies import DEPTH, WIDTH
from initlab.layers import Residual
from initlab.network import MLP
from initlab.normalization import BatchNorm, LayerNorm, Normalize
from initlab.optimizers import SGD, Adam
from initlab.training import evaluate, train

SMALL = {"depth": 3, "width": 6, "batch_size": 16, "steps": 25, "eval_size": 20, "progress": False}
OWN = {
    "momentum": Remedy(MLP, functools.partial(SGD, momentum=0.5), 0.2),
    "none": Remedy(MLP, SGD, 0.2),
    "norm, Adam": Remedy(functools.partial(MLP, normalization=BatchNorm), Adam, 0.01),
}
STARTS = {"zeros": init.zeros(), "mine": init.he_uniform()}


def examples(count=60):
    """Gaussian clouds around three corners: so many to train with, and 30 to test."""
    rng = np.random.default_rng(1)
    y = rng.integers(3, size=count + 30)
    x = rng.standard_normal((count + 30, 4)) * 0.7
    x[np.arange(count + 30), y] += 1.0
    return Dataset(x[:count], y[:count], x[count:], y[count:], "clouds")


def alone(remedy, start, seed):
    """Train one network by hand: its final loss, and its accuracy."""
    data = examples()
    weight_rng, rng = (np.random.default_rng([seed, which]) for which in (0, 1))
    settings = {"activation": relu, "weight_init": start, "rng": weight_rng, "dtype": np.float32}
    net = remedy.network([4, 6, 6, 6, 3], **settings)
    optimizer = remedy.optimizer(remedy.learning_rate)
    history = train(net, data, optimizer=optimizer, steps=25, batch_size=16, rng=rng)
    return history.loss[-20:].mean(), evaluate(net, data.x_test[:20], data.y_test[:20]).accuracy


@pytest.mark.parametrize(("remedies", "starts"), [(None, None), (OWN, STARTS)])
def test_the_table_holds_what_each_network_does_alone_with_each_remedy(remedies, starts):
    given = {"remedies": remedies, "starts": starts, "seeds": iter([4, 2])}
    table = remedies_by_start(examples(), **given, **SMALL)
    remedies, starts = remedies or REMEDIES, starts or FIVE_STARTS
    assert (table.remedies, table.starts) == (list(remedies), list(starts))
    assert table.loss.shape == table.accuracy.shape == (len(remedies), len(starts), 2)
    for i, (name, remedy) in enumerate(remedies.items()):
        for j, (where, start) in enumerate(starts.items()):
            np.testing.assert_array_equal(table.losses(name)[where], table.loss[i, j])
            for k, seed in enumerate([4, 2]):
                loss, accuracy = alone(remedy, start, seed)
                assert table.loss[i, j, k] == pytest.approx(loss, rel=1e-3)
                assert table.accuracy[i, j, k] == pytest.approx(accuracy, abs=1e-9)
    with pytest.raises(ValueError, match="remedy='None': no such remedy; did you mean 'none'"):
        table.losses("None")


def test_the_table_fills_as_the_trainings_end():
    seen = []

    def note(table):
        assert (np.isnan(table.loss) == np.isnan(table.accuracy)).all()
        seen.append((table, int(np.isfinite(table.loss).sum())))

    given = {"remedies": OWN, "starts": STARTS, "seeds": range(3)}
    found = remedies_by_start(examples(), on_results=note, **given, **SMALL)
    counts = [count for _, count in seen]
    assert (counts[0], counts[-1]) == (0, 18)
    assert counts == sorted(counts)
    assert len(set(counts)) > 3
    np.testing.assert_array_equal(seen[-1][0].accuracy, found.accuracy)


def test_a_training_that_overflows_has_no_loss_and_no_right_answer():
    starts = {"huge": init.normal(1e15), "He": init.he_normal()}
    given = {"remedies": {"none": Remedy(MLP, SGD, 0.1)}, "starts": starts, "seeds": [0]}
    table = remedies_by_start(examples(), **given, **SMALL)
    assert np.isnan(table.loss[0, 0, 0])
    assert table.accuracy[0, 0, 0] == 0
    assert np.isfinite(table.loss[0, 1, 0])
    assert table.accuracy[0, 1, 0] > 0


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"starts": [init.he_normal()]}, TypeError, r"starts=\[he_normal\(\)\] must be a dict"),
        ({"starts": {"a": 3}}, TypeError, "=3 must be an initializer"),
        ({"remedies": {}}, TypeError, "remedies={} must be a dict"),
        ({"on_results": 3}, TypeError, "on_results=3 must be a function"),
        ({"remedies": {"a": Remedy(MLP, SGD, -1)}}, ValueError, r"learning_rate'\]=-1"),
        ({"seeds": [1, 1]}, ValueError, "must be distinct"),
        ({"depth": 0}, ValueError, "depth=0"),
        ({"depth": [2, 4]}, TypeError, "depth=\\[2, 4\\] must be a whole number"),
        ({"steps": 0}, ValueError, "steps=0"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(changed, error, message):
    with pytest.raises(error, match=message):
        remedies_by_start(examples(), **SMALL | {"seeds": [0]} | changed)


def test_the_remedies_are_what_their_names_say():
    settings = {"activation": relu, "weight_init": init.he_normal()}
    plain = MLP([4, *[6] * 5, 3], rng=np.random.default_rng(0), **settings)
    for name, remedy in REMEDIES.items():
        net = remedy.network([4, *[6] * 5, 3], rng=np.random.default_rng(0), **settings)
        np.testing.assert_array_equal(net.dense[0].weight, plain.dense[0].weight)  # one draw
        norms = {type(leaf) for leaf in net.flat_layers if isinstance(leaf, Normalize)}
        assert norms == {"layer norm": {LayerNorm}, "batch norm": {BatchNorm}}.get(name, set())
        branches = [len(la.layers) for la in net.layers if isinstance(la, Residual)]
        assert branches == ([4, 4] if "residual" in name else [])
        outputs = net.forward(np.random.default_rng(1).standard_normal((9, 4)))
        assert outputs.any() == ("Fixup" not in name)  # which begins with outputs of 0
        optimizer = {
            "warm-up": "WarmUp(SGD(0.5), steps=100)",
            "momentum": "SGD(0.5, momentum=0.9)",
            "Adam": "Adam(0.5)",
        }
        assert repr(remedy.optimizer(0.5)) == optimizer.get(name, "SGD(0.5)")


def test_the_five_starts_go_from_the_smallest_weights_to_the_largest():
    stds = [start.std((WIDTH, WIDTH)) for start in FIVE_STARTS.values()]
    assert stds == sorted(stds)
    he = (2 / WIDTH) ** 0.5
    assert stds == pytest.approx([0.01, (1 / WIDTH) ** 0.5, he, 2 * he, 1])


def test_each_remedy_costs_numbers_to_learn_and_time():
    found = cost_of_remedies(examples(64), steps=1, count=1)
    assert list(found) == list(REMEDIES)
    plain = (4 * WIDTH + WIDTH) + (DEPTH - 1) * (WIDTH * WIDTH + WIDTH) + (WIDTH * 3 + 3)
    for name, (learned, seconds) in found.items():
        assert learned == plain + (DEPTH * 2 * WIDTH if name.endswith("norm") else 0)
        assert seconds.shape == (5,)
    for wrong in ("rounds", "count", "steps"):
        with pytest.raises(ValueError, match=f"{wrong}=0"):
            cost_of_remedies(examples(64), remedies={"a": OWN["none"]}, **{wrong: 0})


def test_the_program_that_found_the_rates_compares_all_of_them(monkeypatch, capsys):
    script = Path(__file__).parents[1] / "benchmarks" / "remedy_rates.py"
    spec = importlib.util.spec_from_file_location("remedy_rates", script)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    # The rates of the remedies are among those that it tries.
    for remedy in REMEDIES.values():
        tried = [rate / 30 for rate in program.RATES] if remedy.optimizer is Adam else program.RATES
        assert min(abs(rate / remedy.learning_rate - 1) for rate in tried) < 1e-9
    for name, value in {"DEPTH": 2, "WIDTH": 4, "STEPS": 2, "BATCH_SIZE": 8}.items():
        monkeypatch.setattr(program.remedies, name, value)
    few = {name: REMEDIES[name] for name in ("none", "Adam")}
    monkeypatch.setattr(program.remedies, "REMEDIES", few)
    for name, value in {"SEEDS": (0,), "RATES": (0.01, 0.1), "load_mnist": examples}.items():
        monkeypatch.setattr(program, name, value)
    program.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["none", "Adam"]
    assert all(line.count("*") >= 1 for line in lines)
    assert ("0.01:" in lines[0], "0.000333:" in lines[1]) == (True, True)
