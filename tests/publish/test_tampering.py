"""Every file of a backup or an archive, flipped, cut, grown, emptied, removed or exchanged: always refused.

What is only added beside them is never taken for a part of them.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from export_samples import make_key, record

from green_logic.cli import main
from green_logic.errors import VerificationError
from green_logic.publish import archive_files
from green_logic.publish.archive import archive_dboms
from green_logic.publish.archive_check import check_archive
from green_logic.publish.archive_files import archives_directory, find_archives
from green_logic.publish.backup import backup, find_backups
from green_logic.publish.restore import check_backup, drill, restore
from green_logic.settings import Settings

SEED = int(os.environ.get("GREEN_LOGIC_TEST_SEED", random.randrange(1 << 32)))  # the same value gives the same damage
FLIPS = 25  # of each file

Change = Callable[[bytes, random.Random], bytes]


def flip(data: bytes, source: random.Random) -> bytes:
    place = source.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << source.randrange(8)]) + data[place + 1 :]


def swap_blocks(data: bytes, source: random.Random) -> bytes:
    length = max(1, len(data) // 5)
    first, second = data[:length], data[-length:]
    return second + data[length:-length] + first if first != second else flip(data, source)


def zero(data: bytes, source: random.Random) -> bytes:
    """As a disk that lost a block."""
    place = source.randrange(len(data))
    return data[:place] + bytes(len(data) - place) if data[place:].strip(b"\0") else flip(data, source)


CHANGES: dict[str, Change] = {
    "a bit flipped": flip,
    "cut short": lambda data, source: data[: source.randrange(1, len(data))],
    "the last byte gone": lambda data, _: data[:-1],
    "emptied": lambda _data, _source: b"",
    "zeroed": zero,
    "grown": lambda data, _: data + b"\n",
    "twice in one": lambda data, _: data + data,
    "its ends exchanged": swap_blocks,
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A ledger with two archives, and two backups of it at different sizes."""
    print(f"GREEN_LOGIC_TEST_SEED={SEED}")  # noqa: T201  shown when a test fails
    root = tmp_path_factory.mktemp("tampering")
    settings = Settings(data_dir=root / "data")
    key = make_key(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive_files, "MAX_LEAVES", 4)
        patch.setenv("XDG_STATE_HOME", str(root))
        record(settings, key, range(5))
        backup(settings)
        record(settings, key, range(5, 8))
        backup(settings)
        archive_dboms(settings)
    return settings


@contextlib.contextmanager
def changed(path: Path, data: bytes | None) -> Iterator[None]:
    """A file with other bytes, or without any, for a while."""
    good = path.read_bytes()
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    try:
        yield
    finally:
        path.write_bytes(good)


def refused(saved: Path, tmp_path: Path, *, thorough: bool = False) -> None:
    """No way leads from this backup to a data directory."""
    target = tmp_path / "restored"
    with pytest.raises(VerificationError):
        check_backup(saved)
    if thorough:
        with pytest.raises(VerificationError):
            restore(saved, target)
        with pytest.raises(VerificationError):
            drill(saved, tmp_path)
    assert not target.exists()
    assert not list(tmp_path.glob(".tmp-*"))


@pytest.mark.parametrize("kind", CHANGES)
def test_a_backup_with_any_file_changed_is_refused(template: Settings, tmp_path: Path, kind: str) -> None:
    source = random.Random(f"{SEED} {kind}")
    saved = find_backups(template.data_dir / "backups")[0]
    for path in sorted(saved.iterdir()):
        good = path.read_bytes()
        for turn in range(FLIPS if kind == "a bit flipped" else 2):
            data = CHANGES[kind](good, source)
            assert data != good
            with changed(path, data):
                refused(saved, tmp_path, thorough=turn == 0)
    assert drill(saved, tmp_path).ledger_size == 5


def test_a_backup_without_any_one_of_its_files_is_refused(template: Settings, tmp_path: Path) -> None:
    saved = find_backups(template.data_dir / "backups")[0]
    for path in sorted(saved.iterdir()):
        with changed(path, None):
            refused(saved, tmp_path, thorough=True)


def test_a_backup_with_a_file_of_another_backup_is_refused(template: Settings, tmp_path: Path) -> None:
    saved, other = find_backups(template.data_dir / "backups")
    pairs = list(zip(sorted(saved.iterdir()), sorted(other.iterdir()), strict=True))
    compared = 0
    for path, twin in pairs:
        if path.read_bytes() == twin.read_bytes():
            continue  # the judge's key
        compared += 1
        with changed(path, twin.read_bytes()):
            refused(saved, tmp_path, thorough=True)
    assert compared == 3


def test_a_backup_with_two_of_its_files_exchanged_is_refused(template: Settings, tmp_path: Path) -> None:
    saved = find_backups(template.data_dir / "backups")[0]
    files = sorted(saved.iterdir())
    for first in files:
        for second in files:
            if first < second:
                one, two = first.read_bytes(), second.read_bytes()
                with changed(first, two), changed(second, one):
                    refused(saved, tmp_path)


def test_what_lies_beside_the_files_of_a_backup_is_never_taken(
    template: Settings, tmp_path: Path, assert_whole: Callable[[Settings], dict[str, bytes]]
) -> None:
    saved = tmp_path / "saved"
    shutil.copytree(find_backups(template.data_dir / "backups")[1], saved)
    rows = assert_whole(template)
    shutil.copy(next(saved.glob("dboms-*")), saved / "dboms-000000000008-000000000015.tar.gz")
    shutil.copy(saved / "battles.db", saved / "battles.db-wal")
    shutil.copy(saved / "judge.pub", saved / "checkpoint")
    (saved / "dboms").mkdir()
    (saved / "dboms" / "dbom_forged.json").write_bytes(b"{}")
    restore(saved, tmp_path / "restored")
    assert assert_whole(Settings(data_dir=tmp_path / "restored")) == rows
    assert not (tmp_path / "restored" / "checkpoint").exists()


# --- archives


@pytest.fixture
def copy(template: Settings, tmp_path: Path) -> Settings:
    shutil.copytree(template.data_dir, tmp_path / "data")
    return Settings(data_dir=tmp_path / "data", busy_timeout_s=30.0)


def bad(settings: Settings, pack: Path) -> None:
    """The archive is refused on its own, by verify, and by a prune, which then removes nothing."""
    assert check_archive(pack) != []
    assert main(["verify", str(pack.parent), "-q"]) == 1
    before = sorted(path.name for path in settings.dboms.iterdir())
    with pytest.raises(VerificationError):
        archive_dboms(settings, prune=True)
    assert sorted(path.name for path in settings.dboms.iterdir()) == before


@pytest.mark.parametrize("part", ["pack", "manifest"])
@pytest.mark.parametrize("kind", CHANGES)
def test_an_archive_with_a_file_changed_is_refused(copy: Settings, kind: str, part: str) -> None:
    source = random.Random(f"{SEED} {kind} {part}")
    archive = find_archives(archives_directory(copy))[0]
    path: Path = getattr(archive, part)
    good = path.read_bytes()
    for turn in range(FLIPS if kind == "a bit flipped" else 2):
        data = CHANGES[kind](good, source)
        assert data != good
        with changed(path, data):
            if turn == 0:
                bad(copy, archive.pack)
            else:
                assert check_archive(archive.pack) != []
    assert check_archive(archive.pack) == []
    assert archive_dboms(copy, prune=True).removed == 8


def test_an_archive_that_lost_its_pack_is_refused_and_one_that_lost_its_manifest_is_made_again(copy: Settings) -> None:
    archive, _ = find_archives(archives_directory(copy))
    with changed(archive.pack, None):
        bad(copy, archive.pack)
    good = archive.pack.read_bytes(), archive.manifest.read_bytes()
    archive.manifest.unlink()
    assert check_archive(archive.pack) != []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive_files, "MAX_LEAVES", 4)
        report = archive_dboms(copy)
    assert (report.swept, report.made) == (1, (archive.pack,))
    assert (archive.pack.read_bytes(), archive.manifest.read_bytes()) == good


@pytest.mark.parametrize("parts", [("pack",), ("manifest",), ("pack", "manifest")], ids=str)
def test_archives_that_changed_places_are_refused(copy: Settings, parts: tuple[str, ...]) -> None:
    one, two = find_archives(archives_directory(copy))
    for part in parts:
        first, second = getattr(one, part), getattr(two, part)
        data = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(data)
    bad(copy, one.pack)
    assert check_archive(two.pack) != []


def test_an_archive_under_a_second_name_is_refused(copy: Settings) -> None:
    one, _ = find_archives(archives_directory(copy))
    for path in (one.pack, one.manifest):
        twin = path.name.replace("000000000000-000000000003", "000000000008-000000000011")
        shutil.copy(path, path.with_name(twin))
    pack = one.pack.with_name(one.pack.name.replace("000000000000-000000000003", "000000000008-000000000011"))
    bad(copy, pack)
    assert check_archive(one.pack) == []
