"""Control groups for the judge's workers, where this process may make some: cgroup v2 that was delegated to it, or v1.

A v2 group that has children with controllers may hold no processes itself. So everything in our own group moves to a
child of it, "judges", and beside that each worker gets a group of its own. Under systemd that takes `Delegate=memory
pids`; in a container, a writable /sys/fs/cgroup; elsewhere, a group that was given to this user. v1, which some hosts
still have, takes two groups for each worker.

A worker's group is locked for as long as its judge lives. What a killed judge left is removed by the next start.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CONTROLLERS = frozenset({"memory", "pids"})
JUDGES = "judges"
PREFIX = "green-logic-worker-"
TRIES = 20
WAIT_S = 0.01
ASK_S = 10.0  # for systemd to answer on a machine with cold disks
DELEGATED = ("user.delegate", "trusted.delegate")  # b"1" where systemd's system manager delegated a group


@dataclass(frozen=True)
class WorkerGroup:
    """The directories of one worker's group, each with the lock that says that its judge lives."""

    locked: tuple[tuple[str, int], ...]

    @property
    def directories(self) -> tuple[str, ...]:
        """One of v2, or those of memory and of processes of v1."""
        return tuple(directory for directory, _ in self.locked)

    def remove(self) -> None:
        """Remove it, if nothing in it is left; otherwise the next start will."""
        for directory, lock in self.locked:
            _remove(Path(directory))
            os.close(lock)


def make_group(proc: Path = Path("/proc/self")) -> WorkerGroup | None:
    """A group for one more worker; None where this process may not make any. Removes what killed judges left."""
    made: list[tuple[str, int]] = []
    name = f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        for parent in find_parents(proc):
            remove_abandoned(parent)
            made.append(_make_locked(parent / name))
    except OSError:  # not ours, read-only, busy: rlimits bind each process, and a watch all together
        WorkerGroup(tuple(made)).remove()
        return None
    return WorkerGroup(tuple(made)) if made else None


def find_parents(proc: Path) -> list[Path]:
    """Directories in which groups of workers may be made: one of v2, or those of memory and pids of v1; or none.

    Raises OSError.
    """
    parents, _ = _find_candidates(proc)
    if len(parents) == 1:
        _enable_controllers(parents[0])
    return parents


def find_obstacle(proc: Path = Path("/proc/self")) -> str:
    """Why no group can be made, in words; empty where one can. Changes nothing."""
    try:
        parents, withheld = _find_candidates(proc)
    except OSError as error:
        return f"{error.filename} cannot be read"
    if withheld:
        return f"{withheld} is not delegated (in its unit: Delegate=memory pids)"
    closed = [str(parent) for parent in parents if not os.access(parent, os.W_OK)]
    if closed:
        return f"{closed[0]} cannot be written (in its unit: ReadWritePaths=-{closed[0]})"
    return "" if parents else "this process sees none with memory and pids"


def remove_abandoned(parent: Path) -> None:
    """Remove the groups below `parent` whose judge is gone, with whatever is still in them."""
    for directory in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else removes it, or it is busy: next time
            lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # 0 is one that another process namespace hides, and to `kill` it would be all of our own
                for pid in _read_words(directory / "cgroup.procs") - {"0"}:
                    os.kill(int(pid), signal.SIGKILL)
                _remove(directory)
            finally:
                os.close(lock)


def _find_candidates(proc: Path) -> tuple[list[Path], Path | None]:
    """The groups of this process below which others can be made, that of v2 alone; and one of v2 that is not ours."""
    mounts = dict(_read_mounts(proc))
    own = _find_own_groups(proc, mounts)
    withheld = None
    if "" in own:
        # where everything of ours was before it was moved for the first worker
        group = own[""].parent if own[""].name == JUDGES else own[""]
        if _read_words(group / "cgroup.controllers") >= CONTROLLERS:
            if _is_delegated(group, mounts[""][1]):
                return [group], None
            withheld = group
    return [own["memory"], own["pids"]] if own.keys() >= CONTROLLERS else [], withheld


def _find_own_groups(proc: Path, mounts: dict[str, tuple[str, str]]) -> dict[str, Path]:
    """Directory of this process's group by controller; that of v2 under the empty name."""
    found = {}
    for line in _read_lines(proc / "cgroup"):
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            root, point = mounts.get(controller, ("", ""))
            if root and os.path.commonpath([root, path]) == root:  # a container may be shown another part
                found[controller] = Path(point, os.path.relpath(path, root))
    return found


def _read_mounts(proc: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """Controller, and which group is mounted where (proc_pid_mountinfo(5))."""
    for line in _read_lines(proc / "mountinfo"):
        before, _, after = line.partition(" - ")
        root, point = before.split(" ")[3:5]
        kind, _, options = after.split(" ")[:3]  # what is mounted may be the empty word
        if kind == "cgroup2":
            yield "", (root, point)
        elif kind == "cgroup":
            yield from ((option, (root, point)) for option in options.split(",") if option in CONTROLLERS)


def _is_delegated(group: Path, point: str) -> bool:
    """Whether this v2 group is ours to divide: marked as that, all that a container sees, or given to this user."""
    for name in DELEGATED:
        with contextlib.suppress(OSError):
            return os.getxattr(group, name) == b"1"
    if group == Path(point):
        return (group / "cgroup.type").exists()  # which the root of a whole machine lacks
    if f"user@{os.geteuid()}.service" in group.parts[:-1]:
        return _ask_manager(group.name)  # who owns all of its units' groups, delegated or not
    return _is_given(group)


@cache
def _ask_manager(unit: str) -> bool:
    """Whether this user's systemd delegated the group of `unit`: seen with 252, it leaves no mark on it."""
    command = ["systemctl", "--user", "show", "--property=Delegate", "--value", "--", unit]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        answer = subprocess.run(command, capture_output=True, check=False, timeout=ASK_S)  # noqa: S603  fixed words, a unit
        return answer.stdout == b"yes\n"
    return False


def _is_given(group: Path) -> bool:
    """Whether an ordinary user was made owner of this group and not of the one above (systemd before 251, by hand)."""
    owner = os.geteuid()
    files = (group, group / "cgroup.procs", group / "cgroup.subtree_control")
    return owner != 0 and all(file.stat().st_uid == owner for file in files) and group.parent.stat().st_uid != owner


def _enable_controllers(parent: Path) -> None:
    """Give children of a v2 group our controllers, for which it may hold no process itself. Raises OSError."""
    control = parent / "cgroup.subtree_control"
    if _read_words(control) >= CONTROLLERS:
        return
    judges = parent / JUDGES
    judges.mkdir(exist_ok=True)
    for left in reversed(range(TRIES)):
        for pid in _read_words(parent / "cgroup.procs"):
            with contextlib.suppress(ProcessLookupError):
                (judges / "cgroup.procs").write_text(pid, "ascii")
        try:
            control.write_text("+memory +pids", "ascii")
        except OSError as error:
            if error.errno != errno.EBUSY or not left:  # busy: somebody forked between the move and now
                raise
        else:
            return


def _make_locked(directory: Path) -> tuple[str, int]:
    for _ in range(TRIES):
        # another start may take it for abandoned before it is locked
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            directory.mkdir(exist_ok=True)
            lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(lock), directory.stat()):
                    return str(directory), lock
            except OSError:
                os.close(lock)
                raise
            os.close(lock)
    raise BlockingIOError(errno.EAGAIN, f"{directory} is removed as often as it is made")


def _remove(directory: Path) -> None:
    """Wait for what is ending in it. An interface file of a group needs no removal."""
    for _ in range(TRIES):
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(WAIT_S)
        else:
            return


def _read_lines(path: Path) -> list[str]:
    """Lines of a file with paths, which are any bytes."""
    return os.fsdecode(path.read_bytes()).split("\n")[:-1]


def _read_words(path: Path) -> set[str]:
    return set(path.read_text("ascii").split())
