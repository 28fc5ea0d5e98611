"""Three simulated days of a model, as the benchmark has weeks of them: what was put in is found, a day without anything is left alone."""

import pytest
from benchmarks.anomalies import score
from benchmarks.anomaly_detectors import BEGIN, ours
from benchmarks.anomaly_weeks import MINUTES_PER_DAY, simulate


@pytest.mark.timeout(240)
def test_what_was_put_in_is_found_and_little_else() -> None:
    weeks = simulate(1)
    end = BEGIN + 3 * MINUTES_PER_DAY
    shown = [each for each in weeks.labels if each.end < end]
    found = score([(shown, ours(weeks, models=6, end=end))])
    assert len(shown) >= 1
    assert found.recall == 1
    assert found.false == 0
