"""`serve`: what arrives is judged, the schedule fires, and no kill and no Ctrl-C loses anything or leaves a process."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from green_logic.inbox import Inbox
from green_logic.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 150.0  # the machine may be busy; a good run needs a tenth
BATTLES = 64  # of a file that is interrupted: two chunks
BATTLE = {
    "task": {"title": "Double", "description": "Write double(n).", "entry_points": ["double"]},
    "purple_response": {"sourceCode": "def double(n):\n    return 2 * n\n", "testCode": "", "rationale": "twice"},
}
# however fast the machine, one worker needs 8 s for the second chunk: a sleep would be skipped, a lock is waited for
WAITING = "import threading\nfrom solution import double\n\ndef test_two():\n    threading.Event().wait(0.25)\n"
LONG = {**BATTLE, "task": {**BATTLE["task"], "hidden_tests": WAITING}}


class Service:
    """A running `python -m flows.serve`."""

    def __init__(self, settings: Settings, log: Path, *words: str, api: str = "") -> None:
        self.log = log
        self.settings = settings
        environment = {**os.environ, **({"PREFECT_API_URL": api} if api else {})}
        # a port of its own: a Prefect of whoever runs the tests may have the usual one
        environment |= {"PREFECT_SERVER_API_PORT": "0"} if not api else {}
        environment["GREEN_LOGIC_WORKERS"] = "1"
        command = [sys.executable, "-m", "flows.serve", "-C", str(settings.data_dir), "--json", *words]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=output, start_new_session=True
            )

    def said(self, text: str) -> bool:
        assert self.process.poll() is None or text in self.log.read_text(), self.log.read_text()
        return text in self.log.read_text()

    def child(self, name: str) -> int:
        """Process id of a child, by a word of its command line."""
        for pid in descendants(self.process.pid):
            if name in command_line(pid):
                return pid
        raise AssertionError(f"no child {name}: {self.log.read_text()}")

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, dict[str, Any]]:
        """Exit code and answer after a signal; no process may be left."""
        family = descendants(self.process.pid)
        self.process.send_signal(number)
        answer, _ = self.process.communicate(timeout=PATIENCE_S)
        assert [pid for pid in family if is_alive(pid)] == [], self.log.read_text()
        return self.process.returncode, json.loads(answer)


@pytest.fixture
def start(tmp_path: Path, settings: Settings) -> Iterator[Callable[..., Service]]:
    services: list[Service] = []

    def start_one(*words: str, api: str = "") -> Service:
        services.append(Service(settings, tmp_path / f"serve-{len(services)}.log", *words, api=api))
        return services[-1]

    yield start_one
    for service in services:
        if service.process.poll() is None:
            service.process.terminate()
            service.process.communicate(timeout=PATIENCE_S)


@pytest.fixture(autouse=True)
def names_are_free(prefect_server: Path) -> Iterator[None]:
    """Each test has a ledger of its own, and a server has each name once."""
    from prefect.client.orchestration import get_client

    yield
    with get_client(sync_client=True) as client:
        for deployment in client.read_deployments():
            client.delete_deployment(deployment.id)


@pytest.fixture
def inbox(settings: Settings) -> Inbox:
    box = Inbox(settings)
    box.make()
    return box


def descendants(parent: int) -> list[int]:
    from flows.children import find_children

    children = find_children(parent)
    return [*children, *(each for child in children for each in descendants(child))]


def command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""  # it has ended meanwhile


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.1)


def drop(inbox: Inbox, name: str, *battle_ids: str) -> None:
    drop_battles(inbox, name, [{"battle_id": battle_id, **BATTLE} for battle_id in battle_ids])


def drop_long(inbox: Inbox, name: str) -> None:
    """A file whose first half is recorded at once, and whose second half is still being judged seconds later."""
    kinds = [BATTLE] * (BATTLES // 2) + [LONG] * (BATTLES // 2)
    drop_battles(inbox, name, [{"battle_id": f"a-{number}", **kind} for number, kind in enumerate(kinds)])


def drop_battles(inbox: Inbox, name: str, battles: list[dict[str, Any]]) -> None:
    part = inbox.directory / f"{name}.part"
    part.write_text("".join(json.dumps(battle) + "\n" for battle in battles))
    part.rename(inbox.directory / name)


def recorded(settings: Settings) -> int:
    if not settings.database.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{settings.database}?mode=ro", uri=True)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM battles").fetchone()[0])
        except sqlite3.OperationalError:  # being made
            return 0


def reports(inbox: Inbox) -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_bytes()) for path in inbox.directory.glob("*/[!.]*.report.json")}


def test_a_second_start_takes_up_what_a_kill_left(start: Any, api: str, inbox: Inbox) -> None:
    drop_long(inbox, "a.jsonl")
    first = start(api=api)
    wait_until(lambda: recorded(inbox.settings), "the first battles of the file")
    family = {pid: command_line(pid) for pid in descendants(first.process.pid)}
    first.process.kill()
    first.process.wait()
    wait_until(lambda: not any(map(is_alive, family)), f"the end of {family}")
    done = recorded(inbox.settings)
    assert inbox.waiting() == ["a.jsonl"]
    assert done < BATTLES
    second = start(api=api)
    wait_until(lambda: second.said("inbox"), "the second serve")
    beside = start(api=api)
    refusal, _ = beside.process.communicate(timeout=PATIENCE_S)
    assert (beside.process.returncode, json.loads(refusal)["error"]["code"]) == (2, "configuration")
    drop(inbox, "b.jsonl", "b-1")
    wait_until(lambda: len(reports(inbox)) == 2, "both reports")
    assert second.end() == (130, {"schema": "green-logic/serve/1", "ok": False, "done": 2, "failed": 0})
    report = reports(inbox)["a.jsonl.report.json"]
    assert (report["already_recorded"], report["recorded"], report["by"]) == (done, BATTLES - done, "flow")
    assert recorded(inbox.settings) == BATTLES + 1


def test_a_second_ctrl_c_ends_it_at_once_and_the_kernel_the_rest(start: Any, api: str, inbox: Inbox) -> None:
    drop_long(inbox, "a.jsonl")
    service = start(api=api)
    wait_until(lambda: recorded(inbox.settings), "the first battles of the file")
    family = descendants(service.process.pid)
    service.process.send_signal(signal.SIGINT)
    wait_until(lambda: "stopping …" in service.log.read_text(), "the first Ctrl-C to be heard")
    service.process.send_signal(signal.SIGINT)
    service.process.communicate(timeout=PATIENCE_S)
    # by the signal itself, unless the machine was so slow that the first one had ended it in order
    assert service.process.returncode in {-signal.SIGINT, 130}
    wait_until(lambda: not any(map(is_alive, family)), "the end of the children")
    assert inbox.waiting() == ["a.jsonl"]
    assert 0 < recorded(inbox.settings) < BATTLES


def test_a_name_of_another_ledger_on_a_server_ends_serve_and_stays(
    start: Any, api: str, inbox: Inbox, tmp_path: Path
) -> None:
    from flows.runner import make_deployments
    from flows.serve import make_parser

    theirs = inbox.settings.changed(data_dir=tmp_path / "theirs")
    for deployment in make_deployments(make_parser().parse_args([]), theirs):
        deployment.apply()
    service = start(api=api)
    answer, _ = service.process.communicate(timeout=PATIENCE_S)
    assert (service.process.returncode, json.loads(answer)["ok"]) == (2, False)
    assert f"belongs to the ledger in {theirs.data_dir}" in service.log.read_text()
    assert not inbox.settings.database.exists()


def test_once_takes_the_inbox_publishes_and_ends(start: Any, api: str, inbox: Inbox) -> None:
    drop(inbox, "good.jsonl", "g-1", "g-2")
    drop(inbox, "bad.jsonl", "g-3", "not an id")
    service = start("--once", api=api)
    answer, _ = service.process.communicate(timeout=PATIENCE_S)
    assert json.loads(answer) == {"schema": "green-logic/serve/1", "ok": False, "done": 1, "failed": 1}
    assert service.process.returncode == 1  # a line was refused
    assert recorded(inbox.settings) == 3
    assert list((inbox.settings.data_dir / "exports").rglob("*.parquet"))
    assert list((inbox.settings.data_dir / "backups").rglob("manifest.json"))


def test_once_judges_what_it_cannot_move_publishes_and_ends_with_1(start: Any, api: str, inbox: Inbox) -> None:
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == inbox.directory.stat().st_dev:
        pytest.skip("there is no second file system to write to")
    (inbox.directory / "done").rmdir()
    with tempfile.TemporaryDirectory(dir=memory, prefix="green-logic-") as elsewhere:
        (inbox.directory / "done").symlink_to(elsewhere)
        drop(inbox, "a.jsonl", "a-1")
        drop(inbox, "b.jsonl", "b-1")
        service = start("--once", api=api)
        answer, _ = service.process.communicate(timeout=PATIENCE_S)
        assert list(Path(elsewhere).iterdir()) == []
    assert json.loads(answer) == {"schema": "green-logic/serve/1", "ok": False, "done": 0, "failed": 0}
    assert service.process.returncode == 1
    assert (recorded(inbox.settings), inbox.waiting()) == (2, ["a.jsonl", "b.jsonl"])
    assert service.log.read_text().count("done/ must be a folder on the same file system as inbox/") == 2
    assert list((inbox.settings.data_dir / "exports").rglob("*.parquet"))


def test_a_file_that_replaces_one_that_is_being_judged_is_judged_as_well(start: Any, api: str, inbox: Inbox) -> None:
    drop_long(inbox, "a.jsonl")
    service = start(api=api)
    wait_until(lambda: recorded(inbox.settings), "the first battles of the file")
    drop(inbox, "a.jsonl", "b-1")
    wait_until(lambda: reports(inbox), "the report")
    assert service.said("↻ a.jsonl → inbox: it was changed, replaced")
    assert recorded(inbox.settings) == BATTLES + 1
    (report,) = reports(inbox).values()
    assert (report["recorded"], report["already_recorded"]) == (1, 0)
    assert '"b-1"' in (inbox.directory / "done" / "a.jsonl").read_text()
    assert service.end(signal.SIGTERM)[1]["done"] == 1


def test_a_server_killed_in_the_middle_loses_nothing_and_the_schedule_fires(start: Any, inbox: Inbox) -> None:
    service = start("--interval", "5")
    wait_until(lambda: service.said("✔ Prefect answers"), "the service's own server")
    drop_long(inbox, "a.jsonl")
    wait_until(lambda: recorded(inbox.settings), "the first battles of the file")
    os.kill(service.child("prefect server start"), signal.SIGKILL)
    drop(inbox, "b.jsonl", "b-1")
    wait_until(lambda: len(reports(inbox)) == 2, "both reports")
    assert recorded(inbox.settings) == BATTLES + 1
    wait_until(lambda: service.log.read_text().count("✔ Prefect answers") == 2, "the server again")
    if schedules_work():
        wait_until(
            lambda: list((inbox.settings.data_dir / "backups").rglob("manifest.json")), "a scheduled publication"
        )
    code, answer = service.end(signal.SIGTERM)
    assert (code, answer["done"], answer["failed"]) == (0, 2, 0)
    if not schedules_work():
        pytest.skip("SQLAlchemy 2.1 keeps Prefect 3.8 from scheduling: the rest was seen, the schedule was not")


# what a machine without time does to the server alone; the first argument says how many of its starts
SLOW = """
import sys, time
from pathlib import Path
if sys.orig_argv[1:4] == ["-m", "prefect", "server"]:
    left = Path(__file__).with_name("left")
    if left.read_text() != "0":
        left.write_text(str(int(left.read_text()) - 1))
        time.sleep(999)
"""


@pytest.fixture
def slow_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """Let so many starts of a Prefect server take longer than anybody waits; the file that counts them down."""

    def slow_down(starts: int) -> Path:
        folder = tmp_path / "slow"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(SLOW)
        (folder / "left").write_text(str(starts))
        monkeypatch.setenv("PYTHONPATH", str(folder))
        return folder / "left"

    return slow_down


def test_a_server_that_is_slow_to_start_gets_more_time_and_serves(start: Any, inbox: Inbox, slow_starts: Any) -> None:
    left = slow_starts(1)
    service = start("--patience=10")  # then 20, 40 and 80 s
    wait_until(lambda: service.said("starting it again, with 20 s to answer"), "the end of its patience")
    assert left.read_text() == "0"
    wait_until(lambda: service.said("✔ Prefect answers"), "the server that was given more time")
    drop(inbox, "a.jsonl", "a-1")
    wait_until(lambda: reports(inbox), "the report")
    assert reports(inbox)["a.jsonl.report.json"]["by"] == "flow"
    code, answer = service.end(signal.SIGTERM)
    assert (code, answer["ok"], answer["done"]) == (0, True, 1)


def test_without_a_server_that_ever_answers_serve_goes_on_and_ends_with_1(
    start: Any, inbox: Inbox, slow_starts: Any
) -> None:
    slow_starts(99)
    drop(inbox, "a.jsonl", "a-1")
    service = start("--patience=1")
    wait_until(lambda: service.said("serve goes on without it"), "the last of the starts")
    drop(inbox, "b.jsonl", "b-1")
    wait_until(lambda: len(reports(inbox)) == 2, "both reports")
    assert [report["by"] for report in reports(inbox).values()] == ["library", "library"]
    assert recorded(inbox.settings) == 2
    assert service.log.read_text().count("starting it again") == 3
    assert not [pid for pid in descendants(service.process.pid) if "prefect" in command_line(pid)]
    code, answer = service.end(signal.SIGTERM)
    assert (code, answer["ok"], answer["done"]) == (1, False, 2)


def schedules_work() -> bool:
    return importlib.metadata.version("sqlalchemy").startswith("2.0.")


@pytest.mark.parametrize("words", [["--cron", "0 3 * * 99"], ["--cron", "a b c d e"]])
def test_a_schedule_that_never_fires_is_refused(words: list[str], settings: Settings) -> None:
    from flows.serve import main

    assert main(["--role=runner", "-C", str(settings.data_dir), *words]) == 2


def test_both_deployments_are_named_by_module_and_never_overlap(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import argparse

    from flows.runner import make_deployments
    from green_logic.commands import add_common
    from green_logic.commands.serve import add_arguments

    parser = argparse.ArgumentParser()
    add_common(parser)
    add_arguments(parser)
    monkeypatch.setenv("GREEN_LOGIC_BACKUP_TO", "s3://key:secret@b")  # the page shows parameters, not settings
    options = parser.parse_args(["--timezone", "Europe/Berlin", "--keep", "7d", "--archive-to", "s3://b"])
    battles, publish = make_deployments(options, settings)
    assert (battles.entrypoint, publish.entrypoint) == (
        "flows.battles.evaluate_battles",
        "flows.publish.export_and_archive",
    )
    (schedule,) = publish.schedules
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 3 * * *", "Europe/Berlin")
    assert publish.concurrency_limit == 1
    assert publish.concurrency_options.collision_strategy == "CANCEL_NEW"
    assert publish.parameters == {"data_dir": str(settings.data_dir), "keep": "7d", "archive_to": "s3://b"}
    assert not battles.schedules


def prefect(api: str, *words: str) -> str:
    """Run Prefect's own command line in the root of the repository, as README says."""
    # its worker keeps files in a folder of one name for all users, which the first of them owns
    private = {"TMPDIR": os.environ["PREFECT_HOME"]}
    environment = {**os.environ, **private, "PREFECT_API_URL": api, "NO_COLOR": "1"}
    command = [sys.executable, "-m", "prefect", "--no-prompt", *words]
    done = subprocess.run(
        command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_work_pool_file_registers_both_deployments_and_a_worker_completes_each(api: str, inbox: Inbox) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.deployments import run_deployment

    drop(inbox, "a.jsonl", "a-1")
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="green-logic", type="process"))
    prefect(api, "deploy", "--all", "--prefect-file", "deployments/prefect.yaml")
    where = {"data_dir": str(inbox.settings.data_dir)}
    source = str(inbox.directory / "a.jsonl")
    ordered = [
        run_deployment("evaluate-battles/battles", parameters={**where, "source": source}, timeout=0),
        run_deployment("export-and-archive/publish", parameters=where, timeout=0),
    ]
    prefect(api, "worker", "start", "--pool", "green-logic", "--type", "process", "--run-once")
    with get_client(sync_client=True) as client:
        runs = [client.read_flow_run(one.id) for one in ordered]
        publish = client.read_deployment_by_name("export-and-archive/publish")
    assert [run.state.name for run in runs] == ["Completed", "Completed"]
    assert recorded(inbox.settings) == 1
    assert publish.entrypoint == "flows.publish.export_and_archive"
    assert publish.global_concurrency_limit.limit == 1
    assert publish.concurrency_options.collision_strategy == "CANCEL_NEW"
    assert [str(schedule.schedule.cron) for schedule in publish.schedules] == ["0 3 * * *"]
