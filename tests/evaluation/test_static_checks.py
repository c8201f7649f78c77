"""What the tree of a submission tells, whatever its author wrote."""

from __future__ import annotations

import ast
import sys
import sysconfig
import threading
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from green_logic.evaluation.constraints import check_constraints
from green_logic.evaluation.definitions import (
    count_test_functions,
    find_definitions,
    find_public_names,
    missing_entry_points,
    parse_entry_point,
)
from green_logic.evaluation.security.findings import find_findings
from green_logic.evaluation.smells import find_smells
from green_logic.evaluation.static_checks import find_names, parse_source

STANDARD_LIBRARY = Path(sysconfig.get_paths()["stdlib"])
SAMPLE = sorted(STANDARD_LIBRARY.glob("[a-z]*.py"))[::3][:60]
CONSTRAINTS = {
    "forbidden_imports": ["os"],
    "allowed_imports": ["re"],
    "required_imports": ["re"],
    "no_network_calls": True,
    "require_recursion": True,
    "forbid_loops": True,
    "regex_only": True,
    "require_thread_safety": True,
    "require_parameterized_queries": True,
    "max_complexity": 10,
    "max_nesting": 4,
}


def tree_of(source: str) -> ast.Module:
    tree = parse_source(source).tree
    assert tree is not None
    return tree


def check_everything(source: str) -> tuple[object, ...]:
    parsed = parse_source(source)
    tests = count_test_functions(source)
    if parsed.tree is None:
        assert parsed.error.startswith("line ")
        return (parsed.error, tests)
    return (
        tests,
        find_public_names(parsed.tree),
        sorted(find_definitions(parsed.tree)),
        missing_entry_points(parsed.tree, ["f", "A.b"]),
        find_findings(parsed.tree),
        find_smells(parsed.tree),
        check_constraints(parsed.tree, CONSTRAINTS, entry_points=["f"]),
    )


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("a = 1\nb = (\n", "line 2: '(' was never closed"),
        ("(" * 10**5, "line 1: too many nested parentheses"),
        ("a = 1\nb = '\0'", "line 2: a NUL character"),
        ("a = 1\nb = '\ud800'", "line 2: half a character (a lone surrogate)"),
        ("-" * 10**5 + "1", "line 1: nested deeper than 1000 levels"),
        ("a" + ".b" * 10**5, "line 1: nested deeper than 1000 levels"),
        ("a" + ".b" * 1500, "line 1: nested deeper than 1000 levels"),
        ("x = " + "a if b else " * 5000 + "c", "line 1: nested deeper than 1000 levels"),
        ("if a:\n pass\n" + "elif a:\n pass\n" * 5000, "line 1: nested deeper than 1000 levels"),
    ],
)
def test_a_source_that_does_not_parse_gives_one_sentence_with_its_line(source, error):
    parsed = parse_source(source)

    assert parsed.tree is None
    assert parsed.error == error
    assert parsed.source is source


@pytest.mark.parametrize("source", ["", "\ufeffa = 1", "# coding: no-such\n", "ａ = 1", "a" + ".b" * 900, "x = '\\d'"])
def test_an_odd_but_valid_source_parses(source):
    assert parse_source(source).tree is not None


def test_parsing_does_not_depend_on_the_callers_stack():
    source = "a" + ".b" * 990

    def parse_at(depth):
        return parse_at(depth - 1) if depth else parse_source(source)

    assert parse_at(300).tree is not None


def test_a_warning_about_the_source_is_neither_shown_nor_an_error():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("error")
        assert parse_source("x = '\\d' is 'd'").tree is not None
    assert shown == []


def test_threads_that_parse_leave_the_warning_filters_as_they_were():
    before = list(warnings.filters)
    threads = [threading.Thread(target=lambda: [parse_source("x = '\\d'") for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


@given(st.text())
def test_no_text_makes_a_check_raise(text):
    check_everything(text)


PIECES = (
    "f g os import from def class lambda if else for in : ( ) [ ] = == . , \n '' f'{x}' 1 None * return with await as"
)


@given(st.lists(st.sampled_from(PIECES.split(" ")), max_size=40).map(" ".join))
def test_no_sequence_of_tokens_makes_a_check_raise(text):
    assert check_everything(text) == check_everything(text)


@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.name)
def test_the_standard_library_is_checked_without_an_error_and_twice_alike(path):
    source = path.read_text(encoding="utf-8", errors="replace")

    assert check_everything(source) == check_everything(source)


HOSTILE = {
    "statements": "a=1\n",
    "attributes": "a" + ".b" * 500 + "\n",
    "sums": "x=" + "a+" * 900 + "b\n",
    "calls": "f(" * 190 + ")" * 190 + "\n",
    "handlers": "try:\n pass\nexcept:\n pass\n",
    "queries": "execute(f'select {x} from y')\n",
    "functions": "def serve(a):\n p = a + b\n open(p)\n",
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE)
def test_hostile_repetition_costs_no_more_than_linear_time(line):
    def cost(size):
        started = time.process_time()
        check_everything(line * (size // len(line)))
        return time.process_time() - started

    cost(1 << 11)
    small, large = cost(1 << 12), cost(1 << 15)
    assert large < 8 * small * 4  # eight times the text; the factor 4 is for a busy machine


def test_a_mebibyte_of_statements_is_checked_in_bounded_time():
    started = time.process_time()
    tree = tree_of("a=1\n" * (1 << 18))
    assert find_findings(tree) == ()
    assert find_smells(tree) == ()
    assert time.process_time() - started < 60


def test_a_long_chain_of_classes_costs_no_square():
    chain = "".join(f"class A{i}(A{i - 1}): pass\n" for i in range(1, 5_000))
    started = time.process_time()
    check_everything("class A0:\n def test_a(self): pass\n" + chain)
    assert time.process_time() - started < 60


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import os\nos.path.join", "os.path.join"),
        ("import os.path\nos.path.join", "os.path.join"),
        ("import subprocess as sp\nsp.run", "subprocess.run"),
        ("from os import system as s\ns", "os.system"),
        ("import os\nrun = os.system\nrun", "os.system"),
        ("run = exec\nrun", "exec"),
        ("def f():\n from os import path\npath.join", "os.path.join"),
        ("from . import tools\ntools.run", ".tools.run"),
        ("eval", "eval"),
        ("def eval(x): return x\neval", ""),
        ("self.run", ""),
        ("f().run", ""),
    ],
)
def test_a_name_is_resolved_to_where_it_was_imported_from(source, name):
    tree = tree_of(source)
    last = tree.body[-1]
    assert isinstance(last, ast.Expr)
    assert find_names(tree).resolve(last.value) == name


MODULE = """
import json as j
from os import path
LIMIT, other = 1, 2
if LIMIT:
    def first(): pass
else:
    def second(): pass
class Base:
    def close(self): pass
class Cache(Base):
    size = 0
    def get(self): pass
    def _drop(self): pass
LRUCache = Cache
def _private(): pass
async def first(): pass
if __name__ == "__main__":
    def demo(): pass
"""


def test_public_names_come_once_in_source_order():
    assert find_public_names(tree_of(MODULE)) == ("first", "second", "Base", "close", "Cache", "get")


def test_definitions_hold_everything_that_an_import_would_find():
    names = find_definitions(tree_of(MODULE))

    assert {"j", "path", "LIMIT", "other", "first", "second", "Cache", "LRUCache", "_private", "Cache.get"} <= names
    assert not {"demo", "get", "json", "Cache.close"} & names


@pytest.mark.parametrize(
    "entry", ["first", "first(n)", "LRUCache", "LRUCache.get", "Cache.close(self) -> None", "path"]
)
def test_an_entry_point_that_is_there_is_not_missing(entry):
    assert missing_entry_points(tree_of(MODULE), [entry]) == ()


@pytest.mark.parametrize("entry", ["third", "demo()", "LRUCache.put", "first.get", "class Missing", "get"])
def test_an_entry_point_that_is_absent_is_missing_as_it_was_given(entry):
    assert missing_entry_points(tree_of(MODULE), ["first", entry]) == (entry,)


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ("LRUCache(capacity: int).get(key) -> int", ("LRUCache", "get")),
        ("def fibonacci(n: int = (1)) -> list[int]", ("fibonacci",)),
        ("class LRUCache:", ("LRUCache",)),
        ("solution.f", ("f",)),
        ("ﬁb", ("fib",)),
        ("a function that adds", ()),
        ("", ()),
    ],
)
def test_entry_points_are_read_in_the_forms_people_write(entry, path):
    assert parse_entry_point(entry) == path


TESTS = """
import unittest, pytest
from unittest import TestCase as Case
def test_a(): pass
def test_a(): "again"
async def test_b(): pass
def helper_test(): pass
@pytest.fixture
def test_data(): pass
@pytest.mark.parametrize("n", [1, 2])
def test_c(n): pass
if True:
    def test_d(): pass
try:
    import x
except ImportError:
    def test_e(): pass
test_f = lambda: None
def test_g(): pass
del test_g
def test_h(): pass
test_h = None
class TestPlain:
    def test_x(self): pass
    def helper(self): pass
    class TestInner:
        def test_y(self): pass
class TestMade:
    def __init__(self): pass
    def test_x(self): pass
class Units(unittest.TestCase):
    def setUp(self): pass
    def test_x(self): pass
    def test_x(self): pass
class MoreUnits(Units):
    def test_z(self): pass
class ImportedCase(Case):
    def test_x(self): pass
class NotATest:
    def test_x(self): pass
class TestChild(TestPlain):
    test_x = None
def outer():
    def test_inner(): pass
if __name__ == "__main__":
    def test_never(): pass
"""
IDS = (
    "test_a test_b test_c test_d test_e test_f TestPlain::test_x TestPlain::TestInner::test_y Units::test_x"
    " MoreUnits::test_x MoreUnits::test_z ImportedCase::test_x TestChild::TestInner::test_y"
)


def test_expected_tests_are_those_that_pytest_reports():
    assert sorted(count_test_functions(TESTS)) == sorted(IDS.split())


def test_pytest_collects_the_same_ids(tmp_path):
    import subprocess

    source = TESTS.replace("import x\n", "import no_such_module\n")
    (tmp_path / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "--rootdir", "."]
    output = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    ids = {line.partition("::")[2].partition("[")[0] for line in output.splitlines() if "::" in line}
    assert ids == set(count_test_functions(source))


@pytest.mark.parametrize("source", ["def test_a(:", "x = 1", "class Test:\n    pass"])
def test_a_file_without_tests_has_no_ids(source):
    assert count_test_functions(source) == ()
