"""Weaknesses of a call: what it runs, loads, trusts or leaves open."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from green_logic.evaluation.security.place import Hit, Place, Rule, is_value, keyword, name_of
from green_logic.evaluation.security.texts import holds_value, is_constant, parts_of
from green_logic.evaluation.static_checks import word_set

HTTP_CALLS = word_set("get post put patch delete head options request stream Session Client AsyncClient")
HTTP_MODULES = frozenset({"requests", "httpx", "aiohttp", "urllib3"})
UNSAFE_LOADERS = frozenset({"yaml.Loader", "yaml.UnsafeLoader", "yaml.FullLoader", "yaml.CLoader"})

SQL_BUILT = Rule(
    "sql-built-from-text", "CWE-89", "high", "a value is put into the text of a query; pass it as a parameter"
)
CODE = Rule("code-from-text", "CWE-95", "high", "text that the program does not contain is run as code")
SHELL = Rule("shell-command-built", "CWE-78", "high", "a command that is not constant goes through the shell")
SHELL_CONSTANT = Rule("shell-command", "CWE-78", "low", "a constant command goes through the shell")
DESERIALISE = Rule(
    "unsafe-deserialisation", "CWE-502", "medium", "loading this format can run code of whoever wrote it"
)
EXTRACT = Rule(
    "unfiltered-extraction", "CWE-22", "medium", "members of an archive can be written anywhere; pass filter='data'"
)
TLS = Rule("tls-not-verified", "CWE-295", "high", "the certificate of the other side is not checked")
TEMPORARY = Rule("temporary-file-race", "CWE-377", "medium", "another process can take the name first; use mkstemp")
JWT = Rule("signature-not-verified", "CWE-347", "high", "a token is accepted without checking its signature")
PERMISSIONS = Rule("world-writable", "CWE-732", "medium", "anyone on the machine may change this file")
DEBUG = Rule("debug-server", "CWE-489", "medium", "the debugger of the development server runs code of any visitor")

LOADERS = word_set(
    "pickle.load pickle.loads _pickle.loads cPickle.loads marshal.load marshal.loads shelve.open dill.load dill.loads"
    " cloudpickle.load cloudpickle.loads joblib.load jsonpickle.decode pandas.read_pickle yaml.unsafe_load"
    " yaml.unsafe_load_all"
)
SHELLS = word_set("os.system os.popen subprocess.getoutput subprocess.getstatusoutput asyncio.create_subprocess_shell")
SUBPROCESSES = word_set("subprocess.run subprocess.call subprocess.check_call subprocess.check_output subprocess.Popen")


def check_query(call: ast.Call, place: Place) -> Iterator[Hit]:
    is_query = name_of(call) in {"execute", "executemany", "executescript"} and bool(call.args)
    if is_query and holds_value(parts_of(call.args[0], place)):
        yield SQL_BUILT, call.lineno


def check_code(call: ast.Call, place: Place) -> Iterator[Hit]:
    name = place.resolve(call.func).removeprefix("builtins.")
    source = call.args[0] if call.args else keyword(call, "source")
    if name in {"eval", "exec", "compile"} and source is not None and not is_constant(source, place):
        yield CODE if name != "compile" else CODE._replace(severity="medium"), call.lineno


def check_shell(call: ast.Call, place: Place) -> Iterator[Hit]:
    name = place.resolve(call.func)
    shell = keyword(call, "shell")
    is_shell = name in SHELLS or (name in SUBPROCESSES and isinstance(shell, ast.Constant) and bool(shell.value))
    command = call.args[0] if call.args else keyword(call, "args") or keyword(call, "cmd")
    if is_shell and command is not None:
        yield SHELL_CONSTANT if is_constant(command, place) else SHELL, call.lineno


def check_loading(call: ast.Call, place: Place) -> Iterator[Hit]:
    name = place.resolve(call.func)
    # pickle.loads(pickle.dumps(x)) is an old way to copy: the bytes are the program's own
    inner = place.resolve(call.args[0].func) if call.args and isinstance(call.args[0], ast.Call) else ""
    if name in LOADERS and inner not in {"pickle.dumps", "dill.dumps", "marshal.dumps"}:
        yield DESERIALISE, call.lineno
    if name in {"yaml.load", "yaml.load_all"}:
        loader = call.args[1] if len(call.args) > 1 else keyword(call, "Loader")
        if loader is None or place.resolve(loader) in UNSAFE_LOADERS:
            yield DESERIALISE, call.lineno


def check_tls(call: ast.Call, place: Place) -> Iterator[Hit]:
    is_http = HTTP_MODULES & place.module.imported and name_of(call) in HTTP_CALLS | {"TCPConnector"}
    if is_http and any(is_value(keyword(call, name), False) for name in ("verify", "verify_ssl", "ssl")):
        yield TLS, call.lineno


def check_files(call: ast.Call, place: Place) -> Iterator[Hit]:
    name = place.resolve(call.func)
    method = name_of(call)
    if name == "tempfile.mktemp":
        yield TEMPORARY, call.lineno
    if method == "extractall" and "tarfile" in place.module.imported:
        chosen = keyword(call, "filter")
        if chosen is None or (isinstance(chosen, ast.Constant) and chosen.value == "fully_trusted"):
            yield EXTRACT, call.lineno
    mode = call.args[-1] if call.args and (name == "os.chmod" or method == "chmod") else None
    if isinstance(mode, ast.Constant) and isinstance(mode.value, int) and mode.value & 0o002:
        yield PERMISSIONS, call.lineno


def check_tokens(call: ast.Call, place: Place) -> Iterator[Hit]:
    algorithms = keyword(call, "algorithms")
    listed = algorithms.elts if isinstance(algorithms, ast.List | ast.Tuple | ast.Set) else [keyword(call, "algorithm")]
    if any(isinstance(item, ast.Constant) and str(item.value).lower() == "none" and item.value for item in listed):
        yield JWT, call.lineno
    is_decode = name_of(call) == "decode" and bool({"jwt", "jose"} & place.module.imported)
    if is_decode and is_value(keyword(call, "verify"), False):
        yield JWT, call.lineno


def check_options(options: ast.Dict, _: Place) -> Iterator[Hit]:
    for key, value in zip(options.keys, options.values, strict=True):
        if isinstance(key, ast.Constant) and key.value == "verify_signature" and is_value(value, False):
            yield JWT, options.lineno


def check_debug(call: ast.Call, place: Place) -> Iterator[Hit]:
    if name_of(call) == "run" and "flask" in place.module.imported and is_value(keyword(call, "debug"), True):
        yield DEBUG, call.lineno


def check_settings(node: ast.Assign, place: Place) -> Iterator[Hit]:
    for target in node.targets:
        name = target.attr if isinstance(target, ast.Attribute) else ""
        is_http = name == "verify" and bool(HTTP_MODULES & place.module.imported)
        if (is_http or name == "check_hostname") and is_value(node.value, False):
            yield TLS, node.lineno
        if name == "verify_mode" and place.resolve(node.value) == "ssl.CERT_NONE":
            yield TLS, node.lineno


def check_context(node: ast.AST, place: Place) -> Iterator[Hit]:
    if place.resolve(node) == "ssl._create_unverified_context":
        yield TLS, getattr(node, "lineno", 0)
