"""Packages: uploaded with progress, found by digest."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from modelway.client.addresses import path_of
from modelway.client.control.calls import ControlCalls, converted
from modelway.errors import InvalidRequestError, NotFoundError


class UploadedPackage(msgspec.Struct, frozen=True, kw_only=True):
    """A package the platform now has."""

    digest: str
    name: str = ""
    version: str = ""
    size: int = 0


class _Progress:
    """A file that says how much of it has been read."""

    def __init__(self, file: BinaryIO, size: int, report: Callable[[int, int], None]) -> None:
        self._file = file
        self._size = size
        self._report = report
        self._done = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self._done += len(data)
        self._report(self._done, self._size)
        return data


_UPLOAD_SILENCE = 300.0  # the server verifies a whole archive before it answers


class PackagesClient(ControlCalls):
    """Packages."""

    def package(self, digest: str) -> dict[str, Any]:
        """One package the platform has."""
        return self._object(self._http.request("GET", "/v1/packages" + path_of(digest)))

    def has_package(self, digest: str) -> bool:
        """Whether it need not be uploaded."""
        try:
            self._http.request("HEAD", "/v1/packages" + path_of(digest))
        except NotFoundError:
            return False
        return True

    def upload_package(self, path: Path, *, report: Callable[[int, int], None] | None = None) -> UploadedPackage:
        """Sends a package archive unless the platform has it already.

        Args:
            path: The archive.
            report: Called with octets sent and octets in all.

        Raises:
            InvalidRequestError: There is no such file.
            InvalidPackageError: The platform refuses it; the message says which entry and why.
        """
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
                if self.has_package(digest):
                    return UploadedPackage(digest=digest, size=size)
                file.seek(0)
                body = _Progress(file, size, report or (lambda _done, _size: None))
                headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
                answer = self._http.request("POST", "/v1/packages", body=body, headers=headers, silence=_UPLOAD_SILENCE)
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            raise InvalidRequestError(f"cannot read the package {path}: {error.strerror}") from error
        return converted(answer.json(), UploadedPackage)

    def add_signature(self, digest: str, bundle: bytes) -> None:
        """Hands over a signature of a package that the platform has, as `modelway sign` writes it.

        Raises:
            InvalidPackageError: It is none.
            ConflictError: It is of another package.
        """
        self._post(f"/v1/packages/{digest}/signatures", {"bundle": bundle.decode()})
