#!/usr/bin/env python3
"""Measure training beside transformers' own Trainer, on one machine and in one run.

    scripts/bench_train.py --data corpora/train.txt           # MiniLM in models/minilm
    scripts/bench_train.py --student bert-base --cohorts 2,4,8,16 --batch 32

The contenders take turns, so that ratios within one run count; the first round only warms up.
`Trainer` is transformers' recipe with its defaults, as its `run_ner.py` uses it; it needs the
package accelerate, which is no part of nerdistill. Without --data the sentences are made up, as
long as CoNLL-2003's. The matrix peak is measured between the contenders. On a CPU with
--threads 1 time is the process's own, so that others who use the machine disturb little.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402 - after the path

from nerdistill.blend.curve import Constant  # noqa: E402
from nerdistill.blend.plan import PoolName, plan_batches  # noqa: E402
from nerdistill.corpus.formats import read_corpus  # noqa: E402
from nerdistill.labels import iob2_tags  # noqa: E402
from nerdistill.progress import Silent  # noqa: E402
from nerdistill.student.tagger import Tagger, load_student  # noqa: E402
from nerdistill.train.loop import Run, train  # noqa: E402
from nerdistill.train.pool import Pool, prepare  # noqa: E402
from nerdistill.train.recipe import Recipe  # noqa: E402
from nerdistill.types import Sentence  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BASELINE = "Trainer"
TAGS = iob2_tags(["PER", "LOC", "ORG", "MISC"])
SHAPES = {"minilm": (384, 6, 12, 1536), "bert-base": (768, 12, 12, 3072)}
"""Hidden size, layers, heads and inner size of students with random weights."""
LENGTHS = {
    1: 0.013,
    2: 0.08,
    3: 0.042,
    4: 0.055,
    5: 0.053,
    6: 0.045,
    7: 0.064,
    8: 0.075,
    9: 0.064,
    10: 0.065,
    13: 0.048,
    15: 0.057,
    18: 0.045,
    21: 0.046,
    24: 0.047,
    27: 0.045,
    30: 0.057,
    35: 0.049,
    40: 0.034,
    46: 0.013,
    58: 0.003,
}
"""Words of a sentence in CoNLL-2003's training part, and their share."""


@dataclass(frozen=True, slots=True)
class Task:
    """What all contenders do: so many steps of so many sentences."""

    student: Path
    sentences: Sequence[Sentence]
    steps: int
    batch: int
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Found:
    """What a contender did.

    Attributes:
        rate: sentences a second.
        useful: share of the word pieces that were no filling.
        operations: of matrix products, a second, without those on filling; 0 where not counted.
        steps: a second.
    """

    rate: float
    useful: float
    operations: float
    steps: float


def run_trainer(task: Task) -> Found:
    """What `run_ner.py` does: Trainer, padding to the longest, the defaults."""
    from transformers import DataCollatorForTokenClassification, Trainer, TrainingArguments

    tagger = load_student(task.student, TAGS, seed=1)
    rows = []
    for sentence in task.sentences:
        coded = tagger.tokenizer(list(sentence.tokens), is_split_into_words=True, truncation=True)
        labels = [-100 if word is None else 0 for word in coded.word_ids()]
        rows.append({**coded, "labels": labels})
    collate = DataCollatorForTokenClassification(tagger.tokenizer)
    fed = [0, 0]

    def counted(features: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = collate(features)
        fed[0] += int(batch["attention_mask"].sum())
        fed[1] += batch["attention_mask"].numel()
        return batch

    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            folder,
            per_device_train_batch_size=task.batch,
            max_steps=task.steps,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            logging_strategy="no",
        )
        trainer = Trainer(tagger.model, settings, data_collator=counted, train_dataset=rows)
        began = task.clock()
        trainer.train()
        seconds = task.clock() - began
    rate = task.steps / seconds
    return Found(rate * task.batch, fed[0] / fed[1], 0.0, rate)


def runs(task: Task, count: int) -> list[Run]:
    """So many students with a seed each."""
    taggers = [load_student(task.student, TAGS, seed=seed) for seed in range(count)]
    pool = prepare(task.sentences, taggers[0].encoder, TAGS)
    recipe = Recipe(task.steps, task.batch)
    return [_planned(tagger, pool, recipe, seed) for seed, tagger in enumerate(taggers)]


def _planned(tagger: Tagger, pool: Pool, recipe: Recipe, seed: int) -> Run:
    pools: dict[PoolName, Pool] = {"original": pool, "distilled": pool}
    plan = plan_batches(
        Constant(0.5),
        steps=recipe.steps,
        batch_size=recipe.batch_size,
        original=pool.lengths,
        distilled=pool.lengths,
        seed=seed,
    )
    return Run(tagger, plan, pools, recipe, (0,), seed)


def run_cohort(task: Task, count: int) -> Found:
    """Our loop, so many students side by side."""
    cohort = runs(task, count)
    began = task.clock()
    with Silent().task("bench", total=None, unit="steps") as silent:
        records = train(cohort, task=silent)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    seconds = task.clock() - began
    work = sum(operations(run) for run in cohort)
    rate = task.steps / seconds
    return Found(rate * task.batch * count, records[0].useful_tokens, work / seconds, rate)


def operations(run: Run) -> float:
    """Floating-point operations of a run's matrix products: forward, and twice that backward."""
    config = run.tagger.model.config
    width, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    total = 0
    for picks in run.plan:
        for pick in picks:
            pool = run.pools[pick.pool]
            for window in range(*pool.windows[pick.index : pick.index + 2]):
                length = int(pool.starts[window + 1] - pool.starts[window])
                linear = length * (4 * width * width + 2 * width * inner)
                total += layers * (2 * linear + 4 * length * length * width)
                total += 2 * int(pool.words[window + 1] - pool.words[window]) * width * len(TAGS)
    return 3.0 * total


def peak(clock: Callable[[], float]) -> float:
    """Operations a second of one large matrix product, in the precision that students train in."""
    gpu = torch.cuda.is_available()
    size = 8192 if gpu else 2048
    a = torch.randn(
        size, size, device="cuda" if gpu else "cpu", dtype=torch.bfloat16 if gpu else torch.float32
    )
    best = 0.0
    for _ in range(4):
        began = clock()
        a @ a
        if gpu:
            torch.cuda.synchronize()
        best = max(best, 2 * size**3 / (clock() - began))
    return best


def bandwidth() -> float:
    """Bytes a second that a copy reads and writes."""
    source = torch.empty(1 << 28, device="cuda" if torch.cuda.is_available() else "cpu")
    target = torch.empty_like(source)
    best = 0.0
    for _ in range(4):
        began = time.perf_counter()
        target.copy_(source)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        best = max(best, 8 * source.numel() / (time.perf_counter() - began))
    return best


def made_up(count: int, tagger: Tagger) -> list[Sentence]:
    """Sentences of words that the student knows, every fifth of two pieces."""
    draw = random.Random(1)  # noqa: S311 - filling, not secrets
    known = [word for word in tagger.tokenizer.get_vocab() if word.isascii() and word.isalpha()]
    sizes = draw.choices(list(LENGTHS), list(LENGTHS.values()), k=count)
    sentences = []
    for number, size in enumerate(sizes):
        words = [
            draw.choice(known) + ("qx" if draw.random() < 0.2 else "")  # noqa: PLR2004 - a fifth
            for _ in range(size)
        ]
        sentences.append(Sentence(str(number), tuple(words), spans=()))
    return sentences


def random_student(name: str, folder: Path) -> Path:
    """A student of a known shape, with random weights and single words as pieces."""
    from transformers import BertConfig, BertModel

    from tests.student_factory import tiny_tokenizer

    width, layers, heads, inner = SHAPES[name]
    config = BertConfig(
        vocab_size=30522,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    words = (f"{a}{b}{c}" for a in "bcdfg" for b in "aeiou" for c in "klmnp")
    tiny_tokenizer(words).save_pretrained(folder)
    return folder


def measure(
    task: Task, cohorts: Sequence[int], rounds: int, *, trainer: bool
) -> tuple[dict[str, list[Found]], list[float]]:
    """What each contender did in each round but the first, and the matrix peaks between."""
    found: dict[str, list[Found]] = {}
    peaks = []
    for number in range(rounds + 1):
        contenders: dict[str, Callable[[], Found]] = {
            f"ours, {k} at once" if k > 1 else "ours": partial(run_cohort, task, k)
            for k in (1, *cohorts)
        }
        if trainer:
            contenders = {BASELINE: partial(run_trainer, task), **contenders}
        for name, run in contenders.items():
            one = run()
            if number:
                found.setdefault(name, []).append(one)
                peaks.append(peak(task.clock))
    return found, peaks


def summary(found: dict[str, list[Found]], peaks: list[float]) -> list[dict[str, object]]:
    """The median of each contender, and its ratio to the baseline within the same rounds."""
    base = found.get(BASELINE) or found["ours"]
    best = max(peaks)
    rows: list[dict[str, object]] = []
    for name, many in found.items():
        ratios = [one.rate / other.rate for one, other in zip(many, base, strict=True)]
        rows.append(
            {
                "contender": name,
                "sentences/s": round(statistics.median(one.rate for one in many), 1),
                "times baseline": round(statistics.median(ratios), 2),
                "least": round(min(ratios), 2),
                "most": round(max(ratios), 2),
                "useful": round(many[-1].useful, 3),
                "of peak": round(statistics.median(one.operations for one in many) / best, 3),
                "steps/s": round(statistics.median(one.steps for one in many), 3),
            }
        )
    return rows


def of_memory(rows: list[dict[str, object]], student: Path, cohorts: Sequence[int]) -> None:
    """Add what share of the memory's bandwidth the optimizer's own traffic takes."""
    tagger = load_student(student, TAGS, seed=1)
    numbers = sum(p.numel() for p in tagger.model.parameters())
    rate = bandwidth()
    sizes = {"ours": 1, **{f"ours, {k} at once": k for k in cohorts}}
    for row in rows:
        if row["contender"] in sizes:
            # Value, gradient and two moments are read, all but the gradient are written.
            moved = 28 * numbers * sizes[str(row["contender"])]
            row["AdamW of memory"] = round(moved * float(str(row["steps/s"])) / rate, 3)


def show(rows: list[dict[str, object]], title: str) -> None:
    """Print the rows as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in rows[-1]:
        table.add_column(name, justify="left" if name == "contender" else "right")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console(width=120).print(table)


def _student(name: str, folder: Path) -> Path:
    return random_student(name, folder) if name in SHAPES else Path(name)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--student", default="models/minilm", help="a folder, minilm or bert-base")
    parser.add_argument("--data", type=Path, help="a labelled corpus, for its sentences")
    parser.add_argument("--sentences", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=32, help="of each contender in each round")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cohorts", default="2,4", help="sizes, such as 2,4,8,16")
    parser.add_argument("--threads", type=int, help="of a CPU; default: all")
    parser.add_argument("--json", type=Path, help="write the rows there")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    trainer = find_spec("accelerate") is not None
    if not trainer:
        print("bench_train: no Trainer to compare with: pip install accelerate", file=sys.stderr)
    cohorts = [int(size) for size in given.cohorts.split(",") if size]
    own = given.threads == 1 and not torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as name:
        student = _student(given.student, Path(name))
        if given.data:
            corpus = read_corpus(given.data)
            sentences = [replace(one, spans=()) for one in corpus.sentences][: given.sentences]
        else:
            sentences = made_up(given.sentences, load_student(student, TAGS, seed=1))
        clock = time.process_time if own else time.perf_counter
        task = Task(student, sentences, given.steps, given.batch, clock)
        found, peaks = measure(task, cohorts, given.rounds, trainer=trainer)
        rows = summary(found, peaks)
        if torch.cuda.is_available():
            of_memory(rows, student, cohorts)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    show(
        rows,
        f"{given.student}, batch {given.batch}, {device}, {torch.get_num_threads()} threads, "
        f"{given.rounds} rounds of {given.steps} steps, peak {max(peaks) / 1e9:,.0f} GFLOP/s",
    )
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
