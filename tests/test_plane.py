"""The plane of order and chaos: what theory says of it, networks at its points, what trains."""

import numpy as np
import pytest

from initlab import experiments, sweep, theory
from initlab import initializers as init
from initlab.activations import ACTIVATIONS, leaky_relu_with
from initlab.network import MLP
from initlab.signals import measure_signals

POINTS = {"order": (0.8, 0.3), "chaos": (2.0, 0.1)}
SMALL = {"activation": "tanh", "depth": 4, "width": 12}


def points_of(activation):
    """Return points in order, without biases, and in chaos."""
    most_w, most_b = activation.plane
    return [(0.2 * most_w, 0.2 * most_b), (0.5 * most_w, 0.0), (0.8 * most_w, 0.1 * most_b)]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_diagram_holds_what_theory_says_of_each_point(name):
    diagram, (most_w, most_b) = experiments.plane_diagram(name), ACTIVATIONS[name].plane
    assert experiments.plane_diagram(name) is diagram
    assert not diagram.chi.flags.writeable
    assert (diagram.sigma_w[[0, -1]] == [0, most_w]).all()
    assert (diagram.sigma_b[[0, -1]] == [0, most_b]).all()
    assert (np.diff(diagram.sigma_w) > 0).all()
    for i, j in [(0, 0), (1, 0), (5, 7), (14, 1), (25, 3), (33, 29), (40, 10)]:
        where = name, diagram.sigma_w[i] ** 2, diagram.sigma_b[j] ** 2
        if abs(diagram.chi[j, i] - 1) > 1e-9:  # on ReLU's line the last digit decides
            assert diagram.q[j, i] == pytest.approx(theory.fixed_point(*where), rel=1e-9)
        assert diagram.chi[j, i] == pytest.approx(theory.chi(*where), rel=1e-9)
        assert diagram.depth_scale[j, i] == pytest.approx(theory.depth_scale(*where), rel=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_line_divides_the_plane_where_there_is_one(name):
    diagram = experiments.plane_diagram(name)
    assert diagram.line.shape == (38, 2)
    for row in (0, 1, 12, 30):
        line = diagram.critical_sigma_w[row]
        if np.isnan(line):
            with pytest.raises(ValueError, match="no critical line"):
                theory.critical_line(name, diagram.sigma_b[row] ** 2)
            continue
        known = theory.critical_line(name, diagram.sigma_b[row] ** 2) ** 0.5
        assert line == pytest.approx(known, abs=1e-9)
        assert (diagram.chi[row, diagram.sigma_w < 0.999 * line] < 1).all()
        assert (diagram.chi[row, diagram.sigma_w > 1.001 * line] > 1).all()
    without_biases = diagram.critical_sigma_w[0]
    assert without_biases in diagram.sigma_w or np.isnan(without_biases)  # a slider can stand on it


def test_known_critical_points_are_met_to_the_last_digit_and_any_activation_has_a_diagram():
    for name in ("tanh", "softsign", "identity"):
        assert experiments.plane_diagram(name).critical_sigma_w[0] == 1
    for name in ("gelu", "silu"):  # without biases, it is jumped over
        assert np.isnan(experiments.plane_diagram(name).critical_sigma_w[0])
    assert experiments.plane_diagram("relu").q[0].tolist().count(1.0) == 1  # He: every q stays
    diagram = experiments.plane_diagram(leaky_relu_with(0.5))
    assert diagram.critical_sigma_w[0] == pytest.approx((2 / 1.25) ** 0.5, abs=1e-9)


@pytest.mark.parametrize("name", ["tanh", "relu", "sigmoid"])
def test_every_point_is_a_plain_network_of_the_same_draw(name):
    plane = experiments.PhasePlane(activation=name, depth=4, width=30, seed=3)
    points = points_of(ACTIVATIONS[name])
    found = plane.measure(points)
    for place, (sigma_w, sigma_b) in enumerate(points):
        network = MLP(
            [30] * 5,
            activation=name,
            output_activation=name,
            weight_init=init.normal(sigma_w / 30**0.5),
            bias_init=init.normal(sigma_b),
            rng=np.random.default_rng(3).spawn(3)[1],
        )
        assert network.dense[0].bias.any() == (sigma_b > 0)
        signals = measure_signals(network, plane.inputs, output_gradient=plane.output_gradient)
        pairs = [layer.z.reshape(-1, 2, 30) for layer in signals.layers]
        alike = [[a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in z] for z in pairs]
        expected = {
            "q": [(z * z).mean() for z in pairs],
            "correlation": np.mean(alike, axis=1),
            "gradient_rms": signals.each("gradient_rms"),
        }
        for quantity, values in expected.items():
            np.testing.assert_allclose(found[quantity][place], values, rtol=1e-9)


def test_theory_begins_with_the_numbers_of_the_inputs():
    x = experiments.PhasePlane(width=10, seed=5).inputs.reshape(-1, 2, 10)
    np.testing.assert_allclose((x * x).mean(axis=-1), 1)
    np.testing.assert_allclose((x[:, 0] * x[:, 1]).mean(axis=-1), experiments.INPUT_CORRELATION)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_wide_network_does_what_theory_says(name):
    plane = experiments.PhasePlane(activation=name, depth=5, width=1000)
    found = plane.measure(points_of(ACTIVATIONS[name]))
    for quantity in ("q", "gradient_rms"):
        np.testing.assert_allclose(found[quantity], found[f"predicted_{quantity}"], rtol=0.25)
    likeness = found["correlation"], found["predicted_correlation"]
    np.testing.assert_allclose(*likeness, atol=0.06)


def test_overflow_is_seen_and_no_warning():
    plane = experiments.PhasePlane(activation="relu", depth=4, width=10)
    found = plane.measure([(1e60, 0), (2, 1)])
    assert not np.isfinite(found["q"][0, 2:]).any()
    assert np.isnan(found["predicted_q"][0, 1:]).all()
    assert np.isnan(found["predicted_gradient_rms"][0]).all()
    assert all(np.isfinite(values[1]).all() for values in found.values())


def test_each_point_has_what_a_plane_measures_seed_by_seed():
    found = experiments.at_points(POINTS, [3, 1], **SMALL)
    assert list(found) == ["order", "chaos"]
    for row, seed in enumerate((3, 1)):
        plane = experiments.PhasePlane(seed=seed, **SMALL)
        for place, name in enumerate(POINTS):
            alone = plane.measure(list(POINTS.values()))
            for quantity in ("q", "correlation", "gradient_rms"):
                measured = found[name][quantity]
                assert measured.shape == (2, 4)
                np.testing.assert_array_equal(measured[row], alone[quantity][place])
                predicted = found[name][f"predicted_{quantity}"]
                np.testing.assert_array_equal(predicted, alone[f"predicted_{quantity}"][place])


SETTINGS = {"width": 10, "steps": 12, "batch_size": 20, "eval_size": 100, "learning_rate": 0.1}


def test_the_map_holds_each_network_at_its_place(few_digits):
    sigma_w2, depths = [0.5, 2.0, 3.5], [1, 3]
    accuracy = experiments.trainability(
        few_digits, sigma_w2, depths, sigma_b2=0.3, seed=4, **SETTINGS
    )
    assert accuracy.shape == (2, 3)
    for row, depth in enumerate(depths):
        for column, value in enumerate(sigma_w2):
            settings = {"width": 10, "depth": depth, "activation": "tanh", "learning_rate": 0.1}
            axes = {"initializer": init.variance_scaling(value, "fan_in"), "seed": 4} | settings
            named = {"steps": 12, "batch_size": 20, "eval_size": 100}
            table = sweep(axes, few_digits, bias_init=init.normal(np.sqrt(0.3)), **named)
            assert accuracy[row, column] == table["train_accuracy"][0]
    assert len(np.unique(accuracy)) > 2  # no two networks are taken for each other


def test_the_map_fills_while_it_is_trained(few_digits):
    seen = []

    def look(so_far):
        seen.append(np.isfinite(so_far).sum())

    experiments.trainability(few_digits, [1.0, 2.0], [1, 2], on_results=look, **SETTINGS)
    assert (seen[0], seen[-1]) == (0, 4)
    assert seen == sorted(seen)
    assert len(seen) > 2


@pytest.mark.parametrize(
    ("door", "wrong", "message"),
    [
        (experiments.PhasePlane, {"width": 1}, "width"),
        (experiments.PhasePlane, {"seed": -1}, "seed"),
        (experiments.PhasePlane, {"depth": 2.5}, "depth"),
        (experiments.PhasePlane, {"activation": "tahn"}, "activation"),
        (experiments.at_points, {"points": [(1.0, 0.0)]}, "points"),
        (experiments.at_points, {"points": {}}, "points"),
        (experiments.at_points, {"seeds": []}, "seeds"),
        (experiments.at_points, {"points": {"a": (-1.0, 0.0)}}, "sigma_w=-1"),
        (experiments.at_points, {"points": {"a": (0.0, np.nan)}}, "sigma_b=nan"),
        (experiments.trainability, {"sigma_b2": -1.0}, "sigma_b2"),
        (experiments.trainability, {"sigma_w2": [1.0, 1.0]}, r"sigma_w2=.* must be distinct"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(few_digits, door, wrong, message):
    right = {
        experiments.PhasePlane: {},
        experiments.at_points: {"points": POINTS, "seeds": [0]},
        experiments.trainability: {"dataset": few_digits, "sigma_w2": [1.0], "depths": [2]},
    }
    with pytest.raises((TypeError, ValueError), match=message):
        door(**right[door] | wrong)
