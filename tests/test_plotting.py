"""Each drawing function draws what it was handed, on the axes it was handed."""

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace

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
def nothing_shown(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *_: pytest.fail("plt.show() was called"))
    with mpl.rc_context():
        yield
    plt.close("all")


@pytest.fixture
def ax():
    return plt.subplots()[1]


@pytest.fixture
def axes():
    return plt.subplots(1, 5)[1]


def words_on(ax):
    return [text.get_text() for text in ax.texts]


def height(ax):
    return sum(bar.get_height() for bar in ax.patches)


def signals_of(weight_init, **settings):
    return experiments.five_layers(weight_init, **{"inputs": 50, "width": 20} | settings)


def test_style_is_large_and_does_not_come_from_the_machine():
    plotting.use_style()
    assert mpl.rcParams["font.size"] >= 16
    assert mpl.rcParams["font.family"] == ["DejaVu Sans"]  # the font that matplotlib brings


@pytest.mark.parametrize("was_filling", [False, True])
def test_a_figure_is_shown_once_with_its_words_in_two_places_and_closed(monkeypatch, was_filling):
    shown = []

    def note(data, **how):
        shown.append((data, how))

    monkeypatch.setattr("IPython.display.display", note)
    figure, words = plt.figure(), "One hill, a < b."
    plotting.show(figure, words, SimpleNamespace(update=note) if was_filling else None)
    assert shown == [
        (figure, {"metadata": {"image/png": {"alt": words}}}),
        (
            {
                "text/plain": words,
                "text/html": "<details><summary>in words</summary>One hill, a &lt; b.</details>",
            },
            {"raw": True},
        ),
    ]
    assert plt.get_fignums() == []
    for nothing in (" ", None):
        with pytest.raises(ValueError, match=r"^words=.* must say what is to be seen"):
            plotting.show(figure, nothing)


def test_colors_are_those_of_the_explorers():
    css = Path(explorers.__file__).with_name("explorers.css").read_text(encoding="utf-8")
    in_the_page = dict(re.findall(r"--initlab-(\w+): (#\w+);", css.split("}")[0]))
    shown = {name: color.lower() for name, color in plotting.COLORS.items() if name != "black"}
    assert shown == in_the_page
    assert plotting.COLORS["black"] == "#000000"


def test_a_start_has_its_color_by_name_and_by_its_initializer_and_so_has_a_new_one(monkeypatch):
    monkeypatch.setitem(init.STARTS, "Saxe", init.Start(init.orthogonal(gain=1.5), "sky"))
    for name, start in init.STARTS.items():
        for label in (name, name.upper(), repr(start.initializer), f"{name}, tanh"):
            assert plotting.color_of(label) == plotting.COLORS[start.color]
    for names in (experiments.AS_CODED, experiments.AS_LABELLED, experiments.FIVE_STARTS):
        assert len({plotting.color_of(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("label", "start"),
    [
        ("std=0.01", "std 0.01"),
        ("4 x Xavier, rate 0.5", "4 x Xavier"),
        ("4 x Glorot", "4 x Xavier"),
        ("3 x Xavier", "Xavier"),
        ("he_normal(slope=0.1, mode='fan_out')", "He"),
        ("kaiming_normal()", "He"),
        ("glorot_uniform", "Xavier"),
        ("lecun_uniform()", "LeCun"),
    ],
)
def test_labels_with_more_around_a_start_have_its_color(label, start):
    assert plotting.color_of(label) == plotting.color_of(start)


@pytest.mark.parametrize("label", ["Zavier", "", "std 0.1", "uniform(std=0.01)", "x He", 10])
def test_unknown_start_names_the_known_ones(label):
    with pytest.raises(ValueError, match=rf"^label={re.escape(repr(label))} .*std 0, .*Xavier, "):
        plotting.color_of(label)


def test_histogram_bars_are_the_shares_of_the_activations(axes):
    signals = signals_of(init.normal(10.0))
    before = [layer.h.copy() for layer in signals.layers]
    assert plotting.histograms(axes, signals, bins=10) is axes
    for ax, layer, h in zip(axes, signals.layers, before, strict=True):
        counts = np.histogram(h, bins=10, range=(0, 1))[0]
        heights = [bar.get_height() for bar in ax.patches]
        np.testing.assert_allclose(heights, counts / h.size, atol=1e-12)
        assert ax.get_title() == f"layer {layer.number}"
        np.testing.assert_array_equal(layer.h, h)


@pytest.mark.parametrize(
    ("weight_init", "activation"),
    [(init.he_normal(), tanh), (init.he_normal(), relu), (init.zeros(), tanh)],
)
def test_histogram_covers_the_data_wherever_they_are(axes, weight_init, activation):
    plotting.histograms(axes, signals_of(weight_init, activation=activation))
    assert [height(ax) for ax in axes] == [pytest.approx(1)] * 5


def test_histogram_writes_what_overflowed_and_draws_the_rest(axes):
    signals = signals_of(init.normal(1e100), activation=relu)
    plotting.histograms(axes, signals)
    for ax, layer in zip(axes, signals.layers, strict=True):
        drawn = np.isfinite(layer.h).mean()
        assert height(ax) == pytest.approx(drawn)
        assert words_on(ax) == ([f"{1 - drawn:.0%} overflowed"] if drawn < 1 else [])
    assert words_on(axes[4])
    nothing = dataclasses.replace(signals.layers[4], h=np.full((50, 20), np.nan))
    plotting.histograms(axes[:1], [nothing])  # nothing to draw is no error
    assert words_on(axes[0]) == ["100% overflowed"]
    with pytest.raises(ValueError, match="4 axes for 5 layers: expected one"):
        plotting.histograms(axes[:4], signals)


def test_gradient_histogram_shows_the_rest_as_a_number(axes):
    signals = signals_of(init.normal(10.0))
    plotting.gradient_histograms(axes, signals, smallest=1e-10)
    for ax, layer in zip(axes, signals.layers, strict=True):
        small = np.mean(np.abs(layer.gradient) < 1e-10)
        assert height(ax) == pytest.approx(1 - small)
        assert words_on(ax)[0].startswith(f"{small:.0%}")
        assert ax.get_xscale() == "log"
        lines = {line.get_linestyle(): line.get_xdata()[0] for line in ax.lines}
        median = {"--": layer.gradient_median} if layer.gradient_median > 1e-10 else {}
        assert lines == pytest.approx({"-": layer.gradient_rms} | median)


def test_against_layer_and_std_draw_medians_whole_spread_and_theory():
    seeds = np.array([[1.0, 10.0], [2.0, 20.0], [9.0, 90.0]])
    one, two = plt.subplots(1, 2)[1]
    assert plotting.against_layer(one, seeds, theory=[3.0, 30.0], label="m") is one
    assert plotting.against_std(two, [0.1, 10], seeds.T, theory=[3.0, 30.0]) is two
    for ax, x in ((one, [1, 2]), (two, [0.1, 10])):
        dots, bars = ax.containers[0].lines[0], ax.containers[0].lines[2][0]
        assert (dots.get_xdata().tolist(), dots.get_ydata().tolist()) == (x, [2, 20])
        np.testing.assert_allclose([s[:, 1] for s in bars.get_segments()], [[1, 9], [10, 90]])
        assert (x, [3.0, 30.0]) in [(list(la.get_xdata()), list(la.get_ydata())) for la in ax.lines]
    assert (one.get_yscale(), two.get_xscale()) == ("log", "log")


def race_of(**runs):
    histories = {name: [History(np.array(run), None) for run in runs[name]] for name in runs}
    return Race(histories, {}, {})


def test_loss_curves_draw_mean_and_band_in_the_order_asked_for(ax):
    race = race_of(**{"He": ([1, 2, 1.0], [3, 4, 3.0]), "std 0.01": ([5, 5, 6.0], [7, 9, 6.0])})
    assert plotting.loss_curves(ax, race, ["std 0.01", "He"], window=1, chance=2.3) is ax
    assert [line.get_label() for line in ax.lines[:2]] == ["std 0.01", "He"]
    assert ax.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert ax.lines[0].get_ydata().tolist() == [6, 7, 6]
    assert ax.lines[1].get_color() == plotting.GREEN
    band = ax.collections[0].get_paths()[0].vertices
    ends = {step: {y for x, y in band if x == step} for step in (1, 2, 3)}
    assert ends == {1: {5, 7}, 2: {5, 9}, 3: {6}}
    assert ax.lines[2].get_ydata() == [2.3, 2.3]
    assert words_on(ax) == ["guessing"]
    nobody = plotting.loss_curves(plt.subplots()[1], race, [], chance=2.3)
    assert [line.get_ydata() for line in nobody.lines] == [[2.3, 2.3]]


def test_loss_curves_are_dashed_for_sigmoid_and_unknown_starts_take_the_cycle(ax):
    names = ["Xavier, sigmoid", "Xavier, ReLU", "mine", "yours"]
    plotting.loss_curves(ax, race_of(**{name: [np.ones(60)] for name in names}))
    assert [line.get_linestyle() for line in ax.lines] == ["--", "-", "-", "-"]
    colors = [line.get_color() for line in ax.lines]
    assert colors[0] == colors[1] == plotting.BLUE
    assert colors[2] != colors[3]


def test_images_are_square_and_labelled(axes):
    plotting.images(axes[:2], np.arange(8.0).reshape(2, 4), [7, 3])
    np.testing.assert_array_equal(axes[1].images[0].get_array(), [[4, 5], [6, 7]])
    assert [ax.get_title() for ax in axes[:2]] == ["7", "3"]


def test_filters_are_the_columns_of_the_weights_each_on_its_own_scale(axes):
    weight = np.array([[1.0, -8], [2, 4], [-3, 0], [0, 1]])
    plotting.filters(axes[:2], weight)
    for ax, column, limit in zip(axes[:2], weight.T, (3, 8), strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), column.reshape(2, 2))
        assert ax.images[0].get_clim() == (-limit, limit)


def test_a_trainability_map_shows_each_network_at_its_place_and_fills(ax):
    accuracy = np.array([[0.9, np.nan, 0.1], [np.nan, 0.5, np.nan]])
    theory = {"limit": ([1, 2, 3], [9, 99, 9]), "border": 1.76}
    for _ in range(2):  # drawn again, it isn't there twice
        plotting.trainability_map(ax, [1.0, 2.0, 3.0], [4, 8], accuracy, **theory)
    places = {text.get_position(): text.get_text() for text in ax.texts}
    assert places == {(1.0, 4): "90", (3.0, 4): "10", (2.0, 8): "50"}
    (mesh,) = ax.collections
    shown = mesh.get_array()
    np.testing.assert_array_equal(shown.filled(np.nan), accuracy)
    assert "3 of 6 networks" in ax.get_title(loc="left")
    assert ax.get_ylim() == (2, 10)  # the line leaves the map, and doesn't change it
    assert len(ax.get_legend().get_texts()) == 2
    limit, border = ax.lines
    assert list(limit.get_ydata()) == [9, 99, 9]
    assert set(border.get_xdata()) == {1.76}
    plotting.trainability_map(ax, [1.0, 2.0], [4, 8], np.full((2, 2), np.nan))
    assert (ax.get_legend(), words_on(ax)) == (None, [])


def test_a_phase_plane_is_blue_in_order_and_red_in_chaos(ax):
    diagram = experiments.plane_diagram("relu")
    plotting.phase_plane(ax, diagram)
    (mesh,) = ax.collections
    colors = mesh.to_rgba(mesh.get_array()).reshape(*diagram.chi.shape, 4)
    order, chaos = colors[5, 5], colors[5, -1]  # sigma_w 0.5 and 4
    assert order[2] > order[0]
    assert chaos[0] > chaos[2]
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_xdata(), np.sqrt(2), rtol=1e-6)
    assert words_on(ax) == ["order", "chaos"]
    for words in ax.texts:
        assert ax.bbox.contains(*words.get_transform().transform(words.get_position()))


@pytest.mark.parametrize(("std_z", "words"), [(10.0, "65 % saturated"), (0.0, None)])
def test_a_folded_bell_ends_in_the_bars_that_it_was_handed(ax, std_z, words):
    folded = experiments.folded_bell(std_z)
    assert plotting.folded_bell(ax, folded, reach=30) is ax
    curve, bell, bars = ax.child_axes
    blue, orange = bars.containers
    assert [bar.get_width() for bar in blue] == folded.shares.tolist()
    assert [bar.get_width() for bar in orange] == folded.flat_shares.tolist()
    assert blue[0].get_y() == 0
    dots = [line.get_xydata()[0] for line in curve.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(dots, np.stack([folded.z, folded.h], axis=1))
    assert curve.get_xlim() == bell.get_xlim() == (-30, 30)
    assert words_on(ax) == [f"std of z = {std_z:g}", *[words] * (words is not None)]
    ax.figure.draw_without_rendering()
    for part in (curve, bell, bars):  # they stay in the room that they were given
        assert ax.bbox.padded(1).contains(*part.bbox.min)
        assert ax.bbox.padded(1).contains(*part.bbox.max)


def test_an_accuracy_table_tells_the_spread_and_what_overflowed_and_leaves_open_what_is_open(ax):
    accuracy = np.array([[[0.8, 0.7, 0.9], [0.1, 0.1, 0.5]], [[0.9, 0.9, np.nan], [0.6, 0.6, 0.6]]])
    names = ["none", "cure"], ["He", "std 1"]
    plotting.accuracy_table(ax, accuracy, *names)
    assert list(ax.patches) == []
    broken = [[[0, 0, 0], [1, 1, 0]], [[0, 0, 0], [0, 0, 0]]]
    framed = np.array([[False, True], [False, True]])
    plotting.accuracy_table(
        ax, accuracy, *names, broken=broken, word="lost", framed=framed, contrast=2
    )
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert places == {
        "80 %": (0.5, 0.4),
        "70 to 90": (0.5, 0.77),
        "lost\n2 of 3": (1.5, 0.5),
        "60 %": (1.5, 1.4),
    }
    assert [label.get_text() for label in ax.get_xticklabels()] == ["He", "std 1"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["none", "cure"]
    assert ax.yaxis_inverted()
    frames = [patch for patch in ax.patches if not patch.get_fill()]
    assert {(patch.get_x() // 1, patch.get_y() // 1) for patch in frames} == {(1, 0), (1, 1)}
    (colors,) = ax.collections  # the overflowed cell and the open one have no colour
    np.testing.assert_array_equal(np.ma.getmaskarray(colors.get_array()), [[0, 1], [1, 0]])
    np.testing.assert_allclose(colors.get_array().compressed(), [0.8**2, 0.6**2])
    with pytest.raises(ValueError, match=r"shape \(1, 2, seeds\)"):
        plotting.accuracy_table(ax, accuracy, ["none"], names[1])


def test_the_board_says_sentence_vote_and_verdict_and_can_be_filled_again():
    _, ax = plt.subplots(figsize=(15, 10))
    known = list(plotting.VERDICTS)
    lines = [
        (n, f"Claim about {word}.", "holds", word, []) for n, word in enumerate(known, start=1)
    ]
    plotting.board(ax, [*lines[:2], (3, "Unknown.", None, None, None)])
    plotting.board(ax, lines)
    words = words_on(ax)
    assert words[:3] == ["claim", "vote", "verdict"]
    for number, sentence, _, verdict, _ in lines:
        assert {str(number), sentence} <= set(words)
        assert any(word and verdict.startswith(word) for word in words)
    assert words.count("holds \N{CHECK MARK}") == 1
    assert words.count("holds \N{BALLOT X}") == len(known) - 1
    plotting.board(ax, [(1, "Not known yet.", "holds", None, None)])
    assert "holds" in words_on(ax)
    plotting.board(ax, lines)
    assert "Unknown." not in words


def test_the_boards_dots_are_on_the_right_of_the_line_if_seen_and_stop_at_the_edge():
    _, ax = plt.subplots(figsize=(15, 10))
    margins = [np.array([0.5, -0.5]), np.array([np.inf, 9]), np.array([-np.inf, -9])]
    plotting.board(ax, [(1, "Claim.", None, "depends on the draw", margins)])
    line = next(float(text.get_position()[0]) for text in ax.texts if text.get_text() == "line")
    dots = [tuple(map(float, dot)) for part in ax.collections for dot in part.get_offsets()]
    heights = sorted({y for _, y in dots})
    places = [sorted(x - line for x, y in dots if y == height) for height in heights]
    edge = places[1][0]
    assert edge > 0
    np.testing.assert_allclose(places, [[-edge / 4, edge / 4], [edge, edge], [-edge, -edge]])
    assert 0 < heights[0] < heights[-1] < 1


def test_the_board_has_a_box_for_each_verdict():
    _, ax = plt.subplots(figsize=(15, 10))
    plotting.board(ax, [(n, "", None, word, []) for n, word in enumerate(plotting.VERDICTS)])
    boxes = [patch.get_facecolor() for patch in ax.patches if patch.get_width() == 14]
    assert boxes == [mpl.colors.to_rgba(back) for back, _ in plotting.VERDICTS.values()]
