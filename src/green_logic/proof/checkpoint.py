"""A checkpoint (C2SP tlog-checkpoint): the judge's signature under the size and root of the log at one moment.

    green-agent/6b1f…            origin, unique per ledger
    1000                         leaves
    GvGrd…=                      base64 of the RFC 6962 root over them

    — green-agent/6b1f… Nq9…=    signed note, see notes.py

One such note commits the judge to every leaf before it, in order. Whoever keeps one can later show that history was
rewritten or cut. When the judge changes keys, a line `key-change OLD NEW` (base64 SubjectPublicKeyInfo) hands over, and
the note is signed by both: it says which key seals the leaves from this size on.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from green_logic.errors import VerificationError
from green_logic.proof.keys import PublicKey, SigningKey, find_keyid
from green_logic.proof.merkle import HASH_SIZE
from green_logic.proof.notes import decode_base64, open_note, sign_note, split_note

_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")  # decimal without leading zeros; below 2^63
_ORIGIN = re.compile(r"[!-*,-~]{1,255}")  # visible ASCII without a plus sign, which note keys use as separator
KEY_CHANGE = "key-change"


@dataclass(frozen=True)
class Checkpoint:
    """A parsed note. `note` is its exact text; `key_change` the public keys before and from this size on."""

    origin: str
    size: int
    root: bytes
    note: str
    key_change: tuple[PublicKey, PublicKey] | None = None


def sign_checkpoint(
    origin: str, size: int, root: bytes, key: SigningKey, *, successor: SigningKey | None = None
) -> Checkpoint:
    """The checkpoint of a log. With `successor`, it also hands over from `key` to that key.

    Raises ConfigurationError for an ECDSA key. Whether an earlier one contradicts it is for ledger/log.py to know.
    """
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    if successor is not None:
        text += f"{KEY_CHANGE} {_encode_key(key.public)} {_encode_key(successor.public)}\n"
    note = sign_note(text, origin, [key] if successor is None else [key, successor])
    return parse_checkpoint(note.encode())


def parse_checkpoint(note: bytes) -> Checkpoint:
    """The fields of a checkpoint; no signature is verified. Raises VerificationError of kind "note"."""
    text, _ = split_note(note)
    lines = text[:-1].split("\n")
    if len(lines) < 3 or not _ORIGIN.fullmatch(lines[0]) or not _SIZE.fullmatch(lines[1]):
        raise VerificationError("expected a checkpoint: origin, size and root", kind="note")
    root = decode_base64(lines[2])
    if len(root) != HASH_SIZE:
        raise VerificationError(f"expected a root of {HASH_SIZE} bytes, got {len(root)}", kind="note")
    change = next((line for line in lines[3:] if line.startswith(KEY_CHANGE + " ")), None)
    return Checkpoint(lines[0], int(lines[1]), root, note.decode(), _parse_change(change) if change else None)


def open_checkpoint(note: bytes, keys: Mapping[str, PublicKey], *, origin: str | None = None) -> Checkpoint:
    """The checkpoint of a note signed by one of `keys` (key id → key), on the log named `origin` if given.

    Raises VerificationError of kind "note", "ledger", "signature" or "unknown-key".
    """
    checkpoint = parse_checkpoint(note)
    if origin is not None and checkpoint.origin != origin:
        raise VerificationError(
            f"the checkpoint is of {checkpoint.origin}, expected one of {origin}: another ledger", kind="ledger"
        )
    open_note(note, checkpoint.origin, keys.values())
    return checkpoint


def trusted_keys(pinned: Mapping[str, PublicKey], checkpoints: Iterable[Checkpoint]) -> dict[str, PublicKey]:
    """`pinned`, and the keys that they vouch for by a change of keys, in either direction: both of a pair signed it."""
    keys = dict(pinned)
    changes = [item for item in checkpoints if item.key_change is not None and _is_signed_by_both(item)]
    grown = True
    while grown:
        grown = False
        for checkpoint in changes:
            pair = {find_keyid(key): key for key in checkpoint.key_change or ()}
            if keys.keys() & pair.keys() and not pair.keys() <= keys.keys():
                keys.update(pair)
                grown = True
    return keys


def _is_signed_by_both(checkpoint: Checkpoint) -> bool:
    pair = {find_keyid(key): key for key in checkpoint.key_change or ()}
    try:
        _, signers = open_note(checkpoint.note.encode(), checkpoint.origin, pair.values())
    except VerificationError:
        return False
    return {find_keyid(key) for key in signers} == pair.keys()


def _encode_key(key: PublicKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_bytes(serialization.Encoding.DER, form)).decode()


def _parse_change(line: str) -> tuple[PublicKey, PublicKey]:
    words = line.split(" ")
    if len(words) != 3:
        raise VerificationError(f"expected `{KEY_CHANGE} OLD NEW`", kind="note")
    return _decode_key(words[1]), _decode_key(words[2])


def _decode_key(text: str) -> PublicKey:
    try:
        key = serialization.load_der_public_key(decode_base64(text))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise VerificationError("expected a public key", kind="note") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise VerificationError("expected an Ed25519 key", kind="note")
    return key
