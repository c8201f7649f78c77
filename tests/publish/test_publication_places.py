"""Where a publication goes: each product to the place of its own setting, a directory or a bucket, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from export_samples import record

from green_logic.errors import ConfigurationError, StorageError, VerificationError
from green_logic.proof.keys import SigningKey
from green_logic.publication import Order, Outcome, last_published, publish, report, summary_line
from green_logic.publish.backup import find_backups
from green_logic.publish.remote_backup import find_remote_manifests
from green_logic.publish.store import open_store
from green_logic.settings import Settings

pytest_plugins = ["s3_server"]  # `bucket`


@pytest.fixture
def recorded(settings: Settings, key: SigningKey) -> Settings:
    quick = settings.changed(retries=1, retry_delay_s=0.01)
    record(quick, key, range(3))
    return quick


@pytest.fixture(params=["directory", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "place") if request.param == "directory" else str(request.getfixturevalue("bucket"))


def archived(outcomes: list[Outcome]) -> Outcome:
    (found,) = (outcome for outcome in outcomes if outcome.step == "archive")
    return found


def packs(settings: Settings) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (settings.data_dir / "archives").glob("*.tar.gz")}


def test_archives_are_copied_to_a_second_place_each_once(recorded: Settings, key: SigningKey, place: str) -> None:
    sent, counted = recorded.changed(archive_to=place), []
    for numbers in (range(0), range(3, 5), range(0)):
        record(recorded, key, numbers)
        done = archived(publish(Order(sent)))
        counted.append((done.files, done.copies))
        assert done.copied_to.endswith("/archives")
        assert done.place == str(recorded.data_dir / "archives")
    assert counted == [(1, 1), (1, 1), (0, 0)]
    store = open_store(recorded, place, product="archives")
    assert len(packs(recorded)) == 2
    assert {name: store.read(name) for name in store.names("") if name.endswith(".gz")} == packs(recorded)


def test_each_product_goes_to_the_place_of_its_own_setting(recorded: Settings, place: str, tmp_path: Path) -> None:
    aside = str(tmp_path / "aside")
    publish(Order(recorded.changed(export_to=place, backup_to=place, archive_to=aside)))
    made = {path.name for path in recorded.data_dir.iterdir()}
    assert made.isdisjoint({"exports", "backups"})
    assert open_store(recorded, place).names("v1/_manifests")
    found = (
        list(find_remote_manifests(open_store(recorded, place, product="")))
        if "://" in place
        else find_backups(Path(place))
    )
    assert len(found) == 1
    assert len(list(Path(aside, "archives").glob("*.tar.gz"))) == 1


def test_an_export_elsewhere_is_audited_as_the_one_in_the_data_directory(recorded: Settings, tmp_path: Path) -> None:
    order = Order(recorded.changed(export_to=str(tmp_path / "place")))
    publish(order)
    (data,) = (tmp_path / "place").rglob("*.parquet")
    content = data.read_bytes()
    data.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(VerificationError, match=rf"{data}: its SHA-256 is not the manifest's"):
        publish(order)
    publish(Order(recorded))  # whose exports go to the data directory


def test_without_a_second_place_nothing_is_copied(recorded: Settings) -> None:
    done = publish(Order(recorded))
    assert (archived(done).copies, archived(done).copied_to) == (0, "")
    assert "copied" not in summary_line(done)


def test_what_was_copied_is_told_in_words_and_as_values(recorded: Settings, tmp_path: Path) -> None:
    order = Order(recorded.changed(archive_to=str(tmp_path / "place")))
    done = publish(order)
    assert f", 1 copied to {tmp_path}/place/archives" in summary_line(done)
    assert report(order, done)["steps"][1]["copies"] == 1
    assert f"nothing new, 0 copied to {tmp_path}/place/archives" in summary_line(publish(order))


def test_an_archive_that_rotted_at_the_second_place_is_a_finding_and_stays(recorded: Settings, tmp_path: Path) -> None:
    order = Order(recorded.changed(archive_to=str(tmp_path / "place")))
    publish(order)
    began = last_published(order)
    (copy,) = (tmp_path / "place" / "archives").glob("*.tar.gz")
    copy.write_bytes(copy.read_bytes()[::-1])
    theirs = copy.read_bytes()
    with pytest.raises(VerificationError, match=f"{copy}: its SHA-256 is not the manifest's"):
        publish(order)
    assert copy.read_bytes() == theirs
    assert last_published(order) == began


def test_a_second_place_that_cannot_be_written_loses_no_archive_and_is_taken_up_later(
    recorded: Settings, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.write_text("in the way")
    order = Order(recorded.changed(archive_to=str(place)))
    with pytest.raises(StorageError, match="cannot copy the archives"):
        publish(order)
    assert place.read_text() == "in the way"
    before = packs(recorded)
    assert len(before) == 1
    assert last_published(order) is None
    place.unlink()
    assert archived(publish(order)).copies == 1
    assert {path.name: path.read_bytes() for path in (place / "archives").glob("*.tar.gz")} == before == packs(recorded)


def test_the_data_directory_is_no_second_place(recorded: Settings) -> None:
    order = Order(recorded.changed(archive_to=str(recorded.data_dir)))
    with pytest.raises(ConfigurationError, match="it is no second place"):
        publish(order)
    assert len(packs(recorded)) == 1
    assert last_published(order) is None
