"""Does each loss measure what it says, and point the way down?"""

import math

import numpy as np
import pytest
from scipy.special import log_softmax

from initlab import mean_squared_error, softmax_cross_entropy

each_precision = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def example(shape=(5, 4), *, seed=0, dtype=np.float64):
    """Return logits of this shape and labels for them, one set for each network of a stack."""
    rng = np.random.default_rng(seed)
    logits = (3 * rng.standard_normal(shape)).astype(dtype)
    return logits, rng.integers(shape[-1], size=shape[:-1])


# -------------------------------------------------------------------------------- cross-entropy


@pytest.mark.parametrize("shape", [(5, 4), (1, 3), (3, 5, 4), (2, 3, 5, 4)], ids=str)
@pytest.mark.parametrize("labels_dtype", [np.int64, np.uint8])
def test_cross_entropy_is_the_mean_surprise(shape, labels_dtype):
    logits, labels = example(shape)
    loss, gradient = softmax_cross_entropy(logits, labels.astype(labels_dtype))
    surprises = log_softmax(logits, axis=-1)
    expected, expected_gradient = np.zeros(shape[:-2]), np.exp(surprises) / shape[-2]
    for index in np.ndindex(shape[:-1]):
        expected[index[:-1]] -= surprises[(*index, labels[index])] / shape[-2]
        expected_gradient[(*index, labels[index])] -= 1 / shape[-2]
    assert np.shape(loss) == shape[:-2]
    np.testing.assert_allclose(loss, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-15)


@pytest.mark.parametrize("loss", [softmax_cross_entropy, mean_squared_error])
@pytest.mark.parametrize("shape", [(5, 4), (3, 5, 4)], ids=str)
def test_the_gradient_of_a_loss_is_its_slope(loss, shape, numerical_gradient):
    outputs, answers = example(shape)
    answers = answers if loss is softmax_cross_entropy else targets_for(shape)
    _, gradient = loss(outputs, answers)
    # The losses of a stack don't depend on each other's outputs: the slope of their sum is enough.
    slope = numerical_gradient(lambda y: np.sum(loss(y, answers)[0]), outputs)
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("classes", [1, 10])
@pytest.mark.parametrize("level", [0.0, 1e30])
def test_who_prefers_no_class_is_surprised_by_ln_of_their_number(classes, level):
    labels = np.arange(6) % classes
    loss, _ = softmax_cross_entropy(np.full((6, classes), level), labels)
    assert loss == pytest.approx(math.log(classes), rel=1e-14)


@pytest.mark.parametrize("loss", [softmax_cross_entropy, mean_squared_error])
@pytest.mark.parametrize("own", [False, True], ids=["one set", "a set for each"])
def test_a_stack_is_judged_as_its_networks_are_alone(loss, own):
    outputs, answers = example((3, 5, 4))
    answers = answers if loss is softmax_cross_entropy else targets_for((3, 5, 4))
    found, gradient = loss(outputs, answers if own else answers[0])
    for k in range(3):
        alone, gradient_alone = loss(outputs[k], answers[k if own else 0])
        assert found[k] == pytest.approx(alone, rel=1e-15)
        assert (gradient[k] == gradient_alone).all()


@each_precision
@pytest.mark.parametrize("size", [1e3, 3e38])
def test_huge_logits_give_the_right_limit_and_no_warning(dtype, size):
    logits = np.array([[size, 0, -size], [0, 0, size]], dtype=dtype)
    loss, gradient = softmax_cross_entropy(logits, np.array([0, 2]))
    assert loss == 0
    assert not gradient.any()
    loss, gradient = softmax_cross_entropy(logits[:1], np.array([1]))
    assert loss == pytest.approx(size, rel=1e-6)
    np.testing.assert_array_equal(gradient, [[1, -1, 0]])


@each_precision
def test_a_gap_wider_than_a_float_holds_is_infinitely_wrong_but_has_a_gradient(dtype):
    largest = np.finfo(dtype).max
    loss, gradient = softmax_cross_entropy(np.array([[largest, -largest]], dtype), np.array([1]))
    assert loss == math.inf
    np.testing.assert_array_equal(gradient, [[1, -1]])
    # Each surprise fits a float; their sum, on the way to the mean, does not.
    logits = np.array([[0.9 * largest, 0]] * 2, dtype)
    loss, gradient = softmax_cross_entropy(logits, np.array([1, 1]))
    assert loss > 0.8 * largest
    np.testing.assert_array_equal(gradient, [[0.5, -0.5], [0.5, -0.5]])
    loss, gradient = mean_squared_error(logits, np.zeros((2, 2), dtype))
    assert loss == math.inf


@each_precision
@pytest.mark.parametrize("shape", [(5, 4), (3, 5, 4)], ids=str)
@pytest.mark.parametrize("targets_dtype", [np.float32, np.float64])
def test_a_loss_keeps_the_precision_of_the_outputs(dtype, shape, targets_dtype):
    outputs, labels = example(shape, dtype=dtype)
    targets = targets_for((5, 4)).astype(targets_dtype)
    for loss, gradient in (
        softmax_cross_entropy(outputs, labels),
        mean_squared_error(outputs, targets),
    ):
        assert loss.dtype == gradient.dtype == dtype


@pytest.mark.parametrize("wrong", [-1, 4])
def test_a_label_outside_the_classes_is_refused(wrong):
    logits, labels = example()
    labels[2] = wrong
    message = f"labels holds {wrong}, but 4 classes go from 0 to 3"
    with pytest.raises(ValueError, match=message):
        softmax_cross_entropy(logits, labels)


@pytest.mark.parametrize("labels", [np.eye(5, 4), np.zeros(5, dtype=bool)])
def test_labels_that_are_no_integers_are_refused_with_the_remedy(labels):
    with pytest.raises(TypeError, match=r"labels has dtype .*integer.*argmax\(axis=-1\)"):
        softmax_cross_entropy(np.zeros((5, 4)), labels)


@pytest.mark.parametrize(
    ("logits_shape", "labels_shape"),
    [
        ((5, 4), (4,)),
        ((5, 4), (5, 1)),
        ((5, 4), ()),
        ((3, 5, 4), (3,)),
        ((3, 5, 4), (1, 5)),
        ((2, 3, 5, 4), (3, 5)),
        ((0, 4), (0,)),
    ],
    ids=str,
)
def test_labels_that_do_not_fit_are_refused_naming_both_shapes(logits_shape, labels_shape):
    with pytest.raises(ValueError, match="don't fit logits of shape") as caught:
        softmax_cross_entropy(np.zeros(logits_shape), np.zeros(labels_shape, dtype=int))
    assert f"labels of shape {labels_shape}" in str(caught.value)
    assert f"logits of shape {logits_shape}" in str(caught.value)


def test_logits_must_be_floats_in_rows_and_columns():
    with pytest.raises(TypeError, match=r"logits has dtype int\d+, but floats are needed"):
        softmax_cross_entropy(np.zeros((5, 4), dtype=int), np.zeros(5, dtype=int))
    with pytest.raises(ValueError, match=r"logits has shape \(4,\), but needs at least 2 dim"):
        softmax_cross_entropy(np.zeros(4), np.array(0))


# --------------------------------------------------------------------------- mean squared error


def targets_for(shape, *, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("shape", [(5, 4), (1, 1), (3, 5, 4), (2, 3, 5, 4)], ids=str)
def test_mean_squared_error_is_the_mean_of_the_squares(shape):
    outputs, targets = example(shape)[0], targets_for(shape)
    loss, gradient = mean_squared_error(outputs, targets)
    expected, expected_gradient = np.zeros(shape[:-2]), np.zeros(shape)
    for index in np.ndindex(shape):
        gap = outputs[index] - targets[index]
        expected[index[:-2]] += gap**2 / (shape[-2] * shape[-1])
        expected_gradient[index] = 2 * gap / (shape[-2] * shape[-1])
    assert np.shape(loss) == shape[:-2]
    np.testing.assert_allclose(loss, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-13)


@pytest.mark.parametrize(
    ("outputs_shape", "targets_shape"),
    [
        ((5, 4), (5, 1)),
        ((5, 4), (1, 4)),
        ((5, 4), ()),
        ((3, 5, 4), (1, 5, 4)),
        ((5, 4), (3, 5, 4)),
        ((0, 4), (0, 4)),
        ((5, 0), (5, 0)),
    ],
    ids=str,
)
def test_targets_that_do_not_fit_are_refused_naming_both_shapes(outputs_shape, targets_shape):
    with pytest.raises(ValueError, match="don't fit") as caught:
        mean_squared_error(np.zeros(outputs_shape), np.zeros(targets_shape))
    assert f"targets of shape {targets_shape}" in str(caught.value)
    assert f"outputs of shape {outputs_shape}" in str(caught.value)


def test_outputs_and_targets_must_be_floats():
    floats, integers = np.zeros((5, 4)), np.zeros((5, 4), dtype=int)
    with pytest.raises(TypeError, match=r"outputs has dtype int\d+, but floats are needed"):
        mean_squared_error(integers, floats)
    with pytest.raises(TypeError, match=r"targets has dtype int\d+, but floats are needed"):
        mean_squared_error(floats, integers)
    with pytest.raises(ValueError, match=r"outputs has shape \(4,\), but needs at least 2 dim"):
        mean_squared_error(np.zeros(4), np.zeros(4))


# ------------------------------------------------------------------------------------------ both


@pytest.mark.parametrize("loss", [softmax_cross_entropy, mean_squared_error])
@pytest.mark.parametrize("shape", [(5, 4), (3, 5, 4)], ids=str)
def test_a_loss_does_not_change_its_arguments(loss, shape):
    outputs, labels = example(shape)
    answers = labels if loss is softmax_cross_entropy else targets_for(shape)
    before = outputs.tobytes(), answers.tobytes()
    outputs.flags.writeable = answers.flags.writeable = False
    _, gradient = loss(outputs, answers)
    assert (outputs.tobytes(), answers.tobytes()) == before
    assert not np.shares_memory(gradient, outputs)
