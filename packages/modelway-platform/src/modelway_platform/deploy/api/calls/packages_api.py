"""Packages: archives in, streamed to disk and verified before anybody sees them; what there is."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from google.api import httpbody_pb2

from modelway.errors import InvalidPackageError, ModelwayError, NotFoundError
from modelway_platform.deploy.api.call import Call, Caller, Implementation
from modelway_platform.deploy.api.objects.object_json import package_json
from modelway_platform.deploy.api.parts import AccessParts, DeclaredParts, PackageParts, Watching
from modelway_platform.deploy.api.reading.inspect_package import package_facts
from modelway_platform.deploy.api.schema import packages_pb2
from modelway_platform.deploy.api.streaming import changing
from modelway_platform.domain.records import PackageRecord
from modelway_platform.store.access.audit import made
from modelway_platform.store.files.packages import Admit, IncomingPackage

_PIECE_BYTES = 1024 * 1024


class PackagesService:
    """The methods around `PackageStore`."""

    def __init__(
        self, declared: DeclaredParts, packages: PackageParts, access: AccessParts, watching: Watching
    ) -> None:
        self._declared = declared
        self._packages = packages
        self._access = access
        self._watching = watching

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.Packages": {
                "ListPackages": self.list_all,
                "WatchPackages": self.watch,
                "GetPackage": self.get,
                "UploadPackage": self.upload,
            }
        }

    async def list_all(self, request: packages_pb2.ListPackagesRequest, call: Call) -> dict[str, Any]:
        """All packages, oldest first."""
        return await asyncio.to_thread(self._items, call.caller)

    def watch(self, request: packages_pb2.WatchPackagesRequest, call: Call) -> AsyncIterator[bytes | None]:
        """The same, again and again."""
        return changing(self._watching, lambda: self._items(call.caller))

    async def get(self, request: packages_pb2.GetPackageRequest, call: Call) -> dict[str, Any]:
        """One package."""
        if not await asyncio.to_thread(self._packages.store.has, request.digest):
            raise NotFoundError(f"no package {request.digest[:100]}", hint="modelway get packages")
        return await asyncio.to_thread(self._facts, request.digest)

    async def upload(self, pieces: AsyncIterator[httpbody_pb2.HttpBody], call: Call) -> dict[str, Any]:
        """A package, from its octets."""
        if call.length is not None and call.length > self._packages.store.limit:
            raise ModelwayError(
                f"the package is larger than the {self._packages.store.limit} bytes this platform accepts",
                hint="leave files out of the package that the model does not need",
                code="payload_too_large",
            )
        incoming = await asyncio.to_thread(self._packages.store.receive)
        with incoming:
            record = await _receive(pieces, incoming, lambda record: self._note(record, call))
        self._watching.changes.notify()
        return package_json(record)

    def _note(self, record: PackageRecord, call: Call) -> None:
        """In the audit log before anybody can see it: what is not there yet may be there by mistake, never the reverse."""
        facts = made({"name": record.name, "version": record.version, "size": record.size})
        self._access.audit.add(
            call.actor(), time.time(), action="uploaded", kind="Package", name=record.digest, changes=facts
        )

    def _items(self, caller: Caller) -> dict[str, Any]:
        found = self._packages.store.list()
        if caller.projects:
            declared = self._declared.documents.declared().deployments
            used = {each.deployment.package for each in declared if caller.sees(each.key.project)}
            found = [each for each in found if each.digest in used]
        return {"items": [package_json(record) for record in found]}

    def _facts(self, digest: str) -> dict[str, Any]:
        return package_json(self._packages.store.get(digest)) | package_facts(self._packages.store.path(digest))


async def _receive(
    pieces: AsyncIterator[httpbody_pb2.HttpBody], incoming: IncomingPackage, admit: Admit
) -> PackageRecord:
    gathered = bytearray()
    received = 0
    async for piece in pieces:
        gathered += piece.data
        received += len(piece.data)
        if len(gathered) >= _PIECE_BYTES:
            await asyncio.to_thread(incoming.write, bytes(gathered))
            gathered.clear()
    if not received:
        raise InvalidPackageError("the request's body is empty", hint="send the bytes of a .mwpkg file")
    await asyncio.to_thread(incoming.write, bytes(gathered))
    return await asyncio.to_thread(incoming.finish, admit)
