"""Walks over syntax trees, as `ast.iter_child_nodes` and `ast.walk` but twice as fast: a guest has little time.

Contexts (`Load`, `Store`, `Del`), a quarter of all nodes, are left out: they are read where they hang.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable


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


def all_nodes(roots: Iterable[ast.AST], closed: tuple[type[ast.AST], ...] = ()) -> list[ast.AST]:
    """`roots` and every node below them, outer ones first; of the kinds `closed` the node alone."""
    nodes = list(roots)
    for node in nodes:  # it grows meanwhile
        if not isinstance(node, closed):
            nodes += children(node)
    return nodes
