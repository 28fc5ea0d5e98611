"""Which model servers there are: the replicas of the route table, read again when it has changed."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.table.split_table import SplitTable
from modelway_platform.store.files.table_file import InvalidTableError, TableReader

if TYPE_CHECKING:
    from modelway_platform.insight.outputs.otlp.model_servers import ModelServer


def model_servers_in(path: Path) -> "Callable[[], Sequence[ModelServer]]":
    """What finds them; raises OSError where there is no table that can be read.

    Args:
        path: The table's file.
    """
    reader = TableReader(path)
    known: tuple[tuple[int, int], Sequence[ModelServer]] = ((0, 0), ())

    def find() -> "Sequence[ModelServer]":
        nonlocal known
        facts = path.stat()
        mark = (facts.st_mtime_ns, facts.st_ino)
        if known[0] != mark:
            try:
                known = (mark, tuple(_servers(reader.read())))
            except InvalidTableError as error:
                raise OSError(error.message) from None
        return known[1]

    return find


def _servers(table: SplitTable) -> "Iterator[ModelServer]":
    from modelway_platform.insight.outputs.otlp.model_servers import ModelServer  # noqa: PLC0415 - an extra's

    seen: set[str] = set()
    for part in table.parts:
        for model in part.models:
            for version in model.versions:
                for each in version.replicas:
                    if each.id in seen:
                        continue
                    seen.add(each.id)
                    key = VersionKey(model.project, model.model, version.version)
                    yield ModelServer(id=each.id, key=key, host=each.host, port=each.port, secure=each.secure)
