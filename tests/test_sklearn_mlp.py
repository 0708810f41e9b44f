import math

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_info, threadpool_limits

from initlab import activations
from initlab.datasets import Dataset, minibatches
from initlab.experiments import LIBRARY_DEFAULTS, scikit_learn_start, train_scikit_learn
from initlab.network import MLP
from initlab.optimizers import SGD
from initlab.training import evaluate, train

ACTIVATIONS = ["relu", "tanh", "sigmoid"]
each_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@pytest.fixture(scope="module")
def few_digits(mnist):
    x, x_test = (a.astype(np.float64) for a in (mnist.x_train[:200], mnist.x_test[:150]))
    return Dataset(x, mnist.y_train[:200], x_test, mnist.y_test[:150])


def classifier(hidden, activation, seed, *, rate, batch_size):
    return MLPClassifier(
        hidden,
        activation="logistic" if activation == "sigmoid" else activation,
        solver="sgd",
        learning_rate_init=rate,
        momentum=0,
        alpha=0,
        batch_size=batch_size,
        random_state=seed,
    )


# ------------------------------------------------------------------------------------ the start


@each_activation
@each_dtype
@pytest.mark.parametrize("hidden", [(7,), (9, 4), ()])
def test_the_start_is_what_scikit_learn_holds_after_a_step_of_next_to_nothing(
    few_digits, activation, dtype, hidden
):
    model = classifier(hidden, activation, 5, rate=1e-30, batch_size=50)
    x, y = few_digits.x_train[:50].astype(dtype), few_digits.y_train[:50]
    model.partial_fit(x, y, classes=np.arange(10))
    start = scikit_learn_start([784, *hidden, 10], activation=activation, seed=5, dtype=dtype)
    assert isinstance(start, MLP)
    assert start.sizes == [784, *hidden, 10]
    assert start.activation is activations.get(activation)
    assert start.output_activation is activations.identity
    for layer, weight, bias in zip(start.dense, model.coefs_, model.intercepts_, strict=True):
        assert layer.weight.dtype == layer.bias.dtype == start.dtype == dtype
        assert layer.bias.shape == (1, len(bias))
        np.testing.assert_array_equal(layer.weight, weight)
        np.testing.assert_array_equal(layer.bias[0], bias)
        assert layer.bias.all()


def test_unless_told_otherwise_it_starts_for_relu_in_single_precision():
    start = scikit_learn_start((5, 4, 3), seed=0)
    assert start.activation is activations.relu
    assert start.dtype == np.float32
    assert scikit_learn_start([5, 4, 3], activation="relu", seed=0).dense[0].weight.tobytes() == (
        start.dense[0].weight.tobytes()
    )


def test_same_seed_same_start_and_another_seed_another():
    one, same, other = (scikit_learn_start([30, 20, 10], seed=seed) for seed in (1, 1, 2))
    for a, b, c in zip(one.parameters(), same.parameters(), other.parameters(), strict=True):
        assert a.tobytes() == b.tobytes()
        assert not np.any(a == c)


# --------------------------------------------------------------------- what libraries draw from


def limit_and_std(weight):
    return np.abs(weight).max(), weight.std()


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        ("relu", "scikit-learn, relu or tanh"),
        ("tanh", "scikit-learn, relu or tanh"),
        ("sigmoid", "scikit-learn, logistic"),
    ],
)
@pytest.mark.parametrize("hidden", [100, 400])
def test_scikit_learn_draws_what_the_table_says(activation, name, hidden):
    fans = (300, hidden)
    start = scikit_learn_start([*fans, 10], activation=activation, seed=3, dtype=np.float64)
    limit, std = limit_and_std(start.dense[0].weight)
    expected = math.sqrt((2 if activation == "sigmoid" else 6) / sum(fans))
    assert 0.999 < limit / expected <= 1
    assert std == pytest.approx(expected / math.sqrt(3), rel=0.01)
    assert LIBRARY_DEFAULTS[name].std(fans) == pytest.approx(expected / math.sqrt(3), rel=1e-12)


@pytest.mark.parametrize("fans", [(100, 100), (784, 100), (100, 10)])
def test_the_table_is_by_each_librarys_formula(fans):
    fan_in, fan_out = fans
    limits = {
        "scikit-learn, relu or tanh": math.sqrt(6 / (fan_in + fan_out)),
        "scikit-learn, logistic": math.sqrt(2 / (fan_in + fan_out)),
        "PyTorch": 1 / math.sqrt(fan_in),
        "Keras": math.sqrt(6 / (fan_in + fan_out)),
    }
    assert sorted(LIBRARY_DEFAULTS) == sorted(limits)
    for name, recipe in LIBRARY_DEFAULTS.items():
        assert recipe.std(fans) == pytest.approx(limits[name] / math.sqrt(3), rel=1e-12)
        drawn = recipe(np.random.default_rng(0), (20, *fans))
        limit, std = limit_and_std(drawn)
        assert 0.999 < limit / limits[name] <= 1 + 1e-12
        assert std == pytest.approx(recipe.std(fans), rel=0.01)


# ------------------------------------------------------------------------------------- training


@each_activation
@pytest.mark.parametrize("hidden", [(12,), (10, 8)])
def test_ours_trains_like_scikit_learns_from_the_same_start(few_digits, activation, hidden):
    sizes = [784, *hidden, 10]
    losses, accuracy = train_scikit_learn(
        sizes,
        few_digits,
        activation=activation,
        steps=30,
        batch_size=32,
        learning_rate=0.2,
        seed=4,
    )
    net = scikit_learn_start(sizes, activation=activation, seed=4, dtype=np.float64)
    history = train(
        net,
        few_digits,
        optimizer=SGD(0.2),
        steps=30,
        batch_size=32,
        rng=np.random.default_rng([4, 1]),
    )
    assert losses.shape == (30,)
    np.testing.assert_allclose(losses, history.loss, rtol=1e-9)
    assert accuracy == evaluate(net, few_digits.x_test, few_digits.y_test).accuracy
    assert isinstance(accuracy, float)
    assert np.ptp(losses) > 0.1


def test_scikit_learn_sees_the_minibatches_of_a_race(few_digits):
    losses, accuracy = train_scikit_learn(
        [784, 6, 10], few_digits, steps=9, batch_size=48, learning_rate=0.3, seed=8
    )
    model = classifier((6,), "relu", 8, rate=0.3, batch_size=48)
    expected = []
    for x, y in minibatches(
        few_digits.x_train,
        few_digits.y_train,
        batch_size=48,
        steps=9,
        rng=np.random.default_rng([8, 1]),
    ):
        model.partial_fit(x, y, classes=np.arange(10))
        expected.append(model.loss_)
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    assert accuracy == model.score(few_digits.x_test, few_digits.y_test)


def test_unless_told_otherwise_scikit_learn_trains_as_the_race_does():
    defaults = train_scikit_learn.__kwdefaults__
    assert defaults == {
        "activation": "relu",
        "steps": 2000,
        "batch_size": 128,
        "learning_rate": 0.01,
        "seed": 0,
        "progress": False,
    }


def test_minibatches_need_not_hold_every_class(few_digits):
    losses, _ = train_scikit_learn([784, 5, 10], few_digits, steps=7, batch_size=2)
    assert losses.shape == (7,)
    assert np.all(np.isfinite(losses))


def test_same_seed_same_losses_and_another_seed_others(few_digits):
    one, same, other = (
        train_scikit_learn([784, 5, 10], few_digits, steps=5, batch_size=16, seed=seed)[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert np.all(one != other)


def test_scikit_learn_trains_on_one_blas_thread(few_digits, monkeypatch):
    def blas_threads(*_):
        found = [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]
        seen.append(set(found))

    seen = []
    with threadpool_limits(limits=3, user_api="blas"):
        blas_threads()
        if seen != [{3}]:
            pytest.skip("the number of threads of this BLAS cannot be set")
        step = MLPClassifier.partial_fit

        def watched(self, *arguments, **named):
            blas_threads()
            return step(self, *arguments, **named)

        monkeypatch.setattr(MLPClassifier, "partial_fit", watched)
        train_scikit_learn([784, 5, 10], few_digits, steps=2, batch_size=16)
        blas_threads()
    assert seen == [{3}, {1}, {1}, {3}]


def test_neither_data_nor_the_global_generator_is_touched(few_digits):
    x, y = few_digits.x_train.copy(), few_digits.y_train.copy()
    for array in (x, y):
        array.flags.writeable = False
    before = x.tobytes(), y.tobytes()
    state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    train_scikit_learn([784, 5, 10], Dataset(x, y, x, y), steps=3, batch_size=16)
    scikit_learn_start([784, 5, 10], seed=0)
    assert (x.tobytes(), y.tobytes()) == before
    assert np.random.get_state()[1].tobytes() == state  # noqa: NPY002


# ------------------------------------------------------------------------------- what is refused

WRONG = [
    ({"sizes": 5}, TypeError, "sizes=5 must be a list"),
    ({"sizes": [784]}, ValueError, r"sizes=\[784\] must hold at least inputs and outputs"),
    ({"sizes": [784, 0, 10]}, ValueError, r"sizes\[1\]=0 must be a whole number of at least 1"),
    ({"sizes": [784, 5, 2]}, ValueError, r"sizes=\[784, 5, 2\] must have at least 3 outputs"),
    ({"activation": "rellu"}, ValueError, "activation='rellu': .*did you mean 'relu'"),
    ({"activation": "logistic"}, ValueError, "activation='logistic': no such activation"),
    ({"activation": activations.relu}, TypeError, "activation=relu must be one of the names"),
    ({"seed": -1}, ValueError, "seed=-1 must be a whole number of at least 0"),
    ({"seed": 0.5}, TypeError, r"seed=0\.5 must be a whole number"),
    ({"seed": None}, TypeError, "seed=None must be a whole number"),
]


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        *WRONG,
        ({"dtype": int}, TypeError, "dtype=.*int.* must be np.float32"),
        ({"dtype": None}, TypeError, "dtype=None must be np.float32"),
    ],
)
def test_a_start_is_refused_by_name(wrong, error, message):
    with pytest.raises(error, match=message):
        scikit_learn_start(**{"sizes": [784, 5, 10], "seed": 0} | wrong)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        *WRONG,
        ({"sizes": [7, 5, 10]}, ValueError, r"dataset\.x_train .* sizes \[7, 5, 10\]"),
        ({"sizes": [784, 5, 9]}, ValueError, r"dataset\.y_train holds 9, but 9 classes"),
        ({"steps": 0}, ValueError, "steps=0 must be a whole number of at least 1"),
        ({"batch_size": 0}, ValueError, "batch_size=0 must be a whole number of at least 1"),
        ({"batch_size": 201}, ValueError, "batch_size=201 is larger than the data"),
        ({"learning_rate": -1}, ValueError, "learning_rate"),
    ],
)
def test_training_is_refused_by_name(few_digits, wrong, error, message):
    call = {"sizes": [784, 5, 10], "dataset": few_digits, "steps": 2, "batch_size": 16}
    with pytest.raises(error, match=message):
        train_scikit_learn(**call | wrong)


def test_a_mistake_in_the_test_data_does_not_cost_the_training(few_digits, monkeypatch):
    monkeypatch.setattr(MLPClassifier, "partial_fit", lambda *_, **__: pytest.fail("it trains"))
    x, y = few_digits.x_train, few_digits.y_train
    with pytest.raises(ValueError, match=r"dataset\.y_test holds 1\d, but 10 classes"):
        train_scikit_learn([784, 5, 10], Dataset(x, y, x, y + 9), steps=2, batch_size=16)
