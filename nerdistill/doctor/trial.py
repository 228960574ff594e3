"""A trial on the GPU: one Triton kernel is compiled, and vLLM writes one token."""

from __future__ import annotations

import http.client
import json
import os
import re
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from nerdistill.annotate.serve import HOST, KEY, ServeSettings, served
from nerdistill.doctor.child import ask
from nerdistill.doctor.finding import Finding
from nerdistill.errors import NerdistillError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.annotate.serve import Server
    from nerdistill.doctor.child import Answer
    from nerdistill.progress import Progress

KERNEL = Path(__file__).with_name("kernel.py")
SECONDS = 180.0
"""What a kernel may take: seconds as a rule, more where the environment is read over a network."""
PATIENCE = 900.0
"""Seconds that vLLM may take to start: it reads all weights."""
ANSWERING = 120.0
CONTEXT = 512
"""Tokens: the trial needs little memory beside the weights."""
CACHE = "TRITON_CACHE_DIR"

KNOWN = (
    (
        r"No module named '?(torch|triton)|not compiled with CUDA|no NVIDIA driver|too old",
        "This environment's torch does not run on this GPU: see torch's CUDA above.",
    ),
    (
        r"C compiler|CC environment variable|\bgcc\b",
        "Install gcc from the system's own media, or name a compiler in CC.",
    ),
    (r"Python\.h", "Install python3-devel (python3-dev) from the system's own media."),
    (
        r"failed to map segment|Operation not permitted|Permission denied",
        "Name a folder where programs may run: nerdistill --scratch DIR doctor",
    ),
    (r"No space left", "Free space, or name another folder: nerdistill --scratch DIR doctor"),
    (r"out of memory", "Another process uses the GPU: nvidia-smi names it."),
    (r"no kernel image", "This GPU needs a torch for another CUDA: see torch's CUDA above."),
)
"""Patterns in a failed kernel's output, and the remedy."""


def try_kernel(python: Path, seconds: float = SECONDS, program: Path = KERNEL) -> Finding:
    """Compile a Triton kernel and run it, with an empty cache, so that it is really compiled.

    Args:
        python: of the environment that has torch and Triton.
        seconds: after which it is given up.
        program: what is run; see `nerdistill.doctor.kernel`.
    """
    usual = Path(os.environ.get(CACHE, "")).parent
    place = usual if os.environ.get(CACHE) and usual.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="nerdistill-kernel-", dir=place) as cache:
        environment = {**os.environ, CACHE: cache, "PYTHONSAFEPATH": "1"}
        try:
            answer = ask([str(python), str(program)], seconds, environment)
        except OSError as error:
            return Finding("Triton", "failure", f"{python}: {error.strerror}", "Name another.")
    return kernel_finding(answer)


def kernel_finding(answer: Answer) -> Finding:
    """What a child that compiled a kernel said."""
    name = "Triton"
    if answer.code == 0 and answer.told:
        told = answer.told[-1]
        if told.get("right"):
            found = f"compiled and ran a kernel in {told['seconds']} s on {told['device']}"
            return Finding(name, "ok", found)
        found = f"a kernel computes wrong numbers on {told.get('device')}"
        return Finding(
            name, "failure", found, "Do not use this GPU: have it and its driver tested."
        )
    remedies = (text for pattern, text in KNOWN if re.search(pattern, answer.errors))
    remedy = next(remedies, "Look at what nvidia-smi and dmesg tell of the GPU.")
    return Finding(name, "failure", f"no kernel could be compiled and run: {answer.why}", remedy)


def try_token(
    model: Path, python: Path | None, progress: Progress, patience: float = PATIENCE
) -> Iterator[Finding]:
    """Start vLLM with a model, as a study does, and let it write one token.

    Args:
        model: its folder.
        python: of the environment that holds vLLM; None is this one.
        progress: told how long it takes.
        patience: seconds that vLLM may take to start.
    """
    began = time.monotonic()
    settings = ServeSettings(
        model, python=python, max_model_len=CONTEXT, extra=("--enforce-eager",), patience=patience
    )
    try:
        with served(settings, progress) as server:
            text = _token(server)
    except NerdistillError as error:
        yield Finding("one token", "failure", error.message, error.hint)
    except (OSError, ValueError, LookupError, TypeError, http.client.HTTPException) as error:
        found = f"vLLM started, but gave no token: {type(error).__name__} {error}"
        yield Finding("one token", "failure", found, f"Try it by hand: nerdistill serve {model}")
    else:
        seconds = time.monotonic() - began
        yield Finding("one token", "ok", f"{model.name} wrote {text!r} after {seconds:.0f} s")


def _token(server: Server) -> str:
    body = {"model": server.model, "prompt": "The capital of France is", "max_tokens": 1}
    key = os.environ.get(KEY, "").strip()
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    port = int(server.base_url.rpartition(":")[2].partition("/")[0])
    with closing(http.client.HTTPConnection(HOST, port, timeout=ANSWERING)) as connection:
        connection.request("POST", "/v1/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    if answer.status != http.HTTPStatus.OK:
        raise ValueError(f"HTTP {answer.status}: {text[:200]}")
    return str(json.loads(text)["choices"][0]["text"])
