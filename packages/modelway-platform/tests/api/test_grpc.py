"""The control API over gRPC: the same answers as over REST, the same errors, for a client nobody here wrote."""

import asyncio
import importlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import grpc
import pytest
from google.protobuf import json_format

from modelway_platform.deploy.api.application import authentication_of, make_dispatch
from modelway_platform.deploy.api.grpc_messages import answer_message
from modelway_platform.deploy.api.grpc_server import GrpcServer, origin_of
from modelway_platform.deploy.api.methods import api_methods, service_names
from modelway_platform.deploy.api.schema import documents_pb2

ROOT = Path(__file__).resolve().parents[4]


class GrpcSide:
    """A gRPC server over the parts of a running API, in a loop of its own."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.port = 0

    async def _start(self) -> int:
        parts = self._api.parts
        self._server = GrpcServer(make_dispatch(parts), authentication_of(parts))
        return await self._server.start("127.0.0.1", 0)

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._server.stop(1), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, name: str, request: Any, key: str = "", **metadata: str) -> Any:
        """One call by its full name, `modelway.v1.Routes.GetRoute`."""
        method = next(each for each in api_methods() if each.name == name)
        pairs = [("authorization", f"Bearer {key or self._api.key}"), *metadata.items()]
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            make: Any = channel.unary_stream if method.streams_answers else channel.unary_unary
            call = make(
                f"/{method.service}/{method.short_name}",
                request_serializer=method.request_class.SerializeToString,
                response_deserializer=method.answer_class.FromString,
            )
            answer = call(request, metadata=pairs, timeout=30)
            return next(iter(answer)) if method.streams_answers else answer


@pytest.fixture
def side(api: Any) -> Iterator[GrpcSide]:
    with GrpcSide(api) as running:
        yield running


@pytest.fixture
def declared(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    texts = [write.deployment(), write.deployment("vision/digits/v2"), write.route("[{version: v1, weight: 1}]")]
    assert api.apply(*texts, packages=uploaded).status == 200


def test_a_generated_client_in_another_process(api: Any, side: GrpcSide, declared: None, tmp_path: Path) -> None:
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


@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize(
    ("name", "path", "request_"),
    [
        ("Deployments.ListDeployments", "/v1/deployments", {}),
        ("Routes.ListRoutes", "/v1/routes", {}),
        ("Clusters.ListClusters", "/v1/clusters", {}),
        ("Deployments.GetDeployment", "/v1/deployments/vision/digits/v1", {"version": "v1"}),
        ("Deployments.ListDeploymentRevisions", "/v1/deployments/vision/digits/v1/revisions", {"version": "v1"}),
        ("Deployments.ListDeploymentEvents", "/v1/deployments/vision/digits/v1/events", {"version": "v1"}),
        ("Routes.GetRoute", "/v1/routes/vision/digits", {"model": "digits"}),
    ],
)  # fmt: skip
def test_both_say_the_same_and_nothing_is_left_out(
    api: Any, side: GrpcSide, name: str, path: str, request_: dict[str, str]
) -> None:
    method = next(each for each in api_methods() if each.name == f"modelway.v1.{name}")
    over_rest = api.ask("GET", path).json
    # Strict: whatever REST says has its place in the schema.
    expected = answer_message(method, over_rest, strict=True)
    names = {"project": "vision", "model": "digits"} if request_ else {}
    answer = side.call(method.name, json_format.ParseDict(names | request_, method.request_class()))
    assert answer == expected


def test_a_revision_somebody_else_changed_is_refused(api: Any, side: GrpcSide, declared: None) -> None:
    request = documents_pb2.UndoRouteRequest(project="vision", model="digits", expected_revision=7)
    with pytest.raises(grpc.RpcError) as refused:
        side.call("modelway.v1.Routes.UndoRoute", request)
    error: Any = refused.value
    assert error.code() is grpc.StatusCode.ABORTED
    assert "at revision 1, not at 7" in error.details()


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x0a\xff"])
def test_what_is_no_message_is_refused(side: GrpcSide, api: Any, body: bytes) -> None:
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
