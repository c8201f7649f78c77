"""What can be broken in a tree, one small thing at a time, as a reviewer would expect a test to notice.

Each mutation is a change of one field that can be made and taken back, so that a tree is never copied.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from green_logic.evaluation.mutation.exemptions import (
    find_own_names,
    find_scripts,
    is_cache,
    is_display,
    is_exempt,
    is_time,
    visible_fields,
)

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
# where one more or less cannot matter, the whole range changes sides
OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
LARGEST = 20  # a constant beyond it is a size or a patience: one more or less is nothing that a test should notice
# calls whose absence shows only to other threads, or not at all
UNSEEN_CALLS = frozenset({"acquire", "close", "flush", "join", "notify", "notify_all", "release", "sleep"})
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class Mutation:
    """One change: `owner.field` (or its item `index`) becomes `new`. `apply` and `undo` take turns."""

    operator: str
    line: int
    function: str  # qualified name of the function it is in; "" at the top level
    owner: ast.AST
    field: str
    index: int | None
    new: object
    statement: ast.stmt  # that it is in, and the list where that stands
    siblings: list[ast.stmt]

    def apply(self) -> None:
        """Make the change, or take it back when it is made."""
        held = getattr(self.owner, self.field)
        if self.index is None:
            setattr(self.owner, self.field, self.new)
            self.new = held
        else:
            held[self.index], self.new = self.new, held[self.index]

    undo = apply


@dataclass(frozen=True)
class _Place:
    """Where a node hangs: its owner's field, and what surrounds it."""

    owner: ast.AST
    field: str
    index: int | None
    function: str
    in_class_body: bool
    is_default: bool
    statement: ast.stmt
    siblings: list[ast.stmt]

    def replaced(self, operator: str, node: ast.AST, new: ast.AST) -> Mutation:
        ast.copy_location(new, node)
        ast.fix_missing_locations(new)
        return self.changed(operator, node, self.owner, self.field, new, self.index)

    def changed(  # noqa: PLR0917  one field of one node
        self, operator: str, node: ast.AST, owner: ast.AST, field: str, new: object, index: int | None = None
    ) -> Mutation:
        line = getattr(node, "lineno", 1)
        return Mutation(operator, line, self.function, owner, field, index, new, self.statement, self.siblings)


def find_mutations(tree: ast.Module) -> list[Mutation]:
    """Every mutation of `tree`, in its order; at the end those of code for display where that is most of it."""
    own = find_own_names(tree)
    found, aside = _find_mutations(tree, find_scripts(tree, own), own)
    if not found:  # where a function for scripts is all there is, it is what tests are about
        found, aside = _find_mutations(tree, frozenset(), own)
    return found if len(aside) < len(found) else found + aside


def _find_mutations(
    tree: ast.Module, scripts: frozenset[str], own: frozenset[str]
) -> tuple[list[Mutation], list[Mutation]]:
    """Mutations, and those of code that only shows something."""
    found: list[Mutation] = []
    aside: list[Mutation] = []
    # not recursive: the tree may be as deep as the parser allows
    waiting: list[tuple[ast.AST, _Place, list[Mutation]]] = [
        (
            statement,
            _Place(
                tree, "body", index, "", in_class_body=False, is_default=False, statement=statement, siblings=tree.body
            ),
            found,
        )
        for index, statement in reversed(list(enumerate(tree.body)))
    ]
    while waiting:
        node, place, kept = waiting.pop()
        is_script = isinstance(node, ast.FunctionDef) and place.owner is tree and node.name in scripts
        if is_script or is_exempt(node, place.function, own):
            continue
        if is_display(node, own):
            kept = aside
        kept += _mutate(node, place)
        waiting += reversed([(child, inner, kept) for child, inner in _children(node, place)])
    return found, aside


def _children(node: ast.AST, place: _Place) -> Iterator[tuple[ast.AST, _Place]]:
    function = place.function
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        function = f"{function}.{node.name}" if function else node.name
    in_class_body = isinstance(node, ast.ClassDef) or (place.in_class_body and not isinstance(node, FUNCTIONS))
    is_default = isinstance(node, ast.arguments)
    for field in visible_fields(node):
        value = getattr(node, field)
        if isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, ast.AST):
                    around = (child, value) if isinstance(child, ast.stmt) else (place.statement, place.siblings)
                    yield child, _Place(node, field, index, function, in_class_body, is_default, *around)
        elif isinstance(value, ast.AST):
            around = (place.statement, place.siblings)
            yield value, _Place(node, field, None, function, in_class_body, is_default, *around)


def _mutate(node: ast.AST, place: _Place) -> Iterator[Mutation]:
    if isinstance(node, ast.expr):
        yield from _mutate_expression(node, place)
    elif isinstance(node, ast.stmt):
        yield from _mutate_statement(node, place)


def _mutate_expression(node: ast.expr, place: _Place) -> Iterator[Mutation]:
    if isinstance(node, ast.Compare):
        table = {**COMPARISONS, **OPPOSITES} if _has_vague_border(node, place) else COMPARISONS
        for index, operator in enumerate(node.ops):
            yield place.changed("compare", node, node, "ops", table[type(operator)](), index)
    elif isinstance(node, ast.BinOp):
        if not _is_text(node.left) and not _is_text(node.right) and type(node.op) in ARITHMETIC:
            yield place.changed("arithmetic", node, node, "op", ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield place.changed("boolean", node, node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield place.changed("boolean", node, place.owner, place.field, node.operand, place.index)
    elif isinstance(node, ast.IfExp):
        yield place.changed("condition", node, node, "test", _negated(node.test))
    elif isinstance(node, ast.Constant):
        yield from _mutate_constant(node, place)


def _mutate_constant(node: ast.Constant, place: _Place) -> Iterator[Mutation]:
    if place.in_class_body or place.is_default or isinstance(place.owner, ast.Expr):
        return  # values of enumerations, defaults of fields and parameters: any other would do as well
    if isinstance(node.value, bool):
        yield place.replaced("boolean", node, ast.Constant(not node.value))
    elif isinstance(node.value, (int, float)) and abs(node.value) <= LARGEST:
        yield place.replaced("constant", node, ast.Constant(node.value + 1))


def _mutate_statement(node: ast.stmt, place: _Place) -> Iterator[Mutation]:
    if isinstance(node, (ast.If, ast.While)):
        yield place.changed("condition", node, node, "test", _negated(node.test))
    elif isinstance(node, ast.Return):
        # None for False is the same to most tests, and both truth values are turned over anyway
        if node.value is not None and not (
            isinstance(node.value, ast.Constant) and node.value.value in {None, True, False}
        ):
            yield place.changed("return", node, node, "value", ast.copy_location(ast.Constant(None), node.value))
    elif isinstance(node, ast.AugAssign):
        if not _is_text(node.value) and type(node.op) in ARITHMETIC:
            yield place.changed("arithmetic", node, node, "op", ARITHMETIC[type(node.op)]())
        yield place.replaced("delete", node, ast.Pass())
    elif isinstance(node, ast.Raise):
        yield place.replaced("raise", node, ast.Pass())
    elif isinstance(node, ast.Continue):
        yield place.replaced("delete", node, ast.Break())
    elif _is_deletable(node, place):
        yield place.replaced("delete", node, ast.Pass())


def _is_deletable(node: ast.stmt, place: _Place) -> bool:
    """A call for its effect, a removal, or a change of an object that other code sees."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        called = node.value.func
        return not (isinstance(called, ast.Attribute) and called.attr in UNSEEN_CALLS)
    if isinstance(node, ast.Delete):
        return True
    # an attribute that is never set is an error wherever it is read, which says little about tests
    is_setup = place.function.endswith(("__init__", "__post_init__", "__new__"))
    return (
        isinstance(node, ast.Assign)
        and not is_setup
        and isinstance(node.targets[0], (ast.Attribute, ast.Subscript))
        and not is_cache(node.targets[0])
    )


def _has_vague_border(node: ast.Compare, place: _Place) -> bool:
    """Whether equality decides nothing: of two moments, or of a number with the 0 that is returned for it anyway."""
    if any(map(is_time, (node.left, *node.comparators))):
        return True
    answers = isinstance(place.owner, ast.If) and isinstance(place.owner.body[0], ast.Return)
    last = node.comparators[-1]
    return answers and isinstance(last, ast.Constant) and last.value == 0


def _negated(test: ast.expr) -> ast.expr:
    return ast.copy_location(ast.UnaryOp(ast.Not(), test), test)


def _is_text(node: ast.expr) -> bool:
    """Whether it can only be text or a list, which another operator would refuse."""
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    return isinstance(node, (ast.JoinedStr, ast.List, ast.ListComp, ast.Tuple)) or (
        isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
    )
