"""Prompts: versioned templates, and the requests that they make of sentences.

A template is a jinja2 file with two blocks. `system` sees the label schema alone, so that it is
byte for byte the same in every request and a server can keep it cached. `user` sees the sentence
too. Text from a corpus is only ever data: it is never read as a template.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill import assets
from nerdistill.annotate.protocol import Message, Request
from nerdistill.digest import Digest, canonical_json, digest_of
from nerdistill.errors import AssetError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jinja2 import Environment, Template

    from nerdistill.annotate.protocol import Sampling
    from nerdistill.labels import LabelSchema
    from nerdistill.types import Sentence

TEMPLATES = Path(__file__).parent / "templates"
HINT = "A template has {% block system %}, which sees types and guidelines, and {% block user %}, \
which sees sentence too; nerdistill/annotate/templates/standard.j2 is one."


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt template.

    Attributes:
        name: of the template that ships with nerdistill, or of the user's file.
        version: what the template's first line says, `{# version 2 … #}`; 0 where it says none.
        digest: of the template's text.
        source: the template's text.
    """

    name: str
    version: int
    digest: Digest
    source: str

    def digest_with(self, schema: LabelSchema) -> Digest:
        """The digest of template and label schema: what provenance keeps."""
        return digest_of({"template": self.digest, "labels": schema})


def built_in() -> tuple[str, ...]:
    """The names of the templates that ship with nerdistill."""
    return tuple(sorted(path.stem for path in TEMPLATES.glob("*.j2")))


def load_prompt(name: str | Path) -> Prompt:
    """A template that ships with nerdistill, by its name, or a user's file.

    Raises:
        AssetError: there is neither.
        ConfigError: the file is not a template with both blocks.
    """
    bundled = TEMPLATES / f"{name}.j2"
    try:
        path = bundled if bundled.is_file() else assets.find(name, kind="prompt")
    except AssetError as error:
        raise AssetError(
            error.message, f"Name a template file, or one of {', '.join(built_in())}."
        ) from error
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a prompt template: {error}", HINT) from error
    stated = re.match(r"\{#-?\s*version (\d+)", source)
    prompt = Prompt(path.stem, int(stated[1]) if stated else 0, digest_of(source), source)
    _check(prompt, path)
    return prompt


def build_requests(
    sentences: Iterable[Sentence],
    *,
    prompt: Prompt,
    schema: LabelSchema,
    model: str,
    sampling: Sampling,
    samples: int = 1,
) -> Iterator[Request]:
    """The requests that ask for the entities of each sentence, lazily and in order.

    Args:
        sentences: what to ask about; their spans never reach the prompt.
        prompt: the template.
        schema: the entity types.
        model: the model's name, as the backend knows it.
        sampling: how replies are drawn.
        samples: how many replies to draw for each sentence.

    Raises:
        ConfigError: the template uses a name that it is not given.
    """
    template = _environment().from_string(prompt.source)
    known: dict[str, object] = {"types": schema.types, "guidelines": schema.guidelines}
    system = Message("system", _render(template, "system", known, prompt.name))
    shape = reply_schema(schema)
    for sentence in sentences:
        shown = {"text": sentence.text, "tokens": sentence.tokens}
        user = _render(template, "user", {**known, "sentence": shown}, prompt.name)
        messages = (system, Message("user", user))
        for sample in range(samples):
            yield Request(messages, model, sampling, shape, sample, (sentence,))


def reply_schema(schema: LabelSchema) -> str:
    """The JSON schema of a reply, as canonical JSON: labels come from the schema alone."""
    entity = {
        "type": "object",
        "properties": {
            "label": {"type": "string", "enum": schema.names},
            "text": {"type": "string"},
        },
        "required": ["label", "text"],
        "additionalProperties": False,
    }
    return canonical_json(
        {
            "type": "object",
            "properties": {"entities": {"type": "array", "items": entity}},
            "required": ["entities"],
            "additionalProperties": False,
        }
    )


def _environment() -> Environment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,  # a prompt is no HTML: `<` must reach the model as it is
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _check(prompt: Prompt, path: Path) -> None:
    from jinja2 import TemplateSyntaxError

    try:
        template = _environment().from_string(prompt.source)
    except TemplateSyntaxError as error:
        raise ConfigError(f"{path}:{error.lineno}: {error.message}", HINT) from error
    for block in ("system", "user"):
        if block not in template.blocks:
            raise ConfigError(f"{path}: the template has no block {block!r}", HINT)


def _render(template: Template, block: str, values: dict[str, object], name: str) -> str:
    from jinja2 import TemplateError

    try:
        text = "".join(template.blocks[block](template.new_context(values)))
    except TemplateError as error:
        raise ConfigError(f"prompt {name}, block {block}: {error.message}", HINT) from error
    # The line ends are the template's, and no white space of the sentence matters at its edges.
    return text.strip("\n")
