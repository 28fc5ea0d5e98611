"""Which package each revision of every deployment named, also of those that are gone."""

import msgspec
from sqlalchemy import select

from modelway_platform.domain.deployments.image_needs import NamedPackage
from modelway_platform.store import schema
from modelway_platform.store.database import Database


class _Spec(msgspec.Struct):
    package: str = ""


class _Document(msgspec.Struct):
    """The part of a revision's document that is looked at; a revision that deleted has none."""

    spec: _Spec = msgspec.field(default_factory=_Spec)


def revision_packages(database: Database) -> list[NamedPackage]:
    """All of them, in no order."""
    table = schema.revisions
    columns = (table.c.name, table.c.number, table.c.document, table.c.created_at)
    with database.read() as connection:
        rows = connection.execute(select(*columns).where(table.c.kind == "Deployment")).all()
    decode = msgspec.json.Decoder(_Document).decode
    return [
        NamedPackage(name=row.name, number=row.number, package=decode(row.document).spec.package, at=row.created_at)
        for row in rows
    ]
