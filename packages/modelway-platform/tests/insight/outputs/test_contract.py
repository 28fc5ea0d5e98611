"""What every output promises: nothing lost, nothing twice beyond what is said, whoever ends in between and however long nobody answers."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from modelway_platform.insight.collect.holding import Held, Holding
from modelway_platform.insight.collect.plan import Tidiness
from modelway_platform.insight.outputs.position import first_needed
from modelway_platform.insight.outputs.receiver import AwayError

if TYPE_CHECKING:
    from conftest import Store
    from journeys.output_destinations import Destination

    from modelway_platform.insight.outputs.port import Output


def drain(output: Output) -> None:
    while output.turn():
        pass


def drain_at_last(output: Output, seconds: float = 60) -> None:
    """Tries until somebody answers, as the loop does."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return drain(output)
        except AwayError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_all_records_arrive_once_in_order_while_nothing_goes_wrong(store: Store, destination: Destination) -> None:
    ids = store.batch(25) + store.batch(1) + store.batch(7)
    output = destination.open(store.delivering())
    drain(output)
    assert destination.received() == ids
    ids += store.batch(12)
    drain(output)
    assert destination.received() == ids
    state = output.state()
    assert (state.sent, state.waiting, state.since) == ({"access": 45}, 0, None)
    assert sum(state.refused.values()) == sum(state.dropped.values()) == 0
    output.close()


def test_another_process_goes_on_where_the_last_one_stopped(store: Store, destination: Destination) -> None:
    ids = store.batch(25)
    output = destination.open(store.delivering())
    output.turn()
    output.close()
    ids += store.batch(5)
    output = destination.open(store.delivering())
    drain(output)
    assert destination.received() == ids
    assert output.state().sent == {"access": 30}
    output.close()


def test_a_receiver_that_is_away_gets_everything_when_it_is_back(store: Store, destination: Destination) -> None:
    ids = store.batch(25)
    output = destination.open(store.delivering())
    output.turn()
    destination.leave()
    ids += store.batch(30)
    with pytest.raises(AwayError):
        drain(output)
    state = output.state()
    assert state.waiting > 0
    assert state.since is not None
    destination.come_back()
    drain_at_last(output)
    many = Counter(destination.received())
    assert set(many) == set(ids)
    # What was under way when it left may have arrived: one piece at most.
    assert sum(many.values()) - len(ids) <= (0 if destination.exactly_once else 10)
    assert output.state().waiting == 0
    output.close()


def test_records_wait_longer_than_the_store_keeps_them(store: Store, destination: Destination) -> None:
    ids = store.batch(25)
    output = destination.open(store.delivering())
    destination.leave()
    with pytest.raises(AwayError):
        drain(output)
    holding = Holding(lambda: Held(needed=first_needed(store.outputs, ["out"])))
    collector = store.collector(retired_seconds=-1.0, tidiness=Tidiness(recent_files=1), holding=holding)
    while collector.tidy():
        pass
    collector.let_go()
    destination.come_back()
    drain_at_last(output)
    assert sorted(destination.received()) == sorted(ids)
    assert output.state().dropped.get("access", 0) == 0
    collector.let_go()
    assert not list((store.root / "access" / "recent").glob("*.parquet"))
    collector.close()
    output.close()


def test_what_there_is_no_room_for_is_counted(store: Store, destination: Destination) -> None:
    first, second = store.batch(25), store.batch(3)
    newest = max(store.root.glob("access/recent/*.parquet"), key=lambda path: path.stat().st_mtime_ns)
    held = Held(needed=first_needed(store.outputs, ["out"]), octets=newest.stat().st_size)
    collector = store.collector(retired_seconds=-1.0, tidiness=Tidiness(recent_files=1), holding=Holding(lambda: held))
    while collector.tidy():
        pass
    collector.let_go()
    collector.close()
    output = destination.open(store.delivering())
    drain(output)
    assert destination.received() == second
    assert output.state().dropped == {"access": len(first)}
    output.close()


def test_only_the_wanted_kinds_are_sent(store: Store, destination: Destination) -> None:
    store.batch(3, "feedback")
    ids = store.batch(3, "inference") + store.batch(2)
    store.batch(4, "feedback")
    output = destination.open(store.delivering(kinds=("access", "inference")))
    drain(output)
    assert sorted(destination.received()) == sorted(ids)
    assert output.state().sent == {"access": 2, "inference": 3}
    output.close()
