"""Archives: each leaf once, byte for byte again, opened by standard tools, one DBOM out of little reading."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from green_logic.errors import ConfigurationError, LedgerMissingError, VerificationError
from green_logic.ledger.database import Ledger
from green_logic.proof.keys import find_keyid
from green_logic.publish import archive_files
from green_logic.publish.archive import archive_dboms, read_archived_dbom
from green_logic.publish.archive_check import check_archive
from green_logic.publish.archive_files import (
    Position,
    archives_directory,
    find_archives,
    find_gaps,
    open_pack,
    parse_name,
)
from green_logic.publish.inventory import inventory_bytes
from green_logic.publish.leaves import ordered_members, read_leaves
from green_logic.publish.pack import Pack, names_in, write_pack
from green_logic.settings import Settings

LONG = "long-" + "x" * 120  # beyond the 100 bytes of a tar header


@pytest.fixture
def record(settings, key, make_sealed):
    """Records battles and gives their DBOM files."""

    def submit(*battle_ids, **more):
        with Ledger.open(settings, key) as ledger:
            sealed = [
                make_sealed(one, origin=ledger.origin, seed=1 + number % 3, **more)
                for number, one in enumerate(battle_ids)
            ]
            ledger.submit(sealed)
        return {one.file_name: one.dbom_bytes() for one in sealed}

    return submit


def names(settings):
    return sorted(path.name for path in archives_directory(settings).iterdir() if not path.name.startswith("."))


def contents(path):
    with open_pack(parse_name(path)) as pack:
        return {member.name: member.data for member in pack.members()}


def rewrite(path, **changes):
    """Change an archive's manifest as somebody would who knows how its digest is made."""
    manifest = parse_name(path).manifest
    content = {**json.loads(manifest.read_text()), **changes}
    del content["digest"]
    manifest.write_bytes(inventory_bytes(content))


def test_an_archive_holds_every_dbom_byte_for_byte(settings, record):
    files = record(*(f"b-{number}" for number in range(30)), LONG)
    report = archive_dboms(settings)
    (path,) = report.made
    assert (path.name, report.dboms, report.ledger_size) == ("dboms-000000000000-000000000030.tar.gz", 31, 31)
    assert contents(path) == files
    assert report.dbom_bytes == sum(map(len, files.values()))
    assert path.stat().st_size == report.size_bytes
    assert check_archive(path) == []


def test_only_what_is_new_is_archived_and_nothing_new_makes_no_file(settings, record):
    record("b-1", "b-2")
    archive_dboms(settings)
    before = names(settings)
    assert archive_dboms(settings).made == ()
    assert names(settings) == before
    second = record("b-3")
    (path,) = archive_dboms(settings).made
    assert path.name == "dboms-000000000002-000000000002.tar.gz"
    assert contents(path) == second


def test_an_empty_ledger_makes_no_archive_and_a_missing_one_is_an_error(settings, record):
    with pytest.raises(LedgerMissingError):
        archive_dboms(settings)
    assert not settings.data_dir.exists()
    record()
    assert archive_dboms(settings).made == ()
    assert names(settings) == []


def test_a_lost_archive_is_made_again_byte_for_byte(settings, record):
    record(*(f"b-{number}" for number in range(40)))
    (path,) = archive_dboms(settings).made
    manifest = path.with_name(path.name.replace(".tar.gz", ".json"))
    first = path.read_bytes(), manifest.read_bytes()
    path.unlink()
    manifest.unlink()
    record("b-later")
    (settings.dboms / "dbom_b-7.json").unlink()  # out of the row then
    (settings.dboms / "dbom_b-8.json").write_bytes(b"rotten")
    made = archive_dboms(settings).made
    assert made[0] != path, "what is new joins the gap"
    for one in made:
        one.unlink()
        one.with_name(one.name.replace(".tar.gz", ".json")).unlink()
    # the same leaves again: cut where the first archive ended
    limit, archive_files.MAX_LEAVES = archive_files.MAX_LEAVES, 40
    try:
        assert archive_dboms(settings).made[0] == path
    finally:
        archive_files.MAX_LEAVES = limit
    assert (path.read_bytes(), manifest.read_bytes()) == first


def test_one_dbom_is_read_from_one_block(settings, record):
    files = record(*(f"b-{number}" for number in range(400)), LONG)
    (path,) = archive_dboms(settings).made
    with open_pack(parse_name(path)) as pack:
        log = names_in(pack.sums())
    for name in random.Random(1).sample(sorted(files), 20):
        with open_pack(parse_name(path)) as pack:
            assert pack.read(name, log.index(name)) == files[name]
            assert 0 < pack.bytes_read < path.stat().st_size / 1.5  # one block of two, with about 200 DBOMs
    assert read_archived_dbom(settings, LONG) == files[f"dbom_{LONG}.json"]
    assert read_archived_dbom(settings, "b-17") == files["dbom_b-17.json"]


def test_what_no_archive_holds_is_none(settings, record):
    record("b-1")
    assert read_archived_dbom(settings, "b-1") is None
    archive_dboms(settings)
    record("b-2")
    assert read_archived_dbom(settings, "b-2") is None
    assert read_archived_dbom(settings, "B-1") is None
    assert read_archived_dbom(settings, "never-seen") is None


def test_an_archived_dbom_that_is_not_the_ledgers_is_refused(settings, record):
    record("b-1", "b-2")
    (path,) = archive_dboms(settings).made
    with Pack(path) as pack:
        members, log = list(pack.members()), names_in(pack.sums())
    forged = [type(one)(one.name, one.data.replace(b"0.61", b"0.99"), one.modified_s) for one in members]
    with path.open("wb") as file:
        size = write_pack(file, forged, log)
    rewrite(path, **Position(size.layout, (), bytes(32)).as_json(), size_bytes=size.size_bytes)
    with pytest.raises(VerificationError, match="b-1"):
        read_archived_dbom(settings, "b-1")
    assert check_archive(path)


@pytest.mark.parametrize("tool", ["tar", "gzip"])
def test_standard_tools_open_an_archive(settings, record, tmp_path, tool):
    if shutil.which(tool) is None or shutil.which("gzip") is None or shutil.which("sha256sum") is None:
        pytest.skip(f"{tool}, gzip and sha256sum are not all installed")
    files = record(*(f"b-{number}" for number in range(150)), LONG)
    (path,) = archive_dboms(settings).made
    (tmp_path / "out").mkdir()
    if tool == "tar":
        subprocess.run(["tar", "-xzf", path, "-C", "out"], cwd=tmp_path, check=True)
    else:
        subprocess.run(["gzip", "-t", path], check=True)
        with (tmp_path / "out.tar").open("wb") as out:
            subprocess.run(["gzip", "-dc", path], check=True, stdout=out)
        subprocess.run(["tar", "-xf", "out.tar", "-C", "out"], cwd=tmp_path, check=True)
    found = {one.name: one.read_bytes() for one in (tmp_path / "out").iterdir()}
    assert found.pop("SHA256SUMS").count(b"\n") == len(files)
    assert found == files
    subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=tmp_path / "out", check=True)


def test_every_sampled_changed_byte_is_refused(settings, record, key):
    record(*(f"b-{number}" for number in range(6)))
    (path,) = archive_dboms(settings).made
    manifest = path.with_name(path.name.replace(".tar.gz", ".json"))
    assert check_archive(manifest, {key.keyid: key.public}) == []
    source = random.Random()
    for target, samples in ((path, 60), (manifest, 60)):
        good = target.read_bytes()
        for place in [0, len(good) - 1, *source.sample(range(len(good)), samples)]:
            bad = bytearray(good)
            bad[place] ^= source.randrange(1, 256)
            target.write_bytes(bad)
            assert check_archive(path), (target.name, place)
        for cut in (0, 1, len(good) // 2, len(good) - 1):
            target.write_bytes(good[:cut])
            assert check_archive(path), (target.name, cut)
        target.write_bytes(good + b"\0")
        assert check_archive(path)
        target.write_bytes(good)
    assert check_archive(path) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first_leaf", 1),
        ("last_leaf", 2),
        ("dboms", 5),
        ("dboms", True),
        ("ledger_size", 3),
        ("file", "other"),
        ("sha256", "0" * 64),
        ("size_bytes", 1),
        ("dbom_bytes", 1),
        ("sums_sha256", "0" * 64),
        ("root", "A" * 43 + "="),
        ("root", "A" * 42 + "B="),
        ("root", "AAAA"),
        ("before", ["A" * 43 + "="]),
        ("before", [7]),
        ("places", "AAA="),
        ("places", "AAABAA=="),
        ("places", "AAAAAAAA"),
        ("blocks", []),
        ("blocks", [1, True]),
        ("blocks", ["1"]),
        ("origin", 7),
        ("schema", "green-logic/archive/2"),
    ],
)
def test_a_manifest_that_was_written_anew_with_another_value_is_refused(settings, record, field, value):
    record("b-1", "b-2")
    (path,) = archive_dboms(settings).made
    assert check_archive(path) == []
    rewrite(path, **{field: value})
    assert check_archive(path)


def test_a_seal_by_another_key_is_found_when_a_key_is_given(settings, record, key):
    record("b-1")
    (path,) = archive_dboms(settings).made
    other = Ed25519PrivateKey.generate().public_key()
    assert check_archive(path, {find_keyid(other): other}) == [
        f"{path.name}/dbom_b-1.json: no signature is by a trusted key"
    ]
    assert check_archive(path, {key.keyid: key.public}) == []


def test_leftovers_of_a_crash_are_swept_and_foreign_files_stay(settings, record):
    record("b-1", "b-2")
    directory = archives_directory(settings)
    directory.mkdir()
    stem = "dboms-000000000000-000000000001"
    leftovers = [f".tmp-{stem}.tar.gz", f"{stem}.tar.gz", f".tmp-{stem}.json", ".tmp-verify_dbom.py"]
    foreign = ["notes.txt", ".tmp-mine", "dboms-1-2.tar.gz"]
    for name in leftovers + foreign:
        (directory / name).write_bytes(b"half")
    report = archive_dboms(settings)
    assert report.swept == len(leftovers)
    beside = {".archive.lock", "verify_dbom.py", "judge.pub", "README.txt"}
    assert {*foreign, f"{stem}.tar.gz", f"{stem}.json"} == {path.name for path in directory.iterdir()} - beside
    assert check_archive(directory / f"{stem}.json") == []


def test_archives_of_another_or_a_younger_ledger_are_refused(settings, record, tmp_path, key, make_sealed):
    record("b-1")
    archive_dboms(settings)
    before = names(settings)
    other = Settings(data_dir=tmp_path / "other")
    with Ledger.open(other, key) as ledger:
        ledger.submit([make_sealed("b-1", origin=ledger.origin), make_sealed("b-2", origin=ledger.origin)])
    shutil.rmtree(archives_directory(settings))
    archive_dboms(other)
    shutil.copytree(archives_directory(other), archives_directory(settings))
    with pytest.raises(VerificationError, match="of the ledger"):
        archive_dboms(settings)
    shutil.rmtree(archives_directory(settings))
    archive_dboms(settings)
    assert names(settings) == before


def test_two_archives_of_one_leaf_are_refused(settings, record):
    record("b-1", "b-2")
    (path,) = archive_dboms(settings).made
    manifest = path.with_name(path.name.replace(".tar.gz", ".json"))
    shutil.copy(manifest, manifest.with_name("dboms-000000000001-000000000001.json"))
    with pytest.raises(VerificationError, match="same leaves"):
        archive_dboms(settings)


def test_a_row_that_rotted_with_its_file_stops_the_archive(settings, record):
    import contextlib
    import sqlite3

    record("b-1", "b-2")
    (settings.dboms / "dbom_b-2.json").write_bytes(b"rotten")
    with contextlib.closing(sqlite3.connect(settings.database)) as connection:
        connection.execute("DROP TRIGGER battles_no_update")
        connection.execute("UPDATE battles SET score = 0.9 WHERE battle_id = 'b-2'")
        connection.commit()
    with pytest.raises(VerificationError, match="b-2"):
        archive_dboms(settings)
    assert find_archives(archives_directory(settings)) == []


@pytest.mark.parametrize(
    ("held", "size", "gaps"),
    [
        ([], 0, []),
        ([], 1, [(0, 0)]),
        ([(0, 4)], 5, []),
        ([(0, 4)], 7, [(5, 6)]),
        ([(2, 3), (6, 6)], 9, [(0, 1), (4, 5), (7, 8)]),
        ([], 65_536, [(0, 65_535)]),
        ([], 65_537, [(0, 65_535), (65_536, 65_536)]),
    ],
)
def test_gaps_are_what_no_archive_holds(held, size, gaps):
    archives = [archive_files.Archive(first, last, Path()) for first, last in held]
    assert list(find_gaps(archives, size)) == gaps


def test_members_stand_by_vector_then_name(settings, record):
    from green_logic.publish.leaves import open_beside_writers, vector_key

    record(*(f"b-{number}" for number in range(9)))
    with open_beside_writers(settings) as connection:
        members = list(ordered_members(connection, settings.dboms, read_leaves(connection, 0, 8)))
    order = [(vector_key(member.data), member.name) for member in members]
    assert order == sorted(order)
    assert len({key for key, _ in order}) == 3


def test_real_dboms_in_one_pack_are_five_times_smaller_than_each_alone(tmp_path):
    default = Path(__file__).parents[3] / "shared" / "data"
    real = Path(os.environ.get("GREEN_LOGIC_TEST_DATA", default)) / "logomesh" / "dboms"
    if not real.is_dir():
        pytest.skip(f"no real DBOMs in {real}: set GREEN_LOGIC_TEST_DATA")
    import zlib

    from green_logic.publish.leaves import vector_key
    from green_logic.publish.tarblocks import Member

    files = {path.name: path.read_bytes() for path in real.iterdir()}
    order = sorted(files, key=lambda name: (vector_key(files[name]), name))
    path = tmp_path / "real.tar.gz"
    with path.open("xb") as file:
        size = write_pack(file, [Member(name, files[name], 0) for name in order], sorted(files))
    alone = sum(len(zlib.compress(data, 9)) for data in files.values())
    with Pack(path, size.layout) as pack:
        assert {member.name: member.data for member in pack.members()} == files
    assert alone / size.size_bytes >= 5


def test_the_command_archives_takes_and_checks(settings, record, key, capsysbinary):
    import argparse

    from green_logic.commands import archive as command

    files = record("b-1", "b-2")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)

    def run(*words, as_json=False):
        options = parser.parse_args(words)
        options.json, options.quiet, options.data_dir = as_json, False, str(settings.data_dir)
        code = command.run(options, settings)
        return code, capsysbinary.readouterr().out

    code, out = run(as_json=True)
    answer = json.loads(out)
    assert (code, answer["ok"], answer["dboms"], answer["schema"]) == (0, True, 2, "green-logic/archive/1")
    assert run()[1].startswith(b"nothing new")
    assert run("--take", "b-2") == (0, files["dbom_b-2.json"])
    with pytest.raises(ConfigurationError):
        run("--take", "b-3")
    with pytest.raises(ConfigurationError):
        run("--check", "no/such/dboms-000000000000-000000000001.json")
    pem = settings.data_dir / "judge.pub"
    assert run("--check", answer["made"][0], "--key", str(pem))[0] == 0
    Path(answer["made"][0]).write_bytes(b"x" * 50)
    code, out = run("--check", answer["made"][0], as_json=True)
    assert (code, json.loads(out)["ok"]) == (1, False)


def test_digests_of_the_manifest_are_those_of_the_files(settings, record):
    record("b-1")
    (path,) = archive_dboms(settings).made
    manifest = json.loads(path.with_name(path.name.replace(".tar.gz", ".json")).read_text())
    assert manifest["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (manifest["ledger_size"], manifest["origin"][:12]) == (1, "green-agent/")
