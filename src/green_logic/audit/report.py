"""What is asked of an audit, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from green_logic.ledger.findings import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from green_logic.audit.scene import Scene
    from green_logic.ledger.findings import Finding

Depth = Literal["ledger", "files", "rows"]  # how far an audit looks into exports, archives and backups


@dataclass(frozen=True)
class Extent:
    """How much an audit looks at.

    `depth` says how far exports, archives and backups are looked into: not at all ("ledger"), every byte of their files
    ("files"), or every row of exports and backups as well ("rows"). With `every_signature` the signatures of single
    battles are verified although a signed root covers their every byte, which doubles the work. `checks`: None for
    those of a data directory. DBOM files of the leaves in `pruned` may be absent.
    """

    depth: Depth = "files"
    every_signature: bool = False
    checks: tuple[Callable[[Scene], Iterator[Finding]], ...] | None = None
    pruned: tuple[tuple[int, int], ...] = ()


@dataclass
class AuditReport:
    """What an audit saw. `sealed` and `pinned` are the leaves under the largest good checkpoint and the largest pin."""

    target: str
    key_pinned: bool
    what: str = "ledger"
    battles: int = 0
    files: int = 0
    leaves: int = 0
    sealed: int = 0
    pinned: int = 0
    checkpoints: int = 0
    verified: int = 0  # leaves whose own signature was verified; the others are under a signed root
    keyids: tuple[str, ...] = ()
    exported: int = 0  # battles in Parquet files that count
    archived: int = 0  # DBOMs in archives
    backups: int = 0
    tally: Tally = field(default_factory=Tally)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.tally.total()

    @property
    def unsealed(self) -> int:
        """Leaves after the largest checkpoint: signed one by one, but their omission would not show."""
        return self.leaves - self.sealed
