"""Every exercise knows right answers in many styles, and the mistakes that students make.

The answers here are written as students write them, and not taken from the checks.
"""

import ast
import copy
import inspect
import math
import statistics
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from initlab import classroom, theory
from initlab.activations import sigmoid
from initlab.classroom import exercises
from initlab.classroom.checks import Check

CHECKS = {name: value for name, value in vars(exercises).items() if isinstance(value, Check)}

# ------------------------------------------------------------------------------- right answers


def count_saturated(h):
    count = 0
    for row in h:
        for value in row:
            if value < 0.01 or value > 0.99:
                count += 1
    return count / (len(h) * len(h[0]))


def by_integral(std_z):
    z = np.linspace(-4.6, 4.6, 1001)
    density = np.exp(-((z / std_z) ** 2) / 2) / (std_z * np.sqrt(2 * np.pi))
    return density.mean() * 9.2


def backward_unit_by_unit(dh, h, w):
    dx = np.zeros((len(dh), len(w)))
    for i in range(len(dh)):
        for k in range(len(w)):
            for j in range(w.shape[1]):
                dx[i, k] += dh[i, j] * h[i, j] * (1 - h[i, j]) * w[k, j]
    return dx


def backward_by_z(dh, h, w):
    z = np.log(h / (1 - h))
    dz = dh * sigmoid(z) * (1 - sigmoid(z))
    return np.dot(dz, np.transpose(w))


def backward_in_float32(dh, h, w):
    dh, h, w = (a.astype(np.float32) for a in (dh, h, w))
    return (dh * (h - h**2)) @ w.T


def loud_neuron(w_in, w_out):
    one_in = w_in[:, [0]]
    one_out = len(w_out) * w_out[:1, :]
    return [one_in, one_out]


def loud_neuron_as_lists(w_in, w_out):
    return [[row[0]] for row in w_in.tolist()], [list(map(sum, zip(*w_out.tolist(), strict=True)))]


def layers_in_a_loop(rng, sizes, std):
    weights = []
    for i in range(len(sizes) - 1):
        weights.append(rng.normal(0, std, (sizes[i], sizes[i + 1])))
    return weights


def layers_as_tuple(rng, sizes, std):
    return tuple((std * rng.standard_normal(fans)).astype(np.float32) for fans in pairwise(sizes))


def layers_from_the_last(rng, sizes, std):
    return [rng.normal(scale=std, size=(m, n)).T for m, n in zip(sizes[1:], sizes, strict=False)]


def layers_one_by_one(rng, sizes, std):
    for n, m in pairwise(sizes):
        yield std * rng.standard_normal(n * m).reshape(n, m)


def cd1_image_by_image(v, h, dream_v, dream_h):
    total = np.zeros((v.shape[1], h.shape[1]))
    for i in range(len(v)):
        total += np.outer(dream_v[i], dream_h[i]) - np.outer(v[i], h[i])
    return total / len(v)


def cd1_in_float32(*arrays):
    v, h, dream_v, dream_h = (a.astype("float32") for a in arrays)
    return dream_v.T @ dream_h / np.float32(len(v)) - v.T @ h / np.float32(len(v))


def rebuild_image_by_image(x, mean, directions):
    images = []
    for image in x:
        rebuilt = np.array(mean[0])
        for direction in directions:
            rebuilt = rebuilt + np.dot(image - mean[0], direction) * direction
        images.append(rebuilt)
    return images


def xavier_uniform_number_by_number(rng, fan_in, fan_out):
    a = (6 / (fan_in + fan_out)) ** 0.5
    return [[a * (2 * rng.random() - 1) for _ in range(fan_out)] for _ in range(fan_in)]


def xavier_uniform_in_float32(rng, fan_in, fan_out):
    a = np.float32(np.sqrt(6 / (fan_in + fan_out)))
    return a * (2 * rng.random((fan_in, fan_out), dtype=np.float32) - 1)


def xavier_uniform_by_columns(rng, fan_in, fan_out):
    a = np.sqrt(3) * np.sqrt(2 / (fan_in + fan_out))
    return np.column_stack([rng.uniform(-a, a, size=fan_in) for _ in range(fan_out)])


def he_normal_by_columns(rng, fan_in, fan_out):
    weights = np.empty((fan_in, fan_out))
    for j in range(fan_out):
        weights[:, j] = rng.normal(loc=0.0, scale=np.sqrt(2 / fan_in), size=fan_in)
    return weights


def he_normal_in_float32(rng, fan_in, fan_out):
    return rng.standard_normal((fan_in, fan_out), dtype=np.float32) / np.float32(
        math.sqrt(fan_in / 2)
    )


def count_dead(z):
    dead = 0
    for unit in z.T:
        if all(value <= 0 for value in unit):
            dead += 1
    return dead / len(z.T)


def lower_the_right_digits(p, y):
    gradient = p.copy()
    gradient[np.arange(len(y)), y] -= 1
    gradient /= len(y)
    return gradient


def gradient_image_by_image(p, y):
    one_hot = [[1.0 if digit == label else 0.0 for digit in range(10)] for label in y]
    return [(row - np.array(true)) / len(p) for row, true in zip(p, one_hot, strict=True)]


def count_right_answers(z, y):
    right = 0
    for outputs, label in zip(z, y, strict=True):
        if list(outputs).index(max(outputs)) == label:
            right += 1
    return right / len(y)


def spread_by_sorting(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle]
    if len(ordered) % 2 == 0:
        median = (ordered[middle - 1] + ordered[middle]) / 2
    return [median, ordered[0], ordered[-1]]


def draw_by_draw(n):
    chance = 1
    for _ in range(n):
        chance *= 0.9
    return chance


def chi_number_by_number(sigma_w2, z):
    return sigma_w2 * sum((1 / math.cosh(value)) ** 4 for value in z) / len(z)


def layers_to_one_over_e(chi):
    # Fractions of a layer count: 1/e is met in the midst of a layer.
    return math.log(1 / math.e, chi)


def chi_between_normalizations(a):
    z = np.linspace(-9, 9, 20_001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    passed, slope = np.where(z > 0, z, a * z), np.where(z > 0, 1, a)
    slope[len(z) // 2] = (1 + a) / 2
    variance = density @ passed**2 - (density @ passed) ** 2
    at_the_kink = density[len(z) // 2] * (1 - a) ** 2 / 4  # half a step has either slope
    return (density @ slope**2 + at_the_kink) / variance


def warm_up_by_cases(step, last, rate):
    if step >= last:
        return rate
    return rate * step / last


RIGHT = {
    "check_saturated_share": [
        count_saturated,
        lambda h: (np.abs(h - 0.5) > 0.49).mean(),
        lambda h: np.float32(h[(h < 0.01) | (h > 0.99)].size / h.size),
        lambda h: np.mean(h < 0.01) + np.mean(h > 0.99),
    ],
    "check_std_for_sums": [
        lambda n, wanted: np.sqrt(wanted**2 / n),
        lambda n, wanted: np.float32(wanted * n**-0.5),
    ],
    "check_backward_through_layer": [
        backward_unit_by_unit,
        backward_by_z,
        backward_in_float32,
        lambda dh, h, w: (w @ (dh * h * (1 - h)).T).T.tolist(),
    ],
    "check_unsaturated_share": [
        by_integral,
        lambda std_z: 9.2 / (std_z * np.sqrt(2 * np.pi)),
        lambda std_z: 9.2 * stats.norm.pdf(0, 0, std_z),
        lambda std_z: stats.norm.cdf(4.6 / std_z) - stats.norm.cdf(-4.6 / std_z),
        lambda std_z: math.erf(math.log(99) / std_z / math.sqrt(2)),
    ],
    "check_std_that_keeps_gradients": [
        1,
        1.05,
        0.98,
        np.float32(1.01),
        lambda: math.sqrt(theory.critical_line("sigmoid") / 100),
    ],
    "check_one_neuron": [
        loud_neuron,
        loud_neuron_as_lists,
        lambda w_in, w_out: (w_in.mean(axis=1, keepdims=True), np.sum(w_out, 0, keepdims=True)),
        lambda w_in, w_out: (w_in[:, -1].reshape(-1, 1), w_out.sum(axis=0).reshape(1, -1)),
        lambda w_in, w_out: (w_in[:, :1].astype(np.float32), w_out.sum(axis=0)[None]),
    ],
    "check_layer_weights": [
        layers_in_a_loop,
        layers_as_tuple,
        layers_from_the_last,
        layers_one_by_one,
        lambda rng, sizes, std: [
            rng.normal(0, std, sizes[i] * sizes[i + 1]).reshape(sizes[i], sizes[i + 1])
            for i in range(len(sizes) - 1)
        ],
    ],
    "check_cd1_gradient": [
        cd1_image_by_image,
        cd1_in_float32,
        lambda v, h, dream_v, dream_h: -(v.T @ h - dream_v.T @ dream_h) / v.shape[0],
        lambda v, h, dv, dh: np.mean(dv[:, :, None] * dh[:, None] - v[:, :, None] * h[:, None], 0),
    ],
    "check_pca_reconstruction": [
        rebuild_image_by_image,
        lambda x, mean, directions: mean + np.dot((x - mean).dot(directions.T), directions),
        lambda x, mean, directions: np.float32(x - mean) @ directions.T @ directions + mean,
    ],
    "check_xavier_std": [
        lambda fan_in, fan_out: np.sqrt(2 / (fan_in + fan_out)),
        lambda fan_in, fan_out: 1 / math.sqrt((fan_in + fan_out) / 2),
        lambda fan_in, fan_out: np.float32((0.5 * (fan_in + fan_out)) ** -0.5),
    ],
    "check_xavier_uniform": [
        xavier_uniform_number_by_number,
        xavier_uniform_in_float32,
        xavier_uniform_by_columns,
        lambda rng, n, m: rng.uniform(-np.sqrt(6 / (n + m)), np.sqrt(6 / (n + m)), (n, m)),
        lambda rng, n, m: np.sqrt(6 / (n + m)) * rng.uniform(low=-1, high=1, size=(m, n)).T,
        lambda rng, n, m: np.sqrt(24 / (n + m)) * (rng.random((n, m)) - 0.5),
    ],
    "check_he_normal": [
        he_normal_by_columns,
        he_normal_in_float32,
        lambda rng, n, m: rng.normal(0, np.sqrt(2 / n), (n, m)),
        lambda rng, n, m: math.sqrt(2 / n) * rng.standard_normal((n, m)),
        lambda rng, n, m: (rng.standard_normal((m, n)).T * np.sqrt(2) / np.sqrt(n)).tolist(),
        lambda rng, n, m: rng.normal(0, np.sqrt(2 / n), n * m).reshape(n, m),
    ],
    "check_leaky_gain": [
        lambda slope: np.sqrt(2 / (1 + slope * slope)),
        lambda slope: ((1 + slope**2) / 2) ** -0.5,
        lambda slope: np.float32(1 / math.sqrt(0.5 + 0.5 * slope**2)),
    ],
    "check_dead_share": [
        count_dead,
        lambda z: (z.max(axis=0) <= 0).mean(),
        lambda z: np.sum(np.maximum(z, 0).sum(axis=0) == 0) / z.shape[1],
        lambda z: 1 - np.any(z > 0, axis=0).mean(),
    ],
    "check_chi": [
        chi_number_by_number,
        lambda w2, z: w2 * np.mean((1 - np.tanh(z) ** 2) ** 2),
        lambda w2, z: (w2 * np.cosh(z) ** -4.0).mean(),
        lambda w2, z: np.float32(np.average(w2 * (1 - np.tanh(z) ** 2) ** 2)),
    ],
    "check_depth_scale": [
        layers_to_one_over_e,
        lambda chi: -1 / np.log(chi),
        lambda chi: 1 / np.log(1 / chi),
        lambda chi: abs(1 / math.log(chi)),
    ],
    "check_on_the_diagonal": [
        lambda std, n: std * np.sqrt(n) / 4,
        lambda std, n: math.sqrt(n * std**2) / 4,
        lambda std, n: (n * std * std / 16) ** 0.5,
    ],
    "check_batch_norm_chi": [
        chi_between_normalizations,
        lambda a: ((1 + a**2) / 2) / ((1 + a**2) / 2 - (1 - a) ** 2 / (2 * np.pi)),
        lambda a: 1 / (1 - (1 - a) ** 2 / np.pi / (1 + a * a)),
    ],
    "check_fixup_factor": [
        lambda L, m: L ** (-1 / (2 * m - 2)),
        lambda L, m: 1 / L ** (1 / 2 / (m - 1)),
        lambda L, m: math.exp(-math.log(L) / (2 * m - 2)),
    ],
    "check_warm_up": [
        warm_up_by_cases,
        lambda step, last, rate: rate * min(step / last, 1),
        lambda step, last, rate: min(rate, rate * step / last),
        lambda step, last, rate: np.minimum(1, step / last) * rate,
    ],
    "check_gradient_of_loss": [
        lower_the_right_digits,
        gradient_image_by_image,
        lambda p, y: (p - np.eye(10)[y]) / y.size,
        lambda p, y: (p.astype(np.float32) - np.eye(10, dtype=np.float32)[y]) / p.shape[0],
        lambda p, y: (p - (y[:, None] == np.arange(10))) / len(p),
    ],
    "check_accuracy": [
        count_right_answers,
        lambda z, y: (np.argmax(z, 1) == y).sum() / len(y),
        lambda z, y: np.count_nonzero(z.argmax(axis=-1) == y) / y.size,
        lambda z, y: 1 - np.mean(z.argmax(axis=1) != y),
    ],
    "check_pytorch_std": [
        lambda fan_in: 1 / np.sqrt(fan_in) / np.sqrt(3),
        lambda fan_in: 2 / np.sqrt(fan_in) / np.sqrt(12),
        lambda fan_in: np.float32(np.sqrt(1 / (3 * fan_in))),
        lambda fan_in: stats.uniform(-1 / np.sqrt(fan_in), 2 / np.sqrt(fan_in)).std(),
    ],
    "check_spread": [
        spread_by_sorting,
        lambda values: (np.median(values), np.min(values), np.max(values)),
        lambda values: np.quantile(values, [0.5, 0, 1]),
        lambda values: [statistics.median(values), min(values), max(values)],
    ],
    "check_chance_of_oversight": [
        draw_by_draw,
        lambda n: (9 / 10) ** n,
        lambda n: np.float32(0.9) ** n,
        lambda n: math.exp(n * math.log(0.9)),
        lambda n: stats.binom.pmf(0, n, 0.1),
    ],
}

# ------------------------------------------------------------------------------------- mistakes


def slope_at_h(dh, h, w):
    s = sigmoid(h)
    dz = dh * s * (1 - s)
    return dz @ w.T


def same_seed_for_each_layer(rng, sizes, std):
    weights = []
    for n, m in pairwise(sizes):
        rng = np.random.default_rng(0)
        weights.append(rng.normal(0, std, (n, m)))
    return weights


def one_matrix_for_all_layers(rng, sizes, std):
    w = rng.normal(0, std, (sizes[0], sizes[1]))
    return [w for _ in sizes[1:]]


def one_column_for_all_neurons(rng, sizes, std):
    weights = []
    for n, m in pairwise(sizes):
        weights.append(rng.normal(0, std, (n, 1)) * np.ones((n, m)))
    return weights


def one_number_for_each_neuron(rng, sizes, std):
    weights = []
    for n, m in pairwise(sizes):
        weights.append(rng.normal(0, std, m) + np.zeros((n, m)))
    return weights


def layers_with(draw):
    return lambda rng, sizes, std: [
        draw(rng, sizes[i], sizes[i + 1], std) for i in range(len(sizes) - 1)
    ]


def whole_columns(p, y):
    gradient = p.copy()
    gradient[:, y] -= 1
    return gradient / len(p)


def minus_one_over_p(p, y):
    gradient = np.zeros_like(p)
    for i in range(len(p)):
        gradient[i, y[i]] = -1 / p[i, y[i]] / len(p)
    return gradient


# A fragment of the hint that is expected, and who earns it.
MISTAKES = {
    "check_saturated_share": [
        ("upper end is missing", lambda h: (h < 0.01).sum() / h.size),
        ("lower end is missing", lambda h: (h > 0.99).sum() / h.size),
        ("that is how many there are", lambda h: (h < 0.01).sum() + (h > 0.99).sum()),
        ("share of all the others", lambda h: 1 - (np.abs(h - 0.5) > 0.49).mean()),
        ("in percent", lambda h: (np.abs(h - 0.5) > 0.49).mean() * 100),
        ("| instead of &", lambda h: np.mean((h < 0.01) & (h > 0.99))),
        ("len(h) counts the rows only", lambda h: ((h < 0.01) | (h > 0.99)).sum() / len(h)),
    ],
    "check_std_for_sums": [
        ("that is the variance", lambda n, wanted: wanted * wanted / n),
        ("variances that add up", lambda n, wanted: wanted * (1 / n)),
        ("weights must be smaller", lambda n, wanted: n**0.5 * wanted),
        ("sum a std of 1", lambda n, wanted: n**-0.5),
        ("outside the root", lambda n, wanted: np.sqrt(wanted) / np.sqrt(n)),
    ],
    "check_backward_through_layer": [
        ("slope at h", slope_at_h),
        ("sigmoid's slope is missing", lambda dh, h, w: dh @ w.T),
        ("change places: w.T", lambda dh, h, w: np.dot(dh * (h - h**2), w)),
        ("this is dL/dz", lambda dh, h, w: dh * (h - h**2)),
        ("first through the sigmoid", lambda dh, h, w: dh @ w.T * (h - h**2)),
        ("slope of tanh", lambda dh, h, w: (dh - dh * h * h) @ w.T),
        ("one of the two is missing", lambda dh, h, w: np.dot(dh * h, w.T)),
    ],
    "check_unsaturated_share": [
        ("twice 4.6", lambda std_z: 4.6 / (std_z * np.sqrt(2 * np.pi))),
        ("share that is saturated", lambda std_z: 1 - 9.2 / (std_z * np.sqrt(2 * np.pi))),
        ("not its variance", lambda std_z: 9.2 / np.sqrt(2 * np.pi) / std_z**2),
        ("that is the height", lambda std_z: 1 / np.sqrt(2 * np.pi * std_z**2)),
        ("2 pi stands under a root", lambda std_z: 9.2 / (2 * np.pi * std_z)),
        ("not the std", lambda std_z: 9.2 / np.sqrt(2 * np.pi * std_z)),
        ("in percent", lambda std_z: 100 * 9.2 / (std_z * np.sqrt(2 * np.pi))),
    ],
    "check_std_that_keeps_gradients": [
        ("less than a quarter", 0.1),
        ("almost threefold", 10),
        ("that is sigma_w2", lambda: theory.critical_line("sigmoid")),
    ],
    "check_one_neuron": [
        ("had a voice too", lambda w_in, w_out: (w_in[:, [0]], w_out[[0]])),
        ("had a voice too", lambda w_in, w_out: (w_in[:, :1], w_out.mean(axis=0)[None])),
        ("as loudly as all of them", lambda w_in, w_out: (8 * w_in[:, :1], w_out[:1])),
        ("only the voices add up", lambda a, b: (a.sum(1)[:, None], b.sum(0)[None])),
        ("need not be thirty", lambda w_in, w_out: (w_in[:, [5]], w_out[[5]] * 30)),
    ],
    "check_layer_weights": [
        ("every layer has the same matrix", same_seed_for_each_layer),
        ("one matrix for all layers", one_matrix_for_all_layers),
        ("all neurons of a layer are equal", one_column_for_all_neurons),
        ("all weights of a neuron are equal", one_number_for_each_neuron),
        (
            "took std for a variance",
            layers_with(lambda rng, n, m, std: rng.normal(0, np.sqrt(std), (n, m))),
        ),
        (
            "you multiply by the variance",
            layers_with(lambda rng, n, m, std: rng.normal(0, std**2, (n, m))),
        ),
        ("std is missing", layers_with(lambda rng, n, m, std: rng.standard_normal((n, m)))),
        (
            "follow a bell curve",
            layers_with(lambda rng, n, m, std: rng.uniform(-(3**0.5) * std, 3**0.5 * std, (n, m))),
        ),
        ("is transposed", layers_with(lambda rng, n, m, std: rng.normal(0, std, (m, n)))),
        ("from 0 to 1", layers_with(lambda rng, n, m, std: rng.random((n, m)) * std)),
    ],
    "check_cd1_gradient": [
        (
            "1/batch is missing: you are",
            lambda v, h, dream_v, dream_h: np.dot(dream_v.T, dream_h) - np.dot(v.T, h),
        ),
        ("come with a minus", lambda v, h, dv, dh: v.T @ h / len(v) - dv.T @ dh / len(v)),
        ("rows and columns are swapped", lambda *arrays: cd1_image_by_image(*arrays).T),
        ("both units dream", lambda v, h, dv, dh: v.T @ (dh - h) / len(v)),
        ("sign is reversed, and", lambda v, h, dv, dh: -len(v) * cd1_image_by_image(v, h, dv, dh)),
        ("divide by len(v)", lambda v, h, dv, dh: (dv.T @ dh - v.T @ h) / len(v.T)),
    ],
    "check_pca_reconstruction": [
        ("before coding", lambda x, mean, d: mean + x @ (d.T @ d)),
        ("after decoding", lambda x, mean, d: np.dot(np.dot(x - mean, d.T), d)),
        ("these are the codes", lambda x, mean, d: np.dot(x - mean, d.T)),
        ("both before and after", lambda x, mean, d: x @ (d.T @ d)),
        (
            "mean that you are given",
            lambda x, mean, d: rebuild_image_by_image(x, np.mean(x, axis=0)[None], d),
        ),
    ],
    "check_xavier_std": [
        ("that is the variance", lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
        ("LeCun's formula, which many call Xavier's", lambda fan_in, fan_out: fan_in**-0.5),
        ("fan_out alone", lambda fan_in, fan_out: fan_out**-0.5),
        ("He's formula", lambda fan_in, fan_out: 2**0.5 * fan_in**-0.5),
        ("a 2 is missing", lambda fan_in, fan_out: 1 / np.sqrt(fan_in + fan_out)),
        ("bound of the uniform", lambda fan_in, fan_out: np.sqrt(6) / np.sqrt(fan_in + fan_out)),
        ("belongs under the root", lambda fan_in, fan_out: 2 / np.sqrt(fan_in + fan_out)),
    ],
    "check_xavier_uniform": [
        (
            "the std as the bound",
            lambda rng, n, m: rng.uniform(-((2 / (n + m)) ** 0.5), (2 / (n + m)) ** 0.5, (n, m)),
        ),
        (
            "these numbers follow a bell curve",
            lambda rng, n, m: rng.normal(0, np.sqrt(2 / (n + m)), (n, m)),
        ),
        ("LeCun", lambda rng, n, m: rng.uniform(-np.sqrt(3 / n), np.sqrt(3 / n), (n, m))),
        ("He's std", lambda rng, n, m: rng.uniform(-np.sqrt(6 / n), np.sqrt(6 / n), (n, m))),
        ("is a variance here", lambda rng, n, m: rng.uniform(-6 / (n + m), 6 / (n + m), (n, m))),
        ("all weights are positive", lambda rng, n, m: rng.random((n, m)) * (6 / (n + m)) ** 0.5),
        (
            "is transposed",
            lambda rng, n, m: rng.uniform(-((6 / (n + m)) ** 0.5), (6 / (n + m)) ** 0.5, (m, n)),
        ),
        ("-a/2 to a/2", lambda rng, n, m: (rng.random((n, m)) - 0.5) * (6 / (n + m)) ** 0.5),
    ],
    "check_he_normal": [
        ("and you at fan_out", lambda rng, n, m: rng.normal(0, np.sqrt(2 / m), (n, m))),
        ("pass a variance", lambda rng, n, m: rng.normal(0, 2 / n, (n, m))),
        ("this is Xavier's std", lambda rng, n, m: rng.normal(0, np.sqrt(2 / (n + m)), (n, m))),
        ("loses half", lambda rng, n, m: rng.normal(0, 1 / np.sqrt(n), (n, m))),
        ("belongs under the root", lambda rng, n, m: rng.normal(0, 2 / np.sqrt(n), (n, m))),
        (
            "not a",
            lambda rng, n, m: rng.uniform(-np.sqrt(2 / n), np.sqrt(2 / n), (n, m)),
        ),
        ("follow a bell curve", lambda rng, n, m: rng.uniform(-1, 1, (n, m)) * np.sqrt(6 / n)),
        ("is transposed", lambda rng, n, m: rng.normal(0, np.sqrt(2 / n), (m, n))),
        ("from 0 to 1", lambda rng, n, m: rng.random((n, m)) * np.sqrt(2 / n)),
    ],
    "check_leaky_gain": [
        ("the gain is its square root", lambda slope: 2 / (1 + slope**2)),
        ("square the slope", lambda slope: np.sqrt(2 / (1 + slope))),
        ("the negative half counts too", lambda slope: np.sqrt(2)),
        ("that is what the layer keeps", lambda slope: np.sqrt(0.5 * (1 + slope**2))),
        ("so a 2 is missing", lambda slope: (1 + slope**2) ** -0.5),
        ("parentheses are missing", lambda slope: np.sqrt(2 / 1 + slope**2)),
    ],
    "check_dead_share": [
        ("nothing but zeros", lambda z: np.mean(np.maximum(z, 0) == 0)),
        ("0 for some input", lambda z: np.mean(z.min(axis=0) <= 0)),
        ("look along the other axis", lambda z: np.mean(z.max(axis=1) <= 0)),
        ("that is how many there are", lambda z: (z.max(axis=0) <= 0).sum()),
        ("share of the living", lambda z: np.mean(z.max(axis=0) > 0)),
        ("len(z) counts the inputs", lambda z: (z.max(axis=0) <= 0).sum() / len(z)),
        ("in percent", lambda z: 100 * count_dead(z)),
    ],
    "check_gradient_of_loss": [
        ("1/batch is missing: the loss", lambda p, y: p - np.eye(10)[y]),
        ("must grow when we step", lambda p, y: (np.eye(10)[y] - p) / len(y)),
        ("go on through the softmax", minus_one_over_p),
        ("1 is missing: p minus 1 there", lambda p, y: p / len(y)),
        ("there, and 1/batch", lambda p, y: 1.0 * p),
        ("sign is reversed, and", lambda p, y: np.eye(10)[y] - p),
        ("whole columns", whole_columns),
        ("p.size counts ten", lambda p, y: (p - np.eye(10)[y]) / p.size),
    ],
    "check_accuracy": [
        ("that is how many there are", lambda z, y: sum(z.argmax(axis=1) == y)),
        ("share of wrong answers", lambda z, y: 1 - (z.argmax(axis=1) == y).mean()),
        ("you take the smallest", lambda z, y: (np.argmin(z, axis=1) == y).mean()),
        ("largest output itself", lambda z, y: (np.max(z, axis=1) == y).mean()),
        ("look in each row", lambda z, y: (np.argmax(z) == y).mean()),
        ("in percent", lambda z, y: 100 * count_right_answers(z, y)),
    ],
    "check_pytorch_std": [
        ("the std as the bound", lambda fan_in: fan_in**-0.5),
        ("that is the variance", lambda fan_in: (1 / np.sqrt(fan_in)) ** 2 / 3),
        ("2 a wide", lambda fan_in: 1 / np.sqrt(fan_in) / np.sqrt(12)),
        ("divide by the root of 3", lambda fan_in: np.sqrt(3) / np.sqrt(fan_in)),
    ],
    "check_spread": [
        ("take the median", lambda values: (np.mean(values), np.min(values), np.max(values))),
        ("median, least, greatest", lambda values: np.quantile(values, [0, 0.5, 1])),
        (
            "least comes before",
            lambda values: [statistics.median(values), max(values), min(values)],
        ),
        (
            "once the values are sorted",
            lambda values: [values[len(values) // 2], min(values), max(values)],
        ),
        (
            "two values are in the middle",
            lambda values: [statistics.median_high(values), min(values), max(values)],
        ),
        (
            "one number for both sides",
            lambda values: np.median(values) + np.std(values) * np.array([0, -1, 1]),
        ),
    ],
    "check_chi": [
        ("by the slope's square", lambda w2, z: w2 * np.mean(np.cosh(z) ** -2.0)),
        ("first the square", lambda w2, z: w2 * np.mean(1 - np.tanh(z) ** 2) ** 2),
        ("how the signal's size", lambda w2, z: w2 * np.mean(np.tanh(z) ** 2)),
        ("the weights are missing", lambda w2, z: np.mean((1 - np.tanh(z) ** 2) ** 2)),
        ("a square already", lambda w2, z: w2 * w2 * np.mean(np.cosh(z) ** -4.0)),
        ("take the mean", lambda w2, z: (w2 * np.cosh(z) ** -4.0).sum()),
    ],
    "check_depth_scale": [
        ("isn't negative", lambda chi: 1 / np.log(chi)),
        ("to a tenth", lambda chi: -1 / np.log10(chi)),
        ("near 1 this comes close", lambda chi: 1 / (1 - chi)),
        ("one over it", lambda chi: -np.log(chi)),
        ("halve it", lambda chi: math.log(1 / 2, chi)),
    ],
    "check_on_the_diagonal": [
        ("of the sigmoid network", lambda std, n: std * n**0.5),
        ("one half comes", lambda std, n: std * n**0.5 / 2),
        ("that is sigma_w2", lambda std, n: (std * n**0.5 / 4) ** 2),
        ("as wide as the root", lambda std, n: std * n / 4),
        ("the width is missing", lambda std, n: std / 4),
        ("by 16, stds by 4", lambda std, n: std * n**0.5 / 16),
    ],
    "check_batch_norm_chi": [
        (
            "square of the mean",
            lambda a: (1 + a**2) / 2 / ((1 + a**2) / 2 - (1 - a) / (2 * np.pi) ** 0.5),
        ),
        (
            "square of (1 - a) is missing",
            lambda a: (1 + a**2) / 2 / ((1 + a**2) / 2 - (1 - a) / (2 * np.pi)),
        ),
        ("share of the variance", lambda a: (1 + a**2) / 2 - (1 - a) ** 2 / (2 * np.pi)),
        ("that is ReLU's", lambda a: np.pi / (np.pi - 1)),
        ("the slopes are missing", lambda a: 1 / ((1 + a**2) / 2 - (1 - a) ** 2 / (2 * np.pi))),
        ("upside down", lambda a: 1 - (1 - a) ** 2 / np.pi / (1 + a**2)),
        ("without the normalization", lambda a: (1 + a * a) / 2),
    ],
    "check_fixup_factor": [
        ("must be smaller than 1", lambda L, m: L ** (1 / (2 * m - 2))),
        ("the 2 is missing", lambda L, m: L ** (-1 / (m - 1))),
        ("the last layer of a branch is 0", lambda L, m: L ** (-1 / (2 * m))),
        ("the other way round", lambda L, m: (2 * m - 2.0) ** (-1 / L)),
        ("belongs to L itself", lambda L, m: -L / (2 * m - 2)),
    ],
    "check_warm_up": [
        ("goes on growing", lambda step, last, rate: rate * step / last),
        ("count from 1", lambda step, last, rate: rate * min(1, (step - 1) / last)),
        ("rate itself", lambda step, last, rate: min(1, step / last)),
        ("the other way round", lambda step, last, rate: rate * max(0, 1 - step / last)),
        ("takes the smaller one", lambda step, last, rate: rate * max(1, step / last)),
    ],
    "check_chance_of_oversight": [
        ("all of them show it", lambda n: 1 / 10**n),
        ("at least one of them", lambda n: 1 - (9 / 10) ** n),
        ("multiplied, not added", lambda n: 1 - n / 10),
        ("a power, not a product", lambda n: n * 9 / 10),
        ("would be a coin", lambda n: 1 / 2**n),
        ("in percent", lambda n: 100 * 0.9**n),
    ],
}


def mistakes_of(check):
    """Return the wrong results of a check for its first case, by hint."""
    return check.solve(*copy.deepcopy(check.cases[0]))[1]


def each(answers):
    """Return one case for each answer to each check."""
    return [
        pytest.param(CHECKS[name], answer, id=f"{name}-{number}")
        for name in answers
        for number, answer in enumerate(answers[name])
    ]


@pytest.mark.parametrize(("check", "answer"), each(RIGHT))
def test_right_in_any_style(check, answer):
    for _ in range(2):
        assert repr(check(answer)) == f"correct: {check.praise}"


@pytest.mark.parametrize(("check", "mistake"), each(MISTAKES))
def test_mistake_gets_the_hint_that_helps(check, mistake):
    fragment, answer = mistake
    said = check(answer)
    assert said.state == "not yet"
    assert fragment in said.message
    assert said.message in mistakes_of(check)


@pytest.mark.parametrize("name", CHECKS)
def test_every_hint_is_earned_by_a_student(name):
    said = {CHECKS[name](answer).message for _, answer in MISTAKES[name]}
    assert said == set(mistakes_of(CHECKS[name]))


# ------------------------------------------------------------------------------ all checks alike


def test_every_exercise_is_offered_by_the_classroom_and_has_its_answers_here():
    assert set(CHECKS) == set(RIGHT) == set(MISTAKES)
    for name, check in CHECKS.items():
        assert name in classroom.__all__
        assert getattr(classroom, name) is check


def test_the_classroom_offers_nothing_else_of_the_exercises():
    offered = {name for name in vars(classroom) if not name.startswith("_")}
    rooms = {"checks", "exercises", "ledger", "prediction"}
    assert offered - rooms == {"Prediction", "progress_bar", *CHECKS} == set(classroom.__all__)


def as_answer(check, result_of):
    """Return an answer that gives what is taken of the solution: of right and mistakes."""
    return (
        result_of(check.solve()) if check.cases == ((),) else lambda *x: result_of(check.solve(*x))
    )


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_right_and_mistakes_all_differ(check):
    assert check(as_answer(check, lambda solved: solved[0])).message == check.praise
    for hint in mistakes_of(check):
        answer = as_answer(check, lambda solved, hint=hint: solved[1][hint])
        assert check(answer).message == hint


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_stub_is_still_missing(check):
    for stub in (None, ..., lambda *_: None, lambda *_: ...):
        assert repr(check(stub)) == f"still missing: {check.task}"


def test_no_hint_is_lost_under_another_of_the_same_words():
    tree = ast.parse(Path(inspect.getfile(exercises)).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            keys = [ast.unparse(key) for key in node.keys]
            assert len(keys) == len(set(keys))


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_hints_are_phrases_and_praise_is_a_sentence(check):
    assert not any(hint.endswith(".") for hint in mistakes_of(check))
    assert check.task.endswith(".")
    assert check.praise.endswith(".")


# ------------------------------------------------------------------------------------ any draw

DRAWS = ["check_xavier_uniform", "check_he_normal", "check_layer_weights"]


def with_seed(seed, answer):
    return lambda rng, *rest: answer(np.random.default_rng(seed), *rest)


@pytest.mark.parametrize("name", DRAWS)
def test_right_draw_is_right_with_any_seed(name):
    for seed in range(20):
        for answer in RIGHT[name][1:]:  # the first may be slow
            assert CHECKS[name](with_seed(seed, answer)).is_correct


@pytest.mark.parametrize("name", DRAWS)
def test_wrong_draw_is_recognised_with_any_seed(name):
    for seed in range(20):
        for fragment, answer in MISTAKES[name]:
            assert fragment in CHECKS[name](with_seed(seed, answer)).message


@pytest.mark.parametrize("name", DRAWS)
def test_draw_must_be_a_matrix_for_each_layer(name):
    assert CHECKS[name](lambda rng, *_: 0.1).message.startswith("the result is 0.1. Return")
    flat = CHECKS[name](lambda rng, *_: rng.standard_normal(3)).message
    assert flat.startswith("the result is an array of shape (3,). Return")


@pytest.mark.parametrize("name", DRAWS)
def test_draw_that_is_not_finite_says_so(name):
    def one_of_them(value):
        def spoilt(*given):
            drawn, _ = CHECKS[name].solve(*given)
            matrix = drawn[-1] if isinstance(drawn, list) else drawn
            matrix[3, 5] = value
            return drawn

        return spoilt

    for value in (np.nan, np.inf):
        said = CHECKS[name](one_of_them(value)).message
        assert said == f"the result holds NaN or infinite numbers. {CHECKS[name].task}"


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n, m, std: rng.normal(1, std, (n, m)),
        lambda rng, n, m, std: 1.18 * std * rng.standard_normal((n, m)),
        lambda rng, n, m, std: rng.standard_normal((n, m)) * std / 1.18,
        lambda rng, n, m, std: rng.laplace(0, std / 2**0.5, (n, m)),
    ],
    ids=["around 1", "too wide", "too narrow", "another curve"],
)
def test_layers_of_another_mean_std_or_curve_are_not_right(draw):
    for seed in range(20):
        answer = CHECKS["check_layer_weights"](with_seed(seed, layers_with(draw)))
        assert answer.state == "not yet"


# -------------------------------------------------------------------------- answers half thought


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("check_saturated_share", lambda h: np.mean(h < 0.01 or h > 0.99)),
        ("check_accuracy", lambda z, y: np.mean(z.argmax(axis=0) == y)),
        (
            "check_layer_weights",
            lambda rng, s, std: [std * rng.random((s[i], s[i + 1])) for i in s],
        ),
        ("check_backward_through_layer", lambda dh, h, w: w.T @ (dh * h * (1 - h))),
        ("check_std_that_keeps_gradients", lambda std: std),
    ],
)
def test_answer_that_cannot_be_computed_says_why(name, answer):
    assert CHECKS[name](answer).message.startswith("it stops with ")


def lower_in_place(p, y):
    p[np.arange(len(y)), y] -= 1
    return p / len(y)


def backward_in_place(dh, h, w):
    dh *= h * (1 - h)
    return dh @ w.T


def sort_in_place(values):
    values.sort()
    return np.median(values), values[0], values[-1]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("check_gradient_of_loss", lower_in_place),
        ("check_backward_through_layer", backward_in_place),
        ("check_spread", sort_in_place),
    ],
)
def test_right_result_does_not_excuse_a_changed_argument(name, answer):
    assert CHECKS[name](answer).message.startswith("it changes its arguments in place")


@pytest.mark.parametrize(
    ("name", "answer", "shapes"),
    [
        ("check_dead_share", lambda z: (z <= 0).all(axis=0), "(40,); expected a single number"),
        (
            "check_gradient_of_loss",
            lambda p, y: p[range(200), y] - 1,
            "(200,); expected shape (200, 10)",
        ),
        (
            "check_backward_through_layer",
            lambda dh, h, w: h.T @ dh,
            "(4, 4); expected shape (6, 4)",
        ),
    ],
)
def test_half_way_is_seen_by_the_shape(name, answer, shapes):
    assert CHECKS[name](answer).message == f"the result has shape {shapes}"


def test_neuron_without_its_axis_is_told_that_columns_and_rows_are_wanted():
    check = CHECKS["check_one_neuron"]
    assert "w_in, one column, and w_out, one row" in check.task
    for answer, said in (
        (
            lambda w_in, w_out: (w_in[:, 0], w_out.sum(axis=0)),
            "w_in has shape (6,); expected (6, 1)",
        ),
        (
            lambda w_in, w_out: (w_in[:, :1], w_out.sum(axis=0)),
            "w_out has shape (3,); expected (1, 3)",
        ),
        (lambda w_in, w_out: (w_in, w_out), "w_in has shape (6, 8); expected (6, 1)"),
        (lambda w_in, w_out: w_in[:, :1], "expected two arrays, w_in and w_out"),
        (lambda w_in, w_out: [w_in[:, :1]], "expected two arrays, w_in and w_out"),
        (lambda w_in, w_out: (w_in[:, :1], w_out, 8), "expected two arrays, w_in and w_out"),
    ):
        answered = check(answer)
        assert answered.state == "not yet"
        assert answered.message == f"{said}. {check.task}"
    assert check(lambda w_in, w_out: ("x", "y")).message.startswith("the result is ('x', 'y')")


def test_missing_layer_is_told_in_terms_of_layers():
    said = CHECKS["check_layer_weights"](lambda *given: layers_in_a_loop(*given)[:-1])
    assert said.message.endswith(
        "Return a list with one matrix for each layer, of shape (fan_in, fan_out)."
    )


def test_std_that_misses_by_more_than_tolerated_is_too_small_or_too_large():
    check = CHECKS["check_std_that_keeps_gradients"]
    assert check(0.9).message == "your answer is 0.9, which is too small"
    assert check(1.1).message == "your answer is 1.1, which is too large"
    assert check("1.015").message == f"the result is '1.015'. {check.task}"
