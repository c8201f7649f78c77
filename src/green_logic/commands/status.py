"""`green-logic status`: the ledger at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from green_logic.commands import GOOD, say, write_json

if TYPE_CHECKING:
    import argparse

    from green_logic.settings import Settings

SUMMARY = "the ledger at a glance; never writes"
EXAMPLES = """examples:
  green-logic status                            how many battles, since when, sealed by whom
  green-logic status --json | jq .battles       for scripts"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing of its own."""


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Read and tell."""
    from green_logic.ledger.reading import read_state

    state = read_state(settings)
    if options.json:
        write_json("status", {"ok": True, **state})
        return GOOD
    size = (state["size_bytes"] + state["wal_bytes"]) / 1e6
    say(f"ledger         {settings.database}  {state['battles']} battles, {size:.1f} MB")
    say(f"last           {state['last_timestamp'] or '–'}")
    say(f"sealed by      {state['keyid']}")
    say(f"origin         {state['origin']}")
    say(f"not evaluated  {state['not_evaluated']}")
    return GOOD
