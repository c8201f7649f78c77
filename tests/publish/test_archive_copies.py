"""Copies of archives at a second place: read again only when one of the two was touched, and no leftover stays."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from green_logic.errors import ConfigurationError, StorageError, VerificationError
from green_logic.ledger.database import Ledger
from green_logic.publish.archive import archive_dboms
from green_logic.publish.archive_copies import copy_archives
from green_logic.publish.directory_lock import alone_in
from green_logic.publish.inventory import inventory_bytes
from green_logic.publish.store import open_store
from green_logic.settings import Settings

# stops at the moment when the copy has its name, and still the one that it was made under
KILLED = """
import os, signal, sys
from pathlib import Path
from green_logic.publish.archive_copies import copy_archives
from green_logic.settings import Settings
link = os.link
def last(source, target, **more):
    link(source, target, **more)
    if "copy-dboms" in str(source):
        os.kill(os.getpid(), signal.SIGKILL)
os.link = last
copy_archives(Settings(data_dir=Path(sys.argv[1])), sys.argv[2])
"""


pytest_plugins = ["s3_server"]  # `server` and `bucket`


@pytest.fixture
def archive(settings: Settings, key: Any, make_sealed: Any) -> Callable[[str], Path]:
    """Record a battle and archive it; its pack."""

    def work(battle_id: str) -> Path:
        with Ledger.open(settings, key) as ledger:
            ledger.submit([make_sealed(battle_id, origin=ledger.origin)])
        (pack,) = archive_dboms(settings).made
        return pack

    return work


def touch(path: Path) -> None:
    os.utime(path, ns=(time.time_ns(), time.time_ns()))


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_only_new_archives_are_read_in_a_bucket(settings, archive, bucket, server):
    for battle_id in ("b-1", "b-2"):
        archive(battle_id)
        assert len(copy_archives(settings, bucket).copied) == 1
    server.requests.clear()
    report = copy_archives(settings, bucket)
    assert (report.copied, report.present, report.compared) == ((), 2, 0)
    assert not [path for _, path in server.requests if "dboms-" in path]
    pack = archive("b-3")
    server.requests.clear()
    assert copy_archives(settings, bucket).copied == (pack.name,)
    assert {Path(path).stem.split(".")[0] for _, path in server.requests if "dboms-" in path} == {pack.name[:-7]}


@pytest.mark.parametrize("where", ["here", "there"])
def test_what_was_touched_is_compared_again_once(settings, archive, tmp_path, where):
    pack = archive("b-1")
    copy_archives(settings, str(tmp_path / "place"))
    touch(pack if where == "here" else tmp_path / "place" / "archives" / pack.name)
    assert copy_archives(settings, str(tmp_path / "place")).compared == 1
    assert copy_archives(settings, str(tmp_path / "place")).compared == 0


@pytest.mark.parametrize("where", ["here", "there"])
@pytest.mark.parametrize("kind", [".tar.gz", ".json"])
def test_another_file_of_the_same_size_is_found_out(settings, archive, tmp_path, where, kind):
    pack = archive("b-1")
    copy_archives(settings, str(tmp_path / "place"))
    folder = pack.parent if where == "here" else tmp_path / "place" / "archives"
    path = folder / pack.name.replace(".tar.gz", kind)
    data = path.read_bytes()
    path.write_bytes(data[:-9] + bytes(byte ^ 1 for byte in data[-9:]))
    before = everything(tmp_path / "place")
    good = (tmp_path / "place" / "archives" if where == "here" else pack.parent) / pack.name
    for _ in range(2):  # what was refused is not taken for known the next time
        with pytest.raises(VerificationError, match=rf"^{path}: .*; {good} is good$") as caught:
            copy_archives(settings, str(tmp_path / "place"))
        assert ("put both files of it back from there" in caught.value.hint) == (where == "here")
    assert everything(tmp_path / "place") == before


def test_another_object_in_a_bucket_is_found_out(settings, archive, bucket):
    pack = archive("b-1")
    copy_archives(settings, bucket)
    store = open_store(settings, bucket, product="archives")
    data = store.read(pack.name)
    time.sleep(1.1)  # the times of a store may be whole seconds
    store.replace(pack.name, data[::-1])
    with pytest.raises(VerificationError, match=f"{store.address}/{pack.name}: .*; {pack} is good"):
        copy_archives(settings, bucket)
    assert store.read(pack.name) == data[::-1]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"dboms-000000000000-000000000000.json": 1}'])
def test_without_a_record_everything_is_compared(settings, archive, tmp_path, content):
    archive("b-1")
    copy_archives(settings, str(tmp_path / "place"))
    (record,) = settings.spool.glob("copies-*.json")
    record.unlink()
    if content is not None:
        record.write_bytes(content)
    assert copy_archives(settings, str(tmp_path / "place")).compared == 2
    assert copy_archives(settings, str(tmp_path / "place")).compared == 0


def test_a_copy_that_a_kill_left_behind_is_swept(settings, archive, tmp_path):
    pack = archive("b-1")
    place = tmp_path / "place"
    done = subprocess.run([sys.executable, "-c", KILLED, str(settings.data_dir), str(place)], check=False)
    assert done.returncode == -signal.SIGKILL
    spool = place / "archives" / "_spool"
    assert [path.name for path in spool.iterdir()] == [f"copy-{pack.name}"]
    (spool / "mine.txt").write_text("not ours")
    copy_archives(settings, str(place))
    assert [path.name for path in spool.iterdir()] == ["mine.txt"]
    assert (place / "archives" / pack.name).read_bytes() == pack.read_bytes()


def test_what_another_process_is_copying_is_not_swept(settings, archive, tmp_path):
    archive("b-1")
    root = tmp_path / "place" / "archives"
    (root / "_spool").mkdir(parents=True)
    copy = root / "_spool" / "copy-dboms-000000000007-000000000007.tar.gz"
    copy.write_bytes(b"half")
    with alone_in(root, "ours"), pytest.raises(StorageError, match="somebody else is copying archives there"):
        copy_archives(settings, str(tmp_path / "place"))
    assert everything(root) == {f"_spool/{copy.name}": b"half"}
    copy_archives(settings, str(tmp_path / "place"))
    assert not copy.exists()


def test_a_copy_that_was_fetched_for_comparing_is_swept(settings, archive, bucket):
    pack = archive("b-1")
    left = settings.spool / "export" / f"copy-{pack.name}"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"half")
    copy_archives(settings, bucket)
    assert not left.exists()


@pytest.fixture(params=["directory", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "place") if request.param == "directory" else str(request.getfixturevalue("bucket"))


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100:102] = b"XX"
    path.write_bytes(data)


def test_an_archive_that_rotted_here_is_not_copied(settings, archive, place):
    good, rotten = archive("b-1"), archive("b-2")
    spoil(rotten)
    with pytest.raises(VerificationError, match=f"{rotten}: expected SHA-256 .*, as its manifest says, got") as caught:
        copy_archives(settings, place)
    assert caught.value.kind == "archive"
    assert "green-logic archive" in caught.value.hint
    there = {name.partition(".")[0] for name in open_store(settings, place, product="archives").walk()}
    assert there == {good.name.partition(".")[0]}


def test_a_manifest_that_rotted_here_is_not_copied_nor_its_pack(settings, archive, place):
    manifest = archive("b-1").with_name("dboms-000000000000-000000000000.json")
    spoil(manifest)
    with pytest.raises(VerificationError, match=manifest.name):
        copy_archives(settings, place)
    assert open_store(settings, place, product="archives").walk() == {}


def test_what_rotted_here_is_named_and_can_be_put_back_from_the_place(settings, archive, place):
    pack = archive("b-1")
    copy_archives(settings, place)
    store, good = open_store(settings, place, product="archives"), pack.read_bytes()
    spoil(pack)
    with pytest.raises(VerificationError, match=f"^{pack}: .*; {store.address}/{pack.name} is good$") as caught:
        copy_archives(settings, place)
    assert caught.value.kind == "archive"
    assert store.read(pack.name) == good
    pack.write_bytes(store.read(pack.name))
    assert copy_archives(settings, place).present == 1


def test_where_both_rotted_alike_neither_is_good(settings, archive, tmp_path):
    pack = archive("b-1")
    copy_archives(settings, str(tmp_path / "place"))
    there = tmp_path / "place" / "archives" / pack.name
    spoil(pack)
    spoil(there)
    with pytest.raises(VerificationError, match=f"^{pack}: [^;]*; {there}: [^;]*$"):
        copy_archives(settings, str(tmp_path / "place"))


def test_a_pack_that_rotted_before_its_manifest_was_copied_gets_none(settings, archive, tmp_path):
    pack = archive("b-1")
    copy_archives(settings, str(tmp_path / "place"))
    there = tmp_path / "place" / "archives" / pack.name
    manifest = there.with_name("dboms-000000000000-000000000000.json")
    manifest.unlink()
    spoil(there)
    with pytest.raises(VerificationError, match=f"^{there}: .*; {pack} is good"):
        copy_archives(settings, str(tmp_path / "place"))
    assert not manifest.exists()


def test_another_good_archive_of_the_same_name_is_neither_copied_nor_called_rotten(settings, archive, tmp_path):
    pack = archive("b-1")
    copy_archives(settings, str(tmp_path / "place"))
    manifest = tmp_path / "place" / "archives" / "dboms-000000000000-000000000000.json"
    stated = json.loads(manifest.read_bytes())
    del stated["digest"]
    manifest.write_bytes(inventory_bytes({**stated, "zlib_version": "another"}))
    with pytest.raises(VerificationError, match=f"{pack.name}: another archive of this name"):
        copy_archives(settings, str(tmp_path / "place"))


@pytest.mark.parametrize("spelled", ["itself", "by a symlink", "by a symlink to the archives", "as an address"])
def test_the_folder_of_the_archives_is_no_second_place(settings, archive, tmp_path, spelled):
    pack = archive("b-1")
    link = tmp_path / "link"
    if spelled == "by a symlink":
        link.symlink_to(settings.data_dir)
    elif spelled == "by a symlink to the archives":
        link.mkdir()
        (link / "archives").symlink_to(pack.parent)
    place = {"itself": str(settings.data_dir), "as an address": settings.data_dir.as_uri()}.get(spelled, str(link))
    before = everything(settings.data_dir)
    with pytest.raises(ConfigurationError, match="it is no second place"):
        copy_archives(settings, place)
    assert everything(settings.data_dir) == before


def test_a_folder_within_the_data_directory_is_another_place(settings, archive):
    pack = archive("b-1")
    copies = settings.data_dir / "copies"
    assert copy_archives(settings, str(copies)).copied == (pack.name,)
    assert (copies / "archives" / pack.name).read_bytes() == pack.read_bytes()


@pytest.fixture
def fork(settings: Settings, key: Any, make_sealed: Any, tmp_path: Path) -> Callable[..., Settings]:
    """A ledger that went on from the present state of the other one, its archives made anew."""

    def work(*battle_ids: str) -> Settings:
        other = settings.changed(data_dir=tmp_path / "other")
        shutil.copytree(settings.data_dir, other.data_dir)
        shutil.rmtree(other.data_dir / "archives")
        with Ledger.open(other, key) as ledger:
            ledger.submit([make_sealed(one, origin=ledger.origin) for one in battle_ids])
        archive_dboms(other)
        return other

    return work


def test_archives_that_hold_the_same_leaves_again_are_copied(settings, archive, fork, place):
    archive("b-1")
    archive("b-2")
    copy_archives(settings, place)
    assert copy_archives(fork("b-3"), place).copied == ("dboms-000000000000-000000000002.tar.gz",)


def test_an_archive_that_contradicts_one_at_the_place_is_not_copied(settings, archive, fork, place):
    archive("b-1")
    other = fork("c-2", "c-3")
    pack = archive("b-2")
    copy_archives(settings, place)
    store = open_store(settings, place, product="archives")
    before = store.walk()
    with pytest.raises(
        VerificationError, match=f"leaf 1 is another DBOM than in {pack.name}: history forked"
    ) as caught:
        copy_archives(other, place)
    assert caught.value.kind == "history-forked"
    assert store.walk() == before


def test_an_archive_is_not_copied_beside_one_of_its_leaves_that_cannot_be_read(settings, archive, fork, tmp_path):
    archive("b-1")
    copy_archives(settings, str(tmp_path / "place"))
    (there,) = (tmp_path / "place" / "archives").glob("*.tar.gz")
    there.write_bytes(there.read_bytes()[:-1])
    with pytest.raises(VerificationError, match=f"{there}: its blocks do not make up the file"):
        copy_archives(fork("b-2"), str(tmp_path / "place"))
    assert list(there.parent.glob("*.tar.gz")) == [there]
