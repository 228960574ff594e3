"""Signatures: RFC 8032's vectors, and what an attacker would try."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from nerdistill.bundle.bare.ed25519 import ORDER, parse_key, verifies
from nerdistill.bundle.bare.refusal import Refused
from nerdistill.bundle.sign import open_key
from nerdistill.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

# RFC 8032, section 7.1: public key, message, signature.
VECTORS = {
    "TEST 1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    "TEST 2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    "TEST 3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    "TEST SHA(abc)": (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        (
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
            "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
        ),
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_the_vectors_of_the_rfc(name: str) -> None:
    """What RFC 8032 signs is accepted; with any byte of it changed it is not."""
    key, message, signature = map(bytes.fromhex, VECTORS[name])
    assert verifies(key, message, signature)
    assert not verifies(key, message + b"x", signature)
    assert not verifies(bytes([key[0] ^ 1]) + key[1:], message, signature)
    for place in (0, 31, 32, 63):
        forged = bytearray(signature)
        forged[place] ^= 1
        assert not verifies(key, message, bytes(forged))


def test_a_signature_has_one_form_only() -> None:
    """S + L signs the same message in the mathematics, and is refused (RFC 8032, 5.1.7)."""
    key, message, signature = map(bytes.fromhex, VECTORS["TEST 3"])
    other = (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")
    assert not verifies(key, message, signature[:32] + other)


@pytest.mark.parametrize("length", [0, 63, 65])
def test_other_lengths_are_no_signatures(length: int) -> None:
    """A signature of another length is false, not an error."""
    key, message, _ = map(bytes.fromhex, VECTORS["TEST 1"])
    assert not verifies(key, message, bytes(length))
    assert not verifies(key[:31], message, bytes(64))


@settings(max_examples=10, deadline=None)
@given(st.binary(max_size=300))
def test_it_agrees_with_the_library_that_signs(message: bytes) -> None:
    """What `cryptography` signs is accepted, and by no other key."""
    private = Ed25519PrivateKey.generate()
    signature = private.sign(message)
    assert verifies(private.public_key().public_bytes_raw(), message, signature)
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert not verifies(other, message, signature)


def test_a_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    """The private half is 0600, the public half is a PEM file that openssl reads."""
    key = open_key(tmp_path / "sub" / "key.pem")
    assert (tmp_path / "sub" / "key.pem").stat().st_mode & 0o777 == 0o600
    assert open_key(tmp_path / "sub" / "key.pem").public == key.public
    assert parse_key(key.file.read_text()) == key.public == parse_key(key.public.hex())
    data, signature = tmp_path / "data", tmp_path / "signature"
    data.write_bytes(b"manifest")
    signature.write_bytes(key.sign(b"manifest"))
    asked = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(key.file), "-rawin"]
    done = subprocess.run(  # noqa: PLW1510 - the output is looked at
        [*asked, "-in", str(data), "-sigfile", str(signature)], capture_output=True, text=True
    )
    assert "Verified Successfully" in done.stdout


def test_wrong_keys_are_refused(tmp_path: Path) -> None:
    """A key that others may read, an RSA key and plain text are refused with a remedy."""
    file = tmp_path / "key.pem"
    file.write_text("no key")
    file.chmod(0o600)
    with pytest.raises(BundleError, match="openssl genpkey"):
        open_key(file)
    file.chmod(0o644)
    with pytest.raises(BundleError, match="chmod 600"):
        open_key(file)
    x25519 = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    with pytest.raises(Refused, match="no public ed25519 key"):
        parse_key(x25519.decode())
    with pytest.raises(Refused, match="64 hexadecimal digits"):
        parse_key("zz" * 32)
