"""Hostile submissions against hidden tests: in split execution none gains, harms or outlives anything."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest
from adversarial.arena import ATTACKS, FOLDER, TESTS, WRONG, fight_all, passed
from ordinary_user import NEEDS_ROOT, ordinary_user

from green_logic.errors import SandboxUnavailableError
from green_logic.evaluation.sandbox import Sandbox, TestRun

Results = dict[str, tuple[TestRun, TestRun]]
# with a file tree of the host, the walls are others: what leans on the protocol need not be fought twice
ESCAPES = ["daemon", "disk_fill", "fork_bomb", "forged_events", "host_files", "kills", "network", "privileges"]
READERS = ["reads_memory", "reads_objects", "reads_tests_from_disk", "overwrites_tests", "universal_eq"]


def opened(backend: str) -> Sandbox:
    try:
        return Sandbox.open(workers=2, backend=backend)
    except SandboxUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def split() -> Results:
    with opened("namespaces") as sandbox:
        return fight_all(sandbox, ATTACKS)


def test_the_corpus_is_large_and_explains_itself() -> None:
    assert len(ATTACKS) >= 40
    for name in ATTACKS:
        first = (FOLDER / f"{name}.py").read_text().splitlines()[0]
        assert first.startswith('"""') and first.endswith('."""'), name


@pytest.fixture(scope="module")
def alone() -> set[str]:
    """What the wrong solution passes without any attack."""
    with opened("namespaces") as sandbox:
        return set(passed(sandbox.run_tests(WRONG, TESTS, kind="hidden")))


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_gains_nothing_and_leaves_the_next_battle_alone(split: Results, alone: set[str], attack: str) -> None:
    run, after = split[attack]
    assert run.tamper == "out_of_process"
    assert set(passed(run)) <= alone
    assert (after.ended, passed(after)) == ("finished", ["test_double"])


def test_nothing_of_an_attack_is_left_on_the_host(split: Results) -> None:
    assert split
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            assert b"green-logic-split" not in path.read_bytes()
    assert not Path("/tmp/green-logic-split-owned").exists()
    assert not list(Path(os.__file__).parent.glob("green_logic_split_owned*"))


@pytest.mark.parametrize("attack", [*ESCAPES, *READERS])
def test_without_namespaces_it_is_the_same(landlocked: Results, alone: set[str], attack: str) -> None:
    run, after = landlocked[attack]
    assert set(passed(run)) <= alone
    assert (after.ended, passed(after)) == ("finished", ["test_double"])


@pytest.fixture(scope="module")
def landlocked() -> Results:
    with opened("landlock") as sandbox:
        return fight_all(sandbox, [*ESCAPES, *READERS])


def test_in_one_process_many_of_them_win() -> None:
    """The control: attacks that never win anywhere would prove nothing."""
    with opened("namespaces") as sandbox:
        results = fight_all(sandbox, FORGERIES, split=False)
    winners = {name for name, (run, _) in results.items() if passed(run)}
    assert len(winners) >= 12, sorted(set(FORGERIES) - winners)
    assert all(run.tamper == "in_process" for run, _ in results.values())


FORGERIES = [
    "patched_report",
    "patched_call",
    "plugin_by_gc",
    "plugin_at_import",
    "reporter_by_gc",
    "forged_events",
    "universal_eq",
    "universal_eq_metaclass",
    "int_subclass",
    "str_subclass",
    "float_subclass",
    "container_subclasses",
    "replaced_code",
    "frame_constants",
    "reads_objects",
    "mutates_callback",
    "learns_by_comparison",
    "pretends_class",
    "resets_counters",
    "replaces_methods",
    "climbs_from_classes",
]


@NEEDS_ROOT
@pytest.mark.parametrize("backend", ["namespaces"])
def test_an_ordinary_user_is_as_safe(backend: str) -> None:
    with ordinary_user() as user:
        result = user.run(str(user.copy(FOLDER) / "arena.py"), backend)
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary.keys() == set(ATTACKS)
    assert {name: won for name, (won, *_) in summary.items() if won} == {}
    assert {(tamper, *after) for _, tamper, after in summary.values()} == {("out_of_process", "test_double")}
