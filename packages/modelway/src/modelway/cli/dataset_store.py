"""Versions of a data set below an address of a store: `v1/data.parquet` with `v1/dataset.json`, which is written last."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelway.errors import ConflictError, NotFoundError
from modelway.packaging.store.open_store import PART_BYTES, Store

_VERSION = re.compile(r"v([1-9][0-9]{0,8})/(.+)")
_ANY_SIZE = 1 << 62


def publish(store: Store, data: Path, about: Mapping[str, Any]) -> tuple[str, bool]:
    """Makes a file the next version, unless it is the last one again.

    A version's number is taken by an object `claim` that only one can create; a version without `dataset.json` does not count.

    Args:
        store: Below whose address the versions are.
        data: The file.
        about: What `dataset.json` says of it, among it `sha256`.

    Returns:
        The version's name, and whether it is new.

    Raises:
        ModelwayError: The store cannot be used.
    """
    found = [match for key in store.keys("", largest=_ANY_SIZE) if (match := _VERSION.fullmatch(key))]
    whole = [int(match[1]) for match in found if match[2] == "dataset.json"]
    if whole and _digest(store, max(whole)) == about["sha256"]:
        return f"v{max(whole)}", False
    number = _claimed(store, max((int(match[1]) for match in found), default=0) + 1)
    store.put(f"v{number}/data.parquet", _blocks(data))
    said = msgspec.json.format(msgspec.json.encode({"version": number, **about})) + b"\n"
    store.put(f"v{number}/dataset.json", said)
    return f"v{number}", True


def _claimed(store: Store, number: int) -> int:
    """The first number from `number` on that nobody has taken."""
    while True:
        try:
            store.create(f"v{number}/claim", b"\n")
        except ConflictError:
            number += 1
        else:
            return number


def _digest(store: Store, number: int) -> str:
    try:
        found = msgspec.json.decode(store.get(f"v{number}/dataset.json"), type=dict[str, Any])
    except (NotFoundError, msgspec.MsgspecError):
        return ""
    return str(found.get("sha256", ""))


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(PART_BYTES):
            yield block
