"""All cores have something to do, and none has too much.

A training of small matrices gains nothing from several BLAS threads. Several trainings side by
side, each with one BLAS thread, use the cores well. joblib hands out the work: to threads of this
process, unless ``joblib.parallel_config`` names another backend, such as a Dask cluster.
"""

import contextlib
import copy
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from initlab._engine.progress import Report

# How often in a row tasks are handed out again, without any result, after a worker was lost. (A
# cluster does so by itself, too.)
TRIES = 3

_lock = threading.Lock()
_inside = 0
_limits: Any = None
_controller: Any = None
_modules = 0  # how many were imported when the controller looked for libraries


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep matrix products on one thread, until the last of those who asked for it has left.

    The limit belongs to the whole process: the first one in sets it, the last one out lifts it.
    """
    global _inside, _limits
    with _lock:
        if _inside == 0:
            _let_any_thread_decide()
            _limits = _blas().limit(limits=1, user_api="blas")
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


def _blas() -> Any:
    # To look for BLAS libraries takes thirty times as long as to set a limit: it is done again only
    # after a module was imported, which may have brought a library of its own.
    global _controller, _modules
    if _controller is None or len(sys.modules) != _modules:
        from threadpoolctl import ThreadpoolController  # not needed before something is trained

        _controller = ThreadpoolController()
        _modules = len(sys.modules)
    return _controller


def _let_any_thread_decide() -> None:
    # Since threadpoolctl 3.8 OpenBLAS listens to the thread that spoke first, and to no other while
    # that one lives; but the last one out need not be the first one in.
    from threadpoolctl import OpenBLASController

    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread(force=True)


def workers() -> int:
    """Return how many tasks are worked on at a time.

    As many as ``joblib.parallel_config`` says; without it all cores, and one inside of a task.
    """
    backend, n_jobs, _ = _backend()
    return int(backend.effective_n_jobs(n_jobs))


def _backend() -> tuple[Any, int, bool]:
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

    def __init__(self, report: Report):
        self.report = report
        self.turn, self.stopped = threading.Lock(), threading.Event()
        self.why: BaseException | None = None

    def stop(self, why: BaseException) -> None:
        """Stop all tasks of this process; the first error is why."""
        if not self.stopped.is_set():
            self.why = why
            self.stopped.set()

    def go_on(self) -> None:
        # Threads cannot be interrupted from outside: they ask, when they begin and at every step.
        if self.stopped.is_set():
            raise RuntimeError("stopped, because another part of the work was")

    def __call__(self, done: float) -> None:
        with self.turn:
            self.go_on()
            try:
                self.report(done)
            except BaseException as error:
                self.stop(error)
                raise


def as_completed(
    function: Callable[..., Any],
    items: list[Any],
    shared: tuple[Any, ...] = (),
    *,
    report: Report = lambda done: None,
) -> Generator[tuple[int, Any], None, None]:
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
    report : callable
        The caller's own. It is called by one thread at a time; for workers in other processes, with
        the sum of what a task reported, when that is done.

    Notes
    -----
    A caller that may stop early, even by an exception, must close the generator so that the tasks
    stop (``contextlib.closing``).
    """
    from joblib import Parallel, delayed  # takes a while to import

    _, n_jobs, here = _backend()
    left, lost, results = dict(enumerate(items)), 0, None
    reports = _Reports(report)
    try:
        while left:
            # One task a batch: results of small ones are not to wait for each other.
            parallel = Parallel(
                n_jobs=n_jobs, prefer="threads", batch_size=1, return_as="generator_unordered"
            )
            jobs = [
                delayed(_here)(function, place, item, shared, reports)
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
                        failure = reports.why or failed.args[0]
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
                        reports(reported)
                    yield place, result
            if failure is not None:
                raise failure
    except BaseException as error:
        reports.stop(error)
        if results is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # joblib's, about tasks that are not done
                results.close()
        raise


def _here(
    function: Callable[..., Any], place: int, item: Any, shared: tuple[Any, ...], reports: _Reports
) -> tuple[int, Any, None]:
    try:
        reports.go_on()
        return place, function(item, *shared, reports), None
    except BaseException as error:
        reports.stop(error)
        raise _FailedError(error) from None


def _elsewhere(
    function: Callable[..., Any], place: int, item: Any, *shared: Any
) -> tuple[int, Any, float]:
    reports: list[float] = []
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


def thread_map(
    function: Callable[[Any, Report], Any],
    items: Iterable[Any],
    *,
    report: Report = lambda done: None,
) -> list[Any]:
    """Return [function(item, report) for each item], several of them at a time.

    Always in threads of this process, so that ``function`` may be a closure and share memory; as
    many as ``workers()`` says. What ``function`` returns must depend on the item alone. ``report``,
    the caller's own, is called by one thread at a time.
    """
    from joblib import Parallel, delayed  # takes a while to import

    reports = _Reports(report)
    jobs = [delayed(function)(item, reports) for item in items]
    try:
        with one_blas_thread():
            return list(Parallel(n_jobs=workers(), backend="threading")(jobs))
    except BaseException as error:
        reports.stop(error)
        why = reports.why or error
        raise why from why.__cause__
