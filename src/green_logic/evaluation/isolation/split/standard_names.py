"""Classes of the standard library and members of its enumerations, by names that both sides understand."""

from __future__ import annotations

import sys
from enum import Enum, EnumType


def name_standard_class(kind: type) -> tuple[str, str] | None:
    """Module and name of a class of the standard library, None for any other."""
    module, name = getattr(kind, "__module__", None), getattr(kind, "__qualname__", None)
    if type(module) is not str or type(name) is not str or module.partition(".")[0] not in sys.stdlib_module_names:
        return None
    return (module, name) if find_standard_class(module, name) is kind else None


def find_standard_class(module: str, name: str) -> type | None:
    """A class of the standard library that is loaded here already; None if there is none."""
    if module.partition(".")[0] not in sys.stdlib_module_names or "__" in module:
        return None
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) else None


def name_member(value: Enum) -> tuple[str, str, str] | None:
    """Module, class and name of a member of an enumeration of the standard library; None for any other member."""
    standard = name_standard_class(type(value))
    name = value._name_
    return (*standard, name) if standard and name in type(value).__members__ else None


def find_member(module: str, kind: str, name: str) -> Enum | None:
    """The member that `name_member` named; None where its class is not loaded."""
    found = find_standard_class(module, kind)
    return found.__members__.get(name) if isinstance(found, EnumType) else None
