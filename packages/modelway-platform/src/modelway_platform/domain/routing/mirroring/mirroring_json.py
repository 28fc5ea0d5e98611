"""`mirrors` and `compare` as they stand in a Route's spec as JSON, and back; what is not declared is left out."""

from collections.abc import Mapping
from typing import Any

from modelway_platform.domain.routing.mirroring.mirrors import (
    Comparator,
    EndpointComparator,
    Mirror,
    Mirroring,
    Tolerance,
)


def mirroring_to_json(mirroring: Mirroring) -> dict[str, Any]:
    """The fields that say something."""
    found: dict[str, Any] = {}
    if mirroring.mirrors:
        found["mirrors"] = [_mirror_to_json(each) for each in mirroring.mirrors]
    if mirroring.compare:
        found["compare"] = {each.endpoint: _comparator_to_json(each.comparator) for each in mirroring.compare}
    return found


def mirroring_from_json(spec: Mapping[str, Any]) -> Mirroring:
    """The reverse; for what was accepted once, so nothing is checked again."""
    return Mirroring(
        mirrors=tuple(_mirror_from_json(each) for each in spec.get("mirrors", ())),
        compare=tuple(
            EndpointComparator(endpoint=name, comparator=_comparator_from_json(each))
            for name, each in spec.get("compare", {}).items()
        ),
    )


def _mirror_to_json(mirror: Mirror) -> dict[str, Any]:
    return {
        "from": mirror.source or "all",
        "to": mirror.to,
        "share": mirror.share,
        "maxInFlight": mirror.max_in_flight,
        "timeoutSeconds": mirror.timeout_seconds,
        "maxBodyBytes": mirror.max_body_bytes,
        **({"wakes": True} if mirror.wakes else {}),
    }


def _mirror_from_json(value: Mapping[str, Any]) -> Mirror:
    return Mirror(
        source="" if value["from"] == "all" else value["from"],
        to=value["to"],
        share=float(value["share"]),
        max_in_flight=value["maxInFlight"],
        timeout_seconds=float(value["timeoutSeconds"]),
        max_body_bytes=value["maxBodyBytes"],
        wakes=value.get("wakes", False),
    )


def _comparator_to_json(each: Comparator) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": each.kind}
    match each.kind:
        case "exact" | "numeric":
            if each.kind == "numeric":
                found |= {"absolute": each.absolute, "relative": each.relative}
            if each.tolerances:
                found["places"] = [
                    {"place": one.place, "absolute": one.absolute, "relative": one.relative} for one in each.tolerances
                ]
            if each.ignore:
                found["ignore"] = list(each.ignore)
        case "top-k":
            found |= {"at": each.at, "scores": each.scores, "k": each.k, "minimum": each.minimum}
        case "label":
            found |= {"at": each.at, "scores": each.scores}
        case _:
            found |= {"name": each.name, "minimum": each.minimum}
            if each.options:
                found["options"] = dict(each.options)
    return found | {"showValues": each.show_values}


def _comparator_from_json(value: Mapping[str, Any]) -> Comparator:
    return Comparator(
        kind=value["kind"],
        at=value.get("at", "$"),
        ignore=tuple(value.get("ignore", ())),
        absolute=float(value.get("absolute", 0)),
        relative=float(value.get("relative", 0)),
        tolerances=tuple(
            Tolerance(place=one["place"], absolute=float(one["absolute"]), relative=float(one["relative"]))
            for one in value.get("places", ())
        ),
        scores=value.get("scores", False),
        k=value.get("k", 5),
        minimum=float(value.get("minimum", 1)),
        name=value.get("name", ""),
        options=tuple(sorted(value.get("options", {}).items())),
        show_values=value["showValues"],
    )
