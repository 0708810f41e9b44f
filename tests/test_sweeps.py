import contextlib
import functools
import itertools
import math
import subprocess
import sys
import threading
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from initlab import initializers as init
from initlab import training
from initlab.activations import leaky_relu_with, relu, tanh
from initlab.datasets import Dataset
from initlab.experiments.sweeps import COLUMNS, FOUND, as_array, sweep
from initlab.network import MLP
from initlab.normalization import BatchNorm, LayerNorm
from initlab.optimizers import SGD, Adam, WarmUp
from initlab.starts import fixup
from initlab.training import evaluate, train


def examples(seed=1, name="clouds"):
    """Gaussian clouds around three corners."""
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=90)
    x = rng.standard_normal((90, 4)) * 0.7
    x[np.arange(90), y] += 1.0
    return Dataset(x[:60], y[:60], x[60:], y[60:], name)


SETTINGS = {"steps": 25, "batch_size": 16, "dtype": np.float64, "progress": False}
GRID = {
    "initializer": [init.he_normal(), init.xavier_uniform()],
    "activation": ["relu", tanh],
    "depth": [1, 3],
    "width": 6,
    "learning_rate": [0.1, 0.3],
    "seed": range(2),
}


def swept(axes=GRID, dataset=None, **changed):
    return sweep(axes, dataset or examples(), **SETTINGS | changed)


@pytest.fixture(scope="module")
def table():
    return swept()


def assert_same(table, other, rtol=1e-12):
    # (In stacks of other sizes, products may be rounded differently.)
    assert_frame_equal(table.reset_index(drop=True), other.reset_index(drop=True), rtol=rtol)


def where(table, **values):
    for name, value in values.items():
        table = table[table[name] == value]
    return table


def rows_of(table):
    return table.to_dict("records")


# ----------------------------------------------------------------------------------- the numbers


def alone(row, initializer, bias_init=None, optimizer=SGD, network=MLP):
    """Train the network of a row by hand."""
    data = examples()
    weight_rng, rng = (np.random.default_rng([row["seed"], which]) for which in (0, 1))
    recipes = {"weight_init": initializer, "bias_init": bias_init, "rng": weight_rng}
    sizes = [4, *[row["width"]] * row["depth"], 3]
    net = network(sizes, activation=row["activation"], **recipes)
    kind = optimizer(row["learning_rate"])
    history = train(net, data, optimizer=kind, steps=25, batch_size=16, rng=rng)
    ends = evaluate(net, data.x_train, data.y_train), evaluate(net, data.x_test, data.y_test)
    return [history.loss[0], history.loss[-20:].mean(), *ends[0], *ends[1]]


NUMBERS = [name for name in FOUND if name != "diverged_at"]


def test_each_row_is_what_its_network_does_alone(table):
    recipes = {repr(recipe): recipe for recipe in GRID["initializer"]}
    for row in rows_of(table):
        expected = alone(row, recipes[row["initializer"]])
        np.testing.assert_allclose([row[name] for name in NUMBERS], expected, rtol=1e-10)
        assert row["diverged_at"] == -1
    assert len(set(table["final_loss"].tolist())) == 32


def test_biases_and_the_optimizer_are_those_that_were_asked_for():
    bias_init, optimizer = init.normal(0.3), functools.partial(SGD, momentum=0.9)
    for kind in (Adam, optimizer):
        found = swept({"width": 5, "seed": [3]}, bias_init=bias_init, optimizer=kind)
        (row,) = rows_of(found)
        expected = alone(row, init.he_normal(), bias_init, kind)
        np.testing.assert_allclose([row[name] for name in NUMBERS], expected, rtol=1e-10)
        assert row["optimizer"] == type(kind(0.01)).__name__


def test_rows_come_in_the_order_of_the_grid_the_last_axis_fastest(table):
    points = itertools.product(
        ["he_normal()", "xavier_uniform()"], ["relu", "tanh"], [1, 3], [6], [0.1, 0.3], [0, 1]
    )
    columns = ("initializer", "activation", "depth", "width", "learning_rate", "seed")
    assert list(table) == list(COLUMNS)
    assert [tuple(row[name] for name in columns) for row in rows_of(table)] == list(points)
    kinds = {str: "OTU", int: "i", float: "f"}
    assert all(table[name].dtype.kind in kinds[kind] for name, kind in COLUMNS.items())


def test_axes_that_are_not_named_stand_at_the_articles_network():
    (row,) = rows_of(swept({"seed": 5}, steps=1))
    assert (row["initializer"], row["activation"], row["depth"]) == ("he_normal()", "relu", 4)
    assert (row["width"], row["learning_rate"], row["seed"]) == (100, 0.01, 5)
    assert (row["network"], row["optimizer"]) == ("MLP", "SGD")


def test_the_std_is_told_whether_it_was_an_axis_or_not():
    found = swept({"std": [0.0, 0.01, 10], "width": 5}, steps=2)
    assert found["std"].tolist() == [0.0, 0.01, 10.0]
    assert found["initializer"].tolist() == ["normal(std=0)", "normal(std=0.01)", "normal(std=10)"]
    he = swept({"initializer": init.he_normal(), "width": [8, 50]}, steps=2)
    np.testing.assert_allclose(he["std"], [0.5, 0.2])
    unknown = swept({"initializer": {"ones": lambda rng, shape, dtype: np.ones(shape, dtype)}})
    assert np.isnan(unknown["std"]).all()
    assert unknown["initializer"].tolist() == ["ones"]


def test_results_depend_neither_on_the_workers_nor_on_the_rest_of_the_grid(table):
    with joblib.parallel_config(n_jobs=1):
        assert_same(swept(), table)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert_same(swept(), table)
    part = swept(GRID | {"seed": 1, "depth": 3, "initializer": init.xavier_uniform()})
    chosen = where(table, seed=1, depth=3, initializer="xavier_uniform()")
    assert len(chosen) == 4
    assert_same(part, chosen)


def test_a_network_that_diverges_has_its_row_and_disturbs_no_other():
    found = swept({"std": [0.5, 1e200], "width": 5, "depth": 2, "activation": "identity"})
    fine, gone = rows_of(found)
    assert fine["diverged_at"] == -1
    assert np.isfinite(fine["final_loss"])
    assert gone["diverged_at"] == 0
    assert math.isnan(gone["final_loss"])
    assert gone["test_accuracy"] == 0


def test_networks_are_evaluated_on_as_many_examples_as_asked_for():
    data = examples()
    few = Dataset(data.x_train[:20], data.y_train[:20], data.x_test[:20], data.y_test[:20])
    # With a rate of 0 training changes nothing, so that the data can be cut.
    still = {"width": 5, "learning_rate": 0.0}
    found, alike, whole = swept(still, eval_size=20), swept(still, few), swept(still)
    for name in ("train_loss", "test_loss"):
        np.testing.assert_allclose(found[name], alike[name])
        assert found[name][0] != whole[name][0]


def test_single_precision_is_what_trains_by_default():
    found = sweep({"width": 5}, examples(), steps=2, batch_size=16, progress=False)
    double = swept({"width": 5}, steps=2)["first_loss"][0]
    assert found["first_loss"][0] == np.float32(found["first_loss"][0]) != double
    np.testing.assert_allclose(found["first_loss"][0], double, 1e-5)


# ------------------------------------------------------------------- what is told from what else

BATCH = functools.partial(MLP, normalization=BatchNorm)
BRANCHES = functools.partial(MLP, residual_block_size=2)


def fixed(sizes, **settings):
    return fixup(MLP(sizes, residual_block_size=2, **settings))


def warm(learning_rate):
    return WarmUp(SGD(learning_rate, momentum=0.5), steps=7)


class BranchesOfOne(MLP):
    """An MLP of another kind, by its class alone."""

    def __init__(self, sizes, **settings):
        super().__init__(sizes, residual_block_size=1, **settings)


def full(value):
    return lambda rng, shape, dtype: np.full(shape, value, dtype)


def changed_data(part):
    data = examples()
    parts = {name: getattr(data, name) for name in ("x_train", "y_train", "x_test", "y_test")}
    parts[part] = parts[part].copy()
    parts[part][3] = 1 if part[0] == "x" else (parts[part][3] + 1) % 3
    return Dataset(**parts, name="clouds")


def on(axis, one, other):
    """Two sweeps that differ on one axis."""
    return [{"axes": {axis: value}} for value in (one, other)]


def mine(axis, one, other):
    return on(axis, {"mine": one}, {"mine": other})


DIFFERENT = [
    [{}, {"steps": 7}],
    [{}, {"batch_size": 15}],
    [{}, {"dtype": np.float32}],
    [{}, {"bias_init": init.normal(0.1)}],
    [{"bias_init": full(0.0)}, {"bias_init": full(1.0)}],
    [{}, {"eval_size": 9}],
    [{}, {"optimizer": Adam}],
    [{"optimizer": functools.partial(SGD, momentum=m)} for m in (0.9, 0.9000004)],
    *([{}, {"dataset": changed_data(part)}] for part in ("x_train", "y_train", "x_test", "y_test")),
    on("seed", 0, 1),
    on("depth", 3, 2),
    on("learning_rate", 0.1, 0.2),
    on("initializer", init.he_normal(), init.he_uniform()),
    on("initializer", init.normal(0.1234567), init.normal(0.12345671)),
    mine("initializer", init.he_normal(), init.he_uniform()),
    mine("initializer", full(0.1), full(0.2)),
    on("activation", leaky_relu_with(0.2), leaky_relu_with(0.2000001)),
    on("network", MLP, {"MLP": BATCH}),
    mine("network", BRANCHES, BranchesOfOne),
    mine("network", BRANCHES, fixed),
    mine("network", BATCH, functools.partial(MLP, normalization=LayerNorm)),
    mine("optimizer", SGD, Adam),
    mine("optimizer", warm, lambda rate: WarmUp(SGD(rate, momentum=0.6), steps=7)),
]
SMALL = {"width": 5, "depth": 3, "learning_rate": 0.1}


@pytest.mark.parametrize("pair", DIFFERENT, ids=map(str, range(len(DIFFERENT))))
def test_sweeps_that_differ_in_anything_have_rows_of_their_own(tmp_path, monkeypatch, pair):
    file, sizes = tmp_path / "rows.csv", trained(monkeypatch)

    def run(steps=8, axes=(), **changed):
        return swept(SMALL | dict(axes), steps=steps, file=file, **changed)

    first, other = (run(**changed) for changed in pair)
    assert sum(sizes) == 2
    assert rows_of(first) != rows_of(other)
    for changed, expected in zip(pair, (first, other), strict=True):
        assert_same(run(**changed), expected)
    assert sum(sizes) == 2
    assert len(lines(file)) == 3


def test_what_is_made_anew_is_the_same(tmp_path, monkeypatch):
    file, sizes = tmp_path / "rows.csv", trained(monkeypatch)
    for _ in range(2):
        axes = {"initializer": {"relu": full(0.2)}, "activation": leaky_relu_with(0.3)}
        makers = {"bias_init": full(0.5), "optimizer": lambda rate: WarmUp(SGD(rate), 5)}
        swept(SMALL | axes, file=file, **makers)
    assert sizes == [1]


# ------------------------------------------------------------------------------------- the file


def trained(monkeypatch):
    """Return a list that grows by a number for each stack that is trained: its networks."""
    sizes, original = [], training._run_steps

    def counting(stack, *arguments, **named):
        sizes.append(stack.stack_shape[0])
        return original(stack, *arguments, **named)

    monkeypatch.setattr(training, "_run_steps", counting)
    return sizes


def lines(file):
    return file.read_text(encoding="utf-8").splitlines()


def test_what_is_in_the_file_is_not_trained_again(tmp_path, table, monkeypatch):
    file, sizes = tmp_path / "rows.csv", trained(monkeypatch)
    assert_same(swept(GRID | {"depth": 1}, file=file), where(table, depth=1))
    assert sum(sizes) == 16
    assert_same(swept(file=file), table)
    assert sum(sizes) == 32
    assert_same(swept(file=file), table)
    assert_same(swept(GRID | {"seed": 1}, file=str(file)), where(table, seed=1))
    assert sum(sizes) == 32
    assert len(lines(file)) == len(set(lines(file))) == 33


def test_what_is_read_back_is_what_was_found_to_the_last_digit(tmp_path):
    file = tmp_path / "rows.csv"
    axes = {"std": [0.1 + 0.2, 1e-300, 1e200], "width": 5, "seed": range(4)}
    axes |= {"network": {"nan": MLP, ' a,"b" ': BATCH}}
    found = swept(axes, file=file)
    assert found["final_loss"].isna().any()
    assert_frame_equal(swept(axes, file=file), found, check_exact=True)
    saved = pd.read_csv(file, converters={"test_loss": float})
    assert set(saved["test_loss"].dropna()) == set(found["test_loss"].dropna())
    assert list(saved) == list(COLUMNS)


class StoppedError(Exception):
    """Somebody pulls the plug."""


def test_a_sweep_that_was_stopped_goes_on_where_it_was(tmp_path, table, monkeypatch):
    file, seen = tmp_path / "rows.csv", []

    def stop(so_far):
        seen.append(len(so_far))
        assert len(lines(file)) == 1 + seen[-1]  # kept before anybody hears of them
        if len(seen) == 3:
            raise StoppedError

    # One at a time, so that none is in flight, and nothing runs on.
    with joblib.parallel_config(n_jobs=1), pytest.raises(StoppedError):
        swept(file=file, on_results=stop)
    kept = lines(file)
    assert seen[0] == 0 < seen[1] < seen[2] == len(kept) - 1 < 32
    sizes = trained(monkeypatch)
    assert_same(swept(file=file), table)
    assert sum(sizes) == 33 - len(kept)
    assert lines(file)[: len(kept)] == kept
    assert len(set(lines(file))) == len(lines(file)) == 33


def test_after_an_error_nothing_runs_on(monkeypatch):
    original, begun, released = training._run_steps, [], threading.Event()
    threads = set(threading.enumerate())

    def counting(*arguments, **named):
        begun.append(1)
        if len(begun) > 1:  # whatever is in flight waits until the sweep has failed
            assert released.wait(60)
        return original(*arguments, **named)

    def stop(so_far):
        if len(so_far):
            raise StoppedError

    monkeypatch.setattr(training, "_run_steps", counting)
    with joblib.parallel_config(n_jobs=2), pytest.raises(StoppedError) as held:
        swept(GRID | {"seed": range(30)}, on_results=stop)
    released.set()
    for thread in set(threading.enumerate()) - threads:
        thread.join(60)
        assert not thread.is_alive()
    assert len(begun) <= 3  # the first, the one beside it, and the one that followed
    assert held.value is not None  # the error keeps all that was underway alive


KILLED = """
import sys
sys.path.insert(0, sys.argv[2])
import test_sweeps

def tell(so_far):
    print(len(so_far), flush=True)
    if len(so_far) >= 20:
        sys.stdin.read()  # until it is killed

if __name__ == "__main__":
    test_sweeps.swept(test_sweeps.GRID | {"seed": range(4)}, file=sys.argv[1], on_results=tell)
"""


def test_a_sweep_that_is_killed_loses_at_most_what_was_in_flight(tmp_path, monkeypatch):
    file, program = tmp_path / "rows.csv", tmp_path / "program.py"
    program.write_text(KILLED, encoding="utf-8")
    told = 0
    command = [sys.executable, program, file, Path(__file__).parent]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        while told < 20:
            told = int(process.stdout.readline())
        process.kill()
    kept = lines(file)
    assert told == len(kept) - 1 < 64
    grid, sizes = GRID | {"seed": range(4)}, trained(monkeypatch)
    found = swept(grid, file=file)
    assert sum(sizes) == 65 - len(kept)
    assert len(set(lines(file))) == len(lines(file)) == 65
    assert len(found["seed"]) == 64


@pytest.mark.parametrize("missing", [1, 20, 60])
def test_a_line_that_was_cut_off_is_trained_again(tmp_path, monkeypatch, missing):
    file = tmp_path / "rows.csv"
    first, whole = swept({"width": [5, 6]}, file=file), file.read_bytes()
    file.write_bytes(whole[:-missing])
    sizes = trained(monkeypatch)
    assert_same(swept({"width": [5, 6]}, file=file), first)
    assert sizes == [1]
    assert sorted(lines(file)) == sorted(whole.decode().splitlines())
    file.write_bytes(whole[:missing])  # not even the names of the columns
    assert_same(swept({"width": [5, 6]}, file=file), first)


def test_a_file_of_something_else_is_left_alone(tmp_path, monkeypatch):
    sizes, file = trained(monkeypatch), tmp_path / "letter.txt"
    for content in (b"Dear reader,\n", b"Dear reader", b"\n", b"network,std\n", b"\x89PNG\xff\xfe"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"letter\.txt.*isn't a file of a sweep"):
            swept(file=file)
        assert file.read_bytes() == content
    assert sizes == []
    file.write_bytes(b"")  # there is nothing in it that could be lost
    swept({"width": 5}, file=file)
    assert len(lines(file)) == 2


def test_a_damaged_line_is_no_row(tmp_path, monkeypatch):
    file, sizes = tmp_path / "rows.csv", trained(monkeypatch)
    swept({"width": [5, 6]}, file=file)
    head, one, other = lines(file)
    for damaged in (other + ",1", other.replace(",relu,4,", ",relu,four,")):
        file.write_text("\n".join([head, one, damaged, ""]), encoding="utf-8")
        with pytest.raises(ValueError, match="damaged"):
            swept({"width": [5, 6]}, file=file)
    file.write_text("\n".join([head, one, other[:-9], ""]), encoding="utf-8")
    swept({"width": [5, 6]}, file=file)
    assert sum(sizes) == 3


def test_what_a_spreadsheet_does_to_the_file_does_no_harm(tmp_path, monkeypatch):
    file = tmp_path / "rows.csv"
    first = swept({"width": [5, 6]}, file=file)
    header, *rows = lines(file)
    text = "\r\n".join([header, "", *reversed(rows), "", ""])
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    sizes = trained(monkeypatch)
    assert_same(swept({"width": [5, 6]}, file=file), first)
    assert sizes == []


def test_two_sweeps_do_not_write_one_file_at_a_time(tmp_path):
    file, said = tmp_path / "rows.csv", []

    def meanwhile(so_far):
        with pytest.raises(BlockingIOError, match=r"rows\.csv.*another sweep is writing it"):
            swept({"width": 6}, file=file)
        with contextlib.suppress(OSError):  # there are systems without links
            (tmp_path / "link.csv").symlink_to(file)
        if (tmp_path / "link.csv").is_symlink():
            with pytest.raises(BlockingIOError, match="another sweep is writing it"):
                swept({"width": 6}, file=tmp_path / "link.csv")
        swept({"width": 6}, file=tmp_path / "other.csv")
        said.append(len(lines(file)))

    swept({"width": 5}, file=file, on_results=meanwhile)
    assert said == [1, 2]
    assert len(swept({"width": 6}, file=file)) == 1


# ------------------------------------------------------------------------------------ on the way


def test_a_bar_says_how_much_is_missing(tmp_path, capsys):
    file = tmp_path / "rows.csv"
    swept({"width": [5, 6]}, file=file)
    assert capsys.readouterr() == ("", "")
    swept({"width": [5, 6, 7, 8, 9]}, file=file, progress=True)
    shown = capsys.readouterr()
    assert "3 of 5 networks" in shown.out
    assert shown.err == ""
    swept({"width": [5, 6, 7, 8, 9]}, file=file, progress=True)
    assert capsys.readouterr() == ("", "")


def test_the_table_so_far_is_handed_over_as_it_grows(tmp_path):
    seen, file = [], tmp_path / "rows.csv"
    axes = GRID | {"seed": 0}
    swept({"width": [5, 6]}, file=file)
    found = swept(axes, on_results=lambda so_far: seen.append((threading.get_ident(), so_far)))
    assert {ident for ident, _ in seen} == {threading.get_ident()}
    counts = [len(so_far) for _, so_far in seen]
    assert counts == sorted(set(counts))
    assert (counts[0], counts[-1]) == (0, len(found))
    assert len(counts) > 4
    for _, so_far in seen:
        assert so_far.dtypes.equals(found.dtypes)
        own = found["fingerprint"].isin(so_far["fingerprint"])
        assert_same(so_far, found[own].reset_index(drop=True))


def test_columns_become_arrays_with_an_axis_for_each_that_is_named():
    table = swept({"width": [5, 6], "depth": [1, 2, 3]})
    loss = as_array(table[1:], "test_loss", depth=[3, 1], width=(6, 5))
    expected = [[table.test_loss[5], table.test_loss[2]], [table.test_loss[3], np.nan]]
    np.testing.assert_array_equal(loss, expected)


# ----------------------------------------------------------------------------------- bad requests


def two(sizes, **settings):
    return MLP.stack([MLP(sizes, **settings)] * 2)


def cut(sizes, **settings):
    return MLP(sizes[:-1], **settings)


WRONG = [
    ({"axes": [1, 2]}, TypeError, "axes=.* must be a dict"),
    ({"axes": {"dept": 3}}, ValueError, "axis='dept': no such axis; did you mean 'depth'?"),
    ({"axes": {"depth": []}}, ValueError, "axes\\['depth'\\] must hold at least one value"),
    ({"axes": {"std": 1, "initializer": init.zeros()}}, ValueError, "std or initializer, not both"),
    ({"axes": {"seed": {"a": 1}}}, TypeError, "must be a list, without names"),
    ({"axes": {"activation": ["relu", relu]}}, ValueError, "two are called 'relu'"),
    ({"axes": {"initializer": [init.normal(0.1)] * 2}}, ValueError, r"two are called 'normal\(std"),
    ({"axes": {"initializer": {"a\rb": init.zeros()}}}, TypeError, "must be a name"),
    ({"axes": {"initializer": {1: init.zeros()}}}, TypeError, "1 must be a name"),
    ({"axes": {"depth": 0}}, ValueError, "axes\\['depth'\\]=0"),
    ({"axes": {"width": [5, 2.5]}}, TypeError, "axes\\['width'\\]=2.5 must be a whole number"),
    ({"axes": {"seed": 2**63}}, ValueError, "axes\\['seed'\\]=9223372036854775808 must be a"),
    ({"axes": {"std": [0.1, -1]}}, ValueError, "axes\\['std'\\]=-1"),
    ({"axes": {"learning_rate": math.nan}}, ValueError, "axes\\['learning_rate'\\]=nan"),
    ({"axes": {"activation": "relux"}}, ValueError, "did you mean 'relu'"),
    ({"axes": {"initializer": init.he_normal}}, TypeError, "he_normal: call it first"),
    (
        {"axes": {"initializer": {"flat": lambda rng, shape, dtype: np.zeros(3)}}},
        *(ValueError, r"returned .*\(3,\).* \(4, 100\)"),
    ),
    ({"axes": {"network": "MLP"}}, TypeError, r"\['network'\]='MLP' must make a network, as MLP"),
    ({"axes": {"network": {"a": lambda sizes, **s: "net"}}}, ValueError, "network a made 'net'"),
    ({"axes": {"network": {"a": cut}}}, ValueError, r"network a made MLP\(4-100-100-100-100, "),
    ({"axes": {"network": {"a": two}}}, ValueError, r"network a made 2 x MLP\("),
    ({"axes": {"optimizer": {"a": SGD(0.1)}}}, TypeError, r"=SGD\(0\.1\) must make an optimizer"),
    ({"optimizer": SGD(0.1)}, TypeError, "^optimizer=SGD\\(0.1\\) must make an optimizer from a"),
    ({"optimizer": lambda rate: rate}, TypeError, "optimizer=0.01 must be an optimizer"),
    ({"bias_init": init.zeros}, TypeError, "bias_init=zeros: call it first"),
    ({"bias_init": lambda rng, shape, dtype: 0.0}, ValueError, r"returned .*\(\)"),
    ({"steps": 0}, ValueError, "steps=0"),
    ({"batch_size": 61}, ValueError, "batch_size=61"),
    ({"eval_size": 0}, ValueError, "eval_size=0"),
    ({"dtype": np.int64}, TypeError, "dtype="),
    ({"dataset": "mnist"}, TypeError, "dataset, of type str, must be a Dataset"),
    ({"on_results": 3}, TypeError, "on_results=3 must be a function"),
    ({"where": "seed"}, TypeError, "where='seed' must be a function"),
    ({"where": lambda at: None}, ValueError, "where: it leaves no point of the grid"),
    ({"where": lambda at: at["sed"]}, KeyError, "sed"),
    ({"progress": 1}, TypeError, "progress=1 must be True"),
    ({"file": Path(__file__).parent}, IsADirectoryError, "name a file in it"),
    ({"file": Path(__file__) / "no" / "rows.csv"}, FileNotFoundError, "there is no folder"),
    ({"file": b"rows.csv"}, TypeError, "bytes"),
]


@pytest.mark.parametrize(("changed", "error", "message"), WRONG)
def test_what_makes_no_sense_is_refused_by_name_and_before_any_work(
    tmp_path, monkeypatch, changed, error, message
):
    sizes, file = trained(monkeypatch), tmp_path / "rows.csv"
    with pytest.raises(error, match=message):
        swept(**{"axes": {"width": 5}, "file": file} | changed)
    assert sizes == []
    assert not file.exists() or len(lines(file)) == 1


# ---------------------------------------------------- networks, optimizers, and grids with holes


NETWORKS = {"plain": MLP, "batch norm": BATCH, "residual": BRANCHES, "fixed": fixed}
OPTIMIZERS = {"SGD": SGD, "warm": warm, "Adam": Adam}
MADE = SMALL | {"network": NETWORKS, "optimizer": OPTIMIZERS, "seed": [0, 1]}


@pytest.fixture(scope="module")
def made():
    return swept(MADE)


def test_each_row_is_what_its_own_network_does_alone_with_its_own_optimizer(made):
    assert [(row["network"], row["optimizer"], row["seed"]) for row in rows_of(made)] == list(
        itertools.product(NETWORKS, OPTIMIZERS, [0, 1])
    )
    for row in rows_of(made):
        makers = {"optimizer": OPTIMIZERS[row["optimizer"]], "network": NETWORKS[row["network"]]}
        expected = alone(row, init.he_normal(), **makers)
        np.testing.assert_allclose([row[name] for name in NUMBERS], expected, rtol=1e-8)
    # (All that Fixup makes guess the same at first.)
    assert len(set(made["final_loss"].tolist())) == 24


def test_networks_and_optimizers_go_to_other_processes(made):
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert_same(swept(MADE | {"seed": 1}), where(made, seed=1))


def test_what_has_a_name_of_its_own_needs_no_other():
    def plain(sizes, **settings):
        return MLP(sizes, **settings)

    found = swept({"width": 5, "network": [MLP, plain, BranchesOfOne], "optimizer": [SGD, warm]})
    assert found["network"].tolist() == [*["MLP"] * 2, *["plain"] * 2, *["BranchesOfOne"] * 2]
    assert found["optimizer"].tolist() == ["SGD", "warm"] * 3
    assert_same(found.loc[:1, list(FOUND)], found.loc[2:3, list(FOUND)])
    leaky = [leaky_relu_with(0.2), leaky_relu_with(0.2 + 1e-9)]
    found = swept({"activation": leaky, "width": 5}, steps=1)
    assert found["activation"].tolist() == ["leaky_relu(0.2)", "leaky_relu(0.200000001)"]


def test_the_optimizer_beside_an_axis_of_them_is_not_looked_at(made):
    axes = MADE | {"seed": 0, "network": {"residual": BRANCHES}, "optimizer": {"Adam": Adam}}
    chosen = where(made, seed=0, network="residual", optimizer="Adam")
    assert_same(swept(axes, optimizer="whatever"), chosen)


def test_holes_of_a_grid_are_not_trained_and_need_not_even_be_possible(made, monkeypatch):
    def picky(sizes, **settings):
        assert settings["rng"] is not None
        raise ValueError("not like this")

    def only(at):
        seen.append(tuple(at.values()))
        return (at["network"] == "fixed") == (at["optimizer"] == "Adam") and at["seed"] == 1

    sizes, seen, axes = trained(monkeypatch), [], MADE | {"network": NETWORKS | {"picky": picky}}
    found = swept(axes, where=lambda at: at["network"] != "picky" and only(at))
    assert sum(sizes) == len(found) == 7
    assert seen == list(itertools.product([5], [3], [0.1], NETWORKS, OPTIMIZERS, [0, 1]))
    assert_same(found, made[made["fingerprint"].isin(found["fingerprint"]) & (made["seed"] == 1)])
    with pytest.raises(ValueError, match="not like this"):
        swept(axes)


@pytest.mark.parametrize(
    ("axes", "shown"),
    [
        ({"initializer": [init.he_normal()]}, [{"initializer": "he_normal()"}]),
        ({"initializer": {"mine": init.he_normal()}}, [{"initializer": "mine"}]),
        ({"activation": ["relu", tanh]}, [{"activation": "relu"}, {"activation": "tanh"}]),
        (
            {"std": [0.0, 0.1], "learning_rate": 1},
            [{"std": 0.0, "learning_rate": 1.0}, {"std": 0.1, "learning_rate": 1.0}],
        ),
    ],
)
def test_a_point_is_shown_by_values_and_names(axes, shown):
    seen = []
    swept(axes | {"width": np.array([5])}, steps=1, where=lambda at: seen.append(at) or True)
    assert seen == [at | {"width": 5} for at in shown]
