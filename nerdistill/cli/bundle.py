"""`nerdistill bundle`: carry a whole study to a machine without a network."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nerdistill.cli.options import progress_option
from nerdistill.errors import BundleError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nerdistill.bundle.bare.manifest import Manifest
    from nerdistill.progress import Mode

PATH = click.Path(path_type=Path)
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
GB = 10**9
EXTRA = ("cryptography", "cyclonedx", "packaging", "tomli_w", "uv", "zstandard")
"""Modules of the extra `bundle`."""


@click.group()
def command() -> None:
    """Carry a study with all that it needs to a machine without a network.

    \b
    On the isolated server:    python3 probe.py --out target.json
    On the connected machine:  nerdistill bundle create STUDY.toml --target target.json --out DIR
    On the isolated server:    python3 -I bootstrap.py install DIR --key bundle.pub --into ROOT
    """


class _Size(click.ParamType[int]):
    name = "SIZE"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Bytes of a number with a unit, as `3900M`."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([0-9]+)([KMG]?)B?", str(value).upper())
        if found is None:
            self.fail(f"{value!r} is no size; say it as 3900M or 8G", param, ctx)
        return int(found[1]) * UNITS[found[2]]


@command.command()
@click.argument("study", type=PATH)
@click.option("--target", required=True, type=PATH, help="The server's target.json, by probe.py.")
@click.option("--out", required=True, type=PATH, help="The bundle's folder: a new or empty one.")
@click.option(
    "--max-volume",
    "most",
    type=_Size(),
    default="3900M",
    show_default=True,
    help="Bytes of a volume at most; the default fits FAT32.",
)
@click.option(
    "--base",
    type=PATH,
    help="A bundle that is installed there already: only what changed since is carried.",
)
@click.option(
    "--key",
    type=PATH,
    help="The private ed25519 key that signs; it is made where it is missing. Default: "
    "~/.config/nerdistill/bundle-key.pem",
)
@click.option(
    "--cache",
    type=PATH,
    help="Where downloads are kept for the next time. Default: ~/.cache/nerdistill/bundle",
)
@click.option(
    "--python-archive",
    "python",
    type=PATH,
    help="A relocatable CPython with headers to carry, for a server whose own Python is not of "
    "use: the install_only archive of a release of python-build-standalone, for the server's "
    "processor (…-x86_64-unknown-linux-gnu-install_only.tar.gz). Default: the server's own.",
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change the study.")
@click.option(
    "--bundle-version",
    "version",
    type=click.IntRange(1),
    help="A number that grows from bundle to bundle. Default: the time.",
)
@progress_option
def create(
    study: Path,
    target: Path,
    out: Path,
    most: int,
    base: Path | None,
    key: Path | None,
    cache: Path | None,
    python: Path | None,
    settings: tuple[str, ...],
    version: int | None,
    progress: Mode,
) -> None:
    """Make a bundle of STUDY for a server: the one command that downloads.

    It ends with a rehearsal: the bundle is installed and a small study is run in an empty network.
    An interrupted run goes on where it stopped; nothing is fetched twice.

    \b
    Example:
      nerdistill bundle create offline_assets/studies/demo.toml --target target.json --out out/demo
    """
    import os

    from nerdistill import offline

    # Before the libraries are imported that read the switches.
    offline.lift()
    _check_extra()
    from nerdistill.bundle.assemble import bootstrap_digest
    from nerdistill.bundle.sign import default_key, open_key
    from nerdistill.progress import open_progress
    from nerdistill.study.create import Wishes
    from nerdistill.study.create import create as make

    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    signing = open_key(key or default_key())
    wishes = Wishes(
        study,
        settings,
        target,
        out,
        most,
        signing,
        base,
        cache or home / "nerdistill" / "bundle",
        version,
        python,
    )
    with _refusals(), open_progress(progress) as shown:
        made = make(wishes, shown)
    for line in _summary(made):
        click.echo(line)
    click.echo(f"written: {out}")
    click.echo("Carry these apart from the bundle, and compare them there:")
    click.echo(f"  public key           {signing.file}")
    click.echo(f"  its sha256           {hashlib.sha256(signing.file.read_bytes()).hexdigest()}")
    click.echo(f"  bootstrap.py sha256  {bootstrap_digest()}")
    click.echo("On the server:")
    folder = shlex.quote(out.name)
    click.echo(
        f"  python3 -I {folder}/bootstrap.py install {folder} --key {signing.file.name} "
        "--into /opt/nerdistill"
    )


@command.command()
@click.argument("bundle", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="Print the whole manifest.")
@click.option("--key", help="The public key; with it the signature is checked, too.")
def inspect(bundle: Path, as_json: bool, key: str | None) -> None:
    """Show what BUNDLE holds, and for which server; nothing is unpacked."""
    from nerdistill.bundle.bare.verify import read_key, read_manifest

    with _refusals():
        told = read_manifest(str(bundle), read_key(key) if key else None)
    if as_json:
        click.echo(json.dumps(told.told, indent=1, sort_keys=True, ensure_ascii=False))
        return
    for line in _summary(told):
        click.echo(line)
    click.echo(f"signature: {'by this key' if key else 'not checked (give --key)'}")
    for asset in told.assets:
        size = sum(file.size for file in asset.files)
        click.echo(
            printable(
                f"  {asset.role:<12} {asset.name:<40} {size:>15,} bytes  "
                f"{asset.licence or 'licence not told'}"
            )
        )


@command.command()
@click.argument("bundle", type=PATH)
@click.option("--key", required=True, help="The public key: its file, or its 64 hex digits.")
@click.option("--volumes", multiple=True, type=PATH, help="Where else volumes lie.")
@click.option("--jobs", type=click.IntRange(1), help="Threads; default: one a core.")
@progress_option
def verify(
    bundle: Path, key: str, volumes: tuple[Path, ...], jobs: int | None, progress: Mode
) -> None:
    """Check BUNDLE: its signature, each volume, each file in it."""
    from nerdistill.bundle.bare.verify import read_key, read_manifest
    from nerdistill.bundle.bare.verify import verify as check
    from nerdistill.progress import open_progress

    with _refusals(), open_progress(progress) as shown:
        public = read_key(key)
        size = sum(one.size for one in read_manifest(str(bundle), public).volumes)
        with shown.task("read the volumes", total=size, unit="bytes") as task:
            told = check(str(bundle), public, [str(one) for one in volumes], jobs, task.advance)
    click.echo(f"whole and signed: {told.manifest.name} {told.manifest.version}")


@command.command()
@click.argument("bundle", type=PATH)
@click.option("--key", required=True, help="The public key: its file, or its 64 hex digits.")
@click.option("--into", "root", required=True, type=PATH, help="The folder to install below.")
@click.option("--volumes", multiple=True, type=PATH, help="Where else volumes lie.")
@click.option("--python", help="The Python to build on; default: one that fits.")
@click.option("--allow-rollback", is_flag=True, help="Accept an older bundle than is installed.")
@click.option("--jobs", type=click.IntRange(1), help="Threads; default: one a core.")
@click.pass_context
def install(
    ctx: click.Context,
    bundle: Path,
    key: str,
    root: Path,
    volumes: tuple[Path, ...],
    python: str | None,
    allow_rollback: bool,
    jobs: int | None,
) -> None:
    """Install BUNDLE beside what is installed: as its bootstrap.py does where nothing is yet."""
    from nerdistill.bundle.bare.install import Wishes
    from nerdistill.bundle.bare.install import install as put
    from nerdistill.bundle.bare.verify import read_key

    group = ctx.find_root().params.get("group")
    with _refusals():
        wishes = Wishes(
            bundle=str(bundle),
            key=read_key(key),
            root=str(root),
            folders=[str(one) for one in volumes],
            python=python,
            group=group,
            allow_rollback=allow_rollback,
            jobs=jobs,
        )
        folder = put(wishes, lambda text: click.echo(text, err=True))
    click.echo(f"installed: {folder}")


@command.command()
@click.argument("old", type=PATH)
@click.argument("new", type=PATH)
def diff(old: Path, new: Path) -> None:
    """Show which files bundle NEW adds, changes and leaves out, against OLD."""
    from nerdistill.bundle.bare.manifest import files_of
    from nerdistill.bundle.bare.verify import read_manifest

    with _refusals():
        before, after = (
            {file.path: file for file in files_of(read_manifest(str(one), None))}
            for one in (old, new)
        )
    count = size = 0
    for path in sorted({*before, *after}):
        if path not in after:
            word = "gone"
        elif path not in before:
            word = "new"
        elif before[path].sha256 != after[path].sha256:
            word = "changed"
        else:
            continue
        count += 1
        size += after[path].size if path in after else 0
        click.echo(printable(f"{word:<8} {path}"))
    click.echo(f"{count} files differ, {size:,} bytes of them new")


def _check_extra() -> None:
    """See that what only the connected side needs is installed."""
    from importlib.util import find_spec

    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise BundleError(
            f"`bundle create` needs {', '.join(missing)}, which the extra `bundle` brings",
            "In a checkout: scripts/setup --bundle. Elsewhere: pip install 'nerdistill[bundle]'.",
        )


@contextmanager
def _refusals() -> Iterator[None]:
    """The isolated side's errors, as this program tells them."""
    from nerdistill.bundle.bare.refusal import Refused

    try:
        yield
    except Refused as error:
        raise BundleError(error.message, error.hint) from error


def _summary(told: Manifest) -> list[str]:
    target, rehearsal = told.target, told.rehearsal
    cuda = target["cuda"]
    size = sum(one.size for one in told.volumes)
    status = str(rehearsal["status"])
    ran = f"{rehearsal.get('isolation')}; ran {rehearsal.get('study')}"
    why = rehearsal.get("reason") or ("isolation" in rehearsal and ran)
    base = told.base
    made = f"made {told.told['created']} by nerdistill {told.told['nerdistill']}"
    gpu = f"CUDA {cuda['version']}" if cuda else "no GPU"
    platform = f"{target['machine']}, Python {target['python']}, glibc {target['glibc']} or newer"
    lines = [
        f"{told.name} {told.version}, {made}",
        f"for {platform}, {gpu}",
        f"rehearsal: {status}" + (f" ({why})" if why else ""),
        f"base: {base.name} {base.version}, which must be installed" if base else "base: none",
        f"volumes: {len(told.volumes)}, {size / GB:.2f} GB",
    ]
    return [printable(line) for line in lines]
