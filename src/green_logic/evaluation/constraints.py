"""Whether a submission keeps the constraints of its task, decided on the tree alone.

A constraint that cannot be judged here is "unchecked" (`ok` is None), never silently passed. What a submission hides
(an import whose module only a running program knows) counts against it wherever imports are restricted.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from green_logic.evaluation.imports import Import, find_imports, is_within
from green_logic.evaluation.recursion import find_recursion
from green_logic.evaluation.security.findings import find_built_queries
from green_logic.evaluation.shared_state import find_changes, find_taken_lock
from green_logic.evaluation.smells import measure_complexity, measure_nesting
from green_logic.evaluation.static_checks import Function, Loop, Names, find_names, iterate_tree, walk, word_set

# what a task's own signatures need; lists of allowed imports forget them
ALWAYS_ALLOWED = ("typing", "dataclasses", "collections", "functools", "enum", "abc", "__future__")
NETWORK = word_set(
    "socket _socket ssl _ssl socketserver http.client http.server http.cookiejar urllib.request urllib3 ftplib smtplib"
    " poplib imaplib nntplib telnetlib xmlrpc asyncore asynchat smtpd wsgiref.simple_server multiprocessing.connection"
    " logging.handlers.SocketHandler logging.handlers.HTTPHandler webbrowser asyncio.open_connection"
    " asyncio.start_server asyncio.open_unix_connection asyncio.start_unix_server requests httpx aiohttp websockets"
    " websocket paramiko grpc dns pycurl tornado twisted zmq redis pymongo psycopg psycopg2 boto3 botocore"
)  # http alone has HTTPStatus, urllib alone has parse: neither talks to anyone
MATCHES = word_set("match fullmatch search findall finditer split sub subn")

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
        if is_star or any(is_within(module, name) for name in names):
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
        if not any(is_within(module, name) for name in (*names, *ALWAYS_ALLOWED)):
            return _Verdict(False, f"line {line}: {module} is not among the allowed imports", line)
    return _Verdict(True, "all imports are allowed")


def _required_imports(source: _Source, names: list[str]) -> _Verdict:
    absent = [name for name in names if not any(is_within(module, name) for module, _ in source.imports)]
    return _Verdict(not absent, f"not imported: {', '.join(absent)}" if absent else "all are imported")


def _forbid_loops(source: _Source, _: object) -> _Verdict:
    """`for`, `while` and comprehensions; not map, filter and reduce, which take their step as a function."""
    loops = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | Loop
    lines = [node.lineno for node in walk(source.tree) if isinstance(node, loops)]
    return _Verdict(False, f"line {min(lines)}: a loop", min(lines)) if lines else _Verdict(True, "no loop")


def _regex_only(source: _Source, _: object) -> _Verdict:
    """A pattern of re or regex has to be applied and its result used; that nothing else is tested is not checked."""
    is_imported = any(is_within(module, name) for module, _ in source.imports for name in ("re", "regex"))
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
        is_within(use.module, name) for use in source.imports for name in ("re.compile", "regex.compile")
    )
    plain = MATCHES - {"split"}  # text.split("@") is what this constraint is meant to refuse
    return has_compiled and isinstance(call.func, ast.Attribute) and call.func.attr in plain


def _thread_safety(source: _Source, _: object) -> _Verdict:
    """A lock or a queue has to be kept under a name, and that name used.

    Code without one is unsafe if it changes any state; code that changes none needs no lock, but that alone does not
    prove anything about threads: unchecked.
    """
    taken = find_taken_lock(source.tree, source.names)
    if taken is not None:
        return _Verdict(True, "a lock is kept and taken", getattr(taken, "lineno", None))
    changed = next(find_changes(source.tree), None)
    if changed is not None:
        return _Verdict(False, f"line {changed}: state changes and no lock or queue is used", changed)
    return _Verdict(None, "unchecked: no lock, and no state that would need one was found")


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


def _require_recursion(source: _Source, _: object) -> _Verdict:
    line = find_recursion(source.tree, source.names, source.entry_points)
    if line is None:
        return _Verdict(False, "no function calls itself, directly or through others")
    return _Verdict(True, f"line {line}: recursion", line)


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
