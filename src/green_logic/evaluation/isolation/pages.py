"""Memory that is cheap to fork.

A fork copies an entry for each small page that a process has, and its end removes each of them: half a millisecond for
an interpreter with pytest, on either side, for every guest. Huge pages need one entry for 512 of them. (What a guest
changes is copied in small pages either way.) They need memory that lies together, so `interpreter` sees to that
before anything is imported, and `collapse` comes when everything is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from green_logic.evaluation.isolation import kernel

HUGE_BYTES = 2 << 20


def collapse(process_dir: int) -> int:
    """Put this process's own memory into huge pages as far as it can be; how many. `process_dir` is an open /proc.

    0 with a kernel before 6.1, which puts none together on demand.
    """
    return sum(kernel.collapse(address, HUGE_BYTES) for address in find_places(_read_maps(process_dir)))


def find_places(maps: str) -> Iterator[int]:
    """Addresses of whole huge pages in private memory behind which no file is."""
    for line in maps.splitlines():
        bounds, rights, _, _, _, *name = line.split(maxsplit=5)
        if rights.startswith("rw") and name in ([], ["[heap]"]):
            start, end = (int(bound, 16) for bound in bounds.split("-"))
            first = -(-start // HUGE_BYTES) * HUGE_BYTES
            yield from range(first, end - HUGE_BYTES + 1, HUGE_BYTES)


def _read_maps(process_dir: int) -> str:
    descriptor = os.open("self/maps", os.O_RDONLY, dir_fd=process_dir)
    with open(descriptor, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  relative to a descriptor
        return file.read()
