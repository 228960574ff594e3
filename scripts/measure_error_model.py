"""Measure a teacher's errors from labels beside gold, as an error model in TOML.

    python scripts/measure_error_model.py LABELS.jsonl --labels noise_llm --malformed 0.01 \\
        --name noisebench-llm --source "…" --out offline_assets/simulated/noisebench-llm.toml

LABELS.jsonl holds a sentence a line: `tokens`, and IOB2 tags under the names given by --gold and
--labels. The share of malformed replies cannot be seen there and is given.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nerdistill.labels import detect_scheme, tags_to_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nerdistill.types import Span

Kind = Literal["missed", "boundary", "confused", "confused_boundary"]
KINDS: tuple[Kind, ...] = ("missed", "boundary", "confused", "confused_boundary")
SHIFTS = 12
LENGTHS = 5


@dataclass
class Counts:
    """What was seen so far."""

    gold: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, Counter[Kind]] = field(default_factory=lambda: defaultdict(Counter))
    confused: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    shifts: Counter[tuple[int, int]] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    spurious: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    lengths: Counter[int] = field(default_factory=Counter)

    def add(self, tokens: Sequence[str], gold: Sequence[Span], found: Sequence[Span]) -> None:
        """Count one sentence."""
        used: set[Span] = set()
        for span in gold:
            self.gold[span.label] += 1
            over = [other for other in found if other.start < span.end and span.start < other.end]
            used.update(over)
            if not over:
                self.kinds[span.label]["missed"] += 1
            else:
                self._compare(span, max(over, key=lambda other: _closeness(span, other)))
        inside = {i for span in gold for i in range(span.start, span.end)}
        self.outside.update(form(word) for i, word in enumerate(tokens) if i not in inside)
        for span in found:
            if span not in used:
                self.spurious[span.label][form(tokens[span.start])] += 1
                self.lengths[min(span.end - span.start, LENGTHS)] += 1

    def _compare(self, gold: Span, found: Span) -> None:
        moved = found.start - gold.start, found.end - gold.end
        same_type = found.label == gold.label
        if moved != (0, 0):
            self.shifts[moved] += 1
            self.kinds[gold.label]["boundary" if same_type else "confused_boundary"] += 1
        elif not same_type:
            self.kinds[gold.label]["confused"] += 1
        if not same_type:
            self.confused[gold.label][found.label] += 1


def form(word: str) -> str:
    """The form of a word, as the error model tells them apart."""
    if word[0].isdigit():
        return "digit"
    return "other" if not word[0].isalpha() else "upper" if word[0].isupper() else "lower"


def _closeness(gold: Span, found: Span) -> tuple[bool, bool, int]:
    same_edges = (gold.start, gold.end) == (found.start, found.end)
    common = min(gold.end, found.end) - max(gold.start, found.start)
    return same_edges, gold.label == found.label, common


def _spans(tags: list[str]) -> tuple[Span, ...]:
    return tags_to_spans(tags, detect_scheme([tags]))


def count(path: Path, gold: str, labels: str) -> Counts:
    """Count every sentence of a file."""
    counts = Counts()
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            counts.add(row["tokens"], _spans(row[gold]), _spans(row[labels]))
    return counts


def write(counts: Counts, name: str, source: str, malformed: float) -> str:
    """The error model as TOML; `*` pools all types."""
    shifts = ", ".join(
        f"{{ start = {start}, end = {end}, weight = {seen} }}"
        for (start, end), seen in counts.shifts.most_common(SHIFTS)
    )
    lengths = ", ".join(str(counts.lengths[n]) for n in range(1, LENGTHS + 1))
    head = f"name = {json.dumps(name)}\nsource = {json.dumps(source)}\nmalformed = {malformed}\n"
    parts = [f"{head}shifts = [{shifts}]\nspurious_lengths = [{lengths}]\n"]
    for label, total in sorted(counts.gold.items()):
        parts.append(_table(counts, label, [label], total, counts.confused[label]))
    types = sorted(counts.gold)
    parts.append(_table(counts, '"*"', types, counts.gold.total(), Counter()))
    return "\n".join(parts)


def _table(counts: Counts, head: str, labels: list[str], total: int, confused: Counter[str]) -> str:
    rates = {kind: sum(counts.kinds[one][kind] for one in labels) / total for kind in KINDS}
    lines = [f"[types.{head}]  # {total} gold entities"]
    lines += [f"{kind} = {rate:.4f}" for kind, rate in rates.items()]
    if confused:
        weights = ", ".join(f"{other} = {seen}" for other, seen in confused.most_common())
        lines.append(f"confused_with = {{ {weights} }}")
    invented = {
        kind: sum(counts.spurious[one][kind] for one in labels)
        / (len(labels) * max(1, counts.outside[kind]))
        for kind in ("upper", "lower", "digit")
    }
    stated = ", ".join(f"{kind} = {rate:.5f}" for kind, rate in invented.items())
    lines.append(f"spurious = {{ {stated} }}")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the arguments, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", type=Path)
    parser.add_argument("--gold", default="conll")
    parser.add_argument("--labels", required=True)
    parser.add_argument("--malformed", type=float, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    counts = count(given.file, given.gold, given.labels)
    text = write(counts, given.name, given.source, given.malformed)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(text, encoding="utf-8")
    print(f"{given.out}: measured on {counts.gold.total()} gold entities")


if __name__ == "__main__":
    main()
