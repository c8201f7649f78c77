"""Weaknesses that can be seen in a submission's tree, each with its CWE number and the line.

A rule speaks only where the pattern itself is the weakness, since one finding lowers the whole score: a name that could
hold anything is given the benefit of the doubt. "critical" is left to a red team that proved an exploit. Comments such
as `# nosec` are not in the tree, so they silence nothing. Scopes are told apart by function, the order of statements is
not, and data is not followed from one function into another.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from green_logic.evaluation.static_checks import (
    Function,
    Names,
    find_names,
    is_main_guard,
    iterate_tree,
    walk,
    word_set,
)

Severity = Literal["critical", "high", "medium", "low"]
RANK = {"critical": 0, "high": 1, "medium": 2, "low": 3}
MAX_PARTS = 400  # pieces of one built string; assignments to one name can multiply them
SQL = (("select", "from"), ("insert", "into"), ("update", "set"), ("delete", "from"), ("replace", "into"))
SQL_OBJECTS = frozenset({"table", "index", "view", "database", "user", "trigger"})
# identifiers cannot be parameters of a query, and code that builds lists of them names them like this
IDENTIFIERS = word_set(
    "table tables column columns col cols field fields schema placeholder placeholders clause clauses where"
    " conditions order"
)
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
SENDERS = frozenset({"download", "serve", "upload", "send", "static"})
CLEANERS = word_set(
    "resolve realpath abspath commonpath commonprefix is_relative_to relative_to secure_filename basename safe_join"
    " normpath"
)
HTTP_CALLS = word_set("get post put patch delete head options request stream Session Client AsyncClient")
HTTP_MODULES = frozenset({"requests", "httpx", "aiohttp", "urllib3"})
UNSAFE_LOADERS = frozenset({"yaml.Loader", "yaml.UnsafeLoader", "yaml.FullLoader", "yaml.CLoader"})


@dataclass(frozen=True)
class Finding:
    """One weakness. `rule` is stable and machine-readable; `cwe` as in "CWE-89"; `line` counts from 1."""

    rule: str
    cwe: str
    severity: Severity
    line: int
    message: str


class _Rule(NamedTuple):
    name: str
    cwe: str
    severity: Severity
    message: str


SQL_BUILT = _Rule(
    "sql-built-from-text", "CWE-89", "high", "a value is put into the text of a query; pass it as a parameter"
)
CODE = _Rule("code-from-text", "CWE-95", "high", "text that the program does not contain is run as code")
SHELL = _Rule("shell-command-built", "CWE-78", "high", "a command that is not constant goes through the shell")
SHELL_CONSTANT = _Rule("shell-command", "CWE-78", "low", "a constant command goes through the shell")
DESERIALISE = _Rule(
    "unsafe-deserialisation", "CWE-502", "medium", "loading this format can run code of whoever wrote it"
)
RANDOM = _Rule(
    "weak-randomness", "CWE-338", "medium", "a secret is drawn from random, which is predictable; use secrets"
)
HARD_CODED = _Rule("hard-coded-secret", "CWE-798", "medium", "a secret stands in the source")
TRAVERSAL = _Rule(
    "path-traversal", "CWE-22", "medium", "a path from outside is joined and opened, nothing keeps it in its folder"
)
EXTRACT = _Rule(
    "unfiltered-extraction", "CWE-22", "medium", "members of an archive can be written anywhere; pass filter='data'"
)
TLS = _Rule("tls-not-verified", "CWE-295", "high", "the certificate of the other side is not checked")
WEAK_HASH = _Rule(
    "weak-password-hash", "CWE-328", "medium", "MD5 and SHA-1 of a password are guessed at billions a second"
)
TEMPORARY = _Rule("temporary-file-race", "CWE-377", "medium", "another process can take the name first; use mkstemp")
JWT = _Rule("signature-not-verified", "CWE-347", "high", "a token is accepted without checking its signature")
TIMING = _Rule("timing-attack", "CWE-208", "low", "== tells by its duration how much matched; use hmac.compare_digest")
PERMISSIONS = _Rule("world-writable", "CWE-732", "medium", "anyone on the machine may change this file")
DEBUG = _Rule("debug-server", "CWE-489", "medium", "the debugger of the development server runs code of any visitor")

LOADERS = word_set(
    "pickle.load pickle.loads _pickle.loads cPickle.loads marshal.load marshal.loads shelve.open dill.load dill.loads"
    " cloudpickle.load cloudpickle.loads joblib.load jsonpickle.decode pandas.read_pickle yaml.unsafe_load"
    " yaml.unsafe_load_all"
)
SHELLS = word_set("os.system os.popen subprocess.getoutput subprocess.getstatusoutput asyncio.create_subprocess_shell")
SUBPROCESSES = word_set("subprocess.run subprocess.call subprocess.check_call subprocess.check_output subprocess.Popen")


@dataclass(frozen=True)
class _Module:
    """What the rules ask about the file as a whole."""

    names: Names
    imported: frozenset[str]  # first parts of what is imported
    assigned: Mapping[tuple[Function | None, str], list[ast.expr]]  # (function, name) → what was bound or added to it
    guarded: tuple[range, ...]  # lines under `if __name__ == "__main__":`


class _Place(NamedTuple):
    """A node with what is around it."""

    owners: tuple[Function, ...]
    module: _Module

    @property
    def owner(self) -> Function | None:
        return self.owners[-1] if self.owners else None

    def resolve(self, node: ast.AST) -> str:
        return self.module.names.resolve(node)


_Hit = tuple[_Rule, int]


def find_findings(tree: ast.Module) -> tuple[Finding, ...]:
    """All findings, ordered by line and CWE; of several with one line and CWE only the most severe."""
    module = _read_module(tree)
    found: dict[tuple[int, str], _Rule] = {}
    for node, owners in iterate_tree(tree):
        for check in _CHECKS.get(type(node), ()):
            for rule, line in check(node, _Place(owners, module)):
                place = (line, rule.cwe)
                found[place] = min(found.get(place, rule), rule, key=lambda r: (RANK[r.severity], r.name))
    return tuple(Finding(r.name, r.cwe, r.severity, line, r.message) for (line, _), r in sorted(found.items()))


def find_built_queries(tree: ast.Module) -> tuple[int, ...]:
    """Lines on which a value is put into the text of a query, whether the query is executed here or only built."""
    module = _read_module(tree)
    lines = {finding.line for finding in find_findings(tree) if finding.cwe == SQL_BUILT.cwe}
    inner: set[int] = set()  # ids of pieces of a text that was read as a whole: reading each again costs the square
    for node, owners in iterate_tree(tree):
        pieces = _pieces(node) if isinstance(node, ast.JoinedStr | ast.BinOp | ast.Call) else None
        if pieces is None or not isinstance(node, ast.expr):
            continue
        if id(node) not in inner and _quotes_value(_parts(node, _Place(owners, module))):
            lines.add(node.lineno)
        inner.update(map(id, pieces))
    return tuple(sorted(lines))


def _read_module(tree: ast.Module) -> _Module:
    names = find_names(tree)
    assigned: dict[tuple[Function | None, str], list[ast.expr]] = {}
    guarded: list[range] = []
    for node, owners in iterate_tree(tree):
        owner = owners[-1] if owners else None
        for name, value in _bound_values(node):
            assigned.setdefault((owner, name), []).append(value)
        if is_main_guard(node) and isinstance(node, ast.If):
            guarded.append(range(node.lineno, (node.body[-1].end_lineno or node.lineno) + 1))
    imported = frozenset(origin.partition(".")[0] for origin in names.origins.values())
    return _Module(names, imported, assigned, tuple(guarded))


def _bound_values(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What a plain name is bound to, or what is added to it (`query += …`, `clauses.append(…)`)."""
    if isinstance(node, ast.Assign):
        yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and isinstance(node.target, ast.Name):
        if node.value is not None:
            yield node.target.id, node.value
    elif isinstance(node, ast.Call) and len(node.args) == 1:
        match node.func:
            case ast.Attribute(value=ast.Name(id=name), attr="append" | "extend"):
                yield name, node.args[0]


def _words(name: str) -> frozenset[str]:
    return frozenset(word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name))


def _name_of(node: ast.AST | None) -> str:
    """The last name of an expression: "token" of `self.token`, "digest" of `mac.digest()`."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)


def _is_value(node: ast.AST | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _parts(start: ast.expr, place: _Place) -> list[str | ast.expr]:
    """A text as its constant pieces and the expressions between them; local names stand for what they were bound to."""
    parts: list[str | ast.expr] = []
    seen: set[str] = set()
    pending: list[ast.expr] = [start]
    while pending and len(parts) < MAX_PARTS:
        node = pending.pop()
        bound = place.module.assigned.get((place.owner, node.id)) if isinstance(node, ast.Name) else None
        if isinstance(node, ast.Name) and bound and node.id not in seen:
            seen.add(node.id)
            pending.extend(reversed(bound))
        elif isinstance(node, ast.Constant):
            parts.append(str(node.value))
        else:
            pieces = _pieces(node)
            pending.extend(reversed(pieces or []))
            if pieces is None and not (isinstance(node, ast.Name) and node.id in seen):
                parts.append(node)
    return parts


def _pieces(node: ast.expr) -> list[ast.expr] | None:
    """What a text expression is put together from; None if it is not put together."""
    match node:
        case ast.JoinedStr(values=pieces) | ast.List(elts=pieces) | ast.Tuple(elts=pieces):
            found = pieces
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            found = [left, right]
        case ast.BinOp(left=piece, op=ast.Mult()) | ast.FormattedValue(value=piece):  # "?" * n
            found = [piece]
        case ast.GeneratorExp(elt=piece) | ast.ListComp(elt=piece):
            found = [piece]
        case ast.IfExp(body=one, orelse=other):
            found = [one, other]
        case ast.Call(func=ast.Attribute(value=text, attr="format" | "join"), args=arguments, keywords=keywords):
            found = [text, *arguments, *(keyword.value for keyword in keywords)]
        case ast.Call(func=ast.Attribute(value=text, attr="strip" | "rstrip" | "lstrip" | "upper" | "lower")):
            found = [text]
        case _:
            return None
    return found


def _is_constant(node: ast.expr | None, place: _Place) -> bool:
    return node is None or all(isinstance(part, str) or _is_harmless(part) for part in _parts(node, place))


def _is_harmless(hole: ast.expr) -> bool:
    """Whether what is put into a text cannot be an attacker's: numbers and, by their name, constants."""
    if isinstance(hole, ast.Call):
        return _name_of(hole) in {"int", "len", "float", "id", "range"}
    name = _name_of(hole)
    return bool(name) and name.isupper()


def _holds_value(parts: list[str | ast.expr]) -> bool:
    """Whether a query's text has a hole that is filled with data, not with an identifier or a list of `?`."""
    words = re.findall(r"[a-z]+", " ".join(part for part in parts if isinstance(part, str)).lower())
    is_sql = any(a in words and b in words for a, b in SQL)
    if not (is_sql or ({"create", "drop", "alter"} & set(words) and SQL_OBJECTS & set(words))):
        return False
    for index, part in enumerate(parts):
        before, after = (parts[i] if 0 <= i < len(parts) else "" for i in (index - 1, index + 1))
        is_quoted = isinstance(before, str) and before.endswith(("'", '"', "%"))
        # f"… WHERE {self._filters()}": a call may well return text with placeholders in it
        is_clause = isinstance(part, ast.Call) and not (isinstance(before, str) and before.rstrip().endswith("="))
        is_column = isinstance(after, str) and after.lstrip().startswith(("= ?", "=?", "= %s", "= :", "=:", "IN ("))
        if isinstance(part, str) or _is_harmless(part):
            continue
        if is_quoted or not (is_column or is_clause or _words(_name_of(part)) & IDENTIFIERS):
            return True
    return False


def _quotes_value(parts: list[str | ast.expr]) -> bool:
    """Whether a text reads `… = '<a value>'`, which is what a parameter is for."""
    for before, part, after in zip(parts, parts[1:], parts[2:], strict=False):
        is_open = isinstance(before, str) and before.replace(" ", "").lower().endswith(
            ("='", "values('", "like'", "like'%")
        )
        if is_open and not isinstance(part, str) and isinstance(after, str) and after.startswith(("'", "%'")):
            return True
    return False


def _check_query(call: ast.Call, place: _Place) -> Iterator[_Hit]:
    is_query = _name_of(call) in {"execute", "executemany", "executescript"} and bool(call.args)
    if is_query and _holds_value(_parts(call.args[0], place)):
        yield SQL_BUILT, call.lineno


def _check_code(call: ast.Call, place: _Place) -> Iterator[_Hit]:
    name = place.resolve(call.func).removeprefix("builtins.")
    source = call.args[0] if call.args else _keyword(call, "source")
    if name in {"eval", "exec", "compile"} and source is not None and not _is_constant(source, place):
        yield CODE if name != "compile" else CODE._replace(severity="medium"), call.lineno


def _check_shell(call: ast.Call, place: _Place) -> Iterator[_Hit]:
    name = place.resolve(call.func)
    shell = _keyword(call, "shell")
    is_shell = name in SHELLS or (name in SUBPROCESSES and isinstance(shell, ast.Constant) and bool(shell.value))
    command = call.args[0] if call.args else _keyword(call, "args") or _keyword(call, "cmd")
    if is_shell and command is not None:
        yield SHELL_CONSTANT if _is_constant(command, place) else SHELL, call.lineno


def _check_loading(call: ast.Call, place: _Place) -> Iterator[_Hit]:
    name = place.resolve(call.func)
    # pickle.loads(pickle.dumps(x)) is an old way to copy: the bytes are the program's own
    inner = place.resolve(call.args[0].func) if call.args and isinstance(call.args[0], ast.Call) else ""
    if name in LOADERS and inner not in {"pickle.dumps", "dill.dumps", "marshal.dumps"}:
        yield DESERIALISE, call.lineno
    if name in {"yaml.load", "yaml.load_all"}:
        loader = call.args[1] if len(call.args) > 1 else _keyword(call, "Loader")
        if loader is None or place.resolve(loader) in UNSAFE_LOADERS:
            yield DESERIALISE, call.lineno


def _check_tls(call: ast.Call, place: _Place) -> Iterator[_Hit]:
    is_http = HTTP_MODULES & place.module.imported and _name_of(call) in HTTP_CALLS | {"TCPConnector"}
    if is_http and any(_is_value(_keyword(call, name), False) for name in ("verify", "verify_ssl", "ssl")):
        yield TLS, call.lineno


def _check_files(call: ast.Call, place: _Place) -> Iterator[_Hit]:
    name = place.resolve(call.func)
    method = _name_of(call)
    if name == "tempfile.mktemp":
        yield TEMPORARY, call.lineno
    if method == "extractall" and "tarfile" in place.module.imported:
        chosen = _keyword(call, "filter")
        if chosen is None or (isinstance(chosen, ast.Constant) and chosen.value == "fully_trusted"):
            yield EXTRACT, call.lineno
    mode = call.args[-1] if call.args and (name == "os.chmod" or method == "chmod") else None
    if isinstance(mode, ast.Constant) and isinstance(mode.value, int) and mode.value & 0o002:
        yield PERMISSIONS, call.lineno


def _check_tokens(call: ast.Call, place: _Place) -> Iterator[_Hit]:
    algorithms = _keyword(call, "algorithms")
    listed = (
        algorithms.elts if isinstance(algorithms, ast.List | ast.Tuple | ast.Set) else [_keyword(call, "algorithm")]
    )
    if any(isinstance(item, ast.Constant) and str(item.value).lower() == "none" and item.value for item in listed):
        yield JWT, call.lineno
    is_decode = _name_of(call) == "decode" and bool({"jwt", "jose"} & place.module.imported)
    if is_decode and _is_value(_keyword(call, "verify"), False):
        yield JWT, call.lineno


def _check_options(options: ast.Dict, _: _Place) -> Iterator[_Hit]:
    for key, value in zip(options.keys, options.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == "verify_signature" and _is_value(value, False):
            yield JWT, options.lineno


def _check_debug(call: ast.Call, place: _Place) -> Iterator[_Hit]:
    if _name_of(call) == "run" and "flask" in place.module.imported and _is_value(_keyword(call, "debug"), True):
        yield DEBUG, call.lineno


def _check_hash(call: ast.Call, place: _Place) -> Iterator[_Hit]:
    name = place.resolve(call.func)
    if name == "hashlib.new" and call.args and isinstance(call.args[0], ast.Constant):
        name = f"hashlib.{call.args[0].value!s}".lower()
    arguments = (_words(_name_of(node)) for argument in call.args for node in walk(argument))
    around = (_words(owner.name) for owner in place.owners)
    if name in {"hashlib.md5", "hashlib.sha1"} and any(words & PASSWORD for words in (*arguments, *around)):
        yield WEAK_HASH, call.lineno


def _is_secret_name(words: frozenset[str]) -> bool:
    return not words & ABOUT and bool(words & SECRET or ("key" in words and words & KEY_KINDS))


def _is_secret_value(name: str, value: str) -> bool:
    words, text = _words(name), value.lower()
    if any(mark in text for mark in PLACEHOLDERS) or any(char.isspace() or char in "\\[^" for char in value):
        return False
    if _words(value) <= words and value.replace("_", "").replace("-", "").isalpha():
        return False  # PASSWORD = "password": the name of a field, not its content
    if _is_secret_name(words):
        return len(value) >= 4 and not value.isupper()  # an upper-case word is the name of an environment variable
    is_random = len(value) >= 12 and any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return "token" in words and not words & ABOUT and is_random


def _check_literals(node: ast.AST, place: _Place) -> Iterator[_Hit]:
    line = getattr(node, "lineno", 0)
    is_demo = any(line in lines for lines in place.module.guarded)
    if is_demo or any(_words(owner.name) & {"main", "demo", "example", "test"} for owner in place.owners):
        return
    for name, value in _named_values(node):
        if isinstance(value, ast.Constant) and isinstance(value.value, str) and _is_secret_value(name, value.value):
            yield HARD_CODED, value.lineno


def _named_values(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((_name_of(target), node.value) for target in node.targets)
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield _name_of(node.target), node.value
    elif isinstance(node, ast.Call):
        yield from ((k.arg or "", k.value) for k in node.keywords)
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq):
        yield _name_of(node.left), node.comparators[0]
    elif isinstance(node, Function):
        positional = [*node.args.posonlyargs, *node.args.args]
        defaults = zip(reversed(positional), reversed(node.args.defaults), strict=False)
        named = ((a, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is not None)
        yield from ((argument.arg, default) for argument, default in (*defaults, *named))


def _check_random(node: ast.Assign | ast.AnnAssign, place: _Place) -> Iterator[_Hit]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    words = frozenset[str]().union(*(_words(_name_of(target)) for target in targets))
    around = frozenset[str]().union(*(_words(owner.name) for owner in place.owners))
    if node.value is None or not _draws_secret(words) or around & NOT_GENERATORS:
        return
    for inner in walk(node.value):
        name = place.resolve(inner.func) if isinstance(inner, ast.Call) else ""
        # token = random.choice(tokens) picks from what is there; it makes no secret
        if name.startswith("random.") and name[7:] in DRAWS and not (inner is node.value and name[7:] == "choice"):
            yield RANDOM, getattr(inner, "lineno", node.lineno)


def _check_random_call(call: ast.Call, place: _Place) -> Iterator[_Hit]:
    name = place.resolve(call.func)
    if name.startswith("random.") and name[7:] in DRAWS and place.owner is not None:
        words = _words(place.owner.name)
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


def _check_comparison(node: ast.Compare, place: _Place) -> Iterator[_Hit]:
    if "hmac" not in place.module.imported or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return
    sides = (node.left, node.comparators[0])
    if not any(isinstance(side, ast.Constant) for side in sides) and any(_words(_name_of(s)) & MACS for s in sides):
        yield TIMING, node.lineno


def _check_settings(node: ast.Assign, place: _Place) -> Iterator[_Hit]:
    for target in node.targets:
        name = target.attr if isinstance(target, ast.Attribute) else ""
        is_http = name == "verify" and bool(HTTP_MODULES & place.module.imported)
        if (is_http or name == "check_hostname") and _is_value(node.value, False):
            yield TLS, node.lineno
        if name == "verify_mode" and place.resolve(node.value) == "ssl.CERT_NONE":
            yield TLS, node.lineno


def _check_context(node: ast.AST, place: _Place) -> Iterator[_Hit]:
    if place.resolve(node) == "ssl._create_unverified_context":
        yield TLS, getattr(node, "lineno", 0)


def _check_paths(function: Function, place: _Place) -> Iterator[_Hit]:
    if not _words(function.name) & SENDERS:
        return
    nodes = list(walk(function))
    if any(_name_of(node) in CLEANERS for node in nodes) or any(_is_dots(node) for node in nodes):
        return
    inside = _Place((*place.owners, function), place.module)
    given = {a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)} - {
        "self",
        "cls",
    }
    for node in nodes:
        opened = _opened_path(node)
        if opened is not None and _joins(opened, given, inside):
            yield TRAVERSAL, opened.lineno


def _opened_path(node: ast.AST) -> ast.expr | None:
    if isinstance(node, ast.Call) and _name_of(node) in {"open", "send_file", "FileResponse"} and node.args:
        return node.args[0]
    is_read = _name_of(node) in {"read_text", "read_bytes", "write_text", "write_bytes", "open"}
    return node.func.value if is_read and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None


def _is_dots(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in ("..", "../")


def _joins(path: ast.expr, given: Iterable[str], place: _Place) -> bool:
    """Whether a path is put together from something and a parameter."""
    bound = place.module.assigned.get((place.owner, path.id), ()) if isinstance(path, ast.Name) else ()
    nodes = (inner for expression in (path, *bound) for inner in walk(expression))
    joined = (node for node in nodes if isinstance(node, ast.JoinedStr | ast.BinOp) or _is_join(node))
    return any(isinstance(leaf, ast.Name) and leaf.id in given for node in joined for leaf in walk(node))


def _is_join(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _name_of(node) in {"join", "joinpath"}


_Check = Callable[..., Iterator[_Hit]]
_CHECKS: dict[type[ast.AST], tuple[_Check, ...]] = {
    ast.Call: (
        _check_query,
        _check_code,
        _check_shell,
        _check_loading,
        _check_tls,
        _check_files,
        _check_tokens,
        _check_debug,
        _check_hash,
        _check_literals,
        _check_random_call,
    ),
    ast.Assign: (_check_literals, _check_random, _check_settings),
    ast.AnnAssign: (_check_literals, _check_random),
    ast.Attribute: (_check_context,),
    ast.Compare: (_check_literals, _check_comparison),
    ast.Dict: (_check_options,),
    ast.FunctionDef: (_check_literals, _check_paths),
    ast.AsyncFunctionDef: (_check_literals, _check_paths),
    ast.Name: (_check_context,),
}
