"""Does each layer compute what it says, and pass the gradient back unharmed?"""

import functools
import re

import numpy as np
import pytest

from initlab import Activation, Dense
from initlab import initializers as init
from initlab.activations import ACTIVATIONS, leaky_relu, softsign

each_precision = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def dense(*, stack=(), dtype=np.float64, seed=0):
    """Return a layer of 5 inputs and 3 neurons (or a stack of them), no two parameters equal."""
    rng = np.random.default_rng(seed)
    layer = Dense(5, 3, weight_init=init.normal(1), bias_init=init.normal(1), rng=rng, dtype=dtype)
    if stack:
        layer.weight = rng.standard_normal((*stack, 5, 3)).astype(dtype)
        layer.bias = rng.standard_normal((*stack, 1, 3)).astype(dtype)
    return layer


def numbers(shape, *, seed=1, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("stack", [(), (2,), (2, 3)], ids=str)
def test_the_gradients_of_dense_are_slopes(stack, numerical_gradient):
    layer, x, grad = dense(stack=stack), numbers((*stack, 4, 5)), numbers((*stack, 4, 3), seed=2)
    layer.forward(x)
    values = {"x": x, "weight": layer.weight, "bias": layer.bias}
    found = {"x": layer.backward(grad), "weight": layer.weight_grad, "bias": layer.bias_grad}
    probe = dense(stack=stack)

    # L = sum(grad * z) has dL/dz = grad.
    def loss(name, array):
        probe.weight, probe.bias = ((values | {name: array})[each] for each in ("weight", "bias"))
        return np.sum(grad * probe.forward(array if name == "x" else x))

    for name, value in values.items():
        slope = numerical_gradient(functools.partial(loss, name), value)
        np.testing.assert_allclose(found[name], slope, rtol=1e-6, atol=1e-8)


def test_dense_adds_up_and_its_gradients_belong_to_the_last_forward():
    layer, grad = dense(), numbers((4, 3))
    assert layer.weight_grad is layer.bias_grad is None
    layer.forward(numbers((4, 5), seed=7))
    layer.backward(grad)
    x = numbers((4, 5), seed=8)
    z = layer.forward(x)
    layer.backward(grad)
    for b, j in np.ndindex(4, 3):
        expected = layer.bias[0, j] + sum(x[b, i] * layer.weight[i, j] for i in range(5))
        assert z[b, j] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(layer.weight_grad, x.T @ grad, rtol=1e-14)
    np.testing.assert_allclose(layer.bias_grad, grad.sum(axis=0, keepdims=True), rtol=1e-14)


@each_precision
@pytest.mark.parametrize("given", [np.float32, np.float64])
@pytest.mark.parametrize("stack", [(), (2,)], ids=str)
def test_a_layer_changes_no_argument_and_the_weights_decide_the_precision(dtype, given, stack):
    for layer in (dense(dtype=dtype, stack=stack), Activation("identity")):
        shape = (*stack, 4, 3 if isinstance(layer, Dense) else 5)
        x, grad = numbers((*stack, 4, 5), dtype=given), numbers(shape, dtype=given)
        arrays = [x, grad, *([layer.weight, layer.bias] if isinstance(layer, Dense) else [])]
        before = [array.tobytes() for array in arrays]
        for array in arrays:
            array.flags.writeable = False
        results = [layer.forward(x), layer.backward(grad)]
        if isinstance(layer, Dense):
            results += [layer.weight_grad, layer.bias_grad]
            assert layer.weight_grad.shape == layer.weight.shape
            assert layer.bias_grad.shape == layer.bias.shape
        assert [array.tobytes() for array in arrays] == before
        for result in results:
            assert result.dtype == (dtype if isinstance(layer, Dense) else given)
            assert not any(np.shares_memory(result, array) for array in arrays)


@each_precision
def test_any_function_can_be_an_initializer_and_what_it_returns_stays_its_own(dtype):
    mine = np.arange(15.0).reshape(5, 3).astype(dtype)
    layer = Dense(
        5,
        3,
        weight_init=lambda rng, shape, dtype: mine,
        bias_init=lambda rng, shape, dtype: [[1, 2, 3]],
        rng=np.random.default_rng(0),
        dtype=dtype,
    )
    assert (layer.weight == mine).all()
    assert (layer.bias == [[1, 2, 3]]).all()
    assert layer.weight.dtype == layer.bias.dtype == dtype
    layer.weight += 1
    assert (mine == np.arange(15).reshape(5, 3)).all()


@pytest.mark.parametrize("which", ["weight_init", "bias_init"])
@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (init.he_normal, "=he_normal: call it first"),
        ("he_normal", "='he_normal' must be an initializer"),
        (np.ndarray, "=<class .*ndarray'> must be an initializer"),
    ],
)
def test_what_is_no_initializer_is_refused_with_the_remedy(which, recipe, message):
    recipes = {"weight_init": init.normal(1), which: recipe}
    with pytest.raises(TypeError, match=which + message):
        Dense(5, 3, **recipes, rng=np.random.default_rng(0))


@pytest.mark.parametrize("shape", [(3, 5), (), (1, 5, 3)], ids=str)
def test_weights_of_another_shape_are_refused_naming_both(shape):
    recipe = lambda rng, _, dtype: np.zeros(shape, dtype)  # noqa: E731
    message = rf"weight_init=.* returned .*{re.escape(str(shape))}.* \(5, 3\)"
    with pytest.raises(ValueError, match=message):
        Dense(5, 3, weight_init=recipe, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"fan_in": 0}, ValueError, "fan_in=0 must be a whole number of at least 1"),
        ({"fan_out": True}, TypeError, "fan_out=True must be a whole number"),
        ({"rng": 0}, TypeError, r"rng=0 must be a numpy\.random\.Generator"),
        ({"dtype": np.float16}, TypeError, r"dtype=.* must be np\.float32"),
    ],
)
def test_a_wrong_setting_of_dense_is_refused(wrong, error, message):
    right = {"fan_in": 5, "fan_out": 3, "weight_init": init.normal(1)}
    with pytest.raises(error, match=message):
        Dense(**{**right, "rng": np.random.default_rng(0), **wrong})


@pytest.mark.parametrize(
    ("stack", "shape"),
    [((), (4, 3)), ((), (2, 4, 5)), ((2,), (3, 4, 5)), ((2,), (1, 4, 5)), ((2, 3), (3, 4, 5))],
    ids=str,
)
def test_inputs_that_do_not_fit_are_refused_naming_both_shapes(stack, shape):
    message = f"x of shape {shape} doesn't fit parameters of shape {(*stack, 5, 3)}"
    with pytest.raises(ValueError, match=re.escape(message)):
        dense(stack=stack).forward(np.zeros(shape))
    with pytest.raises(ValueError, match=r"x has shape \(5,\)"):
        dense(stack=stack).forward(np.zeros(5))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        *((dense(), shape) for shape in [(4, 5), (1, 3), (3,)]),
        *((dense(stack=(2,)), shape) for shape in [(4, 3), (1, 4, 3)]),
        (Activation("tanh"), (5,)),
    ],
    ids=str,
)
def test_gradients_that_do_not_fit_are_refused_naming_both_shapes(layer, shape):
    out = layer.forward(numbers((4, 5)))
    message = re.escape(f"grad of shape {shape} doesn't fit ") + ".*" + re.escape(str(out.shape))
    with pytest.raises(ValueError, match=message):
        layer.backward(np.zeros(shape))


@pytest.mark.parametrize("layer", [dense(), Activation("tanh")], ids=repr)
def test_backward_needs_a_forward_before_it_that_was_not_forgotten(layer):
    for forward in (False, True):
        if forward:
            layer.backward(np.zeros_like(layer.forward(numbers((4, 5)))))
            layer.clear_cache()
        with pytest.raises(RuntimeError, match="backward was called before forward"):
            layer.backward(np.zeros((4, 3)))
    if isinstance(layer, Dense):
        assert layer.weight_grad is layer.bias_grad is None


def test_layers_take_floats_only():
    for name, layer in (("x", dense()), ("z", Activation("relu"))):
        message = rf"{name} has dtype int\d+, .*{name}\.astype\(np\.float32\)"
        with pytest.raises(TypeError, match=message):
            layer.forward(np.zeros((4, 5), dtype=int))
        out = layer.forward(numbers((4, 5)))
        with pytest.raises(TypeError, match=r"grad has dtype int\d+"):
            layer.backward(np.zeros(out.shape, dtype=int))


@pytest.mark.parametrize("f", [leaky_relu, softsign], ids=repr)
@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 3)], ids=str)
def test_an_activation_layer_applies_its_function_to_each_number(f, shape, numerical_gradient):
    layer, z, grad = Activation(f.name), numbers(shape), numbers(shape, seed=2)
    h = layer.forward(z)
    for index in np.ndindex(shape):
        assert h[index] == pytest.approx(float(f(z[index])), rel=1e-14)
    slope = numerical_gradient(lambda z: np.sum(grad * f(z)), z)
    np.testing.assert_allclose(layer.backward(grad), slope, rtol=1e-6, atol=1e-8)
    with pytest.raises(ValueError, match="did you mean 'relu'"):
        Activation("relux")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [name for name, f in ACTIVATIONS.items() if f.saturation])
def test_far_out_on_flat_ends_nothing_is_denormal_and_all_else_is_as_the_function_says(name, dtype):
    layer, tiny = Activation(name), np.finfo(dtype).tiny
    z = np.linspace(-1.1, 1.1, 2001, dtype=dtype)[:, None] * -np.log(tiny)
    for grad in (np.ones_like(z), np.full_like(z, 1e-9)):
        plain = [layer.function(z), grad * layer.function.derivative(z)]
        for given, want in zip([layer.forward(z), layer.backward(grad)], plain, strict=True):
            normal = np.abs(want) >= tiny
            np.testing.assert_array_equal(given, np.where(normal, want, 0))
            assert given.dtype == dtype
