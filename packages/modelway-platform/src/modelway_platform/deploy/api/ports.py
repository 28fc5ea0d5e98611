"""What the API asks of its siblings, as small protocols, and what stands in for one that is not there."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from modelway.errors import UnavailableError
from modelway_platform.deploy.api.reading.record_filter import EVERY_RECORD, RecordFilter
from modelway_platform.deploy.images.registries.prune_registry import PrunedImage
from modelway_platform.domain.agreement.mirror_report import MirrorQuery, MirrorReport
from modelway_platform.domain.deployments.image_needs import KeepRules
from modelway_platform.domain.deployments.phases import PhaseRun
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.routing.explanation import ExplainQuery, Explanation
from modelway_platform.domain.traffic.stretch import TrafficQuery
from modelway_platform.domain.verdicts.comparison import Comparison, ComparisonQuery
from modelway_platform.domain.verdicts.record_query import Asked, Exported, ReadyQuestion, RecordQuery
from modelway_platform.store.files.load_reports import WorkerLoad


class EndpointRegistry(Protocol):
    """Where replicas are known; `discovery.embedded.Leases` is one."""

    def register(self, endpoint: Endpoint, ttl: float) -> float:
        """Note or renew; returns the lease's length."""
        ...

    def deregister(self, endpoint_id: str) -> bool:
        """Forget; returns whether it was known."""
        ...

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All that are known now."""
        ...


class TableServer(Protocol):
    """Where gateways on other machines get the route table, and leave their word on it."""

    async def newer(self, than: int, seconds: float) -> bytes | None:
        """The table's file once its number is larger; None after `seconds`."""
        ...

    def part(self, digest: str) -> bytes:
        """One part of it; NotFoundError if there is none."""
        ...

    def said(self, gateway: str, words: Sequence[Mapping[str, Any]]) -> None:
        """What a gateway's workers said last."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which records to read; an empty text stands for any."""

    source: Literal["access", "server", "inference"] = "access"
    project: str = ""
    model: str = ""
    version: str = ""
    replica: str = ""
    request_id: str = ""
    experiment: str = ""
    mirrored: bool | None = None
    only: RecordFilter = EVERY_RECORD
    tail: int = 100
    follow: bool = False


class LogReader(Protocol):
    """Where log records come from; `deploy.api.log_files.FileLogs` is one."""

    def read(self, query: LogQuery) -> AsyncIterator[Mapping[str, Any] | None]:
        """The last `tail` records, oldest first; with `follow` then those to come, None now and then while there are none."""
        ...


class LogQueries(Protocol):
    """Who answers questions of the collected records; `insight.query.desk.QueryDesk` is one."""

    def questions(self) -> Sequence[ReadyQuestion]:
        """Those that need not be written."""
        ...

    def query(self, query: RecordQuery, *, abandoned: Callable[[], bool]) -> bytes:
        """The answer as JSON; called in a thread, and told there when nobody waits any more."""
        ...

    def ask(self, asked: Asked, *, abandoned: Callable[[], bool]) -> tuple[str, bytes]:
        """The SQL of a ready question, and its answer."""
        ...


class NoLogQueries:
    """For a process without collected records."""

    def questions(self) -> Sequence[ReadyQuestion]:
        return ()

    def query(self, query: RecordQuery, *, abandoned: Callable[[], bool]) -> bytes:
        raise UnavailableError("no records are collected here", hint="ask the platform that `modelway up` runs")

    def ask(self, asked: Asked, *, abandoned: Callable[[], bool]) -> tuple[str, bytes]:
        raise UnavailableError("no records are collected here", hint="ask the platform that `modelway up` runs")


class RecordExports(Protocol):
    """Who makes data sets; `insight.query.export.Exporter` is one."""

    def export(self, wanted: Exported, *, abandoned: Callable[[], bool]) -> AbstractContextManager[Path]:
        """The file, while the context lasts; entered in a thread."""
        ...


class NoExports:
    """For a process without collected records."""

    def export(self, wanted: Exported, *, abandoned: Callable[[], bool]) -> AbstractContextManager[Path]:
        raise UnavailableError("no records are collected here", hint="ask the platform that `modelway up` runs")


class ImagePruner(Protocol):
    """Who takes images out of registries; `apps.wiring.registry_pruner.RegistryPruner` is one."""

    def prune(
        self, cluster: str, rules: KeepRules, *, dry_run: bool, abandoned: Callable[[], bool]
    ) -> Iterator[PrunedImage]:
        """What becomes of each image; taken from in a thread, and told there when nobody waits any more."""
        ...


class NoImages:
    """For a process that deploys nothing."""

    def prune(
        self, cluster: str, rules: KeepRules, *, dry_run: bool, abandoned: Callable[[], bool]
    ) -> Iterator[PrunedImage]:
        raise UnavailableError("no images are made here", hint="ask the platform that `modelway up` runs")


class FeedbackTaker(Protocol):
    """Who keeps feedback; `store.files.feedback_segments.FeedbackSegments` is one."""

    def take(self, lines: bytes) -> None:
        """Keeps whole lines durably, all or none."""
        ...


class NoFeedback:
    """For a process that keeps none."""

    def take(self, lines: bytes) -> None:
        raise UnavailableError("no feedback is kept here", hint="send it to the platform that `modelway up` runs")


class RecordKeeper(Protocol):
    """Who keeps records of other machines; `store.files.shipped_segments.ShippedSegments` is one."""

    def take(self, origin: str, kind: str, segment: str, start: int, lines: bytes, *, ended: bool) -> int:
        """Keeps a piece of a segment durably; how many octets of the segment are here. Called in a thread.

        Raises:
            ModelwayError: It was not kept.
        """
        ...


class KeepsNoRecords:
    """For a process that keeps none."""

    def take(self, origin: str, kind: str, segment: str, start: int, lines: bytes, *, ended: bool) -> int:
        raise UnavailableError("no records are kept here", hint="send them to the platform that `modelway up` runs")


class MirrorReporter(Protocol):
    """Who adds up what copies have shown; `insight.mirror_report.MirrorReports` is one."""

    def report(self, query: MirrorQuery, *, abandoned: Callable[[], bool]) -> MirrorReport:
        """As `Comparer.compare`."""
        ...


class Comparer(Protocol):
    """Who compares versions; `insight.compare_versions.AccessComparison` is one."""

    def compare(self, query: ComparisonQuery, *, abandoned: Callable[[], bool]) -> Comparison:
        """Reads what it needs; called in a thread, and told there when nobody waits any more.

        Raises:
            UnavailableError: It was abandoned.
        """
        ...


class RequestExplainer(Protocol):
    """Who knows what would become of a request; `gateway.proxy.explain.Explainer` is one."""

    def explain(self, query: ExplainQuery) -> Explanation:
        """Called in a thread.

        Raises:
            LookupError: It names a key there is not.
        """
        ...


class NoExplainer:
    """For a process without a gateway: knows no route."""

    def explain(self, query: ExplainQuery) -> Explanation:
        return Explanation(table=0)


def no_facts() -> Mapping[str, Any]:
    """For a process that has nothing to add."""
    return {}


def nobody_listens(gateway: str, words: Sequence[WorkerLoad]) -> None:
    """For a process that scales nothing."""


def no_gateways() -> Sequence[Mapping[str, Any]]:
    """For a process without gateway workers."""
    return ()


async def nothing_to_retry(key: VersionKey) -> None:
    """For a process that deploys nothing."""


def no_series(model: ModelKey, seconds: float) -> Mapping[str, Any]:
    """For a process that keeps none."""
    return {"step": 60, "times": [], "model": {}, "versions": [], "usual": {}, "judgements": []}


def no_traffic(query: TrafficQuery, abandoned: Callable[[], bool]) -> Mapping[str, Any]:
    """For a process without collected records."""
    raise UnavailableError("no records are collected here", hint="ask the platform that `modelway up` runs")


def no_phases(name: str, revision: int) -> tuple[PhaseRun, ...]:
    """For a process that deploys nothing."""
    return ()


def nobody() -> Mapping[str, float]:
    """For a process that does not know when keys were used."""
    return {}


def none_left_out() -> Mapping[str, int]:
    """For a process that knows of no gateway."""
    return {}


def nothing_follows(_: str) -> None:
    """For a process that follows no Git source."""


def no_recorder(secret: str) -> VersionKey | None:
    """Where no replica elsewhere sends records."""
    return None


def no_other_token(_: str) -> bool:
    """For a platform of one control process."""
    return False


def always_ready() -> bool:
    """For a process that serves only once it is ready."""
    return True
