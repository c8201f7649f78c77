"""Whether a submission keeps the constraints of its task, decided on the tree alone.

A constraint that cannot be judged here is "unchecked" (`ok` is None), never silently passed. What a submission hides
(an import whose module only a running program knows) counts against it wherever imports are restricted.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from green_logic.evaluation.security import find_built_queries
from green_logic.evaluation.smells import measure_complexity, measure_nesting
from green_logic.evaluation.static_checks import (
    MAX_ANCESTORS,
    Function,
    Loop,
    Names,
    find_definitions,
    find_names,
    iterate_children,
    iterate_tree,
    join_module,
    parse_entry_point,
    walk,
    word_set,
)

# what a task's own signatures need; lists of allowed imports forget them
ALWAYS_ALLOWED = ("typing", "dataclasses", "collections", "functools", "enum", "abc", "__future__")
NETWORK = word_set(
    "socket _socket ssl _ssl socketserver http.client http.server http.cookiejar urllib.request urllib3 ftplib smtplib"
    " poplib imaplib nntplib telnetlib xmlrpc asyncore asynchat smtpd wsgiref.simple_server multiprocessing.connection"
    " logging.handlers.SocketHandler logging.handlers.HTTPHandler webbrowser asyncio.open_connection"
    " asyncio.start_server asyncio.open_unix_connection asyncio.start_unix_server requests httpx aiohttp websockets"
    " websocket paramiko grpc dns pycurl tornado twisted zmq redis pymongo psycopg psycopg2 boto3 botocore"
)  # http alone has HTTPStatus, urllib alone has parse: neither talks to anyone
IMPORTERS = frozenset({"__import__", "builtins.__import__", "importlib.import_module", "importlib.__import__"})
# through these arrive modules or code that the source does not show
HIDDEN = word_set(
    "exec eval builtins.exec builtins.eval builtins.__dict__ builtins.getattr sys.modules importlib.util"
    " importlib.machinery importlib.reload runpy pkgutil zipimport"
)
HIDDEN_ATTRIBUTES = frozenset({"__builtins__", "__globals__", "__loader__", "__spec__", "__import__"})
LOCKS = word_set("Lock RLock Condition Semaphore BoundedSemaphore allocate_lock")
QUEUES = word_set("Queue LifoQueue PriorityQueue SimpleQueue JoinableQueue")
LOCK_MODULES = frozenset({"threading", "multiprocessing", "asyncio", "queue", "_thread"})
CHANGERS = word_set(
    "append appendleft extend insert pop popleft popitem remove discard add update clear setdefault move_to_end"
)
MATCHES = word_set("match fullmatch search findall finditer split sub subn")
APPLIERS = frozenset({"map", "functools.reduce", "functools.partial"})  # call what they are given

# what a violation takes from the architecture score, in [0, 1]; the largest one counts
FORBIDDEN = 0.8  # forbidden, not allowed, or network: the task was solved with what it ruled out
METHOD = 0.7  # recursion, loops, regex: another exercise was solved
SAFETY = 0.6  # threads, queries: it works until it is used
MISSING = 0.5  # a required import is a means, and the result can still be right
SHAPE = 0.2  # complexity and nesting: hard to read is not wrong


@dataclass(frozen=True)
class Constraint:
    """One constraint of the task and what became of it.

    `ok` is None where the judge cannot tell ("unchecked"). `penalty` in [0, 1] is 0.0 unless `ok` is False. `line` is
    that of the first violation, None where it has no place.
    """

    name: str
    ok: bool | None
    penalty: float
    line: int | None
    message: str


class Import(NamedTuple):
    """One import or one use of an imported name. `module` is dotted; "" if only a running program knows it."""

    module: str
    line: int


class _Verdict(NamedTuple):
    ok: bool | None
    message: str
    line: int | None = None


@dataclass(frozen=True)
class _Source:
    tree: ast.Module
    names: Names
    imports: tuple[Import, ...]
    entry_points: tuple[str, ...]


def check_constraints(
    tree: ast.Module, constraints: Mapping[str, Any], *, entry_points: Iterable[str] = ()
) -> tuple[Constraint, ...]:
    """One Constraint for each that the task sets, ordered by name; null, false and empty values set none.

    With `entry_points`, recursion has to be reached from one of them: an unrelated recursive function is no evidence.
    """
    names = find_names(tree)
    source = _Source(tree, names, find_imports(tree), tuple(entry_points))
    return tuple(_judge(name, value, source) for name, value in sorted(constraints.items()) if not _is_unset(value))


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
    return is_known or any(_is_within(origin, hidden) for hidden in HIDDEN)


def _is_within(module: str, name: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def _is_unset(value: object) -> bool:
    return value is None or value is False or (isinstance(value, str | list | tuple | dict) and not value)


def _judge(name: str, value: object, source: _Source) -> Constraint:
    rule = _RULES.get(name)
    if rule is None:
        return Constraint(name, None, 0.0, None, "unchecked: no rule has this name")
    check, kind, penalty = rule
    if not _is_kind(value, kind):
        return Constraint(name, None, 0.0, None, f"unchecked: expected {kind}")
    ok, message, line = check(source, value)
    return Constraint(name, ok, penalty if ok is False else 0.0, line, message)


def _is_kind(value: object, kind: str) -> bool:
    if kind == "a list of names":
        return isinstance(value, list | tuple) and all(isinstance(item, str) and item for item in value)
    if kind == "a whole number":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value is True


def _forbid(source: _Source, names: Iterable[str], reason: str) -> _Verdict:
    for module, line in source.imports:
        package = module.removesuffix("*")
        is_star = package != module and any(name.startswith(package) for name in names)
        if is_star or any(_is_within(module, name) for name in names):
            return _Verdict(False, f"line {line}: {module} is {reason}", line)
        if not module:
            return _Verdict(False, _unknowable(line), line)
    return _Verdict(True, "nothing of it is imported")


def _unknowable(line: int) -> str:
    return f"line {line}: which module or code arrives here cannot be checked, so it counts as a violation"


def _forbidden_imports(source: _Source, names: list[str]) -> _Verdict:
    return _forbid(source, names, "forbidden")


def _no_network(source: _Source, _: object) -> _Verdict:
    return _forbid(source, NETWORK, "a way to the network")


def _allowed_imports(source: _Source, names: list[str]) -> _Verdict:
    for module, line in source.imports:
        if not module:
            return _Verdict(False, _unknowable(line), line)
        if not any(_is_within(module, name) for name in (*names, *ALWAYS_ALLOWED)):
            return _Verdict(False, f"line {line}: {module} is not among the allowed imports", line)
    return _Verdict(True, "all imports are allowed")


def _required_imports(source: _Source, names: list[str]) -> _Verdict:
    absent = [name for name in names if not any(_is_within(module, name) for module, _ in source.imports)]
    return _Verdict(not absent, f"not imported: {', '.join(absent)}" if absent else "all are imported")


def _forbid_loops(source: _Source, _: object) -> _Verdict:
    """`for`, `while` and comprehensions; not map, filter and reduce, which take their step as a function."""
    loops = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | Loop
    lines = [node.lineno for node in walk(source.tree) if isinstance(node, loops)]
    return _Verdict(False, f"line {min(lines)}: a loop", min(lines)) if lines else _Verdict(True, "no loop")


def _regex_only(source: _Source, _: object) -> _Verdict:
    """A pattern of re or regex has to be applied and its result used; that nothing else is tested is not checked."""
    is_imported = any(_is_within(module, name) for module, _ in source.imports for name in ("re", "regex"))
    dropped = {id(node.value) for node in walk(source.tree) if isinstance(node, ast.Expr)}
    for node in walk(source.tree) if is_imported else ():
        if isinstance(node, ast.Call) and id(node) not in dropped and _applies_pattern(node, source):
            return _Verdict(True, f"line {node.lineno}: a pattern is applied", node.lineno)
    return _Verdict(False, "no pattern of re is applied, or its result is dropped")


def _applies_pattern(call: ast.Call, source: _Source) -> bool:
    module, _, function = source.names.resolve(call.func).rpartition(".")
    if module:
        return module in {"re", "regex"} and function in MATCHES
    # a compiled pattern is a plain value, so any object's match() counts once something was compiled
    has_compiled = any(
        _is_within(use.module, name) for use in source.imports for name in ("re.compile", "regex.compile")
    )
    plain = MATCHES - {"split"}  # text.split("@") is what this constraint is meant to refuse
    return has_compiled and isinstance(call.func, ast.Attribute) and call.func.attr in plain


def _thread_safety(source: _Source, _: object) -> _Verdict:
    """A lock or a queue has to be kept under a name, and that name used.

    Code without one is unsafe if it changes any state; code that changes none needs no lock, but that alone does not
    prove anything about threads: unchecked.
    """
    kept: set[str] = set()
    for node in walk(source.tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if value is not None and any(_is_lock(inner, source.names) for inner in walk(value)):
            kept.update(name for target in targets for name in _names_in(target))
    for node in walk(source.tree):
        if _uses_lock(node, kept):
            return _Verdict(True, "a lock is kept and taken", getattr(node, "lineno", None))
    changed = next(_changes(source.tree), None)
    if changed is not None:
        return _Verdict(False, f"line {changed}: state changes and no lock or queue is used", changed)
    return _Verdict(None, "unchecked: no lock, and no state that would need one was found")


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


def _changes(tree: ast.Module) -> Iterator[int]:
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


def _parameterized_queries(source: _Source, _: object) -> _Verdict:
    """No value in the text of an executed query; some text with a placeholder shows that values travel beside it."""
    built = find_built_queries(source.tree)
    if built:
        return _Verdict(False, f"line {built[0]}: a query is built from values", built[0])
    for node in walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_placeholder(node.value):
            return _Verdict(True, f"line {node.lineno}: a placeholder", node.lineno)
    return _Verdict(None, "unchecked: no query and no placeholder was found")


def _is_placeholder(text: str) -> bool:
    words = text.replace("(", " ").replace(")", " ").replace(",", " ").replace("=", " ").split()
    return any(word in {"?", "%s"} or (word[0] in ":$" and word[1:].isalnum()) for word in words)


def _max_complexity(source: _Source, limit: int) -> _Verdict:
    return _worst(source, limit, lambda function: (measure_complexity(function), function.lineno), "complexity")


def _max_nesting(source: _Source, limit: int) -> _Verdict:
    return _worst(source, limit, lambda function: measure_nesting(function.body), "nesting")


def _worst(source: _Source, limit: int, measure: Callable[[Function], tuple[int, int]], what: str) -> _Verdict:
    for node, _ in iterate_tree(source.tree):
        if isinstance(node, Function):
            value, line = measure(node)
            if value > limit:
                return _Verdict(False, f"line {line}: {node.name} has {what} {value}, over {limit}", line)
    return _Verdict(True, f"no function has {what} over {limit}")


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


def _require_recursion(source: _Source, _: object) -> _Verdict:
    """A cycle of calls by name: of a function, of a method through self or cls, of a class that makes itself."""
    module, calls = _read_calls(source.tree, source.names)
    graph: dict[_Code, list[_Code]] = {}
    for caller, called, scope in calls:
        target = _find_callee(called, scope)
        if target is not None:
            graph.setdefault(caller, []).append(target)
    starts = [code for entry in source.entry_points for code in _entry_code(module, parse_entry_point(entry))]
    cycle = _find_cycle(_reachable(graph, starts) if starts else graph)
    if not cycle:
        return _Verdict(False, "no function calls itself, directly or through others")
    line = min(code.lineno for code in cycle)
    return _Verdict(True, f"line {line}: recursion", line)


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


_Check = Callable[[_Source, Any], _Verdict]
_RULES: dict[str, tuple[_Check, str, float]] = {
    "forbidden_imports": (_forbidden_imports, "a list of names", FORBIDDEN),
    "allowed_imports": (_allowed_imports, "a list of names", FORBIDDEN),
    "required_imports": (_required_imports, "a list of names", MISSING),
    "no_network_calls": (_no_network, "true", FORBIDDEN),
    "require_recursion": (_require_recursion, "true", METHOD),
    "forbid_loops": (_forbid_loops, "true", METHOD),
    "regex_only": (_regex_only, "true", METHOD),
    "require_thread_safety": (_thread_safety, "true", SAFETY),
    "require_parameterized_queries": (_parameterized_queries, "true", SAFETY),
    "max_complexity": (_max_complexity, "a whole number", SHAPE),
    "max_nesting": (_max_nesting, "a whole number", SHAPE),
}
