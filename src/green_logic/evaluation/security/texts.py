"""Texts that a program puts together: their constant pieces, what fills the holes, and whether that makes a query."""

from __future__ import annotations

import ast
import re

from green_logic.evaluation.security.place import Place, name_of, words_of
from green_logic.evaluation.static_checks import word_set

MAX_PARTS = 400  # pieces of one built string; assignments to one name can multiply them
SQL = (("select", "from"), ("insert", "into"), ("update", "set"), ("delete", "from"), ("replace", "into"))
SQL_OBJECTS = frozenset({"table", "index", "view", "database", "user", "trigger"})
# identifiers cannot be parameters of a query, and code that builds lists of them names them like this
IDENTIFIERS = word_set(
    "table tables column columns col cols field fields schema placeholder placeholders clause clauses where"
    " conditions order"
)


def parts_of(start: ast.expr, place: Place) -> list[str | ast.expr]:
    """A text as its constant pieces and the expressions between them; local names stand for what they were bound to."""
    parts: list[str | ast.expr] = []
    seen: set[str] = set()
    pending: list[ast.expr] = [start]
    while pending and len(parts) < MAX_PARTS:
        node = pending.pop()
        bound = place.module.assigned.get((place.owner, node.id)) if isinstance(node, ast.Name) else None
        if isinstance(node, ast.Name) and bound and node.id not in seen:
            seen.add(node.id)
            pending.extend(reversed(bound))
        elif isinstance(node, ast.Constant):
            parts.append(str(node.value))
        else:
            pieces = pieces_of(node)
            pending.extend(reversed(pieces or []))
            if pieces is None and not (isinstance(node, ast.Name) and node.id in seen):
                parts.append(node)
    return parts


def pieces_of(node: ast.expr) -> list[ast.expr] | None:
    """What a text expression is put together from; None if it is not put together."""
    match node:
        case ast.JoinedStr(values=pieces) | ast.List(elts=pieces) | ast.Tuple(elts=pieces):
            found = pieces
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            found = [left, right]
        case ast.BinOp(left=piece, op=ast.Mult()) | ast.FormattedValue(value=piece):  # "?" * n
            found = [piece]
        case ast.GeneratorExp(elt=piece) | ast.ListComp(elt=piece):
            found = [piece]
        case ast.IfExp(body=one, orelse=other):
            found = [one, other]
        case ast.Call(func=ast.Attribute(value=text, attr="format" | "join"), args=arguments, keywords=keywords):
            found = [text, *arguments, *(keyword.value for keyword in keywords)]
        case ast.Call(func=ast.Attribute(value=text, attr="strip" | "rstrip" | "lstrip" | "upper" | "lower")):
            found = [text]
        case _:
            return None
    return found


def is_constant(node: ast.expr | None, place: Place) -> bool:
    return node is None or all(isinstance(part, str) or _is_harmless(part) for part in parts_of(node, place))


def _is_harmless(hole: ast.expr) -> bool:
    """Whether what is put into a text cannot be an attacker's: numbers and, by their name, constants."""
    if isinstance(hole, ast.Call):
        return name_of(hole) in {"int", "len", "float", "id", "range"}
    name = name_of(hole)
    return bool(name) and name.isupper()


def holds_value(parts: list[str | ast.expr]) -> bool:
    """Whether a query's text has a hole that is filled with data, not with an identifier or a list of `?`."""
    words = re.findall(r"[a-z]+", " ".join(part for part in parts if isinstance(part, str)).lower())
    is_sql = any(a in words and b in words for a, b in SQL)
    if not (is_sql or ({"create", "drop", "alter"} & set(words) and SQL_OBJECTS & set(words))):
        return False
    for index, part in enumerate(parts):
        before, after = (parts[i] if 0 <= i < len(parts) else "" for i in (index - 1, index + 1))
        is_quoted = isinstance(before, str) and before.endswith(("'", '"', "%"))
        # f"… WHERE {self._filters()}": a call may well return text with placeholders in it
        is_clause = isinstance(part, ast.Call) and not (isinstance(before, str) and before.rstrip().endswith("="))
        is_column = isinstance(after, str) and after.lstrip().startswith(("= ?", "=?", "= %s", "= :", "=:", "IN ("))
        if isinstance(part, str) or _is_harmless(part):
            continue
        if is_quoted or not (is_column or is_clause or words_of(name_of(part)) & IDENTIFIERS):
            return True
    return False


def quotes_value(parts: list[str | ast.expr]) -> bool:
    """Whether a text reads `… = '<a value>'`, which is what a parameter is for."""
    for before, part, after in zip(parts, parts[1:], parts[2:], strict=False):
        is_open = isinstance(before, str) and before.replace(" ", "").lower().endswith(
            ("='", "values('", "like'", "like'%")
        )
        if is_open and not isinstance(part, str) and isinstance(after, str) and after.startswith(("'", "%'")):
            return True
    return False
