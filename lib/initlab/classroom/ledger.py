"""The ledger: what the article claims, and what the measurements say of it.

Each claim stands above its judge. A judge is handed measurements, and a ``Row`` comes back: the
verdict follows from the numbers, by a rule that can be read. Notebooks call the judges with what
they have measured; the verdict (07) calls them all, with seeds that no other has used.
"""

import functools
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from initlab._engine.checks import known_name

# A network has learned something if its loss has fallen below this; guessing gives 2.30.
LEARNED = 1.5
# A histogram shows a moderate spread if its std is above a tenth of the possible 0.5, and not above
# that of numbers which are equally frequent from 0 to 1.
MODERATE = (0.05, 0.29)
# A layer is saturated if more of its activations than this are.
SATURATED = 0.9
# A gradient has vanished on its way back if less than this is left of its RMS.
LEFT_OVER = 0.5
LINES = ("LEARNED", "MODERATE", "SATURATED", "LEFT_OVER")


class Claim(NamedTuple):
    """A claim, the notebook that settles it, its parts, and whether it is the series' own.

    In the parts a line stands by its name, in braces: ``parts_in_words`` writes its number there.
    """

    text: str
    notebook: str
    parts: tuple[str, ...]
    ours: bool

    def parts_in_words(self):
        """Return the parts, each a condition that is seen or not."""
        lines = {name: globals()[name] for name in LINES}
        return [part.format(**lines) for part in self.parts]


class Compared(NamedTuple):
    """Numbers beside a line: whether each is on the right side of it, and how far.

    Attributes
    ----------
    seen : array of bool, shape (seeds,)
    margin : array of float, shape (seeds,)
        In doublings: 0 is on the line, 1 is beyond it by a factor of two, and -1 is short of it by
        a factor of two. Infinite if nothing is compared: a part that was read or counted.
    """

    seen: np.ndarray
    margin: np.ndarray


# By number: the article's claims, in the order in which the reader meets them, and then our own.
# ``claim`` fills it.
CLAIMS = {}


@dataclass(frozen=True)
class Row:
    """One line of the ledger.

    Attributes
    ----------
    number : int
    claim : str
    verdict : str
        "holds", "false", "half true" or "depends on the draw".
    parts : dict of str to float
        The claim's parts, in words with their threshold, and with which share of the seeds each
        was seen.
    measured : str
        The numbers, with their spread over seeds.
    notebook : str
        Which settles the claim.
    margins : list of array, shape (seeds,) each
        For each part how far each seed is from its line; see ``Compared``.
    again : callable, optional
        Judges the same measurements anew; see ``judged_again``.
    """

    number: int
    claim: str
    verdict: str
    parts: dict[str, float]
    measured: str
    notebook: str
    margins: list = field(default_factory=list, repr=False, compare=False)
    again: Callable | None = field(default=None, repr=False, compare=False)

    def __str__(self):
        """Return the claim, a mark for each part, the measurement and the verdict, a line each."""
        marks, lines = {1: "\N{CHECK MARK}", 0: "\N{BALLOT X}"}, []
        for part, share in self.parts.items():
            some = "" if share in marks else f" ({share:.0%} of seeds)"
            lines.append(f"  {marks.get(share, '~')} {part}{some}")
        claim, verdict = f"Claim {self.number}: {self.claim}", f"Verdict: {self.verdict}"
        measured = textwrap.fill(f"Measured: {self.measured}", 88, subsequent_indent="  ")
        return "\n".join([claim, *lines, measured, verdict])


class LedgerTable:
    """The ledger as a table, for a notebook to show.

    Parameters
    ----------
    rows : list of Row
    """

    def __init__(self, rows):
        self.rows = sorted(rows, key=lambda row: row.number)

    def _repr_markdown_(self):
        lines = ["| | claim | verdict | measured or read | notebook |", "|---|---|---|---|---|"]
        for row in self.rows:
            place = f"[{row.notebook[:2]}]({row.notebook}.ipynb)"
            measured = row.measured.replace("|", r"\|")
            lines.append(
                f"| {row.number} | {row.claim} | **{row.verdict}** | {measured} | {place} |"
            )
        return "\n".join(lines)

    def __repr__(self):
        """Return number and verdict of each row, a line each."""
        return "\n".join(f"{row.number:2} {row.verdict}" for row in self.rows)


def claim(number, text, notebook, *, parts, ours=False):
    """Enter a claim into ``CLAIMS``, and let its judge, the function below it, return a ``Row``.

    What the judge itself returns is, for each of the claim's parts, whether it was seen with each
    seed (an array of bool, or ``above`` or ``below`` of a line), and a sentence with the numbers.
    """
    text = f"(ours) {text}" if ours else text
    entry = CLAIMS[number] = Claim(text, notebook, tuple(parts), ours)

    def decorate(judge):
        @functools.wraps(judge)
        def row(*args, **kwargs):
            dicts = [value for value in args if isinstance(value, dict)]
            if dicts and not any(dicts):
                raise ValueError(f"claim {number}: the dicts are empty; there is nothing to judge")
            found, measured = judge(*args, **kwargs)
            compared = [one if isinstance(one, Compared) else _counted(one) for one in found]
            words = zip(entry.parts_in_words(), compared, strict=True)
            return Row(
                number,
                text,
                verdict([one.seen for one in compared]),
                {part: float(np.mean(one.seen)) for part, one in words},
                measured,
                notebook,
                [one.margin for one in compared],
                functools.partial(row, *args, **kwargs),
            )

        return row

    return decorate


def _both(one, other):
    return Compared(one.seen & other.seen, np.minimum(one.margin, other.margin))


def _counted(seen):
    return Compared(seen, np.where(seen, np.inf, -np.inf))


def above(values, line):
    """Compare numbers with a line that they have to be above; see ``Compared``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return Compared(values > line, np.log2(values / line))


def below(values, line):
    """Compare numbers with a line that they have to be below; see ``Compared``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return Compared(values < line, -np.log2(values / line))


def verdict(parts):
    """Say what became of a claim.

    Parameters
    ----------
    parts : list of array of bool, each of shape (seeds,)
        The parts of a claim, and whether each was seen with each seed.

    Returns
    -------
    str
        "holds" if every part was seen with every seed, "false" if none was with any, "half true" if
        some parts always were and the others never, else "depends on the draw".
    """
    if len(parts) == 0 or not all(map(np.size, parts)):
        raise ValueError(f"parts={parts!r} must hold at least one, each with at least one seed")
    shares = {float(np.mean(part)) for part in parts}
    known = {(1,): "holds", (0,): "false", (0, 1): "half true"}
    return known.get(tuple(sorted(shares)), "depends on the draw")


def judged_again(rows, **lines):
    """Judge the same measurements by other lines.

    Parameters
    ----------
    rows : iterable of Row
    **lines
        ``LEARNED``, ``SATURATED``, ``LEFT_OVER`` (numbers) or ``MODERATE`` (a pair): see the top of
        this module.

    Returns
    -------
    list of Row
    """
    ours = {name: globals()[known_name("line", name, LINES)] for name in lines}
    globals().update(lines)
    try:
        return [row.again() for row in rows]
    finally:
        globals().update(ours)


def with_spread(values, form=".3f"):
    """Write several measurements of a number as their median, the least and the greatest.

    Parameters
    ----------
    values : array or list of float
    form : str
        A format, e.g. ".1%".

    Returns
    -------
    str
        E.g. "0.31 (0.30 to 0.33)"; a single number if all are the same to these digits.
    """
    low, middle, high = (format(float(f(values)), form) for f in (np.min, np.median, np.max))
    return middle if low == high else f"{middle} ({low} to {high})"


# ------------------------------------------------------------- the claims, each above its judge


@claim(
    1,
    "With N(0, 1) each layer widens the signal, more and more, to 0 and 1.",
    "00_start_here",
    parts=[
        "each layer's sums have a larger std than its inputs",
        "the std of the sums grows from layer to layer",
        "over {SATURATED:.0%} of the last layer is saturated",
    ],
)
def claim_1(std_input, std_z, saturated):
    """Judge by what std 1 does to the std of each layer's inputs, shape (seeds, layers) each.

    Parameters
    ----------
    std_input, std_z : array
        Of what goes into a layer, and of its sums.
    saturated : array
        The share of saturated activations.
    """
    wider = above((std_z / std_input).min(axis=1), 1)
    wider_and_wider = above((std_z[:, 1:] / std_z[:, :-1]).min(axis=1), 1)
    return [wider, wider_and_wider, above(saturated[:, -1], SATURATED)], (
        f"std of the sums {with_spread(std_z[:, 0], '.1f')} in layer 1,"
        f" {with_spread(std_z[:, -1], '.1f')} in layer {std_z.shape[1]};"
        f" saturated there: {with_spread(saturated[:, -1], '.0%')}"
    )


@claim(
    2,
    "std 10 pushes the activations to 0 and 1.",
    "01_weights_too_large",
    parts=["over {SATURATED:.0%} of each layer is saturated"],
)
def claim_2(saturated):
    """Judge by the share of saturated activations at std 10, shape (seeds, layers)."""
    least = saturated.min(axis=1)
    return [above(least, SATURATED)], (
        f"saturated: {with_spread(saturated.mean(axis=1), '.1%')}; in the least saturated layer"
        f" {with_spread(least, '.1%')}"
    )


@claim(
    3,
    "With std 10 the gradient vanishes, and the weights are not updated (steps of 0.5).",
    "01_weights_too_large",
    parts=[
        "the median of |dL/dz| is below 1e-10 in each layer",
        "less than {LEFT_OVER:.0%} of the RMS of dL/dz reaches layer 1",
        "in training, hidden weights move by less than 1% (RMS)",
    ],
)
def claim_3(rms, median, moved):
    """Judge by RMS and median of dL/dz at std 10, and by how far a training moves the weights.

    Parameters
    ----------
    rms, median : array, shape (seeds, layers)
    moved : array, shape (seeds, hidden layers)
        The RMS of the change of a layer's weights, divided by the RMS of the weights.
    """
    growth = rms[:, 0] / rms[:, -1]
    parts = [
        below(median.max(axis=1), 1e-10),
        below(growth, LEFT_OVER),
        below(moved.max(axis=1), 0.01),
    ]
    return parts, (
        f"median of the gradient at most {median.max():.0e}; but its RMS, layer 1 over layer"
        f" {rms.shape[1]}: x {with_spread(growth, '.0f')}; hidden weights move by"
        f" {moved.min():.0%} to {moved.max():.0%}"
    )


@claim(
    4,
    "std 0 puts every activation at 0.5.",
    "02_weights_of_zero",
    parts=["every activation is exactly 0.5"],
)
def claim_4(activations):
    """Judge by all activations at std 0, shape (seeds, ...)."""
    off = np.abs(activations - 0.5).reshape(len(activations), -1).max(axis=1)
    return [off == 0], f"largest distance from 0.5: {off.max():g}"


@claim(
    5,
    "With std 0 the gradient does not vanish.",
    "02_weights_of_zero",
    parts=["over {LEFT_OVER:.0%} of the RMS of dL/dz reaches layer 1"],
)
def claim_5(rms):
    """Judge by the RMS of dL/dz at std 0, shape (seeds, layers)."""
    return [above(rms[:, 0], LEFT_OVER * rms[:, -1])], (
        f"RMS in layers 1 to {rms.shape[1] - 1}: {rms[:, :-1].max():g};"
        f" in layer {rms.shape[1]}: {with_spread(rms[:, -1], '.2f')}"
    )


@claim(
    6,
    "Neurons that give the same output add nothing (400 steps).",
    "02_weights_of_zero",
    parts=[
        "equal neurons stay equal: rank 1, difference below 1e-6",
        "their loss is that of a single neuron, to within 0.1",
        "and more than 0.5 above that of different neurons",
    ],
)
def claim_6(equal, single, different):
    """Judge by three ``experiments.Symmetry``: of equal neurons, a single one, and different ones.

    The claim holds if equal neurons stay equal, and together learn what a single one learns, and
    less than different ones.
    """
    rank, loss, others = equal.rank[:, -1], equal.loss[:, -1], different.loss[:, -1]
    alone = single.loss[:, -1]
    parts = [
        (rank == 1) & (equal.difference[:, -1] < 1e-6),
        below(np.abs(loss - alone), 0.1),
        above(loss - others, 0.5),
    ]
    return parts, (
        f"rank after training: {rank.max()} of equal neurons,"
        f" {different.rank[:, -1].min()} of different ones; loss {with_spread(loss, '.2f')},"
        f" of a single one {with_spread(alone, '.2f')},"
        f" of different ones {with_spread(others, '.2f')}"
    )


@claim(
    7,
    "Xavier spreads the sigmoid's activations moderately, so it should learn (steps of 0.01).",
    "03_xavier",
    parts=["with this spread, it learns: its loss falls below {LEARNED}"],
)
def claim_7(pooled, across, sigmoid_loss):
    """Judge the inference, by what training gave: its premise must be seen in every network.

    Parameters
    ----------
    pooled, across : array, shape (seeds, layers)
        Std of the sigmoid's activations with Xavier, of all and across inputs.
    sigmoid_loss : array, shape (seeds,)
        After the race on MNIST.

    Raises
    ------
    ValueError
        If the spread is not moderate everywhere.
    """
    low, high = MODERATE
    if not ((pooled > low) & (pooled < high)).all():
        raise ValueError(f"not every std is between {low} and {high}: the claim says nothing then")
    return [below(sigmoid_loss, LEARNED)], (
        f"std of all activations {pooled.min():.2f} to {pooled.max():.2f}, so moderate (from {low}"
        f" to {high}); in layer {pooled.shape[1]} across inputs"
        f" {with_spread(across[:, -1], '.5f')}; loss {with_spread(sigmoid_loss)}"
    )


@claim(
    8,
    "Xavier suits symmetric functions such as sigmoid and tanh (steps of 0.01).",
    "03_xavier",
    parts=["tanh learns: its loss falls below {LEARNED}", "sigmoid learns, too"],
)
def claim_8(tanh_loss, sigmoid_loss):
    """Judge by the loss after the race with Xavier, of tanh and of sigmoid, shape (seeds,)."""
    return [below(tanh_loss, LEARNED), below(sigmoid_loss, LEARNED)], (
        f"loss with tanh {with_spread(tanh_loss)}, with sigmoid {with_spread(sigmoid_loss)}"
    )


@claim(
    9,
    "He suits ReLU (better than Xavier; steps of 0.01).",
    "04_he",
    parts=["He's loss is below Xavier's at every depth"],
)
def claim_9(xavier, he):
    """Judge by final losses of ReLU networks by depth: dicts of depth to array, shape (seeds,).

    The claim holds if He's loss is below Xavier's at every depth.
    """
    worst = np.max([he[depth] / xavier[depth] for depth in he], axis=0)
    return [below(worst, 1)], "; ".join(
        f"{depth} layers: Xavier {with_spread(xavier[depth], '.2f')},"
        f" He {with_spread(he[depth], '.2f')}"
        for depth in he
    )


@claim(
    10,
    "The formula that is printed for Xavier is the one that was run.",
    "05_mnist",
    parts=["both formulas give the same std in every layer"],
)
def claim_10(printed, coded):
    """Judge by the stds of all layers by both formulas, shape (layers,)."""
    shown = ", ".join(f"{a:.3f} or {b:.3f}" for a, b in zip(printed, coded, strict=True))
    agree = np.allclose(printed, coded)
    return [[agree]], f"std of each layer, read in the text and in the program: {shown}"


@claim(
    11,
    "In the comparison Xavier ran with the sigmoid.",
    "05_mnist",
    parts=["of Xavier's two networks it is the sigmoid's that learns, as in the figure"],
)
def claim_11(relu_loss, sigmoid_loss):
    """Judge by the final loss with Xavier's start, of ReLU and of sigmoid, shape (seeds,).

    In the article's figure Xavier's loss falls. So if only one of the two networks learns, it is
    that one which is in the figure.

    Raises
    ------
    ValueError
        If with some seed both learn, or neither: then the figure tells nothing.
    """
    relu, sigmoid = below(np.asarray(relu_loss), LEARNED), below(np.asarray(sigmoid_loss), LEARNED)
    if (relu.seen == sigmoid.seen).any():
        raise ValueError(
            f"relu_loss={relu_loss!r}, sigmoid_loss={sigmoid_loss!r} must be losses of which one"
            f" is below {LEARNED} with each seed, and the other not"
        )
    return [sigmoid], (
        f"loss with ReLU {with_spread(relu_loss)}, with sigmoid {with_spread(sigmoid_loss)};"
        " in the article's figure it falls"
    )


@claim(
    12,
    "The network of the race has 5 layers of 100 neurons.",
    "05_mnist",
    parts=["it has 5 layers", "all have 100 neurons"],
)
def claim_12(sizes):
    """Judge by the sizes of the published program's network."""
    layers = list(sizes[1:])
    return [[len(layers) == 5], [set(layers) == {100}]], (
        f"read in the program: {len(layers)} layers, of {', '.join(map(str, layers))} neurons"
    )


@claim(
    13,
    "The loss falls fastest for He, then Xavier, then std 0.01 (steps of 0.01).",
    "05_mnist",
    parts=[
        "as coded (ReLU): He's loss is below Xavier's, and that is below std 0.01's",
        "as labelled (sigmoid): the same, and Xavier is ahead of std 0.01 by 0.05",
    ],
)
def claim_13(he, xavier_relu, xavier_sigmoid, small):
    """Judge by the four final losses of the race, shape (seeds,).

    As coded Xavier's network has ReLU, as labelled sigmoid: there it has to come after He, and to
    beat std 0.01 by more than 0.05 in loss: that raises the typical probability of the right digit
    from 10 to 10.5 %.
    """
    as_coded = _both(below(he, xavier_relu), below(xavier_relu, small))
    lead = above(np.maximum(small - xavier_sigmoid, 0), 0.05)
    return [as_coded, _both(below(he, xavier_sigmoid), lead)], (
        f"He {with_spread(he)}, std 0.01 {with_spread(small)},"
        f" Xavier as coded {with_spread(xavier_relu)}, as labelled {with_spread(xavier_sigmoid)}"
    )


@claim(
    14,
    "Pretraining cures the vanishing gradient (8 layers, steps of 0.5).",
    "06_pretraining",
    parts=[
        "from Xavier's start, also with its steps added, the loss stays above {LEARNED}",
        "with RBMs it falls below that",
        "with autoencoders, too",
        "with RBMs over {LEFT_OVER:.0%} of the RMS of dL/dz reaches layer 1",
    ],
)
def claim_14(without, longer, rbm, autoencoder, reach_without, reach_rbm):
    """Judge by losses without and with pretraining, and by how much gradient reaches layer 1.

    Parameters
    ----------
    without, longer, rbm, autoencoder : array, shape (seeds,)
        Losses; ``longer`` is without, but with pretraining's steps added to the training.
    reach_without, reach_rbm : array, shape (seeds,)
        Before the training: the RMS of dL/dz in layer 1, divided by that in the last hidden layer.

    Notes
    -----
    The last line was moved. At first it was five times as much gradient as without pretraining, and
    the claim held. Now it is the line of claims 3 and 5.
    """
    parts = [
        above(np.minimum(without, longer), LEARNED),
        below(rbm, LEARNED),
        below(autoencoder, LEARNED),
        above(reach_rbm, LEFT_OVER),
    ]
    return parts, (
        f"loss without {with_spread(without, '.2f')},"
        f" and with all its steps {with_spread(longer, '.2f')};"
        f" with RBMs {with_spread(rbm, '.2f')}, autoencoders {with_spread(autoencoder, '.2f')};"
        f" of the gradient reach layer 1: {with_spread(reach_without, '.1g')} without,"
        f" {with_spread(reach_rbm, '.2g')} with RBMs"
    )


@claim(
    15,
    "Theory tells before training which networks train.",
    "08_order_and_chaos",
    parts=[
        "on the line, over 50 % are right",
        "that is over 20 percentage points more than far below it",
        "and over 20 more than far above it",
    ],
    ours=True,
)
def claim_15(critical, ordered, at, chaotic):
    """Judge by the training accuracy of deep tanh networks, shape (seeds,).

    Parameters
    ----------
    critical : float
        The sigma_w2 at which theory draws the line.
    ordered, at, chaotic : array, shape (seeds,)
        The accuracy far below the line, on it, and far above it.
    """
    return [at > 0.5, at > ordered + 0.2, at > chaotic + 0.2], (
        f"critical sigma_w2 {critical:.3f}; accuracy there {with_spread(at, '.0%')},"
        f" below {with_spread(ordered, '.0%')}, above {with_spread(chaotic, '.0%')}"
    )


@claim(
    16,
    "With the right remedy a network learns from any of five starts.",
    "10_remedies",
    parts=[
        "without it, most starts learn nothing: their loss stays above {LEARNED}",
        "with it, all learn",
    ],
    ours=True,
)
def claim_16(without, remedied):
    """Judge by final losses of deep networks: dicts of start to array, shape (seeds,).

    Parameters
    ----------
    without, remedied : dict of str to array, shape (seeds,)
        The same starts without and with the remedy; NaN where a training overflowed. The first part
        is seen if without it most starts learn nothing, the second if with it all learn.
    """
    before, after = (
        sum(np.asarray(losses[start]) < LEARNED for start in without)
        for losses in (without, remedied)
    )
    return [before < len(without) / 2, after == len(without)], (
        f"of {len(without)} starts learned: without {with_spread(before, 'g')};"
        f" with it {with_spread(after, 'g')}"
    )


OURS = tuple(number for number in CLAIMS if CLAIMS[number].ours)
