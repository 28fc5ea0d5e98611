"""Python environments for packages: built once per lock, Python and SDK, shared by all replicas that need the same."""

import asyncio
import hashlib
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelway_platform.deploy.builder.failure import PreparationError
from modelway_platform.deploy.builder.sdk_copy import SdkCopy
from modelway_platform.deploy.builder.uv_command import UvCommand

_UNFINISHED = ".making-"
_AT_ONCE = 2

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A finished environment; `seconds` is 0 for one that was there already."""

    key: str
    folder: Path
    seconds: float

    @property
    def python(self) -> Path:
        return python_of(self.folder)


def python_of(folder: Path) -> Path:
    """The interpreter of an environment."""
    return folder / "bin" / "python"


class EnvironmentBuilder:
    """Makes environments in `folder`, one build per key at a time.

    An environment appears under its key complete or not at all; what a killed process left unfinished is removed by
    `clean`.

    Args:
        folder: Holds them.
        uv: Makes them.
        sdk: What is put into each.
        interpreter: Which Python they are made of; empty for our own, or whatever uv finds in the version asked for.
    """

    def __init__(self, folder: Path, *, uv: UvCommand, sdk: SdkCopy, interpreter: str = "") -> None:
        self._folder = folder
        self._interpreter = interpreter
        self._uv = uv
        self._sdk = sdk
        self._builds: dict[str, asyncio.Task[Environment]] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def clean(self) -> None:
        """Removes unfinished environments; call before the first build."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in self._folder.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def exists(self, key: str) -> bool:
        """Whether the environment with this key is complete and its interpreter there."""
        return python_of(self._folder / key).exists()

    async def build(self, lock: Path, python: str, progress: Progress) -> Environment:
        """The environment for the requirements in `lock` on Python `python` (`3.11`).

        Raises:
            PreparationError: It cannot be made; the message says what uv said.
        """
        key = await asyncio.to_thread(self._key, lock, python)
        if self.exists(key):
            return Environment(key=key, folder=self._folder / key, seconds=0.0)
        if key not in self._builds:
            task = asyncio.create_task(self._make(key, lock, python, progress))
            task.add_done_callback(lambda _: self._builds.pop(key, None))
            self._builds[key] = task
        else:
            progress("the same environment is being built for another deployment")
        return await asyncio.shield(self._builds[key])

    async def close(self) -> None:
        """Ends running builds."""
        tasks = list(self._builds.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _key(self, lock: Path, python: str) -> str:
        try:
            content = lock.read_bytes()
        except OSError as error:
            raise PreparationError("PackageInvalid", "the package has no environment lock", lasting=True) from error
        parts = (hashlib.sha256(content).hexdigest(), python, self._sdk.digest())
        parts += (self._interpreter,) if self._interpreter else ()
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    async def _make(self, key: str, lock: Path, python: str, progress: Progress) -> Environment:
        async with self._slots:
            started = time.monotonic()
            unfinished = self._folder / f"{_UNFINISHED}{key[:16]}-{secrets.token_hex(4)}"
            try:
                await self._fill(unfinished, lock, python, progress)
                folder = self._folder / key
                await asyncio.to_thread(_move_into_place, unfinished, folder)
            except OSError as error:
                text = f"the environment cannot be written: {error.strerror or error}"
                raise PreparationError("BuildFailed", text) from error
            finally:
                await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
            return Environment(key=key, folder=folder, seconds=time.monotonic() - started)

    async def _fill(self, folder: Path, lock: Path, python: str, progress: Progress) -> None:
        progress(f"making an environment for Python {python}")
        await self._uv.run("venv", "--relocatable", "--python", self._interpreter or _interpreter(python), str(folder))
        progress("installing what the package's lock names")
        arguments = ("--require-hashes", "--python", str(python_of(folder)), str(lock))
        await self._uv.run("pip", "sync", *arguments, progress=lambda line: _tell(line, progress))
        site_packages = folder / "lib" / f"python{python}" / "site-packages"
        await asyncio.to_thread(self._sdk.install, site_packages)


def _interpreter(python: str) -> str:
    """Our own interpreter if it is of that version; otherwise whatever uv finds."""
    return sys.executable if python == f"{sys.version_info.major}.{sys.version_info.minor}" else python


def _move_into_place(unfinished: Path, folder: Path) -> None:
    if folder.exists():  # it was broken (its interpreter is gone), or it would not have been made again
        shutil.rmtree(folder)
    os.rename(unfinished, folder)  # noqa: PTH104 - the system call is the point: all or nothing


def _tell(line: str, progress: Progress) -> None:
    if re.match(r"(Resolved|Prepared|Installed|Downloading|Building) ", line):
        progress(line)
