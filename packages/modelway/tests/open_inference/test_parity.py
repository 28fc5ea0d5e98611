"""The same question by every way there is: each golden example of each project in examples/, and what must be refused.

Our REST JSON; the protocol's JSON and its binary form; gRPC; our clients, blocking and asyncio; `modelway.testing` without a
socket; a generated client. The first is what all others are compared with.
"""

import asyncio
import json
import re
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient import utils
from tritonclient.utils import InferenceServerException

from modelway.cli.main import main
from modelway.client import AsyncModelClient, CallOptions, ModelClient
from modelway.client import Server as Address
from modelway.client.async_grpc_client import AsyncGrpcModelClient
from modelway.client.grpc_client import GrpcModelClient
from modelway.errors import ModelwayError
from modelway.serving.open_inference.datatypes import BYTES, datatype_of, is_text
from modelway.serving.open_inference.inference import usual_endpoint
from modelway.serving.open_inference.outputs import output_fields
from modelway.serving.pages.openapi import signature_in
from modelway.signature import Signature

Triton: Any = triton
Utils: Any = utils
ROOT = Path(__file__).resolve().parents[4]
EXAMPLES = ROOT / "examples"
NOWHERE = Address(url="http://127.0.0.1:1")


def projects() -> list[str]:
    """Every folder of examples/ that is a project."""
    found = [each.parent for each in EXAMPLES.rglob("pyproject.toml") if "[tool.modelway]" in each.read_text("utf-8")]
    return sorted(str(each.relative_to(EXAMPLES)) for each in found)


class Served(NamedTuple):
    folder: Path
    http: str
    grpc: str
    signature: Signature
    golden: Sequence[Mapping[str, Any]]
    answers: Sequence[Any]
    """What our REST JSON answers to them."""

    @property
    def usual(self) -> str:
        return usual_endpoint(self.signature).name


def needs(folder: Path) -> None:
    """Skips where what a project depends on is not installed."""
    wanted = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"].get("dependencies", [])
    for requirement in wanted:
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        try:
            distribution(name)
        except PackageNotFoundError:
            pytest.skip(f"{folder.relative_to(EXAMPLES)}: {name} is not installed here")


def trained(folder: Path) -> None:
    """Makes model and golden examples where a project comes without them."""
    if (folder / "examples.json").exists():
        return
    script = next(each / "train.py" for each in (folder, folder.parent) if (each / "train.py").exists())
    module = ".".join(script.relative_to(ROOT).with_suffix("").parts)
    subprocess.run([sys.executable, "-m", module], cwd=ROOT, check=True, timeout=110, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module", params=projects())
def served(request: pytest.FixtureRequest) -> Generator[Served, None, None]:
    folder = EXAMPLES / request.param
    needs(folder)
    trained(folder)
    command = [sys.executable, "-P", "-m", "modelway.cli.main", "serve", str(folder), "--port", "0", "--name", "p/m/v1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        lines = map(bytes.decode, process.stdout)
        http = next(line for line in lines if line.startswith("ready")).split("http://")[1].split()[0]
        grpc = next(line for line in lines if line.startswith("  gRPC")).split()[1]
        golden = json.loads((folder / "examples.json").read_text("utf-8"))
        with ModelClient(url=f"http://{http}") as client:
            answers = [client.call(each["request"], endpoint=each["endpoint"]) for each in golden]
        with urllib.request.urlopen(f"http://{http}/openapi.json", timeout=20) as document:
            signature = signature_in(json.load(document))
        yield Served(folder, http, grpc, signature, golden, answers)
        process.terminate()


def tensors(served: Served, endpoint: str, inputs: Mapping[str, Any], *, binary: bool) -> list[Any]:
    """One row of each input, of the datatype its field has."""
    found: list[Any] = []
    for field in served.signature.endpoint(endpoint).inputs:
        if field.name not in inputs:
            continue
        datatype, value = datatype_of(field), inputs[field.name]
        if datatype == BYTES and not is_text(field) and not isinstance(value, str):
            value = json.dumps(value)
        array = np.array([value], dtype=Utils.triton_to_np_dtype(datatype))
        tensor = Triton.InferInput(field.name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array, binary_data=binary)
        found.append(tensor)
    return found


def by_protocol(served: Served, endpoint: str, inputs: Mapping[str, Any], *, binary: bool) -> Any:
    with Triton.InferenceServerClient(served.http) as client:
        given = tensors(served, endpoint, inputs, binary=binary)
        names = list(output_fields(served.signature.endpoint(endpoint)))
        wanted = [Triton.InferRequestedOutput(name, binary_data=binary) for name in names]
        result = client.infer("m", given, outputs=wanted, parameters={"endpoint": endpoint})
        found: dict[str, Any] = {name: plain(result.as_numpy(name)[0]) for name in names}
    return found["output"] if list(found) == ["output"] else found


def plain(value: Any) -> Any:
    """One row's element of an output as JSON would have it."""
    if isinstance(value, bytes):
        value = value.decode()
    return value.tolist() if hasattr(value, "tolist") else value


def grpc_endpoint(served: Served, endpoint: str) -> str:
    return "" if endpoint == served.usual else endpoint


def by_grpc(served: Served, endpoint: str, inputs: Mapping[str, Any]) -> Any:
    with GrpcModelClient("p/m", address=served.grpc, server=NOWHERE) as client:
        return client.call(inputs, endpoint=grpc_endpoint(served, endpoint))


async def by_asyncio(served: Served, endpoint: str, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
    async with (
        AsyncModelClient(url=f"http://{served.http}") as rest,
        AsyncGrpcModelClient("p/m", address=served.grpc, server=NOWHERE) as rpc,
    ):
        return await asyncio.gather(
            rest.call(inputs, endpoint=endpoint), rpc.call(inputs, endpoint=grpc_endpoint(served, endpoint))
        )


def same(value: Any, other: Any) -> bool:
    """Equal but for the last digits, in which batches of different sizes differ; what is no tensor is its JSON in BYTES."""
    if isinstance(other, str) and not isinstance(value, str):
        return same(value, json.loads(other))
    if isinstance(value, dict):
        members, others = cast("dict[str, Any]", value), cast("dict[str, Any]", other)
        return set(members) == set(others) and all(same(each, others[name]) for name, each in members.items())
    if isinstance(value, list):
        items, rest = cast("list[Any]", value), cast("list[Any]", other)
        return len(items) == len(rest) and all(map(same, items, rest))
    if isinstance(value, float):
        return bool(np.isclose(value, other, rtol=1e-5, atol=1e-6))
    return value == other


def test_golden_examples_are_answered_the_same_over_the_wire(served: Served) -> None:
    for example, expected in zip(served.golden, served.answers, strict=True):
        endpoint, inputs = example["endpoint"], example["request"]
        assert not served.signature.endpoint(endpoint).streaming
        ways = {
            "protocol": by_protocol(served, endpoint, inputs, binary=False),
            "binary": by_protocol(served, endpoint, inputs, binary=True),
            "gRPC": by_grpc(served, endpoint, inputs),
        }
        ways["asyncio"], ways["asyncio gRPC"] = asyncio.run(by_asyncio(served, endpoint, inputs))
        for way, found in ways.items():
            assert same(expected, found), (way, expected, found)


WITHOUT_A_SOCKET = """
import json, sys
from modelway.errors import ModelwayError
from modelway.packaging.unpacked import import_handler
from modelway.testing import Client
from pathlib import Path

asked = json.load(sys.stdin)
with Client(import_handler(Path.cwd(), asked["handler"]), files=".") as client:
    for endpoint, request, seconds in asked["calls"]:
        try:
            said = {"value": client.call(endpoint, request, seconds=seconds)}
        except ModelwayError as error:
            said = {"error": [error.error_code, error.message]}
        print(json.dumps(said))
"""
GENERATED = """
import json, sys
import msgspec
import NAME
from modelway.client import CallOptions
from modelway.errors import ModelwayError

asked = json.load(sys.stdin)
Client = next(getattr(NAME, each) for each in NAME.__all__ if each.endswith("Client") and not each.startswith("Async"))
with Client(url=asked["url"]) as client:
    for method, request, seconds in asked["calls"]:
        try:
            value = getattr(client, method)(CallOptions(timeout=seconds), **request)
            said = {"value": msgspec.to_builtins(value, enc_hook=lambda array: array.tolist())}
        except ModelwayError as error:
            said = {"error": [error.error_code, error.message]}
        print(json.dumps(said))
"""
Call = tuple[str, Mapping[str, Any], float | None]


def told(program: str, folder: Path, asked: Mapping[str, Any]) -> list[Any]:
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=folder, input=json.dumps(asked), capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def without_a_socket(served: Served, calls: Sequence[Call]) -> list[Any]:
    settings = tomllib.loads((served.folder / "pyproject.toml").read_text("utf-8"))["tool"]["modelway"]
    return told(WITHOUT_A_SOCKET, served.folder, {"handler": settings["handler"], "calls": calls})


def by_generated_client(served: Served, calls: Sequence[Call], folder: Path) -> list[Any]:
    assert main(["client", "generate", f"http://{served.http}", "-o", str(folder), "--name", "made"]) == 0
    return told(GENERATED.replace("NAME", "made"), folder / "src", {"url": f"http://{served.http}", "calls": calls})


def test_golden_examples_are_answered_the_same_without_a_socket_and_by_a_generated_client(
    served: Served, tmp_path: Path
) -> None:
    calls: list[Call] = [(each["endpoint"], each["request"], None) for each in served.golden]
    for way in (without_a_socket(served, calls), by_generated_client(served, calls, tmp_path)):
        assert len(way) == len(served.answers)
        for expected, found in zip(served.answers, way, strict=True):
            assert "value" in found, found
            assert same(expected, found["value"]), (expected, found)


Refusal = tuple[str, str]


def refused(call: Callable[[], Any]) -> Refusal:
    with pytest.raises(ModelwayError) as caught:
        call()
    return caught.value.error_code, caught.value.message


def protocol_refusal(served: Served, endpoint: str, given: Sequence[Any]) -> str:
    with Triton.InferenceServerClient(served.http) as client, pytest.raises(InferenceServerException) as caught:
        client.infer("m", given, parameters={"endpoint": endpoint})
    return caught.value.message()


def test_what_is_wrong_is_said_the_same(served: Served, tmp_path: Path) -> None:
    """A field that is missing, one that there is not, and no such endpoint: the same code and the same words."""
    endpoint = served.golden[0]["endpoint"]
    good = served.golden[0]["request"]
    required = next(each.name for each in served.signature.endpoint(endpoint).inputs if each.required)
    lacking = {name: value for name, value in good.items() if name != required}
    cases: list[tuple[str, Mapping[str, Any]]] = [
        (endpoint, lacking),
        (endpoint, {**good, "nothing_of_this_name": 1}),
        ("nothing", good),
    ]
    rest = ModelClient(url=f"http://{served.http}")
    rpc = GrpcModelClient("p/m", address=served.grpc, server=NOWHERE)
    with rest, rpc:
        expected = [refused(lambda: rest.call(inputs, endpoint=name)) for name, inputs in cases]  # noqa: B023
        over_grpc = [refused(lambda: rpc.call(inputs, endpoint=name)) for name, inputs in cases]  # noqa: B023
    assert [code for code, _ in expected] == ["invalid_input", "invalid_input", "endpoint_not_found"]
    assert over_grpc == expected
    inside = without_a_socket(served, [(name, inputs, None) for name, inputs in cases])
    assert [tuple(each["error"]) for each in inside] == expected
    for binary in (True, False):
        strange = Triton.InferInput("nothing_of_this_name", [1], "INT64")
        strange.set_data_from_numpy(np.array([1]), binary_data=binary)
        whole = tensors(served, endpoint, good, binary=binary)
        said = [
            protocol_refusal(served, endpoint, tensors(served, endpoint, lacking, binary=binary)),
            protocol_refusal(served, endpoint, [*whole, strange]),
            protocol_refusal(served, "nothing", whole),
        ]
        assert all(text.startswith(message) for text, (_, message) in zip(said, expected, strict=True)), said


def test_a_time_that_is_over_is_said_the_same(served: Served, tmp_path: Path) -> None:
    endpoint, good = served.golden[0]["endpoint"], served.golden[0]["request"]
    late = CallOptions(headers={"Modelway-Deadline-Ms": "0"}, timeout=float("inf"))
    with (
        ModelClient(url=f"http://{served.http}") as rest,
        GrpcModelClient("p/m", address=served.grpc, server=NOWHERE) as rpc,
    ):
        codes = {
            refused(lambda: rest.ask(good, endpoint=endpoint, options=late))[0],
            refused(lambda: rest.call(good, endpoint=endpoint, timeout=0))[0],
            refused(lambda: rpc.call(good, endpoint=endpoint, timeout=0))[0],
        }
    calls: list[Call] = [(endpoint, good, 0.0)]
    for way in (without_a_socket(served, calls), by_generated_client(served, calls, tmp_path)):
        codes.add(way[0]["error"][0])
    given = tensors(served, endpoint, good, binary=True)
    with Triton.InferenceServerClient(served.http) as client, pytest.raises(InferenceServerException) as caught:
        client.infer("m", given, parameters={"endpoint": endpoint}, headers={"Modelway-Deadline-Ms": "0"})
    assert caught.value.status() == "504"
    assert codes == {"deadline_exceeded"}
