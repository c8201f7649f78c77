"""`green-logic query` for programs: what was published comes out as it is, and every end of it is told as one."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from export_samples import make_key, record

from green_logic.publish.export import export_battles
from green_logic.settings import Settings

pytest.importorskip("duckdb")
LONG = "SELECT sum(hash(range)) FROM range(1000000000000)"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("query")
    settings = Settings(data_dir=root / "data")
    record(settings, make_key(root), range(4))
    export_battles(settings)
    return settings.data_dir


def ask(data: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command(data, *words), capture_output=True, timeout=20, check=False)


def command(data: Path, *words: str) -> list[str]:
    program = "import sys; from green_logic.cli import main; sys.exit(main())"
    return [sys.executable, "-c", program, "query", "-C", str(data), *words]


def strictly(text: bytes) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_csv_for_a_program_holds_every_character_as_it_was_published(data: Path) -> None:
    text = 'tab\tno-break\xa0zero\u200bwidth, "quoted"\r\nnext – €'
    said = ask(data, "--csv", f"SELECT battle_id, '{text}' AS x FROM battles LIMIT 1")  # noqa: S608
    assert said.returncode == 0
    rows = list(csv.reader(io.StringIO(said.stdout.decode(), newline="")))
    assert rows == [["battle_id", "x"], [rows[1][0], text]]


def test_the_export_is_read_where_the_settings_send_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data_dir=data)
    counted = "SELECT count(*) FROM battles"
    monkeypatch.setenv("GREEN_LOGIC_EXPORT_TO", str(tmp_path / "place"))
    said = ask(data, counted)
    assert said.returncode == 2
    assert f"nothing is published under {tmp_path}/place".encode() in said.stderr
    export_battles(settings, since=3, destination=tmp_path / "place")
    assert json.loads(ask(data, "--json", counted).stdout)["rows"] == [[1]]
    monkeypatch.setenv("GREEN_LOGIC_EXPORT_TO", "")
    assert json.loads(ask(data, "--json", counted).stdout)["rows"] == [[4]]


def test_an_export_in_a_bucket_is_no_reason_to_read_another_one(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREEN_LOGIC_EXPORT_TO", "s3://key:secret@bucket/arena")
    said = ask(data, "SELECT count(*) FROM battles")
    assert said.returncode == 2
    assert b"only those on this machine are read" in said.stderr
    assert b"GREEN_LOGIC_EXPORT_TO" in said.stderr
    assert b"secret" not in said.stderr + said.stdout


def test_a_table_sends_no_control_character_to_a_terminal(data: Path) -> None:
    said = ask(data, "SELECT 'a' || chr(27) || '[31mred' || chr(8203) AS x")
    assert said.stdout.decode() == "x\na�[31mred�\n"


@pytest.mark.parametrize(("number", "shown"), [("nan", "nan"), ("inf", "inf"), ("-inf", "-inf")])
def test_what_json_has_no_number_for_is_text(data: Path, number: str, shown: str) -> None:
    said = ask(
        data, "--json", f"SELECT '{number}'::DOUBLE AS a, [1.5, '{number}'::DOUBLE] AS b, {{'c': 0.25::DOUBLE}} AS c"
    )
    assert strictly(said.stdout)["rows"] == [[shown, [1.5, shown], {"c": 0.25}]]


@pytest.mark.parametrize("sql", [";", "-- a remark", "  /* nothing */ ; "])
def test_a_query_without_a_statement_is_an_error_that_says_so(data: Path, sql: str) -> None:
    said = ask(data, "--json", sql)
    error = strictly(said.stdout)["error"]
    assert said.returncode == 2
    assert "no statement" in error["message"]
    assert b"Traceback" not in said.stderr


def test_a_query_that_fails_is_an_error_with_what_duckdb_says(data: Path) -> None:
    for sql in ("SELECT nosuch FROM battles", "SELEC 1", "SELECT error('on purpose')"):
        said = ask(data, "--json", sql)
        assert said.returncode == 2
        assert strictly(said.stdout)["error"]["message"].startswith("the query failed: ")
        assert b"Traceback" not in said.stderr


def spent_s(process: subprocess.Popen[bytes]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
@pytest.mark.parametrize("flags", [(), ("--json",), ("--csv",)])
def test_ctrl_c_in_a_long_query_ends_it_as_every_command_is_ended(data: Path, flags: tuple[str, ...]) -> None:
    line = command(data, *flags, LONG)
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            while spent_s(process) < 3:  # more than the start takes: it is in the query
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert err.startswith(b"error: interrupted\n")
    assert (strictly(out)["error"]["code"] if "--json" in flags else out) == (
        "interrupted" if "--json" in flags else b""
    )


PRESSED = """
import os, signal
from green_logic.commands.query import _heeding_ctrl_c

def press():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        print("asked", flush=True)

with _heeding_ctrl_c(lambda: print("interrupted", flush=True)):
    press()
    PRESS
press()
press()
"""


@pytest.mark.parametrize(("again", "code", "asked"), [("press()", -signal.SIGINT, 1), ("pass", 0, 3)])
def test_a_second_ctrl_c_waits_for_nothing_that_a_query_has_begun(again: str, code: int, asked: int) -> None:
    line = [sys.executable, "-c", PRESSED.replace("PRESS", again)]
    said = subprocess.run(line, capture_output=True, timeout=60, check=False)
    assert (said.returncode, said.stdout) == (code, b"interrupted\n" + b"asked\n" * asked)
