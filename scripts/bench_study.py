#!/usr/bin/env python3
"""Measure how long a whole study takes: made-up sentences, a student of bert-base's size.

    scripts/bench_study.py --out /scratch/bench                # 12 regimens, 5 seeds, 3 epochs
    scripts/bench_study.py --student minilm --steps 20 --seeds 1 --sentences 400 --out /scratch/b

Half of the sentences are original, the others are labelled by the simulated teacher; validation
and test are as large as CoNLL-2003's. The study runs as a user would run it, and its stages say
where the time went. The student has random weights and the sentences no meaning: only time counts.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench_train import LENGTHS, SHAPES, random_student  # noqa: E402 - beside this

from nerdistill.corpus.formats import write_corpus  # noqa: E402 - after the path
from nerdistill.types import Corpus, Document, Sentence, Span  # noqa: E402

REGIMENS = [
    *("original", "distilled", "mixed", "mixed-natural", "simple-mix", "original-then-distilled"),
    *("sigmoid", "power-2", "power-0.5", "cosine", "linear", "exponential"),
]
WORDS = [f"{a}{b}{c}" for a in "bcdfg" for b in "aeiou" for c in "klmnp"]
TYPES = {"b": "PER", "c": "LOC"}
"""A word's first letter tells whether it is a name: something to learn."""
HELD_OUT = {"validation": 3250, "test": 3453}
SHARE = 0.6
"""Of the training sentences that the teacher labels."""


def made_up(name: str, count: int, seed: int) -> Corpus:
    """So many labelled sentences, as long as CoNLL-2003's, no two of them alike."""
    draw = random.Random(seed)  # noqa: S311 - filling, not secrets
    found: dict[tuple[str, ...], Sentence] = {}
    while len(found) < count:
        (size,) = draw.choices(list(LENGTHS), list(LENGTHS.values()))
        one = _sentence(f"{name}-{len(found)}", size, name, draw)
        found.setdefault(one.tokens, one)
    return Corpus((Document(name, tuple(found.values())),))


def _sentence(name: str, size: int, corpus: str, draw: random.Random) -> Sentence:
    # Every fifth word is of two pieces, as in news; the last one tells the corpora apart.
    words = [
        draw.choice(WORDS) + ("q" if draw.random() < 0.2 else "")  # noqa: PLR2004 - a fifth
        for _ in range(size)
    ]
    words[-1] += f"{corpus[0]}{draw.randrange(1000)}"
    spans = [Span(i, i + 1, TYPES[w[0]]) for i, w in enumerate(words) if w[0] in TYPES]
    return Sentence(name, tuple(words), spans=tuple(spans))


def write_study(given: argparse.Namespace) -> Path:
    """The study's file, beside its corpora."""
    folder: Path = given.out
    folder.mkdir(parents=True, exist_ok=True)
    distilled = round(given.sentences * SHARE)
    sizes = {"pool": given.sentences - distilled, "news": distilled, **HELD_OUT}
    for seed, (name, size) in enumerate(sizes.items()):
        write_corpus(made_up(name, size, seed), folder / f"{name}.jsonl", format="jsonl")
    steps = given.steps or -(-given.epochs * given.sentences // given.batch)
    student = given.student
    if student in SHAPES:
        (folder / "student").mkdir(exist_ok=True)
        student = str(random_student(student, folder / "student"))
    corpora = "\n".join(f'[corpora.{name}]\npath = "{name}.jsonl"' for name in sizes)
    text = f"""\
name = "bench"
title = "A study of {len(given.regimens)} regimens, {given.seeds} seeds, {steps} steps"
note = "made-up sentences: only its time counts"
seeds = {list(range(1, given.seeds + 1))}
regimens = {json.dumps(given.regimens)}
[data]
root = {json.dumps(str(folder.absolute()))}
{corpora}
[teacher]
annotator = "simulated"
corpora = ["news"]
[original]
corpus = "pool"
budgets = [{sizes["pool"]}]
[validation]
corpus = "validation"
[test]
corpus = "test"
[student]
path = {json.dumps(str(Path(student).absolute()))}
[training]
steps = {steps}
batch_size = {given.batch}
learning_rate = 1e-4
"""
    file = folder / "study.toml"
    file.write_text(text, encoding="utf-8")
    return file


def show(workspace: Path, wall: float) -> None:
    """Print where the time went."""
    seconds: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for file in workspace.rglob("record.json"):
        record = json.loads(file.read_text(encoding="utf-8"))
        seconds[record["stage"]["kind"]] += record["seconds"]
        count[record["stage"]["kind"]] += 1
    print(f"the whole study: {wall:.0f} s")
    for kind, spent in seconds.most_common():
        told = " (each counts the whole time of its cohort)" if kind == "train" else ""
        print(f"  {kind}: {count[kind]} stages, {spent:.0f} s in all{told}")


def main() -> None:
    """Read the command line, run the study, say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="a folder for all of it")
    parser.add_argument("--student", default="bert-base", help="a folder, minilm or bert-base")
    parser.add_argument("--sentences", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=3, help="of all sentences")
    parser.add_argument("--steps", type=int, help="instead of epochs")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--regimens", type=lambda text: text.split(","), default=REGIMENS)
    parser.add_argument("more", nargs="*", help="options of `nerdistill study run`, after --")
    given = parser.parse_args()
    study, workspace = write_study(given), given.out / "workspace"
    command = [
        *(sys.executable, "-m", "nerdistill", "study", "run", str(study)),
        *("--workspace", str(workspace), *given.more),
    ]
    began = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - our own
    show(workspace, time.monotonic() - began)
    sys.exit(code)


if __name__ == "__main__":
    main()
