"""The cells of one row of a LogoMesh database as text and numbers, as far as they are that."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from green_logic.errors import InvalidBattleError
from green_logic.importers.foreign_database import Cell
from green_logic.importers.outcomes import Source, Where

DECIMAL = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*")
UNSURE = object()  # stands for a score that is no number


@dataclass(frozen=True)
class Row:
    """A row as text and numbers. `h_delta` is its `dbom_hash`, or the digest of `raw_result` where it has none."""

    where: Where
    source: Source
    battle_id: str
    cells: Mapping[str, str | int | float | None]
    h_delta: str
    score: object  # a finite float, None when there is none, UNSURE for text, infinity and the like

    def text(self, column: str) -> str:
        """A cell as text; "" when it is absent."""
        value = self.cells.get(column)
        return "" if value is None else str(value)


def decode_row(where: Where, source: Source, cells: Mapping[str, Cell]) -> Row:
    """A row's cells as text and numbers. Raises InvalidBattleError for bytes that are not UTF-8."""
    decoded = {name: _decode(name, cell) for name, cell in cells.items()}
    raw_result = decoded.get("raw_result")
    id_column = "battle_id" if "battle_id" in decoded else "id"
    if id_column == "battle_id":
        decoded.pop("id", None)  # the row number: it differs between two copies of one record
    battle_id = decoded.get(id_column)
    h_delta = str(decoded.get("dbom_hash") or (digest_text(raw_result) if isinstance(raw_result, str) else ""))
    return Row(where, source, "" if battle_id is None else str(battle_id), decoded, h_delta, _score(decoded))


def _decode(name: str, cell: Cell) -> str | int | float | None:
    if not isinstance(cell, bytes):
        return cell
    try:
        return cell.decode()
    except UnicodeDecodeError as error:
        raise InvalidBattleError(
            f"{name}: not UTF-8: byte 0x{cell[error.start]:02x} at offset {error.start}"
        ) from error


def digest_text(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def _score(cells: Mapping[str, str | int | float | None]) -> object:
    value = cells.get("score")
    if value is None:
        return None
    if isinstance(value, str):
        if not DECIMAL.fullmatch(value):
            return UNSURE
        value = float(value)
    return float(value) if math.isfinite(value) else UNSURE
