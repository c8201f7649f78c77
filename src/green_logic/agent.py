"""GreenAgent: evaluate a battle, generate its DBOM, submit the result. The front door.

`generate_dbom` and `submit_result` take a result dict with the names of the arena this design comes from
(`battle_id`, `evaluation.cis_score`, `evaluation.breakdown`, `evaluation.intent_vector`), so that its callers switch by
changing one import. What is missing is an error here: no score becomes 0.0 and no vector becomes zeros.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from green_logic.battle import Battle, check_battle_id, parse_battle
from green_logic.errors import ConflictError, InvalidBattleError, RetryableError, VerificationError
from green_logic.evaluation.sandbox import Limits, Sandbox
from green_logic.ledger.database import Ledger, Receipt
from green_logic.ledger.reading import check_ledger_awaits_key
from green_logic.proof.dbom import Sealed, check_dbom, parse_dbom, seal_result
from green_logic.proof.keys import SigningKey, is_to_be_made, load_signing_key
from green_logic.settings import Settings, load_settings

if TYPE_CHECKING:
    from green_logic.evaluation.evaluator import Evaluator
    from green_logic.evaluation.judge.judge import Judge
    from green_logic.evaluation.judge.settings import JudgeSettings


class GreenAgent:
    """A judge with its ledger. Sandbox, weights, key and ledger are opened when first needed; close it afterwards."""

    def __init__(self, data_dir: str | Path | None = None, *, settings: Settings | None = None) -> None:
        self.settings = settings or load_settings({"data_dir": data_dir})

    def __enter__(self) -> GreenAgent:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @cached_property
    def sandbox(self) -> Sandbox:
        """Where submissions run."""
        limits = Limits.of_time(self.settings.test_timeout_s)
        return Sandbox.open(
            workers=self.settings.workers, limits=limits, allow_unsandboxed=self.settings.allow_unsandboxed
        )

    @cached_property
    def evaluator(self) -> Evaluator:
        """What judges a battle."""
        with ThreadPoolExecutor(1) as beside:
            # its workers start their interpreters while numpy is loaded and the weights are read here
            sandbox = beside.submit(lambda: self.sandbox)
            from green_logic.evaluation.embedding import open_embedder  # noqa: PLC0415
            from green_logic.evaluation.evaluator import Evaluator  # noqa: PLC0415

            embedder = open_embedder(self.settings.model_dir)
        return Evaluator(embedder, sandbox.result(), self.judge, mutants=self.settings.mutants)

    @cached_property
    def judge(self) -> Judge | None:
        """The LLM reviewer, once it has shown that it answers; None when none is configured.

        Raises ConfigurationError for a wrong address, key or model, RetryableError when a required one does not answer.
        """
        if not self.settings.judge:
            return None
        from green_logic.evaluation.judge.judge import Judge  # noqa: PLC0415  it loads an HTTP client

        judge = Judge.open(judge_settings(self.settings))
        with contextlib.ExitStack() as undo:
            undo.callback(judge.close)
            with contextlib.suppress(*(() if self.settings.judge_required else (RetryableError,))):
                judge.check()
            undo.pop_all()
        return judge

    @cached_property
    def key(self) -> SigningKey:
        """The judge's key; read once, so that every seal is by the key that the ledger was opened with."""
        if is_to_be_made(self.settings):
            check_ledger_awaits_key(self.settings)  # first: a key that fits nothing must not stay behind
        return load_signing_key(self.settings)

    @cached_property
    def ledger(self) -> Ledger:
        """The books, open for writing."""
        return Ledger.open(self.settings, self.key)

    def evaluate(self, battle: Battle | Mapping[str, Any]) -> dict[str, Any]:
        """The result of a battle, given as a Battle or as the JSON object of one input line.

        Raises InvalidBattleError, RetryableError (the judge's machinery failed) or NotEvaluatedError.
        """
        if not isinstance(battle, Battle):
            try:
                battle = parse_battle(orjson.dumps(dict(battle)), max_source_bytes=self.settings.max_source_bytes)
            except (orjson.JSONEncodeError, RecursionError) as error:
                raise InvalidBattleError(f"expected what JSON can hold, got {error}") from error
        return self.evaluator.evaluate(battle)

    def seal(self, result: Mapping[str, Any]) -> Sealed:
        """The sealed form of a result; nothing is written."""
        return seal_result(result, key=self.key, origin=self.ledger.origin)

    def generate_dbom(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """The DBOM of a result, durable in `data/dboms/` when this returns.

        A battle on the ledger keeps the DBOM it has. Raises ConflictError when that one is of a different result.
        """
        sealed = self._seal_once(result)
        known = self.ledger.find([sealed.battle_id]).get(sealed.battle_id)
        if known is None:
            self.ledger.write_dboms([sealed])
            return parse_dbom(sealed.dbom_bytes())
        if known.evidence_sha256 != sealed.evidence_sha256:
            raise ConflictError(
                f"battle {sealed.battle_id}: recorded with h_delta {known.h_delta[:12]}…, got a different result",
                hint="the first result stays; give the new one an id of its own",
            )
        return parse_dbom(self.ledger.recorded_dbom(known.battle_id))

    def submit_result(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Commit a result with its DBOM; durable when it returns. The status is "recorded" or "already_recorded".

        Raises ConflictError when a different result is recorded under its id: the first stays, row and proof.
        """
        sealed = self._seal_once(result)
        receipt = self.ledger.submit_one(sealed)
        return {
            "status": receipt.status,
            "battle_id": receipt.battle_id,
            "score": sealed.score,
            "dbom_hash": receipt.h_delta,
            "dbom": str(self.settings.dboms / sealed.file_name),
        }

    def submit_results(self, results: Sequence[Mapping[str, Any]]) -> list[Receipt]:
        """Commit many results in one transaction; a conflict is a receipt, not an error. Receipts in the same order."""
        return self.ledger.submit([self._seal_once(result) for result in results])

    def close(self) -> None:
        """End the sandbox and fold the ledger's WAL. The agent may be used again; it opens anew."""
        for name in ("evaluator", "judge", "sandbox", "ledger", "key"):
            part = self.__dict__.pop(name, None)
            if part is not None and hasattr(part, "close"):
                part.close()

    def _seal_once(self, result: Mapping[str, Any]) -> Sealed:
        """The seal that `generate_dbom` wrote for this very result, or a new one: the timestamp is part of it."""
        check_battle_id(result.get("battle_id"))
        sealed = self.seal(result)
        data = self.ledger.read_dbom(sealed.battle_id)
        if data is None:
            return sealed
        try:
            dbom = check_dbom(
                data, {self.key.keyid: self.key.public}, origin=self.ledger.origin, raw_result=sealed.raw_result
            )
        except VerificationError:
            return sealed
        return dataclasses.replace(sealed, timestamp=dbom["timestamp"], envelope=dbom["sigma_judge"])


def judge_settings(settings: Settings) -> JudgeSettings:
    """How to reach the LLM reviewer. Raises ConfigurationError for what cannot be an address, a model or a number."""
    from green_logic.evaluation.judge.settings import JudgeSettings, find_url  # noqa: PLC0415  most runs have none

    return JudgeSettings(
        url=find_url(settings.judge),
        model=settings.judge_model,
        required=settings.judge_required,
        reviews=settings.judge_reviews,
        timeout_s=settings.judge_timeout_s,
        concurrency=settings.judge_concurrency,
    )
