"""The published table for gateways on other machines: its file and its parts, as they lie here; and what they say of it."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modelway.errors import NotFoundError
from modelway_platform.store.files.table_file import part_path

LOOK_SECONDS = 0.02
FORGET_SECONDS = 120.0
MOST_GATEWAYS = 1000
_DIGEST = re.compile(r"[0-9a-f]{64}")


class TableSource:
    """Serves the table's file as it is; who fetches it checks it again.

    Args:
        path: The table's file.
        number: Tells the number of the table in it.
    """

    def __init__(self, path: Path, number: Callable[[], int]) -> None:
        self._path = path
        self._number = number
        self._said: dict[str, tuple[float, tuple[Mapping[str, Any], ...]]] = {}

    async def newer(self, than: int, seconds: float) -> bytes | None:
        """The file of a table with a larger number, as soon as there is one; None after `seconds` without."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while self._number() <= than:
            if loop.time() >= ends:
                return None
            await asyncio.sleep(LOOK_SECONDS)  # one comparison per gateway that waits
        return await asyncio.to_thread(self._path.read_bytes)

    def part(self, digest: str) -> bytes:
        """One part of the table.

        Raises:
            NotFoundError: There is none of that digest; the table has changed meanwhile.
        """
        if _DIGEST.fullmatch(digest):
            try:
                return part_path(self._path, digest).read_bytes()
            except FileNotFoundError:
                pass
        raise NotFoundError("no such part of the route table", hint="fetch the table anew")

    def said(self, gateway: str, words: Sequence[Mapping[str, Any]]) -> None:
        """Note what the workers of a gateway said last."""
        if len(self._said) < MOST_GATEWAYS or gateway in self._said:
            self._said[gateway] = (time.time(), tuple(words))

    def words(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Gateway and word of every worker that was heard of lately."""
        since = time.time() - FORGET_SECONDS
        self._said = {name: each for name, each in self._said.items() if each[0] >= since}
        return [(name, word) for name, (_, words) in sorted(self._said.items()) for word in words]
