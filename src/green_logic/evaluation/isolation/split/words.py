"""Tables of names, written a family a line."""

from __future__ import annotations


def words(*lines: str) -> frozenset[str]:
    """Every word of `lines`, which are separated by blanks."""
    return frozenset(" ".join(lines).split())
