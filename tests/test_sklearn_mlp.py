"""scikit-learn's network beside ours: the same start, the same minibatches, the same losses."""

import math

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_info, threadpool_limits

from initlab import activations
from initlab.datasets import Dataset, minibatches
from initlab.experiments import LIBRARY_DEFAULTS, scikit_learn_start, train_scikit_learn
from initlab.optimizers import SGD
from initlab.training import evaluate, train

each_activation = pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])


@pytest.fixture(scope="module")
def few_digits(mnist):
    x, x_test = mnist.x_train[:200].astype(float), mnist.x_test[:150].astype(float)
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


@each_activation
@pytest.mark.parametrize(
    ("hidden", "dtype"), [((9, 4), np.float32), ((7,), np.float64), ((), np.float32)]
)
def test_the_start_is_what_scikit_learn_holds_after_a_step_of_next_to_nothing(
    few_digits, activation, dtype, hidden
):
    model = classifier(hidden, activation, 5, rate=1e-30, batch_size=50)
    x, y = few_digits.x_train[:50].astype(dtype), few_digits.y_train[:50]
    model.partial_fit(x, y, classes=np.arange(10))
    settings = {} if (activation, dtype) == ("relu", np.float32) else {"dtype": dtype}
    start = scikit_learn_start((784, *hidden, 10), activation=activation, seed=5, **settings)
    assert start.sizes == [784, *hidden, 10]
    assert start.activation is activations.get(activation)
    assert start.output_activation is activations.identity
    for layer, weight, bias in zip(start.dense, model.coefs_, model.intercepts_, strict=True):
        assert layer.weight.dtype == layer.bias.dtype == start.dtype == dtype
        np.testing.assert_array_equal(layer.weight, weight)
        np.testing.assert_array_equal(layer.bias, [bias])
        assert layer.bias.all()


@pytest.mark.parametrize("fans", [(100, 100), (784, 100), (300, 400)])
def test_the_table_is_by_each_librarys_formula_and_scikit_learn_draws_so(fans):
    fan_in, fan_out = fans
    limits = {
        "scikit-learn, relu or tanh": math.sqrt(6 / (fan_in + fan_out)),
        "scikit-learn, logistic": math.sqrt(2 / (fan_in + fan_out)),
        "PyTorch": 1 / math.sqrt(fan_in),
        "Keras": math.sqrt(6 / (fan_in + fan_out)),
    }
    drawn = {
        name: recipe(np.random.default_rng(0), (20, *fans))
        for name, recipe in LIBRARY_DEFAULTS.items()
    }
    assert set(drawn) == set(limits)
    for name, recipe in LIBRARY_DEFAULTS.items():
        assert recipe.std(fans) == pytest.approx(limits[name] / math.sqrt(3), rel=1e-12)
    for activation, name in (("relu", "relu or tanh"), ("tanh", "relu or tanh"), ("sigmoid",) * 2):
        name = f"scikit-learn, {name.replace('sigmoid', 'logistic')}"
        start = scikit_learn_start([*fans, 10], activation=activation, seed=3, dtype=np.float64)
        drawn[activation], limits[activation] = start.dense[0].weight, limits[name]
    for name, weight in drawn.items():
        assert 0.999 < np.abs(weight).max() / limits[name] <= 1 + 1e-12
        assert weight.std() == pytest.approx(limits[name] / math.sqrt(3), rel=0.01)


@each_activation
def test_ours_trains_like_scikit_learns_from_the_same_start(few_digits, activation):
    sizes, settings = [784, 10, 8, 10], {"steps": 30, "batch_size": 32}
    losses, accuracy = train_scikit_learn(
        sizes, few_digits, activation=activation, learning_rate=0.2, seed=4, **settings
    )
    net = scikit_learn_start(sizes, activation=activation, seed=4, dtype=np.float64)
    rng = np.random.default_rng([4, 1])
    history = train(net, few_digits, optimizer=SGD(0.2), rng=rng, **settings)
    assert losses.shape == (30,)
    np.testing.assert_allclose(losses, history.loss, rtol=1e-9)
    assert accuracy == evaluate(net, few_digits.x_test, few_digits.y_test).accuracy
    assert isinstance(accuracy, float)
    assert np.ptp(losses) > 0.1


def test_by_default_scikit_learn_trains_as_the_race_does_on_its_minibatches(few_digits):
    # The classes of the few labels of a minibatch need not be all.
    state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    losses, accuracy = train_scikit_learn([784, 6, 10], few_digits, steps=9)
    model = classifier((6,), "relu", 0, rate=0.01, batch_size=128)
    x, y, rng = few_digits.x_train, few_digits.y_train, np.random.default_rng([0, 1])
    expected = []
    for batch in minibatches(x, y, batch_size=128, steps=9, rng=rng):
        model.partial_fit(*batch, classes=np.arange(10))
        expected.append(model.loss_)
    np.testing.assert_allclose(losses, expected, rtol=1e-12)
    assert accuracy == model.score(few_digits.x_test, few_digits.y_test)
    assert np.random.get_state()[1].tobytes() == state  # noqa: NPY002


def test_minibatches_need_not_hold_every_class_and_another_seed_sees_others(few_digits):
    one, same, other = (
        train_scikit_learn([784, 5, 10], few_digits, steps=5, batch_size=2, seed=seed)[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert np.all(np.isfinite(one))
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


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"sizes": 5}, TypeError, "sizes=5 must be a list"),
        ({"sizes": [784, 5, 2]}, ValueError, r"sizes=\[784, 5, 2\].* two classes"),
        ({"activation": "rellu"}, ValueError, "activation='rellu': .*did you mean 'relu'"),
        ({"seed": -1}, ValueError, "seed=-1 must be a whole number of at least 0"),
        # These belong to one of the two.
        ({"dtype": int}, TypeError, "dtype=.* np.float32"),
        ({"steps": 0}, ValueError, "steps=0 must be a whole number of at least 1"),
        ({"batch_size": 201}, ValueError, "batch_size=201 is larger than the data"),
        ({"learning_rate": -1}, ValueError, "learning_rate"),
    ],
)
def test_start_and_training_are_refused_by_name(few_digits, wrong, error, message):
    both = {"sizes": [784, 5, 10], "activation": "relu", "seed": 0}
    training = {"dataset": few_digits, "steps": 2, "batch_size": 16, "learning_rate": 0.1}
    for door, more in ((scikit_learn_start, {"dtype": float}), (train_scikit_learn, training)):
        if wrong.keys() <= (both | more).keys():
            with pytest.raises(error, match=message):
                door(**both | more | wrong)


def test_a_mistake_in_the_data_does_not_cost_the_training(few_digits, monkeypatch):
    monkeypatch.setattr(MLPClassifier, "partial_fit", lambda *_, **__: pytest.fail("it trains"))
    x, y = few_digits.x_train, few_digits.y_train
    with pytest.raises(ValueError, match=r"dataset\.y_test holds 1\d, but 10 classes"):
        train_scikit_learn([784, 5, 10], Dataset(x, y, x, y + 9), steps=2, batch_size=16)
    with pytest.raises(ValueError, match=r"dataset\.x_train "):
        train_scikit_learn([7, 5, 10], few_digits, steps=2, batch_size=16)
