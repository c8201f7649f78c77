"""The Contextual Integrity Score, profile `cis-evidence/2`: a pure function of recorded evidence.

    R  rationale     (0.7·clamp01((cos(task, rationale) − 0.10)/0.50) + 0.3·grounding) · (1 − copied)
    A  architecture  (1 − largest penalty of a violated constraint) · (1 − min(0.2, 0.05·smells)); 0 if unparsable
    T  testing       pass rate of the submission's own tests · share of mutants that they notice; 0 without any
    L  logic         pass rate of the task's hidden tests; unmeasured without any
    CIS = weighted mean over the measured components · red · intent

What the submission lacks scores 0; what the judge lacks is unmeasured (None) and lowers `coverage`. Every value lies in
[0, 1] and every signal counts once. Scores of different profiles must never be averaged.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

PROFILE = "cis-evidence/2"
WEIGHTS = {"rationale": 0.25, "architecture": 0.25, "testing": 0.25, "logic": 0.25}  # the origin's: all alike
SIMILARITY_FLOOR = 0.10  # cosine of unrelated English texts under MiniLM; below it nothing is shared
SIMILARITY_SPAN = 0.50  # so that 0.60 is full: honest rationales of real battles reach 0.55–0.75
SIMILARITY_SHARE = 0.7  # of R; the rest is grounding, which a text without knowledge of the code cannot earn
GROUNDED_NAMES = 3  # public names that suffice; nobody has to list a whole interface
SHINGLE_WORDS = 8  # words in a row that two authors do not write alike by chance
SMELL_COST = 0.05  # of A for each smell
SMELL_LIMIT = 0.2  # of A for all of them: style must not outweigh the task's own constraints
RED_MULTIPLIERS = {"critical": 0.60, "high": 0.75, "medium": 0.85, "low": 0.95}  # the origin's
INTENT_FLOOR = 0.30  # what is left for code that defines none of the declared entry points; the origin's
COSINE_DIGITS = 4  # of a cosine before it is used: BLAS libraries differ in later ones
SCORE_DIGITS = 6  # of every score
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Component:
    """One of R, A, T, L: its value in [0, 1] or None (unmeasured), what it was measured by, and on what evidence."""

    value: float | None
    source: str
    evidence: Mapping[str, object]


@dataclass(frozen=True)
class Verdict:
    """The score and the factors that made it; `coverage` is the measured weight in [0, 1]."""

    cis: float
    mean: float
    coverage: float
    red_multiplier: float
    intent_multiplier: float


def profile_constants() -> dict[str, object]:
    """Every number of the formula."""
    return {
        "weights": WEIGHTS,
        "similarity": [SIMILARITY_FLOOR, SIMILARITY_SPAN, SIMILARITY_SHARE],
        "grounded_names": GROUNDED_NAMES,
        "shingle_words": SHINGLE_WORDS,
        "smells": [SMELL_COST, SMELL_LIMIT],
        "red_multipliers": RED_MULTIPLIERS,
        "intent_floor": INTENT_FLOOR,
        "digits": [COSINE_DIGITS, SCORE_DIGITS],
    }


def profile_digest(extra: Mapping[str, object]) -> str:
    """SHA-256 over the profile's constants and `extra` (constraint penalties, embedder), which make it reproducible."""
    content = {"profile": PROFILE, "constants": profile_constants(), **extra}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def rationale_score(similarity: float, grounding: float, copied: float) -> float:
    """R from the cosine of task and rationale, the share of names grounded, and the share of shingles copied."""
    near = clamp01((round(similarity, COSINE_DIGITS) - SIMILARITY_FLOOR) / SIMILARITY_SPAN)
    return rounded((SIMILARITY_SHARE * near + (1 - SIMILARITY_SHARE) * grounding) * (1 - copied))


def architecture_score(penalties: Sequence[float], smells: int) -> float:
    """A of code that parses, from the penalties of the violated constraints and the number of smells."""
    return rounded((1 - max(penalties, default=0.0)) * (1 - min(SMELL_LIMIT, SMELL_COST * smells)))


def pass_rate(passed: int, total: int) -> float:
    """L, or one factor of T, from counts; nothing to pass is 0."""
    return rounded(passed / total) if total else 0.0


def testing_score(rate: float, killed: float) -> float:
    """T from the pass rate of the submission's own tests and the share of broken copies that they notice."""
    return rounded(rate * killed)


def red_multiplier(severities: Iterable[str]) -> float:
    """One multiplier, of the worst severity; "info" and "none" cost nothing."""
    return min((RED_MULTIPLIERS.get(severity, 1.0) for severity in severities), default=1.0)


def intent_multiplier(declared: int, missing: int) -> float:
    """1 when nothing is declared; else by the share of declared entry points that the code defines."""
    return rounded(INTENT_FLOOR + (1 - INTENT_FLOOR) * (declared - missing) / declared) if declared else 1.0


def combine(components: Mapping[str, Component], red: float, intent: float) -> Verdict:
    """The CIS. `components` has the keys of WEIGHTS; at least one of them is measured."""
    measured = {name: part.value for name, part in components.items() if part.value is not None}
    coverage = sum(WEIGHTS[name] for name in measured)
    mean = sum(WEIGHTS[name] * value for name, value in measured.items()) / coverage
    return Verdict(rounded(mean * red * intent), rounded(mean), rounded(coverage), red, intent)


def grounding(names: Sequence[str], rationale: str) -> float:
    """Share of the code's public names that the rationale names as whole words; GROUNDED_NAMES of them suffice."""
    words = set(_WORD.findall(rationale))
    named = sum(name in words for name in names)
    return min(1.0, named / min(GROUNDED_NAMES, len(names))) if names else 0.0


def copied_share(rationale: str, task: str) -> float:
    """Share of the rationale's shingles that stand in the task text, whatever case and punctuation."""
    shingles = _shingles(rationale)
    return len(shingles & _shingles(task)) / len(shingles) if len(shingles) > 1 else float(_stands_in(rationale, task))


def clamp01(value: float) -> float:
    """`value` cut to [0, 1]."""
    return min(1.0, max(0.0, value))


def rounded(value: float) -> float:
    """A score, cut to [0, 1] and to the digits that are kept."""
    return round(clamp01(value), SCORE_DIGITS)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = _words(text)
    return {tuple(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1)}


def _stands_in(rationale: str, task: str) -> bool:
    # a rationale of up to eight words is one shingle, however short
    words = _words(rationale)
    return bool(words) and f" {' '.join(words)} " in f" {' '.join(_words(task))} "
