"""Patience: how far along a long computation is, and how long it will take."""

import contextlib
import sys
from collections.abc import Callable, Iterator

import numpy as np

Report = Callable[[float], object]


@contextlib.contextmanager
def progress_bar(total: float, description: str) -> Iterator[Report]:
    """Show a progress bar with the remaining time, and remove it at the end.

    In a notebook the bar shares the cell's output: once it is done, everything that the cell has
    shown so far is cleared along with it.

    Parameters
    ----------
    total : float
        The number of steps; 1 if fractions of the work are reported.
    description : str

    Yields
    ------
    callable
        To be called with the number of steps, or the fraction, done since the last call.

    Examples
    --------
    >>> with progress_bar(3, "training") as update:  # doctest: +SKIP
    ...     for network in networks:
    ...         train(network, mnist, steps=1000, ...)
    ...         update(1)
    """
    from tqdm import tqdm

    # On stdout, since a notebook shows stderr as if something had gone wrong.
    look = {"file": sys.stdout, "leave": False, "mininterval": 0.5}
    if total == 1:
        look["bar_format"] = "{l_bar}{bar}| {elapsed} gone, {remaining} left"
    with tqdm(total=total, desc=description, **look) as bar:

        def update(done: float) -> None:
            # Fractions may add up to slightly more than 1, and tqdm would warn about that.
            bar.update(min(done, bar.total - bar.n))

        yield update
    if "IPython" in sys.modules:
        from IPython import get_ipython
        from IPython.display import clear_output

        if get_ipython() is not None:
            clear_output()


def reporting(
    progress: bool, total: float, description: str
) -> contextlib.AbstractContextManager[Report]:
    """Return a context with a function that reports progress: to a bar, or to nothing."""
    if not isinstance(progress, (bool, np.bool_)):
        raise TypeError(f"progress={progress!r} must be True, for a bar, or False")
    if progress:
        return progress_bar(total, description)
    return contextlib.nullcontext(lambda done: None)
