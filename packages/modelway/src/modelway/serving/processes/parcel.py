"""Python values on their way to another process: large buffers through shared memory, the rest as pickle beside them.

Both ends run the same modeller's code under one user and one is the other's child, so pickle adds no trust here.
"""

import pickle
from typing import Any, NamedTuple

from modelway.serving.processes.arena import Arena, Block, Memory, lent

SHARED_FROM = 16 * 1024
"""Smaller buffers are cheaper beside the pickle than in memory of their own."""
_PROTOCOL = 5


class Parcel(NamedTuple):
    """A value ready to be sent."""

    data: bytes
    blocks: tuple[Block, ...] = ()


class Octets:
    """Long `bytes`, which pickle would copy into its stream; they come out as `bytes`."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __reduce_ex__(self, protocol: Any) -> Any:
        return bytes, (pickle.PickleBuffer(self._data),)


def shareable(value: Any) -> Any:
    """The value, or what goes through shared memory in its place."""
    return Octets(value) if type(value) is bytes and len(value) >= SHARED_FROM else value


def pack(value: Any, arena: Arena) -> Parcel:
    """Make a parcel of a value; its arrays are copied once, into the arena, or into the pickle when that is full.

    Raises:
        Exception: What cannot be pickled raises in many ways.
    """
    blocks: list[Block] = []

    def beside(buffer: pickle.PickleBuffer) -> bool:
        """False takes it out of the pickle."""
        raw = buffer.raw()
        if raw.nbytes < SHARED_FROM:
            return True
        block = arena.place(raw)
        if block is None:
            return True
        blocks.append(block)
        return False

    try:
        data = pickle.dumps(value, _PROTOCOL, buffer_callback=beside)
    except BaseException:
        for block in blocks:
            arena.take_back(block)
        raise
    return Parcel(data, tuple(blocks))


def unpack(parcel: Parcel, memory: Memory) -> Any:
    """The value; its arrays lie in shared memory and free it when they go."""
    return pickle.loads(parcel.data, buffers=[lent(memory, block) for block in parcel.blocks])  # noqa: S301 - see above


def pack_octets(data: bytes, arena: Arena) -> Parcel:
    """Octets as they are: in the message, or when they are many in the arena."""
    block = arena.place(memoryview(data)) if len(data) >= SHARED_FROM else None
    return Parcel(data) if block is None else Parcel(b"", (block,))


def unpack_octets(parcel: Parcel, memory: Memory) -> bytes:
    """The octets, copied out of shared memory."""
    return bytes(lent(memory, parcel.blocks[0])) if parcel.blocks else parcel.data
