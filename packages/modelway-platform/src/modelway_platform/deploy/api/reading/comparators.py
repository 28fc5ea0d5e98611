"""The comparators that whoever runs the platform has installed beside it; only their names are looked at here."""

from collections.abc import Sequence
from importlib.metadata import entry_points

from modelway_platform.domain.documents.admit_mirroring import unknown_comparators
from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.parsing.document_problem import Problem
from modelway_platform.domain.routing.mirroring.mirrors import COMPARATOR_GROUP
from modelway_platform.domain.routing.route import Route


def comparator_problems(documents: Sequence[Written]) -> list[Problem]:
    """Custom comparators that nobody has installed."""
    routes = [each.document for each in documents if isinstance(each.document, Route)]
    if not any(each.comparator.kind == "custom" for route in routes for each in route.mirroring.compare):
        return []
    return list(unknown_comparators(documents, {each.name for each in entry_points(group=COMPARATOR_GROUP)}))
