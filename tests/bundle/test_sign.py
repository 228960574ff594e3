"""The key that signs: nobody else may read it, and openssl's keys and checks will do."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle.bare.verify import read_key
from nerdistill.bundle.sign import default_key, open_key
from nerdistill.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=[0o000, 0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """A user's habit, however loose or tight."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def openssl(*words: str | Path) -> None:
    """Run the system's openssl."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("this machine has no openssl")
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    if "not found" in done.stderr or "unknown option" in done.stderr.lower():
        pytest.skip(f"this openssl is too old: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("umask")
def test_a_new_key_is_for_its_maker_alone(tmp_path: Path) -> None:
    """0600 whatever the umask, while everybody may read the public half."""
    key = open_key(tmp_path / "key.pem")
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert key.file == tmp_path / "key.pub"
    assert key.file.stat().st_mode & 0o777 == 0o644
    assert read_key(str(key.file)) == key.public


def test_its_folder_is_private(tmp_path: Path) -> None:
    """It is made where it is missing."""
    open_key(tmp_path / "config" / "nerdistill" / "key.pem")
    assert (tmp_path / "config" / "nerdistill").stat().st_mode & 0o777 == 0o700


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """The second time it is read, and a lost public half is made again."""
    first = open_key(tmp_path / "key.pem")
    first.file.unlink()
    second = open_key(tmp_path / "key.pem")
    assert second.public == first.public
    assert second.file.is_file()


def test_openssl_s_keys_and_checks_will_do(tmp_path: Path) -> None:
    """Who doesn't trust this program makes the key and checks the signature by openssl."""
    openssl("genpkey", "-algorithm", "ed25519", "-out", tmp_path / "own.pem")
    (tmp_path / "own.pem").chmod(0o600)
    key = open_key(tmp_path / "own.pem")
    (tmp_path / "data").write_bytes(b"a manifest")
    (tmp_path / "sig").write_bytes(key.sign(b"a manifest"))
    openssl(
        *("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key.file),
        *("-in", tmp_path / "data", "-sigfile", tmp_path / "sig"),
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The remedy is a command."""
    open_key(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(mode)
    with pytest.raises(BundleError, match=r"others may read the private key") as caught:
        open_key(tmp_path / "key.pem")
    assert f"chmod 600 {tmp_path / 'key.pem'}" in caught.value.hint


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("genpkey", "-algorithm", "rsa"), "no ed25519 key"),
        (("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x"), "no private key"),
    ],
)
def test_other_keys_are_refused(tmp_path: Path, words: tuple[str, ...], expected: str) -> None:
    """Those of another kind, and those with a password."""
    openssl(*words, "-out", tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o600)
    with pytest.raises(BundleError, match=expected) as caught:
        open_key(tmp_path / "key.pem")
    assert "openssl genpkey -algorithm ed25519" in caught.value.hint


def test_something_else_is_refused(tmp_path: Path) -> None:
    """It stays as it is."""
    path = tmp_path / "key.pem"
    path.write_bytes(b"my diary")
    path.chmod(0o600)
    with pytest.raises(BundleError, match="no private key"):
        open_key(path)
    assert path.read_bytes() == b"my diary"
    assert not (tmp_path / "key.pub").exists()


def test_the_public_half_is_not_the_key(tmp_path: Path) -> None:
    """Its name would let one half overwrite the other."""
    key = open_key(tmp_path / "key.pem")
    for path in (key.file, tmp_path / "new.pub"):
        with pytest.raises(BundleError, match="name of a public key") as caught:
            open_key(path)
        assert path.with_suffix(".pem").name in caught.value.hint
    assert not (tmp_path / "new.pub").exists()


def test_another_s_public_key_is_not_written_over(tmp_path: Path) -> None:
    """It may be one that somebody needs."""
    open_key(tmp_path / "one.pem")
    open_key(tmp_path / "two.pem")
    shutil.copyfile(tmp_path / "two.pub", tmp_path / "one.pub")
    with pytest.raises(BundleError, match=r"one\.pub is not the public half of .*one\.pem"):
        open_key(tmp_path / "one.pem")
    assert (tmp_path / "one.pub").read_bytes() == (tmp_path / "two.pub").read_bytes()


def test_where_the_key_lies_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the user's own configuration."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert default_key() == tmp_path / ".config" / "nerdistill" / "bundle-key.pem"
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/own")
    assert str(default_key()) == "/etc/own/nerdistill/bundle-key.pem"
