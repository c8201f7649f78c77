"""What a module defines: its public names, the entry points that a task asks for, and the ids of its tests.

Decided on the tree alone, as everything here; see `static_checks.py`.
"""

from __future__ import annotations

import ast
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice

from green_logic.evaluation.static_checks import Function, Names, find_names, iterate_statements, parse_source

TASKS_KEPT = 32  # test files whose functions are remembered: all battles of a task share one
MAX_ANCESTORS = 50  # base classes followed for one class; a chain of 40,000 fits into 1 MiB and would cost its square
MAX_TESTS = 10_000  # ids of one test file; inheritance multiplies them
UNITTEST_BASES = frozenset({"unittest.TestCase", "unittest.IsolatedAsyncioTestCase"})
FIXTURES = frozenset({"pytest.fixture", "pytest_asyncio.fixture"})


def find_public_names(tree: ast.Module) -> tuple[str, ...]:
    """Names of the public functions and classes at the top of the module and of their public methods, in source order.

    Each name once, without its class; names with a leading underscore are left out.
    """
    found: dict[str, None] = {}
    for statement in iterate_statements(tree.body):
        if not isinstance(statement, Function | ast.ClassDef) or statement.name.startswith("_"):
            continue
        found[statement.name] = None
        inner = iterate_statements(statement.body) if isinstance(statement, ast.ClassDef) else iter(())
        found.update({m.name: None for m in inner if isinstance(m, Function) and not m.name.startswith("_")})
    return tuple(found)


def find_definitions(tree: ast.Module) -> frozenset[str]:
    """Every name that the module's top level binds, and "Class.member" for what its classes bind themselves."""
    scope = _bindings(tree.body)
    members = {f"{name}.{m}" for name, s in scope.items() if isinstance(s, ast.ClassDef) for m in _bindings(s.body)}
    return frozenset(scope) | members


def missing_entry_points(tree: ast.Module, entry_points: Iterable[str]) -> tuple[str, ...]:
    """The entry points, as given, that the module does not define.

    Read are "LRUCache", "LRUCache.get", "fibonacci(n: int) -> int" and "class LRUCache"; methods are found in base
    classes and through `LRUCache = OtherName` too. An entry point in any other form cannot be checked and is not
    reported: the submission does not pay for it.
    """
    scope = _bindings(tree.body)
    return tuple(entry for entry in entry_points if not _is_defined(scope, parse_entry_point(entry)))


def parse_entry_point(entry: str) -> tuple[str, ...]:
    """("LRUCache", "get") of "LRUCache(capacity).get(key) -> int"; empty if it is not a name in this form."""
    kept: list[str] = []
    depth = 0
    for char in entry:
        depth += char in "(["
        if not depth:
            kept.append(char)
        depth -= char in ")]"
    text = "".join(kept).partition("->")[0].partition(":")[0].strip()
    for word in ("async ", "def ", "class ", "solution."):
        text = text.removeprefix(word).strip()
    parts = tuple(unicodedata.normalize("NFKC", part) for part in text.split("."))  # as Python reads identifiers
    return parts if all(part.isidentifier() for part in parts) else ()


@lru_cache(maxsize=TASKS_KEPT)
def count_test_functions(tests_source: str) -> tuple[str, ...]:
    """Ids of the tests that pytest should report, as "test_x" or "TestCase::test_x", at most MAX_TESTS.

    A name defined twice counts once, inherited tests count for the subclass, fixtures do not count. Parameters are not
    expanded, names made at run time and base classes of other files are not seen. Empty if the source does not parse.
    """
    tree = parse_source(tests_source).tree
    if tree is None:
        return ()
    return tuple(islice(_test_ids(_bindings(tree.body), "", _bindings(tree.body), find_names(tree)), MAX_TESTS))


def _test_ids(
    scope: Mapping[str, ast.stmt], prefix: str, module: Mapping[str, ast.stmt], names: Names
) -> Iterator[str]:
    # recursion is safe: a class inside a class needs an indentation each, and the tokenizer stops at 100
    for name, statement in scope.items():
        if name.startswith("test") and _is_test_function(statement, names):
            yield prefix + name
        elif isinstance(statement, ast.ClassDef):
            line = _ancestors(statement, module)
            members: dict[str, ast.stmt] = {}
            for ancestor in reversed(line):
                members.update(_bindings(ancestor.body))
            is_unit = any(names.resolve(base) in UNITTEST_BASES for ancestor in line for base in ancestor.bases)
            if is_unit or (name.startswith("Test") and not {"__init__", "__new__"} & members.keys()):
                yield from _test_ids(members, f"{prefix}{name}::", module, names)


def _is_test_function(statement: ast.stmt, names: Names) -> bool:
    if isinstance(statement, Function):
        decorators = (d.func if isinstance(d, ast.Call) else d for d in statement.decorator_list)
        return not any(names.resolve(decorator) in FIXTURES | {"property"} for decorator in decorators)
    return isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Lambda)


def _ancestors(start: ast.ClassDef, scope: Mapping[str, ast.stmt]) -> list[ast.ClassDef]:
    """The class and its bases in this file, nearest first."""
    line = [start]
    for current in line:  # grows while it is read
        bases = (scope.get(base.id) for base in current.bases if isinstance(base, ast.Name))
        line.extend(base for base in bases if isinstance(base, ast.ClassDef) and base not in line)
        if len(line) > MAX_ANCESTORS:
            break
    return line


def _bindings(body: Iterable[ast.stmt]) -> dict[str, ast.stmt]:
    """Name → the statement that bound it last, in the order of first binding (the order of `__dict__`)."""
    scope: dict[str, ast.stmt] = {}
    for statement in iterate_statements(body):
        for name in _bound_names(statement):
            scope[name] = statement
        if isinstance(statement, ast.Delete):
            for target in statement.targets:
                scope.pop(target.id if isinstance(target, ast.Name) else "", None)
    return scope


def _bound_names(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, Function | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from (name.asname or name.name.partition(".")[0] for name in statement.names)
    elif isinstance(statement, ast.Assign):
        stored = (node for target in statement.targets for node in ast.walk(target))
        yield from (node.id for node in stored if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield statement.target.id


def _is_defined(scope: Mapping[str, ast.stmt], path: tuple[str, ...]) -> bool:
    if not path:
        return True
    statement = scope.get(path[0])
    for _ in range(MAX_ANCESTORS):  # LRUCache = _Cache, itself a name for something else
        if not (isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name)):
            break
        statement = scope.get(statement.value.id)
    if len(path) == 1 or not isinstance(statement, ast.ClassDef):
        return len(path) == 1 and path[0] in scope
    return any(path[1] in _bindings(ancestor.body) for ancestor in _ancestors(statement, scope))
