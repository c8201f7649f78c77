"""The control group of a worker, as its guests and supervisors use it: what binds a whole tree of processes.

Everything is opened while the worker still is who it was started as: the kernel looks at who opened a file of a group,
not at who writes to it. `cgroups` says where groups come from.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from green_logic.evaluation.isolation import kernel
from green_logic.evaluation.testrun import Limits

READ_BYTES = 4096
# file of cgroup v2, file of v1; what only one of them has is None there
MEMORY = ("memory.max", "memory.limit_in_bytes")
SWAP = ("memory.swap.max", "memory.memsw.limit_in_bytes")
TOGETHER = ("memory.oom.group", None)  # end all processes of the group at once, not only the largest
PROCESSES = ("pids.max", "pids.max")
KILLS = ("memory.events", "memory.oom_control")  # has a line "oom_kill 3"


@dataclass
class Group:
    """Open files of one group, or of one in each of two hierarchies (v1). Each supervisor has its own copy."""

    version: int
    members: tuple[int, ...]
    memory: int
    swap: int | None  # None where the kernel does not account for swap
    processes: int
    kills: int
    counted: int = 0

    def set_limits(self, limits: Limits) -> None:
        """Bind what will be in the group, and forget what was killed in it before. Raises OSError."""
        if self.version == 1 and self.swap is not None:
            _write(self.swap, -1)  # memory and swap together may never be less than memory
        _write(self.memory, limits.memory_bytes)
        if self.swap is not None:
            _write(self.swap, 0 if self.version == 2 else limits.memory_bytes)
        # each of a split job's guests may have that many: what one of them alone starts RLIMIT_NPROC binds
        _write(self.processes, limits.processes * 2)
        self.counted = self._count_kills()

    def enter(self) -> None:
        """Move this process in; its children are born there. Raises OSError."""
        for member in self.members:
            _write(member, 0)

    def has_killed(self) -> bool:
        """Whether the kernel ended a process for the group's memory since this was asked, or limits were set."""
        before, self.counted = self.counted, self._count_kills()
        return self.counted > before

    def is_open_from(self, namespaces: int) -> bool:
        """Whether a guest in those new namespaces may enter: a child tries. Older kernels ask who writes, and where."""
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                kernel.unshare(namespaces)
                self.enter()
                code = 0
            finally:
                os._exit(code)
        return os.waitpid(pid, 0)[1] == 0

    def _count_kills(self) -> int:
        for line in os.pread(self.kills, READ_BYTES, 0).decode("ascii").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
        return 0


def open_group(directories: list[str]) -> Group:
    """The group in one directory (v2), or in two: of memory and of processes (v1). Raises OSError."""
    version = 2 if len(directories) == 1 else 1
    column = 2 - version
    memory, processes = directories[0], directories[-1]
    if version == 2:
        _write(_open(memory, "memory.oom.group"), 1)
    swap = None
    with contextlib.suppress(FileNotFoundError):
        swap = _open(memory, str(SWAP[column]))
    return Group(
        version,
        members=tuple(_open(directory, "cgroup.procs") for directory in directories),
        memory=_open(memory, MEMORY[column]),
        swap=swap,
        processes=_open(processes, PROCESSES[column]),
        kills=_open(memory, KILLS[column], os.O_RDONLY),
    )


def _open(directory: str, name: str, flags: int = os.O_WRONLY) -> int:
    return os.open(f"{directory}/{name}", flags | os.O_CLOEXEC)


def _write(descriptor: int, number: int) -> None:
    os.pwrite(descriptor, b"%d\n" % number, 0)
