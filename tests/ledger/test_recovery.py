"""Whatever a crash left in the folder of DBOMs, opening the ledger mends it, twice the same, and destroys nothing."""

from __future__ import annotations

import os
import shutil

import pytest

from green_logic.errors import VerificationError
from green_logic.ledger import recovery
from green_logic.ledger.database import Ledger
from green_logic.ledger.recovery import Recovery


@pytest.fixture
def books(settings, key, make_sealed):
    """A closed ledger of three battles: file name → bytes of its DBOM."""
    with Ledger.open(settings, key) as ledger:
        ledger.submit([make_sealed(f"b-{number}", seed=number) for number in range(3)])
    return {path.name: path.read_bytes() for path in settings.dboms.iterdir()}


@pytest.fixture
def reopen(settings, key):
    def opened():
        with Ledger.open(settings, key) as ledger:
            return ledger.recovery

    return opened


def shelf(settings):
    return {path.name: path.read_bytes() for path in settings.dboms.iterdir()}


def aside(settings):
    directory = settings.data_dir / "set_aside" / "dboms"
    return {path.name: path.read_bytes() for path in directory.iterdir()} if directory.exists() else {}


def _flip(path):
    data = bytearray(path.read_bytes())
    data[700] ^= 1
    path.write_bytes(data)


DAMAGES = {
    "lost": lambda path: path.unlink(),
    "torn": lambda path: os.truncate(path, 4096),
    "zero-length": lambda path: os.truncate(path, 0),
    "one bit": _flip,
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\n"),
    "planted": lambda path: path.write_bytes(b'{"dbom_version":"1.0"}'),
    "another's": lambda path: shutil.copy(path.with_name("dbom_b-2.json"), path),
    "dangling link": lambda path: (path.unlink(), path.symlink_to("nowhere")),
    "directory": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_dbom_is_rebuilt_byte_for_byte(books, settings, reopen, assert_whole, name):
    path = settings.dboms / "dbom_b-1.json"
    DAMAGES[name](path)
    damaged = path.read_bytes() if path.is_file() else None
    assert reopen() == Recovery(rebuilt=1, set_aside=int(name != "lost"))
    assert shelf(settings) == books
    assert not path.is_symlink()
    if damaged is not None:
        assert aside(settings) == {"dbom_b-1.json": damaged}
    assert len(assert_whole(settings)) == 3
    assert reopen() == Recovery()


def test_all_files_lost_are_all_rebuilt(books, settings, reopen, monkeypatch):
    monkeypatch.setattr(recovery, "REBUILD_GROUP", 2)
    shutil.rmtree(settings.dboms)
    assert reopen() == Recovery(rebuilt=3)
    assert shelf(settings) == books


def test_an_orphan_is_set_aside_never_deleted(books, settings, reopen, make_sealed):
    for turn in range(3):
        orphan = make_sealed("orphan", seed=turn).dbom_bytes()
        (settings.dboms / "dbom_orphan.json").write_bytes(orphan)
        assert reopen() == Recovery(set_aside=1)
        assert orphan in aside(settings).values()
    assert len(aside(settings)) == 3
    assert shelf(settings) == books


def test_half_written_files_are_swept(books, settings, reopen):
    (settings.dboms / ".tmp-dbom_b-9.json").write_bytes(b"half")
    os.link(settings.dboms / "dbom_b-1.json", settings.dboms / ".tmp-dbom_b-1.json")
    assert reopen() == Recovery(swept=2)
    assert shelf(settings) == books
    assert reopen() == Recovery()


def test_files_of_others_are_left_alone(books, settings, reopen):
    (settings.dboms / "README.txt").write_bytes(b"mine")
    assert reopen() == Recovery()
    assert shelf(settings) == books | {"README.txt": b"mine"}


def test_what_another_writer_is_about_to_commit_is_not_touched(books, settings, key, make_sealed, assert_whole):
    late = make_sealed("late")
    with Ledger.open(settings, key) as writer:
        writer.write_dboms([late])
        (settings.dboms / ".tmp-dbom_x.json").write_bytes(b"half")
        (settings.dboms / "dbom_b-1.json").unlink()
        with Ledger.open(settings, key) as second:
            assert not second.alone
            assert second.recovery == Recovery(rebuilt=1)
        assert (settings.dboms / ".tmp-dbom_x.json").exists()
        assert writer.submit_one(late).status == "recorded"
    with Ledger.open(settings, key) as last:
        assert last.alone
        assert last.recovery == Recovery(swept=1)
    assert len(assert_whole(settings)) == 4


def test_a_second_writer_ends_and_the_first_is_still_respected(books, settings, key, make_sealed):
    first = Ledger.open(settings, key)
    Ledger.open(settings, key).close()
    first.write_dboms([make_sealed("late")])
    with Ledger.open(settings, key) as third:
        assert not third.alone
    assert (settings.dboms / "dbom_late.json").exists()
    first.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE battles SET raw_result = replace(raw_result, 'because', 'no reason') WHERE battle_id = 'b-1'",
        "UPDATE battles SET raw_result = '{}' WHERE battle_id = 'b-1'",
        "UPDATE battles SET score = 1 WHERE battle_id = 'b-1'",
        "UPDATE battles SET timestamp = '2020' WHERE battle_id = 'b-1'",
        "UPDATE ledger SET envelope = replace(envelope, 'A', 'B') WHERE leaf_index = 1",
        "DELETE FROM ledger WHERE leaf_index = 1",
    ],
)
def test_a_row_that_rotted_is_not_made_into_a_dbom(books, settings, reopen, rot, change):
    rot(settings.database, change)
    (settings.dboms / "dbom_b-1.json").unlink()
    before = shelf(settings)
    with pytest.raises(VerificationError, match="b-1"):
        reopen()
    assert shelf(settings) == before


def test_a_good_dbom_stays_when_the_digest_in_its_row_rotted(books, settings, reopen, rot):
    rot(settings.database, "UPDATE ledger SET dbom_sha256 = x'00' WHERE leaf_index = 1")
    with pytest.raises(VerificationError, match="b-1"):
        reopen()
    assert shelf(settings) == books
    assert aside(settings) == {}
