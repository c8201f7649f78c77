"""Runs one job: forks its guest into the sandbox, watches it, and makes sure that nothing of it is left.

It is trusted and holds the guest by a pidfd. It moves the guest's bytes without reading them.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from green_logic.evaluation.isolation import kernel
from green_logic.evaluation.isolation.box import measure_box
from green_logic.evaluation.isolation.channel import ChannelClosedError, send_frame, send_record
from green_logic.evaluation.isolation.earlier import Earlier
from green_logic.evaluation.isolation.exchange import OUTPUT_TAIL_BYTES, RESULTS_BYTES
from green_logic.evaluation.isolation.guest import run_guest
from green_logic.evaluation.isolation.memory import takes_more_than
from green_logic.evaluation.isolation.plan import Plan, bind, clear, confine, enter
from green_logic.evaluation.testrun import Limits

READ_BYTES = 1 << 16
RESULTS_DESCRIPTOR = 200  # at least: far from what code that closes or tries small numbers will hit
LOOK_S = 0.1  # a core fills some 100 MB in that time
CONFINED = b"confined"


@dataclass
class Watch:
    """What has come from a guest so far."""

    guest: int  # pidfd
    results_pipe: int
    output_pipe: int
    keeper: int = -1  # of a split job: readable when the solution's guest has ended
    results: bytearray = field(default_factory=bytearray)
    output: bytearray = field(default_factory=bytearray)
    output_bytes: int = 0
    heard_at: float = 0.0  # when the last results came, by time.monotonic

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Everything to listen to."""
        return (self.guest, self.results_pipe, self.output_pipe, *((self.keeper,) if self.keeper >= 0 else ()))


def supervise(job: dict[str, Any], channel: socket.socket, owners: tuple[int, ...], plan: Plan) -> None:
    """Run one job and answer on `channel`; it is given up when one of the processes `owners` (pidfds) ends.

    Raises OSError if the sandbox could not be built, ChannelClosedError if nobody waits for the answer.
    """
    limits = Limits(**job["limits"])
    enter(plan, limits)
    words, earlier = (str(job["source"]), str(job["tests"]), str(job["kind"])), Earlier(**job["earlier"])
    (results_read, results_write), (output_read, output_write) = os.pipe(), os.pipe()
    pid, confined = fork_guest(
        plan, limits, (output_write, results_write), lambda kept: run_guest(kept[0], *words, earlier)
    )
    os.close(results_write)
    os.close(output_write)
    await_confinement(confined)
    started = time.monotonic()
    watch = Watch(os.pidfd_open(pid), results_read, output_read)
    reason, ended = "", (0, 0.0)
    try:
        test_s = limits.test_s if job["kind"] == "hidden" else 0.0
        reason = watch_guest(watch, limits, (channel.fileno(), *owners), plan, test_s)
    finally:
        ended = end_guest(pid, watch.guest, plan)
    wall_s = time.monotonic() - started
    if reason == "exited":
        reason = drain(watch, limits) or reason
    send_record(channel, {"reason": reason, "exit_code": ended[0], "wall_s": wall_s, "cpu_s": ended[1]})
    send_frame(channel, bytes(watch.results))
    send_frame(channel, bytes(watch.output))


def end_guest(pid: int, guest: int, plan: Plan) -> tuple[int, float]:
    """Leave nothing of `guest`, a pidfd. Returns its exit code and the CPU seconds of its whole tree."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(guest, signal.SIGKILL)
        # all at once, where there is no process namespace to do it: a fork bomb outruns a loop
        os.killpg(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime + clear(plan)


def await_confinement(descriptor: int) -> None:
    """Wait until the guest has given up every right. Raises OSError with its words if it could not."""
    said = bytearray()
    while part := os.read(descriptor, READ_BYTES):
        said += part
    os.close(descriptor)
    if said != CONFINED:
        raise OSError(errno.EPERM, said.decode("utf-8", "replace") or "the guest died before it was confined")


def watch_guest(watch: Watch, limits: Limits, owners: tuple[int, ...], plan: Plan, test_s: float = 0.0) -> str:
    """Collect from the guest until it ends or must end; returns why. Raises ChannelClosedError if an owner is gone.

    `test_s`: once it has reported anything, the longest time until it does again; 0 for any.
    """
    deadline = time.monotonic() + limits.wall_s
    next_look = time.monotonic() + LOOK_S
    poller = select.poll()
    for descriptor in owners:
        poller.register(descriptor, select.POLLIN | select.POLLRDHUP)
    for descriptor in watch.descriptors:
        poller.register(descriptor, select.POLLIN)
    for descriptor in (watch.results_pipe, watch.output_pipe):
        os.set_blocking(descriptor, False)
    while (left_s := deadline - time.monotonic()) > 0:
        ready = {descriptor for descriptor, _ in poller.poll(min(left_s, LOOK_S) * 1000 + 1)}
        if not ready.isdisjoint(owners):
            raise ChannelClosedError("nobody waits for this job any more")
        if watch.guest in ready or watch.keeper in ready:
            return look(limits, plan, has_ended=True) or ("exited" if watch.guest in ready else "solution_ended")
        for descriptor in ready:
            if not _take(watch, descriptor):
                poller.unregister(descriptor)
        if reason := _excess(watch, limits):
            return reason
        if test_s and watch.results and time.monotonic() - watch.heard_at > test_s:
            return "test_timeout"
        if time.monotonic() > next_look:
            if reason := look(limits, plan):
                return reason
            next_look = time.monotonic() + LOOK_S
    return "timeout"


def look(limits: Limits, plan: Plan, *, has_ended: bool = False) -> str:
    """The limit that is exceeded, or nothing: the memory of all processes together, a box that is no tmpfs."""
    if plan.group:
        is_too_much = plan.group.has_killed()
    else:
        # of a guest that has ended nothing is left to measure, and what it leaves running ends now
        is_too_much = not has_ended and takes_more_than(plan.process_dir, limits.memory_bytes)
    if is_too_much:
        return "memory_limit"
    if plan.shares_host and measure_box(plan.box) > limits.disk_bytes:
        return "disk_limit"
    return ""


def _take(watch: Watch, descriptor: int) -> bool:
    """Read once from one of the guest's pipes; False at its end."""
    data = os.read(descriptor, READ_BYTES)
    if descriptor == watch.results_pipe:
        watch.results += data
        watch.heard_at = time.monotonic()
    else:
        watch.output_bytes += len(data)
        watch.output += data
        del watch.output[:-OUTPUT_TAIL_BYTES]
    return bool(data)


def _excess(watch: Watch, limits: Limits) -> str:
    if watch.output_bytes > limits.output_bytes:
        return "output_limit"
    return "results_limit" if len(watch.results) > RESULTS_BYTES else ""


def drain(watch: Watch, limits: Limits) -> str:
    """Take what the ended guest left in its pipes."""
    for descriptor in (watch.results_pipe, watch.output_pipe):
        with contextlib.suppress(BlockingIOError):
            while _take(watch, descriptor):
                if reason := _excess(watch, limits):
                    return reason
    return ""


def fork_guest(
    plan: Plan, limits: Limits, descriptors: tuple[int, ...], run: Callable[[list[int]], None]
) -> tuple[int, int]:
    """Fork a guest that is confined and then does `run`, with what `descriptors` became but for the first, its output.

    Returns its process id and what `await_confinement` waits for.
    """
    supervisor = os.pidfd_open(os.getpid())
    confined_read, confined_write = os.pipe()
    pid = kernel.fork()
    if pid == 0:
        _become_guest(plan, limits, (supervisor, confined_write, *descriptors), run)
    os.close(confined_write)
    os.close(supervisor)
    return pid, confined_read


def _become_guest(plan: Plan, limits: Limits, descriptors: tuple[int, ...], run: Callable[[list[int]], None]) -> None:
    """Never returns."""
    code = 1
    try:
        run(_confine(plan, limits, descriptors))
        code = 0
    finally:
        # no exit handler and no thread of the submission has a say in how this ends
        os._exit(code)


def _confine(plan: Plan, limits: Limits, descriptors: tuple[int, ...]) -> list[int]:
    """Become the guest; returns the descriptors that it keeps. The supervisor learns how it went."""
    supervisor, confined, output, *kept = descriptors
    try:
        if plan.group:
            plan.group.enter()
        bind(plan, limits)
        os.setsid()  # a signal to the guest's process group must not reach the supervisor's
        for source, target in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        supervisor, confined, *kept = (
            fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, RESULTS_DESCRIPTOR)
            for descriptor in (supervisor, confined, *kept)
        )
        os.closerange(3, RESULTS_DESCRIPTOR)
        os.chdir(plan.box)
        if plan.shares_host:
            os.environ.update(HOME=plan.box, TMPDIR=f"{plan.box}/.tmp")  # a split job has two
        confine(plan)
        if select.select([supervisor], [], [], 0)[0]:
            os._exit(1)  # it died before it could take us along
        os.write(confined, CONFINED)
    except OSError as error:
        os.write(confined, str(error).encode())
        os._exit(1)
    os.close(supervisor)
    os.close(confined)
    return kept
