"""Compiled tests: all submissions of a task meet the same ones, and rewriting assertions costs more than running them.

A tests' process that compiles leaves the code in a file of memory, before it has heard a word from the solution. Its
supervisor hands that to the judge, who is no ancestor of any guest, and the judge to the next tests' process. So the
code is nowhere where a solution could be forked from.
"""

from __future__ import annotations

import marshal
import os
import types
import warnings
from dataclasses import dataclass

from green_logic.evaluation.isolation import guest

MAX_CODE_BYTES = 4 << 20  # larger code is compiled each time
SIZE_BYTES = 4  # of the number before the code that says how long it is


@dataclass(frozen=True)
class KeptCode:
    """What a tests' process is given of earlier ones: `code`, or the descriptor of the file to leave it in."""

    code: bytes
    file: int

    def find(self, tests: str) -> types.CodeType | None:
        """The code of `tests`; None if they do not compile, which running them will tell."""
        if self.code:
            os.close(self.file)
            found = marshal.loads(self.code)  # noqa: S302  our own words, and only this version of Python reads them
            return found if isinstance(found, types.CodeType) else None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # only the first run of these tests would show them
                made = guest.compile_module(guest.TESTS, tests)
            self._leave(marshal.dumps(made))
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return None
        finally:
            os.close(self.file)
        return made

    def _leave(self, code: bytes) -> None:
        if len(code) <= MAX_CODE_BYTES:
            os.write(self.file, len(code).to_bytes(SIZE_BYTES, "big") + code)


def read_left(file: int) -> bytes:
    """What the tests' process left in its file; empty if nothing, or if it was ended while it wrote."""
    size = int.from_bytes(os.pread(file, SIZE_BYTES, 0), "big")
    code = os.pread(file, min(size, MAX_CODE_BYTES), SIZE_BYTES)
    return code if len(code) == size else b""
