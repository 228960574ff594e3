"""Checkpoints of a training: each whole or absent, and checked against its digest when read.

A checkpoint is one file of safetensors, which holds a student's weights and its optimizer's
moments, and in its header where the training stands. Its name tells its step and the digest of its
bytes. Dropout and order follow from seed and step, so there is no more to keep. Each student has
its own: whoever was trained beside it need not be there when it goes on.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.torch import load, save

from nerdistill import files, sharing
from nerdistill.train.observe import Observation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

    from nerdistill.digest import Digest

KEPT = 2
"""How many checkpoints of a training stay: the last, and one in case it is damaged."""
NAME = re.compile(r"(\d{9})-([0-9a-f]{64})\.safetensors")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """On what the last bit of a training depends, beside the training itself.

    Attributes:
        device: its name.
        threads: of the CPU.
        students: trained side by side.
        torch: its version.
        kernels: whether Triton's kernels ran, which drop out by other numbers than torch's layers.
    """

    device: str
    threads: int
    students: int
    torch: str
    kernels: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one student's training stands, apart from tensors.

    Attributes:
        key: what the training is; another one never goes on from here.
        step: the next one.
        taken: steps of its optimizer since that began.
        losses: of all steps before.
        fed: word pieces that all students beside each other were fed, filling included.
        useful: those of them that were none.
        seconds: spent so far.
        observations: what was seen of the student so far.
    """

    key: Digest
    step: int
    taken: float
    losses: list[float]
    fed: int
    useful: int
    seconds: float
    observations: list[Observation] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A checkpoint's content.

    Attributes:
        standing: where the training stands.
        circumstances: in which it ran.
        tensors: `values`, `first` and `second`, each `(numbers,)`.
    """

    standing: Standing
    circumstances: Circumstances
    tensors: dict[str, torch.Tensor]


class Checkpoints:
    """The checkpoints of one student's training.

    Args:
        folder: theirs alone; made when the first is saved.
        key: of the training.
    """

    def __init__(self, folder: Path, key: Digest) -> None:
        self.folder, self.key = folder, key

    def steps(self) -> list[int]:
        """At which steps there are checkpoints, damaged ones included; the last comes first."""
        return sorted({step for step, _, _ in self._files()}, reverse=True)

    def save(self, snapshot: Snapshot) -> None:
        """Write a checkpoint, then remove those that are too old.

        Raises:
            OSError: the disk is full; the old ones then still stand.
        """
        standing = asdict(snapshot.standing)
        header = {"standing": standing, "circumstances": asdict(snapshot.circumstances)}
        data = save(snapshot.tensors, {"nerdistill": json.dumps(header)})
        sharing.make_folder(self.folder)
        digest = hashlib.sha256(data).hexdigest()
        files.write_whole(self.folder / f"{snapshot.standing.step:09d}-{digest}.safetensors", data)
        old = self.steps()[KEPT:]
        for step, _, file in self._files():
            if step in old:
                file.unlink(missing_ok=True)

    def load(self, step: int, say: Callable[[str], None]) -> Snapshot | None:
        """The checkpoint of a step; None, and a line told, where it is damaged or another's."""
        for _, digest, file in (found for found in self._files() if found[0] == step):
            try:
                snapshot = _read(file, digest)
            except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
                say(f"{file} is damaged ({' '.join(str(error).split())[:80]}): not used")
                continue
            if snapshot.standing.key == self.key:
                return snapshot
            say(f"{file} belongs to another training: not used")
        return None

    def remove(self) -> None:
        """Forget them all: the training is finished."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _files(self) -> list[tuple[int, str, Path]]:
        try:
            found = [(NAME.fullmatch(file.name), file) for file in self.folder.iterdir()]
        except FileNotFoundError:
            return []
        return [(int(name[1]), name[2], file) for name, file in found if name]


def _read(file: Path, digest: str) -> Snapshot:
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError("its bytes are not those that were written")
    size = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["nerdistill"])
    standing = header["standing"]
    seen = [Observation(**row) for row in standing.pop("observations", [])]
    return Snapshot(
        Standing(**standing, observations=seen),
        Circumstances(**header["circumstances"]),
        load(data),
    )
