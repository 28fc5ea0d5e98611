"""A comparison as the JSON object the API answers with."""

from math import isfinite
from typing import Any

from modelway_platform.deploy.api.exchange import moment
from modelway_platform.domain.verdicts.comparison import Comparison, VersionSeen
from modelway_platform.domain.verdicts.verdict import Finding, Metric
from modelway_platform.domain.verdicts.verdict_words import finding_words


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The verdict, what was seen of each version, and each metric; an end of an interval that is not known is null."""
    query, plan = comparison.query, comparison.plan
    return {
        "project": query.model.project,
        "model": query.model.model,
        "since": moment(query.since),
        "until": moment(query.until),
        "verdict": comparison.answer.value,
        "words": comparison.words,
        "requestsLeft": max(each.requests_left for each in comparison.findings),
        "versions": [
            _version_json(query.baseline, "baseline", comparison.baseline),
            _version_json(query.candidate, "candidate", comparison.candidate),
        ],
        "metrics": [
            {**_finding_json(each), "words": finding_words(each, query.candidate, plan)} for each in comparison.findings
        ],
        "plan": {
            "alpha": plan.alpha,
            "minimumRequests": plan.minimum,
            "effect": plan.effect,
            "latencyMargin": plan.margin,
            "pinned": query.pinned,
            "experiment": query.experiment,
        },
        "read": {"records": comparison.records, "unreadable": comparison.unreadable},
    }


def _version_json(version: str, role: str, seen: VersionSeen) -> dict[str, Any]:
    return {
        "version": version,
        "role": role,
        "requests": seen.requests,
        "errors": seen.errors,
        "errorRate": seen.errors / seen.requests if seen.requests else None,
        "refused": seen.refused,
        "left": seen.left,
        "pinned": seen.pinned,
        "p50Ms": _milliseconds(seen.p50),
        "p99Ms": _milliseconds(seen.p99),
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    is_rate = finding.metric is Metric.ERRORS
    show = _finite if is_rate else _milliseconds
    difference = None
    if finding.baseline is not None and finding.candidate is not None:
        difference = show(finding.candidate - finding.baseline)
    return {
        "metric": finding.metric.value,
        "unit": "share" if is_rate else "ms",
        "baseline": show(finding.baseline),
        "candidate": show(finding.candidate),
        "difference": difference,
        "interval": {"low": show(finding.interval.low), "high": show(finding.interval.high)},
        "verdict": finding.answer.value,
        "confirmed": finding.confirmed,
        "requestsLeft": finding.requests_left,
    }


def _milliseconds(microseconds: float | None) -> float | None:
    value = _finite(microseconds)
    return None if value is None else round(value / 1000, 4)


def _finite(value: float | None) -> float | None:
    return None if value is None or not isfinite(value) else value
