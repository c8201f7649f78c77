"""Rows as they come from the ledger → rows in the columns of the contract, checked against their seals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from green_logic.errors import VerificationError
from green_logic.publish.columns import LABEL, LABELS, SCHEMA, TIME, VECTOR
from green_logic.publish.contract import VECTOR_SIZE
from green_logic.publish.flatten import flatten, parse_result
from green_logic.publish.ledger_rows import Rows
from green_logic.publish.seals import check_breakdowns, check_seals

# each character of a timestamp is between those of these two
_LEAST = np.frombuffer(b"0000-00-00T00:00:00.000000Z", dtype=np.uint8)
_MOST = np.frombuffer(b"9999-99-99T99:99:99.999999Z", dtype=np.uint8)
LARGE = frozenset({"raw_result", "sigma_judge"})  # texts that come as bytes
_BUILT_FROM = {"sigma_judge": "envelope"}  # column → its name in the ledger, where they differ


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
    ends: list[int] = np.frombuffer(offsets, dtype=np.int32)[column.offset : column.offset + len(column) + 1].tolist()
    return ends, memoryview(data) if data is not None else memoryview(b"")


def integers(column: pa.Array) -> NDArray[np.int64]:
    """The values of an int64 or timestamp column without nulls, not copied.

    pyarrow's own `to_numpy` imports pandas, which costs more than a small export.
    """
    _, data = column.buffers()
    found: NDArray[np.int64] = np.frombuffer(data or b"", dtype=np.int64)
    return found[column.offset : column.offset + len(column)]


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
    ends = np.zeros(len(values) + 1, dtype=np.int32)
    try:
        data = b"".join(values)
        np.cumsum(np.fromiter(map(len, values), np.int32, len(values)), out=ends[1:])
    except TypeError:  # looking for a null first would cost as much again
        return None
    column = pa.StringArray.from_buffers(len(values), pa.py_buffer(ends), pa.py_buffer(data))
    column.validate(full=True)
    return column


def _times(rows: Rows) -> pa.Array:
    for row, text in zip(rows.id, rows.timestamp, strict=True):
        if not isinstance(text, str) or len(text) != len(_LEAST) or not text.isascii():
            raise _wrong(row, "timestamp is not UTC in microseconds" if text is not None else "timestamp is NULL")
    grid = np.frombuffer("".join(rows.timestamp).encode(), dtype=np.uint8).reshape(-1, len(_LEAST))
    good = ((grid >= _LEAST) & (grid <= _MOST)).all(axis=1)
    if not good.all():
        raise _wrong(rows.id[int(good.argmin())], "timestamp is not UTC in microseconds")
    try:
        # not through Arrow's cast, which loads all of its compute functions: a tenth of a small export
        moments = np.ascontiguousarray(grid[:, :-1]).view(f"S{len(_LEAST) - 1}").ravel().astype("datetime64[us]")
    except ValueError as error:
        raise _wrong(f"{rows.id[0]}-{rows.id[-1]}", f"timestamp: {error}") from error
    return pa.Array.from_buffers(TIME, len(moments), [None, pa.py_buffer(moments)])


def _flat_column(name: str, values: Sequence[Any]) -> pa.Array:
    if name not in LABELS:
        return pa.array(values, SCHEMA.field(name).type)
    labels = [label for label in dict.fromkeys(values) if label is not None]
    places = {label: place for place, label in enumerate(labels)}
    try:
        indices = pa.array(np.fromiter(map(places.__getitem__, values), np.int32, len(values)))
    except KeyError:  # a null
        indices = pa.array([places.get(value) for value in values], LABEL.index_type)
    return pa.DictionaryArray.from_arrays(indices, pa.array(labels, LABEL.value_type))


def _vectors(values: Sequence[NDArray[np.float32] | None]) -> pa.Array:
    missing = [value is None for value in values]
    if all(missing):
        return _no_vectors(1 << (len(values) - 1).bit_length()).slice(0, len(values))
    blank = np.zeros(VECTOR_SIZE, dtype=np.float32)
    numbers = np.concatenate([blank if value is None else value for value in values])
    return pa.FixedSizeListArray.from_arrays(pa.array(numbers), type=VECTOR, mask=pa.array(missing, pa.bool_()))


@lru_cache(maxsize=1)
def _no_vectors(count: int) -> pa.Array:
    # 1.5 kB for each null: made once
    return pa.nulls(count, VECTOR)


def _wrong(row: int | str, what: str) -> VerificationError:
    return VerificationError(f"row {row}: {what}", kind="schema")
