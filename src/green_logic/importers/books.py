"""Where imported battles go: the ledger, or, for a dry run, a list that nobody keeps. Both answer alike."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import orjson
from cryptography.hazmat.primitives.asymmetric import ed25519

from green_logic.agent import GreenAgent
from green_logic.importers.outcomes import Record
from green_logic.ledger.database import Receipt
from green_logic.ledger.reading import open_for_reading
from green_logic.proof.dbom import Sealed, seal_result
from green_logic.proof.keys import SigningKey, find_keyid
from green_logic.settings import Settings

_QUERY = (
    "SELECT b.battle_id, l.battle_sha256, b.score, b.timestamp, b.raw_result "
    "FROM battles b JOIN ledger l ON l.battle_row = b.id WHERE b.battle_id = ? COLLATE NOCASE"
)


@dataclass(frozen=True)
class Side:
    """One of the truths about an id. `digest` is that of the original record, or of a judged battle's input."""

    battle_id: str
    digest: str
    score: float
    timestamp: str
    where: str

    def describe(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def side_of(record: Record) -> Side:
    """The side that a found record takes."""
    return Side(record.battle_id, record.digest, record.score, record.timestamp, str(record.where))


class Books(Protocol):
    """What `ImportRun` needs of a ledger."""

    def find_digest(self, battle_id: str) -> tuple[str, str] | None:
        """Id and digest of what is recorded under an id, compared without regard to case."""

    def find_side(self, battle_id: str) -> Side | None:
        """Everything that is worth telling about what is recorded under an id."""

    def seal(self, record: Record) -> Sealed:
        """The sealed battle. Raises InvalidBattleError when it cannot be sealed."""

    def commit(self, records: Sequence[Record], battles: Sequence[Sealed]) -> list[Receipt]:
        """Record sealed battles, durable when it returns."""

    def sign(self) -> None:
        """Sign the log as it is now, with everything that was recorded."""

    def close(self) -> None:
        """Leave."""


class LedgerBooks:
    """The ledger of a data directory."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._agent = GreenAgent(settings=settings)

    def find_digest(self, battle_id: str) -> tuple[str, str] | None:
        known = self._agent.ledger.find([battle_id]).get(battle_id)
        return None if known is None else (known.battle_id, known.battle_sha256)

    def find_side(self, battle_id: str) -> Side | None:
        with open_for_reading(self._settings) as connection:
            return _read_side(connection, battle_id)

    def seal(self, record: Record) -> Sealed:
        return self._agent.seal(record.result)

    def commit(self, records: Sequence[Record], battles: Sequence[Sealed]) -> list[Receipt]:
        del records  # the ledger knows them by their seals
        return self._agent.ledger.submit(battles)

    def sign(self) -> None:
        self._agent.ledger.checkpoint(self._agent.key)

    def close(self) -> None:
        self._agent.close()


class DryBooks:
    """What a ledger would say if it were written to. Nothing is made, not even the data directory."""

    def __init__(self, settings: Settings) -> None:
        private = ed25519.Ed25519PrivateKey.generate()  # a seal that nobody keeps needs no key that anybody knows
        self._key = SigningKey(private, find_keyid(private.public_key()))
        self._stack = contextlib.ExitStack()
        # a private database on disk: the ids of a million battles need not fit into memory
        self._seen = self._stack.enter_context(contextlib.closing(sqlite3.connect("", isolation_level=None)))
        self._seen.execute(
            "CREATE TABLE seen (battle_id TEXT PRIMARY KEY COLLATE NOCASE, digest, score, timestamp, place) "
            "WITHOUT ROWID"
        )
        self._settings = settings

    def find_digest(self, battle_id: str) -> tuple[str, str] | None:
        side = self.find_side(battle_id)
        return None if side is None else (side.battle_id, side.digest)

    def find_side(self, battle_id: str) -> Side | None:
        if self._settings.database.is_file():
            # opened anew each time: a reader that stays may keep writers out
            with open_for_reading(self._settings) as connection:
                recorded = _read_side(connection, battle_id)
            if recorded is not None:
                return recorded
        row = self._seen.execute("SELECT * FROM seen WHERE battle_id = ?", (battle_id,)).fetchone()
        return None if row is None else Side(*row)

    def seal(self, record: Record) -> Sealed:
        return seal_result(record.result, key=self._key, origin="dry-run")

    def commit(self, records: Sequence[Record], battles: Sequence[Sealed]) -> list[Receipt]:
        sides = (side_of(record) for record in records)
        rows = [(side.battle_id, side.digest, side.score, side.timestamp, side.where) for side in sides]
        self._seen.executemany("INSERT INTO seen VALUES (?, ?, ?, ?, ?)", rows)
        return [Receipt(sealed.battle_id, "recorded", sealed.h_delta) for sealed in battles]

    def sign(self) -> None:
        """Nothing was recorded."""

    def close(self) -> None:
        self._stack.close()


def _read_side(connection: sqlite3.Connection, battle_id: str) -> Side | None:
    row = connection.execute(_QUERY, (battle_id,)).fetchone()
    if row is None:
        return None
    found_id, digest, score, timestamp, raw_result = row
    imported = orjson.loads(raw_result).get("imported")
    if not isinstance(imported, dict):
        return Side(found_id, digest, score, timestamp, "judged here")
    where = f"{imported.get('file')}:{imported.get('row')}"
    return Side(found_id, digest, score, str(imported.get("original_timestamp")), where)
