"""One import: what the importers yield → the ledger, in groups, with a count for every record that was read.

Repeating an import records nothing: a record is known again by the digest of the original, from whichever copy of the
file it comes. A different record under an id that is taken is a conflict, and the first stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from green_logic.battle import check_battle_id
from green_logic.errors import InvalidBattleError
from green_logic.importers.books import Books, DryBooks, LedgerBooks, Side, side_of
from green_logic.importers.intent import TaskEmbedder
from green_logic.importers.outcomes import Failed, Importer, Options, Outcome, Record, Where
from green_logic.importers.score_map import ScoreMaps
from green_logic.importers.set_aside import LeftOut, NotEvaluated
from green_logic.intake import shown_name
from green_logic.proof.dbom import Sealed
from green_logic.settings import Settings
from green_logic.tally import Tally

GROUP = 256  # battles in one transaction; more saves no sync that is worth the memory
GROUP_BYTES = 32 << 20  # of raw_result, so that a group of huge records stays small
EXAMPLES = 10  # of each outcome, in the report


class ImportRun:
    """An import on its way. A context manager; `take` one path after the other, then `finish`."""

    def __init__(
        self,
        settings: Settings,
        *,
        score_maps: ScoreMaps | None = None,
        dry_run: bool = False,
        on_progress: Callable[[ImportRun], None] | None = None,
    ) -> None:
        self.counts = Tally()
        self.proofs: Counter[str] = Counter()  # what the DBOMs 1.0 say about the rows
        self.refusals: Counter[str] = Counter()  # by kind
        self.examples: dict[str, list[dict[str, Any]]] = {"conflict": [], "not_evaluated": [], "refused": []}
        self.notes: list[str] = []
        self.unreadable: list[dict[str, str]] = []  # files that could not be read to their end
        self.lists: list[Path] = []
        self.dry_run = dry_run
        self._settings = settings
        self._score_maps = score_maps or ScoreMaps()
        self._embedder = TaskEmbedder(settings)
        self._on_progress = on_progress
        self._books: Books = DryBooks(settings) if dry_run else LedgerBooks(settings)
        self._aside = NotEvaluated(settings)
        self._left_out: LeftOut | None = None
        self._pending: dict[str, tuple[Record, Sealed]] = {}
        self._pending_bytes = 0

    def __enter__(self) -> ImportRun:
        return self

    def __exit__(self, *exception: object) -> None:
        self._books.close()

    @property
    def clean(self) -> bool:
        """Whether every record is on the ledger."""
        return self.counts.clean and not self.unreadable

    def report(self) -> dict[str, Any]:
        """The outcome as plain values."""
        return {
            **asdict(self.counts),
            "dry_run": self.dry_run,
            "refused_by_kind": dict(self.refusals),
            "legacy_dboms": {"standing": "legacy-unsigned", **self.proofs} if self.proofs else None,
            "examples": self.examples,
            "notes": self.notes,
            "unreadable": self.unreadable,
            "lists": [str(path) for path in self.lists],
            "data_dir": str(self._settings.data_dir),
        }

    def take(self, path: Path, importer: Importer) -> None:
        """Import one path. A file that cannot be read on is listed in `unreadable`; what came before it counts.

        Raises StorageError when the ledger cannot be written: what was acknowledged stays.
        """
        options = Options(self._settings, self._score_maps, self._embedder.find_intent, self.notes.append)
        left_out = None if self.dry_run else LeftOut(path, self._settings)
        self._left_out = left_out
        complete = False
        try:
            for outcome in importer.records(path, options):
                self._add(outcome)
            self._flush()
            complete = True
        except InvalidBattleError as error:
            self.unreadable.append({"file": shown_name(path.name), "reason": error.message, "hint": error.hint})
            self._flush()
        finally:
            if left_out is not None:
                left_out.close(complete=complete)

    def finish(self) -> None:
        """Sign the log when battles were recorded: from then on, leaving one of them out shows."""
        if self.counts.recorded:
            self._books.sign()

    # --- what becomes of a record

    def _add(self, outcome: Outcome) -> None:
        self.counts.read += 1
        if outcome.proof:
            self.proofs[outcome.proof] += 1
        if isinstance(outcome, Record):
            self._add_record(outcome)
        elif isinstance(outcome, Failed):
            self._add_failed(outcome)
        else:
            self._refuse(outcome.where, outcome.battle_id, outcome.kind, outcome.reason)
        if self._on_progress is not None:
            self._on_progress(self)

    def _add_record(self, record: Record) -> None:
        taken = self._find(record.battle_id)
        if taken is None:
            self._hold(record)
        elif taken == (record.battle_id, record.digest):
            self.counts.already_recorded += 1
            if not self.dry_run:  # another process may have recorded it after this one had set it aside
                self._aside.forget(record.battle_id)
        else:
            self._conflict(record)

    def _find(self, battle_id: str) -> tuple[str, str] | None:
        held = self._pending.get(battle_id.lower())
        return (held[0].battle_id, held[0].digest) if held else self._books.find_digest(battle_id)

    def _hold(self, record: Record) -> None:
        try:
            sealed = self._books.seal(record)
            _check_same(record, sealed)
        except InvalidBattleError as error:
            self._refuse(record.where, record.battle_id, "schema", error.message)
            return
        self._pending[record.battle_id.lower()] = (record, sealed)
        self._pending_bytes += len(sealed.raw_result)
        if len(self._pending) == GROUP or self._pending_bytes >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        held, self._pending, self._pending_bytes = list(self._pending.values()), {}, 0
        receipts = self._books.commit([record for record, _ in held], [sealed for _, sealed in held]) if held else []
        for (record, _), receipt in zip(held, receipts, strict=True):
            if receipt.status == "recorded":
                self.counts.recorded += 1
            elif receipt.status == "already_recorded":
                self.counts.already_recorded += 1
            else:  # another process was faster
                self._conflict(record)
            if receipt.status != "conflict" and not self.dry_run:
                self._aside.forget(record.battle_id)
        if not self.dry_run:
            self._aside.flush()

    def _add_failed(self, failed: Failed) -> None:
        try:
            check_battle_id(failed.battle_id)  # it becomes a file name, and importers may be anybody's
        except InvalidBattleError as error:
            self._refuse(failed.where, failed.battle_id, "schema", f"{error.message}; {failed.reason}")
            return
        failed = replace(failed, reason=_clean(failed.reason))
        self.counts.not_evaluated += 1
        self._leave_out("not_evaluated", failed.where, failed.battle_id, {"reason": failed.reason})
        # an id that another record has settled is evaluated; the list keeps this failure all the same
        if not self.dry_run and self._find(failed.battle_id) is None:
            self._aside.add(failed)

    def _refuse(self, where: Where, battle_id: str, kind: str, reason: str) -> None:
        self.counts.refused += 1
        self.refusals[kind] += 1
        self._leave_out("refused", where, battle_id, {"kind": kind, "reason": _clean(reason)})

    def _conflict(self, record: Record) -> None:
        self.counts.conflicts += 1
        held = self._pending.get(record.battle_id.lower())
        recorded: Side | None = side_of(held[0]) if held else self._books.find_side(record.battle_id)
        sides = {"recorded": recorded.describe() if recorded else None, "found": side_of(record).describe()}
        same_id = recorded is None or recorded.battle_id == record.battle_id
        reason = "a different record has this id" if same_id else "its id differs from a recorded one only in case"
        self._leave_out("conflict", record.where, record.battle_id, {"reason": f"{reason}; the first stays", **sides})

    def _leave_out(self, outcome: str, where: Where, battle_id: str, more: dict[str, Any]) -> None:
        entry = {"outcome": outcome, "file": where.file, "line": where.row, "battle_id": _clean(battle_id), **more}
        if len(self.examples[outcome]) < EXAMPLES:
            self.examples[outcome].append(entry)
        if self._left_out is not None:
            self._left_out.add(entry)
            if self._left_out.path not in self.lists:
                self.lists.append(self._left_out.path)


def _check_same(record: Record, sealed: Sealed) -> None:
    if (sealed.battle_id, sealed.battle_sha256) != (record.battle_id, record.digest):
        raise InvalidBattleError("the importer names one battle and holds another")


def _clean(text: str) -> str:
    """Text that JSON can hold: half a character becomes its escape."""
    return text.encode("utf-8", "backslashreplace").decode()
