#!/usr/bin/env python3
"""Check DBOMs, receipts and checkpoints of a green-logic ledger with nothing but Python 3.9 or newer.

    python3 verify_dbom.py --key judge.pub FILE...

This one file is the whole verifier: no packages, no network, no ledger; its verdicts are those of `green-logic verify`.
It reads top to bottom: signatures (RFC 8032), keys, strict JSON, the seal (DSSE, in-toto), the DBOM, signed notes and
receipts (C2SP, RFC 6962). Exit code: 0 all good, 1 something is not, 2 it could not run.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import math
import os
import re
import struct
import sys
from typing import Any

Keys = dict[str, bytes]  # key id -> 32 bytes
Point = tuple[int, int, int, int]
SIZE_LIMIT = 4 << 20  # bytes of a file
ENVELOPE_LIMIT = 1 << 20
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:uuid:af5d9567-96bc-4460-b314-ca8e580097db#green-agent/dbom/v1"
FIELDS = ("dbom_version", "battle_id", "h_delta", "v_intent", "score_cis", "sigma_judge", "timestamp")
VECTOR_SIZE = 384
DASH = "\u2014 "


class Bad(Exception):  # noqa: N818  reads as a verdict
    """A file that is not what the judge sealed. `kind` is the same word as in `green-logic verify --json`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


# --- Ed25519 (RFC 8032), points as (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def ed_add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def ed_decode(data: bytes) -> Point | None:
    """The point that 32 bytes encode, None when they encode none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P != u:
        x = x * pow(2, (P - 1) // 4, P) % P
    if v * x * x % P != u or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = ed_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")) or (0, 1, 1, 0)


def ed25519_verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether 64 bytes of `signature` over `message` are good under the 32 bytes of `public`."""
    point = ed_decode(public)
    if point is None or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= L:  # else a signature could be changed and stay good
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    minus = (P - point[0], point[1], 1, P - point[3])
    table = (None, BASE, minus, ed_add(BASE, minus))
    found = (0, 1, 1, 0)
    for bit in range(252, -1, -1):  # s times the base minus h times the key, both at once
        found = ed_add(found, found)
        step = table[(s >> bit & 1) | (h >> bit & 1) << 1]
        found = ed_add(found, step) if step else found
    inverse = pow(found[2], P - 2, P)
    x, y = found[0] * inverse % P, found[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


# --- public keys: Ed25519 in PEM or OpenSSH form, known by their OpenSSH fingerprint

ED25519_DER = bytes.fromhex("302a300506032b6570032100")
SSH_PREFIX = b"\0\0\0\x0bssh-ed25519\0\0\0\x20"


def load_keys(data: bytes) -> Keys:
    """The 32 bytes of every key in a file, by key id. Raises ValueError."""
    keys: Keys = {}
    for block in re.findall(rb"-----BEGIN PUBLIC KEY-----(.+?)-----END PUBLIC KEY-----", data, re.DOTALL):
        add_key(keys, ED25519_DER, base64.b64decode(b"".join(block.split()), validate=True))
    for line in data.splitlines():
        if line.startswith((b"ssh-", b"ecdsa-")):
            add_key(keys, SSH_PREFIX, base64.b64decode(line.split()[1], validate=True))
    if not keys:
        raise ValueError("expected an Ed25519 public key, PEM or OpenSSH")
    return keys


def add_key(keys: Keys, prefix: bytes, encoded: bytes) -> None:
    raw = encoded[len(prefix) :]
    if not encoded.startswith(prefix) or ed_decode(raw) is None:
        raise ValueError("expected an Ed25519 key; for ECDSA use `green-logic verify`")
    digest = hashlib.sha256(SSH_PREFIX + raw).digest()
    keys["SHA256:" + base64.b64encode(digest).decode().rstrip("=")] = raw


def check_signature(key: bytes, signature: bytes, message: bytes) -> None:
    if not ed25519_verify(key, signature, message):
        raise Bad("signature", "the signature does not verify")


# --- JSON that no two readers can read differently


def parse_json(data: bytes, kind: str) -> Any:
    """JSON without duplicate keys, NaN, and numbers that tools read differently. Raises Bad of `kind`."""

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise Bad(kind, "duplicate key")
        return dict(pairs)

    def number(text: str) -> Any:
        whole = text.lstrip("-").isdigit()
        value = int(text) if whole else float(text)
        if not (-(1 << 63) <= value < 1 << 64 if whole else math.isfinite(value)):
            raise Bad(kind, "number out of range")
        return value

    if len(data) > (SIZE_LIMIT if kind == "schema" else ENVELOPE_LIMIT):
        raise Bad(kind, "too long")
    try:
        hooks: Any = dict.fromkeys(("parse_constant", "parse_float", "parse_int"), number)
        return json.loads(data.decode("utf-8"), object_pairs_hook=object_of, **hooks)
    except (ValueError, RecursionError) as error:
        raise Bad(kind, f"not JSON: {error}") from error


# --- the seal: a DSSE envelope around an in-toto Statement


def exact_base64(text: str, kind: str = "note") -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError as error:
        raise Bad(kind, "expected base64") from error
    if kind == "note" and base64.b64encode(data).decode() != text:
        raise Bad(kind, "expected canonical base64")
    return data


def decode_base64(value: Any) -> bytes:
    """Standard or URL-safe base64, as the DSSE protocol allows."""
    return exact_base64(value.translate({45: 43, 95: 47}) if isinstance(value, str) else "?", "envelope")


def open_envelope(text: str, keys: Keys) -> Any:
    """The statement inside, once a trusted key's signature over its exact bytes is good."""
    envelope = parse_json(text.encode("utf-8", "surrogatepass"), "envelope")
    if not isinstance(envelope, dict) or envelope.get("payloadType") != PAYLOAD_TYPE:
        raise Bad("envelope", f"expected a DSSE envelope of payloadType {PAYLOAD_TYPE}")
    payload = decode_base64(envelope.get("payload"))
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= 8:
        raise Bad("envelope", "expected 1 to 8 signatures")
    for signature in signatures:
        if not isinstance(signature, dict):
            raise Bad("envelope", "expected a signature to be an object")
        keyid = signature.get("keyid")
        if isinstance(keyid, str) and keyid in keys:
            head = f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} ".encode()
            check_signature(keys[keyid], decode_base64(signature.get("sig")), head + payload)
            return parse_json(payload, "envelope")
    raise Bad("unknown-key", "no signature is by a trusted key")


# --- the DBOM: seven fields, each as it was signed


def vector_digest(vector: Any) -> str:
    """SHA-256 over little-endian doubles, -0 as +0: the same however a tool prints the numbers."""
    if not isinstance(vector, list) or len(vector) != VECTOR_SIZE or not {type(x) for x in vector} <= {int, float}:
        raise Bad("v_intent", f"expected {VECTOR_SIZE} numbers")
    return hashlib.sha256(struct.pack(f"<{VECTOR_SIZE}d", *(float(x) + 0.0 for x in vector))).hexdigest()


def check_dbom(data: bytes, keys: Keys, name: str) -> str:
    """What a DBOM says, in one line."""
    dbom = parse_json(data, "schema")
    if not isinstance(dbom, dict) or any(field not in dbom for field in FIELDS):
        raise Bad("schema", f"expected the fields {', '.join(FIELDS)}")
    battle_id = dbom["battle_id"]
    if not isinstance(battle_id, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", battle_id):
        raise Bad("schema", "battle_id: expected 1 to 128 of A-Z a-z 0-9 . _ -")
    if not isinstance(dbom["h_delta"], str) or not re.fullmatch(r"[0-9a-f]{64}", dbom["h_delta"]):
        raise Bad("h_delta", "expected 64 hex digits")
    if type(dbom["score_cis"]) not in (int, float):
        raise Bad("score_cis", "expected a number")
    if name != f"dbom_{battle_id}.json":
        raise Bad("file-name", f"{name} holds the DBOM of {battle_id}")
    if dbom["dbom_version"] == "1.0":
        raise Bad("legacy-unsigned", f"{battle_id}: a DBOM 1.0 carries no signature")
    if dbom["dbom_version"] != "1.1" or not isinstance(dbom["sigma_judge"], str):
        raise Bad("schema", f"{battle_id}: expected dbom_version 1.1 with a sigma_judge")
    claims = read_claims(open_envelope(dbom["sigma_judge"], keys))
    outer = {**dbom, "v_intent": vector_digest(dbom["v_intent"]), "type": STATEMENT_TYPE, "predicate": PREDICATE_TYPE}
    for field, kind in CLAIMS.items():
        if type(claims[field]) is bool or claims[field] != outer["battle_id" if field == "subject" else field]:
            raise Bad(kind, f"{battle_id}: {field} is not what the judge signed")
    return f"{battle_id} scored {dbom['score_cis']} at {dbom['timestamp']}"


# what is signed about a battle, in the order of checking, and the kind of finding when it differs
CLAIMS = {"type": "statement", "predicate": "statement", "subject": "battle_id", "battle_id": "battle_id"}
CLAIMS.update({name: name for name in ("h_delta", "score_cis", "timestamp", "dbom_version", "v_intent")})


def read_claims(statement: Any) -> dict[str, Any]:
    try:
        subject, predicate = statement["subject"][0], statement["predicate"]
        return {
            "type": statement["_type"],
            "predicate": statement["predicateType"],
            "subject": subject["name"],
            "battle_id": predicate["battleId"],
            "h_delta": subject["digest"]["sha256"],
            "score_cis": predicate["scoreCis"],
            "timestamp": predicate["judgedAt"],
            "dbom_version": predicate["dbomVersion"],
            "v_intent": predicate["vIntent"]["digest"]["sha256"],
            "ledger": predicate.get("ledger"),
        }
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise Bad("statement", "the signed statement is not a DBOM's") from error


# --- checkpoints: signed notes with the size and root of the log


def split_note(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    if len(note) > 1 << 16:
        raise Bad("note", "expected a note of at most 65536 bytes")
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Bad("note", "the note is not UTF-8") from error
    text, gap, tail = whole.rpartition("\n\n")
    if not gap or not tail.endswith("\n") or any(char < " " and char != "\n" for char in whole):
        raise Bad("note", "expected a text, an empty line and signature lines")
    lines = []
    for line in tail[:-1].split("\n"):
        name, space, encoded = line[len(DASH) :].partition(" ")
        if not line.startswith(DASH) or not name or not space or "+" in name or len(exact_base64(encoded)) <= 4:
            raise Bad("note", "malformed signature line")
        lines.append((name, exact_base64(encoded)))
    if len(lines) > 16:
        raise Bad("note", "expected at most 16 signatures")
    return text + "\n", lines


def open_checkpoint(note: bytes, keys: Keys) -> tuple[str, int, bytes]:
    """Origin, size and root, once every line of a trusted key is good and there is one."""
    text, signatures = split_note(note)
    lines = text[:-1].split("\n")
    sane = len(lines) >= 3 and re.fullmatch(r"[!-*,-~]{1,255}\n(0|[1-9][0-9]{0,17})", "\n".join(lines[:2]))
    if not sane or len(exact_base64(lines[2])) != 32:
        raise Bad("note", "expected a checkpoint: origin, size and root")
    origin = lines[0]
    known = {hashlib.sha256(origin.encode() + b"\n\x01" + key).digest()[:4]: key for key in keys.values()}
    mine = [line for name, line in signatures if name == origin and line[:4] in known]
    for line in mine:
        check_signature(known[line[:4]], line[4:], text.encode())
    if not mine:
        raise Bad("unknown-key", "no signature of the note is by a trusted key")
    return origin, int(lines[1]), exact_base64(lines[2])


# --- receipts: a leaf, its way up the tree, and the checkpoint it leads to


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        raise Bad("inclusion", "the inclusion proof is malformed")
    node, last, found = index, size - 1, leaf
    for part in proof:
        if last == 0:
            raise Bad("inclusion", "the inclusion proof is too long")
        if node & 1 or node == last:
            found = hashlib.sha256(b"\x01" + part + found).digest()
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + part).digest()
        node, last = node >> 1, last >> 1
    if last:
        raise Bad("inclusion", "the inclusion proof is too short")
    return found


def parse_receipt(data: bytes) -> tuple[str, int, list[bytes], bytes]:
    """Envelope, index, proof and checkpoint of a receipt."""
    head, gap, note = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
        index = re.fullmatch(r"index (0|[1-9][0-9]{0,17})", lines[2]) if len(lines) > 2 else None
        if index is None or not gap or len(data) > ENVELOPE_LIMIT or not lines[1].startswith("extra "):
            raise Bad("receipt", "expected a receipt: header, extra, index, proof, checkpoint")
        proof = [exact_base64(line) for line in lines[3:]]
        if len(proof) > 63 or any(len(part) != 32 for part in proof):
            raise Bad("receipt", "expected a proof of at most 63 hashes")
        return exact_base64(lines[1][6:]).decode("utf-8"), int(index.group(1)), proof, note
    except UnicodeDecodeError as error:
        raise Bad("receipt", "the receipt is not ASCII, or its envelope not UTF-8") from error


def check_receipt(data: bytes, keys: Keys, name: str) -> str:
    """What a receipt shows, in one line."""
    envelope, index, proof, note = parse_receipt(data)
    origin, size, root = open_checkpoint(note, keys)
    if root_from_inclusion(hashlib.sha256(b"\x00" + envelope.encode()).digest(), index, size, proof) != root:
        raise Bad("inclusion", "the inclusion proof leads to another root")
    claims = read_claims(open_envelope(envelope, keys))
    score, names = (
        claims.pop("score_cis"),
        [claims[field] for field in ("type", "predicate", "dbom_version", "subject")],
    )
    if names != [STATEMENT_TYPE, PREDICATE_TYPE, "1.1", claims["battle_id"]]:
        raise Bad("statement", "the signed statement is not that of a DBOM 1.1")
    if type(score) not in (int, float) or not all(type(value) is str for value in claims.values()):
        raise Bad("statement", "the signed statement holds values of the wrong types")
    if claims["ledger"] != origin:
        raise Bad("ledger", "the battle was sealed for another log")
    return f"{claims['battle_id']} scored {score} at {claims['timestamp']}, leaf {index} of {size} on {origin}"


def check_checkpoint(data: bytes, keys: Keys, _name: str) -> str:
    """What a checkpoint says, in one line."""
    origin, size, _ = open_checkpoint(data, keys)
    return f"{size} battles on {origin}"


def check_file(path: str, keys: Keys) -> tuple[str, str, str]:
    """What a file is, the kind of what is wrong with it (empty when it is good) and a sentence."""
    with open(path, "rb") as file:  # noqa: PTH123  runs everywhere
        data = file.read(SIZE_LIMIT + 1)
    what = "dbom"
    if data.startswith(b"c2sp.org/tlog-proof@v1\n"):
        what = "receipt"
    elif f"\n\n{DASH}".encode() in data and not data.lstrip().startswith(b"{"):
        what = "checkpoint"
    check = {"dbom": check_dbom, "receipt": check_receipt, "checkpoint": check_checkpoint}[what]
    try:
        return what, "", check(data, keys, os.path.basename(path))  # noqa: PTH119
    except Bad as error:
        return what, error.kind, str(error)


def main() -> int:
    parser = argparse.ArgumentParser(description="Check DBOMs, receipts and checkpoints of a green-logic ledger.")
    parser.add_argument("--key", action="append", required=True, metavar="FILE", help="the judge's public key")
    parser.add_argument("files", nargs="+", metavar="FILE", help="a DBOM, a receipt or a checkpoint")
    options = parser.parse_args()
    keys: Keys = {}
    bad = 0
    try:
        for path in options.key:
            with open(path, "rb") as file:  # noqa: PTH123
                keys.update(load_keys(file.read()))
        for path in options.files:
            what, kind, message = check_file(path, keys)
            bad += bool(kind)
            line = f"{path}: {kind}: {message}" if kind else f"{path}: {what} is good: {message}"
            sys.stdout.write(ascii(line)[1:-1] + "\n")  # nothing that a terminal would obey
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
