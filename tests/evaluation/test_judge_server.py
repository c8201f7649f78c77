"""A judge server on loopback that plays a script of steps, well-behaved or not, and good replies after its end."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

import httpx
import orjson

from green_logic.battle import Battle, parse_battle
from green_logic.evaluation.judge.judge import Judge
from green_logic.evaluation.judge.settings import JudgeSettings

KEY = "sk-Test-0123456789aBcdef0123456789"
MODEL = "test-model"
Step = Callable[["Handler"], None]
SOURCE = "def add(a, b):\n    return a + b\n"


class Handler(BaseHTTPRequestHandler):
    """Answers a POST with the next step of the script."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise a second response on a connection waits 40 ms for an acknowledgement
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.serve(self, body)

    def send(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        """One whole response."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self) -> None:
        """End the connection, whatever was sent."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Endpoint(ThreadingHTTPServer):
    """The server; `seen` holds the requests as (path, headers, body)."""

    daemon_threads = True
    request_queue_size = 128  # the default of 5 refuses some of 16 clients

    def __init__(self, *script: Step) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = list(script)
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.busy = 0
        self.most_busy = 0
        self.ended = threading.Event()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def serve(self, handler: Handler, body: bytes) -> None:
        with self._lock:
            headers = {name.lower(): value for name, value in handler.headers.items()}
            self.seen.append((handler.path, headers, json.loads(body)))
            step = self.script.pop(0) if self.script else reply()
            self.busy += 1
            self.most_busy = max(self.most_busy, self.busy)
        try:
            step(handler)
        finally:
            with self._lock:
                self.busy -= 1

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that gave up are what these tests are about."""

    def __enter__(self) -> Endpoint:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.ended.set()
        self.shutdown()
        self.server_close()


def completion(content: object, *, finish: str = "stop", model: str = MODEL, **message: object) -> bytes:
    """The JSON of a chat completion."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    return json.dumps({"id": "x", "object": "chat.completion", "model": model, "choices": [choice]}).encode()


def opinion(score: float = 0.7, critique: str = "Line 2 adds.") -> str:
    """The text of a good reply."""
    return json.dumps({"critique": critique, "score": score})


def reply(score: float = 0.7, critique: str = "Line 2 adds.", **more: Any) -> Step:
    """A good reply."""
    return lambda handler: handler.send(200, completion(opinion(score, critique), **more))


def says(content: object, **more: Any) -> Step:
    """A completion with any content."""
    return lambda handler: handler.send(200, completion(content, **more))


def status(code: int, message: str = "no", **headers: str) -> Step:
    """An error as servers of this kind send it."""
    return lambda handler: handler.send(code, json.dumps({"error": {"message": message}}).encode(), **headers)


def sends(body: bytes, kind: str = "application/json", code: int = 200, **headers: str) -> Step:
    """Any response."""
    return lambda handler: handler.send(code, body, kind, **headers)


def hang(handler: Handler) -> None:
    """No answer until the test is over."""
    handler.server.ended.wait(20)
    handler.hang_up()


def drip(handler: Handler) -> None:
    """A header byte now and then: no single read ever times out."""
    with contextlib.suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 10_000:
            handler.wfile.write(bytes([byte]))
            if handler.server.ended.wait(0.02):
                break
    handler.hang_up()


def drop(handler: Handler) -> None:
    """The connection ends without a response."""
    handler.hang_up()


def cut(handler: Handler) -> None:
    """The connection ends in the middle of a good reply."""
    body = completion(opinion())
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.hang_up()


def garbage(handler: Handler) -> None:
    """Not HTTP."""
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    handler.hang_up()


class Pauses(list[float]):
    """Stands for time: remembers how long it should have waited."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def open_judge(endpoint: Endpoint | str, *, pause: Any = None, key: str | None = KEY, **more: Any) -> Judge:
    """A judge of the endpoint that asks once per battle and never really waits."""
    url = endpoint if isinstance(endpoint, str) else endpoint.url
    settings = JudgeSettings(url=url, model=MODEL, **{"reviews": 1, "timeout_s": 30.0, **more})
    environ = {} if key is None else {"GREEN_LOGIC_JUDGE_KEY": key}
    return Judge.open(settings, environ=environ, pause=Pauses() if pause is None else pause)


def battle_of(source: str = SOURCE, *, rationale: str = "It adds.", battle_id: str = "b-1", **task: Any) -> Battle:
    """A battle about any source."""
    value = {
        "battle_id": battle_id,
        "task": {"title": "Sum", "description": "Write add(a, b).", "hidden_tests": "def test_secret(): pass", **task},
        "purple_response": {"sourceCode": source, "testCode": "def test_own(): pass", "rationale": rationale},
    }
    return parse_battle(orjson.dumps(value))


def test_the_server_plays_its_script_then_good_replies():
    with Endpoint(status(503)) as server:
        answers = [httpx.post(f"{server.url}/chat/completions", json={}, trust_env=False) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [503, 200]
    assert [path for path, _, _ in server.seen] == ["/v1/chat/completions"] * 2
