"""The caretaker: sees to it that all cores have something to do, and none too much.

A training of small matrices gains nothing from several BLAS threads. Several trainings side by
side, each with one BLAS thread, use the cores well.
"""

import contextlib
import threading

_lock = threading.Lock()
_inside = 0
_limits = None


@contextlib.contextmanager
def one_blas_thread():
    """Keep matrix products on one thread, until the last of those who asked for it has left.

    The limit belongs to the whole process, so that the first one in sets it and the last one out
    lifts it.
    """
    global _inside, _limits
    from threadpoolctl import threadpool_limits  # not needed before something is trained

    with _lock:
        if _inside == 0:
            _let_any_thread_decide()
            _limits = threadpool_limits(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _let_any_thread_decide()
                _limits.restore_original_limits()
                _let_any_thread_decide()
                _limits = None


def _let_any_thread_decide():
    """Have OpenBLAS listen to whoever speaks next.

    Since threadpoolctl 3.8 it listens to the thread that spoke first, and to no other while that
    one lives; but the last one out need not be the first one in.
    """
    from threadpoolctl import OpenBLASController

    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread(force=True)


def in_threads(function, items, *, progress=None):
    """Return [function(item, progress) for each item], several of them at a time.

    Parameters
    ----------
    function : callable
        Called with an item and with a function to report progress to. What it returns must depend
        on the item alone.
    items : list
    progress : callable, optional
        The caller's own. It is called by one thread at a time.

    Returns
    -------
    list
        In the order of ``items``.
    """
    items = list(items)
    if progress is not None and not callable(progress):
        raise TypeError(f"progress={progress!r}: expected a function to be called with a number")
    if len(items) == 1:
        return [function(items[0], progress)]
    from joblib import Parallel, delayed  # takes a while to import; most rooms do without it

    turn, stopped = threading.Lock(), threading.Event()

    def report(done):
        # Threads cannot be interrupted from outside: they ask at every step.
        if stopped.is_set():
            raise RuntimeError("stopped, because another part of the work was")
        if progress is not None:
            with turn:
                progress(done)

    jobs = [delayed(function)(item, report) for item in items]
    try:
        with one_blas_thread():
            return Parallel(n_jobs=-1, require="sharedmem")(jobs)
    except BaseException:
        stopped.set()
        raise
