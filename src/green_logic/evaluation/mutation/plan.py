"""The variants of one solution as the sandbox compiled them. The judge carries their code; it never loads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

ORIGINAL, CONTROL, MUTANT = "original", "control", "mutant"
MAX_VARIANTS = 256


@dataclass(frozen=True)
class Variant:
    """One version of the solution. `name`: of the operator or the control; `line`: where a mutant was broken."""

    kind: str
    name: str
    line: int
    code: bytes
    shown: str  # what tests find in solution.py; a mutant shows the original, so that its text gives nothing away


@dataclass(frozen=True)
class Plan:
    """Everything that can be run, mutants in their order. `fault`: why there is nothing; empty if there is."""

    tests_code: bytes = b""
    original: Variant = Variant(ORIGINAL, ORIGINAL, 0, b"", "")
    controls: tuple[Variant, ...] = ()
    mutants: tuple[Variant, ...] = ()
    fault: str = ""


def parse_plan(results: bytes, source: str) -> Plan:
    """The plan in what `variant_guest.plan_variants` wrote. Raises ValueError if it is anything else."""
    head, _, body = results.partition(b"\n")
    header: Any = json.loads(head)
    if not isinstance(header, dict):
        raise ValueError("expected an object")  # noqa: TRY004  one kind of refusal for whatever was written
    if fault := header.get("fault"):
        return Plan(fault=str(fault)[:300])
    blobs = _cut(body, header.get("sizes"))
    controls, mutants = list(header["controls"]), list(header["mutants"])
    if len(blobs) != 2 + len(controls) + len(mutants) or len(blobs) > MAX_VARIANTS:
        raise ValueError(f"expected a size for each of {2 + len(controls) + len(mutants)} parts, got {len(blobs)}")
    tests_code, original, *others = blobs
    variants = [Variant(CONTROL, str(item["name"]), 0, b"", str(item["shown"] or source)) for item in controls]
    variants += [Variant(MUTANT, str(item["operator"]), int(item["line"]), b"", source) for item in mutants]
    filled = tuple(
        Variant(item.kind, item.name, item.line, code, item.shown) for item, code in zip(variants, others, strict=True)
    )
    return Plan(
        tests_code,
        Variant(ORIGINAL, ORIGINAL, 0, original, source),
        filled[: len(controls)],
        filled[len(controls) :],
    )


def _cut(body: bytes, sizes: object) -> list[bytes]:
    if not isinstance(sizes, list) or not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise ValueError("expected a list of sizes")
    if sum(sizes) != len(body):
        raise ValueError(f"expected {sum(sizes)} bytes, got {len(body)}")
    parts, start = [], 0
    for size in sizes:
        parts.append(body[start : start + size])
        start += size
    return parts
