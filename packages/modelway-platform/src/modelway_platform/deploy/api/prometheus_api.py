"""`/v1/prometheus/targets`: all that Prometheus should scrape, as its HTTP service discovery asks for it.

The form: https://prometheus.io/docs/prometheus/latest/http_sd/
"""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway_platform.deploy.api.exchange import json_answer
from modelway_platform.deploy.api.parts import ApiParts


class PrometheusApi:
    """The handler around endpoints and the gateway's address."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    def paths(self) -> list[Path]:
        """Where the handler is found."""
        return [Path("/v1/prometheus/targets", self.targets, methods=["GET"])]

    async def targets(self, request: Request) -> Response:
        """Control, the gateway and every registered replica; a replica is gone from here when its lease ends."""
        own = _target(f"{request.url.scheme}://{request.url.netloc}", "control", "/metrics")
        return json_answer([own, *await asyncio.to_thread(self._others)])

    def _others(self) -> list[dict[str, Any]]:
        gateway = str(self._parts.status().get("gateway", ""))
        found = [_target(gateway, "gateway", "/_/metrics")] if gateway else []
        for each in sorted(self._parts.endpoints.endpoints(), key=lambda each: each.id):
            host = f"[{each.host}]" if ":" in each.host else each.host
            key = each.key
            labels = {"project": key.project, "model": key.model, "version": key.version, "replica": each.id}
            scheme = "https" if each.secure else "http"
            found.append(_target(f"{scheme}://{host}:{each.port}", "model-server", "/metrics", **labels))
        return found


def _target(url: str, component: str, path: str, **labels: str) -> dict[str, Any]:
    parts = urlsplit(url)
    more = {"component": component, "__metrics_path__": path, "__scheme__": parts.scheme}
    return {"targets": [parts.netloc], "labels": more | labels}
