"""What the gateway has counted per version, out of its Prometheus page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

REQUESTS = "modelway_gateway_requests_total"
DURATION = "modelway_gateway_request_duration_seconds_bucket"
# Text exposition format 0.0.4: name{label="value",…} number; quotes and backslashes in values are escaped.
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
Version = tuple[str, str, str]
"""Project, model, version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Since the gateway was started: answers by status class, and how many took at most as long as each edge."""

    succeeded: int = 0
    refused: int = 0
    failed: int = 0
    buckets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All versions' counts; `edges` are the buckets' upper ends in seconds, the last is infinite."""

    edges: tuple[float, ...]
    counts: Mapping[Version, Counts]


def read_page(text: str) -> Page:
    """Read it; what is not about requests is passed over, and so are lines that are not understood."""
    answers: dict[Version, dict[str, int]] = {}
    buckets: dict[Version, dict[float, int]] = {}
    for line in text.splitlines():
        if not line.startswith((REQUESTS + "{", DURATION + "{")):
            continue
        head, _, value = line.rpartition(" ")
        labels = dict(_LABEL.findall(head))
        version = (labels.get("project", ""), labels.get("model", ""), labels.get("version", ""))
        if not version[0] or labels.get("shadow") == "true":
            continue
        try:
            if line.startswith(DURATION):
                edge = float(labels["le"].replace("+Inf", "inf"))
                buckets.setdefault(version, {})[edge] = int(float(value))
            else:
                code = labels["code"][:1]
                codes = answers.setdefault(version, {})
                codes[code] = codes.get(code, 0) + int(float(value))
        except (KeyError, ValueError, OverflowError):
            continue
    edges = tuple(sorted({edge for each in buckets.values() for edge in each}))
    return Page(
        edges=edges,
        counts={
            version: _counts(answers.get(version, {}), buckets.get(version, {}), edges)
            for version in answers.keys() | buckets.keys()
        },
    )


def _counts(codes: Mapping[str, int], buckets: Mapping[float, int], edges: tuple[float, ...]) -> Counts:
    failed, refused = codes.get("5", 0), codes.get("4", 0)
    return Counts(
        succeeded=sum(codes.values()) - failed - refused,
        refused=refused,
        failed=failed,
        buckets=tuple(buckets.get(edge, 0) for edge in edges),
    )
