"""An import is killed at any moment: the next one takes it up, and every record is counted and recorded once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from green_logic.audit.ledger import audit_ledger
from green_logic.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[1] / "importers"))  # the makers of foreign files
from foreign import arena_row, sample_of, write_database, write_dbom, write_log

KILLS = int(os.environ.get("GREEN_LOGIC_TEST_KILLS", "4"))
RECORDS = 1200  # several groups of 256
OUTCOMES = ("recorded", "already_recorded", "conflicts", "refused", "not_evaluated")
WAIT_S = 120.0


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A database and a log in which every outcome occurs, and how many records each holds."""
    root, source = tmp_path_factory.mktemp("foreign"), random.Random(7)
    rows = []
    for number in range(RECORDS):
        row = arena_row(f"b-{number:04d}", (number % 100) / 100, seed=number % 9)
        if number % 10 == 3:
            row = arena_row(f"b-{source.randrange(number):04d}", 0.11)  # the same id again, another result
        elif number % 10 == 5:
            row["breakdown"] = "Scoring failed due to error: Connection error."
        elif number % 10 == 7:
            row["dbom_hash"] = "0" * 64
        rows.append(row)
    database = write_database(root / "arena" / "battles.db", rows)
    for row in rows[:40]:
        write_dbom(root / "arena" / "dboms", row)
    samples = [sample_of(number, value="C" if number % 4 else "?") for number in range(RECORDS // 4)]
    return [str(database), str(write_log(root / "run.eval", samples))]


def start(settings, paths):
    """The command in a process of its own, answering in JSON."""
    program = str(Path(sys.executable).with_name("green-logic"))
    command = [program, "import", *paths, "--score-map", "C=1", "--json"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*command, "-C", str(settings.data_dir)], **streams)


def finish(settings, paths):
    """The report of an import that nobody disturbs."""
    process = start(settings, paths)
    out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode in {0, 1}, err.decode()
    report = json.loads(out)
    assert report["read"] == sum(report[name] for name in OUTCOMES), "a record was dropped in silence"
    return report


def contents(settings, assert_whole):
    """What an import leaves: battles, and the names of what was set aside. Results hold the file's name, no times."""
    rows = {battle_id: json.loads(raw) for battle_id, raw in assert_whole(settings).items()}
    aside = {path.name: json.loads(path.read_bytes()) for path in settings.not_evaluated.iterdir()}
    lists = {path.name: path.read_bytes().count(b"\n") for path in settings.rejected.iterdir()}
    for entry in (*rows.values(), *aside.values()):
        entry.pop("at", None)
        entry.get("imported", {}).pop("at", None)
    return rows, aside, lists


def test_an_import_killed_at_random_moments_is_completed_by_the_next(foreign, tmp_path, assert_whole):
    undisturbed, killed = (Settings(data_dir=tmp_path / name) for name in ("undisturbed", "killed"))
    began = time.monotonic()
    expected = finish(undisturbed, foreign)
    usual_s = time.monotonic() - began
    source, ended, seen = random.Random(), 0, 0
    while ended < KILLS:
        process, began = start(killed, foreign), time.monotonic()
        try:
            process.wait(timeout=source.uniform(0.3, 0.9) * usual_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate(timeout=WAIT_S)
        ended += process.returncode == -signal.SIGKILL
        usual_s = min(usual_s, time.monotonic() - began) if process.returncode >= 0 else usual_s  # it was faster
        if (killed.data_dir / "battles.db").exists():
            report = audit_ledger(killed)
            assert set(report.tally.counts) <= {"dbom-missing", "orphan-file", "foreign-file", "public-key"}
            assert report.battles >= seen, "a recorded battle is gone"
            seen = report.battles
    report = finish(killed, foreign)
    assert report["read"] == expected["read"]
    assert report["recorded"] + report["already_recorded"] == expected["recorded"] + expected["already_recorded"]
    assert all(report[name] == expected[name] for name in ("conflicts", "refused", "not_evaluated"))
    assert contents(killed, assert_whole) == contents(undisturbed, assert_whole)
    assert audit_ledger(killed).ok
    again = finish(killed, foreign)
    assert (again["recorded"], again["already_recorded"]) == (0, expected["recorded"] + expected["already_recorded"])


def test_two_imports_of_one_file_at_once_record_each_battle_once(foreign, tmp_path, assert_whole):
    undisturbed, settings = (Settings(data_dir=tmp_path / name) for name in ("undisturbed", "shared"))
    expected = finish(undisturbed, foreign)
    processes = [start(settings, foreign) for _ in range(2)]
    reports = [json.loads(process.communicate(timeout=WAIT_S)[0]) for process in processes]
    assert [report["error"] for report in reports if "error" in report] == []
    assert sum(report["recorded"] for report in reports) == len(assert_whole(settings)) == expected["recorded"]
    for report in reports:
        assert report["read"] == sum(report[name] for name in OUTCOMES) == expected["read"]
        assert report["recorded"] + report["already_recorded"] == expected["recorded"] + expected["already_recorded"]
    assert contents(settings, assert_whole) == contents(undisturbed, assert_whole)
    assert audit_ledger(settings).ok
