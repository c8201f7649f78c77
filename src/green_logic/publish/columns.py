"""The column contract of the Parquet export, version 1: one list, from which schema, documents and tests are made.

Only types that pandas, pyarrow, polars, DuckDB, fastparquet, DataFusion and ClickHouse all read alike. A change of a
name, a type or a meaning is a new version, in a directory of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from green_logic.publish.flatten import VECTOR_SIZE
from green_logic.publish.manifest import SCHEMA_VERSION

CONTRACT = f"battles/v{SCHEMA_VERSION}"
LABEL = pa.dictionary(pa.int32(), pa.string())  # few distinct values
TIME = pa.timestamp("us", "UTC")  # nanoseconds are read differently by half of the tools
VECTOR = pa.list_(pa.field("element", pa.float32(), nullable=False), VECTOR_SIZE)


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, whether it may be null, where its value comes from and what it means."""

    name: str
    type: pa.DataType
    nullable: bool
    source: str
    meaning: str


def _flat(name: str, kind: pa.DataType, source: str, meaning: str) -> Column:
    return Column(name, kind, True, f"`{source}`", meaning)


COLUMNS = (
    Column("id", pa.int64(), False, "battles.id", "Row number in the ledger: rising, unique, with gaps; order by it"),
    Column("battle_id", pa.string(), False, "battles.battle_id", "Name of the battle; unique"),
    Column("timestamp", TIME, False, "battles.timestamp", "When the judge sealed the decision, UTC"),
    Column("score", pa.float64(), False, "battles.score", "The signed CIS, from 0 to 1"),
    Column("breakdown", pa.string(), True, "battles.breakdown", "The score in sentences, or JSON"),
    Column("raw_result", pa.string(), False, "battles.raw_result", "The exact JSON text that was hashed"),
    Column("dbom_hash", pa.string(), False, "battles.dbom_hash", "Lowercase hex `sha256(raw_result)`; h_delta"),
    _flat("rationale_score", pa.float64(), "evaluation.rationale_score", "R, from 0 to 1"),
    _flat("architecture_score", pa.float64(), "evaluation.architecture_score", "A, from 0 to 1"),
    _flat("testing_score", pa.float64(), "evaluation.testing_score", "T, from 0 to 1"),
    _flat("logic_score", pa.float64(), "evaluation.logic_score", "L, from 0 to 1; null: unmeasured, never zero"),
    _flat(
        "red_penalty_applied",
        pa.float64(),
        "evaluation.red_multiplier",
        "The factor that the score was multiplied by: 1.0 is clean. **Not** `evaluation.red_penalty_applied`, which is "
        "the share taken off (1 − factor)",
    ),
    _flat(
        "intent_code_similarity",
        pa.float64(),
        "evaluation.intent_code_similarity",
        "Cosine of task and source code, from −1 to 1",
    ),
    _flat("task_id", LABEL, "task.id", "The task"),
    _flat("task_title", LABEL, "task.title", "Its title"),
    _flat("agent", LABEL, "participant.agent", "Whose submission"),
    _flat("model", LABEL, "participant.model", "Which model made it"),
    _flat("profile", LABEL, "profile.id", "How it was scored; never average over different profiles"),
    _flat("judge", LABEL, "evaluation.judge", "The LLM reviewer, `none` without one"),
    _flat(
        "tests_passed",
        pa.int32(),
        "evaluation.components.{testing,logic}.evidence.passed",
        "Own and hidden tests that passed, together",
    ),
    _flat(
        "tests_failed",
        pa.int32(),
        "evaluation.components.{testing,logic}.evidence.{total,passed}",
        "Own and hidden tests that did not: total − passed",
    ),
    _flat(
        "v_intent",
        VECTOR,
        "evaluation.intent_vector",
        "Embedding of the task, rounded to single floats; the sealed doubles are in raw_result",
    ),
    Column("sigma_judge", pa.string(), True, "ledger.envelope", "The judge's signature, a DSSE envelope"),
    Column("leaf_index", pa.int64(), True, "ledger.leaf_index", "Place in the Merkle log: 0, 1, 2, …"),
)
SCHEMA = pa.schema(
    [pa.field(column.name, column.type, nullable=column.nullable) for column in COLUMNS],
    metadata={"green_logic.contract": CONTRACT, "green_logic.schema_version": str(SCHEMA_VERSION)},
)
LABELS = tuple(column.name for column in COLUMNS if column.type == LABEL)
# min and max of these help to skip row groups; of texts and digests they only cost room
WITH_STATISTICS = tuple(
    column.name
    for column in COLUMNS
    if column.name not in {"breakdown", "raw_result", "dbom_hash", "v_intent", "sigma_judge"}
)


def contract_table() -> str:
    """The columns as a Markdown table, as docs/parquet-contract.md and the data dictionary show them."""
    rows = [("column", "type", "null", "from", "meaning"), ("---",) * 5]
    for column in COLUMNS:
        null = "yes" if column.nullable else "no"
        rows.append((f"`{column.name}`", type_name(column.type), null, column.source, column.meaning))
    return "\n".join(_line(row) for row in rows) + "\n"


def type_name(kind: pa.DataType) -> str:
    """A type in the words of the contract."""
    if kind == LABEL:
        return "dictionary of string"
    return f"fixed_size_list<float32>[{VECTOR_SIZE}]" if kind == VECTOR else str(kind).replace("double", "float64")


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
