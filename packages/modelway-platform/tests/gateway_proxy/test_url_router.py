"""Looking published URLs up: what matches, what comes first, and paths that mean harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.http1 import Request
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.routing.addresses.published_url import Condition, PublishedUrl
from modelway_platform.domain.routing.addresses.url_conflicts import rank
from modelway_platform.domain.routing.addresses.url_pattern import is_usual, parse_pattern, shape_of
from modelway_platform.gateway.proxy.addresses.url_router import UrlRouter


def request(target: str, method: str = "GET", **fields: str) -> Request:
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    return Request(
        method.encode(),
        target.encode("latin-1"),
        headers,
        dict(headers),
        content_length=0,
        minor=1,
        keep_alive=True,
        expects_continue=False,
    )


def router(*urls: str | PublishedUrl) -> UrlRouter:
    made = tuple(each if isinstance(each, PublishedUrl) else PublishedUrl(pattern=each, endpoint="e") for each in urls)
    return UrlRouter([(ModelKey("p", "m"), made)])


def found(routed: UrlRouter, target: str, method: str = "GET", **fields: str) -> str | None:
    target_found = routed.find(request(target, method, **fields)).target
    return target_found.url.pattern if target_found is not None else None


def parameters(routed: UrlRouter, target: str) -> dict[str, str]:
    search = routed.find(request(target))
    assert search.target is not None
    return {name.decode(): value.decode() for name, value in search.target.parameters(search.segments)}


@pytest.mark.parametrize(
    ("target", "pattern"),
    [
        ("/api", "/api"),
        ("/api/v1/ocr", "/api/v1/ocr"),
        ("/api/v1/x", "/api/{a}/x"),
        ("/api/v1/y", "/api/v1/{b}"),
        ("/api/v2/x", "/api/{a}/x"),
        ("/api/v2/y", "/api/{rest...}"),
        ("/api/v1/x/y/z", "/api/{rest...}"),
        ("/api/v1/y?a=/b/../c", "/api/v1/{b}"),
        ("/api/v1/", None),
        ("/api/", None),
        ("//api", None),
        ("/api//x", None),
        ("/", None),
        ("/apis", None),
        ("/API", None),
    ],
)
def test_fixed_before_parameter_before_rest_from_the_left(target: str, pattern: str | None) -> None:
    urls = ("/api", "/api/v1/ocr", "/api/{a}/x", "/api/v1/{b}", "/api/{rest...}")
    for order in (urls, urls[::-1]):
        got = found(router(*order), target)
        assert got == (pattern if target != "/api/v1/x" else "/api/v1/{b}")


def test_a_branch_that_leads_nowhere_is_left_again() -> None:
    routed = router("/a/b/{x}/d", "/a/{y}/c/{z}", "/a/{rest...}")
    assert found(routed, "/a/b/c/d") == "/a/b/{x}/d"
    assert found(routed, "/a/b/c/e") == "/a/{y}/c/{z}"
    assert found(routed, "/a/b/f/e") == "/a/{rest...}"


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "%2e",
        "%2E%2e",
        ".%2e",
        "a%2fb",
        "a%2Fb",
        "a%5cb",
        "a\\b",
        "%00",
        "a%00b",
        "%5C..",
        "..%2f..%2fetc",
    ],
)
def test_what_another_server_might_read_as_another_path_is_no_value(value: str) -> None:
    routed = router("/a/{x}", "/b/{x}/c", "/r/{rest...}")
    assert found(routed, f"/a/{value}") is None
    assert found(routed, f"/b/{value}/c") is None
    assert found(routed, f"/r/x/{value}/y") is None


def test_percent_encoding_never_makes_a_fixed_text() -> None:
    routed = router("/api/ocr")
    assert found(routed, "/api/%6fcr") is None
    assert found(routed, "/%61pi/ocr") is None


def test_values_are_passed_on_in_one_spelling() -> None:
    routed = router("/a/{x}", "/r/{rest...}")
    assert parameters(routed, "/a/%64e%26x=1") == {"x": "de%26x%3D1"}
    assert parameters(routed, "/a/de&x=1+2") == {"x": "de%26x%3D1%2B2"}
    assert parameters(routed, "/a/\xe4%e4") == {"x": "%E4%E4"}
    assert parameters(routed, "/r/a/b%20c/d") == {"rest": "a/b%20c/d"}


@pytest.mark.parametrize(
    "target", ["/a" * 10_000, "/r/" + "x/" * 10_000 + "x", "/r" + "/" * 10_000, "/r/" + "x" * 100_000]
)
def test_endless_paths_end_soon(target: str) -> None:
    routed = router("/a/{x}", "/a" * 32, "/r/{rest...}", "/r/{x}/{y}")
    assert found(routed, target) in {None, "/r/{rest...}"}
    assert found(routed, "/r/" + "x/" * 10_000 + "x") == "/r/{rest...}"


def test_a_tree_of_all_choices_is_walked_once() -> None:
    urls = [
        "/t/" + "/".join(f"{{p{place}}}" if number >> place & 1 else "a" for place in range(10))
        for number in range(1024)
    ]
    routed = UrlRouter([(ModelKey("p", f"m{start}"), tuple(PublishedUrl(pattern=each, endpoint="e") for each in urls[start:start + 64])) for start in range(0, 1024, 64)])  # fmt: skip
    assert found(routed, "/t" + "/a" * 10) == "/t" + "/a" * 10
    assert found(routed, "/t" + "/a" * 10 + "/b") is None
    assert found(routed, "/t" + "/b" * 10) == "/t/" + "/".join(f"{{p{place}}}" for place in range(10))


def condition(name: str, value: str | None = None, source: Any = "header") -> Condition:
    return Condition(source=source, name=name, value=value)


def test_what_asks_for_more_comes_first_and_the_rest_is_for_the_others() -> None:
    urls = [
        PublishedUrl(pattern="/a", endpoint="any"),
        PublishedUrl(pattern="/a", endpoint="post", methods=("POST",)),
        PublishedUrl(pattern="/a", endpoint="beta", conditions=(condition("x-beta"),)),
        PublishedUrl(pattern="/a", endpoint="acme", conditions=(condition("x-beta", "acme"),)),
        PublishedUrl(
            pattern="/a", endpoint="fast", conditions=(condition("mode", "f st", "query"), condition("x-beta"))
        ),
    ]
    cases = {
        ("GET", "/a"): "any",
        ("POST", "/a"): "post",
        ("GET", "/a?x-beta"): "any",
    }
    for order in (urls, urls[::-1]):
        routed = router(*order)
        for (method, target), endpoint in cases.items():
            search = routed.find(request(target, method))
            assert search.target is not None
            assert search.target.endpoint(search.segments).decode() == endpoint
            assert search.looked_at_headers
        for target, value, endpoint in (
            ("/a", "", "beta"),
            ("/a", "acme", "acme"),
            ("/a", "ACME", "beta"),
            ("/a?mode=f+st", "x", "fast"),
            ("/a?mode=f%20st&mode=no", "x", "beta"),
            ("/a?mode=no&m%6fde=f%20st", "x", "fast"),
        ):
            search = routed.find(request(target, x_beta=value))
            assert search.target is not None
            assert search.target.endpoint(search.segments).decode() == endpoint, (target, value)


def test_without_header_conditions_the_address_alone_decides() -> None:
    routed = router(PublishedUrl(pattern="/a", endpoint="e", conditions=(condition("q", source="query"),)))
    assert not routed.find(request("/a?q")).looked_at_headers
    assert found(routed, "/a?q=") == "/a"
    assert found(routed, "/a") is None
    assert found(routed, "/a?" + "x&" * 255 + "q") == "/a"
    assert found(routed, "/a?" + "x&" * 256 + "q") is None, "endless queries are not read"


def test_names_from_parameters_are_names() -> None:
    routed = router(PublishedUrl(pattern="/a/{v}/{e}/{o}", endpoint="{e}", version="{v}"))
    search = routed.find(request("/a/@best/read/x"))
    assert search.target is not None
    assert (search.target.version(search.segments), search.target.endpoint(search.segments)) == (b"@best", b"read")
    assert search.target.parameters(search.segments) == [(b"o", b"x")]
    search = routed.find(request("/a/v%31/re%61d/x"))
    assert search.target is not None
    assert search.target.version(search.segments) is None
    assert search.target.endpoint(search.segments) == b""


def test_methods_of_a_path() -> None:
    routed = router(
        PublishedUrl(pattern="/a/{x}", endpoint="e", methods=("POST",)),
        PublishedUrl(pattern="/a/b", endpoint="e", methods=("PUT", "DELETE")),
    )
    assert routed.methods_at(request("/a/b")) == [b"DELETE", b"POST", b"PUT"]
    assert routed.methods_at(request("/a/c")) == [b"POST"]
    assert routed.methods_at(request("/b")) == []


TEXTS = st.sampled_from(["a", "b", "{}"])


def written(parts: list[str], rest: list[str]) -> str:
    named = (f"{{p{place}}}" if part == "{}" else part for place, part in enumerate(parts))
    return "/" + "/".join(("r", *named, *rest))


PATTERNS = st.builds(written, st.lists(TEXTS, max_size=4), st.sampled_from([[], ["{rest...}"]]))
PATHS = st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=6)


@given(pattern=st.one_of(PATTERNS, st.text("/{}.ab_v2-~", max_size=24).map(lambda text: "/" + text)))
@settings(max_examples=500, deadline=None)
def test_what_is_told_to_be_sound_at_a_glance_is(pattern: str) -> None:
    if is_usual(pattern):
        parse_pattern(pattern)


def matches(pattern: str, segments: list[str]) -> bool:
    """As a person would read it."""
    parts = pattern[1:].split("/")
    if parts[-1] == "{rest...}":
        rest = segments[len(parts) - 1 :]
        if not rest or not all(rest):
            return False
        parts, segments = parts[:-1], segments[: len(parts) - 1]
    return len(parts) == len(segments) and all(
        segment != "" if part.startswith("{") else part == segment
        for part, segment in zip(parts, segments, strict=True)
    )


def specific(pattern: str) -> list[int]:
    order = {"fixed": 0, "parameter": 1, "rest": 2}
    return [order[segment.kind] for segment in parse_pattern(pattern)]


@given(patterns=st.lists(PATTERNS, min_size=1, max_size=12), path=PATHS)
@settings(max_examples=300, deadline=None)
def test_the_tree_says_what_comparing_with_all_says(patterns: list[str], path: list[str]) -> None:
    shapes = {shape_of(each): each for each in patterns}
    expected = [each for each in shapes.values() if matches(each, ["r", *path])]
    got = found(router(*shapes.values()), "/r/" + "/".join(path))
    assert got == (min(expected, key=specific) if expected else None)


def test_rank_puts_the_implied_behind() -> None:
    more = PublishedUrl(pattern="/a", endpoint="e", methods=("GET",), conditions=(condition("h", "1"),))
    less = PublishedUrl(pattern="/a", endpoint="e", conditions=(condition("h"),))
    assert rank(more) < rank(less) < rank(PublishedUrl(pattern="/a", endpoint="e"))
