"""`kill -9` of the whole command, sandbox and all, at random moments; the same command takes it up again."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from green_logic.proof.dbom import rebuild_dbom

KILLS = int(os.environ.get("GREEN_LOGIC_TEST_KILLS", "4"))
BATTLES = 24
RUN = "import sys; from green_logic.cli import main; sys.exit(main(sys.argv[1:]))"
HIDDEN = "from solution import double\n\ndef test_two():\n    assert double(2) == 4\n"


def write_battles(path: Path) -> Path:
    battle = {
        "task": {"title": "Double", "description": "Write double(n).", "hidden_tests": HIDDEN},
        "purple_response": {"sourceCode": "def double(n):\n    return 2 * n\n", "rationale": "double doubles"},
    }
    lines = [json.dumps({"battle_id": f"b-{number}", **battle}) for number in range(BATTLES)]
    path.write_text("\n".join(lines))
    return path


def command(battles: Path, data: Path) -> list[str]:
    return [sys.executable, "-c", RUN, "run", str(battles), "--local", "-C", str(data), "--chunk-size", "3", "--json"]


def recorded(data: Path) -> list[str]:
    if not (data / "battles.db").exists():
        return []
    with sqlite3.connect(data / "battles.db") as connection:
        if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            return []  # killed before the tables were there
        return [name for (name,) in connection.execute("SELECT battle_id FROM battles ORDER BY id")]


def check_whole(data: Path) -> None:
    with sqlite3.connect(data / "battles.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = connection.execute(
            "SELECT battle_id, raw_result, score, timestamp, envelope, dbom_hash "
            "FROM battles JOIN ledger ON battle_row = battles.id"
        ).fetchall()
    assert sorted(row[0] for row in rows) == sorted(f"b-{number}" for number in range(BATTLES))
    for battle_id, raw_result, score, timestamp, envelope, dbom_hash in rows:
        data_of_file = (data / "dboms" / f"dbom_{battle_id}.json").read_bytes()
        assert hashlib.sha256(raw_result.encode()).hexdigest() == dbom_hash == json.loads(data_of_file)["h_delta"]
        assert data_of_file == rebuild_dbom(
            battle_id=battle_id, raw_result=raw_result.encode(), score=score, timestamp=timestamp, envelope=envelope
        )
    assert len(list((data / "dboms").iterdir())) == BATTLES


def test_a_run_killed_at_any_moment_is_taken_up_and_judges_nothing_recorded_again(tmp_path: Path) -> None:
    battles, outcomes, kills, round_number = write_battles(tmp_path / "battles.jsonl"), Counter[str](), 0, 0
    while kills < KILLS:
        data = tmp_path / f"data-{round_number}"
        round_number += 1
        while len(recorded(data)) < BATTLES and kills < KILLS:
            before = recorded(data)
            process = subprocess.Popen(command(battles, data), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            time.sleep(random.uniform(0.2, 2.5))
            process.send_signal(signal.SIGKILL)
            output = process.communicate()[0]
            kills += process.returncode == -signal.SIGKILL
            outcomes["killed" if process.returncode < 0 else "ended"] += 1
            assert recorded(data)[: len(before)] == before
            if output:  # it had said its last word: what it counted is there
                assert json.loads(output)["ledger_size"] == len(recorded(data))
        already = len(recorded(data))
        last = subprocess.run(command(battles, data), capture_output=True, text=True, check=True, timeout=120)
        report = json.loads(last.stdout)
        assert (report["already_recorded"], report["recorded"]) == (already, BATTLES - already), outcomes
        check_whole(data)
