"""Which requests and answers a Route wants written with their inference records, and what of them is taken out before."""

import json
from dataclasses import dataclass

from modelway_platform.domain.parsing.json_place import parse_place

MOST_BYTES = 64 * 1024
MAX_ENTRIES = 32
LONGEST_ENTRY = 200
HEADER = "modelway-payloads"
LONGEST_HEADER = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadPolicy:
    """None are written unless a share is declared.

    Args:
        share: Of requests, from 0 to 1.
        max_bytes: Longer requests and answers are left out.
        fields: Members whose values are taken out, wherever they are; tensors of these names, too.
        places: Places that are taken out, as `$.inputs[*].data`.
        patterns: Regular expressions of what is taken out of texts.
    """

    share: float = 0.0
    max_bytes: int = 4096
    fields: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


NO_PAYLOADS = PayloadPolicy()


def carried(policy: PayloadPolicy) -> str:
    """What replicas are told with each request: JSON in ASCII, which is fit for a header; empty where nothing is written."""
    if not policy.share:
        return ""
    told = {
        "share": policy.share,
        "max": policy.max_bytes,
        "fields": policy.fields,
        "places": [parse_place(each) or () for each in policy.places],
        "patterns": policy.patterns,
    }
    return json.dumps({name: value for name, value in told.items() if value}, separators=(",", ":"))


def payload_problem(policy: PayloadPolicy) -> str:
    """What a gateway could not carry; empty if nothing is wrong."""
    if not 0 <= policy.share <= 1 or not 1 <= policy.max_bytes <= MOST_BYTES:
        return "share or size of payloads out of bounds"
    if any(not parse_place(each) for each in policy.places):
        return "a place in payloads that is none"
    if len(carried(policy)) > LONGEST_HEADER:
        return f"more is to be taken out of payloads than fits into {LONGEST_HEADER} octets"
    return ""
