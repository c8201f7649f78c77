"""Walks over syntax trees, as `ast.iter_child_nodes` and `ast.walk` but twice as fast: a guest has little time.

Contexts (`Load`, `Store`, `Del`), a quarter of all nodes, are left out: they are read where they hang.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

LEAVES = frozenset({ast.Name, ast.Constant})  # most nodes; nothing hangs from them but contexts


def children(node: ast.AST) -> list[ast.AST]:
    """Nodes that hang directly from `node`, in its order."""
    found: list[ast.AST] = []
    for field in node._fields:
        if field != "ctx":
            value = getattr(node, field, None)
            if isinstance(value, ast.AST):
                found.append(value)
            elif isinstance(value, list):
                found += [item for item in value if isinstance(item, ast.AST)]
    return found


def drop_columns(nodes: Iterable[ast.AST]) -> None:
    """Leave of the place of each of `nodes` its line alone: code compiled from them has lines and no columns."""
    for node in nodes:
        if hasattr(node, "lineno"):
            node.end_lineno, node.col_offset, node.end_col_offset = node.lineno, -1, -1  # type: ignore[attr-defined]


def all_nodes(roots: Iterable[ast.AST], closed: tuple[type[ast.AST], ...] = ()) -> list[ast.AST]:
    """`roots` and every node below them, outer ones first; of the kinds `closed` the node alone."""
    nodes = list(roots)
    for node in nodes:  # it grows meanwhile
        if type(node) not in LEAVES and not isinstance(node, closed):
            nodes += children(node)
    return nodes
