"""Patience: how far a long computation is, and how long it will take."""

import contextlib
import sys


@contextlib.contextmanager
def progress_bar(total, description):
    """Show how far a long computation is and how long it will take; leave nothing behind.

    In a notebook the cell's output so far is cleared with the bar.

    Parameters
    ----------
    total : int
        How many steps there are; 1 if what is reported are shares of the work.
    description : str

    Yields
    ------
    callable
        To be called with the number of steps, or the share, done since the last call.

    Examples
    --------
    >>> with progress_bar(2000, "training") as progress:  # doctest: +SKIP
    ...     train(network, mnist, steps=2000, progress=progress, ...)
    """
    from tqdm import tqdm

    # On stdout: a notebook shows stderr as if something had gone wrong.
    look = {"file": sys.stdout, "leave": False, "mininterval": 0.5}
    if total == 1:
        look["bar_format"] = "{l_bar}{bar}| {elapsed} gone, {remaining} left"
    with tqdm(total=total, desc=description, **look) as bar:
        # Shares add up to 1 but for rounding, and a bar complains of the rounding.
        yield lambda done: bar.update(min(done, bar.total - bar.n))
    if "IPython" in sys.modules:
        from IPython import get_ipython
        from IPython.display import clear_output

        if get_ipython() is not None:
            clear_output()


def check_progress(progress, *, bar=False):
    """Refuse what is neither None nor a function, nor, where a bar can be had, True or False."""
    if progress is None or callable(progress) or (bar and progress in (True, False)):
        return
    or_bar = ", or True for a bar" if bar else ""
    raise TypeError(
        f"progress={progress!r}: expected a function to be called with a number{or_bar}"
    )


@contextlib.contextmanager
def listener(progress, total, description):
    """Yield the function to report to, or None: ``progress`` itself, or for True that of a bar."""
    if progress is True:
        with progress_bar(total, description) as update:
            yield update
    else:
        yield progress or None
