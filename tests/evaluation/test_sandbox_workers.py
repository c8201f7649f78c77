"""What happens when workers die, judges die, machines refuse isolation, and who the user is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ordinary_user import NEEDS_ROOT, ordinary_user

from green_logic.errors import RetryableError, SandboxUnavailableError
from green_logic.evaluation import sandbox as sandbox_module
from green_logic.evaluation.sandbox import Limits, Sandbox

SOURCE = "def f(): return 1"
TESTS = "def test_a(): assert f() == 1"
LIBRARY = str(Path(sandbox_module.__file__).parents[2])
BOTH = pytest.mark.parametrize("backend", ["namespaces", "landlock"])


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the workers of a test have their boxes: nobody else's are there, and every user may go through it."""
    with tempfile.TemporaryDirectory(prefix="green-logic-tests-") as folder:
        Path(folder).chmod(0o711)
        monkeypatch.setenv("TMPDIR", folder)  # of judges in processes of their own
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def sandbox(place: Path) -> Iterator[Sandbox]:
    with Sandbox.open(workers=1) as opened:
        yield opened


def passes(sandbox: Sandbox) -> bool:
    result = sandbox.run_tests(SOURCE, TESTS, kind="own")
    return [outcome.outcome for outcome in result.outcomes] == ["passed"]


def children(pid: int) -> list[int]:
    """Processes that `pid` started and that have not been waited for."""
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]


def descendants(pid: int) -> list[int]:
    return [found for child in children(pid) for found in (child, *descendants(child))]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 20
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, [pid for pid in pids if is_alive(pid)]
        time.sleep(0.01)


def zygotes() -> list[int]:
    # other tests keep children of their own for the whole session; until it has called exec, a zygote looks like us
    own = Path("/proc/self/cmdline").read_bytes()
    found = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children(os.getpid())}
    return [pid for pid, line in found.items() if b"isolation.zygote" in line or line == own]


def boxes() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("green-logic-box-*")}


@BOTH
def test_closing_leaves_no_process_and_no_file(backend: str) -> None:
    files, mounts = boxes(), Path("/proc/self/mounts").read_text()
    with Sandbox.open(workers=2, backend=backend) as opened:
        assert passes(opened)
        assert opened.workers == 2
        pids = zygotes()
    wait_until_gone(pids)
    assert boxes() == files
    assert Path("/proc/self/mounts").read_text() == mounts
    opened.close()
    with pytest.raises(RetryableError, match="closed"):
        passes(opened)


@BOTH
def test_a_job_leaves_no_zombie(backend: str) -> None:
    with Sandbox.open(workers=1, backend=backend) as opened:
        source = "import os\nfor _ in range(5):\n    if os.fork() == 0: os._exit(0)"
        opened.run_tests(source, TESTS, kind="own")
        (zygote,) = zygotes()
        for _ in range(1000):
            if not children(zygote):
                return
            time.sleep(0.01)
        pytest.fail(f"{children(zygote)} are still there")


def test_a_killed_worker_is_no_result_and_is_replaced(sandbox: Sandbox) -> None:
    os.kill(zygotes()[0], signal.SIGKILL)
    with pytest.raises(RetryableError, match="sandbox worker 0: its process ended with -9"):
        passes(sandbox)
    assert passes(sandbox)


@BOTH
def test_a_worker_killed_in_the_middle_of_a_job_is_no_result(backend: str) -> None:
    with Sandbox.open(workers=1, backend=backend) as opened:
        (zygote,) = zygotes()
        tree: list[int] = []

        def kill() -> None:
            while len(tree) < 3:  # supervisor, guest, its child
                tree[:] = descendants(zygote)
                time.sleep(0.01)
            os.kill(zygote, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(RetryableError):
            opened.run_tests("import os, time\nif os.fork() == 0: os.setsid()\ntime.sleep(60)", TESTS, kind="own")
        killer.join()
        wait_until_gone(tree)
        assert passes(opened)


@BOTH
def test_a_killed_supervisor_is_no_result(backend: str) -> None:
    with Sandbox.open(workers=1, backend=backend) as opened:
        (zygote,) = zygotes()
        tree: list[int] = []

        def kill() -> None:
            while len(tree) < 3:
                tree[:] = descendants(zygote)
                time.sleep(0.01)
            os.kill(tree[0], signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(RetryableError):
            opened.run_tests("import os\nif os.fork() == 0: os.setsid()\nwhile True: pass", TESTS, kind="own")
        killer.join()
        wait_until_gone(tree)
        assert passes(opened)


def test_threads_share_the_workers() -> None:
    with Sandbox.open(workers=2) as opened, ThreadPoolExecutor(6) as pool:
        assert all(pool.map(lambda _: passes(opened), range(12)))


def test_workers_ignore_a_ctrl_c_in_the_judges_terminal(sandbox: Sandbox) -> None:
    assert os.getsid(zygotes()[0]) != os.getsid(0)
    assert passes(sandbox)


@BOTH
@pytest.mark.parametrize("busy", [False, True])
def test_a_killed_judge_takes_everything_along(backend: str, busy: bool) -> None:
    files = boxes()
    job = "import os, time\\nif os.fork() == 0: os.setsid()\\ntime.sleep(1); open('x', 'w'); time.sleep(60)"
    script = f"""
    import sys, threading, time
    from green_logic.evaluation.sandbox import Sandbox, Limits
    opened = Sandbox.open(workers=1, backend={backend!r}, limits=Limits(wall_s=60))
    if {busy}:
        threading.Thread(target=lambda: opened.run_tests("{job}", "", kind="own"), daemon=True).start()
    print("ready", flush=True)
    time.sleep(60)
    """
    judge = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": LIBRARY},
    )
    with judge:
        assert judge.stdout is not None
        assert judge.stdout.readline() == b"ready\n"
        deadline = time.monotonic() + 60
        while len(tree := descendants(judge.pid)) < (3 if busy else 1):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        judge.kill()
    wait_until_gone(tree)
    assert boxes() == files


def test_what_isolated_is_described_the_same_every_time() -> None:
    descriptions = []
    for _ in range(2):
        with Sandbox.open(workers=1, limits=Limits(wall_s=3)) as opened:
            descriptions.append(opened.describe())
    assert descriptions[0] == descriptions[1]
    assert descriptions[0]["backend"] in {"namespaces", "landlock"}
    assert descriptions[0]["limits"]["wall_s"] == 3


def test_no_isolation_is_refused_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "BACKENDS", ())
    with pytest.raises(SandboxUnavailableError) as refusal:
        Sandbox.open(workers=1)
    assert "--allow-unsandboxed" in refusal.value.hint
    assert zygotes() == []
    with Sandbox.open(workers=1, allow_unsandboxed=True) as opened:
        assert (opened.backend, opened.describe()["backend"]) == ("none", "none")
        assert passes(opened)
        assert opened.run_tests("while True: pass", TESTS, kind="own", limits=Limits(wall_s=1)).ended == "timeout"


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(SandboxUnavailableError, match="jail"):
        Sandbox.open(workers=1, backend="jail")


CROWDED = """
import os, resource, tempfile
from green_logic.errors import RetryableError, SandboxUnavailableError
from green_logic.evaluation.sandbox import Sandbox
def left():
    processes = open(f"/proc/self/task/{os.getpid()}/children").read().split()
    return len(os.listdir("/proc/self/fd")), processes, os.listdir(tempfile.gettempdir())
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
before, refusals = left(), 0
for room in range(3, 80):
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0] + room, hard))
    try:
        with Sandbox.open(workers=2, backend="landlock"):
            break
    except RetryableError as error:
        refusals += "cannot be started" in error.message
    except SandboxUnavailableError:
        pass  # it was started, and had no room itself
    assert left() == before, (left(), before)
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(refusals > 3, left() == before)
"""


def test_a_worker_that_cannot_be_started_is_no_result_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "boxes"
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": LIBRARY, "TMPDIR": str(folder)}
    result = subprocess.run(
        [sys.executable, "-c", CROWDED], check=False, capture_output=True, text=True, env=environment
    )
    assert result.stdout == "True True\n", result.stderr
    assert list(folder.iterdir()) == []


OPEN = """
from green_logic.evaluation.sandbox import Sandbox
with Sandbox.open(workers=1) as opened:
    run = opened.run_tests("def f(): return 1", "def test_a(): assert f()", kind="own")
    print(opened.backend, [outcome.outcome for outcome in run.outcomes])
"""


def test_without_user_namespaces_landlock_takes_over() -> None:
    forbid = "echo 0 > /proc/sys/user/max_user_namespaces"
    if subprocess.run(["unshare", "-r", "sh", "-c", forbid], check=False, capture_output=True).returncode:
        pytest.skip("cannot forbid user namespaces to a child here")
    command = ["unshare", "-r", "sh", "-c", forbid + ' && exec "$0" -c "$1"', sys.executable, OPEN]
    result = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": LIBRARY}
    )
    assert result.stdout == "landlock ['passed']\n", result.stderr


@NEEDS_ROOT
@BOTH
def test_an_ordinary_user_can_isolate(backend: str) -> None:
    with ordinary_user() as user:
        result = user.run("-c", OPEN.replace("workers=1", f"workers=1, backend={backend!r}"))
    assert result.stdout == f"{backend} ['passed']\n", result.stderr
