"""`green-logic import`: other people's records into this ledger, each counted, none invented."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from green_logic.commands import BAD, GOOD, say, write_json

if TYPE_CHECKING:
    from green_logic.importers.run import ImportRun
    from green_logic.settings import Settings

SUMMARY = "take other people's records: LogoMesh databases, Inspect AI logs"
EXAMPLES = """examples:
  green-logic import arena/battles.db                          a LogoMesh database, with dboms/ beside it
  green-logic import arena/ --dry-run                          every database there; writes nothing
  green-logic import run.eval --score-map C=1,I=0,P=0.5,N=0    an Inspect AI log
  green-logic import run.eval --score-map match@C=1,I=0 --score-map grade@linear:0..10"""
EXAMPLES_SHOWN = 3  # of each outcome
LINE_EVERY_S, DRAW_EVERY_S = 10.0, 0.1  # seconds between progress lines without a terminal, and with one
OUTCOMES = {
    "recorded": "",
    "already_recorded": "the same record is on the ledger",
    "conflicts": "a different record has the id; the first stays",
    "not_evaluated": "the origin's judge had failed",
    "refused": "cannot become a battle",
}
PROOFS = {
    "matched": "match their row",
    "overwritten": "were overwritten by a later run",
    "differs": "differ from their row and from every later one",
    "missing": "are missing",
    "malformed": "are no DBOM 1.0",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of this command."""
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a database, a directory of databases, or a .eval log")
    parser.add_argument("--format", metavar="NAME", help="logomesh, inspect-ai or a plugin's (default: what fits)")
    parser.add_argument(
        "--score-map",
        metavar="MAP",
        action="append",
        default=[],
        help="what a foreign score is worth: C=1,I=0 or linear:0..10, SCORER@ before it for one scorer; repeatable",
    )
    parser.add_argument("--dry-run", action="store_true", help="count what would become of each record; writes nothing")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Import every path; 0 when every record is on the ledger, else 1."""
    from pathlib import Path

    from green_logic.importers.registry import choose_importer
    from green_logic.importers.run import ImportRun
    from green_logic.importers.score_map import parse_score_maps

    maps = parse_score_maps(options.score_map)
    # all paths are looked at before anything is written
    chosen = [(Path(path), choose_importer(Path(path), name=options.format)) for path in options.paths]
    progress = _Progress(sys.stderr, quiet=options.quiet or options.json)
    with ImportRun(settings, score_maps=maps, dry_run=options.dry_run, on_progress=progress.show) as importing:
        for path, importer in chosen:
            importing.take(path, importer)
        importing.finish()
        progress.stop()
        if options.json:
            write_json("import", {"ok": importing.clean, **importing.report()})
        else:
            _tell(importing, quiet=options.quiet)
        return GOOD if importing.clean else BAD


class _Progress:
    """One line on standard error: live on a terminal, else now and then."""

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._stream = stream
        self._quiet = quiet
        self._live = stream.isatty()
        self._last = time.monotonic()

    def show(self, importing: ImportRun) -> None:
        now = time.monotonic()
        if self._quiet or now - self._last < (DRAW_EVERY_S if self._live else LINE_EVERY_S):
            return
        self._last = now
        text = f"read {importing.counts.read}  recorded {importing.counts.recorded}"
        self._stream.write(f"\r{text}\x1b[K" if self._live else f"{text}\n")
        self._stream.flush()

    def stop(self) -> None:
        if self._live and not self._quiet:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _tell(importing: ImportRun, *, quiet: bool) -> None:
    report = importing.report()
    dry = " (dry run: nothing was written)" if importing.dry_run else ""
    mark = "✔" if importing.clean else "✘"
    say(f"{mark} {report['read']} records read{dry}")
    for name, meaning in OUTCOMES.items():
        if report[name] or name == "recorded":
            say(f"  {report[name]:>7} {_heading(name, importing)}{meaning and f'  {meaning}'}{_kinds(name, report)}")
    _tell_proofs(importing)
    for line in (*report["notes"], *(f"not read to its end: {item['reason']}" for item in report["unreadable"])):
        say(f"  ! {line}")
    if quiet:
        return
    for entries in report["examples"].values():
        for entry in entries[:EXAMPLES_SHOWN]:
            say(f"  {entry['file']}:{entry['line']}: {entry['battle_id'] or '?'}: {_why(entry)}")
    for path in importing.lists:
        say(f"  every record that was left out: {path}")


def _heading(name: str, importing: ImportRun) -> str:
    return "would be recorded" if importing.dry_run and name == "recorded" else name.replace("_", " ")


def _kinds(name: str, report: dict[str, Any]) -> str:
    kinds = ", ".join(f"{kind} {count}" for kind, count in report["refused_by_kind"].items())
    return f" ({kinds})" if name == "refused" else ""


def _tell_proofs(importing: ImportRun) -> None:
    if importing.proofs:
        parts = [f"{importing.proofs[proof]} {text}" for proof, text in PROOFS.items() if importing.proofs[proof]]
        say(f"  DBOMs 1.0 (legacy-unsigned: no signature that can be checked): {', '.join(parts)}")


def _why(entry: dict[str, Any]) -> str:
    if entry["outcome"] != "conflict" or not entry["recorded"]:
        return f"{entry['outcome'].replace('_', ' ')}: {entry['reason']}"
    return f"conflict: recorded {_side(entry['recorded'])}, found {_side(entry['found'])}"


def _side(side: dict[str, Any]) -> str:
    return f"{side['where']} {side['digest'][:12]}… score {side['score']:.3f} of {side['timestamp']}"
