"""The program that holds vLLM for `nerdistill.annotate.inprocess`: questions in, answers out.

Run by the Python that has vLLM, which need not have nerdistill: it imports nothing of it. Its
arguments are the number of the pipe to read from, that of the pipe to write to, and vLLM's own. A
question is a line of JSON, and an empty line ends a batch. An answer names its question by its
place in the batch. Standard output belongs to vLLM's own words.
"""

from __future__ import annotations

import json
import os
import sys
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vllm import LLM, RequestOutput

LOWEST = -9999.0
"""A log-probability of minus infinity, as vLLM's server tells it; JSON has no such number."""


def main() -> None:
    """Load the model, then answer batch after batch until there are no more questions."""
    numbers, words = [int(word) for word in sys.argv[1:3]], sys.argv[3:]
    for number in numbers:
        # What vLLM starts must not keep the pipes open when this process is gone.
        os.set_inheritable(number, False)
    with (
        os.fdopen(numbers[0], encoding="ascii") as questions,
        os.fdopen(numbers[1], "w", encoding="ascii") as answers,
    ):
        engine, template = _load(words)
        _write(answers, {"ready": True})
        while batch := _read(questions):
            for answer in _answer(engine, template, batch):
                answers.write(json.dumps(answer) + "\n")
            _write(answers, {"done": True})


def _load(words: list[str]) -> tuple[LLM, str | None]:
    from vllm import LLM, EngineArgs
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = EngineArgs.add_cli_args(FlexibleArgumentParser(prog="vllm"))
    parser.add_argument("--chat-template")
    found = parser.parse_args(words)
    template = found.chat_template
    if template and os.path.exists(template):  # noqa: PTH110 - a template itself is no path
        with open(template, encoding="utf-8") as stream:  # noqa: PTH123 - as above
            template = stream.read()
    return LLM.from_engine_args(EngineArgs.from_cli_args(found)), template


def _read(questions: IO[str]) -> list[dict[str, Any]]:
    batch = []
    for line in questions:
        if not line.strip():
            break
        batch.append(json.loads(line))
    return batch


def _write(answers: IO[str], value: dict[str, object]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def _answer(
    engine: LLM, template: str | None, batch: list[dict[str, Any]]
) -> Iterator[dict[str, object]]:
    """An answer to each question of a batch."""
    from jinja2 import TemplateError
    from vllm.exceptions import VLLMClientError

    taken = []
    for at, question in enumerate(batch):
        try:
            _enqueue(engine, template, question)
        except (VLLMClientError, TemplateError, ValueError, TypeError) as error:
            yield {"at": at, "refused": " ".join(f"{error}".split()) or type(error).__name__}
        else:
            taken.append(at)
    # They come in the order in which they were taken.
    for at, output in zip(taken, engine.wait_for_completion(use_tqdm=False), strict=True):
        yield {"at": at, **_told(output)}


def _enqueue(engine: LLM, template: str | None, question: dict[str, Any]) -> None:
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    more = dict(question["extra"])
    chat = more.pop("chat_template_kwargs", None)
    shape = question["schema"]
    structured = None
    if shape is not None:
        structured = StructuredOutputsParams(
            **({"json_object": True} if shape == "json_object" else {"json": shape})
        )
    drawn = {
        "temperature": question["temperature"],
        "top_p": question["top_p"],
        "max_tokens": question["max_tokens"],
        "seed": question["seed"],
        "logprobs": 0 if question["logprobs"] else None,
        "structured_outputs": structured,
    }
    # As vLLM's server makes them of the same fields.
    sampling = SamplingParams.from_optional(**{**drawn, **more})
    engine.enqueue_chat(
        [question["messages"]],
        [sampling],
        use_tqdm=False,
        chat_template=template,
        chat_template_kwargs=chat,
    )


def _told(output: RequestOutput) -> dict[str, object]:
    written = output.outputs[0]
    logprobs = None
    if written.logprobs is not None:
        drawn = zip(written.token_ids, written.logprobs, strict=True)
        chosen = [found[token] for token, found in drawn]
        logprobs = [[one.decoded_token or "", max(one.logprob, LOWEST)] for one in chosen]
    return {
        "text": written.text,
        "finish": written.finish_reason,
        "tokens_in": len(output.prompt_token_ids or ()),
        "tokens_out": len(written.token_ids),
        "tokens_cached": output.num_cached_tokens or 0,
        "logprobs": logprobs,
    }


if __name__ == "__main__":
    main()
