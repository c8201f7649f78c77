"""`green-logic restore`: a backup becomes a data directory, or proves that it could."""

from __future__ import annotations

from typing import TYPE_CHECKING

from green_logic.commands import GOOD, say, write_json
from green_logic.commands.archive import ProgressLine

if TYPE_CHECKING:
    import argparse

    from green_logic.settings import Settings

SUMMARY = "make a new data directory from a backup; never overwrites one"
EXAMPLES = """examples:
  green-logic restore data/backups/2026-11-22T183000Z -C restored    verified before and after
  green-logic restore --drill /mnt/b/2026-11-22T183000Z              into a scratch directory, then thrown away"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which backup, and whether for good."""
    parser.add_argument("backup", metavar="BACKUP", help="the directory of one backup")
    parser.add_argument("--drill", action="store_true", help="only prove that it can be restored; writes nothing here")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Restore into the data directory, or rehearse it, and tell."""
    from pathlib import Path

    from green_logic.publish.restore import drill, restore

    source = Path(options.backup)

    with ProgressLine(quiet=options.quiet or options.json) as line:
        if options.drill:
            report = drill(source, progress=line.show)
        else:
            report = restore(source, settings.data_dir, progress=line.show)
    if options.json:
        write_json("restore", {"ok": True, "drill": options.drill, **vars(report), "path": str(report.path)})
        return GOOD
    what = "can be restored from" if options.drill else "restored to"
    say(f"{report.ledger_size} battles of {report.created_at} {what} {report.path}, {report.seconds:.1f} s")
    if not options.drill:
        say("every row, DBOM and seal was checked; battles recorded after that moment are not in it")
    return GOOD
