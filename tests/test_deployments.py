"""What is shipped for an operator: each file is checked by its own tool, or the test says that the tool is missing."""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from green_logic import publication
from green_logic.cli import main
from green_logic.commands import add_common
from green_logic.commands.config import HIDDEN, describe
from green_logic.commands.serve import (
    STEPS,
    add_arguments,
    check_options,
    order_of,
    publication_words,
    settings_of,
    words_of,
)
from green_logic.errors import ConfigurationError
from green_logic.publication import Order
from green_logic.publish.backup import find_backups
from green_logic.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[1]
DEPLOYMENTS = ROOT / "deployments"
UNITS = sorted((DEPLOYMENTS / "systemd").glob("green-logic-*"))
INSTALLED = "/opt/green-logic/.venv/bin/green-logic"  # where the units expect it
EXPOSURE_LIMIT = 2.0  # of 10, as `systemd-analyze security` counts


def load_yaml(path: Path) -> Any:
    import yaml

    return yaml.safe_load(path.read_text())


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_common(parser)
    add_arguments(parser)
    return parser.parse_args(words)


# --- systemd


@pytest.fixture
def systemd_analyze() -> str:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed: the units were not checked")
    return tool


def test_systemd_takes_the_units(systemd_analyze: str, tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text().replace(INSTALLED, str(Path(sys.executable)))
        (tmp_path / unit.name).write_text(text)
    command = [systemd_analyze, "verify", "--man=no", *(str(tmp_path / unit.name) for unit in UNITS)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_takes_the_drop_in_that_the_readme_shows(systemd_analyze: str, tmp_path: Path) -> None:
    (drop_in,) = re.findall(r"```\n(\[Service\]\n.*?)```", (DEPLOYMENTS / "README.md").read_text(), re.DOTALL)
    (service,) = (unit for unit in UNITS if unit.name == "green-logic-publish.service")
    (tmp_path / service.name).write_text(service.read_text().replace(INSTALLED, str(Path(sys.executable))))
    (tmp_path / f"{service.name}.d").mkdir()
    override = tmp_path / f"{service.name}.d" / "override.conf"
    command = [systemd_analyze, "verify", "--man=no", str(tmp_path / service.name)]
    override.write_text(drop_in.replace("=/mnt/b\n", "=/mnt/b # a directory\n"))  # a comment has a line of its own
    assert "override.conf" in subprocess.run(command, check=False, capture_output=True, text=True).stderr
    override.write_text(drop_in)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_the_environment_file_says_goes_before_the_units_own_settings() -> None:
    for unit in UNITS:
        if unit.suffix == ".service":
            text = unit.read_text()
            assert "Environment=GREEN_LOGIC_KEEP=7d,4w,12m\n" in text
            # a flag would go before both
            assert not re.search(r"^ExecStart=.*(--keep|-to)", text, re.MULTILINE)


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.stem)
def test_the_services_are_hardened(systemd_analyze: str, unit: Path) -> None:
    command = [systemd_analyze, "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    overall = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert overall is not None, done.stderr
    assert float(overall[1]) <= EXPOSURE_LIMIT, done.stdout


def test_a_hardened_service_can_still_build_the_sandbox_of_a_submission() -> None:
    from green_logic.evaluation.isolation import kernel, namespaces

    unit = (DEPLOYMENTS / "systemd" / "green-logic-serve.service").read_text()
    allowed = re.search(r"^RestrictNamespaces=(.*)$", unit, re.MULTILINE)
    assert allowed is not None
    names = {"NS": "mnt"}
    flags = {name: value for name, value in vars(kernel).items() if name.startswith("CLONE_NEW")}
    needed = {name.removeprefix("CLONE_NEW") for name, value in flags.items() if value & namespaces.JOB_NAMESPACES}
    assert {names.get(name, name.lower()) for name in needed} <= set(allowed[1].split())


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_units_call_commands_that_exist(unit: Path) -> None:
    for line in unit.read_text().splitlines():
        if line.startswith("ExecStart="):
            program, command, *words = line.removeprefix("ExecStart=").split()
            assert (program, command) == (INSTALLED, "serve")
            check_options(parse(*words), Settings())


# --- Prefect


def test_the_work_pool_file_names_both_flows_by_module() -> None:
    deployments = {entry["name"]: entry for entry in load_yaml(DEPLOYMENTS / "prefect.yaml")["deployments"]}
    assert {name: entry["entrypoint"] for name, entry in deployments.items()} == {
        "battles": "flows.battles.evaluate_battles",
        "publish": "flows.publish.export_and_archive",
    }
    assert deployments["publish"]["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    assert deployments["publish"]["schedules"] == [{"cron": "0 3 * * *", "timezone": "UTC", "active": True}]


def test_the_example_is_as_short_as_it_says() -> None:
    tree = ast.parse((DEPLOYMENTS / "serve.py").read_text())
    lines = {node.lineno for statement in tree.body[1:] for node in ast.walk(statement) if hasattr(node, "lineno")}
    assert len(lines) <= 20


# --- containers


def test_docker_takes_the_compose_file(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], check=False, capture_output=True).returncode:
        pytest.skip("docker compose is not installed: the file was parsed, not checked by its own tool")
    command = [docker, "compose", "--file", str(DEPLOYMENTS / "compose.yaml"), "config", "--quiet"]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "HOME": str(tmp_path)}
    )
    assert done.returncode == 0, done.stderr


def test_the_compose_file_hangs_together() -> None:
    compose = load_yaml(DEPLOYMENTS / "compose.yaml")
    services, volumes = compose["services"], compose["volumes"]
    for name, service in services.items():
        for other, condition in service.get("depends_on", {}).items():
            healthy = condition["condition"] == "service_healthy"
            assert "healthcheck" in services[other] or not healthy, f"{name} waits for the health of {other}"
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in volumes
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
        if name != "database":
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert all("healthcheck" in services[name] for name in ("database", "server", "worker"))


def test_the_image_is_locked_by_hashes_and_runs_without_root() -> None:
    lines = (DEPLOYMENTS / "Dockerfile").read_text().splitlines()
    installs = [line for line in lines if "pip install" in line]
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    assert lines.index("USER 10001:10001") > max(n for n, line in enumerate(lines) if line.startswith(("RUN", "COPY")))
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            assert all((ROOT / source).exists() for source in line.split()[1:-1])


# --- the commands


@pytest.mark.parametrize(
    "words",
    [
        ["--timezone", "Mars/Olympus"],
        ["--timezone", "/etc/passwd"],
        ["--interval", "0"],
        ["--interval", "nan"],
        ["--cron", "every night"],
        ["--keep", "a week"],
        ["--archive-to", "nosuch://bucket/x"],
        ["--archive-to", "s3:///x"],
        ["--dest", "gs://"],
        ["--backup-to", "S3://bucket/x"],
        ["--dest", "://x"],
        ["--rebuild"],
        ["--since", "3"],
    ],
)
def test_what_would_fail_at_night_is_refused_at_once(words: list[str]) -> None:
    options = parse(*words)
    with pytest.raises(ConfigurationError):
        check_options(options, settings_of(options))


@pytest.mark.parametrize(
    "place", ["s3://b/x?region=eu-1", "gs://b", "memory://x", "file:///mnt/b", "/mnt/b", "b:/x", ""]
)
def test_what_may_be_a_place_is_left_to_the_publication(place: str) -> None:
    if place.startswith("memory"):
        pytest.importorskip("fsspec")
    options = parse(f"--archive-to={place}", f"--backup-to={place}", f"--export-to={place}")
    check_options(options, settings_of(options))


def test_a_rule_for_backups_that_is_none_is_refused_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREEN_LOGIC_KEEP", "a week")
    with pytest.raises(ConfigurationError, match="keep expected days"):
        check_options(parse(), settings_of(parse()))
    options = parse("--keep=7d")
    check_options(options, settings_of(options))


def test_a_service_gets_the_words_it_was_started_with() -> None:
    words = ["--cron=1 2 * * *", "--timezone=Europe/Berlin", "--data-dir=a b", "--keep=7d", "--quiet", "--json"]
    places = ["--archive-to=s3://b/x", "--backup-to=", "--dest=/mnt/e"]
    options = parse(*words, *places, "--skip=archive", "--skip", "audit")
    assert parse(*words_of(options)) == options
    assert sorted(publication_words(options)) == [
        "--archive-to=s3://b/x",
        "--backup-to=",
        "--data-dir=a b",
        "--export-to=/mnt/e",
        "--keep=7d",
        "--quiet",
        "--skip=archive",
        "--skip=audit",
    ]


def test_the_command_and_the_publication_know_the_same_steps(settings: Settings) -> None:
    assert list(STEPS) == list(publication.STEPS)
    order = order_of(parse("--rebuild", "--publish", "--skip=backup"), settings)
    assert order == publication.Order(settings, None, True, ("backup",))
    with pytest.raises(SystemExit):
        parse("--skip", "everything")


def test_serve_publish_needs_no_prefect(settings: Settings, make_result: Any) -> None:
    from green_logic.agent import GreenAgent

    with GreenAgent(settings=settings) as agent:
        agent.submit_result(make_result("b-1"))
    code = (
        "import sys; sys.modules['prefect'] = None\n"
        "from green_logic.commands import serve\n"
        "from green_logic.settings import load_settings\n"
        "from tests.test_deployments import parse\n"
        "options = parse('--publish', '--json')\n"
        "sys.exit(serve.run(options, load_settings({'data_dir': sys.argv[1]})))\n"
    )
    command = [sys.executable, "-c", code, str(settings.data_dir)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["ok"], answer["rows"]) == (True, 1)
    assert [step["step"] for step in answer["steps"]] == ["export", "archive", "backup", "audit"]


def test_a_place_is_taken_from_the_command_line_else_the_environment_else_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "green-logic.toml").write_text('export-to = "e"\narchive-to = "f"\nbackup-to = "f"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GREEN_LOGIC_ARCHIVE_TO", "s3://b/a")
    monkeypatch.setenv("GREEN_LOGIC_BACKUP_TO", "s3://b/b")
    assert Order(settings_of(parse())).places == ("e", "s3://b/a", "s3://b/b")
    assert Order(settings_of(parse("--archive-to=/mnt/a", "--backup-to="))).places == ("e", "/mnt/a", "")
    monkeypatch.setenv("GREEN_LOGIC_ARCHIVETO", "x")
    with pytest.raises(ConfigurationError, match="no setting named 'archiveto'") as caught:
        settings_of(parse())
    assert caught.value.hint == "did you mean archive_to?"


def test_every_command_goes_where_the_settings_say_unless_told_otherwise(
    settings: Settings, make_result: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from green_logic.agent import GreenAgent

    with GreenAgent(settings=settings) as agent:
        agent.submit_result(make_result("b-1"))
    for name in ("EXPORT_TO", "ARCHIVE_TO", "BACKUP_TO"):
        monkeypatch.setenv(f"GREEN_LOGIC_{name}", str(tmp_path / "place"))
    at = ["-C", str(settings.data_dir), "--json"]
    for command in ("export", "compact", "archive", "backup"):
        assert main([command, *at]) == 0
    assert {path.name for path in (tmp_path / "place").iterdir()} >= {"battles", "archives"}
    assert len(find_backups(tmp_path / "place")) == 1
    assert [path.name for path in settings.data_dir.iterdir() if path.name in {"exports", "backups"}] == []
    assert main(["export", *at, "--dest", str(tmp_path / "other")]) == 0
    assert main(["archive", *at, "--dest", ""]) == 0
    assert main(["backup", *at, str(tmp_path / "other")]) == 0
    assert len(find_backups(tmp_path / "other")) == 1
    assert len(find_backups(tmp_path / "place")) == 1
    assert not (tmp_path / "other" / "archives").exists()


def test_config_tells_every_setting_and_its_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "green-logic.toml").write_text("chunk_size = 7\n")
    monkeypatch.setenv("GREEN_LOGIC_WORKERS", "3")
    shown = describe(load_settings({"data_dir": "elsewhere"}, directory=tmp_path))
    assert set(shown) == set(Settings._fields) - {"sources"}
    assert shown["data_dir"] == {"value": "elsewhere", "source": "command line"}
    assert shown["workers"] == {"value": 3, "source": "environment"}
    assert shown["chunk_size"] == {"value": 7, "source": str(tmp_path / "green-logic.toml")}
    assert shown["retries"] == {"value": 3, "source": "default"}


def test_a_long_path_in_config_lengthens_no_line_but_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = "/mnt/" + "x" * 200
    monkeypatch.setenv("GREEN_LOGIC_BACKUP_TO", place)
    assert main(["config"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert f"{place}  environment" in lines.pop("backup_to")
    assert max(len(lines[name]) for name in ("workers", "export_to", "judge_timeout_s")) <= 40


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("keep", "a week", "keep expected days"),
        ("export_to", "s3://?region=eu-1", "export_to expected a directory or an address"),
        ("archive_to", "nosuch://bucket/x", "archive_to expected a directory or an address"),
        ("backup_to", "gs:///b", "backup_to expected a directory or an address"),
        ("judge", "http://127.0.0.1/v1", "judge: expected the name of a model"),
    ],
)
def test_config_shows_what_a_command_would_refuse_and_says_so(
    setting: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config"]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setenv(f"GREEN_LOGIC_{setting.upper()}", value)
    assert main(["config"]) == 2
    shown = capsys.readouterr()
    assert f"{value}  " in shown.out
    assert shown.err.startswith(f"error: {told}")
    assert main(["config", "--json"]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer["settings"][setting] == {"value": value, "source": "environment"}
    assert answer["faults"] == {setting: answer["error"]}
    assert answer["error"]["message"].startswith(told)
    assert answer["error"]["hint"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://bucket/arena?region=eu-1", "s3://bucket/arena?region=eu-1"),
        ("s3://AKIA:hush@bucket/arena", "s3://…@bucket/arena"),
        ("s3://bucket/a?region=eu-1&secret_key=hush&scheme=http", "s3://bucket/a?region=eu-1&secret_key=…&scheme=http"),
        ("s3://bucket/a?Session_Token=hush", "s3://bucket/a?Session_Token=…"),
        ("/mnt/a:hush@b", "/mnt/a:hush@b"),
    ],
)
def test_config_shows_where_a_place_is_and_no_key_to_it(address: str, shown: str) -> None:
    found = describe(Settings(archive_to=address, export_to=address))
    assert (found["archive_to"]["value"], found["export_to"]["value"]) == (shown, shown)


@pytest.mark.parametrize(
    "key",
    [
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----\n",
        "  -----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNzaC1rZXk\\n",
        "MC4CAQAwBQYDK2VwBCIEIA\nMC4CAQAwBQYDK2VwBCIEIA",
        "MC4CAQAwBQYDK2VwBCIEIA" * 20,
    ],
)
def test_config_never_shows_a_private_key(key: str) -> None:
    shown = describe(Settings(signing_key=key))
    assert shown["signing_key"]["value"] == HIDDEN
    assert key.strip()[:20] not in json.dumps(shown)
    assert describe(Settings(signing_key="/keys/judge.key"))["signing_key"]["value"] == "/keys/judge.key"
