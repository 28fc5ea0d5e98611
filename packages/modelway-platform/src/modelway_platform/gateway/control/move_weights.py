"""Writes a rollout's weights into its route, as a new revision of it, on the way that a person's change takes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from modelway.errors import ConflictError
from modelway_platform.domain.access.actor import Actor
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.records import Declared, RouteRecord
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.domain.verdicts.rollout import Rollout
from modelway_platform.domain.verdicts.rollout_decision import Weights, weights_of
from modelway_platform.domain.verdicts.rollout_status import Pending, RolloutStatus
from modelway_platform.store.declared.documents import Documents


@dataclass(frozen=True, slots=True)
class Written:
    """The revision of the route that has the weights, and who wrote the last one of it."""

    revision: int
    author: str


def name_of_rollout(key: ModelKey) -> str:
    """Who a rollout is in revisions and in the audit log."""
    return f"rollout {key}"


def move_weights(
    documents: Documents, rollout: Rollout, status: RolloutStatus, pending: Pending, deployed: Iterable[str]
) -> Written | None:
    """Bring the route to the pending weights; done again, it does nothing.

    Returns:
        None if the route is gone or has weights that the rollout did not give it: a person has taken over.

    Raises:
        ConflictError: Somebody changes the route at this very moment.
    """
    record = documents.get_route(rollout.key)
    if record is None:
        return None
    now, wanted = weights_of(record.route, rollout), pending.weights
    if dict(now) == dict(wanted):
        return Written(record.revision, name_of_rollout(rollout.key))
    if now != status.weights:
        return None
    route = with_weights(record.route, wanted, set(deployed))
    cause = f"rollout: {pending.kind}" + (f" by {pending.author}" if pending.author else "")
    actor = Actor(name=name_of_rollout(rollout.key), method="Rollouts.Move")
    applied = documents.apply([route], author=actor, cause=cause, admit=_unchanged(record))
    return Written(applied[0].revision, actor.name)


def with_weights(route: Route, weights: Weights, deployed: set[str]) -> Route:
    """The route with these weights; a version that is gone and gets none is left out."""
    wanted = dict(weights)
    names = [*(each.version for each in route.versions), *wanted]
    versions = [
        VersionWeight(
            version=name,
            weight=wanted.get(name, next((each.weight for each in route.versions if each.version == name), 0)),
        )
        for name in dict.fromkeys(names)
    ]
    kept = tuple(each for each in versions if each.weight or each.version in deployed)
    return replace(route, versions=kept)


def _unchanged(before: RouteRecord):  # noqa: ANN202 - the type of `admit`
    def admit(after: Declared) -> None:
        now = next((each for each in after.routes if each.key == before.key), None)
        if now is None or now.revision != before.revision + 1:
            raise ConflictError(f"route {before.key} was changed at the same moment", hint="it is looked at again")

    return admit
