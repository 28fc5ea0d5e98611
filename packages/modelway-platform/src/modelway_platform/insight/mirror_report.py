"""Adds up what the records of copies say, in memory that does not grow with their number."""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from pathlib import Path

from modelway_platform.domain.agreement.mirror_report import MirrorExample, MirrorPair, MirrorQuery, MirrorReport
from modelway_platform.domain.verdicts.latency_histogram import LatencyHistogram, bin_of
from modelway_platform.insight.access_segments import MirrorRecord, ReadCounts, read_records
from modelway_platform.store.files.shipped_segments import shipped_folders


@dataclass(slots=True)
class _Pair:
    """One pair's sums; `worst` is a heap with the mildest of the worst on top."""

    copies: int = 0
    failed: int = 0
    agreed: int = 0
    differed: int = 0
    unknown: int = 0
    scores: float = 0.0
    primary: LatencyHistogram = field(default_factory=LatencyHistogram)
    mirror: LatencyHistogram = field(default_factory=LatencyHistogram)
    worst: list[tuple[float, int, MirrorExample]] = field(default_factory=list[tuple[float, int, MirrorExample]])

    def add(self, record: MirrorRecord, examples: int) -> None:
        self.copies += 1
        self.failed += record.status >= 500
        self.primary.add(bin_of(record.primary_us))
        self.mirror.add(bin_of(record.duration_us))
        if record.agree is None:
            self.unknown += 1
            return
        score = record.score if record.score is not None else float(record.agree)
        self.scores += score
        if record.agree:
            self.agreed += 1
            return
        self.differed += 1
        example = MirrorExample(time=record.time, request_id=record.request_id, score=score, why=record.why)
        entry = (-score, -self.copies, example)  # of equals the earlier one stays
        if len(self.worst) < examples:
            heappush(self.worst, entry)
        elif examples:
            heappushpop(self.worst, entry)


@dataclass(frozen=True, slots=True)
class MirrorReports:
    """Reads the access segments anew for each question, also those that other machines have sent; nothing is kept in between."""

    access: Path
    shipped: Path | None = None

    def report(self, query: MirrorQuery, *, abandoned: Callable[[], bool]) -> MirrorReport:
        """The report; takes as long as reading that much of the log takes, so call it in a thread.

        Args:
            query: What is asked.
            abandoned: Asked now and then whether to give up.

        Raises:
            UnavailableError: It was to be given up.
        """
        pairs: dict[tuple[str, str, str], _Pair] = {}
        counts = ReadCounts()
        records = read_records(
            (self.access, *shipped_folders(self.shipped, "access")),
            project=query.model.project,
            model=query.model.model,
            since=query.since,
            until=query.until,
            counts=counts,
            abandoned=abandoned,
            kind=MirrorRecord,
        )
        for record in records:
            if record.mirrored:
                pairs.setdefault((record.primary, record.version, record.endpoint), _Pair()).add(record, query.examples)
        return MirrorReport(
            query=query,
            pairs=tuple(_pair(key, pair) for key, pair in sorted(pairs.items())),
            records=counts.records,
            unreadable=counts.unreadable,
        )


def _pair(key: tuple[str, str, str], pair: _Pair) -> MirrorPair:
    compared = pair.agreed + pair.differed
    return MirrorPair(
        source=key[0],
        version=key[1],
        endpoint=key[2],
        copies=pair.copies,
        failed=pair.failed,
        agreed=pair.agreed,
        differed=pair.differed,
        unknown=pair.unknown,
        score=pair.scores / compared if compared else None,
        primary_p50=pair.primary.quantile(0.5),
        mirror_p50=pair.mirror.quantile(0.5),
        primary_p99=pair.primary.quantile(0.99),
        mirror_p99=pair.mirror.quantile(0.99),
        examples=tuple(example for _, _, example in sorted(pair.worst, key=lambda each: each[:2], reverse=True)),
    )
