"""Calls to an API server: get, list in pages, watch, server-side apply, merge, create, delete."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from modelway.client.addresses import path_of
from modelway.client.async_http_client import AsyncHttpClient
from modelway.errors import ModelwayError, UnavailableError
from modelway_platform.kubernetes.access import ClusterAccess
from modelway_platform.kubernetes.refusals import (
    CONFLICT,
    ApiRefusedError,
    Status,
    refusal_from_answer,
    refusal_from_status,
)

PAGE = 500
CALL_SECONDS = 30.0
WATCH_SECONDS = 120
"""How long one watch lasts; the next goes on where it ended, so that a peer that vanished is noticed."""
FIELD_MANAGER = "modelway"
APPLY_TYPE = "application/apply-patch+yaml"
APPLY_PAUSES = (0.0, 0.1, 0.4)
"""Seconds before each further try of an apply that met another."""

T = TypeVar("T")


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    items: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Versions(msgspec.Struct):
    class Version(msgspec.Struct):
        """One that is served."""

        version: str = ""

    versions: list[Version] = msgspec.field(default_factory=list["_Versions.Version"])


class Listing(msgspec.Struct, frozen=True):
    """All objects of one moment, each as JSON, and the place from which a watch goes on."""

    items: tuple[bytes, ...]
    version: str


class Change(msgspec.Struct, frozen=True):
    """One event of a watch: `ADDED`, `MODIFIED`, `DELETED`, or `BOOKMARK`, which tells of its place alone."""

    type: str
    object: bytes


class ClusterApi:
    """One API server, as one account.

    Args:
        access: Where, and as whom.
        connections: At most so many at a time; a watch takes one.
    """

    def __init__(self, access: ClusterAccess, connections: int = 8) -> None:
        self.access = access
        self._client = AsyncHttpClient(
            access.url, tls=access.tls, connect_timeout=5.0, connections=connections, refusals=refusal_from_answer
        )

    async def close(self) -> None:
        """Closes idle connections; it stays usable."""
        await self._client.close()

    async def served_versions(self, group: str) -> frozenset[str]:
        """The versions of an API group the cluster serves; none where it has no such group."""
        try:
            found = decoded(await self._call("GET", f"/apis{path_of(group)}"), _Versions)
        except ApiRefusedError as error:
            if error.status == 404:
                return frozenset()
            raise
        return frozenset(each.version for each in found.versions)

    async def get(self, path: str) -> bytes:
        """One object, or whatever is at the path.

        Raises:
            ApiRefusedError: With 404 where there is none.
            UnavailableError: Nobody answered, or not in time.
        """
        return await self._call("GET", path)

    async def list(self, path: str, selector: str = "") -> Listing:
        """All objects below a path, read in pages of one moment.

        Raises:
            ApiRefusedError: With 410 where the moment was forgotten before the last page.
        """
        items: list[bytes] = []
        query = {"limit": str(PAGE)} | ({"labelSelector": selector} if selector else {})
        while True:
            page = decoded(await self._call("GET", path, query=query), _Page)
            items += [bytes(each) for each in page.items or ()]
            if not page.metadata.continue_:
                return Listing(tuple(items), page.metadata.resource_version)
            query["continue"] = page.metadata.continue_

    async def watch(self, path: str, place: str, selector: str = "") -> AsyncIterator[Change]:
        """What changed since a place, as it happens, until the server ends it: after `WATCH_SECONDS`, at the latest.

        Raises:
            ApiRefusedError: With 410 where the place is too long ago: list anew.
        """
        query = {
            "watch": "1",
            "resourceVersion": place,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        } | ({"labelSelector": selector} if selector else {})
        until = time.monotonic() + WATCH_SECONDS + CALL_SECONDS
        headers = await self.access.credential.headers()
        try:
            stream = await self._client.stream("GET", f"{path}?{urlencode(query)}", headers=headers, until=until)
        except ModelwayError as error:
            self._note(error)
            raise
        async with stream:
            async for line in stream.lines():
                event = decoded(line, _Event)
                if event.type == "ERROR":
                    raise refusal_from_status(decoded(bytes(event.object), Status))
                yield Change(event.type, bytes(event.object))

    async def apply(self, path: str, document: Mapping[str, Any]) -> bytes:
        """Server-side apply: makes the object what `document` says of it, and leaves alone what it does not mention.

        https://kubernetes.io/docs/reference/using-api/server-side-apply/

        Raises:
            ApiRefusedError: With 409 where somebody else wrote it, again and again, at the same moment.
        """
        query, body = {"fieldManager": FIELD_MANAGER, "force": "true"}, msgspec.json.encode(document)
        for pause in APPLY_PAUSES:
            try:
                return await self._call("PATCH", path, query=query, body=body, content_type=APPLY_TYPE)
            except ApiRefusedError as error:
                if error.status != CONFLICT:
                    raise
            # Two that make the same object at once: the server says to one of them that it exists, and applies to it next time.
            await asyncio.sleep(pause)
        return await self._call("PATCH", path, query=query, body=body, content_type=APPLY_TYPE)

    async def merge(self, path: str, document: Mapping[str, Any]) -> bytes:
        """Changes what `document` mentions of an object that is there (RFC 7386).

        Raises:
            ApiRefusedError: With 404 where there is none.
        """
        query, body = {"fieldManager": FIELD_MANAGER}, msgspec.json.encode(document)
        return await self._call("PATCH", path, query=query, body=body, content_type="application/merge-patch+json")

    async def create(self, path: str, document: Mapping[str, Any]) -> bytes:
        """A new object.

        Raises:
            ApiRefusedError: With 409 where there is one of that name.
        """
        query = {"fieldManager": FIELD_MANAGER}
        return await self._call("POST", path, query=query, body=msgspec.json.encode(document))

    async def delete(self, path: str, *, grace_seconds: int | None = None, uid: str = "") -> bool:
        """Asks for an object's end; returns whether there was one (with that uid, if one is given)."""
        options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if uid:
            options["preconditions"] = {"uid": uid}
        try:
            await self._call("DELETE", path, body=msgspec.json.encode(options))
        except ApiRefusedError as error:
            if error.status == 404 or (uid and error.status == 409):
                return False
            raise
        return True

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "application/json",
    ) -> bytes:
        headers = {**await self.access.credential.headers(), **({"Content-Type": content_type} if body else {})}
        target = f"{path}?{urlencode(query)}" if query else path
        until = time.monotonic() + CALL_SECONDS
        try:
            return (await self._client.request(method, target, body=body, headers=headers, until=until)).body
        except ModelwayError as error:
            self._note(error)
            raise

    def _note(self, error: ModelwayError) -> None:
        if isinstance(error, ApiRefusedError) and error.status == 401:
            self.access.credential.refused()


def decoded(data: bytes, kind: type[T]) -> T:
    """A value the API server sent.

    Raises:
        UnavailableError: It is something else.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        message = f"Kubernetes' answer is not what was asked for: {error}"
        raise UnavailableError(message, hint="check the address: is it an API server?") from error
