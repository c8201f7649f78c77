"""`green-logic verify`: check DBOMs, receipts, checkpoints, or everything in a data directory."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from green_logic.commands import BAD, GOOD, say, write_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from green_logic.audit.scene import AuditReport
    from green_logic.audit.single import Verdict
    from green_logic.proof.checkpoint import Checkpoint
    from green_logic.proof.keys import PublicKey
    from green_logic.settings import Settings

SUMMARY = "check DBOMs, receipts, checkpoints or the whole ledger; never writes"
EXAMPLES = """examples:
  green-logic verify                                      everything in data/: rows, DBOMs, log, checkpoints
  green-logic verify --key judge.pub --checkpoint note    the same against what you kept, which nobody can rewrite
  green-logic verify dbom_lru-0007.json --key judge.pub   one DBOM; needs no ledger
  green-logic verify lru-0007.tlog-proof --key judge.pub  a receipt"""
PROGRESS_FROM_S = 0.5  # a shorter audit shows none
PROGRESS_EVERY_S = {True: 0.1, False: 10.0}  # on a terminal, elsewhere


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Targets and what is pinned."""
    parser.add_argument(
        "targets",
        metavar="TARGET",
        nargs="*",
        help="a DBOM, receipt or checkpoint file, a data directory, or the id of a recorded battle (default: all)",
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
        "--every-signature",
        action="store_true",
        help="verify every battle's own signature too; a signed checkpoint covers their bytes without",
    )
    parser.add_argument("--limit", metavar="N", type=int, default=5, help="examples shown of each kind (default: 5)")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Check the targets and tell."""
    from green_logic.proof.pinned import load_public_keys

    keys = load_public_keys(options.key) if options.key else None
    pins = [_load_pin(path) for path in options.checkpoint or ()]
    answers = [_check(target, options, settings, keys, pins) for target in options.targets or [None]]
    ok = all(answer.ok for answer in answers)
    if options.json:
        content = [_as_json(answer) for answer in answers]
        write_json("verify", {"ok": ok, "key_pinned": keys is not None, "targets": content})
    else:
        for answer in answers:
            _tell(answer, pinned=keys is not None, quiet=options.quiet)
    return GOOD if ok else BAD


def _check(
    target: str | None,
    options: argparse.Namespace,
    settings: Settings,
    keys: Mapping[str, PublicKey] | None,
    pins: list[Checkpoint],
) -> AuditReport | Verdict:
    path = settings.data_dir if target is None else Path(target)
    if target is None or path.is_dir():
        from green_logic.audit.ledger import find_own_pin

        # what this machine's judge signed last binds its own ledger, not a copy or a backup of it that is older
        own = find_own_pin(settings) if target is None else None
        return _audit(settings.changed(data_dir=path), options, keys, [*pins, *([own] if own else [])])
    from green_logic.audit.single import check_file

    if not path.exists():
        from green_logic.audit.one_battle import check_battle

        return check_battle(settings, str(target), keys)
    return check_file(path, keys if keys is not None else _keys_beside(path, settings), tuple(pins))


def _audit(
    settings: Settings, options: argparse.Namespace, keys: Mapping[str, PublicKey] | None, pins: list[Checkpoint]
) -> AuditReport:
    from green_logic.audit.ledger import audit_ledger

    shown, kept = _progress(quiet=options.quiet or options.json), max(options.limit, 1)
    return audit_ledger(settings, keys, pins, every_signature=options.every_signature, kept=kept, on_progress=shown)


def _load_pin(path: Path) -> Checkpoint:
    from green_logic.audit.single import read_target
    from green_logic.errors import ConfigurationError, VerificationError
    from green_logic.proof.checkpoint import parse_checkpoint

    try:
        return parse_checkpoint(read_target(path))
    except VerificationError as error:
        raise ConfigurationError(f"{path}: {error.message}", hint="--checkpoint takes a signed checkpoint") from error


def _keys_beside(path: Path, settings: Settings) -> Mapping[str, PublicKey]:
    """The key of the data directory that a file lies in, or of the one in the settings."""
    from green_logic.audit.ledger import load_published_keys
    from green_logic.proof.keys import PUBLIC_NAME

    for folder in path.absolute().parents[:3]:
        if (folder / PUBLIC_NAME).is_file():
            return load_published_keys(folder)
    return load_published_keys(settings.data_dir)


def _progress(*, quiet: bool) -> Callable[[int, int], None] | None:
    if quiet:
        return None
    terminal = sys.stderr.isatty()
    started = last = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total and terminal and last != started:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201  takes the line away
        elif now - started >= PROGRESS_FROM_S and now - last >= PROGRESS_EVERY_S[terminal]:
            last = now
            start, end = ("\r", "\x1b[K") if terminal else ("", "\n")
            print(f"{start}checked {done} of {total} battles", end=end, file=sys.stderr, flush=True)  # noqa: T201

    return show


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

    names = ("target", "ok", "battles", "files", "leaves", "sealed", "pinned", "unsealed", "checkpoints", "verified")
    content = {name: getattr(answer, name) for name in names}
    return {**content, "what": "ledger", "keyids": list(answer.keyids), "findings": explain(answer.tally)}


def _tell(answer: Any, *, pinned: bool, quiet: bool) -> None:
    from green_logic.audit.single import Verdict

    unpinned = "" if pinned else "\n  key not pinned: this shows that the files agree with each other; give --key FILE"
    if isinstance(answer, Verdict):
        what = {"dbom": "DBOM"}.get(answer.what, answer.what)
        if answer.ok:
            say(f"✔ {answer.path}: {what} is good: {answer.message}{unpinned}")
        else:
            say(f"{'?' if answer.kind == 'legacy-unsigned' else '✘'} {answer.path}: {answer.kind}: {answer.message}")
        return
    if not quiet:
        say(f"rows        {answer.battles} of {answer.leaves} leaves have their row")
        say(f"DBOM files  {answer.files} of {answer.leaves}")
        say(f"log         {answer.leaves} leaves, {answer.checkpoints} checkpoints")
        under = answer.leaves - answer.verified
        say(f"signatures  {answer.verified} verified one by one, {under} under a signed checkpoint")
    from green_logic.audit.findings import explain

    for item in explain(answer.tally):
        _tell_findings(item)
    levels = f"sealed to {answer.sealed} · pinned to {answer.pinned} · {answer.unsealed} unsealed"
    if answer.ok:
        say(f"✔ consistent · {levels}{unpinned}")
    else:
        say(f"✘ {answer.tally.total()} findings · {levels}{unpinned}")


def _tell_findings(item: dict[str, Any]) -> None:
    say(f"✘ {item['kind']} × {item['count']}: {item['meaning']}")
    for example in item["examples"]:
        say(f"    {example['where']}: {example['message']}")
    if item["count"] > len(item["examples"]):
        say(f"    … and {item['count'] - len(item['examples'])} more")
