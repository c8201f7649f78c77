"""`green-logic keys`: the judge's key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from green_logic.commands import GOOD, add_action, say, write_json

if TYPE_CHECKING:
    import argparse

    from green_logic.settings import Settings

SUMMARY = "the judge's key"
EXAMPLES = """examples:
  green-logic keys show                         whose signature the DBOMs carry"""
SHOW_EXAMPLES = """examples:
  green-logic keys show --json | jq -r .public_key > judge.pub    what an auditor needs"""
ACTIONS = ("show",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One action so far."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, parser_class=type(parser))
    add_action(actions, "show", "key id, public key and where the private one lies; never makes one", SHOW_EXAMPLES)


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Tell about the key in use."""
    from green_logic.proof.keys import key_path, load_signing_key

    key = load_signing_key(settings, make=False)
    path, public = key_path(settings), key.public_pem.decode()
    if options.json:
        write_json("keys-show", {"ok": True, "keyid": key.keyid, "private_key": str(path or ""), "public_key": public})
    else:
        say(f"{key.keyid}\nprivate key  {path or 'given in the setting itself'}\n{public}".rstrip())
    return GOOD
