"""Decoys: copies of what mutants break, which never run, beside it in the control and in every mutant alike.

Whoever looks for the original's instructions, their order, number, constants, names or columns finds all of them in a
mutant too: the broken statement is one more. To tell it, one has to know which code never runs.
"""

from __future__ import annotations

import ast
import contextlib
import random
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from green_logic.evaluation.mutation.neutral import make_never
from green_logic.evaluation.mutation.nodes import all_nodes
from green_logic.evaluation.mutation.operators import Mutation

HEADED = (ast.If, ast.While, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith)
SIMPLE = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Continue,
    ast.Delete,
    ast.Expr,
    ast.Raise,
    ast.Return,
)
PLACE = ("lineno", "col_offset", "end_lineno", "end_col_offset")


def plant(mutations: Iterable[Mutation], rng: random.Random) -> None:
    """Put a decoy before each statement that one of `mutations` is in, none of which may be made at that time."""
    for found in {id(found.statement): found for found in mutations}.values():
        # a statement that is nested beyond what can be copied stands alone
        with contextlib.suppress(RecursionError):
            if isinstance(found.statement, (*HEADED, *SIMPLE)):
                found.siblings.insert(_find(found), _make(found.statement, rng))


def find_again(mutations: Iterable[Mutation]) -> None:
    """Correct the places of `mutations` whose statement has moved in its list."""
    for found in mutations:
        if found.index is not None and getattr(found.owner, found.field) is found.siblings:
            found.index = _find(found)


def _find(found: Mutation) -> int:
    return next(index for index, sibling in enumerate(found.siblings) if sibling is found.statement)


def _make(statement: ast.stmt, rng: random.Random) -> ast.If:
    """A condition that is never true, and behind it the statement; of a compound one only its head."""
    place = {name: getattr(statement, name) for name in PLACE}
    empty = ast.List([], ast.Load(), **place)
    changes = {"body": [ast.Expr(empty, **place)], "orelse": []} if isinstance(statement, HEADED) else {}
    condition = make_never(rng)
    for node in all_nodes([condition]):
        vars(node).update(place if isinstance(node, ast.expr) else {})
    return ast.If(condition, [_copy(statement, changes)], [], **place)


def _copy(node: Any, changes: Mapping[str, object] = MappingProxyType({})) -> Any:
    """A copy that shares nothing but what is never changed."""
    if isinstance(node, list):
        return [_copy(item) for item in node]
    if not isinstance(node, ast.AST):
        return node
    copied = type(node)()
    vars(copied).update(
        {name: changes[name] if name in changes else _copy(value) for name, value in vars(node).items()}
    )
    return copied
