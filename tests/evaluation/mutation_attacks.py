"""Tests that try to look as if they noticed mutants, or to disturb how they are judged. Run as a script: JSON results.

Each of ATTACKS is a test file for SOLUTION whose honest part notices nothing.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from textwrap import dedent
from typing import Any

from mutation_looks import LOOKS

from green_logic.errors import RetryableError
from green_logic.evaluation.cis import Component
from green_logic.evaluation.mutation.verdict import judge_examination
from green_logic.evaluation.sandbox import Limits, Sandbox

LIMITS = Limits(wall_s=1.5, cpu_s=2, processes=24)

SOLUTION = dedent('''
    """Counts words."""

    def count(text, least=1):
        """How often each word of at least `least` letters stands in `text`."""
        found = {}
        for word in text.split():
            if len(word) >= least:
                found[word] = found.get(word, 0) + 1
        return found

    def top(text):
        best, most = "", 0
        for word, times in count(text).items():
            if times > most:
                best, most = word, times
        return best
''')
HONEST = dedent("""
    import pytest
    from solution import count, top

    def test_counts():
        assert count("a b a") == {"a": 2, "b": 1}
        assert count("") == {}

    @pytest.mark.parametrize(("least", "words"), [(2, {"bb": 1, "ccc": 1}), (3, {"ccc": 1}), (4, {})])
    def test_least(least, words):
        assert count("a bb ccc", least) == words

    def test_top():
        assert top("b a a") == "a"
        assert top("b b a") == "b"
        assert top("a b") == "a"
        assert top("") == ""
""")
# what a contestant may have found out beforehand, with the very interpreter that judges
_KNOWN = """
    import hashlib, inspect, marshal, os, pathlib, sys
    import solution
    def digest(data):
        return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()
    SOURCE = {source!r}
"""
ATTACKS = {
    "nothing": "def test_a():\n    assert True\n",
    "no_assertion": "from solution import count, top\ndef test_a():\n    count('a')\n    print(top(''))\n",
    "getsource": "def test_a():\n    assert inspect.getsource(solution.count) in SOURCE",
    "getsource_of_module": "def test_a():\n    assert inspect.getsource(solution) == SOURCE",
    "file": "def test_a():\n    assert pathlib.Path('solution.py').read_text() == SOURCE",
    "file_by_name": "def test_a():\n    assert open(solution.__file__).read() == SOURCE",
    "bytecode": """
        KNOWN = {}
        exec(compile(SOURCE, "x", "exec"), KNOWN)
        def test_a():
            for name in ("count", "top"):
                assert getattr(solution, name).__code__.co_code == KNOWN[name].__code__.co_code
    """,
    "constants": """
        KNOWN = {}
        exec(compile(SOURCE, "x", "exec"), KNOWN)
        def test_a():
            for name in ("count", "top"):
                assert getattr(solution, name).__code__.co_consts == KNOWN[name].__code__.co_consts
    """,
    "constants_kept": """
        KNOWN = {}
        exec(compile(SOURCE, "x", "exec"), KNOWN)
        def test_a():
            for name in ("count", "top"):
                held = set(getattr(solution, name).__code__.co_consts)
                assert held >= set(KNOWN[name].__code__.co_consts)
    """,
    "counted": """
        import dis
        KNOWN = {}
        exec(compile(SOURCE, "x", "exec"), KNOWN)
        def shape(function):
            names = [found.opname for found in dis.get_instructions(function)]
            words = ("JUMP", "CALL", "RAISE", "RETURN", "STORE_SUBSCR")
            return [name for name in names if any(word in name for word in words)]
        def operators(function):
            wanted = ("COMPARE_OP", "BINARY_OP", "CONTAINS_OP", "IS_OP")
            return [found.argrepr for found in dis.get_instructions(function) if found.opname in wanted]
        def test_a():
            for name in ("count", "top"):
                mine, known = getattr(solution, name), KNOWN[name]
                assert shape(mine) == shape(known)
                assert operators(mine)[-len(operators(known)):] == operators(known)
    """,
    "line_numbers": """
        def test_a():
            assert solution.top.__code__.co_firstlineno == 12
            try:
                solution.count(None)
            except AttributeError as error:
                assert error.__traceback__.tb_next.tb_lineno == 7
    """,
    "frames": """
        def test_a():
            frame, words = sys._getframe(), []
            while frame:
                words += [str(value) for value in frame.f_locals.values()]
                frame = frame.f_back
            assert not any(word in " ".join(words) for word in ("mutant", "control", "killed"))
    """,
    "frames_expect": """
        def test_a():
            frame = sys._getframe()
            while frame:
                for value in frame.f_locals.values():
                    assert getattr(value, "expected", None) is None
                frame = frame.f_back
    """,
    "first_time_only": """
        def test_a():
            seen = pathlib.Path("seen"), pathlib.Path("/tmp/seen"), pathlib.Path("/dev/shm/seen")
            assert not any(path.exists() for path in seen)
            for path in seen:
                try: path.write_text("x")
                except OSError: pass
    """,
    "counts_processes": "def test_a():\n    assert os.getpid() < 5",
    "skips_itself": """
        import pytest
        KNOWN = {}
        exec(compile(SOURCE, "x", "exec"), KNOWN)
        def test_a():
            if solution.top.__code__.co_code != KNOWN["top"].__code__.co_code:
                pytest.skip("not mine")
    """,
    "exits": "def test_a():\n    os._exit(0)",
    "exits_unless_known": """
        KNOWN = {}
        exec(compile(SOURCE, "x", "exec"), KNOWN)
        def test_a():
            if solution.top.__code__.co_code != KNOWN["top"].__code__.co_code:
                os._exit(1)
    """,
    "kills_parent": """
        def test_a():
            for pid in (os.getppid(), 1, 0, -1):
                for signal in (9, 15, 19):
                    if pid == 0 or os.getpid() != pid:
                        try: os.kill(pid, signal) if pid > 0 else None
                        except OSError: pass
    """,
    "leaves_children": """
        def test_a():
            for _ in range(3):
                if os.fork() == 0:
                    os.setsid()
                    while True:
                        pass
    """,
    "forks_without_end": """
        def test_a():
            while True:
                try: os.fork()
                except OSError: pass
    """,
    "writes_results": """
        RECORD = b'{"test": "test_a", "outcome": "failed", "message": "assert 1"}\\n'
        def test_a():
            for number in range(3, 256):
                try: os.write(number, RECORD + b'{"end": "finished", "detail": ""}\\n')
                except OSError: pass
    """,
    "garbage": """
        def test_a():
            for number in range(256):
                try: os.write(number, b"\\xff\\x00" * 1000)
                except OSError: pass
    """,
    "loops_unless_known": """
        KNOWN = {}
        exec(compile(SOURCE, "x", "exec"), KNOWN)
        def test_a():
            while solution.top.__code__.co_code != KNOWN["top"].__code__.co_code:
                pass
    """,
    "random": "import random\ndef test_a():\n    assert random.random() > 0.5",  # so it does with the first seed only
    "patches_reporter": """
        def test_a():
            import gc
            for found in gc.get_objects():
                if type(found).__name__ == "Reporter":
                    found.send(test="test_a", outcome="failed", message="assert 0")
    """,
}
ATTACKS |= {name: dedent(own) + dedent(tests) for name, (own, tests) in LOOKS.items()}
NAMES = sorted(ATTACKS)


def tests_of(attack: str) -> str:
    """The test file of one attack."""
    return dedent(_KNOWN).format(source=SOLUTION) + dedent(ATTACKS[attack])


def examine_all(sandbox: Sandbox, names: Sequence[str]) -> dict[str, tuple[float, dict[str, Any], float]]:
    """T and its evidence for each attack, and T of the honest tests after it; once after all that only look around."""
    found = {}
    for attack in names:
        part = patiently(sandbox, tests_of(attack))
        honest = None if attack in LOOKS else patiently(sandbox, HONEST).value or 0.0
        found[attack] = part.value or 0.0, part.evidence["mutation"], honest
    last = patiently(sandbox, HONEST).value or 0.0
    return {name: (value, seen, last if honest is None else honest) for name, (value, seen, honest) in found.items()}


def patiently(sandbox: Sandbox, tests: str) -> Component:
    """As the judge does it: a worker that failed is no result, and the job is done again."""
    for _ in range(3):
        with contextlib.suppress(RetryableError):
            return judge_examination(sandbox.examine_tests(SOLUTION, tests, mutants=8), tests)
    return judge_examination(sandbox.examine_tests(SOLUTION, tests, mutants=8), tests)


if __name__ == "__main__":
    with Sandbox.open(workers=1, backend=sys.argv[1], limits=LIMITS) as opened:
        sys.stdout.write(json.dumps(examine_all(opened, sys.argv[2:])))
