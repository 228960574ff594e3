"""BERT students on a GPU: what lies between the matrix products, in kernels of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from nerdistill.train.attention import attend
from nerdistill.train.kernels.attention import attend_short
from nerdistill.train.kernels.gelu import biased_gelu
from nerdistill.train.kernels.norm import Norm, added_norm
from nerdistill.train.kernels.random import CounterStreams
from nerdistill.train.kernels.scatter import add_rows
from nerdistill.train.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from transformers import PreTrainedModel

    from nerdistill.train.batch import Batch


class FusedStack(Stack):
    """A `Stack` whose norms, attention, dropout and embeddings' gradients are Triton's."""

    kernels = True
    _streams: CounterStreams

    def __init__(
        self, models: Sequence[PreTrainedModel], seeds: Sequence[int], *, low: bool | None = None
    ) -> None:
        super().__init__(models, seeds, low=low)
        places = self.weights.places
        linear = [name for name, (_, shape) in places.items() if len(shape) > 1]
        linear = [name for name in linear if "embeddings" not in name]
        # Only linear layers lie there, and each is written in every backward pass.
        self.weights.overwritten = min(places[name][0] for name in linear), self.weights.decayed

    def begin(self, step: int, *, drops: bool = True) -> None:
        """See `Stack`."""
        super().begin(step, drops=drops)
        for layer in self._layers.values():
            layer.stale = True

    def _dropout_of(self, step: int) -> CounterStreams:
        return CounterStreams(self._seeds, step, self.device)

    def _add_rows(
        self, tables: torch.Tensor, rows: torch.Tensor, values: torch.Tensor, counts: Sequence[int]
    ) -> None:
        add_rows(tables, rows, values.contiguous(), counts)

    def _added(
        self, hidden: torch.Tensor, x: torch.Tensor, _batch: Batch, place: str
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x, rate = self._layers[f"{place}.dense"].product(x), self._rates.hidden
        names = [f"{place}.{name}" for name in ("LayerNorm.weight", "LayerNorm.bias", "dense.bias")]
        weight, bias, shift = (self.weights.view(self.weights.values, name) for name in names)
        to_weight, to_bias, to_shift = (self.weights.view(self.weights.grads, n) for n in names)
        eps = self._config.layer_norm_eps
        norm = Norm(weight, bias, shift, to_weight, to_bias, to_shift, eps)
        return added_norm(hidden, x, self._streams.key(), rate, norm)

    def _inner(self, x: torch.Tensor, place: str) -> torch.Tensor:
        if self._config.hidden_act != "gelu":
            return super()._inner(x, place)
        x, name = self._layers[place].product(x), f"{place}.bias"
        bias, grad = (self.weights.view(b, name) for b in (self.weights.values, self.weights.grads))
        return biased_gelu(x, bias, grad)

    def _attention_dropout(self, _batch: Batch) -> list[torch.Tensor | None]:
        return [self._streams.key() for _ in range(self._config.num_hidden_layers)]

    def _attend(
        self, hidden: torch.Tensor, batch: Batch, place: str, keep: torch.Tensor | None
    ) -> torch.Tensor:
        config, key = self._config, cast("torch.Tensor", keep)
        students, pieces, width = hidden.shape
        joint = self._layers[place](hidden).view(students * pieces, -1)
        heads, rate = config.num_attention_heads, self._rates.attention
        found = []
        if batch.short is not None:
            found.append(attend_short(joint, batch.short, heads, key, rate))
        if batch.groups:
            counts = [pairs * heads for pairs in batch.pairs]
            kept = self._streams.flat(counts, rate, joint.dtype, key) if rate else None
            found.append(attend(joint, batch, heads, kept, rate))
        return sum(found[1:], found[0]).view(students, pieces, width)
