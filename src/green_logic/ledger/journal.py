"""A rollback journal that names another file. SQLite removes that file when it plays the journal back.

The name is for transactions over several databases, which nobody here makes: a journal that ends in one was planted,
and opening its database would delete whatever the user may delete.
"""

from __future__ import annotations

from pathlib import Path

from green_logic.errors import VerificationError

ENDING = "-journal"
_MAGIC = bytes.fromhex("d9d505f920a163d7")  # https://www.sqlite.org/fileformat2.html#the_rollback_journal
_SHORTEST = 16  # bytes: length, checksum and magic behind a name; a shorter one only has the magic that it begins with


def check_journal(database: Path) -> None:
    """Raises VerificationError when opening a database would remove a file that its journal names.

    Not for a database that somebody else may write to meanwhile: then only a copy can be checked.
    """
    try:
        with database.with_name(database.name + ENDING).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - len(_MAGIC)))
            tail = file.read(len(_MAGIC))
    except OSError:
        return  # there is none, or SQLite cannot read it either
    if size >= _SHORTEST and tail == _MAGIC:
        raise VerificationError(
            f"{database.name}{ENDING} names another file, which SQLite would remove",
            kind="database",
            hint="somebody planted it: move it away, and look at who could",
        )
