"""The processes around a split job: what happens when they are slow, and when they die."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from green_logic.errors import RetryableError
from green_logic.evaluation.isolation.split.pair import Keeper
from green_logic.evaluation.isolation.supervisor import CONFINED
from green_logic.evaluation.sandbox import Sandbox, TestRun

QUITTER = "import os\nos._exit(0)"
WAITER = "import threading\nthreading.Event().wait()"
HONEST = "def double(n): return 2 * n"
TESTS = "from solution import double\ndef test_double(): assert double(4) == 8"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.open(workers=1) as opened:
        yield opened


def keeper_that_said(*words: bytes) -> Keeper:
    """A keeper that has said `words` and ended before anybody listened."""
    leash_read, leash_write = os.pipe()
    status_read, status_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        for word in words:
            os.write(status_write, word)
        os._exit(0)
    os.close(leash_read)
    os.close(status_write)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return Keeper(pid, leash_write, status_read)


def test_a_guest_that_ended_before_anybody_listened_was_confined() -> None:
    keeper = keeper_that_said(CONFINED, b"[7, 0.25]")
    keeper.read_confinement()
    assert keeper.end() == (7, 0.25)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((b"[Errno 1] unshare: Operation not permitted",), "unshare: Operation not permitted"),
        ((b"no",), "no"),
        ((), "died before its guest started"),
    ],
)
def test_a_guest_that_is_not_confined_is_refused_in_full(words: tuple[bytes, ...], message: str) -> None:
    keeper = keeper_that_said(*words)
    with pytest.raises(OSError, match=message) as refusal:
        keeper.read_confinement()
    assert refusal.value.errno == errno.EPERM
    assert refusal.value.strerror.endswith(message)


def test_a_keeper_that_dies_with_its_guest_is_no_result() -> None:
    keeper = keeper_that_said(CONFINED)
    keeper.read_confinement()
    with pytest.raises(OSError, match="died"):
        keeper.end()


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def stop_a_supervisor_until_its_solution_ended(zygote: int, over: threading.Event) -> bool:
    """As on a busy machine: the solution's guest is done before its supervisor goes on. Whether it came to that."""
    # stopped before it has forked the tests' process too, it would keep the solution waiting for that
    while not (supervisors := children(zygote)) or len(guests := children(supervisors[0])) < 2:
        if over.is_set():
            return False
    os.kill(supervisors[0], signal.SIGSTOP)
    try:
        deadline = time.monotonic() + 2
        while not has_ended(guests[0]) and time.monotonic() < deadline:
            time.sleep(0.001)
        return has_ended(guests[0])
    finally:
        os.kill(supervisors[0], signal.SIGCONT)


def test_a_solution_that_ends_before_a_slow_supervisor_listens_is_a_run(sandbox: Sandbox) -> None:
    worker = sandbox._all[0].worker
    assert worker is not None
    runs: list[TestRun] = []
    with ThreadPoolExecutor(1) as pool:
        for _ in range(20):
            over = threading.Event()
            stopped = pool.submit(stop_a_supervisor_until_its_solution_ended, worker.pid, over)
            runs.append(sandbox.run_tests(QUITTER, TESTS, kind="hidden"))
            over.set()
            if stopped.result():
                break
        else:
            pytest.skip("no supervisor was slow enough")
    assert {(run.ended, run.detail) for run in runs} == {
        ("crashed", "the process ended with exit code 0 before its tests did")
    }
    assert sandbox.run_tests(HONEST, TESTS, kind="hidden").outcomes[0].outcome == "passed"


def test_a_killed_keeper_is_no_result_and_the_next_job_runs(sandbox: Sandbox) -> None:
    worker = sandbox._all[0].worker
    assert worker is not None

    def kill() -> None:
        while not (supervisors := children(worker.pid)) or not (keepers := children(supervisors[0])):
            time.sleep(0.001)
        while not children(keepers[0]):
            time.sleep(0.001)
        os.kill(keepers[0], signal.SIGKILL)

    with ThreadPoolExecutor(1) as pool:
        killer = pool.submit(kill)
        with pytest.raises(RetryableError):
            sandbox.run_tests(WAITER, TESTS, kind="hidden")
        killer.result()
    assert sandbox.run_tests(HONEST, TESTS, kind="hidden").outcomes[0].outcome == "passed"


def test_the_two_guests_share_one_core_and_others_have_all(sandbox: Sandbox) -> None:
    solution = "import os\ndef cores(): return sorted(os.sched_getaffinity(0))"
    tests = "from solution import cores\nimport os\ndef test_cores():\n"
    run = sandbox.run_tests(
        solution, f"{tests}    assert cores() == sorted(os.sched_getaffinity(0)) == [cores()[0]]\n", kind="hidden"
    )
    assert [test.outcome for test in run.outcomes] == ["passed"], run
    everywhere = sorted(os.sched_getaffinity(0))
    run = sandbox.run_tests(solution, f"{tests}    assert cores() == {everywhere}\n", kind="own")
    assert [test.outcome for test in run.outcomes] == ["passed"], run
