"""Weights that a rollout gave a route stay when a source declares the route again without meaning them."""

from collections.abc import Sequence
from dataclasses import replace

from modelway_platform.domain.documents.document_json import Document, document_to_json
from modelway_platform.domain.records import Declared
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.sources.git_source import Owned
from modelway_platform.domain.verdicts.rollout_decision import weights_of


def moved_by_rollouts(declared: Declared) -> frozenset[str]:
    """The routes whose weights are those that a rollout gave them: moved as declared, not drifted."""
    routes = {record.key: record.route for record in declared.routes}
    return frozenset(
        str(record.key)
        for record in declared.rollouts
        if record.status.run and record.key in routes
        if weights_of(routes[record.key], record.rollout) == record.status.weights
    )


def keeping_moved_weights(document: Document, before: Sequence[Owned], declared: Declared) -> Document:
    """The document with the weights that a rollout gave, where its source says of weights what it said before.

    Args:
        document: As the source has it now.
        before: What its last good commit declared. A commit that changes weights means them.
        declared: All that is declared now.
    """
    if not isinstance(document, Route) or str(document.key) not in moved_by_rollouts(declared):
        return document
    said = document_to_json(document)["spec"]["versions"]
    name = str(document.key)
    if not any(
        each.kind == "Route" and each.name == name and each.document["spec"]["versions"] == said for each in before
    ):
        return document
    now = next(record.route for record in declared.routes if record.key == document.key)
    return replace(document, versions=now.versions)
