"""Layers of our own: the SDK, the package's model files, the package's code."""

from collections.abc import Iterator
from pathlib import Path

from modelway.packaging import FileEntry, LoadedPackage, Manifest
from modelway.packaging.manifest import LOCK_ENTRY, MANIFEST_NAME
from modelway_platform.deploy.builder.sdk_copy import SdkCopy
from modelway_platform.deploy.images.layers.layer import Entry, LayerFile, LayerFolder
from modelway_platform.deploy.images.layers.places import (
    HEALTH,
    HOME,
    HTTP_PORT,
    PACKAGE,
    PREFIX,
    PYTHON,
    SBOM,
    USER,
    site_packages,
)
from modelway_platform.deploy.images.layers.sbom import bill_of_materials

# A file of this size has a layer to itself: one new file among several large ones is all that is pushed.
LARGE_FILE = 32 * 1024 * 1024
# Engines stack at most 127 layers, base included.
MOST_LARGE_FILES = 24

_LAUNCHER = f"#!{PYTHON}\nimport sys\nfrom modelway.cli.main import main\nsys.exit(main())\n"
# Whoever runs the image may have chosen another port: what the first process was told counts.
_HEALTH_CHECK = f"""#!{PYTHON}
import http.client, sys
with open("/proc/1/cmdline") as told:
    words = told.read().replace("--port=", "--port\\0").split("\\0")
port = next((word for name, word in reversed(list(zip(words, words[1:]))) if name == "--port"), "{HTTP_PORT}")
connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=3)
try:
    connection.request("GET", "/readyz")
    sys.exit(0 if connection.getresponse().status == 200 else 1)
except OSError:
    sys.exit(1)
"""


def sdk_key(sdk: SdkCopy, python: str) -> list[str]:
    """What the SDK's layer follows from."""
    return ["sdk", sdk.digest(), sdk.version, python, _LAUNCHER, _HEALTH_CHECK]


def sdk_entries(sdk: SdkCopy, python: str) -> Iterator[Entry]:
    """The SDK as an installed distribution, the command, the health check and the home of who runs them."""
    place = site_packages(python)
    for path in sorted(sdk.folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield LayerFile(path=f"{place}/modelway/{path.relative_to(sdk.folder).as_posix()}", content=path)
    metadata = f"Metadata-Version: 2.1\nName: modelway\nVersion: {sdk.version}\n"
    yield LayerFile(path=f"{place}/modelway-{sdk.version}.dist-info/METADATA", content=metadata.encode())
    yield LayerFile(path=f"{place}/modelway-{sdk.version}.dist-info/INSTALLER", content=b"modelway\n")
    yield LayerFile(path=f"{PREFIX}/bin/modelway", content=_LAUNCHER.encode(), executable=True)
    yield LayerFile(path=HEALTH, content=_HEALTH_CHECK.encode(), executable=True)
    yield LayerFolder(path=HOME, owner=USER)


def weight_groups(manifest: Manifest) -> list[tuple[FileEntry, ...]]:
    """The model files by layer: large ones alone, the others together."""
    data = [entry for entry in manifest.files if entry.role == "data"]
    large = sorted((entry for entry in data if entry.size >= LARGE_FILE), key=lambda entry: (-entry.size, entry.path))
    alone = sorted(large[:MOST_LARGE_FILES], key=lambda entry: entry.path)
    rest = tuple(entry for entry in data if entry not in alone)
    return [*([rest] if rest else []), *((entry,) for entry in alone)]


def group_key(group: tuple[FileEntry, ...]) -> list[object]:
    """What a layer of model files follows from."""
    return ["files", [[entry.path, entry.size, entry.sha256] for entry in group]]


def weight_entries(group: tuple[FileEntry, ...], folder: Path) -> Iterator[Entry]:
    """One group's files from the unpacked package."""
    for entry in group:
        yield LayerFile(path=f"{PACKAGE}/{entry.path}", content=folder / entry.path)


def code_entries(package: LoadedPackage, sdk_version: str) -> Iterator[Entry]:
    """Code, manifest, lock and the bill of materials: what changes from version to version, in kilobytes."""
    lock = package.lock.read_bytes()
    yield LayerFile(path=f"{PACKAGE}/{MANIFEST_NAME}", content=package.folder / MANIFEST_NAME)
    yield LayerFile(path=f"{PACKAGE}/{LOCK_ENTRY}", content=lock)
    yield LayerFile(path=SBOM, content=bill_of_materials(lock, package.manifest, sdk_version))
    yield LayerFolder(path=f"{PACKAGE}/files")
    yield LayerFolder(path=f"{PACKAGE}/code")
    for entry in package.manifest.files:
        if entry.role == "code":
            yield LayerFile(path=f"{PACKAGE}/{entry.path}", content=package.folder / entry.path)
