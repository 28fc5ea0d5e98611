"""The protocol as OpenAPI: the paths of one model server, written from the specification of version 2 of the protocol.

The specification's own OpenAPI file allows any tensor; here inputs are those of the model, so that a tool can tell what to send.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from modelway.serving.open_inference.datatypes import BYTES, DATATYPES, datatype_of, shape_of
from modelway.serving.open_inference.inference import usual_endpoint
from modelway.signature import EndpointSignature, Field, Signature, example_of

_TAG = "Open Inference Protocol"
_TEXT = {"type": "string"}
_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "description": "Extensions of the protocol, such as `binary_data`.",
    "properties": {},
}


def protocol_paths(signature: Signature, models: Sequence[str], versions: Sequence[str]) -> dict[str, Any]:
    """Paths by name.

    Args:
        signature: What the model takes and gives.
        models: The names it has here.
        versions: The versions it has here.
    """
    model = [_path_parameter("model", models)]
    version = [*model, _path_parameter("version", versions)]
    paths: dict[str, Any] = {
        "/v2": {"get": _get("v2", "What the server is.", "ServerMetadata")},
        "/v2/health/live": {"get": _get("v2-live", "The server answers.", "Live")},
        "/v2/health/ready": {"get": _get("v2-ready", "The model is ready.", "Ready", 503)},
        "/v2/repository/index": {"get": _index("get"), "post": _index("post")},
    }
    for prefix, named, parameters in (
        ("/v2/models/{model}", "", model),
        ("/v2/models/{model}/versions/{version}", "-version", version),
    ):
        if parameters is version and not versions:
            continue
        metadata = _get(f"v2-model{named}", "The model's tensors.", "ModelMetadata", 404)
        ready = _get(f"v2-model{named}-ready", "The model is ready.", "Ready", 404, 503)
        paths[prefix] = {"parameters": parameters, "get": metadata}
        paths[f"{prefix}/ready"] = {"parameters": parameters, "get": ready}
        paths[f"{prefix}/infer"] = {"parameters": parameters, "post": _infer(signature, f"v2-model{named}-infer")}
    return paths


def protocol_schemas(signature: Signature) -> dict[str, Any]:
    """Schemas by name, that the paths refer to."""
    tensor = {"name": _TEXT, "datatype": {"enum": list(DATATYPES)}, "shape": {"type": "array", "items": _integer(-1)}}
    described = _object(tensor)
    strings = {"type": "array", "items": _TEXT}
    return {
        "ProtocolError": _object({"error": _TEXT}),
        "Live": _object({"live": {"type": "boolean"}}),
        "Ready": _object({"name": _TEXT, "ready": {"type": "boolean"}}),
        "ServerMetadata": _object({"name": _TEXT, "version": _TEXT, "extensions": strings}),
        "ModelMetadata": _object(
            {
                "name": _TEXT,
                "versions": strings,
                "platform": _TEXT,
                "inputs": {"type": "array", "items": described},
                "outputs": {"type": "array", "items": described},
            }
        ),
        "RepositoryIndex": {
            "type": "array",
            "items": _object({"name": _TEXT, "version": _TEXT, "state": _TEXT, "reason": _TEXT}),
        },
        "InferRequest": _infer_request(signature),
        "InferResponse": _infer_response(),
    }


def infer_example(endpoint: EndpointSignature) -> dict[str, Any]:
    """A request that fits the tensors of an endpoint: its required fields, one row."""
    return {"inputs": [_input_example(each) for each in endpoint.inputs if each.required]}


def _input_example(field: Field) -> dict[str, Any]:
    shape = [max(length, 1) if length != 0 else 0 for length in shape_of(field)]
    datatype = datatype_of(field)
    count = 1
    for length in shape:
        count *= length
    value: Any = example_of(field.schema)
    if datatype == BYTES and not isinstance(value, str):
        value = "null" if value is None else "{}"
    while isinstance(value, list):
        items = cast("list[Any]", value)
        value = items[0] if items else 0
    return {"name": field.name, "datatype": datatype, "shape": shape, "data": [value] * count}


def _infer(signature: Signature, operation: str) -> dict[str, Any]:
    usual = usual_endpoint(signature)
    return {
        "operationId": operation,
        "tags": [_TAG],
        "summary": "Inference.",
        "description": (
            f"The endpoint `{usual.name}`, unless the parameter `endpoint` names another. The first axis of each tensor is that of "
            "rows. With `Inference-Header-Content-Length` binary data follow the JSON."
        ),
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref("InferRequest"), "example": infer_example(usual)}},
        },
        "responses": {
            "200": {
                "description": "Outputs, as JSON, or with binary data behind it.",
                "content": {"application/json": {"schema": _ref("InferResponse")}, "application/octet-stream": {}},
            },
            **_errors(400, 404, 413, 500, 503, 504),
        },
    }


def _infer_request(signature: Signature) -> dict[str, Any]:
    fields = {each.name: each for endpoint in signature.endpoints for each in endpoint.inputs}
    tensor = _object(
        {
            "name": {"enum": sorted(fields)} if fields else _TEXT,
            "datatype": {"enum": list(DATATYPES)},
            "shape": {"type": "array", "items": _integer(0), "minItems": 1, "maxItems": 32},
            "data": {"type": "array", "description": "The elements, flat or nested as the shape is."},
            "parameters": _PARAMETERS,
        },
        optional=("data", "parameters"),
    )
    wanted = _object({"name": _TEXT, "parameters": _PARAMETERS}, optional=("parameters",))
    endpoints = {"enum": [each.name for each in signature.endpoints]}
    binary = {"type": "boolean"}
    parameters = _PARAMETERS | {"properties": {"endpoint": endpoints, "binary_data_output": binary}}
    return _object(
        {
            "id": _TEXT,
            "parameters": parameters,
            "inputs": {"type": "array", "items": tensor},
            "outputs": {"type": "array", "items": wanted},
        },
        optional=("id", "parameters", "outputs"),
    )


def _infer_response() -> dict[str, Any]:
    output = _object(
        {
            "name": _TEXT,
            "datatype": {"enum": list(DATATYPES)},
            "shape": {"type": "array", "items": _integer(0)},
            "data": {"type": "array"},
            "parameters": _PARAMETERS,
        },
        optional=("data", "parameters"),
    )
    return _object(
        {
            "model_name": _TEXT,
            "model_version": _TEXT,
            "id": _TEXT,
            "outputs": {"type": "array", "items": output},
        },
        optional=("id", "model_version"),
    )


def _index(method: str) -> dict[str, Any]:
    return _get(f"v2-index-{method}", "The models that are here, which is one.", "RepositoryIndex")


def _get(operation: str, summary: str, schema: str, *errors: int) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref(schema)}}
    return {
        "operationId": operation,
        "tags": [_TAG],
        "summary": summary,
        "responses": {
            "200": {"description": summary, "content": content},
            **{
                status: answer | {"content": content} if status == "503" and schema == "Ready" else answer
                for status, answer in _errors(*errors).items()
            },
        },
    }


def _errors(*statuses: int) -> dict[str, Any]:
    content = {"application/json": {"schema": _ref("ProtocolError")}}
    return {str(status): {"description": "What is wrong, in words.", "content": content} for status in statuses}


def _path_parameter(name: str, values: Sequence[str]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": list(values)}}


def _object(properties: Mapping[str, Any], *, optional: Sequence[str] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def _integer(least: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": 2**63 - 1, "format": "int64"}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
