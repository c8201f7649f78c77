"""all-MiniLM-L6-v2 on numpy alone: token ids → 384 floats, as sentence-transformers computes them.

Six BERT layers (Devlin et al. 2018, arXiv:1810.04805), mean over all tokens, norm 1. One text at a time and never
padded: the shapes, and with them the order of every sum inside BLAS, depend on that text only. So its vector has the
same bits alone or among others, in one thread or in eight (measured with 1, 2 and 8 OpenBLAS threads). Another kind of
CPU uses other BLAS kernels and differs by up to 3e-7 a float (measured: SkylakeX, Haswell, Sandybridge, Nehalem).

Loading sets numpy's OpenBLAS to one thread for the whole process, as OPENBLAS_NUM_THREADS=1 at its start would: with
two, waiting threads took 6 times the wall and 4 times the CPU (measured, 256 tokens, busy 2-core machine).
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from green_logic.evaluation.weights import MODEL, VOCABULARY, map_pinned
from green_logic.evaluation.wordpiece import WordPiece, parse_vocabulary

EMBEDDING_SIZE = 384  # floats; the output width of all-MiniLM-L6-v2
HEAD_SIZE = 32  # floats an attention head sees: 384 over 12 heads
NORM_EPSILON = 1e-12  # `layer_norm_eps` of the model
BLOCK = 24_576  # floats that GELU works on at a time; five such buffers fit half a megabyte of second-level cache

# erf(x) = x p(x²) / q(x²) on [-4, 4], highest power first: the rational minimax fit of Eigen and XLA
# (Eigen/src/Core/MathFunctionsImpl.h, generic_fast_erf_float). Measured against math.erf: 4.2e-7 off at most.
ERF_ABOVE = (
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
)
ERF_BELOW = (
    -1.45660718464996e-05,
    -2.13374055278905e-04,
    -1.68282697438203e-03,
    -7.37332916720468e-03,
    -1.42647390514189e-02,
)

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Affine:
    """`scale` and `shift` of a linear map (scale: in x out) or of a layer norm (scale: one a column)."""

    scale: Floats
    shift: Floats


@dataclass(frozen=True)
class Layer:
    """One BERT layer. `mixed` makes query, key and value in one product; the query's 1/sqrt(HEAD_SIZE) is in it."""

    mixed: Affine
    attended: Affine
    attended_norm: Affine
    widened: Affine
    narrowed: Affine
    norm: Affine


@dataclass(frozen=True)
class Encoder:
    """The weights in the order of use. `positions` has the embedding of token type 0 added."""

    words: Floats
    positions: Floats
    norm: Affine
    layers: tuple[Layer, ...]


class MiniLmEmbedder:
    """Embeds by meaning. Safe to share between threads: nothing changes after construction but a word cache."""

    id = "minilm-l6-v2/1"

    def __init__(self, encoder: Encoder, tokenizer: WordPiece, weights_sha256: str) -> None:
        self.weights_sha256 = weights_sha256
        self._encoder = encoder
        self._tokenizer = tokenizer

    def embed(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """One row of EMBEDDING_SIZE floats with norm 1 per text; only the first 256 tokens of a text count.

        Any str is accepted: one without a token, such as "", is [CLS][SEP] and has a vector too.
        """
        vectors = np.empty((len(texts), EMBEDDING_SIZE))
        for row, text in enumerate(texts):
            vectors[row] = encode(self._encoder, self._tokenizer.ids(text))
        return vectors


def load_minilm(model_dir: Path) -> MiniLmEmbedder:
    """The embedder over pinned weights. Raises ConfigurationError when a file is absent or is not the pinned one."""
    _use_one_blas_thread()
    tokenizer = WordPiece(parse_vocabulary(map_pinned(model_dir, VOCABULARY)[:]))
    encoder = build_encoder(parse_safetensors(map_pinned(model_dir, MODEL)))
    return MiniLmEmbedder(encoder, tokenizer, MODEL.sha256)


def _use_one_blas_thread() -> None:
    # the environment variable is read when numpy is loaded, which is long past; a numpy that was not built as a wheel
    # has no such folder, and then the variable is the only way
    for library in (Path(np.__file__).parents[1] / "numpy.libs").glob("libscipy_openblas*"):
        loaded = ctypes.CDLL(str(library))
        for name in ("scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads"):
            if hasattr(loaded, name):
                getattr(loaded, name)(1)


def parse_safetensors(content: Any) -> dict[str, Floats]:
    """Float32 tensors of a safetensors file, as views of `content` (any buffer): nothing is copied.

    The library of that name copies every tensor: 4 times the CPU and 89 MB for each process instead of one shared map
    (measured). The content is trusted here, `load_minilm` has compared its hash.
    """
    size = int.from_bytes(content[:8], "little")
    entries: dict[str, dict[str, Any]] = json.loads(bytes(content[8 : 8 + size]))
    tensors: dict[str, Floats] = {}
    for name, entry in entries.items():
        if entry.get("dtype") == "F32":
            shape = entry["shape"]
            start = 8 + size + entry["data_offsets"][0]
            flat = np.frombuffer(content, "<f4", count=int(np.prod(shape)), offset=start)
            tensors[name] = np.require(flat.reshape(shape), requirements="A")
    return tensors


def build_encoder(tensors: Mapping[str, Floats], dtype: DTypeLike = np.float32) -> Encoder:
    """An encoder from a BERT checkpoint's tensors; the number of layers and all widths come from them.

    Raises KeyError when a tensor is missing.
    """
    weights = {name: np.asarray(tensor, dtype=dtype) for name, tensor in tensors.items()}
    return Encoder(
        words=weights["embeddings.word_embeddings.weight"],
        positions=weights["embeddings.position_embeddings.weight"]
        + weights["embeddings.token_type_embeddings.weight"][0],
        norm=_affine(weights, "embeddings.LayerNorm"),
        layers=tuple(_build_layer(weights, prefix) for prefix in _layer_prefixes(weights)),
    )


def encode(encoder: Encoder, ids: Sequence[int]) -> NDArray[np.float64]:
    """The sentence vector of one text's token ids: mean of the last layer's rows, norm 1."""
    hidden = encoder.words[np.asarray(ids)] + encoder.positions[: len(ids)]
    hidden = _normalise(hidden, encoder.norm)
    for layer in encoder.layers:
        hidden = _normalise(hidden + _attend(layer, hidden), layer.attended_norm)
        wide = _linear(hidden, layer.widened)
        gelu_in_place(wide)
        hidden = _normalise(hidden + _linear(wide, layer.narrowed), layer.norm)
    mean = hidden.mean(axis=0).astype(np.float64)
    return np.asarray(mean / np.sqrt(np.sum(mean * mean)))


def gelu_in_place(values: Floats) -> None:
    """x → x (1 + erf(x / sqrt 2)) / 2 over a C-contiguous array. At most 3e-7 max(1, |x|) off."""
    flat = values.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        block = flat[start : start + BLOCK]
        ratio = erf(block * block.dtype.type(0.5**0.5))
        ratio += 1
        block *= 0.5
        block *= ratio


def erf(values: Floats) -> Floats:
    """The error function, at most 4.2e-7 off in float32; numpy has none, and math.erf takes 36 times as long."""
    inner = np.clip(values, -4, 4)
    square = inner * inner
    above, below = _polynomial(ERF_ABOVE, square), _polynomial(ERF_BELOW, square)
    above *= inner
    above /= below
    return above


def _polynomial(coefficients: Sequence[float], at: Floats) -> Floats:
    result = np.full_like(at, coefficients[0])
    for coefficient in coefficients[1:]:
        result *= at
        result += coefficient
    return result


def _attend(layer: Layer, hidden: Floats) -> Floats:
    count, width = hidden.shape
    mixed = _linear(hidden, layer.mixed).reshape(count, 3, width // HEAD_SIZE, HEAD_SIZE)
    query, key, value = mixed.transpose(1, 2, 0, 3)
    share = query @ key.transpose(0, 2, 1)
    share -= share.max(axis=-1, keepdims=True)
    np.exp(share, out=share)
    share /= share.sum(axis=-1, keepdims=True)
    return _linear((share @ value).transpose(1, 0, 2).reshape(count, width), layer.attended)


def _linear(rows: Floats, affine: Affine) -> Floats:
    result = rows @ affine.scale
    result += affine.shift
    return result


def _normalise(rows: Floats, affine: Affine) -> Floats:
    rows -= rows.mean(axis=-1, keepdims=True)
    variance = np.einsum("ij,ij->i", rows, rows)[:, None] / rows.shape[1]
    rows /= np.sqrt(variance + rows.dtype.type(NORM_EPSILON))
    rows *= affine.scale
    rows += affine.shift
    return rows


def _layer_prefixes(weights: Mapping[str, Floats]) -> Iterator[str]:
    number = 0
    while f"encoder.layer.{number}.output.dense.weight" in weights:
        yield f"encoder.layer.{number}."
        number += 1


def _build_layer(weights: Mapping[str, Floats], prefix: str) -> Layer:
    query, key, value = (_affine(weights, f"{prefix}attention.self.{name}") for name in ("query", "key", "value"))
    scale = query.scale.dtype.type(HEAD_SIZE**-0.5)
    return Layer(
        mixed=_turned(
            Affine(
                np.concatenate([query.scale * scale, key.scale, value.scale]),
                np.concatenate([query.shift * scale, key.shift, value.shift]),
            )
        ),
        attended=_turned(_affine(weights, prefix + "attention.output.dense")),
        attended_norm=_affine(weights, prefix + "attention.output.LayerNorm"),
        widened=_turned(_affine(weights, prefix + "intermediate.dense")),
        narrowed=_turned(_affine(weights, prefix + "output.dense")),
        norm=_affine(weights, prefix + "output.LayerNorm"),
    )


def _turned(affine: Affine) -> Affine:
    """A linear map as it is multiplied with, 43 MB in all: else BLAS turns the weights over in every product."""
    return Affine(np.ascontiguousarray(affine.scale.T), affine.shift)


def _affine(weights: Mapping[str, Floats], name: str) -> Affine:
    return Affine(weights[name + ".weight"], weights[name + ".bias"])
