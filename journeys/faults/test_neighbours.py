"""S8, S12, S13: one project's key opens nothing of another's and learns nothing of it; without a key nothing opens at all."""

import asyncio
import json
import re
import time

import pytest
from journeys.faults.attacker import strike
from journeys.faults.conftest import Figure
from journeys.faults.form import pick
from journeys.faults.open_load import Ask, OpenLoad
from journeys.faults.projects import JSON_BODY
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform

pytestmark = [pytest.mark.journey, pytest.mark.timeout(200)]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "QUERY", "TRACE")
HEALTH = {"/_/livez", "/_/readyz", "/_/metrics"}
# Of the Open Inference Protocol: the same for every project, whether there is one or not.
PROTOCOL = {"/{p}/v2", "/{p}/v2/health/live", "/{p}/v2/health/ready"}
OPEN_AT_THE_GATEWAY = HEALTH | {shape.format(p="s12b") for shape in PROTOCOL}
SHAPES = (
    *("/{p}/faulted/echo", "/{p}/faulted/v1/echo", "/{p}/faulted/", "/{p}/faulted", "/{p}/", "/{p}/faulted/metrics"),
    *("/{p}%2ffaulted/echo", "/{p}/faulted%2fecho", "//{p}/faulted/echo", "/{p}//faulted/echo", "/{p}/faulted//echo"),
    *(
        "/{own}/../{p}/faulted/echo",
        "/{own}/..;/{p}/faulted/echo",
        "/{own}/%2e%2e/{p}/faulted/echo",
        "/./{p}/faulted/echo",
    ),
    *("/{own}/faulted/..%2f..%2f{p}%2ffaulted%2fecho", "/{own}/faulted/v1/../../../{p}/faulted/echo"),
    *("/{P}/faulted/echo", "/{p}/faulted/echo?x=/{own}/faulted/echo", "/{p}/faulted/echo#/{own}/faulted"),
    *("http://{own}/{p}/faulted/echo", "/{p}/v2/models/faulted/infer", "/{p}/v2/models/faulted", *PROTOCOL),
    *(
        "/{p}/faulted/echo/../../../{own}/faulted/echo",
        "/{p};a=b/faulted/echo",
        "/{p}/faulted;a=b/echo",
        "/{p}%00/faulted/echo",
    ),
)


@pytest.fixture
def two_projects(platform: RunningPlatform, faulted: str) -> str:
    """Two projects with a model each; the key of the first."""
    names = ("s12a/faulted/v1", "s12b/faulted/v1")
    platform.apply(*(deployment(name, faulted) for name in names))
    platform.wait_ready(*names)
    for name in names:
        platform.wait_routed(f"/{name}/echo")
    made = platform.cli("key", "create", "s12a", "--scope", "s12a/*", "-o", "text").stdout.strip()
    platform.wait_routed("/s12a/faulted/v1/echo", key=made)
    return made


def _ask(method: str, target: str, key: str) -> bytes:
    body = b"" if method in {"GET", "HEAD", "OPTIONS", "TRACE"} else b'{"text": "x"}'
    head = f"{method} {target} HTTP/1.1\r\nHost: s12a\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body


def _without_id(answer: bytes, *names: str) -> bytes:
    text = re.sub(rb"(?im)^(x-request-id|date|content-length): .*$", b"", answer)
    text = re.sub(rb'"request_id":"[^"]*"', b"", text)
    for name in names:
        text = text.replace(name.encode(), b"")
    return text


def test_s12_a_key_opens_nothing_of_another_project_and_learns_nothing(
    platform: RunningPlatform, two_projects: str, figure: Figure
) -> None:
    wrong: list[tuple[str, str, int]] = []
    told: list[str] = []
    asked = 0
    for shape in SHAPES:
        for method in METHODS:
            answers: dict[str, bytes] = {}
            for other in ("s12b", "s12z"):  # one that exists and one that does not
                target = shape.format(p=other, P=other.upper(), own="s12a")
                outcome = asyncio.run(strike(platform.gateway_port, _ask(method, target, two_projects)))
                asked += 1
                answers[other] = _without_id(outcome.answer, other, other.upper())
                # What begins with a model of one's own is answered by that model, whatever comes behind.
                answered = b"modelway-version" in outcome.answer.lower() and not target.startswith("/s12a/faulted/")
                if answered or (not 400 <= outcome.status < 500 and shape not in PROTOCOL):
                    wrong.append((method, target, outcome.status))
            if len(set(answers.values())) > 1:
                told.append(f"{method} {shape}")
    figure("S12", requests=asked, opened=len(wrong), told_apart=len(told))
    assert not wrong
    assert not told


def test_s13_without_a_key_nothing_answers_but_health(
    platform: RunningPlatform, two_projects: str, figure: Figure
) -> None:
    opened: set[str] = set()
    paths = [shape.format(p="s12b", P="S12B", own="s12a") for shape in SHAPES]
    paths += [
        *OPEN_AT_THE_GATEWAY,
        "/",
        "/_/",
        "/_/config",
        "/_/debug",
        "/metrics",
        "/livez",
        "/readyz",
        "/docs",
        "/v1/status",
    ]
    for path in paths:
        for method in METHODS:
            for key in ("", "mw_" + "x" * 43, "' OR '1'='1"):
                outcome = asyncio.run(strike(platform.gateway_port, _ask(method, path, key)))
                if outcome.status < 400:
                    opened.add(path)
    figure("S13", paths=len(paths), open=len(opened))
    assert opened == OPEN_AT_THE_GATEWAY
    assert len(opened) <= 6


def _credentials(own: str, revoked: str) -> dict[str, bytes]:
    token = b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."
    return {
        "nothing": b"",
        "empty": b"X-API-Key: \r\n",
        "unknown": b"X-API-Key: mw_" + b"x" * 43 + b"\r\n",
        "revoked": b"X-API-Key: " + revoked.encode() + b"\r\n",
        "cut": b"X-API-Key: " + own[:-1].encode() + b"\r\n",
        "longer": b"X-API-Key: " + own.encode() + b"x\r\n",
        "other case": b"X-API-Key: " + own.swapcase().encode() + b"\r\n",
        "sql": b"X-API-Key: ' OR '1'='1\r\n",
        "format": b"X-API-Key: %s%n{0}${jndi:ldap://x}\r\n",
        "high bytes": b"X-API-Key: \xff\xfe\r\n",
        "basic": b"Authorization: Basic " + own.encode() + b"\r\n",
        "no scheme": b"Authorization: " + own.encode() + b"\r\n",
        "two schemes": b"Authorization: Bearer Bearer " + own.encode() + b"\r\n",
        "list": b"Authorization: Bearer x, Bearer " + own.encode() + b"\r\n",
        "unsigned token": b"Authorization: Bearer " + token + b"\r\n",
        "token of 16 kB": b"Authorization: Bearer " + b"e" * 16_000 + b"\r\n",
        "bad one last": b"X-API-Key: " + own.encode() + b"\r\nX-API-Key: mw_x\r\n",
        "underscore": b"X_API_Key: " + own.encode() + b"\r\n",
        "cookie": b"Cookie: key=" + own.encode() + b"\r\n",
        "claimed": b"Modelway-Consumer: admin\r\nX-Forwarded-User: admin\r\n",
    }


def test_s8_what_is_no_key_is_told_the_same_whatever_it_is(
    platform: RunningPlatform, two_projects: str, figure: Figure
) -> None:
    made = json.loads(platform.cli("key", "create", "s8", "-o", "json").stdout)
    platform.wait_routed("/s12a/faulted/v1/echo", key=made["secret"])
    platform.cli("key", "revoke", made["id"])
    revoked = time.monotonic()
    body = b'{"text": "x"}'
    head = b"POST /s12a/faulted/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n" % len(body)

    def ask(lines: bytes) -> tuple[int, bytes]:
        outcome = asyncio.run(strike(platform.gateway_port, head + lines + b"\r\n" + body))
        return outcome.status, _without_id(outcome.answer)

    gone = b"X-API-Key: " + made["secret"].encode() + b"\r\n"
    # Of several workers one may know it a moment before the others; each connection meets another one.
    while any(ask(gone)[0] != 401 for _ in range(16)):
        assert time.monotonic() - revoked <= pick(30, 5)
        time.sleep(0.02)
    seconds = time.monotonic() - revoked
    answers = {name: ask(lines) for name, lines in _credentials(two_projects, made["secret"]).items()}
    figure(
        "S8",
        credentials=len(answers),
        accepted=sum(status < 400 for status, _ in answers.values()),
        different_answers=len(set(answers.values())),
        revoked_after_ms=round(seconds * 1000),
    )
    assert {name: status for name, (status, _) in answers.items() if status != 401} == {}
    assert len(set(answers.values())) == 1
    # A megabyte of it is refused as a head, before anybody asks what it is.
    assert ask(b"Authorization: Bearer " + b"e" * 1_000_000 + b"\r\n")[0] == 431


def test_s12_a_neighbour_over_its_limit_costs_nobody_else(
    platform: RunningPlatform, two_projects: str, figure: Figure
) -> None:
    limited = platform.cli(
        "key", "create", "s12 loud", "--consumer", "loud", "--scope", "s12a/*", "--limit", "20/1s", "-o", "text"
    ).stdout.strip()
    platform.wait_routed("/s12b/faulted/v1/echo")
    time.sleep(1.0)
    quiet = Ask(path="/s12b/faulted/echo", body=JSON_BODY)
    loud = Ask(path="/s12a/faulted/echo", body=JSON_BODY)
    with OpenLoad(lambda media: platform.caller(media_type=media), [quiet], rate=50) as load:
        time.sleep(pick(3.0, 15.0))
        began = time.monotonic()
        with OpenLoad(lambda media: platform.caller(key=limited, media_type=media), [loud], rate=200) as noise:
            time.sleep(pick(4.0, 20.0))
            ended = time.monotonic()
    allowed = sum(asked.reply.status == 200 for asked in noise.asked)
    statuses = {asked.reply.status for asked in noise.asked}
    before = load.quantile_ms(0.99, lambda asked: asked.due < began)
    during = load.quantile_ms(0.99, lambda asked: began <= asked.due < ended)
    figure(
        "S12_neighbour",
        refused=len(noise.asked) - allowed,
        allowed_per_second=round(allowed / (ended - began), 1),
        failed=len(load.failed),
        p99_before_ms=before,
        p99_during_ms=during,
    )
    assert not load.failed, load.summary()
    assert statuses == {200, 429}
    assert allowed <= 20 * (ended - began + 2)
    assert json.loads(next(asked.reply.body for asked in noise.asked if asked.reply.status == 429))["error"]["code"]
