"""Recorded battles judged again: bit-equal, or where they differ, and never a difference where there is none."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from green_logic.comparison import Verdict
from green_logic.errors import ConfigurationError, LedgerMissingError
from green_logic.ledger.database import Ledger
from green_logic.pipeline import BatchRun, run_batch
from green_logic.proof.dbom import evidence_digest
from green_logic.proof.keys import load_signing_key
from green_logic.recorded import PAGE, Row, count_rows, find_faults, find_rows, read_row, read_rows
from green_logic.reevaluation import Reevaluation
from green_logic.settings import Settings

CLI = [sys.executable, "-c", "import sys; from green_logic.cli import main; sys.exit(main())"]
DATA = Path(os.environ.get("GREEN_LOGIC_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
SOURCE = """
class Stack:
    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)
"""
HIDDEN = "from solution import Stack\n\ndef test_push():\n    s = Stack()\n    s.push(1)\n    assert s.items == [1]\n"
WRONG = HIDDEN.replace("[1]", "[2]")
OWN = "def test_own():\n    stack = Stack()\n    stack.push(2)\n    assert stack.items == [2]\n"
# 24 tests that pass or fail as they like: that three runs agree has a chance of one in 10^14
DICE = """
import os
import pytest

@pytest.mark.parametrize("n", range(24))
def test_dice(n):
    assert os.urandom(1) < b"\\x80", "lost"
"""
TALK = "import os\n\ndef test_talk():\n    assert False, os.urandom(8).hex()\n"


THREADS = 3
# other threads, since a guest that is alone only thinks that it slept, and as many as nothing else in a sandbox has
SLOW = """
import threading
import time

def test_slow():
    threads = [threading.Thread(target=time.sleep, args=({seconds},)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
""".replace("THREADS", str(THREADS))


def line(
    battle_id: str, *, source: str = SOURCE, own: str = OWN, hidden: str | None = HIDDEN, **more: Any
) -> dict[str, Any]:
    task = {
        "id": "stack",
        "title": "Stack",
        "description": "Write a stack.",
        "entry_points": ["Stack"],
        "hidden_tests": hidden,
    }
    answer = {"sourceCode": source, "testCode": own, "rationale": "Stack keeps a list, push appends to it."}
    return {"battle_id": battle_id, "task": task, "purple_response": answer, **more}


LINES = [
    line("sound"),
    line("failing", hidden=WRONG),
    line("no-tests", own="", hidden=None),
    line("unparsable", source="class Stack(:\n"),
    line("empty", source=""),
    line("dangerous", source="import os\n\ndef f(x):\n    return eval(x)\n" + SOURCE),
    line("reported", red_report={"vulnerabilities": [{"severity": "high"}]}),
    line("null-report", red_report=None),
    line("clashing", timing="mine", input={"input": 1}, profile=None, evaluator={"name": "me"}, imported={"by": "me"}),
    line("odd", unknown=[1.0, -0.0, 1e-7, 2**63, "é\u2028", {"": None}]),
]


def judge(settings: Settings, lines: list[dict[str, Any]], directory: Path) -> None:
    source = directory / "battles.jsonl"
    source.write_text("\n".join(map(json.dumps, lines)))
    with BatchRun(str(source), settings) as run:
        run_batch(run)
        assert run.totals.recorded == len(lines), run.outcomes.reasons


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory with LINES judged, by a user of its own."""
    directory = tmp_path_factory.mktemp("master")
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
            patch.setenv(variable, str(directory / variable))
        judge(Settings(data_dir=directory / "data"), LINES, directory)
    return directory / "data"


@pytest.fixture
def books(master: Path, settings: Settings) -> Settings:
    """A copy of it, for this test alone."""
    shutil.copytree(master, settings.data_dir)
    return settings.changed(retries=0)


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reevaluation]:
    """One open judge for the tests that forge rows."""
    with Reevaluation(Settings(data_dir=tmp_path_factory.mktemp("none"), workers=1)) as opened:
        yield opened


def again(settings: Settings, **options: Any) -> dict[str, Verdict]:
    with Reevaluation(settings, **options) as opened:
        return {verdict.battle_id: verdict for verdict in opened.judge_rows(read_rows(settings))}


def row_of(settings: Settings, battle_id: str) -> Row:
    found = read_row(settings, battle_id)
    assert found is not None
    return found


def forged(row: Row, result: dict[str, Any], **more: Any) -> Row:
    """The row of a forger who knows which digests there are."""
    raw = orjson.dumps(result, option=orjson.OPT_SORT_KEYS)
    digests = {"dbom_hash": hashlib.sha256(raw).hexdigest(), "evidence_sha256": evidence_digest(result)}
    return dataclasses.replace(row, **{"raw_result": raw, **digests, **more})


def write_row(settings: Settings, row: Row) -> None:
    with contextlib.closing(sqlite3.connect(settings.database)) as connection, connection:
        for table in ("battles", "ledger"):
            connection.execute(f"DROP TRIGGER IF EXISTS {table}_no_update")
        values = (row.score, row.raw_result.decode(), row.dbom_hash, row.id)
        connection.execute("UPDATE battles SET score = ?, raw_result = ?, dbom_hash = ? WHERE id = ?", values)
        digests = (row.battle_sha256, row.evidence_sha256, row.id)
        connection.execute("UPDATE ledger SET battle_sha256 = ?, evidence_sha256 = ? WHERE battle_row = ?", digests)


def tree(directory: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def call(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLI, "reevaluate", "-C", str(settings.data_dir), *words], text=True, capture_output=True, check=False
    )


# --- equal


def test_what_was_judged_is_bit_equal_when_it_is_judged_again(books: Settings) -> None:
    before = tree(books.data_dir)
    verdicts = again(books)
    assert {name: verdict.outcome for name, verdict in verdicts.items()} == {
        item["battle_id"]: "equal" for item in LINES
    }
    assert all(verdict.score == verdict.recomputed and not verdict.differences for verdict in verdicts.values())
    assert list(verdicts) == [item["battle_id"] for item in LINES]
    assert tree(books.data_dir) == before


def test_real_submissions_are_bit_equal_when_they_are_judged_again(settings: Settings, tmp_path: Path) -> None:
    real = DATA / "logomesh" / "submissions.jsonl"
    if not real.is_file():
        pytest.skip(f"no real records in {real}: set GREEN_LOGIC_TEST_DATA")
    judge(settings, [json.loads(text) for text in real.read_text().splitlines()[::12]], tmp_path)
    outcomes = {verdict.outcome for verdict in again(settings).values()}
    assert outcomes == {"equal"}


def test_a_text_over_todays_limit_is_judged_as_it_was(books: Settings) -> None:
    verdicts = again(books.changed(max_source_bytes=16))
    assert {verdict.outcome for verdict in verdicts.values()} == {"equal"}


def test_an_archive_answers_for_nothing_that_is_needed_here(books: Settings, key: object) -> None:
    shutil.rmtree(books.dboms)
    assert {verdict.outcome for verdict in again(books).values()} == {"equal"}


@pytest.mark.parametrize("mutants", [0, 2])
def test_another_number_of_mutants_is_taken_from_the_record(settings: Settings, tmp_path: Path, mutants: int) -> None:
    judge(settings.changed(mutants=mutants), [line("sound")], tmp_path)
    assert again(settings)["sound"].outcome == "equal"


def test_an_older_version_of_the_same_profile_is_no_difference(books: Settings, judging: Reevaluation) -> None:
    row = row_of(books, "sound")
    result = orjson.loads(row.raw_result)
    result["evaluator"]["version"] = "0.0.1"
    (verdict,) = judging.judge_rows([forged(row, result)])
    assert verdict.outcome == "equal"


def test_the_last_digits_of_a_vector_are_no_difference_and_more_than_those_are(
    books: Settings, judging: Reevaluation
) -> None:
    row = row_of(books, "sound")
    for step, outcome in ((1e-9, "equal"), (1e-3, "differs")):
        result = orjson.loads(row.raw_result)
        result["evaluation"]["intent_vector"][7] += step
        (verdict,) = judging.judge_rows([forged(row, result)])
        assert verdict.outcome == outcome
        assert "v_intent" in verdict.reason or outcome == "differs"


# --- any change is found


def leaves_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of the leaves; of a long list of numbers a few."""
    if isinstance(value, dict) and value:
        for name, part in value.items():
            yield from leaves_of(part, (*path, name))
    elif isinstance(value, list) and value:
        for index in {0, len(value) // 2, len(value) - 1} if len(value) > 100 else range(len(value)):
            yield from leaves_of(value[index], (*path, index))
    else:
        yield path


def changed(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 0.125
    return f"{value}x" if isinstance(value, str) else "x"


def change(result: dict[str, Any], path: tuple[Any, ...], kind: str) -> dict[str, Any]:
    other = copy.deepcopy(result)
    home: Any = other
    for step in path[:-1]:
        home = home[step]
    if kind == "change":
        home[path[-1]] = changed(home[path[-1]])
    elif kind == "add" and isinstance(home, dict):
        home[f"{path[-1]}-2"] = home[path[-1]]
    else:
        del home[path[-1]]
    return other


@given(st.data())
@hypothesis_settings(max_examples=150)
def test_any_change_of_any_evidence_leaf_breaks_the_recorded_digests(master: Path, data: st.DataObject) -> None:
    row = row_of(Settings(data_dir=master), data.draw(st.sampled_from([item["battle_id"] for item in LINES])))
    result = orjson.loads(row.raw_result)
    path = data.draw(st.sampled_from([*leaves_of(result)]))
    other = change(result, path, data.draw(st.sampled_from(["change", "drop", "add"])))
    raw = orjson.dumps(other, option=orjson.OPT_SORT_KEYS)
    found = {item.path for item in find_faults(dataclasses.replace(row, raw_result=raw), other)}
    assert "battles.dbom_hash" in found
    assert ("ledger.evidence_sha256" in found) == (path[0] not in {"timing", "sandbox_result"})
    assert find_faults(row, result) == []


@given(st.data())
@hypothesis_settings(max_examples=25)
def test_any_change_of_any_evidence_leaf_is_found_even_under_forged_digests(
    master: Path, judging: Reevaluation, data: st.DataObject
) -> None:
    row = row_of(Settings(data_dir=master), data.draw(st.sampled_from(["sound", "failing", "dangerous", "reported"])))
    result = orjson.loads(row.raw_result)
    # what may differ between two honest evaluations, and who judged: the profile makes the score, not the version
    free = [("timing",), ("sandbox_result",), ("evaluator", "version")]
    paths = [path for path in leaves_of(result) if not any(path[: len(one)] == one for one in free)]
    other = change(result, data.draw(st.sampled_from(paths)), data.draw(st.sampled_from(["change", "drop", "add"])))
    score = other["evaluation"].get("cis_score", row.score)
    (verdict,) = judging.judge_rows([forged(row, other, score=score)])
    # a profile that is not this judge's cannot be compared, and is no proof of anything
    assert verdict.outcome in {"differs", "other_profile", "failed"}
    assert verdict.differences or verdict.reason
    if other["profile"] == result["profile"] and verdict.outcome != "failed":
        assert verdict.outcome == "differs"


def test_a_forged_score_is_the_first_thing_that_is_told(books: Settings) -> None:
    row = row_of(books, "failing")
    result = orjson.loads(row.raw_result)
    result["evaluation"].update(cis_score=1.0, logic_score=1.0, breakdown="perfect")
    write_row(books, forged(row, result, score=1.0))
    verdict = again(books)["failing"]
    assert (verdict.outcome, verdict.score) == ("differs", 1.0)
    assert verdict.differences[0].path == "evaluation.cis_score"
    assert verdict.recomputed is not None
    assert verdict.recomputed < 1.0
    assert {item.outcome for name, item in again(books).items() if name != "failing"} == {"equal"}


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"evaluation": 1}', b'{"a": 1, "a": 2}', b"\xff"])
def test_a_result_that_is_none_differs(books: Settings, judging: Reevaluation, raw: bytes) -> None:
    (verdict,) = judging.judge_rows([dataclasses.replace(row_of(books, "sound"), raw_result=raw)])
    assert verdict.outcome == "differs"
    assert verdict.differences[0].path == "battles.raw_result"


def test_a_row_without_its_leaf_differs(books: Settings, judging: Reevaluation) -> None:
    row = dataclasses.replace(row_of(books, "sound"), battle_sha256=None, evidence_sha256=None)
    (verdict,) = judging.judge_rows([row])
    assert verdict.outcome == "differs"
    assert {item.path for item in verdict.differences} == {"ledger.battle_sha256", "ledger.evidence_sha256"}


# --- what is never called a difference


def test_tests_that_vary_from_run_to_run_cannot_be_compared_and_are_no_difference(
    settings: Settings, tmp_path: Path
) -> None:
    judge(settings, [line("dice", hidden=DICE), line("talk", hidden=TALK)], tmp_path)
    verdicts = again(settings)
    assert verdicts["dice"].outcome == "unrepeatable"
    assert verdicts["talk"].outcome == "same_score"
    assert verdicts["talk"].score == verdicts["talk"].recomputed
    done = call(settings, "dice")
    assert done.returncode == 2
    assert "vary from run to run" in done.stdout
    assert call(settings, "talk").returncode == 0


def raced(row: Row, **changes: Any) -> Row:
    """The row as it would be if the one test had failed once and passed once, which then counts for nothing."""
    result = orjson.loads(row.raw_result)
    evaluation = result["evaluation"]
    evidence = evaluation["components"]["testing"]["evidence"]
    evidence["passed"], evidence["mutation"]["flaky"] = 0, changes.pop("flaky", ["test_own"])
    evaluation["components"]["testing"]["value"] = 0.0
    evaluation |= {"testing_score": 0.0, "cis_score": 0.5, **changes}
    return forged(row, result, score=evaluation["cis_score"])


def test_a_record_whose_tests_raced_cannot_be_compared_and_is_no_difference(
    books: Settings, judging: Reevaluation
) -> None:
    (verdict,) = judging.judge_rows([raced(row_of(books, "sound"))])
    assert verdict.outcome == "unrepeatable"
    assert "raced when they were judged: by the record, 'test_own' passed and failed" in verdict.reason
    assert "evaluation.testing_score" in {item.path for item in verdict.differences}


@pytest.mark.parametrize(
    "changes",
    [
        {"flaky": []},
        {"flaky": ["test_of_nobody"]},
        {"flaky": "test_own"},
        {"cis_score": 1.0},  # a race lowers a score
        {"testing_score": 1.5},
        {"testing_score": None},
        {"logic_score": 0.5},  # which hidden tests decide
    ],
)
def test_a_race_is_no_excuse_for_what_it_cannot_have_done(
    books: Settings, judging: Reevaluation, changes: dict[str, Any]
) -> None:
    (verdict,) = judging.judge_rows([raced(row_of(books, "sound"), **changes)])
    assert verdict.outcome == "differs"


def test_a_forged_part_that_no_test_decides_is_found_in_a_battle_whose_tests_vary(
    settings: Settings, tmp_path: Path
) -> None:
    judge(settings, [line("dice", hidden=DICE)], tmp_path)
    row = row_of(settings, "dice")
    result = orjson.loads(row.raw_result)
    result["evaluation"]["rationale_score"] = 1.0
    write_row(settings, forged(row, result))
    assert again(settings)["dice"].outcome == "differs"


def test_another_time_limit_is_another_condition_and_no_difference(settings: Settings, tmp_path: Path) -> None:
    judge(settings, [line("slow", own="", hidden=SLOW.format(seconds=2.5))], tmp_path)
    verdict = again(settings.changed(test_timeout_s=1.0))["slow"]
    assert verdict.outcome == "unrepeatable"
    assert "wall_s 10.0 then, 1.0 now" in verdict.reason


def test_another_profile_is_said_and_only_computed_when_asked_for(books: Settings) -> None:
    row = row_of(books, "sound")
    result = orjson.loads(row.raw_result)
    result["profile"]["id"] = result["profile"]["id"].replace("evidence/", "evidence/0")
    result["evaluation"]["cis_score"] = 0.25
    write_row(books, forged(row, result, score=0.25))
    verdict = again(books)["sound"]
    assert (verdict.outcome, verdict.recomputed, verdict.differences) == ("other_profile", None, ())
    assert "cis-evidence/0" in verdict.reason
    assert "--any-profile" in verdict.hint
    computed = again(books, any_profile=True)["sound"]
    assert (computed.outcome, computed.score) == ("other_profile", 0.25)
    assert [item.path for item in computed.differences] == ["evaluation.cis_score"]
    assert call(books, "sound").returncode == 2
    done = call(books, "sound", "--any-profile")
    assert done.returncode == 1
    assert "another profile" in done.stdout
    assert "differs" not in done.stdout


def test_two_definitions_of_one_name_are_told_apart_by_their_digests(books: Settings) -> None:
    row = row_of(books, "sound")
    result = orjson.loads(row.raw_result)
    own = result["profile"]["sha256"]
    result["profile"]["sha256"] = "0123456789abcdef" * 4
    write_row(books, forged(row, result))
    verdict = again(books)["sound"]
    assert verdict.outcome == "other_profile"
    name = result["profile"]["id"]
    assert f"under profile '{name} (0123456789ab...)', this judge has '{name} ({own[:12]}...)'" in verdict.reason
    assert "the other state of" in verdict.hint  # for its version is this one's


def test_weights_that_are_missing_are_named_with_the_command_that_fetches_them(
    books: Settings, judging: Reevaluation
) -> None:
    row = row_of(books, "sound")
    result = orjson.loads(row.raw_result)
    result["profile"]["id"] = result["profile"]["id"].split("+")[0]
    result["evaluation"]["embedder"] = {"id": "minilm-l6-v2/1", "weights_sha256": "0" * 64}
    (verdict,) = judging.judge_rows([forged(row, result)])
    assert verdict.outcome == "other_profile"
    assert "models fetch" in verdict.hint


def test_what_was_not_judged_here_is_said_apart(books: Settings, make_sealed) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(books.data_dir.parent / "nobody"))
        fresh = books.changed(data_dir=books.data_dir.parent / "other")
        with Ledger.open(fresh, load_signing_key(fresh)) as ledger:
            parts = {"profile": {"id": "imported/x/1"}, "imported": {"by": "x"}}
            ledger.submit([make_sealed("import", origin=ledger.origin, **parts)])
    verdict = again(fresh)["import"]
    assert (verdict.outcome, verdict.recomputed) == ("not_judged_here", None)
    assert call(fresh, "--all").returncode == 0
    assert call(fresh, "import").returncode == 2


def test_a_record_that_lost_one_sign_of_its_judge_does_not_pass_for_an_import(
    books: Settings, judging: Reevaluation
) -> None:
    row = row_of(books, "sound")
    for name in ("evaluator", "profile"):
        result = orjson.loads(row.raw_result)
        del result[name]
        (verdict,) = judging.judge_rows([forged(row, result)])
        assert verdict.outcome in {"differs", "other_profile"}


def test_a_battle_that_was_set_aside_is_said_apart_and_an_unknown_one_is_an_error(books: Settings) -> None:
    books.not_evaluated.mkdir(parents=True)
    (books.not_evaluated / "later.json").write_text('{"reason": "the sandbox was gone"}')
    assert list(find_rows(books, ["later"])) == ["the sandbox was gone"]
    with pytest.raises(ConfigurationError, match="no battle 'nobody'"):
        list(find_rows(books, ["later", "nobody"]))
    for bad in ("../battles", "", "a/b"):
        with pytest.raises(ConfigurationError):
            list(find_rows(books, [bad]))
    done = call(books, "later", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["counts"]["not_evaluated"] == 1


def descendants(pid: int) -> set[int]:
    """The living processes below one."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = path.read_text().rsplit(")", 1)[1].split()[:2]
            if state != "Z":
                parents[int(path.parent.name)] = int(parent)
    found: set[int] = set()
    todo = {pid}
    while todo:
        todo = {child for child, parent in parents.items() if parent in todo} - found
        found |= todo
    return found


def wait_for_guest(parent: int) -> tuple[int, set[int]]:
    """The worker whose guest runs the threads of SLOW, and everything below the worker."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        below = {worker: descendants(worker) for worker in descendants(parent)}
        for worker, pids in sorted(below.items(), key=lambda item: -len(item[1])):
            if any(count_threads(pid) > THREADS for pid in pids):
                return worker, pids
        time.sleep(0.02)
    raise AssertionError("no guest was started")


def count_threads(pid: int) -> int:
    with contextlib.suppress(OSError):
        return len(list(Path(f"/proc/{pid}/task").iterdir()))
    return 0  # it has ended meanwhile


@pytest.mark.parametrize(("retries", "outcome"), [(0, "failed"), (2, "equal")])
def test_a_sandbox_that_dies_is_tried_again_and_never_a_difference(
    settings: Settings, tmp_path: Path, retries: int, outcome: str
) -> None:
    judge(settings, [line("slow", own="", hidden=SLOW.format(seconds=2.5))], tmp_path)
    script = [*CLI, "reevaluate", "slow", "--json", "-C", str(settings.data_dir), "-j", "1"]
    env = {**os.environ, "GREEN_LOGIC_RETRIES": str(retries), "GREEN_LOGIC_RETRY_DELAY_S": "0.01"}
    process = subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    worker, _ = wait_for_guest(process.pid)
    os.kill(worker, signal.SIGKILL)
    out, _ = process.communicate(timeout=60)
    (found,) = json.loads(out)["battles"]
    assert (found["outcome"], found["differences"]) == (outcome, [])
    assert process.returncode == (0 if outcome == "equal" else 2)


# --- beside a run, many, and from the command line


def test_between_two_pages_the_ledger_is_left_to_writers(settings: Settings, key, make_sealed) -> None:
    with Ledger.open(settings, key) as ledger:
        ledger.submit([make_sealed(f"b-{number}", origin=ledger.origin) for number in range(3 * PAGE)])
    rows = read_rows(settings)
    assert next(rows).battle_id == "b-0"
    with Ledger.open(settings.changed(busy_timeout_s=1.0), key) as ledger:
        ledger.submit([make_sealed("late", origin=ledger.origin)])
        rest = [row.battle_id for row in rows]
    assert rest == [f"b-{number}" for number in range(1, 3 * PAGE)]
    assert count_rows(settings) == 3 * PAGE + 1


def test_a_limit_takes_the_newest_in_the_order_of_recording(books: Settings) -> None:
    assert [row.battle_id for row in read_rows(books, limit=2)] == ["clashing", "odd"]
    assert len([*read_rows(books, limit=999)]) == len(LINES)


def test_no_ledger_is_an_error_and_none_is_made(settings: Settings) -> None:
    with pytest.raises(LedgerMissingError):
        next(read_rows(settings))
    assert not settings.data_dir.exists()
    assert call(settings, "--all").returncode == 2
    assert not settings.data_dir.exists()


def test_the_command_says_equal_with_0_and_different_with_1_in_words_and_in_json(books: Settings) -> None:
    before = tree(books.data_dir)
    done = call(books, "sound", "failing")
    assert (done.returncode, done.stdout.count("bit-equal")) == (0, 3)
    done = call(books, "--all", "--check", "--json")
    content = json.loads(done.stdout)
    assert (done.returncode, content["ok"], content["counts"]["equal"], content["battles"]) == (0, True, len(LINES), [])
    assert tree(books.data_dir) == before
    row = row_of(books, "odd")
    write_row(books, dataclasses.replace(row, score=row.score / 2))
    done = call(books, "--all", "--check", "--json")
    content = json.loads(done.stdout)
    assert (done.returncode, content["ok"], content["counts"]["differs"]) == (1, False, 1)
    (found,) = content["battles"]
    assert (found["battle_id"], found["differences"][0]["path"]) == ("odd", "battles.score")
    assert call(books, "sound").returncode == 0


@pytest.mark.parametrize(
    "words", [(), ("--all", "sound"), ("sound", "--limit", "1"), ("--all", "--limit", "0"), ("nobody",)]
)
def test_a_command_that_asks_for_nothing_possible_ends_with_2(books: Settings, words: tuple[str, ...]) -> None:
    done = call(books, *words)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_and_kill_end_it_at_once_leave_no_process_and_change_nothing(
    settings: Settings, tmp_path: Path, how: signal.Signals
) -> None:
    judge(settings, [line(f"b-{number}", own="", hidden="def test(): pass\n") for number in range(2)], tmp_path)
    row = row_of(settings, "b-1")
    result = orjson.loads(row.raw_result)
    result["task"]["hidden_tests"] = SLOW.format(seconds=8)
    write_row(settings, forged(row, result))
    before = tree(settings.data_dir)
    process = subprocess.Popen(
        [*CLI, "reevaluate", "--all", "--json", "-C", str(settings.data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    _, guests = wait_for_guest(process.pid)
    started = time.monotonic()
    process.send_signal(how)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert not out or json.loads(out)["error"]["code"] == "interrupted"
    deadline = started + 60
    while guests & descendants(1):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert tree(settings.data_dir) == before
