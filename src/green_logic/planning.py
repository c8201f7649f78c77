"""Battle lines → chunks of battles to be judged: what the ledger holds is left out, and memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from green_logic.battle import Battle
from green_logic.errors import InvalidBattleError
from green_logic.intake import Line
from green_logic.ledger.database import Known
from green_logic.settings import Settings

CHUNK_BYTES = 32 << 20  # of input; a chunk that holds this much is judged before it is full, to bound memory

Find = Callable[[Iterable[str]], Mapping[str, Known]]


def plan_chunks(
    battles: Iterable[Line], settings: Settings, find: Find, is_new: Callable[[Line, Known], bool]
) -> Iterator[dict[str, Line]]:
    """Lines to be judged, by id, in groups of at most `chunk_size`, in the order of the input.

    `find` gives the rows that the ledger has when it is asked, `is_new` says whether a battle with a row must be judged
    all the same, and counts it otherwise. A group has to be on the ledger before the next one is asked for: a second
    line of an id in the making is held back until then.
    """
    lines: dict[str, Line] = {}
    held_back: list[Line] = []
    plan = _Plan(settings.chunk_size, find, is_new)
    for batch in _batches(battles, settings.chunk_size):
        rest = batch
        while rest:
            rest = plan.fill(rest, lines, held_back)
            # a file that repeats one id must not pile up in memory
            waiting = [*lines.values(), *held_back]
            if settings.chunk_size in (len(lines), len(held_back)) or _size(waiting) >= CHUNK_BYTES:
                yield lines
                lines = {}
                rest, held_back = held_back + rest, []
    while lines or held_back:
        if lines:
            yield lines
            lines = {}
        batch, held_back = held_back, []
        plan.fill(batch, lines, held_back)


def battle_of(line: Line) -> Battle:
    """The battle that a line holds. Raises InvalidBattleError when it was refused."""
    if line.battle is None:
        raise InvalidBattleError(f"line {line.number} holds no battle")
    return line.battle


class _Plan:
    """How a batch is spread."""

    def __init__(self, chunk_size: int, find: Find, is_new: Callable[[Line, Known], bool]) -> None:
        self._chunk_size = chunk_size
        self._find = find
        self._is_new = is_new

    def fill(self, batch: list[Line], lines: dict[str, Line], held_back: list[Line]) -> list[Line]:
        """Fill `lines` from `batch` up to the chunk size; what did not fit."""
        known = self._find(battle_of(line).battle_id for line in batch)
        folded = {battle_id.lower() for battle_id in lines}
        for position, line in enumerate(batch):
            if len(lines) == self._chunk_size:
                return batch[position:]
            battle_id = battle_of(line).battle_id
            row = known.get(battle_id)
            if row is not None and not self._is_new(line, row):
                continue
            if battle_id.lower() in folded:
                held_back.append(line)
                if len(held_back) == self._chunk_size:
                    return batch[position + 1 :]
                continue
            lines[battle_id] = line
            folded.add(battle_id.lower())
        return []


def _batches(battles: Iterable[Line], chunk_size: int) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size_bytes = 0
    for line in battles:
        batch.append(line)
        size_bytes += len(battle_of(line).canonical)
        if len(batch) == chunk_size or size_bytes >= CHUNK_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


def _size(lines: Sequence[Line]) -> int:
    return sum(len(battle_of(line).canonical) for line in lines)
