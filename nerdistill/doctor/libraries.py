"""Whether the libraries can be imported, tried in a process apart: a broken torch may crash."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nerdistill.doctor.child import TOLD, ask
from nerdistill.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nerdistill.doctor.site import Site

NAMES = ("torch", "transformers", "datasets", "seqeval.metrics")
SECONDS = 300.0
"""A cold file server may take minutes."""
CODE = f"""{TOLD}
import importlib, sys
def about(torch):
    cuda = torch.version.cuda
    flags = getattr(torch._C, "_cuda_getArchFlags", lambda: "") if cuda else lambda: ""
    sees = bool(cuda) and torch.cuda.is_available()
    return {{"cuda": cuda, "built": flags() or "", "sees": sees}}
for name in sys.argv[1:]:
    try:
        module = importlib.import_module(name)
        more = about(module) if name == "torch" else {{}}
        told(name=name, version=str(getattr(module, "__version__", "")), **more)
    except Exception as error:
        told(name=name, error=f"{{type(error).__name__}}: {{error}}")
"""


@dataclass(frozen=True, slots=True)
class Torch:
    """What torch was built for.

    Attributes:
        cuda: such as `13.0`; None: for CPUs.
        built: architectures, such as `sm_80 sm_90`.
        sees: it can use a GPU now.
    """

    cuda: str | None
    built: str
    sees: bool


def import_all(
    names: Sequence[str] = NAMES, python: str = sys.executable, seconds: float = SECONDS
) -> dict[str, dict[str, Any]]:
    """Import each in a child; who crashes is told, and the others are still tried.

    Returns:
        By name `version`, or `error`; of torch also `cuda`, `built` and `sees`.
    """
    told: dict[str, dict[str, Any]] = {}
    left = list(names)
    while left:
        answer = ask([python, "-P", "-c", CODE, *left], seconds)
        told.update((one["name"], one) for one in answer.told)
        left = [name for name in left if name not in told]
        if left:
            told[left[0]] = {"error": answer.why}
            del left[0]
    return told


def torch_of(told: Mapping[str, Mapping[str, Any]]) -> Torch | None:
    """What was told of torch; None where it can't be imported."""
    one = told.get("torch", {})
    return Torch(one["cuda"], one["built"], one["sees"]) if "cuda" in one else None


def check_libraries(told: Mapping[str, Mapping[str, Any]], site: Site) -> Iterator[Finding]:
    """What came of importing them."""
    shown = {name.partition(".")[0]: one for name, one in told.items()}
    whole = [
        f"{name} {one['version']}".strip() for name, one in shown.items() if "error" not in one
    ]
    for name, one in shown.items():
        if "error" in one:
            error = " ".join(str(one["error"]).split())
            yield Finding(name, "failure", f"cannot be imported: {error}", site.remedy)
    if whole:
        yield Finding("libraries", "ok", ", ".join(whole))
