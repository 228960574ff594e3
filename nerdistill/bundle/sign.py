"""The key that signs bundles: ed25519, kept by whoever makes them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill.errors import BundleError
from nerdistill.files import write_whole

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and where its public half lies.

    Attributes:
        public: 32 bytes.
        file: of the public half, to be carried to the isolated side apart from the bundle.
    """

    private: Ed25519PrivateKey
    public: bytes
    file: Path

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of a signature."""
        return self.private.sign(data)


def default_key() -> Path:
    """Where the key lies unless a user names another place."""
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config) / "nerdistill" / "bundle-key.pem"


def open_key(path: Path) -> SigningKey:
    """Read a private key; where there is none, make one and its public half `NAME.pub`.

    Args:
        path: a PEM file (PKCS 8, not encrypted), as `openssl genpkey -algorithm ed25519` makes it.

    Raises:
        BundleError: it is no such key, others may read it, or its public half is another's.
        OSError: it cannot be written.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    file = path.with_suffix(".pub")
    if file == path:
        raise BundleError(
            f"{path} is the name of a public key, and bundles are signed by the private one",
            f"Name the private key, such as {path.with_suffix('.pem')}.",
        )
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise BundleError(
            f"others may read the private key {path}",
            f"Take it away from them: chmod 600 {path}. If they may have read it, make a new one.",
        )
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise BundleError(
            f"{path} is no private key: {error}",
            "Name a PEM file made by `openssl genpkey -algorithm ed25519`, without a password, or "
            "a file that does not exist: it is then made.",
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise BundleError(
            f"{path} is no ed25519 key", "Make one: openssl genpkey -algorithm ed25519 -out FILE."
        )
    public = private.public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    if not file.exists():
        write_whole(file, pem)
        file.chmod(0o644)
    elif file.read_bytes() != pem:
        raise BundleError(
            f"{file} is not the public half of {path}",
            "Move it away, or name another private key: what lies there is not written over.",
        )
    return SigningKey(private, public.public_bytes_raw(), file)


def throwaway_key(folder: Path) -> SigningKey:
    """A key for one rehearsal, in a folder that is removed after it."""
    return open_key(folder / "rehearsal-key.pem")


def _make(path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    # Never readable by others, not for a moment; never over a key that another process just made.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        # Also where the umask would keep it from its maker.
        os.fchmod(handle, 0o600)
        stream.write(pem)
        stream.flush()
        os.fsync(stream.fileno())
