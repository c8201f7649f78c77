"""One battle: a coding task and one agent's submission, from untrusted JSON to typed values.

Parsing is strict where leniency would let two readers see two battles: duplicate keys, NaN, lone surrogates and numbers
that JSON tools print differently are refused. Unknown keys are kept, never dropped.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import orjson

from green_logic.errors import InvalidBattleError
from green_logic.settings import MAX_SOURCE_BYTES
from green_logic.strict_json import ABSENT, BATTLE_ID, check_battle_id, excerpt, kind_of, parse_json

__all__ = [  # with the light part that moved to strict_json
    "BATTLE_ID",
    "Battle",
    "BattleRecord",
    "Submission",
    "Task",
    "check_battle_id",
    "excerpt",
    "parse_battle",
    "parse_json",
]

SEVERITIES = ("critical", "high", "medium", "low", "info", "none")
SPELLINGS = {"source_code": "sourceCode", "test_code": "testCode"}
KINDS = {
    "str": "a string",
    "array": "a list",
    "object": "an object",
    "int": "an integer",
}  # whoever wrote it knows JSON
# what msgspec says
EXPECTED = re.compile(r"^Expected `(\w+)")
MISSING = re.compile(r"^Object missing required field `(\w+)`$")
STEP = re.compile(r"[.\[](\w+)")


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent was asked to do, and how the judge checks it. Constraints come from here, never from the agent."""

    id: str | None = None
    title: str = ""
    description: str
    entry_points: list[str] = []
    constraints: dict[str, Any] = {}
    hidden_tests: str | None = None


class Submission(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the agent answered. An absent part is an empty one: it scores 0, it does not refuse the battle."""

    source_code: str
    test_code: str = ""
    rationale: str = ""


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """Who answered."""

    agent: str | None = None
    model: str | None = None


class Vulnerability(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of a red team. Only a structured severity counts; prose is never searched for one."""

    severity: Literal["critical", "high", "medium", "low", "info", "none"]
    category: str | None = None
    title: str | None = None
    line_number: int | None = None


class RedReport(msgspec.Struct, frozen=True, kw_only=True):
    """A red team's findings about the submission."""

    vulnerabilities: list[Vulnerability] = []


class BattleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The input contract of one line."""

    battle_id: str
    task: Task
    purple_response: Submission
    participant: Participant | None = None
    red_report: RedReport | None = None


@dataclass(frozen=True)
class Battle:
    """A valid battle.

    `value` is the input as it came, unknown keys included; `canonical` its one JSON text (sorted keys, compact);
    `sha256` the digest of that text: two inputs with one digest are the same battle.
    """

    record: BattleRecord
    value: Mapping[str, Any]
    canonical: bytes
    sha256: str

    @property
    def battle_id(self) -> str:
        """Unique on its ledger."""
        return self.record.battle_id

    @property
    def task(self) -> Task:
        """The task."""
        return self.record.task

    @property
    def submission(self) -> Submission:
        """The agent's answer."""
        return self.record.purple_response


def parse_battle(line: bytes, *, max_source_bytes: int = MAX_SOURCE_BYTES) -> Battle:
    """One JSON object as a Battle.

    Raises InvalidBattleError that names the field, what was expected and what was found.
    """
    value = parse_json(line)
    if not isinstance(value, dict):
        raise InvalidBattleError(f"expected a JSON object, got {kind_of(value)}")
    try:
        canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise InvalidBattleError(f"cannot be stored as JSON: {_reason(error)}") from error
    check_battle_id(value.get("battle_id", ABSENT))
    record = _convert(_spelled_once(value))
    for name, text in _texts("", record):
        if "\0" in text:
            raise InvalidBattleError(f"{name}: expected text without NUL characters, got {excerpt(text)}")
    if not record.task.description.strip():  # it has no embedding
        got = excerpt(record.task.description)
        raise InvalidBattleError(f"task.description: expected more than white space, got {got}")
    _check_sizes(record, max_source_bytes)
    _check_constraints(record.task.constraints)
    return Battle(record, value, canonical, hashlib.sha256(canonical).hexdigest())


def _check_sizes(record: BattleRecord, limit: int) -> None:
    parts = {
        "task.description": record.task.description,
        "task.hidden_tests": record.task.hidden_tests or "",
        "purple_response.sourceCode": record.purple_response.source_code,
        "purple_response.testCode": record.purple_response.test_code,
        "purple_response.rationale": record.purple_response.rationale,
    }
    for name, text in parts.items():
        size = len(text.encode())
        if size > limit:
            raise InvalidBattleError(f"{name}: expected at most {limit} bytes, got {size}")


def _check_constraints(constraints: Mapping[str, Any]) -> None:
    for name, value in constraints.items():
        field = f"task.constraints.{excerpt(name)}"
        if name.endswith("_imports") and not _is_names(value):
            raise InvalidBattleError(f"{field}: expected a list of module names, got {excerpt(value)}")
        if name.startswith(("require_", "forbid_")) and not isinstance(value, bool):
            raise InvalidBattleError(f"{field}: expected true or false, got {excerpt(value)}")


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _spelled_once(value: dict[str, Any]) -> dict[str, Any]:
    """The battle with one spelling of each name."""
    response = value.get("purple_response")
    if not isinstance(response, dict):
        return value
    for other, name in SPELLINGS.items():
        if other in response and name in response:  # one reader would judge the one text, another reader the other
            raise InvalidBattleError(f"purple_response: expected {name} or {other}, got both")
    return {**value, "purple_response": {SPELLINGS.get(name, name): part for name, part in response.items()}}


def _convert(value: dict[str, Any]) -> BattleRecord:
    try:
        return msgspec.convert(value, BattleRecord)
    except msgspec.ValidationError as error:
        raise InvalidBattleError(_explain(str(error), value)) from error


def _explain(message: str, value: Any) -> str:
    """What msgspec says, such as "Expected `str`, got `int` - at `$.task.id`", in the words of JSON, with the value."""
    said, _, place = message.partition(" - at ")
    steps = STEP.findall(place)
    missing = MISSING.search(said)
    if missing:
        return f"{'.'.join([*steps, missing[1]])}: missing"
    for step in steps:
        value = value[int(step) if isinstance(value, list) else step]
    kind = EXPECTED.search(said)
    # all that is left is a severity that there is not
    expected = KINDS[kind[1]] if kind else f"one of {', '.join(map(repr, SEVERITIES))}"
    return f"{'.'.join(steps)}: expected {expected}, got {excerpt(value)}"


def _texts(place: str, value: object) -> Iterator[tuple[str, str]]:
    """Every text of a record, with the name of its field."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _texts(f"{place}.{number}", item)
    elif isinstance(value, msgspec.Struct):
        for attribute, name in zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True):
            yield from _texts(f"{place}.{name}".removeprefix("."), getattr(value, attribute))


def _reason(error: BaseException) -> str:
    text = str(error)
    if "surrogate" in text or "utf-8" in text.lower():
        return "a lone surrogate (half a character)"
    return "nested deeper than 254" if "ecursion" in text or isinstance(error, RecursionError) else text
