"""Stages that train and score a student."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nerdistill.blend.curve import describe
from nerdistill.study.builders.site import CORPUS
from nerdistill.study.phases import build_curve
from nerdistill.train.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nerdistill.study.builders.site import Result, Site
    from nerdistill.types import Sentence

MODEL = "model"
"""The folder of a trained student in its stage's folder."""


def build_train(site: Site) -> Result:
    """Train one student on the batches that its curve and seed plan."""
    import torch

    from nerdistill.train.fit import Job, encode_pools, fit

    params = site.stage.params
    pools: dict[str, tuple[Sentence, ...]] = {
        role: tuple(site.read(role).sentences) for role in site.stage.inputs
    }
    original, distilled = pools.get("original", ()), pools.get("distilled", ())
    spec = cast("Mapping[str, object]", params["curve"])
    curve = build_curve(spec, original=len(original), distilled=len(distilled))
    settings = {name: params[name] for name in Recipe.__dataclass_fields__}
    student = site.stage.files["student"]
    job = Job(
        student,
        site.types,
        encode_pools(student, site.types, original=original, distilled=distilled),
        curve,
        Recipe(**settings),  # type: ignore[arg-type] # checked by the study's configuration
        site.number("seed"),
        site.folder / MODEL,
        site.workspace.checkpoints(site.stage),
    )
    (record,) = fit([job], progress=site.progress, title=site.stage.title)
    return {
        "curve": describe(curve),
        "examples": record.shown,
        "useful_tokens": round(record.useful_tokens, 4),
        "losses": list(record.losses),
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
        "students": record.students,
        "versions": {"torch": torch.__version__},
    }


def build_evaluate(site: Site) -> Result:
    """Score one student at its last step, and keep its predictions."""
    from nerdistill.corpus.formats import write_corpus
    from nerdistill.evaluate.predict import relabel
    from nerdistill.evaluate.scoring import evaluate_model
    from nerdistill.student.tagger import load_tagger

    held_out = "validation.jsonl" if site.stage.inputs["corpus"].kind == "sample" else CORPUS
    corpus = site.read("corpus", held_out)
    tagger = load_tagger(site.workspace.folder(site.stage.inputs["model"]) / MODEL)
    score, tags = evaluate_model(tagger, corpus, progress=site.progress, title=site.stage.title)
    write_corpus(relabel(corpus, tags), site.folder / "predictions.jsonl", format="jsonl")
    return dict(score.to_json())
