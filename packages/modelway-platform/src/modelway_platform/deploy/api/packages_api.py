"""`/v1/packages`: archives in, streamed to disk and verified before anybody sees them; what there is."""

import asyncio
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import InvalidPackageError, ModelwayError, NotFoundError
from modelway_platform.deploy.api.exchange import flag, json_answer
from modelway_platform.deploy.api.inspect_package import package_facts
from modelway_platform.deploy.api.object_json import package_json
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.deploy.api.streaming import watch
from modelway_platform.deploy.api.transcode import call_of
from modelway_platform.domain.records import PackageRecord
from modelway_platform.store.audit import made
from modelway_platform.store.packages import IncomingPackage

_PIECE_BYTES = 1024 * 1024


class PackagesApi:
    """Handlers around `PackageStore`."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts
        self._packages = parts.packages

    def paths(self) -> list[Path]:
        """Where the handlers are found."""
        return [
            Path("/v1/packages", self.list_all, methods=["GET"]),
            Path("/v1/packages", self.upload, methods=["POST"]),
            Path("/v1/packages/{digest}", self.get, methods=["GET"]),
        ]

    async def list_all(self, request: Request) -> Response:
        """All packages, oldest first."""
        if flag(request, "watch"):
            return watch(self._parts, self._items)
        return json_answer(await asyncio.to_thread(self._items))

    async def get(self, request: Request) -> Response:
        """One package; for `HEAD` only whether it is there."""
        digest = request.path_params["digest"]
        if not await asyncio.to_thread(self._packages.has, digest):
            raise NotFoundError(f"no package {digest[:100]}", hint="modelway get packages")
        return json_answer({} if request.method == "HEAD" else await asyncio.to_thread(self._facts, digest))

    async def upload(self, request: Request) -> Response:
        """A package, from the request's body."""
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self._packages.limit:
            raise ModelwayError(
                f"the package is larger than the {self._packages.limit} bytes this platform accepts",
                hint="leave files out of the package that the model does not need",
                code="payload_too_large",
            )
        incoming = await asyncio.to_thread(self._packages.receive)
        with incoming:
            record = await self._receive(request, incoming)
        author = call_of(request).actor("Packages.Upload")
        facts = made({"name": record.name, "version": record.version, "size": record.size})
        await asyncio.to_thread(
            lambda: self._parts.audit.add(
                author, time.time(), action="uploaded", kind="Package", name=record.digest, changes=facts
            )
        )
        self._parts.changes.notify()
        return json_answer(package_json(record), 201, {"Location": f"/v1/packages/{record.digest}"})

    async def _receive(self, request: Request, incoming: IncomingPackage) -> PackageRecord:
        gathered = bytearray()
        received = 0
        async for chunk in request.stream():
            gathered += chunk
            received += len(chunk)
            if len(gathered) >= _PIECE_BYTES:
                await asyncio.to_thread(incoming.write, bytes(gathered))
                gathered.clear()
        if not received:
            raise InvalidPackageError("the request's body is empty", hint="send the bytes of a .mwpkg file")
        await asyncio.to_thread(incoming.write, bytes(gathered))
        return await asyncio.to_thread(incoming.finish)

    def _items(self) -> dict[str, Any]:
        return {"items": [package_json(record) for record in self._packages.list()]}

    def _facts(self, digest: str) -> dict[str, Any]:
        return package_json(self._packages.get(digest)) | package_facts(self._packages.path(digest))
