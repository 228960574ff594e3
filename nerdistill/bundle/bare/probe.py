#!/usr/bin/env python3
"""Describe this machine in target.json, for `nerdistill bundle create` on the connected side.

Runs alone, on Python 3.6 or newer without any package: copy the file and start it.
"""

import argparse
import glob
import json
import os
import platform
import pwd
import re
import resource
import shutil
import subprocess
import sys
import time
from typing import Any, Dict, List, Optional

SECONDS = 30
"""What a program that is asked may take."""

CPU_FLAGS = ("avx", "avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve", "bf16")
USUAL = ("/", "/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - looked at, not written
"""Places that every machine has."""
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy")
NETWORKED = frozenset(
    (
        "9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.juicefs",
        "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "ocfs2",
        "orangefs", "panfs", "pvfs2", "smb3", "smbfs", "wekafs",
    )
)  # fmt: skip
ABOUT_PYTHON = """
import json, os, platform, sys, sysconfig
def has(name):
    try:
        __import__(name)
    except Exception:
        return False
    return True
print(json.dumps({
    "version": platform.python_version(),
    "implementation": platform.python_implementation().lower(),
    "venv": has("venv"),
    "ensurepip": has("ensurepip"),
    "headers": os.path.isfile(os.path.join(sysconfig.get_paths()["include"], "Python.h")),
}))
"""


def facts(paths: Optional[List[str]] = None, python: Optional[str] = None) -> Dict[str, Any]:
    """What this machine is.

    Args:
        paths: places whose file system is described beside the usual ones.
        python: an interpreter that is looked at beside those on PATH.
    """
    gpus = _gpus()
    return {
        "schema_version": 1,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "os": _os(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "libc": _libc(),
        "cpu": {"count": os.cpu_count(), "flags": _cpu_flags()},
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        "pythons": _pythons(shutil.which(python) if python else None),
        "driver": _driver(),
        "gpus": gpus,
        "compilers": {name: _version_of(name) for name in ("gcc", "cc", "clang", "nvcc")},
        "user_namespaces": _succeeds(["unshare", "-rn", "true"]),
        "strace": shutil.which("strace") is not None,
        "selinux": _selinux(),
        "mounts": _mounts(_places() + list(paths or [])),
        "proxies": sorted({name for name in os.environ if name.lower() in PROXIES}),
        "umask": _umask_now(),
        "limits": _limits(),
        "clock": int(time.time()),
        "slurm": shutil.which("sbatch") is not None,
    }


def _told_by(command: List[str]) -> Optional[str]:
    """What a program prints; None where it is missing, fails or hangs."""
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            [program] + command[1:],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace")


def _succeeds(command: List[str]) -> bool:
    return _told_by(command) is not None


def _version_of(program: str) -> Optional[str]:
    """The version that a program tells of itself, or `unknown`; None where there is none."""
    told = _told_by([program, "--version"])
    if told is None:
        return None
    found = re.findall(r"\b[0-9]+\.[0-9][0-9.]*", told)
    return found[0].rstrip(".") if found else "unknown"


def _file_text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def _os() -> Dict[str, str]:
    told = dict(
        re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', _file_text("/etc/os-release"), re.MULTILINE)
    )
    return {
        "id": told.get("ID", platform.system().lower()),
        "version": told.get("VERSION_ID", ""),
        "name": told.get("PRETTY_NAME", ""),
    }


def _libc() -> Dict[str, str]:
    kind, version = platform.libc_ver()
    if kind == "glibc":
        told = os.confstr("CS_GNU_LIBC_VERSION") if hasattr(os, "confstr") else None
        return {"kind": "glibc", "version": (told or version).split(" ")[-1]}
    if glob.glob("/lib/ld-musl-*"):
        return {"kind": "musl", "version": ""}
    return {"kind": kind or "unknown", "version": version}


def _cpu_flags() -> List[str]:
    words = set(_file_text("/proc/cpuinfo").split())
    return [flag for flag in CPU_FLAGS if flag in words]


def _pythons(named: Optional[str]) -> List[Dict[str, Any]]:
    """The one that is named, and every Python 3 on PATH and in the usual places, once."""
    folders = os.environ.get("PATH", "").split(os.pathsep) + ["/usr/bin", "/usr/local/bin"]
    found = {os.path.realpath(named): os.path.abspath(named)} if named else {}
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(glob.escape(folder), "python3*"))):
            if re.match(r"python3(\.[0-9]+)?\Z", os.path.basename(path)) and os.access(
                path, os.X_OK
            ):
                found.setdefault(os.path.realpath(path), path)
    told = [(path, _told_by([path, "-I", "-c", ABOUT_PYTHON])) for path in found.values()]
    pythons = []
    for path, text in told:
        try:
            about = json.loads(text or "")
        except ValueError:
            continue
        about["path"] = path
        pythons.append(about)
    return pythons


def _driver() -> Optional[str]:
    told = _told_by(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"])
    found = re.findall(r"[0-9]+\.[0-9.]+", told or _file_text("/proc/driver/nvidia/version"))
    return str(found[0]) if found else None


def _gpus() -> List[Dict[str, Any]]:
    """The GPUs that nvidia-smi tells of; old drivers do not know the compute capability."""
    asked = ["name,memory.total,compute_cap", "name,memory.total"]
    for fields in asked:
        told = _told_by(["nvidia-smi", "--query-gpu=" + fields, "--format=csv,noheader,nounits"])
        if told is not None and "not a valid field" not in told:
            rows = [line.split(",") for line in told.splitlines() if line.strip()]
            return [_gpu([cell.strip() for cell in row]) for row in rows]
    return []


def _gpu(cells: List[str]) -> Dict[str, Any]:
    name, memory, capability = (cells + ["", ""])[:3]
    return {
        "name": name,
        "memory_mib": int(memory) if memory.isdigit() else None,
        "compute_capability": capability if re.match(r"[0-9]+\.[0-9]+\Z", capability) else None,
    }


def _selinux() -> Optional[str]:
    told = _file_text("/sys/fs/selinux/enforce").strip()
    return {"1": "enforcing", "0": "permissive"}.get(told)


def _places() -> List[str]:
    return list(USUAL) + [os.environ.get("TMPDIR", "/"), os.path.expanduser("~"), "."]


def _mounts(paths: List[str]) -> List[Dict[str, Any]]:
    table = []
    for line in _file_text("/proc/self/mountinfo").splitlines():
        left, separator, right = line.partition(" - ")
        fields = left.split(" ")
        if separator:
            point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code.group(1), 8)), fields[4])
            table.append((point, fields[5].split(","), right.split(" ")[0]))
    told = []
    for path in sorted({os.path.realpath(one) for one in paths if os.path.isdir(one)}):
        options, kind, longest = [], "unknown", -1
        for point, its_options, its_kind in table:
            inside = path == point or path.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= longest:
                options, kind, longest = its_options, its_kind, len(point)
        told.append(
            {
                "path": path,
                "type": kind,
                "free_bytes": shutil.disk_usage(path).free,
                "exec": "noexec" not in options,
                "readonly": "ro" in options,
                "network": kind in NETWORKED,
            }
        )
    return told


def _umask_now() -> str:
    mask = os.umask(0o022)
    os.umask(mask)
    return "{:04o}".format(mask)


def _limits() -> Dict[str, Optional[int]]:
    """The soft limits of this shell; None: none."""
    names = {"nofile": "RLIMIT_NOFILE", "memlock": "RLIMIT_MEMLOCK", "nproc": "RLIMIT_NPROC"}
    soft = {name: resource.getrlimit(getattr(resource, key))[0] for name, key in names.items()}
    return {
        name: None if value == resource.RLIM_INFINITY else value for name, value in soft.items()
    }


def without_names(told: Dict[str, Any]) -> Dict[str, Any]:
    """The same, but no path tells who asked where: it has `~`, `.`, `$USER` and `$HOSTNAME`."""
    named = [(os.path.expanduser("~"), "~"), (os.path.realpath(os.curdir), ".")]
    named += [(os.path.realpath(folder), sign) for folder, sign in named]
    folders = sorted((one for one in named if one[0] not in USUAL), reverse=True)
    words = {platform.node(): "$HOSTNAME", platform.node().split(".")[0]: "$HOSTNAME"}
    words.update(dict.fromkeys(_users(), "$USER"))
    words.pop("", None)

    def shown(path: str) -> str:
        for folder, sign in folders:
            if path not in USUAL and (path + "/").startswith(folder + "/"):
                path = sign + path[len(folder) :]
                break
        for word in sorted(words, reverse=True):
            alone = r"(?<![A-Za-z0-9]){}(?![A-Za-z0-9])".format(re.escape(word))
            path = re.sub(alone, words[word], path)
        return path

    clean = dict(told)
    for key in ("mounts", "pythons"):
        clean[key] = [dict(one, path=shown(one["path"])) for one in told[key]]
    return clean


def _users() -> List[str]:
    """What this user is called."""
    names = [os.environ.get("USER", ""), os.environ.get("LOGNAME", "")]
    try:
        return names + [pwd.getpwuid(os.getuid()).pw_name]
    except KeyError:
        return names


def summary(told: Dict[str, Any]) -> List[str]:
    """What was found, and what follows from what is missing, for the person at the keyboard."""
    lines = [
        "{} {}, {} {}".format(
            told["os"]["name"] or told["os"]["id"],
            told["machine"],
            told["libc"]["kind"],
            told["libc"]["version"],
        )
    ]
    usable = [one["version"] for one in told["pythons"] if one["venv"]]
    lines.append("Python: " + (", ".join(usable) or "none that makes environments"))
    if not any([int(part) for part in one.split(".")[:2]] >= [3, 11] for one in usable):
        lines.append("  older than 3.11: give `bundle create` a --python-archive")
    lines.extend(
        "GPU: {name}, {memory_mib} MiB, compute capability {compute_capability}".format(**gpu)
        for gpu in told["gpus"]
    )
    lines.append("NVIDIA driver: {}".format(told["driver"] or "none"))
    if not told["gpus"]:
        lines.append("  no GPU is seen: right on a login node; run this on a GPU node too")
    if told["gpus"] and not any(told["compilers"][name] for name in ("gcc", "cc", "clang")):
        lines.append("no C compiler: vLLM's kernels need gcc on this machine")
    if not told["user_namespaces"]:
        lines.append("user namespaces are off: the proof of isolation falls back to strace")
    for mount in told["mounts"]:
        if not mount["exec"] or mount["readonly"] or mount["network"]:
            said = [
                word
                for word, holds in (
                    ("noexec", not mount["exec"]),
                    ("read-only", mount["readonly"]),
                    (mount["type"] + ", a network file system", mount["network"]),
                )
                if holds
            ]
            lines.append("{}: {}".format(mount["path"], ", ".join(said)))
    return lines


def main(arguments: Optional[List[str]] = None) -> int:
    """Write target.json and say what was found."""
    parser = argparse.ArgumentParser(
        description=(
            "Describe this machine in target.json, for `nerdistill bundle create`. It holds no "
            "host name, user name or address, and no value of a variable; read it before it "
            "leaves your network. On a cluster run it on a GPU node."
        ),
        epilog="example: python3 probe.py --path /data --out target.json",
    )
    parser.add_argument("--out", default="target.json", help="default: target.json")
    parser.add_argument(
        "--path", action="append", default=[], help="a place to look at, too; may be repeated"
    )
    wanted = parser.parse_args(arguments)
    told = facts(wanted.path)
    try:
        with open(wanted.out, "w", encoding="utf-8") as stream:
            json.dump(without_names(told), stream, indent=1, sort_keys=True)
            stream.write("\n")
    except OSError as error:
        sys.stderr.write(
            "probe: {}: {}. Name another file with --out.\n".format(wanted.out, error.strerror)
        )
        return 1
    for line in summary(told):
        sys.stdout.write(line + "\n")
    sys.stdout.write("written: {}\n".format(wanted.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
