"""What must hold for the published URLs of a route table: the request path builds its router of them unseen."""

from collections.abc import Collection, Iterable, Iterator

from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.routing.addresses.published_url import PublishedUrl, parameter_named
from modelway_platform.domain.routing.addresses.url_conflicts import MAX_OF_ONE_SHAPE, Owned, ambiguous, by_shape
from modelway_platform.domain.routing.addresses.url_pattern import PatternError, is_usual, parse_pattern
from modelway_platform.domain.table.route_table import ModelEntry


def addressing_faults(models: Iterable[ModelEntry], projects: Collection[str]) -> Iterator[str]:
    """Patterns that are none, point at nothing, take a project's addresses, or cannot be told apart.

    Args:
        models: Those with URLs of their own.
        projects: All there are, whose addresses nobody may take.
    """
    sound: list[Owned] = []
    for model in models:
        key = ModelKey(model.project, model.model)
        for index, url in enumerate(model.addressing.urls):
            fault = _fault(url)
            if fault:
                yield f"model {key}: URL {url.pattern[:80]!r}: {fault}"
                continue
            owned = Owned(key=key, index=index, url=url)
            if owned.first in projects:
                yield f"model {key}: URL {url.pattern} takes addresses of project {owned.first}"
            sound.append(owned)
    for group in by_shape(sound).values():
        if len(group) > MAX_OF_ONE_SHAPE:
            yield f"{len(group)} URLs match the same paths as {group[0].url.pattern}: at most {MAX_OF_ONE_SHAPE}"
            continue
        for number, one in enumerate(group):
            for other in group[number + 1 :]:
                if ambiguous(one.url, other.url):
                    yield f"models {one.key} and {other.key}: URLs {one.url.pattern} and {other.url.pattern} are ambiguous"


def _fault(url: PublishedUrl) -> str:
    if not is_usual(url.pattern):
        try:
            parse_pattern(url.pattern)
        except PatternError as error:
            return error.message
    for text in (url.endpoint, url.version, url.model):
        if parameter_named(text) is not None and text not in url.pattern.split("/"):
            return f"it has no parameter {text}"
    return "" if url.endpoint else "it names no endpoint"
