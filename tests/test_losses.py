"""Does each loss measure what it says, and point the way down?"""

import math

import numpy as np
import pytest
from scipy.special import log_softmax

from initlab import mean_squared_error, softmax_cross_entropy

each_loss = pytest.mark.parametrize("loss", [softmax_cross_entropy, mean_squared_error])
each_shape = pytest.mark.parametrize("shape", [(5, 4), (1, 1), (3, 5, 4), (2, 3, 5, 4)], ids=str)
each_precision = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def example(loss, shape, dtype=np.float64):
    """Return outputs of this shape and what is right, one set for each network of a stack."""
    rng = np.random.default_rng(0)
    outputs = (3 * rng.standard_normal(shape)).astype(dtype)
    if loss is softmax_cross_entropy:
        return outputs, rng.integers(shape[-1], size=shape[:-1])
    return outputs, rng.standard_normal(shape)


@each_shape
@pytest.mark.parametrize("labels_dtype", [np.int64, np.uint8])
def test_cross_entropy_is_the_mean_surprise(shape, labels_dtype):
    logits, labels = example(softmax_cross_entropy, shape)
    loss, gradient = softmax_cross_entropy(logits, labels.astype(labels_dtype))
    surprises = log_softmax(logits, axis=-1)
    expected, expected_gradient = np.zeros(shape[:-2]), np.exp(surprises) / shape[-2]
    for index in np.ndindex(shape[:-1]):
        expected[index[:-1]] -= surprises[(*index, labels[index])] / shape[-2]
        expected_gradient[(*index, labels[index])] -= 1 / shape[-2]
    assert np.shape(loss) == shape[:-2]
    np.testing.assert_allclose(loss, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-15)


@each_shape
def test_mean_squared_error_is_the_mean_of_the_squares(shape):
    outputs, targets = example(mean_squared_error, shape)
    loss, gradient = mean_squared_error(outputs, targets)
    expected, expected_gradient = np.zeros(shape[:-2]), np.zeros(shape)
    for index in np.ndindex(shape):
        gap = outputs[index] - targets[index]
        expected[index[:-2]] += gap**2 / (shape[-2] * shape[-1])
        expected_gradient[index] = 2 * gap / (shape[-2] * shape[-1])
    assert np.shape(loss) == shape[:-2]
    np.testing.assert_allclose(loss, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-13)


@each_loss
def test_one_set_of_answers_serves_a_whole_stack(loss):
    outputs, answers = example(loss, (3, 5, 4))
    found, gradient = loss(outputs, answers[0])
    for k in range(3):
        alone, gradient_alone = loss(outputs[k], answers[0])
        assert found[k] == pytest.approx(alone, rel=1e-15)
        assert (gradient[k] == gradient_alone).all()


@each_loss
@each_shape
@each_precision
@pytest.mark.parametrize("targets_dtype", [np.float32, np.float64])
def test_a_loss_keeps_the_precision_of_the_outputs_and_its_arguments(
    loss, shape, dtype, targets_dtype
):
    outputs, answers = example(loss, shape, dtype)
    if loss is mean_squared_error:
        answers = answers.astype(targets_dtype)
    outputs.flags.writeable = answers.flags.writeable = False
    found, gradient = loss(outputs, answers)
    assert found.dtype == gradient.dtype == dtype
    assert not np.shares_memory(gradient, outputs)


@pytest.mark.parametrize("classes", [1, 10])
@pytest.mark.parametrize("level", [0.0, 1e30])
def test_who_prefers_no_class_is_surprised_by_ln_of_their_number(classes, level):
    labels = np.arange(6) % classes
    loss, _ = softmax_cross_entropy(np.full((6, classes), level), labels)
    assert loss == pytest.approx(math.log(classes), rel=1e-14)


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


OUTPUTS, LABELS = np.zeros((5, 4)), np.zeros(5, dtype=int)
INTEGERS = np.zeros((5, 4), dtype=int)


@pytest.mark.parametrize(
    ("loss", "outputs", "answers", "error", "message"),
    [
        (softmax_cross_entropy, OUTPUTS, LABELS - 1, ValueError, "labels holds -1, but 4 classes"),
        (softmax_cross_entropy, OUTPUTS, LABELS + 4, ValueError, "labels holds 4, but 4 classes"),
        (softmax_cross_entropy, OUTPUTS, np.eye(5, 4), TypeError, r"labels has .*argmax\("),
        (softmax_cross_entropy, OUTPUTS, LABELS > 0, TypeError, "labels has dtype bool"),
        (softmax_cross_entropy, INTEGERS, LABELS, TypeError, r"logits has dtype int\d+, but"),
        (
            softmax_cross_entropy,
            OUTPUTS[0],
            LABELS,
            ValueError,
            r"logits has shape \(4,\); expected",
        ),
        (mean_squared_error, INTEGERS, OUTPUTS, TypeError, r"outputs has dtype int\d+, but"),
        (mean_squared_error, OUTPUTS, INTEGERS, TypeError, r"targets has dtype int\d+, but"),
        (
            mean_squared_error,
            OUTPUTS[0],
            OUTPUTS[0],
            ValueError,
            r"outputs has shape \(4,\); expected",
        ),
    ],
)
def test_what_is_no_output_or_no_answer_is_refused(loss, outputs, answers, error, message):
    with pytest.raises(error, match=message):
        loss(outputs, answers)


@pytest.mark.parametrize(
    ("loss", "outputs_shape", "answers_shape"),
    [
        (softmax_cross_entropy, (5, 4), (4,)),
        (softmax_cross_entropy, (5, 4), (5, 1)),
        (softmax_cross_entropy, (5, 4), ()),
        (softmax_cross_entropy, (3, 5, 4), (3,)),
        (softmax_cross_entropy, (3, 5, 4), (1, 5)),
        (softmax_cross_entropy, (2, 3, 5, 4), (3, 5)),
        (softmax_cross_entropy, (0, 4), (0,)),
        (mean_squared_error, (5, 4), (5, 1)),
        (mean_squared_error, (5, 4), (1, 4)),
        (mean_squared_error, (5, 4), ()),
        (mean_squared_error, (3, 5, 4), (1, 5, 4)),
        (mean_squared_error, (5, 4), (3, 5, 4)),
        (mean_squared_error, (0, 4), (0, 4)),
        (mean_squared_error, (5, 0), (5, 0)),
    ],
)
def test_shapes_that_do_not_fit_are_refused_naming_both(loss, outputs_shape, answers_shape):
    dtype = int if loss is softmax_cross_entropy else float
    with pytest.raises(ValueError, match="don't fit") as caught:
        loss(np.zeros(outputs_shape), np.zeros(answers_shape, dtype))
    assert f"of shape {answers_shape} don't fit" in str(caught.value)
    assert f"of shape {outputs_shape}" in str(caught.value)
