"""What a package says about itself: the first entry of the archive, from which all the others follow."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from modelway.errors import InvalidPackageError
from modelway.packaging.entry_path import HINT, check_entry_path, check_no_collisions
from modelway.packaging.lock_text import MAX_LOCK_BYTES

FORMAT = 1
MANIFEST_NAME = "manifest.json"
LOCK_ENTRY = "environment/requirements.lock"
MAX_MANIFEST_BYTES = 8 * 1024 * 1024
MAX_DECODED_BYTES = 48 * 1024 * 1024

Role = Literal["code", "data", "environment"]
FOLDER_BY_ROLE: dict[Role, str] = {"code": "code/", "data": "files/", "environment": "environment/"}

# The platform's patterns for the same names (modelway_platform.domain.identity).
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
HANDLER = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
PYTHON = re.compile(r"3\.[0-9]{1,2}")
SHA256 = re.compile(r"[0-9a-f]{64}")
# A definition's name, never an image's: where a builder looks for images is not the package's to say.
BASE = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")
# Debian Policy 5.6.1.
SYSTEM_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,99}")
MAX_SYSTEM_PACKAGES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file of the package: `path` is where it lies in the archive and in an unpacked package."""

    path: str
    size: int
    sha256: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """The library the model runs on and the version locked, so that an operator can pick a base image."""

    name: str = "python"
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What has to be installed beside the SDK: the lock's digest and how many distributions it names."""

    lock_sha256: str
    packages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A golden example: a request the package must answer before anybody may use it.

    Args:
        endpoint: Which endpoint is asked.
        request: The request's JSON.
        response: What must come back; without one, any answer that is not an error will do.
        tolerance: How far a number may be off, absolute below 1 and relative above.
    """

    endpoint: str
    request: Any
    response: Any = None
    tolerance: float = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePoint:
    """How one batch size did on the machine that made the package.

    Args:
        endpoint: Which endpoint.
        batch_size: How many requests went together.
        seconds: Median time of the whole batch, decoding and encoding included.
        peak_memory_bytes: The process's largest resident size so far.
    """

    endpoint: str
    batch_size: int
    seconds: float
    peak_memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything known of a package without running it.

    Args:
        format: Layout of archive and manifest; this module reads and writes `FORMAT`.
        name: The model's name (`[project] name`).
        version: The version (`[project] version`).
        sdk: Version of the SDK that made it.
        python: Python the environment was locked for, `3.11`.
        handler: `module:Class`, found in `code/`.
        framework: The library the model runs on.
        signature: `Signature.to_json()` of the handler.
        files: Every other entry of the archive, in its order.
        environment: About `environment/requirements.lock`.
        examples: At least one golden example.
        profile: What batches cost, if that was measured.
        base: Definition of the base image that the project wants; empty leaves it to whoever builds.
        dockerfile: The file of the package that says what has to be below it in an image; empty for nothing.
        system_packages: Debian packages that have to be below it.
    """

    format: int
    name: str
    version: str
    sdk: str
    python: str
    handler: str
    framework: Framework
    signature: dict[str, Any]
    files: tuple[FileEntry, ...]
    environment: Environment
    examples: tuple[Example, ...] = field(default=())
    profile: tuple[ProfilePoint, ...] = ()
    base: str = ""
    dockerfile: str = ""
    system_packages: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """Canonical JSON in one line, so that equal manifests are equal bytes."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        for name in (
            "profile",
            "base",
            "dockerfile",
            "system_packages",
        ):  # packages without them are what they were before there were any
            if not values[name]:
                del values[name]
        return msgspec.json.encode(values, order="deterministic") + b"\n"


class _Format(msgspec.Struct):
    format: int


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in `data`, checked so far that nothing it says can hurt whoever believes it."""
    _check_memory(data)
    try:
        declared = msgspec.json.decode(data, type=_Format).format
        if declared != FORMAT:
            raise InvalidPackageError(
                f"{MANIFEST_NAME}: package format {declared}, this modelway reads format {FORMAT}",
                hint="install the modelway version that made the package, or make the package again.",
            )
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidPackageError(f"{MANIFEST_NAME}: {str(error) or 'nested too deeply'}", hint=HINT) from error
    _check(manifest)
    return manifest


def _check_memory(data: bytes) -> None:
    # Nested empty lists cost 30 times their size once decoded; this bounds memory before decoding.
    needed = 64 * data.count(b"[") + 240 * data.count(b"{") + 40 * data.count(b",")
    if len(data) > MAX_MANIFEST_BYTES or needed > MAX_DECODED_BYTES:
        raise InvalidPackageError(
            f"{MANIFEST_NAME}: too large ({len(data)} bytes)",
            hint=f"keep golden examples small; the manifest may have {MAX_MANIFEST_BYTES} bytes.",
        )


def check_image_wishes(dockerfile: str, system_packages: tuple[str, ...], paths: Collection[str]) -> None:
    """What a package asks to have below it in an image.

    Raises:
        InvalidPackageError: It names what cannot be.
    """
    if dockerfile and (dockerfile not in paths or not dockerfile.startswith(FOLDER_BY_ROLE["code"])):
        raise InvalidPackageError(
            f"{MANIFEST_NAME}: dockerfile: no code of the package is {dockerfile[:80]!r}", hint=HINT
        )
    wrong = [each for each in system_packages if not SYSTEM_PACKAGE.fullmatch(each)]
    if wrong or len(system_packages) > MAX_SYSTEM_PACKAGES:
        what = repr(wrong[0][:80]) if wrong else f"more than {MAX_SYSTEM_PACKAGES}"
        raise InvalidPackageError(f"{MANIFEST_NAME}: system_packages: {what} is not a Debian package", hint=HINT)


def _check(manifest: Manifest) -> None:
    patterns = (
        ("name", manifest.name, NAME),
        ("version", manifest.version, VERSION),
        ("handler", manifest.handler, HANDLER),
        ("python", manifest.python, PYTHON),
        ("environment.lock_sha256", manifest.environment.lock_sha256, SHA256),
        *([("base", manifest.base, BASE)] if manifest.base else []),
    )
    for where, value, pattern in patterns:
        if not pattern.fullmatch(value):
            raise InvalidPackageError(f"{MANIFEST_NAME}: {where}: {value[:80]!r} is not a valid value", hint=HINT)
    check_image_wishes(manifest.dockerfile, manifest.system_packages, {entry.path for entry in manifest.files})
    for entry in manifest.files:
        check_entry_path(entry.path)
        if not entry.path.startswith(FOLDER_BY_ROLE[entry.role]):
            raise InvalidPackageError(f"{entry.path!r}: a file of role '{entry.role}' lies elsewhere", hint=HINT)
        if entry.size < 0 or not SHA256.fullmatch(entry.sha256):
            raise InvalidPackageError(f"{entry.path!r}: not a valid size and sha256", hint=HINT)
    check_no_collisions([MANIFEST_NAME, *(entry.path for entry in manifest.files)])
    locks = [entry for entry in manifest.files if entry.role == "environment"]
    if [(lock.path, lock.sha256) for lock in locks] != [(LOCK_ENTRY, manifest.environment.lock_sha256)]:
        raise InvalidPackageError(f"{MANIFEST_NAME}: needs exactly one environment file, {LOCK_ENTRY}", hint=HINT)
    if locks[0].size > MAX_LOCK_BYTES:
        raise InvalidPackageError(f"entry {LOCK_ENTRY}: longer than {MAX_LOCK_BYTES} bytes", hint=HINT)
    if not manifest.examples:
        raise InvalidPackageError(f"{MANIFEST_NAME}: no golden example", hint=HINT)
