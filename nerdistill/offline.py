"""The air-gap guard: switches that must be set before the first heavy import."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nerdistill import egress, places

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

SETTINGS: dict[str, str] = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_EVALUATE_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    "DISABLE_SAFETENSORS_CONVERSION": "1",
    "USE_HUB_KERNELS": "NO",
    "DO_NOT_TRACK": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_DO_NOT_TRACK": "1",
    # Else it finds its address by a UDP connection to a public one.
    "VLLM_HOST_IP": "127.0.0.1",
    "FLASHINFER_NO_DOWNLOAD": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "WANDB_MODE": "disabled",
    "PIP_NO_INDEX": "1",
    "TOKENIZERS_PARALLELISM": "true",
}
"""What the libraries read to stay off the network; a value that the user set is overruled."""

UNSET = ("HF_DATASETS_OFFLINE",)
"""Whatever their value, they overrule a switch above."""

LITERAL = frozenset({"VLLM_NO_USAGE_STATS", "RAY_USAGE_STATS_ENABLED", "VLLM_HOST_IP"})
"""Libraries compare these as they stand."""
TRUE = frozenset({"1", "on", "yes", "true"})
FALSE = frozenset({"0", "off", "no", "false"})
ALIKE = (TRUE, FALSE)

_shell: dict[str, str] | None = None
"""The switches as the user's shell has them; None before `enforce`."""

PROXIES = ("http_proxy", "https_proxy", "all_proxy")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Problem:
    """A variable with which a library would go out, or could not reach this machine.

    Attributes:
        name: the variable's.
        found: its value; None where it is not set.
        wanted: what it should be; None: not set.
    """

    name: str
    found: str | None
    wanted: str | None


def enforce() -> None:
    """Set every switch and arm the guard, here and for child processes.

    Call it before transformers, datasets or huggingface_hub is imported.
    """
    global _shell  # noqa: PLW0603 - the environment is one for the process
    if _shell is None:
        # A guarded parent has overruled its shell, and passed on the switches of its own.
        ours = os.environ.get(egress.SWITCH) == "1"
        _shell = {} if ours else {name: os.environ[name] for name in SETTINGS if name in os.environ}
    os.environ.update(SETTINGS)
    for name in UNSET:
        os.environ.pop(name, None)
    for name, value in places.caches(os.environ).items():
        os.environ.setdefault(name, value)
    egress.guard()
    bypass_proxies(os.environ)


def allow(host: str) -> None:
    """Let a host that the user named pass, without a proxy.

    Args:
        host: a name, an address, `host:port` or a URL.

    Raises:
        ConfigError: it names no host.
    """
    egress.allow(host)
    bypass_proxies(os.environ)


def allow_through_proxy(url: str) -> None:
    """Let a host on the internet pass, and the proxy by which the environment says to reach it.

    Raises:
        ConfigError: one of them names no host.
    """
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    egress.allow(url)
    proxy = getproxies().get(urlsplit(url).scheme) or getproxies().get("all")
    if proxy and not proxy_bypass(egress.host_of(url)):
        egress.allow(proxy)


def lift() -> None:
    """Go online: `bundle create` downloads. Call it before a library that reads the switches.

    What the user's shell has switched off, such as pip's index, stays so.
    """
    for name in SETTINGS:
        if name != "TOKENIZERS_PARALLELISM":
            os.environ.pop(name, None)
    os.environ.update(_shell or {})
    os.environ.update({"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"})
    egress.disarm()


def bypass_proxies(environ: MutableMapping[str, str]) -> None:
    """Let this machine and the hosts that the user named be reached without a proxy."""
    if not proxies(environ):
        return
    named = [word.strip() for word in _no_proxy(environ).split(",")]
    wanted = ",".join(dict.fromkeys(filter(None, [*named, *LOOPBACK, *egress.allowed()])))
    environ.update({"no_proxy": wanted, "NO_PROXY": wanted})


def proxies(environ: Mapping[str, str]) -> list[str]:
    """The variables that name a proxy."""
    return sorted(name for name in environ if name.lower() in PROXIES and environ[name])


def problems(environ: Mapping[str, str]) -> list[Problem]:
    """What is wrong in an environment, by what its values mean to the libraries that read them."""
    found = [
        Problem(name, environ.get(name), wanted)
        for name, wanted in SETTINGS.items()
        if not _means(name, environ.get(name), wanted)
    ]
    found += [Problem(name, environ[name], None) for name in UNSET if name in environ]
    named = {word.strip().lower() for word in _no_proxy(environ).split(",")}
    if proxies(environ) and "*" not in named and not named.issuperset(LOOPBACK):
        found.append(Problem("no_proxy", _no_proxy(environ) or None, ",".join(LOOPBACK)))
    return found


def _no_proxy(environ: Mapping[str, str]) -> str:
    return environ.get("no_proxy") or environ.get("NO_PROXY") or ""


def _means(name: str, found: str | None, wanted: str) -> bool:
    if found is None or name in LITERAL:
        return found == wanted
    return found == wanted or any({found.lower(), wanted.lower()} <= words for words in ALIKE)
