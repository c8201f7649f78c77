"""Recording scored battles: sign, DBOM file, row, durable; against the usual way of doing it.

The usual way is what the arena of this design's origin does: the result dumped twice with the standard library, an
indented DBOM written in place without a sync, a connection for each battle, no real signature. It loses data at a power
cut; ours does not.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import interleave, machine, make_key
from green_logic.agent import GreenAgent
from green_logic.settings import load_settings

BATTLES, ROUNDS, TASKS = 1280, 5, 20
GROUP = 64  # battles in one transaction
SIZE = 12_000  # characters of code and tests in one result, as in real ones; with the vector about 20 kB


def main() -> None:
    """Print the figures."""
    results = [make_result(number) for number in range(BATTLES)]
    size = len(json.dumps(results[0])) / 1000
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # a real disk; /tmp may be memory
        root = Path(directory)
        figures = interleave(
            {
                "usual way, one at a time": lambda: _usual(results[:128], root),
                "GreenAgent.submit_result": lambda: _ours(results[:128], root, 1),
                f"submit_results, groups of {GROUP}": lambda: _ours(results, root, GROUP),
            },
            ROUNDS,
        )
    base = figures["usual way, one at a time"]
    print(f"\nrecording, battles/s of {size:.0f} kB, median of {ROUNDS} ({machine()})")
    for name, rate in figures.items():
        print(f"  {name:<30} {rate:8.0f}   x{rate / base:.1f}")


def make_result(number: int) -> dict[str, Any]:
    """A result as the evaluator makes them; the battles of one task share their vector."""
    task, own = random.Random(number % TASKS), random.Random(number)  # noqa: S311  the same battles in every run
    return {
        "battle_id": f"bench-{number:06d}",
        "task": {"id": f"task-{number % TASKS}", "title": "A task", "description": "What is to be done. " * 20},
        "purple_response": {"sourceCode": "".join(own.choices("abcdef ()=\n", k=SIZE)), "rationale": "Because. " * 40},
        "evaluation": {
            "cis_score": round(own.random(), 6),
            "breakdown": "The reasons. " * 20,
            "intent_vector": [task.uniform(-0.1, 0.1) for _ in range(384)],
        },
    }


def _ours(results: list[dict[str, Any]], root: Path, group: int) -> float:
    directory = Path(tempfile.mkdtemp(dir=root))
    settings = load_settings({"data_dir": directory / "data", "signing_key": str(_key(root))})
    with GreenAgent(settings=settings) as agent:
        agent.ledger.size()  # opened before the clock starts, as the peer's database is made before
        started = time.perf_counter()
        for start in range(0, len(results), group):
            agent.submit_results(results[start : start + group])
        seconds = time.perf_counter() - started
    shutil.rmtree(directory)
    return len(results) / seconds


def _key(root: Path) -> Path:
    path = root / "judge.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(make_key())
    return path


def _usual(results: list[dict[str, Any]], root: Path) -> float:
    directory = Path(tempfile.mkdtemp(dir=root))
    database = directory / "battles.db"
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE TABLE battles (id INTEGER PRIMARY KEY AUTOINCREMENT, battle_id TEXT, timestamp TEXT, score REAL, "
            "breakdown TEXT, raw_result TEXT, dbom_hash TEXT)"
        )
    connection.close()
    started = time.perf_counter()
    for result in results:
        _submit_as_usual(result, directory, database)
    seconds = time.perf_counter() - started
    shutil.rmtree(directory)
    return len(results) / seconds


def _submit_as_usual(result: dict[str, Any], directory: Path, database: Path) -> None:
    evaluation = result["evaluation"]
    digest = hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()
    dbom = {
        "dbom_version": "1.0",
        "battle_id": result["battle_id"],
        "h_delta": digest,
        "v_intent": evaluation["intent_vector"],
        "score_cis": evaluation["cis_score"],
        "sigma_judge": f"SIG_{digest[:16]}",
        "timestamp": datetime.now().isoformat(),  # noqa: DTZ005  as the peer does
    }
    with (directory / f"dbom_{result['battle_id']}.json").open("w") as file:
        json.dump(dbom, file, indent=2)
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(
        "INSERT INTO battles (battle_id, timestamp, score, breakdown, raw_result, dbom_hash) VALUES (?, ?, ?, ?, ?, ?)",
        (
            result["battle_id"],
            dbom["timestamp"],
            evaluation["cis_score"],
            evaluation["breakdown"],
            json.dumps(result),
            digest,
        ),
    )
    connection.commit()
    connection.close()


if __name__ == "__main__":
    main()
