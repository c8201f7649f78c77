"""`green-logic export`: the ledger's new rows as Parquet."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from green_logic.commands import GOOD, say, write_json

if TYPE_CHECKING:
    import argparse

    from green_logic.publish.export import ExportPlan, ExportReport
    from green_logic.settings import Settings

SUMMARY = "publish the ledger's new rows as Parquet files"
EXAMPLES = """examples:
  green-logic export                          what is new, to data/exports/battles/
  green-logic export --dest s3://bucket/arena the same, to a bucket (AWS_… variables or ~/.aws)
  green-logic export --dry-run                what that would be; writes nothing
  green-logic export --rebuild                every row anew, in the place of what is published"""

GUARD = (
    "this store cannot refuse a second file of the same name (or the extra green-logic[s3] is not installed): "
    "let only one data directory publish to it"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of this command."""
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--since", type=int, metavar="ID", help="begin an empty destination after this row")
    start.add_argument("--rebuild", action="store_true", help="write every row anew and supersede what is published")
    parser.add_argument(
        "--dest",
        dest="export_to",
        metavar="URI",
        help="directory or URI (s3://…); default: exports/ in the data directory",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be published; writes nothing")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Export, and say what is new."""
    from green_logic.publish.export import export_battles, plan_export

    place = settings.export_to or None
    if options.dry_run:
        plan = plan_export(settings, since=options.since, rebuild=options.rebuild, destination=place)
        return _show_plan(plan, options)
    report = export_battles(settings, since=options.since, rebuild=options.rebuild, destination=place)
    if options.json:
        write_json("export", {"ok": True, **dataclasses.asdict(report)})
    elif not options.quiet:
        say(_sentence(report))
        if report.manifest is not None and not report.create_only:
            say(f"! {GUARD}")
    return GOOD


def _show_plan(plan: ExportPlan, options: argparse.Namespace) -> int:
    if options.json:
        write_json("export", {"ok": True, "dry_run": True, **dataclasses.asdict(plan)})
    elif not options.quiet:
        new = f"{plan.rows:,} rows, ids {plan.first} to {plan.last}" if plan.rows else "nothing new"
        say(f"{new} -> {plan.destination} (dry run: nothing was written)")
    return GOOD


def _sentence(report: ExportReport) -> str:
    if report.manifest is None:
        return f"nothing new for {report.destination}"
    files = "1 file" if len(report.files) == 1 else f"{len(report.files)} files"
    size = report.size_bytes / 1e6
    return f"✔ {report.rows:,} rows to id {report.last} in {files}, {size:.1f} MB, checked -> {report.destination}"
