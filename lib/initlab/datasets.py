"""Where the examples come from: Gaussian noise, MNIST, MNIST's file format, and OpenML.

The network is accessed in one place only, ``load_openml``, to download the data set that the caller
named. Nothing is ever unpickled.
"""

import gzip
import hashlib
import io
import re
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from initlab._engine import checks
from initlab._engine.types import DTypeLike, FloatArray, IntArray, Rng

Batches: TypeAlias = Iterator[tuple[Any, Any]]  # pairs of inputs and targets

ARRAYS = "x_train", "y_train", "x_test", "y_test"
MNIST_SHA256 = "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training examples and test examples.

    Everything is checked on construction, and the arrays become read-only views: don't change the
    originals afterwards.

    Attributes
    ----------
    x_train, x_test : array of float, shapes (train examples, features), (test examples, features)
        Finite, and in [0, 1] if loaded by this module.
    y_train, y_test : array of int, shapes (train examples,), (test examples,)
        The class of each example, counted from 0. For regression, arrays of float of shape
        (examples, outputs).
    name : str
    num_classes : int
        One more than the largest label; 0 for regression.
    """

    x_train: FloatArray
    y_train: IntArray | FloatArray
    x_test: FloatArray
    y_test: IntArray | FloatArray
    name: str = "data"
    num_classes: int = field(init=False)

    def __post_init__(self) -> None:
        """Raise an error if an array is invalid, or the arrays don't fit each other."""
        features = np.shape(self.x_train)[-1]
        for part in ("train", "test"):
            x_name, y_name = f"x_{part}", f"y_{part}"
            x = checks.float_array(x_name, getattr(self, x_name))
            y = np.asarray(getattr(self, y_name))
            if x.ndim != 2 or y.shape[:1] != x.shape[:1] or x.shape[1] != features:
                raise ValueError(
                    f"{self.name}: {x_name} of shape {x.shape} and {y_name} of shape {y.shape} "
                    f"don't fit; expected (examples, {features}) and (examples,)"
                )
            checks.check_finite(x_name, x)
            if y.dtype.kind == "f" and y.ndim > 1:
                checks.check_finite(y_name, checks.float_array(y_name, y))
            elif checks.integer_labels(y_name, y).ndim > 1:
                raise ValueError(
                    f"{y_name} has shape {y.shape}; expected one label for each example; "
                    "for one-hot rows, take their argmax(axis=-1) first"
                )
            for name, array in ((x_name, x), (y_name, y)):
                view = array.view()
                view.flags.writeable = False
                object.__setattr__(self, name, view)
        if self.y_train.shape[1:] != self.y_test.shape[1:]:
            raise ValueError(f"{self.name}: y_train and y_test must be alike, labels or floats")
        labels = [self.y_train, self.y_test] if self.y_train.ndim == 1 else []
        most = max((int(y.max(initial=0)) for y in labels), default=-1)
        object.__setattr__(self, "num_classes", most + 1)

    def __getattribute__(self, name: str) -> Any:
        """Hand out arrays as views: what is done to the shape of one changes no other."""
        value = super().__getattribute__(name)
        return value.view() if isinstance(value, np.ndarray) else value

    @cached_property
    def fingerprint(self) -> str:
        """A text that differs for data sets that differ in any number, whatever their names."""
        arrays = self.x_train, self.y_train, self.x_test, self.y_test
        digest = hashlib.sha256()
        for array in map(np.ascontiguousarray, arrays):
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(array.data)
        return digest.hexdigest()[:16]

    def __reduce__(self) -> Any:
        """Pickle and copy as ordinary arrays, which are checked again on reconstruction."""
        arrays = self.x_train, self.y_train, self.x_test, self.y_test
        return Dataset, (*map(np.asarray, arrays), self.name)

    def __repr__(self) -> str:
        """Return the name and the sizes, not the arrays."""
        return (
            f"Dataset({self.name!r}: {len(self.x_train)} to train, {len(self.x_test)} to test, "
            f"{self.x_train.shape[1]} features, {self.num_classes} classes)"
        )


def gaussian_inputs(
    count: int, features: int, *, rng: Rng, dtype: DTypeLike = np.float64
) -> FloatArray:
    """Return standard normal examples, shape (count, features).

    The article uses 1000 rows of 100 features.
    """
    shape = checks.whole_number("count", count), checks.whole_number("features", features)
    drawn = checks.generator(rng).standard_normal(shape)
    return drawn.astype(checks.float_dtype(dtype), copy=False)


def minibatches(x: Any, y: Any, *, batch_size: int, steps: int, rng: Rng) -> Batches:
    """Yield ``steps`` minibatches; every example is used once before any is used again.

    Parameters
    ----------
    x : array, shape (examples, features)
    y : array, shape (examples, ...)
    batch_size : int
        At most the number of examples. A batch may span the end of one pass over the data and the
        beginning of the next, so that all batches have the same size.
    steps : int
        At least 1.
    rng : numpy.random.Generator
        Reshuffles the examples for every pass.

    Yields
    ------
    x_batch : array, shape (batch_size, features)
    y_batch : array, shape (batch_size, ...)
    """
    batch_size = checks.whole_number("batch_size", batch_size)
    steps = checks.whole_number("steps", steps)
    checks.generator(rng)
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} examples, but y has {len(y)}")
    if batch_size > len(x):
        raise ValueError(f"batch_size={batch_size} is larger than the data, {len(x)} examples")
    return _shuffled_passes(np.asarray(x), np.asarray(y), batch_size, steps, rng)


def skip_minibatches(count: int, *, batch_size: int, steps: int, rng: Rng) -> None:
    """Advance a generator as ``minibatches`` would in ``steps`` steps over ``count`` examples."""
    for _ in range(-(-steps * batch_size // count)):
        rng.permutation(count)


def _shuffled_passes(x: Any, y: Any, batch_size: int, steps: int, rng: Rng) -> Batches:
    waiting = np.empty(0, dtype=np.intp)
    for _ in range(steps):
        if len(waiting) < batch_size:
            waiting = np.concatenate([waiting, rng.permutation(len(x))])
        chosen, waiting = waiting[:batch_size], waiting[batch_size:]
        yield x[chosen], y[chosen]


# ---------------------------------------------------------------------------------------- MNIST


def load_mnist(path: str | PathLike[str] | None = None) -> Dataset:
    """Return MNIST: 60,000 handwritten digits for training and 10,000 for testing.

    The file is read once, and the arrays are shared between calls; to change one, take a
    ``.copy()``.

    Parameters
    ----------
    path : path-like, optional
        The location of ``mnist.npz``; by default, the copy shipped with this project.

    Returns
    -------
    Dataset
        784 features (28 x 28 pixels, row by row) in [0, 1], 10 classes.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If the file is not byte for byte the one shipped with this project.

    Notes
    -----
    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits"; CC BY-SA 3.0.

    Examples
    --------
    >>> mnist = load_mnist()
    >>> mnist
    Dataset('MNIST': 60000 to train, 10000 to test, 784 features, 10 classes)
    >>> mnist.x_train.shape, mnist.y_train[:5]
    ((60000, 784), array([5, 0, 4, 1, 9]))
    """
    with _mnist_lock:
        return _read_mnist(_mnist_path() if path is None else Path(path).resolve())


_mnist_lock = threading.Lock()


@cache
def _read_mnist(path: Path) -> Dataset:
    restore = "restore it with `git checkout -- data/mnist.npz`, or install initlab again"
    if not path.is_file():
        raise FileNotFoundError(f"MNIST is missing: there is no file {path}; {restore}")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != MNIST_SHA256:
        raise ValueError(f"MNIST is truncated or altered: {path} has another SHA-256; {restore}")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return _from_pixels("MNIST", *(arrays[name] for name in ARRAYS))


def _mnist_path() -> Path:
    room = Path(__file__).resolve()
    checkout = room.parents[2]
    inside = (checkout / "pyproject.toml").is_file()  # if not, the data were installed with initlab
    return (checkout if inside else room.parent) / "data" / "mnist.npz"


def _from_pixels(name: str, x_train: Any, y_train: Any, x_test: Any, y_test: Any) -> Dataset:
    def scaled(pixels: Any) -> FloatArray:
        x: FloatArray = pixels.reshape(len(pixels), -1).astype(np.float32)
        x /= 255  # in place: 60,000 images are 188 MB
        return x

    return Dataset(
        scaled(x_train), y_train.astype(np.int64), scaled(x_test), y_test.astype(np.int64), name
    )


# ---------------------------------------------------------------------- MNIST's file format, IDX

_IDX_TYPES = {b"\0\0\x08": ">u1", b"\0\0\x09": ">i1", b"\0\0\x0b": ">i2", b"\0\0\x0c": ">i4"}


def load_idx(folder: str | PathLike[str]) -> Dataset:
    """Read a data set distributed as four IDX files, like MNIST, Fashion-MNIST and KMNIST.

    Parameters
    ----------
    folder : path-like
        The folder with training images, training labels, test images and test labels, e.g.
        ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
        ``t10k-labels-idx1-ubyte``; each may be gzipped (``.gz``).

    Returns
    -------
    Dataset
        Named after the folder, with pixels divided by 255.

    Raises
    ------
    FileNotFoundError
        If the folder or one of the four files is missing.
    ValueError
        If a file is damaged or not in IDX format, or if the four don't fit each other.

    Notes
    -----
    Source of the format: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
    """
    folder = Path(folder)
    x_train, x_test = (_read_idx(folder, f"{part}-images") for part in ("train", "t10k"))
    y_train, y_test = (_read_idx(folder, f"{part}-labels") for part in ("train", "t10k"))
    if x_train.dtype != np.uint8 or x_test.dtype != np.uint8:
        raise ValueError(f"{folder}: images must be unsigned bytes, as pixels are divided by 255")
    return _from_pixels(folder.resolve().name, x_train, y_train, x_test, y_test)


def _read_idx(folder: Path, stem: str) -> Any:
    path = _find_idx(folder, stem)
    content = path.read_bytes()
    try:
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        dtype, dimensions = _IDX_TYPES[content[:3]], content[3]
        start = 4 + 4 * dimensions
        shape = np.frombuffer(content[4:start], dtype=">u4")
        return np.frombuffer(content, dtype, offset=start).reshape(shape)
    except (LookupError, ValueError, EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path} is not an IDX file, or is damaged ({error})") from error


def _find_idx(folder: Path, stem: str) -> Path:
    pattern = re.compile(
        rf"(.*-)?{stem.replace('t10k', '(t10k|test)')}[-.]idx\d-\w+(\.gz)?", re.IGNORECASE
    )
    found = sorted(
        path for path in folder.iterdir() if path.is_file() and pattern.fullmatch(path.name)
    )
    # A file may be there both unpacked and gzipped, but a folder must not hold two data sets.
    names = sorted({path.name.removesuffix(".gz") for path in found})
    if not names:
        raise FileNotFoundError(f"{folder} has no file {stem}-idx*-ubyte, or the same with .gz")
    if len(names) > 1:
        raise ValueError(f"{folder} has more than one of {stem}: {', '.join(names)}; keep one")
    return found[0]


# -------------------------------------------------------------------------------------- OpenML


def load_openml(
    name: str,
    *,
    version: int | str = "active",
    test_size: float = 1 / 7,
    data_home: str | PathLike[str] | None = None,
    rng: Rng | None = None,
) -> Dataset:
    """Download a data set from openml.org by name, or read it from scikit-learn's cache.

    Parameters
    ----------
    name : str
        The name as OpenML spells it, e.g. "mnist_784", "Fashion-MNIST", "Kuzushiji-MNIST".
    version : int or "active"
    test_size : float
        The fraction of the examples held out for testing, above 0 and below 1. The default holds
        out 10,000 of the 70,000 examples of MNIST and its relatives.
    data_home : path-like, optional
        scikit-learn's cache folder; by default ``~/scikit_learn_data``.
    rng : numpy.random.Generator, optional
        Shuffles the examples before they are split; needed for data sorted by class. Without it
        the last examples form the test set, as in the published split of MNIST and its relatives.

    Returns
    -------
    Dataset
        Features scaled to [0, 1] by one common range; labels numbered in sorted order.

    Raises
    ------
    URLError
        If OpenML cannot be reached and the data set is not in the cache.
    ValueError
        If OpenML has no such data set, if its features are not all numbers or some are missing, or
        if its targets are not classes.

    Notes
    -----
    Source: Vanschoren, van Rijn, Bischl, Torgo (2013), "OpenML: networked science in machine
    learning"; fetched by ``sklearn.datasets.fetch_openml``.
    """
    test_size = checks.finite_number("test_size", test_size, above=0, below=1)
    from sklearn.datasets import fetch_openml  # slow to import, and rarely needed

    fetched = fetch_openml(
        name, version=version, as_frame=False, data_home=data_home, parser="liac-arff"
    )
    x, y = fetched.data, np.asarray(fetched.target)
    x = x.toarray() if hasattr(x, "toarray") else x  # mostly-zero data come as a sparse matrix
    if x.dtype.kind not in "fiu" or y.ndim != 1 or y.dtype.kind == "f":
        raise ValueError(f"name={name!r}: features must be numbers, and targets classes")
    order = np.arange(len(x)) if rng is None else checks.generator(rng).permutation(len(x))
    split = len(x) - round(test_size * len(x))
    if split in (0, len(x)):
        raise ValueError(f"test_size={test_size} leaves one part of {len(x)} examples empty")
    low, high = x.min(), x.max()
    x = ((x[order] - low) / max(high - low, np.finfo(np.float32).tiny)).astype(np.float32)
    y = _class_numbers(y)[order]
    return Dataset(x[:split], y[:split], x[split:], y[split:], name)


def _class_numbers(targets: Any) -> IntArray:
    try:
        targets = targets.astype(np.int64)  # so that "10" sorts after "9"
    except (TypeError, ValueError):
        targets = targets.astype(str)
    return np.unique(targets, return_inverse=True)[1].astype(np.int64)
