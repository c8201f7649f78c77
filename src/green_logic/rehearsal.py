"""What a run of an input would do, without doing it: nothing is judged, nothing is written, not even a directory."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from green_logic.battle import Battle
from green_logic.intake import BattleFile, Line, Warnings
from green_logic.ledger.reading import find_digests
from green_logic.planning import battle_of
from green_logic.settings import Settings


@dataclass
class Forecast:
    """Lines by what would become of them; `read` is the sum of the others."""

    read: int = 0
    would_judge: int = 0
    already_recorded: int = 0  # on the ledger, or earlier in the input
    conflicts: int = 0
    refused: int = 0


def rehearse(source: str, settings: Settings, on_refusal: Callable[[str], None]) -> tuple[Forecast, Warnings]:
    """Read a whole input; `on_refusal` is told of every line that would not be recorded, and why.

    Raises ConfigurationError when input or ledger cannot be read, InvalidBattleError for JSON of another layout.
    """
    forecast, warnings = Forecast(), Warnings()
    with BattleFile(source, settings) as battles, contextlib.closing(_Seen()) as seen:
        lines = battles.lines()
        while group := list(itertools.islice(lines, settings.chunk_size)):
            ids = [line.battle.battle_id for line in group if line.battle is not None]
            recorded = find_digests(settings, ids)
            for line in group:
                warnings.add(line)
                reason = _foresee(line, forecast, seen, recorded)
                if reason:
                    on_refusal(f"{battles.name}:{line.number}: {reason}")
    return forecast, warnings


class _Seen:
    """The battles of the input so far, on disk: the ids of a million need not fit into memory."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("CREATE TABLE seen (folded TEXT PRIMARY KEY, battle_id, sha256) WITHOUT ROWID")
        self.close = self._database.close

    def find(self, battle_id: str) -> tuple[str, str] | None:
        """Id and digest of an earlier battle, case left aside."""
        query = "SELECT battle_id, sha256 FROM seen WHERE folded = ?"
        found = self._database.execute(query, (battle_id.lower(),)).fetchone()
        return None if found is None else (found[0], found[1])

    def add(self, battle: Battle) -> None:
        """Remember a battle."""
        row = (battle.battle_id.lower(), battle.battle_id, battle.sha256)
        self._database.execute("INSERT INTO seen VALUES (?, ?, ?)", row)


def _foresee(line: Line, forecast: Forecast, seen: _Seen, recorded: dict[str, tuple[str, str]]) -> str:
    """Count a line; why it would not be recorded, "" when it would or is."""
    forecast.read += 1
    if line.battle is None:
        forecast.refused += 1
        return line.reason
    battle = battle_of(line)
    place = "recorded" if battle.battle_id in recorded else "earlier in the input"
    known = recorded.get(battle.battle_id) or seen.find(battle.battle_id)
    if known is None:
        forecast.would_judge += 1
        seen.add(battle)
        return ""
    known_id, digest = known
    if known_id != battle.battle_id:
        forecast.refused += 1
        return f"battle_id: {battle.battle_id} differs from {known_id}, {place}, only in case"
    if digest in {battle.sha256, ""}:  # without the digest of its input only judging it shows whether it is the same
        forecast.already_recorded += 1
        return ""
    forecast.conflicts += 1
    return f"battle_id: {battle.battle_id} is {place} with another input; the first stays"
