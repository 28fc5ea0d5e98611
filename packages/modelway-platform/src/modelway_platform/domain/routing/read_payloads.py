"""A Route's `payloads` as written, and as JSON."""

from collections.abc import Callable, Mapping
from typing import Any

from modelway_platform.domain.parsing.document_fields import Fields
from modelway_platform.domain.parsing.document_node import shortened
from modelway_platform.domain.parsing.json_place import PLACE_RULE, parse_place
from modelway_platform.domain.routing.payload_policy import (
    LONGEST_ENTRY,
    MAX_ENTRIES,
    MOST_BYTES,
    NO_PAYLOADS,
    PayloadPolicy,
    payload_problem,
)


def read_payloads(spec: Fields) -> PayloadPolicy:
    """The policy under `payloads`; none where a Route says nothing. Patterns are looked at by whoever knows their engine."""
    fields = spec.optional_mapping("payloads")
    if fields is None:
        return NO_PAYLOADS
    redact = fields.optional_mapping("redact")
    usual = NO_PAYLOADS
    policy = PayloadPolicy(
        share=fields.number("share", 0.0, 0, 1),
        max_bytes=fields.integer("maxBytes", usual.max_bytes, 1, MOST_BYTES),
        fields=_texts(redact, "fields", lambda text: text.isprintable(), "the name of a member"),
        places=_texts(redact, "places", lambda text: bool(parse_place(text)), f"{PLACE_RULE}, below the top"),
        patterns=_texts(redact, "patterns", lambda text: text.isprintable(), "a regular expression in one line"),
    )
    fields.finish()
    if redact is not None:
        redact.finish()
    if problem := payload_problem(policy):
        spec.complain(spec.mark_of("payloads"), f"spec.payloads: {problem}")
    return policy


def payloads_to_json(policy: PayloadPolicy) -> dict[str, Any]:
    """`{"payloads": {…}}` in the normal form; empty for none, so that documents without it stay as they were."""
    if policy == NO_PAYLOADS:
        return {}
    told = {"fields": policy.fields, "places": policy.places, "patterns": policy.patterns}
    redact = {name: list(entries) for name, entries in told.items() if entries}
    return {
        "payloads": {
            "share": policy.share,
            "maxBytes": policy.max_bytes,
            **({"redact": redact} if redact else {}),
        }
    }


def payloads_from_json(spec: Mapping[str, Any]) -> PayloadPolicy:
    """The reverse, for documents that were accepted once."""
    value = spec.get("payloads")
    if value is None:
        return NO_PAYLOADS
    redact = value.get("redact", {})
    return PayloadPolicy(
        share=float(value["share"]),
        max_bytes=value["maxBytes"],
        fields=tuple(redact.get("fields", ())),
        places=tuple(redact.get("places", ())),
        patterns=tuple(redact.get("patterns", ())),
    )


def _texts(fields: Fields | None, name: str, fits: Callable[[str], bool], rule: str) -> tuple[str, ...]:
    if fields is None:
        return ()
    nodes = fields.optional_items(name)
    if len(nodes) > MAX_ENTRIES:
        fields.complain(nodes[MAX_ENTRIES].mark, f"{fields.path_of(name)}: more than {MAX_ENTRIES}")
    found: list[str] = []
    for index, node in enumerate(nodes[:MAX_ENTRIES]):
        path = fields.path_of(f"{name}[{index}]")
        text = fields.text_of(node, path)
        if text is None:
            continue
        if not text or len(text) > LONGEST_ENTRY or not fits(text):
            fields.complain(node.mark, f"{path}: {shortened(text)!r} is not {rule}")
        else:
            found.append(text)
    return tuple(found)
