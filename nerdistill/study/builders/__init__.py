"""What each kind of stage does: reads its inputs' folders, writes its own, returns its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nerdistill.study.builders.corpora import build_corpus, build_distil, build_sample
from nerdistill.study.builders.selection import build_select
from nerdistill.study.builders.teacher import build_annotate
from nerdistill.study.builders.text import build_text
from nerdistill.study.builders.training import build_encode, build_evaluate, build_train
from nerdistill.study.builders.treatment import build_fold, build_predict, build_treat
from nerdistill.study.builders.watch import build_watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from nerdistill.study.builders.site import Result, Site
    from nerdistill.study.stage import Kind

BUILDERS: dict[Kind, Callable[[Site], Result]] = {
    "corpus": build_corpus,
    "annotate": build_annotate,
    "sample": build_sample,
    "distil": build_distil,
    "text": build_text,
    "fold": build_fold,
    "select": build_select,
    "encode": build_encode,
    "watch": build_watch,
    "train": build_train,
    "predict": build_predict,
    "treat": build_treat,
    "evaluate": build_evaluate,
}
