"""docs/threat-model.md, row by row: what it says is done to the data is done, and is found as what it says."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
from mutations import (
    downgrade,
    insert_row,
    link_file,
    remove_battle,
    reorder,
    replace_battle,
    rewrite,
    truncate,
    unguarded,
)

from green_logic.audit.ledger import audit_ledger
from green_logic.audit.single import check_file
from green_logic.proof.dbom import seal_result

PAGE = Path(__file__).parents[2] / "docs" / "threat-model.md"
# rows whose attacks need a second run, a rotated key, or published files: where their tests are
ELSEWHERE = {
    "a backup restored and gone on with": "tests/ledger/test_loss.py",
    "the same, its loss accepted": "tests/ledger/test_loss.py",
    "a key used after it was handed over": "tests/proof/test_bundle.py",
    "a file of an export, an archive or a backup": "tests/audit/test_publication_mutations.py",
    "key or checkpoint beside archives": "tests/audit/test_publications_audit.py",
    "rows of an export, or battles in a backup": "tests/audit/test_publications_audit.py",
    "an export that was handed out": "tests/audit/test_publications_audit.py",
    "two forks of a ledger in one folder": "tests/proof/test_standalone_archives.py",
    "an archive removed from a folder": "tests/proof/test_standalone_archives.py",
    "a rollback journal put beside the database": "tests/ledger/test_planted_journal.py",
}


def sql(statement):
    def act(books):
        with unguarded(books) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute(statement)

    return act


def until(mutate, wanted):
    """A mutation in the variant that says `wanted`."""

    def act(books):
        for seed in range(400):
            if re.search(wanted, mutate(books, random.Random(seed)) or ""):
                return
            books.restore()
        pytest.fail(f"{mutate.__name__} never says {wanted}")

    return act


def on_dbom(change):
    return lambda books: change(books.settings.dboms / "dbom_b-016.json")


def sealed_by(*, own, origin=None):
    """A battle sealed anew, by another judge or for another ledger."""

    def act(books):
        with unguarded(books) as connection:
            (raw,) = connection.execute("SELECT raw_result FROM battles WHERE id = 450").fetchone()
            key = books.key if own else books.other_key
            sealed = seal_result(json.loads(raw), key=key, origin=origin or books.origin)
            replace_battle(books, connection, sealed, 450)

    return act


def lost_mark(name):
    return lambda books: (books.settings.data_dir / name).write_text("something else\n")


ATTACKS = {
    "score, breakdown, time": [
        sql("UPDATE battles SET score = 0.99 WHERE id = 17"),
        sql("UPDATE battles SET breakdown = '{}' WHERE id = 17"),
        sql("UPDATE battles SET timestamp = '2020-01-01T00:00:00.000000Z' WHERE id = 17"),
        sql("UPDATE battles SET raw_result = replace(raw_result, 'because', 'perhaps') WHERE id = 17"),
        sql("UPDATE battles SET dbom_hash = upper(dbom_hash) WHERE id = 17"),
    ],
    "any column of the log": [
        sql("UPDATE ledger SET leaf_hash = zeroblob(32) WHERE leaf_index = 16"),
        sql("UPDATE ledger SET evidence_sha256 = 'x' WHERE leaf_index = 16"),
        sql("UPDATE ledger SET leaf_index = 1 << 62 WHERE leaf_index = 16"),
        sql("UPDATE sqlite_sequence SET seq = 600"),
    ],
    "a row deleted": [
        sql("DELETE FROM battles WHERE id = 17"),
        sql("DELETE FROM ledger WHERE leaf_index = 16"),
        until(remove_battle, r"b-[0-2]\d\d removed \(3\)"),
    ],
    "a row inserted": [until(insert_row, "b-forged"), until(insert_row, "c-1")],
    "rows or leaves exchanged": [
        until(reorder, rf"^{tables} \d") for tables in ("battles", "ledger", "battles and ledger")
    ],
    "a DBOM edited": [
        on_dbom(lambda path: path.write_bytes(path.read_bytes()[:-9])),
        on_dbom(lambda path: path.write_bytes(json.dumps(json.loads(path.read_bytes())).encode())),
        on_dbom(Path.unlink),
        on_dbom(lambda path: path.with_name("dbom_b-900.json").write_bytes(path.read_bytes())),
        on_dbom(lambda path: path.with_name("notes.txt").write_bytes(b"")),
        until(link_file, "link"),
    ],
    "a DBOM replaced by an unsigned one": [until(downgrade, "downgraded")],
    "a seal of another judge": [sealed_by(own=False), sealed_by(own=True, origin="green-agent/other")],
    "battles cut off behind the newest checkpoint": [until(truncate, "to 300"), until(truncate, "to 1..$")],
    "everything made anew by another key": [until(rewrite, "by another")],
    "everything made anew by the judge": [until(rewrite, "by the judge")],
    "`judge.pub`, `checkpoint`, the stored tree": [
        lost_mark("judge.pub"),
        lost_mark("checkpoint"),
        sql("UPDATE log_nodes SET hash = zeroblob(32)"),
        sql("CREATE TRIGGER mine AFTER INSERT ON battles BEGIN SELECT 1; END"),
        sql("INSERT INTO ledger_meta VALUES ('keyid.1', 'nonsense')"),
    ],
}


def table():
    """What is done → the kinds that it is found as."""
    lines = PAGE.read_text().split("## What does not show")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {cell[0]: set(re.findall(r"`([a-z_0-9-]+)`", cell[1])) for cell in cells if cell[0] != "done to the data"}


def documented(beginning):
    (found,) = (kinds for row, kinds in table().items() if row.startswith(beginning))
    return found


def test_every_row_of_the_page_has_its_attack_and_every_attack_its_row():
    known = [*ATTACKS, *ELSEWHERE, "a receipt or checkpoint edited"]
    for row in table():
        assert sum(row.startswith(beginning) for beginning in known) == 1, row
    for beginning in known:
        documented(beginning)
    for place in ELSEWHERE.values():
        assert (PAGE.parents[1] / place).is_file()


@pytest.mark.parametrize("beginning", ATTACKS)
def test_each_attack_is_found_and_as_the_page_says(books, beginning):
    met = set()
    for attack in ATTACKS[beginning]:
        attack(books)
        found = set(audit_ledger(books.settings, books.keys, [books.pin]).tally.counts)
        assert found & documented(beginning), f"{beginning}: found as {found}"
        met |= found
        books.restore()
    assert documented(beginning) <= met, "a kind on the page that none of its attacks is found as"


def test_an_edited_receipt_or_checkpoint_is_found_as_the_page_says(books, tmp_path):
    source, met = random.Random(5), set()
    for name, original in (("b.tlog-proof", books.receipt), ("note", books.pin.note.encode())):
        for _ in range(400):
            at = source.randrange(len(original))
            changed = original[:at] + bytes([original[at] ^ 1 << source.randrange(7)]) + original[at + 1 :]
            (tmp_path / name).write_bytes(changed)
            verdict = check_file(tmp_path / name, books.keys)
            assert not verdict.ok, (name, at)
            met.add(verdict.kind)
    assert documented("a receipt or checkpoint edited") <= met


def test_what_the_page_says_does_not_show_does_not(books):
    """An auditor should know the limits: these two are on the page as such."""
    sql("UPDATE ledger_meta SET value = '1999-01-01T00:00:00.000000Z' WHERE name = 'created'")(books)
    assert audit_ledger(books.settings, books.keys, [books.pin]).ok
    books.restore()
    until(rewrite, "by the judge")(books)
    assert set(audit_ledger(books.settings, books.keys).tally.counts) <= {"log"}  # who kept nothing sees nothing
