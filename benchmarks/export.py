"""Exporting a ledger to Parquet against the usual ways of doing it, and what 1,000 new rows cost afterwards.

    python -m benchmarks.export [--rows 1000000] [--rounds 3] [--ledger DIR] [--peer-python VENV/bin/python]

Every candidate is a process of its own that reads the same rows of the same database. No peer checks anything: they
write and are done. Ours also compares every row with its seal, parses every result into 15 columns, syncs, reads back
and hashes every row. Peak memory is the sum of the peaks of all processes of a candidate. Peers that are not installed,
neither here nor for the other interpreter, are left out, visibly.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import os
import random
import resource
import select
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from benchmarks.measure import machine
from green_logic.ledger.schema import connect, leaf_hash, make_or_check_schema
from green_logic.proof.dbom import DBOM_VERSION, PREDICATE_TYPE, STATEMENT_TYPE, VECTOR_TYPE
from green_logic.proof.envelope import PAYLOAD_TYPE

ROWS, ROUNDS, NEW_ROWS = 200_000, 3, 1000
SIZE = 2000  # bytes of a result; a vector of 384 floats would not fit, so v_intent is null here
QUERY = (
    "SELECT b.id, battle_id, timestamp, score, breakdown, raw_result, dbom_hash, envelope, leaf_index "
    "FROM battles b JOIN ledger l ON l.battle_row = b.id ORDER BY b.id"
)
WORDS = ("def", "return", "self", "value", "cache", "key", "node", "limit", "for", "in", "if", "not", "None", "raise")
NAMES = ("lru", "rate-limiter", "expression-parser", "kv", "interval-tree", "dijkstra")
KEYID, ORIGIN = "SHA256:4Qw0nOIpBhSqbD8dR2Zy8p2fKJ3q1yqkXz7QxWv3cVY", "green-agent/5f6c3f0a-58a3-4a43-9f2b-0a3f9d6f7c11"
# each gets the database (sys.argv[1]) and a directory for its output (sys.argv[2])
PEERS = {
    "pandas read_sql + to_parquet": (
        "pandas",
        f"import pandas, sqlite3; pandas.read_sql({QUERY!r}, sqlite3.connect(db)).to_parquet(out + '/x.parquet')",
    ),
    "polars read_database (cursor)": (
        "polars",
        f"import polars, sqlite3; polars.read_database({QUERY!r}, sqlite3.connect(db), infer_schema_length=None)"
        ".write_parquet(out + '/x.parquet')",
    ),
    "polars + connectorx": (
        "connectorx",
        f"import polars; polars.read_database_uri({QUERY!r}, 'sqlite://' + db).write_parquet(out + '/x.parquet')",
    ),
    "connectorx + pyarrow (zstd 1)": (
        "connectorx",
        "import connectorx, pyarrow.parquet as pq; "
        f"table = connectorx.read_sql('sqlite://' + db, {QUERY!r}, return_type='arrow'); "
        "pq.write_table(table, out + '/x.parquet', compression='zstd', compression_level=1)",
    ),
    "duckdb sqlite_scan": (
        "duckdb",
        "import duckdb; c = duckdb.connect(config={'autoinstall_known_extensions': 'false'}); "
        "c.execute('LOAD sqlite'); "
        "c.execute(f\"ATTACH '{db}' AS s (TYPE sqlite, READ_ONLY)\"); "
        'c.execute(f"COPY (SELECT b.*, l.envelope, l.leaf_index FROM s.battles b JOIN s.ledger l ON l.battle_row = '
        "b.id) TO '{out}/x.parquet' (COMPRESSION zstd)\")",
    ),
    # where its SQLite extension cannot be had: the rows come through Arrow
    "duckdb over ADBC": (
        "adbc_driver_sqlite",
        "import duckdb, adbc_driver_sqlite.dbapi as adbc; cursor = adbc.connect(db).cursor(); "  # noqa: S608  ours
        f"cursor.execute({QUERY!r}); rows = cursor.fetch_record_batch(); "
        "duckdb.sql(f\"COPY (SELECT * FROM rows) TO '{out}/x.parquet' (COMPRESSION zstd)\")",
    ),
    # both tables one after the other, without the join
    "dlt sql_database (pyarrow)": (
        "dlt",
        "import dlt; from dlt.sources.sql_database import sql_database; "
        "dlt.pipeline('battles', pipelines_dir=out, destination=dlt.destinations.filesystem(out)).run("
        "sql_database('sqlite:///' + db, table_names=['battles', 'ledger'], backend='pyarrow', chunk_size=50_000), "
        "loader_file_format='parquet')",
    ),
}
OURS = "green-logic export"
OUR_CODE = """
from pathlib import Path
from green_logic.publish.export import export_battles
from green_logic.settings import Settings
export_battles(Settings(data_dir=Path(db).parent), destination=out)
"""
FRAME = "import sys; db, out = sys.argv[1:]\n"
QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}  # a peer's telemetry and log
SAMPLING_S = 0.05


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--peer-python", default=sys.executable, help="interpreter for peers that are not installed here"
    )
    parser.add_argument(
        "--ledger", type=Path, help="directory to make the ledger in, or to find it from an earlier run"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # a real disk; /tmp may be memory
        database = (options.ledger or Path(directory)) / "data" / "battles.db"
        if not database.exists():
            started = time.perf_counter()
            make_ledger(database, 0, options.rows)
            size = database.stat().st_size / 1e9
            print(f"made {options.rows:,} rows, {size:.2f} GB, {time.perf_counter() - started:.0f} s")
        figures = measure(database, options.rounds, options.peer_python)
        report(figures, count_rows(database), options.rounds)
        report_increment(database, figures[OURS], options.rounds)


@dataclass
class Figures:
    """Seconds of every round, wall and CPU; peak memory and output in MB."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: int = 0
    size: int = 0


def measure(database: Path, rounds: int, peer_python: str) -> dict[str, Figures]:
    """The figures of each candidate; all run in every round, in a shuffled order."""
    candidates = find_candidates(peer_python)
    figures = {name: Figures() for name in candidates}
    for _ in range(rounds):
        for name in random.sample(list(candidates), len(candidates)):
            with tempfile.TemporaryDirectory(dir=database.parent.parent) as out:
                try:
                    wall, cpu, peak = run(*candidates[name], database, out)
                except subprocess.CalledProcessError as error:
                    print(f"  left out: {name}: {error.stderr.strip().splitlines()[-1][:150]}")
                    del candidates[name], figures[name]
                    continue
                found = figures[name]
                found.wall.append(wall)
                found.cpu.append(cpu)
                found.peak = max(found.peak, peak)
                found.size = sum(path.stat().st_size for path in Path(out).rglob("*.parquet")) >> 20
    return figures


def find_candidates(peer_python: str) -> dict[str, tuple[str, str]]:
    """Interpreter and code of each candidate that is installed."""
    found = {OURS: (sys.executable, OUR_CODE)}
    for name, (module, code) in PEERS.items():
        if find_spec(module):
            found[name] = (sys.executable, code)
        elif not subprocess.run([peer_python, "-c", f"import {module}"], capture_output=True, check=False).returncode:
            found[name] = (peer_python, code)
        else:
            print(f"  left out: {name}: not installed")
    return found


def run(python: str, code: str, database: Path, out: str) -> tuple[float, float, int]:
    """Wall and CPU seconds and peak MB of one candidate, from the start of its process to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    peaks: dict[int, int] = {}
    command = [python, "-c", FRAME + code, str(database), out]
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(command, stdout=errors, stderr=errors, env=environment()) as process:
            ended = os.pidfd_open(process.pid)  # tells the end at once, where a wait would round up to the next sample
            while not select.select([ended], [], [], SAMPLING_S)[0]:
                peaks |= read_peaks(process.pid)
            wall = time.perf_counter() - started
            os.close(ended)
        if process.returncode:
            errors.seek(0)
            raise subprocess.CalledProcessError(process.returncode, command, stderr=errors.read())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, sum(peaks.values()) >> 10


def environment() -> dict[str, str]:
    """That of an installation: byte code is kept, so that a start does not compile; no peer reports or logs."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, **QUIET}


def read_peaks(pid: int) -> dict[int, int]:
    """Peak resident kilobytes so far of a process and its descendants."""
    found = {}
    with contextlib.suppress(OSError, StopIteration):  # it may have ended meanwhile
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        found[pid] = int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                found |= read_peaks(int(child))
    return found


def report(figures: dict[str, Figures], rows: int, rounds: int) -> None:
    """Print the table."""
    ours = statistics.median(figures[OURS].wall)
    print(f"\nexport of {rows:,} rows of {SIZE} B, median of {rounds} ({machine()})")
    for name, found in sorted(figures.items(), key=lambda item: statistics.median(item[1].wall)):
        wall, cpu = statistics.median(found.wall), statistics.median(found.cpu)
        print(
            f"  {name:<31} {wall:6.1f} s  x{wall / ours:.2f}  CPU {cpu:6.1f} s {found.peak:6} MB peak "
            f"{found.size:5} MB file   [{' '.join(f'{value:.1f}' for value in found.wall)}]"
        )


def report_increment(database: Path, full: Figures, rounds: int) -> None:
    """Print what new rows cost as a whole command, the start of Python included."""
    with tempfile.TemporaryDirectory(dir=database.parent.parent) as out:
        run(sys.executable, OUR_CODE, database, out)
        steps = []
        for _ in range(max(rounds, 5)):
            make_ledger(database, count_rows(database), NEW_ROWS)
            steps.append(run(sys.executable, OUR_CODE, database, out))
    wall, cpu = (statistics.median(values) for values in list(zip(*steps, strict=True))[:2])
    share = 100 * wall / statistics.median(full.wall)
    print(f"  {NEW_ROWS} new rows, start of Python included: {wall:.2f} s ({cpu:.2f} CPU), {share:.1f} % of the above")


def count_rows(database: Path) -> int:
    """Rows of the ledger."""
    connection = sqlite3.connect(database)
    (rows,) = connection.execute("SELECT count(*) FROM ledger").fetchone()
    connection.close()
    return int(rows)


def make_ledger(database: Path, start: int, rows: int) -> None:
    """Add rows through the ledger's own schema, unsigned: an export does not look at signatures."""
    database.parent.mkdir(parents=True, exist_ok=True)
    connection = connect(database, busy_timeout_s=60)
    make_or_check_schema(connection, "SHA256:benchmark", database)
    connection.execute("BEGIN IMMEDIATE")
    for number, (battle, envelope) in enumerate(make_rows(start, rows), start=start):
        row = connection.execute("INSERT INTO battles VALUES (NULL, ?, ?, ?, ?, ?, ?)", battle).lastrowid
        connection.execute(
            "INSERT INTO ledger VALUES (?, ?, ?, ?, '', '', x'00')", (number, row, envelope, leaf_hash(envelope))
        )
    connection.execute("COMMIT")
    connection.close()


def make_rows(start: int, rows: int) -> Iterator[tuple[tuple[object, ...], str]]:
    """Rows as the judge makes them: scores, a task out of 20, and program text that compresses like program text."""
    source = random.Random(start)  # noqa: S311  the same ledger in every run
    for number in range(start, start + rows):
        result = make_result(number, source)
        raw = orjson.dumps(result, option=orjson.OPT_SORT_KEYS).decode()
        digest = hashlib.sha256(raw.encode()).hexdigest()
        moment = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(milliseconds=250 * number)
        timestamp = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        evaluation = result["evaluation"]
        battle = (result["battle_id"], timestamp, evaluation["cis_score"], evaluation["breakdown"], raw, digest)
        yield battle, make_envelope(battle, source)


def make_result(number: int, source: random.Random) -> dict[str, Any]:
    """One judge's result of SIZE bytes."""
    score, tests = round(source.random(), 6), source.randrange(9)
    result: dict[str, Any] = {
        "battle_id": f"{source.choice(NAMES)}-{number}",
        "battle_sha256": source.randbytes(32).hex(),
        "evaluation": {
            **{
                f"{part}_score": round(source.random(), 6) for part in ("rationale", "architecture", "testing", "logic")
            },
            "breakdown": f"CIS {score:.3f}: tests {tests} of 9 pass; rationale and code agree to {source.random():.2f}",
            "cis_score": score,
            "components": {
                "logic": {"evidence": {"passed": number % 5, "total": 5}, "source": "hidden_tests", "value": 0.5},
                "testing": {"evidence": {"passed": tests, "total": 9}, "source": "own_tests", "value": tests / 9},
            },
            "intent_code_similarity": round(source.random(), 6),
            "judge": "none",
            "red_multiplier": 0.85,
        },
        "participant": {"agent": f"agent-{number % 12}", "model": f"model-{number % 5}"},
        "profile": {"id": "cis-evidence/2"},
        "task": {"id": f"task-{number % 20}", "title": f"Task {number % 20}"},
    }
    room = SIZE - len(orjson.dumps(result)) - len(',"purple_response":{"sourceCode":""}')
    # every tenth word is new, so that it compresses to a fourth, as real submissions do
    words = source.choices(WORDS, k=room // 4)
    digits = source.randbytes(4 * len(words[::10])).hex()
    words[::10] = [f"n{digits[place : place + 8]}" for place in range(0, len(digits), 8)]
    result["purple_response"] = {"sourceCode": " ".join(words)[:room]}
    return result


def make_envelope(battle: tuple[object, ...], source: random.Random) -> str:
    """A seal as the judge makes it, with random bytes in the place of a signature."""
    battle_id, timestamp, score, _, _, digest = battle
    subjects = [
        {"name": battle_id, "digest": {"sha256": digest}},
        {"name": "submission", "digest": {"sha256": source.randbytes(32).hex()}},
    ]
    vector = {"mediaType": VECTOR_TYPE, "digest": {"sha256": source.randbytes(32).hex()}, "length": 384}
    predicate = {
        "dbomVersion": DBOM_VERSION,
        "battleId": battle_id,
        "scoreCis": score,
        "vIntent": vector,
        "judgedAt": timestamp,
        "ledger": ORIGIN,
        "profile": "cis-evidence/2",
    }
    statement = {"_type": STATEMENT_TYPE, "subject": subjects, "predicateType": PREDICATE_TYPE, "predicate": predicate}
    signature = {"keyid": KEYID, "sig": base64.b64encode(source.randbytes(64)).decode()}
    envelope = {
        "payload": base64.b64encode(orjson.dumps(statement)).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [signature],
    }
    return orjson.dumps(envelope).decode()


if __name__ == "__main__":
    main()
