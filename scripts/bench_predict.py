#!/usr/bin/env python3
"""Measure prediction beside transformers' pipeline, on the same machine, model and sentences.

    scripts/bench_predict.py models/mine corpora/test.txt
    scripts/bench_predict.py models/minilm corpora/test.txt --threads 1

An encoder without a head gets a random one, whose labels are arbitrary but the same for both.
The contenders take turns, so that ratios within one run count; the first round only warms up.
`pipeline("token-classification")` is used with its defaults. A word's label is that of its first
piece. On a CPU with --threads 1 time is the process's own, so that others on the machine disturb
little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402 - after the path
from transformers import pipeline  # noqa: E402

from nerdistill.corpus.formats import read_corpus  # noqa: E402
from nerdistill.errors import AssetError  # noqa: E402
from nerdistill.evaluate.predict import predict_tags  # noqa: E402
from nerdistill.labels import iob2_tags  # noqa: E402
from nerdistill.progress import Silent  # noqa: E402
from nerdistill.student.tagger import Tagger, load_student, load_tagger  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nerdistill.types import Sentence

Labels = list[list[str]]


def run_pipeline(tagger: Tagger, sentences: Sequence[Sentence]) -> Labels:
    """What transformers' pipeline finds in the sentences' text."""
    own: Callable[[list[str]], list[list[dict[str, Any]]]]
    own = pipeline("token-classification", model=tagger.model, tokenizer=tagger.tokenizer)  # type: ignore[call-overload]
    found = own([sentence.text for sentence in sentences])
    return [
        _by_word(sentence, {piece["start"]: piece["entity"] for piece in pieces})
        for sentence, pieces in zip(sentences, found, strict=True)
    ]


def _by_word(sentence: Sentence, entities: dict[int, str]) -> list[str]:
    labels, place = [], 0
    for token in sentence.tokens:
        labels.append(entities.get(place, "O"))
        place += len(token) + len(sentence.joiner)
    return labels


def run_own(tagger: Tagger, sentences: Sequence[Sentence]) -> Labels:
    """What `nerdistill predict` finds."""
    with Silent().task("bench", total=None, unit="sentences") as task:
        return predict_tags(tagger, sentences, task=task)


CONTENDERS: dict[str, Callable[[Tagger, Sequence[Sentence]], Labels]] = {
    "pipeline": run_pipeline,
    "nerdistill": run_own,
}


def measure(
    tagger: Tagger, sentences: Sequence[Sentence], rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Sentences a second of each contender in each round but the first; their labels must agree."""
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for number in range(rounds + 1):
        labels = {}
        for name, run in CONTENDERS.items():
            began = clock()
            labels[name] = run(tagger, sentences)
            if number:
                rates[name].append(len(sentences) / (clock() - began))
        one, other = labels.values()
        differing = sum(a != b for a, b in zip(one, other, strict=True))
        if differing:
            raise SystemExit(f"the labels of {differing} of {len(sentences)} sentences differ")
    return rates


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="of a CPU; default: all")
    parser.add_argument("--json", type=Path, help="write the rates there")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    try:
        tagger = load_tagger(given.model)
    except AssetError:
        tagger = load_student(given.model, iob2_tags(["PER", "LOC", "ORG", "MISC"]), seed=1)
    sentences = list(read_corpus(given.corpus).sentences)[: given.sentences]
    own = given.threads == 1 and not torch.cuda.is_available()
    clock = time.process_time if own else time.perf_counter
    rates = measure(tagger, sentences, given.rounds, clock)
    ratios = [a / b for a, b in zip(rates["nerdistill"], rates["pipeline"], strict=True)]
    for name, many in rates.items():
        print(f"{name:<12} {statistics.median(many):8.1f} sentences/s")
    print(
        f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), "
        f"{len(sentences)} sentences with identical labels, {torch.get_num_threads()} threads"
    )
    if given.json:
        given.json.write_text(json.dumps(rates, indent=1) + "\n")


if __name__ == "__main__":
    main()
