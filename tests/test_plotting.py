"""Each drawing function draws what it was handed, on the axes it was handed."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

import matplotlib.pyplot as plt

from initlab import experiments, plotting
from initlab import initializers as init
from initlab.activations import relu, tanh
from initlab.experiments import Race
from initlab.training import History


@pytest.fixture(autouse=True)
def _no_figure_left_open():
    with mpl.rc_context():
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def signals():
    return experiments.five_layers(init.normal(10.0), inputs=50, width=20)


def test_style_is_large_and_does_not_come_from_the_machine():
    plotting.use_style()
    assert mpl.rcParams["font.size"] >= 16
    assert mpl.rcParams["font.family"] == ["DejaVu Sans"]  # the font that matplotlib brings


@pytest.mark.parametrize(
    ("label", "color"),
    [
        ("He", plotting.GREEN),
        ("Xavier", plotting.BLUE),
        ("Xavier, sigmoid", plotting.BLUE),
        ("std 0.01", plotting.PURPLE),
        ("std 0", plotting.BLACK),
        ("std 1", plotting.ORANGE),
        ("std 10", plotting.VERMILION),
    ],
)
def test_same_start_same_color(label, color):
    assert plotting.color_of(label) == color


def test_every_start_of_the_races_has_a_color_of_its_own():
    for contestants in (experiments.AS_CODED, experiments.AS_LABELLED):
        colors = [plotting.color_of(name) for name in contestants]
        assert len(set(colors)) == len(colors)


def test_unknown_start_names_the_known_ones():
    with pytest.raises(ValueError, match=r"label='Zavier'.*xavier"):
        plotting.color_of("Zavier")


def test_histogram_bars_are_the_shares_of_the_activations(signals):
    axes = plt.subplots(1, 5)[1]
    assert plotting.histograms(axes, signals, bins=10) is axes
    for ax, layer in zip(axes, signals.layers, strict=True):
        counts = np.histogram(layer.h, bins=10, range=(0, 1))[0]
        heights = [bar.get_height() for bar in ax.patches]
        np.testing.assert_allclose(heights, counts / layer.h.size, atol=1e-12)
        assert ax.get_title() == f"layer {layer.number}"


@pytest.mark.parametrize("activation", [tanh, relu])
def test_histogram_covers_the_data_of_functions_that_leave_zero_to_one(activation):
    signals = experiments.five_layers(init.he_normal(), activation=activation, inputs=50, width=20)
    axes = plt.subplots(1, 5)[1]
    plotting.histograms(axes, signals)
    for ax in axes:
        assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(1)


def test_histogram_of_equal_activations_has_a_panel_with_width():
    signals = experiments.five_layers(init.zeros(), activation=tanh, inputs=5, width=3)
    axes = plt.subplots(1, 5)[1]
    plotting.histograms(axes, signals)
    assert sum(bar.get_height() for bar in axes[0].patches) == pytest.approx(1)


def test_histograms_need_one_panel_a_layer(signals):
    with pytest.raises(ValueError, match="4 axes for 5 layers"):
        plotting.histograms(plt.subplots(1, 4)[1], signals)


def test_gradient_histogram_shows_the_rest_as_a_number(signals):
    axes = plt.subplots(1, 5)[1]
    plotting.gradient_histograms(axes, signals, smallest=1e-10)
    for ax, layer in zip(axes, signals.layers, strict=True):
        small = np.mean(np.abs(layer.gradient) < 1e-10)
        heights = sum(bar.get_height() for bar in ax.patches)
        assert heights == pytest.approx(1 - small)
        assert ax.texts[0].get_text().startswith(f"{small:.0%}")
        assert ax.get_xscale() == "log"
        solid = [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "-"]
        assert solid == [pytest.approx(layer.gradient_rms)]


def test_against_layer_draws_medians_whole_spread_and_theory():
    measured = np.array([[1.0, 10.0], [2.0, 20.0], [9.0, 90.0]])
    ax = plt.subplots()[1]
    assert plotting.against_layer(ax, measured, theory=[3.0, 30.0], label="m") is ax
    dots, bars = ax.containers[0].lines[0], ax.containers[0].lines[2][0]
    assert dots.get_ydata().tolist() == [2, 20]
    np.testing.assert_allclose([s[:, 1] for s in bars.get_segments()], [[1, 9], [10, 90]])
    assert [3.0, 30.0] in [list(line.get_ydata()) for line in ax.lines]
    assert ax.get_yscale() == "log"


def test_against_std_draws_medians_and_whole_spread():
    measured = np.array([[1.0, 2.0, 6.0], [3.0, 4.0, 5.0]])
    ax = plt.subplots()[1]
    assert plotting.against_std(ax, [0.1, 10], measured) is ax
    dots, bars = ax.containers[0].lines[0], ax.containers[0].lines[2][0]
    assert dots.get_xdata().tolist() == [0.1, 10]
    assert dots.get_ydata().tolist() == [2, 4]
    np.testing.assert_allclose([s[:, 1] for s in bars.get_segments()], [[1, 6], [3, 5]])


def test_loss_curves_draw_mean_and_band_in_the_order_asked_for():
    losses = {"He": ([1.0, 2.0], [3.0, 4.0]), "std 0.01": ([5.0, 5.0], [7.0, 9.0])}
    race = Race(
        {name: [History(np.array(run), None) for run in runs] for name, runs in losses.items()},
        {},
        {},
    )
    ax = plt.subplots()[1]
    assert plotting.loss_curves(ax, race, ["std 0.01", "He"], window=1, chance=2.3) is ax
    assert [line.get_label() for line in ax.lines[:2]] == ["std 0.01", "He"]
    assert ax.lines[0].get_ydata().tolist() == [6, 7]
    assert ax.lines[1].get_color() == plotting.GREEN
    band = ax.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (5, 9)


def test_images_are_square_and_labelled():
    axes = plt.subplots(1, 2)[1]
    plotting.images(axes, np.arange(8.0).reshape(2, 4), [7, 3])
    assert axes[0].images[0].get_array().shape == (2, 2)
    assert [ax.get_title() for ax in axes] == ["7", "3"]


def test_nothing_is_shown_and_nothing_is_changed(signals, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *_: pytest.fail("plt.show() was called"))
    before = [(layer.h.copy(), layer.gradient.copy()) for layer in signals.layers]
    plotting.histograms(plt.subplots(1, 5)[1], signals)
    plotting.gradient_histograms(plt.subplots(1, 5)[1], signals)
    for (h, gradient), layer in zip(before, signals.layers, strict=True):
        np.testing.assert_array_equal(h, layer.h)
        np.testing.assert_array_equal(gradient, layer.gradient)
