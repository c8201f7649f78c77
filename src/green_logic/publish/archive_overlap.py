"""Archives of one ledger that hold the same leaves, as they do after a restore: there they hold the same DBOMs.

Where they do not, the history was forked: the ledger went on from an earlier state, and recorded other battles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from green_logic.publish.archive_files import Archive

FORKED = "history-forked"  # the kind of the finding


@dataclass(frozen=True)
class Listed:
    """What an archive holds. `lines` are those of its SHA256SUMS: one for each leaf, in the order of the log."""

    archive: Archive
    origin: str
    lines: Sequence[str]


def list_leaves(archive: Archive, origin: str, sums: bytes) -> Listed:
    """An archive with its SHA256SUMS."""
    return Listed(archive, origin, sums.decode("ascii").split("\n")[:-1])


def find_fork(one: Listed, other: Listed) -> str:
    """The first leaf of which two archives of a ledger hold different DBOMs, in words; empty when there is none."""
    first = max(one.archive.first_leaf, other.archive.first_leaf)
    stop = min(one.archive.last_leaf, other.archive.last_leaf) + 1
    mine, theirs = (listed.lines[first - listed.archive.first_leaf :] for listed in (one, other))
    for leaf, line, said in zip(range(first, stop), mine, theirs, strict=False):
        if line != said and one.origin == other.origin:
            return f"leaf {leaf} is another DBOM than in {other.archive.pack.name}: history forked"
    return ""


@dataclass
class Overlap:
    """The archives, taken in the order of their first leaves, that may share leaves with the next one."""

    _listed: list[Listed] = field(default_factory=list)

    def find_fork(self, one: Listed) -> str:
        """See above, against all that were added."""
        self._listed = [other for other in self._listed if other.archive.last_leaf >= one.archive.first_leaf]
        return next(filter(None, (find_fork(one, other) for other in self._listed)), "")

    def add(self, one: Listed) -> int:
        """Add the next archive; how many of its leaves none before it holds."""
        first, stop = one.archive.first_leaf, one.archive.last_leaf + 1
        held = max((other.archive.last_leaf + 1 for other in self._listed), default=first)
        self._listed.append(one)
        return max(0, stop - max(first, held))
