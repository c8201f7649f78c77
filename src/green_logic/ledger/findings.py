"""What is wrong with a ledger: a kind that scripts can match, the place, and a sentence for people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

EXAMPLES_KEPT = 5  # findings of each kind that are kept whole; the others are counted


@dataclass(frozen=True)
class Finding:
    """One broken promise."""

    kind: str
    where: str
    message: str


@dataclass
class Tally:
    """Findings counted by kind, with the first few of each: bounded memory however bad it is."""

    kept: int = EXAMPLES_KEPT
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Finding]] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Count one finding."""
        self.counts[finding.kind] += 1
        examples = self.examples.setdefault(finding.kind, [])
        if len(examples) < self.kept:
            examples.append(finding)

    def merge(self, other: Tally) -> None:
        """Add what another part of the audit found."""
        self.counts.update(other.counts)
        for kind, examples in other.examples.items():
            mine = self.examples.setdefault(kind, [])
            mine.extend(examples[: self.kept - len(mine)])

    def total(self) -> int:
        """Number of findings."""
        return self.counts.total()

    def as_json(self) -> list[dict[str, Any]]:
        """Findings by kind, most frequent first, as plain values."""
        return [
            {
                "kind": kind,
                "count": count,
                "examples": [{"where": item.where, "message": item.message} for item in self.examples[kind]],
            }
            for kind, count in self.counts.most_common()
        ]

    def first(self) -> Finding | None:
        """The first finding of the first kind that was met."""
        return next((examples[0] for examples in self.examples.values() if examples), None)
