"""What is never broken, because no test should be asked to notice it."""

from __future__ import annotations

import ast
import re

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


def is_exempt(node: ast.AST) -> bool:
    """Whether `node` and all below it stay as they are."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            exempt = node.name in DISPLAY_FUNCTIONS
        case ast.If():
            exempt = _is_switch(node)
        case ast.Call():
            exempt = _is_display(node.func) or _name_of(node.func) in PATIENT_CALLS | TYPE_NAMES
        case ast.Expr(value=ast.Call() as call):
            exempt = _is_display(call.func)
        case ast.Subscript():
            exempt = _name_of(node.value) in TYPE_NAMES
        case ast.Assign() | ast.AnnAssign():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            exempt = all(isinstance(target, ast.Name) and _is_dunder(target.id) for target in targets)
        case _:
            exempt = isinstance(node, (ast.Import, ast.ImportFrom, ast.JoinedStr, ast.Assert, ast.Global, ast.Nonlocal))
    return exempt


def visible_fields(node: ast.AST) -> tuple[str, ...]:
    """Fields of `node` whose content may be broken."""
    fields = tuple(field for field in node._fields if field not in HIDDEN_FIELDS)
    return tuple(field for field in fields if field != "keywords") if isinstance(node, ast.ClassDef) else fields


def find_scripts(tree: ast.Module) -> frozenset[str]:
    """Functions that only show the solution off when it is run as a script: named so, and called from nowhere else."""
    outside = [node for node in tree.body if not (isinstance(node, ast.If) and _is_switch(node))]
    named = {node.name: node for node in outside if isinstance(node, ast.FunctionDef) and node.name in SCRIPT_FUNCTIONS}
    used = {
        name
        for statement in outside
        for node in all_nodes([statement])
        if isinstance(node, ast.expr) and (name := _name_of(node)) in named and statement is not named[name]
    }
    return frozenset(named.keys() - used)


def _is_switch(node: ast.If) -> bool:
    """`if __name__ == "__main__":` and `if TYPE_CHECKING:`, exactly so: anything else may run when tests import it."""
    if node.orelse:
        return False
    return ast.unparse(node.test) in {"__name__ == '__main__'", "TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _is_display(called: ast.expr) -> bool:
    if isinstance(called, ast.Attribute):
        root = called.value
        # self.logger.info(...) as well as logger.info(...)
        return _name_of(root) in LOGGING_NAMES or called.attr in PRINTING_NAMES
    return _name_of(called) in PRINTING_NAMES


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _name_of(node: ast.expr) -> str:
    """The last name of `a.b.c`, of `c`; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
