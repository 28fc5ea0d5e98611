"""The fields `mirrors` and `compare` of a Route, from a document as written."""

from collections.abc import Callable
from typing import cast

from modelway_platform.domain.identity import is_name, is_version
from modelway_platform.domain.parsing.document_fields import Fields
from modelway_platform.domain.parsing.document_node import shortened
from modelway_platform.domain.parsing.json_place import PLACE_RULE, parse_place
from modelway_platform.domain.routing.addresses.read_addressing import is_endpoint
from modelway_platform.domain.routing.mirroring.mirrors import (
    KINDS,
    MAX_MIRRORED_BYTES,
    Comparator,
    ComparatorKind,
    EndpointComparator,
    Mirror,
    Mirroring,
    Tolerance,
)

MAX_MIRRORS = 8
MAX_COMPARED = 64
MAX_PLACES = 32
MAX_OPTIONS = 16
MAX_OPTION = 256
ALL = "all"
_LARGEST = 1e300


def read_mirroring(spec: Fields) -> Mirroring:
    """What the two fields say; problems are noted in `spec`."""
    return Mirroring(mirrors=_read_mirrors(spec), compare=_read_compare(spec))


def _read_mirrors(spec: Fields) -> tuple[Mirror, ...]:
    nodes = spec.optional_items("mirrors")
    if len(nodes) > MAX_MIRRORS:
        spec.complain(nodes[MAX_MIRRORS].mark, f"spec.mirrors: more than {MAX_MIRRORS}")
        return ()
    found: list[Mirror] = []
    for index, node in enumerate(nodes):
        fields = spec.inner(node, f"spec.mirrors[{index}]")
        source = fields.string("from", ALL, check=is_version, rule=f"a version's name, or {ALL}")
        mirror = Mirror(
            source="" if source == ALL else source,
            to=fields.string("to", check=is_version, rule="a version's name"),
            share=fields.number("share", 1.0, 0, 1),
            max_in_flight=fields.integer("maxInFlight", 16, 1, 1024),
            timeout_seconds=fields.number("timeoutSeconds", 10.0, 0.001, 600),
            max_body_bytes=fields.integer("maxBodyBytes", 256 * 1024, 1, MAX_MIRRORED_BYTES),
            wakes=fields.boolean("wakes", default=False),
        )
        fields.finish()
        if mirror.to and mirror.to == mirror.source:
            fields.complain(node.mark, f"spec.mirrors[{index}]: {mirror.to} would be a mirror of itself")
        if (mirror.source, mirror.to) in [(each.source, each.to) for each in found]:
            fields.complain(node.mark, f"spec.mirrors[{index}]: from {source} to {mirror.to} appears twice")
        found.append(mirror)
    return tuple(found)


def _read_compare(spec: Fields) -> tuple[EndpointComparator, ...]:
    fields = spec.optional_mapping("compare")
    if fields is None:
        return ()
    names = fields.names()
    if len(names) > MAX_COMPARED:
        fields.complain(fields.mark_of(names[MAX_COMPARED]), f"spec.compare: more than {MAX_COMPARED} endpoints")
        return ()
    found: list[EndpointComparator] = []
    for name in names:
        if not is_endpoint(name):
            fields.complain(fields.mark_of(name), f"spec.compare.{shortened(name)}: not an endpoint's name")
        inner = fields.mapping(name)
        if inner is not None:
            found.append(EndpointComparator(endpoint=name, comparator=_read_comparator(inner)))
    fields.finish()
    return tuple(found)


def _read_comparator(fields: Fields) -> Comparator:
    kind = cast("ComparatorKind", fields.choice("kind", KINDS))
    if not kind:
        return Comparator(kind="exact")  # a problem is noted already
    comparator = _READERS[kind](fields, fields.boolean("showValues", default=False))
    fields.finish()
    return comparator


def _read_exact(fields: Fields, show: bool) -> Comparator:  # noqa: FBT001 - the shape of _READERS
    return Comparator(kind="exact", ignore=_read_places(fields, "ignore"), show_values=show)


def _read_numeric(fields: Fields, show: bool) -> Comparator:  # noqa: FBT001 - the shape of _READERS
    return Comparator(
        kind="numeric",
        ignore=_read_places(fields, "ignore"),
        absolute=fields.number("absolute", 0.0, 0, _LARGEST),
        relative=fields.number("relative", 0.0, 0, 1),
        tolerances=_read_tolerances(fields),
        show_values=show,
    )


def _read_top_k(fields: Fields, show: bool) -> Comparator:  # noqa: FBT001 - the shape of _READERS
    return Comparator(
        kind="top-k",
        at=_read_place(fields, "at", "$"),
        scores=fields.boolean("scores", default=False),
        k=fields.integer("k", 5, 1, 1000),
        minimum=fields.number("minimum", 1.0, 0, 1),
        show_values=show,
    )


def _read_label(fields: Fields, show: bool) -> Comparator:  # noqa: FBT001 - the shape of _READERS
    return Comparator(
        kind="label",
        at=_read_place(fields, "at", "$"),
        scores=fields.boolean("scores", default=False),
        show_values=show,
    )


def _read_custom(fields: Fields, show: bool) -> Comparator:  # noqa: FBT001 - the shape of _READERS
    return Comparator(
        kind="custom",
        name=fields.string("name", check=is_name, rule="the name of an installed comparator"),
        minimum=fields.number("minimum", 1.0, 0, 1),
        options=_read_options(fields),
        show_values=show,
    )


_READERS: dict[ComparatorKind, Callable[[Fields, bool], Comparator]] = {
    "exact": _read_exact,
    "numeric": _read_numeric,
    "top-k": _read_top_k,
    "label": _read_label,
    "custom": _read_custom,
}


def _read_place(fields: Fields, name: str, default: str | None = None) -> str:
    return fields.string(name, default, check=lambda text: parse_place(text) is not None, rule=PLACE_RULE)


def _read_places(fields: Fields, name: str) -> tuple[str, ...]:
    found: list[str] = []
    nodes = fields.optional_items(name)
    if len(nodes) > MAX_PLACES:
        fields.complain(nodes[MAX_PLACES].mark, f"{fields.path_of(name)}: more than {MAX_PLACES}")
    for index, node in enumerate(nodes[:MAX_PLACES]):
        path = fields.path_of(f"{name}[{index}]")
        text = fields.text_of(node, path)
        if text is not None and parse_place(text) is None:
            fields.complain(node.mark, f"{path}: {shortened(text)!r} is not allowed", PLACE_RULE)
        found.append(text or "$")
    return tuple(found)


def _read_tolerances(fields: Fields) -> tuple[Tolerance, ...]:
    nodes = fields.optional_items("places")
    if len(nodes) > MAX_PLACES:
        fields.complain(nodes[MAX_PLACES].mark, f"{fields.path_of('places')}: more than {MAX_PLACES}")
    found: list[Tolerance] = []
    for index, node in enumerate(nodes[:MAX_PLACES]):
        inner = fields.inner(node, fields.path_of(f"places[{index}]"))
        found.append(
            Tolerance(
                place=_read_place(inner, "place"),
                absolute=inner.number("absolute", 0.0, 0, _LARGEST),
                relative=inner.number("relative", 0.0, 0, 1),
            )
        )
        inner.finish()
    return tuple(found)


def _read_options(fields: Fields) -> tuple[tuple[str, str], ...]:
    entries = fields.entries("options")
    if len(entries) > MAX_OPTIONS:
        fields.complain(entries[MAX_OPTIONS].mark, f"{fields.path_of('options')}: more than {MAX_OPTIONS}")
    found: list[tuple[str, str]] = []
    for entry in entries[:MAX_OPTIONS]:
        path = fields.path_of(f"options.{shortened(entry.name)}")
        value = fields.text_of(entry.value, path)
        if value is not None and len(value) + len(entry.name) > MAX_OPTION:
            fields.complain(entry.value.mark, f"{path}: longer than {MAX_OPTION} characters")
        found.append((entry.name, value or ""))
    return tuple(sorted(found))
