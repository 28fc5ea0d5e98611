"""The wheels of a base image, each by name, version, file and SHA-256: what makes its digest the same everywhere."""

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from modelway.errors import InvalidRequestError, NotFoundError

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*\.whl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """One wheel; `size` in octets, 0 where its index does not say."""

    name: str
    version: str
    file: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelLock:
    """What requirements came to for one Python on one architecture.

    Args:
        python: `3.11`.
        architecture: `amd64` or `arm64`.
        requirements: From which the wheels follow, in the definition's order.
        wheels: By name.
    """

    python: str
    architecture: str
    requirements: tuple[str, ...]
    wheels: tuple[Wheel, ...]

    @property
    def size(self) -> int:
        return sum(each.size for each in self.wheels)

    def requirements_text(self) -> str:
        """For an installer: each wheel by version and hash, nothing to resolve."""
        return "".join(f"{each.name}=={each.version} \\\n    --hash=sha256:{each.sha256}\n" for each in self.wheels)

    def to_text(self) -> str:
        """As a file; no index and no address is named in it, so that it works behind any mirror."""
        lines = [
            "# Written by `modelway image base NAME --lock FILE`; delete it to get newer versions.",
            f"python = {json.dumps(self.python)}",
            f"architecture = {json.dumps(self.architecture)}",
            f"requirements = {json.dumps(self.requirements)}",
        ]
        for each in self.wheels:
            lines += ["", "[[wheel]]", f'name = "{each.name}"', f'version = "{each.version}"', f'file = "{each.file}"']
            lines += [f"size = {each.size}", f'sha256 = "{each.sha256}"']
        return "\n".join(lines) + "\n"


def make_lock(python: str, architecture: str, requirements: Iterable[str], wheels: Iterable[Wheel]) -> WheelLock:
    """A lock in its one order."""
    found = tuple(sorted(wheels, key=lambda each: each.name))
    return WheelLock(python=python, architecture=architecture, requirements=tuple(requirements), wheels=found)


def read_lock(path: Path) -> WheelLock:
    """The lock in `path`.

    Raises:
        NotFoundError: No such file.
        InvalidRequestError: It is not a lock; the message says where.
    """
    try:
        return parse_lock(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError as error:
        raise NotFoundError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"{path}: not UTF-8") from error


def parse_lock(text: str, where: str) -> WheelLock:
    """The lock in `text`; every wheel's words are checked, because an installer reads them."""
    try:
        found = tomllib.loads(text)
        wheels = [_wheel(each) for each in found.get("wheel", [])]
        requirements = [str(each) for each in found["requirements"]]
        return make_lock(str(found["python"]), str(found["architecture"]), requirements, wheels)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        hint = "delete it and write it anew with `modelway image base NAME --lock FILE`."
        raise InvalidRequestError(f"{where}: not a lock of wheels: {error}", hint=hint) from error


def _wheel(values: dict[str, Any]) -> Wheel:
    wheel = Wheel(
        name=canonicalize_name(str(values["name"])),
        version=str(values["version"]),
        file=str(values["file"]),
        size=int(values["size"]),
        sha256=str(values["sha256"]),
    )
    checks = ((wheel.name, _NAME), (wheel.version, _VERSION), (wheel.file, _FILE), (wheel.sha256, _SHA256))
    for text, pattern in checks:
        if not pattern.fullmatch(text):
            raise ValueError(f"{text[:100]!r} in wheel {wheel.name[:100]!r}")
    return wheel
