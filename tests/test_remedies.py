"""Is each remedy what its name says, and the table what each network does on its own?"""

import functools
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from initlab import initializers as init
from initlab.activations import relu
from initlab.datasets import Dataset
from initlab.experiments.remedies import (
    DEPTH,
    FIVE_STARTS,
    REMEDIES,
    WIDTH,
    Remedy,
    RemedyTable,
    cost_of_remedies,
    fixup_network,
    remedies_by_start,
    slow_start,
)
from initlab.layers import Residual
from initlab.network import MLP
from initlab.normalization import BatchNorm, LayerNorm, Normalize
from initlab.optimizers import SGD, Adam, WarmUp
from initlab.training import evaluate, train


def examples(count=60):
    """Gaussian clouds around three corners: so many to train with, and 30 to test."""
    rng = np.random.default_rng(1)
    y = rng.integers(3, size=count + 30)
    x = rng.standard_normal((count + 30, 4)) * 0.7
    x[np.arange(count + 30), y] += 1.0
    return Dataset(x[:count], y[:count], x[count:], y[count:], "clouds")


SMALL = {"depth": 3, "width": 6, "batch_size": 16, "steps": 25, "eval_size": 20, "progress": False}


def alone(remedy, start, seed):
    """Train one network by hand: its final loss, and its accuracy."""
    data = examples()
    net = remedy.network(
        [4, 6, 6, 6, 3],
        activation=relu,
        weight_init=start,
        rng=np.random.default_rng([seed, 0]),
        dtype=np.float32,
    )
    history = train(
        net,
        data,
        optimizer=remedy.optimizer(remedy.learning_rate),
        steps=25,
        batch_size=16,
        rng=np.random.default_rng([seed, 1]),
    )
    return history.loss[-20:].mean(), evaluate(net, data.x_test[:20], data.y_test[:20]).accuracy


def test_the_table_holds_what_each_network_does_alone_with_each_remedy():
    table = remedies_by_start(examples(), seeds=[4, 2], **SMALL)
    assert table.remedies == list(REMEDIES)
    assert table.starts == list(FIVE_STARTS)
    assert table.loss.shape == table.accuracy.shape == (8, 5, 2)
    for i, remedy in enumerate(REMEDIES.values()):
        for j, start in enumerate(FIVE_STARTS.values()):
            for k, seed in enumerate([4, 2]):
                loss, accuracy = alone(remedy, start, seed)
                assert table.loss[i, j, k] == pytest.approx(loss, rel=1e-3)
                assert table.accuracy[i, j, k] == pytest.approx(accuracy, abs=1e-9)
    losses = table.losses("Adam")
    assert list(losses) == list(FIVE_STARTS)
    np.testing.assert_array_equal(losses["He"], table.loss[3, 2])
    with pytest.raises(ValueError, match="remedy='adam': no such remedy; did you mean 'Adam'"):
        table.losses("adam")


OWN = {
    "momentum": Remedy(MLP, functools.partial(SGD, momentum=0.5), 0.2),
    "none": Remedy(MLP, SGD, 0.2),
    "norm, Adam": Remedy(functools.partial(MLP, normalization=BatchNorm), Adam, 0.01),
}
STARTS = {"zeros": init.zeros(), "mine": init.he_uniform()}


def test_remedies_and_starts_may_be_the_callers_own_and_come_in_their_order():
    table = remedies_by_start(examples(), remedies=OWN, starts=STARTS, seeds=[7], **SMALL)
    assert (table.remedies, table.starts) == (["momentum", "none", "norm, Adam"], ["zeros", "mine"])
    for i, remedy in enumerate(OWN.values()):
        for j, start in enumerate(STARTS.values()):
            assert table.loss[i, j, 0] == pytest.approx(alone(remedy, start, 7)[0], rel=1e-3)


def test_the_table_fills_as_the_trainings_end():
    seen = []

    def note(table):
        assert isinstance(table, RemedyTable)
        assert (np.isnan(table.loss) == np.isnan(table.accuracy)).all()
        seen.append((table, int(np.isfinite(table.loss).sum())))

    found = remedies_by_start(
        examples(), remedies=OWN, starts=STARTS, seeds=range(3), on_results=note, **SMALL
    )
    counts = [count for _, count in seen]
    assert counts[0] == 0
    assert counts[-1] == 18
    assert counts == sorted(counts)
    assert len(set(counts)) > 3
    assert all(table is found for table, _ in seen)
    assert np.isfinite(found.loss).all()


def test_a_training_that_overflows_has_no_loss_and_no_right_answer():
    table = remedies_by_start(
        examples(),
        remedies={"none": Remedy(MLP, SGD, 0.1)},
        starts={"huge": init.normal(1e15), "He": init.he_normal()},
        seeds=[0],
        **SMALL,
    )
    assert np.isnan(table.loss[0, 0, 0])
    assert table.accuracy[0, 0, 0] == 0
    assert np.isfinite(table.loss[0, 1, 0])
    assert table.accuracy[0, 1, 0] > 0


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"starts": [init.he_normal()]}, TypeError, r"starts=\[he_normal\(\)\] must be a dict"),
        ({"starts": {}}, TypeError, "starts={} must be a dict"),
        ({"starts": {"a": 3}}, TypeError, "=3 must be an initializer"),
        ({"remedies": {}}, TypeError, "remedies={} must be a dict"),
        ({"remedies": ["none"]}, TypeError, r"remedies=\['none'\] must be a dict"),
        ({"remedies": {"a": Remedy(MLP, SGD, -1)}}, ValueError, r"learning_rate'\]=-1"),
        ({"seeds": []}, ValueError, "seeds must not be empty"),
        ({"seeds": [0.5]}, TypeError, "each of seeds=0.5 must be a whole number"),
        ({"seeds": [1, 1]}, ValueError, "must be distinct"),
        ({"depth": 0}, ValueError, r"axes\['depth'\]=0"),
        ({"steps": 0}, ValueError, "steps=0"),
        ({"on_results": 3}, TypeError, "on_results=3 must be a function"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(changed, error, message):
    with pytest.raises(error, match=message):
        remedies_by_start(examples(), **SMALL | {"seeds": [0]} | changed)


# -------------------------------------------------------------------------------- what they are


def test_the_remedies_are_what_their_names_say():
    settings = {"activation": relu, "weight_init": init.he_normal()}
    nets = {
        name: remedy.network([4, *[6] * 5, 3], rng=np.random.default_rng(0), **settings)
        for name, remedy in REMEDIES.items()
    }
    kinds = {
        name: {type(leaf) for leaf in net.flat_layers if isinstance(leaf, Normalize)}
        for name, net in nets.items()
    }
    assert {name for name, kind in kinds.items() if kind} == {"layer norm", "batch norm"}
    assert (kinds["layer norm"], kinds["batch norm"]) == ({LayerNorm}, {BatchNorm})
    branches = {
        name: [len(la.layers) for la in net.layers if isinstance(la, Residual)]
        for name, net in nets.items()
    }
    assert {name for name, sizes in branches.items() if sizes} == {"residual", "residual, Fixup"}
    assert branches["residual"] == branches["residual, Fixup"] == [4, 4]
    for net in nets.values():  # one draw for all
        np.testing.assert_array_equal(net.dense[0].weight, nets["none"].dense[0].weight)
    assert not nets["residual, Fixup"].dense[-1].weight.any()
    optimizers = {name: repr(remedy.optimizer(0.5)) for name, remedy in REMEDIES.items()}
    others = {
        "warm-up": "WarmUp(SGD(0.5), steps=100)",
        "momentum": "SGD(0.5, momentum=0.9)",
        "Adam": "Adam(0.5)",
    }
    assert optimizers == dict.fromkeys(REMEDIES, "SGD(0.5)") | others


def test_the_five_starts_go_from_the_smallest_weights_to_the_largest():
    stds = [start.std((WIDTH, WIDTH)) for start in FIVE_STARTS.values()]
    assert stds == sorted(stds)
    assert stds[0] == 0.01
    assert stds[-1] == 1
    assert FIVE_STARTS["2 x He"].std((50, 50)) == pytest.approx(2 * init.he_normal().std((50, 50)))


def test_a_network_of_fixup_begins_with_outputs_of_zero():
    net = fixup_network(
        [4, 6, 6, 6, 3], activation=relu, weight_init=init.normal(1), rng=np.random.default_rng(0)
    )
    np.testing.assert_array_equal(net.forward(np.ones((2, 4))), 0)
    assert isinstance(slow_start(0.2), WarmUp)
    assert slow_start(0.2).learning_rate == 0.2


def test_each_remedy_costs_numbers_to_learn_and_time():
    found = cost_of_remedies(examples(64), rounds=2, steps=1, count=1)
    assert list(found) == list(REMEDIES)
    plain = (4 * WIDTH + WIDTH) + (DEPTH - 1) * (WIDTH * WIDTH + WIDTH) + (WIDTH * 3 + 3)
    for name, (learned, seconds) in found.items():
        assert learned == plain + (DEPTH * 2 * WIDTH if name.endswith("norm") else 0)
        assert seconds.shape == (2,)
        assert (seconds >= 0).all()
    (one,) = cost_of_remedies(examples(64), remedies={"a": OWN["none"]}, rounds=1, count=2).values()
    assert one[0] == plain
    for wrong in ({"rounds": 0}, {"count": 0}, {"steps": 0}):
        (name,) = wrong
        with pytest.raises(ValueError, match=f"{name}=0"):
            cost_of_remedies(examples(64), remedies={"a": OWN["none"]}, **wrong)


# ------------------------------------------------------------------------- where the rates are from


def test_the_program_that_found_the_rates_compares_all_of_them(monkeypatch, capsys):
    script = Path(__file__).parents[1] / "benchmarks" / "remedy_rates.py"
    spec = importlib.util.spec_from_file_location("remedy_rates", script)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    # The rates of the remedies are among those that it tries.
    for remedy in REMEDIES.values():
        tried = [rate / 30 for rate in program.RATES] if remedy.optimizer is Adam else program.RATES
        assert min(abs(rate / remedy.learning_rate - 1) for rate in tried) < 1e-9
    small = {"DEPTH": 2, "WIDTH": 4, "STEPS": 2, "BATCH_SIZE": 8}
    for name, value in small.items():
        monkeypatch.setattr(program.remedies, name, value)
    monkeypatch.setattr(program, "SEEDS", (0,))
    monkeypatch.setattr(program, "RATES", (0.01, 0.1))
    monkeypatch.setattr(program, "load_mnist", lambda: examples())
    monkeypatch.setattr(
        program.remedies, "REMEDIES", {name: REMEDIES[name] for name in ("none", "Adam")}
    )
    program.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["none", "Adam"]
    assert all(line.count("*") >= 1 for line in lines)
    assert "0.01:" in lines[0]
    assert "0.000333:" in lines[1]
