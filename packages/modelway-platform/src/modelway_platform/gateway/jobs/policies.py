"""The Routes' rules for jobs, as the route table has them: read again when the file changes, the last good ones kept."""

import os
from collections.abc import Mapping
from pathlib import Path

from modelway_platform.domain.routing.jobs.async_policy import DEFAULT_ASYNC, AsyncPolicy
from modelway_platform.store.files.table_file import InvalidTableError, read_table


class Policies:
    """Policies by `project/model`."""

    def __init__(self, table: Path) -> None:
        self._table = table
        self._seen: tuple[int, int] | None = None
        self._by_model: Mapping[str, AsyncPolicy] = {}

    def of(self, model: str) -> AsyncPolicy:
        return self._by_model.get(model, DEFAULT_ASYNC)

    def look(self) -> None:
        """Take a new table, if there is one that can be read."""
        try:
            found = os.stat(self._table)  # noqa: PTH116 - the values as they are
            seen = (found.st_ino, found.st_mtime_ns)
            if seen == self._seen:
                return
            table = read_table(self._table)
        except (OSError, InvalidTableError):
            return
        self._seen = seen
        self._by_model = {f"{each.project}/{each.model}": each.asynchronous for each in table.models}
