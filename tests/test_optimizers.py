"""Does each optimizer take the steps of its paper, in place?

The papers' rules are written once more here, as sums over all gradients so far.
"""

import functools
import math

import numpy as np
import pytest

from initlab import SGD, Adam, WarmUp

SHAPES = [(3, 2), (1, 2), (2, 3, 1)]
MAKERS = {
    "SGD": lambda: SGD(0.1),
    "momentum": lambda: SGD(0.1, momentum=0.9),
    "Adam": lambda: Adam(0.1),
    "warm-up": lambda: WarmUp(SGD(0.1, momentum=0.5), 3),
}
each_optimizer = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def arrays(seed, *, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]


def assert_follows(optimizer, rule, warm_up):
    """Compare six steps with a rule: a function of the gradients from the first to the last."""
    optimizer = optimizer if warm_up is None else WarmUp(optimizer, warm_up)
    parameters, gradients = arrays(0), [arrays(1 + step) for step in range(6)]
    for t in range(1, 7):
        before = [parameter.copy() for parameter in parameters]
        optimizer.step(parameters, gradients[t - 1])
        # Goyal et al. (2017), section 2.2.
        share = 1 if warm_up is None else min(1, t / warm_up)
        for parameter, old, *so_far in zip(parameters, before, *gradients[:t], strict=True):
            expected = old + share * rule(so_far)
            np.testing.assert_allclose(parameter, expected, rtol=1e-12, atol=1e-12)


def faded(values, beta):
    """Return the sum of the values, each older one weighing less by a factor."""
    return sum(beta**age * value for age, value in enumerate(reversed(values)))


each_warm_up = pytest.mark.parametrize("warm_up", [None, 1, 4, 100])


@each_warm_up
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_momentum_adds_up_a_velocity(momentum, warm_up):
    # Sutskever et al. (2013), equations 1 and 2: v' = mu v - rate g; parameter' = parameter + v'.
    # A rate that warms up is a factor of the whole velocity.
    optimizer = SGD(0.3) if momentum == 0 else SGD(0.3, momentum=momentum)
    assert_follows(optimizer, lambda gradients: -0.3 * faded(gradients, momentum), warm_up)


@pytest.mark.parametrize(
    "settings",
    [{}, {"learning_rate": 0.2, "beta1": 0.5, "beta2": 0.8, "epsilon": 0.1}, {"beta1": 0.0}],
    ids=str,
)
@each_warm_up
def test_adam_follows_algorithm_1_of_its_paper(settings, warm_up):
    # Kingma and Ba (2015), with the defaults the paper proposes.
    defaults = {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    alpha, beta1, beta2, epsilon = {**defaults, **settings}.values()

    def mean(values, beta):
        return (1 - beta) * faded(values, beta) / (1 - beta ** len(values))

    def rule(gradients):
        root = np.sqrt(mean([g**2 for g in gradients], beta2))
        return -alpha * mean(gradients, beta1) / (root + epsilon)

    assert_follows(Adam(**settings), rule, warm_up)


@each_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_change_in_place_and_in_their_precision_and_gradients_not_at_all(make, dtype):
    # Settings that are NumPy's own scalars would raise the precision.
    double = np.float64
    rich = [SGD(double(0.1), double(0.9)), Adam(double(0.1), double(0.9), double(0.999))]
    for optimizer in (make(), *rich, WarmUp(rich[1], 3)):
        parameters, gradients = arrays(0, dtype=dtype), arrays(1, dtype=dtype)
        for gradient in gradients:
            gradient.flags.writeable = False
        seen = [parameter[...] for parameter in parameters]  # views of the same memory
        for _ in range(3):
            optimizer.step(parameters, gradients)
        for view, parameter, old in zip(seen, parameters, arrays(0, dtype=dtype), strict=True):
            assert parameter.dtype == dtype
            assert np.shares_memory(view, parameter)
            assert (view != old).all()
        inner = getattr(optimizer, "optimizer", optimizer)
        remembered = [kept for kept in vars(inner).values() if isinstance(kept, list)]
        assert all(array.dtype == dtype for kept in remembered for array in kept)
        assert type(optimizer.learning_rate) is float


@each_optimizer
@pytest.mark.parametrize("wrong", [[np.ones(2)], [np.ones((2, 3))], [1.0], [None], []], ids=str)
def test_gradients_of_another_shape_are_refused_before_anything_changes(make, wrong):
    optimizer, new, parameters = make(), make(), arrays(0)
    with pytest.raises(ValueError, match=r"gradients of shapes .* parameters of shapes") as caught:
        optimizer.step(parameters, [*arrays(1)[:2], *wrong])
    assert str(SHAPES) in str(caught.value)
    assert str([*SHAPES[:2], *map(np.shape, wrong)]) in str(caught.value)
    for parameter, old in zip(parameters, arrays(0), strict=True):
        assert (parameter == old).all()
    # Nothing of it is remembered: the next step is still the first, of whatever shapes.
    one, other = arrays(0)[:2], arrays(0)[:2]
    optimizer.step(one, arrays(1)[:2])
    new.step(other, arrays(1)[:2])
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
    assert optimizer.learning_rate == new.learning_rate


@pytest.mark.parametrize("name", ["momentum", "Adam", "warm-up"])
def test_what_is_remembered_is_for_one_list_of_parameters(name):
    optimizer = MAKERS[name]()
    optimizer.step(arrays(0), arrays(1))
    with pytest.raises(ValueError, match="memory of shapes"):
        optimizer.step(arrays(0)[:2], arrays(1)[:2])


@pytest.mark.parametrize(
    ("make", "name", "wrong", "expected"),
    [
        (SGD, "learning_rate", [-0.1, math.nan], "a finite number of at least 0"),
        (Adam, "learning_rate", [-0.1, math.inf], "a finite number of at least 0"),
        (functools.partial(SGD, 0.1), "momentum", [-0.1, 1], "a finite number of .* 0 and below 1"),
        (Adam, "beta1", [-0.1, 1], "a finite number of at least 0 and below 1"),
        (Adam, "beta2", [-0.1, 1], "a finite number of at least 0 and below 1"),
        (Adam, "epsilon", [0, -1e-8], "a finite number above 0"),
        (functools.partial(WarmUp, SGD(0.1)), "steps", [0, -3], "a whole number of at least 1"),
    ],
)
def test_a_wrong_setting_is_refused_naming_argument_value_and_range(make, name, wrong, expected):
    for value in wrong:
        with pytest.raises(ValueError, match=f"^{name}={value!r} must be {expected}$"):
            make(**{name: value})
    for value in ("0.1", True):
        with pytest.raises(TypeError, match=f"^{name}={value!r} must be a "):
            make(**{name: value})


def test_what_is_no_optimizer_cannot_warm_up():
    for wrong in (SGD, 0.1):
        with pytest.raises(TypeError, match=r"optimizer=.* must be an optimizer, e\.g\. SGD"):
            WarmUp(wrong, 5)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (SGD(1), "SGD(1)"),
        (SGD(0.1, 0.9), "SGD(0.1, momentum=0.9)"),
        (Adam(), "Adam(0.001)"),
        (Adam(0.01, 0.5, epsilon=1e-6), "Adam(0.01, beta1=0.5, epsilon=1e-06)"),
        (WarmUp(SGD(0.1, 0.9), 100), "WarmUp(SGD(0.1, momentum=0.9), steps=100)"),
    ],
)
def test_an_optimizer_prints_as_the_call_that_makes_it(optimizer, expected):
    assert repr(optimizer) == expected
    optimizer.step(arrays(0), arrays(1))
    assert repr(optimizer) == expected


def test_a_warm_up_hands_any_optimizer_its_rate_and_gives_the_full_one_back():
    class Told(SGD):
        def step(self, parameters, gradients):
            rates.append(self.learning_rate)

    rates, optimizer = [], WarmUp(Told(0.6), 4)
    for _ in range(6):
        optimizer.step([], [])
    assert rates == pytest.approx([0.15, 0.3, 0.45, 0.6, 0.6, 0.6], rel=1e-12)
    assert optimizer.learning_rate == optimizer.optimizer.learning_rate == 0.6
    optimizer.learning_rate = 0.5
    assert optimizer.reset_copy().learning_rate == 0.5


@each_optimizer
@pytest.mark.parametrize("way", ["reset_copy", "WarmUp"])
def test_a_fresh_copy_begins_anew_and_the_used_one_goes_on(make, way):
    def walk(optimizer, parameters, seeds):
        for seed in seeds:
            optimizer.step(parameters, arrays(seed))
        return np.concatenate([parameter.ravel() for parameter in parameters])

    used, whole, one, two = make(), make(), arrays(0), arrays(0)
    walk(used, one, range(3))
    walk(whole, two, range(3))
    fresh = used.reset_copy() if way == "reset_copy" else WarmUp(used, 3)
    new = make() if way == "reset_copy" else WarmUp(make(), 3)
    assert repr(fresh) == repr(new)
    begun = [walk(optimizer, arrays(5), range(6)) for optimizer in (fresh, new)]
    np.testing.assert_array_equal(*begun)
    np.testing.assert_array_equal(walk(used, one, range(3, 9)), walk(whole, two, range(3, 9)))
