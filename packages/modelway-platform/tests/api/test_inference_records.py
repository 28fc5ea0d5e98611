"""Inference records of replicas elsewhere: kept once, only of the version that the token is for, and nothing else is opened by it."""

import json
from typing import Any

import pytest

from modelway_platform.deploy.api.reading.record_lines import own_lines
from modelway_platform.domain.access.records_token import records_token, version_of_token
from modelway_platform.domain.identity import VersionKey

KEY = VersionKey("vision", "digits", "v1.0_a")
PATH = "/v1/records/inference/pod-1/worker-0-1.ndjson"
OWN = b'{"time":1,"project":"vision","model":"digits","version":"v1.0_a"}\n'


@pytest.fixture
def token(api: Any) -> str:
    return records_token(api.records_secret, KEY)


def kept(api: Any) -> list[bytes]:
    return [path.read_bytes() for path in (api.root / "shipped").rglob("inference/*.ndjson")]


def test_pieces_are_kept_once(api: Any, token: str) -> None:
    size = len(OWN)
    assert api.ask("POST", f"{PATH}?start=0", OWN, key=token).json == {"size": size}
    assert api.ask("POST", f"{PATH}?start=0", OWN, key=token).json == {"size": size}
    assert api.ask("POST", f"{PATH}?start={size}&ended=true", OWN, key=token).json == {"size": 2 * size}
    assert kept(api) == [OWN * 2]


def test_lines_of_others_are_blank_and_the_rest_stays_in_its_place(api: Any, token: str) -> None:
    other = OWN.replace(b"vision", b"sounds")
    answer = api.ask("POST", f"{PATH}?start=0", other + OWN + b"no json\n", key=token).json
    assert answer == {"size": len(other + OWN) + 8, "refused": 2}
    (found,) = kept(api)
    assert found == b" " * (len(other) - 1) + b"\n" + OWN + b" " * 7 + b"\n"


def test_another_version_cannot_write_into_its_segments(api: Any, token: str) -> None:
    api.ask("POST", PATH, OWN, key=token)
    neighbour = VersionKey("vision", "digits", "v2")
    theirs = OWN.replace(b"v1.0_a", b"v2")
    other = records_token(api.records_secret, neighbour)
    assert api.ask("POST", PATH, theirs, key=other).json == {"size": len(theirs)}
    assert sorted(kept(api)) == sorted([OWN, theirs])


def test_the_token_opens_nothing_else(api: Any, token: str) -> None:
    for verb, path in (
        ("POST", "/v1/records/access/edge-1/worker-0-1.ndjson"),
        ("PUT", "/v1/endpoints/x"),
        ("GET", "/v1/deployments"),
        ("GET", "/v1/logs"),
    ):
        refused = api.ask(verb, path, {} if verb != "GET" else None, key=token)
        assert refused.status == 403, path
        assert "records" in refused.json["error"]["hint"]


@pytest.mark.parametrize(
    "token",
    [
        "",
        "mwr_vision/digits/v1",
        "mwr_vision/digits/v1.",
        "mwr_vision/digits.AAAA",
        records_token("another secret", KEY),
        records_token("s", KEY).replace("digits", "letter"),
        records_token("s", VersionKey("vision", "../x", "v1")),
        records_token("s", VersionKey("Vision", "x", "v1")),
        records_token("s", KEY)[:-1],
        records_token("s", KEY) + "\u00e9",
    ],
)
def test_what_is_no_token_is_none(token: str) -> None:
    assert version_of_token("s", token) is None


def test_a_token_says_whose_it_is_and_fits_a_header() -> None:
    assert version_of_token("s", records_token("s", KEY)) == KEY
    longest = VersionKey("p" * 63, "m" * 63, "v" * 63)
    token = records_token("s", longest)
    assert version_of_token("s", token) == longest
    assert len(token) < 256
    assert version_of_token("", records_token("", KEY)) is None, "a platform without a secret has no tokens"


@pytest.mark.parametrize(
    "line",
    [
        b'{"project":"other","model":"digits","version":"v1.0_a","project":"vision"}',
        b'{"project":"vision","model":"digits","version":"v1.0_a","project":"other"}',
        b'{"project":"vision","model":"digits","version":"v1.0_a","Project":"other"}',
        b'{"project":"vision","model":"digits","version":"v1.0_a","proj\\u0065ct":"other"}',
        b'{"project":"vision","model":"digits"}',
        b'{"project":"vision","model":"digits","version":7}',
        b'["vision"]',
        b"\xff",
        b"{",
    ],
)
def test_a_line_that_one_reader_could_take_for_anothers_is_refused(line: bytes) -> None:
    assert own_lines(line + b"\n", KEY) == (b" " * len(line) + b"\n", 1)


def test_payloads_may_say_the_same_words() -> None:
    record = {**json.loads(OWN), "request": {"project": "other", "n": "\u00e9"}, "answer": [{"version": 1}]}
    line = json.dumps(record).encode() + b"\n"
    assert own_lines(line + b"\n" + OWN, KEY) == (line + b"\n" + OWN, 0)


def test_what_is_no_piece_is_refused(api: Any, token: str) -> None:
    for path in (PATH.replace("pod-1", "p" * 120), PATH.replace("pod-1", "a%20b"), f"{PATH}?start=-1"):
        assert api.ask("POST", path, OWN, key=token).status == 400, path
    assert api.ask("POST", PATH, OWN[:-1], key=token).status == 400
    assert kept(api) == []
