"""The envelope is DSSE as published: other people's tools verify it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError as PeerVerificationError
from securesystemslib.signer import SSlibKey

from green_logic.errors import VerificationError
from green_logic.proof.dbom import STATEMENT_TYPE
from green_logic.proof.envelope import PAYLOAD_TYPE, SIZE_LIMIT, open_envelope, pre_authentication_encoding, seal
from green_logic.proof.keys import SigningKey, find_keyid


@pytest.fixture(params=["ed25519", "p256"])
def signer(request):
    private = (
        ed25519.Ed25519PrivateKey.generate() if request.param == "ed25519" else ec.generate_private_key(ec.SECP256R1())
    )
    return SigningKey(private, find_keyid(private.public_key()))


def test_the_encoding_is_that_of_the_published_vector(monkeypatch):
    monkeypatch.setattr("green_logic.proof.envelope.PAYLOAD_TYPE", "http://example.com/HelloWorld")
    assert pre_authentication_encoding(b"hello world") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_the_encoding_counts_bytes_and_leaves_them_alone():
    payload = "naïve\0\n".encode()
    assert pre_authentication_encoding(payload) == b"DSSEv1 28 application/vnd.in-toto+json 8 " + payload
    assert pre_authentication_encoding(b"").endswith(b" 0 ")


def test_an_envelope_opens_under_its_own_key(signer):
    payload, keyid = open_envelope(seal(b'{"a":[1,2.5]}', signer), {signer.keyid: signer.public})
    assert (payload, keyid) == ({"a": [1, 2.5]}, signer.keyid)


def test_the_url_safe_alphabet_is_understood(key):
    envelope = json.loads(seal(json.dumps({"x": "~~~???>>>" * 9}).encode(), key))
    envelope["payload"] = envelope["payload"].translate({43: 45, 47: 95})
    envelope["signatures"][0]["sig"] = envelope["signatures"][0]["sig"].translate({43: 45, 47: 95})
    assert open_envelope(json.dumps(envelope), {key.keyid: key.public})[1] == key.keyid


def test_a_signature_by_a_stranger_beside_ours_is_passed_over(key):
    envelope = json.loads(seal(b"{}", key))
    envelope["signatures"].insert(0, {"keyid": "SHA256:stranger", "sig": "AAAA"})
    assert open_envelope(json.dumps(envelope), {key.keyid: key.public}) == ({}, key.keyid)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '"x"', "{}", "\ud800", "[" * 50_000, " " * (SIZE_LIMIT + 1), "{" * 9]
)
def test_text_that_is_no_envelope_is_refused(text, key):
    with pytest.raises(VerificationError) as caught:
        open_envelope(text, {key.keyid: key.public})
    assert caught.value.kind == "envelope"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("payload", None),
        ("payload", "é"),
        ("payload", "YQ"),
        ("payload", ["e30="]),
        ("payloadType", None),
        ("signatures", None),
        ("signatures", {}),
        ("signatures", [None]),
        ("signatures", ["x"]),
    ],
)
def test_an_envelope_with_a_part_of_another_kind_is_refused(field, value, key):
    envelope = json.loads(seal(b"{}", key)) | {field: value}
    with pytest.raises(VerificationError) as caught:
        open_envelope(json.dumps(envelope), {key.keyid: key.public})
    assert caught.value.kind == "envelope"


def test_a_signature_of_one_algorithm_does_not_pass_under_a_key_of_the_other(signer, key):
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    for public in (other, key.public):
        with pytest.raises(VerificationError) as caught:
            open_envelope(seal(b"{}", signer), {signer.keyid: public})
        assert caught.value.kind == "signature"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
def test_openssl_verifies_a_dbom_and_refuses_a_changed_one(tmp_path, signer, make_result):
    from green_logic.proof.dbom import seal_result

    dbom = json.loads(seal_result(make_result("b-1"), key=signer, origin="o").dbom_bytes())
    envelope = json.loads(dbom["sigma_judge"])
    payload = base64.b64decode(envelope["payload"])
    (tmp_path / "judge.pub").write_bytes(signer.public_pem)
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))

    def verify(content):
        (tmp_path / "pae").write_bytes(b"DSSEv1 28 %s %d %s" % (PAYLOAD_TYPE.encode(), len(content), content))
        command = [
            "openssl",
            "pkeyutl",
            "-verify",
            "-pubin",
            "-inkey",
            "judge.pub",
            "-rawin",
            "-in",
            "pae",
            "-sigfile",
            "sig",
        ]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode

    assert verify(payload) == 0
    assert verify(payload.replace(b"0.61", b"0.62")) != 0
    assert verify(payload + b" ") != 0


def test_securesystemslib_verifies_a_dbom_and_refuses_a_changed_one(signer, make_result):
    from green_logic.proof.dbom import seal_result

    dbom = json.loads(seal_result(make_result("b-1"), key=signer, origin="o").dbom_bytes())
    envelope = Envelope.from_dict(json.loads(dbom["sigma_judge"]))
    peer = SSlibKey.from_crypto(signer.public, keyid=signer.keyid)
    assert envelope.verify([peer], 1) == {signer.keyid: peer}
    assert json.loads(envelope.payload)["_type"] == STATEMENT_TYPE
    envelope.payload += b" "
    with pytest.raises(PeerVerificationError):
        envelope.verify([peer], 1)


def test_an_envelope_made_by_securesystemslib_opens_here():
    from securesystemslib.signer import CryptoSigner

    peer = CryptoSigner.generate_ed25519()
    envelope = Envelope(b'{"a":1}', PAYLOAD_TYPE, {})
    envelope.sign(peer)
    public = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(peer.public_key.keyval["public"]))
    text = json.dumps(envelope.to_dict())
    assert open_envelope(text, {peer.public_key.keyid: public})[0] == {"a": 1}
    with pytest.raises(VerificationError):
        open_envelope(text, {find_keyid(public): public})
