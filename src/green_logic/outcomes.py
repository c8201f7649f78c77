"""What became of each battle of a run: counted, told in the report, and written down where it is not on the ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from green_logic.aside import aside_bytes, aside_entry, aside_name
from green_logic.errors import GreenLogicError
from green_logic.files import FileLock, make_directory, storage_errors, write_file
from green_logic.intake import Line, Refusals, Warnings
from green_logic.ledger.schema import LOCK_NAME
from green_logic.proof.dbom import utc_now
from green_logic.settings import Settings
from green_logic.summary import Row, summary_row
from green_logic.tally import Tally

ROWS_KEPT = 1000  # recorded battles that the report lists; a million of them would fill the memory
REASONS_KEPT = 60  # of refused lines and of others; a longer list is not read


class Outcomes:
    """The fates of one input's lines. `on_change` is called whenever one more is known."""

    def __init__(self, source: str, name: str, settings: Settings, on_change: Callable[[], None]) -> None:
        self.totals = Tally()
        self.rows: list[Row] = []  # of the battles recorded in this run, the first ROWS_KEPT
        self.profile = ""  # of the battles judged in this run
        self.warnings = Warnings()
        self._name = name
        self._settings = settings
        self._on_change = on_change
        self._refusals = Refusals(source, settings)
        self._graver_reasons: list[str] = []  # why battles were set aside or in conflict
        self._refused_reasons: list[str] = []
        self._set_aside: set[str] = set()  # names of the entries

    def open(self) -> None:
        """Look at what earlier runs set aside. Raises StorageError."""
        directory = self._settings.not_evaluated
        with storage_errors("cannot list the battles that were set aside"):
            self._set_aside = {path.name for path in directory.iterdir()} if directory.is_dir() else set()

    def close(self, *, complete: bool) -> None:
        """Keep the list of refused lines; whole when every line was read."""
        self._refusals.close(complete=complete)

    @property
    def reasons(self) -> list[str]:
        """Why battles were set aside or in conflict, then why lines were refused; the first of each."""
        return [*self._graver_reasons, *self._refused_reasons]

    @property
    def rejects(self) -> Path | None:
        """The list of refused lines, if there are any."""
        return self._refusals.path if self.totals.refused or self.totals.conflicts else None

    def read(self, line: Line) -> None:
        """One more line was read; one that holds no battle is refused."""
        self.totals.read += 1
        self.warnings.add(line)
        if line.battle is None:
            self.refuse(line, line.reason)

    def recorded(self, line: Line, result: dict[str, Any]) -> None:
        """The result of a line has its row."""
        self.totals.recorded += 1
        self.profile = (result.get("profile") or {}).get("id", self.profile)
        if len(self.rows) < ROWS_KEPT:
            self.rows.append(summary_row(result, self._settings))
        review = result["evaluation"].get("judge_review")
        if review and review["kind"] == "none":  # for good: a recorded battle is not judged again
            self.warnings.note(f"judged without the LLM reviewer: {review['reason']}", line.number)
        self._forget_aside(result["battle_id"])

    def already_recorded(self, battle_id: str) -> None:
        """The ledger holds the same battle."""
        self.totals.already_recorded += 1
        self._forget_aside(battle_id)
        self._on_change()

    def refuse(self, line: Line, reason: str) -> None:
        """The line holds no battle that can be judged."""
        self.totals.refused += 1
        self._note(line, reason, self._refused_reasons)

    def conflict(self, line: Line, reason: str) -> None:
        """The ledger holds another battle under the same id."""
        self.totals.conflicts += 1
        self._note(line, reason, self._graver_reasons)

    def not_evaluated(self, line: Line, battle_id: str, error: GreenLogicError, *, attempts: int) -> None:
        """The battle has no result: write down why, where the next run finds it. Raises StorageError."""
        name = aside_name(battle_id)
        entry = aside_entry(
            battle_id,
            error.message,
            file=self._name,
            line=line.number,
            at=utc_now(),
            attempts=attempts,
            code=error.code,
        )
        with storage_errors("cannot set a battle aside"):
            make_directory(self._settings.not_evaluated)
            # another run of the same battles would write its entry under the same temporary name
            with FileLock(self._settings.data_dir / LOCK_NAME, timeout_s=self._settings.busy_timeout_s).held():
                write_file(self._settings.not_evaluated / name, aside_bytes(entry))
        self._set_aside.add(name)
        self.totals.not_evaluated += 1
        if len(self._graver_reasons) < REASONS_KEPT:
            self._graver_reasons.append(f"{self._name}:{line.number}: {battle_id} not evaluated: {error.message}")

    def _note(self, line: Line, reason: str, reasons: list[str]) -> None:
        self._refusals.add(line, reason)
        if len(reasons) < REASONS_KEPT:
            reasons.append(f"{self._name}:{line.number}: {reason}")
        self._on_change()

    def _forget_aside(self, battle_id: str) -> None:
        name = aside_name(battle_id)
        if name in self._set_aside:
            with storage_errors("cannot remove a settled entry"):
                (self._settings.not_evaluated / name).unlink(missing_ok=True)
