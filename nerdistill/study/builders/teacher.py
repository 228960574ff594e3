"""The stage in which the teacher labels a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.annotate.audit import audit
from nerdistill.annotate.backends import BACKENDS, BackendSettings
from nerdistill.annotate.job import Job
from nerdistill.annotate.output import write_annotations
from nerdistill.annotate.prompt import load_prompt
from nerdistill.annotate.protocol import Sampling
from nerdistill.annotate.replies import ReplyStore
from nerdistill.annotate.run import annotate_corpus
from nerdistill.errors import ConfigError
from nerdistill.labels import load_schema
from nerdistill.study.builders.site import CORPUS

if TYPE_CHECKING:
    from nerdistill.annotate.protocol import Annotator
    from nerdistill.labels import LabelSchema
    from nerdistill.study.builders.site import Result, Site


def build_annotate(site: Site) -> Result:
    """Let the teacher label a corpus, and audit its labels where there is gold.

    Raw replies go into the workspace's store, so that no later version asks for them again.
    """
    params, schema = site.stage.params, load_schema(site.stage.files["labels"])
    name = str(params["annotator"])
    corpus = site.read("corpus")
    with ReplyStore(site.workspace.replies) as store:
        prompt = load_prompt(str(params["prompt"]))
        run = annotate_corpus(
            corpus,
            Job(name, str(params["model"]), prompt, schema, Sampling()),
            annotator=_annotator(site, schema),
            store=store,
            progress=site.progress,
        )
    write_annotations(site.folder / CORPUS, corpus, run)
    return audit(run.annotations, corpus, failures=len(run.failures)).to_json()


def _annotator(site: Site, schema: LabelSchema) -> Annotator:
    """The backend that the study names."""
    params, files = site.stage.params, site.stage.files
    name = str(params["annotator"])
    if name not in BACKENDS:
        raise ConfigError(
            f"teacher.annotator: there is no {name!r}", f"Choose among {', '.join(BACKENDS)}."
        )
    settings = BackendSettings(
        schema,
        replies=tuple(path for role, path in files.items() if role.startswith("replies-")),
        error_scale=float(str(params.get("error_scale", 1.0))),
        seed=site.number("seed") if "seed" in params else 0,
    )
    return BACKENDS[name](settings)
