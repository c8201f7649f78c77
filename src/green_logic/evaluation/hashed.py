"""Text → 384 floats without any weights: signed feature hashing (Weinberger et al. 2009, arXiv:0902.2206).

The fallback where no model weights are. It sees shared words, not meaning; the id "hashed-384/1" says so, and its
vectors are never compared with those of another embedder. All sums are of integers, so the result has the same bits on
every machine and does not depend on PYTHONHASHSEED.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from green_logic.evaluation.minilm import EMBEDDING_SIZE
from green_logic.evaluation.wordpiece import split_words

WORD_LIMIT = 512  # words looked at; bounds the time for a source of a megabyte, as 256 tokens bound the model's
GRAM = 4  # characters
FEATURE_CACHE = 65_536  # features; words come back in every submission of a task


class HashedEmbedder:
    """Embeds by shared words, word pairs and 4-grams. Safe to share between threads."""

    id = "hashed-384/1"
    weights_sha256 = ""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """One row of EMBEDDING_SIZE floats with norm 1 per text, never zeros; any str is accepted, "" too."""
        vectors = np.empty((len(texts), EMBEDDING_SIZE))
        for row, text in enumerate(texts):
            vectors[row] = hash_text(text)
        return vectors


def hash_text(text: str) -> NDArray[np.float64]:
    """The vector of one text. How often a feature occurs does not count: repeating a word buys nothing."""
    sums = [0] * EMBEDDING_SIZE
    for feature in set(features(text)):
        index, sign = _place(feature)
        sums[index] += sign
    length = sum(value * value for value in sums)
    if not length:
        # no word, or all signs cancelled: the text as a whole is the one feature left
        index, sign = _place(f"text:{hashlib.sha256(_encoded(text)).hexdigest()}")
        sums[index] = length = sign * sign
    return np.array(sums, dtype=np.float64) / math.sqrt(length)


def features(text: str) -> Iterator[str]:
    """Labelled features of the first WORD_LIMIT words: words, neighbours, and the 4-grams of each word in brackets."""
    words = list(itertools.islice((word for word in split_words(text) if word[0].isalnum()), WORD_LIMIT))
    for word in set(words):
        yield f"word:{word}"
        bracketed = f"<{word}>"
        for start in range(len(bracketed) - GRAM + 1):
            yield f"gram:{bracketed[start : start + GRAM]}"
    for first, second in itertools.pairwise(words):
        yield f"pair:{first} {second}"


@functools.lru_cache(FEATURE_CACHE)
def _place(feature: str) -> tuple[int, int]:
    digest = int.from_bytes(hashlib.blake2b(_encoded(feature), digest_size=8).digest(), "little")
    return (digest >> 1) % EMBEDDING_SIZE, 1 if digest & 1 else -1


def _encoded(text: str) -> bytes:
    # a lone surrogate is a legal str and no legal UTF-8
    return text.encode("utf-8", "surrogatepass")
