"""Turns a definition's requirements into exact wheels, with uv; nothing is downloaded but metadata."""

import asyncio
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

from modelway_platform.deploy.builder.failure import PreparationError
from modelway_platform.deploy.builder.uv_command import UvCommand
from modelway_platform.deploy.images.bases.definition import BaseDefinition
from modelway_platform.deploy.images.bases.wheel_lock import Wheel, WheelLock, make_lock
from modelway_platform.deploy.images.content.descriptor import ImageError
from modelway_platform.deploy.images.layers.environment_layer import PLATFORMS

_PLACES = ("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_FIND_LINKS")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_NEWEST_GLIBC = 36  # Debian 12; what PLATFORMS says
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


def resolve(definition: BaseDefinition, architecture: str, uv: UvCommand) -> WheelLock:
    """The wheels that the requirements come to today.

    Raises:
        ImageError: They cannot be met by wheels for this Python and architecture.
    """
    with tempfile.TemporaryDirectory(prefix="modelway-resolve-") as name:
        wanted, output = Path(name) / "requirements.in", Path(name) / "pylock.toml"
        wanted.write_text("".join(f"{each}\n" for each in definition.requirements), encoding="utf-8")
        arguments = (
            *("pip", "compile", str(wanted), "-o", str(output), "--quiet", "--no-header", "--no-annotate"),
            *("--only-binary", ":all:", "--python-version", definition.python),
            *("--python-platform", PLATFORMS[architecture]),
        )
        try:
            asyncio.run(_with_settings(uv, definition.settings).run(*arguments))
        except PreparationError as error:
            raise ImageError(
                f"base {definition.name}: its requirements cannot be met: {error.message}",
                hint="only wheels for Linux with glibc 2.36 or older count; correct the requirements or name an index.",
            ) from error
        document = tomllib.loads(output.read_text(encoding="utf-8"))
    order = {tag: rank for rank, tag in enumerate(_tags(definition.python, architecture))}
    wheels = [_best(package, order, definition.name) for package in document.get("packages", [])]
    return make_lock(definition.python, architecture, definition.requirements, wheels)


def _with_settings(uv: UvCommand, settings: Mapping[str, str]) -> UvCommand:
    if any(uv.environment.get(each) for each in _PLACES):
        return uv
    return UvCommand(path=uv.path, environment={**settings, **uv.environment}, limit_seconds=uv.limit_seconds)


def _best(package: dict[str, Any], order: Mapping[Tag, int], base: str) -> Wheel:
    name, version = canonicalize_name(package["name"]), str(package["version"])
    ranked: list[tuple[int, Wheel]] = []
    for each in package.get("wheels", []):
        address = urlsplit(str(each.get("url", "")))
        file = str(each.get("name") or unquote(address.path.rpartition("/")[2]))
        ranks = [order[tag] for tag in parse_wheel_filename(file)[3] if tag in order]
        if ranks:
            size = each.get("size") or _size_here(address.scheme, unquote(address.path))
            found = Wheel(name=name, version=version, file=file, size=size, sha256=each["hashes"]["sha256"])
            ranked.append((min(ranks), found))
    if not ranked:
        raise ImageError(f"base {base}: {name} {version} has no wheel for this Python and architecture")
    return min(ranked, key=lambda each: (each[0], each[1].file))[1]


def _size_here(scheme: str, path: str) -> int:
    file = Path(path)
    return file.stat().st_size if scheme == "file" and file.is_file() else 0


def _tags(python: str, architecture: str) -> list[Tag]:
    """What the image can run, best first (PyPA platform compatibility tags)."""
    major, _, minor = python.partition(".")
    version, machine = (int(major), int(minor)), _MACHINES[architecture]
    platforms: list[str] = []
    for glibc in range(_NEWEST_GLIBC, 4, -1):
        platforms.append(f"manylinux_2_{glibc}_{machine}")
        if glibc in _OLD_NAMES:
            platforms.append(f"{_OLD_NAMES[glibc]}_{machine}")
    platforms.append(f"linux_{machine}")
    interpreter = f"cp{major}{minor}"
    return [
        *cpython_tags(version, platforms=platforms),
        *compatible_tags(version, interpreter=interpreter, platforms=platforms),
    ]
