"""Memory that is cheap to fork: which of it is put together, and that a worker's is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from green_logic.evaluation.isolation.pages import HUGE_BYTES, collapse, find_places
from green_logic.evaluation.sandbox import Sandbox

MAPS = """\
55d000000000-55d000700000 rw-p 00000000 00:00 0                          [heap]
7f0000100000-7f0000200000 rw-p 00000000 00:00 0
7f0000300000-7f0000a00000 rw-p 00000000 00:00 0
7f0001000000-7f0001400000 r--p 00000000 00:00 0
7f0002000000-7f0002400000 rw-p 00001000 fd:00 1234                       /usr/lib/a name with blanks.so
7f0003000000-7f0003400000 rw-p 00000000 00:00 0                          [stack]
"""


def test_only_whole_huge_pages_of_private_memory_without_a_file_are_put_together() -> None:
    assert list(find_places(MAPS)) == [
        0x55D000000000,
        0x55D000200000,
        0x55D000400000,
        0x7F0000400000,
        0x7F0000600000,
        0x7F0000800000,
    ]
    assert all(place % HUGE_BYTES == 0 for place in find_places(MAPS))


def test_nothing_is_found_in_nothing() -> None:
    assert list(find_places("")) == []


def test_memory_keeps_its_content(process_dir: int) -> None:
    content = [bytes([number % 256]) * 4096 for number in range(2048)]
    collapse(process_dir)
    assert content == [bytes([number % 256]) * 4096 for number in range(2048)]


def test_a_worker_lies_in_huge_pages_where_the_kernel_puts_them_together(process_dir: int) -> None:
    content = bytearray(8 * HUGE_BYTES)
    content[:] = b"x" * len(content)
    if not collapse(process_dir):
        pytest.skip("this kernel puts no huge pages together on demand")
    with Sandbox.open(workers=1) as sandbox:
        assert sandbox.run_tests("x = 1", "def test_a():\n    assert x == 1\n", kind="own").outcomes
        (pid,) = (slot.worker.pid for slot in sandbox._slots._all if slot.worker)
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    (huge_kb,) = (int(line.split()[1]) for line in lines if line.startswith("AnonHugePages:"))
    assert huge_kb >= HUGE_BYTES >> 10


@pytest.fixture
def process_dir() -> Iterator[int]:
    descriptor = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)
