"""gRPC over our own HTTP/2, asked by others' clients and by raw frames: many calls at a time, large ones, wrong ones."""

import asyncio
import shutil
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio
import numpy as np
import pytest
from grpc_health.v1 import health_pb2
from hpack import Decoder, Encoder
from hyperframe.frame import DataFrame, Frame, HeadersFrame, RstStreamFrame, SettingsFrame

from modelway.protos import reflection, reflection_v1alpha
from modelway.protos.open_inference import ModelInferRequest, ModelInferResponse, ServerLiveResponse

Server = Any
SERVICE = "/inference.GRPCInferenceService/"
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def image(rows: int = 1) -> bytes:
    message = ModelInferRequest(model_name="m")
    message.inputs.add(name="image", datatype="FP32", shape=[rows, 2])
    message.raw_input_contents.append(np.arange(2 * rows, dtype=np.float32).tobytes())
    return message.SerializeToString()


def grow(n: int) -> bytes:
    message = ModelInferRequest(model_name="m")
    message.parameters["endpoint"].string_param = "grow"
    message.inputs.add(name="n", datatype="INT64", shape=[1])
    message.raw_input_contents.append(struct.pack("<q", n))
    return message.SerializeToString()


def words(*texts: bytes) -> bytes:
    message = ModelInferRequest(model_name="m")
    message.parameters["endpoint"].string_param = "words"
    message.inputs.add(name="text", datatype="BYTES", shape=[1, len(texts)])
    message.raw_input_contents.append(b"".join(struct.pack("<I", len(each)) + each for each in texts))
    return message.SerializeToString()


def channel(server: Server) -> Any:
    return grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", UNLIMITED)


async def test_many_calls_of_one_connection_at_a_time(server: Server) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as made:
        call: Any = cast("Any", made).unary_unary(SERVICE + "ModelInfer")
        for _ in range(4):
            answers = await asyncio.gather(*(call(image(1 + n % 3), timeout=30) for n in range(64)))
            for number, raw in enumerate(answers):
                answer = ModelInferResponse.FromString(raw)
                assert answer.outputs[0].shape == [1 + number % 3]


async def test_large_messages_both_ways_side_by_side(server: Server) -> None:
    text = [bytes([65 + n]) * (1 << 20) for n in range(5)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}", UNLIMITED) as made:
        call: Any = cast("Any", made).unary_unary(SERVICE + "ModelInfer")
        answers = await asyncio.gather(*(call(words(*text), timeout=60) for _ in range(3)), call(grow(1_000_000)))
        small = await call(image(), timeout=30)
    assert ModelInferResponse.FromString(small).outputs
    for raw in answers[:3]:
        (elements,) = ModelInferResponse.FromString(raw).raw_output_contents
        assert elements == b"".join(struct.pack("<I", len(each)) + each for each in reversed(text))
    grown = np.frombuffer(ModelInferResponse.FromString(answers[3]).raw_output_contents[0], np.int64)
    assert np.array_equal(grown, np.arange(1_000_000))


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_compressed_messages(server: Server, compression: grpc.Compression) -> None:
    with channel(server) as made:
        raw = made.unary_unary(SERVICE + "ModelInfer")(image(3), compression=compression, timeout=20)
    assert ModelInferResponse.FromString(raw).outputs[0].shape == [3]


@pytest.mark.parametrize("count", [0, 2])
def test_a_unary_method_takes_one_message(server: Server, count: int) -> None:
    with channel(server) as made, pytest.raises(grpc.RpcError) as caught:
        list(made.stream_stream(SERVICE + "ServerLive")(iter([b""] * count), timeout=20))
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED  # type: ignore[attr-defined]


def test_metadata_of_all_kinds(server: Server) -> None:
    message = ModelInferRequest(model_name="m")
    message.parameters["endpoint"].string_param = "wait"
    message.inputs.add(name="seconds", datatype="FP64", shape=[1])
    message.raw_input_contents.append(bytes(8))
    with channel(server) as made:
        call = made.unary_unary(SERVICE + "ModelInfer")
        metadata = (("x-given", "a, b"), ("binary-bin", b"\x00\xff,\x01"), ("x-request-id", "q" * 128))
        raw, rpc = call.with_call(message.SerializeToString(), metadata=metadata, timeout=20)
        assert ModelInferResponse.FromString(raw).raw_output_contents[0][4:] == b"q" * 128 + b" a, b True"
        assert dict(rpc.trailing_metadata())["x-request-id"] == "q" * 128
        for metadata in ((("x-large", "v" * 42_000),), (("x-many", "v" * 60),) * 600):
            with pytest.raises(grpc.RpcError) as caught:
                call(image(), metadata=metadata, timeout=20)
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED  # type: ignore[attr-defined]
        assert call(image(), timeout=20)


def test_health_is_watched(server: Server) -> None:
    with channel(server) as made:
        watch = made.unary_stream("/grpc.health.v1.Health/Watch")
        for service, expected in ((b"", 1), (b"inference.GRPCInferenceService", 1), (b"none", 3)):
            asked = health_pb2.HealthCheckRequest(service=service.decode()).SerializeToString()
            call = watch(asked, timeout=20)
            assert health_pb2.HealthCheckResponse.FromString(next(call)).status == expected
            call.cancel()
        with pytest.raises(grpc.RpcError) as caught:
            made.unary_unary("/grpc.health.v1.Health/Check")(b"\x0a\x04none", timeout=20)
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND  # type: ignore[attr-defined]


@pytest.mark.parametrize("messages", [reflection, reflection_v1alpha])
def test_reflection_answers_every_question(server: Server, messages: Any) -> None:
    asked = [
        {"list_services": ""},
        {"file_by_filename": "open_inference.proto"},
        {"file_containing_symbol": "grpc.health.v1.Health"},
        {"file_containing_symbol": "inference.GRPCInferenceService.ModelInfer"},
        {"all_extension_numbers_of_type": "inference.ModelInferRequest"},
        {"file_containing_extension": {"containing_type": "inference.ModelInferRequest", "extension_number": 1}},
        {"file_by_filename": "none.proto"},
        {},
    ]
    bodies = [messages.ServerReflectionRequest(host="h", **each).SerializeToString() for each in asked]
    service = messages.DESCRIPTOR.package + ".ServerReflection"
    with channel(server) as made:
        found = list(made.stream_stream(f"/{service}/ServerReflectionInfo")(iter(bodies), timeout=20))
    answers = [messages.ServerReflectionResponse.FromString(each) for each in found]
    assert [each.name for each in answers[0].list_services_response.service] == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "inference.GRPCInferenceService",
    ]
    assert all(each.file_descriptor_response.file_descriptor_proto for each in answers[1:4])
    assert answers[4].all_extension_numbers_response.base_type_name == "inference.ModelInferRequest"
    assert [each.error_response.error_code for each in answers[5:]] == [5, 5, 3]
    assert all(each.valid_host == "h" for each in answers)


class Raw:
    """A caller that sends a head and a body as they are."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize())
        self.decoder = Decoder()

    def ask(
        self, body: bytes | None, path: str = SERVICE + "ServerLive", method: str = "POST", **headers: str
    ) -> tuple[dict[str, str], bytes]:
        lines = {"content-type": "application/grpc", **{name.replace("_", "-"): v for name, v in headers.items()}}
        head = [(":method", method), (":scheme", "http"), (":path", path), *lines.items()]
        flags = ["END_HEADERS", *(["END_STREAM"] if body is None else [])]
        self.socket.sendall(HeadersFrame(1, Encoder().encode(head), flags=flags).serialize())
        if body is not None:
            self.socket.sendall(DataFrame(1, body, flags=["END_STREAM"]).serialize())
        found: dict[str, str] = {}
        data = b""
        with self.socket:
            while True:
                frame = self.frame()
                assert not isinstance(frame, RstStreamFrame), frame
                if isinstance(frame, HeadersFrame):
                    found |= {str(name): str(value) for name, value in self.decoder.decode(frame.data)}
                elif isinstance(frame, DataFrame):
                    data += frame.data
                if "END_STREAM" in frame.flags:
                    return found, data

    def frame(self) -> Frame:
        head = self.socket.recv(9, socket.MSG_WAITALL)
        frame, length = Frame.parse_frame_header(memoryview(head))
        frame.parse_body(memoryview(self.socket.recv(length, socket.MSG_WAITALL) if length else b""))
        return frame


EMPTY = bytes(5)


def test_calls_that_are_not_as_gRPC_has_them(server: Server) -> None:  # noqa: N802 - its name
    def status(body: bytes | None, **asked: str) -> tuple[str, str]:
        found, _ = Raw(server.grpc_port).ask(body, **asked)
        assert found[":status"] == "200"
        return found["grpc-status"], found.get("modelway-code", "")

    assert status(EMPTY) == ("0", "")
    assert status(EMPTY, te="trailers", content_type="application/grpc+proto") == ("0", "")
    assert status(EMPTY, path="/none/none") == ("12", "not_implemented")
    assert status(None) == ("12", "not_implemented")
    assert status(EMPTY + EMPTY) == ("12", "not_implemented")
    assert status(b"\0\0\0\0\5abc") == ("3", "invalid_request")
    assert status(b"\0\0") == ("3", "invalid_request")
    assert status(b"\2\0\0\0\0") == ("3", "invalid_request")
    assert status(b"\1\0\0\0\0") == ("13", "internal")
    assert status(b"\1\0\0\0\0", grpc_encoding="snappy") == ("12", "not_implemented")
    assert status(b"\1\0\0\0\3abc", grpc_encoding="gzip") == ("3", "invalid_request")
    assert status(b"\0\xff\xff\xff\xff") == ("8", "payload_too_large")
    assert status(EMPTY, grpc_timeout="soon") == ("3", "invalid_request")
    assert status(EMPTY, grpc_timeout="123456789S") == ("3", "invalid_request")
    assert status(EMPTY, x_bin="?!") == ("3", "invalid_request")
    assert status(b"\0\0\0\0\1\xff", path=SERVICE + "ModelInfer") == ("3", "invalid_request")
    assert status(b"\0\0\0\0\1\xff", path="/grpc.health.v1.Health/Watch") == ("3", "invalid_request")
    assert status(None, path="/grpc.health.v1.Health/Watch") == ("12", "not_implemented")
    found, _ = Raw(server.grpc_port).ask(EMPTY, path="/none/nöne%".encode().decode("latin-1"))
    assert "%25" in found["grpc-message"]
    assert found["grpc-message"].isascii()


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"content_type": "application/json"}, "415"),
        ({"content_type": "application/grpc+json"}, "415"),
        ({"method": "GET"}, "405"),
    ],
)
def test_what_is_no_grpc_is_told_so_in_terms_of_http(server: Server, asked: dict[str, str], status: str) -> None:
    found, _ = Raw(server.grpc_port).ask(EMPTY, **asked)
    assert found[":status"] == status
    assert "grpc-status" not in found


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (scripts/test-parts)")
    return found


def body_file(folder: Path) -> Path:
    (folder / "body").write_bytes(b"\0" + len(image()).to_bytes(4, "big") + image())
    return folder / "body"


def test_curl(server: Server, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{server.grpc_port}{SERVICE}"
    command = [program("curl"), "-sS", "-i", "--http2-prior-knowledge", "--max-time", "20"]
    command += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    done = subprocess.run(
        [*command, "--data-binary", "@-", url + "ServerLive"], input=EMPTY, capture_output=True, check=True
    )
    head, _, rest = done.stdout.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/2 200")
    live = ServerLiveResponse(live=True).SerializeToString()
    assert rest.startswith(b"\0\0\0\0\2" + live)
    assert b"grpc-status: 0" in rest
    large = subprocess.run(
        [*command, "--data-binary", f"@{body_file(tmp_path)}", url + "ModelInfer"], capture_output=True, check=True
    )
    assert b"grpc-status: 0" in large.stdout


def test_nghttp_and_h2load(server: Server, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{server.grpc_port}{SERVICE}ModelInfer"
    headers = ["-H", "te: trailers", "-H", "content-type: application/grpc", "-d", str(body_file(tmp_path))]
    done = subprocess.run(
        [program("nghttp"), "-v", "-n", *headers, url], capture_output=True, text=True, check=True, timeout=60
    )
    assert "grpc-status: 0" in done.stdout
    load = [program("h2load"), "-t1", "-n3000", "-c4", "-m32", *headers, url]
    done = subprocess.run(load, capture_output=True, text=True, check=True, timeout=90)
    assert "3000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout
