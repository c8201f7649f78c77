"""`green-logic prove`: the receipt of one battle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from green_logic.commands import GOOD, say, write_bytes, write_json

if TYPE_CHECKING:
    import argparse

    from green_logic.settings import Settings

SUMMARY = "a receipt that shows for ever that a battle is on the log"
EXAMPLES = """examples:
  green-logic prove lru-0007 -o lru-0007.tlog-proof                   what a contestant keeps
  green-logic verify lru-0007.tlog-proof --key judge.pub              checks it, without the ledger
  python3 verify_dbom.py --key judge.pub lru-0007.tlog-proof          the same with nothing installed"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The battle and where its receipt goes."""
    parser.add_argument("battle_id", metavar="BATTLE_ID", help="a recorded battle")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write it there (default: standard output)")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Make the receipt from the newest checkpoint; signs nothing."""
    from green_logic.ledger.log import prove
    from green_logic.ledger.reading import open_for_reading
    from green_logic.ledger.schema import database_errors

    with open_for_reading(settings) as connection, database_errors(settings.database):
        receipt = prove(connection, options.battle_id)
    write_answer("prove", receipt, options, "receipt")
    return GOOD


def write_answer(command: str, data: bytes, options: argparse.Namespace, what: str) -> None:
    """Write a text that was made for a battle, to a file or to standard output."""
    if options.output is not None:
        _write(options.output, data, what)
    if options.json:
        content = {"ok": True, "battle_id": options.battle_id, "file": str(options.output or ""), what: data.decode()}
        write_json(command, content)
    elif options.output is None:
        write_bytes(data)
    elif not options.quiet:
        say(f"{what} of {options.battle_id} in {options.output} ({len(data)} bytes)")


def _write(path: Path, data: bytes, what: str) -> None:
    from green_logic.files import storage_errors, write_file

    with storage_errors(f"cannot write the {what}", "-o"):
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a device or a pipe gets it; a file must not take its name
        else:
            write_file(path, data)
