"""One thing that is wrong with a model, from the first alarm until it is over; however often it is seen, it is one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from modelway_platform.domain.anomalies.judgement import Cause, Finding, Judgement
from modelway_platform.domain.identity import ModelKey

CLEAR_STEPS = 10
"""So long nothing may be seen until it is over."""
BLIND_STEPS = 60
"""So long nothing may be known until it is given up."""
AGAIN_STEPS = 30
"""Seen again so soon after its end, it is the same."""


class IncidentState(StrEnum):
    """How far it is."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Together:
    """That it is one with others, as they share something: a node, gateway, cluster, project, or everything."""

    id: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """There is at most one of each model and cause that is not resolved.

    Args:
        id: Its name; empty until it is stored.
        model: Whose.
        cause: What.
        state: How far.
        finding: The worst that was seen, by surprise.
        versions: Which ones it was seen of, if versions are told apart.
        opened_at: Unix time.
        seen_at: When it was seen last.
        resolved_at: When it was over; None while it is not.
        reason: Why it is resolved.
        times: How often it came back within half an hour.
        acknowledged_by: Who said that they look after it; empty for nobody.
        acknowledged_at: When.
        note: What they said.
        together: What it is part of; None while it stands alone.
        evidence: JSON: the series with what was usual, what the platform changed at that time, requests to look at.
    """

    id: str = ""
    model: ModelKey
    cause: Cause
    state: IncidentState = IncidentState.OPEN
    finding: Finding
    versions: tuple[str, ...] = ()
    opened_at: float
    seen_at: float
    resolved_at: float | None = None
    reason: str = ""
    times: int = 1
    acknowledged_by: str = ""
    acknowledged_at: float | None = None
    note: str = ""
    together: Together | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def over(self) -> bool:
        return self.state is IncidentState.RESOLVED


def advance(
    known: Incident | None, model: ModelKey, judgements: Sequence[Judgement], *, at: float, step: int
) -> Incident | None:
    """What becomes of an incident, or of none, by what is said of its cause at a moment.

    Args:
        known: The newest incident of this model and cause, resolved or not; None without one.
        model: Whose.
        judgements: Of one cause; none if it was not judged.
        at: Unix time.
        step: Seconds of a step.

    Returns:
        The incident as it is now: the same object if nothing changed; None if there is none.
    """
    findings = sorted((each.finding for each in judgements if each.finding is not None), key=lambda each: each.surprise)
    if findings:
        return _seen(known, model, findings, at, step)
    if known is None or known.over or not judgements:
        return known
    seeing = any(not each.blind for each in judgements)
    steps = CLEAR_STEPS if seeing else BLIND_STEPS
    if at - known.seen_at < steps * step:
        return known
    reason = "back to what is usual" if seeing else "nothing could be judged any more"
    return replace(known, state=IncidentState.RESOLVED, resolved_at=at, reason=reason)


def _seen(known: Incident | None, model: ModelKey, findings: Sequence[Finding], at: float, step: int) -> Incident:
    worst = findings[0]
    versions = tuple(dict.fromkeys(each.version for each in findings if each.version))
    if known is None or (known.over and at - (known.resolved_at or 0) > AGAIN_STEPS * step):
        return Incident(model=model, cause=worst.cause, finding=worst, versions=versions, opened_at=at, seen_at=at)
    worse = worst if worst.surprise < known.finding.surprise else known.finding
    versions = tuple(dict.fromkeys((*known.versions, *versions)))
    again = replace(known, finding=worse, versions=versions, seen_at=at)
    if not known.over:
        return again
    return replace(
        again, state=IncidentState.OPEN, resolved_at=None, reason="", times=known.times + 1,
        acknowledged_by="", acknowledged_at=None, note="", together=None,
    )  # fmt: skip


def acknowledged(known: Incident, who: str, note: str, at: float) -> Incident:
    """Somebody looks after it; saying so again, or of one that is over, changes nothing but the note."""
    if known.state is not IncidentState.OPEN:
        return replace(known, note=note or known.note)
    return replace(known, state=IncidentState.ACKNOWLEDGED, acknowledged_by=who, acknowledged_at=at, note=note)
