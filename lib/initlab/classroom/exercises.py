"""The exercises of the series: of each the right answer, and the mistakes that are worth a hint.

Nothing here is needed to solve one, and the solutions stand in the notebooks. Every ``check_...``
of this file can be imported from ``initlab.classroom``.
"""

import math
from itertools import pairwise

import numpy as np

from initlab.activations import sigmoid
from initlab.classroom.checks import Check, Unusable

# Hints that several exercises give.
STD_FOR_VARIANCE = "that is the variance; the standard deviation is its square root"
BOUND_FOR_STD = "U(-s, s) with s taken for the std: the std of U(-a, a) is a / sqrt(3)"
FROM_0_TO_1 = "rng.random draws from 0 to 1; a bell curve around 0 comes from rng.standard_normal"
NO_BELL_CURVE = "the std is right, but these numbers come from no bell curve"
ON_ITS_SIDE = "the matrix lies on its side: fan_in rows, fan_out columns"
THE_2_UNDER_THE_ROOT = "the 2 belongs under the root"
HOW_MANY = "that is how many; their share is asked for"
PERCENT = "that is in percent; a share, like a chance, is at most 1"
SIGN_AND_BATCH = "the sign is reversed, and the 1/batch is missing"

# ------------------------------------------------------------------------- numbers to be tried on


def _drawn(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def _rng():
    return np.random.default_rng(1)


def _bell(rng, n, m):
    return rng.standard_normal((n, m))


def _gaussian(std):
    """Return a draw (rng, fan_in, fan_out) whose std follows from the fans."""
    return lambda rng, n, m: std(n, m) * _bell(rng, n, m)


def _flat(bound):
    """Return a draw from U(-bound, bound), where the bound follows from the fans."""
    return lambda rng, n, m: bound(n, m) * rng.uniform(-1, 1, (n, m))


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


def _at_the_ends(h):
    return (h < 0.01) | (h > 0.99)


check_saturated_share = Check(
    task="Return the share of the activations that are below 0.01 or above 0.99.",
    cases=((sigmoid(4 * _drawn(40, 30) + 1),), (sigmoid(9 * _drawn(7, 5, seed=1)),)),
    right=lambda h: np.mean(_at_the_ends(h)),
    mistakes={
        "the upper end is missing: those above 0.99": lambda h: np.mean(h < 0.01),
        "the lower end is missing: those below 0.01": lambda h: np.mean(h > 0.99),
        HOW_MANY: lambda h: np.sum(_at_the_ends(h)),
        "that is the share of all others": lambda h: 1 - np.mean(_at_the_ends(h)),
        PERCENT: lambda h: 100 * np.mean(_at_the_ends(h)),
        "no activation is at both ends at once: join the two with | instead of &": lambda h: 0.0,
        "len(h) counts the rows only; how many activations there are is h.size": (
            lambda h: np.sum(_at_the_ends(h)) / len(h)
        ),
    },
    praise="the same share that the library measures.",
)

check_std_for_sums = Check(
    task="Return the std of the weights with which the sum of n inputs gets the wanted std.",
    cases=((100, 1.0), (784, 1.0), (100, 4.0)),
    right=lambda n, std: std / math.sqrt(n),
    mistakes={
        STD_FOR_VARIANCE: lambda n, std: std**2 / n,
        "it is the variances that add up, not the standard deviations": lambda n, std: std / n,
        "more inputs make the sum larger, so the weights must be smaller": (
            lambda n, std: std * math.sqrt(n)
        ),
        "that gives the sum the std 1; the wanted one is still to come in": (
            lambda n, std: 1 / math.sqrt(n)
        ),
        "the wanted std is no variance: it stands outside of the root": (
            lambda n, std: math.sqrt(std / n)
        ),
    },
    praise="for one hundred inputs 0.1. Remember this number: it will come back with a name.",
)

# ------------------------------------------------------------------------------------------- 01


def _through_layer(slope_of):
    return lambda dh, h, w: (dh * slope_of(h)) @ w.T


check_backward_through_layer = Check(
    task="Return the gradient at the layer's inputs: through the sigmoid, then the weights.",
    cases=((_drawn(6, 4), sigmoid(3 * _drawn(6, 4, seed=1)), _drawn(4, 4, seed=2)),),
    right=_through_layer(lambda h: h * (1 - h)),
    mistakes={
        "you take the sigmoid's slope at h, but h is what the sigmoid gave: the slope belongs to"
        " z, and in terms of h it is simply h (1 - h)": (
            _through_layer(lambda h: sigmoid(h) * (1 - sigmoid(h)))
        ),
        "the sigmoid's slope is missing": _through_layer(lambda h: 1),
        "backward, rows and columns of the weights change places: w.T": (
            lambda dh, h, w: (dh * h * (1 - h)) @ w
        ),
        "this is dL/dz; the way through the weights is missing": lambda dh, h, w: dh * h * (1 - h),
        "first through the sigmoid, then through the weights": (
            lambda dh, h, w: (dh @ w.T) * h * (1 - h)
        ),
        "that is the slope of tanh; the sigmoid's is h (1 - h)": _through_layer(lambda h: 1 - h**2),
        "the slope is h times (1 - h), and one of the two is missing": _through_layer(lambda h: h),
    },
    praise="two steps, and the whole way back is made of them.",
)

_END = math.log(99)  # 4.6: there the sigmoid is 0.99


def _height(std):
    """Return how high the bell curve is in its middle."""
    return 1 / (std * math.sqrt(2 * math.pi))


check_unsaturated_share = Check(
    task="Return the share of sums between -4.6 and 4.6, by the height of the bell curve.",
    cases=((40.0,), (70.0,), (100.0,)),
    right=lambda std: 2 * _END * _height(std),
    mistakes={
        "from -4.6 to 4.6 it is twice 4.6": lambda std: _END * _height(std),
        "that is the share that is saturated; the others are asked for": (
            lambda std: 1 - 2 * _END * _height(std)
        ),
        "in the height of a bell curve stands its std, not its variance": (
            lambda std: 2 * _END * _height(std**2)
        ),
        "that is the height; times the width it becomes a share": _height,
        "in the height of a bell curve, 2 pi stands under a root": (
            lambda std: 2 * _END / (std * 2 * math.pi)
        ),
        "in the height of a bell curve, only 2 pi stands under the root, not the std": (
            lambda std: 2 * _END / math.sqrt(2 * math.pi * std)
        ),
        PERCENT: lambda std: 200 * _END * _height(std),
    },
    praise="a share of 5 % for the std 70, and nothing was simulated.",
    tolerance=0.01,  # so that the exact integral is right too
)

check_std_that_keeps_gradients = Check(
    task="Find the std at which chi is 1, to within 0.05.",
    cases=((),),
    right=lambda: 1.015,
    mistakes={
        "at 0.1 the signal has a pretty histogram, but the gradient falls below a quarter in each"
        " layer": lambda: 0.1,
        "at 10 the gradient grows almost threefold in each layer": lambda: 10.0,
        "that is sigma_w2, fan_in times the variance; the std is the root of sigma_w2 / fan_in": (
            lambda: 103.0
        ),
    },
    praise="and there about half of the activations are saturated: one good sign is not enough.",
    tolerance=0.05,
)

# ------------------------------------------------------------------------------------------- 02

_SEEN = _drawn(5, 6, seed=3)
_COLUMN, _ROW = _drawn(6, 1, seed=4), _drawn(1, 3, seed=5)


def _answers_of(weights):
    if not isinstance(weights, (tuple, list)) or len(weights) != 2:
        raise Unusable("two arrays are wanted, w_in and w_out")
    w_in, w_out = (np.asarray(w, dtype=np.float64) for w in weights)
    for name, w, shape in [("w_in", w_in, _COLUMN.shape), ("w_out", w_out, _ROW.shape)]:
        if w.shape != shape:
            raise Unusable(f"{name} has shape {w.shape}, and {shape} is wanted here")
    return sigmoid(_SEEN @ w_in) @ w_out


check_one_neuron = Check(
    task="Return w_in, one column, and w_out, one row, of a neuron that answers like all of them.",
    cases=((np.repeat(_COLUMN, 8, axis=1), np.repeat(_ROW, 8, axis=0)),),
    right=lambda w_in, w_out: (w_in[:, :1], w_out.sum(axis=0)[None]),
    mistakes={
        "the others had a voice too: the one that stays must speak for all of them": (
            lambda w_in, w_out: (w_in[:, :1], w_out[:1])
        ),
        "it must speak as loud as all of them together": (
            lambda w_in, w_out: (w_in.sum(axis=1)[:, None], w_out[:1])
        ),
        "only the voices add up; what the one hears must stay as it is": (
            lambda w_in, w_out: (w_in.sum(axis=1)[:, None], w_out.sum(axis=0)[None])
        ),
        "there need not be thirty of them: take the sum, or count the rows of w_out": (
            lambda w_in, w_out: (w_in[:, :1], 30 * w_out[:1])
        ),
    },
    praise="thirty equal neurons are one neuron with a loud voice.",
    summary=_answers_of,
)


def _layers(draw, factor=lambda std: std):
    return lambda rng, sizes, std: [factor(std) * draw(rng, n, m) for n, m in pairwise(sizes)]


def _same_everywhere(rng, sizes, std):
    seed = rng.integers(1000)
    return _layers(lambda _, n, m: _bell(np.random.default_rng(seed), n, m))(rng, sizes, std)


def _one_for_all(rng, sizes, std):
    return [std * rng.standard_normal(sizes[:2])] * (len(sizes) - 1)


def _of_layers(weights):
    # Whether layers differ, and neurons, and the weights of a neuron. If all do: their statistics.
    first, second, *_ = weights = [np.asarray(w, dtype=np.float64) for w in weights]
    shapes = [n for w in weights for n in w.shape]
    drawn = np.concatenate([w.ravel() for w in weights])
    std = drawn.std()
    differ = [not np.array_equal(first, second)]
    differ += [min(w.std(axis=axis).mean() for w in weights) > 0.01 * std for axis in (0, 1)]
    if np.isfinite(std) and not all(differ):
        return [*differ, *shapes]
    return _statistics(drawn, shapes)


check_layer_weights = Check(
    task="Return a list with one matrix for each layer, of shape (fan_in, fan_out).",
    cases=((_rng(), [200, 200, 200, 150], 0.5), (_rng(), [150, 150, 150, 100], 2.0)),
    right=_layers(_bell),
    mistakes={
        "the same matrix stands in every layer: draw anew for each, from the one rng": (
            _same_everywhere
        ),
        "it is one matrix for all layers: draw one for each, in the shape that fits there": (
            _one_for_all
        ),
        "all neurons of a layer are equal: each column needs a draw of its own": (
            _layers(lambda rng, n, m: np.repeat(_bell(rng, n, 1), m, axis=1))
        ),
        "all weights of a neuron are equal: each needs a draw of its own": (
            _layers(lambda rng, n, m: np.repeat(_bell(rng, 1, m), n, axis=0))
        ),
        "the std is used as a variance: multiply by std itself": _layers(_bell, math.sqrt),
        "you multiply by the variance: multiply by std itself": _layers(_bell, np.square),
        "std is missing: multiply by it": _layers(_bell, lambda std: 1),
        NO_BELL_CURVE: _layers(_flat(lambda n, m: math.sqrt(3))),
        "each matrix lies on its side: fan_in rows, fan_out columns": (
            _layers(lambda rng, n, m: _bell(rng, m, n))
        ),
        FROM_0_TO_1: _layers(lambda rng, n, m: rng.random((n, m))),
    },
    praise="all layers differ, and all neurons in them.",
    summary=_of_layers,
    tolerance=0.04,
)

# ------------------------------------------------------------------------------------------- 03


def _of_products(gradient):
    """Return a gradient of the data's and the dream's products, summed over n images."""
    return lambda v, h, dream_v, dream_h: gradient(v.T @ h, dream_v.T @ dream_h, len(v))


check_cd1_gradient = Check(
    task="Return the gradient of the weights: the dream's products minus the data's, as a mean.",
    cases=(tuple(sigmoid(_drawn(8, 5, seed=seed)) for seed in range(6, 10)),),
    right=_of_products(lambda data, dream, n: (dream - data) / n),
    mistakes={
        "the 1/batch is missing: a mean over the images is asked for": (
            _of_products(lambda data, dream, n: dream - data)
        ),
        "the sign is reversed: this gradient is to be descended, so the data's products come with"
        " a minus": _of_products(lambda data, dream, n: (data - dream) / n),
        "rows and columns are exchanged: one row for each visible unit": (
            _of_products(lambda data, dream, n: (dream - data).T / n)
        ),
        "in the dream both units dream: dream_v with dream_h": (
            lambda v, h, dream_v, dream_h: v.T @ (dream_h - h) / len(v)
        ),
        SIGN_AND_BATCH: _of_products(lambda data, dream, n: data - dream),
        "the mean is over the images, which are the rows: divide by len(v)": (
            _of_products(lambda data, dream, n: (dream - data) / len(data))
        ),
    },
    praise="all that a Boltzmann machine learns goes through this line.",
)

check_pca_reconstruction = Check(
    task="Return the images rebuilt from their codes, one image a row.",
    cases=((_drawn(6, 5) + 2, 2 + _drawn(1, 5, seed=1), np.linalg.qr(_drawn(5, 5))[0][:2]),),
    right=lambda x, mean, d: (x - mean) @ d.T @ d + mean,
    mistakes={
        "the mean was not taken off before coding": lambda x, mean, d: x @ d.T @ d + mean,
        "the mean was not put back after decoding": lambda x, mean, d: (x - mean) @ d.T @ d,
        "these are the codes; the way back from a code to an image is missing": (
            lambda x, mean, d: (x - mean) @ d.T
        ),
        "both times the mean is missing": lambda x, mean, d: x @ d.T @ d,
        "take the mean that is handed over; these few images have another": (
            lambda x, mean, d: (x - x.mean(axis=0)) @ d.T @ d + x.mean(axis=0)
        ),
    },
    praise="PCA is an autoencoder without curves: one matrix to code, its transpose to decode.",
)

# ------------------------------------------------------------------------------------------- 04

check_xavier_std = Check(
    task="Return the std of Xavier's weights, which looks at both fan_in and fan_out.",
    cases=((784, 300), (300, 100), (100, 10)),
    right=lambda n, m: math.sqrt(2 / (n + m)),
    mistakes={
        STD_FOR_VARIANCE: lambda n, m: 2 / (n + m),
        "this is LeCun's formula, which many call Xavier's: fan_out is missing": (
            lambda n, m: math.sqrt(1 / n)
        ),
        "this looks at fan_out alone: it serves the gradient and forgets the signal": (
            lambda n, m: math.sqrt(1 / m)
        ),
        "this is He's formula": lambda n, m: math.sqrt(2 / n),
        "the mean of the two fans is their sum over 2, so a 2 is missing": (
            lambda n, m: math.sqrt(1 / (n + m))
        ),
        "this is the bound of the uniform distribution; its std is smaller by the root of 3": (
            lambda n, m: math.sqrt(6 / (n + m))
        ),
        THE_2_UNDER_THE_ROOT: lambda n, m: 2 / math.sqrt(n + m),
    },
    praise="the compromise between the way forward and the way back.",
)

# Large enough that right draws never differ by the tolerance below, whatever their seed.
_DRAWS = ((_rng(), 600, 200), (_rng(), 200, 400))

check_xavier_uniform = Check(
    task="Return a draw of shape (fan_in, fan_out) from U(-a, a), with Xavier's std.",
    cases=_DRAWS,
    right=_flat(lambda n, m: math.sqrt(6 / (n + m))),
    mistakes={
        BOUND_FOR_STD: _flat(lambda n, m: math.sqrt(2 / (n + m))),
        "these numbers come from a bell curve; between -a and a all are equally likely": (
            _gaussian(lambda n, m: math.sqrt(2 / (n + m)))
        ),
        "fan_out is missing: this is LeCun's, which many call Xavier's": (
            _flat(lambda n, m: math.sqrt(3 / n))
        ),
        "this is He's std": _flat(lambda n, m: math.sqrt(6 / n)),
        "the bound is a variance here: take its square root": _flat(lambda n, m: 6 / (n + m)),
        "all weights are positive: draw from -a to a": (
            lambda rng, n, m: math.sqrt(6 / (n + m)) * rng.random((n, m))
        ),
        ON_ITS_SIDE: lambda rng, n, m: math.sqrt(6 / (n + m)) * rng.uniform(-1, 1, (m, n)),
        "that goes from -a/2 to a/2: from -a to a it is 2 a wide": (
            _flat(lambda n, m: math.sqrt(6 / (n + m)) / 2)
        ),
    },
    praise="uniform weights with the same variance as the normal ones.",
    summary=_of_matrix,
    tolerance=0.04,
)

# ------------------------------------------------------------------------------------------- 05

check_he_normal = Check(
    task="Return a draw of shape (fan_in, fan_out) from a bell curve with He's std.",
    cases=_DRAWS,
    right=_gaussian(lambda n, m: math.sqrt(2 / n)),
    mistakes={
        "He looks at fan_in, and you at fan_out": _gaussian(lambda n, m: math.sqrt(2 / m)),
        "you hand over a variance where a std is wanted: take the square root": (
            _gaussian(lambda n, m: 2 / n)
        ),
        "this is Xavier's std, which makes up for no lost half": (
            _gaussian(lambda n, m: math.sqrt(2 / (n + m)))
        ),
        "ReLU loses half of the mean square, and a factor 2 must make up for it": (
            _gaussian(lambda n, m: math.sqrt(1 / n))
        ),
        THE_2_UNDER_THE_ROOT: _gaussian(lambda n, m: 2 / math.sqrt(n)),
        "U(-s, s) with s taken for the std, and no bell curve": (
            _flat(lambda n, m: math.sqrt(2 / n))
        ),
        NO_BELL_CURVE: _flat(lambda n, m: math.sqrt(6 / n)),
        ON_ITS_SIDE: lambda rng, n, m: math.sqrt(2 / n) * _bell(rng, m, n),
        FROM_0_TO_1: lambda rng, n, m: math.sqrt(2 / n) * rng.random((n, m)),
    },
    praise="the signal keeps its mean square through any number of layers of ReLU.",
    summary=_of_matrix,
    tolerance=0.04,
)

check_leaky_gain = Check(
    task="Return the gain of a leaky ReLU, the factor over LeCun's std.",
    cases=((0.0,), (0.1,), (0.5,), (1.0,)),
    right=lambda a: math.sqrt(2 / (1 + a**2)),
    mistakes={
        "that is what the variance is multiplied by; the gain is its square root": (
            lambda a: 2 / (1 + a**2)
        ),
        "the mean square counts, so the slope comes squared": lambda a: math.sqrt(2 / (1 + a)),
        "that is ReLU's gain; the negative half counts too": lambda a: math.sqrt(2),
        "that is what the layer keeps; the gain makes up for it": (
            lambda a: math.sqrt((1 + a**2) / 2)
        ),
        "each half of the line is met half the time, so a 2 is missing": (
            lambda a: math.sqrt(1 / (1 + a**2))
        ),
        "parentheses are missing: 2 / (1 + slope**2)": lambda a: math.sqrt(2 / 1 + a**2),
    },
    praise="slope 0 is ReLU, slope 1 no bend at all, and the formula knows both.",
)


def _dead(z):
    return (z <= 0).all(axis=0)


check_dead_share = Check(
    task="Return the share of the units whose sum is not above 0 for any input.",
    cases=((_drawn(30, 40) - 2.2,), (_drawn(12, 50, seed=1) - 1.5,)),
    right=lambda z: np.mean(_dead(z)),
    mistakes={
        "that is the share of zeros; a unit is dead if it gives nothing but zeros": (
            lambda z: np.mean(z <= 0)
        ),
        "these units give 0 for some input; dead ones give 0 for all": (
            lambda z: np.mean((z <= 0).any(axis=0))
        ),
        "these are the inputs for which all units are silent; look along the other axis": (
            lambda z: np.mean((z <= 0).all(axis=1))
        ),
        HOW_MANY: lambda z: np.sum(_dead(z)),
        "that is the share of the living": lambda z: 1 - np.mean(_dead(z)),
        "len(z) counts the inputs; how many units there are is z.shape[1]": (
            lambda z: np.sum(_dead(z)) / len(z)
        ),
        PERCENT: lambda z: 100 * np.mean(_dead(z)),
    },
    praise="no gradient passes these units, so nothing can wake them.",
)

# ------------------------------------------------------------------------------------------- 06


def _softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def _one_hot(p, y):
    return np.eye(p.shape[1])[y]


_LABELS = np.random.default_rng(2).integers(0, 10, 200)

check_gradient_of_loss = Check(
    task="Return the gradient of the mean loss at the ten outputs: shape (images, 10).",
    cases=((_softmax(_drawn(200, 10)), _LABELS),),
    right=lambda p, y: (p - _one_hot(p, y)) / len(p),
    mistakes={
        "the 1/batch is missing: the loss is the mean over the images": (
            lambda p, y: p - _one_hot(p, y)
        ),
        "the sign is reversed: the right digit's output must grow when we step against the"
        " gradient": lambda p, y: (_one_hot(p, y) - p) / len(p),
        "that is the slope at the probability of the right digit; go on through the softmax": (
            lambda p, y: -_one_hot(p, y) / p / len(p)
        ),
        "the right digit's 1 is missing: p minus 1 there": lambda p, y: p / len(p),
        "the right digit's 1 is missing: p minus 1 there, and 1/batch": lambda p, y: p,
        SIGN_AND_BATCH: lambda p, y: _one_hot(p, y) - p,
        "[:, y] takes whole columns; of each row, [np.arange(len(y)), y] takes the right digit": (
            lambda p, y: (p - 1) / len(p)
        ),
        "divide by the number of images, len(p); p.size counts ten for each": (
            lambda p, y: (p - _one_hot(p, y)) / p.size
        ),
    },
    praise="what is said minus what is true: it can hardly be simpler.",
)


def _recognised(z, y):
    return z.argmax(axis=1) == y


check_accuracy = Check(
    task="Return the share of the images whose largest output belongs to the right digit.",
    # All outputs of the first image are raised, so the largest of all is one of the first ten.
    cases=((_drawn(200, 10) + 0.5 * np.eye(10)[_LABELS] + 9 * np.eye(200, 1), _LABELS),),
    right=lambda z, y: np.mean(_recognised(z, y)),
    mistakes={
        HOW_MANY: lambda z, y: np.sum(_recognised(z, y)),
        "that is the share of wrong answers": lambda z, y: 1 - np.mean(_recognised(z, y)),
        "the answer is the largest output, and you take the smallest": (
            lambda z, y: np.mean(_recognised(-z, y))
        ),
        "that is the largest output itself; asked for is the digit that it belongs to": (
            lambda z, y: np.mean(z.max(axis=1) == y)
        ),
        "argmax looks for one largest output among all images; look in each row, with axis=1": (
            lambda z, y: np.mean(z.argmax() == y)
        ),
        PERCENT: lambda z, y: 100 * np.mean(_recognised(z, y)),
    },
    praise="the number that everybody quotes; the loss knows more.",
)

check_pytorch_std = Check(
    task="Return the std of weights drawn from U(-1/sqrt(fan_in), 1/sqrt(fan_in)).",
    cases=((784,), (100,), (12,)),
    right=lambda n: 1 / math.sqrt(3 * n),
    mistakes={
        BOUND_FOR_STD: lambda n: 1 / math.sqrt(n),
        STD_FOR_VARIANCE: lambda n: 1 / (3 * n),
        "from -a to a it is 2 a wide, and the std is the width over sqrt(12)": (
            lambda n: 1 / math.sqrt(12 * n)
        ),
        "the std of U(-a, a) is smaller than a: divide by the root of 3": (
            lambda n: math.sqrt(3 / n)
        ),
    },
    praise="smaller than He's by the root of 6.",
)

# ------------------------------------------------------------------------------------------- 07


def _tanh_slope(z):
    return 1 - np.tanh(z) ** 2


check_chi = Check(
    task="Return chi of a tanh layer: sigma_w2 times the mean of the squared slope at z.",
    cases=((1.5, 0.7 * _drawn(500)), (4.0, 1.6 * _drawn(400, seed=1))),
    right=lambda w2, z: w2 * np.mean(_tanh_slope(z) ** 2),
    mistakes={
        "the gradient is multiplied with the slope, so its mean square with the slope's squared": (
            lambda w2, z: w2 * np.mean(_tanh_slope(z))
        ),
        "first the square, then the mean: large slopes count more": (
            lambda w2, z: w2 * np.mean(_tanh_slope(z)) ** 2
        ),
        "that is how the signal's size is multiplied; chi takes the slope, 1 - tanh(z)**2": (
            lambda w2, z: w2 * np.mean(np.tanh(z) ** 2)
        ),
        "the weights are missing: sigma_w2 stands in front": (
            lambda w2, z: np.mean(_tanh_slope(z) ** 2)
        ),
        "sigma_w2 is a square already": lambda w2, z: w2**2 * np.mean(_tanh_slope(z) ** 2),
        "of sums it would depend on how many z there are; take the mean": (
            lambda w2, z: w2 * np.sum(_tanh_slope(z) ** 2)
        ),
    },
    praise="this number alone says on which side of the line a network starts.",
)

check_depth_scale = Check(
    task="Return after how many layers a distance that each layer multiplies by chi is 1/e of it.",
    cases=((0.5,), (0.88,), (0.99,)),
    right=lambda chi: -1 / math.log(chi),
    mistakes={
        "a number of layers isn't negative: the logarithm of chi is below 0": (
            lambda chi: 1 / math.log(chi)
        ),
        "that would be the layers to a tenth; e belongs to the natural logarithm": (
            lambda chi: -1 / math.log10(chi)
        ),
        "near 1 this comes close, but chi**n = 1/e needs a logarithm": lambda chi: 1 / (1 - chi),
        "the other way round: one over it": lambda chi: -math.log(chi),
        "that is how many layers halve it; asked for is 1/e": lambda chi: math.log(0.5, chi),
    },
    praise="near the line it grows without limit: there deep networks can be trained.",
)

check_on_the_diagonal = Check(
    task="Return sigma_w of the tanh network that a sigmoid network with this std and width is.",
    cases=((0.1, 100), (1.0, 100), (0.05, 400)),
    right=lambda std, n: std * math.sqrt(n) / 4,
    mistakes={
        "that is sigma_w of the sigmoid network; tanh's is a quarter of it": (
            lambda std, n: std * math.sqrt(n)
        ),
        "one half comes from the height of the curve, another one from its z/2": (
            lambda std, n: std * math.sqrt(n) / 2
        ),
        "that is sigma_w2, the variance; its root is asked for": lambda std, n: std**2 * n / 16,
        "a sum of n terms is as wide as the root of n": lambda std, n: std * n / 4,
        "the width is missing: a sum of more terms is wider": lambda std, n: std / 4,
        "variances shrink by 16, stds by 4": lambda std, n: std * math.sqrt(n) / 16,
    },
    praise="and sigma_b is the same number: that is why these networks lie on the diagonal.",
)

# ------------------------------------------------------------------------------------------- 08


def _left_over(a, mean_square=lambda a: (1 - a) ** 2 / (2 * math.pi)):
    """Return the variance of a leaky ReLU's outputs, of which the mean is taken away."""
    return (1 + a**2) / 2 - mean_square(a)


check_batch_norm_chi = Check(
    task="Return chi of a leaky ReLU between two batch normalizations.",
    cases=((0.0,), (0.1,), (0.5,), (0.9,)),
    right=lambda a: (1 + a**2) / 2 / _left_over(a),
    mistakes={
        "the mean is taken away in squares: the square of (1 - a) / sqrt(2 pi)": (
            lambda a: (1 + a**2) / 2 / _left_over(a, lambda a: (1 - a) / math.sqrt(2 * math.pi))
        ),
        "the square of (1 - a) is missing": (
            lambda a: (1 + a**2) / 2 / _left_over(a, lambda a: (1 - a) / (2 * math.pi))
        ),
        "that is the share of the variance; chi is one over it, times the slopes": _left_over,
        "that is ReLU's, with a = 0": lambda a: math.pi / (math.pi - 1),
        "the slopes are missing: (1 + a**2) / 2 stands above, too": lambda a: 1 / _left_over(a),
        "the slopes are divided by the variance, and not the variance by the slopes": (
            lambda a: _left_over(a) / ((1 + a**2) / 2)
        ),
        "that is without the normalization, which takes the mean away": lambda a: (1 + a**2) / 2,
    },
    praise="above 1 for every bend: the straighter the curve, the slower the gradient grows.",
)

check_fixup_factor = Check(
    task="Return the factor a for which L (a**(m - 1))**2 is 1.",
    cases=((14, 2), (100, 2), (50, 3)),
    right=lambda L, m: L ** (-1 / (2 * m - 2)),
    mistakes={
        "more branches add up to more, so the factor must be smaller than 1": (
            lambda L, m: L ** (1 / (2 * m - 2))
        ),
        "the 2 is missing: the root of L for two layers": lambda L, m: L ** (-1 / (m - 1)),
        "the last layer of a branch is 0, so m - 1 are left: 2m - 2": (
            lambda L, m: L ** (-1 / (2 * m))
        ),
        "the other way round: L is what is raised to a power": lambda L, m: (
            (2.0 * m - 2) ** (-1 / L)
        ),
        "the exponent belongs to L itself, not to 1 / (2m - 2) times L": (
            lambda L, m: -L / (2 * m - 2)
        ),
    },
    praise="a hundred branches of two layers: a tenth. Then all branches together move like one.",
)

check_warm_up = Check(
    task="Return the rate of a step (1, 2, ...), growing in a line to the full one at step `last`.",
    cases=((1, 100, 0.1), (50, 100, 0.1), (100, 100, 0.1), (700, 100, 0.1), (3, 4, 2.0)),
    right=lambda step, last, rate: min(1, step / last) * rate,
    mistakes={
        "after the warm-up it goes on growing; from step `last` on it is the full rate": (
            lambda step, last, rate: step / last * rate
        ),
        "steps count from 1 here, so the first has rate / last": (
            lambda step, last, rate: min(1, (step - 1) / last) * rate
        ),
        "the share is right; the rate itself is still missing": (
            lambda step, last, rate: min(1, step / last)
        ),
        "it begins at the full rate and falls; warming up is the other way round": (
            lambda step, last, rate: max(0, 1 - step / last) * rate
        ),
        "min takes the smaller one: of 1 and the share": (
            lambda step, last, rate: max(1, step / last) * rate
        ),
    },
    praise="small steps while the network is still strange to its data.",
)

# ------------------------------------------------------------------------------------------- 09


def _and_ends(middle):
    return lambda values: (middle(values), min(values), max(values))


check_spread = Check(
    task="Return three numbers: the median, the least and the greatest.",
    cases=(([3.0, 1.0, 9.0, 2.0, 4.0],), ([5.0, 1.0, 2.0, 40.0],)),
    right=_and_ends(np.median),
    mistakes={
        "you take the mean, which one outlier can carry away; take the median": _and_ends(np.mean),
        "the order is median, least, greatest": lambda v: (min(v), np.median(v), max(v)),
        "the least comes before the greatest": lambda v: (np.median(v), max(v), min(v)),
        "the median is in the middle once the values are sorted": (
            _and_ends(lambda values: values[len(values) // 2])
        ),
        "if their number is even, two values are in the middle; the median is their mean": (
            _and_ends(lambda values: sorted(values)[len(values) // 2])
        ),
        "a std is one number for both sides, and hides where the extremes are": (
            lambda v: np.median(v) + np.std(v) * np.array([0, -1, 1])
        ),
    },
    praise="all that the dots and bars of this series show.",
)

check_chance_of_oversight = Check(
    task="Return the chance that n seeds all miss an exception that one draw in ten shows.",
    cases=((1,), (3,), (10,)),
    right=lambda n: 0.9**n,
    mistakes={
        "that is the chance that all of them show it": lambda n: 0.1**n,
        "that is the chance that at least one of them shows it": lambda n: 1 - 0.9**n,
        "the chances of independent draws are multiplied, not added up": lambda n: 1 - 0.1 * n,
        "the chances of independent draws are multiplied: a power, not a product": (
            lambda n: 0.9 * n
        ),
        "that would be a coin; here a draw misses it with the chance 0.9": lambda n: 0.5**n,
        PERCENT: lambda n: 100 * 0.9**n,
    },
    praise="ten seeds still overlook it in one case of three.",
)

__all__ = [name for name in globals() if name.startswith("check_")]
