"""A mutant's code from that of its tree unbroken: only the function or class that is broken is compiled again."""

from __future__ import annotations
import __future__

import ast
import types

from green_logic.evaluation.mutation.nodes import all_nodes
from green_logic.evaluation.mutation.operators import Mutation

Function = ast.FunctionDef | ast.AsyncFunctionDef
Part = Function | ast.ClassDef
FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


def find_imports(tree: ast.Module) -> list[ast.stmt]:
    """Imports of the module itself, those from the future apart."""
    nodes = all_nodes(tree.body, closed=(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr))
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    return [node for node in imports if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")]


def compile_part(
    mutation: Mutation, tree: ast.Module, unbroken: types.CodeType, imports: list[ast.stmt]
) -> tuple[types.CodeType, types.CodeType] | None:
    """What `tree` compiles to now that `mutation` is made, and the part that it differs in from `unbroken`.

    None where only compiling it whole can tell: the part is not alone in having its name, or does not differ.
    """
    path = _find_path(mutation, tree)
    if not path:
        return None
    flags = unbroken.co_flags & FUTURE
    # the compiler treats names that the module imports in a way of their own
    module = ast.Module([*imports, _isolate(path)], [])
    alone = compile(module, unbroken.co_filename, "exec", flags, dont_inherit=True)
    return _replace(unbroken, alone, [node.name for node in path])


def _find_path(mutation: Mutation, tree: ast.Module) -> list[Part]:
    """The function or the class at the top that `mutation` is in, and the method."""
    path: list[Part] = []
    body = tree.body
    for name in mutation.function.split(".")[:2]:
        found = [node for node in body if isinstance(node, Part) and node.name == name]
        # defaults and type parameters belong to the scope outside
        if len(found) != 1 or found[0] is mutation.statement or getattr(found[0], "type_params", None):
            break
        path.append(found[0])
        if not isinstance(found[0], ast.ClassDef):
            break
        body = found[0].body
    return path


def _isolate(path: list[Part]) -> Part:
    """The last of `path`, in its class if it has one: there names mean what they mean in the whole."""
    node = path[-1]
    if len(path) == 2:
        place = {"lineno": node.lineno, "end_lineno": node.lineno, "col_offset": -1, "end_col_offset": -1}
        return ast.ClassDef(path[0].name, [], [], [node], [], **place)
    return node


def _replace(
    code: types.CodeType, alone: types.CodeType, names: list[str]
) -> tuple[types.CodeType, types.CodeType] | None:
    """`code` with the part called `names` as it is in `alone`, and that part."""
    if not names:
        return (alone, alone) if alone != code else None
    old, new = _find_code(code, names[0]), _find_code(alone, names[0])
    if old is None or new is None:
        return None
    inner = _replace(code.co_consts[old], alone.co_consts[new], names[1:])
    if inner is None:
        return None
    constants = [*code.co_consts]
    constants[old] = inner[0]
    return code.replace(co_consts=tuple(constants)), inner[1]


def _find_code(code: types.CodeType, name: str) -> int | None:
    """Where among the constants of `code` that of `name` is; None unless there is exactly one."""
    places = [
        index
        for index, constant in enumerate(code.co_consts)
        if isinstance(constant, types.CodeType) and constant.co_name == name
    ]
    return places[0] if len(places) == 1 else None
