"""`green-logic verify`: check DBOMs, receipts, checkpoints, publications, or everything in a data directory."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from green_logic.commands import BAD, GOOD, say, write_json

if TYPE_CHECKING:
    import argparse

    from green_logic.audit.report import AuditReport, Depth
    from green_logic.proof.checkpoint import Checkpoint
    from green_logic.settings import Settings

SUMMARY = "check DBOMs, receipts, publications or the whole ledger; never writes"
EXAMPLES = """examples:
  green-logic verify                                      everything in data/: rows, DBOMs, log, checkpoints
  green-logic verify --key judge.pub --checkpoint note    the same against what you kept, which nobody can rewrite
  green-logic verify dbom_lru-0007.json --key judge.pub   one DBOM; needs no ledger
  green-logic verify lru-0007.tlog-proof --key judge.pub  a receipt
  green-logic verify data/archives --key judge.pub        archives, or one of them; need no ledger
  green-logic verify exports/ --key judge.pub             an export, or one Parquet file; needs no ledger
  green-logic verify --strict --deep                      nothing taken on trust, every row of every publication"""
PROGRESS_FROM_S = {True: 0.5, False: 10.0}  # on a terminal, elsewhere; shorter checks show none
PROGRESS_EVERY_S = {True: 0.1, False: 10.0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Targets and what is pinned."""
    parser.add_argument(
        "targets",
        metavar="TARGET",
        nargs="*",
        help="a DBOM, receipt or checkpoint file, an archive or a folder of them, an export or a Parquet file of it, a "
        "backup, a data directory, or the id of a recorded battle (default: everything in data/)",
    )
    parser.add_argument(
        "--key",
        metavar="FILE",
        action="append",
        type=Path,
        help="the judge's public key, from elsewhere than the data; may be repeated",
    )
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        action="append",
        type=Path,
        help="a checkpoint you kept: the ledger must begin with what it covers",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="what is not signed (DBOM 1.0), under no checkpoint, or not pinned by a key and a checkpoint from "
        "elsewhere, is a finding too",
    )
    parser.add_argument(
        "--part",
        action="store_true",
        help="the archives or the export hold only a part on purpose: battles that a checkpoint covers may be missing",
    )
    depth = parser.add_mutually_exclusive_group()
    depth.add_argument(
        "--deep",
        action="store_true",
        help="compare every row of exports and backups with the ledger; by default their files are hashed",
    )
    depth.add_argument(
        "--ledger-only", action="store_true", help="leave exports, archives and backups out, however many there are"
    )
    parser.add_argument(
        "--every-signature",
        action="store_true",
        help="verify every battle's own signature too; a signed checkpoint covers their bytes without",
    )
    parser.add_argument("--limit", metavar="N", type=int, default=5, help="examples shown of each kind (default: 5)")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Check the targets and tell."""
    from green_logic.audit.report import Extent
    from green_logic.audit.single import Verdict
    from green_logic.audit.targets import Terms, check_target
    from green_logic.proof.pinned import load_public_keys

    keys = load_public_keys(options.key) if options.key else None
    with _Line(quiet=options.quiet or options.json) as line:
        terms = Terms(
            settings=settings,
            keys=keys,
            pins=[_load_pin(path) for path in options.checkpoint or ()],
            extent=Extent(_depth(options), options.every_signature),
            strict=options.strict,
            part=options.part,
            kept=max(options.limit, 1),
            on_progress=line.show,
        )
        answers = [check_target(target, terms) for target in options.targets or [None]]
    ok = all(answer.ok for answer in answers)
    if options.json:
        content = [_as_json(answer) for answer in answers]
        write_json("verify", {"ok": ok, "key_pinned": keys is not None, "targets": content})
    else:
        for answer in answers:
            if len(answers) > 1 and not isinstance(answer, Verdict):
                say(f"{answer.target}:")
            _tell(answer, quiet=options.quiet)
        _tell_limits(answers, pinned=keys is not None, note=bool(options.checkpoint))
    return GOOD if ok else BAD


def _depth(options: argparse.Namespace) -> Depth:
    return "ledger" if options.ledger_only else "rows" if options.deep else "files"


def _load_pin(path: Path) -> Checkpoint:
    from green_logic.audit.single import read_target
    from green_logic.errors import ConfigurationError, VerificationError
    from green_logic.proof.checkpoint import parse_checkpoint

    try:
        return parse_checkpoint(read_target(path))
    except VerificationError as error:
        raise ConfigurationError(f"{path}: {error.message}", hint="--checkpoint takes a signed checkpoint") from error


class _Line:
    """How far a long check is, on stderr: one line of a terminal, elsewhere a line at times. A context manager."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._terminal, self._shown = quiet, sys.stderr.isatty(), False
        self._next = time.monotonic() + PROGRESS_FROM_S[self._terminal]

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._shown and self._terminal:
            self._write("\r\x1b[K")

    def show(self, stage: str, done: int, total: int) -> None:
        """Say it, unless something was said just now."""
        now = time.monotonic()
        if self._quiet or now < self._next:
            return
        self._next, self._shown = now + PROGRESS_EVERY_S[self._terminal], True
        text = f"{stage}: {done} of {total}" if total else f"{stage}: {done}"
        self._write(f"\r{text}\x1b[K" if self._terminal else f"{text}\n")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def _as_json(answer: Any) -> dict[str, Any]:
    from green_logic.audit.single import Verdict

    if isinstance(answer, Verdict):
        return {
            "target": answer.path,
            "what": answer.what,
            "ok": answer.ok,
            "kind": answer.kind,
            "message": answer.message,
        }
    from green_logic.audit.findings import explain

    names = ("target", "what", "ok", "battles", "files", "leaves", "sealed", "pinned", "unsealed", "checkpoints")
    more = ("verified", "exported", "archived", "backups")
    content = {name: getattr(answer, name) for name in names + more}
    return {**content, "keyids": list(answer.keyids), "findings": explain(answer.tally)}


def _tell_limits(answers: list[Any], *, pinned: bool, note: bool) -> None:
    good = [answer for answer in answers if getattr(answer, "kind", "") == ""]
    if good and not pinned:
        say("  key not pinned: this shows that the files agree with each other; give --key FILE")
    if note and any(answer.what == "dbom" for answer in good):
        say("  --checkpoint says nothing about a DBOM alone; of its receipt (green-logic prove) or archive it does")


def _tell(answer: Any, *, quiet: bool) -> None:
    from green_logic.audit.single import Verdict

    if isinstance(answer, Verdict):
        what = {"dbom": "DBOM"}.get(answer.what, answer.what)
        if not answer.kind:
            say(f"✔ {answer.path}: {what} is good: {answer.message}")
        else:
            say(f"{'?' if answer.kind == 'legacy-unsigned' else '✘'} {answer.path}: {answer.kind}: {answer.message}")
        return
    if not quiet:
        _tell_counts(answer)
    from green_logic.audit.findings import explain

    for item in explain(answer.tally):
        _tell_findings(item)
    levels = f"sealed to {answer.sealed} · pinned to {answer.pinned} · {answer.unsealed} unsealed"
    if answer.ok:
        say(f"✔ consistent · {levels}")
    else:
        say(f"✘ {answer.tally.total()} findings · {levels}")


def _tell_counts(answer: AuditReport) -> None:
    if answer.what == "export":
        say(f"rows        {answer.battles}" + ("" if answer.tally.total() else ", each as its own seal says"))
        return
    say(f"rows        {answer.battles} of {answer.leaves} leaves have their row")
    say(f"DBOM files  {answer.files} of {answer.leaves}")
    say(f"log         {answer.leaves} leaves, {answer.checkpoints} checkpoints")
    under = answer.leaves - answer.verified
    say(f"signatures  {answer.verified} verified one by one, {under} under a signed checkpoint")
    for name, count, what in (
        ("exports", answer.exported, "battles in Parquet files"),
        ("archives", answer.archived, "DBOMs"),
        ("backups", answer.backups, "in backups/"),
    ):
        if count:
            say(f"{name:<11} {count} {what}")


def _tell_findings(item: dict[str, Any]) -> None:
    say(f"✘ {item['kind']} × {item['count']}: {item['meaning']}")
    for example in item["examples"]:
        say(f"    {example['where']}: {example['message']}")
    if item["count"] > len(item["examples"]):
        say(f"    … and {item['count'] - len(item['examples'])} more")
