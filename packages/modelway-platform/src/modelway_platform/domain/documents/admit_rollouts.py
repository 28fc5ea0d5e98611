"""Whether a rollout can be meant: its route and versions are there, no other one is under way on the route."""

from collections.abc import Iterator, Sequence

from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.parsing.document_problem import Problem, did_you_mean
from modelway_platform.domain.records import Declared
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.verdicts.rollout import Rollout
from modelway_platform.domain.verdicts.rollout_status import RolloutRecord


def rollout_of(key: ModelKey, declared: Declared) -> RolloutRecord | None:
    """The model's rollout, under way or not."""
    return next((record for record in declared.rollouts if record.key == key), None)


def rollout_problems(written: Sequence[Written], after: Declared) -> Iterator[Problem]:
    """What speaks against the rollouts among `written`."""
    for each in written:
        if isinstance(each.document, Rollout):
            yield from _problems(each, each.document, after)


def rollouts_needing(key: VersionKey, after: Declared) -> list[str]:
    """The rollouts under way that move traffic from or to a version."""
    record = rollout_of(key.model_key, after)
    if record is None or not record.status.under_way:
        return []
    return [str(record.key)] if key.version in {record.rollout.baseline, record.rollout.candidate} else []


def _problems(written: Written, rollout: Rollout, after: Declared) -> Iterator[Problem]:
    record = rollout_of(rollout.key, after)
    if record is not None and record.status.run and record.status.revision == record.revision:
        return  # it has begun already, and is not applied for the first time
    if record is not None and record.status.under_way and record.status.revision != record.revision:
        status = record.status
        yield written.problem(
            "",
            f"a rollout of {rollout.key} is under way: {status.phase.value} at step {status.step + 1}",
            f"one at a time on a route: wait for its end, or `modelway rollout abort {rollout.key}` first",
        )
        return
    route = next((each.route for each in after.routes if each.key == rollout.key), None)
    if route is None:
        yield written.problem(
            "metadata.model",
            f"{rollout.key} has no Route, whose weights could be moved",
            f"apply a Route of {rollout.key} first or along with this",
        )
        return
    yield from _version_problems(written, rollout, route, after)


def _version_problems(written: Written, rollout: Rollout, route: Route, after: Declared) -> Iterator[Problem]:
    deployed = [
        each.key.version for each in after.deployments if each.key.model_key == rollout.key and not each.deleting
    ]
    weights = {each.version: each.weight for each in route.versions}
    if not weights.get(rollout.baseline):
        having = [version for version, weight in weights.items() if weight]
        yield written.problem(
            "spec.from",
            f"route {rollout.key} gives version {rollout.baseline!r} no traffic",
            did_you_mean(rollout.baseline, having) or f"versions with traffic: {', '.join(having)}",
        )
    if rollout.candidate not in deployed:
        yield written.problem(
            "spec.to",
            f"{rollout.key} has no deployment of version {rollout.candidate!r}",
            did_you_mean(rollout.candidate, deployed) or f"apply a Deployment of {rollout.key}/{rollout.candidate}",
        )
    others = [version for version, weight in weights.items() if weight and version not in _two(rollout)]
    if others:
        yield written.problem(
            "spec.from",
            f"route {rollout.key} gives version {others[0]} traffic, too: a rollout moves it between two versions",
            f"apply the route with traffic for {rollout.baseline} only",
        )


def _two(rollout: Rollout) -> tuple[str, str]:
    return rollout.baseline, rollout.candidate
