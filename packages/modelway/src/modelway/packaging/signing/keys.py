"""Key pairs that packages are signed with: Ed25519 (RFC 8032), in PEM files that other tools read, too."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import ConflictError, InvalidRequestError, ModelwayError, NotFoundError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PASSWORD_VARIABLE = "MODELWAY_SIGNING_PASSWORD"  # noqa: S105 - the variable's name
_MAX_FILE = 16 * 1024
_MISSING = "signatures need cryptography, which is not installed"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that signatures are checked with; `name` is what people know it by."""

    name: str
    id: str
    key: "Ed25519PublicKey"


def make_key_pair(name: Path, password: str = "") -> tuple[Path, Path]:
    """Writes `NAME.key` (for its owner only) and `NAME.pub`.

    Args:
        name: Path without suffix.
        password: Encrypts the private key, unless empty.

    Raises:
        ConflictError: One of them is there already.
    """
    serialization, ed25519 = _library()
    private, public = name.with_name(f"{name.name}.key"), name.with_name(f"{name.name}.pub")
    for path in (private, public):
        if path.exists():
            raise ConflictError(f"{path} is there already", hint="choose another name; a key is never replaced.")
    key = ed25519.Ed25519PrivateKey.generate()
    how = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
    descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


def read_private_key(path: Path, password: str = "") -> "Ed25519PrivateKey":
    """The private key in a PEM file.

    Raises:
        NotFoundError: It cannot be read.
        InvalidRequestError: It is none, of another kind, or the password is wrong; nothing of it is in the message.
    """
    serialization, ed25519 = _library()
    try:
        key = serialization.load_pem_private_key(_read(path), password.encode() if password else None)
    except TypeError:
        word = "needs" if not password else "has no"
        raise InvalidRequestError(f"{path} {word} a password", hint=f"it is taken from {PASSWORD_VARIABLE}.") from None
    except Exception:  # noqa: BLE001 - whatever the library finds: none of its words may hold what is secret
        raise InvalidRequestError(
            f"{path}: not a private key, or another password", hint="modelway sign --make-key NAME"
        ) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise InvalidRequestError(f"{path}: not an Ed25519 key", hint="modelway sign --make-key NAME")
    return key


def read_public_key(path: Path) -> PublicKey:
    """The public key in a PEM file, named for the file.

    Raises:
        NotFoundError: It cannot be read.
        InvalidRequestError: It is none, or of another kind.
    """
    serialization, ed25519 = _library()
    data = _read(path)
    try:
        key = serialization.load_pem_public_key(data)
    except Exception:  # noqa: BLE001 - as above: a private key may have been named by mistake
        raise InvalidRequestError(f"{path}: not a public key", hint="name the .pub file of the pair.") from None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise InvalidRequestError(f"{path}: not an Ed25519 key", hint="modelway sign --make-key NAME")
    return PublicKey(path.stem, key_id(key), key)


def key_id(key: "Ed25519PublicKey") -> str:
    """A key's name among keys: the SHA-256 of its SubjectPublicKeyInfo, in hexadecimal."""
    serialization, _ = _library()
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE)
    except OSError as error:
        raise NotFoundError(f"{path}: {error.strerror}", hint="modelway sign --make-key NAME makes a pair.") from None


def _library():  # noqa: ANN202 - two modules
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only who signs needs it
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    except ImportError:
        raise ModelwayError(_MISSING, hint="pip install 'modelway[sign]'") from None
    return serialization, ed25519
