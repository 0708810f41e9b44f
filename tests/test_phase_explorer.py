"""The plane of order and chaos without a browser: its points, its page, its words."""

import json
import re

import numpy as np
import pytest

from initlab import experiments, theory
from initlab.explorers import PhaseExplorer, PhaseSettings, captions, scrub_table
from initlab.explorers.tables import ScrubTable, pack

SMALL = {"depth": 3, "width": 12}


@pytest.fixture
def explorer():
    explorer = PhaseExplorer(**SMALL)
    yield explorer
    explorer.close()


def page_of(table):
    """Return texts and arrays as the page finds them."""
    data = pack("phase", [table.for_page()])
    length = int.from_bytes(data[:4], "little")
    part = json.loads(data[4 : 4 + length])["parts"][0]
    for name, (kind, shape, offset) in part["arrays"].items():
        flat = np.frombuffer(data, kind, int(np.prod(shape)), 4 + length + offset)
        part[name] = flat.reshape(shape)
    return part


def test_the_page_gets_the_numbers_of_the_table():
    table = scrub_table(PhaseSettings(**SMALL))
    part, plane = page_of(table), experiments.plane_diagram("tanh")
    assert part["ready"].all()
    assert {kind for kind, _, _ in part["arrays"].values()} == {"uint8", "float32"}
    assert part["captions"] == table.captions
    np.testing.assert_allclose(part["chi"], plane.chi, rtol=1e-6)
    assert (part["sigma_w"], part["sigma_b"]) == (plane.sigma_w.tolist(), plane.sigma_b.tolist())
    for name in ("q", "predicted_q", "gradient_rms", "predicted_gradient_rms"):
        size = table.arrays[name]
        seen = size > 0
        np.testing.assert_allclose(part[f"log_{name}"][seen], np.log10(size[seen]), atol=1e-5)
        assert (part[f"log_{name}"][size == 0] == -np.inf).all()
    for name in ("correlation", "predicted_correlation"):
        np.testing.assert_allclose(part[name], table.arrays[name], rtol=1e-6, atol=1e-6)


def test_the_first_picture_has_the_plane_and_the_point_under_the_hand():
    table = ScrubTable(PhaseSettings(**SMALL))
    table.fill(500)
    part = page_of(table)
    assert np.flatnonzero(part["ready"]).tolist() == [500]
    assert np.isfinite(part["chi"]).all()
    assert len(part["line"]) > 31
    table.fill_nearest(500)
    j, i = np.divmod(np.flatnonzero(table.ready), 41)
    assert table.ready.sum() > 16
    assert max(abs(j - 12).max(), abs(i - 8).max()) < 7  # 500 is row 12, column 8: all near it


def test_sliders_take_any_number_and_reading_is_of_that_point(explorer):
    explorer.sigma_w.value = 1.33
    explorer.sigma_b.value = np.float64(0.26)
    assert (explorer.sigma_w.value, explorer.sigma_b.value) == (1.3, 0.3)
    reading = explorer.reading()
    assert (reading.sigma_w, reading.sigma_b) == (1.3, 0.3)
    assert reading.chi == pytest.approx(theory.chi("tanh", 1.69, 0.09))
    assert reading.depth_scale == pytest.approx(theory.depth_scale("tanh", 1.69, 0.09), rel=0.01)
    assert reading.fixed_q == pytest.approx(theory.fixed_point("tanh", 1.69, 0.09))
    assert reading.critical_sigma_w == pytest.approx(theory.critical_line("tanh", 0.09) ** 0.5)
    found = experiments.PhasePlane(**SMALL).measure([(1.3, 0.3)])
    for name, values in found.items():
        np.testing.assert_allclose(getattr(reading, name), values[0], rtol=1e-9)
    _, line, _ = str(reading).splitlines()
    assert line.startswith(f"layer 2   q {reading.q[1]:.2e} ({reading.predicted_q[1]:.2e})")


def test_another_plane_keeps_the_point_as_far_as_it_reaches(explorer):
    explorer.sigma_w.value, explorer.sigma_b.value = 1.0, 2.0
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


def test_a_pasted_point_is_one_of_the_plane_that_is_pasted_with_it(explorer):
    explorer.state = "sigma_w=14 activation=sigmoid"
    assert explorer.sigma_w.value == 14
    with pytest.raises(ValueError, match="sigma_w=14 must be a number from 0 to 4"):
        explorer.state = "sigma_w=14 activation=relu"
    assert (explorer.sigma_w.value, explorer.activation.value) == (14, "sigmoid")


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
        ("activation=relu sigma_w=4 sigma_b=0", "Chaos: chi 8 ", "the mean of z² grows by"),
        ("activation=relu sigma_w=1.414 sigma_b=0", "On the line: chi 1 ", "keeps its size"),
        ("activation=sigmoid sigma_w=4 sigma_b=1", "Order: chi 0.37", "RMS shrinks to"),
        ("activation=sigmoid sigma_w=16 sigma_b=0", "Chaos: chi 1.55", "RMS grows by"),
    ],
)
def test_caption_agrees_with_the_numbers(explorer, state, begins, says):
    explorer.state = f"depth=20 width=200 {state}"
    reading = explorer.reading()
    assert reading.caption.startswith(begins)
    assert says in reading.caption
    factor = reading.gradient_rms[0] / reading.gradient_rms[-1]
    assert ("RMS grows by" in reading.caption) == (factor > 2)
    assert ("RMS shrinks to" in reading.caption) == (0 < factor < 0.5)
    assert ("become alike" in reading.caption) == (reading.correlation[-1] > 0.99)
    if "correlation" in reading.caption:
        numbers = reading.correlation[-1], reading.predicted_correlation[-1]
        assert "from 0.6 to {:.2f} (theory {:.2f})".format(*numbers) in reading.caption


def test_caption_of_an_overflow_names_the_layer():
    settings = PhaseSettings("relu", depth=4, width=10)
    found = experiments.PhasePlane(**vars(settings)).measure([(1e60, 0)])
    row = {name: values[0] for name, values in found.items()}
    layer = int((~np.isfinite(row["q"])).argmax()) + 1
    place = {"sigma_w": 1e60, "sigma_b": 0.0, "fixed_q": np.inf, "chi": 5e119}
    caption = captions.phase(settings, place | {"depth_scale": np.inf}, row)
    assert caption.startswith("Chaos: chi 5.0e+119")
    assert f"numbers overflow in layer {layer}" in caption


def test_the_still_point_and_dots_are_those_of_the_reading(explorer, still):
    explorer.state = "sigma_w=2 sigma_b=1 depth=50"
    (left, right), reading = still(explorer), explorer.reading()
    assert left.lines[-1].get_xydata().tolist() == [[reading.sigma_w, reading.sigma_b]]
    (dots,) = right.containers
    np.testing.assert_array_equal(dots.lines[0].get_ydata(), reading.correlation)
    assert len(right.get_xticks()) <= 11


def test_the_settings_have_the_limits_that_are_told():
    told = re.findall(r"(\d+) to (\d+)", PhaseSettings.__doc__)
    for name, (low, high) in zip(("depth", "width", "seed"), told, strict=True):
        for value in (int(low) - 1, int(high) + 1):
            with pytest.raises(ValueError, match=f"from {low} to {high}"):
                PhaseSettings(**{name: value})
