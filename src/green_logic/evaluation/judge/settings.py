"""Where the LLM reviewer is, and how patiently it is asked. Its key is no setting: it comes from the environment.

No vendor's host name is written here: `--judge openai` means whatever OPENAI_BASE_URL says, because a default address
would send a contestant's code to a third party after nothing but a forgotten variable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from green_logic.errors import ConfigurationError

OPENAI = "openai"  # the one name that stands for an address
KEY_VARIABLES = ("GREEN_LOGIC_JUDGE_KEY", "OPENAI_API_KEY")  # the first one that is set wins
BASE_URL_VARIABLE = "OPENAI_BASE_URL"
ENDPOINT = "/chat/completions"
MOST_REVIEWS = 15  # beyond that only the bill grows
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_KEY = re.compile(r"[!-~]{1,4096}")  # what a header may carry; the HTTP library's error would quote anything else


@dataclass(frozen=True)
class JudgeSettings:
    """A reviewer. `url` is an OpenAI-compatible base address, with or without `/v1` and `/chat/completions`.

    Raises ConfigurationError for a value that cannot work.
    """

    url: str
    model: str
    required: bool = False  # True: without its reviews a battle is not evaluated; False: it is judged without them
    reviews: int = 3  # of one battle; odd, so that the median is a score that a review gave
    timeout_s: float = 120.0  # of one request, from its first byte to its last; a slow local model needs this
    max_attempts: int = 5  # requests of one review, those that follow a malformed reply included
    max_wait_s: float = 30.0  # longest pause between two of them, whatever Retry-After says
    concurrency: int = 16  # requests at once, over all battles
    max_tokens: int = 4096  # of one reply; models that think aloud need most of it for that

    def __post_init__(self) -> None:
        """Refuse what cannot work, before a battle is read."""
        _check_url(self.url)
        if not self.model.strip():
            raise ConfigurationError("judge: expected the name of a model, got none", hint="add --judge-model NAME")
        if self.reviews not in range(1, MOST_REVIEWS + 1, 2):
            raise ConfigurationError(
                f"judge reviews: expected an odd number from 1 to {MOST_REVIEWS}, got {self.reviews}"
            )
        for name in ("timeout_s", "max_attempts", "concurrency", "max_tokens"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigurationError(f"judge {name}: expected more than 0, got {getattr(self, name)}")
        if not 0 <= self.max_wait_s < float("inf"):
            raise ConfigurationError(f"judge max_wait_s: expected 0 or more, got {self.max_wait_s}")

    @property
    def endpoint(self) -> str:
        """Where requests go."""
        parts = urlsplit(self.url)
        path = parts.path.rstrip("/").removesuffix(ENDPOINT)
        return f"{parts.scheme}://{parts.netloc}{path or '/v1'}{ENDPOINT}"

    @property
    def is_local(self) -> bool:
        """Whether the address is this machine, to which no proxy leads."""
        return urlsplit(self.url).hostname in LOCAL_HOSTS


def find_url(judge: str, environ: Mapping[str, str] = os.environ) -> str:
    """The address that `--judge URL|openai` means. Raises ConfigurationError when "openai" stands for none."""
    if judge != OPENAI:
        return judge
    url = environ.get(BASE_URL_VARIABLE, "").strip()
    if not url:
        raise ConfigurationError(
            f"judge: expected an address for {OPENAI!r} in {BASE_URL_VARIABLE}, which is not set",
            hint=f"export {BASE_URL_VARIABLE}=https://HOST/v1, or give --judge the address itself",
        )
    return url


def find_key(environ: Mapping[str, str] = os.environ) -> str | None:
    """The key for the endpoint, if one is set. Raises ConfigurationError, without showing it, if it is no key."""
    for variable in KEY_VARIABLES:
        key = environ.get(variable, "").strip()
        if key and not _KEY.fullmatch(key):
            raise ConfigurationError(f"{variable}: expected printable ASCII without spaces, got something else")
        if key:
            return key
    return None


def _check_url(url: str) -> None:
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or not url.isascii():
        raise ConfigurationError("judge: expected an address such as http://127.0.0.1:8000/v1, got something else")
    # either would carry a secret into messages and logs; the message shows neither
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            "judge: expected an address without user, password, query and fragment",
            hint=f"put the key into {KEY_VARIABLES[0]}",
        )


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        port = parts.port  # parsed only now
    except ValueError:
        return None
    whole = bool(re.fullmatch(r"[!-~]+", url)) and "\\" not in url
    return parts if whole and port != 0 else None
