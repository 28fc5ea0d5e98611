"""Finds the published URL of a request: one step per segment of its path, however many URLs there are.

Everything is bytes and compared as it came, never decoded, so a path has one reading: `%6fcr` is not `ocr`, `//` is an empty
segment, and no parameter takes one that is empty, made of dots, or that hides a slash, a backslash or a NUL.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote_from_bytes, unquote_to_bytes

from modelway.http1 import Request
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.routing.addresses.published_url import Condition, PublishedUrl, parameter_named
from modelway_platform.domain.routing.addresses.url_conflicts import rank
from modelway_platform.domain.routing.addresses.url_pattern import MAX_SEGMENTS, Segment, parse_pattern

# Conditions on the query are not looked for in longer ones.
MAX_QUERY_PARAMETERS = 256
# In a segment, or in several with their slashes: an empty one, one of dots, or a hidden slash, backslash or NUL.
_UNUSABLE = re.compile(rb"(?:\A|/)(?:\.|%2[eE]){0,2}(?:/|\Z)|\\|%(?:00|2[fF]|5[cC])")
_NAME = re.compile(rb"@?[A-Za-z0-9_][A-Za-z0-9._-]{0,62}")


class Target:
    """A published URL as it is looked up; parameters are known by their place in the path."""

    __slots__ = (
        "_added",
        "_endpoint",
        "_headers",
        "_model",
        "_query",
        "_version",
        "methods",
        "route",
        "segments",
        "url",
        "via",
    )

    def __init__(self, key: ModelKey, url: PublishedUrl, segments: tuple[Segment, ...]) -> None:
        self.url = url
        self.segments = segments
        self.route = f"{key.project}/{key.model}".encode()
        self.methods = frozenset(method.encode() for method in url.methods)
        self.via = b"url:" + url.pattern.encode()
        self._headers = _wanted(url.conditions, "header")
        self._query = _wanted(url.conditions, "query")
        places = {each.text: place for place, each in enumerate(segments) if each.kind != "fixed"}
        self._endpoint = _part(url.endpoint, places)
        self._version = _part(url.version, places)
        self._model = _part(url.model, places)
        mapped = {parameter_named(each) for each in (url.endpoint, url.version, url.model)}
        self._added = tuple(
            (each.text.encode(), place, place + 1 if each.kind == "parameter" else None)
            for place, each in enumerate(segments)
            if each.kind != "fixed" and each.text not in mapped
        )

    def accepts(self, search: "Search") -> bool:
        """Whether method and conditions hold."""
        request = search.request
        if self.methods and request.method not in self.methods:
            return False
        if self._headers:
            search.looked_at_headers = True
            for name, value in self._headers:
                found = request.header(name)
                if found is None or value not in {None, found}:
                    return False
        if self._query:
            given = search.query()
            return all(name in given and value in {None, given[name]} for name, value in self._query)
        return True

    def model(self, segments: list[bytes]) -> bytes:
        """`project/model`: the Route's own, or the one of its project that a parameter names, be there one or not."""
        if self._model == b"":
            return self.route
        return self.route[: self.route.index(b"/") + 1] + _taken(self._model, segments)

    def endpoint(self, segments: list[bytes]) -> bytes:
        """The endpoint's name; empty where a parameter's value cannot be one."""
        return _taken(self._endpoint, segments)

    def version(self, segments: list[bytes]) -> bytes | None:
        """The version's name or `@alias`, empty for one by weights; None where a parameter's value cannot be one."""
        return b"" if self._version == b"" else _taken(self._version, segments) or None

    def parameters(self, segments: list[bytes]) -> list[tuple[bytes, bytes]]:
        """(name, value) of what is passed on, each value percent-encoded in one form whatever the caller's was."""
        found: list[tuple[bytes, bytes]] = []
        for name, begin, end in self._added:
            value = b"/".join(segments[begin:end])
            found.append((name, quote_from_bytes(unquote_to_bytes(value), safe="/").encode()))
        return found


class _Node:
    """All patterns with the same beginning."""

    __slots__ = ("ends", "fixed", "parameter", "rest")

    def __init__(self) -> None:
        self.fixed: dict[bytes, _Node] = {}
        self.parameter: _Node | None = None
        self.ends: tuple[Target, ...] = ()
        self.rest: tuple[Target, ...] = ()


class Search:
    """One look-up: the path's segments, and whether the answer depends on more than request line and credentials."""

    __slots__ = ("_query", "_usable_from", "looked_at_headers", "request", "segments", "target")

    def __init__(self, request: Request) -> None:
        self.request = request
        # What is beyond the longest pattern stays in one piece, whatever the number of its segments.
        self.segments = request.path.split(b"/", MAX_SEGMENTS + 1)[1:]
        self.looked_at_headers = False
        self.target: Target | None = None
        self._query: dict[bytes, bytes] | None = None
        self._usable_from = -1

    def is_rest(self, place: int) -> bool:
        """Whether all that begins at `place` may be the value of a rest; whatever its length, it is looked at once."""
        if self._usable_from < 0:
            segments = self.segments
            begins = len(segments)
            while begins and _is_usable(segments[begins - 1]):
                begins -= 1
            self._usable_from = begins
        return place >= self._usable_from

    def query(self) -> dict[bytes, bytes]:
        """The query's parameters, decoded; of repeated ones the last counts, as with headers."""
        if self._query is None:
            query = self.request.query
            if query.count(b"&") >= MAX_QUERY_PARAMETERS:
                query = b""
            pairs = (pair.partition(b"=") for pair in query.split(b"&") if pair)
            self._query = {_decoded(name): _decoded(value) for name, _, value in pairs}
        return self._query


class UrlRouter:
    """The published URLs of all models as a tree of segments."""

    __slots__ = ("_root", "targets", "urls")

    def __init__(
        self, urls: Iterable[tuple[ModelKey, tuple[PublishedUrl, ...]]] = (), previous: "UrlRouter | None" = None
    ) -> None:
        """`previous` spares making again what has stayed the same."""
        self.urls = tuple(urls)
        self._root = _Node()
        self.targets: dict[ModelKey, tuple[tuple[PublishedUrl, ...], list[Target]]] = {}
        for key, published in self.urls:
            known = previous.targets.get(key) if previous is not None else None
            if known is None or known[0] != published:
                known = published, [Target(key, url, parse_pattern(url.pattern)) for url in published]
            self.targets[key] = known
            for target in known[1]:
                self._add(target)

    def find(self, request: Request) -> Search:
        """The most specific URL that the request matches, as `target`.

        Segment by segment from the left, fixed comes before parameter before rest; then what asks for more.
        """
        search = Search(request)
        if self.urls and len(search.segments) > 0:
            search.target = _walk(self._root, 0, search, None)
        return search

    def methods_at(self, request: Request) -> list[bytes]:
        """Methods that the request's path could have had, for an answer to a wrong one."""
        found: set[bytes] = set()
        if self.urls:
            _walk(self._root, 0, Search(request), found)
        return sorted(found)

    def _add(self, target: Target) -> None:
        node = self._root
        for segment in target.segments:
            if segment.kind == "rest":
                node.rest = _sorted(node.rest, target)
                return
            if segment.kind == "fixed":
                node = node.fixed.setdefault(segment.text.encode(), _Node())
            else:
                node.parameter = node = node.parameter or _Node()
        node.ends = _sorted(node.ends, target)


def _walk(node: _Node, place: int, search: Search, methods: set[bytes] | None) -> Target | None:
    """The first target that accepts; with `methods` none is taken, and those of all are noted there."""
    segments = search.segments
    if place == len(segments):
        return _first(node.ends, search, methods)
    segment = segments[place]
    child = node.fixed.get(segment)
    if child is not None:
        found = _walk(child, place + 1, search, methods)
        if found is not None:
            return found
    child = node.parameter
    if child is not None and b"/" not in segment and _is_usable(segment):
        found = _walk(child, place + 1, search, methods)
        if found is not None:
            return found
    if node.rest and search.is_rest(place):
        return _first(node.rest, search, methods)
    return None


def _first(targets: tuple[Target, ...], search: Search, methods: set[bytes] | None) -> Target | None:
    if methods is None:
        for target in targets:
            if target.accepts(search):
                return target
    else:
        for target in targets:
            methods |= target.methods
    return None


def _sorted(targets: tuple[Target, ...], added: Target) -> tuple[Target, ...]:
    if not targets:
        return (added,)
    return tuple(sorted((*targets, added), key=lambda each: (*rank(each.url), each.route)))


def _wanted(conditions: Iterable[Condition], source: str) -> tuple[tuple[bytes, bytes | None], ...]:
    return tuple(
        (each.name.encode(), None if each.value is None else each.value.encode())
        for each in conditions
        if each.source == source
    )


def _part(text: str, places: dict[str, int]) -> bytes | int:
    name = parameter_named(text)
    return text.encode() if name is None else places[name]


def _taken(part: bytes | int, segments: list[bytes]) -> bytes:
    if isinstance(part, bytes):
        return part
    return segments[part] if _NAME.fullmatch(segments[part]) else b""


def _is_usable(segments: bytes) -> bool:
    """Whether one segment, or several with their slashes, may be a value; the regular expression is left to doubtful ones."""
    if b"%" in segments:
        return _UNUSABLE.search(segments) is None
    closed = b"/%b/" % segments
    return not (b"//" in closed or b"/./" in closed or b"/../" in closed or b"\\" in closed)


def _decoded(text: bytes) -> bytes:
    if b"%" not in text and b"+" not in text:
        return text
    return unquote_to_bytes(text.replace(b"+", b" "))
