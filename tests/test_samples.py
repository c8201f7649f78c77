"""The sample battles: up to date, accepted by the judge's parser, and worth what their names promise.

Only references, sound and flawed submissions run here, each in a pytest process of its own folder. All other kinds are
hostile on purpose: they are parsed, never imported.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from green_logic.battle import parse_battle

PARSING = threading.Lock()
SAMPLES = Path(__file__).resolve().parents[1] / "data" / "samples"
TASKS = sorted(path.parent for path in SAMPLES.glob("tasks/*/task.toml"))
SUBMISSIONS = sorted(path.parent for path in SAMPLES.glob("tasks/*/submissions/*/meta.toml"))
HARMLESS = ("sound", "flawed")  # the only kinds that may run without a sandbox
HOLLOW = """
class Hollow:
    def __init__(self, *args, **kwargs): pass
    def __getattr__(self, name): return lambda *args, **kwargs: None

def __getattr__(name):
    if name.startswith("__"): raise AttributeError(name)
    if name.endswith("Error"): return type(name, (ValueError,), {})
    return Hollow if name[0].isupper() else lambda *args, **kwargs: None
"""
every_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
every_submission = pytest.mark.parametrize(
    "submission", SUBMISSIONS, ids=lambda path: f"{path.parents[1].name}-{path.name}"
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """{variant: {task: Counter(passed=…, failed=…)}}: one pytest process for each variant, all tasks in it."""
    variants = {
        "reference": lambda task: (read(task / "reference.py"), hidden_tests(task)),
        "sound": lambda task: (read(task / "submissions/sound/solution.py"), hidden_tests(task)),
        "flawed": lambda task: (read(task / "submissions/flawed/solution.py"), impatient(task)),
        "stub": lambda task: ("", hidden_tests(task)),
        "hollow": lambda task: (HOLLOW, impatient(task)),
        "own": lambda task: (read(task / "submissions/sound/solution.py"), read(task / "submissions/sound/tests.py")),
    }
    folders = [tmp_path_factory.mktemp(name) for name in variants]
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(variants, pool.map(run_tests, folders, variants.values()), strict=True))


def test_battles_jsonl_is_what_the_sources_say():
    checked = build(SAMPLES, "--check")
    assert checked.returncode == 0, checked.stderr


def test_building_again_gives_the_same_bytes(tmp_path):
    copy = copied_samples(tmp_path)
    (copy / "battles.jsonl").unlink()
    assert build(copy).returncode == 0
    assert (copy / "battles.jsonl").read_bytes() == (SAMPLES / "battles.jsonl").read_bytes()


@pytest.mark.parametrize("file", ["task.toml", "hidden_tests.py", "submissions/sound/rationale.md"])
def test_a_changed_source_makes_the_battles_stale(tmp_path, file):
    copy = copied_samples(tmp_path)
    before = (copy / "battles.jsonl").read_bytes()
    source = copy / "tasks" / TASKS[0].name / file
    source.write_text(read(source).replace("e", "E", 1))
    checked = build(copy, "--check")
    assert (checked.returncode, "stale" in checked.stderr) == (1, True)
    assert (copy / "battles.jsonl").read_bytes() == before


def test_missing_battles_are_stale_and_an_unknown_option_is_refused(tmp_path):
    copy = copied_samples(tmp_path)
    (copy / "battles.jsonl").unlink()
    assert build(copy, "--check").returncode == 1
    assert build(copy, "--chekc").returncode == 2
    assert not (copy / "battles.jsonl").exists()


def test_the_judge_accepts_every_battle_and_ids_are_unique():
    battles = [parse_battle(line) for line in (SAMPLES / "battles.jsonl").read_bytes().splitlines()]
    folders = [f"{path.parents[1].name}-{path.name}" for path in SUBMISSIONS]
    assert sorted(battle.battle_id for battle in battles) == sorted(set(folders))
    assert all(battle.task.entry_points and battle.task.hidden_tests for battle in battles)


def test_there_are_enough_tasks_and_battles():
    assert len(TASKS) >= 8
    assert len(SUBMISSIONS) >= 24


@every_task
def test_every_task_has_each_kind(task):
    kinds = {path.name for path in SUBMISSIONS if path.parents[1] == task}
    assert kinds >= set(HARMLESS)
    assert kinds - set(HARMLESS), "no dishonest or unsafe submission"


@every_task
def test_a_contestant_can_build_from_the_description(task):
    words = tomllib.loads(read(task / "task.toml"))["description"].split()
    assert 80 <= len(words) <= 200


@every_task
def test_the_hidden_tests_are_thorough_but_readable(task):
    names = [node.name for node in parse(hidden_tests(task)).body if isinstance(node, ast.FunctionDef)]
    assert 8 <= sum(name.startswith("test_") for name in names) <= 15


@every_submission
def test_every_submission_says_who_made_it_and_what_to_expect(submission):
    meta = tomllib.loads(read(submission / "meta.toml"))
    assert {"agent", "model", "note"} <= set(meta)
    assert all((submission / name).is_file() for name in ("solution.py", "tests.py", "rationale.md"))


@every_submission
def test_solutions_import_the_standard_library_only(submission):
    try:
        tree = parse(read(submission / "solution.py"))
    except SyntaxError:
        assert submission.name == "syntax-error"
        return
    assert imported(tree) <= sys.stdlib_module_names


@every_task
def test_a_sound_rationale_is_of_sensible_length(task):
    assert 60 <= len(read(task / "submissions/sound/rationale.md").split()) <= 150


@every_task
@pytest.mark.parametrize("variant", ["reference", "sound"])
def test_right_code_passes_every_hidden_test(results, variant, task):
    counts = results[variant][task.name]
    assert counts["failed"] == 0
    assert counts["passed"] >= 8


@every_task
def test_a_sound_submission_passes_its_own_tests(results, task):
    counts = results["own"][task.name]
    assert counts["failed"] == 0
    assert counts["passed"] >= 4


@every_task
@pytest.mark.parametrize("variant", ["stub", "hollow"])
def test_code_without_substance_fails_every_hidden_test(results, variant, task):
    counts = results[variant][task.name]
    assert counts["passed"] == 0
    assert counts["failed"] >= 1


@every_task
def test_flawed_code_passes_some_hidden_tests_and_fails_others(results, task):
    counts = results["flawed"][task.name]
    assert counts["passed"] >= 1
    assert counts["failed"] >= 1


def run_tests(folder, files):
    """Counts of passed and failed tests by task; `files(task)` answers the code and its tests."""
    for task in TASKS:
        code, tests = files(task)
        module = f"solution_{task.name.replace('-', '_')}"
        (folder / f"{module}.py").write_text(code)
        (folder / f"test_{task.name.replace('-', '_')}.py").write_text(bound_to(module, tests))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--tb=no",
        "-p",
        "no:cacheprovider",
        "--continue-on-collection-errors",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.run(
        [*command, "--junitxml=report.xml", "."],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode in (0, 1), run.stdout + run.stderr
    return counted(ET.parse(folder / "report.xml"))  # noqa: S314  # written by the pytest that we started


def bound_to(module, tests):
    """Tests whose import of the solution, under whatever name, comes from this module; added where there is none."""
    own = imported(parse(tests)) - sys.stdlib_module_names - {"pytest"}
    if not own:
        return f"from {module} import *\n{tests}"
    (name,) = own
    return re.sub(rf"(?m)^from {name} import", f"from {module} import", tests)


def counted(report):
    """{task: Counter} from a JUnit report; a module that cannot be collected is one failure."""
    results = {task.name: Counter() for task in TASKS}
    for case in report.iter("testcase"):
        module = (case.get("classname") or case.get("name")).split(".")[0]
        outcome = "passed" if case.find("failure") is None and case.find("error") is None else "failed"
        results[module.removeprefix("test_").replace("_", "-")][outcome] += 1
    return results


def parse(text):
    """The tree of a source. One thread at a time: CPython 3.11 loses count of its depth otherwise (SystemError)."""
    with PARSING:
        return ast.parse(text)


def imported(tree):
    """Top-level names of all modules that the code imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
    return names


def build(samples, *arguments):
    command = [sys.executable, str(samples / "build.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def copied_samples(tmp_path):
    return Path(shutil.copytree(SAMPLES, tmp_path / "samples", ignore=shutil.ignore_patterns("__pycache__")))


def hidden_tests(task):
    return read(task / "hidden_tests.py")


def impatient(task):
    """Hidden tests that give up early on code that hangs: it is known to be wrong."""
    return re.sub(r"(?m)^PATIENCE = .*", "PATIENCE = 0.2", hidden_tests(task))


def read(path):
    return path.read_text(encoding="utf-8")
