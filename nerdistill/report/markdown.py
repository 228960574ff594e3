"""The report of a study as one Markdown page with its figures beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nerdistill.files import write_whole
from nerdistill.report.answers import (
    ALPHA,
    break_even_lines,
    method_lines,
    methods_table,
    order_table,
    reference_table,
    saved_sentence,
    saved_table,
    teachers_table,
)
from nerdistill.report.error_tables import error_tables
from nerdistill.report.figures import curves_svg, f1_svg
from nerdistill.report.mechanism_table import mechanism_section
from nerdistill.report.tables import SIMULATED, evidence_table, markdown_table, plain, tables

if TYPE_CHECKING:
    from pathlib import Path

    from nerdistill.report.tables import Json

METHOD = """
- Every cell had the same number of optimizer steps and the same batch size; the column
  “shown o+d” says how many original and distilled examples it really saw. The curves of phase 3,
  the shuffled mix and Simple Mix have one mean distilled share, unless their name says otherwise.
- Original sentences are drawn with a seed and share no document and no sentence text with what
  the teacher labelled. Near-duplicates of held-out sentences are counted above.
- Each student is scored at its last step. The winner has the best mean F1 on validation; test
  chose nothing.
- Scores are entity-level and strict (edges and type), IOB2, by seqeval. Sentences longer than the
  encoder are read in overlapping windows, so that every gold entity is scored.
- Sentences for which the teacher gave no usable reply are left out of the distilled data; they are
  not taken for sentences without entities.
"""
SAVED = (
    "How many human-labelled sentences original data alone, at the steps and the rate that "
    "validation chooses at each budget, would need for a regimen's test F1: read off a curve that "
    "never falls, in the logarithm of the budget, with an interval over samples and seeds. A "
    "budget pays for every human label: to train, to choose where validation is capped, and to "
    "show the teacher."
)
ORDER = (
    "Each row is the first regimen less the second, which differ in one thing. p is corrected "
    "after Holm for all rows."
)
METHODS = (
    "Of many methods that are scored on test, the best looks better than it is. So all are scored "
    "on validation, and at each budget only the one that validation chooses meets test."
)
TEACHERS = (
    "The same study with the labels of several teachers of the same sentences. The gain is over "
    "original data alone, in points of test F1."
)
ERRORS = """
Counts are means of a training. An entity with the right edges and another type is a “type” error,
one of the right type that overlaps gold a “boundary” error, one that only overlaps “both”. Training
showed an entity where its data hold one with the same characters, of whatever type: in original
data, else in distilled data. `errors.jsonl` beside this page holds examples, `results.json` the
counts by type and the types that were confused.
"""


def write_report(results: Json, folder: Path) -> Path:
    """Write `report.md`, `curves.svg` and `f1.svg` into a folder; the page's path.

    Raises:
        OSError: the folder is not writable, or the disk is full.
    """
    if results["cells"]:
        write_whole(folder / "curves.svg", curves_svg(results))
        write_whole(folder / "f1.svg", f1_svg(results))
    path = folder / "report.md"
    write_whole(path, report(results))
    return path


def report(results: Json) -> str:
    """The page as Markdown text."""
    parts = [f"# {plain(str(results['title']))}", *_banners(results), _headline(results)]
    data = tables(results)
    if results["teacher"]:
        parts += ["## The teacher", markdown_table(data[0]), _outcomes(results)]
    for table in data[1 if results["teacher"] else 0 :]:
        head = table.title.split(" · ")
        parts += [f"## {head[0]}: {head[1]}", markdown_table(table)]
    if results["cells"]:
        parts += ["Bold: best by validation F1.", "## Figures"]
        parts += ["![Blending curves](curves.svg)", "![F1 by regimen](f1.svg)"]
    parts += _sureness(results)
    parts += _answers(results)
    parts += mechanism_section(results)
    parts += _errors(results)
    parts += [
        "## Human labels",
        _human_labels(results),
        "## Method",
        METHOD.strip(),
    ]
    parts += ["## Settings", _settings(results)]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"


def _banners(results: Json) -> list[str]:
    banners = [f"> **{SIMULATED}.** Use it to plan, not to decide."] if results["simulated"] else []
    if results["note"]:
        banners.append(f"> {plain(str(results['note']))}")
    if "bert-base" not in str(results["student"]):
        banners.append(
            f"> The student is {plain(str(results['student']))}, not the bert-base-cased of "
            "arXiv 2402.09282: these numbers show directions and reproduce nothing."
        )
    if results["missing_cells"]:
        banners.append(
            f"> {results['missing_cells']} cells are not finished: run the study again to add them."
        )
    return banners


def _headline(results: Json) -> str:
    winner = cast("Json | None", results["winner"])
    if winner is None:
        return "No training is finished yet."
    pool = f" with {plain(str(winner['distilled']))}" if winner["distilled"] else ""
    count = cast("int", winner["trainings"])
    seeds = "one training, so chance is not ruled out" if count == 1 else f"mean of {count}"
    saved = saved_sentence(results)
    first = f"**{plain(saved)}**\n\n" if saved else ""
    return (
        f"{first}Best on validation: **{plain(str(winner['regimen']))}**{pool}, "
        f"from {winner['budget']} original sentences: validation F1 {winner['validation_f1']:.1f}, "
        f"test F1 {winner['test_f1']:.1f} ({seeds})."
    )


def _sureness(results: Json) -> list[str]:
    """What the trainings of several seeds show."""
    evidence = cast("Json | None", results.get("evidence"))
    if evidence is None:
        return []
    comparisons = cast("list[Json]", evidence["comparisons"])
    lines = [_verdict(row, len(comparisons)) for row in comparisons]
    how = (
        f"Intervals cover {100 * cast('float', evidence['level']):g} % and are of the mean test "
        f"F1 over other seeds and other texts: seeds and the {evidence['units']:,} "
        f"{evidence['unit']} of the test corpus are resampled, paired. p is two-sided, and "
        "corrected after Holm for all comparisons below. The best was chosen on validation."
    )
    return ["## How sure that is", how, markdown_table(evidence_table(results)), "\n".join(lines)]


def _errors(results: Json) -> list[str]:
    """What became of the entities of test."""
    found = error_tables(results)
    return ["## Errors", ERRORS.strip(), *map(markdown_table, found)] if found else []


def _verdict(row: Json, family: int) -> str:
    """One comparison in words: a regimen is called better only where the test says so."""
    best, other = (_name(cast("Json", row[side])) for side in ("best", "other"))
    difference = cast("dict[str, float]", row["difference"])
    p = cast("float | None", row["p_holm"])
    told = f"difference {difference['value']:+.1f} points [{difference['low']:+.1f}, "
    told += f"{difference['high']:+.1f}], p {'-' if p is None else f'{p:.3f}'} of {family}"
    if p is not None and p < ALPHA:
        verb = "better" if difference["value"] > 0 else "worse"
        end = f"**{verb}**"
    else:
        end = f"no difference shown{_needed(row)}"
    ceiling = " (a ceiling: it asks for labels that nobody has)" if row["ceiling"] else ""
    return f"- Budget {row['budget']}: {best} against {other}{ceiling}: {told}: {end}."


def _needed(row: Json) -> str:
    needed = cast("Json | None", row["trainings_needed"])
    if needed is None:
        return ""
    more = "more than " if needed["capped"] else "about "
    return f"; {more}{needed['seeds']} seeds would show one of this size"


def _name(side: Json) -> str:
    pool = f" ({plain(str(side['distilled']))})" if side["distilled"] else ""
    return f"{plain(str(side['regimen']))}{pool}"


def _answers(results: Json) -> list[str]:
    """Labels saved, what the order does, and teacher quality, where the study asks."""
    parts: list[str] = []
    if results.get("labels_saved"):
        parts += ["## Labels saved", SAVED, markdown_table(reference_table(results))]
        parts.append(markdown_table(saved_table(results)))
    if results.get("order"):
        parts += ["## What the order does", ORDER, markdown_table(order_table(results))]
    if results.get("methods"):
        lines = "\n".join(f"- {plain(line)}" for line in method_lines(results))
        parts += ["## Other uses of distilled labels", METHODS]
        parts += [markdown_table(methods_table(results)), lines]
    if results.get("teachers"):
        lines = "\n".join(f"- {plain(line)}" for line in break_even_lines(results))
        parts += ["## Teacher quality", TEACHERS, markdown_table(teachers_table(results)), lines]
    return parts


def _outcomes(results: Json) -> str:
    lines = ["What became of every mention that the teacher returned:", ""]
    for row in cast("list[Json]", results["teacher"]):
        outcomes = cast("dict[str, int]", row["outcomes"])
        total = max(1, sum(outcomes.values()))
        told = ", ".join(
            f"{name.replace('_', ' ')} {count:,} ({100 * count / total:.1f} %)"
            for name, count in outcomes.items()
        )
        failed = f"{row['failed']} sentences without a usable reply"
        lines.append(f"- {plain(str(row['corpus']))}: {told}; {failed}.")
    return "\n".join(lines)


def _human_labels(results: Json) -> str:
    lines = []
    for row in cast("list[Json]", results["original"]):
        labels = cast("dict[str, int]", row["human_labels"])
        lines.append(
            f"- Budget {row['budget']} (subset {row['subset_seed']}): {labels['train']} sentences "
            f"for training and {labels['validation']} for validation; "
            f"{row['left_in_pool']:,} left in the pool, {row['shared_with_teacher']:,} kept out "
            f"because a corpus that must stay apart holds their document or text; "
            f"{_duplicates(row)}."
        )
    lines += [
        f"- Distilled pool {plain(str(row['name']))}: {row['sentences']:,} sentences, "
        f"{row.get('heldout', 0)} more kept back to watch training, {_duplicates(row)}."
        for row in cast("list[Json]", results["distilled"])
    ]
    return "\n".join(lines)


def _duplicates(row: Json) -> str:
    near = cast("dict[str, int]", row["near_duplicates"])
    told = ", ".join(f"{count} of {name}" for name, count in near.items())
    return f"near-duplicates: {told or 'none looked for'}; {row['dropped_duplicates']} dropped"


def _settings(results: Json) -> str:
    names = ("study", "student", "labels", "seeds", "steps", "batch_size", "learning_rate")
    lines = [f"- {name.replace('_', ' ')}: {plain(str(results[name]))}" for name in names]
    versions = cast("dict[str, str]", results["versions"])
    lines.append(f"- versions: {', '.join(f'{name} {v}' for name, v in versions.items())}")
    lines.append("- every number above stands in `results.json` beside this page")
    return "\n".join(lines)
