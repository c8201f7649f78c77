"""The column contract of the Parquet export, version 1: one list, from which schema, documents and tests are made.

Needs no Arrow; columns.py makes Arrow's schema of it.

Only types that pandas, pyarrow, polars, DuckDB, fastparquet, DataFusion and ClickHouse all read alike. A change of a
name, a type or a meaning is a new version, in a directory of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from green_logic.publish.manifest import SCHEMA_VERSION

CONTRACT = f"battles/v{SCHEMA_VERSION}"
VECTOR_SIZE = 384  # floats of v_intent, as in the DBOM
LABEL = "dictionary of string"  # few distinct values
TIME = "timestamp[us, tz=UTC]"  # nanoseconds are read differently by half of the tools
VECTOR = f"fixed_size_list<float32>[{VECTOR_SIZE}]"


@dataclass(frozen=True)
class Column:
    """One column: its type in Arrow's words, whether it may be null, where its value comes from and what it means."""

    name: str
    type: str
    nullable: bool
    source: str
    meaning: str


def _flat(name: str, kind: str, source: str, meaning: str) -> Column:
    return Column(name, kind, True, f"`{source}`", meaning)


COLUMNS = (
    Column("id", "int64", False, "battles.id", "Row number in the ledger: rising, unique, with gaps; order by it"),
    Column("battle_id", "string", False, "battles.battle_id", "Name of the battle; unique"),
    Column("timestamp", TIME, False, "battles.timestamp", "When the judge sealed the decision, UTC"),
    Column("score", "float64", False, "battles.score", "The signed CIS, from 0 to 1"),
    Column("breakdown", "string", True, "battles.breakdown", "The score in sentences, or JSON"),
    Column("raw_result", "string", False, "battles.raw_result", "The exact JSON text that was hashed"),
    Column("dbom_hash", "string", False, "battles.dbom_hash", "Lowercase hex `sha256(raw_result)`; h_delta"),
    _flat("rationale_score", "float64", "evaluation.rationale_score", "R, from 0 to 1"),
    _flat("architecture_score", "float64", "evaluation.architecture_score", "A, from 0 to 1"),
    _flat("testing_score", "float64", "evaluation.testing_score", "T, from 0 to 1"),
    _flat("logic_score", "float64", "evaluation.logic_score", "L, from 0 to 1; null: unmeasured, never zero"),
    _flat(
        "red_penalty_applied",
        "float64",
        "evaluation.red_multiplier",
        "The factor that the score was multiplied by: 1.0 is clean. **Not** `evaluation.red_penalty_applied`, which is "
        "the share taken off (1 − factor)",
    ),
    _flat(
        "intent_code_similarity",
        "float64",
        "evaluation.intent_code_similarity",
        "Cosine of task and source code by shared words (`hashed-384/1`, whatever embeds the task), from −1 to 1",
    ),
    _flat("task_id", LABEL, "task.id", "The task"),
    _flat("task_title", LABEL, "task.title", "Its title"),
    _flat("agent", LABEL, "participant.agent", "Whose submission"),
    _flat("model", LABEL, "participant.model", "Which model made it"),
    _flat("profile", LABEL, "profile.id", "How it was scored; never average over different profiles"),
    _flat("judge", LABEL, "evaluation.judge", "The LLM reviewer, `none` without one"),
    _flat(
        "tests_passed",
        "int32",
        "evaluation.components.{testing,logic}.evidence.passed",
        "Own and hidden tests that passed, together",
    ),
    _flat(
        "tests_failed",
        "int32",
        "evaluation.components.{testing,logic}.evidence.{total,passed}",
        "Own and hidden tests that did not: total − passed",
    ),
    _flat(
        "v_intent",
        VECTOR,
        "evaluation.intent_vector",
        "Embedding of the task, rounded to single floats; the sealed doubles are in raw_result",
    ),
    Column("sigma_judge", "string", True, "ledger.envelope", "The judge's signature, a DSSE envelope"),
    Column("leaf_index", "int64", True, "ledger.leaf_index", "Place in the Merkle log: 0, 1, 2, …"),
)


def contract_table() -> str:
    """The columns as a Markdown table, as docs/parquet-contract.md and the data dictionary show them."""
    rows = [("column", "type", "null", "from", "meaning"), ("---",) * 5]
    for column in COLUMNS:
        null = "yes" if column.nullable else "no"
        rows.append((f"`{column.name}`", column.type, null, column.source, column.meaning))
    return "\n".join(_line(row) for row in rows) + "\n"


def data_dictionary(version: str) -> str:
    """The README.md that lies beside the data."""
    return f"""# Battles as Parquet, contract {CONTRACT}

Written by green-logic {version}. One row for each recorded battle.

The files that count are those that a manifest in `v{SCHEMA_VERSION}/_manifests/` names, with their SHA-256; anything
else is an export at work or the rest of one that was cut short. A manifest that another one lists under `supersedes`
counts no more. When no export or compaction is running, `v{SCHEMA_VERSION}/month=*/*.parquet` is the same set of files.

`month=YYYY-MM` is the UTC month of `timestamp`, there to skip files; it is not a column of the data.

{contract_table()}
Check every row: `sha256(raw_result) <> dbom_hash` holds nowhere in DuckDB, nor does
`lower(hex(SHA256(raw_result))) <> dbom_hash` in ClickHouse. Battles that could not be judged are not in the ledger, so
not here: no score stands for a failure.
"""


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
