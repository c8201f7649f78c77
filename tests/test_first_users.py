"""What first users stumbled over: told in words, with the next step, and without a trace where nothing was done."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

CLI = [sys.executable, "-c", "import sys; from green_logic.cli import main; sys.exit(main())"]


def call(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLI, *words], cwd=cwd, env={**os.environ, **env}, text=True, capture_output=True, check=False
    )


def battle(battle_id: str, *, agent: str = "purple", title: str = "Stack", **answer: Any) -> dict[str, Any]:
    response = {"sourceCode": "x = 1\n", **answer}
    task = {"id": title.lower(), "title": title, "description": "Do it."}
    return {"battle_id": battle_id, "task": task, "purple_response": response, "participant": {"agent": agent}}


def put(directory: Path, *battles: dict[str, Any]) -> str:
    (directory / "in.jsonl").write_text("\n".join(map(json.dumps, battles)))
    return "in.jsonl"


def test_an_array_is_one_error_with_the_command_that_mends_it(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps([battle("a"), battle("b")], indent=2))
    for words in (["run", "in.json", "--local"], ["run", "in.json", "--dry-run"]):
        done = call(*words, cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr == (
            "error: in.json: expected one battle a line, got a JSON array\n  jq -c '.[]' in.json > battles.jsonl\n"
        )
        assert done.stdout == ""


def test_odd_keys_are_warned_about_and_judged_all_the_same(tmp_path: Path) -> None:
    put(tmp_path, battle("a", rational="because"), battle("b", rational="because"))
    warning = "purple_response.rational: kept but not read; did you mean rationale?"
    done = call("run", "in.jsonl", "--dry-run", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, f"warning: in.jsonl:1: {warning} (2 lines)\n")
    done = call("run", "in.jsonl", "--local", "--json", cwd=tmp_path)
    content = json.loads(done.stdout)
    assert done.returncode == 0
    assert content["warnings"] == [{"message": warning, "line": 1, "lines": 2}]
    assert f"warning: in.jsonl:1: {warning} (2 lines)\n" in done.stderr
    assert [entry["battle_id"] for entry in content["battles"]] == ["a", "b"]
    assert call("run", "in.jsonl", "--local", "-q", cwd=tmp_path).stderr == ""


def test_the_list_is_newest_first_filtered_and_a_document(tmp_path: Path) -> None:
    put(tmp_path, battle("a"), battle("b", agent="red", title="Queue\x1b[2J"), battle("c"))
    assert call("run", "in.jsonl", "--local", cwd=tmp_path).returncode == 0
    done = call("list", cwd=tmp_path)
    assert [line.split()[2] for line in done.stdout.splitlines()] == ["c", "b", "a"]
    assert "\x1b" not in done.stdout
    content = json.loads(call("list", "--agent", "purple", "--limit", "1", "--json", cwd=tmp_path).stdout)
    assert [entry["battle_id"] for entry in content["battles"]] == ["c"]
    assert content["more"] is True
    assert call("list", "--below", "0", cwd=tmp_path).stdout == "no battle matches\n"
    assert call("list", "--limit", "9" * 30, cwd=tmp_path).stdout == done.stdout
    assert call("reevaluate", "--all", "--limit", "9" * 30, cwd=tmp_path).stdout == "✔ 3 bit-equal\n"


@pytest.mark.parametrize(
    "words", [["list"], *(["list", *pair.split()] for pair in ("--limit 0", "--below x", "--below nan"))]
)
def test_a_list_of_nothing_possible_ends_with_2_and_makes_nothing(tmp_path: Path, words: list[str]) -> None:
    done = call(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert not list(tmp_path.glob("data*"))


def test_a_foreign_database_is_refused_before_a_key_is_made(tmp_path: Path) -> None:
    put(tmp_path, battle("a"))
    (tmp_path / "data").mkdir()
    with closing(sqlite3.connect(tmp_path / "data" / "battles.db")) as connection:
        connection.execute("CREATE TABLE battles (x)")
    home = tmp_path / "home"
    done = call("run", "in.jsonl", "--local", cwd=tmp_path, XDG_CONFIG_HOME=str(home))
    assert done.returncode == 2
    assert "not a ledger" in done.stderr
    assert not home.exists()


def test_a_home_that_cannot_be_written_is_said_with_what_to_set(tmp_path: Path) -> None:
    put(tmp_path, battle("a"))
    done = call("run", "in.jsonl", "--local", cwd=tmp_path, XDG_CONFIG_HOME="", HOME="/proc/1/nowhere")
    assert done.returncode == 2
    assert "XDG_CONFIG_HOME" in done.stderr
    assert "GREEN_LOGIC_SIGNING_KEY" in done.stderr


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"purple_response": {"code": "x = 1"}},
            "purple_response.sourceCode: missing; code stands there, is it meant?",
        ),
        ({"task": {"descripton": "d"}}, "task.description: missing; descripton stands there, is it meant?"),
        ({"battle_id": ..., "id": "a"}, "got nothing; id stands there, is it meant?"),
        ({"purple_response": {"origin": "x"}}, "purple_response.sourceCode: missing"),
        ({"purple_response": {"sourceCode": 5}}, "purple_response.sourceCode: expected a string, got 5"),
        ({"task": None}, "task: expected an object, got null"),
        ({"participant": "me"}, "participant: expected an object, got 'me'"),
        ({"task": {"description": "d", "entry_points": "f"}}, "task.entry_points: expected a list, got 'f'"),
        ({"red_report": {"vulnerabilities": {}}}, "red_report.vulnerabilities: expected a list, got an object"),
    ],
)
def test_a_refusal_speaks_json_and_names_what_stands_in_the_place(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    line = {name: value for name, value in (battle("a") | change).items() if value is not ...}
    done = call("run", put(tmp_path, line), "--dry-run", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("in.jsonl:1: ")
    assert done.stderr.endswith(f"{reason}\n")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("flags", [["--judge-model", "m"], ["--judge-required"], ["--judge-reviews", "5"]])
def test_a_flag_for_a_reviewer_that_nobody_named_is_refused(tmp_path: Path, flags: list[str]) -> None:
    put(tmp_path, battle("a"))
    for more in ([], ["--dry-run"]):
        done = call("run", "in.jsonl", "--local", *flags, *more, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: {flags[0]} without a reviewer")
    assert not (tmp_path / "data").exists()
    named = {"GREEN_LOGIC_JUDGE": "http://127.0.0.1:1", "GREEN_LOGIC_JUDGE_MODEL": "m"}
    assert call("run", "in.jsonl", "--dry-run", *flags, cwd=tmp_path, **named).returncode == 0


def test_an_input_without_a_battle_is_told_from_one_that_is_recorded_already(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("\n  \n")
    assert "the input holds no battle" in call("run", "in.jsonl", "--local", cwd=tmp_path).stdout
    put(tmp_path, battle("a"))
    assert call("run", "in.jsonl", "--local", cwd=tmp_path).returncode == 0
    assert "nothing new to record" in call("run", "in.jsonl", "--local", cwd=tmp_path).stdout


@pytest.mark.parametrize("words", [["--json"], ["-C", "x"], ["-q", "--json"], ["-C"]])
def test_flags_without_a_command_say_that_it_is_missing(tmp_path: Path, words: list[str]) -> None:
    done = call(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"error: no command in {' '.join(words)!r}\n  green-logic --help\n"
    assert not (tmp_path / "data").exists()


def test_a_battle_whose_dbom_was_pruned_is_shown_with_the_way_to_it(tmp_path: Path) -> None:
    put(tmp_path, battle("a"))
    assert call("run", "in.jsonl", "--local", cwd=tmp_path).returncode == 0
    dbom = tmp_path / "data" / "dboms" / "dbom_a.json"
    content, line = dbom.read_text(), "DBOM     data/dboms/dbom_a.json"
    assert f"{line}\n" in call("show", "a", cwd=tmp_path).stdout
    assert call("archive", "--prune", cwd=tmp_path).returncode == 0
    assert not dbom.exists()
    assert (
        f"{line}  (no such file now, archived perhaps; show --dbom prints it)\n"
        in call("show", "a", cwd=tmp_path).stdout
    )
    assert call("show", "a", "--dbom", cwd=tmp_path).stdout == content


def test_another_ledger_of_a_judge_with_a_new_key_says_how_it_is_handed_over(tmp_path: Path) -> None:
    put(tmp_path, battle("a"))
    home = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_STATE_HOME": str(tmp_path / "state")}
    for place in ("one", "two"):
        assert call("run", "in.jsonl", "--local", "-C", place, cwd=tmp_path, **home).returncode == 0
    assert call("keys", "rotate", "-C", "one", cwd=tmp_path, **home).returncode == 0
    put(tmp_path, battle("b"))
    before = (tmp_path / "two" / "battles.db").read_bytes()
    done = call("run", "in.jsonl", "--local", "-C", "two", cwd=tmp_path, **home)
    assert done.returncode == 2
    assert done.stderr.endswith("green-logic keys rotate -C two\n")
    assert (tmp_path / "two" / "battles.db").read_bytes() == before
    assert call("keys", "rotate", "-C", "two", cwd=tmp_path, **home).returncode == 0
    assert call("run", "in.jsonl", "--local", "-C", "two", cwd=tmp_path, **home).returncode == 0


def test_a_row_that_was_edited_is_not_shown_and_the_error_leads_on(tmp_path: Path) -> None:
    put(tmp_path, battle("a"), battle("b"))
    assert call("run", "in.jsonl", "--local", cwd=tmp_path).returncode == 0
    with closing(sqlite3.connect(tmp_path / "data" / "battles.db")) as connection:
        connection.execute("DROP TRIGGER battles_no_update")
        connection.execute("UPDATE battles SET score = 0.99 WHERE battle_id = 'a'")
        connection.commit()
    for words in (["show", "a"], ["show", "a", "--dbom"]):
        done = call(*words, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.endswith("not the one that was committed\n  green-logic verify tells what was changed\n")
    assert call("show", "b", cwd=tmp_path).returncode == 0
