"""What the user asks of the doctor, and the facts that several checks need."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nerdistill import places
from nerdistill.bundle.bare.probe import facts
from nerdistill.bundle.inventory import take_inventory
from nerdistill.doctor import disk, libraries, vllm
from nerdistill.doctor.site import this_site
from nerdistill.errors import AssetError, NerdistillError

if TYPE_CHECKING:
    from nerdistill.bundle.inventory import Inventory
    from nerdistill.doctor.disk import Use
    from nerdistill.doctor.site import Site


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asks for.

    Attributes:
        workspace: the folder where results will lie.
        vllm_python: of the environment that holds vLLM; None: this one.
        airgap: run a small study and prove that nothing leaves.
        hashed: read every byte of models and data.
        gpu: try a kernel and a token where there is a GPU.
    """

    workspace: Path
    vllm_python: Path | None
    airgap: bool
    hashed: bool
    gpu: bool


class Known:
    """Facts that several checks need, each found when it is first asked for."""

    def __init__(self, wishes: Wishes) -> None:
        self.wishes = wishes
        self.site: Site = this_site()
        self.python = wishes.vllm_python or Path(sys.executable)
        self.folder = next(
            place
            for place in (wishes.workspace.absolute(), *wishes.workspace.absolute().parents)
            if place.is_dir()
        )
        self.temporary = Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 - looked at
        # A broken look is not cached: each check that needs it tells of it.
        self.libraries = cache(libraries.import_all)
        self.vllm = cache(lambda: vllm.ask_vllm(self.python))
        self.inventory = cache(self._inventory)
        self.facts = cache(self._facts)

    def uses(self) -> list[Use]:
        """The folders that are written to."""
        scratch = bool(os.environ.get(places.SCRATCH))
        home = Path(os.path.expanduser("~"))  # noqa: PTH111 - never fails
        return disk.uses(home, self.folder, self.temporary, scratch=scratch)

    def _facts(self) -> dict[str, Any]:
        return facts([str(use.path) for use in self.uses()])

    def _inventory(self) -> Inventory:
        if self.site.home is None:
            raise AssetError(
                "there is no folder offline_assets/ here",
                "Set NERDISTILL_HOME to the folder that holds offline_assets/ and models/.",
            )
        return take_inventory(self.site.home)

    def held(self) -> Inventory | None:
        """What lies here; None where that can't be told, of which the check of assets tells."""
        try:
            return self.inventory()
        except (NerdistillError, OSError):
            return None
