"""`green-logic show`: one recorded battle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from green_logic.commands import GOOD, say, write_bytes, write_json

if TYPE_CHECKING:
    import argparse

    from green_logic.settings import Settings

SUMMARY = "one recorded battle: score, reasons, proof"
EXAMPLES = """examples:
  green-logic show interval-map-sound          the score, and the sentences that explain it
  green-logic show interval-map-sound --raw    the exact text whose SHA-256 is dbom_hash"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which battle, and which of its texts."""
    parser.add_argument("battle_id", metavar="BATTLE_ID", help="the id, or the start of it if only one has that start")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--raw", action="store_true", help="only raw_result, byte for byte")
    which.add_argument("--dbom", action="store_true", help="only the DBOM, byte for byte")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Read and tell."""
    from green_logic.ledger.reading import read_battle

    battle = read_battle(settings, options.battle_id)
    if options.raw or options.dbom:
        write_bytes(battle["raw_result"].encode() if options.raw else battle["dbom"])
    elif options.json:
        write_json("show", {"ok": True, **{name: value for name, value in battle.items() if name != "dbom"}})
    else:
        say(f"{battle['battle_id']}  CIS {battle['score']:.3f}  {_profile(battle)}  {battle['timestamp']}\n")
        say(battle["breakdown"])
        path = settings.dboms / f"dbom_{battle['battle_id']}.json"
        instead = "" if path.exists() else "  (no such file now, archived perhaps; show --dbom prints it)"
        say(f"\nDBOM     {path}{instead}\nh_delta  {battle['dbom_hash']}")
    return GOOD


def _profile(battle: dict[str, Any]) -> str:
    """Its name and the start of its digest, for a definition may change under one name."""
    import json

    profile = json.loads(battle["raw_result"]).get("profile") or {}
    digest = f" ({profile['sha256'][:12]}…)" if "sha256" in profile else ""
    return f"{profile.get('id', 'unknown profile')}{digest}"
