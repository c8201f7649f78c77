"""The fallback embedding is the same everywhere, never zeros, and sees shared words."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from green_logic.evaluation.hashed import WORD_LIMIT, HashedEmbedder, features, hash_text

TEXT = "Implement an LRU cache: get and put in O(1). Café 中文"
# made once by this module; changes only together with the id "hashed-384/1"
TEXT_SHA256 = "1fb12a10259ddcec86e92717b4a65858c32aae07b2470361a7237922a4454fe2"
PROGRAM = """
import hashlib, sys
from green_logic.evaluation.hashed import hash_text
sys.stdout.write(hashlib.sha256(hash_text(sys.argv[1]).astype("<f8").tobytes()).hexdigest())
"""


@settings(deadline=None)  # other work on the machine is no failure
@given(st.text(st.characters()))
def test_every_text_has_a_finite_vector_of_norm_1(text):
    vector = hash_text(text)
    assert vector.shape == (384,)
    assert np.isfinite(vector).all()
    assert abs(float(vector @ vector) - 1.0) < 1e-12


@settings(deadline=None)  # other work on the machine is no failure
@given(st.lists(st.text(), max_size=5))
def test_a_vector_does_not_depend_on_its_company(texts):
    together = HashedEmbedder().embed(texts)
    assert together.shape == (len(texts), 384)
    for text, vector in zip(texts, together, strict=True):
        assert np.array_equal(vector, HashedEmbedder().embed([text])[0])


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_the_bits_are_the_same_in_every_process(seed):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, TEXT],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == TEXT_SHA256
    assert hashlib.sha256(hash_text(TEXT).astype("<f8").tobytes()).hexdigest() == TEXT_SHA256


@pytest.mark.parametrize("text", ["", " ", "!!!", "\x00", "\ud800", "?", "\u0301"])
def test_a_text_without_words_still_has_its_own_vector(text):
    assert list(features(text)) == []
    assert np.count_nonzero(hash_text(text)) == 1


def test_texts_without_words_differ():
    assert not np.array_equal(hash_text("!!!"), hash_text("???"))


def test_shared_words_bring_texts_together():
    task = hash_text("Implement a rate limiter class with ten requests per minute")
    near = hash_text("The rate limiter counts requests per client in each minute")
    far = hash_text("Fibonacci recursion without loops")
    assert task @ near > task @ far + 0.1


def test_repeating_a_word_buys_nothing():
    assert np.array_equal(hash_text("cache cache cache cache"), hash_text("cache cache"))


def test_word_order_counts():
    assert not np.array_equal(hash_text("put before get"), hash_text("get before put"))


def test_only_the_first_words_are_looked_at():
    head = " ".join(f"w{number}" for number in range(WORD_LIMIT))
    assert np.array_equal(hash_text(head), hash_text(head + " tail tail"))


def test_the_label_says_what_it_is():
    assert (HashedEmbedder().id, HashedEmbedder().weights_sha256) == ("hashed-384/1", "")
