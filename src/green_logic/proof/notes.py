"""Signed notes (C2SP signed-note): a short text for people and programs, and signature lines below it.

A note's key name is the ledger's origin, and its key id the first 4 bytes of SHA-256(name, newline, 0x01, public key).
Only Ed25519 signs notes: the format has no ECDSA P-256, so a judge with such a key seals DBOMs but no checkpoints.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric import ed25519

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.proof.keys import PublicKey, SigningKey, check_signature

SIZE_LIMIT = 1 << 16  # bytes of a note; a checkpoint has about 200
SIGNATURE_LIMIT = 16  # lines; the format lets a reader refuse more
ED25519 = b"\x01"  # signature type
DASH = "\u2014 "  # begins a signature line


def can_sign_notes(key: SigningKey) -> bool:
    """Whether `key` is of the kind that notes are signed with."""
    return isinstance(key.private, ed25519.Ed25519PrivateKey)


def check_can_sign_notes(key: SigningKey) -> ed25519.Ed25519PublicKey:
    """The public half of `key`. Raises ConfigurationError unless it is an Ed25519 key."""
    public = key.public
    if not isinstance(public, ed25519.Ed25519PublicKey):
        raise ConfigurationError(
            f"{key.keyid}: an ECDSA key cannot sign checkpoints, whose format (signed note) knows Ed25519 only",
            hint="its battles are sealed one by one all the same; a ledger with an Ed25519 key has checkpoints too",
        )
    return public


def sign_note(text: str, name: str, keys: Iterable[SigningKey]) -> str:
    """The note: `text`, which ends in a newline, and one signature line for each key.

    Raises ConfigurationError for a key that is not Ed25519.
    """
    lines = []
    for key in keys:
        signature = note_keyid(name, check_can_sign_notes(key)) + key.sign(text.encode())
        lines.append(f"{DASH}{name} {base64.b64encode(signature).decode()}\n")
    return f"{text}\n{''.join(lines)}"


def open_note(note: bytes, name: str, keys: Iterable[PublicKey]) -> tuple[str, list[PublicKey]]:
    """The text of a note, and those of `keys` that signed it under `name`; at least one.

    A line by a key that is not among `keys` is skipped. Raises VerificationError of kind "note" for a malformed note,
    "signature" when a line of one of `keys` is wrong, "unknown-key" when there is none.
    """
    text, lines = split_note(note)
    known = {note_keyid(name, key): key for key in keys if isinstance(key, ed25519.Ed25519PublicKey)}
    signers: list[PublicKey] = []
    for signer, signature in lines:
        key = known.get(signature[:4])
        if signer == name and key is not None:
            check_signature(key, signature[4:], text.encode())
            signers.append(key)
    if not signers:
        raise VerificationError("no signature of the note is by a trusted key", kind="unknown-key")
    return text, signers


def split_note(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """Text and signature lines (key name, key id and signature), nothing verified. Raises VerificationError "note"."""
    if len(note) > SIZE_LIMIT:
        raise VerificationError(f"expected a note of at most {SIZE_LIMIT} bytes, got {len(note)}", kind="note")
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError as error:
        raise VerificationError("the note is not UTF-8", kind="note") from error
    text, gap, tail = whole.rpartition("\n\n")
    if not gap or not tail.endswith("\n") or any(char < " " and char != "\n" for char in whole):
        raise VerificationError("expected a text, an empty line and signature lines", kind="note")
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURE_LIMIT:
        raise VerificationError(f"expected at most {SIGNATURE_LIMIT} signatures, got {len(lines)}", kind="note")
    return text + "\n", [_signature_line(line) for line in lines]


def note_keyid(name: str, key: ed25519.Ed25519PublicKey) -> bytes:
    """The 4 bytes that tell which key signed a line; a hint, not a proof."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + key.public_bytes_raw()).digest()[:4]


def verifier_key(name: str, key: ed25519.Ed25519PublicKey) -> str:
    """The public key as other tools for notes take it: `name+keyid+base64`."""
    encoded = base64.b64encode(ED25519 + key.public_bytes_raw()).decode()
    return f"{name}+{note_keyid(name, key).hex()}+{encoded}"


def decode_base64(text: str) -> bytes:
    """Bytes of the one right spelling of some base64. Raises VerificationError of kind "note"."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error) as error:
        raise VerificationError("expected base64", kind="note") from error
    if base64.b64encode(data).decode() != text:
        raise VerificationError("expected canonical base64", kind="note")
    return data


def _signature_line(line: str) -> tuple[str, bytes]:
    name, space, encoded = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH) or not name or not space or "+" in name:
        raise VerificationError("malformed signature line", kind="note")
    signature = decode_base64(encoded)
    if len(signature) <= 4:
        raise VerificationError("signature line without a signature", kind="note")
    return name, signature
