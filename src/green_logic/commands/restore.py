"""`green-logic restore`: a backup becomes a data directory, or proves that it could."""

from __future__ import annotations

from typing import TYPE_CHECKING

from green_logic.commands import DRY, GOOD, say, write_json
from green_logic.commands.archive import ProgressLine

if TYPE_CHECKING:
    import argparse

    from green_logic.ledger.loss import Loss
    from green_logic.settings import Settings

SUMMARY = "make a new data directory from a backup; never overwrites one"
EXAMPLES = """examples:
  green-logic restore data/backups/2026-11-22T183000Z -C restored    verified before and after
  green-logic restore s3://bucket/backups/2026-11-22T183000Z -C restored
  green-logic restore --drill /mnt/b/2026-11-22T183000Z              into a scratch directory, then thrown away"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which backup, and whether for good."""
    parser.add_argument("backup", metavar="BACKUP", help="the directory or URI of one backup")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--drill", action="store_true", help="only prove that it can be restored; writes nothing here")
    what.add_argument(
        "--dry-run", action="store_true", help="compare the files with their digests and say what would be restored"
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Restore into the data directory, or rehearse it, and tell."""
    if options.dry_run:
        return _plan(options, settings)
    from dataclasses import replace
    from pathlib import Path

    from green_logic.publish.remote_backup import fetched_backup
    from green_logic.publish.restore import drill, restore

    target = None if options.drill else settings.data_dir
    with (
        ProgressLine(quiet=options.quiet or options.json) as line,
        fetched_backup(settings, options.backup, target) as source,
    ):
        if target is None:
            report = replace(drill(source, progress=line.show), path=Path(options.backup))
        else:
            report = restore(source, target, progress=line.show)
    place = options.backup if options.drill else str(report.path)
    loss, problem = (None, "") if options.drill else _look_back(settings)
    if options.json:
        behind = {"battles": loss.battles, "signed": loss.signed.size, "signed_at": loss.signed_at} if loss else None
        answer = {"ok": True, "drill": options.drill, **vars(report), "path": place, "behind": behind}
        write_json("restore", answer)
        return GOOD
    what = "can be restored from" if options.drill else "restored to"
    say(f"{report.ledger_size} battles of {report.created_at} {what} {place}, {report.seconds:.1f} s")
    if not options.drill:
        say("every row, DBOM and seal was checked; battles recorded after that moment are not in it")
    if loss is not None:
        from green_logic.ledger.loss import ways_out

        say(f"! {report.path} {loss}\n  nothing can be recorded in it yet: {ways_out(settings.data_dir)}")
    elif problem:
        say(f"! {problem}")
    return GOOD


def _plan(options: argparse.Namespace, settings: Settings) -> int:
    from dataclasses import asdict

    from green_logic.publish.plans import plan_restore
    from green_logic.publish.remote_backup import fetched_backup

    # a copy of a backup in a bucket is made with the system's temporary files: nothing is made beside the target
    with fetched_backup(settings, options.backup) as source:
        plan = plan_restore(source, settings.data_dir, place=options.backup)
    if options.json:
        write_json("restore", {"ok": True, "dry_run": True, **asdict(plan)})
        return GOOD
    size = f"{plan.ledger_size} battles of {plan.created_at}, {plan.size_bytes / 1e6:.1f} MB"
    say(f"{size}: {plan.backup} -> {plan.target}; every file is as it was backed up {DRY}")
    return GOOD


def _look_back(settings: Settings) -> tuple[Loss | None, str]:
    """What this machine signed after the backup was taken, or why that is not known: the restore is done anyway."""
    from green_logic.errors import ConfigurationError
    from green_logic.ledger.loss import read_loss

    try:
        return read_loss(settings), ""
    except ConfigurationError as error:
        return None, error.message
