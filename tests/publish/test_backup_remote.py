"""Backups and archives in a bucket: uploaded whole, found again, restored from there, thinned out there."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from green_logic.cli import main
from green_logic.errors import ConfigurationError, LedgerMissingError, StorageError, VerificationError
from green_logic.ledger.database import Ledger
from green_logic.publish.archive import archive_dboms
from green_logic.publish.archive_copies import copy_archives
from green_logic.publish.archive_files import archives_directory
from green_logic.publish.backup import backup
from green_logic.publish.remote import RemoteStore
from green_logic.publish.remote_backup import backup_to, fetched_backup, find_remote_manifests
from green_logic.publish.restore import drill, restore
from green_logic.publish.store import open_store
from green_logic.settings import Settings

DRIVER = """
import sys
from pathlib import Path
from green_logic.publish.archive_copies import copy_archives
from green_logic.publish.remote_backup import backup_to
from green_logic.settings import Settings
settings = Settings(data_dir=Path(sys.argv[1]))
backup_to(settings, sys.argv[2], "1d") if sys.argv[3] == "backup" else copy_archives(settings, sys.argv[2])
"""


if TYPE_CHECKING:
    from s3_server import S3Server

pytest_plugins = ["s3_server"]  # `server` and `bucket`


@pytest.fixture
def record(settings: Settings, key: Any, make_sealed: Any) -> Callable[..., None]:
    def submit(*battle_ids: str) -> None:
        with Ledger.open(settings, key) as ledger:
            ledger.submit([make_sealed(one, origin=ledger.origin) for one in battle_ids])

    return submit


def inside(bucket: str, name: str) -> str:
    """The URI of something below a URI with options."""
    place, _, options = bucket.partition("?")
    return f"{place}/{name}?{options}"


def remote(settings: Settings, bucket: str, product: str = "") -> RemoteStore:
    store = open_store(settings, bucket, product=product)
    assert isinstance(store, RemoteStore)
    return store


def backups(settings: Settings, bucket: str) -> list[str]:
    return list(find_remote_manifests(remote(settings, bucket)))


def put_backup(settings: Settings, bucket: str, source: Path, name: str) -> None:
    """A backup of another day."""
    store = remote(settings, bucket)
    for path in sorted(source.iterdir()):
        store.publish_copy(path, f"{name}/{path.name}")
    store.settle()


def test_a_backup_in_a_bucket_restores_the_ledger(settings, record, bucket, tmp_path, assert_whole):
    record("b-1", "b-2")
    report = backup_to(settings, bucket)
    assert (report.ledger_size, report.create_only) == (2, True)
    assert backups(settings, bucket) == [report.path.name]
    assert report.place == f"{bucket.partition('?')[0]}/{report.path.name}"
    place, target = inside(bucket, report.path.name), tmp_path / "place" / "restored"
    with fetched_backup(settings, place, target) as source:
        restore(source, target)
    assert assert_whole(Settings(data_dir=target)) == assert_whole(settings)
    assert [path.name for path in target.parent.iterdir()] == ["restored"]
    with fetched_backup(settings, place) as source:
        assert drill(source, tmp_path).ledger_size == 2
    assert not source.exists()
    assert {path.name for path in settings.spool.iterdir()} <= {"backup.lock", "export"}


def test_a_target_that_holds_something_is_refused_before_anything_is_fetched(settings, record, bucket, server):
    record("b-1")
    name = backup_to(settings, bucket).path.name
    server.requests.clear()
    with (
        pytest.raises(ConfigurationError, match="not empty"),
        fetched_backup(settings, inside(bucket, name), settings.data_dir),
    ):
        pass
    assert server.requests == []


def test_what_is_not_there_or_not_whole_is_told_apart(settings, record, bucket, tmp_path):
    record("b-1")
    name = backup_to(settings, bucket).path.name
    with (
        pytest.raises(ConfigurationError, match="no such backup"),
        fetched_backup(settings, inside(bucket, "2020-01-01T000000Z")),
    ):
        pass
    store = remote(settings, bucket)
    good = store.read(f"{name}/battles.db")
    store.replace(f"{name}/battles.db", good[:50] + b"x" + good[51:])
    with fetched_backup(settings, inside(bucket, name)) as source, pytest.raises(VerificationError):
        restore(source, tmp_path / "restored")
    store.remove(f"{name}/battles.db")
    with pytest.raises(VerificationError, match="missing"), fetched_backup(settings, inside(bucket, name)):
        pass
    assert backups(settings, bucket) == []
    assert not (tmp_path / "restored").exists()
    assert not list(tmp_path.glob(".tmp-*"))


def test_retention_thins_out_a_bucket_and_spares_what_it_does_not_know(settings, record, bucket, tmp_path):
    record("b-1")
    saved = backup(settings, tmp_path / "local").path
    for name in ("2026-01-01T000000Z", "2026-01-02T000000Z", "2026-01-02T120000Z", "2026-01-03T000000Z"):
        put_backup(settings, bucket, saved, name)
    store = remote(settings, bucket)
    store.remove("2026-01-02T120000Z/judge.pub")  # the newer one of its day, but not whole
    store.publish_bytes("notes/mine.txt", b"keep")
    store.publish_bytes("2026-01-04T000000Z/manifest.json", b"{}")
    store.settle()
    with pytest.raises(ConfigurationError):
        backup_to(settings, bucket, "7 days")
    report = backup_to(settings, bucket, "3d")
    assert report.removed == ("2026-01-01T000000Z",)
    assert backups(settings, bucket) == ["2026-01-02T000000Z", "2026-01-03T000000Z", report.path.name]
    left = set(store.walk())
    assert {"notes/mine.txt", "2026-01-04T000000Z/manifest.json", "2026-01-02T120000Z/battles.db"} <= left
    assert not any(name.startswith("2026-01-01") for name in left)


def test_the_new_backup_stays_in_a_bucket_when_the_clock_was_set_back(settings, record, bucket, tmp_path):
    record("b-1")
    put_backup(settings, bucket, backup(settings, tmp_path / "local").path, "2099-01-01T000000Z")
    report = backup_to(settings, bucket, "1d")
    assert backups(settings, bucket) == [report.path.name, "2099-01-01T000000Z"]


def test_without_a_ledger_nothing_is_made_here_or_there(settings, bucket, server):
    server.requests.clear()
    with pytest.raises(LedgerMissingError):
        backup_to(settings, bucket)
    assert server.requests == []
    assert not settings.data_dir.exists()


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("part", ["battles.db", "judge.pub", "manifest.json"])
def test_a_backup_killed_while_it_uploads_is_none_and_the_next_run_clears_it(  # noqa: PLR0917  fixtures
    settings, record, bucket, server, part, moment, tmp_path
):
    record("b-1")
    first = backup_to(settings, bucket).path.name
    run_killed(settings, bucket, server, "backup", part, moment)
    complete = (part, moment) == ("manifest.json", "after")
    assert len(backups(settings, bucket)) == (2 if complete else 1)
    for name in backups(settings, bucket):
        with fetched_backup(settings, inside(bucket, name)) as source:
            assert drill(source, tmp_path).ledger_size == 1
    report = backup_to(settings, bucket, "1d")
    nothing = (part, moment) == ("battles.db", "before")  # the first file that is sent
    assert report.swept == (0 if complete or nothing else 1)
    assert first in report.removed
    assert backups(settings, bucket) == [report.path.name]
    assert {name.partition("/")[0] for name in remote(settings, bucket).walk()} == {report.path.name}
    assert {path.name for path in settings.spool.iterdir()} <= {"backup.lock", "export"}


@pytest.mark.parametrize("part", [".json", "dboms-"])
def test_a_copy_of_the_archives_that_was_killed_is_completed(settings, record, bucket, server, part):
    record("b-1", "b-2")
    archive_dboms(settings)
    run_killed(settings, bucket, server, "archive", part, "before")
    assert not any(name.endswith(".json") for name in remote(settings, bucket, "archives").walk())
    copy_archives(settings, bucket)
    assert_copied(settings, bucket)


def run_killed(settings: Settings, bucket: str, server: S3Server, what: str, part: str, moment: str) -> None:  # noqa: PLR0917  each says one thing
    started: list[subprocess.Popen[bytes]] = []

    def kill(environ: dict[str, Any]) -> tuple[str, str, str] | None:
        if environ["REQUEST_METHOD"] != "PUT" or part not in environ["PATH_INFO"]:
            return None
        os.kill(started[0].pid, signal.SIGKILL)
        started[0].wait()
        return "400 Bad Request", "IncompleteBody", "Nobody is there to read it."

    with server.guarded(**{"door" if moment == "before" else "after": kill}):
        started.append(subprocess.Popen([sys.executable, "-c", DRIVER, str(settings.data_dir), bucket, what]))
        assert started[0].wait(60) == -signal.SIGKILL


def assert_copied(settings: Settings, bucket: str) -> None:
    store = remote(settings, bucket, "archives")
    directory = archives_directory(settings)
    files = {path.name for path in directory.iterdir() if not path.name.startswith(".") and path.suffix != ".pruned"}
    assert set(store.walk()) == files
    assert all(store.read(name) == (directory / name).read_bytes() for name in files)


def test_archives_are_copied_once_and_never_overwritten(settings, record, bucket, server):
    record("b-1")
    archive_dboms(settings)
    report = copy_archives(settings, bucket)
    assert (len(report.copied), report.present, report.create_only) == (1, 0, True)
    record("b-2")
    archive_dboms(settings)
    report = copy_archives(settings, bucket)
    assert (len(report.copied), report.present) == (1, 1)
    server.requests.clear()
    assert copy_archives(settings, bucket).copied == ()
    assert not any(method == "PUT" for method, _ in server.requests)
    assert_copied(settings, bucket)
    name = report.copied[0]
    store = remote(settings, bucket, "archives")
    store.replace(name, b"another")
    with pytest.raises(VerificationError, match="its SHA-256 is not the manifest's"):
        copy_archives(settings, bucket)
    assert store.read(name) == b"another"


def test_archives_are_copied_to_a_directory_too(settings, record, tmp_path):
    record("b-1")
    archive_dboms(settings)
    assert len(copy_archives(settings, str(tmp_path / "elsewhere")).copied) == 1
    found = tmp_path / "elsewhere" / "archives"
    shutil.rmtree(found / "_spool")
    for path in found.iterdir():
        assert path.read_bytes() == (archives_directory(settings) / path.name).read_bytes()
    assert copy_archives(settings, str(tmp_path / "elsewhere")).present == 1


@pytest.mark.parametrize("code", ["AccessDenied", "SlowDown"])
def test_a_store_that_refuses_leaves_no_backup_there(settings, record, bucket, server, code):
    record("b-1")
    error = ConfigurationError if code == "AccessDenied" else StorageError
    answer = ("403 Forbidden" if code == "AccessDenied" else "503 Slow Down", code, "not now")

    def refuse(environ):
        return answer if environ["REQUEST_METHOD"] == "PUT" and "manifest.json" in environ["PATH_INFO"] else None

    with (
        server.guarded(refuse),
        pytest.raises(error, match=code),
    ):
        backup_to(settings, bucket)
    assert backups(settings, bucket) == []
    report = backup_to(settings, bucket)
    assert report.swept == 1
    assert backups(settings, bucket) == [report.path.name]


def test_the_commands_take_addresses(settings, record, bucket, tmp_path, capsys):
    record("b-1")

    def run(*words: str) -> dict[str, Any]:
        assert main([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    made = run("backup", bucket, "--keep", "7d", "-C", str(settings.data_dir))
    place = inside(bucket, made["path"].rpartition("/")[2])
    assert run("restore", place, "--drill", "-C", str(tmp_path / "no"))["path"] == place
    assert not (tmp_path / "no").exists()
    assert run("restore", place, "-C", str(tmp_path / "restored"))["ledger_size"] == 1
    assert run("archive", "--dest", bucket, "-C", str(settings.data_dir))["copies"]["create_only"] is True
    assert_copied(settings, bucket)
