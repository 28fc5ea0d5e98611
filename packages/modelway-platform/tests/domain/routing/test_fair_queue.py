"""A fair line: owners take turns, order within an owner stays, nobody is lost."""

from hypothesis import given
from hypothesis import strategies as st

from modelway_platform.domain.routing.jobs.fair_queue import FairQueue, share


def anybody(_: bytes) -> bool:
    return True


def test_owners_take_turns() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "a3", "b1", "c1", "b2"):
        queue.add(item[:1].encode(), item)
    assert [queue.take(anybody) for _ in range(7)] == ["a1", "b1", "c1", "a2", "b2", "a3", None]


def test_who_may_not_is_passed_over() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "b1"):
        queue.add(item[:1].encode(), item)
    assert queue.take(lambda owner: owner != b"a") == "b1"
    assert queue.take(lambda owner: owner != b"a") is None
    assert queue.take(anybody) == "a1"


def test_the_longest_gives_way_to_the_shorter_only() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "a3", "b1"):
        queue.add(item[:1].encode(), item)
    assert queue.give_way(b"a") is None
    assert queue.give_way(b"c") == "a3"
    assert queue.give_way(b"b") is None
    assert queue.give_way(b"c") == "a2"
    assert queue.give_way(b"c") is None


@given(st.lists(st.tuples(st.sampled_from(["add", "take", "discard", "give"]), st.sampled_from([b"a", b"b", b"c"]))))
def test_every_item_leaves_once(steps: list[tuple[str, bytes]]) -> None:
    queue: FairQueue[int] = FairQueue()
    inside: dict[int, bytes] = {}
    for number, (step, owner) in enumerate(steps):
        if step == "add":
            queue.add(owner, number)
            inside[number] = owner
        elif step == "discard":
            item = next((each for each, whose in inside.items() if whose == owner), None)
            assert queue.discard(owner, -1 if item is None else item) is (item is not None)
            if item is not None:
                del inside[item]
        else:
            item = queue.take(anybody) if step == "take" else queue.give_way(owner)
            if item is not None:
                del inside[item]
        assert len(queue) == len(inside) == sum(map(queue.waiting_of, (b"a", b"b", b"c")))


@given(st.integers(0, 1000), st.integers(1, 64))
def test_shares_add_up(number: int, workers: int) -> None:
    shares = [share(number, worker, workers) for worker in range(workers)]
    assert sum(shares) == number
    assert max(shares) - min(shares) <= 1
