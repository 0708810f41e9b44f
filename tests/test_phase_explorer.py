"""The plane of order and chaos without a browser: theory, measurements, table, controls, words."""

import itertools
import json
import threading

import numpy as np
import pytest

from initlab import activations, experiments, theory
from initlab import initializers as init
from initlab.explorers import PhaseExplorer, PhaseSettings, captions, scrub_table
from initlab.explorers.tables import ScrubTable, pack
from initlab.network import MLP

POINTS = {
    "tanh": [(0.5, 0.5), (1.0, 0.0), (3.0, 0.3)],
    "erf": [(0.5, 0.5), (0.9, 0.0), (3.0, 0.3)],
    "relu": [(1.0, 0.5), (2**0.5, 0.0), (3.0, 0.3)],
    "sigmoid": [(4.0, 1.0), (10.15, 0.0), (15.0, 2.0)],
}
PLANES = list(POINTS)
SMALL = {"depth": 3, "width": 12}


def plain_network(activation, depth, width, seed, sigma_w, sigma_b):
    """Build the network of a point as anyone would, from the draw that ``PhasePlane`` documents."""
    network = MLP(
        [width] * (depth + 1),
        activation=activation,
        output_activation=activation,
        weight_init=init.normal(sigma_w / width**0.5),
        bias_init=init.normal(sigma_b),
        rng=np.random.default_rng(seed).spawn(3)[1],
    )
    assert network.dense[0].bias.any() == (sigma_b > 0)
    return network


def test_same_settings_same_bytes_and_the_page_gets_the_same_numbers():
    settings = PhaseSettings(**SMALL)
    data, again = (pack("phase", [scrub_table(settings).for_page()]) for _ in range(2))
    assert data == again
    other = scrub_table(PhaseSettings(**SMALL, seed=1))
    assert pack("phase", [other.for_page()]) != data
    part, table = unpacked(data), scrub_table(settings)
    assert part["ready"].all()
    assert part["chi"].shape == (len(part["sigma_b"]), len(part["sigma_w"]))
    assert part["captions"] == table.captions
    for name in ("q", "predicted_q", "gradient_rms", "predicted_gradient_rms"):
        size = table.arrays[name]
        seen = size > 0
        np.testing.assert_allclose(part[f"log_{name}"][seen], np.log10(size[seen]), atol=1e-5)
        assert (part[f"log_{name}"][size == 0] == -np.inf).all()
    for name in ("correlation", "predicted_correlation"):
        np.testing.assert_allclose(part[name], table.arrays[name], rtol=1e-6, atol=1e-6)


def test_the_default_table_is_small():
    explorer = PhaseExplorer()
    explorer.wait()
    assert len(explorer.picture.table) < 1_000_000
    assert unpacked(explorer.picture.table)["ready"].all()
    explorer.close()


def test_the_first_picture_has_the_plane_and_the_point_under_the_hand():
    table = ScrubTable(PhaseSettings(**SMALL))
    table.fill(500)
    part = unpacked(pack("phase", [table.for_page()]))
    assert np.flatnonzero(part["ready"]).tolist() == [500]
    assert np.isfinite(part["chi"]).all()
    assert len(part["line"]) > 31
    table.fill_nearest(500)
    j, i = np.divmod(np.flatnonzero(table.ready), 41)
    assert table.ready.sum() > 16
    assert max(abs(j - 12).max(), abs(i - 8).max()) < 7  # 500 is row 12, column 8: all near it


def unpacked(data):
    length = int.from_bytes(data[:4], "little")
    part = json.loads(data[4 : 4 + length])["parts"][0]
    for name, (kind, shape, offset) in part["arrays"].items():
        flat = np.frombuffer(data, kind, int(np.prod(shape)), 4 + length + offset)
        part[name] = flat.reshape(shape)
    return part


# ---------------------------------------------------------------------------------- the explorer


def test_sliders_take_any_number_and_reading_is_of_that_point():
    explorer = PhaseExplorer(**SMALL)
    explorer.sigma_w.value = 1.33
    explorer.sigma_b.value = np.float64(0.26)
    assert (explorer.sigma_w.value, explorer.sigma_b.value) == (1.3, 0.3)
    reading = explorer.reading()
    assert (reading.sigma_w, reading.sigma_b) == (1.3, 0.3)
    assert reading.chi == pytest.approx(theory.chi("tanh", 1.69, 0.09))
    assert reading.depth_scale == pytest.approx(theory.depth_scale("tanh", 1.69, 0.09), rel=0.01)
    assert reading.critical_sigma_w == pytest.approx(theory.critical_line("tanh", 0.09) ** 0.5)
    found = experiments.PhasePlane(**SMALL).measure([(1.3, 0.3)])
    for name, values in found.items():
        np.testing.assert_allclose(getattr(reading, name), values[0], rtol=1e-9)
    lines = str(reading).splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("layer 2   q ")
    assert explorer.state_text.value == explorer.state
    explorer.close()


VALUES = {
    "sigma_w": [0.0, 2.0, 4.0],
    "sigma_b": [0.0, 3.0],
    "activation": PLANES,
    "depth": [1, 50],
    "width": [10, 100],
    "seed": [0, 9999],
}


@pytest.mark.parametrize(("one", "two"), list(itertools.combinations(VALUES, 2)))
def test_controls_pairwise(one, two):
    explorer = PhaseExplorer(**SMALL)
    for first, second in itertools.product(VALUES[one], VALUES[two]):
        getattr(explorer, one).value = first
        getattr(explorer, two).value = second
        reading = explorer.reading()
        assert reading.sigma_w == explorer.sigma_w.value
        assert reading.sigma_b == explorer.sigma_b.value
        assert len(reading.q) == explorer.depth.value
        assert reading.caption
        assert explorer.state_text.value == explorer.state
    explorer.close()


def test_another_plane_keeps_the_point_as_far_as_it_reaches():
    explorer = PhaseExplorer(1.0, 2.0, **SMALL)
    explorer.activation.value = "sigmoid"
    assert (explorer.sigma_w.value, explorer.sigma_b.value) == (0.8, 2.0)
    assert explorer.sigma_w.options[-1] == ("16", 16.0)
    explorer.sigma_w.value = 10.1
    assert explorer.sigma_w.label == "10.15"
    assert explorer.reading().chi == pytest.approx(1, abs=0.1)
    explorer.activation.value = "relu"
    assert (explorer.sigma_w.value, explorer.sigma_b.value) == (4.0, 2.0)
    explorer.sigma_w.value = 1.4
    assert explorer.sigma_w.value == pytest.approx(2**0.5)
    explorer.close()


def test_state_goes_from_one_explorer_to_another_and_reset_goes_back():
    one, two = PhaseExplorer(14.0, 5.0, activation="sigmoid", **SMALL), PhaseExplorer(**SMALL)
    two.state = one.state
    assert two.state == one.state
    assert str(two.reading()) == str(one.reading())
    two.state_text.value = "sigma_w=0.9 activation=erf"
    assert two.activation.value == "erf"
    assert two.sigma_w.value == pytest.approx(np.pi**0.5 / 2)
    two.reset_button.click()
    assert two.state == "sigma_w=1.5 sigma_b=0.5 activation=tanh depth=3 width=12 seed=0"
    for explorer in (one, two):
        explorer.close()


@pytest.mark.parametrize(
    "text",
    [
        *("sigma_w=5", "sigma_w=14 activation=relu", "sigma_b=-1", "sigma_b=x", "sigma_w=nan"),
        *("activation=tahn", "depth=51", "std=1", "seed"),
    ],
)
def test_a_wrong_state_changes_nothing_and_says_why(text):
    explorer = PhaseExplorer(**SMALL)
    before = explorer.state
    with pytest.raises(ValueError, match=r"sigma_w|sigma_b|activation|depth|std|seed"):
        explorer.state = text
    explorer.state_text.value = text
    assert explorer.state == before
    assert explorer.picture.message
    explorer.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"sigma_w": 4.1},
        {"sigma_b": -0.1},
        {"activation": "tahn"},
        {"depth": 51},
        {"width": 9},
        {"seed": -1},
        {"depth": 2.5},
    ],
)
def test_wrong_arguments_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PhaseExplorer(**wrong)


@pytest.mark.parametrize(
    ("wrong", "error"), [("Xavier", ValueError), (None, TypeError), (True, TypeError)]
)
def test_a_sigma_that_is_no_number_is_refused(wrong, error):
    with pytest.raises(error, match="sigma_w="):
        PhaseExplorer(wrong)


def test_functions_are_as_good_as_their_names():
    explorer = PhaseExplorer(activation=activations.erf, **SMALL)
    assert explorer.activation.value == "erf"
    explorer.close()


def test_sliders_move_safely_while_another_thread_changes_the_plane():
    explorer = PhaseExplorer(depth=1, width=10)
    errors, rest = [], threading.Event()

    def move():
        try:
            while not rest.is_set():
                for index in range(0, 31, 3):
                    explorer.sigma_w.index = explorer.sigma_b.index = index
        except Exception as error:  # whatever it is, it must not happen
            errors.append(error)

    thread = threading.Thread(target=move)
    thread.start()
    for activation in PLANES * 3:
        explorer.activation.value = activation
    rest.set()
    thread.join()
    assert errors == []
    assert explorer.state_text.value == explorer.state
    explorer.close()


# --------------------------------------------------------------------------------------- the words


@pytest.mark.parametrize(
    ("state", "begins", "says"),
    [
        ("sigma_w=0.5 sigma_b=0.5", "Order: chi 0.172", "two inputs become alike"),
        ("sigma_w=1 sigma_b=0", "On the line: chi 1 ", "gradient's RMS"),
        ("sigma_w=1.5 sigma_b=0.5", "Close to the line, in order", "more alike, correlation"),
        ("sigma_w=1.6 sigma_b=0.5", "Close to the line, in chaos", "depth scale"),
        ("sigma_w=3 sigma_b=0.1", "Chaos: chi 1.86", "two inputs are scrambled"),
        ("sigma_w=3 sigma_b=2", "Chaos: chi 1.43", "more alike but stay different"),
        ("sigma_w=0 sigma_b=0", "Order: chi 0 ", "nothing is left of the inputs"),
        ("sigma_w=0.5 sigma_b=0", "Order: chi 0.25", "the mean of z² shrinks to"),
        ("activation=relu sigma_w=4 sigma_b=0", "Chaos: chi 8 ", "the mean of z² grows to"),
        ("activation=relu sigma_w=1.414 sigma_b=0", "On the line: chi 1 ", "keeps its size"),
        ("activation=sigmoid sigma_w=4 sigma_b=1", "Order: chi 0.37", "RMS shrinks to"),
        ("activation=sigmoid sigma_w=10.15 sigma_b=0", "On the line: chi 1 ", "alike"),
        ("activation=sigmoid sigma_w=16 sigma_b=0", "Chaos: chi 1.55", "RMS grows to"),
    ],
)
def test_caption_agrees_with_the_numbers(state, begins, says):
    explorer = PhaseExplorer(depth=20, width=200)
    explorer.state = state
    reading = explorer.reading()
    assert reading.caption.startswith(begins)
    assert says in reading.caption
    factor = reading.gradient_rms[0] / reading.gradient_rms[-1]
    assert ("RMS grows to" in reading.caption) == (factor > 2)
    assert ("RMS shrinks to" in reading.caption) == (0 < factor < 0.5)
    assert ("become alike" in reading.caption) == (reading.correlation[-1] > 0.99)
    explorer.close()


def test_caption_of_an_overflow_names_the_layer():
    settings = PhaseSettings("relu", depth=4, width=10)
    found = experiments.PhasePlane(**vars(settings)).measure([(1e60, 0)])
    row = {name: values[0] for name, values in found.items()}
    layer = int((~np.isfinite(row["q"])).argmax()) + 1
    place = {"sigma_w": 1e60, "sigma_b": 0.0, "fixed_q": np.inf, "chi": 5e119}
    caption = captions.phase(settings, place | {"depth_scale": np.inf}, row)
    assert caption.startswith("Chaos: chi 5.0e+119")
    assert f"numbers overflow in layer {layer}" in caption
