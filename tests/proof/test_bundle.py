"""A bundle is the seal in the words of Sigstore, and the keys command hands a ledger over without losing a key."""

from __future__ import annotations

import base64
import json

import pytest

from green_logic.audit.ledger import audit_ledger
from green_logic.cli import main
from green_logic.errors import ConfigurationError, VerificationError
from green_logic.ledger.database import Ledger
from green_logic.proof.bundle import MEDIA_TYPE, write_bundle
from green_logic.proof.dbom import seal_result
from green_logic.proof.envelope import PAYLOAD_TYPE, pre_authentication_encoding
from green_logic.proof.keys import check_signature, key_path, load_signing_key
from green_logic.proof.pinned import load_public_keys
from green_logic.proof.rotation import find_pair, make_successor, settle_files
from green_logic.settings import Settings, state_dir


def test_a_bundle_carries_the_seal_as_it_is(make_sealed, key):
    sealed = make_sealed("b-1")
    bundle = json.loads(write_bundle(sealed.envelope))
    assert bundle["mediaType"] == MEDIA_TYPE
    assert bundle["verificationMaterial"] == {"publicKey": {"hint": key.keyid}, "tlogEntries": []}
    envelope = bundle["dsseEnvelope"]
    assert envelope["payloadType"] == PAYLOAD_TYPE
    payload, signature = (base64.b64decode(text) for text in (envelope["payload"], envelope["signatures"][0]["sig"]))
    check_signature(key.public, signature, pre_authentication_encoding(payload))
    assert json.loads(payload)["subject"][0] == {"name": "b-1", "digest": {"sha256": sealed.h_delta}}


def test_a_stock_verifier_accepts_the_bundle_with_the_public_key_alone(make_sealed, key):
    dsse = pytest.importorskip("securesystemslib.dsse")
    signer = pytest.importorskip("securesystemslib.signer")
    text = json.dumps(json.loads(write_bundle(make_sealed("b-1").envelope))["dsseEnvelope"])
    public = signer.SSlibKey.from_crypto(key.public, keyid=key.keyid)
    assert dsse.Envelope.from_dict(json.loads(text)).verify([public], 1) == {key.keyid: public}
    envelope = {**json.loads(text), "payload": base64.b64encode(b"{}").decode()}
    with pytest.raises(Exception, match="threshold"):
        dsse.Envelope.from_dict(envelope).verify([public], 1)


@pytest.mark.parametrize("envelope", ["", "{}", "[]", '{"signatures":[]}', '{"signatures":[{"keyid":"x"}]}'])
def test_what_is_no_seal_makes_no_bundle(envelope):
    with pytest.raises(VerificationError) as caught:
        write_bundle(envelope)
    assert caught.value.kind == "envelope"


# --- keys


@pytest.fixture
def fill(make_result):
    def fill(settings, name):
        key = load_signing_key(settings)
        with Ledger.open(settings, key) as ledger:
            ledger.submit([seal_result(make_result(name), key=key, origin=ledger.origin)])
            ledger.checkpoint(key)
        return key

    return fill


def test_the_ledger_goes_on_under_a_new_key_and_the_old_one_vouches_for_it(settings, fill, tmp_path, capsys):
    old, place = fill(settings, "b-0"), ["-C", str(settings.data_dir)]
    (tmp_path / "old.pub").write_bytes(old.public_pem)
    assert main(["keys", "rotate", *place]) == 0
    assert "the key before it is kept in" in capsys.readouterr().out
    new = fill(settings, "b-1")
    (tmp_path / "new.pub").write_bytes(new.public_pem)
    assert new.keyid != old.keyid
    for known in ("old.pub", "new.pub"):
        assert main(["verify", *place, "--key", str(tmp_path / known)]) == 0
    assert main(["verify", "b-1", *place, "--key", str(tmp_path / "old.pub")]) == 0
    assert main(["keys", "show", "--json", *place]) == 0
    assert new.keyid in capsys.readouterr().out.splitlines()[-1]
    assert len(load_public_keys([settings.data_dir / "judge.pub"])) == 2


def test_a_battle_signed_by_the_old_key_after_the_change_is_found(settings, fill, make_result):
    import hashlib
    import sqlite3

    from green_logic.proof.merkle import leaf_hash

    old = fill(settings, "b-0")
    assert main(["keys", "rotate", "-C", str(settings.data_dir)]) == 0
    new = fill(settings, "b-1")
    report = audit_ledger(settings)
    assert report.ok
    assert report.keyids == (old.keyid, new.keyid)
    connection = sqlite3.connect(settings.database)
    origin = connection.execute("SELECT value FROM ledger_meta WHERE name = 'origin'").fetchone()[0]
    sealed = seal_result(make_result("b-2"), key=old, origin=origin)
    connection.execute(
        "INSERT INTO battles VALUES (NULL, ?, ?, ?, ?, ?, ?)",
        ("b-2", sealed.timestamp, sealed.score, sealed.breakdown, sealed.raw_result.decode(), sealed.h_delta),
    )
    data = sealed.dbom_bytes()
    leaf, digest = leaf_hash(sealed.envelope.encode()), hashlib.sha256(data).digest()
    values = (2, 3, sealed.envelope, leaf, sealed.battle_sha256, sealed.evidence_sha256, digest)
    connection.execute("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    connection.commit()
    connection.close()
    (settings.dboms / sealed.file_name).write_bytes(data)
    assert set(audit_ledger(settings).tally.counts) == {"key-range"}


def test_a_change_that_was_cut_short_is_taken_up_by_the_same_command(settings, fill):
    old = fill(settings, "b-0")
    assert find_pair(settings, old.keyid)[1] is None
    new = make_successor(settings)
    with Ledger.open(settings, old) as ledger:
        ledger.rotate(old, new)
    # killed here: the ledger is handed over, the files are not
    with pytest.raises(ConfigurationError, match="signed by"):
        fill(settings, "b-1")
    assert main(["keys", "rotate", "-C", str(settings.data_dir)]) == 0
    assert fill(settings, "b-1").keyid == new.keyid
    path = key_path(settings)
    assert sorted(item.name for item in path.parent.iterdir()) == [
        "judge.key",
        next(path.parent.glob("*retired*")).name,
    ]
    assert settle_files(settings, new) is None


def test_the_judges_other_ledgers_are_handed_over_afterwards(settings, fill, tmp_path):
    other = Settings(data_dir=tmp_path / "other")
    fill(settings, "b-0")
    fill(other, "b-0")
    assert main(["keys", "rotate", "-C", str(settings.data_dir)]) == 0
    with pytest.raises(ConfigurationError, match="signed by"):
        fill(other, "b-1")
    assert main(["keys", "rotate", "-C", str(other.data_dir)]) == 0
    assert fill(other, "b-1").keyid == fill(settings, "b-1").keyid
    assert audit_ledger(other).ok


def test_a_ledger_of_a_lost_key_cannot_be_handed_over(settings, fill, capsys):
    fill(settings, "b-0")
    key_path(settings).unlink()
    assert main(["keys", "new"]) == 0
    assert main(["keys", "rotate", "-C", str(settings.data_dir)]) == 2
    assert "put that key back" in capsys.readouterr().err


def key_files(settings):
    return {path.name: path.read_bytes() for path in key_path(settings).parent.iterdir()}


def test_a_refused_change_leaves_no_new_key_behind(settings, key, fill, capsys):
    place = ["-C", str(settings.data_dir)]
    Ledger.open(settings, key).close()
    before = key_files(settings)
    assert main(["keys", "rotate", *place]) == 2
    assert "an empty ledger" in capsys.readouterr().err
    fill(settings, "b-0")
    with Ledger.open(settings, key):
        assert main(["keys", "rotate", *place]) == 2
    assert "another run writes" in capsys.readouterr().err
    assert key_files(settings) == before


def test_a_change_over_a_log_that_cannot_be_signed_leaves_no_new_key_behind(settings, key, fill, capsys, rot):
    fill(settings, "b-0")
    with Ledger.open(settings, key) as ledger:
        ledger.submit([])
    before = key_files(settings), (settings.data_dir / "checkpoint").read_bytes()
    rot(settings.database, "UPDATE ledger SET leaf_hash = zeroblob(32)")
    assert main(["keys", "rotate", "-C", str(settings.data_dir)]) == 2  # seen when it is opened
    (high_water,) = (state_dir() / "high-water").iterdir()
    high_water.unlink()
    assert main(["keys", "rotate", "-C", str(settings.data_dir)]) == 1  # seen when it is to be signed
    assert "history forked" in capsys.readouterr().err
    assert (key_files(settings), (settings.data_dir / "checkpoint").read_bytes()) == before


def test_a_new_key_never_replaces_one(settings, tmp_path, capsys):
    path = tmp_path / "a.key"
    assert main(["keys", "new", "-o", str(path)]) == 0
    before = path.read_bytes()
    assert main(["keys", "new", "-o", str(path)]) == 2
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600
    assert "there is a key already" in capsys.readouterr().err
