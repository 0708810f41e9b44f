"""A sweep on a cluster: two worker processes of which one is killed on the way."""

import os
import signal

import joblib
import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from initlab import initializers as init
from initlab.datasets import Dataset
from initlab.experiments import sweeps
from initlab.network import MLP
from initlab.optimizers import SGD
from initlab.training import train_together

distributed = pytest.importorskip("distributed", reason="needs the extra 'cluster'")


@pytest.fixture
def client():
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def clouds(examples=3000):
    rng = np.random.default_rng(1)
    y = rng.integers(3, size=examples)
    x = rng.standard_normal((examples, 40))
    x[np.arange(examples), y] += 3.0
    return Dataset(x[200:], y[200:], x[:200], y[:200], "clouds")


GRID = {
    "initializer": [init.he_normal(), init.normal(0.1), init.zeros()],
    "activation": ["tanh", "relu"],
    "depth": [1, 3],
    "width": 20,
    "seed": range(4),
}
SETTINGS = {"steps": 60, "batch_size": 32, "dtype": np.float64, "progress": False}


# Which worker holds the data is not ours to say, so each is killed once.
@pytest.mark.parametrize("which", [0, 1])
def test_a_worker_is_killed_and_no_row_is_lost_or_doubled(client, tmp_path, which):
    data, file, killed = clouds(), tmp_path / "rows.csv", []
    expected = sweeps.sweep(GRID, data, **SETTINGS)
    pids = list(client.run(os.getpid).values())
    assert len(set(pids)) == 2
    assert os.getpid() not in pids

    def kill_one(so_far):
        if len(so_far) and not killed:
            killed.append(pids[which])
            os.kill(pids[which], getattr(signal, "SIGKILL", signal.SIGTERM))

    with joblib.parallel_config(backend="dask"):
        found = sweeps.sweep(GRID, data, file=file, on_results=kill_one, **SETTINGS)
    assert killed
    assert_frame_equal(found, expected, rtol=1e-12, atol=1e-12)
    rows = file.read_text(encoding="utf-8").splitlines()[1:]
    assert len(rows) == len(set(rows)) == 48
    # The tasks really ran there, and there is a new worker in the place of the old one.
    client.wait_for_workers(2, timeout=60)
    assert pids[which] not in client.run(os.getpid).values()


def test_networks_train_together_on_a_cluster_as_they_do_here(client):
    def networks():
        return {
            seed: MLP(
                [40, 20, 20, 3],
                activation="relu" if seed % 2 else "tanh",
                weight_init=init.he_normal(),
                rng=np.random.default_rng(seed),
            )
            for seed in range(5)
        }

    def trained(nets):
        rng = np.random.default_rng(0)
        histories = train_together(
            nets,
            clouds(),
            optimizer=SGD(0.1),
            steps=20,
            batch_size=32,
            rng=rng,
        )
        return histories, rng.bit_generator.state

    here, there = networks(), networks()
    expected, state = trained(here)
    with joblib.parallel_config(backend="dask"):
        found, state_there = trained(there)
    assert state_there == state
    for seed, history in expected.items():
        np.testing.assert_allclose(found[seed].loss, history.loss, rtol=1e-12)
        pairs = zip(there[seed].parameters(), here[seed].parameters(), strict=True)
        for mine, other in pairs:
            np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-12)


def test_an_error_of_a_task_comes_out_of_the_cluster(client):
    class Crooked(SGD):
        def step(self, parameters, gradients):
            raise OverflowError("crooked")

    with joblib.parallel_config(backend="dask"), pytest.raises(OverflowError, match="crooked"):
        sweeps.sweep({"optimizer": {"crooked": Crooked}}, clouds(), **SETTINGS)
