"""`/livez`, `/readyz`, `/metrics` and `/openapi.json`: the paths that are no methods of the schema, and are open to everybody."""

import asyncio
import time
from collections import Counter
from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route as Path

from modelway.errors import UnavailableError
from modelway_platform.deploy.api.exchange import json_answer
from modelway_platform.deploy.api.messages.openapi import openapi_document
from modelway_platform.deploy.api.parts import DeclaredParts, ProcessFacts, ReplicaParts
from modelway_platform.deploy.api.wire.exposition import families, family
from modelway_platform.domain.deployments.deployment import Phase


class HealthApi:
    """Handlers about the process; `counts` is what the frontier counts."""

    def __init__(
        self, declared: DeclaredParts, replicas: ReplicaParts, facts: ProcessFacts, counts: "Counter[tuple[str, int]]"
    ) -> None:
        self._declared = declared
        self._replicas = replicas
        self._facts = facts
        self._counts = counts
        self._started_at = time.time()
        self._version = version("modelway-platform")

    def paths(self) -> list[Path]:
        """Where the handlers are found."""
        return [
            Path("/livez", self.live, methods=["GET"]),
            Path("/readyz", self.ready, methods=["GET"]),
            Path("/metrics", self.metrics, methods=["GET"]),
            Path("/openapi.json", self.description, methods=["GET"]),
        ]

    async def live(self, request: Request) -> Response:
        """The process runs."""
        return PlainTextResponse("ok\n")

    async def ready(self, request: Request) -> Response:
        """The process can do its work: its database answers, and whoever started it agrees."""
        await asyncio.to_thread(self._declared.documents.list_routes)
        if not self._facts.ready():
            raise UnavailableError("the control process is still starting", hint="ask again in a moment")
        return PlainTextResponse("ok\n")

    async def description(self, request: Request) -> Response:
        """OpenAPI; it says nothing of what is there."""
        return json_answer(await asyncio.to_thread(openapi_document))

    async def metrics(self, request: Request) -> Response:
        """Prometheus text."""
        text = await asyncio.to_thread(self._metrics)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    def _metrics(self) -> str:
        deployments = self._declared.documents.list_deployments()
        phases = Counter(Phase.DELETING if record.deleting else record.status.phase for record in deployments)
        lines = [
            *family("modelway_build_info", "gauge", "Version of the platform.", {_label(version=self._version): 1}),
            *family("modelway_control_start_time_seconds", "gauge", "Start, in Unix time.", {"": self._started_at}),
            *family(
                "modelway_control_requests_total",
                "counter",
                "Requests answered.",
                {
                    _label(method=method, code=str(code)): count
                    for (method, code), count in sorted(self._counts.items())
                },
            ),
            *family(
                "modelway_deployments",
                "gauge",
                "Deployments by phase.",
                {_label(phase=phase.value): phases[phase] for phase in Phase},
            ),
            *family(
                "modelway_replicas_wanted",
                "gauge",
                "Replicas declared.",
                {_of(record.key): record.deployment.replicas for record in deployments if not record.deleting},
            ),
            *family(
                "modelway_replicas_ready",
                "gauge",
                "Replicas ready.",
                {_of(record.key): record.status.ready_replicas for record in deployments},
            ),
            *family("modelway_endpoints", "gauge", "Registered.", {"": len(self._replicas.endpoints.endpoints())}),
            *families(self._facts.gauges()),
        ]
        return "\n".join(lines) + "\n"


def _label(**labels: str) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def _of(key: Any) -> str:
    return _label(project=key.project, model=key.model, version=key.version)
