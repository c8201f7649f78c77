"""The fresh interpreter that a worker is: how it is started, as whom, what it may read; nothing of the judge's."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from green_logic.errors import RetryableError
from green_logic.evaluation.testrun import BOX

FIRST_UID = 60000  # private users of guests, above the ranges that distributions hand out
PRIVATE_UIDS = 5000
GUEST_PACKAGES = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments")
# 12 MB of small objects, which Python takes from the system in one go, 1 MB at a time; two of each stay, so that Python
# keeps all of it and puts there what is imported next: memory that lies together, for `isolation.pages`
GATHER = """
made = [None] * 24576
for number in range(len(made)):
    made[number] = bytes(479)
kept = made[::1024]
del made
"""
# the guest finds the standard library on its path, and pytest only because it is loaded already
BOOTSTRAP = f"""
{GATHER}
import sys
options, *folders = sys.argv[1:]
sys.path += folders
from green_logic.evaluation.isolation.zygote import main
del sys.path[-len(folders):]
main(options)
"""


def find_private_uid(number: int) -> int:
    """A user for the guests of worker `number` of this judge; 0 if this process cannot become another user."""
    uid = FIRST_UID + (os.getpid() * 16 + number) % PRIVATE_UIDS
    if os.geteuid() != 0:
        return 0
    # root in a rootless container has few users, often only itself
    for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines():
        first, _, count = map(int, line.split())
        if first <= uid < first + count:
            return uid
    return 0


def readable_paths() -> list[str]:
    """What a guest must read to run Python and pytest: no home, no configuration, no data."""
    paths = [os.path.join(sys.base_prefix, name) for name in ("bin", "lib", "lib64")]  # noqa: PTH118  strings throughout
    paths.append(sysconfig.get_path("stdlib"))
    for name in GUEST_PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec and spec.origin:
            paths.append(str(Path(spec.origin).parent) if spec.submodule_search_locations else spec.origin)
    existing = [path for path in paths if os.path.lexists(path)]
    return sorted({form for path in existing for form in (path, os.path.realpath(path))})


def start_zygote(options: dict[str, object], descriptor: int, box: str) -> subprocess.Popen[bytes]:
    """A fresh interpreter that serves the channel `descriptor`.

    In a session of its own, so that Ctrl-C in the judge's terminal ends no test half-way. Raises OSError.
    """
    spec = importlib.util.find_spec("pytest")
    if not spec or not spec.origin:
        raise RetryableError("pytest is not installed", hint="install green-logic with its dependencies")
    # ours first: stdlib names stay the standard library's, both come after it
    folders = [str(Path(__file__).resolve().parents[2]), str(Path(spec.origin).parents[1])]
    command = [sys.executable, "-I", "-S", "-c", BOOTSTRAP, json.dumps(options), *folders]
    # not subprocess.DEVNULL, whose descriptor is left open where there is no room for the pipe (Python 3.11.2)
    with open(os.devnull, "r+b", buffering=0) as nothing:  # noqa: PTH123  the same without a path object
        return subprocess.Popen(  # noqa: S603  our own interpreter with our own words
            command,
            stdin=nothing,
            stdout=nothing,
            stderr=subprocess.PIPE,
            pass_fds=(descriptor,),
            env=_environment(box),
            cwd="/",
            start_new_session=True,
        )


def _environment(box: str) -> dict[str, str]:
    """The guest's whole environment: nothing of the judge's, where keys are."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": box,
        "USER": "guest",
        "LOGNAME": "guest",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "OPENBLAS_NUM_THREADS": "1",
        # each further arena reserves 64 MB of the address space that RLIMIT_AS counts
        "MALLOC_ARENA_MAX": "2",
        # large blocks lie in the heap, and that has room at its end: so `isolation.pages` finds whole huge pages
        "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
        "MALLOC_TOP_PAD_": str(4 << 20),
    }
    if box != BOX:
        environment["TMPDIR"] = f"{box}/.tmp"  # the host's own is out of reach
    return environment
