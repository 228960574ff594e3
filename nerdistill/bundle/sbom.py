"""What a bundle carries, as a CycloneDX 1.6 list for auditors and their tools."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING

from nerdistill.digest import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cyclonedx.model import HashType
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import License

    from nerdistill.bundle.asset import Asset

SPACE = uuid.UUID("6f0a4d2e-5f0c-5d6c-9f0e-3a2b1c4d5e6f")
"""Made once, so that serial numbers of bundles can't be those of something else."""
MODELS = frozenset({"student", "teacher"})
PYPI = "pkg:pypi/"


def sbom(
    assets: Sequence[Asset], digests: Mapping[str, str], *, name: str, version: str, created: str
) -> str:
    """The list as JSON: the same for the same input.

    A wheel is a library with its purl; a model, a dataset or other file is listed with its files.

    Args:
        assets: of the bundle.
        digests: the sha256 of each file, by its path in the bundle.
        name: of the bundle.
        version: of the bundle.
        created: UTC, such as `2026-11-23T21:43:44Z`.

    Raises:
        KeyError: a file has no digest.
    """
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    root = Component(
        name=name, version=version, type=ComponentType.APPLICATION, bom_ref=f"bundle/{name}"
    )
    components = [_component(asset, digests) for asset in assets]
    identity = digest_of([name, version, created, sorted(digests.items())])
    bom = Bom(
        serial_number=uuid.uuid5(SPACE, identity),
        components=components,
        metadata=BomMetaData(component=root, timestamp=datetime.fromisoformat(created)),
    )
    bom.register_dependency(root, components)
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"


def _component(asset: Asset, digests: Mapping[str, str]) -> Component:
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component
    from packageurl import PackageURL

    package = asset.source.startswith(PYPI) and asset.revision is not None
    alone = digests[asset.files[0].path] if len(asset.files) == 1 else None
    return Component(
        name=asset.source.removeprefix(PYPI) if package else asset.name,
        version=asset.revision,
        type=_type(asset),
        bom_ref=f"{asset.role}/{asset.name}",
        hashes=_hashes(alone),
        licenses=_licences(asset.licence),
        purl=PackageURL("pypi", None, asset.source.removeprefix(PYPI), asset.revision)
        if package
        else None,
        properties=[
            Property(name="nerdistill:role", value=asset.role),
            Property(name="nerdistill:source", value=asset.source),
            *(
                [Property(name="nerdistill:path", value=asset.files[0].path)]
                if alone is not None
                else []
            ),
        ],
        components=[] if alone else [_file(one.path, digests[one.path]) for one in asset.files],
    )


def _file(path: str, digest: str) -> Component:
    from cyclonedx.model.component import Component, ComponentType

    return Component(
        name=path, type=ComponentType.FILE, bom_ref=f"file/{path}", hashes=_hashes(digest)
    )


def _type(asset: Asset) -> ComponentType:
    from cyclonedx.model.component import ComponentType

    if asset.role == "wheel":
        return ComponentType.LIBRARY
    if asset.role == "python":
        return ComponentType.PLATFORM
    return ComponentType.MACHINE_LEARNING_MODEL if asset.role in MODELS else ComponentType.DATA


def _hashes(digest: str | None) -> list[HashType]:
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm.SHA_256, content=digest)] if digest else []


def _licences(told: str | None) -> list[License]:
    """An SPDX id or expression where it is one, else its name."""
    from cyclonedx.contrib.license.factories import LicenseFactory

    return [LicenseFactory().make_from_string(told)] if told else []
