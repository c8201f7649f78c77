"""What a module imports, wherever and however it does, and where only a running program knows.

Decided on the tree alone, as everything here; see `static_checks.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from green_logic.evaluation.static_checks import Names, find_names, join_module, walk, word_set

IMPORTERS = frozenset({"__import__", "builtins.__import__", "importlib.import_module", "importlib.__import__"})
# through these arrive modules or code that the source does not show
HIDDEN = word_set(
    "exec eval builtins.exec builtins.eval builtins.__dict__ builtins.getattr sys.modules importlib.util"
    " importlib.machinery importlib.reload runpy pkgutil zipimport"
)
HIDDEN_ATTRIBUTES = frozenset({"__builtins__", "__globals__", "__loader__", "__spec__", "__import__"})


class Import(NamedTuple):
    """One import or one use of an imported name. `module` is dotted; "" if only a running program knows it."""

    module: str
    line: int


def find_imports(tree: ast.Module) -> tuple[Import, ...]:
    """Everything imported anywhere, attributes of imported modules that are used, and imports that cannot be known.

    `from os import path` and `import os` with `os.path` both give "os.path"; a relative import keeps its dots;
    `from os import *` gives "os.*". Ordered by line.
    """
    names = find_names(tree)
    found: set[Import] = set()
    settled: set[int] = set()  # ids of nodes that the node around them has explained
    for node in walk(tree):  # outer ones first
        line = getattr(node, "lineno", 0)
        found.update(Import(module, line) for module in _imported(node, names, settled))
    return tuple(sorted(found, key=lambda use: (use.line, use.module)))


def _imported(node: ast.AST, names: Names, settled: set[int]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (name.name for name in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (join_module(node, name.name) for name in node.names)
    elif isinstance(node, ast.Call) and names.resolve(node.func) in IMPORTERS:
        settled.add(id(node.func))
        module = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "name"), None)
        yield module.value if isinstance(module, ast.Constant) and isinstance(module.value, str) else ""
    elif isinstance(node, ast.Constant) and node.value in ("__import__", "__builtins__"):
        yield ""
    elif isinstance(node, ast.Name | ast.Attribute):
        origin = names.resolve(node)
        if isinstance(node, ast.Attribute):
            if names.resolve(node.value) == "builtins":
                settled.add(id(node.value))
            yield from [origin] if origin else []
        if id(node) not in settled and _is_hidden(node, origin):
            yield ""


def _is_hidden(node: ast.Name | ast.Attribute, origin: str) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id
    is_known = origin in IMPORTERS or origin == "builtins" or name in HIDDEN_ATTRIBUTES
    return is_known or any(is_within(origin, hidden) for hidden in HIDDEN)


def is_within(module: str, name: str) -> bool:
    """Whether a dotted module is `name` or lies below it."""
    return module == name or module.startswith(f"{name}.")
