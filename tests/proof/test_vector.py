"""v_intent: 384 finite numbers, one digest whatever JSON tool printed them."""

from __future__ import annotations

import hashlib
import struct

import orjson
import pytest

from green_logic.errors import VerificationError
from green_logic.proof.vector import VECTOR_SIZE, parse_vector

PADDING = [0.0] * (VECTOR_SIZE - 3)


def test_the_digest_is_over_little_endian_doubles_without_negative_zero():
    vector = parse_vector([-0.0, 1.5, -2.25, *PADDING])
    assert vector.digest == hashlib.sha256(struct.pack("<384d", 0.0, 1.5, -2.25, *PADDING)).hexdigest()


def test_negative_zero_and_whole_numbers_have_one_text():
    one, other = parse_vector([-0.0, 1, 2, *PADDING]), parse_vector([0.0, 1.0, 2.0, *PADDING])
    assert one == other
    assert one.text == orjson.dumps([0.0, 1.0, 2.0, *PADDING])


@pytest.mark.parametrize(
    "value",
    [
        None,
        "x" * VECTOR_SIZE,
        [],
        [0.1] * 383,
        [0.1] * 385,
        [True] * VECTOR_SIZE,
        ["0.1", *[0.1] * 383],
        [10**400, *[0.1] * 383],
    ],
)
def test_what_is_no_vector_is_refused(value):
    with pytest.raises(VerificationError) as caught:
        parse_vector(value)
    assert caught.value.kind == "v_intent"


def test_zeros_are_told():
    assert parse_vector([0.0] * VECTOR_SIZE).is_zero
    assert not parse_vector([0.0, 1e-300, 0.0, *PADDING]).is_zero
