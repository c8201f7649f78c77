"""Recorded battles as they must be to be judged again: the row, its digests, the input and the review it holds.

`raw_result` keeps the whole input of a judged battle; what the judge added stands under names of its own
(`evaluator.RESERVED`), and the digest of the input tells whether both were taken apart rightly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from green_logic.battle import Battle, parse_battle
from green_logic.differences import Difference
from green_logic.errors import ConfigurationError, InvalidBattleError
from green_logic.evaluation.evaluator import RESERVED
from green_logic.ledger.reading import open_for_reading
from green_logic.proof.dbom import evidence_digest
from green_logic.settings import Settings
from green_logic.strict_json import excerpt, parse_json

PAGE = 32  # rows read at once, then the ledger is left to writers
PAGE_BYTES = 8 << 20  # of raw_result, so that a page of huge results stays small
NO_LIMIT = 1 << 40  # bytes of a text: what was judged then is judged again, whatever the limit is today
_ROWS = (
    "SELECT b.id, b.battle_id, b.score, CAST(b.raw_result AS BLOB), b.dbom_hash, l.battle_sha256, l.evidence_sha256 "
    "FROM battles b LEFT JOIN ledger l ON l.battle_row = b.id "
)


@dataclass(frozen=True)
class Row:
    """A row with its digests, as they stand on the ledger; nothing is checked."""

    id: int
    battle_id: str
    score: float
    raw_result: bytes
    dbom_hash: str
    battle_sha256: str | None
    evidence_sha256: str | None


def read_rows(settings: Settings, *, limit: int | None = None) -> Iterator[Row]:
    """Every battle that is on the ledger now, in the order of recording, or the newest `limit` of them.

    Between two pages nothing is held: a run may record meanwhile. Raises LedgerMissingError.
    """
    newest = "SELECT min(id), max(id) FROM (SELECT id FROM battles ORDER BY id DESC LIMIT ?)"
    with open_for_reading(settings) as connection:
        first, last = connection.execute(newest, (-1 if limit is None else limit,)).fetchone()
    next_id: int | None = first
    while next_id is not None and next_id <= last:
        page = _read_page(settings, next_id, last)
        yield from page
        next_id = page[-1].id + 1 if page else None


def read_row(settings: Settings, battle_id: str) -> Row | None:
    """The row of one battle. Raises LedgerMissingError."""
    with open_for_reading(settings) as connection:
        found = connection.execute(f"{_ROWS} WHERE b.battle_id = ?", (battle_id,)).fetchone()
    return None if found is None else Row(*found)


def count_rows(settings: Settings) -> int:
    """Battles on the ledger now. Raises LedgerMissingError."""
    with open_for_reading(settings) as connection:
        return int(connection.execute("SELECT count(*) FROM battles").fetchone()[0])


def _read_page(settings: Settings, first: int, last: int) -> list[Row]:
    page: list[Row] = []
    size_bytes = 0
    with open_for_reading(settings) as connection:
        for values in connection.execute(f"{_ROWS} WHERE b.id BETWEEN ? AND ? ORDER BY b.id", (first, last)):
            page.append(Row(*values))
            size_bytes += len(page[-1].raw_result)
            if len(page) == PAGE or size_bytes >= PAGE_BYTES:
                break
    return page


def parse_result(row: Row) -> dict[str, Any]:
    """What `raw_result` holds. Raises InvalidBattleError when it is no result."""
    value = parse_json(row.raw_result)
    if not isinstance(value, dict) or not isinstance(value.get("evaluation"), dict):
        raise InvalidBattleError("raw_result holds no evaluation")
    return value


def is_judged_here(result: dict[str, Any]) -> bool:
    """Whether a judge of this project made the result, and not an importer or a caller of `submit_result`."""
    profile = result.get("profile")
    # one sign is enough: a record that lost the other was tampered with, and must not pass for an import
    return "evaluator" in result or (isinstance(profile, dict) and "sha256" in profile)


def find_faults(row: Row, result: dict[str, Any]) -> list[Difference]:
    """Where the digests and the score of the row are not those of its `raw_result`."""
    evaluation = result["evaluation"]
    pairs = (
        ("battles.score", row.score, evaluation.get("cis_score", evaluation.get("score"))),
        ("battles.dbom_hash", row.dbom_hash, hashlib.sha256(row.raw_result).hexdigest()),
        ("ledger.battle_sha256", row.battle_sha256, result.get("battle_sha256", "")),
        ("ledger.evidence_sha256", row.evidence_sha256, evidence_digest(result)),
    )
    return [Difference(path, excerpt(one), excerpt(other)) for path, one, other in pairs if one != other]


def rebuild_battle(result: dict[str, Any]) -> Battle:
    """The battle that a result was made of.

    Its digest is the recorded one unless the result is not what a judge made. Raises InvalidBattleError when this
    version takes it for no battle.
    """
    kept = {name: value for name, value in result.items() if name not in RESERVED}
    clashes = result.get("input", {})
    if not isinstance(clashes, dict):
        raise InvalidBattleError("input: expected an object")
    value = {**kept, **clashes}
    battle = _parse(value)
    if battle.sha256 != result.get("battle_sha256") and value.get("red_report", "") is None:
        # the evaluator adds an empty report where the input has none
        without = _parse({name: part for name, part in value.items() if name != "red_report"})
        return without if without.sha256 == result.get("battle_sha256") else battle
    return battle


def _parse(value: dict[str, Any]) -> Battle:
    return parse_battle(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), max_source_bytes=NO_LIMIT)


def find_rows(settings: Settings, battle_ids: Sequence[str]) -> Iterator[Row | str]:
    """The rows of some battles, in the order asked for; for one that was set aside, the reason.

    Raises ConfigurationError for an id that is neither.
    """
    for battle_id in battle_ids:
        yield read_row(settings, battle_id) or find_reason(settings, battle_id)


def find_reason(settings: Settings, battle_id: str) -> str:
    """Why a battle without a row was not evaluated. Raises ConfigurationError when nothing is known of it."""
    path = settings.not_evaluated / f"{battle_id}.json"
    try:
        return str(orjson.loads(path.read_bytes())["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        hint = "green-logic list shows what is recorded"
        raise ConfigurationError(f"no battle {excerpt(battle_id)} in {settings.database}", hint=hint) from None
