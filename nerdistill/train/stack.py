"""BERT with token classification, several students at once: the same layers on stacked weights.

What transformers' `BertForTokenClassification` computes, over a leading student axis. A linear
layer is a batched matrix product. Attention has no weights: all students' windows go through it as
one batch. Word pieces lie end to end, without padding; see `nerdistill.train.batch`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, Self, cast

import torch
from torch.nn.functional import layer_norm
from transformers.activations import ACT2FN

from nerdistill.train.attention import attend
from nerdistill.train.dropout import Streams
from nerdistill.train.linear import Linear
from nerdistill.train.memory import stacks
from nerdistill.train.weights import Weights, multiplies_bf16

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transformers import PreTrainedModel

    from nerdistill.train.batch import Batch


class Dropping(Protocol):
    """The random numbers of one step."""

    def rows(
        self, counts: Sequence[int], width: int, rate: float, dtype: torch.dtype
    ) -> torch.Tensor:
        """`(students, most rows, width)`: 1 for what is kept, 0 for what is dropped or no row."""

    def flat(self, counts: Sequence[int], rate: float, dtype: torch.dtype) -> torch.Tensor:
        """`(all counts,)`: the numbers of all students, one after the other."""


class BertShape(Protocol):
    """What is read of a BERT's configuration."""

    model_type: str
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    hidden_act: str
    hidden_dropout_prob: float
    attention_probs_dropout_prob: float
    classifier_dropout: float | None
    layer_norm_eps: float


class Rates(NamedTuple):
    """What share of numbers drops out, by place."""

    hidden: float = 0.0
    attention: float = 0.0
    classifier: float = 0.0

    @classmethod
    def of(cls, config: BertShape) -> Self:
        """Those of training."""
        hidden, last = config.hidden_dropout_prob, config.classifier_dropout
        return cls(hidden, config.attention_probs_dropout_prob, hidden if last is None else last)


def stackable(model: PreTrainedModel) -> bool:
    """Whether a model is a plain BERT, whose layers are written out here."""
    return (
        type(model).__name__ == "BertForTokenClassification"
        and stacks(model.config.to_dict())
        and all(parameter.requires_grad for parameter in model.parameters())
    )


class Stack:
    """BERT students of one shape, trained side by side.

    Args:
        models: of the class `BertForTokenClassification`; see `stackable`.
        seeds: of each one's dropout.
        low: whether to multiply matrices in bfloat16; None: on a GPU that can.
    """

    kernels = False

    def __init__(
        self, models: Sequence[PreTrainedModel], seeds: Sequence[int], *, low: bool | None = None
    ) -> None:
        self.device = next(models[0].parameters()).device
        low = multiplies_bf16(self.device) if low is None else low
        self.weights = Weights(models, low=low)
        self._config = cast("BertShape", models[0].config)
        self._seeds = seeds
        self._activate = cast(
            "Callable[[torch.Tensor], torch.Tensor]", ACT2FN[self._config.hidden_act]
        )
        self._norms = {
            name: self._leaf(name) for name in self.weights.places if "LayerNorm" in name
        }
        self._layers: dict[str, Linear] = {}
        for place in ["classifier"] + [
            f"bert.encoder.layer.{i}.{name}"
            for i in range(self._config.num_hidden_layers)
            for name in ("attention.output.dense", "intermediate.dense", "output.dense")
        ]:
            self._layers[place] = self._linear(place)
        for i in range(self._config.num_hidden_layers):
            place = f"bert.encoder.layer.{i}.attention.self"
            self._layers[place] = self._linear(
                *(f"{place}.{name}" for name in ("query", "key", "value"))
            )

    def begin(self, step: int, *, drops: bool = True) -> None:
        """Start a step: its dropout, if there is any, and the weights as they are now."""
        self._rates = Rates.of(self._config) if drops else Rates()
        self._streams: Dropping = self._dropout_of(step)
        self.weights.renew_low()

    def logits(self, batch: Batch) -> torch.Tensor:
        """`(students, words, classes)`, in full precision."""
        config = self._config
        hidden = self._drop(self._embed(batch), batch.counts, self._rates.hidden)
        low = hidden.to(self._layers["classifier"].weight.dtype)
        keep = self._attention_dropout(batch)
        for i in range(config.num_hidden_layers):
            place = f"bert.encoder.layer.{i}"
            seen = self._attend(low, batch, f"{place}.attention.self", keep[i])
            hidden, low = self._added(hidden, seen, batch, f"{place}.attention.output")
            inner = self._inner(low, f"{place}.intermediate.dense")
            hidden, low = self._added(hidden, inner, batch, f"{place}.output")
        words = hidden.flatten(0, 1).index_select(0, batch.words.flatten())
        words = words.view(*batch.words.shape, -1)
        words = self._drop(words, batch.spoken, self._rates.classifier)
        return self._layers["classifier"](words).to(self.weights.values.dtype)

    def _dropout_of(self, step: int) -> Dropping:
        return Streams(self._seeds, step, self.device)

    def _linear(self, *names: str) -> Linear:
        compute = self.weights.values if self.weights.low is None else self.weights.low
        weight, bias, weight_grad, bias_grad = (
            self.weights.view(buffer, *(f"{name}.{kind}" for name in names))
            for buffer in (compute, self.weights.grads)
            for kind in ("weight", "bias")
        )
        return Linear(weight, bias, weight_grad, bias_grad)

    def _leaf(self, name: str) -> torch.Tensor:
        """A parameter that torch's own gradients reach."""
        leaf = self.weights.view(self.weights.values, name).requires_grad_()
        grads = self.weights.view(self.weights.grads, name)

        def collect(leaf: torch.Tensor) -> None:
            if leaf.grad is not None:
                grads.add_(leaf.grad)
                leaf.grad = None

        leaf.register_post_accumulate_grad_hook(collect)  # type: ignore[no-untyped-call]
        return leaf

    def _embed(self, batch: Batch) -> torch.Tensor:
        """The sum of the three embeddings, normed."""
        values, place = self.weights.values, "bert.embeddings"
        word, position, kind = (
            self.weights.view(values, f"{place}.{name}_embeddings.weight")
            for name in ("word", "position", "token_type")
        )
        student = torch.arange(len(values), device=self.device)[:, None]
        summed = word[student, batch.pieces] + position[student, batch.positions] + kind[:, :1]
        summed = summed.requires_grad_()
        summed.register_hook(lambda grad: self._collect(grad, batch))  # type: ignore[no-untyped-call]
        return self._norm(summed, f"{place}.LayerNorm")

    def _collect(self, grad: torch.Tensor, batch: Batch) -> None:
        """Add the gradient of the embeddings' sum to the rows that were looked up."""
        place, grads = "bert.embeddings", self.weights.grads
        for name, rows in (("word", batch.pieces), ("position", batch.positions)):
            table = self.weights.view(grads, f"{place}.{name}_embeddings.weight")
            self._add_rows(table, rows, grad, batch.counts)
        self.weights.view(grads, f"{place}.token_type_embeddings.weight")[:, 0].add_(grad.sum(1))

    def _add_rows(
        self, tables: torch.Tensor, rows: torch.Tensor, values: torch.Tensor, counts: Sequence[int]
    ) -> None:
        """`tables[k, rows[k, i]] += values[k, i]` for each student k, and i up to its count."""
        for k, count in enumerate(counts):
            own, at = values[k, :count], rows[k, :count]
            if self.device.type == "cuda":  # where index_add_ adds in any order
                tables[k].index_put_((at,), own, accumulate=True)
            else:
                tables[k].index_add_(0, at, own)

    def _norm(self, x: torch.Tensor, place: str) -> torch.Tensor:
        weight, bias = self._norms[f"{place}.weight"], self._norms[f"{place}.bias"]
        size, eps = (x.shape[-1],), self._config.layer_norm_eps
        if len(x) == 1:
            return layer_norm(x, size, weight.squeeze(0), bias.squeeze(0), eps)
        return torch.addcmul(bias[:, None], layer_norm(x, size, eps=eps), weight[:, None])

    def _drop(self, x: torch.Tensor, counts: Sequence[int], rate: float) -> torch.Tensor:
        if not rate:
            return x
        return x * self._streams.rows(counts, x.shape[-1], rate, x.dtype) / (1 - rate)

    def _inner(self, x: torch.Tensor, place: str) -> torch.Tensor:
        """The activated inner layer."""
        return self._activate(self._layers[place](x))

    def _added(
        self, hidden: torch.Tensor, x: torch.Tensor, batch: Batch, place: str
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """A layer's output, dropped, added to its input and normed: as it is, and to multiply."""
        x, rate = self._layers[f"{place}.dense"](x), self._rates.hidden
        if rate:
            kept = self._streams.rows(batch.counts, x.shape[-1], rate, hidden.dtype)
            summed = torch.addcmul(hidden, x.to(hidden.dtype), kept, value=1 / (1 - rate))
        else:
            summed = hidden + x
        normed = self._norm(summed, f"{place}.LayerNorm")
        return normed, normed.to(x.dtype)

    def _attention_dropout(self, batch: Batch) -> list[torch.Tensor | None]:
        """What each layer keeps: `(pairs x heads,)`, by student, window and head; None: all."""
        config, rate = self._config, self._rates.attention
        counts = [pairs * config.num_attention_heads for pairs in batch.pairs]
        dtype = self._layers["classifier"].weight.dtype
        return [
            self._streams.flat(counts, rate, dtype) if rate else None
            for _ in range(config.num_hidden_layers)
        ]

    def _attend(
        self, hidden: torch.Tensor, batch: Batch, place: str, keep: torch.Tensor | None
    ) -> torch.Tensor:
        """Self-attention of every window, `(students, pieces, hidden)`."""
        config = self._config
        students, pieces, width = hidden.shape
        joint = self._layers[place](hidden).view(students * pieces, -1)
        seen = attend(joint, batch, config.num_attention_heads, keep, self._rates.attention)
        return seen.view(students, pieces, width)
