import contextlib
import queue
import sys
import threading
from itertools import permutations

import joblib
import numpy as np
import pytest
import threadpoolctl
from threadpoolctl import threadpool_info, threadpool_limits

from initlab import initializers as init
from initlab._engine.parallel import as_completed, one_blas_thread, thread_map, workers
from initlab.datasets import Dataset
from initlab.network import MLP
from initlab.optimizers import SGD
from initlab.pretraining import pretrain
from initlab.training import train, train_together

SAFETY = 60  # seconds: never waited for, unless something is broken


def blas_threads(*_):
    """Return the numbers of threads that are set; a task may ask, too."""
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}


@pytest.fixture
def three_blas_threads():
    """Matrix products on three threads, whatever the machine and the environment say."""
    with threadpool_limits(limits=3, user_api="blas"):
        if blas_threads() != {3}:
            pytest.skip("the number of threads of this BLAS cannot be set")
        yield


@pytest.fixture
def two_workers():
    """Two parts of the work at a time, however many cores there are."""
    with joblib.parallel_config(n_jobs=2):
        yield


class Guest(threading.Thread):
    """A thread that comes in and leaves when it is told to, and lives on."""

    def __init__(self):
        super().__init__(daemon=True)
        self.orders, self.answers = queue.Queue(), queue.Queue()
        self.start()

    def run(self):
        with contextlib.ExitStack() as inside:
            orders = {
                "come": lambda: inside.enter_context(one_blas_thread()),
                "leave": inside.close,
                "set two": lambda: threadpool_limits(limits=2, user_api="blas"),
                "look": lambda: None,
            }
            while (order := self.orders.get()) != "end":
                orders[order]()
                self.answers.put(blas_threads())

    def do(self, order):
        self.orders.put(order)
        return self.answers.get(timeout=SAFETY)


@pytest.fixture
def guests():
    several = [Guest() for _ in range(3)]
    yield several
    for guest in several:
        guest.orders.put("end")
        guest.join(SAFETY)


@pytest.mark.usefixtures("three_blas_threads")
@pytest.mark.parametrize("leaving", list(permutations(range(3))), ids=str)
def test_threads_that_overlap_leave_the_number_as_it_was(guests, leaving):
    first, second, third = (guests[k] for k in leaving)
    for _ in range(2):
        assert [guest.do("come") for guest in guests] == [{1}] * 3
        assert blas_threads() == {1}
        orders = [(first, "leave"), (second, "leave"), (first, "come"), (third, "leave")]
        assert [guest.do(order) for guest, order in orders] == [{1}] * 4
        assert first.do("leave") == {3}
        assert [guest.do("look") for guest in guests] == [{3}] * 3
        assert blas_threads() == {3}


@pytest.mark.usefixtures("three_blas_threads")
def test_who_leaves_need_not_wait_and_afterwards_every_thread_may_set_a_limit(guests):
    with one_blas_thread():
        assert guests[0].do("come") == {1}
    assert blas_threads() == {1}
    assert guests[0].do("leave") == {3}
    assert blas_threads() == {3}
    assert guests[1].do("set two") == {2}


def test_libraries_are_looked_for_again_only_after_an_import(monkeypatch):
    with one_blas_thread():
        pass
    looks, look = [], threadpoolctl.ThreadpoolController

    def looking():
        looks.append(1)
        return look()

    monkeypatch.setattr(threadpoolctl, "ThreadpoolController", looking)
    for module, expected in (("sys", 0), ("a_new_module", 1)):
        monkeypatch.setitem(sys.modules, module, sys.modules.get(module))
        with one_blas_thread():
            pass
        assert len(looks) == expected


class Watched(SGD):
    """Calls a function at each step."""

    def __init__(self, look):
        super().__init__(0.1)
        self.look = look

    def step(self, parameters, gradients):
        self.look()
        super().step(parameters, gradients)


def network():
    rng = np.random.default_rng(0)
    return MLP([4, 5, 5, 3], activation="sigmoid", weight_init=init.normal(1), rng=rng)


X, Y = np.random.default_rng(0).random((60, 4)), np.arange(60) % 3
EXAMPLES = Dataset(X, Y, X, Y)
TRAININGS = {
    "train": lambda **call: train(network(), EXAMPLES, **call),
    "train_together": lambda **call: train_together([network(), network()], EXAMPLES, **call),
    "pretrain": lambda **call: pretrain(network(), X, **call),
}


@pytest.mark.usefixtures("three_blas_threads")
@pytest.mark.parametrize("training", TRAININGS.values(), ids=TRAININGS)
def test_trainings_run_on_one_thread_and_give_the_others_back(training):
    def stop():
        raise KeyboardInterrupt

    seen, call = [], {"steps": 20, "batch_size": 16, "rng": np.random.default_rng(0)}
    training(optimizer=Watched(lambda: seen.append(blas_threads())), **call)
    assert seen == [{1}] * len(seen) != []
    assert blas_threads() == {3}
    with pytest.raises(KeyboardInterrupt):
        training(optimizer=Watched(stop), **call)
    assert blas_threads() == {3}


PLACES = {
    "threads": {},
    "one thread": {"n_jobs": 1},
    "processes": {"backend": "loky", "n_jobs": 2},
}
each_place = pytest.mark.parametrize("where", PLACES.values(), ids=PLACES)
# When work in processes is called off, loky's own thread may look for a task that is gone already.
called_off = pytest.mark.filterwarnings(
    "ignore:Exception in thread ExecutorManagerThread:pytest.PytestUnhandledThreadExceptionWarning"
)


class OddError(Exception):
    """No library raises this."""


def doubled(item, report, offset):
    for _ in range(2):
        report(item)
    return 2 * item + offset


@each_place
@pytest.mark.parametrize("count", [0, 1, 7])
def test_each_item_comes_once_with_its_place_and_what_was_done_is_reported(where, count):
    def noted(item, report):  # only in this process: it shares a list with this function
        seen.append(item)
        return doubled(item, report, 1)

    heard, seen = [], []
    with joblib.parallel_config(**where):
        found = list(as_completed(doubled, range(count), (100,), report=heard.append))
        assert sum(heard) == 2 * sum(range(count))
        assert thread_map(noted, range(count)) == [2 * item + 1 for item in range(count)]
        thread_map(noted, range(count), report=heard.append)
    assert sorted(found) == [(item, 2 * item + 100) for item in range(count)]
    assert sum(heard) == 4 * sum(range(count))
    assert sorted(seen) == sorted([*range(count)] * 2)


@pytest.mark.usefixtures("two_workers")
def test_results_come_as_they_get_done_or_in_order():
    def work(item, report):
        if item == 0:
            assert second_is_done.wait(SAFETY)
        report(item)
        return item

    second_is_done = threading.Event()
    found = as_completed(work, range(2))
    assert next(found) == (1, 1)
    second_is_done.set()
    assert list(found) == [(0, 0)]
    second_is_done.clear()
    assert thread_map(work, range(2), report=lambda done: second_is_done.set()) == [0, 1]


@pytest.fixture
def restless():
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("two_workers", "restless")
def test_progress_is_called_by_one_thread_at_a_time():
    alone, both_started, met, heard = threading.Lock(), threading.Barrier(2), [], []

    def hear(done):
        if not alone.acquire(blocking=False):
            met.append(done)
            return
        heard.append(sum(range(2000)))  # the other one has time to come in, and must not
        alone.release()

    def work(item, report):
        both_started.wait(SAFETY)
        for _ in range(300):
            report(item)

    thread_map(work, [1, 2], report=hear)
    assert met == []
    assert len(heard) == 600


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_as_many_threads_work_as_joblib_is_told_and_one_inside_of_a_task(n_jobs):
    all_are_in = threading.Barrier(n_jobs)

    def work(item, report):
        all_are_in.wait(SAFETY)  # only as many as n_jobs get through
        return threading.get_ident(), workers()

    assert workers() == joblib.cpu_count()
    with joblib.parallel_config(n_jobs=n_jobs):
        assert workers() == n_jobs
        threads, inside = zip(*thread_map(work, range(3)), strict=True)
    assert len(set(threads)) == n_jobs
    assert inside == (1, 1, 1)


@pytest.mark.usefixtures("three_blas_threads")
def test_each_task_has_one_blas_thread_until_all_are_done():
    assert sorted(as_completed(blas_threads, range(3))) == [(place, {1}) for place in range(3)]
    assert blas_threads() == {3}
    with joblib.parallel_config(backend="loky", n_jobs=2, inner_max_num_threads=2):
        assert list(as_completed(blas_threads, [1])) == [(0, {1})]


def odd(item, report):
    if item == 3:
        raise OddError(f"{item} is odd") from KeyError("the cause")
    report(1)
    return item


@pytest.mark.usefixtures("three_blas_threads")
@called_off
@each_place
def test_an_error_of_a_task_comes_out_as_what_it_is_and_is_not_tried_again(where):
    calls = []

    def counted(item, report):
        calls.append(item)
        return odd(item, report)

    work = odd if "backend" in where else counted
    with joblib.parallel_config(**where):
        with pytest.raises(OddError, match="3 is odd") as caught:
            list(as_completed(work, [2, 3, 4]))
        assert blas_threads() == {3}
        assert sorted(as_completed(work, [7, 8])) == [(0, 7), (1, 8)]
    assert calls.count(3) == (0 if work is odd else 1)
    # The cause: its own, or what happened elsewhere, with the line.
    cause = caught.value.__cause__
    assert isinstance(cause, KeyError) if work is counted else "in odd" in str(cause)


@called_off
@each_place
def test_an_error_of_the_listener_comes_out_and_no_task_is_tried_again(where):
    heard = []

    def listen(done):
        heard.append(done)
        raise OddError("that is enough")

    with joblib.parallel_config(**where), pytest.raises(OddError, match="enough"):
        list(as_completed(doubled, [1, 2, 3, 4], (0,), report=listen))
    assert len(heard) == 1


@pytest.mark.usefixtures("two_workers")
def test_the_first_error_is_the_one_that_comes_out():
    failed = threading.Event()

    def work(item, report):
        if item == 0:
            assert failed.wait(SAFETY)
            while True:
                report(1)
        failed.set()
        raise OddError("first")

    with pytest.raises(OddError, match="first"):
        list(as_completed(work, [0, 1]))


@pytest.mark.usefixtures("two_workers", "three_blas_threads")
def test_after_an_error_the_others_stop_at_their_next_report():
    started, failed, ended = threading.Event(), threading.Event(), threading.Event()
    heard, caught = [], []

    def work(item, report):
        if item == "wrong":
            assert started.wait(SAFETY)
            raise OddError("wrong")
        try:
            with one_blas_thread():
                report("before")
                started.set()
                assert failed.wait(SAFETY)
                report("after")
        except RuntimeError as error:
            caught.append(str(error))
            raise
        finally:
            ended.set()

    with pytest.raises(OddError, match="wrong"):
        thread_map(work, ["long", "wrong"], report=heard.append)
    assert blas_threads() == {1}  # for the long one is not done
    failed.set()
    assert ended.wait(SAFETY)
    assert caught == ["stopped, because another part of the work was"]
    assert heard == ["before"]
    assert blas_threads() == {3}


@pytest.mark.usefixtures("two_workers")
def test_who_leaves_early_stops_the_tasks():
    begun, stopped = [], []
    second_began, closed, done = threading.Event(), threading.Event(), threading.Event()

    def work(item, report):
        begun.append(item)
        if item == 0:
            return item
        second_began.set()
        assert closed.wait(SAFETY)
        try:
            report(1)
        except RuntimeError as error:
            stopped.append(str(error))
            raise
        finally:
            done.set()

    found = as_completed(work, range(20))
    assert next(found) == (0, 0)
    assert second_began.wait(SAFETY)
    found.close()
    closed.set()
    assert done.wait(SAFETY)
    assert stopped[0] == "stopped, because another part of the work was"
    assert len(begun) <= 3  # the two that ran, and the one that followed the first
