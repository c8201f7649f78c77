"""Type hints and signatures of the tests' functions and classes: how they are told, and how they are read.

A hint is told as a class, as the number of a class of the tests (which may refer to itself), as text, or as a tuple of
an origin (None for a union) and its arguments. What is none of these is told as `typing.Any`.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import types
import typing
from typing import TYPE_CHECKING, Any

from green_logic.evaluation.isolation.guest import TESTS
from green_logic.evaluation.isolation.split.proxies import is_remote

if TYPE_CHECKING:
    from green_logic.evaluation.isolation.split.solution import SolutionPeer
    from green_logic.evaluation.isolation.split.tester import TestsPeer

PARAMETER_KINDS = {kind.name: kind for kind in inspect._ParameterKind}
UNKNOWN = (SyntaxError, LookupError)  # of a text that names what is not there, such as a class within a function
UNPLAIN = (ValueError, TypeError, AttributeError, RecursionError, MemoryError)  # of one that says more than types
NOTHING = ()  # told where there is no hint


# --- the tests' side


def describe_signature(peer: TestsPeer, function: Any) -> tuple[Any, ...] | None:
    """Name, kind, whether it is optional and hint of each parameter, and the hint of what is returned."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    parameters = (
        (part.name, part.kind.name, part.default is not part.empty, _describe_if_any(peer, part.annotation))
        for part in signature.parameters.values()
    )
    return tuple(parameters), _describe_if_any(peer, signature.return_annotation)


def describe_hint(peer: TestsPeer, hint: Any) -> Any:
    """A type hint as the other side reads it."""
    hint = hint.__forward_arg__ if isinstance(hint, typing.ForwardRef) else hint
    if type(hint) is str:
        try:
            found = _find_named(ast.parse(hint, mode="eval").body)
        except UNKNOWN:
            return hint
        except UNPLAIN:
            return typing.Any
        return describe_hint(peer, found)
    if origin := typing.get_origin(hint):
        if origin in {typing.Union, types.UnionType}:
            origin = None
        if origin is None or isinstance(origin, type):
            parts = (describe_hint(peer, part) for part in typing.get_args(hint))
            return (origin and peer.handed.refer(origin), *parts)
    if hint is None or hint is types.NoneType:
        return None
    return peer.handed.refer(hint) if isinstance(hint, type) else typing.Any


def _describe_if_any(peer: TestsPeer, hint: Any) -> Any:
    return NOTHING if hint is inspect.Signature.empty else describe_hint(peer, hint)


def _find_named(node: ast.expr) -> Any:
    """What a hint's text names. Raises one of UNKNOWN or UNPLAIN.

    It is never evaluated, for it may be of the solution's making: names are looked up, and only types are subscripted.
    """
    if isinstance(node, ast.Constant) and node.value is None:
        return None
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _find_named(ast.parse(node.value, mode="eval").body)
    if isinstance(node, ast.Name):
        known = vars(builtins) | vars(sys.modules[TESTS])
        return _check_type(known[node.id])
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        module = vars(sys.modules[TESTS])[node.value.id]
        return _check_type(vars(module)[node.attr] if isinstance(module, types.ModuleType) else None)
    if isinstance(node, ast.Subscript):
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        origin, parts = _find_named(node.value), tuple(_find_named(part) for part in inner)
        if is_remote(origin):
            raise TypeError("a class of the solution, which would be asked")
        return origin[parts if len(parts) > 1 else parts[0]]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return typing.Union[_find_named(node.left), _find_named(node.right)]  # noqa: UP007  of values
    raise ValueError("no plain type")


def _check_type(found: Any) -> Any:
    if not isinstance(found, type) and type(found).__module__ != "typing":
        raise TypeError("no type")
    return found


# --- the solution's side


def read_hint(peer: SolutionPeer, described: Any) -> Any:
    """The type hint that `describe_hint` described."""
    if type(described) is int:
        return peer.stand_ins.class_of(described)
    if type(described) is not tuple:
        return described
    origin, *parts = (read_hint(peer, part) for part in described)
    try:
        return (typing.Union if origin is None else origin)[tuple(parts)]
    except (TypeError, SyntaxError):  # a generic class of the tests, or a text that is no hint
        return origin or typing.Any


def make_signature(peer: SolutionPeer, described: Any) -> inspect.Signature:
    """The signature that `describe_signature` described."""
    parameters, returned = described
    empty = inspect.Signature.empty
    made = [
        inspect.Parameter(
            name,
            PARAMETER_KINDS[kind],
            default=... if is_optional else empty,
            annotation=empty if hint == NOTHING else read_hint(peer, hint),
        )
        for name, kind, is_optional, hint in parameters
    ]
    return inspect.Signature(made, return_annotation=empty if returned == NOTHING else read_hint(peer, returned))


def named_annotations(signature: inspect.Signature) -> dict[str, Any]:
    """What a function with this signature has as `__annotations__`."""
    hints = {part.name: part.annotation for part in signature.parameters.values()}
    hints["return"] = signature.return_annotation
    return {name: hint for name, hint in hints.items() if hint is not inspect.Signature.empty}
