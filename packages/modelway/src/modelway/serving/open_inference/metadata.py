"""What the protocol's clients are told about the server and its model."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from modelway.serving.open_inference.datatypes import datatype_of, shape_of
from modelway.serving.open_inference.inference import usual_endpoint
from modelway.serving.open_inference.outputs import output_fields
from modelway.signature import Field, Signature

EXTENSIONS = ("binary_tensor_data",)


def server_metadata() -> dict[str, Any]:
    """`GET /v2`."""
    try:
        ours = version("modelway")
    except PackageNotFoundError:  # the package's folder was copied into a replica's environment
        ours = ""
    return {"name": "modelway", "version": ours, "extensions": list(EXTENSIONS)}


def model_metadata(signature: Signature, name: str, versions: list[str]) -> dict[str, Any]:
    """`GET /v2/models/{name}`: the tensors of the usual endpoint."""
    endpoint = usual_endpoint(signature)
    return {
        "name": name,
        "versions": versions,
        "platform": "modelway",
        "inputs": [_tensor(each.name, each) for each in endpoint.inputs],
        "outputs": [_tensor(each, field) for each, field in output_fields(endpoint).items()],
    }


def _tensor(name: str, field: Field) -> Mapping[str, Any]:
    return {"name": name, "datatype": datatype_of(field), "shape": shape_of(field)}
