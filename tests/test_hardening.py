"""A submission gets its namespaces under the walls of the hardened unit, built here as systemd builds them."""

from __future__ import annotations

import ctypes.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
UNIT = ROOT / "deployments" / "systemd" / "green-logic-serve.service"
USER = 61184  # the first that DynamicUser gives
BATTLE = {
    "battle_id": "b-1",
    "task": {
        "title": "Double",
        "description": "Write double(n).",
        "entry_points": ["double"],
        "hidden_tests": "from solution import double\n\ndef test_two():\n    assert double(2) == 4\n",
    },
    "purple_response": {"sourceCode": "def double(n):\n    return 2 * n\n", "testCode": "", "rationale": "twice"},
}

# what each directive is to the kernel; libseccomp is what systemd itself uses
CONFINE = """
import ctypes, errno, json, os, sys
allowed, families, command = json.load(open(sys.argv[1])), {1, 2, 10}, sys.argv[2:]
lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
lib.seccomp_init.restype = ctypes.c_void_p
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
MASKED, NOT_EQUAL = 7, 1

class Argument(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]

def load(default, rules):
    context = ctypes.c_void_p(lib.seccomp_init(default))
    for action, name, *arguments in rules:
        number = lib.seccomp_syscall_resolve_name(name.encode())
        if number == -1 or action == default:
            continue
        array = (Argument * len(arguments))(*arguments)
        code = lib.seccomp_rule_add_array(context, action, number, len(arguments), array)
        if code not in (0, -errno.EEXIST):
            raise OSError(-code, name)
    if lib.seccomp_load(context):
        raise OSError("seccomp_load")

EXECUTE, WRITE = 4, 2
# MemoryDenyWriteExecute=
load(ALLOW, [
    (REFUSE | errno.EPERM, "mmap", Argument(2, MASKED, EXECUTE | WRITE, EXECUTE | WRITE)),
    (REFUSE | errno.EPERM, "mprotect", Argument(2, MASKED, EXECUTE, EXECUTE)),
    (REFUSE | errno.EPERM, "pkey_mprotect", Argument(2, MASKED, EXECUTE, EXECUTE)),
])
# RestrictAddressFamilies=
for family in range(46):
    if family not in families:
        load(ALLOW, [(REFUSE | errno.EAFNOSUPPORT, "socket", Argument(0, 4, family, 0))])
# RestrictSUIDSGID=, LockPersonality=, ProtectHostname=, ProtectClock=
load(ALLOW, [
    (REFUSE | errno.EPERM, "chmod", Argument(1, MASKED, 0o6000, 0o6000)),
    (REFUSE | errno.EPERM, "fchmod", Argument(1, MASKED, 0o6000, 0o6000)),
    (REFUSE | errno.EPERM, "fchmodat", Argument(2, MASKED, 0o6000, 0o6000)),
    (REFUSE | errno.EPERM, "personality", Argument(0, NOT_EQUAL, 0, 0)),
    (REFUSE | errno.EPERM, "sethostname"), (REFUSE | errno.EPERM, "setdomainname"),
    (REFUSE | errno.EPERM, "clock_settime"), (REFUSE | errno.EPERM, "adjtimex"),
])
# SystemCallFilter=
load(REFUSE | errno.EPERM, [(ALLOW, name) for name in allowed])
os.execv(command[0], command)
"""


def directives(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def calls_in(group: str) -> set[str]:
    """The system calls of a group, as the systemd that is installed here has them."""
    listed = subprocess.run(["systemd-analyze", "syscall-filter", group], check=True, capture_output=True, text=True)
    found: set[str] = set()
    for line in listed.stdout.splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            found |= calls_in(word) if word.startswith("@") else {word}
    return found


def allowed_calls() -> list[str]:
    found: set[str] = set()
    for line in directives("SystemCallFilter"):
        for word in line.removeprefix("~").split():
            calls = calls_in(word) if word.startswith("@") else {word}
            found = found - calls if line.startswith("~") else found | calls
    return sorted(found)


def walls(state: Path) -> str:
    """The mounts of the unit, as a script for root in a mount namespace of its own."""
    base = Path(sys.base_prefix).resolve()
    closed = next((parent for parent in reversed(base.parents) if not parent.stat().st_mode & 0o001), None)
    # not of the unit: here Python may lie where only root may look
    reach = (
        f"mount --bind {base} /mnt && mount -t tmpfs -o mode=755 tmpfs {closed} && mkdir -p {base}"
        f" && mount --bind /mnt {base}"
        if closed
        else "true"
    )
    nodes = " ".join(
        f"&& touch {state.parent}/dev/{name} && mount --bind /dev/{name} {state.parent}/dev/{name}" for name in DEVICES
    )
    return f"""set -e
mount --make-rprivate /
{reach}
mkdir -p {state.parent}/dev && mount -t tmpfs -o mode=755 tmpfs {state.parent}/dev {nodes}
mkdir -m 1777 {state.parent}/dev/shm
mount --bind {state} {state}
mount --move {state.parent}/dev /dev
mount -t proc -o hidepid=invisible,subset=pid proc /proc
mount -n -o remount,bind,ro /
"""


DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


@pytest.fixture
def state() -> Iterator[Path]:
    if os.getuid() != 0 or not shutil.which("setpriv") or not shutil.which("systemd-analyze"):
        pytest.skip("root, setpriv and systemd-analyze are needed to build the walls of the unit: nothing was seen")
    if ctypes.util.find_library("seccomp") is None:
        pytest.skip("libseccomp is not installed: the filters of the unit were not built")
    for place in (Path(sys.prefix), ROOT):
        closed = next((one for one in (place, *place.parents) if not one.stat().st_mode & 0o001), None)
        if closed is not None:
            pytest.skip(f"{closed} is closed to the user of the unit, which needs {place}: the unit was not tried")
    # pytest's own folder is closed to other users
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        Path(place).chmod(0o755)
        directory = Path(place) / "state"
        directory.mkdir()
        (directory.parent / "confine.py").write_text(CONFINE)
        (directory.parent / "calls.json").write_text(json.dumps(allowed_calls()))
        (directory / "battles.jsonl").write_text(json.dumps(BATTLE) + "\n")
        for path in (directory, *directory.iterdir()):
            os.chown(path, USER, USER)
        yield directory


def behind_the_walls(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program as the unit would, without capabilities and privileges."""
    drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"]
    drop += ["--bounding-set=-all", "--inh-caps=-all", "unshare", "--user", "--map-current-user"]
    around = {"HOME": state, "GREEN_LOGIC_DATA": state / "data", "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    around |= {f"XDG_{name.upper()}_HOME": state / name for name in ("config", "cache", "state")}
    given = [f"{name}={value}" for name, value in around.items()]
    confine = [sys.executable, str(state.parent / "confine.py"), str(state.parent / "calls.json")]
    inner = shlex.join([*drop, "env", "-i", "-C", str(state), *given, *confine, *words])
    command = ["unshare", "--mount", "--ipc", "--uts", "--fork", "sh", "-c", f"{walls(state)}exec {inner}"]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)


def evidence(state: Path) -> Any:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(state / "data" / "battles.db")) as connection:
        ((raw,),) = connection.execute("SELECT raw_result FROM battles").fetchall()
    return json.loads(raw)


def test_the_walls_stand(state: Path) -> None:
    probe = (
        "import ctypes, os, socket, mmap\n"
        "def refused(call):\n"
        "    try: call()\n"
        "    except OSError as error: return error.errno\n"
        "    return 0\n"
        "print(refused(lambda: open('/etc/x', 'w')), refused(lambda: socket.socket(socket.AF_NETLINK)),"
        " refused(lambda: mmap.mmap(-1, 4096, prot=7)), refused(lambda: socket.sethostname('x')),"
        " os.path.exists('/proc/1'), os.path.exists('/proc/sys'), os.path.exists('/dev/vda'), os.getuid())"
    )
    done = behind_the_walls(state, sys.executable, "-c", probe)
    assert done.stdout.split() == ["30", "97", "1", "1", "False", "False", "False", str(USER)], done.stderr


def test_the_one_control_group_that_is_delegated_is_the_one_that_can_be_written() -> None:
    assert directives("Delegate") == ["memory pids"]
    assert directives("ProtectControlGroups") == ["yes"]
    assert directives("ReadWritePaths") == [f"-/sys/fs/cgroup/system.slice/{UNIT.name}"]


def judge(state: Path) -> Any:
    """Judge one battle behind the walls; what the evidence says of the sandbox."""
    program = str(Path(sys.executable).with_name("green-logic"))
    done = behind_the_walls(state, sys.executable, program, "run", "battles.jsonl", "--local", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["recorded"] == 1
    return evidence(state)["sandbox_result"]["sandbox"]


def test_a_submission_gets_its_namespaces_behind_the_walls_of_the_unit(state: Path) -> None:
    assert judge(state)["backend"] == "namespaces"


def test_where_user_namespaces_are_forbidden_the_unit_leaves_landlock(state: Path) -> None:
    (state.parent / "calls.json").write_text(json.dumps([name for name in allowed_calls() if name != "unshare"]))
    assert judge(state)["backend"] == "landlock"


def test_without_either_nothing_is_judged(state: Path) -> None:
    calls = [name for name in allowed_calls() if name != "unshare" and not name.startswith("landlock")]
    (state.parent / "calls.json").write_text(json.dumps(calls))
    program = str(Path(sys.executable).with_name("green-logic"))
    done = behind_the_walls(state, sys.executable, program, "run", "battles.jsonl", "--local", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "sandbox-unavailable"
    assert not list(state.glob("data/dboms/*"))
