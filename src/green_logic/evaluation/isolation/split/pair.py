"""Runs one split job: two guests, each in a sandbox of its own, that share nothing but one socket.

The supervisor forks a keeper, which is to the solution's guest what the supervisor is to the tests' guest: it builds
the sandbox, forks the guest into it and leaves nothing of it. The keeper ends its guest when the supervisor lets go of
the leash, a pipe, on purpose or by dying.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from green_logic.evaluation.isolation import kernel, supervisor
from green_logic.evaluation.isolation.box import empty_box
from green_logic.evaluation.isolation.channel import read_frame, read_record, send_frame, send_record
from green_logic.evaluation.isolation.plan import Plan, clear, enter
from green_logic.evaluation.isolation.split.compiled import KeptCode, read_left
from green_logic.evaluation.isolation.split.needs import SIDES
from green_logic.evaluation.isolation.split.sides import run_solution, run_tests
from green_logic.evaluation.isolation.supervisor import CONFINED, Watch
from green_logic.evaluation.testrun import ANY_CORE, Limits

READ_BYTES = 1 << 16


@dataclass(frozen=True)
class Keeper:
    """The process that keeps the solution's guest, as its parent sees it."""

    pid: int
    leash: int  # closing it ends the guest
    status: int  # what the keeper says: whether its guest is confined, then how it ended

    def read_confinement(self) -> None:
        """Wait until the guest has given up every right. Raises OSError if it could not."""
        # no more than the word: how the guest ended may stand behind it already
        said = os.read(self.status, len(CONFINED))
        if said != CONFINED:
            said += os.read(self.status, READ_BYTES)
            raise OSError(errno.EPERM, said.decode("utf-8", "replace") or "the keeper died before its guest started")

    def end(self) -> tuple[int, float]:
        """End the guest if it lives. Returns its exit code and CPU seconds."""
        os.close(self.leash)
        said = bytearray()
        while part := os.read(self.status, READ_BYTES):
            said += part
        os.waitpid(self.pid, 0)
        if not said:
            raise OSError(errno.ECHILD, "the keeper of the solution's process died")
        exit_code, cpu_s = json.loads(said)
        return int(exit_code), float(cpu_s)


def supervise_pair(job: dict[str, Any], channel: socket.socket, owners: tuple[int, ...], plan: Plan) -> None:
    """As `supervisor.supervise`, for a job of two guests."""
    limits = Limits(**job["limits"])
    _stay_on_core(plan.core)
    plans = _share(plan)
    for_solution, for_tests = socket.socketpair()
    (results, results_write), (output, output_write) = os.pipe(), os.pipe()
    keeper = _fork_keeper(plans[0], job, for_solution, output_write)
    for_solution.close()
    # only now: what this process has read before, the solution's process finds in its memory
    hidden, code = read_record(channel), read_frame(channel)
    left = os.memfd_create("code", os.MFD_CLOEXEC)
    enter(plans[1], limits)
    pid, confined = supervisor.fork_guest(
        plans[1],
        limits,
        (output_write, results_write, for_tests.fileno(), left),
        lambda kept: run_tests(kept[0], socket.socket(fileno=kept[1]), hidden, KeptCode(code, kept[2])),
    )
    for_tests.close()
    os.close(results_write)
    os.close(output_write)
    supervisor.await_confinement(confined)
    keeper.read_confinement()
    watch = Watch(os.pidfd_open(pid), results, output, keeper.status)
    started = time.monotonic()
    reason, solution, exits = "", (0, 0.0), (0, 0.0)
    try:
        reason = supervisor.watch_guest(watch, limits, (channel.fileno(), *owners), plan, limits.test_s)
    finally:
        # the keeper first: without namespaces the tests' end is the end of every child
        solution = keeper.end()
        exits = supervisor.end_guest(pid, watch.guest, plan)
    wall_s = time.monotonic() - started
    if reason in {"exited", "solution_ended"}:
        reason = supervisor.drain(watch, limits) or reason
    exit_code = solution[0] if reason == "solution_ended" else exits[0]
    send_record(channel, {"reason": reason, "exit_code": exit_code, "wall_s": wall_s, "cpu_s": solution[1] + exits[1]})
    send_frame(channel, bytes(watch.results))
    send_frame(channel, bytes(watch.output))
    send_frame(channel, read_left(left))


def _stay_on_core(number: int) -> None:
    """Run here, and all that is forked from here, on one core: the two guests take turns.

    On two, each word between them wakes the other core: a fifth of the CPU of a job (measured).
    """
    cores = sorted(os.sched_getaffinity(0))
    with contextlib.suppress(OSError):  # that core was taken from us in between
        os.sched_setaffinity(0, {kernel.current_core() if number == ANY_CORE else cores[number % len(cores)]})


def _share(plan: Plan) -> tuple[Plan, Plan]:
    """Plans for the solution and the tests. A box on the host's disk becomes two; a tmpfs is each one's own anyway."""
    if not plan.shares_host:
        return plan, plan
    empty_box(plan.box)
    if plan.uid:
        os.chown(plan.box, plan.uid, plan.uid)
    boxes = [f"{plan.box}/{side}" for side in SIDES]
    for box in boxes:
        Path(box).mkdir(mode=0o700)
    return replace(plan, box=boxes[0]), replace(plan, box=boxes[1])


def _fork_keeper(plan: Plan, job: dict[str, Any], control: socket.socket, output: int) -> Keeper:
    leash_read, leash_write = os.pipe()
    status_read, status_write = os.pipe()
    pid = kernel.fork()
    if pid == 0:
        os.close(leash_write)
        os.close(status_read)
        _keep(lambda: _keep_solution(plan, job, (output, control.fileno()), leash_read, status_write), status_write)
    os.close(leash_read)
    os.close(status_write)
    return Keeper(pid, leash_write, status_read)


def _keep(work: Callable[[], None], status: int) -> NoReturn:
    """Do a keeper's work and end, whatever happens."""
    try:
        work()
    except BaseException as error:  # noqa: BLE001  it must not return into the supervisor's code
        with contextlib.suppress(OSError):
            os.write(status, f"the keeper failed: {error}".encode())
    finally:
        os._exit(0)


def _keep_solution(plan: Plan, job: dict[str, Any], descriptors: tuple[int, int], leash: int, status: int) -> None:
    limits = Limits(**job["limits"])
    enter(plan, limits)
    source, captures = str(job["source"]), job["captures"]
    pid, confined = supervisor.fork_guest(
        plan,
        limits,
        descriptors,
        lambda kept: run_solution(socket.socket(fileno=kept[0]), source, captures=captures),
    )
    # the tests' process must see the end of the conversation when the guest ends
    for descriptor in descriptors:
        os.close(descriptor)
    supervisor.await_confinement(confined)
    os.write(status, CONFINED)
    guest = os.pidfd_open(pid)
    select.select([guest, leash], [], [])
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(guest, signal.SIGKILL)
        os.killpg(pid, signal.SIGKILL)
    _, ended, usage = os.wait4(pid, 0)
    cpu_s = usage.ru_utime + usage.ru_stime + clear(plan)
    os.write(status, json.dumps([os.waitstatus_to_exitcode(ended), cpu_s]).encode())
