"""What a backend does to a process, step by step: the same five steps for each, so that the worker need not know which.

    prepare   once, in the worker          a file tree, a private user
    enter     for each job, its supervisor namespaces, an empty box
    bind      for each job, the guest      limits; or the process that forks guest after guest, once for all of them
    confine   for each job, the guest      no capabilities, Landlock, seccomp; no way back
    clear     for each job, its supervisor kill what is left, empty the box

The worker of "landlock" stays root when it was root, so that its guests, another user, cannot signal it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

from green_logic.evaluation.isolation import kernel
from green_logic.evaluation.isolation.box import empty_box
from green_logic.evaluation.isolation.group import Group
from green_logic.evaluation.isolation.landlock import restrict_files
from green_logic.evaluation.isolation.namespaces import JOB_NAMESPACES, build_root, enter_namespaces
from green_logic.evaluation.isolation.seccomp import seccomp_program
from green_logic.evaluation.testrun import ANY_CORE, Limits

OPEN_FILES = 256
SYSTEM_PATHS = ("/bin", "/etc/ld.so.cache", "/lib", "/lib64", "/usr")
DEVICE_PATHS = ("/dev/null", "/dev/random", "/dev/urandom", "/dev/zero")


@dataclass(frozen=True)
class Plan:
    """How one worker isolates its guests."""

    backend: str  # "namespaces" | "landlock" | "none"
    readable: tuple[str, ...]  # what a guest may read: Python, pytest, the system's libraries
    box: str  # directory a guest may write to, as the host names it; with "namespaces" always BOX
    uid: int  # private user of the guests; 0: the worker's own, because it is not root
    core: int = ANY_CORE  # of those that it may use, counted round: where the two guests of a split job take turns
    process_dir: int = -1  # open /proc of the host
    group: Group | None = None  # binds the memory of all guests of a job together, where there is one
    is_bound: bool = False  # whether this process has the guests' limits, which they inherit

    @property
    def shares_host(self) -> bool:
        """Whether guests see the host's processes."""
        return self.backend != "namespaces"


def prepare(plan: Plan) -> int:
    """Set up what all jobs of this worker share. Returns the plan's `process_dir`. Raises OSError if refused."""
    if not plan.shares_host:
        kernel.seccomp_header(_seccomp_program(plan))  # made once, for every guest to find in its memory
        return build_root((*SYSTEM_PATHS, *plan.readable), plan.uid)
    # what a killed supervisor leaves running becomes ours, and `leave` finds it
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    return os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def leave(plan: Plan) -> None:
    """Undo `prepare` at the worker's end. Namespaces need nothing, they go with their last process."""
    if plan.shares_host:
        clear(plan)
        shutil.rmtree(plan.box, ignore_errors=True)


def enter(plan: Plan, limits: Limits) -> None:
    """Set up what one job has for itself; the next child of this process is inside."""
    if plan.group:
        plan.group.set_limits(limits)
    if plan.backend == "namespaces":
        enter_namespaces(plan.process_dir, limits)
        return
    # orphans of the guest become ours, so that `clear` finds them
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    empty_box(plan.box)
    temporary = Path(plan.box, ".tmp")
    temporary.mkdir()
    if plan.uid:
        for path in (plan.box, str(temporary)):
            os.chown(path, plan.uid, plan.uid)


def namespaces_of(plan: Plan) -> int:
    """The kinds of namespaces that each job has for itself."""
    return 0 if plan.shares_host else JOB_NAMESPACES


def bind(plan: Plan, limits: Limits) -> Plan:
    """Give this process, and with it those that it forks, the limits of a guest. Returns the plan for them.

    With namespaces it stays able to build sandboxes.
    """
    if plan.is_bound:
        return plan
    set_limits(plan, limits)
    _offer_to_oom_killer(plan)
    if not plan.shares_host:
        kernel.narrow_capabilities()
    return replace(plan, is_bound=True)


def _offer_to_oom_killer(plan: Plan) -> None:
    """Let a machine that runs out of memory take this process first, not the judge."""
    descriptor = os.open("self/oom_score_adj", os.O_WRONLY, dir_fd=plan.process_dir)
    os.write(descriptor, b"1000")
    os.close(descriptor)


def confine(plan: Plan) -> None:
    """Take every right from this process, for good. Raises OSError if the kernel refuses a wall."""
    keep = 0
    if plan.shares_host:
        if plan.uid:
            kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
            kernel.drop_to(plan.uid)
            if not all(os.access(path, os.R_OK) for path in plan.readable):
                # Python lives where only root may look; Landlock still says which files are read
                keep = 1 << kernel.CAP_DAC_READ_SEARCH
        kernel.narrow_capabilities(keep)
    # after the change of user, which clears it
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    kernel.drop_capabilities(keep)
    if plan.backend == "none":
        return
    if plan.backend == "landlock":
        restrict_files(readable=(*SYSTEM_PATHS, *plan.readable), devices=DEVICE_PATHS, writable=(plan.box,))
    kernel.install_seccomp(_seccomp_program(plan))


def _seccomp_program(plan: Plan) -> bytes:
    return seccomp_program(shares_host=plan.shares_host, own_pid=os.getpid() if plan.shares_host else 0)


def set_limits(plan: Plan, limits: Limits) -> None:
    """Resource limits of this process and each of its descendants."""
    processes = limits.processes
    if plan.shares_host and not plan.uid:
        processes += count_tasks(os.getuid())  # the limit counts everything its user runs
    # SIGXCPU at the soft limit can be ignored, the kill at the hard one cannot
    for kind, soft, hard in (
        (resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1),
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        (resource.RLIMIT_NPROC, processes, processes),
        (resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes),
        (resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(kind, (soft, hard))


def clear(plan: Plan) -> float:
    """End what the guest left running and empty its box. Returns the CPU seconds of what was ended."""
    if not plan.shares_host:
        return 0.0  # the kernel ended the process namespace with its first process, and the box with the last
    seconds = 0.0
    with contextlib.suppress(ChildProcessError):  # how it ends: nobody is left
        while True:
            for child in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            pid, _, usage = os.wait4(-1, os.WNOHANG)
            seconds += usage.ru_utime + usage.ru_stime
            if pid == 0:
                time.sleep(0.001)  # not a blocking wait: an orphan that came after the kills would never end
    empty_box(plan.box)
    return seconds


def count_tasks(uid: int) -> int:
    """Threads that `uid` runs now, as RLIMIT_NPROC counts them."""
    total = 0
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            if entry.stat().st_uid == uid:
                total += sum(1 for _ in os.scandir(f"{entry.path}/task"))
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ESRCH, errno.EACCES}:
                raise
    return total


def _children() -> list[int]:
    return [int(pid) for pid in Path("/proc/thread-self/children").read_text(encoding="ascii").split()]
