"""Going on from a backup on the judge's own machine: refused before anything is written, until the loss is accepted."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from green_logic.agent import GreenAgent
from green_logic.audit.ledger import audit_ledger
from green_logic.cli import main
from green_logic.errors import ConfigurationError, StorageError, VerificationError
from green_logic.ledger.database import Ledger
from green_logic.ledger.loss import accept_loss
from green_logic.ledger.schema import LOCK_NAME, PRESENCE_NAME
from green_logic.proof.checkpoint import parse_checkpoint
from green_logic.proof.dbom import seal_result
from green_logic.proof.keys import SigningKey, find_keyid
from green_logic.publish.backup import backup
from green_logic.publish.restore import restore
from green_logic.settings import CHECKPOINT_NAME, state_dir

NOW = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
LOCKS = {LOCK_NAME, PRESENCE_NAME}  # empty files, which hold nothing


@pytest.fixture
def record(key, make_result):
    """Records battles `first` to `last - 1` and signs a checkpoint, as every run does."""

    def record(settings, first, last, *, sign=True):
        with Ledger.open(settings, key) as ledger:
            for number in range(first, last):
                ledger.submit_one(seal_result(make_result(f"b-{number}"), key=key, origin=ledger.origin))
            return ledger.checkpoint(key) if sign else None

    return record


@pytest.fixture
def restored(settings, record, tmp_path):
    """A ledger of 3 battles on the machine that signed 5 of it: backup, two more battles, disk lost, restore."""
    record(settings, 0, 3)
    report = backup(settings, tmp_path / "backups")
    record(settings, 3, 5)
    settings.data_dir.rename(tmp_path / "lost")
    restore(report.path, settings.data_dir)
    return settings


@pytest.fixture
def forked(restored, record, note):
    """Battles were recorded on top of it, as a machine without the memory does."""
    kept = note().read_bytes()
    note().unlink()
    record(restored, 7, 10, sign=False)
    note().write_bytes(kept)
    return restored


@pytest.fixture
def note(settings, tmp_path):
    """The high-water file."""
    folder = state_dir() / "high-water"
    known = []

    def note():
        known[:] = known or [path for path in folder.iterdir() if "superseded" not in path.name]
        return known[0]

    return note


def contents(*folders):
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in LOCKS
    }


def everything(settings):
    return contents(settings.data_dir, state_dir())


def superseded():
    return [path for path in sorted((state_dir() / "high-water").iterdir()) if "superseded" in path.name]


def test_the_judge_goes_on_after_losing_the_disk(settings, record, tmp_path, capsys):
    place = ["-C", str(settings.data_dir)]
    record(settings, 0, 3)  # d1
    assert main(["backup", str(tmp_path / "backups"), *place, "-q"]) == 0
    (saved,) = (path for path in (tmp_path / "backups").iterdir() if path.is_dir())
    lost = record(settings, 3, 5)  # d2
    shutil.rmtree(settings.data_dir)
    capsys.readouterr()

    assert main(["restore", str(saved), *place]) == 0
    told = capsys.readouterr().out
    assert "has 3 battles, but 5 were signed here on 20" in told
    assert f"green-logic checkpoint --accept-loss -C {settings.data_dir}" in told

    before = everything(settings)
    with pytest.raises(ConfigurationError, match="3 battles, but 5 were signed here on 20") as caught:
        record(settings, 3, 5)
    assert "green-logic restore BACKUP" in caught.value.hint
    assert "checkpoint --accept-loss" in caught.value.hint
    assert everything(settings) == before
    assert main(["verify", *place]) == 1
    assert "truncated" in capsys.readouterr().out

    assert main(["checkpoint", "--accept-loss", *place]) == 0
    printed = capsys.readouterr()
    assert parse_checkpoint(printed.out.encode()).size == 3
    (kept,) = superseded()
    assert kept.read_text() == lost.note
    assert str(kept) in printed.err
    assert f"given up: the 5 battles with root {lost.note.splitlines()[2]}" in printed.err
    assert "forked" in printed.err

    assert main(["verify", *place]) == 0
    assert record(settings, 3, 5).size == 5  # d2 again
    assert main(["verify", *place]) == 0
    assert "pinned to 5" in capsys.readouterr().out
    assert main(["verify", *place, "--checkpoint", str(kept)]) == 1
    assert "history-rewritten × 1" in capsys.readouterr().out, "who kept the old checkpoint sees the fork"


# --- opening


def test_a_rolled_back_copy_is_refused_before_its_recovery_moves_what_is_left(settings, record, key):
    record(settings, 0, 3)
    old = settings.database.read_bytes(), (settings.data_dir / CHECKPOINT_NAME).read_bytes()
    record(settings, 3, 5)
    settings.database.write_bytes(old[0])
    (settings.data_dir / CHECKPOINT_NAME).write_bytes(old[1])
    before = everything(settings)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="3 battles, but 5 were signed"):
            Ledger.open(settings, key)
    assert everything(settings) == before
    assert (settings.dboms / "dbom_b-4.json").is_file(), "all that is left of a lost battle"
    given_up = accept_loss(settings, key, NOW)
    assert (given_up.loss.battles, given_up.loss.signed.size, given_up.checkpoint.size) == (3, 5, 3)
    with Ledger.open(settings, key) as ledger:
        assert ledger.recovery.set_aside == 2


def test_a_longer_ledger_that_does_not_begin_with_what_was_signed_is_refused(forked, key, record):
    before = everything(forked)
    with pytest.raises(ConfigurationError, match="has 6 battles, but does not begin with the 5 that were signed"):
        record(forked, 10, 11)
    assert everything(forked) == before


def test_the_agent_is_refused_too(restored, make_result):
    before = everything(restored)
    with GreenAgent(settings=restored) as agent:
        with pytest.raises(ConfigurationError, match="were signed here"):
            agent.submit_result(make_result("b-9"))
        with pytest.raises(ConfigurationError, match="were signed here"):
            agent.generate_dbom(make_result("b-9"))
    assert everything(restored) == before


def test_another_machine_that_signed_nothing_goes_on(restored, record, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    assert record(restored, 7, 9).size == 5


def test_a_backup_of_all_that_was_signed_goes_on(settings, record, tmp_path):
    record(settings, 0, 3)
    target = settings.changed(data_dir=tmp_path / "restored")
    restore(backup(settings, tmp_path / "backups").path, target.data_dir)
    assert record(target, 3, 5).size == 5


def test_a_damaged_memory_is_told_before_anything_is_recorded(restored, record, note):
    note().write_text("nonsense")
    before = everything(restored)
    with pytest.raises(ConfigurationError, match="expected a text"):
        record(restored, 3, 4)
    assert everything(restored) == before


def test_reading_goes_on(restored, capsys):
    place = ["-C", str(restored.data_dir)]
    for words in (["status"], ["show", "b-1"], ["prove", "b-1"], ["restore", "--drill", "BACKUP"]):
        if words[0] == "restore":
            (saved,) = (restored.data_dir.parent / "backups").glob("20*")
            words[2] = str(saved)
        assert main([*words, *place]) == 0, words
    assert "accept-loss" not in capsys.readouterr().out


# --- accepting


@pytest.mark.parametrize("fixture", ["restored", "forked"])
def test_an_accepted_loss_is_accepted_once_and_the_judge_goes_on(  # noqa: PLR0917  fixtures
    fixture, request, key, record, note, capsys
):
    settings = request.getfixturevalue(fixture)
    size, old = {"restored": 3, "forked": 6}[fixture], note().read_bytes()
    given_up = accept_loss(settings, key, NOW)
    assert given_up.note.name == f"{note().name}.superseded-2026-11-22T183000Z"
    assert given_up.note.read_bytes() == old
    assert given_up.loss.forked == (fixture == "forked")
    assert note().read_text() == (settings.data_dir / CHECKPOINT_NAME).read_text() == given_up.checkpoint.note
    after = everything(settings)
    assert accept_loss(settings, key, NOW) is None
    assert everything(settings) == after
    assert audit_ledger(settings, pins=[given_up.checkpoint]).ok
    assert main(["checkpoint", "--accept-loss", "-C", str(settings.data_dir)]) == 0
    assert "nothing is lost" in capsys.readouterr().err
    assert record(settings, 20, 21).size == size + 1


def test_an_acceptance_that_was_cut_short_is_taken_up_by_the_same_command(forked, key, record, note):
    before, names = contents(forked.data_dir), len(superseded())
    given_up = accept_loss(forked, key, NOW)
    for path in (forked.database, forked.data_dir / CHECKPOINT_NAME):  # killed before the commit: the memory has moved
        path.write_bytes(before[str(path)])
    assert note().read_text() == given_up.checkpoint.note
    assert main(["checkpoint", "--accept-loss", "-C", str(forked.data_dir)]) == 0
    assert len(superseded()) == names + 1
    assert audit_ledger(forked, pins=[given_up.checkpoint]).ok


def test_a_second_loss_keeps_the_first_note_too(restored, key, record, tmp_path):
    accept_loss(restored, key, NOW)
    record(restored, 3, 8)
    shutil.rmtree(restored.data_dir)
    (saved,) = (tmp_path / "backups").glob("20*")
    restore(saved, restored.data_dir)
    accept_loss(restored, key, NOW.replace(hour=19))
    assert [parse_checkpoint(path.read_bytes()).size for path in superseded()] == [5, 8]


def test_a_kept_note_is_never_written_over(restored, key, note):
    taken = note().with_name(f"{note().name}.superseded-2026-11-22T183000Z")
    taken.write_text("of an earlier loss")
    before = everything(restored)
    with pytest.raises(StorageError, match="File exists"):
        accept_loss(restored, key, NOW)
    assert {**everything(restored), str(restored.database): b""} == {**before, str(restored.database): b""}


def test_no_loss_is_accepted_while_another_run_writes(restored, key, note):
    kept = note().read_bytes()
    note().unlink()
    with Ledger.open(restored, key):
        note().write_bytes(kept)
        before = everything(restored)
        with pytest.raises(ConfigurationError, match="another run"):
            accept_loss(restored, key, NOW)
        assert everything(restored) == before


def test_no_loss_is_accepted_for_a_log_that_contradicts_its_own_checkpoint(restored, key, rot):
    rot(restored.database, "UPDATE ledger SET leaf_hash = zeroblob(32) WHERE leaf_index = 1")
    before = contents(state_dir()), (restored.data_dir / CHECKPOINT_NAME).read_bytes()
    with pytest.raises(VerificationError, match="newest checkpoint in the database") as caught:
        accept_loss(restored, key, NOW)
    assert caught.value.kind == "fork"
    assert (contents(state_dir()), (restored.data_dir / CHECKPOINT_NAME).read_bytes()) == before


def test_no_loss_is_accepted_of_everything(settings, record, key, tmp_path):
    Ledger.open(settings, key).close()
    empty = backup(settings, tmp_path / "backups").path
    record(settings, 0, 2)
    shutil.rmtree(settings.data_dir)
    restore(empty, settings.data_dir)
    before = everything(settings)
    with pytest.raises(ConfigurationError, match="is empty"):
        accept_loss(settings, key, NOW)
    assert everything(settings) == before


def test_no_loss_is_accepted_by_another_key_or_with_a_damaged_memory(restored, key, note):
    before = everything(restored)
    for private, message in (
        (ec.generate_private_key(ec.SECP256R1()), "ECDSA"),
        (ed25519.Ed25519PrivateKey.generate(), "signed by"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            accept_loss(restored, SigningKey(private, find_keyid(private.public_key())), NOW)
    assert everything(restored) == before
    note().write_text("nonsense")
    with pytest.raises(ConfigurationError, match="expected a text"):
        accept_loss(restored, key, NOW)
    assert everything(restored) == {**before, str(note()): b"nonsense"}


# --- telling


def test_restore_tells_what_this_machine_signed_later(settings, record, note, tmp_path, capsys):
    record(settings, 0, 3)
    saved = str(backup(settings, tmp_path / "backups").path)
    assert main(["restore", saved, "-C", str(tmp_path / "same"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["behind"] is None
    record(settings, 3, 5)
    assert main(["restore", saved, "-C", str(tmp_path / "older"), "--json"]) == 0
    behind = json.loads(capsys.readouterr().out)["behind"]
    assert (behind["battles"], behind["signed"], behind["signed_at"][-1]) == (3, 5, "Z")
    note().write_text("nonsense")
    assert main(["restore", saved, "-C", str(tmp_path / "unknown")]) == 0
    assert "expected a text" in capsys.readouterr().out
    note().unlink()
    assert main(["restore", saved, "-C", str(tmp_path / "elsewhere")]) == 0
    assert "!" not in capsys.readouterr().out


def test_the_command_tells_a_program_what_was_given_up(restored, capsys):
    place = ["-C", str(restored.data_dir), "--json"]
    for expected in (5, None):
        assert main(["checkpoint", "--accept-loss", *place]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert (answer["size"], (answer["given_up"] or {}).get("size")) == (3, expected)
    (kept,) = superseded()
    assert parse_checkpoint(kept.read_bytes()).size == 5
