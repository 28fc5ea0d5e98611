"""Asks one question of a repository in a child process that is ended when it takes too long, or more than is allowed."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

LOOK_SECONDS = 120.0
MAX_ANSWER_BYTES = 128 * 1024 * 1024
_PROXIES = ("https_proxy", "http_proxy", "no_proxy")
_PASSED_ON = ("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", *_PROXIES, *(each.upper() for each in _PROXIES))
Told = TypeVar("Told")


class SourceChild:
    """Questions, each answered in a process and a folder of its own.

    Args:
        folder: Where fetched objects lie meanwhile; made when needed.
        variables: The environment, of which the child gets only what a connection needs.
        mark: Added to the child's environment, so that a later control process finds what this one left.
        seconds: How long one question may take.
    """

    def __init__(
        self, folder: Path, variables: Mapping[str, str], mark: Mapping[str, str], seconds: float = LOOK_SECONDS
    ) -> None:
        self._folder = folder
        self._environment = {name: variables[name] for name in _PASSED_ON if name in variables} | dict(mark)
        self._seconds = seconds

    async def ask(self, module: str, question: msgspec.Struct, into: type[Told]) -> Told | str:
        """The answer of `module` as `into`, or why there is none; never raises for what is wrong with the repository."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as folder:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=folder,
                env={**self._environment, "HOME": folder, "TMPDIR": folder, "PYTHONSAFEPATH": "1"},
                start_new_session=True,
                limit=MAX_ANSWER_BYTES,
            )
            try:
                async with asyncio.timeout(self._seconds):
                    told, _ = await child.communicate(msgspec.json.encode(question))
            except TimeoutError:
                return f"it was not done within {self._seconds:g} s"
            finally:
                if child.returncode is None:
                    os.killpg(child.pid, 9)
                    await child.wait()
        if child.returncode != 0:
            return f"it takes more memory, time or disk than is allowed (status {child.returncode})"
        try:
            return msgspec.json.decode(told, type=into)
        except msgspec.DecodeError:
            return "what it says cannot be understood"
