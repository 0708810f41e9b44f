"""Does each layer compute what it says, and pass the gradient back unharmed?"""

import numpy as np
import pytest

from initlab import Activation, Dense
from initlab import initializers as init
from initlab.activations import ACTIVATIONS, relu

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


# ----------------------------------------------------------------------------------- dense layer


def test_dense_adds_up_inputs_times_weights_and_the_bias():
    layer, x = dense(), numbers((4, 5))
    z = layer.forward(x)
    for b, j in np.ndindex(4, 3):
        expected = layer.bias[0, j]
        for i in range(5):
            expected += x[b, i] * layer.weight[i, j]
        assert z[b, j] == pytest.approx(expected, rel=1e-12)
    assert z.shape == (4, 3)


@pytest.mark.parametrize("stack", [(), (2,), (2, 3)], ids=str)
def test_the_gradients_of_dense_are_slopes(stack, numerical_gradient):
    layer, x, grad = dense(stack=stack), numbers((*stack, 4, 5)), numbers((*stack, 4, 3), seed=2)
    layer.forward(x)
    grad_x = layer.backward(grad)

    # L = sum(grad * z) has dL/dz = grad.
    def slope(name, value):
        probe = dense(stack=stack)

        def loss(array):
            if name != "x":
                setattr(probe, name, array)
            return np.sum(grad * probe.forward(array if name == "x" else x))

        return numerical_gradient(loss, value)

    np.testing.assert_allclose(grad_x, slope("x", x), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(
        layer.weight_grad, slope("weight", layer.weight), rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(layer.bias_grad, slope("bias", layer.bias), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shared_input", [True, False])
def test_a_stack_computes_what_its_layers_compute_one_by_one(shared_input):
    stack, grad = dense(stack=(3,)), numbers((3, 4, 3), seed=2)
    x = numbers((4, 5)) if shared_input else numbers((3, 4, 5))
    z, grad_x = stack.forward(x), stack.backward(grad)
    for k in range(3):
        alone = dense()
        alone.weight, alone.bias = stack.weight[k], stack.bias[k]
        x_alone = x if shared_input else x[k]
        np.testing.assert_allclose(z[k], alone.forward(x_alone), rtol=1e-14)
        np.testing.assert_allclose(grad_x[k], alone.backward(grad[k]), rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(stack.weight_grad[k], alone.weight_grad, rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(stack.bias_grad[k], alone.bias_grad, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("stack", [(), (2,)], ids=str)
def test_gradients_have_the_shapes_of_their_parameters(stack):
    layer = dense(stack=stack)
    assert layer.weight_grad is layer.bias_grad is None
    layer.forward(numbers((4, 5)))
    layer.backward(numbers((*stack, 4, 3)))
    assert layer.weight_grad.shape == layer.weight.shape == (*stack, 5, 3)
    assert layer.bias_grad.shape == layer.bias.shape == (*stack, 1, 3)


def test_gradients_belong_to_the_last_forward_and_do_not_add_up():
    layer, grad = dense(), numbers((4, 3))
    layer.forward(numbers((4, 5), seed=7))
    layer.backward(grad)
    x = numbers((4, 5), seed=8)
    layer.forward(x)
    layer.backward(grad)
    np.testing.assert_allclose(layer.weight_grad, x.T @ grad, rtol=1e-14)
    np.testing.assert_allclose(layer.bias_grad, grad.sum(axis=0, keepdims=True), rtol=1e-14)


@each_precision
def test_dense_changes_nothing_but_its_gradients(dtype):
    layer, x, grad = dense(dtype=dtype), numbers((4, 5), dtype=dtype), numbers((4, 3), dtype=dtype)
    arrays = x, grad, layer.weight, layer.bias
    before = [array.tobytes() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    z = layer.forward(x)
    grad_x = layer.backward(grad)
    assert [array.tobytes() for array in arrays] == before
    for result in (z, grad_x, layer.weight_grad, layer.bias_grad):
        assert not any(np.shares_memory(result, array) for array in arrays)


@each_precision
@pytest.mark.parametrize("given", [np.float32, np.float64])
def test_the_weights_decide_the_precision(dtype, given):
    layer = dense(dtype=dtype)
    z = layer.forward(numbers((4, 5), dtype=given))
    grad_x = layer.backward(numbers((4, 3), dtype=given))
    for result in (layer.weight, layer.bias, z, grad_x, layer.weight_grad, layer.bias_grad):
        assert result.dtype == dtype


def test_dense_draws_weights_and_then_biases_from_the_generator():
    layer = Dense(
        5,
        3,
        weight_init=init.he_normal(),
        bias_init=init.uniform(0.1),
        rng=np.random.default_rng(4),
    )
    rng = np.random.default_rng(4)
    assert (layer.weight == init.he_normal()(rng, (5, 3))).all()
    assert (layer.bias == init.uniform(0.1)(rng, (1, 3))).all()
    assert layer.weight.dtype == np.float64


def test_biases_start_at_zero_when_nothing_is_said():
    layer = Dense(5, 3, weight_init=init.normal(1), rng=np.random.default_rng(0))
    assert (layer.bias == np.zeros((1, 3))).all()


def test_layers_print_what_they_are():
    assert repr(dense()) == repr(dense(stack=(2,))) == "Dense(5 -> 3)"
    assert repr(Activation("relu")) == repr(Activation(relu)) == "Activation(relu)"


# ---------------------------------------------------------------------------------- initializers


@each_precision
def test_any_function_can_be_an_initializer(dtype):
    layer = Dense(
        5,
        3,
        weight_init=lambda rng, shape, dtype: np.arange(15.0).reshape(shape).astype(dtype),
        bias_init=lambda rng, shape, dtype: [[1, 2, 3]],
        rng=np.random.default_rng(0),
        dtype=dtype,
    )
    assert (layer.weight == np.arange(15).reshape(5, 3)).all()
    assert (layer.bias == [[1, 2, 3]]).all()
    assert layer.weight.dtype == layer.bias.dtype == dtype


def test_what_an_initializer_returns_stays_its_own():
    mine = np.ones((5, 3))
    layer = Dense(5, 3, weight_init=lambda rng, shape, dtype: mine, rng=np.random.default_rng(0))
    layer.weight += 1
    assert (mine == 1).all()


@pytest.mark.parametrize("which", ["weight_init", "bias_init"])
@pytest.mark.parametrize(
    "factory", [init.he_normal, init.xavier_uniform, init.normal, init.orthogonal, init.zeros]
)
def test_a_recipe_that_was_not_called_is_refused_with_the_remedy(which, factory):
    recipes = {"weight_init": init.normal(1), which: factory}
    name = factory.__name__
    with pytest.raises(TypeError, match=rf"{which}={name}: call it first, {name}\(\.\.\.\)"):
        Dense(5, 3, **recipes, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    "recipe", [None, 0.01, "he_normal", np.zeros((5, 3))], ids=lambda recipe: type(recipe).__name__
)
def test_what_cannot_be_called_is_no_initializer(recipe):
    with pytest.raises(TypeError, match=r"must be an initializer, e\.g\. he_normal") as caught:
        Dense(5, 3, weight_init=recipe, rng=np.random.default_rng(0))
    assert str(caught.value).startswith(f"weight_init={recipe!r} must be ")


@pytest.mark.parametrize("shape", [(3, 5), (5,), (), (1, 5, 3)], ids=str)
def test_weights_of_another_shape_are_refused_naming_both(shape):
    with pytest.raises(ValueError, match=r"weight_init=.* returned shape") as caught:
        Dense(
            5,
            3,
            weight_init=lambda rng, _, dtype: np.zeros(shape, dtype),
            rng=np.random.default_rng(0),
        )
    assert f"returned shape {shape} instead of (5, 3)" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"fan_in": 0}, ValueError, "fan_in=0 must be a whole number of at least 1"),
        ({"fan_in": 5.0}, TypeError, r"fan_in=5\.0 must be a whole number"),
        ({"fan_out": -1}, ValueError, "fan_out=-1 must be a whole number of at least 1"),
        ({"fan_out": True}, TypeError, "fan_out=True must be a whole number"),
        ({"rng": 0}, TypeError, r"rng=0 must be a numpy\.random\.Generator"),
        ({"dtype": int}, TypeError, r"dtype=.* must be np\.float32"),
        ({"dtype": np.float16}, TypeError, r"dtype=.* must be np\.float32"),
    ],
)
def test_a_wrong_setting_of_dense_is_refused(settings, error, message):
    right = {
        "fan_in": 5,
        "fan_out": 3,
        "weight_init": init.normal(1),
        "rng": np.random.default_rng(0),
    }
    with pytest.raises(error, match=message):
        Dense(**{**right, **settings})


# ------------------------------------------------------------------------------- what doesn't fit


@pytest.mark.parametrize(
    ("stack", "shape"),
    [
        ((), (4, 3)),
        ((), (5, 4)),
        ((), (2, 4, 5)),
        ((2,), (4, 3)),
        ((2,), (3, 4, 5)),
        ((2,), (1, 4, 5)),
        ((2, 3), (3, 4, 5)),
    ],
    ids=str,
)
def test_inputs_that_do_not_fit_are_refused_naming_both_shapes(stack, shape):
    with pytest.raises(ValueError, match="doesn't fit") as caught:
        dense(stack=stack).forward(np.zeros(shape))
    message = str(caught.value)
    assert f"x of shape {shape} doesn't fit parameters of shape {(*stack, 5, 3)}" in message
    assert message.endswith("expected (..., batch, 5)")


@pytest.mark.parametrize(
    ("stack", "shape"),
    [((), (4, 5)), ((), (3, 3)), ((), (1, 3)), ((), (3,)), ((2,), (4, 3)), ((2,), (1, 4, 3))],
    ids=str,
)
def test_gradients_that_do_not_fit_are_refused_naming_both_shapes(stack, shape):
    layer = dense(stack=stack)
    layer.forward(numbers((4, 5)))
    with pytest.raises(ValueError, match="doesn't fit") as caught:
        layer.backward(np.zeros(shape))
    expected = f"grad of shape {shape} doesn't fit the layer's output of shape {(*stack, 4, 3)}"
    assert str(caught.value) == expected


@pytest.mark.parametrize("layer", [dense(), Activation("tanh")], ids=repr)
def test_backward_needs_a_forward_before_it(layer):
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        layer.backward(np.zeros((4, 3)))


@pytest.mark.parametrize("layer", [dense(), Activation("tanh")], ids=repr)
def test_a_layer_that_forgot_needs_a_new_forward(layer):
    out = layer.forward(numbers((4, 5)))
    layer.backward(np.zeros_like(out))
    layer.clear_cache()
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        layer.backward(np.zeros_like(out))
    if isinstance(layer, Dense):
        assert layer.weight_grad is layer.bias_grad is None


def test_layers_take_floats_only():
    integers = np.zeros((4, 5), dtype=int)
    with pytest.raises(TypeError, match=r"x has dtype int\d+, .*x\.astype\(np\.float32\)"):
        dense().forward(integers)
    with pytest.raises(TypeError, match=r"z has dtype int\d+, .*z\.astype\(np\.float32\)"):
        Activation("relu").forward(integers)
    for layer in (dense(), Activation("relu")):
        out = layer.forward(numbers((4, 5)))
        with pytest.raises(TypeError, match=r"grad has dtype int\d+"):
            layer.backward(np.zeros(out.shape, dtype=int))


def test_a_single_example_must_come_as_a_row():
    with pytest.raises(ValueError, match=r"x has shape \(5,\), but needs at least 2 dimensions"):
        dense().forward(np.zeros(5))


# ------------------------------------------------------------------------------ activation layer


@pytest.mark.parametrize("f", ACTIVATIONS.values(), ids=repr)
@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 3)], ids=str)
def test_an_activation_layer_applies_its_function_to_each_number(f, shape, numerical_gradient):
    layer, z, grad = Activation(f.name), numbers(shape), numbers(shape, seed=2)
    h = layer.forward(z)
    for index in np.ndindex(shape):
        assert h[index] == pytest.approx(float(f(z[index])), rel=1e-14)
    slope = numerical_gradient(lambda z: np.sum(grad * f(z)), z)
    np.testing.assert_allclose(layer.backward(grad), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("f", ACTIVATIONS.values(), ids=repr)
@each_precision
def test_an_activation_layer_keeps_precision_and_arguments(f, dtype):
    layer, z, grad = Activation(f), numbers((4, 3), dtype=dtype), numbers((4, 3), seed=2)
    before = z.tobytes(), grad.tobytes()
    z.flags.writeable = grad.flags.writeable = False
    h, grad_z = layer.forward(z), layer.backward(grad)
    assert h.dtype == grad_z.dtype == dtype
    assert (z.tobytes(), grad.tobytes()) == before
    assert not np.shares_memory(h, z)
    assert not np.shares_memory(grad_z, grad)


def test_an_activation_layer_refuses_gradients_of_another_shape():
    layer = Activation("tanh")
    layer.forward(numbers((4, 3)))
    with pytest.raises(ValueError, match=r"grad of shape \(3,\) doesn't fit .* \(4, 3\)"):
        layer.backward(np.zeros(3))


def test_an_activation_layer_knows_only_known_names():
    with pytest.raises(ValueError, match="did you mean 'relu'"):
        Activation("relux")
