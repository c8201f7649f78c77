"""The audit says which promise is broken, where, and how far the proof goes; in bounded memory and on all cores."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sqlite3

import pytest
from mutations import unguarded

from green_logic.audit import scene
from green_logic.audit.findings import MEANINGS
from green_logic.audit.folder import writers_alive
from green_logic.audit.ledger import CHECKS, audit_ledger
from green_logic.audit.report import Extent
from green_logic.cli import main
from green_logic.errors import ConfigurationError, LedgerMissingError
from green_logic.ledger.database import Ledger
from green_logic.ledger.findings import Finding, Tally
from green_logic.proof.checkpoint import parse_checkpoint, sign_checkpoint
from green_logic.proof.dbom import seal_result
from green_logic.proof.highwater import HighWater
from green_logic.settings import state_dir


def kinds(books, *pins, keys=None):
    return dict(audit_ledger(books.settings, keys or books.keys, pins).tally.counts)


def execute(books, statement, *values):
    with unguarded(books) as connection:
        connection.execute(statement, values)


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE battles SET score = 0.99 WHERE id = 17", "row"),
        ("UPDATE battles SET timestamp = '2020-01-01T00:00:00.000000Z' WHERE id = 17", "row"),
        ("UPDATE battles SET breakdown = '{}' WHERE id = 17", "row"),
        ("UPDATE battles SET dbom_hash = upper(dbom_hash) WHERE id = 17", "row"),
        ("UPDATE battles SET raw_result = replace(raw_result, 'because', 'perhaps') WHERE id = 17", "h_delta"),
        ("UPDATE battles SET raw_result = CAST(raw_result AS BLOB) WHERE id = 17", "row"),
        ("UPDATE ledger SET leaf_hash = zeroblob(32) WHERE leaf_index = 16", "leaf-hash"),
        ("UPDATE ledger SET battle_sha256 = '' WHERE leaf_index = 16", "row"),
        ("UPDATE ledger SET evidence_sha256 = 'x' WHERE leaf_index = 16", "row"),
        ("UPDATE ledger SET dbom_sha256 = zeroblob(32) WHERE leaf_index = 16", "row"),
        ("DELETE FROM battles WHERE id = 17", "leaf-without-row"),
        ("DELETE FROM ledger WHERE leaf_index = 16", "leaf-gap"),
        ("DELETE FROM ledger WHERE leaf_index = 16", "row-without-leaf"),
        ("UPDATE ledger SET leaf_index = 1 << 62 WHERE leaf_index = 16", "leaf-gap"),
        ("UPDATE ledger SET leaf_index = -1 WHERE leaf_index = 16", "leaf-gap"),
        ("UPDATE battles SET id = 999 WHERE id = 17", "leaf-without-row"),
        ("UPDATE checkpoints SET root = zeroblob(32) WHERE number = 2", "checkpoint"),
        ("DELETE FROM checkpoints WHERE number = 2", "checkpoint"),
        ("UPDATE checkpoints SET note = replace(note, '200', '201') WHERE number = 2", "signature"),
        ("UPDATE log_nodes SET hash = zeroblob(32)", "log"),
        ("INSERT INTO log_nodes VALUES (8, 1, zeroblob(32))", "log"),
        ("UPDATE ledger_meta SET value = 'green-agent/other' WHERE name = 'origin'", "ledger"),
        ("INSERT INTO ledger_meta VALUES ('keyid.1', '250 SHA256:other')", "key-range"),
        ("UPDATE sqlite_sequence SET seq = 600", "row-order"),
        ("CREATE TRIGGER mine AFTER INSERT ON battles BEGIN SELECT 1; END", "schema"),
    ],
)
def test_a_changed_table_is_told_by_its_kind(books, statement, kind):
    execute(books, statement)
    assert kind in kinds(books)


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (lambda path: path.unlink(), "dbom-missing"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"0.034", b"0.999")), "dbom-differs"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\n"), "dbom-differs"),
        (lambda path: path.write_bytes(path.with_name("dbom_b-018.json").read_bytes()), "dbom-differs"),
        (lambda path: path.write_bytes(json.dumps(legacy(path)).encode()), "downgrade"),
        (lambda path: path.with_name("dbom_b-900.json").write_bytes(path.read_bytes()), "orphan-file"),
        (lambda path: path.with_name("notes.txt").write_bytes(b""), "foreign-file"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "dbom-missing"),
        (lambda path: (path.unlink(), path.mkdir()), "dbom-missing"),
        (lambda path: path.parents[1].joinpath("judge.pub").unlink(), "public-key"),
        (lambda path: path.parents[1].joinpath("checkpoint").unlink(), "checkpoint-file"),
    ],
)
def test_a_changed_file_is_told_by_its_kind(books, damage, kind):
    damage(books.settings.dboms / "dbom_b-017.json")
    assert kinds(books) == {kind: 1}


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.mkdir(), "it is no file"),
        (lambda path: path.symlink_to("/etc/hosts"), "it cannot be read: Too many levels of symbolic links"),
    ],
)
def test_a_file_that_cannot_be_read_is_not_said_to_be_absent(books, damage, reason):
    path = books.settings.dboms / "dbom_b-017.json"
    path.unlink()
    damage(path)
    (finding,) = audit_ledger(books.settings).tally.examples["dbom-missing"]
    assert finding.message == reason


def legacy(path):
    return {**json.loads(path.read_bytes()), "dbom_version": "1.0", "sigma_judge": "SIG_GREEN_b-017"}


def test_the_folder_of_dboms_may_be_gone_altogether(books):
    shutil.rmtree(books.settings.dboms)
    assert kinds(books) == {"dbom-missing": 500}
    books.settings.dboms.mkdir()


def test_every_kind_has_a_meaning(books):
    execute(books, "UPDATE battles SET score = 0.99, timestamp = 'x', raw_result = 'y'")
    execute(books, "DELETE FROM ledger WHERE leaf_index > 490")
    assert set(kinds(books, books.pin)) <= set(MEANINGS)


def test_findings_are_counted_and_only_the_first_are_kept(books):
    execute(books, "UPDATE battles SET score = 0.9951")
    report = audit_ledger(books.settings, books.keys, kept=3)
    assert report.tally.counts["row"] == 500
    assert len(report.tally.examples["row"]) == 3
    tally = Tally(kept=2)
    for _ in range(9):
        tally.add(Finding("row", "x", "y"))
    tally.merge(report.tally)
    assert (tally.counts["row"], len(tally.examples["row"])) == (509, 2)


# --- levels


def test_the_levels_say_how_far_the_proof_goes(books, key, make_result):
    with Ledger.open(books.settings, books.key) as ledger:
        ledger.submit([seal_result(make_result("late"), key=books.key, origin=ledger.origin)])
    report = audit_ledger(books.settings, books.keys, [books.pin])
    assert report.ok
    assert (report.sealed, report.pinned, report.unsealed) == (500, 400, 1)


@pytest.mark.parametrize("size", [400, 500])
def test_a_cut_shows_against_a_kept_checkpoint_and_not_without(books, size):
    kept = parse_checkpoint(books.files["checkpoint"])
    with unguarded(books) as connection:
        connection.execute("DELETE FROM checkpoints WHERE size > 300")
        connection.execute("DELETE FROM battles WHERE id > 300")
        connection.execute("DELETE FROM ledger WHERE leaf_index >= 300")
        connection.execute("UPDATE sqlite_sequence SET seq = 300")
        note = connection.execute("SELECT note FROM checkpoints WHERE size = 300").fetchone()[0]
    (books.settings.data_dir / "checkpoint").write_text(note)
    for number in range(300, 500):
        (books.settings.dboms / f"dbom_b-{number}.json").unlink()
    assert kinds(books) == {}
    assert kinds(books, kept if size == 500 else books.pin) == {"truncated": 1}


def test_a_pin_of_another_ledger_or_judge_is_told(books):
    foreign = sign_checkpoint("green-agent/other", 3, bytes(32), books.key)
    stranger = sign_checkpoint(books.origin, 3, bytes(32), books.other_key)
    rewritten = sign_checkpoint(books.origin, 3, bytes(32), books.key)
    for pin, kind in ((foreign, "ledger"), (stranger, "unknown-key"), (rewritten, "history-rewritten")):
        assert kinds(books, pin) == {kind: 1}


def test_a_foreign_key_trusts_nothing(books):
    found = kinds(books, keys={books.other_key.keyid: books.other_key.public})
    assert found["unknown-key"] >= 500


def test_without_any_key_there_is_nothing_to_check_with(books):
    (books.settings.data_dir / "judge.pub").unlink()
    with pytest.raises(ConfigurationError, match="no public key"):
        audit_ledger(books.settings)


def test_without_a_ledger_nothing_is_made(tmp_path, settings):
    with pytest.raises(LedgerMissingError):
        audit_ledger(settings)
    assert not settings.data_dir.exists()


def test_signatures_under_a_signed_root_are_verified_when_asked_for(books):
    for every in (False, True):
        report = audit_ledger(books.settings, books.keys, extent=Extent(every_signature=every))
        assert (report.ok, report.verified) == (True, 500 if every else 0)


def test_a_seal_that_the_judge_logged_without_a_good_signature_is_found_by_every_signature(books, make_result):
    with Ledger.open(books.settings, books.key) as ledger:
        sealed = seal_result(make_result("late"), key=books.key, origin=ledger.origin)
        forged = seal_result(make_result("other"), key=books.key, origin=ledger.origin)
        envelope = json.loads(sealed.envelope)
        envelope["signatures"] = json.loads(forged.envelope)["signatures"]
        ledger.submit([dataclasses.replace(sealed, envelope=json.dumps(envelope, separators=(",", ":")))])
        assert kinds(books) == {"signature": 1, "dbom-differs": 1}  # not sealed yet, so verified
        ledger.checkpoint(books.key)
    assert kinds(books) == {}
    assert dict(audit_ledger(books.settings, books.keys, extent=Extent(every_signature=True)).tally.counts) == {
        "signature": 1,
        "dbom-differs": 1,
    }


def test_a_checkpoint_that_is_not_good_vouches_for_nothing(books):
    execute(books, "UPDATE checkpoints SET note = replace(note, 'green-agent', 'grey-agent')")
    execute(books, "UPDATE ledger SET envelope = replace(envelope, 'sig\":\"', 'sig\":\"AAAA') WHERE leaf_index = 3")
    assert {"signature", "ledger", "leaf-hash"} <= set(kinds(books))
    assert audit_ledger(books.settings, books.keys).verified == 500


# --- beside a run, and on many cores


def test_an_audit_during_a_run_finds_nothing(books, make_result):
    with Ledger.open(books.settings, books.key) as ledger:
        sealed = seal_result(make_result("ahead"), key=books.key, origin=ledger.origin)
        ledger.write_dboms([sealed])  # a file ahead of its row, as between two steps of a run
        (books.settings.dboms / ".tmp-dbom_x.json").touch()
        assert writers_alive(books.settings)
        assert kinds(books) == {}
    assert kinds(books) == {"orphan-file": 1, "foreign-file": 1}


def test_many_processes_find_the_same(books, monkeypatch):
    monkeypatch.setattr(scene, "RANGE", 256)
    monkeypatch.setattr(scene, "PARALLEL_FROM", 1)
    execute(books, "UPDATE battles SET score = 0.99 WHERE id IN (3, 300, 499)")
    one = audit_ledger(books.settings.changed(workers=1), books.keys, [books.pin])
    seen = []
    settings = books.settings.changed(workers=2)
    two = audit_ledger(settings, books.keys, [books.pin], on_progress=lambda *told: seen.append(told))
    assert two.tally.counts == one.tally.counts
    assert two.tally.examples == one.tally.examples
    assert (two.battles, two.files, two.sealed, two.pinned) == (500, 500, one.sealed, one.pinned)
    assert seen == [("checking battles", 256, 500), ("checking battles", 500, 500)]


def test_auditing_writes_nothing(books):
    before = sorted(path.name for path in books.settings.data_dir.iterdir())
    assert kinds(books) == {}
    assert sorted(path.name for path in books.settings.data_dir.iterdir()) == before
    assert not books.differs()


def test_what_sqlite_cannot_read_is_a_finding(books):
    data = bytearray(books.settings.database.read_bytes())
    middle = len(data) // 2 // 8192 * 8192
    data[middle : middle + 8192] = b"\xff" * 8192
    books.settings.database.write_bytes(data)
    assert kinds(books)
    books.settings.database.write_bytes(b"no database at all, and long enough to be taken for one" * 20)
    assert kinds(books) == {"database": 1}


def test_text_that_is_not_utf_8_is_a_finding(books):
    execute(
        books,
        "UPDATE battles SET timestamp = CAST(x'ff00fe' AS TEXT), battle_id = CAST(x'ff2f00' AS TEXT) WHERE id = 3",
    )
    execute(books, "UPDATE checkpoints SET note = CAST(x'ff' AS TEXT) WHERE number = 1")
    assert {"row"} <= set(kinds(books))


def test_a_ledger_of_the_first_schema_is_audited_as_it_is(books):
    connection = sqlite3.connect(books.settings.database)
    for statement in ("DROP TABLE checkpoints", "DROP TABLE log_nodes", "PRAGMA user_version = 1"):
        connection.execute(statement)
    connection.commit()
    connection.close()
    (books.settings.data_dir / "checkpoint").unlink()
    report = audit_ledger(books.settings, books.keys)
    assert report.ok
    assert (report.sealed, report.unsealed) == (0, 500)


# --- the command


def test_the_command_tells_the_levels_and_the_findings(books, capsys, tmp_path):
    place = ["-C", str(books.settings.data_dir)]
    (tmp_path / "pin").write_text(books.pin.note)
    pinned = [*place, "--key", str(books.settings.data_dir / "judge.pub"), "--checkpoint", str(tmp_path / "pin")]
    assert main(["verify", *pinned, "--every-signature"]) == 0
    assert capsys.readouterr().out.endswith("✔ consistent · sealed to 500 · pinned to 400 · 0 unsealed\n")
    execute(books, "UPDATE battles SET score = 0.99 WHERE id < 9")
    assert main(["verify", *pinned, "--limit", "2"]) == 1
    told = capsys.readouterr().out
    assert "✘ row × 8: a row is not what was signed\n" in told
    assert "    … and 6 more\n" in told
    assert "b-000: battles.score is 0.99, the judge signed 0.0" in told
    assert main(["verify", *pinned, "--json"]) == 1
    target = json.loads(capsys.readouterr().out)["targets"][0]
    assert (target["findings"][0]["kind"], target["findings"][0]["count"]) == ("row", 8)
    assert main(["verify", "b-003", *place]) == 1
    assert main(["verify", "b-100", *place]) == 0


def test_what_this_machine_signed_binds_its_own_ledger_and_no_older_copy(books, capsys):
    HighWater(state_dir()).keep(sign_checkpoint(books.origin, 700, bytes(32), books.key))
    assert main(["verify", "-C", str(books.settings.data_dir)]) == 1
    assert "✘ truncated × 1" in capsys.readouterr().out
    assert main(["verify", str(books.settings.data_dir)]) == 0


def test_the_command_refuses_what_is_no_checkpoint(books, capsys):
    place = ["-C", str(books.settings.data_dir)]
    assert main(["verify", *place, "--checkpoint", str(books.settings.data_dir / "judge.pub")]) == 2
    assert main(["verify", *place, "--checkpoint", "/nowhere"]) == 2
    assert main(["verify", "/nowhere/dbom_x.json", *place]) == 2
    assert "✔" not in capsys.readouterr().out


def test_each_check_has_a_docstring_that_says_its_promise():
    assert all(check.__doc__ and check.__doc__.rstrip().endswith(".") for check in CHECKS)
