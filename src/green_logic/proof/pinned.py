"""Public keys that a verifier trusts: read from files, of which one may hold several, and known by their key ids."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from green_logic.errors import ConfigurationError
from green_logic.proof.keys import KINDS, PublicKey, find_keyid

SIZE_LIMIT = 1 << 20  # bytes of a key file
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


def load_public_keys(paths: Iterable[Path]) -> dict[str, PublicKey]:
    """The keys of PEM or OpenSSH files by key id; at least one of each file. Raises ConfigurationError."""
    keys: dict[str, PublicKey] = {}
    for path in paths:
        try:
            with path.open("rb") as file:
                data = file.read(SIZE_LIMIT)
        except OSError as error:
            raise ConfigurationError(f"{path}: cannot read the key: {error.strerror}") from error
        keys.update(parse_public_keys(data, str(path)))
    return keys


def parse_public_keys(data: bytes, name: str) -> dict[str, PublicKey]:
    """The keys of one file's content by key id; `name` stands in messages. Raises ConfigurationError."""
    blocks = _PEM.findall(data)
    lines = [line for line in data.splitlines() if line.startswith((b"ssh-", b"ecdsa-"))]
    try:
        found = [serialization.load_pem_public_key(block) for block in blocks]
        found += [serialization.load_ssh_public_key(line) for line in lines]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{name}: {KINDS}, got {error}") from error
    if not found:
        raise ConfigurationError(f"{name}: {KINDS} (PEM or OpenSSH), found none")
    return {find_keyid(key): key for key in map(_checked, found, [name] * len(found))}


def pem_bytes(keys: Iterable[PublicKey]) -> bytes:
    """Keys as `parse_public_keys` reads them, for another process or a file."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return b"".join(key.public_bytes(serialization.Encoding.PEM, form) for key in keys)


def _checked(key: object, name: str) -> PublicKey:
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ConfigurationError(f"{name}: {KINDS}, got {type(key).__name__}")
