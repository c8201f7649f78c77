"""A reviewer that is read from a record: what it said then is evidence, and is never asked for anew.

A model's answer is not repeatable, so an evaluation is reproducible only up to it: k, median, spread, clamp and what
follows from them are computed again, the k scores are taken as recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from green_logic.battle import Battle
from green_logic.errors import VerificationError
from green_logic.evaluation.judge.prompt import PROMPT_SHA256
from green_logic.evaluation.judge.review import EFFECT, NONE, NoReview, Review, parse_record


class RecordedReviewer:
    """Gives the one review that a result holds.

    `model` and `reviews` say what was configured, for a record without a review, which does not tell.
    """

    def __init__(self, record: object, *, model: str = "", reviews: int = 0) -> None:
        """Raises VerificationError when `record` is none that a judge writes."""
        self._review = _parse(record)
        self.is_known = isinstance(self._review, Review) or bool(model)
        self._model = self._review.model if isinstance(self._review, Review) else model
        self._reviews = len(self._review.scores) if isinstance(self._review, Review) else reviews

    @property
    def profile(self) -> Mapping[str, object]:
        """As `Judge.profile`, of the reviewer that was."""
        return {"model": self._model, "reviews": self._reviews, "effect": EFFECT, "prompt_sha256": PROMPT_SHA256}

    def review(self, battle: Battle) -> Review | NoReview:
        """The recorded one, whatever the battle."""
        del battle
        return self._review


def _parse(record: object) -> Review | NoReview:
    if isinstance(record, dict) and record.get("kind") == NONE:
        content: dict[str, Any] = record
        if content.keys() != {"kind", "reason"} or not isinstance(content["reason"], str):
            raise VerificationError("judge_review: expected a reason why there is no review, got something else")
        return NoReview(content["reason"])
    return parse_record(record)
