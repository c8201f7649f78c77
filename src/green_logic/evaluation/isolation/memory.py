"""How much memory a tree of processes takes. RLIMIT_AS binds each one alone: a hundred times the limit is legal."""

from __future__ import annotations

import os
from collections.abc import Iterator

PAGE_BYTES = os.sysconf("SC_PAGESIZE")


def takes_more_than(process_dir: int, size_bytes: int) -> bool:
    """Whether the descendants of this process take more than `size_bytes`. `process_dir` is an open /proc."""
    processes = list(_find_descendants(process_dir, "self"))
    # shared pages counted for each process: never less than the truth, and a hundred times cheaper
    if sum(_measure_resident(process_dir, pid) for pid in processes) <= size_bytes:
        return False
    return measure_memory(process_dir) > size_bytes


def measure_memory(process_dir: int) -> int:
    """Bytes that the descendants of this process take, pages that several share counted once.

    What a process shares with this one counts in part, so a small tree is never 0.
    """
    return sum(_measure_process(process_dir, pid) for pid in _find_descendants(process_dir, "self"))


def _find_descendants(process_dir: int, process: str) -> Iterator[str]:
    parents = [process]
    while parents:
        for child in _find_children(process_dir, parents.pop()):
            yield child
            parents.append(child)


def _find_children(process_dir: int, process: str) -> list[str]:
    children: list[str] = []
    try:
        threads = os.open(f"{process}/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=process_dir)
    except OSError:
        return children  # it ended
    try:
        for thread in os.listdir(threads):  # noqa: PTH208  a descriptor has no path
            children += _read(process_dir, f"{process}/task/{thread}/children").split()
    finally:
        os.close(threads)
    return children


def _measure_process(process_dir: int, process: str) -> int:
    for line in _read(process_dir, f"{process}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    # a process can hide its maps by prctl(PR_SET_DUMPABLE), but not its size
    return _measure_resident(process_dir, process)


def _measure_resident(process_dir: int, process: str) -> int:
    sizes = _read(process_dir, f"{process}/statm").split()
    return int(sizes[1]) * PAGE_BYTES if sizes else 0


def _read(process_dir: int, path: str) -> str:
    """Text of a file that may go at any moment; empty if it did or may not be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY, dir_fd=process_dir)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 1 << 16).decode("ascii", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
