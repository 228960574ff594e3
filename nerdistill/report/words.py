"""What a report says in sentences, for every form that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nerdistill.report.answers import saved_sentence, side, verdict
from nerdistill.report.tables import SIMULATED, Strong, Words

if TYPE_CHECKING:
    from nerdistill.report.tables import Json


def banners(results: Json) -> list[Words]:
    """What a reader has to know before any number."""
    found: list[Words] = []
    if results["simulated"]:
        found.append((Strong(f"{SIMULATED}."), " Use it to plan, not to decide."))
    if results["note"]:
        found.append((str(results["note"]),))
    if "bert-base" not in str(results["student"]):
        told = (
            f"The student is {results['student']}, not the bert-base-cased of arXiv 2402.09282: "
            "these numbers show directions and reproduce nothing."
        )
        found.append((told,))
    if results["missing_cells"]:
        told = f"{results['missing_cells']} cells are not finished: run the study again to add them"
        found.append((f"{told}.",))
    return found


def headline(results: Json) -> list[Words]:
    """The study's answer: labels saved where that is known, the winner, and how sure it is."""
    winner = cast("Json | None", results["winner"])
    if winner is None:
        return [("No training is finished yet.",)]
    saved = saved_sentence(results)
    pool = f" with {winner['distilled']}" if winner["distilled"] else ""
    scores = (
        f"{pool}, from {winner['budget']} original sentences: validation F1 "
        f"{winner['validation_f1']:.1f}, test F1 {winner['test_f1']:.1f} ({trained(winner)})."
    )
    best: Words = ("Best on validation: ", Strong(str(winner["regimen"])), scores)
    return [*([(Strong(saved),)] if saved else []), best, *_lead(results, winner)]


def trained(winner: Json) -> str:
    """How many trainings the winner's numbers rest on."""
    count = cast("int", winner["trainings"])
    return "one training, so chance is not ruled out" if count == 1 else f"mean of {count}"


def _lead(results: Json, winner: Json) -> list[Words]:
    """How many of the others the winner beats, as the tests of its budget say."""
    rows = [
        row
        for row in comparisons(results)
        if row["budget"] == winner["budget"]
        and _same(cast("Json", row["best"]), winner)
        and not row["ceiling"]
    ]
    if not rows:
        return []
    better = sum(verdict(row) == "better" for row in rows)
    worse = sum(verdict(row) == "worse" for row in rows)
    alike = len(rows) - better - worse
    if better == len(rows):
        return [("On test it is better than every other regimen.",)]
    if alike == len(rows):
        return [("On test no difference to any other regimen is shown.",)]
    counts = {"better than": better, "worse than": worse, "no difference shown to": alike}
    told = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    return [(f"On test, of {len(rows)} other regimens: {told}.",)]


def _same(named: Json, winner: Json) -> bool:
    return all(named[name] == winner[name] for name in ("regimen", "distilled"))


def comparisons(results: Json) -> list[Json]:
    """The best of each budget against the others; none where nothing was trained twice."""
    evidence = cast("Json | None", results.get("evidence"))
    return cast("list[Json]", evidence["comparisons"]) if evidence else []


def how_sure(evidence: Json) -> str:
    """How the intervals and the tests were made."""
    return (
        f"Intervals cover {100 * cast('float', evidence['level']):g} % and are of the mean test "
        f"F1 over other seeds and other texts: seeds and the {evidence['units']:,} "
        f"{evidence['unit']} of the test corpus are resampled, paired. p is two-sided, and "
        "corrected after Holm for all comparisons of a budget. The best was chosen on validation."
    )


def judged(row: Json) -> Words:
    """One comparison in words: a regimen is called better only where the test says so."""
    best, other = (side(cast("Json", row[name])) for name in ("best", "other"))
    difference = cast("dict[str, float]", row["difference"])
    p = cast("float | None", row["p_holm"])
    ceiling = " (a ceiling: it asks for labels that nobody has)" if row["ceiling"] else ""
    told = (
        f"Budget {row['budget']}: {best} against {other}{ceiling}: difference "
        f"{difference['value']:+.1f} points [{difference['low']:+.1f}, {difference['high']:+.1f}], "
        f"p {'-' if p is None else f'{p:.3f}'}{_family(row)}: "
    )
    found = verdict(row)
    if found:
        return (told, Strong(found), ".")
    return (f"{told}no difference shown{_needed(row)}.",)


def _family(row: Json) -> str:
    """How many comparisons the correction is for, where the results tell."""
    return f" of {row['family']}" if row.get("family") else ""


def _needed(row: Json) -> str:
    needed = cast("Json | None", row["trainings_needed"])
    if needed is None:
        return ""
    trained = len(cast("list[float]", row.get("per_training") or []))
    if not needed["capped"] and cast("int", needed["seeds"]) <= trained:
        return "; by their seeds alone these would do: the texts leave it open"
    more = "more than " if needed["capped"] else "about "
    return f"; {more}{needed['seeds']} seeds would show one of this size"


def outcomes(row: Json) -> str:
    """What became of every mention that a teacher returned on one corpus."""
    counts = cast("dict[str, int]", row["outcomes"])
    total = max(1, sum(counts.values()))
    told = ", ".join(
        f"{name.replace('_', ' ')} {count:,} ({100 * count / total:.1f} %)"
        for name, count in counts.items()
    )
    return f"{row['corpus']}: {told}; {row['failed']} sentences without a usable reply."


def human_labels(results: Json) -> list[str]:
    """What each budget and each pool hold, and what was kept out."""
    told = []
    for row in cast("list[Json]", results["original"]):
        labels = cast("dict[str, int]", row["human_labels"])
        told.append(
            f"Budget {row['budget']} (subset {row['subset_seed']}): {labels['train']} sentences "
            f"for training and {labels['validation']} for validation; "
            f"{row['left_in_pool']:,} left in the pool, {row['shared_with_teacher']:,} kept out "
            f"because a corpus that must stay apart holds their document or text; "
            f"{_duplicates(row)}."
        )
    return told + [
        f"Distilled pool {row['name']}: {row['sentences']:,} sentences, "
        f"{row.get('heldout', 0)} more kept back to watch training, {_duplicates(row)}."
        for row in cast("list[Json]", results["distilled"])
    ]


def _duplicates(row: Json) -> str:
    near = cast("dict[str, int]", row["near_duplicates"])
    told = ", ".join(f"{count} of {name}" for name, count in near.items())
    return f"near-duplicates: {told or 'none looked for'}; {row['dropped_duplicates']} dropped"


def listed(value: object) -> str:
    """A plain value in words."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {inner}" for name, inner in value.items()) or "none"
    return str(value)


def settings(results: Json) -> dict[str, str]:
    """What every cell of the study was trained with, and by which versions."""
    names = ("study", "student", "labels", "seeds", "steps", "batch_size", "learning_rate")
    versions = cast("dict[str, str]", results["versions"])
    return {
        **{name.replace("_", " "): listed(results[name]) for name in names},
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
