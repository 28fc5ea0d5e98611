"""Several clusters for one deployment, in steps with a barrier between them, as a Deployment's `clusters` says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelway_platform.domain.deployments.autoscale import Autoscale
from modelway_platform.domain.identity import is_name
from modelway_platform.domain.parsing.document_fields import Fields

MOST_CLUSTERS = 32
MOST_REPLICAS = 100
MOST_STEPS = 100
MOST_SOAK_SECONDS = 30 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What of a deployment runs on one cluster.

    Args:
        name: The cluster's.
        replicas: How many are there; its proportion of all where the load decides how many there are.
        step: Clusters of a lower step come first; those of one step at the same time.
        soak_seconds: It begins when the step before has been ready for so long.
        approval: It begins when somebody has said yes to it, too.
    """

    name: str
    replicas: int = 1
    step: int = 1
    soak_seconds: float = 0.0
    approval: bool = False


def read_placements(spec: Fields, autoscale: Autoscale | None, name_rule: str) -> tuple[Placement, ...]:
    """`clusters: [{name: local}, {name: engine, replicas: 2, soakSeconds: 60, approval: true}]`; none where it is left out.

    A cluster without a `step` comes after the one written before it.
    """
    nodes = spec.optional_items("clusters")
    if not nodes:
        return ()
    if len(nodes) > MOST_CLUSTERS:
        spec.complain(nodes[MOST_CLUSTERS].mark, f"spec.clusters: more than {MOST_CLUSTERS}")
    found: list[Placement] = []
    for index, node in enumerate(nodes[:MOST_CLUSTERS]):
        path = f"spec.clusters[{index}]"
        fields = spec.inner(node, path)
        before = found[-1].step if found else 0
        each = Placement(
            name=fields.string("name", check=is_name, rule=name_rule),
            replicas=fields.integer("replicas", 1, 0, MOST_REPLICAS),
            step=fields.integer("step", min(before + 1, MOST_STEPS), 1, MOST_STEPS),
            soak_seconds=fields.number("soakSeconds", 0.0, 0, MOST_SOAK_SECONDS),
            approval=fields.boolean("approval", default=False),
        )
        fields.finish()
        if each.name in [other.name for other in found]:
            spec.complain(node.mark, f"{path}: cluster {each.name} appears twice", "add the replicas up")
        found.append(each)
    first = min((each.step for each in found), default=1)
    for index, each in enumerate(found):
        if each.step == first and (each.soak_seconds or each.approval):
            message = f"spec.clusters[{index}]: nothing comes before step {first} that it could wait for"
            spec.complain(nodes[index].mark, message, "leave soakSeconds and approval out, or give it a later step")
    for name in ("cluster", "replicas"):
        if name in spec.names():
            spec.complain(spec.mark_of(name), f"spec.{name}: clusters says where and how many", "leave one of them out")
    if autoscale is not None and autoscale.cpu_percent:
        message = "spec.autoscale.target.cpuPercent: each of several clusters would decide for itself alone"
        spec.complain(spec.mark_of("autoscale"), message, "target: {inFlightPerReplica: 8}, or name one cluster")
    if autoscale is not None and not any(each.replicas for each in found):
        message = "spec.clusters: with autoscale, replicas are proportions, and all of them are 0"
        spec.complain(spec.mark_of("clusters"), message, "give one 1")
    return tuple(found)


def placements_to_json(placements: Sequence[Placement]) -> list[dict[str, Any]]:
    """The list of a spec."""
    return [
        {
            "name": each.name,
            "replicas": each.replicas,
            "step": each.step,
            **({"soakSeconds": _plain(each.soak_seconds)} if each.soak_seconds else {}),
            **({"approval": True} if each.approval else {}),
        }
        for each in placements
    ]


def placements_from_json(spec: Mapping[str, Any]) -> tuple[Placement, ...]:
    """The reverse of `placements_to_json`."""
    return tuple(
        Placement(
            name=each["name"],
            replicas=each["replicas"],
            step=each["step"],
            soak_seconds=float(each.get("soakSeconds", 0)),
            approval=each.get("approval", False),
        )
        for each in spec.get("clusters", ())
    )


def _plain(seconds: float) -> float | int:
    return int(seconds) if seconds == int(seconds) else seconds
