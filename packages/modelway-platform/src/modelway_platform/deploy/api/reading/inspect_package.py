"""Reads package archives through the SDK's own reader, which trusts nothing in them; runs and unpickles nothing."""

from pathlib import Path
from typing import Any

from modelway import packaging
from modelway.signature import Signature
from modelway_platform.domain.records import PackageRecord


def inspect_package(path: Path) -> PackageRecord:
    """What a package says of itself, after all of it was verified; digest, size and time are the store's to fill in.

    Raises:
        InvalidPackageError: It must not be opened; the message names the entry at fault.
    """
    manifest, digest = packaging.verify(path)
    signature = Signature.from_json(manifest.signature)
    return PackageRecord(
        digest=digest,
        name=manifest.name,
        version=manifest.version,
        size=0,
        endpoints=tuple(endpoint.name for endpoint in signature.endpoints),
        added_at=0.0,
    )


def package_facts(path: Path) -> dict[str, Any]:
    """What to show of one stored package beyond its record."""
    manifest = packaging.read_manifest(path)
    return {
        "sdk": manifest.sdk,
        "python": manifest.python,
        "handler": manifest.handler,
        "framework": {"name": manifest.framework.name, "version": manifest.framework.version},
        "signature": manifest.signature,
        "files": len(manifest.files),
        "examples": [{"endpoint": each.endpoint, "request": each.request} for each in manifest.examples],
    }
