"""Are the examples the ones they should be, and does a damaged file say so?"""

import copy
import gzip
import hashlib
import pickle
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from initlab import (
    MLP,
    SGD,
    Dataset,
    datasets,
    gaussian_inputs,
    load_idx,
    load_mnist,
    load_openml,
    train,
    train_together,
    training,
)
from initlab.datasets import minibatches
from initlab.initializers import he_normal

MNIST_FILE = Path(__file__).resolve().parents[1] / "data" / "mnist.npz"

# No clock, and the same examples every time.
steadily = settings(deadline=None, derandomize=True, max_examples=60)


def generator(seed):
    return np.random.default_rng(seed)


# ---------------------------------------------------------------------------------------- MNIST


def pixels(x):
    """Return the bytes that x was scaled from, and check that they give x exactly."""
    raw = np.rint(x * 255)
    assert (raw.astype(np.float32) / np.float32(255) == x).all()
    assert raw.max() <= 255
    return raw.astype(np.uint8)


def as_idx(array, code=0x08):
    """Return the array as the content of an IDX file, by default one of unsigned bytes."""
    header = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + (array.astype(np.uint8) if code == 0x08 else array).tobytes()


@pytest.mark.parametrize(
    ("part", "sha256"),
    # The checksums of the four published files, train-images-idx3-ubyte and so on, unpacked.
    [
        ("x_train", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        ("y_train", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        ("x_test", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        ("y_test", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ],
)
def test_mnist_is_byte_for_byte_the_published_one(mnist, part, sha256):
    array = getattr(mnist, part)
    assert array.dtype == (np.float32 if part.startswith("x") else np.int64)
    array = pixels(array).reshape(-1, 28, 28) if part.startswith("x") else array
    assert hashlib.sha256(as_idx(array)).hexdigest() == sha256
    assert (mnist.name, mnist.num_classes) == ("MNIST", 10)


@pytest.mark.parametrize(
    ("module", "data"),
    [
        ("lib/initlab/datasets.py", "data/mnist.npz"),
        ("site-packages/initlab/datasets.py", "site-packages/initlab/data/mnist.npz"),
    ],
    ids=["in a checkout", "installed"],
)
def test_mnist_lies_where_the_package_lies(tmp_path, monkeypatch, module, data):
    monkeypatch.setattr(datasets, "__file__", str(tmp_path / module))
    if module.startswith("lib"):
        (tmp_path / "pyproject.toml").write_text("")
    file = tmp_path / data
    with pytest.raises(FileNotFoundError, match=r"git checkout -- data/mnist.*install") as caught:
        load_mnist()
    assert f"MNIST is missing: there is no file {file.resolve()}" in str(caught.value)
    file.mkdir(parents=True)  # a folder is no file
    with pytest.raises(FileNotFoundError, match="MNIST is missing"):
        load_mnist()


def test_a_damaged_mnist_is_refused_and_left_alone(tmp_path):
    file, content = tmp_path / "mnist.npz", bytearray(MNIST_FILE.read_bytes())
    content[5_000_000] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"MNIST is truncated or altered: {file}")):
        load_mnist(file)
    assert file.read_bytes() == content


class Intruder:
    """What is unpickled runs code: this one leaves a file behind."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_nothing_is_unpickled_even_from_a_file_that_passes_the_checksum(tmp_path, monkeypatch):
    file, mark = tmp_path / "mnist.npz", tmp_path / "mark"
    np.savez(file, x_train=np.array([Intruder(mark)], dtype=object))
    content = file.read_bytes()
    monkeypatch.setattr(datasets, "MNIST_SHA256", hashlib.sha256(content).hexdigest())
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load_mnist(file)
    assert not mark.exists()


# ------------------------------------------------------------------------------------------ IDX

NAMES = {
    "as published": ("train", "t10k", "-idx"),
    "with a dot": ("train", "t10k", ".idx"),
    "as EMNIST": ("emnist-digits-train", "emnist-digits-test", "-idx"),
    "capitals": ("Train", "T10K", "-IDX"),
}
SMALL = {
    "x_train": np.random.default_rng(0).integers(256, size=(7, 4, 3), dtype=np.uint8),
    "y_train": np.array([0, 1, 2, 2, 1, 0, 3], dtype=np.uint8),
    "x_test": np.random.default_rng(1).integers(256, size=(5, 4, 3), dtype=np.uint8),
    "y_test": np.array([3, 3, 0, 1, 2], dtype=np.uint8),
}


def write_idx(folder, arrays, *, names="as published", gzipped=False):
    """Write the four files and return their paths, by the names of the arrays."""
    train, test, idx = NAMES[names]
    folder.mkdir(exist_ok=True)
    paths = {}
    for key, array in arrays.items():
        kind = "images" if key[0] == "x" else "labels"
        stem = train if key.endswith("train") else test
        digit = 3 if kind == "images" else 1
        path = folder / f"{stem}-{kind}{idx}{digit}-ubyte{'.gz' if gzipped else ''}"
        content = as_idx(array)
        path.write_bytes(gzip.compress(content) if gzipped else content)
        paths[key] = path
    return paths


def assert_same(dataset, arrays):
    for key, array in arrays.items():
        found = getattr(dataset, key)
        if key[0] == "x":
            expected = array.reshape(len(array), -1).astype(np.float32) / np.float32(255)
            assert found.dtype == np.float32
        else:
            expected = array
            assert found.dtype == np.int64
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("gzipped", [False, True])
@pytest.mark.parametrize("names", NAMES)
def test_idx_files_give_the_arrays_that_were_written(tmp_path, monkeypatch, names, gzipped):
    folder = tmp_path / "little digits"
    paths = write_idx(folder, SMALL, names=names, gzipped=gzipped)
    stray = paths["x_train"].name
    (folder / (stray.removesuffix(".gz") if gzipped else f"{stray}.gz")).mkdir()  # no file
    monkeypatch.chdir(folder)
    for way_to_say_it in (folder, str(folder), "."):
        dataset = load_idx(way_to_say_it)
        assert_same(dataset, SMALL)
        assert dataset.name == "little digits"
        assert dataset.num_classes == 4


def test_a_file_may_be_there_gzipped_as_well_but_not_two_data_sets(tmp_path):
    write_idx(tmp_path, SMALL)
    write_idx(tmp_path, SMALL, gzipped=True)
    (tmp_path / "README.md").write_text("nothing to read here", encoding="utf-8")
    assert_same(load_idx(tmp_path), SMALL)
    write_idx(tmp_path, SMALL, names="as EMNIST")
    both = "emnist-digits-train-images-idx3-ubyte, train-images-idx3-ubyte"
    with pytest.raises(ValueError, match=f"more than one of train-images: {both}"):
        load_idx(tmp_path)


@pytest.mark.parametrize(
    ("code", "dtype"), [(0x08, ">u1"), (0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4")]
)
def test_labels_may_be_whole_numbers_of_any_size(tmp_path, code, dtype):
    labels = np.array([0, 1, 100, 2, 1, 0, 3]).astype(dtype)
    write_idx(tmp_path, SMALL)["y_train"].write_bytes(as_idx(labels, code))
    np.testing.assert_array_equal(load_idx(tmp_path).y_train, labels)


@pytest.mark.parametrize("key", ["x_train", "y_test"])
@pytest.mark.parametrize("gzipped", [False, True])
def test_a_truncated_file_is_refused_naming_it_wherever_it_was_cut(tmp_path, key, gzipped):
    path = write_idx(tmp_path, SMALL, gzipped=gzipped)[key]
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=re.escape(f"{path} is not an IDX file")):
            load_idx(tmp_path)


def with_byte(place, value):
    return lambda content: content[:place] + value + content[place:][len(value) :]


@pytest.mark.parametrize(
    ("gzipped", "damage"),
    [
        (False, lambda content: content + b"\0"),
        *((False, with_byte(0, start)) for start in (b"\0\0\x07\x03", b"\0\1\x08\x03", b"\x89PNG")),
        (True, with_byte(11, b"\xff")),
        (True, lambda content: content[:-6] + bytes([content[-6] ^ 0xFF]) + content[-5:]),
    ],
)
def test_a_file_that_is_damaged_or_no_idx_is_refused_naming_it(tmp_path, gzipped, damage):
    path = write_idx(tmp_path, SMALL, gzipped=gzipped)["x_train"]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=re.escape(f"{path} is not an IDX file")):
        load_idx(tmp_path)


@pytest.mark.parametrize(("key", "stem"), [("x_train", "train-images"), ("y_test", "t10k-labels")])
def test_what_is_missing_is_named(tmp_path, key, stem):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_idx(tmp_path / "nowhere")
    write_idx(tmp_path, SMALL)[key].unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(f"{tmp_path} has no file {stem}-idx")):
        load_idx(tmp_path)


@pytest.mark.parametrize(
    ("key", "code", "array", "message"),
    [
        ("x_train", 0x0D, np.zeros((7, 4, 3), ">f4"), "not an IDX file"),
        ("x_train", 0x09, np.zeros((7, 4, 3), ">i1"), "images must be unsigned bytes"),
        ("y_train", 0x0E, np.zeros(7, ">f8"), "not an IDX file"),
        ("y_train", 0x0B, np.arange(-1, 6).astype(">i2"), "y_train holds -1, but classes are"),
    ],
)
def test_files_that_hold_the_wrong_numbers_are_refused(tmp_path, key, code, array, message):
    write_idx(tmp_path, SMALL)[key].write_bytes(as_idx(array, code))
    with pytest.raises(ValueError, match=message):
        load_idx(tmp_path)


# --------------------------------------------------------------------------------------- OpenML


@pytest.fixture
def openml(monkeypatch):
    """Return a function that sets what the next fetch gives; calls are kept in its ``calls``."""
    from sklearn.utils import Bunch

    def answer(data, target):
        def fetch(name, **settings):
            answer.calls.append((name, settings))
            return Bunch(data=data, target=target)

        monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)

    answer.calls = []
    return answer


def digits(count, *, seed=0):
    """Return what OpenML gives for MNIST: float64 pixels, and the classes as strings."""
    rng = np.random.default_rng(seed)
    data = rng.integers(256, size=(count, 12)).astype(np.float64)
    data[0, 0], data[0, 1] = 0, 255
    return data, (np.arange(count) % 10).astype(str).astype(object)


def everything(dataset):
    """Return all examples and all their classes."""
    x = np.concatenate([dataset.x_train, dataset.x_test])
    return x, np.concatenate([dataset.y_train, dataset.y_test])


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_matrix])
def test_openml_is_asked_for_what_was_named_and_its_data_split_in_order(openml, tmp_path, kind):
    data, target = digits(70)
    openml(kind(data), target)
    dataset = load_openml("little_784", version=1, data_home=tmp_path)
    ((name, settings),) = openml.calls
    assert name == dataset.name == "little_784"
    assert {"version": 1, "data_home": tmp_path, "as_frame": False}.items() <= settings.items()
    assert (len(dataset.x_train), len(dataset.x_test)) == (60, 10)
    x, y = everything(dataset)
    assert (x.dtype, y.dtype) == (np.float32, np.int64)
    np.testing.assert_allclose(x, data / 255, rtol=1e-6)
    assert (y == np.arange(70) % 10).all()


@pytest.mark.parametrize(("test_size", "tested"), [(0.5, 35), (0.99, 69), (0.01, 1)])
def test_the_caller_says_how_much_is_kept_for_testing(openml, test_size, tested):
    openml(*digits(70))
    dataset = load_openml("d", test_size=test_size)
    assert (len(dataset.x_train), len(dataset.x_test)) == (70 - tested, tested)
    for leaving_none in (0.001, 0.999):
        with pytest.raises(ValueError, match="leaves one part of 70 examples empty"):
            load_openml("d", test_size=leaving_none)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ([str(k) for k in range(12)] * 2, [*range(12)] * 2),  # "10" comes after "9"
        (["cat", "dog", "ant"] * 8, [1, 2, 0] * 8),
        ([5, 7, 9] * 8, [0, 1, 2] * 8),
        (["-1", "1"] * 12, [0, 1] * 12),
    ],
)
def test_classes_are_numbered_in_sorted_order(openml, target, expected):
    for kind in (None, object):
        openml(digits(24)[0], np.array(target, dtype=kind))
        _, y = everything(load_openml("d"))
        assert y.tolist() == expected
        assert y.dtype == np.int64


def test_features_are_scaled_by_one_range_for_all(openml):
    for data, expected in (
        ([[-5.0, 0.0], [5.0, 15.0]], [[0, 0.25], [0.5, 1]]),
        ([[1e9, 1e9 + 0.25], [1e9 + 0.5, 1e9 + 1]], [[0, 0.25], [0.5, 1]]),
        ([[7.0, 7.0], [7.0, 7.0]], np.zeros((2, 2))),
    ):
        openml(np.array(data * 7), np.array(["a", "b"] * 7))
        np.testing.assert_allclose(load_openml("d").x_train[:2], expected, rtol=1e-6)


def test_with_a_generator_the_examples_are_shuffled_together_with_their_classes(openml):
    target = np.repeat(np.arange(10), 7)
    data = np.repeat(target[:, np.newaxis], 2, axis=1).astype(np.float64)
    data[:, 1] = np.arange(70)
    openml(data, target.astype(str))
    shuffled, again = (load_openml("d", rng=generator(0)) for _ in range(2))
    x, y = everything(shuffled)
    np.testing.assert_allclose(x[:, 0] * 69, y, atol=1e-4)
    assert sorted(np.rint(x[:, 1] * 69).astype(int)) == list(range(70))
    assert len(set(shuffled.y_test)) > 2  # sorted by class, the last ten hold two classes only
    assert (again.x_train == shuffled.x_train).all()


GOOD_X, GOOD_Y = digits(14)


@pytest.mark.parametrize(
    ("data", "target", "message"),
    [
        (np.where(GOOD_X == 0, np.nan, GOOD_X), GOOD_Y, "x_train holds NaN"),
        (GOOD_X.astype(object), GOOD_Y, "name='d': .*features .* numbers"),
        (GOOD_X.astype(str), GOOD_Y, "features .* numbers"),
        (GOOD_X, np.linspace(0, 1, 14), "name='d': .*targets .*classes"),
        (GOOD_X, None, "targets .*classes"),
        (GOOD_X, np.zeros((14, 2), dtype=int), "targets .*classes"),
    ],
)
def test_what_is_no_classification_of_numbers_is_refused(openml, data, target, message):
    openml(data, target)
    with pytest.raises(ValueError, match=message):
        load_openml("d")


# ---------------------------------------------------------------------------------- minibatches


@steadily
@given(count=st.integers(1, 30), batch_size=st.integers(1, 30), steps=st.integers(1, 40))
def test_every_example_comes_once_before_any_comes_again(count, batch_size, steps):
    batch_size = min(count, batch_size)
    x, y, rng = np.arange(2 * count).reshape(count, 2) / 8, np.arange(count), generator(3)
    found = list(minibatches(x, y, batch_size=batch_size, steps=steps, rng=rng))
    assert len(found) == steps
    for x_batch, y_batch in found:
        assert (x_batch == x[y_batch]).all()
        assert len(y_batch) == batch_size
    stream = np.concatenate([y_batch for _, y_batch in found])
    own = generator(3)
    for start in range(0, len(stream), count):  # a permutation for each pass, and no other draw
        expected = own.permutation(count)
        assert stream[start : start + count].tolist() == expected[: len(stream) - start].tolist()
    assert rng.bit_generator.state == own.bit_generator.state
    skipped = generator(3)
    datasets.skip_minibatches(count, batch_size=batch_size, steps=steps, rng=skipped)
    assert skipped.bit_generator.state == rng.bit_generator.state


def test_batches_are_copies_with_the_precision_of_the_data():
    x, y = np.zeros((6, 2), dtype=np.float32), np.zeros((6, 3), dtype=np.uint8)
    for x_batch, y_batch in minibatches(x, y, batch_size=6, steps=2, rng=generator(0)):
        assert (x_batch.dtype, y_batch.dtype) == (np.float32, np.uint8)
        assert y_batch.shape == (6, 3)
        x_batch += 1
    assert not x.any()


RIGHT = {
    load_openml: {"name": "d"},
    minibatches: {"x": np.zeros((10, 2)), "y": np.zeros(10), "batch_size": 5, "steps": 1},
    gaussian_inputs: {"count": 2, "features": 3},
}


@pytest.mark.parametrize(
    ("door", "wrong", "error", "message"),
    [
        (load_openml, {"test_size": 0}, ValueError, "test_size=0 must be a finite number above 0"),
        (load_openml, {"test_size": 1}, ValueError, "test_size=1 must be .* above 0 and below 1"),
        (load_openml, {"rng": 0}, TypeError, "rng=0 must be a numpy"),
        (minibatches, {"batch_size": 11}, ValueError, "batch_size=11 is larger .* 10 examples"),
        (minibatches, {"batch_size": 2.0}, TypeError, r"batch_size=2\.0 must be a whole number"),
        (minibatches, {"steps": 0}, ValueError, "steps=0 must be a whole number of at least 1"),
        (minibatches, {"y": np.zeros(9)}, ValueError, "x has 10 examples, but y has 9"),
        (minibatches, {"rng": 0}, TypeError, "rng=0 must be a numpy"),
        (gaussian_inputs, {"count": 0}, ValueError, "count=0 must be a whole number of at least 1"),
        (gaussian_inputs, {"features": 2.0}, TypeError, r"features=2\.0 must be a whole number"),
        (gaussian_inputs, {"rng": None}, TypeError, "rng=None must be a numpy"),
        (gaussian_inputs, {"dtype": np.float16}, TypeError, r"dtype=.* must be np\.float32"),
    ],
)
def test_a_wrong_setting_is_refused_at_the_call(openml, door, wrong, error, message):
    openml(*digits(70))
    with pytest.raises(error, match=message):
        door(**{"rng": generator(0)} | RIGHT[door] | wrong)  # nothing is drawn


# ---------------------------------------------------------------------------- Gaussian and Dataset


@pytest.mark.parametrize("told", [{}, {"dtype": np.float32}, {"dtype": np.float64}], ids=str)
def test_gaussian_inputs_are_standard_normal(told):
    x = gaussian_inputs(1000, 100, rng=generator(0), **told)
    assert x.shape == (1000, 100)
    assert x.dtype == told.get("dtype", np.float64)
    assert stats.kstest(x[:, :20].ravel(), stats.norm.cdf).pvalue > 1e-3
    assert (x == generator(0).standard_normal((1000, 100)).astype(x.dtype)).all()


def small(**changed):
    parts = {
        "x_train": np.zeros((6, 4), np.float32),
        "y_train": np.array([0, 1, 2, 0, 1, 2]),
        "x_test": np.zeros((3, 4), np.float32),
        "y_test": np.array([0, 1, 2]),
    }
    return Dataset(**{**parts, **changed}, name="small")


def test_a_dataset_prints_its_sizes_and_counts_the_classes_of_all_its_labels():
    assert repr(small()) == "Dataset('small': 6 to train, 3 to test, 4 features, 3 classes)"
    assert small(x_test=[[0.0] * 4], y_test=[6]).num_classes == 7
    assert small(y_train=np.array([0, 1, 2, 0, 1, 9])).num_classes == 10
    assert small(y_train=np.zeros((6, 2)), y_test=np.zeros((3, 2))).num_classes == 0
    assert Dataset([[0.1, 0.2]], [0], [[0.3, 0.4]], [1]).num_classes == 2


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"y_train": np.zeros(5, int)}, ValueError, r"small: x_train of shape \(6, 4\) and .*\(5,"),
        ({"y_test": np.zeros(4, int)}, ValueError, r"small: x_test of shape \(3, 4\) and .*\(4,\)"),
        ({"x_test": np.zeros((3, 5))}, ValueError, r"x_test of shape \(3, 5\).*\(examples, 4\)"),
        ({"x_train": np.zeros((6, 2, 2))}, ValueError, r"x_train of shape \(6, 2, 2\)"),
        ({"x_train": np.zeros(6)}, ValueError, r"x_train of shape \(6,\)"),
        ({"x_test": np.zeros((3, 4), np.uint8)}, TypeError, "x_test has dtype uint8.* / 255 for"),
        ({"x_train": np.full((6, 4), np.nan)}, ValueError, "x_train holds NaN or infinite"),
        ({"x_test": np.full((3, 4), -np.inf)}, ValueError, "x_test holds NaN or infinite"),
        ({"y_train": np.zeros(6)}, TypeError, "y_train has dtype float64, but integer class"),
        ({"y_test": np.array([0, -1, 2])}, ValueError, "y_test holds -1, but classes are numbered"),
        ({"y_train": np.eye(6, dtype=int)}, ValueError, r"y_train has shape \(6, 6\).* argmax"),
        ({"y_train": np.full((6, 2), np.nan)}, ValueError, "y_train holds NaN or infinite"),
        ({"y_test": np.zeros((3, 2))}, ValueError, "must be alike, labels or floats"),
    ],
)
def test_what_no_network_can_learn_from_is_refused_when_a_dataset_is_made(changed, error, message):
    with pytest.raises(error, match=message):
        small(**changed)


def test_examples_are_looked_at_once_and_not_at_each_training(monkeypatch):
    dataset, looked = small(), []
    monkeypatch.setattr(training.checks, "check_finite", lambda *_: looked.append(1))
    network = MLP([4, 3], activation="relu", weight_init=he_normal(), rng=generator(0))
    call = {"optimizer": SGD(0.1), "steps": 1, "batch_size": 2, "rng": generator(0)}
    train(network, dataset, **call)
    train_together([network], dataset, **call)
    assert looked == []


def test_a_dataset_is_read_only_and_the_callers_own_arrays_stay_writable():
    x = np.zeros((6, 4))
    dataset = small(x_train=x)
    for name in ("x_train", "y_train", "x_test", "y_test"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(dataset, name)[0] = 1
        getattr(dataset, name).shape = (-1, 1)
        assert getattr(dataset, name).shape == getattr(small(), name).shape
    x[0] = 1


def test_mnist_is_in_memory_once_from_wherever_it_is_asked_for(mnist, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_mnist() is mnist
    assert not mnist.x_train.flags.writeable
    assert load_mnist(str(MNIST_FILE)) is mnist
    (tmp_path / "link.npz").symlink_to(MNIST_FILE)
    assert load_mnist("link.npz") is mnist


def test_threads_that_ask_for_mnist_at_the_same_time_get_one(monkeypatch):
    datasets._read_mnist.cache_clear()
    together = threading.Barrier(3)

    def ask(_):
        together.wait()
        return load_mnist()

    with ThreadPoolExecutor(3) as pool:
        assert len({id(found) for found in pool.map(ask, range(3))}) == 1


@pytest.mark.parametrize("travel", [copy.deepcopy, lambda data: pickle.loads(pickle.dumps(data))])
def test_a_copy_of_a_dataset_is_checked_and_read_only_as_well(travel):
    dataset = travel(small())
    assert repr(dataset) == repr(small())
    np.testing.assert_array_equal(dataset.y_test, small().y_test)
    assert not dataset.x_train.flags.writeable
