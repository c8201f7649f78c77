"""`green-logic checkpoint`: sign the log as it is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from green_logic.commands import GOOD, say, write_bytes, write_json

if TYPE_CHECKING:
    import argparse

    from green_logic.ledger.database import Ledger
    from green_logic.ledger.loss import GivenUp
    from green_logic.settings import Settings

SUMMARY = "sign the log as it is, and print the signed note"
EXAMPLES = """examples:
  green-logic checkpoint > checkpoint-$(date +%F)     keep or publish it: history before it cannot change unnoticed
  green-logic verify --key judge.pub --checkpoint checkpoint-2026-01-31
  green-logic checkpoint --accept-loss                go on from a restored backup that lacks what was signed here"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Two flags."""
    parser.add_argument(
        "--accept-loss",
        action="store_true",
        help="give up, for good, what this machine signed and the ledger lacks; the old note is kept",
    )
    parser.add_argument("--verifier-key", action="store_true", help="print the public key as tools for notes take it")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Sign, or say why not. Needs an existing ledger and its key."""
    from datetime import UTC, datetime

    from green_logic.errors import LedgerMissingError
    from green_logic.ledger.database import Ledger
    from green_logic.ledger.loss import accept_loss
    from green_logic.proof.keys import load_signing_key
    from green_logic.proof.notes import check_can_sign_notes, verifier_key

    if not settings.database.is_file():
        raise LedgerMissingError(f"no ledger in {settings.data_dir}/", hint="green-logic run BATTLES.jsonl makes one")
    key = load_signing_key(settings, make=False)
    public = check_can_sign_notes(key)
    given_up = accept_loss(settings, key, datetime.now(UTC)) if options.accept_loss else None
    with Ledger.open(settings, key) as ledger:
        checkpoint, origin = ledger.checkpoint(key), ledger.origin
    if options.accept_loss and not options.json:
        _tell_loss(given_up, ledger, settings)
    text = verifier_key(origin, public) if options.verifier_key else checkpoint.note if checkpoint else ""
    if options.json:
        size = checkpoint.size if checkpoint else 0
        lost = {"given_up": _as_json(given_up)} if options.accept_loss else {}
        write_json("checkpoint", {"ok": True, "origin": origin, "size": size, "note": text, **lost})
    elif options.verifier_key:
        say(text)
    elif checkpoint is None:
        say("the ledger is empty: there is nothing to sign")
    else:
        write_bytes(text.encode())
    return GOOD


def _tell_loss(given_up: GivenUp | None, ledger: Ledger, settings: Settings) -> None:
    """On stderr: stdout is for the note."""
    from base64 import b64encode

    if given_up is None:
        say("nothing is lost: the ledger has all that was signed here", file=sys.stderr)
        return
    loss = given_up.loss
    lines = [
        f"{settings.database} {loss}",
        f"given up: the {loss.signed.size} battles with root {b64encode(loss.signed.root).decode()}",
        f"their note is kept in {given_up.note}",
        f"this machine's judge goes on from {given_up.checkpoint.size} battles",
        "whoever holds a checkpoint of what was given up still finds that history forked: tell them, show that note",
    ]
    lines += ledger.recovery.texts(settings.data_dir)
    say("\n".join(lines), file=sys.stderr)


def _as_json(given_up: GivenUp | None) -> dict[str, Any] | None:
    if given_up is None:
        return None
    loss = given_up.loss
    return {
        "size": loss.signed.size,
        "root": loss.signed.root.hex(),
        "signed_at": loss.signed_at,
        "forked": loss.forked,
        "kept": str(given_up.note),
    }
