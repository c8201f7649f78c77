"""Runs one test file against many variants of one solution, each in a sandbox of its own.

What the judge says and hears on the channel, once the job is taken:

    -> an answer like that of `supervise`, whose results are what `plan_variants` wrote: every variant, compiled
    <- {"tests_size"}, then one frame: the tests, compiled
    <- {"run": {...}} and two frames, the variant's code and the source that it shows; -> an answer; again and again
    <- {"done"}

Only the judge knows which variant is the original, which a control and which a mutant, and in which order it asks for
them: nothing of that is in any memory that a guest inherits. Whoever reads a variant, or what a guest wrote, is a
process of its own that ends with the run; memory that was freed keeps its content, and a guest can search it.

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
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from green_logic.evaluation.isolation import kernel, supervisor
from green_logic.evaluation.isolation.channel import (
    ChannelClosedError,
    read_frame,
    read_record,
    send_record,
)
from green_logic.evaluation.isolation.namespaces import LINKS, MAX_INODES
from green_logic.evaluation.isolation.plan import Plan, enter
from green_logic.evaluation.isolation.supervisor import Watch
from green_logic.evaluation.isolation.variant_guest import Variant, plan_variants, run_variant
from green_logic.evaluation.testrun import BOX, Limits

SLICE_S = 0.12  # between two looks at a guest's CPU time; longer than `supervisor.LOOK_S`, which must come about
Owners = tuple[int, ...]
Guest = Callable[[list[int]], None]


def supervise_variants(job: dict[str, Any], channel: socket.socket, owners: Owners, plan: Plan) -> None:
    """Plan and run variants until the judge has enough.

    Raises OSError if a sandbox could not be built, ChannelClosedError if nobody waits for answers.
    """
    limits = Limits(**job["limits"])
    if plan.shares_host:
        _serve(job, channel, owners, plan, lambda: _hosted(plan, limits))
        return
    enter(plan, limits)
    _apart(channel, owners, lambda owners: _keep(job, channel, owners, plan))


def _apart(channel: socket.socket, owners: Owners, work: Callable[[Owners], None]) -> None:
    """Do `work` in a process of its own, for which this one is an owner as well. Raises ChannelClosedError."""
    parent = os.pidfd_open(os.getpid())
    pid = os.fork()
    if pid == 0:
        _work_and_end(channel, parent, lambda: work((*owners, parent)))
    os.close(parent)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        # it has said why, as far as it could
        raise ChannelClosedError(f"a process of the variants ended with {os.waitstatus_to_exitcode(status)}")


def _work_and_end(channel: socket.socket, parent: int, work: Callable[[], None]) -> NoReturn:
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


def _keep(job: dict[str, Any], channel: socket.socket, owners: Owners, plan: Plan) -> None:
    """Be the keeper."""
    home = os.open("self/ns/pid", os.O_RDONLY | os.O_CLOEXEC, dir_fd=plan.process_dir)
    limits = Limits(**job["limits"])
    _serve(job, channel, owners, plan, lambda: _housed(home, limits))


def _serve(
    job: dict[str, Any],
    channel: socket.socket,
    owners: Owners,
    plan: Plan,
    house: Callable[[], contextlib.AbstractContextManager[None]],
) -> None:
    """Answer the judge; `house` is the sandbox of one guest as far as it is built before the guest is there."""
    limits, source, tests = Limits(**job["limits"]), str(job["source"]), str(job["tests"])

    def make(owners: Owners) -> None:
        with house():
            candidates = int(job["candidates"])
            _run_guest(channel, owners, plan, limits, lambda kept: plan_variants(kept[0], source, tests, candidates))

    _apart(channel, owners, make)
    if "done" in read_record(channel):
        return
    tests_code = read_frame(channel)
    while "run" in (order := read_record(channel)):
        options = order["run"]

        def judge(owners: Owners, options: dict[str, Any] = options) -> None:
            shown = (read_frame(channel), read_frame(channel).decode("utf-8", "surrogatepass"))
            variant = Variant(*shown, tests_code, tests, int(options["seed"]), options["expected"])
            bound = replace(limits, wall_s=float(options["wall_s"]))
            with house():
                cpu_s = float(options["cpu_s"])
                _run_guest(channel, owners, plan, bound, lambda kept: run_variant(kept[0], variant), cpu_s=cpu_s)

        _apart(channel, owners, judge)


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
        Path(target).mkdir()
    yield
    kernel.unmount(BOX)
    kernel.return_to(home, kernel.CLONE_NEWPID)


def _run_guest(
    channel: socket.socket, owners: Owners, plan: Plan, limits: Limits, run: Guest, *, cpu_s: float = float("inf")
) -> None:
    """Run one guest to its end, leave nothing of it, and answer."""
    if plan.group:
        plan.group.has_killed()  # what came before is not this guest's
    owned = (channel.fileno(), *owners)
    supervisor.conduct(
        channel, plan, limits, run, lambda watch, pid: _watch(watch, pid, limits, owned, plan, cpu_s=cpu_s)
    )


def _watch(watch: Watch, pid: int, limits: Limits, owners: Owners, plan: Plan, *, cpu_s: float) -> str:
    """As `supervisor.watch_guest`, with a limit of the guest's own CPU time finer than RLIMIT_CPU's seconds."""
    deadline = time.monotonic() + limits.wall_s
    while (left_s := deadline - time.monotonic()) > 0:
        reason = supervisor.watch_guest(watch, replace(limits, wall_s=min(left_s, SLICE_S)), owners, plan)
        if reason != "timeout":
            return reason
        if time.clock_gettime(~pid << 3 | 2) > cpu_s:  # a process's CPU clock, as clock_getcpuclockid(3) makes it
            return "timeout"
    return "timeout"
