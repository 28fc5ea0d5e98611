"""`urls`, `aliases` and `balance` as they stand in a Route's spec as JSON, and back; what is usual is left out."""

from collections.abc import Mapping
from typing import Any

from modelway_platform.domain.routing.addresses.published_url import Addressing, Alias, Condition, PublishedUrl


def addressing_to_json(addressing: Addressing) -> dict[str, Any]:
    """The fields that say something."""
    found: dict[str, Any] = {}
    if addressing.urls:
        found["urls"] = [_url_to_json(url) for url in addressing.urls]
    if addressing.aliases:
        found["aliases"] = {alias.name: alias.version for alias in addressing.aliases}
    if addressing.balance != "round-robin":
        found["balance"] = addressing.balance
    return found


def addressing_from_json(spec: Mapping[str, Any]) -> Addressing:
    """The reverse; for what was accepted once, so nothing is checked again."""
    return Addressing(
        urls=tuple(_url_from_json(value) for value in spec.get("urls", ())),
        aliases=tuple(Alias(name=name, version=version) for name, version in sorted(spec.get("aliases", {}).items())),
        balance=spec.get("balance", "round-robin"),
    )


def _url_to_json(url: PublishedUrl) -> dict[str, Any]:
    found: dict[str, Any] = {"pattern": url.pattern, "endpoint": url.endpoint}
    if url.model:
        found["model"] = url.model
    if url.version:
        found["version"] = url.version
    if url.methods:
        found["methods"] = list(url.methods)
    if url.conditions:
        found["when"] = [condition_to_json(condition) for condition in url.conditions]
    found["parametersAs"] = url.parameters_as
    return found


def condition_to_json(condition: Condition) -> dict[str, str]:
    """`{header: name, is: value}`."""
    return {condition.source: condition.name} | ({} if condition.value is None else {"is": condition.value})


def _url_from_json(value: Mapping[str, Any]) -> PublishedUrl:
    return PublishedUrl(
        pattern=value["pattern"],
        endpoint=value["endpoint"],
        model=value.get("model", ""),
        version=value.get("version", ""),
        methods=tuple(value.get("methods", ())),
        conditions=tuple(condition_from_json(each) for each in value.get("when", ())),
        parameters_as=value["parametersAs"],
    )


def condition_from_json(value: Mapping[str, str]) -> Condition:
    """The reverse."""
    if "header" in value:
        return Condition(source="header", name=value["header"], value=value.get("is"))
    return Condition(source="query", name=value["query"], value=value.get("is"))
