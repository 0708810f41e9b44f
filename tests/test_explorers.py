"""The explorers without a browser: what all share, and those with a slider for the std."""

import base64
import contextlib
import dataclasses
import io
import itertools
import json
import threading
import time
import tracemalloc
import weakref

import ipywidgets as widgets
import matplotlib as mpl
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from initlab import activations, experiments, explorers, theory
from initlab import initializers as init
from initlab.activations import ACTIVATIONS, leaky_relu_with
from initlab.explorers import (
    ActivationExplorer,
    ActivationSettings,
    CompareExplorer,
    FoldExplorer,
    FoldSettings,
    PhaseExplorer,
    PhaseSettings,
    SignalExplorer,
    SignalSettings,
    captions,
    scrub_table,
)
from initlab.explorers.positions import named_stds, std_positions
from initlab.explorers.tables import Filler, ScrubTable, pack

# ------------------------------------------------------------------------------- every control
# No list by hand: the explorers are those that the folder offers, their controls those in the
# widget.

KINDS = [
    kind
    for kind in vars(explorers).values()
    if isinstance(kind, type) and issubclass(kind, widgets.Box)
]
SMALL = {"depth": 2, "width": 10, "inputs": 10}


@pytest.fixture
def small(few_digits, monkeypatch):
    """Return a function that makes an explorer with as little to compute as its controls allow."""
    monkeypatch.setattr("initlab.explorers.training.load_mnist", lambda: few_digits)
    made = []

    def make(kind, *arguments, **settings):
        explorer = kind(*arguments, **settings)
        made.append(explorer)
        explorer.state = " ".join(
            f"{name}={control.min}"
            for name, control in controls(explorer).items()
            if isinstance(control, widgets.IntSlider) and name not in settings
        )
        return explorer

    yield make
    for explorer in made:
        explorer.close()


def inside(box):
    """Yield all widgets in a box."""
    for child in box.children:
        yield from inside(child) if isinstance(child, widgets.Box) else [child]


def controls(explorer):
    """Return the controls of an explorer by the names that its state has for them."""
    names = [part.partition("=")[0] for part in explorer.state.split()]
    found = {name: getattr(explorer, name) for name in names}
    shown = set(inside(explorer))
    assert set(found.values()) <= shown
    others = shown - set(found.values()) - {explorer.picture, explorer.state_text}
    assert all(isinstance(other, widgets.Button) for other in others), "a control without a name"
    return found


def stops(control):
    """Return where a control is looked at: all its options, and the ends of numbers."""
    if isinstance(control, widgets.SelectionSlider):
        values = [value for _, value in control.options]
        return [values[0], values[len(values) // 2], values[-1]]
    if isinstance(control, widgets.Dropdown):
        return control.options
    if isinstance(control, widgets.ToggleButton):
        return [True, False]
    return [control.min, control.max]


def names_of(kind):
    """Return the names of the controls of a kind of explorer."""
    explorer = kind()
    names = list(controls(explorer))
    explorer.close()
    return names


each_kind = pytest.mark.parametrize("kind", KINDS)
each_control = pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, id=f"{kind.__name__}.{name}")
        for kind in KINDS
        for name in names_of(kind)
    ],
)


def said(explorer):
    """Return every caption that the page has of an explorer."""
    table = explorer.picture.table
    head = json.loads(table[4 : 4 + int.from_bytes(table[:4], "little")])
    captions_of_parts = [part.get("captions", []) for part in head["parts"]]
    return [head.get("caption", "none of the whole"), *itertools.chain(*captions_of_parts)]


@each_kind
def test_for_a_first_look_everything_but_the_slider_and_the_picture_is_hidden(small, kind):
    explorer = small(kind)
    before = explorer.state, str(explorer.reading())
    assert explorer.only_the_slider() is explorer
    assert (explorer.state, str(explorer.reading())) == before
    shown = {part for part in inside(explorer) if part.layout.display != "none"}
    sliders = [
        one for one in controls(explorer).values() if isinstance(one, widgets.SelectionSlider)
    ]
    assert shown == {explorer.picture, *sliders}


def test_without_names_the_slider_keeps_its_number_when_the_width_changes(small):
    explorer = small(FoldExplorer, std="Xavier", width=100)
    assert explorer.only_the_slider("width") is explorer
    assert explorer.width.layout.display != "none"
    assert explorer.std.label == "0.1"
    explorer.width.value = 1000
    assert explorer.std.value == 0.1
    assert not any("(" in label for label, _ in explorer.std.options)


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@each_control
def test_every_option_of_every_control_by_hand_and_pasted_and_every_button(small, kind, name):
    explorer = small(kind)
    explorer.wait()
    other, control = small(kind), controls(explorer)[name]
    buttons = [widget for widget in inside(explorer) if isinstance(widget, widgets.Button)]
    buttons.remove(explorer.reset_button)
    for value in stops(control):
        control.value = value
        assert control.value == value
        for button in buttons:
            button.click()
            assert explorer.reading().caption
            assert str(explorer.reading())
        explorer.wait()
        assert all(said(explorer))
        assert explorer.state_text.value == explorer.state
        assert explorer.picture.message == ""
        (part,) = (part for part in explorer.state.split() if part.startswith(f"{name}="))
        other.state_text.value = part
        assert other.picture.message == ""
        assert getattr(other, name).value == getattr(explorer, name).value
    explorer.reset_button.click()
    assert explorer.state == kind().state


@each_kind
def test_the_state_is_all_that_the_reading_depends_on(small, kind):
    explorer, other, rng = small(kind), small(kind), np.random.default_rng(0)
    for _ in range(25):
        for name, control in rng.permutation(list(controls(explorer).items()))[:2]:
            values = stops(control)
            if isinstance(control, widgets.IntSlider):
                values = [control.min, (4 * control.min + control.max) // 5]
            control.value = values[rng.integers(len(values))]
            assert getattr(explorer, name).value in values
        other.state = explorer.state
        assert other.state == explorer.state == explorer.state_text.value
        assert str(other.reading()) == str(explorer.reading())
    again = explorer.state
    explorer.reset()
    explorer.state = again
    assert str(other.reading()) == str(explorer.reading())


@each_kind
def test_what_is_no_option_is_pasted_in_vain_and_the_message_names_it(small, kind):
    explorer = small(kind)
    state = explorer.state
    for name, wrong in itertools.product(controls(explorer), ("", "wrong", "-1", "1e999", "nan")):
        explorer.state_text.value = f"{name}={wrong}"
        assert explorer.picture.message.startswith(f"{name}={wrong} must be ")
        assert explorer.state == state
    explorer.state_text.value = state
    assert explorer.picture.message == ""
    for wrong in ("colour=red", "seed", f"{state} seed=x"):
        explorer.state_text.value = wrong
        assert explorer.picture.message
        with pytest.raises(ValueError, match=r"^state: .* is not known here|^seed=x"):
            explorer.state = wrong
        assert explorer.state == state
    with pytest.raises(TypeError, match="state=None must be a text such as"):
        explorer.state = None
    number = next(one for one in controls(explorer).values() if hasattr(one, "max"))
    number.value += 1
    assert number.value > number.min
    assert explorer.picture.message == ""


@each_kind
def test_what_no_control_can_show_is_refused_by_name(kind):
    for name in set(names_of(kind)) - {"lock", "difference"}:
        for value in (-1, "wrong", None):
            if value is not None or name not in ("activation_b", "initializer_b"):  # as A's
                with pytest.raises((ValueError, TypeError), match=f"^{name.removesuffix('_b')}.*="):
                    kind(**{name: value})


@each_kind
def test_without_a_kernel_its_picture_with_the_caption_and_its_state_remain(small, kind):
    explorer, seen, style = small(kind), set(), dict(mpl.rcParams)
    control = next(iter(controls(explorer).values()))
    for value in stops(control):
        control.value = value
        data, metadata = DisplayFormatter().format(explorer)
        png = base64.b64decode(data["image/png"], validate=True)
        with Image.open(io.BytesIO(png)) as picture:
            picture.load()
            assert picture.format == "PNG"
        assert len(png) < 60_000
        seen.add(png)
        assert metadata == {"image/png": {"alt": explorer.reading().caption}}
        assert "application/vnd.jupyter.widget-view+json" in data
        saved = data["application/vnd.initlab.explorer+json"]
        again = small(getattr(explorers, saved["kind"]))
        again.state = saved["state"]
        assert (type(again), again.state) == (kind, explorer.state)
    assert len(seen) == len(stops(control))
    assert dict(mpl.rcParams) == style  # the notebook's figures are as they were


def test_the_still_histograms_are_those_of_the_layers(still):
    a, b = {"activation": "relu", "width": 30}, {"activation": "tanh", "width": 30}
    explorer = CompareExplorer(0.3, "Xavier", depth=9, **a, activation_b="tanh")
    panels = np.reshape(still(explorer), (2, 3))
    for axes, settings, std in zip(panels, (a, b), (explorer.std, explorer.std_b), strict=True):
        scheme, span = init.normal(std.value), ACTIVATIONS[settings["activation"]].span
        layers = experiments.five_layers(scheme, depth=9, dtype=np.float32, **settings).layers
        for ax, layer in zip(axes, layers[::4], strict=True):
            shares = np.histogram(layer.h, 23, span)[0] / layer.h.size
            np.testing.assert_allclose([bar.get_height() for bar in ax.patches], shares, atol=1e-3)
            assert ax.get_title() == f"layer {layer.number}"
    explorer.close()


@pytest.mark.parametrize("std", [0.0, "He", 10.0])
def test_the_still_dots_are_the_sizes_that_a_log_axis_has_a_place_for(still, std):
    explorer = SignalExplorer(std, activation="relu", depth=30, width=500, inputs=10)
    (ax,), reading = still(explorer), explorer.reading()
    for dots, name in zip(ax.containers, ("forward_rms", "gradient_rms"), strict=True):
        known = getattr(reading, name)
        known = np.where((known > 0) & np.isfinite(known), known, np.nan)
        np.testing.assert_array_equal(dots.lines[0].get_ydata(), known)
    low, high = ax.get_ylim()
    assert low <= 0.1 < 10 <= high
    explorer.close()


def test_what_is_added_to_the_tables_is_offered_everywhere(small, monkeypatch):
    softplus = activations.ActivationFunction(
        "softplus",
        lambda z: np.logaddexp(z, 0),
        lambda z: (1 + np.tanh(z / 2)) / 2,
        span=(0.0, 3.0),
        gain=1.0,
        plane=(5.0, 2.0),
    )
    half = init.Start(init.variance_scaling(0.5), "black", marked=True)
    monkeypatch.setitem(activations.ACTIVATIONS, "softplus", softplus)
    monkeypatch.setitem(init.DISTRIBUTIONS, "flat", init.uniform(1.0))
    monkeypatch.setitem(init.STARTS, "half", half)
    offered = {"relu": "softplus", "uniform": "flat", "Xavier": "half"}
    for kind in KINDS:
        explorer, chosen = small(kind), []
        for control in controls(explorer).values():
            for known, new in offered.items():
                if isinstance(control, widgets.Dropdown) and known in control.options:
                    control.value = new
                    chosen.append(new)
        for name, control in controls(explorer).items():
            if name.startswith("std"):
                std = half.initializer.std((explorer.width.value,) * 2)
                control.value = std
                assert (control.value, control.label) == (std, f"{std:.4g} (half)")
        if hasattr(explorer, "named"):
            explorer.std.value = 1.0
            explorer.named["half"].click()
            assert explorer.std.label.endswith("(half)")
        assert chosen
        assert all(new in explorer.state for new in chosen)
        assert explorer.reading().caption
    plane = experiments.plane_diagram("softplus")
    assert (plane.sigma_w[-1], plane.sigma_b[-1]) == softplus.plane
    for start, name in (("half", "softplus"), ("He", "relu")):  # a wide network fits theory
        reading = small(SignalExplorer, start, activation=name, width=500, inputs=100).reading()
        np.testing.assert_allclose(reading.forward_rms, reading.predicted_forward_rms, rtol=0.1)
        np.testing.assert_allclose(reading.gradient_rms, reading.predicted_gradient_rms, rtol=0.2)


# --------------------------------------------------------------------------- memory and threads


def test_nothing_is_left_of_a_closed_explorer(small):
    made = []
    widgets.Widget.close_all()  # an explorer opens after that, too
    for kind in KINDS:
        small(kind)  # what all share is there from now on
        threads = set(threading.enumerate())
        widgets.Widget.on_widget_constructed(made.append)
        explorer = kind()
        widgets.Widget.on_widget_constructed(None)
        explorer.close()
        explorer.wait()
        assert len(made) > 10
        assert [widget for widget in made if widget.comm is not None] == []
        assert set(threading.enumerate()) <= threads


def test_of_the_networks_that_were_drawn_only_the_latest_are_kept():
    class Watched(ActivationSettings):
        """Settings that remember what they drew, for as long as somebody needs it."""

        def open(self):
            measure = super().open()
            drawn.append(weakref.ref(measure))
            return measure

    drawn = []
    tables = [ScrubTable(Watched(width=10, inputs=10, depth=30, seed=seed)) for seed in range(9)]
    filler = Filler(lambda: [0], lambda tables: None)
    for table in tables:
        table.fill(0)
        filler.fill([table])
    filler.wait()
    assert tables[-1].complete
    assert len(drawn) >= 9
    assert len([measure for measure in drawn if measure() is not None]) <= 4


def test_a_hundred_changes_of_setting_leave_memory_and_threads_where_they_were(small):
    threads = set(threading.enumerate())
    explorer = small(ActivationExplorer, width=20, inputs=50)
    for seed in range(20):
        explorer.seed.value = seed
    explorer.wait()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for seed in range(100):
        explorer.seed.value = seed
        explorer.std.index = seed % 122
    explorer.wait()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 2_000_000
    assert set(threading.enumerate()) <= threads


def test_a_cell_that_runs_again_closes_the_explorers_it_made(monkeypatch):
    class Shell:
        """IPython, as far as an explorer asks it."""

        def get_parent(self):
            return parent

    monkeypatch.setattr("initlab.explorers.explorer.get_ipython", Shell)
    made = {}
    for cell, run in [("one", 1), ("one", 1), ("two", 2), ("one", 3)]:
        parent = {"metadata": {"cellId": cell}, "header": {"msg_id": run}}
        made.setdefault((cell, run), []).append(ActivationExplorer(**SMALL))
    is_open = {run: [one.comm is not None for one in those] for run, those in made.items()}
    assert is_open == {("one", 1): [False, False], ("two", 2): [True], ("one", 3): [True]}
    parent = {"header": {}}  # no notebook
    ActivationExplorer(**SMALL).close()


@pytest.mark.parametrize(
    ("kind", "slider", "ranges", "values"),
    [
        (ActivationExplorer, "std", "width", [10, 20] * 10),
        (PhaseExplorer, "sigma_w", "activation", ["tanh", "erf", "relu", "sigmoid"] * 3),
    ],
)
def test_a_slider_moves_while_another_thread_changes_its_range(small, kind, slider, ranges, values):
    explorer = small(kind)
    errors, rest = [], threading.Event()

    def move():
        control = getattr(explorer, slider)
        try:
            while not rest.is_set():
                for index in range(0, len(control.options), 7):
                    control.index = index
        except Exception as error:  # whatever it is, it must not happen
            errors.append(error)

    thread = threading.Thread(target=move)
    thread.start()
    for value in values:
        getattr(explorer, ranges).value = value
    rest.set()
    thread.join()
    assert errors == []
    assert explorer.state_text.value == explorer.state


def test_our_own_line_of_state_is_no_paste_that_undoes_what_another_thread_does():
    class Overtaken(ActivationExplorer):
        """Another thread changes the depth as soon as the line of state has been made."""

        @property
        def state(self):
            text = super().state
            if hands:
                hands.pop().start()
                while self.depth.value == 1:
                    time.sleep(0)
            return text

    hands = []
    explorer = Overtaken(0.1, width=10, inputs=10, depth=1)
    hand = threading.Thread(target=setattr, args=[explorer.depth, "value", 2])
    hands.append(hand)
    explorer.seed.value = 5
    hand.join()
    assert (explorer.seed.value, explorer.depth.value) == (5, 2)
    assert explorer.state_text.value == explorer.state
    explorer.close()


def test_two_that_ask_at_the_same_time_start_one_thread(monkeypatch):
    begun, together = [], threading.Barrier(2)

    class Counted(threading.Thread):
        def __init__(self, **settings):
            super().__init__(**settings)
            begun.append(self)
            with contextlib.suppress(threading.BrokenBarrierError):
                together.wait(0.2)  # for the other one, which must not come so far

    filler, table = (
        Filler(lambda: [0], lambda tables: None),
        ScrubTable(ActivationSettings(**SMALL)),
    )
    hands = [threading.Thread(target=filler.fill, args=[[table]]) for _ in range(2)]
    monkeypatch.setattr("initlab.explorers.tables.threading.Thread", Counted)
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    filler.wait()
    assert len(begun) == 1
    assert table.complete


def test_tables_that_come_while_the_last_position_is_published_are_filled_too():
    first, second = (ScrubTable(ActivationSettings(**SMALL, seed=seed)) for seed in (0, 1))
    published = []

    def publish(tables):
        published.append(tables)
        if first.complete and not second.ready.any():
            filler.fill([second])

    filler = Filler(lambda: [0], publish)
    filler.fill([first])
    filler.wait()
    assert first.complete
    assert second.complete
    assert published[-1] == [second]
    filler.fill([second])  # nothing to do, and no thread that does it
    filler.wait()


def test_a_table_that_another_explorer_completes_is_published_too():
    def publish(tables):
        published.append(table.complete)
        while not table.complete:  # two explorers with the same settings fill the same table
            table.fill_nearest(0)

    published, table = [], ScrubTable(ActivationSettings(**SMALL))
    filler = Filler(lambda: [0], publish)
    filler.fill([table])
    filler.wait()
    assert published[-1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_waiting_ends_after_an_error_and_filling_can_begin_again():
    def publish(tables):
        published.append(tables)
        if len(published) == 1:
            raise MemoryError("no room")

    published, table = [], ScrubTable(ActivationSettings(**SMALL))
    filler = Filler(lambda: [0], publish)
    filler.fill([table])
    filler.wait()
    assert len(published) == 1
    filler.fill([table])
    filler.wait()
    assert table.complete


def test_what_is_filled_while_a_page_is_packed_is_not_called_ready():
    table = ScrubTable(SignalSettings(**SMALL))
    table.fill(0)
    _, arrays = table.for_page()
    table.fill(50)
    assert arrays["ready"].tolist() == [1] + [0] * (len(arrays["ready"]) - 1)


# ------------------------------------------------------------------------------------ the numbers


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "tanh", "selu"])
def test_every_position_is_what_measure_signals_finds_on_the_same_draw(activation):
    setting = {"activation": activation, "depth": 3, "width": 30, "inputs": 50, "seed": 3}
    table = scrub_table(ActivationSettings(**setting))
    assert table.complete
    for position in range(0, 122, 11):
        std, row = table.places[position]["std"], table.row(position)
        signals = experiments.five_layers(init.normal(std), dtype=np.float32, **setting)
        for name in ("pooled_std", "across_input_std", "saturated_fraction", "dead_fraction"):
            np.testing.assert_allclose(row[name], signals.each(name), rtol=2e-6, atol=1e-15)
        for layer, found in enumerate(signals.layers):
            zeros = np.count_nonzero(found.h == 0) if activation != "sigmoid" else 0
            assert row["zeros"][layer] == zeros
            low, high = activations.get(activation).span
            assert row["below"][layer] == np.count_nonzero(found.h < low)
            assert row["above"][layer] == np.count_nonzero(found.h > high)
            counts, _ = np.histogram(found.h, 23, (low, high))
            difference = row["counts"][layer].astype(int) - counts
            difference[int(-low / (high - low) * 23)] += zeros
            assert np.abs(difference).sum() <= 4  # float32 at the edge of a bin
            names = ("counts", "zeros", "below", "above", "not_numbers")
            assert sum(int(row[name][layer].sum()) for name in names) == 30 * 50


def test_every_position_of_signals_is_what_measure_signals_finds():
    setting = {"activation": "tanh", "depth": 3, "width": 20, "inputs": 30, "seed": 2}
    table = scrub_table(SignalSettings(**setting))
    for position in range(0, 122, 11):
        std, row = table.places[position]["std"], table.row(position)
        signals = experiments.five_layers(init.normal(std), **setting)
        for name in ("gradient_rms", "gradient_median"):
            np.testing.assert_allclose(row[name], signals.each(name), rtol=1e-7)
        known = theory.layer_by_layer("tanh", 3, 20 * std**2)
        rms = np.sqrt(known.mean_square)
        np.testing.assert_allclose(row["predicted_forward_rms"], rms, rtol=1e-7)
        np.testing.assert_allclose(row["predicted_gradient_rms"], known.gradient_rms, rtol=1e-7)
        for layer, found in enumerate(signals.layers):
            size = np.abs(found.h)
            np.testing.assert_allclose(row["forward_rms"][layer], np.sqrt(np.mean(size**2)))
            np.testing.assert_allclose(row["forward_median"][layer], np.median(size))


@pytest.mark.parametrize(
    "settings",
    [
        ActivationSettings(width=20, inputs=20),
        SignalSettings(width=20, inputs=20),
        PhaseSettings(depth=2, width=10),
    ],
    ids=lambda settings: settings.picture,
)
def test_same_settings_same_bytes_in_single_precision_and_another_seed_others(settings):
    def packed(settings):
        return pack(settings.picture, [scrub_table(settings).for_page()])

    assert packed(settings) == packed(settings)
    assert packed(dataclasses.replace(settings, seed=1)) != packed(settings)
    _, arrays = scrub_table(settings).for_page()
    assert max(array.dtype.itemsize for array in arrays.values()) <= 4  # the page is not to wait


def test_the_page_of_a_comparison_has_both_sides_each_with_its_own_texts(small):
    explorer = small(CompareExplorer, 0.1, 10.0, activation_b="tanh")
    explorer.wait()
    table = explorer.picture.table
    parts = json.loads(table[4 : 4 + int.from_bytes(table[:4], "little")])["parts"]
    assert [part["name"] for part in parts] == ["sigmoid", "tanh"]
    for part, reading in zip(parts, (explorer.reading().a, explorer.reading().b), strict=True):
        assert part["captions"][part["stds"].index(reading.std)] == reading.caption


# ------------------------------------------------------------------------------------ the sliders


@pytest.mark.parametrize("width", [10, 57, 101, 500])
def test_the_slider_stands_exactly_at_the_named_stds(width):
    positions = std_positions(width)
    stds = list(positions.values())
    assert stds == sorted(stds)
    assert len(set(stds)) == len(stds) == 122
    assert set(named_stds(width).values()) <= set(stds)
    for name, square in (("Xavier", 1), ("He", 2)):
        std = (square / width) ** 0.5
        assert positions[f"{std:.4g} ({name})"] == pytest.approx(std)


def test_the_slider_goes_to_the_nearest_position_and_stays_there_when_the_width_changes(small):
    explorer = small(ActivationExplorer)
    wanted = {0.004: 0.0, 0.006: 0.01, 0.01453: 0.01413, 0.014542: 0.01496, np.float32(9.9): 10.0}
    for number, std in wanted.items():
        explorer.std.value = number
        assert explorer.std.value == std
    explorer.std.value = 0.5
    for width in (20, 500, 10):
        explorer.width.value = width
        assert explorer.std.label == "0.5012"
    for name, std in {"Xavier": 0.1**0.5, "std 0.01": 0.01, "0.01": 0.01, "std 10": 10}.items():
        explorer.state = f"std={name.replace(' ', '_')}"
        assert explorer.std.value == std == small(ActivationExplorer, name, width=10).std.value
    explorer.named["Xavier"].click()
    for width in (20, 500, 10):
        explorer.width.value = width
        assert explorer.std.label.endswith(" (Xavier)")
        assert explorer.reading().std == width**-0.5


def test_an_activation_that_the_dropdown_does_not_know_is_refused(small):
    with pytest.raises(ValueError, match=r"leaky_relu\(0.3\)"):
        ActivationExplorer(activation=leaky_relu_with(0.3))
    assert small(ActivationExplorer, activation=activations.erf).activation.value == "erf"


# ---------------------------------------------------------------------------------- comparisons


def test_each_side_of_a_comparison_has_settings_of_its_own(small):
    explorer = small(CompareExplorer, 1, 10, activation="relu", initializer_b="orthogonal")
    assert explorer.settings[0].activation == explorer.settings[1].activation == "relu"
    assert [side.initializer for side in explorer.settings] == ["normal", "orthogonal"]
    assert (explorer.std.value, explorer.std_b.value) == (1, 10)
    with pytest.raises(ValueError, match="activation="):
        CompareExplorer(activation_b="")


def test_comparison_uses_the_same_draw_and_swaps(small):
    explorer = small(CompareExplorer, 0.1, 1.0, activation_b="tanh", width=30)
    before = explorer.reading()
    for side, std, name in ((before.a, 0.1, "sigmoid"), (before.b, 1.0, "tanh")):
        alone = small(ActivationExplorer, std, activation=name, width=30).reading()
        np.testing.assert_array_equal(side.pooled_std, alone.pooled_std)
        assert str(alone) in str(before)
    assert before.caption == f"A: {before.a.caption} B: {before.b.caption}"
    explorer.lock.value = True
    explorer.swap_button.click()
    after = explorer.reading()
    assert explorer.lock.value
    assert (explorer.activation.value, explorer.activation_b.value) == ("tanh", "sigmoid")
    np.testing.assert_array_equal(after.a.pooled_std, before.b.pooled_std)
    np.testing.assert_array_equal(after.b.pooled_std, before.a.pooled_std)


# ------------------------------------------------------------------------------------- the words


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_at_std_10_an_unbounded_function_explodes_and_a_bounded_one_is_saturated(name):
    table, function = ScrubTable(ActivationSettings(activation=name)), ACTIVATIONS[name]
    reading = table.reading(len(table.places) - 1)
    if function.saturation is None:
        assert "the signal has exploded" in reading.caption
        off_scale = (reading.below + reading.above)[-1] / (100 * 1000)
        assert f"off scale {captions.percent(off_scale)}" in reading.caption
    else:
        share = captions.percent(reading.saturated_fraction[-1])
        assert f"saturated {share}; most activations are saturated" in reading.caption


@pytest.mark.parametrize(
    ("kind", "room"),
    [(ActivationSettings, 100_000), (SignalSettings, 60_000), (FoldSettings, 65_000)],
)
def test_the_default_table_is_small(kind, room):
    assert len(pack(kind.picture, [scrub_table(kind()).for_page()])) <= room


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("std=0.1 activation=sigmoid", "the neurons hardly notice their inputs"),
        ("std=0.01 activation=sigmoid", "the signal has died out."),
        ("std=0 activation=tanh", "all activations are equal"),
        ("std=He activation=relu", "; the signal arrives."),
        ("std=10 activation=relu depth=30", "overflow in layer"),
    ],
)
def test_caption_of_activations_says_what_becomes_of_the_signal(state, words):
    explorer = ActivationExplorer()
    explorer.state = state
    reading = explorer.reading()
    assert reading.caption.startswith(f"std {explorer.std.label}")
    assert words in reading.caption
    pooled, across = reading.pooled_std[-1], reading.across_input_std[-1]
    if "overflow" in words:
        first = np.flatnonzero(~np.isfinite(reading.pooled_std))[0] + 1
        assert f"layer {first}, and nothing is left after it" in reading.caption
    else:
        numbers = f"std {captions.number(pooled)}, across inputs {captions.number(across)}"
        assert f"layer 5: {numbers}" in reading.caption
    explorer.close()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("std=10 activation=sigmoid depth=5", "half of the gradients there are smaller than"),
        ("std=He activation=relu depth=1 width=10 inputs=20", "half of the gradients there are 0."),
        ("std=0.01 activation=relu depth=30", "the RMS shrinks to"),
        ("std=He activation=identity depth=30", "the RMS grows by"),
        ("std=Xavier activation=identity depth=2", "the RMS keeps its size"),
        ("std=0 activation=tanh", "the RMS is 0"),
    ],
)
def test_caption_of_signals_agrees_with_the_numbers(state, words):
    explorer = SignalExplorer()
    explorer.state = state
    reading = explorer.reading()
    forward, backward = reading.caption.split("; ")
    assert words in reading.caption
    assert ("0." in words) == (reading.gradient_median[0] == 0 < reading.gradient_rms[0])
    factors = {
        forward: reading.forward_rms[-1] / (reading.forward_rms[0] or 1),
        backward: reading.gradient_rms[0] / (reading.gradient_rms[-1] or 1),
    }
    for text, factor in factors.items():
        assert ("RMS grows by" in text) == (factor > 2)
        assert ("RMS shrinks to" in text) == (0 < factor < 0.5)
    explorer.close()


def test_numbers_and_shares_are_written_as_in_the_page():
    numbers = {0: "0", 1234.0: "1230", 12345.0: "1.2e+4", 0.00012: "1.2e-4", 0.0123: "0.0123"}
    assert {value: captions.number(value) for value in numbers} == numbers
    shares = {0: "0 %", 0.004: "under 1 %", 0.005: "1 %", 0.125: "13 %", 0.995: "over 99 %"}
    assert {share: captions.percent(share) for share in shares} == shares
