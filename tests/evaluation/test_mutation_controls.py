"""Controls look different and behave the same, whatever the source is made of."""

from __future__ import annotations

import ast
import dis
import inspect
import json
import marshal
import os
import random
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from green_logic.evaluation.mutation.choice import choose, compile_mutants, compile_variants, disguise, fingerprint
from green_logic.evaluation.mutation.decoys import plant
from green_logic.evaluation.mutation.layout import change_text
from green_logic.evaluation.mutation.neutral import MAX_CHANGED, change_bytecode
from green_logic.evaluation.mutation.operators import Mutation

CORPUS = sorted(Path(__file__).parent.glob("clean_corpus/*.py"))
SAMPLES = sorted((Path(__file__).parents[2] / "data" / "samples" / "tasks").glob("*/reference.py"))

TRICKY = '''
"""Module."""
from __future__ import annotations

import functools

BASE = 3


def closure(n, step=BASE):
    """Nested scopes that share names."""
    total = 0
    def add(k):
        nonlocal total
        seen = k + step
        total += seen
        return total
    for item in range(n):
        add(item)
    values = [item * step for item in range(n) if (last := item) >= 0]
    return total, values, last


def shadows(BASE):
    item = [BASE for BASE in range(BASE)]
    try:
        raise KeyError("x")
    except KeyError as error:
        found = error.args
    import math as sums
    with open("/dev/null") as file:
        file.read()
    match item:
        case [first, *rest]:
            found = (first, rest, found)
        case {"a": thing, **others}:
            found = (thing, others)
    del item
    return found, sums.floor(2.5)


def default_of_outer(base=BASE):
    def inner(value=base):
        base = value * 2
        return base
    return inner()


def sees_itself(a):
    b = a + 1
    return sorted(locals())


def generator(n):
    sent = 0
    while sent is not None and n > 0:
        n -= 1
        sent = yield n, f"{n=}"


async def waits(n):
    got = n
    return got


class Holder:
    attribute = 1
    def __init__(self, value):
        self.__value = value
        __local = value
        self.double = __local * 2

    @property
    def value(self):
        class Inner:
            value = 5
            def get(self):
                value = self.value
                return value
        return Inner().get() + self.__value

    def super_name(self):
        text = super().__repr__
        return text is not None


pick = lambda items, key=lambda item: -item: sorted(items, key=key)
choose = lambda flag, /: (yield flag)


@functools.cache
def fib(n):
    if n < 2:
        return n
    left = fib(n - 1)
    right = fib(n - 2)
    return left + right
'''
USES = """
(closure(4), closure(2, 5), shadows(3), default_of_outer(), sees_itself(1), list(generator(3)), Holder(4).value,
 Holder(4).double, Holder(1).super_name(), pick([1, 3, 2]), list(choose(7)), fib(30), closure.__doc__, __doc__,
 Holder.attribute, step(waits(6)))
"""


def step(coroutine: Any) -> object:
    try:
        coroutine.send(None)
    except StopIteration as stopped:
        return stopped.value
    return None


def outcome(tree: ast.Module) -> object:
    names: dict[str, Any] = {"__name__": "solution", "step": step}
    exec(compile(ast.fix_missing_locations(tree), "solution.py", "exec"), names)  # noqa: S102  our own text
    return eval(USES, names)  # noqa: S307


@pytest.mark.parametrize("seed", range(30))
def test_other_bytecode_behaves_the_same(seed: int) -> None:
    for source in (TRICKY, TRICKY.replace("locals()", "[a, b]")):
        tree = ast.parse(source)
        before = outcome(ast.parse(source))
        assert change_bytecode(source, tree, random.Random(seed))
        assert outcome(tree) == before


def test_every_function_and_lambda_gets_other_bytecode() -> None:
    tree = ast.parse(TRICKY)
    change_bytecode(TRICKY, tree, random.Random(1))
    changed = codes(compile(ast.fix_missing_locations(tree), "x", "exec"))
    for name, code in codes(compile(TRICKY, "x", "exec")).items():
        if name.rpartition(".")[2] not in {"<module>", "Holder", "Inner", "<listcomp>"}:
            assert fingerprint(code) != fingerprint(changed[name]), name
            assert code.co_varnames[: code.co_argcount] == changed[name].co_varnames[: code.co_argcount]


def codes(code: Any, path: str = "") -> dict[str, Any]:
    inner = {}
    for part in (constant for constant in code.co_consts if inspect.iscode(constant)):
        inner.update(codes(part, f"{path}.{part.co_name}"))
    return {path: code, **inner}


def test_mutations_keep_their_places_beside_the_code_that_is_added() -> None:
    for _ in range(20):
        tree = ast.parse(TRICKY)
        mutations = [found for found in choose(TRICKY, tree, 500) if not isinstance(found.owner, ast.Lambda)]
        before = [place_of(found) for found in mutations]
        assert disguise(TRICKY, tree, mutations, "s.py", decoys=500)
        assert all(place_of(found) is place for found, place in zip(mutations, before, strict=True))
    assert sum(found.field == "body" for found in mutations) > 2


def test_decoys_change_nothing_that_a_solution_does() -> None:
    for source in (TRICKY, TRICKY.replace("locals()", "[a, b]")):
        for _ in range(10):
            tree = ast.parse(source)
            mutations = choose(source, tree, 500)
            plain = ast.dump(tree)
            plant(mutations, 500, random.Random(1))
            assert ast.dump(tree) != plain
            assert outcome(tree) == outcome(ast.parse(source))


@pytest.mark.parametrize("path", [None, *CORPUS[:4], *SAMPLES[:4]], ids=lambda path: path.parent.name if path else "")
def test_a_mutant_holds_the_originals_instructions_in_their_order_wherever_the_control_does(path: Path | None) -> None:
    source = path.read_text() if path else TRICKY
    _, (_, original, _, control, *mutants) = compile_variants(source, "", "s.py", "t.py", 8)
    held = [all_codes(read_code(blob)) for blob in (control, *mutants)]
    wanted = [found for found in all_codes(read_code(original)) if is_in_one(found, held[0])]
    assert wanted
    assert [found for found in wanted for mutant in held[1:] if not is_in_one(found, mutant)] == []


def is_in_one(wanted: tuple[str, Any], held: list[tuple[str, Any]]) -> bool:
    """Whether a code of that place has all the instructions of `wanted`, in their order."""
    place, code = wanted
    return any(place == other and holds_in_order(one, code) for other, one in held)


def all_codes(code: Any, path: str = "") -> list[tuple[str, Any]]:
    parts = [constant for constant in code.co_consts if inspect.iscode(constant)]
    return [(path, code), *(found for part in parts for found in all_codes(part, f"{path}.{part.co_name}"))]


def holds_in_order(code: Any, wanted: Any) -> bool:
    left = iter(words_of(code))
    return all(word in left for word in words_of(wanted))


def words_of(code: Any) -> list[tuple[str, str]]:
    """Instructions but jumps, and what a control changes: names of variables, and how often None is returned."""
    words = []
    for found in dis.get_instructions(code):
        is_end = found.opname == "RETURN_VALUE" or (found.opname == "LOAD_CONST" and found.argval is None)
        if not is_end and not re.search("JUMP|NOP|FAST|DEREF|CELL|CLOSURE|FREE", found.opname):
            words.append((found.opname, "code" if inspect.iscode(found.argval) else found.argrepr))
    return words


@pytest.mark.parametrize("path", [None, *CORPUS, *SAMPLES], ids=lambda path: path.parent.name if path else "")
def test_a_part_that_is_compiled_alone_is_what_it_is_in_the_whole(path: Path | None) -> None:
    source = path.read_text() if path else TRICKY
    tree = ast.parse(source)
    mutations = choose(source, tree, 200)
    unbroken = disguise(source, tree, mutations, "s.py", decoys=10)
    assert unbroken
    made = list(compile_mutants(mutations, tree, unbroken, 1000))
    assert len(made) > 5
    for mutation, code in made:
        mutation.apply()
        assert code == compile(tree, "s.py", "exec", dont_inherit=True)
        mutation.undo()


def test_a_statement_too_deep_to_be_copied_has_no_decoy() -> None:
    tree: Any = ast.parse("def f(a):\n    return a + 1\n")
    mutations = choose("", tree, 8)
    for _ in range(2000):
        tree.body[0].body[0].value.left = ast.UnaryOp(ast.Invert(), tree.body[0].body[0].value.left)
    plant(mutations, 8, random.Random(1))
    assert [type(node) for node in tree.body[0].body] == [ast.Return]


def test_a_statement_as_deep_as_the_compiler_allows_has_all_its_mutants() -> None:
    header, _ = compile_variants("def f(a):\n    return " + "+".join(["a"] * 900) + "\n", "", "s.py", "t.py", 8)
    assert len(header["mutants"]) == 8  # type: ignore[arg-type]


def place_of(found: Mutation) -> object:
    held = getattr(found.owner, found.field)
    return held if found.index is None else held[found.index]


def test_what_is_added_never_runs() -> None:
    """A function that is called a million times would be slower by its own length."""
    source = "def f(a):\n    if a: return a\n    return a * 3 + 4 - 5 // 2 % 7 < 8\ng = lambda a: a * 3\n"
    for seed in range(20):
        tree = ast.parse(source)
        change_bytecode(source, tree, random.Random(seed))
        names: dict[str, Any] = {}
        exec(compile(tree, "s.py", "exec"), names)  # noqa: S102
        for name in "fg":
            assert count_steps(names[name], 1) - count_steps(*({"f": (plain_f, 1), "g": (plain_g, 1)}[name])) <= 10


def plain_f(a: int) -> object:
    if a:
        return a
    return a * 3 + 4 - 5 // 2 % 7 < 8


def plain_g(a: int) -> int:
    return a * 3


def count_steps(function: Any, argument: int) -> int:
    """Instructions that one call takes."""
    steps = 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal steps
        frame.f_trace_opcodes = True
        steps += event == "opcode"
        return trace

    old = sys.gettrace()
    sys.settrace(trace)
    try:
        function(argument)
    finally:
        sys.settrace(old)
    return steps


def test_nobody_can_foresee_a_control() -> None:
    made = {compile_variants(TRICKY, "", "s.py", "t.py", 1)[1][3] for _ in range(4)}
    assert len(made) == 4
    originals = {compile_variants(TRICKY, "", "s.py", "t.py", 1)[1][1] for _ in range(4)}
    assert len(originals) == 1


def read_code(blob: bytes) -> Any:
    return marshal.loads(blob)  # noqa: S302  made a moment ago


def test_a_variant_has_lines_and_no_columns() -> None:
    _, (_, *blobs) = compile_variants(TRICKY, "", "s.py", "t.py", 8)
    for _, code in (found for blob in blobs for found in all_codes(read_code(blob))):
        places = [place for place in code.co_positions() if place[0]]
        # the compiler makes some up for what a code begins with
        assert {place[2:] for place in places} <= {(None, None), (0, 0)}
        assert all(first == last for first, last, *_ in places)


def test_mutants_are_made_from_the_control() -> None:
    """So that a constant or an operator that the control still has is no sign of a mutant."""
    source = "def f(a):\n    return a < 13\n"
    _, blobs = compile_variants(source, "", "s.py", "t.py", 8)
    for blob in blobs[4:]:
        (code,) = [constant for constant in read_code(blob).co_consts if inspect.iscode(constant)]
        assert 13 in code.co_consts


def test_names_of_variables_stay_where_the_source_may_see_them() -> None:
    for word in ("locals()", "vars()", "eval('b')", "sys._getframe()"):
        source = f"def f(a):\n    b = a\n    return {word}\n"
        tree = ast.parse(source)
        assert change_bytecode(source, tree, random.Random(2))
        assert "b" in compile(tree, "x", "exec").co_consts[0].co_varnames


@pytest.mark.parametrize(
    "source",
    ["x = 1\n", '"""Doc."""\nfrom __future__ import annotations\nx = 1\n', "from __future__ import annotations\n"],
)
def test_a_module_without_functions_has_a_control_too(source: str) -> None:
    tree = ast.parse(source)
    assert change_bytecode(source, tree, random.Random(3))
    names: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(tree), "x", "exec"), names)  # noqa: S102
    assert names.get("__doc__") == ast.get_docstring(ast.parse(source))


def test_nothing_cannot_be_changed() -> None:
    tree = ast.parse("")
    assert not change_bytecode("", tree, random.Random(4))
    assert tree.body == []


@pytest.mark.parametrize("path", [*CORPUS, *SAMPLES], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_another_text_is_the_same_code_on_other_lines(path: Path) -> None:
    source = path.read_text()
    tree = ast.parse(source)
    changed = change_text(source)
    assert changed is not None
    assert changed != source
    assert ast.dump(ast.parse(changed)) == ast.dump(tree)
    assert ast.dump(ast.parse(changed), include_attributes=True) != ast.dump(tree, include_attributes=True)
    # comments and the words of every line stay
    assert changed.split() == source.split()


@pytest.mark.parametrize(
    "source",
    [
        'x = """a\nb"""\ny = 2',
        "x = 1 + \\\n    2\n",
        "x = (1,\n     2)  # comment\nif x: y = 1; z = 2\n",
        "x = 1\r\ny = 2\r\n",
        "#!/usr/bin/python\n# -*- coding: latin-1 -*-\nx = 'é'\n",
        "def f():\n\treturn 1\n\x0c\ndef g(): return 2\n",
        "x = f'''{1}\n'''\n",
    ],
)
def test_strings_and_continued_lines_keep_their_content(source: str) -> None:
    header, _ = compile_variants(source, "", "s.py", "t.py", 8)
    texts = [control["shown"] for control in header["controls"] if control["name"] == "text"]  # type: ignore[attr-defined]
    assert all(ast.dump(ast.parse(changed)) == ast.dump(ast.parse(source)) for changed in texts)


def test_text_that_the_tokenizer_refuses_is_left_alone() -> None:
    assert change_text("x = (1") is None
    assert change_text("  x = 1\n y = 2") is None


def test_every_real_submission_has_both_controls() -> None:
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    path = Path(os.environ.get("GREEN_LOGIC_TEST_DATA", default)) / "logomesh" / "submissions.jsonl"
    if not path.exists():
        pytest.skip(f"no real records at {path}: set GREEN_LOGIC_TEST_DATA")
    for line in path.read_text().splitlines():
        source = json.loads(line)["purple_response"]["sourceCode"]
        try:
            compile(source, "s.py", "exec")
            is_code = bool(ast.parse(source).body)
        except SyntaxError:
            continue
        if not is_code:
            continue
        header, _ = compile_variants(source, "", "s.py", "t.py", 8)
        names = [control["name"] for control in header["controls"]]  # type: ignore[attr-defined]
        assert names == ["text", "bytecode"], source


def test_a_source_with_tabs_and_odd_spaces_is_dedented_nowhere() -> None:
    source = textwrap.dedent("def f(a):\n\tif a:\n\t\treturn 1\n\treturn 2\n")
    changed = change_text(source)
    assert changed is not None
    assert "\t\treturn 1" in changed


def test_of_thousands_of_functions_those_that_are_broken_are_changed_and_few_others() -> None:
    source = "".join(f"def f{number}(a):\n    return {{'a': a}}\n" for number in range(500))
    source += "class Late:\n    def last(self, a):\n        return a + 1\n"
    tree = ast.parse(source)
    change_bytecode(source, tree, random.Random(5), {"Late.last"})
    before = {node.name: ast.dump(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
    after = {node.name: ast.dump(node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    changed = {name for name in before if before[name] != after[name]}
    assert "last" in changed
    assert len(changed) == MAX_CHANGED
