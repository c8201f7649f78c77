"""Weaknesses that can be seen in a submission's tree, each with its CWE number and the line.

A rule speaks only where the pattern itself is the weakness, since one finding lowers the whole score: a name that could
hold anything is given the benefit of the doubt. "critical" is left to a red team that proved an exploit. Comments such
as `# nosec` are not in the tree, so they silence nothing. Scopes are told apart by function, the order of statements is
not, and data is not followed from one function into another.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from green_logic.evaluation.security.calls import (
    SQL_BUILT,
    check_code,
    check_context,
    check_debug,
    check_files,
    check_loading,
    check_options,
    check_query,
    check_settings,
    check_shell,
    check_tls,
    check_tokens,
)
from green_logic.evaluation.security.paths import check_paths
from green_logic.evaluation.security.place import Hit, Place, Rule, Severity, read_module
from green_logic.evaluation.security.secrets import (
    check_comparison,
    check_hash,
    check_literals,
    check_random,
    check_random_call,
)
from green_logic.evaluation.security.texts import parts_of, pieces_of, quotes_value
from green_logic.evaluation.static_checks import iterate_tree

RANK = {"critical": 0, "high": 1, "medium": 2, "low": 3}


@dataclass(frozen=True)
class Finding:
    """One weakness. `rule` is stable and machine-readable; `cwe` as in "CWE-89"; `line` counts from 1."""

    rule: str
    cwe: str
    severity: Severity
    line: int
    message: str


def find_findings(tree: ast.Module) -> tuple[Finding, ...]:
    """All findings, ordered by line and CWE; of several with one line and CWE only the most severe."""
    module = read_module(tree)
    found: dict[tuple[int, str], Rule] = {}
    for node, owners in iterate_tree(tree):
        for check in _CHECKS.get(type(node), ()):
            for rule, line in check(node, Place(owners, module)):
                place = (line, rule.cwe)
                found[place] = min(found.get(place, rule), rule, key=lambda r: (RANK[r.severity], r.name))
    return tuple(Finding(r.name, r.cwe, r.severity, line, r.message) for (line, _), r in sorted(found.items()))


def find_built_queries(tree: ast.Module) -> tuple[int, ...]:
    """Lines on which a value is put into the text of a query, whether the query is executed here or only built."""
    module = read_module(tree)
    lines = {finding.line for finding in find_findings(tree) if finding.cwe == SQL_BUILT.cwe}
    inner: set[int] = set()  # ids of pieces of a text that was read as a whole: reading each again costs the square
    for node, owners in iterate_tree(tree):
        pieces = pieces_of(node) if isinstance(node, ast.JoinedStr | ast.BinOp | ast.Call) else None
        if pieces is None or not isinstance(node, ast.expr):
            continue
        if id(node) not in inner and quotes_value(parts_of(node, Place(owners, module))):
            lines.add(node.lineno)
        inner.update(map(id, pieces))
    return tuple(sorted(lines))


_Check = Callable[..., Iterator[Hit]]
_CHECKS: dict[type[ast.AST], tuple[_Check, ...]] = {
    ast.Call: (
        check_query,
        check_code,
        check_shell,
        check_loading,
        check_tls,
        check_files,
        check_tokens,
        check_debug,
        check_hash,
        check_literals,
        check_random_call,
    ),
    ast.Assign: (check_literals, check_random, check_settings),
    ast.AnnAssign: (check_literals, check_random),
    ast.Attribute: (check_context,),
    ast.Compare: (check_literals, check_comparison),
    ast.Dict: (check_options,),
    ast.FunctionDef: (check_literals, check_paths),
    ast.AsyncFunctionDef: (check_literals, check_paths),
    ast.Name: (check_context,),
}
