"""Controls: copies of a solution that behave the same and look different.

Honest tests cannot tell a control from the original. Tests that compare the solution's text, its line numbers or its
bytecode with what they know can, and so "notice" every mutant without noticing a single fault.

    text      another text: spaces at the end of lines, and lines moved down. The tree stays the same.
    bytecode  other bytecode under the original text: local variables renamed, and statements added whose values nobody
              reads. Mutants are made from this one, and show the original text as well, so that tests which let the
              control pass find nothing else in a mutant than its fault.

Names and numbers that are added are random: nobody can write down beforehand what a control will look like. Names of
functions, arguments and attributes, docstrings and keywords stay, and no loop or import comes in, so that tests of a
task's constraints still pass.
"""

from __future__ import annotations

import ast
import io
import math
import random
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

# with these a function, or its caller's caller, may see its own variables
MIRRORS = frozenset(
    {"locals", "vars", "dir", "eval", "exec", "globals", "f_locals", "f_code", "co_code", "co_consts", "__code__"}
)
CALLER_MIRRORS = frozenset({"_getframe", "currentframe", "settrace", "setprofile", "getsource", "getsourcelines"})
SCOPES = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
Function = ast.FunctionDef | ast.AsyncFunctionDef
COMPARED: dict[type[ast.AST], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
ADDED: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Div: "/",
    ast.Mod: "%",
}
SYMBOLS = {**COMPARED, **ADDED}
MAX_ADDED = 6  # constants of a function that are added again


@dataclass(frozen=True)
class Insertion:
    """Statements that were put into the body of `owner`."""

    owner: ast.AST
    position: int
    count: int


def change_text(source: str, tree: ast.Module) -> str | None:
    """`source` with other white space and other line numbers; None where that is not certain to be the same code."""
    lines = io.StringIO(source).readlines()  # splitlines would also split at form feeds
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return None
    ends = [token.start for token in tokens if token.type == tokenize.NEWLINE and token.string]
    for number, (row, column) in enumerate(reversed(ends)):
        line = lines[row - 1]
        is_first = number == len(ends) - 1
        lines[row - 1] = f"{line[:column]}  {line[column:]}" + ("\n\n" if is_first else "")
    changed = "".join(lines)
    try:
        same = ast.dump(ast.parse(changed)) == ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return changed if same and changed != source else None


def change_bytecode(source: str, tree: ast.Module, rng: random.Random) -> list[Insertion]:
    """Change `tree` in place into one that compiles to other bytecode; nothing is inserted where that is not safe."""
    names = set(re.findall(r"\w+", source))
    if names & CALLER_MIRRORS:
        return []
    fresh = _fresh_names(names, rng)
    insertions = []
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for function in functions:
        if not MIRRORS & {name for node in ast.walk(function) for name in _names_in(node)}:
            added = _dead_statements(function, next(fresh), rng)
            _rename_locals(function, fresh)
            insertions.append(_insert(function, added))
    if not functions and not _has_future_import(tree):
        name = next(fresh)
        insertions.append(_insert(tree, f"{name} = {rng.randrange(1 << 20)}\ndel {name}"))
    return insertions


def _fresh_names(taken: set[str], rng: random.Random) -> Iterator[str]:
    """Names that the source does not hold."""
    while True:
        name = f"_{rng.randrange(1 << 32):08x}"
        if name not in taken:
            taken.add(name)
            yield name


def _dead_statements(function: Function, name: str, rng: random.Random) -> str:
    """Statements that give `name` values nobody reads: with constants and operators that the function has, and others.

    So neither a constant that is still there nor an operator that is new tells a mutant from the control.
    """
    nodes = list(ast.walk(function))
    held = dict.fromkeys(
        node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, (int, float))
    )
    statements = [f"{name} = {value!r}" for value in held if math.isfinite(value)][:MAX_ADDED]
    symbols = [rng.choice(sorted(COMPARED.values())), rng.choice(sorted(ADDED.values()))]
    symbols += [symbol for node in nodes if (symbol := SYMBOLS.get(type(node)))]
    for symbol in dict.fromkeys(symbols):
        statements.append(f"{name} = {rng.randrange(1 << 20) + 1}; {name} = {name} {symbol} {name}")
    rng.shuffle(statements)
    return "\n".join(statements)


def _insert(owner: ast.Module | Function, text: str) -> Insertion:
    """Put statements after the docstring of `owner`."""
    position = 1 if ast.get_docstring(owner, clean=False) is not None else 0
    statements = ast.parse(text).body
    line = owner.body[min(position, len(owner.body) - 1)].lineno
    for statement in statements:
        for node in ast.walk(statement):
            if hasattr(node, "lineno"):
                node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
    owner.body[position:position] = statements
    return Insertion(owner, position, len(statements))


def _rename_locals(function: Function, fresh: Iterator[str]) -> None:
    whole = list(ast.walk(function))
    if any(isinstance(node, ast.ClassDef) for node in whole):
        return  # what is a variable here may be an attribute there
    fixed = {name for node in whole for name in _fixed_names(node)}
    names: dict[str, str] = {}
    for node in _own_scope(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id not in fixed:
            names.setdefault(node.id, "")
    renamed = {name: next(fresh) for name in names}
    # decorators, defaults and annotations belong to the scope outside
    for node in (inner for statement in function.body for inner in ast.walk(statement)):
        if isinstance(node, ast.Name) and node.id in renamed:
            node.id = renamed[node.id]


def _own_scope(function: Function) -> Iterator[ast.AST]:
    """Nodes of the function that no function or comprehension inside it has as its own."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, SCOPES):
            waiting += ast.iter_child_nodes(node)


def _fixed_names(node: ast.AST) -> Iterator[str]:
    """Names that are bound in another way than by assignment, or that belong to another scope."""
    if isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        yield from node.names
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield node.name
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        yield node.name or ""
    elif isinstance(node, ast.MatchMapping):
        yield node.rest or ""
    elif isinstance(node, ast.Name) and node.id.startswith("__"):
        yield node.id  # inside a class it has another name


def _names_in(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr


def _has_future_import(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
