"""`green-logic backup`: a snapshot that was restored once before it is called a backup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from green_logic.commands import DRY, GOOD, program, say, write_json
from green_logic.commands.archive import ProgressLine
from green_logic.commands.export import GUARD

if TYPE_CHECKING:
    import argparse

    from green_logic.settings import Settings

SUMMARY = "snapshot of ledger and DBOMs, restored and checked before it counts"
EXAMPLES = """examples:
  green-logic backup                           into data/backups/, while runs go on
  green-logic backup /mnt/b --keep 7d,4w,12m   elsewhere; then thin out: one a day, week and month
  green-logic backup s3://bucket/backups --keep 30d
  green-logic restore --drill /mnt/b/2026-11-22T183000Z    prove again that it can be restored"""

SPARED = "this ledger is no continuation of it, so it may hold battles that are nowhere else"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, and what stays."""
    parser.add_argument("backup_to", nargs="?", metavar="DIR|URI", help="default: backups/ in the data")
    parser.add_argument("--dry-run", action="store_true", help="say what would be made and removed; writes nothing")
    parser.add_argument(
        "--keep", metavar="RULE", help="remove older complete backups there, but one for each of 7d,4w,12m or the like"
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Back up and tell, or tell what that would be."""
    if options.dry_run:
        return _plan(options, settings)
    from green_logic.publish.remote_backup import backup_to

    with ProgressLine(quiet=options.quiet or options.json) as line:
        report = backup_to(settings, settings.backup_to or None, settings.keep or None, progress=line.show)
    place = report.place or str(report.path)
    if options.json:
        content = {**vars(report), "path": place, "removed": list(report.removed), "spared": list(report.spared)}
        del content["place"]
        write_json("backup", {"ok": True, **content})
        return GOOD
    size = f"{report.ledger_size} battles with their DBOMs, {report.size_bytes / 1e6:.1f} MB"
    say(f"{place}: {size}, restored and checked, {report.seconds:.1f} s")
    for name in report.removed:
        say(f"removed {name}")
    for name in report.spared:
        say(f"! {name} stays: {SPARED}")
    if not report.create_only:
        say(f"! {GUARD}")
    if not options.quiet:
        say(f"next  {program()} restore {place} -C NEW_DIRECTORY")
    return GOOD


def _plan(options: argparse.Namespace, settings: Settings) -> int:
    import dataclasses

    from green_logic.publish.plans import plan_backup

    plan = plan_backup(settings, settings.backup_to or None, settings.keep or None)
    if options.json:
        write_json("backup", {"ok": True, "dry_run": True, **dataclasses.asdict(plan)})
        return GOOD
    say(f"{plan.ledger_size} battles, {plan.database_bytes / 1e6:.1f} MB of database -> {plan.place} {DRY}")
    for name in plan.removed:
        say(f"would remove {name}")
    for name in plan.spared:
        say(f"! {name} would stay: {SPARED}")
    return GOOD
