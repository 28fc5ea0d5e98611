"""What the engine knows of the step that a rollout is at: its evidence, how far it has been read, and what was seen when."""

from dataclasses import dataclass, field
from typing import Any

from modelway_platform.domain.verdicts.check_finding import CheckAnswer, CheckFinding, finding_json, finding_text
from modelway_platform.domain.verdicts.rollout_status import RolloutRecord
from modelway_platform.domain.verdicts.step_evidence import StepEvidence

MOST_POINTS = 120


@dataclass(slots=True)
class RolloutWatch:
    """One step under watch.

    Args:
        record: The rollout as it was when the watch began.
        places: How far each worker's segments have been read.
        answers: What the checks said last.
        points: By check, what was seen when: time, difference, and the ends of its interval; thinned out as they become many.
    """

    record: RolloutRecord
    evidence: StepEvidence
    places: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    answers: dict[str, CheckAnswer] = field(default_factory=dict[str, CheckAnswer])
    points: dict[str, list[list[float | None]]] = field(default_factory=dict[str, list[list[float | None]]])
    report: dict[str, Any] = field(default_factory=dict[str, Any])
    news: bool = True
    read_at: float = 0.0
    kept_at: float = 0.0
    asked_at: float = 0.0

    @classmethod
    def of(cls, record: RolloutRecord, kept: dict[str, Any] | None) -> "RolloutWatch":
        """The watch over a record's step, from where it was kept last."""
        status = record.status
        watch = cls(record, StepEvidence(record.rollout, status.step))
        if kept and kept.get("step") == status.step and kept.get("stepAt") == status.step_at:
            watch.evidence.restore(kept["state"])
            watch.places = {worker: (place[0], place[1]) for worker, place in kept["places"].items()}
            watch.points = kept["points"]
        return watch

    def is_of(self, record: RolloutRecord) -> bool:
        """Whether it is still this step."""
        mine, other = self.record.status, record.status
        return (mine.run, mine.step, mine.step_at) == (other.run, other.step, other.step_at)

    def to_json(self) -> dict[str, Any]:
        """What is kept, to go on with after a restart."""
        status = self.record.status
        return {
            "step": status.step,
            "stepAt": status.step_at,
            "places": self.places,
            "state": self.evidence.to_json(),
            "points": self.points,
        }

    def explain(self, name: str) -> str:
        """A check's finding in words."""
        check = next(each for each in self.evidence.checks if each.name == name)
        return finding_text(self.evidence.finding(check), self.record.rollout.candidate)

    def look(self, now: float) -> dict[str, Any]:
        """The report at this moment; it is remembered as a point of each check's band."""
        rollout, findings = self.record.rollout, self.evidence.findings()
        for each in findings:
            if each.candidate is not None:
                points = self.points.setdefault(each.check.name, [])
                points.append(_point(each, now))
                if len(points) > MOST_POINTS:
                    del points[1:-1:2]
        one, other = self.evidence.counts
        self.report = {
            "step": self.record.status.step + 1,
            "at": round(now, 3),
            "since": round(self.record.status.step_at, 3),
            "verdict": _verdict(findings).value,
            "versions": [
                {"version": version, "requests": int(counts.trials), "errors": int(counts.hits)}
                for version, counts in ((rollout.baseline, one), (rollout.candidate, other))
            ],
            "requests": self.evidence.requests,
            "minimumRequests": rollout.steps[self.record.status.step].minimum_requests,
            "requestsLeft": max((each.requests_left for each in findings), default=0),
            "checks": [
                {**finding_json(each, rollout.candidate), "points": self.points.get(each.check.name, [])}
                for each in findings
            ],
        }
        return self.report


def _verdict(findings: tuple[CheckFinding, ...]) -> CheckAnswer:
    answers = {each.answer for each in findings}
    if CheckAnswer.WORSE in answers:
        return CheckAnswer.WORSE
    return CheckAnswer.HOLD if CheckAnswer.HOLD in answers or not answers else CheckAnswer.GOOD


def _point(finding: CheckFinding, now: float) -> list[float | None]:
    one, other = finding.baseline or 0.0, finding.candidate or 0.0
    if finding.check.kind == "agreement":
        seen = other
    elif finding.check.kind == "latency":
        seen = other / one - 1 if one else 0.0
    else:
        seen = other - one
    low, high = finding.interval.low, finding.interval.high
    return [round(now, 1), *(round(each, 6) if abs(each) < 1e6 else None for each in (seen, low, high))]
