"""The judge's key: made on first use, kept beside the user's configuration, never under the published data.

The public half is known by its OpenSSH fingerprint (`SHA256:…`, what `ssh-keygen -l` prints): verifiers written in Go
refuse a good signature under any other form of key id.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from green_logic.errors import ConfigurationError, VerificationError
from green_logic.files import make_directory, rename_new, storage_errors, sync_directory, write_file
from green_logic.settings import PUBLIC_NAME, Settings, config_dir

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey
KEY_NAME = "judge.key"
ELSEWHERE = (
    "set XDG_CONFIG_HOME to a directory that this user can write to and that outlives this run, "
    "or GREEN_LOGIC_SIGNING_KEY to a key"
)
KINDS = "expected an Ed25519 or ECDSA P-256 key"


@dataclass(frozen=True)
class SigningKey:
    """A private key and the id that its signatures carry. Its repr shows the id only."""

    private: PrivateKey
    keyid: str

    def __repr__(self) -> str:
        return f"SigningKey({self.keyid})"

    def sign(self, message: bytes) -> bytes:
        """Signature over `message`: 64 bytes for Ed25519, DER for ECDSA."""
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(message)
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return self.private.public_key()

    @property
    def public_pem(self) -> bytes:
        """The public half as SubjectPublicKeyInfo PEM, which openssl reads."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.public.public_bytes(serialization.Encoding.PEM, form)


def find_keyid(public: PublicKey) -> str:
    """OpenSSH SHA-256 fingerprint of a public key."""
    line = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def check_signature(public: PublicKey, signature: bytes, message: bytes) -> None:
    """Raises VerificationError unless `signature` is good. The algorithm comes from the key, never from the message."""
    try:
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, message)
        else:
            public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise VerificationError("the signature does not verify", kind="signature") from error


def key_path(settings: Settings) -> Path | None:
    """File of the signing key; None when the setting holds the key itself."""
    if settings.signing_key.lstrip().startswith("-----BEGIN"):
        return None
    return Path(settings.signing_key) if settings.signing_key else config_dir() / KEY_NAME


def is_to_be_made(settings: Settings) -> bool:
    """Whether `load_signing_key` would make a new key: none was named, and none is there."""
    path = key_path(settings)
    return not settings.signing_key and path is not None and _find_private(path) is None


def load_signing_key(settings: Settings, *, make: bool = True) -> SigningKey:
    """The judge's key; made when there is none and none was named.

    Raises ConfigurationError for a file that others can read, an encrypted key, or a key of another kind.
    """
    path = key_path(settings)
    if path is None:
        return _parse_key(settings.signing_key.encode(), "signing_key")
    data = _find_private(path)
    if data is None and make and not settings.signing_key:
        with storage_errors("cannot keep the judge's key"), _home_errors(path):
            make_key(path)
        data = _find_private(path)
    if data is None:
        raise ConfigurationError(
            f"{path}: there is no signing key", hint="green-logic run makes one; or set GREEN_LOGIC_SIGNING_KEY"
        )
    return _parse_key(data, str(path))


def write_public_key(key: SigningKey, data_dir: Path) -> None:
    """Keep the public half with the data, once. Keys that signed before it stay in the file."""
    path = data_dir / PUBLIC_NAME
    known = path.read_bytes() if path.exists() else b""
    if key.public_pem not in known:
        write_file(path, (known if known.startswith(b"-----BEGIN PUBLIC KEY-----\n") else b"") + key.public_pem)


def make_key(path: Path) -> None:
    """Make an Ed25519 key in a file that only its owner can read; a key that is there stays as it is."""
    make_directory(path.parent)
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    own = path.with_name(f".{path.name}-{secrets.token_hex(8)}")  # process ids repeat in containers and threads
    write_file(own, pem, mode=0o600)
    # another process may make one at this moment: the first name stays and both use it
    with contextlib.suppress(FileExistsError):
        rename_new(own, path)
    own.unlink(missing_ok=True)
    sync_directory(path.parent)


@contextlib.contextmanager
def _home_errors(path: Path) -> Iterator[None]:
    """A user without a home, or whose home is read-only, as in many containers, needs another place for the key."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR}:
            raise
        raise ConfigurationError(
            f"{path}: cannot keep the judge's key there: {error.strerror}",
            hint=ELSEWHERE,
        ) from error


def _find_private(path: Path) -> bytes | None:
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise ConfigurationError(f"{path}: others can read the judge's key", hint=f"chmod 600 {path}")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot read the judge's key: {error.strerror}", hint=ELSEWHERE) from error


def _parse_key(data: bytes, name: str) -> SigningKey:
    load = serialization.load_ssh_private_key if b"OPENSSH" in data[:64] else serialization.load_pem_private_key
    try:
        private = load(data, None)
    except TypeError as error:
        raise ConfigurationError(f"{name}: the key is encrypted; expected one without a passphrase") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{name}: {KINDS}, got something else") from error
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return SigningKey(private, find_keyid(private.public_key()))
    if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP256R1):
        return SigningKey(private, find_keyid(private.public_key()))
    raise ConfigurationError(f"{name}: {KINDS}, got {type(private).__name__}")
