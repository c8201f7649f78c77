"""`--dry-run`: the plan is printed, it comes true, and not a byte or a time of the tree changes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from export_samples import record

from green_logic.cli import main
from green_logic.proof.keys import SigningKey
from green_logic.publish.archive import archive_dboms
from green_logic.publish.backup import backup, find_backups
from green_logic.publish.export import export_battles
from green_logic.settings import Settings

Tree = dict[str, tuple[int, int, bytes]]


def tree(root: Path) -> Tree:
    """Every name below a folder with its kind, time and content."""
    return {
        path.relative_to(root).as_posix(): (
            path.stat().st_mode,
            path.stat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in [root, *root.rglob("*")]
    }


@pytest.fixture
def place(settings: Settings, key: SigningKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A ledger that was published twice, with more recorded since; the working directory is elsewhere."""
    for start in (0, 4):
        record(settings, key, range(start, start + 4))
        export_battles(settings)
    archive_dboms(settings)
    backup(settings)
    record(settings, key, range(8, 12))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))
    return settings


def run(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*words, "--json"]) == 0, capsys.readouterr().err
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert answer["ok"]
    return answer


def words_of(settings: Settings, command: str) -> list[str]:
    saved = str(find_backups(settings.data_dir / "backups")[-1])
    data = ["-C", str(settings.data_dir)]
    return {
        "export": ["export", *data],
        "rebuild": ["export", "--rebuild", *data],
        "compact": ["compact", *data],
        "archive": ["archive", *data],
        "prune": ["archive", "--prune", *data],
        "backup": ["backup", "--keep", "1d", *data],
        "restore": ["restore", saved, "-C", str(settings.data_dir.parent / "restored")],
    }[command]


# what the plan says and the run then does
PROMISES = {
    "export": {"rows": 4, "first": 9, "last": 12},
    "rebuild": {"rows": 12, "first": 1, "last": 12},
    "compact": {"files_before": 2, "files_after": 1, "merged": 2, "rows": 8},
    "archive": {"dboms": 4, "ledger_size": 12},
    "prune": {"dboms": 4, "ledger_size": 12},
    "backup": {"ledger_size": 12},
    "restore": {"ledger_size": 8},
}


@pytest.mark.parametrize("command", PROMISES)
def test_a_dry_run_touches_nothing_and_its_plan_comes_true(
    place: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    words = words_of(place, command)
    before = tree(tmp_path)
    plan = run(capsys, *words, "--dry-run")
    assert tree(tmp_path) == before
    assert plan["dry_run"] is True
    assert main([*words, "--dry-run"]) == 0
    assert "dry run: nothing was written" in capsys.readouterr().out
    assert tree(tmp_path) == before
    done = run(capsys, *words)
    for name, value in PROMISES[command].items():
        assert plan[name] == done[name] == value, name
    if command == "prune":
        assert plan["prunable"] == done["removed"] == 12
    if command == "backup":
        assert plan["removed"] == done["removed"] != []
    if command == "restore":
        assert plan["target"] == done["path"]


def test_a_dry_run_of_an_archive_names_the_place_of_the_copies(
    place: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["archive", "--dest", str(tmp_path / "copies"), "-C", str(place.data_dir)]
    plan = run(capsys, *words, "--dry-run")
    assert main([*words, "--dry-run"]) == 0
    assert f"would copy archives that it lacks to {tmp_path}/copies/archives\n" in capsys.readouterr().out
    assert not (tmp_path / "copies").exists()
    assert run(capsys, *words)["copies"]["destination"] == plan["destination"]


def test_a_drill_touches_nothing_beside_the_system_s_temporary_files(
    place: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(place.data_dir)
    answer = run(capsys, "restore", str(find_backups(place.data_dir / "backups")[0]), "--drill", "-C", "nowhere")
    assert (answer["drill"], answer["ledger_size"]) == (True, 8)
    assert tree(place.data_dir) == before
    assert not (tmp_path / "elsewhere" / "nowhere").exists()


def test_an_import_that_is_only_tried_touches_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = os.environ.get("GREEN_LOGIC_TEST_DATA")
    if not root:
        pytest.skip("GREEN_LOGIC_TEST_DATA names no folder with real records")
    found = sorted(Path(root).rglob("battles*.db"))
    if not found:
        pytest.skip("no real database there")
    (tmp_path / "theirs").mkdir()
    monkeypatch.chdir(tmp_path)
    copy = shutil.copy(found[0], tmp_path / "theirs")  # others may read the original meanwhile
    before = tree(tmp_path)
    code = main(["import", str(copy), "--dry-run", "--json", "-C", str(tmp_path / "data")])
    answer = json.loads(capsys.readouterr().out)
    assert code in {0, 1}
    assert answer["read"] > 0
    assert tree(tmp_path) == before


@pytest.mark.parametrize("command", ["compact", "archive", "prune", "backup", "export"])
def test_without_a_ledger_a_dry_run_says_so_and_makes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    words = {"prune": ["archive", "--prune"]}.get(command, [command])
    before = tree(tmp_path)
    assert main([*words, "--dry-run", "--json", "-C", str(tmp_path / "data")]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "no-ledger"
    assert tree(tmp_path) == before


@pytest.mark.parametrize("words", ["export --dest", "compact --dest", "archive --dest", "backup"])
@pytest.mark.parametrize("below", ["", "/below"])
def test_a_file_in_the_place_of_a_destination_is_refused_by_run_and_dry_run_alike(
    place: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, below: str
) -> None:
    (tmp_path / "file").write_text("mine")
    words_of_it = [*words.split(), f"{tmp_path}/file{below}", "--json", "-C", str(place.data_dir)]
    before = tree(tmp_path)
    for dry in (["--dry-run"], []):
        assert main([*words_of_it, *dry]) == 1
        error = json.loads(capsys.readouterr().out)["error"]
        assert f"{tmp_path / 'file'} is no directory" in error["message"]
        assert "--data-dir" not in error["hint"]
        assert tree(tmp_path) == before


@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_a_destination_on_a_read_only_file_system_is_told_as_that(
    place: Settings, tmp_path: Path, dry: list[str]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = [sys.executable, "-c", "import sys; from green_logic.cli import main; sys.exit(main())", "export", *dry]
    called = shlex.join([*command, "--dest", str(disk), "-C", str(place.data_dir)])
    mount = f"mount -t tmpfs -o ro none {disk}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode != 0:
        pytest.skip("mounts of one's own are not permitted here")
    script = f"{mount} && exec {called}"
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"error: cannot export: {disk} is on a read-only file system\n  choose another --dest\n"


@pytest.mark.parametrize("words", ["export --dest", "compact --dest", "archive --dest", "backup"])
def test_a_link_to_itself_is_no_destination(
    place: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert main([*words.split(), str(loop), "--json", "-C", str(place.data_dir)]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "storage"
    assert loop.is_symlink()


def test_a_dry_run_refuses_copies_into_the_archives_themselves_before_there_are_any(
    settings: Settings, key: SigningKey, capsys: pytest.CaptureFixture[str]
) -> None:
    record(settings, key, range(2))
    words = ["archive", "--dest", str(settings.data_dir), "-C", str(settings.data_dir)]
    for dry in (["--dry-run"], []):
        assert main([*words, *dry]) == 2
        assert "it is no second place" in capsys.readouterr().err
        assert not (settings.data_dir / "archives").exists()


@pytest.mark.parametrize("trouble", ["target", "closed", "damage", "absent", "rule", "archives"])
def test_a_dry_run_refuses_what_the_run_would_refuse(
    place: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], trouble: str
) -> None:
    saved = find_backups(place.data_dir / "backups")[0]
    words = words_of(place, "restore")
    if trouble == "target":
        words = ["restore", str(saved), "-C", str(place.data_dir)]
    elif trouble == "closed":
        (tmp_path / "file").write_text("mine")
        words = ["restore", str(saved), "-C", str(tmp_path / "file" / "below")]
    elif trouble == "damage":
        (saved / "battles.db").write_bytes((saved / "battles.db").read_bytes()[:-1] + b"?")
    elif trouble == "absent":
        words = ["restore", str(tmp_path / "no"), "-C", str(tmp_path / "new")]
    elif trouble == "rule":
        words = ["backup", "--keep", "a week", "-C", str(place.data_dir)]
    else:
        next((place.data_dir / "archives").glob("*.tar.gz")).unlink()
        words = ["archive", "-C", str(place.data_dir)]
    before = tree(tmp_path)
    code = main([*words, "--dry-run", "--json"])
    error = json.loads(capsys.readouterr().out)["error"]
    assert code == (1 if trouble in {"closed", "damage", "archives"} else 2), error
    assert tree(tmp_path) == before
    assert main([*words, "--json"]) == code
    assert json.loads(capsys.readouterr().out)["error"]["code"] == error["code"]
