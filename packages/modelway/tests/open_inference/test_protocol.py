"""What the protocol promises, over a real socket."""

import gzip
import http.client
import json
import struct
import urllib.request
import zlib
from typing import Any

import pytest

Server = Any


def tensor(name: str, datatype: str, shape: list[int], data: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


IMAGE = tensor("image", "FP32", [2, 2], [1, 2, 3, 4])


def outputs(answer: Any) -> dict[str, Any]:
    return {each["name"]: each.get("data") for each in answer.json["outputs"]}


def test_health_metadata_and_index(server: Server) -> None:
    assert server.ask("GET", "/v2").json["extensions"] == ["binary_tensor_data"]
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/m/ready", "/v2/models/m/versions/v1/ready"):
        assert server.ask("GET", path).status == 200
    assert server.ask("HEAD", "/v2/health/ready").status == 200
    described = server.ask("GET", "/v2/models/m/versions/v1").json
    assert described == server.ask("GET", "/v2/models/m").json
    assert (described["name"], described["versions"]) == ("m", ["v1"])
    assert described["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 2]}]
    assert [(each["name"], each["datatype"], each["shape"]) for each in described["outputs"]] == [
        ("label", "INT64", [-1]),
        ("score", "FP64", [-1]),
        ("name", "BYTES", [-1]),
        ("sure", "BOOL", [-1]),
        ("raw", "BYTES", [-1]),
        ("scores", "FP32", [-1, -1]),
        ("more", "BYTES", [-1]),
    ]
    index = server.ask("POST", "/v2/repository/index", {}).json
    assert index == [{"name": "m", "version": "v1", "state": "READY", "reason": ""}]


def test_a_row_is_an_item_and_rows_are_batched_like_requests(server: Server) -> None:
    wanted = [{"name": name} for name in ("label", "scores", "name", "more")]
    answer = server.infer([IMAGE], outputs=wanted, id="q1")
    assert (answer.status, answer.json["id"], answer.json["model_name"]) == (200, "q1", "m")
    assert outputs(answer) == {
        "label": [3, 7],
        "scores": [2, 4, 6, 8],
        "name": ["n1", "n3"],
        "more": ["[1,2]", "[1,2]"],
    }
    assert [each["shape"] for each in answer.json["outputs"]] == [[2], [2, 2], [2], [2]]
    nested = tensor("image", "FP32", [9, 2], [[float(row), 0.0] for row in range(9)])
    assert outputs(server.infer([nested], outputs=[{"name": "label"}])) == {"label": list(range(9))}
    batches = server.ask("POST", "/seen", {}).json
    assert batches[-3:] == [4, 4, 1]


def test_plain_fields_take_scalars_text_octets_and_json(server: Server) -> None:
    answer = server.infer(
        [
            tensor("n", "INT32", [2], [1, 2]),
            tensor("f", "FP32", [2, 1], [0.25, 2]),
            tensor("b", "BOOL", [2], [True, False]),
            tensor("s", "BYTES", [2], ["ä", "b"]),
            tensor("o", "BYTES", [2], ["x", "y"]),
            tensor("box", "BYTES", [2], ['{"left": 1}', "null"]),
        ],
        "plain",
    )
    assert outputs(answer) == {"output": ["1 0.25 True ä b'x' 9", "2 2 False b b'y' None"]}
    assert outputs(server.infer([tensor("n", "UINT8", [1], [5])], "plain")) == {"output": ["5 0.5 True - b'' None"]}
    words = server.infer([tensor("text", "BYTES", [1, 2], ["a", "b"])], "words")
    assert words.json["outputs"] == [{"name": "output", "datatype": "BYTES", "shape": [1, 2], "data": ["b", "a"]}]


def binary(data: bytes, shape: list[int], datatype: str, name: str) -> dict[str, Any]:
    parameters = {"binary_data_size": len(data)}
    return {"name": name, "shape": shape, "datatype": datatype, "parameters": parameters}


def send_binary(server: Server, request: dict[str, Any], *data: bytes, **headers: str) -> Any:

    head = json.dumps(request).encode()
    return server.ask(
        "POST",
        "/v2/models/m/infer",
        b"".join((head, *data)),
        {"Inference-Header-Content-Length": str(len(head)), **headers},
    )


def test_binary_tensors_both_ways(server: Server) -> None:
    data = struct.pack("<4f", 1, 2, 3, 4)
    request = {
        "inputs": [binary(data, [2, 2], "FP32", "image")],
        "outputs": [
            {"name": "scores", "parameters": {"binary_data": True}},
            {"name": "label"},
            {"name": "raw", "parameters": {"binary_data": True}},
        ],
    }
    answer = send_binary(server, request, data)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/octet-stream")
    scores, label, raw = answer.json["outputs"]
    assert (scores["parameters"], label["data"], raw["parameters"]) == (
        {"binary_data_size": 16},
        [3, 7],
        {"binary_data_size": 12},
    )
    assert answer.binary == struct.pack("<4f", 2, 4, 6, 8) + b"\x02\0\0\0\x00\xff" * 2
    half = struct.pack("<2e", 3, 1)
    request = {
        "inputs": [binary(half, [1, 2], "FP16", "x")],
        "parameters": {"endpoint": "half", "binary_data_output": True},
    }
    assert send_binary(server, request, half).binary == struct.pack("<2e", 1.5, 0.5)
    text = b"\x01\0\0\0a\0\0\0\0"
    request = {"inputs": [binary(text, [1, 2], "BYTES", "text")], "parameters": {"endpoint": "words"}}
    assert outputs(send_binary(server, request, text)) == {"output": ["", "a"]}


def test_compressed_requests(server: Server) -> None:
    body = b'{"inputs":[{"name":"image","shape":[1,2],"datatype":"FP32","data":[1,2]}],"outputs":[{"name":"label"}]}'
    for encoding, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body)), ("identity", body)):
        answer = server.ask("POST", "/v2/models/m/infer", packed, {"Content-Encoding": encoding})
        assert outputs(answer) == {"label": [3]}
    for encoding, packed in (("gzip", body), ("gzip", gzip.compress(body)[:-9]), ("br", body)):
        assert server.ask("POST", "/v2/models/m/infer", packed, {"Content-Encoding": encoding}).status == 400
    bomb = gzip.compress(bytes(80 * 1024 * 1024))
    assert server.ask("POST", "/v2/models/m/infer", bomb, {"Content-Encoding": "gzip"}).status == 413


@pytest.mark.parametrize("binary", [True, False])
def test_an_answer_comes_compressed_to_who_asks_for_just_that(server: Server, *, binary: bool) -> None:
    body: dict[str, Any] = {"inputs": [tensor("n", "INT64", [1], [500])]}
    body |= {"parameters": {"endpoint": "grow", "binary_data_output": binary}}

    def ask(accept: str) -> tuple[bytes, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("POST", "/v2/models/m/infer", json.dumps(body).encode(), {"Accept-Encoding": accept})
        answer = connection.getresponse()
        raw = answer.read()
        connection.close()
        return raw, answer.headers

    plain, headers = ask("identity")
    assert "content-encoding" not in headers
    for coding, restore in (("gzip", gzip.decompress), ("deflate", zlib.decompress), (" GZIP;q=1", gzip.decompress)):
        raw, headers = ask(coding)
        assert restore(raw) == plain
        assert len(raw) < len(plain)
        assert headers["content-encoding"] == coding.strip().lower().partition(";")[0]
        assert headers["vary"] == "accept-encoding"
    for libraries_own in ("gzip, deflate, br", "gzip;q=0", "br", "*", ""):
        assert ask(libraries_own)[0] == plain


@pytest.mark.parametrize(
    ("inputs", "endpoint", "status", "message"),
    [
        ([], "predict", 400, "image: missing ('predict' takes an object with image: float32[2])"),
        ([IMAGE, IMAGE], "predict", 400, "two inputs have the same name"),
        ([tensor("imag", "FP32", [1, 2], [1, 2])], "predict", 400, "imag: unknown field (did you mean 'image'?)"),
        ([tensor("image", "FP64", [1, 2], [1, 2])], "predict", 400, "expected FP32, got FP64"),
        ([tensor("image", "FP32", [1, 3], [1, 2, 3])], "predict", 400, "expected shape [-1, 2], got [1, 3]"),
        ([tensor("image", "FP32", [2], [1, 2])], "predict", 400, "expected shape [-1, 2], got [2]"),
        ([tensor("image", "FP32", [0, 2], [])], "predict", 400, "there is no row"),
        ([tensor("image", "FP32", [1, 2], [1, "2"])], "predict", 400, "is no FP32"),
        ([tensor("image", "FP32", [1, 2], [[1], [2, 3]])], "predict", 400, "rows of different lengths"),
        ([tensor("image", "BF16", [1, 2], [1, 2])], "predict", 400, "datatype 'BF16' is not known"),
        ([tensor("n", "INT8", [1], [1.5])], "plain", 400, "is no INT8"),
        ([tensor("n", "INT8", [1], [300])], "plain", 400, "is no INT8"),
        ([tensor("n", "INT8", [1], [True])], "plain", 400, "is no INT8"),
        ([tensor("n", "FP64", [1], [1.5])], "plain", 400, "n: expected int, got float"),
        ([tensor("n", "INT8", [3], [1, 2, -3])], "plain", 400, "row 2: n: must not be negative"),
        ([tensor("n", "INT8", [2], [1, 13])], "plain", 500, "row 1: plain: the model's 'plain' raised RuntimeError"),
        ([tensor("n", "INT8", [1], [1]), tensor("f", "FP32", [2], [1, 2])], "plain", 400, "different numbers of rows"),
        ([tensor("n", "INT8", [1], [1]), tensor("box", "BYTES", [1], ["{"])], "plain", 400, "not the JSON"),
        ([tensor("n", "INT8", [1], [1]), tensor("box", "BYTES", [1], ["{}"])], "plain", 400, "missing"),
        ([tensor("n", "INT64", [2], [1, 2])], "grow", 500, "not what its signature says"),
        ([tensor("n", "INT64", [2000], [1] * 2000)], "grow", 400, "2000 rows: at most 1024"),
        ([tensor("n", "INT64", [1], [1])], "nothing", 404, "there is no endpoint 'nothing'"),
    ],
)
def test_errors_have_the_protocols_form(
    server: Server, inputs: list[Any], endpoint: str, status: int, message: str
) -> None:
    answer = server.infer(inputs, endpoint)
    assert list(answer.json) == ["error"]
    assert message in answer.json["error"]
    assert (answer.status, "secret" in answer.json["error"]) == (status, False)


def test_other_names_methods_and_outputs(server: Server) -> None:
    assert server.ask("POST", "/v2/models/other/infer", {"inputs": []}).status == 404
    assert server.ask("POST", "/v2/models/m/versions/2/infer", {"inputs": []}).status == 404
    assert server.ask("GET", "/v2/nothing").status == 404
    assert server.ask("GET", "/v2/models/m/infer").status == 405
    assert server.ask("GET", "/v20").json["error"]["code"] == "endpoint_not_found"
    answer = server.infer([IMAGE], outputs=[{"name": "labell"}])
    assert (answer.status, answer.json["error"].startswith("there is no output 'labell'")) == (400, True)
    assert "FP" not in server.infer([IMAGE], parameters={"binary_data_output": "yes"}).json["error"]


def test_it_is_counted_with_the_endpoint(server: Server) -> None:
    def counted() -> int:
        body = server_text(server)
        line = next(
            each for each in body.splitlines() if each.startswith("modelway_requests_total") and "predict" in each
        )
        return int(line.split()[-1])

    before = counted()
    server.infer([IMAGE], outputs=[{"name": "label"}])
    assert counted() == before + 1


def server_text(server: Server) -> str:

    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as answer:
        return answer.read().decode()
