"""Controls: copies of a solution that behave the same and look different.

Honest tests cannot tell a control from the original. Tests that compare the solution's text, its line numbers or its
bytecode with what they know can, and so "notice" every mutant without noticing a single fault.

    text      another text (`layout`): spaces at the end of lines, and lines moved down; and other bytecode.
    bytecode  other bytecode under the original text: local variables renamed, and code added that never runs, so that
              it costs a hot function next to nothing; decoys (`decoys`). Mutants are made from this one, and show the
              original text as well, so that tests which let it pass find nothing else in a mutant than its fault.

Names and numbers that are added are random: nobody can write down beforehand what a control will look like. Names of
functions, arguments and attributes, docstrings and keywords stay, and no loop or import comes in, so that tests of a
task's constraints still pass.
"""

from __future__ import annotations

import ast
import math
import random
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from green_logic.evaluation.mutation.nodes import all_nodes, children, drop_columns

# where a source has one of these words, it may see the names of local variables, which then stay
MIRRORS = frozenset(
    {"locals", "vars", "dir", "eval", "exec", "globals", "f_locals", "f_code", "__code__", "_getframe", "currentframe"}
)
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
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
CALCULATED: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Div: "/",
    ast.Mod: "%",
}
# names that are bound in another way than by assignment, or that belong to another scope
FIXING: dict[type[ast.AST], Callable[[Any], Sequence[str]]] = {
    ast.arg: lambda node: [node.arg],
    ast.Global: lambda node: node.names,
    ast.Nonlocal: lambda node: node.names,
    ast.FunctionDef: lambda node: [node.name],
    ast.AsyncFunctionDef: lambda node: [node.name],
    ast.alias: lambda node: [(node.asname or node.name).partition(".")[0]],
    ast.ExceptHandler: lambda node: [node.name or ""],
    ast.MatchAs: lambda node: [node.name or ""],
    ast.MatchStar: lambda node: [node.name or ""],
    ast.MatchMapping: lambda node: [node.rest or ""],
}
LONGEST = 40  # characters, or binary digits, of a constant that is added again
MAX_ADDED = 6  # constants of a function that are added again
# what mutants have more or less of: jumps, calls, errors; for tests that count them
COUNTED = ("[{0}] or [{1}]", "[{0}] and [{1}]", "[{0}] if [{1}] else [{2}]", "not [{0}]", "[{0}].clear()")
# conditions that are never true, which neither the compiler sees nor a search for one of them
NEVER = ("[]", "{{}}", "not [{0}]", "[{0}] == []", "[{0}] is []", "[{0}] in []", "[{0}] < []", "[] and [{0}]")
RAISED = "if [{0}]: raise [{1}]"
MAX_COUNTED = 4
MAX_CHANGED = 64  # functions: more than hold the mutations that are chosen


def change_bytecode(source: str, tree: ast.Module, rng: random.Random, names: Collection[str] = ()) -> bool:
    """Change `tree` in place into one that compiles to other bytecode; whether there was anything to change.

    Of many functions only some are changed, first those of `names`, as `operators` calls them.
    """
    words = set(re.findall(r"\w+", source))
    fresh = _fresh_names(words, rng)
    scopes = sorted(_find_scopes(tree), key=lambda found: found[0] not in names)[:MAX_CHANGED]
    functions = [node for _, node in scopes if not isinstance(node, ast.Lambda)]
    for _, node in scopes:
        if isinstance(node, ast.Lambda):
            _change_lambda(node, rng)
    for function in functions:
        _insert(function, rng)
    if not words & MIRRORS:
        for function in functions:
            _rename_locals(function, fresh)
    if tree.body and not functions:
        _insert(tree, rng)
    return bool(tree.body)


def _find_scopes(tree: ast.Module) -> Iterator[tuple[str, Function | ast.Lambda]]:
    """Functions with their qualified names, and lambdas with that of the function around them."""
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, name = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{name}.{node.name}" if name else node.name
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield name, node
        waiting += [(child, name) for child in children(node)]


def make_nevers(rng: random.Random, count: int) -> list[ast.expr]:
    """So many conditions that are never true and have no effect; read at once, for each alone takes twice as long."""
    texts = ",".join(_never(rng) for _ in range(count))
    read: Any = ast.parse(f"[{texts}]", mode="eval").body
    return list(read.elts)


def _never(rng: random.Random) -> str:
    return rng.choice(NEVER).format(_number(rng))


def _fresh_names(taken: set[str], rng: random.Random) -> Iterator[str]:
    """Names that the source does not hold."""
    while True:
        name = f"_{rng.randrange(1 << 32):08x}"
        if name not in taken:
            taken.add(name)
            yield name


def _dead_block(expressions: list[str], rng: random.Random) -> ast.stmt:
    """Code that is never reached."""
    texts = [*rng.choices(COUNTED, k=rng.randint(1, MAX_COUNTED)), *[RAISED] * rng.randint(0, 2)]
    lines = expressions + [text.format(*(_number(rng) for _ in range(3))) for text in texts]
    rng.shuffle(lines)
    return ast.parse("\n  ".join((f"if {_never(rng)}:", *lines))).body[0]


def _dead_expressions(scope: ast.AST, rng: random.Random) -> Iterator[list[str]]:
    """Statements without effect, with constants and operators that `scope` has, and others; as often as wanted.

    So neither a constant that is still there nor an operator that is new tells a mutant from the control. Lists,
    because the compiler computes or drops everything that it can see to be constant.
    """
    nodes = all_nodes([scope])
    held = dict.fromkeys(node.value for node in nodes if isinstance(node, ast.Constant) and _is_small(node.value))
    comparisons = {COMPARED[type(node)] for node in nodes if type(node) in COMPARED}
    calculations = {CALCULATED[type(node)] for node in nodes if type(node) in CALCULATED}
    while True:
        left = [repr(value) for value in list(held)[:MAX_ADDED]] or [str(_number(rng))]
        symbols = {*comparisons, rng.choice(["<", ">", "!="])}
        texts = [f"[{value}] == [{_number(rng)}]" for value in left]
        texts += [f"[{_number(rng)}] {symbol} [{_number(rng)}]" for symbol in symbols]
        symbols = {*calculations, rng.choice("+-*%")}
        texts += [f"([{_number(rng)}] == []) {symbol} {_number(rng)}" for symbol in symbols]
        texts.sort()
        rng.shuffle(texts)
        yield texts


def _number(rng: random.Random) -> int:
    return rng.randrange(1, 1 << 20)


def _is_small(value: object) -> bool:
    """Whether a constant is one that a mutant may lack, and short."""
    match value:
        case str():
            return len(value) <= LONGEST
        case int():
            return abs(value) < 1 << LONGEST  # Python writes no int of any size
        case float():
            return math.isfinite(value)
    return False


def _insert(owner: ast.Module | Function, rng: random.Random) -> None:
    """Put code after the docstring of `owner` and its imports from the future, and before a later statement of it."""
    start = 1 if ast.get_docstring(owner, clean=False) is not None else 0
    while start < len(owner.body) and _is_future_import(owner.body[start]):
        start += 1
    later = range(start + 1, len(owner.body))
    # the later one first, so that neither changes where the other belongs
    positions = (*([rng.choice(later)] if later else []), start)
    expressions = _dead_expressions(owner, rng)  # of what the owner has itself, before anything is put in
    blocks = [_dead_block(next(expressions), rng) for _ in positions]
    for position, block in zip(positions, blocks, strict=True):
        _place([block], owner.body[min(position, len(owner.body) - 1)].lineno)
        owner.body.insert(position, block)


def _change_lambda(node: ast.Lambda, rng: random.Random) -> None:
    """Compute something else where its value is not wanted, which is never."""
    other = ast.parse(next(_dead_expressions(node, rng))[0], mode="eval").body
    (condition,) = make_nevers(rng, 1)
    _place([condition, other], node.lineno)
    node.body = ast.copy_location(ast.IfExp(condition, other, node.body), node.body)


def _place(nodes: Sequence[ast.AST], line: int) -> None:
    placed = [node for node in all_nodes(nodes) if hasattr(node, "lineno")]
    for node in placed:
        node.lineno = line
    drop_columns(placed)


def _rename_locals(function: Function, fresh: Iterator[str]) -> None:
    whole = all_nodes([function])
    if any(isinstance(node, ast.ClassDef) for node in whole):
        return  # what is a variable here may be an attribute there
    fixed = {name for node in whole if type(node) in FIXING for name in FIXING[type(node)](node)}
    # decorators, defaults and annotations belong to the scope outside
    own = all_nodes(function.body, closed=SCOPES)
    stored = dict.fromkeys(node.id for node in own if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    # one that begins with two underscores has another name inside a class
    renamed = {name: next(fresh) for name in stored if name not in fixed and not name.startswith("__")}
    for node in all_nodes(function.body):
        if isinstance(node, ast.Name) and node.id in renamed:
            node.id = renamed[node.id]


def _is_future_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
