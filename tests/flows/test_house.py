"""The process of `serve`: what it does when an address, a port, a folder or Prefect itself is not as it should be."""

from __future__ import annotations

import http.server
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.children import Child
from flows.house import House, alone, open_house, tend, when
from flows.messages import LOGGERS, speak_plainly
from flows.outage import MOST_ENDS, MOST_STARTS, OUTAGE_S, look_around, patience_s
from flows.serve import main, make_parser
from flows.server import START_S, choose_port, given_api, is_reachable, ledger_tag, own_environment
from green_logic.errors import ConfigurationError, StorageError
from green_logic.evaluation.isolation.cgroups import find_obstacle
from green_logic.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 150.0


EARLY = """
import os, signal, sys
class Finder:
    def find_spec(name, path=None, target=None):
        if name == "flows.house":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
"""


def options_of(*words: str) -> Any:
    return make_parser().parse_args([*words, "--quiet"])


@pytest.fixture
def no_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


# --- addresses and ports


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:4200", "ftp://host/api", "http://", "/api"])
def test_what_is_no_address_is_refused_before_anything_starts(
    address: str, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", address)
    with pytest.raises(ConfigurationError, match="expected an address"):
        given_api()
    assert main(["-C", str(settings.data_dir), "--quiet"]) == 2


def test_an_address_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", " http://host:4200/api ")
    assert given_api() == "http://host:4200/api"
    monkeypatch.setenv("PREFECT_API_URL", "")
    assert given_api() == ""


def test_a_port_that_is_taken_is_left_to_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        taken = owner.getsockname()[1]
        monkeypatch.setenv("PREFECT_SERVER_API_PORT", str(taken))
        assert choose_port() not in {taken, 0}
    assert choose_port() == taken


@pytest.mark.parametrize("port", ["x", "-1", "65536", "4200.0", ""])
def test_what_is_no_port_is_refused(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_API_PORT", port)
    with pytest.raises(ConfigurationError, match="expected a port"):
        choose_port()


def test_a_ledger_has_one_history_whatever_its_directory_is_called(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_HOME")
    first = own_environment(settings, 1)["PREFECT_HOME"]
    monkeypatch.chdir(tmp_path)
    assert own_environment(settings.changed(data_dir=Path("data")), 1)["PREFECT_HOME"] == first
    assert own_environment(settings.changed(data_dir=Path("other")), 1)["PREFECT_HOME"] != first
    assert ledger_tag(settings) in first
    assert not first.startswith(str(settings.data_dir))  # what is published must not hold it


def test_a_proxy_is_not_asked_for_the_way_to_ourselves(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "example.org")
    assert own_environment(settings, 1)["no_proxy"] == "example.org,127.0.0.1"


# --- servers that are no Prefect


class Stranger(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"<html>welcome</html>")

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[Callable[[int], str]]:
    servers: list[http.server.ThreadingHTTPServer] = []

    def open_one(status: int) -> str:
        handler = type("Handler", (Stranger,), {"status": status})
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/api"

    yield open_one
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("status", "up"), [(200, True), (401, True), (404, True), (500, False), (503, False)])
def test_a_refusal_is_an_answer_and_a_broken_server_is_none(stranger: Any, status: int, up: bool) -> None:
    assert is_reachable(stranger(status)) is up


def test_nobody_there_is_no_answer() -> None:
    assert not is_reachable("http://127.0.0.1:9/api")
    assert not is_reachable("nonsense")


@pytest.mark.parametrize("status", [200, 401, 404])
def test_a_server_that_is_no_prefect_ends_serve_with_words(stranger: Any, settings: Settings, status: int) -> None:
    address = stranger(status)
    done = serve_in(settings, PREFECT_API_URL=address)
    assert done.returncode == 2, done.stderr
    assert f"{address} answers {'something else' if status == 200 else status} to Prefect's client" in done.stderr
    assert "unset PREFECT_API_URL" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["ok"] is False
    assert not settings.database.exists()


def serve_in(settings: Settings, *before: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*before, sys.executable, "-m", "flows.serve", "-C", str(settings.data_dir), "--json"]
    around = {**os.environ, **environment}
    return subprocess.run(
        command, check=False, cwd=ROOT, env=around, capture_output=True, text=True, timeout=PATIENCE_S
    )


# --- folders


def test_a_file_in_the_place_of_the_data_directory_is_told_and_stays(settings: Settings) -> None:
    settings.data_dir.write_text("in the way")
    done = serve_in(settings)
    assert done.returncode == 1
    assert "cannot make the inbox" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["error"]["code"] == "storage"
    assert settings.data_dir.read_text() == "in the way"


def test_a_data_directory_that_cannot_be_written_is_told(settings: Settings) -> None:
    settings.data_dir.mkdir(mode=0o555)
    powerless: list[str] = []
    if os.getuid() == 0:  # root may write anywhere, unless it gives that up
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is not installed, and root may write anywhere: nothing was seen")
        os.chown(settings.data_dir, 65534, 65534)
        powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    done = serve_in(settings, *powerless)
    assert done.returncode == 1
    assert "Permission denied" in done.stderr
    assert "give this user write permission" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(settings.data_dir.iterdir()) == []


def test_one_serve_is_alone_in_its_data_directory(settings: Settings) -> None:
    settings.data_dir.mkdir()
    with alone(settings), pytest.raises(ConfigurationError, match="another green-logic serve"), alone(settings):
        pass
    with alone(settings):
        pass  # the lock ends with its holder


def test_prefects_history_needs_a_place(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(StorageError, match="Prefect's history"):
        own_environment(settings, 1)


# --- the house


def test_the_process_that_keeps_the_others_imports_no_prefect() -> None:
    code = (
        "import sys, flows.serve; sys.exit(any(name.split('.')[0] in ('prefect', 'pyarrow') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.usefixtures("no_api")
def test_a_server_of_its_own_comes_first_and_goes_last(settings: Settings) -> None:
    house = open_house(options_of(), settings)
    assert list(house.children) == ["server", "inbox", "runner"]
    assert house.api == house.children["runner"].environment["PREFECT_API_URL"]
    assert "--patience=60.0" in house.children["inbox"].command
    assert "--patience=inf" in house.children["runner"].command  # it can only wait
    assert list(open_house(options_of("--once"), settings).children) == ["server", "inbox"]


def test_with_a_server_of_somebody_else_none_is_started(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    house = open_house(options_of(), settings)
    assert list(house.children) == ["inbox", "runner"]
    assert "--patience=15.0" in house.children["inbox"].command  # it should be there


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--once"], "once"),
        (["--interval", "60"], "every 60 s"),
        ([], "at 0 3 * * * (UTC)"),
        (["--cron", "1 2 * * *", "--timezone", "Asia/Tokyo"], "at 1 2 * * * (Asia/Tokyo)"),
    ],
)
def test_the_schedule_is_told_in_words(words: list[str], told: str) -> None:
    assert when(options_of(*words)) == told


def test_a_place_that_cannot_be_written_is_told_at_the_start_and_keeps_nothing_from_starting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    (tmp_path / "file").write_text("")
    places = {
        "export_to": str(tmp_path / "file" / "x"),
        "archive_to": str(tmp_path / "new" / "x"),
        "backup_to": "s3://b",
    }
    house = open_house(make_parser().parse_args([]), settings.changed(**places))
    (warning,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("WARNING"))
    assert warning.endswith(f"{tmp_path}/file is no directory")
    assert list(house.children) == ["inbox", "runner"]
    assert not (tmp_path / "new").exists()


def test_the_start_says_which_limits_bind_a_submission(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    obstacle = find_obstacle()
    told = (
        f"no control group: {obstacle}" if obstacle else "a control group binds all processes of a submission together"
    )
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    open_house(make_parser().parse_args([]), settings)
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("limits: "))
    assert line.endswith(told)
    open_house(options_of(), settings)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("role", ["house", "inbox", "runner"])
def test_ctrl_c_before_anything_has_begun_ends_it_without_a_word(role: str, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(EARLY)
    command = [sys.executable, "-m", "flows.serve", f"--role={role}", "-C", str(settings.data_dir)]
    around = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command, check=False, cwd=ROOT, env=around, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
    assert not settings.data_dir.exists()


@pytest.mark.parametrize("name", LOGGERS)
def test_prefect_does_not_call_a_ctrl_c_an_error(name: str) -> None:
    speak_plainly()

    def is_logged(text: str, *more: object) -> bool:
        record = logging.LogRecord(name, logging.ERROR, __file__, 1, text, more, None)
        return bool(logging.getLogger(name).filter(record))

    assert not is_logged("Crash detected! Execution was aborted by an interrupt signal.")
    assert not is_logged("Finished in state %r", "Crashed('Execution was aborted by an interrupt signal.')")
    assert is_logged("Crash detected! Execution was cancelled by the runtime environment.")
    assert is_logged("The disk is full: %d bytes", 0)


# --- without Prefect


def house_in_outage(settings: Settings, *words: str, away_s: float) -> House:
    """A house whose API has been silent for so long; its inbox is there and idle."""
    inbox = Child("inbox", [sys.executable, "-c", "import time; time.sleep(99)"], dict(os.environ), 2)  # type: ignore[arg-type]
    inbox.not_before = time.monotonic() + 99  # nothing is started here
    house = House(
        settings, options_of("-C", str(settings.data_dir), *words), "http://127.0.0.1:9/api", {"inbox": inbox}
    )
    house.answered -= away_s
    return house


def sleeper(name: str) -> Child:
    """A real process that never answers anything."""
    return Child(name, [sys.executable, "-c", "import time; time.sleep(99)"], dict(os.environ), signal.SIGTERM)


def stop_children(house: House) -> None:
    """Not as `close_house` does it, which ends every child of this process, the server of these tests too."""
    for child in house.children.values():
        child.stop()


def house_with_a_silent_server(settings: Settings, *words: str) -> House:
    house = house_in_outage(settings, *words, away_s=0)
    house.children |= {"server": sleeper("server"), "runner": sleeper("runner")}
    house.tried = time.monotonic()  # no publication here
    return house


def be_silent(house: House) -> float:
    """Let the server have been silent for as long as it may; how long that is."""
    tend(house)  # starts it
    waited = patience_s(house)
    house.children["server"].started -= waited + 1
    house.answered -= waited + 1
    house.probed = 0.0
    look_around(house)
    return waited


def test_a_server_that_never_answers_is_given_more_time_each_time_and_then_up(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    house = house_with_a_silent_server(settings, "--interval", "90")
    waited = [be_silent(house) for _ in range(MOST_STARTS - 1)]
    assert capsys.readouterr().err.count("starting it again") == MOST_STARTS - 1
    runner = house.children["runner"].process
    assert runner is not None
    assert (house.code, runner.poll()) == (0, None)
    waited.append(be_silent(house))
    assert waited == [START_S, 2 * START_S, 4 * START_S, 8 * START_S]
    said = capsys.readouterr().err
    assert "serve goes on without it: it judges what arrives, publishes every 90 s, and will end with code 1" in said
    assert "PREFECT_API_URL" in said
    assert runner.poll() is not None
    assert list(house.children) == ["inbox"]
    assert (house.code, house.stopped) == (1, False)
    tend(house)  # nothing more is started
    assert list(house.children) == ["inbox"]


def house_with_a_dying_server(settings: Settings) -> House:
    house = house_with_a_silent_server(settings)
    house.children["server"].command = [sys.executable, "-c", "raise SystemExit(3)"]
    return house


def let_it_end(house: House) -> None:
    server = house.children["server"]
    server.not_before = 0.0  # the pause is over
    tend(house)
    assert server.process is not None
    server.process.wait()
    tend(house)


def test_a_server_that_always_ends_by_itself_is_given_up_in_the_end(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    house = house_with_a_dying_server(settings)
    for _ in range(MOST_ENDS - 1):
        let_it_end(house)
    assert capsys.readouterr().err.count("server ended with code 3") == MOST_ENDS - 1
    assert (set(house.children), house.code) == ({"inbox", "server", "runner"}, 0)
    runner = house.children["runner"]
    let_it_end(house)
    assert runner.process is None
    said = capsys.readouterr().err
    assert f"error: the Prefect server has ended by itself {MOST_ENDS} times and never answered" in said
    assert "publishes once a day" in said
    assert (set(house.children), house.code, house.stopped) == ({"inbox"}, 1, False)


def test_a_server_that_has_answered_before_may_end_as_often_as_it_will(settings: Settings) -> None:
    house = house_with_a_dying_server(settings)
    house.met = True
    for _ in range(MOST_ENDS + 1):
        let_it_end(house)
    assert (set(house.children), house.code) == ({"inbox", "server", "runner"}, 0)
    stop_children(house)


def test_a_server_that_has_answered_before_is_never_given_up(settings: Settings) -> None:
    house = house_with_a_silent_server(settings)
    house.met = True
    waited = [be_silent(house) for _ in range(MOST_STARTS + 2)]
    assert waited[-1] == waited[-2] == waited[-3] == START_S * 2 ** (MOST_STARTS - 1)
    assert house.code == 0
    stop_children(house)


def test_an_answer_makes_good_what_was_waited_for(settings: Settings, stranger: Any) -> None:
    house = house_with_a_silent_server(settings)
    be_silent(house)
    assert patience_s(house) == 2 * START_S
    house.api, house.probed = stranger(200), 0.0
    look_around(house)
    assert (patience_s(house), house.met, house.up) == (START_S, True, True)
    stop_children(house)


def test_a_server_is_left_alone_for_as_long_as_it_may_be_silent(settings: Settings) -> None:
    house = house_with_a_silent_server(settings)
    tend(house)
    first = house.children["server"].process
    house.answered -= 10 * START_S  # nobody answered for long, but this one was just started
    house.probed = 0.0
    look_around(house)
    assert house.children["server"].process is first
    assert house.silences == 0
    stop_children(house)


def published(settings: Settings, age: timedelta) -> None:
    from green_logic.publication import Order, note_published

    note_published(Order(settings), datetime.now(UTC) - age)


@pytest.fixture
def recorded(settings: Settings, make_result: Any) -> Settings:
    from green_logic.agent import GreenAgent

    with GreenAgent(settings=settings) as agent:
        agent.submit_result(make_result("b-1"))
    return settings


@pytest.mark.parametrize(
    ("away_s", "age", "words", "publishes"),
    [
        (OUTAGE_S + 1, timedelta(hours=25), [], True),
        (OUTAGE_S + 1, timedelta(hours=23), [], False),
        (OUTAGE_S - 9, timedelta(hours=25), [], False),
        (OUTAGE_S + 1, timedelta(hours=2), ["--interval", "3600"], True),
    ],
)
def test_without_prefect_a_publication_is_made_when_it_is_due(
    recorded: Settings, away_s: float, age: timedelta, words: list[str], publishes: bool
) -> None:
    published(recorded, age)
    house = house_in_outage(recorded, *words, away_s=away_s)
    tend(house)
    assert ("publish" in house.children) is publishes


def test_without_prefect_a_publication_that_fails_is_not_repeated_at_once(recorded: Settings) -> None:
    house = house_in_outage(recorded, away_s=OUTAGE_S + 1)
    tend(house)
    assert "publish" in house.children  # there is none yet
    del house.children["publish"]
    tend(house)
    assert "publish" not in house.children
    house.tried -= 86401
    tend(house)
    assert "publish" in house.children


def test_the_age_of_a_backup_in_a_bucket_is_not_asked_for_by_this_process(recorded: Settings) -> None:
    house = house_in_outage(recorded, "--backup-to", "s3://nobody/nowhere", away_s=OUTAGE_S + 1)
    tend(house)
    assert "publish" in house.children
