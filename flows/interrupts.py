"""What Ctrl-C does to a process that is one flow: the first ends the flow in order, the next ends the process.

A terminal sends Ctrl-C to all its processes, Prefect's temporary server among them; and Prefect tells its server of an
interrupt before it lets it through, for a minute and more if that server is gone. So

1. the temporary server does not hear Ctrl-C: it notes the flow run as Crashed, and Prefect stops it at exit;
2. Ctrl-C comes as a KeyboardInterrupt in our own code only: within Prefect's it would break what keeps the record;
3. whatever Prefect raises after it leaves the flow as KeyboardInterrupt;
4. a process that has heard Ctrl-C ends within GRACE_S, whatever it waits for.

Ending at once is as safe as `kill -9`, after which the same command takes up the rest.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, NoReturn

from flows.messages import is_lost_server

GRACE_S = 6.0  # for Prefect to note the interrupt: 1-3 s with a server that answers; with a dead one it retries for 73
SHOW_CURSOR = "\r\x1b[2K\x1b[?25h"  # and clear the line of the progress bar, which hid the cursor


class Ending:
    """How this process ends on Ctrl-C. Until `take_over` Python's own way, a KeyboardInterrupt each."""

    def __init__(self) -> None:
        self.first: Literal["end", "hold", "raise"] = "end"  # what the first Ctrl-C does
        self.heard = threading.Event()
        self.code: int | None = None  # of the process, once its answer is given
        self.is_alone = False  # Prefect's server is gone: at exit Prefect would tell it every event, 7 s each
        self.tell: Callable[[], int] = lambda: 1  # say that it was interrupted; the exit code

    def on_signal(self, _number: int, _frame: object) -> None:
        """Handle SIGINT."""
        if self.heard.is_set() or self.first == "end":
            self.at_once()
        self.heard.set()
        if self.first == "raise":
            raise KeyboardInterrupt

    def after_grace(self) -> None:
        """Wait for an interrupt, and no longer than GRACE_S for the end that it should bring."""
        self.heard.wait()
        time.sleep(GRACE_S)
        self.at_once()

    def at_once(self) -> NoReturn:
        """End this process and the temporary server. The sandboxes end by themselves when they lose us."""
        code = self.code
        try:
            for process in _temporary_servers():
                process.kill()
            if code is None:
                # a progress bar has put itself in their place, and would draw itself again below each line
                sys.stdout, sys.stderr = sys.__stdout__ or sys.stdout, sys.__stderr__ or sys.stderr
                if sys.stderr.isatty():
                    sys.stderr.write(SHOW_CURSOR)
                code = self.tell()
            sys.stderr.flush()
        finally:
            # an exception, such as that of a print within the print it interrupted, must not keep us
            os._exit(130 if code is None else code)


_ending = Ending()


def take_over(tell: Callable[[], int]) -> None:
    """Handle Ctrl-C in this process from now on: it ends at once, except in the two contexts below."""
    _ending.tell = tell
    # not started by the handler: it may have interrupted the start of a thread, which holds a lock
    threading.Thread(target=_ending.after_grace, name="end-after-grace", daemon=True).start()
    signal.signal(signal.SIGINT, _ending.on_signal)
    # the last thing before Python gives SIGINT back to the kernel, which would end us with another code
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)


def answered(code: int) -> int:
    """Note that the process has said all it has to say; from now on Ctrl-C ends it at once and in silence.

    Without a server that could still be told something it ends here.
    """
    _ending.code = code
    if _ending.is_alone:
        sys.stdout.flush()
        _ending.at_once()
    return code


def note_lost_server(error: Exception) -> None:
    """Note that Prefect failed with `error`; if that was a connection, nobody waits for what is left to tell."""
    _ending.is_alone |= is_lost_server(error)


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Call a flow here: Ctrl-C waits for the next `listening`, and leaves here as KeyboardInterrupt."""
    _start_temporary_server()
    before, _ending.first = _ending.first, "hold"
    try:
        yield
    except Exception:
        if _ending.heard.is_set():
            raise KeyboardInterrupt from None
        raise
    finally:
        _ending.first = before
    if _ending.heard.is_set():
        raise KeyboardInterrupt


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt here, also one that came before."""
    before = _ending.first
    try:
        _ending.first = "raise"
        if _ending.heard.is_set():
            raise KeyboardInterrupt
        yield
    finally:
        _ending.first = before


def _start_temporary_server() -> None:
    """Start the server that Prefect would start when it knows no other, but one that does not hear Ctrl-C."""
    from prefect.settings import (  # noqa: PLC0415  this module is to be there before it
        PREFECT_API_URL,
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    )

    if PREFECT_API_URL.value() or not PREFECT_SERVER_ALLOW_EPHEMERAL_MODE.value():
        return
    from prefect.server.api.server import SubprocessASGIServer  # noqa: PLC0415  the whole server, only when needed

    class DeafServer(SubprocessASGIServer):
        def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
            # a child inherits what is blocked; no session of its own: a terminal that closes must end it too
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                return super()._run_uvicorn_command()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)

    # Prefect has one such server in a process: it asks for it by the name of the class above, and gets ours
    DeafServer().start()


def _temporary_servers() -> list[subprocess.Popen[bytes]]:
    module = sys.modules.get("prefect.server.api.server")
    known = getattr(module, "SubprocessASGIServer", None)  # Ctrl-C may have come while the module was loaded
    servers = known._instances.values() if known else ()
    return [server.server_process for server in servers if server.server_process is not None]
