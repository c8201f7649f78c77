"""Parts: finished Parquet files that have no published name yet, and what they are made of. Needs no Arrow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from green_logic.publish.manifest import DataFile

PART_NAME = re.compile(r"(?:part-\d{6}(?:-\d{3})?|copy-battles-\d[-\dg]*)\.parquet")  # what may lie in a spool


@dataclass(frozen=True)
class IdRange:
    """The rows with `after` < id <= `last`; `number` tells the ranges of one export apart."""

    number: int
    after: int
    last: int


@dataclass(frozen=True)
class Part:
    """A finished file in the spool: the rows of one month. `path` is its place now, `sha256` is of what was written."""

    path: Path
    month: str
    first: int
    last: int
    rows: int
    sha256: str

    def name(self, suffix: str) -> str:
        """Its name when published, relative to the version's folder."""
        return f"month={self.month}/battles-{self.first:012d}-{self.last:012d}{suffix}.parquet"


@dataclass(frozen=True)
class CheckedPart:
    """A part that was read back: where it lies, and how a manifest describes it."""

    path: Path
    file: DataFile
