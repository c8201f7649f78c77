"""The command line as scripts and people meet it: exit codes, one document, messages that say what to do next."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import Any

import pytest

from green_logic.cli import COMMANDS

MODULES = {name: import_module(f"green_logic.commands.{name}" + "_" * iskeyword(name)) for name in COMMANDS}
ACTIONS = [f"{name} {action}" for name, module in MODULES.items() for action in getattr(module, "ACTIONS", ())]
WITH_HELP = [*COMMANDS, *ACTIONS]
RUN = [sys.executable, "-c", "import sys; from green_logic.cli import main; sys.exit(main())"]
GOOD, BAD, USAGE, INTERRUPTED = 0, 1, 2, 130
ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e"


def call(*words: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **options.pop("env", {})}
    where = options.pop("program", RUN)
    return subprocess.run([*where, *words], cwd=cwd, env=env, text=True, capture_output=True, check=False, **options)


def battle(battle_id: str, source: str = "x = 1", tests: str = "", **task: Any) -> str:
    submission = {"sourceCode": source, "testCode": tests}
    participant = {"agent": ESCAPES, "model": ESCAPES}
    task = {"title": ESCAPES, "description": "Set x.", **task}
    return json.dumps({"battle_id": battle_id, "task": task, "purple_response": submission, "participant": participant})


def put(directory: Path, *lines: str, name: str = "in.jsonl") -> str:
    (directory / name).write_text("\n".join(lines), encoding="utf-8")
    return name


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def document(done: subprocess.CompletedProcess[str], command: str) -> dict[str, Any]:
    """The one document on stdout."""
    content = json.loads(done.stdout)
    assert done.stdout == json.dumps(content, sort_keys=True) + "\n"
    assert done.stdout.isascii()
    assert content["schema"] == f"green-logic/{command}/1"
    assert content["ok"] == (done.returncode == GOOD)
    return content


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory where a run has recorded two battles under `data`; its judge's key is under `config`."""
    directory = tmp_path_factory.mktemp("place")
    source = put(directory, battle("lru-1"), battle("lru-2", tests="def test_x():\n    pass\n"))
    env = {"XDG_CONFIG_HOME": str(directory / "config"), "XDG_CACHE_HOME": str(directory / "cache")}
    done = call("run", source, "--local", "-q", cwd=directory, env=env)
    assert (done.returncode, done.stdout) == (GOOD, "2 recorded · 0 already in the ledger\n"), done
    return directory


# --- teaching


@pytest.mark.parametrize("command", ["", *WITH_HELP])
def test_every_help_shows_how_to_begin_and_what_the_exit_codes_mean(command: str, tmp_path: Path):
    before = files(tmp_path)
    done = call(*command.split(), "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (GOOD, "")
    assert f"usage: green-logic {command}".strip() in done.stdout
    assert f"  green-logic {command or 'run'}" in done.stdout.split("\n\n", 2)[2]
    assert [f"  {code} " in done.stdout for code in (0, 1, 2, 130)] == [True] * 4
    assert files(tmp_path) == before


def test_the_version_is_told(tmp_path: Path):
    assert call("--version", cwd=tmp_path).stdout.startswith("green-logic 0.")


def test_no_command_is_a_mistake_that_shows_the_help(tmp_path: Path):
    done = call(cwd=tmp_path)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert "usage: green-logic" in done.stderr


@pytest.mark.parametrize(
    ("typed", "meant"), [("stauts", "status"), ("rnu", "run"), ("key", "keys"), ("shwo", "show"), ("model", "models")]
)
def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(typed: str, meant: str, tmp_path: Path):
    done = call(typed, "x", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert done.stderr.startswith(f"error: no command '{typed}'\n  did you mean {meant}")


def test_an_unknown_command_is_answered_with_all_of_them(tmp_path: Path):
    done = call("\x1b[31mzzz", cwd=tmp_path)
    assert done.stderr == f"error: no command '\\x1b[31mzzz'\n  commands: {', '.join(COMMANDS)}\n"


# --- exit codes and documents

FAILURES = [
    (["run"], USAGE, "run", "usage"),
    (["run", "a", "b"], USAGE, "run", "usage"),
    (["run", "none.jsonl"], USAGE, "run", "configuration"),
    (["run", "."], USAGE, "run", "configuration"),
    (["verify", "x" * 300], BAD, "verify", "storage"),
    (["restore", "x" * 300], BAD, "restore", "storage"),
    (["import", "x" * 300], BAD, "import", "storage"),
    (["run", "none.jsonl", "--dry-run"], USAGE, "run", "configuration"),
    (["run", "none.jsonl", "-j", "x"], USAGE, "run", "usage"),
    (["run", "none.jsonl", "-j", "-1"], USAGE, "run", "configuration"),
    (["run", "none.jsonl", "--chunk-size", "0"], USAGE, "run", "configuration"),
    (["run", "none.jsonl", "--prefect", "--local"], USAGE, "run", "usage"),
    (["run", "none.jsonl", "--dry"], USAGE, "run", "usage"),
    (["status"], USAGE, "status", "no-ledger"),
    (["status", "-C", ""], USAGE, "status", "configuration"),
    (["status", "extra"], USAGE, "status", "usage"),
    (["show"], USAGE, "show", "usage"),
    (["show", "x"], USAGE, "show", "no-ledger"),
    (["show", "x", "--raw", "--dbom"], USAGE, "show", "usage"),
    (["show", "x", "--raw"], USAGE, "show", "usage"),  # for --json, which all of these get, is another answer
    (["show", "x", "--dbom"], USAGE, "show", "usage"),
    (["query", "--csv"], USAGE, "query", "usage"),
    (["archive", "--take", "x"], USAGE, "archive", "usage"),
    (["keys"], USAGE, "keys", "usage"),
    (["keys", "make"], USAGE, "keys", "usage"),
    (["keys", "show"], USAGE, "keys-show", "configuration"),
    (["models"], USAGE, "models", "usage"),
    (["exprt"], USAGE, "green-logic", "usage"),
    (["../x"], USAGE, "green-logic", "usage"),
]


@pytest.mark.parametrize(
    ("words", "code", "command", "kind"), FAILURES, ids=[" ".join(item[0])[:80] for item in FAILURES]
)
def test_what_cannot_run_is_one_document_and_a_hint_and_makes_no_file(
    words: list[str], code: int, command: str, kind: str, tmp_path: Path
):
    before = files(tmp_path)
    done = call(*words, "--json", cwd=tmp_path)
    assert done.returncode == code
    error = document(done, command)["error"]
    assert error["code"] == kind
    assert done.stderr.startswith(f"error: {error['message']}\n")
    assert error["hint"] or kind == "configuration"
    assert "Traceback" not in done.stderr
    assert files(tmp_path) == before


def test_a_run_with_a_refused_line_records_the_rest_and_exits_with_1(tmp_path: Path):
    source = put(tmp_path, battle("b-1"), battle(ESCAPES), "{", battle("b-2"))
    done = call("run", source, "--json", "--local", cwd=tmp_path)
    assert done.returncode == BAD
    content = document(done, "run")
    counts = {"read": 4, "recorded": 2, "refused": 2, "already_recorded": 0, "conflicts": 0, "not_evaluated": 0}
    assert {name: content[name] for name in counts} == counts
    assert content["reasons"][1].startswith("in.jsonl:3: not JSON: Expecting property name")
    assert len((tmp_path / content["rejects"]).read_bytes().splitlines()) == 2
    assert done.stderr == ""
    assert call("run", source, "--local", "-q", cwd=tmp_path).returncode == BAD
    good = put(tmp_path, battle("b-1"), battle("b-2"), name="good.jsonl")
    done = call("run", good, "--json", "--local", cwd=tmp_path)
    assert done.returncode == GOOD
    assert document(done, "run")["already_recorded"] == 2


def test_a_conflict_and_an_unjudgeable_battle_exit_with_1(place: Path, tmp_path: Path):
    source = put(tmp_path, battle("b-1"), battle("b-1", "x = 2"), battle("b-3", hidden_tests="no test in here = 1"))
    done = call("run", source, "--local", cwd=tmp_path)
    assert done.returncode == BAD
    assert "✘ 1 recorded · 0 already in the ledger · 1 conflicts · 1 not evaluated" in done.stdout
    assert "b-3 not evaluated: " in done.stdout
    assert json.loads(call("status", "--json", cwd=tmp_path).stdout)["not_evaluated"] == 1


def test_standard_input_is_read_plain_and_compressed(tmp_path: Path):
    lines = f"{battle('b-1')}\n{battle('b-2')}"
    done = call("run", "-", "--local", "-q", cwd=tmp_path, input=lines)
    assert (done.returncode, done.stdout) == (GOOD, "2 recorded · 0 already in the ledger\n")
    env = {**os.environ}
    packed = subprocess.run(
        [*RUN, "run", "-", "--local", "--json"], input=gzip.compress(lines.encode()), cwd=tmp_path, env=env, check=True,
        capture_output=True,
    )  # fmt: skip
    assert json.loads(packed.stdout)["already_recorded"] == 2


def test_summary_names_places_and_commands_that_work(tmp_path: Path):
    directory = tmp_path / "with space"
    directory.mkdir()
    done = call("run", put(directory, battle("b-1"), name="in put.jsonl"), "--local", "-C", "the data", cwd=directory)
    assert done.returncode == GOOD
    assert "ledger  the data/battles.db  (1 battles)" in done.stdout
    program = done.stdout.split("\nnext\n")[1].split()[0]
    assert f"  {program} run 'in put.jsonl' -C 'the data'" in done.stdout
    assert f"  {program} show b-1 -C 'the data'" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


# --- looking


def test_status_and_show_answer_in_words_and_in_json(place: Path):
    done = call("status", cwd=place)
    assert done.returncode == GOOD
    assert "data/battles.db  2 battles" in done.stdout
    content = document(call("status", "--json", cwd=place), "status")
    assert (content["battles"], content["not_evaluated"]) == (2, 0)
    done = call("show", "lru-2", cwd=place)
    assert done.returncode == GOOD
    assert done.stdout.startswith("lru-2  CIS 0.")
    assert document(call("show", "lru-2", "--json", cwd=place), "show")["battle_id"] == "lru-2"


def test_show_gives_the_exact_bytes(place: Path):
    import hashlib

    row = document(call("show", "lru-1", "--json", cwd=place), "show")
    raw = subprocess.run([*RUN, "show", "lru-1", "--raw"], cwd=place, capture_output=True, check=True).stdout
    assert hashlib.sha256(raw).hexdigest() == row["dbom_hash"]
    dbom = subprocess.run([*RUN, "show", "lru-1", "--dbom"], cwd=place, capture_output=True, check=True).stdout
    assert dbom == (place / "data/dboms/dbom_lru-1.json").read_bytes()


@pytest.mark.parametrize("command", ["prove", "bundle"])
def test_an_answer_goes_into_a_pipe_or_a_device_and_never_takes_its_place(command: str, place: Path, tmp_path: Path):
    env = {"XDG_CONFIG_HOME": str(place / "config")}
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDWR)  # so that neither side waits for the other
    try:
        done = call(command, "lru-1", "-o", str(pipe), cwd=place, env=env)
        assert (done.returncode, done.stderr) == (GOOD, "")
        written = os.read(held, 1 << 16)
    finally:
        os.close(held)
    assert pipe.is_fifo()
    assert call(command, "lru-1", "-o", str(tmp_path / "file"), cwd=place, env=env).returncode == GOOD
    assert (tmp_path / "file").read_bytes() == written


@pytest.mark.parametrize("output", [".", "config", "x" * 300])
def test_an_answer_that_cannot_be_written_is_told_with_its_own_flag(output: str, place: Path):
    before = files(place)
    done = call("prove", "lru-1", "-o", output, cwd=place, env={"XDG_CONFIG_HOME": str(place / "config")})
    assert (done.returncode, done.stdout) == (BAD, "")
    assert done.stderr.startswith("error: cannot write the receipt: ")
    assert "choose another -o" in done.stderr
    assert files(place) == before


def test_the_start_of_an_id_is_enough_when_only_one_has_it(tmp_path: Path, place: Path):
    done = call("show", "lru-", cwd=place)
    assert done.returncode == USAGE
    assert "these start so: lru-1, lru-2" in done.stderr
    assert call("show", "nothing", cwd=place).returncode == USAGE
    assert call("show", "%", cwd=place).returncode == USAGE


def test_the_key_is_shown_and_never_its_private_half(place: Path):
    env = {"XDG_CONFIG_HOME": str(place / "config")}
    done = call("keys", "show", cwd=place, env=env)
    assert done.returncode == GOOD
    assert done.stdout.startswith("SHA256:")
    assert "PRIVATE" not in done.stdout
    content = document(call("keys", "show", "--json", cwd=place, env=env), "keys-show")
    assert content["keyid"] == document(call("status", "--json", cwd=place), "status")["keyid"]
    assert "PRIVATE" not in json.dumps(content)


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["status", "--json"],
        ["show", "lru-1"],
        ["show", "lru-1", "--dbom"],
        ["keys", "show"],
        ["run", "in.jsonl", "--dry-run"],
    ],
    ids=" ".join,
)
def test_looking_makes_no_file(words: list[str], place: Path):
    before = files(place)
    call(*words, cwd=place, env={"XDG_CONFIG_HOME": str(place / "none"), "XDG_CACHE_HOME": str(place / "none")})
    assert files(place) == before


def test_a_dry_run_tells_what_would_be_judged_and_makes_no_file(place: Path, tmp_path: Path):
    put(tmp_path, battle("lru-1"), battle("new-1"), "{}")
    before = files(tmp_path)
    done = call("run", "in.jsonl", "--dry-run", "--json", "-C", str(place / "data"), cwd=tmp_path)
    assert done.returncode == BAD
    content = document(done, "run")
    assert [content[name] for name in ("read", "would_judge", "already_recorded", "refused")] == [3, 1, 1, 1]
    assert done.stderr.startswith("in.jsonl:3: battle_id: ")
    done = call("run", "in.jsonl", "--dry-run", cwd=tmp_path)
    assert (
        done.stdout == "3 read · 2 would judge · 0 already recorded · 0 conflicts · 1 refused · nothing was written\n"
    )
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "told"), [(["--judge=nonsense"], "an address"), (["--judge=http://[::1]/v1"], "name of a model")]
)
def test_a_dry_run_refuses_a_reviewer_that_the_run_would_refuse(words: list[str], told: str, tmp_path: Path):
    put(tmp_path, battle("new-1"))
    done = call("run", "in.jsonl", "--dry-run", *words, cwd=tmp_path)
    assert done.returncode == USAGE
    assert told in done.stderr


def test_what_was_found_damaged_is_told(tmp_path: Path):
    put(tmp_path, battle("one"), battle("two"))
    assert document(call("run", "in.jsonl", "--json", cwd=tmp_path), "run")["recovery"]["rebuilt"] == 0
    dboms = tmp_path / "data" / "dboms"
    whole = (dboms / "dbom_one.json").read_bytes()
    (dboms / "dbom_one.json").write_bytes(whole[:-9])
    (dboms / "dbom_none.json").write_bytes(whole)
    done = call("run", "in.jsonl", cwd=tmp_path)
    assert done.returncode == GOOD
    assert "warning: DBOM files missing or damaged, written anew from the ledger: 1\n" in done.stderr
    assert "warning: DBOM files of no recorded battle or damaged, moved to data/set_aside/dboms/: 2\n" in done.stderr
    assert (dboms / "dbom_one.json").read_bytes() == whole
    assert "DBOM files" not in call("run", "in.jsonl", cwd=tmp_path).stderr


# --- what is loaded

LOADED = (
    "import sys; from green_logic.cli import main; main(sys.argv[1:])\n"
    "heavy = {'prefect', 'pandas', 'pyarrow', 'numpy', 'pydantic', 'rich', 'cryptography'}\n"
    "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
)


@pytest.mark.parametrize(
    "words", ["--help", "--version", "status", "status --json", "exprt", *(f"{name} --help" for name in WITH_HELP)]
)
def test_help_and_status_load_nothing_heavy(words: str, place: Path):
    assert call(*words.split(), cwd=place, program=[sys.executable, "-c", LOADED]).stderr.endswith("[]\n")


@pytest.mark.parametrize("words", [["show", "lru-1"], ["run", "in.jsonl", "--dry-run"]])
def test_the_orchestrator_and_the_analysts_libraries_are_never_loaded(words: list[str], place: Path):
    loaded = call(*words, cwd=place, program=[sys.executable, "-c", LOADED]).stderr
    assert not [name for name in ("prefect", "pandas", "pyarrow", "numpy") if name in loaded]


# --- terminals, pipes and other surroundings


def test_escape_sequences_of_contestants_reach_no_terminal(tmp_path: Path):
    source = put(tmp_path, battle("b-1"), battle(ESCAPES), battle("b-2", "import \x1b[2J"), f'{{"{ESCAPES}": 1}}')
    outputs = []
    for words in (
        ["run", source, "--local"],
        ["show", "b-1"],
        ["show", "b-2"],
        ["status"],
        ["run", source, "--dry-run"],
    ):
        done = call(*words, cwd=tmp_path)
        outputs.append(done.stdout + done.stderr)
    for words in (["run", source, "--local", "--json"], ["show", "b-1", "--json"], ["show", ESCAPES], [ESCAPES]):
        done = call(*words, cwd=tmp_path)
        outputs.append(done.stdout + done.stderr)
    done = call("run", f"{ESCAPES}.jsonl", cwd=tmp_path)
    outputs.append(done.stdout + done.stderr)
    for output in outputs:
        assert output
        assert not {char for char in output if not char.isprintable()} - {"\n"}


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["status"], ["status", "--json"], ["show", "lru-1"]])
def test_a_reader_that_leaves_is_not_an_error_to_tell(words: list[str], place: Path):
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run([*RUN, *words], cwd=place, stdout=write_end, stderr=subprocess.PIPE, check=False)
    os.close(write_end)
    assert done.stderr == b""
    assert done.returncode in (GOOD, BAD)  # argparse drops what it cannot print


@pytest.mark.parametrize(
    "words", [["status"], ["status", "--json"], ["run", "in.jsonl", "--dry-run"], ["run", "in.jsonl", "-C", "new"]]
)
def test_a_full_disk_under_stdout_is_told(words: list[str], place: Path):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*RUN, *words], cwd=place, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == BAD
    assert done.stderr.startswith("error: cannot write the answer: No space left on device\n")
    assert "Traceback" not in done.stderr


def test_a_publication_of_a_directory_that_is_not_there_is_no_good_night(tmp_path: Path):
    done = call("serve", "--publish", "-C", "nowhere/data", cwd=tmp_path)
    assert done.returncode != GOOD
    assert "nowhere/data: there is no such directory" in done.stderr
    assert not (tmp_path / "nowhere").exists()


def test_closed_standard_streams_lose_no_battle(tmp_path: Path):
    put(tmp_path, battle("b-1", tests="def test_x():\n    pass\n"))
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *RUN]
    assert call("run", "in.jsonl", "--local", "-j1", cwd=tmp_path, program=shell).returncode == GOOD
    assert json.loads(call("status", "--json", cwd=tmp_path).stdout)["battles"] > 0
    done = call("run", "-", cwd=tmp_path, program=["sh", "-c", 'exec "$@" <&-', "sh", *RUN])
    assert (done.returncode, done.stderr.splitlines()[0]) == (USAGE, "error: <stdin>: standard input is closed")


def test_an_encoding_without_our_signs_loses_no_answer(tmp_path: Path):
    source = put(tmp_path, battle("b-1"))
    done = call("run", source, "--local", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert done.returncode == GOOD
    assert "1 recorded" in done.stdout


def test_a_file_name_that_is_no_text_is_read_and_shown(tmp_path: Path):
    source = os.fsdecode(b"caf\xe9.jsonl")
    put(tmp_path, battle("b-1"), "{}", name=source)
    for flag in ("--json", "-q", "--dry-run"):
        done = call("run", source, "--local", flag, "-C", os.fsdecode(b"d\xe9"), cwd=tmp_path)
        assert done.returncode == BAD
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("variable", ["NO_COLOR", "FORCE_COLOR"])
def test_colour_is_asked_for_or_not_and_never_in_json(variable: str, place: Path):
    env = {variable: "1", "TERM": "xterm", "XDG_CONFIG_HOME": str(place / "config")}
    done = call("run", "in.jsonl", "--local", "--json", cwd=place, env=env)
    assert document(done, "run")["already_recorded"] == 2
    assert "\x1b" not in done.stderr


def test_quiet_means_one_line(place: Path):
    done = call("run", "in.jsonl", "--local", "--quiet", cwd=place, env={"XDG_CONFIG_HOME": str(place / "config")})
    assert (done.stdout, done.stderr) == ("0 recorded · 2 already in the ledger\n", "")


# --- places that do not work


def test_a_file_in_the_way_of_the_data_directory_is_told_and_stays(tmp_path: Path):
    put(tmp_path, battle("b-1"))
    (tmp_path / "data").write_text("mine")
    done = call("run", "in.jsonl", "--local", "--json", cwd=tmp_path)
    assert done.returncode in (BAD, USAGE)
    error = document(done, "run")["error"]
    assert "data" in error["message"]
    assert error["hint"]
    assert (tmp_path / "data").read_text() == "mine"
    assert call("status", cwd=tmp_path).returncode == USAGE


@pytest.mark.parametrize("name", ["x" * 300, "/dev/null", "/proc/self/none", "in.jsonl/data"])
def test_a_data_directory_that_cannot_be_is_told(name: str, tmp_path: Path):
    put(tmp_path, battle("b-1"))
    done = call("run", "in.jsonl", "--local", "--json", "-C", name, cwd=tmp_path)
    assert done.returncode == BAD
    assert document(done, "run")["error"]["code"] == "storage"
    assert "Traceback" not in done.stderr
    assert {path for path in files(tmp_path) if not path.startswith("user")} == {"in.jsonl"}


def test_a_working_directory_that_is_gone_is_no_crash(tmp_path: Path):
    (tmp_path / "gone").mkdir()
    shell = ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *RUN]
    done = call("status", "-C", "data", cwd=tmp_path / "gone", program=shell)
    assert done.returncode == USAGE
    assert done.stderr.startswith("error: no ledger in data/\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_a_read_only_place_is_told(tmp_path: Path):
    put(tmp_path, battle("b-1"))
    (tmp_path / "locked").mkdir(mode=0o555)
    done = call("run", "in.jsonl", "--local", "--json", "-C", "locked/data", cwd=tmp_path)
    assert done.returncode == BAD
    error = document(done, "run")["error"]
    assert error["code"] == "storage"
    assert "give this user write permission" in error["hint"]


def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path):
    import sqlite3

    (tmp_path / "data").mkdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "data/battles.db")) as connection:
        connection.execute("CREATE TABLE mine (x)")
    before = (tmp_path / "data/battles.db").read_bytes()
    put(tmp_path, battle("b-1"))
    for words in (["status"], ["show", "x"], ["run", "in.jsonl", "--local"]):
        done = call(*words, "--json", cwd=tmp_path)
        assert done.returncode == USAGE
        assert "not a ledger of this project" in document(done, words[0])["error"]["message"]
    assert (tmp_path / "data/battles.db").read_bytes() == before


def test_a_wrong_setting_is_told_with_its_place(tmp_path: Path):
    put(tmp_path, "retires = 3", name="green-logic.toml")
    done = call("status", cwd=tmp_path)
    assert done.returncode == USAGE
    assert done.stderr.endswith("green-logic.toml: no setting named 'retires'\n  did you mean retries?\n")


# --- Ctrl-C


def descendants(pid: int) -> set[int]:
    """Living processes below one."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rsplit(")", 1)[1].split()[:2]
            if state != "Z":
                parents[int(stat.parent.name)] = int(parent)
    found: set[int] = set()
    todo = {pid}
    while todo:
        todo = {child for child, parent in parents.items() if parent in todo} - found
        found |= todo
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def until(condition, seconds: float = 60.0) -> None:
    """Wait for something to come true; a failure, not a slow machine, ends the wait."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ctrl_c_keeps_what_is_recorded_leaves_no_process_and_the_rerun_completes(tmp_path: Path):
    # however fast the machine, two workers need 5 s: a sleep would be skipped, a lock is waited for
    waiting = "import threading\ndef test_x():\n    threading.Event().wait(0.25)\n"
    put(tmp_path, *(battle(f"b-{number}", hidden_tests=waiting) for number in range(40)))
    words = [*RUN, "run", "in.jsonl", "--local", "--json", "-j2", "--chunk-size", "2"]
    process = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: list((tmp_path / "data/dboms").glob("dbom_*.json")))
    below = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == INTERRUPTED
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert err == "error: interrupted\n  what is recorded stays; the same command takes up the rest\n"
    assert below
    until(lambda: not any(map(alive, below)))
    done = call("run", "in.jsonl", "--local", "--json", cwd=tmp_path)
    content = document(done, "run")
    assert content["recorded"] + content["already_recorded"] == content["ledger_size"] == 40
    assert content["recorded"] > 0
    assert len(list((tmp_path / "data/dboms").iterdir())) == 40
