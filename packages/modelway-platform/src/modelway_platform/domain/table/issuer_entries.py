"""Token issuers between the store and the route table: what is published of one, and what is wrong with what is."""

import json
import math
from collections.abc import Iterator

from modelway_platform.domain.access.json_web_keys import MAX_KEYS, usable_keys
from modelway_platform.domain.access.scopes import is_scope
from modelway_platform.domain.access.token_issuer import ALGORITHMS, LONGEST_LEEWAY, TokenIssuerRecord
from modelway_platform.domain.table.route_table import IssuerEntry


def issuer_entry(record: TokenIssuerRecord) -> IssuerEntry:
    """An issuer as workers know it; without keys its tokens are refused."""
    spec = record.spec
    return IssuerEntry(
        name=spec.name,
        issuer=spec.issuer,
        audiences=spec.audiences,
        algorithms=spec.algorithms,
        leeway_seconds=spec.leeway_seconds,
        consumer_claim=spec.consumer_claim,
        scopes=spec.scopes,
        scopes_claim=spec.scopes_claim,
        required=spec.required,
        keys=record.keys,
    )


def issuer_entry_problems(entry: IssuerEntry) -> Iterator[str]:
    """Everything wrong with an issuer of a table, in words; a table must never open more than was declared."""
    name = f"issuer {entry.name}"
    if not entry.name or not entry.issuer or not entry.audiences or not entry.consumer_claim:
        yield f"{name}: no name, iss, audience or consumer claim"
    if not entry.algorithms or not set(entry.algorithms) <= set(ALGORITHMS):
        yield f"{name}: algorithms {', '.join(entry.algorithms)}"
    if not math.isfinite(entry.leeway_seconds) or not 0 <= entry.leeway_seconds <= LONGEST_LEEWAY:
        yield f"{name}: leeway of {entry.leeway_seconds} s"
    if not all(map(is_scope, entry.scopes)):
        yield f"{name}: a scope that is none"
    if len(entry.keys) > MAX_KEYS:
        yield f"{name}: {len(entry.keys)} keys"
    try:
        keys, problems = usable_keys({"keys": [json.loads(key) for key in entry.keys]})
    except ValueError:
        yield f"{name}: a key that is not JSON"
        return
    if problems or len(keys) != len(entry.keys):
        yield f"{name}: a key that cannot verify tokens"
