"""A database whose pages lead to the same pages again and again: reading a table of it would never end.

SQLite follows such pages without a word, 20 levels deep with hundreds of children each. What it may do for a reader is
therefore bounded by the size of the file: an honest ledger needs a twentieth of that.
"""

from __future__ import annotations

import sqlite3
from itertools import chain, repeat
from pathlib import Path

FREE_STEPS = 10_000_000  # of SQLite's machine, about half a second; for the smallest ledgers
STEPS_PER_BYTE = 0.25  # a whole audit takes 60 steps for a battle, which has 1,300 bytes at least (measured)
EVERY = 10_000  # steps between two looks
INTERRUPTED = "interrupted"  # what SQLite says then
ENDLESS = "its tables lead to the same pages again and again: reading it would never end"


def bound_steps(connection: sqlite3.Connection, database: Path) -> None:
    """Let the connection end with the error INTERRUPTED what no ledger of this size can need, in all its statements."""
    wal = database.with_name(f"{database.name}-wal")
    size_bytes = sum(path.stat().st_size for path in (database, wal) if path.exists())
    looks = int(FREE_STEPS + STEPS_PER_BYTE * size_bytes) // EVERY
    # no Python code: Ctrl-C would be raised inside of it, and SQLite would make it the same error as a damaged database
    connection.set_progress_handler(chain(repeat(False, looks), repeat(True)).__next__, EVERY)
