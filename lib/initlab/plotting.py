"""How results look: one style, one colour for each way to start, large enough for the back row.

Each function takes results and axes, draws, and returns the axes. None computes an experiment and
none shows a figure: that is the notebook's business.
"""

import re
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter

from initlab.classroom.ledger import LEARNED

# Okabe, Ito (2008), "Color universal design": told apart with any kind of colour vision.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK = "#CC79A7", "#56B4E9", "#000000"

STARTS = {
    "xavier": BLUE,
    "glorot": BLUE,
    "he": GREEN,
    "kaiming": GREEN,
    "lecun": SKY,
    "std 0.01": PURPLE,
    "std 0": BLACK,
    "std 1": ORANGE,
    "std 10": VERMILION,
}


PERCENT = FuncFormatter(lambda share, _: f"{100 * share:.3g} %")
WHITE = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1}  # behind text
PLAIN = FuncFormatter(lambda value, _: f"{value:g}")  # 0.1 and 10 rather than powers of ten


def use_style():
    """Give all figures from here on the look of the series."""
    matplotlib.style.use(Path(__file__).with_name("initlab.mplstyle"))


def color_of(label):
    """Return the colour of the way to start that a label such as "He" or "std 10" names.

    Parameters
    ----------
    label : str
        A name of ``STARTS``, or one with more around it: "std=0.01", "he_normal()", "4 x Xavier",
        "Xavier, sigmoid".

    Raises
    ------
    ValueError
        If the label names none of them.
    """
    color = _known_color(label)
    if color is None:
        raise ValueError(f"label={label!r}: no such start; known are {', '.join(STARTS)}")
    return color


def _known_color(label):
    start = str(label).lower().split(",")[0].replace("=", " ")
    start = re.sub(r"^[\d.]+ x |^normal\(|_?(normal|uniform)\(.*|\)$", "", start).strip()
    return STARTS.get(start)


def histograms(axes, signals, *, color=BLUE, bins=40, span=None):
    """Draw the distribution of each layer's activations, one panel a layer.

    Parameters
    ----------
    axes : sequence of matplotlib Axes
        One for each layer.
    signals : Signals, or sequence of LayerSignals
    color : color
    bins : int
    span : (float, float), optional
        Left and right end of all panels; by default they cover the data of all layers.

    Returns
    -------
    the axes

    Raises
    ------
    ValueError
        If there are not as many axes as layers.
    """
    layers = getattr(signals, "layers", signals)
    if len(axes) != len(layers):
        raise ValueError(f"{len(axes)} axes for {len(layers)} layers: one each is needed")
    if span is None:
        span = _span(layers)
    for ax, layer in zip(axes, layers, strict=True):
        values = layer.h.ravel()
        ax.hist(
            values, bins, range=span, weights=np.full(len(values), 1 / len(values)), color=color
        )
        ax.set_title(f"layer {layer.number}")
        ax.set_xlabel("activation")
        ax.xaxis.set_major_formatter(PLAIN)
        ax.yaxis.set_major_formatter(PERCENT)
        ax.grid(visible=False, axis="x")
    axes[0].set_ylabel("share of activations")
    return axes


def _span(layers):
    if all(layer.activation.name == "sigmoid" for layer in layers):
        return 0.0, 1.0  # the whole range of the function, so that all its panels compare
    low, high = min(layer.h.min() for layer in layers), max(layer.h.max() for layer in layers)
    margin = 0.02 * (high - low) or 0.5
    return low - margin, high + margin


def gradient_histograms(axes, signals, *, color=BLUE, smallest=1e-40, largest=1e3, bins=43):
    """Draw the distribution of |dL/dz| of each layer on a log axis, one panel a layer.

    A dashed line stands at the median, a solid one at the root mean square.

    Parameters
    ----------
    axes : sequence of matplotlib Axes
        One for each layer.
    signals : Signals
    color : color
    smallest, largest : float
        The ends of the axis. The share of what is smaller, zero included, is written in the panel.
    bins : int

    Returns
    -------
    the axes
    """
    edges = np.logspace(np.log10(smallest), np.log10(largest), bins + 1)
    for ax, layer in zip(axes, signals.layers, strict=True):
        sizes = np.abs(layer.gradient).ravel()
        shown = sizes[sizes >= smallest]
        ax.hist(shown, edges, weights=np.full(len(shown), 1 / len(sizes)), color=color)
        ax.set_xscale("log")
        ax.set_xticks(
            [10.0**power for power in range(-300, 300, 15) if smallest < 10.0**power < largest]
        )
        ax.set_title(f"layer {layer.number}")
        ax.set_xlabel("|dL/dz|")
        ax.yaxis.set_major_formatter(PERCENT)
        for value, style in [(layer.gradient_median, "--"), (layer.gradient_rms, "-")]:
            if smallest < value < largest:
                ax.axvline(value, color=BLACK, linestyle=style, linewidth=2)
        below = 1 - len(shown) / len(sizes)
        if below > 0.005:
            left = f"{below:.0%} still\nsmaller"
            ax.text(0.03, 0.97, left, transform=ax.transAxes, va="top", fontsize=14, bbox=WHITE)
    axes[0].set_ylabel("share of gradients")
    return axes


def against_layer(
    ax, measured, *, theory=None, label="", theory_label="theory", color=BLUE, marker="o", log=True
):
    """Draw one measurement of every layer: dots with their spread over seeds, theory as a line.

    Parameters
    ----------
    ax : matplotlib Axes
    measured : array, shape (seeds, layers)
        Dots are medians over the seeds, bars reach from the least to the greatest.
    theory : array, shape (layers,), optional
    label, theory_label : str
        For the legend; "" for none.
    color : color
    marker : str
    log : bool
        Whether the axis of values is logarithmic.

    Returns
    -------
    the axes
    """
    measured = np.asarray(measured)
    layers = np.arange(1, measured.shape[1] + 1)
    middle = np.median(measured, axis=0)
    bars = np.abs(np.stack([measured.min(axis=0), measured.max(axis=0)]) - middle)
    ax.errorbar(
        layers,
        middle,
        bars,
        fmt=marker,
        color=color,
        capsize=6,
        elinewidth=2,
        label=label,
        zorder=3,
    )
    if theory is not None:
        ax.plot(layers, theory, color=color, alpha=0.5, label=theory_label or None)
    if log:
        ax.set_yscale("log")
    ax.set_xticks(layers)
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

    Returns
    -------
    the axes
    """
    measured = np.asarray(measured)
    middle = np.median(measured, axis=1)
    bars = np.abs(np.stack([measured.min(axis=1), measured.max(axis=1)]) - middle)
    ax.errorbar(
        stds, middle, bars, fmt="o", color=color, capsize=6, elinewidth=2, label=label, zorder=3
    )
    if theory is not None:
        ax.plot(stds, theory, color=color, alpha=0.5, label="theory")
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(PLAIN)
    ax.set_xlabel("std of the weights")
    return ax


def loss_curves(ax, race, names=None, *, window=50, chance=None):
    """Draw a race: for each contestant the mean loss over seeds, and the band they lie in.

    Parameters
    ----------
    ax : matplotlib Axes
    race : experiments.Race
    names : list of str, optional
        Which contestants, and in which order; by default all.
    window : int
        Over how many steps the loss is averaged.
    chance : float, optional
        The loss of the answer that all digits are equally likely: drawn as a thin line.

    Returns
    -------
    the axes
    """
    for name in race.histories if names is None else names:
        curves = race.losses(name, window)
        steps = np.arange(1, curves.shape[1] + 1)
        style = "--" if "sigmoid" in name else "-"
        # Of the cycle, if it is no known start.
        (line,) = ax.plot(steps, curves.mean(axis=0), style, color=_known_color(name), label=name)
        ax.fill_between(
            steps,
            curves.min(axis=0),
            curves.max(axis=0),
            color=line.get_color(),
            alpha=0.25,
            linewidth=0,
        )
    if chance is not None:
        ax.axhline(chance, color=BLACK, linewidth=1, linestyle=":")
        ax.text(
            steps[-1],
            1.02 * chance,
            "all digits equally likely",
            va="bottom",
            ha="right",
            fontsize=14,
        )
    ax.set_xlabel("step")
    ax.set_ylabel(f"loss, mean of {window} steps")
    ax.set_ylim(bottom=0)
    ax.margins(x=0.01)
    return ax


def images(axes, rows, labels=None):
    """Draw images, one a panel, as dark strokes on white.

    Parameters
    ----------
    axes : sequence of matplotlib Axes
    rows : array, shape (images, side * side)
    labels : array of int, shape (images,), optional
        Written above.

    Returns
    -------
    the axes
    """
    for index, (ax, row) in enumerate(zip(axes, rows, strict=True)):
        side = round(len(row) ** 0.5)
        ax.imshow(row.reshape(side, side), cmap="Greys", interpolation="nearest")
        ax.set_axis_off()
        if labels is not None:
            ax.set_title(f"{labels[index]}")
    return axes


def trainability_map(ax, sigma_w2, depths, accuracy, *, limit=None, border=None):
    """Draw which networks train, a cell for each: by the variance of the weights and by depth.

    What was drawn on the axes before is removed, so that a map can be drawn again as it fills.

    Parameters
    ----------
    ax : matplotlib Axes
    sigma_w2 : sequence of float, length columns
        fan_in times the variance of a weight, in equal steps.
    depths : sequence of int, length rows
        Hidden layers, in equal steps.
    accuracy : array, shape (rows, columns)
        From 0 to 1; NaN for networks that aren't trained yet, which stay grey.
    limit : (sequence of float, sequence of float), optional
        The line up to which theory lets networks train: sigma_w2 and depth.
    border : float, optional
        The sigma_w2 between order and chaos.

    Returns
    -------
    the axes
    """
    ax.clear()
    ax.set_facecolor("0.85")
    ax.pcolormesh(
        sigma_w2,
        depths,
        np.ma.masked_invalid(accuracy),
        shading="nearest",
        cmap="cividis",
        vmin=0,
        vmax=1,
    )
    for row, depth in zip(np.asarray(accuracy), depths, strict=True):
        for share, value in zip(row, sigma_w2, strict=True):
            if np.isfinite(share):
                words, color = f"{100 * share:.0f}", "black" if share > 0.6 else "white"
                place = {"ha": "center", "va": "center", "zorder": 5}
                ax.text(value, depth, words, color=color, fontsize=14, **place)
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
    words = f"% of training images right: {done} of {np.size(accuracy)} networks"
    ax.set_title(words, loc="left")
    ax.grid(visible=False)
    return ax


def phase_plane(ax, diagram):
    """Draw order, chaos and the border between them in the plane of sigma_w and sigma_b.

    Parameters
    ----------
    ax : matplotlib Axes
    diagram : experiments.PlaneDiagram

    Returns
    -------
    the axes
    """
    colors = LinearSegmentedColormap.from_list("phases", [BLUE, "white", VERMILION])
    ax.pcolormesh(
        diagram.sigma_w,
        diagram.sigma_b,
        np.log(np.maximum(diagram.chi, 1e-6)),
        shading="nearest",
        cmap=colors,
        vmin=-1.5,
        vmax=1.5,
    )
    sigma_w, sigma_b = diagram.line.T
    ax.plot(sigma_w, sigma_b, color=BLACK, linewidth=4)
    ax.set(xlim=(0, diagram.sigma_w[-1]), ylim=(0, diagram.sigma_b[-1]))
    for words, place, side in [("order", 0.04, "left"), ("chaos", 0.96, "right")]:
        height = 0.9 if side == "left" else 0.06
        ax.text(place, height, words, transform=ax.transAxes, ha=side, fontsize=24, weight="bold")
    ax.set(xlabel="$\\sigma_w$", ylabel="$\\sigma_b$")
    ax.grid(visible=False)
    return ax


def remedy_map(ax, table):
    """Draw how each remedy does from each start: the share of right answers, a cell for each.

    What was drawn on the axes before is removed, so that a map can be drawn again as it fills.

    Parameters
    ----------
    ax : matplotlib Axes
    table : experiments.RemedyTable
        Medians over its seeds are shown; cells in which a seed is missing stay grey. A frame says
        that the median of the loss is below ``ledger.LEARNED``.

    Returns
    -------
    the axes
    """
    ax.clear()
    ax.set_facecolor("0.85")
    shares = np.median(table.accuracy, axis=2)
    overflowed = np.isfinite(table.accuracy).all(axis=2) & np.isnan(table.loss).any(axis=2)
    ax.pcolormesh(np.ma.masked_invalid(shares), cmap="cividis", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        if np.isfinite(share):
            color = "black" if share > 0.6 else "white"
            words = "overflow" if overflowed[row, column] else f"{100 * share:.0f} %"
            place = column + 0.5, row + 0.5
            if np.median(table.loss[row, column]) < LEARNED:
                frame = Rectangle((column + 0.04, row + 0.04), 0.92, 0.92, fill=False)
                frame.set(edgecolor="white", linewidth=5)
                ax.add_patch(frame)
            ax.text(*place, words, ha="center", va="center", color=color, fontsize=18)
    ax.set_xticks(np.arange(len(table.starts)) + 0.5, table.starts)
    ax.set_yticks(np.arange(len(table.remedies)) + 0.5, table.remedies)
    ax.invert_yaxis()
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.grid(visible=False)
    done = int(np.isfinite(table.accuracy).sum())
    ax.set_title(f"test images right: {done} of {table.accuracy.size} networks", pad=16)
    return ax
