"""Which variants of a solution are run, compiled. A pure function of its text; the sandbox runs it, it runs nothing."""

from __future__ import annotations

import ast
import hashlib
import marshal
import random
import types
from collections import Counter
from collections.abc import Iterator, Sequence

from green_logic.evaluation.mutation.decoys import plant
from green_logic.evaluation.mutation.layout import change_text
from green_logic.evaluation.mutation.neutral import change_bytecode
from green_logic.evaluation.mutation.nodes import all_nodes, drop_columns
from green_logic.evaluation.mutation.operators import Mutation, find_mutations
from green_logic.evaluation.mutation.parts import compile_part, find_imports

MAX_BYTES = 3 << 20  # of all compiled variants: what a guest may write is limited, and so is the judge's patience
TRIES = 4  # mutations that may turn out to be no change, for each that is wanted


def compile_variants(
    source: str, tests: str, source_path: str, tests_path: str, candidates: int
) -> tuple[dict[str, object], list[bytes]]:
    """A header and the marshalled code of what it lists: the tests, the original, the controls, the mutants.

    A header with "fault" instead says why there are none. Mutants come in the order in which they are to be run.
    """
    try:
        return _compile_variants(source, (tests, source_path, tests_path), candidates)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return {"fault": f"{type(error).__name__}: {str(error)[:200]}"}, []


def _compile_variants(
    source: str, texts: tuple[str, str, str], candidates: int
) -> tuple[dict[str, object], list[bytes]]:
    tests, source_path, tests_path = texts
    tree = _parse(source, source_path)
    original = compile(tree, source_path, "exec", dont_inherit=True)
    blobs = [_compile_tests(tests, tests_path), marshal.dumps(original)]
    controls: list[dict[str, str | None]] = []
    mutations = choose(source, tree, candidates * TRIES)
    if same := _change_text(source, original, candidates):
        changed, code = same
        controls.append({"name": "text", "shown": changed})
        blobs.append(marshal.dumps(code))
    disguised = disguise(source, tree, mutations, source_path, decoys=candidates)
    if disguised is not None:
        controls.append({"name": "bytecode", "shown": None})
        blobs.append(marshal.dumps(disguised))
    mutants = []
    for mutation, code in compile_mutants(mutations, tree, disguised or original, candidates):
        mutants.append({"operator": mutation.operator, "line": mutation.line})
        # one that is too large to be handed over is a mutant all the same: it counts as not reached
        blob = marshal.dumps(code)
        blobs.append(blob if sum(map(len, blobs)) + len(blob) <= MAX_BYTES else b"")
    sizes = [len(blob) for blob in blobs]
    return {"controls": controls, "mutants": mutants, "sizes": sizes}, blobs


def _parse(source: str, path: str) -> ast.Module:
    """A tree whose code has no columns: at a column of its own, a mutant's fault would stand beside no decoy."""
    tree = ast.parse(source, path)
    drop_columns(all_nodes([tree]))
    return tree


def _change_text(source: str, original: types.CodeType, decoys: int) -> tuple[str, types.CodeType] | None:
    """The control of another text, and its code; None where there is none that does the same for certain.

    Its bytecode is another one as well, and not that of the other control: whoever leaves it to chance which bytecode
    fails has to be lucky twice.
    """
    changed, path = change_text(source), original.co_filename
    if changed is None or changed == source:
        return None
    try:
        tree = _parse(changed, path)
        if fingerprint(compile(tree, path, "exec", dont_inherit=True)) != fingerprint(original):
            return None
        code = disguise(source, tree, choose(source, tree, decoys), path, decoys=decoys)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return (changed, code) if code is not None else None


def choose(source: str, tree: ast.Module, wanted: int) -> list[Mutation]:
    """Up to `wanted` mutations, seeded by the source's SHA-256: the same source, the same mutations."""
    seed = hashlib.sha256(source.encode("utf-8", "surrogatepass")).digest()
    return _spread(find_mutations(tree), random.Random(seed), wanted)  # noqa: S311  anybody may repeat it


def disguise(
    source: str, tree: ast.Module, mutations: Sequence[Mutation], path: str, *, decoys: int
) -> types.CodeType | None:
    """Make `tree` the control of other bytecode; `mutations` keep their places. None if it stays as it is.

    The first `decoys` of them, which may be run, get decoys.
    """
    rng = random.SystemRandom()
    if not change_bytecode(source, tree, rng, {mutation.function for mutation in mutations}):
        return None
    plant(mutations, decoys, rng)
    return compile(tree, path, "exec", dont_inherit=True)


def compile_mutants(
    mutations: list[Mutation], tree: ast.Module, unbroken: types.CodeType, wanted: int
) -> Iterator[tuple[Mutation, types.CodeType]]:
    """Up to `wanted` mutants that differ from `unbroken`, which is what `tree` compiles to, and from each other."""
    known, imports = {fingerprint(unbroken)}, find_imports(tree)
    for mutation in mutations:
        mutation.apply()
        try:
            # two mutants of the same part are the same where the part is
            code, part = compile_part(mutation, tree, unbroken, imports) or _compile_whole(tree, unbroken)
        except (SyntaxError, ValueError):
            continue
        finally:
            mutation.undo()
        digest = fingerprint(part)
        if digest not in known:
            known.add(digest)
            yield mutation, code
        if len(known) > wanted:
            return


def _compile_whole(tree: ast.Module, unbroken: types.CodeType) -> tuple[types.CodeType, types.CodeType]:
    code = compile(tree, unbroken.co_filename, "exec", dont_inherit=True)
    return code, code


def fingerprint(code: types.CodeType) -> bytes:
    """Digest of what code does; equal for code that differs in its line and column numbers only."""
    digest = hashlib.sha256()
    waiting = [code]
    while waiting:
        part = waiting.pop()
        digest.update(part.co_code + part.co_exceptiontable)
        words = (part.co_name, part.co_names, part.co_varnames, part.co_freevars, part.co_cellvars, part.co_flags)
        digest.update(repr(words).encode("utf-8", "surrogatepass"))
        for constant in part.co_consts:
            if isinstance(constant, types.CodeType):
                waiting.append(constant)
            else:
                digest.update(marshal.dumps(constant, 2))  # the last version that writes equal things alike
    return digest.digest()


def _spread(mutations: list[Mutation], rng: random.Random, wanted: int) -> list[Mutation]:
    """`wanted` of them, so that the first ones lie in many functions, on many lines, and are of many kinds."""
    rng.shuffle(mutations)
    by_function: dict[str, list[Mutation]] = {}
    for mutation in mutations:
        by_function.setdefault(mutation.function, []).append(mutation)
    operators: Counter[str] = Counter()
    lines: Counter[int] = Counter()
    order: list[Mutation] = []
    while by_function and len(order) < wanted:
        for function, left in list(by_function.items()):
            best = min(left, key=lambda item: (lines[item.line], operators[item.operator]))
            left.remove(best)
            order.append(best)
            operators[best.operator] += 1
            lines[best.line] += 1
            if not left:
                del by_function[function]
    return order


def _compile_tests(tests: str, path: str) -> bytes:
    """The tests as pytest compiles them; empty if they do not parse, which the run itself then says."""
    from _pytest.assertion.rewrite import rewrite_asserts  # noqa: PLC0415  the judge imports this module without pytest

    try:
        tree = ast.parse(tests, path)
        rewrite_asserts(tree, tests.encode("utf-8", "replace"), path)
        return marshal.dumps(compile(tree, path, "exec", dont_inherit=True))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return b""
