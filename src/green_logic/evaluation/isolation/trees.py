"""Python source → its tree, one thread at a time.

CPython 3.11 keeps the depth of the tree it builds in one place for the whole process: when a second thread comes in
meanwhile (a garbage collection in between is enough), the first ends in "AST constructor recursion depth mismatch".
"""

from __future__ import annotations

import ast
import threading

PARSING = threading.Lock()


def parse(source: str) -> ast.Module:
    """As `ast.parse`, and raises what that raises."""
    with PARSING:
        return ast.parse(source)
