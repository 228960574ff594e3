"""What a student is told of its tags: the mean cross-entropy of a step's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from nerdistill.train.batch import Batch


def batch_losses(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """`(students,)`: the weighted sum of the cross-entropies of each one's words."""
    classes = batch.classes.flatten()
    each = torch.nn.functional.cross_entropy(logits.flatten(0, 1), classes, reduction="none")
    return (each.view(batch.weights.shape) * batch.weights).sum(1)
