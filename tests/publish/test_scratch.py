"""Scratch directories: gone with their process, or with the next one; never while somebody works in them."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from green_logic.publish.directory_lock import lock_directory
from green_logic.publish.scratch import DRILL, FETCH, find_abandoned, scratch_directory

HOLDER = """
import sys
from pathlib import Path
from green_logic.publish.scratch import scratch_directory
with scratch_directory(Path(sys.argv[1]), "fetch") as path:
    (path / "battles.db").write_bytes(b"large")
    print(path, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """An empty directory."""
    path = tmp_path / "parent"
    path.mkdir()
    return path


def start(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process at work in a scratch directory."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(parent)], text=True, **pipes)
    return process, Path(process.stdout.readline().strip())


def end(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)
    process.communicate()


def test_it_is_removed_at_the_end_and_after_an_error(parent: Path) -> None:
    with scratch_directory(parent, DRILL) as path:
        (path / "file").write_text("x")
        assert path.stat().st_mode & 0o777 == 0o700
    with pytest.raises(ZeroDivisionError), scratch_directory(parent, DRILL):
        _ = 1 / 0
    assert list(parent.iterdir()) == []


def test_what_a_killed_process_left_is_found_and_swept_by_the_next(parent: Path) -> None:
    process, left = start(parent)
    end(process, signal.SIGKILL)
    assert find_abandoned(parent) == [left]
    with scratch_directory(parent, FETCH) as path:
        assert list(parent.iterdir()) == [path]
    assert list(parent.iterdir()) == []


def test_what_a_living_process_holds_stays(parent: Path) -> None:
    process, held = start(parent)
    try:
        assert find_abandoned(parent) == []
        with scratch_directory(parent, FETCH) as path:
            assert set(parent.iterdir()) == {held, path}
        assert (held / "battles.db").read_bytes() == b"large"
    finally:
        process.communicate("")
    assert process.returncode == 0
    assert list(parent.iterdir()) == []


def test_what_is_another_purpose_a_link_or_a_file_stays(parent: Path) -> None:
    elsewhere = parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("x")
    place = parent / "place"
    place.mkdir()
    (place / ".tmp-fetch-link").symlink_to(elsewhere)
    (place / ".tmp-fetch-file").write_text("x")
    (place / ".tmp-drill-other").mkdir()
    (place / "fetch-mine").mkdir()
    assert find_abandoned(place, [FETCH]) == []
    with scratch_directory(place, FETCH):
        pass
    assert {path.name for path in place.iterdir()} == {
        ".tmp-fetch-link",
        ".tmp-fetch-file",
        ".tmp-drill-other",
        "fetch-mine",
    }
    assert (elsewhere / "kept").exists()


def test_one_that_is_swept_before_it_is_locked_is_made_again(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[Path] = []

    def late(path: Path) -> int:
        if not swept:  # another process sweeps just now
            swept.append(path)
            path.rmdir()
        return lock_directory(path)

    monkeypatch.setattr("green_logic.publish.scratch.lock_directory", late)
    with scratch_directory(parent, FETCH) as path:
        assert path.is_dir()
        assert path != swept[0]


def test_many_at_once_do_not_take_each_others(parent: Path) -> None:
    def work(number: int) -> bool:
        with scratch_directory(parent, FETCH) as path:
            (path / "mine").write_text(str(number))
            return (path / "mine").read_text() == str(number) and len(list(path.iterdir())) == 1

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
    assert list(parent.iterdir()) == []


def test_a_place_that_is_not_there_or_not_readable_has_none(parent: Path) -> None:
    (parent / "file").write_text("x")
    assert find_abandoned(parent / "missing") == []
    assert find_abandoned(parent / "file") == []
