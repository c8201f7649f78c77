"""A database whose pages lead to the same pages again: every reader that audits comes to an end, and says why."""

from __future__ import annotations

import _thread
import signal
import sqlite3
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from books import BATTLES

from green_logic.audit.ledger import audit_ledger
from green_logic.audit.one_battle import check_battle
from green_logic.errors import VerificationError
from green_logic.ledger import endless
from green_logic.ledger.endless import ENDLESS
from green_logic.ledger.listing import list_battles
from green_logic.ledger.reading import open_for_reading

LEVELS, CHILDREN = 9, 200  # 200 to the 9th rows, or so
TABLES = ["battles", "ledger", "checkpoints"]


def tangle(database, table):
    """Make the root of a table lead to new pages, each of which has the next one as all its children."""
    connection = sqlite3.connect(database)
    (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(database.read_bytes())
    leaf, count = root, len(data) // size
    while data[(leaf - 1) * size] == 5:  # an interior page of a table: on to its rightmost child
        leaf = struct.unpack_from(">I", data, (leaf - 1) * size + 8)[0]
    if leaf == root:  # the root will be another page
        data += data[(root - 1) * size : root * size]
        count, leaf = count + 1, count + 1
    pages = [root, *range(count + 1, count + LEVELS)]
    data += bytes(size * (LEVELS - 1))
    for page, child in zip(pages, [*pages[1:], leaf], strict=True):
        data[(page - 1) * size : page * size] = interior(size, child)
    struct.pack_into(">I", data, 28, len(data) // size)
    database.write_bytes(data)


def interior(size, child):
    page = bytearray(size)
    cells = [struct.pack(">I", child) + varint(n) for n in range(CHILDREN)]
    start = size
    for n, cell in enumerate(cells):
        start -= len(cell)
        page[start : start + len(cell)] = cell
        struct.pack_into(">H", page, 12 + 2 * n, start)
    struct.pack_into(">BHHHBI", page, 0, 5, 0, len(cells), start, 0, child)
    return bytes(page)


def varint(value):
    return bytes([value]) if value < 128 else bytes([0x80 | value >> 7, value & 127])


def steps_of(database, query, most):
    """Whether a plain connection is still at a query after so many steps, with no error of SQLite's."""
    connection = sqlite3.connect(database)
    left = [most // 1000]

    def look():
        left[0] -= 1
        return left[0] < 0

    connection.set_progress_handler(look, 1000)
    try:
        connection.execute(query).fetchall()
    except sqlite3.OperationalError as error:
        return str(error) == "interrupted"
    finally:
        connection.close()
    return False


@pytest.mark.parametrize("table", TABLES)
def test_sqlite_itself_follows_such_pages_without_a_word(books, table):
    query = f"SELECT sum(1) FROM {table} NOT INDEXED"  # noqa: S608  our constants
    assert not steps_of(books.settings.database, query, 100_000)
    tangle(books.settings.database, table)
    assert steps_of(books.settings.database, query, 20_000_000)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("words", [[], ["--every-signature"], ["b-003"]])
def test_a_verification_of_pages_without_end_ends_with_a_finding(books, table, words):
    tangle(books.settings.database, table)
    command = [Path(sys.executable).with_name("green-logic"), "verify", "-C", books.settings.data_dir, *words]
    answer = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=300)
    said = answer.stdout + answer.stderr
    assert answer.returncode == 1, said
    assert "Traceback" not in said
    # one battle is looked for by its id, which needs no walk; that its row is elsewhere shows even so
    assert ENDLESS in said or words == ["b-003"], said


def test_a_list_of_pages_without_end_ends_with_an_error(books):
    assert list_battles(books.settings, below=-1.0, limit=3) == ([], False)
    tangle(books.settings.database, "battles")
    with pytest.raises(VerificationError, match=ENDLESS):
        list_battles(books.settings, below=-1.0, limit=3)


def test_the_bound_counts_all_steps_of_a_connection_and_leaves_others_alone(books, monkeypatch):
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) SELECT max(i) FROM n"
    monkeypatch.setattr(endless, "FREE_STEPS", 1_000_000)
    monkeypatch.setattr(endless, "STEPS_PER_BYTE", 0)
    with open_for_reading(books.settings, bounded=True) as connection:
        assert connection.execute(query).fetchone() == (20_000,)
    walk = pytest.raises(VerificationError, match=ENDLESS)
    with walk as caught, open_for_reading(books.settings, bounded=True) as connection:
        for _ in range(50):
            connection.execute(query).fetchone()
    assert caught.value.kind == "database"
    with open_for_reading(books.settings) as connection:
        for _ in range(50):
            assert connection.execute(query).fetchone() == (20_000,)


def test_an_honest_ledger_is_audited_within_a_fraction_of_the_bound(books, monkeypatch):
    monkeypatch.setattr(endless, "FREE_STEPS", 0)
    monkeypatch.setattr(endless, "STEPS_PER_BYTE", endless.STEPS_PER_BYTE / 4)
    report = audit_ledger(books.settings, books.keys, [books.pin])
    assert (dict(report.tally.counts), report.battles) == ({}, BATTLES)
    assert check_battle(books.settings, "b-003", books.keys).ok
    monkeypatch.setattr(endless, "STEPS_PER_BYTE", 0)
    assert "database" in audit_ledger(books.settings, books.keys).tally.counts, "the bound is in force"


@pytest.fixture
def bounded(tmp_path):
    """A connection with its bound, where Ctrl-C does what it does in a program; `ctrl_c()` of its SQL is Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    connection = sqlite3.connect(":memory:")
    connection.create_function("ctrl_c", 0, _thread.interrupt_main)
    endless.bound_steps(connection, tmp_path / "battles.db")
    yield connection
    connection.close()
    signal.signal(signal.SIGINT, before)


COUNT = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) "
    "SELECT count(iif(i = 3, ctrl_c(), 1)) FROM n WHERE i < ?"
)


@pytest.mark.parametrize("number", [10, 100_000])
def test_an_interruption_of_a_long_statement_is_an_interruption_and_no_damage(bounded, number):
    with pytest.raises(KeyboardInterrupt):
        bounded.execute(COUNT, (number,)).fetchall()
    assert bounded.execute(COUNT, (3,)).fetchall() == [(2,)]  # and what comes after it may go on


def test_what_is_too_much_stays_too_much_after_an_interruption(bounded):
    with pytest.raises(KeyboardInterrupt):
        bounded.execute(COUNT, (10,)).fetchall()
    with pytest.raises(sqlite3.OperationalError, match=f"^{endless.INTERRUPTED}$"):
        for _ in range(40):
            bounded.execute(COUNT, (3,)).fetchall()
