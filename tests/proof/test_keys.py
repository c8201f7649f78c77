"""The judge's key: one, private, and never replaced silently."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.proof.keys import (
    check_signature,
    find_keyid,
    is_to_be_made,
    key_path,
    load_signing_key,
    write_public_key,
)
from green_logic.proof.pinned import load_public_keys
from green_logic.settings import Settings, config_dir

PEM = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
OPENSSH = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH)
MAKE = """
import sys
from green_logic.proof.keys import load_signing_key
from green_logic.proof.pinned import load_public_keys
from green_logic.settings import Settings
print("ready", flush=True)
sys.stdin.read(1)
print(load_signing_key(Settings()).keyid)
"""


def ssh_keygen_works() -> bool:
    """It is there, and this user has an entry in passwd: it refuses to work for anybody else."""
    with contextlib.suppress(KeyError):
        return shutil.which("ssh-keygen") is not None and bool(pwd.getpwuid(os.getuid()))
    return False


needs_ssh_keygen = pytest.mark.skipif(not ssh_keygen_works(), reason="ssh-keygen is missing, or refuses this user")


def private_bytes(private, form=PEM, passphrase=b""):
    lock = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return private.private_bytes(*form, lock)


@pytest.fixture
def write_key(tmp_path):
    def write(data, mode=0o600):
        path = tmp_path / "some.key"
        path.write_bytes(data)
        path.chmod(mode)
        return Settings(signing_key=str(path))

    return write


def test_a_key_is_made_on_first_use_and_stays():
    path = key_path(Settings())
    assert path == config_dir() / "judge.key"
    assert not path.exists()
    first = load_signing_key(Settings())
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["judge.key"]
    assert load_signing_key(Settings()).keyid == first.keyid


def test_no_key_is_made_when_one_was_named_or_when_asked_not_to(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no signing key"):
        load_signing_key(Settings(signing_key=str(tmp_path / "lost.key")))
    with pytest.raises(ConfigurationError, match="there is no signing key"):
        load_signing_key(Settings(), make=False)
    assert not (tmp_path / "lost.key").exists()
    assert not config_dir().exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o660, 0o610])
def test_a_key_that_others_can_reach_is_refused(write_key, mode):
    settings = write_key(private_bytes(ed25519.Ed25519PrivateKey.generate()), mode)
    with pytest.raises(ConfigurationError, match="others can read") as caught:
        load_signing_key(settings)
    assert "chmod 600" in caught.value.hint
    assert Path(settings.signing_key).stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("form", [PEM, OPENSSH], ids=["pkcs8", "openssh"])
@pytest.mark.parametrize(
    "private", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())], ids=["ed25519", "p256"]
)
def test_both_kinds_of_key_are_read_from_file_and_setting(write_key, form, private):
    data = private_bytes(private, form)
    for settings in (write_key(data), Settings(signing_key=data.decode()), Settings(signing_key="\n " + data.decode())):
        loaded = load_signing_key(settings)
        assert loaded.keyid == find_keyid(private.public_key())
        check_signature(private.public_key(), loaded.sign(b"m"), b"m")
        with pytest.raises(VerificationError):
            check_signature(private.public_key(), loaded.sign(b"m"), b"n")


REFUSED = {
    "encrypted": private_bytes(ed25519.Ed25519PrivateKey.generate(), passphrase=b"secret"),
    "rsa": private_bytes(rsa.generate_private_key(65537, 2048)),
    "p384": private_bytes(ec.generate_private_key(ec.SECP384R1())),
    "public half": ed25519.Ed25519PrivateKey.generate()
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    "empty": b"",
    "noise": bytes(range(256)),
    "torn": private_bytes(ed25519.Ed25519PrivateKey.generate())[:60],
}


@pytest.mark.parametrize("name", REFUSED)
def test_another_kind_of_key_is_refused_without_showing_it(write_key, name):
    settings = write_key(REFUSED[name])
    with pytest.raises(ConfigurationError) as caught:
        load_signing_key(settings)
    body = REFUSED[name].split(b"\n")[1:2]
    assert not any(line and line.decode("latin-1") in str(caught.value) for line in body)
    assert ("passphrase" in str(caught.value)) == (name == "encrypted")


@needs_ssh_keygen
def test_an_encrypted_openssh_key_is_refused(tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", tmp_path / "k"], check=True)
    with pytest.raises(ConfigurationError, match="the key is encrypted"):
        load_signing_key(Settings(signing_key=str(tmp_path / "k")))


def test_a_key_that_is_a_directory_is_refused(tmp_path):
    (tmp_path / "k").mkdir(mode=0o700)
    with pytest.raises(ConfigurationError, match="cannot read"):
        load_signing_key(Settings(signing_key=str(tmp_path / "k")))


def test_the_private_half_does_not_show_in_a_repr(key):
    assert repr(key) == f"SigningKey({key.keyid})"


@needs_ssh_keygen
def test_the_key_id_is_what_ssh_keygen_prints(tmp_path, key):
    line = key.public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    (tmp_path / "k.pub").write_bytes(line + b"\n")
    shown = subprocess.run(["ssh-keygen", "-lf", tmp_path / "k.pub"], capture_output=True, text=True, check=True)
    assert shown.stdout.split()[1] == key.keyid


def test_two_processes_that_make_the_key_at_one_moment_agree():
    processes = [
        subprocess.Popen([sys.executable, "-c", MAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.stdout.readline() for process in processes] == ["ready\n", "ready\n"]
    for process in processes:
        process.stdin.write("x")
        process.stdin.flush()
    made = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert made == {load_signing_key(Settings()).keyid}
    assert [entry.name for entry in config_dir().iterdir()] == ["judge.key"]


def test_many_threads_that_make_the_key_at_one_moment_agree():
    start, made = threading.Barrier(8), []

    def make():
        start.wait()
        made.append(load_signing_key(Settings()).keyid)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [load_signing_key(Settings()).keyid] * 8
    assert [entry.name for entry in config_dir().iterdir()] == ["judge.key"]


def test_the_public_half_is_kept_with_the_data_once(tmp_path, key):
    write_public_key(key, tmp_path)
    before = (tmp_path / "judge.pub").stat()
    write_public_key(key, tmp_path)
    after = (tmp_path / "judge.pub").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert list(load_public_keys([tmp_path / "judge.pub"])) == [key.keyid]


@pytest.mark.parametrize(
    "kind", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())], ids=type
)
def test_public_keys_are_read_as_openssl_and_openssh_write_them(tmp_path, kind):
    public, path = kind.public_key(), tmp_path / "pub"
    for form in (
        (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
    ):
        path.write_bytes(public.public_bytes(*form))
        assert list(load_public_keys([path])) == [find_keyid(public)]


def test_public_keys_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "pub"
    other = rsa.generate_private_key(65537, 2048).public_key()
    p384 = ec.generate_private_key(ec.SECP384R1()).public_key()
    openssh = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    for data in (
        other.public_bytes(*openssh),
        p384.public_bytes(*openssh),
        b"",
        b"ssh-ed25519 AAAA",
        b"ecdsa-",
        REFUSED["p384"],
    ):
        path.write_bytes(data)
        with pytest.raises(ConfigurationError, match="expected an Ed25519 or ECDSA P-256 key"):
            load_public_keys([path])
    with pytest.raises(ConfigurationError):
        load_public_keys([tmp_path / "missing"])


@pytest.mark.parametrize("home", ["/proc/1/nowhere", "/dev/null/x"])
def test_a_home_that_cannot_keep_a_key_is_said_with_what_to_set(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", home)
    with pytest.raises(ConfigurationError) as caught:
        load_signing_key(Settings())
    assert home in caught.value.message
    assert "XDG_CONFIG_HOME" in caught.value.hint
    assert "GREEN_LOGIC_SIGNING_KEY" in caught.value.hint


def test_whether_a_key_will_be_made_is_known_without_making_it(tmp_path: Path) -> None:
    assert is_to_be_made(Settings())
    assert not is_to_be_made(Settings(signing_key=str(tmp_path / "named.pem")))
    assert not config_dir().exists()
    load_signing_key(Settings())
    assert not is_to_be_made(Settings())
