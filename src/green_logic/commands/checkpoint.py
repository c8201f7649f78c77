"""`green-logic checkpoint`: sign the log as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from green_logic.commands import GOOD, say, write_bytes, write_json

if TYPE_CHECKING:
    import argparse

    from green_logic.settings import Settings

SUMMARY = "sign the log as it is, and print the signed note"
EXAMPLES = """examples:
  green-logic checkpoint > checkpoint-$(date +%F)     keep or publish it: history before it cannot change unnoticed
  green-logic verify --key judge.pub --checkpoint checkpoint-2026-01-31"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One flag."""
    parser.add_argument("--verifier-key", action="store_true", help="print the public key as tools for notes take it")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Sign, or say why not. Needs an existing ledger and its key."""
    from green_logic.errors import LedgerMissingError
    from green_logic.ledger.database import Ledger
    from green_logic.proof.keys import load_signing_key
    from green_logic.proof.notes import check_can_sign_notes, verifier_key

    if not settings.database.is_file():
        raise LedgerMissingError(f"no ledger in {settings.data_dir}/", hint="green-logic run BATTLES.jsonl makes one")
    key = load_signing_key(settings, make=False)
    public = check_can_sign_notes(key)
    with Ledger.open(settings, key) as ledger:
        checkpoint, origin = ledger.checkpoint(key), ledger.origin
    text = verifier_key(origin, public) if options.verifier_key else checkpoint.note if checkpoint else ""
    if options.json:
        size = checkpoint.size if checkpoint else 0
        write_json("checkpoint", {"ok": True, "origin": origin, "size": size, "note": text})
    elif options.verifier_key:
        say(text)
    elif checkpoint is None:
        say("the ledger is empty: there is nothing to sign")
    else:
        write_bytes(text.encode())
    return GOOD
