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
KEEPING_NAMES = ("register", "singleton")  # how decorators begin that leave the class as it is
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
    places: frozenset[str] = frozenset()  # `Class.member`: what of the solution they put into their classes

    def told(self) -> dict[str, list[str]]:
        """What the tests' process has to know."""
        return {"names": sorted(self.names), "places": sorted(self.places), "captures": sorted(self.captures)}


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
    looks = (_looks_inside, _derives, _decorates, _replaces, _uses_loggers, _warns)
    reason = next(itertools.chain.from_iterable(look(nodes) for look in looks), "")
    names, places = frozenset(_taken_from_solution(nodes)), frozenset(_find_places(nodes))
    return Needs(reason, captures=captures, names=names, places=places)


def _taken_from_solution(nodes: list[ast.AST]) -> set[str]:
    """Names that the tests import from the solution or look up in what they imported; none that is theirs besides."""
    taken = {alias.name for alias in _imports_of_solution(nodes)} - {"*"} | _brought_by_star(nodes)
    roots = _bound_to_solution(nodes) | set(_modules_of_solution(nodes))
    return taken | {node.attr for node in nodes if isinstance(node, ast.Attribute) and _root_of(node) in roots}


def _bound_to_solution(nodes: list[ast.AST]) -> set[str]:
    """What the tests call that which they import from the solution."""
    bound = {alias.asname or alias.name for alias in _imports_of_solution(nodes)}
    return bound - {"*"} | _brought_by_star(nodes)


def _brought_by_star(nodes: list[ast.AST]) -> set[str]:
    """Names below `from solution import *` that neither the tests bind nor the language has."""
    if all(alias.name != "*" for alias in _imports_of_solution(nodes)):
        return set()
    bare = {node.id for node in nodes if isinstance(node, ast.Name)} - vars(builtins).keys()
    return bare.difference(*map(_bound_by, nodes))


def _find_places(nodes: list[ast.AST]) -> Iterator[str]:
    """Methods that the solution decorates, and attributes that are made by one of its classes; none of test classes."""
    roots = _bound_to_solution(nodes) | set(_modules_of_solution(nodes))
    for node in nodes:
        if not isinstance(node, ast.ClassDef) or _is_test_class(node):
            continue
        for member in node.body:
            if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)):
                if any(_root_of(_called(decorator)) in roots for decorator in member.decorator_list):
                    yield f"{node.name}.{member.name}"
            elif isinstance(member, (ast.Assign, ast.AnnAssign)) and isinstance(member.value, ast.Call):
                maker = _called(member.value)
                if _root_of(maker) in roots and _last_of(maker)[:1].isupper():
                    targets = member.targets if isinstance(member, ast.Assign) else [member.target]
                    yield from (f"{node.name}.{target.id}" for target in targets if isinstance(target, ast.Name))


def _is_test_class(node: ast.ClassDef) -> bool:
    return node.name.startswith("Test") or any(_last_of(base).endswith("TestCase") for base in node.bases)


def _called(expression: ast.expr) -> ast.expr:
    """What is called, and called again: `retry` of `retry(3)(twice=True)`."""
    while isinstance(expression, ast.Call):
        expression = expression.func
    return expression


def _last_of(expression: ast.expr) -> str:
    return expression.attr if isinstance(expression, ast.Attribute) else _root_of(expression)


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
    imported, modules = _bound_to_solution(nodes), set(_modules_of_solution(nodes))
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                root = base
                while isinstance(root, (ast.Attribute, ast.Subscript)):
                    root = root.value
                is_own = isinstance(root, ast.Name) and (
                    root.id in imported or (root.id in modules and root is not base)
                )
                if is_own:
                    yield f"line {node.lineno}: {node.name} derives from a class of the solution"


def _decorates(nodes: list[ast.AST]) -> Iterator[str]:
    """Classes of the tests that a function of the solution may change; a method such as `registry.add` keeps them."""
    imported, modules = _bound_to_solution(nodes), set(_modules_of_solution(nodes))
    for node in nodes:
        if not isinstance(node, ast.ClassDef):
            continue
        for called in map(_called, node.decorator_list):
            is_own = isinstance(called, ast.Name) and called.id in imported
            is_attribute = isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name)
            is_own |= is_attribute and _root_of(called) in modules
            if is_own and not _last_of(called).startswith(KEEPING_NAMES):
                yield f"line {called.lineno}: the solution's {_last_of(called)} may change {node.name}"


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
    loggers = {_last_of(target) for node in made for target in node.targets} - {""}
    kept = {id(node.value) for node in nodes if isinstance(node, ast.Assign)}  # for the test to put it back
    makes_records = any(RECORD_NAMES.intersection(_names_of(node)) for node in nodes)
    for node in nodes:
        if not isinstance(node, ast.Attribute):
            continue
        if node.attr == "addFilter" or (makes_records and node.attr == "filter"):
            yield f"line {node.lineno}: has log records filtered"
        if node.attr == "level" and id(node) in kept:
            continue
        is_logger = _makes_logger(node.value) or _last_of(node.value) in loggers
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
    return isinstance(node, ast.Call) and _last_of(node.func) == "getLogger"


def _replaced(node: ast.AST) -> Iterator[ast.expr]:
    """What a statement or a call puts something else into."""
    if isinstance(node, ast.Assign):
        yield from (target.value for target in node.targets if isinstance(target, ast.Attribute))
    elif isinstance(node, ast.Call) and node.args:
        function = node.func
        name = _last_of(function)
        if name in REPLACING_NAMES or (name == "object" and _ends_in_patch(function)):
            yield node.args[0]


def _ends_in_patch(function: ast.expr) -> bool:
    return _last_of(function.value if isinstance(function, ast.Attribute) else function) == "patch"


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
