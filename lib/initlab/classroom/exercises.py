"""The exercises of the series: of each the right answer, and the mistakes that are worth a hint.

An exercise is a function below ``@exercise``. Its docstring is the task, and the praise for who has
solved it; its parameters are those of the student's function. It returns the right result and a
dict of wrong ones, by the hint that each deserves. Nothing here is needed to solve an exercise, and
the solutions stand in the notebooks. Every ``check_...`` can be imported from
``initlab.classroom``.
"""

import math
from itertools import pairwise

import numpy as np

from initlab.activations import sigmoid
from initlab.classroom.checks import Unusable, exercise
from initlab.initializers import he_normal
from initlab.losses import softmax_cross_entropy
from initlab.network import MLP

# Hints that several exercises give.
FROM_0_TO_1 = "rng.random draws from 0 to 1; for a bell curve around 0 use rng.standard_normal"
NO_BELL_CURVE = "the std is right, but these numbers don't follow a bell curve"
TRANSPOSED = "the matrix is transposed: it needs one row per input and one column per neuron"
THE_2_UNDER_THE_ROOT = "the 2 belongs under the root"
HOW_MANY = "that is how many there are; you are asked for their share"
PERCENT = "that is in percent; a share, like a probability, is at most 1"


def _drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def _rng():
    return np.random.default_rng(1)


# For random draws: cases so large that the statistics of right draws never differ by the tolerance,
# whatever their seed.
_DRAWS = {
    "cases": ((_rng(), 600, 200), (_rng(), 200, 400)),
    "tolerance": 0.04,
    "first": "the std of all weights",
}


def _statistics(numbers, shape):
    # Normal and uniform numbers of equal std differ in mean size, shifted ones in their mean.
    std = numbers.std()
    return [std, np.abs(numbers).mean(), numbers.mean() + std, *(std * n for n in shape)]


def _of_matrix(weights):
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 2:
        raise ValueError("no matrix")
    return _statistics(weights, weights.shape)


# ------------------------------------------------------------------------------------------- 00


@exercise(cases=((sigmoid(4 * _drawn(40, 30) + 1),), (sigmoid(9 * _drawn(7, 5, seed=1)),)))
def check_saturated_share(h):
    """Return the share of the activations that are below 0.01 or above 0.99.

    Praise: the same share that the library measures.
    """
    low, high = h < 0.01, h > 0.99
    share = np.mean(low | high)
    return share, {
        "the upper end is missing: those above 0.99": np.mean(low),
        "the lower end is missing: those below 0.01": np.mean(high),
        HOW_MANY: np.sum(low | high),
        "that is the share of all the others": 1 - share,
        PERCENT: 100 * share,
        "no activation is at both ends at once: join the two with | instead of &": 0.0,
        "len(h) counts the rows only; h.size counts all": np.sum(low | high) / len(h),
    }


def _of_layers(weights):
    # Whether layers differ, and neurons, and the weights of a neuron. If all do: their statistics.
    first, second, *_ = weights = [np.asarray(w, dtype=np.float64) for w in weights]
    shapes = [n for w in weights for n in w.shape]
    drawn = np.concatenate([w.ravel() for w in weights])
    std = drawn.std()
    differ = [not np.array_equal(first, second)]
    differ += [min(w.std(axis=axis).mean() for w in weights) > 0.01 * std for axis in (0, 1)]
    if np.isfinite(std) and not all(differ):
        return [len(weights), *differ, *shapes]
    return _statistics(drawn, shapes)


@exercise(
    # Small: who draws a single array of shape ``sizes`` must not fill the memory.
    cases=((_rng(), [150, 150, 150, 10], 0.5), (_rng(), [160, 160, 160, 10], 2.0)),
    summary=_of_layers,
    tolerance=0.04,
    first="the std of all weights",
)
def check_layer_weights(rng, sizes, std):
    """Return a list with one matrix for each layer, of shape (inputs, neurons).

    Praise: all layers differ, and all neurons in them.
    """
    shapes = list(pairwise(sizes))
    bells = [rng.standard_normal(shape) for shape in shapes]
    first, _, last = right = [std * bell for bell in bells]
    return right, {
        "every layer has the same matrix: draw a new one for each": [first, first, last],
        "it is one matrix for all layers: draw one for each": [first, first, first],
        "all neurons of a layer are equal: draw every column": [w[:, :1] + 0 * w for w in right],
        "all weights of a neuron are equal: draw each of them": [w[:1] + 0 * w for w in right],
        "you took std for a variance: multiply by std": [math.sqrt(std) * bell for bell in bells],
        "you multiply by the variance: multiply by std itself": [std**2 * bell for bell in bells],
        "std is missing: multiply by it": bells,
        "nothing has to be divided here: multiply by std alone": [
            w / math.sqrt(len(w)) for w in right
        ],
        NO_BELL_CURVE: [std * math.sqrt(3) * rng.uniform(-1, 1, shape) for shape in shapes],
        TRANSPOSED: [w.T for w in right],
        FROM_0_TO_1: [std * rng.random(shape) for shape in shapes],
        "a matrix has as many columns as its layer has neurons": [
            std * rng.standard_normal((n, n)) for n, _ in shapes
        ],
    }


# ------------------------------------------------------------------------------------------- 01


@exercise(cases=((_drawn(6, 4), np.tanh(_drawn(6, 4, seed=1)), _drawn(4, 4, seed=2)),))
def check_backward_through_tanh(dh, h, w):
    """Return the gradient at the layer's inputs: through tanh, then the weights.

    Praise: another curve is another slope; the rest of the way back stays as it is.
    """
    dz = dh * (1 - h**2)
    slope_at_h = 1 - np.tanh(h) ** 2
    return dz @ w.T, {
        "the slope of tanh is taken at z; written with h, it is 1 - h**2": dh * slope_at_h @ w.T,
        "the slope of tanh is missing": dh @ w.T,
        "on the way back, rows and columns of the weights change places: w.T": dz @ w,
        "this is dL/dz; the step through the weights is missing": dz,
        "first through tanh, then through the weights": (dh @ w.T) * (1 - h**2),
        "that is the slope of the sigmoid; that of tanh is 1 - h**2": (dh * h * (1 - h)) @ w.T,
        "the square is missing: the slope is 1 - h**2": (dh * (1 - h)) @ w.T,
        "first the square, then the difference: 1 - h**2": (dh * (1 - h) ** 2) @ w.T,
        "h are the activations already, not inputs": (dh * (1 - np.tanh(h @ w) ** 2)) @ w.T,
    }


# ------------------------------------------------------------------------------------------- 02

_SEEN = _drawn(5, 6, seed=3)
_COLUMN, _ROW = _drawn(6, 1, seed=4), _drawn(1, 3, seed=5)


def _answers_of(weights):
    if not isinstance(weights, (tuple, list)) or len(weights) != 2:
        raise Unusable("expected two arrays, w_in and w_out")
    w_in, w_out = (np.asarray(w, dtype=np.float64) for w in weights)
    for name, w, shape in [("w_in", w_in, _COLUMN.shape), ("w_out", w_out, _ROW.shape)]:
        if w.shape != shape:
            raise Unusable(f"{name} has shape {w.shape}; expected {shape}")
    return sigmoid(_SEEN @ w_in) @ w_out


@exercise(
    cases=((np.repeat(_COLUMN, 8, axis=1), np.repeat(_ROW, 8, axis=0)),),
    summary=_answers_of,
)
def check_one_neuron(w_in, w_out):
    """Return w_in, one column, and w_out, one row, of a neuron that answers like all of them.

    Praise: thirty equal neurons are one neuron with a loud voice.
    """
    one_in, one_out = w_in[:, :1], w_out[:1]
    all_in, all_out = w_in.sum(axis=1, keepdims=True), w_out.sum(axis=0, keepdims=True)
    return (one_in, all_out), {
        "the others had a voice too: the one neuron must speak for all": (one_in, one_out),
        "it must speak as loudly as all of them together": (all_in, one_out),
        "only the voices add up; what the one neuron hears must stay as it is": (all_in, all_out),
        "they need not be thirty: take the sum, or count the rows of w_out": (one_in, 30 * one_out),
    }


# ------------------------------------------------------------------------------------------- 03


@exercise(
    **_DRAWS,
    summary=_of_matrix,
)
def check_xavier_uniform(rng, n, m):
    """Return a draw of shape (fan_in, fan_out) from U(-a, a), with Xavier's std.

    Praise: uniform weights with the same variance as the normal ones.
    """
    std, flat = math.sqrt(2 / (n + m)), rng.uniform(-1, 1, (n, m))
    a = math.sqrt(3) * std
    return a * flat, {
        "you took the std as the bound: the std of U(-a, a) is a / sqrt(3)": std * flat,
        "these numbers follow a bell curve; draw uniform ones": std * rng.standard_normal((n, m)),
        "fan_out is missing: this is LeCun's, which many call Xavier's": math.sqrt(3 / n) * flat,
        "that is the rule from before 2010: its variance is a third of 1 / fan_in": n**-0.5 * flat,
        "this is He's std": math.sqrt(6 / n) * flat,
        "the bound is a variance here: take its square root": a**2 * flat,
        "all weights are positive: draw from -a to a": a * rng.random((n, m)),
        TRANSPOSED: a * flat.T,
        "that goes from -a/2 to a/2: from -a to a it is 2 a wide": a / 2 * flat,
    }


# ------------------------------------------------------------------------------------------- 04


@exercise(cases=((0.0,), (0.1,), (0.5,), (1.0,)))
def check_leaky_gain(a):
    """Return the gain of a leaky ReLU, as a formula in its slope a.

    Praise: slope 0 is ReLU, slope 1 no bend at all, and the formula knows both.
    """
    kept = (1 + a**2) / 2
    return math.sqrt(1 / kept), {
        "that is the factor for the variance; the gain is its square root": 1 / kept,
        "the mean square counts, so square the slope": math.sqrt(2 / (1 + a)),
        "that is ReLU's gain; the negative half counts too": math.sqrt(2),
        "that is what the layer keeps; the gain makes up for it": math.sqrt(kept),
        "that is the kept share of the mean square; the gain makes up for it": kept,
        "each half of the line is met half the time, so a 2 is missing": math.sqrt(0.5 / kept),
        "parentheses are missing: 2 / (1 + slope**2)": math.sqrt(2 / 1 + a**2),
    }


# ------------------------------------------------------------------------------------------- 05


def _losses(network, batches, rate, *, after=False, moved=slice(None)):
    network, losses = network.copy(), []
    for x, y in batches:
        loss, gradient = softmax_cross_entropy(network.forward(x), y)
        network.backward(gradient)
        pairs = zip(network.parameters(), network.gradients(), strict=True)
        for array, slope in list(pairs)[moved]:  # weights and biases take turns
            array -= rate * slope
        losses.append(softmax_cross_entropy(network.forward(x), y)[0] if after else loss)
    return losses


def _untrained():
    rng = np.random.default_rng(3)
    network = MLP([5, 8, 4], activation="tanh", weight_init=he_normal(), rng=rng)
    batches = tuple((rng.standard_normal((12, 5)), rng.integers(0, 4, 12)) for _ in range(6))
    return network, batches


@exercise(cases=((*_untrained(), 0.5),))
def check_training_loop(network, batches, rate):
    """Train the network with one step for each minibatch; return the loss before each step.

    Praise: that is all there is to learning: how wrong, which way, one small step.
    """
    return _losses(network, batches, rate), {
        "the network doesn't learn: is there a step for each minibatch, and does it change the"
        " network's own arrays?": _losses(network, batches, 0.0),
        "these steps go uphill: subtract": _losses(network, batches, -rate),
        "the size of the steps is missing: multiply by rate": _losses(network, batches, 1.0),
        "the gradient is that of a mean already: don't divide by the number of images": (
            _losses(network, batches, rate / len(batches[0][0]))
        ),
        "that is the loss after each step; note it before": (
            _losses(network, batches, rate, after=True)
        ),
        "that is the loss of the first minibatch alone: return after the loop": (
            _losses(network, batches[:1], rate)
        ),
        "only the weights learn: the biases take steps, too": (
            _losses(network, batches, rate, moved=slice(0, None, 2))
        ),
        "only the biases learn: the weights take steps, too": (
            _losses(network, batches, rate, moved=slice(1, None, 2))
        ),
    }


# ------------------------------------------------------------------------------------------- 06


@exercise(cases=(tuple(sigmoid(_drawn(8, 5, seed=seed)) for seed in range(6, 10)),))
def check_cd1_gradient(v, h, rebuilt_v, rebuilt_h):
    """Return the gradient of the weights: what was rebuilt minus the data, as a mean of products.

    Praise: all that a Boltzmann machine learns goes through this line.
    """
    data, rebuilt, n = v.T @ h, rebuilt_v.T @ rebuilt_h, len(v)
    return (rebuilt - data) / n, {
        "the 1/batch is missing: you are asked for a mean over the images": rebuilt - data,
        "the sign is reversed: we step against this gradient": (data - rebuilt) / n,
        "rows and columns are swapped: one row for each visible unit": (rebuilt - data).T / n,
        "in the second product both are rebuilt: rebuilt_v with rebuilt_h": (
            v.T @ (rebuilt_h - h) / n
        ),
        "the sign is reversed, and the 1/batch is missing": data - rebuilt,
        "the mean is over the images, the rows: divide by len(v)": (rebuilt - data) / len(data),
    }


# ------------------------------------------------------------------------------------------- 07


@exercise(cases=((1,), (3,), (10,)))
def check_chance_of_oversight(n):
    """Return the chance that n seeds all miss an exception that one draw in ten shows.

    Praise: ten seeds still overlook it in one case out of three.
    """
    return 0.9**n, {
        "that is the chance that all of them show it": 0.1**n,
        "that is the chance that at least one of them shows it": 1 - 0.9**n,
        "the chances of independent draws are multiplied, not added up": 1 - 0.1 * n,
        "the chances of independent draws are multiplied: a power, not a product": 0.9 * n,
        "that would be a coin; here a draw misses it with a chance of 0.9": 0.5**n,
        PERCENT: 100 * 0.9**n,
    }


# ------------------------------------------------------------------------------------------- 08


@exercise(cases=((1.5, 0.7 * _drawn(500)), (4.0, 1.6 * _drawn(400, seed=1))))
def check_chi(sigma_w2, z):
    """Return chi of a tanh layer: sigma_w2 times the mean of the squared slope at z.

    Praise: this number alone says on which side of the line a network starts.
    """
    slope = 1 - np.tanh(z) ** 2
    mean_square = np.mean(slope**2)
    return sigma_w2 * mean_square, {
        "square the slope, since chi is about mean squares": sigma_w2 * np.mean(slope),
        "first the square, then the mean: large slopes count more": sigma_w2 * np.mean(slope) ** 2,
        "chi takes the square of the slope, not of tanh": sigma_w2 * np.mean(np.tanh(z) ** 2),
        "the weights are missing: sigma_w2 stands in front": mean_square,
        "sigma_w2 is a square already": sigma_w2**2 * mean_square,
        "a sum would depend on how many z there are; take the mean": sigma_w2 * np.sum(slope**2),
    }


@exercise(cases=((0.5,), (0.88,), (0.99,)))
def check_depth_scale(chi):
    """Return after how many layers a distance that each layer multiplies by chi is 1/e of it.

    Praise: near the line it grows without limit: there deep networks can be trained.
    """
    return -1 / math.log(chi), {
        "a number of layers isn't negative: the logarithm of chi is below 0": 1 / math.log(chi),
        "those are the layers to a tenth; e belongs to the natural logarithm": -1 / math.log10(chi),
        "near 1 this comes close, but chi**n = 1/e needs a logarithm": 1 / (1 - chi),
        "the other way round: one over it": -math.log(chi),
        "that is how many layers halve it; you are asked for 1/e": math.log(0.5, chi),
    }


@exercise(cases=((0.1, 100), (1.0, 100), (0.05, 400)))
def check_on_the_diagonal(std, n):
    """Return sigma_w of the tanh network that a sigmoid network with this std and width is.

    Praise: and sigma_b is the same number: that is why these networks lie on the diagonal.
    """
    sigma_w = std * math.sqrt(n)
    return sigma_w / 4, {
        "that is sigma_w of the sigmoid network; tanh's is a quarter of it": sigma_w,
        "one half comes from the height of the curve, another one from its z/2": sigma_w / 2,
        "that is sigma_w2, the variance; you are asked for its root": (sigma_w / 4) ** 2,
        "a sum of n terms is as wide as the root of n": std * n / 4,
        "the width is missing: a sum of more terms is wider": std / 4,
        "variances shrink by 16, stds by 4": sigma_w / 16,
    }


# ------------------------------------------------------------------------------------------- 10


@exercise(cases=((0.0,), (0.1,), (0.5,), (0.9,)))
def check_batch_norm_chi(a):
    """Return chi of a leaky ReLU between two batch normalizations.

    Praise: above 1 for every bend: the straighter the curve, the slower the gradient grows.
    """
    slopes = (1 + a**2) / 2  # their mean square; that of the outputs, too
    mean = (1 - a) / math.sqrt(2 * math.pi)
    variance = slopes - mean**2
    return slopes / variance, {
        "subtract the square of the mean, not the mean": slopes / (slopes - mean),
        "the square of (1 - a) is missing": slopes / (slopes - (1 - a) / (2 * math.pi)),
        "that is the share of the variance; chi is one over it, times the slopes": variance,
        "that is ReLU's, with a = 0": math.pi / (math.pi - 1),
        "the slopes are missing: (1 + a**2) / 2 stands above, too": 1 / variance,
        "it is upside down: divide the slopes by the variance": variance / slopes,
        "that is without the normalization, which takes the mean away": slopes,
    }


@exercise(cases=((14, 2), (100, 2), (50, 3)))
def check_fixup_factor(L, m):
    """Return the factor a for which L (a**(m - 1))**2 is 1.

    Praise: a hundred branches of two layers: a tenth. Then all branches together move like one.
    """
    power = 2 * m - 2
    return L ** (-1 / power), {
        "more branches add up to more, so the factor must be smaller than 1": L ** (1 / power),
        "the 2 is missing: the root of L for two layers": L ** (-1 / (m - 1)),
        "the last layer of a branch is 0, so m - 1 are left: 2m - 2": L ** (-1 / (2 * m)),
        "the other way round: L is what is raised to a power": float(power) ** (-1 / L),
        "the exponent belongs to L itself, not to 1 / (2m - 2) times L": -L / power,
    }


@exercise(cases=((1, 100, 0.1), (50, 100, 0.1), (100, 100, 0.1), (700, 100, 0.1), (3, 4, 2.0)))
def check_warm_up(step, last, rate):
    """Return the rate of a step (1, 2, ...), growing in a line to the full one at step `last`.

    Praise: small steps while the network is still strange to its data.
    """
    share = step / last
    return min(1, share) * rate, {
        "after the warm-up it goes on growing, but should stay at the full rate": share * rate,
        "steps count from 1 here, so the first has rate / last": min(1, (step - 1) / last) * rate,
        "the share is right; the rate itself is still missing": min(1, share),
        "it falls from the full rate; it should grow towards it": max(0, 1 - share) * rate,
        "min takes the smaller one: of 1 and the share": max(1, share) * rate,
    }


__all__ = [name for name in globals() if name.startswith("check_")]
