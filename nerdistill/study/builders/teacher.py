"""The stage in which the teacher labels a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.annotate.audit import audit
from nerdistill.annotate.prompt import load_prompt
from nerdistill.annotate.protocol import Sampling
from nerdistill.annotate.replies import ReplyStore
from nerdistill.annotate.run import annotate_corpus, write_annotations
from nerdistill.study.builders.site import CORPUS

if TYPE_CHECKING:
    from nerdistill.annotate.protocol import Annotator
    from nerdistill.study.builders.site import Result, Site


def build_annotate(site: Site) -> Result:
    """Let the teacher label a corpus, and audit its labels where there is gold.

    Raw replies go into the workspace's store, so that no later version asks for them again.
    """
    params, schema = site.stage.params, site.schema()
    name = str(params["annotator"])
    corpus = site.read("corpus")
    with ReplyStore(site.workspace.replies) as store:
        run = annotate_corpus(
            corpus,
            annotator=_annotator(site),
            annotator_name=name,
            model=str(params["model"]),
            prompt=load_prompt(str(params["prompt"])),
            schema=schema,
            sampling=Sampling(),
            store=store,
            progress=site.progress,
        )
    write_annotations(site.folder / CORPUS, corpus, run)
    return audit(run.annotations, corpus, failures=len(run.failures)).to_json()


def _annotator(site: Site) -> Annotator:
    raise NameError
