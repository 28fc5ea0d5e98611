"""Where a Pod may run, in the words of Kubernetes: tolerations, affinity to nodes, spread, priority."""

from collections.abc import Mapping
from typing import Any

from modelway_platform.domain.deployments.pod_placing import NodeRule, PodPlacing, Toleration

LOST_NODE_SECONDS = 30
"""How long a replica stays on a node that does not answer before Kubernetes gives it up."""
_LOST = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def places_of(placing: PodPlacing, labels: Mapping[str, str]) -> dict[str, Any]:
    """Members of a Pod's `spec`.

    Args:
        placing: What the Cluster document says.
        labels: Those by which the pods of a version are found, which are spread together.
    """
    said = {each.key for each in placing.tolerations if each.effect in {"", "NoExecute"}}
    lost = [_lost(key) for key in _LOST if key not in said]
    found: dict[str, Any] = {"tolerations": [*lost, *(_toleration(each) for each in placing.tolerations)]}
    # As far as there is room: a replica beside another is better than none.
    found["topologySpreadConstraints"] = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": dict(labels)},
        }
        for key in placing.spread
    ]
    if affinity := _affinity(placing):
        found["affinity"] = {"nodeAffinity": affinity}
    if placing.priority_class:
        found["priorityClassName"] = placing.priority_class
    return found


def _affinity(placing: PodPlacing) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if placing.required:
        terms = [{"matchExpressions": [_expression(each) for each in placing.required]}]
        found["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": terms}
    if placing.preferred:
        found["preferredDuringSchedulingIgnoredDuringExecution"] = [
            {"weight": each.weight, "preference": {"matchExpressions": [_expression(each)]}}
            for each in placing.preferred
        ]
    return found


def _expression(rule: NodeRule) -> dict[str, Any]:
    values = {"values": list(rule.values)} if rule.values else {}
    return {"key": rule.key, "operator": rule.operator, **values}


def _toleration(told: Toleration) -> dict[str, Any]:
    found: dict[str, Any] = {"operator": "Equal", "value": told.value} if told.value else {"operator": "Exists"}
    if told.key:
        found["key"] = told.key
    if told.effect:
        found["effect"] = told.effect
    if told.seconds >= 0:
        found["tolerationSeconds"] = told.seconds
    return found


def _lost(key: str) -> dict[str, Any]:
    return _toleration(Toleration(key=key, effect="NoExecute", seconds=LOST_NODE_SECONDS))
