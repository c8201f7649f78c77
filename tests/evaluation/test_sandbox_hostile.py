"""What hostile submissions and tests cannot do, under each backend that isolates."""

from __future__ import annotations

import contextlib
import os
import socket
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from green_logic.errors import SandboxUnavailableError
from green_logic.evaluation.sandbox import Limits, Sandbox, TestRun

QUICK = Limits(wall_s=1.5, processes=32)


@pytest.fixture(scope="module", params=["namespaces", "landlock"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    try:
        opened = Sandbox.open(workers=1, backend=request.param)
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
    with opened:
        yield opened
        # whatever the tests did to it, an honest run is still judged right
        honest = opened.run_tests("def f(): return 1", "def test_a(): assert f() == 1", kind="own")
        assert [outcome.outcome for outcome in honest.outcomes] == ["passed"]


def run(sandbox: Sandbox, tests: str, source: str = "", limits: Limits | None = None) -> TestRun:
    return sandbox.run_tests(textwrap.dedent(source), textwrap.dedent(tests), kind="own", limits=limits)


def assert_all_passed(result: TestRun) -> None:
    assert result.ended == "finished", (result.detail, result.output)
    assert {outcome.outcome for outcome in result.outcomes} == {"passed"}, result.outcomes


def commands() -> str:
    """Command lines of everything that runs on this machine."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
    return "\n".join(found)


@pytest.mark.parametrize(
    ("source", "tests"),
    [
        ("import os; os._exit(0)", "def test_a(): assert False"),
        ("import os\ndef f(): os._exit(0)", "def test_a(): f(); assert False"),
        ("import ctypes", "def test_a(): import ctypes; ctypes.CDLL(None).exit(0)"),
        ("import os, signal", "def test_a(): os.abort()"),
        ("", "import pytest\ndef test_a(): pytest.exit('5 passed', 0)"),
        ("", "def test_a(): raise KeyboardInterrupt"),
    ],
)
def test_a_submission_that_exits_gains_nothing(sandbox: Sandbox, source: str, tests: str) -> None:
    result = run(sandbox, tests, source)
    assert result.ended == "crashed"
    assert all(outcome.outcome != "passed" for outcome in result.outcomes)


def test_printed_results_gain_nothing(sandbox: Sandbox) -> None:
    source = """
    import os, sys
    print("===== 5 passed in 0.01s =====")
    record = b'{"test": "test_b", "outcome": "passed", "message": ""}\\n{"end": "finished", "detail": ""}\\n'
    os.write(1, record); os.write(2, record)
    """
    result = run(sandbox, "def test_a(): assert False", source)
    assert [(outcome.name, outcome.outcome) for outcome in result.outcomes] == [("test_a", "failed")]
    assert "5 passed" in result.output


def test_garbage_on_every_descriptor_is_a_crash(sandbox: Sandbox) -> None:
    source = """
    import os
    for descriptor in range(256):
        try: os.write(descriptor, b"garbage" * 10 + b"\\n")
        except OSError: pass
    """
    result = run(sandbox, "def test_a(): pass", source)
    assert result.ended == "crashed"
    assert result.outcomes == ()


def test_a_loop_that_ignores_signals_ends_at_the_wall_limit(sandbox: Sandbox) -> None:
    tests = """
    import signal
    def test_a(): pass
    def test_b():
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        while True: pass
    """
    result = run(sandbox, tests, limits=QUICK)
    assert (result.ended, result.detail) == ("timeout", "wall time limit of 1.5 s")
    assert [outcome.name for outcome in result.outcomes] == ["test_a"]


def test_cpu_time_is_bounded(sandbox: Sandbox) -> None:
    result = run(sandbox, "", "while True: pass", Limits(wall_s=60, cpu_s=1))
    assert (result.ended, result.detail) == ("timeout", "CPU time limit of 1 s")


def test_a_fork_bomb_is_bounded_and_gone_afterwards(sandbox: Sandbox) -> None:
    source = """
    import os, time
    count = 0
    while True:
        try:
            if os.fork() == 0: time.sleep(100); os._exit(0)
            count += 1
        except OSError: break
        if count > 500: break
    """
    result = run(sandbox, "def test_a(): assert 0 < count < 64", source, Limits(processes=QUICK.processes))
    assert_all_passed(result)
    real_bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    assert run(sandbox, "", real_bomb, QUICK).ended == "timeout"


def test_memory_is_bounded(sandbox: Sandbox) -> None:
    tests = """
    import pytest
    def test_a():
        with pytest.raises(MemoryError): bytearray(10 << 30)
    """
    assert_all_passed(run(sandbox, tests))


def test_memory_of_all_processes_together_is_bounded(sandbox: Sandbox) -> None:
    source = """
    import os, time
    for _ in range(8):
        if os.fork() == 0:
            held = bytearray(os.urandom(1 << 20) * 200)
            time.sleep(60)
    time.sleep(60)
    """
    result = run(sandbox, "", source, Limits(wall_s=30))
    assert (result.ended, result.detail) == ("crashed", f"more than {512 << 20} bytes of memory")


def test_a_flood_of_output_ends_the_run(sandbox: Sandbox) -> None:
    result = run(sandbox, "", "import os\nwhile True: os.write(1, b'x' * 65536)", Limits(wall_s=30))
    assert result.ended == "output_limit"
    assert len(result.output) <= 2000


def test_output_cannot_drive_a_terminal(sandbox: Sandbox) -> None:
    assert "\x1b" not in run(sandbox, "def test_a(): print('\\x1b]0;owned\\x07')").output


def test_a_flood_of_results_ends_the_run(sandbox: Sandbox) -> None:
    tests = """
    import pytest
    @pytest.mark.parametrize("n", range(20))
    def test_a(n): pass
    def test_b():
        import os
        for descriptor in range(200, 256):
            try:
                while True: os.write(descriptor, b"x" * 65536)
            except OSError: pass
    """
    result = run(sandbox, tests, limits=Limits(wall_s=30))
    assert (result.ended, result.detail) == ("crashed", "results too large")


def test_the_disk_is_bounded(sandbox: Sandbox) -> None:
    source = """
    try:
        for number in range(100):
            with open(f"file{number}", "wb") as file: file.write(bytes(8 << 20))
    except OSError: pass
    """
    tests = """
    import os, threading
    def test_a():
        threading.Event().wait(1.0)
        assert sum(os.path.getsize(name) for name in os.listdir(".")) <= 33 << 20
    def test_one_file_is_bounded():
        for name in os.listdir("."):
            if name.startswith("file"): os.remove(name)
        try:
            with open("big", "wb") as file: file.write(bytes(20 << 20))
        except OSError: return
        assert False
    """
    result = run(sandbox, tests, source)
    if sandbox.backend == "namespaces":
        assert_all_passed(result)
    else:
        assert (result.ended, result.detail) == ("crashed", f"more than {32 << 20} bytes of files")


def test_a_box_that_resists_is_emptied(sandbox: Sandbox) -> None:
    source = """
    import os
    os.mkdir("closed"); open("closed/file", "w").close(); os.mkdir("closed/inner", 0)
    os.symlink("/", "root"); os.symlink("closed", "link"); open(b"\\xff\\n", "w").close()
    top = os.open(".", os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d")
        os.chdir("d")
    os.fchdir(top)
    """
    for _ in range(2):
        # the second run would meet what the first one left
        assert run(sandbox, "def test_a(): pass", source).ended in {"finished", "crashed"}


def test_files_of_the_host_cannot_be_read(sandbox: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "battles.db"
    secret.write_text("secret")
    secret.chmod(0o666)
    tmp_path.chmod(0o777)
    paths = [
        str(secret),
        "/etc/shadow",
        "/etc/passwd",
        "/root",
        "/home",
        "/var/lib",
        "/proc/1/environ",
        "/proc/self/mem",
    ]
    paths += [f"/proc/{os.getpid()}/environ", "/sys/class", "/dev/kmsg", "/dev/mem", str(Path(__file__))]
    tests = f"""
    import os, pytest
    @pytest.mark.parametrize("path", {paths!r})
    def test_a(path):
        with pytest.raises(OSError): os.close(os.open(path, os.O_RDONLY))
        with pytest.raises(OSError): os.close(os.open(path, os.O_WRONLY))
        with pytest.raises(OSError): os.chmod(path, 0o600)
        with pytest.raises(OSError): os.unlink(path)
    """
    assert_all_passed(run(sandbox, tests))
    assert secret.read_text() == "secret"
    assert secret.stat().st_mode & 0o777 == 0o666


def test_what_guests_share_cannot_be_changed(sandbox: Sandbox) -> None:
    tests = """
    import os, pytest, sys
    @pytest.mark.parametrize("path", ["/x", "/usr/x", os.__file__, pytest.__file__, sys.executable,
                                      os.path.dirname(pytest.__file__) + "/x.py", "/dev/x", "/proc/x", "/box/../x"])
    def test_a(path):
        with pytest.raises(OSError): os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
    """
    assert_all_passed(run(sandbox, tests))


def test_the_judges_environment_and_packages_are_out_of_sight(sandbox: Sandbox) -> None:
    tests = """
    import os
    def test_environment():
        assert set(os.environ) <= {"PATH", "HOME", "USER", "LOGNAME", "TZ", "LC_ALL", "PYTHONHASHSEED", "TMPDIR",
                                   "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_",
                                   "MALLOC_TOP_PAD_", "PYTEST_CURRENT_TEST", "PYTEST_VERSION"}
    def test_packages():
        assert found == []
    """
    source = """
    import sys
    found = [name for name in ("pydantic", "prefect", "numpy", "yaml") if name in sys.modules]
    for name in ("pydantic", "prefect", "numpy", "yaml"):
        try: __import__(name); found.append(name)
        except ImportError: pass
    """
    assert_all_passed(run(sandbox, tests, source))


def test_no_packet_leaves(sandbox: Sandbox) -> None:
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        datagrams.bind(("127.0.0.1", 0))
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        name = f"\0green-logic-{os.getpid()}"
        abstract.bind(name)
        abstract.listen()
        for listener in (stream, datagrams, abstract):
            listener.setblocking(False)
        tests = f"""
        import pytest, socket
        @pytest.mark.parametrize("family, kind, address", [
            (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", {stream.getsockname()[1]})),
            (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", {datagrams.getsockname()[1]})),
            (socket.AF_UNIX, socket.SOCK_STREAM, {name!r}),
            (socket.AF_INET, socket.SOCK_RAW, ("127.0.0.1", 1)),
            (socket.AF_NETLINK, socket.SOCK_RAW, (0, 0)),
        ])
        def test_a(family, kind, address):
            with pytest.raises(OSError):
                with socket.socket(family, kind) as s:
                    s.connect(address)
                    s.send(b"out")
        """
        assert_all_passed(run(sandbox, tests))
        for listener in (stream, abstract):
            with pytest.raises(BlockingIOError):
                listener.accept()
        with pytest.raises(BlockingIOError):
            datagrams.recv(100)


def test_unix_sockets_of_the_host_are_out_of_reach(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0o777)
        listener.listen()
        listener.setblocking(False)
        tests = f"""
        import pytest, socket
        def test_a():
            with pytest.raises(OSError):
                with socket.socket(socket.AF_UNIX) as s: s.connect({str(path)!r})
        """
        assert_all_passed(run(sandbox, tests))
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_no_signal_reaches_the_judge(sandbox: Sandbox) -> None:
    tests = f"""
    import ctypes, fcntl, os, pytest, resource, signal, socket
    def test_others():
        for pid in ({os.getpid()}, {os.getppid()}, os.getppid() or 99999):
            with pytest.raises(OSError): os.kill(pid, signal.SIGKILL)
            with pytest.raises(OSError): resource.prlimit(pid, resource.RLIMIT_CPU, (0, 0))
    def test_by_descriptor():
        a, b = socket.socketpair()
        with pytest.raises(OSError): fcntl.fcntl(a, fcntl.F_SETOWN, {os.getpid()})
        with pytest.raises(OSError): fcntl.fcntl(a, 10, signal.SIGKILL)
    def test_everyone():
        for target in (-1, 0):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            try: os.kill(target, signal.SIGTERM)
            except OSError: pass
    """
    assert_all_passed(run(sandbox, tests))
    for target in ("-1", "0", "os.getppid()", "-os.getpgrp()"):
        result = run(
            sandbox, "def test_a(): pass", f"import os, signal\ntry: os.kill({target}, 9)\nexcept OSError: pass", QUICK
        )
        assert result.ended in {"finished", "crashed"}


def test_a_daemon_is_gone_when_its_job_ends(sandbox: Sandbox) -> None:
    source = """
    import os, subprocess
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv("/bin/sleep", ["sleep", "48151623"])
        os._exit(0)
    os.wait()
    """
    assert_all_passed(run(sandbox, "def test_a(): pass", source))
    assert "48151623" not in commands()


def test_a_daemon_is_gone_when_its_job_is_killed(sandbox: Sandbox) -> None:
    source = """
    import os, subprocess
    subprocess.Popen(["/bin/sleep", "48151624"], start_new_session=True)
    while True: pass
    """
    assert run(sandbox, "", source, QUICK).ended == "timeout"
    assert "48151624" not in commands()


def test_the_kernel_is_not_a_way_out(sandbox: Sandbox) -> None:
    tests = """
    import ctypes, os, platform, pytest
    libc = ctypes.CDLL(None, use_errno=True)
    ALL = 0x7E020000
    column = 0 if platform.machine() == "x86_64" else 1
    CALLS = {
        "unshare": ((272, 97), (0x10000000,)),
        "clone": ((56, 220), (0x10000000 | 17, 0, 0, 0, 0)),
        "clone3": ((435, 435), (0, 88)),
        "mount": ((165, 40), (b"none", b"/box", b"tmpfs", 0, 0)),
        "umount2": ((166, 39), (b"/box", 2)),
        "ptrace": ((101, 117), (0, 0, 0, 0)),
        "setns": ((308, 268), (0, 0)),
        "pivot_root": ((155, 41), (b".", b".")),
        "chroot": ((161, 51), (b".",)),
        "bpf": ((321, 280), (0, 0, 0)),
        "io_uring_setup": ((425, 425), (1, 0)),
        "keyctl": ((250, 219), (0, 0)),
        "userfaultfd": ((323, 282), (0,)),
        "perf_event_open": ((298, 241), (0, 0, -1, -1, 0)),
        "open_by_handle_at": ((304, 265), (0, 0, 0)),
        "memfd_create": ((319, 279), (b"x", 0)),
        "reboot": ((169, 142), (0, 0, 0)),
        "clear the parent's death signal": ((157, 167), (1, 0, 0, 0, 0)),
        "type into the terminal": ((16, 29), (0, 0x5412, b"x")),
    }
    @pytest.mark.parametrize("name", CALLS)
    def test_call(name):
        numbers, arguments = CALLS[name]
        assert libc.syscall(numbers[column], *arguments) == -1
        assert ctypes.get_errno() in (1, 38), os.strerror(ctypes.get_errno())
    def test_other_numbering():
        if column == 0:
            assert libc.syscall(0x40000000 | 39) == -1 and ctypes.get_errno() == 38
    """
    assert_all_passed(run(sandbox, tests))


def test_hostile_exceptions_and_names_are_harmless(sandbox: Sandbox) -> None:
    tests = """
    import pytest
    class Bad(Exception):
        def __str__(self): raise SystemExit(0)
        __repr__ = __str__
    def test_a(): raise Bad
    @pytest.mark.parametrize("x", ["\\x00\\x1b[2J\\n" * 1000, "é" * 3000])
    def test_b(x): pass
    globals()["test_\\u202e\\n::x"] = lambda: None
    """
    result = run(sandbox, tests)
    assert all(outcome.name.isprintable() and len(outcome.name) <= 500 for outcome in result.outcomes)
    assert {outcome.outcome for outcome in result.outcomes if outcome.name == "test_a"} <= {"failed", "error"}


def test_a_parser_bomb_is_a_result(sandbox: Sandbox) -> None:
    for source in ("(" * 100_000, "x = " + "-" * 300_000 + "1", "a" * 1_000_000, "\ud800"):
        assert run(sandbox, "def test_a(): pass", source).ended in {"import_error", "crashed"}
