"""What an endpoint answered, read strictly: an opinion is either exactly what was asked for, or it is none.

Nothing is searched for in prose: a critique that quotes a contestant's `{"score": 1.0}` must not become that score.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from green_logic.errors import InvalidBattleError, NotEvaluatedError
from green_logic.evaluation.judge.errors import BusyError, MalformedReplyError
from green_logic.evaluation.judge.untrusted import printable
from green_logic.strict_json import kind_of, parse_json

CRITIQUE_CHARACTERS = 2000  # of the critique that is recorded
PROBLEM_CHARACTERS = 300  # of a server's own words in a message
ERRORS_SHOWN = 5  # problems of one reply that the model is told
REPLY_SCHEMA: dict[str, object] = {
    "type": "object",
    # in this order: a model that decides first and explains afterwards explains whatever it decided
    "properties": {"critique": {"type": "string"}, "score": {"type": "number"}},
    "required": ["critique", "score"],
    "additionalProperties": False,  # bounds are checked here: not every server knows them
}
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)\n?\s*```", re.DOTALL | re.IGNORECASE)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("expected a text, got white space")
    return text


class Opinion(BaseModel):
    """One review: a score in [0, 1] and its grounds."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    critique: Annotated[str, AfterValidator(_not_blank)]
    score: float = Field(ge=0, le=1, allow_inf_nan=False)


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class Completion(BaseModel):
    """The part of a chat completion that is used. `model` is what the server says it ran."""

    model_config = ConfigDict(hide_input_in_errors=True)

    choices: list[_Choice] = Field(min_length=1)
    model: str | None = None


def parse_completion(body: bytes) -> Completion:
    """A server's reply. Raises BusyError when it is no chat completion: that is not the model's fault."""
    try:
        return Completion.model_validate_json(body)
    except ValidationError as error:
        raise BusyError(f"the judge did not answer with a chat completion: {describe_problem(body)}") from error


def read_opinion(completion: Completion) -> Opinion:
    """The opinion in a completion.

    Raises NotEvaluatedError when the model refused, MalformedReplyError when it did not answer the question.
    """
    choice = completion.choices[0]
    if choice.message.refusal or choice.finish_reason == "content_filter":
        words = printable(choice.message.refusal or "content filter", PROBLEM_CHARACTERS)
        raise NotEvaluatedError(f"the judge refused to review: {words}")
    if choice.finish_reason == "length":
        raise MalformedReplyError(["it was cut off at the token limit; be brief"], truncated=True)
    if not choice.message.content or not choice.message.content.strip():
        raise MalformedReplyError(["it had no content"])
    return parse_opinion(choice.message.content)


def parse_opinion(text: str) -> Opinion:
    """An opinion from a model's text: one JSON object, bare, in one code fence, or after a block of thoughts.

    Raises MalformedReplyError with every problem that was found.
    """
    text = _without_thoughts(text.strip())
    fenced = _FENCE.fullmatch(text)
    try:
        value = parse_json((fenced.group(1) if fenced else text).encode("utf-8", "surrogatepass"))
    except InvalidBattleError as error:
        # up to the first quotation: what is quoted comes from the reply
        reason = re.split("['\"]", error.message)[0].strip(" :")
        raise MalformedReplyError([f"expected one JSON object, got text that is wrong: {reason}"]) from error
    if not isinstance(value, dict):
        raise MalformedReplyError([f"expected one JSON object, got {kind_of(value)}"])
    try:
        return Opinion.model_validate(value)
    except ValidationError as error:
        raise MalformedReplyError(_problems(error)) from error


def describe_problem(body: bytes) -> str:
    """A server's complaint in its own words, cut and without control characters."""
    words = " ".join((_find_message(body) or body.decode("utf-8", "replace")).split())
    return printable(words, PROBLEM_CHARACTERS) or "nothing"


def _find_message(body: bytes) -> str:
    # {"error": {"message": …}}, {"error": "…"}, {"message": …}, {"detail": …}: what servers of this kind send
    try:
        value: Any = orjson.loads(body)
    except ValueError:
        return ""
    while isinstance(value, dict):
        value = next((value[key] for key in ("error", "message", "detail") if value.get(key)), None)
    return value if isinstance(value, str) else ""


def _without_thoughts(text: str) -> str:
    # Only a text that begins with thoughts has any to take off: the tag may also be quoted in a critique.
    if text.startswith("<think>"):
        return text.rpartition("</think>")[2].strip()
    return text


def _problems(error: ValidationError) -> list[str]:
    problems = []
    for item in error.errors(include_url=False, include_input=False, include_context=False)[:ERRORS_SHOWN]:
        # the name of an unknown key is the model's own text
        known = item["loc"][0] if item["type"] != "extra_forbidden" else "a key that was not asked for"
        problems.append(f"{known}: {item['msg']}")
    return problems
