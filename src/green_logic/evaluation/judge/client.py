"""One request to an OpenAI-compatible endpoint → its completion, or the error that says what to do next.

Every way in which a server can misbehave ends in an error, never in a value: BusyError (ask again), RejectedError (not
in this form), NotEvaluatedError (not about this battle) or ConfigurationError (not at all). The key is sent to one
address only: redirects are not followed.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from green_logic import __version__
from green_logic.errors import ConfigurationError, NotEvaluatedError
from green_logic.evaluation.judge.errors import BusyError, RejectedError
from green_logic.evaluation.judge.reply import Completion, describe_problem, parse_completion
from green_logic.evaluation.judge.settings import KEY_VARIABLES, JudgeSettings

REPLY_BYTES = 1 << 20  # of a reply, before and after it is inflated; a real one has 1 to 20 kB
SECRET_CHARACTERS = 8  # keys shorter than this are placeholders such as EMPTY, which local servers ask for
BUSY = frozenset({408, 409, 425, 429})  # and every 5xx
REJECTED = frozenset({400, 422})  # about a parameter or its value, which a plainer request can leave out


class Client:
    """A connection pool to one endpoint. Used inside one event loop; close it with `aclose`."""

    def __init__(self, settings: JudgeSettings, key: str | None) -> None:
        self._settings = settings
        secret = re.escape(key) if key and len(key) >= SECRET_CHARACTERS else "(?!)"  # which nothing matches
        self._secret = re.compile(secret, re.IGNORECASE)
        self._secret_bytes = re.compile(secret.encode(), re.IGNORECASE)
        headers = {
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",  # replies are small; see `inflate`
            "user-agent": f"green-logic/{__version__}",
        }
        if key:
            headers["authorization"] = f"Bearer {key}"
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=None,  # noqa: S113  one deadline spans the whole request: a timeout per read lets a server drip for ever
            follow_redirects=False,
            trust_env=not settings.is_local,
            limits=httpx.Limits(max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency),
        )
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._proven = False  # whether address, key and model have worked once

    async def complete(self, body: bytes) -> Completion:
        """The completion for a request's body; waits for a free connection first.

        Raises BusyError, RejectedError, NotEvaluatedError (this battle will never do) or ConfigurationError.
        """
        async with self._slots:
            response, content = await self._exchange(body)
        if not response.is_success:
            raise self._problem(response, content)
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not re.fullmatch(r"application/(?:[\w.-]+\+)?json", kind):
            raise BusyError(f"the judge answered with another type than application/json: {self.redact(kind[:80])!a}")
        completion = parse_completion(content)
        self._proven = True
        return completion

    def redact(self, text: str) -> str:
        """The text without the key: some servers quote it in their complaints."""
        return self._secret.sub("[key]", text)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def _exchange(self, body: bytes) -> tuple[httpx.Response, bytes]:
        # errors of the HTTP library are not chained: they hold the request, and that the key
        limit_s = self._settings.timeout_s
        try:
            async with (
                asyncio.timeout(limit_s),
                self._http.stream("POST", self._settings.endpoint, content=body) as response,
            ):
                return response, self._secret_bytes.sub(b"[key]", await _read(response))
        except TimeoutError:
            raise BusyError(f"the judge did not answer within {limit_s:g} s") from None
        except (httpx.HTTPError, OSError) as error:
            words = self.redact(str(error)) or "no reason given"
            raise BusyError(f"the judge cannot be reached: {type(error).__name__}: {words}") from None

    def _problem(self, response: httpx.Response, content: bytes) -> Exception:
        status = response.status_code
        words = f"the judge answered {status}: {describe_problem(content)}"
        if status == httpx.codes.UNAUTHORIZED:
            # not in the server's words, which may quote parts of the key
            return ConfigurationError("the judge refused the key (401)", hint=f"set {' or '.join(KEY_VARIABLES)}")
        if status in BUSY or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return BusyError(words, pause_s=find_pause(response.headers.get("retry-after", ""), _now))
        if status in REJECTED:
            return RejectedError(words)
        if status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            return NotEvaluatedError(words)
        if not self._proven:
            hint = "check --judge, --judge-model and the key; redirects are not followed"
            return ConfigurationError(words, hint=hint)
        # what worked before is set up right: 403 is a filter that dislikes this text, the others will pass
        return NotEvaluatedError(words) if status == httpx.codes.FORBIDDEN else BusyError(words)


def find_pause(value: str, now: Callable[[], datetime]) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 section 10.2.3: seconds or a date), if it asks for any."""
    value = value.strip()
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now()).total_seconds())


def inflate(raw: bytes, encoding: str) -> bytes:
    """A body as its sender meant it, at most REPLY_BYTES of it. Raises BusyError for anything else.

    The HTTP library would inflate a bomb whole; a server that sends gzip although nobody asked gets no such trust.
    """
    if encoding in {"", "identity"}:
        return raw
    if encoding not in {"gzip", "x-gzip"}:
        raise BusyError("the judge's reply has a content encoding other than gzip")
    stream = zlib.decompressobj(wbits=31)
    try:
        content = stream.decompress(raw, REPLY_BYTES + 1)
    except zlib.error as error:
        raise BusyError(f"the judge's reply is not gzip: {error}") from error
    if not stream.eof:
        raise BusyError(f"the judge's reply is longer than {REPLY_BYTES} bytes, or cut")
    return content


async def _read(response: httpx.Response) -> bytes:
    raw = bytearray()
    async for part in response.aiter_raw():
        raw += part
        if len(raw) > REPLY_BYTES:
            raise BusyError(f"the judge's reply is longer than {REPLY_BYTES} bytes")
    return inflate(bytes(raw), response.headers.get("content-encoding", "").strip().lower())


def _now() -> datetime:
    return datetime.now(UTC)
