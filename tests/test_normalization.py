"""Do normalization and residual branches compute and derive what their papers say?

Both normalizations are transcribed once more, number by number, in plain Python; their gradients
from the full matrix of derivatives.
"""

import math
import statistics

import numpy as np
import pytest

from initlab import initializers as init
from initlab.activations import tanh
from initlab.gradient_check import check_gradients
from initlab.layers import Activation, Dense, Residual
from initlab.network import MLP
from initlab.normalization import BatchNorm, LayerNorm, Normalize

KINDS = {"none": None, "batch norm": BatchNorm, "layer norm": LayerNorm}
each_norm = pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])


def normal(*shape, seed=1, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def norm(kind, features=4, *, stack=(), seed=5, **settings):
    """Return a normalization that has learned something: no parameter is at its beginning."""
    layer = kind(features, **settings)
    dtype = layer.scale.dtype
    layer.scale = normal(*stack, 1, features, seed=seed, dtype=dtype) + dtype.type(2)
    layer.shift = normal(*stack, 1, features, seed=seed + 1, dtype=dtype)
    if kind is BatchNorm:
        layer.running_mean = np.zeros((*stack, 1, features), dtype)
        layer.running_variance = np.ones((*stack, 1, features), dtype)
    return layer


def dense(fan_in=4, fan_out=4, seed=0, dtype=np.float64):
    return Dense(
        fan_in,
        fan_out,
        weight_init=init.normal(0.7),
        bias_init=init.normal(0.3),
        rng=np.random.default_rng(seed),
        dtype=dtype,
    )


def arrays_of(layer):
    names = (*layer.PARAMETERS, *getattr(layer, "AVERAGES", ()))
    return {name: getattr(layer, name) for name in names}


def normalized(values, epsilon):
    """Return numbers at mean 0 and variance 1, and their std."""
    mean = sum(values) / len(values)
    std = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values) + epsilon)
    return [(value - mean) / std for value in values], std


def slopes(values, epsilon):
    """Return the matrix of derivatives of each normalized number to each number, [i][j]."""
    hat, std = normalized(values, epsilon)
    n = len(values)
    return [[((i == j) - 1 / n - hat[i] * hat[j] / n) / std for j in range(n)] for i in range(n)]


def groups(kind, x):
    """Return the places of the numbers that are taken together."""
    rows, columns = x.shape
    if kind is BatchNorm:
        return [[(b, f) for b in range(rows)] for f in range(columns)]
    return [[(b, f) for f in range(columns)] for b in range(rows)]


@each_norm
@pytest.mark.parametrize("epsilon", [1e-5, 0.3])
def test_forward_and_backward_are_the_papers_formula_and_the_matrix_of_its_derivatives(
    kind, epsilon
):
    layer, x, grad = norm(kind, epsilon=epsilon), 3 * normal(6, 4) + 1, normal(6, 4, seed=2)
    y, grad_x = layer.forward(x), layer.backward(grad)
    scale_grad, shift_grad = np.zeros((1, 4)), np.zeros((1, 4))
    for places in groups(kind, x):
        values = [x[place] for place in places]
        hats, matrix = normalized(values, epsilon)[0], slopes(values, epsilon)
        for j, place in enumerate(places):
            expected = sum(
                grad[b, f] * layer.scale[0, f] * matrix[i][j] for i, (b, f) in enumerate(places)
            )
            assert grad_x[place] == pytest.approx(expected, rel=1e-10, abs=1e-12)
        for (b, f), hat in zip(places, hats, strict=True):
            assert y[b, f] == pytest.approx(layer.scale[0, f] * hat + layer.shift[0, f], rel=1e-12)
            scale_grad[0, f] += grad[b, f] * hat
            shift_grad[0, f] += grad[b, f]
    np.testing.assert_allclose(layer.scale_grad, scale_grad, rtol=1e-12)
    np.testing.assert_allclose(layer.shift_grad, shift_grad, rtol=1e-12)


def test_one_example_is_enough_for_layer_norm_and_says_nothing_to_batch_norm():
    x, grad = normal(1, 4), normal(1, 4, seed=2)
    layer = norm(LayerNorm)
    np.testing.assert_allclose(
        layer.forward(x), norm(LayerNorm).forward(np.vstack([x, normal(5, 4, seed=3)]))[:1]
    )
    batch = norm(BatchNorm)
    np.testing.assert_array_equal(batch.forward(x), batch.shift)
    np.testing.assert_array_equal(batch.backward(grad), 0)
    np.testing.assert_array_equal(batch.shift_grad, grad)
    np.testing.assert_array_equal(batch.scale_grad, 0)


@each_norm
def test_numbers_that_are_all_the_same_give_the_shift_and_no_warning(kind):
    layer = norm(kind)
    y = layer.forward(np.full((5, 4), 0.5))
    np.testing.assert_array_equal(y, np.tile(layer.shift, (5, 1)))
    assert np.isfinite(layer.backward(normal(5, 4))).all()


@each_norm
def test_a_normalization_begins_with_scale_one_and_shift_zero(kind):
    layer = kind(3, dtype=np.float32)
    np.testing.assert_array_equal(layer.scale, np.ones((1, 3)))
    np.testing.assert_array_equal(layer.shift, np.zeros((1, 3)))
    assert (layer.scale_grad, layer.shift_grad) == (None, None)
    assert {array.dtype for array in arrays_of(layer).values()} == {np.dtype(np.float32)}
    if kind is BatchNorm:
        np.testing.assert_array_equal(layer.running_mean, np.zeros((1, 3)))
        np.testing.assert_array_equal(layer.running_variance, np.ones((1, 3)))
        assert layer.inference is False
        assert len({id(array) for array in arrays_of(layer).values()}) == 4


@pytest.mark.parametrize("momentum", [0.1, 0.75, 1.0])
def test_each_backward_moves_the_running_averages_a_part_of_the_way(momentum):
    layer = norm(BatchNorm, momentum=momentum)
    mean, variance = [0.0] * 4, [1.0] * 4
    for step in range(3):
        x = 3 * normal(6, 4, seed=step) + 1
        layer.forward(x)
        layer.backward(normal(6, 4, seed=9))
        for f, column in enumerate(x.T.tolist()):
            mean[f] = (1 - momentum) * mean[f] + momentum * statistics.mean(column)
            unbiased = statistics.variance(column)
            variance[f] = (1 - momentum) * variance[f] + momentum * unbiased
        np.testing.assert_allclose(layer.running_mean, [mean], rtol=1e-12)
        np.testing.assert_allclose(layer.running_variance, [variance], rtol=1e-12)


def test_forward_alone_changes_no_average_and_backward_changes_them_in_place():
    layer = norm(BatchNorm)
    mean, variance = layer.running_mean, layer.running_variance
    for _ in range(3):
        layer.forward(normal(6, 4) + 3)
    np.testing.assert_array_equal(mean, 0)
    np.testing.assert_array_equal(variance, 1)
    layer.backward(normal(6, 4))
    assert layer.running_mean is mean
    assert layer.running_variance is variance
    assert (mean != 0).all()


def test_in_inference_the_averages_take_the_place_of_the_batch():
    layer, x, grad = norm(BatchNorm, epsilon=0.01), normal(6, 4), normal(6, 4, seed=2)
    layer.running_mean[...] = [[1.0, -2.0, 0.0, 0.5]]
    layer.running_variance[...] = [[4.0, 1.0, 0.25, 9.0]]
    layer.inference = True
    before = {name: array.tobytes() for name, array in arrays_of(layer).items()}
    y, grad_x = layer.forward(x), layer.backward(grad)
    for b, f in np.ndindex(6, 4):
        std = math.sqrt([4.0, 1.0, 0.25, 9.0][f] + 0.01)
        hat = (x[b, f] - [1.0, -2.0, 0.0, 0.5][f]) / std
        expected = layer.scale[0, f] * hat + layer.shift[0, f]
        assert y[b, f] == pytest.approx(expected, rel=1e-12)
        assert grad_x[b, f] == pytest.approx(grad[b, f] * layer.scale[0, f] / std, rel=1e-12)
    assert {name: array.tobytes() for name, array in arrays_of(layer).items()} == before


def blocks(dtype=np.float64):
    return {
        "batch norm": norm(BatchNorm, dtype=dtype),
        "layer norm": norm(LayerNorm, dtype=dtype),
        "residual": Residual([norm(BatchNorm, dtype=dtype), Activation(tanh), dense(dtype=dtype)]),
        "no dense": Residual([Activation("identity")]),
    }


each_block = pytest.mark.parametrize("name", blocks())


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
def test_a_variance_that_overflows_does_not_look_like_a_signal_of_zero(kind):
    x = np.array([[1e30, -1e30], [2e30, 3.0]], np.float32)
    with np.errstate(over="ignore"):
        assert np.isnan(kind(2, dtype=np.float32).forward(x)).any()


@each_block
def test_arguments_are_only_read_and_what_comes_out_is_new(name):
    layer, x, grad = blocks()[name], normal(6, 4), normal(6, 4, seed=2)
    x.flags.writeable = grad.flags.writeable = False
    y = layer.forward(x)
    grad_x = layer.backward(grad)
    assert not np.shares_memory(y, x)
    assert not np.shares_memory(grad_x, grad)
    again = layer.forward(x)
    y[...] = grad_x[...] = np.nan  # what the caller does with them is no concern of the layer's
    assert np.isfinite(again).all()
    assert np.isfinite(layer.backward(grad)).all()


@each_block
def test_single_precision_stays_single_and_follows_double(name):
    x, grad = normal(6, 4), normal(6, 4, seed=2)
    single, double = blocks(np.float32)[name], blocks()[name]
    if name != "no dense":  # which has no precision of its own
        assert single.forward(x).dtype == np.float32
    y = single.forward(x.astype(np.float32))
    grad_x = single.backward(grad)
    assert y.dtype == grad_x.dtype == np.float32
    np.testing.assert_allclose(y, double.forward(x), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(grad_x, double.backward(grad), rtol=1e-4, atol=1e-5)
    for layer in (single, *getattr(single, "layers", [])):
        found = [a for a in vars(layer).values() if isinstance(a, np.ndarray)]
        assert {a.dtype for a in found} <= {np.dtype(np.float32)}


@each_block
def test_what_is_forgotten_cannot_be_derived_but_the_averages_are_not_forgotten(name):
    layer = blocks()[name]
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        layer.backward(normal(6, 4))
    layer.forward(normal(6, 4))
    layer.backward(normal(6, 4))
    mean = layer.running_mean.copy() if name == "batch norm" else None
    layer.clear_cache()
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        layer.backward(normal(6, 4))
    if name == "batch norm":
        assert layer.batch_mean is layer.batch_variance is layer.scale_grad is None
        np.testing.assert_array_equal(layer.running_mean, mean)
        assert mean.any()


def test_a_residual_block_is_its_input_plus_its_branch():
    first, second = dense(4, 7), dense(7, 4, seed=1)
    block, x, grad = Residual([first, Activation(tanh), second]), normal(6, 4), normal(6, 4, seed=2)
    h = np.tanh(x @ first.weight + first.bias)
    np.testing.assert_allclose(
        block.forward(x), x + h @ second.weight + second.bias, rtol=1e-12, atol=1e-13
    )
    inner = np.einsum("bk,jk->bj", grad, second.weight) * (1 - h**2)
    expected = grad + np.einsum("bj,ij->bi", inner, first.weight)
    np.testing.assert_allclose(block.backward(grad), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(second.weight_grad, h.T @ grad, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(first.weight_grad, x.T @ inner, rtol=1e-12, atol=1e-13)


def network(kind=None, residual=None, seed=0, sizes=(4, 5, 5, 5, 5, 3), **settings):
    """A network none of whose parameters is at its beginning."""
    net = MLP(
        list(sizes),
        activation="tanh",
        weight_init=init.normal(0.7),
        bias_init=init.normal(0.3),
        rng=np.random.default_rng(seed),
        normalization=kind,
        residual_block_size=residual,
        **settings,
    )
    rng = np.random.default_rng(seed + 100)
    for layer in net.flat_layers:
        if isinstance(layer, Normalize):
            layer.scale += 0.3 * rng.standard_normal(layer.scale.shape).astype(net.dtype)
            layer.shift += 0.3 * rng.standard_normal(layer.shift.shape).astype(net.dtype)
    return net


@pytest.mark.parametrize("batch", [1, 2, 6])
@pytest.mark.parametrize("stacked", [False, True], ids=["single", "stack"])
@pytest.mark.parametrize("residual", [None, 1, 2])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_gradient_is_a_slope_of_the_loss(kind, residual, stacked, batch):
    net = network(kind, residual)
    if stacked:
        net = MLP.stack([net, network(kind, residual, seed=1)])
    found = check_gradients(net, normal(batch, 4), np.array([0, 2, 1, 1, 2, 0])[:batch])
    assert found, str(found)
    learned = (20 + 5) + 3 * (25 + 5) + (15 + 3) + (0 if kind is None else 4 * 10)
    assert found.entries == learned * (2 if stacked else 1) + 4 * batch


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (LayerNorm(5, epsilon=0.01), "LayerNorm(5, epsilon=0.01)"),
        (BatchNorm(5), "BatchNorm(5)"),
        # What prints alike is taken for the same: every digit counts.
        (
            BatchNorm(5, epsilon=1.0000001e-5, momentum=0.10000001),
            "BatchNorm(5, epsilon=1.0000001e-05, momentum=0.10000001)",
        ),
        (
            Residual([LayerNorm(4), Activation("relu"), dense()]),
            "Residual(LayerNorm(4), Activation(relu), Dense(4 -> 4))",
        ),
    ],
)
def test_a_block_prints_as_what_it_is(layer, shown):
    assert repr(layer) == shown


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: LayerNorm(0), ValueError, "features=0 must be a whole number of at least 1"),
        (lambda: LayerNorm(4, epsilon=0), ValueError, "epsilon=0 must be a finite number above"),
        (lambda: BatchNorm(4, dtype=int), TypeError, r"dtype=.*int.* must be np\.float32"),
        (lambda: BatchNorm(4, momentum=0), ValueError, "momentum=0 must be a finite number abo"),
        (lambda: BatchNorm(4, momentum=1.5), ValueError, r"momentum=1\.5 must.* and at most 1"),
        (lambda: Residual([]), ValueError, "layers is empty"),
        (lambda: Residual([Activation("relu"), "relu"]), TypeError, "layers holds 'relu'; each"),
        (lambda: Residual([Dense]), TypeError, "layers holds <class .*Dense'>; each must be a"),
        (lambda: Normalize(4), TypeError, "take one of them"),
    ],
)
def test_a_block_is_not_made_from_what_is_none(make, error, message):
    with pytest.raises(error, match=message):
        make()


@each_norm
@pytest.mark.parametrize(
    ("stack", "x", "error", "message"),
    [
        ((), np.ones((6, 5)), ValueError, r"\(6, 5\) doesn't fit .*\(1, 4\): expected .*batch, 4"),
        ((), np.ones(4), ValueError, r"x has shape \(4,\)"),
        ((), np.ones((6, 4), int), TypeError, r"x has dtype int\d+, but floats are needed"),
        ((2,), np.ones((3, 6, 4)), ValueError, r"\(3, 6, 4\) doesn't fit .*\(2, 1, 4\)"),
    ],
)
def test_inputs_that_do_not_fit_a_normalization_are_refused(kind, stack, x, error, message):
    with pytest.raises(error, match=message):
        norm(kind, stack=stack).forward(x)


def test_no_examples_have_no_mean_and_are_no_problem_where_nothing_is_averaged():
    layer, nothing = BatchNorm(4), np.ones((0, 4))
    with pytest.raises(ValueError, match=r"x has shape \(0, 4\); expected at least one example"):
        layer.forward(nothing)
    layer.inference = True
    assert layer.forward(nothing).shape == LayerNorm(4).forward(nothing).shape == (0, 4)


@each_block
@pytest.mark.parametrize(
    ("grad", "error", "message"),
    [
        (np.ones((1, 4)), ValueError, r"grad of shape \(1, 4\) doesn't fit .* \(6, 4\)"),
        (np.ones((6, 4), int), TypeError, r"grad has dtype int\d+, but floats are needed"),
    ],
)
def test_gradients_that_do_not_fit_are_refused_and_no_average_moves(name, grad, error, message):
    layer = blocks()[name]
    layer.forward(normal(6, 4))
    with pytest.raises(error, match=message):
        layer.backward(grad)
    if name == "batch norm":
        np.testing.assert_array_equal(layer.running_mean, 0)


@pytest.mark.parametrize(
    ("layers", "x", "error", "message"),
    [
        ([dense(4, 3)], np.ones((6, 4)), ValueError, "a branch must keep 4 features, not 3"),
        ([Activation(tanh)], np.ones((6, 4), int), TypeError, r"x has dtype int\d+"),
        ([Activation(tanh)], np.array(1.0), ValueError, r"x has shape \(\)"),
    ],
)
def test_inputs_that_do_not_fit_a_branch_are_refused(layers, x, error, message):
    with pytest.raises(error, match=message):
        Residual(layers).forward(x)
