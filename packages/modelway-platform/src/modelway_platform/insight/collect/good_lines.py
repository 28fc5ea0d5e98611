"""Tells lines that are records of a kind from others, one by one: only asked about batches that DuckDB refuses."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec

from modelway_platform.insight.collect.kinds import Column, Kind
from modelway_platform.insight.collect.new_lines import LONGEST_LINE

# The years 2000 to 2100: another time is a broken clock or no time, and would make a partition of its own.
EARLIEST, LATEST = 946_684_800, 4_102_444_800
_WHOLE: Any = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=(1 << 62) - 1)]
_TYPES: dict[str, Any] = {
    "moment": Annotated[float, msgspec.Meta(ge=EARLIEST, lt=LATEST)],
    "text": str | None,
    "whole": _WHOLE | None,
    "number": float | None,
    "flag": bool | None,
    "answer": bool | None,
    "json": msgspec.Raw | None,
}


def part(lines: Iterable[bytes], kind: Kind) -> tuple[list[bytes], list[bytes]]:
    """Records, and what is none; without empty lines."""
    is_record = _reader(kind)
    good: list[bytes] = []
    bad: list[bytes] = []
    for line in lines:
        if line.strip():
            (good if len(line) <= LONGEST_LINE and is_record(line) else bad).append(line)
    return good, bad


def _reader(kind: Kind) -> Callable[[bytes], bool]:
    decoder = msgspec.json.Decoder(msgspec.defstruct("Record", [_field(each) for each in kind.columns]))

    def is_record(line: bytes) -> bool:
        try:
            decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        return True

    return is_record


def _field(column: Column) -> Any:
    if column.type == "moment":
        return column.name, _TYPES["moment"]
    return column.name, _TYPES[column.type], None
