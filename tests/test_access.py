"""A user who lacks a permission is told which one, whatever the command."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from green_logic.access import missing_permission
from green_logic.cli import main

NOBODY = 65534


@contextlib.contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Root may look at everything; an ordinary owner may not look at what has mode 0."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody may search and nobody but its owner may write to; pytest's own are private."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)
        for path in Path(name).rglob("*"):
            path.chmod(0o700)


@pytest.mark.parametrize(
    ("modes", "path", "missing"),
    [
        ({"dir": 0o000}, "dir/file", "read"),
        ({"dir": 0o000}, "dir", "read"),
        ({"dir": 0o555, "dir/file": 0o000}, "dir/file", "read"),
        ({"dir": 0o555, "dir/file": 0o444}, "dir/file", "write"),
        ({"dir": 0o555}, "dir/absent/below", "write"),
        ({"dir": 0o555}, "dir", "write"),
    ],
)
def test_what_is_missing_is_told_apart(place: Path, modes: dict[str, int], path: str, missing: str):
    place.chmod(0o755)
    (place / "dir").mkdir()
    (place / "dir/file").write_text("x")
    for name, mode in reversed(modes.items()):
        (place / name).chmod(mode)
    with as_ordinary_user():
        assert missing_permission(place / path) == missing
        assert missing_permission(str(place / path)) == missing


VERIFY_ONE = "verify {}/data/dboms/dbom_b-1.json"
DRY_RUN = "run {}/in.jsonl --dry-run"


@pytest.mark.parametrize(
    ("closed", "words"),
    [
        *(("data", words) for words in ("status", "verify", VERIFY_ONE, DRY_RUN)),
        *(("data/battles.db", words) for words in ("status", "verify", DRY_RUN)),
        *(("data/dboms", words) for words in ("verify", VERIFY_ONE)),
    ],
)
def test_who_may_not_look_is_told_to_ask_for_reading(
    place: Path, closed: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    line = {"battle_id": "b-1", "task": {"description": "Set x."}, "purple_response": {"sourceCode": "x = 1"}}
    (place / "in.jsonl").write_text(json.dumps(line))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place / "config"))
    data = ["-C", str(place / "data")]
    assert main(["run", str(place / "in.jsonl"), "--local", *data]) == 0
    for path in (place, *place.rglob("*")):
        path.chmod(0o755)
    called = [*words.format(place).split(), "--json", *data]
    assert main(called) == 0  # and loads what that user may not be able to
    capsys.readouterr()
    (place / closed).chmod(0o000)
    with as_ordinary_user():
        assert main(called) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["error"]["code"] == "storage"
    assert answer["error"]["hint"].startswith("give this user read permission")
