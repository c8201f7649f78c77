"""Reading tells what is on the ledger and leaves no trace in its directory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from green_logic.errors import ConfigurationError, LedgerMissingError, StorageError, VerificationError
from green_logic.ledger.database import Ledger
from green_logic.ledger.reading import find_digests, open_for_reading, read_battle, read_state
from green_logic.settings import Settings

DIE = """
import os, sys
sys.path.insert(0, sys.argv[1])
from conftest import result_of
from pathlib import Path
from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import seal_result
from green_logic.proof.keys import load_signing_key
from green_logic.settings import Settings
settings = Settings(data_dir=Path(sys.argv[2]))
key = load_signing_key(settings)
ledger = Ledger.open(settings, key)
ledger.submit([seal_result(result_of(f"b-{n}"), key=key, origin=ledger.origin) for n in range(3)])
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def books(settings, key, make_sealed):
    with Ledger.open(settings, key) as ledger:
        ledger.submit([make_sealed(f"b-{number}") for number in range(3)])
    return settings


def traces(settings):
    entries = {}
    for root, names, files in os.walk(settings.data_dir):
        for path in [root, *(os.path.join(root, name) for name in [*names, *files])]:  # noqa: PTH118  os.walk gives text
            state = os.lstat(path)
            # the WAL's index is shared memory without content of its own; SQLite rewrites it when it reads a dead WAL
            entries[path] = (state.st_ino, state.st_size, 0 if path.endswith("-shm") else state.st_mtime_ns)
    return entries


def read_all(settings):
    state = read_state(settings)
    shown = read_battle(settings, "b-1")
    assert find_digests(settings, ["B-1"])["B-1"][0] == "b-1"
    assert not find_digests(settings, ["b-9"])
    return state, shown


def test_a_ledger_at_rest_is_read_without_a_trace(books):
    before = traces(books)
    state, shown = read_all(books)
    assert traces(books) == before
    assert (state["battles"], state["wal_bytes"]) == (3, 0)
    assert shown["dbom"] == (books.dboms / "dbom_b-1.json").read_bytes()
    assert json.loads(shown["raw_result"])["battle_id"] == "b-1"


def test_a_ledger_whose_writer_was_killed_is_read_whole_and_without_a_trace(settings, key):
    tests = str(Path(__file__).parents[1])
    killed = subprocess.run([sys.executable, "-c", DIE, tests, str(settings.data_dir)], check=False)
    assert killed.returncode == -signal.SIGKILL
    before = traces(settings)
    state, _ = read_all(settings)
    assert state["battles"] == 3
    assert state["wal_bytes"] > 0
    assert traces(settings) == before
    with Ledger.open(settings, key) as ledger:
        assert ledger.size() == 3


def test_a_ledger_at_work_is_read_without_a_trace(books, key, make_sealed):
    with Ledger.open(books, key) as writer:
        writer.submit_one(make_sealed("b-3"))
        before = traces(books)
        assert read_all(books)[0]["battles"] == 4
        assert traces(books) == before
        writer.submit_one(make_sealed("b-4"))
    assert read_state(books)["battles"] == 5


def test_a_reader_sees_one_moment_while_others_write(books, key, make_sealed):
    with Ledger.open(books, key) as writer, open_for_reading(books) as connection:
        connection.execute("BEGIN")
        assert connection.execute("SELECT count(*) FROM battles").fetchone() == (3,)
        writer.submit_one(make_sealed("b-3"))
        assert connection.execute("SELECT count(*) FROM battles").fetchone() == (3,)


def test_a_reader_cannot_write(books):
    with open_for_reading(books) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("CREATE TABLE t (x)")


def test_there_is_no_ledger_where_there_is_none(tmp_path):
    settings = Settings(data_dir=tmp_path / "nowhere")
    for read in (read_state, lambda given: read_battle(given, "b-1")):
        with pytest.raises(LedgerMissingError, match="no ledger in"):
            read(settings)
    assert not find_digests(settings, ["b-1"])
    assert not settings.data_dir.exists()


def test_what_is_no_ledger_is_not_read(settings):
    settings.data_dir.mkdir()
    with contextlib.closing(sqlite3.connect(settings.database)) as connection:
        connection.execute("CREATE TABLE t (x)")
    with pytest.raises(ConfigurationError, match="not a ledger"):
        read_state(settings)
    settings.database.write_bytes(b"not a database, but long enough to be read as one" * 99)
    before = traces(settings)
    with pytest.raises(VerificationError) as caught:
        read_state(settings)
    assert caught.value.kind == "database"
    assert traces(settings) == before


def test_a_battle_is_found_by_the_start_of_its_id_when_that_is_one(books):
    assert read_battle(books, "b-2")["battle_id"] == "b-2"
    with pytest.raises(ConfigurationError) as caught:
        read_battle(books, "b-")
    assert "b-0, b-1, b-2" in caught.value.hint
    with pytest.raises(ConfigurationError):
        read_battle(books, "b_1")
    with pytest.raises(ConfigurationError):
        read_battle(books, "%")


def test_an_exact_id_wins_over_longer_ones(settings, key, make_sealed):
    with Ledger.open(settings, key) as ledger:
        ledger.submit([make_sealed("b-1"), make_sealed("b-10")])
    assert read_battle(settings, "b-1")["battle_id"] == "b-1"


def test_a_lost_dbom_is_shown_from_the_row(books):
    data = (books.dboms / "dbom_b-1.json").read_bytes()
    (books.dboms / "dbom_b-1.json").unlink()
    assert read_battle(books, "b-1")["dbom"] == data
    assert not (books.dboms / "dbom_b-1.json").exists()


def test_a_directory_that_cannot_be_read_is_a_storage_error(books):
    if os.geteuid() == 0:
        pytest.skip("permissions do not bind root")
    books.data_dir.chmod(0)
    try:
        with pytest.raises(StorageError):
            read_state(books)
    finally:
        books.data_dir.chmod(0o755)
