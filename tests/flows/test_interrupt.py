"""Ctrl-C in the middle of `green-logic run --prefect`: prompt, in words, on the record, and no process is left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 150.0  # the machine may be busy; a good run needs a tenth
PROMPT_S = 60.0  # 1-3 s on a quiet machine; what this file is about took 73 on one
AT_ONCE_S = 30.0  # 0.03 s on a quiet machine
BATTLES = 64
# however fast the machine, one worker needs 19 s for the file: a sleep would be skipped, a lock is waited for
HIDDEN = "import threading\nfrom solution import double\n\ndef test_two():\n    threading.Event().wait(0.3)\n"
BATTLE = {
    "task": {"title": "Double", "description": "Write double(n).", "entry_points": ["double"], "hidden_tests": HIDDEN},
    "purple_response": {"sourceCode": "def double(n):\n    return 2 * n\n", "testCode": "", "rationale": "twice"},
}
ANSWER = "error: interrupted\n  what is recorded stays; the same command takes up the rest\n"
NEEDS_TIME = pytest.mark.skipif(
    os.environ.get("GREEN_LOGIC_TEST_SLOW") != "1", reason="a temporary server takes 10-40 s: GREEN_LOGIC_TEST_SLOW=1"
)
EITHER_SERVER = pytest.mark.parametrize(
    "temporary", [pytest.param(False, id="remote"), pytest.param(True, id="temporary", marks=NEEDS_TIME)]
)


class Terminal:
    """`green-logic run --prefect` in a terminal, whose Ctrl-C reaches every process of the group."""

    def __init__(self, directory: Path, api: str) -> None:
        self.battles, self.data, self.home = (directory / name for name in ("battles.jsonl", "data", "prefect"))
        self.log = directory / "run.log"
        self.family: list[int] = []  # those that are not to survive
        lines = (json.dumps({"battle_id": f"i-{number}", **BATTLE}) for number in range(BATTLES))
        self.battles.write_text("\n".join(lines))
        program = [str(Path(sys.executable).with_name("green-logic")), "run", str(self.battles), "--prefect", "--json"]
        environment = {**os.environ, "PREFECT_HOME": str(self.home), **({"PREFECT_API_URL": api} if api else {})}
        environment["GREEN_LOGIC_WORKERS"] = "1"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [*program, "-C", str(self.data), "--chunk-size", "4"],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
            )

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"in vain: {what}: {self.log.read_text()}"
            time.sleep(0.02)

    def wait_for_handler(self) -> None:
        """Wait until the flow's own program handles Ctrl-C, seconds before Prefect is loaded."""
        own = Path(f"/proc/{self.process.pid}")
        self.wait_until(lambda: b"flows.battles" in (own / "cmdline").read_bytes(), "the flow's program")
        self.wait_until(lambda: len(list((own / "task").iterdir())) > 1, "the thread that goes with the handler")
        time.sleep(0.05)

    def wait_for_work(self) -> None:
        self.wait_until(self.count_dboms, "the first chunk")

    def count_dboms(self) -> int:
        return len(list(self.data.glob("dboms/dbom_*.json")))

    def ctrl_c(self) -> None:
        self.family = self.family or descendants(self.process.pid)
        os.killpg(self.process.pid, signal.SIGINT)

    def seconds_to_end(self) -> float:
        """How long it takes to end, and to end as it should."""
        began = time.monotonic()
        answer, _ = self.process.communicate(timeout=PATIENCE_S)
        took = time.monotonic() - began
        text = self.log.read_text()
        assert self.process.returncode == 130, text
        assert json.loads(answer)["error"]["code"] == "interrupted"
        assert text.endswith(ANSWER)
        assert text.count(ANSWER) == 1
        assert "Traceback" not in text
        deadline = time.monotonic() + AT_ONCE_S  # the sandboxes see for themselves that their judge is gone
        while any(map(is_alive, self.family)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [pid for pid in self.family if is_alive(pid)] == []
        return took


def descendants(parent: int) -> list[int]:
    from flows.children import find_children

    children = find_children(parent)
    return [*children, *(each for child in children for each in descendants(child))]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Callable[[str], Terminal]]:
    terminals: list[Terminal] = []

    def open_one(api: str) -> Terminal:
        terminals.append(Terminal(tmp_path, api))
        return terminals[-1]

    yield open_one
    for terminal in terminals:
        if terminal.process.poll() is None:
            os.killpg(terminal.process.pid, signal.SIGKILL)
            terminal.process.communicate()


def states_of(terminal: Terminal) -> list[str]:
    """States of its flow runs in the database of its temporary server, which is gone."""
    with contextlib.closing(sqlite3.connect(f"file:{terminal.home}/prefect.db?mode=ro", uri=True)) as connection:
        return [name for (name,) in connection.execute("SELECT state_name FROM flow_run")]


def states_from(api: str, terminal: Terminal) -> list[str]:
    """States of its flow runs for a server that is there."""
    import httpx

    wanted = {"flow_runs": {"name": {"any_": [f"battles-{terminal.battles}"]}}}
    answer = httpx.post(f"{api}/flow_runs/filter", json=wanted, timeout=60.0)
    return [run["state_name"] for run in answer.raise_for_status().json()]


@EITHER_SERVER
def test_ctrl_c_ends_the_flow_in_order_and_the_server_knows(temporary: bool, open_terminal: Any, api: str) -> None:
    terminal = open_terminal("" if temporary else api)
    terminal.wait_for_work()
    terminal.ctrl_c()
    assert terminal.family, "neither sandboxes nor server"
    assert terminal.seconds_to_end() < PROMPT_S
    assert 0 < terminal.count_dboms() < BATTLES
    assert (states_of(terminal) if temporary else states_from(api, terminal)) == ["Crashed"]


@EITHER_SERVER
def test_a_second_ctrl_c_ends_it_at_once(temporary: bool, open_terminal: Any, api: str) -> None:
    terminal = open_terminal("" if temporary else api)
    terminal.wait_for_work()
    terminal.ctrl_c()
    time.sleep(0.05)
    terminal.ctrl_c()
    assert terminal.seconds_to_end() < AT_ONCE_S


@NEEDS_TIME
def test_ctrl_c_while_the_temporary_server_starts_leaves_none(open_terminal: Any) -> None:
    terminal = open_terminal("")
    terminal.wait_until(lambda: descendants(terminal.process.pid), "the temporary server")
    terminal.ctrl_c()
    assert terminal.seconds_to_end() < AT_ONCE_S


def test_ctrl_c_is_answered_in_words_while_prefect_is_loaded(open_terminal: Any, api: str) -> None:
    terminal = open_terminal(api)
    terminal.wait_for_handler()
    terminal.ctrl_c()
    assert terminal.seconds_to_end() < AT_ONCE_S
    assert not terminal.data.exists()


def test_a_server_that_does_not_answer_cannot_keep_it(open_terminal: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        terminal = open_terminal(f"http://127.0.0.1:{silent.getsockname()[1]}/api")
        silent.settimeout(PATIENCE_S)
        with silent.accept()[0]:
            terminal.ctrl_c()
            assert terminal.seconds_to_end() < PROMPT_S
