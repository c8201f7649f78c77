"""One Prefect server for all flow tests of a session: it costs about 20 s to start."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

LAST_WORD = b'"COMPLETED"'  # of a client that reports the end of its flow run


class Gate:
    """A door before the session's Prefect server: shut, it is to its clients as if that had been killed.

    It shuts by itself before a flow run can report its end, lest a quick one be done before the test has looked.
    """

    def __init__(self, api: str) -> None:
        parts = urlsplit(api)
        self.server = (str(parts.hostname), int(parts.port or 80))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/api"
        self.open: list[socket.socket] = []
        self.passed = 0  # connections
        threading.Thread(target=self._let_in, daemon=True).start()

    def shut(self) -> None:
        for each in (self.listener, *self.open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _let_in(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.server)
                self.open += [client, server]
                self.passed += 1
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if LAST_WORD in data and target.getpeername() == self.server:
                    self.shut()
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="session", autouse=True)
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # Prefect reads its settings when it is imported, so they are set before, for good: nothing else here imports it
    home = tmp_path_factory.mktemp("prefect")
    os.environ["PREFECT_HOME"] = str(home)
    os.environ.pop("PREFECT_API_URL", None)
    from prefect.testing.utilities import prefect_test_harness

    import flows  # noqa: F401  sets the defaults of our own starts

    with prefect_test_harness(server_startup_timeout=120):
        yield home


@pytest.fixture
def api() -> str:
    """The address of the session's server."""
    from prefect.settings import PREFECT_API_URL

    return str(PREFECT_API_URL.value())


@pytest.fixture
def gate(api: str) -> Iterator[Gate]:
    """A way to the session's server that a test may shut."""
    door = Gate(api)
    yield door
    door.shut()
