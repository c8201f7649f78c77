"""A constraint is kept, violated or unchecked; what cannot be seen is never passed in silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from green_logic.evaluation.constraints import check_constraints
from green_logic.evaluation.imports import Import, find_imports
from green_logic.evaluation.static_checks import parse_source


def judge(name, value, source, **options):
    tree = parse_source(source).tree
    assert tree is not None, source
    (constraint,) = check_constraints(tree, {name: value}, **options)
    assert constraint.name == name
    assert 0.0 <= constraint.penalty <= 1.0
    assert (constraint.penalty > 0) == (constraint.ok is False)
    return constraint


OS, ALLOWED = ["os"], ["hashlib", "os.path"]
VIOLATED = [
    ("forbidden_imports", OS, "import os"),
    ("forbidden_imports", OS, "import sys, os.path"),
    ("forbidden_imports", OS, "def f():\n    from os import path as p"),
    ("forbidden_imports", OS, "__import__('os')"),
    ("forbidden_imports", OS, "__import__(name)"),
    ("forbidden_imports", OS, "f = __import__\nf('os')"),
    ("forbidden_imports", OS, "import importlib\nimportlib.import_module('os')"),
    ("forbidden_imports", OS, "from importlib import import_module as f\nf(name='os.path')"),
    ("forbidden_imports", OS, "from importlib import import_module as f\nf('o' + 's')"),
    ("forbidden_imports", OS, "import builtins\ngetattr(builtins, '__imp' + 'ort__')('os')"),
    ("forbidden_imports", OS, "import builtins\nbuiltins.__import__('os')"),
    ("forbidden_imports", OS, "from builtins import __import__ as f\nf('os')"),
    ("forbidden_imports", OS, "globals()['__builtins__']"),
    ("forbidden_imports", OS, "__builtins__.__import__('os')"),
    ("forbidden_imports", OS, "f.__globals__.get('os')"),
    ("forbidden_imports", OS, "import sys\nsys.modules['os']"),
    ("forbidden_imports", OS, "exec('import os')"),
    ("forbidden_imports", ["urllib.request"], "from urllib import request"),
    ("forbidden_imports", ["urllib.request"], "import urllib\nurllib.request.urlopen"),
    ("forbidden_imports", ["urllib.request"], "from urllib import *"),
    ("forbidden_imports", ["os.system"], "import os as o\no.system('ls')"),
    ("allowed_imports", ALLOWED, "import requests"),
    ("allowed_imports", ALLOWED, "import os"),
    ("allowed_imports", ALLOWED, "import os.path\nos.system"),
    ("allowed_imports", ALLOWED, "from . import hashlib"),
    ("allowed_imports", ALLOWED, "import typing_extensions"),
    ("allowed_imports", ALLOWED, "eval(text)"),
    ("required_imports", ["hashlib"], "'import hashlib'"),
    ("required_imports", ["hashlib", "json"], "import hashlib"),
    ("required_imports", ["hashlib"], "__import__(name)"),
    ("no_network_calls", True, "import socket"),
    ("no_network_calls", True, "import urllib.request"),
    ("no_network_calls", True, "from urllib import request"),
    ("no_network_calls", True, "def f():\n    import requests as r"),
    ("no_network_calls", True, "from http.client import HTTPConnection"),
    ("no_network_calls", True, "import asyncio\nasyncio.open_connection('a', 1)"),
    ("no_network_calls", True, "import dns.resolver"),
    ("no_network_calls", True, "__import__(name)"),
    ("require_recursion", True, "def f(n):\n    return n"),
    ("require_recursion", True, "'f calls f()'\ndef f(): pass  # f()"),
    ("require_recursion", True, "import subprocess\ndef run(): subprocess.run(['ls'])"),
    ("require_recursion", True, "def f(f): return f()"),
    ("require_recursion", True, "def f():\n    def g(): pass\n    return g()"),
    ("require_recursion", True, "def f(): pass\ndef g(): f()\nf()\ng()"),
    ("require_recursion", True, "class A:\n    def get(self): return self.other.get()"),
    ("require_recursion", True, "def get(): pass\nclass A:\n    def get(self): return get()"),
    ("forbid_loops", True, "for a in b: pass"),
    ("forbid_loops", True, "while a: pass"),
    ("forbid_loops", True, "async def f():\n    async for a in b: pass"),
    ("forbid_loops", True, "a = [x for x in y]"),
    ("forbid_loops", True, "a = {x: x for x in y}"),
    ("forbid_loops", True, "a = sum(x for x in y)"),
    ("regex_only", True, "def f(email): return email.count('@') == 1"),
    ("regex_only", True, "import re\ndef f(email): return '@' in email"),
    ("regex_only", True, "import re\ndef f(email):\n    re.match('a', email)\n    return '@' in email"),
    ("regex_only", True, "import re\nP = re.compile('a')\ndef f(email): return email.split('@')"),
    ("regex_only", True, "class re:\n    def match(a): pass\nre.match(a)"),
    ("require_thread_safety", True, "class A:\n    def put(self, v): self.v = v"),
    ("require_thread_safety", True, "class A:\n    def put(self, v): self.items.append(v)"),
    ("require_thread_safety", True, "D = {}\ndef put(k, v): D[k] = v"),
    (
        "require_thread_safety",
        True,
        "import threading\nclass A:\n    def __init__(self): self.l = threading.Lock()\n    def f(self): self.v = 1",
    ),
    ("require_thread_safety", True, "import threading\ndef f(self):\n    with threading.Lock():\n        self.v = 1"),
    ("require_parameterized_queries", True, "c.execute(f'SELECT a FROM b WHERE c = {d}')"),
    ("require_parameterized_queries", True, "q = f\"SELECT a FROM b WHERE c = '{d}'\"\nx = '?'"),
    ("max_complexity", 2, "def f():\n    if a and b: pass"),
    ("max_nesting", 1, "def f():\n    if a:\n        if b: pass"),
    ("max_nesting", 0, "class A:\n    async def f(self):\n        async with a: pass"),
]


@pytest.mark.parametrize(("name", "value", "source"), VIOLATED)
def test_a_violation_is_found(name, value, source):
    constraint = judge(name, value, source)

    assert constraint.ok is False
    assert constraint.line is None or constraint.message.startswith(f"line {constraint.line}: ")


KEPT = [
    ("forbidden_imports", OS, "import osmium\nfrom cosmos import os as x"),
    ("forbidden_imports", OS, "'import os'  # import os"),
    ("forbidden_imports", OS, "__import__('json')"),
    ("forbidden_imports", OS, "class A:\n    def eval(self): return self.eval"),
    ("forbidden_imports", OS, "from .os import path"),
    ("forbidden_imports", OS, "import builtins\nbuiltins.open"),
    ("forbidden_imports", ["urllib.request"], "import urllib.parse\nurllib.parse.quote"),
    ("allowed_imports", ALLOWED, "import hashlib\nfrom os import path\nimport os.path\nos.path.join"),
    ("allowed_imports", ALLOWED, "from __future__ import annotations\nfrom typing import Any\nimport collections.abc"),
    ("required_imports", ["hashlib"], "def f():\n    from hashlib import sha256"),
    ("required_imports", ["collections.OrderedDict"], "import collections\ncollections.OrderedDict()"),
    ("no_network_calls", True, "from urllib.parse import urlparse\nfrom http import HTTPStatus\nimport asyncio"),
    ("no_network_calls", True, "class socket: pass"),
    ("require_recursion", True, "def f(n): return f(n - 1)"),
    ("require_recursion", True, "async def f(n): return await f(n - 1)"),
    ("require_recursion", True, "def f(n): return g(n)\ndef g(n): return f(n)"),
    ("require_recursion", True, "f = lambda n: f(n - 1)"),
    ("require_recursion", True, "import functools\nf = functools.cache(lambda n: f(n - 1))"),
    ("require_recursion", True, "import functools\n@functools.lru_cache\ndef f(n): return f(n - 1)"),
    ("require_recursion", True, "def f(n):\n    def g(n): return g(n - 1)\n    return g(n)"),
    ("require_recursion", True, "def f(n):\n    def g(n): return f(n - 1)\n    return g(n)"),
    ("require_recursion", True, "def f(n): return sum(map(f, n))"),
    ("require_recursion", True, "class A:\n    def f(self, n): return self.f(n - 1)"),
    ("require_recursion", True, "class A:\n    @classmethod\n    def f(cls): return cls.g()\n    def g(self): A.f()"),
    ("require_recursion", True, "class B:\n    def g(self): self.g()\nclass A(B):\n    def f(self): self.g()"),
    ("require_recursion", True, "class Node:\n    def __init__(self, n): self.left = Node(n - 1)"),
    ("forbid_loops", True, "'for'  # while\nmap(f, a)"),
    ("regex_only", True, "import re\ndef f(email): return bool(re.fullmatch('a', email))"),
    ("regex_only", True, "from re import compile as c\nP = c('a')\ndef f(email): return P.match(email)"),
    ("regex_only", True, "import regex as r\nx = r.search('a', b)"),
    (
        "require_thread_safety",
        True,
        "import threading\nclass A:\n    def __init__(self): self._l = threading.RLock()\n"
        "    def f(self):\n        with self._l: self.v = 1",
    ),
    ("require_thread_safety", True, "from threading import Lock\nL = Lock()\ndef f():\n    L.acquire()"),
    ("require_thread_safety", True, "from queue import Queue\nq = Queue()\ndef f(): q.put(1)"),
    (
        "require_thread_safety",
        True,
        "import asyncio\nclass A:\n    def __init__(self, n): self.locks = [asyncio.Lock() for _ in range(n)]\n"
        "    async def f(self):\n        async with self.locks[0]: pass",
    ),
    ("require_parameterized_queries", True, "c.execute('SELECT a FROM b WHERE c = ?', (d,))"),
    ("require_parameterized_queries", True, "text += f'{column} = %s'"),
    ("require_parameterized_queries", True, "q = 'SELECT a FROM b WHERE c = :name'"),
    ("max_complexity", 3, "def f():\n    if a and b: pass"),
    ("max_nesting", 2, "def f():\n    if a:\n        if b: pass\n    elif c:\n        if d: pass"),
]


@pytest.mark.parametrize(("name", "value", "source"), KEPT)
def test_a_kept_constraint_costs_nothing(name, value, source):
    assert judge(name, value, source).ok is True


UNCHECKED = [
    ("write_in_haiku", True, "a = 1"),
    ("require_thread_safety", True, "def f(n): return n + 1"),
    ("require_parameterized_queries", True, "a = 1"),
    ("max_complexity", "ten", "a = 1"),
    ("max_nesting", True, "a = 1"),
    ("max_nesting", -1, "a = 1"),
    ("forbidden_imports", "os", "import os"),
    ("allowed_imports", [1], "import os"),
    ("forbid_loops", "yes", "for a in b: pass"),
]


@pytest.mark.parametrize(("name", "value", "source"), UNCHECKED)
def test_what_cannot_be_judged_is_unchecked_and_says_so(name, value, source):
    constraint = judge(name, value, source)

    assert constraint.ok is None
    assert constraint.message.startswith("unchecked")


@pytest.mark.parametrize("value", [None, False, [], "", {}])
def test_an_empty_value_sets_no_constraint(value):
    assert check_constraints(parse_source("import os").tree, {"forbidden_imports": value, "max_nesting": value}) == ()


def test_recursion_beside_the_entry_point_is_no_evidence():
    source = "def fibonacci(n): return n\ndef decoy(n): return decoy(n - 1)"

    assert judge("require_recursion", True, source).ok is True
    assert judge("require_recursion", True, source, entry_points=["fibonacci(n)"]).ok is False
    assert judge("require_recursion", True, source, entry_points=["decoy"]).ok is True


def test_recursion_is_reached_through_a_method_of_the_entry_point():
    source = "class A:\n    def f(self): return walk(1)\ndef walk(n): return walk(n - 1)"

    assert judge("require_recursion", True, source, entry_points=["A.f"]).ok is True
    assert judge("require_recursion", True, source, entry_points=["A"]).ok is True


def test_constraints_come_back_ordered_by_name():
    tree = parse_source("import os").tree
    values = {"no_network_calls": True, "forbid_loops": True, "forbidden_imports": ["os"], "unknown": 1}

    found = check_constraints(tree, values)
    assert [constraint.name for constraint in found] == sorted(values)
    assert found == check_constraints(tree, dict(reversed(values.items())))


def test_imports_are_listed_with_their_lines():
    source = "import a.b as c, d\nfrom .e import f\nc.g\n__import__('h')\n__import__(i)\nfrom j import *"

    assert find_imports(parse_source(source).tree) == (
        Import("a.b", 1),
        Import("d", 1),
        Import(".e.f", 2),
        Import("a.b.g", 3),
        Import("h", 4),
        Import("", 5),
        Import("j.*", 6),
    )


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=4)
RULES = [
    "forbidden_imports",
    "allowed_imports",
    "required_imports",
    "max_nesting",
    "max_complexity",
    "forbid_loops",
    "x",
]


@given(st.dictionaries(st.sampled_from(RULES), JSON))
def test_no_value_of_a_constraint_makes_it_raise(constraints):
    tree = parse_source("import os\ndef f(): return f()").tree

    assert all(constraint.ok in (True, False, None) for constraint in check_constraints(tree, constraints))
