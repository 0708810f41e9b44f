"""Named points of the plane with their seeds, and the map of what trains."""

import numpy as np
import pytest

from initlab import experiments, load_mnist, sweep
from initlab import initializers as init
from initlab.datasets import Dataset

POINTS = {"order": (0.8, 0.3), "chaos": (2.0, 0.1)}
SMALL = {"activation": "tanh", "depth": 4, "width": 12}


@pytest.fixture(scope="module")
def few():
    mnist = load_mnist()
    return Dataset(
        mnist.x_train[:300], mnist.y_train[:300], mnist.x_test[:100], mnist.y_test[:100], "few"
    )


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


def test_the_wider_the_network_the_closer_to_theory():
    off = {}
    for width in (20, 400):
        found = experiments.at_points(POINTS, range(5), activation="tanh", depth=6, width=width)
        off[width] = [
            np.abs(np.log(point["gradient_rms"] / point["predicted_gradient_rms"])).mean()
            for point in found.values()
        ]
    assert max(off[400]) < 0.1
    assert all(wide < narrow / 2 for wide, narrow in zip(off[400], off[20], strict=True))


@pytest.mark.parametrize(
    ("points", "seeds", "name"),
    [
        ([(1.0, 0.0)], [0], "points"),
        ({}, [0], "points"),
        (POINTS, [], "seeds"),
        ({"a": (-1.0, 0.0)}, [0], "sigma_w"),
    ],
)
def test_points_that_are_none_are_refused(points, seeds, name):
    with pytest.raises((TypeError, ValueError), match=name):
        experiments.at_points(points, seeds, **SMALL)


SETTINGS = {"width": 10, "steps": 12, "batch_size": 20, "eval_size": 100, "learning_rate": 0.1}


def test_the_map_holds_each_network_at_its_place(few):
    sigma_w2, depths = [0.5, 2.0, 3.5], [1, 3]
    accuracy = experiments.trainability(few, sigma_w2, depths, sigma_b2=0.3, seed=4, **SETTINGS)
    assert accuracy.shape == (2, 3)
    for row, depth in enumerate(depths):
        for column, value in enumerate(sigma_w2):
            settings = {"width": 10, "depth": depth, "activation": "tanh", "learning_rate": 0.1}
            table = sweep(
                {"initializer": init.variance_scaling(value, "fan_in"), "seed": 4} | settings,
                few,
                steps=12,
                batch_size=20,
                eval_size=100,
                bias_init=init.normal(np.sqrt(0.3)),
                progress=False,
            )
            assert accuracy[row, column] == table["train_accuracy"][0]
    assert len(np.unique(accuracy)) > 2  # no two networks are taken for each other


def test_the_map_fills_while_it_is_trained(few):
    seen = []
    accuracy = experiments.trainability(
        few,
        [1.0, 2.0],
        [1, 2],
        on_results=lambda so_far: seen.append(np.isfinite(so_far).sum()),
        **SETTINGS,
    )
    assert seen[0] == 0
    assert seen[-1] == 4
    assert seen == sorted(seen)
    assert len(seen) > 2
    assert np.isfinite(accuracy).all()


def test_biases_belong_to_the_map(few):
    without, with_biases = (
        experiments.trainability(few, [1.0], [2], sigma_b2=sigma_b2, **SETTINGS)
        for sigma_b2 in (0.0, 2.0)
    )
    assert without[0, 0] != with_biases[0, 0]
    with pytest.raises(ValueError, match="sigma_b2"):
        experiments.trainability(few, [1.0], [2], sigma_b2=-1.0, **SETTINGS)
