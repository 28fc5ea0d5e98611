"""A replica that its cluster starts again by itself: each end is counted once, with its reason, and it is known by another id."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from modelway_platform.deploy.operators.pods.pod_book import PodBook, Slot
from modelway_platform.deploy.operators.pods.pod_state import Pod
from modelway_platform.deploy.operators.pods.pod_workload import WORKLOAD
from modelway_platform.deploy.operators.port import Observed, ReplicaSpec
from modelway_platform.deploy.reconcile.held_replica import HeldReplica, from_record, judge, started_again
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import ReplicaState

SPEC = ReplicaSpec(id="r1", key=VersionKey("vision", "digits", "v1"), package="sha256:" + "a" * 64, environment="e")
HELD = HeldReplica(spec=SPEC, template="t", revision=1, state=ReplicaState.STARTING, started_at=0)
FIRST = Observed(run="u1:0", endpoint="pod-1")
FELL = Observed(run="u1:1", endpoint="pod-1", reason="exited with status 3")


def test_its_first_run_is_no_fall_and_is_kept_in_its_record() -> None:
    seen = judge(HELD, FIRST, 5, registered=True)
    assert (seen.state, seen.restarts, seen.run, seen.registered_as) == (ReplicaState.READY, 0, "u1:0", "pod-1")
    assert from_record(seen.to_record()) == seen
    assert "run" not in HELD.to_record().placement, "records of other operators stay as they were"
    assert HELD.registered_as == "r1"


def test_another_run_is_one_fall_with_its_reason() -> None:
    ready = judge(HELD, FIRST, 5, registered=True)
    fell = judge(ready, FELL, 9, registered=False)
    assert (fell.state, fell.restarts, fell.failures) == (ReplicaState.STARTING, 1, 1)
    assert (fell.message, fell.started_at, fell.answered) == ("exited with status 3", 9, False)
    assert judge(fell, FELL, 10, registered=False) == fell, "and is counted once"
    again = judge(fell, replace(FELL, run="u1:2"), 11, registered=False)
    assert (again.restarts, again.failures) == (2, 2)
    mended = judge(again, replace(FELL, run="u1:2"), 12, registered=True)
    assert (mended.state, mended.failures, mended.message) == (ReplicaState.READY, 0, "")


def test_a_place_taken_by_one_that_was_ready_is_no_fall() -> None:
    ready = judge(HELD, FIRST, 5, registered=True)
    taken = Observed(run="u2:0", endpoint="pod-2", reason="its pod was deleted", moved="its pod was deleted")
    moved = judge(ready, taken, 9, registered=True)
    assert (moved.state, moved.restarts, moved.failures, moved.started_at) == (ReplicaState.READY, 0, 0, 0)
    assert (moved.run, moved.registered_as, moved.message) == ("u2:0", "pod-2", "")
    fell = judge(moved, replace(taken, run="u2:1", reason="exited with status 3", moved=""), 11, registered=False)
    assert (fell.restarts, fell.message) == (1, "exited with status 3")


@pytest.mark.parametrize("ready", [True, False])
def test_a_pod_that_takes_anothers_place_says_whether_it_was_ready(*, ready: bool) -> None:
    def pod(name: str, status: str, **more: Any) -> Pod:
        conditions = [{"type": "Ready", "status": status}]
        metadata = {"name": name, "uid": name, "labels": {WORKLOAD: "w"}, **more}
        return msgspec.convert({"metadata": metadata, "status": {"phase": "Running", "conditions": conditions}}, Pod)

    gone = pod("pod-1", "False", deletionTimestamp="2026-01-01T00:00:00Z")
    slot = Slot("r1", SPEC.key, "w", lost="its pod was deleted", fell="its pod was deleted")
    book = PodBook(slots={"r1": slot}, pods={"pod-1": gone, "pod-2": pod("pod-2", str(ready))})
    assert book.bind("w") == [slot]
    seen = book.observed(slot)
    assert (seen.endpoint, seen.moved) == ("pod-2", "its pod was deleted" if ready else "")


def test_what_control_starts_again_begins_anew() -> None:
    crashed = judge(judge(HELD, FIRST, 5, registered=True), Observed(exited_at=6, reason="gone"), 7, registered=False)
    assert crashed.state is ReplicaState.CRASHED
    begun = started_again(crashed, 8, "e")
    seen = judge(begun, Observed(run="u2:0", endpoint="pod-2"), 9, registered=False)
    assert (seen.restarts, seen.registered_as) == (1, "pod-2")
