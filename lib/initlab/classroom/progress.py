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
        How many steps there are.
    description : str

    Yields
    ------
    callable
        To be called with the number of steps done since the last call.

    Examples
    --------
    >>> with progress_bar(2000, "training") as progress:  # doctest: +SKIP
    ...     train(network, mnist, steps=2000, progress=progress, ...)
    """
    from tqdm import tqdm

    # On stdout: a notebook shows stderr as if something had gone wrong.
    with tqdm(total=total, desc=description, file=sys.stdout, leave=False, mininterval=0.5) as bar:
        yield bar.update
    if "IPython" in sys.modules:
        from IPython import get_ipython
        from IPython.display import clear_output

        if get_ipython() is not None:
            clear_output()
