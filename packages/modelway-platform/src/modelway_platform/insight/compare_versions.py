"""Compares two versions by the requests the gateway has recorded."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from modelway_platform.domain.verdicts.comparison import Comparison, ComparisonQuery, VersionSeen
from modelway_platform.domain.verdicts.experiment import Experiment, SideSeen
from modelway_platform.domain.verdicts.verdict import Plan
from modelway_platform.domain.verdicts.verdict_words import verdict_words
from modelway_platform.insight.access_segments import AccessRecord, ReadCounts, read_records
from modelway_platform.insight.record_meaning import LEFT, chosen_by_caller, duration_of, failed
from modelway_platform.store.shipped_segments import shipped_folders


@dataclass(slots=True)
class _Others:
    """What is told of a version beside the evidence."""

    refused: int = 0
    left: int = 0
    pinned: int = 0


@dataclass(frozen=True, slots=True)
class AccessComparison:
    """Reads the access segments anew for each question; nothing is kept in between.

    Args:
        access: Folder of the gateway's segments.
        plan: What is demanded of the evidence.
        shipped: Folder of the segments that other machines have sent, if there is one.
    """

    access: Path
    plan: Plan = field(default_factory=Plan)
    shipped: Path | None = None

    def compare(self, query: ComparisonQuery, *, abandoned: Callable[[], bool]) -> Comparison:
        """The comparison; takes as long as reading that much of the log takes, so call it in a thread.

        Args:
            query: What is asked.
            abandoned: Asked now and then whether to give up.

        Raises:
            UnavailableError: It was to be given up.
        """
        experiment, counts = Experiment(self.plan), ReadCounts()
        others = {query.baseline: _Others(), query.candidate: _Others()}
        prefixes = {version: f"/{query.model}/{version}/" for version in others}
        records = read_records(
            (self.access, *shipped_folders(self.shipped, "access")),
            project=query.model.project,
            model=query.model.model,
            since=query.since,
            until=query.until,
            counts=counts,
            abandoned=abandoned,
        )
        for record in records:
            other = others.get(record.version)
            if other is None or record.mirrored or record.internal:
                continue
            if query.experiment and record.experiment != query.experiment:
                continue
            if chosen_by_caller(record, prefixes[record.version]):
                other.pinned += 1
                if not query.pinned:
                    continue
            _count(record, other, experiment, candidate=record.version == query.candidate)
        findings, answer = experiment.findings(), experiment.answer()
        baseline, candidate = experiment.seen()
        return Comparison(
            query=query,
            plan=self.plan,
            baseline=_seen(baseline, others[query.baseline]),
            candidate=_seen(candidate, others[query.candidate]),
            findings=findings,
            answer=answer,
            words=verdict_words(answer, findings, query.candidate, self.plan),
            records=counts.records,
            unreadable=counts.unreadable,
        )


def _count(record: AccessRecord, other: _Others, experiment: Experiment, *, candidate: bool) -> None:
    other.left += record.status == LEFT
    other.refused += 400 <= record.status < LEFT
    experiment.observe(int(record.time), duration_of(record), candidate=candidate, failed=failed(record))


def _seen(side: SideSeen, other: _Others) -> VersionSeen:
    return VersionSeen(
        requests=side.requests,
        errors=side.errors,
        refused=other.refused,
        left=other.left,
        pinned=other.pinned,
        p50=side.p50,
        p99=side.p99,
    )
