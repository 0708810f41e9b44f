"""Patience: how far a long computation is, and how long it will take."""

import contextlib
import sys
from collections.abc import Callable, Iterator

import numpy as np

Report = Callable[[float], object]


@contextlib.contextmanager
def progress_bar(total: float, description: str) -> Iterator[Report]:
    """Show how far a long computation is and how long it will take; leave nothing behind.

    In a notebook the bar shares the cell's output: when it is done, all that the cell has shown so
    far is cleared with it.

    Parameters
    ----------
    total : float
        How many steps there are; 1 if what is reported are shares of the work.
    description : str

    Yields
    ------
    callable
        To be called with the number of steps, or the share, done since the last call.

    Examples
    --------
    >>> with progress_bar(3, "training") as update:  # doctest: +SKIP
    ...     for network in networks:
    ...         train(network, mnist, steps=1000, ...)
    ...         update(1)
    """
    from tqdm import tqdm

    # On stdout: a notebook shows stderr as if something had gone wrong.
    look = {"file": sys.stdout, "leave": False, "mininterval": 0.5}
    if total == 1:
        look["bar_format"] = "{l_bar}{bar}| {elapsed} gone, {remaining} left"
    with tqdm(total=total, desc=description, **look) as bar:

        def update(done: float) -> None:
            # Shares add up to 1 but for rounding, and a bar complains of the rounding.
            bar.update(min(done, bar.total - bar.n))

        yield update
    if "IPython" in sys.modules:
        from IPython import get_ipython
        from IPython.display import clear_output

        if get_ipython() is not None:
            clear_output()


@contextlib.contextmanager
def reporting(progress: bool, total: float, description: str) -> Iterator[Report]:
    """Yield the function to report to: that of a bar, or one that does nothing."""
    check_progress(progress)
    if progress:
        with progress_bar(total, description) as update:
            yield update
    else:
        yield lambda done: None


def check_progress(progress: bool) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(progress, (bool, np.bool_)):
        raise TypeError(f"progress={progress!r} must be True, for a bar, or False")
