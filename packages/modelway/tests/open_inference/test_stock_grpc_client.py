"""NVIDIA's own client, as published, over gRPC: plain, asyncio, compressed, streaming; in a process of its own, as it brings its own copy of the protocol."""

import subprocess
import sys
from typing import Any

PROGRAM = """
import asyncio, queue, sys
import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

address = f"127.0.0.1:{sys.argv[1]}"
rows = np.arange(6, dtype=np.float32).reshape(3, 2)
wanted = ("label", "score", "name", "sure", "scores", "more")

def image():
    tensor = triton.InferInput("image", [3, 2], "FP32")
    tensor.set_data_from_numpy(rows)
    return tensor

def check(result):
    assert result.as_numpy("label").tolist() == [1, 5, 9]
    assert result.as_numpy("score").dtype == np.float64
    assert result.as_numpy("name").tolist() == [b"n0", b"n2", b"n4"]
    assert result.as_numpy("sure").tolist() == [False, True, True]
    assert np.array_equal(result.as_numpy("scores"), rows * 2)

with triton.InferenceServerClient(address) as client:
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("m") and client.is_model_ready("m", "v1")
    assert client.get_server_metadata().name == "modelway"
    assert client.get_model_metadata("m").inputs[0].datatype == "FP32"
    assert client.get_model_repository_index().models[0].state == "READY"
    for algorithm in (None, "gzip", "deflate"):
        outputs = [triton.InferRequestedOutput(name) for name in wanted]
        result = client.infer("m", [image()], model_version="v1", outputs=outputs, request_id="7",
                              compression_algorithm=algorithm, client_timeout=20)
        assert result.get_response().id == "7"
        check(result)
    done = queue.Queue()
    client.async_infer("m", [image()], callback=lambda result, error: done.put((result, error)))
    check(done.get(timeout=20)[0])
    try:
        client.infer("m", [image()], outputs=[triton.InferRequestedOutput("nothing")])
    except InferenceServerException as error:
        assert error.status() == "StatusCode.INVALID_ARGUMENT", error.status()
    else:
        raise AssertionError
    try:
        client.get_system_shared_memory_status()
    except InferenceServerException as error:
        assert error.status() == "StatusCode.UNIMPLEMENTED", error.status()
    else:
        raise AssertionError

    client.start_stream(lambda result, error: done.put((result, error)))
    number = triton.InferInput("n", [1], "INT64")
    number.set_data_from_numpy(np.array([3], dtype=np.int64))
    client.async_stream_infer("m", [number], parameters={"endpoint": "count"}, enable_empty_final_response=True)
    seen = []
    while True:
        result, error = done.get(timeout=20)
        assert error is None, error
        if result.get_response().parameters["triton_final_response"].bool_param:
            break
        seen.append((result.as_numpy("number").tolist(), result.as_numpy("pair").tolist()))
    assert seen == [([n], [[float(n)] * 2]) for n in range(3)], seen
    client.async_stream_infer("m", [image()])
    check(done.get(timeout=20)[0])
    client.async_stream_infer("m", [image()], parameters={"endpoint": "nothing"})
    result, error = done.get(timeout=20)
    assert result is None and "nothing" in error.message()
    client.stop_stream()

async def more():
    async with triton_aio.InferenceServerClient(address) as client:
        assert await client.is_server_ready()
        for algorithm in (None, "gzip", "deflate"):
            calls = (client.infer("m", [image()], compression_algorithm=algorithm) for _ in range(10))
            for result in await asyncio.gather(*calls):
                check(result)
        async def asked():
            yield {"model_name": "m", "inputs": [image()]}
        async for result, error in client.stream_infer(asked()):
            assert error is None
            check(result)

asyncio.run(more())
"""


def test_tritonclient_over_grpc(server: Any) -> None:
    command = [sys.executable, "-P", "-c", PROGRAM, str(server.grpc_port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
