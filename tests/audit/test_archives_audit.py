"""Archives in the audit: they stand in for pruned files, and are looked into."""

from __future__ import annotations

import pytest

from green_logic.audit import archives
from green_logic.audit.ledger import CHECKS, audit_ledger
from green_logic.audit.one_battle import check_battle
from green_logic.audit.report import Extent
from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import seal_result
from green_logic.publish.archive import archive_dboms
from green_logic.publish.archive_files import archives_directory, find_archives
from green_logic.publish.export import export_battles


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
