"""Archives in the audit: they stand in for pruned files, and are looked into."""

from __future__ import annotations

import pytest
from books import make_key

from green_logic import verify_dbom
from green_logic.audit import archive_target, archives
from green_logic.audit.archive_target import SHOWN, check_archive_target
from green_logic.audit.ledger import CHECKS, audit_ledger
from green_logic.audit.one_battle import check_battle
from green_logic.audit.report import Extent
from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import seal_result
from green_logic.publish import archive_chain, pack
from green_logic.publish.archive import archive_dboms
from green_logic.publish.archive_files import MAX_FILES, archives_directory, find_archives, read_manifest
from green_logic.publish.export import export_battles
from green_logic.publish.inventory import inventory_bytes


@pytest.fixture
def pruned(settings, key, make_result):
    with Ledger.open(settings, key) as ledger:
        ledger.submit([seal_result(make_result(f"b-{n}", seed=n), key=key, origin=ledger.origin) for n in range(9)])
        ledger.checkpoint(key)
    archive_dboms(settings, prune=True)
    assert not list(settings.dboms.glob("dbom_*"))
    return settings


def kinds(settings):
    return dict(audit_ledger(settings, None, []).tally.counts)


def test_a_pruned_ledger_is_as_good_as_a_whole_one(pruned):
    assert kinds(pruned) == {}


def test_a_damaged_archive_is_found_though_its_files_were_pruned(pruned):
    pack = find_archives(archives_directory(pruned))[0].pack
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.chmod(0o644)
    pack.write_bytes(data)
    assert kinds(pruned) == {"archive": 1}


def test_without_its_archive_a_pruned_file_is_missing(pruned):
    for path in archives_directory(pruned).iterdir():
        path.unlink()
    assert kinds(pruned) == {"dbom-missing": 9}


def test_a_pruned_battle_is_as_good_as_the_ledger_that_holds_it(pruned):
    assert check_battle(pruned, "b-3", None).ok
    for path in archives_directory(pruned).glob("*.pruned"):
        path.unlink()
    assert check_battle(pruned, "b-3", None).kind == "dbom-missing"


# --- many processes, and what is said meanwhile


@pytest.fixture
def spread_early(monkeypatch):
    monkeypatch.setattr(archives, "PARALLEL_FROM", 1)
    monkeypatch.setattr(archive_target, "PARALLEL_FROM", 1)
    monkeypatch.setattr(pack, "BLOCK_BYTES", 20_000)  # two DBOMs


def archive_in_two(settings, key, make_result):
    with Ledger.open(settings, key) as ledger:
        for numbers in (range(9), range(9, 13)):
            ledger.submit([seal_result(make_result(f"b-{n}", seed=n), key=key, origin=ledger.origin) for n in numbers])
            ledger.checkpoint(key)
            archive_dboms(settings)
    return archives_directory(settings)


def damage(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def test_many_processes_find_the_same_in_archives_as_one(settings, key, make_result, spread_early):
    directory = archive_in_two(settings, key, make_result)
    trusted = {key.keyid: key.public}
    for harmed in (False, True):
        if harmed:
            for archive in find_archives(directory):
                damage(archive.pack, archive.pack.stat().st_size // 2)
        audits = [audit_ledger(settings.changed(workers=workers)) for workers in (1, 2)]
        assert audits[0].tally == audits[1].tally
        assert (audits[0].archived, dict(audits[0].tally.counts)) == ((0, {"archive": 2}) if harmed else (13, {}))
        alone = [check_archive_target(directory, trusted, workers=workers) for workers in (1, 2)]
        assert alone[0] == alone[1]
        assert alone[0].kind == ("archive" if harmed else "")


def test_a_dbom_that_is_not_good_is_named_by_whichever_process_met_it(settings, key, make_result, spread_early):
    directory = archive_in_two(settings, key, make_result)
    other = make_key(b"somebody else")
    verdicts = [check_archive_target(directory, {other.keyid: other.public}, workers=workers) for workers in (1, 2)]
    assert verdicts[0] == verdicts[1]
    assert verdicts[0].kind == "unknown-key"
    assert verdicts[0].message.count(".json: no signature is by a trusted key") == SHOWN
    assert "and 10 more" in verdicts[0].message  # 13 DBOMs, the second archive, the checkpoint beside them


def test_of_very_many_dboms_that_are_not_good_the_first_are_told_and_all_are_counted(
    settings, key, make_result, monkeypatch
):
    directory = archive_in_two(settings, key, make_result)
    other = make_key(b"somebody else")
    whole = check_archive_target(directory, {other.keyid: other.public})
    monkeypatch.setattr(archive_chain, "FINDINGS_KEPT", 6)
    assert check_archive_target(directory, {other.keyid: other.public}) == whole
    damage(find_archives(directory)[1].pack, 0)
    told = check_archive_target(directory, {other.keyid: other.public}).message
    assert "and 8 more" in told  # 9 DBOMs, 3 of the second archive as such, whose DBOMs cannot be read, and the note
    monkeypatch.setattr(archive_chain, "FINDINGS_KEPT", 1)
    told = check_archive_target(directory, {other.keyid: other.public}).message
    assert find_archives(directory)[1].pack.name in told, "what is wrong with an archive as such is always told"


def test_archives_say_how_far_they_are(settings, key, make_result, spread_early):
    directory = archive_in_two(settings, key, make_result)
    seen, told = [], []
    check_archive_target(directory, {key.keyid: key.public}, on_progress=lambda *now: seen.append(now))
    audit_ledger(settings, on_progress=lambda *now: told.append(now))
    for stage, found in (("checking archived DBOMs", seen), ("reading archived DBOMs", told)):
        counts = [(done, total) for name, done, total in found if name == stage]
        assert counts == sorted(counts)
        assert counts[0] == (0, 13)
        assert {total for _, total in counts} == {13}
        assert len(counts) >= 5
        assert counts[-1][0] >= 9, "the second archive goes on where the first ended"


def test_a_manifest_of_more_blocks_than_files_is_refused_before_they_are_looked_for(settings, key, make_result):
    directory = archive_in_two(settings, key, make_result)
    archive = find_archives(directory)[0]
    manifest = read_manifest(archive)
    for blocks, refused in ((MAX_FILES + 1, "do not make up"), (MAX_FILES + 2, "more blocks than files")):
        archive.manifest.chmod(0o644)
        archive.manifest.write_bytes(inventory_bytes({**manifest, "blocks": [1] * blocks}))
        verdict = check_archive_target(directory, {key.keyid: key.public})
        assert (verdict.kind, refused in verdict.message) == ("archive", True)
        assert verify_dbom.check_file(str(archive.pack), {})[1] == "archive"
        assert dict(audit_ledger(settings).tally.counts) == {"archive": 1}


# --- what goes on while an audit reads


@pytest.fixture
def at_work(settings, key, make_result):
    """A judge at work, who records some battles and signs for them at each call."""
    with Ledger.open(settings, key) as ledger:

        def record(*numbers):
            results = [make_result(f"b-{n}", seed=n) for n in numbers]
            ledger.submit([seal_result(result, key=key, origin=ledger.origin) for result in results])
            ledger.checkpoint(key)

        record(0, 1, 2)
        yield record


def audit_while(settings, act):
    """An audit in which something happens after it has taken its snapshot."""

    def happen(_scene):
        act()
        yield from ()

    return audit_ledger(settings, extent=Extent(checks=(happen, *CHECKS)))


def test_files_that_are_pruned_meanwhile_are_not_missing(settings, at_work):
    report = audit_while(settings, lambda: archive_dboms(settings, prune=True))
    assert not list(settings.dboms.iterdir())
    assert (dict(report.tally.counts), report.files) == ({}, 3)


def test_an_archive_that_is_finished_meanwhile_is_no_stray(settings, at_work, monkeypatch):
    archive_dboms(settings)
    at_work(3, 4)

    def finish_first(lock):
        archive_dboms(settings)
        return is_held(lock)

    is_held = archives.is_held
    monkeypatch.setattr(archives, "is_held", finish_first)
    assert kinds(settings) == {}
    assert len(find_archives(archives_directory(settings))) == 2


def test_a_publication_between_two_checkpoints_that_are_signed_meanwhile_is_this_ledgers(settings, at_work):
    export_battles(settings)

    def go_on():
        at_work(3)
        export_battles(settings)
        archive_dboms(settings)
        at_work(4)

    assert dict(audit_while(settings, go_on).tally.counts) == {}
    note = settings.data_dir / "exports" / "battles" / "checkpoint"
    note.write_bytes(note.read_bytes().replace(b"\n4\n", b"\n3\n"))
    assert kinds(settings) == {"companion": 1}
