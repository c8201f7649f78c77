"""The inbox: whole files only, each judged and moved with its report, nothing lost and nothing overwritten."""

from __future__ import annotations

import gzip
import json
import math
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from green_logic.errors import ConfigurationError, GreenLogicError, StorageError, UnsettledError
from green_logic.inbox import (
    FIRST_PAUSE_S,
    LAST_PAUSE_S,
    STABLE_S,
    STRANGE_S,
    Inbox,
    judge_file,
    work,
)
from green_logic.settings import Settings
from green_logic.settling import Settled, find_state, settle, settled_line

BATTLE = {
    "task": {"title": "Double", "description": "Write double(n).", "entry_points": ["double"]},
    "purple_response": {"sourceCode": "def double(n):\n    return 2 * n\n", "testCode": "", "rationale": "twice"},
}


@pytest.fixture
def inbox(settings: Settings) -> Inbox:
    box = Inbox(settings.changed(retries=0, retry_delay_s=0.0), stable_s=0.0)
    box.make()
    return box


def drop(inbox: Inbox, name: str, *battle_ids: str, junk: str = "") -> Path:
    text = "".join(json.dumps({"battle_id": battle_id, **BATTLE}) + "\n" for battle_id in battle_ids) + junk
    path = inbox.directory / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def take(inbox: Inbox, judge: Any = judge_file, troubles: list[Any] | None = None) -> list[Settled]:
    """Two looks: the first one sees the files, the second one finds them unchanged."""
    inbox.ready(time.monotonic())
    return list(
        work(inbox, judge, on_trouble=lambda *trouble: troubles.append(trouble) if troubles is not None else None)
    )


def good(_path: Path, _settings: Settings) -> dict[str, Any]:
    return {"ok": True, "recorded": 1}


def rows(settings: Settings) -> list[str]:
    with closing(sqlite3.connect(f"file:{settings.database}?mode=ro", uri=True)) as connection:
        return [row[0] for row in connection.execute("SELECT battle_id FROM battles ORDER BY 1")]


def files_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.is_file())


def test_a_dropped_file_becomes_rows_and_lies_in_done_with_its_report(inbox: Inbox) -> None:
    drop(inbox, "a.jsonl", "b-1", "b-2")
    drop(inbox, "z.jsonl.gz", "b-3")
    settled = take(inbox)
    assert [(one.name, one.fate) for one in settled] == [("a.jsonl", "done"), ("z.jsonl.gz", "done")]
    assert rows(inbox.settings) == ["b-1", "b-2", "b-3"]
    assert files_in(inbox.directory) == []
    names = ["a.jsonl", "a.jsonl.report.json", "z.jsonl.gz", "z.jsonl.gz.report.json"]
    assert files_in(inbox.directory / "done") == names
    report = json.loads((inbox.directory / "done" / "a.jsonl.report.json").read_bytes())
    assert (report["file"], report["recorded"], report["refused"], report["ok"]) == ("a.jsonl", 2, 0, True)
    assert report["started_at"] <= report["ended_at"]
    assert inbox.counts() == (2, 0)


def test_a_file_with_refused_lines_lies_in_failed_and_its_good_lines_are_recorded(inbox: Inbox) -> None:
    drop(inbox, "a.jsonl", "b-1", junk="{}\n")
    assert [one.fate for one in take(inbox)] == ["failed"]
    report = json.loads((inbox.directory / "failed" / "a.jsonl.report.json").read_bytes())
    assert (report["recorded"], report["refused"], report["ok"]) == (1, 1, False)
    assert report["reasons"]
    assert rows(inbox.settings) == ["b-1"]


def test_json_of_another_layout_lies_in_failed_with_the_command_that_mends_it(inbox: Inbox) -> None:
    path = inbox.directory / "array.jsonl"
    path.write_text("[\n  {}\n]\n")
    (settled,) = take(inbox)
    assert settled.fate == "failed"
    assert settled.path.read_text() == "[\n  {}\n]\n"
    assert settled.report["error"]["hint"].startswith("jq -c '.[]' ")
    assert not path.exists()


def test_judging_a_file_again_records_nothing_twice(inbox: Inbox) -> None:
    path = drop(inbox, "a.jsonl", "b-1")
    judge_file(path, inbox.settings)  # killed after the ledger and before the move
    (settled,) = take(inbox)
    assert (settled.fate, settled.report["recorded"], settled.report["already_recorded"]) == ("done", 0, 1)


def test_an_earlier_file_and_its_report_are_never_overwritten(inbox: Inbox) -> None:
    for number in range(3):
        drop(inbox, "a.jsonl.gz", f"b-{number}")
        take(inbox, good)
    done = inbox.directory / "done"
    expected = ["a.2.jsonl.gz", "a.3.jsonl.gz", "a.jsonl.gz"]
    assert [name for name in files_in(done) if not name.endswith(".json")] == expected
    assert [json.loads(gzip.decompress((done / name).read_bytes()))["battle_id"] for name in expected] == [
        "b-1",
        "b-2",
        "b-0",
    ]
    assert inbox.counts() == (3, 0)


def test_a_report_without_its_file_stays_as_the_witness_of_a_run_that_was_cut_short(inbox: Inbox) -> None:
    orphan = inbox.directory / "done" / "a.jsonl.report.json"
    orphan.write_text("{}")
    drop(inbox, "a.jsonl", "b-1")
    (settled,) = take(inbox, good)
    assert settled.path.name == "a.2.jsonl"
    assert orphan.read_text() == "{}"


@pytest.mark.parametrize(
    "name", [".a.jsonl", "a.jsonl.part", "a.jsonl.tmp", "a.json", "jsonl", "a.jsonl.gz.part", "notes.txt"]
)
def test_other_names_are_left_alone(inbox: Inbox, name: str) -> None:
    path = drop(inbox, name, "b-1")
    assert take(inbox, good) == []
    assert inbox.waiting() == []
    assert path.exists()


def test_folders_links_and_pipes_are_left_alone(inbox: Inbox, tmp_path: Path) -> None:
    (inbox.directory / "folder.jsonl").mkdir()
    os.mkfifo(inbox.directory / "pipe.jsonl")
    target = tmp_path / "outside.jsonl"
    target.write_text("{}\n")
    (inbox.directory / "link.jsonl").symlink_to(target)
    assert take(inbox, good) == []
    assert target.exists()


def test_what_will_never_be_judged_is_named_once_with_the_reason(inbox: Inbox, tmp_path: Path) -> None:
    (inbox.directory / "folder.jsonl").mkdir()
    os.mkfifo(inbox.directory / "pipe.jsonl")
    (inbox.directory / "link.jsonl").symlink_to(tmp_path)
    for name in ("notes.txt", "a.jsonl", "b.jsonl.part", "c.tmp", ".d.txt"):
        drop(inbox, name, "b-1")
    assert list(inbox.strangers(0.0)) == []  # it may be about to be renamed
    assert list(inbox.strangers(STRANGE_S - 0.01)) == []
    told = dict(inbox.strangers(STRANGE_S))
    assert sorted(told) == ["folder.jsonl", "link.jsonl", "notes.txt", "pipe.jsonl"]
    assert "move the file itself" in told["link.jsonl"]
    assert ".jsonl.zst" in told["notes.txt"]
    assert list(inbox.strangers(10 * STRANGE_S)) == []
    (inbox.directory / "notes.txt").unlink()
    assert list(inbox.strangers(11 * STRANGE_S)) == []
    drop(inbox, "notes.txt", "b-1")  # another one of that name
    assert list(inbox.strangers(12 * STRANGE_S)) == []
    assert [name for name, _ in inbox.strangers(13 * STRANGE_S)] == ["notes.txt"]


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ({"ok": True, "recorded": 2, "by": "flow"}, "✔ a.jsonl → done: 2 recorded (flow)"),
        (
            {"ok": False, "recorded": 1, "refused": 3, "by": "library", "reasons": ["a:1: not\nJSON", "a:2: no", "…"]},
            "✘ a.jsonl → done: 1 recorded · 3 refused (library)\n  a:1: not JSON\n  all reasons: a.jsonl.report.json",
        ),
        (
            {"ok": False, "not_evaluated": 1, "by": "flow", "reasons": []},
            "✘ a.jsonl → done: 1 not evaluated (flow)\n  all reasons: a.jsonl.report.json",
        ),
        ({"ok": True, "by": "flow"}, "✔ a.jsonl → done: no battles (flow)"),
        ({"ok": False, "error": {"message": "it is torn"}}, "✘ a.jsonl → done: it is torn"),
        ({"ok": False, "error": {"message": "a list", "hint": "jq"}}, "✘ a.jsonl → done: a list\n  jq"),
    ],
)
def test_what_became_of_a_file_is_told_with_the_first_reason_of_a_failure(report: dict[str, Any], words: str) -> None:
    counts = dict.fromkeys(("recorded", "already_recorded", "conflicts", "refused", "not_evaluated"), 0)
    assert settled_line(Settled("a.jsonl", "done", Path("a.jsonl"), counts | report)) == words


@pytest.mark.parametrize(("name", "where"), [("a.jsonl", "inbox"), ("a.2.jsonl", "inbox as a.2.jsonl")])
def test_a_file_that_changed_is_never_called_done(name: str, where: str) -> None:
    words = settled_line(Settled("a.jsonl", "changed", Path(name), {"ok": True, "recorded": 1, "by": "flow"}))
    assert words.startswith(f"↻ a.jsonl → {where}: it was changed")
    assert "done" not in words


def test_a_file_that_still_grows_is_not_taken(settings: Settings) -> None:
    inbox = Inbox(settings)
    inbox.make()
    path = drop(inbox, "a.jsonl", "b-1")
    assert inbox.ready(100.0) == []
    assert inbox.ready(100.0 + STABLE_S - 0.01) == []
    with path.open("a") as file:
        file.write("{}\n")
    assert inbox.ready(100.0 + STABLE_S) == []
    assert inbox.ready(100.0 + 2 * STABLE_S - 0.01) == []
    assert inbox.ready(100.0 + 2 * STABLE_S) == [path]


def test_a_file_that_was_replaced_under_its_name_waits_anew(settings: Settings) -> None:
    inbox = Inbox(settings)
    inbox.make()
    path = drop(inbox, "a.jsonl", "b-1")
    inbox.ready(0.0)
    other = inbox.directory / ".next"
    shutil.copy2(path, other)
    other.replace(path)  # same size, same time, another file
    assert inbox.ready(STABLE_S) == []
    assert inbox.ready(2 * STABLE_S) == [path]


@pytest.mark.parametrize("error", [StorageError("the disk is full"), ConfigurationError("there is no signing key")])
def test_a_file_that_is_not_at_fault_stays_and_is_tried_again_later(inbox: Inbox, error: GreenLogicError) -> None:
    def fail(_path: Path, _settings: Settings) -> dict[str, Any]:
        raise error

    path = drop(inbox, "a.jsonl", "b-1")
    drop(inbox, "b.jsonl", "b-2")
    troubles: list[Any] = []
    assert take(inbox, fail, troubles) == []
    assert troubles == [("a.jsonl", error, FIRST_PAUSE_S)]  # what is wrong for one is wrong for those after it
    assert path.exists()
    assert inbox.counts() == (0, 0)
    now = time.monotonic()
    assert path not in inbox.ready(now)
    assert path in inbox.ready(now + FIRST_PAUSE_S)


def test_the_pauses_grow_up_to_a_limit_and_end_with_a_new_file(inbox: Inbox) -> None:
    drop(inbox, "a.jsonl", "b-1")
    inbox.ready(0.0)
    pauses = [inbox.hold("a.jsonl", 0.0) for _ in range(10)]
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses[-1] == LAST_PAUSE_S
    path = drop(inbox, "a.jsonl", "b-1", "b-2")
    inbox.ready(1.0)
    assert inbox.ready(1.0) == [path]


def test_a_fault_of_the_judge_in_one_file_does_not_stop_the_next(inbox: Inbox) -> None:
    def fail_once(path: Path, _settings: Settings) -> dict[str, Any]:
        if path.name == "a.jsonl":
            raise ZeroDivisionError("division by zero")
        return {"ok": True}

    drop(inbox, "a.jsonl", "b-1")
    drop(inbox, "b.jsonl", "b-2")
    assert [one.fate for one in take(inbox, fail_once)] == ["failed", "done"]
    report = json.loads((inbox.directory / "failed" / "a.jsonl.report.json").read_bytes())
    assert report["error"] == {"code": "unexpected", "message": "ZeroDivisionError: division by zero"}


def test_a_file_that_vanishes_is_no_error(inbox: Inbox) -> None:
    path = drop(inbox, "a.jsonl", "b-1")
    inbox.ready(time.monotonic())
    looks = work(inbox, good, on_trouble=lambda *_: None)
    path.unlink()
    assert list(looks) == []


def test_a_file_that_cannot_be_moved_stays(inbox: Inbox) -> None:
    path = drop(inbox, "a.jsonl", "b-1")
    done = inbox.directory / "done"
    done.rmdir()
    done.write_text("in the way")
    with pytest.raises(StorageError, match="cannot settle"):
        settle(path, find_state(path), {"ok": True})
    assert path.exists()
    assert done.read_text() == "in the way"


@pytest.mark.parametrize("name", ["x" * 240 + ".jsonl", os.fsdecode(b"\xff\xfe.jsonl"), "a b;$(c).jsonl"])
def test_any_name_that_a_file_system_allows_can_be_settled(inbox: Inbox, name: str) -> None:
    drop(inbox, name, "b-1")
    (settled,) = take(inbox, good)
    assert settled.path.is_file()
    assert json.loads(settled.path.with_name(settled.path.name + ".report.json").read_bytes())["file"]
    assert files_in(inbox.directory) == []


class Meddler:
    """A judge during whose work something happens to the file."""

    def __init__(self, act: Callable[[Path], object]) -> None:
        self.act, self.judged = act, 0

    def __call__(self, path: Path, settings: Settings) -> dict[str, Any]:
        report = judge_file(path, settings)
        self.judged += 1
        self.act(path)
        return report


def replace_with(battle_id: str) -> Callable[[Path], object]:
    def replace(path: Path) -> None:
        other = path.with_name(".other")
        other.write_text(json.dumps({"battle_id": battle_id, **BATTLE}) + "\n")
        shutil.copystat(path, other)  # the same time, and the same size if the ids are equally long
        other.replace(path)

    return replace


def append(battle_id: str) -> Callable[[Path], object]:
    def append_one(path: Path) -> None:
        with path.open("a") as file:
            file.write(json.dumps({"battle_id": battle_id, **BATTLE}) + "\n")

    return append_one


def write_over(path: Path) -> None:
    path.write_text(path.read_text().replace("b-1", "b-2"))


@pytest.mark.parametrize("act", [replace_with("b-2"), append("b-2"), write_over])
def test_what_comes_while_a_file_is_judged_is_judged_too(inbox: Inbox, act: Callable[[Path], object]) -> None:
    path = drop(inbox, "a.jsonl", "b-1")
    (settled,) = take(inbox, Meddler(act))
    assert (settled.fate, settled.path, path.exists()) == ("changed", path, True)
    assert files_in(inbox.directory / "done") == []
    assert inbox.counts() == (0, 0)
    assert rows(inbox.settings) == ["b-1"]
    (settled,) = take(inbox)
    assert (settled.fate, settled.report["recorded"]) == ("done", 1)
    assert rows(inbox.settings) == ["b-1", "b-2"]
    assert '"b-2"' in settled.path.read_text()


def test_a_file_that_is_taken_away_while_it_is_judged_leaves_no_report(inbox: Inbox) -> None:
    drop(inbox, "a.jsonl", "b-1")
    (settled,) = take(inbox, Meddler(Path.unlink))
    assert settled.fate == "changed"
    assert inbox.counts() == (0, 0)
    assert inbox.waiting() == []


def test_a_link_or_a_folder_that_comes_while_a_file_is_judged_stays_what_it_is(inbox: Inbox, tmp_path: Path) -> None:
    (tmp_path / "outside.jsonl").write_text("{}\n")

    def swap(path: Path) -> None:
        path.unlink()
        path.mkdir() if path.name == "a.jsonl" else path.symlink_to(tmp_path / "outside.jsonl")

    paths = [drop(inbox, "a.jsonl", "b-1"), drop(inbox, "b.jsonl", "b-2")]
    assert [one.fate for one in take(inbox, Meddler(swap))] == ["changed", "changed"]
    assert (paths[0].is_dir(), paths[1].readlink()) == (True, tmp_path / "outside.jsonl")
    assert inbox.counts() == (0, 0)


def test_a_file_that_grows_whenever_it_is_judged_waits_each_time_and_leaves_no_reports(inbox: Inbox) -> None:
    judge = Meddler(append("b-1"))
    drop(inbox, "a.jsonl", "b-1")
    drop(inbox, "b.jsonl", "b-2")
    for number in range(1, 4):
        take(inbox, judge)
        assert judge.judged == 2 * number
        inbox.stable_s = STABLE_S
        assert list(work(inbox, judge, on_trouble=lambda *_: None)) == []
        inbox.stable_s = 0.0
    assert files_in(inbox.directory) == ["a.jsonl", "b.jsonl"]
    assert inbox.counts() == (0, 0)
    assert {one.fate for one in take(inbox)} == {"done"}


def test_a_file_that_changes_while_another_is_judged_waits_anew(inbox: Inbox) -> None:
    drop(inbox, "a.jsonl", "b-1")
    later = drop(inbox, "b.jsonl", "b-2")
    judge = Meddler(lambda _path: append("b-3")(later))
    assert [one.name for one in take(inbox, judge)] == ["a.jsonl"]
    assert [one.name for one in take(inbox)] == ["b.jsonl"]
    assert rows(inbox.settings) == ["b-1", "b-2", "b-3"]


def test_a_file_that_a_crash_caught_while_it_was_settled_comes_back_beside_a_newer_one(inbox: Inbox) -> None:
    caught = inbox.directory / ".settling"
    caught.mkdir()
    drop(inbox, "a.jsonl", "b-1").rename(caught / "a.jsonl")
    drop(inbox, "c.jsonl", "b-3").rename(caught / "c.jsonl")
    os.link(caught / "c.jsonl", inbox.directory / "c.jsonl")  # cut short while it was put back
    drop(inbox, "a.jsonl", "b-2")
    take(inbox)
    take(inbox)
    assert rows(inbox.settings) == ["b-1", "b-2", "b-3"]
    assert inbox.counts() == (3, 0)
    assert files_in(caught) == []


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system to write to")
    with tempfile.TemporaryDirectory(dir=memory, prefix="green-logic-") as directory:
        yield Path(directory)


def test_a_file_that_cannot_be_moved_is_told_once_and_no_report_says_done(inbox: Inbox, elsewhere: Path) -> None:
    done = inbox.directory / "done"
    done.rmdir()
    done.symlink_to(elsewhere)
    names = [drop(inbox, "a.jsonl", "b-1").name, drop(inbox, "b.jsonl", "b-2").name]
    judge = Meddler(lambda _path: None)
    troubles: list[Any] = []
    for _ in range(3):
        assert take(inbox, judge, troubles) == []
    assert ([name for name, *_ in troubles], judge.judged) == (names, 2)
    assert "done/ must be a folder on the same file system as inbox/" in troubles[0][1].hint
    assert (files_in(inbox.directory), files_in(elsewhere), inbox.counts()) == (names, [], (0, 0))
    assert all(inbox.is_stuck(name) for name in names)
    done.unlink()
    done.mkdir()
    assert [one.fate for one in take(inbox)] == ["done", "done"]
    assert inbox.counts() == (2, 0)


def test_a_file_that_cannot_be_moved_is_judged_again_when_it_is_another_one(inbox: Inbox, elsewhere: Path) -> None:
    done = inbox.directory / "done"
    done.rmdir()
    done.symlink_to(elsewhere)
    judge = Meddler(lambda _path: None)
    path = drop(inbox, "a.jsonl", "b-1")
    take(inbox, judge)
    append("b-2")(path)
    assert not take(inbox, judge)
    assert judge.judged == 2
    assert rows(inbox.settings) == ["b-1", "b-2"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_file_that_belongs_to_another_user_in_a_sticky_inbox_is_told_once(inbox: Inbox) -> None:
    with tempfile.TemporaryDirectory(prefix="green-logic-") as directory:
        sticky = Inbox(inbox.settings.changed(data_dir=Path(directory)), stable_s=0.0)
        sticky.make()
        path = drop(sticky, "a.jsonl", "b-1")
        for folder, mode in ((Path(directory), 0o755), (sticky.directory, 0o1777), (sticky.directory / "done", 0o777)):
            folder.chmod(mode)
        troubles: list[Any] = []
        os.seteuid(65534)
        try:
            assert [take(sticky, good, troubles) for _ in range(3)] == [[], [], []]
        finally:
            os.seteuid(0)
        ((_, error, pause),) = troubles
        assert (type(error), pause) == (UnsettledError, math.inf)
        assert "chmod +t" in error.hint
        assert (path.exists(), sticky.counts()) == (True, (0, 0))
        sticky.directory.chmod(0o777)
        os.seteuid(65534)
        try:
            assert [one.fate for one in take(sticky, good)] == ["done"]
        finally:
            os.seteuid(0)
