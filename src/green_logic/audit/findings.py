"""The kinds of findings, and what each means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from green_logic.ledger.findings import Tally

# Kinds and what each means. A kind never changes its meaning; new checks get new kinds.
MEANINGS: Mapping[str, str] = {
    "archive": "an archive of DBOMs is not what the ledger says, or cannot be read",
    "backup": "a backup is damaged, or is not a beginning of this ledger",
    "battle_id": "a DBOM names another battle than the judge signed",
    "checkpoint": "a stored checkpoint is not one of this log",
    "checkpoint-file": "data/checkpoint is not the newest checkpoint; `green-logic checkpoint` writes it anew",
    "companion": "a key or a checkpoint beside a publication is not this ledger's, and leads whoever trusts it astray",
    "consistency": "two states of the log contradict each other",
    "database": "SQLite cannot read part of the database",
    "dbom-differs": "a DBOM file is not the one that belongs to its row",
    "dbom-missing": "a row has no DBOM file; opening the ledger for writing rebuilds it",
    "downgrade": "the DBOM of a logged battle was replaced by an unsigned one of version 1.0",
    "envelope": "a seal is malformed",
    "export": "an export is damaged, or is not what the ledger holds",
    "file-name": "a DBOM lies under the name of another battle",
    "foreign-file": "a file in the DBOM folder is no DBOM",
    "h_delta": "a result is not the one whose digest was signed",
    "history-rewritten": "the log does not begin with what was signed before: somebody with the key rewrote it",
    "inclusion": "a receipt does not lead to the root that was signed",
    "journal": "a rollback journal was put beside the database: opening it for writing would change what it holds",
    "key-range": "a battle or a checkpoint is signed by a key that was not the ledger's at that time",
    "leaf-hash": "a leaf of the log was changed",
    "leaf-gap": "leaves are missing from the log",
    "leaf-without-row": "a battle of the log has no row: it was deleted",
    "ledger": "something was sealed for another ledger",
    "legacy-unsigned": "a DBOM of version 1.0 carries no signature that could be checked",
    "log": "the stored hashes of the log are not those of its leaves; opening a new ledger from a backup helps",
    "meta": "the ledger's own record of its origin and keys was changed",
    "note": "a checkpoint is malformed",
    "orphan-file": "a DBOM file belongs to no row; opening the ledger for writing sets it aside",
    "public-key": "judge.pub does not hold the keys of this ledger",
    "receipt": "a receipt is malformed",
    "row": "a row is not what was signed",
    "row-order": "rows are not in the order of the log",
    "row-without-leaf": "a row has no leaf in the log: it was not recorded by the judge",
    "schema": "a file or table does not have its fields, or a guard of the database is gone",
    "score_cis": "a DBOM has another score than was signed",
    "signature": "a signature is not good",
    "statement": "a signed statement is not that of a DBOM",
    "stray": "a file looks published, but no manifest names it: it counts for nothing, a crash or a stranger left it",
    "timestamp": "a DBOM has another time than was signed",
    "truncated": "the log ends before what was signed: battles were cut off",
    "unpinned": "no key or no checkpoint from elsewhere was given, so this only shows that the data agrees with itself",
    "unsealed": "battles under no checkpoint: leaving them out would not show; `green-logic checkpoint` signs one",
    "unknown-key": "something is signed by a key that is not trusted here",
    "v_intent": "a DBOM has another vector than was signed",
}


def explain(tally: Tally) -> list[dict[str, Any]]:
    """Findings by kind, most frequent first, each kind with its meaning."""
    return [{**item, "meaning": MEANINGS.get(item["kind"], "")} for item in tally.as_json()]
