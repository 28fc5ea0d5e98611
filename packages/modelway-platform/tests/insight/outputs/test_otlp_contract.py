"""OTLP against a collector that nobody here wrote: what it has decoded is what was sent, and what it answers is understood."""

from __future__ import annotations

import random
import string
import time
from typing import TYPE_CHECKING, Any

import pytest
from journeys import rotel
from journeys.otlp_receivers import attributes
from journeys.rotel import Rotel

from modelway_platform.domain.identity import VersionKey
from modelway_platform.insight.outputs.otlp.model_servers import ModelServer, Round, ServerPage
from modelway_platform.insight.outputs.otlp.output import OtlpOutput, OtlpSettings
from modelway_platform.insight.outputs.otlp.pages import MetricsPage
from modelway_platform.insight.outputs.otlp.target import OtlpTarget
from modelway_platform.insight.outputs.receiver import AwayError

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Store

pytestmark = pytest.mark.skipif(
    not rotel.program(), reason="Rotel, an OpenTelemetry collector, is not installed (scripts/test-parts)"
)
PROTOCOLS = pytest.mark.parametrize("protocol", ["http", "grpc"])
PAGE = """# TYPE modelway_requests_total counter
modelway_requests_total{endpoint="predict",code="200"} 7
# TYPE modelway_request_duration_seconds histogram
modelway_request_duration_seconds_bucket{endpoint="predict",le="0.1"} 3
modelway_request_duration_seconds_bucket{endpoint="predict",le="+Inf"} 7
modelway_request_duration_seconds_sum{endpoint="predict"} 4.5
modelway_request_duration_seconds_count{endpoint="predict"} 7
# TYPE modelway_requests_waiting gauge
modelway_requests_waiting 2
"""


class Given:
    """One round of one model server."""

    def newest(self, _every: float) -> Round:
        server = ModelServer(id="r-1", key=VersionKey("vision", "digits", "v1"), host="10.0.0.1", port=8000)
        return Round(1, [ServerPage(server, PAGE, time.time_ns())])


def open_output(store: Store, there: Rotel, protocol: Any, delivering: Any = None, **more: Any) -> OtlpOutput:
    target = OtlpTarget(endpoint=there.endpoint(protocol), protocol=protocol, seconds=10)
    settings = OtlpSettings(target=target, service={"service.name": "modelway"}, **more)
    return OtlpOutput(settings, delivering or store.delivering())


def send(output: OtlpOutput, seconds: float = 60) -> None:
    """All there is, also to a collector that is still starting."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if not output.turn():
                return
        except AwayError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@PROTOCOLS
def test_a_collector_decodes_records_and_metrics(store: Store, tmp_path: Path, protocol: str) -> None:
    ids = store.batch(25, code="overloaded", status=503, consumer="app", bytes_in=12)
    with Rotel(tmp_path) as there:
        output = open_output(store, there, protocol)
        send(output)
        there.wait_for("records", lambda: len(there.heard.records()) >= len(ids))
        assert sorted(there.heard.request_ids()) == sorted(ids)
        assert output.state().sent == {"access": 25}
        record = there.heard.records()[0]
        assert (record.severity_text, record.event_name) == ("ERROR", "modelway.access")
        assert attributes(record).items() >= {
            "http.response.status_code": 503, "error.type": "overloaded", "modelway.consumer": "app", "http.request.body.size": 12,
        }.items()  # fmt: skip
        output.close()
        pages = (MetricsPage("gateway", lambda: PAGE),)
        output = open_output(store, there, protocol, pages=pages, servers=Given(), every=3600.0)
        send(output)
        there.wait_for("metrics", lambda: len(_resources(there)) >= 2)
        output.close()
    found = _resources(there)
    assert set(found) == {"modelway-gateway", "vision/digits"}
    resource, metrics = found["vision/digits"]
    assert resource["service.instance.id"] == resource["modelway.replica"] == "r-1"
    (total,) = metrics["modelway_requests_total"].sum.data_points
    assert total.as_double == 7
    (duration,) = metrics["modelway_request_duration_seconds"].histogram.data_points
    assert (list(duration.explicit_bounds), list(duration.bucket_counts), duration.sum) == ([0.1], [3, 4], 4.5)
    assert metrics["modelway_requests_waiting"].gauge.data_points[0].as_double == 2


@PROTOCOLS
def test_a_collector_that_was_killed_gets_the_rest(store: Store, tmp_path: Path, protocol: str) -> None:
    ids = store.batch(10)
    with Rotel(tmp_path) as there:
        output = open_output(store, there, protocol)
        send(output)
        there.wait_for("the first", lambda: set(there.heard.request_ids()) == set(ids))
        there.kill()
        ids += store.batch(10)
        with pytest.raises(AwayError, match=r"the connection was refused|closed the connection"):
            output.turn()
        there.start()
        send(output)
        there.wait_for("all", lambda: set(there.heard.request_ids()) == set(ids))
        output.close()


def test_what_a_collector_finds_too_large_is_sent_in_parts(store: Store, tmp_path: Path) -> None:
    chance = random.Random(1)
    for _ in range(40):
        store.append(1, path="".join(chance.choices(string.printable[:94], k=40_000)))
    store.collect()
    with Rotel(tmp_path, "--otlp-grpc-max-recv-msg-size-mib", "1") as there:
        output = open_output(store, there, "grpc", delivering=store.delivering(piece_records=512))
        send(output)
        there.wait_for("all", lambda: len(there.heard.records()) >= 40)
        assert sorted(there.heard.request_ids()) == sorted(f"r{number}" for number in range(1, 41))
        assert (output.state().sent, output.state().refused.get("access", 0)) == ({"access": 40}, 0)
        output.close()


def _resources(there: Rotel) -> dict[str, tuple[dict[str, str], dict[str, Any]]]:
    found: dict[str, tuple[dict[str, str], dict[str, Any]]] = {}
    for request in there.heard.metrics:
        for each in request.resource_metrics:
            resource = {one.key: one.value.string_value for one in each.resource.attributes}
            metrics = {one.name: one for scope in each.scope_metrics for one in scope.metrics}
            found.setdefault(resource["service.name"], (resource, {}))[1].update(metrics)
    return found
