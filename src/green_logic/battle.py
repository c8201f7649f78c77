"""One battle: a coding task and one agent's submission, from untrusted JSON to typed values.

Parsing is strict where leniency would let two readers see two battles: duplicate keys, NaN, lone surrogates and numbers
that JSON tools print differently are refused. Unknown keys are kept, never dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

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


def _text(value: object) -> object:
    if isinstance(value, str) and "\0" in value:
        raise ValueError(f"expected text without NUL characters, got {excerpt(value)}")
    return value


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError(f"expected more than white space, got {excerpt(text)}")
    return text


Text = Annotated[str, BeforeValidator(_text)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, frozen=True, hide_input_in_errors=True)


class Task(_Model):
    """What the agent was asked to do, and how the judge checks it. Constraints come from here, never from the agent."""

    id: Text | None = None
    title: Text = ""
    description: Annotated[Text, AfterValidator(_not_blank)]  # a blank one has no embedding
    entry_points: list[Text] = Field(default_factory=list)
    constraints: dict[str, Any] = Field(default_factory=dict)
    hidden_tests: Text | None = None


class Submission(_Model):
    """What the agent answered. An absent part is an empty one: it scores 0, it does not refuse the battle."""

    source_code: Text = Field(validation_alias=AliasChoices("sourceCode", "source_code"))
    test_code: Text = Field(default="", validation_alias=AliasChoices("testCode", "test_code"))
    rationale: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _one_name_each(cls, value: object) -> object:
        # one reader would judge the one text, another reader the other
        for pair in (("sourceCode", "source_code"), ("testCode", "test_code")):
            if isinstance(value, dict) and all(name in value for name in pair):
                raise ValueError(f"expected {pair[0]} or {pair[1]}, got both")
        return value


class Participant(_Model):
    """Who answered."""

    agent: Text | None = None
    model: Text | None = None


class Vulnerability(_Model):
    """One finding of a red team. Only a structured severity counts; prose is never searched for one."""

    severity: Literal["critical", "high", "medium", "low", "info", "none"]
    category: Text | None = None
    title: Text | None = None
    line_number: int | None = None


class RedReport(_Model):
    """A red team's findings about the submission."""

    vulnerabilities: list[Vulnerability] = Field(default_factory=list)


class BattleRecord(_Model):
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
    try:
        record = BattleRecord.model_validate(value)
    except ValidationError as error:
        raise InvalidBattleError(_first_error(error)) from error
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


_EXPECTED = {
    "string_type": "expected a string",
    "list_type": "expected a list",
    "dict_type": "expected an object",
    "model_type": "expected an object",
    "int_type": "expected an integer",
}


def _first_error(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "missing":
        return f"{field}: missing{more}"
    if first["type"] == "value_error":
        return f"{field}: {first['ctx']['error']}{more}"  # of our own validators, which say what they got
    # pydantic speaks of Python's types; whoever wrote the line knows JSON's
    expected = _EXPECTED.get(first["type"]) or f"{first['msg'][0].lower()}{first['msg'][1:]}"
    return f"{field}: {expected}, got {excerpt(first.get('input'))}{more}"


def _reason(error: BaseException) -> str:
    text = str(error)
    if "surrogate" in text or "utf-8" in text.lower():
        return "a lone surrogate (half a character)"
    return "nested deeper than 254" if "ecursion" in text or isinstance(error, RecursionError) else text
