"""Text → 384 floats with norm 1: v_intent, and the similarities of the score.

The MiniLM model where its weights are, else feature hashing; the embedder's `id` and `weights_sha256` are part of every
result, and vectors of different ids are never compared. A vector has the same bits however often, in whatever company
and in whatever thread it is made, on one kind of CPU.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from green_logic.errors import ConfigurationError
from green_logic.evaluation.hashed import HashedEmbedder
from green_logic.evaluation.minilm import EMBEDDING_SIZE, load_minilm
from green_logic.evaluation.weights import default_model_dir, has_weights

__all__ = ["EMBEDDING_SIZE", "CachedEmbedder", "Embedder", "cosine", "open_embedder"]

CACHE_SIZE = 4096  # vectors of 3 kB; a task's description comes back with every submission


class Embedder(Protocol):
    """What turns texts into vectors."""

    @property
    def id(self) -> str:
        """Name and version of the method, such as "minilm-l6-v2/1"; vectors of different ids do not compare."""

    @property
    def weights_sha256(self) -> str:
        """Hash of the weights; "" when there are none."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(len(texts), EMBEDDING_SIZE) floats; every row has norm 1."""


class CachedEmbedder:
    """An embedder that remembers its last `capacity` texts. Safe to share between threads.

    Texts are remembered by hash, so a megabyte of source does not stay in memory. Two threads that meet the same new
    text may both embed it; they get the same bits.
    """

    def __init__(self, inner: Embedder, *, capacity: int = CACHE_SIZE) -> None:
        self.id = inner.id
        self.weights_sha256 = inner.weights_sha256
        self._inner = inner
        self._capacity = capacity
        self._vectors: OrderedDict[bytes, NDArray[np.float64]] = OrderedDict()
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(len(texts), EMBEDDING_SIZE) floats, the caller's to change; texts not seen before go in one batch.

        Raises ValueError for a blank text: it means nothing, and what that scores is the caller's rule, not a vector's.
        """
        if blank := [number for number, text in enumerate(texts) if not text.strip()]:
            raise ValueError(
                f"text {blank[0]} of {len(texts)}: expected something to embed, got {texts[blank[0]]!r:.40}"
            )
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        found = self._find(keys)
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if new:
            made = dict(zip(new, self._inner.embed(list(new.values())), strict=True))
            self._remember(made)
            found |= made
        return np.array([found[key] for key in keys], dtype=np.float64).reshape(len(texts), EMBEDDING_SIZE)

    def _find(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float64]]:
        with self._lock:
            found = {key: self._vectors[key] for key in keys if key in self._vectors}
            for key in found:
                self._vectors.move_to_end(key)
        return found

    def _remember(self, made: dict[bytes, NDArray[np.float64]]) -> None:
        with self._lock:
            # copies: a row of a batch would keep the whole batch alive
            self._vectors.update((key, vector.copy()) for key, vector in made.items())
            while len(self._vectors) > self._capacity:
                self._vectors.popitem(last=False)


def open_embedder(model_dir: Path | None = None) -> CachedEmbedder:
    """The best embedder that this machine has, to be opened once a process (60-300 ms, the weights are hashed).

    With `model_dir`, MiniLM from there or ConfigurationError. Without, MiniLM from `default_model_dir()` when a model
    file is there, else feature hashing. A file that is there and wrong is a ConfigurationError, never a quiet fallback:
    the scores would change their meaning.
    """
    directory = model_dir or default_model_dir()
    if has_weights(directory):
        return CachedEmbedder(load_minilm(directory))
    if model_dir is not None:
        hint = "green-logic models fetch, or leave model_dir unset"
        raise ConfigurationError(
            f"model_dir {model_dir}: expected model.safetensors and vocab.txt, got none", hint=hint
        )
    return CachedEmbedder(HashedEmbedder())


def cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Cosine of two vectors, in [-1, 1]. Summed exactly (math.fsum): equal vectors give equal bits on every machine.

    Raises ValueError for different shapes, for zeros, and for numbers that are not finite.
    """
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"cosine: expected two vectors of one length, got shapes {a.shape} and {b.shape}")
    size = math.sqrt(math.fsum(a * a) * math.fsum(b * b))
    if not (math.isfinite(size) and size > 0.0):
        raise ValueError("cosine: expected finite vectors other than zeros")
    return max(-1.0, min(1.0, math.fsum(a * b) / size))
