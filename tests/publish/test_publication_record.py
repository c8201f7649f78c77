"""The record of publications: complete ones of this ledger, these steps and these places; else nothing counts."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from export_samples import copy_of, record

from green_logic.errors import LedgerMissingError, StorageError, VerificationError
from green_logic.ledger.database import Ledger
from green_logic.proof.keys import SigningKey
from green_logic.publication import Order, last_published, note_published, publish
from green_logic.publish.backup import backup
from green_logic.publish.inventory import inventory_bytes
from green_logic.publish.publication_record import KEPT, RECORD_NAME
from green_logic.settings import Settings

NIGHT = datetime(2026, 11, 25, 3, 0, 1, tzinfo=UTC)


@pytest.fixture
def recorded(settings: Settings, key: SigningKey) -> Settings:
    record(settings, key, range(3))
    with Ledger.open(settings, key) as ledger:
        ledger.checkpoint(key)
    return settings


def test_a_publication_counts_from_when_it_began(recorded: Settings) -> None:
    assert last_published(Order(recorded)) is None
    before = datetime.now(UTC)
    publish(Order(recorded))
    found = last_published(Order(recorded))
    assert found is not None
    assert before <= found <= datetime.now(UTC)
    note_published(Order(recorded), NIGHT)
    assert last_published(Order(recorded)) == NIGHT


def test_one_that_fails_in_its_last_step_does_not_count(recorded: Settings) -> None:
    path = next(recorded.dboms.iterdir())
    path.write_bytes(path.read_bytes().replace(b'"1.1"', b'"1.2"'))
    with pytest.raises(VerificationError):
        publish(Order(recorded))
    assert last_published(Order(recorded)) is None
    assert not (recorded.data_dir / RECORD_NAME).exists()


def test_a_backup_by_hand_or_of_another_ledger_is_no_publication(
    recorded: Settings, key: SigningKey, tmp_path: Path
) -> None:
    backup(recorded)
    assert last_published(Order(recorded)) is None
    other = Settings(data_dir=tmp_path / "other")
    record(other, key, range(2))
    place = str(tmp_path / "backups")
    publish(Order(other.changed(backup_to=place)))
    assert last_published(Order(recorded.changed(backup_to=place))) is None
    assert last_published(Order(other.changed(backup_to=place))) is not None


@pytest.mark.parametrize("skip", [("backup",), ("export",), ("archive", "audit")], ids=str)
def test_one_that_left_a_step_out_counts_only_where_that_is_wanted(recorded: Settings, skip: tuple[str, ...]) -> None:
    publish(Order(recorded, skip=skip))
    assert last_published(Order(recorded, skip=skip)) is not None
    assert last_published(Order(recorded)) is None
    note_published(Order(recorded), NIGHT - timedelta(days=9))
    assert last_published(Order(recorded)) == NIGHT - timedelta(days=9)
    assert last_published(Order(recorded, skip=skip)) > NIGHT, "the newer of the two that took all that was wanted"


@pytest.mark.parametrize("name", ["export_to", "archive_to", "backup_to"])
def test_one_to_another_place_does_not_count_and_no_address_is_written_down(recorded: Settings, name: str) -> None:
    elsewhere = recorded.changed(**{name: "s3://key:secret@a/b"})
    note_published(Order(elsewhere), NIGHT)
    assert last_published(Order(elsewhere)) == NIGHT
    assert last_published(Order(recorded)) is None
    assert "secret" not in (recorded.data_dir / RECORD_NAME).read_text()


def test_a_copied_record_is_none_of_another_ledger(recorded: Settings, key: SigningKey, tmp_path: Path) -> None:
    note_published(Order(recorded), NIGHT)
    moved = copy_of(recorded, tmp_path / "moved")
    shutil.copy(recorded.data_dir / RECORD_NAME, moved.data_dir)
    assert last_published(Order(moved)) == NIGHT  # the same ledger elsewhere
    other = Settings(data_dir=tmp_path / "other")
    record(other, key, range(2))
    shutil.copy(recorded.data_dir / RECORD_NAME, other.data_dir)
    assert last_published(Order(other)) is None
    note_published(Order(other), NIGHT)
    assert last_published(Order(other)) == NIGHT


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "foreign", "gone", "directory"])
def test_a_record_that_makes_no_sense_is_none(recorded: Settings, damage: str) -> None:
    note_published(Order(recorded), NIGHT)
    path = recorded.data_dir / RECORD_NAME
    good = path.read_bytes()
    path.unlink()
    changed = {"flipped": good.replace(b"2026", b"2027"), "cut": good[:-9], "empty": b"", "foreign": b"[1]"}
    if damage == "directory":
        path.mkdir()
    elif damage != "gone":
        path.write_bytes(changed[damage])
    assert last_published(Order(recorded)) is None


@pytest.mark.parametrize("entry", [1, {}, {"places": 1, "steps": 1, "began_at": 1}, {"began_at": "soon"}], ids=str)
def test_an_entry_that_makes_no_sense_is_none(recorded: Settings, entry: object) -> None:
    note_published(Order(recorded), NIGHT)
    path = recorded.data_dir / RECORD_NAME
    content = {**json.loads(path.read_bytes()), "publications": [entry]}
    content.pop("digest", None)
    path.write_bytes(inventory_bytes(content))
    assert last_published(Order(recorded)) is None
    note_published(Order(recorded), NIGHT)
    assert last_published(Order(recorded)) == NIGHT


def test_the_record_stays_small(recorded: Settings) -> None:
    for number in range(KEPT + 5):
        note_published(Order(recorded.changed(export_to=f"place-{number}")), NIGHT + timedelta(days=number))
    assert last_published(Order(recorded.changed(export_to="place-0"))) is None
    last = Order(recorded.changed(export_to=f"place-{KEPT + 4}"))
    assert last_published(last) == NIGHT + timedelta(days=KEPT + 4)


def test_without_a_ledger_nothing_is_asked_or_noted(settings: Settings) -> None:
    assert publish(Order(settings)) == []
    with pytest.raises(LedgerMissingError):
        last_published(Order(settings))
    assert not settings.data_dir.exists()


def test_a_record_that_cannot_be_written_is_told(recorded: Settings) -> None:
    (recorded.data_dir / RECORD_NAME).mkdir()
    with pytest.raises(StorageError, match="cannot note the publication"):
        note_published(Order(recorded), NIGHT)
    assert last_published(Order(recorded)) is None
