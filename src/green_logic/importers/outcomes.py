"""What an importer makes of one original record: a battle, a failed evaluation, or a refusal with its reason.

Every record that is read becomes exactly one of the three, so that the counts add up to the records read.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import orjson

from green_logic import __version__
from green_logic.battle import excerpt
from green_logic.errors import InvalidBattleError
from green_logic.importers.intent import Intent
from green_logic.importers.score_map import ScoreMaps
from green_logic.settings import Settings

# What the DBOM 1.0 of a row says: its own digest, that of a later row with the same id, another one, or there is none.
Proof = Literal["", "matched", "overwritten", "differs", "missing", "malformed"]


@dataclass(frozen=True)
class Source:
    """A file that is imported. `name` has no directories: it is sealed and published, a private path is not."""

    name: str
    sha256: str
    leftovers: Mapping[str, str]  # name → SHA-256 of the WAL or journal that was read with it


@dataclass(frozen=True)
class Where:
    """The place of one original record. `row` counts as the format does: a rowid, or the number of a sample from 1."""

    file: str
    row: int

    def __str__(self) -> str:
        return f"{self.file}:{self.row}"


@dataclass(frozen=True)
class Record:
    """A battle to be recorded. `digest` is that of the original record: equal ones are the same record."""

    where: Where
    battle_id: str
    result: dict[str, Any]
    digest: str
    score: float
    timestamp: str
    proof: Proof = ""


@dataclass(frozen=True)
class Failed:
    """A record whose evaluation failed at its origin: set aside as not evaluated, never scored."""

    where: Where
    battle_id: str
    reason: str
    proof: Proof = ""


@dataclass(frozen=True)
class Refused:
    """A record that cannot become a battle. `kind` groups the reasons: mock, schema, score, vector, altered, size."""

    where: Where
    battle_id: str
    kind: str
    reason: str
    proof: Proof = ""


Outcome = Record | Failed | Refused


class RefusalError(InvalidBattleError):
    """A record that must become Refused, with the kind of the reason."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@contextlib.contextmanager
def refusing(kind: str) -> Iterator[None]:
    """Give every InvalidBattleError of the block this kind."""
    try:
        yield
    except InvalidBattleError as error:
        raise RefusalError(kind, error.message) from error


@dataclass(frozen=True)
class Options:
    """What an importer may use.

    `find_intent` embeds a task's text (InvalidBattleError when there is none), `note` tells the operator something
    about a whole file.
    """

    settings: Settings
    score_maps: ScoreMaps
    find_intent: Callable[[str], Intent]
    note: Callable[[str], None]


class Importer(Protocol):
    """A reader of one foreign format; an object of this kind is what an entry point names."""

    @property
    def name(self) -> str:
        """What `--format` and the entry point call it."""

    def recognises(self, path: Path) -> bool:
        """Whether `path` looks like this format, by its first bytes; never changes it."""

    def records(self, path: Path, options: Options) -> Iterator[Outcome]:
        """Every original record, streaming.

        Raises InvalidBattleError or ConfigurationError when the file as a whole cannot be read.
        """


@dataclass(frozen=True, kw_only=True)
class Found:
    """An original record that holds a score: what `make_record` builds a battle from.

    `original` is the whole record as it was, `evaluation` the original's with `cis_score` and `breakdown`, `parts` the
    top-level fields that readers of results know (task, participant, purple_response), `notes` what a reader of the
    score should know about how it came to be.
    """

    importer: str
    version: int
    source: Source
    where: Where
    battle_id: str
    original_id: str
    timestamp: str
    evaluation: Mapping[str, Any]
    intent: Intent
    original: Mapping[str, Any]
    parts: Mapping[str, Any]
    proof: Proof = ""
    legacy_dbom: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()


def make_record(found: Found) -> Record:
    """The battle of an original record. Its result attests the import: who read what from where, and the original."""
    score = float(found.evaluation["cis_score"])
    digest = record_digest(found.importer, found.original, score)
    result = {
        **found.parts,
        "battle_id": found.battle_id,
        # the ledger knows a record again by it, from whichever copy of the file it comes
        "battle_sha256": digest,
        "imported": {
            "by": f"green-logic {__version__}",
            "importer": found.importer,
            "importer_version": found.version,
            "file": found.source.name,
            "file_sha256": found.source.sha256,
            "leftovers": dict(found.source.leftovers),
            "row": found.where.row,
            "original_id": found.original_id,
            "original_timestamp": found.timestamp,
            "intent_from": found.intent.origin,
            "legacy_dbom": None if found.legacy_dbom is None else dict(found.legacy_dbom),
            "notes": list(found.notes),
        },
        "profile": {"id": f"imported/{found.importer}/{found.version}"},
        "evaluation": {
            **found.evaluation,
            "intent_vector": list(found.intent.vector),
            "embedder": dict(found.intent.embedder),
        },
        "original": dict(found.original),
    }
    return Record(found.where, found.battle_id, result, digest, score, found.timestamp, found.proof)


def record_digest(importer: str, original: Mapping[str, Any], score: float) -> str:
    """SHA-256 of an original record and the score it was given: another score map makes another record.

    Raises InvalidBattleError when JSON cannot hold it.
    """
    try:
        value = {"importer": importer, "original": dict(original), "score": score}
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise InvalidBattleError(f"the record cannot be stored as JSON: {excerpt(str(error))}") from error
    return hashlib.sha256(text).hexdigest()
