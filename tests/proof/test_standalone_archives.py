"""Archives and exports under the verifier without us: a stranger's copy, every kind of damage, never two verdicts."""

from __future__ import annotations

import base64
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from green_logic import verify_dbom
from green_logic.audit.archive_target import check_archive_target
from green_logic.cli import main
from green_logic.ledger.database import Ledger
from green_logic.proof.checkpoint import parse_checkpoint, sign_checkpoint
from green_logic.proof.keys import SigningKey, find_keyid
from green_logic.proof.merkle import CompactRange, leaf_hash
from green_logic.proof.pinned import load_public_keys
from green_logic.publish import archive_files
from green_logic.publish.archive import archive_dboms
from green_logic.publish.archive_copies import copy_archives
from green_logic.publish.archive_files import Position, find_archives, find_position, read_manifest
from green_logic.publish.export import export_battles
from green_logic.publish.inventory import file_digest, inventory_bytes
from green_logic.publish.pack import Layout, Pack, compress_block, names_in, write_pack
from green_logic.publish.tarblocks import END, Member, tar_blocks

LONG = "long-" + "x" * 120  # beyond the 100 bytes of a tar header


@pytest.fixture
def folder(settings, key, make_sealed, tmp_path):
    """A stranger's copy of three archives of a real ledger with what lies beside them, 7 leaves in all."""
    with Ledger.open(settings, key) as ledger:
        for group in (["b-1", "b-2", LONG], ["b-3", "b-4"], ["b-5", "b-6"]):
            ledger.submit([make_sealed(one, origin=ledger.origin, seed=len(one)) for one in group])
            ledger.checkpoint(key)
            archive_dboms(settings)
    copy = tmp_path / "copy"
    shutil.copytree(settings.data_dir / "archives", copy)
    shutil.rmtree(settings.data_dir)
    return copy


def alone(folder, *arguments):
    """Run the copy's own verifier as a stranger does: no site-packages, no environment, another directory."""
    command = [sys.executable, "-I", "-S", str(folder / "verify_dbom.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env={})


def verdicts(target, *, pins=(), part=False):
    """The kind that each verifier gives first: ours, and the one without us."""
    folder = target if target.is_dir() else target.parent
    keys = load_public_keys([folder / "judge.pub"])
    parsed = [parse_checkpoint(pin.read_bytes()) for pin in pins]
    ours = check_archive_target(target, keys, parsed, part=part).kind
    words = [word for pin in pins for word in ("--checkpoint", pin)] + ["--part"] * part
    answer = alone(folder, "--json", *words, target)
    told = json.loads(answer.stdout)
    assert answer.returncode == (0 if told["ok"] else 1)
    kinds = [one["kind"] for one in told["targets"] if one["what"] == "archive" and one["kind"]]
    return ours, kinds[0] if kinds else ""


def first(folder):
    return find_archives(folder)[0]


def rebuild(archive, members, log, **changes):
    """Write an archive anew around other members, with a manifest that fits, as a forger without the key would."""
    with archive.pack.open("wb") as file:
        size = write_pack(file, members, log)
    stated = read_manifest(archive)
    position = find_position(archive, stated)
    made = {"size_bytes": size.size_bytes, "sha256": size.sha256, "sums_sha256": size.sums_sha256}
    made |= {"dbom_bytes": size.content_bytes, **Position(size.layout, position.before, position.root).as_json()}
    archive.manifest.write_bytes(inventory_bytes({**stated, **made, **changes}))


def contents(archive):
    with Pack(archive.pack) as pack:
        return list(pack.members()), names_in(pack.sums())


def test_a_bare_python_verifies_a_copy_of_a_run_and_says_what_it_saw(folder):
    answer = alone(folder)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.count("archive is good") == 3
    assert re.search(r"2 DBOMs, leaves 5 to 6 of green-agent/\S+, sealed to 7", answer.stdout)
    assert "checkpoint is good: 7 battles" in answer.stdout
    assert "key not pinned" in answer.stdout
    assert "key not pinned" not in alone(folder, "--key", folder / "judge.pub").stdout
    assert set(verdicts(folder)) == set(verdicts(first(folder).pack)) == {""}


def test_without_anything_to_check_or_a_key_it_could_not_run(folder, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert alone(folder, empty).returncode == 2
    (folder / "judge.pub").unlink()
    answer = alone(folder)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "--key" in answer.stderr


def test_the_command_gives_the_same_answers(folder, capsys):
    assert main(["verify", str(folder), "--key", str(folder / "judge.pub")]) == 0
    assert "7 DBOMs, leaves 0 to 6" in capsys.readouterr().out
    first(folder).pack.write_bytes(b"no archive")
    assert main(["verify", str(folder), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["targets"][0]["kind"] == "archive"


@pytest.mark.parametrize("target", ["pack", "manifest"])
def test_any_changed_cut_or_added_byte_is_refused_by_both(folder, target):
    archive = first(folder)
    path = getattr(archive, target)
    good, source = path.read_bytes(), random.Random()
    flipped = [
        good[:place] + bytes([good[place] ^ 1 << source.randrange(8)]) + good[place + 1 :]
        for place in source.sample(range(len(good)), 5)
    ]
    for data in [good[:-1], good[: len(good) // 2], good + b"\0", b"", *flipped]:
        path.write_bytes(data)
        assert verdicts(archive.pack) == ("archive", "archive"), data[:40]
    path.write_bytes(good)
    assert verdicts(archive.pack) == ("", "")


def raised(members):
    return [Member(one.name, re.sub(rb'"score_cis":[0-9.]+', b'"score_cis":0.99', one.data), 0) for one in members]


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ("a score is raised", "score_cis"),
        ("a member is dropped", "archive"),
        ("a member is added", "archive"),
        ("two members change names", "file-name"),
        ("the order of the log is another", "archive"),
        ("a signature is cut", "signature"),
        ("a seal is another key's", "unknown-key"),
    ],
)
def test_a_rewritten_archive_gets_the_same_kind_from_both(folder, make_sealed, wrong, kind):
    archive = first(folder)
    members, log = contents(archive)
    seal = re.compile(rb'\\"sig\\":\\"....')
    cut = [Member(one.name, seal.sub(b'\\\\"sig\\\\":\\\\"AAAA', one.data), 0) for one in members]
    other = Ed25519PrivateKey.generate()
    changed = {
        "a score is raised": (raised(members), log),
        "a member is dropped": (members[1:], [name for name in log if name != members[0].name]),
        "a member is added": ([*members, Member("dbom_x.json", members[0].data, 0)], [*log, "dbom_x.json"]),
        "two members change names": (
            [Member(members[1].name, members[0].data, 0), Member(members[0].name, members[1].data, 0), members[2]],
            log,
        ),
        "the order of the log is another": (members, log[::-1]),
        "a signature is cut": (cut, log),
        "a seal is another key's": (members, log),
    }[wrong]
    rebuild(archive, *changed)
    if wrong == "a seal is another key's":
        judge = folder / "judge.pub"
        judge.write_bytes(SigningKey(other, find_keyid(other.public_key())).public_pem)
    assert verdicts(archive.pack) == (kind, kind)


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "green-agent/other"},
        {"root": "A" * 43 + "="},
        {"before": ["A" * 43 + "="]},
        {"places": "AAABAAAA"},
        {"dbom_bytes": 1},
        {"sums_sha256": "0" * 64},
        {"ledger_size": 4},
        {"file": "other.tar.gz"},
        {"schema": "green-logic/archive/2"},
        {"blocks": [1, 2]},
        {"dboms": True},
        {"keyid": 1},
        {"zlib_level": "9"},
        {"zlib_version": None},
    ],
)
def test_a_manifest_that_was_written_anew_is_refused_by_both(folder, changes):
    archive = first(folder)
    archive.manifest.write_bytes(inventory_bytes({**read_manifest(archive), **changes}))
    ours, theirs = verdicts(archive.pack)
    assert ours == theirs
    assert ours == ("ledger" if "origin" in changes else "archive")


@pytest.mark.parametrize("hidden", ["a gzip member", "a name in a header", "bytes behind the tar", "a bomb", "a link"])
def test_nothing_hides_in_an_archive_whose_manifest_fits(folder, hidden):
    archive = first(folder)
    members, _ = contents(archive)
    with Pack(archive.pack) as pack:
        sums = tar_blocks(Member("SHA256SUMS", pack.sums(), 0)) + END
    tar = b"".join(map(tar_blocks, members))
    parts = [compress_block(tar), compress_block(sums)]
    if hidden == "a gzip member":
        parts.insert(1, compress_block(b"\0" * 512))
    elif hidden == "a name in a header":
        parts[0] = parts[0][:3] + b"\x08" + parts[0][4:10] + b"secret\0" + parts[0][10:]
    elif hidden == "bytes behind the tar":
        parts[1] = compress_block(sums + b"secret".ljust(512, b"\0"))
    elif hidden == "a link":  # to itself: whoever follows it never comes back
        header = tarfile.TarInfo("dbom_x.json")
        header.type, header.linkname = tarfile.SYMTYPE, "dbom_x.json"
        parts[0] = compress_block(tar + header.tobuf(tarfile.GNU_FORMAT))
    else:
        parts[0] = compress_block(tar + bytes(64 << 20))
    archive.pack.write_bytes(b"".join(parts))
    stated = read_manifest(archive)
    layout = Layout(tuple(map(len, parts)), find_position(archive, stated).layout.places)
    sizes = {"size_bytes": sum(layout.blocks), "sha256": file_digest(archive.pack), "blocks": list(layout.blocks)}
    archive.manifest.write_bytes(inventory_bytes({**stated, **sizes}))
    assert verdicts(archive.pack) == ("archive", "archive")


@pytest.mark.parametrize("part", ["manifest", "pack"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "hole"])
def test_neither_waits_for_a_planted_pipe_nor_reads_without_end(folder, part, kind):
    path = getattr(first(folder), part)
    path.unlink()
    {"pipe": os.mkfifo, "folder": Path.mkdir, "hole": Path.touch}[kind](path)
    if kind == "hole":
        os.truncate(path, (1 << 40) if part == "manifest" else (1 << 26))  # a pack is read to its end, and hashed
    ours = [Path(sys.executable).with_name("green-logic"), "verify", folder, "--key", folder / "judge.pub"]
    theirs = [sys.executable, "-I", "-S", folder / "verify_dbom.py", folder]
    for command in (ours, theirs):
        answer = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False, timeout=60)
        assert answer.returncode == 1, answer.stderr
        assert "archive" in {one["kind"] for one in json.loads(answer.stdout)["targets"]}


def test_a_folder_under_another_key_is_first_of_all_by_an_unknown_key(folder):
    other = Ed25519PrivateKey.generate()
    (folder / "judge.pub").write_bytes(SigningKey(other, find_keyid(other.public_key())).public_pem)
    assert verdicts(folder) == ("unknown-key", "unknown-key")
    pack = find_archives(folder)[0].pack
    pack.write_bytes(pack.read_bytes()[:-1])
    assert verdicts(folder) == ("archive", "archive")


def lose(archive):
    archive.pack.unlink()
    archive.manifest.unlink()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_missing_archive_shows_in_the_folder_wherever_it_was(folder, number):
    archive = find_archives(folder)[number]
    archive.pack.unlink()
    assert verdicts(folder) == ("archive", "archive")
    archive.manifest.unlink()
    expected = ["archive", "archive", "truncated"][number]
    assert verdicts(folder) == (expected, expected)
    (folder / "checkpoint").unlink()  # without any checkpoint the end is unknown; the beginning is not
    expected = ["archive", "archive", ""][number]
    assert verdicts(folder) == (expected, expected)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("size", [2, 3, 4, 5, 7])
def test_a_pinned_checkpoint_passes_over_no_lost_archive(folder, key, tmp_path, number, size):
    pin = tmp_path / "pin"
    pin.write_text(sign_checkpoint(origin(folder), size, root_at(folder, size), key).note)
    assert verdicts(folder, pins=[pin]) == ("", "")
    archive = find_archives(folder)[number]
    lose(archive)
    (folder / "checkpoint").unlink()
    ours, theirs = verdicts(folder, pins=[pin])
    assert ours == theirs
    # only battles behind what was pinned can go unseen
    assert (ours != "") == (number < 2 or size > archive.first_leaf)


def origin(folder):
    return parse_checkpoint((folder / "checkpoint").read_bytes()).origin


def root_at(folder, size):
    """Root of the log over its first leaves, out of the seals in the archives."""
    log = CompactRange()
    for archive in find_archives(folder):
        members, names = contents(archive)
        seals = {one.name: json.loads(one.data)["sigma_judge"] for one in members}
        for name in names:
            if log.size < size:
                log.append(leaf_hash(seals[name].encode()))
    return log.root()


@pytest.mark.parametrize("lost", [(0,), (1,), (2,), (0, 2), (0, 1)])
def test_who_says_that_a_folder_is_a_part_is_told_what_the_rest_shows(folder, capsys, lost):
    for archive in [find_archives(folder)[number] for number in lost]:
        lose(archive)
    key, note = ["--key", str(folder / "judge.pub")], ["--checkpoint", str(folder / "checkpoint")]
    assert verdicts(folder, part=True, pins=[folder / "checkpoint"]) == ("", "")
    assert main(["verify", str(folder), "--part", *key, *note]) == 0
    told = capsys.readouterr().out
    assert f"pinned to {0 if 2 in lost else 7}" in told
    assert ("not all of them" in told) == (lost == (1,))
    assert main(["verify", str(folder), *key, *note]) == 1
    assert main(["verify", str(folder), "--part", "--strict", *key, *note]) == (1 if 2 in lost else 0)
    pack = find_archives(folder)[-1].pack
    pack.write_bytes(pack.read_bytes()[:-1])
    assert verdicts(folder, part=True) == ("archive", "archive"), "what is there is checked as ever"


def test_neighbours_in_a_part_still_have_to_go_on_from_each_other(folder):
    lose(first(folder))
    middle = first(folder)
    stated = read_manifest(middle)
    peaks = [bytes(32), *map(base64.b64decode, stated["before"][1:])]  # a log with other leaves before it
    log = CompactRange.resume(middle.first_leaf, peaks)
    members, names = contents(middle)
    seals = {one.name: json.loads(one.data)["sigma_judge"] for one in members}
    for name in names:
        log.append(leaf_hash(seals[name].encode()))
    forged = {
        "before": [base64.b64encode(peak).decode() for peak in peaks],
        "root": base64.b64encode(log.root()).decode(),
    }
    middle.manifest.write_bytes(inventory_bytes(stated | forged))
    (folder / "checkpoint").unlink()
    assert verdicts(middle.pack) == ("", ""), "by itself it may begin anywhere"
    assert verdicts(folder, part=True) == ("archive", "archive")


def test_without_any_archive_a_checkpoint_from_elsewhere_has_nothing_to_say(folder, capsys):
    for archive in find_archives(folder):
        lose(archive)
    note = ["--checkpoint", str(folder / "checkpoint")]
    for part in ([], ["--part"]):
        answer = alone(folder, *part, *note, folder)
        assert (answer.returncode, answer.stdout) == (2, "")
        assert "no archive" in answer.stderr
        assert main(["verify", str(folder), *part, *note]) == 2
    assert "✔" not in capsys.readouterr().out


def test_strict_wants_every_archived_battle_under_a_checkpoint_from_elsewhere(folder, capsys):
    key, note = ["--key", str(folder / "judge.pub")], ["--checkpoint", str(folder / "checkpoint")]
    assert main(["verify", "--strict", str(folder), *key, *note]) == 0
    for words in (key, note):
        capsys.readouterr()
        assert main(["verify", "--strict", "--json", str(folder), *words]) == 1
        assert json.loads(capsys.readouterr().out)["targets"][0]["kind"] == "unpinned"
    older = folder.with_name("older")
    older.write_bytes((folder / "checkpoint").read_bytes())
    (folder / "checkpoint").unlink()
    assert main(["verify", "--strict", str(folder), *key, "--checkpoint", str(older)]) == 0
    assert main(["verify", "--strict", str(first(folder).pack), *key, "--checkpoint", str(older)]) == 1
    assert main(["verify", str(first(folder).pack), *key, "--checkpoint", str(older)]) == 0


def test_an_archive_that_ends_before_it_begins_is_an_answer_of_both(folder, capsys):
    (folder / "dboms-000000000009-000000000008.json").write_text("{}")
    assert verdicts(folder) == ("archive", "archive")
    assert main(["verify", str(folder), "--key", str(folder / "judge.pub"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["targets"][0]["kind"] == "archive"


def test_checkpoints_from_elsewhere_bind_the_archives(folder, key, tmp_path):
    beside = parse_checkpoint((folder / "checkpoint").read_bytes())
    forged = tmp_path / "forged"
    for size, kind in ((7, "history-rewritten"), (4, "history-rewritten"), (9, "truncated")):
        forged.write_text(sign_checkpoint(beside.origin, size, bytes(32), key).note)
        assert verdicts(folder, pins=[forged]) == (kind, kind)
    assert verdicts(first(folder).pack, pins=[forged]) == ("", ""), "one archive of many need not reach it"
    forged.write_text(sign_checkpoint("green-agent/other", 7, beside.root, key).note)
    assert verdicts(folder, pins=[forged]) == ("ledger", "ledger")
    (folder / "checkpoint").write_text(sign_checkpoint(beside.origin, 3, bytes(32), key).note)
    assert verdicts(first(folder).pack) == ("checkpoint", "checkpoint")
    (folder / "checkpoint").write_bytes(b"no note")
    assert verdicts(first(folder).pack) == ("note", "note")


def test_an_archive_in_the_middle_reaches_a_checkpoint_over_its_leaves_alone(folder, key):
    middle = find_archives(folder)[1]
    whole = check_archive_target(folder, load_public_keys([folder / "judge.pub"]))
    assert "sealed to 7" in whole.message
    for path in folder.glob("dboms-*"):
        if not path.name.startswith(middle.pack.name[:31]):
            path.unlink()
    answer = alone(folder, middle.pack)
    assert answer.returncode == 0
    assert "leaves 3 to 4" in answer.stdout


def page(heading):
    """The shell lines of the page without us that begin with a comment."""
    text = (Path(__file__).parents[2] / "docs" / "verify-without-us.md").read_text()
    return text.split(f"```sh\n{heading}")[1].split("```")[0]


def shell(script, archive, directory):
    """Whether the lines succeed on an archive."""
    directory.mkdir()
    environment = {**os.environ, "archive": str(archive.pack), "manifest": str(archive.manifest)}
    command = ["sh", "-e", "-c", script]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not all(map(shutil.which, ("tar", "sha256sum", "jq"))), reason="no tar, sha256sum or jq")
def test_the_page_without_us_holds_for_an_archive(folder, tmp_path):
    archive = first(folder)
    script = page("# with tar, sha256sum and jq\n")
    assert shell(script, archive, tmp_path / "good").returncode == 0
    members, log = contents(archive)
    assert [line.split("  ")[1] for line in (tmp_path / "good/dboms/SHA256SUMS").read_text().splitlines()] == log
    archive.manifest.write_bytes(inventory_bytes({**read_manifest(archive), "dboms": 2}))
    assert shell(script, archive, tmp_path / "count").returncode != 0
    archive.pack.write_bytes(archive.pack.read_bytes()[:-1])
    assert shell(script, archive, tmp_path / "cut").returncode != 0
    assert len(members) == 3


@pytest.mark.skipif(shutil.which("node") is None, reason="no node")
def test_node_reads_an_archive_with_its_own_library(folder, tmp_path):
    start = "node -e 'process"
    answer = shell(start + page(start), first(folder), tmp_path / "node")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "SHA256SUMS"


def test_an_export_is_verified_by_its_manifest(settings, key, make_sealed, tmp_path):
    with Ledger.open(settings, key) as ledger:
        ledger.submit([make_sealed("b-1", origin=ledger.origin), make_sealed("b-2", origin=ledger.origin)])
        ledger.checkpoint(key)
    export_battles(settings)
    copy = tmp_path / "copy"
    shutil.copytree(settings.data_dir / "exports" / "battles", copy)
    answer = alone(copy)
    assert (answer.returncode, "export is good: 1 files of 2 rows" in answer.stdout) == (0, True)
    (data,) = copy.rglob("*.parquet")
    good = data.read_bytes()
    for bad in (good[:-1], good[:-1] + bytes([good[-1] ^ 1]), b""):
        data.write_bytes(bad)
        answer = alone(copy)
        assert (answer.returncode, ": export: " in answer.stdout) == (1, True)
    data.unlink()
    assert alone(copy).returncode == 1


def test_what_lies_beside_is_refreshed_when_it_differs(settings, key, make_sealed):
    with Ledger.open(settings, key) as ledger:
        ledger.submit([make_sealed("b-1", origin=ledger.origin)])
        ledger.checkpoint(key)
    archive_dboms(settings)
    directory = settings.data_dir / "archives"
    good = {
        name: (directory / name).read_bytes() for name in ("verify_dbom.py", "judge.pub", "checkpoint", "README.txt")
    }
    assert good["verify_dbom.py"] == Path(verify_dbom.__file__).read_bytes()
    for name in good:
        (directory / name).write_bytes(b"old")
    (directory / "README.txt").unlink()
    archive_dboms(settings)
    assert {name: (directory / name).read_bytes() for name in good} == good


def test_copies_elsewhere_are_checked_by_what_lies_beside_them(settings, key, make_sealed, tmp_path):
    with Ledger.open(settings, key) as ledger:
        ledger.submit([make_sealed("b-1", origin=ledger.origin)])
        ledger.checkpoint(key)
    archive_dboms(settings)
    copy_archives(settings, str(tmp_path / "elsewhere"))
    assert alone(tmp_path / "elsewhere" / "archives").returncode == 0
    (tmp_path / "elsewhere" / "archives" / "verify_dbom.py").write_bytes(b"old")
    copy_archives(settings, str(tmp_path / "elsewhere"))
    assert "sealed to 1" in alone(tmp_path / "elsewhere" / "archives").stdout


def test_a_checkpoint_beyond_the_archives_is_not_put_beside_them(settings, key, make_sealed, monkeypatch):
    with Ledger.open(settings, key) as ledger:
        ledger.submit([make_sealed("b-1", origin=ledger.origin)])
        ledger.checkpoint(key)
        archive_dboms(settings)
        before = (settings.data_dir / "archives" / "checkpoint").read_bytes()
        ledger.submit([make_sealed("b-2", origin=ledger.origin)])
        archive_dboms(settings)
        assert (settings.data_dir / "archives" / "checkpoint").read_bytes() == before
        assert archive_files.MAX_LEAVES == 65_536


# --- archives that hold the same leaves


@pytest.fixture
def record(key, make_sealed):
    """Records battles in a ledger, archives them, and gives the pack."""

    def work(settings, *battle_ids):
        with Ledger.open(settings, key) as ledger:
            ledger.submit([make_sealed(one, origin=ledger.origin) for one in battle_ids])
        (pack,) = archive_dboms(settings).made
        return pack

    return work


def gather(folder, *settings):
    """A folder with the archives of several ledgers."""
    folder.mkdir(exist_ok=True)
    for one in settings:
        for path in archive_files.archives_directory(one).glob("[!.]*"):
            shutil.copy(path, folder)
    return folder


def archived_again(settings, data_dir):
    """A copy of a ledger whose archives were made anew, as after a restore."""
    again = settings.changed(data_dir=data_dir)
    shutil.copytree(settings.data_dir, data_dir)
    shutil.rmtree(archive_files.archives_directory(again))
    archive_dboms(again)
    return again


def told(folder):
    return check_archive_target(folder, load_public_keys([folder / "judge.pub"])).message


def find_packs(folder):
    return sorted(folder.glob("*.tar.gz"))


def test_leaves_that_are_archived_again_count_once(settings, record, tmp_path):
    record(settings, "b-1", "b-2", "b-3")
    record(settings, "b-4", "b-5")
    folder = gather(tmp_path / "all", settings, archived_again(settings, tmp_path / "again"))
    assert len(find_packs(folder)) == 3
    assert verdicts(folder) == ("", "")
    assert told(folder).startswith("5 DBOMs, leaves 0 to 4 of")


def test_an_archive_may_begin_within_another_and_the_last_name_need_not_be_the_end(settings, record, tmp_path):
    packs = record(settings, "b-1", "b-2"), record(settings, "b-3"), record(settings, "b-4", "b-5")
    again = archived_again(settings, tmp_path / "again")
    for lost in packs:
        folder = gather(tmp_path / lost.name[:-7], settings, again)
        lose(archive_files.parse_name(folder / lost.name))
        assert verdicts(folder) == ("", "")
        assert told(folder).startswith("5 DBOMs, leaves 0 to 4 of")


def forked(settings, record, tmp_path):
    """Two ledgers that went on from the same battles."""
    record(settings, "b-1", "b-2", "b-3")
    other = settings.changed(data_dir=tmp_path / "other")
    shutil.copytree(settings.data_dir, other.data_dir)
    record(settings, "b-4", "b-5")
    record(other, "c-4", "c-5", "c-6")
    return settings, other


def test_two_forks_of_a_ledger_in_one_folder_are_a_finding(settings, record, tmp_path):
    folder = gather(tmp_path / "all", *forked(settings, record, tmp_path))
    assert len(find_packs(folder)) == 3
    assert verdicts(folder) == verdicts(folder, part=True) == ("history-forked", "history-forked")
    message = "leaf 3 is another DBOM than in "
    assert f"{message}dboms-000000000003-000000000004.tar.gz: history forked" in told(folder)
    assert f"history-forked: {message}" in alone(folder, folder).stdout
    assert main(["verify", str(folder), "--key", str(folder / "judge.pub")]) == 1


@pytest.mark.parametrize("more", ["", "c-4"])
def test_the_archives_of_two_ledgers_in_one_folder_are_a_finding(settings, record, tmp_path, more):
    other = settings.changed(data_dir=tmp_path / "other")
    record(settings, "b-1", "b-2", "b-3")
    record(other, "c-1", "c-2")  # fewer, or as below more, than the other's: never the same names
    if more:
        record(other, "c-3", more)
    folder = gather(tmp_path / "all", settings, other)
    assert [verdicts(pack) for pack in find_packs(folder)] == [("", "")] * len(find_packs(folder))
    assert verdicts(folder) == verdicts(folder, part=True) == ("archive", "archive")
    assert "is of another ledger" in told(folder)
    assert "is of another ledger" in alone(folder, folder).stdout


def test_the_same_seals_around_other_bytes_are_a_finding(settings, record, tmp_path):
    record(settings, "b-1", "b-2", "b-3")
    record(settings, "b-4")
    folder = gather(tmp_path / "all", settings, archived_again(settings, tmp_path / "again"))
    whole = archive_files.parse_name(find_packs(folder)[1])
    members, log = contents(whole)
    rebuild(whole, [Member(one.name, json.dumps(json.loads(one.data)).encode(), 0) for one in members], log)
    assert verdicts(whole.pack) == ("", "")
    assert verdicts(folder) == ("history-forked", "history-forked")
