import csv
import functools
import itertools
import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pytest

from initlab import initializers as init
from initlab import training
from initlab.activations import leaky_relu_with, relu, tanh
from initlab.datasets import Dataset
from initlab.experiments.sweeps import ASKED, COLUMNS, FOUND, Table, read_sweep, sweep
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


def assert_same(table, other):
    assert list(table) == list(other)
    for name in table:
        if table[name].dtype.kind == "f":
            np.testing.assert_allclose(table[name], other[name], rtol=1e-12, atol=1e-12)
        else:
            np.testing.assert_array_equal(table[name], other[name])


# ----------------------------------------------------------------------------------- the numbers


def alone(row, initializer, bias_init=None, optimizer=SGD, network=MLP):
    """Train the network of a row by hand."""
    data = examples()
    net = network(
        [4, *[row["width"]] * row["depth"], 3],
        activation=row["activation"],
        weight_init=initializer,
        bias_init=bias_init,
        rng=np.random.default_rng([row["seed"], 0]),
    )
    history = train(
        net,
        data,
        optimizer=optimizer(row["learning_rate"]),
        steps=25,
        batch_size=16,
        rng=np.random.default_rng([row["seed"], 1]),
    )
    ends = evaluate(net, data.x_train, data.y_train), evaluate(net, data.x_test, data.y_test)
    return [history.loss[0], history.loss[-20:].mean(), *ends[0], *ends[1]]


NUMBERS = [name for name in FOUND if name != "diverged_at"]


def test_each_row_is_what_its_network_does_alone(table):
    recipes = {repr(recipe): recipe for recipe in GRID["initializer"]}
    for row in table.rows():
        expected = alone(row, recipes[row["initializer"]])
        np.testing.assert_allclose([row[name] for name in NUMBERS], expected, rtol=1e-10)
        assert row["diverged_at"] == -1
    assert len(set(table["final_loss"].tolist())) == 32


def test_biases_and_the_optimizer_are_those_that_were_asked_for():
    bias_init, optimizer = init.normal(0.3), functools.partial(SGD, momentum=0.9)
    for kind in (Adam, optimizer):
        found = swept({"width": 5, "seed": [3]}, bias_init=bias_init, optimizer=kind)
        (row,) = found.rows()
        expected = alone(row, init.he_normal(), bias_init, kind)
        np.testing.assert_allclose([row[name] for name in NUMBERS], expected, rtol=1e-10)
        assert row["optimizer"].startswith(type(kind(0.01)).__name__ + "(")
        assert row["bias"] == "normal(std=0.3)"


def test_rows_come_in_the_order_of_the_grid_the_last_axis_fastest(table):
    points = itertools.product(
        ["he_normal()", "xavier_uniform()"], ["relu", "tanh"], [1, 3], [6], [0.1, 0.3], [0, 1]
    )
    columns = ("initializer", "activation", "depth", "width", "learning_rate", "seed")
    assert [tuple(row[name] for name in columns) for row in table.rows()] == list(points)


def test_axes_that_are_not_named_stand_at_the_articles_network():
    (row,) = swept({"seed": 5}, steps=1).rows()
    assert (row["initializer"], row["activation"]) == ("he_normal()", "relu")
    assert (row["depth"], row["width"], row["learning_rate"], row["seed"]) == (4, 100, 0.01, 5)
    assert (row["steps"], row["batch_size"], row["dtype"]) == (1, 16, "float64")
    assert row["dataset"].startswith("clouds ")


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
    chosen = table.where(seed=1, depth=3, initializer="xavier_uniform()")
    assert len(chosen["seed"]) == 4
    assert_same(part, chosen)


def test_a_network_that_diverges_has_its_row_and_disturbs_no_other():
    found = swept({"std": [0.5, 1e200], "width": 5, "depth": 2, "activation": "identity"})
    fine, gone = found.rows()
    assert fine["diverged_at"] == -1
    assert np.isfinite(fine["final_loss"])
    assert gone["diverged_at"] == 0
    assert math.isnan(gone["final_loss"])
    assert gone["test_accuracy"] == 0


def test_networks_are_eval_size_as_many_examples_as_asked_for():
    data = examples()
    found = swept({"width": 5}, steps=1, eval_size=7)
    all_of_them = swept({"width": 5}, steps=1)
    few = Dataset(data.x_train, data.y_train, data.x_test[:7], data.y_test[:7])
    np.testing.assert_allclose(found["test_loss"], swept({"width": 5}, few, steps=1)["test_loss"])
    assert found["test_loss"] != all_of_them["test_loss"]
    # With a rate of 0 training changes nothing, so that the data can be cut.
    still = {"width": 5, "learning_rate": 0.0}
    short = Dataset(data.x_train[:20], data.y_train[:20], data.x_test, data.y_test)
    np.testing.assert_allclose(
        swept(still, eval_size=20)["train_loss"], swept(still, short)["train_loss"]
    )
    assert swept(still, eval_size=20)["train_loss"] != swept(still)["train_loss"]
    assert all_of_them["eval_size"] == [60]  # more there are not


def test_single_precision_is_what_trains_by_default():
    found = sweep({"width": 5}, examples(), steps=2, batch_size=16, progress=False)
    assert found["dtype"].tolist() == ["float32"]
    assert found["first_loss"] != swept({"width": 5}, steps=2)["first_loss"]
    np.testing.assert_allclose(
        found["first_loss"], swept({"width": 5}, steps=2)["first_loss"], 1e-5
    )


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
    assert_same(swept(GRID | {"depth": 1}, file=file), table.where(depth=1))
    assert sum(sizes) == 16
    assert_same(swept(file=file), table)
    assert sum(sizes) == 32
    assert_same(swept(file=file), table)
    assert_same(swept(GRID | {"seed": 1}, file=str(file)), table.where(seed=1))
    assert sum(sizes) == 32
    assert len(lines(file)) == len(set(lines(file))) == 33


def test_the_file_is_a_plain_table_and_holds_every_digit(tmp_path, table):
    file = tmp_path / "rows.csv"
    swept(file=file)
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert list(rows[0]) == list(COLUMNS)
    found = read_sweep(file)
    order = np.lexsort([found[name] for name in ("seed", "learning_rate", "depth", "activation")])
    other = np.lexsort([table[name] for name in ("seed", "learning_rate", "depth", "activation")])
    for name in ("test_loss", "final_loss"):
        assert sorted(found[name].tolist()) == sorted(swept(file=file)[name].tolist())
        np.testing.assert_allclose(np.sort(found[name][order]), np.sort(table[name][other]))


@pytest.mark.parametrize(
    "changed",
    [
        {"steps": 24},
        {"batch_size": 15},
        {"dtype": np.float32},
        {"optimizer": Adam},
        {"bias_init": init.normal(0.1)},
        {"eval_size": 9},
        {"dataset": examples(seed=2)},
        {"dataset": examples(name="others")},
        {"axes": {"width": 5, "seed": [0, 1], "initializer": init.he_uniform()}},
        {"axes": {"width": 5, "seed": [0, 1], "activation": leaky_relu_with(0.1)}},
        {"axes": {"width": 5, "seed": [0, 1], "learning_rate": 0.02}},
        {"axes": {"width": 5, "seed": [2, 3]}},
    ],
    ids=lambda changed: " ".join(changed),
)
def test_rows_of_another_sweep_are_kept_and_not_taken_for_ours(tmp_path, changed, monkeypatch):
    file, sizes = tmp_path / "rows.csv", trained(monkeypatch)
    axes = {"width": 5, "seed": [0, 1]}
    first = swept(axes, file=file)
    other = swept(**{"axes": axes} | changed, file=file)
    assert sum(sizes) == 4
    assert len(lines(file)) == 5
    assert other.rows() != first.rows()
    assert_same(swept(axes, file=file), first)
    assert sum(sizes) == 4


def without(columns):
    """Return an initializer that leaves some neurons without weights."""

    def draw(rng, shape, dtype):
        weights = init.he_normal()(rng, shape, dtype)
        weights[:, :columns] = 0
        return weights

    return draw


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (init.normal(0.1234567), init.normal(0.12345671)),
        (init.constant(0.1234567), init.constant(0.12345671)),
        ({"mine": init.he_normal()}, {"mine": init.he_uniform()}),
        (
            {"mine": init.variance_scaling(1, "fan_in")},
            {"mine": init.variance_scaling(1, "fan_out")},
        ),
        ({"mine": without(1)}, {"mine": without(2)}),
    ],
    ids=["std", "constant", "name", "fan", "mask"],
)
def test_starts_of_one_name_that_draw_something_else_are_told_apart(tmp_path, one, other):
    file = tmp_path / "rows.csv"
    found = [swept({"width": 5, "initializer": start}, file=file) for start in (one, other)]
    assert found[0]["initializer"] == found[1]["initializer"]
    assert len(lines(file)) == 3


class Half(SGD):
    """Half the steps; it prints as its parent does."""

    def step(self, parameters, gradients):
        super().step(parameters, [gradient / 2 for gradient in gradients])


def test_optimizers_that_print_alike_are_told_apart(tmp_path, monkeypatch):
    file, sizes = tmp_path / "rows.csv", trained(monkeypatch)
    for optimizer in (
        SGD,
        Half,
        functools.partial(SGD, momentum=0.9),
        functools.partial(SGD, momentum=0.9000004),
        functools.partial(Adam, beta1=0.5),
        functools.partial(Adam, beta1=0.5000001),
    ):
        swept({"width": 5}, file=file, optimizer=optimizer)
    assert sum(sizes) == 6
    swept({"width": 5}, file=file, optimizer=functools.partial(SGD, momentum=0.9))
    assert sum(sizes) == 6


def test_an_initializer_may_be_called_like_an_activation():
    found = swept({"initializer": {"relu": init.he_normal()}, "activation": "relu", "width": 5})
    assert found["initializer"].tolist() == found["activation"].tolist() == ["relu"]


def test_activations_that_print_alike_are_told_apart(tmp_path, monkeypatch):
    file, sizes = tmp_path / "rows.csv", trained(monkeypatch)
    for slope in (0.2, 0.2000001):
        swept({"width": 5, "activation": leaky_relu_with(slope)}, file=file)
    assert sum(sizes) == 2


@pytest.mark.parametrize("part", ["x_train", "y_train", "x_test", "y_test"])
def test_data_of_which_a_part_is_other_are_other_data(tmp_path, part, monkeypatch):
    file, sizes, data = tmp_path / "rows.csv", trained(monkeypatch), examples()
    swept({"width": 5}, data, file=file)
    parts = {name: getattr(data, name) for name in ("x_train", "y_train", "x_test", "y_test")}
    parts[part] = parts[part].copy()
    parts[part][3] = 1 if part[0] == "x" else (parts[part][3] + 1) % 3
    swept({"width": 5}, Dataset(**parts, name="clouds"), file=file)
    assert sum(sizes) == 2


def test_a_function_for_the_biases_has_the_same_name_in_the_next_process(tmp_path, monkeypatch):
    file, sizes = tmp_path / "rows.csv", trained(monkeypatch)
    for value in (0.0, 0.0, 1.0):
        swept(
            {"width": 5},
            file=file,
            bias_init=lambda rng, shape, dtype, value=value: np.full(shape, value, dtype),
        )
    assert sum(sizes) == 2
    assert " at 0x" not in file.read_text(encoding="utf-8")


class StoppedError(Exception):
    """Somebody pulls the plug."""


def test_a_sweep_that_was_stopped_goes_on_where_it_was(tmp_path, table, monkeypatch):
    file, seen = tmp_path / "rows.csv", []

    def stop(rows):
        seen.append(rows)
        assert len(lines(file)) == 1 + sum(map(len, seen))  # kept before anybody hears of them
        if len(seen) == 2:
            raise StoppedError

    # One at a time, so that none is in flight, and nothing runs on.
    with joblib.parallel_config(n_jobs=1), pytest.raises(StoppedError):
        swept(file=file, on_results=stop)
    kept = lines(file)
    assert len(kept) == 1 + sum(map(len, seen)) < 33
    sizes = trained(monkeypatch)
    assert_same(swept(file=file), table)
    assert sum(sizes) == 33 - len(kept)
    assert lines(file)[: len(kept)] == kept
    assert len(set(lines(file))) == len(lines(file)) == 33


def test_after_an_error_nothing_runs_on(monkeypatch):
    original, begun = training._run_steps, []

    def counting(*arguments, **named):
        begun.append(1)
        return original(*arguments, **named)

    def stop(rows):
        raise StoppedError

    monkeypatch.setattr(training, "_run_steps", counting)
    with joblib.parallel_config(n_jobs=2), pytest.raises(StoppedError) as held:
        swept(GRID | {"seed": range(30)}, on_results=stop)
    time.sleep(0.5)  # what was in flight may end
    so_far = len(begun)
    time.sleep(0.5)
    assert len(begun) == so_far < 240
    assert held.value is not None  # the error keeps all that was underway alive


KILLED = """
import sys
sys.path.insert(0, sys.argv[2])
import test_sweeps

def tell(rows):
    print(len(rows), flush=True)

if __name__ == "__main__":
    grid = test_sweeps.GRID | {"seed": range(12)}
    test_sweeps.swept(grid, file=sys.argv[1], on_results=tell, steps=60)
"""


def test_a_sweep_that_is_killed_loses_at_most_what_was_in_flight(tmp_path, monkeypatch):
    file, program = tmp_path / "rows.csv", tmp_path / "program.py"
    program.write_text(KILLED, encoding="utf-8")
    told = 0
    with subprocess.Popen(
        [sys.executable, str(program), str(file), str(Path(__file__).parent)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout:
            told += int(line)
            if told >= 20:
                process.kill()
                break
        told += sum(map(int, process.stdout.read().split()))
    kept = lines(file)
    assert 20 <= told <= len(kept) - 1 < 192
    grid, sizes = GRID | {"seed": range(12)}, trained(monkeypatch)
    found = swept(grid, file=file, steps=60)
    assert sum(sizes) == 193 - len(kept)
    assert len(set(lines(file))) == len(lines(file)) == 193
    assert len(found["seed"]) == 192


def test_the_file_is_replaced_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "rows.csv"
    swept({"width": 5}, file=file)
    before = file.read_bytes()

    def full(descriptor):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        swept({"width": 6}, file=file)
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.csv"]
    monkeypatch.undo()
    assert len(swept({"width": [5, 6]}, file=file)["width"]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.csv"]


def test_a_file_of_something_else_is_left_alone(tmp_path, monkeypatch):
    sizes = trained(monkeypatch)
    file = tmp_path / "letter.txt"
    for content in (b"Dear reader,\n", b"\n", b"initializer,std\n", b"\x89PNG\xff\xfe"):
        file.write_bytes(content)
        for use in (lambda: swept(file=file), lambda: read_sweep(file)):
            with pytest.raises(ValueError, match=r"letter\.txt.*not a file of such rows"):
                use()
        assert file.read_bytes() == content
    assert sizes == []
    file.write_bytes(b"")  # there is nothing in it that could be lost
    swept({"width": 5}, file=file)
    assert len(lines(file)) == 2


def test_a_damaged_line_is_named(tmp_path):
    file = tmp_path / "rows.csv"
    swept({"width": [5, 6]}, file=file)
    good = lines(file)
    number = good[2].replace("float64,", "float64,x") + "\n"
    for damaged in (good[2][:-30] + "\n", number, good[2][:-1], good[2] + ",1\n"):
        file.write_text("\n".join([*good[:2], damaged]), encoding="utf-8")
        with pytest.raises(ValueError, match=r"line 3 is damaged .*; remove it"):
            swept({"width": [5, 6]}, file=file)


def test_what_a_spreadsheet_does_to_the_file_does_no_harm(tmp_path, monkeypatch):
    file = tmp_path / "rows.csv"
    first = swept({"width": [5, 6]}, file=file)
    header, *rows = lines(file)
    text = "\r\n".join([header, "", *reversed(rows), "", ""])
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    sizes = trained(monkeypatch)
    assert_same(swept({"width": [5, 6]}, file=file), first)
    assert sizes == []


def test_a_link_to_the_file_stays_one(tmp_path):
    link, target = tmp_path / "link.csv", tmp_path / "target.csv"
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("no links here")
    swept({"width": 5}, file=link)
    assert link.is_symlink()
    assert len(lines(target)) == 2


def test_two_sweeps_do_not_write_one_file_at_a_time(tmp_path):
    file, said = tmp_path / "rows.csv", []

    def meanwhile(rows):
        with pytest.raises(BlockingIOError, match=r"rows\.csv.*another sweep is writing it"):
            swept({"width": 6}, file=file)
        swept({"width": 6}, file=tmp_path / "other.csv")
        said.append(len(lines(file)))

    swept({"width": 5}, file=file, on_results=meanwhile)
    assert said == [2]
    assert len(swept({"width": 6}, file=file)["width"]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.csv", "rows.csv"]


def test_a_file_that_cannot_be_is_refused_before_anything_is_trained(tmp_path, monkeypatch):
    sizes = trained(monkeypatch)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        swept(file=tmp_path / "no such folder" / "rows.csv")
    with pytest.raises(FileExistsError, match="that is no file; name another"):
        swept(file=tmp_path)
    for wrong in (3, "", True, b"rows.csv"):
        with pytest.raises(TypeError, match="must be a path"):
            swept(file=wrong)
    with pytest.raises(FileNotFoundError):
        read_sweep(tmp_path / "nowhere.csv")
    assert sizes == []


# ------------------------------------------------------------------------------------ on the way


def test_a_bar_says_how_much_is_missing_and_how_long_it_takes(tmp_path, capsys):
    file = tmp_path / "rows.csv"
    swept({"width": [5, 6]}, file=file)
    assert capsys.readouterr() == ("", "")
    swept({"width": [5, 6, 7, 8, 9]}, file=file, progress=True)
    shown = capsys.readouterr()
    assert "3 of 5 networks" in shown.out
    assert "left" in shown.out
    assert shown.err == ""
    swept({"width": [5, 6, 7, 8, 9]}, file=file, progress=True)
    assert capsys.readouterr() == ("", "")


def test_rows_are_handed_over_as_they_are_finished(table):
    seen = []
    found = swept(on_results=lambda rows: seen.append((threading.get_ident(), rows)))
    assert {ident for ident, _ in seen} == {threading.get_ident()}
    rows = [row for _, rows in seen for row in rows]
    assert sorted(row["final_loss"] for row in rows) == sorted(found["final_loss"].tolist())
    assert list(rows[0]) == list(COLUMNS)
    assert len(seen) > 4


# -------------------------------------------------------------------------------------- the table


def test_a_table_is_plain_columns(table):
    assert isinstance(table, dict)
    assert list(table) == [*ASKED, *FOUND]
    for name, column in table.items():
        assert column.shape == (32,)
        assert column.dtype.kind == {str: "U", int: "i", float: "f"}[COLUMNS[name]], name
    row = table.rows()[5]
    assert {type(value) for value in row.values()} == {str, int, float}
    assert row["final_loss"] == table["final_loss"][5]


def test_a_grid_of_a_column_has_an_axis_for_each_name_and_one_for_the_rest(table):
    grid = table.grid("final_loss", "depth", "initializer")
    assert grid.shape == (2, 2, 8)
    for i, depth in enumerate([1, 3]):
        for j, name in enumerate(["he_normal()", "xavier_uniform()"]):
            chosen = table.where(depth=depth, initializer=name)["final_loss"]
            np.testing.assert_array_equal(grid[i, j], chosen)
    assert table.grid("seed").shape == (32,)
    holes = Table({name: column[:-1] for name, column in table.items()})
    with pytest.raises(ValueError, match=r"there are 7 rows of \(3, 1\), and 8 of others"):
        holes.grid("final_loss", "depth", "seed")
    with pytest.raises(ValueError, match="one of them is there twice"):
        table.grid("final_loss", "depth", "depth")
    with pytest.raises(ValueError, match="did you mean 'depth'"):
        table.grid("final_loss", "depht")
    with pytest.raises(ValueError, match="no such column"):
        table.where(nothing=1)


def test_in_print_a_table_shows_what_varies_and_what_was_found(table):
    shown = repr(table.where(seed=0, depth=1)).splitlines()
    asked = ["initializer", "std", "activation", "learning_rate"]
    assert shown[0].split() == [*asked, *NUMBERS]
    assert len(shown) == 9
    assert len({len(line) for line in shown}) == 1
    assert repr(table).splitlines()[-1] == "... and 2 more rows"
    one_rate = repr(table.where(learning_rate=0.1, seed=0)).splitlines()
    assert one_rate[0].split() == ["initializer", "std", "activation", "depth", *NUMBERS]
    alone = table.where(learning_rate=0.1, seed=0, depth=1, initializer="he_normal()")
    one_row = repr(alone.where(activation="relu")).splitlines()
    assert one_row[0].split() == ["std", "learning_rate", *NUMBERS]
    assert len(one_row) == 2
    assert repr(Table({"seed": np.array([1, 2])})).split() == ["seed", "1", "2"]


def test_rows_are_chosen_by_values_lists_of_them_and_what_the_values_stand_for(table):
    assert len(table.where(seed=[0, 1])["seed"]) == 32
    assert len(table.where(learning_rate=[0.3, 7.0], depth=(3,))["seed"]) == 8
    chosen = table.where(initializer=init.xavier_uniform(), activation=tanh)
    assert set(chosen["initializer"]) == {"xavier_uniform()"}
    assert set(chosen["activation"]) == {"tanh"}
    assert len(chosen["seed"]) == 8
    assert len(table.where(depth=2)["seed"]) == 0


def test_a_std_that_is_not_known_is_a_value_of_a_grid_like_any_other():
    axes = {"initializer": {"ones": lambda rng, shape, dtype: np.ones(shape, dtype)}, "width": 5}
    assert swept(axes | {"seed": [0, 1]}).grid("final_loss", "std", "seed").shape == (1, 2, 1)


# ----------------------------------------------------------------------------------- bad requests

WRONG = [
    ({"axes": [1, 2]}, TypeError, "axes=.* must be a dict"),
    ({"axes": {"seed": 2**63}}, ValueError, "axes\\['seed'\\]=9223372036854775808 must be a"),
    ({"axes": {"seed": {"a": 1}}}, TypeError, "must be a list; only initializers have names"),
    ({"axes": {"initializer": {"a\rb": init.zeros()}}}, TypeError, "is no name"),
    ({"axes": {"initializer": {"\udc80": init.zeros()}}}, TypeError, "is no name"),
    ({"axes": {"initializer": {1: init.zeros()}}}, TypeError, "is no name"),
    (
        {"axes": {"initializer": [init.normal(0.1), init.normal(0.1000000001)]}},
        ValueError,
        r"two are called normal\(std=0.1\); give initializers names",
    ),
    (
        {"axes": {"activation": [leaky_relu_with(0.2), leaky_relu_with(0.2)]}},
        ValueError,
        r"called leaky_relu\(0.2\)|is there twice",
    ),
    (
        {"axes": {"initializer": {"flat": lambda rng, shape, dtype: np.zeros(3)}}},
        ValueError,
        r"initializer flat returned shape \(3,\) instead of \(4, 100\)",
    ),
    ({"bias_init": init.zeros}, TypeError, "bias_init=zeros: call it first"),
    ({"bias_init": lambda rng, shape, dtype: 0.0}, ValueError, r"bias_init returned shape \(\)"),
    ({"axes": {"dept": 3}}, ValueError, "axis='dept': no such axis; did you mean 'depth'?"),
    ({"axes": {"depth": []}}, ValueError, "axes\\['depth'\\] must hold at least one value"),
    ({"axes": {"initializer": {}}}, ValueError, "must hold at least one value"),
    ({"axes": {"depth": 0}}, ValueError, "each of axes\\['depth'\\]=0"),
    ({"axes": {"width": [5, 2.5]}}, TypeError, "axes\\['width'\\]=2.5 must be a whole number"),
    ({"axes": {"seed": -1}}, ValueError, "axes\\['seed'\\]=-1"),
    ({"axes": {"std": [0.1, -1]}}, ValueError, "axes\\['std'\\]=-1"),
    ({"axes": {"std": "0.1"}}, TypeError, "axes\\['std'\\]='0.1'"),
    ({"axes": {"learning_rate": math.nan}}, ValueError, "axes\\['learning_rate'\\]=nan"),
    ({"axes": {"activation": "relux"}}, ValueError, "did you mean 'relu'"),
    ({"axes": {"activation": 3}}, TypeError, "activation=3"),
    ({"axes": {"initializer": "he_normal"}}, TypeError, "='he_normal' must be an init"),
    ({"axes": {"initializer": init.he_normal}}, TypeError, "he_normal: call it first"),
    ({"axes": {"initializer": [lambda rng, shape, dtype: 0]}}, TypeError, "give it a name"),
    ({"axes": {"initializer": [None]}}, TypeError, "=None must be an initializer"),
    ({"axes": {"std": 1, "initializer": init.zeros()}}, ValueError, "std is that of Gaussian"),
    ({"axes": {"seed": [1, 2, 1]}}, ValueError, "is there twice"),
    ({"axes": {"activation": ["relu", relu]}}, ValueError, "is there twice"),
    ({"steps": 0}, ValueError, "steps=0"),
    ({"batch_size": 61}, ValueError, "batch_size=61"),
    ({"eval_size": 0}, ValueError, "eval_size=0"),
    ({"optimizer": SGD(0.1)}, TypeError, "optimizer=SGD\\(0.1\\).*the rate is an axis"),
    ({"optimizer": lambda rate: rate}, TypeError, "expected an optimizer"),
    ({"bias_init": 0.1}, TypeError, "bias_init=0.1 must be an initializer"),
    ({"dtype": np.int64}, TypeError, "dtype="),
    ({"dataset": "mnist"}, TypeError, "dataset, of type str, must be a Dataset"),
    ({"on_results": 3}, TypeError, "on_results=3"),
    ({"progress": "bar"}, TypeError, "progress='bar' must be True"),
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

BATCH = functools.partial(MLP, normalization=BatchNorm)
BRANCHES = functools.partial(MLP, residual_block_size=2)


def fixed(sizes, **settings):
    return fixup(MLP(sizes, residual_block_size=2, **settings))


def warm(learning_rate):
    return WarmUp(SGD(learning_rate, momentum=0.5), steps=7)


NETWORKS = {"plain": MLP, "batch norm": BATCH, "residual": BRANCHES, "fixed": fixed}
OPTIMIZERS = {"SGD": SGD, "warm": warm, "Adam": Adam}
SMALL = {"width": 5, "depth": 3, "learning_rate": 0.1}
MADE = SMALL | {"network": NETWORKS, "optimizer": OPTIMIZERS, "seed": [0, 1]}


@pytest.fixture(scope="module")
def made():
    return swept(MADE)


def test_each_row_is_what_its_own_network_does_alone_with_its_own_optimizer(made):
    assert [(row["network"], row["optimizer"], row["seed"]) for row in made.rows()] == list(
        itertools.product(NETWORKS, OPTIMIZERS, [0, 1])
    )
    for row in made.rows():
        makers = {"optimizer": OPTIMIZERS[row["optimizer"]], "network": NETWORKS[row["network"]]}
        expected = alone(row, init.he_normal(), **makers)
        np.testing.assert_allclose([row[name] for name in NUMBERS], expected, rtol=1e-8)
    # (All that Fixup makes guess the same at first.)
    assert len(set(made["final_loss"].tolist())) == 24


def test_networks_and_optimizers_go_to_other_processes(made):
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert_same(swept(MADE | {"seed": 1}), made.where(seed=1))


def test_rows_of_networks_and_optimizers_are_kept_and_found_again(tmp_path, made, monkeypatch):
    file, sizes = tmp_path / "rows.csv", trained(monkeypatch)
    swept(MADE | {"network": {"fixed": fixed}}, file=file)
    assert sum(sizes) == 6
    assert_same(swept(MADE, file=file), made)
    assert_same(swept(MADE, file=file), made)
    assert sum(sizes) == 24
    assert set(read_sweep(file)["network"]) == set(NETWORKS)


def test_one_network_and_one_optimizer_need_no_names():
    (row,) = swept({"width": 5, "network": MLP, "optimizer": SGD}).rows()
    (other,) = swept({"width": 5}).rows()
    assert (row["network"], row["optimizer"]) == ("MLP", "SGD")
    assert (other["network"], other["optimizer"]) == ("MLP", "SGD(momentum=0.0)")
    assert [row[name] for name in FOUND] == [other[name] for name in FOUND]


def test_the_optimizer_beside_an_axis_of_them_is_not_looked_at(made):
    axes = MADE | {"seed": 0, "network": {"residual": BRANCHES}, "optimizer": {"Adam": Adam}}
    chosen = made.where(seed=0, network="residual", optimizer="Adam")
    assert_same(swept(axes, optimizer="whatever"), chosen)


class Eager(MLP):
    """Prints as its parent does, but starts at twice the weights."""

    def __init__(self, sizes, **settings):
        super().__init__(sizes, **settings)
        for layer in self.dense[1:2]:
            layer.weight *= 2


@pytest.mark.parametrize(
    ("axis", "one", "other"),
    [
        ("network", MLP, BRANCHES),
        ("network", BRANCHES, functools.partial(MLP, residual_block_size=1)),
        ("network", BATCH, functools.partial(MLP, normalization=LayerNorm)),
        ("network", MLP, Eager),
        ("network", BRANCHES, fixed),
        (
            "network",
            BATCH,
            functools.partial(MLP, normalization=functools.partial(BatchNorm, momentum=0.1000001)),
        ),
        (
            "network",
            functools.partial(MLP, normalization=functools.partial(BatchNorm, epsilon=1e-3)),
            functools.partial(
                MLP, normalization=functools.partial(BatchNorm, epsilon=1.0000001e-3)
            ),
        ),
        ("optimizer", SGD, Adam),
        ("optimizer", warm, lambda rate: WarmUp(SGD(rate, momentum=0.5), steps=8)),
        ("optimizer", warm, lambda rate: WarmUp(SGD(rate, momentum=0.6), steps=7)),
        ("optimizer", warm, lambda rate: WarmUp(Adam(rate), steps=7)),
        ("optimizer", warm, functools.partial(SGD, momentum=0.5)),
    ],
)
def test_a_name_used_for_something_else_finds_no_old_row(tmp_path, monkeypatch, axis, one, other):
    file, sizes = tmp_path / "rows.csv", trained(monkeypatch)
    first, second = (swept(SMALL | {axis: {"mine": make}}, file=file) for make in (one, other))
    assert sum(sizes) == 2
    assert first[axis].tolist() == second[axis].tolist() == ["mine"]
    for make, expected in ((one, first), (other, second)):
        assert_same(swept(SMALL | {axis: {"mine": make}}, file=file), expected)
    assert sum(sizes) == 2


def test_a_network_that_bears_the_name_of_another_is_not_taken_for_it(tmp_path, monkeypatch):
    file, sizes = tmp_path / "rows.csv", trained(monkeypatch)
    swept(SMALL, file=file)
    swept(SMALL | {"network": {"MLP": BATCH}}, file=file)
    assert sum(sizes) == 2


@pytest.mark.parametrize("where", ["argument", "axis"])
def test_warm_ups_of_different_length_are_different_rows(tmp_path, monkeypatch, where):
    file, sizes = tmp_path / "rows.csv", trained(monkeypatch)
    found = []
    for steps in (5, 6, 5):
        make = lambda rate, steps=steps: WarmUp(Adam(rate), steps)  # noqa: E731
        if where == "argument":
            found += swept(SMALL, file=file, optimizer=make).rows()
        else:
            found += swept(SMALL | {"optimizer": {"warm": make}}, file=file).rows()
    assert sum(sizes) == 2
    assert found[0] == found[2]
    assert found[0]["final_loss"] != found[1]["final_loss"]
    if where == "argument":
        assert "WarmUp(optimizer=Adam(beta1=0.9" in found[0]["optimizer"]
        assert "steps=5" in found[0]["optimizer"]


def test_holes_of_a_grid_are_not_trained(made, tmp_path, monkeypatch):
    sizes, seen = trained(monkeypatch), []

    def only(at):
        seen.append(at)
        return (at["network"] == "fixed") == (at["optimizer"] == "Adam") and at["seed"] == 1

    found = swept(MADE, where=only)
    assert sum(sizes) == len(found["seed"]) == 7
    points = list(itertools.product([5], [3], [0.1], NETWORKS, OPTIMIZERS, [0, 1]))
    assert [tuple(at.values()) for at in seen] == points
    assert {tuple(at) for at in seen} == {tuple(MADE)}
    names = [(row["network"], row["optimizer"]) for row in found.rows()]
    assert names == [
        *itertools.product(["plain", "batch norm", "residual"], ["SGD", "warm"]),
        ("fixed", "Adam"),
    ]
    for row in found.rows():
        asked = {name: row[name] for name in ("network", "optimizer", "seed")}
        assert_same(
            Table({name: np.array([value]) for name, value in row.items()}), made.where(**asked)
        )


def test_a_point_is_shown_by_values_and_names():
    seen = []
    axes = {
        "initializer": [init.he_normal()],
        "activation": ["relu", tanh],
        "depth": 2,
        "width": np.array([5]),
        "learning_rate": 1,
    }
    swept(axes, steps=1, where=lambda at: seen.append(at) or True)
    expected = {"initializer": "he_normal()", "depth": 2, "width": 5, "learning_rate": 1.0}
    assert seen == [expected | {"activation": name} for name in ("relu", "tanh")]
    swept({"std": [0.0, 0.1], "width": 5}, steps=1, where=lambda at: seen.append(at) or True)
    assert seen[2:] == [{"std": 0.0, "width": 5}, {"std": 0.1, "width": 5}]
    axes = {"initializer": {"mine": init.he_normal()}, "width": 5}
    swept(axes, steps=1, where=lambda at: seen.append(at) or True)
    assert seen[4:] == [{"initializer": "mine", "width": 5}]


def test_points_that_are_left_out_may_not_even_be_possible():
    def picky(sizes, **settings):
        assert len(set(sizes[1:-1])) == 1
        if settings["activation"] is tanh:
            raise ValueError("not with tanh")
        return MLP(sizes, **settings)

    axes = {"network": {"plain": MLP, "picky": picky}, "activation": ["relu", "tanh"], "width": 5}
    with pytest.raises(ValueError, match="not with tanh"):
        swept(axes, steps=1)
    found = swept(
        axes, steps=1, where=lambda at: at["network"] == "plain" or at["activation"] != "tanh"
    )
    assert len(found["seed"]) == 3


def two(sizes, **settings):
    return MLP.stack([MLP(sizes, **settings)] * 2)


WRONG_MAKERS = [
    ({"axes": {"network": {"a": lambda sizes, **s: "net"}}}, ValueError, "network a made 'net' of"),
    (
        {"axes": {"width": 5, "network": {"a": lambda sizes, **s: MLP(sizes[:-1], **s)}}},
        ValueError,
        r"network a made MLP\(4-5-5-5, .* of sizes \[4, 5, 5, 5, 3\]; expected an MLP of them",
    ),
    ({"axes": {"network": {"a": two}}}, ValueError, r"network a made 2 x MLP\("),
    ({"axes": {"network": "MLP"}}, TypeError, r"\['network'\]='MLP' must be a dict of names and"),
    ({"axes": {"network": [MLP]}}, TypeError, r"\['network'\]=\[.* must be a dict of names and"),
    ({"axes": {"network": BATCH}}, TypeError, r"\['network'\]=functools.* must be a dict of nam"),
    ({"axes": {"network": {}}}, TypeError, r"\['network'\]={} must be a dict of names"),
    ({"axes": {"network": {"a": 3}}}, TypeError, r"\['network'\]\['a'\]=3 must be what makes a"),
    ({"axes": {"network": {"": MLP}}}, TypeError, "'' is no name"),
    ({"axes": {"network": {1: MLP}}}, TypeError, "1 is no name"),
    ({"axes": {"network": {"a\nb": MLP}}}, TypeError, r"'a\\nb' is no name"),
    ({"axes": {"optimizer": Adam}}, TypeError, r"\['optimizer'\]=<class.* must be a dict"),
    ({"axes": {"optimizer": {"a": SGD(0.1)}}}, TypeError, r"\['a'\]=SGD\(0\.1\) must be what ma"),
    (
        {"axes": {"optimizer": {"a": lambda rate: 3}}},
        TypeError,
        "it makes 3; expected an optimizer",
    ),
    ({"where": "seed"}, TypeError, "where='seed' must be a function of a dict of axes to values"),
    ({"where": lambda at: False}, ValueError, "where: it leaves no point of the grid"),
    ({"where": lambda at: None}, ValueError, "where: it leaves no point of the grid"),
    ({"where": lambda at: at["sed"]}, KeyError, "sed"),
]


@pytest.mark.parametrize(("changed", "error", "message"), WRONG_MAKERS)
def test_what_makes_nothing_is_refused_by_name_and_before_any_work(
    tmp_path, monkeypatch, changed, error, message
):
    sizes, file = trained(monkeypatch), tmp_path / "rows.csv"
    with pytest.raises(error, match=message):
        swept(**{"axes": {"width": 5}, "file": file} | changed)
    assert sizes == []
    assert not file.exists() or len(lines(file)) == 1


def test_leaky_relus_whose_slopes_are_equal_to_six_digits_are_two():
    found = swept({"activation": [leaky_relu_with(0.2), leaky_relu_with(0.2 + 1e-9)]}, steps=1)
    assert found["activation"].tolist() == ["leaky_relu(0.2)", "leaky_relu(0.200000001)"]
