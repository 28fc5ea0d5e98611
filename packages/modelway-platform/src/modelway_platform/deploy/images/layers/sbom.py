"""What is in an image, as a CycloneDX document made from the package's lock."""

import re
from typing import Any

from modelway.packaging import Manifest
from modelway.packaging.lock_text import check_lock_text
from modelway_platform.deploy.images.content.descriptor import canonical

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; (.*?))?(?: \\)?$", re.MULTILINE)


def bill_of_materials(lock: bytes, manifest: Manifest, sdk_version: str) -> bytes:
    """CycloneDX 1.5 JSON: the model, the SDK and every pin of the lock, with its marker where it has one."""
    check_lock_text(lock, "the package's lock")
    pins = {(found[1].lower(), found[2], found[3] or "") for found in _PIN.finditer(lock.decode())}
    components = [_library("modelway", sdk_version, "")]
    components += [_library(name, version, marker) for name, version, marker in sorted(pins)]
    about = {
        "type": "application",
        "bom-ref": f"{manifest.name}@{manifest.version}",
        "name": manifest.name,
        "version": manifest.version,
    }
    tools = {"components": [{"type": "application", "name": "modelway", "version": sdk_version}]}
    return canonical(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {"component": about, "tools": tools},
            "components": components,
        }
    )


def _library(name: str, version: str, marker: str) -> dict[str, Any]:
    address = f"pkg:pypi/{name.replace('_', '-').replace('.', '-')}@{version}"
    found: dict[str, Any] = {"type": "library", "name": name, "version": version, "purl": address}
    reference = {"bom-ref": f"{address}#{marker}" if marker else address}
    return found | reference | ({"properties": [{"name": "modelway:marker", "value": marker}]} if marker else {})
