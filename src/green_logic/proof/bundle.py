"""A seal as a Sigstore bundle, version 0.3, for verifiers that know nothing of us.

The bundle carries the envelope as it is and names the public key by a hint, our key id. There is no certificate and no
entry of Sigstore's transparency log: a verifier is given the key and told so (docs/verify-without-us.md).
"""

from __future__ import annotations

import orjson

from green_logic.errors import VerificationError

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SUFFIX = ".sigstore.json"


def write_bundle(envelope: str) -> bytes:
    """The bundle of a signed envelope. Raises VerificationError of kind "envelope" for one that is not ours."""
    try:
        parsed = orjson.loads(envelope)
        signature = parsed["signatures"][0]
        content = {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": signature["keyid"]}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": parsed["payload"],
                "payloadType": parsed["payloadType"],
                "signatures": [{"sig": signature["sig"], "keyid": signature["keyid"]}],
            },
        }
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise VerificationError("expected a signed envelope", kind="envelope") from error
    return orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n"
