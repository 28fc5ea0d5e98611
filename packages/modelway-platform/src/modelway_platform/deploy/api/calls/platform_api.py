"""The platform itself: what is there in numbers, and what Prometheus should scrape.

The form of the latter: https://prometheus.io/docs/prometheus/latest/http_sd/
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.exchange import moment
from modelway_platform.deploy.api.parts import DeclaredParts, ProcessFacts, ReplicaParts
from modelway_platform.deploy.api.schema import platform_pb2


class PlatformService:
    """The methods around everything there is."""

    def __init__(self, declared: DeclaredParts, replicas: ReplicaParts, facts: ProcessFacts) -> None:
        self._declared = declared
        self._replicas = replicas
        self._facts = facts
        self._started_at = time.time()
        self._version = version("modelway-platform")

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.Platform": {
                "GetStatus": self.status,
                "GetCaller": self.caller,
                "ListPrometheusTargets": self.targets,
            },
        }

    async def status(self, request: platform_pb2.GetStatusRequest, call: Call) -> dict[str, Any]:
        """What is there, in numbers."""
        return await asyncio.to_thread(self._status)

    async def caller(self, request: platform_pb2.GetCallerRequest, call: Call) -> dict[str, Any]:
        """Who asks: a page or a tool that knows need not offer what would be refused."""
        return {"name": call.caller.name, "role": call.caller.role, "projects": list(call.caller.projects)}

    async def targets(self, request: platform_pb2.ListPrometheusTargetsRequest, call: Call) -> dict[str, Any]:
        """Control, the gateway and every registered replica; a replica is gone from here when its lease ends."""
        own = [_target(call.asked_at, "control", "/metrics")] if call.asked_at else []
        return {"items": [*own, *await asyncio.to_thread(lambda: list(self._others()))]}

    def _status(self) -> dict[str, Any]:
        declared = self._declared.documents.declared()
        return {
            "version": self._version,
            "startedAt": moment(self._started_at),
            "deployments": len(declared.deployments),
            "routes": len(declared.routes),
            "endpoints": len(self._replicas.endpoints.endpoints()),
            **self._facts.status(),
        }

    def _others(self) -> Iterator[dict[str, Any]]:
        gateway = str(self._facts.status().get("gateway", ""))
        if gateway:
            yield _target(gateway, "gateway", "/_/metrics")
        for each in sorted(self._replicas.endpoints.endpoints(), key=lambda each: each.id):
            host = f"[{each.host}]" if ":" in each.host else each.host
            key = each.key
            labels = {"project": key.project, "model": key.model, "version": key.version, "replica": each.id}
            scheme = "https" if each.secure else "http"
            yield _target(f"{scheme}://{host}:{each.port}", "model-server", "/metrics", **labels)


def _target(url: str, component: str, path: str, **labels: str) -> dict[str, Any]:
    parts = urlsplit(url)
    more = {"component": component, "__metrics_path__": path, "__scheme__": parts.scheme}
    return {"targets": [parts.netloc], "labels": more | labels}
