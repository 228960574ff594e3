"""One `bootstrap.py` out of the files of `nerdistill.bundle.bare`, to be read and run alone."""

from __future__ import annotations

import ast
import hashlib
from importlib import resources

PACKAGE = "nerdistill.bundle.bare"
ORDER = (
    "probe",
    "refusal",
    "access",
    "ed25519",
    "paths",
    "manifest",
    "hashing",
    "volumes",
    "weights",
    "verify",
    "preflight",
    "share",
    "installed",
    "lock",
    "unpack",
    "environment",
    "bomb",
    "install",
    "main",
)
"""Each after those that it uses; only the last one's last lines run."""

HEAD = '''#!/usr/bin/env python3
"""Verify and install a nerdistill bundle where nothing is installed yet.

Python 3.6 or newer and its standard library are enough. Start it as `python3 -I bootstrap.py -h`.
"""
'''


def bootstrap() -> str:
    """The text of `bootstrap.py`: always the same for one version of nerdistill.

    Raises:
        ValueError: two files define one name, so that they cannot be joined.
    """
    imports: dict[str, None] = {}
    bodies: list[str] = []
    owners: dict[str, str] = {}
    for name in ORDER:
        text = _text(name)
        for defined in _defined(text):
            if owners.setdefault(defined, name) != name:
                raise ValueError(f"{defined} is defined in {owners[defined]}.py and in {name}.py")
        found, body = _split(text)
        imports.update(dict.fromkeys(found))
        bodies.append(f"# --- {name}.py {'-' * (92 - len(name))}\n{body.strip()}\n")
    last = '\n\nif __name__ == "__main__":\n    sys.exit(run())\n'
    return "\n".join([HEAD, *sorted(imports), "\n", *("\n" + body for body in bodies)]) + last


def bootstrap_digest() -> str:
    """The sha256 of `bootstrap.py`, which travels apart from the bundle."""
    return hashlib.sha256(bootstrap().encode()).hexdigest()


def _text(name: str) -> str:
    return (resources.files(PACKAGE) / f"{name}.py").read_text(encoding="utf-8")


def _split(text: str) -> tuple[list[str], str]:
    """A file's imports of the standard library, and its text without imports and last lines."""
    lines = text.splitlines()
    found: list[str] = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            if not ast.unparse(node).startswith(f"from {PACKAGE}"):
                found.append(ast.unparse(node))
        elif not (isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)):
            continue
        for number in range(node.lineno - 1, node.end_lineno or node.lineno):
            lines[number] = ""
    return found, _as_comment("\n".join(lines))


def _as_comment(text: str) -> str:
    """A file's own docstring, as the comment that it is inside another file."""
    tree = ast.parse(text)
    first = tree.body[0]
    lines = text.splitlines()
    end = first.end_lineno or first.lineno
    said = [f"# {line}".rstrip() for line in (ast.get_docstring(tree) or "").splitlines()]
    return "\n".join([*said, *lines[end:]])


def _defined(text: str) -> set[str]:
    """The names that a file defines at its top."""
    names: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(one.id for one in node.targets if isinstance(one, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names
