"""The environment lock: exact versions and hashes of what a package needs beside the SDK, resolved by uv."""

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from modelway.errors import InvalidPackageError, ModelwayError
from modelway.packaging.lock_text import check_lock_text
from modelway.packaging.project import Project

LOCK_FILE = "modelway.lock"
SDK = "modelway"
TIMEOUT_SECONDS = 300
_RULES = "1"  # part of the inputs' hash: a change of how we resolve makes older locks stale
_EXTRA = re.compile(r"""\s*extra\s*==\s*['"]([A-Za-z0-9._-]+)['"]\s*""")
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock as it goes into a package.

    Args:
        text: The requirements with hashes.
        python: Python it was resolved for, `3.11`.
        versions: Version by distribution.
        reused: Whether the file was there and still fits.
    """

    text: bytes
    python: str
    versions: Mapping[str, str]
    reused: bool


def lock_environment(project: Project) -> Lock:
    """The project's lock: `modelway.lock` if its inputs have not changed, else resolved anew and written there.

    Raises:
        ModelwayError: uv is missing or cannot resolve; the message has its last words.
    """
    existing = current_lock(project)
    if existing:
        return existing
    text = _with_header(_resolve(project), lock_inputs(project))
    versions = check_lock_text(text, LOCK_FILE)
    file = project.folder / LOCK_FILE
    partial = file.with_name(f".{LOCK_FILE}.{os.getpid()}.partial")
    partial.write_bytes(text)
    partial.replace(file)
    return Lock(text=text, python=python_version(), versions=versions, reused=False)


def current_lock(project: Project) -> Lock | None:
    """The project's lock file if it was made from the same inputs, else None."""
    file = project.folder / LOCK_FILE
    if not file.is_file():
        return None
    text = file.read_bytes()
    if f"# inputs: sha256:{_inputs_hash(lock_inputs(project))}".encode() not in text.split(b"\n", 4)[:4]:
        return None
    return Lock(text=text, python=python_version(), versions=check_lock_text(text, LOCK_FILE), reused=True)


def python_version() -> str:
    """`3.11`: what a package made by this interpreter is locked for."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def lock_inputs(project: Project) -> tuple[str, ...]:
    """The requirements to resolve: the project's own and the SDK's for serving, never the SDK itself."""
    own: list[str] = []
    extras = {"serve"}
    for requirement in project.dependencies:
        found = _NAME.match(requirement)
        if found and found[1].lower().replace("_", "-") == SDK:
            extras |= {extra.strip().lower() for extra in (found[2] or "").split(",") if extra.strip()}
        else:
            own.append(requirement.strip())
    return tuple(sorted({*own, *_sdk_requirements(extras)}))


def _sdk_requirements(extras: set[str]) -> set[str]:
    found: set[str] = set()
    for requirement in importlib.metadata.requires(SDK) or ():
        needed, _, marker = requirement.partition(";")
        wanted = _EXTRA.search(marker)
        if wanted and wanted[1].lower() not in extras:
            continue
        rest = re.sub(r"^\s*and\b|\band\s*$", "", _EXTRA.sub("", marker)).strip()
        found.add(f"{needed.strip()} ; {rest}" if rest else needed.strip())
    return found


def _inputs_hash(inputs: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join((_RULES, python_version(), *inputs)).encode()).hexdigest()


def _with_header(requirements: bytes, inputs: tuple[str, ...]) -> bytes:
    head = (
        "# Written by `modelway package` from the dependencies in pyproject.toml. Commit it; delete it to get newer versions.\n"
        f"# inputs: sha256:{_inputs_hash(inputs)}\n"
        f"# python: {python_version()}\n"
    )
    return head.encode() + requirements


def _resolve(project: Project) -> bytes:
    command = [
        find_uv(), "pip", "compile", "-", "--universal", "--generate-hashes", "--no-header", "--no-annotate",
        "--no-emit-index-url", "--no-emit-find-links", "--python-version", python_version(), "--no-progress", "--quiet",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command,
            input="\n".join(lock_inputs(project)).encode(),
            capture_output=True,
            check=False,
            cwd=project.folder,
            env=uv_environment(os.environ),
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        message = f"uv did not resolve the dependencies within {TIMEOUT_SECONDS} s"
        raise InvalidPackageError(message, hint="check the network and the package index.") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-2000:]
        raise InvalidPackageError(
            f"uv cannot resolve the dependencies of {project.name}:\n{said}",
            hint="correct [project] dependencies; a private index is set with UV_INDEX_URL, local wheels with UV_FIND_LINKS.",
        )
    return done.stdout


def uv_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment uv runs in: the caller's, and pip's folder of local wheels under uv's name."""
    found = dict(environment)
    if found.get("PIP_FIND_LINKS") and not found.get("UV_FIND_LINKS"):
        found["UV_FIND_LINKS"] = ",".join(found["PIP_FIND_LINKS"].split())
    return found


def find_uv() -> str:
    """Path of uv: the one installed with `modelway[package]`, else the one on PATH."""
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - an optional extra

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if not found:
        message = "uv is needed to lock the environment and is not installed"
        raise ModelwayError(message, hint='install it with `pip install "modelway[package]"`.')
    return found
