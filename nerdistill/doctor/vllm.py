"""Whether vLLM can be imported, here or in the environment that `--vllm-python` names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from nerdistill.doctor.child import TOLD, ask
from nerdistill.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SECONDS = 300.0
CODE = f"""{TOLD}
import importlib.util, os, sysconfig
headers = os.path.isfile(os.path.join(sysconfig.get_paths()["include"], "Python.h"))
if importlib.util.find_spec("vllm") is None:
    told(there=False, headers=headers)
else:
    import vllm
    told(there=True, version=str(vllm.__version__), headers=headers)
"""


def ask_vllm(python: Path, seconds: float = SECONDS) -> dict[str, Any]:
    """Import vLLM in a child.

    Returns:
        `there`, `version` and `headers` (Python.h was found), or `error`.
    """
    try:
        # Its Python may be older than the option -P.
        answer = ask([str(python), "-c", CODE], seconds, {**os.environ, "PYTHONSAFEPATH": "1"})
    except OSError as error:
        return {"error": f"{python} cannot be started: {error.strerror}"}
    return answer.told[-1] if answer.told and answer.code == 0 else {"error": answer.why}


def check_vllm(told: Mapping[str, Any], python: Path, *, named: bool) -> Iterator[Finding]:
    """What came of it.

    Args:
        told: as `ask_vllm` returns it.
        python: that was asked.
        named: the user named that Python, and so wants vLLM.
    """
    other = "name another environment's Python with --vllm-python."
    if "error" in told:
        remedy = f"Install vLLM again in the environment of {python}, or {other}"
        yield Finding("vLLM", "failure", f"cannot be imported: {told['error']}", remedy)
    elif told["there"]:
        yield Finding("vLLM", "ok", f"{told['version']}, of {python}")
    elif named:
        found = f"not installed in the environment of {python}"
        yield Finding("vLLM", "failure", found, f"Install it there, or {other}")
    else:
        found = "not installed: only the annotators vllm and vllm-offline need it"
        remedy = "If you mean to use them, make the bundle of a study that does."
        yield Finding("vLLM", "note", found, f"{remedy} Or {other}")
