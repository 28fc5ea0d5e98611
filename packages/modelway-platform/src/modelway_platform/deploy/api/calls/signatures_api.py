"""Signatures of packages: in, and what there is."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from modelway.errors import NotFoundError, UnavailableError
from modelway.packaging.signing import Bundle, parse_bundle
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.exchange import moment
from modelway_platform.deploy.api.parts import AccessParts, PackageParts, Watching
from modelway_platform.deploy.api.schema import signatures_pb2
from modelway_platform.store.access.audit import made
from modelway_platform.store.files.signatures import PackageSignatures


class SignaturesService:
    """The methods around `PackageSignatures`."""

    def __init__(self, packages: PackageParts, access: AccessParts, watching: Watching) -> None:
        self._packages = packages
        self._access = access
        self._watching = watching

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.PackageSignatures": {
                "ListPackageSignatures": self.list_all,
                "AddPackageSignature": self.add,
            }
        }

    async def list_all(self, request: signatures_pb2.ListPackageSignaturesRequest, call: Call) -> dict[str, Any]:
        """All of one package."""
        return await asyncio.to_thread(self._list, request.digest, request.for_project)

    async def add(self, request: signatures_pb2.AddPackageSignatureRequest, call: Call) -> dict[str, Any]:
        """One more."""
        bundle = parse_bundle(request.bundle.encode())
        author = call.actor("PackageSignatures.AddPackageSignature")
        if await asyncio.to_thread(self._signatures.add, request.digest, bundle):
            facts = made(signature_json(bundle))
            await asyncio.to_thread(
                lambda: self._access.audit.add(
                    author, time.time(), action="signed", kind="Package", name=request.digest, changes=facts
                )
            )
            self._watching.changes.notify()
        return signature_json(bundle)

    @property
    def _signatures(self) -> PackageSignatures:
        if self._packages.signatures is None:
            raise UnavailableError("no signatures are kept here", hint="ask the platform that `modelway up` runs")
        return self._packages.signatures

    def _list(self, digest: str, project: str) -> dict[str, Any]:
        if not self._packages.store.has(digest):
            raise NotFoundError(f"no package {digest[:100]}", hint="modelway get packages")
        refusal = self._packages.refusal(project, digest) if project else ""
        return {"items": [signature_json(each) for each in self._signatures.of(digest)], "refusal": refusal}


def signature_json(bundle: Bundle) -> dict[str, Any]:
    """One signature, without what only a machine can read."""
    said = bundle.statement
    return {
        "keyId": bundle.key_id,
        "package": f"{said.name}/{said.version}",
        "signedAt": moment(said.signed_at.timestamp()),
        "expiresAt": moment(said.expires_at.timestamp() if said.expires_at is not None else None),
    }
