"""Taking other people's records: LogoMesh's database scaled up, and an Inspect AI log.

python -m benchmarks.importing [RECORDS] [DATABASE]     default 20000; a real DATABASE is repeated under new ids,
                                                        without one rows of the same shape and size are made up
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import machine, make_key

PROGRAM = str(Path(sys.executable).with_name("green-logic"))
COLUMNS = "battle_id TEXT, timestamp TEXT, score REAL, breakdown TEXT, raw_result TEXT, dbom_hash TEXT"
STAMP = "2026-01-13T23:21:58.796676"
OUTCOMES = ("recorded", "already_recorded", "conflicts", "refused", "not_evaluated")
TASKS = 16  # texts whose vectors differ
CODE = 4000  # characters of a submission

Row = tuple[str, str, float, str, str, str]


def main() -> None:
    """Print the figures."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    real = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # a real disk; /tmp may be memory
        root = Path(directory)
        key = root / "judge.key"
        key.touch(mode=0o600)
        key.write_text(make_key())
        os.environ |= {"XDG_STATE_HOME": str(root / "state"), "GREEN_LOGIC_SIGNING_KEY": str(key)}
        print(f"\nimport ({machine()}, {'real rows repeated' if real else 'made-up rows'})")
        database = _write_database(root / "battles.db", _scaled(real, records) if real else _made_up(records))
        _measure("LogoMesh, dry run", database, root / "none", "--dry-run")
        _measure("LogoMesh", database, root / "logomesh")
        _measure("LogoMesh, again", database, root / "logomesh")
        log = _write_log(root / "run.eval", records)
        _measure("Inspect AI", log, root / "inspect", "--score-map", "C=1,I=0")
        _measure("Inspect AI, again", log, root / "inspect", "--score-map", "C=1,I=0")


def _measure(name: str, path: Path, data_dir: Path, *flags: str) -> None:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [PROGRAM, "import", str(path), "-C", str(data_dir), "--json", *flags]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(answer.stdout)
    # no figure of an import that dropped something
    assert report["read"] == sum(report[one] for one in OUTCOMES) > 0, report  # noqa: S101
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    read, size = report["read"], path.stat().st_size
    print(
        f"  {name:<18} {read} records of {size / read / 1000:.1f} kB: {read / wall:.0f}/s wall, {read / cpu:.0f}/s CPU "
        f"({cpu / read * 1e6:.0f} µs each), peak {after.ru_maxrss / 1024:.0f} MB; recorded {report['recorded']}, "
        f"already {report['already_recorded']}, conflicts {report['conflicts']}, not evaluated "
        f"{report['not_evaluated']}, refused {report['refused']}"
    )


def _scaled(database: Path, records: int) -> Iterator[Row]:
    """The rows of a real database again and again, each time under new ids and with digests that fit."""
    with contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as source:
        query = "SELECT battle_id, timestamp, score, breakdown, raw_result FROM battles"
        rows = source.execute(query).fetchall()
    for number in range(records):
        battle_id, timestamp, score, breakdown, raw = rows[number % len(rows)]
        name = f"{battle_id}-{number // len(rows)}"
        text = raw.replace(json.dumps(battle_id), json.dumps(name))
        yield name, timestamp, score, breakdown, text, hashlib.sha256(text.encode()).hexdigest()


def _made_up(records: int) -> Iterator[Row]:
    for number in range(records):
        task, own = random.Random(number % TASKS), random.Random(number)  # noqa: S311  the same rows in every run
        score = round(own.random(), 6)
        result = {
            "battle_id": f"b-{number}",
            "task": "LRU Cache",
            "purple_response": {"sourceCode": "".join(own.choices("abcdef ()=\n", k=CODE)), "rationale": "why " * 50},
            "evaluation": {
                "cis_score": score,
                "breakdown": "The reasons. " * 20,
                "intent_vector": [task.uniform(-0.2, 0.2) for _ in range(384)],
            },
        }
        text = json.dumps(result)
        yield f"b-{number}", STAMP, score, "The reasons. " * 20, text, hashlib.sha256(text.encode()).hexdigest()


def _write_database(path: Path, rows: Iterator[Row]) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE battles (id INTEGER PRIMARY KEY AUTOINCREMENT, {COLUMNS})")
        connection.executemany("INSERT INTO battles VALUES (NULL, ?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
    return path


def _write_log(path: Path, samples: int) -> Path:
    spec = {"eval_id": "x", "created": "2026-11-25T22:17:05+00:00", "task": "arithmetic", "model": "mockllm/model"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(samples):
            sample = {
                "id": number,
                "epoch": 1,
                "input": f"How much is {number % TASKS} times seven?",
                "messages": [{"role": "assistant", "content": "Let me think. " * 100}],
                "output": {"completion": "42"},
                "scores": {"match": {"value": "CI"[number % 2], "explanation": "because it is"}},
            }
            archive.writestr(f"samples/{number}_epoch_1.json", json.dumps(sample))
        archive.writestr("header.json", json.dumps({"version": 2, "status": "success", "eval": spec}))
    return path


if __name__ == "__main__":
    main()
