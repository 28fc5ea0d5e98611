"""NVIDIA's own client, as published, against our server; it runs in a process of its own as it brings its own event loop."""

import subprocess
import sys
from typing import Any

PROGRAM = """
import asyncio, sys
import numpy as np
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio

address = f"127.0.0.1:{sys.argv[1]}"
rows = np.arange(6, dtype=np.float32).reshape(3, 2)
wanted = ("label", "score", "name", "sure", "scores", "more")

def image(binary):
    tensor = triton.InferInput("image", [3, 2], "FP32")
    tensor.set_data_from_numpy(rows, binary_data=binary)
    return tensor

def check(result):
    assert result.as_numpy("label").tolist() == [1, 5, 9]
    assert result.as_numpy("score").dtype == np.float64
    assert result.as_numpy("name").astype(str).tolist() in (["n0", "n2", "n4"], ["b'n0'", "b'n2'", "b'n4'"])
    assert result.as_numpy("sure").tolist() == [False, True, True]
    assert np.array_equal(result.as_numpy("scores"), rows * 2)

with triton.InferenceServerClient(address) as client:
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("m") and client.is_model_ready("m", "v1") and not client.is_model_ready("other")
    assert client.get_server_metadata()["name"] == "modelway"
    assert client.get_model_metadata("m")["inputs"][0]["datatype"] == "FP32"
    assert client.get_model_repository_index()[0]["state"] == "READY"
    for binary in (True, False):
        for algorithm in (None, "gzip", "deflate"):
            outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in wanted]
            result = client.infer(
                "m", [image(binary)], model_version="v1", outputs=outputs, request_id="7",
                request_compression_algorithm=algorithm, response_compression_algorithm=algorithm,
            )
            assert result.get_response()["id"] == "7"
            check(result)
    large = triton.InferInput("n", [1], "INT64")
    large.set_data_from_numpy(np.array([5000]))
    for algorithm in ("gzip", "deflate"):
        result = client.infer("m", [large], parameters={"endpoint": "grow"}, response_compression_algorithm=algorithm)
        assert result.as_numpy("output").tolist() == [list(range(5000))]
    check(client.infer("m", [image(True)]))
    raw = client.infer("m", [image(True)]).as_numpy("raw")
    assert raw.tolist() == [b"\\x00\\xff"] * 3

    for datatype, dtype in (("INT8", np.int8), ("UINT64", np.uint64), ("INT64", np.int64)):
        tensor = triton.InferInput("n", [2], datatype)
        tensor.set_data_from_numpy(np.array([1, 2], dtype=dtype))
        text = triton.InferInput("s", [2], "BYTES")
        text.set_data_from_numpy(np.array(["a", "\\u00e4"], dtype=np.object_))
        answer = client.infer("m", [tensor, text], parameters={"endpoint": "plain"}).as_numpy("output")
        assert [each.decode() for each in answer.tolist()] == ["1 0.5 True a b'' None", "2 0.5 True \\u00e4 b'' None"]
    halves = triton.InferInput("x", [1, 2], "FP16")
    halves.set_data_from_numpy(np.array([[1, 3]], dtype=np.float16))
    half = client.infer("m", [halves], parameters={"endpoint": "half"}).as_numpy("output")
    assert (half.dtype, half.tolist()) == (np.float16, [[0.5, 1.5]])

    wrong = triton.InferInput("image", [3, 2], "FP64")
    wrong.set_data_from_numpy(rows.astype(np.float64))
    try:
        client.infer("m", [wrong])
    except triton.InferenceServerException as error:
        assert "expected FP32, got FP64" in str(error), error
    else:
        raise AssertionError

async def beside():
    async with triton_aio.InferenceServerClient(address) as client:
        assert await client.is_server_ready()
        for result in await asyncio.gather(*(client.infer("m", [image(True)]) for _ in range(20))):
            check(result)
        assert (await client.get_model_metadata("m"))["inputs"][0]["datatype"] == "FP32"
        assert await client.is_model_ready("m", "v1") and not await client.is_model_ready("other")
        for binary in (True, False):
            for algorithm in (None, "gzip", "deflate"):
                outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in wanted]
                check(await client.infer(
                    "m", [image(binary)], outputs=outputs,
                    request_compression_algorithm=algorithm, response_compression_algorithm=algorithm,
                ))

asyncio.run(beside())
print("all right")
"""


def test_tritonclient(server: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(server.port)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "all right\n", done.stderr
