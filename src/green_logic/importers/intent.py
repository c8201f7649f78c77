"""v_intent of an imported battle: the original's vector when it is one, else the embedding of the task's text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from green_logic.errors import InvalidBattleError, VerificationError
from green_logic.evaluation.embedding import CachedEmbedder, open_embedder
from green_logic.proof.vector import parse_vector
from green_logic.settings import Settings


@dataclass(frozen=True)
class Intent:
    """A vector with where it is from: "original", "dbom" or "task text". Vectors of two embedders do not compare."""

    vector: Sequence[float]
    origin: str
    embedder: Mapping[str, str]


def find_original(value: object, *, origin: str, importer: str) -> Intent | None:
    """The original's own vector; None unless it is 384 finite numbers that are not all zeros."""
    try:
        if parse_vector(value).is_zero or not isinstance(value, list):
            return None
    except VerificationError:
        return None
    # the original does not say what made it, so no vector of ours is comparable
    return Intent(value, origin, {"id": f"imported/{importer}", "weights_sha256": ""})


class TaskEmbedder:
    """Embeds task texts; the weights are loaded when the first text comes, which most imports never bring."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._embedder: CachedEmbedder | None = None

    def find_intent(self, text: str) -> Intent:
        """The vector of a task's text. Raises InvalidBattleError for a blank or an over-long one."""
        limit = self._settings.max_source_bytes
        try:
            size = len(text.encode())
        except UnicodeEncodeError as error:
            raise InvalidBattleError("task text: a lone surrogate (half a character)") from error
        if not text.strip():
            raise InvalidBattleError("no valid intent_vector, and no task text to embed")
        if size > limit:
            raise InvalidBattleError(f"task text: expected at most {limit} bytes (max_source_bytes), got {size}")
        if self._embedder is None:
            self._embedder = open_embedder(self._settings.model_dir)
        made_by = {"id": self._embedder.id, "weights_sha256": self._embedder.weights_sha256}
        return Intent(self._embedder.embed([text])[0].tolist(), "task text", made_by)
