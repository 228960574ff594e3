"""`bootstrap.py` is one file that needs nothing but an old Python."""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from nerdistill.bundle import assemble
from nerdistill.bundle.assemble import ORDER, PACKAGE, bootstrap, bootstrap_digest
from tests.bundle.making import make_bundle

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_always_the_same() -> None:
    """Its digest travels apart, so that it can be compared."""
    assert bootstrap() == bootstrap()
    assert bootstrap_digest() == hashlib.sha256(bootstrap().encode()).hexdigest()


def test_every_file_is_in_it() -> None:
    """None of the isolated side's files is forgotten."""
    found = {
        one.name.removesuffix(".py")
        for one in resources.files(PACKAGE).iterdir()
        if one.name.endswith(".py") and one.name != "__init__.py"
    }
    assert found == {*ORDER}


def test_it_imports_the_standard_library_alone() -> None:
    """There is no package on the isolated side yet."""
    names = set()
    for node in ast.walk(ast.parse(bootstrap())):
        if isinstance(node, ast.Import):
            names |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add((node.module or "").partition(".")[0])
    assert names <= sys.stdlib_module_names


def test_each_name_is_defined_once() -> None:
    """A second definition would quietly take the first one's place."""
    names = [
        node.name
        for node in ast.parse(bootstrap()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    ]
    assert len(names) == len(set(names))


def test_two_files_with_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever adds such a name learns it here."""
    text = "'''One.'''\n\ndef same() -> None:\n    pass\n"
    monkeypatch.setattr(assemble, "_text", lambda _: text)
    with pytest.raises(ValueError, match=r"same is defined in probe\.py and in refusal\.py"):
        bootstrap()


def test_it_runs_alone(tmp_path: Path) -> None:
    """Isolated from every package, in an empty folder."""
    made = make_bundle(tmp_path)
    path = tmp_path / "alone" / "bootstrap.py"
    path.parent.mkdir()
    path.write_bytes((made.folder / "bootstrap.py").read_bytes())
    command = [sys.executable, "-I", "-S", str(path)]
    told = subprocess.run([*command, "-h"], capture_output=True, text=True, check=True)
    assert "verify and install a nerdistill bundle" in " ".join(told.stdout.lower().split())
    done = subprocess.run(
        [*command, "verify", str(made.folder), "--key", str(made.key.file)],
        capture_output=True,
        text=True,
        check=False,
        cwd=path.parent,
    )
    assert (done.returncode, done.stderr.strip()) == (0, "whole and signed: demo 1")
