"""Draw the picture of the README: the five histograms, from two starts."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from initlab import experiments, plotting
from initlab import initializers as init

STARTS = {"std 10": init.normal(10.0), "Xavier": init.xavier_normal()}


def draw():
    """Return the figure: a row of five histograms for each start."""
    plotting.use_style()
    figure, rows = plt.subplots(len(STARTS), 5, figsize=(15, 5.6), sharex=True, sharey="row")
    for axes, (name, weight_init) in zip(rows, STARTS.items(), strict=True):
        signals = experiments.five_layers(weight_init, seed=0)
        plotting.histograms(axes, signals, color=plotting.color_of(name))
        for ax, layer in zip(axes, signals.layers, strict=True):
            ax.set(xlabel="", ylabel="", title=f"across inputs {layer.across_input_std:.2g}")
        axes[0].set_ylabel(name, fontsize=20)
    for ax, layer in zip(rows[-1], signals.layers, strict=True):
        ax.set_xlabel(f"layer {layer.number}")
    return figure


if __name__ == "__main__":
    # No version of matplotlib in the file: the same picture, the same bytes.
    draw().savefig(Path(__file__).with_name("five_histograms.png"), metadata={"Software": None})
