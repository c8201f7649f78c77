"""What a run of hidden tests is told of the runs before it, which ended when a test took too long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from green_logic.evaluation.testrun import MAX_NAME, clean

Item = TypeVar("Item")


@dataclass(frozen=True)
class Earlier:
    """By name and not by number: tests may be made of what the solution says, and it may say something else now."""

    names: Sequence[str] = ()  # of the tests that have an outcome, as `TestRun` has them
    cut: str = ""  # the message of the first one without, which took too long; empty: it is run

    def leave(
        self, items: Sequence[Item], name_of: Callable[[Item], str], fail: Callable[[str, str], None]
    ) -> list[Item]:
        """The items that are left to run, in order. The one that took too long goes to `fail`, name and message."""
        if self == NOTHING:
            return list(items)
        known = frozenset(self.names)
        left = [item for item in items if clean(name_of(item), MAX_NAME, {}) not in known]
        if self.cut and left:
            fail(name_of(left.pop(0)), self.cut)
        return left


NOTHING = Earlier()
