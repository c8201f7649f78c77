"""`v_intent` in its two forms: the digest that is signed and the JSON text that is stored.

The battles of one task share their vector, so both forms are kept; taking them anew would cost more than the signature.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from dataclasses import dataclass
from functools import lru_cache
from struct import pack

import orjson

from green_logic.errors import VerificationError
from green_logic.strict_json import excerpt

VECTOR_SIZE = 384  # floats; the output width of all-MiniLM-L6-v2 and of the fallback
KEPT = 1024  # vectors, about 10 MB; an arena has some dozens of tasks


@dataclass(frozen=True)
class IntentVector:
    """A valid vector. `digest` is the SHA-256 over its little-endian IEEE-754 doubles, −0 written as +0."""

    digest: str
    text: bytes
    is_zero: bool


def parse_vector(value: object) -> IntentVector:
    """Raises VerificationError unless `value` is a list of VECTOR_SIZE finite numbers."""
    if not isinstance(value, (list, tuple)) or len(value) != VECTOR_SIZE:
        raise VerificationError(f"expected {VECTOR_SIZE} numbers, got {excerpt(value)}", kind="v_intent")
    if not set(map(type, value)) <= {float, int}:  # exactly these: true is an int to Python
        raise VerificationError("expected numbers only", kind="v_intent")
    try:
        packed = array("d", value).tobytes()
    except OverflowError as error:
        raise VerificationError("expected finite numbers only", kind="v_intent") from error
    return _forms(packed)


@lru_cache(maxsize=KEPT)
def _forms(packed: bytes) -> IntentVector:
    numbers = [number + 0.0 for number in array("d", packed)]  # −0 becomes +0
    if not all(map(math.isfinite, numbers)):
        raise VerificationError("expected finite numbers only", kind="v_intent")
    digest = hashlib.sha256(pack(f"<{len(numbers)}d", *numbers)).hexdigest()
    return IntentVector(digest, orjson.dumps(numbers), is_zero=not any(numbers))
