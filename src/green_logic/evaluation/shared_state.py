"""State that several threads would share, and whether a lock or a queue guards it.

Decided on the tree alone, as everything here; see `static_checks.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from green_logic.evaluation.definitions import find_definitions
from green_logic.evaluation.static_checks import Names, iterate_tree, walk, word_set

LOCKS = word_set("Lock RLock Condition Semaphore BoundedSemaphore allocate_lock")
QUEUES = word_set("Queue LifoQueue PriorityQueue SimpleQueue JoinableQueue")
LOCK_MODULES = frozenset({"threading", "multiprocessing", "asyncio", "queue", "_thread"})
CHANGERS = word_set(
    "append appendleft extend insert pop popleft popitem remove discard add update clear setdefault move_to_end"
)


def find_taken_lock(tree: ast.Module, names: Names) -> ast.AST | None:
    """The first use of a lock or queue that is kept under a name; a lock that nobody takes guards nothing."""
    kept: set[str] = set()
    for node in walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if value is not None and any(_is_lock(inner, names) for inner in walk(value)):
            kept.update(name for target in targets for name in _names_in(target))
    return next((node for node in walk(tree) if _uses_lock(node, kept)), None)


def find_changes(tree: ast.Module) -> Iterator[int]:
    """Lines that change state which outlives a call: attributes outside __init__, and what the module itself holds."""
    held = find_definitions(tree)
    for node, owners in iterate_tree(tree):
        if not owners or owners[-1].name in {"__init__", "__post_init__", "__new__"}:
            continue
        changed: ast.expr | None = None
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            changed = node if isinstance(node, ast.Attribute) else node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGERS:
            changed = node.func.value
        is_shared = isinstance(changed, ast.Attribute) or (isinstance(changed, ast.Name) and changed.id in held)
        if is_shared or isinstance(node, ast.Global):
            yield getattr(node, "lineno", 0)


def _is_lock(node: ast.AST, names: Names) -> bool:
    module, _, name = names.resolve(node).rpartition(".")
    return module.partition(".")[0] in LOCK_MODULES and name in LOCKS | QUEUES


def _names_in(node: ast.AST | None) -> set[str]:
    found = walk(node) if node is not None else ()
    names = {n.attr if isinstance(n, ast.Attribute) else getattr(n, "id", "") for n in found}
    return names - {"", "self", "cls"}


def _uses_lock(node: ast.AST, kept: set[str]) -> bool:
    if isinstance(node, ast.withitem):
        return bool(_names_in(node.context_expr) & kept)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        is_taken = node.func.attr in {"acquire", "put", "get", "put_nowait", "get_nowait"}
        return is_taken and bool(_names_in(node.func.value) & kept)
    return False
