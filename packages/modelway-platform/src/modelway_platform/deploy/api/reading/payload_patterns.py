"""Whether what Routes take out of payloads can be taken out in time: a model server would pass over a policy that could hold it up."""

from collections.abc import Iterator, Sequence

import msgspec

from modelway.serving.observing.bounded_pattern import steps_of
from modelway.serving.observing.carried_policy import Carried, check
from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.parsing.document_problem import Problem
from modelway_platform.domain.routing.payload_policy import carried
from modelway_platform.domain.routing.route import Route


def payload_problems(documents: Sequence[Written]) -> Iterator[Problem]:
    """Patterns that are none, have no bounds, or are too much for the payloads' size."""
    for written in documents:
        route = written.document
        if not isinstance(route, Route) or not route.payloads.patterns:
            continue
        sound = True
        for index, pattern in enumerate(route.payloads.patterns):
            try:
                steps_of(pattern)
            except ValueError as error:
                sound = False
                path = f"spec.payloads.redact.patterns[{index}]"
                yield written.problem(path, f"{path}: {error}")
        told = carried(route.payloads)
        if sound and told:
            try:
                check(msgspec.json.decode(told, type=Carried))
            except (ValueError, msgspec.DecodeError) as error:
                yield written.problem("spec.payloads", f"spec.payloads: {error}")
