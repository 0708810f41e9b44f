"""The explorers without a browser: tables, readings, captions, states."""

import dataclasses
import itertools
import json
import threading
import time
import tracemalloc
import weakref

import ipywidgets as widgets
import numpy as np
import pytest

from initlab import Dataset, activations, experiments, explorers, theory
from initlab import initializers as init
from initlab.activations import leaky_relu_with
from initlab.explorers import (
    ActivationExplorer,
    ActivationSettings,
    CompareExplorer,
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


@pytest.fixture
def small(mnist, monkeypatch):
    """Return a function that makes an explorer with as little to compute as its controls allow."""
    few = Dataset(mnist.x_train[:500], mnist.y_train[:500], mnist.x_test[:50], mnist.y_test[:50])
    monkeypatch.setattr("initlab.explorers.training.load_mnist", lambda: few)
    made = []

    def make(kind):
        explorer = kind()
        made.append(explorer)
        explorer.state = " ".join(
            f"{name}={control.min}"
            for name, control in controls(explorer).items()
            if isinstance(control, widgets.IntSlider)
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
    """Return where a control is looked at: all its options; of numbers the ends and the middle."""
    if isinstance(control, widgets.SelectionSlider):
        values = [value for _, value in control.options]
        return [values[0], values[len(values) // 2], values[-1]]
    if isinstance(control, widgets.Dropdown):
        return control.options
    if isinstance(control, widgets.ToggleButton):
        return [True, False]
    return [control.min, (control.min + control.max) // 2, control.max]


def names_of(kind):
    """Return the names of the controls of a kind of explorer."""
    explorer = kind()
    names = list(controls(explorer))
    explorer.close()
    return names


STOPS = [
    pytest.param(kind, name, id=f"{kind.__name__}.{name}")
    for kind in KINDS
    for name in names_of(kind)
]


def said(explorer):
    """Return every caption that the page has of an explorer."""
    table = explorer.picture.table
    head = json.loads(table[4 : 4 + int.from_bytes(table[:4], "little")])
    captions_of_parts = [part.get("captions", []) for part in head["parts"]]
    return [head.get("caption", "none of the whole"), *itertools.chain(*captions_of_parts)]


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(("kind", "name"), STOPS)
def test_every_option_of_every_control_and_every_button(small, kind, name):
    explorer = small(kind)
    control = controls(explorer)[name]
    for value in stops(control):
        control.value = value
        assert control.value == value
        for button in [widget for widget in inside(explorer) if isinstance(widget, widgets.Button)]:
            if button is not explorer.reset_button:
                button.click()
                assert explorer.reading().caption
                assert str(explorer.reading())
            explorer.wait()
        assert explorer.reading().caption
        assert all(said(explorer))
        assert explorer.state_text.value == explorer.state
        assert explorer.picture.message == ""
    explorer.reset_button.click()
    assert explorer.state == kind().state


@pytest.mark.parametrize(("kind", "name"), STOPS)
def test_every_option_of_every_control_can_be_pasted(small, kind, name):
    explorer, other = small(kind), small(kind)
    for value in stops(controls(explorer)[name]):
        getattr(explorer, name).value = value
        (part,) = (part for part in explorer.state.split() if part.startswith(f"{name}="))
        other.state_text.value = part
        assert other.picture.message == ""
        assert getattr(other, name).value == value
        assert other.reading().caption


@pytest.mark.parametrize("wrong", ["", "wrong", "-1", "1e999", "nan", "0.5.1", "None", "=1"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_option_is_pasted_in_vain_and_the_message_names_it(small, kind, wrong):
    explorer = small(kind)
    state = explorer.state
    for name in controls(explorer):
        explorer.state_text.value = f"{name}={wrong}"
        assert explorer.picture.message.startswith(f"{name}=")
        assert "must be " in explorer.picture.message
        assert explorer.state == state
    explorer.state_text.value = state
    assert explorer.picture.message == ""
    explorer.state_text.value = "wrong"
    assert explorer.picture.message
    explorer.seed.value += 1
    assert explorer.picture.message == ""


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
        explorer = small(kind)
        for control in controls(explorer).values():
            for known, new in offered.items():
                if isinstance(control, widgets.Dropdown) and known in control.options:
                    control.value = new
        for name, control in controls(explorer).items():
            if name.startswith("std"):
                std = half.initializer.std((explorer.width.value,) * 2)
                control.value = std
                assert (control.value, control.label) == (std, f"{std:.4g} (half)")
        if hasattr(explorer, "named"):
            explorer.std.value = 1.0
            explorer.named["half"].click()
            assert explorer.std.label.endswith("(half)")
        assert "softplus" in explorer.state
        assert explorer.reading().caption
        explorer.wait()
    plane = experiments.plane_diagram("softplus")
    assert (plane.sigma_w[-1], plane.sigma_b[-1]) == softplus.plane
    explorer = explorers.SignalExplorer("half", activation="softplus", width=500, depth=2)
    explorer.wait()
    reading = explorer.reading()
    np.testing.assert_allclose(reading.forward_rms, reading.predicted_forward_rms, rtol=0.1)
    explorer = explorers.TrainingExplorer(start="half", steps=10)
    explorer.train()
    explorer.wait()
    assert b'"color":"black"' in explorer.picture.table


def test_nothing_is_left_of_a_closed_explorer(small):
    made = []
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


def test_a_cell_that_runs_again_closes_the_explorers_it_made(monkeypatch):
    class Shell:
        """IPython, as far as an explorer asks it."""

        def get_parent(self):
            return parent

    monkeypatch.setattr("initlab.explorers.explorer.get_ipython", Shell)
    made = {}
    for cell, run in [("one", 1), ("one", 1), ("two", 2), ("one", 3)]:
        parent = {"metadata": {"cellId": cell}, "header": {"msg_id": run}}
        made.setdefault((cell, run), []).append(ActivationExplorer(depth=1, width=10, inputs=10))
    is_open = {run: [one.comm is not None for one in those] for run, those in made.items()}
    assert is_open == {("one", 1): [False, False], ("two", 2): [True], ("one", 3): [True]}
    parent = {"header": {}}  # no notebook
    ActivationExplorer(depth=1, width=10, inputs=10).close()


# ------------------------------------------------------------------------------------ the numbers


def packed(settings):
    """Return the bytes that the page gets of a table."""
    return pack(settings.picture, [scrub_table(settings).for_page()])


MEASURED = ("pooled_std", "across_input_std", "saturated_fraction", "dead_fraction")


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "tanh", "selu"])
def test_every_position_is_what_measure_signals_finds_on_the_same_draw(activation):
    settings = ActivationSettings(activation=activation, depth=4, width=30, inputs=50, seed=3)
    table = scrub_table(settings)
    assert table.complete
    for position, std in enumerate(place["std"] for place in table.places):
        signals = experiments.five_layers(
            init.normal(std),
            activation=activation,
            depth=4,
            width=30,
            inputs=50,
            seed=3,
            dtype=np.float32,
        )
        row = table.row(position)
        for name in MEASURED:
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


def test_same_settings_same_bytes_and_another_seed_other_bytes():
    settings = ActivationSettings(width=20, inputs=20)
    first, again = (packed(settings) for _ in range(2))
    assert first == again
    assert packed(ActivationSettings(width=20, inputs=20, seed=1)) != first


@pytest.mark.parametrize(("kind", "room"), [(ActivationSettings, 95_000), (SignalSettings, 60_000)])
def test_the_default_table_is_small(kind, room):
    assert len(packed(kind())) <= room


@pytest.mark.parametrize("width", [10, 57, 100, 101, 500])
def test_the_slider_stands_exactly_at_the_named_stds(width):
    positions = std_positions(width)
    stds = list(positions.values())
    assert stds == sorted(stds)
    assert len(set(stds)) == len(stds) == 122
    assert set(named_stds(width).values()) <= set(stds)
    assert positions[f"{(1 / width) ** 0.5:.4g} (Xavier)"] == pytest.approx(width**-0.5)
    assert positions[f"{(2 / width) ** 0.5:.4g} (He)"] == pytest.approx((2 / width) ** 0.5)


SMALL = {"depth": 2, "width": 10, "inputs": 10}
VALUES = {
    "std": [0.0, 0.1, 10.0],
    "activation": ["identity", "leaky_relu", "silu"],
    "initializer": ["normal", "truncated_normal", "orthogonal"],
    "depth": [1, 15, 30],
    "width": [10, 100, 250],
    "inputs": [10, 100, 500],
    "seed": [0, 5000, 9999],
}


@pytest.mark.parametrize(("one", "two"), list(itertools.combinations(VALUES, 2)))
def test_each_control_at_minimum_middle_and_maximum_pairwise(one, two):
    explorer = ActivationExplorer(**SMALL)
    for first, second in itertools.product(VALUES[one], VALUES[two]):
        getattr(explorer, one).value = first
        getattr(explorer, two).value = second
        reading = explorer.reading()
        assert reading.std == explorer.std.value
        assert reading.caption.startswith(f"std {explorer.std.label}")
        assert len(reading.pooled_std) == explorer.depth.value
        assert explorer.state_text.value == explorer.state
    explorer.close()


def test_caption_agrees_with_the_numbers():
    explorer = ActivationExplorer(std=10.0)
    assert "saturated 94 %" in explorer.reading().caption
    assert round(100 * explorer.reading().saturated_fraction[-1]) == 94
    explorer.std.value = 0.1
    assert "hardly notices" in explorer.reading().caption
    assert explorer.reading().across_input_std[-1] < 0.05 * explorer.reading().pooled_std[-1]
    explorer.state = "std=10 activation=relu depth=30"
    assert "overflow in layer" in explorer.reading().caption
    assert not np.isfinite(explorer.reading().pooled_std[-1])
    explorer.state = "std=He activation=relu depth=5"
    assert explorer.reading().caption.endswith("the signal arrives.")
    explorer.close()


def test_state_goes_from_one_explorer_to_another_and_reset_goes_back():
    one, two = ActivationExplorer(std="He", activation="relu", **SMALL), ActivationExplorer()
    two.state = one.state
    assert two.state == one.state
    np.testing.assert_array_equal(two.reading().pooled_std, one.reading().pooled_std)
    two.state_text.value = "activation=tanh std=3"
    assert (two.activation.value, two.reading().std) == ("tanh", pytest.approx(3, rel=0.03))
    two.reset_button.click()
    assert two.state == ActivationExplorer().state
    two.named["He"].click()
    assert two.std.value == (2 / 100) ** 0.5


@pytest.mark.parametrize(
    ("text", "std"), [("Xavier", 0.1), ("std 0.01", 0.01), ("0.01", 0.01), ("std 10", 10.0)]
)
def test_a_std_is_given_by_the_name_of_its_start(text, std):
    explorer = ActivationExplorer(text, width=100, depth=1, inputs=10)
    assert explorer.std.value == std
    explorer.std.value = 1.0
    explorer.state = f"std={text.replace(' ', '_')}"
    assert explorer.std.value == std
    explorer.close()


def test_the_slider_goes_to_the_nearest_position_and_stays_there_when_the_width_changes():
    explorer = ActivationExplorer(depth=1, width=10, inputs=10)
    wanted = {
        0.004: 0.0,
        0.006: 0.01,
        0.014: 0.01413,
        0.01453: 0.01413,
        0.014542: 0.01496,
        9.9: 10.0,
    }
    for number, std in wanted.items():
        explorer.std.value = number
        assert explorer.std.value == std
    explorer.std.value = 0.5
    for width in (20, 33, 500, 10):
        explorer.width.value = width
        assert explorer.std.label == "0.5012"
    explorer.named["Xavier"].click()
    for width in (20, 33, 500, 10):
        explorer.width.value = width
        assert explorer.std.label.endswith(" (Xavier)")
        assert explorer.reading().std == width**-0.5
    explorer.close()


@pytest.mark.parametrize("text", ["depth=31", "colour=red", "std=-1", "activation=relux", "seed"])
def test_a_wrong_state_changes_nothing_and_says_why(text):
    explorer = ActivationExplorer(**SMALL)
    before = explorer.state
    with pytest.raises(ValueError, match=r"depth|colour|std|activation|seed"):
        explorer.state = text
    assert explorer.state == before
    explorer.state_text.value = text
    assert explorer.state == before
    assert explorer.picture.message
    explorer.close()


def test_a_slider_moved_by_code_is_read_while_the_table_fills():
    explorer = ActivationExplorer(depth=30, width=200)
    explorer.std.value = 10.0
    signals = experiments.five_layers(init.normal(10.0), depth=30, width=200, dtype=np.float32)
    np.testing.assert_allclose(explorer.reading().pooled_std, signals.each("pooled_std"), rtol=1e-5)
    explorer.close()


def test_every_position_of_signals_is_what_measure_signals_finds():
    table = scrub_table(SignalSettings(activation="tanh", depth=3, width=20, inputs=30, seed=2))
    for position, std in enumerate(place["std"] for place in table.places):
        signals = experiments.five_layers(
            init.normal(std), activation="tanh", depth=3, width=20, inputs=30, seed=2
        )
        row = table.row(position)
        for name in ("gradient_rms", "gradient_median"):
            np.testing.assert_allclose(row[name], signals.each(name), rtol=1e-7)
        for layer, found in enumerate(signals.layers):
            size = np.abs(found.h)
            np.testing.assert_allclose(row["forward_rms"][layer], np.sqrt(np.mean(size**2)))
            np.testing.assert_allclose(row["forward_median"][layer], np.median(size))


def test_theory_of_sizes_is_that_of_layer_by_layer_and_fits_a_wide_network():
    network = experiments.ScaledNetwork(activation="tanh", depth=4, width=100, inputs=10)
    found, known = network.predicted_sizes(0.2), theory.layer_by_layer("tanh", 4, 4.0)
    forward, gradient = found["predicted_forward_rms"], found["predicted_gradient_rms"]
    np.testing.assert_allclose(forward, known.pooled_std, rtol=1e-12)  # tanh has mean 0
    np.testing.assert_allclose(gradient, known.gradient_rms, rtol=1e-12)
    explorer = SignalExplorer(std="He", activation="relu", depth=4, width=500, inputs=200)
    reading = explorer.reading()
    np.testing.assert_allclose(reading.forward_rms, reading.predicted_forward_rms, rtol=0.1)
    np.testing.assert_allclose(reading.gradient_rms, reading.predicted_gradient_rms, rtol=0.1)
    explorer.close()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("std=10 activation=sigmoid depth=5", "half of the gradients there are smaller than"),
        ("std=0.01 activation=relu depth=30", "the RMS shrinks to"),
        ("std=He activation=identity depth=30", "the RMS grows to"),
        ("std=Xavier activation=identity depth=2", "the RMS keeps its size"),
        ("std=0 activation=tanh", "the RMS is 0"),
    ],
)
def test_caption_of_signals_agrees_with_the_numbers(state, words):
    explorer = SignalExplorer()
    explorer.state = state
    reading = explorer.reading()
    assert words in reading.caption
    factor = reading.forward_rms[-1] / (reading.forward_rms[0] or 1)
    assert ("RMS grows to" in reading.caption.split(";")[0]) == (factor > 2)
    assert ("RMS shrinks to" in reading.caption.split(";")[0]) == (0 < factor < 0.5)
    explorer.close()


@pytest.mark.parametrize("activation", ["identity", "leaky_relu", "silu"])
@pytest.mark.parametrize(("depth", "width"), [(1, 10), (15, 100), (30, 200)])
def test_signals_and_comparison_at_extremes_say_what_happens(activation, depth, width):
    explorer = SignalExplorer(activation=activation, depth=depth, width=width, inputs=10)
    both = CompareExplorer(
        0.0,
        10.0,
        activation=activation,
        activation_b="sigmoid",
        depth=depth,
        width=width,
        inputs=10,
    )
    for std in (0.0, 0.1, 10.0):
        explorer.std.value = both.std.value = std
        assert str(std).rstrip("0").rstrip(".") in explorer.reading().caption
        assert both.reading().a.std == std
    explorer.close()
    both.close()


def test_each_side_of_a_comparison_has_settings_of_its_own():
    explorer = CompareExplorer(
        0.1, 10, activation="relu", initializer_b="orthogonal", depth=1, width=10, inputs=10
    )
    a = ActivationSettings(activation="relu", depth=1, width=10, inputs=10)
    assert explorer.settings == (a, dataclasses.replace(a, initializer="orthogonal"))
    assert (explorer.std.value, explorer.std_b.value) == (0.1, 10)
    explorer.close()
    with pytest.raises(ValueError, match="activation="):
        CompareExplorer(activation_b="")


def test_comparison_uses_the_same_draw_and_swaps():
    explorer = CompareExplorer(0.1, 1.0, activation_b="tanh", width=30, inputs=40)
    alone = ActivationExplorer(1.0, activation="tanh", width=30, inputs=40)
    before = explorer.reading()
    np.testing.assert_array_equal(before.b.pooled_std, alone.reading().pooled_std)
    explorer.lock.value = True
    explorer.swap_button.click()
    after = explorer.reading()
    assert explorer.lock.value
    assert (explorer.activation.value, explorer.activation_b.value) == ("tanh", "sigmoid")
    np.testing.assert_array_equal(after.a.pooled_std, before.b.pooled_std)
    np.testing.assert_array_equal(after.b.pooled_std, before.a.pooled_std)
    other = CompareExplorer()
    other.state = explorer.state
    assert other.state == explorer.state
    assert str(other.reading()) == str(after)
    for widget in (explorer, alone, other):
        widget.close()


def test_five_hundred_changes_of_setting_leave_memory_and_threads_where_they_were():
    threads = set(threading.enumerate())
    explorer = ActivationExplorer(width=20, inputs=50)
    explorer.wait()
    for seed in range(20):
        explorer.seed.value = seed
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for seed in range(500):
        explorer.seed.value = seed
        explorer.std.index = seed % 122
    explorer.wait()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 2_000_000
    assert set(threading.enumerate()) <= threads
    explorer.close()


@pytest.mark.parametrize("kind", [ActivationExplorer, SignalExplorer, CompareExplorer])
@pytest.mark.parametrize(
    "wrong",
    [
        {"depth": 31},
        {"width": 9},
        {"inputs": 2001},
        {"seed": -1},
        {"activation": "relux"},
        {"initializer": "zeros"},
        {"std": -1.0},
        {"depth": 2.5},
    ],
)
def test_wrong_arguments_are_refused_by_name(kind, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        kind(**wrong)


@pytest.mark.parametrize("activation", ["identity", "relu", "leaky_relu", "selu", "gelu", "silu"])
def test_an_explosion_is_called_one_and_a_needle_is_not_alive(activation):
    explorer = ActivationExplorer(10.0, activation=activation)
    assert "exploded" in explorer.reading().caption
    assert "off scale" in explorer.reading().caption
    explorer.state = "std=0.01 activation=sigmoid"
    assert "has died out" in explorer.reading().caption
    explorer.state = "std=0.1 activation=sigmoid"
    assert "it looks alive" in explorer.reading().caption
    explorer.close()


def test_a_median_of_zero_is_called_so():
    explorer = SignalExplorer("He", activation="relu", depth=1, width=10, inputs=20)
    assert explorer.reading().gradient_median[0] == 0
    assert "half of the gradients there are 0." in explorer.reading().caption
    explorer.close()


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (1234.0, "1230"), (12345.0, "1.2e+4"), (0.00012, "1.2e-4"), (0.0123, "0.0123")],
)
def test_numbers_are_written_as_in_the_page(value, words):
    assert captions.number(value) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (0.004, "under 1 %"), (0.005, "1 %"), (0.125, "13 %"), (0.995, "over 99 %")],
)
def test_shares_are_written_as_in_the_page(share, words):
    assert captions.percent(share) == words


def test_an_activation_that_the_dropdown_does_not_know_is_refused():
    with pytest.raises(ValueError, match=r"leaky_relu\(0.3\)"):
        ActivationExplorer(activation=leaky_relu_with(0.3))


@pytest.mark.parametrize(
    ("std", "error"), [("xavier", ValueError), (11, ValueError), (None, TypeError)]
)
def test_a_std_that_is_none_is_refused(std, error):
    with pytest.raises(error, match="std="):
        ActivationExplorer(std)


def test_numpy_numbers_are_welcome():
    explorer = ActivationExplorer(np.float32(0.1), depth=np.int64(3), width=10, inputs=10)
    explorer.std.value = np.float64(1.0)
    assert explorer.reading().std == 1.0
    explorer.close()


def test_the_slider_moves_safely_while_another_thread_changes_the_width():
    explorer = ActivationExplorer(width=10, inputs=10, depth=1)
    errors, rest = [], threading.Event()

    def move():
        try:
            while not rest.is_set():
                for index in range(0, 122, 7):
                    explorer.std.index = index
        except Exception as error:  # whatever it is, it must not happen
            errors.append(error)

    thread = threading.Thread(target=move)
    thread.start()
    for _ in range(20):
        explorer.width.value = 10
        explorer.width.value = 20
    rest.set()
    thread.join()
    assert errors == []
    assert explorer.state_text.value == explorer.state
    explorer.close()


def test_our_own_line_of_state_is_no_paste_that_undoes_what_another_thread_does():
    class Overtaken(ActivationExplorer):
        """Another thread changes the depth as soon as the line of state has been made."""

        @property
        def state(self):
            text = super().state
            if hands:
                hands[0].start()
                hands.clear()
                while self.depth.value == 1:
                    time.sleep(0.001)
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


def test_waiting_ends_after_an_error_too():
    def fails(tables):
        raise MemoryError("no room")

    filler = Filler(lambda: [0], fails)
    thread_errors, threading.excepthook = [], lambda args: thread_errors.append(args.exc_type)
    try:
        filler.fill([ScrubTable(ActivationSettings(width=10, inputs=10))])
        filler.wait()
    finally:
        threading.excepthook = threading.__excepthook__
    assert thread_errors == [MemoryError]


def test_an_explorer_opens_after_all_widgets_were_closed():
    widgets.Widget.close_all()
    explorer = ActivationExplorer(width=10, inputs=10, depth=1)
    explorer.wait()
    assert explorer.reading().caption
    explorer.close()


def test_what_is_filled_while_a_page_is_packed_is_not_called_ready():
    table = ScrubTable(SignalSettings(width=10, inputs=10, depth=1))
    table.fill(0)
    _, arrays = table.for_page()
    table.fill(50)
    assert arrays["ready"].tolist() == [1] + [0] * (len(arrays["ready"]) - 1)
