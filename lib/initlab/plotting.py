"""How results look: one style, one colour per start, large enough for the back row.

Each function takes axes and results, draws on the axes, and returns them; ``show`` then shows the
figure with its alternative text. Running experiments is left to the notebooks. With several seeds,
a dot marks their median, and a bar extends from the smallest to the largest.
"""

import contextlib
import html
import io
import re
import textwrap
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter
from PIL import Image

from initlab.experiments.folding import equal_portions, is_flat
from initlab.initializers import STARTS

# Okabe, Ito (2008), "Color universal design": distinguishable with any kind of colour vision.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK = "#CC79A7", "#56B4E9", "#000000"
# By the names used in ``initializers.STARTS``.
COLORS = {"black": BLACK, "purple": PURPLE, "sky": SKY, "blue": BLUE, "orange": ORANGE}
COLORS |= {"green": GREEN, "red": VERMILION}

STYLE = Path(__file__).with_name("initlab.mplstyle")
PERCENT = FuncFormatter(lambda share, _: f"{100 * share:.3g} %")
WHITE = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1}  # behind text
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")  # 0.1 and 10 rather than powers of ten


def use_style():
    """Use the style of the series for all figures from now on."""
    matplotlib.style.use(STYLE)


@contextlib.contextmanager
def still(caption):
    """Yield a figure in the style of the series, and where its PNG is at the end of the block.

    No notebook shows the figure by itself. The caption is written under it.

    Parameters
    ----------
    caption : str

    Yields
    ------
    (Figure, io.BytesIO)
    """
    with matplotlib.style.context(STYLE, after_reset=True):
        # The style's own layout is measured twice, which takes longer than all the drawing.
        figure, png = Figure(layout="tight"), io.BytesIO()
        canvas = FigureCanvasAgg(figure)
        yield figure, png
        figure.supxlabel(textwrap.fill(caption, 110, break_on_hyphens=False), fontsize=14)
        canvas.draw()
    # With 256 colours it takes a third of the bytes that ``savefig`` would write.
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    drawn.quantize(method=Image.Quantize.FASTOCTREE).save(png, "PNG")


def show(figure, words, picture=None):
    """Show a figure in a notebook together with what is to be seen on it, and close it.

    The words are stored as the picture's alternative text, which GitHub and screen readers of web
    pages use. JupyterLab ignores it there, so the same words also stand below the picture, folded.

    Parameters
    ----------
    figure : matplotlib Figure
    words : str
        What the picture shows, in one or two plain sentences.
    picture : IPython DisplayHandle, optional
        For a figure that has been filling, and is complete now: what
        ``display(figure, display_id=True)`` returned.
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    if not isinstance(words, str) or not words.strip():
        raise ValueError(f"words={words!r} must say what is to be seen on the figure")
    described = {"metadata": {"image/png": {"alt": words}}}
    if picture is None:
        display(figure, **described)
    else:
        picture.update(figure, **described)
    folded = f"<details><summary>in words</summary>{html.escape(words)}</details>"
    display({"text/plain": words, "text/html": folded}, raw=True)
    plt.close(figure)


def color_of(label):
    """Return the colour of the start named by a label such as "He" or "std 10".

    Parameters
    ----------
    label : str
        The name of one of ``initializers.STARTS``, or the repr of its initializer
        ("he_normal()"). In a longer label, the part before the comma counts ("Xavier, tanh").
        Labels not in the table get the colour of their family ("3 x Xavier", "glorot_uniform()").
    """
    color = _known_color(label)
    if color is None:
        raise ValueError(f"label={label!r} must be the name of a start: {', '.join(STARTS)}")
    return color


def _known_color(label):
    known = {}
    for name, start in STARTS.items():
        known |= dict.fromkeys(map(_spelled, (name, repr(start.initializer))), COLORS[start.color])
    whole = _spelled(label)
    start = whole.split(",")[0].strip()
    family = re.sub(r"^[\d.]+ x |_(normal|uniform).*", "", start)
    return known.get(whole) or known.get(start) or known.get(family)


def _spelled(label):
    # The literature uses both the first and the last names of the same people.
    words = str(label).lower().replace("=", " ").strip()
    return words.replace("glorot", "xavier").replace("kaiming", "he")


# --------------------------------------------------------------------------- one panel per layer


def histograms(axes, signals, *, color=BLUE, bins=40, span=None):
    """Draw the distribution of each layer's activations, one panel per layer.

    The fraction of activations that overflowed is written in the panel.

    Parameters
    ----------
    axes : sequence of matplotlib Axes
        One per layer.
    signals : Signals, or sequence of LayerSignals
    color : color
    bins : int
    span : (float, float), optional
        The left and right ends of all panels; by default, the full range of sigmoid if every layer
        uses it, or else a range that covers the data of all layers.
    """
    layers = getattr(signals, "layers", signals)
    if len(axes) != len(layers):
        raise ValueError(f"{len(axes)} axes for {len(layers)} layers: expected one for each layer")
    span = _span(layers) if span is None else span
    for ax, layer in zip(axes, layers, strict=True):
        shown = layer.h[np.isfinite(layer.h)]
        _bars(ax, shown, layer.h.size, bins, span, color)
        _note(ax, 1 - shown.size / layer.h.size, "overflowed")
        ax.set(title=f"layer {layer.number}", xlabel="activation")
        ax.xaxis.set_major_formatter(PLAIN)
        ax.grid(visible=False, axis="x")
    axes[0].set_ylabel("share of activations")
    return axes


def _bars(ax, values, count, bins, span, color):
    ax.hist(values, bins, range=span, weights=np.full(len(values), 1 / count), color=color)
    ax.yaxis.set_major_formatter(PERCENT)


def _span(layers):
    if all(layer.activation.name == "sigmoid" for layer in layers):
        return 0.0, 1.0  # the full range of the function, so that panels are comparable
    shown = np.concatenate([layer.h[np.isfinite(layer.h)] for layer in layers])
    if not shown.size:
        return 0.0, 1.0
    margin = 0.02 * np.ptp(shown) or 0.5
    return shown.min() - margin, shown.max() + margin


def _note(ax, share, words):
    """Write how many of the values are not among the bars."""
    if share > 0.005:
        text = f"{share:.0%} {words}"
        ax.text(0.03, 0.97, text, transform=ax.transAxes, va="top", fontsize=14, bbox=WHITE)


def gradient_histograms(axes, signals, *, color=BLUE, smallest=1e-40, largest=1e3, bins=43):
    """Draw the distribution of |dL/dz| in each layer on a log axis, one panel per layer.

    A dashed line marks the median, a solid line the root mean square.

    Parameters
    ----------
    axes : sequence of matplotlib Axes
        One per layer.
    signals : Signals
    color : color
    smallest, largest : float
        The ends of the axis. The fraction of smaller values, zeros included, is written in the
        panel if it exceeds 0.5 %.
    bins : int
    """
    edges = np.logspace(np.log10(smallest), np.log10(largest), bins + 1)
    ticks = [10.0**power for power in range(-300, 300, 15) if smallest < 10.0**power < largest]
    for ax, layer in zip(axes, signals.layers, strict=True):
        sizes = np.abs(layer.gradient).ravel()
        shown = sizes[sizes >= smallest]
        _bars(ax, shown, len(sizes), edges, None, color)
        ax.set_xscale("log")
        ax.set(xticks=ticks, title=f"layer {layer.number}", xlabel="|dL/dz|")
        for value, style in [(layer.gradient_median, "--"), (layer.gradient_rms, "-")]:
            if smallest < value < largest:
                ax.axvline(value, color=BLACK, linestyle=style, linewidth=2)
        _note(ax, np.mean(sizes < smallest), "still\nsmaller")
    axes[0].set_ylabel("share of gradients")
    return axes


# ----------------------------------------------------------------- one quantity against another


def against_layer(
    ax, measured, *, theory=None, label="", theory_label="theory", color=BLUE, marker="o", log=True
):
    """Draw one measurement for every layer: dots with their spread over seeds, theory as a line.

    Parameters
    ----------
    ax : matplotlib Axes
    measured : array, shape (seeds, layers)
    theory : array, shape (layers,), optional
    label, theory_label : str
        Entries of the legend; "" for none.
    color : color
    marker : str
    log : bool
        Whether the value axis is logarithmic.
    """
    layers = np.arange(1, np.shape(measured)[1] + 1)
    _dots(ax, layers, measured, theory, label, theory_label, color, marker)
    if log:
        ax.set_yscale("log")
    many = len(layers) > 15
    ax.set_xticks([1, *range(5, len(layers) + 1, 5)] if many else layers)
    ax.set_xlabel("layer")
    return ax


def against_std(ax, stds, measured, *, theory=None, label="", color=BLUE):
    """Draw one measurement against the std of the weights: dots with spread, theory as a line.

    Parameters
    ----------
    ax : matplotlib Axes
    stds : array, shape (stds,)
    measured : array, shape (stds, seeds)
    theory : array, shape (stds,), optional
    label : str
    color : color
    """
    _dots(ax, stds, np.transpose(measured), theory, label, "theory", color, "o")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(PLAIN)
    ax.set_xlabel("std of the weights")
    return ax


def _dots(ax, x, measured, theory, label, theory_label, color, marker):
    low, middle, high = (of(measured, axis=0) for of in (np.min, np.median, np.max))
    look = {"fmt": marker, "color": color, "capsize": 6, "elinewidth": 2, "zorder": 3}
    ax.errorbar(x, middle, [middle - low, high - middle], label=label, **look)
    if theory is not None:
        ax.plot(x, theory, color=color, alpha=0.5, label=theory_label or None)


def loss_curves(ax, race, names=None, *, window=50, chance=None):
    """Draw a race: for each contestant, the mean loss over seeds and a band that spans all seeds.

    Parameters
    ----------
    ax : matplotlib Axes
    race : experiments.Race
    names : list of str, optional
        The contestants, in drawing order; by default all.
    window : int
        The number of steps over which the loss is averaged.
    chance : float, optional
        The loss of predicting that all digits are equally likely, drawn as a thin line.
    """
    for name in race.histories if names is None else names:
        curves = race.losses(name, window)
        steps = np.arange(1, curves.shape[1] + 1)
        style = "--" if "sigmoid" in name else "-"
        # For an unknown start, the colour comes from the cycle.
        (line,) = ax.plot(steps, curves.mean(axis=0), style, color=_known_color(name), label=name)
        band = {"color": line.get_color(), "alpha": 0.25, "linewidth": 0}
        ax.fill_between(steps, curves.min(axis=0), curves.max(axis=0), **band)
    if chance is not None:
        ax.axhline(chance, color=BLACK, linewidth=1, linestyle=":")
        at_the_right = {"transform": ax.get_yaxis_transform(), "ha": "right", "va": "bottom"}
        ax.text(0.99, 1.02 * chance, "guessing", fontsize=14, **at_the_right)
    ax.set(xlabel="step", ylabel=f"loss, mean of {window} steps")
    ax.set_ylim(bottom=0)
    ax.margins(x=0.01)
    return ax


def images(axes, rows, labels=None):
    """Draw images as dark strokes on white, one per panel.

    Parameters
    ----------
    axes : sequence of matplotlib Axes
    rows : array, shape (images, side * side)
    labels : array of int, shape (images,), optional
        Written above the images.
    """
    for index, (ax, row) in enumerate(zip(axes, rows, strict=True)):
        side = round(len(row) ** 0.5)
        ax.imshow(row.reshape(side, side), cmap="Greys", interpolation="nearest")
        ax.set_axis_off()
        if labels is not None:
            ax.set_title(f"{labels[index]}")
    return axes


def filters(axes, weight):
    """Draw the weights of single neurons as pictures: purple positive, orange negative.

    Parameters
    ----------
    axes : sequence of matplotlib Axes
        One for each of the first neurons of a layer.
    weight : array, shape (side * side, neurons)
        Each neuron's picture has its own scale.
    """
    for ax, weights in zip(axes, weight.T, strict=False):
        side, limit = round(len(weights) ** 0.5), np.abs(weights).max()
        look = {"cmap": "PuOr", "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
        ax.imshow(weights.reshape(side, side), **look)
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
    return axes


def folded_bell(ax, folded, *, reach=12.0):
    """Draw the bell curve of z, the curve that folds it, and the histogram of h that it becomes.

    What the flat ends of the curve get is orange.

    Parameters
    ----------
    ax : matplotlib Axes
        Makes room for three smaller ones: its ``child_axes`` are curve, bell and bars.
    folded : experiments.FoldedBell
    reach : float
        The axis of z runs from -reach to reach.
    """
    f, std_z = folded.activation, folded.std_z
    curve = ax.inset_axes((0.1, 0.48, 0.56, 0.52))
    bell = ax.inset_axes((0.1, 0.12, 0.56, 0.33), sharex=curve)
    bars = ax.inset_axes((0.68, 0.48, 0.32, 0.52), sharey=curve)
    z = np.linspace(-reach, reach, 2401)
    heights = np.exp(-((z / max(std_z, 0.05)) ** 2) / 2)  # any narrower could not be seen
    flat, h = is_flat(f, z), f(z)
    for where, color in [(~flat, BLUE), (flat, ORANGE)]:
        curve.plot(z, np.where(where, h, np.nan), color=color, linewidth=5)
        bell.fill_between(z, heights, where=where, color=color, linewidth=0)
    cuts, _ = equal_portions(len(folded.z))
    odd = np.searchsorted(cuts[1:-1] * std_z, z) % 2 == 0
    bell.fill_between(z, heights, where=odd, color="white", alpha=0.35, linewidth=0)
    for place, height in zip(folded.z, folded.h, strict=True):
        color = ORANGE if is_flat(f, place) else BLUE
        curve.plot([place] * 2, [f.span[0], height], color=color, linewidth=1, alpha=0.4)
        curve.plot([place, reach], [height] * 2, color=color, linewidth=1)
        curve.plot(place, height, "o", color=color, markersize=7, markeredgecolor="white", zorder=3)
    edges = np.linspace(*f.span, len(folded.shares) + 1)
    for shares, color in [(folded.shares, BLUE), (folded.flat_shares, ORANGE)]:
        bars.barh(edges[:-1], shares, 0.9 * np.diff(edges), align="edge", color=color)
    text = {"transform": ax.transAxes, "weight": "bold", "va": "top"}
    ax.text(0.68, 0.3, f"std of z = {std_z:.3g}", **text)
    for share, words in [(folded.saturated_fraction, "saturated"), (folded.zero_fraction, "are 0")]:
        if share:
            ax.text(0.68, 0.19, f"{100 * share:.0f} % {words}", color=ORANGE, **text)
    for one in (curve, bell, bars):
        one.grid(visible=False)
    curve.tick_params(bottom=False, labelbottom=False)
    bars.tick_params(labelleft=False)
    margin = 0.02 * (f.span[1] - f.span[0])  # for dots on the edge
    curve.set(xlim=(-reach, reach), ylim=(f.span[0] - margin, f.span[1] + margin), ylabel="h")
    curve.set_yticks([f.span[0], np.mean(f.span), f.span[1]])
    bell.set(ylim=(0, 1.03), yticks=[], xlabel="z")
    bars.set_xlim(0, max(0.1, 1.05 * folded.shares.max()))
    bars.xaxis.set_major_formatter(PERCENT)
    ax.set_axis_off()
    ax.set_title(f"h = {f.name}(z)", loc="left")
    return ax


# ------------------------------------------------------------------------------------------ maps


def trainability_map(ax, sigma_w2, depths, accuracy, *, limit=None, border=None):
    """Draw which networks train, one cell per variance of the weights and depth.

    The axes are cleared first, so that the map can be redrawn as it fills.

    Parameters
    ----------
    ax : matplotlib Axes
    sigma_w2 : sequence of float, length columns
        fan_in times the variance of a weight, in equal steps.
    depths : sequence of int, length rows
        The numbers of hidden layers, in equal steps.
    accuracy : array, shape (rows, columns)
        From 0 to 1; NaN for networks not trained yet, which stay grey.
    limit : (sequence of float, sequence of float), optional
        The limit of trainability according to theory: sigma_w2 and depth of a line.
    border : float, optional
        The sigma_w2 between order and chaos.
    """
    accuracy = np.asarray(accuracy)
    _map(ax, accuracy, sigma_w2, depths, shading="nearest")
    for (row, column), share in np.ndenumerate(accuracy):
        if np.isfinite(share):
            _write(ax, sigma_w2[column], depths[row], f"{100 * share:.0f}", share, 14)
    bottom, top = ax.get_ylim()
    if limit is not None:
        ax.plot(*limit, color=VERMILION, linewidth=5, label="theory: 6 x depth scale")
    if border is not None:
        ax.axvline(border, color=VERMILION, linestyle=":", linewidth=4, label="theory: border")
    if limit is not None or border is not None:
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, ncols=2, fontsize=15)
    ax.set_yticks(depths)
    ax.set(ylim=(bottom, top), xlabel="$\\sigma_w^2$", ylabel="hidden layers")
    done = int(np.isfinite(accuracy).sum())
    words = f"% of training images right: {done} of {accuracy.size} networks"
    ax.set_title(words, loc="left")
    return ax


def accuracy_table(
    ax, accuracy, rows, columns, *, broken=None, word="overflow", framed=None, contrast=1
):
    """Draw a table of accuracies: in each cell the median over seeds, and below it the spread.

    The axes are cleared first, so that the table can be redrawn as it fills.

    Parameters
    ----------
    ax : matplotlib Axes
    accuracy : array, shape (rows, columns, seeds)
        From 0 to 1; NaN for networks not trained yet. Cells with missing seeds stay grey.
    rows, columns : list of str
        What the rows and columns are called.
    broken : array of bool, shape (rows, columns, seeds), optional
        Which trainings broke down. Cells with such trainings are hatched, and say how many.
    word : str
        What such cells say.
    framed : array of bool, shape (rows, columns), optional
        Which cells get a frame.
    contrast : float
        With more than 1, high accuracies can be told apart by their colours, and low ones can't:
        the colour goes by this power of the accuracy.
    """
    accuracy = np.asarray(accuracy, dtype=np.float64)
    if accuracy.shape[:2] != (len(rows), len(columns)):
        raise ValueError(
            f"accuracy of shape {accuracy.shape} must have shape ({len(rows)}, {len(columns)},"
            " seeds), as many as there are rows and columns"
        )
    broken = np.zeros(accuracy.shape) if broken is None else np.asarray(broken)
    shares, lost = np.median(accuracy, axis=2), broken.sum(axis=2).astype(int)
    _map(ax, np.where(lost, np.nan, shares) ** contrast)
    for (row, column), share in np.ndenumerate(shares):
        if not np.isfinite(share):
            continue
        if lost[row, column]:
            ax.add_patch(Rectangle((column, row), 1, 1, color="white"))
            look = {"facecolor": "white", "edgecolor": "0.8", "hatch": "//", "linewidth": 0}
            ax.add_patch(Rectangle((column, row), 1, 1, **look))
            words = f"{word}\n{lost[row, column]} of {accuracy.shape[2]}"
            middle = (column + 0.5, row + 0.5)
            ax.text(*middle, words, ha="center", va="center", fontsize=16, bbox=WHITE)
        else:
            low, high = (f"{100 * end(accuracy[row, column]):.0f}" for end in (np.min, np.max))
            brightness = share**contrast
            _write(ax, column + 0.5, row + 0.4, f"{100 * share:.0f} %", brightness, 20)
            if low != high:
                _write(ax, column + 0.5, row + 0.77, f"{low} to {high}", brightness, 15)
        if framed is not None and framed[row, column]:
            look = {"fill": False, "edgecolor": VERMILION, "linewidth": 5}
            ax.add_patch(Rectangle((column + 0.04, row + 0.04), 0.92, 0.92, **look))
    ax.set_xticks(np.arange(len(columns)) + 0.5, columns)
    ax.set_yticks(np.arange(len(rows)) + 0.5, rows)
    ax.invert_yaxis()
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.tick_params(length=0)
    return ax


# What a verdict looks like: the colour behind it and that of the word.
VERDICTS = {
    "holds": (GREEN, "white"),
    "half true": (ORANGE, "black"),
    "false": (BLACK, "white"),
    "depends on the draw": (PURPLE, "black"),
}


def board(ax, lines):
    """Draw claims as a board: number and sentence, the vote on it, and the verdict, once known.

    The axes are cleared first, so that the board can be redrawn as it fills.

    Parameters
    ----------
    ax : matplotlib Axes
        Of a figure of 15 by 10 inches or more.
    lines : list of (int, str, str or None, str or None, list of array or None)
        Number, sentence, vote, verdict and margins of each claim. Beside a verdict, a vote gets a
        tick or a cross. The margins are in doublings, an array for each part of the claim: a dot
        for each draw, on the right of the line where the part was seen. What is farther away than
        a factor of four stands at the edge, as do rings, for what has no factor.
    """
    ax.clear()
    ax.set_axis_off()
    ax.set(xlim=(0, 100), ylim=(len(lines) + 0.6, -0.8))
    for x, words in [(0, "claim"), (50, "vote"), (87, "verdict")]:
        ax.text(x, -0.4, words, fontsize=17, weight="bold", va="center")
    ax.text(73, -0.4, "not seen | seen", fontsize=17, weight="bold", va="center", ha="center")
    ax.plot([73, 73], [0, len(lines)], color=BLACK, linewidth=2)
    for x in (63, 68, 78, 83):
        ax.plot([x, x], [0, len(lines)], color="0.75", linewidth=1)
    for x, words in [(63, "x 4"), (68, "x 2"), (73, "line"), (78, "x 2"), (83, "x 4")]:
        ax.text(x, len(lines) + 0.3, words, fontsize=15, va="center", ha="center")
    for y, (number, sentence, vote, verdict, margins) in enumerate(lines):
        middle = y + 0.5
        if y % 2 == 0:
            ax.axhspan(y, y + 1, color="0.95", zorder=0)
        ax.text(2.5, middle, number, fontsize=17, weight="bold", va="center", ha="right")
        words = textwrap.fill(sentence, 56)
        ax.text(4, middle, words, fontsize=15.5, va="center", linespacing=1.05)
        if vote:
            mark = " \N{CHECK MARK}" if vote == verdict else " \N{BALLOT X}" if verdict else ""
            ax.text(50, middle, vote + mark, fontsize=16, va="center")
        for place, margin in enumerate(margins or [], start=1):
            height = np.full(len(margin), y + place / (len(margins) + 1))
            color = np.where(margin > 0, BLUE, VERMILION)
            fill = np.where(np.isfinite(margin), color, "white")
            where = 73 + 5 * np.clip(margin, -2, 2)
            ax.plot([where.min(), where.max()], [height[0]] * 2, color=color[0], linewidth=4)
            ax.scatter(where, height, s=70, c=fill, edgecolors=color, linewidths=2, zorder=3)
            if len(margins) > 1:
                letter = "abcd"[place - 1]
                small = {"fontsize": min(15, 42 / len(margins)), "va": "center", "ha": "right"}
                ax.text(61, height[0], letter, **small)
        if verdict:
            back, front = VERDICTS[verdict]
            ax.add_patch(Rectangle((86, y + 0.08), 14, 0.84, color=back))
            word = verdict.replace("depends on the draw", "depends")
            look = {"fontsize": 18, "color": front, "ha": "center", "va": "center"}
            ax.text(93, middle, word, **look)
    return ax


def _map(ax, shares, *places, **how):
    ax.clear()
    ax.set_facecolor("0.85")
    shares = np.ma.masked_invalid(shares)
    ax.pcolormesh(*places, shares, cmap="cividis", vmin=0, vmax=1, **how)
    ax.grid(visible=False)


def _write(ax, x, y, words, brightness, size):
    color = "black" if brightness > 0.6 else "white"
    ax.text(x, y, words, ha="center", va="center", color=color, fontsize=size, zorder=5)


def phase_plane(ax, diagram):
    """Draw order, chaos and the boundary between them in the plane of sigma_w and sigma_b.

    Parameters
    ----------
    ax : matplotlib Axes
    diagram : experiments.PlaneDiagram
    """
    colors = LinearSegmentedColormap.from_list("phases", [BLUE, "white", VERMILION])
    log_chi = np.log(np.maximum(diagram.chi, 1e-6))
    shades = {"cmap": colors, "vmin": -1.5, "vmax": 1.5, "shading": "nearest"}
    ax.pcolormesh(diagram.sigma_w, diagram.sigma_b, log_chi, **shades)
    ax.plot(*diagram.line.T, color=BLACK, linewidth=4)
    for words, x, y, side in [("order", 0.04, 0.9, "left"), ("chaos", 0.96, 0.06, "right")]:
        ax.text(x, y, words, transform=ax.transAxes, ha=side, fontsize=24, weight="bold")
    ax.set(xlim=(0, diagram.sigma_w[-1]), ylim=(0, diagram.sigma_b[-1]))
    ax.set(xlabel="$\\sigma_w$", ylabel="$\\sigma_b$")
    ax.grid(visible=False)
    return ax
