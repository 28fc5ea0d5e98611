"""Addresses of other kinds through a real platform: a stock Open Inference client, published URLs, and weights that move."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable

import pytest
from journeys.load import Load
from journeys.projects import deployment, route
from journeys.running_platform import RunningPlatform, wait_for

from modelway.errors import InvalidDocumentError

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]
CHANGES = 20
SECONDS = 4.0

# NVIDIA's client, as published; in a process of its own as it brings its own event loop.
CLIENT = """
import json, sys
from collections import Counter
import numpy as np
import tritonclient.http as triton

address, key = sys.argv[1:]
headers = {"X-API-Key": key}

def inputs(binary):
    text = triton.InferInput("text", [2], "BYTES")
    text.set_data_from_numpy(np.array(["a", "b"], dtype=np.object_), binary_data=binary)
    seconds = triton.InferInput("seconds", [2], "FP64")
    seconds.set_data_from_numpy(np.zeros(2), binary_data=binary)
    return [text, seconds]

with triton.InferenceServerClient(address) as client:
    assert client.is_server_live() and client.is_server_ready()
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    index = client.get_model_repository_index(headers=headers)
    assert {(each["name"], each["version"], each["state"]) for each in index} == {("echo", "v1", "READY"), ("echo", "v2", "READY")}
    assert client.is_model_ready("echo", headers=headers) and client.is_model_ready("echo", "v2", headers=headers)
    assert not client.is_model_ready("other", headers=headers)
    metadata = client.get_model_metadata("echo", "v2", headers=headers)
    assert (metadata["name"], metadata["versions"]) == ("echo", ["v2"])
    assert {each["name"]: each["datatype"] for each in metadata["inputs"]} == {"text": "BYTES", "seconds": "FP64"}
    labels = Counter()
    for binary in (True, False):
        for algorithm in (None, "gzip", "deflate"):
            outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("text", "label", "process")]
            result = client.infer("echo", inputs(binary), outputs=outputs, headers=dict(headers), request_id="7",
                                  request_compression_algorithm=algorithm, response_compression_algorithm=algorithm)
            assert [each.decode() for each in result.as_numpy("text").astype(np.bytes_).tolist()] == ["a", "b"]
            assert result.get_response()["model_name"] == "echo" and result.get_response()["id"] == "7"
            label, = {each.decode() for each in result.as_numpy("label").astype(np.bytes_).tolist()}
            assert result.get_response()["model_version"] == {"one": "v1", "two": "v2"}[label]
            labels[label] += 1
    pinned = client.infer("echo", inputs(True), model_version="v2", headers=headers)
    assert pinned.get_response()["model_version"] == "v2"
    for wrong, said in (({}, "valid key"), ({"X-API-Key": "no"}, "valid key")):
        try:
            client.infer("echo", inputs(True), headers=wrong)
        except triton.InferenceServerException as error:
            assert said in error.message(), error
        else:
            raise AssertionError
    try:
        client.infer("echo", inputs(True), model_version="v9", headers=headers)
    except triton.InferenceServerException as error:
        assert "no such version" in error.message(), error
    print(json.dumps(labels))
"""


@pytest.fixture
def routed(platform: RunningPlatform, echo: str) -> str:
    """A project with two versions of a model, taking turns."""
    versions = {"v1": "one", "v2": "two"}
    platform.apply(
        *(deployment(f"addresses/echo/{version}", echo, LABEL=label) for version, label in versions.items()),
        route("addresses/echo", dict.fromkeys(versions, 1)),
    )
    platform.wait_ready(*(f"addresses/echo/{version}" for version in versions))
    for version in versions:
        platform.wait_routed(f"/addresses/echo/{version}/echo")
    return "addresses/echo"


def test_a_stock_open_inference_client_works_with_a_project_as_its_base(platform: RunningPlatform, routed: str) -> None:
    with platform.control() as control:
        key = control.create_key("triton").secret
    platform.wait_routed("/addresses/echo/v1/echo", key=key)
    address = f"127.0.0.1:{platform.gateway_port}/addresses"
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, address, key], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    assert sum(counts.values()) == 6
    assert set(counts) == {"one", "two"}


def test_published_urls_and_aliases(platform: RunningPlatform, routed: str, echo: str) -> None:
    document = route(routed, {"v1": 1, "v2": 1}).replace(
        "access: key",
        "access: open, aliases: {best: v2}, urls: ["
        '{pattern: "/published/{who}/echo", endpoint: echo, methods: [POST], version: "{who}"}]',
    )
    platform.apply(document)

    def answered(path: str) -> str | None:
        request = urllib.request.Request(f"http://127.0.0.1:{platform.gateway_port}{path}", b'{"text": "hello"}')
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return f"{answer.headers['Modelway-Version']} {json.load(answer)['label']}"
        except urllib.error.HTTPError:
            return None

    wait_for("the URL is published", lambda: answered("/published/v1/echo") == "v1 one")
    assert answered("/published/@best/echo") == "v2 two"
    assert answered("/addresses/echo/@best/echo") == "v2 two"
    shown = platform.cli("get", "routes", "-o", "wide").stdout
    assert "@best=v2" in shown
    assert "/published/{who}/echo" in shown
    rival = route("addresses/rival", {"v1": 1}).replace(
        "access: key", 'access: key, urls: [{pattern: "/published/{x}/echo", endpoint: echo, methods: [POST]}]'
    )
    both = r"ambiguous: .*/published/\{x\}/echo of route addresses/rival as well as .* addresses/echo"
    with pytest.raises(InvalidDocumentError, match=both):
        platform.apply(deployment("addresses/rival/v1", echo), rival)
    platform.apply(route(routed, {"v1": 1, "v2": 1}))
    wait_for("the URL is gone", lambda: answered("/published/v1/echo") is None)


def test_why_a_request_goes_where_it_goes(platform: RunningPlatform, routed: str) -> None:
    platform.apply(route(routed, {"v1": 1, "v2": 0}).replace("access: key", "access: key, aliases: {best: v2}"))
    with platform.control() as control:
        control.create_key("explained", scopes=("addresses/*",))
    wait_for(
        "the alias is known",
        lambda: platform.cli("route", "explain", f"/{routed}/@best/echo", "--as", "explained").stdout.find("@best") > 0,
    )
    told = json.loads(platform.cli("route", "explain", f"/{routed}/echo", "--as", "explained", "-o", "json").stdout)
    assert (told["route"], told["version"], told["reason"], told["consumer"]) == (routed, "v1", "weights", "explained")
    assert told["replica"] in {each["id"] for each in platform.endpoints(f"{routed}/v1")}
    assert platform.cli(
        "call", f"{routed}/@best", "echo", "-d", '{"text": "hello"}', "--request-id", "explain-1"
    ).stdout
    refused = platform.cli(
        "route", "explain", f"{platform.gateway}/{routed}/echo", "-X", "GET", "-H", "X-API-Key: no"
    ).stdout
    assert "answered by the gateway itself: 401 unauthenticated" in refused
    assert "out_of_scope" in platform.cli("route", "explain", "/other/model/x", "--as", "explained").stdout
    said = wait_for("the record", lambda: _explained(platform, "explain-1"))
    assert "the alias @best means version v2" in said
    assert "of version v2 took it" in said
    platform.cli("route", "explain", "--request-id", "nobody", status=1)
    platform.cli("route", "explain", "/x", "--request-id", "both", status=2)
    assert "modelway key list" in platform.cli("route", "explain", "/x", "--as", "nobody", status=1).stderr
    assert platform.cli("route", "explain", "ftp://x/y", status=1).stderr
    assert platform.cli("route", "explain", "/x", "-H", "none", status=1).stderr


def _explained(platform: RunningPlatform, request_id: str) -> str:
    with platform.control() as control:
        if not list(control.logs(request_id=request_id, tail=1)):
            return ""
    return platform.cli("route", "explain", "--request-id", request_id).stdout


def test_moving_weights_under_load_loses_no_request(
    platform: RunningPlatform, routed: str, record_property: Callable[[str, object], None]
) -> None:
    """Twenty changes in four seconds; after each, the shares of the weights then in force are exact to within one a worker."""
    shares = [(9, 1), (1, 1), (1, 9), (3, 7)]
    platform.apply(route(routed, {"v1": 1, "v2": 1}))
    with Load(lambda _: platform.caller(), f"/{routed}/echo", connections=8) as load:
        began = time.monotonic()
        for change in range(CHANGES):
            one, two = shares[change % len(shares)]
            platform.apply(route(routed, {"v1": one, "v2": two}))
            time.sleep(max(0.0, began + (change + 1) * SECONDS / CHANGES - time.monotonic()))
        took = time.monotonic() - began
        time.sleep(0.5)
        settled = time.monotonic()
        time.sleep(1.0)
    one, two = shares[(CHANGES - 1) % len(shares)]
    after = [sent for sent in load.sent if sent.at >= settled]
    counts = Counter(sent.reply.version for sent in after)
    off = counts["v1"] - len(after) * one / (one + two)
    print(
        f"{CHANGES} changes of weights in {took:.1f} s: {load.summary()}; then {dict(counts)} at {one}:{two}, off by {off:.1f}"
    )
    record_property("weight_changes_requests", len(load.sent))
    record_property("weight_changes_failed", len(load.failed))
    record_property("weight_changes_share_off_by", round(abs(off), 1))
    assert not load.failed, load.summary()
    assert len(after) > 20
    # The window is cut out of each worker's sequence at both ends: within one at either end, for each worker.
    assert abs(off) <= 2 * platform.workers
