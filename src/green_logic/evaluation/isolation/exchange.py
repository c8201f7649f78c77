"""What the judge and a guest hand each other past every process between them: files in memory.

Whoever reads bytes has them in its memory, freed or not, and so has every process that it forks from then on. The
process that forks guest after guest therefore reads nothing but their limits: an order goes from the judge to one guest
as a file descriptor, and what that guest writes comes back the same way.
"""

from __future__ import annotations

import contextlib
import marshal
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

RESULTS_BYTES = 4 << 20  # about 40,000 tests
OUTPUT_TAIL_BYTES = 16 << 10


@dataclass(frozen=True)
class Exchange:
    """The files of one run, as descriptors."""

    order: int
    results: int
    output: int

    @property
    def descriptors(self) -> tuple[int, int, int]:
        """All of them, in the order in which they are sent and `Exchange` takes them."""
        return (self.order, self.results, self.output)

    def close(self) -> None:
        """Let go of the files; they end with their last holder."""
        for descriptor in self.descriptors:
            os.close(descriptor)

    def read_results(self) -> bytes:
        """What the guest reported, as far as it may."""
        return os.pread(self.results, RESULTS_BYTES, 0)

    def read_output(self) -> bytes:
        """The end of what the guest printed."""
        size = os.fstat(self.output).st_size
        return os.pread(self.output, OUTPUT_TAIL_BYTES, max(0, size - OUTPUT_TAIL_BYTES))


@contextlib.contextmanager
def open_exchange(header: dict[str, Any], parts: Sequence[bytes] = ()) -> Iterator[Exchange]:
    """Files for one run, with an order in the first. Raises OSError."""
    with contextlib.ExitStack() as opened:
        exchange = Exchange(*(_open_file(name, opened) for name in ("order", "results", "output")))
        write_all(exchange.order, marshal.dumps((header, *parts)))
        yield exchange


def read_order(descriptor: int) -> tuple[dict[str, Any], list[bytes]]:
    """Header and parts of an order."""
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    # the judge has written it; json touches four times the memory, which every guest would then have for itself
    header, *parts = marshal.loads(data)  # noqa: S302
    return header, parts


def _open_file(name: str, opened: contextlib.ExitStack) -> int:
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    opened.callback(os.close, descriptor)
    return descriptor


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`, however often the system takes only a part."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
