"""The caretaker: sees to it that all cores have something to do, and none too much.

A training of small matrices gains nothing from several BLAS threads. Several trainings side by
side, each with one BLAS thread, use the cores well. joblib does the sharing out: among threads of
this process, unless ``joblib.parallel_config`` names another backend, such as a Dask cluster.
"""

import contextlib
import copy
import threading
import traceback
import warnings

from initlab._engine.progress import check_progress

# How often in a row tasks are handed out again, without any result, after a worker was lost. (A
# cluster does so by itself, too.)
TRIES = 3

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


def workers():
    """Return how many tasks ``as_completed`` works on at a time.

    As many as ``joblib.parallel_config`` says, where it was asked; else all cores, and one inside
    of a task.
    """
    backend, n_jobs, _ = _backend()
    return backend.effective_n_jobs(n_jobs)


def _backend():
    from joblib.parallel import get_active_backend  # takes a while to import

    # Asked twice, for with a preference it always answers one job.
    backend, _ = get_active_backend(prefer="threads")
    _, n_jobs = get_active_backend()
    here = getattr(backend, "supports_sharedmem", False)
    if n_jobs is None:  # nobody said how many
        n_jobs = 1 if here and backend.nesting_level else -1
    return backend, n_jobs, here


class _FailedError(Exception):
    """A task raised; what it raised is the only argument. Anything else is the backend's doing."""


class _Reports:
    """What tasks report to: passes it on, one at a time, or stops them."""

    def __init__(self, progress):
        self.progress = progress
        self.turn, self.stopped, self.why = threading.Lock(), threading.Event(), None

    def stop(self, why):
        """Stop all tasks of this process; the first error is why."""
        if not self.stopped.is_set():
            self.why = why
            self.stopped.set()

    def go_on(self):
        # Threads cannot be interrupted from outside: they ask, when they begin and at every step.
        if self.stopped.is_set():
            raise RuntimeError("stopped, because another part of the work was")

    def __call__(self, done):
        with self.turn:
            self.go_on()
            if self.progress is not None:
                try:
                    self.progress(done)
                except BaseException as error:
                    self.stop(error)
                    raise


def as_completed(function, items, shared=(), *, progress=None):
    """Yield (place, function(item, *shared, report)) for each item, as they get done.

    Parameters
    ----------
    function : callable
        Called with an item, the shared arguments and a function to report progress to. What it
        returns must depend on nothing else. For workers in other processes all of these, and the
        result, are pickled.
    items : list
        The costly ones first: so all workers have something to do until the end.
    shared : tuple
        Arguments that are the same for all items. Large arrays belong here, each on its own: so a
        cluster is sent them once.
    progress : callable, optional
        The caller's own. It is called by one thread at a time; for workers in other processes, with
        the sum of what a task reported, when that is done.

    Yields
    ------
    place : int
        Which of the items it was.
    result : object

    Notes
    -----
    Who may leave before the end, by an error too, must close it: so the tasks are stopped
    (``contextlib.closing``).
    """
    from joblib import Parallel, delayed  # takes a while to import

    _, n_jobs, here = _backend()
    left, lost, results = dict(enumerate(items)), 0, None
    report = _Reports(progress)
    try:
        while left:
            # One task a batch: results of small ones are not to wait for each other.
            parallel = Parallel(
                n_jobs=n_jobs, prefer="threads", batch_size=1, return_as="generator_unordered"
            )
            jobs = [
                delayed(_here)(function, place, item, shared, report)
                if here
                else delayed(_elsewhere)(function, place, item, *shared)  # *: see ``shared``
                for place, item in left.items()
            ]
            with one_blas_thread():
                results, failure = parallel(jobs), None
                while True:
                    try:
                        place, result, reported = next(results, (None, None, None))
                    except _FailedError as failed:
                        failure = report.why or failed.args[0]
                        break
                    except Exception:
                        # A worker was lost, and with it perhaps data that tasks were waiting for.
                        # What is done is done; the rest is handed out again, but not for ever.
                        lost += 1
                        if here or lost > TRIES:
                            raise
                        break
                    if place is None:
                        break
                    del left[place]
                    lost = 0
                    if reported:
                        report(reported)
                    yield place, result
            if failure is not None:
                raise failure
    except BaseException as error:
        report.stop(error)
        if results is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # joblib's, about tasks that are not done
                results.close()
        raise


def _here(function, place, item, shared, report):
    try:
        report.go_on()
        return place, function(item, *shared, report), None
    except BaseException as error:
        report.stop(error)
        raise _FailedError(error) from None


def _elsewhere(function, place, item, *shared):
    reports = []
    try:
        with one_blas_thread():
            return place, function(item, *shared, reports.append), sum(reports)
    except Exception as caught:
        error, story = caught, traceback.format_exc()
    # Outside of "except", whose context would have to travel as well.
    try:
        copy.deepcopy(error)
    except Exception:  # what can't be copied can't travel
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(f"In a worker of another process:\n{story}")
    raise _FailedError(error)


def thread_map(function, items, *, progress=None):
    """Return [function(item, progress) for each item], several of them at a time.

    Always in threads of this process, so that ``function`` may be a closure and share memory.

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
    check_progress(progress)
    if len(items) == 1:
        return [function(items[0], progress)]
    from joblib import Parallel, delayed  # takes a while to import; most rooms do without it

    report = _Reports(progress)
    jobs = [delayed(function)(item, report) for item in items]
    try:
        with one_blas_thread():
            return Parallel(n_jobs=-1, require="sharedmem")(jobs)
    except BaseException as error:
        report.stop(error)
        raise report.why from report.why.__cause__
