"""Slips that delete a project one by one are noticed half way."""

import pytest

from modelway_platform.domain.documents.mass_deletion import WINDOW_SECONDS, MassDeletion


def deleted(guard: MassDeletion, count: int) -> int:
    """How many of `count` go one after the other before somebody is asked."""
    for number in range(count):
        if guard.is_one("p", count - number):
            return number
        guard.note("p")
    return count


@pytest.mark.parametrize(("count", "before_asking"), [(1, 1), (2, 2), (3, 3), (4, 2), (5, 2), (10, 5), (1000, 500)])
def test_half_of_a_project_may_go(count: int, before_asking: int) -> None:
    assert deleted(MassDeletion(lambda: 0.0), count) == before_asking


def test_what_was_long_ago_and_other_projects_do_not_count() -> None:
    now = [0.0]
    guard = MassDeletion(lambda: now[0])
    assert deleted(guard, 10) == 5
    assert guard.is_one("p", 5)
    assert not guard.is_one("other", 5)
    now[0] = WINDOW_SECONDS + 1
    assert not guard.is_one("p", 5)
