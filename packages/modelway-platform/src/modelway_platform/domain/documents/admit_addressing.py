"""Whether published URLs and aliases can be meant, beside everything else that is declared."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.parsing.document_problem import Problem, did_you_mean
from modelway_platform.domain.records import Declared
from modelway_platform.domain.routing.addresses.url_conflicts import MAX_OF_ONE_SHAPE, Owned, ambiguous, by_shape
from modelway_platform.domain.routing.route import Route


def addressing_problems(documents: Sequence[Written], after: Declared) -> Iterator[Problem]:
    """What speaks against the addresses that `documents` publish, or against projects they begin."""
    written = {item.document.key: item for item in documents if isinstance(item.document, Route)}
    for key, item in written.items():
        yield from _alias_problems(item, key, after)
    owned = [
        Owned(key=record.key, index=index, url=url)
        for record in after.routes
        for index, url in enumerate(record.route.addressing.urls)
    ]
    if owned:
        yield from _taken_addresses(documents, written, owned, after)
        yield from _ambiguities(written, owned)


def names_of(key: VersionKey, declared: Declared) -> list[str]:
    """What a Route has mean this version: aliases, as `@champion`, and patterns of URLs."""
    found: list[str] = []
    for record in declared.routes:
        if record.key == key.model_key:
            addressing = record.route.addressing
            found += [f"@{alias.name}" for alias in addressing.aliases if alias.version == key.version]
            found += [url.pattern for url in addressing.urls if url.version == key.version]
    return found


def _alias_problems(item: Written, key: ModelKey, after: Declared) -> Iterator[Problem]:
    assert isinstance(item.document, Route)
    addressing = item.document.addressing
    deployed = [each.key.version for each in after.deployments if each.key.model_key == key and not each.deleting]
    for alias in addressing.aliases:
        if alias.version not in deployed:
            guess = f"; {did_you_mean(alias.version, deployed)}" if deployed else ""
            yield item.problem(
                f"spec.aliases.{alias.name}",
                f"@{alias.name} means version {alias.version!r}, of which {key} has no deployment",
                f"apply a Deployment of {key}/{alias.version} first or along with this{guess}",
            )
    aliases = {f"@{alias.name}" for alias in addressing.aliases}
    for index, url in enumerate(addressing.urls):
        known = {*deployed, *aliases}
        if url.model or url.version[:1] in {"", "{"}:
            continue  # who it is about is known with the request
        if url.version not in known:
            yield item.problem(
                f"spec.urls[{index}].version",
                f"{url.version!r} is no deployed version of {key} and none of its aliases",
                did_you_mean(url.version, sorted(known)),
            )


def _taken_addresses(
    documents: Sequence[Written], written: Mapping[ModelKey, Written], owned: Iterable[Owned], after: Declared
) -> Iterator[Problem]:
    """Below `/{project}` are a project's models, whoever publishes something: neither may come second."""
    projects = {record.key.project for record in after.deployments} | {record.key.project for record in after.routes}
    begun: dict[str, Written] = {}
    for item in documents:
        if isinstance(item.document, Deployment | Route):
            begun.setdefault(item.document.key.project, item)
    for each in owned:
        if each.first not in projects:
            continue
        if each.key in written:
            yield written[each.key].problem(
                each.path,
                f"{each.url.pattern} takes addresses of the project {each.first!r}",
                "below /{project} are the models of a project; begin with another word",
            )
        elif each.first in begun:
            yield begun[each.first].problem(
                "metadata.project",
                f"route {each.key} publishes {each.url.pattern}, which would be addresses of project {each.first!r}",
                "choose another project name, or take that URL out of the route first",
            )


def _ambiguities(written: Mapping[ModelKey, Written], owned: Iterable[Owned]) -> Iterator[Problem]:
    for group in by_shape(owned).values():
        for one in group[MAX_OF_ONE_SHAPE:]:
            if one.key in written:
                message = f"{one.url.pattern}: more than {MAX_OF_ONE_SHAPE} URLs match the same paths"
                yield written[one.key].problem(one.path, message, "tell them apart by their paths")
        for number, one in enumerate(group[:MAX_OF_ONE_SHAPE]):
            for other in group[number + 1 : MAX_OF_ONE_SHAPE]:
                if (one.key in written or other.key in written) and ambiguous(one.url, other.url):
                    yield _ambiguity(written, one, other)


def _ambiguity(written: Mapping[ModelKey, Written], one: Owned, other: Owned) -> Problem:
    if other.key not in written:
        one, other = other, one  # shown where the new one stands
    item, first = written[other.key], written.get(one.key)
    place = f" at {first.file}:{first.mark(one.path).line}:{first.mark(one.path).column}" if first is not None else ""
    return item.problem(
        other.path,
        f"ambiguous: a request can match {other.url.pattern} of route {other.key} as well as {one.url.pattern} of route "
        f"{one.key}{place}",
        "tell them apart by methods or conditions, or let one ask for all that the other does and more",
    )
