"""Control groups: found where they are ours, bound for each job, and gone when their judge is.

Most tests here need a machine that lets this process make groups (v1 as root, or v2 that was delegated, as under
`systemd-run -p Delegate=yes`, with or without `--user`) and skip elsewhere. The rules of finding them are tested on a
tree of files.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ordinary_user import NEEDS_ROOT, USER, ordinary_user

from green_logic.evaluation import sandbox as sandbox_module
from green_logic.evaluation.isolation import cgroups
from green_logic.evaluation.isolation.cgroups import (
    JUDGES,
    PREFIX,
    WorkerGroup,
    find_obstacle,
    find_parents,
    make_group,
)
from green_logic.evaluation.isolation.group import open_group
from green_logic.evaluation.sandbox import Limits, Sandbox

LIBRARY = str(Path(sandbox_module.__file__).parents[2])
HONEST = "def work(): return 1"
TESTS = "from solution import work\ndef test_a(): assert work() == 1"
MEGABYTE = 1 << 20
BOTH = pytest.mark.parametrize("backend", ["namespaces", "landlock"])
# 10 GB in 25 processes, each of them within its address space
HOG = """
import os, time
def work():
    for _ in range(25):
        if os.fork() == 0:
            block = bytearray(400 << 20)
            for place in range(0, len(block), 4096): block[place] = 1
            time.sleep(60)
    time.sleep(60)
    return 1
"""
BOMB = """
import os
def work():
    while True:
        try:
            os.fork()
        except OSError:
            pass
"""


@pytest.fixture
def group() -> Iterator[WorkerGroup]:
    made = make_group()
    if made is None:
        pytest.skip("this process may not make control groups here")
    yield made
    made.remove()


def opened(backend: str) -> Sandbox:
    sandbox = Sandbox.open(workers=1, backend=backend)
    if "cgroup" not in str(sandbox.describe()["memory"]):
        sandbox.close()
        pytest.skip("this process may not make control groups here")
    return sandbox


def directories(sandbox: Sandbox) -> list[Path]:
    worker = sandbox._all[0].worker
    assert worker is not None
    assert worker._group is not None
    return [Path(directory) for directory in worker._group.directories]


def number_in(directory: Path, *names: str) -> int:
    return next(int((directory / name).read_text()) for name in names if (directory / name).exists())


@BOTH
@pytest.mark.parametrize("kind", ["own", "hidden"])
def test_ten_gigabytes_end_as_a_memory_limit(backend: str, kind: str) -> None:
    with opened(backend) as sandbox:
        run = sandbox.run_tests(HOG, TESTS, kind=kind, limits=Limits(wall_s=60))  # type: ignore[arg-type]
        assert (run.ended, run.detail) == ("crashed", f"more than {512 * MEGABYTE} bytes of memory")
        assert not [outcome for outcome in run.outcomes if outcome.outcome == "passed"]
        memory = directories(sandbox)[0]
        assert number_in(memory, "memory.max", "memory.limit_in_bytes") == 512 * MEGABYTE
        after = sandbox.run_tests(HONEST, TESTS, kind="hidden")
        assert [outcome.outcome for outcome in after.outcomes] == ["passed"]


@BOTH
def test_a_hog_among_the_children_ends_the_run_though_its_parent_lives(backend: str) -> None:
    source = HOG.replace("    time.sleep(60)\n    return 1", "    os.waitpid(-1, 0)\n    return 1")
    assert source != HOG
    with opened(backend) as sandbox:
        run = sandbox.run_tests(source, TESTS, kind="hidden", limits=Limits(wall_s=60))
        assert (run.ended, run.detail) == ("crashed", f"more than {512 * MEGABYTE} bytes of memory")


@BOTH
def test_a_fork_bomb_stays_within_the_group(backend: str) -> None:
    limits = Limits(wall_s=2, processes=30)
    with opened(backend) as sandbox:
        run = sandbox.run_tests(BOMB, TESTS, kind="hidden", limits=limits)
        assert run.ended == "timeout"
        pids = directories(sandbox)[-1]
        assert number_in(pids, "pids.max") == 60  # what both guests of a split job may have
        assert (pids / "cgroup.procs").read_text() == ""
        assert sandbox.run_tests(HONEST, TESTS, kind="hidden").outcomes[0].outcome == "passed"


@BOTH
def test_limits_go_up_and_down_from_job_to_job(backend: str) -> None:
    with opened(backend) as sandbox:
        memory = directories(sandbox)[0]
        for megabytes in (512, 300, 700, 300):
            limits = Limits(memory_bytes=megabytes * MEGABYTE)
            assert sandbox.run_tests(HONEST, TESTS, kind="hidden", limits=limits).ended == "finished"
            assert number_in(memory, "memory.max", "memory.limit_in_bytes") == megabytes * MEGABYTE


def test_a_guest_is_in_its_workers_group_and_the_judge_is_not() -> None:
    with opened("landlock") as sandbox:
        run = sandbox.run_tests("def work(): return 1", "def test_a(): open('/proc/self/cgroup').read()", kind="own")
        assert run.outcomes[0].outcome == "failed"  # a guest does not even see which group it is in
        for directory in directories(sandbox):
            assert str(os.getpid()) not in (directory / "cgroup.procs").read_text().split()
            source = "import time\ndef work(): time.sleep(0.5); import threading; threading.Event().wait(1); return 1"
            seen = watch_members(directory, sandbox, source)
            assert len(seen) >= 2  # the solution's process and the tests'


def watch_members(directory: Path, sandbox: Sandbox, source: str) -> set[str]:
    import threading

    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.update((directory / "cgroup.procs").read_text().split())

    thread = threading.Thread(target=look)
    thread.start()
    sandbox.run_tests(source, TESTS, kind="hidden")
    over.set()
    thread.join()
    return seen


@BOTH
def test_closing_removes_the_group(backend: str) -> None:
    with opened(backend) as sandbox:
        assert sandbox.run_tests(HONEST, TESTS, kind="hidden").ended == "finished"
        made = directories(sandbox)
        assert all(directory.is_dir() for directory in made)
    assert not any(directory.exists() for directory in made)


def test_what_a_killed_judge_left_is_removed_by_the_next_start(group: WorkerGroup) -> None:
    script = f"""
    import time
    from green_logic.evaluation.sandbox import Sandbox
    opened = Sandbox.open(workers=1)
    print(*opened._all[0].worker._group.directories, flush=True)
    opened.run_tests({HONEST + chr(10) + "import time; __import__('threading').Event().wait()"!r}, "", kind="own")
    """
    judge = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": LIBRARY},
    )
    with judge:
        assert judge.stdout is not None
        left = [Path(directory) for directory in judge.stdout.readline().split()]
        assert left
        deadline = time.monotonic() + 60
        while not (left[0] / "cgroup.procs").read_text() and time.monotonic() < deadline:
            time.sleep(0.01)
        # a living judge's group is locked and stays
        for directory in left:
            cgroups.remove_abandoned(directory.parent)
        assert all(directory.is_dir() for directory in left)
        judge.send_signal(signal.SIGKILL)
    again = make_group()
    assert again is not None
    again.remove()
    assert not any(directory.exists() for directory in left)
    assert all(Path(directory).is_dir() for directory in group.directories)


def test_a_process_left_in_an_abandoned_group_is_ended(group: WorkerGroup) -> None:
    left = Path(group.directories[0]).with_name(f"{PREFIX}1-abandoned")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as daemon:
        left.mkdir()  # not earlier: whoever starts a sandbox on this machine would remove it
        (left / "cgroup.procs").write_text(str(daemon.pid))
        cgroups.remove_abandoned(left.parent)
        assert daemon.wait(20) == -signal.SIGKILL
    for _ in range(200):
        cgroups.remove_abandoned(left.parent)
        if not left.exists():
            return
        time.sleep(0.01)
    pytest.fail("it is still there")


def test_each_worker_has_a_group_of_its_own(group: WorkerGroup) -> None:
    other = make_group()
    assert other is not None
    assert not set(other.directories) & set(group.directories)
    other.remove()
    assert not any(Path(directory).exists() for directory in other.directories)


def test_cgroup_v2_binds_where_it_is_delegated(group: WorkerGroup) -> None:
    if len(group.directories) > 1:
        pytest.skip("cgroup v2 is not delegated to this process: run under systemd-run --user -p Delegate=yes")
    directory = Path(group.directories[0])
    bound = open_group([str(directory)])
    bound.set_limits(Limits(memory_bytes=300 * MEGABYTE, processes=7))
    assert (directory / "memory.max").read_text() == f"{300 * MEGABYTE}\n"
    assert (directory / "memory.swap.max").read_text() == "0\n"
    assert (directory / "memory.oom.group").read_text() == "1\n"
    assert (directory / "pids.max").read_text() == "14\n"
    assert (directory.parent / "cgroup.procs").read_text() == ""


def test_without_a_group_the_memory_of_all_descendants_is_watched() -> None:
    """What binds where no group can be made; pages that parent and child share count once."""
    script = """
import mmap, os, sys
from green_logic.evaluation.isolation.memory import measure_memory, takes_more_than
shared = mmap.mmap(-1, 100 << 20)
ready, done = os.pipe(), os.pipe()
def child(own_bytes):
    for memory in (shared, mmap.mmap(-1, own_bytes)):
        for place in range(0, len(memory), 4096): memory[place] = 1
    os.close(done[1])
    os.write(ready[1], b"x")
    os.read(done[0], 1)  # until the parent has ended
    os._exit(0)
for own_bytes in (60 << 20, 40 << 20):
    if os.fork() == 0: child(own_bytes)
for _ in range(2): os.read(ready[0], 1)
proc = os.open("/proc", os.O_RDONLY)
taken = measure_memory(proc)
print(100 << 20 < taken < 230 << 20, takes_more_than(proc, 100 << 20), takes_more_than(proc, 250 << 20))
print(takes_more_than(proc, taken + (20 << 20)))
"""
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": LIBRARY},
    )
    assert result.stdout == "True True False\nFalse\n", result.stderr


# --- the rules, on a tree of files: what the kernel would make is there already


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A process in the group /app of a v2 hierarchy that systemd has delegated."""
    proc = tmp_path / "proc"
    proc.mkdir()
    (proc / "cgroup").write_text("0::/app\n")
    (proc / "mountinfo").write_text(
        "22 1 0:20 / /proc rw - proc proc rw\n"
        f"30 23 0:26 / {tmp_path}/unified rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
    )
    make_v2(tmp_path / "unified", "", controllers="cpu memory pids")
    make_v2(tmp_path / "unified/app", "41\n", controllers="memory pids")
    make_v2(tmp_path / "unified/app" / JUDGES, "")
    delegate(tmp_path / "unified/app")
    return tmp_path


def make_v2(directory: Path, processes: str, controllers: str = "") -> None:
    directory.mkdir(exist_ok=True)
    (directory / "cgroup.procs").write_text(processes)
    (directory / "cgroup.controllers").write_text(f"{controllers}\n")
    (directory / "cgroup.subtree_control").write_text("\n")


def delegate(directory: Path) -> None:
    try:
        os.setxattr(directory, "user.delegate", b"1")
    except OSError as error:
        pytest.skip(f"no attributes on this file system: {error}")


def test_everything_moves_to_a_child_before_controllers_are_enabled(tree: Path) -> None:
    assert find_parents(tree / "proc") == [tree / "unified/app"]
    assert (tree / f"unified/app/{JUDGES}/cgroup.procs").read_text() == "41"
    assert (tree / "unified/app/cgroup.subtree_control").read_text() == "+memory +pids"


def test_the_second_worker_finds_the_parent_of_the_first(tree: Path) -> None:
    (tree / "proc/cgroup").write_text(f"0::/app/{JUDGES}\n")
    (tree / "unified/app/cgroup.subtree_control").write_text("memory pids\n")
    assert find_parents(tree / "proc") == [tree / "unified/app"]
    assert (tree / f"unified/app/{JUDGES}/cgroup.procs").read_text() == ""
    assert (tree / "unified/app/cgroup.subtree_control").read_text() == "memory pids\n"


def test_a_service_that_systemd_starts_in_the_child_is_the_same(tree: Path) -> None:
    """DelegateSubgroup=judges: the parent is empty, and its controllers are still to be enabled."""
    (tree / "proc/cgroup").write_text(f"0::/app/{JUDGES}\n")
    (tree / "unified/app/cgroup.procs").write_text("")
    assert find_parents(tree / "proc") == [tree / "unified/app"]
    assert (tree / "unified/app/cgroup.subtree_control").read_text() == "+memory +pids"


def test_a_container_that_sees_only_its_own_groups_may_divide_them(tree: Path) -> None:
    (tree / "proc/cgroup").write_text("0::/\n")
    (tree / "unified/cgroup.type").write_text("domain\n")
    make_v2(tree / "unified" / JUDGES, "")
    assert find_parents(tree / "proc") == [tree / "unified"]


@pytest.fixture
def manager(tree: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A `systemctl` that says of the unit /app what a user's systemd would, which marks no group."""
    app = f"user@{os.geteuid()}.service/app.slice/{request.node.name}.service"
    (tree / "unified/app").rename(tree / "unified/left")
    (tree / "unified" / app).parent.mkdir(parents=True)
    (tree / "unified/left").rename(tree / "unified" / app)
    (tree / "unified/app").symlink_to(app)
    os.removexattr(tree / "unified/app", "user.delegate")
    (tree / "proc/cgroup").write_text(f"0::/{app}\n")
    monkeypatch.setenv("PATH", str(tree / "bin"))
    (tree / "bin").mkdir()
    return tree / "bin/systemctl"


def answer(manager: Path, script: str) -> None:
    manager.write_text(f'#!/bin/sh\necho "$@" >> "$0.asked"\n{script}\n')
    manager.chmod(0o755)


def test_a_users_unit_may_be_divided_when_its_manager_says_so(tree: Path, manager: Path) -> None:
    answer(manager, "echo yes")
    unit = (tree / "unified/app").resolve()
    assert find_parents(tree / "proc") == [unit]
    assert (unit / "cgroup.subtree_control").read_text() == "+memory +pids"
    (tree / "proc/cgroup").write_text(f"0::/{unit.relative_to(tree / 'unified')}/{JUDGES}\n")
    assert find_parents(tree / "proc") == [unit]
    asked = manager.with_name("systemctl.asked").read_text()
    assert asked == f"--user show --property=Delegate --value -- {unit.name}\n"  # once, for all workers


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("echo no", id="not-delegated"),
        pytest.param("echo Failed to connect to bus >&2; exit 1", id="no-bus"),
        pytest.param("", id="no-word"),
        pytest.param("exec /bin/sleep 60", id="no-answer"),
        pytest.param(None, id="no-systemctl"),
    ],
)
def test_a_users_unit_is_left_alone_otherwise(
    tree: Path, manager: Path, script: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "ASK_S", 0.5)
    if script is not None:
        answer(manager, script)
    before = snapshot(tree / "unified")
    assert find_parents(tree / "proc") == []
    assert make_group(tree / "proc") is None
    assert snapshot(tree / "unified") == before


OBSTACLE = """
import pathlib, sys
from green_logic.evaluation.isolation.cgroups import find_obstacle, make_group
print(find_obstacle(pathlib.Path(sys.argv[1])))
print(make_group(pathlib.Path(sys.argv[1])))
"""
FIND = """
import pathlib, sys
from green_logic.evaluation.isolation.cgroups import find_parents
print(*find_parents(pathlib.Path(sys.argv[1])))
"""


@NEEDS_ROOT
@pytest.mark.parametrize(
    ("roots", "is_ours"),
    [
        pytest.param((), True, id="given"),
        pytest.param(("app",), False, id="not-the-group"),
        pytest.param(("app/cgroup.procs",), False, id="not-its-processes"),
        pytest.param(("app/cgroup.subtree_control",), False, id="not-its-controllers"),
    ],
)
def test_a_group_that_was_given_to_an_ordinary_user_is_its_own(
    tree: Path, roots: tuple[str, ...], *, is_ours: bool
) -> None:
    os.removexattr(tree / "unified/app", "user.delegate")
    with ordinary_user() as user:
        seen = give(tree, user.folder, roots)
        before = snapshot(seen / "unified")
        result = user.run("-c", FIND, str(seen / "proc"))
        assert (result.returncode, result.stdout.split()) == (0, [str(seen / "unified/app")] if is_ours else [])
        assert (snapshot(seen / "unified") == before) is not is_ours


@NEEDS_ROOT
def test_a_group_in_a_tree_of_ones_own_was_not_given(tree: Path) -> None:
    """As in a session whose manager divides it already."""
    os.removexattr(tree / "unified/app", "user.delegate")
    with ordinary_user() as user:
        seen = give(tree, user.folder, ())
        os.chown(seen / "unified", USER, USER)
        assert user.run("-c", FIND, str(seen / "proc")).stdout == "\n"
        os.setxattr(seen / "unified/app", "user.delegate", b"0")
        os.chown(seen / "unified", 0, 0)
        assert user.run("-c", FIND, str(seen / "proc")).stdout == "\n"


@NEEDS_ROOT
def test_nothing_is_given_to_root_who_owns_everything(tree: Path) -> None:
    os.removexattr(tree / "unified/app", "user.delegate")
    os.chown(tree / "unified", USER, USER)
    assert find_parents(tree / "proc") == []


def give(tree: Path, folder: Path, roots: tuple[str, ...]) -> Path:
    """The tree where an ordinary user sees it, who owns the group /app but for what is in `roots`; where that is."""
    target = folder / "machine"
    shutil.copytree(tree, target)
    target.chmod(0o755)  # pytest keeps its own closed
    (target / "proc/mountinfo").write_text((tree / "proc/mountinfo").read_text().replace(str(tree), str(target)))
    for path in (target / "unified/app", *(target / "unified/app").rglob("*")):
        os.chown(path, USER, USER)
    for name in roots:
        os.chown(target / "unified" / name, 0, 0)
    return target


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda tree: os.removexattr(tree / "unified/app", "user.delegate"), "nobody delegated it"),
        (lambda tree: os.setxattr(tree / "unified/app", "user.delegate", b"0"), "it was taken back"),
        (lambda tree: (tree / "unified/app/cgroup.controllers").write_text("cpu pids\n"), "no memory controller"),
        (lambda tree: (tree / "unified/app/cgroup.controllers").write_text("memory\n"), "no pids controller"),
        (lambda tree: (tree / "proc/cgroup").write_text("0::/\n"), "the root of the whole machine"),
        (lambda tree: (tree / "proc/cgroup").write_text(""), "no group at all"),
        (lambda tree: (tree / "proc/mountinfo").write_text(""), "nothing mounted"),
    ],
)
def test_a_group_that_is_not_ours_is_left_alone(tree: Path, change: object, why: str) -> None:
    assert callable(change), why
    change(tree)
    before = snapshot(tree / "unified")
    assert find_obstacle(tree / "proc")
    assert find_parents(tree / "proc") == []
    assert make_group(tree / "proc") is None
    assert snapshot(tree / "unified") == before


# --- what is told of them


def test_asking_for_the_obstacle_changes_nothing_where_there_is_none(tree: Path) -> None:
    before = snapshot(tree / "unified")
    assert find_obstacle(tree / "proc") == ""
    assert snapshot(tree / "unified") == before
    find_parents(tree / "proc")
    (tree / "proc/cgroup").write_text(f"0::/app/{JUDGES}\n")  # where the first worker has moved us
    assert find_obstacle(tree / "proc") == ""


def test_a_group_that_nobody_delegated_is_named_with_the_directive(tree: Path) -> None:
    os.removexattr(tree / "unified/app", "user.delegate")
    assert find_obstacle(tree / "proc") == f"{tree}/unified/app is not delegated (in its unit: Delegate=memory pids)"


def test_a_group_in_a_slice_that_the_unit_does_not_name_is_named(tree: Path) -> None:
    """ProtectControlGroups= makes all groups read-only but for the path in ReadWritePaths=, which is another one."""
    mount = f"mount --bind {tree}/unified {tree}/unified && mount -o remount,bind,ro {tree}/unified"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let us mount: nothing was seen")
    command = ["unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh", sys.executable, "-c", OBSTACLE]
    done = subprocess.run([*command, str(tree / "proc")], check=True, capture_output=True, text=True)
    group = f"{tree}/unified/app"
    assert done.stdout == f"{group} cannot be written (in its unit: ReadWritePaths=-{group})\nNone\n"


def test_where_there_is_nothing_or_nothing_can_be_read_that_is_told(tree: Path) -> None:
    (tree / "proc/mountinfo").write_text("")
    assert find_obstacle(tree / "proc") == "this process sees none with memory and pids"
    (tree / "proc/cgroup").unlink()
    assert find_obstacle(tree / "proc") == f"{tree}/proc/cgroup cannot be read"


@pytest.mark.parametrize("broken", ["cgroup.controllers", "cgroup.procs", "cgroup.subtree_control"])
def test_a_group_that_cannot_be_divided_is_no_group(tree: Path, broken: str) -> None:
    (tree / "unified/app" / broken).unlink()
    (tree / "unified/app" / broken).mkdir()  # whatever is done with it is an error
    assert make_group(tree / "proc") is None
    assert not list((tree / "unified/app").glob(f"{PREFIX}*"))


def test_a_mount_of_another_part_of_the_tree_is_not_ours(tree: Path) -> None:
    mounts = (tree / "proc/mountinfo").read_text()
    (tree / "proc/mountinfo").write_text(mounts.replace("0:26 / ", "0:26 /other "))
    assert find_parents(tree / "proc") == []


def test_a_mount_of_our_part_is_taken_as_that(tree: Path) -> None:
    mounts = (tree / "proc/mountinfo").read_text()
    (tree / "proc/mountinfo").write_text(mounts.replace("0:26 / ", "0:26 /docker/1 "))
    (tree / "proc/cgroup").write_text("0::/docker/1/app\n")
    assert find_parents(tree / "proc") == [tree / "unified/app"]


def test_mounts_of_others_may_have_any_name_or_none(tree: Path) -> None:
    ours = (tree / "proc/mountinfo").read_bytes()
    others = b"23 1 0:21 / /mnt/caf\xe9\x0c rw - tmpfs  rw\n24 1 0:22 / /x rw shared:1 - cgroup2  rw\n"
    (tree / "proc/mountinfo").write_bytes(others + ours)
    assert find_parents(tree / "proc") == [tree / "unified/app"]


def test_v1_needs_both_controllers(tree: Path) -> None:
    (tree / "proc/cgroup").write_text("4:memory:/a\n5:pids:/b\n9:name=systemd:/c\n")
    memory = f"31 23 0:27 / {tree}/memory rw - cgroup cgroup rw,memory\n"
    pids = f"32 23 0:28 / {tree}/pids rw - cgroup cgroup rw,pids\n"
    for mounts in (memory, pids):
        (tree / "proc/mountinfo").write_text(mounts)
        assert find_parents(tree / "proc") == []
    (tree / "proc/mountinfo").write_text(memory + pids)
    assert find_parents(tree / "proc") == [tree / "memory/a", tree / "pids/b"]


def test_a_group_that_was_made_in_part_is_removed(tree: Path) -> None:
    (tree / "proc/cgroup").write_text("4:memory:/\n5:pids:/missing\n")
    (tree / "memory").mkdir()
    (tree / "proc/mountinfo").write_text(
        f"31 23 0:27 / {tree}/memory rw - cgroup cgroup rw,memory\n"
        f"32 23 0:28 / {tree}/pids rw - cgroup cgroup rw,pids\n"
    )
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    assert make_group(tree / "proc") is None
    assert list((tree / "memory").iterdir()) == []
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_a_locked_group_is_never_removed(tmp_path: Path) -> None:
    held = tmp_path / f"{PREFIX}1-a"
    for directory in (held, tmp_path / "someone-elses"):
        directory.mkdir()
    lock = os.open(held, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    (held / "cgroup.procs").write_text("")
    cgroups.remove_abandoned(tmp_path)
    os.close(lock)
    assert held.is_dir()
    assert (tmp_path / "someone-elses").is_dir()


def test_a_process_that_another_namespace_hides_is_no_reason_to_end_ourselves(tmp_path: Path) -> None:
    left = tmp_path / f"{PREFIX}1-a"
    left.mkdir()
    (left / "cgroup.procs").write_text("0\n")
    script = (
        "import pathlib, sys; from green_logic.evaluation.isolation.cgroups import remove_abandoned;"
        "remove_abandoned(pathlib.Path(sys.argv[1])); print('alive')"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": LIBRARY},
        start_new_session=True,
    )
    assert (result.returncode, result.stdout) == (0, "alive\n")
    assert (left / "cgroup.procs").read_text() == "0\n"


def snapshot(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in folder.rglob("*") if path.is_file()}
