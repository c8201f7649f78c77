"""Battle lines → chunks of battles to be judged: what the ledger holds is left out, and memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from green_logic.battle import Battle
from green_logic.errors import InvalidBattleError
from green_logic.intake import Line
from green_logic.ledger.database import Known
from green_logic.settings import Settings

CHUNK_BYTES = 16 << 20  # of input; a chunk that holds this much is judged before it is full: two are in memory

Find = Callable[[Iterable[str]], Mapping[str, Known]]


def plan_chunks(
    battles: Iterable[Line], settings: Settings, find: Find, is_new: Callable[[Line, Known], bool]
) -> Iterator[dict[str, Line]]:
    """Lines to be judged, by id, in groups of at most `chunk_size`, in the order of the input.

    `find` gives the rows that the ledger has when it is asked, `is_new` says whether a battle with a row must be judged
    all the same, and counts it otherwise. A group has to be on the ledger before the next but one is asked for: a
    second line of an id in either is held back until then. Where all that could come next is held back, a group is
    empty.
    """
    plan = _Plan(settings.chunk_size, find, is_new)
    for batch in _batches(battles, settings.chunk_size):
        rest = batch
        while rest:
            rest = plan.fill(rest)
            if plan.full:
                yield plan.take()
                rest = plan.release() + rest
    while plan.lines or plan.held_back:
        yield plan.take()
        plan.fill(plan.release())


def battle_of(line: Line) -> Battle:
    """The battle that a line holds. Raises InvalidBattleError when it was refused."""
    if line.battle is None:
        raise InvalidBattleError(f"line {line.number} holds no battle")
    return line.battle


class _Plan:
    """The group that is filled now: its `lines` by id, and those that are `held_back` because their id is under way."""

    def __init__(self, chunk_size: int, find: Find, is_new: Callable[[Line, Known], bool]) -> None:
        self.lines: dict[str, Line] = {}
        self.held_back: list[Line] = []
        self._under_way: set[str] = set()  # ids of the group before this one, in lower case
        self._chunk_size = chunk_size
        self._find = find
        self._is_new = is_new

    @property
    def full(self) -> bool:
        """Whether the group must go as it is. A file that repeats one id must not pile up in memory."""
        waiting = [*self.lines.values(), *self.held_back]
        return self._chunk_size in (len(self.lines), len(self.held_back)) or _size(waiting) >= CHUNK_BYTES

    def take(self) -> dict[str, Line]:
        """The group; the next one begins empty."""
        taken, self.lines = self.lines, {}
        self._under_way = {battle_id.lower() for battle_id in taken}
        return taken

    def release(self) -> list[Line]:
        """The lines that were held back, to be looked at again."""
        released, self.held_back = self.held_back, []
        return released

    def fill(self, batch: list[Line]) -> list[Line]:
        """Fill the group from `batch` up to the chunk size; what did not fit."""
        known = self._find(battle_of(line).battle_id for line in batch)
        folded = {battle_id.lower() for battle_id in self.lines} | self._under_way
        for position, line in enumerate(batch):
            if len(self.lines) == self._chunk_size:
                return batch[position:]
            battle_id = battle_of(line).battle_id
            row = known.get(battle_id)
            if row is not None and not self._is_new(line, row):
                continue
            if battle_id.lower() in folded:
                self.held_back.append(line)
                if len(self.held_back) == self._chunk_size:
                    return batch[position + 1 :]
                continue
            self.lines[battle_id] = line
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
