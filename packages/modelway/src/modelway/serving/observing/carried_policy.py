"""Which payloads a route wants written, as its gateway tells a replica with each request: in a header that callers cannot set."""

from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

import msgspec

from modelway.serving.observing.bounded_pattern import MOST_STEPS, steps_of
from modelway.serving.observing.redaction import Redaction, Step

HEADER = b"modelway-payloads"
LONGEST_HEADER = 4096
MOST_BYTES = 64 * 1024
MOST_ENTRIES = 32
_ALL = 1 << 32
_MOST_KEPT = 64
_MOST_STEPS_OF_A_PLACE = 32


class Capture(NamedTuple):
    """What is written of a request: payloads of at most `most_bytes`, without what `redaction` takes out."""

    most_bytes: int
    redaction: Redaction


class Carried(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The header's JSON. A place is a list of members' names, elements' numbers, and null for every one of them."""

    share: float
    max: int
    fields: list[str] = msgspec.field(default_factory=list[str])
    places: list[list[str | int | None]] = msgspec.field(default_factory=list[list[str | int | None]])
    patterns: list[str] = msgspec.field(default_factory=list[str])


class CarriedPolicies:
    """Reads headers, each text once; what is no policy, or one without bounds, is none.

    Args:
        names: Members that are taken out whatever a policy says.
        patterns: The same of patterns.
    """

    def __init__(self, names: Sequence[str] = (), patterns: Sequence[str] = ()) -> None:
        self._names = tuple(names)
        self._patterns = tuple(patterns)
        self._kept: dict[bytes, tuple[int, Capture] | None] = {}

    def __len__(self) -> int:
        """How many texts are kept."""
        return len(self._kept)

    def of(self, header: bytes, request_id: str) -> Capture | None:
        """What is written of this request: the same answer at every replica and for copies."""
        if header not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[header] = self._read(header)
        found = self._kept[header]
        return found[1] if found is not None and crc32(request_id.encode()) < found[0] else None

    def _read(self, header: bytes) -> tuple[int, Capture] | None:
        if len(header) > LONGEST_HEADER:
            return None
        try:
            told = msgspec.json.decode(header, type=Carried)
            check(told)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            return None
        places: list[tuple[Step, ...]] = [tuple(each) for each in told.places]
        redaction = Redaction((*self._names, *told.fields), (*self._patterns, *told.patterns), places)
        return (int(told.share * _ALL), Capture(told.max, redaction))


def check(told: Carried) -> None:
    """Refuse a policy that could cost a model server more than a moment.

    Raises:
        ValueError: The message says what is wrong.
    """
    if not 0 <= told.share <= 1:
        raise ValueError("share: not a number from 0 to 1")
    if not 1 <= told.max <= MOST_BYTES:
        raise ValueError(f"maxBytes: not a number from 1 to {MOST_BYTES}")
    for name, entries in (("fields", told.fields), ("places", told.places), ("patterns", told.patterns)):
        if len(entries) > MOST_ENTRIES:
            raise ValueError(f"{name}: more than {MOST_ENTRIES}")
    if any(not each or len(each) > _MOST_STEPS_OF_A_PLACE for each in told.places):
        raise ValueError("places: one is the whole payload, or too deep")
    steps = sum(steps_of(each) for each in told.patterns)
    if steps * told.max > MOST_STEPS:
        raise ValueError(
            f"patterns: {steps} steps for each of {told.max} octets are too many; bound what repeats more closely, or maxBytes"
        )
