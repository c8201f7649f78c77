"""`green-logic keys`: the judge's key, and how another one takes over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from green_logic.commands import GOOD, add_action, say, write_json

if TYPE_CHECKING:
    import argparse

    from green_logic.proof.keys import SigningKey
    from green_logic.settings import Settings

SUMMARY = "the judge's key: show, new, rotate"
EXAMPLES = """examples:
  green-logic keys show                         whose signature the DBOMs carry
  green-logic keys rotate                       a new key signs from now on; the old one says so"""
SHOW_EXAMPLES = """examples:
  green-logic keys show --json | jq -r .public_key > judge.pub    what an auditor needs"""
NEW_EXAMPLES = """examples:
  green-logic keys new -o /safe/judge.key       then GREEN_LOGIC_SIGNING_KEY=/safe/judge.key green-logic run …"""
ROTATE_EXAMPLES = """examples:
  green-logic keys rotate                       both keys sign a last checkpoint; the old one is kept beside the new one
  green-logic keys rotate -C other              another ledger of the same judge, afterwards"""
ACTIONS = ("show", "new", "rotate")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, parser_class=type(parser))
    add_action(actions, "show", "key id, public key and where the private one lies; never makes one", SHOW_EXAMPLES)
    new = add_action(actions, "new", "make a key; never replaces one", NEW_EXAMPLES)
    new.add_argument("-o", "--output", metavar="FILE", type=Path, help="where (default: the judge's own place)")
    add_action(actions, "rotate", "hand the ledger over to a new key", ROTATE_EXAMPLES)


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Do one action."""
    return {"show": _show, "new": _new, "rotate": _rotate}[options.action](options, settings)


def _show(options: argparse.Namespace, settings: Settings) -> int:
    from green_logic.proof.keys import load_signing_key

    _tell("keys-show", load_signing_key(settings, make=False), options, settings)
    return GOOD


def _new(options: argparse.Namespace, settings: Settings) -> int:

    from green_logic.errors import ConfigurationError
    from green_logic.files import storage_errors
    from green_logic.proof.keys import key_path, load_signing_key, make_key

    path = options.output or key_path(settings)
    if path is None or path.exists():
        raise ConfigurationError(f"{path or 'the setting'}: there is a key already", hint="-o FILE makes another")
    with storage_errors("cannot keep the new key"):
        make_key(path)
    settings = settings.changed(signing_key=str(path))
    _tell("keys-new", load_signing_key(settings, make=False), options, settings)
    return GOOD


def _rotate(options: argparse.Namespace, settings: Settings) -> int:
    from green_logic.ledger.database import Ledger
    from green_logic.ledger.reading import open_for_reading
    from green_logic.ledger.schema import key_ranges, read_meta
    from green_logic.proof.rotation import find_pair, make_successor, settle_files

    with open_for_reading(settings) as connection:
        current = key_ranges(read_meta(connection))[-1][1]
    old, new = find_pair(settings, current)
    if new is None or old.keyid != new.keyid:  # else a change that was cut short: only its files are left to do
        with Ledger.open(settings, old) as ledger:
            ledger.check_rotation(old)  # first: what is refused leaves no new key behind
            new = new or make_successor(settings)
            ledger.rotate(old, new)
    retired = settle_files(settings, new)
    _tell("keys-rotate", new, options, settings)
    if retired is not None and not options.json:
        say(f"the key before it is kept in {retired}: other ledgers of this judge need it to be handed over")
    return GOOD


def _tell(name: str, key: SigningKey, options: argparse.Namespace, settings: Settings) -> None:
    from green_logic.proof.keys import key_path

    path, public = key_path(settings), key.public_pem.decode()
    if options.json:
        write_json(name, {"ok": True, "keyid": key.keyid, "private_key": str(path or ""), "public_key": public})
    else:
        say(f"{key.keyid}\nprivate key  {path or 'given in the setting itself'}\n{public}".rstrip())
