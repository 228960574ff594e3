"""The messages of requests: a template, rendered for a label schema, sentences and examples."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from nerdistill.annotate.packing import packed_question, packed_rule
from nerdistill.annotate.protocol import Message
from nerdistill.annotate.shape import (
    JsonObject,
    answer_shape,
    entities_shape,
    fields_of,
    packed_answer,
    packed_shape,
    read_shape,
    right_answer,
    write_reply,
    write_shape,
)
from nerdistill.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Environment

    from nerdistill.annotate.prompt import Prompt
    from nerdistill.labels import LabelSchema
    from nerdistill.types import Sentence

HINT = (
    "A template has {% block system %}, which sees types and guidelines, {% block user %}, which "
    "sees sentence too, and may have {% block reply %}, which sees types and entities; "
    "nerdistill/annotate/templates/cot.j2 is one."
)


class Writer:
    """Writes the messages of requests that share a prompt and a label schema.

    Attributes:
        system: the message that is the same in each.
    """

    def __init__(
        self, prompt: Prompt, schema: LabelSchema, *, packed: bool, exact_count: bool = False
    ) -> None:
        self._prompt, self._schema = prompt, schema
        self._packed, self._exact = packed, exact_count
        self._template = environment(schema).from_string(prompt.source)
        self._known: JsonObject = {"types": schema.types, "guidelines": schema.guidelines}
        self._answer = answer_shape(schema)
        if "reply" in self._template.blocks:
            entities = write_shape(entities_shape(schema))
            self._answer = read_shape(self._render("reply", {"entities": entities}), prompt.name)
        system = self._render("system", {})
        rule = ["", packed_rule(fields_of(self._answer))] if packed else []
        self.system = Message("system", "\n".join([system, *rule]))
        # Few-shot prompts show the same examples over and over.
        self._shown = lru_cache(maxsize=1000)(self._example)
        self.shape = lru_cache(maxsize=2)(self._shape)

    def _shape(self, count: int) -> str:
        """The schema of a reply to `count` sentences."""
        if not self._packed:
            return write_shape(self._answer)
        return write_shape(packed_shape(self._answer, count, exact=self._exact))

    def ask(self, group: Sequence[Sentence]) -> str:
        """The question about one sentence, or several."""
        texts = [
            self._render("user", {"sentence": {"text": one.text, "tokens": one.tokens}})
            for one in group
        ]
        return packed_question(texts) if self._packed else texts[0]

    def examples(self, shown: tuple[Sentence, ...]) -> tuple[Message, ...]:
        """Turns with questions and their right answers; several sentences make one of each."""
        groups = ([shown] if shown else []) if self._packed else [(one,) for one in shown]
        return tuple(turn for group in groups for turn in self._shown(group))

    def _example(self, group: tuple[Sentence, ...]) -> tuple[Message, Message]:
        for one in group:
            _check_labels(one, self._schema)
        answers = [right_answer(self._answer, one, self._prompt.name) for one in group]
        reply = packed_answer(answers) if self._packed else answers[0]
        return Message("user", self.ask(group)), Message("assistant", write_reply(reply))

    def _render(self, block: str, values: JsonObject) -> str:
        from jinja2 import TemplateError

        context = self._template.new_context({**self._known, **values})
        try:
            text = "".join(self._template.blocks[block](context))
        except TemplateError as error:
            told = f"prompt {self._prompt.name}, block {block}: {error.message}"
            raise ConfigError(told, HINT) from error
        # The line ends are the template's, and no white space of the sentence matters at its edges.
        return text.strip("\n")


def _check_labels(example: Sentence, schema: LabelSchema) -> None:
    unknown = min({span.label for span in example.spans or ()} - set(schema.names), default=None)
    if example.spans is None or unknown is not None:
        told = "is not labelled" if unknown is None else f"has the type {unknown!r}"
        raise ConfigError(
            f"example sentence {example.id} {told}",
            f"Label examples with the types of schema {schema.name!r}: {', '.join(schema.names)}.",
        )


def environment(schema: LabelSchema | None = None) -> Environment:
    """Where templates are rendered: in a sandbox, for a label schema where there is one."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def needed(guidelines: str) -> str:
        if schema is not None and not guidelines:
            raise ConfigError(
                f"label schema {schema.name!r} has no guidelines, and the prompt is made of them",
                'Write guidelines = """…""" into the schema\'s file, or take another prompt, such '
                "as standard.",
            )
        return guidelines

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,  # a prompt is no HTML: `<` must reach the model as it is
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["needed"] = needed
    return environment
