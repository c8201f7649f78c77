"""How much of the OpenAI dialect a server understands. A request it rejects is put again in plainer words.

Servers differ in `response_format`, in the name of the token limit, and some models take no temperature or seed. What
is left out is recorded, since it weakens the review.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import orjson

from green_logic.evaluation.judge.prompt import Messages
from green_logic.evaluation.judge.reply import REPLY_SCHEMA

FORMATS = ("json_schema", "json_object", "none")  # from the strictest to the plainest
# Complaints about the length of the text, which no plainer request makes shorter.
TOO_LONG = re.compile(r"context[ _](?:length|window|size)|too many tokens|prompt is too long", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """What requests ask for; the default is everything."""

    format: str = FORMATS[0]
    token_field: str = "max_tokens"  # noqa: S105  the name of a parameter
    temperature: bool = True
    seed: bool = True
    system: bool = True  # whether the model's template has such a role; without it both messages become one

    def plainer(self, complaint: str) -> Dialect | None:
        """The dialect to try after a server's complaint, or None when nothing is left to leave out."""
        if TOO_LONG.search(complaint):
            return None
        named = (
            ("max_completion_tokens", replace(self, token_field="max_completion_tokens")),  # noqa: S106  as above
            ("temperature", replace(self, temperature=False)),
            (r"\bseed\b", replace(self, seed=False)),
            ("system (?:role|message)", replace(self, system=False)),
        )
        for pattern, dialect in named:
            if dialect != self and re.search(pattern, complaint, re.IGNORECASE):
                return dialect
        # servers word their refusal of a format in too many ways to look for one
        following = FORMATS.index(self.format) + 1
        return replace(self, format=FORMATS[following]) if following < len(FORMATS) else None

    def request(self, model: str, messages: Messages, *, seed: int, max_tokens: int) -> bytes:
        """The body of a request."""
        if not self.system:
            messages = ({"role": "user", "content": "\n\n".join(message["content"] for message in messages)},)
        body: dict[str, object] = {"model": model, "messages": messages, self.token_field: max_tokens}
        if self.temperature:
            body["temperature"] = 0
        if self.seed:
            body["seed"] = seed
        if self.format == "json_schema":
            schema = {"name": "logic_review", "strict": True, "schema": REPLY_SCHEMA}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif self.format == "json_object":
            body["response_format"] = {"type": "json_object"}
        return orjson.dumps(body)
