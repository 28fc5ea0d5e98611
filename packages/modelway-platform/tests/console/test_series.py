"""Counts of the gateway become rates, shares and quantiles over time, within bounded memory."""

import pytest

from modelway_platform.console.metrics_page import Counts, Page, read_page
from modelway_platform.console.series import COARSE_STEPS, FINE_STEPS, MERGED, Series, quantile

ONE = ("vision", "digits", "v1")
EDGES = (0.01, 0.1, float("inf"))
TEXT = r"""# HELP modelway_gateway_requests_total Requests answered, by status code.
modelway_gateway_requests_total{project="",model="",version="",code="200"} 9
modelway_gateway_requests_total{project="vision",model="digits",version="v1",code="200"} 90
modelway_gateway_requests_total{project="vision",model="digits",version="v1",code="304"} 1
modelway_gateway_requests_total{project="vision",model="digits",version="v1",code="429"} 5
modelway_gateway_requests_total{project="vision",model="digits",version="v1",code="503"} 4
modelway_gateway_requests_total{project="vision",model="digits",version="v1",code="no number"} x
modelway_gateway_request_duration_seconds_bucket{project="vision",model="digits",version="v1",le="0.01"} 50
modelway_gateway_request_duration_seconds_bucket{project="vision",model="digits",version="v1",le="+Inf"} 100
modelway_gateway_request_duration_seconds_sum{project="vision",model="digits",version="v1"} 2.5
modelway_gateway_request_duration_seconds_bucket{project="vision",model="digits",version="v1"} 7
modelway_gateway_requests_total{broken
"""


def page(**versions: tuple[int, int, int, int]) -> Page:
    """Counts as (succeeded, failed, below 10 ms, below 100 ms), which all are below infinity."""
    return Page(
        edges=EDGES,
        counts={
            ("vision", "digits", version): Counts(
                succeeded=good, failed=failed, buckets=(fast, slow, max(good + failed, slow))
            )
            for version, (good, failed, fast, slow) in versions.items()
        },
    )


def test_a_page_is_read_by_version_and_what_is_broken_is_passed_over() -> None:
    found = read_page(TEXT)
    assert found.edges == (0.01, float("inf"))
    assert found.counts == {ONE: Counts(succeeded=91, refused=5, failed=4, buckets=(50, 100))}
    assert read_page("").counts == {}


def test_rates_shares_and_quantiles_of_each_step() -> None:
    series = Series()
    series.add(100, page(v1=(1000, 0, 1000, 1000)))
    series.add(102, page(v1=(1018, 2, 1010, 1020)))
    series.add(104, page(v1=(1018, 2, 1010, 1020), v2=(4, 0, 4, 4)))
    told = series.read(900, 104)
    assert told["times"] == [102, 104]
    one, two = told["series"]
    assert (one["version"], one["requests"], one["failed"]) == ("v1", [10, 0], [0.1, None])
    assert one["p50"][0] == 10
    assert one["p99"][0] == pytest.approx(98.2)
    assert one["total"] == {"requests": 20, "failed": 2, "refused": 0, "p50": 10, "p99": pytest.approx(98.2)}
    assert (two["version"], two["requests"], two["p99"][0]) == ("v2", [0, 2], None)
    assert series.read(900, 104, model="other")["series"] == []
    assert series.read(1, 104)["times"] == [104]


def test_a_worker_that_was_replaced_takes_its_counts_along_without_making_rates_negative() -> None:
    series = Series()
    series.add(100, page(v1=(1000, 5, 900, 1005)))
    series.add(102, page(v1=(400, 2, 300, 402)))
    series.add(104, page(v1=(410, 2, 310, 412)))
    assert series.read(900, 104)["series"][0]["requests"] == [0, 5]


def test_hours_are_kept_in_longer_steps_and_memory_is_bounded() -> None:
    series = Series()
    steps = MERGED * COARSE_STEPS + 100
    for step in range(steps + 1):
        series.add(2.0 * step, page(v1=(10 * step, 0, 10 * step, 10 * step)))
    now = 2.0 * steps
    assert len(series.read(600, now)["times"]) == pytest.approx(300, abs=1)
    hours = series.read(6 * 3600, now)
    assert FINE_STEPS < len(hours["times"]) <= COARSE_STEPS + 1
    assert set(hours["series"][0]["requests"]) == {5}
    assert hours["times"][-1] == now


def test_quantiles_interpolate_within_a_bucket() -> None:
    assert quantile(0.5, EDGES, (0, 10, 10)) == pytest.approx(55)
    assert quantile(0.99, EDGES, (0, 0, 10)) == 100, "beyond the last edge nothing is known"
    assert quantile(0.5, EDGES, (0, 0, 0)) is None
    assert quantile(0.5, EDGES, ()) is None
