"""KServe's own client, as published, over REST and gRPC, in its own environment."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROGRAM = """
import asyncio, sys
import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

rest_address, grpc_address = sys.argv[1:]
rows = np.array([[1, -1], [2, 3], [-4, -5]], dtype=np.float32)

def request(binary, name="m", tensor="rows", outputs=None):
    data = InferInput(tensor, [3, 2], "FP32")
    data.set_data_from_numpy(rows, binary_data=binary)
    return InferRequest(model_name=name, infer_inputs=[data], request_id="7", request_outputs=outputs)

def check(answer):
    assert answer.model_name == "m" and answer.id == "7", answer
    assert [output.name for output in answer.outputs] == ["output"]
    assert answer.outputs[0].as_numpy().tolist() == [1, 2, 0], answer.outputs[0].as_numpy()

async def over_rest():
    base = f"http://{rest_address}"
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=20))
    assert await client.is_server_live(base) and await client.is_server_ready(base)
    assert await client.is_model_ready(base, "m")
    assert not await client.is_model_ready(base, "other")
    for binary in (True, False):
        check(await client.infer(base, request(binary), model_name="m"))
        wanted = [RequestedOutput("output", {"binary_data": True})]
        check(await client.infer(base, request(binary, outputs=wanted), model_name="m"))
    for refused in (request(True, tensor="nothing"), request(False, tensor="nothing")):
        try:
            await client.infer(base, refused, model_name="m")
        except httpx.HTTPStatusError as error:
            assert error.response.status_code == 400, error
            assert "nothing" in error.response.json()["error"]
        else:
            raise AssertionError
    await client.close()

async def over_grpc():
    client = InferenceGRPCClient(grpc_address, timeout=20)
    assert await client.is_server_live() and await client.is_server_ready() and await client.is_model_ready("m")
    for binary in (True, False):
        check(await client.infer(request(binary)))
    try:
        await client.infer(request(True, tensor="nothing"))
    except Exception as error:
        assert "INVALID_ARGUMENT" in str(error) and "nothing" in str(error), error
    else:
        raise AssertionError
    await client.close()

asyncio.run(over_rest())
asyncio.run(over_grpc())
print("all right")
"""


def test_kserve(kinds: Any, part: Callable[[str], Path]) -> None:
    command = [str(part("kserve") / "python"), "-W", "ignore", "-c", PROGRAM, kinds.http, kinds.grpc]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.stdout.endswith("all right\n"), done.stdout[-3000:] + done.stderr[-5000:]
