"""Export to an object store, against moto's S3 server on loopback: a real S3 API over real sockets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from export_samples import copy_of, judged, record

from green_logic.cli import main
from green_logic.errors import ConfigurationError, StorageError, VerificationError
from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import seal_result
from green_logic.proof.keys import SigningKey
from green_logic.publish import conditional, remote
from green_logic.publish.compact import compact_exports
from green_logic.publish.conditional import find_puts
from green_logic.publish.export import export_battles
from green_logic.publish.manifest import read_catalog
from green_logic.publish.store import open_store
from green_logic.settings import Settings

if TYPE_CHECKING:
    from s3_server import S3Server

pytest_plugins = ["s3_server"]  # `server` and `bucket`


def objects(settings: Settings, bucket: str) -> list[str]:
    return list(open_store(settings, bucket).walk())


def test_exports_are_incremental_and_compact_in_a_bucket(settings: Settings, key: SigningKey, bucket: str) -> None:
    for start in (0, 5, 10):
        record(settings, key, range(start, start + 5))
        assert export_battles(settings, destination=bucket).rows == 5
    assert export_battles(settings, destination=bucket).manifest is None
    assert objects(settings, bucket) == [
        "README.md",
        "README.txt",
        "judge.pub",
        "v1/_manifests/000000000001.json",
        "v1/_manifests/000000000006.json",
        "v1/_manifests/000000000011.json",
        "v1/month=2026-01/battles-000000000001-000000000005.parquet",
        "v1/month=2026-01/battles-000000000006-000000000010.parquet",
        "v1/month=2026-01/battles-000000000011-000000000015.parquet",
        "verify_dbom.py",
    ]
    assert compact_exports(settings, destination=bucket).files_after == 1
    assert objects(settings, bucket)[3:-1] == [
        "v1/_manifests/000000000001-g2.json",
        "v1/month=2026-01/battles-000000000001-000000000015-g2.parquet",
    ]
    assert not list(settings.spool.rglob("*.parquet"))


def test_a_bucket_gets_the_bytes_that_a_directory_gets(settings: Settings, key: SigningKey, bucket: str) -> None:
    record(settings, key, range(5))
    (name,) = export_battles(settings).files
    export_battles(settings, destination=bucket)
    local = settings.data_dir / "exports" / "battles" / name
    with open_store(settings, bucket).local(name) as copy:
        assert copy.read_bytes() == local.read_bytes()


def test_an_object_is_never_overwritten(settings: Settings, key: SigningKey, bucket: str, tmp_path: Path) -> None:
    store = open_store(settings, bucket)
    store.publish_bytes("v1/_manifests/one.json", b"first")
    (tmp_path / "other").write_bytes(b"second")
    with pytest.raises(FileExistsError):
        store.publish_bytes("v1/_manifests/one.json", b"second")
    with pytest.raises(FileExistsError):
        store.publish_file(tmp_path / "other", "v1/_manifests/one.json")
    assert store.read("v1/_manifests/one.json") == b"first"


def test_leftovers_and_lost_objects_are_handled(settings: Settings, key: SigningKey, bucket: str) -> None:
    record(settings, key, range(5))
    (name,) = export_battles(settings, destination=bucket).files
    store = open_store(settings, bucket)
    store.publish_bytes("v1/month=2026-01/battles-000000000006-000000000009.parquet", b"torn")
    assert export_battles(settings, destination=bucket).swept == 1
    store.remove(name)
    with pytest.raises(VerificationError, match="expected"):
        export_battles(settings, destination=bucket)
    assert export_battles(settings, destination=bucket, rebuild=True).rows == 5


def test_another_ledger_is_refused(settings: Settings, key: SigningKey, bucket: str, tmp_path: Path) -> None:
    record(settings, key, range(5))
    export_battles(settings, destination=bucket)
    other = settings.changed(data_dir=tmp_path / "other")
    record(other, key, range(5))
    with pytest.raises(ConfigurationError, match="holds the ledger"):
        export_battles(other, destination=bucket)


def test_a_place_that_is_not_there_is_told(settings: Settings, key: SigningKey, bucket: str) -> None:
    record(settings, key, range(5))
    for nowhere in ("nosuch://bucket/prefix", "s3://", "s3:///prefix", "s3://?region=us-east-1"):
        with pytest.raises(ConfigurationError, match="the destination expected a directory or an address"):
            export_battles(settings, destination=nowhere)
    with pytest.raises(ConfigurationError, match="NoSuchBucket") as caught:
        export_battles(settings, destination=bucket.replace("s3://", "s3://absent-"))
    assert "make the bucket first" in caught.value.hint


# --- create-only


def ids(settings: Settings, bucket: str) -> list[int]:
    """The ids in the files that count."""
    import pyarrow.parquet as pq

    store = open_store(settings, bucket)
    found: list[int] = []
    for file in read_catalog(store).files:
        with store.local(f"v1/{file.path}") as copy:
            found += pq.ParquetFile(copy).read(columns=["id"])["id"].to_pylist()
    return sorted(found)


def is_put(environ: dict[str, Any], part: str) -> bool:
    return environ["REQUEST_METHOD"] == "PUT" and part in environ["PATH_INFO"]


def test_of_two_racing_exporters_the_store_refuses_one_and_no_id_is_there_twice(
    settings: Settings, key: SigningKey, bucket: str, server: S3Server, tmp_path: Path
) -> None:
    record(settings, key, range(10))
    first = copy_of(settings, tmp_path / "first")
    record(settings, key, range(10, 12))
    second = copy_of(settings, tmp_path / "second")
    meeting = threading.Barrier(2)
    seen: set[int] = set()

    def door(environ: dict[str, Any]) -> None:
        # both have uploaded their files and are about to say that they count
        if is_put(environ, "_manifests/") and len(seen) < 2:
            seen.add(len(seen))
            meeting.wait(30)

    outcomes: dict[str, object] = {}

    def run(name: str, exporter: Settings) -> None:
        try:
            outcomes[name] = export_battles(exporter, destination=bucket).rows
        except StorageError as error:
            outcomes[name] = error

    with server.guarded(door):
        threads = [threading.Thread(target=run, args=pair) for pair in (("first", first), ("second", second))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lost = [outcome for outcome in outcomes.values() if isinstance(outcome, StorageError)]
    assert len(lost) == 1
    assert "somebody else" in str(lost[0])
    assert ids(settings, bucket) == list(range(1, 11 if outcomes["first"] == 10 else 13))
    export_battles(second, destination=bucket)
    assert ids(settings, bucket) == list(range(1, 13))


def test_files_that_another_exporter_is_about_to_name_are_no_leftovers(
    settings: Settings, key: SigningKey, bucket: str, tmp_path: Path
) -> None:
    record(settings, key, range(5))
    other = copy_of(settings, tmp_path / "other")
    name = "v1/month=2026-01/battles-000000000001-000000000009.parquet"
    open_store(other, bucket).publish_bytes(name, b"in the making")
    assert export_battles(settings, destination=bucket).swept == 0
    assert name in objects(settings, bucket)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote, "ABANDONED_S", -1.0)
        assert export_battles(settings, destination=bucket).swept == 1
    assert name not in objects(settings, bucket)


@pytest.mark.parametrize("kind", ["ignores it", "does not know it"])
def test_a_store_without_conditions_is_told(  # noqa: PLR0917  fixtures
    settings: Settings, key: SigningKey, bucket: str, server: S3Server, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def door(environ: dict[str, Any]) -> tuple[str, str, str] | None:
        if environ.pop("HTTP_IF_NONE_MATCH", None) and kind == "does not know it":
            return "501 Not Implemented", "NotImplemented", "A header you provided implies functionality."
        return None

    record(settings, key, range(5))
    with server.guarded(door):
        report = export_battles(settings, destination=bucket)
        assert (report.rows, report.create_only) == (5, False)
        store = open_store(settings, bucket)
        store.publish_bytes("v1/other.json", b"1")
        with pytest.raises(FileExistsError):
            store.publish_bytes("v1/other.json", b"2")
        assert store.read("v1/other.json") == b"1"
        record(settings, key, range(5, 6))
        assert main(["export", "-C", str(settings.data_dir), "--dest", bucket]) == 0
    assert "cannot refuse" in capsys.readouterr().out
    assert ids(settings, bucket) == list(range(1, 7))


def test_a_store_that_ignores_the_condition_is_not_overwritten_before_that_is_known(
    settings: Settings, bucket: str, server: S3Server, tmp_path: Path
) -> None:
    def door(environ: dict[str, Any]) -> None:
        environ.pop("HTTP_IF_NONE_MATCH", None)

    (tmp_path / "other").write_bytes(b"second")
    with server.guarded(door):
        open_store(settings, bucket).publish_bytes("v1/_manifests/one.json", b"first")
        with pytest.raises(FileExistsError):
            open_store(settings, bucket).publish_bytes("v1/_manifests/one.json", b"second")
        with pytest.raises(FileExistsError):
            open_store(settings, bucket).publish_copy(tmp_path / "other", "v1/_manifests/one.json")
        assert open_store(settings, bucket).read("v1/_manifests/one.json") == b"first"


def test_without_boto3_a_name_is_looked_up_and_that_is_told(
    settings: Settings,
    key: SigningKey,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    record(settings, key, range(5))
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert main(["export", "-C", str(settings.data_dir), "--dest", bucket, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["create_only"] is False
    with pytest.raises(FileExistsError):
        open_store(settings, bucket).publish_bytes("v1/_manifests/000000000001.json", b"second")
    assert ids(settings, bucket) == list(range(1, 6))


def test_an_upload_whose_answer_is_lost_counts_once(
    settings: Settings, key: SigningKey, bucket: str, server: S3Server
) -> None:
    lost: list[str] = []

    def after(environ: dict[str, Any]) -> tuple[str, str, str] | None:
        if environ["REQUEST_METHOD"] == "PUT" and environ["PATH_INFO"] not in lost:
            lost.append(environ["PATH_INFO"])
            return "500 Internal Server Error", "InternalError", "We encountered an internal error."
        return None

    record(settings, key, range(5))
    with server.guarded(after=after):
        assert export_battles(settings, destination=bucket).rows == 5
    assert len(lost) == 6
    assert ids(settings, bucket) == list(range(1, 6))


def test_large_files_go_in_parts_and_are_created_once(
    settings: Settings, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditional, "PART_BYTES", 5 << 20)  # the least that S3 takes
    for name in ("large", "other"):
        (tmp_path / name).write_bytes(name[:1].encode() * (11 << 20))
    store = open_store(settings, bucket)
    store.publish_copy(tmp_path / "large", "v1/large")
    with pytest.raises(FileExistsError):
        store.publish_copy(tmp_path / "other", "v1/large")
    assert store.read("v1/large") == (tmp_path / "large").read_bytes()
    assert (tmp_path / "large").exists()
    client = find_puts(bucket)._client
    name = bucket.removeprefix("s3://").partition("/")[0]
    assert "Uploads" not in client.list_multipart_uploads(Bucket=name), "the refused one was given up"
    client.create_multipart_upload(Bucket=name, Key="arena/battles/v1/half")
    assert find_puts(bucket).abort_stale(f"{name}/arena/battles", 1e10) == 0, "moto says that it began in 2010"
    assert find_puts(bucket).abort_stale(f"{name}/other", 0) == 0
    assert find_puts(bucket).abort_stale(f"{name}/arena/battles", 0) == 1


# --- failures


DRIVER = """
import sys
from pathlib import Path
from green_logic.publish.export import export_battles
from green_logic.settings import Settings
export_battles(Settings(data_dir=Path(sys.argv[1])), destination=sys.argv[2])
"""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("part", ["month=", "README.md", "_manifests/"])
def test_an_exporter_killed_while_it_uploads_leaves_every_id_in_one_place(  # noqa: PLR0917  fixtures
    settings: Settings, key: SigningKey, bucket: str, server: S3Server, part: str, moment: str
) -> None:
    record(settings, key, range(5))
    if part != "README.md":
        export_battles(settings, destination=bucket)
        record(settings, key, range(5, 8))
    started: list[subprocess.Popen[bytes]] = []

    def kill(environ: dict[str, Any]) -> tuple[str, str, str] | None:
        if not is_put(environ, part):
            return None
        os.kill(started[0].pid, signal.SIGKILL)
        started[0].wait()
        return "400 Bad Request", "IncompleteBody", "Nobody is there to read it."

    before = ids(settings, bucket)
    with server.guarded(**{"door" if moment == "before" else "after": kill}):
        started.append(subprocess.Popen([sys.executable, "-c", DRIVER, str(settings.data_dir), bucket]))
        assert started[0].wait(60) == -signal.SIGKILL
    rows = list(range(1, 9 if before else 6))
    assert ids(settings, bucket) == (rows if (part, moment) == ("_manifests/", "after") else before)
    export_battles(settings, destination=bucket)
    assert ids(settings, bucket) == rows
    files = {f"v1/{file.path}" for file in read_catalog(open_store(settings, bucket)).files}
    assert {name for name in objects(settings, bucket) if name.endswith(".parquet")} == files


def test_an_exporter_killed_between_the_parts_of_a_file_leaves_nothing_to_be_seen(
    settings: Settings, key: SigningKey, bucket: str, server: S3Server
) -> None:
    record_large(settings, key)
    started: list[subprocess.Popen[bytes]] = []

    def kill(environ: dict[str, Any]) -> tuple[str, str, str] | None:
        if not is_put(environ, "month=") or "partNumber=2" not in environ["QUERY_STRING"]:
            return None
        os.kill(started[0].pid, signal.SIGKILL)
        started[0].wait()
        return "400 Bad Request", "IncompleteBody", "Nobody is there to read it."

    parts = "from green_logic.publish import conditional\nconditional.PART_BYTES = 5 << 20\n"
    with server.guarded(kill):
        started.append(subprocess.Popen([sys.executable, "-c", parts + DRIVER, str(settings.data_dir), bucket]))
        assert started[0].wait(120) == -signal.SIGKILL
    assert objects(settings, bucket) == []
    prefix = f"{bucket.removeprefix('s3://').partition('?')[0]}/battles"
    assert export_battles(settings, destination=bucket).rows == 6
    assert ids(settings, bucket) == list(range(1, 7))
    assert find_puts(bucket).abort_stale(prefix, 1e10) == 0, "moto dates it to 2010, so the next export gives it up"
    assert export_battles(settings, destination=bucket).manifest is None
    assert find_puts(bucket).abort_stale(prefix, 0) == 0


def record_large(settings: Settings, key: SigningKey) -> None:
    """Six battles, 12 MB that do not compress."""
    with Ledger.open(settings, key) as ledger:
        results = [{**judged(number), "log": os.urandom(1 << 20).hex()} for number in range(6)]
        ledger.submit([seal_result(result, key=key, origin=ledger.origin) for result in results])


@pytest.mark.parametrize(
    ("answer", "error", "hint"),
    [
        (("403 Forbidden", "AccessDenied", "Access Denied"), ConfigurationError, "rights to list, get, put"),
        (("403 Forbidden", "SignatureDoesNotMatch", "The signature"), ConfigurationError, "valid credentials"),
        (("503 Slow Down", "SlowDown", "Please reduce your request rate."), StorageError, "run the same command again"),
    ],
)
def test_a_store_that_refuses_an_upload_is_told_and_nothing_is_lost(  # noqa: PLR0917  fixtures
    settings: Settings, key: SigningKey, bucket: str, server: S3Server, answer: Any, error: Any, hint: str
) -> None:
    record(settings, key, range(5))
    export_battles(settings, destination=bucket)
    record(settings, key, range(5, 8))
    before = objects(settings, bucket)
    with (
        server.guarded(lambda environ: answer if is_put(environ, "month=") else None),
        pytest.raises(error, match=answer[1]) as caught,
    ):
        export_battles(settings, destination=bucket)
    assert hint in caught.value.hint
    assert objects(settings, bucket) == before
    assert export_battles(settings, destination=bucket).rows == 3
    assert ids(settings, bucket) == list(range(1, 9))


def test_a_store_that_is_slow_to_wake_is_waited_for(
    settings: Settings, key: SigningKey, bucket: str, server: S3Server
) -> None:
    refused: list[str] = []

    def door(environ: dict[str, Any]) -> tuple[str, str, str] | None:
        if environ["REQUEST_METHOD"] == "PUT" and len(refused) < 2:
            refused.append(environ["PATH_INFO"])
            return "503 Slow Down", "SlowDown", "Please reduce your request rate."
        return None

    record(settings, key, range(5))
    with server.guarded(door):
        assert export_battles(settings, destination=bucket).rows == 5
    assert len(refused) == 2
    assert ids(settings, bucket) == list(range(1, 6))


def test_wrong_credentials_are_told_and_never_printed(
    settings: Settings, key: SigningKey, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record(settings, key, range(5))
    wrong = bucket.replace("s3://", "s3://AKIANOBODY:hunter2@")
    assert main(["export", "-C", str(settings.data_dir), "--dest", wrong]) == 2
    said = capsys.readouterr()
    assert "valid credentials" in said.err
    assert "hunter2" not in said.out + said.err
    assert objects(settings, bucket) == []


def test_an_address_of_fsspec_works_too(settings: Settings, key: SigningKey, tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    place = f"memory://{tmp_path.name}"
    record(settings, key, range(5))
    report = export_battles(settings, destination=place)
    assert (report.rows, report.create_only) == (5, False)
    record(settings, key, range(5, 6))
    assert export_battles(settings, destination=place).rows == 1
    assert ids(settings, place) == list(range(1, 7))
    with pytest.raises(FileExistsError):
        open_store(settings, place).publish_bytes("v1/_manifests/000000000001.json", b"second")
