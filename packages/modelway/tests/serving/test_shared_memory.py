"""The arena of model processes, and values that go through it."""

import gc
import os
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from modelway.errors import HandlerError, InvalidInputError, ModelwayError
from modelway.serving.processes.arena import Arena, Memory, lent, nameless_file
from modelway.serving.processes.failures import read_failure, write_failure
from modelway.serving.processes.parcel import SHARED_FROM, pack, pack_octets, shareable, unpack, unpack_octets
from modelway.serving.processes.restarts import LONGEST_SECONDS, Restarts

SIZE = 1024 * 1024


@pytest.fixture
def memory() -> Generator[Memory, None, None]:
    fd = nameless_file(SIZE)
    yield Memory(fd, SIZE)
    os.close(fd)


def test_blocks_lie_apart_and_low_places_are_used_again(memory: Memory) -> None:
    arena = Arena(memory)
    blocks = [arena.place(memoryview(bytes([number]) * 1000)) for number in range(3)]
    assert all(block is not None for block in blocks)
    first, second, third = (block for block in blocks if block is not None)
    assert first.offset + 1000 <= second.offset
    assert second.offset + 1000 <= third.offset
    del blocks
    buffer = lent(memory, first)
    assert bytes(buffer) == bytes(1000)
    del buffer
    again = arena.place(memoryview(b"x" * 900))
    assert again is not None
    assert again.offset == first.offset
    assert bytes(lent(memory, second)) == b"\1" * 1000


def test_an_arena_is_bounded_and_what_does_not_fit_goes_another_way(memory: Memory) -> None:
    arena = Arena(memory)
    big = np.arange(60_000, dtype=np.float64)
    parcels = [pack(big, arena) for _ in range(4)]
    assert [len(each.blocks) for each in parcels] == [1, 1, 0, 0]
    for each in parcels:
        assert np.array_equal(unpack(each, memory), big)
    gc.collect()
    assert arena.live == 0


def test_an_array_is_not_copied_out_and_may_be_kept_and_written_to(memory: Memory) -> None:
    arena = Arena(memory)
    sent = np.arange(10_000, dtype=np.float32).reshape(100, 100)
    got = unpack(pack((sent, "beside"), arena), memory)[0]
    assert np.array_equal(got, sent)
    got += 1
    row = got[5]
    del got
    assert arena.live == 1
    other = pack(sent * 3, arena)
    assert row[0] == 501.0
    del row
    assert arena.live == len(other.blocks)


def test_octets_come_out_as_bytes_and_leave_nothing_behind(memory: Memory) -> None:
    arena = Arena(memory)
    for length in (3, SHARED_FROM, 200_000):
        data = os.urandom(length)
        parcel = pack([shareable(data)], arena)
        assert (len(parcel.blocks) == 1) == (length >= SHARED_FROM)
        assert unpack(parcel, memory) == [data]
        assert unpack_octets(pack_octets(data, arena), memory) == data
    assert arena.live == 0


def test_what_cannot_be_pickled_leaves_nothing_in_the_arena(memory: Memory) -> None:
    arena = Arena(memory)
    with pytest.raises(Exception, match=r"pickle|local object"):
        pack([np.zeros(10_000), lambda: 0], arena)
    assert arena.live == 0


class _OwnError(InvalidInputError):
    """A modeller's own."""


def test_errors_keep_their_class_words_and_cause() -> None:
    error = HandlerError("no", hint="h", details=({"a": 1},))
    try:
        os.stat("/nowhere/at/all")  # noqa: PTH116 - whatever raises
    except OSError as cause:
        error.__cause__ = cause
    got = read_failure(write_failure(error))
    assert (type(got), got.message, got.hint, got.details) == (HandlerError, "no", "h", ({"a": 1},))
    assert type(got.__cause__).__name__ == "FileNotFoundError"
    assert "/nowhere/at/all" in str(got.__cause__)
    assert "test_errors_keep_their_class" in str(got.__cause__.__cause__ if got.__cause__ else "")
    own: ModelwayError = read_failure(write_failure(_OwnError("refused", code="overloaded")))
    assert (type(own), own.error_code, own.__cause__) == (InvalidInputError, "overloaded", None)


def test_a_crash_loop_is_restarted_ever_later_and_one_that_worked_at_once() -> None:
    restarts = Restarts()
    pauses: list[Any] = []
    for _ in range(12):
        restarts = restarts.ended(answered=False)
        pauses.append(restarts.pause)
    assert pauses == sorted(pauses)
    assert pauses[0] < 1 < pauses[5]
    assert pauses[-1] == LONGEST_SECONDS
    assert restarts.ended(answered=True).pause < 1
