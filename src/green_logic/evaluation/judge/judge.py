"""The LLM reviewer, open: k opinions on a battle from any thread, by one event loop of its own.

The loop is what makes one deadline span a whole request, name look-up and dripping headers included, and the k reviews
of a battle run at once without k threads.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from types import TracebackType

import orjson

from green_logic.battle import Battle, parse_battle
from green_logic.errors import ConfigurationError, NotEvaluatedError, RetryableError
from green_logic.evaluation.cis import rounded
from green_logic.evaluation.judge.client import Client
from green_logic.evaluation.judge.dialect import FORMATS
from green_logic.evaluation.judge.prompt import PROMPT_SHA256, Question, ask_about
from green_logic.evaluation.judge.reply import CRITIQUE_CHARACTERS
from green_logic.evaluation.judge.review import EFFECT, NoReview, Review
from green_logic.evaluation.judge.reviewer import Answer, Reviewer
from green_logic.evaluation.judge.settings import JudgeSettings, find_key
from green_logic.evaluation.judge.untrusted import printable

MODEL_CHARACTERS = 128  # of a model's name as a server reports it
SAMPLE = {  # what `check` has reviewed
    "battle_id": "check",
    "task": {"title": "Sum", "description": "Write add(a, b), which returns the sum of two integers."},
    "purple_response": {"sourceCode": "def add(a, b):\n    return a + b\n", "rationale": "It adds."},
}


class Judge:
    """A reviewer with its connections. Safe to use from several threads; made by `Judge.open`, ended by `close`."""

    def __init__(self, settings: JudgeSettings, client: Client, reviewer: Reviewer) -> None:
        self.settings = settings
        self._client = client
        self._reviewer = reviewer
        self._loop = asyncio.new_event_loop()
        # a daemon: a judge that nobody closed must not keep the process from ending
        self._thread = threading.Thread(target=self._loop.run_forever, name="judge", daemon=True)
        self._thread.start()
        self._lock = threading.Lock()
        self._closed = False

    @classmethod
    def open(
        cls,
        settings: JudgeSettings,
        *,
        environ: Mapping[str, str] = os.environ,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> Judge:
        """A reviewer that is ready to be asked. Nothing is sent yet. Raises ConfigurationError for a malformed key."""
        client = Client(settings, find_key(environ))
        return cls(settings, client, Reviewer(settings, client, pause))

    @property
    def profile(self) -> dict[str, object]:
        """What of the reviewer makes its scores a kind of their own, for the digest of the profile."""
        model, reviews = self._name(self.settings.model), self.settings.reviews
        return {"model": model, "reviews": reviews, "effect": EFFECT, "prompt_sha256": PROMPT_SHA256}

    def review(self, battle: Battle) -> Review | NoReview:
        """The reviews of a battle's logic; no score and no test result is shown to the reviewer.

        NoReview only if the reviewer is optional. If it is required, raises RetryableError (it cannot be reached or
        answers nonsense) or NotEvaluatedError (it refuses this battle). Raises ConfigurationError in both cases when
        address, key or model are wrong.
        """
        started = time.perf_counter()
        questions = ask_about(battle, self.settings.reviews)
        try:
            answers = self._ask(questions)
        except (RetryableError, NotEvaluatedError) as error:
            if self.settings.required:
                raise
            return NoReview(error.message.partition(":")[0], detail=error.message)
        return self._summarise(questions[0], answers, time.perf_counter() - started)

    def check(self) -> str:
        """Have a two-line sample reviewed once, before the first battle; the model's name as its server reports it.

        Raises ConfigurationError when address, key or model are wrong, RetryableError when nobody answers.
        """
        questions = ask_about(parse_battle(orjson.dumps(SAMPLE)), 1)
        try:
            (answer,) = self._ask(questions)
        except NotEvaluatedError as error:  # a harmless text: whatever is refused here is refused always
            raise ConfigurationError(error.message, hint="check --judge and --judge-model") from error
        return self._name(answer.model or self.settings.model)

    def close(self) -> None:
        """End every request, which fails with RetryableError, and every connection. May be called twice."""
        with self._lock:
            closed, self._closed = self._closed, True
        if closed:
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Judge:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _ask(self, questions: Sequence[Question]) -> list[Answer]:
        with self._lock:
            if self._closed:
                raise RetryableError("the judge is closed")
            future = asyncio.run_coroutine_threadsafe(self._ask_all(questions), self._loop)
        try:
            return future.result()
        except CancelledError:
            raise RetryableError("the judge was closed during a review") from None
        finally:
            future.cancel()  # of a thread that was interrupted; a finished one does not mind

    async def _ask_all(self, questions: Sequence[Question]) -> list[Answer]:
        tasks = [asyncio.create_task(self._reviewer.ask(question)) for question in questions]
        try:
            return await asyncio.gather(*tasks)
        finally:  # the first failure ends them all: a median of fewer reviews would be another kind of score
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    def _summarise(self, question: Question, answers: Sequence[Answer], wall_s: float) -> Review:
        scores = tuple(rounded(answer.opinion.score) for answer in answers)
        middle = sorted(range(len(scores)), key=scores.__getitem__)[len(scores) // 2]
        first = scores.index(scores[middle])
        dialects = [answer.dialect for answer in answers]
        return Review(
            model=self._name(self.settings.model),
            reported=tuple(sorted({self._name(item.model or "") for item in answers} - {""})),
            scores=scores,
            critique=self._shown(answers[first].opinion.critique, CRITIQUE_CHARACTERS),
            format=max((dialect.format for dialect in dialects), key=FORMATS.index),
            temperature=0.0 if all(dialect.temperature for dialect in dialects) else None,
            seeded=all(dialect.seed for dialect in dialects),
            omitted=question.omitted,
            requests=sum(answer.requests for answer in answers),
            wall_s=wall_s,
        )

    def _name(self, model: str) -> str:
        # llama.cpp names the file it loaded; where that lies on the judge's disk is nobody's business
        return self._shown(model.rpartition("/")[2] if model.startswith("/") else model, MODEL_CHARACTERS)

    def _shown(self, text: str, limit: int) -> str:
        return printable(self._client.redact(text), limit)
