"""Small databases, DBOMs and logs as other projects write them, for the tests of the importers."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import zstandard

SEVEN = (
    "id INTEGER PRIMARY KEY AUTOINCREMENT, battle_id TEXT, timestamp TEXT, score REAL, breakdown TEXT, "
    "raw_result TEXT, dbom_hash TEXT"
)
FOUR = "battle_id TEXT PRIMARY KEY, task_title TEXT, timestamp DATETIME, raw_result JSON"
TEXT_SCORES = (
    "battle_id TEXT, task_title TEXT, timestamp TEXT, raw_result TEXT, score TEXT, breakdown TEXT, dbom_hash TEXT"
)
TEXT_ID = "id TEXT PRIMARY KEY, score REAL, raw_result TEXT, timestamp TEXT"
STAMP = "2026-01-13T23:21:58.796676"

Row = dict[str, Any]


def vector(seed: int = 1) -> list[float]:
    """An embedding as the origin has them."""
    source = random.Random(seed)
    return [source.uniform(-0.2, 0.2) for _ in range(384)]


def arena_row(battle_id: str, score: float = 0.67, /, *, seed: int = 1, **more: Any) -> Row:
    """A row of the seven-column schema whose parts agree; `more` replaces cells."""
    result = {
        "battle_id": battle_id,
        "task": "LRU Cache",
        "purple_response": {"sourceCode": f"x = {seed}\n", "testCode": "", "rationale": "because"},
        "evaluation": {
            "rationale_score": 0.75,
            "logic_score": 0.5,
            "cis_score": score,
            "breakdown": "The rationale is clear.",
            "intent_vector": vector(),
        },
    }
    raw = json.dumps(result)
    row = {
        "battle_id": battle_id,
        "timestamp": STAMP,
        "score": score,
        "breakdown": "The rationale is clear.",
        "raw_result": raw,
        "dbom_hash": hashlib.sha256(raw.encode()).hexdigest(),
    }
    return {**row, **more}


def write_database(path: Path, rows: Sequence[Mapping[str, Any]], *, columns: str = SEVEN) -> Path:
    """A database with a table `battles` of these columns and rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE battles ({columns})")
        for row in rows:
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO battles ({names}) VALUES ({marks})", [*row.values()])  # noqa: S608
        connection.commit()
    return path


def write_dbom(folder: Path, row: Row, **more: Any) -> Path:
    """The DBOM 1.0 that the origin wrote for a row."""
    folder.mkdir(exist_ok=True)
    dbom = {
        "dbom_version": "1.0",
        "battle_id": row["battle_id"],
        "h_delta": row["dbom_hash"],
        "v_intent": vector(),
        "score_cis": row["score"],
        "sigma_judge": f"SIG_GREEN_{row['battle_id']}_{row['dbom_hash'][:8]}",
        "timestamp": STAMP,
        **more,
    }
    path = folder / f"dbom_{row['battle_id']}.json"
    path.write_text(json.dumps(dbom))
    return path


def sample_of(sample_id: int | str = 1, *, epoch: int = 1, value: object = "C", **more: Any) -> dict[str, Any]:
    """A sample as Inspect AI 0.3.285 writes it, without its events."""
    return {
        "id": sample_id,
        "epoch": epoch,
        "input": "six times seven",
        "target": "42",
        "messages": [],
        "output": {"model": "mockllm/model", "completion": "42"},
        "scores": {"match": {"value": value, "answer": "42", "explanation": "it is 42", "history": []}},
        "metadata": {},
        "completed_at": "2026-11-25T22:17:06+00:00",
        "error_retries": [],
        **more,
    }


def header_of(**more: Any) -> dict[str, Any]:
    """A log's header."""
    spec = {
        "eval_id": "ECGrxLhxaHAA7wocwse4fg",
        "created": "2026-11-25T22:17:05+00:00",
        "task": "arithmetic",
        "model": "mockllm/model",
        "dataset": {"name": "sums", "samples": 3, "sample_ids": [1, 2, 3]},
    }
    return {"version": 2, "status": "success", "eval": spec, **more}


def write_log(path: Path, samples: Sequence[Mapping[str, Any]], *, header: Mapping[str, Any] | None = None) -> Path:
    """A log with deflated members; the JSON may hold NaN, as Inspect's does."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for sample in samples:
            archive.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
        archive.writestr("summaries.json", "[]")
        archive.writestr("header.json", json.dumps(header_of() if header is None else header))
    return path


def write_zstd_log(path: Path, samples: Sequence[Mapping[str, Any]]) -> Path:
    """A log packed as Inspect AI packs it: zstd, method 93, which zipfile of Python 3.11 can neither read nor write."""
    texts = {f"samples/{sample['id']}_epoch_{sample['epoch']}.json": sample for sample in samples}
    members = []
    for name, value in {"_journal/start.json": {}, **texts, "header.json": header_of()}.items():
        data = json.dumps(value).encode()
        members.append((name, zstandard.ZstdCompressor().compress(data), len(data), zlib.crc32(data), 93))
    write_raw_zip(path, members)
    return path


def write_raw_zip(path: Path, members: Sequence[tuple[str, bytes, int, int, int]]) -> None:
    """A zip of members (name, packed bytes, size, CRC-32, method) whose headers say just that, true or not."""
    body, directory = b"", b""
    for name, packed, size, crc, method in members:
        text = name.encode()
        fields = (method, 0, 0, crc, len(packed), size, len(text))
        offset = len(body)
        body += struct.pack("<4sHHHHHLLLHH", b"PK\x03\x04", 20, 0, *fields, 0) + text + packed
        directory += struct.pack("<4sHHHHHHLLLHHHHHLL", b"PK\x01\x02", 20, 20, 0, *fields, 0, 0, 0, 0, 0, offset) + text
    count = len(members)
    end = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
    path.write_bytes(body + directory + end)


def write_journal(database: Path, victim: Path) -> Path:
    """A rollback journal that names another file, as one of a transaction over several databases does.

    SQLite plays it back when it next opens the database for writing, and then removes the named file.
    """
    magic, page, name = bytes.fromhex("d9d505f920a163d7"), 4096, str(victim).encode()
    header = magic + struct.pack(">IIIII", 0, 0, database.stat().st_size // page, 512, page)
    record = struct.pack(">I", (1 << 30) // page + 1) + name + struct.pack(">II", len(name), sum(name)) + magic
    path = database.with_name(f"{database.name}-journal")
    path.write_bytes(header.ljust(512, b"\0") + record)
    return path
