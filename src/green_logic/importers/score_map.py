"""`--score-map`: how a foreign score becomes a number from 0 to 1. Said by the operator, never guessed.

C=1,I=0,P=0.5,N=0      a table of values
linear:0..10           0 becomes 0, 10 becomes 1; linear:10..0 when less is better
accuracy@C=1,I=0       only for the scorer `accuracy`; others need a map of their own
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from green_logic.battle import excerpt
from green_logic.errors import ConfigurationError, InvalidBattleError

LINEAR = "linear:"
HINT = "for example --score-map C=1,I=0,P=0.5,N=0 or --score-map linear:0..10"


@dataclass(frozen=True)
class ScoreMap:
    """One map: a table, or a range whose first end becomes 0 and whose second becomes 1."""

    text: str
    table: Mapping[str, float]
    ends: tuple[float, float] | None = None

    def apply(self, value: object) -> float:
        """The score of a foreign value, from 0 to 1. Raises InvalidBattleError when this map has none for it."""
        label = _label(value)
        if label in self.table:
            return self.table[label]
        if self.ends is None or isinstance(value, (bool, str)) or not isinstance(value, (int, float)):
            raise InvalidBattleError(f"score {excerpt(value)}: the score map {self.text} has nothing for it")
        start, end = self.ends
        # a quotient of two exact ends is exactly 0 or 1 at the ends
        score = (value - start) / (end - start)
        if not 0.0 <= score <= 1.0:
            raise InvalidBattleError(f"score {excerpt(value)}: outside of the score map {self.text}")
        return score


@dataclass(frozen=True)
class ScoreMaps:
    """The maps of one import, by scorer; the one under "" is for every other scorer."""

    by_scorer: Mapping[str, ScoreMap] = field(default_factory=dict)

    def find(self, *scorers: str) -> ScoreMap:
        """The map of the first of `scorers` that has one of its own, else the general one.

        Raises InvalidBattleError when the operator gave none: a foreign score is never guessed.
        """
        for scorer in (*scorers, ""):
            if scorer in self.by_scorer:
                return self.by_scorer[scorer]
        raise InvalidBattleError(f"scorer {excerpt(scorers[0])}: no --score-map says what its values are worth: {HINT}")


def parse_score_maps(texts: Sequence[str]) -> ScoreMaps:
    """The maps of the command line. Raises ConfigurationError that says what was expected."""
    maps: dict[str, ScoreMap] = {}
    for text in texts:
        scorer, _, rest = text.rpartition("@")
        if scorer in maps:
            raise ConfigurationError(f"--score-map: two maps for {excerpt(scorer) if scorer else 'every scorer'}")
        maps[scorer] = _parse(rest)
    return ScoreMaps(maps)


def _parse(text: str) -> ScoreMap:
    if text.startswith(LINEAR):
        first, dots, last = text.removeprefix(LINEAR).partition("..")
        start, end = _number(first, text), _number(last, text)
        if not dots or start == end or not math.isfinite(end - start):
            raise ConfigurationError(f"--score-map {text}: expected linear:FROM..TO with two ends", hint=HINT)
        return ScoreMap(text, {}, (start, end))
    table: dict[str, float] = {}
    for part in text.split(","):
        label, equals, number = part.rpartition("=")
        score = _number(number, text)
        if not equals or label in table or not 0.0 <= score <= 1.0:
            raise ConfigurationError(
                f"--score-map {text}: expected each value once, as VALUE=SCORE with a score from 0 to 1, got {part!r}",
                hint=HINT,
            )
        table[label] = score
    return ScoreMap(text, table)


def _number(text: str, whole: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigurationError(f"--score-map {whole}: expected a number, got {text!r}", hint=HINT)
    return number + 0.0


def _label(value: object) -> str:
    """A value as it is written in a table: text as it is, true and false as in JSON, 1.0 as 1."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
