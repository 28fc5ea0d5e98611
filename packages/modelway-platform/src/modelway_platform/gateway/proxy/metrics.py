"""What a worker counts, and one Prometheus page out of what all workers counted.

Each worker leaves a snapshot file once a second; whichever worker is asked adds them up. Nothing is shared in memory, and a
worker that died still counts. Base units and histograms, so that shares over a fleet can be computed.
"""

import os
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from operator import attrgetter
from pathlib import Path

import msgspec

from modelway_platform.gateway.proxy.access_record import AccessRecord
from modelway_platform.gateway.proxy.edge.edge_metrics import EdgeCounts, edge_exposition
from modelway_platform.gateway.proxy.mirroring.mirror_metrics import MirrorCounts, mirror_exposition
from modelway_platform.gateway.proxy.replica_health import SeenReplica, UnsettledReplica, replica_exposition

BUCKETS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BOUNDS_US = tuple(round(each * 1e6) for each in BUCKETS_SECONDS)
_STATUS, _TOOK, _RETRIES = attrgetter("status"), attrgetter("duration_us"), attrgetter("retries")
_BYTES_IN, _BYTES_OUT = attrgetter("bytes_in"), attrgetter("bytes_out")
# Fewer are counted sooner one by one.
_FEW = 32
_PREFIX = "modelway_gateway"
# Snapshots come once a second. Behind an older one is no worker any more: its counts stay, its present state is none.
_ALIVE_SECONDS = 5.0
_JOBS_ALIVE_SECONDS = 30.0
JOBS_METRICS = "jobs.metrics.prom"
_HELP = {
    "requests_total": ("counter", "Requests answered, by status code."),
    "request_duration_seconds": ("histogram", "From the request's head to the end of its answer."),
    "retries_total": ("counter", "Requests sent again to another replica."),
    "retries_denied_total": ("counter", "Requests not sent again because the retry budget was used up."),
    "ejections_total": ("counter", "How often a replica was left out for a while, by failures, bad answers or checks."),
    "shed_total": ("counter", "Requests refused because the version could not have answered them in time."),
    "bytes_received_total": ("counter", "Body bytes received from callers."),
    "bytes_sent_total": ("counter", "Body bytes sent to callers."),
    "connections": ("gauge", "Open connections from callers."),
    "route_table_number": ("gauge", "Number of the route table in use; the lowest over the workers."),
    "route_table_rejected_total": ("counter", "Tables that could not be read; the last good one stayed."),
    "access_log_dropped_total": ("counter", "Access records lost because they could not be written."),
    "access_log_uncollected_total": (
        "counter",
        "Access records lost because nobody collected them before their segment went.",
    ),
}


class VersionMetrics(msgspec.Struct, dict=True):
    """Counters of one (project, model, version); the empty strings stand for requests that reached no model.

    Whoever answers a request appends its record to `answered`; `settle` counts what has come together there. A snapshot is of settled counters.
    """

    project: str
    model: str
    version: str
    codes: dict[int, int] = {}
    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS_SECONDS) + 1))
    seconds: float = 0.0
    retries: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    retries_denied: int = 0
    ejections: int = 0
    shed: int = 0

    @cached_property
    def answered(self) -> list[AccessRecord]:
        """Requests that are not yet in the other numbers; the same list for ever. No member of snapshots."""
        return []

    @property
    def requests(self) -> int:
        """How many have been answered, settled or not."""
        return sum(self.codes.values()) + len(self.answered)

    def record(self, status: int, seconds: float, bytes_in: int, bytes_out: int) -> None:
        """Count one answered request."""
        codes = self.codes
        codes[status] = codes.get(status, 0) + 1
        self.buckets[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        self.seconds += seconds
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out

    def settle(self) -> None:
        """Count what was answered since: many records together cost a fifth of what they cost one by one."""
        answered = self.answered
        if len(answered) < _FEW:
            for each in answered:
                self.record(each.status, each.duration_us / 1e6, each.bytes_in, each.bytes_out)
                self.retries += each.retries
            answered.clear()
            return
        for status, count in Counter(map(_STATUS, answered)).items():
            self.codes[status] = self.codes.get(status, 0) + count
        took = sorted(map(_TOOK, answered))
        counted = 0
        for number, bound in enumerate(_BOUNDS_US):
            within = bisect_right(took, bound, counted)
            self.buckets[number] += within - counted
            counted = within
        self.buckets[-1] += len(took) - counted
        self.seconds += sum(took) / 1e6
        self.retries += sum(map(_RETRIES, answered))
        self.bytes_in += sum(map(_BYTES_IN, answered))
        self.bytes_out += sum(map(_BYTES_OUT, answered))
        answered.clear()

    def add(self, other: "VersionMetrics") -> None:
        """Add another worker's counts of the same version."""
        for status, count in other.codes.items():
            self.codes[status] = self.codes.get(status, 0) + count
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]
        self.seconds += other.seconds
        self.retries += other.retries
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out
        self.retries_denied += other.retries_denied
        self.ejections += other.ejections
        self.shed += other.shed


class Snapshot(msgspec.Struct):
    """All counters of one worker; `alive` is known from the file's age when it is read."""

    versions: list[VersionMetrics] = []
    connections: int = 0
    table_number: int = 0
    tables_rejected: int = 0
    log_dropped: int = 0
    log_uncollected: int = 0
    edge: EdgeCounts = msgspec.field(default_factory=EdgeCounts)
    replicas: list[SeenReplica] = []
    mirrors: list[MirrorCounts] = []
    alive: bool = True
    unsettled: dict[str, UnsettledReplica] = {}


class WorkerMetrics:
    """The counters of this worker."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str, str], VersionMetrics] = {}
        self.tables_rejected = 0
        self.edge = EdgeCounts()
        self.unrouted = self.version("", "", "")

    def version(self, project: str, model: str, version: str) -> VersionMetrics:
        """The counters of a version, made at its first use and kept as long as the worker lives."""
        key = (project, model, version)
        found = self._versions.get(key)
        if found is None:
            found = self._versions[key] = VersionMetrics(project, model, version)
        return found

    def resume(self, before: Snapshot, routed: Callable[[str, str, str], bool]) -> None:
        """Go on from what the worker before this one has counted: a sum over workers must not fall when one is replaced.

        Args:
            before: Its last snapshot.
            routed: Whether (project, model, version) is still there; counts of others are left out.
        """
        self.tables_rejected += before.tables_rejected
        self.edge.resume(before.edge)
        for each in before.versions:
            if not each.project or routed(each.project, each.model, each.version):
                self.version(each.project, each.model, each.version).add(each)

    def settle(self) -> None:
        """Count what was answered since the last time."""
        for each in self._versions.values():
            if each.answered:
                each.settle()

    def snapshot(
        self, *, connections: int, table_number: int, log_dropped: int, replicas: list[SeenReplica] | None = None
    ) -> Snapshot:
        """The counters as a value."""
        self.settle()
        return Snapshot(
            versions=list(self._versions.values()),
            connections=connections,
            table_number=table_number,
            tables_rejected=self.tables_rejected,
            log_dropped=log_dropped,
            edge=self.edge,
            replicas=replicas or [],
        )


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Replace the file at `path`, whole or not at all.

    Raises:
        OSError: The disk is full or the folder is gone.
    """
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode(snapshot))
    os.replace(temporary, path)  # noqa: PTH105 (one system call, no path objects)


def read_snapshots(folder: Path) -> list[Snapshot]:
    """The snapshots of all workers; one that cannot be read is left out."""
    found = (read_snapshot(path) for path in sorted(folder.glob("worker-*.metrics.json")))
    return [each for each in found if each is not None]


def read_snapshot(path: Path) -> Snapshot | None:
    """The last snapshot of one worker; None where there is none that can be read."""
    try:
        snapshot = msgspec.json.decode(path.read_bytes(), type=Snapshot)
        snapshot.alive = time.time() - path.stat().st_mtime < _ALIVE_SECONDS
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if any(len(each.buckets) != len(BUCKETS_SECONDS) + 1 for each in snapshot.versions):
        return None  # of a release with others
    return snapshot


def jobs_page(folder: Path) -> bytes:
    """The lines that the jobs process leaves; empty where there is none, or where it has not been there for a while."""
    path = folder / JOBS_METRICS
    try:
        return path.read_bytes() if time.time() - path.stat().st_mtime < _JOBS_ALIVE_SECONDS else b""
    except OSError:
        return b""


def exposition(snapshots: list[Snapshot]) -> bytes:
    """The Prometheus text page (exposition format 0.0.4) of all workers together."""
    merged: dict[tuple[str, str, str], VersionMetrics] = {}
    for snapshot in snapshots:
        for each in snapshot.versions:
            key = (each.project, each.model, each.version)
            merged.setdefault(key, VersionMetrics(*key)).add(each)
    versions = [each for _, each in sorted(merged.items())]
    samples: dict[str, list[str]] = {name: [] for name in _HELP}
    for each in versions:
        _version_samples(each, samples)
    alive = [each for each in snapshots if each.alive]
    samples["connections"].append(_sample("connections", "", sum(each.connections for each in alive)))
    lowest = min((each.table_number for each in alive), default=0)
    samples["route_table_number"].append(_sample("route_table_number", "", lowest))
    rejected = sum(each.tables_rejected for each in snapshots)
    samples["route_table_rejected_total"].append(_sample("route_table_rejected_total", "", rejected))
    dropped = sum(each.log_dropped for each in snapshots)
    samples["access_log_dropped_total"].append(_sample("access_log_dropped_total", "", dropped))
    uncollected = sum(each.log_uncollected for each in snapshots)
    samples["access_log_uncollected_total"].append(_sample("access_log_uncollected_total", "", uncollected))
    lines: list[str] = []
    for name, (kind, text) in _HELP.items():
        lines += [f"# HELP {_PREFIX}_{name} {text}", f"# TYPE {_PREFIX}_{name} {kind}", *samples[name]]
    lines += replica_exposition(each.replicas for each in alive)
    lines += mirror_exposition(count for each in snapshots for count in each.mirrors)
    lines += edge_exposition((each.edge, each.alive) for each in snapshots)
    return ("\n".join(lines) + "\n").encode()


def _version_samples(each: VersionMetrics, samples: dict[str, list[str]]) -> None:
    labels = f'project="{each.project}",model="{each.model}",version="{each.version}"'
    for status, count in sorted(each.codes.items()):
        samples["requests_total"].append(_sample("requests_total", f'{labels},code="{status}"', count))
    histogram = samples["request_duration_seconds"]
    total = 0
    for bound, count in zip((*BUCKETS_SECONDS, "+Inf"), each.buckets, strict=True):
        total += count
        histogram.append(_sample("request_duration_seconds_bucket", f'{labels},le="{bound}"', total))
    histogram.append(_sample("request_duration_seconds_sum", labels, each.seconds))
    histogram.append(_sample("request_duration_seconds_count", labels, total))
    samples["retries_total"].append(_sample("retries_total", labels, each.retries))
    samples["retries_denied_total"].append(_sample("retries_denied_total", labels, each.retries_denied))
    samples["ejections_total"].append(_sample("ejections_total", labels, each.ejections))
    samples["shed_total"].append(_sample("shed_total", labels, each.shed))
    samples["bytes_received_total"].append(_sample("bytes_received_total", labels, each.bytes_in))
    samples["bytes_sent_total"].append(_sample("bytes_sent_total", labels, each.bytes_out))


def _sample(name: str, labels: str, value: float) -> str:
    return f"{_PREFIX}_{name}{{{labels}}} {value}" if labels else f"{_PREFIX}_{name} {value}"
