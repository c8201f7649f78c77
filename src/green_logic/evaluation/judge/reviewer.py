"""One question → one opinion, however often it takes within a fixed number of requests."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from green_logic.errors import RetryableError
from green_logic.evaluation.judge.client import Client
from green_logic.evaluation.judge.dialect import Dialect
from green_logic.evaluation.judge.errors import BusyError, MalformedReplyError, RejectedError
from green_logic.evaluation.judge.prompt import Messages, Question, correct
from green_logic.evaluation.judge.reply import Completion, Opinion, read_opinion
from green_logic.evaluation.judge.settings import JudgeSettings

FIRST_PAUSE_S = 0.5  # after the first failure; doubles, then a random part of up to half is taken off
LONGEST_REPLY = 4  # times max_tokens, for a model that was cut off


@dataclass(frozen=True)
class Answer:
    """An opinion, the model that gave it as its server named it, how it was asked for, and in how many requests."""

    opinion: Opinion
    model: str | None
    dialect: Dialect
    requests: int


@dataclass
class _Attempt:
    """What the next request of a review looks like."""

    messages: Messages
    max_tokens: int
    requests: int = 0


class Reviewer:
    """An endpoint that is asked for opinions; remembers what its server understands. Used inside one event loop."""

    def __init__(self, settings: JudgeSettings, client: Client, pause: Callable[[float], Awaitable[None]]) -> None:
        self._settings = settings
        self._client = client
        self._pause = pause
        self._dialect = Dialect()

    async def ask(self, question: Question) -> Answer:
        """The answer to a question.

        Raises RetryableError when the endpoint gave none in `max_attempts` requests, NotEvaluatedError when the model
        or its server will not review this battle, ConfigurationError when it would review none.
        """
        attempt = _Attempt(question.messages, self._settings.max_tokens)
        last: RetryableError | None = None
        for number in range(self._settings.max_attempts):
            if isinstance(last, BusyError):
                await self._pause(self._pause_s(last, number))
            try:
                return await self._try(question.seed, attempt)
            except MalformedReplyError as error:
                last = error
                self._correct(question, attempt, error)
            except BusyError as error:
                last = error
        raise RetryableError(f"{last.message if last else ''} (the last of {self._settings.max_attempts} attempts)")

    async def _try(self, seed: int, attempt: _Attempt) -> Answer:
        completion, dialect = await self._complete(seed, attempt)
        opinion = read_opinion(completion)
        # only now: a complaint about one hostile text must not make the requests for all others plainer
        self._dialect = dialect
        return Answer(opinion, completion.model, dialect, attempt.requests)

    async def _complete(self, seed: int, attempt: _Attempt) -> tuple[Completion, Dialect]:
        dialect = self._dialect
        while True:
            body = dialect.request(self._settings.model, attempt.messages, seed=seed, max_tokens=attempt.max_tokens)
            attempt.requests += 1
            try:
                return await self._client.complete(body), dialect
            except RejectedError as error:
                plainer = dialect.plainer(error.message)
                if plainer is None:
                    raise
                dialect = plainer

    def _correct(self, question: Question, attempt: _Attempt, error: MalformedReplyError) -> None:
        attempt.messages = correct(question.messages, error.errors)
        if error.truncated:
            attempt.max_tokens = min(2 * attempt.max_tokens, LONGEST_REPLY * self._settings.max_tokens)

    def _pause_s(self, error: BusyError, number: int) -> float:
        longest = self._settings.max_wait_s
        if error.pause_s is not None:
            return min(error.pause_s, longest)
        # so that sixteen clients that failed together do not come back together
        return min(FIRST_PAUSE_S * 2.0 ** (number - 1), longest) * random.uniform(0.5, 1.0)  # noqa: S311  no secret
