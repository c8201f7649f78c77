"""Whether a module's functions call themselves, directly or through others, followed by name.

Decided on the tree alone, as everything here; see `static_checks.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from green_logic.evaluation.definitions import MAX_ANCESTORS, parse_entry_point
from green_logic.evaluation.static_checks import Function, Names, iterate_children

APPLIERS = frozenset({"map", "functools.reduce", "functools.partial"})  # call what they are given
# a function is one with a name: def, or a lambda bound to a name (also as in `f = cache(lambda n: …)`)
_Code = Function | ast.Lambda


@dataclass(eq=False)
class _Scope:
    """A module, class or function while its calls are looked up."""

    parent: _Scope | None
    is_class: bool = False
    bases: tuple[ast.expr, ...] = ()
    hidden: frozenset[str] = frozenset()  # parameters: they hide outer functions of their name
    functions: dict[str, _Code] = field(default_factory=dict)
    classes: dict[str, _Scope] = field(default_factory=dict)

    def chain(self) -> Iterator[_Scope]:
        """The scopes in which a plain name is looked up: a class body is not seen from its methods."""
        scope: _Scope | None = self
        while scope is not None:
            if scope is self or not scope.is_class:
                yield scope
            scope = scope.parent


def find_recursion(tree: ast.Module, names: Names, entry_points: Iterable[str]) -> int | None:
    """First line of a cycle of calls by name: functions, methods through self or cls, a class that makes itself.

    None if there is none. With `entry_points`, it has to be reached from one of them.
    """
    module, calls = _read_calls(tree, names)
    graph: dict[_Code, list[_Code]] = {}
    for caller, called, scope in calls:
        target = _find_callee(called, scope)
        if target is not None:
            graph.setdefault(caller, []).append(target)
    starts = [code for entry in entry_points for code in _entry_code(module, parse_entry_point(entry))]
    cycle = _find_cycle(_reachable(graph, starts) if starts else graph)
    return min((code.lineno for code in cycle), default=None)


def _find_cycle(graph: Mapping[_Code, list[_Code]]) -> list[_Code]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        cycle: list[_Code] = error.args[1]
        return cycle
    return []


def _reachable(graph: Mapping[_Code, list[_Code]], starts: list[_Code]) -> dict[_Code, list[_Code]]:
    found: dict[_Code, list[_Code]] = {}
    pending = list(starts)
    while pending:
        code = pending.pop()
        if code not in found:
            found[code] = graph.get(code, [])
            pending.extend(found[code])
    return found


def _entry_code(module: _Scope, path: tuple[str, ...]) -> Iterator[_Code]:
    if len(path) == 1 and path[0] in module.functions:
        yield module.functions[path[0]]
    elif path and path[0] in module.classes:
        methods = module.classes[path[0]].functions
        yield from methods.values() if len(path) == 1 else (methods[m] for m in path[1:2] if m in methods)


def _read_calls(tree: ast.Module, names: Names) -> tuple[_Scope, list[tuple[_Code, ast.expr, _Scope]]]:
    """The module's scope, and every expression that is called, with the function that calls it and its scope."""
    module = _Scope(None)
    calls: list[tuple[_Code, ast.expr, _Scope]] = []
    named: set[int] = set()  # lambdas that a name was given to
    pending: list[tuple[ast.AST, _Scope, _Code | None]] = [(tree, module, None)]
    while pending:
        node, scope, caller = pending.pop()
        inner = scope
        if isinstance(node, ast.ClassDef):
            inner = scope.classes[node.name] = _Scope(scope, is_class=True, bases=tuple(node.bases))
        elif isinstance(node, Function) or (isinstance(node, ast.Lambda) and id(node) in named):
            inner, caller = _Scope(scope, hidden=_parameters(node)), node
            if isinstance(node, Function):
                scope.functions[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            for value in (node.value, *(node.value.args if isinstance(node.value, ast.Call) else ())):
                if isinstance(value, ast.Lambda):
                    named.add(id(value))
                    scope.functions[node.targets[0].id] = value
        elif isinstance(node, ast.Call) and caller is not None:
            calls.append((caller, node.func, scope))
            if node.args and names.resolve(node.func) in APPLIERS:
                calls.append((caller, node.args[0], scope))
        pending.extend((child, inner, caller) for child in reversed(iterate_children(node)))
    return module, calls


def _parameters(code: _Code) -> frozenset[str]:
    arguments = code.args
    extra = (a for a in (arguments.vararg, arguments.kwarg) if a is not None)
    return frozenset(a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra))


def _find_callee(called: ast.expr, scope: _Scope) -> _Code | None:
    if isinstance(called, ast.Name):
        for outer in scope.chain():
            if called.id in outer.functions:
                return outer.functions[called.id]
            if called.id in outer.classes:
                return _find_method(outer.classes[called.id], "__init__")
            if called.id in outer.hidden:
                return None
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
        owner = _find_class(called.value.id, scope)
        return _find_method(owner, called.attr) if owner is not None else None
    return None


def _find_class(name: str, scope: _Scope | None) -> _Scope | None:
    """The class that `self`, `cls` or a class's own name stands for."""
    while scope is not None:
        if scope.is_class and name in {"self", "cls"}:
            return scope
        if name in scope.classes:
            return scope.classes[name]
        scope = scope.parent
    return None


def _find_method(start: _Scope, name: str) -> _Code | None:
    line = [start]
    for owner in line:  # grows while it is read
        if name in owner.functions:
            return owner.functions[name]
        bases = (_find_class(base.id, owner.parent) for base in owner.bases if isinstance(base, ast.Name))
        line.extend(base for base in bases if base is not None and base not in line)
        if len(line) > MAX_ANCESTORS:
            return None
    return None
