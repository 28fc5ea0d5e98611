"""Prometheus text as OTLP metrics, after OpenTelemetry's rules for Prometheus: cumulative sums and histograms, gauges as they are."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
)
from prometheus_client.parser import text_string_to_metric_families

from modelway_platform.insight.outputs.otlp.values import key_value, resource_of

_UNITS = (("_seconds", "s"), ("_bytes", "By"), ("_octets", "By"), ("_ratio", "1"))
_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


class MetricPoints:
    """Turns the pages of one target into metrics; remembers since when its numbers have been growing.

    Args:
        service: Attributes of the resource.
        labels: That each series has, whatever the page says of them.
        most: Data points; those beyond are left out, metric by metric.
    """

    def __init__(
        self, service: Mapping[str, str | int], labels: Mapping[str, str] | None = None, *, most: int | None = None
    ) -> None:
        self._service = service
        self._labels = dict(labels or {})
        self._most = most
        self._starts: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[int, float]] = {}
        self._last = 0
        self.left_out = 0

    def resource_metrics(self, text: str, now: int) -> tuple[ResourceMetrics, int]:
        """A whole page, and how many data points are in it; `left_out` then has how many are not.

        Args:
            text: In Prometheus' format 0.0.4.
            now: In nanoseconds since 1970.

        Raises:
            ValueError: It is no such text.
        """
        found = ResourceMetrics()
        found.resource.CopyFrom(resource_of(self._service))
        scope = found.scope_metrics.add()
        scope.scope.name = "modelway.prometheus"
        points = self.left_out = 0
        before, self._starts = self._starts, {}
        try:
            for metric in self._metrics(text, now, before):
                more = _points(metric)
                if self._most is not None and points + more > self._most:
                    self.left_out += more
                    continue
                scope.metrics.append(metric)
                points += more
        except (LookupError, ArithmeticError, AttributeError, TypeError) as error:
            raise ValueError(f"no such text: {error}") from None  # who wrote it may be anybody
        self._last = now
        return found, points

    def _metrics(self, text: str, now: int, before: Mapping[Any, tuple[int, float]]) -> Iterable[Metric]:
        for family in text_string_to_metric_families(text):
            metric = self._metric(family, now, before)
            if metric is not None:
                yield metric

    def _metric(self, family: Any, now: int, before: Mapping[Any, tuple[int, float]]) -> Metric | None:
        found = Metric(description=family.documentation)
        if family.type == "histogram":
            found.name = family.name
            found.histogram.aggregation_temporality = _CUMULATIVE
            found.histogram.data_points.extend(self._histograms(family, now, before))
        elif family.type == "counter":
            found.name = f"{family.name}_total"
            found.sum.aggregation_temporality = _CUMULATIVE
            found.sum.is_monotonic = True
            for sample in family.samples:
                if sample.name == found.name and math.isfinite(sample.value):
                    labels = sample.labels | self._labels
                    point = _number(labels, sample.value, now)
                    point.start_time_unix_nano = self._start(found.name, labels, sample.value, now, before)
                    found.sum.data_points.append(point)
        else:
            found.name = family.name
            found.gauge.data_points.extend(
                _number(each.labels | self._labels, each.value, now) for each in family.samples
            )
        found.unit = next((unit for ending, unit in _UNITS if family.name.endswith(ending)), "")
        return found if _points(found) else None

    def _histograms(
        self, family: Any, now: int, before: Mapping[Any, tuple[int, float]]
    ) -> Iterable[HistogramDataPoint]:
        rows: dict[tuple[tuple[str, str], ...], dict[str, Any]] = defaultdict(lambda: {"buckets": []})
        for sample in family.samples:
            given: dict[str, str] = sample.labels
            labels = {name: value for name, value in given.items() if name != "le"} | self._labels
            row = rows[tuple(sorted(labels.items()))]
            if sample.name.endswith("_bucket"):
                row["buckets"].append((float(sample.labels["le"]), int(sample.value)))
            elif sample.name.endswith("_sum"):
                row["sum"] = sample.value
            elif sample.name.endswith("_count"):
                row["count"] = int(sample.value)
        for key, row in rows.items():
            buckets = sorted(row["buckets"])
            if not buckets or "count" not in row:
                continue
            counts = [count for _, count in buckets]
            yield HistogramDataPoint(
                attributes=[key_value(name, value) for name, value in key],
                start_time_unix_nano=self._start(family.name, dict(key), row["count"], now, before),
                time_unix_nano=now,
                count=row["count"],
                sum=row.get("sum", 0.0),
                explicit_bounds=[bound for bound, _ in buckets if math.isfinite(bound)],
                bucket_counts=[after - last for last, after in zip([0, *counts], counts, strict=False)],
            )

    def _start(
        self, name: str, labels: Mapping[str, str], value: float, now: int, before: Mapping[Any, tuple[int, float]]
    ) -> int:
        """Since when the number has been growing: when it was first looked for, or fell."""
        key = (name, tuple(sorted(labels.items())))
        start, last = before.get(key, (self._last or now, 0.0))
        if value < last:
            start = self._last
        self._starts[key] = (start, value)
        return start


def _number(labels: Mapping[str, str], value: float, now: int) -> NumberDataPoint:
    attributes = [key_value(name, text) for name, text in labels.items()]
    return NumberDataPoint(attributes=attributes, time_unix_nano=now, as_double=value)


def _points(metric: Metric) -> int:
    return len(metric.sum.data_points) + len(metric.gauge.data_points) + len(metric.histogram.data_points)
