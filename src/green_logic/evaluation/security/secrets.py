"""Secrets that stand in the source, are drawn from predictable numbers, or are hashed and compared carelessly."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from green_logic.evaluation.security.place import Hit, Place, Rule, name_of, words_of
from green_logic.evaluation.static_checks import Function, walk, word_set

PASSWORD = frozenset({"password", "passwd", "pwd", "passphrase"})
SECRET = PASSWORD | {"secret", "apikey"}
DRAWN = SECRET | {"otp", "salt", "token", "nonce"}  # must be unpredictable, and only some of them stay secret
KEY_KINDS = word_set("api secret private encryption signing session access master auth")
# a name with one of these speaks about a secret, it does not hold one
ABOUT = word_set(
    "error errors message msg prompt label pattern regex field name type prefix suffix header url uri path env id file "
    "hint help format min max length policy hash hashed param attr column"
)
PLACEHOLDERS = word_set("your example change placeholder xxx *** ... todo dummy test < { ://")
DRAWS = word_set("random randint randrange randbytes getrandbits choice choices sample uniform shuffle")
NOT_GENERATORS = word_set("sample next predict test bucket mine mining proof work block")
MACS = frozenset({"signature", "sig", "mac", "hmac", "digest", "hexdigest"})

RANDOM = Rule(
    "weak-randomness", "CWE-338", "medium", "a secret is drawn from random, which is predictable; use secrets"
)
HARD_CODED = Rule("hard-coded-secret", "CWE-798", "medium", "a secret stands in the source")
WEAK_HASH = Rule(
    "weak-password-hash", "CWE-328", "medium", "MD5 and SHA-1 of a password are guessed at billions a second"
)
TIMING = Rule("timing-attack", "CWE-208", "low", "== tells by its duration how much matched; use hmac.compare_digest")


def check_hash(call: ast.Call, place: Place) -> Iterator[Hit]:
    name = place.resolve(call.func)
    if name == "hashlib.new" and call.args and isinstance(call.args[0], ast.Constant):
        name = f"hashlib.{call.args[0].value!s}".lower()
    arguments = (words_of(name_of(node)) for argument in call.args for node in walk(argument))
    around = (words_of(owner.name) for owner in place.owners)
    if name in {"hashlib.md5", "hashlib.sha1"} and any(words & PASSWORD for words in (*arguments, *around)):
        yield WEAK_HASH, call.lineno


def _is_secret_name(words: frozenset[str]) -> bool:
    return not words & ABOUT and bool(words & SECRET or ("key" in words and words & KEY_KINDS))


def _is_secret_value(name: str, value: str) -> bool:
    words, text = words_of(name), value.lower()
    if any(mark in text for mark in PLACEHOLDERS) or any(char.isspace() or char in "\\[^" for char in value):
        return False
    if words_of(value) <= words and value.replace("_", "").replace("-", "").isalpha():
        return False  # PASSWORD = "password": the name of a field, not its content
    if _is_secret_name(words):
        return len(value) >= 4 and not value.isupper()  # an upper-case word is the name of an environment variable
    is_random = len(value) >= 12 and any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return "token" in words and not words & ABOUT and is_random


def check_literals(node: ast.AST, place: Place) -> Iterator[Hit]:
    line = getattr(node, "lineno", 0)
    is_demo = any(line in lines for lines in place.module.guarded)
    if is_demo or any(words_of(owner.name) & {"main", "demo", "example", "test"} for owner in place.owners):
        return
    for name, value in _named_values(node):
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and _is_secret_value(name, value.value):
            yield HARD_CODED, value.lineno


def _named_values(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((name_of(target), node.value) for target in node.targets)
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield name_of(node.target), node.value
    elif isinstance(node, ast.Call):
        yield from ((k.arg or "", k.value) for k in node.keywords)
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq):
        yield name_of(node.left), node.comparators[0]
    elif isinstance(node, Function):
        positional = [*node.args.posonlyargs, *node.args.args]
        defaults = zip(reversed(positional), reversed(node.args.defaults), strict=False)
        named = ((a, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is not None)
        yield from ((argument.arg, default) for argument, default in (*defaults, *named))


def check_random(node: ast.Assign | ast.AnnAssign, place: Place) -> Iterator[Hit]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    words = frozenset[str]().union(*(words_of(name_of(target)) for target in targets))
    around = frozenset[str]().union(*(words_of(owner.name) for owner in place.owners))
    if node.value is None or not _draws_secret(words) or around & NOT_GENERATORS:
        return
    for inner in walk(node.value):
        name = place.resolve(inner.func) if isinstance(inner, ast.Call) else ""
        # token = random.choice(tokens) picks from what is there; it makes no secret
        if name.startswith("random.") and name[7:] in DRAWS and not (inner is node.value and name[7:] == "choice"):
            yield RANDOM, getattr(inner, "lineno", node.lineno)


def check_random_call(call: ast.Call, place: Place) -> Iterator[Hit]:
    name = place.resolve(call.func)
    if name.startswith("random.") and name[7:] in DRAWS and place.owner is not None:
        words = words_of(place.owner.name)
        if _draws_secret(words) and not words & NOT_GENERATORS:
            yield RANDOM, call.lineno


def _draws_secret(words: frozenset[str]) -> bool:
    is_key = "key" in words and bool(words & (KEY_KINDS | {"generate", "gen"}))
    return (is_key or bool(words & DRAWN)) and not words & {
        "error",
        "count",
        "id",
        "min",
        "max",
    }


def check_comparison(node: ast.Compare, place: Place) -> Iterator[Hit]:
    if "hmac" not in place.module.imported or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return
    sides = (node.left, node.comparators[0])
    if not any(isinstance(side, ast.Constant) for side in sides) and any(words_of(name_of(s)) & MACS for s in sides):
        yield TIMING, node.lineno
