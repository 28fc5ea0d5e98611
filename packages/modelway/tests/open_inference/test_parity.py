"""The same question by every transport: JSON of ours, the protocol's JSON, its binary form, gRPC; the same result, the same error."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient import utils
from tritonclient.utils import InferenceServerException

from modelway.client import Server as Address
from modelway.client.grpc_client import GrpcModelClient
from modelway.errors import ModelwayError

Triton: Any = triton
Utils: Any = utils
EXAMPLES = Path(__file__).resolve().parents[4] / "examples"
PROJECTS = ("hello", "digits/v1", "digits/v2")


class Served(NamedTuple):
    name: str
    folder: Path
    http: str
    grpc: str

    def examples(self) -> list[dict[str, Any]]:
        return json.loads((self.folder / "examples.json").read_text())


@pytest.fixture(scope="module", params=PROJECTS)
def served(request: pytest.FixtureRequest) -> Generator[Served, None, None]:
    folder = EXAMPLES / request.param
    if not (folder / "examples.json").exists():
        subprocess.run([sys.executable, "-m", "examples.digits.train"], cwd=EXAMPLES.parent, check=True, timeout=110)
    command = [sys.executable, "-P", "-m", "modelway.cli.main", "serve", str(folder), "--port", "0", "--name", "p/m/v1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        http = process.stdout.readline().decode().split("http://")[1].split()[0]
        grpc = next(line for line in map(bytes.decode, process.stdout) if line.startswith("  gRPC")).split()[1]
        yield Served("m", folder, http, grpc)
        process.terminate()


def by_json(served: Served, endpoint: str, inputs: Mapping[str, Any]) -> tuple[int, Any]:
    request = urllib.request.Request(f"http://{served.http}/{endpoint}", json.dumps(inputs).encode())
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return 200, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)["error"]


def plain(value: Any) -> Any:
    """One row's element of an output as JSON would have it."""
    if isinstance(value, bytes):
        value = value.decode()
    return value.tolist() if hasattr(value, "tolist") else value


def by_protocol(served: Served, inputs: Mapping[str, Any], *, binary: bool) -> Any:
    with Triton.InferenceServerClient(served.http) as client:
        described = client.get_model_metadata(served.name)
        tensors: list[Any] = []
        for each in described["inputs"]:
            if each["name"] not in inputs:
                continue
            dtype = Utils.triton_to_np_dtype(each["datatype"])
            array = np.array([inputs[each["name"]]], dtype=dtype)
            tensor = Triton.InferInput(each["name"], list(array.shape), each["datatype"])
            tensor.set_data_from_numpy(array, binary_data=binary)
            tensors.append(tensor)
        names = [each["name"] for each in described["outputs"]]
        wanted = [Triton.InferRequestedOutput(name, binary_data=binary) for name in names]
        result = client.infer(served.name, tensors, outputs=wanted)
        found = {name: plain(result.as_numpy(name)[0]) for name in names}
    return found["output"] if list(found) == ["output"] else found


def by_grpc(served: Served, inputs: Mapping[str, Any]) -> Any:
    with GrpcModelClient("p/m", address=served.grpc, server=Address(url="http://127.0.0.1:1")) as client:
        return client.call(inputs)


def same(value: Any, other: Any) -> bool:
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return all(same(each, other[name]) for name, each in members.items())
    if isinstance(value, list | float):
        if isinstance(other, str):  # what is no tensor is its JSON in BYTES
            other = json.loads(other)
        return bool(np.allclose(np.asarray(value, float), np.asarray(other, float), rtol=1e-5, atol=1e-6))
    return value == other


def test_the_same_result(served: Served) -> None:
    for example in served.examples()[:5]:
        status, expected = by_json(served, example["endpoint"], example["request"])
        assert status == 200
        for found in (
            by_protocol(served, example["request"], binary=False),
            by_protocol(served, example["request"], binary=True),
            by_grpc(served, example["request"]),
        ):
            assert same(expected, found), (expected, found)


def test_the_same_error(served: Served) -> None:
    status, said = by_json(served, "nothing", {})
    with Triton.InferenceServerClient(served.http) as client, pytest.raises(InferenceServerException) as http_error:
        client.infer(served.name, [], parameters={"endpoint": "nothing"})
    with (
        GrpcModelClient("p/m", address=served.grpc, server=Address(url="http://127.0.0.1:1")) as own,
        pytest.raises(ModelwayError) as grpc_error,
    ):
        own.call({}, endpoint="nothing")
    error = grpc_error.value
    assert (status, said["code"], said["message"]) == (error.http, error.error_code, error.message)
    assert said["message"] in str(http_error.value.message())
    with Triton.InferenceServerClient(served.http) as client, pytest.raises(InferenceServerException) as http_missing:
        client.infer(served.name, [])
    with pytest.raises(ModelwayError) as grpc_missing:
        by_grpc(served, {})
    assert grpc_missing.value.message in str(http_missing.value.message())
    assert grpc_missing.value.error_code == "invalid_request"
