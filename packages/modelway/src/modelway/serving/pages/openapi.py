"""The API of one model server as an OpenAPI 3.1 document, made from its signature."""

from collections.abc import Sequence
from typing import Any, cast

from modelway.serving.open_inference.description import protocol_paths, protocol_schemas
from modelway.serving.pages.openapi_schemas import field_schema, request_schema, text_schema
from modelway.signature import EndpointSignature, Field, Signature, example_of

_ERRORS = {
    "400": "The body is not JSON.",
    "413": "The body is too large.",
    "422": "The JSON is not what the signature declares; the message names the field.",
    "500": "The model's own code failed.",
    "503": "Not ready, or too many requests wait already; see Retry-After.",
    "504": "The time given was over.",
    "default": "Anything else that is wrong.",
}
_REQUEST_ID = {"X-Request-Id": {"description": "The request's id.", "schema": {"type": "string"}}}
_SIGNATURE = "x-modelway-signature"


def openapi_document(
    signature: Signature, title: str, version: str, models: Sequence[str] = (), versions: Sequence[str] = ()
) -> dict[str, Any]:
    """The document, as JSON values.

    Args:
        signature: What the model takes and answers; also its member `x-modelway-signature`, for tools of ours.
        title: Of the document.
        version: Of the model; empty where it has none.
        models: The names that the Open Inference Protocol knows it by; its paths are left out where there are none.
        versions: Its versions there.
    """
    paths: dict[str, Any] = {f"/{each.name}": {"post": _operation(each)} for each in signature.endpoints}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version or "0"},
        "servers": [{"url": "/"}],
        "paths": paths | _pages() | (protocol_paths(signature, models, versions) if models else {}),
        "components": {
            "schemas": {"Error": _error_schema()} | (protocol_schemas(signature) if models else {}),
        },
        _SIGNATURE: signature.to_json(),
    }


def signature_in(document: Any) -> Signature:
    """The signature that a model server's document holds.

    Raises:
        InvalidPackageError: It holds none that can be read.
    """
    members = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    return Signature.from_json(members.get(_SIGNATURE))


def request_example(endpoint: EndpointSignature) -> dict[str, Any]:
    """A request that fits the signature's types: the required fields with small values."""
    return {each.name: example_of(each.schema) for each in endpoint.inputs if each.required}


def _operation(endpoint: EndpointSignature) -> dict[str, Any]:
    summary, _, rest = endpoint.description.partition("\n")
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": ["model"],
        "summary": summary or endpoint.name,
        "parameters": [
            {
                "name": "X-Request-Id",
                "in": "header",
                "required": False,
                "description": "Comes back in the answer, in errors and in logs; made when absent, or longer than 128 characters.",
                "schema": {"type": "string"},
            },
            {
                "name": "Modelway-Deadline-Ms",
                "in": "header",
                "required": False,
                "description": "How long the answer is of use, in milliseconds; what is no such number is not heeded.",
                "schema": {"type": "string"},
            },
            *_query_parameters(endpoint),
        ],
        "requestBody": {
            "required": any(each.required for each in endpoint.inputs),
            "content": _request_content(endpoint),
        },
        "responses": {
            "200": {
                "description": _answer_text(endpoint),
                "headers": _REQUEST_ID,
                "content": _answer_content(endpoint),
            },
            **_errors(_ERRORS),
        },
    }
    return operation | {"description": rest.strip()} if rest.strip() else operation


def _errors(texts: dict[str, str]) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    retry = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return {
        status: {"description": text, "headers": _REQUEST_ID | (retry if status == "503" else {}), "content": content}
        for status, text in texts.items()
    }


def _pages() -> dict[str, Any]:
    """What is beside the model."""
    anything = {"application/json": {"schema": {"type": "object"}}}
    about: dict[str, tuple[str, dict[str, Any]]] = {
        "/livez": ("The process answers.", anything),
        "/readyz": ("Every worker can answer requests.", anything),
        "/metrics": ("Prometheus text, for all workers.", {"text/plain": {"schema": {"type": "string"}}}),
        "/docs": ("A page with a form for each endpoint.", {"text/html": {"schema": {"type": "string"}}}),
    }
    no = {"503": {"description": "No.", "content": anything}}
    return {
        path: {
            "get": {
                "operationId": path[1:],
                "tags": ["server"],
                "summary": text,
                "responses": {"200": {"description": text, "content": content}} | (no if path == "/readyz" else {}),
            }
        }
        for path, (text, content) in about.items()
    }


def _request_content(endpoint: EndpointSignature) -> dict[str, Any]:
    """JSON; a form; and, where one field can be the whole body, that field's own media types."""
    schema = request_schema(endpoint)
    form = schema | {"properties": {each.name: _part_schema(each) for each in endpoint.inputs}}
    content: dict[str, Any] = {
        "application/json": {"schema": schema, "example": request_example(endpoint)},
        "multipart/form-data": {"schema": form},
    }
    raw = next((each for each in endpoint.inputs if each.name == endpoint.raw_field), None)
    if raw is not None:
        content |= {media: {"schema": {"description": f"The field `{raw.name}`."}} for media in raw.media}
    return content


def _query_parameters(endpoint: EndpointSignature) -> list[dict[str, Any]]:
    """Fields beside a raw body."""
    if not endpoint.raw_field:
        return []
    return [
        {
            "name": each.name,
            "in": "query",
            "required": False,
            "description": f"Only beside a body that is `{endpoint.raw_field}` itself.",
            "schema": text_schema(each),
        }
        for each in endpoint.inputs
        if each.name != endpoint.raw_field
    ]


def _part_schema(field: Field) -> dict[str, Any]:
    if not field.media or field.media == ("text/plain",):
        return text_schema(field)
    return {"type": "string", "contentMediaType": field.media[0]}


def _answer_text(endpoint: EndpointSignature) -> str:
    label = endpoint.output.label
    if not endpoint.streaming:
        return label
    return (
        f"A stream of {label}: by `Accept`, server-sent events with one in each `data` and a failure as `event: error`, "
        f'or a line of JSON each with a failure as a last line `{{"error": ...}}`, or all of them as one JSON list.'
    )


def _answer_content(endpoint: EndpointSignature) -> dict[str, Any]:
    schema = field_schema(endpoint.output)
    if not endpoint.streaming:
        own = {"image/*": "image/png"}
        raw: dict[str, Any] = {own.get(media, media): {"schema": {}} for media in endpoint.output.media}
        return {"application/json": {"schema": schema}} | raw
    return {
        "application/x-ndjson": {"schema": schema},
        "text/event-stream": {"schema": {"type": "string", "contentMediaType": "application/json"}},
        "application/json": {"schema": {"type": "array", "items": schema}},
    }


def _error_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message", "hint", "request_id"],
                "properties": {
                    "code": text,
                    "message": text,
                    "hint": text,
                    "request_id": text,
                    "details": {"type": "array", "items": {"type": "object"}},
                },
            }
        },
    }
