"""A journal that somebody put beside the ledger cannot make the judge remove a file, and the audit tells of it."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from green_logic.audit.ledger import audit_ledger
from green_logic.errors import VerificationError
from green_logic.ledger.database import Ledger
from green_logic.ledger.journal import check_journal
from green_logic.proof.dbom import seal_result

sys.path.insert(0, str(Path(__file__).parents[1] / "importers"))  # the maker of such a journal
from foreign import write_journal


@pytest.fixture
def recorded(settings, key, make_result):
    with Ledger.open(settings, key) as ledger:
        ledger.submit([seal_result(make_result("b-1"), key=key, origin=ledger.origin)])
        ledger.checkpoint(key)
    return settings


def test_opening_the_ledger_refuses_a_journal_that_names_another_file(recorded, key, tmp_path):
    victim = tmp_path / "judge.key"
    victim.write_text("kept")
    journal = write_journal(recorded.database, victim)
    before = recorded.database.read_bytes()
    with pytest.raises(VerificationError, match="names another file"):
        Ledger.open(recorded, key)
    assert victim.read_text() == "kept"
    assert recorded.database.read_bytes() == before
    journal.unlink()
    with Ledger.open(recorded, key) as ledger:
        assert ledger.find(["b-1"])


def test_the_audit_tells_of_a_journal_and_touches_nothing(recorded, tmp_path):
    victim = tmp_path / "judge.key"
    victim.write_text("kept")
    journal = write_journal(recorded.database, victim)
    for data in (journal.read_bytes(), b"\xd9\xd5\x05\xf9 anything else"):
        journal.write_bytes(data)
        assert dict(audit_ledger(recorded).tally.counts) == {"journal": 1}
        assert victim.read_text() == "kept"
    journal.write_bytes(b"")
    assert audit_ledger(recorded).ok


@pytest.mark.parametrize("name", ["victim.key", "v"])
def test_a_journal_that_is_nothing_but_a_short_name_is_refused_too(recorded, key, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("kept")
    text = name.encode()
    sums = sum(text) & 0xFFFFFFFF
    magic = bytes.fromhex("d9d505f920a163d7")
    journal = recorded.database.with_name("battles.db-journal")
    journal.write_bytes(text + struct.pack(">II", len(text), sums) + magic)
    assert journal.stat().st_size <= 28, "shorter than the header of a journal"
    with pytest.raises(VerificationError, match="names another file"):
        Ledger.open(recorded, key)
    assert (tmp_path / name).read_text() == "kept"


def test_journals_without_another_file_are_left_to_sqlite(tmp_path):
    database = tmp_path / "battles.db"
    check_journal(database)
    for data in (b"", b"\0" * 28, bytes.fromhex("d9d505f920a163d7"), bytes.fromhex("d9d505f920a163d7") + b"\0" * 504):
        (tmp_path / "battles.db-journal").write_bytes(data)
        check_journal(database)
