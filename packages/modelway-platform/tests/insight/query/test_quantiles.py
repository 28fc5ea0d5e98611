"""Quantiles by counts: within their bound of the exact ones whatever the values, in memory that does not grow with the records."""

import math
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway_platform.insight.query.quantiles import PER_MILLE
from modelway_platform.insight.query.questions import READY
from modelway_platform.insight.query.views import MACROS

ANYBODY = {"project": "", "model": "", "version": ""}
Durations = Sequence[int | None]


def asked(question: str, durations: Durations) -> dict[str, Any] | None:
    """The one row of a ready question about requests that took so long."""
    with duckdb.connect() as database:
        for macro in MACROS:
            database.execute(macro)
        database.execute(
            "CREATE TABLE access AS SELECT 'p' AS project, 'm' AS model, 'v1' AS version, 'shop' AS consumer, 'k' AS key, 200 AS status,"
            " make_timestamptz(1000000) AS time, 1 AS bytes_in, 2 AS bytes_out, false AS mirrored, false AS internal,"
            " unnest($durations::BIGINT[]) AS duration_us",
            {"durations": list(durations)},
        )
        result = database.execute(READY[question].sql, ANYBODY)
        names = [each[0] for each in result.description or ()]
        rows = result.fetchall()
    assert len(rows) <= 1
    return dict(zip(names, rows[0], strict=True)) if rows else None


def exact(values: Sequence[float], per_mille: int) -> float:
    """The least value that so many are not above, from all of them in order."""
    return sorted(values)[max(1, -(-per_mille * len(values) // 1000)) - 1]


def check(durations: Durations) -> None:
    found = asked("p99", durations)
    assert found is not None
    assert found["requests"] == len(durations)
    known = [each for each in durations if each is not None]
    if not known:
        assert found["p50_ms"] is found["p999_ms"] is found["max_ms"] is None
        return
    assert found["max_ms"] == pytest.approx(max(known) / 1000, rel=1e-12, abs=5e-4)
    for name, per_mille in PER_MILLE.items():
        right, said = exact(known, per_mille), found[f"{name}_ms"] * 1000
        slack = 1 + abs(right) * 1e-12  # of milliseconds with three digits, as doubles
        assert right - slack <= said <= right * 1.001 + slack, name
        assert min(abs(each - said) for each in known) <= slack, "it did occur"


random = np.random.default_rng(7)
HOSTILE: dict[str, Durations] = {
    "one": [1197],
    "nothing took any time": [0] * 10,
    "all equal": [40_000] * 5000,
    "two": [1, 10**9],
    "unknown": [None, None],
    "some unknown": [None, 3, None, 5, 7, None],
    "small": list(range(1200)),
    "uniform": [int(each) for each in random.integers(900, 40_900, 20_000)],
    "heavy tail": [int(each) for each in np.minimum(1000 * random.pareto(0.3, 20_000), 1e17)],
    "lognormal": [int(each) for each in random.lognormal(9, 1.5, 20_000)],
    "far apart": [100] * 989 + [200] * 10 + [10**8],
    "at the ends of bins": [round(math.exp(each / 1024)) for each in range(7000, 20_000, 3)],
    "beside the ends": [round(math.exp((each + 0.5) / 1024)) + step for each in range(8000, 12_000) for step in (-1, 0)],
    "the longest there are": [2**63 - 1, 2**63 - 2, 2**62],
}  # fmt: skip


@pytest.mark.parametrize("durations", HOSTILE.values(), ids=HOSTILE.keys())
def test_ready_quantiles_are_within_a_thousandth(durations: Durations) -> None:
    check(durations)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(0, 2000), st.integers(0, 2**63 - 1)), min_size=1, max_size=60))
def test_ready_quantiles_of_anything_are_within_a_thousandth(durations: Durations) -> None:
    check(durations)


def test_without_a_record_there_is_no_row() -> None:
    assert asked("p99", []) is None


def test_all_ready_questions_say_the_same_of_the_same_records() -> None:
    found = {name: asked(name, [1, 5, 9, 2000]) for name in ("p99", "traffic", "consumers", "timeline")}
    assert {name: row and (row["requests"], row["p99_ms"]) for name, row in found.items()} == dict.fromkeys(
        found, (4, 2.0)
    )


def near(values: Sequence[float | None], share: str) -> float | None:
    with duckdb.connect() as database:
        for macro in MACROS:
            database.execute(macro)
        found = database.execute(
            f"SELECT quantile_near(value, {share}) FROM (SELECT unnest($values::DOUBLE[]) AS value)",
            {"values": list(values)},
        ).fetchone()
    assert found is not None
    return found[0]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.floats(allow_subnormal=False, width=64)), max_size=60),
    st.sampled_from([0, 1, 250, 500, 990, 999, 1000]),
)
def test_quantile_near_is_within_half_a_thousandth_of_any_numbers(values: list[float | None], per_mille: int) -> None:
    said = near(values, f"{per_mille / 1000:.3f}")
    known = [each for each in values if each is not None and math.isfinite(each)]
    if not known:
        assert said is None
        return
    right = exact(known, per_mille)
    assert said is not None
    assert abs(said - right) <= abs(right) * 0.0005


def test_quantile_near_groups_as_other_aggregates_do() -> None:
    with duckdb.connect() as database:
        for macro in MACROS:
            database.execute(macro)
        rows = database.execute(
            "SELECT i % 2 AS odd, quantile_near(i, 0.5), quantile_disc(i, 0.5) FROM range(100000) t(i) GROUP BY odd ORDER BY odd"
        ).fetchall()
    for _, said, right in rows:
        assert said == pytest.approx(right, rel=0.0005)
