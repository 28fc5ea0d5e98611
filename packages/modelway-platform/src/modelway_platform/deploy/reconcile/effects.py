"""What accepting documents would do, said before it is done: by the same rules that the reconciler and the routes follow."""

from collections.abc import Iterator
from dataclasses import replace

from modelway_platform.deploy.reconcile.decision import SURGE, template_of
from modelway_platform.domain.deployments.cluster import LOCAL, Cluster
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.documents.document_changes import Effect
from modelway_platform.domain.documents.document_json import Document
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.records import Declared
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.stages.stage import Stage
from modelway_platform.domain.verdicts.rollout import Rollout


def effects_of(document: Document, before: Declared, after: Declared) -> tuple[Effect, ...]:
    """What becomes of one document's acceptance; nothing where it changes nothing.

    Args:
        document: As it would be declared.
        before: All that is declared now.
        after: All that would be declared.
    """
    match document:
        case Deployment():
            return tuple(_deployment_effects(document, before, after))
        case Route():
            return tuple(_route_effects(document, before, after))
        case Cluster():
            return tuple(_cluster_effects(document, before, after))
        case Rollout():
            return tuple(_rollout_effects(document, before))
        case Stage():
            return tuple(_stage_effects(document, before))


def shares_of(route: Route | None) -> dict[str, float]:
    """Share of the traffic by version; empty where no route says."""
    total = sum(item.weight for item in route.versions) if route else 0
    return {item.version: item.weight / total for item in route.versions if item.weight} if route and total else {}


def _deployment_effects(new: Deployment, before: Declared, after: Declared) -> Iterator[Effect]:
    old = _deployment(new.key, before)
    if old == new:
        return
    if old is None:
        yield _build(new)
        yield Effect(kind="start", text=f"{_replicas(new.replicas)} on {', '.join(new.clusters)}{_then(new)}")
        yield from _steps(new)
        yield _new_version_traffic(new, after)
        return
    if new.package != old.package or new.clusters != old.clusters:
        yield _build(new)
    yield from _steps(new)
    if template_of(new) != template_of(old):
        yield _replacement(old, new)
    elif new.autoscale is not None and new.autoscale != old.autoscale:
        yield Effect(kind="in-place", text=f"nothing is restarted{_then(new)}")
    elif new.replicas > old.replicas:
        yield Effect(kind="start", text=f"{_replicas(new.replicas - old.replicas)} more; those there stay")
    elif new.replicas < old.replicas:
        text = f"{_replicas(old.replicas - new.replicas)} fewer: they finish their requests first; the others stay"
        yield Effect(kind="stop", text=text)
    else:
        yield Effect(kind="in-place", text="nothing is restarted")
    yield _same_version_traffic(new, after)


def _build(new: Deployment) -> Effect:
    what = (
        "an environment, unless one with the same lock is there" if new.cluster == LOCAL else "an image, layers reused"
    )
    return Effect(kind="build", text=f"{what}, of package {new.package[:19]}…")


def _steps(new: Deployment) -> Iterator[Effect]:
    """In which order several clusters get it."""
    if len({each.step for each in new.placements}) < 2:
        return
    texts: list[str] = []
    for step in sorted({each.step for each in new.placements}):
        here = [each for each in new.placements if each.step == step]
        soak = max(each.soak_seconds for each in here)
        after = [f"{soak:g} s"] if soak else []
        after += ["somebody's yes"] if any(each.approval for each in here) else []
        names = " and ".join(each.name for each in here)
        texts.append(f"{names} (after {' and '.join(after)})" if after else names)
    yield Effect(kind="steps", text=f"each when the one before is ready: {', then '.join(texts)}")


def _then(new: Deployment) -> str:
    """What the number of replicas follows from then on."""
    policy = new.autoscale
    if policy is None:
        return ""
    return f"; their number follows the load, from {policy.min_replicas} to {policy.max_replicas}"


def _replacement(old: Deployment, new: Deployment) -> Effect:
    if not new.replicas:
        return Effect(kind="stop", text=f"all {_replicas(old.replicas)}; none takes their place")
    how = (
        f"{_replicas(new.replicas)}, {SURGE} more than declared at a time; each old one leaves when a new one is ready"
    )
    if new.volumes != old.volumes:
        how = f"{how}; they find {_volumes(new)}, and what lies in volumes stays as it is"
    if new.clusters != old.clusters:
        return Effect(kind="move", text=f"from {', '.join(old.clusters)} to {', '.join(new.clusters)}: {how}")
    return Effect(kind="rolling-restart", text=how)


def _new_version_traffic(new: Deployment, after: Declared) -> Effect:
    route = _route(new.key.model_key, after)
    if route is None:
        first = [record.key for record in after.deployments if record.key.model_key == new.key.model_key] == [new.key]
        text = (
            "all of the model's as soon as it is ready: it has no Route" if first else "none: the first version has it"
        )
        return Effect(kind="traffic", text=text)
    share = shares_of(route).get(new.key.version, 0.0)
    return Effect(
        kind="traffic",
        text=f"{share * 100:.4g}% of the model's, as its Route says" if share else "none: its Route gives it no weight",
    )


def _same_version_traffic(new: Deployment, after: Declared) -> Effect:
    share = shares_of(_route(new.key.model_key, after)).get(new.key.version, 0.0)
    if not new.replicas and share:
        return Effect(kind="traffic", text=f"{share:.0%} of the model's requests will find no replica")
    return Effect(kind="traffic", text="stays as it is")


def _route_effects(new: Route, before: Declared, after: Declared) -> Iterator[Effect]:
    old = _route(new.key, before)
    if old == new:
        return
    was, will = shares_of(old), shares_of(new)
    if was == will:
        yield Effect(kind="traffic", text="shares stay as they are")
    else:
        moves = [
            f"{version} {was.get(version, 0.0) * 100:.4g}% → {will.get(version, 0.0) * 100:.4g}%"
            for version in dict.fromkeys((*was, *will))
        ]
        yield Effect(kind="traffic", text=", ".join(moves))
    idle = [version for version in will if not _serves(VersionKey(new.key.project, new.key.model, version), after)]
    if idle:
        yield Effect(kind="traffic", text=f"{', '.join(idle)} has no replica declared: its share will fail")
    yield Effect(kind="in-place", text="gateways take the next route table; no replica is touched")


def _rollout_effects(new: Rollout, before: Declared) -> Iterator[Effect]:
    old = next((record.rollout for record in before.rollouts if record.key == new.key), None)
    if old == new:
        return
    weights = ", ".join(f"{step.weight}%" for step in new.steps)
    text = f"moves from {new.baseline} to {new.candidate} by itself: {weights}, 100%, as {_names(new)} allow"
    yield Effect(kind="traffic", text=text)


def _names(rollout: Rollout) -> str:
    return ", ".join(check.name for check in rollout.checks)


def _cluster_effects(new: Cluster, before: Declared, after: Declared) -> Iterator[Effect]:
    old = next((record.cluster for record in before.clusters if record.key == new.name), None)
    if old == new:
        return
    carried = sum(new.name in record.deployment.clusters for record in after.deployments)
    if old is None and new.name != LOCAL:
        yield Effect(kind="cluster", text="deployments may name it from now on")
        return
    if old is None or replace(old, directories=new.directories) == new:
        text = "deployments may be given its directories, and no others, from now on; no replica is touched"
        yield Effect(kind="cluster", text=text)
        return
    text = f"{carried} deployment(s) there are looked for at the new place; images are made and fetched as it says now"
    yield Effect(kind="cluster", text=text)


def _stage_effects(new: Stage, before: Declared) -> Iterator[Effect]:
    old = next((record.stage for record in before.stages if record.key == new.key), None)
    if old == new:
        return
    if old is None:
        yield Effect(kind="stage", text="deployments may name it from now on")
    inside = sum(f"{each.key.project}/{each.deployment.stage}" == str(new.key) for each in before.deployments)
    text = f"{inside} deployment(s) in it stay as they are; what is promoted from now on is asked and gets what it says"
    yield Effect(kind="stage", text=text)


def _deployment(key: VersionKey, declared: Declared) -> Deployment | None:
    records = (each for each in declared.deployments if each.key == key and not each.deleting)
    return next((each.deployment for each in records), None)


def _route(key: ModelKey, declared: Declared) -> Route | None:
    return next((record.route for record in declared.routes if record.key == key), None)


def _serves(key: VersionKey, declared: Declared) -> bool:
    found = _deployment(key, declared)
    return found is not None and found.replicas > 0  # one that sleeps can be woken: it begins with one


def _volumes(new: Deployment) -> str:
    return ", ".join(each.name for each in new.volumes) or "no volumes"


def _replicas(count: int) -> str:
    return f"{count} replica" if count == 1 else f"{count} replicas"
