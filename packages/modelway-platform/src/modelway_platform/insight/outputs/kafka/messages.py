"""A record as a Kafka message: JSON with the members that segments have, and what it is found by."""

from dataclasses import dataclass
from typing import Any

import msgspec

from modelway_platform.insight.collect.kinds import Kind
from modelway_platform.insight.outputs.receiver import Record


@dataclass(frozen=True, slots=True)
class Message:
    """One message.

    Args:
        key: `project/model`: messages of one key keep their order.
        value: UTF-8 JSON.
        uid: The same whenever the same record is sent; doubles are found by it.
        moment: Of the record, in milliseconds since 1970.
    """

    key: bytes
    value: bytes
    uid: str
    moment: int


def message_of(kind: Kind, record: Record, uid: str) -> Message:
    """The record's message; members that say nothing (NULL, an empty text, a flag that is false) are left out."""
    members: dict[str, Any] = {}
    for column in kind.columns:
        value = record.get(column.name)
        if value is None or value is False or value == "":
            continue
        if column.type == "moment":
            value = value / 1_000_000
        elif column.type == "json":
            value = msgspec.Raw(str(value).encode(errors="replace"))
        elif column.type == "text":
            value = str(value).encode(errors="replace").decode()
        members[column.name] = value
    names = [str(record.get(each) or "") for each in ("project", "model")]
    return Message(
        key="/".join(names).strip("/").encode(errors="replace"),
        value=msgspec.json.encode(members),
        uid=uid,
        moment=record["time"] // 1000,
    )
