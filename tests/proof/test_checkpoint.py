"""A checkpoint commits the judge to every battle before it, in order; nothing that contradicts one is ever signed."""

from __future__ import annotations

import base64
import shutil
import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from green_logic.errors import ConfigurationError, StorageError, VerificationError
from green_logic.ledger.database import Ledger
from green_logic.ledger.log import Log, newest_checkpoint
from green_logic.ledger.reading import open_for_reading
from green_logic.ledger.schema import key_ranges, read_meta
from green_logic.proof.checkpoint import open_checkpoint, parse_checkpoint, sign_checkpoint, trusted_keys
from green_logic.proof.dbom import seal_result
from green_logic.proof.highwater import HighWater
from green_logic.proof.keys import SigningKey, find_keyid
from green_logic.proof.merkle import CompactRange, leaf_hash
from green_logic.proof.notes import note_keyid, open_note, sign_note, split_note, verifier_key
from green_logic.settings import CHECKPOINT_NAME, state_dir

ORIGIN = "green-agent/test"
ROOT = bytes(range(32))
# the example of the signed note's reference implementation
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
EXAMPLE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
).encode()


def public_of(text):
    return ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(text.split("+", 2)[2])[1:])


def new_key(*, curve=False):
    private = ec.generate_private_key(ec.SECP256R1()) if curve else ed25519.Ed25519PrivateKey.generate()
    return SigningKey(private, find_keyid(private.public_key()))


def known(*keys):
    return {key.keyid: key.public for key in keys}


# --- notes


def test_the_published_note_is_good():
    text, signers = open_note(EXAMPLE, "PeterNeumann", [public_of(NEUMANN)])
    assert text.startswith("If you think")
    assert len(signers) == 1
    assert verifier_key("PeterNeumann", public_of(NEUMANN)) == NEUMANN


def test_any_flipped_bit_of_the_published_note_is_detected():
    for at in range(len(EXAMPLE) - len("— EnochRoot …") - 120):
        for bit in range(8):
            changed = bytearray(EXAMPLE)
            changed[at] ^= 1 << bit
            with pytest.raises(VerificationError):
                open_note(bytes(changed), "PeterNeumann", [public_of(NEUMANN)])


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nsignature\n",
        "text\n\n— name\n".encode(),
        "text\n\n— name AAAAAA==".encode(),  # no newline at the end
        "text\n\n— name AAAA\n".encode(),  # a key id without a signature
        "text\n\n— name AAAAAB==\n".encode(),  # stray bits in the last character
        "text\n\n— na+me AAAAAAA=\n".encode(),
        "te\tx\n\n— name AAAAAAA=\n".encode(),
        "text\r\n\n— name AAAAAAA=\n".encode(),
        b"text\xff\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"text\n\n" + "— name AAAAAAA=\n".encode() * 17,
        b"x" * (1 << 16) + "\n\n— name AAAAAAA=\n".encode(),
    ],
)
def test_malformed_notes_are_refused(note):
    with pytest.raises(VerificationError) as caught:
        split_note(note)
    assert caught.value.kind == "note"


def test_a_note_holds_under_its_own_key_and_name_only(key):
    note = sign_note("text\n", "name", [key]).encode()
    assert open_note(note, "name", [key.public])[0] == "text\n"
    for name, keys in (("other", [key.public]), ("name", [new_key().public]), ("name", [])):
        with pytest.raises(VerificationError) as caught:
            open_note(note, name, keys)
        assert caught.value.kind == "unknown-key"


def test_an_ecdsa_key_is_told_that_it_cannot_sign():
    with pytest.raises(ConfigurationError, match="ECDSA key cannot sign checkpoints"):
        sign_note("text\n", "name", [new_key(curve=True)])


def test_a_wrong_line_by_a_trusted_key_spoils_the_note(key):
    good = sign_note("text\n", "name", [key])
    signature = base64.b64encode(note_keyid("name", key.public) + bytes(64)).decode()
    with pytest.raises(VerificationError) as caught:
        open_note(f"{good}— name {signature}\n".encode(), "name", [key.public])
    assert caught.value.kind == "signature"


# --- checkpoints


def test_a_checkpoint_says_what_was_signed(key):
    checkpoint = sign_checkpoint(ORIGIN, 7, ROOT, key)
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (ORIGIN, 7, ROOT)
    assert open_checkpoint(checkpoint.note.encode(), known(key), origin=ORIGIN) == checkpoint
    assert checkpoint.note.startswith(f"{ORIGIN}\n7\n{base64.b64encode(ROOT).decode()}\n\n— {ORIGIN} ")
    with pytest.raises(VerificationError) as caught:
        open_checkpoint(checkpoint.note.encode(), known(key), origin="green-agent/other")
    assert caught.value.kind == "ledger"


@pytest.mark.parametrize(
    "text",
    ["a\n7\n", "a\n07\nAA==\n", "a\n-1\nAA==\n", "a b\n7\nAA==\n", "a+b\n7\nAA==\n", "\n7\nAA==\n", "a\n7\nAA==\n"]
    + [f"a\n{number}\n{base64.b64encode(ROOT).decode()}\n" for number in ("", "x", "1" * 19, "٣")],
)
def test_what_is_no_checkpoint_is_refused(key, text):
    with pytest.raises(VerificationError) as caught:
        parse_checkpoint(sign_note(text, "a", [key]).encode())
    assert caught.value.kind == "note"


def test_keys_vouch_for_each_other_over_a_change_that_both_signed(key):
    second, third, stranger = new_key(), new_key(), new_key()
    changes = [
        sign_checkpoint(ORIGIN, 5, ROOT, second, successor=third),
        sign_checkpoint(ORIGIN, 3, ROOT, key, successor=second),
    ]
    everyone = known(key, second, third).keys()
    for one in (key, second, third):
        assert trusted_keys(known(one), changes).keys() == everyone
    assert trusted_keys(known(stranger), changes) == known(stranger)


def test_a_change_that_one_key_alone_signed_changes_nothing(key):
    thief = new_key()
    note = sign_checkpoint(ORIGIN, 3, ROOT, key, successor=thief).note
    text, lines = note.split("\n\n")
    for line in lines.splitlines():
        half = parse_checkpoint(f"{text}\n\n{line}\n".encode())
        assert trusted_keys(known(key), [half]) == known(key)
        assert trusted_keys(known(thief), [half]) == known(thief)


# --- the ledger's checkpoints


@pytest.fixture
def fill(key, make_result):
    def fill(ledger, names):
        ledger.submit([seal_result(make_result(name), key=key, origin=ledger.origin) for name in names])

    return fill


def names(first, last):
    return [f"b-{number}" for number in range(first, last)]


def test_a_checkpoint_covers_every_battle_and_is_durable(settings, key, fill):
    with Ledger.open(settings, key) as ledger:
        assert ledger.checkpoint(key) is None  # an empty log says nothing
        fill(ledger, names(0, 3))
        checkpoint = ledger.checkpoint(key)
    with open_for_reading(settings) as connection:
        leaves = [leaf_hash(text.encode()) for (text,) in connection.execute("SELECT envelope FROM ledger")]
        assert newest_checkpoint(connection) == checkpoint
    tree = CompactRange()
    for leaf in leaves:
        tree.append(leaf)
    assert (checkpoint.size, checkpoint.root) == (3, tree.root())
    assert (settings.data_dir / CHECKPOINT_NAME).read_text() == checkpoint.note
    assert HighWater(state_dir()).find(checkpoint.origin) == checkpoint


def test_a_checkpoint_of_nothing_new_is_the_last_one(settings, key, fill):
    with Ledger.open(settings, key) as ledger:
        fill(ledger, names(0, 3))
        first = ledger.checkpoint(key)
        (settings.data_dir / CHECKPOINT_NAME).unlink()
        assert ledger.checkpoint(key) == first
    assert (settings.data_dir / CHECKPOINT_NAME).read_text() == first.note
    with open_for_reading(settings) as connection:
        assert connection.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)


def test_roots_and_proofs_do_not_depend_on_when_checkpoints_were_made(settings, key):
    with Ledger.open(settings, key) as ledger:
        origin = ledger.origin
    connection = sqlite3.connect(settings.database, isolation_level=None)
    tree, log = CompactRange(), Log(connection)
    from green_logic.ledger.log import seal_log

    connection.execute("BEGIN")
    for number in range(700):
        row = ("2026-01-01T00:00:00.000000Z", 0.5)
        connection.execute("INSERT INTO battles VALUES (NULL, ?, ?, ?, '', '{}', '')", (f"b-{number}", *row))
        leaf = leaf_hash(b"%d" % number)
        values = (number, number + 1, str(number), leaf)
        connection.execute("INSERT INTO ledger VALUES (?, ?, ?, ?, '', '', x'')", values)
        tree.append(leaf)
        if number in (0, 254, 255, 256, 600):
            assert seal_log(connection, origin, key, HighWater(state_dir())).root == tree.root()
    assert log.size() == 700
    assert log.root(700) == tree.root()
    stored = connection.execute("SELECT count(*) FROM log_nodes").fetchone()
    connection.execute("DROP TABLE log_nodes")
    fresh = Log(connection)
    assert stored == (2,)
    assert fresh.root(700) == tree.root()
    assert fresh.inclusion(300, 700) != fresh.inclusion(301, 700)
    connection.close()


def test_a_restored_backup_is_not_signed_on_top_of(settings, key, fill, tmp_path):
    with Ledger.open(settings, key) as ledger:
        fill(ledger, names(0, 3))
        ledger.checkpoint(key)
    shutil.copytree(settings.data_dir, tmp_path / "backup")
    copy = settings.changed(data_dir=tmp_path / "backup")
    restored = Ledger.open(copy, key)
    with Ledger.open(settings, key) as ledger:
        fill(ledger, names(3, 6))
        ledger.checkpoint(key)
    # one that was opened before the other went on; tests/ledger/test_loss.py has those that are opened afterwards
    with restored as ledger:
        with pytest.raises(VerificationError, match="rolled back") as caught:
            ledger.checkpoint(key)
        assert caught.value.kind == "rollback"
        fill(ledger, names(10, 15))
        with pytest.raises(VerificationError, match="history forked") as caught:
            ledger.checkpoint(key)
        assert caught.value.kind == "fork"
    with open_for_reading(copy) as connection:
        assert newest_checkpoint(connection).size == 3  # nothing was signed, and the battles stay
    assert (copy.data_dir / CHECKPOINT_NAME).read_text().split("\n")[1] == "3"


def test_a_tampered_leaf_is_not_signed(settings, key, fill):
    with Ledger.open(settings, key) as ledger:
        fill(ledger, names(0, 3))
        tamper(settings, "UPDATE ledger SET envelope = envelope || ' ' WHERE leaf_index = 1")
        with pytest.raises(VerificationError, match="leaf 1") as caught:
            ledger.checkpoint(key)
    assert caught.value.kind == "log"
    assert not (settings.data_dir / CHECKPOINT_NAME).exists()
    with open_for_reading(settings) as connection:
        assert newest_checkpoint(connection) is None


def tamper(settings, statement):
    connection = sqlite3.connect(settings.database)
    connection.execute("DROP TRIGGER IF EXISTS ledger_no_update")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_damaged_high_water_file_stops_the_signing(settings, key, fill):
    with Ledger.open(settings, key) as ledger:
        fill(ledger, names(0, 3))
        ledger.checkpoint(key)
        path = HighWater(state_dir()).path(ledger.origin)
        path.write_text("nonsense")
        fill(ledger, names(3, 4))
        with pytest.raises(ConfigurationError, match="expected a text"):
            ledger.checkpoint(key)
    assert path.read_text() == "nonsense"


def test_the_high_water_file_is_never_under_the_data(settings, key, fill):
    with Ledger.open(settings, key) as ledger:
        fill(ledger, names(0, 1))
        ledger.checkpoint(key)
        assert not HighWater(state_dir()).path(ledger.origin).is_relative_to(settings.data_dir)
    assert HighWater(state_dir()).path("../../etc/passwd").parent == state_dir() / "high-water"


def test_an_ecdsa_judge_has_battles_and_no_checkpoints(settings, fill, make_result):
    key = new_key(curve=True)
    with Ledger.open(settings, key) as ledger:
        ledger.submit([seal_result(make_result("b"), key=key, origin=ledger.origin)])
        assert ledger.checkpoint(key) is None


def test_a_ledger_of_the_first_schema_is_brought_forward_without_touching_a_row(settings, key, fill):
    with Ledger.open(settings, key) as ledger:
        fill(ledger, names(0, 5))
    connection = sqlite3.connect(settings.database)
    for table in ("checkpoints", "log_nodes"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    before = rows_of(connection)
    connection.close()
    with open_for_reading(settings) as old:
        assert newest_checkpoint(old) is None  # and a reader leaves it as it is
        assert Log(old).size() == 5
    with Ledger.open(settings, key) as ledger:
        assert ledger.checkpoint(key).size == 5
    connection = sqlite3.connect(settings.database)
    assert rows_of(connection) == before
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("UPDATE checkpoints SET size = 1")
    connection.close()


def rows_of(connection):
    return [connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("battles", "ledger", "ledger_meta")]  # noqa: S608


# --- changing keys


def test_a_new_key_takes_over_where_the_old_one_says_so(settings, key, fill, make_result):
    with Ledger.open(settings, key) as ledger:
        fill(ledger, names(0, 3))
        second = new_key()
        checkpoint = ledger.rotate(key, second)
    assert (checkpoint.size, trusted_keys(known(key), [checkpoint]).keys()) == (3, known(key, second).keys())
    with pytest.raises(ConfigurationError, match="signed by"):
        Ledger.open(settings, key)
    with Ledger.open(settings, second) as ledger:
        ledger.submit([seal_result(make_result("b-3"), key=second, origin=ledger.origin)])
        assert ledger.checkpoint(second).size == 4
    with open_for_reading(settings) as connection:
        assert key_ranges(read_meta(connection)) == [(0, key.keyid), (3, second.keyid)]
    assert (settings.data_dir / "judge.pub").read_bytes() == key.public_pem + second.public_pem


def test_a_change_of_keys_is_refused_while_another_run_writes(settings, key, fill):
    with Ledger.open(settings, key) as first, Ledger.open(settings, key) as second:
        fill(first, names(0, 1))
        with pytest.raises(ConfigurationError, match="another run"):
            second.rotate(key, new_key())
        assert second.checkpoint(key).key_change is None


def test_a_change_to_an_ecdsa_key_is_refused(settings, key, fill):
    with Ledger.open(settings, key) as ledger:
        fill(ledger, names(0, 1))
        with pytest.raises(ConfigurationError, match="ECDSA"):
            ledger.rotate(key, new_key(curve=True))
        assert ledger.checkpoint(key).size == 1
    with open_for_reading(settings) as connection:
        assert key_ranges(read_meta(connection)) == [(0, key.keyid)]


def test_no_signature_leaves_when_its_high_water_mark_cannot_be_kept(settings, key, fill, monkeypatch):
    with Ledger.open(settings, key) as ledger:
        fill(ledger, names(0, 1))
        monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/nowhere")
        with pytest.raises((StorageError, ConfigurationError)):
            ledger.checkpoint(key)
    with open_for_reading(settings) as connection:
        assert newest_checkpoint(connection) is None


@pytest.mark.parametrize("place", ["/dev/null/x", "/proc/1/nowhere"])
def test_a_home_that_cannot_keep_the_high_water_file_is_said_with_what_to_set(place: str, key) -> None:
    high_water = HighWater(Path(place))
    checkpoint = sign_checkpoint(ORIGIN, 7, ROOT, key)
    with pytest.raises(ConfigurationError) as caught:
        high_water.keep(checkpoint)
    assert place in caught.value.message
    assert "XDG_STATE_HOME" in caught.value.hint


def test_a_high_water_file_that_cannot_be_replaced_is_said_with_what_to_set(tmp_path: Path, key) -> None:
    high_water = HighWater(tmp_path)
    checkpoint = sign_checkpoint(ORIGIN, 7, ROOT, key)
    high_water.path(ORIGIN).mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="what was recorded stays, without a checkpoint over it") as caught:
        high_water.keep(checkpoint)
    assert "green-logic checkpoint" in caught.value.hint
