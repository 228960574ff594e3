"""The card of a study's best model, in the form that the Hugging Face hub reads.

Names and labels come from files that anybody may have written: what could be Markdown or HTML in
them is written as entities, and the front matter holds no text of theirs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from nerdistill.errors import printable
from nerdistill.report.tables import SIMULATED, groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nerdistill.report.tables import Json

TAGS = ("token-classification", "named-entity-recognition", "nerdistill")
USE = """\
```python
from transformers import AutoModelForTokenClassification, AutoTokenizer

model = AutoModelForTokenClassification.from_pretrained("winner")
tokenizer = AutoTokenizer.from_pretrained("winner")
```

or `nerdistill predict winner letters.txt --out found.jsonl`, which also reads sentences that are
longer than the encoder, in overlapping windows."""
LIMITS = """\
- It knows the entity types above and the kinds of text it was trained on. On others it was not
  measured: score it on labels of your own first (`nerdistill evaluate winner labels.conll`).
- Scores are entity-level and strict: edges and type must be right.
- Of several trainings the best on validation was taken, so its own validation F1 is a little
  flattering. The mean over trainings says what the regimen gives.
- Weights and vocabulary may tell of the texts they were trained on: whoever may not see those
  should not be given the model. No licence is granted here; that of the student and the rights in
  the texts decide."""


def model_card(results: Json, cell: Json) -> str:
    """The card as Markdown.

    Args:
        results: of the study.
        cell: the training whose model it is.
    """
    parts = [
        *_front(results),
        f"# {_text(results['title'])}",
        *_banners(results),
        _about(results, cell),
        "## Labels",
        "\n".join(f"- {_text(name)}" for name in cast("list[str]", results["labels"])),
        "## Use",
        "It finds entities of these types in text like that of its training.",
        USE,
        "## Training data",
        _lines(_data(results, cell)),
        "## Scores",
        *_scores(results, cell),
        "## How it was chosen",
        _choice(results, cell),
        "## Limits",
        LIMITS,
        "## How to make it again",
        *_origin(results, cell),
    ]
    return "\n\n".join(parts) + "\n"


def _front(results: Json) -> Iterator[str]:
    tags = (*TAGS, *(["simulated-teacher"] if results["simulated"] else []))
    listed = "\n".join(f"- {tag}" for tag in tags)
    yield (
        "---\nlibrary_name: transformers\npipeline_tag: token-classification\nlicense: other\n"
        f"tags:\n{listed}\n---"
    )


def _banners(results: Json) -> Iterator[str]:
    if results["simulated"]:
        yield f"> **{SIMULATED}.** This model serves to plan a study, and for nothing else."
    if results["note"]:
        yield f"> Note: {_text(results['note'])}"


def _about(results: Json, cell: Json) -> str:
    return (
        f"A tagger for named entities: {_text(results['student'])}, trained by nerdistill in the "
        f"study {_text(results['study'])} by the regimen **{_text(cell['regimen'])}**, with seed "
        f"{cell['seed']} on {cell['budget']} original sentences (sample {cell['subset_seed']})."
    )


def _data(results: Json, cell: Json) -> Iterator[str]:
    labels, shown = cast("Json", cell["human_labels"]), cast("Json", cell["examples"])
    yield f"human labels: {labels['train']} sentences to train on, {labels['validation']} to choose"
    pools = cast("list[Json]", results["distilled"])
    for pool in (one for one in pools if one["name"] == cell["distilled"]):
        source = "gold labels" if pool["source"] == "gold" else "labels of the teacher"
        yield f"distilled: {pool['sentences']} sentences of {_text(pool['name'])}, {source}"
    if cell["distilled"]:
        rows = cast("list[Json]", results["teacher"])
        for row in (one for one in rows if one["model"] == cell["teacher"]):
            yield f"teacher of {_text(row['corpus'])}: {_teacher(row)}"
    yield (
        f"really shown: {shown['original']} original and {shown['distilled']} distilled examples, "
        f"in {cell['steps']} steps of {results['batch_size']} at a learning rate of "
        f"{cell.get('learning_rate', results['learning_rate'])}"
    )
    curve = ", ".join(
        f"{_text(name)} {_text(value)}" for name, value in cast("Json", cell["curve"]).items()
    )
    yield f"share of distilled data over training: {curve} (schedule {_text(cell['schedule'])})"


def _teacher(row: Json) -> str:
    f1 = row["f1"]
    scored = f"F1 {f1:.1f} against gold" if isinstance(f1, float) else "not scored: no gold"
    return f"{_text(row['model'])} ({_text(row['annotator'])}), {scored}"


def _scores(results: Json, cell: Json) -> Iterator[str]:
    test = cast("Json", cell["test"])
    by_type = cast("dict[str, Json]", test["by_type"])
    also = cast("dict[str, Json]", cell.get("also") or {})
    scored = {
        "validation, all": cast("Json", cell["validation"]),
        "test, all": test,
        **{f"test, {name}": row for name, row in by_type.items()},
        **{f"{name}, all": row for name, row in also.items()},
    }
    lines = ["| of this model | P | R | F1 | entities |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {_text(name)} | {_numbers(row)} |" for name, row in scored.items()]
    yield "\n".join(lines)
    yield _sureness(results, cell)


def _numbers(row: Json) -> str:
    scores = (f"{cast('float', row[name]):.1f}" for name in ("precision", "recall", "f1"))
    return " | ".join([*scores, str(row["gold"])])


def _sureness(results: Json, cell: Json) -> str:
    evidence = cast("Json", results.get("evidence") or {})
    names = ("regimen", "distilled", "budget")
    for row in cast("list[Json]", evidence.get("regimens", [])):
        if all(row[name] == cell[name] for name in names):
            f1 = cast("dict[str, float]", row["f1"])
            return (
                f"Mean test F1 of the regimen's {row['trainings']} trainings: {f1['value']:.1f}, "
                f"{100 * cast('float', evidence['level']):g} % interval {f1['low']:.1f} to "
                f"{f1['high']:.1f}, over other seeds and other texts."
            )
    return "There is no interval: the regimen was trained once, or the test texts are too few."


def _choice(results: Json, cell: Json) -> str:
    winner, budget = cast("Json", results["winner"]), cell["budget"]
    rivals = (group for group in groups(results) if group.cells[0].get("rival", True))
    others = sum(group.budget == budget for group in rivals)
    missing = results["missing_cells"]
    told = (
        f"Of {others} regimens and pools at {budget} original sentences this one has the best mean "
        f"validation F1, {winner['validation_f1']:.1f} over {winner['trainings']} trainings; of "
        "these, this one has the best. Test chose nothing."
    )
    return f"{told} {missing} trainings of the study were not finished." if missing else told


def _origin(results: Json, cell: Json) -> Iterator[str]:
    run = cast("Json", results.get("run") or {})
    if command := printable(str(run.get("command", ""))):
        # Longer than any fence inside.
        fence = "`" * max([3, *(len(ticks) + 1 for ticks in re.findall("`+", command))])
        yield f"{fence}bash\n{command}\n{fence}"
    made = str(cell["model"]).split("/")[-2]
    yield _lines(
        [
            f"model: {_text(made)}, named by the digest of all that it depends on",
            *_facts("versions", run.get("versions") or results["versions"]),
            *_facts("machine", run.get("machine")),
            *(f"sha256 of {fact}" for fact in _told(run.get("digests"))),
        ]
    )


def _facts(head: str, facts: object) -> Iterator[str]:
    if isinstance(facts, dict) and facts:
        yield f"{head}: {'; '.join(_told(facts))}"


def _told(facts: object) -> Sequence[str]:
    found = facts if isinstance(facts, dict) else {}
    return [f"{_text(name)}: {_text(value)}" for name, value in found.items()]


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _text(value: object) -> str:
    """Text on one line, of which nothing is Markdown, HTML or a link."""
    words = " ".join(printable(str(value)).split())
    return "".join(c if c.isalnum() or c in " .,;-/+%=" else f"&#{ord(c)};" for c in words)
