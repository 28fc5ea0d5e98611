"""The protocol over gRPC: the same answers and errors as over REST, and what only gRPC has."""

import json
import struct
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.protos.open_inference import (
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
    ModelMetadataRequest,
    ModelMetadataResponse,
    ModelReadyRequest,
    ModelReadyResponse,
    ModelStreamInferResponse,
    RepositoryIndexRequest,
    RepositoryIndexResponse,
)

Server = Any
SERVICE = "/inference.GRPCInferenceService/"


class Client:
    def __init__(self, port: int) -> None:
        self.channel: Any = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.max_send_message_length", -1)])

    def call(self, method: str, message: Any, kind: Any, **options: Any) -> Any:
        body = message if isinstance(message, bytes) else message.SerializeToString()
        return kind.FromString(self.channel.unary_unary(SERVICE + method)(body, timeout=20, **options))

    def infer(self, message: Any) -> ModelInferResponse:
        return self.call("ModelInfer", message, ModelInferResponse)

    def refusal(self, message: Any, method: str = "ModelInfer", **options: Any) -> tuple[grpc.StatusCode, str, str]:
        with pytest.raises(grpc.RpcError) as caught:
            self.call(method, message, ModelInferResponse, **options)
        error: Any = caught.value
        lines = dict(error.trailing_metadata())
        if "modelway-error-bin" in lines:
            assert json.loads(lines["modelway-error-bin"])["error"]["code"] == lines["modelway-code"]
        return error.code(), lines.get("modelway-code", ""), error.details()

    def stream(self, messages: Any) -> Iterator[ModelStreamInferResponse]:
        bodies = (each.SerializeToString() for each in messages)
        for body in self.channel.stream_stream(SERVICE + "ModelStreamInfer")(bodies, timeout=20):
            yield ModelStreamInferResponse.FromString(body)


@pytest.fixture(scope="module")
def client(server: Server) -> Generator[Client, None, None]:
    made = Client(server.grpc_port)
    yield made
    made.channel.close()


def request(
    endpoint: str = "", *inputs: tuple[str, str, list[int], Any], raw: bool = True, **parameters: Any
) -> ModelInferRequest:
    message = ModelInferRequest(model_name="m")
    if endpoint:
        message.parameters["endpoint"].string_param = endpoint
    for name, value in parameters.items():
        message.parameters[name].bool_param = value
    for name, datatype, shape, data in inputs:
        tensor = message.inputs.add(name=name, datatype=datatype, shape=shape)
        if raw:
            message.raw_input_contents.append(data)
        else:
            member, values = data
            tensor.contents.CopyFrom(InferTensorContents(**{member: values}))
    return message


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


IMAGE = ("image", "FP32", [2, 2], floats(1, 2, 3, 4))


def test_health_metadata_and_index(server: Server, client: Client) -> None:
    assert client.call("ModelReady", ModelReadyRequest(name="m", version="v1"), ModelReadyResponse).ready
    found = client.call("ModelMetadata", ModelMetadataRequest(name="m"), ModelMetadataResponse)
    described = server.ask("GET", "/v2/models/m").json
    assert [(each.name, each.datatype, list(each.shape)) for each in (*found.inputs, *found.outputs)] == [
        (each["name"], each["datatype"], each["shape"]) for each in (*described["inputs"], *described["outputs"])
    ]
    index = client.call("RepositoryIndex", RepositoryIndexRequest(), RepositoryIndexResponse)
    assert [(each.name, each.version, each.state) for each in index.models] == [("m", "v1", "READY")]
    assert client.refusal(ModelReadyRequest(name="other"), "ModelReady")[:2] == (
        grpc.StatusCode.NOT_FOUND,
        "model_not_found",
    )
    assert client.refusal(b"", "SystemSharedMemoryStatus")[0] == grpc.StatusCode.UNIMPLEMENTED
    stub: Any = health_pb2_grpc.HealthStub(client.channel)
    for service in ("", "inference.GRPCInferenceService"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    reflected = ProtoReflectionDescriptorDatabase(client.channel)
    assert "inference.GRPCInferenceService" in reflected.get_services()
    file = reflected.FindFileContainingSymbol("inference.ModelInferRequest")
    assert file.package == "inference"


def test_raw_and_typed_contents_give_the_same(client: Client) -> None:
    raw = client.infer(request("", IMAGE))
    names = [each.name for each in raw.outputs]
    assert names == ["label", "score", "name", "sure", "raw", "scores", "more"]
    by_name = dict(zip(names, raw.raw_output_contents, strict=True))
    assert by_name["label"] == struct.pack("<2q", 3, 7)
    assert by_name["raw"] == b"\x02\0\0\0\x00\xff" * 2
    assert (raw.model_name, raw.model_version) == ("m", "v1")
    typed = client.infer(request("", ("image", "FP32", [2, 2], ("fp32_contents", [1, 2, 3, 4])), raw=False))
    assert not typed.raw_output_contents
    contents = {each.name: each.contents for each in typed.outputs}
    assert list(contents["label"].int64_contents) == [3, 7]
    assert list(contents["sure"].bool_contents) == [True, True]
    assert list(contents["raw"].bytes_contents) == [b"\x00\xff"] * 2
    assert list(contents["scores"].fp32_contents) == [2, 4, 6, 8]
    both = request("", ("image", "FP32", [2, 2], ("fp32_contents", [1, 2, 3, 4])), raw=False, binary_data_output=True)
    assert client.infer(both).raw_output_contents == raw.raw_output_contents


@pytest.mark.parametrize(
    ("datatype", "member", "code"),
    [
        ("INT8", "int_contents", "b"),
        ("INT16", "int_contents", "h"),
        ("INT32", "int_contents", "i"),
        ("INT64", "int64_contents", "q"),
        ("UINT8", "uint_contents", "B"),
        ("UINT16", "uint_contents", "H"),
        ("UINT32", "uint_contents", "I"),
        ("UINT64", "uint64_contents", "Q"),
    ],
)
def test_every_integer(client: Client, datatype: str, member: str, code: str) -> None:
    for message in (
        request("plain", ("n", datatype, [2], struct.pack(f"<2{code}", 1, 2))),
        request("plain", ("n", datatype, [2], (member, [1, 2])), raw=False, binary_data_output=True),
    ):
        (answer,) = client.infer(message).raw_output_contents
        assert answer == b"".join(struct.pack("<I", 17) + b"%d 0.5 True - b'' None" % n for n in (1, 2)).replace(
            struct.pack("<I", 17), struct.pack("<I", len("1 0.5 True - b'' None"))
        )


def test_half_floats_text_and_octets(client: Client) -> None:
    half = client.infer(request("half", ("x", "FP16", [1, 2], np.array([1, 3], np.float16).tobytes())))
    assert np.frombuffer(half.raw_output_contents[0], np.float16).tolist() == [0.5, 1.5]
    message = request("plain", ("n", "INT64", [1], ("int64_contents", [1])), raw=False)
    others: list[tuple[str, str, str, Any]] = [
        ("f", "FP64", "fp64_contents", [0.25]),
        ("b", "BOOL", "bool_contents", [False]),
        ("s", "BYTES", "bytes_contents", ["ä".encode()]),
        ("o", "BYTES", "bytes_contents", [b"\xff"]),
        ("box", "BYTES", "bytes_contents", [b'{"left": 1}']),
    ]
    for name, datatype, member, values in others:
        contents = InferTensorContents(**{member: values})
        message.inputs.add(name=name, datatype=datatype, shape=[1], contents=contents)
    (answer,) = client.infer(message).outputs
    assert list(answer.contents.bytes_contents) == ["1 0.25 False ä b'\\xff' 9".encode()]


def test_errors_are_those_of_rest_with_the_code_beside(server: Server, client: Client) -> None:
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    wrong = ("image", "FP64", [1, 2], struct.pack("<2d", 1, 2))
    assert client.refusal(request("", wrong)) == (
        invalid,
        "invalid_request",
        "input 'image': expected FP32, got FP64",
    )
    n = ("n", "INT64", [1])
    assert client.refusal(request("plain", (*n, struct.pack("<q", -1))))[:2] == (invalid, "invalid_input")
    failed = client.refusal(request("plain", (*n, struct.pack("<q", 13))))
    assert failed[:2] == (grpc.StatusCode.INTERNAL, "handler_failed")
    assert "secret" not in failed[2]
    rest = server.infer([{"name": "n", "datatype": "INT64", "shape": [1], "data": [13]}], "plain")
    assert rest.json["error"] == failed[2]
    assert client.refusal(request("nothing"))[:2] == (grpc.StatusCode.NOT_FOUND, "endpoint_not_found")
    assert client.refusal(request("count", (*n, struct.pack("<q", 1))))[:2] == (invalid, "invalid_request")
    assert client.refusal(ModelInferRequest(model_name="other"))[:2] == (grpc.StatusCode.NOT_FOUND, "model_not_found")


def test_hostile_messages_are_refused_and_the_server_answers_on(server: Server, client: Client) -> None:
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    for shape, data in (
        ([2**31, 2**31, 2], b""),
        ([1, 2**62], b""),
        ([-1, 2], floats(1, 2)),
        ([], b""),
        ([1] * 33, floats(1)),
        ([3, 0, 2**60], b""),
        ([1, 2], b"\0" * 7),
        ([1, 2], b"\0" * 12),
    ):
        assert client.refusal(request("", ("image", "FP32", shape, data)))[0] == invalid, shape
    for data in (b"\xff\xff\xff\xff", b"\1\0\0\0", b"\0\0\0\0" * 3, b"\1"):
        assert client.refusal(request("words", ("text", "BYTES", [1, 2], data)))[0] == invalid, data
    both = request("", IMAGE)
    both.inputs[0].contents.fp32_contents.append(1)
    fp16 = request("half", ("x", "FP16", [1, 2], ("fp32_contents", [1, 2])), raw=False)
    other_member = request("", ("image", "FP32", [1, 2], ("int_contents", [1, 2])), raw=False)
    too_small = request("", ("image", "INT8", [1, 2], ("int_contents", [1, 300])), raw=False)
    one_raw_too_many = request("", IMAGE)
    one_raw_too_many.raw_input_contents.append(b"")
    many = request("", *[IMAGE] * 1025)
    deep = b"\x22" + bytes([6]) + b"\x0a\x01a\x12\x01\xff"
    for message in (both, fp16, other_member, too_small, one_raw_too_many, many, b"\xff" * 50, b"\x0a\xff", deep):
        assert client.refusal(message)[0] == invalid
    assert client.refusal(b"\0" * (65 * 1024 * 1024))[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert client.infer(request("", IMAGE)).outputs
    assert server.process.poll() is None


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=200))
def test_any_octets(body: bytes) -> None:
    from modelway.errors import InvalidRequestError  # noqa: PLC0415 - only here
    from modelway.serving.rpc.messages import infer_of, read_message, tensors_of  # noqa: PLC0415 - only here

    try:
        message = read_message(body)
        infer_of(message)
        tensors_of(message)
    except InvalidRequestError:
        pass


def test_a_compressed_message_that_grows_beyond_the_limit_is_refused(client: Client) -> None:
    huge = request("", ("image", "FP32", [1, 2], b"\0" * (80 * 1024 * 1024)))
    code = client.refusal(huge, compression=grpc.Compression.Gzip)[0]
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    call = client.channel.unary_unary(SERVICE + "ModelInfer")
    assert call(request("", IMAGE).SerializeToString(), compression=grpc.Compression.Gzip, timeout=10)


def test_deadline_cancellation_request_id_and_metadata_reach_the_handler(server: Server, client: Client) -> None:
    call = client.channel.unary_unary(SERVICE + "ModelInfer")

    def wait(seconds: float) -> bytes:
        return request("wait", ("seconds", "FP64", [1], struct.pack("<d", seconds))).SerializeToString()

    metadata = (("x-request-id", "mine"), ("x-given", "this"))
    answer, rpc = call.with_call(wait(0), metadata=metadata)
    assert ModelInferResponse.FromString(answer).raw_output_contents[0][4:] == b"mine this False"
    assert ("x-request-id", "mine") in tuple(rpc.trailing_metadata())
    started = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        call(wait(60), timeout=0.3)
    late: Any = caught.value
    assert late.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert server.ask("POST", "/was_cancelled", {}).json is True  # answered only once the model is free again
    pending = call.future(wait(60))
    time.sleep(0.3)
    pending.cancel()
    assert server.ask("POST", "/was_cancelled", {}).json is True
    assert time.monotonic() - started < 30


def test_a_stream_has_pieces_and_an_error_is_a_message(client: Client) -> None:
    def count(n: int, name: str, **parameters: bool) -> ModelInferRequest:
        message = request("count", ("n", "INT64", [1], struct.pack("<q", n)), **parameters)
        message.id = name
        return message

    pieces = list(client.stream([count(3, "a", triton_enable_empty_final_response=True)]))
    numbers = [struct.unpack("<q", each.infer_response.raw_output_contents[0])[0] for each in pieces[:-1]]
    assert numbers == [0, 1, 2]
    assert [each.infer_response.parameters["triton_final_response"].bool_param for each in pieces] == [False] * 3 + [
        True
    ]
    broken = list(client.stream([count(60, "b"), request("", IMAGE), count(0, "c"), request("nothing")]))
    errors = [each for each in broken if each.error_message]
    codes = sorted(each.infer_response.parameters["modelway-code"].string_param for each in errors)
    assert codes == ["endpoint_not_found", "handler_failed"]
    assert all("secret" not in each.error_message for each in errors)
    assert sum(1 for each in broken if each.infer_response.id == "b" and not each.error_message) == 50
    two_rows = request("count", ("n", "INT64", [2], struct.pack("<2q", 1, 1)))
    (refused,) = client.stream([two_rows])
    assert "2 rows" in refused.error_message


def test_many_requests_of_one_stream_and_a_caller_who_leaves(client: Client, server: Server) -> None:
    answers = list(client.stream(request("", IMAGE) for _ in range(300)))
    assert len(answers) == 300
    assert not any(each.error_message for each in answers)
    message = request("wait", ("seconds", "FP64", [1], struct.pack("<d", 60))).SerializeToString()
    call = client.channel.stream_stream(SERVICE + "ModelStreamInfer")(iter([message]))
    time.sleep(0.3)
    call.cancel()
    assert server.ask("POST", "/was_cancelled", {}).json is True


def test_metrics_count_calls(server: Server, client: Client) -> None:
    def counted() -> float:
        with_label = 'endpoint="half",code="200"'
        lines = server_text(server).splitlines()
        return sum(float(line.split()[-1]) for line in lines if "requests_total" in line and with_label in line)

    before = counted()
    client.infer(request("half", ("x", "FP16", [1, 2], b"\0\0\0\0")))
    assert counted() == before + 1


def server_text(server: Server) -> str:
    import urllib.request  # noqa: PLC0415 - only here

    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as answer:
        return answer.read().decode()


Check = Callable[[], None]
