"""How a server is asked and how its answer is read: each speaks the form its own documents recommend."""

import json
import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from modelway.protos.open_inference import ModelInferRequest, ModelInferResponse

Row = Sequence[float]
_JSON = {"content-type": "application/json"}
_OCTETS = {"content-type": "application/octet-stream", "accept": "application/octet-stream"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it goes out; the header `length` of the binary extension is in `headers`."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Wire:
    """One form: rows of numbers to requests, answers to rows."""

    name: str
    ask: Callable[[Row], Request]
    read: Callable[[bytes], list[float]]


def plain(path: str, read: Callable[[Any], Any] = lambda answer: answer) -> Wire:
    """`{"values": [...]}`; `read` finds the row in the answer's JSON."""
    return Wire("JSON", lambda row: Request(path, _JSON, _dumps({"values": row})), lambda body: read(json.loads(body)))


def rows(path: str) -> Wire:
    """`{"values": [[...]]}`, one row of several."""
    return Wire("JSON", lambda row: Request(path, _JSON, _dumps({"values": [row]})), lambda body: json.loads(body)[0])


def instances(path: str) -> Wire:
    """The first protocol of KServe."""
    return Wire(
        "v1 JSON",
        lambda row: Request(path, _JSON, _dumps({"instances": [row]})),
        lambda body: json.loads(body)["predictions"][0],
    )


def octets(path: str) -> Wire:
    """Little-endian float32, nothing else."""
    return Wire("octets", lambda row: Request(path, _OCTETS, _pack(row)), _unpack)


def open_inference(path: str) -> Wire:
    """The Open Inference Protocol as JSON."""

    def ask(row: Row) -> Request:
        tensor = {"name": "values", "datatype": "FP32", "shape": [1, len(row)], "data": list(row)}
        return Request(path, _JSON, _dumps({"id": "1", "inputs": [tensor]}))

    return Wire("OIP JSON", ask, lambda body: json.loads(body)["outputs"][0]["data"])


def open_inference_binary(path: str) -> Wire:
    """The same with its binary tensor extension, both ways."""

    def ask(row: Row) -> Request:
        data = _pack(row)
        parameters = {"binary_data_size": len(data)}
        tensor = {"name": "values", "datatype": "FP32", "shape": [1, len(row)], "parameters": parameters}
        output = {"name": "output", "parameters": {"binary_data": True}}
        head = _dumps({"id": "1", "inputs": [tensor], "outputs": [output]})
        headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(head))}
        return Request(path, headers, head + data)

    def read(body: bytes) -> list[float]:
        end = json.JSONDecoder().raw_decode(body.decode("latin-1"))[1]
        return _unpack(body[end:])

    return Wire("OIP binary", ask, read)


def grpc(model: str, tensor: str = "values") -> Wire:
    """`ModelInfer` with a raw tensor; bodies are gRPC's length-prefixed messages."""

    def ask(row: Row) -> Request:
        request = ModelInferRequest(model_name=model)
        request.inputs.add(name=tensor, datatype="FP32", shape=[1, len(row)])
        request.raw_input_contents.append(_pack(row))
        data = request.SerializeToString()
        headers = {"te": "trailers", "content-type": "application/grpc"}
        path = "/inference.GRPCInferenceService/ModelInfer"
        return Request(path, headers, b"\0" + len(data).to_bytes(4, "big") + data)

    def read(body: bytes) -> list[float]:
        answer = ModelInferResponse.FromString(body)
        if answer.raw_output_contents:
            return _unpack(answer.raw_output_contents[0])
        return list(answer.outputs[0].contents.fp32_contents)

    return Wire("gRPC", ask, read)


def _dumps(value: Any) -> bytes:
    return json.dumps(value).encode()


def _pack(row: Row) -> bytes:
    return struct.pack(f"<{len(row)}f", *row)


def _unpack(data: bytes) -> list[float]:
    """Raises ValueError for what are no whole floats."""
    return array("f", data).tolist()
