"""A submission's source as a tree, the ways to walk it, and where its names come from.

Nothing here runs, imports or compiles the source. Every walk is a loop, never a recursion: a tree that the parser just
managed to build is deeper than Python's own stack. Text is never searched, so a comment or a docstring decides nothing.
"""

from __future__ import annotations

import ast
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from green_logic.evaluation.isolation.trees import PARSING

MAX_DEPTH = 1000  # levels of nodes; CPython 3.11 gives up near 3000, minus three for each frame of whoever called us
BUILTINS = frozenset({"__import__", "compile", "eval", "exec", "getattr", "open"})  # followed through `run = exec`
# contexts and operators are a third of all nodes, and no rule asks about them; the others hold no nodes
UNSEEN_FIELDS = frozenset({"ctx", "op", "ops", "id", "attr", "arg", "kind", "type_comment", "conversion"})
MAX_CHAIN = 16  # attributes of one dotted name; longer chains name nothing that is imported

Function = ast.FunctionDef | ast.AsyncFunctionDef
Loop = ast.For | ast.AsyncFor | ast.While


@dataclass(frozen=True)
class Parsed:
    """A source and its tree. `tree` is None if it does not parse; then `error` is one sentence with the line."""

    tree: ast.Module | None
    error: str
    source: str


@dataclass(frozen=True)
class Names:
    """What plain names stand for in one module: imports anywhere in it, and names bound to what was imported.

    Scopes are not told apart. `defined` holds the module's own functions and classes, which hide builtins.
    """

    origins: Mapping[str, str]
    defined: frozenset[str]

    def resolve(self, node: ast.AST) -> str:
        """Dotted origin ("os.path.join") of a name or an attribute chain; "" if it was not imported, nor a builtin."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute) and len(parts) < MAX_CHAIN:
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or (not parts and node.id in self.defined):
            return ""
        origin = self.origins.get(node.id, "" if parts else node.id)
        return ".".join([origin, *reversed(parts)]) if origin else ""


def parse_source(source: str) -> Parsed:
    """The tree of a Python source, or the reason why there is none; never raises, whatever the text.

    Sources nested deeper than MAX_DEPTH count as not parsing: otherwise the answer would depend on how deep in its
    stack the caller stands. Grammar only: what the compiler refuses later (`await` outside a function) is a tree here.
    The parser's own wording varies between Python versions.
    """
    try:
        # `"\d"` warns, and under `-W error` a warning is a SyntaxError: the score must not depend on that switch. The
        # lock is for the filters too: catch_warnings swaps a global, and two threads would leave the wrong ones behind
        with PARSING, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source.removeprefix("\ufeff"))  # a file may begin with it, and Python then skips it
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        return Parsed(None, _explain(error, source), source)
    if _is_deeper(tree, MAX_DEPTH):
        return Parsed(None, _explain(RecursionError(), source), source)
    return Parsed(tree, "", source)


def word_set(text: str) -> frozenset[str]:
    """The words of a text: tables of names read better as prose than one string a line."""
    return frozenset(text.split())


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node, outer ones first."""
    pending = deque([tree])
    while pending:
        node = pending.popleft()
        yield node
        pending.extend(iterate_children(node))


def iterate_children(node: ast.AST) -> list[ast.AST]:
    """Child nodes in source order, without operators and contexts."""
    children: list[ast.AST] = []
    for field in _seen_fields(type(node)):  # type: ignore[arg-type]  # mypy takes the class's __hash__ for the type's
        value = getattr(node, field, None)
        if isinstance(value, ast.AST):
            children.append(value)
        elif isinstance(value, list):
            children.extend(item for item in value if isinstance(item, ast.AST))
    return children


@cache
def _seen_fields(kind: type[ast.AST]) -> tuple[str, ...]:
    return tuple(field for field in kind._fields if field not in UNSEEN_FIELDS)


def iterate_tree(tree: ast.AST) -> Iterator[tuple[ast.AST, tuple[Function, ...]]]:
    """Every node in source order with the functions around it, the innermost last."""
    pending: list[tuple[ast.AST, tuple[Function, ...]]] = [(tree, ())]
    while pending:
        node, owners = pending.pop()
        yield node, owners
        inner = (*owners, node) if isinstance(node, Function) else owners
        pending.extend((child, inner) for child in reversed(iterate_children(node)))


def iterate_statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements of a body and of the blocks in it, in source order, without those inside functions and classes.

    Blocks that never run on import are left out: `if False:` and `if __name__ == "__main__":`.
    """
    pending: list[ast.AST] = [*body]
    pending.reverse()
    while pending:
        node = pending.pop()
        if isinstance(node, ast.stmt):
            yield node
        if isinstance(node, Function | ast.ClassDef | ast.expr):
            continue
        children = iterate_children(node)
        if isinstance(node, ast.If) and (is_main_guard(node) or _is_false(node.test)):
            children = list(node.orelse)
        pending.extend(reversed(children))


def is_main_guard(node: ast.AST) -> bool:
    """Whether this is `if __name__ == "__main__":`, code that no import runs."""
    if not (isinstance(node, ast.If) and isinstance(node.test, ast.Compare) and len(node.test.ops) == 1):
        return False
    sides = (node.test.left, node.test.comparators[0])
    named = any(isinstance(side, ast.Name) and side.id == "__name__" for side in sides)
    literal = any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)
    return named and literal and isinstance(node.test.ops[0], ast.Eq)


def find_names(tree: ast.Module) -> Names:
    """Where the module's names come from. Of two imports under one name the outermost, then the first, counts."""
    origins: dict[str, str] = {}
    rebound: list[tuple[str, ast.expr]] = []
    for node in walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                bound = name.asname or name.name.partition(".")[0]
                origins.setdefault(bound, name.name if name.asname else bound)
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                origins.setdefault(name.asname or name.name, join_module(node, name.name))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name | ast.Attribute):
            rebound.extend((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
    defined = frozenset(node.name for node in tree.body if isinstance(node, Function | ast.ClassDef))
    for bound, value in rebound:
        origin = Names(origins, defined).resolve(value)
        if origin and (not isinstance(value, ast.Name) or value.id in origins or origin in BUILTINS):
            origins.setdefault(bound, origin)
    return Names(origins, defined)


def join_module(node: ast.ImportFrom, name: str) -> str:
    """Dotted name of what `from … import name` brings; a relative import keeps its leading dots."""
    package = "." * node.level + (node.module or "")
    return f"{package}{name}" if package.endswith(".") else f"{package}.{name}"


def _is_false(test: ast.expr) -> bool:
    return isinstance(test, ast.Constant) and not test.value


def _is_deeper(tree: ast.AST, limit: int) -> bool:
    level: list[ast.AST] = [tree]
    for _ in range(limit):
        level = [child for node in level for child in iterate_children(node)]
        if not level:
            return False
    return True


def _explain(error: Exception, source: str) -> str:
    if isinstance(error, RecursionError | MemoryError):  # MemoryError: how the parser says that its own stack is full
        return f"line 1: nested deeper than {MAX_DEPTH} levels"
    if "\0" in source:
        return f"line {_line_at(source, source.index(chr(0)))}: a NUL character"
    if isinstance(error, UnicodeEncodeError):
        return f"line {_line_at(source, error.start)}: half a character (a lone surrogate)"
    return f"line {error.lineno or 1}: {error.msg}" if isinstance(error, SyntaxError) else f"line 1: {error}"


def _line_at(source: str, index: int) -> int:
    return source.count("\n", 0, index) + 1
