"""The pages that people follow: every command in them exists, with every option."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from nerdistill.cli.main import command

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "INSTALL_AIRGAP.md")
CODE = re.compile(r"```[a-z ]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """Every call of nerdistill in a page's code, as words."""
    found = []
    for block, inline in CODE.findall(text):
        for line in (block or inline).replace("\\\n", " ").splitlines():
            words = line.split("nerdistill ", 1)
            if len(words) > 1 and (not words[0] or words[0].endswith((" ", "/bin/", "| "))):
                found.append(shlex.split(words[1], comments=True))
    return found


def unknown_in(words: list[str]) -> list[str]:
    """The words that no command takes: names of commands, and options."""
    group: click.Command = command
    context = click.Context(group)
    strange = []
    rest = iter(words)
    for word in rest:
        known = {name: one for one in group.params for name in (*one.opts, *one.secondary_opts)}
        if word.startswith("--"):
            option = known.get(word.partition("=")[0])
            if option is None and word != "--help":
                strange.append(word)
            elif isinstance(option, click.Option) and not option.is_flag and "=" not in word:
                next(rest, None)
        elif isinstance(group, click.Group) and (found := group.get_command(context, word)):
            group = found
        elif isinstance(group, click.Group) and re.fullmatch("[a-z]+", word):
            strange.append(word)
    return strange


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page_exist(page: Path) -> None:
    """A page that names an option which was renamed is mended with it."""
    found = commands(page.read_text(encoding="utf-8"))
    assert len(found) > 10
    assert [words for words in found if unknown_in(words)] == []


def test_what_does_not_exist_is_seen() -> None:
    """The check itself sees a wrong command and a wrong option."""
    (words,) = commands("```bash\n.venv/bin/nerdistill study run x --annotater y\n```")
    assert unknown_in(words) == ["--annotater"]
    assert unknown_in(["stduy", "run"]) == ["stduy", "run"]
