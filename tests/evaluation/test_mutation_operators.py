"""What is broken in a solution, what never is, and which mutants come first."""

from __future__ import annotations

import ast
import random
import textwrap

import pytest

from green_logic.evaluation.breakdown import CHANGES
from green_logic.evaluation.mutation.choice import choose, compile_mutants, compile_variants, fingerprint
from green_logic.evaluation.mutation.operators import find_mutations


def found(source: str) -> list[tuple[str, int, str]]:
    """Operator, line, and the mutated text, of every mutation."""
    tree = ast.parse(textwrap.dedent(source))
    seen = []
    for mutation in find_mutations(tree):
        mutation.apply()
        seen.append((mutation.operator, mutation.line, ast.unparse(tree)))
        mutation.undo()
    return seen


def texts(source: str) -> list[str]:
    return [text for _, _, text in found(source)]


def body(statement: str) -> str:
    return f"def f(a, b):\n    {statement}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return a < b", "return a <= b"),
        ("return a == b", "return a != b"),
        ("return a in b", "return a not in b"),
        ("return a is b", "return a is not b"),
        ("return a + b", "return a - b"),
        ("return a // b", "return a * b"),
        ("return a and b", "return a or b"),
        ("return not a", "return a"),
        ("return True", "return False"),
        ("return a[1]", "return a[2]"),
        ("return a", "return None"),
        ("return a if b else 5", "return a if not b else 5"),
        ("raise ValueError(a)", "pass"),
        ("a.append(b)", "pass"),
        ("a[b] = 5", "pass"),
        ("a += b", "a -= b"),
        ("del a[b]", "pass"),
    ],
)
def test_each_operator_breaks_what_it_says(before: str, after: str) -> None:
    assert body(after) in texts(body(before))


def test_conditions_and_loops_are_turned_over() -> None:
    mutated = texts("""
        def f(items):
            while items:
                if items.pop() > 3:
                    continue
    """)
    assert any("while not items:" in text for text in mutated)
    assert any("if not items.pop() > 3:" in text for text in mutated)
    assert any("break" in text for text in mutated)


@pytest.mark.parametrize(
    "source",
    [
        '"""A module, 1 + 1."""\n',
        'def f():\n    """Doc 1."""\n',
        "from typing import List\nPair = List[1]\n",
        "def f(a: 1 + 1, b: 'x' = 5) -> 2: ...\n",
        "import functools\n@functools.lru_cache(maxsize=8)\ndef f(): ...\n",
        "if __name__ == '__main__':\n    x = 1 + 1\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import os\n",
        "__version__ = 1\n",
        "class Kind:\n    RED = 1\n    GREEN = 2\n",
        "def f(a=1, *, b=2): ...\n",
        "LIMIT = 4096\n",
        "def f(lock):\n    lock.acquire()\n    lock.release()\n",
        "def f(memo, n):\n    memo[n] = n\n",
        "def f(a):\n    assert a > 1, 2\n",
    ],
)
def test_what_no_test_should_notice_stays(source: str) -> None:
    assert found(source) == []


LOGIC = "def g(a, b):\n    return a + 1 if b > 2 else b * 3\n"


@pytest.mark.parametrize(
    "source",
    [
        "def f(a):\n    print(a + 1)\n",
        "def f(self):\n    self.logger.info('x', self.a + 1)\n",
        "import logging\nlog = logging.getLogger(__name__)\ndef f(a):\n    log.info('x', a + 1)\n",
        "class A:\n    def __repr__(self):\n        return 'A' * 3\n",
        "import time\ndef f():\n    time.sleep(1)\n",
        "import asyncio\nasync def f():\n    await asyncio.sleep(1)\n",
    ],
)
def test_what_only_shows_something_stays_unless_it_is_most_of_a_source(source: str) -> None:
    last = source.count("\n")
    assert {line for _, line, _ in found(source + LOGIC)} == {last + 2}
    assert found(source)


@pytest.mark.parametrize(
    "hidden",
    [
        "__name__ = '__main__'\nif __name__ == '__main__':\n    def f(a): return a\n",
        "globals()['__name__'] = '__main__'\nif __name__ == '__main__':\n    def f(a): return a\n",
        "globals().update(__name__='__main__')\nif __name__ == '__main__':\n    def f(a): return a\n",
        "from os import sep as __name__\nif __name__ == '__main__':\n    def f(a): return a\n",
        "TYPE_CHECKING = True\nif TYPE_CHECKING:\n    def f(a): return a\n",
        "import typing\ntyping.TYPE_CHECKING = True\nif typing.TYPE_CHECKING:\n    def f(a): return a\n",
        "class typing:\n    TYPE_CHECKING = 5\nif typing.TYPE_CHECKING:\n    def f(a): return a\n",
        "from os import sep as TYPE_CHECKING\nif TYPE_CHECKING:\n    def f(a): return a\n",
        "import logging\nlog = logging.getLogger()\ndef f(a): return log.info(a * 2)\n",
        "class Log: pass\nlog = Log()\ndef f(a):\n    log.info(a * 2)\n",
        "class logging: pass\nlog = logging.getLogger()\ndef f(a):\n    log.info(a * 2)\n",
        "import operator as log\ndef f(a, b):\n    log.setitem(a, 0, b * 2)\n",
        "def print(a): ...\ndef f(a):\n    print(a * 2)\n",
        "import asyncio\nasync def f(a): return await asyncio.sleep(0, a * 2)\n",
        "from typing import Literal\ndef f(a): return Literal[a * 2].__args__[0]\n",
        "from typing import Literal\nf = Literal[lambda a: a * 2].__args__[0]\n",
        "__f__ = lambda a: a * 2\n",
    ],
)
def test_what_looks_exempt_and_runs_is_broken_with_the_rest(hidden: str) -> None:
    before = len(found(LOGIC * 2))
    lines = {line for _, line, _ in found(LOGIC * 2 + hidden)}
    assert len(found(LOGIC * 2 + hidden)) > before
    assert max(lines) == 4 + hidden.count("\n")


@pytest.mark.parametrize(
    "source",
    [
        "if __name__ == '__main__':\n    pass\nelse:\n    x = 1\n",
        "if __name__ != '__main__':\n    x = 1\n",
        "if not TYPE_CHECKING:\n    x = 1\n",
        "def main(a):\n    return a\n",
        "def main(a):\n    return a\nsolve = main\n",
        "def f(a):\n    self.items.append(a)\n",
    ],
)
def test_nothing_hides_behind_what_looks_exempt(source: str) -> None:
    assert found(source)


def test_a_function_for_scripts_is_left_alone_beside_real_code_only() -> None:
    source = "def f(a):\n    return a\ndef main():\n    return f(1)\nif __name__ == '__main__':\n    main()\n"
    assert {line for _, line, _ in found(source)} == {2}
    assert {line for _, line, _ in found(source + "g = main\n")} == {2, 4}


def test_borders_that_decide_nothing_change_sides() -> None:
    assert body("if a.elapsed >= b:\n        b()") in texts(body("if a.elapsed < b:\n        b()"))
    guard = "if a < 0:\n        return 0\n    return a"
    assert body(guard.replace("<", ">=")) in texts(body(guard))
    assert body(guard.replace("<", "<=")) not in texts(body(guard))
    refusal = "if a < 0:\n        raise ValueError"
    assert body(refusal.replace("<", "<=")) in texts(body(refusal))


def test_text_is_not_calculated_with() -> None:
    assert not any("-" in text for text in texts(body("return 'a' + b + 'c'")))
    assert not any("*" in text for text in texts(body("return '%d' % a")))


def test_undoing_restores_the_tree() -> None:
    source = textwrap.dedent(SOURCE)
    tree = ast.parse(source)
    before = ast.dump(tree, include_attributes=True)
    for mutation in find_mutations(tree):
        mutation.apply()
        assert ast.dump(tree) != ast.dump(ast.parse(source))
        mutation.undo()
        assert ast.dump(tree, include_attributes=True) == before


SOURCE = """
class Box:
    def __init__(self, size):
        self.size = size
        self.items = []

    def put(self, item):
        if len(self.items) >= self.size or item is None:
            raise OverflowError(item)
        self.items.append(item)
        return True

    def take(self, count=1):
        taken, self.items = self.items[:count], self.items[count:]
        return taken

def total(boxes):
    found = 0
    for box in boxes:
        found += len(box.items) * 2 - 1
    return found
"""


def chosen(source: str, wanted: int) -> list[tuple[str, int]]:
    tree = ast.parse(source)
    original = compile(tree, "solution.py", "exec")
    mutants = compile_mutants(choose(source, tree, 4 * wanted), tree, original, wanted)
    return [(mutation.operator, mutation.line) for mutation, _ in mutants]


def test_the_same_source_has_the_same_mutants_and_another_has_others() -> None:
    assert chosen(SOURCE, 8) == chosen(SOURCE, 8)
    orders = {tuple(chosen(f"{SOURCE}\n# {number}\n", 8)) for number in range(8)}
    assert len(orders) > 1


def test_the_first_mutants_lie_in_every_function() -> None:
    lines = [line for _, line in chosen(SOURCE, 3)]
    assert sum(line <= 11 for line in lines) == 1
    assert sum(12 < line <= 15 for line in lines) == 1
    assert sum(line > 16 for line in lines) == 1


def test_no_mutant_is_the_original_or_another_mutant() -> None:
    tree = ast.parse(SOURCE)
    original = compile(tree, "solution.py", "exec")
    codes = [code for _, code in compile_mutants(find_mutations(tree), tree, original, 1000)]
    digests = {fingerprint(code) for code in codes}
    assert len(digests) == len(codes)
    assert fingerprint(original) not in digests


def test_code_is_compared_without_its_positions() -> None:
    one, moved = (compile(f"{space}def f(a):\n    return a + 1", "x", "exec") for space in ("", "\n\n"))
    assert fingerprint(one) == fingerprint(moved)
    assert fingerprint(one) != fingerprint(compile("def f(a):\n    return a + 1.0", "x", "exec"))
    assert fingerprint(one) != fingerprint(compile("def f(b):\n    return b + 1", "x", "exec"))


def test_a_number_of_any_size_is_no_fault() -> None:
    header, _ = compile_variants(f"def f(a):\n    return a + 10 ** 9 + {10**5000:#x}\n", "", "s.py", "t.py", 8)
    assert "fault" not in header
    assert header["mutants"]


@pytest.mark.parametrize("source", ["def f(:\n", "x = " + "(" * 300 + ")" * 300, "x = '\0'"])
def test_a_source_that_cannot_be_compiled_is_a_fault_and_no_mutant(source: str) -> None:
    header, blobs = compile_variants(source, "", "s.py", "t.py", 8)
    assert header.keys() == {"fault"}
    assert blobs == []


def test_mutants_beyond_the_limit_of_size_are_listed_without_code() -> None:
    table = ", ".join(str(random.Random(number).random()) for number in range(60_000))
    header, blobs = compile_variants(f"T = [{table}]\ndef f(a, b):\n    return a < b\n", "", "s.py", "t.py", 8)
    mutants = header["mutants"]
    assert isinstance(mutants, list)
    assert len(mutants) >= 2
    assert b"" in blobs[-len(mutants) :]


def test_every_operator_has_words_for_contestants() -> None:
    statements = (
        "while a:\n        continue\n    raise a\n    a += b\n    del a[b]\n    return not a < b and a + 1 or None"
    )
    operators = {operator for operator, *_ in found(body(statements))}
    assert operators == CHANGES.keys()
