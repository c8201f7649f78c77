"""Paths that come from outside and are opened with nothing to keep them in their folder."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from green_logic.evaluation.security.place import Hit, Place, Rule, name_of, words_of
from green_logic.evaluation.static_checks import Function, walk, word_set

SENDERS = frozenset({"download", "serve", "upload", "send", "static"})
CLEANERS = word_set(
    "resolve realpath abspath commonpath commonprefix is_relative_to relative_to secure_filename basename safe_join"
    " normpath"
)

TRAVERSAL = Rule(
    "path-traversal", "CWE-22", "medium", "a path from outside is joined and opened, nothing keeps it in its folder"
)


def check_paths(function: Function, place: Place) -> Iterator[Hit]:
    if not words_of(function.name) & SENDERS:
        return
    nodes = list(walk(function))
    if any(name_of(node) in CLEANERS for node in nodes) or any(_is_dots(node) for node in nodes):
        return
    inside = Place((*place.owners, function), place.module)
    given = {a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)} - {
        "self",
        "cls",
    }
    for node in nodes:
        opened = _opened_path(node)
        if opened is not None and _joins(opened, given, inside):
            yield TRAVERSAL, opened.lineno


def _opened_path(node: ast.AST) -> ast.expr | None:
    if isinstance(node, ast.Call) and name_of(node) in {"open", "send_file", "FileResponse"} and node.args:
        return node.args[0]
    is_read = name_of(node) in {"read_text", "read_bytes", "write_text", "write_bytes", "open"}
    return node.func.value if is_read and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None


def _is_dots(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in ("..", "../")


def _joins(path: ast.expr, given: Iterable[str], place: Place) -> bool:
    """Whether a path is put together from something and a parameter."""
    bound = place.module.assigned.get((place.owner, path.id), ()) if isinstance(path, ast.Name) else ()
    nodes = (inner for expression in (path, *bound) for inner in walk(expression))
    joined = (node for node in nodes if isinstance(node, ast.JoinedStr | ast.BinOp) or _is_join(node))
    return any(isinstance(leaf, ast.Name) and leaf.id in given for node in joined for leaf in walk(node))


def _is_join(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and name_of(node) in {"join", "joinpath"}
