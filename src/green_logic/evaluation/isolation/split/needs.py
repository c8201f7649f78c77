"""What a test file needs of the process that it runs in, read from its text; the judge does it before the job."""

from __future__ import annotations

import ast
import builtins
import functools
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from green_logic.evaluation.isolation.split.words import words
from green_logic.evaluation.isolation.trees import parse

SOLUTION = "solution"
SIDES = ("solution", "tests")  # folders of the two in a box on the host's disk
# modules that look into a process, at files, or for a second interpreter
INSIDE_MODULES = words(
    "ast ctypes dis gc importlib inspect linecache multiprocessing pickle runpy subprocess tokenize traceback",
    "tracemalloc weakref",
)
INSIDE_NAMES = words(
    "__file__ __code__ __globals__ __closure__ __subclasses__ getsource getrefcount settrace setprofile",
    "tmp_path tmp_path_factory tmpdir tempfile TemporaryDirectory NamedTemporaryFile chdir",
    "signature get_type_hints create_autospec autospec capfd setenv delenv environ",
)
RECORD_NAMES = words("LogRecord makeLogRecord")
LOG_METHODS = words("debug info warning warn error exception critical log")
WARN_METHODS = words("warn warn_explicit")
# how a logger of the tests' process is set up says nothing of the solution's, and none of the solution's hears it
LOGGER_NAMES = LOG_METHODS | words(
    "disabled filters handlers hasHandlers isEnabledFor getEffectiveLevel level propagate"
)
REPLACING_NAMES = frozenset({"patch", "setattr", "delattr"})
OUTPUT, WARNINGS, LOGS = "output", "warnings", "logs"  # what tests can listen to
CAPTURING_NAMES = {
    OUTPUT: words("capsys redirect_stdout redirect_stderr stdout stderr"),
    WARNINGS: words("warnings warns deprecated_call recwarn assertWarns assertWarnsRegex filterwarnings"),
    LOGS: words("logging caplog assertLogs assertNoLogs"),
}


@dataclass(frozen=True)
class Needs:
    """What one test file needs."""

    same_process: str  # why the solution must live in the tests' process; empty: it need not
    captures: frozenset[str]  # what they listen to of what it says beside its answers
    names: frozenset[str]  # what they take from the solution by name: which of its classes they know


@functools.lru_cache(maxsize=256)
def find_needs(tests: str) -> Needs:
    """What `tests` need. Of tests that do not parse nothing is said: they fail wherever they run."""
    try:
        tree = parse(tests)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Needs("", captures=frozenset(), names=frozenset())
    nodes = list(ast.walk(tree))
    named = {name for node in nodes for name in _names_of(node)}
    captures = frozenset(kind for kind, names in CAPTURING_NAMES.items() if names & named)
    looks = (_looks_inside, _derives, _replaces, _uses_loggers, _warns)
    reason = next(itertools.chain.from_iterable(look(nodes) for look in looks), "")
    return Needs(reason, captures=captures, names=frozenset(_taken_from_solution(nodes)))


def _taken_from_solution(nodes: list[ast.AST]) -> set[str]:
    """Names that the tests import from the solution or look up in what they imported; none that is theirs besides."""
    imported = [(alias.name, alias.asname) for alias in _imports_of_solution(nodes)]
    taken = {name for name, _ in imported}
    roots = {alias or name for name, alias in imported} | set(_modules_of_solution(nodes))
    if "*" in taken:
        # what the tests bind or the language has is not what a star brings them
        bare = {node.id for node in nodes if isinstance(node, ast.Name)} - vars(builtins).keys()
        bare.difference_update(*map(_bound_by, nodes))
        taken, roots = (taken - {"*"}) | bare, roots | bare
    return taken | {node.attr for node in nodes if isinstance(node, ast.Attribute) and _root_of(node) in roots}


def _imports_of_solution(nodes: list[ast.AST]) -> Iterator[ast.alias]:
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == SOLUTION:
            yield from node.names


def _modules_of_solution(nodes: list[ast.AST]) -> Iterator[str]:
    """Names of the whole module, by `import solution` or by `mine = pytest.importorskip("solution")`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.asname or alias.name for alias in node.names if alias.name == SOLUTION)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            given = [value.value for value in node.value.args if isinstance(value, ast.Constant)]
            yield from (target.id for target in node.targets if isinstance(target, ast.Name) and SOLUTION in given)


def _bound_by(node: ast.AST) -> Iterator[str]:
    """Names that the tests give a meaning of their own."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        yield node.name or ""
    elif isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module != SOLUTION):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)


def _looks_inside(nodes: list[ast.AST]) -> Iterator[str]:
    """Modules and names that show more of a process than its values."""
    for node in nodes:
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        for module in modules:
            if module.partition(".")[0] in INSIDE_MODULES:
                yield f"line {node.lineno}: imports {module}"  # type: ignore[attr-defined]
        is_open = isinstance(node, ast.Name) and node.id == "open"  # a method of that name may be anything
        if found := {"open"} if is_open else INSIDE_NAMES.intersection(_names_of(node)):
            yield f"line {getattr(node, 'lineno', 1)}: uses {min(found)}"


def _derives(nodes: list[ast.AST]) -> Iterator[str]:
    """Classes of the tests with a base from the solution: code of both in one object."""
    imported = {alias.asname or alias.name for alias in _imports_of_solution(nodes)}
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                root = base
                while isinstance(root, (ast.Attribute, ast.Subscript)):
                    root = root.value
                is_own = isinstance(root, ast.Name) and (
                    root.id in imported or (root.id == SOLUTION and root is not base)
                )
                if is_own:
                    yield f"line {node.lineno}: {node.name} derives from a class of the solution"


def _replaces(nodes: list[ast.AST]) -> Iterator[str]:
    """What the tests replace in a module that both processes have, each its own: `patch("random.randint")`."""
    modules = {
        alias.asname or alias.name.partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name != SOLUTION
    }
    for node in nodes:
        for target in _replaced(node):
            if isinstance(target, ast.Constant) and isinstance(target.value, str):
                module = target.value.partition(".")[0]
                is_shared = "." in target.value and module in sys.stdlib_module_names
            else:
                module = _root_of(target)
                is_shared = module in modules
            if is_shared:
                yield f"line {target.lineno}: replaces a part of {module}"


def _uses_loggers(nodes: list[ast.AST]) -> Iterator[str]:
    """What the tests do with loggers of their process and the solution, which has its own, does not see."""
    made = [node for node in nodes if isinstance(node, ast.Assign) and _makes_logger(node.value)]
    loggers = {_last_name(target) for node in made for target in node.targets} - {""}
    kept = {id(node.value) for node in nodes if isinstance(node, ast.Assign)}  # for the test to put it back
    makes_records = any(RECORD_NAMES.intersection(_names_of(node)) for node in nodes)
    for node in nodes:
        if not isinstance(node, ast.Attribute):
            continue
        if node.attr == "addFilter" or (makes_records and node.attr == "filter"):
            yield f"line {node.lineno}: has log records filtered"
        if node.attr == "level" and id(node) in kept:
            continue
        is_logger = _makes_logger(node.value) or _last_name(node.value) in loggers
        if (is_logger and node.attr in LOGGER_NAMES) or (node.attr in LOG_METHODS and _root_of(node) == "logging"):
            yield f"line {node.lineno}: uses {node.attr} of a logger"


def _warns(nodes: list[ast.AST]) -> Iterator[str]:
    """Warnings of the tests' own: what they test may be what the solution makes of them."""
    for node in nodes:
        names: set[str] = set()
        if isinstance(node, ast.ImportFrom) and node.module == "warnings":
            names = {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute) and _root_of(node) == "warnings":
            names = {node.attr}
        if found := WARN_METHODS & names:
            yield f"line {node.lineno}: uses {min(found)} itself"  # type: ignore[attr-defined]


def _makes_logger(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and _last_name(node.func) == "getLogger"


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _replaced(node: ast.AST) -> Iterator[ast.expr]:
    """What a statement or a call puts something else into."""
    if isinstance(node, ast.Assign):
        yield from (target.value for target in node.targets if isinstance(target, ast.Attribute))
    elif isinstance(node, ast.Call) and node.args:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else _root_of(function)
        if name in REPLACING_NAMES or (name == "object" and _ends_in_patch(function)):
            yield node.args[0]


def _ends_in_patch(function: ast.expr) -> bool:
    owner = function.value if isinstance(function, ast.Attribute) else function
    return (owner.attr if isinstance(owner, ast.Attribute) else _root_of(owner)) == "patch"


def _root_of(expression: ast.expr) -> str:
    while isinstance(expression, ast.Attribute):
        expression = expression.value
    return expression.id if isinstance(expression, ast.Name) else ""


def _names_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, (ast.arg, ast.keyword)):
        yield node.arg or ""
    elif isinstance(node, ast.alias):
        yield node.name.rpartition(".")[2]
    elif isinstance(node, ast.ImportFrom):
        yield (node.module or "").partition(".")[0]
