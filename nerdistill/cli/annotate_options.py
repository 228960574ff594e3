"""The options of `nerdistill annotate run`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nerdistill.annotate.backends import BACKENDS
from nerdistill.cli.options import progress_option, together, vllm_python_option

if TYPE_CHECKING:
    from nerdistill.annotate.prompt import Structured
    from nerdistill.progress import Mode

PATH = click.Path(path_type=Path)
AMOUNT = click.FloatRange(0, min_open=True)
WHAT = together(
    click.argument("source", metavar="INPUT", type=PATH),
    click.option(
        "--annotator",
        type=click.Choice(list(BACKENDS)),
        required=True,
        help="openai: the GPT-4 API, Azure or any server of that kind. vllm: a vLLM server, or a "
        "model folder that is served meanwhile. vllm-offline: the same without a server, for one "
        "big batch. replay: recorded replies. simulated: gold with a measured teacher's errors.",
    ),
    click.option("--out", type=PATH, required=True, help="Where the labelled corpus goes (JSONL)."),
    click.option("--model", help="The model's name, or for vllm and vllm-offline its folder."),
    click.option(
        "--labels", default="conll", show_default=True, help="A label schema: name, file."
    ),
    click.option("--gold", type=PATH, help="Gold of INPUT, to audit with and to simulate from."),
    click.option("--limit", type=click.IntRange(1), help="Label only the first so many sentences."),
)
HOW = together(
    click.option(
        "--prompt",
        default="standard",
        show_default=True,
        help="bare, standard, guideline (with the schema's guidelines), cot (reasons first), or a "
        "template file.",
    ),
    click.option("--temperature", type=click.FloatRange(0, 2), help="Default: 0; with votes 0.7."),
    click.option(
        "--max-tokens",
        type=click.IntRange(1),
        default=1024,
        show_default=True,
        help="Of a reply. One that is cut off is asked for again with more, up to four times this.",
    ),
    click.option(
        "--sampling-seed", type=int, help="Of the model's draw, where its server has one."
    ),
    click.option(
        "--extra-body",
        default="{}",
        help="JSON of further fields for the server, such as "
        '\'{"chat_template_kwargs": {"enable_thinking": false}}\'.',
    ),
    click.option(
        "--structured",
        type=click.Choice(["schema", "object", "none"]),
        default="schema",
        show_default=True,
        help="Hold replies to a JSON schema, to any JSON, or to nothing (older models).",
    ),
    click.option(
        "--logprobs/--no-logprobs",
        default=True,
        show_default=True,
        help="Ask for log-probabilities: they become each entity's confidence.",
    ),
    click.option(
        "--votes",
        type=click.IntRange(1, 100),
        default=1,
        show_default=True,
        help="Draw so many replies to each prompt and let them vote.",
    ),
    click.option(
        "--verify", is_flag=True, help="Ask in a second pass whether each entity is right."
    ),
    click.option(
        "--sentences-per-request",
        "per_request",
        type=click.IntRange(1, 100),
        default=1,
        show_default=True,
        help="Pack so many sentences into one request.",
    ),
    click.option("--examples", type=PATH, help="A labelled corpus to show examples from."),
    click.option("--shots", type=click.IntRange(1), default=5, show_default=True, help="How many."),
    click.option(
        "--choose",
        default="bm25",
        show_default=True,
        help="Which examples: fixed (the same for all; a server keeps them cached), bm25 (similar "
        "words), or an encoder's folder (similar meaning).",
    ),
)
SERVER = together(
    click.option(
        "--base-url",
        "base_urls",
        multiple=True,
        help="Where the server's API starts, mostly ending in /v1. Repeatable: servers of one "
        "model share the requests, each as much as it takes.",
    ),
    click.option("--azure-version", help="openai: version of the Azure API, such as 2024-10-21."),
    click.option(
        "--batch",
        is_flag=True,
        help="openai: the Batch API, at half the price and within a day. Stop it when you like: "
        "the same command collects what was handed in.",
    ),
    click.option("--max-concurrency", type=click.IntRange(1), help="Requests in flight at most."),
    click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        default=120.0,
        show_default=True,
        help="Seconds for one attempt.",
    ),
    click.option(
        "--deadline",
        type=click.FloatRange(0, min_open=True),
        default=600.0,
        show_default=True,
        help="Seconds for one request, all attempts and waits together.",
    ),
    click.option(
        "--patience",
        type=click.FloatRange(0, min_open=True),
        default=60.0,
        show_default=True,
        help="Seconds without any answer after which the server is taken for dead.",
    ),
    click.option(
        "--max-model-len", type=click.IntRange(1), help="vLLM: tokens of prompt and reply."
    ),
    click.option(
        "--gpus", type=click.IntRange(1), default=1, show_default=True, help="vLLM: for one model."
    ),
    vllm_python_option,
    click.option("--vllm-argument", "vllm_arguments", multiple=True, help="Passed on; repeatable."),
    click.option(
        "--answers-as", multiple=True, help="Another name that the model may answer under."
    ),
)
RECORDS = together(
    click.option(
        "--replies",
        multiple=True,
        type=PATH,
        help="replay: a file of recorded replies; repeatable.",
    ),
    click.option(
        "--error-scale",
        type=click.FloatRange(0, 10),
        default=1.0,
        show_default=True,
        help="simulated: times the measured errors; 0 is a perfect teacher.",
    ),
    click.option("--seed", default=0, show_default=True, help="simulated: of the errors."),
)
BEFORE = together(
    click.option("--dry-run", is_flag=True, help="Ask nothing: tell requests, tokens, cost, time."),
    click.option("--prices", type=PATH, help="A price table (TOML) in place of the bundled one."),
    click.option("--requests-per-second", type=AMOUNT, help="For the time: what the server does."),
    click.option("--tokens-per-second", type=AMOUNT, help="The same in tokens of replies."),
    click.option("--reply-tokens", type=AMOUNT, help="Of one reply, where you know it better."),
    click.option("--gpu-hour", type=AMOUNT, help="What an hour of one GPU costs."),
    click.option(
        "--calibrate",
        type=click.IntRange(1),
        help="Label so many sentences of --gold first, tell how well that went, and ask.",
    ),
    click.option(
        "--min-f1",
        type=click.FloatRange(0, 100),
        help="With --calibrate: stop where the F1 is below this.",
    ),
    click.option("--yes", is_flag=True, help="With --calibrate: go on without asking."),
)
RESULTS = together(
    click.option("--store", type=PATH, help="Where raw replies go; default: OUT.replies.sqlite."),
    click.option("--audit", "audit_file", type=PATH, help="Write the audit there too, as JSON."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table."),
    progress_option,
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command was given; see the help of each."""

    source: Path
    annotator: str
    out: Path
    model: str | None
    labels: str
    gold: Path | None
    limit: int | None
    prompt: str
    temperature: float | None
    max_tokens: int
    sampling_seed: int | None
    extra_body: str
    structured: Structured
    logprobs: bool
    votes: int
    verify: bool
    per_request: int
    examples: Path | None
    shots: int
    choose: str
    base_urls: tuple[str, ...]
    azure_version: str | None
    batch: bool
    max_concurrency: int | None
    timeout: float
    deadline: float
    patience: float
    max_model_len: int | None
    gpus: int
    vllm_python: Path | None
    vllm_arguments: tuple[str, ...]
    answers_as: tuple[str, ...]
    dry_run: bool
    prices: Path | None
    requests_per_second: float | None
    tokens_per_second: float | None
    reply_tokens: float | None
    gpu_hour: float | None
    calibrate: int | None
    min_f1: float | None
    yes: bool
    replies: tuple[Path, ...]
    error_scale: float
    seed: int
    store: Path | None
    audit_file: Path | None
    as_json: bool
    progress: Mode

    @property
    def replies_file(self) -> Path:
        """The reply store."""
        return self.store or self.out.with_name(f"{self.out.name}.replies.sqlite")


all_options = together(WHAT, HOW, SERVER, RECORDS, BEFORE, RESULTS)
