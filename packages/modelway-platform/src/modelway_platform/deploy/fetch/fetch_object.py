"""One object of a store onto disk: streamed, counted, gone on with where an earlier try ended."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from modelway.errors import InvalidPackageError
from modelway.packaging.store.open_store import Store
from modelway_platform.deploy.fetch.partial_file import arrived

_PIECE = 64 * 1024  # at 1 KB/s, a sign of life a minute

Told = Callable[[int], None]
"""Told how many more octets have arrived."""


async def object_size(store: Store, key: str) -> int:
    """The size a store announces for an object.

    Raises:
        NotFoundError: There is none.
        ModelwayError: The store cannot be reached or refuses.
    """
    import obstore  # noqa: PLC0415 - comes with `modelway[store]`; `open_store` has said so

    with store.explained(key):
        return (await obstore.head_async(store.backend, key))["size"]


async def fetch_object(store: Store, key: str, *, into: Path, at: int, size: int, told: Told) -> None:
    """Appends octets of `key` to the file `into` until it is `at + size` long, where `at` is where the object begins in it.

    What is in the file already is not fetched again; whether it is right, the digest of the whole says.

    Raises:
        InvalidPackageError: The store has more or less than `size` octets for it.
        ModelwayError: The store cannot be reached, or falls silent, or refuses.
        OSError: The disk is full or failing.
    """
    import obstore  # noqa: PLC0415 - as above

    have = arrived(into) - at
    if have >= size:
        return
    file = await asyncio.to_thread(into.open, "ab")
    with file:
        with store.explained(key):
            result = await obstore.get_async(store.backend, key, options={"range": {"offset": have}} if have else None)
        if result.meta["size"] != size:
            raise InvalidPackageError(f"{key} has {result.meta['size']} octets, not {size}")
        stream = result.stream(min_chunk_size=_PIECE)
        while True:
            with store.explained(key):  # not around the write: a full disk is no fault of the store
                piece = await anext(stream, None)
            if piece is None:
                break
            data = bytes(piece)
            have += len(data)
            if have > size:
                raise InvalidPackageError(f"{key}: more octets came than the {size} announced")
            await asyncio.to_thread(_append, file, data)
            told(len(data))
    if have != size:
        raise InvalidPackageError(f"{key}: {have} octets came, {size} were announced")


def _append(file: BinaryIO, data: bytes) -> None:
    file.write(data)
    file.flush()
