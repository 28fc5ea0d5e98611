"""What is seen in a Dockerfile before anybody follows it."""

import pytest

from modelway_platform.deploy.images.content.descriptor import ImageError
from modelway_platform.deploy.images.grounds.dockerfile import read_dockerfile


def test_what_builds_on_the_base_and_stays_inside() -> None:
    found = read_dockerfile(
        b"# a comment\nARG X=1\nFROM modelway-base AS tools\nRUN apt-get update \\\n  # in between\n  && true\n"
        b"FROM --platform=linux/amd64 tools\nCOPY --from=tools /a /a\nCOPY --from=0 /b /b\nRUN --mount=type=secret,id=t cat /run/secrets/t\n"
    )
    assert (found.uses_context, found.outside) == (False, ())
    assert "FROM localhost/b AS tools" in found.on("localhost/b")
    assert "FROM --platform=linux/amd64 tools" in found.on("localhost/b")


@pytest.mark.parametrize(
    ("text", "uses", "outside"),
    [
        ("FROM modelway-base\nCOPY a b", True, 0),
        ("FROM modelway-base\nADD a.tar /", True, 0),
        ("FROM modelway-base\nADD https://example.org/x /x", True, 1),
        ('FROM modelway-base\nADD ["git@example.org:x.git", "/x"]', True, 1),
        ("FROM debian:12 AS b\nRUN true\nFROM modelway-base\nCOPY --from=b /x /x", False, 1),
        ("FROM modelway-base\nCOPY --from=alpine:3 /x /x", False, 1),
        ("FROM modelway-base\nRUN --mount=type=bind,target=/src make", True, 0),
    ],
)
def test_what_it_reaches_for(text: str, uses: bool, outside: int) -> None:  # noqa: FBT001 - a column
    found = read_dockerfile(text.encode())
    assert (found.uses_context, len(found.outside)) == (uses, outside)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FROM debian:12\nRUN true", "does not build on modelway-base"),
        ("FROM modelway-base\nRUN true\nFROM debian:12", "does not build on modelway-base"),
        ("FROM ${BASE}", "variables in FROM"),
        ("RUN true\nFROM modelway-base", "line 1: RUN before FROM"),
        ("# syntax=evil/frontend:1\nFROM modelway-base", "frontends"),
        ("#  escape=`\nFROM modelway-base", "frontends"),
        ("FROM modelway-base\nRUN <<EOF\ntrue\nEOF", "heredocs"),
        ("FROM modelway-base\nRUN --mount=type=bind,from=alpine,source=/ cat /x", "is not taken"),
        ("FROM modelway-base\nRUN --mount=type=ssh git clone x", "is not taken"),
        ("FROM modelway-base\nRUN --mount=type=cache,target=/c x", "is not taken"),
        ("FROM modelway-base\nONBUILD RUN x", "ONBUILD"),
        ("FROM modelway-base\nRUN a \\", "middle of an instruction"),
        ("FROM modelway-base one two", "is not understood"),
        ("", "does not build on"),
    ],
)
def test_what_is_not_taken_is_named_with_its_line(text: str, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        read_dockerfile(text.encode())
    with pytest.raises(ImageError, match="longer than"):
        read_dockerfile(b"#" * 300_000)
    with pytest.raises(ImageError, match="UTF-8"):
        read_dockerfile(b"\xff")
