"""What a Route may say of payloads, and what is refused."""

from dataclasses import replace

import pytest

from modelway.serving.observing import carried_policy
from modelway_platform.deploy.api.reading.payload_patterns import payload_problems
from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.domain.documents.document_json import document_from_json, document_to_json
from modelway_platform.domain.documents.read_document import Written, read_document
from modelway_platform.domain.routing import payload_policy
from modelway_platform.domain.routing.payload_policy import NO_PAYLOADS, PayloadPolicy, carried
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.table.check_route_table import problems_of
from modelway_platform.domain.table.route_table import ModelEntry, RouteTable, VersionEntry

HEAD = "apiVersion: modelway/v1\nkind: Route\nmetadata: {project: p, model: m}\nspec:\n  versions: [{version: v1, weight: 1}]\n"
FULL = r"""  payloads:
    share: 0.01
    maxBytes: 2048
    redact:
      fields: [nickname]
      places: ["$.inputs[*].data", '$["date of birth"]']
      patterns: ['[a-z]{1,32}@[a-z.]{1,64}']
"""
POLICY = PayloadPolicy(
    share=0.01,
    max_bytes=2048,
    fields=("nickname",),
    places=("$.inputs[*].data", '$["date of birth"]'),
    patterns=("[a-z]{1,32}@[a-z.]{1,64}",),
)


def written(text: str) -> Written:
    (node,) = read_yaml(HEAD + text)
    found = read_document("r.yaml", node)
    assert isinstance(found, Written), found
    return found


def route(text: str) -> Route:
    document = written(text).document
    assert isinstance(document, Route)
    return document


def test_everything_that_can_be_said_and_nothing_by_default() -> None:
    assert route("").payloads == NO_PAYLOADS
    assert carried(NO_PAYLOADS) == ""
    assert route(FULL).payloads == POLICY
    for text in ("", FULL, "  payloads: {share: 1}\n"):
        assert document_from_json(document_to_json(route(text))) == route(text)
    assert "payloads" not in document_to_json(route(""))["spec"]


def test_what_is_carried_is_what_replicas_read() -> None:
    assert carried_policy.HEADER.decode() == payload_policy.HEADER
    assert (payload_policy.LONGEST_HEADER, payload_policy.MOST_BYTES, payload_policy.MAX_ENTRIES) == (
        carried_policy.LONGEST_HEADER,
        carried_policy.MOST_BYTES,
        carried_policy.MOST_ENTRIES,
    )
    told = carried(replace(POLICY, share=1.0))
    assert told.isascii()
    assert told.isprintable()
    capture = carried_policy.CarriedPolicies().of(told.encode(), "any")
    assert capture is not None
    assert capture.most_bytes == 2048
    body = b'{"inputs":[{"name":"a","data":[1]}],"date of birth":"1.1.","note":"to me@example.org"}'
    assert capture.redaction.of_json(body) == (
        b'{"inputs":[{"name":"a","data":"[redacted]"}],"date of birth":"[redacted]","note":"to [redacted]"}'
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{share: 2}", "spec.payloads.share: 2 is outside 0 to 1"),
        ("{maxBytes: 0}", "maxBytes: 0 is outside 1 to 65536"),
        ("{sample: 1}", "unknown field spec.payloads.sample"),
        ("{redact: {headers: [a]}}", "unknown field spec.payloads.redact.headers"),
        ("{redact: {fields: ['']}}", "fields[0]: '' is not the name of a member"),
        ("{redact: {fields: [7]}}", "fields[0]: expected a text"),
        ("{redact: {places: [$]}}", "places[0]: '$' is not a place"),
        ("{redact: {places: [inputs]}}", "places[0]: 'inputs' is not a place"),
        ("{redact: {patterns: ['%s']}}" % ("a" * 201), "patterns[0]"),
        ("{{redact: {{fields: [{}]}}}}".format(", ".join(f"f{n}" for n in range(33))), "fields: more than 32"),
        (
            "{{share: 1, redact: {{fields: [{}]}}}}".format(", ".join(f"f{n}{'x' * 180}" for n in range(30))),
            "fits into 4096 octets",
        ),
    ],
)
def test_what_makes_no_sense(text: str, said: str) -> None:
    (node,) = read_yaml(f"{HEAD}  payloads: {text}\n")
    found = read_document("r.yaml", node)
    assert isinstance(found, list)
    assert said in "\n".join(each.message for each in found)


@pytest.mark.parametrize(
    ("payloads", "said"),
    [
        ("redact: {patterns: [ok, '[a-z]+']}", "spec.payloads.redact.patterns[1]: what repeats at 0 has no bound"),
        ("redact: {patterns: ['(a']}", "without its )"),
        ("redact: {patterns: ['a{0,64}a{0,64}a{0,64}b']}", "are too many"),
        ("maxBytes: 65536, redact: {patterns: ['(?:ab?){1,8}c']}", "are too many"),
    ],
)
def test_patterns_that_could_hold_a_server_up_are_refused(payloads: str, said: str) -> None:
    (problem,) = payload_problems([written(f"  payloads: {{share: 1, {payloads}}}\n")])
    assert said in f"{problem.message}"


def test_a_table_with_a_policy_nobody_could_carry_is_refused() -> None:
    def faults(policy: PayloadPolicy) -> list[str]:
        version = VersionEntry(version="v1", weight=1, replicas=())
        model = ModelEntry(
            project="p",
            model="m",
            access="key",
            idempotent=False,
            timeout_seconds=1,
            max_body_bytes=1,
            versions=(version,),
            payloads=policy,
        )
        return list(problems_of(RouteTable(number=1, models=(model,), keys=())))

    assert faults(POLICY) == []
    for bad in (replace(POLICY, share=2), replace(POLICY, max_bytes=0), replace(POLICY, places=("x",))):
        assert len(faults(bad)) == 1
