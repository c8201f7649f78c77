"""A user who is not root and reads nothing but a copy of our library and pytest: most machines have no other."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PYTHON = "/usr/bin/python3"  # everybody's: ours may be in root's home
USER = 12345
PACKAGES = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "green_logic", "orjson")
NEEDS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root to become someone else; the whole file runs as an ordinary user then"
)


@dataclass(frozen=True)
class OrdinaryUser:
    """Everything in `folder` can be read, and imported."""

    folder: Path

    def copy(self, source: Path) -> Path:
        """A copy of a file or folder in `folder`; where it is."""
        target = self.folder / source.name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
        for path in (target, *target.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)  # whatever they are in this checkout
        return target

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Python with these arguments."""
        return subprocess.run(
            [PYTHON, *words],
            check=False,
            user=USER,
            group=USER,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(self.folder), "PATH": "/usr/bin:/bin"},
        )


@contextlib.contextmanager
def ordinary_user() -> Iterator[OrdinaryUser]:
    """The user, with a folder of its own; skips where there is no Python for everybody."""
    # not below pytest's own folder: each session of pytest that starts closes that to others
    with tempfile.TemporaryDirectory(prefix="green-logic-others-", dir="/tmp") as folder:
        user = OrdinaryUser(Path(folder))
        user.folder.chmod(0o755)
        if user.run("-c", "import sys; sys.exit(sys.version_info < (3, 11))").returncode != 0:
            pytest.skip(f"{PYTHON} is missing or too old")
        for name in PACKAGES:
            spec = importlib.util.find_spec(name)
            assert spec
            assert spec.origin
            user.copy(Path(spec.origin).parent)
        user.copy(Path(pytest.__file__).parents[1] / "py.py")
        yield user
