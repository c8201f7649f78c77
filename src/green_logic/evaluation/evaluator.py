"""One battle → its result: every piece of evidence gathered, then scored by `cis`.

The result keeps the names that the origin's readers know (`evaluation.rationale_score`, …, `audit_result`,
`sandbox_result`) and adds the evidence behind each number. `timing` and `sandbox_result` are the only parts that may
differ between two honest evaluations of one battle.
"""

from __future__ import annotations

import ast
import sys
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from green_logic import __version__
from green_logic.battle import Battle
from green_logic.errors import NotEvaluatedError
from green_logic.evaluation import cis, cuts
from green_logic.evaluation.breakdown import explain
from green_logic.evaluation.constraints import Constraint, check_constraints
from green_logic.evaluation.definitions import TASKS_KEPT, count_test_functions, find_public_names, missing_entry_points
from green_logic.evaluation.embedding import CachedEmbedder, cosine
from green_logic.evaluation.hashed import HashedEmbedder
from green_logic.evaluation.imports import find_imports
from green_logic.evaluation.judge.review import NoReview, Review, Reviewing, review_logic
from green_logic.evaluation.mutation import verdict as testing
from green_logic.evaluation.mutation.examination import Examination
from green_logic.evaluation.run_evidence import all_passed, describe_run
from green_logic.evaluation.sandbox import Sandbox, TestRun
from green_logic.evaluation.security.findings import Finding, find_findings
from green_logic.evaluation.smells import Smell, find_smells
from green_logic.evaluation.static_checks import Parsed, parse_source

AVAILABLE = sys.stdlib_module_names | {"solution", "pytest"}  # what hidden tests may import
Vector = NDArray[np.float64]  # 384 floats of length 1
# Top-level names of a result that only the judge fills in; an input that uses one keeps its value under "input".
RESERVED = frozenset(
    {"audit_result", "sandbox_result", "evaluation", "profile", "evaluator", "timing", "battle_sha256", "input"}
)


class Evaluator:
    """The judge: an embedder and a sandbox. Safe to use from several threads."""

    def __init__(
        self,
        embedder: CachedEmbedder,
        sandbox: Sandbox,
        judge: Reviewing | None = None,
        *,
        mutants: int = testing.MUTANTS,
    ) -> None:
        """`mutants`: broken copies of each solution that its own tests are run on; 0: T is their pass rate alone."""
        self._mutants = mutants
        self._embedder = embedder
        self._words = CachedEmbedder(HashedEmbedder())
        self._sandbox = sandbox
        self._reviewer = judge
        fallback = "" if embedder.id.startswith("minilm") else f"+{embedder.id}"
        # scores that rest on another embedding must never be averaged with these, so the name differs too
        self.profile = {
            "id": cis.PROFILE + fallback + testing.profile_suffix(mutants) + ("+llm" if judge else ""),
            "sha256": cis.profile_digest(
                {
                    "embedder": embedder.id,
                    "weights_sha256": embedder.weights_sha256,
                    "code_similarity": self._words.id,
                    "mutation": testing.constants(mutants),
                    "hidden_tests": cuts.constants(),
                    **({"judge": judge.profile} if judge else {}),
                }
            ),
        }

    def evaluate(self, battle: Battle) -> dict[str, Any]:
        """The result of a battle, ready to be sealed.

        Raises RetryableError when the sandbox failed, NotEvaluatedError when the task itself cannot be judged.
        """
        started = time.perf_counter()
        parsed = parse_source(battle.submission.source_code)
        vectors = self._embed(battle)
        static_s = time.perf_counter() - started
        own = self._run_own_tests(battle, parsed)
        hidden = self._run_hidden_tests(battle, parsed)
        review = self._review(battle, parsed)
        evaluation = self._judge(battle, parsed, vectors, own, hidden, review=review)
        timing = {
            "wall_s": time.perf_counter() - started,
            "static_s": static_s,
            **_times("own", own.base if isinstance(own, Examination) else own),
            **({"mutants_s": own.wall_s} if isinstance(own, Examination) else {}),
            **_times("hidden", hidden),
            **(review.timing() if isinstance(review, Review) else {}),
        }
        return {
            **_input_parts(battle),
            "battle_id": battle.battle_id,
            "battle_sha256": battle.sha256,
            "audit_result": evaluation.pop("audit_result"),
            "sandbox_result": self._sandbox_result(own, hidden),
            "evaluation": evaluation,
            "profile": self.profile,
            "evaluator": {"name": "green-logic", "version": __version__},
            "timing": {name: round(seconds, 4) for name, seconds in timing.items()},
        }

    def _embed(self, battle: Battle) -> dict[str, Vector]:
        texts = {"task": battle.task.description, "rationale": battle.submission.rationale}
        texts = {name: text for name, text in texts.items() if text.strip()}
        return dict(zip(texts, self._embedder.embed(list(texts.values())), strict=True))

    def _compare_code(self, battle: Battle) -> float:
        """Cosine of task and source by the words that they share, which no score rests on.

        A language model of prose knows little of code, and reading it took twice the time of everything else in R.
        """
        source = battle.submission.source_code
        if not source.strip():
            return 0.0
        return round(cosine(*self._words.embed([battle.task.description, source])), cis.COSINE_DIGITS)

    def _run_own_tests(self, battle: Battle, parsed: Parsed) -> TestRun | Examination | None:
        tests = battle.submission.test_code
        if parsed.tree is None or not tests.strip():
            return None
        if self._mutants:
            return self._sandbox.examine_tests(parsed.source, tests, mutants=self._mutants)
        return self._sandbox.run_tests(parsed.source, tests, kind="own")

    def _run_hidden_tests(self, battle: Battle, parsed: Parsed) -> TestRun | None:
        tests = battle.task.hidden_tests
        if not tests or not tests.strip():
            return None
        fault = _find_fault(tests)
        if fault:
            raise NotEvaluatedError(
                f"battle {battle.battle_id}: task.hidden_tests {fault}",
                hint="put the task right, then run the same command again",
            )
        return None if parsed.tree is None else self._sandbox.run_tests(parsed.source, tests, kind="hidden")

    def _review(self, battle: Battle, parsed: Parsed) -> Review | NoReview | None:
        if self._reviewer is None:
            return None
        # the reviewer could only raise what cannot run
        return NoReview("the source does not parse") if parsed.tree is None else self._reviewer.review(battle)

    def _judge(
        self,
        battle: Battle,
        parsed: Parsed,
        vectors: Mapping[str, Vector],
        own: TestRun | Examination | None,
        hidden: TestRun | None,
        *,
        review: Review | NoReview | None,
    ) -> dict[str, Any]:
        findings = find_findings(parsed.tree) if parsed.tree else ()
        smells = find_smells(parsed.tree) if parsed.tree else ()
        constraints = _check_constraints(parsed, battle)
        components = {
            "rationale": _rationale(battle, parsed, vectors),
            "architecture": _architecture(parsed, constraints, smells),
            "testing": _testing(battle.submission.test_code, parsed, own),
            "logic": _logic(battle.task.hidden_tests, parsed, hidden),
        }
        reviewed: dict[str, Any] = {}
        if review is not None:
            components["logic"], reviewed["judge_review"] = review_logic(components["logic"], review)
        declared = battle.task.entry_points
        missing = missing_entry_points(parsed.tree, declared) if parsed.tree else tuple(declared)
        reported = battle.record.red_report.vulnerabilities if battle.record.red_report else []
        severities = [finding.severity for finding in findings] + [item.severity for item in reported]
        verdict = cis.combine(
            components, cis.red_multiplier(severities), cis.intent_multiplier(len(declared), len(missing))
        )
        return {
            **{f"{name}_score": part.value for name, part in components.items()},
            "cis_score": verdict.cis,
            "breakdown": explain(
                components, verdict, findings=findings, reported=severities[len(findings) :], missing=missing
            ),
            "coverage": verdict.coverage,
            "components": {name: _component(part) for name, part in components.items()},
            # the origin's name for the share taken off; the factor itself is red_multiplier
            "red_penalty_applied": cis.rounded(1 - verdict.red_multiplier),
            "red_multiplier": verdict.red_multiplier,
            "intent_multiplier": verdict.intent_multiplier,
            "entry_points": {"declared": list(declared), "missing": list(missing)},
            "intent_code_similarity": self._compare_code(battle),
            "intent_vector": vectors["task"].tolist(),
            "embedder": {"id": self._embedder.id, "weights_sha256": self._embedder.weights_sha256},
            "judge": review.label if review is not None else "none",
            **reviewed,
            "audit_result": _audit(parsed, constraints, findings, smells),
        }

    def _sandbox_result(self, own: TestRun | Examination | None, hidden: TestRun | None) -> dict[str, Any]:
        base, variants_cpu_s = (own.base, own.cpu_s) if isinstance(own, Examination) else (own, 0.0)
        runs = {name: run for name, run in (("own", base), ("hidden", hidden)) if run is not None}
        cpu_s = {**{name: run.cpu_s for name, run in runs.items()}, "mutants": variants_cpu_s}
        return {
            "success": bool(runs) and all(run.ended == "finished" and all_passed(run) for run in runs.values()),
            "duration": round(sum(run.wall_s for run in runs.values()), 4),
            "tests_used": "+".join(runs) or "none",
            "output": "\n".join(run.output for run in runs.values())[-2000:],  # characters; the origin's limit
            "sandbox": self._sandbox.describe(),
            "ended": {name: run.ended for name, run in runs.items()},
            "cpu_s": {name: round(seconds, 4) for name, seconds in cpu_s.items() if seconds},
        }


def _input_parts(battle: Battle) -> dict[str, Any]:
    kept = {name: value for name, value in battle.value.items() if name not in RESERVED}
    clashes = {name: value for name, value in battle.value.items() if name in RESERVED}
    kept.setdefault("red_report", None)
    return {**kept, "input": clashes} if clashes else kept


@lru_cache(maxsize=TASKS_KEPT)
def _find_fault(tests: str) -> str:
    """Why hidden tests cannot judge anything, whatever the submission; "" when they can. Told from their text alone."""
    parsed = parse_source(tests)
    if parsed.tree is None:
        return f"do not parse: {parsed.error}"
    if not count_test_functions(tests):
        return "hold no test function that can be found"
    foreign = {found.module.split(".")[0] for found in find_imports(parsed.tree) if found.module} - AVAILABLE
    return f"import {', '.join(sorted(foreign))}, which the sandbox does not have" if foreign else ""


def _check_constraints(parsed: Parsed, battle: Battle) -> tuple[Constraint, ...]:
    if parsed.tree is None:
        return ()
    # the entry points say where a recursion has to be reached from: a decoy beside the real code does not count
    return check_constraints(parsed.tree, battle.task.constraints, entry_points=battle.task.entry_points)


def _rationale(battle: Battle, parsed: Parsed, vectors: Mapping[str, Vector]) -> cis.Component:
    if "rationale" not in vectors:
        return cis.Component(0.0, "none", {"reason": "no rationale"})
    similarity = round(cosine(vectors["task"], vectors["rationale"]), cis.COSINE_DIGITS)
    names = find_public_names(parsed.tree) if parsed.tree else ()
    grounding = cis.rounded(cis.grounding(names, battle.submission.rationale))
    task = f"{battle.task.title}\n{battle.task.description}"
    copied = cis.rounded(cis.copied_share(battle.submission.rationale, task))
    evidence = {"similarity": similarity, "grounding": grounding, "copied": copied, "public_names": len(names)}
    return cis.Component(cis.rationale_score(similarity, grounding, copied), "embedding", evidence)


def _architecture(parsed: Parsed, constraints: Sequence[Constraint], smells: Sequence[Smell]) -> cis.Component:
    if parsed.tree is None:
        return cis.Component(0.0, "ast", {"reason": f"the source does not parse: {parsed.error}"})
    if all(_is_no_code(statement) for statement in parsed.tree.body):
        return cis.Component(0.0, "ast", {"reason": "the source holds no code"})  # which breaks no rule, and earns none
    violated = [constraint for constraint in constraints if constraint.ok is False]
    evidence = {
        "violated": [f"{item.name}: {item.message}" for item in violated],
        "unchecked": [item.name for item in constraints if item.ok is None],
        "smells": [f"line {smell.line}: {smell.message}" for smell in smells],
    }
    return cis.Component(cis.architecture_score([item.penalty for item in violated], len(smells)), "ast", evidence)


def _is_no_code(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _testing(tests: str, parsed: Parsed, own: TestRun | Examination | None) -> cis.Component:
    if not tests.strip():
        return cis.Component(0.0, "none", {"reason": "no tests of its own"})
    if parsed.tree is None or own is None:
        return cis.Component(0.0, "none", {"reason": "the source does not parse, so nothing was run"})
    return testing.judge_examination(own, tests) if isinstance(own, Examination) else testing.judge_run(own, tests)


def _logic(tests: str | None, parsed: Parsed, run: TestRun | None) -> cis.Component:
    if not tests or not tests.strip():
        return cis.Component(None, "none", {"reason": "the task has no hidden tests and no LLM judge is configured"})
    expected = count_test_functions(tests)
    if parsed.tree is None or run is None:
        return cis.Component(0.0, "hidden_tests", {"reason": "the source does not parse", "total": len(expected)})
    by_function: dict[str, list[str]] = {name: [] for name in expected}
    for test in run.outcomes:
        by_function.setdefault(test.name.split("[", 1)[0], []).append(test.outcome)
    # a function passes when all its parameter sets do; one that is missing, skipped or crashed does not
    results = {name: bool(by_function[name]) and set(by_function[name]) == {"passed"} for name in expected}
    passed = sum(results.values()) if run.ended == "finished" else min(sum(results.values()), len(expected) - 1)
    evidence = {**describe_run(run, passed, len(expected)), "functions": results}
    return cis.Component(cis.pass_rate(passed, len(expected)), "hidden_tests", evidence)


def _component(part: cis.Component) -> dict[str, object]:
    return {"value": part.value, "source": part.source, "evidence": dict(part.evidence)}


def _audit(
    parsed: Parsed, constraints: Sequence[Constraint], findings: Sequence[Finding], smells: Sequence[Smell]
) -> dict[str, Any]:
    violated = [item for item in constraints if item.ok is False]
    return {
        "valid": parsed.tree is not None and not violated,
        "penalty": max((item.penalty for item in violated), default=0.0 if parsed.tree else 1.0),
        "reason": parsed.error or "; ".join(item.message for item in violated),
        "constraints": [
            {"name": item.name, "ok": item.ok, "penalty": item.penalty, "line": item.line, "message": item.message}
            for item in constraints
        ],
        "security_issues": [
            {"rule": item.rule, "cwe": item.cwe, "severity": item.severity, "line": item.line, "message": item.message}
            for item in findings
        ],
        "code_smells": [{"name": smell.name, "line": smell.line, "message": smell.message} for smell in smells],
    }


def _times(name: str, run: TestRun | None) -> dict[str, float]:
    return {} if run is None else {f"{name}_tests_s": run.wall_s}
