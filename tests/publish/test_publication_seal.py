"""What a publication spreads is under a signed checkpoint, also when the run that recorded it was killed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from export_samples import make_key, record

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.ledger.database import Ledger
from green_logic.ledger.log import newest_checkpoint
from green_logic.ledger.reading import open_for_reading
from green_logic.proof.checkpoint import parse_checkpoint
from green_logic.proof.keys import SigningKey, key_path
from green_logic.publication import Order, publish, take_step
from green_logic.publish.published import published_files
from green_logic.settings import Settings


@pytest.fixture
def killed(settings: Settings, key: SigningKey) -> Settings:
    """Three battles under a checkpoint, and two of a run that came to no end."""
    quick = settings.changed(retries=0)
    record(quick, key, range(3))
    with Ledger.open(quick, key) as ledger:
        ledger.checkpoint(key)
    record(quick, key, range(3, 5))
    assert sealed_to(quick) == 3
    return quick


def sealed_to(settings: Settings) -> int:
    with open_for_reading(settings) as connection:
        newest = newest_checkpoint(connection)
    return newest.size if newest else 0


def note_sizes(settings: Settings) -> set[int]:
    """Sizes of the notes in the data directory and beside everything that was published."""
    return {parse_checkpoint(path.read_bytes()).size for path in settings.data_dir.rglob("checkpoint")}


def test_battles_of_a_killed_run_are_signed_before_they_are_published(killed: Settings) -> None:
    done = publish(Order(killed))
    assert sealed_to(killed) == 5
    assert done[-1].note == "5 battles and 5 leaves agree, sealed to 5"
    assert note_sizes(killed) == {5}


@pytest.mark.parametrize("step", ["export", "archive", "backup"])
def test_so_is_what_a_single_step_publishes(killed: Settings, step: str) -> None:
    take_step(step, Order(killed))
    assert note_sizes(killed) == {5}


def test_an_audit_alone_signs_nothing(killed: Settings) -> None:
    assert take_step("audit", Order(killed)).note.endswith("sealed to 3")
    assert note_sizes(killed) == {3}


def test_where_everything_is_signed_nothing_is_signed_again(killed: Settings) -> None:
    publish(Order(killed))
    before = (killed.data_dir / "checkpoint").read_bytes(), killed.database.read_bytes()
    take_step("export", Order(killed))
    assert ((killed.data_dir / "checkpoint").read_bytes(), killed.database.read_bytes()) == before


def test_without_the_ledgers_own_key_the_last_checkpoint_stands(killed: Settings, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    make_key(tmp_path / "other")
    (foreign,) = (path for path in (tmp_path / "other").rglob("*") if path.is_file())
    done = publish(Order(killed.changed(signing_key=str(foreign))))
    assert done[0].rows == 5
    assert note_sizes(killed) == {3}


def test_where_there_is_no_key_none_is_made(killed: Settings) -> None:
    path = key_path(killed)
    assert path is not None
    path.unlink()
    assert publish(Order(killed))[0].rows == 5
    assert not path.exists()
    assert note_sizes(killed) == {3}


def test_a_ledger_that_was_rolled_back_is_not_published(killed: Settings, key: SigningKey, tmp_path: Path) -> None:
    shutil.copytree(killed.data_dir, tmp_path / "older")
    record(killed, key, range(5, 7))
    with Ledger.open(killed, key) as ledger:
        ledger.checkpoint(key)
    older = killed.changed(data_dir=tmp_path / "older")
    with pytest.raises(ConfigurationError, match="has 5 battles, but 7 were signed here"):
        publish(Order(older))
    assert published_files(older) == []
    assert note_sizes(older) == {3}


def test_a_sealed_ledger_that_was_rolled_back_is_not_published_either(
    killed: Settings, key: SigningKey, tmp_path: Path
) -> None:
    """Nothing of it is unsigned, so nothing would be signed: whether it lacks anything is asked all the same."""
    publish(Order(killed))
    shutil.copytree(killed.data_dir, tmp_path / "older")
    record(killed, key, range(5, 7))
    publish(Order(killed))
    older = killed.changed(data_dir=tmp_path / "older")
    with pytest.raises(ConfigurationError, match="has 5 battles, but 7 were signed here"):
        publish(Order(older))
    with pytest.raises(VerificationError, match="covers 7"):
        publish(Order(older, skip=("export", "archive", "backup")))
