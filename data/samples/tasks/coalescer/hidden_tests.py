import threading
import time

import pytest

from solution import Coalescer

PATIENCE = 1.5  # seconds; reached only by a solution that hangs


class Crew:
    """Threads whose outcomes are kept: ("value", result) or ("error", name of the exception, its text)."""

    def __init__(self):
        self.outcomes = []
        self._threads = []

    def send(self, call):
        thread = threading.Thread(target=self._act, args=(call,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _act(self, call):
        try:
            self.outcomes.append(("value", call()))
        except Exception as error:
            self.outcomes.append(("error", type(error).__name__, str(error)))

    def home(self):
        deadline = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        assert not any(thread.is_alive() for thread in self._threads), "a thread hangs"
        return self.outcomes


class Work:
    """Work that begins, then waits to be let go."""

    def __init__(self, result="tile", error=None):
        self.result, self.error = result, error
        self.begun, self.go = threading.Event(), threading.Event()
        self.calls = 0

    def __call__(self):
        self.calls += 1
        self.begun.set()
        assert self.go.wait(PATIENCE), "nobody let the work go"
        if self.error:
            raise ValueError(self.error)
        return self.result


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


def gathered(coalescer, work, waiters):
    """A crew of one worker and some waiters, all in place."""
    crew = Crew()
    crew.send(lambda: coalescer.run("a", lambda: work()))
    assert work.begun.wait(PATIENCE)
    for _ in range(waiters):
        crew.send(lambda: coalescer.run("a", lambda: work()))
    until(lambda: coalescer.waiting("a") == waiters)
    return crew


@pytest.mark.parametrize("result", [7, "tile", None, [1, 2]], ids=["number", "text", "none", "list"])
def test_a_lone_run_answers_what_the_work_answers(result):
    coalescer = Coalescer()
    assert coalescer.run("a", lambda: result) == result
    assert coalescer.stats() == {"started": 1, "shared": 0, "refused": 0}


def test_waiters_share_one_call():
    coalescer, work = Coalescer(), Work()
    crew = gathered(coalescer, work, 4)
    work.go.set()
    assert crew.home() == [("value", "tile")] * 5
    assert work.calls == 1
    assert coalescer.stats() == {"started": 1, "shared": 4, "refused": 0}


def test_waiters_share_the_exception():
    coalescer, work = Coalescer(), Work(error="no such tile")
    crew = gathered(coalescer, work, 3)
    work.go.set()
    assert crew.home() == [("error", "ValueError", "no such tile")] * 4
    assert work.calls == 1


def test_nothing_is_remembered_after_a_result():
    coalescer = Coalescer()
    assert [coalescer.run("a", lambda n=n: n) for n in range(3)] == [0, 1, 2]
    assert coalescer.stats()["started"] == 3


def test_nothing_is_remembered_after_an_exception():
    coalescer = Coalescer()
    with pytest.raises(ZeroDivisionError):
        coalescer.run("a", lambda: 1 / 0)
    assert coalescer.run("a", lambda: "well") == "well"
    assert coalescer.stats() == {"started": 2, "shared": 0, "refused": 0}


def test_other_keys_do_not_wait():
    coalescer, work = Coalescer(), Work()
    crew = gathered(coalescer, work, 0)
    assert coalescer.run("b", lambda: "at once") == "at once"
    assert not work.go.is_set()
    work.go.set()
    assert crew.home() == [("value", "tile")]


def test_waiting_counts_only_while_they_wait():
    coalescer, work = Coalescer(), Work()
    assert coalescer.waiting("a") == 0
    crew = gathered(coalescer, work, 2)
    assert coalescer.waiting("b") == 0
    work.go.set()
    crew.home()
    assert coalescer.waiting("a") == 0


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_one_waiter_too_many_is_refused_at_once(limit):
    coalescer, work = Coalescer(max_waiting=limit), Work()
    crew = gathered(coalescer, work, limit)
    with pytest.raises(RuntimeError):
        coalescer.run("a", lambda: "never called")
    work.go.set()
    assert crew.home() == [("value", "tile")] * (limit + 1)
    assert coalescer.stats() == {"started": 1, "shared": limit, "refused": 1}


def test_the_limit_is_for_each_key():
    coalescer, work = Coalescer(max_waiting=0), Work()
    crew = gathered(coalescer, work, 0)
    assert coalescer.run("b", lambda: 2) == 2
    work.go.set()
    assert crew.home() == [("value", "tile")]


def test_running_a_key_inside_itself_is_refused():
    coalescer, crew = Coalescer(), Crew()
    crew.send(lambda: coalescer.run("a", lambda: coalescer.run("a", lambda: 1)))
    (outcome,) = crew.home()
    assert outcome[:2] == ("error", "RuntimeError")
    assert coalescer.stats() == {"started": 1, "shared": 0, "refused": 1}
    assert coalescer.run("a", lambda: "usable") == "usable"


def test_running_another_key_inside_is_fine():
    coalescer = Coalescer()
    assert coalescer.run("a", lambda: coalescer.run("b", lambda: 1) + 1) == 2


def test_a_stampede_on_many_keys_loses_nobody():
    coalescer, crew = Coalescer(), Crew()
    for number in range(9):
        crew.send(lambda key=number % 3: coalescer.run(key, lambda: key * 10))
    assert sorted(outcome[1] for outcome in crew.home()) == [0] * 3 + [10] * 3 + [20] * 3
    stats = coalescer.stats()
    assert stats["started"] + stats["shared"] == 9
    assert stats["refused"] == 0
