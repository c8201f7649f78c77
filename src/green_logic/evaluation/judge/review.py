"""What became of asking the reviewer, what it may do to L, and the form in which both are recorded.

The reviewer may move a measured L by at most EFFECT, up or down, and nothing else of the score. That bound, not the
prompt, is what a successful injection is worth.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from green_logic.errors import VerificationError
from green_logic.evaluation.cis import SCORE_DIGITS, Component, rounded
from green_logic.evaluation.judge.prompt import PROMPT, PROMPT_SHA256

if TYPE_CHECKING:
    from green_logic.battle import Battle

EFFECT = 0.10  # of L, the reviewer's word against the tests'; the origin promised this bound and did not keep it
KIND = "openai-compatible"
NONE = "none"  # what a result says when no review took part in its score
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Reviewing(Protocol):
    """What an evaluation asks: a reviewer, or the record of one."""

    @property
    def profile(self) -> Mapping[str, object]:
        """What of the reviewer makes its scores a kind of their own."""

    def review(self, battle: Battle) -> Review | NoReview:
        """What became of asking."""


class Applied(NamedTuple):
    """L after the review; `delta` is what the review changed, None where there was nothing to change."""

    value: float
    delta: float | None
    source: str


@dataclass(frozen=True)
class Review:
    """The reviews of one battle. `scores` are in the order of asking, `critique` is that of the first median one."""

    model: str  # as asked for
    reported: tuple[str, ...]  # as the server named it: sorted, each once
    scores: tuple[float, ...]
    critique: str
    format: str = "json_schema"  # the plainest that was used; see `dialect`
    temperature: float | None = 0.0  # None: the model takes none
    seeded: bool = True
    omitted: Mapping[str, int] = field(default_factory=dict)  # characters that the reviewer did not see, by text
    prompt: str = PROMPT
    prompt_sha256: str = PROMPT_SHA256
    requests: int = field(
        default=0, compare=False
    )  # with those that failed; differs between two runs, so it is not recorded as evidence
    wall_s: float = field(default=0.0, compare=False)  # same

    @property
    def median(self) -> float:
        """The score that counts."""
        return float(statistics.median(self.scores))

    @property
    def spread(self) -> float:
        """Greatest minus least score: how much the reviewer disagrees with itself."""
        return rounded(max(self.scores) - min(self.scores))

    @property
    def label(self) -> str:
        """The reviewer in one word, for a column."""
        return f"llm:{self.model}"

    def record(self, delta: float | None) -> dict[str, Any]:
        """The evidence for a result; the same opinions give the same record."""
        return {
            "kind": KIND,
            "model": self.model,
            "reported": list(self.reported),
            "k": len(self.scores),
            "scores": list(self.scores),
            "median": self.median,
            "spread": self.spread,
            "delta": delta,
            "critique": self.critique,
            "prompt": self.prompt,
            "prompt_sha256": self.prompt_sha256,
            "format": self.format,
            "temperature": self.temperature,
            "seeded": self.seeded,
            "omitted": dict(self.omitted),
        }

    def timing(self) -> dict[str, float]:
        """What may differ between two honest evaluations, for the result's `timing`."""
        return {"judge_s": self.wall_s, "judge_requests": float(self.requests)}


@dataclass(frozen=True)
class NoReview:
    """An optional reviewer gave no usable review. `reason` is recorded; `detail` may quote a server, and is not."""

    reason: str
    detail: str = ""

    @property
    def label(self) -> str:
        """As without a reviewer: none took part in the score."""
        return NONE

    def record(self) -> dict[str, Any]:
        """The evidence for a result."""
        return {"kind": NONE, "reason": self.reason}


def apply_review(logic: float | None, median: float) -> Applied:
    """L from the hidden tests' L (None without any) and the median review, both in [0, 1].

    Raises ValueError for anything else.
    """
    for value in (0.0 if logic is None else logic, median):
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise ValueError(f"expected a score from 0 to 1, got {value!r}")
    if logic is None:
        return Applied(rounded(median), None, "llm")
    logic = rounded(logic)
    value = rounded(min(max(median, logic - EFFECT), logic + EFFECT))
    return Applied(value, round(value - logic, SCORE_DIGITS), "hidden_tests+llm")


def review_logic(part: Component, review: Review | NoReview) -> tuple[Component, dict[str, Any]]:
    """The component L after a review of it, and the record of that review. The tests' evidence stays in it."""
    if isinstance(review, NoReview):
        if part.value is None:
            part = Component(None, NONE, {"reason": f"the task has no hidden tests and no review: {review.reason}"})
        return part, review.record()
    value, delta, source = apply_review(part.value, review.median)
    reviewed = {"k": len(review.scores), "median": review.median, "spread": review.spread, "delta": delta}
    if part.value is None:
        reason = f"the median of {len(review.scores)} LLM reviews, since the task has no hidden tests"
        return Component(value, source, {"reason": reason, "review": reviewed}), review.record(delta)
    evidence = {**part.evidence, "tests_value": part.value, "review": reviewed}
    return Component(value, source, evidence), review.record(delta)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    kind: Literal["openai-compatible"]
    model: str
    reported: list[str]
    k: int
    scores: Annotated[list[Score], Field(min_length=1)]
    median: Score
    spread: Score
    delta: float | None
    critique: str
    prompt: str
    prompt_sha256: str
    format: str
    temperature: float | None
    seeded: bool
    omitted: dict[str, int]


def parse_record(value: object) -> Review:
    """The review behind a recorded one, so that a score can be computed again without asking a model.

    Raises VerificationError when k, median or spread are not those of the scores, or the form is another.
    """
    try:
        record = _Record.model_validate(value)
    except ValidationError as error:
        raise VerificationError(f"judge_review: {error.error_count()} values are not those of a review") from error
    kept = record.model_dump(exclude={"kind", "k", "median", "spread", "delta", "reported", "scores"})
    review = Review(reported=tuple(record.reported), scores=tuple(record.scores), **kept)
    found, expected = (record.k, record.median, record.spread), (len(review.scores), review.median, review.spread)
    if found != expected:
        raise VerificationError(f"judge_review: expected k, median and spread {expected}, got {found}")
    return review
