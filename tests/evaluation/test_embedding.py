"""The embedder that was asked for, or an error; remembered texts; cosines with the same bits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from green_logic.errors import ConfigurationError
from green_logic.evaluation.embedding import EMBEDDING_SIZE, CachedEmbedder, cosine, open_embedder
from green_logic.evaluation.hashed import HashedEmbedder
from green_logic.evaluation.weights import MODEL, VOCABULARY, default_model_dir

WEIGHTS = default_model_dir()  # of whoever runs the tests: read at import, before a test gets a user of its own
numbers = st.lists(st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-6), min_size=3, max_size=3).filter(any)


class CountingEmbedder:
    """Hashed vectors, with a record of every batch."""

    id = "counting/1"
    weights_sha256 = "abc"

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def embed(self, texts):
        self.batches.append(list(texts))
        return HashedEmbedder().embed(texts)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return default_model_dir()


def test_without_weights_the_fallback_is_used_and_says_so(empty_cache):
    embedder = open_embedder()
    assert (embedder.id, embedder.weights_sha256) == ("hashed-384/1", "")
    assert not empty_cache.exists()


def test_a_vocabulary_alone_is_no_weights(empty_cache):
    empty_cache.mkdir(parents=True)
    (empty_cache / VOCABULARY.name).write_bytes(b"[UNK]\n")
    assert open_embedder().id == "hashed-384/1"


def test_a_model_dir_without_weights_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"expected model\.safetensors") as caught:
        open_embedder(tmp_path / "nowhere")
    assert "leave model_dir unset" in caught.value.hint


@pytest.mark.parametrize("size", [0, 12, MODEL.size_bytes])
@pytest.mark.parametrize("explicit", [True, False])
def test_wrong_weights_are_refused_and_never_replaced_by_the_fallback(empty_cache, size, explicit):
    empty_cache.mkdir(parents=True)
    for pin, size_bytes in ((VOCABULARY, VOCABULARY.size_bytes), (MODEL, size)):
        with (empty_cache / pin.name).open("wb") as file:
            file.truncate(size_bytes)
    with pytest.raises(ConfigurationError, match="expected") as caught:
        open_embedder(empty_cache if explicit else None)
    assert "green-logic models fetch" in caught.value.hint


def test_a_dangling_link_is_refused_too(empty_cache):
    empty_cache.mkdir(parents=True)
    (empty_cache / MODEL.name).symlink_to(empty_cache / "gone")
    with pytest.raises(ConfigurationError):
        open_embedder()


@pytest.mark.parametrize("explicit", [True, False])
def test_the_model_is_used_where_its_weights_are(explicit, monkeypatch):
    if not (WEIGHTS / MODEL.name).exists():
        pytest.skip(f"no weights in {WEIGHTS}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(WEIGHTS.parents[2]))
    embedder = open_embedder(WEIGHTS if explicit else None)
    assert (embedder.id, embedder.weights_sha256) == ("minilm-l6-v2/1", MODEL.sha256)
    vectors = embedder.embed(["a cache", "a limiter"])
    assert vectors.shape == (2, EMBEDDING_SIZE)
    assert np.array_equal(vectors[1], embedder.embed(["a limiter"])[0])


def test_only_new_texts_are_embedded_together_and_once():
    inner = CountingEmbedder()
    cached = CachedEmbedder(inner)
    assert (cached.id, cached.weights_sha256) == ("counting/1", "abc")
    first = cached.embed(["a", "b", "a"])
    second = cached.embed(["b", "c", "a", "d"])
    assert inner.batches == [["a", "b"], ["c", "d"]]
    assert np.array_equal(first, HashedEmbedder().embed(["a", "b", "a"]))
    assert np.array_equal(second, HashedEmbedder().embed(["b", "c", "a", "d"]))


def test_the_least_recently_used_text_is_forgotten():
    inner = CountingEmbedder()
    cached = CachedEmbedder(inner, capacity=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        cached.embed([text])
    assert inner.batches == [["a"], ["b"], ["c"], ["b"]]


def test_more_new_texts_than_the_cache_holds_are_all_answered():
    texts = [f"text {number}" for number in range(9)]
    assert np.array_equal(CachedEmbedder(HashedEmbedder(), capacity=2).embed(texts), HashedEmbedder().embed(texts))


def test_what_a_caller_does_to_a_vector_stays_with_the_caller():
    cached = CachedEmbedder(HashedEmbedder())
    for _ in range(2):
        vectors = cached.embed(["a"])
        assert np.array_equal(vectors, HashedEmbedder().embed(["a"]))
        vectors[:] = 0


def test_no_texts_give_no_rows():
    assert CachedEmbedder(HashedEmbedder()).embed([]).shape == (0, EMBEDDING_SIZE)


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u3000"])
def test_a_blank_text_is_refused_and_nothing_is_embedded(blank):
    inner = CountingEmbedder()
    with pytest.raises(ValueError, match="text 1 of 2"):
        CachedEmbedder(inner).embed(["a", blank])
    assert inner.batches == []


@pytest.mark.parametrize("text", ["\x00", "\u200b", "\ud800", "!"])
def test_a_text_without_words_has_a_vector_that_is_not_zeros(text):
    assert np.count_nonzero(CachedEmbedder(HashedEmbedder()).embed([text]))


def test_many_threads_get_the_right_vectors_from_a_small_cache():
    texts = [f"text {number}" for number in range(40)]
    expected = HashedEmbedder().embed(texts)
    cached = CachedEmbedder(HashedEmbedder(), capacity=16)
    start = threading.Barrier(8)

    def work(shift):
        start.wait()
        order = [(number * 7 + shift) % len(texts) for number in range(200)]
        return all(np.array_equal(cached.embed([texts[at]])[0], expected[at]) for at in order)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


@settings(deadline=None)  # other work on the machine is no failure
@given(numbers, numbers)
def test_cosine_is_bounded_and_symmetric(left, right):
    a, b = np.array(left), np.array(right)
    assert -1.0 <= cosine(a, b) <= 1.0
    assert cosine(a, b) == cosine(b, a)
    assert cosine(a, a) == pytest.approx(1.0, abs=1e-12)
    assert cosine(a, -a) == pytest.approx(-1.0, abs=1e-12)


def test_cosine_of_known_vectors():
    assert cosine(np.array([1.0, 0.0]), np.array([0.0, 2.0])) == 0.0
    assert cosine(np.array([3.0, 4.0]), np.array([4.0, 3.0])) == pytest.approx(0.96, abs=1e-15)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([0.0, 0.0], [1.0, 0.0]),
        ([1.0, 0.0], [0.0, 0.0]),
        ([1.0, np.nan], [1.0, 0.0]),
        ([1.0, np.inf], [1.0, 0.0]),
        ([1.0], [1.0, 0.0]),
        ([[1.0]], [[1.0]]),
        ([], []),
    ],
)
def test_cosine_refuses_what_has_no_direction(a, b):
    with pytest.raises(ValueError, match="cosine: expected"):
        cosine(np.array(a, dtype=np.float64), np.array(b, dtype=np.float64))
