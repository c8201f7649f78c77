"""What every rule asks of a node: the names around it, what they were bound to, and the words they are made of."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from green_logic.evaluation.static_checks import Function, Names, find_names, is_main_guard, iterate_tree

Severity = Literal["critical", "high", "medium", "low"]


class Rule(NamedTuple):
    """A kind of weakness; the fields are those of a Finding."""

    name: str
    cwe: str
    severity: Severity
    message: str


@dataclass(frozen=True)
class Module:
    """What the rules ask about the file as a whole."""

    names: Names
    imported: frozenset[str]  # first parts of what is imported
    assigned: Mapping[tuple[Function | None, str], list[ast.expr]]  # (function, name) → what was bound or added to it
    guarded: tuple[range, ...]  # lines under `if __name__ == "__main__":`


class Place(NamedTuple):
    """A node with what is around it."""

    owners: tuple[Function, ...]
    module: Module

    @property
    def owner(self) -> Function | None:
        """The innermost function around the node."""
        return self.owners[-1] if self.owners else None

    def resolve(self, node: ast.AST) -> str:
        """Dotted origin of a name, as Names.resolve."""
        return self.module.names.resolve(node)


Hit = tuple[Rule, int]  # and the line


def read_module(tree: ast.Module) -> Module:
    """Everything that the rules ask about the file, read once."""
    names = find_names(tree)
    assigned: dict[tuple[Function | None, str], list[ast.expr]] = {}
    guarded: list[range] = []
    for node, owners in iterate_tree(tree):
        owner = owners[-1] if owners else None
        for name, value in _bound_values(node):
            assigned.setdefault((owner, name), []).append(value)
        if is_main_guard(node) and isinstance(node, ast.If):
            guarded.append(range(node.lineno, (node.body[-1].end_lineno or node.lineno) + 1))
    imported = frozenset(origin.partition(".")[0] for origin in names.origins.values())
    return Module(names, imported, assigned, tuple(guarded))


def _bound_values(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What a plain name is bound to, or what is added to it (`query += …`, `clauses.append(…)`)."""
    if isinstance(node, ast.Assign):
        yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and isinstance(node.target, ast.Name):
        if node.value is not None:
            yield node.target.id, node.value
    elif isinstance(node, ast.Call) and len(node.args) == 1:
        match node.func:
            case ast.Attribute(value=ast.Name(id=name), attr="append" | "extend"):
                yield name, node.args[0]


def words_of(name: str) -> frozenset[str]:
    """The lower-case words of a name: api, key of `apiKey` and of `API_KEY`."""
    return frozenset(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name))


def name_of(node: ast.AST | None) -> str:
    """The last name of an expression: "token" of `self.token`, "digest" of `mac.digest()`."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword argument."""
    return next((k.value for k in call.keywords if k.arg == name), None)


def is_value(node: ast.AST | None, value: object) -> bool:
    """Whether a node is the constant True, False or None."""
    return isinstance(node, ast.Constant) and node.value is value
