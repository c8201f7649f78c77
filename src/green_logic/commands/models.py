"""`green-logic models`: the embedding weights."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from green_logic.commands import GOOD, add_action, say, write_json

if TYPE_CHECKING:
    import argparse

    from green_logic.settings import Settings

SUMMARY = "embedding weights"
EXAMPLES = """examples:
  green-logic models fetch                      once; without it scores rest on a weaker embedding, and say so"""
FETCH_EXAMPLES = """examples:
  green-logic models fetch                                             into the user's cache
  GREEN_LOGIC_MODEL_DIR=/srv/minilm green-logic models fetch           for a whole machine"""
ACTIONS = ("fetch",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One action so far."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, parser_class=type(parser))
    add_action(actions, "fetch", "fetch all-MiniLM-L6-v2 once (91 MB, checked by SHA-256)", FETCH_EXAMPLES)


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Fetch, unless the weights are there."""
    from green_logic.evaluation.weights import fetch_weights

    path = fetch_weights(settings.model_dir, report=lambda text: say(text, file=sys.stderr))
    if options.json:
        write_json("models-fetch", {"ok": True, "model_dir": str(path)})
    elif not options.quiet:
        say(str(path))
    return GOOD
