"""Weights that a rollout gave a route stay when a source declares the route again without meaning them."""

from collections.abc import Sequence
from dataclasses import replace

from modelway_platform.domain.documents.document_json import Document, document_to_json
from modelway_platform.domain.records import Declared
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.sources.git_source import Owned
from modelway_platform.domain.sources.git_write import GitWrite
from modelway_platform.domain.verdicts.rollout_decision import Weights, weights_of
from modelway_platform.domain.verdicts.rollout_status import RolloutStatus


def moved_by_rollouts(declared: Declared) -> frozenset[str]:
    """The routes whose weights are those that a rollout gave them: moved as declared, not drifted."""
    routes = {record.key: record.route for record in declared.routes}
    return frozenset(
        str(record.key)
        for record in declared.rollouts
        if record.status.run and record.key in routes
        if weights_of(routes[record.key], record.rollout) in _given(record.status)
    )


def keeping_moved_weights(
    document: Document, before: Sequence[Owned], declared: Declared, written: Sequence[GitWrite] = ()
) -> Document:
    """The document with the weights that a rollout gave, where its source says of weights what it said before, or what the rollout had written there.

    Args:
        document: As the source has it now.
        before: What its last good commit declared. A commit that changes weights means them.
        declared: All that is declared now.
        written: Commits of the platform about moves of this route that no look at the branch has taken in yet. By the time they are seen
            the rollout may be further on.
    """
    if not isinstance(document, Route) or str(document.key) not in moved_by_rollouts(declared):
        return document
    said = document_to_json(document)["spec"]["versions"]
    name = str(document.key)
    unchanged = any(
        each.kind == "Route" and each.name == name and each.document["spec"]["versions"] == said for each in before
    )
    if not unchanged and not any(each.name == name and each.after["versions"] == said for each in written):
        return document
    now = next(record.route for record in declared.routes if record.key == document.key)
    return replace(document, versions=now.versions)


def _given(status: RolloutStatus) -> tuple[Weights, ...]:
    """What the route has, before and after the move that is under way."""
    return (status.weights, status.pending.weights) if status.pending else (status.weights,)
