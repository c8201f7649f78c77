"""Prefect's server: where its API is, whether it answers, and the one on loopback that `serve` keeps.

Nothing here imports Prefect: the process that keeps the server alive must not depend on what it keeps.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from flows.children import TICK_S, Child
from green_logic.commands import say
from green_logic.errors import ConfigurationError
from green_logic.files import make_directory, storage_errors
from green_logic.settings import Settings, state_dir

LOOPBACK = "127.0.0.1"
USUAL_PORT = 4200  # Prefect's own; the system chooses another when it is taken
START_S = 180.0  # a first start makes the server's database: 17-40 s on two busy cores, more under load; and one that
# runs may be silent for 38 s, in a burst of 1,000 task runs
FIRST_S = 60.0  # that the inbox waits for it at the start; then files are judged without it until it answers
GIVEN_S = 15.0  # for a server that is not ours and should be there
PROBE_TIMEOUT_S = 2.0


def given_api() -> str:
    """The API that PREFECT_API_URL names, or "". Raises ConfigurationError for what is no address."""
    given = os.environ.get("PREFECT_API_URL", "").strip()
    if given and (
        urllib.parse.urlsplit(given).scheme not in {"http", "https"} or not urllib.parse.urlsplit(given).netloc
    ):
        raise ConfigurationError(
            f"PREFECT_API_URL expected an address such as http://127.0.0.1:4200/api, got {given!r}",
            hint="unset it, and serve keeps a Prefect server of its own",
        )
    return given


def choose_port() -> int:
    """Prefect's usual port on loopback, or another that is free. Raises ConfigurationError."""
    text = os.environ.get("PREFECT_SERVER_API_PORT", str(USUAL_PORT))
    if not text.isdecimal() or int(text) > 65535:
        raise ConfigurationError(f"PREFECT_SERVER_API_PORT expected a port such as {USUAL_PORT}, got {text!r}")
    for port in (int(text), 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
    raise ConfigurationError(f"no port is free on {LOOPBACK}", hint="set PREFECT_API_URL to a server of your own")


def ledger_tag(settings: Settings) -> str:
    """A short name of a ledger's place, for what is kept once a ledger."""
    return hashlib.sha256(os.fsencode(settings.data_dir.resolve())).hexdigest()[:8]


def own_environment(settings: Settings, port: int) -> dict[str, str]:
    """What makes the children use our own server, and the server keep its history. Raises StorageError."""
    # one history a ledger, outside the data, which is published; two servers must not share one database
    home = os.environ.get("PREFECT_HOME") or str(state_dir() / f"prefect-{ledger_tag(settings)}")
    with storage_errors("cannot keep Prefect's history"):
        make_directory(Path(home))
    # a proxy for the outside world must not be asked for the way to ourselves
    proxies = {
        name: f"{os.environ[name]},{LOOPBACK}" if os.environ.get(name) else LOOPBACK
        for name in ("no_proxy", "NO_PROXY")
    }
    # its page asks the port of the setting, whatever --port says
    return {"PREFECT_HOME": home, "PREFECT_SERVER_API_PORT": str(port), **proxies}


def server_child(environment: dict[str, str], port: int) -> Child:
    """Prefect's server on loopback."""
    words = [sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)]
    log = Path(environment["PREFECT_HOME"]) / "server.log"
    return Child("server", words, environment, signal.SIGTERM, log)


def warn_of_sqlalchemy() -> None:
    """Say so where no schedule will fire."""
    version = importlib.metadata.version("sqlalchemy")
    if not version.startswith("2.0."):
        # its scheduler dies of "Can't evaluate bulk DML statement" once a minute, and only its log says so
        say(
            f"WARNING: with SQLAlchemy {version} no schedule of Prefect 3.8 ever fires: pip install 'sqlalchemy<2.1'",
            file=sys.stderr,
        )


def is_reachable(api: str, timeout_s: float = PROBE_TIMEOUT_S) -> bool:
    """Whether something answers at a Prefect API; a refusal is an answer too."""
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=timeout_s):  # noqa: S310  the operator gave the address
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, ValueError):
        return False


def wait_for_api(api: str, timeout_s: float) -> bool:
    """Whether the API answers within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not is_reachable(api):
        if time.monotonic() > deadline:
            return False
        time.sleep(TICK_S)
    return True
