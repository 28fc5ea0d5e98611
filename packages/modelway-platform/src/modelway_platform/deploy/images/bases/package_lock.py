"""A package's lock pin by pin, as it holds for one Python on Linux."""

import re
from dataclasses import dataclass

from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

from modelway.errors import InvalidPackageError
from modelway.packaging.lock_text import check_lock_text

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One distribution of a lock; `text` is its lines."""

    name: str
    version: str
    hashes: frozenset[str]
    text: str


def pins_for(lock: bytes, python: str, architecture: str) -> dict[str, Pin]:
    """The pins whose markers hold in an image, by name.

    Args:
        lock: A package's lock.
        python: `3.11`.
        architecture: `amd64` or `arm64`.

    Raises:
        InvalidPackageError: It is not a lock, or has a marker that means nothing.
    """
    check_lock_text(lock, "the package's lock")
    machine = _MACHINES[architecture]
    where = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": machine,
        "platform_release": "",
        "platform_version": "",
        "extra": "",
    }
    found: dict[str, Pin] = {}
    for block in _blocks(lock.decode()):
        head = block.partition("\n")[0].removesuffix(" \\")
        pin, _, marker = head.partition(" ; ")
        name, _, version = pin.partition("==")
        if marker and not _holds(marker, where):
            continue
        hashes = frozenset(_HASH.findall(block))
        found[canonicalize_name(name)] = Pin(name=name, version=version, hashes=hashes, text=block)
    return found


def lock_without(pins: dict[str, Pin], left_out: frozenset[str]) -> bytes:
    """A lock of the pins that are not left out."""
    return "".join(pins[name].text for name in sorted(pins) if name not in left_out).encode()


def _blocks(text: str) -> list[str]:
    blocks: list[list[str]] = []
    for line in text.split("\n"):
        if line.startswith("    "):
            blocks[-1].append(line)
        elif line and not line.startswith("#"):
            blocks.append([line])
    return ["".join(f"{line}\n" for line in block) for block in blocks]


def _holds(marker: str, where: dict[str, str]) -> bool:
    try:
        return Marker(marker).evaluate(where)
    except InvalidMarker as error:
        raise InvalidPackageError(f"the package's lock: marker {marker[:100]!r} means nothing") from error
