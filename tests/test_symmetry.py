import math

import numpy as np
import pytest

from initlab.datasets import Dataset, minibatches
from initlab.experiments import Symmetry, break_symmetry

SEEDS = [4, 9]


def clouds(train=200, test=150, features=6, classes=3, seed=0):
    """Examples around three corners, features from 0 to 1."""
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=train + test)
    x = rng.uniform(0, 0.5, (train + test, features))
    x[np.arange(train + test), y] += 0.5
    return Dataset(x[:train], y[:train], x[train:], y[train:])


CLOUDS = clouds()


@pytest.fixture(scope="module")
def few_digits(mnist):
    return Dataset(mnist.x_train[:300], mnist.y_train[:300], mnist.x_test[:200], mnist.y_test[:200])


def by_hand(perturbation, data, seed, looks, *, hidden=30, weight=0.01, learning_rate=0.5):
    """Return (weights into the hidden layer, its activations, test loss) for each look."""
    rng = np.random.default_rng(seed)
    features, classes = data.x_train.shape[1], data.num_classes
    w = weight + perturbation * rng.standard_normal((features, hidden))
    v = np.full((hidden, classes), float(weight))
    b, c = np.zeros(hidden), np.zeros(classes)

    def forward(x):
        h = 1 / (1 + np.exp(-(x @ w + b)))
        odds = np.exp(h @ v + c)
        return h, odds / odds.sum(axis=1, keepdims=True)

    x_train, x_test = data.x_train.astype(float), data.x_test[:1000].astype(float)
    y_test = data.y_test[:1000]
    found, done = [], 0
    for look in looks:
        steps, done = look - done, look
        batches = minibatches(x_train, data.y_train, batch_size=128, steps=max(steps, 1), rng=rng)
        for x, y in batches if steps else ():
            h, p = forward(x)
            d = (p - np.eye(classes)[y]) / 128
            below = d @ v.T * h * (1 - h)
            v, c = v - learning_rate * h.T @ d, c - learning_rate * d.sum(axis=0)
            w, b = w - learning_rate * x.T @ below, b - learning_rate * below.sum(axis=0)
        h, p = forward(x_test)
        found.append((w, h, -np.log(p[np.arange(len(y_test)), y_test]).mean()))
    return found


def spread_of(w):
    # Variance between the neurons plus the mean neuron's own square is the mean square.
    return math.sqrt(w.var(axis=1).mean() / (w.var(axis=1) + w.mean(axis=1) ** 2).mean())


def assert_is_by_hand(found, k, expected):
    w, h, loss = zip(*expected, strict=True)
    np.testing.assert_allclose(found.difference[k], [spread_of(a) for a in w], rtol=1e-6, atol=1e-9)
    ranks = [np.linalg.matrix_rank(a, tol=1e-3 * np.linalg.norm(a, 2)) for a in h]
    np.testing.assert_array_equal(found.rank[k], ranks)
    np.testing.assert_allclose(found.loss[k], loss, rtol=1e-9)


@pytest.mark.parametrize("perturbation", [0, 1e-4, 0.03, 1.0])
def test_what_is_reported_is_what_a_network_trained_by_hand_shows(perturbation):
    found = break_symmetry(perturbation, CLOUDS, seeds=SEEDS, steps=90, every=30, learning_rate=2)
    assert isinstance(found, Symmetry)
    assert found.steps.tolist() == [0, 30, 60, 90]
    assert found.difference.shape == found.rank.shape == found.loss.shape == (2, 4)
    for k, seed in enumerate(SEEDS):
        expected = by_hand(perturbation, CLOUDS, seed, found.steps, learning_rate=2)
        assert_is_by_hand(found, k, expected)


def test_on_digits_the_rank_is_neither_one_nor_full_and_still_that_of_a_network_by_hand(few_digits):
    found = break_symmetry(0.004, few_digits, seeds=[1], steps=20, every=10, hidden=25)
    assert_is_by_hand(found, 0, by_hand(0.004, few_digits, 1, [0, 10, 20], hidden=25))
    assert np.all((found.rank > 1) & (found.rank < 25))
    assert found.rank.dtype.kind == "i"


@pytest.mark.parametrize(
    ("steps", "every", "looks"),
    [
        (6, 3, [0, 3, 6]),
        (7, 3, [0, 3, 6, 7]),
        (8, 3, [0, 3, 6, 8]),
        (2, 5, [0, 2]),
        (5, 5, [0, 5]),
        (3, 1, [0, 1, 2, 3]),
    ],
)
def test_the_last_look_is_after_the_last_step(steps, every, looks):
    found = break_symmetry(0.1, CLOUDS, seeds=SEEDS, steps=steps, every=every, hidden=4)
    assert found.steps.tolist() == looks
    for k, seed in enumerate(SEEDS):
        assert_is_by_hand(found, k, by_hand(0.1, CLOUDS, seed, looks, hidden=4))


def test_unless_told_otherwise_300_steps_are_looked_at_every_25():
    found = break_symmetry(0.01, CLOUDS, seeds=[0])
    told = break_symmetry(
        0.01, CLOUDS, seeds=[0], steps=300, every=25, hidden=30, weight=0.01, learning_rate=0.5
    )
    assert found.steps.tolist() == list(range(0, 301, 25))
    for part in ("difference", "rank", "loss"):
        assert getattr(found, part).tobytes() == getattr(told, part).tobytes()


# --------------------------------------------------------------------------------- at the start


def test_equal_neurons_differ_by_nothing_at_the_start():
    for weight in (0.01, -0.3, 7):
        found = break_symmetry(0, CLOUDS, seeds=[0], steps=1, every=1, weight=weight)
        assert found.difference[0, 0] == 0
        assert found.rank[0, 0] == 1


@pytest.mark.parametrize(
    ("perturbation", "weight", "expected"),
    [
        (1e-13, 0.01, 1e-11),
        (1e-5, 0.01, 1e-3),
        (0.02, 0.01, 2 / math.sqrt(5)),
        (1e-6, -2, 5e-7),
        (0.3, 0, 1),
    ],
)
def test_at_the_start_neurons_differ_by_perturbation_over_size(perturbation, weight, expected):
    data = clouds(features=400)
    found = break_symmetry(
        perturbation, data, seeds=[0, 1], steps=1, every=1, hidden=300, weight=weight
    )
    np.testing.assert_allclose(found.difference[:, 0], expected, rtol=0.01)


def test_before_training_all_classes_are_equally_likely_if_weights_are_equal():
    found = break_symmetry(0, CLOUDS, seeds=SEEDS, steps=1, every=1)
    np.testing.assert_allclose(found.loss[:, 0], math.log(3), rtol=1e-12)
    perturbed = break_symmetry(2.0, CLOUDS, seeds=SEEDS, steps=1, every=1)
    # The output weights are not perturbed: the classes still are alike.
    np.testing.assert_allclose(perturbed.loss[:, 0], math.log(3), rtol=1e-12)


def test_weights_of_zero_are_allowed_and_differ_by_nothing():
    found = break_symmetry(0, CLOUDS, seeds=SEEDS, steps=60, every=20, weight=0, learning_rate=2)
    np.testing.assert_array_equal(found.difference[:, 0], 0)
    assert found.difference.max() < 1e-9
    np.testing.assert_array_equal(found.rank, 1)
    for k, seed in enumerate(SEEDS):
        expected = by_hand(0, CLOUDS, seed, found.steps[1:], weight=0, learning_rate=2)
        np.testing.assert_allclose(found.loss[k, 1:], [loss for *_, loss in expected], rtol=1e-9)


# ------------------------------------------------------------------------------ through training


def test_equal_neurons_stay_equal_and_perturbed_ones_become_different(few_digits):
    call = {"seeds": [0, 1], "steps": 60, "every": 20, "hidden": 12}
    equal = break_symmetry(0, few_digits, **call)
    moved = break_symmetry(0.01, few_digits, **call)
    np.testing.assert_array_equal(equal.rank, 1)
    assert equal.difference.max() < 1e-9
    assert moved.rank[:, -1].min() > 3
    assert np.all(moved.difference[:, -1] > 0.05)
    # Equal neurons learn, too, but less.
    assert np.all(equal.loss[:, -1] < equal.loss[:, 0] - 0.02)
    assert np.all(moved.loss[:, -1] < equal.loss[:, -1])


def test_a_hair_grows_by_itself():
    found = break_symmetry(1e-6, CLOUDS, seeds=SEEDS, steps=400, every=400, learning_rate=5)
    assert np.all(found.difference[:, 1] > 10 * found.difference[:, 0])


def test_what_is_looked_at_are_the_first_thousand_test_images():
    data = clouds(test=1100)
    call = {"seeds": [0], "steps": 4, "every": 2, "hidden": 5}
    found = break_symmetry(0.2, data, **call)
    assert_is_by_hand(found, 0, by_hand(0.2, data, 0, [0, 2, 4], hidden=5))

    def with_other(rows):
        x = data.x_test.copy()
        x[rows] = 40.0
        other = Dataset(data.x_train, data.y_train, x, data.y_test)
        return break_symmetry(0.2, other, **call).loss

    np.testing.assert_array_equal(with_other(slice(1000, None)), found.loss)
    assert np.all(with_other(slice(999, 1000))[:, 1:] != found.loss[:, 1:])


@pytest.mark.parametrize("rate", [1e200, 1e308])
def test_of_neurons_whose_numbers_overflow_nothing_is_said(rate):
    with pytest.raises(ValueError, match=r"learning_rate=1e.*: the numbers overflow"):
        break_symmetry(0.1, CLOUDS, seeds=[0], steps=6, every=2, learning_rate=rate)


# -------------------------------------------------------------------------------------- the seeds


def test_same_seed_same_bits_whoever_else_runs():
    call = {"steps": 9, "every": 4, "hidden": 7}
    several = break_symmetry(0.1, CLOUDS, seeds=iter([5, 0, 3]), **call)
    for k, seed in enumerate((5, 0, 3)):
        alone = break_symmetry(0.1, CLOUDS, seeds=[seed], **call)
        for part in ("difference", "rank", "loss"):
            assert getattr(several, part)[k].tobytes() == getattr(alone, part)[0].tobytes()
    assert len({row.tobytes() for row in several.loss}) == 3
    assert len({row.tobytes() for row in several.difference}) == 3


def test_seeds_of_equal_neurons_see_different_minibatches():
    found = break_symmetry(0, CLOUDS, seeds=SEEDS, steps=3, every=3)
    assert found.loss[0, 1] != found.loss[1, 1]


def test_the_data_is_only_read():
    data = clouds()
    arrays = [data.x_train, data.y_train, data.x_test, data.y_test]
    for array in arrays:
        array.flags.writeable = False
    before = [array.tobytes() for array in arrays]
    break_symmetry(0.1, data, seeds=[0], steps=2, every=1, hidden=3)
    assert [array.tobytes() for array in arrays] == before


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"perturbation": -1e-9}, ValueError, "perturbation=-1e-09 must be .* of at least 0"),
        ({"perturbation": math.nan}, ValueError, "perturbation=nan must be a finite number"),
        ({"perturbation": math.inf}, ValueError, "perturbation=inf must be a finite number"),
        ({"perturbation": "0"}, TypeError, "perturbation='0' must be a real number"),
        ({"steps": 0}, ValueError, "steps=0 must be a whole number of at least 1"),
        ({"steps": 2.5}, TypeError, r"steps=2\.5 must be a whole number"),
        ({"every": 0}, ValueError, "every=0 must be a whole number of at least 1"),
        ({"every": 1.0}, TypeError, r"every=1\.0 must be a whole number"),
        ({"hidden": 0}, ValueError, "hidden=0 must be a whole number of at least 1"),
        ({"hidden": 3.0}, TypeError, r"hidden=3\.0 must be a whole number"),
        ({"weight": math.nan}, ValueError, "weight=nan must be a finite number"),
        ({"weight": None}, TypeError, "weight=None must be a real number"),
        ({"learning_rate": -1}, ValueError, "learning_rate=-1 must be .* of at least 0"),
        ({"seeds": []}, ValueError, "seeds must not be empty"),
        ({"seeds": 3}, TypeError, r"seeds=3 must be whole numbers, e\.g\. range\(5\)"),
        ({"seeds": [0, -1]}, ValueError, "seeds=-1 must be a whole number of at least 0"),
        ({"seeds": [0.5]}, TypeError, r"seeds=0\.5 must be a whole number"),
        ({"dataset": clouds(train=127)}, ValueError, "batch_size=128 is larger than the data"),
    ],
)
@pytest.mark.usefixtures("no_step")
def test_what_cannot_be_run_is_refused_by_name_before_any_step(wrong, error, message):
    call = {"perturbation": 0.1, "dataset": CLOUDS, "seeds": [0]}
    with pytest.raises(error, match=message):
        break_symmetry(**call | wrong)
