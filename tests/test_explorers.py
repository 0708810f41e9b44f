"""The explorers without a browser: tables, readings, captions, states."""

import itertools
import threading
import tracemalloc

import numpy as np
import pytest
from ipywidgets.widgets.widget import _instances

from initlab import experiments, theory
from initlab import initializers as init
from initlab.activations import leaky_relu_with
from initlab.explorers import (
    ActivationExplorer,
    ActivationSettings,
    CompareExplorer,
    SignalExplorer,
    SignalSettings,
    activation_table,
    captions,
    signal_table,
)
from initlab.explorers.positions import named_stds, std_positions
from initlab.explorers.tables import Filler, Table, pack

MEASURED = ("pooled_std", "across_input_std", "saturated_fraction", "dead_fraction")


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "tanh", "selu"])
def test_every_position_is_what_measure_signals_finds_on_the_same_draw(activation):
    settings = ActivationSettings(activation=activation, depth=4, width=30, inputs=50, seed=3)
    table = activation_table(settings)
    assert table.complete
    for position, std in enumerate(table.stds):
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
            low, high = settings.words()["span"]
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
    first, again = (pack("activations", [activation_table(settings)]) for _ in range(2))
    assert first == again
    other = ActivationSettings(width=20, inputs=20, seed=1)
    assert pack("activations", [activation_table(other)]) != first


def test_the_default_table_is_small():
    assert len(pack("activations", [activation_table(ActivationSettings())])) <= 100_000


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
    table = signal_table(SignalSettings(activation="tanh", depth=3, width=20, inputs=30, seed=2))
    for position, std in enumerate(table.stds):
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


def test_a_closed_explorer_is_closed_with_all_its_parts():
    explorer = CompareExplorer(width=10, inputs=10)
    parts = [explorer.picture, explorer.std, explorer.lock, explorer.swap_button, *explorer._links]
    explorer.close()
    assert all(part.comm is None for part in [explorer, *parts])


def test_two_hundred_changes_of_setting_leave_memory_and_threads_where_they_were():
    explorer = ActivationExplorer(width=20, inputs=50)
    explorer.wait()
    for seed in range(20):
        explorer.seed.value = seed
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for seed in range(200):
        explorer.seed.value = seed
        explorer.std.index = seed % 122
    explorer.wait()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 10_000_000
    assert explorer._filler._thread is None
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


@pytest.mark.parametrize("kind", [ActivationExplorer, CompareExplorer])
def test_no_widget_is_left_after_closing(kind):
    kind(width=10, inputs=10).close()  # what all share is there from now on
    before = len(_instances)
    for _ in range(3):
        kind(width=10, inputs=10).close()
    assert len(_instances) == before


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


def test_our_own_line_of_state_is_no_paste():
    explorer = ActivationExplorer(0.1, width=10, inputs=10)
    # While the line is written, the hand moves on.
    explorer.state_text.unobserve(explorer._pasted, "value")
    explorer.state_text.observe(lambda _: explorer.std.set_trait("index", 100), "value")
    explorer.state_text.observe(explorer._pasted, "value")
    explorer.seed.value = 5
    assert explorer.std.index == 100
    explorer.close()


def test_waiting_ends_after_an_error_too():
    def fails(tables):
        raise MemoryError("no room")

    filler = Filler(lambda: [0], fails)
    thread_errors, threading.excepthook = [], lambda args: thread_errors.append(args.exc_type)
    try:
        filler.fill([Table(ActivationSettings(width=10, inputs=10), captions.activations)])
        filler.wait()
    finally:
        threading.excepthook = threading.__excepthook__
    assert thread_errors == [MemoryError]
