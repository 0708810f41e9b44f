"""Does each loss measure what it says, and point the way down?"""

import math

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from initlab import mean_squared_error, softmax_cross_entropy

each_precision = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def example(shape=(5, 4), *, seed=0, dtype=np.float64):
    """Return logits of this shape and labels for them, one set for each network of a stack."""
    rng = np.random.default_rng(seed)
    logits = (3 * rng.standard_normal(shape)).astype(dtype)
    return logits, rng.integers(shape[-1], size=shape[:-1])


# -------------------------------------------------------------------------------- cross-entropy


@pytest.mark.parametrize("shape", [(5, 4), (1, 3), (3, 5, 4), (2, 3, 5, 4)], ids=str)
def test_cross_entropy_is_the_mean_surprise(shape):
    logits, labels = example(shape)
    loss, _ = softmax_cross_entropy(logits, labels)
    surprises = log_softmax(logits, axis=-1)
    expected = np.zeros(shape[:-2])
    for index in np.ndindex(shape[:-1]):
        expected[index[:-1]] -= surprises[(*index, labels[index])] / shape[-2]
    assert np.shape(loss) == shape[:-2]
    np.testing.assert_allclose(loss, expected, rtol=1e-13)


@pytest.mark.parametrize("shape", [(5, 4), (3, 5, 4)], ids=str)
def test_the_gradient_of_cross_entropy_is_softmax_minus_one_hot_over_the_batch(shape):
    logits, labels = example(shape)
    _, gradient = softmax_cross_entropy(logits, labels)
    one_hot = np.eye(shape[-1])[labels]
    np.testing.assert_allclose(
        gradient, (softmax(logits, axis=-1) - one_hot) / shape[-2], atol=1e-15
    )


@pytest.mark.parametrize("shape", [(5, 4), (3, 5, 4)], ids=str)
def test_the_gradient_of_cross_entropy_is_its_slope(shape, numerical_gradient):
    logits, labels = example(shape)
    _, gradient = softmax_cross_entropy(logits, labels)
    # The losses of a stack don't depend on each other's logits: the slope of their sum is enough.
    slope = numerical_gradient(lambda z: np.sum(softmax_cross_entropy(z, labels)[0]), logits)
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("classes", [1, 2, 10, 47])
@pytest.mark.parametrize("level", [0.0, -3.0, 1e30])
def test_who_prefers_no_class_is_surprised_by_ln_of_their_number(classes, level):
    labels = np.arange(6) % classes
    loss, _ = softmax_cross_entropy(np.full((6, classes), level), labels)
    assert loss == pytest.approx(math.log(classes), rel=1e-14)


def test_the_rows_of_the_gradient_add_up_to_nothing():
    logits, labels = example((3, 5, 4))
    _, gradient = softmax_cross_entropy(logits, labels)
    np.testing.assert_allclose(gradient.sum(axis=-1), 0, atol=1e-16)


def test_one_set_of_labels_serves_a_whole_stack():
    logits, _ = example((3, 5, 4))
    labels = np.array([0, 3, 1, 1, 2])
    loss, gradient = softmax_cross_entropy(logits, labels)
    for k in range(3):
        alone, gradient_alone = softmax_cross_entropy(logits[k], labels)
        assert loss[k] == alone
        assert (gradient[k] == gradient_alone).all()


def test_each_network_of_a_stack_may_have_labels_of_its_own():
    logits, labels = example((3, 5, 4))
    loss, gradient = softmax_cross_entropy(logits, labels)
    for k in range(3):
        alone, gradient_alone = softmax_cross_entropy(logits[k], labels[k])
        assert loss[k] == alone
        assert (gradient[k] == gradient_alone).all()


@each_precision
@pytest.mark.parametrize("size", [1e3, 1e6, 1e30, 3e38])
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


@each_precision
def test_a_mean_of_huge_surprises_is_no_reason_to_warn(dtype):
    # Each surprise fits a float; their sum, on the way to the mean, does not.
    huge = 0.9 * np.finfo(dtype).max
    logits = np.array([[huge, 0], [huge, 0]], dtype)
    loss, gradient = softmax_cross_entropy(logits, np.array([1, 1]))
    assert loss > 0.8 * huge
    np.testing.assert_array_equal(gradient, [[0.5, -0.5], [0.5, -0.5]])


@each_precision
def test_cross_entropy_keeps_the_precision(dtype):
    logits, labels = example((3, 5, 4), dtype=dtype)
    for loss, gradient in (
        softmax_cross_entropy(logits, labels),
        softmax_cross_entropy(logits[0], labels[0]),
    ):
        assert loss.dtype == gradient.dtype == dtype


@pytest.mark.parametrize("labels_dtype", [np.uint8, np.int8, np.int32, np.int64, np.uint64])
def test_labels_may_be_integers_of_any_size(labels_dtype):
    logits, labels = example()
    expected, _ = softmax_cross_entropy(logits, labels)
    loss, _ = softmax_cross_entropy(logits, labels.astype(labels_dtype))
    assert loss == expected


@pytest.mark.parametrize("wrong", [-1, 4, 100])
def test_a_label_outside_the_classes_is_refused(wrong):
    logits, labels = example()
    labels[2] = wrong
    message = f"labels holds {wrong}, but 4 classes go from 0 to 3"
    with pytest.raises(ValueError, match=message):
        softmax_cross_entropy(logits, labels)


@pytest.mark.parametrize(
    "labels", [np.zeros(5), np.eye(5, 4), np.zeros(5, dtype=bool), np.array(["0"] * 5)]
)
def test_labels_that_are_no_integers_are_refused_with_the_remedy(labels):
    with pytest.raises(TypeError, match=r"labels has dtype .*integer.*argmax\(axis=-1\)"):
        softmax_cross_entropy(np.zeros((5, 4)), labels)


@pytest.mark.parametrize(
    ("logits_shape", "labels_shape"),
    [
        ((5, 4), (4,)),
        ((5, 4), (1,)),
        ((5, 4), (5, 1)),
        ((5, 4), (5, 4)),
        ((5, 4), ()),
        ((3, 5, 4), (3,)),
        ((3, 5, 4), (2, 5)),
        ((3, 5, 4), (1, 5)),
        ((2, 3, 5, 4), (3, 5)),
        ((0, 4), (0,)),
        ((3, 0, 4), (0,)),
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


@pytest.mark.parametrize("shape", [(5, 4), (3, 5, 4)], ids=str)
def test_the_gradient_of_mean_squared_error_is_its_slope(shape, numerical_gradient):
    outputs, targets = example(shape)[0], targets_for(shape)
    _, gradient = mean_squared_error(outputs, targets)
    slope = numerical_gradient(lambda y: np.sum(mean_squared_error(y, targets)[0]), outputs)
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-9)


def test_one_set_of_targets_serves_a_whole_stack():
    outputs, targets = example((3, 5, 4))[0], targets_for((5, 4))
    loss, gradient = mean_squared_error(outputs, targets)
    for k in range(3):
        alone, gradient_alone = mean_squared_error(outputs[k], targets)
        assert loss[k] == pytest.approx(alone, rel=1e-15)
        assert (gradient[k] == gradient_alone).all()


def test_no_error_is_no_loss():
    outputs, _ = example()
    loss, gradient = mean_squared_error(outputs, outputs.copy())
    assert loss == 0
    assert not gradient.any()


@each_precision
@pytest.mark.parametrize("targets_dtype", [np.float32, np.float64])
def test_mean_squared_error_keeps_the_precision_of_the_outputs(dtype, targets_dtype):
    outputs, _ = example((3, 5, 4), dtype=dtype)
    targets = targets_for((5, 4)).astype(targets_dtype)
    for loss, gradient in (
        mean_squared_error(outputs, targets),
        mean_squared_error(outputs[0], targets),
    ):
        assert loss.dtype == gradient.dtype == dtype


@pytest.mark.parametrize(
    ("outputs_shape", "targets_shape"),
    [
        ((5, 4), (5,)),
        ((5, 4), (4,)),
        ((5, 4), (5, 1)),
        ((5, 4), (1, 4)),
        ((5, 4), (4, 5)),
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
