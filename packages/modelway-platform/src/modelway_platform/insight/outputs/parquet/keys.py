"""Names of the store's objects: what somebody who only lists them has to know of each is in its name."""

import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from modelway_platform.insight.collect.engine import Written
from modelway_platform.insight.collect.kinds import Kind
from modelway_platform.insight.collect.ledger import StoredFile

OWNER = "modelway-owner"
_NAME = re.compile(
    r"(?P<kind>[a-z]+)/project=(?P<project>[a-z0-9_-]{1,63})/date=(?P<date>\d{4}-\d\d-\d\d)/hour=(?P<hour>\d\d)/"
    r"(?P<first>\d{1,12})-(?P<last>\d{1,12})-(?P<records>\d{1,12})-(?P<shape>\d{1,4})-[0-9a-f]{32}\.parquet"
)


def own_ledger(own: Path) -> Path:
    """Where an output's own ledger is, below its own folder: which objects count."""
    return own / "ledger.db"


def key_of(kind: Kind, written: Written) -> str:
    """A name that no other object has: `access/project=…/date=…/hour=…/first-last-records-shape-….parquet`."""
    moment = datetime.fromtimestamp(written.hour, UTC)
    place = f"{kind.name}/project={written.project}/date={moment:%Y-%m-%d}/hour={moment:%H}"
    facts = f"{int(written.first)}-{int(written.last)}-{written.records}-{kind.shape}"
    return f"{place}/{facts}-{uuid4().hex}.parquet"


def file_of(key: str, size: int, made: float) -> StoredFile | None:
    """What an object's name says of it; None where it is none of the store's.

    Args:
        key: Below the store's address.
        size: In octets.
        made: Unix time.
    """
    found = _NAME.fullmatch(key)
    if found is None:
        return None
    try:
        hour = datetime.strptime(f"{found['date']} {found['hour']}", "%Y-%m-%d %H").replace(tzinfo=UTC)
    except ValueError:
        return None
    return StoredFile(
        path=key,
        kind=found["kind"],
        shape=int(found["shape"]),
        project=found["project"],
        hour=int(hour.timestamp()),
        records=int(found["records"]),
        size=size,
        first=float(found["first"]),
        last=float(found["last"]) + 1,  # whole seconds are in the name
        made=made,
    )
