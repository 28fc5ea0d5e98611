"""A comparison as the JSON object the API answers with."""

from math import isfinite
from typing import Any

from modelway_platform.deploy.api.exchange import moment
from modelway_platform.domain.verdicts.comparison import Comparison, VersionSeen
from modelway_platform.domain.verdicts.verdict import Finding, Metric
from modelway_platform.domain.verdicts.verdict_words import copies_words, finding_words

_UNITS = {Metric.ERRORS: "share", Metric.ACCURACY: "share", Metric.REWARD: "reward"}


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
            "rewards": {"low": plan.rewards[0], "high": plan.rewards[1]},
            "pinned": query.pinned,
            "experiment": query.experiment,
        },
        "agreement": _copies_json(comparison),
        "problem": comparison.problem,
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
        "p95Ms": _milliseconds(seen.p95),
        "p99Ms": _milliseconds(seen.p99),
        "p999Ms": _milliseconds(seen.p999),
        "labelled": seen.compared,
        "accuracy": 1 - seen.wrong / seen.compared if seen.compared else None,
        "rewarded": seen.rewarded,
        "meanReward": _finite(seen.mean_reward),
    }


def _copies_json(comparison: Comparison) -> dict[str, Any] | None:
    copies = comparison.copies
    if copies is None:
        return None
    return {
        "copies": copies.copies,
        "failed": copies.failed,
        "compared": copies.agreed + copies.differed,
        "agreed": copies.agreed,
        "share": copies.share,
        "interval": {"low": _finite(copies.interval.low), "high": _finite(copies.interval.high)},
        "words": copies_words(copies, comparison.query.baseline, comparison.query.candidate),
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    unit = _UNITS.get(finding.metric, "ms")
    show = _milliseconds if unit == "ms" else _finite
    difference = None
    if finding.baseline is not None and finding.candidate is not None:
        difference = show(finding.candidate - finding.baseline)
    return {
        "metric": finding.metric.value,
        "unit": unit,
        "baseline": show(finding.baseline),
        "candidate": show(finding.candidate),
        "difference": difference,
        "interval": {"low": show(finding.interval.low), "high": show(finding.interval.high)},
        "verdict": finding.answer.value,
        "confirmed": finding.confirmed,
        "requestsLeft": finding.requests_left,
        "problem": finding.problem,
    }


def _milliseconds(microseconds: float | None) -> float | None:
    value = _finite(microseconds)
    return None if value is None else round(value / 1000, 4)


def _finite(value: float | None) -> float | None:
    return None if value is None or not isfinite(value) else value
