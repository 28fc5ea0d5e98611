"""Which single records are looked for, beside whose they are: by status, by latency, by consumer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelway.errors import InvalidRequestError

_STATUS = re.compile(r"[1-5](?:\d\d|xx)")
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(us|ms|s)")
_UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFilter:
    """What a record must be; nothing unless given.

    Args:
        statuses: One of these, `404` or `5xx`.
        slower_us: It took longer than so many microseconds.
        consumer: Who asked.
    """

    statuses: frozenset[str] = frozenset()
    slower_us: float = -1.0
    consumer: str = ""

    def accepts(self, record: Mapping[str, Any]) -> bool:
        """Whether it is one; `duration_us` is in microseconds, as writers leave it."""
        if self.statuses:
            status = str(record.get("status", ""))
            if status not in self.statuses and f"{status[:1]}xx" not in self.statuses:
                return False
        if self.slower_us >= 0:
            took = record.get("duration_us")
            if not isinstance(took, int | float) or took <= self.slower_us:
                return False
        return not self.consumer or record.get("consumer") == self.consumer


EVERY_RECORD = RecordFilter()


def read_filter(given: Mapping[str, str], source: str) -> RecordFilter:
    """What the query parameters `status`, `slower` and `consumer` say.

    Args:
        given: All query parameters.
        source: Of the records; a model server's output has no status, its inference log no consumer.

    Raises:
        InvalidRequestError: One of them says nothing, or asks for what the source does not have.
    """
    known = {"access": ("status", "slower", "consumer"), "inference": ("status", "slower")}.get(source, ())
    if odd := [name for name in ("status", "slower", "consumer") if given.get(name) and name not in known]:
        raise InvalidRequestError(
            f"query parameter {odd[0]}: records of source {source} have none", hint="ask source access"
        )
    return RecordFilter(
        statuses=_statuses(given.get("status", "")),
        slower_us=_microseconds(given.get("slower", "")),
        consumer=given.get("consumer", ""),
    )


def _statuses(text: str) -> frozenset[str]:
    found = frozenset(each.strip().lower() for each in text.split(",")) if text else frozenset[str]()
    for each in sorted(found):
        if _STATUS.fullmatch(each) is None:
            raise InvalidRequestError(
                f"query parameter status: {each[:20]!r} is no status", hint="e.g. 404, 5xx, or several: 429,5xx"
            )
    return found


def _microseconds(text: str) -> float:
    if not text:
        return -1.0
    found = _SPAN.fullmatch(text)
    if found is None:
        raise InvalidRequestError(
            f"query parameter slower: {text[:20]!r} is no span of time", hint="e.g. 200ms, 1.5s or 800us"
        )
    return float(found[1]) * _UNITS[found[2]]
