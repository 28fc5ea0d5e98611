"""Numbers that only grow, over restarts too."""

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from modelway_platform.store import schema
from modelway_platform.store.database import Database


class Counters:
    """Named counters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_table_number(self, after: int = 0) -> int:
        """A number for the next route table: larger than all before and than `after`."""
        table = schema.counters
        with self._database.write() as connection:
            current = connection.execute(select(table.c.value).where(table.c.name == "route_table")).scalar() or 0
            number = max(current, after) + 1
            statement = insert(table).values(name="route_table", value=number)
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": number}))
        return number
