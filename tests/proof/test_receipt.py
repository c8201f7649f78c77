"""A receipt shows, with nothing else at hand, that a battle is on the log; and nothing but that."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from green_logic.cli import main
from green_logic.errors import ConfigurationError, VerificationError
from green_logic.ledger.database import Ledger
from green_logic.ledger.log import Log, prove
from green_logic.ledger.reading import open_for_reading
from green_logic.proof.checkpoint import sign_checkpoint
from green_logic.proof.dbom import seal_result
from green_logic.proof.envelope import seal
from green_logic.proof.merkle import fold, inclusion_proof, leaf_hash, tree_root
from green_logic.proof.receipt import HEADER, check_receipt, parse_receipt, write_receipt

ORIGIN = "green-agent/test"


@pytest.fixture
def receipt_of(key, make_sealed):
    """A receipt for leaf `index` of a log of `size` leaves."""

    def make(index=2, size=5, *, envelope=None, origin=ORIGIN):
        envelope = envelope or make_sealed("b-1").envelope
        leaves = [leaf_hash(b"%d" % number) for number in range(size)]
        leaves[index] = leaf_hash(envelope.encode())

        def subtree(height, position):
            return fold(leaves[position << height : (position + 1) << height])

        checkpoint = sign_checkpoint(origin, size, tree_root(subtree, size), key)
        return write_receipt(envelope, index, inclusion_proof(subtree, index, size), checkpoint)

    return make


def test_a_receipt_names_battle_score_and_place(receipt_of, key):
    claims, receipt = check_receipt(receipt_of(), {key.keyid: key.public})
    assert (claims.battle_id, claims.score, claims.origin) == ("b-1", 0.61, ORIGIN)
    assert (receipt.index, receipt.checkpoint.size) == (2, 5)


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (1, 2), (6, 7), (255, 256), (256, 257)])
def test_receipts_hold_at_the_edges_of_the_tree(receipt_of, key, index, size):
    assert check_receipt(receipt_of(index, size), {key.keyid: key.public})[1].index == index


def test_any_changed_byte_is_detected(receipt_of, key):
    data, keys = receipt_of(), {key.keyid: key.public}
    for at in range(len(data)):
        with pytest.raises(VerificationError):
            check_receipt(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], keys)
        with pytest.raises(VerificationError):
            check_receipt(data[:at], keys)


def test_a_receipt_under_another_key_is_refused(receipt_of):
    with pytest.raises(VerificationError) as caught:
        check_receipt(receipt_of(), {})
    assert caught.value.kind == "unknown-key"


def test_a_battle_of_another_ledger_on_this_log_is_refused(receipt_of, key):
    with pytest.raises(VerificationError) as caught:
        check_receipt(receipt_of(origin="green-agent/other"), {key.keyid: key.public})
    assert caught.value.kind == "ledger"


@pytest.mark.parametrize(
    "payload", [b"[]", b"{}", b'{"subject":[{}],"predicate":{}}', b'{"subject":[],"predicate":[]}']
)
def test_a_leaf_that_is_no_battle_is_refused(receipt_of, key, payload):
    with pytest.raises(VerificationError) as caught:
        check_receipt(receipt_of(envelope=seal(payload, key)), {key.keyid: key.public})
    assert caught.value.kind == "statement"


@given(data=st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: HEADER.encode() + b"\n" + tail))
def test_no_input_breaks_the_parser(data):
    with pytest.raises(VerificationError):
        parse_receipt(data)


def test_too_many_hashes_are_refused(receipt_of):
    data = receipt_of()
    line = base64.b64encode(bytes(32)) + b"\n"
    with pytest.raises(VerificationError) as caught:
        parse_receipt(data.replace(b"index 2\n", b"index 2\n" + line * 64))
    assert caught.value.kind == "receipt"
    with pytest.raises(VerificationError):
        parse_receipt(data + b"x" * (1 << 20))


# --- from a ledger


@pytest.fixture
def filled(settings, key, make_result):
    with Ledger.open(settings, key) as ledger:
        for start in (0, 300):
            results = [make_result(f"b-{number}") for number in range(start, start + 300)]
            ledger.submit([seal_result(result, key=key, origin=ledger.origin) for result in results])
            if not start:
                ledger.checkpoint(key)
    return settings


def test_every_battle_under_a_checkpoint_can_be_proven(filled, key):
    with open_for_reading(filled) as connection:
        assert Log(connection).size() == 600
        for number in (0, 1, 255, 256, 299):
            claims, receipt = check_receipt(prove(connection, f"b-{number}"), {key.keyid: key.public})
            assert (claims.battle_id, receipt.index) == (f"b-{number}", number)


def test_a_battle_after_the_last_checkpoint_has_no_receipt_yet(filled):
    with open_for_reading(filled) as connection:
        with pytest.raises(ConfigurationError, match="not under a checkpoint yet"):
            prove(connection, "b-300")
        with pytest.raises(ConfigurationError, match="no battle 'b-999'"):
            prove(connection, "b-999")


def test_the_commands_make_and_check_receipts(filled, key, tmp_path, capsys):
    place, out = ["-C", str(filled.data_dir)], tmp_path / "b.tlog-proof"
    assert main(["prove", "b-300", *place]) == 2
    assert main(["checkpoint", *place]) == 0
    note = capsys.readouterr().out
    assert note.split("\n")[1] == "600"
    assert main(["checkpoint", *place]) == 0
    assert capsys.readouterr().out == note  # nothing new, nothing signed
    assert main(["prove", "b-300", "-o", str(out), *place]) == 0
    assert check_receipt(out.read_bytes(), {key.keyid: key.public})[0].battle_id == "b-300"
    assert main(["verify", str(out), "--key", str(filled.data_dir / "judge.pub")]) == 0
    assert main(["verify", str(out), *place]) == 0
    assert "key not pinned" in capsys.readouterr().out
    (tmp_path / "kept").write_text(note)
    assert main(["verify", *place, "--checkpoint", str(tmp_path / "kept")]) == 0
    assert "✔ consistent · sealed to 600 · pinned to 600 · 0 unsealed" in capsys.readouterr().out
    assert main(["verify", "b-300", *place]) == 0
    assert main(["verify", "b-999", *place]) == 2


def test_the_commands_need_a_ledger_and_leave_nothing_behind(tmp_path, capsys):
    for command in (["verify"], ["checkpoint"], ["prove", "b"], ["bundle", "b"]):
        assert main([*command, "-C", str(tmp_path / "none")]) == 2
        assert "no ledger" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
