"""One student of any architecture, trained through the model that transformers has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from nerdistill.train.attention import move
from nerdistill.train.weights import Weights, multiplies_bf16

if TYPE_CHECKING:
    from nerdistill.student.tagger import Tagger
    from nerdistill.train.batch import Batch


class Whole:
    """A student alone. Its windows are padded group by group.

    Args:
        tagger: its model works on the weights here until they are written back.
        seed: of its dropout, which torch's own stream makes, set anew at each step.
    """

    kernels = False

    def __init__(self, tagger: Tagger, seed: int) -> None:
        self._model, self._seed = tagger.model, seed
        pad = tagger.tokenizer.pad_token_id
        self._pad = pad if isinstance(pad, int) else 0
        self.weights = Weights([self._model])
        self.weights.bind(self._model)
        self.device = tagger.device

    def begin(self, step: int, *, drops: bool = True) -> None:
        """Start a step: its dropout, if there is any."""
        self._model.train(mode=drops)
        state = np.random.SeedSequence([self._seed, step]).generate_state(1, np.uint64)
        torch.manual_seed(int(state[0]))

    def logits(self, batch: Batch) -> torch.Tensor:
        """`(1, words, classes)`, in full precision."""
        sizes = [windows * longest for windows, longest in (group.shape for group in batch.groups)]
        slots = batch.pieces[0]
        if batch.slots is not None and batch.rows is not None:
            slots = slots.new_full((sum(sizes),), self._pad)
            slots[batch.slots] = batch.pieces[0, batch.rows]
        bf16 = multiplies_bf16(self.device)
        found = []
        for group, pieces in zip(batch.groups, torch.split(slots, sizes), strict=True):
            mask = torch.ones(group.shape, dtype=torch.int64, device=self.device)
            if group.lengths is not None:
                places = torch.arange(group.shape[1], device=self.device)
                mask = (places < group.lengths[:, None]).long()
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16):
                out = self._model(input_ids=pieces.view(group.shape), attention_mask=mask).logits
            found.append(out.flatten(0, 1))
        rows = move(torch.cat(found), batch.slots, batch.rows, batch.pieces.numel())
        return rows.to(self.weights.values.dtype)[batch.words]
