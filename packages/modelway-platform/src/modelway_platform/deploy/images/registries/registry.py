"""What the distribution API offers: blobs and manifests of one repository, uploads that go on where they broke off."""

import http.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from modelway.errors import ModelwayError
from modelway_platform.deploy.images.content.blobs import CHUNK, BlobFolder, Incoming
from modelway_platform.deploy.images.content.descriptor import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    MAX_DOCUMENT_BYTES,
    Descriptor,
    ImageError,
    digest_of,
    manifest_type,
)
from modelway_platform.deploy.images.registries.registry_http import RegistryHttp, Reply

# A broken upload loses at most this much.
PART_BYTES = 32 * CHUNK
_BREAKS = 5
# Sending so much may take the connection's whole time limit: at 1 KB/s it must be less than 60 s.
_SENT_AT_ONCE = 32 * 1024
_ACCEPTED = f"{MANIFEST}, {INDEX}, {DOCKER_MANIFEST}, {DOCKER_INDEX}"

Report = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One repository of a registry.

    Args:
        http: Speaks to the registry.
        name: `team/digits`.
        actions: `pull` or `pull,push`.
        mount_from: Another repository there that may have our base's layers.
    """

    http: RegistryHttp
    name: str
    actions: str = "pull"
    mount_from: str = ""

    @property
    def scope(self) -> str:
        own = f"repository:{self.name}:{self.actions}"
        return f"{own} repository:{self.mount_from}:pull" if self.mount_from else own

    def has(self, blob: Descriptor) -> bool:
        """Whether the registry has the blob.

        Raises:
            ImageError: It has another size there.
        """
        reply = self.http.send("HEAD", self._path("blobs", blob.digest), scope=self.scope)
        if reply.status == HTTPStatus.NOT_FOUND:
            return False
        if reply.status != HTTPStatus.OK:
            raise self.http.refused(reply, f"blob {blob.digest}")
        if reply.headers.get("content-length", str(blob.size)) != str(blob.size):
            raise ImageError(f"{self.http.host}: blob {blob.digest} has another size there; the registry is damaged")
        return True

    def mount(self, blob: Descriptor) -> str:
        """Takes the blob over from `mount_from`; empty if that worked, else where to upload it."""
        query = f"?mount={blob.digest}&from={quote(self.mount_from, safe='')}" if self.mount_from else ""
        reply = self.http.send("POST", f"{self._path('blobs')}uploads/{query}", scope=self.scope)
        if reply.status == HTTPStatus.CREATED and self.mount_from:
            self._check_digest(reply, blob.digest)
            return ""
        if reply.status != HTTPStatus.ACCEPTED:
            raise self.http.refused(reply, "starting an upload")
        return self._location(reply)

    def upload(self, blob: Descriptor, source: Path, location: str, report: Report) -> None:
        """Sends the blob in parts; goes on from what the registry says it has when a part breaks off, or begins this blob anew.

        Raises:
            ModelwayError: The registry refuses, or broke off too often.
        """
        sent, breaks = 0, 0
        while sent < blob.size:
            length = min(PART_BYTES, blob.size - sent)
            reply = self._part(source, location, sent, length, report)
            if reply is not None and reply.status == HTTPStatus.ACCEPTED:
                sent += length
                location = self._location(reply)
                continue
            breaks += 1
            if breaks > _BREAKS or (reply is not None and reply.status != 416 and reply.status < 500):
                raise (
                    self.http.refused(reply, f"uploading {blob.digest}")
                    if reply is not None
                    else ModelwayError(
                        f"{self.http.host}: the upload of {blob.digest} broke off {breaks} times",
                        hint="check the way to the registry.",
                        code="unreachable",
                    )
                )
            self.http.pause(0.25 * 2**breaks)
            location, sent = self._resume(location, blob.size) or (self._anew(), 0)
        sign = "&" if "?" in location else "?"
        done = self.http.send("PUT", f"{location}{sign}digest={quote(blob.digest, safe='')}", scope=self.scope)
        if done.status != HTTPStatus.CREATED:
            raise self.http.refused(done, f"finishing the upload of {blob.digest}")
        self._check_digest(done, blob.digest)

    def put_manifest(self, data: bytes, media_type: str, reference: str) -> None:
        """Makes `reference` name the image with this manifest."""
        path = self._path("manifests", reference)
        reply = self.http.send("PUT", path, scope=self.scope, body=data, headers={"Content-Type": media_type})
        if reply.status != HTTPStatus.CREATED:
            raise self.http.refused(reply, f"naming the image {self.name}:{reference}")
        self._check_digest(reply, digest_of(data))

    def manifest(self, reference: str) -> tuple[Descriptor, bytes]:
        """The manifest or index with this tag or digest.

        Raises:
            ImageError: It is not what the digest asked for, or the registry's own header, says.
        """
        reply = self.http.send(
            "GET", self._path("manifests", reference), scope=self.scope, headers={"Accept": _ACCEPTED}
        )
        if reply.status != HTTPStatus.OK:
            raise self.http.refused(reply, f"{self.name}:{reference}")
        if len(reply.body) > MAX_DOCUMENT_BYTES:
            raise ImageError(f"{self.http.host}: the manifest of {self.name} is longer than {MAX_DOCUMENT_BYTES} bytes")
        digest = digest_of(reply.body)
        self._check_digest(reply, digest)
        if ":" in reference and reference != digest:
            raise ImageError(f"{self.http.host}: asked for {reference}, got a manifest with digest {digest}")
        declared = reply.headers.get("content-type", "").partition(";")[0].strip()
        return Descriptor(media_type=manifest_type(declared), digest=digest, size=len(reply.body)), reply.body

    def fetch(self, blob: Descriptor, into: BlobFolder, report: Report) -> None:
        """The blob, checked while it comes; a broken connection is tried again.

        Raises:
            ImageError: It is not what its digest says.
        """
        path = self._path("blobs", blob.digest)
        for attempt in range(_BREAKS):
            try:
                with self.http.open("GET", path, scope=self.scope) as (answer, url):
                    if answer.status != HTTPStatus.OK:
                        reply = Reply(status=answer.status, headers={}, body=answer.read(4096), url=url)
                        raise self.http.refused(reply, f"blob {blob.digest}")
                    with into.incoming(expected=blob) as target:
                        _receive(answer, target, blob.size, report)
                    return
            except (OSError, http.client.HTTPException) as error:
                if attempt == _BREAKS - 1:
                    raise self.http.unreachable("GET", path, error) from error
                self.http.pause(0.25 * 2**attempt)

    def _part(self, source: Path, location: str, start: int, length: int, report: Report) -> Reply | None:
        def body() -> Iterator[bytes]:
            with source.open("rb") as file:
                file.seek(start)
                left = length
                while left and (data := file.read(min(_SENT_AT_ONCE, left))):
                    left -= len(data)
                    report(start + length - left)
                    yield data

        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"{start}-{start + length - 1}",
        }
        try:
            with self.http.open("PATCH", location, scope=self.scope, body=body, length=length, headers=headers) as (
                answer,
                url,
            ):
                found = {name.lower(): value for name, value in answer.getheaders()}
                return Reply(status=answer.status, headers=found, body=answer.read(4096), url=url)
        except (OSError, http.client.HTTPException):
            return None

    def _anew(self) -> str:
        reply = self.http.send("POST", f"{self._path('blobs')}uploads/", scope=self.scope)
        if reply.status != HTTPStatus.ACCEPTED:
            raise self.http.refused(reply, "starting an upload")
        return self._location(reply)

    def _resume(self, location: str, size: int) -> tuple[str, int] | None:
        """Where to go on and how much is there; None where the registry has given the upload up.

        Distribution 2.8 does so after every part that broke off: it has more of it than the signed state in the address says.
        """
        reply = self.http.send("GET", location, scope=self.scope)
        if reply.status == HTTPStatus.NOT_FOUND:
            return None
        if reply.status != HTTPStatus.NO_CONTENT:
            raise self.http.refused(reply, "resuming an upload")
        first, _, last = reply.headers.get("range", "0-0").removeprefix("bytes=").partition("-")
        if first != "0" or not last.isascii() or not last.isdigit() or int(last) >= size:
            raise ImageError(f"{self.http.host}: cannot say how much of an upload it has")
        # `0-0` is said of nothing and of one octet alike; nobody's parts are one octet long.
        return self._location(reply) if reply.headers.get("location") else location, int(last) + 1 if int(last) else 0

    def _location(self, reply: Reply) -> str:
        return self.http.follow(reply.headers.get("location", ""), reply.url)

    def _check_digest(self, reply: Reply, digest: str) -> None:
        said = reply.headers.get("docker-content-digest", digest)
        if said != digest:
            raise ImageError(f"{self.http.host}: says {said[:80]!r} of content with digest {digest}; do not trust it")

    def _path(self, kind: str, reference: str = "") -> str:
        return f"/v2/{self.name}/{kind}/{reference}"


def _receive(answer: http.client.HTTPResponse, target: Incoming, size: int, report: Report) -> None:
    while data := answer.read(CHUNK):
        target.write(data)
        report(target.size)
        if target.size > size:
            return  # more than was announced: `incoming` refuses it
    if answer.length:
        raise http.client.IncompleteRead(b"", answer.length)
