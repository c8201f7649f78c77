"""What became of the lines or records of one input, counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Tally:
    """`read` is the sum of the others when everything was taken to its end."""

    read: int = 0
    recorded: int = 0
    already_recorded: int = 0
    conflicts: int = 0
    refused: int = 0
    not_evaluated: int = 0

    @property
    def clean(self) -> bool:
        """Whether everything that was read is on the ledger."""
        return not (self.conflicts or self.refused or self.not_evaluated)
