"""Does each optimizer take the steps of its paper, in place?

The papers' rules are transcribed once more here, number by number, in plain Python.
"""

import math

import numpy as np
import pytest

from initlab import SGD, Adam, WarmUp

SHAPES = [(3, 2), (1, 2), (2, 3, 1)]
MAKERS = {
    "SGD": lambda: SGD(0.1),
    "momentum": lambda: SGD(0.1, momentum=0.9),
    "Adam": lambda: Adam(0.1),
}
each_optimizer = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def arrays(seed, *, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]


def assert_follows(optimizer, rule, *, steps=6):
    """Compare several steps with a rule: a generator that is sent gradients and yields changes."""
    parameters = arrays(0)
    expected = [parameter.copy() for parameter in parameters]
    rules = [[rule() for _ in range(parameter.size)] for parameter in parameters]
    for row in rules:
        for one in row:
            next(one)
    for step in range(steps):
        gradients = arrays(1 + step)
        optimizer.step(parameters, gradients)
        for array, gradient, row in zip(expected, gradients, rules, strict=True):
            for entry, one in enumerate(row):
                array.flat[entry] += one.send(float(gradient.flat[entry]))
        for parameter, array in zip(parameters, expected, strict=True):
            np.testing.assert_allclose(parameter, array, rtol=1e-12, atol=1e-12)


def test_plain_descent_goes_against_the_gradient():
    def rule():
        change = None
        while True:
            change = -0.3 * (yield change)

    assert_follows(SGD(0.3), rule)


@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_momentum_adds_up_a_velocity(momentum):
    # Sutskever et al. (2013), equations 1 and 2: v' = mu v - rate g; parameter' = parameter + v'.
    def rule():
        velocity, change = 0.0, None
        while True:
            gradient = yield change
            velocity = change = momentum * velocity - 0.3 * gradient

    assert_follows(SGD(0.3, momentum=momentum), rule)


@pytest.mark.parametrize(
    "settings",
    [{}, {"learning_rate": 0.2, "beta1": 0.5, "beta2": 0.8, "epsilon": 0.1}, {"beta1": 0.0}],
    ids=str,
)
def test_adam_follows_algorithm_1_of_its_paper(settings):
    # Kingma and Ba (2015), with the defaults the paper proposes.
    defaults = {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    alpha, beta1, beta2, epsilon = {**defaults, **settings}.values()

    def rule():
        m, v, t, change = 0.0, 0.0, 0, None
        while True:
            g = yield change
            t += 1
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            m_hat = m / (1 - beta1**t)
            v_hat = v / (1 - beta2**t)
            change = -alpha * m_hat / (math.sqrt(v_hat) + epsilon)

    assert_follows(Adam(**settings), rule)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e6])
def test_the_first_step_of_adam_is_the_learning_rate_whatever_the_gradient(size):
    parameter = np.zeros((2, 2))
    Adam(0.01).step([parameter], [np.array([[size, -size], [size, -size]])])
    np.testing.assert_allclose(parameter, [[-0.01, 0.01], [-0.01, 0.01]], rtol=1e-4)


@each_optimizer
def test_parameters_change_in_place_and_gradients_not_at_all(make):
    optimizer, parameters, gradients = make(), arrays(0), arrays(1)
    start = arrays(0)
    before = [gradient.tobytes() for gradient in gradients]
    for gradient in gradients:
        gradient.flags.writeable = False
    seen = [parameter[...] for parameter in parameters]  # views of the same memory
    for _ in range(3):
        optimizer.step(parameters, gradients)
    assert [gradient.tobytes() for gradient in gradients] == before
    for view, parameter, old in zip(seen, parameters, start, strict=True):
        assert np.shares_memory(view, parameter)
        assert (view != old).all()


@each_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept(make, dtype):
    optimizer, parameters = make(), arrays(0, dtype=dtype)
    for step in range(3):
        optimizer.step(parameters, arrays(1 + step, dtype=dtype))
    assert [parameter.dtype for parameter in parameters] == [dtype] * 3
    remembered = [
        array
        for name in ("velocities", "means", "squares")
        for array in getattr(optimizer, name, None) or []
    ]
    assert all(array.dtype == dtype for array in remembered)


@each_optimizer
def test_each_optimizer_remembers_on_its_own(make):
    alone, beside, other = make(), make(), make()
    one, two, three = arrays(0), arrays(0), arrays(5)
    for step in range(3):
        alone.step(one, arrays(1 + step))
        beside.step(two, arrays(1 + step))
        other.step(three, arrays(11 + step))
    for a, b in zip(one, two, strict=True):
        assert (a == b).all()


@pytest.mark.parametrize("optimizer", [SGD(0), SGD(0, momentum=0.5), Adam(0)], ids=repr)
def test_a_learning_rate_of_zero_changes_nothing(optimizer):
    parameters = arrays(0)
    optimizer.step(parameters, arrays(1))
    for parameter, old in zip(parameters, arrays(0), strict=True):
        assert (parameter == old).all()


@each_optimizer
def test_a_gradient_of_zero_changes_nothing_at_first(make):
    parameters = arrays(0)
    make().step(parameters, [np.zeros_like(parameter) for parameter in parameters])
    for parameter, old in zip(parameters, arrays(0), strict=True):
        assert (parameter == old).all()


@each_optimizer
@pytest.mark.parametrize("kept", [slice(0, 2), slice(0, 0)], ids=str)
def test_lists_of_unequal_length_are_refused(make, kept):
    with pytest.raises(ValueError, match="gradients of shapes"):
        make().step(arrays(0), arrays(1)[kept])
    with pytest.raises(ValueError, match="gradients of shapes"):
        make().step(arrays(0)[kept], arrays(1))


@each_optimizer
@pytest.mark.parametrize("wrong", [np.ones(2), np.ones((2, 3)), 1.0, None], ids=str)
def test_gradients_of_another_shape_are_refused_before_anything_changes(make, wrong):
    parameters = arrays(0)
    with pytest.raises(ValueError, match=r"gradients of shapes .* parameters of shapes") as caught:
        make().step(parameters, [*arrays(1)[:2], wrong])
    assert str(SHAPES) in str(caught.value)
    assert str([*SHAPES[:2], np.shape(wrong)]) in str(caught.value)
    for parameter, old in zip(parameters, arrays(0), strict=True):
        assert (parameter == old).all()


@each_optimizer
def test_a_fresh_optimizer_has_the_settings_and_no_memory(make):
    used = make()
    used.step(arrays(3), arrays(4))
    fresh, new = used.reset_copy(), make()
    assert repr(fresh) == repr(new)
    one, two = arrays(0), arrays(0)
    for step in range(3):
        fresh.step(one, arrays(1 + step))
        new.step(two, arrays(1 + step))
    for a, b in zip(one, two, strict=True):
        assert (a == b).all()


@pytest.mark.parametrize("make", [MAKERS["momentum"], MAKERS["Adam"]], ids=["momentum", "Adam"])
def test_what_is_remembered_is_for_one_list_of_parameters(make):
    optimizer = make()
    optimizer.step(arrays(0), arrays(1))
    with pytest.raises(ValueError, match="memory of shapes"):
        optimizer.step(arrays(0)[:2], arrays(1)[:2])


RATES = [
    (-0.1, ValueError, "a finite number of at least 0"),
    (math.nan, ValueError, "a finite number of at least 0"),
    (math.inf, ValueError, "a finite number of at least 0"),
    (True, TypeError, "a real number"),
    ("0.1", TypeError, "a real number"),
    (None, TypeError, "a real number"),
]
FRACTIONS = [
    *((value, error, said.replace("0", "0 and below 1")) for value, error, said in RATES),
    (1, ValueError, "a finite number of at least 0 and below 1"),
    (1.5, ValueError, "a finite number of at least 0 and below 1"),
]


@pytest.mark.parametrize(
    ("make", "name", "value", "error", "expected"),
    [
        *((SGD, "learning_rate", *row) for row in RATES),
        *((lambda **k: SGD(0.1, **k), "momentum", *row) for row in FRACTIONS),
        *((Adam, "learning_rate", *row) for row in RATES),
        *((Adam, "beta1", *row) for row in FRACTIONS),
        *((Adam, "beta2", *row) for row in FRACTIONS),
        (Adam, "epsilon", 0, ValueError, "a finite number above 0"),
        (Adam, "epsilon", -1e-8, ValueError, "a finite number above 0"),
        (Adam, "epsilon", math.nan, ValueError, "a finite number above 0"),
        (Adam, "epsilon", "tiny", TypeError, "a real number"),
    ],
)
def test_a_wrong_setting_is_refused_naming_argument_value_and_range(
    make, name, value, error, expected
):
    with pytest.raises(error) as caught:
        make(**{name: value})
    assert str(caught.value) == f"{name}={value!r} must be {expected}"


def test_settings_of_numpy_do_not_raise_the_precision():
    parameters = arrays(0, dtype=np.float32)
    for optimizer in (
        SGD(np.float64(0.1), momentum=np.float64(0.9)),
        Adam(np.float64(0.1), np.float64(0.9), np.float64(0.999), np.float64(1e-8)),
    ):
        optimizer.step(parameters, arrays(1, dtype=np.float32))
        remembered = getattr(optimizer, "velocities", None) or optimizer.means
        assert remembered[0].dtype == np.float32
        assert type(optimizer.learning_rate) is float


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (SGD(0.01), "SGD(0.01)"),
        (SGD(1), "SGD(1)"),
        (SGD(0.1, 0.9), "SGD(0.1, momentum=0.9)"),
        (Adam(), "Adam(0.001)"),
        (Adam(0.01), "Adam(0.01)"),
        (Adam(0.01, 0.5, epsilon=1e-6), "Adam(0.01, beta1=0.5, epsilon=1e-06)"),
    ],
)
def test_an_optimizer_prints_as_the_call_that_makes_it(optimizer, expected):
    assert repr(optimizer) == expected


# ------------------------------------------------------------------------------------- warm-up


class Told(SGD):
    """Notes its rate at each step."""

    def __init__(self, learning_rate):
        super().__init__(learning_rate)
        self.rates = []

    def step(self, parameters, gradients):
        self.rates.append(self.learning_rate)
        super().step(parameters, gradients)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (1, [0.6] * 6),
        (2, [0.3, 0.6, 0.6, 0.6, 0.6, 0.6]),
        (4, [0.15, 0.3, 0.45, 0.6, 0.6, 0.6]),
        (100, [0.006, 0.012, 0.018, 0.024, 0.03, 0.036]),
    ],
)
def test_the_rate_grows_in_a_straight_line_to_its_full_value(steps, expected):
    optimizer = WarmUp(Told(0.6), steps)
    for _ in range(6):
        optimizer.step(arrays(0), arrays(1))
    assert optimizer.optimizer.rates == pytest.approx(expected, rel=1e-12)
    assert optimizer.learning_rate == optimizer.optimizer.learning_rate == 0.6


def test_momentum_warms_up_by_its_rate_and_keeps_its_velocity():
    def rule():
        velocity, t, change = 0.0, 0, None
        while True:
            gradient = yield change
            t += 1
            velocity = 0.9 * velocity + gradient
            change = -0.3 * min(1, t / 4) * velocity

    assert_follows(WarmUp(SGD(0.3, momentum=0.9), 4), rule)


def test_adam_warms_up_by_its_rate_and_keeps_its_means():
    def rule():
        m, v, t, change = 0.0, 0.0, 0, None
        while True:
            g = yield change
            t += 1
            m = 0.9 * m + 0.1 * g
            v = 0.999 * v + 0.001 * g**2
            root = math.sqrt(v / (1 - 0.999**t)) + 1e-8
            change = -0.02 * min(1, t / 3) * m / (1 - 0.9**t) / root

    assert_follows(WarmUp(Adam(0.02), 3), rule)


@each_optimizer
def test_a_warm_up_of_one_step_is_none(make):
    plain, warm = arrays(0), arrays(0)
    one, other = make(), WarmUp(make(), 1)
    for step in range(3):
        one.step(plain, arrays(1 + step))
        other.step(warm, arrays(1 + step))
    for a, b in zip(plain, warm, strict=True):
        np.testing.assert_array_equal(a, b)


@each_optimizer
def test_a_fresh_warm_up_begins_anew_and_the_used_one_goes_on(make):
    used, whole = WarmUp(make(), 4), WarmUp(make(), 4)
    one, two = arrays(0), arrays(0)
    for step in range(3):
        used.step(one, arrays(1 + step))
        whole.step(two, arrays(1 + step))
    fresh, new = used.reset_copy(), WarmUp(make(), 4)
    assert repr(fresh) == repr(new)
    three, four = arrays(5), arrays(5)
    for step in range(6):
        fresh.step(three, arrays(1 + step))
        new.step(four, arrays(1 + step))
        used.step(one, arrays(4 + step))
        whole.step(two, arrays(4 + step))
    for a, b in [*zip(one, two, strict=True), *zip(three, four, strict=True)]:
        np.testing.assert_array_equal(a, b)


@each_optimizer
def test_a_warm_up_takes_a_fresh_copy_of_its_optimizer(make):
    mine = make()
    mine.step(arrays(3), arrays(4))
    before = {name: repr(value) for name, value in vars(mine).items()}
    warm, new = WarmUp(mine, 3), WarmUp(make(), 3)
    one, two = arrays(0), arrays(0)
    for step in range(4):
        warm.step(one, arrays(1 + step))
        new.step(two, arrays(1 + step))
    assert {name: repr(value) for name, value in vars(mine).items()} == before
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@each_optimizer
def test_an_error_on_a_step_of_a_warm_up_changes_nothing(make):
    warm, new = WarmUp(make(), 4), WarmUp(make(), 4)
    parameters, rate = arrays(0), warm.learning_rate
    with pytest.raises(ValueError, match="gradients of shapes"):
        warm.step(parameters, arrays(1)[:2])
    assert warm.optimizer.learning_rate == warm.learning_rate == rate
    for parameter, old in zip(parameters, arrays(0), strict=True):
        np.testing.assert_array_equal(parameter, old)
    other = arrays(0)
    warm.step(parameters, arrays(1))  # still the first step
    new.step(other, arrays(1))
    for a, b in zip(parameters, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_warm_up_keeps_the_precision():
    parameters = arrays(0, dtype=np.float32)
    WarmUp(Adam(np.float64(0.1)), 3).step(parameters, arrays(1, dtype=np.float32))
    assert [parameter.dtype for parameter in parameters] == [np.float32] * 3


def test_a_warm_up_prints_as_the_call_that_makes_it():
    assert repr(WarmUp(SGD(0.1, 0.9), 100)) == "WarmUp(SGD(0.1, momentum=0.9), steps=100)"
    used = WarmUp(Adam(), 2)
    used.step(arrays(0), arrays(1))
    assert repr(used) == "WarmUp(Adam(0.001), steps=2)"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ((SGD, 5), TypeError, "optimizer=<class .*SGD.* must be an optimizer"),
        ((0.1, 5), TypeError, r"optimizer=0\.1 must be an optimizer, e\.g\. SGD\(0\.01\)"),
        ((SGD(0.1), 0), ValueError, "steps=0 must be a whole number of at least 1"),
        ((SGD(0.1), 2.0), TypeError, r"steps=2\.0 must be a whole number"),
        ((SGD(0.1), True), TypeError, "steps=True must be a whole number"),
    ],
)
def test_what_cannot_warm_up_is_refused_by_name(call, error, message):
    with pytest.raises(error, match=message):
        WarmUp(*call)


def test_a_reset_copy_of_a_warm_up_keeps_the_rate_it_was_given():
    optimizer = WarmUp(SGD(0.1), 10)
    optimizer.learning_rate = 0.5
    assert optimizer.reset_copy().learning_rate == 0.5


@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.5), Adam(0.1)], ids=repr)
def test_a_step_that_is_refused_stores_nothing(optimizer):
    with pytest.raises(ValueError, match="gradients of shapes"):
        optimizer.step([np.zeros(2)], [np.zeros(3)])
    parameter = np.zeros(4)
    optimizer.step([parameter], [np.ones(4)])
    assert (parameter < 0).all()
