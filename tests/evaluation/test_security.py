"""Every rule finds its weakness, and stays silent on the code that does it right."""

from __future__ import annotations

from pathlib import Path

import pytest

from green_logic.evaluation.security.findings import find_built_queries, find_findings
from green_logic.evaluation.smells import find_smells
from green_logic.evaluation.static_checks import parse_source

CLEAN = sorted((Path(__file__).parent / "clean_corpus").glob("*.py"))


def findings_of(source):
    tree = parse_source(source).tree
    assert tree is not None
    return find_findings(tree)


BAD = [
    ("CWE-89", "high", "c.execute(f'SELECT * FROM users WHERE name = {name}')"),
    ("CWE-89", "high", "c.execute('SELECT * FROM users WHERE id = ' + user_id)"),
    ("CWE-89", "high", "c.execute('SELECT * FROM users WHERE id = %s' % user_id)"),
    ("CWE-89", "high", "c.executemany('DELETE FROM users WHERE id = {}'.format(user_id))"),
    ("CWE-89", "high", "def f(n):\n    q = 'SELECT a FROM b WHERE c = '\n    q += f\"'{n}'\"\n    c.execute(q)"),
    ("CWE-89", "high", "def f(t):\n    c.executescript(f'DROP TABLE {t}')"),
    ("CWE-95", "high", "def f(x): return eval(x)"),
    ("CWE-95", "high", "import builtins\nbuiltins.exec(x)"),
    ("CWE-95", "high", "run = exec\nrun(x)"),
    ("CWE-95", "medium", "compile(x, 'a', 'exec')"),
    ("CWE-78", "high", "import os\nos.system('ls ' + path)"),
    ("CWE-78", "high", "from os import system as s\ns(command)"),
    ("CWE-78", "high", "import subprocess as sp\nsp.run(f'ls {path}', shell=True)  # nosec"),
    ("CWE-78", "low", "import subprocess\nsubprocess.run('ls', shell=True)"),
    ("CWE-502", "medium", "import pickle\npickle.loads(data)"),
    ("CWE-502", "medium", "from marshal import loads\nloads(data)"),
    ("CWE-502", "medium", "import yaml\nyaml.load(text)"),
    ("CWE-502", "medium", "import yaml\nyaml.load(text, Loader=yaml.UnsafeLoader)"),
    ("CWE-338", "medium", "import random\ndef make_token(): return ''.join(random.choice('ab') for _ in range(9))"),
    ("CWE-338", "medium", "import random\nsession_key = random.getrandbits(128)"),
    ("CWE-338", "medium", "from random import randint\nself.otp = randint(0, 999999)"),
    ("CWE-798", "medium", "API_KEY = 'sk-live-8fk29dk2'"),
    ("CWE-798", "medium", "connect(password='hunter2')  # noqa: S106"),
    ("CWE-798", "medium", "def connect(user, password='hunter2'): pass"),
    ("CWE-798", "medium", "if password == 'letmein': ok()"),
    ("CWE-798", "medium", "token: str = 'ghp4f8a9b7c6d5e4'"),
    ("CWE-22", "medium", "import os\ndef download(name):\n    return open(os.path.join('/srv', name)).read()"),
    ("CWE-22", "medium", "def serve_file(root, name):\n    path = root / name\n    return path.read_bytes()"),
    ("CWE-22", "medium", "import tarfile\ntarfile.open(p).extractall(d)"),
    ("CWE-295", "high", "import requests\nrequests.get(url, verify=False)"),
    ("CWE-295", "high", "import ssl\ncontext = ssl._create_unverified_context()"),
    ("CWE-295", "high", "import ssl\ncontext.verify_mode = ssl.CERT_NONE"),
    ("CWE-295", "high", "context.check_hostname = False"),
    ("CWE-328", "medium", "import hashlib\ndef hash_password(p): return hashlib.md5(p).hexdigest()"),
    ("CWE-328", "medium", "import hashlib\nx = hashlib.new('SHA1', password.encode())"),
    ("CWE-377", "medium", "import tempfile\ntempfile.mktemp()"),
    ("CWE-347", "high", "import jwt\njwt.decode(t, options={'verify_signature': False})"),
    ("CWE-347", "high", "import jwt\njwt.decode(t, key, algorithms=['none'])"),
    ("CWE-347", "high", "import jwt\njwt.decode(t, verify=False)"),
    ("CWE-208", "low", "import hmac\nok = signature == hmac.new(k, m, h).hexdigest()"),
    ("CWE-732", "medium", "import os\nos.chmod(path, 0o777)"),
    ("CWE-489", "medium", "from flask import Flask\napp = Flask('x')\napp.run(debug=True)"),
]


@pytest.mark.parametrize(("cwe", "severity", "source"), BAD)
def test_a_weakness_is_found_once_with_its_line(cwe, severity, source):
    (finding,) = findings_of("\n\n" + source)

    assert (finding.cwe, finding.severity) == (cwe, severity)
    assert 3 <= finding.line <= 2 + len(source.splitlines())


GOOD = [
    "c.execute('SELECT * FROM users WHERE id = ?', (user_id,))",
    "c.execute(f'SELECT * FROM {TABLE} WHERE id = ?', (user_id,))",
    "def f(ids):\n    marks = ','.join('?' * len(ids))\n    c.execute(f'SELECT a FROM b WHERE c IN ({marks})', ids)",
    "c.execute(f'SELECT a FROM b LIMIT {int(n)}')",
    "executor.execute(f'task {name}')",
    "c.execute(query, values)",
    "eval('1 + 1')",
    "def eval(node): return node.value\neval(node)",
    "model.eval()\nframe.eval(x)",
    "import ast\nast.literal_eval(x)",
    "import re\nre.compile(x)",
    "import subprocess\nsubprocess.run(['ls', path], check=True)",
    "import subprocess\nsubprocess.run(command, shell=False)",
    "import pickle\ncopy = pickle.loads(pickle.dumps(x))",
    "import json\njson.loads(data)",
    "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)",
    "import random\ntoken = random.choice(tokens)",
    "import random\ndelay = random.uniform(0, 1)",
    "import random\nnodes = random.sample(keys, 3)",
    "import secrets\ntoken = secrets.token_hex(16)",
    "import random\nsecret = random.SystemRandom().randint(1, 9)",
    "import os\npassword = os.environ['PASSWORD']",
    "PASSWORD = 'password'",
    "password_error = 'too short'",
    "API_KEY = 'your-api-key'",
    "secret = ''",
    "token = '('\nif token == 'EOF': pass",
    "key = 'user:1'",
    "if __name__ == '__main__':\n    secret = 'demo-value-1'",
    "import os\ndef read(path): return open(os.path.join(path, 'a'))",
    "def serve(root, name):\n    path = (root / name).resolve()\n    return path.read_bytes()",
    "import tarfile\ntarfile.open(p).extractall(d, filter='data')",
    "import zipfile\nzipfile.ZipFile(p).extractall(d)",
    "import requests\nrequests.get(url, timeout=3)",
    "check(signature, verify=False)",
    "import hashlib\nhashlib.sha256(password)",
    "import hashlib\ndef etag(data): return hashlib.md5(data).hexdigest()",
    "import tempfile\ntempfile.mkstemp()",
    "import jwt\njwt.decode(t, key, algorithms=['HS256'])",
    "import hmac\nok = hmac.compare_digest(signature, expected)",
    "expected_digest == digest",
    "import hmac\nlen(signature) == 32",
    "import os\nos.chmod(path, 0o600)",
    "app.run(debug=True)",
    "'os.system(x)'  # eval(x)",
]


@pytest.mark.parametrize("source", GOOD)
def test_code_that_does_it_right_has_no_finding(source):
    assert findings_of(source) == ()


@pytest.mark.parametrize("path", CLEAN, ids=lambda path: path.name)
def test_good_code_has_no_finding_and_no_smell(path):
    tree = parse_source(path.read_text(encoding="utf-8")).tree

    assert find_findings(tree) == ()
    assert find_smells(tree) == ()


def test_the_clean_corpus_is_large_enough_to_mean_something():
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in CLEAN) >= 300


def test_findings_are_ordered_and_one_line_has_one_finding_a_weakness():
    source = "import os\nos.system('ls'); os.system(x); eval(x)\nos.popen('ls')\n"

    found = [(finding.line, finding.cwe, finding.severity) for finding in findings_of(source)]
    assert found == [(2, "CWE-78", "high"), (2, "CWE-95", "high"), (3, "CWE-78", "low")]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("text = f\"SELECT a FROM b WHERE c = '{value}'\"", (1,)),
        ('text = column + " = \'" + value + "\'"', (1,)),
        ("c.execute('SELECT a FROM b WHERE c = ' + value)", (1,)),
        ("text = f'SELECT a FROM {table} WHERE c = ?'", ()),
        ('text = f"it\'s {value}"', ()),
    ],
)
def test_a_query_built_from_values_is_seen_before_it_is_executed(source, lines):
    assert find_built_queries(parse_source(source).tree) == lines
