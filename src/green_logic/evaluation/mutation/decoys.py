"""Decoys: copies of what mutants break, whole and broken, which never run, in both controls and in every mutant alike.

Whoever looks for the original's instructions, their order, number, constants or names, in all or by line, finds in a
control what is in a mutant too. How many copies are whole and where among them the live one stands is random: to tell
it, one has to know which code never runs.
"""

from __future__ import annotations

import ast
import contextlib
import random
from collections.abc import Iterable, Sequence
from typing import Any

from green_logic.evaluation.mutation.neutral import make_nevers
from green_logic.evaluation.mutation.nodes import all_nodes
from green_logic.evaluation.mutation.operators import Mutation

HEADED = (ast.AsyncFor, ast.AsyncWith, ast.For, ast.If, ast.While, ast.With)
SIMPLE = (
    ast.AnnAssign,
    ast.Assign,
    ast.AugAssign,
    ast.Continue,
    ast.Delete,
    ast.Expr,
    ast.Raise,
    ast.Return,
)
# what no mutation changes in place
SHARED = (ast.Name, ast.Constant, ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)
Place = dict[str, int]  # of a node: a line, and no columns
MORE_COPIES = 2  # than one of the original and one for each way to break it: fewer would be counted


def plant(mutations: Sequence[Mutation], decoys: int, rng: random.Random) -> None:
    """Put decoys around each statement that one of the first `decoys` mutations is in.

    The statements move: `mutations`, of which none may be made at that time, are all told their new places.
    """
    groups: dict[int, list[Mutation]] = {}
    for found in mutations[:decoys]:
        groups.setdefault(id(found.statement), []).append(found)
    conditions = iter(make_nevers(rng, 2 * len(groups)))
    moved: dict[int, tuple[ast.If, str]] = {}
    for place, group in groups.items():
        # a statement that is nested beyond what can be copied stands alone
        with contextlib.suppress(RecursionError):
            if isinstance(group[0].statement, (*HEADED, *SIMPLE, ast.Match)):
                moved[place] = _surround(group, (next(conditions), next(conditions)), rng)
    for found in mutations:
        if holder := moved.get(id(found.statement)):
            _follow(found, *holder)
    find_again(mutations)  # those in bodies that have become longer


def find_again(mutations: Iterable[Mutation]) -> None:
    """Correct the places of `mutations` whose statement has moved in its list."""
    for found in mutations:
        if _is_whole(found):
            found.index = _find(found)


def _surround(group: Sequence[Mutation], nevers: tuple[ast.expr, ast.expr], rng: random.Random) -> tuple[ast.If, str]:
    """Put decoys before and after the statement of `group`; what it is in now, and in which field."""
    statement, siblings, index = group[0].statement, group[0].siblings, _find(group[0])
    find_again(group)
    place = {"lineno": statement.lineno, "end_lineno": statement.lineno, "col_offset": -1, "end_col_offset": -1}
    copies = _draw(_copy(statement, place), [_break(found, place) for found in group], rng)
    border = len(copies) if isinstance(statement, ast.Match) else rng.randint(0, len(copies))
    before, after = _chain(copies[:border], place, rng), _chain(copies[border:], place, rng)
    for node in all_nodes(nevers):
        vars(node).update(place if isinstance(node, ast.expr) else {})
    first = ast.If(nevers[0], before or [_hollow(place)], [statement], **place)
    siblings[index] = first
    if not after:
        return first, "orelse"
    if isinstance(statement, HEADED):  # what comes after its body does not look as if it came after its head
        statement.body.insert(0, ast.If(nevers[1], after, [], **place))
        return first, "orelse"
    # behind a condition of its own, even where the statement returns: the compiler drops what comes after that
    second = ast.If(ast.UnaryOp(ast.Not(), nevers[1], **place), [statement], after, **place)
    first.orelse = [second]
    return second, "body"


def _draw(whole: ast.stmt, broken: Sequence[ast.stmt], rng: random.Random) -> list[ast.stmt]:
    """Copies in any order, at least one of them `whole`; seldom so few that one less is a sign."""
    more = len(broken) + MORE_COPIES
    count = 1 + max(rng.randint(0, more), rng.randint(0, more))
    copies = [whole] * count + rng.choices(broken, k=1 + more - count)
    rng.shuffle(copies)
    return copies


def _chain(copies: Sequence[ast.stmt], place: Place, rng: random.Random) -> list[ast.stmt]:
    """`copies`, each of which can be reached as far as the compiler knows, whatever the one before it does."""
    chain: list[ast.stmt] = []
    for copied in reversed(copies):
        number = rng.randrange(1 << 21)
        held: list[ast.expr] = [ast.Constant(number >> 1, None, **place)] if number & 1 else []
        chain = [ast.If(ast.List(held, ast.Load(), **place), [copied], chain, **place)]
    return chain


def _break(found: Mutation, place: Place) -> Any:
    """A copy of the statement of `found` as the mutation makes it."""
    index = _find(found)
    found.apply()
    try:
        return _copy(found.siblings[index], place)
    finally:
        found.undo()


def _follow(found: Mutation, holder: ast.If, field: str) -> None:
    if _is_whole(found):
        found.owner, found.field, found.index = holder, field, 0
    found.siblings = getattr(holder, field)


def _is_whole(found: Mutation) -> bool:
    """Whether the statement itself is replaced, and not a part of it."""
    return found.index is not None and getattr(found.owner, found.field) is found.siblings


def _find(found: Mutation) -> int:
    return next(index for index, sibling in enumerate(found.siblings) if sibling is found.statement)


def _copy(node: Any, place: Place) -> Any:
    """A copy that shares nothing but what is never changed; of a compound statement only its head."""
    if isinstance(node, list):
        return [_copy(item, place) for item in node]
    if not isinstance(node, ast.AST) or isinstance(node, SHARED):
        return node
    copied = type(node)()
    fields = vars(copied)
    for name, value in vars(node).items():
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            fields[name] = [_hollow(place)] if name == "body" else []
        else:
            fields[name] = _copy(value, place)
    return copied


def _hollow(place: Place) -> ast.Expr:
    """A statement that does nothing and that the compiler does not see to do nothing."""
    return ast.Expr(ast.List([], ast.Load(), **place), **place)
