"""`green-logic list`: recorded battles, newest first."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

from green_logic.commands import GOOD, say, write_json
from green_logic.errors import ConfigurationError
from green_logic.terminal import WHOLE, fitting, line_width

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from green_logic.ledger.listing import Listed
    from green_logic.settings import Settings

SUMMARY = "recorded battles, newest first; never writes"
EXAMPLES = """examples:
  green-logic list                                    the newest twenty
  green-logic list --task task-003 --below 0.5        a task by its id or a part of its title
  green-logic list --agent purple-1 --limit 1000000 --json | jq -r '.battles[].battle_id'"""
MOST = 1 << 60  # SQLite counts little further
LIMIT = 20  # lines, unless asked for more: they fit on a screen
TASK_WIDTH, AGENT_WIDTH = 28, 20  # characters, at most
# what a narrow terminal does without
LEAST: dict[tuple[str, ...], int] = {("agent",): 8, ("task",): 12, ("time",): WHOLE}


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
    if options.below is not None and math.isnan(options.below):
        raise ConfigurationError("--below expected a number, got nan")
    battles, more = list_battles(
        settings, task=options.task, agent=options.agent, below=options.below, limit=min(options.limit, MOST)
    )
    if options.json:
        write_json("list", {"ok": True, "battles": [battle._asdict() for battle in battles], "more": more})
        return GOOD
    for line in table_lines(battles, line_width(sys.stdout)):
        say(line)
    if not battles:
        say("no battle matches")
    elif more and not options.quiet:
        say(f"… and older ones: --limit {options.limit * 10} shows more")
    return GOOD


def table_lines(battles: Sequence[Listed], width: int | None) -> Iterator[str]:
    """A line for each battle, of at most `width` characters where that is given, unless the id alone is longer."""
    rows = [_cells(battle) for battle in battles]
    widths = {name: max(len(row[name]) for row in rows) for name in (rows[0] if rows else ())}
    shown = fitting(widths, width, LEAST)
    for row in rows:
        yield "  ".join(f"{_cut(row[name], size):<{size}}" for name, size in shown.items()).rstrip()


def _cells(battle: Listed) -> dict[str, str]:
    return {
        "time": f"{battle.timestamp[:19]}Z",
        "score": f"{battle.score:.3f}",
        "battle_id": battle.battle_id,  # whole, or it cannot be copied; it is ASCII and never longer than 128
        "task": _cut(str(battle.task_title or battle.task_id or "–"), TASK_WIDTH),
        "agent": _cut(str(battle.agent or battle.model or "–"), AGENT_WIDTH),
    }


def _cut(text: str, width: int) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= width else text[: width - 1] + "…"
