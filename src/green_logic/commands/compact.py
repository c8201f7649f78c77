"""`green-logic compact`: few large Parquet files in the place of many small ones."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from green_logic.commands import DRY, GOOD, say, write_json
from green_logic.commands.export import GUARD

if TYPE_CHECKING:
    import argparse

    from green_logic.settings import Settings

SUMMARY = "merge the small Parquet files of each month"
EXAMPLES = """examples:
  green-logic compact                         the files in data/exports/battles/
  green-logic compact --dest s3://bucket/arena"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of this command."""
    parser.add_argument("--dry-run", action="store_true", help="say what would be merged; writes nothing")
    parser.add_argument(
        "--dest",
        dest="export_to",
        metavar="URI",
        help="directory or URI (s3://…); default: exports/ in the data directory",
    )


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Compact, and say what was merged."""
    from green_logic.publish.compact import compact_exports

    if options.dry_run:
        return _plan(options, settings)
    report = compact_exports(settings, destination=settings.export_to or None)
    if options.json:
        write_json("compact", {"ok": True, **dataclasses.asdict(report)})
    elif not options.quiet and report.manifest is None:
        say(f"nothing to merge in {report.destination}")
    elif not options.quiet:
        say(
            f"✔ {report.merged} small files with {report.rows:,} rows merged: "
            f"{report.files_before} files -> {report.files_after} in {report.destination}"
        )
        if not report.create_only:
            say(f"! {GUARD}")
    return GOOD


def _plan(options: argparse.Namespace, settings: Settings) -> int:
    from green_logic.publish.plans import plan_compact

    plan = plan_compact(settings, destination=settings.export_to or None)
    if options.json:
        write_json("compact", {"ok": True, "dry_run": True, **dataclasses.asdict(plan)})
    elif not options.quiet:
        what = f"{plan.merged} small files with {plan.rows:,} rows" if plan.merged else "nothing"
        say(f"{what} to merge: {plan.files_before} files -> {plan.files_after} in {plan.destination} {DRY}")
    return GOOD
