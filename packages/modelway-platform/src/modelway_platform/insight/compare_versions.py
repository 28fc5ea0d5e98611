"""Compares two versions by the requests the gateway has recorded."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from modelway_platform.domain.comparison import Comparison, ComparisonQuery, VersionSeen
from modelway_platform.domain.experiment import Experiment, SideSeen
from modelway_platform.domain.verdict import Plan
from modelway_platform.domain.verdict_words import verdict_words
from modelway_platform.insight.access_segments import AccessRecord, ReadCounts, read_records
from modelway_platform.store.shipped_segments import shipped_folders

_LEFT = 499


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
            if _pinned(record, prefixes[record.version]):
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


def _pinned(record: AccessRecord, prefix: str) -> bool:
    """Whether the caller chose the version: by its own URL, by an alias, or through a URL published for it."""
    if record.reason:
        return any(word == "pinned" or word.startswith("alias:") for word in record.reason.split(" "))
    return record.path.startswith(prefix)


def _count(record: AccessRecord, other: _Others, experiment: Experiment, *, candidate: bool) -> None:
    status = record.status
    left = status == _LEFT
    refused = 400 <= status < _LEFT
    other.left += left
    other.refused += refused
    # An error or a refusal is quick or slow for reasons of its own. Somebody who left had waited at least so long.
    timed = 200 <= status < 400 or left  # 101: how long a WebSocket stays open says nothing about the model
    experiment.observe(
        int(record.time), record.duration_us if timed else None, candidate=candidate, failed=status >= 500
    )


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
