"""As whom an API server is asked: headers that go with each request. Client certificates are in the TLS context instead."""

import asyncio
import base64
import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from modelway.errors import UnavailableError

_EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_EXEC_SECONDS = 60.0
_EARLY_SECONDS = 30.0


class Credential(Protocol):
    """Gives the headers of the next request."""

    async def headers(self) -> Mapping[str, str]:
        """Headers to send.

        Raises:
            UnavailableError: There are none to be had now.
        """
        ...

    def refused(self) -> None:
        """The last ones were not accepted: whatever is remembered is to be had anew."""
        ...


@dataclass(frozen=True, slots=True)
class FixedHeaders:
    """Always the same, or none."""

    values: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    async def headers(self) -> Mapping[str, str]:
        return self.values

    def refused(self) -> None:
        pass


def bearer(token: str) -> FixedHeaders:
    """A token that does not change."""
    return FixedHeaders({"Authorization": f"Bearer {token}"})


def basic(name: str, password: str) -> FixedHeaders:
    """A name with a password, as some proxies in front of clusters want them."""
    return FixedHeaders({"Authorization": f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"})


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A token in a file, read anew for each request: Kubernetes replaces it while the pod runs."""

    path: Path

    async def headers(self) -> Mapping[str, str]:
        try:
            token = self.path.read_text(encoding="ascii").strip()  # in memory, a few hundred octets
        except (OSError, UnicodeDecodeError) as error:
            raise UnavailableError(f"the token for Kubernetes cannot be read from {self.path}") from error
        return {"Authorization": f"Bearer {token}"}

    def refused(self) -> None:
        pass


class _ExecStatus(msgspec.Struct, rename="camel"):
    token: str = ""
    expiration_timestamp: datetime | None = None


class _ExecCredential(msgspec.Struct):
    status: _ExecStatus


@dataclass(slots=True)
class ExecPlugin:
    """A program that prints a token, as managed clusters have it.

    https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins. Plugins that
    give certificates in place of tokens are refused in words.

    Args:
        command: What is run, with its arguments.
        environment: Variables it gets beside ours.
        api_version: The form of its answer.
        folder: Where it is run.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    api_version: str
    folder: Path
    _token: str = field(default="", repr=False)
    _ends: float = 0.0
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def headers(self) -> Mapping[str, str]:
        async with self._one:
            if not self._token or time.time() >= self._ends - _EARLY_SECONDS:
                await self._renew()
        return {"Authorization": f"Bearer {self._token}"}

    def refused(self) -> None:
        self._token = ""

    async def _renew(self) -> None:
        said = await self._run()
        try:
            status = msgspec.json.decode(said, type=_ExecCredential).status
        except (msgspec.MsgspecError, RecursionError):
            raise self._failed("it printed no ExecCredential") from None  # what it printed may hold a token
        if not status.token:
            raise self._failed("it gave no token; certificates from plugins are not supported")
        self._token = status.token
        self._ends = status.expiration_timestamp.timestamp() if status.expiration_timestamp else float("inf")

    async def _run(self) -> bytes:
        info = {"apiVersion": self.api_version, "kind": "ExecCredential", "spec": {"interactive": False}}
        environment = {**os.environ, **self.environment, "KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()}
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                cwd=self.folder,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise self._failed(error.strerror or type(error).__name__) from error
        try:
            async with asyncio.timeout(_EXEC_SECONDS):
                said, _ = await process.communicate()
        except TimeoutError:
            raise self._failed(f"it said nothing within {_EXEC_SECONDS:g} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if process.returncode:
            raise self._failed(f"it ended with status {process.returncode}")
        return said

    def _failed(self, why: str) -> UnavailableError:
        return UnavailableError(
            f"the credential plugin {self.command[0]} of the kubeconfig failed: {why}",
            hint="run it by hand to see more",
        )


def exec_plugin(
    command: tuple[str, ...], environment: Mapping[str, str], api_version: str, folder: Path
) -> ExecPlugin | None:
    """The plugin, or None if its answers are of a version that is not understood."""
    if api_version not in _EXEC_VERSIONS:
        return None
    return ExecPlugin(command=command, environment=environment, api_version=api_version, folder=folder)
