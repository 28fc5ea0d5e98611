"""Records of gateways and replicas on other machines: kept before it is answered, collected like all others."""

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from typing import Any

from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.parts import RecordParts
from modelway_platform.deploy.api.reading.record_lines import own_lines
from modelway_platform.deploy.api.schema import records_pb2

log = logging.getLogger(__name__)


class RecordsService:
    """The methods around the kept segments."""

    def __init__(self, records: RecordParts) -> None:
        self._records = records

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.Records": {
                "TakeAccessRecords": self.take_access,
                "TakeInferenceRecords": self.take_inference,
            }
        }

    async def take_access(self, request: records_pb2.TakeRecordsRequest, call: Call) -> dict[str, Any]:
        """Whole lines of a gateway's access log."""
        return {"size": await asyncio.to_thread(self._take, request, "access", request.origin, request.lines.data)}

    async def take_inference(self, request: records_pb2.TakeRecordsRequest, call: Call) -> dict[str, Any]:
        """Whole lines of a model server's inference log."""
        return await asyncio.to_thread(self._take_inference, request, call)

    def _take_inference(self, request: records_pb2.TakeRecordsRequest, call: Call) -> dict[str, Any]:
        key = call.caller.records_of
        if key is None:
            return {"size": self._take(request, "inference", request.origin, request.lines.data)}
        lines, refused = own_lines(request.lines.data, key)
        if refused:
            told = {"sender": call.caller.name, "origin": call.origin, "lines": refused}
            log.warning("records of others were not taken", extra=told)
        # Under a name that only this version's replicas can write to, whatever they call themselves.
        mark = hashlib.sha256(str(key).encode()).hexdigest()[:12]
        kept = self._take(request, "inference", f"{mark}-{request.origin}", lines)
        return {"size": kept, **({"refused": refused} if refused else {})}

    def _take(self, request: records_pb2.TakeRecordsRequest, kind: str, origin: str, lines: bytes) -> int:
        return self._records.keeper.take(origin, kind, request.segment, request.start, lines, ended=request.ended)
