"""What is never broken, because no test should be asked to notice it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from green_logic.evaluation.mutation.neutral import FIXING
from green_logic.evaluation.mutation.nodes import all_nodes

# fields that hold no behaviour that tests see: types, decorators such as caches, patterns, messages
HIDDEN_FIELDS = frozenset(
    {
        "annotation",
        "returns",
        "decorator_list",
        "pattern",
        "type_comment",
        "names",
        "bases",
        "exc",
        "cause",
        "msg",
        "ctx",
        "op",
        "ops",
    }
)
DISPLAY_FUNCTIONS = frozenset({"__repr__", "__str__", "__format__", "__rich__"})
SCRIPT_FUNCTIONS = frozenset({"demo", "main", "_demo", "_main", "run_demo", "example"})
TYPE_NAMES = frozenset({"Annotated", "Callable", "Dict", "List", "Literal", "Optional", "Tuple", "TypeVar", "Union"})
PRINTING_NAMES = frozenset({"print", "pprint", "warn"})
LOGGING_NAMES = frozenset({"log", "_log", "logger", "_logger", "logging", "warnings", "LOG", "LOGGER"})
PATIENT_CALLS = frozenset({"sleep"})  # what they are given is how long to wait
SWITCHES = frozenset({"__name__", "TYPE_CHECKING"})
WATCHED = SWITCHES | TYPE_NAMES | PRINTING_NAMES | LOGGING_NAMES | PATIENT_CALLS | {"getLogger"}
# where such names come from that mean what they say
KNOWN_MODULES = frozenset(
    {"asyncio", "collections.abc", "logging", "pprint", "time", "typing", "typing_extensions", "warnings"}
)

_TIME = re.compile(r"time|now|elapsed|deadline|window|expir|clock|stamp|age$|ttl|interval", re.IGNORECASE)
_CACHE = re.compile(r"memo|^_?cache", re.IGNORECASE)


def is_time(node: ast.expr) -> bool:
    """Whether it is about moments or spans, of which two are never equal."""
    return any(_TIME.search(_name_of(part)) for part in all_nodes([node]) if isinstance(part, ast.expr))


def is_cache(target: ast.expr) -> bool:
    """Whether it only remembers what could be computed again: without it everything works, but slower."""
    return (
        isinstance(target, ast.Subscript)
        and _CACHE.search(_name_of(target.value)) is not None
        and (isinstance(target.value, ast.Name) or "memo" in _name_of(target.value))
    )


def is_exempt(node: ast.AST, function: str, own: frozenset[str]) -> bool:
    """Whether `node`, in `function`, and all below it stay as they are. `own`: what `find_own_names` found."""
    match node:
        case ast.If():
            exempt = _is_switch(node, own)
        case ast.Call(func=called) | ast.Subscript(value=called):
            # in a function, or with one in it, it may be what a solution computes with
            exempt = _name_of(called) in TYPE_NAMES - own and not function and not _holds_lambda(node)
        case ast.Assign() | ast.AnnAssign():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            exempt = all(isinstance(target, ast.Name) and _is_dunder(target.id) for target in targets)
            exempt = exempt and not _holds_lambda(node)
        case _:
            exempt = isinstance(node, (ast.Import, ast.ImportFrom, ast.JoinedStr, ast.Assert, ast.Global, ast.Nonlocal))
    return exempt


def is_display(node: ast.AST, own: frozenset[str]) -> bool:
    """Whether `node` only shows something, which is exempt unless most of a solution is there: a text, a line of a log.

    A call only where nobody uses its value.
    """
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return node.name in DISPLAY_FUNCTIONS
        case ast.Expr(value=ast.Call() as call) | ast.Expr(value=ast.Await(value=ast.Call() as call)):
            return _is_display(call.func, own)
    return False


def find_own_names(tree: ast.Module) -> frozenset[str]:
    """Names on which an exemption rests and to which the source gives, or may give, a meaning of its own."""
    found: set[str] = set()
    loggers: set[int] = set()  # targets of assignments, which are seen before them
    for node in all_nodes(tree.body):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _is_logger(node.value):
            loggers.update(map(id, node.targets if isinstance(node, ast.Assign) else [node.target]))
        elif id(node) not in loggers:
            found.update(_bound_names(node))
    return frozenset(found & WATCHED)


def _bound_names(node: ast.AST) -> Iterable[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.Attribute(attr=name, ctx=ast.Store() | ast.Del()):
            return (name,)
        case ast.ClassDef(name=name):
            return (name,)
        case ast.keyword(arg=name):
            return {name or ""} & SWITCHES
        case ast.Constant(value=str() as text):  # globals()["__name__"] = ...
            return [name for name in SWITCHES if name in text]
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            known = isinstance(node, ast.Import) or node.module in KNOWN_MODULES
            return [alias.asname or alias.name for alias in names if alias.asname or not known]
    return FIXING[type(node)](node) if type(node) in FIXING and not isinstance(node, ast.alias) else ()


def _is_logger(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) in {"logging.getLogger", "getLogger"}


def _holds_lambda(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Lambda) for inner in all_nodes([node]))


def visible_fields(node: ast.AST) -> tuple[str, ...]:
    """Fields of `node` whose content may be broken."""
    fields = tuple(field for field in node._fields if field not in HIDDEN_FIELDS)
    return tuple(field for field in fields if field != "keywords") if isinstance(node, ast.ClassDef) else fields


def find_scripts(tree: ast.Module, own: frozenset[str]) -> frozenset[str]:
    """Functions that only show the solution off when it is run as a script: named so, and called from nowhere else."""
    outside = [node for node in tree.body if not (isinstance(node, ast.If) and _is_switch(node, own))]
    named = {node.name: node for node in outside if isinstance(node, ast.FunctionDef) and node.name in SCRIPT_FUNCTIONS}
    used = {
        name
        for statement in outside
        for node in all_nodes([statement])
        if isinstance(node, ast.expr) and (name := _name_of(node)) in named and statement is not named[name]
    }
    return frozenset(named.keys() - used)


def _is_switch(node: ast.If, own: frozenset[str]) -> bool:
    """`if __name__ == "__main__":` and `if TYPE_CHECKING:`, exactly so: anything else may run when tests import it."""
    if node.orelse or (own & SWITCHES):
        return False
    return ast.unparse(node.test) in {"__name__ == '__main__'", "TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _is_display(called: ast.expr, own: frozenset[str]) -> bool:
    printing, logging = (PRINTING_NAMES | PATIENT_CALLS) - own, LOGGING_NAMES - own
    if own & {"logging", "getLogger"}:
        logging = frozenset()
    # self.logger.info(...) as well as logger.info(...)
    is_logged = isinstance(called, ast.Attribute) and _name_of(called.value) in logging
    return is_logged or _name_of(called) in printing


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _name_of(node: ast.expr) -> str:
    """The last name of `a.b.c`, of `c`; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
