"""The switches, read as the libraries read them; proxies; going online."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nerdistill import offline

GOOD = dict(offline.SETTINGS)


def test_nothing_wrong() -> None:
    """What is set is what is wanted."""
    assert offline.problems(GOOD) == []


@pytest.mark.parametrize("name", sorted(GOOD))
def test_missing(name: str) -> None:
    """A switch that is not set is told, with its value."""
    environ = {key: value for key, value in GOOD.items() if key != name}

    assert offline.problems(environ) == [offline.Problem(name, None, GOOD[name])]


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("HF_HUB_OFFLINE", "TRUE", True),
        ("HF_HUB_OFFLINE", "yes", True),
        ("HF_HUB_OFFLINE", "0", False),
        ("HF_HUB_OFFLINE", "", False),
        ("USE_HUB_KERNELS", "off", True),
        ("USE_HUB_KERNELS", "ON", False),
        ("VLLM_NO_USAGE_STATS", "true", False),  # vLLM counts a literal 1 only
        ("VLLM_HOST_IP", "10.0.0.7", False),
        ("WANDB_MODE", "online", False),
    ],
)
def test_values_by_meaning(name: str, value: str, right: bool) -> None:
    """What a library takes for the same is the same."""
    assert (offline.problems({**GOOD, name: value}) == []) is right


def test_overruling_switch() -> None:
    """HF_DATASETS_OFFLINE overrules the hub's switch whatever it says."""
    environ = {**GOOD, "HF_DATASETS_OFFLINE": "1"}

    assert offline.problems(environ) == [offline.Problem("HF_DATASETS_OFFLINE", "1", None)]


def test_proxies() -> None:
    """With a proxy, this machine must be reached without it; what the user exempted stays."""
    environ = {**GOOD, "HTTPS_PROXY": "http://proxy.example:3128", "no_proxy": "intranet.example"}
    assert [one.name for one in offline.problems(environ)] == ["no_proxy"]

    offline.bypass_proxies(environ)

    assert environ["no_proxy"] == environ["NO_PROXY"] == "intranet.example,localhost,127.0.0.1,::1"
    assert offline.problems(environ) == []


def python(text: str, **environ: str) -> list[str]:
    """What a program of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", text],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_what_libraries_understand() -> None:
    """The real libraries read the switches as meant, whatever the user had set."""
    text = (
        "from nerdistill import offline; offline.enforce()\n"
        "import datasets.config, huggingface_hub.constants as c\n"
        "print(datasets.config.HF_HUB_OFFLINE, c.HF_HUB_OFFLINE, c.HF_HUB_DISABLE_TELEMETRY)"
    )

    assert python(text, HF_HUB_OFFLINE="0", HF_DATASETS_OFFLINE="0") == ["True"] * 3


def test_lifted() -> None:
    """`bundle create` goes out, and sends no telemetry."""
    text = (
        "from nerdistill import egress, offline; offline.enforce(); offline.lift()\n"
        "import huggingface_hub.constants as c\n"
        "print(c.HF_HUB_OFFLINE, c.HF_HUB_DISABLE_TELEMETRY, egress.installed())"
    )

    assert python(text) == ["False", "True", "False"]


def test_what_the_shell_switched_off_stays_so() -> None:
    """A user who keeps pip or the hub off the network keeps them so; our own switches are lifted.

    A child of an offline command is told nothing of the shell.
    """
    text = (
        "from nerdistill import offline; offline.enforce(); offline.lift(); offline.enforce()\n"
        "offline.lift(); import os\n"
        "print(*[os.environ.get(n) for n in ('PIP_NO_INDEX', 'HF_HUB_OFFLINE', 'USE_HUB_KERNELS')])"
    )
    shell = {"PIP_NO_INDEX": "yes", "HF_HUB_OFFLINE": "true", "USE_HUB_KERNELS": ""}

    assert python(text, **shell, NERDISTILL_OFFLINE="") == ["yes", "true"]
    assert python(text, **shell, NERDISTILL_OFFLINE="1") == ["None"] * 3


def test_proxy_of_a_named_provider() -> None:
    """An API on the internet may be reached by the environment's proxy, which then passes, too."""
    text = (
        "from nerdistill import egress, offline; offline.enforce()\n"
        "offline.allow_through_proxy('https://api.example/v1')\n"
        "print(*egress.allowed())"
    )

    assert python(text, https_proxy="http://proxy.example:3128", no_proxy="") == [
        "api.example",
        "proxy.example",
    ]
    assert python(text, https_proxy="http://proxy.example:3128", no_proxy="api.example") == [
        "api.example"
    ]


def test_private_caches() -> None:
    """What the user set for himself stays."""
    text = (
        "import os; from nerdistill import offline; offline.enforce()\n"
        "print(os.environ['TORCHINDUCTOR_CACHE_DIR'], os.environ['TRITON_CACHE_DIR'])"
    )

    assert python(text, TORCHINDUCTOR_CACHE_DIR="/mine", TRITON_CACHE_DIR="/also/mine") == [
        "/mine",
        "/also/mine",
    ]
