"""Containers that both sides hold: what one changes the other sees, however quietly it changed."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections import deque
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from green_logic.evaluation.isolation.split.generators import make_generator, take_state
from green_logic.evaluation.isolation.split.mirrors import Mirror
from green_logic.evaluation.isolation.split.values import MALFORMED
from green_logic.evaluation.sandbox import Sandbox, TestRun

SOLUTION = """
from collections import Counter, deque
class Box:
    def __init__(self): self.kept = None
    def keep(self, value):
        self.kept = value
        return value
    def get(self): return self.kept
    def run(self, text):
        exec(text, {"kept": self.kept, "deque": deque, "Counter": Counter})
    def say(self): return repr(self.kept)
"""
# a container of the tests, what the solution does to it, and what it is then
CHANGES = [
    ("[1, 2]", "kept[0] = True", "[True, 2]"),
    ("[1, 2]", "kept[0] = 1.0", "[1.0, 2]"),
    ("[1, 2]", "kept.reverse()", "[2, 1]"),
    ("[0.0]", "kept[0] = -0.0", "[-0.0]"),
    ("{'a': 1, 'b': 2}", "kept['a'] = kept.pop('a')", "{'b': 2, 'a': 1}"),
    ("{'a': 1}", "kept['a'] = True", "{'a': True}"),
    ("{1: 'a'}", "kept.clear(); kept[True] = 'a'", "{True: 'a'}"),
    ("{3}", "kept.add(4); kept.discard(3)", "{4}"),
    ("bytearray(b'ab')", "kept[0] = 99", "bytearray(b'cb')"),
    ("[[1], [2]]", "kept[1].append(3)", "[[1], [2, 3]]"),
    ("{'a': {'b': [1]}}", "kept['a']['b'].append(2)", "{'a': {'b': [1, 2]}}"),
    ("[deque([1])]", "kept[0].append(2)", "[deque([1, 2])]"),  # by value, within the list
    ("[(1, [2])]", "kept[0][1].append(3)", "[(1, [2, 3])]"),
    ("[[1]]", "kept[0] = [1]; kept[0].append(2)", "[[1, 2]]"),
    ("[1] * 300", "kept[150] = 2", "[1] * 150 + [2] + [1] * 149"),
    ("[[1] * 20_001]", "kept[0][0] = 2", "[[2] + [1] * 20_000]"),  # the inner one has no mirror of its own
    ("{'a': bytearray(20_001)}", "kept['a'][0] = 2", "{'a': bytearray(b'\\2') + bytearray(20_000)}"),
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.open(workers=1) as opened:
        yield opened


def run(sandbox: Sandbox, tests: str) -> TestRun:
    tests = f"from collections import Counter, deque\nimport threading\nfrom solution import Box\n{tests}"
    found = sandbox.run_tests(SOLUTION, tests, kind="hidden", split=True)
    assert (found.ended, found.tamper) == ("finished", "out_of_process"), found
    return found


def failures(found: TestRun) -> list[str]:
    return [outcome.message for outcome in found.outcomes if outcome.outcome != "passed"]


@pytest.mark.parametrize("threads", [False, True])
def test_what_the_solution_changes_the_tests_see(sandbox: Sandbox, threads: bool) -> None:
    """With a second thread nothing is ever dropped, so there is more that could be missed."""
    tests = """
def call_and_stay(called, over): Box().get(); called.set(); over.wait(5)
def begin():
    called, over = threading.Event(), threading.Event()
    threading.Thread(target=call_and_stay, args=(called, over), daemon=True).start()
    assert called.wait(5)
    return over
"""
    for number, (value, change, expected) in enumerate(CHANGES):
        tests += f"""
def test_{number}():
    over = {"begin()" if threads else "threading.Event()"}
    box, value = Box(), {value}
    box.keep(value)
    for _ in range(3): box.get()
    assert value == {value}
    box.run({change!r})
    assert repr(value) == repr({expected})
    over.set()
"""
    assert failures(run(sandbox, tests)) == []


def test_what_the_tests_change_the_solution_sees(sandbox: Sandbox) -> None:
    tests = ""
    for number, (value, change, expected) in enumerate(CHANGES):
        if "deque" not in value:
            tests += f"""
def test_{number}():
    box, kept = Box(), {value}
    box.keep(kept)
    for _ in range(3): box.get()
    exec({change!r})
    assert box.say() == repr({expected})
    assert box.say() == repr(kept)
"""
    assert failures(run(sandbox, tests)) == []


def test_a_value_that_changes_in_place_is_not_taken_for_the_same(sandbox: Sandbox) -> None:
    """A deque goes by value, so the list around it is what tells that it changed."""
    found = run(
        sandbox,
        """
def test_list():
    box = Box()
    kept = box.keep([deque([1])])
    box.run("kept[0].append(2)")
    assert box.say() == "[deque([1, 2])]"
    kept[0].append(5)
    assert box.say() == "[deque([1, 2, 5])]"
def test_tuple():
    box = Box()
    kept = box.keep([(Counter("a"),)])
    kept[0][0]["b"] += 1
    assert box.say() == "[(Counter({'a': 1, 'b': 1}),)]"
""",
    )
    assert failures(found) == []


def test_many_threads_that_fill_one_list_lose_nothing(sandbox: Sandbox) -> None:
    found = run(
        sandbox,
        """
def test_list():
    box, seen = Box(), []
    def work(number):
        for item in range(20):
            box.keep([number, item])
            seen.append((number, item))
    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert sorted(seen) == [(number, item) for number in range(5) for item in range(20)]
    value = [1]
    box.keep(value)
    box.run("kept.append(2)")
    assert value == [1, 2]
""",
    )
    assert failures(found) == []


def test_what_one_call_changes_is_there_when_it_returns_whoever_calls_meanwhile(sandbox: Sandbox) -> None:
    """The answers of two calls go different ways, and either may tell of both."""
    found = run(
        sandbox,
        """
def test_list():
    def work(number):
        box, value = Box(), []
        box.keep(value)
        for step in range(40):
            box.run(f"kept.append({step})")
            assert value == list(range(step + 1))
            value[step] = -1
            assert box.say() == repr(value)
            value[step] = step
    failed = []
    def guard(number):
        try: work(number)
        except BaseException as error: failed.append(repr(error))
    threads = [threading.Thread(target=guard, args=(number,)) for number in range(6)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert failed == []
""",
    )
    assert failures(found) == []


@pytest.mark.parametrize("threads", [2, 6])
def test_sets_that_cross_do_not_wait_for_each_other(sandbox: Sandbox, threads: int) -> None:
    """Each side asks the other one for the hashes of what it is told of, and both do so at the same time."""
    thing = """
class Thing:
    def __init__(self, number): self.number = number
    def __eq__(self, other): return self.number == other.number
    def __hash__(self): return hash(self.number)
"""
    source = f"""{thing}
def find(): return {{Thing(number) for number in range(3)}}
def count(things): return len(set(things))
"""
    tests = f"""{thing}
import threading
from solution import count, find
def test_sets():
    done = []
    def receive():
        for _ in range(10): done.append(len(find()) == 3)
    def hand_over():
        for _ in range(10): done.append(count({{Thing(number) for number in range(3)}}) == 3)
    threads = [threading.Thread(target=work) for work in (receive, hand_over) * {threads // 2}]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert done == [True] * {threads * 10}
"""
    found = sandbox.run_tests(source, tests, kind="hidden", split=True)
    assert (found.ended, found.tamper) == ("finished", "out_of_process"), found
    assert failures(found) == []


@pytest.mark.parametrize("change", ["kept.append('x' * 9_000_000)", "kept[:] = ['x' * 5_000_000, 'y' * 5_000_000]"])
def test_a_change_that_no_message_can_bring_is_an_error_and_the_run_goes_on(sandbox: Sandbox, change: str) -> None:
    found = run(
        sandbox,
        f"""
import pytest
def test_list():
    box, value, other = Box(), [1], [2]
    box.keep(other)
    box.keep([value, other])
    with pytest.raises(ValueError, match="bytes, expected at most"):
        box.run({change.replace("kept", "kept[0]")!r} + "; kept[1].append(3)")
    assert value == [1] and other == [2, 3]
    box.run("kept[1].append(4)")
    assert other == [2, 3, 4]
""",
    )
    assert failures(found) == []


class Loud:
    """Says when it is compared."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("it was compared")

    __hash__ = object.__hash__


def seen(value: Any) -> Mirror:
    mirror = Mirror(value)
    mirror.look()
    return mirror


@pytest.mark.parametrize("value", [[], [1, "a", None], {"a": 1.5}, {1, 2}, bytearray(b"a"), [(1, "a")], [[1], {2: 3}]])
def test_what_did_not_change_is_as_seen(value: Any) -> None:
    assert seen(value).is_as_seen()


@pytest.mark.parametrize("value", [[deque()], [Loud()], [(1, deque())], [((1,),)], {"a": Loud()}, [int], [lambda: 0]])
def test_what_may_change_inside_is_never_as_seen(value: Any) -> None:
    assert not seen(value).is_as_seen()


def test_nothing_is_as_seen_before_the_first_look() -> None:
    assert not Mirror([]).is_as_seen()


def test_looking_compares_no_item() -> None:
    value: list[Any] = [1]
    mirror = seen(value)
    value[0] = Loud()
    assert not mirror.is_as_seen()
    value[0] = 1
    assert mirror.is_as_seen()
    value.append(1)
    assert not mirror.is_as_seen()


def test_a_change_between_look_and_encoding_is_seen_at_the_next_look() -> None:
    """The look comes first: then what another thread adds meanwhile is at worst told twice, never missed."""
    value: list[int] = []
    mirror = seen(value)
    thread = threading.Thread(target=lambda: value.append(1))
    thread.start()
    thread.join()
    assert not mirror.is_as_seen()


def test_a_generator_is_as_seen_until_somebody_draws_from_it() -> None:
    value = Random(1)
    mirror = seen(value)
    assert mirror.is_as_seen()
    value.random()
    assert not mirror.is_as_seen()


def test_a_generator_goes_on_where_the_other_left_it() -> None:
    value = Random(1)
    value.gauss(0, 1)
    other = make_generator(take_state(value))
    assert [other.gauss(0, 1), other.random()] == [value.gauss(0, 1), value.random()]


@pytest.mark.parametrize(
    "data",
    [
        *(None, 1, "x", [], ["", None], ["AAAA"], ["AAAA", None], ["A", None], [[1], None], [None, None]),
        [b64encode(bytes(4 * 624)).decode(), None],  # a word short
        [b64encode(bytes(4 * 626)).decode(), None],
        [b64encode(bytes(4 * 624) + b"\xff\xff\0\0").decode(), None],  # a place beyond the words
        [take_state(Random(1))[0], "1.0"],
        [take_state(Random(1))[0], 1],
    ],
)
def test_what_is_no_state_makes_no_generator(data: Any) -> None:
    with pytest.raises(MALFORMED):
        make_generator(data)
