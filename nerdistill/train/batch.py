"""What one step shows each student, as tensors in which no word piece is padded.

The windows of a student's step lie end to end. Students beside each other have different numbers
of pieces: only the room behind the shorter ones is waste. For attention alone, windows of similar
length, whoever's they are, are laid out as the rows of a rectangle.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from nerdistill.blend.plan import Pick, PoolName
    from nerdistill.train.pool import Pool

MICRO_BATCH_PIECES = 8192
"""Most word pieces of one student that go through the model at once."""
GROUP_CELLS = 1 << 19
"""Most pairs of word pieces that a head attends to at once."""
UNEVEN = {"cpu": 1.0, "cuda": 1.5}
"""How much longer than its shortest window a group's longest may be. A CPU loses nothing by small
groups, and copies nothing where all are of one length; a GPU loses by many."""


SHORT = (32, 64, 128)
"""Word pieces of windows that kernels attend to in registers: up to each there is one."""

Span = tuple[int, int, int, int, int]
"""Of a window: its length, its first row, the pairs of pieces of all windows before it, whose it
is, and how many of those pairs are of others."""


@dataclass(frozen=True, slots=True)
class Part:
    """A student's windows in one micro-batch, the shortest first.

    Attributes:
        lengths: pieces of each window.
        pieces: `(pieces,) int64`.
        heads: `(words,) int64`: where each scored word's first piece stands among them.
        classes: `(words,) int64`.
        weights: `(words,) float32`, those of the whole step together 1.
    """

    lengths: list[int]
    pieces: NDArray[np.int64]
    heads: NDArray[np.int64]
    classes: NDArray[np.int64]
    weights: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Group:
    """Windows that attend side by side: a rectangle of slots.

    Attributes:
        shape: `(windows, longest)`.
        lengths: `(windows,) int64`; None where all are as long as the longest.
        bases: `(windows,) int64`: the pairs of pieces of all windows before each, by student and
            length; None where these windows follow each other there.
        first: of the first window, the same.
    """

    shape: tuple[int, int]
    lengths: torch.Tensor | None
    bases: torch.Tensor | None
    first: int


@dataclass(frozen=True, slots=True)
class Short:
    """Windows of up to `SHORT` pieces, the shortest first.

    Attributes:
        table: `(windows, 4) int32`: first row, pieces, student, and the pairs of pieces of the
            student's windows before it.
        ends: how many windows have up to each of `SHORT` pieces.
    """

    table: torch.Tensor
    ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """A micro-batch of all students.

    Attributes:
        pieces: `(students, pieces) int64`, 0 behind a student's last.
        positions: `(students, pieces) int64`: of each piece in its window.
        counts: each student's pieces.
        pairs: each student's pairs of pieces that see each other.
        short: for attention by kernels; None: there are none of these.
        groups: for attention, of all other windows; their slots follow each other.
        rows: `(grouped pieces,) int64`: the pieces of all groups in the order of their slots, as
            numbers of rows of `(students x pieces)`; None where slots and rows are the same.
        slots: `(grouped pieces,) int64`: the slot of each.
        words: `(students, words) int64`: the rows of first pieces, any behind a student's last.
        spoken: each student's words.
        classes: `(students, words) int64`.
        weights: `(students, words) float32`, 0 behind a student's last.
    """

    pieces: torch.Tensor
    positions: torch.Tensor
    counts: tuple[int, ...]
    pairs: tuple[int, ...]
    short: Short | None
    groups: tuple[Group, ...]
    rows: torch.Tensor | None
    slots: torch.Tensor | None
    words: torch.Tensor
    spoken: tuple[int, ...]
    classes: torch.Tensor
    weights: torch.Tensor


def parts(picks: Sequence[Pick], pools: Mapping[PoolName, Pool]) -> list[Part]:
    """A student's step, cut into micro-batches by nothing but its own windows."""
    found = [
        (pools[pick.pool], window)
        for pick in picks
        for window in range(*pools[pick.pool].windows[pick.index : pick.index + 2])
    ]
    sized = [(int(pool.starts[w + 1] - pool.starts[w]), pool, w) for pool, w in found]
    sized.sort(key=lambda item: item[0])
    total = sum(float(p.weights[p.words[w] : p.words[w + 1]].sum(dtype=float)) for p, w in found)
    cuts, pieces = [0], 0
    for i, (length, _, _) in enumerate(sized):
        if pieces + length > MICRO_BATCH_PIECES and pieces:
            cuts.append(i)
            pieces = 0
        pieces += length
    scale = 1 / max(total, 1e-9)
    return [_part(sized[start:end], scale) for start, end in pairwise((*cuts, len(sized)))]


def _part(sized: Sequence[tuple[int, Pool, int]], scale: float) -> Part:
    lengths = [length for length, _, _ in sized]
    words = [(pool, slice(*pool.words[w : w + 2])) for _, pool, w in sized]
    first = accumulate(lengths[:-1], initial=0)
    heads = [
        pool.heads[at].astype(np.int64) + f for (pool, at), f in zip(words, first, strict=True)
    ]
    return Part(
        lengths,
        np.concatenate(
            [p.pieces[slice(*p.starts[w : w + 2])] for _, p, w in sized], dtype=np.int64
        ),
        np.concatenate(heads),
        np.concatenate([pool.classes[at] for pool, at in words], dtype=np.int64),
        np.concatenate([pool.weights[at] for pool, at in words]) * np.float32(scale),
    )


_NONE = np.zeros(0, np.int64)
EMPTY = Part([], _NONE, _NONE, _NONE, np.zeros(0, np.float32))


def assemble(shown: Sequence[Part], device: torch.device, *, kernels: bool = False) -> Batch:
    """One micro-batch from each student's part of it.

    Args:
        shown: the parts.
        device: where it goes.
        kernels: whether kernels attend to short windows.
    """
    counts = tuple(len(part.pieces) for part in shown)
    spoken = tuple(len(part.heads) for part in shown)
    positions = [np.concatenate([np.arange(n) for n in (0, *part.lengths)]) for part in shown]
    room = max(counts)
    heads = [part.heads + room * k for k, part in enumerate(shown)]
    windows = _windows(shown, room)
    cut = bisect(windows, (SHORT[-1] + 1,)) if kernels else 0
    layout = _layout(windows[cut:], len(shown) * room, device)
    return Batch(
        _stacked([part.pieces for part in shown], device),
        _stacked(positions, device),
        counts,
        tuple(sum(n * n for n in part.lengths) for part in shown),
        _short(windows[:cut], device) if cut else None,
        *layout,
        _stacked(heads, device),
        spoken,
        _stacked([part.classes for part in shown], device),
        _stacked([part.weights for part in shown], device),
    )


def _windows(shown: Sequence[Part], room: int) -> list[Span]:
    """All windows, the shortest first."""
    windows: list[Span] = []
    before = 0
    for k, part in enumerate(shown):
        row, others = k * room, before
        for length in part.lengths:
            windows.append((length, row, before, k, others))
            row, before = row + length, before + length**2
    windows.sort()
    return windows


def _short(windows: Sequence[Span], device: torch.device) -> Short:
    table = [(row, length, k, before - others) for length, row, before, k, others in windows]
    ends = tuple(bisect(windows, (size + 1,)) for size in SHORT)
    return Short(_sent(np.array(table, np.int32), device), ends)


def _layout(
    windows: Sequence[Span], rows_in_all: int, device: torch.device
) -> tuple[tuple[Group, ...], torch.Tensor | None, torch.Tensor | None]:
    """The groups, and where in them each piece stands."""
    if not windows:
        return (), None, None
    groups: list[Group] = []
    rows: list[NDArray[np.int64]] = []
    slots: list[NDArray[np.int64]] = []
    slot = 0
    for group in _alike(windows, UNEVEN.get(device.type, UNEVEN["cuda"])):
        longest = group[-1][0]
        for number, (length, row, *_) in enumerate(group):
            rows.append(np.arange(row, row + length))
            slots.append(np.arange(length) + slot + number * longest)
        slot += len(group) * longest
        groups.append(_group(group, device))
    source, target = np.concatenate(rows), np.concatenate(slots)
    if slot == rows_in_all and np.array_equal(source, target):
        return tuple(groups), None, None
    return tuple(groups), _sent(source, device), _sent(target, device)


def _alike(windows: Sequence[Span], uneven: float) -> Iterator[Sequence[Span]]:
    """Runs of windows of similar length."""
    start = 0
    for end in range(1, len(windows) + 1):
        if (
            end == len(windows)
            or windows[end][0] > uneven * windows[start][0]
            or (end + 1 - start) * windows[end][0] ** 2 > GROUP_CELLS
        ):
            yield windows[start:end]
            start = end


def _group(windows: Sequence[Span], device: torch.device) -> Group:
    lengths = np.array([length for length, *_ in windows])
    bases = np.array([before for _, _, before, *_ in windows])
    longest = int(lengths[-1])
    same = lengths[0] == longest
    in_order = same and bool((np.diff(bases) == longest**2).all())
    return Group(
        (len(windows), longest),
        None if same else _sent(lengths, device),
        None if in_order else _sent(bases, device),
        int(bases[0]),
    )


def _stacked(rows: Sequence[NDArray[np.generic]], device: torch.device) -> torch.Tensor:
    """Rows of different lengths, filled up with zeros."""
    stack = np.zeros((len(rows), max(len(row) for row in rows)), rows[0].dtype)
    for k, row in enumerate(rows):
        stack[k, : len(row)] = row
    return _sent(stack, device)


def _sent(array: NDArray[np.generic], device: torch.device) -> torch.Tensor:
    """An array on the device; the GPU's work does not wait for it."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
