"""What deciding about a request costs with 10, 1,000 and 10,000 routes, each with a published URL: CPU time per decision.

Nothing known is used: the admission of every request is decided from its head, as for a caller who comes for the first time.
`hot` asks ten routes again and again, whatever their number; `spread` asks every route in turn, which is the worst case for the
processor's own caches. Both kinds of address are asked: `/{project}/{model}/{endpoint}` and the published URL.
"""

import gc
import json
import time
from collections.abc import Sequence

from modelway.http1 import Request
from modelway_platform.domain.routing.addresses.published_url import Addressing, PublishedUrl
from modelway_platform.domain.table.route_table import ModelEntry, ReplicaEntry, RouteTable, VersionEntry
from modelway_platform.domain.table.split_table import split_table
from modelway_platform.gateway.proxy import admission, live_routes
from modelway_platform.gateway.proxy.admission import Admission
from modelway_platform.gateway.proxy.live_routes import LiveRoutes
from modelway_platform.gateway.proxy.metrics import WorkerMetrics

SIZES = (10, 1_000, 10_000)
DECISIONS = 20_000
ROUNDS = 7


def table(routes: int) -> RouteTable:
    """`routes` models, 50 to a project, each with a replica and a URL of its own."""
    return RouteTable(number=1, models=tuple(_model(number) for number in range(routes)), keys=())


def live(routes: int) -> LiveRoutes:
    """The same as the request path uses it."""
    return live_routes.build(split_table(table(routes)), LiveRoutes(), WorkerMetrics().version)


def requests(numbers: Sequence[int], *, published: bool) -> list[Request]:
    """A request to each of these routes, by its URL or by its model's address."""
    return [
        _request(_published(number, "de") if published else f"/p{number // 50}/m{number}/read") for number in numbers
    ]


def cpu_us(routes: LiveRoutes, asked: Sequence[Request]) -> float:
    """CPU microseconds per decision, once through `asked`."""
    begun = time.process_time()
    for request in asked:
        routes.addresses.clear()
        if admission.admit(Admission(), request, routes) is not None:
            raise RuntimeError("a request was refused")
    return (time.process_time() - begun) / len(asked) * 1e6


def measure() -> dict[str, float]:
    """All figures by name; sizes are measured in turn, `ROUNDS` times, so that what else the machine does hits all alike."""
    tables = {size: live(size) for size in SIZES}
    found: dict[tuple[str, str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for kind in ("address", "url"):
            for asking in ("hot", "spread"):
                for size, routes in tables.items():
                    numbers = [each % (10 if asking == "hot" else size) for each in range(DECISIONS)]
                    asked = requests(numbers, published=kind == "url")
                    gc.collect()
                    found.setdefault((kind, asking, size), []).append(cpu_us(routes, asked))
    best = {key: min(values) for key, values in found.items()}
    figures = {f"{kind}_{asking}_{size}_us": round(best[kind, asking, size], 3) for kind, asking, size in best}
    ratios = [best[kind, "hot", 10_000] / best[kind, "hot", 10] for kind in ("address", "url")]
    spread = [best[kind, "spread", 10_000] / best[kind, "spread", 10] for kind in ("address", "url")]
    figures["table_10000_build_ms"] = round(_build_ms(), 1)
    figures["routes_10k_vs_10_cpu_spread"] = round(max(spread), 3)
    figures["routes_10k_vs_10_cpu"] = round(max(ratios), 3)
    return figures


def _build_ms() -> float:
    made = table(10_000)
    begun = time.process_time()
    live_routes.build(split_table(made), LiveRoutes(), WorkerMetrics().version)
    return (time.process_time() - begun) * 1000


def _model(number: int) -> ModelEntry:
    replica = ReplicaEntry(id=f"r{number}", host="127.0.0.1", port=1)
    url = PublishedUrl(pattern=_published(number, "{lang}"), endpoint="read", methods=("POST",))
    return ModelEntry(
        project=f"p{number // 50}",
        model=f"m{number}",
        access="open",
        idempotent=False,
        timeout_seconds=1.0,
        max_body_bytes=1 << 20,
        versions=(VersionEntry(version="v1", weight=1, replicas=(replica,)),),
        addressing=Addressing(urls=(url,)),
    )


def _published(number: int, lang: str) -> str:
    return f"/api/v1/service{number}/ocr/{lang}"


def _request(target: str) -> Request:
    headers = [(b"host", b"x"), (b"content-type", b"application/json"), (b"content-length", b"2")]
    return Request(
        b"POST",
        target.encode(),
        headers,
        dict(headers),
        content_length=2,
        minor=1,
        keep_alive=True,
        expects_continue=False,
    )


def main() -> None:
    """Print a table, and the figures as JSON on the last line."""
    figures = measure()
    for name, value in figures.items():
        print(f"{name:34} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
