"""What must hold for the mirrors of a route table: the request path copies and compares by them unseen."""

from collections.abc import Iterable, Iterator

from modelway_platform.domain.parsing.json_place import parse_place
from modelway_platform.domain.routing.mirroring.mirrors import MAX_MIRRORED_BYTES, Comparator, Mirror
from modelway_platform.domain.table.route_table import ModelEntry


def mirroring_faults(models: Iterable[ModelEntry]) -> Iterator[str]:
    """Numbers that bound nothing, and places that are none."""
    for model in models:
        name = f"{model.project}/{model.model}"
        for mirror in model.mirroring.mirrors:
            if fault := _fault(mirror):
                yield f"model {name}: mirror to {mirror.to[:63]!r}: {fault}"
        for each in model.mirroring.compare:
            if fault := _comparator_fault(each.comparator):
                yield f"model {name}: comparator of {each.endpoint[:63]!r}: {fault}"


def _fault(mirror: Mirror) -> str:
    if not 0 <= mirror.share <= 1:
        return f"a share of {mirror.share}"
    if not 1 <= mirror.max_in_flight <= 1024:
        return f"{mirror.max_in_flight} copies at once"
    if not 0 < mirror.timeout_seconds <= 600:
        return f"a timeout of {mirror.timeout_seconds} s"
    if not 0 < mirror.max_body_bytes <= MAX_MIRRORED_BYTES:
        return f"bodies of {mirror.max_body_bytes} bytes"
    return "a mirror of itself" if mirror.to == mirror.source else ""


def _comparator_fault(comparator: Comparator) -> str:
    places = (comparator.at, *comparator.ignore, *(each.place for each in comparator.tolerances))
    wrong = next((each for each in places if parse_place(each) is None), None)
    if wrong is not None:
        return f"{wrong[:80]!r} is no place"
    return "" if comparator.k > 0 else f"the best {comparator.k}"
