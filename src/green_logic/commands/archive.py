"""`green-logic archive`: DBOMs in packs that standard tools open."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from green_logic.commands import BAD, DRY, GOOD, say, write_bytes, write_json
from green_logic.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from types import TracebackType

    from green_logic.publish.archive import ArchiveReport
    from green_logic.publish.archive_copies import CopyReport
    from green_logic.settings import Settings

SUMMARY = "pack new DBOMs into data/archives/, verified and easy to share"
EXAMPLES = """examples:
  green-logic archive                                 pack what no archive holds yet; nothing new makes no file
  green-logic archive --prune                         then remove the DBOM files that a verified archive holds
  green-logic archive --dest s3://bucket/arena        and keep a copy of each archive elsewhere
  green-logic archive --take lru-0007 > dbom.json     one DBOM out of its archive
  green-logic archive --check data/archives/*.json --key judge.pub
  tar -xzf data/archives/dboms-….tar.gz && sha256sum -c SHA256SUMS    without us"""
UPDATE_S = 0.1  # between two changes of the progress line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do beside packing."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--prune", action="store_true", help="remove the files that a verified archive holds")
    parser.add_argument("--dry-run", action="store_true", help="say what would be packed and removed; writes nothing")
    what.add_argument("--take", metavar="BATTLE_ID", help="only write one archived DBOM to standard output")
    what.add_argument("--check", nargs="+", metavar="ARCHIVE", help="only check archives; needs no ledger")
    parser.add_argument(
        "--dest",
        dest="archive_to",
        metavar="URI",
        help="then copy archives that it lacks to a directory or URI (s3://…)",
    )
    parser.add_argument("--key", metavar="FILE", help="with --check: public keys, to check every seal too")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Archive, take one out, or check."""
    if options.take:
        return _take(options.take, settings)
    if options.check:
        return _check(options)
    if options.dry_run:
        return _plan(options, settings)
    from green_logic.publish.archive import archive_dboms
    from green_logic.publish.archive_copies import copy_archives, open_for_copies

    if settings.archive_to:
        open_for_copies(settings, settings.archive_to)  # what it refuses, it refuses before anything is packed
    with ProgressLine(quiet=options.quiet or options.json) as line:
        report = archive_dboms(settings, prune=options.prune, progress=line.show)
        copies = copy_archives(settings, settings.archive_to, progress=line.show) if settings.archive_to else None
    if options.json:
        content = {**vars(report), "made": [str(path) for path in report.made], "copies": copies and vars(copies)}
        write_json("archive", {"ok": not report.kept, **content})
    else:
        _tell(report, pruned=options.prune)
        if copies is not None:
            _tell_copies(copies)
    return BAD if report.kept else GOOD


def _plan(options: argparse.Namespace, settings: Settings) -> int:
    import dataclasses

    from green_logic.publish.plans import plan_archive

    plan = plan_archive(settings, prune=options.prune, destination=settings.archive_to)
    if options.json:
        write_json("archive", {"ok": True, "dry_run": True, **dataclasses.asdict(plan)})
        return GOOD
    for first, last in plan.new:
        say(f"would pack leaves {first} to {last}")
    say(f"{plan.dboms} of {plan.ledger_size} DBOMs to archive {DRY}")
    if options.prune:
        say(f"would remove up to {plan.prunable} files from dboms/, once an archive that was read back holds them")
    if plan.destination:
        say(f"would copy archives that it lacks to {plan.destination}")
    return GOOD


def _tell_copies(copies: CopyReport) -> None:
    size = f"{copies.size_bytes / 1e6:.1f} MB"
    say(f"{len(copies.copied)} archives copied, {size}, {copies.present} were there -> {copies.destination}")
    if copies.copied and not copies.create_only:
        from green_logic.commands.export import GUARD

        say(f"! {GUARD}")


def _tell(report: ArchiveReport, *, pruned: bool) -> None:
    for path in report.made:
        say(str(path))
    if report.made:
        ratio = report.dbom_bytes / report.size_bytes
        size = f"{report.dbom_bytes / 1e6:.1f} MB in {report.size_bytes / 1e6:.1f} MB ({ratio:.0f} to 1)"
        say(f"{report.dboms} DBOMs archived and read back, {size}; {report.ledger_size} in all")
    else:
        say(f"nothing new: all {report.ledger_size} DBOMs are archived")
    if pruned:
        say(f"{report.removed} files removed from dboms/")
    if report.kept:
        say(f"{report.kept} files kept: they are not what the ledger recorded (green-logic verify tells which)")


def _take(battle_id: str, settings: Settings) -> int:
    from green_logic.publish.archive import read_archived_dbom

    data = read_archived_dbom(settings, battle_id)
    if data is None:
        raise ConfigurationError(f"no archive holds battle {battle_id!r}", hint="green-logic archive packs new ones")
    write_bytes(data)
    return GOOD


def _check(options: argparse.Namespace) -> int:
    from pathlib import Path

    from green_logic.proof.pinned import load_public_keys
    from green_logic.publish.archive_check import check_archive

    missing = [path for path in options.check if not Path(path).is_file()]
    if missing:
        raise ConfigurationError(f"{missing[0]}: there is no such file", hint="name a pack or its manifest")
    keys = load_public_keys([Path(options.key)]) if options.key else None
    with ProgressLine(quiet=options.quiet or options.json) as line:
        found = {path: check_archive(Path(path), keys, progress=line.show) for path in options.check}
    good = not any(found.values())
    if options.json:
        write_json("archive", {"ok": good, "seals_checked": keys is not None, "findings": found})
        return GOOD if good else BAD
    for path, findings in found.items():
        say(f"{path}: {'; '.join(findings) or 'good' + ('' if keys else ' (seals not checked: no --key)')}")
    return GOOD if good else BAD


class ProgressLine:
    """One line on a terminal's stderr that says how far long work is; nothing on a pipe. A context manager."""

    def __init__(self, *, quiet: bool) -> None:
        self._watched = not quiet and sys.stderr.isatty()
        self._next = time.monotonic() + 5 * UPDATE_S  # short work needs no line

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watched:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def show(self, stage: str, done: int, total: int) -> None:
        """Say it, at most ten times a second."""
        now = time.monotonic()
        if self._watched and now >= self._next:
            self._next = now + UPDATE_S
            sys.stderr.write(f"\r\x1b[K{stage} {f'{done} of {total}' if total else '…'}")
            sys.stderr.flush()
