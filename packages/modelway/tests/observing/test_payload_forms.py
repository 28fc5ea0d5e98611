"""Payloads that are no JSON on the wire: messages over gRPC and tensors of octets, written as the JSON that they would be."""

import json
import random
import struct
from typing import Any

import pytest

from modelway.protos.open_inference import (
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
    ModelStreamInferResponse,
)
from modelway.serving.observing.carried_policy import Capture
from modelway.serving.observing.payload import KeptPieces, Read, read_json
from modelway.serving.observing.payload_members import part_of, with_payloads
from modelway.serving.observing.redaction import Redaction
from modelway.serving.open_inference.datatypes import DATATYPES
from modelway.serving.open_inference.recorded import reader_of
from modelway.serving.rpc.recorded import read_answer, read_piece, read_request


def recorded(octets: bytes, read: Read, *, most: int = 4096, **redact: Any) -> dict[str, Any]:
    part = part_of("request", octets, most, read)
    return json.loads(with_payloads(b'{"a":1', Capture(most, Redaction(**redact)), [part], None))


def request(*raws: bytes, **more: Any) -> ModelInferRequest:
    return ModelInferRequest(model_name="m", raw_input_contents=raws, **more)


def elements(*texts: bytes) -> bytes:
    return b"".join([struct.pack("<I", len(each)) + each for each in texts])


def test_a_request_is_the_json_that_it_would_be_over_rest() -> None:
    message = request(id="r1")
    message.parameters["endpoint"].string_param = "shout"
    message.inputs.add(name="x", datatype="FP32", shape=[2, 1], contents=InferTensorContents(fp32_contents=[0.5, -2]))
    message.inputs.add(name="t", datatype="BYTES", shape=[1], contents=InferTensorContents(bytes_contents=[b"hey"]))
    message.outputs.add(name="y").parameters["binary_data"].bool_param = True
    assert recorded(message.SerializeToString(), read_request)["request"] == {
        "id": "r1",
        "parameters": {"endpoint": "shout"},
        "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [2, 1], "data": [0.5, -2.0]},
            {"name": "t", "datatype": "BYTES", "shape": [1], "data": ["hey"]},
        ],
        "outputs": [{"name": "y", "parameters": {"binary_data": True}}],
    }


@pytest.mark.parametrize("datatype", [name for name in DATATYPES if name != "BYTES"])
def test_octets_of_each_type_are_lists(datatype: str) -> None:
    code = DATATYPES[datatype].code
    values = [True, False, True] if code == "?" else [1.5, 2.0, 0.25] if code in "efd" else [1, 2, 100]
    message = request(struct.pack(f"<3{code}", *values))
    message.inputs.add(name="x", datatype=datatype, shape=[3])
    assert recorded(message.SerializeToString(), read_request)["request"]["inputs"][0]["data"] == values


def test_an_answer_with_octets() -> None:
    answer = ModelInferResponse(model_name="m", model_version="2", raw_output_contents=[struct.pack("<2q", 1, -1)])
    answer.outputs.add(name="y", datatype="INT64", shape=[2])
    told = {
        "model_name": "m",
        "model_version": "2",
        "outputs": [{"name": "y", "datatype": "INT64", "shape": [2], "data": [1, -1]}],
    }
    assert recorded(answer.SerializeToString(), read_answer)["request"] == told
    piece = ModelStreamInferResponse(infer_response=answer)
    assert recorded(piece.SerializeToString(), read_piece)["request"] == told


def test_what_is_to_be_taken_out_is_taken_out() -> None:
    texts = elements(b"ask me@example.org", b'{"nickname": "Bob", "age": 3}', b"\xff\xfe\xfd")
    message = request(texts, texts, struct.pack("<2f", 1, 2))
    message.inputs.add(name="text", datatype="BYTES", shape=[3])
    message.inputs.add(name="Nick-Name", datatype="BYTES", shape=[3])
    message.inputs.add(name="place", datatype="FP32", shape=[2])
    found = recorded(
        message.SerializeToString(),
        read_request,
        names=["nickname"],
        patterns=["[a-z]{1,32}@[a-z.]{1,64}"],
        places=[("inputs", 2, "data", 0)],
    )["request"]["inputs"]
    assert found[0]["data"] == ["ask [redacted]", '{"nickname":"[redacted]","age":3}', "[3 bytes, no UTF-8]"]
    assert found[1]["data"] == "[redacted]"
    assert found[2]["data"] == ["[redacted]", 2.0]


def test_secrets_over_pieces_of_a_stream() -> None:
    kept = KeptPieces(4096, read_piece)
    for text in (b'{"word": "write me@exa"}', b'{"word": "mple.org now"}'):
        answer = ModelInferResponse(raw_output_contents=[elements(text)])
        answer.outputs.add(name="y", datatype="BYTES", shape=[1])
        kept.add([ModelStreamInferResponse(infer_response=answer).SerializeToString()])
    redaction = Redaction(patterns=["[a-z]{1,32}@[a-z.]{1,64}"])
    found = json.loads(with_payloads(b'{"a":1', Capture(4096, redaction), [], kept))["answer"]
    assert [each["outputs"][0]["data"] for each in found] == [['{"word":"write [redacted]"}'], ['{"word":" now"}']]


def test_what_cannot_be_read_is_said_and_not_written() -> None:
    assert recorded(b"\xffpassword=hunter2", read_request) == {
        "a": 1,
        "request_omitted": "17 bytes, no ModelInferRequest",
    }
    lies = request(b"hunter2", elements(b"hunter2"), b"of none: hunter2")
    lies.inputs.add(name="x", datatype="FP64", shape=[2])
    lies.inputs.add(name="y", datatype="NO SUCH", shape=[1 << 40, 1 << 40])
    found = recorded(lies.SerializeToString(), read_request)["request"]
    assert [each["data"] for each in found["inputs"]] == [
        "[7 bytes, not as datatype and shape say]",
        "[11 bytes, not as datatype and shape say]",
        "[16 bytes, of no tensor]",
    ]
    many = request(*(b"" for _ in range(2000)))
    for _ in range(2000):
        many.inputs.add()
    assert recorded(many.SerializeToString(), read_request, most=65536)["request_omitted"].endswith(
        "bytes, more than 1024 inputs"
    )


def test_sizes_are_those_of_the_message_and_of_its_json() -> None:
    message = request(struct.pack("<100f", *([0.1] * 100)))
    message.inputs.add(name="x", datatype="FP32", shape=[100])
    octets = message.SerializeToString()
    assert recorded(octets, read_request, most=300)["request_omitted"] == f"{len(octets)} bytes, too long"
    assert recorded(octets, read_request, most=1000)["request_omitted"].endswith("as JSON, too long")
    assert len(recorded(octets, read_request)["request"]["inputs"][0]["data"]) == 100


def test_hostile_octets_never_cost_a_record() -> None:
    chosen = random.Random(11)
    message = request(elements(b"abc", b"de"), struct.pack("<2f", 1, 2))
    message.inputs.add(name="text", datatype="BYTES", shape=[2])
    message.inputs.add(name="x", datatype="FP32", shape=[2])
    good = message.SerializeToString()
    for _ in range(500):
        octets = bytearray(good)
        for _ in range(chosen.randrange(1, 6)):
            octets[chosen.randrange(len(octets))] = chosen.randrange(256)
        for read in (read_request, read_answer, read_piece, reader_of(b"20")):
            found = recorded(bytes(octets), read)
            assert {"request", "request_omitted"} & found.keys()


def test_octets_over_rest() -> None:
    tensors = [
        {"name": "t", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 7, "more": 1}},
        {"name": "l", "datatype": "INT64", "shape": [1], "data": [5]},
        {"name": "x", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}},
    ]
    header = json.dumps({"inputs": tensors}).encode()
    body = header + elements(b"abc") + struct.pack("<2f", 1, 2)
    read = reader_of(b" %d " % len(header))
    assert recorded(body, read)["request"]["inputs"] == [
        {"name": "t", "datatype": "BYTES", "shape": [1], "parameters": {"more": 1}, "data": ["abc"]},
        {"name": "l", "datatype": "INT64", "shape": [1], "data": [5]},
        {"name": "x", "datatype": "FP32", "shape": [2], "data": [1.0, 2.0]},
    ]
    for text in (b"-1", b"x", b"9" * 30, b"%d" % (len(body) + 1)):
        assert recorded(body, reader_of(text))["request_omitted"].endswith("bytes, not as its header says")
    assert recorded(body[:-2], read)["request_omitted"].endswith("bytes, binary data that is not there")
    assert recorded(b"[1]", reader_of(b"3"))["request_omitted"] == "3 bytes, no object"


def test_a_payload_does_not_grow_without_end_by_what_stands_in_the_place_of_secrets() -> None:
    body = json.dumps(["aaaa"] * 20).encode()
    assert "request" in recorded(body, read_json, patterns=["aaaa"])
    found = recorded(json.dumps(["a" * 200]).encode(), read_json, most=300, patterns=["a"])
    assert found["request_omitted"] == "204 bytes, too long once redacted"
