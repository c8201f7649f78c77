"""Runs one test file against many variants of one solution, each in a sandbox of its own.

What the judge says and hears on the channel, once the job is taken, again and again:

    -> {"run": {"wall_s", "cpu_s"}}, with the descriptors of an `Exchange`
    <- {"reason", "exit_code", "wall_s", "cpu_s"}

and at last {"done"}. The next order may come while one is carried out; it stays in the channel meanwhile. The first one
has every variant compiled, each one after it runs one. Only the judge knows which variant is the original, which a
control and which a mutant, and in which order it asks for them: nothing of that is in any memory that a guest inherits,
for nobody here reads an order but the guest that it is meant for.

With namespaces a keeper stands between the supervisor and the guests. It is the first process of a process namespace
that its own user namespace owns, so each run may make a namespace below it: every guest is process 1 of its own, with
an empty file tree to write to, and the kernel ends whatever it leaves behind.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from green_logic.evaluation.isolation import kernel, supervisor
from green_logic.evaluation.isolation.channel import ChannelClosedError, read_record_with_descriptors, send_record
from green_logic.evaluation.isolation.clock import install_clock
from green_logic.evaluation.isolation.exchange import RESULTS_BYTES, Exchange
from green_logic.evaluation.isolation.namespaces import LINKS, MAX_INODES
from green_logic.evaluation.isolation.plan import Plan, bind, enter
from green_logic.evaluation.isolation.variant_guest import run_order
from green_logic.evaluation.testrun import BOX, Limits

LOOK_S = supervisor.LOOK_S
SHORTEST_LOOK_S = 0.005  # a guest that is about to reach its CPU limit is not looked at more often
Owners = tuple[int, ...]
House = Callable[[], contextlib.AbstractContextManager[None]]  # one guest's sandbox, as far as it is built before it


@dataclass(frozen=True)
class Service:
    """What stays the same for all runs of a job."""

    channel: socket.socket
    owners: Owners  # pidfds of the processes for whom it works
    plan: Plan
    limits: Limits
    house: House


@dataclass(frozen=True)
class Guest:
    """One run."""

    pid: int
    pidfd: int
    exchange: Exchange
    cpu_s: float  # that it may have itself, finer than RLIMIT_CPU's seconds


def supervise_variants(job: dict[str, Any], channel: socket.socket, owners: Owners, plan: Plan) -> None:
    """Run what the judge orders until it has enough.

    Raises OSError if a sandbox could not be built, ChannelClosedError if nobody waits for answers.
    """
    limits = Limits(**job["limits"])
    if plan.shares_host:
        _serve(Service(channel, owners, plan, limits, lambda: _hosted(plan, limits)))
        return
    enter(plan, limits)
    parent = os.pidfd_open(os.getpid())
    pid = kernel.fork()
    if pid == 0:
        _keep(channel, parent, lambda: _serve_housed(channel, (*owners, parent), plan, limits))
    os.close(parent)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        # it has said why, as far as it could
        raise ChannelClosedError(f"the keeper of the variants ended with {os.waitstatus_to_exitcode(status)}")


def _keep(channel: socket.socket, parent: int, work: Callable[[], None]) -> NoReturn:
    """Be the keeper."""
    code = 2
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if select.select([parent], [], [], 0)[0]:
            os._exit(3)  # it died before it could take us along
        work()
        code = 0
    except ChannelClosedError:
        code = 3
    except OSError as error:
        with contextlib.suppress(ChannelClosedError):
            send_record(channel, {"failure": str(error)})
        code = 1
    except BaseException:  # noqa: BLE001  it must not return into the parent's code
        traceback.print_exc()
    finally:
        os._exit(code)


def _serve_housed(channel: socket.socket, owners: Owners, plan: Plan, limits: Limits) -> None:
    home = os.open("self/ns/pid", os.O_RDONLY | os.O_CLOEXEC, dir_fd=plan.process_dir)
    plan = bind(plan, limits)
    install_clock()
    _serve(Service(channel, owners, plan, limits, lambda: _housed(home, limits)))


def _serve(service: Service) -> None:
    while True:
        order, descriptors = read_record_with_descriptors(service.channel)
        if "run" not in order:
            return
        exchange = Exchange(*descriptors)
        with service.house():
            answer = _run_guest(service, exchange, float(order["run"]["wall_s"]), float(order["run"]["cpu_s"]))
        exchange.close()
        send_record(service.channel, answer)


@contextlib.contextmanager
def _hosted(plan: Plan, limits: Limits) -> Iterator[None]:
    """An empty box on the host's disk; `supervisor.end_guest` ends what a guest left running."""
    enter(plan, limits)
    yield


@contextlib.contextmanager
def _housed(home: int, limits: Limits) -> Iterator[None]:
    """A process namespace for the next child, and a new box; back in the namespace `home` afterwards."""
    kernel.unshare(kernel.CLONE_NEWPID)
    options = f"size={limits.disk_bytes},nr_inodes={MAX_INODES},mode=700"
    kernel.mount("tmpfs", BOX, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
    for target in LINKS.values():
        os.mkdir(target)  # noqa: PTH102  a path object costs more than the call
    yield
    kernel.unmount(BOX)
    kernel.return_to(home, kernel.CLONE_NEWPID)


def _run_guest(service: Service, exchange: Exchange, wall_s: float, cpu_s: float) -> dict[str, object]:
    """Run one guest to its end and leave nothing of it. Returns how it ended."""
    plan, limits = service.plan, replace(service.limits, wall_s=wall_s)
    if plan.group:
        plan.group.has_killed()  # what came before is not this guest's
    pid, confined = supervisor.fork_guest(
        plan, limits, (exchange.output, exchange.results, exchange.order), lambda kept: run_order(*kept)
    )
    supervisor.await_confinement(confined)
    started = time.monotonic()
    guest = Guest(pid, os.pidfd_open(pid), exchange, cpu_s)
    reason, ended = "", (0, 0.0)
    try:
        reason = _watch(service, guest, limits)
    finally:
        ended = supervisor.end_guest(pid, guest.pidfd, plan)
        os.close(guest.pidfd)
    if reason == "exited":
        reason = _excess(exchange, limits) or reason
    return {"reason": reason, "exit_code": ended[0], "wall_s": time.monotonic() - started, "cpu_s": ended[1]}


def _watch(service: Service, guest: Guest, limits: Limits) -> str:
    """Why the guest ended or must end, as `supervisor.watch_guest`. Raises ChannelClosedError if an owner is gone."""
    deadline = time.monotonic() + limits.wall_s
    poller = select.poll()
    poller.register(service.channel.fileno(), select.POLLRDHUP)  # not POLLIN: the next order may be waiting in it
    for descriptor in service.owners:
        poller.register(descriptor, select.POLLIN)
    poller.register(guest.pidfd, select.POLLIN)
    while (left_s := deadline - time.monotonic()) > 0:
        left_cpu_s = max(SHORTEST_LOOK_S, guest.cpu_s - _cpu_time(guest.pid))
        ready = {descriptor for descriptor, _ in poller.poll(min(left_s, left_cpu_s, LOOK_S) * 1000 + 1)}
        if ready - {guest.pidfd}:
            raise ChannelClosedError("nobody waits for this job any more")
        reason = supervisor.look(limits, service.plan, has_ended=bool(ready)) or _excess(guest.exchange, limits)
        if reason:
            return reason
        if ready:
            return "exited"
        if _cpu_time(guest.pid) > guest.cpu_s:
            return "cpu_limit"
    return "timeout"


def _excess(exchange: Exchange, limits: Limits) -> str:
    if os.fstat(exchange.output).st_size > limits.output_bytes:
        return "output_limit"
    return "results_limit" if os.fstat(exchange.results).st_size > RESULTS_BYTES else ""


def _cpu_time(pid: int) -> float:
    """Seconds that a process has had, without its children, as long as nobody has waited for it."""
    return time.clock_gettime(~pid << 3 | 2)  # as clock_getcpuclockid(3) makes the clock's number
