"""Rows as they come from the ledger → rows in the columns of the contract, checked against their seals.

Without NumPy, whose import takes as long as all else that is done for a small export.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

import msgspec
import pyarrow as pa

from green_logic.errors import VerificationError
from green_logic.publish.columns import LABEL, LABELS, SCHEMA, TIME, VECTOR
from green_logic.publish.contract import VECTOR_SIZE
from green_logic.publish.flatten import flatten, parse_result
from green_logic.publish.ledger_rows import Rows
from green_logic.publish.seals import check_breakdowns, check_seals

_TIME = b"0000-00-00T00:00:00.000000Z"  # each digit of a timestamp as 0
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_BLANK = bytes(4 * VECTOR_SIZE)
LARGE = frozenset({"raw_result", "sigma_judge"})  # texts that come as bytes
_BUILT_FROM = {"sigma_judge": "envelope"}  # column → its name in the ledger, where they differ
_decode_times = msgspec.json.Decoder(list[datetime]).decode


def shape(rows: Rows) -> pa.RecordBatch:
    """One batch in the contract's schema. Raises VerificationError for rows that break their seal or the contract."""
    arrays = {"timestamp": _times(rows)}
    for field in SCHEMA:
        values = getattr(rows, _BUILT_FROM.get(field.name, field.name), None)
        if values is not None and field.name not in arrays:
            arrays[field.name] = _column(rows, field, values)
    check_seals(rows)
    results = [parse_result(raw) for raw in rows.raw_result]
    check_breakdowns(rows, results)
    for name, values in flatten(results).items():
        arrays[name] = _vectors(values) if name == "v_intent" else _flat_column(name, values)
    return pa.RecordBatch.from_arrays([arrays[name] for name in SCHEMA.names], schema=SCHEMA)


def texts(column: pa.StringArray) -> Iterator[memoryview]:
    """The bytes of each text, not copied. The column holds no null."""
    ends, view = _inside(column)
    for start, end in pairwise(ends):
        yield view[start:end]


def joined(column: pa.StringArray) -> bytes:
    """The bytes of all texts, one after the other. The column holds no null."""
    ends, view = _inside(column)
    return bytes(view[ends[0] : ends[-1]])


def _inside(column: pa.StringArray) -> tuple[list[int], memoryview]:
    _, offsets, data = column.buffers()
    ends = memoryview(offsets).cast("i")[column.offset : column.offset + len(column) + 1].tolist()
    return ends, memoryview(data if data is not None else b"")


def integers(column: pa.Array) -> list[int]:
    """The values of an int64 or timestamp column without nulls, which Arrow would hand out one by one."""
    _, data = column.buffers()
    return memoryview(data or b"").cast("q")[column.offset : column.offset + len(column)].tolist()


def _column(rows: Rows, field: pa.Field, values: Sequence[Any]) -> pa.Array:
    try:
        # both refuse another type, and texts that are not UTF-8
        column = _texts(values) if field.name in LARGE else None
        if column is None:
            column = pa.array(values, field.type)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise _wrong(f"{rows.id[0]}-{rows.id[-1]}", f"{field.name}: {error}") from error
    if column.null_count and not field.nullable:
        raise _wrong(rows.id[values.index(None)], f"{field.name} is NULL")
    return column


def _texts(values: Sequence[Any]) -> pa.Array | None:
    """Large texts at once: half the cost of handing them over one by one (measured). None when one is null."""
    try:
        data = b"".join(values)
    except TypeError:  # looking for a null first would cost as much again
        return None
    ends = array("i", accumulate(map(len, values), initial=0))
    column = pa.StringArray.from_buffers(len(values), pa.py_buffer(ends), pa.py_buffer(data))
    column.validate(full=True)
    return column


def _times(rows: Rows) -> pa.Array:
    moments = _read_times(rows.timestamp)
    if moments is None:
        row, text = next(pair for pair in zip(rows.id, rows.timestamp, strict=True) if _read_times(pair[1:]) is None)
        told = f"timestamp is not UTC in microseconds: {text!r:.50}"
        raise _wrong(row, told if text is not None else "timestamp is NULL")
    # naive ones are taken in half the time
    return pa.Array.from_buffers(TIME, len(moments), pa.array(moments, pa.timestamp("us")).buffers())


def _read_times(found: Sequence[Any]) -> list[datetime] | None:
    """All of them in UTC, without a zone; None when one is another text than the judge writes."""
    try:
        shapes = "".join(found).encode().translate(_DIGITS)
        if shapes != _TIME * len(found) or set(map(len, found)) != {len(_TIME)}:
            return None
        # as one list in JSON: a third less than one by one
        return _decode_times('["{}"]'.format('","'.join(found)).replace('Z"', '"'))
    except (TypeError, msgspec.ValidationError):
        return None


def _flat_column(name: str, values: Sequence[Any]) -> pa.Array:
    if name not in LABELS:
        return pa.array(values, SCHEMA.field(name).type)
    labels = [label for label in dict.fromkeys(values) if label is not None]
    places = {label: place for place, label in enumerate(labels)}
    try:
        # a list knows how long it is, so that the array need not grow
        numbers = array("i", list(map(places.__getitem__, values)))
        indices = pa.Array.from_buffers(LABEL.index_type, len(values), [None, pa.py_buffer(numbers)])
    except KeyError:  # a null
        indices = pa.array([places.get(value) for value in values], LABEL.index_type)
    return pa.DictionaryArray.from_arrays(indices, pa.array(labels, LABEL.value_type))


def _vectors(values: Sequence[array[float] | None]) -> pa.Array:
    missing = [value is None for value in values]
    if all(missing):
        return _no_vectors(1 << (len(values) - 1).bit_length()).slice(0, len(values))
    numbers = pa.py_buffer(b"".join(_BLANK if value is None else value for value in values))
    floats = pa.Array.from_buffers(VECTOR.value_type, VECTOR_SIZE * len(values), [None, numbers])
    return pa.FixedSizeListArray.from_arrays(floats, type=VECTOR, mask=pa.array(missing, pa.bool_()))


@lru_cache(maxsize=1)
def _no_vectors(count: int) -> pa.Array:
    # 1.5 kB for each null: made once
    return pa.nulls(count, VECTOR)


def _wrong(row: int | str, what: str) -> VerificationError:
    return VerificationError(f"row {row}: {what}", kind="schema")
