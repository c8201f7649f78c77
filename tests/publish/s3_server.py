"""An S3 server on loopback: moto's, behind a door that can refuse, fail, hold, or forget a condition.

Moto looks up a name and stores the object in two steps, which S3 does in one; so the door lets one change in at a time.
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ACCESS_KEY = "test"
REFUSAL = """<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"""
Door = Callable[[dict[str, Any]], "tuple[str, str, str] | None"]


class S3Server:
    """`door` sees every request first: None lets it in, else it is answered with (status, code, message). `after` may
    replace the answer to a change that was made.
    """

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Silent(WSGIRequestHandler):
            def log(self, *_: Any) -> None:
                pass

        self.door: Door = lambda _: None
        self.after: Door = lambda _: None
        self.requests: list[tuple[str, str]] = []
        self._changing = threading.Lock()
        self._inner = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=Silent)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()

    @contextlib.contextmanager
    def guarded(self, door: Door | None = None, after: Door | None = None) -> Iterator[None]:
        """Another door for a while."""
        self.door, self.after = door or self.door, after or self.after
        try:
            yield
        finally:
            self.door = self.after = lambda _: None

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        if length:  # otherwise it comes in chunks, if at all
            environ["wsgi.input"] = io.BytesIO(body)
        refusal = self.door(environ)
        if len(body) < length:
            refusal = ("400 Bad Request", "IncompleteBody", "You did not provide the number of bytes that you said.")
        if f"Credential={ACCESS_KEY}/" not in environ.get("HTTP_AUTHORIZATION", ""):
            refusal = ("403 Forbidden", "InvalidAccessKeyId", "The access key does not exist in our records.")
        if refusal is not None:
            return self._refuse(refusal, environ, start)
        if environ["REQUEST_METHOD"] not in {"PUT", "POST"}:
            return self._inner(environ, start)
        said: list[Any] = []
        with self._changing:
            answer = self._inner(environ, lambda *arguments: said.extend(arguments))
        refusal = self.after(environ)
        if refusal is not None:
            return self._refuse(refusal, environ, start)
        start(*said)
        return answer

    @staticmethod
    def _refuse(refusal: tuple[str, str, str], environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        status, code, message = refusal
        body = REFUSAL.format(code=code, message=message).encode()
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [body]


@pytest.fixture(scope="session")
def server() -> Iterator[S3Server]:
    """An S3 server that forgets everything."""
    pytest.importorskip("moto.server")
    pytest.importorskip("boto3")
    found = S3Server()
    yield found
    found.close()


@pytest.fixture
def bucket(server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of a prefix in a new bucket; the environment gets the credentials."""
    from pyarrow import fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, ACCESS_KEY)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    name = "".join(char for char in tmp_path.name.lower() if char.isalnum())
    options = f"scheme=http&endpoint_override={server.address}&region=us-east-1"
    system, path = fs.FileSystem.from_uri(f"s3://{name}?{options}&allow_bucket_creation=true")
    system.create_dir(path)
    return f"s3://{name}/arena?{options}"
