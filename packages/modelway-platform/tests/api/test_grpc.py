"""The control API over gRPC: the same answers as over REST, the same errors, for a client nobody here wrote."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from modelway_platform.deploy.api.messages.grpc_messages import answer_message
from modelway_platform.deploy.api.messages.methods import api_methods, service_names
from modelway_platform.deploy.api.schema import documents_pb2, records_pb2
from modelway_platform.deploy.api.wire.grpc_server import origin_of

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def declared(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    texts = [write.deployment(), write.deployment("vision/digits/v2"), write.route("[{version: v1, weight: 1}]")]
    assert api.apply(*texts, packages=uploaded).status == 200


def test_a_generated_client_in_another_process(api: Any, side: Any, declared: None, tmp_path: Path) -> None:
    protoc: Any = importlib.import_module("grpc_tools.protoc")
    shipped = Path(importlib.import_module("grpc_tools").__file__ or "").parent / "_proto"
    common = Path(importlib.import_module("google.api.http_pb2").__file__ or "").parents[2]
    sources = [str(path) for path in sorted((ROOT / "proto/modelway/v1").glob("*.proto"))]
    places = [f"-I{ROOT / 'proto'}", f"-I{shipped}", f"-I{common}"]
    assert protoc.main(["", *places, f"--python_out={tmp_path}", f"--grpc_python_out={tmp_path}", *sources]) == 0
    # Its `modelway` is not the SDK's, which this environment has, too.
    (tmp_path / "modelway" / "__init__.py").touch()
    command = [sys.executable, str(Path(__file__).parent / "grpc_client.py"), str(tmp_path)]
    done = subprocess.run(
        [*command, f"127.0.0.1:{side.port}", api.key], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["health"] == 1
    assert set(service_names()) < set(told["services"])
    assert told["deployments"] == [["vision/digits/v1", 1.0, "Pending"], ["vision/digits/v2", 1.0, "Pending"]]
    assert told["watched"] == 2
    assert told["missing"] == ["NOT_FOUND", "not_found", "from-grpc", ["ErrorInfo", "RequestInfo"]]
    assert told["stranger"][:2] == ["UNAUTHENTICATED", "unauthenticated"]
    assert told["broken"] == [
        "INVALID_ARGUMENT",
        "invalid_document",
        "from-grpc",
        ["ErrorInfo", "RequestInfo", *["Struct"] * 4],
    ]


LISTED = [method for method in api_methods() if method.bindings[0].verb == "GET" and not method.streams_answers]


# What the platform of these tests has something of.
THERE = {
    "AuditLog", "Deployments", "Endpoints", "Issuers", "Keys", "Logs", "Packages", "Platform", "Reports", "Routes", "Sources",
    "Stages", "Tokens",
}  # fmt: skip


@pytest.mark.parametrize("method", LISTED, ids=lambda each: each.called)
def test_both_say_the_same_and_nothing_is_left_out(full: Any, method: Any) -> None:
    """Every method that only looks, asked over REST and over gRPC about what is there."""
    names = {"project": "vision", "model": "digits", "version": "v1", "stage": "production", "name": "fleet"}
    names |= {"digest": full.digest, "baseline": "v1", "candidate": "v2", "number": 7}
    given = {name: value for name, value in names.items() if method.has_field(name)}
    binding = method.bindings[0]
    given |= {name: "x" for name in binding.variables if name not in given}
    path = binding.path.format_map({name: given.get(name, "") for name in binding.variables})
    query = "&".join(f"{name}={value}" for name, value in given.items() if name not in binding.variables)
    over_rest = full.api.ask("GET", f"{path}?{query}")
    request = json_format.ParseDict(given, method.request_class())
    if over_rest.status != 200:
        with pytest.raises(grpc.RpcError) as refused:
            full.side.call(method.name, request)
        error: Any = refused.value
        assert f"{over_rest.error['message']} " in f"{error.details()} "
        assert method.service.rpartition(".")[2] not in THERE, error.details()
        return
    told = {"items": over_rest.json} if binding.answers else over_rest.json
    if binding.answers:  # the address of control itself is known over REST alone
        told["items"] = told["items"][1:]
    # Strict: whatever REST says has its place in the schema.
    expected = answer_message(method, told, strict=True)
    answer = full.side.call(method.name, request)
    for each in (expected, answer):
        for field in ("started_at", "since", "until"):
            if field in each.DESCRIPTOR.fields_by_name:
                each.ClearField(field)
    assert answer == expected


def test_a_revision_somebody_else_changed_is_refused(api: Any, side: Any, declared: None) -> None:
    request = documents_pb2.UndoRouteRequest(project="vision", model="digits", expected_revision=7)
    with pytest.raises(grpc.RpcError) as refused:
        side.call("modelway.v1.Routes.UndoRoute", request)
    error: Any = refused.value
    assert error.code() is grpc.StatusCode.ABORTED
    assert "at revision 1, not at 7" in error.details()


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x0a\xff"])
def test_what_is_no_message_is_refused(side: Any, api: Any, body: bytes) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{side.port}") as channel:
        anything: Any = channel
        call = anything.unary_unary("/modelway.v1.Routes/GetRoute")
        with pytest.raises(grpc.RpcError) as refused:
            call(body, metadata=[("authorization", f"Bearer {api.key}")], timeout=30)
    error: Any = refused.value
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "no GetRouteRequest" in error.details()


def test_where_a_call_came_from() -> None:
    peers = {"ipv4:127.0.0.1:4711": "127.0.0.1", "ipv6:%5B::1%5D:4711": "::1", "unix:": "unix:"}
    assert {peer: origin_of(peer) for peer in peers} == peers


def test_records_are_kept_as_over_rest(api: Any, side: Any) -> None:
    request = records_pb2.TakeRecordsRequest(origin="edge-1", segment="worker-0-1.ndjson", lines={"data": b"{}\n"})
    assert side.call("modelway.v1.Records.TakeAccessRecords", request).size == 3
    assert (api.root / "shipped/edge-1/access/worker-0-1.ndjson").read_bytes() == b"{}\n"
