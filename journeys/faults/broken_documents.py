"""Documents that nobody may apply: every field of a good one broken in every way that fits its kind."""

import copy
import json
from collections.abc import Iterator
from typing import Any, cast

GOOD_ROUTE: dict[str, Any] = {
    "apiVersion": "modelway/v1",
    "kind": "Route",
    "metadata": {"project": "r9", "model": "echo"},
    "spec": {
        "versions": [{"version": "v1", "weight": 3}, {"version": "v2", "weight": 1}],
        "access": "key",
        "idempotent": True,
        "timeoutSeconds": 30,
        "maxBodyBytes": 1000,
        "aliases": {"champion": "v1"},
        "urls": [{"pattern": "/broken/{lang}", "endpoint": "echo"}],
        "balance": "round-robin",
        "websocket": False,
        "limits": [{"per": "consumer", "requests": 10, "window": "1s"}],
        "concurrency": {"max": 10},
        "sticky": {"by": "cookie"},
        "mirrors": [{"to": "v2", "share": 0.5}],
        "retries": {"attempts": 2, "perTrySeconds": 1},
        "overload": {"latencySeconds": 0.5},
    },
}
WRONG: tuple[Any, ...] = (None, -1, 1e308, "\u0000", "../x", "x" * 70_000, {"no": "such"}, [[]], "ünï", 10**30)
NAMED_BY_AUTHOR = {("spec", "env"), ("spec", "aliases")}
TEXTS = (
    "{",
    "a: b: c",
    "\tx: 1",
    "- &a [*a]",
    "!!python/object:os.system {}",
    "a: 1\na: 2",
    "[" * 600,
    "kind: Route",
    "apiVersion: modelway/v2\nkind: Route\nmetadata: {project: p, model: m}\nspec: {}",
    "apiVersion: modelway/v1\nkind: Rote\nmetadata: {project: p, model: m}\nspec: {}",
)


def good_deployment(package: str) -> dict[str, Any]:
    """A Deployment of an uploaded package, by its digest."""
    return {
        "apiVersion": "modelway/v1",
        "kind": "Deployment",
        "metadata": {"project": "r9", "model": "other", "version": "v1"},
        "spec": {"package": package, "cluster": "local", "replicas": 1, "workers": 1, "env": {"A": "b"}},
    }


def broken_documents(deployment: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong, and the text; `deployment` is the good one that is broken."""
    for number, text in enumerate(TEXTS):
        yield f"text {number}", text
    for good in (GOOD_ROUTE, deployment):
        for path in _paths(good):
            yield from _broken_at(good, path)
    yield (
        "nothing known deployed",
        json.dumps(_with(GOOD_ROUTE, ("spec", "versions"), [{"version": "v9", "weight": 1}])),
    )
    yield "every weight 0", json.dumps(_with(GOOD_ROUTE, ("spec", "versions"), [{"version": "v1", "weight": 0}]))
    yield "a version twice", json.dumps(_with(GOOD_ROUTE, ("spec", "versions"), [{"version": "v1", "weight": 1}] * 2))
    yield "a huge weight", json.dumps(_with(GOOD_ROUTE, ("spec", "versions"), [{"version": "v1", "weight": 10**12}]))
    yield "ten megabytes", json.dumps(_with(deployment, ("spec", "env", "A"), "x" * 10_000_000))
    yield "too many", "\n---\n".join(json.dumps(deployment) for _ in range(20_000))


def _broken_at(good: dict[str, Any], path: tuple[Any, ...]) -> Iterator[tuple[str, str]]:
    name = f"{good['kind']} {'.'.join(map(str, path))}"
    for wrong in WRONG:
        if not _may_be(path, wrong):
            yield f"{name} = {str(wrong)[:20]!r}", json.dumps(_with(good, path, wrong))
    if isinstance(path[-1], str) and path[:-1] not in NAMED_BY_AUTHOR:
        yield f"{name} misspelt", json.dumps(_renamed(good, path))


def _may_be(path: tuple[Any, ...], wrong: Any) -> bool:
    """What is strange, but not wrong there: variables have any names and values, and a package may be a path."""
    if path == ("spec", "env"):
        return wrong == {"no": "such"}
    return path in {("spec", "env", "A"), ("spec", "package")} and wrong in ("../x", "ünï")


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    inside: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inside = list(cast("dict[Any, Any]", value).items())
    elif isinstance(value, list):
        inside = list(enumerate(cast("list[Any]", value)))
    for step, each in inside:
        yield from _paths(each, (*path, step))


def _with(good: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(good)
    inner: Any = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return changed


def _renamed(good: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    changed = copy.deepcopy(good)
    inner: Any = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[f"{path[-1]}x"] = inner.pop(path[-1])
    return changed
