"""Rows as they come from the ledger → rows in the columns of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from green_logic.errors import VerificationError
from green_logic.publish.columns import LABEL, LABELS, SCHEMA, TIME, VECTOR
from green_logic.publish.flatten import VECTOR_SIZE, Flat, flatten
from green_logic.publish.seals import check_seals

READ_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("battle_id", pa.string()),
        ("timestamp", pa.string()),
        ("score", pa.float64()),
        ("breakdown", pa.string()),
        ("raw_result", pa.string()),
        ("dbom_hash", pa.string()),
        ("sigma_judge", pa.string()),
        ("leaf_index", pa.int64()),
    ]
)
TIME_LENGTH = len("2026-01-01T00:00:00.000000Z")


def shape(rows: pa.RecordBatch) -> pa.RecordBatch:
    """One batch in the contract's schema. Raises VerificationError for rows that the ledger's own rules exclude."""
    if rows.schema.remove_metadata() != READ_SCHEMA:
        raise VerificationError(f"the ledger's columns have the types {rows.schema.types}", kind="schema")
    try:
        rows.validate(full=True)  # the driver does not look whether a text is UTF-8
    except pa.ArrowInvalid as error:
        raise VerificationError(f"rows {_range(rows)}: {error}", kind="schema") from error
    for name in ("timestamp", "raw_result", "dbom_hash"):
        if rows[name].null_count:
            raise VerificationError(f"row {_first(rows, pc.is_null(rows[name]))}: {name} is NULL", kind="schema")
    flats = [flatten(raw) for raw in texts(rows["raw_result"])]
    flat = dict(zip(Flat._fields, zip(*flats, strict=True), strict=True)) if flats else dict.fromkeys(Flat._fields, ())
    arrays = {
        **{name: rows[name] for name in READ_SCHEMA.names},
        "timestamp": _times(rows),
        **{name: _column(name, values) for name, values in flat.items()},
    }
    check_seals(rows)
    return pa.RecordBatch.from_arrays([arrays[name] for name in SCHEMA.names], schema=SCHEMA)


def texts(column: pa.StringArray) -> Iterator[memoryview]:
    """The bytes of each text, not copied. The column holds no null."""
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[column.offset : column.offset + len(column) + 1].tolist()
    view = memoryview(data) if data is not None else memoryview(b"")
    for start, end in pairwise(ends):
        yield view[start:end]


def integers(column: pa.Array) -> NDArray[np.int64]:
    """The values of an int64 or timestamp column without nulls, not copied.

    pyarrow's own `to_numpy` imports pandas, which costs more than a small export.
    """
    _, data = column.buffers()
    found: NDArray[np.int64] = np.frombuffer(data or b"", dtype=np.int64)
    return found[column.offset : column.offset + len(column)]


def _times(rows: pa.RecordBatch) -> pa.Array:
    column = rows["timestamp"]
    good = pc.and_(pc.equal(pc.utf8_length(column), TIME_LENGTH), pc.ends_with(column, "Z"))
    if not pc.all(good).as_py():
        row = _first(rows, pc.invert(good))
        raise VerificationError(f"row {row}: timestamp is not UTC in microseconds", kind="schema")
    try:
        return column.cast(TIME)
    except pa.ArrowInvalid as error:
        raise VerificationError(f"rows {_range(rows)}: {error}", kind="schema") from error


def _column(name: str, values: Sequence[Any]) -> pa.Array:
    if name == "v_intent":
        return _vectors(values)
    if name in LABELS:
        return pa.array(values, pa.string()).dictionary_encode().cast(LABEL)
    return pa.array(values, SCHEMA.field(name).type)


def _vectors(values: Sequence[Any]) -> pa.Array:
    blank = np.zeros(VECTOR_SIZE, dtype=np.float32)
    numbers = np.concatenate([blank if value is None else value for value in values]) if values else blank[:0]
    missing = pa.array([value is None for value in values], pa.bool_())
    return pa.FixedSizeListArray.from_arrays(pa.array(numbers), type=VECTOR, mask=missing)


def _range(rows: pa.RecordBatch) -> str:
    return f"{rows['id'][0]}-{rows['id'][-1]}"


def _first(rows: pa.RecordBatch, where: pa.Array) -> int:
    return int(rows["id"].filter(where)[0].as_py())
