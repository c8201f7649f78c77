"""Recorded battles, newest first: what a list of them shows, without reading what it does not."""

from __future__ import annotations

from typing import NamedTuple

from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.schema import database_errors
from green_logic.settings import Settings

# a result that somebody broke is listed all the same: the rest of its row is there
_FACTS = {
    "task_id": "$.task.id",
    "task_title": "$.task.title",
    "agent": "$.participant.agent",
    "model": "$.participant.model",
    "profile": "$.profile.id",
    "coverage": "$.evaluation.coverage",
}
_PARTS = ", ".join(
    f"CASE WHEN json_valid(raw_result) THEN json_extract(raw_result, '{path}') END AS {name}"
    for name, path in _FACTS.items()
)


class Listed(NamedTuple):
    """One recorded battle in a list; None for what its result does not say."""

    battle_id: str
    timestamp: str
    score: float
    task_id: str | None
    task_title: str | None
    agent: str | None
    model: str | None
    profile: str | None
    coverage: float | None


def list_battles(
    settings: Settings, *, task: str | None = None, agent: str | None = None, below: float | None = None, limit: int
) -> tuple[list[Listed], bool]:
    """The newest `limit` recorded battles of a task, of an agent, with a score below a bound; and whether there are
    more. A task is named by its id or a part of its title, an agent by its name; case does not count.

    Raises LedgerMissingError.
    """
    query = (
        f"SELECT battle_id, timestamp, score, {', '.join(_FACTS)} "  # noqa: S608  our own constants
        f"FROM (SELECT id, battle_id, timestamp, score, {_PARTS} FROM battles WHERE ?1 IS NULL OR score < ?1) "
        "WHERE (?2 IS NULL OR lower(task_id) = lower(?2) OR instr(lower(task_title), lower(?2))) "
        "AND (?3 IS NULL OR lower(agent) = lower(?3)) ORDER BY id DESC LIMIT ?4"
    )
    with open_for_reading(settings, bounded=True) as connection, database_errors(settings.database):
        rows = connection.execute(query, (below, task, agent, limit + 1)).fetchall()
    return [Listed(*row) for row in rows[:limit]], len(rows) > limit
