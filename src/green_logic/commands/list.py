"""`green-logic list`: recorded battles, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from green_logic.commands import GOOD, say, write_json
from green_logic.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse

    from green_logic.ledger.listing import Listed
    from green_logic.settings import Settings

SUMMARY = "recorded battles, newest first; never writes"
EXAMPLES = """examples:
  green-logic list                                    the newest twenty
  green-logic list --task task-003 --below 0.5        a task by its id or a part of its title
  green-logic list --agent purple-1 --limit 1000000 --json | jq -r '.battles[].battle_id'"""
LIMIT = 20  # lines, unless asked for more: they fit on a screen
WIDTHS = {"battle_id": 32, "task": 28, "agent": 20}  # characters of a column


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which battles."""
    parser.add_argument("--task", metavar="T", help="of the task with this id, or this in its title")
    parser.add_argument("--agent", metavar="A", help="of this agent")
    parser.add_argument("--below", metavar="X", type=float, help="with a score below X")
    parser.add_argument("--limit", metavar="N", type=int, default=LIMIT, help=f"at most N (default: {LIMIT})")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Read and tell."""
    from green_logic.ledger.listing import list_battles

    if options.limit < 1:
        raise ConfigurationError(f"--limit expected 1 or more, got {options.limit}")
    battles, more = list_battles(
        settings, task=options.task, agent=options.agent, below=options.below, limit=options.limit
    )
    if options.json:
        write_json("list", {"ok": True, "battles": [battle._asdict() for battle in battles], "more": more})
        return GOOD
    for battle in battles:
        say(_line(battle))
    if not battles:
        say("no battle matches")
    elif more and not options.quiet:
        say(f"… and older ones: --limit {options.limit * 10} shows more")
    return GOOD


def _line(battle: Listed) -> str:
    cells = {
        "battle_id": battle.battle_id,
        "task": battle.task_title or battle.task_id or "–",
        "agent": battle.agent or battle.model or "–",
    }
    columns = "  ".join(f"{_cut(str(text), WIDTHS[name]):<{WIDTHS[name]}}" for name, text in cells.items())
    return f"{battle.timestamp[:19]}Z  {battle.score:.3f}  {columns}".rstrip()


def _cut(text: str, width: int) -> str:
    text = text.replace("\n", " ")
    # an id is whole, or it cannot be copied; it is ASCII and never longer than 128
    return text if len(text) <= width or width == WIDTHS["battle_id"] else text[: width - 1] + "…"
