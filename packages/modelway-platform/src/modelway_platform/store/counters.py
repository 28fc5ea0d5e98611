"""Numbers that only grow, over restarts too."""

from sqlalchemy import select

from modelway_platform.store import schema
from modelway_platform.store.database import Database
from modelway_platform.store.upsert import upsert


class Counters:
    """Named counters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_table_number(self, after: int = 0) -> int:
        """A number for the next route table: larger than all before and than `after`."""
        table = schema.counters
        with self._database.write(quiet=True) as connection:
            current = connection.execute(select(table.c.value).where(table.c.name == "route_table")).scalar() or 0
            number = max(current, after) + 1
            upsert(connection, table, [{"name": "route_table", "value": number}])
        return number
