"""Statuses of many deployments read and written at once: one transaction for all, a number for each."""

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, select, update

from modelway_platform.store import schema


def differing(connection: Connection, texts: Mapping[str, str]) -> Mapping[str, str]:
    """Those of `texts`, by deployment, that are not what is kept; without deployments that are not there."""
    table = schema.documents
    query = select(table.c.name, table.c.status).where(
        table.c.kind == "Deployment", table.c.removed == 0, table.c.name.in_(texts)
    )
    kept = {row.name: row.status for row in connection.execute(query)}
    return {name: text for name, text in texts.items() if name in kept and kept[name] != text}


def write(connection: Connection, texts: Mapping[str, str], sequence: int) -> None:
    """Keep `texts` by deployment, in their order, numbered from `sequence` on; what was removed meanwhile is left alone."""
    table = schema.documents
    change = (
        update(table)
        .where(table.c.kind == "Deployment", table.c.name == bindparam("of"), table.c.removed == 0)
        .values(status=bindparam("text"), sequence=bindparam("number"))
    )
    rows = [{"of": name, "text": text, "number": sequence + place} for place, (name, text) in enumerate(texts.items())]
    connection.execute(change, rows)
