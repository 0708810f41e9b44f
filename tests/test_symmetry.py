"""Equal neurons: what is reported is what a network trained by hand shows."""

import math

import numpy as np
import pytest

from initlab.datasets import Dataset, minibatches
from initlab.experiments import break_symmetry

SEEDS = [4, 9]


def clouds(train=200, test=150, features=6, classes=3, seed=0):
    """Examples around three corners, features from 0 to 1."""
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=train + test)
    x = rng.uniform(0, 0.5, (train + test, features))
    x[np.arange(train + test), y] += 0.5
    return Dataset(x[:train], y[:train], x[train:], y[train:])


CLOUDS = clouds()


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
    size = math.sqrt((w.var(axis=1) + w.mean(axis=1) ** 2).mean())
    return math.sqrt(w.var(axis=1).mean()) / size if size else 0.0


def compared_with_hand(perturbation, data, looks, *, seeds=SEEDS, every=30, **settings):
    """Run the experiment, and compare every look with the network trained by hand."""
    found = break_symmetry(
        perturbation, data, seeds=iter(seeds), steps=looks[-1], every=every, **settings
    )
    assert found.steps.tolist() == looks
    assert found.difference.shape == found.loss.shape == (len(seeds), len(looks))
    assert found.rank.dtype.kind == "i"
    for k, seed in enumerate(seeds):
        w, h, loss = zip(*by_hand(perturbation, data, seed, looks, **settings), strict=True)
        spreads = [spread_of(a) for a in w]
        np.testing.assert_allclose(found.difference[k], spreads, rtol=1e-6, atol=1e-9)
        ranks = [np.linalg.matrix_rank(a, tol=1e-3 * np.linalg.norm(a, 2)) for a in h]
        np.testing.assert_array_equal(found.rank[k], ranks)
        np.testing.assert_allclose(found.loss[k], loss, rtol=1e-9)
    return found


@pytest.mark.parametrize(("perturbation", "weight"), [(0, 0.01), (0, 0), (0.03, 0.01), (1.0, -0.3)])
def test_what_is_reported_is_what_a_network_trained_by_hand_shows(perturbation, weight):
    settings = {"learning_rate": 2, "weight": weight}
    found = compared_with_hand(perturbation, CLOUDS, [0, 30, 60], **settings)
    if perturbation == 0:  # equal neurons stay equal, and differ at first by exactly nothing
        assert not found.difference[:, 0].any()
        assert found.difference.max() < 1e-9
        assert (found.rank == 1).all()
    # Output weights are equal, so all classes are equally likely at first.
    np.testing.assert_allclose(found.loss[:, 0], math.log(3), rtol=1e-12)


def test_on_digits_the_rank_is_neither_one_nor_full_and_perturbed_neurons_learn_more(few_digits):
    found = compared_with_hand(0.004, few_digits, [0, 10, 20], seeds=[1], every=10, hidden=25)
    assert np.all((found.rank > 1) & (found.rank < 25))
    call = {"seeds": [0, 1], "steps": 60, "every": 60, "hidden": 12}
    equal, moved = (break_symmetry(size, few_digits, **call) for size in (0, 0.01))
    assert np.all(equal.loss[:, -1] < equal.loss[:, 0] - 0.01)  # equal neurons learn, too
    assert np.all(moved.loss[:, -1] < equal.loss[:, -1])
    assert np.all(moved.difference[:, -1] > 0.05)


@pytest.mark.parametrize(
    ("every", "looks"), [(3, [0, 3, 6]), (3, [0, 3, 6, 8]), (5, [0, 2]), (1, [0, 1, 2, 3])]
)
def test_the_last_look_is_after_the_last_step(every, looks):
    compared_with_hand(0.1, CLOUDS, looks, every=every, hidden=4)


def test_unless_told_otherwise_300_steps_are_looked_at_every_25():
    found = break_symmetry(0.01, CLOUDS, seeds=[0])
    assert found.steps.tolist() == list(range(0, 301, 25))
    expected = by_hand(0.01, CLOUDS, 0, found.steps)
    np.testing.assert_allclose(found.loss[0], [loss for *_, loss in expected], rtol=1e-9)


@pytest.mark.parametrize(
    ("perturbation", "weight", "expected"),
    [(1e-13, 0.01, 1e-11), (0.02, 0.01, 2 / math.sqrt(5)), (1e-6, -2, 5e-7), (0.3, 0, 1)],
)
def test_at_the_start_neurons_differ_by_perturbation_over_size(perturbation, weight, expected):
    call = {"seeds": [0, 1], "steps": 1, "every": 1, "hidden": 300, "weight": weight}
    found = break_symmetry(perturbation, clouds(features=400), **call)
    np.testing.assert_allclose(found.difference[:, 0], expected, rtol=0.01)


def test_what_is_looked_at_are_the_first_thousand_test_images():
    data = clouds(test=1100)
    found = compared_with_hand(0.2, data, [0, 2], seeds=[0], every=2, hidden=5)

    def with_other(rows):
        x = data.x_test.copy()
        x[rows] = 40.0
        other = Dataset(data.x_train, data.y_train, x, data.y_test)
        return break_symmetry(0.2, other, seeds=[0], steps=2, every=2, hidden=5).loss

    np.testing.assert_array_equal(with_other(slice(1000, None)), found.loss)
    assert with_other(slice(999, 1000))[0, 1] != found.loss[0, 1]


@pytest.mark.parametrize("perturbation", [0, 0.1])
def test_same_seed_same_bits_whoever_else_runs(perturbation):
    call = {"steps": 9, "every": 4, "hidden": 7}
    several = break_symmetry(perturbation, CLOUDS, seeds=[5, 0, 3], **call)
    for k, seed in enumerate((5, 0, 3)):
        alone = break_symmetry(perturbation, CLOUDS, seeds=[seed], **call)
        for part in ("difference", "rank", "loss"):
            assert getattr(several, part)[k].tobytes() == getattr(alone, part)[0].tobytes()
    assert len(set(several.loss[:, 1])) == 3  # each sees minibatches of its own


@pytest.mark.parametrize("rate", [1e200, 1e308])
def test_of_neurons_whose_numbers_overflow_nothing_is_said(rate):
    with pytest.raises(ValueError, match=r"learning_rate=1e.*: .*numbers overflow"):
        break_symmetry(0.1, CLOUDS, seeds=[0], steps=6, every=2, learning_rate=rate)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"perturbation": -1e-9}, ValueError, "perturbation=-1e-09 must be .* of at least 0"),
        ({"steps": 0}, ValueError, "steps=0 must be a whole number of at least 1"),
        ({"every": 1.0}, TypeError, r"every=1\.0 must be a whole number"),
        ({"hidden": 0}, ValueError, "hidden=0 must be a whole number of at least 1"),
        ({"weight": math.nan}, ValueError, "weight=nan must be a finite number"),
        ({"learning_rate": -1}, ValueError, "learning_rate=-1 must be .* of at least 0"),
        ({"seeds": []}, ValueError, "seeds must not be empty"),
        ({"dataset": clouds(train=127)}, ValueError, "batch_size=128 is larger than the data"),
    ],
)
@pytest.mark.usefixtures("no_step")
def test_what_cannot_be_run_is_refused_by_name_before_any_step(wrong, error, message):
    call = {"perturbation": 0.1, "dataset": CLOUDS, "seeds": [0]}
    with pytest.raises(error, match=message):
        break_symmetry(**call | wrong)
