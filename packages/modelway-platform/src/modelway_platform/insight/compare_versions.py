"""Compares two versions by the requests the gateway has recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from modelway_platform.domain.verdicts.bernoulli_wealth import Counts
from modelway_platform.domain.verdicts.comparison import Comparison, ComparisonQuery, CopiesSeen, VersionSeen
from modelway_platform.domain.verdicts.experiment import Experiment, SideSeen
from modelway_platform.domain.verdicts.rate_difference import Interval
from modelway_platform.domain.verdicts.rate_interval import rate_interval
from modelway_platform.domain.verdicts.told_evidence import Told, ToldEvidence
from modelway_platform.domain.verdicts.verdict import Plan, overall
from modelway_platform.domain.verdicts.verdict_words import verdict_words
from modelway_platform.insight.access_segments import AccessRecord, MirrorRecord, ReadCounts, read_records
from modelway_platform.insight.record_meaning import LEFT, chosen_by_caller, duration_of, failed
from modelway_platform.insight.rollout_evidence import Desk
from modelway_platform.insight.told_afterwards import read_told
from modelway_platform.store.files.shipped_segments import shipped_folders


@dataclass(slots=True)
class _Others:
    """What is told of a version beside the evidence; `prefix` is where callers ask for it by its number."""

    prefix: str
    refused: int = 0
    left: int = 0
    pinned: int = 0


@dataclass(slots=True)
class _Copies:
    """Of the baseline's requests to the candidate."""

    copies: int = 0
    failed: int = 0
    agreed: int = 0
    differed: int = 0

    def add(self, record: MirrorRecord) -> None:
        """One without an answer does not agree; one that nobody could compare says nothing."""
        self.copies += 1
        self.failed += failed(record)
        self.agreed += record.agree is True
        self.differed += record.agree is False or (record.agree is None and failed(record))

    def seen(self, alpha: float) -> CopiesSeen:
        """With the interval of the share that agrees."""
        differ = rate_interval(Counts(self.agreed + self.differed, self.differed), alpha)
        return CopiesSeen(
            copies=self.copies, failed=self.failed, agreed=self.agreed, differed=self.differed,
            interval=Interval(1 - differ.high, 1 - differ.low),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class AccessComparison:
    """Reads the access segments anew for each question; nothing is kept in between.

    Args:
        access: Folder of the gateway's segments.
        plan: What is demanded of the evidence.
        shipped: Folder of the segments that other machines have sent, if there is one.
        desk: Answers questions of the collected records; without it nothing that was fed back is looked at.
    """

    access: Path
    plan: Plan = field(default_factory=Plan)
    shipped: Path | None = None
    desk: Desk | None = None

    def compare(self, query: ComparisonQuery, *, abandoned: Callable[[], bool]) -> Comparison:
        """The comparison; takes as long as reading that much of the log takes, so call it in a thread.

        Args:
            query: What is asked.
            abandoned: Asked now and then whether to give up.

        Raises:
            UnavailableError: It was to be given up.
        """
        plan = replace(self.plan, rewards=query.rewards)
        experiment, counts, copies = Experiment(plan), ReadCounts(), _Copies()
        others = {each: _Others(f"/{query.model}/{each}/") for each in (query.baseline, query.candidate)}
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
            _observe(record, query, others, experiment, copies)
        baseline, candidate = experiment.seen()
        told, problem = ToldEvidence(plan), ""
        if self.desk is not None:
            problem = read_told(self.desk, query, told, since=query.since, abandoned=abandoned)
        findings = (*experiment.findings(), *told.findings((baseline.requests, candidate.requests)))
        answer = overall([each.answer for each in findings])
        return Comparison(
            query=query,
            plan=plan,
            baseline=_seen(baseline, others[query.baseline], told.baseline),
            candidate=_seen(candidate, others[query.candidate], told.candidate),
            findings=findings,
            answer=answer,
            words=verdict_words(answer, findings, query.candidate, plan),
            records=counts.records,
            unreadable=counts.unreadable,
            copies=copies.seen(plan.alpha) if copies.copies else None,
            problem=problem,
        )


def _observe(
    record: MirrorRecord, query: ComparisonQuery, others: Mapping[str, _Others], experiment: Experiment, copies: _Copies
) -> None:
    """What one record says of the two versions, if it is of one of them and asked for."""
    other = others.get(record.version)
    if other is None or record.internal:
        return
    if record.mirrored:
        if (record.version, record.primary) == (query.candidate, query.baseline):
            copies.add(record)
        return
    if query.experiment and record.experiment != query.experiment:
        return
    if chosen_by_caller(record, other.prefix):
        other.pinned += 1
        if not query.pinned:
            return
    _count(record, other, experiment, candidate=record.version == query.candidate)


def _count(record: AccessRecord, other: _Others, experiment: Experiment, *, candidate: bool) -> None:
    other.left += record.status == LEFT
    other.refused += 400 <= record.status < LEFT
    experiment.observe(int(record.time), duration_of(record), candidate=candidate, failed=failed(record))


def _seen(side: SideSeen, other: _Others, told: Told) -> VersionSeen:
    return VersionSeen(
        requests=side.requests,
        errors=side.errors,
        refused=other.refused,
        left=other.left,
        pinned=other.pinned,
        p50=side.p50,
        p95=side.p95,
        p99=side.p99,
        p999=side.p999,
        compared=told.compared,
        wrong=told.wrong,
        rewarded=told.rewarded,
        mean_reward=told.rewards / told.rewarded if told.rewarded else None,
    )
