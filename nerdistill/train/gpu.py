"""Whether Triton's kernels can be used here: they are compiled on the machine that runs them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

import torch

from nerdistill.train.adam import BETAS, EPS
from nerdistill.train.stack import stackable
from nerdistill.train.weights import multiplies_bf16

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from nerdistill.train.stack import BertShape

HEADS = {16, 32, 64}
"""Numbers of an attention head: fewer are nothing for matrix units, and of more not every GPU's
multiprocessors hold a whole window."""


def kernels_take(model: PreTrainedModel) -> bool:
    """Whether a model is a BERT of a shape and precision that the kernels take, on a GPU."""
    weight = next(model.parameters())
    if not (multiplies_bf16(weight.device) and weight.dtype == torch.float32 and stackable(model)):
        return False
    config = cast("BertShape", model.config)
    return config.hidden_size // config.num_attention_heads in HEADS


@cache
def why_no_kernels() -> str:
    """Why this machine cannot compile and run Triton's kernels; empty: it can."""
    if not torch.cuda.is_available():
        return "there is no GPU"
    try:
        from nerdistill.train.kernels.adamw import update

        values, grads, first, second = torch.zeros(4, 1, 16, device="cuda")
        scales = torch.ones(1, device="cuda")
        settings = torch.tensor([[1.0, 0.0, *(1 - beta for beta in BETAS)]], device="cuda")
        buffers = values, grads + 3, first, second, values.clone()
        update(*buffers, settings, scales, 16, (0, 0), betas=BETAS, eps=EPS)
        # The first step is as long as the rate, whatever the gradient is.
        right = bool(((values + 1).abs() < 1e-3).all())  # noqa: PLR2004 - rounding
    except Exception as error:  # noqa: BLE001 - a compiler, a driver or a file system
        return " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return "" if right else "a kernel computes wrong numbers"


def slow_because(model: PreTrainedModel) -> str:
    """A line for people where a student could use the kernels and this machine cannot."""
    if not kernels_take(model) or not (why := why_no_kernels()):
        return ""
    return (
        f"Triton's kernels do not work here ({why}): training takes two to three times as long. "
        "`nerdistill doctor --gpu` tells what is missing"
    )
