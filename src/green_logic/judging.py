"""Battles → results, on every worker of the sandbox at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from green_logic.agent import GreenAgent
from green_logic.battle import Battle
from green_logic.errors import GreenLogicError, NotEvaluatedError, RetryableError


class JudgingPool:
    """Threads that wait for an agent's sandbox and reviewer; started when the first battle is judged."""

    def __init__(self, agent: GreenAgent) -> None:
        self._agent = agent
        self._threads: ThreadPoolExecutor | None = None
        self._begun: dict[str, Future[dict[str, Any]]] = {}  # battles of a later call

    def judge(
        self, battles: Mapping[str, Battle], *, ahead: Mapping[str, Battle] | None = None
    ) -> Iterator[tuple[str, dict[str, Any] | GreenLogicError]]:
        """The result of each battle, or the RetryableError or NotEvaluatedError why it has none, in order.

        Workers that have nothing more to do begin with those `ahead`, which the next call is for: none then waits for
        the slowest battle, nor for the ledger. Raises what makes judging any battle impossible, such as
        SandboxUnavailableError.
        """
        threads = self._start()
        futures = {}
        for battle_id, battle in battles.items():
            begun = self._begun.pop(battle_id) if battle_id in self._begun else None
            futures[battle_id] = begun or threads.submit(self._judge, battle)
        for battle_id, battle in (ahead or {}).items():
            if battle_id not in self._begun:
                self._begun[battle_id] = threads.submit(self._judge, battle)
        try:
            for battle_id, future in futures.items():
                yield battle_id, _outcome(future)
        finally:
            for future in futures.values():
                future.cancel()

    def close(self) -> None:
        """Begin no other battle."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _start(self) -> ThreadPoolExecutor:
        if self._threads is None:
            evaluator = self._agent.evaluator  # opened here: the workers must not race for it
            del evaluator
            self._threads = ThreadPoolExecutor(self._count(), thread_name_prefix="judge")
        return self._threads

    def _count(self) -> int:
        """Half as many again as sandbox workers, so that none waits while all others embed and check what ran.

        With an LLM reviewer enough to keep it busy, since they wait for it.
        """
        settings, workers = self._agent.settings, self._agent.sandbox.workers
        reviewed_at_once = settings.judge_concurrency // settings.judge_reviews if settings.judge else 0
        return max(workers + -(-workers // 2), reviewed_at_once)

    def _judge(self, battle: Battle) -> dict[str, Any]:
        try:
            return self._agent.evaluator.evaluate(battle)
        except GreenLogicError:
            raise
        except Exception as error:  # a fault of the judge in one battle must neither score it nor stop the rest
            raise NotEvaluatedError(f"the judge failed: {type(error).__name__}: {error}") from error


def _outcome(future: Future[dict[str, Any]]) -> dict[str, Any] | GreenLogicError:
    try:
        return future.result()
    except (RetryableError, NotEvaluatedError) as error:
        return error
