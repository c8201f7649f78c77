"""Every row of an export against what it must be: the ledger's, or, where there is no ledger, what the judge sealed.

The columns of a row are made anew from `raw_result` and compared, so a changed analytics column shows as well. Needs
memory for CHECK_ROWS rows of a row group as this project writes it, and of a hostile file whatever `bound_memory` left.
"""

from __future__ import annotations

import hashlib
import resource
import sqlite3
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from green_logic.errors import VerificationError
from green_logic.proof.envelope import open_envelope
from green_logic.proof.keys import PublicKey
from green_logic.proof.merkle import leaf_hash
from green_logic.proof.statement import read_claims
from green_logic.publish.columns import LABELS, SCHEMA
from green_logic.publish.ledger_rows import Rows
from green_logic.publish.manifest import VERSION_FOLDER, DataFile
from green_logic.publish.parquet import CHECK_ROWS, split_months
from green_logic.publish.shape import integers, shape, texts

_ROWS = (
    "SELECT b.id, b.battle_id, b.timestamp, b.score, b.breakdown, CAST(b.raw_result AS BLOB), b.dbom_hash, "
    "CAST(l.envelope AS BLOB), l.leaf_index "
    "FROM battles b LEFT JOIN ledger l ON l.battle_row = b.id WHERE b.id BETWEEN ? AND ? ORDER BY b.id"
)


class Leaf(NamedTuple):
    """A leaf of the log, as an exported row holds it: index, RFC 6962 hash, and the ledger that it was sealed for."""

    leaf: int
    digest: bytes
    origin: str


def bound_memory(room_bytes: int) -> None:
    """Leave this process so much more memory than it has by now; beyond, MemoryError, or Arrow ends the process.

    Where the system does not tell how much that is (macOS), nothing is bound.
    """
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return
    pa.set_memory_pool(pa.system_memory_pool())  # others reserve address space far beyond what they use
    taken = int(statm.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + room_bytes, resource.getrlimit(resource.RLIMIT_AS)[1]))


def match_file(root: Path, file: DataFile, connection: sqlite3.Connection) -> bytes:
    """The ids of the rows of a file, as int64, once each row is the one that the ledger has under its id.

    Raises VerificationError for the first that is not.
    """
    found = array("q")
    for batch in read_rows(root / VERSION_FOLDER / file.path, file.path, file):
        ids = integers(batch["id"])
        _compare(batch, _ledger_rows(connection, ids), file.path)
        found.extend(ids)
    return found.tobytes()


def check_sealed(batch: pa.RecordBatch, name: str, keys: Mapping[str, PublicKey]) -> list[Leaf]:
    """The leaf of each row, once each row is what its seal says and the seal is good.

    Raises VerificationError for the first that is not, or that has no seal.
    """
    _compare(batch, _own_rows(batch), name)
    leaves = []
    names = ("id", "battle_id", "score", "dbom_hash", "sigma_judge", "leaf_index")
    columns = [*(batch[column].to_pylist() for column in names), _times(batch), texts(batch["raw_result"])]
    for row, battle_id, score, dbom_hash, envelope, leaf, timestamp, raw_result in zip(*columns, strict=True):
        if envelope is None or leaf is None:
            raise _wrong(name, f"row {row} has no seal")
        if row != leaf + 1:  # neither number is signed: ids are given in the order of the log, without gaps
            raise _wrong(name, f"row {row} says that it is leaf {leaf}, expected {row - 1}")
        statement, _ = open_envelope(envelope, keys)
        claims = read_claims(statement)
        found = (battle_id, score, timestamp, dbom_hash, hashlib.sha256(raw_result).hexdigest())
        if found != (claims.battle_id, claims.score, claims.timestamp, claims.h_delta, claims.h_delta):
            raise _wrong(name, f"row {row} is not what the judge signed")
        leaves.append(Leaf(leaf, leaf_hash(envelope.encode()), claims.origin))
    return leaves


def read_rows(path: Path, name: str, file: DataFile | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file in batches; `file` is what a manifest says about it.

    Raises VerificationError for another schema, a bad page, ids that do not rise, rows of another month than the
    folder's, and another first or last id or number of rows than the manifest has; MemoryError.
    """
    previous, first, rows = 0, 0, 0
    month = name.partition("/")[0].removeprefix("month=")
    try:
        # pre_buffer would hold the whole file in memory
        with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as parquet:
            if not parquet.schema_arrow.equals(SCHEMA, check_metadata=True):
                raise _wrong(name, f"its columns are not those of the contract: {_other(parquet.schema_arrow)}")
            for batch in _batches(parquet):
                batch.validate(full=True)
                ids = integers(batch["id"])
                if not ids:
                    continue
                if any(after <= before for before, after in zip([previous, *ids], ids, strict=False)):
                    raise _wrong(name, "ids do not rise")
                if file is not None and [found for found, _ in split_months(batch, name)] != [month]:
                    raise _wrong(name, f"holds rows of another month, in {ids[0]} to {ids[-1]}")
                first, previous, rows = first or ids[0], ids[-1], rows + len(ids)
                yield batch
    except pa.ArrowMemoryError:
        raise  # the file may be good
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise _wrong(name, str(error)) from error
    if file is not None and (file.first, file.last, file.rows) != (first, previous, rows):
        raise _wrong(name, f"expected {file.rows} rows {file.first}-{file.last}, got {rows} rows {first}-{previous}")


def _other(found: pa.Schema) -> str:
    """The first thing in which a schema is not that of the contract."""
    for name in [*SCHEMA.names, *found.names]:
        if name not in found.names or name not in SCHEMA.names:
            return f"{name[:80]!r} is {'missing' if name in SCHEMA.names else 'not one of them'}"
        if found.names.count(name) == 1 and not found.field(name).equals(SCHEMA.field(name), check_metadata=True):
            return f"expected {_said(SCHEMA.field(name))}, got {_said(found.field(name))}"
    return "another order, or another version in its metadata"


def _said(field: pa.Field) -> str:
    return f"{field.name}: {field.type}{'' if field.nullable else ' not null'}"[:200]


def _batches(parquet: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    # group by group: a batch over several of them would hold as many large results as it has rows
    for group in range(parquet.num_row_groups):
        yield from parquet.iter_batches(batch_size=CHECK_ROWS, row_groups=[group], use_threads=False)


def _ledger_rows(connection: sqlite3.Connection, ids: list[int]) -> pa.RecordBatch:
    wanted = set(ids)
    rows = [row for row in connection.execute(_ROWS, (ids[0], ids[-1])) if row[0] in wanted]
    if len(rows) != len(ids):
        raise VerificationError(f"of rows {ids[0]} to {ids[-1]} the ledger has {len(rows)}", kind="export")
    return shape(Rows(*zip(*rows, strict=True)))


def _own_rows(batch: pa.RecordBatch) -> pa.RecordBatch:
    """What the rows of an export would be, made from their own sealed texts."""
    columns = {name: batch[name].to_pylist() for name in ("id", "battle_id", "score", "breakdown", "dbom_hash")}
    return shape(
        Rows(
            **columns,
            timestamp=_times(batch),
            raw_result=[bytes(text) for text in texts(batch["raw_result"])],
            envelope=[text if text is None else text.encode() for text in batch["sigma_judge"].to_pylist()],
            leaf_index=batch["leaf_index"].to_pylist(),
        )
    )


def _times(batch: pa.RecordBatch) -> list[str]:
    # to the microsecond, as the judge wrote them
    times: list[str] = pc.strftime(batch["timestamp"], format="%Y-%m-%dT%H:%M:%SZ").to_pylist()
    return times


def _compare(found: pa.RecordBatch, expected: pa.RecordBatch, name: str) -> None:
    """Raises VerificationError for the first column in which two batches differ."""
    for column in SCHEMA.names:
        one, other = (_plain(batch[column], column) for batch in (found, expected))
        if not one.equals(other):
            at = next(n for n in range(len(one)) if not one[n].equals(other[n]))
            raise _wrong(name, f"row {found['id'][at]}: {column} is not what was recorded")


def _plain(array: pa.Array, column: str) -> pa.Array:
    # two dictionaries may number the same texts differently
    return array.cast(pa.string()) if column in LABELS else array


def _wrong(name: str, what: str) -> VerificationError:
    return VerificationError(f"{name}: {what}", kind="export", hint="green-logic export --rebuild writes it anew")
