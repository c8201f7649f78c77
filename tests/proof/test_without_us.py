"""docs/verify-without-us.md in Go and Node: its programs as they stand there, where the tools are."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from green_logic.cli import main
from green_logic.ledger.database import Ledger
from green_logic.ledger.log import prove
from green_logic.ledger.reading import open_for_reading
from green_logic.proof.bundle import write_bundle
from green_logic.publish.archive import archive_dboms
from green_logic.publish.pack import compress_block

PAGE = Path(__file__).parents[2] / "docs" / "verify-without-us.md"
GOCODE = Path("/usr/share/gocode")  # where Debian keeps the sources of Go's libraries
needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="no go")
needs_mod = pytest.mark.skipif(
    not (GOCODE / "src/golang.org/x/mod/sumdb/note").is_dir(), reason="no golang.org/x/mod (golang-golang-x-mod-dev)"
)


def program(language, name, folder):
    """A program of the page as a file."""
    (text,) = re.findall(rf"```{language}\n(// [^\n]*\b{re.escape(name)} .*?)```", PAGE.read_text(), re.DOTALL)
    path = folder / name
    path.write_text(text)
    return path


def run(*command, **environment):
    command = list(map(str, command))
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Builds a Go program of the page, without any network."""
    folder = tmp_path_factory.mktemp("go")

    def build(name):
        binary, source = folder / name.removesuffix(".go"), program("go", name, folder)
        offline = {"GO111MODULE": "off", "GOPATH": str(GOCODE), "GOPROXY": "off", "GOCACHE": str(folder / "cache")}
        made = run("go", "build", "-o", binary, source, **offline)
        assert made.returncode == 0, made.stderr
        return binary

    return build


@pytest.fixture
def ledger(settings, key, make_sealed):
    with Ledger.open(settings, key) as opened:
        opened.submit([make_sealed(f"b-{n}", origin=opened.origin, seed=n) for n in range(5)])
        opened.checkpoint(key)
    return settings


@needs_go
def test_go_reads_an_archive_with_its_own_libraries(ledger, build, tmp_path):
    binary, (manifest_or_pack, *_) = build("sums.go"), archive_dboms(ledger).made
    pack = manifest_or_pack.with_name(manifest_or_pack.name[:31] + ".tar.gz")
    answer = run(binary, pack)
    assert (answer.returncode, answer.stderr) == (0, "")
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(pack.read_bytes()[:-40])
    assert run(binary, cut).returncode == 1
    tar = gzip.decompress(pack.read_bytes())
    raised, listed = tar.replace(b'"score_cis":0.', b'"score_cis":1.', 1), tar.index(b"SHA256SUMS")
    for changed, reason in ((raised, "not as listed"), (tar[:listed] + bytes(1024), "EOF")):
        assert changed != tar
        cut.write_bytes(compress_block(changed))
        answer = run(binary, cut)
        assert (answer.returncode, reason in answer.stderr) == (1, True), answer.stderr


@needs_go
@needs_mod
def test_go_checks_a_receipt_with_the_libraries_of_its_checksum_database(ledger, build, tmp_path, capsys):
    binary, receipt = build("receipt.go"), tmp_path / "b-3.tlog-proof"
    with open_for_reading(ledger) as connection:
        receipt.write_bytes(prove(connection, "b-3"))
    capsys.readouterr()
    assert main(["checkpoint", "--verifier-key", "-C", str(ledger.data_dir)]) == 0
    verifier_key = capsys.readouterr().out.strip()
    answer = run(binary, verifier_key, receipt)
    assert answer.stdout.startswith("leaf 3 of 5 on green-agent/"), answer.stderr
    good = receipt.read_bytes()
    for bad in (good.replace(b"index 3", b"index 2"), good.replace(b"\n5\n", b"\n6\n"), good[:-9] + b"AAAAAAA=\n"):
        assert bad != good
        receipt.write_bytes(bad)
        answer = run(binary, verifier_key, receipt)
        assert (answer.returncode, answer.stdout) == (1, ""), answer.stderr
    receipt.write_bytes(good)
    answer = run(binary, verifier_key[:-8] + "AAAAAAA=", receipt)
    assert (answer.returncode, answer.stdout) == (1, "")


def has_sigstore():
    wanted = 'require("@sigstore/verify"); require("@sigstore/bundle")'
    return shutil.which("node") is not None and run("node", "-e", wanted).returncode == 0


@pytest.mark.skipif(not has_sigstore(), reason="no node with @sigstore/verify and @sigstore/bundle (NODE_PATH)")
def test_sigstore_for_node_accepts_a_bundle_with_the_public_key_alone(make_sealed, key, tmp_path):
    script = program("js", "sigstore.cjs", tmp_path)
    public, bundle = tmp_path / "judge.pub", tmp_path / "b-1.sigstore.json"
    public.write_bytes(key.public_pem)
    good = write_bundle(make_sealed("b-1").envelope)
    bundle.write_bytes(good)
    answer = run("node", script, bundle, public)
    assert (answer.returncode, answer.stderr) == (0, "")
    for before, after in ((b'"payload": "ey', b'"payload": "ez'), (b"in-toto+json", b"in-toto+jsom")):
        bundle.write_bytes(good.replace(before, after))
        assert bundle.read_bytes() != good
        answer = run("node", script, bundle, public)
        assert answer.returncode != 0
        assert "SIGNATURE_ERROR" in answer.stderr
