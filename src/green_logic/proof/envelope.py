"""A DSSE envelope: signed bytes that carry their own type (secure-systems-lab/dsse, protocol v1.0.2).

What is signed is bytes, never a canonical form: the signature is checked over the received payload first, and only then
is that same payload parsed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson

from green_logic.errors import InvalidBattleError, VerificationError
from green_logic.proof.keys import PublicKey, SigningKey, check_signature
from green_logic.strict_json import parse_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
SIZE_LIMIT = 1 << 20  # bytes of an envelope; ours are about 1,200
SIGNATURE_LIMIT = 8  # signatures in one envelope; more would only cost the verifier time


def pre_authentication_encoding(payload: bytes) -> bytes:
    """PAE of the DSSE protocol: what the signature covers."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload: bytes, key: SigningKey) -> str:
    """The envelope around `payload` as compact JSON."""
    signature = key.sign(pre_authentication_encoding(payload))
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": key.keyid, "sig": base64.b64encode(signature).decode()}],
    }
    return orjson.dumps(envelope).decode()


def open_envelope(text: str, keys: Mapping[str, PublicKey], *, vouched_for: bool = False) -> tuple[Any, str]:
    """The parsed payload and the id of the key that signed it, one of `keys` (key id → key).

    `vouched_for` leaves the signature out: for a leaf under a root that the same judge signed, which covers every byte.
    Raises VerificationError of kind "envelope", "signature" or "unknown-key".
    """
    envelope = _parse(text.encode("utf-8", "surrogatepass"))
    if not isinstance(envelope, dict) or envelope.get("payloadType") != PAYLOAD_TYPE:
        raise VerificationError(f"expected a DSSE envelope of payloadType {PAYLOAD_TYPE}", kind="envelope")
    payload = _base64(envelope.get("payload"))
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= SIGNATURE_LIMIT:
        raise VerificationError(f"expected 1 to {SIGNATURE_LIMIT} signatures", kind="envelope")
    for signature in signatures:
        if not isinstance(signature, dict):
            raise VerificationError("expected a signature to be an object", kind="envelope")
        keyid = signature.get("keyid")
        if isinstance(keyid, str) and keyid in keys:
            signed = _base64(signature.get("sig"))
            if not vouched_for:
                check_signature(keys[keyid], signed, pre_authentication_encoding(payload))
            return _parse(payload), keyid
    raise VerificationError("no signature is by a trusted key", kind="unknown-key")


def _parse(data: bytes) -> Any:
    if len(data) > SIZE_LIMIT:
        raise VerificationError(f"expected at most {SIZE_LIMIT} bytes, got {len(data)}", kind="envelope")
    try:
        return parse_json(data)
    except InvalidBattleError as error:
        raise VerificationError(error.message, kind="envelope") from error


def _base64(value: object) -> bytes:
    if not isinstance(value, str):
        raise VerificationError("expected base64 text", kind="envelope")
    try:
        # the protocol allows the standard and the URL-safe alphabet
        if "-" in value or "_" in value:
            value = value.translate({45: 43, 95: 47})
        return base64.b64decode(value.encode("ascii"), validate=True)
    except ValueError as error:
        raise VerificationError("expected base64 text", kind="envelope") from error
