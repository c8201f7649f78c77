"""Habits that make code hard to trust or to read, each counted once per place; and two measures of a function's shape.

A smell is not a vulnerability: it costs little, and only what a reviewer would mark without knowing the task is one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from green_logic.evaluation.static_checks import Function, Loop, iterate_children, iterate_tree, walk

MAX_FUNCTION_LINES = 60  # lines with docstring, without decorators; one screen, and pylint's default is 50 statements
MAX_NESTING = 5  # blocks; pylint's default too
MUTABLE_CALLS = frozenset({"list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict"})
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)


@dataclass(frozen=True)
class Smell:
    """One smell. `name` is stable and machine-readable; `line` counts from 1."""

    name: str
    line: int
    message: str


def find_smells(tree: ast.Module) -> tuple[Smell, ...]:
    """All smells, ordered by line, then name; of several of one name on one line only the first."""
    found: dict[tuple[int, str], Smell] = {}
    for node, _ in iterate_tree(tree):
        for rule in _RULES.get(type(node), ()):
            for line, name, message in rule(node):
                found.setdefault((line, name), Smell(name, line, message))
    return tuple(found[place] for place in sorted(found))


def measure_nesting(body: Iterable[ast.stmt]) -> tuple[int, int]:
    """How deep blocks stand in each other, and the line of the first deepest one (0, 0 without blocks).

    Blocks are if, for, while, with, try and match; `elif` stays on the level of its `if`, and functions and classes
    inside are left out: they are measured on their own.
    """
    depth, line = 0, 0
    pending: list[tuple[ast.AST, int]] = [(statement, 0) for statement in body]
    pending.reverse()
    while pending:
        node, level = pending.pop()
        if isinstance(node, Function | ast.ClassDef | ast.expr):
            continue
        inner = level + isinstance(node, BLOCKS)
        if inner > depth:
            depth, line = inner, getattr(node, "lineno", 0)
        children = [(child, level if _is_elif(node, child) else inner) for child in iterate_children(node)]
        pending.extend(reversed(children))
    return depth, line


def measure_complexity(function: Function) -> int:
    """McCabe's number of independent paths (IEEE TSE 1976) of one function.

    1, plus one for each if, elif, conditional expression, loop, `for` and `if` of a comprehension, except clause and
    match case that can fail, plus one for each further operand of `and` and `or`. Functions inside are left out.
    """
    total = 1
    pending: list[ast.AST] = [*function.body]
    while pending:
        node = pending.pop()
        if isinstance(node, Function | ast.ClassDef):
            continue
        total += _decisions(node)
        pending.extend(iterate_children(node))
    return total


def _decisions(node: ast.AST) -> int:
    if isinstance(node, ast.If | ast.IfExp | Loop | ast.ExceptHandler):
        return 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.match_case):
        catches_all = isinstance(node.pattern, ast.MatchAs) and node.pattern.pattern is None and node.guard is None
        return 0 if catches_all else 1
    return 0


def _is_elif(parent: ast.AST, child: ast.AST) -> bool:
    # the tree of `elif` and of `else: if` differ only in where the inner `if` begins
    return (
        isinstance(parent, ast.If)
        and isinstance(child, ast.If)
        and bool(parent.orelse)
        and parent.orelse[-1] is child is parent.orelse[0]
        and child.col_offset == parent.col_offset
    )


_Found = tuple[int, str, str]  # line, name, message


def _function_shape(node: Function) -> Iterator[_Found]:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if lines > MAX_FUNCTION_LINES:
        yield node.lineno, "long-function", f"{node.name} has {lines} lines, over {MAX_FUNCTION_LINES}"
    depth, line = measure_nesting(node.body)
    if depth > MAX_NESTING:
        yield line, "deep-nesting", f"{node.name} nests {depth} blocks, over {MAX_NESTING}"


def _mutable_defaults(node: Function | ast.Lambda) -> Iterator[_Found]:
    for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)):
        called = default.func if isinstance(default, ast.Call) else None
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        literal = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp
        if isinstance(default, literal) or name in MUTABLE_CALLS:
            yield default.lineno, "mutable-default", "a default value that all calls share can be changed by each"


def _handlers(node: ast.ExceptHandler) -> Iterator[_Found]:
    is_silent = all(isinstance(s, ast.Pass) or _is_ellipsis(s) for s in node.body)
    if node.type is None and not any(isinstance(n, ast.Raise) for s in node.body for n in walk(s)):
        yield node.lineno, "bare-except", "catches everything, KeyboardInterrupt and SystemExit too"
    elif is_silent and isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}:
        yield node.lineno, "silent-except", f"every {node.type.id} disappears without a trace"


def _is_ellipsis(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and statement.value.value is ...
    )


def _globals(node: Function) -> Iterator[_Found]:
    declared: dict[str, int] = {}
    stored: set[str] = set()
    pending: list[ast.AST] = [*node.body]
    while pending:
        inner = pending.pop()
        if isinstance(inner, Function | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(inner, ast.Global):
            declared.update(dict.fromkeys(inner.names, inner.lineno))
        elif isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load):
            stored.add(inner.id)
        pending.extend(iterate_children(inner))
    for name in sorted(stored & declared.keys()):
        yield declared[name], "global-write", f"{node.name} rebinds the module's {name}"


def _wildcards(node: ast.ImportFrom) -> Iterator[_Found]:
    if any(name.name == "*" for name in node.names):
        yield node.lineno, "wildcard-import", f"which names come from {node.module or '.'} cannot be seen"


def _comparisons(node: ast.Compare) -> Iterator[_Found]:
    operands = (node.left, *node.comparators)
    for operator, pair in zip(node.ops, pairwise(operands), strict=True):
        for side in pair:
            if isinstance(operator, ast.Eq | ast.NotEq) and isinstance(side, ast.Constant):
                if side.value is None:
                    yield node.lineno, "none-comparison", "None is compared with ==; an object can claim to equal it"
                elif isinstance(side.value, bool):
                    yield node.lineno, "bool-comparison", f"compared with {side.value} by =="


_Rule = Callable[..., Iterator[_Found]]
_RULES: dict[type[ast.AST], tuple[_Rule, ...]] = {
    ast.FunctionDef: (_function_shape, _mutable_defaults, _globals),
    ast.AsyncFunctionDef: (_function_shape, _mutable_defaults, _globals),
    ast.Lambda: (_mutable_defaults,),
    ast.ExceptHandler: (_handlers,),
    ast.ImportFrom: (_wildcards,),
    ast.Compare: (_comparisons,),
}
