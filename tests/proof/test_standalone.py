"""The verifier without us: one file, nothing installed, the verdicts of `green-logic verify`."""

from __future__ import annotations

import ast
import base64
import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from green_logic import verify_dbom
from green_logic.audit.archive_target import check_archive_target
from green_logic.audit.single import check_file
from green_logic.cli import main
from green_logic.proof.pinned import load_public_keys

SCRIPT = Path(verify_dbom.__file__)
VECTORS = Path(__file__).parents[1] / "vectors"
JUDGE = VECTORS / "judge.pub"
DATA = Path(os.environ.get("GREEN_LOGIC_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "vectors"
WYCHEPROOF = DATA / "ed25519_test.json"
FILES = sorted(path for path in VECTORS.rglob("*") if path.is_file() and path.parent.parent.parent == VECTORS)
CASES = [path for path in FILES if not path.name.startswith("dboms-")]
ARCHIVES = [path for path in FILES if path.name.endswith(".tar.gz")]
MADE_WITH = "1.2.13"  # the zlib of the archives among the vectors; another may pack the same bytes otherwise
LINES_LIMIT = 400


def alone(*arguments, python=sys.executable):
    """Run the file as a stranger does: no site-packages, no environment, another directory."""
    command = [python, "-I", "-S", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env={})


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parts[-3]}-{path.parts[-2]}")
def test_both_verifiers_give_the_verdict_that_the_folder_names(path):
    expected = path.parts[-3].replace("good", "")
    assert check_file(path, load_public_keys([JUDGE])).kind == expected
    assert verify_dbom.check_file(str(path), verify_dbom.load_keys(JUDGE.read_bytes()))[1] == expected


@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: f"{path.parts[-3]}-{path.parts[-2]}")
def test_both_verifiers_give_the_verdict_that_the_folder_of_an_archive_names(path):
    expected = path.parts[-3].replace("good", "")
    assert check_archive_target(path, load_public_keys([JUDGE])).kind == expected
    assert verify_dbom.check_file(str(path), verify_dbom.load_keys(JUDGE.read_bytes()))[1] == expected


def test_there_are_vectors_for_every_kind():
    assert len(ARCHIVES) >= 12
    kinds = {path.parts[-3] for path in CASES}
    assert len(CASES) >= 55
    assert kinds >= {
        "good",
        "schema",
        "envelope",
        "signature",
        "unknown-key",
        "statement",
        "inclusion",
        "note",
        "receipt",
    }


def test_the_vectors_are_those_that_their_script_makes(tmp_path):
    shutil.copy(VECTORS / "make_vectors.py", tmp_path)
    subprocess.run([sys.executable, tmp_path / "make_vectors.py"], check=True)
    same_zlib = zlib.ZLIB_RUNTIME_VERSION == MADE_WITH
    for path in [JUDGE, *(FILES if same_zlib else CASES)]:
        assert (tmp_path / path.relative_to(VECTORS)).read_bytes() == path.read_bytes(), path
    assert len(list(tmp_path.rglob("*.json"))) == len(list(VECTORS.rglob("*.json")))


def test_it_is_one_short_file_that_imports_the_standard_library_only():
    text = SCRIPT.read_text()
    assert len(text.splitlines()) <= LINES_LIMIT
    nodes = list(ast.walk(ast.parse(text)))
    names = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_it_runs_with_nothing_installed():
    good = [path for path in CASES if path.parts[-3] == "good"]
    answer = alone("--key", JUDGE, *good)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.count("is good") == len(good)


def test_a_receipt_of_a_header_alone_is_refused_by_both(tmp_path):
    path = tmp_path / "cut.tlog-proof"
    path.write_bytes(b"c2sp.org/tlog-proof@v1\n\n")
    assert check_file(path, {}).kind == verify_dbom.check_file(str(path), {})[1] == "receipt"


def test_one_bad_file_among_good_ones_is_named():
    bad = VECTORS / "score_cis" / "raised" / "dbom_vector-1.json"
    answer = alone("--key", JUDGE, VECTORS / "good" / "receipt" / "vector-1.tlog-proof", bad)
    assert answer.returncode == 1
    assert f"{bad}: score_cis: " in answer.stdout
    assert "receipt is good" in answer.stdout


@pytest.mark.parametrize(
    "arguments",
    [[], ["--key", JUDGE], ["--key", "/nowhere", JUDGE], ["--key", JUDGE, "/nowhere"], ["--key", SCRIPT, JUDGE]],
)
def test_what_cannot_run_ends_with_2(arguments):
    answer = alone(*arguments)
    assert answer.returncode == 2
    assert answer.stderr
    assert "good" not in answer.stdout


def test_an_ecdsa_key_is_told_where_to_go(tmp_path):
    from cryptography.hazmat.primitives.asymmetric import ec

    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    path = tmp_path / "p256.pub"
    path.write_bytes(ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*form))
    answer = alone("--key", path, CASES[0])
    assert answer.returncode == 2
    assert "green-logic verify" in answer.stderr


def test_keys_are_read_in_both_forms(tmp_path):
    public = next(iter(load_public_keys([JUDGE]).values()))
    openssh = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    for data in (openssh, openssh + b" comment\n", JUDGE.read_bytes() + openssh):
        assert list(verify_dbom.load_keys(data)) == list(load_public_keys([JUDGE]))
        (tmp_path / "key").write_bytes(data)
        assert list(load_public_keys([tmp_path / "key"])) == list(load_public_keys([JUDGE]))


def test_the_command_gives_the_same_answers(capsys, tmp_path):
    good, bad = VECTORS / "good" / "as-it-is", VECTORS / "signature" / "all-zero"
    assert main(["verify", "--key", str(JUDGE), str(good / "dbom_vector-1.json")]) == 0
    assert main(["verify", "--key", str(JUDGE), str(bad / "dbom_vector-1.json"), "--json"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert "DBOM is good: vector-1 scored 0.61" in told[0]
    assert json.loads(told[-1])["targets"][0]["kind"] == "signature"
    assert main(["verify", "--key", str(tmp_path / "none"), str(good / "dbom_vector-1.json")]) == 2


def test_a_dbom_is_checked_without_the_judges_own_libraries():
    dbom = VECTORS / "good" / "as-it-is" / "dbom_vector-1.json"
    program = (
        "import sys\nfrom green_logic.cli import main\n"
        f"assert main(['verify', '--key', {str(JUDGE)!r}, {str(dbom)!r}]) == 0\n"
        "heavy = {'pydantic', 'prefect', 'pandas', 'pyarrow', 'numpy', 'rich', 'multiprocessing'}\n"
        "heavy &= sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.skipif(not WYCHEPROOF.is_file(), reason=f"no {WYCHEPROOF}: GREEN_LOGIC_TEST_DATA")
def test_ed25519_is_judged_as_published():
    groups = json.loads(WYCHEPROOF.read_text())["testGroups"]
    wrong, judged = [], 0
    for group in groups:
        public = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            signature, message = bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"])
            judged += 1
            if verify_dbom.ed25519_verify(public, signature, message) != (case["result"] == "valid"):
                wrong.append(case["tcId"])
    assert (judged, wrong) == (151, [])


def test_ed25519_agrees_with_openssl_on_every_flipped_bit():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public, signature = private.public_key().public_bytes_raw(), private.sign(b"message")
    assert verify_dbom.ed25519_verify(public, signature, b"message")
    for bit in range(0, 512, 3):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert not verify_dbom.ed25519_verify(public, bytes(changed), b"message")
    assert not verify_dbom.ed25519_verify(public, signature, b"massage")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq")
def test_the_page_without_us_holds_with_openssl_and_jq(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "verify-without-us.md").read_text()
    script = page.split("```sh\n# with openssl and jq\n")[1].split("```")[0]
    dbom = VECTORS / "good" / "as-it-is" / "dbom_vector-1.json"
    for file, good in ((dbom, True), (VECTORS / "signature" / "payload-changed" / dbom.name, False)):
        environment = {**os.environ, "dbom": str(file), "key": str(JUDGE)}
        done = subprocess.run(
            ["sh", "-e", "-c", script], cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert (done.returncode == 0) is good, done


def test_base64_of_the_vectors_is_what_it_says():
    receipt = (VECTORS / "good" / "receipt" / "vector-1.tlog-proof").read_text()
    envelope = json.loads(base64.b64decode(receipt.split("\n")[1].removeprefix("extra ")))
    dbom = json.loads((VECTORS / "good" / "as-it-is" / "dbom_vector-1.json").read_text())
    assert envelope == json.loads(dbom["sigma_judge"])
