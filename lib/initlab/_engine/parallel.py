"""Keep all cores busy, without overloading any.

Training with small matrices gains nothing from several BLAS threads. Several training runs side by
side, each with one BLAS thread, use the cores well. joblib distributes the work among threads of
this process, unless ``joblib.parallel_config`` selects another backend, such as a Dask cluster.
"""

import contextlib
import functools
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from initlab._engine.progress import Report

_lock = threading.Lock()
_inside = 0
_limits: Any = None


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep matrix products on one thread while any such context is open.

    The limit applies to the whole process: the first context entered sets it, the last one to exit
    lifts it.
    """
    global _inside, _limits
    with _lock:
        if _inside == 0:
            _let_any_thread_decide()
            _limits = _blas(len(sys.modules)).limit(limits=1, user_api="blas")
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


@functools.lru_cache(maxsize=1)
def _blas(modules: int) -> Any:
    # Searching for BLAS libraries takes thirty times as long as setting a limit. It is repeated
    # only if modules have been imported since, which may have loaded a library of their own.
    from threadpoolctl import ThreadpoolController  # not needed before the first training run

    return ThreadpoolController()


def _let_any_thread_decide() -> None:
    # Since threadpoolctl 3.8, only the first thread that set a limit for OpenBLAS may change it, as
    # long as it lives; but the last thread to leave need not be the first that entered.
    from threadpoolctl import OpenBLASController

    if hasattr(OpenBLASController, "clear_controlling_thread"):
        OpenBLASController.clear_controlling_thread(force=True)


def workers() -> int:
    """Return the number of tasks that run at a time.

    It is set by ``joblib.parallel_config``; by default, one per core, or one inside a task.
    """
    backend, n_jobs, _ = _backend()
    return int(backend.effective_n_jobs(n_jobs))


def _backend() -> tuple[Any, int, bool]:
    from joblib.parallel import get_active_backend  # slow to import

    # Called twice, since with a preference it always returns one job.
    backend, _ = get_active_backend(prefer="threads")
    _, n_jobs = get_active_backend()
    here = getattr(backend, "supports_sharedmem", False)
    if n_jobs is None:  # not specified
        n_jobs = 1 if here and backend.nesting_level else -1
    return backend, n_jobs, here


class _Reports:
    """Receives the reports of tasks and passes them on one at a time, or stops the tasks."""

    def __init__(self, report: Report):
        self.report = report
        self.turn, self.stopped = threading.Lock(), threading.Event()
        self.why: Any = None  # an error and its cause, which joblib overwrites

    def stop(self, why: BaseException) -> None:
        """Stop all tasks of this process; the first error is stored as the reason."""
        if not self.stopped.is_set():
            self.why = why, why.__cause__
            self.stopped.set()

    def go_on(self) -> None:
        # Threads can't be interrupted from outside, so they check at the start and at every step.
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
    items: Iterable[Any],
    shared: tuple[Any, ...] = (),
    *,
    report: Report = lambda done: None,
) -> Generator[tuple[int, Any], None, None]:
    """Yield (place, function(item, report, *shared)) for each item, in order of completion.

    Parameters
    ----------
    function : callable
        Called with an item, a function that reports progress, and the shared arguments. Its result
        must depend on nothing else. For workers in other processes, the arguments and the result
        are pickled.
    items : iterable
        The most expensive first, so that all workers are busy until the end.
    shared : tuple
        Arguments that are the same for all items. Pass large arrays here, each as its own entry, so
        that they are sent to a cluster only once.
    report : callable
        Called by one thread at a time; for a task in another process, called once it is done, with
        the sum of its reports.

    Notes
    -----
    A caller that may stop early, even through an exception, must close the generator so that the
    tasks stop (``contextlib.closing``).
    """
    from joblib import Parallel, delayed  # slow to import

    _, n_jobs, here = _backend()
    reports = _Reports(report)
    # One task per batch, so that results of small tasks don't wait for each other.
    parallel = Parallel(
        n_jobs=n_jobs, prefer="threads", batch_size=1, return_as="generator_unordered"
    )
    jobs = [
        delayed(_here)(function, place, item, reports, *shared)
        if here
        else delayed(_elsewhere)(function, place, item, *shared)
        for place, item in enumerate(items)
    ]
    results = None
    try:
        with one_blas_thread():
            results = parallel(jobs)
            for place, result, reported in results:
                if reported:
                    reports(reported)
                yield place, result
    except BaseException as error:
        reports.stop(error)
        if results is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # joblib's warnings about unfinished tasks
                results.close()
        # Not the error of a task that stopped because another had failed.
        why, cause = reports.why
        raise why from cause


def _here(
    function: Callable[..., Any], place: int, item: Any, reports: _Reports, *shared: Any
) -> tuple[int, Any, None]:
    try:
        reports.go_on()
        return place, function(item, reports, *shared), None
    except BaseException as error:
        reports.stop(error)
        raise


def _elsewhere(
    function: Callable[..., Any], place: int, item: Any, *shared: Any
) -> tuple[int, Any, float]:
    reports: list[float] = []
    with one_blas_thread():
        return place, function(item, reports.append, *shared), sum(reports)


def thread_map(
    function: Callable[[Any, Report], Any],
    items: Iterable[Any],
    *,
    report: Report = lambda done: None,
) -> list[Any]:
    """Return [function(item, report) for each item], computed ``workers()`` at a time.

    This always runs in threads of this process, so that ``function`` may be a closure and share
    memory. Its result must depend only on the item. ``report`` is called by one thread at a time.
    """
    from joblib import parallel_config  # slow to import

    with parallel_config(backend="threading", n_jobs=workers()):
        found = dict(as_completed(function, items, report=report))
    return [found[place] for place in sorted(found)]
