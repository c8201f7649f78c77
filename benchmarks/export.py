"""Exporting a ledger to Parquet against the usual ways of doing it, and what 1,000 new rows cost afterwards.

    python -m benchmarks.export [--rows 1000000] [--rounds 3]

Every candidate is a process of its own that reads the same rows of the same database. The peers write one file and are
done; ours also parses every result into 15 columns, syncs, reads back and hashes every row. Peak memory is the sum over
a candidate's processes. Peers that are not installed are left out, visibly.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measure import machine
from green_logic.ledger.schema import connect, leaf_hash, make_or_check_schema

ROWS, ROUNDS, NEW_ROWS = 200_000, 3, 1000
SIZE = 2000  # bytes of a result; a vector of 384 floats would not fit, so v_intent is null here
QUERY = (
    "SELECT b.id, battle_id, timestamp, score, breakdown, raw_result, dbom_hash, envelope, leaf_index "
    "FROM battles b JOIN ledger l ON l.battle_row = b.id ORDER BY b.id"
)
WORDS = ("def", "return", "self", "value", "cache", "key", "node", "limit", "for", "in", "if", "not", "None", "raise")
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
    "connectorx + pyarrow (zstd 3)": (
        "connectorx",
        "import connectorx, pyarrow.parquet as pq; "
        f"table = connectorx.read_sql('sqlite://' + db, {QUERY!r}, return_type='arrow'); "
        "pq.write_table(table, out + '/x.parquet', compression='zstd', compression_level=3)",
    ),
    "duckdb sqlite_scan": (
        "duckdb",
        "import duckdb; c = duckdb.connect(); c.execute('LOAD sqlite'); "
        "c.execute(f\"ATTACH '{db}' AS s (TYPE sqlite, READ_ONLY)\"); "
        'c.execute(f"COPY (SELECT b.*, l.envelope, l.leaf_index FROM s.battles b JOIN s.ledger l ON l.battle_row = '
        "b.id) TO '{out}/x.parquet' (COMPRESSION zstd)\")",
    ),
}
OURS = "green-logic export"
OUR_CODE = """
from pathlib import Path
from green_logic.publish.export import export_battles
from green_logic.settings import Settings
print(export_battles(Settings(data_dir=Path(db).parent), destination=out).rows, file=sys.stderr)
"""
FRAME = """
import resource, sys
db, out = sys.argv[1:]
{code}
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(sum(one.ru_utime + one.ru_stime for one in used), sum(one.ru_maxrss for one in used) // 1024)
"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # a real disk; /tmp may be memory
        database = Path(directory) / "data" / "battles.db"
        started = time.perf_counter()
        make_ledger(database, 0, options.rows)
        print(
            f"made {options.rows:,} rows, {database.stat().st_size / 1e9:.2f} GB, {time.perf_counter() - started:.0f} s"
        )
        figures = measure(database, options.rounds)
        report(figures, options)
        report_increment(database, figures[OURS], options.rounds)


@dataclass
class Figures:
    """Seconds of every round, wall and CPU; peak memory and output in MB."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: int = 0
    size: int = 0


def measure(database: Path, rounds: int) -> dict[str, Figures]:
    """The figures of each candidate; all run in every round, in a shuffled order."""
    candidates = {OURS: OUR_CODE, **{name: code for name, (module, code) in PEERS.items() if find_spec(module)}}
    figures = {name: Figures() for name in candidates}
    for _ in range(rounds):
        for name in random.sample(list(candidates), len(candidates)):
            with tempfile.TemporaryDirectory(dir=database.parent.parent) as out:
                try:
                    wall, cpu, peak = run(candidates[name], database, out)
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


def run(code: str, database: Path, out: str) -> tuple[float, float, int]:
    """Wall and CPU seconds and peak MB of one candidate, from the start of its process to its end."""
    started = time.perf_counter()
    command = [sys.executable, "-c", FRAME.format(code=code), str(database), out]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    cpu, peak = done.stdout.split()
    return time.perf_counter() - started, float(cpu), int(peak)


def report(figures: dict[str, Figures], options: argparse.Namespace) -> None:
    """Print the table."""
    ours = statistics.median(figures[OURS].wall)
    print(f"\nexport of {options.rows:,} rows of {SIZE} B, median of {options.rounds} ({machine()})")
    for name, found in sorted(figures.items(), key=lambda item: statistics.median(item[1].wall)):
        wall, cpu = statistics.median(found.wall), statistics.median(found.cpu)
        print(
            f"  {name:<31} {wall:6.1f} s  x{wall / ours:.2f}  CPU {cpu:6.1f} s {found.peak:6} MB peak "
            f"{found.size:5} MB file   [{' '.join(f'{value:.1f}' for value in found.wall)}]"
        )


def report_increment(database: Path, full: Figures, rounds: int) -> None:
    """Print what new rows cost as a whole command, the start of Python included."""
    with tempfile.TemporaryDirectory(dir=database.parent.parent) as out:
        run(OUR_CODE, database, out)
        steps = []
        for _ in range(max(rounds, 5)):
            make_ledger(database, count_rows(database), NEW_ROWS)
            steps.append(run(OUR_CODE, database, out))
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
    database.parent.mkdir(exist_ok=True)
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
        score = round(source.random(), 6)
        result = {
            "battle_id": f"bench-{number:08d}",
            "evaluation": {
                **{f"{part}_score": round(source.random(), 6) for part in ("rationale", "architecture", "testing")},
                "cis_score": score,
                "logic_score": score,
                "red_multiplier": 0.85,
                "intent_code_similarity": 0.4321,
                "judge": "none",
                "components": {"testing": {"evidence": {"passed": number % 9, "total": 9}}},
            },
            "participant": {"agent": f"agent-{number % 12}", "model": f"model-{number % 5}"},
            "profile": {"id": "cis-evidence/1"},
            "task": {"id": f"task-{number % 20}", "title": f"Task {number % 20}"},
            "purple_response": {"sourceCode": ""},
        }
        room = SIZE - len(json.dumps(result))
        # every tenth word is new, so that it compresses to a fourth, as real submissions do
        text = " ".join(
            f"n{source.getrandbits(32):x}" if n % 10 == 0 else source.choice(WORDS) for n in range(room // 5)
        )
        result["purple_response"] = {"sourceCode": text[:room]}
        raw = json.dumps(result)
        digest = hashlib.sha256(raw.encode()).hexdigest()
        timestamp = f"2026-11-{1 + number * 28 // 10_000_000:02d}T00:00:00.{number % 1_000_000:06d}Z"
        battle = (result["battle_id"], timestamp, score, "In short: fair.", raw, digest)
        yield battle, make_envelope(number, digest, source)


def make_envelope(number: int, digest: str, source: random.Random) -> str:
    """A text of the size and entropy of a signed envelope."""
    subject = {"name": f"bench-{number:08d}", "digest": {"sha256": digest}}
    statement = {"_type": "statement", "subject": [subject], "predicate": {"dbomVersion": "1.1", "filler": "x" * 450}}
    payload = base64.b64encode(json.dumps(statement).encode()).decode()
    return json.dumps({"payload": payload, "signatures": [{"sig": base64.b64encode(source.randbytes(64)).decode()}]})


if __name__ == "__main__":
    main()
