"""What can go wrong with one request, by what the reviewer does next. Callers see only the base classes.

RetryableError
├── BusyError               the endpoint: pause, then the same request again
└── MalformedReplyError     the model: the same question again, with what was wrong
NotEvaluatedError
└── RejectedError           this request: put it more plainly, or give this battle up

In every message the part before the first colon is ours and may be published; what follows may be a stranger's words.
"""

from __future__ import annotations

from green_logic.errors import NotEvaluatedError, RetryableError


class BusyError(RetryableError):
    """The endpoint may answer later; `pause_s` is how long it asked to be left alone, if it said so."""

    def __init__(self, message: str, *, pause_s: float | None = None) -> None:
        super().__init__(message)
        self.pause_s = pause_s


class MalformedReplyError(RetryableError):
    """A reply that does not answer the question.

    `errors` says why, for the model, and quotes nothing of the reply, which may carry a contestant's words out of their
    block. `truncated` says that it was cut at the token limit.
    """

    def __init__(self, errors: list[str], *, truncated: bool = False) -> None:
        super().__init__(f"the judge's reply is malformed: {'; '.join(errors)}")
        self.errors = errors
        self.truncated = truncated


class RejectedError(NotEvaluatedError):
    """The endpoint will not take this request, at any time."""
