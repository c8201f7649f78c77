"""How much fits on a line of the reader's terminal, and how a table gets along with less."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TextIO

GAP = 2  # blanks between two columns
WHOLE = 1 << 30  # the least width of a column that is never cut


def line_width(stream: TextIO) -> int | None:
    """Characters of a line where `stream` is a terminal; None elsewhere, for a file or a pipe gets everything."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def fitting(widths: Mapping[str, int], width: int | None, least: Mapping[tuple[str, ...], int]) -> dict[str, int]:
    """The widths of columns that fit into `width` together, where it is given.

    Until they do, one after the other of `least` is cut to what is left for it, down to its least width; where that
    is not enough, it goes, with those that make no sense without it.
    """
    kept = dict(widths)
    for group, lowest in least.items():
        over = 0 if width is None else sum(kept.values()) + GAP * (len(kept) - 1) - width
        if over <= 0:
            break
        if kept[group[0]] - over >= lowest:
            kept[group[0]] -= over
        else:
            kept = {name: size for name, size in kept.items() if name not in group}
    return kept
