"""One machine, one command: a Prefect server, both deployments, and the watched inbox, kept alive until Ctrl-C.

    python -m flows.serve            what `green-logic serve` becomes

This process imports no Prefect. It keeps up to three children alive, each in a session of its own, so that a Ctrl-C
reaches this process alone and the children end in order:

    inbox    judges the files of data/inbox/ through the flow, or without Prefect while that is away
    runner   runs the two deployments, by schedule and on request
    server   Prefect on loopback; only when PREFECT_API_URL names no other

A child that dies is started again: whatever it did is recorded, and the rest is taken up. If this process is killed
outright, the kernel ends the children. No flow is defined here, so Prefect never loads this file a second time.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.metadata
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from green_logic.commands import BAD, GOOD, INTERRUPTED, USAGE, add_common, say, write_json
from green_logic.commands.serve import CRON, add_arguments, check_options, publication_words, words_of
from green_logic.errors import ConfigurationError, GreenLogicError
from green_logic.evaluation.isolation import kernel
from green_logic.files import Presence, make_directory, storage_errors
from green_logic.inbox import Inbox, Settled, judge_file, work
from green_logic.pipeline import run_batch
from green_logic.settings import Settings, load_settings, state_dir

LOOPBACK = "127.0.0.1"
USUAL_PORT = 4200  # Prefect's own; the system chooses another when it is taken
START_S = 180.0  # a first start builds the server's database: 17-40 s on two busy cores, more under load
SILENCE_S = 180.0  # of a server that runs but does not answer; a burst of 1,000 task runs has stalled one for 38 s
STOP_S = 20.0  # for a child to end by itself; what it leaves undone is done again
TICK_S = 0.3  # between two looks at the children
PROBE_EVERY_S = 3.0
PROBE_TIMEOUT_S = 2.0
POLL_S = 0.7  # between two looks at the inbox
LONG_LIFE_S = 60.0  # a child that lived so long starts again at once
LONGEST_PAUSE_S = 60.0
OUTAGE_S = 600.0  # without Prefect, before a publication is made without it
DAY_S = 86400.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Child:
    """A process that is kept alive, in a session of its own."""

    name: str
    command: list[str]
    environment: dict[str, str]
    stop_signal: signal.Signals
    log: Path | None = None  # where its output goes; None: to our standard error
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    not_before: float = 0.0

    def start(self) -> None:
        """Start it."""
        # one start's output is enough: a log that nobody rotates fills the disk
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        output = 2 if self.log is None else os.open(self.log, flags, 0o600)
        try:
            self.process = subprocess.Popen(  # noqa: S603  our own modules and Prefect's, no shell
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=partial(_die_with, os.getpid(), self.stop_signal),  # noqa: PLW1509  there are no threads here
            )
        finally:
            if self.log is not None:
                os.close(output)
        self.started = time.monotonic()

    def ended(self) -> int | None:
        """Its exit code, once, when it has ended; then when it may start again is set."""
        code = None if self.process is None else self.process.poll()
        if code is None:
            return None
        self.process, now = None, time.monotonic()
        self.failures = 0 if now - self.started > LONG_LIFE_S else self.failures + 1
        self.not_before = now + (min(2.0**self.failures, LONGEST_PAUSE_S) if self.failures else 0.0)
        return code

    def stop(self) -> None:
        """Ask it to end; after STOP_S end it, and whatever is left of its session."""
        if self.process is None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            say(f"{self.name} did not end within {STOP_S:g} s: killing it", file=sys.stderr)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None


@dataclass
class House:
    """The children of one `serve`, and how the Prefect API is."""

    settings: Settings
    options: argparse.Namespace
    api: str
    children: dict[str, Child]
    code: int = GOOD  # of this process, should it end now
    stopped: bool = False  # by a signal
    up: bool | None = None  # the API; None: not known yet
    answered: float = field(default_factory=time.monotonic)  # when the API last did, or this process began
    probed: float = 0.0
    published: float = 0.0  # when last without Prefect


# --- this process


def serve(options: argparse.Namespace, settings: Settings) -> int:
    """Keep the children alive until a signal, with --once until the inbox is empty and published; the exit code."""
    inbox = Inbox(settings)
    inbox.make()
    with alone(settings):
        before = inbox.counts()
        house = open_house(options, settings)
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)  # a child's orphans come to us, not to init
        try:
            with signals_stop(house):
                while not house.stopped:
                    tend(house)
                    time.sleep(TICK_S)
        finally:
            close_house(house)
    done, failed = (now - then for now, then in zip(inbox.counts(), before, strict=True))
    if options.once and failed:
        house.code = max(house.code, BAD)
    if options.json:
        write_json("serve", {"ok": house.code == GOOD, "done": done, "failed": failed})
    _tell(house, f"stopped · inbox: {done} files done, {failed} failed")
    return house.code


def open_house(options: argparse.Namespace, settings: Settings) -> House:
    """The children, not started yet, and the address of Prefect's API."""
    given = os.environ.get("PREFECT_API_URL", "")
    port = 0 if given else choose_port()
    api = given or f"http://{LOOPBACK}:{port}/api"
    environment = {**os.environ, "PREFECT_API_URL": api, "PYTHONUNBUFFERED": "1"}
    children = {}
    if not given:
        environment |= own_environment(settings, port)
        children["server"] = server_child(environment, port)
    children["inbox"] = role_child("inbox", options, environment, signal.SIGINT)
    if not options.once:
        # not SIGTERM: its handler in Prefect 3.8 calls a coroutine that nobody awaits
        children["runner"] = role_child("runner", options, environment, signal.SIGINT)
    house = House(settings, options, api, children)
    _tell(house, f"inbox {Inbox(settings).directory} · publishes {when(options)} · Prefect {api.removesuffix('/api')}")
    if not given:
        _warn_of_sqlalchemy()
        _tell(house, "starting a Prefect server: 20 to 60 s, more the first time, when it makes its database …")
    return house


def tend(house: House) -> None:
    """Start what is due, see what has ended, look after the API. Sets `stopped` when there is nothing more to do."""
    for child in list(house.children.values()):
        code = child.ended()
        if code is not None:
            _hear_of_end(house, child, code)
        elif child.process is None and time.monotonic() >= child.not_before:
            child.start()
    _look_around(house)
    if not house.up and not house.options.once:
        _publish_in_outage(house)


def close_house(house: House) -> None:
    """End the children in an order in which none misses another, and what they left behind."""
    end_flow_runs(house.children.get("runner"))
    for name in ("inbox", "publish", "runner", "server"):
        if name in house.children:
            house.children[name].stop()
    while orphans := find_children(os.getpid()):
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def end_flow_runs(runner: Child | None) -> None:
    """Let running flows end by themselves, while the runner can still report it.

    A flow run that is killed stays RUNNING for the server, and the next one is cancelled for its sake for 5 minutes.
    """
    if runner is None or runner.process is None:
        return
    pids = find_children(runner.process.pid)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while pids and runner.process.poll() is None and time.monotonic() < deadline:
        time.sleep(TICK_S)
        pids = find_children(runner.process.pid)


@contextlib.contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Be the only `serve` of a data directory. Raises ConfigurationError when there is another."""
    with storage_errors("cannot serve"):
        presence = Presence(settings.data_dir / ".serve.lock")
    try:
        if not presence.alone:
            raise ConfigurationError(
                f"{settings.data_dir}: another green-logic serve is at work here",
                hint="drop files into its inbox, or choose another --data-dir",
            )
        yield
    finally:
        presence.close()


@contextlib.contextmanager
def signals_stop(house: House) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the loop; a second one ends this process, and the kernel the children."""

    def stop(number: int, _frame: object) -> None:
        house.stopped = True
        house.code = INTERRUPTED if number == signal.SIGINT else house.code
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        _tell(house, "stopping …")

    before = {each: signal.signal(each, stop) for each in SIGNALS}
    try:
        yield
    finally:
        if not house.stopped:
            for each, handler in before.items():
                signal.signal(each, handler)


def choose_port() -> int:
    """Prefect's usual port on loopback, or another that is free."""
    wanted = int(os.environ.get("PREFECT_SERVER_API_PORT", USUAL_PORT))
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
    raise ConfigurationError(f"no port is free on {LOOPBACK}", hint="set PREFECT_API_URL to a server of your own")


def own_environment(settings: Settings, port: int) -> dict[str, str]:
    """What makes the children use our own server, and the server keep its history."""
    # one history a ledger, outside the data, which is published; two servers must not share one database
    name = hashlib.sha256(os.fsencode(settings.data_dir.resolve())).hexdigest()[:8]
    home = os.environ.get("PREFECT_HOME") or str(state_dir() / f"prefect-{name}")
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


def role_child(
    role: str, options: argparse.Namespace, environment: dict[str, str], stop_signal: signal.Signals
) -> Child:
    """This module again, in another role."""
    return Child(
        role, [sys.executable, "-m", "flows.serve", f"--role={role}", *words_of(options)], environment, stop_signal
    )


def publish_child(house: House) -> Child:
    """One publication, through Prefect if it can be reached."""
    words = [sys.executable, "-m", "flows.publish", *publication_words(house.options)]
    return Child("publish", words, house.children["inbox"].environment, signal.SIGINT)


def _hear_of_end(house: House, child: Child, code: int) -> None:
    if child.name == "publish" or (code == USAGE and child.name != "server"):
        # it has told why; to start it again would not help
        house.code = max(house.code, code if code >= 0 else BAD)
        del house.children[child.name]
        house.stopped = house.options.once or child.name != "publish"
    elif house.options.once and child.name == "inbox" and code in (GOOD, BAD):
        house.code = max(house.code, code)
        house.children["publish"] = publish_child(house)
        del house.children["inbox"]
    else:
        pause = max(0.0, child.not_before - time.monotonic())
        where = f"; see {child.log}" if child.log else ""
        say(f"{child.name} ended with code {code}{where}; starting it again in {pause:.0f} s", file=sys.stderr)


def _look_around(house: House) -> None:
    """See whether the API answers; start a server of ours anew that runs and is silent."""
    now = time.monotonic()
    if now - house.probed < PROBE_EVERY_S:
        return
    house.probed = now
    reap_orphans(house)
    up = is_reachable(house.api)
    if up:
        house.answered = now
    if up != bool(house.up):
        _tell(
            house, f"✔ Prefect answers: {house.api.removesuffix('/api')}" if up else "Prefect is away; judging goes on"
        )
    house.up = up
    server = house.children.get("server")
    silent = now - max(house.answered, server.started) if server is not None and server.process else 0.0
    if server is not None and silent > (SILENCE_S if house.up is not None else START_S):
        say(f"the Prefect server has not answered for {silent:.0f} s: starting it again", file=sys.stderr)
        server.stop()


def _publish_in_outage(house: House) -> None:
    now = time.monotonic()
    every = house.options.interval or DAY_S
    away = now - house.answered > OUTAGE_S
    if away and "publish" not in house.children and (not house.published or now - house.published >= every):
        house.published = now
        house.children["publish"] = publish_child(house)


def _warn_of_sqlalchemy() -> None:
    version = importlib.metadata.version("sqlalchemy")
    if not version.startswith("2.0."):
        # its scheduler dies of "Can't evaluate bulk DML statement" once a minute, and only its log says so
        say(
            f"WARNING: with SQLAlchemy {version} no schedule of Prefect 3.8 ever fires: pip install 'sqlalchemy<2.1'",
            file=sys.stderr,
        )


def _die_with(parent: int, stop_signal: signal.Signals) -> None:
    kernel.prctl(kernel.PR_SET_PDEATHSIG, int(stop_signal))
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def _tell(house: House, text: str) -> None:
    if not house.options.quiet:
        say(text, file=sys.stderr)


# --- orphans: what a child started and did not end


def find_children(parent: int) -> list[int]:
    """The processes whose parent is `parent`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # the name in parentheses may hold anything, so the fields are counted from its end
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                    found.append(int(entry.name))
    return found


def reap_orphans(house: House) -> None:
    """Let orphans that have ended go: a zombie keeps its number."""
    known = {child.process.pid for child in house.children.values() if child.process is not None}
    for pid in set(find_children(os.getpid())) - known:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


# --- the API


def is_reachable(api: str, timeout_s: float = PROBE_TIMEOUT_S) -> bool:
    """Whether something answers at a Prefect API; a refusal is an answer too."""
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=timeout_s):  # noqa: S310  the operator gave the address
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, ValueError):
        return False


def wait_for_api(api: str, timeout_s: float = START_S) -> bool:
    """Whether the API answers within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not is_reachable(api):
        if time.monotonic() > deadline:
            return False
        time.sleep(TICK_S)
    return True


# --- the inbox


def keep_inbox(options: argparse.Namespace, settings: Settings) -> int:
    """Judge what arrives, for ever, or with --once what is there."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    api = os.environ["PREFECT_API_URL"]
    inbox = Inbox(settings)
    inbox.make()
    if not wait_for_api(api):
        say("Prefect does not answer; judging without it", file=sys.stderr)
    while True:
        for settled in work(inbox, partial(judge_anyhow, api), on_trouble=partial(_on_trouble, raising=options.once)):
            say(settled_line(settled), file=sys.stderr)
        if options.once and not inbox.waiting():
            return GOOD
        time.sleep(POLL_S)


def judge_anyhow(api: str, path: Path, settings: Settings) -> dict[str, Any]:
    """Judge a file through the flow, or with the library's own loop when Prefect is away or fails."""
    if is_reachable(api):
        from flows.battles import run_as_flow  # noqa: PLC0415  it imports Prefect, which takes seconds

        try:
            return {**judge_file(path, settings, run_as_flow), "by": "flow"}
        except GreenLogicError:
            raise
        except Exception as error:  # noqa: BLE001  whatever the scheduler throws, the work is ours
            say(f"Prefect failed ({type(error).__name__}: {error}); judging {path.name} without it", file=sys.stderr)
    return {**judge_file(path, settings, run_batch), "by": "library"}


def settled_line(settled: Settled) -> str:
    """What became of a file, in words."""
    report = settled.report
    if "error" in report:
        return f"✘ {settled.name} → {settled.fate}: {report['error']['message']}"
    names = ("recorded", "already_recorded", "conflicts", "refused", "not_evaluated")
    counts = " · ".join(f"{report[name]} {name.replace('_', ' ')}" for name in names if report[name])
    return f"{'✔' if report['ok'] else '✘'} {settled.name} → {settled.fate}: {counts or 'no battles'} ({report['by']})"


def _on_trouble(name: str, error: GreenLogicError, pause_s: float, *, raising: bool) -> None:
    if raising:
        raise error
    say(f"{name} stays in the inbox: {error.message}; again in {pause_s:g} s\n  {error.hint}".rstrip(), file=sys.stderr)


# --- the runner


def keep_deployments(options: argparse.Namespace, settings: Settings) -> int:
    """Register both deployments and run what they are asked for, for ever."""
    import httpx  # noqa: PLC0415  these two take seconds, and this process needs them alone
    import prefect  # noqa: PLC0415

    try:
        deployments = make_deployments(options, settings)
    except ValueError as error:
        raise ConfigurationError(f"Prefect refuses this schedule: {error}", hint="green-logic serve --help") from error
    if not wait_for_api(os.environ["PREFECT_API_URL"]):
        return BAD
    try:
        # not paused at shutdown: the server ends too, and a pause would outlive a kill of this process
        prefect.serve(*deployments, pause_on_shutdown=False, print_starting_message=False)
    except (httpx.HTTPError, prefect.exceptions.PrefectException, RuntimeError) as error:
        say(f"the runner lost Prefect: {type(error).__name__}: {error}", file=sys.stderr)
        return BAD
    return GOOD


def make_deployments(options: argparse.Namespace, settings: Settings) -> Sequence[Any]:
    """Both flows as deployments of this ledger. Raises ValueError for a schedule that Prefect does not take."""
    from prefect.client.schemas.objects import (  # noqa: PLC0415
        ConcurrencyLimitConfig,
        ConcurrencyLimitStrategy,
    )
    from prefect.schedules import Cron, Interval  # noqa: PLC0415
    from prefect.types.entrypoint import EntrypointType  # noqa: PLC0415

    from flows.battles import evaluate_battles  # noqa: PLC0415
    from flows.publish import export_and_archive  # noqa: PLC0415

    zone, place = options.timezone, {"data_dir": str(settings.data_dir.resolve())}
    schedule = (
        Interval(options.interval, timezone=zone) if options.interval else Cron(options.cron or CRON, timezone=zone)
    )
    targets = {"destination": options.dest, "backup_to": options.backup_to, "keep": options.keep}
    return [
        # by module path: a file path would make Prefect load flows/x.py a second time, as a module x
        evaluate_battles.to_deployment("battles", parameters=place, entrypoint_type=EntrypointType.MODULE_PATH),
        export_and_archive.to_deployment(
            "publish",
            schedule=schedule,
            parameters=place | {name: value for name, value in targets.items() if value is not None},
            concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
            entrypoint_type=EntrypointType.MODULE_PATH,
        ),
    ]


def when(options: argparse.Namespace) -> str:
    """The schedule in words."""
    if options.once:
        return "once"
    return f"every {options.interval:g} s" if options.interval else f"at {options.cron or CRON} ({options.timezone})"


def end_with_parent() -> None:
    """Let this process outlive its parent by STOP_S at most.

    The kernel's signal asks it to end; but Python may raise KeyboardInterrupt where a callback swallows it.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_S)
        time.sleep(STOP_S)
        os._exit(BAD)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


ROLES = {"house": serve, "inbox": keep_inbox, "runner": keep_deployments}


def main(words: list[str] | None = None) -> int:
    """Serve; the exit code of the command line."""
    parser = argparse.ArgumentParser(prog="green-logic serve", allow_abbrev=False)
    parser.add_argument("--role", choices=ROLES, default="house", help=argparse.SUPPRESS)
    add_common(parser)
    add_arguments(parser)
    options = parser.parse_args(words)
    if options.role != "house":
        end_with_parent()
    try:
        check_options(options)
        return ROLES[options.role](options, load_settings({"data_dir": options.data_dir}))
    except KeyboardInterrupt:
        return INTERRUPTED
    except GreenLogicError as error:
        if options.json and options.role == "house":
            content = {"code": error.code, "message": error.message, "hint": error.hint}
            write_json("serve", {"ok": False, "error": content})
        say(f"error: {error.message}\n  {error.hint}".rstrip(), file=sys.stderr)
        return USAGE if isinstance(error, ConfigurationError) else BAD


if __name__ == "__main__":
    sys.exit(main())
