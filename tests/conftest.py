"""What several test files share."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from initlab import Dataset, load_mnist, plotting, training

sys.path.append(str(Path(__file__).parent / "browser"))  # lab_in_browser


@pytest.fixture(scope="session")
def chromium():
    """Return a browser: one for all tests of a worker, since two would not get along."""
    import lab_in_browser

    if lab_in_browser.find_browser() is None:
        if os.environ.get("INITLAB_REQUIRE_BROWSER") == "1":
            pytest.fail(lab_in_browser.MISSING)
        pytest.skip(lab_in_browser.MISSING)
    with lab_in_browser.browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def mnist():
    """MNIST as the project ships it. Tests only read it."""
    return load_mnist()


@pytest.fixture(scope="session")
def few_digits(mnist):
    """MNIST's first digits: 300 to train with, and 200 to test."""
    return Dataset(mnist.x_train[:300], mnist.y_train[:300], mnist.x_test[:200], mnist.y_test[:200])


@pytest.fixture(scope="session")
def numerical_gradient():
    """Return a function: the derivative of a scalar function of one array, entry by entry."""

    def gradient(function, array, step=1e-6):
        result = np.empty_like(array)
        for index in np.ndindex(array.shape):
            up, down = array.copy(), array.copy()
            up[index] += step
            down[index] -= step
            result[index] = (function(up) - function(down)) / (2 * step)
        return result

    return gradient


@pytest.fixture(scope="session")
def still():
    """Return a function: the axes of an explorer's still picture."""

    def axes(explorer):
        figure = Figure()
        explorer._draw(plotting, figure, explorer.reading())
        figure.draw_without_rendering()
        return figure.axes

    return axes


@pytest.fixture
def no_step(monkeypatch):
    """Let no training begin: what is refused must be refused before."""

    def begun(*arguments, **named):
        pytest.fail("a training has begun")

    monkeypatch.setattr(training, "_run_steps", begun)
