"""Gateways: which table each serves by; the published table for those on other machines, as soon as there is a new one."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

from modelway.errors import InvalidRequestError, NotFoundError
from modelway_platform.deploy.api.call import Call, Implementation, Octets
from modelway_platform.deploy.api.parts import GatewayParts
from modelway_platform.deploy.api.ports import TableServer
from modelway_platform.deploy.api.schema import gateways_pb2
from modelway_platform.store.files.load_reports import VersionLoad, WorkerLoad

LONGEST_WAIT = 60.0
MOST_WORKERS = 256
MOST_IN_FLIGHT = 1e9
_JSON = "application/json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class GatewaysService:
    """The methods around the route table."""

    def __init__(self, gateways: GatewayParts) -> None:
        self._gateways = gateways

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.Gateways": {
                "ListGateways": self.list_all,
                "GetRouteTable": self.newer,
                "GetRouteTablePart": self.part,
                "ReportGateway": self.said,
            }
        }

    async def list_all(self, request: gateways_pb2.ListGatewaysRequest, call: Call) -> dict[str, Any]:
        """Which route table each gateway worker uses, and why not the newest."""
        return {"items": list(await asyncio.to_thread(self._gateways.said))}

    async def newer(self, request: gateways_pb2.GetRouteTableRequest, call: Call) -> Octets | None:
        """The table with a number over `after`; waits for it up to `wait` seconds."""
        for name, value in (("after", request.after), ("wait", request.wait)):
            if not 0 <= value < 2**53:
                raise InvalidRequestError(f"{name}={value:g}: expected a number from 0 on")
        data = await self._tables.newer(int(request.after), min(request.wait, LONGEST_WAIT))
        return None if data is None else Octets(data=data, content_type=_JSON)

    async def part(self, request: gateways_pb2.GetRouteTablePartRequest, call: Call) -> Octets:
        """A part the table names."""
        return Octets(data=await asyncio.to_thread(self._tables.part, request.digest), content_type=_JSON)

    async def said(self, request: gateways_pb2.ReportGatewayRequest, call: Call) -> dict[str, Any]:
        """What the workers of a gateway said last."""
        if not _NAME.fullmatch(request.name) or max(len(request.workers), len(request.load)) > MOST_WORKERS:
            raise InvalidRequestError(f"not a gateway's name, or more than {MOST_WORKERS} workers")
        words = [
            {"worker": each.worker, "number": each.number, "reason": each.reason, "at": each.at}
            for each in request.workers
        ]
        self._tables.said(request.name, words)
        self._gateways.heard_load(request.name, [_load(each) for each in request.load])
        return {}

    @property
    def _tables(self) -> TableServer:
        if self._gateways.tables is None:
            raise NotFoundError("this control process publishes no route table")
        return self._gateways.tables


def _load(said: gateways_pb2.WorkerLoad) -> WorkerLoad:
    """One worker's load; numbers below nothing, or that are none, count as nothing."""
    versions = tuple(
        VersionLoad(
            name=each.name,
            in_flight=each.in_flight if 0 <= each.in_flight < MOST_IN_FLIGHT else 0.0,
            held=max(each.held, 0),
            active=each.active,
            refused=max(each.refused, 0),
        )
        for each in said.versions
    )
    return WorkerLoad(worker=said.worker, versions=versions)
