"""A made-up study with every key that results may have: for pages, not for conclusions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, object]

SEEDS = (1, 2, 3)
BUDGETS = (100, 250, 500, 1000, 2500, 5000)
STUDY_BUDGET = 500
TYPES = ("PER", "ORG", "LOC", "MISC")
KINDS = ("missed", "spurious", "type", "boundary", "boundary_and_type")
FLAT = {"kind": "constant", "warp": 1.0}
CURVES: dict[str, Json] = {
    "original": {**FLAT, "share": 0.0, "mean_share": 0.0},
    "distilled": {**FLAT, "share": 1.0, "mean_share": 1.0},
    "mixed": {**FLAT, "share": 0.5, "mean_share": 0.5},
    "simple-mix": {"kind": "step", "at": 0.5, "first": 1.0, "then": 0.0}
    | {"warp": 1.0, "mean_share": 0.5},
    "original-then-distilled": {"kind": "step", "at": 0.5, "first": 0.0, "then": 1.0}
    | {"warp": 1.0, "mean_share": 0.5},
    "linear": {"kind": "linear", "warp": 1.0, "mean_share": 0.5},
}
WORTH = {
    "original": 0.0,
    "distilled": 1.5,
    "mixed": 4.1,
    "simple-mix": 4.9,
    "original-then-distilled": 2.2,
    "linear": 4.6,
}
"""Points of F1 beyond original data alone, at the study's budget."""


def everything(hostile: str = "") -> tuple[Json, list[Json]]:
    """Results with all keys and the rows of `errors.jsonl`.

    Args:
        hostile: text that is put into every name, title, label and sentence.
    """
    names = {name: f"{name}{hostile}" if name != "original" else name for name in CURVES}
    pool, types = f"news{hostile}", [f"{name}{hostile}" for name in TYPES]
    others = [names[name] for name in CURVES if name != "original"]
    results: Json = {
        "study": f"made-up{hostile}",
        "title": f"A made-up study of news{hostile}",
        "note": f"made up, not evidence{hostile}",
        "simulated": bool(hostile),
        "student": f"minilm{hostile}",
        "labels": types,
        "seeds": list(SEEDS),
        "steps": 400,
        "batch_size": 16,
        "learning_rate": 3e-4,
        "mean_share": 0.5,
        "versions": {"nerdistill": "0.1.0", "torch": "2.13.0"},
        "teacher": [teacher(f"news{hostile}", types, hostile)],
        "original": [original(budget) for budget in (250, STUDY_BUDGET)],
        "distilled": [
            {"name": pool, "source": "teacher", "sentences": 6025, "dropped_duplicates": 0}
            | {"near_duplicates": {"validation": 3, "test": 2}}
        ],
        "cells": [
            *(cell(name, names[name], pool, seed) for name in CURVES for seed in SEEDS),
            *(candidate(f"relabelled{hostile}", pool, seed) for seed in SEEDS),
        ],
        "missing_cells": 0,
        "winner": {"regimen": names["simple-mix"], "distilled": pool, "budget": STUDY_BUDGET}
        | {"validation_f1": 84.2, "test_f1": 80.9, "chosen_by": "validation", "trainings": 3},
        "evidence": evidence(names, pool),
        "labels_saved": labels_saved(names, pool),
        "order": {"comparisons": order(names, pool)},
        "methods": methods(names, pool, hostile),
        "selection": {"rows": selection(names, pool, hostile)},
        "teachers": teachers(names, hostile),
        "mechanism": {
            "rows": [
                mechanism(name, names[name], pool, budget)
                for budget in (250, STUDY_BUDGET)
                for name in CURVES
            ]
        },
        "errors": {"rows": [errors(name, names[name], pool, types) for name in CURVES]},
        "run": run(hostile),
    }
    groups = [(names["original"], None), *((name, pool) for name in others)]
    return results, [row for group in groups for row in examples(*group, types, hostile)]


def wave(*parts: object) -> float:
    """A number in [-1, 1] that is always the same for the same parts."""
    return math.sin(sum(ord(sign) * (at + 1) for at, sign in enumerate(repr(parts))))


def score(f1: float) -> Json:
    """Scores as an evaluation has them."""
    return {"precision": f1 + 0.4, "recall": f1 - 0.4, "f1": f1, "gold": 5648, "by_type": {}}


def cell(name: str, told: str, pool: str, seed: int) -> Json:
    """A training and its evaluations."""
    share = {"original": 0.0, "distilled": 1.0}.get(name, 0.5)
    f1 = 75.8 + WORTH[name] + 0.5 * wave(name, seed)
    phases = {"original": [1, 2], "distilled": [1, 2], "mixed": [1, 2], "linear": [3]}
    return {
        "phases": phases.get(name, [2, 3] if name == "simple-mix" else [2]),
        "regimen": told,
        "curve": CURVES[name],
        "schedule": "single",
        "teacher": "strong-llm",
        "distilled": pool if share else None,
        "budget": STUDY_BUDGET,
        "subset_seed": 1,
        "seed": seed,
        "validation": score(f1 + 3.3),
        "test": score(f1),
        "also": {"corrected": score(f1 + 0.7)},
        "examples": {"original": round(6400 * (1 - share)), "distilled": round(6400 * share)},
        "human_labels": {"train": 0 if name == "distilled" else 500, "validation": 3250},
        "steps": 400,
        "seconds": 81.2,
        "model": "stages/train-cef5549385c3e067f9aa/model",
    }


def candidate(told: str, pool: str, seed: int) -> Json:
    """A training of a method that validation did not choose: test never met it."""
    return {**cell("simple-mix", told, pool, seed), "phases": [5], "test": None}


def original(budget: int) -> Json:
    """A sample of human labels."""
    return {
        "budget": budget,
        "subset_seed": 1,
        "sentences": budget,
        "documents": budget // 2,
        "human_labels": {"train": budget, "validation": 3250},
        "left_in_pool": 5153 - budget,
        "shared_with_teacher": 2606,
        "dropped_duplicates": 0,
        "near_duplicates": {"validation": 35, "test": 15},
    }


def interval(value: float, reach: float) -> Json:
    """A value in the middle of its interval."""
    return {"value": value, "low": value - reach, "high": value + reach}


def teacher(corpus: str, types: Sequence[str], hostile: str) -> Json:
    """An audit as the annotate stage keeps it."""
    scores = {name: interval(95.0, 0.6) for name in ("precision", "recall", "f1")}
    outcomes = ("exact", "repaired", "ambiguous", "relabelled", "not_in_text", "overlap")
    counts = dict(zip(outcomes, (6661, 12, 3, 0, 6, 0), strict=True))
    confusion = {
        was: {to: 1900 if was == to else 10 + 7 * at for at, to in enumerate((*types, "O"))}
        for was in types
    } | {"O": dict.fromkeys(types, 17)}
    return {
        "corpus": corpus,
        "annotator": "replay",
        "model": f"strong-llm{hostile}",
        "simulated": bool(hostile),
        "sentences": 4019,
        "failed": 2,
        "outcomes": counts,
        "intervals": {"overall": scores, "by_type": dict.fromkeys(types, scores)},
        "errors": {"correct": 6386, **dict(zip(KINDS, (123, 67, 113, 78, 17), strict=True))},
        "confusion": confusion,
        "disagreements": [
            {"text": f"GMT{hostile}", "gold": types[3], "teacher": "O", "kind": "missed"}
            | {"count": 13},
            {"text": "Manchester United", "gold": types[1], "teacher": types[2], "kind": "type"}
            | {"count": 9},
        ],
        "precision": 95.9,
        "recall": 95.1,
        "f1": 95.5,
        "gold": 6717,
        "by_type": {},
    }


def evidence(names: dict[str, str], pool: str) -> Json:
    """Intervals and tests of the best against the others."""
    rows = [
        (told, None if name == "original" else pool, WORTH[name]) for name, told in names.items()
    ]
    best = {"regimen": names["simple-mix"], "distilled": pool}
    gains = {names[name]: WORTH["simple-mix"] - worth for name, worth in WORTH.items()}
    return {
        "unit": "documents",
        "units": 231,
        "level": 0.95,
        "regimens": [
            {"regimen": told, "distilled": where, "budget": STUDY_BUDGET, "trainings": 3}
            | {"f1": interval(75.8 + worth, 1.4), "standard_deviation": 0.4}
            for told, where, worth in rows
        ],
        "comparisons": [
            {"budget": STUDY_BUDGET, "best": best, "other": {"regimen": told, "distilled": where}}
            | {"ceiling": False, "difference": interval(gains[told], 0.9), "effect_size": 1.2}
            | {"p": 0.001 if gains[told] > 1 else 0.4, "p_holm": 0.004 if gains[told] > 1 else 0.8}
            | {"per_training": [], "trainings_needed": {"seeds": 14, "capped": False}}
            for told, where, _ in rows
            if told != best["regimen"]
        ],
    }


def bound(value: float | None, reach: float = 0, more_than: float | None = None) -> Json:
    """A number of labels with an interval."""
    low = None if value is None else value - reach
    high = None if value is None else value + 2 * reach
    return {"value": value, "low": low, "high": high, "at_most": False, "more_than": more_than}


def labels_saved(names: dict[str, str], pool: str) -> Json:
    """F1 over a ladder of budgets."""

    def row(budget: int, worth: float) -> Json:
        alone = 60.0 + 10.0 * math.log10(budget / 20)
        left = worth * (1.2 - 0.5 * math.log10(budget / 250))
        draws = [round(alone + left + 0.4 * wave(budget, worth, seed), 2) for seed in SEEDS]
        return {"budget": budget, "human_labels": budget, "f1": draws, "mean": sum(draws) / 3}

    regimens: list[Json] = []
    for name in ("simple-mix", "mixed", "linear"):
        for budget in BUDGETS[:5]:
            told = row(budget, WORTH[name])
            needed = 20 * 10 ** ((float(str(told["mean"])) - 60) / 10)
            far = needed > BUDGETS[-1]
            needs = bound(None, more_than=5000) if far else bound(needed, 0.1 * needed)
            left = 5000 - budget
            saves = bound(None, more_than=left) if far else bound(needed - budget, 0.1 * needed)
            regimens.append(
                {"regimen": names[name], "distilled": pool, **told}
                | {"needed": needs, "saved": saves}
            )
    return {
        "level": 0.95,
        "validation": "full",
        "reference": "original-tuned",
        "original": [
            row(budget, 0.0) | {"chosen": {"steps": 400, "learning_rate": 3e-4}}
            for budget in BUDGETS
        ],
        "regimens": regimens,
        "headline": regimens[2],
    }


def order(names: dict[str, str], pool: str) -> list[Json]:
    """Pairs that differ in one thing."""
    asked = [
        ("Does a restart help?", names["simple-mix"], f"{names['simple-mix']}-restart", 0.3, 0.9),
        ("Is it only more steps?", names["simple-mix"], "original", 4.9, 0.001),
        (
            "Does the order matter?",
            names["simple-mix"],
            names["original-then-distilled"],
            2.7,
            0.01,
        ),
    ]
    return [
        {"question": question, "budget": STUDY_BUDGET}
        | {"a": {"regimen": a, "distilled": pool}, "b": {"regimen": b, "distilled": pool}}
        | {"difference": interval(value, 0.8), "p": p / 3, "p_holm": p, "effect_size": value}
        | {"per_training": []}
        for question, a, b, value, p in asked
    ]


def methods(names: dict[str, str], pool: str, hostile: str) -> Json:
    """Two candidates, of which one is chosen."""
    found = {f"agreed{hostile}": True, f"relabelled{hostile}": False, names["simple-mix"]: False}
    return {
        "rows": [
            {"regimen": regimen, "distilled": pool, "budget": STUDY_BUDGET, "trainings": 3}
            | {"validation_f1": 85.1 - at, "standard_deviation": 0.3, "chosen": chosen}
            | {"asked": 0, "students": 5 - at, "seconds": 250.0 - 60 * at}
            for at, (regimen, chosen) in enumerate(found.items())
        ],
        "comparisons": [
            {"budget": STUDY_BUDGET, "a": {"regimen": f"agreed{hostile}", "distilled": pool}}
            | {"b": {"regimen": names["simple-mix"], "distilled": pool}, "p": 0.02, "p_holm": 0.02}
            | {"difference": interval(1.6, 0.9), "effect_size": 1.9, "per_training": []}
        ],
    }


def selection(names: dict[str, str], pool: str, hostile: str) -> list[Json]:
    """Two ways to select, of which one gains nothing, and the whole pool."""
    found = {names["simple-mix"]: (120_000, 6.0), f"random{hostile}": (29_998, 2.5)}
    return [
        {"regimen": regimen, "distilled": pool, "budget": STUDY_BUDGET, "trainings": 3}
        | {"words": words, "of_words": 120_000, "sentences": words // 20, "of_sentences": 6_000}
        | {"tokens": None, "of_tokens": None, "tokens_per_point": None}
        | {"validation_f1": 79.0 + gain, "gain": gain}
        | {"standard_deviation": 0.4, "words_per_point": round(words / gain) if gain > 0 else None}
        for regimen, (words, gain) in {**found, f"diverse{hostile}": (30_000, -0.3)}.items()
    ]


def teachers(names: dict[str, str], hostile: str) -> Json:
    """Six teachers at two budgets."""
    quality = {"llm": 55.4, "distant": 70.8, "weak": 75.1, "crowd": 85.9, "aggregated": 93.2}
    gain = {"simple-mix": 0.18, "mixed": 0.24}
    return {
        "rows": [
            {"teacher": f"{name}{hostile}", "teacher_f1": f1, "budget": budget}
            | {"regimen": names[regimen], "p": 0.03}
            | {"gain": interval((f1 - 68) * gain[regimen] * 500 / (budget + 200), 1.2)}
            for budget in (250, STUDY_BUDGET)
            for regimen in gain
            for name, f1 in quality.items()
        ],
        "break_even": [
            {"budget": budget, "regimen": names[regimen], "teacher_f1": 68.0}
            | {"at_most": None, "more_than": None, "interval": {"low": 63.0, "high": 72.0}}
            for budget in (250, STUDY_BUDGET)
            for regimen in gain
        ],
    }


def mechanism(name: str, told: str, pool: str, budget: int) -> Json:
    """Observations of a regimen's students."""
    steps = [0, 50, 100, 150, 200, 250, 300, 350, 400]
    share = {"original": 0.0, "distilled": 1.0, "mixed": 0.5, "linear": 0.5}.get(name)

    def seen(at: int, late: bool) -> float:
        done = at / 400
        if share is not None:
            return share * done
        first = name == "simple-mix"
        return min(done, 0.5) if first != late else max(0.0, done - 0.5)

    def fates(shift: float) -> Json:
        repeats = [0.1 + 0.5 * seen(at, late=False) + shift for at in steps]
        gold = [0.1 + 0.3 * at / 400 - shift for at in steps]
        rest = [1 - a - b for a, b in zip(repeats, gold, strict=True)]
        return {"places": 96, "repeats": repeats, "gold": gold, "other": rest}

    cosine: list[float | None] = [
        None,
        *(0.5 - 1.1 * at / 400 + 0.1 * wave(name, at) for at in steps[1:]),
    ]
    return {
        "regimen": told,
        "distilled": None if name == "original" else pool,
        "budget": budget,
        "trainings": 3,
        "steps": steps,
        "loss_original": [0.15 + 1.9 * math.exp(-at / 60) + 0.05 * wave(name) for at in steps],
        "loss_distilled": [
            0.2 + 1.8 * math.exp(-at / 70) + 0.3 * seen(400 - at, late=True) for at in steps
        ],
        "cosine": cosine,
        "memory": {} if name == "original" else {"all": fates(0.0), "missed": fates(0.04)},
    }


def errors(name: str, told: str, pool: str, types: Sequence[str]) -> Json:
    """Counts of a regimen's errors."""
    kinds = {kind: 100 + 40 * (at + wave(name, kind)) for at, kind in enumerate(KINDS)}
    shares = {"original": (900, 0.93), "distilled": (2100, 0.88), "unseen": (2600, 0.7)}
    return {
        "regimen": told,
        "distilled": None if name == "original" else pool,
        "budget": STUDY_BUDGET,
        "trainings": 3,
        "kinds": {"correct": 4500.0, **kinds},
        "by_type": {one: {"correct": 1100.0, **kinds} for one in types},
        "by_seen": {
            where: {"gold": gold, "correct": gold * share}
            for where, (gold, share) in shares.items()
        },
        "confusion": {one: {**dict.fromkeys((*types, "O"), 31.0), one: 1100.0} for one in types}
        | {"O": dict.fromkeys(types, 44.0)},
    }


def examples(regimen: str, pool: str | None, types: Sequence[str], hostile: str) -> list[Json]:
    """Rows of `errors.jsonl`: some of each kind and type."""
    tokens = ["The", "European", "Commission", "met", "in", "Brussels", f"on{hostile}", "Friday"]
    gold = [[1, 3, types[1]], [5, 6, types[2]]]
    found: list[Json] = []
    for number in range(4 * len(KINDS)):
        kind, label = KINDS[number % len(KINDS)], types[number // len(KINDS)]
        span = [5, 6] if kind in {"type", "missed"} else [1, 3]
        predicted: dict[str, list[object]] = {
            "missed": [gold[0]],
            "spurious": [*gold, [7, 8, label]],
            "type": [gold[0], [5, 6, types[0]]],
            "boundary": [[2, 3, types[1]], gold[1]],
            "boundary_and_type": [[2, 3, types[2]], gold[1]],
        }
        spurious = kind == "spurious"
        expected = {"missed": types[2], "type": types[2], "spurious": None}.get(kind, types[1])
        became = {"missed": None, "type": types[0], "boundary": types[1], "spurious": label}
        found.append(
            {"regimen": regimen, "distilled": pool, "budget": STUDY_BUDGET, "seed": 1}
            | {"kind": kind, "type": label, "seen": ("original", "distilled", "unseen")[number % 3]}
            | {"sentence": f"news-{number}", "tokens": [*tokens, str(number)], "joiner": " "}
            | {"gold": gold, "predicted": predicted[kind], "span": [7, 8] if spurious else span}
            | {"expected": expected, "found": became.get(kind, types[2])}
            | {"text": "Friday" if spurious else " ".join(tokens[span[0] : span[1]])}
        )
    return found


def run(hostile: str) -> Json:
    """What was run on which machine."""
    return {
        "command": f"nerdistill study run made-up.toml --set 'seeds=[1,2,3]'{hostile}",
        "versions": {"nerdistill": "0.1.0", "torch": "2.13.0", "transformers": "5.19.0"},
        "machine": {"cores": 2, "memory": "16 GB", "gpus": [], "python": "3.11.7"},
        "digests": {"student": "sha256:0f3c", f"news{hostile}": "sha256:9ab1"},
        "started": "2025-11-27T05:40:00+00:00",
        "ended": "2025-11-27T06:05:00+00:00",
        "stages": 71,
        "seconds": 1512.4,
    }
