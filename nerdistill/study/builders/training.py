"""Stages that train and score a student."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from nerdistill.blend.curve import describe
from nerdistill.labels import iob2_tags
from nerdistill.study.builders.site import CORPUS
from nerdistill.study.phases import build_curve
from nerdistill.train.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nerdistill.blend.plan import PoolName
    from nerdistill.study.builders.site import Result, Site
    from nerdistill.train.fit import Job

POOLS: tuple[PoolName, ...] = ("original", "distilled")
MODEL = "model"
"""The folder of a trained student in its stage's folder."""


def build_encode(site: Site) -> Result:
    """Cut a labelled corpus into word pieces, as flat arrays that trainings map into memory."""
    from nerdistill.student.tagger import load_encoder
    from nerdistill.train.pool import prepare, save_pool

    sentences = list(site.read("corpus").sentences)
    encoder = load_encoder(site.stage.files["student"])
    pool = prepare(sentences, encoder, iob2_tags(site.types))
    save_pool(pool, site.folder)
    return {"sentences": len(sentences), "pieces": len(pool.pieces)}


def build_train(site: Site) -> Result:
    """Train one student on the batches that its curve and seed plan."""
    (result,) = build_cohort([site])
    return result


def build_cohort(sites: Sequence[Site]) -> list[Result]:
    """Train students of one shape side by side."""
    import torch

    from nerdistill.train.fit import fit

    jobs = [_job(site) for site in sites]
    more = f" and {len(sites) - 1} more" if len(sites) > 1 else ""
    title = f"{sites[0].stage.title}{more}"
    records = fit(jobs, progress=sites[0].progress, title=title)
    return [
        {
            "curve": describe(job.curve),
            "examples": record.shown,
            "useful_tokens": round(record.useful_tokens, 4),
            "losses": list(record.losses),
            "device": "cuda" if torch.cuda.is_available() else "cpu",
            "threads": torch.get_num_threads(),
            "students": record.students,
            "observations": [asdict(seen) for seen in record.observations],
            "versions": {"torch": torch.__version__},
        }
        for job, record in zip(jobs, records, strict=True)
    ]


def _job(site: Site) -> Job:
    from nerdistill.train.fit import Job
    from nerdistill.train.pool import EMPTY, load_pool
    from nerdistill.train.watch import UNWATCHED, load_watch

    params = site.stage.params
    pools = {
        name: load_pool(site.workspace.folder(site.stage.inputs[name]))
        if name in site.stage.inputs
        else EMPTY
        for name in POOLS
    }
    spec = cast("Mapping[str, object]", params["curve"])
    curve = build_curve(spec, original=len(pools["original"]), distilled=len(pools["distilled"]))
    watched = site.stage.inputs.get("watch")
    settings = {name: params[name] for name in Recipe.__dataclass_fields__}
    return Job(
        site.stage.files["student"],
        site.types,
        pools,
        curve,
        Recipe(**settings),  # type: ignore[arg-type] # checked by the study's configuration
        site.number("seed"),
        site.folder / MODEL,
        site.workspace.checkpoints(site.stage),
        UNWATCHED if watched is None else load_watch(site.workspace.folder(watched)),
        0 if watched is None else site.number("observations"),
    )


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
