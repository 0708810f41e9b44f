"""Every exercise: right answers are right, and mistakes earn their own hints.

Each exercise lists its mistakes, and these tests walk through the lists. A right answer and a wrong
one are written by hand, so that the lists aren't only compared with themselves.
"""

import copy
import functools
import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from initlab import classroom
from initlab.classroom import exercises
from initlab.classroom.checks import Check

CHECKS = {name: value for name, value in vars(exercises).items() if isinstance(value, Check)}
each_check = pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)


def backward_by_differences(dh, h, w):
    z = np.arctanh(h)
    slope = (np.tanh(z + 1e-5) - np.tanh(z - 1e-5)) / 2e-5
    return np.einsum("ij,kj->ik", dh * slope, w)


def layers_in_a_loop(rng, sizes, std):
    weights = []
    for i in range(len(sizes) - 1):
        weights.append(rng.normal(0, std, (sizes[i], sizes[i + 1])))
    return weights


def cd1_image_by_image(v, h, rebuilt_v, rebuilt_h):
    total = np.zeros((v.shape[1], h.shape[1]))
    for i in range(len(v)):
        total += np.outer(rebuilt_v[i], rebuilt_h[i]) - np.outer(v[i], h[i])
    return total / len(v)


def xavier_uniform_number_by_number(rng, fan_in, fan_out):
    a = (6 / (fan_in + fan_out)) ** 0.5
    return [[a * (2 * rng.random() - 1) for _ in range(fan_out)] for _ in range(fan_in)]


def mean_over_the_bell(function):
    """Return the mean of f(z) for standard normal z, by integration on both sides of a kink."""
    sides = (-12, 0), (0, 12)
    return sum(
        integrate.quad(lambda z: function(z) * stats.norm.pdf(z), *side)[0] for side in sides
    )


def leaky(a):
    return lambda z: z if z > 0 else a * z


def chi_between_normalizations(a):
    mean = mean_over_the_bell(leaky(a))
    variance = mean_over_the_bell(lambda z: (leaky(a)(z) - mean) ** 2)
    return mean_over_the_bell(lambda z: 1 if z > 0 else a**2) / variance


def train_layer_by_layer(network, batches, rate, climb=False):
    losses = []
    for x, y in batches:
        probabilities = np.exp(network.forward(x))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        losses.append(-np.log(probabilities[range(len(y)), y]).mean())
        probabilities[range(len(y)), y] -= 1
        network.backward(probabilities / len(y))
        for layer in network.dense:
            layer.weight[...] = layer.weight - (-1 if climb else 1) * rate * layer.weight_grad
            layer.bias[...] = layer.bias - (-1 if climb else 1) * rate * layer.bias_grad
    return losses


RIGHT = {
    "check_saturated_share": lambda h: sum(v < 0.01 or v > 0.99 for v in h.ravel()) / h.size,
    "check_backward_through_tanh": backward_by_differences,
    "check_one_neuron": lambda a, b: (a.mean(axis=1)[:, None], np.sum(b, 0, keepdims=True)),
    "check_layer_weights": layers_in_a_loop,
    "check_cd1_gradient": cd1_image_by_image,
    "check_xavier_uniform": xavier_uniform_number_by_number,
    "check_leaky_gain": lambda a: mean_over_the_bell(lambda z: leaky(a)(z) ** 2) ** -0.5,
    "check_chi": lambda w2, z: w2 * sum(math.cosh(value) ** -4 for value in z) / len(z),
    "check_depth_scale": lambda chi: math.log(1 / math.e, chi),
    "check_on_the_diagonal": lambda std, n: (n * std**2 / 16) ** 0.5,
    "check_batch_norm_chi": chi_between_normalizations,
    "check_fixup_factor": lambda L, m: optimize.brentq(
        lambda a: L * a ** (2 * m - 2) - 1, 1e-9, 1, xtol=1e-12
    ),
    "check_warm_up": lambda step, last, rate: rate if step >= last else rate * step / last,
    "check_training_loop": train_layer_by_layer,
    "check_chance_of_oversight": lambda n: stats.binom.pmf(0, n, 0.1),
}


def drawn_by(draw):
    return lambda rng, sizes, std: [draw(rng, n, m, std) for n, m in pairwise(sizes)]


def same_seed_for_each_layer(rng, sizes, std):
    return [np.random.default_rng(0).normal(0, std, shape) for shape in pairwise(sizes)]


# A fragment of the hint that is expected, and who earns it.
WRONG = {
    "check_saturated_share": ("rows only", lambda h: np.sum(abs(h - 0.5) > 0.49) / len(h)),
    "check_backward_through_tanh": ("of the sigmoid", lambda dh, h, w: (h - h * h) * dh @ w.T),
    "check_one_neuron": ("had a voice too", lambda a, b: (a[:, :1], b.mean(axis=0)[None])),
    "check_layer_weights": ("every layer has the same matrix", same_seed_for_each_layer),
    "check_cd1_gradient": ("divide by len(v)", lambda v, *x: cd1_image_by_image(v, *x) * 8 / 5),
    "check_xavier_uniform": (
        "-a/2 to a/2",
        lambda rng, n, m: (rng.random((n, m)) - 0.5) * (6 / (n + m)) ** 0.5,
    ),
    "check_leaky_gain": ("so a 2 is missing", lambda slope: (1 + slope**2) ** -0.5),
    "check_chi": ("first the square", lambda w2, z: w2 * np.mean(np.cosh(z) ** -2.0) ** 2),
    "check_depth_scale": ("halve it", lambda chi: math.log(1 / 2, chi)),
    "check_on_the_diagonal": ("one half comes", lambda std, n: std * n**0.5 / 2),
    "check_batch_norm_chi": ("upside down", lambda a: 1 / chi_between_normalizations(a)),
    "check_fixup_factor": ("a branch is 0", lambda L, m: L ** (-1 / (2 * m))),
    "check_warm_up": ("goes on growing", lambda step, last, rate: rate * step / last),
    "check_training_loop": ("go uphill", functools.partial(train_layer_by_layer, climb=True)),
    "check_chance_of_oversight": ("not added", lambda n: 1 - n / 10),
}


def test_every_exercise_is_offered_and_has_its_answers_here():
    assert set(CHECKS) == set(RIGHT) == set(WRONG)
    assert {"Prediction", "reset_score", *CHECKS} == set(classroom.__all__)
    assert all(getattr(classroom, name) is check for name, check in CHECKS.items())


@pytest.mark.parametrize("name", CHECKS)
def test_answers_that_are_written_by_hand(name):
    check = CHECKS[name]
    fragment, answer = WRONG[name]
    said = check(answer)
    assert said.state == "not yet"
    assert fragment in said.message
    assert repr(check(RIGHT[name])) == f"correct: {check.praise}"


def answer_of(check, take, rng=None):
    """Return an answer that gives what ``take`` finds in (right, mistakes) of the exercise."""

    def answer(*given):
        return take(check.solve(*[rng if rng and isinstance(a, type(rng)) else a for a in given]))

    return answer if check.cases != ((),) else answer()


def hints_of(check):
    return list(check.solve(*copy.deepcopy(check.cases[0]))[1])


@each_check
def test_right_answers_and_mistakes_are_told_apart(check):
    assert check(answer_of(check, lambda solved: solved[0])).is_correct
    for hint in hints_of(check):
        said = check(answer_of(check, lambda solved, hint=hint: solved[1][hint]))
        assert (said.state, said.message) == ("not yet", hint)


DRAWS = [name for name, check in CHECKS.items() if "Generator" in repr(check.cases)]


@pytest.mark.parametrize("name", DRAWS)
def test_draws_are_recognised_with_any_seed(name):
    check = CHECKS[name]
    for seed in range(7, 10):
        rng = np.random.default_rng(seed)
        assert check(answer_of(check, lambda solved: solved[0], rng)).is_correct
    for hint in hints_of(check):
        said = check(answer_of(check, lambda solved, hint=hint: solved[1][hint], rng))
        assert said.message == hint
    for poor, said in ((0.1, "the result is 0.1. "), (np.zeros(3), "an array of shape (3,). ")):
        assert f"{said}{check.task}" in check(lambda *_, poor=poor: poor).message


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n, m, std: rng.normal(0.15 * std, std, (n, m)),
        lambda rng, n, m, std: 1.18 * std * rng.standard_normal((n, m)),
        lambda rng, n, m, std: rng.standard_normal((n, m)) * std / 1.18,
        lambda rng, n, m, std: rng.laplace(0, std / 2**0.5, (n, m)),
    ],
    ids=["not around 0", "too wide", "too narrow", "another curve"],
)
def test_layers_of_another_mean_std_or_curve_are_not_right(draw):
    assert CHECKS["check_layer_weights"](drawn_by(draw)).state == "not yet"


def test_two_mistakes_in_layers_are_told_by_their_shapes_or_their_std():
    def no_std(rng, sizes, std):
        return [rng.standard_normal(shape) for shape in pairwise(sizes)]

    def turned(rng, sizes, std):
        return [weights.T for weights in no_std(rng, sizes, std)]

    def positive(rng, sizes, std):
        return [np.abs(weights) for weights in no_std(rng, sizes, std)]

    check = exercises.check_layer_weights
    shapes = "(150, 150), (150, 150)"
    said = f"the result is a list of matrices of shapes {shapes}, (10, 150); expected a list of"
    assert check(turned).message == f"{said} matrices of shapes {shapes}, (150, 10)"
    assert check(positive).message.startswith("the std of all weights is 0.6")


def test_one_number_among_many_that_is_not_finite_is_told():
    def spoilt(*given):
        layers = layers_in_a_loop(*given)
        layers[-1][3, 5] = np.inf
        return layers

    assert CHECKS["check_layer_weights"](spoilt).message.startswith("the result holds NaN or inf")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda w_in, w_out: (w_in[:, 0], w_out), "w_in has shape (6,); expected (6, 1)"),
        (lambda w_in, w_out: (w_in[:, :1], w_out), "w_out has shape (8, 3); expected (1, 3)"),
        (lambda w_in, w_out: w_in[:, :1], "expected two arrays, w_in and w_out"),
    ],
)
def test_neuron_of_another_shape_is_told_that_a_column_and_a_row_are_wanted(answer, said):
    check = CHECKS["check_one_neuron"]
    assert check(answer).message == f"{said}. {check.task}"
