"""Recorded battles judged again from `raw_result` alone, by as many workers as a run has. Nothing is written.

A review by a language model is taken as recorded. A battle that differs from its record is judged again before that is
said, since tests may vary from run to run. A sandbox that fails is tried again, and in the end the battle counts as
failed, never as different.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any

import orjson

from green_logic.agent import GreenAgent
from green_logic.battle import Battle
from green_logic.comparison import Case, Verdict, compare, compare_profiles, explain_profile, is_decided, is_equal
from green_logic.differences import Difference
from green_logic.errors import GreenLogicError, InvalidBattleError, RetryableError, VerificationError
from green_logic.evaluation.embedding import CachedEmbedder, open_embedder
from green_logic.evaluation.evaluator import Evaluator
from green_logic.evaluation.hashed import HashedEmbedder
from green_logic.evaluation.judge.recorded import RecordedReviewer
from green_logic.evaluation.mutation.verdict import MUTANTS
from green_logic.recorded import Row, find_faults, is_judged_here, parse_result, rebuild_battle
from green_logic.retries import with_retries
from green_logic.settings import Settings

_MUTANTS_NAMED = re.compile(r"\+(?:nomutants|mutants-(\d{1,2})\b)")
RUNS = 3  # of a battle whose tests differ from the record


class Reevaluation:
    """A judge that judges again. A context manager; `judge_rows` may be left at any time."""

    def __init__(self, settings: Settings, *, any_profile: bool = False) -> None:
        """`any_profile`: judge what was judged under another profile all the same; the verdict says so."""
        self.counts: Counter[str] = Counter()  # verdicts by outcome
        self.differs = False  # whether a result is not what judging it again gives
        self.undecided = 0  # battles that were judged by this project and could not be compared
        self._settings = settings
        self._any_profile = any_profile
        self._agent = GreenAgent(settings=settings)
        self._stopped = threading.Event()

    def __enter__(self) -> Reevaluation:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopped.set()  # before the sandbox goes: a worker's death is tried again otherwise
        self._agent.close()

    def judge_rows(self, rows: Iterable[Row]) -> Iterator[Verdict]:
        """Verdicts in the order of the rows; a few rows are held at a time, however many there are.

        Raises SandboxUnavailableError, ConfigurationError for damaged weights, and what reading the rows raises.
        """
        workers = self._agent.sandbox.workers
        _ = self._embedders  # opened here: the workers must not race for it
        pool = ThreadPoolExecutor(workers, thread_name_prefix="reevaluate")
        waiting: deque[Future[Verdict]] = deque()
        try:
            for row in rows:
                waiting.append(pool.submit(self._judge, row))
                if len(waiting) > 2 * workers:
                    yield self._count(waiting.popleft().result())
            while waiting:
                yield self._count(waiting.popleft().result())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def set_aside(self, battle_id: str, reason: str) -> Verdict:
        """The verdict on a battle that has no row, since it was not evaluated."""
        return self._count(Verdict(battle_id, "not_evaluated", reason=f"it was set aside: {reason}"))

    def _count(self, verdict: Verdict) -> Verdict:
        self.counts[verdict.outcome] += 1
        computed = verdict.outcome == "other_profile" and verdict.recomputed is not None
        self.differs |= verdict.outcome == "differs" or (computed and bool(verdict.differences))
        self.undecided += not computed and verdict.outcome in {"failed", "unrepeatable", "other_profile"}
        return verdict

    @cached_property
    def _embedders(self) -> dict[str, CachedEmbedder]:
        """What this machine can embed with, by id; the judge's own is the first."""
        own, hashed = open_embedder(self._settings.model_dir), CachedEmbedder(HashedEmbedder())
        return {own.id: own, hashed.id: hashed}

    def _judge(self, row: Row) -> Verdict:
        try:
            result = parse_result(row)
        except InvalidBattleError as error:
            broken = Difference("battles.raw_result", "a result", error.message)
            return Verdict(row.battle_id, "differs", row.score, reason=error.message, differences=(broken,))
        case = Case(row, result, tuple(find_faults(row, result)))
        if not is_judged_here(result):
            profile = result.get("profile")
            name = profile.get("id") if isinstance(profile, dict) else None
            return case.verdict("not_judged_here", f"its score is another judge's: {name or 'no profile'}")
        try:
            return self._judge_again(case)
        except VerificationError as error:  # a review that no judge writes
            wrong = Difference("evaluation.judge_review", "a review", error.message)
            return case.verdict("differs", error.message, differences=[wrong])
        except GreenLogicError as error:
            return case.verdict("failed", error.message, hint=error.hint)
        except Exception as error:  # noqa: BLE001  a fault of the judge in one battle must not stop the rest
            return case.verdict("failed", f"the judge failed: {type(error).__name__}: {error}")

    def _judge_again(self, case: Case) -> Verdict:
        evaluator, reviewer = self._open_evaluator(case.result)
        if evaluator.profile == case.result.get("profile"):
            return compare(case, self._evaluate_enough(evaluator, case), self._agent.sandbox.describe())
        reason, hint = explain_profile(case.result, evaluator.profile, reviewer)
        if not self._any_profile:
            return case.verdict("other_profile", reason, hint=hint)
        return compare_profiles(case, self._evaluate(evaluator, rebuild_battle(case.result), case), reason)

    def _open_evaluator(self, result: dict[str, Any]) -> tuple[Evaluator, RecordedReviewer | None]:
        """The judge that the record names, as far as this machine has its parts; the reviewer is the record itself."""
        evaluation, reviewer = result["evaluation"], None
        if "judge_review" in evaluation or "+llm" in str(result.get("profile")):
            model, reviews = self._settings.judge_model, self._settings.judge_reviews
            reviewer = RecordedReviewer(evaluation.get("judge_review"), model=model, reviews=reviews)
        embedder = evaluation.get("embedder")
        name = str(embedder.get("id")) if isinstance(embedder, dict) else ""
        own = next(iter(self._embedders.values()))
        mutants = _find_mutants(str(result.get("profile")))
        return Evaluator(self._embedders.get(name, own), self._agent.sandbox, reviewer, mutants=mutants), reviewer

    def _evaluate_enough(self, evaluator: Evaluator, case: Case) -> list[dict[str, Any]]:
        """Results of judging a battle again: one, or some more where they differ in what a test run may change."""
        battle = rebuild_battle(case.result)
        found = [self._evaluate(evaluator, battle, case)]
        while len(found) < RUNS and not is_equal(case, found[-1]) and not is_decided(case, found[-1]):
            found.append(self._evaluate(evaluator, battle, case))
        return found

    def _evaluate(self, evaluator: Evaluator, battle: Battle, case: Case) -> dict[str, Any]:
        found = with_retries(self._settings, partial(evaluator.evaluate, battle), pause=self._pause)
        as_recorded: dict[str, Any] = orjson.loads(orjson.dumps(found))  # JSON has no tuples
        then = case.result.get("evaluator")
        if isinstance(then, dict) and isinstance(then.get("version"), str):
            as_recorded["evaluator"]["version"] = then["version"]  # the profile, not the version, makes the score
        return as_recorded

    def _pause(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise RetryableError("it was interrupted")


def _find_mutants(profile: str) -> int:
    """On how many broken copies the tests were run, by the profile's name (`mutation.verdict.profile_suffix`)."""
    named = _MUTANTS_NAMED.search(profile)
    return MUTANTS if named is None else int(named[1] or 0)
