"""Asks running replicas the golden examples of their package, as callers would, and compares what they answer."""

from collections.abc import Iterator, Sequence

import msgspec

from modelway.client.http_client import HttpClient, Timeouts
from modelway.errors import ModelwayError
from modelway.packaging import Example
from modelway.packaging.golden_examples import difference
from modelway_platform.domain.promotion.stage_gates import ExampleAnswers
from modelway_platform.domain.routing.endpoint import Endpoint

SILENCE_SECONDS = 60.0
MAX_REPLICAS = 3


def ask_examples(endpoints: Sequence[Endpoint], examples: Sequence[Example], ca_file: str = "") -> ExampleAnswers:
    """What they answered; at most `MAX_REPLICAS` are asked, as all of them run the same package.

    Args:
        endpoints: Replicas of one package.
        examples: Its golden examples.
        ca_file: Whose certificates replicas have that speak HTTPS.
    """
    if not endpoints:
        return ExampleAnswers(examples=len(examples), waiting="no replica is ready in the earlier stage")
    asked = endpoints[:MAX_REPLICAS]
    problems = [problem for each in asked for problem in _problems(each, examples, ca_file)]
    return ExampleAnswers(replicas=tuple(each.id for each in asked), examples=len(examples), problems=tuple(problems))


def _problems(endpoint: Endpoint, examples: Sequence[Example], ca_file: str) -> Iterator[str]:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    url = f"{'https' if endpoint.secure else 'http'}://{host}:{endpoint.port}"
    client = HttpClient(url, timeouts=Timeouts(silence=SILENCE_SECONDS), ca_file=ca_file)
    try:
        for number, example in enumerate(examples, start=1):
            problem = _problem(client, example)
            if problem:
                yield f"replica {endpoint.id}, golden example {number} ({example.endpoint}): {problem}"
    finally:
        client.close()


def _problem(client: HttpClient, example: Example) -> str:
    try:
        answer = client.request(
            "POST",
            f"/{example.endpoint}",
            body=msgspec.json.encode(example.request),
            headers={"Content-Type": "application/json"},
        )
        got = answer.json() if example.response is not None else None
    except ModelwayError as error:
        return error.message
    return "" if example.response is None else difference(example.response, got, example.tolerance)
