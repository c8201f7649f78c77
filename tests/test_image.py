"""The image without Docker: each step of the Dockerfile is run in a scratch root, and what compose.yaml starts from it.

The root is this machine's own under an overlay, so that every path and command is the one in the file, and nothing that
they write stays. It stands in for the base image; PostgreSQL and Docker's own isolation are not seen here.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
DEPLOYMENTS = ROOT / "deployments"
PATIENCE_S = 240.0
LOOPBACK_UP = (
    "import fcntl, socket; fcntl.ioctl(socket.socket(), 0x8914, b'lo'.ljust(16, b'\\0') + b'\\x49\\0' + bytes(22))"
)
NEEDS_TIME = pytest.mark.skipif(
    os.environ.get("GREEN_LOGIC_TEST_SLOW") != "1", reason="installs all packages again: GREEN_LOGIC_TEST_SLOW=1"
)


@dataclass
class Stage:
    """A FROM and what follows it."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def volumes(self) -> list[str]:
        return list(json.loads(self.all("VOLUME")[-1]))

    def command(self) -> list[str]:
        return list(json.loads(self.all("CMD")[-1]))

    def all(self, instruction: str) -> list[str]:
        return [rest for name, rest in self.steps if name == instruction]


def read_dockerfile() -> list[Stage]:
    text = (DEPLOYMENTS / "Dockerfile").read_text().replace("\\\n", " ")
    stages: list[Stage] = []
    for line in text.splitlines():
        name, _, rest = line.strip().partition(" ")
        if name == "FROM":
            stages.append(Stage(rest.split()[-1]))
        elif name and not name.startswith("#"):
            stages[-1].steps.append((name, rest.strip()))
    return stages


def read_compose() -> dict[str, Any]:
    import yaml

    return dict(yaml.safe_load((DEPLOYMENTS / "compose.yaml").read_text())["services"])


def is_in_context(path: str) -> bool:
    """Whether the build sees a path of the repository: the last pattern of the ignore file that fits decides."""
    seen = True
    for pattern in (DEPLOYMENTS / "Dockerfile.dockerignore").read_text().split():
        plain = pattern.removeprefix("!").removeprefix("**/")
        parts = path.split("/")
        if any(fnmatch.fnmatchcase("/".join(parts[:end]), plain) for end in range(1, len(parts) + 1)):
            seen = pattern.startswith("!")
    return seen


# --- what needs no root


def test_every_file_that_is_copied_is_there_and_in_the_context_of_the_build() -> None:
    sources = [source for stage in read_dockerfile() for rest in stage.all("COPY") for source in rest.split()[:-1]]
    local = [source for source in sources if not source.startswith(("--from", "/"))]
    assert local
    assert [source for source in local if not (ROOT / source).exists()] == []
    assert [source for source in local if not is_in_context(source)] == []


def test_keys_data_and_passwords_never_get_into_the_context() -> None:
    for path in ("data/battles.db", ".git/config", "deployments/postgres-password", ".venv/bin/python", "tests/x.py"):
        assert not is_in_context(path)


def test_every_shell_line_is_taken_by_a_shell() -> None:
    lines = [rest for stage in read_dockerfile() for rest in stage.all("RUN")]
    commands = [service.get("command", []) for service in read_compose().values()]
    lines += [command[2] for command in commands if command[:2] == ["sh", "-c"]]
    assert len(lines) > 3
    for line in lines:
        # compose writes $$ for a dollar that is not its own
        text = line.replace("$$", "$")
        subprocess.run(["sh", "-n", "-c", text], check=True)
        if shutil.which("shellcheck"):
            done = subprocess.run(
                ["shellcheck", "--shell=sh", "-"], check=False, input=text, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stdout


def test_nothing_in_the_image_runs_as_root() -> None:
    last = read_dockerfile()[-1]
    names = [name for name, _ in last.steps]
    assert last.all("USER") == ["10001:10001"]
    assert names.index("USER") < names.index("CMD")
    assert "RUN" not in names[names.index("USER") :]
    assert all("user" not in service for service in read_compose().values())


def test_no_word_of_a_health_check_has_a_blank_at_which_podman_would_cut_it() -> None:
    checks = [service["healthcheck"]["test"] for service in read_compose().values() if "healthcheck" in service]
    assert len(checks) > 2
    assert [word for check in checks for word in check if " " in word] == []


# --- what needs root and time


@dataclass
class Machine:
    """A scratch root in namespaces of its own, and the environment that the Dockerfile has set so far."""

    holder: int
    root: Path
    environment: dict[str, str]
    directory: str = "/"
    user: str = ""

    def command(self, words: Sequence[str], more: Mapping[str, str]) -> list[str]:
        inside = ["nsenter", f"--target={self.holder}", "--mount", "--net", "--pid", "chroot", str(self.root)]
        if self.user:
            user, group = self.user.split(":")
            inside += ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs"]
            inside += ["--bounding-set=-all", "--inh-caps=-all"]
        around = {**self.environment, **more}
        return [
            *inside,
            "env",
            "-i",
            "-C",
            self.directory,
            *(f"{name}={value}" for name, value in around.items()),
            *words,
        ]

    def run(self, *words: str, **more: str) -> str:
        done = subprocess.run(
            self.command(words, more),
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}"
        return done.stdout

    def outside(self, *words: str) -> None:
        """Run something in the namespaces of the machine, but not below its root."""
        subprocess.run(["nsenter", f"--target={self.holder}", "--mount", "--net", *words], check=True)

    def path(self, inside: str) -> Path:
        """A path of the scratch root as this process reaches it."""
        absolute = inside if inside.startswith("/") else f"{self.directory}/{inside}"
        return Path(os.path.normpath(f"/proc/{self.holder}/root{self.root}{absolute}"))

    def works(self, *words: str, **more: str) -> bool:
        return subprocess.run(self.command(words, more), check=False, capture_output=True).returncode == 0

    @contextlib.contextmanager
    def started(self, *words: str, log: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        with log.open("wb") as output:
            process = subprocess.Popen(self.command(words, more), stdout=output, stderr=output, start_new_session=True)
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End what was started, and not nsenter, which waits for it and gives its exit code."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for child in children.read_text().split() if process.poll() is None else ():
        os.kill(int(child), signal.SIGTERM)
    process.wait(timeout=120)


@contextlib.contextmanager
def machine(scratch: Path, name: str, *, alone: bool) -> Iterator[Machine]:
    """A root whose changes lie in `scratch`; `alone`: with a network that is nothing but its own loopback."""
    upper, work, root = (scratch / name / part for part in ("upper", "work", "root"))
    for path in (upper, work, root):
        path.mkdir(parents=True)
    setup = (
        f"mount -t overlay overlay -o lowerdir=/,upperdir={upper},workdir={work} {root} && "
        f"mount -t proc proc {root}/proc && mount --rbind /dev {root}/dev && mount -t tmpfs tmpfs {root}/tmp && "
        f"chmod 1777 {root}/tmp && echo up || echo down; exec sleep infinity"
    )
    spaces = ["--mount", "--pid", "--fork", "--kill-child", *(["--net"] if alone else [])]
    with subprocess.Popen(["unshare", *spaces, "sh", "-c", setup], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            if holder.stdout.readline() != "up\n":
                pytest.skip("no overlay can be mounted here: the steps of the Dockerfile were not run")
            (child,) = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
            made = Machine(int(child), root, {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", **_index()})
            if alone:
                made.outside(sys.executable, "-c", LOOPBACK_UP)
            yield made
        finally:
            holder.kill()


def _index() -> dict[str, str]:
    """Where pip finds packages on this machine: the base image's own business, not the Dockerfile's."""
    names = [name for name in os.environ if name.startswith("PIP_") or name.endswith(("_CA_BUNDLE", "_CERT_FILE"))]
    return {name: os.environ[name] for name in names} | {"HOME": "/root"}


def become_base_image(stage: Machine) -> None:
    """What `python:3.11-slim` has and this machine may have elsewhere: `python` on the path, for every user."""
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    for parent in base.parents:
        stage.run("chmod", "a+rx", str(parent))
    # no link: Python would look for its library beside it
    stage.path("/usr/local/bin/python").unlink(missing_ok=True)
    stage.path("/usr/local/bin/python").write_text(f'#!/bin/sh\nexec {base} "$@"\n')
    stage.run("chmod", "a+rx", "/usr/local/bin/python")


def take_steps(stage: Machine, steps: Stage, others: Mapping[str, Path]) -> None:
    """Do what a builder does with the instructions of a stage."""
    for name, rest in steps.steps:
        if name == "ENV":
            for pair in shlex.split(rest):
                key, _, value = pair.partition("=")
                stage.environment[key] = value.replace("$PATH", stage.environment["PATH"])
            stage.environment.pop("PIP_NO_CACHE_DIR", None)  # the cache is this machine's, and gone with the overlay
        elif name == "WORKDIR":
            stage.path(rest).mkdir(parents=True, exist_ok=True)
            stage.directory = rest
        elif name == "RUN":
            stage.run("sh", "-c", rest)
        elif name == "USER":
            stage.user = rest
        elif name == "COPY":
            *sources, target = rest.split()
            _copy(stage, sources, target, others)


def _copy(stage: Machine, sources: list[str], target: str, others: Mapping[str, Path]) -> None:
    origin = others[sources.pop(0).removeprefix("--from=")] if sources[0].startswith("--from=") else ROOT
    for source in sources:
        found = origin / source.lstrip("/")
        into = stage.path(target) / found.name if target.endswith("/") else stage.path(target)
        into.parent.mkdir(parents=True, exist_ok=True)
        if found.is_dir():
            shutil.copytree(found, into, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(found, into)


# --- the guarantee


BATTLE = (
    '{"battle_id": "%s", "task": {"title": "Double", "description": "Write double(n).", "entry_points": ["double"]}, '
    '"purple_response": {"sourceCode": "def double(n):\\n    return 2 * n\\n", "testCode": "", "rationale": "twice"}}\n'
)


def wait_until(condition: Callable[[], object], what: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}: {log.read_text()[-3000:]}"
        time.sleep(0.5)


READ = """import sqlite3
connection = sqlite3.connect("file:/data/battles.db?mode=ro", uri=True)
print(*[row[0] for row in connection.execute("SELECT battle_id FROM battles ORDER BY 1")])
"""


def recorded(stage: Machine) -> list[str]:
    """Ids on the ledger, read from within: SQLite would follow the link in /proc out of the namespace."""
    words = ("python", "-c", READ)
    return stage.run(*words).split() if stage.works(*words) else []  # it may be being made


@NEEDS_TIME
def test_each_step_of_the_image_runs_and_what_compose_starts_from_it_works(tmp_path: Path) -> None:
    if os.getuid() != 0 or shutil.which("nsenter") is None:
        pytest.skip("a scratch root needs root and nsenter: the steps of the Dockerfile were not run")
    build, final = read_dockerfile()
    # an overlay cannot lie on what lies below it
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as scratch,
        machine(Path(scratch), "build", alone=False) as first,
        machine(Path(scratch), "final", alone=True) as last,
    ):
        become_base_image(first)
        take_steps(first, build, {})
        become_base_image(last)
        take_steps(last, final, {build.name: first.path("/")})
        assert last.run("id", "-u") == "10001\n"
        last.environment["HOME"] = "/home/judge"
        for volume in (*final.volumes(), "/home/judge"):
            last.outside("mount", "-t", "tmpfs", "-o", "uid=10001,gid=10001", "tmpfs", f"{last.root}{volume}")
        last.outside("mount", "-o", "remount,ro", str(last.root))
        assert not last.works("touch", "/app/x")
        _serve(last, final.command(), tmp_path / "serve.log")
        _compose(last, read_compose(), tmp_path)


def _serve(image: Machine, command: list[str], log: Path) -> None:
    """The image by itself: what is dropped into the inbox is judged, and SIGTERM ends it in order."""
    with image.started(*command, log=log) as process:
        inbox = image.path("/data/inbox")
        wait_until(inbox.is_dir, "the inbox", log)
        (inbox / "a.part").write_text(BATTLE % "a-1")
        (inbox / "a.part").rename(inbox / "a.jsonl")
        wait_until(lambda: recorded(image) == ["a-1"], "the battle of the inbox", log)
        end(process)
        assert process.returncode == 0, log.read_text()[-3000:]
    assert image.path("/keys/green-logic/judge.key").stat().st_mode & 0o077 == 0
    assert list(image.path("/state").iterdir())


PAGE = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:4200/').read().decode())"


def _compose(image: Machine, services: dict[str, Any], logs: Path) -> None:
    """Server, setup and worker as compose.yaml starts them, but with SQLite in the place of PostgreSQL."""
    api = {"PREFECT_API_URL": "http://127.0.0.1:4200/api", "PREFECT_HOME": "/tmp/prefect"}
    _, _, start = services["server"]["command"][2].partition("exec ")
    server, worker = logs / "server.log", logs / "worker.log"
    settings = {**services["server"]["environment"], "PREFECT_HOME": "/tmp/server"}
    with image.started(*shlex.split(start), log=server, **settings):
        wait_until(lambda: image.works(*services["server"]["healthcheck"]["test"][1:]), "a healthy server", server)
        assert "<html" in image.run("python", "-c", PAGE)
        image.run(*services["setup"]["command"], **api)
        with image.started(*services["worker"]["command"], log=worker, **api):
            check = services["worker"]["healthcheck"]["test"][1:]
            wait_until(lambda: image.works(*check), "a healthy worker", worker)
            image.path("/data/battles.jsonl").write_text(BATTLE % "b-1")
            order = "prefect deployment run evaluate-battles/battles -p source=/data/battles.jsonl"
            assert order in (DEPLOYMENTS / "README.md").read_text()
            image.run(*order.split(), **api)
            wait_until(lambda: recorded(image) == ["a-1", "b-1"], "the battle of the worker", worker)
            image.run("prefect", "deployment", "run", "export-and-archive/publish", **api)
            backups = image.path("/data/backups")
            wait_until(lambda: list(backups.glob("*/manifest.json")), "the publication", worker)
        assert not image.works(*check)  # it is not healthy once it is gone
