"""scikit-learn's own network next to ours: what the library you will use next does."""

import numpy as np

from initlab import initializers as init
from initlab._engine.checks import float_dtype, known_name, whole_number
from initlab._engine.parallel import one_blas_thread
from initlab._engine.progress import reporting
from initlab.datasets import minibatches
from initlab.network import MLP, checked_sizes
from initlab.training import check_examples

# Our names of activations, and scikit-learn's.
_NAMES = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic"}

# How libraries draw a layer's weights by default. The first two are measured in notebook 05.
# Sources: PyTorch 2, nn.Linear, "Variables"; Keras 3, Dense, kernel_initializer.
LIBRARY_DEFAULTS = {
    "scikit-learn, relu or tanh": init.xavier_uniform(),
    "scikit-learn, logistic": init.variance_scaling(1 / 3, "fan_avg", "uniform"),
    "PyTorch": init.variance_scaling(1 / 3, "fan_in", "uniform"),
    "Keras": init.xavier_uniform(),
}


def scikit_learn_start(sizes, *, activation="relu", seed, dtype=np.float32):
    """Return the network that scikit-learn's ``MLPClassifier`` starts from, as an ``MLP``.

    Parameters
    ----------
    sizes : list of int
    activation : str
        "relu", "tanh" or "sigmoid".
    seed : int
    dtype : np.float32 or np.float64

    Returns
    -------
    MLP
        With weights and biases drawn by scikit-learn itself, after a single step with a learning
        rate too small to change anything.
    """
    sizes, dtype = _sizes_for_both(sizes), float_dtype(dtype)
    labels = np.arange(sizes[-1])
    model = _classifier(sizes, activation, 1e-30, seed, batch_size=len(labels))
    model.partial_fit(np.zeros((len(labels), sizes[0]), dtype), labels, classes=labels)
    network = MLP(
        sizes,
        activation=activation,
        weight_init=init.zeros(),
        rng=np.random.default_rng(0),
        dtype=dtype,
    )
    for layer, weight, bias in zip(network.dense, model.coefs_, model.intercepts_, strict=True):
        layer.weight[...], layer.bias[...] = weight, bias
    return network


def train_scikit_learn(
    sizes,
    dataset,
    *,
    activation="relu",
    steps=2000,
    batch_size=128,
    learning_rate=0.01,
    seed=0,
    progress=False,
):
    """Train scikit-learn's ``MLPClassifier`` as ``mnist_race`` trains our networks.

    It uses plain gradient descent, no regularization, and the minibatches of the race with this
    seed.

    Parameters
    ----------
    sizes : list of int
    dataset : Dataset
    activation : str
        "relu", "tanh" or "sigmoid".
    steps, batch_size : int
    learning_rate : float
    seed : int
        For the minibatches, and for the weights that scikit-learn draws.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    loss : array, shape (steps,)
        The loss before each step, as reported by scikit-learn.
    test_accuracy : float
        After the last step.
    """
    sizes = _sizes_for_both(sizes)
    x_train, y_train = check_examples(sizes, dataset, "train")
    x_test, y_test = check_examples(sizes, dataset, "test")
    rng = np.random.default_rng([whole_number("seed", seed, at_least=0), 1])
    model = _classifier(sizes, activation, learning_rate, seed, batch_size)
    batches = minibatches(x_train, y_train, batch_size=batch_size, steps=steps, rng=rng)
    losses = []
    with reporting(progress, steps, "scikit-learn") as report, one_blas_thread():
        for x, y in batches:
            model.partial_fit(x, y, classes=np.arange(sizes[-1]))
            losses.append(model.loss_)
            report(1)
    return np.array(losses), float(model.score(x_test, y_test))


def _sizes_for_both(sizes):
    sizes = checked_sizes(sizes)
    if sizes[-1] < 3:
        raise ValueError(f"sizes={sizes!r}: for two classes scikit-learn has a single output")
    return sizes


def _classifier(sizes, activation, learning_rate, seed, batch_size):
    from sklearn.neural_network import MLPClassifier  # slow to import

    return MLPClassifier(
        hidden_layer_sizes=sizes[1:-1],
        activation=_NAMES[known_name("activation", activation, _NAMES)],
        solver="sgd",
        learning_rate_init=learning_rate,
        momentum=0.0,
        alpha=0.0,
        batch_size=batch_size,
        random_state=whole_number("seed", seed, at_least=0),
    )
