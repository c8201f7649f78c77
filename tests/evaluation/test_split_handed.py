"""What a solution has of the classes that the tests define, and what it has not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from green_logic.evaluation.sandbox import Sandbox, TestRun


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.open(workers=1) as opened:
        yield opened


def run_apart(sandbox: Sandbox, source: str, tests: str) -> TestRun:
    run = sandbox.run_tests(source, tests, kind="hidden")
    assert (run.ended, run.tamper, run.fallback) == ("finished", "out_of_process", ""), run
    return run


def failures(run: TestRun) -> list[str]:
    assert run.outcomes
    return [f"{outcome.name}: {outcome.message}" for outcome in run.outcomes if outcome.outcome != "passed"]


SETTING = """
def note_as_own(function): return lambda *given: function(*given)
def put(target, name, value):
    setattr(target, name, value)
def put_in(target, name, value):
    target.__dict__[name] = value
def update(target, name, value):
    target.__dict__.update({name: value})
def default(target, name, value):
    if target.__dict__.setdefault(name, value) != value: put_in(target, name, value)
"""


def test_a_solution_sets_the_data_of_a_tests_object(sandbox: Sandbox) -> None:
    tests = """
import abc, dataclasses
from typing import Generic, TypeVar
import pytest
from solution import default, put, put_in, update
class Base(abc.ABC): pass
class Task(Base, Generic[TypeVar("T")]):
    kind = "task"
    def __init__(self): self.status = "new"
    def describe(self): return self.status
class Slots:
    __slots__ = ("size",)
class Checked:
    def __init__(self): self._level = 1
    @property
    def level(self): return self._level
    @level.setter
    def level(self, value):
        if value < 0: raise ValueError(value)
        self._level = value
@dataclasses.dataclass
class Row: id: int = 0
@pytest.mark.parametrize("way", [put, put_in, update, default])
def test_data(way):
    task, row = Task(), Row()
    way(task, "status", "done"); way(task, "kind", "own"); way(task, "owner", row); way(row, "id", 7)
    assert (task.describe(), task.kind, Task.kind, task.owner, row) == ("done", "own", "task", row, Row(7))
def test_what_the_class_says_of_it():
    slots, checked = Slots(), Checked()
    put(slots, "size", 3); put(checked, "level", 4)
    assert (slots.size, checked.level) == (3, 4)
    with pytest.raises(ValueError): put(checked, "level", -1)
    with pytest.raises(AttributeError): put(slots, "other", 3)
    assert checked.level == 4
"""
    assert failures(run_apart(sandbox, SETTING, tests)) == []


def test_a_solution_sets_nothing_that_tests_tell_by(sandbox: Sandbox) -> None:
    tests = """
import dataclasses, enum, functools, threading, unittest, typing
import pytest
from solution import note_as_own, put, put_in, update
class Spy:
    def __init__(self): self.calls, self.last, self.seen, self.gone = 0, None, 0, 0
    def __call__(self, x): self.calls += 1
    def note(self, x):
        def later(): self.last = x
        later()
    @property
    def looked(self): self.seen += 1
    @classmethod
    def make(cls): cls.made = True
    @functools.lru_cache
    def drop(self): del self.gone
class Heir(Spy): pass
class Wrapped:
    def __init__(self): self.calls, self.other = 0, 0
    @note_as_own
    def method(self): self.calls += 1
class Partly(Wrapped):
    run = functools.partialmethod(Wrapped.method)
@dataclasses.dataclass(frozen=True)
class Frozen: x: int = 1
class Color(enum.Enum): RED = 1
class Pair(typing.NamedTuple):
    x: int = 1
class Worker(threading.Thread): pass
class Error(Exception): pass
class Test_:
    expected = 1
    def test_it(self): pass
class Case(unittest.TestCase):
    def test_it(self): pass
@pytest.mark.parametrize("way", [put, put_in, update])
@pytest.mark.parametrize(("target", "name"), [
    *((spy, name) for spy in (Spy(), Heir()) for name in ("calls", "last", "seen", "made", "gone")),
    *((spy, name) for spy in (Spy(), Heir()) for name in ("note", "make", "drop", "looked")),
    *((Wrapped(), name) for name in ("calls", "other")),
    *((Frozen(), name) for name in ("x", "y")),
    *((Color.RED, name) for name in ("value", "name", "other")),
    *((Pair(), name) for name in ("x", "y")),
    (Worker(), "name"), (Worker(), "run"), (Test_(), "expected"), (Case("test_it"), "other"), (Case("test_it"), "id"),
])
def test_refused(way, target, name):
    before = getattr(target, name, None)
    with pytest.raises((AttributeError, PermissionError, TypeError)): way(target, name, 1234)
    assert getattr(target, name, None) == before
@pytest.mark.parametrize("way", [put, put_in, update])
@pytest.mark.parametrize("name", ["_hidden", "__dict__", "__class__", "__eq__", "__call__"])
def test_marks_stay_with_the_solution(way, name):
    target = Spy()
    try: way(target, name, 1234)
    except (AttributeError, TypeError): pass
    assert "1234" not in repr(vars(target)) and type(target) is Spy and not hasattr(target, "_hidden")
@pytest.mark.parametrize("name", ["calls", "note", "__eq__", "__call__", "other"])
def test_a_class_stays_as_it_is(name):
    before = dict(vars(Spy))
    try: put(Spy, name, 1234)
    except (AttributeError, TypeError): pass
    assert dict(vars(Spy)) == before
"""
    assert failures(run_apart(sandbox, SETTING, tests)) == []


CLIMB = """
import gc, inspect, sys, types
def climb(*targets):
    found, todo, seen = [], list(targets), set()
    while todo and len(seen) < 20000:
        thing = todo.pop()
        if id(thing) in seen or isinstance(thing, (types.ModuleType, type(gc))): continue
        seen.add(id(thing))
        if isinstance(thing, (str, bytes)) and str(7654321) in str(thing): found.append(thing)
        if isinstance(thing, int) and thing == 7654320 + 1: found.append(thing)
        if isinstance(thing, str) and "secret" in thing: found.append(thing)
        if isinstance(thing, dict): todo += [*thing, *thing.values()]
        if isinstance(thing, (list, tuple, set, frozenset)): todo += thing
        if isinstance(thing, inspect.Signature):
            todo += [part for each in thing.parameters.values() for part in (each.default, each.annotation)]
        names = ["__init__", "__call__", "__annotations__", "__signature__", "__dataclass_fields__", "__mro__",
            "__dict__", "__bases__", "__globals__", "__closure__", "__code__", "__defaults__", "__kwdefaults__",
            "__wrapped__", "__func__", "__self__", "__qualname__", "__module__", "__doc__", "__subclasshook__"]
        if type(thing).__module__ == "test_solution" or getattr(thing, "__module__", "") == "test_solution":
            names += [name for name in dir(thing) if not name.startswith("__")]
        for name in names:
            try: todo.append(getattr(thing, name))
            except Exception: pass
    return [repr(thing)[:80] for thing in found]
def lists(kind): return sorted(name for name in dir(kind) if name[:1] != "_")
def where(kind): return kind.__name__, kind.__qualname__, kind.__module__, repr(kind)
"""


def test_a_class_leads_to_nothing_else_of_the_tests(sandbox: Sandbox) -> None:
    tests = """
import dataclasses
from solution import climb
EXPECTED = 7654321
def expected(): return 7654321
class Base:
    _secret = 7654321
    __private = 7654321
    def __init__(self, n: int = 7654321, *, secret_=None): self.n, self._hidden = n and 1, 7654321
    def method(self, x=EXPECTED): return 1
    def closed(self, n=1): return n == expected()
    def _inner(self): return "secret"
class Derived(Base): pass
@dataclasses.dataclass
class Data:
    x: int = 3
    _y: int = dataclasses.field(default=1, repr=False)
def test_a(): assert climb(Derived) == []
def test_b(): assert climb(Derived(1)) == []
def test_c(): assert climb(Data, Data()) == []
"""
    assert failures(run_apart(sandbox, CLIMB, tests)) == []


def test_a_class_does_not_tell_which_test_is_running(sandbox: Sandbox) -> None:
    tests = """
from solution import lists, where
class Outer:
    class Inner: pass
class TestThings:
    size = 3
    def helper(self): pass
    def test_hard(self): assert lists(type(self)) == ["helper"]
def test_secret_7654321():
    class Local:
        class Deep: pass
    assert where(Local) == ("Local", "Local", "test_solution", "<class 'test_solution.Local'>")
    assert where(Local.Deep)[1] == "Local.Deep" and where(Outer.Inner)[1] == "Outer.Inner"
"""
    assert failures(run_apart(sandbox, CLIMB, tests)) == []


def test_a_test_is_neither_listed_nor_copied_nor_set(sandbox: Sandbox) -> None:
    source = """
import copy
WAYS = [vars, lambda test: test.__dict__, copy.copy, copy.deepcopy, lambda test: setattr(test, "other", 1)]
def refused(test):
    found = 0
    for way in WAYS:
        try: way(test)
        except PermissionError: found += 1
    return found
def ask(test): return test.help()
"""
    tests = """
import unittest
from solution import ask, refused
class TestThings:
    def setup_method(self): self.expected = 1
    def help(self): return 2
    def test_it(self): assert refused(self) == 5 and ask(self) == 2 and vars(self) == {"expected": 1}
class Heir(TestThings):
    test_it = None
class Case(unittest.TestCase):
    def help(self): return 2
    def test_it(self): assert refused(self) == 5 and ask(self) == 2
class Plain:
    def help(self): return 2
def test_heirs(): assert refused(Heir()) == 5
def test_others(): assert refused(Plain()) == 0 and ask(Plain()) == 2
"""
    assert failures(run_apart(sandbox, source, tests)) == []


def test_a_hint_is_looked_up_and_never_run(sandbox: Sandbox) -> None:
    source = """
import typing
def words(): return ["exit()", "__import__('os')._exit(0)", "RUN()", "RUN[int]", "KEYS[0]", "os.system", "list[RUN()]"]
def schema(): return {f"f{number}": text for number, text in enumerate(words())}
def read(kind): return [hint is typing.Any or hint for hint in kind.__annotations__.values()]
ASKED = []
class Box:
    def __class_getitem__(cls, key): ASKED.append(key); return cls
def asked(): return len(ASKED)
def told(kind): return {name: str(hint) for name, hint in typing.get_type_hints(kind).items()}
"""
    tests = """
from __future__ import annotations
import os, typing
from typing import List, Optional
import solution
RAN = []
def RUN(*given): RAN.append(given)
class Keys:
    def __getitem__(self, key): RAN.append(key); return int
KEYS = Keys()
def generic(box: solution.Box[int], text: "Box[int]"): ...
from solution import Box
def test_classes_of_the_solution():
    assert solution.told(generic) == {"box": "typing.Any", "text": "typing.Any"} and solution.asked() == 0
def test_text_of_the_solution():
    made = type("Made", (), {"__annotations__": solution.schema()})
    assert solution.read(made) == [True] * 7
    assert RAN == []
class Node:
    left: Node | None
    rest: List["Node"]
    names: dict[str, Optional[int]]
    where: os.PathLike
    given: typing.Callable[[int], str]
def test_text_of_the_tests():
    assert solution.told(Node) == {
        "left": "typing.Optional[test_solution.Node]", "rest": "list[test_solution.Node]",
        "names": "dict[str, typing.Optional[int]]", "where": "<class 'os.PathLike'>", "given": "typing.Any",
    }
"""
    assert failures(run_apart(sandbox, source, tests)) == []


def test_a_class_is_described_once(sandbox: Sandbox) -> None:
    source = """
import gc
def asked(): return next(thing for thing in gc.get_objects() if type(thing).__name__ == "SolutionPeer").calls
def look(targets):
    before = asked()
    kinds = {type(target) for target in targets}
    return len(kinds), asked() - before
"""
    tests = """
from solution import asked, look
class Base: pass
class A(Base):
    def copy(self, other: "A") -> "A": ...
class B(Base): pass
def test_a():
    before = asked()
    assert look([A() for _ in range(50)]) == (1, 0)
    assert asked() - before == 2
    assert look([A(), B(), Base()]) == (3, 0)
    assert asked() - before == 3
"""
    assert failures(run_apart(sandbox, source, tests)) == []


def test_a_descriptor_has_its_say_only_where_a_test_puts_it(sandbox: Sandbox) -> None:
    source = """
SEEN = []
class Nosy:
    def __set_name__(self, owner, name): SEEN.append(name)
    def __get__(self, instance, owner=None):
        SEEN.append(owner.__name__)
        return getattr(owner, "expected", 5)
    def __set__(self, instance, value): SEEN.append(value)
def first(n): return Nosy()
PUT = Nosy()
def put(): return PUT
def seen(): return SEEN
"""
    tests = """
import pytest
from solution import Nosy, first, put, seen
class Case:
    result = first(5)
    expected = 7654321
class Holder:
    field = Nosy()
class TestThings:
    field = Nosy()
    expected = 7654321
    def test_not_in_a_test(self): assert self.field is not self.expected and self.field != 7654321
def test_not_what_a_function_gave():
    assert Case.result != Case.expected and Case().result != 7654321
    Case.later = put()
    assert Case.later != 7654321 and not isinstance(Case().later, int)
    with pytest.raises(AttributeError): Case().later = 1
def test_there():
    assert Holder.field == 5 and Holder().field == 5
    Holder().field = 8
def test_it_saw_the_rest_only(): assert seen() == ["field", "Holder", "Holder", 8]
"""
    assert failures(run_apart(sandbox, source, tests)) == []


def test_a_class_of_the_tests_cannot_be_a_base(sandbox: Sandbox) -> None:
    source = """
def derive(*bases): return type("Own", bases, {"__eq__": lambda *_: True})
def attempt(*bases):
    try: return derive(*bases)
    except TypeError as error: return str(error)
"""
    tests = """
import enum
from solution import attempt
class Base: pass
class Color(enum.Enum): pass
def test_a(): assert attempt(Base) == "Own: a class of the tests cannot be a base in another process"
def test_b(): assert "cannot be a base" in attempt(Color)
def test_c(): assert "cannot be a base" in attempt(list, Base)
"""
    assert failures(run_apart(sandbox, source, tests)) == []


def test_more_values_than_can_be_told_apart_are_plain(sandbox: Sandbox) -> None:
    source = (
        "def total(pairs): return sum(x for x, _ in pairs), type(pairs[-1]).__name__, len({id(type(p)) for p in pairs})"
    )
    tests = """
from typing import NamedTuple
from solution import total
class Pair(NamedTuple):
    x: int
    y: int = 0
def test_few(): assert total([Pair(1)] * 10) == (10, "Pair", 1)
def test_many(): assert total([Pair(n % 2) for n in range(110_000)]) == (55_000, "tuple", 2)
"""
    assert failures(run_apart(sandbox, source, tests)) == []
