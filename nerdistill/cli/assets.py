"""`nerdistill assets`: what models, data and studies lie here, and whether they are whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from nerdistill.cli.options import progress_option
from nerdistill.errors import BundleError, printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nerdistill.bundle.intact import Fault
    from nerdistill.bundle.inventory import Inventory, Item
    from nerdistill.progress import Mode

AT_ONCE = 1 << 30
"""Bytes of an item that `list` hashes where no manifest tells its digest."""
SHOWN = 12
"""Digits of a digest in a table."""
NONE = "-"

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
key_option = click.option(
    "--key",
    help="The public key: its file, or its 64 hex digits. With it the signature of the manifest "
    "is checked, too.",
)


@click.group()
def command() -> None:
    """Show what models, data and studies lie here, and whether they are whole.

    \b
    Examples:
      nerdistill assets list
      nerdistill assets verify --key bundle.pub
    """


@command.command("list")
@json_option
@key_option
def list_command(as_json: bool, key: str | None) -> None:
    """List what lies in nerdistill's home, with licence and digest.

    A file counts as whole here if it is there with its right size; `verify` reads all of it.

    \b
    Example:
      nerdistill assets list
    """
    from nerdistill.bundle.intact import hash_files, shape_faults

    found = _inventory(key)
    small = [file for item in found.items if item.size <= AT_ONCE for file in item.files]
    told = hash_files(found.home, [file for file in small if file.sha256 is None])
    digests = {path: text for path, text in told.items() if isinstance(text, str)}
    faults = shape_faults(found)
    if as_json:
        click.echo(_json(found, digests, faults))
        return
    _show(found, digests, faults)
    for line in (*map(str, faults), *dict.fromkeys(fault.remedy for fault in faults)):
        click.echo(printable(line))


@command.command()
@json_option
@key_option
@click.option("--jobs", type=click.IntRange(1), help="Threads; default: one a core.")
@progress_option
def verify(as_json: bool, key: str | None, jobs: int | None, progress: Mode) -> None:
    """Read every file and compare its digest with the manifest's; exit code 1 if one differs.

    So is the code that runs: each installed file is held against the wheel that it comes from.
    Models and data that were put beside the bundle's own are no error; nobody told their digests.

    \b
    Example:
      nerdistill assets verify --key bundle.pub
    """
    from nerdistill.bundle.installed_wheels import read_code
    from nerdistill.bundle.intact import content_faults
    from nerdistill.progress import open_progress

    found = _inventory(key)
    code = read_code(found)
    size = sum(item.size for item in found.items) + code.size
    with (
        open_progress(progress) as shown,
        shown.task("hash what lies here", total=size, unit="bytes") as task,
    ):
        faults, digests = content_faults(found, jobs, task.advance, code)
    if as_json:
        click.echo(_json(found, digests, faults))
    else:
        for fault in faults:
            click.echo(printable(f"{fault.item.kind} {fault.item.name}: {fault}"))
    if faults:
        remedies = " ".join(dict.fromkeys(fault.remedy for fault in faults))
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        raise BundleError(f"{count} in {found.home}", remedies)
    if not as_json:
        click.echo(_verdict(found, len(code.files), signed=key is not None))


def _inventory(key: str | None) -> Inventory:
    from nerdistill import assets
    from nerdistill.bundle.bare.refusal import Refused
    from nerdistill.bundle.bare.verify import read_key
    from nerdistill.bundle.inventory import take_inventory

    try:
        public = read_key(key) if key else None
    except Refused as error:
        raise BundleError(error.message, error.hint) from error
    return take_inventory(assets.home(), public)


def _verdict(found: Inventory, installed: int, *, signed: bool) -> str:
    count = sum(len(item.files) for item in found.items if item.bundled)
    own = sum(len(item.files) for item in found.items if not item.bundled)
    if found.manifest is None:
        return f"{own} files read in {found.home}: a checkout, whose digests nothing tells"
    signature = "signed by this key" if signed else "signature not checked (give --key)"
    beside = f"; {own} more files are not from the bundle" if own else ""
    code = f" and {installed} installed from its wheels" if installed else ""
    return f"whole: {count} files of {_title(found)}{code}, {signature}{beside}"


def _title(found: Inventory) -> str:
    told = found.manifest
    return f"{told.name} {told.version}" if told else "a checkout"


def _json(found: Inventory, digests: Mapping[str, str], faults: Sequence[Fault]) -> str:
    from nerdistill.bundle.inventory import digest

    told = {
        "home": str(found.home),
        "bundle": found.manifest
        and {
            "name": found.manifest.name,
            "version": found.manifest.version,
            "manifest": found.manifest.digest,
        },
        "assets": [
            {
                "name": item.name,
                "kind": item.kind,
                "place": item.place,
                "bundled": item.bundled,
                "files": len(item.files),
                "size": item.size,
                "licence": item.licence,
                "revision": item.revision,
                "digest": digest(item, digests),
                "intact": not _of(item, faults),
            }
            for item in found.items
        ],
        "faults": [
            {"asset": one.item.name, "path": one.path, "found": one.found, "remedy": one.remedy}
            for one in faults
        ],
    }
    return json.dumps(told, indent=1, ensure_ascii=False)


def _of(item: Item, faults: Sequence[Fault]) -> list[Fault]:
    return [fault for fault in faults if fault.item == item]


def _show(found: Inventory, digests: Mapping[str, str], faults: Sequence[Fault]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from nerdistill.bundle.inventory import digest

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in ("name", "kind", "MB", "licence", "digest", "whole"):
        table.add_column(
            name,
            justify="right" if name == "MB" else "left",
            overflow="fold",
            no_wrap=name not in {"name", "licence"},
        )
    for item in found.items:
        name = item.name if item.bundled or not found.manifest else f"{item.name} *"
        cells = [
            name,
            item.kind,
            f"{item.size / 1e6:,.{1 if item.size >= 10**5 else 3}f}",
            item.licence or NONE,
            (digest(item, digests) or NONE)[:SHOWN],
            "NO" if _of(item, faults) else "yes",
        ]
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console = Console()
    console.print(Text(f"{_title(found)} in {found.home}", style="bold"), soft_wrap=True)
    console.print(table)
    if any(not item.bundled for item in found.items) and found.manifest:
        console.print("* not from the bundle", highlight=False)
