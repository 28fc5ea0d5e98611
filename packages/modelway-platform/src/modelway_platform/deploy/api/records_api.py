"""Records of gateways and replicas on other machines: kept before it is answered, collected like all others."""

import asyncio
from collections.abc import Mapping
from typing import Any

from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.deploy.api.schema import records_pb2


class RecordsService:
    """The methods around the kept segments."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {"modelway.v1.Records": {"TakeAccessRecords": self.take_access}}

    async def take_access(self, request: records_pb2.TakeRecordsRequest, call: Call) -> dict[str, Any]:
        """Whole lines of a gateway's access log."""
        return await self._take(request, "access")

    async def _take(self, request: records_pb2.TakeRecordsRequest, kind: str) -> dict[str, Any]:
        kept = await asyncio.to_thread(
            self._parts.records.take,
            request.origin,
            kind,
            request.segment,
            request.start,
            request.lines.data,
            ended=request.ended,
        )
        return {"size": kept}
