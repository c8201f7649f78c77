"""A smell is counted once per place, and never where there is none."""

from __future__ import annotations

import ast

import pytest

from green_logic.evaluation.smells import find_smells, measure_complexity, measure_nesting
from green_logic.evaluation.static_checks import parse_source


def smells_of(source):
    return [(smell.name, smell.line) for smell in find_smells(parse_source(source).tree)]


NESTED = "def f(x):\n" + "".join(" " * level + "if x:\n" for level in range(1, 7)) + " " * 7 + "pass\n"

BAD = [
    ("try:\n    f()\nexcept:\n    g()", [("bare-except", 3)]),
    ("try:\n    f()\nexcept Exception:\n    pass", [("silent-except", 3)]),
    ("try:\n    f()\nexcept BaseException:\n    ...", [("silent-except", 3)]),
    ("def f(a=[]): pass", [("mutable-default", 1)]),
    ("def f(*, a=dict()): pass", [("mutable-default", 1)]),
    ("f = lambda a={}: a", [("mutable-default", 1)]),
    ("def f():\n" + "    a()\n" * 60, [("long-function", 1)]),
    (NESTED, [("deep-nesting", 7)]),
    ("n = 0\ndef f():\n    global n\n    n += 1", [("global-write", 3)]),
    ("from os import *", [("wildcard-import", 1)]),
    ("a == None", [("none-comparison", 1)]),
    ("a != None != b", [("none-comparison", 1)]),
    ("a == True", [("bool-comparison", 1)]),
    ("def f(a=[], b=[]): pass\ndef g(a=[]): pass", [("mutable-default", 1), ("mutable-default", 2)]),
]


@pytest.mark.parametrize(("source", "smells"), BAD)
def test_a_smell_is_found_at_its_line(source, smells):
    assert smells_of(source) == smells


GOOD = [
    "try:\n    f()\nexcept:\n    g()\n    raise",
    "try:\n    f()\nexcept Exception:\n    log()",
    "try:\n    f()\nexcept KeyError:\n    pass",
    "def f(a=None, b=(), c=frozenset()): pass",
    "def f():\n" + "    a()\n" * 59,
    NESTED.replace(" " * 6 + "if x:\n" + " " * 7, " " * 6),
    "n = 0\ndef f():\n    global n\n    return n",
    "from os import path",
    "a is None or a == 1",
    "a is True",
    "'a == None'  # except:",
    "def f(x):\n    if x: pass\n" + "    elif x: pass\n" * 20,
]


@pytest.mark.parametrize("source", GOOD)
def test_code_without_smells_has_none(source):
    assert smells_of(source) == []


@pytest.mark.parametrize(
    ("body", "complexity"),
    [
        ("pass", 1),
        ("if a: pass\nelif b: pass\nelse: pass", 3),
        ("for a in b: pass\nwhile a: pass", 3),
        ("return a and b and c or d", 4),
        ("return [x for x in y if x if x > 1]", 4),
        ("try: pass\nexcept A: pass\nexcept B: pass", 3),
        ("return a if b else c", 2),
        ("match a:\n    case 1: pass\n    case 2: pass\n    case _: pass", 3),
        ("def g():\n    if a: pass", 1),
    ],
)
def test_complexity_counts_the_decisions(body, complexity):
    function = ast.parse("def f():\n" + "".join(f"    {line}\n" for line in body.splitlines())).body[0]
    assert measure_complexity(function) == complexity


@pytest.mark.parametrize(
    ("source", "nesting"),
    [
        ("a = 1", (0, 0)),
        ("if a:\n    pass\nelif b:\n    pass", (1, 1)),
        ("if a:\n    pass\nelse:\n    if b:\n        pass", (2, 4)),
        ("for a in b:\n    with c:\n        try:\n            pass\n        finally:\n            pass", (3, 3)),
        ("if a:\n    def f():\n        if b:\n            pass", (1, 1)),
    ],
)
def test_nesting_counts_blocks_and_not_elif(source, nesting):
    assert measure_nesting(ast.parse(source).body) == nesting
