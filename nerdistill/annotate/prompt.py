"""Prompts: versioned templates, and the requests that they make of sentences.

A template is a jinja2 file with two blocks. `system` sees the label schema alone, so that it is
byte for byte the same in every request and a server can keep it cached. `user` sees the sentence
too. A third block, `reply`, may give the JSON schema of the answer to one sentence. What changes
least comes first: the system message, examples, the sentence. Text from a corpus is only ever data:
it is never read as a template.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nerdistill import assets
from nerdistill.annotate.examples import same_text
from nerdistill.annotate.messages import HINT, Writer, environment
from nerdistill.annotate.protocol import JSON_OBJECT, Message, Request
from nerdistill.digest import Digest, digest_of
from nerdistill.errors import AssetError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nerdistill.annotate.examples import Chooser
    from nerdistill.annotate.protocol import Sampling
    from nerdistill.labels import LabelSchema
    from nerdistill.types import Sentence

Structured = Literal["schema", "object", "none"]
"""JSON that follows the reply's schema, JSON of any shape, or free text."""

TEMPLATES = Path(__file__).parent / "templates"
VERIFY = "verify"
"""The template that asks for verdicts on entities: see `nerdistill.annotate.verify`."""


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
    """The names of the templates that ship with nerdistill and ask for entities."""
    return tuple(sorted({path.stem for path in TEMPLATES.glob("*.j2")} - {VERIFY}))


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
    per_request: int = 1,
    examples: Chooser | None = None,
    structured: Structured = "schema",
    exact_count: bool = False,
) -> Iterator[Request]:
    """The requests that ask for the entities of each sentence, lazily and in order.

    Args:
        sentences: what to ask about; their spans never reach the prompt.
        prompt: the template.
        schema: the entity types.
        model: the model's name, as the backend knows it.
        sampling: how replies are drawn.
        samples: how many replies to draw for each prompt; these requests follow each other.
        per_request: how many consecutive sentences share a request.
        examples: chooses labelled sentences that are shown with their right answers. One whose
            text is that of the question is left out.
        structured: what the server is asked to hold the reply to.
        exact_count: have the schema ask for an answer to each of several sentences by `minItems`
            and `maxItems`. vLLM holds models to them; Azure and others refuse such a schema.

    Raises:
        ConfigError: the template uses a name that it is not given or needs guidelines that the
            schema lacks, or an example is not labelled with the schema's types.
    """
    if per_request < 1:
        raise ConfigError(f"{per_request} sentences a request", "Name 1 or more.")
    writer = Writer(prompt, schema, packed=per_request > 1, exact_count=exact_count)
    waiting = iter(sentences)
    while group := tuple(islice(waiting, per_request)):
        shown = _examples_for(group, examples) if examples else ()
        messages = (writer.system, *writer.examples(shown), Message("user", writer.ask(group)))
        shape = {"schema": writer.shape(len(group)), "object": JSON_OBJECT, "none": None}
        for sample in range(samples):
            yield Request(messages, model, sampling, shape[structured], sample, group)


def _examples_for(group: tuple[Sentence, ...], examples: Chooser) -> tuple[Sentence, ...]:
    """The examples of a group of sentences: in turn for each, as many as one alone has."""
    own = {same_text(sentence) for sentence in group}
    chosen = [examples(sentence) for sentence in group]
    # A chooser's last example is its best.
    ranked = (one for rank in zip_longest(*map(reversed, chosen)) for one in rank if one)
    best = {same_text(one): one for one in ranked if same_text(one) not in own}
    count = max(map(len, chosen))
    return tuple(reversed(list(best.values())[:count]))


def _check(prompt: Prompt, path: Path) -> None:
    from jinja2 import TemplateSyntaxError

    try:
        template = environment().from_string(prompt.source)
    except TemplateSyntaxError as error:
        raise ConfigError(f"{path}:{error.lineno}: {error.message}", HINT) from error
    for block in ("system", "user"):
        if block not in template.blocks:
            raise ConfigError(f"{path}: the template has no block {block!r}", HINT)
