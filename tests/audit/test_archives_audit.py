"""Archives in the audit: they stand in for pruned files, and are looked into."""

from __future__ import annotations

import pytest

from green_logic.audit.ledger import audit_ledger
from green_logic.ledger.database import Ledger
from green_logic.proof.dbom import seal_result
from green_logic.publish.archive import archive_dboms
from green_logic.publish.archive_files import archives_directory, find_archives


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
