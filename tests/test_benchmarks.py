"""The benchmark of trainings measures equal work. What a clock says is not tested."""

import importlib.util
from functools import partial
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "trainings.py"


def script(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trainings():
    return script(SCRIPT)


def test_each_fault_changes_one_line_and_a_seed_draws_the_same():
    faults = script(SCRIPT.with_name("faults.py"))
    drawn = faults.drawn(40, seed=1)
    assert drawn == faults.drawn(40, seed=1) != faults.drawn(40, seed=2)
    for fault in drawn:
        before = (faults.CHECKOUT / fault["file"]).read_text("utf-8")
        after = faults.planted(before, fault)
        pairs = zip(before.splitlines(), after.splitlines(), strict=True)
        assert [pair for pair in pairs if pair[0] != pair[1]] == [(fault["old"], fault["new"])]


def test_all_who_are_installed_do_equal_work_and_are_drawn(trainings, tmp_path, capsys):
    picture = tmp_path / "picture.png"
    assert trainings.main(["--quick", "--seeds", "1", "--picture", str(picture)])
    printed = capsys.readouterr().out
    assert all(f"\n{name} " in printed or f"\n{name}:" in printed for name in trainings.CONTENDERS)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert SCRIPT.with_suffix(".png") == trainings.PICTURE


def test_who_does_something_else_is_caught(trainings, tmp_path, monkeypatch, capsys):
    def twice_the_weights(network, task, threads):
        network = network.copy()
        network.dense[0].weight *= 2
        return trainings.article(network, task, threads)

    others = {
        "cheat": ("numpy", [partial(trainings.one_by_one, twice_the_weights, threads=1)]),
        "nobody": ("no_such_module", []),
    }
    kept = {"initlab": trainings.CONTENDERS["initlab"]}
    monkeypatch.setattr(trainings, "CONTENDERS", kept | others)
    options = ["--quick", "--seeds", "1", "--picture", str(tmp_path / "picture.png")]
    assert not trainings.main(options)
    printed = capsys.readouterr().out
    assert "DIFFERENT WORK: cheat: losses " in printed
    assert "nobody: skipped, not installed" in printed


def test_losses_may_differ_by_rounding_alone(trainings):
    ours = np.full((3, 117), 2.0)
    assert trainings.difference(None, ours) is None
    assert trainings.difference(ours * 1.005, ours) is None
    assert trainings.difference(ours * 1.02, ours) == "losses 2.00% off"
    assert trainings.difference(np.full((3, 1), 2.05), ours) is None
    assert trainings.difference(np.full((3, 1), 2.3), ours) == "losses 15.00% off"


def test_the_quickest_way_is_quoted_and_the_first_round_is_not(trainings, monkeypatch):
    clock = iter(np.cumsum([9, 9, 0, 1, 0, 2, 0, 3, 0, 1], dtype=float))
    monkeypatch.setattr(trainings.time, "perf_counter", lambda: next(clock))
    ways = [lambda task: lambda: None, lambda task: lambda: None]
    monkeypatch.setattr(trainings, "difference", lambda losses, ours: None)
    contenders = {"initlab": ("numpy", ways)}
    # In turns: (first, second), (second, first).
    seconds, different = trainings.compare(None, contenders, rounds=1)
    assert seconds == {"initlab": [2.0]}
    assert different == []
