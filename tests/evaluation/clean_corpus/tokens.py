"""JSON web tokens signed with HMAC, verified in constant time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from typing import Any

SECRET_ENV = "APP_SIGNING_SECRET"  # noqa: S105 - a name
PASSWORD_FIELD = "password"  # noqa: S105 - a name
TOKEN_TYPE = "Bearer"  # noqa: S105 - a kind
ITERATIONS = 600_000


class TokenError(ValueError):
    """A token that is malformed, forged or stale."""


def load_secret() -> bytes:
    """The signing secret of this process."""
    secret = os.environ.get(SECRET_ENV, "")
    if not secret:
        raise TokenError("the signing secret is not set")
    return secret.encode()


def encode(payload: dict[str, Any], secret: bytes) -> str:
    """A token for the payload."""
    header = _pack({"alg": "HS256", "typ": "JWT"})
    body = _pack(payload)
    signature = hmac.new(secret, f"{header}.{body}".encode(), hashlib.sha256).digest()
    return f"{header}.{body}.{_encode(signature)}"


def decode(token: str, secret: bytes, now: float | None = None) -> dict[str, Any]:
    """The payload of a valid token."""
    try:
        header, body, signature = token.split(".")
        algorithm = json.loads(_decode(header))["alg"]
        given = _decode(signature)
    except (ValueError, KeyError) as error:
        raise TokenError("malformed") from error
    if algorithm != "HS256":
        raise TokenError(f"algorithm: expected HS256, got {algorithm!r}")
    expected = hmac.new(secret, f"{header}.{body}".encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(expected, given):
        raise TokenError("signature")
    payload: dict[str, Any] = json.loads(_decode(body))
    if payload.get("exp", float("inf")) < (time.time() if now is None else now):
        raise TokenError("expired")
    return payload


def hash_password(password: str, salt: bytes | None = None) -> tuple[bytes, bytes]:
    """Salt and hash of a password."""
    salt = salt or secrets.token_bytes(16)
    return salt, hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)


def check_password(password: str, salt: bytes, expected: bytes) -> bool:
    """Whether the password is the one that was hashed."""
    return hmac.compare_digest(hash_password(password, salt)[1], expected)


def new_api_key() -> str:
    """A key nobody can guess."""
    api_key = "".join(secrets.choice("abcdef0123456789") for _ in range(40))
    return f"key_{api_key}"


def _pack(value: dict[str, Any]) -> str:
    return _encode(json.dumps(value, separators=(",", ":")).encode())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
