"""Each drawing function draws what it was handed, on the axes it was handed."""

import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

import matplotlib.pyplot as plt

from initlab import experiments, explorers, plotting
from initlab import initializers as init
from initlab.activations import relu, tanh
from initlab.experiments import Race
from initlab.training import History


@pytest.fixture(autouse=True)
def _no_figure_left_open():
    with mpl.rc_context():
        yield
    plt.close("all")


def words_on(ax):
    return [text.get_text() for text in ax.texts]


@pytest.fixture(scope="module")
def signals():
    return experiments.five_layers(init.normal(10.0), inputs=50, width=20)


def test_style_is_large_and_does_not_come_from_the_machine():
    plotting.use_style()
    assert mpl.rcParams["font.size"] >= 16
    assert mpl.rcParams["font.family"] == ["DejaVu Sans"]  # the font that matplotlib brings


# ------------------------------------------------------------------------------------ colours


def test_colors_are_those_of_the_explorers():
    css = Path(explorers.__file__).with_name("explorers.css").read_text(encoding="utf-8")
    in_the_page = dict(re.findall(r"--initlab-(\w+): (#\w+);", css.split("}")[0]))
    shown = {name: color.lower() for name, color in plotting.COLORS.items() if name != "black"}
    assert shown == in_the_page
    assert plotting.COLORS["black"] == "#000000"


@pytest.mark.parametrize("name", init.STARTS)
def test_a_start_has_its_color_by_name_and_by_its_initializer(name):
    initializer, color, _ = init.STARTS[name]
    assert plotting.color_of(name) == plotting.COLORS[color]
    assert plotting.color_of(repr(initializer)) == plotting.COLORS[color]


def test_a_start_that_is_added_brings_its_color(monkeypatch):
    monkeypatch.setitem(init.STARTS, "Saxe", init.Start(init.orthogonal(gain=1.5), "sky"))
    labels = ("Saxe", "saxe", "orthogonal(gain=1.5)", "Saxe, tanh", "0.5 x Saxe")
    assert {plotting.color_of(label) for label in labels} == {plotting.SKY}


@pytest.mark.parametrize(
    ("label", "start"),
    [
        ("std=0.01", "std 0.01"),
        ("STD 10", "std 10"),
        ("normal(std=1), tanh", "std 1"),
        ("Xavier, sigmoid", "Xavier"),
        ("Xavier, rate 0.5", "Xavier"),
        ("4 x Xavier, rate 0.5", "4 x Xavier"),
        ("4 x Glorot", "4 x Xavier"),
        ("3 x Xavier", "Xavier"),
        ("0.5 x He", "He"),
        ("he_uniform()", "He"),
        ("he_normal(slope=0.1, mode='fan_out')", "He"),
        ("kaiming_normal()", "He"),
        ("Kaiming", "He"),
        ("glorot_uniform", "Xavier"),
        ("Glorot, tanh", "Xavier"),
        ("lecun_uniform()", "LeCun"),
    ],
)
def test_labels_with_more_around_a_start_have_its_color(label, start):
    assert plotting.color_of(label) == plotting.color_of(start)


def test_every_start_of_an_experiment_has_a_color_of_its_own():
    # "4 x Xavier" and "2 x He" differ from Xavier and He, with which they are compared.
    for names in (experiments.AS_CODED, experiments.AS_LABELLED, experiments.FIVE_STARTS):
        colors = [plotting.color_of(name) for name in names]
        assert len(set(colors)) == len(colors)
    assert plotting.color_of("4 x Xavier") != plotting.color_of("Xavier")


@pytest.mark.parametrize("label", ["Zavier", "", "std", "std 0.1", "uniform(std=0.01)", "x He", 10])
def test_unknown_start_names_the_known_ones(label):
    with pytest.raises(ValueError, match=r"^label=.*: .*std 0, .*Xavier, ") as caught:
        plotting.color_of(label)
    assert repr(label) in str(caught.value)


# ---------------------------------------------------------------------------- layers and curves


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


def test_histogram_writes_what_overflowed_and_draws_the_rest():
    signals = experiments.five_layers(init.normal(1e100), activation=relu, inputs=50, width=20)
    axes = plt.subplots(1, 5)[1]
    plotting.histograms(axes, signals)
    for ax, layer in zip(axes, signals.layers, strict=True):
        drawn = np.isfinite(layer.h).mean()
        assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(drawn)
        assert words_on(ax) == ([f"{1 - drawn:.0%} overflowed"] if drawn < 1 else [])
    assert words_on(axes[4]) == ["100% overflowed"]
    plotting.histograms(axes[:1], signals.layers[4:])  # nothing to draw is no error


def test_histograms_need_one_panel_a_layer(signals):
    with pytest.raises(ValueError, match="4 axes for 5 layers: expected one"):
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
    assert ax.lines[2].get_ydata() == [2.3, 2.3]
    assert words_on(ax) == ["all digits equally likely"]


def test_loss_curves_of_nobody_leave_the_line_of_guessing():
    ax = plt.subplots()[1]
    plotting.loss_curves(ax, Race({"He": [History(np.ones(9), None)]}, {}, {}), [], chance=2.3)
    (line,) = ax.lines
    assert line.get_ydata() == [2.3, 2.3]
    assert words_on(ax) == ["all digits equally likely"]


def test_loss_curves_are_dashed_for_sigmoid_and_unknown_starts_take_the_cycle():
    names = ["Xavier, sigmoid", "Xavier, ReLU", "mine", "yours"]
    ax = plt.subplots()[1]
    plotting.loss_curves(ax, Race({n: [History(np.ones(60), None)] for n in names}, {}, {}))
    assert [line.get_linestyle() for line in ax.lines] == ["--", "-", "-", "-"]
    colors = [line.get_color() for line in ax.lines]
    assert colors[0] == colors[1] == plotting.BLUE
    assert colors[2] != colors[3]


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


# --------------------------------------------------------------------------------------- maps


def test_a_trainability_map_shows_each_network_at_its_place_and_fills():
    sigma_w2, depths = [1.0, 2.0, 3.0], [4, 8]
    accuracy = np.array([[0.9, np.nan, 0.1], [np.nan, 0.5, np.nan]])
    _, ax = plt.subplots()
    for _ in range(2):  # drawn again, it isn't there twice
        plotting.trainability_map(
            ax, sigma_w2, depths, accuracy, limit=([1, 2, 3], [9, 99, 9]), border=1.76
        )
    places = {text.get_position(): text.get_text() for text in ax.texts}
    assert places == {(1.0, 4): "90", (3.0, 4): "10", (2.0, 8): "50"}
    (mesh,) = ax.collections
    shown = mesh.get_array()
    np.testing.assert_array_equal(shown.mask, np.isnan(accuracy))
    np.testing.assert_array_equal(shown[~shown.mask], accuracy[np.isfinite(accuracy)])
    assert "3 of 6 networks" in ax.get_title(loc="left")
    assert ax.get_ylim() == (2, 10)  # the line leaves the map, and doesn't change it
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["theory: 6 x depth scale", "theory: border"]
    limit, border = ax.lines
    assert list(limit.get_ydata()) == [9, 99, 9]
    assert set(border.get_xdata()) == {1.76}


def test_a_trainability_map_without_theory_and_without_networks():
    _, ax = plt.subplots()
    plotting.trainability_map(ax, [1.0, 2.0], [4, 8], np.full((2, 2), np.nan))
    assert ax.get_legend() is None
    assert words_on(ax) == []
    assert "0 of 4" in ax.get_title(loc="left")


def test_a_phase_plane_is_blue_in_order_and_red_in_chaos():
    diagram = experiments.plane_diagram("relu")
    _, ax = plt.subplots()
    plotting.phase_plane(ax, diagram)
    (mesh,) = ax.collections
    colors = mesh.to_rgba(mesh.get_array()).reshape(*diagram.chi.shape, 4)
    order, chaos = colors[5, 5], colors[5, -1]  # sigma_w 0.5 and 4
    assert order[2] > order[0]
    assert chaos[0] > chaos[2]
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_xdata(), np.sqrt(2), rtol=1e-6)
    assert words_on(ax) == ["order", "chaos"]


def test_a_remedy_map_tells_what_overflowed_and_leaves_open_what_is_open():
    nan = np.nan
    table = experiments.RemedyTable(
        ["none", "cure"],
        ["He", "std 1"],
        loss=np.array([[[0.5, 0.6, 0.7], [nan, nan, 1.0]], [[0.4, 0.4, nan], [0.3, 0.3, 0.3]]]),
        accuracy=np.array([[[0.8, 0.7, 0.9], [0, 0, 0.5]], [[0.9, 0.9, nan], [0.6, 0.7, 0.65]]]),
    )
    _, ax = plt.subplots()
    plotting.remedy_map(ax, table)
    assert list(ax.patches) == []
    plotting.remedy_map(ax, table, framed_below=0.6)
    places = {text.get_position(): text.get_text() for text in ax.texts}
    assert places == {(0.5, 0.5): "80 %", (1.5, 0.5): "overflow", (1.5, 1.5): "65 %"}
    assert [label.get_text() for label in ax.get_xticklabels()] == ["He", "std 1"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["none", "cure"]
    assert ax.yaxis_inverted()
    assert "11 of 12 networks" in ax.get_title()
    framed = {(patch.get_x() // 1, patch.get_y() // 1) for patch in ax.patches}
    assert framed == {(1, 1)}  # in the first cell the median is 0.6
    plotting.remedy_map(ax, table, framed_below=0.61)
    assert len(ax.patches) == 2
