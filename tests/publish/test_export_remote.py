"""Export to an object store, against moto's S3 server on loopback: a real S3 API over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from export_samples import record

from green_logic.errors import ConfigurationError, StorageError, VerificationError
from green_logic.proof.keys import SigningKey
from green_logic.publish.compact import compact_exports
from green_logic.publish.export import export_battles
from green_logic.publish.store import open_store
from green_logic.settings import Settings


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """host:port of an S3 server that forgets everything."""
    moto = pytest.importorskip("moto.server")
    found = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    found.start()
    try:
        host, port = found.get_host_and_port()
        yield f"{host}:{port}"
    finally:
        found.stop()


@pytest.fixture
def bucket(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new bucket's URI."""
    from pyarrow import fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    name = "".join(char for char in tmp_path.name.lower() if char.isalnum())
    options = f"scheme=http&endpoint_override={server}&region=us-east-1"
    system, path = fs.FileSystem.from_uri(f"s3://{name}?{options}&allow_bucket_creation=true")
    system.create_dir(path)
    return f"s3://{name}/arena?{options}"


def objects(settings: Settings, bucket: str) -> list[str]:
    return list(open_store(settings, bucket).walk())


def test_exports_are_incremental_and_compact_in_a_bucket(settings: Settings, key: SigningKey, bucket: str) -> None:
    for start in (0, 5, 10):
        record(settings, key, range(start, start + 5))
        assert export_battles(settings, destination=bucket).rows == 5
    assert export_battles(settings, destination=bucket).manifest is None
    assert objects(settings, bucket) == [
        "README.md",
        "v1/_manifests/000000000001-000000000005.json",
        "v1/_manifests/000000000006-000000000010.json",
        "v1/_manifests/000000000011-000000000015.json",
        "v1/month=2026-01/battles-000000000001-000000000005.parquet",
        "v1/month=2026-01/battles-000000000006-000000000010.parquet",
        "v1/month=2026-01/battles-000000000011-000000000015.parquet",
    ]
    assert compact_exports(settings, destination=bucket).files_after == 1
    assert objects(settings, bucket)[1:] == [
        "v1/_manifests/000000000001-000000000015-g2.json",
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
    with pytest.raises(ConfigurationError, match="not a place"):
        export_battles(settings, destination="nosuch://bucket/prefix")
    with pytest.raises(StorageError):
        export_battles(settings, destination=bucket.replace("s3://", "s3://absent-"))
