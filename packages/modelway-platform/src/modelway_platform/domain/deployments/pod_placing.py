"""Where pods of a cluster of Kubernetes may run, and which come first: the fields of a Cluster document about it.

The words are those of https://kubernetes.io/docs/concepts/scheduling-eviction/, of which these are the parts that a cluster as a whole has to say.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelway_platform.domain.parsing.document_fields import Fields
from modelway_platform.domain.parsing.document_node import ListNode, Node

HOSTNAME = "kubernetes.io/hostname"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"(?:[a-z0-9](?:[a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_NAME}")
_VALUE = re.compile(rf"(?:{_NAME})?")
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_CLASS = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_WITH_VALUES, _WITH_A_NUMBER = frozenset({"In", "NotIn"}), frozenset({"Gt", "Lt"})
_MOST, _MOST_VALUES, _MOST_SECONDS = 16, 64, 86_400
_UNTIL_NODES_ARE_BACK = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Toleration:
    """A taint that pods do not mind.

    Args:
        key: The taint's; empty for every taint.
        value: Its value; empty for any.
        effect: Only of this effect; empty for all.
        seconds: How long a pod stays on a node that has it, of `NoExecute`; -1 for as long as there is.
    """

    key: str = ""
    value: str = ""
    effect: str = ""
    seconds: int = _UNTIL_NODES_ARE_BACK


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRule:
    """What is asked of a node's labels.

    Args:
        key: The label's name.
        operator: As Kubernetes has them: `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`.
        values: What it compares with.
        weight: How much it counts, 1 to 100, where it is wished for; 0 where it has to be.
    """

    key: str
    operator: str = "In"
    values: tuple[str, ...] = ()
    weight: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPlacing:
    """Where pods may run.

    Args:
        tolerations: Taints that they do not mind.
        required: What a node's labels have to fulfil, all of it.
        preferred: What they had better.
        spread: Over what the replicas of a version are spread, as far as there is room: labels of nodes.
        priority_class: Which pods come first where room is short; empty for the cluster's default.
    """

    tolerations: tuple[Toleration, ...] = ()
    required: tuple[NodeRule, ...] = ()
    preferred: tuple[NodeRule, ...] = ()
    spread: tuple[str, ...] = (HOSTNAME,)
    priority_class: str = ""


ANYWHERE = PodPlacing()


def read_placing(fields: Fields) -> PodPlacing:
    """The fields as written; all that is wrong with them is noted in `fields`."""
    affinity = fields.optional_mapping("nodeAffinity")
    required: tuple[NodeRule, ...] = ()
    preferred: tuple[NodeRule, ...] = ()
    if affinity is not None:
        required = tuple(_read_rule(each, weighed=False) for each in _each(affinity, "required"))
        preferred = tuple(_read_rule(each, weighed=True) for each in _each(affinity, "preferred"))
        affinity.finish()
    return PodPlacing(
        tolerations=tuple(_read_toleration(each) for each in _each(fields, "tolerations")),
        required=required,
        preferred=preferred,
        spread=_read_spread(fields),
        priority_class=fields.string("priorityClass", "", check=_is_class, rule="the name of a PriorityClass"),
    )


def placing_to_json(placing: PodPlacing) -> dict[str, Any]:
    """The fields of the normal form; what is usual is left out."""
    affinity = {
        "required": [_rule_to_json(each) for each in placing.required],
        "preferred": [_rule_to_json(each) for each in placing.preferred],
    }
    told = {
        "tolerations": [_toleration_to_json(each) for each in placing.tolerations],
        "nodeAffinity": {name: rules for name, rules in affinity.items() if rules},
        "spread": list(placing.spread) if placing.spread != ANYWHERE.spread else [],
        "priorityClass": placing.priority_class,
    }
    return {name: value for name, value in told.items() if value}


def placing_from_json(section: Mapping[str, Any]) -> PodPlacing:
    """The reverse of `placing_to_json`."""
    affinity: Mapping[str, Any] = section.get("nodeAffinity", {})
    return PodPlacing(
        tolerations=tuple(Toleration(**each) for each in section.get("tolerations", ())),
        required=_rules_from_json(affinity.get("required", ())),
        preferred=_rules_from_json(affinity.get("preferred", ())),
        spread=tuple(section.get("spread", ANYWHERE.spread)),
        priority_class=section.get("priorityClass", ""),
    )


def _read_toleration(fields: Fields) -> Toleration:
    found = Toleration(
        key=fields.string("key", "", check=_is_key, rule="the key of a taint"),
        value=fields.string("value", "", check=_is_value, rule="the value of a taint"),
        effect=fields.choice("effect", _EFFECTS, ""),
        seconds=fields.integer("seconds", _UNTIL_NODES_ARE_BACK, 0, _MOST_SECONDS),
    )
    if found.value and not found.key:
        fields.complain(
            fields.mark_of("value"), f"{fields.path_of('value')}: a value of no key", "name the taint's `key`"
        )
    if found.seconds != _UNTIL_NODES_ARE_BACK and found.effect != "NoExecute":
        fields.complain(
            fields.mark_of("seconds"),
            f"{fields.path_of('seconds')}: nobody leaves a node but by NoExecute",
            "effect: NoExecute",
        )
    fields.finish()
    return found


def _read_rule(fields: Fields, *, weighed: bool) -> NodeRule:
    operator = fields.choice("operator", _OPERATORS, "In")
    values = tuple(_text(fields, each, fields.path_of("values")) for each in fields.optional_items("values"))
    found = NodeRule(
        key=fields.string("key", check=_is_key, rule="the name of a label"),
        operator=operator,
        values=values,
        weight=fields.integer("weight", 1, 1, 100) if weighed else 0,
    )
    if wrong := _wrong_values(found):
        fields.complain(fields.mark_of("values"), f"{fields.path_of('values')}: {operator} takes {wrong}")
    fields.finish()
    return found


def _wrong_values(rule: NodeRule) -> str:
    """What its operator takes, where its values are something else."""
    if rule.operator in _WITH_VALUES:
        fits = 0 < len(rule.values) <= _MOST_VALUES and all(_is_value(each) for each in rule.values)
        return "" if fits else f"one to {_MOST_VALUES} values of labels"
    if rule.operator in _WITH_A_NUMBER:
        return "" if len(rule.values) == 1 and _NUMBER.fullmatch(rule.values[0]) else "one whole number, in quotes"
    return "no values" if rule.values else ""


def _read_spread(fields: Fields) -> tuple[str, ...]:
    found: list[str] = []
    for node in fields.optional_items("spread"):
        name = _text(fields, node, fields.path_of("spread"))
        if not _is_key(name) or name in found or len(found) >= _MOST:
            fields.complain(node.mark, f"{fields.path_of('spread')}: no label of nodes, or there twice", HOSTNAME)
        found.append(name)
    return tuple(found) or ANYWHERE.spread


def _each(fields: Fields, name: str) -> Sequence[Fields]:
    """The mappings of an optional list."""
    nodes = fields.optional_items(name)
    if len(nodes) > _MOST:
        fields.complain(nodes[_MOST].mark, f"{fields.path_of(name)}: more than {_MOST}")
    return [fields.inner(node, f"{fields.path_of(name)}[{index}]") for index, node in enumerate(nodes)]


def _text(fields: Fields, node: Node, path: str) -> str:
    if isinstance(node, ListNode):
        fields.complain(node.mark, f"{path}: expected texts")
        return ""
    return fields.text_of(node, path) or ""


def _toleration_to_json(toleration: Toleration) -> dict[str, Any]:
    told = {"key": toleration.key, "value": toleration.value, "effect": toleration.effect}
    seconds = {} if toleration.seconds == _UNTIL_NODES_ARE_BACK else {"seconds": toleration.seconds}
    return {name: value for name, value in told.items() if value} | seconds


def _rule_to_json(rule: NodeRule) -> dict[str, Any]:
    values = {"values": list(rule.values)} if rule.values else {}
    return {"key": rule.key, "operator": rule.operator, **values, **({"weight": rule.weight} if rule.weight else {})}


def _rules_from_json(rules: Sequence[Mapping[str, Any]]) -> tuple[NodeRule, ...]:
    return tuple(
        NodeRule(
            key=each["key"],
            operator=each["operator"],
            values=tuple(each.get("values", ())),
            weight=each.get("weight", 0),
        )
        for each in rules
    )


def _is_key(text: str) -> bool:
    return _KEY.fullmatch(text) is not None


def _is_value(text: str) -> bool:
    return _VALUE.fullmatch(text) is not None


def _is_class(text: str) -> bool:
    return _CLASS.fullmatch(text) is not None
